"""What only the PostgreSQL store does: the lease, a lost server, and a gateway that lives on it."""

import contextlib
import re
import time

import psycopg
import pytest
from tests.contract.rows import case, dump, everything, filled

from darwaza.adapters.postgres.query import migrations, queries
from darwaza.adapters.postgres.store import SCHEMA_VERSION, PostgresStore
from darwaza.bootstrap import examine_store
from darwaza.entry.local import LocalCorridor
from darwaza.errors import FatalError, InvariantError, OperatorError, PushbackError
from darwaza.ports.store import CaseFilter, Changes
from darwaza.storage import STORE_FILE, backup_store, migrate_store

pytestmark = pytest.mark.timeout(600)
WAIT_S = 120.0


def refused(code, act):
    with pytest.raises(OperatorError) as caught:
        act()
    assert caught.value.code == code


@pytest.fixture
def store(postgres_url):
    made = PostgresStore.create(postgres_url)
    made.commit(everything())
    yield made
    made.close()


def backend(store):
    return store._db.info.backend_pid


def test_one_writer_at_a_time(store):
    """A second process is refused; when the first one's session ends, however it ends, the next may come."""
    refused("store_in_use", lambda: PostgresStore(store.url))
    with psycopg.connect(store.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (backend(store),))
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        with contextlib.suppress(OperatorError):
            again = PostgresStore(store.url)
            break
        time.sleep(0.05)
    # Whoever has lost the lease cannot write: it was the session's own.
    with pytest.raises(FatalError):
        store.commit(filled(2, 2))
    assert len(again.logs()) == 1
    again.close()


def test_stores_of_other_gateways_are_no_hindrance(store, server):
    """A lease is that of one schema: several gateways share a server."""
    url = server.url("another")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE SCHEMA another")
    other = PostgresStore.create(url)
    assert other.logs() == []
    other.close()


def test_a_lost_server_ends_the_store_and_nothing_committed_is_lost(store, server):
    """The server is stopped as by a power cut: the store is over, and what was committed is there afterwards."""
    before = dump(store)
    server.stop()
    try:
        with pytest.raises(FatalError):
            store.commit(filled(2, 2))
        with pytest.raises(FatalError):
            store.logs()
    finally:
        server.start()
    again = PostgresStore(store.url)
    assert dump(again) == before
    again.commit(filled(2, 2))
    again.close()


def test_a_table_somebody_holds_pushes_back(store):
    """An operator's shell that locks a table is waited for, then the batch is pushed back and can be tried again."""
    store._db.execute("SET lock_timeout = '50ms'")
    with psycopg.connect(store.url) as other:
        other.execute('LOCK TABLE "case" IN ACCESS EXCLUSIVE MODE')
        with pytest.raises(PushbackError) as busy:
            store.commit(Changes(cases={"new": case("new", 9)}))
        assert busy.value.code == "store_busy"
    store._db.execute(f"SET lock_timeout = '{WAIT_S}s'")  # the server's housekeeping may look at the table, too
    store.commit(Changes(cases={"new": case("new", 9)}))
    assert "new" in store.cases(["new"])


def test_text_with_a_zero_is_refused_and_changes_nothing(store):
    """PostgreSQL keeps no NUL in text; headers and addresses never hold one."""
    with pytest.raises(InvariantError):
        store.commit(Changes(cases={"a\x00": case("a\x00", 9)}))
    store.commit(Changes(cases={"a": case("a", 9)}))


@pytest.mark.parametrize(
    "wrong",
    [case("b", 9)._replace(data="text"), case("b", 9)._replace(state=b"bytes"), case("b", 9)._replace(id=None)],
    ids=["text for bytes", "bytes for text", "none"],
)
def test_a_value_of_another_type_is_refused_and_changes_nothing(store, wrong):
    """Nothing is read as what it is not: bytes stay bytes and text text, and the batch is undone as a whole."""
    before = dump(store)
    with pytest.raises(InvariantError):
        store.commit(Changes(cases={"a": case("a", 9), "b": wrong}))
    assert dump(store) == before
    store.commit(Changes(cases={"a": case("a", 9)}))


def test_a_commit_is_one_round_trip(store, tmp_path):
    """Whatever a batch writes, the gateway waits for the server once."""
    with (tmp_path / "trace").open("w+") as trace:
        store._db.pgconn.trace(trace.fileno())
        store.commit(filled(2, 2))
        store._db.pgconn.untrace()
        trace.seek(0)
        assert trace.read().count("\tSync") == 1


def test_lists_of_cases_are_planned_each_time(store):
    """A list has many forms: none is kept, so they drive no statement out of those that are."""
    for _ in range(10):
        store.find_cases(CaseFilter(party="PK/bank", service="payments"))
        store.cases(["a"])
    kept = [text for (text,) in store._db.execute("SELECT statement FROM pg_prepared_statements")]
    assert [text for text in kept if "case_party p" in text] == []
    assert [text for text in kept if "ANY" in text] != []


def test_plans_go_by_a_key_before_there_is_a_row(postgres_url):
    """A plan lasts until the server has counted the rows: one made over empty tables must serve full ones."""
    with contextlib.closing(PostgresStore.create(postgres_url)) as empty:
        for name, text in queries().items():
            if " WHERE " not in text.replace("\n", " "):
                continue
            head, *parts = text.rstrip(";").split("%s")
            numbered = [f"${number}{part}" for number, part in enumerate(parts, 1)]
            empty._db.execute(f"PREPARE {name} AS {''.join([head, *numbered])}")
            given = f"({', '.join(['NULL'] * len(parts))})" if parts else ""
            plan = empty._db.execute(f"EXPLAIN EXECUTE {name}{given}").fetchall()
            assert not [line for (line,) in plan if re.search("Seq Scan|Hash Join|Merge Join", line)], name


def test_what_is_not_there_or_not_ours_is_refused(store, postgres_url, server):
    """A missing server, a missing store, one that exists, one of another version."""
    refused("store_exists", lambda: PostgresStore.create(store.url))
    refused("store_unusable", lambda: PostgresStore("postgresql://x@/x?host=/nowhere"))
    refused("store_missing", lambda: PostgresStore(server.url("nothing")))
    with psycopg.connect(store.url, autocommit=True) as db:
        db.execute("UPDATE schema_version SET version = 99")
    store.close()
    refused("store_schema", lambda: PostgresStore(store.url))


def structure(url):
    """Columns, keys, indexes and options of every table, however they were written."""
    tables = """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, l.collname,
            pg_get_expr(d.adbin, d.adrelid), a.attstorage, c.reloptions
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_collation l ON l.oid = a.attcollation
            LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"""
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
    with psycopg.connect(url) as db:
        schema_name = db.execute("SELECT current_schema()").fetchone()[0]
        rows = [*db.execute(tables).fetchall(), *db.execute(indexes).fetchall()]
    return {tuple(str(one).replace(schema_name, "here") for one in row) for row in rows}


def old_store(url):
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(migrations()[0])
    return url


def test_an_old_store_is_migrated_to_the_schema_of_today(postgres_url, server):
    """All migrations are the schema; what was stored is there; a second run finds nothing to do."""
    old_store(postgres_url)
    refused("store_schema", lambda: PostgresStore(postgres_url))
    rows = [case(name, at, service=service) for at, (name, service) in enumerate([("a", "transit"), ("b", "payments")])]
    with psycopg.connect(postgres_url) as db:
        for row in rows:
            db.execute('INSERT INTO "case" VALUES (%s, %s, %s, %s, %s, %s, %s, %s)', row)
            db.execute("INSERT INTO case_party VALUES ('PK/bank', %s, %s)", (row.opened_at, row.id))
    assert PostgresStore.migrate(postgres_url) == (1, SCHEMA_VERSION)
    assert PostgresStore.migrate(postgres_url) == (SCHEMA_VERSION, SCHEMA_VERSION)
    url = server.url("today")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE SCHEMA today")
    PostgresStore.create(url).close()
    assert structure(postgres_url) == structure(url)
    with contextlib.closing(PostgresStore(postgres_url)) as store:
        assert store.find_cases(CaseFilter(party="PK/bank")) == rows[::-1]
        assert store.find_cases(CaseFilter(party="PK/bank", service="transit")) == rows[:1]


def test_what_cannot_be_migrated_is_left_as_it_is(postgres_url, server):
    """A step that fails changes nothing; a store in use, a missing and a later one are refused."""
    old_store(postgres_url)
    before = structure(postgres_url)
    steps = (*migrations(), "UPDATE schema_version SET version = 3; CREATE TABLE meta (id bigint);")
    refused("store_unusable", lambda: PostgresStore.migrate(postgres_url, steps))
    assert structure(postgres_url) == before
    refused("store_missing", lambda: PostgresStore.migrate(server.url("nothing")))
    PostgresStore.migrate(postgres_url)
    refused("store_schema", lambda: PostgresStore.migrate(postgres_url, migrations()[:1]))
    with contextlib.closing(PostgresStore(postgres_url)):
        refused("store_in_use", lambda: PostgresStore.migrate(postgres_url))


def test_every_statement_names_a_purpose():
    """As in the other adapter's file: a name, a sentence, one statement."""
    assert all(re.match(r"[a-z_]+$", name) and text.count(";") == 1 for name, text in queries().items())


def test_a_gateway_lives_on_it(server, postgres_url, tmp_path):
    """Real processes: documents go out and come in, SIGKILL loses nothing, fsck finds nothing."""
    names, stores = {"PK": "Pakistan", "UZ": "Uzbekistan"}, {"PK": postgres_url}
    corridor = LocalCorridor(tmp_path / "gateways", names, links=[("PK", "UZ")], stores=stores)
    folder = corridor.path("PK")
    assert not (folder / STORE_FILE).exists()
    for code in ("PK", "UZ"):
        corridor.add_party(code, "desk", "agency")
    paper = tmp_path / "paper.txt"
    paper.write_text("paper")
    try:
        corridor.start()
        with corridor.client("PK", "desk") as client:
            sent = [client.send_document(paper, to="UZ/desk", key=f"k{number}")["id"] for number in range(20)]
        corridor.kill("PK")
        corridor.start("PK")
        corridor.wait_until_delivered("PK", "UZ", WAIT_S)
        with corridor.client("PK", "desk") as client, corridor.client("UZ", "desk") as reader:
            assert client.send_document(paper, to="UZ/desk", key="k7")["id"] == sent[7]
            there = [one["id"] for one in reader.documents(limit=200)]
            assert sorted(there) == sorted(sent)
            reader.accept(sent[0])
            end = time.monotonic() + WAIT_S
            while client.document(sent[0])["stage"] != "handed-over":
                assert time.monotonic() < end
                time.sleep(0.05)
    finally:
        corridor.close()
    assert migrate_store(folder) == (SCHEMA_VERSION, SCHEMA_VERSION)
    refused("backup_elsewhere", lambda: backup_store(folder, tmp_path / "copy"))
    for code in ("PK", "UZ"):
        assert examine_store(corridor.path(code), lambda _done, _total: None) == []
