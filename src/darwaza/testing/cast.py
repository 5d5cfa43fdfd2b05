"""Members with keys made from their codes, and corridors of them: the same in every run, and known to everybody.

Example::

    rings = [Keyring(code) for code in ("AF", "PK", "UZ")]
    document = corridor_of(rings)
    raw = sign_document(document, None, rings)
    History.begin(raw, document.digest, CREATED_AT)
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as TlsPrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from darwaza.kernel.amendment import Line, document_signer, found, required_lines
from darwaza.kernel.corridor import DEFAULT_CLASS, Corridor, Link, Terms
from darwaza.kernel.key import Ed25519PrivateKey, MLDSA44PrivateKey, PrivateKey
from darwaza.kernel.member import Card, GatewayAddress, Keys, Role
from darwaza.kernel.naming import SIGNING_ROLES, KeyRole
from darwaza.kernel.note import Signer, format_note, signed

CORRIDOR_NAME = "darwaza.example/carec"
CREATED_AT = datetime(2026, 12, 1, tzinfo=UTC)
LIFETIME = timedelta(days=365)


class Keyring(msgspec.Struct, frozen=True):
    """The private keys of a member, each made from the member's code, the key's role and a generation.

    Attributes:
        code: of the member.
        generations: generation of each key that is not the first one, as (role, number); role ``tls`` too.
        post_quantum: whether the member has an ML-DSA-44 key.
    """

    code: str
    generations: tuple[tuple[str, int], ...] = ()
    post_quantum: bool = False

    def rotated(self, role: str) -> "Keyring":
        """The ring with the next key in one role."""
        generations = dict(self.generations)
        generations[role] = generations.get(role, 1) + 1
        return msgspec.structs.replace(self, generations=tuple(sorted(generations.items())))

    def seed(self, role: str) -> bytes:
        """The 32 bytes a key is made from."""
        generation = dict(self.generations).get(role, 1)
        return hashlib.sha256(f"darwaza test key {self.code} {role} {generation}".encode()).digest()

    def signing_key(self, role: KeyRole) -> PrivateKey:
        """The private key of a role that signs."""
        make = MLDSA44PrivateKey if role is KeyRole.LOG_MLDSA44 else Ed25519PrivateKey
        return make(self.seed(role))

    def seal_key(self) -> MLKEM768X25519PrivateKey:
        """The private key that opens what is sealed to the member."""
        return MLKEM768X25519PrivateKey(*self._seal_halves())

    def certificate(self) -> bytes:
        """The gateway's TLS certificate, DER."""
        key = TlsPrivateKey.from_private_bytes(self.seed("tls"))
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"gateway {self.code}")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, CREATED_AT, CREATED_AT + 10 * LIFETIME)
        return builder.sign(key, None).public_bytes(Encoding.DER)

    def card(self, **changes: Any) -> Card:
        """The member's card, an endpoint, relay and witness; ``changes`` by field name."""
        mlkem, x25519 = self._seal_halves()
        card = Card(
            code=self.code,
            name=f"Member {self.code}",
            roles=tuple(Role),
            valid_from=CREATED_AT,
            valid_until=CREATED_AT + 5 * LIFETIME,
            addresses=(GatewayAddress(f"https://gateway.{self.code.lower()}.example:8443", self.certificate()),),
            keys=Keys(
                vote=self.signing_key(KeyRole.VOTE).public.raw,
                log=self.signing_key(KeyRole.LOG).public.raw,
                witness=self.signing_key(KeyRole.WITNESS).public.raw,
                seal=mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw(),
                log_mldsa44=self.signing_key(KeyRole.LOG_MLDSA44).public.raw if self.post_quantum else None,
            ),
        )
        return msgspec.structs.replace(card, **changes)

    def _seal_halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        seed = self.seed(KeyRole.SEAL)
        return MLKEM768PrivateKey.from_seed_bytes(seed + seed), X25519PrivateKey.from_private_bytes(seed)


def corridor_of(rings: Sequence[Keyring], **changes: Any) -> Corridor:
    """Draft version 1 of a corridor whose members form a chain in the order of codes; ``changes`` by field name."""
    codes = sorted(ring.code for ring in rings)
    fields: dict[str, Any] = {
        "name": CORRIDOR_NAME,
        "created_at": CREATED_AT,
        "not_after": CREATED_AT + LIFETIME,
        "quorum": len(codes) // 2 + 1,
        "links": tuple(Link.between(one, other) for one, other in itertools.pairwise(codes)),
        "witness_quorum": min(1, len(codes) - 2),
        "mldsa44_required": False,
        "classes": (Terms(DEFAULT_CLASS, "", 86_400),),
    }
    return found(cards=[ring.card() for ring in rings], **(fields | changes))


def signers_of(lines: Iterable[Line], rings: Iterable[Keyring]) -> list[Signer]:
    """Find what makes these lines; a line whose key no ring holds has nothing."""
    keys = {key.public.raw: key for ring in rings for key in map(ring.signing_key, SIGNING_ROLES)}
    return [document_signer(line.signer, keys[line.key]) for line in lines if line.key in keys]


def sign_document(document: Corridor, former: Corridor | None, rings: Iterable[Keyring]) -> bytes:
    """Sign a document with every key of the rings that it needs; what no ring holds stays unsigned.

    Returns:
        The document's file.
    """
    return format_note(signed(document.text, *signers_of(required_lines(former, document), rings)))
