"""Where the engine runs: the member it serves, its keys, its services, and whom it trusts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from darwaza.engine.ledger import LedgerEnd
from darwaza.engine.trust import Trust
from darwaza.errors import ConflictError, MessageError
from darwaza.kernel import instant
from darwaza.kernel.checkpoint import Checkpoint, Cosigner, MLDSA44Cosigner
from darwaza.kernel.link import read_checkpoint
from darwaza.kernel.machine import Case, Draft, Service
from darwaza.kernel.message import member_of
from darwaza.kernel.note import Note, Signature, Signer, format_note, signed
from darwaza.ports.clock import Clock, Entropy
from darwaza.ports.keys import Keys
from darwaza.ports.store import CaseRow
from darwaza.standards.cose import Receipt, build_receipt

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
        trust: the corridor document in force and those before it.
        heard: ids of own logs whose reader has told how much it holds, since this process started.
        notice_sequence: of the last notice.
        ledger_end: where the stored ledger ends.
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
    ) -> None:
        self.member = member
        self.clock = clock
        self.entropy = entropy
        self.services: Mapping[str, Service] = {service.name: service for service in services}
        self.party_known = party_known
        self.heard: set[int] = set()
        self.notice_sequence = 0
        self.ledger_end = LedgerEnd()
        self._keys = keys
        self._decoders = {name: msgspec.msgpack.Decoder(service.data_type) for name, service in self.services.items()}
        self._lanes: dict[str, list[int]] = {}
        self._signers: dict[str, tuple[Signer, ...]] = {}
        self.follow(trust)

    encode = staticmethod(encode)
    to_json = staticmethod(to_json)

    def decode_case(self, row: CaseRow) -> Case[Any]:
        """Read a stored case."""
        data = self._decoders[row.service].decode(row.data)
        opened, changed = instant.from_text(row.opened_at), instant.from_text(row.changed_at)
        return Case(row.id, row.state, data, row.ucr, opened, changed)

    def follow(self, trust: Trust) -> None:
        """Go by another version of the corridor document, and sign with the keys it names."""
        card = trust.current.card(self.member)
        if card is not None:
            self._keys.follow(card.keys)
        self.trust = trust
        self._signers = {}

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
        self._lanes = lanes

    @property
    def reachable(self) -> frozenset[str]:
        """Members a message can be addressed to now."""
        return frozenset(self._lanes)

    def lane(self, member: str, *, bulk: bool) -> int:
        """The own log a message goes into: bulk in the last lane, everything else in the first."""
        return self._lanes[member][-1 if bulk else 0]

    def unreachable(self, drafts: Iterable[Draft]) -> str | None:
        """The first destination that no running link leads to, or None."""
        for draft in drafts:
            if member_of(draft.destination) not in self._lanes:
                return draft.destination
        return None

    # --- signing ---

    def sign(self, origin: str, size: int, root: bytes) -> bytes:
        """Sign a checkpoint of an own log."""
        signers = self._signers.get(origin)
        if signers is None:
            signers = self._signers[origin] = self._make_signers(origin)
        return format_note(signed(Checkpoint(origin, size, root).text, *signers))

    def is_signed(self, origin: str, checkpoint: bytes) -> bool:
        """Whether an own checkpoint carries every signature that is asked for now."""
        verifiers = self.trust.author_verifiers(origin)
        try:
            read_checkpoint(checkpoint, origin=origin, verifiers=verifiers, required=self.trust.required)
        except MessageError:
            return False
        return True

    def _make_signers(self, origin: str) -> tuple[Signer, ...]:
        second = self._keys.log_mldsa44 if self.trust.current.mldsa44_required else None
        first = Signer(origin, self._keys.log)
        return (first,) if second is None else (first, MLDSA44Cosigner(origin, second))

    def cosign(self, note: Note, seconds: int) -> tuple[Signature, bytes]:
        """Co-sign a checkpoint; returns the line and the note with it."""
        name = self.trust.cosigner_name(self.member)
        line = Cosigner(name, self._keys.witness).sign(note.text.encode(), seconds)
        return line, format_note(Note(note.text, (*note.signatures, line)))

    def sign_receipt(self, receipt: Receipt, root: bytes, proof: Sequence[bytes]) -> bytes:
        """Sign a COSE receipt with the log key; see ``cose.build_receipt``."""
        return build_receipt(receipt, root, proof, self._keys.log)
