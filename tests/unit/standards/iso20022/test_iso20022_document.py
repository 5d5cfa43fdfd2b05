"""Bytes from anywhere give a document or a coded error, and never reach out."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.standards.iso20022.samples import attempt, credit_transfer

from darwaza.errors import MalformedError, MessageError, TooLargeError
from darwaza.standards.iso20022.document import (
    DOCUMENT_BYTES_MAX,
    DOCUMENT_CHILDREN_MAX,
    DOCUMENT_DEPTH_MAX,
    parse_document,
)
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.part import Message

GOOD = write(credit_transfer())
BODY = GOOD.partition(b"\n")[2]


def refusal(data: bytes) -> MessageError:
    """Return what parsing raises."""
    with pytest.raises(MessageError) as caught:
        parse_document(data)
    return caught.value


def test_billion_laughs() -> None:
    """Nested entities are refused before the parser sees them."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE Document [<!ENTITY a0 "lol">{entities}]><Document>&a9;</Document>'
    assert refusal(bomb.encode()).code == "doctype_forbidden"


def test_external_entity(tmp_path: Path) -> None:
    """No file and no address is ever read."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for system in (secret.as_uri(), "http://127.0.0.1:9/x", "/etc/passwd"):
        attack = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{system}">]><a>&x;</a>'
        assert refusal(attack.encode()).code == "doctype_forbidden"
    assert refusal(b'<!DOCTYPE a SYSTEM "x.dtd"><a/>').code == "doctype_forbidden"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
def test_a_document_type_cannot_hide_in_another_encoding(encoding: str) -> None:
    """Only UTF-8 is parsed, so that what was searched is what is parsed."""
    attack = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
    assert refusal(attack.encode(encoding)).code in {"xml_wrong", "encoding_wrong"}


@pytest.mark.parametrize("declared", ["ISO-8859-1", "utf-16", "windows-1251", "ascii"])
def test_other_declared_encodings_are_refused(declared: str) -> None:
    """A declaration that contradicts UTF-8 is not overruled silently."""
    data = f'<?xml version="1.0" encoding="{declared}"?>'.encode() + BODY
    assert refusal(data).code == "encoding_wrong"


def test_accepted_spellings_of_utf_8() -> None:
    """No declaration, either case of the name, and a byte order mark are all UTF-8."""
    for data in (
        BODY,
        b'<?xml version="1.0"?>' + BODY,
        b"<?xml version='1.0' encoding='utf-8'?>" + BODY,
        b"\xef\xbb\xbf" + GOOD,
    ):
        assert read(data) == read(GOOD)


def test_bytes_that_are_not_utf_8() -> None:
    """Text in another encoding is refused even when nothing declares it."""
    assert refusal(BODY.replace(b"Aslam", "Аслам".encode("cp1251"))).code == "xml_wrong"


def test_undefined_entities_and_bad_markup() -> None:
    """What is not well-formed has one code."""
    for data in (b"", b" ", b"<a>", b"<a>&x;</a>", b"<a b='1' b='2'/>", b"<a/><b/>", b"\x00", b"not xml", BODY[:-1]):
        assert refusal(data).code == "xml_wrong"


def test_size_limit() -> None:
    """A document over the limit is refused by its size, before it is parsed."""
    padding = b" " * (DOCUMENT_BYTES_MAX - len(GOOD))
    assert isinstance(read(GOOD + padding), Message)
    error = refusal(GOOD + padding + b" ")
    assert isinstance(error, TooLargeError)
    assert error.code == "document_too_large"


def test_depth_limit() -> None:
    """Nesting is bounded, just above what any message uses and far below what a parser survives."""
    for depth, fits in ((DOCUMENT_DEPTH_MAX, True), (DOCUMENT_DEPTH_MAX + 1, False), (100_000, False)):
        data = b"<a>" * depth + b"</a>" * depth
        if fits:
            parse_document(data)
        else:
            assert refusal(data).code in {"document_too_deep", "xml_wrong"}


def test_width_limit() -> None:
    """Children are bounded, so that a document of nothing but wrong elements is refused in its own time."""
    for count, code in ((DOCUMENT_CHILDREN_MAX, None), (DOCUMENT_CHILDREN_MAX + 1, "document_too_wide")):
        data = GOOD.replace(b"<Ustrd>Invoice 42 of 2026-10-30</Ustrd>", b"<Ustrd>a</Ustrd>" * count)
        outcome = attempt(read, data)
        assert getattr(outcome, "code", None) == code
    transaction = GOOD[GOOD.index(b"<CdtTrfTxInf>") : GOOD.index(b"</FIToFI")]
    flood = transaction.replace(b"<Ustrd>", b"<Ustrd/>" * (DOCUMENT_CHILDREN_MAX - 1) + b"<Ustrd>")
    data = GOOD.replace(transaction, flood * (DOCUMENT_BYTES_MAX // len(flood) - 1))
    started = time.process_time()
    assert refusal_of_reading(data).code == "value_wrong"
    assert time.process_time() - started < 20


def refusal_of_reading(data: bytes) -> MessageError:
    """Return what reading raises."""
    with pytest.raises(MessageError) as caught:
        read(data)
    return caught.value


def test_deep_supplementary_data() -> None:
    """The one place a schema leaves open is bounded too."""
    deep = b'<x xmlns="urn:x">' + b"<x>" * 40 + b"</x>" * 40 + b"</x>"
    data = GOOD.replace(b"</CdtTrfTxInf>", b"<SplmtryData><Envlp>" + deep + b"</Envlp></SplmtryData></CdtTrfTxInf>")
    assert refusal(data).code == "document_too_deep"


def test_huge_attributes_and_many_attributes() -> None:
    """A megabyte of attribute, or ten thousand of them, is an error of shape, not a hang."""
    for attack in (b'<Purp a="' + b"x" * 1_000_000 + b'">', b"<Purp " + b" ".join(_attributes(10_000)) + b">"):
        with pytest.raises(MalformedError) as caught:
            read(GOOD.replace(b"<Purp>", attack))
        assert caught.value.code in {"attribute_unexpected", "xml_wrong"}


def _attributes(count: int) -> list[bytes]:
    return [b'a%d="1"' % number for number in range(count)]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Random bytes are a coded error, nothing else."""
    with pytest.raises(MessageError):
        read(data)


@settings(max_examples=600, deadline=None)
@given(
    at=st.integers(0, len(GOOD) - 1),
    length=st.integers(0, 12),
    insert=st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!--", b"<?x?>", b"&#0;", b"&#xD800;", b"/>"]),
    ),
)
def test_damaged_documents(at: int, length: int, insert: bytes) -> None:
    """A good document with a piece replaced is read or refused, nothing else; what is read can be written."""
    damaged = GOOD[:at] + insert + GOOD[at + length :]
    value = attempt(read, damaged)
    if not isinstance(value, MessageError):
        assert read(write(value)) == value
