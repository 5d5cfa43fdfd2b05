"""What only the SQLite store does: files, locks, schema, backups."""

import os
import sqlite3
import stat
import subprocess
import sys

import pytest
from tests.contract.rows import dump, everything, filled, leaf, log, tiles

from darwaza.adapters.memory.table import Tables
from darwaza.adapters.sqlite import file
from darwaza.adapters.sqlite.listing import case_list
from darwaza.adapters.sqlite.query import queries, schema
from darwaza.adapters.sqlite.store import SCHEMA_VERSION, SqliteStore
from darwaza.errors import OperatorError
from darwaza.ports.store import CaseFilter, Changes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gateway.db"


def refused(code, act):
    with pytest.raises(OperatorError) as caught:
        act()
    assert caught.value.code == code


class TestOpening:
    def test_a_missing_store_is_not_made_in_silence(self, path):
        refused("store_missing", lambda: SqliteStore(path))
        assert not list(path.parent.iterdir())

    def test_an_existing_store_is_not_made_again(self, path):
        SqliteStore.create(path).close()
        refused("store_exists", lambda: SqliteStore.create(path))

    def test_remains_of_a_former_store_are_not_taken_for_its_own(self, path):
        """SQLite would replay a write-ahead log it finds beside a new file."""
        path.with_name("gateway.db-wal").write_bytes(b"remains")
        refused("store_exists", lambda: SqliteStore.create(path))

    def test_a_second_open_is_refused_until_the_first_is_closed(self, path):
        """In this process and in another one."""
        first = SqliteStore.create(path)
        refused("store_in_use", lambda: SqliteStore(path))
        other = (
            "import sys, pathlib; from darwaza.adapters.sqlite.store import SqliteStore; from darwaza import errors\n"
            "try: SqliteStore(pathlib.Path(sys.argv[1])).close()\n"
            "except errors.OperatorError as e: print(e.code)"
        )
        run = [sys.executable, "-c", other, str(path)]
        assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == "store_in_use\n"
        first.close()
        assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == ""
        SqliteStore(path).close()

    def test_another_schema_is_refused_and_the_lock_given_back(self, path):
        SqliteStore.create(path).close()
        set_version(path, SCHEMA_VERSION + 1)
        refused("store_schema", lambda: SqliteStore(path))
        set_version(path, SCHEMA_VERSION)
        SqliteStore(path).close()

    @pytest.mark.parametrize(("content", "code"), [(b"not a database" * 100, "store_unusable"), (b"", "store_schema")])
    def test_a_file_that_is_no_store_is_refused(self, path, content, code):
        path.write_bytes(content)
        refused(code, lambda: SqliteStore(path))

    def test_a_store_that_cannot_be_made_leaves_nothing(self, tmp_path):
        refused("store_unusable", lambda: SqliteStore.create(tmp_path / "none" / "gateway.db"))
        assert not list(tmp_path.iterdir())

    def test_an_abandoned_attempt_does_not_stand_in_the_way(self, path):
        for suffix in (".part", ".part-wal", ".part-journal"):
            path.with_name(path.name + suffix).write_bytes(b"remains")
        SqliteStore.create(path).close()
        assert sorted(each.name for each in path.parent.iterdir()) == ["gateway.db", "gateway.db.lock"]

    def test_only_its_owner_reads_it(self, path):
        """Bodies stay home (P7), whatever the umask."""
        before = os.umask(0)
        try:
            store = SqliteStore.create(path)
            store.commit(everything())
            store.backup(path.with_name("copy"))
        finally:
            os.umask(before)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        store.close()
        assert set(modes) == {"gateway.db", "gateway.db-wal", "gateway.db-shm", "gateway.db.lock", "copy"}
        assert set(modes.values()) == {0o600}


class TestBackup:
    def test_a_backup_is_the_store_of_one_moment(self, path):
        """It holds what was committed before, also what only the write-ahead log has, and nothing later."""
        copy = path.with_name("copy.db")
        store = SqliteStore.create(path)
        store.commit(everything())
        store.maintain()
        store.commit(filled(2, 300))
        before = dump(store)
        store.backup(copy)
        store.commit(Changes(logs={2: log(2, 301)}, leaves=[leaf(2, 300)]))
        later = dump(store)
        store.close()
        for copied, expected in ((copy, before), (path, later)):
            restored = SqliteStore(copied)
            assert dump(restored) == expected
            restored.close()

    def test_commits_beside_it_neither_enter_nor_hold_up_a_backup(self, path, monkeypatch):
        """However many commits fall between its steps: the moment is that of its begin, and it tells how far it is."""
        monkeypatch.setattr(file, "BACKUP_PAGES", 8)
        copy, told = path.with_name("copy.db"), []
        store = SqliteStore.create(path)
        store.commit(everything())
        store.commit(filled(2, 300))
        before = dump(store)

        def commit(done, total):
            told.append((done, total))
            size = 300 + len(told)
            store.commit(Changes(logs={2: log(2, size)}, leaves=[leaf(2, size - 1)]))

        file.backup(path, copy, commit)
        later = dump(store)
        store.close()
        assert len(told) > 3
        assert told == sorted(told)
        assert {total for _, total in told} == {told[-1][0]}
        assert later != before
        restored = SqliteStore(copy)
        assert dump(restored) == before
        restored.close()

    def test_a_backup_replaces_nothing(self, path):
        store = SqliteStore.create(path)
        copy = path.with_name("copy.db")
        copy.write_bytes(b"last week's")
        refused("store_exists", lambda: store.backup(copy))
        refused("backup_failed", lambda: store.backup(path.parent / "none" / "copy.db"))
        assert copy.read_bytes() == b"last week's"
        store.close()


class TestTruncation:
    @pytest.mark.parametrize("size", [0, 255, 65_279, 65_280, 65_535, 65_536, 65_537, 65_792, 69_999])
    def test_tiles_of_every_level_are_cut_to_the_size(self, path, size):
        """At the boundaries of a tile of level 1 too, in both adapters: they hold what a log of that size has."""
        large = Changes(tiles=tiles(1, 70_000))
        expected = {key: row.hashes for key, row in tiles(1, size).items()}
        store = SqliteStore.create(path)
        store.commit(large)
        store.commit(Changes(truncate=[(1, size)]))
        found = {key: store.tile(*key) for key in large.tiles}
        store.close()
        assert {key: hashes for key, hashes in found.items() if hashes} == expected
        tables = Tables()
        tables.apply(large)
        tables.apply(Changes(truncate=[(1, size)]))
        assert {(1, *key): hashes for key, hashes in tables.tiles[1].items()} == expected


def test_the_lists_a_party_sees_walk_an_index():
    """A page of a party's list costs what it shows: what it has of other services or consignments is not read."""
    db = sqlite3.connect(":memory:")
    db.executescript(schema())
    for wanted in (
        CaseFilter(party="PK/bank", service="transit"),
        CaseFilter(party="PK/bank", service="transit", counterparty="UZ/bank", states=("sent",), after=("2026", "x")),
        CaseFilter(party="PK/bank", service="transit", opened_from="2026", opened_before="2027"),
    ):
        text, values = case_list(wanted)
        plan = " / ".join(row[3] for row in db.execute("EXPLAIN QUERY PLAN " + text, values))
        assert "SEARCH p USING PRIMARY KEY (party=? AND service=?" in plan
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan
    text, values = case_list(CaseFilter(party="PK/bank", ucr="6PK1"))
    plan = " / ".join(row[3] for row in db.execute("EXPLAIN QUERY PLAN " + text, values))
    assert "SEARCH c USING INDEX case_ucr (ucr=?)" in plan


def test_no_statement_reads_a_whole_table_unless_it_is_meant_to():
    """``queries.sql`` holds one described statement a name, and each finds its rows by an index."""
    db = sqlite3.connect(":memory:")
    db.executescript(schema())
    whole = {"read_logs", "read_quarantine", "read_forks", "count_given_back", "read_documents"}
    whole |= {"scan_cases", "scan_names", "scan_accounts", "scan_transfers", "read_account_totals"}
    for name, text in queries().items():
        plan = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + text, ["1"] * text.count("?"))]
        apart = ("json_each", "SCAN found", "CONSTANT ROW")  # what is given, or made by the statement itself
        scans = any(step.startswith("SCAN") and not any(one in step for one in apart) for step in plan)
        assert scans == (name in whole), (name, plan)


def set_version(path, version):
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={version}")
    db.close()
