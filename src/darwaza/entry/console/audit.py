"""The audit trail: one line for every act in the console, each line naming the digest of the one before.

Whoever changes, removes or inserts a line breaks the chain from there on; ``check`` says where. The trail holds who did
what to what and how it ended, never what a form contained.
"""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from darwaza.kernel import instant
from darwaza.ports.clock import Clock

AUDIT_FILE = "console-audit.jsonl"
TAIL_BYTES = 262_144
"""What is read from the trail's end to show the newest entries."""
START = "0" * 64


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One act.

    Attributes:
        at: when, RFC 3339 UTC.
        login: who; "" before sign-in.
        party: full address of the party they act for.
        act: what: ``sign-in``, ``POST /v1/transit/{id}/start``.
        about: what it was about: an id, a login.
        outcome: ``done`` or the code of the refusal.
        address: network address it came from.
        before: SHA-256 of the former line without its newline, hex; 64 zeros in the first.
    """

    at: str
    login: str
    party: str
    act: str
    about: str
    outcome: str
    address: str
    before: str


class Trail:
    """See the module."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._before = self._last()

    def _last(self) -> str:
        lines = self._tail()
        return sha256(lines[-1]).hexdigest() if lines else START

    def _tail(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = max(0, size - TAIL_BYTES)
                file.seek(start)
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        return lines if start == 0 else lines[1:]

    def write(self, *, login: str, party: str, act: str, about: str, outcome: str, address: str) -> None:
        """Add an entry; it is on the disk when this returns."""
        at = instant.to_text(instant.floor_ms(self._clock.now()))
        line = msgspec.json.encode(Entry(at, login, party, act, about, outcome, address, self._before))
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._before = sha256(line).hexdigest()

    def newest(self, items_max: int) -> list[Entry]:
        """The newest entries, newest first."""
        found = [msgspec.json.decode(line, type=Entry) for line in self._tail()[-items_max:]]
        return found[::-1]

    def check(self) -> int | None:
        """Number of the first line that does not follow from the one before it, from 1; None when all do."""
        before = START
        for number, line in enumerate(self._lines(), 1):
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return number
            if entry.before != before:
                return number
            before = sha256(line).hexdigest()
        return None

    def _lines(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                for line in file:
                    yield line.removesuffix(b"\n")
        except FileNotFoundError:
            return
