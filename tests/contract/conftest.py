"""Every adapter of a port, for the one suite that holds its contract."""

import pytest

from darwaza.adapters.memory.store import MemoryStore
from darwaza.adapters.sqlite.store import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    """An empty store of each adapter."""
    made = MemoryStore() if request.param == "memory" else SqliteStore.create(tmp_path / "gateway.db")
    yield made
    made.close()


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request, tmp_path):
    """Close a store of each adapter and open it again; the first call makes it."""
    opened = []

    def again():
        if not opened:
            opened.append(MemoryStore() if request.param == "memory" else SqliteStore.create(tmp_path / "gateway.db"))
        else:
            opened[-1].close()
            opened.append(opened[-1].copy() if request.param == "memory" else SqliteStore(opened[-1].path))
        return opened[-1]

    yield again
    opened[-1].close()
