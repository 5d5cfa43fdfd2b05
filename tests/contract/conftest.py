"""Every adapter of a port, for the one suite that holds its contract."""

import itertools

import psycopg
import pytest

from darwaza.adapters.memory.store import MemoryStore
from darwaza.adapters.postgres.store import PostgresStore
from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.entry.bench import postgres

ADAPTERS = ["memory", "sqlite", "postgres"]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server of our own, or a skip that says why there is none."""
    reason = postgres.why_not()
    if reason:
        pytest.skip(reason)
    made = postgres.Server()
    yield made
    made.close()


@pytest.fixture
def postgres_url(server):
    """The URL of an empty schema."""
    schema = f"store{next(_numbers)}"
    url = server.url(schema)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE SCHEMA {schema}")
    return url


def _make(request, tmp_path):
    match request.param:
        case "memory":
            return MemoryStore()
        case "sqlite":
            return SqliteStore.create(tmp_path / "gateway.db")
    return PostgresStore.create(request.getfixturevalue("postgres_url"))


def _again(request, store):
    match request.param:
        case "memory":
            return store.copy()
        case "sqlite":
            return SqliteStore(store.path)
    return PostgresStore(store.url)


@pytest.fixture(params=ADAPTERS)
def store(request, tmp_path):
    """An empty store of each adapter."""
    made = _make(request, tmp_path)
    yield made
    made.close()


@pytest.fixture(params=ADAPTERS)
def reopen(request, tmp_path):
    """Close a store of each adapter and open it again; the first call makes it."""
    opened = []

    def again():
        if not opened:
            opened.append(_make(request, tmp_path))
        else:
            opened[-1].close()
            opened.append(_again(request, opened[-1]))
        return opened[-1]

    yield again
    opened[-1].close()
