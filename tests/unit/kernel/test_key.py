"""Public keys are admitted strictly, and private keys sign."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from darwaza.errors import SignatureError
from darwaza.kernel.key import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
    admit_ed25519,
    admit_mldsa44,
)

P = 2**255 - 19

# The 14 encodings of the eight points of low order, as C2SP/CCTV lists them (ed25519/README.md).
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("encoded", LOW_ORDER)
def test_low_order_keys_are_refused(encoded):
    """No encoding of a low-order point becomes a key object, though the library would take it."""
    raw = bytes.fromhex(encoded)
    ed25519.Ed25519PublicKey.from_public_bytes(raw)
    with pytest.raises(SignatureError) as caught:
        Ed25519PublicKey(raw)
    assert caught.value.code == "key_not_admitted"


def test_the_library_would_believe_a_low_order_key():
    """The reason for the check: under the identity point one signature is true for every message."""
    identity = bytes([1]) + bytes(31)
    anything = identity + bytes(32)  # R = identity, S = 0
    library_key = ed25519.Ed25519PublicKey.from_public_bytes(identity)
    library_key.verify(anything, b"pay 1")
    library_key.verify(anything, b"pay 1000000")


@pytest.mark.parametrize("y", [P, P + 1, P + 18, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_non_canonical_encodings_are_refused(y, sign):
    """A y coordinate of p or above has a second, smaller encoding, so it is refused."""
    with pytest.raises(SignatureError, match="canonical"):
        admit_ed25519((y | sign << 255).to_bytes(32, "little"))


def test_a_string_that_is_no_point_is_refused():
    """The coordinate 2 belongs to no point of the curve: (4 - 1) / (4 d + 1) is not a square."""
    with pytest.raises(SignatureError, match="not a point"):
        admit_ed25519(bytes([2]) + bytes(31))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_ed25519_lengths(length):
    """An Ed25519 public key has 32 bytes and a seed too."""
    with pytest.raises(SignatureError):
        admit_ed25519(bytes(length))
    with pytest.raises(SignatureError):
        Ed25519PrivateKey(bytes(length))


@pytest.mark.parametrize("length", [0, 32, 1311, 1313])
def test_mldsa44_lengths(length):
    """An ML-DSA-44 public key has 1312 bytes."""
    with pytest.raises(SignatureError):
        admit_mldsa44(bytes(length))


def test_mldsa44_seed_length():
    """An ML-DSA-44 seed has 32 bytes."""
    with pytest.raises(SignatureError):
        MLDSA44PrivateKey(bytes(31))


def test_every_generated_key_is_admitted():
    """Honest keys pass: admission refuses no key made from a seed."""
    for number in range(64):
        Ed25519PrivateKey(number.to_bytes(32, "big"))


def test_rfc_8032_test_1():
    """RFC 8032 section 7.1, test 1: seed, public key and signature of the empty message."""
    key = Ed25519PrivateKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


@pytest.mark.parametrize(
    ("private", "public"), [(Ed25519PrivateKey, Ed25519PublicKey), (MLDSA44PrivateKey, MLDSA44PublicKey)]
)
def test_sign_and_verify(private, public):
    """A signature is true for its message and key only, and wrong lengths are merely false."""
    key = private(b"\x01" * 32)
    other = private(b"\x02" * 32)
    signature = key.sign(b"message")
    reloaded = public(key.public.raw)
    assert reloaded.verify(signature, b"message")
    assert not reloaded.verify(signature, b"other message")
    assert not other.public.verify(signature, b"message")
    for wrong in (b"", signature[:-1], signature + b"\x00", bytes(len(signature))):
        assert not reloaded.verify(wrong, b"message")
