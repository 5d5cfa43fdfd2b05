"""Every parser of the kernel's formats is total: any bytes give a value or a message error, and nothing else.

And it is strict: what it accepts formats back to the very same bytes.
"""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.errors import ForbiddenError, MalformedError, MessageError, SignatureError, TooLargeError
from darwaza.kernel import (
    batch,
    canonical,
    carrier,
    checkpoint,
    encoding,
    merkle,
    message,
    note,
    proof,
    request,
    witness,
)
from darwaza.kernel.key import Ed25519PrivateKey, Ed25519PublicKey, MLDSA44PrivateKey

LOG = note.Signer("example.com/log", Ed25519PrivateKey(b"\x01" * 32))
WITNESS = checkpoint.Cosigner("witness.example/w1", Ed25519PrivateKey(b"\x02" * 32))
WITNESS_PQ = checkpoint.MLDSA44Cosigner("witness.example/w2", MLDSA44PrivateKey(b"\x03" * 32))
POINT = checkpoint.Checkpoint("example.com/log", 5, merkle.leaf_hash(b""))
NOTE = note.signed(POINT.text, LOG)
HASHES = (merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b"))
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
ASK = {"corridor": "example.com/corridor", "member": "PK"}
BY_PK = note.Signer(request.signer_name(**ASK), Ed25519PrivateKey(b"\x04" * 32))
HEADER = message.Header(
    blind="0" * 32,
    body_bytes=5,
    body_digest=message.body_digest(b"hello", "text/plain"),
    case_id="01900000-0000-7000-8000-000000000001",
    created_at="2026-11-01T06:00:00.000Z",
    destination="UZ/agency",
    id="01900000-0000-7000-8000-000000000002",
    kind="documents.offer",
    media_type="text/plain",
    origin="PK/trader",
    version=message.VERSION,
)


def text(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Feed a parser of text with bytes, any of which are some text."""
    return lambda raw: parse(raw.decode("utf-8", "surrogateescape"))


def utf8(value: str) -> bytes:
    return value.encode()


PARSERS = [
    pytest.param(note.parse, note.format_note, note.format_note(NOTE), id="note"),
    pytest.param(
        checkpoint.parse_checkpoint, lambda pair: note.format_note(pair[1]), note.format_note(NOTE), id="checkpoint"
    ),
    pytest.param(text(checkpoint.parse_text), lambda point: utf8(point.text), utf8(POINT.text), id="checkpoint text"),
    pytest.param(text(checkpoint.verifier_of), lambda key: utf8(key.vkey), utf8(LOG.verifier.vkey), id="vkey"),
    pytest.param(
        proof.parse_proof, proof.format_proof, proof.format_proof(proof.Proof(1, HASHES, NOTE, b"extra")), id="proof"
    ),
    pytest.param(
        witness.parse_request,
        lambda one: witness.format_request(one.old_size, one.proof, one.note),
        witness.format_request(3, HASHES, NOTE),
        id="witness request",
    ),
    pytest.param(
        witness.parse_cosignatures,
        witness.format_cosignatures,
        witness.format_cosignatures([WITNESS.sign(utf8(POINT.text), 7)] * 2),
        id="cosignatures",
    ),
    pytest.param(
        merkle.Frontier.decode,
        merkle.Frontier.encode,
        merkle.EMPTY.append_all(HASHES * 3).encode(),
        id="frontier",
    ),
    pytest.param(
        canonical.parse_canonical, canonical.canonical, b'{"a":[1,true,null,"x"],"b":{"c":1.5}}', id="canonical"
    ),
    pytest.param(message.decode_header, message.encode_header, message.encode_header(HEADER), id="header"),
    pytest.param(text(encoding.parse_base64), lambda data: utf8(encoding.to_base64(data)), b"AAEC/+A=", id="base64"),
    pytest.param(text(encoding.parse_decimal), lambda number: b"%d" % number, b"9223372036854775807", id="decimal"),
    pytest.param(Ed25519PublicKey, lambda key: key.raw, LOG.verifier.public.raw, id="Ed25519 key"),
]

NOISE = st.binary(max_size=40) | st.sampled_from(
    [
        b"\n",
        b"\n\n",
        b" ",
        b"+",
        b"=",
        b"0",
        b"-1",
        b"\xff",
        b"\x00",
        b"\r\n",
        "—".encode(),
        "\u2028".encode(),
        b"\xed\xa0\x80",
    ]
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Replace one to three pieces of a good input."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(whole)))
        end = draw(st.integers(start, min(start + 8, len(whole))))
        whole = whole[:start] + draw(NOISE) + whole[end:]
    return whole


@pytest.mark.parametrize(("parse", "write", "example"), PARSERS)
def test_good_input_comes_back(parse, write, example):
    """The examples the damage starts from are good."""
    assert write(parse(example)) == example


@pytest.mark.parametrize(("parse", "write", "example"), PARSERS)
@settings(max_examples=300)
@given(st.data())
def test_any_bytes(parse, write, example, data):
    """Noise and damaged input are read exactly or refused as a message error."""
    raw = data.draw(damaged(example) | st.binary(max_size=200))
    try:
        value = parse(raw)
    except (MalformedError, SignatureError, TooLargeError):
        return
    assert write(value) == raw


@settings(max_examples=300)
@given(st.data())
def test_any_signature_value_is_merely_false(data):
    """A verifier answers yes or no to whatever text and value it is given."""
    for signer, value in ((LOG, LOG.sign(utf8(POINT.text)).value), (WITNESS, WITNESS.sign(utf8(POINT.text), 7).value)):
        assert signer.verifier.verify(utf8(POINT.text), value)
        wrong = data.draw(damaged(value) | st.binary(max_size=100))
        assert signer.verifier.verify(utf8(POINT.text), wrong) is (wrong == value)
        changed = data.draw(damaged(utf8(POINT.text)))
        assert signer.verifier.verify(changed, value) is (changed == utf8(POINT.text))
        assert WITNESS_PQ.verifier.verify(changed, wrong) is False


@settings(max_examples=300)
@given(st.data())
def test_any_bytes_as_a_batch(data):
    """A batch is read, and then written and read again the same, or refused as a message error."""
    example = batch.encode("example.com/log", 7, b"note", [(b"{}", b"hello"), (b"{}", b"")])
    try:
        read = batch.decode(data.draw(damaged(example) | st.binary(max_size=200)))
    except MessageError:
        return
    assert batch.decode(batch.encode(read.origin, read.start, read.checkpoint, read.entries)) == read


@settings(max_examples=300)
@given(st.data())
def test_any_bytes_as_a_carrier_file(data):
    """What can be read of a file is read; its end or its fault is told, and nothing else is raised."""
    file = io.BytesIO()
    carrier.write(file, carrier.Head("example.com/corridor", "PK", "UZ", "2026-11-01T06:00:00.000Z"))
    carrier.write(file, carrier.Item("batch", b"hello"))
    carrier.write(file, carrier.Item("answer", b"world"))
    raw = data.draw(damaged(file.getvalue()) | st.binary(max_size=200))
    try:
        pieces = list(carrier.split(io.BytesIO(raw), 1))
    except MessageError:
        return
    opened = [io.BytesIO(piece) for piece in pieces]
    heads = {carrier.read_head(piece) for piece in opened}
    assert len(heads) == 1
    whole = io.BytesIO(raw)
    carrier.read_head(whole)
    assert [item for piece in opened for item in carrier.read_items(piece)] == list(carrier.read_items(whole))


@settings(max_examples=300)
@given(st.data())
def test_any_text_as_a_signed_request(data):
    """Only the very request that was signed is let in, whatever the header holds."""
    signed = request.authorize("GET", "/link/a?b=1", NOW, key=Ed25519PrivateKey(b"\x04" * 32), **ASK)
    verifiers = [BY_PK.verifier]
    assert request.authorized_by(signed, "GET", "/link/a?b=1", NOW, verifiers) == BY_PK.verifier.name
    shown = data.draw(damaged(utf8(signed)).map(lambda raw: raw.decode("latin-1")) | st.text(max_size=200))
    try:
        request.authorized_by(shown, "GET", "/link/a?b=1", NOW, verifiers)
    except ForbiddenError:
        return
    assert shown == signed
