"""The database as a file: made whole or not at all, migrated, and copied whole while the gateway goes on working.

Making and copying write ``<name>.part`` first, readable by its owner only, and give it its name when it is on the disk;
a crash leaves at most that part, which the next attempt removes.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from darwaza.adapters.sqlite.connection import take_lock
from darwaza.errors import OperatorError

Progress = Callable[[int, int], None]

BACKUP_PAGES = 1_024
"""Copied in one step of a backup."""
_COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite may leave beside a file; it would replay them into any other file that gets the name."""


def make(path: Path, script: str, page_bytes: int) -> None:
    """Make a new database by a script.

    Raises:
        OperatorError: ``store_exists``: the file, or remains of a former one that a new one would take for its own;
            ``store_unusable``: the disk refuses.
    """
    with _named_when_whole(path, code="store_unusable") as part, closing(sqlite3.connect(part)) as db:
        db.execute(f"PRAGMA page_size={page_bytes}")
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(f"BEGIN; {script} COMMIT;")


def backup(path: Path, to: Path, progress: Progress = lambda _done, _total: None) -> None:
    """Copy the store at ``path`` as it is at one moment; returns when the copy is on the disk.

    It reads through a connection of its own, so any thread or another process may call it. Commits go on beside it;
    the write-ahead log cannot start over until it ends, and grows meanwhile.

    Args:
        path: the database file.
        to: the copy.
        progress: called after every ``BACKUP_PAGES`` pages with those copied and those there are.

    Raises:
        OperatorError: ``store_missing``; ``store_exists`` when something stands at ``to``; ``backup_failed``.
    """
    if not path.is_file():
        raise OperatorError(f"there is no store at {path}", code="store_missing")
    with (
        _named_when_whole(to, code="backup_failed") as part,
        closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(part)) as target,
    ):
        # One read transaction over all steps: a single moment of the store, and no commit beside makes it start over.
        source.execute("BEGIN")
        source.execute("PRAGMA schema_version").fetchone()
        source.backup(target, pages=BACKUP_PAGES, progress=lambda _, left, total: progress(total - left, total))


def migrate(path: Path, steps: Sequence[str]) -> tuple[int, int]:
    """Bring the schema of a store that nobody uses up to date, in one transaction.

    Args:
        path: the database file.
        steps: all migrations, the first for version 1.

    Returns:
        The version it had and the one it has.

    Raises:
        OperatorError: ``store_missing``, ``store_in_use``; ``store_schema`` when it is none of ours or a later one;
            ``store_unusable``: a step failed and nothing has changed.
    """
    if not path.is_file():
        raise OperatorError(f"there is no store at {path}", code="store_missing")
    lock = take_lock(path)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=FULL")
            before: int = db.execute("PRAGMA user_version").fetchone()[0]
            if not 0 < before <= len(steps):
                raise OperatorError(f"the store has schema {before}, the newest is {len(steps)}", code="store_schema")
            script = "".join(steps[before:])
            if script:
                # A crash before the end leaves the old schema, whole: the version is part of the transaction.
                db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version={len(steps)}; COMMIT;")
            return before, len(steps)
    except sqlite3.Error as fault:
        raise OperatorError(f"the store at {path} cannot be migrated: {fault}", code="store_unusable") from fault
    finally:
        os.close(lock)


@contextmanager
def _named_when_whole(path: Path, *, code: str) -> Iterator[Path]:
    for name in (path, *_beside(path)):
        if name.exists():
            raise OperatorError(f"{name} exists already", code="store_exists")
    part = path.with_name(path.name + ".part")
    try:
        for name in (part, *_beside(part)):
            name.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
        yield part
        part.rename(path)
        _sync_folder(path.parent)
    except (sqlite3.Error, OSError) as fault:
        raise OperatorError(f"{path} cannot be written: {fault}", code=code) from fault


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _COMPANIONS]


def _sync_folder(path: Path) -> None:
    """Make a new name in a folder survive a crash."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
