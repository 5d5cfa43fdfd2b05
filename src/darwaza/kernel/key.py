"""Signature keys: Ed25519 (RFC 8032) and ML-DSA-44 (FIPS 204), with strict admission of public keys.

A public key object exists only for an admitted key. Admission is stricter than the library's: OpenSSL verifies
signatures under low-order Ed25519 keys, for which one signature fits many messages, so that whoever enrolled such a
key could deny any of them; and it takes encodings of which there are several for one key.

What is left to others: proof of possession (``darwaza.kernel.member``), key files and rotation.
"""

from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from darwaza.errors import SignatureError

SEED_BYTES = 32
"""Length of the private seed of either algorithm (RFC 8032 section 5.1.5; FIPS 204 algorithm 1)."""

ED25519_KEY_BYTES = 32
ED25519_SIGNATURE_BYTES = 64
MLDSA44_KEY_BYTES = 1312
MLDSA44_SIGNATURE_BYTES = 2420

# The curve of RFC 8032 section 5.1: -x^2 + y^2 = 1 + d x^2 y^2 over the integers modulo p.
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_SIGN_BIT: Final = 1 << 255
# The y coordinates of the eight points whose order divides the cofactor 8: order 4 (0), 1 (1), 2 (-1), 8 (the others).
_Y_ORDER_8: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_LOW_ORDER_Y: Final = frozenset({0, 1, _P - 1, _Y_ORDER_8, _P - _Y_ORDER_8})


class PublicKey(Protocol):
    """An admitted public key.

    Attributes:
        raw: its encoding, 32 or 1312 bytes.
    """

    raw: bytes

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the signature over the message is true; a signature of wrong length is not."""


class PrivateKey(Protocol):
    """A key that signs.

    Attributes:
        public: its public half.
    """

    public: PublicKey

    def sign(self, message: bytes) -> bytes:
        """Sign the message."""


def _refuse(detail: str) -> SignatureError:
    return SignatureError(detail, code="key_not_admitted")


def admit_ed25519(raw: bytes) -> None:
    """Check that an Ed25519 public key may be enrolled.

    The checks, in this order: 32 bytes; canonical (y < p, RFC 8032 section 5.1.3); not of low order; on the curve. A
    point with a low-order component besides its main one is admitted: its signatures still bind it to the message.

    Raises:
        SignatureError: code ``key_not_admitted``.
    """
    if len(raw) != ED25519_KEY_BYTES:
        raise _refuse(f"an Ed25519 public key has {ED25519_KEY_BYTES} bytes, not {len(raw)}")
    y = int.from_bytes(raw, "little") & ~_SIGN_BIT
    if y >= _P:
        raise _refuse("the Ed25519 public key is not in canonical encoding")
    # This covers x = 0 with the sign bit set, the other encoding RFC 8032 forbids: it exists only for y = 1 and -1.
    if y in _LOW_ORDER_Y:
        raise _refuse("the Ed25519 public key is of low order: its signatures bind nobody")
    # x^2 = u / v has a root exactly when u v is a square; u v = 0 only for the y excluded above.
    u, v = y * y - 1, _D * y * y + 1
    if pow(u * v, (_P - 1) // 2, _P) != 1:
        raise _refuse("the Ed25519 public key is not a point of the curve")


def admit_mldsa44(raw: bytes) -> None:
    """Check that an ML-DSA-44 public key may be enrolled.

    Every string of 1312 bytes encodes a key (FIPS 204 algorithm 23), so the length is all there is to check.

    Raises:
        SignatureError: code ``key_not_admitted``.
    """
    if len(raw) != MLDSA44_KEY_BYTES:
        raise _refuse(f"an ML-DSA-44 public key has {MLDSA44_KEY_BYTES} bytes, not {len(raw)}")


class _AdmittedKey:
    __slots__ = ("_verify", "raw")

    raw: bytes
    _verify: Callable[[bytes, bytes], None]

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the signature over the message is true; a signature of wrong length is not."""
        try:
            self._verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Ed25519PublicKey(_AdmittedKey):
    """An admitted Ed25519 public key; signatures have 64 bytes.

    Raises:
        SignatureError: code ``key_not_admitted``.
    """

    __slots__ = ()

    def __init__(self, raw: bytes) -> None:
        admit_ed25519(raw)
        self.raw = raw
        self._verify = ed25519.Ed25519PublicKey.from_public_bytes(raw).verify


class MLDSA44PublicKey(_AdmittedKey):
    """An admitted ML-DSA-44 public key; signatures have 2420 bytes and an empty context.

    Raises:
        SignatureError: code ``key_not_admitted``.
    """

    __slots__ = ()

    def __init__(self, raw: bytes) -> None:
        admit_mldsa44(raw)
        self.raw = raw
        self._verify = mldsa.MLDSA44PublicKey.from_public_bytes(raw).verify


def _check_seed(seed: bytes) -> None:
    if len(seed) != SEED_BYTES:
        raise _refuse(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")


class Ed25519PrivateKey:
    """An Ed25519 key that signs, from its 32-byte seed. Signing the same message again gives the same signature.

    Raises:
        SignatureError: code ``key_not_admitted``, for a seed of another length.
    """

    __slots__ = ("_sign", "public")

    def __init__(self, seed: bytes) -> None:
        _check_seed(seed)
        private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        self.public: PublicKey = Ed25519PublicKey(private.public_key().public_bytes_raw())
        self._sign = private.sign

    def sign(self, message: bytes) -> bytes:
        """Sign the message; 64 bytes."""
        return self._sign(message)


class MLDSA44PrivateKey:
    """An ML-DSA-44 key that signs, from its 32-byte seed. Signatures are hedged: no two are the same.

    Raises:
        SignatureError: code ``key_not_admitted``, for a seed of another length.
    """

    __slots__ = ("_sign", "public")

    def __init__(self, seed: bytes) -> None:
        _check_seed(seed)
        private = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
        self.public: PublicKey = MLDSA44PublicKey(private.public_key().public_bytes_raw())
        self._sign = private.sign

    def sign(self, message: bytes) -> bytes:
        """Sign the message with an empty context; 2420 bytes."""
        return self._sign(message)
