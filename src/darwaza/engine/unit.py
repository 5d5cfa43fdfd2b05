"""One batch in the making: what its inputs have changed so far, on top of what the store holds.

Nothing here touches the store but to read. ``finish`` gives the changes to commit and the logs to install afterwards.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from darwaza.config import CASE_BYTES_MAX, HEADER_BYTES_MAX
from darwaza.engine.givenback import GivenBack
from darwaza.engine.ledger import Entries
from darwaza.engine.log import Log
from darwaza.engine.order import Ordering
from darwaza.engine.reporting import Owed
from darwaza.engine.routing import canonical
from darwaza.engine.site import Site
from darwaza.engine.tracking import Tracking
from darwaza.engine.trust import Trust
from darwaza.kernel import instant
from darwaza.kernel.address import Address
from darwaza.kernel.link import joined
from darwaza.kernel.machine import Case, Decision, Draft, Fact, Notice, Refusal
from darwaza.kernel.message import (
    VERSION,
    Header,
    body_digest,
    decode_header,
    encode_header,
    is_ucr,
)
from darwaza.ports.store import (
    WAITING_NONE,
    AnswerRow,
    CaseRow,
    Changes,
    CheckpointRow,
    FactRow,
    LeafRow,
    NoticeRow,
    PartyRow,
    Store,
    WitnessRow,
)

FIELD_HEX = 32
"""Hex digits of 16 random bytes."""
RANDOM_BYTES = 2_048
_LEAF = b"\x00"
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A message that waits for its place in an own log."""

    hash: bytes
    message_key: str
    case_id: str
    header: bytes
    body: bytes


class Unit:
    """See the module.

    Attributes:
        now: the batch's time.
        changes: what to commit.
        logs: logs as this batch leaves them, by id; only those it touched.
        heard: ids of own logs whose reader was heard in this batch.
        unheard: ids of own logs whose reader turned out to hold leaves that are not held here.
        recollected: see ``Site.signed_for``, what this batch was told.
        trust: the corridor's documents as this batch leaves them; None when it admits none.
        next_blind: of the next message that is sent, 32 hex digits; "" for a random one.
        faults: what went wrong without stopping the batch, for the operator's log.
        made: ids of cases made in this batch.
        tried_at: where the ledger ended when what came back was last tried again (``recovery.retry_with_money``).
        tracking: own messages that go over other members' gateways.
        ordering: messages of others that wait for the one they follow.
        given_back: own messages that came back after a loss.
        owed: what this batch adds to what origins are to hear of their messages.
        reported: what of that it has told.
    """

    def __init__(self, site: Site, store: Store, logs: dict[int, Log], now: datetime) -> None:
        self.now = now
        self.now_text = instant.to_text(now)
        self.changes = Changes()
        self.logs: dict[int, Log] = {}
        self.heard: set[int] = set()
        self.unheard: set[int] = set()
        self.recollected: dict[int, int] = {}
        self.trust: Trust | None = None
        self.faults: list[str] = []
        self.made: set[str] = set()
        self.tried_at = site.ledger_end.sequence
        self.next_blind = ""
        self._site = site
        self._store = store
        self._held = logs
        self._pending: dict[int, list[Pending]] = {}
        self._cases: dict[str, tuple[str, Case[Any]] | None] = {}
        self._names: dict[str, str | None] = {}
        self._facts: dict[tuple[str, str], Fact] = {}
        self._answers: dict[tuple[str, str], AnswerRow] = {}
        self._witnessed: dict[str, WitnessRow] = {}
        self._keys: set[str] = set()
        self._concerned: set[PartyRow] = set()
        self._ledger: Entries | None = None
        self.tracking = Tracking(site, store, self)
        self.ordering = Ordering(site, store, self)
        self.given_back = GivenBack(store)
        self.owed: list[Owed] = []
        self.reported: list[Owed] = []
        self._placed: dict[str, Owed] = {}
        self._random = ""
        self._random_used = 0
        milliseconds = f"{int(now.timestamp() * 1000):012x}"
        self._id_start = f"{milliseconds[:8]}-{milliseconds[8:]}-7"

    # --- identifiers ---

    def random_hex(self) -> str:
        """32 hex digits nobody can guess."""
        start = self._random_used
        self._random_used = end = start + FIELD_HEX
        if end > len(self._random):
            self._random = self._site.entropy.random(RANDOM_BYTES).hex()
            self._random_used = end = FIELD_HEX
            start = 0
        return self._random[start:end]

    def new_id(self) -> str:
        """A UUID of version 7 (RFC 9562 section 5.7): sorted by time, so that tables grow at one end."""
        noise = self.random_hex()
        return f"{self._id_start}{noise[:3]}-{_VARIANT[noise[3]]}{noise[4:7]}-{noise[7:19]}"

    # --- cases ---

    def load_cases(self, ids: Iterable[str]) -> None:
        """Read many cases at once; those that do not exist are remembered as such."""
        cases, site = self._cases, self._site
        new = dict.fromkeys([case_id for case_id in ids if case_id not in cases])
        cases.update(new)
        cases.update(site.recent.find(new, self._store, site.decode_case))

    def case(self, case_id: str) -> tuple[str, Case[Any]] | None:
        """The service's name and the case as this batch has it, or None."""
        if case_id not in self._cases:
            self.load_cases((case_id,))
        return self._cases[case_id]

    def assume_new(self, case_id: str) -> None:
        """State that an identifier made in this batch has no case."""
        self._cases[case_id] = None
        self.made.add(case_id)

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Ids of cases by those of the names that are given, as this batch has it."""
        wanted, known = dict.fromkeys(names), self._names
        unread = [name for name in wanted if name not in known]
        if unread:
            known.update(dict.fromkeys(unread))
            known.update(self._store.named(unread))
        return {name: found for name in wanted if (found := known[name]) is not None}

    def fact(self, ucr: str | None, name: str, now: datetime) -> Fact | None:
        """The valid fact of this name, or None."""
        if ucr is None:
            return None
        fact = self._facts.get((ucr, name))
        if fact is None:
            row = self._store.facts(ucr).get(name)
            if row is None:
                return None
            until = None if row.valid_until is None else instant.from_text(row.valid_until)
            fact = Fact(row.name, msgspec.msgpack.decode(row.value), until)
        return None if fact.valid_until is not None and fact.valid_until < now else fact

    def apply(
        self, name: str, case_id: str, case: Case[Any] | None, decision: Decision[Any], cause: str | None, at: datetime
    ) -> tuple[str, ...] | Refusal:
        """Take a service's decision into the batch, on a new case as of ``at``; returns the ids of what it sends.

        Raises:
            ValueError: the service's fault, found before anything was changed.
        """
        _check(case, decision)
        site, changes = self._site, self.changes
        data = site.encode(decision.data)
        if len(data) > CASE_BYTES_MAX:
            return Refusal("case_too_large", f"a case of {len(data)} bytes is over the limit of {CASE_BYTES_MAX}")
        ucr = decision.ucr or (None if case is None else case.ucr)
        opened = site.open_at(at) if case is None else case.opened_at
        opened_text = instant.to_fine_text(opened)
        remind_at = None if decision.remind_at is None else instant.to_text(decision.remind_at)
        details = [site.encode(notice.detail) for notice in decision.notices]
        facts = [(fact, self._fact_row(case_id, ucr or "", fact)) for fact in decision.facts]
        # Everything that a service can get wrong is behind; from here on the batch changes.
        for notice, detail in zip(decision.notices, details, strict=True):
            self.tell(notice, detail, case_id)
        self._cases[case_id] = (name, Case(case_id, decision.state, decision.data, ucr, opened, self.now))
        changes.cases[case_id] = CaseRow(
            case_id, name, decision.state, data, ucr, opened_text, self.now_text, remind_at
        )
        for party in dict.fromkeys(decision.parties):
            concerned = PartyRow(party, name, opened_text, case_id)
            changes.parties.append(concerned)
            self._concerned.add(concerned)
        for case_name in decision.names:
            self._names[case_name] = case_id
            changes.names.append((case_name, case_id))
        if decision.awaits or case is not None:
            changes.awaits[case_id] = tuple((ucr or "", one) for one in decision.awaits)
        for fact, row in facts:
            self._facts[row.ucr, row.name] = fact
            changes.facts[row.ucr, row.name] = row
        return tuple(self.send(draft, case_id, ucr, cause) for draft in decision.messages)

    def _fact_row(self, case_id: str, ucr: str, fact: Fact) -> FactRow:
        until = None if fact.valid_until is None else instant.to_text(fact.valid_until)
        return FactRow(ucr, fact.name, self._site.encode(fact.value), until, case_id, self.now_text)

    def remind(self, service: str, case: Case[Any], at: datetime | None) -> None:
        """Move a case's reminder, or let it sleep."""
        opened, changed = instant.to_fine_text(case.opened_at), instant.to_text(case.changed_at)
        remind_at = None if at is None else instant.to_text(at)
        data = self._site.encode(case.data)
        self.changes.cases[case.id] = CaseRow(case.id, service, case.state, data, case.ucr, opened, changed, remind_at)

    def is_due(self, case_id: str) -> bool:
        """Whether a case that was due in the store still is in this batch."""
        row = self.changes.cases.get(case_id)
        return row is None or (row.remind_at is not None and row.remind_at <= self.now_text)

    def concerns(self, row: PartyRow) -> bool:
        """Whether a case concerns an address, as this batch has it."""
        return row in self._concerned or row in self._site.recent.parties or self._store.concerns(row)

    def awaiting(self, ucr: str, name: str) -> list[str]:
        """Cases that await a fact, as this batch has it."""
        stored = [one for one in self._store.awaiting(ucr, name) if one not in self.changes.awaits]
        return stored + [one for one, waits in self.changes.awaits.items() if (ucr, name) in waits]

    # --- the ledger ---

    def foresee(self, named: Iterable[tuple[str, str, str, Any]]) -> None:
        """Read ahead what inputs will ask for, by what their services foresee.

        Args:
            named: service, case id ("" for one that is not made yet), kind and body of each input; the cases of the
                ids are loaded.
        """
        ids: set[str] = set()
        names: set[str] = set()
        for name, case_id, kind, body in named:
            service = self._site.services.get(name)
            if service is not None and service.foresee is not None:
                found = self._cases.get(case_id)
                foreseen = service.foresee(case_id, None if found is None else found[1], kind, body)
                ids.update(foreseen.transfers)
                names.update(foreseen.names)
        if ids:
            self.ledger.book.foresee(ids)
        if names:
            self.named(names)

    @property
    def ledger(self) -> Entries:
        """The ledger as this batch has it."""
        if self._ledger is None:
            site, recent = self._site, self._site.recent
            self._ledger = Entries(self._store, recent.holds, recent.accounts, site.ledger_end, self.now)
        return self._ledger

    def tell(self, notice: Notice, detail: bytes, case_id: str = "") -> None:
        """Put a notice into the batch, its detail encoded; without a case it is about money that an operator moved."""
        sequence = self._site.notice_sequence + len(self.changes.notices) + 1
        self.changes.notices.append(NoticeRow(sequence, notice.party, notice.kind, case_id, detail, self.now_text))

    def leave(self) -> None:
        """Tell the site, after the commit, where the ledger ends and what may soon be asked for."""
        if self._ledger is not None:
            self._site.ledger_end = self._ledger.end
            self._site.recent.follow_ledger(self._ledger.made, self._ledger.standing)
        self._site.recent.follow_cases(self.changes, self._cases)

    # --- messages ---

    def send(
        self, draft: Draft, case_id: str, ucr: str | None, cause_id: str | None, *, log_id: int | None = None
    ) -> str:
        """Complete a draft's header and queue it for its log; returns the message's id.

        Args:
            draft: its destination can be reached.
            case_id: see ``Header``.
            ucr: see ``Header``.
            cause_id: see ``Header``.
            log_id: the log it belongs in when that is not the one its destination and size lead to.
        """
        body = draft.body
        message_id = self.new_id()
        header = Header(
            blind=self.next_blind or self.random_hex(),
            body_bytes=len(body),
            body_digest=body_digest(body, draft.media_type),
            case_id=case_id,
            cause_id=cause_id,
            created_at=self.now_text,
            destination=draft.destination,
            expires_at=None if draft.expires_at is None else instant.to_text(draft.expires_at),
            id=message_id,
            kind=draft.kind,
            media_type=draft.media_type,
            origin=draft.origin,
            path_policy=canonical(draft.path_policy) or None,
            ucr=ucr,
            version=VERSION,
        )
        self.next_blind = ""
        if log_id is None:
            self.tracking.depart(draft, header)
        else:
            self.queue(log_id, encode_header(header), body, f"{self._site.member} {message_id}", case_id)
        return message_id

    def leaf(self, message_key: str) -> LeafRow | None:
        """A message as stored, or None."""
        return self._store.leaf(message_key)

    def owe(self, owed: Owed, relay_key: str) -> None:
        """Tell an origin later that its message was handed on, by the own message of this key."""
        self.owed.append(owed)
        self._placed[relay_key] = owed

    def queue(self, log_id: int, header: bytes, body: bytes, message_key: str, case_id: str) -> None:
        """Queue a finished message for an own log; under "" it is a further copy of one that is stored."""
        if message_key:
            self._keys.add(message_key)
        pending = Pending(sha256(_LEAF + header).digest(), message_key, case_id, header, body)
        self._pending.setdefault(log_id, []).append(pending)

    def arrived(self, message_key: str) -> None:
        """Note that this batch stores a message that came."""
        self._keys.add(message_key)

    def holds(self, message_key: str) -> bool:
        """Whether this batch stores a message of this key."""
        return message_key in self._keys

    # --- answers and witnessed checkpoints ---

    def load_answers(self, keys: list[tuple[str, str]]) -> None:
        """Read the stored answers to many commands at once."""
        if keys:
            self._answers = self._store.answers(keys)

    def answer(self, party: str, key: str) -> AnswerRow | None:
        """What a command was answered, in the store or in this batch."""
        return self._answers.get((party, key))

    def keep_answer(self, party: str, key: str, digest: bytes, answer: bytes) -> None:
        """Keep what a command is answered."""
        row = AnswerRow(party, key, digest, answer, self.now_text)
        self._answers[party, key] = row
        self.changes.answers.append(row)

    def witnessed(self, origin: str) -> WitnessRow | None:
        """What was last co-signed for a log, in the store or in this batch."""
        return self._witnessed.get(origin) or self._store.witnessed(origin)

    def keep_witnessed(self, row: WitnessRow) -> None:
        """Keep what is co-signed; in the same transaction as it was compared."""
        self._witnessed[row.origin] = row
        self.changes.witnessed.append(row)

    # --- logs ---

    def log(self, log_id: int) -> Log:
        """A log as this batch has it."""
        return self.logs.get(log_id) or self._held[log_id]

    def heard_until(self, member: str) -> datetime | None:
        """When a neighbour's newest ordinary message was made, as its header says; None when there is none."""
        logs = (log for log in self._held.values() if (log.row.author, log.row.reader) == (member, self._site.member))
        first = min(logs, key=lambda log: log.row.lane, default=None)
        if first is None or first.row.size == 0:
            return None
        # What this batch brings is in the store only after it: leaving it out errs on the safe side.
        ((header, _),) = self._store.leaves(first.row.id, first.row.size - 1, first.row.size, HEADER_BYTES_MAX)
        return instant.from_text(decode_header(header).created_at)

    def append(self, log: Log, entries: list[Pending], note: bytes | None = None) -> None:
        """Put messages into a log, in order.

        Args:
            log: as this batch has it.
            entries: the messages.
            note: the author's checkpoint for the longer log; None for an own log, whose checkpoint ``finish`` signs.
        """
        longer, tiles = log.append([entry.hash for entry in entries])
        log_id, start = log.row.id, log.row.size
        for index, entry in enumerate(entries, start):
            self.changes.leaves.append(_leaf_row(log_id, index, entry))
            if self._placed and entry.message_key in self._placed:
                self._placed[entry.message_key].index = index
        for tile in tiles:
            self.changes.tiles[tile[:3]] = tile
        if note is not None:
            longer = longer.with_row(checkpoint=note, cosigned_size=longer.row.size, exposed_size=longer.row.size)
            self.changes.checkpoints.append(CheckpointRow(log_id, longer.row.size, note))
        self.install(longer)

    def checkpoint(self, log_id: int, size: int) -> bytes | None:
        """The checkpoint of exactly this size with all its signatures, as this batch has it."""
        for row in reversed(self.changes.checkpoints):
            if (row.log_id, row.size) == (log_id, size):
                return row.note
        row_or_none = self._store.checkpoint_from(log_id, size)
        return row_or_none.note if row_or_none is not None and row_or_none.size == size else None

    def keep_checkpoint(self, log_id: int, size: int, note: bytes) -> None:
        """Keep a checkpoint, with the signatures that were under it before: witnesses do not sign twice."""
        held = self.checkpoint(log_id, size)
        self.changes.checkpoints.append(CheckpointRow(log_id, size, note if held is None else joined(held, note)))

    def install(self, log: Log) -> None:
        """Note a log's new state."""
        self.logs[log.row.id] = log
        self.changes.logs[log.row.id] = log.row

    def finish(self) -> Changes:
        """Give the queued messages their places, sign the logs that grew, and return everything to commit.

        A log whose reader has been heard exposes its new leaves at once: they will be sent after the commit. Until the
        reader has been heard they stay unexposed and may still move behind leaves it gives back.
        """
        for log_id in list(self._pending):
            self.flush(log_id)
        if self._ledger is not None:
            self._ledger.write(self.changes)
        self.given_back.write(self.changes)
        return self.changes

    def flush(self, log_id: int) -> None:
        """Give the messages queued for one log their places, and sign it."""
        entries = self._pending.pop(log_id, [])
        if entries and self.log(log_id).waiting != WAITING_NONE:
            self._wait(self.log(log_id), entries)
        else:
            self.place(log_id, entries)

    def _wait(self, log: Log, entries: list[Pending]) -> None:
        """Let messages queue behind those that wait for a place (``engine.waiting``)."""
        log_id, (start, end) = log.row.id, log.waiting
        for index, entry in enumerate(entries, end):
            self.changes.leaves.append(_leaf_row(log_id, index, entry))
        self.install(msgspec.structs.replace(log, waiting=(start, end + len(entries))))

    def place(self, log_id: int, entries: list[Pending]) -> None:
        """Give messages their places in an own log, and sign it."""
        if not entries:
            return
        self.append(self.log(log_id), entries)
        log = self.log(log_id)
        note = self._site.sign(log.row.origin, log.row.size, log.frontier.root())
        heard = self.is_heard(log_id)
        self.install(log.with_row(checkpoint=note, exposed_size=log.row.size if heard else log.row.exposed_size))

    def is_heard(self, log_id: int) -> bool:
        """Whether the reader of an own log has told that it holds nothing that is not held here."""
        return (log_id in self._site.heard or log_id in self.heard) and log_id not in self.unheard

    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return self.changes == Changes()


def _leaf_row(log_id: int, index: int, entry: Pending) -> LeafRow:
    """A message at its place; one without a key of its own is stored under the place."""
    key = entry.message_key or f"{log_id}:{index}"
    return LeafRow(log_id, index, key, entry.case_id, entry.header, entry.body)


def _check(case: Case[Any] | None, decision: Decision[Any]) -> None:
    """Refuse what no service may decide, before anything is changed."""
    ucr = decision.ucr or (None if case is None else case.ucr)
    if ucr is None and (decision.facts or decision.awaits):
        raise ValueError("a case without a consignment can neither state nor await a fact")
    if decision.ucr is not None and not is_ucr(decision.ucr):
        raise ValueError(f"not a consignment reference: {decision.ucr[:40]!r}")
    for draft in decision.messages:
        Address.parse(draft.origin)
        Address.parse(draft.destination)
