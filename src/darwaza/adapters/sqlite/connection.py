"""Connections to the database file, the lock that keeps a second process out, and what SQLite's faults mean.

Connections never checkpoint by themselves (``wal_autocheckpoint=0``): SQLite would do it at the end of some commit and
swallow its errors, and two connections must not do it at will (see ``checkpoint``).
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from darwaza.errors import DarwazaError, FatalError, InvariantError, OperatorError, PushbackError

CACHE_KIB = 16 * 1_024
"""New rows share the last pages of every table, so more does not help: 16 and 48 MiB cost the same at 250,000 rows."""
BUSY_TIMEOUT_S = 5.0
"""How long a commit waits for another program that writes to the file, such as an operator's SQLite shell."""
DISK_FULL_RETRY_S = 5.0
STORE_BUSY_RETRY_S = 1.0
WAL_BYTES_MAX = 256 * 1_048_576
"""A longer write-ahead log is cut back to this once it is empty, and a commit that finds it longer empties it."""

Connect = Callable[..., sqlite3.Connection]

_PRIMARY = 0xFF
"""The lower byte of SQLite's result codes is the kind; the rest is detail (sqlite.org/rescode.html)."""
_FULL = {sqlite3.SQLITE_FULL}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PROGRAM = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    TypeError,
    ValueError,
    OverflowError,
)
"""What the driver raises when the rows are wrong, not the disk."""
FAULTS = (sqlite3.Error, *_PROGRAM)


def open_connection(path: Path, connect: Connect = sqlite3.connect) -> sqlite3.Connection:
    """Open the database in the one way this program uses it.

    Raises:
        OperatorError: ``store_unusable``: not a database, not readable, or no room beside it for the log's index.
    """
    try:
        db = connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        try:
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "wal_autocheckpoint=0",
                f"journal_size_limit={WAL_BYTES_MAX}",
                f"cache_size=-{CACHE_KIB}",
                "trusted_schema=OFF",
                "temp_store=MEMORY",
            ):
                db.execute(f"PRAGMA {pragma}")
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as fault:
        raise OperatorError(f"the store at {path} cannot be opened: {fault}", code="store_unusable") from fault
    return db


def take_lock(path: Path) -> int:
    """Hold a lock file for as long as the store is open; a second process, or a second open in this one, is refused.

    Returns:
        The handle; closing it gives the lock up, and so does the death of the process.

    Raises:
        OperatorError: ``store_in_use``, ``store_unusable``.
    """
    try:
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise OperatorError(f"the store at {path} cannot be locked: {fault}", code="store_unusable") from fault
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(handle)
        raise OperatorError(f"another process uses the store at {path}", code="store_in_use") from fault
    return handle


def meaning(fault: Exception, *, undone: bool) -> DarwazaError:
    """Say what a fault of a write or a checkpoint leaves behind.

    SQLite undoes a transaction by itself when the disk is full, so nothing is stored and the batch may be tried again.
    After any other I/O error, a failed fsync above all, nobody knows what the disk holds.

    Args:
        fault: what was raised.
        undone: nothing of the transaction is left in the connection.
    """
    if isinstance(fault, _PROGRAM):
        return InvariantError(f"a row that must be new exists already, or cannot be stored: {fault}")
    code = getattr(fault, "sqlite_errorcode", 0) & _PRIMARY
    if undone and code in _FULL:
        return PushbackError("the disk is full", retry_after_s=DISK_FULL_RETRY_S, code="disk_full")
    if undone and code in _BUSY:
        return PushbackError("the store is busy", retry_after_s=STORE_BUSY_RETRY_S, code="store_busy")
    return FatalError(f"the store failed: {fault}")
