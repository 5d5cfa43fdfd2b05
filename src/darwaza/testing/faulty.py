"""A gateway that fails on purpose: ``python -m darwaza.testing.faulty serve FOLDER --fail-commit 3 --how lie``.

========  =====================================================================================
``die``   the process is killed just before the commit (SIGKILL)
``late``  it is killed just after the commit, before anyone is told
``fail``  the commit is not applied, and reported as an I/O error
``lie``   the commit is applied, and yet reported as an I/O error
========  =====================================================================================

``--clock FILE`` adds the seconds that stand in a file to the clock, read anew each time: the file is the jump.
"""

import contextlib
import os
import signal
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from darwaza.adapters.system.clock import SystemClock
from darwaza.bootstrap import Gateway
from darwaza.entry.cli.output import reports_errors
from darwaza.entry.serve import serve

HOWS = ("die", "late", "fail", "lie")


class FaultyConnection(sqlite3.Connection):
    """Fails at one commit.

    Attributes:
        fail_at: number of the commit, from 1; 0 for none.
        how: see the module.
        commits: counted so far, over all connections.
    """

    fail_at = 0
    how = ""
    commits = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement, or fail."""
        if sql != "COMMIT":
            return super().execute(sql, *values)
        FaultyConnection.commits += 1
        if FaultyConnection.commits != self.fail_at:
            return super().execute(sql, *values)
        if self.how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how in {"late", "lie"}:
            super().execute(sql, *values)
        if self.how == "late":
            os.kill(os.getpid(), signal.SIGKILL)
        raise sqlite3.OperationalError("disk I/O error, on purpose")


class JumpingClock(SystemClock):
    """The machine's clock, off by what stands in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds = 0.0

    def now(self) -> datetime:
        """The wall clock and the jump; while the file is being written, the jump before."""
        with contextlib.suppress(OSError, ValueError):
            self._seconds = float(self._file.read_text("ascii"))
        return super().now() + timedelta(seconds=self._seconds)


@click.group()
def main() -> None:
    """Serve a gateway that fails on purpose."""


@main.command(name="serve")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--fail-commit", default=0)
@click.option("--how", type=click.Choice(HOWS), default="die")
@click.option("--clock", type=click.Path(path_type=Path))
@reports_errors
def serve_command(folder: Path, fail_commit: int, how: str, clock: Path | None) -> None:
    """Serve the gateway in FOLDER."""
    FaultyConnection.fail_at, FaultyConnection.how = fail_commit, how

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        opened: sqlite3.Connection = sqlite3.connect(*args, **{**options, "factory": FaultyConnection})
        return opened

    gateway = Gateway(folder, clock=None if clock is None else JumpingClock(clock), connect=connect)
    try:
        serve(gateway)
    finally:
        gateway.close()


if __name__ == "__main__":
    main()
