"""The store of ``darwaza.ports.store`` on SQLite: WAL journal, ``synchronous=FULL``, one writer.

A commit is one transaction of ``executemany`` calls; SQLite syncs the write-ahead log before ``COMMIT`` returns. A
crash before that leaves nothing of the batch, a crash after it leaves all of it; the next open replays it by itself.
Checkpointing (moving the log's pages into the database file) runs in ``maintain`` from another connection, so that no
commit has to wait for it.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from darwaza.adapters.sqlite.query import queries, schema
from darwaza.errors import FatalError, InvariantError, OperatorError, PushbackError
from darwaza.ports.store import (
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

SCHEMA_VERSION = 1
PAGE_BYTES = 8_192
CACHE_KIB = 48 * 1_024
WAL_PAGES_MAX = 16_384
"""At this length of the write-ahead log a commit checkpoints by itself, should ``maintain`` never come."""
PLACE_BITS = 40
LEVEL_BITS = 34
PLACE_MASK = (1 << PLACE_BITS) - 1
TILE_LEVELS = 5
"""Tiles of height 8 over a log of at most 2^40 leaves."""
DISK_FULL_RETRY_S = 5.0
_FULL = {sqlite3.SQLITE_FULL}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

_json = msgspec.json.encode


def _place(log_id: int, index: int) -> int:
    return log_id << PLACE_BITS | index


def _tile_place(log_id: int, level: int, number: int) -> int:
    return log_id << PLACE_BITS | level << LEVEL_BITS | number


def _leaf(row: tuple[int, str, str, bytes, bytes]) -> LeafRow:
    return LeafRow(row[0] >> PLACE_BITS, row[0] & PLACE_MASK, *row[1:])


class SqliteStore:
    """See ``darwaza.ports.store.Store``.

    Attributes:
        path: the database file.
    """

    def __init__(self, path: Path, *, connect: Callable[..., sqlite3.Connection] = sqlite3.connect) -> None:
        """Open an existing store.

        Args:
            path: the database file; made by ``create``.
            connect: opens a connection; tests give one that fails on purpose.

        Raises:
            OperatorError: ``store_missing``, ``store_in_use``, ``store_schema``.
        """
        if not path.is_file():
            raise OperatorError(f"there is no store at {path}; make one with: darwaza init", code="store_missing")
        self.path = path
        self._sql = queries()
        self._lock = _take_lock(path)
        self._connect = connect
        self._db = _open(path, connect)
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            self.close()
            raise OperatorError(
                f"the store has schema {version}, this program wants {SCHEMA_VERSION}", code="store_schema"
            )
        self._failed = False

    @classmethod
    def create(cls, path: Path) -> "SqliteStore":
        """Make a new store and open it.

        Raises:
            OperatorError: ``store_exists``.
        """
        if path.exists():
            raise OperatorError(f"{path} exists already", code="store_exists")
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute(f"PRAGMA page_size={PAGE_BYTES}")
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(f"BEGIN; {schema()} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        finally:
            db.close()
        return cls(path)

    # --- writing ---

    def commit(self, changes: Changes) -> None:
        """Write everything in one transaction and return when it is on the disk."""
        if self._failed:
            raise FatalError("the store failed before and may not be used again")
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            self._write(db, changes)
            db.execute("COMMIT")
        except sqlite3.Error as fault:
            self._settle(fault)

    def _settle(self, fault: sqlite3.Error) -> None:
        """Undo what is left of a failed transaction and say what is true now.

        SQLite rolls a transaction back by itself when the disk is full; then nothing is stored and the batch may be
        tried again. After any other I/O error it is unknown whether the commit reached the disk.
        """
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        known = code in _FULL or code in _BUSY
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            known = False
        if isinstance(fault, sqlite3.IntegrityError):
            raise InvariantError(f"a row that must be new exists already: {fault}") from fault
        if not known:
            self._failed = True
            raise FatalError(f"the store failed while writing: {fault}") from fault
        if code in _FULL:
            raise PushbackError("the disk is full", retry_after_s=DISK_FULL_RETRY_S, code="disk_full") from fault
        raise PushbackError("the store is busy", retry_after_s=1.0, code="store_busy") from fault

    def _write(self, db: sqlite3.Connection, changes: Changes) -> None:
        for log_id, size in changes.truncate:
            self._truncate(db, log_id, size)
        for name, rows in _rows(changes):
            if rows:
                db.executemany(self._sql[name], rows)

    def _truncate(self, db: sqlite3.Connection, log_id: int, size: int) -> None:
        db.execute(self._sql["truncate_leaves"], (_place(log_id, size), _place(log_id, PLACE_MASK)))
        db.execute(self._sql["truncate_checkpoints"], (_place(log_id, size + 1), _place(log_id, PLACE_MASK)))
        for level in range(TILE_LEVELS):
            first = _tile_place(log_id, level, -(-size // 256 ** (level + 1)))
            db.execute(self._sql["truncate_tiles"], (first, _tile_place(log_id, level, (1 << LEVEL_BITS) - 1)))

    # --- reading ---

    def _all(self, name: str, *values: Any) -> list[Any]:
        return self._db.execute(self._sql[name], values).fetchall()

    def _one(self, name: str, *values: Any) -> Any:
        return self._db.execute(self._sql[name], values).fetchone()

    def logs(self) -> list[LogRow]:
        """All logs."""
        return [LogRow(*row) for row in self._all("read_logs")]

    def tile(self, log_id: int, level: int, number: int) -> bytes:
        """Hashes of a tile; empty when there is none."""
        row = self._one("read_tile", _tile_place(log_id, level, number))
        return row[0] if row else b""

    def leaves(self, log_id: int, start: int, end: int, bytes_max: int) -> list[tuple[bytes, bytes]]:
        """Headers and bodies of a stretch of a log."""
        found: list[tuple[bytes, bytes]] = []
        total = 0
        cursor = self._db.execute(self._sql["read_leaves"], (_place(log_id, start), _place(log_id, end - 1)))
        try:
            for row in cursor:
                total += len(row[0]) + len(row[1])
                if found and total > bytes_max:
                    break
                found.append(row)
        finally:
            cursor.close()
        return found

    def leaf(self, message_key: str) -> LeafRow | None:
        """Find a message by its key."""
        row = self._one("read_leaf", message_key)
        return _leaf(row) if row else None

    def case_leaves(self, case_id: str) -> list[tuple[int, int, bytes]]:
        """Places and headers of all messages of a case."""
        return [(row[0] >> PLACE_BITS, row[0] & PLACE_MASK, row[1]) for row in self._all("read_case_leaves", case_id)]

    def body(self, log_id: int, index: int) -> bytes | None:
        """A message's body."""
        row = self._one("read_body", _place(log_id, index))
        return row[0] if row else None

    def known(self, message_keys: Iterable[str]) -> set[str]:
        """Those of the keys that are stored."""
        return {row[0] for row in self._all("read_known", _json(list(message_keys)).decode())}

    def checkpoint_from(self, log_id: int, size: int) -> CheckpointRow | None:
        """The smallest stored checkpoint of at least that size."""
        row = self._one("read_checkpoint_from", _place(log_id, size), _place(log_id, PLACE_MASK))
        return CheckpointRow(log_id, row[0] & PLACE_MASK, row[1]) if row else None

    def cases(self, ids: Iterable[str]) -> dict[str, CaseRow]:
        """The cases among ``ids`` that exist."""
        return {row[0]: CaseRow(*row) for row in self._all("read_cases", _json(list(ids)).decode())}

    def concerns(self, row: PartyRow) -> bool:
        """Whether a case concerns an address."""
        return self._one("read_party", *row) is not None

    def find_cases(self, wanted: CaseFilter) -> list[CaseRow]:
        """Newest first by (opened_at, id)."""
        clauses, values = _conditions(wanted)
        table = '"case" c' if wanted.party is None else 'case_party p JOIN "case" c ON c.id = p.case_id'
        order = "c" if wanted.party is None else "p"
        case_id = "c.id" if wanted.party is None else "p.case_id"
        text = (
            "SELECT c.id, c.service, c.state, c.data, c.ucr, c.opened_at, c.changed_at, c.remind_at"  # noqa: S608 - no value is spliced in
            f" FROM {table} WHERE {' AND '.join(clauses)} ORDER BY {order}.opened_at DESC, {case_id} DESC LIMIT ?"
        )
        return [CaseRow(*row) for row in self._db.execute(text, (*values, wanted.items_max))]

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
        rows = self._all("read_quarantine", items_max)
        return [QuarantineRow(row[0] >> PLACE_BITS, row[0] & PLACE_MASK, *row[1:]) for row in rows]

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

    def scan_leaves(self, log_id: int) -> Iterator[LeafRow]:
        """All leaves of a log in order."""
        yield from map(
            _leaf, self._db.execute(self._sql["scan_leaves"], (_place(log_id, 0), _place(log_id, PLACE_MASK)))
        )

    def scan_cases(self) -> Iterator[CaseRow]:
        """All cases."""
        yield from (CaseRow(*row) for row in self._db.execute(self._sql["scan_cases"]))

    # --- housekeeping ---

    def maintain(self) -> None:
        """Move the write-ahead log into the database file, without making a writer wait."""
        db = self._connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            db.close()

    def close(self) -> None:
        """Release the store."""
        self._db.close()
        os.close(self._lock)


def _rows(changes: Changes) -> Iterator[tuple[str, Collection[Any]]]:
    """Statements and the rows to run them with, in order."""
    yield "write_log", [msgspec.structs.astuple(row) for row in changes.logs.values()]
    yield "write_leaf", [(row[0] << PLACE_BITS | row[1], *row[2:]) for row in changes.leaves]
    yield "write_tile", [(_tile_place(*row[:3]), row[3]) for row in changes.tiles.values()]
    yield "write_checkpoint", [(_place(row[0], row[1]), row[2]) for row in changes.checkpoints]
    yield "write_case", changes.cases.values()
    yield "write_party", changes.parties
    yield "write_answer", changes.answers
    yield "write_fact", changes.facts.values()
    yield "clear_awaits", [(case_id,) for case_id in changes.awaits]
    yield "write_await", [(*wait, case_id) for case_id, waits in changes.awaits.items() for wait in waits]
    yield "write_notice", changes.notices
    yield "write_quarantine", [(_place(row[0], row[1]), *row[2:]) for row in changes.quarantine]
    yield "write_fork", changes.forks
    yield "write_witnessed", changes.witnessed
    yield "write_given_back", changes.given_back
    yield "clear_given_back", [(key,) for key in changes.given_back_used]
    yield "write_document", changes.documents
    yield "write_meta", changes.meta.items()


def _take_lock(path: Path) -> int:
    """Hold a lock file for as long as the store is open; a second process is refused."""
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(handle)
        raise OperatorError(f"another process uses the store at {path}", code="store_in_use") from fault
    return handle


def _open(path: Path, connect: Callable[..., sqlite3.Connection]) -> sqlite3.Connection:
    db = connect(path, isolation_level=None, check_same_thread=False)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"cache_size=-{CACHE_KIB}",
        f"wal_autocheckpoint={WAL_PAGES_MAX}",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "temp_store=MEMORY",
    ):
        db.execute(f"PRAGMA {pragma}")
    return db


def _conditions(wanted: CaseFilter) -> tuple[list[str], list[Any]]:
    """SQL conditions and their values; every value is bound, none is spliced."""
    clauses, values = ["1"], list[Any]()

    def add(clause: str, *bound: Any) -> None:
        clauses.append(clause)
        values.extend(bound)

    at, case_id = ("c.opened_at", "c.id") if wanted.party is None else ("p.opened_at", "p.case_id")
    if wanted.party is not None:
        add("p.party = ?", wanted.party)
    if wanted.counterparty is not None:
        add(
            f"EXISTS (SELECT 1 FROM case_party o WHERE o.party = ? AND (o.opened_at, o.case_id) = ({at}, {case_id}))",  # noqa: S608 - column names only
            wanted.counterparty,
        )
    if wanted.service is not None:
        add("c.service = ?", wanted.service)
    if wanted.states:
        add(f"c.state IN ({','.join('?' * len(wanted.states))})", *wanted.states)
    if wanted.ucr is not None:
        add("c.ucr = ?", wanted.ucr)
    if wanted.opened_from is not None:
        add(f"{at} >= ?", wanted.opened_from)
    if wanted.opened_before is not None:
        add(f"{at} < ?", wanted.opened_before)
    if wanted.after is not None:
        add(f"({at}, {case_id}) < (?, ?)", *wanted.after)
    return clauses, values
