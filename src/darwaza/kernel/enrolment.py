"""Which keys a corridor document may enrol.

Admission is stricter than verification, because whoever enrols a weak key can later deny what it signed. The checks run
card by card, and in each card in the order vote, log, log_mldsa44, witness, seal, TLS certificates:

1. The key is admitted by its algorithm's rules. Ed25519 and ML-DSA-44: see ``darwaza.kernel.key``. Seal keys: the
   ML-KEM-768 half passes the modulus check of FIPS 203 section 7.2; the X25519 half is canonical (RFC 7748 section 5)
   and not of low order. TLS certificates: the outer elements of X.509 (RFC 5280 section 4.1) in DER, nothing behind.
2. No key stands twice: not with two members, and not in two roles of one member. Each half of a seal key counts as a
   key. Several addresses of one member may present the same TLS key.

Two gateways must never differ on what is admitted, so nothing here depends on how lenient a library's X.509 parser is:
a certificate is only taken apart as far as its public key. One that no TLS library takes makes its own member
unreachable, nobody else.

Whether the holder has the private half is left to ``darwaza.kernel.amendment``.
"""

from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from darwaza.errors import SignatureError
from darwaza.kernel.key import admit_ed25519, admit_mldsa44
from darwaza.kernel.member import MLKEM768_KEY_BYTES, SEAL_KEY_BYTES, Card
from darwaza.kernel.naming import KeyRole

_X25519_PRIME = 2**255 - 19

_LONG_LENGTH = 0x80
_SEQUENCE, _INTEGER, _VERSION = 0x30, 0x02, 0xA0
# serialNumber, signature, issuer, validity, subject: what stands between the version and the key.
_BEFORE_KEY = (_INTEGER, _SEQUENCE, _SEQUENCE, _SEQUENCE, _SEQUENCE)
# SubjectPublicKeyInfo of an Ed25519 key up to the 32 bytes of the key (RFC 8410 section 4).
_ED25519_INFO = bytes.fromhex("302a300506032b6570032100")

# Any private key will do: clamping makes it a multiple of 8, so that a point of low order gives zero, which the
# library refuses, and no other point does (RFC 7748 section 6.1).
_ANY_X25519_KEY = X25519PrivateKey.from_private_bytes(b"\x01" * 32)


def admit_keys(cards: Sequence[Card], pointer: str) -> None:
    """Check that every key of every card may be enrolled.

    Args:
        cards: all cards of a document.
        pointer: where they stand, an RFC 6901 JSON pointer.

    Raises:
        SignatureError: ``key_not_admitted`` or ``key_reused``; the pointer is that of the key.
    """
    owners: dict[bytes, tuple[str, str]] = {}
    for index, card in enumerate(cards):
        for role, raw, where in _keys_of(card):
            try:
                parts = _admit(role, raw)
            except SignatureError as error:
                raise SignatureError(error.detail, code=error.code, pointer=f"{pointer}/{index}/{where}") from error
            for part in parts:
                owner = owners.setdefault(part, (card.code, role))
                if owner != (card.code, role):
                    raise SignatureError(
                        f"the {role} key of {card.code} is already the {owner[1]} key of {owner[0]}",
                        code="key_reused",
                        pointer=f"{pointer}/{index}/{where}",
                    )


def admit_seal(raw: bytes) -> tuple[bytes, bytes]:
    """Check that a sealing key may be enrolled.

    Args:
        raw: ML-KEM-768 encapsulation key, 1184 bytes, then X25519 public key, 32 bytes.

    Returns:
        The two halves.

    Raises:
        SignatureError: code ``key_not_admitted``.
    """
    if len(raw) != SEAL_KEY_BYTES:
        raise _refuse(f"a sealing key has {SEAL_KEY_BYTES} bytes, not {len(raw)}")
    mlkem, x25519 = raw[:MLKEM768_KEY_BYTES], raw[MLKEM768_KEY_BYTES:]
    try:
        MLKEM768PublicKey.from_public_bytes(mlkem)
    except ValueError as error:
        raise _refuse("the ML-KEM-768 half of the sealing key is no such key") from error
    if int.from_bytes(x25519, "little") >= _X25519_PRIME:
        raise _refuse("the X25519 half of the sealing key is not in canonical encoding")
    try:
        _ANY_X25519_KEY.exchange(X25519PublicKey.from_public_bytes(x25519))
    except ValueError as error:
        raise _refuse("the X25519 half of the sealing key is of low order") from error
    return mlkem, x25519


def _admit(role: str, raw: bytes) -> tuple[bytes, ...]:
    """Check one key; return what no other key may have in common with it."""
    match role:
        case KeyRole.SEAL:
            return admit_seal(raw)
        case "tls_certificate":
            return (_certified_key(raw),)
        case KeyRole.LOG_MLDSA44:
            admit_mldsa44(raw)
        case _:
            admit_ed25519(raw)
    return (raw,)


def _certified_key(der: bytes) -> bytes:
    """Find the public key in a certificate: its SubjectPublicKeyInfo, or its raw bytes when it is an Ed25519 key."""
    start, end = _element(der, 0, _SEQUENCE)
    if end != len(der):
        raise _refuse("something stands behind the TLS certificate")
    position, signed_end = _element(der, start, _SEQUENCE)
    if der[position : position + 1] == bytes([_VERSION]):
        _, position = _element(der, position, _VERSION)
    for tag in _BEFORE_KEY:
        _, position = _element(der, position, tag)
    _, end = _element(der, position, _SEQUENCE)
    if end > signed_end:
        raise _refuse("the TLS certificate's key is not within what its issuer signed")
    # Raw, so that it is seen when a TLS key is also one of the signing keys.
    return der[position:end].removeprefix(_ED25519_INFO)


def _element(der: bytes, position: int, tag: int) -> tuple[int, int]:
    """Find where the content of the DER element at a position starts and ends."""
    head = der[position : position + 2]
    if len(head) < 2 or head[0] != tag:  # noqa: PLR2004 - tag and length
        raise _refuse(f"the TLS certificate is not X.509 in DER at byte {position}")
    start, length = position + 2, head[1]
    if length >= _LONG_LENGTH:
        size = length - _LONG_LENGTH
        start += size
        length = int.from_bytes(der[position + 2 : start], "big")
        if length < _LONG_LENGTH or length.bit_length() <= 8 * (size - 1):
            raise _refuse(f"the TLS certificate has a length that is not in DER at byte {position}")
    if start + length > len(der):
        raise _refuse(f"the TLS certificate is cut off in the element at byte {position}")
    return start, start + length


def _keys_of(card: Card) -> Iterator[tuple[str, bytes, str]]:
    """Give the role, the encoding and the place in the card of every key."""
    for role in KeyRole:
        raw = card.keys.get(role)
        if raw is not None:
            yield role, raw, f"keys/{role}"
    for index, address in enumerate(card.addresses):
        yield "tls_certificate", address.tls_certificate, f"addresses/{index}/tls_certificate"


def _refuse(detail: str) -> SignatureError:
    return SignatureError(detail, code="key_not_admitted")
