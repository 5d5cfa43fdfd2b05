"""The store of ``darwaza.ports.store`` in memory: the same behaviour, no disk, and strict about its use.

It checks a batch first and writes it then, so a refused one changes nothing and nothing has to be copied. ``copy`` is a
backup: new containers around the same immutable rows. ``fail_next`` lets a commit fail as a disk does, in both ways.

Example::

    store = MemoryStore()
    old = store.copy()
    store.fail_next(FatalError("power cut"), applied=True)
    ...                      # the commit raises, the store refuses further use
    store = store.copy()     # the restarted process finds the commit
    store = old.copy()       # or somebody restores last week's backup
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter

from darwaza.adapters.memory.police import check
from darwaza.adapters.memory.table import Tables
from darwaza.errors import DarwazaError, FatalError, InvariantError, PushbackError
from darwaza.ports.ledger import AccountRow, BalanceRow, RefusedOrderRow, TotalsRow, TransferRow
from darwaza.ports.store import (
    WAITING_NONE,
    AnswerRow,
    CaseFilter,
    CaseRow,
    Changes,
    CheckpointRow,
    FactRow,
    ForkRow,
    LeafRow,
    LogRow,
    NoticeRow,
    PartyRow,
    QuarantineRow,
    WitnessRow,
)


class MemoryStore:
    """See ``darwaza.ports.store.Store``."""

    def __init__(self) -> None:
        """Make an empty store."""
        self._tables = Tables()
        self._over = ""
        self._fault: tuple[DarwazaError, bool] | None = None

    # --- what only the double can do ---

    def copy(self) -> "MemoryStore":
        """The store as it is now, as a usable one of its own; also of one that failed or was closed."""
        twin = MemoryStore()
        twin._tables = self._tables.copy()
        return twin

    def fail_next(self, error: PushbackError | FatalError, *, applied: bool = False) -> None:
        """Let the next commit raise ``error``; after a ``FatalError`` the store refuses further use.

        Args:
            error: what to raise.
            applied: whether the commit is there all the same when somebody looks again.

        Raises:
            InvariantError: a pushed-back commit is never applied.
        """
        if applied and not isinstance(error, FatalError):
            raise InvariantError("a pushed-back commit is never applied")
        self._fault = (error, applied)

    # --- writing ---

    def commit(self, changes: Changes) -> None:
        """Write everything or nothing."""
        tables = self._usable()
        check(tables, changes)
        fault, self._fault = self._fault, None
        if fault is None:
            tables.apply(changes)
            return
        error, applied = fault
        if applied:
            tables.apply(changes)
        if isinstance(error, FatalError):
            self._over = "a write failed"
        raise error

    def _usable(self) -> Tables:
        if self._over:
            raise FatalError(f"the store may not be used any more: {self._over}")
        return self._tables

    # --- reading ---

    def logs(self) -> list[LogRow]:
        """All logs."""
        return sorted(self._usable().logs.values(), key=attrgetter("id"))

    def tile(self, log_id: int, level: int, number: int) -> bytes:
        """Hashes of a tile; empty when there is none."""
        return self._usable().tiles.get(log_id, {}).get((level, number), b"")

    def leaves(self, log_id: int, start: int, end: int, bytes_max: int) -> list[tuple[bytes, bytes]]:
        """Headers and bodies of a stretch of a log."""
        found: list[tuple[bytes, bytes]] = []
        total = 0
        held = self._usable().leaves.get(log_id, [])
        for index in range(max(start, 0), min(end, len(held))):
            leaf = held[index]
            total += len(leaf.header) + len(leaf.body)
            if found and total > bytes_max:
                break
            found.append((leaf.header, leaf.body))
        return found

    def waiting(self, log_id: int, bytes_max: int, items_max: int) -> list[LeafRow]:
        """The first of what waits."""
        found: list[LeafRow] = []
        total = 0
        for leaf in self._waiting(log_id)[:items_max]:
            total += len(leaf.header) + len(leaf.body)
            if found and total > bytes_max:
                break
            found.append(leaf)
        return found

    def _waiting(self, log_id: int) -> list[LeafRow]:
        return [leaf for _, leaf in sorted(self._usable().waiting.get(log_id, {}).items())]

    def waiting_span(self, log_id: int) -> tuple[int, int]:
        """First index of what waits and the index behind the last."""
        held = self._usable().waiting.get(log_id) or {}
        return (min(held), max(held) + 1) if held else WAITING_NONE

    def leaf(self, message_key: str) -> LeafRow | None:
        """Find a message by its key."""
        return self._usable().by_key.get(message_key)

    def case_leaves(self, case_id: str) -> list[tuple[int, int, bytes]]:
        """Places and headers of all messages of a case."""
        leaves = self._usable().by_case.get(case_id, ())
        return sorted((leaf.log_id, leaf.leaf_index, leaf.header) for leaf in leaves)

    def body(self, log_id: int, index: int) -> bytes | None:
        """A message's body."""
        tables = self._usable()
        leaves = tables.leaves.get(log_id, [])
        found = leaves[index] if 0 <= index < len(leaves) else tables.waiting.get(log_id, {}).get(index)
        return None if found is None else found.body

    def known(self, message_keys: Iterable[str]) -> set[str]:
        """Those of the keys that are stored."""
        by_key = self._usable().by_key
        return {key for key in message_keys if key in by_key}

    def checkpoint_from(self, log_id: int, size: int) -> CheckpointRow | None:
        """The smallest stored checkpoint of at least that size."""
        tables = self._usable()
        sizes = tables.sizes.get(log_id, [])
        at = bisect_left(sizes, size)
        return CheckpointRow(log_id, sizes[at], tables.checkpoints[log_id][sizes[at]]) if at < len(sizes) else None

    def cases(self, ids: Iterable[str]) -> dict[str, CaseRow]:
        """The cases among ``ids`` that exist."""
        cases = self._usable().cases
        return {case_id: cases[case_id] for case_id in ids if case_id in cases}

    def cases_after(self, case_id: str, items_max: int) -> list[CaseRow]:
        """A page of all cases by id."""
        cases = self._usable().cases
        return [cases[one] for one in sorted(one for one in cases if one > case_id)[:items_max]]

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Ids of cases by those of the names that are given."""
        given = self._usable().names
        return {name: given[name] for name in names if name in given}

    def concerns(self, row: PartyRow) -> bool:
        """Whether a case concerns an address."""
        return row in self._usable().parties

    def find_cases(self, wanted: CaseFilter) -> list[CaseRow]:
        """Newest first by (opened_at, id)."""
        tables = self._usable()
        listed = tables.listed.get(wanted.party, [])
        first, end = 0, len(listed)
        if wanted.opened_from is not None:
            first = bisect_left(listed, (wanted.opened_from,))
        if wanted.opened_before is not None:
            end = bisect_left(listed, (wanted.opened_before,))
        if wanted.after is not None:
            end = min(end, bisect_left(listed, wanted.after))
        if wanted.last is not None:
            first = max(first, bisect_left(listed, wanted.last))
        found = (tables.cases[listed[at][1]] for at in range(end - 1, first - 1, -1))
        return list(islice((case for case in found if self._wanted(case, wanted)), wanted.items_max))

    def _wanted(self, case: CaseRow, wanted: CaseFilter) -> bool:
        other = wanted.counterparty
        return (
            (wanted.service is None or case.service == wanted.service)
            and (not wanted.states or case.state in wanted.states)
            and (wanted.ucr is None or case.ucr == wanted.ucr)
            and (other is None or PartyRow(other, case.service, case.opened_at, case.id) in self._tables.parties)
        )

    def case_back(self, party: str, service: str, place: tuple[str, str], count: int) -> tuple[str, str] | None:
        """Place of a party's case of a service, so many back from a place."""
        tables = self._usable()
        places = (one for one in reversed(tables.listed.get(party, [])) if one < place)
        return next(islice((one for one in places if tables.cases[one[1]].service == service), count - 1, None), None)

    def due(self, now: str, items_max: int) -> list[str]:
        """Ids of cases whose reminder has come."""
        reminders = self._usable().reminders
        end = bisect_right(reminders, now, key=lambda reminder: reminder[0])
        return [case_id for _, case_id in reminders[: min(end, items_max)]]

    def answers(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AnswerRow]:
        """Stored answers by (party, key)."""
        answers = self._usable().answers
        return {key: answers[key] for key in keys if key in answers}

    def facts(self, ucr: str) -> dict[str, FactRow]:
        """Facts of a consignment by name."""
        return self._usable().facts.get(ucr, {}).copy()

    def awaiting(self, ucr: str, name: str) -> list[str]:
        """Ids of cases that await a fact."""
        return sorted(self._usable().awaiting.get((ucr, name), ()))

    def given_back(self, cause_id: str) -> list[str]:
        """Keys of own messages given back that this message caused."""
        return sorted(self._usable().caused.get(cause_id, ()))

    def given_back_count(self) -> int:
        """How many of those still wait."""
        return len(self._usable().given_back)

    def quarantined(self, items_max: int) -> list[QuarantineRow]:
        """Newest first."""
        rows = sorted(self._usable().quarantine.values(), key=lambda row: (row.at, row.log_id, row.leaf_index))
        return rows[::-1][:items_max]

    def notices(self, party: str, after: int, items_max: int) -> list[NoticeRow]:
        """A party's notices past a sequence."""
        rows = self._usable().notices.get(party, [])
        first = bisect_right(rows, after, key=attrgetter("sequence"))
        return rows[first : first + items_max]

    def notice_sequence(self) -> int:
        """The last sequence used."""
        return self._usable().sequence

    def forks(self) -> list[ForkRow]:
        """All fork proofs."""
        return sorted(self._usable().forks, key=attrgetter("at"))

    def witnessed(self, origin: str) -> WitnessRow | None:
        """What this gateway last co-signed as a witness of that log."""
        return self._usable().witnessed.get(origin)

    def documents(self) -> list[tuple[int, bytes]]:
        """All admitted corridor documents."""
        return sorted(self._usable().documents.items())

    def meta(self, name: str) -> bytes | None:
        """A small named value."""
        return self._usable().meta.get(name)

    # --- reading the ledger ---

    def accounts(self, ids: Iterable[str]) -> list[tuple[AccountRow, BalanceRow]]:
        """The accounts among ``ids`` that exist."""
        tables = self._usable()
        return [(tables.accounts[one], tables.balances[one]) for one in ids if one in tables.accounts]

    def owned_accounts(self, owner: str) -> list[tuple[AccountRow, BalanceRow]]:
        """All accounts of an owner."""
        return [row for row in self.scan_accounts() if row[0].owner == owner]

    def account_totals(self) -> list[TotalsRow]:
        """What the accounts come to by asset and kind."""
        sums: dict[tuple[str, str], list[int]] = {}
        for terms, totals in self.scan_accounts():
            row = sums.setdefault((terms.asset, terms.kind), [0] * 5)
            for place, value in enumerate((1, *totals[1:5])):
                row[place] += value
        return [TotalsRow(*key, *sums[key]) for key in sorted(sums)]

    def transfers(self, ids: Iterable[str]) -> list[TransferRow]:
        """The transfers among ``ids`` that exist."""
        tables = self._usable()
        return [tables.transfers[tables.transfer_ids[one]] for one in ids if one in tables.transfer_ids]

    def refused_orders(self, ids: Iterable[str]) -> list[RefusedOrderRow]:
        """Those of the order ids that stay refused."""
        refused = self._usable().refused_orders
        return [refused[one] for one in ids if one in refused]

    def ends(self, hold_ids: Iterable[str]) -> list[TransferRow]:
        """The transfers that ended these holds."""
        tables = self._usable()
        return [tables.transfers[tables.transfer_ends[one]] for one in hold_ids if one in tables.transfer_ends]

    def holds_due(self, now: str, items_max: int) -> list[str]:
        """Ids of standing holds whose time is over."""
        due = (hold_id for expires_at, hold_id in self._usable().open_holds if expires_at <= now)
        return list(islice(due, items_max))

    def next_hold_at(self) -> str | None:
        """When the first of the standing holds expires."""
        first = next(iter(self._usable().open_holds), None)
        return None if first is None else first[0]

    def last_transfer(self) -> TransferRow | None:
        """The newest transfer."""
        transfers = self._usable().transfers
        return transfers[-1] if transfers else None

    def history(self, account_id: str, before: int | None, items_max: int) -> list[TransferRow]:
        """An account's transfers, newest first."""
        own = (
            row
            for row in reversed(self._usable().transfers)
            if account_id in (row.debit_account, row.credit_account) and (before is None or row.sequence < before)
        )
        return list(islice(own, max(items_max, 0)))

    def scan_accounts(self) -> Iterator[tuple[AccountRow, BalanceRow]]:
        """All accounts."""
        tables = self._usable()
        return iter([(tables.accounts[one], tables.balances[one]) for one in sorted(tables.accounts)])

    def scan_transfers(self) -> Iterator[TransferRow]:
        """All transfers."""
        return iter(self._usable().transfers)

    # --- whole tables ---

    def scan_leaves(self, log_id: int) -> Iterator[LeafRow]:
        """All leaves of a log in order."""
        tables = self._usable()
        return iter([*tables.leaves.get(log_id, ()), *self._waiting(log_id)])

    def scan_cases(self) -> Iterator[CaseRow]:
        """All cases."""
        return iter(sorted(self._usable().cases.values()))

    def scan_names(self) -> Iterator[tuple[str, str]]:
        """All names of cases."""
        return iter(sorted(self._usable().names.items()))

    # --- housekeeping ---

    def maintain(self) -> None:
        """Nothing to keep."""
        self._usable()

    def close(self) -> None:
        """Refuse further use."""
        self._over = "it was closed"
