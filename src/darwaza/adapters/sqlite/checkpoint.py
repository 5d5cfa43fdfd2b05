"""Checkpoints: moving the write-ahead log into the database file, so that the log can start over.

Two steps, so that a commit hardly ever waits:

1. beside the commits: copy what is committed (``wal_checkpoint(PASSIVE)``), then make the database file durable;
2. only when the log has grown past ``RESTART_PAGES``, with commits held back: copy the few pages that came meanwhile.
   Now nothing is left to copy, and the next commit starts the log over. Under load step 1 alone would never get there,
   because some commit always comes in between. To repeat step 1 until little is left would make the wait shorter and
   the tail of the latency longer: each time synchronises the file, beside commits that synchronise theirs.

SQLite up to 3.51.2 has a race here ("WAL-reset bug", sqlite.org/wal.html#walresetbug): a checkpoint that starts while
nothing is left to copy, and at that moment a commit that starts the log over, lose pages later. It cannot happen here:
there is one checkpoint at a time, and step 1 starts only when a commit has been seen since the last checkpoint ended.
From that commit until the next checkpoint ends something is left to copy, so no commit can start the log over.

A crash at any point leaves a log that holds everything the database file may lack; the next open replays it.
"""

import os
import sqlite3
import threading
from pathlib import Path

from darwaza.adapters.sqlite.connection import Connect, meaning, open_connection
from darwaza.errors import FatalError

# A log that starts over soon is written where it was written before: a sync has less to do than for a file that grows.
RESTART_PAGES = 4_096
"""Pages of log (32 MiB) from which on it is worth holding commits back so that the log starts over."""


class Checkpointer:
    """One connection that only checkpoints.

    Attributes:
        writing: held by every commit while its transaction is open, and by step 2.
    """

    def __init__(self, path: Path, connect: Connect) -> None:
        """Get ready; must be called before the first commit."""
        self.writing = threading.Lock()
        self._running = threading.Lock()
        # For fdatasync. It must stay open until the connections are closed: when a process closes any handle of a
        # file, it loses all its POSIX locks on it, and SQLite's are among them.
        self._file = os.open(path, os.O_RDONLY)
        try:
            self._db = open_connection(path, connect)
            self._seen = self._version()
        except BaseException:
            os.close(self._file)
            raise

    def run(self) -> None:
        """Checkpoint what has been committed since the last time; any thread may call it.

        Raises:
            PushbackError: ``disk_full``: the database file cannot grow; nothing is lost, the log keeps everything.
            FatalError: the database file could not be written or synchronised.
        """
        with self._running:
            try:
                if self._version() == self._seen:
                    return
                pages = self._copy()
                os.fdatasync(self._file)
                if pages < RESTART_PAGES:
                    self._seen = self._version()
                    return
                with self.writing:
                    self._copy()
                    self._seen = self._version()
            except sqlite3.Error as fault:
                raise meaning(fault, undone=True) from fault
            except OSError as fault:
                raise FatalError(f"the store could not be synchronised: {fault}") from fault

    def close(self) -> None:
        """Wait for a running checkpoint and release the connection."""
        with self._running:
            self._db.close()

    def close_file(self) -> None:
        """Release the file; only when no connection of this process is open any more."""
        os.close(self._file)

    def _version(self) -> int:
        """A number that changes when another connection has committed pages."""
        version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _copy(self) -> int:
        """Copy what no reader still needs to find in the log.

        Returns:
            The log's length in pages.
        """
        _busy, pages, _done = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return int(pages)
