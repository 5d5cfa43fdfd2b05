"""Compiles the writing side of a shape: from a value to text, children in the definition's order.

The text is put together from ready pieces; there is no tree in between. Tags and structure come from the definition,
text is escaped, and elements in ``kept`` go back to their place as they came.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import Part
from darwaza.standards.iso20022.shape import Branch, Field, Node, Shape
from darwaza.standards.iso20022.text import WRITERS

Out = list[str]
Write = Callable[[Any, Out], None]
"""Appends one value to the output."""

_Kept = dict[str, list[str]]

# How a child is written.
_TEXT: Final = 0
_PART: Final = 1
_TEXTS: Final = 2
_PARTS: Final = 3
_NODE: Final = 4
_KEPT: Final = 5


class _Step(NamedTuple):
    """One child, in order.

    Attributes:
        mode: how it is written.
        field: what it holds; "" for a node and for a child no field names.
        name: local name.
        opening: its start tag.
        closing: its end tag.
        argument: turns a value into text, appends a part, or is a node's ``_Group``, or the path in ``kept``.
    """

    mode: int
    field: str
    name: str
    opening: str
    closing: str
    argument: Any


_Steps = tuple[_Step, ...]


class _Group(NamedTuple):
    """An element that only groups fields.

    Attributes:
        certain: it must stand even when nothing is in it.
        prefix: of the paths in ``kept`` that lie inside.
        found: fetches all its fields from a value at once.
        nothing: what ``found`` gives when none has a value.
        steps: its children.
    """

    certain: bool
    prefix: str
    found: Callable[[Any], Any]
    nothing: Any
    steps: _Steps


def writer_of(shape: Shape) -> Write:
    """Compile a function that appends what is inside the part's element.

    Returns:
        A function that raises ``MalformedError`` with a path relative to the element: ``not_in_version`` when the
        value holds something this message version has no place for, ``character_forbidden``, ``number_wrong``,
        ``time_zone_missing``, or what ``Amount.text`` raises.
    """
    return _Compiler().part(shape)


class _Compiler:
    def __init__(self) -> None:
        self._writers: dict[int, Write] = {}

    def part(self, shape: Shape) -> Write:
        known = self._writers.get(id(shape))
        if known is not None:
            return known
        everything = self._steps(shape.root)
        mapped = _without_kept(everything)
        absent = tuple((field.name, field.path) for field in shape.fields if field.element is None)

        def write(value: Part, out: Out) -> None:
            for name, path in absent:
                if getattr(value, name) not in (None, ()):
                    raise _no_place(path)
            if not value.kept:
                _put(mapped, value, out, {})
                return
            kept: _Kept = {}
            for item in value.kept:
                kept.setdefault(item.at, []).append(item.xml)
            _put(everything, value, out, kept)
            for path in kept:
                raise _no_place(path)

        self._writers[id(shape)] = write
        return write

    def _steps(self, node: Node) -> _Steps:
        return tuple(self._step(node, branch) for branch in node.branches)

    def _group(self, node: Node, *, certain: bool) -> _Group:
        fields = _fields(node)
        nothing = tuple(() if field.many else None for field in fields)
        names = [field.name for field in fields]
        empty = nothing if len(names) > 1 else nothing[0]
        return _Group(certain, node.path + "/", attrgetter(*names), empty, self._steps(node))

    def _step(self, node: Node, branch: Branch) -> _Step:
        name, field = branch.name, branch.field
        opening, closing = f"<{name}>", f"</{name}>"
        if branch.node is not None:
            return _Step(_NODE, "", name, opening, closing, self._group(branch.node, certain=branch.certain))
        if field is None:
            return _Step(_KEPT, "", name, opening, closing, f"{node.path}/{name}" if node.path else name)
        if branch.shape is not None:
            mode = _PARTS if field.many else _PART
            return _Step(mode, field.name, name, opening, closing, self.part(branch.shape))
        mode = _TEXTS if field.many else _TEXT
        if field.kind is Amount:
            return _Step(mode, field.name, name, f"<{name} Ccy=", closing, _amount)
        return _Step(mode, field.name, name, opening, closing, WRITERS[field.kind])


def _fields(node: Node) -> list[Field]:
    """Return the fields inside a node, at any depth."""
    found: list[Field] = []
    for branch in node.branches:
        if branch.field is not None:
            found.append(branch.field)
        elif branch.node is not None:
            found += _fields(branch.node)
    return found


def _no_place(path: str) -> MalformedError:
    return MalformedError(f"this version has no {path}", code="not_in_version", pointer="/" + path)


def _without_kept(steps: _Steps) -> _Steps:
    """Return the steps that lead to fields: all there is to do for a value without ``kept``."""
    return tuple(
        step._replace(argument=step.argument._replace(steps=_without_kept(step.argument.steps)))
        if step.mode == _NODE
        else step
        for step in steps
        if step.mode != _KEPT
    )


def _amount(value: Amount) -> str:
    text = value.text()
    return f'"{value.currency}">{text}'


def _put(steps: _Steps, value: Part, out: Out, kept: _Kept) -> None:
    """Append the children that have a value."""
    at = ""
    try:
        for mode, field, name, opening, closing, argument in steps:
            at = name
            if mode == _NODE:
                certain, prefix, inner_fields, nothing, inner = argument
                # Left out, if it may be, when none of its fields has a value and nothing inside it was kept.
                if certain or inner_fields(value) != nothing or (kept and _any_under(prefix, kept)):
                    out.append(opening)
                    _put(inner, value, out, kept)
                    out.append(closing)
            elif mode == _KEPT:
                out.extend(kept.pop(argument, ()))
            else:
                found = getattr(value, field)
                if found is None:
                    continue
                if mode == _TEXT:
                    out.append(opening + argument(found) + closing)
                elif mode == _PART:
                    out.append(opening)
                    argument(found, out)
                    out.append(closing)
                else:
                    _put_many(mode, opening, closing, argument, found, out)
    except MalformedError as error:
        error.pointer = f"/{at}{error.pointer}"
        raise


def _any_under(prefix: str, kept: _Kept) -> bool:
    return any(path.startswith(prefix) for path in kept)


def _put_many(mode: int, opening: str, closing: str, argument: Any, found: tuple[Any, ...], out: Out) -> None:
    """Append an element for each of a field's values."""
    index = 0
    try:
        for one in found:
            index += 1
            if mode == _TEXTS:
                out.append(opening + argument(one) + closing)
            else:
                out.append(opening)
                argument(one, out)
                out.append(closing)
    except MalformedError as error:
        error.pointer = f"[{index}]{error.pointer}"
        raise
