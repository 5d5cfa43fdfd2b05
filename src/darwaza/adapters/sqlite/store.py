"""The store of ``darwaza.ports.store`` on SQLite: WAL journal, ``synchronous=FULL``, one writer.

A commit is one transaction of ``executemany`` calls; SQLite syncs the write-ahead log before ``COMMIT`` returns. A
crash before that leaves nothing of the batch, a crash after it leaves all of it; the next open replays the log.
docs/internals/sqlite.md tells the life of a message here.
"""

import os
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from darwaza.adapters.sqlite import file
from darwaza.adapters.sqlite.checkpoint import Checkpointer
from darwaza.adapters.sqlite.connection import FAULTS, WAL_BYTES_MAX, Connect, meaning, open_connection, take_lock
from darwaza.adapters.sqlite.listing import case_list
from darwaza.adapters.sqlite.query import migrations, queries, schema
from darwaza.adapters.sqlite.rows import (
    WRITERS,
    account_row,
    leaf_row,
    place,
    quarantine_row,
    split,
    stretch,
    tile_place,
    truncation,
)
from darwaza.errors import FatalError, InvariantError, OperatorError, PushbackError
from darwaza.ports.ledger import AccountRow, BalanceRow, RefusedOrderRow, TotalsRow, TransferRow, totals_of
from darwaza.ports.store import (
    WAITING_FROM,
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
    newest_cases,
)

SCHEMA_VERSION = len(migrations())
"""Stands in the file as ``user_version``: how many of the migrations it has seen."""
PAGE_BYTES = 8_192
POINT_READS_MAX = 4
"""Rows of the ledger read one by one; more are read with one statement over a list."""

_json = msgspec.json.encode


class SqliteStore:
    """See ``darwaza.ports.store.Store``.

    Attributes:
        path: the database file.
    """

    def __init__(self, path: Path, *, connect: Connect = sqlite3.connect) -> None:
        """Open an existing store.

        Args:
            path: the database file; made by ``create``.
            connect: opens a connection; tests give one that fails on purpose.

        Raises:
            OperatorError: ``store_missing``, ``store_in_use``, ``store_schema``, ``store_unusable``.
        """
        if not path.is_file():
            raise OperatorError(f"there is no store at {path}; make one with: darwaza init", code="store_missing")
        self.path = path
        self._sql = queries()
        self._wal = path.with_name(path.name + "-wal")
        self._over = ""
        self._lock = take_lock(path)
        try:
            self._db = open_connection(path, connect)
            try:
                self._check_schema()
                self._checkpointer = Checkpointer(path, connect)
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            os.close(self._lock)
            raise

    @classmethod
    def create(cls, path: Path) -> "SqliteStore":
        """Make a new store and open it.

        Raises:
            OperatorError: ``store_exists``, ``store_unusable``.
        """
        file.make(path, f"{schema()} PRAGMA user_version={SCHEMA_VERSION};", PAGE_BYTES)
        return cls(path)

    def _check_schema(self) -> None:
        try:
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as fault:
            raise OperatorError(f"the store at {self.path} cannot be read: {fault}", code="store_unusable") from fault
        if version != SCHEMA_VERSION:
            known = 0 < version < SCHEMA_VERSION
            then = "run: darwaza migrate FOLDER" if known else "it belongs to another version of the program"
            detail = f"the store has schema {version}, this program wants {SCHEMA_VERSION}; {then}"
            raise OperatorError(detail, code="store_schema")

    # --- writing ---

    def commit(self, changes: Changes) -> None:
        """Write everything in one transaction and return when it is on the disk."""
        db = self._usable()
        with self._checkpointer.writing:
            try:
                db.execute("BEGIN IMMEDIATE")
                self._write(db, changes)
                # A crash before this line returns leaves nothing of the batch, or all of it with nobody told: then its
                # inputs come again and are known by their keys.
                db.execute("COMMIT")
            except FAULTS as fault:
                self._undo(fault)
            except BaseException:
                self._over = "a commit was interrupted"
                raise
        self._bound_log()

    def _bound_log(self) -> None:
        """Checkpoint here when ``maintain`` has not come for long or cannot keep up.

        The commit stands whatever comes of it: a full disk will push back the next one.
        """
        try:
            if self._wal.stat().st_size > WAL_BYTES_MAX:
                with suppress(PushbackError):
                    self.maintain()
        except OSError as fault:
            self._over = "its write-ahead log has gone"
            raise FatalError(f"the write-ahead log has gone: {fault}") from fault

    def _write(self, db: sqlite3.Connection, changes: Changes) -> None:
        for log_id, size in changes.truncate:
            for name, values in truncation(log_id, size):
                db.execute(self._sql[name], values)
        for log_id, start, end in changes.released:
            db.execute(self._sql["truncate_leaves"], stretch(log_id, start, end))
        for name, rows_of in WRITERS:
            rows = rows_of(changes)
            if rows:
                db.executemany(self._sql[name], rows)

    def _undo(self, fault: Exception) -> NoReturn:
        """Undo what is left of a failed transaction and say what is true now."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            undone = True
        except sqlite3.Error:
            undone = False
        error = meaning(fault, undone=undone)
        if not (undone and isinstance(error, PushbackError | InvariantError)):
            self._over = "a write failed"
        raise error from fault

    # --- reading ---

    def _usable(self) -> sqlite3.Connection:
        if self._over:
            raise FatalError(f"the store may not be used any more: {self._over}")
        return self._db

    def _all(self, name: str, *values: Any) -> list[Any]:
        try:
            return self._usable().execute(self._sql[name], values).fetchall()
        except sqlite3.Error as fault:
            self._unreadable(fault)

    def _one(self, name: str, *values: Any) -> Any:
        rows = self._all(name, *values)
        return rows[0] if rows else None

    def _each(self, text: str, values: Sequence[Any]) -> Generator[Any, None, None]:
        """Rows of a statement as they are found; the statement ends when the generator does."""
        cursor = self._usable().cursor()
        try:
            yield from cursor.execute(text, values)
        except sqlite3.Error as fault:
            self._unreadable(fault)
        finally:
            cursor.close()

    def _unreadable(self, fault: sqlite3.Error) -> NoReturn:
        self._over = "a read failed"
        raise FatalError(f"the store cannot be read: {fault}") from fault

    def logs(self) -> list[LogRow]:
        """All logs."""
        return [LogRow(*row) for row in self._all("read_logs")]

    def tile(self, log_id: int, level: int, number: int) -> bytes:
        """Hashes of a tile; empty when there is none."""
        row = self._one("read_tile", tile_place(log_id, level, number))
        return row[0] if row else b""

    def leaves(self, log_id: int, start: int, end: int, bytes_max: int) -> list[tuple[bytes, bytes]]:
        """Headers and bodies of a stretch of a log."""
        found: list[tuple[bytes, bytes]] = []
        total = 0
        with closing(self._each(self._sql["read_leaves"], stretch(log_id, start, end))) as rows:
            for row in rows:
                total += len(row[0]) + len(row[1])
                if found and total > bytes_max:
                    break
                found.append(row)
        return found

    def waiting(self, log_id: int, bytes_max: int, items_max: int) -> list[LeafRow]:
        """The first of what waits."""
        found: list[LeafRow] = []
        total = 0
        with closing(self._each(self._sql["read_waiting"], (*stretch(log_id, WAITING_FROM), items_max))) as rows:
            for row in map(leaf_row, rows):
                total += len(row.header) + len(row.body)
                if found and total > bytes_max:
                    break
                found.append(row)
        return found

    def waiting_span(self, log_id: int) -> tuple[int, int]:
        """First index of what waits and the index behind the last."""
        first, last = self._one("read_waiting_span", *stretch(log_id, WAITING_FROM) * 2)
        return WAITING_NONE if first is None else (split(first)[1], split(last)[1] + 1)

    def leaf(self, message_key: str) -> LeafRow | None:
        """Find a message by its key."""
        row = self._one("read_leaf", message_key)
        return leaf_row(row) if row else None

    def case_leaves(self, case_id: str) -> list[tuple[int, int, bytes]]:
        """Places and headers of all messages of a case."""
        return [(*split(row[0]), row[1]) for row in self._all("read_case_leaves", case_id)]

    def body(self, log_id: int, index: int) -> bytes | None:
        """A message's body."""
        row = self._one("read_body", place(log_id, index))
        return row[0] if row else None

    def known(self, message_keys: Iterable[str]) -> set[str]:
        """Those of the keys that are stored."""
        return {row[0] for row in self._all("read_known", _json(list(message_keys)).decode())}

    def checkpoint_from(self, log_id: int, size: int) -> CheckpointRow | None:
        """The smallest stored checkpoint of at least that size."""
        row = self._one("read_checkpoint_from", *stretch(log_id, size))
        return CheckpointRow(log_id, split(row[0])[1], row[1]) if row else None

    def cases(self, ids: Iterable[str]) -> dict[str, CaseRow]:
        """The cases among ``ids`` that exist."""
        return {row[0]: CaseRow(*row) for row in self._all("read_cases", _json(list(ids)).decode())}

    def cases_after(self, case_id: str, items_max: int) -> list[CaseRow]:
        """A page of all cases by id."""
        return [CaseRow(*row) for row in self._all("read_cases_after", case_id, items_max)]

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Ids of cases by those of the names that are given."""
        return dict(self._all("read_named", _json(list(names)).decode()))

    def concerns(self, row: PartyRow) -> bool:
        """Whether a case concerns an address."""
        return self._one("read_party", *row) is not None

    def find_cases(self, wanted: CaseFilter) -> list[CaseRow]:
        """Newest first by (opened_at, id)."""
        if wanted.is_apart:
            services = self._all("read_services", wanted.party, wanted.party)
            pages = [self.find_cases(msgspec.structs.replace(wanted, service=service)) for (service,) in services]
            return newest_cases(pages, wanted.items_max)
        return [CaseRow(*row) for row in self._each(*case_list(wanted))]

    def case_back(self, party: str, service: str, place: tuple[str, str], count: int) -> tuple[str, str] | None:
        """Place of a party's case of a service, so many back from a place."""
        found: tuple[str, str] | None = self._one("read_case_back", party, service, *place, count - 1)
        return found

    def due(self, now: str, items_max: int) -> list[str]:
        """Ids of cases whose reminder has come."""
        return [row[0] for row in self._all("read_due", now, items_max)]

    def answers(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AnswerRow]:
        """Stored answers by (party, key)."""
        by_party: dict[str, list[str]] = {}
        for party, key in keys:
            by_party.setdefault(party, []).append(key)
        found: dict[tuple[str, str], AnswerRow] = {}
        for party, wanted in by_party.items():
            for row in self._all("read_answers", party, _json(wanted).decode()):
                found[row[0], row[1]] = AnswerRow(*row)
        return found

    def facts(self, ucr: str) -> dict[str, FactRow]:
        """Facts of a consignment by name."""
        return {row[1]: FactRow(*row) for row in self._all("read_facts", ucr)}

    def awaiting(self, ucr: str, name: str) -> list[str]:
        """Ids of cases that await a fact."""
        return [row[0] for row in self._all("read_awaiting", ucr, name)]

    def given_back(self, cause_id: str) -> list[str]:
        """Keys of own messages given back that this message caused."""
        return [row[0] for row in self._all("read_given_back", cause_id)]

    def given_back_count(self) -> int:
        """How many of those still wait."""
        count: int = self._one("count_given_back")[0]
        return count

    def quarantined(self, items_max: int) -> list[QuarantineRow]:
        """Newest first."""
        return [quarantine_row(row) for row in self._all("read_quarantine", items_max)]

    def notices(self, party: str, after: int, items_max: int) -> list[NoticeRow]:
        """A party's notices past a sequence."""
        return [NoticeRow(*row) for row in self._all("read_notices", party, after, items_max)]

    def notice_sequence(self) -> int:
        """The last sequence used."""
        last: int = self._one("read_notice_sequence")[0]
        return last

    def forks(self) -> list[ForkRow]:
        """All fork proofs."""
        return [ForkRow(*row) for row in self._all("read_forks")]

    def witnessed(self, origin: str) -> WitnessRow | None:
        """What this gateway last co-signed as a witness of that log."""
        row = self._one("read_witnessed", origin)
        return WitnessRow(*row) if row else None

    def documents(self) -> list[tuple[int, bytes]]:
        """All admitted corridor documents."""
        return self._all("read_documents")

    def meta(self, name: str) -> bytes | None:
        """A small named value."""
        row = self._one("read_meta", name)
        return row[0] if row else None

    # --- reading the ledger ---

    def _few_or_many(self, one: str, many: str, ids: Iterable[str]) -> list[Any]:
        """Rows by id: a statement each for a few, one statement over a list for many."""
        wanted = list(ids)
        if len(wanted) > POINT_READS_MAX:
            return self._all(many, _json(wanted).decode())
        return [row for wanted_id in wanted for row in self._all(one, wanted_id)]

    def accounts(self, ids: Iterable[str]) -> list[tuple[AccountRow, BalanceRow]]:
        """The accounts among ``ids`` that exist."""
        return [account_row(row) for row in self._few_or_many("read_account", "read_accounts", ids)]

    def owned_accounts(self, owner: str) -> list[tuple[AccountRow, BalanceRow]]:
        """All accounts of an owner."""
        return [account_row(row) for row in self._all("read_owned_accounts", owner)]

    def account_totals(self) -> list[TotalsRow]:
        """What the accounts come to by asset and kind."""
        return [totals_of(row) for row in self._all("read_account_totals")]

    def transfers(self, ids: Iterable[str]) -> list[TransferRow]:
        """The transfers among ``ids`` that exist."""
        return [TransferRow(*row) for row in self._few_or_many("read_transfer", "read_transfers", ids)]

    def refused_orders(self, ids: Iterable[str]) -> list[RefusedOrderRow]:
        """Those of the order ids that stay refused."""
        rows = self._few_or_many("read_refused_order", "read_refused_orders", ids)
        return [RefusedOrderRow(*row) for row in rows]

    def ends(self, hold_ids: Iterable[str]) -> list[TransferRow]:
        """The transfers that ended these holds."""
        return [TransferRow(*row) for row in self._few_or_many("read_end", "read_ends", hold_ids)]

    def holds_due(self, now: str, items_max: int) -> list[str]:
        """Ids of standing holds whose time is over."""
        return [row[0] for row in self._all("read_holds_due", now, items_max)]

    def next_hold_at(self) -> str | None:
        """When the first of the standing holds expires."""
        first: str | None = self._one("read_next_hold")[0]
        return first

    def last_transfer(self) -> TransferRow | None:
        """The newest transfer."""
        row = self._one("read_last_transfer")
        return TransferRow(*row) if row else None

    def history(self, account_id: str, before: int | None, items_max: int) -> list[TransferRow]:
        """An account's transfers, newest first: one row read for each along the account's chain."""
        held = self.accounts([account_id])
        at = held[0][1].last_sequence if held and before is None else 0
        if before is not None and (row := self._one("read_transfer_at", before)):
            at = _former(TransferRow(*row), account_id)
        found: list[TransferRow] = []
        while at and len(found) < items_max:
            found.append(TransferRow(*self._one("read_transfer_at", at)))
            at = _former(found[-1], account_id)
        return found

    def scan_accounts(self) -> Iterator[tuple[AccountRow, BalanceRow]]:
        """All accounts."""
        return map(account_row, self._each(self._sql["scan_accounts"], ()))

    def scan_transfers(self) -> Iterator[TransferRow]:
        """All transfers."""
        return (TransferRow(*row) for row in self._each(self._sql["scan_transfers"], ()))

    # --- whole tables ---

    def scan_leaves(self, log_id: int) -> Iterator[LeafRow]:
        """All leaves of a log in order."""
        return map(leaf_row, self._each(self._sql["scan_leaves"], stretch(log_id, 0)))

    def scan_cases(self) -> Iterator[CaseRow]:
        """All cases."""
        return (CaseRow(*row) for row in self._each(self._sql["scan_cases"], ()))

    def scan_names(self) -> Iterator[tuple[str, str]]:
        """All names of cases."""
        return ((name, case_id) for name, case_id in self._each(self._sql["scan_names"], ()))

    # --- housekeeping ---

    def maintain(self) -> None:
        """Move the write-ahead log into the database file; commits hardly ever wait for it (see ``checkpoint``).

        Raises:
            PushbackError: ``disk_full``; nothing is lost, it may be tried again.
            FatalError: the database file could not be synchronised.
        """
        self._usable()
        try:
            self._checkpointer.run()
        except FatalError:
            self._over = "a checkpoint failed"
            raise

    def backup(self, to: Path) -> None:
        """Copy the store as it is at one moment to a new file; any thread may call it. See ``file.backup``.

        Raises:
            OperatorError: ``store_exists``, ``backup_failed``.
        """
        file.backup(self.path, to)

    def close(self) -> None:
        """Release the store; what the write-ahead log holds moves into the database file.

        It is right after a failure too: a commit that failed is not in the log's index, and SQLite removes the log only
        when an fsync of the database file has worked.
        """
        if self._lock < 0:
            return
        self._over = "it was closed"
        self._checkpointer.close()
        self._db.close()
        self._checkpointer.close_file()
        os.close(self._lock)
        self._lock = -1


def _former(row: TransferRow, account_id: str) -> int:
    """Where the transfer before this one on an account stands, 0 for none or for a foreign account."""
    if row.debit_account == account_id:
        return row.debit_before
    return row.credit_before if row.credit_account == account_id else 0
