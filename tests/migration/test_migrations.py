"""The schema has one history: every step is kept, and all steps together are the schema of today."""

import re
import sqlite3
from contextlib import closing
from importlib.resources import files

import pytest
from tests.contract.rows import case, instant, party, transfer

from darwaza.adapters.postgres.query import queries as postgres_queries
from darwaza.adapters.postgres.query import schema as postgres_schema
from darwaza.adapters.postgres.rows import WRITERS as POSTGRES_WRITERS
from darwaza.adapters.sqlite import file
from darwaza.adapters.sqlite.query import migrations, queries, schema
from darwaza.adapters.sqlite.rows import WRITERS
from darwaza.adapters.sqlite.store import SCHEMA_VERSION, SqliteStore
from darwaza.errors import InvariantError, OperatorError
from darwaza.ports.store import CaseFilter, Changes

FIRST = migrations()[:1]
STEPS = (*FIRST, "CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT;", "ALTER TABLE extra ADD COLUMN about TEXT;")


def structure(db):
    """Tables, columns, keys and indexes, however they were written."""
    found = {}
    for _, name, kind, _, without_rowid, strict in db.execute("PRAGMA table_list"):
        if name.startswith("sqlite_"):
            continue
        indexes = {}
        for _, index, unique, origin, partial in db.execute(f'PRAGMA index_list("{name}")'):
            columns = tuple(db.execute(f'PRAGMA index_xinfo("{index}")'))
            where = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
            condition = re.sub(r"\s+", " ", (where[0] or "").partition("WHERE")[2]) if where else ""
            indexes[index] = (unique, origin, partial, columns, condition)
        columns = {row[1]: row[2:] for row in db.execute(f'PRAGMA table_xinfo("{name}")')}
        found[name] = (kind, without_rowid, strict, columns, indexes)
    return found


def built(*scripts):
    with closing(sqlite3.connect(":memory:")) as db:
        for script in scripts:
            db.executescript(script)
        return structure(db)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gateway.db"


def old_store(path):
    file.make(path, FIRST[0] + "PRAGMA user_version=1;", 8_192)
    return path


def test_all_migrations_are_the_schema():
    """Whoever changes schema.sql adds a step (adapters/sqlite/migrations/NNNN-what.sql), and the other way round."""
    assert built(*migrations()) == built(schema())


def test_migrations_are_numbered_without_a_gap():
    """The version in the file is the number of the last step."""
    names = sorted(one.name for one in (files("darwaza.adapters.sqlite") / "migrations").iterdir())
    names = [name for name in names if name.endswith(".sql")]
    assert [int(name[:4]) for name in names] == list(range(1, SCHEMA_VERSION + 1))
    assert all(re.fullmatch(r"[0-9]{4}-[a-z-]+\.sql", name) for name in names)


def test_every_statement_runs_on_a_migrated_store(path):
    """A store that came all the way serves this program: it opens, and every statement of it can be prepared."""
    old_store(path)
    assert file.migrate(path, migrations()) == (1, SCHEMA_VERSION)
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as db:
        for statement in queries().values():
            db.execute("EXPLAIN " + statement, (None,) * statement.count("?"))


def test_an_old_store_keeps_its_lists(path):
    """Version 1 did not say in a party's list of which service a case is."""
    old_store(path)
    rows = [case(name, at, service=service) for at, (name, service) in enumerate([("a", "transit"), ("b", "payments")])]
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany('INSERT INTO "case" VALUES (?, ?, ?, ?, ?, ?, ?, ?)', rows)
        db.executemany("INSERT INTO case_party VALUES ('PK/bank', ?, ?)", [(row.opened_at, row.id) for row in rows])
    file.migrate(path, migrations())
    with closing(SqliteStore(path)) as store:
        assert store.find_cases(CaseFilter(party="PK/bank")) == rows[::-1]
        assert store.find_cases(CaseFilter(party="PK/bank", service="transit")) == rows[:1]
        assert all(store.concerns(party("PK/bank", row)) for row in rows)


def test_an_old_store_keeps_its_ledger(path):
    """Version 2 found the end of a hold by the hold's id."""
    old_store(path)
    rows = [
        transfer(1, "a", "b", phase="hold", hold_id=None, expires_at=instant(9)),
        transfer(2, "a", "b", (1, 1)),
        transfer(3, "a", "b", (2, 2), phase="post", hold_id="t1"),
    ]
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany(f"INSERT INTO transfer VALUES ({', '.join('?' * 15)})", rows)
    file.migrate(path, migrations())
    with closing(SqliteStore(path)) as store:
        assert list(store.scan_transfers()) == rows
        assert store.ends(["t1", "t2"]) == rows[2:]
        with pytest.raises(InvariantError):
            store.commit(Changes(transfers=[transfer(4, "a", "b", (3, 3), phase="void", hold_id="t1")]))


def test_steps_run_once_and_in_order(path):
    """A second run finds nothing to do."""
    old_store(path)
    assert file.migrate(path, STEPS) == (1, 3)
    assert file.migrate(path, STEPS) == (3, 3)
    with closing(sqlite3.connect(path)) as db:
        assert structure(db) == built(*STEPS)


def test_a_step_that_fails_changes_nothing(path):
    """The version and all steps are one transaction."""
    old_store(path)
    with pytest.raises(OperatorError) as refused:
        file.migrate(path, (*STEPS, "CREATE TABLE extra (id INTEGER);"))
    assert refused.value.code == "store_unusable"
    with closing(sqlite3.connect(path)) as db:
        assert structure(db) == built(*FIRST)
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1])
def test_a_foreign_or_later_store_is_left_alone(path, version):
    """Neither opened nor migrated."""
    file.make(path, schema() + f"PRAGMA user_version={version};", 8_192)
    for act in (lambda: SqliteStore(path), lambda: file.migrate(path, migrations())):
        with pytest.raises(OperatorError) as refused:
            act()
        assert refused.value.code == "store_schema"


def test_a_store_in_use_is_not_migrated(path):
    """A running gateway holds the lock."""
    store = SqliteStore.create(path)
    with pytest.raises(OperatorError) as refused:
        file.migrate(path, migrations())
    assert refused.value.code == "store_in_use"
    store.close()


def test_postgresql_knows_the_same_statements():
    """Whoever adds one to SQLite's file adds it to PostgreSQL's; its own tests need a server and may be skipped."""
    for_one = {"read_account", "read_transfer", "read_end", "read_refused_order", "read_transfer_at"}
    its_own = {"take_lease", "read_version", "find_schema", "read_history", "set_setting"}
    assert set(postgres_queries()) - its_own == set(queries()) - for_one
    assert [name for name, _ in POSTGRES_WRITERS] == [name for name, _ in WRITERS]


def test_postgresql_has_the_same_tables():
    """The same names, and the same columns but for places: a log's are two or three there, a hold's is its id."""
    tables = dict(re.findall(r'CREATE TABLE "?(\w+)"? \((.*?)\n\);', postgres_schema(), re.DOTALL))
    columns = {
        name: set(re.findall(r"^    (\w+) (?:bigint|text|bytea)", body, re.MULTILINE)) for name, body in tables.items()
    }
    del columns["schema_version"]
    columns["fork"].discard("sequence")
    apart = {"log_id", "leaf_index", "level", "number", "size", "place", "hold_sequence"}
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema())
        ours = {name: set(found[3]) for name, found in structure(db).items()}
    assert {name: found - apart for name, found in columns.items()} == {name: ours[name] - apart for name in ours}
