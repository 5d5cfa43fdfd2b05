"""Whatever cannot be read gets an answer that can."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.standards.iso20022.samples import NOW, credit_transfer

from darwaza.errors import MalformedError, MessageError
from darwaza.standards.iso20022.codes import STATUS_REASONS
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.rejection import _REASONS, NO_REFERENCE, reason_for, reject


def test_the_answer_names_the_message_and_the_place() -> None:
    """A sender finds its message by its identifier, and the fault by its path."""
    data = write(credit_transfer()).replace(b">SHAR<", b">XXXX<")
    with pytest.raises(MalformedError) as caught:
        read(data)
    answer = reject(data, caught.value, at=NOW)
    assert answer.reference == "MSG-20261105-000001"
    assert answer.reason == "value_wrong"
    assert answer.location == "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/ChrgBr"
    assert answer.data == f"status reason CH16; SHA-256 {hashlib.sha256(data).hexdigest()}"
    assert read(write(answer)) == answer


@given(
    data=st.binary(max_size=200),
    detail=st.text(max_size=400),
    pointer=st.text(max_size=400),
    code=st.text(st.characters(codec="ascii", categories=("Ll",)), min_size=1, max_size=60),
)
def test_any_bytes_and_any_error_can_be_answered(data: bytes, detail: str, pointer: str, code: str) -> None:
    """The answer is always a valid admi.002."""
    answer = reject(data, MessageError(detail, code=code, pointer=pointer), at=NOW)
    assert answer.reference == NO_REFERENCE
    assert read(write(answer)) == answer


@pytest.mark.parametrize(
    ("data", "reference"),
    [
        (b"<x:MsgId xmlns:x='urn'> ABC-1 </x:MsgId>", NO_REFERENCE),
        (b"<x:MsgId>ABC-1</x:MsgId>", "ABC-1"),
        (b"<GrpHdr><MsgId>\n  A/B:1 </MsgId> broken", "A/B:1"),
        (b"<BizMsgIdr>B1</BizMsgIdr><MsgId>M1</MsgId>", "B1"),
        (b"<MsgId>" + b"A" * 36 + b"</MsgId>", NO_REFERENCE),
        (b"<MsgId>a&b</MsgId>", NO_REFERENCE),
        (b" " * 9000 + b"<MsgId>A</MsgId>", NO_REFERENCE),
    ],
)
def test_references_are_found_in_broken_documents(data: bytes, reference: str) -> None:
    """An identifier is taken only when it is plain, and only near the beginning."""
    assert reject(data, MessageError("broken"), at=NOW).reference == reference


def test_reasons_are_known_codes() -> None:
    """Every error code is answered with a published reason; what has none of its own is a wrong file format."""
    assert {reason_for(code) for code in _REASONS} <= set(STATUS_REASONS)
    assert reason_for("xml_wrong") == reason_for("anything else") == "FF01"
