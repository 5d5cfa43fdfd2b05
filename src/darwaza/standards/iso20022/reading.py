"""Compiles the reading side of a shape: from an element to a frozen value, by direct walks over children.

Each child costs one table look-up by its tag. Reading trusts the schema for everything a schema says and is only called
for valid documents; what it adds is named in ``text`` and ``amount``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from lxml import etree

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import Kept
from darwaza.standards.iso20022.pointer import pointer_to
from darwaza.standards.iso20022.shape import Branch, Field, Node, Shape
from darwaza.standards.iso20022.text import READERS

Read = Callable[[Any], Any]
"""From an element to a value."""

# What to do with a child. Plain integers, because this is compared once for every element of every message.
_TEXT: Final = 0
_CONVERT: Final = 1
_ELEMENT: Final = 2
_NODE: Final = 3
_MANY: Final = 4

_Table = dict[str | None, Any]
"""Tag to (what to do, field, argument); under None the path of the node, for what is kept."""


def reader_of(shape: Shape, namespace: str, constants: Mapping[str, Any]) -> Read:
    """Compile a function from the element of a shape's part to the part.

    Args:
        shape: of the part, in one message version.
        namespace: of that version.
        constants: fields that come from elsewhere than the element.

    Returns:
        A function that raises ``MalformedError`` with the element's path.
    """
    return _Compiler("{" + namespace + "}").part(shape, constants)


class _Compiler:
    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._readers: dict[int, Read] = {}

    def part(self, shape: Shape, constants: Mapping[str, Any] | None = None) -> Read:
        known = self._readers.get(id(shape))
        if known is not None:
            return known
        table = self._table(shape.root)
        make, finish = shape.part, _finisher(shape)
        given = dict(constants or {})

        def read(element: etree._Element) -> Any:
            found = given.copy()
            _fill(element, table, found)
            if finish is not None:
                finish(found, element)
            return make(**found)

        self._readers[id(shape)] = read
        return read

    def _table(self, node: Node) -> _Table:
        table: _Table = {None: node.path}
        for branch in node.branches:
            if branch.node is not None:
                table[self._prefix + branch.name] = (_NODE, "", self._table(branch.node))
            elif branch.field is not None:
                table[self._prefix + branch.name] = self._leaf(branch, branch.field)
        return table

    def _leaf(self, branch: Branch, field: Field) -> tuple[int, str, Any]:
        if branch.shape is not None:
            return (_MANY if field.many else _ELEMENT), field.name, self.part(branch.shape)
        if field.kind is Amount:
            return (_MANY if field.many else _ELEMENT), field.name, _read_amount
        if field.many:
            return _MANY, field.name, _text_reader(READERS.get(field.kind, str))
        convert = READERS.get(field.kind)
        return (_TEXT, field.name, None) if convert is None else (_CONVERT, field.name, convert)


def _finisher(shape: Shape) -> Callable[[dict[str, Any], Any], None] | None:
    """Return what turns lists into tuples and misses what the value needs though the schema does not."""
    tuples = tuple(field.name for field in shape.fields if field.many)
    musts = tuple((field.name, field.path) for field in shape.fields if field.required and not field.certain)
    if not tuples and not musts:
        return None

    def finish(found: dict[str, Any], element: etree._Element) -> None:
        for name in tuples:
            if name in found:
                found[name] = tuple(found[name])
        for name, path in musts:
            if name not in found:
                pointer = f"{pointer_to(element)}/{path}"
                raise MalformedError(f"{path} is missing", code="element_missing", pointer=pointer)

    return finish


def _text_reader(convert: Callable[[str], Any]) -> Read:
    return lambda child: convert(child.text or "")


def _read_amount(child: etree._Element) -> Amount:
    return Amount.parse(child.text or "", child.get("Ccy") or "")


def _fill(element: etree._Element, table: _Table, out: dict[str, Any]) -> None:
    """Put what an element's children hold into ``out``."""
    child = element
    try:
        # getchildren() builds one list in C; iterating the element costs twice as much.
        for child in element.getchildren():
            found = table.get(child.tag)
            if found is None:
                _keep(child, table[None], out)
                continue
            mode, field, argument = found
            if mode == _TEXT:
                out[field] = child.text or ""
            elif mode == _NODE:
                _fill(child, argument, out)
            elif mode == _ELEMENT:
                out[field] = argument(child)
            elif mode == _CONVERT:
                out[field] = argument(child.text or "")
            else:
                out.setdefault(field, []).append(argument(child))
    except MalformedError as error:
        if not error.pointer:
            error.pointer = pointer_to(child)
        raise


def _keep(child: etree._Element, path: str, out: dict[str, Any]) -> None:
    name = etree.QName(child).localname
    xml = etree.tostring(child, encoding="unicode", with_tail=False)
    out["kept"] = (*out.get("kept", ()), Kept(f"{path}/{name}" if path else name, xml))
