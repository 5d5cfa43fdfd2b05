"""A corridor of gateways in one process, with deterministic keys, a clock that is set, and randomness from a seed."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec

from darwaza.adapters.keyfile.certificate import self_signed
from darwaza.engine.engine import Engine
from darwaza.engine.site import Site
from darwaza.engine.trust import Trust
from darwaza.kernel.amendment import document_signer, found, propose, required_lines
from darwaza.kernel.corridor import DEFAULT_CLASS, Corridor, Link, Terms
from darwaza.kernel.history import History
from darwaza.kernel.key import Ed25519PrivateKey, MLDSA44PrivateKey, PrivateKey
from darwaza.kernel.machine import Service
from darwaza.kernel.member import Card, GatewayAddress, Keys, Role
from darwaza.kernel.naming import KeyRole
from darwaza.kernel.note import format_note, signed
from darwaza.kernel.seal import UnsealKey
from darwaza.ports.store import Store

CORRIDOR_NAME = "darwaza.example/test"
START = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


class Unmeasured:
    """The part of a clock that would differ from run to run."""

    def processor_s(self) -> float:
        """Nothing costs anything."""
        return 0.0


class SetClock(Unmeasured):
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        """The set time."""
        return self.at

    def monotonic_s(self) -> float:
        """Seconds moved so far."""
        return self.elapsed_s

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self.at += timedelta(seconds=seconds)
        self.elapsed_s += seconds


class SeededEntropy:
    """Randomness that a seed decides."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - tests want it to be predictable

    def random(self, size: int) -> bytes:
        """The next bytes."""
        return self._random.randbytes(size)


class SeededKeys:
    """A member's keys, derived from its code."""

    def __init__(
        self,
        code: str,
        *,
        generation: int = 0,
        post_quantum: bool = False,
        unseal: Callable[[bytes], UnsealKey] = UnsealKey.of,
    ) -> None:
        def seed(role: str) -> bytes:
            return sha256(f"{code} {role} {generation}".encode()).digest()

        self.vote: PrivateKey = Ed25519PrivateKey(seed("vote"))
        self.log: PrivateKey = Ed25519PrivateKey(seed("log"))
        self.witness: PrivateKey = Ed25519PrivateKey(seed("witness"))
        self.log_mldsa44: PrivateKey | None = MLDSA44PrivateKey(seed("log_mldsa44")) if post_quantum else None
        self.seal = unseal(seed("seal"))
        self.former_seals: tuple[UnsealKey, ...] = ()
        self.former_logs: tuple[PrivateKey, ...] = ()

    def holds(self, public: Keys) -> bool:
        """Whether these are the keys meant."""
        return (public.log, public.witness) == (self.log.public.raw, self.witness.public.raw)

    def follow(self, public: Keys) -> None:
        """Seeded keys do not change."""

    def card(self, code: str, *, url: str = "", certificate: bytes = b"") -> Card:
        """The card these keys go with."""
        return Card(
            code=code,
            name=f"Member {code}",
            roles=(Role.ENDPOINT, Role.RELAY, Role.WITNESS),
            valid_from=START - timedelta(days=1),
            valid_until=START + timedelta(days=3650),
            addresses=(
                GatewayAddress(url or f"https://{code.lower()}.example", certificate or seeded_certificate(code)),
            ),
            keys=Keys(
                vote=self.vote.public.raw,
                log=self.log.public.raw,
                witness=self.witness.public.raw,
                seal=self.seal.public,
                log_mldsa44=None if self.log_mldsa44 is None else self.log_mldsa44.public.raw,
            ),
        )

    def key(self, role: KeyRole) -> PrivateKey:
        """The key of a role that signs."""
        found_key: PrivateKey = getattr(self, role.value)
        return found_key


def seeded_certificate(code: str) -> bytes:
    """A certificate whose key the member's code decides. DER."""
    scalar = int.from_bytes(sha256(f"{code} tls".encode()).digest(), "big") % (1 << 255)
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    end = START + timedelta(days=3_650)
    return self_signed(key, name=code, hosts=[f"{code.lower()}.example"], serial=1, begin=START, end=end)


def sign_document(document: Corridor, former: Corridor | None, keys: dict[str, SeededKeys]) -> bytes:
    """Sign a corridor document with every line it needs."""
    lines = required_lines(former, document)
    signers = [document_signer(line.signer, keys[line.signer.member].key(_role(line.signer.role))) for line in lines]
    return format_note(signed(document.text, *signers))


def _role(role: KeyRole | None) -> KeyRole:
    if role is None:
        raise ValueError("a document's lines name a role")
    return role


class World:
    """Members, their keys, and the corridor document they agreed on.

    Attributes:
        clock: everybody's.
        keys: by member code.
        document: version 1.
        file: its signed note.
        amendments: signed notes of the versions after it.
    """

    def __init__(
        self,
        codes: Sequence[str],
        links: Iterable[tuple[str, str]] = (),
        *,
        lanes: int = 2,
        post_quantum: bool = False,
        witness_quorum: int = 0,
        path_policy: str = "",
        unseal: Callable[[bytes], UnsealKey] = UnsealKey.of,
    ) -> None:
        codes = sorted(codes)
        self.clock = SetClock()
        self.keys = {code: SeededKeys(code, post_quantum=post_quantum, unseal=unseal) for code in codes}
        pairs = list(links) or [(one, other) for one in codes for other in codes if one < other]
        self.document = found(
            cards=[self.keys[code].card(code) for code in codes],
            name=CORRIDOR_NAME,
            created_at=START - timedelta(hours=1),
            not_after=START + timedelta(days=360),
            quorum=len(codes) // 2 + 1,
            links=tuple(sorted((Link.between(*pair, lanes) for pair in pairs), key=lambda link: link.members)),
            witness_quorum=witness_quorum,
            mldsa44_required=post_quantum,
            classes=(Terms(DEFAULT_CLASS, path_policy, 3_600),),
        )
        self.file = sign_document(self.document, None, self.keys)
        self.amendments: list[bytes] = []

    @property
    def history(self) -> History:
        """The corridor's versions so far."""
        made = History.begin(self.file, self.document.digest, self.clock.now())
        for raw in self.amendments:
            made = made.admit(raw, self.clock.now())
        return made

    def renew_log_key(self, code: str) -> bytes:
        """Give a member another log key; returns the version of the document that says so."""
        former, keys = self.history.latest, self.keys[code]
        keys.former_logs = (*keys.former_logs, keys.log)
        keys.log = SeededKeys(code, generation=len(keys.former_logs)).log
        document = propose(former, created_at=self.clock.now(), votes=[code], cards=[keys.card(code)])
        self.amendments.append(sign_document(document, former, self.keys))
        return self.amendments[-1]

    def site(self, code: str, services: Iterable[Service], *, seed: int | str = 0) -> Site:
        """Where a member's engine runs."""
        return Site(
            member=code,
            keys=self.keys[code],
            clock=self.clock,
            entropy=SeededEntropy(f"{seed} {code}"),
            services=services,
            party_known=lambda address: address.startswith(code + "/") and not address.endswith("/nobody"),
            trust=Trust(self.history),
        )

    def engine(self, code: str, services: Iterable[Service], store: Store, *, seed: int | str = 0) -> Engine:
        """A member's engine on a store."""
        return Engine(self.site(code, services, seed=seed), store)
