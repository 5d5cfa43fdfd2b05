"""The store of ``darwaza.ports.store`` on PostgreSQL: one session, one writer, one transaction a batch.

A commit is one transaction of pipelined ``executemany`` calls with ``synchronous_commit=on``: the server syncs its
write-ahead log before ``COMMIT`` returns. If the connection is lost in between, nobody knows; the store is then over,
the process stops and a new one reads what is there. docs/internals/postgres.md tells the rest.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, NoReturn

import msgspec
import psycopg

from darwaza.adapters.postgres.column import columns, list_types, texts
from darwaza.adapters.postgres.connection import FAULTS, Connection, meaning, open_connection, take_lease
from darwaza.adapters.postgres.listing import case_list
from darwaza.adapters.postgres.query import migrations, queries, schema
from darwaza.adapters.postgres.rows import WRITERS, account_row, truncation
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
"""Stands in the table ``schema_version``: how many of the migrations the store has seen."""
SCAN_ROWS = 1_000


class PostgresStore:
    """See ``darwaza.ports.store.Store``.

    Attributes:
        url: of the database, ``postgresql://…``; the first schema of its search path is the store.
    """

    def __init__(self, url: str) -> None:
        """Open an existing store.

        Args:
            url: see the class.

        Raises:
            OperatorError: ``store_missing``, ``store_in_use``, ``store_schema``, ``store_unusable``.
        """
        self.url = url
        self._sql = {name: text.encode() for name, text in queries().items()}
        self._lists = {name: list_types(text) for name, text in queries().items()}
        self._over = ""
        self._scans = 0
        self._db = open_connection(url)
        self._reads = self._db.cursor(binary=True)
        try:
            self._check_schema()
            take_lease(self._db)
        except BaseException:
            self._db.close()
            raise

    @classmethod
    def create(cls, url: str) -> "PostgresStore":
        """Make a new store and open it.

        Raises:
            OperatorError: ``store_exists``, ``store_unusable``.
        """
        with closing(open_connection(url)) as db:
            try:
                if _one(db, queries()["find_schema"].encode()):
                    raise OperatorError("there is a store already", code="store_exists")
                with db.transaction():
                    db.execute(schema().encode())
            except psycopg.Error as fault:
                raise OperatorError(f"the store cannot be made: {fault}", code="store_unusable") from fault
        return cls(url)

    @staticmethod
    def migrate(url: str, steps: Sequence[str] = migrations()) -> tuple[int, int]:
        """Bring the schema of a store that nobody uses up to date, in one transaction.

        Args:
            url: see the class.
            steps: all migrations, the first for version 1; each writes its number into ``schema_version``.

        Returns:
            The version it had and the one it has.

        Raises:
            OperatorError: ``store_missing``, ``store_in_use``; ``store_schema`` when it is of a later version;
                ``store_unusable``: a step failed and nothing has changed.
        """
        with closing(open_connection(url)) as db:
            _version(db)  # there is a store
            take_lease(db)
            before = _version(db)  # nobody else changes it now
            if not 0 < before <= len(steps):
                raise OperatorError(f"the store has schema {before}, the newest is {len(steps)}", code="store_schema")
            try:
                with db.transaction():
                    for step in steps[before:]:
                        db.execute(step.encode())
            except psycopg.Error as fault:
                raise OperatorError(f"the store cannot be migrated: {fault}", code="store_unusable") from fault
        return before, len(steps)

    def _check_schema(self) -> None:
        version = _version(self._db)
        if version != SCHEMA_VERSION:
            known = 0 < version < SCHEMA_VERSION
            then = "run: darwaza migrate FOLDER" if known else "it belongs to another version of the program"
            detail = f"the store has schema {version}, this program wants {SCHEMA_VERSION}; {then}"
            raise OperatorError(detail, code="store_schema")

    # --- writing ---

    def commit(self, changes: Changes) -> None:
        """Write everything in one transaction and return when it is on the server's disk."""
        db = self._usable()
        try:
            with db.pipeline():
                self._write(db, changes)
            # Lost before this line, the batch is there as a whole or not at all, and nobody has been told.
        except FAULTS as fault:
            self._undo(fault)
        except BaseException:
            self._over = "a commit was interrupted"
            raise

    def _write(self, db: Connection, changes: Changes) -> None:
        for log_id, size in changes.truncate:
            for name, values in truncation(log_id, size):
                db.execute(self._sql[name], values)
        for stretch in changes.released:
            db.execute(self._sql["truncate_leaves"], stretch)
        for name, rows_of in WRITERS:
            rows = rows_of(changes)
            if not rows:
                continue
            if types := self._lists[name]:
                db.execute(self._sql[name], columns(types, rows))
            else:
                for row in rows:
                    db.execute(self._sql[name], row)

    def _undo(self, fault: Exception) -> NoReturn:
        """Say what is true now; ``transaction`` has rolled back unless the connection is lost."""
        undone = not self._db.closed and self._db.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        error = meaning(fault, undone=undone)
        if not isinstance(error, PushbackError | InvariantError):
            self._over = "a write failed"
        raise error from fault

    # --- reading ---

    def _usable(self) -> Connection:
        if self._over:
            raise FatalError(f"the store may not be used any more: {self._over}")
        return self._db

    def _all(self, name: str, *values: Any) -> list[Any]:
        return self._rows(self._sql[name], values)

    def _rows(self, text: bytes, values: Sequence[Any], *, prepare: bool | None = None) -> list[Any]:
        try:
            self._usable()
            return self._reads.execute(text, values, prepare=prepare).fetchall()
        except psycopg.Error as fault:
            self._unreadable(fault)

    def _one(self, name: str, *values: Any) -> Any:
        rows = self._all(name, *values)
        return rows[0] if rows else None

    def _each(self, name: str, *values: Any) -> Generator[Any, None, None]:
        """Rows of a long statement, fetched piece by piece; the statement ends when the generator does."""
        self._scans += 1
        try:
            with self._usable().cursor(f"scan_{self._scans}", withhold=True, binary=True) as cursor:
                cursor.itersize = SCAN_ROWS
                cursor.execute(self._sql[name].rstrip(b";"), values)
                yield from cursor
        except psycopg.Error as fault:
            self._unreadable(fault)

    def _unreadable(self, fault: psycopg.Error) -> NoReturn:
        self._over = "a read failed"
        raise FatalError(f"the store cannot be read: {fault}") from fault

    def logs(self) -> list[LogRow]:
        """All logs."""
        return [LogRow(*row) for row in self._all("read_logs")]

    def tile(self, log_id: int, level: int, number: int) -> bytes:
        """Hashes of a tile; empty when there is none."""
        row = self._one("read_tile", log_id, level, number)
        return row[0] if row else b""

    def leaves(self, log_id: int, start: int, end: int, bytes_max: int) -> list[tuple[bytes, bytes]]:
        """Headers and bodies of a stretch of a log."""
        return self._all("read_leaves", log_id, start, end, bytes_max)

    def waiting(self, log_id: int, bytes_max: int, items_max: int) -> list[LeafRow]:
        """The first of what waits."""
        rows = self._all("read_waiting", log_id, WAITING_FROM, items_max, bytes_max)
        return [LeafRow(*row) for row in rows]

    def waiting_span(self, log_id: int) -> tuple[int, int]:
        """First index of what waits and the index behind the last."""
        first, last = self._one("read_waiting_span", log_id, WAITING_FROM)
        return WAITING_NONE if first is None else (first, last + 1)

    def leaf(self, message_key: str) -> LeafRow | None:
        """Find a message by its key."""
        row = self._one("read_leaf", message_key)
        return LeafRow(*row) if row else None

    def case_leaves(self, case_id: str) -> list[tuple[int, int, bytes]]:
        """Places and headers of all messages of a case."""
        return self._all("read_case_leaves", case_id)

    def body(self, log_id: int, index: int) -> bytes | None:
        """A message's body."""
        row = self._one("read_body", log_id, index)
        return row[0] if row else None

    def known(self, message_keys: Iterable[str]) -> set[str]:
        """Those of the keys that are stored."""
        return {row[0] for row in self._all("read_known", texts(message_keys))}

    def checkpoint_from(self, log_id: int, size: int) -> CheckpointRow | None:
        """The smallest stored checkpoint of at least that size."""
        row = self._one("read_checkpoint_from", log_id, size)
        return CheckpointRow(*row) if row else None

    def cases(self, ids: Iterable[str]) -> dict[str, CaseRow]:
        """The cases among ``ids`` that exist."""
        return {row[0]: CaseRow(*row) for row in self._all("read_cases", texts(ids))}

    def cases_after(self, case_id: str, items_max: int) -> list[CaseRow]:
        """A page of all cases by id."""
        return [CaseRow(*row) for row in self._all("read_cases_after", case_id, items_max)]

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Ids of cases by those of the names that are given."""
        return dict(self._all("read_named", texts(names)))

    def concerns(self, row: PartyRow) -> bool:
        """Whether a case concerns an address."""
        return self._one("read_party", *row) is not None

    def find_cases(self, wanted: CaseFilter) -> list[CaseRow]:
        """Newest first by (opened_at, id)."""
        if wanted.is_apart:
            services = self._all("read_services", wanted.party, wanted.party)
            pages = [self.find_cases(msgspec.structs.replace(wanted, service=service)) for (service,) in services]
            return newest_cases(pages, wanted.items_max)
        text, values = case_list(wanted)
        # Its many forms would drive the others out of those that are kept prepared; and it is planned for the tables as
        # they are now, for of its ways through a party's cases only some last.
        return [CaseRow(*row) for row in self._rows(text.encode(), values, prepare=False)]

    def case_back(self, party: str, service: str, place: tuple[str, str], count: int) -> tuple[str, str] | None:
        """Place of a party's case of a service, so many back from a place."""
        found: tuple[str, str] | None = self._one("read_case_back", party, service, *place, count - 1)
        return found

    def due(self, now: str, items_max: int) -> list[str]:
        """Ids of cases whose reminder has come."""
        return [row[0] for row in self._all("read_due", now, items_max)]

    def answers(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AnswerRow]:
        """Stored answers by (party, key)."""
        parties, names = (texts(one[at] for one in keys) for at in range(2))
        return {(row[0], row[1]): AnswerRow(*row) for row in self._all("read_answers", parties, names)}

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
        return [QuarantineRow(*row) for row in self._all("read_quarantine", items_max)]

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

    def accounts(self, ids: Iterable[str]) -> list[tuple[AccountRow, BalanceRow]]:
        """The accounts among ``ids`` that exist."""
        return [account_row(row) for row in self._all("read_accounts", texts(ids))]

    def owned_accounts(self, owner: str) -> list[tuple[AccountRow, BalanceRow]]:
        """All accounts of an owner."""
        return [account_row(row) for row in self._all("read_owned_accounts", owner)]

    def account_totals(self) -> list[TotalsRow]:
        """What the accounts come to by asset and kind."""
        return [totals_of(row) for row in self._all("read_account_totals")]

    def transfers(self, ids: Iterable[str]) -> list[TransferRow]:
        """The transfers among ``ids`` that exist."""
        return [TransferRow(*row) for row in self._all("read_transfers", texts(ids))]

    def refused_orders(self, ids: Iterable[str]) -> list[RefusedOrderRow]:
        """Those of the order ids that stay refused."""
        return [RefusedOrderRow(*row) for row in self._all("read_refused_orders", texts(ids))]

    def ends(self, hold_ids: Iterable[str]) -> list[TransferRow]:
        """The transfers that ended these holds."""
        return [TransferRow(*row) for row in self._all("read_ends", texts(hold_ids))]

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
        """An account's transfers, newest first, along the account's chain: one statement walks it."""
        return [TransferRow(*row) for row in self._all("read_history", account_id, before, items_max)]

    def scan_accounts(self) -> Iterator[tuple[AccountRow, BalanceRow]]:
        """All accounts."""
        return map(account_row, self._each("scan_accounts"))

    def scan_transfers(self) -> Iterator[TransferRow]:
        """All transfers."""
        return (TransferRow(*row) for row in self._each("scan_transfers"))

    # --- whole tables ---

    def scan_leaves(self, log_id: int) -> Iterator[LeafRow]:
        """All leaves of a log in order."""
        return (LeafRow(*row) for row in self._each("scan_leaves", log_id))

    def scan_cases(self) -> Iterator[CaseRow]:
        """All cases."""
        return (CaseRow(*row) for row in self._each("scan_cases"))

    def scan_names(self) -> Iterator[tuple[str, str]]:
        """All names of cases."""
        return ((name, case_id) for name, case_id in self._each("scan_names"))

    # --- housekeeping ---

    def maintain(self) -> None:
        """The server keeps house by itself (autovacuum, checkpoints)."""
        self._usable()

    def close(self) -> None:
        """Release the store: the lease goes with the session."""
        self._over = self._over or "it was closed"
        self._db.close()


def _one(db: Connection, text: bytes) -> Any:
    row = db.execute(text).fetchone()
    return None if row is None else row[0]


def _version(db: Connection) -> int:
    """The version of a store's schema.

    Raises:
        OperatorError: ``store_missing``, ``store_unusable``.
    """
    try:
        if not _one(db, queries()["find_schema"].encode()):
            raise OperatorError("there is no store; make one with: darwaza corridor admit", code="store_missing")
        version: int = _one(db, queries()["read_version"].encode())
    except psycopg.Error as fault:
        raise OperatorError(f"the store cannot be read: {fault}", code="store_unusable") from fault
    return version
