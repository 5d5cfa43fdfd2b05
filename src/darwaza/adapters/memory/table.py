"""The tables of the in-memory store: containers of immutable rows with the indexes their reads need.

Every ``put`` keeps the indexes right and expects rows that ``police`` has passed; none of them can fail half way.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field, fields
from typing import Any

from darwaza.ports.ledger import AccountRow, BalanceRow, RefusedOrderRow, TransferRow
from darwaza.ports.store import (
    WAITING_FROM,
    AnswerRow,
    CaseRow,
    Changes,
    FactRow,
    ForkRow,
    LeafRow,
    LogRow,
    NoticeRow,
    PartyRow,
    QuarantineRow,
    TileRow,
    WitnessRow,
)

TILE_HASHES = 256
HASH_BYTES = 32


@dataclass(slots=True)
class Tables:
    """Everything one store holds.

    Attributes:
        logs: by id.
        leaves: of each log, by index.
        waiting: of each log, what has no place yet, by index.
        by_key, by_case: the same leaves by message key and by case.
        tiles: of each log, hashes by (level, number).
        checkpoints: of each log, note by size.
        sizes: of each log, the sizes with a checkpoint, ascending.
        cases: by id.
        listed: (opened_at, case id) of a party's cases, ascending; of all cases under None.
        parties: every row.
        reminders: (remind_at, case id), ascending.
        answers: by (party, key).
        facts: of each consignment, by name.
        awaits: what each case awaits.
        awaiting: the cases that await a (consignment, fact name).
        quarantine: by (log, index).
        notices: of each party, ascending.
        sequence: the last notice's.
        forks: in the order they were written.
        witnessed: by origin.
        given_back: cause by message key.
        caused: message keys by cause.
        documents: by version.
        meta: by name.
        accounts: by id.
        balances: by account.
        transfers: in sequence.
        transfer_ids: position in ``transfers`` by id.
        transfer_ends: position in ``transfers`` by the hold they ended.
        open_holds: (expires_at, hold id), ascending.
        refused_orders: by order id.
    """

    logs: dict[int, LogRow] = field(default_factory=dict)
    leaves: dict[int, list[LeafRow]] = field(default_factory=dict)
    waiting: dict[int, dict[int, LeafRow]] = field(default_factory=dict)
    by_key: dict[str, LeafRow] = field(default_factory=dict)
    by_case: dict[str, list[LeafRow]] = field(default_factory=dict)
    tiles: dict[int, dict[tuple[int, int], bytes]] = field(default_factory=dict)
    checkpoints: dict[int, dict[int, bytes]] = field(default_factory=dict)
    sizes: dict[int, list[int]] = field(default_factory=dict)
    cases: dict[str, CaseRow] = field(default_factory=dict)
    listed: dict[str | None, list[tuple[str, str]]] = field(default_factory=dict)
    parties: set[PartyRow] = field(default_factory=set)
    reminders: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[tuple[str, str], AnswerRow] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    facts: dict[str, dict[str, FactRow]] = field(default_factory=dict)
    awaits: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    awaiting: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    quarantine: dict[tuple[int, int], QuarantineRow] = field(default_factory=dict)
    notices: dict[str, list[NoticeRow]] = field(default_factory=dict)
    sequence: int = 0
    forks: list[ForkRow] = field(default_factory=list)
    witnessed: dict[str, WitnessRow] = field(default_factory=dict)
    given_back: dict[str, str] = field(default_factory=dict)
    caused: dict[str, set[str]] = field(default_factory=dict)
    documents: dict[int, bytes] = field(default_factory=dict)
    meta: dict[str, bytes] = field(default_factory=dict)
    accounts: dict[str, AccountRow] = field(default_factory=dict)
    balances: dict[str, BalanceRow] = field(default_factory=dict)
    transfers: list[TransferRow] = field(default_factory=list)
    transfer_ids: dict[str, int] = field(default_factory=dict)
    transfer_ends: dict[str, int] = field(default_factory=dict)
    open_holds: list[tuple[str, str]] = field(default_factory=list)
    refused_orders: dict[str, RefusedOrderRow] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """New containers around the same rows."""
        return Tables(**{each.name: _copy(getattr(self, each.name)) for each in fields(self)})

    def apply(self, changes: Changes) -> None:
        """Write what ``police`` has passed, in the order the port names."""
        self._put_leaves(changes)
        self.logs.update(changes.logs)
        for tile in changes.tiles.values():
            self._put_tile(tile)
        for checkpoint in changes.checkpoints:
            self._put_checkpoint(checkpoint.log_id, checkpoint.size, checkpoint.note)
        for case in changes.cases.values():
            self._put_case(case)
        for party in changes.parties:
            self._put_party(party)
        self.names.update(changes.names)
        self.answers.update(((row.party, row.key), row) for row in changes.answers)
        for fact in changes.facts.values():
            self.facts.setdefault(fact.ucr, {})[fact.name] = fact
        for case_id, waits in changes.awaits.items():
            self._put_awaits(case_id, waits)
        self.quarantine.update(((row.log_id, row.leaf_index), row) for row in changes.quarantine)
        for notice in changes.notices:
            self.notices.setdefault(notice.party, []).append(notice)
            self.sequence = notice.sequence
        self.forks += changes.forks
        self._put_ledger(changes)
        self._put_rest(changes)

    def _put_leaves(self, changes: Changes) -> None:
        for log_id, size in changes.truncate:
            self._truncate(log_id, size)
        for stretch in changes.released:
            self._release(*stretch)
        for leaf in changes.leaves:
            if leaf.leaf_index >= WAITING_FROM:
                self.waiting.setdefault(leaf.log_id, {})[leaf.leaf_index] = leaf
            else:
                self.leaves.setdefault(leaf.log_id, []).append(leaf)
            self.by_key[leaf.message_key] = leaf
            self.by_case.setdefault(leaf.case_id, []).append(leaf)

    def _forget_body(self, log_id: int, index: int) -> None:
        held = self.leaves.get(log_id, [])
        if 0 <= index < len(held):
            former, held[index] = held[index], held[index]._replace(body=b"")
            self.by_key[former.message_key] = held[index]
            same_case = self.by_case[former.case_id]
            same_case[same_case.index(former)] = held[index]

    def _put_rest(self, changes: Changes) -> None:
        for log_id, index in changes.forgotten:
            self._forget_body(log_id, index)
        for witness in changes.witnessed:
            former = self.witnessed.get(witness.origin)
            if former is None or witness.size >= former.size:
                self.witnessed[witness.origin] = witness
        for cause_id, key in changes.given_back:
            if key in self.given_back:
                self.caused[self.given_back[key]].discard(key)
            self.given_back[key] = cause_id
            self.caused.setdefault(cause_id, set()).add(key)
        for key in changes.given_back_used:
            cause = self.given_back.pop(key, None)
            if cause is not None:
                self.caused[cause].discard(key)
        for version, note in changes.documents:
            self.documents.setdefault(version, note)
        self.meta.update(changes.meta)

    def _put_ledger(self, changes: Changes) -> None:
        self.accounts.update(changes.accounts)
        self.balances.update(changes.balances)
        for transfer in changes.transfers:
            self.transfer_ids[transfer.id] = len(self.transfers)
            if transfer.hold_id is not None:
                self.transfer_ends[transfer.hold_id] = len(self.transfers)
            self.transfers.append(transfer)
        self.refused_orders.update((row.order_id, row) for row in changes.refused_orders)
        for hold in changes.holds_opened:
            insort(self.open_holds, hold)
        for hold in changes.holds_ended:
            at = bisect_left(self.open_holds, hold)
            if self.open_holds[at : at + 1] == [hold]:
                del self.open_holds[at]

    def _release(self, log_id: int, start: int, end: int) -> None:
        waiting = self.waiting.get(log_id, {})
        for index in [one for one in waiting if start <= one < end]:
            leaf = waiting.pop(index)
            del self.by_key[leaf.message_key]
            self.by_case[leaf.case_id].remove(leaf)

    def _truncate(self, log_id: int, size: int) -> None:
        leaves = self.leaves.get(log_id, [])
        for leaf in leaves[size:]:
            del self.by_key[leaf.message_key]
            self.by_case[leaf.case_id].remove(leaf)
        del leaves[size:]
        tiles = self.tiles.get(log_id, {})
        for (level, number), hashes in list(tiles.items()):
            kept = max(0, size // TILE_HASHES**level - number * TILE_HASHES) * HASH_BYTES
            if kept == 0:
                del tiles[level, number]
            elif kept < len(hashes):
                tiles[level, number] = hashes[:kept]
        sizes = self.sizes.get(log_id, [])
        first_gone = bisect_left(sizes, size + 1)
        for gone in sizes[first_gone:]:
            del self.checkpoints[log_id][gone]
        del sizes[first_gone:]

    def _put_tile(self, tile: TileRow) -> None:
        self.tiles.setdefault(tile.log_id, {})[tile.level, tile.number] = tile.hashes

    def _put_checkpoint(self, log_id: int, size: int, note: bytes) -> None:
        notes = self.checkpoints.setdefault(log_id, {})
        if size not in notes:
            insort(self.sizes.setdefault(log_id, []), size)
        notes[size] = note

    def _put_case(self, case: CaseRow) -> None:
        former = self.cases.get(case.id)
        self.cases[case.id] = case
        if former is None:
            insort(self.listed.setdefault(None, []), (case.opened_at, case.id))
        elif former.remind_at is not None:
            del self.reminders[bisect_left(self.reminders, (former.remind_at, case.id))]
        if case.remind_at is not None:
            insort(self.reminders, (case.remind_at, case.id))

    def _put_party(self, row: PartyRow) -> None:
        if row not in self.parties:
            self.parties.add(row)
            insort(self.listed.setdefault(row.party, []), (row.opened_at, row.case_id))

    def _put_awaits(self, case_id: str, waits: tuple[tuple[str, str], ...]) -> None:
        for wait in self.awaits.get(case_id, ()):
            self.awaiting[wait].discard(case_id)
        self.awaits[case_id] = waits
        for wait in waits:
            self.awaiting.setdefault(wait, set()).add(case_id)


def _copy(value: Any) -> Any:
    """A container of rows, or of containers of rows; rows are shared."""
    if isinstance(value, dict) and isinstance(next(iter(value.values()), None), dict | list | set):
        return {key: inner.copy() for key, inner in value.items()}
    return value.copy() if isinstance(value, dict | list | set) else value
