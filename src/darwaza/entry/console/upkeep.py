"""Backups and their examination, from the console.

A copy is made while the gateway runs, and ``darwaza fsck`` in a process of its own derives everything in the copy
again. So one act shows both that the store is whole and that its backup can be read.
"""

import asyncio
import re
import shutil
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import msgspec

from darwaza.bootstrap import CORRIDOR_FOLDER
from darwaza.config import CONFIG_FILE
from darwaza.engine.fsck import Finding
from darwaza.errors import MalformedError, PushbackError
from darwaza.ports.clock import Clock
from darwaza.storage import STORE_FILE, backup_store

BACKUP_FOLDER = "backups"
BACKUPS_SHOWN_MAX = 20
BUSY_S = 10.0
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z\.db")


class Backup(msgspec.Struct, frozen=True):
    """A copy of the store: file name, length in bytes, when it was made."""

    name: str
    bytes: int
    made_at: datetime


class Examined(msgspec.Struct, frozen=True):
    """What an examination found, and of which backup; ``findings`` is None when it could not be made."""

    name: str
    at: datetime
    findings: tuple[Finding, ...] | None


class Upkeep:
    """See the module.

    Attributes:
        running: name of the backup that is being made or examined, "" for none.
        last: the last examination of this process.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.running = ""
        self.last: Examined | None = None
        self._folder = folder
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def backups(self) -> list[Backup]:
        """Backups made here, newest first."""
        made = self._folder / BACKUP_FOLDER
        paths = sorted((path for path in made.glob("*.db") if NAME.fullmatch(path.name)), reverse=True)
        return [
            Backup(path.name, path.stat().st_size, datetime.fromisoformat(path.stem))
            for path in paths[:BACKUPS_SHOWN_MAX]
        ]

    def begin(self) -> str:
        """Make a backup and examine it, beside the gateway's work; returns its name.

        Raises:
            PushbackError: ``busy``: one is being made.
        """
        self._need_idle()
        name = f"{self._clock.now():%Y%m%dT%H%M%SZ}.db"
        self.running = name
        self._task = asyncio.create_task(self._run(name, make=True))
        return name

    def examine(self, name: str) -> None:
        """Examine a backup again, beside the gateway's work.

        Raises:
            MalformedError: ``not_found``.
            PushbackError: ``busy``.
        """
        self._need_idle()
        if not NAME.fullmatch(name) or not (self._folder / BACKUP_FOLDER / name).is_file():
            raise MalformedError("there is no such backup", code="not_found")
        self.running = name
        self._task = asyncio.create_task(self._run(name, make=False))

    async def done(self) -> None:
        """Wait until what was begun has ended."""
        if self._task is not None:
            await self._task

    def _need_idle(self) -> None:
        if self.running:
            raise PushbackError("a backup is being made or examined", retry_after_s=BUSY_S, code="busy")

    async def _run(self, name: str, *, make: bool) -> None:
        made = self._folder / BACKUP_FOLDER
        try:
            if make:
                made.mkdir(mode=0o700, exist_ok=True)
                await asyncio.to_thread(backup_store, self._folder, made / name)
            self.last = Examined(name, self._clock.now(), await self._fsck(made / name))
        finally:
            self.running = ""

    async def _fsck(self, backup: Path) -> tuple[Finding, ...] | None:
        with tempfile.TemporaryDirectory(prefix="darwaza-fsck-") as folder:
            copy = Path(folder)
            await asyncio.to_thread(shutil.copy, backup, copy / STORE_FILE)
            shutil.copy(self._folder / CONFIG_FILE, copy)
            shutil.copytree(self._folder / CORRIDOR_FOLDER, copy / CORRIDOR_FOLDER)
            command = (sys.executable, "-m", "darwaza.entry.cli.main", "fsck", str(copy), "--json")
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate()
        try:
            return tuple(msgspec.json.decode(out, type=list[Finding]))
        except msgspec.MsgspecError:
            return None
