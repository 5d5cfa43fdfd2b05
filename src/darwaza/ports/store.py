"""The store: everything one gateway knows, changed by whole batches.

Contract, held by ``tests/contract/test_store.py`` on every adapter:

- ``commit`` is one transaction: when it returns, all of it is on the disk (fsync); when it raises ``PushbackError``
  (``disk_full``, ``store_busy``) none of it is there and the store can be used on; when it raises ``InvariantError``,
  because a row that must be new exists already, none of it is there either; when it raises any other ``FatalError``
  nobody knows, the store refuses every further use and the process must stop, so that a new one reads what is there.
- Reads see everything committed before them and nothing else. A read that fails raises ``FatalError``. Nothing is
  committed while a scan is under way.
- One process writes at a time; an adapter refuses to open twice (``OperatorError``, ``store_in_use``).
- Calls come from one thread. ``maintain`` alone may run beside them in another.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple, Protocol

import msgspec

from darwaza.ports.ledger import AccountRow, BalanceRow, RefusedOrderRow, TotalsRow, TransferRow

WAITING_FROM = 1 << 39
"""Indices from here on are no places in a log: own messages stand there in order until they get one.

A log does not count them, and no tile or checkpoint covers them (``engine.waiting``).
"""
WAITING_NONE = (3 << 38, 3 << 38)
"""The span of what waits while nothing does: in the middle, for it grows at both ends."""


class LogRow(msgspec.Struct, frozen=True):
    """One directed log of a link, written or read by this gateway, as stored.

    Attributes:
        id: small integer given by the engine, stable for the life of the store.
        origin: the log's origin line.
        author: member that appends and signs.
        reader: member that co-signs.
        lane: 0 to ``LANES_MAX`` - 1.
        size: leaves held here.
        peaks: the compact range of those leaves, 32 bytes each.
        exposed_size: of an own log: no leaf at or past it has ever left this gateway, so those may still move; or it
            was withdrawn when a fork was settled (``engine.settlement``).
        cosigned_size: of an own log: what the reader has co-signed; of a neighbour's log: equals ``size``.
        checkpoint: the newest note signed by the author over leaves held here; of a neighbour's log with our
            co-signature; empty for an empty log.
        halted: code of why the log stopped, or "".
    """

    id: int
    origin: str
    author: str
    reader: str
    lane: int
    size: int = 0
    peaks: bytes = b""
    exposed_size: int = 0
    cosigned_size: int = 0
    checkpoint: bytes = b""
    halted: str = ""


class LeafRow(NamedTuple):
    """A message in its place.

    Attributes:
        log_id: which log.
        leaf_index: its index in the log; from ``WAITING_FROM`` on it has no place yet.
        message_key: origin member and message id; unique in the store.
        case_id: the case it belongs to.
        header: canonical bytes.
        body: as sent.
    """

    log_id: int
    leaf_index: int
    message_key: str
    case_id: str
    header: bytes
    body: bytes


class TileRow(NamedTuple):
    """Hashes of one tile (C2SP tlog-tiles, height 8): 1 to 256 hashes of 32 bytes."""

    log_id: int
    level: int
    number: int
    hashes: bytes


class CheckpointRow(NamedTuple):
    """A note for a size of a log, with every signature known to be true."""

    log_id: int
    size: int
    note: bytes


class CaseRow(NamedTuple):
    """A case as stored; ``data`` is the service's value in MessagePack, instants are RFC 3339 text.

    ``opened_at`` is to the microsecond (``instant.to_fine_text``), and later than that of every case opened before it.
    """

    id: str
    service: str
    state: str
    data: bytes
    ucr: str | None
    opened_at: str
    changed_at: str
    remind_at: str | None


class PartyRow(NamedTuple):
    """A case concerns an address; ``service`` and ``opened_at`` are the case's."""

    party: str
    service: str
    opened_at: str
    case_id: str


class AnswerRow(NamedTuple):
    """What a party's command was answered; the same key gets the same answer for ever.

    Attributes:
        party: full address.
        key: the party's idempotency key.
        digest: SHA-256 over the command; another digest under the same key is a conflict.
        answer: MessagePack.
        answered_at: instant.
    """

    party: str
    key: str
    digest: bytes
    answer: bytes
    answered_at: str


class FactRow(NamedTuple):
    """The newest statement of a fact on a consignment; ``value`` is MessagePack."""

    ucr: str
    name: str
    value: bytes
    valid_until: str | None
    case_id: str
    stated_at: str


class QuarantineRow(NamedTuple):
    """A message that was kept but could not be processed; its evidence is its leaf."""

    log_id: int
    leaf_index: int
    code: str
    detail: str
    at: str


class NoticeRow(NamedTuple):
    """Something a local party should hear of; ``sequence`` grows by one."""

    sequence: int
    party: str
    kind: str
    case_id: str
    detail: bytes
    at: str


class ForkRow(NamedTuple):
    """Portable proof that a log's author signed two histories (spec/evidence.md)."""

    log_id: int
    at: str
    proof: bytes


class WitnessRow(NamedTuple):
    """The newest checkpoint of somebody else's log that this gateway co-signed as a witness."""

    origin: str
    size: int
    note: bytes


class Changes(msgspec.Struct):
    """Everything one batch changes.

    Attributes:
        logs: new states of logs, by id; what a log is (origin, author, reader, lane) never changes.
        truncate: (log_id, size): forget leaves at and past that size, the hashes in tiles that stand for them, and
            checkpoints past it, before anything below is written; never below what has left this gateway. Those that
            wait stay.
        released: (log_id, start, end): forget what waits there, before anything below is written.
        leaves, tiles, checkpoints, cases, parties, answers, facts, quarantine, notices, forks, witnessed: rows to
            write. Leaves append to their log, or to what waits; leaves, answers, notices and forks are new; parties
            ignore a row that is there; the others replace one of the same key, but a witnessed size never shrinks. What
            a case is (service, opened_at) never changes.
        names: (name, case_id): what a case is found by besides its id; new: a name is given once, for ever.
        awaits: per case the complete set of (ucr, fact name) it waits for, replacing the former.
        given_back: (cause_id, message_key) of own messages a peer gave back before their cause was replayed; one that
            is there waits for this from now on.
        given_back_used: message_keys of such that have been matched; forgotten after ``given_back`` is written.
        documents: (version, note) of admitted corridor documents; a version that is there stays as it is.
        accounts: by id; replaced. What an account is (owner, asset, kind, opened_at) never changes.
        balances: by account; replaced.
        transfers: new, in sequence, following the last one stored without a gap.
        refused_orders: new.
        holds_opened: (expires_at, hold id) of holds that will expire unless something ends them before.
        holds_ended: (expires_at, hold id) of such that have ended.
        forgotten: (log_id, leaf_index) of leaves whose body becomes empty; the leaf is there and stays.
        meta: small named values; replaced.
    """

    logs: dict[int, LogRow] = {}
    truncate: list[tuple[int, int]] = []
    released: list[tuple[int, int, int]] = []
    leaves: list[LeafRow] = []
    tiles: dict[tuple[int, int, int], TileRow] = {}
    checkpoints: list[CheckpointRow] = []
    cases: dict[str, CaseRow] = {}
    parties: list[PartyRow] = []
    names: list[tuple[str, str]] = []
    answers: list[AnswerRow] = []
    facts: dict[tuple[str, str], FactRow] = {}
    awaits: dict[str, tuple[tuple[str, str], ...]] = {}
    quarantine: list[QuarantineRow] = []
    notices: list[NoticeRow] = []
    forks: list[ForkRow] = []
    witnessed: list[WitnessRow] = []
    given_back: list[tuple[str, str]] = []
    given_back_used: list[str] = []
    documents: list[tuple[int, bytes]] = []
    accounts: dict[str, AccountRow] = {}
    balances: dict[str, BalanceRow] = {}
    transfers: list[TransferRow] = []
    refused_orders: list[RefusedOrderRow] = []
    holds_opened: list[tuple[str, str]] = []
    holds_ended: list[tuple[str, str]] = []
    forgotten: list[tuple[int, int]] = []
    meta: dict[str, bytes] = {}


class CaseFilter(msgspec.Struct, frozen=True):
    """Which cases a list holds, newest first.

    Attributes:
        party: only cases that concern this address; None for all (operators' counts only).
        counterparty: and that concern this address too.
        service: of this kind.
        states: in one of these states; empty for any.
        ucr: of this consignment.
        opened_from, opened_before: instants, half open, to the microsecond.
        after: (opened_at, case_id) of the last case of the former page.
        last: (opened_at, case_id) of the last case that is looked at; None for no end.
        items_max: at most this many.
    """

    party: str | None = None
    counterparty: str | None = None
    service: str | None = None
    states: tuple[str, ...] = ()
    ucr: str | None = None
    opened_from: str | None = None
    opened_before: str | None = None
    after: tuple[str, str] | None = None
    last: tuple[str, str] | None = None
    items_max: int = 50

    @property
    def is_apart(self) -> bool:
        """Whether a list is best read service by service: each has its own stretch of a party's cases."""
        return self.party is not None and self.service is None and self.ucr is None


def newest_cases(pages: Iterable[Iterable[CaseRow]], items_max: int) -> list[CaseRow]:
    """The first of several lists together, newest first by (opened_at, id)."""
    return sorted(chain.from_iterable(pages), key=attrgetter("opened_at", "id"), reverse=True)[:items_max]


class Store(Protocol):
    """See the module's contract."""

    def commit(self, changes: Changes) -> None:
        """Write everything in one transaction and return when it is on the disk."""

    def logs(self) -> list[LogRow]:
        """All logs by id."""

    def tile(self, log_id: int, level: int, number: int) -> bytes:
        """Hashes of a tile, complete or partial; empty when there is none."""

    def leaves(self, log_id: int, start: int, end: int, bytes_max: int) -> list[tuple[bytes, bytes]]:
        """Headers and bodies from ``start`` to before ``end``, at most ``bytes_max`` bytes; one of any size if any."""

    def waiting(self, log_id: int, bytes_max: int, items_max: int) -> list[LeafRow]:
        """The first of what waits, at most ``bytes_max`` bytes of headers and bodies; one of any size if any."""

    def waiting_span(self, log_id: int) -> tuple[int, int]:
        """First index of what waits and the index behind the last; ``WAITING_NONE`` when nothing does."""

    def leaf(self, message_key: str) -> LeafRow | None:
        """Find a message by its key."""

    def case_leaves(self, case_id: str) -> list[tuple[int, int, bytes]]:
        """(log_id, index, header) of all messages of a case, by log and index."""

    def body(self, log_id: int, index: int) -> bytes | None:
        """A message's body."""

    def known(self, message_keys: Iterable[str]) -> set[str]:
        """Those of the keys that are stored."""

    def checkpoint_from(self, log_id: int, size: int) -> CheckpointRow | None:
        """The smallest stored checkpoint of at least that size."""

    def cases(self, ids: Iterable[str]) -> dict[str, CaseRow]:
        """The cases among ``ids`` that exist."""

    def cases_after(self, case_id: str, items_max: int) -> list[CaseRow]:
        """Cases with a greater id, by id; "" for the first."""

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Ids of cases by those of the names that are given."""

    def concerns(self, row: PartyRow) -> bool:
        """Whether a case concerns an address."""

    def find_cases(self, wanted: CaseFilter) -> list[CaseRow]:
        """Newest first by (opened_at, id)."""

    def case_back(self, party: str, service: str, place: tuple[str, str], count: int) -> tuple[str, str] | None:
        """(opened_at, case_id) of a party's case of a service, ``count`` back from a place; None for fewer.

        It costs ``count`` steps through keys, however many cases there are.
        """

    def due(self, now: str, items_max: int) -> list[str]:
        """Ids of cases whose reminder is at or before ``now``, oldest first by (remind_at, id)."""

    def answers(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AnswerRow]:
        """Stored answers by (party, key)."""

    def facts(self, ucr: str) -> dict[str, FactRow]:
        """Facts of a consignment by name."""

    def awaiting(self, ucr: str, name: str) -> list[str]:
        """Ids of cases that await a fact, sorted."""

    def given_back(self, cause_id: str) -> list[str]:
        """Keys of own messages given back that this message caused, sorted."""

    def given_back_count(self) -> int:
        """How many own messages given back still wait for their cause."""

    def quarantined(self, items_max: int) -> list[QuarantineRow]:
        """Newest first by (at, place)."""

    def notices(self, party: str, after: int, items_max: int) -> list[NoticeRow]:
        """A party's notices with a sequence past ``after``, oldest first."""

    def notice_sequence(self) -> int:
        """The last sequence used, 0 for none."""

    def forks(self) -> list[ForkRow]:
        """All fork proofs, oldest first."""

    def witnessed(self, origin: str) -> WitnessRow | None:
        """What this gateway last co-signed as a witness of that log."""

    def documents(self) -> list[tuple[int, bytes]]:
        """All admitted corridor documents, oldest first."""

    def meta(self, name: str) -> bytes | None:
        """A small named value."""

    def accounts(self, ids: Iterable[str]) -> list[tuple[AccountRow, BalanceRow]]:
        """The accounts among ``ids`` that exist."""

    def owned_accounts(self, owner: str) -> list[tuple[AccountRow, BalanceRow]]:
        """All accounts of an owner, by id."""

    def account_totals(self) -> list[TotalsRow]:
        """What the accounts come to by asset and kind, all at one moment; by (asset, kind)."""

    def transfers(self, ids: Iterable[str]) -> list[TransferRow]:
        """The transfers among ``ids`` that exist."""

    def refused_orders(self, ids: Iterable[str]) -> list[RefusedOrderRow]:
        """Those of the order ids that stay refused."""

    def ends(self, hold_ids: Iterable[str]) -> list[TransferRow]:
        """The transfers that ended these holds."""

    def holds_due(self, now: str, items_max: int) -> list[str]:
        """Ids of standing holds that expire at or before ``now``, oldest first by (expires_at, id)."""

    def next_hold_at(self) -> str | None:
        """When the first of the standing holds expires; None when none does."""

    def last_transfer(self) -> TransferRow | None:
        """The newest transfer."""

    def history(self, account_id: str, before: int | None, items_max: int) -> list[TransferRow]:
        """An account's transfers with a sequence below ``before`` (None for all), newest first.

        Args:
            account_id: whose.
            before: sequence of a transfer on the account, as the former page ended with; None for the newest.
            items_max: at most this many.
        """

    def scan_accounts(self) -> Iterator[tuple[AccountRow, BalanceRow]]:
        """All accounts by id, for fsck."""

    def scan_transfers(self) -> Iterator[TransferRow]:
        """All transfers in sequence, for fsck."""

    def scan_leaves(self, log_id: int) -> Iterator[LeafRow]:
        """All leaves of a log in order, then what waits, for fsck."""

    def scan_cases(self) -> Iterator[CaseRow]:
        """All cases by id, for fsck."""

    def scan_names(self) -> Iterator[tuple[str, str]]:
        """All names of cases with the ids of these, by name, for fsck."""

    def maintain(self) -> None:
        """Housekeeping that may take long; may run in another thread beside everything else but ``close``.

        Raises:
            PushbackError: it could not be done now; nothing is lost.
            FatalError: as ``commit``.
        """

    def close(self) -> None:
        """Release the store; it cannot be used afterwards."""
