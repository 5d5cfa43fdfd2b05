"""A document of a known form says what it says when it is read in full, and is refused when that refuses it."""

import random
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.unit.standards.iso20022.samples import attempt, credit_transfer
from tests.unit.standards.iso20022.values import make

from darwaza.errors import MessageError
from darwaza.standards.iso20022 import form
from darwaza.standards.iso20022.document import message_of, parse_document
from darwaza.standards.iso20022.form import FORMS_MAX, Forms
from darwaza.standards.iso20022.message import MESSAGES, codec_of, write
from darwaza.standards.iso20022.pacs008 import CreditTransfer

_TEXT = re.compile(rb"(?<=>)[^<>]+(?=<)")
_ELEMENT = re.compile(rb"<(\w+)[^<>/]*>[^<>]*</\1>")
_TEXTS = (
    "", " ", "\n", "\t", "x", "X" * 36, "ñ" * 140, "😀" * 141, "a\nb", "a\rb", "a\r\nb",
    "a\x0bb", "a\x00b", "a\x85b", "￾",
    "&amp;", "&#65;", "&unknown;", "]]>", "a>b", "<![CDATA[x]]>", "<!-- x -->", "<?x y?>", "<Nm>x</Nm>", "</Nm>", "<",
    "0", "00", "-1", "+1", " 1", "1 ", "1.", ".5", "1e3", "1.50", "1.500000", "0.00", "000000000000000001.00", "١",
    "123456789012345678", "1234567890123456789", "12345678901234567.8", "9" * 40, "1.12345678901", "1,5", "NaN", "INF",
    "2026-11-28", "2026-02-30", "2026-13-01", "2026-11-28Z", "0001-01-01", "12026-11-28", "-2026-11-28", "2026-1-1",
    "2026-11-28T10:00:00Z", "2026-11-28T24:00:00Z", "2026-11-28T23:59:60Z", "2026-11-28T10:00:00",
    "2026-11-28T10:00:00z",
    "2026-11-28T10:00:00.123456789Z", "2026-11-28T10:00:00+14:30", "2026-11-28T10:00:00+09:59", "2026-02-30T10:00:00Z",
    "0001-01-01T00:00:00+09:00", "true", "1", "2026", "10:00:00", "HIGH", "NORM", "HIGH\n", "high", "SHAR", "PKR", "PK",
    "AB", "INDSPKKA", "INDSPKKA\n", "indspkka", "PK36SCBL0000001123456702", "3f2b8c1e-6a0d-4b7e-9c55-0a1b2c3d4e5f",
    "3F2B8C1E-6A0D-4B7E-9C55-0A1B2C3D4E5F", "+92-3001234567", "+92-300\n",
)  # fmt: skip
"""What a text may be replaced by: right, wrong, and right in a way that needs the parser."""


def in_full(data: bytes) -> Any:
    """Read a document by parser and schema."""
    root = parse_document(data)
    return codec_of(message_of(root)).read(root)


def payment() -> bytes:
    """A payment none of whose texts needs the parser to be understood."""
    return write(credit_transfer()).replace(b"&amp;", b"and")


def learned(*documents: bytes) -> Forms:
    """Forms that know these documents."""
    forms = Forms()
    for data in documents:
        for _ in range(2):
            root = parse_document(data)
            codec = codec_of(message_of(root))
            forms.learn(data, root, codec.schema.definition, codec.reader, codec.read(root))
    return forms


def changed(data: bytes, chance: random.Random) -> bytes:
    """A document with some texts replaced and, now and then, other damage."""
    spans = [match.span() for match in _TEXT.finditer(data)]
    for start, end in sorted(chance.sample(spans, min(len(spans), chance.randint(1, 2))), reverse=True):
        data = data[:start] + chance.choice(_TEXTS).encode() + data[end:]
    if chance.random() < 0.1:
        elements = [match.span() for match in _ELEMENT.finditer(data)]
        start, end = chance.choice(elements)
        data = data[:start] + chance.choice((b"", data[start:end] * 2, b"\x00", b"\xff")) + data[end:]
    return data


@pytest.mark.parametrize("message", MESSAGES)
def test_a_known_form_decides_nothing(message: str) -> None:
    """Whatever becomes of its texts, a document of a known form reads as it does in full, or is left to that."""
    chance = random.Random(message)
    for seed in range(6):
        data = write(make(message, seed, density=0.2))
        forms = learned(data)
        for _ in range(60):
            document = changed(data, chance)
            quick = forms.read(document)
            if quick is not None:
                assert quick == in_full(document), document
    assert forms is not None


def test_the_usual_payment_is_of_a_known_form() -> None:
    """The second document of a bank is the last that needs parser and schema, laid out or not, whatever it says."""
    plain = payment()
    laid_out = plain.replace(b"><", b">\n  <")
    forms = learned(plain, laid_out)
    for data in (plain, laid_out):
        other = data.replace(b"INV", "Счёт".encode())
        assert forms.read(other) == in_full(other)
    assert isinstance(forms.read(plain), CreditTransfer)
    assert forms.read(plain.replace(b"SHAR", b"WHAT")) is None


def test_every_text_is_held_against_its_kind() -> None:
    """No single text of a payment may be replaced by one that the schema refuses."""
    data = payment()
    forms, refused = learned(data), 0
    for start, end in [match.span() for match in _TEXT.finditer(data)]:
        for text in _TEXTS:
            document = data[:start] + text.encode() + data[end:]
            quick, full = forms.read(document), attempt(in_full, document)
            refused += isinstance(full, MessageError)
            assert quick is None or quick == full, document
    assert refused > len(_TEXTS)


def test_a_form_is_learned_when_it_comes_again() -> None:
    """What comes once costs no memory but its form; and there is an end to the forms."""
    data = payment()
    forms, root = Forms(), parse_document(data)
    codec = codec_of(message_of(root))
    for known in (False, False, True):
        assert (forms.read(data) is not None) is known
        forms.learn(data, root, codec.schema.definition, codec.reader, codec.read(root))
    commented = data.replace(b"<Document", b"<!-- c --><Document")
    assert learned(commented).read(commented) is None
    for number in range(FORMS_MAX):
        other = data.replace(b"\n<Document", b"\n%b<Document" % (b" " * number))
        for _ in range(2):
            forms.learn(other, root, codec.schema.definition, codec.reader, codec.read(root))
    assert len(forms.__dict__["_known"]) <= FORMS_MAX


def test_threads_share_no_form() -> None:
    """Two threads that read documents of one form never see each other's texts."""
    data = payment()
    documents = [data.replace(b"INV", b"I%02d" % number) for number in range(40)]
    wanted = list(map(in_full, documents))
    forms = Forms()

    def read(document: bytes) -> Any:
        root = parse_document(document)
        codec = codec_of(message_of(root))
        for _ in range(2):
            forms.learn(document, root, codec.schema.definition, codec.reader, in_full(document))
        return [forms.read(document) for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        for value, found in zip(wanted, pool.map(read, documents), strict=True):
            assert found == [value] * 20


def test_patterns_that_mean_something_else_are_left_alone() -> None:
    """A pattern is used only where XML Schema and Python agree on it."""
    text = form.Text
    assert form.check_of(text("string", pattern="[A-Z]{2,2}")) is not None
    for pattern in ("a|b", "a.c", r"\d", "^a$", "[A-Z-[X]]*", r"\p{L}", "a?"):
        assert form.check_of(text("string", pattern=pattern)) is None, pattern
    for base in ("boolean", "time", "gYear", "base64Binary"):
        assert form.check_of(text(base)) is None


def test_a_form_is_held_byte_for_byte_whichever_was_met_last() -> None:
    """A document that differs from a known form in one sign outside its texts is not taken for it."""
    data = payment()
    laid_out = data.replace(b"><", b">\n<")
    forms = learned(data, laid_out)
    inside = {at for match in _TEXT.finditer(data) for at in range(*match.span())}
    for at in [at for at in range(len(data)) if at not in inside][::7]:
        for sign in (b"", b" ", b"<", b"&", b"x"):
            document = data[:at] + sign + data[at + 1 :]
            quick = forms.read(document)
            assert quick is None or quick == in_full(document), document
    for document in (data, laid_out, data, laid_out):
        assert forms.read(document) == in_full(document)
    assert forms.read(data[:-1]) is None
    assert forms.read(data + b"<") is None
    assert forms.read(data.replace(b"INV", b"\xff")) is None


def test_a_document_of_very_many_texts_is_not_learned() -> None:
    """Learning costs more the more texts there are; the parser reads such a document as well."""
    data = payment().replace(b"<Ustrd>", b"<Ustrd>x</Ustrd>" * form.FORM_TEXTS_MAX + b"<Ustrd>", 1)
    assert len(data) < form.FORM_BYTES_MAX
    assert learned(data).read(data) is None
