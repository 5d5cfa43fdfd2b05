"""Values and documents are the same thing, for every supported message version."""

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.unit.standards.iso20022.samples import NOW, credit_transfer, transaction
from tests.unit.standards.iso20022.values import make

from darwaza.errors import MalformedError
from darwaza.standards.iso20022 import identification
from darwaza.standards.iso20022.message import MESSAGES, codec_of, read, write
from darwaza.standards.iso20022.pacs002 import StatusHeader, StatusReport
from darwaza.standards.iso20022.part import Kept


@cache
def published(path: Path) -> etree.XMLSchema:
    """Return ISO's own schema, compiled."""
    return etree.XMLSchema(etree.parse(str(path)))


@pytest.mark.parametrize("message", MESSAGES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), density=st.sampled_from([0.0, 0.1, 0.5, 0.9]))
def test_what_is_written_is_valid_and_reads_back(message: str, seed: int, density: float) -> None:
    """Everything we emit validates by the schema, and reading it gives the value it was made from."""
    value = make(message, seed, density)
    assert read(write(value)) == value


@pytest.mark.parametrize("message", sorted(set(MESSAGES) - set(identification.ROOTS)))
def test_every_field_can_be_written(message: str, shared_data: Path) -> None:
    """With every field set at once, ISO's own schema file accepts what is written."""
    path = shared_data / "iso20022" / "xsd" / f"{message}.xsd"
    for seed in range(5):
        published(path).assertValid(etree.fromstring(write(make(message, seed, 1.0))))


@pytest.mark.parametrize("message", ["pacs.008.001.13", "pacs.008.001.08"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_credit_transfer_round_trips(message: str, count: int) -> None:
    """One transaction or many, in both versions, with names in two scripts."""
    value = credit_transfer(count, message=message)
    assert read(write(value)) == value


def test_acceptance_time_stands_where_the_version_puts_it() -> None:
    """The same field is written to the place its version has for it."""
    assert b"<AddtlDtTm><AccptncDtTm>" in write(credit_transfer())
    assert b"</SttlmPrty>" not in write(credit_transfer(message="pacs.008.001.08"))
    assert b"<AccptncDtTm>2026-11-05T09:15:30Z</AccptncDtTm><InstdAmt" in write(
        credit_transfer(message="pacs.008.001.08")
    )


def test_what_a_version_cannot_hold_is_refused() -> None:
    """Nothing is dropped silently when a value does not fit the version it names."""
    value = credit_transfer(message="pacs.008.001.08", agreed_rate=transaction().agreed_rate)
    with pytest.raises(MalformedError) as caught:
        write(value)
    assert caught.value.code == "not_in_version"
    assert caught.value.pointer == "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]/AgrdRate"


def test_elements_without_a_field_are_kept_in_place() -> None:
    """Regulatory reporting, structured remittance and supplementary data survive reading and writing."""
    document = write(credit_transfer())
    regulatory = b"<RgltryRptg><Dtls><Cd>A1</Cd></Dtls></RgltryRptg>"
    structured = b"<Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd>"
    supplement = b'<SplmtryData><Envlp><x:a xmlns:x="urn:x">1<x:b/>2</x:a></Envlp></SplmtryData>'
    document = document.replace(b"<RmtInf>", regulatory + b"<RmtInf>")
    document = document.replace(b"</RmtInf>", structured + b"</RmtInf>" + supplement)
    value = read(document)
    kept = value.transactions[0].kept  # type: ignore[attr-defined]
    assert [item.at for item in kept] == ["RgltryRptg", "RmtInf/Strd", "SplmtryData"]
    again = write(value)
    assert canonical(again) == canonical(document)
    assert read(again) == value


def test_kept_elements_of_another_place_are_refused() -> None:
    """An element kept under a path its part does not have is not dropped."""
    value = credit_transfer(kept=(Kept(at="Nowhere", xml="<Nowhere/>"),))
    with pytest.raises(MalformedError) as caught:
        write(value)
    assert caught.value.code == "not_in_version"


def test_an_empty_required_element_survives() -> None:
    """An agent that is named by nothing is valid; it is written as it was read."""
    document = write(credit_transfer()).replace(b"<BICFI>ABPAPKKA</BICFI>", b"")
    assert b"<FinInstnId></FinInstnId>" in document
    assert canonical(write(read(document))) == canonical(document)


def test_text_that_looks_like_markup_stays_text() -> None:
    """Escaping is undone exactly, including a bare carriage return."""
    remittance = ("<a>&amp;]]>\"'\r\n\t€😀",)
    value = credit_transfer(remittance=remittance)
    assert read(write(value)) == value


@pytest.mark.parametrize("text", ["\x00", "a\x1fb", "\ud800", "\ufffe"])
@pytest.mark.parametrize("verify", [True, False])
def test_text_xml_cannot_hold_is_refused(text: str, verify: bool) -> None:
    """A forbidden character never reaches a document, verified or not, and is pointed at."""
    value = credit_transfer(remittance=("good", text))
    with pytest.raises(MalformedError) as caught:
        write(value, verify=verify)
    assert caught.value.code == "character_forbidden"
    assert caught.value.pointer == "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]/RmtInf/Ustrd[2]"


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"remittance": ("x" * 141,)}, "value_wrong", "/RmtInf/Ustrd"),
        ({"remittance": ("",)}, "value_wrong", "/RmtInf/Ustrd"),
        ({"charge_bearer": "SHA_R"}, "value_wrong", "/ChrgBr"),
    ],
    ids=["too long", "empty", "unknown code"],
)
def test_writing_is_checked_by_the_schema(changes: dict[str, object], code: str, pointer: str) -> None:
    """A value out of bounds is refused with the place, not sent."""
    with pytest.raises(MalformedError) as caught:
        write(credit_transfer(**changes))
    assert caught.value.code == code
    assert caught.value.pointer == "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf" + pointer


def test_only_supported_pairs_are_written() -> None:
    """A value is written as the message its class belongs to, and no other."""
    report = StatusReport(message="pacs.008.001.13", header=StatusHeader(message_id="1", created_at=NOW))
    with pytest.raises(MalformedError) as caught:
        write(report)
    assert caught.value.code == "message_unsupported"


def test_other_namespaces_and_messages_are_named() -> None:
    """What is not ISO 20022, and what is but not supported, have codes of their own."""
    document = write(credit_transfer())
    for wrong, code in (
        (document.replace(b"urn:iso:std:iso:20022:tech:xsd:pacs", b"urn:other:pacs"), "namespace_wrong"),
        (document.replace(b' xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.13"', b""), "namespace_wrong"),
        (document.replace(b"pacs.008.001.13", b"pacs.008.001.99"), "message_unsupported"),
    ):
        with pytest.raises(MalformedError) as caught:
            read(wrong)
        assert caught.value.code == code


def test_prefixes_and_layout_do_not_matter() -> None:
    """A document with prefixes, comments, CDATA and line breaks is the same message."""
    value = credit_transfer()
    root = etree.fromstring(write(value))
    prefixed = etree.tostring(root, pretty_print=True).decode()
    prefixed = re.sub(r"<(/?)(?=[A-Z])", r"<\1m:", prefixed).replace("xmlns=", "xmlns:m=")
    prefixed = prefixed.replace("<m:Ustrd>Invoice", "<m:Ustrd><!-- c --><![CDATA[Inv]]>oice<?p i?>")
    assert "m:CdtTrfTxInf" in prefixed
    assert read(prefixed.encode()) == value


def test_codecs_are_compiled_once() -> None:
    """A second message of a version costs no compilation."""
    assert codec_of("admi.002.001.01") is codec_of("admi.002.001.01")


def canonical(document: bytes) -> bytes:
    """Return a document in exclusive canonical form."""
    return bytes(etree.tostring(etree.fromstring(document), method="c14n", exclusive=True))
