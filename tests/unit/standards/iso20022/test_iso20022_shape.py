"""A part that does not fit its message is found when it is joined to it."""

from datetime import date
from typing import Annotated

import pytest
from tests.unit.standards.iso20022.samples import credit_transfer

from darwaza.errors import InvariantError, MalformedError
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.dictionary import definition_of
from darwaza.standards.iso20022.document import parse_document
from darwaza.standards.iso20022.message import MESSAGES, codec_of, write
from darwaza.standards.iso20022.part import At, Part
from darwaza.standards.iso20022.reading import reader_of
from darwaza.standards.iso20022.shape import Node, Shape, shape_of

DEFINITION = definition_of("pacs.008.001.13")
TRANSACTION = "CreditTransferTransaction70"


class Repeating(Part, frozen=True, kw_only=True):
    """Holds one of an element that repeats."""

    charge: Annotated[str | None, At("ChrgsInf")] = None


class ThroughRepeating(Part, frozen=True, kw_only=True):
    """Goes through an element that repeats."""

    amounts: Annotated[tuple[Amount, ...], At("ChrgsInf/Amt")] = ()


class WrongKind(Part, frozen=True, kw_only=True):
    """Holds an element with children as text."""

    debtor: Annotated[str | None, At("Dbtr")] = None


class AmountOfText(Part, frozen=True, kw_only=True):
    """Holds a date as an amount."""

    on: Annotated[Amount | None, At("IntrBkSttlmDt")] = None


class Missing(Part, frozen=True, kw_only=True):
    """Requires an element the message does not have."""

    nothing: Annotated[str, At("Nothing", "PmtId/Nothing")]


class Twice(Part, frozen=True, kw_only=True):
    """Has two fields for one element."""

    one: Annotated[date | None, At("IntrBkSttlmDt")] = None
    other: Annotated[str | None, At("IntrBkSttlmDt")] = None


class Stricter(Part, frozen=True, kw_only=True):
    """Requires what the schema leaves open."""

    settled_on: Annotated[date, At("IntrBkSttlmDt")]


@pytest.mark.parametrize("part", [Repeating, ThroughRepeating, WrongKind, AmountOfText, Missing, Twice])
def test_mistakes_in_parts_are_found(part: type[Part]) -> None:
    """A path into a repeating element, a type that does not fit, a missing element: the author must change it."""
    with pytest.raises(InvariantError):
        shape_of(part, DEFINITION, TRANSACTION)


def test_a_part_may_ask_for_more_than_the_schema() -> None:
    """An element the value needs and the schema does not is missed with its path."""
    read = reader_of(shape_of(Stricter, DEFINITION, TRANSACTION), DEFINITION.namespace, {})
    transaction = parse_document(write(credit_transfer(settled_on=None)))[0][1]
    with pytest.raises(MalformedError) as caught:
        read(transaction)
    assert caught.value.code == "element_missing"
    assert caught.value.pointer == "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/IntrBkSttlmDt"


@pytest.mark.parametrize("message", MESSAGES)
def test_no_value_leaves_a_required_element_without_a_field(message: str) -> None:
    """Whatever a schema requires inside what we write, a field holds; else nothing valid could be written."""
    codec = codec_of(message)
    types = codec.schema.definition.types

    def check(node: Node, shape: Shape, type_name: str) -> None:
        type_ = types[type_name]
        for branch in node.branches:
            element = type_.child(branch.name)
            assert element is not None
            if branch.node is not None:
                check(branch.node, shape, str(element.type))
            elif branch.shape is not None:
                check(branch.shape.root, branch.shape, str(element.type))
            elif branch.certain:
                assert branch.field is not None, f"{shape.part.__name__}: {node.path}/{branch.name}"

    name = next(name for name, type_ in types.items() if type_ is codec.shape.type)
    check(codec.shape.root, codec.shape, name)
