"""Proofs as text (C2SP tlog-proof@v1)."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError, SignatureError, TooLargeError
from darwaza.kernel.checkpoint import Checkpoint, Cosigner
from darwaza.kernel.encoding import to_base64
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.merkle import EMPTY, leaf_hash
from darwaza.kernel.note import Note, Signer, format_note, signed
from darwaza.kernel.proof import EXTRA_BYTES_MAX, PROOF_BYTES_MAX, Proof, format_proof, parse_proof, verify
from darwaza.kernel.tile import append_to_tiles, inclusion_proof

LOG = Signer("example.com/log", Ed25519PrivateKey(b"\x01" * 32))
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey(b"\x03" * 32))
VERIFIERS = [LOG.verifier, WITNESS.verifier]
LEAVES = [leaf_hash(b"%d" % at) for at in range(300)]
FRONTIER, ROWS = append_to_tiles(EMPTY, LEAVES, {})
TILES = {(row.level, row.number): row.hashes for row in ROWS}
POINT = Checkpoint("example.com/log", 300, FRONTIER.root())
_SIGNED = signed(POINT.text, LOG)
NOTE = Note(_SIGNED.text, (*_SIGNED.signatures, WITNESS.sign(POINT.text.encode(), 17)))
CHECKPOINT = format_note(NOTE).decode()
HEADER = "c2sp.org/tlog-proof@v1\n"


def proof_for(index: int, note: Note = NOTE, extra: bytes = b"") -> Proof:
    return Proof(index, inclusion_proof(index, 300, lambda level, number: TILES[level, number]), note, extra)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 299])
def test_a_proof_convinces_from_its_text_alone(index):
    """Read back from text, it names checkpoint and signers; nothing else is needed but the keys."""
    raw = format_proof(proof_for(index))
    assert verify(parse_proof(raw), LEAVES[index], VERIFIERS) == (POINT, tuple(VERIFIERS))
    assert verify(parse_proof(raw), LEAVES[index], VERIFIERS[1:]) == (POINT, tuple(VERIFIERS[1:]))


def test_what_a_proof_does_not_prove():
    """Another entry, another place, a proof cut or stretched, an unknown log: each is a false signature."""
    good = proof_for(7)
    for proof, leaf in (
        (good, LEAVES[8]),
        (Proof(8, good.hashes, NOTE), LEAVES[7]),
        (Proof(300, good.hashes, NOTE), LEAVES[7]),
        (Proof(7, good.hashes[:-1], NOTE), LEAVES[7]),
        (Proof(7, (*good.hashes, LEAVES[0]), NOTE), LEAVES[7]),
    ):
        with pytest.raises(SignatureError) as caught:
            verify(proof, leaf, VERIFIERS)
        assert caught.value.code == "inclusion_false"
    with pytest.raises(SignatureError) as caught:
        verify(good, LEAVES[7], [])
    assert caught.value.code == "signature_missing"


def test_the_text_is_the_specified_one():
    """Head, hashes, blank line, checkpoint (cases of transparency-dev/formats, proof/tlog_proof_test.go)."""
    first, second = sha256(b"hash1").digest(), sha256(b"hash2").digest()
    a, b = to_base64(first), to_base64(second)
    extra = to_base64(b"extra information")
    cases = {
        f"{HEADER}index 5\n{a}\n{b}\n\n{CHECKPOINT}": Proof(5, (first, second), NOTE),
        f"{HEADER}extra {extra}\nindex 10\n{a}\n\n{CHECKPOINT}": Proof(10, (first,), NOTE, b"extra information"),
        f"{HEADER}index 0\n\n{CHECKPOINT}": Proof(0, (), NOTE),
    }
    for text, proof in cases.items():
        assert format_proof(proof).decode() == text
        assert parse_proof(text.encode()) == proof


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.binary(max_size=99))
def test_texts_round_trip(index, hashes, extra):
    """Every proof reads back from its text."""
    proof = Proof(index, tuple(hashes), NOTE, extra)
    assert parse_proof(format_proof(proof)) == proof


HASH = to_base64(bytes(32)) + "\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("wrong-header\nindex 0\n", id="header"),
        pytest.param("c2sp.org/tlog-proof@v2\nindex 0\n", id="version"),
        pytest.param(HEADER, id="no index"),
        pytest.param(HEADER + "extra !!notbase64!!\nindex 0\n", id="extra is not base64"),
        pytest.param(HEADER + "extra \nindex 0\n", id="extra is empty"),
        pytest.param(HEADER + "extra AAAA\n", id="extra without index"),
        pytest.param(HEADER + "extra AAAA\nextra AAAA\nindex 0\n", id="extra twice"),
        pytest.param(HEADER + "index 0\nextra AAAA\n", id="extra after index"),
        pytest.param(HEADER + "index notanumber\n", id="index is no number"),
        pytest.param(HEADER + "index -5\n", id="index is negative"),
        pytest.param(HEADER + "index 00\n", id="index with leading zero"),
        pytest.param(HEADER + "index 0\n!!notbase64!!\n", id="hash is not base64"),
        pytest.param(HEADER + "index 0\n" + to_base64(bytes(64)) + "\n", id="hash of 64 bytes"),
        pytest.param(HEADER + "index 0\n" + HASH * 64, id="too many hashes"),
        pytest.param(HEADER + "index 0\n" + "a" * 65 * 1024 + "\n", id="line too long"),
        pytest.param(HEADER + "index 0\né\n", id="not ASCII"),
        pytest.param(HEADER + "index 0\n\n", id="two blank lines"),
    ],
)
def test_malformed_proofs(head):
    """What is not exactly a proof is refused whole."""
    with pytest.raises(MalformedError):
        parse_proof((head + "\n" + CHECKPOINT).encode())


@pytest.mark.parametrize("tail", ["", CHECKPOINT, "\ncheckpoint\n", "\n" + CHECKPOINT.replace("\n300\n", "\n0300\n")])
def test_malformed_checkpoints(tail):
    """A proof without a well-formed checkpoint after its blank line is refused."""
    with pytest.raises(MalformedError):
        parse_proof((HEADER + "index 0\n" + tail).encode())


def test_limits():
    """Extra data and the whole are limited."""
    assert parse_proof(format_proof(proof_for(0, extra=bytes(EXTRA_BYTES_MAX)))).extra == bytes(EXTRA_BYTES_MAX)
    with pytest.raises(MalformedError):
        parse_proof(format_proof(proof_for(0, extra=bytes(EXTRA_BYTES_MAX + 1))))
    with pytest.raises(TooLargeError):
        parse_proof(bytes(PROOF_BYTES_MAX + 1))
