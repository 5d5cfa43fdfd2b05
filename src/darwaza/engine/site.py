"""Where the engine runs: the member it serves, its keys, its services, and whom it trusts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from darwaza.engine.ledger import LedgerEnd
from darwaza.engine.order import ORDER, Early, Order
from darwaza.engine.precedence import Tails
from darwaza.engine.recent import Recent
from darwaza.engine.routing import Routing
from darwaza.engine.trust import Trust
from darwaza.engine.voyage import ROUTE, Fleet, Voyage
from darwaza.errors import ConflictError, MessageError, SignatureError
from darwaza.kernel import instant, letter
from darwaza.kernel.checkpoint import Checkpoint, Cosigner, MLDSA44Cosigner
from darwaza.kernel.link import joined, read_checkpoint
from darwaza.kernel.machine import Case, Service
from darwaza.kernel.note import Note, Signature, Signer, format_note, signed
from darwaza.kernel.request import signer_name
from darwaza.kernel.seal import Binding, SealKey, UnsealKey
from darwaza.kernel.sealcard import Published, SealingCard, issue
from darwaza.kernel.trail import Logs
from darwaza.ports.clock import Clock, Entropy
from darwaza.ports.keys import Keys
from darwaza.ports.store import CaseRow, Changes
from darwaza.standards.cose import Receipt, build_receipt

if TYPE_CHECKING:
    from darwaza.engine.reporting import Owed
    from darwaza.engine.unit import Unit

OWED_MAX = 65_536
"""Reports kept in memory; of more the oldest are forgotten."""

SIGNED_KEPT = 256
"""Own notes remembered; those in flight on all lanes are fewer."""
OPENED_AHEAD_MAX = timedelta(seconds=1)
"""How far the openings of cases may run ahead of the clock; more means that the clock was set back."""
_AT_ONCE = timedelta(0)
_TICK = timedelta(microseconds=1)
BLIND_CONTEXT = b"darwaza command blinds v1"
"""What the log key signs to make the secret of ``engine.repeat``; Ed25519 always gives the same (RFC 8032 5.1.6)."""

encode = msgspec.msgpack.Encoder().encode
to_json = msgspec.json.Encoder().encode


class Site:
    """What stays the same from batch to batch, but for the corridor document and the links' health.

    Attributes:
        member: code of the member this gateway serves.
        clock: tells the time.
        entropy: gives randomness.
        services: by name.
        party_known: whether this gateway serves the party of a full address.
        published: the sealing key that the party of a full address has published here, or None.
        trust: the corridor document in force and those before it.
        blind_secrets: of the log key in use, then of those that were renewed; see ``darwaza.engine.repeat``.
        heard: ids of own logs whose reader has told how much it holds, since this process started.
        signed_for: by neighbours' log, how much of it was signed for here, as its author said since then.
        notice_sequence: of the last notice.
        noticed: sequence of the last notice since this process started, by party.
        ledger_end: where the stored ledger ends.
        recent: what the newest batches have committed.
        routing: the map, and which path a message takes.
        fleet: own messages under way over other members' gateways.
        tails: what new messages of a case follow.
        order: messages of others that wait for the one they follow.
        owed: what origins are to hear of their messages.
        owes_news: whether something of that is to be told at once: more than that a message was handed on.
        handed: what was handed on for others and told of, and may not be co-signed yet.
        detoured: by own log, up to which size waiting messages have been sent another way.
        lanes: own logs that run, by the member they lead to and by lane.
        watchers: called with what each commit changed, after it; they neither raise nor take long.
        hop_logs: whose signatures prove the links of a routed message.
        past_hop_logs: the same with keys that were renewed since, for a message that this gateway took before.
    """

    def __init__(
        self,
        *,
        member: str,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        services: Iterable[Service],
        party_known: Callable[[str], bool],
        trust: Trust,
        published: Callable[[str], Published | None] = lambda _: None,
        seal_to: Callable[[bytes], SealKey] = SealKey.of,
    ) -> None:
        """Settle in.

        Args:
            member: see the class.
            keys: what it signs and opens with.
            clock: see the class.
            entropy: see the class.
            services: see the class.
            party_known: see the class.
            trust: see the class.
            published: see the class.
            seal_to: makes what seals to a member out of its public sealing key. HPKE draws its own ephemeral keys and
                takes none, so whoever wants a run to repeat byte for byte gives something else here
                (``darwaza.testing.sealing``).
        """
        self.member = member
        self.clock = clock
        self.entropy = entropy
        self.services: Mapping[str, Service] = {service.name: service for service in services}
        self.party_known = party_known
        self.published = published
        self.heard: set[int] = set()
        self.signed_for: dict[int, int] = {}
        self.notice_sequence = 0
        self._opened_at = instant.EPOCH
        self.noticed: dict[str, int] = {}
        self._signed: dict[tuple[str, bytes], bytes] = {}
        self.ledger_end = LedgerEnd()
        self.recent = Recent(service.name for service in self.services.values() if service.goes_on)
        self.routing = Routing(member)
        self.fleet = Fleet()
        self.tails = Tails()
        self.order = Order()
        self.owed: list[Owed] = []
        self.owes_news = False
        self.handed: list[Owed] = []
        self.detoured: dict[int, int] = {}
        self.lanes: dict[str, list[int]] = {}
        self.watchers: list[Callable[[Changes], None]] = []
        self._keys = keys
        self._decoders = {name: msgspec.msgpack.Decoder(service.data_type) for name, service in self.services.items()}
        self._decoders[ROUTE] = msgspec.msgpack.Decoder(Voyage)
        self._decoders[ORDER] = msgspec.msgpack.Decoder(Early)
        self._seal_to = seal_to
        self._seal_keys: dict[bytes, SealKey] = {}
        self._unseal: tuple[UnsealKey, ...] = ()
        self._signers: dict[str, tuple[Signer, ...]] = {}
        self._cosigner: Cosigner | None = None
        self.follow(trust)

    encode = staticmethod(encode)
    to_json = staticmethod(to_json)

    def tell(self, changes: Changes) -> None:
        """Note what a commit changed, and tell the watchers."""
        self.notice_sequence += len(changes.notices)
        self.noticed.update({row.party: row.sequence for row in changes.notices})
        if changes.truncate:
            # Leaves have moved: a note that was signed over them may be of another history now.
            self._signed.clear()
        for watcher in self.watchers:
            watcher(changes)

    def open_at(self, now: datetime) -> datetime:
        """When a case opens: at the batch's time, but later than every case before it, so that lists have an order.

        A clock that was set back counts from the time it was set to.
        """
        ahead = self._opened_at - now
        if _AT_ONCE <= ahead < OPENED_AHEAD_MAX:
            now = self._opened_at + _TICK
        self._opened_at = now
        return now

    def decode_case(self, row: CaseRow) -> Case[Any]:
        """Read a stored case."""
        data = self._decoders[row.service].decode(row.data)
        opened, changed = instant.from_fine_text(row.opened_at), instant.from_text(row.changed_at)
        return Case(row.id, row.state, data, row.ucr, opened, changed)

    def follow(self, trust: Trust) -> None:
        """Go by another version of the corridor document, and sign with the keys it names."""
        card = trust.current.card(self.member)
        if card is not None:
            self._keys.follow(card.keys)
        logs = (self._keys.log, *self._keys.former_logs)
        self.blind_secrets = tuple(sha256(key.sign(BLIND_CONTEXT)).digest() for key in logs)
        self.trust = trust
        self._signers = {}
        self._cosigner = None
        self._unseal = ()
        self.hop_logs = Logs(trust.current.name, trust.author_verifiers, trust.required)
        self.past_hop_logs = Logs(trust.current.name, partial(trust.author_verifiers, past=True))
        self.routing.follow(trust)

    def check_keys(self, trust: Trust) -> None:
        """Hold that a version of the corridor document names keys that are here.

        Raises:
            ConflictError: ``keys_differ``: this gateway could sign nothing under it.
        """
        card = trust.current.card(self.member)
        if card is not None and not self._keys.holds(card.keys):
            raise ConflictError("the document names other keys of this member than those in keys/", code="keys_differ")

    # --- lanes ---

    def set_lanes(self, lanes: dict[str, list[int]]) -> None:
        """Tell which own logs lead to which member, by lane; only those that run."""
        self.lanes = lanes
        self.routing.set_lanes(lanes)

    def take_over(self, unit: "Unit") -> None:
        """Take over what a committed batch did to messages under way, and to those that wait here."""
        tracking, owed, reported = unit.tracking, unit.owed, unit.reported
        if tracking.changed:
            self.fleet.merge(tracking.changed)
        self.tails.merge(tracking.precedence, unit.log, self.fleet.of_case)
        if unit.ordering.changed or unit.ordering.passed:
            self.order.merge(unit.ordering.changed)
            self.order.passes(unit.ordering.passed)
        self.fleet.count(tracking.tally, tracking.reasons)
        self.detoured.update(tracking.detours.sizes)
        if reported:
            told = set(map(id, reported))
            self.owed = [one for one in self.owed if id(one) not in told]
            self.handed = [*self.handed, *(one for one in reported if one.due_at)][-OWED_MAX:]
            self.owes_news = any(one.outcome != "relayed" for one in self.owed)
        if owed:
            self.owed = [*self.owed, *owed][-OWED_MAX:]
            self.owes_news = self.owes_news or any(one.outcome != "relayed" for one in owed)

    @property
    def reachable(self) -> frozenset[str]:
        """Members a message can be addressed to now, over however many links."""
        return self.routing.reachable

    def lane(self, member: str, *, bulk: bool) -> int:
        """The own log a message goes into: bulk in the last lane, everything else in the first."""
        return self.lanes[member][-1 if bulk else 0]

    @property
    def unseal_key(self) -> UnsealKey:
        """The sealing key of now."""
        if not self._unseal:
            self._unseal = (self._keys.seal, *self._keys.former_seals)
        return self._unseal[0]

    def opened(self, opening: Callable[[UnsealKey], bytes]) -> bytes:
        """Open something with the sealing key of now, or else with one that was renewed since it was sealed.

        Raises:
            MalformedError, SignatureError: as ``opening`` does with the last key.
        """
        keys = (self.unseal_key, *self._unseal[1:])
        for key in keys[:-1]:
            with suppress(SignatureError):
                return opening(key)
        return opening(keys[-1])

    def letter(self, body: bytes, binding: Binding, member: str) -> bytes:
        """Seal a body to a member; see ``letter.write``.

        Raises:
            SignatureError: see ``seal_key``.
        """
        key = self.entropy.random(letter.KEY_BYTES)
        return letter.write(body, binding, self.seal_key(member), self.unseal_key, key=key)

    def seal_key(self, member: str) -> SealKey:
        """The key that only a member opens.

        Raises:
            SignatureError: ``member_unknown``; ``key_not_admitted``.
        """
        card = self.trust.current.card(member)
        if card is None:
            raise SignatureError(f"{member} is not in the corridor", code="member_unknown")
        found = self._seal_keys.get(card.keys.seal)
        if found is None:
            found = self._seal_keys[card.keys.seal] = self._seal_to(card.keys.seal)
        return found

    # --- signing ---

    def statement_signer(self) -> Signer:
        """What signs this member's statements about links and home rules."""
        return Signer(signer_name(self.trust.current.name, self.member), self._keys.log)

    def sealing_card(self, address: str, now: datetime) -> bytes | None:
        """The signed sealing card of a party served here; None when it has published no key that is valid now.

        It is signed anew each time, so that a renewed log key speaks for keys published before.
        """
        said = self.published(address)
        if said is None or now >= said.expires_at:
            return None
        name = self.trust.current.name
        card = SealingCard(
            corridor=name, expires_at=said.expires_at, issued_at=said.issued_at, key=said.key, party=address
        )
        return issue(card, self.statement_signer())

    def sign(self, origin: str, size: int, root: bytes) -> bytes:
        """Sign a checkpoint of an own log."""
        signers = self._signers.get(origin)
        if signers is None:
            signers = self._signers[origin] = self._make_signers(origin)
        note = format_note(signed(Checkpoint(origin, size, root).text, *signers))
        self._signed[origin, note] = root
        if len(self._signed) > SIGNED_KEPT:
            del self._signed[next(iter(self._signed))]
        return note

    def signed_root(self, origin: str, note: bytes) -> bytes | None:
        """The root under a note of an own log that was signed here a moment ago; None when that is not remembered.

        Acknowledgements come under notes of the last second: remembering them saves a signature check and a walk
        through the tiles for each.
        """
        return self._signed.get((origin, note))

    def is_signed(self, origin: str, checkpoint: bytes) -> bool:
        """Whether an own checkpoint carries every signature that is asked for now."""
        verifiers = self.trust.author_verifiers(origin)
        try:
            read_checkpoint(checkpoint, origin=origin, verifiers=verifiers, required=self.trust.required)
        except MessageError:
            return False
        return True

    def completed(self, origin: str, checkpoint: Checkpoint, note: bytes) -> bytes:
        """A note of an own log with our second signature, where the corridor asks for one and the reader left it out.

        Kept without it, the evidence would be weaker than what was signed.
        """
        if not self.trust.current.mldsa44_required or self.is_signed(origin, note):
            return note
        return joined(self.sign(origin, checkpoint.size, checkpoint.root), note)

    def _make_signers(self, origin: str) -> tuple[Signer, ...]:
        second = self._keys.log_mldsa44 if self.trust.current.mldsa44_required else None
        first = Signer(origin, self._keys.log)
        return (first,) if second is None else (first, MLDSA44Cosigner(origin, second))

    def cosign(self, note: Note, seconds: int) -> tuple[Signature, bytes]:
        """Co-sign a checkpoint; returns the line and the note with it."""
        if self._cosigner is None:
            self._cosigner = Cosigner(self.trust.cosigner_name(self.member), self._keys.witness)
        line = self._cosigner.sign(note.text.encode(), seconds)
        return line, format_note(Note(note.text, (*note.signatures, line)))

    def sign_receipt(self, receipt: Receipt, root: bytes, proof: Sequence[bytes]) -> bytes:
        """Sign a COSE receipt with the log key; see ``cose.build_receipt``."""
        return build_receipt(receipt, root, proof, self._keys.log)
