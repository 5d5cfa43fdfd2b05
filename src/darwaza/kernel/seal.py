"""Sealing: a body that only its destination can read, whoever carries it.

A body for a member that is not a neighbour is sealed to the destination's sealing key by HPKE base mode, single shot
(RFC 9180 section 6.1). The suite is the hybrid of ML-KEM-768 and X25519 (HPKE KEM 0x647A, draft-ietf-hpke-pq; the KEM
is X-Wing) with HKDF-SHA256 and AES-256-GCM: whoever records traffic today must break both the lattice and the curve.
AES-256-GCM and not ChaCha20-Poly1305, because every gateway-class processor has AES instructions (measured: 1.1 times
faster at 1.5 kB, 1.6 times at 100 kB), because states' procurement lists name it, and because its one danger, a nonce
used twice, cannot arise: each seal has a fresh key.

A sealed body is bound to its message: HPKE's ``info`` carries a digest of those header fields that are known before
sealing and stay the same whichever path the message takes (``Binding``). A relay that puts a stranger's ciphertext
into a message of its own gets a body that its destination cannot open. The same sealed body may be sent again over
another path.

HPKE proves nothing about the sender; the signed log does that. HPKE draws its own ephemeral key from the operating
system's generator, so sealing the same body twice gives different bytes.

The second layer seals the key of a document on to one party of the destination, so that its gateway cannot read the
document either; what it is bound to is said in ``darwaza.kernel.enclosure``.

On the wire: ``"HPKE" kem kdf aead`` (the suite_id of RFC 9180 section 5.1, 10 bytes), one byte for the layer, the
encapsulated key, the ciphertext with its tag. spec/routing.md is the language-neutral text.
"""

from dataclasses import dataclass, field
from hashlib import sha256, shake_256
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

from darwaza.errors import MalformedError, SignatureError
from darwaza.kernel.enrolment import admit_seal
from darwaza.kernel.message import Header

SECRET_BYTES = 32
"""A sealing secret: the seed of draft-ietf-hpke-pq; all of it must come from a secure generator."""

SUITE_ID: Final = b"HPKE" + bytes.fromhex("647a00010002")
"""RFC 9180 section 5.1: KEM 0x647A, KDF 0x0001 (HKDF-SHA256), AEAD 0x0002 (AES-256-GCM)."""
SEAL_OVERHEAD_BYTES = len(SUITE_ID) + 1 + 1_120 + 16
"""What one layer adds to a body: prefix, layer, encapsulated key, tag."""

Layer = Literal[1, 2]
GATEWAY: Final[Layer] = 1
"""The layer only the destination's gateway opens."""
PARTY: Final[Layer] = 2
"""The layer only one party of the destination opens."""

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_INFO = b"darwaza/seal/v1"
_OWN = b"darwaza/letter/own/v1"
_MLKEM_SEED_BYTES = 64


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a header a sealed body is bound to. The fields stand in RFC 8785 order: keep them so.

    Left out are the fields that sealing itself decides (``body_bytes``, ``body_digest``), those that change when the
    message is sent again over another path (``blind``, ``created_at``, ``path``), and those only the log needs.

    Attributes:
        case_id: as in ``Header``, and so are all others.
    """

    case_id: str
    destination: str
    expires_at: str | None = None
    id: str
    kind: str
    media_type: str
    origin: str
    ucr: str | None = None
    version: int

    @classmethod
    def of(cls, header: Header) -> "Binding":
        """Take the bound fields out of a header."""
        return cls(
            case_id=header.case_id,
            destination=header.destination,
            expires_at=header.expires_at,
            id=header.id,
            kind=header.kind,
            media_type=header.media_type,
            origin=header.origin,
            ucr=header.ucr,
            version=header.version,
        )


_encode = msgspec.json.Encoder().encode


def _info(bound: Binding | bytes, layer: Layer) -> bytes:
    text = bound if isinstance(bound, bytes) else _encode(bound)
    return _INFO + bytes([layer]) + sha256(text).digest()


@dataclass(frozen=True, slots=True)
class SealKey:
    """A destination's public sealing key, ready for use.

    Attributes:
        raw: ``member.SEAL_KEY_BYTES`` bytes, as the member's card carries them.
    """

    raw: bytes
    _key: MLKEM768X25519PublicKey

    @classmethod
    def of(cls, raw: bytes) -> "SealKey":
        """Read a public key.

        Raises:
            SignatureError: ``key_not_admitted``, see ``enrolment.admit_seal``.
        """
        lattice, curve = admit_seal(raw)
        public = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(lattice), X25519PublicKey.from_public_bytes(curve)
        )
        return cls(bytes(raw), public)

    def seal(self, body: bytes, binding: Binding | bytes, layer: Layer = GATEWAY) -> bytes:
        """Seal a body; the answer is ``SEAL_OVERHEAD_BYTES`` longer and differs each time.

        Args:
            body: any bytes.
            binding: of the message that will carry it; or the text that says what it is bound to.
            layer: whose key this is.
        """
        return SUITE_ID + bytes([layer]) + _SUITE.encrypt(body, self._key, info=_info(binding, layer))


@dataclass(frozen=True, slots=True)
class UnsealKey:
    """A sealing secret, ready for use. Making one costs 0.4 ms: make it once.

    Attributes:
        public: the public key that belongs to it, ``member.SEAL_KEY_BYTES`` bytes.
        own: 32 secret bytes under which a gateway keeps for itself the keys of what it sealed to others.
    """

    public: bytes
    own: bytes = field(repr=False)
    _key: MLKEM768X25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> "UnsealKey":
        """Derive both key pairs from a seed: SHAKE256 to 96 bytes, 64 for ML-KEM-768 and 32 for X25519 (X-Wing).

        Args:
            secret: ``SECRET_BYTES`` bytes from a secure generator, or as kept in the key file.

        Raises:
            SignatureError: ``key_not_admitted`` for another length.
        """
        if len(secret) != SECRET_BYTES:
            detail = f"a sealing secret has {SECRET_BYTES} bytes, not {len(secret)}"
            raise SignatureError(detail, code="key_not_admitted")
        expanded = shake_256(secret).digest(_MLKEM_SEED_BYTES + 32)
        lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        curve = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])
        public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        return cls(public, sha256(_OWN + secret).digest(), MLKEM768X25519PrivateKey(lattice, curve))

    def unseal(self, sealed: bytes, binding: Binding | bytes, layer: Layer = GATEWAY) -> bytes:
        """Open a sealed body.

        Raises:
            MalformedError: ``sealed_malformed`` when it is too short, is of another layer or of an unknown suite.
            SignatureError: ``unseal_failed`` when it was sealed to another key, for another message, or was altered;
                which of these it was cannot be known.
        """
        if sealed_layer(sealed) != layer:
            raise MalformedError("the body is not sealed as the message needs it", code="sealed_malformed")
        try:
            return _SUITE.decrypt(sealed[len(SUITE_ID) + 1 :], self._key, info=_info(binding, layer))
        except (InvalidTag, ValueError) as fault:
            raise SignatureError(
                "the body was sealed to another key or for another message, or was altered", code="unseal_failed"
            ) from fault


def sealed_layer(body: bytes) -> Layer | None:
    """Tell for whom a body is sealed, by its first bytes; None when it is not sealed by the one suite."""
    if len(body) < SEAL_OVERHEAD_BYTES or not body.startswith(SUITE_ID):
        return None
    mark = body[len(SUITE_ID)]
    if mark == GATEWAY:
        return GATEWAY
    return PARTY if mark == PARTY else None
