"""When a checkpoint runs, beside what, and what its faults leave."""

import sqlite3
import threading
from functools import partial

import pytest
from tests.contract.rows import dump, everything, filled, leaf, log

from darwaza.adapters.sqlite import checkpoint, connection
from darwaza.adapters.sqlite import store as sqlite_store
from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.errors import FatalError, PushbackError
from darwaza.ports.store import Changes


class Watched(sqlite3.Connection):
    """Tells of every checkpoint, and fails it when asked to."""

    on_checkpoint = staticmethod(lambda: None)

    def execute(self, sql, *values):
        if "wal_checkpoint" in sql:
            self.on_checkpoint()
        return super().execute(sql, *values)


@pytest.fixture
def store(tmp_path):
    """A store whose ``seen`` lists, for every checkpoint, whether commits were held back meanwhile."""
    SqliteStore.create(tmp_path / "gateway.db").close()
    watched = type("OfThisTest", (Watched,), {})
    made = SqliteStore(tmp_path / "gateway.db", connect=partial(sqlite3.connect, factory=watched))
    made.seen = []
    made.watched = watched
    watched.on_checkpoint = staticmethod(lambda: made.seen.append(made._checkpointer.writing.locked()))
    yield made
    made.close()


def fault(code):
    error = sqlite3.OperationalError("on purpose")
    error.sqlite_errorcode = code
    return error


def failing(code):
    def fail():
        raise fault(code)

    return staticmethod(fail)


def grow(store, number):
    store.commit(Changes(logs={1: log(1, number + 1)}, leaves=[leaf(1, number, body=b"b" * 9000)]))


def test_no_checkpoint_starts_before_a_commit_has_been_seen(store):
    """Else it could start while nothing is left to copy, which SQLite up to 3.51.2 does not survive beside a commit."""
    store.maintain()
    store.commit(Changes())
    store.maintain()
    assert store.seen == []
    store.commit(everything())
    store.maintain()
    assert store.seen == [False]
    store.commit(Changes())
    store.maintain()
    assert store.seen == [False]


def test_a_short_log_is_copied_beside_the_commits(store):
    for number in range(3):
        grow(store, number)
        store.maintain()
    assert store.seen == [False] * 3


def test_a_long_log_is_finished_with_commits_held_back_and_starts_over(store, monkeypatch):
    """The file stops growing although step 1 never copies the last commits, here because of a reader."""
    monkeypatch.setattr(checkpoint, "RESTART_PAGES", 50)
    reader = sqlite3.connect(store.path, isolation_level=None)

    def let_go_before_step_2():
        held = store._checkpointer.writing.locked()
        store.seen.append(held)
        if held:
            reader.execute("ROLLBACK")

    store.watched.on_checkpoint = staticmethod(let_go_before_step_2)
    lengths = []
    for size in range(150):
        grow(store, size)
        if size % 5 == 2 and not reader.in_transaction:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM leaf").fetchone()
        if size % 5 == 4:
            store.maintain()
            lengths.append(store._wal.stat().st_size)
    reader.close()
    assert store.seen.count(True) > 5
    assert len(set(lengths[10:])) == 1
    assert len(list(store.scan_leaves(1))) == 150


def test_a_commit_waits_while_the_rest_is_copied(store, monkeypatch):
    """And only then."""
    monkeypatch.setattr(checkpoint, "RESTART_PAGES", 1)
    order = []
    waiting = threading.Thread(target=lambda: (store.commit(Changes(meta={"a": b"1"})), order.append("committed")))

    def watch():
        if store._checkpointer.writing.locked():
            waiting.start()
            waiting.join(0.05)
            order.append("copied")

    store.watched.on_checkpoint = staticmethod(watch)
    store.commit(everything())
    store.maintain()
    waiting.join()
    assert order == ["copied", "committed"]


def test_the_log_stays_bounded_when_housekeeping_never_comes(tmp_path, monkeypatch):
    """A commit that finds it too long empties it."""
    bound = 400_000
    monkeypatch.setattr(connection, "WAL_BYTES_MAX", bound)
    monkeypatch.setattr(sqlite_store, "WAL_BYTES_MAX", bound)
    monkeypatch.setattr(checkpoint, "RESTART_PAGES", 1)
    store = SqliteStore.create(tmp_path / "gateway.db")
    lengths = []
    for number in range(200):
        grow(store, number)
        lengths.append(store._wal.stat().st_size)
    assert max(lengths) < bound * 1.5
    assert lengths.count(max(lengths)) < 100
    assert len(list(store.scan_leaves(1))) == 200
    store.close()


def test_a_checkpoint_without_room_pushes_back_and_loses_nothing(store):
    store.commit(everything())
    before = dump(store)
    store.watched.on_checkpoint = failing(sqlite3.SQLITE_FULL)
    with pytest.raises(PushbackError) as caught:
        store.maintain()
    assert caught.value.code == "disk_full"
    assert dump(store) == before
    store.commit(Changes(meta={"a": b"1"}))
    store.watched.on_checkpoint = staticmethod(lambda: None)
    store.maintain()


def test_a_commit_stands_although_the_checkpoint_after_it_finds_no_room(store, monkeypatch):
    """It is on the disk: its caller must not hear that nothing was stored."""
    monkeypatch.setattr(sqlite_store, "WAL_BYTES_MAX", 0)
    store.watched.on_checkpoint = failing(sqlite3.SQLITE_FULL)
    store.commit(Changes(meta={"a": b"1"}))
    assert store.meta("a") == b"1"


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_CORRUPT])
def test_a_checkpoint_that_fails_stops_the_store(store, code):
    """After a failed fsync nobody knows what the database file holds; the log does, so a restart repairs it."""
    store.commit(everything())
    before = dump(store)
    store.watched.on_checkpoint = failing(code)
    with pytest.raises(FatalError):
        store.maintain()
    with pytest.raises(FatalError):
        store.logs()
    store.watched.on_checkpoint = staticmethod(lambda: None)
    store.close()
    again = SqliteStore(store.path)
    assert dump(again) == before
    again.close()


def test_a_log_that_has_gone_stops_the_store(store):
    """Somebody removed the file: what it held is lost for the next process, so this one must not go on."""
    store._wal.unlink()
    with pytest.raises(FatalError):
        store.commit(filled(1, 1))
    with pytest.raises(FatalError):
        store.logs()
