"""Real faults on the SQLite store: full disks, failing commits, killed processes, torn write-ahead logs."""

import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import threading
import time
from functools import partial
from typing import ClassVar

import pytest
from tests.contract.rows import instant, leaf, log, notice

from darwaza.adapters.sqlite import checkpoint
from darwaza.adapters.sqlite.store import PAGE_BYTES, SqliteStore
from darwaza.errors import FatalError, PushbackError
from darwaza.ports.store import AnswerRow, Changes

SEED = 20261122
LEAVES = 3
ROUNDS_MIN = 10


def numbered(number: int) -> Changes:
    """The ``number``-th commit: rows in four tables, enough to fill several pages."""
    first = number * LEAVES
    return Changes(
        logs={1: log(1, first + LEAVES)},
        leaves=[leaf(1, first + at, body=bytes([number % 256]) * 5000) for at in range(LEAVES)],
        answers=[AnswerRow("PK/bank", f"key {number}", b"d", b"answer", instant(1))],
        notices=[notice(number + 1, "PK/bank")],
        meta={"last": b"%d" % (number + 1)},
    )


def commits_in(store: SqliteStore) -> int:
    """How many of the numbered commits are there; fails when a part of one is."""
    logs = store.logs()
    size = logs[0].size if logs else 0
    count = store.notice_sequence()
    assert size == count * LEAVES
    assert [row.leaf_index for row in store.scan_leaves(1)] == list(range(size))
    assert (store.meta("last") or b"0") == b"%d" % count
    keys = [("PK/bank", f"key {number}") for number in range(count + 1)]
    assert len(store.answers(keys)) == count
    assert all(store.body(1, at) == bytes([at // LEAVES % 256]) * 5000 for at in range(size))
    return count


def sound(path) -> bool:
    """SQLite's own check of every page and index."""
    db = sqlite3.connect(path)
    result = db.execute("PRAGMA integrity_check").fetchall()
    db.close()
    return result == [("ok",)]


# --- full disks ---


def commit_until_refused(store: SqliteStore) -> tuple[int, PushbackError]:
    """How many commits went in, and what the next one met."""
    for number in range(1000):
        try:
            store.commit(numbered(number))
        except PushbackError as refusal:
            return number, refusal
    pytest.fail("the disk never filled up")


def test_a_full_database_pushes_back_and_works_again_when_there_is_room(tmp_path):
    """``disk_full``; nothing of the batch is stored; after room is made the same batch goes in."""
    opened = []

    def connect(*args, **options):
        opened.append(sqlite3.connect(*args, **options))
        opened[-1].execute("PRAGMA max_page_count=60")
        return opened[-1]

    SqliteStore.create(tmp_path / "gateway.db").close()
    store = SqliteStore(tmp_path / "gateway.db", connect=connect)
    number, refusal = commit_until_refused(store)
    assert refusal.code == "disk_full"
    assert refusal.retry_after_s > 0
    assert commits_in(store) == number > 0
    opened[0].execute("PRAGMA max_page_count=1000")
    store.commit(numbered(number))
    assert commits_in(store) == number + 1
    store.close()
    assert sound(store.path)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:  # noqa: PLW1510
        pytest.skip("a file system can be mounted only by root with the right to it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_pushes_back_until_there_is_room(small_disk):
    """The operating system says ENOSPC, for commits and for checkpoints; nothing acknowledged is lost."""
    path = small_disk / "gateway.db"
    store = SqliteStore.create(path)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 2_500_000)
    number, refusal = commit_until_refused(store)
    assert refusal.code == "disk_full"
    assert commits_in(store) == number > 5
    with pytest.raises(PushbackError):
        store.maintain()
    with pytest.raises(PushbackError):
        store.commit(numbered(number))
    assert commits_in(store) == number
    ballast.unlink()
    store.commit(numbered(number))
    store.maintain()
    assert commits_in(store) == number + 1
    store.close()
    assert sound(path)


def test_a_store_that_another_program_writes_to_pushes_back(tmp_path):
    """An operator's SQLite shell in a transaction: wait, then try again later."""

    def connect(*args, **options):
        return sqlite3.connect(*args, **(options | {"timeout": 0.01}))

    SqliteStore.create(tmp_path / "gateway.db").close()
    store = SqliteStore(tmp_path / "gateway.db", connect=connect)
    shell = sqlite3.connect(store.path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(PushbackError) as caught:
        store.commit(numbered(0))
    assert caught.value.code == "store_busy"
    assert commits_in(store) == 0
    shell.execute("ROLLBACK")
    shell.close()
    store.commit(numbered(0))
    assert commits_in(store) == 1
    store.close()


# --- commits that fail in both ways ---


class Failing(sqlite3.Connection):
    """Raises at a chosen statement, before or after it has done its work."""

    plan: ClassVar = {}

    def _at(self, sql, run):
        error, applied = self.plan.get(sql.split()[0], (None, False))
        if error is None:
            return run()
        if applied:
            run()
        raise error

    def execute(self, sql, *values):
        return self._at(sql, lambda: super(Failing, self).execute(sql, *values))

    def executemany(self, sql, rows):
        return self._at(sql, lambda: super(Failing, self).executemany(sql, rows))


def disk_error():
    error = sqlite3.OperationalError("disk I/O error, on purpose")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    return error


@pytest.fixture
def failing(tmp_path):
    """A store with one commit, and the class that makes its connections fail."""
    kind = type("OfThisTest", (Failing,), {"plan": {}})
    SqliteStore.create(tmp_path / "gateway.db").close()
    store = SqliteStore(tmp_path / "gateway.db", connect=partial(sqlite3.connect, factory=kind))
    store.commit(numbered(0))
    yield store, kind
    kind.plan = {}
    store.close()


@pytest.mark.parametrize("rollback_fails", [False, True])
@pytest.mark.parametrize(
    ("statement", "applied", "there"),
    [("COMMIT", False, 1), ("COMMIT", True, 2), ("INSERT", False, 1), ("INSERT", True, 1), ("BEGIN", True, 1)],
)
def test_an_io_error_is_fatal_and_a_new_open_finds_all_or_nothing(failing, statement, applied, there, rollback_fails):
    """Nobody knows, so the store refuses every further use, and recovery looks."""
    store, kind = failing
    kind.plan = {statement: (disk_error(), applied)}
    if rollback_fails:
        kind.plan["ROLLBACK"] = (disk_error(), False)
    with pytest.raises(FatalError):
        store.commit(numbered(1))
    kind.plan = {}
    for use in (lambda: store.commit(numbered(1)), store.logs, store.maintain, lambda: store.meta("last")):
        with pytest.raises(FatalError):
            use()
    store.close()
    again = SqliteStore(store.path)
    assert commits_in(again) == there
    again.close()


def test_an_interrupted_commit_is_fatal(failing):
    """A signal in the middle of a commit passes, and the store refuses further use."""
    store, kind = failing
    kind.plan = {"INSERT": (KeyboardInterrupt(), False)}
    with pytest.raises(KeyboardInterrupt):
        store.commit(numbered(1))
    kind.plan = {}
    with pytest.raises(FatalError):
        store.logs()
    store.close()
    again = SqliteStore(store.path)
    assert commits_in(again) == 1
    again.close()


def test_a_read_that_fails_is_fatal(failing):
    """No error of the database engine passes the port."""
    store, kind = failing
    kind.plan = {"SELECT": (disk_error(), False)}
    with pytest.raises(FatalError):
        store.meta("last")
    kind.plan = {}
    with pytest.raises(FatalError):
        store.commit(numbered(1))


# --- killed processes ---


def commit_for_ever(path, reports: int, seed: int) -> None:
    """In a child: commit on, with checkpoints in between and beside, and report each commit that returned."""
    chance = random.Random(seed)
    store = SqliteStore(path)
    number = store.notice_sequence()

    def maintain_for_ever():
        while True:
            store.maintain()
            time.sleep(0.001)

    if seed % 2:
        threading.Thread(target=maintain_for_ever, daemon=True).start()
    while True:
        store.commit(numbered(number))
        number += 1
        os.write(reports, struct.pack(">I", number))
        if chance.random() < 0.1:
            store.maintain()


def killed_after(path, commits: int, seconds: float, seed: int) -> int:
    """Run a child, kill it some time after so many commits, and give back the last commit it reported, 0 for none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            commit_for_ever(path, writing, seed)
        finally:
            os._exit(1)
    os.close(writing)
    reported = b""
    while len(reported) < 4 * commits and (more := os.read(reading, 4)):  # it is at work
        reported += more
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    while more := os.read(reading, 65_536):
        reported += more
    os.close(reading)
    assert os.WIFSIGNALED(status)
    return struct.unpack(">I", reported[-4:])[0] if reported else 0


def test_a_killed_process_loses_nothing_it_reported(tmp_path, monkeypatch):
    """40 kills at random moments of commits and checkpoints: all reported commits are there, and no half one."""
    monkeypatch.setattr(checkpoint, "RESTART_PAGES", 60)
    path = tmp_path / "gateway.db"
    SqliteStore.create(path).close()
    chance = random.Random(SEED)
    there = 0
    for kill in range(40):
        reported = killed_after(path, chance.randint(1, 5), chance.random() * 0.03, kill)
        store = SqliteStore(path)
        before, there = there, commits_in(store)
        store.close()
        assert max(reported, before) <= there <= max(reported, before) + 1
    assert there > 100
    assert sound(path)


# --- torn write-ahead logs ---


def frames(raw: bytes) -> list[tuple[int, bool]]:
    """Of a write-ahead log (sqlite.org/fileformat2.html section 4.1): where each frame ends, and if it commits."""
    size = 24 + PAGE_BYTES
    salts = raw[16:24]
    found = []
    for start in range(32, len(raw) - size + 1, size):
        if raw[start + 8 : start + 16] != salts:
            break  # left over from before the log started over
        found.append((start + size, raw[start + 4 : start + 8] != bytes(4)))
    return found


def die_after(path, before: int, after: int) -> None:
    """In a child: commit, let the log start over if there was something before, commit on, and drop dead."""
    child = os.fork()
    if child == 0:
        try:
            store = SqliteStore(path)
            for number in range(before + after):
                if number == before > 0:
                    store.maintain()
                store.commit(numbered(number))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("before", [0, 20])
def test_a_torn_log_loses_only_commits_from_the_damage_on(tmp_path, monkeypatch, before):
    """As after a power cut on a disk that lied: cut or flipped anywhere, the store is as after some whole commit.

    With 20 commits before, the log has started over and their frames still lie behind its end.
    """
    monkeypatch.setattr(checkpoint, "RESTART_PAGES", 1)
    chance = random.Random(SEED)
    path, copy = tmp_path / "gateway.db", tmp_path / "copy.db"
    SqliteStore.create(path).close()
    die_after(path, before, 12)
    raw = path.with_name("gateway.db-wal").read_bytes()
    ends = frames(raw)
    assert sum(commits for _, commits in ends) == 12
    assert (ends[-1][0] < len(raw)) == (before > 0)
    for at in [chance.randrange(ends[-1][0]) for _ in range(40)] + [0, 31, 32]:
        torn = bytearray(raw)
        if chance.random() < 0.5:
            del torn[at:]
        else:
            torn[at] ^= 1 << chance.randrange(8)
        shutil.copy(path, copy)
        copy.with_name("copy.db-wal").write_bytes(torn)
        store = SqliteStore(copy)
        assert commits_in(store) == before + sum(commits for end, commits in ends if end <= at)
        store.close()
        assert sound(copy)


# --- checkpoints beside commits ---


def test_checkpoints_beside_commits_lose_no_page(tmp_path, monkeypatch):
    """A second of both at full speed, with the log starting over all the time; then every page and row is checked."""
    monkeypatch.setattr(checkpoint, "RESTART_PAGES", 30)
    store = SqliteStore.create(tmp_path / "gateway.db")
    over = threading.Event()
    rounds = 0

    def maintain():
        nonlocal rounds
        while not over.is_set():
            store.maintain()
            rounds += 1

    beside = threading.Thread(target=maintain)
    beside.start()
    number, end = 0, time.monotonic() + 1.0
    while time.monotonic() < end or rounds <= ROUNDS_MIN:
        store.commit(numbered(number))
        number += 1
    over.set()
    beside.join()
    assert rounds > ROUNDS_MIN
    assert commits_in(store) == number
    store.close()
    assert sound(store.path)
