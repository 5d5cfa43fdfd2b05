"""Compiles the reading side of a shape: from an element to a frozen value, by direct walks over children.

Each child costs one table look-up by its tag. Reading trusts the schema for everything a schema says and is only called
for valid documents; what it adds is named in ``text`` and ``amount``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

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


class Reader(NamedTuple):
    """Reads one part.

    Attributes:
        make: the part's class.
        table: of its children.
        constants: fields that come from elsewhere than the element.
        finish: turns lists into tuples and misses what is missing; None when there is nothing to do.
    """

    make: Callable[..., Any]
    table: "_Table"
    constants: dict[str, Any]
    finish: Callable[[dict[str, Any], Any], None] | None

    def __call__(self, element: etree._Element) -> Any:
        """From the part's element to the part."""
        found = self.constants.copy()
        _fill(element, self.table, found)
        if self.finish is not None:
            self.finish(found, element)
        return self.make(**found)


def reader_of(shape: Shape, namespace: str, constants: Mapping[str, Any]) -> Reader:
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
        self._readers: dict[int, Reader] = {}

    def part(self, shape: Shape, constants: Mapping[str, Any] | None = None) -> Reader:
        known = self._readers.get(id(shape))
        if known is not None:
            return known
        read = Reader(shape.part, self._table(shape.root), dict(constants or {}), _finisher(shape))
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
            convert = READERS.get(field.kind)
            return _MANY, field.name, _read_text if convert is None else _text_reader(convert)
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


def _read_text(child: etree._Element) -> str:
    return child.text or ""


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


class Unfit(Exception):  # noqa: N818 - a document it is raised for is read in another way
    """A document for which no recipe can be made."""


Make = Callable[[Sequence[str]], Any]
"""From a document's texts to a part; raises ``MalformedError`` as reading its element does."""


def recipe_of(reader: Reader, element: etree._Element, places: Mapping[etree._Element, int]) -> Make:
    """Compile what makes a part of the texts of any document built like the one given.

    Everything but the texts is settled: which elements there are, which fields they go to, which attributes they have.
    So it is one expression, which costs a third of deciding all that again for each document.

    Args:
        reader: of the part.
        element: of the part, in a valid document.
        places: at which place of a document's texts an element's text stands; one without a text is not there.

    Raises:
        Unfit: it holds an element that no field names.
    """
    recipe = _Recipe(places)
    source = recipe.part(reader, element)
    # It is made of names of fields of our own classes and of numbers; nothing of a document stands in it.
    made: Make = eval(f"lambda texts: {source}", recipe.values)  # noqa: S307
    return made


class _Recipe:
    """An expression in the making.

    Attributes:
        values: what its names stand for.
    """

    def __init__(self, places: Mapping[etree._Element, int]) -> None:
        self.values: dict[str, Any] = {"__builtins__": {}}
        self._places = places

    def part(self, reader: Reader, element: etree._Element) -> str:
        """The expression that makes a part."""
        fields = {field: self._named(value) for field, value in reader.constants.items()}
        many: dict[str, list[str]] = {}
        self._take(element, reader.table, fields, many)
        fields |= {field: f"({' '.join(one + ',' for one in several)})" for field, several in many.items()}
        return f"{self._named(reader.make)}({', '.join(f'{field}={made}' for field, made in fields.items())})"

    def _named(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return name

    def _take(self, element: etree._Element, table: _Table, fields: dict[str, str], many: dict[str, list[str]]) -> None:
        for child in element.getchildren():
            if child.tag not in table:
                raise Unfit
            mode, field, argument = table[child.tag]
            if mode == _NODE:
                self._take(child, argument, fields, many)
                continue
            made = self.part(argument, child) if isinstance(argument, Reader) else self._leaf(mode, argument, child)
            if mode == _MANY:
                many.setdefault(field, []).append(made)
            else:
                fields[field] = made

    def _leaf(self, mode: int, argument: Any, child: etree._Element) -> str:
        if child not in self._places:
            raise Unfit
        text = f"texts[{self._places[child]}]"
        if mode == _TEXT or argument is _read_text:
            return text
        if mode == _CONVERT:
            return f"{self._named(argument)}({text})"
        if mode == _ELEMENT and argument is _read_amount:
            return f"{self._named(Amount.parse)}({text}, {self._named(child.get('Ccy') or '')})"
        raise Unfit
