"""The connection to the server, the lease that keeps a second writer out, and what PostgreSQL's faults mean."""

import psycopg
from psycopg import errors
from psycopg.types.string import StrDumper

from darwaza.adapters.postgres.column import Column, ColumnDumper
from darwaza.adapters.postgres.query import queries
from darwaza.errors import DarwazaError, FatalError, InvariantError, OperatorError, PushbackError

CONNECT_S_MAX = 10
LOCK_WAIT = "5s"
"""How long a commit waits for another program that writes to the tables, such as an operator's shell."""
DISK_FULL_RETRY_S = 5.0
STORE_BUSY_RETRY_S = 1.0
STORE_IN_USE_WAIT_S = 5.0

_SESSION = {
    "lock_timeout": LOCK_WAIT,
    "synchronous_commit": "on",
    "client_encoding": "UTF8",
    "application_name": "darwaza",
    "idle_in_transaction_session_timeout": "0",
    # Every statement goes by a key, and is planned once. Left to itself the server plans while the tables are still
    # empty, reads them whole, and keeps to that for a minute or more, until it has counted the rows.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
_FULL = (errors.DiskFull, errors.OutOfMemory)
_BUSY = (errors.LockNotAvailable, errors.SerializationFailure, errors.DeadlockDetected)
_PROGRAM = (psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError, TypeError, ValueError, OverflowError)
"""What the driver raises when the rows are wrong, not the server."""
FAULTS = (psycopg.Error, TypeError, ValueError, OverflowError)

Connection = psycopg.Connection[tuple[object, ...]]


def open_connection(url: str) -> Connection:
    """Connect in the one way this program does.

    Raises:
        OperatorError: ``store_unusable``: the server cannot be reached or does not let us in.
    """
    try:
        db = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_S_MAX)
        # Text is sent as text: the server then refuses it where bytes belong, instead of reading it as such.
        db.adapters.register_dumper(str, StrDumper)
        db.adapters.register_dumper(Column, ColumnDumper)
        for name, value in _SESSION.items():
            db.execute(queries()["set_setting"].encode(), (name, value))
    except psycopg.Error as fault:
        raise OperatorError(f"the store cannot be reached: {_said(fault)}", code="store_unusable") from fault
    return db


def take_lease(db: Connection) -> None:
    """Become the one writer of this store for as long as the connection lives.

    The lease belongs to the very session that writes: whoever has lost it cannot write any more, so there is no moment
    with two writers, whatever the network does.

    Raises:
        OperatorError: ``store_in_use``.
    """
    row = db.execute(queries()["take_lease"].encode()).fetchone()
    if row is None or row[0] is not True:
        raise OperatorError("another process uses the store", code="store_in_use")


def meaning(fault: Exception, *, undone: bool) -> DarwazaError:
    """Say what a fault of a write leaves behind.

    Args:
        fault: what was raised.
        undone: the transaction was rolled back and the connection lives.
    """
    if undone and isinstance(fault, _FULL):
        return PushbackError("the server's disk is full", retry_after_s=DISK_FULL_RETRY_S, code="disk_full")
    if undone and isinstance(fault, _BUSY):
        return PushbackError("the store is busy", retry_after_s=STORE_BUSY_RETRY_S, code="store_busy")
    if undone and isinstance(fault, _PROGRAM):
        return InvariantError(f"a row that must be new exists already, or cannot be stored: {_said(fault)}")
    return FatalError(f"the store failed: {_said(fault)}")


def _said(fault: Exception) -> str:
    return str(fault).strip().partition("\n")[0]
