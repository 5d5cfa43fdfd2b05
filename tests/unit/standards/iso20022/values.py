"""Makes values of any message from a seed, by walking its shape and its definition, so that no field is forgotten."""

import random
import string
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from darwaza.standards.iso20022.amount import Amount, scale_of
from darwaza.standards.iso20022.definition import ComplexType, Definition, Element, Text
from darwaza.standards.iso20022.message import codec_of
from darwaza.standards.iso20022.part import Message
from darwaza.standards.iso20022.shape import Branch, Field, Node, Shape

_CHARACTERS = string.ascii_letters + string.digits + " &<>\"'/\t\n\rñДжқ،سلام漢€😀"
_CURRENCIES = ("PKR", "KZT", "UZS", "JPY", "BHD", "CLF")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOR_PATTERN = {
    "[A-Z]{2,2}": ("PK", "KZ"),
    "[A-Z]{3,3}": ("PKR", "KZT"),
    "[A-Z0-9]{4,4}[A-Z]{2,2}[A-Z0-9]{2,2}([A-Z0-9]{3,3}){0,1}": ("ABPAPKKA", "HSBKKZKXXXX"),
    "[A-Z0-9]{18,18}[0-9]{2,2}": ("213800KUD8LAJWSQ9D15",),
    "[A-Z]{2,2}[0-9]{2,2}[a-zA-Z0-9]{1,30}": ("PK36SCBL0000001123456702", "KZ86125KZT5004100100"),
    r"\+[0-9]{1,3}-[0-9()+\-]{1,30}": ("+92-3001234567",),
    "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}": (
        "3f2b8c1e-6a0d-4b7e-9c55-0a1b2c3d4e5f",
        "00000000-0000-4000-8000-000000000000",
    ),
}


def make(message: str, seed: int, density: float = 0.5) -> Message:
    """Return a value of a message version.

    Args:
        message: one of ``MESSAGES``.
        seed: the same seed gives the same value.
        density: how likely an optional element is there; 1 for all of them.
    """
    codec = codec_of(message)
    maker = _Maker(random.Random(seed), codec.schema.definition, density)
    return _consistent(codec.shape.part, {"message": message} | maker.node(codec.shape.root, codec.shape.type))


def _consistent(kind: Any, found: dict[str, Any]) -> Any:
    """Make the value, with counts and sums that agree as the message's own rules ask."""
    key = "header" if "header" in found else "control"
    header = found.get(key)
    if hasattr(header, "transaction_count"):
        listed = list(_transactions(found))
        amounts = [getattr(item, "amount", None) for item in listed]
        changes: dict[str, Any] = {"transaction_count": len(listed), "control_sum": None}
        if all(isinstance(amount, Amount) for amount in amounts):
            changes["control_sum"] = sum((amount.number() for amount in amounts), Decimal(0))
        if hasattr(header, "total"):
            changes["total"] = None
        found = found | {key: msgspec.structs.replace(header, **changes)}
    return kind(**found)


def _transactions(found: dict[str, Any]) -> Any:
    yield from found.get("transactions", ())
    for request in found.get("requests", ()):
        yield from request.payments
    for underlying in found.get("underlying", ()):
        yield from underlying.transactions


class _Maker:
    def __init__(self, source: random.Random, definition: Definition, density: float) -> None:
        self._random = source
        self._definition = definition
        self._density = density

    def node(self, node: Node, type_: ComplexType) -> dict[str, Any]:
        """Return the fields found under one element."""
        named = [branch for branch in node.branches if branch.field is not None or branch.node is not None]
        if type_.kind == "choice":
            return self._branch(self._random.choice(named), type_)
        found: dict[str, Any] = {}
        for branch in named:
            needed = branch.certain or (branch.field is not None and branch.field.required)
            if needed or self._random.random() < self._density:
                found |= self._branch(branch, type_)
        return found

    def _branch(self, branch: Branch, type_: ComplexType) -> dict[str, Any]:
        element = type_.child(branch.name)
        assert element is not None
        if branch.node is not None:
            return self.node(branch.node, self._definition.types[str(element.type)])
        field = branch.field
        assert field is not None
        if not field.many:
            return {field.name: self._one(field, branch.shape, element)}
        count = self._random.randint(1, min(2, element.count_max or 2))
        return {field.name: tuple(self._one(field, branch.shape, element) for _ in range(count))}

    def _one(self, field: Field, shape: Shape | None, element: Element) -> Any:
        if shape is not None:
            return shape.part(**self.node(shape.root, shape.type))
        if field.kind is Amount:
            currency = self._random.choice(_CURRENCIES)
            return Amount(self._random.randrange(10 ** self._random.randint(1, 13)), scale_of(currency), currency)
        assert isinstance(element.type, Text)
        return self._text(field.kind, element.type)

    def _text(self, kind: type, text: Text) -> Any:
        pick = self._random
        if kind is bool:
            return pick.random() < 0.5
        if kind is int:
            return pick.randrange(100_000)
        if kind is date:
            return date.fromordinal(pick.randint(1, date.max.toordinal()))
        if kind is datetime:
            return _EPOCH + timedelta(microseconds=pick.randint(-(10**16), 10**16))
        if kind is Decimal:
            places = min(text.fraction_digits_max or 0, 6)
            return Decimal(pick.randrange(10 ** (places + 4))).scaleb(-places)
        if text.values:
            return pick.choice(text.values)
        if text.pattern is not None:
            return pick.choice(_FOR_PATTERN[text.pattern])
        least, most = text.length_min or 0, text.length_max or 40
        length = pick.choice((least, min(most, least + 9), most if most <= 350 else least))
        return "".join(pick.choices(_CHARACTERS, k=length))
