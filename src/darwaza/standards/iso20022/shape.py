"""Resolves the fields of a part against one message version.

The outcome is a tree that mirrors the definition: every element a field's path goes through is a ``Node``, with all its
children in the definition's order, whether a field names them or not. ``reading`` and ``writing`` compile it.

A mistake in a part (a path into a repeating element, a type that does not fit) is found here, when the first message of
that version is read or written, and by the tests of every supported version.
"""

from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec.structs import fields as struct_fields

from darwaza.errors import InvariantError
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.definition import ComplexType, Definition, Element
from darwaza.standards.iso20022.part import At, Part

TEXTS: Final = frozenset({str, int, bool, Decimal, date, datetime})
"""Types of fields that hold an element's text."""


class Field(NamedTuple):
    """A field of a part.

    Attributes:
        name: of the field.
        kind: one of ``TEXTS``, ``Amount`` or a part's class.
        many: it is a tuple of ``kind``.
        required: it has no default.
        path: from the part's element; the first of its paths when this version has none of them.
        certain: the schema guarantees the element.
        element: the last one of the path, or None when this version has no place for the field.
    """

    name: str
    kind: type
    many: bool
    required: bool
    path: str
    certain: bool
    element: Element | None


class Branch(NamedTuple):
    """One child of a node.

    Attributes:
        name: local name.
        certain: it stands wherever its parent does.
        field: what it holds, when a path ends here.
        shape: of the field, when it is a part.
        node: when a path goes on.
    """

    name: str
    certain: bool
    field: Field | None = None
    shape: "Shape | None" = None
    node: "Node | None" = None


class Node(NamedTuple):
    """An element whose children are known.

    Attributes:
        path: relative to the part's element; "" for that element itself.
        branches: all children, in the definition's order.
    """

    path: str
    branches: tuple[Branch, ...]


class Shape(NamedTuple):
    """A part joined to a type of one message version.

    Attributes:
        part: the class.
        type: the type of its element.
        fields: in the class's order.
        root: the part's own element.
    """

    part: type[Part]
    type: ComplexType
    fields: tuple[Field, ...]
    root: Node


def shape_of(part: type[Part], definition: Definition, type_name: str) -> Shape:
    """Resolve a part, and the parts in it, against a type of a definition.

    Raises:
        InvariantError: the part does not fit any version of this message: its author must change it.
    """
    return _Resolver(definition).shape(part, type_name)


class _Resolver:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._shapes: dict[tuple[type[Part], str], Shape] = {}

    def shape(self, part: type[Part], type_name: str) -> Shape:
        key = (part, type_name)
        if key not in self._shapes:
            type_ = self._definition.types[type_name]
            fields = tuple(self._field(*declared, type_) for declared in _declared(part))
            by_path: dict[str, Field] = {}
            for field in fields:
                if field.element is not None and by_path.setdefault(field.path, field) is not field:
                    raise InvariantError(f"{part.__name__}: two fields at {field.path}")
            self._shapes[key] = Shape(part, type_, fields, self._node("", type_, by_path))
        return self._shapes[key]

    def _field(self, name: str, annotation: Any, at: At, required: bool, type_: ComplexType) -> Field:
        many, kind = _kind(annotation)
        for path in at.paths:
            steps = self._steps(path, type_)
            if steps is not None:
                parents, element = steps[:-1], steps[-1]
                if any(step.count_max != 1 for step, _ in parents) or (element[0].count_max != 1 and not many):
                    raise InvariantError(f"{name}: {path} repeats")
                self._check_kind(name, kind, element[0])
                certain = all(step.count_min and not optional for step, optional in steps)
                return Field(name, kind, many, required, path, certain, element[0])
        if required:
            raise InvariantError(f"{name} is required but {self._definition.message} has none of {at.paths}")
        return Field(name, kind, many, required, at.paths[0], certain=False, element=None)

    def _steps(self, path: str, type_: ComplexType) -> list[tuple[Element, bool]] | None:
        """Return the elements of a path, each with whether it is one branch of a choice."""
        steps: list[tuple[Element, bool]] = []
        current: ComplexType | None = type_
        for name in path.split("/"):
            element = None if current is None else current.child(name)
            if current is None or element is None:
                return None
            steps.append((element, current.kind == "choice"))
            current = self._definition.types.get(element.type) if isinstance(element.type, str) else None
        return steps

    def _check_kind(self, name: str, kind: type, element: Element) -> None:
        is_text = not isinstance(element.type, str)
        fits = kind in TEXTS if is_text else kind is Amount or issubclass(kind, Part)
        if not fits:
            raise InvariantError(f"{name}: {kind.__name__} cannot hold {element.name}")

    def _node(self, path: str, type_: ComplexType, fields: dict[str, Field]) -> Node:
        branches = []
        for child in type_.children:
            if not isinstance(child, Element):
                continue
            at = f"{path}/{child.name}" if path else child.name
            certain = child.count_min > 0 and type_.kind == "sequence"
            field = fields.get(at)
            shape = node = None
            if field is not None and issubclass(field.kind, Part):
                shape = self.shape(field.kind, str(child.type))
            elif field is None and any(other.startswith(at + "/") for other in fields):
                node = self._node(at, self._definition.types[str(child.type)], fields)
            branches.append(Branch(child.name, certain, field, shape, node))
        return Node(path, tuple(branches))


def _declared(part: type[Part]) -> list[tuple[str, Any, At, bool]]:
    """Return name, type, place and requiredness of the fields that have a place."""
    found = []
    hints = get_type_hints(part, include_extras=True)
    for field in struct_fields(part):
        hint = hints[field.name]
        if get_origin(hint) is Annotated:
            inner, *marks = get_args(hint)
            found += [(field.name, inner, mark, field.required) for mark in marks if isinstance(mark, At)]
    return found


def _kind(annotation: Any) -> tuple[bool, type]:
    """Split ``X``, ``X | None`` and ``tuple[X, ...]`` into whether it repeats, and X; codes are ``str``."""
    if get_origin(annotation) is tuple:
        return True, get_args(annotation)[0]
    if get_origin(annotation) in {UnionType, Union}:
        annotation = next(item for item in get_args(annotation) if item is not NoneType)
    return False, str if get_origin(annotation) is Literal else annotation
