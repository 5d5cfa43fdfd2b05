"""Sealing that a seed repeats byte for byte, for simulations: HPKE draws its own ephemeral keys and takes none.

The keys are those of ``darwaza.kernel.seal``, the lengths and refusals too, and what is sealed opens with the
destination's secret alone and for its message alone. But only the curve's half of the key is used (X25519, HKDF-SHA256
and AES-256-GCM), with an ephemeral key from the entropy that is handed in. No gateway uses this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import shake_256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from darwaza.errors import MalformedError, SignatureError
from darwaza.kernel.seal import GATEWAY, SEAL_OVERHEAD_BYTES, SUITE_ID, Binding, Layer, SealKey, UnsealKey, sealed_layer
from darwaza.ports.clock import Entropy

_CURVE_BYTES = 32
_TAG_BYTES = 16
_FRONT_BYTES = SEAL_OVERHEAD_BYTES - _TAG_BYTES - _CURVE_BYTES
_NONCE = bytes(12)


def _cipher(shared: bytes, context: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), _CURVE_BYTES, None, b"darwaza/testing/seal" + context).derive(shared))


def _bound(binding: Binding | bytes, layer: Layer) -> bytes:
    return bytes([layer]) + repr(binding).encode()


@dataclass(frozen=True, slots=True)
class SeededSealKey(SealKey):
    """A destination's public key; each seal takes its ephemeral key from ``entropy``."""

    entropy: Entropy

    @classmethod
    def by(cls, entropy: Entropy) -> Callable[[bytes], SealKey]:
        """What a ``Site`` makes its sealing keys with."""
        return partial(cls._drawing, entropy)

    @classmethod
    def _drawing(cls, entropy: Entropy, raw: bytes) -> SealKey:
        public = SealKey.of(raw)
        return cls(public.raw, public._key, entropy)  # noqa: SLF001 - it is one

    def seal(self, body: bytes, binding: Binding | bytes, layer: Layer = GATEWAY) -> bytes:
        """See ``SealKey.seal``."""
        ephemeral = X25519PrivateKey.from_private_bytes(self.entropy.random(_CURVE_BYTES))
        sent, curve = ephemeral.public_key().public_bytes_raw(), self.raw[-_CURVE_BYTES:]
        cipher = _cipher(ephemeral.exchange(X25519PublicKey.from_public_bytes(curve)), sent + curve)
        front = (SUITE_ID + bytes([layer])).ljust(_FRONT_BYTES, b"\x00") + sent
        return front + cipher.encrypt(_NONCE, body, front + _bound(binding, layer))


@dataclass(frozen=True, slots=True)
class SeededUnsealKey(UnsealKey):
    """A sealing secret that opens what ``SeededSealKey`` sealed."""

    curve: X25519PrivateKey

    @classmethod
    def of(cls, secret: bytes) -> "SeededUnsealKey":
        """See ``UnsealKey.of``."""
        real, curve = UnsealKey.of(secret), shake_256(secret).digest(96)[-_CURVE_BYTES:]
        private = X25519PrivateKey.from_private_bytes(curve)
        return cls(real.public, real.own, real._key, private)  # noqa: SLF001 - it is one

    def unseal(self, sealed: bytes, binding: Binding | bytes, layer: Layer = GATEWAY) -> bytes:
        """See ``UnsealKey.unseal``."""
        if sealed_layer(sealed) != layer:
            raise MalformedError("the body is not sealed as the message needs it", code="sealed_malformed")
        front, sent = sealed[: _FRONT_BYTES + _CURVE_BYTES], sealed[_FRONT_BYTES : _FRONT_BYTES + _CURVE_BYTES]
        try:
            shared = self.curve.exchange(X25519PublicKey.from_public_bytes(sent))
            cipher = _cipher(shared, sent + self.public[-_CURVE_BYTES:])
            return cipher.decrypt(_NONCE, sealed[len(front) :], front + _bound(binding, layer))
        except (InvalidTag, ValueError) as fault:
            raise SignatureError("the body was sealed to another key or was altered", code="unseal_failed") from fault
