"""pacs.008 goes from version 13 to 8 and back without losing anything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.unit.standards.iso20022.samples import QUOTE, attempt, credit_transfer
from tests.unit.standards.iso20022.values import make

from darwaza.errors import MalformedError, MessageError
from darwaza.standards.iso20022.conversion import NEWER, OLDER, convert
from darwaza.standards.iso20022.message import read, write


def canonical(document: bytes) -> bytes:
    """Return a document in exclusive canonical form."""
    return bytes(etree.tostring(etree.fromstring(document), method="c14n", exclusive=True))


def add(document: bytes, before: bytes, xml: bytes) -> bytes:
    """Insert an element before the first occurrence of another one."""
    assert before in document
    return document.replace(before, xml + before, 1)


def test_the_quote_survives_a_domestic_leg() -> None:
    """Version 8 has no agreed rate: it travels as supplementary data and comes back to its place."""
    document = write(credit_transfer(2))
    older = convert(document, OLDER)
    assert older.count(b"<PlcAndNm>pacs.008.001.13/AgrdRate</PlcAndNm>") == 2
    assert QUOTE.encode() in older
    assert b"<AccptncDtTm>2026-11-05T09:15:30Z</AccptncDtTm><InstdAmt" in older
    assert canonical(convert(older, NEWER)) == canonical(document)


def test_a_domestic_system_reads_what_it_knows() -> None:
    """Everything both versions have is in its place, and has the same value."""
    value = credit_transfer()
    older = read(convert(write(value), OLDER))
    assert older.message == OLDER
    ours, theirs = value.transactions[0], older.transactions[0]  # type: ignore[attr-defined]
    for name in ours.__struct_fields__:
        if name not in {"kept", "agreed_rate"}:
            assert getattr(theirs, name) == getattr(ours, name), name


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), density=st.sampled_from([0.1, 0.5, 0.9]))
def test_there_and_back(seed: int, density: float) -> None:
    """Version 13 to 8 and back is the same document, or version 8 cannot hold a value and says so."""
    document = write(make(NEWER, seed, density))
    older = attempt(convert, document, OLDER)
    if isinstance(older, MessageError):
        assert older.code == "not_in_version"
        assert older.pointer.startswith("/Document/FIToFICstmrCdtTrf/")
    else:
        assert canonical(convert(older, NEWER)) == canonical(document)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), density=st.sampled_from([0.1, 0.5, 0.9]))
def test_back_and_there(seed: int, density: float) -> None:
    """Version 8 to 13 and back is the same document: version 13 allows all that our values hold in version 8."""
    document = write(make(OLDER, seed, density))
    assert canonical(convert(convert(document, NEWER), OLDER)) == canonical(document)


def test_elements_that_are_only_in_version_8() -> None:
    """Amounts of structured remittance, which version 13 arranges otherwise, are carried too."""
    strd = (
        b"<Strd><RfrdDocInf><Nb>1</Nb><RltdDt>2026-10-30</RltdDt></RfrdDocInf></Strd>"
        b'<Strd><RfrdDocInf><Nb>2</Nb></RfrdDocInf><RfrdDocAmt><DuePyblAmt Ccy="PKR">7.00</DuePyblAmt>'
        b'<DscntApldAmt><Amt Ccy="PKR">1.00</Amt></DscntApldAmt><DscntApldAmt><Amt Ccy="PKR">2.00</Amt></DscntApldAmt>'
        b'<RmtdAmt Ccy="PKR">4.00</RmtdAmt></RfrdDocAmt></Strd>'
    )
    document = add(write(credit_transfer(message=OLDER)), b"</RmtInf>", strd)
    newer = convert(document, NEWER)
    assert b"pacs.008.001.08/RmtInf/Strd[2]/RfrdDocAmt/DscntApldAmt" in newer
    assert b"pacs.008.001.08/RmtInf/Strd/RfrdDocInf/RltdDt" in newer
    assert canonical(convert(newer, OLDER)) == canonical(document)


def test_elements_that_are_only_in_version_13() -> None:
    """Every kind of place: the header, the transaction, a repeated element, and deep inside a party."""
    document = write(credit_transfer(2))
    document = add(document, b"<NbOfTxs>", b"<XpryDtTm>2026-11-06T00:00:00Z</XpryDtTm>")
    document = add(document, b"</AddtlDtTm>", b"<XpryDtTm>2026-11-05T10:00:00Z</XpryDtTm>")
    document = document.replace(b"</Agt></ChrgsInf><InstgAgt>", b"</Agt><Tp><Cd>COMM</Cd></Tp></ChrgsInf><InstgAgt>")
    document = document.replace(b"<PstlAdr><TwnNm>Karachi", b"<PstlAdr><CareOf>Ali</CareOf><TwnNm>Karachi", 1)
    older = convert(document, OLDER)
    for place in (b"GrpHdr/XpryDtTm", b"AddtlDtTm/XpryDtTm", b"ChrgsInf[2]/Tp", b"Dbtr/PstlAdr/CareOf"):
        assert b"<PlcAndNm>pacs.008.001.13/" + place + b"</PlcAndNm>" in older
    assert canonical(convert(older, NEWER)) == canonical(document)


def test_foreign_supplementary_data_is_left_alone() -> None:
    """Supplementary data that is not ours travels on unchanged, in both directions."""
    foreign = (
        b"<SplmtryData><PlcAndNm>pacs.008/x</PlcAndNm><Envlp>"
        b'<x:a xmlns:x="urn:x"><x:b>1</x:b></x:a></Envlp></SplmtryData>'
    )
    document = add(write(credit_transfer()), b"</CdtTrfTxInf>", foreign)
    older = convert(document, OLDER)
    assert foreign in older
    assert canonical(convert(older, NEWER)) == canonical(document)


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        (b"<TwnNm>Karachi</TwnNm>", b"<TwnNm>" + b"K" * 36 + b"</TwnNm>", "Dbtr/PstlAdr/TwnNm"),
        (
            b"<Id><IBAN>PK36SCBL0000001123456702</IBAN></Id>",
            b"<Prxy><Id>+92-3001234567</Id></Prxy>",
            "DbtrAcct/Prxy",
        ),
    ],
    ids=["a town of over 35 characters", "an account without a number"],
)
def test_what_fits_neither_way_is_refused(old: bytes, new: bytes, pointer: str) -> None:
    """Nothing is cut off: the conversion names what stands in its way."""
    document = write(credit_transfer())
    assert old in document
    with pytest.raises(MalformedError) as caught:
        convert(document.replace(old, new), OLDER)
    assert caught.value.code == "not_in_version"
    assert caught.value.pointer == f"/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/{pointer}"


@pytest.mark.parametrize(
    "place",
    [
        "Nowhere/AgrdRate",
        "AgrdRate/AgrdRate",
        "CdtTrfTxInf[7]/AgrdRate",
        "ChrgsInf[9]/AgrdRate",
        "ChrgsInf[0]/AgrdRate",
        "../AgrdRate",
        "/AgrdRate",
        "Dbtr/AgrdRate",
        "AgrdRate/",
        "XchgRate",
    ],
)
def test_false_places_are_refused(place: str) -> None:
    """Supplementary data that claims to be ours but names no such place does not get in."""
    older = convert(write(credit_transfer()), OLDER).replace(b"13/AgrdRate<", b"13/" + place.encode() + b"<")
    with pytest.raises(MalformedError) as caught:
        convert(older, NEWER)
    assert caught.value.code == "supplement_wrong"


def test_what_is_carried_is_checked() -> None:
    """Content that comes back into place must be valid there."""
    older = convert(write(credit_transfer()), OLDER)
    with pytest.raises(MalformedError) as caught:
        convert(older.replace(b"<QtdCcy>KZT", b"<QtdCcy>kzt"), NEWER)
    assert caught.value.code == "not_in_version"


def test_same_version_and_other_messages() -> None:
    """A document of the wanted version comes back as it is; other messages are not converted."""
    document = write(credit_transfer())
    assert canonical(convert(document, NEWER)) == canonical(document)
    for data, to in ((write(make("pacs.009.001.12", 1)), OLDER), (document, "pacs.008.001.10")):
        with pytest.raises(MessageError) as caught:
            convert(data, to)
        assert caught.value.code == "message_unsupported"
