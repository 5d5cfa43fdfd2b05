"""COSE receipts, checked by an independent implementation (RFC 9942)."""

import cbor2
import pytest
import scitt_cose
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError, SignatureError, TooLargeError
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.merkle import EMPTY, leaf_hash
from darwaza.kernel.tile import append_to_tiles, inclusion_proof
from darwaza.standards.cose import RECEIPT_BYTES_MAX, Receipt, build_receipt, verify_receipt

SEED = b"\x01" * 32
KEY = Ed25519PrivateKey(SEED)
OTHER = Ed25519PrivateKey(b"\x02" * 32)
ENTRIES = [b"entry %d" % at for at in range(20)]
LEAVES = list(map(leaf_hash, ENTRIES))
ROWS = append_to_tiles(EMPTY, LEAVES, {})[1]


def pem(key: Ed25519PrivateKey) -> bytes:
    public = ed25519.Ed25519PublicKey.from_public_bytes(key.public.raw)
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def receipt_of(index: int, size: int) -> Receipt:
    return Receipt(index, size, b"key-1", "example.com/log", "urn:uuid:6f1c")


def built(index: int, size: int) -> bytes:
    root = EMPTY.append_all(LEAVES[:size]).root()
    proof = inclusion_proof(index, size, lambda level, number: ROWS[0].hashes)
    return build_receipt(receipt_of(index, size), root, proof, KEY)


PLACES = [(index, size) for size in range(2, len(ENTRIES) + 1) for index in range(size)]


def test_an_independent_verifier_agrees():
    """Every receipt verifies in scitt-cose, which reads the same out of it, and not for another entry."""
    for index, size in PLACES:
        raw = built(index, size)
        result = scitt_cose.verify_receipt(raw, leaf_entry_hex=ENTRIES[index].hex(), log_public_key_pem=pem(KEY))
        assert result.ok, result.errors
        assert (result.leaf_index, result.tree_size) == (index, size)
        assert (result.issuer, result.subject) == ("example.com/log", "urn:uuid:6f1c")
        assert verify_receipt(raw, LEAVES[index], KEY.public) == receipt_of(index, size)
    wrong = scitt_cose.verify_receipt(raw, leaf_entry_hex=ENTRIES[0].hex(), log_public_key_pem=pem(KEY))
    assert not wrong.ok


def test_receipts_of_the_independent_maker_verify_here():
    """The other direction: scitt-cose builds, we verify."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(SEED).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    raw = scitt_cose.build_receipt(
        leaf_entry_hex=ENTRIES[3].hex(),
        leaf_index=3,
        tree_entries_hex=[entry.hex() for entry in ENTRIES],
        alg="EdDSA",
        log_private_key_pem=private,
        iss="example.com/log",
        sub="urn:uuid:6f1c",
        kid=b"key-1",
    )
    assert verify_receipt(raw, LEAVES[3], KEY.public) == receipt_of(3, 20)


def test_receipts_attach_to_statements():
    """A receipt travels in a SCITT statement's unprotected header and comes out as it went in."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(SEED).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    statement = scitt_cose.build_signed_statement(
        b"payload",
        alg="EdDSA",
        private_key_pem=private,
        issuer="PK/fbr",
        subject="urn:uuid:6f1c",
        content_type="text/plain",
    )
    frontier, rows = append_to_tiles(EMPTY, [LEAVES[0], leaf_hash(statement)], {})
    proof = inclusion_proof(1, 2, lambda level, number: rows[0].hashes)
    receipt = build_receipt(receipt_of(1, 2), frontier.root(), proof, KEY)
    transparent = scitt_cose.attach_receipts(statement, [receipt])
    assert scitt_cose.extract_receipts(transparent) == [receipt]
    assert scitt_cose.verify_receipt(receipt, leaf_entry_hex=statement.hex(), log_public_key_pem=pem(KEY)).ok


def test_a_receipt_binds_entry_and_key():
    """Another entry or another key make it false."""
    raw = built(3, 7)
    for leaf, key in ((LEAVES[4], KEY), (LEAVES[3], OTHER)):
        with pytest.raises(SignatureError) as caught:
            verify_receipt(raw, leaf, key.public)
        assert caught.value.code == "signature_false"
    with pytest.raises(SignatureError) as caught:
        verify_receipt(raw, LEAVES[3][1:], KEY.public)
    assert caught.value.code == "inclusion_false"


def test_a_receipt_does_not_bind_the_place():
    """The stated weakness of the format is real: the receipt of entry 1 of 2 also passes as 4 of 5."""
    tag = cbor2.loads(built(1, 2))
    protected, unprotected, payload, signature = tag.value
    [inclusion] = unprotected[396][-1]
    _, _, proof = cbor2.loads(inclusion)
    moved = {396: {-1: [cbor2.dumps([5, 4, proof])]}}
    raw = cbor2.dumps(cbor2.CBORTag(18, [protected, moved, payload, signature]))
    assert verify_receipt(raw, LEAVES[1], KEY.public) == receipt_of(4, 5)


def test_a_log_of_one_entry_has_no_receipts():
    """The grammar of RFC 9942 wants a hash in the proof."""
    with pytest.raises(MalformedError):
        build_receipt(receipt_of(0, 1), LEAVES[0], (), KEY)


def changed(*, tag: int = 18, header: dict | None = None, **parts) -> bytes:
    """Build the receipt of entry 3 of 7 with something wrong."""
    protected, unprotected, payload, signature = cbor2.loads(built(3, 7)).value
    if header is not None:
        merged = {**cbor2.loads(protected), **header}
        protected = cbor2.dumps({name: value for name, value in merged.items() if value is not None})
    fields = [protected, unprotected, payload, signature]
    return cbor2.dumps(cbor2.CBORTag(tag, [*fields[: parts.get("cut", 4)], *parts.get("more", [])]))


def inclusion(value) -> bytes:
    protected, _, _, signature = cbor2.loads(built(3, 7)).value
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {396: {-1: value}}, None, signature]))


HASHES = [bytes(32)] * 3


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(built(3, 7) + b"\x00", id="trailing byte"),
        pytest.param(built(3, 7)[:-1], id="cut"),
        pytest.param(built(3, 7)[1:], id="no tag"),
        pytest.param(changed(tag=17), id="COSE_Mac0"),
        pytest.param(changed(cut=3), id="three parts"),
        pytest.param(changed(more=[b""]), id="five parts"),
        pytest.param(changed(cut=2, more=[b"root", b"signature"]), id="attached payload"),
        pytest.param(changed(header={1: -7}), id="another algorithm"),
        pytest.param(changed(header={1: None}), id="no algorithm"),
        pytest.param(changed(header={395: 2}), id="another tree"),
        pytest.param(changed(header={2: [1]}), id="critical parameters"),
        pytest.param(changed(header={4: None}), id="no key identifier"),
        pytest.param(changed(header={4: "key-1"}), id="key identifier as text"),
        pytest.param(changed(header={15: None}), id="no claims"),
        pytest.param(changed(header={15: {1: "issuer"}}), id="no subject"),
        pytest.param(inclusion([]), id="no proof"),
        pytest.param(inclusion([b"\x00"]), id="proof is a number"),
        pytest.param(inclusion([7]), id="proof is not bytes"),
        pytest.param(inclusion([cbor2.dumps([7, 3, HASHES])] * 2), id="two proofs"),
        pytest.param(inclusion([cbor2.dumps([7, 3, HASHES]) + b"\x00"]), id="bytes after the proof"),
        pytest.param(inclusion([cbor2.dumps([7, 3, []])]), id="empty proof"),
        pytest.param(inclusion([cbor2.dumps([7, 7, HASHES])]), id="index out of range"),
        pytest.param(inclusion([cbor2.dumps([7, -1, HASHES])]), id="negative index"),
        pytest.param(inclusion([cbor2.dumps([7, True, HASHES])]), id="index is a truth value"),
        pytest.param(inclusion([cbor2.dumps([7, 3.0, HASHES])]), id="index is a float"),
        pytest.param(inclusion([cbor2.dumps([2**63, 3, HASHES])]), id="size too large"),
        pytest.param(inclusion([cbor2.dumps([7, 3, HASHES * 22])]), id="too many hashes"),
        pytest.param(inclusion([cbor2.dumps([7, 3, ["x"] * 3])]), id="hashes as text"),
        pytest.param(b"\xd2\x9f\xff", id="indefinite length"),
        pytest.param(b"\x81" * 5000 + b"\x00", id="nested deep"),
    ],
)
def test_malformed_receipts(raw):
    """What is not exactly a receipt of this profile is refused."""
    with pytest.raises(MalformedError):
        verify_receipt(raw, LEAVES[3], KEY.public)


def test_limits():
    """A receipt has a limited size."""
    with pytest.raises(TooLargeError):
        verify_receipt(bytes(RECEIPT_BYTES_MAX + 1), LEAVES[3], KEY.public)


@given(st.integers(0, 204), st.binary(max_size=6), st.integers(0, 6))
def test_any_damage_is_malformed_or_false(at, replacement, removed):
    """A damaged receipt never verifies as anything else, and raises nothing else."""
    raw = built(3, 7)
    damaged = raw[:at] + replacement + raw[at + removed :]
    try:
        verify_receipt(damaged, LEAVES[3], KEY.public)
    except (MalformedError, SignatureError):
        assert damaged != raw


@given(
    st.integers(0, 70_000),
    st.sampled_from([0, -1, 1.5, "", "(", "2020-13-01", b"", [1, 2], [10**18, 2], {}, None, [[1], {}]]),
)
def test_any_tag_is_malformed(tag, value):
    """CBOR's tagged dates, fractions, expressions and addresses raise nothing of their own."""
    encoded = cbor2.dumps(cbor2.CBORTag(tag, value))
    for raw in (encoded, b"\xa1" + encoded + b"\x00", b"\xd2\x84\x40\xa1\x00" + encoded + b"\xf6\x40"):
        with pytest.raises(MalformedError):
            verify_receipt(raw, LEAVES[3], KEY.public)
