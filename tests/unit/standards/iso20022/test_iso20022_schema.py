"""Every departure from a schema is found, named by a code of ours, and pointed at."""

from collections import Counter

import pytest
from lxml import etree
from tests.unit.standards.iso20022.samples import attempt, credit_transfer
from tests.unit.standards.iso20022.values import make

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.message import MESSAGES, read, write
from darwaza.standards.iso20022.pointer import pointer_to
from darwaza.standards.iso20022.schema import schema_of

TRANSACTION = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf"


def refusal(document: bytes) -> MalformedError:
    """Return what reading the document raises."""
    with pytest.raises(MalformedError) as caught:
        read(document)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "code", "pointer"),
    [
        (b"<NbOfTxs>1</NbOfTxs>", b"", "element_unexpected", "/Document/FIToFICstmrCdtTrf/GrpHdr/CtrlSum"),
        (
            b"<SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf>",
            b"",
            "element_missing",
            "/Document/FIToFICstmrCdtTrf/GrpHdr",
        ),
        (b"<ChrgBr>SHAR</ChrgBr>", b"<ChrgBr>BOTH</ChrgBr>", "value_wrong", f"{TRANSACTION}/ChrgBr"),
        (b"<Purp>", b"<Prup/><Purp>", "element_unexpected", f"{TRANSACTION}/Prup"),
        (b"<Cd>SUPP</Cd>", b"<Cd>SUPP</Cd><Prtry>x</Prtry>", "element_unexpected", f"{TRANSACTION}/Purp/Prtry"),
        (b"<Cd>SUPP</Cd>", b"", "element_missing", f"{TRANSACTION}/Purp"),
        (b"<Purp>", b"<Purp>text", "text_unexpected", f"{TRANSACTION}/Purp"),
        (b"<Purp>", b'<Purp a="b">', "attribute_unexpected", f"{TRANSACTION}/Purp"),
        (b'<InstdAmt Ccy="PKR">', b"<InstdAmt>", "attribute_missing", f"{TRANSACTION}/InstdAmt"),
        (b'<InstdAmt Ccy="PKR">', b'<InstdAmt Ccy="pkr">', "value_wrong", f"{TRANSACTION}/InstdAmt"),
        (b">100100.00<", b">-1.00<", "value_wrong", f"{TRANSACTION}/InstdAmt"),
        (b">100100.00<", b">1e5<", "value_wrong", f"{TRANSACTION}/InstdAmt"),
        (b"2026-11-05</Intr", b"2026-02-30</Intr", "value_wrong", f"{TRANSACTION}/IntrBkSttlmDt"),
        (b"<UETR>3f", b"<UETR>3F", "value_wrong", f"{TRANSACTION}/PmtId/UETR"),
        (b"Document", b"Dokument", "element_unexpected", "/Dokument"),
    ],
    ids=lambda value: value[:30].decode() if isinstance(value, bytes) else "",
)
def test_departures_have_codes_and_places(old: bytes, new: bytes, code: str, pointer: str) -> None:
    """Each kind of fault has its own code, and the path names the element."""
    document = write(credit_transfer())
    assert old in document
    error = refusal(document.replace(old, new))
    assert (error.code, error.pointer) == (code, pointer)


def test_the_place_counts_repeated_elements() -> None:
    """In a bulk, the path says which transaction and which charge."""
    document = write(credit_transfer(3))
    at = [index for index in range(len(document)) if document.startswith(b"<ChrgsInf>", index)][3]
    changed = document[:at] + document[at:].replace(b'Ccy="KZT"', b'Ccy="KZ"', 1)
    assert refusal(changed).pointer == f"{TRANSACTION}[2]/ChrgsInf[2]/Amt"


def test_a_report_holds_no_namespace_and_little_of_the_document() -> None:
    """The sentence for a person is short, whatever the document holds."""
    error = refusal(write(credit_transfer()).replace(b">SHAR<", b">" + b"A" * 5000 + b"<"))
    assert len(error.detail) <= 300
    assert "urn:iso" not in error.detail


@pytest.mark.parametrize("message", MESSAGES)
def test_every_element_removed_in_turn(message: str) -> None:
    """Without one of its elements a good document is either still valid, or refused with a place; never a crash."""
    root = etree.fromstring(write(make(message, 4, 0.4)))
    schema = schema_of(message)
    outcomes: Counter[str] = Counter()
    for index in range(1, sum(1 for _ in root.iter())):
        changed = etree.fromstring(etree.tostring(root))
        victim = list(changed.iter())[index]
        victim.getparent().remove(victim)
        outcome = attempt(schema.validate, changed)
        value = attempt(read, etree.tostring(changed))
        if isinstance(outcome, MalformedError):
            assert outcome.code in {"element_missing", "element_unexpected"}
            assert outcome.pointer.startswith("/")
            assert (value.code, value.pointer) == (outcome.code, outcome.pointer)
        elif isinstance(value, MalformedError):
            assert value.code in {"transaction_count_wrong", "control_sum_wrong"}
            assert value.pointer.startswith("/")
        else:
            assert read(write(value)) == value
        outcomes["valid" if outcome is None else "refused"] += 1
    assert outcomes["refused"]


def test_pointers_are_paths() -> None:
    """A pointer is an XPath over local names, with positions only where a name repeats."""
    root = etree.fromstring('<a xmlns="urn:x"><b/><c><d/><d/></c></a>')
    assert [pointer_to(element) for element in root.iter()] == ["/a", "/a/b", "/a/c", "/a/c/d[1]", "/a/c/d[2]"]
