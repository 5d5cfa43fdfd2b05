"""Which store a gateway has, and what its operator does with it. With ``bootstrap`` the only file that names adapters.

The store is a SQLite file in the gateway's folder, unless ``store`` in ``darwaza.toml`` names a PostgreSQL database.
"""

import sqlite3
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from darwaza.adapters.sqlite.connection import Connect
from darwaza.adapters.sqlite.file import Progress, backup, migrate
from darwaza.adapters.sqlite.query import migrations
from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.config import CONFIG_FILE, GatewayConfig
from darwaza.errors import ExtraMissingError, OperatorError
from darwaza.ports.store import Store

if TYPE_CHECKING:
    from darwaza.adapters.postgres.store import PostgresStore

STORE_FILE = "darwaza.db"


def open_store(folder: Path, settings: GatewayConfig, connect: Connect = sqlite3.connect) -> Store:
    """Open a gateway's store; nobody else can while it is open.

    Raises:
        OperatorError: ``store_missing``, ``store_in_use``, ``store_schema``, ``store_unusable``, ``extra_missing``.
    """
    if settings.store:
        return _postgres()(settings.store)
    return SqliteStore(folder / STORE_FILE, connect=connect)


def create_store(folder: Path) -> None:
    """Make the empty store of a new gateway.

    Raises:
        OperatorError: ``store_exists``, ``store_unusable``, ``extra_missing``.
    """
    settings = GatewayConfig.load(folder / CONFIG_FILE)
    made = _postgres().create(settings.store) if settings.store else SqliteStore.create(folder / STORE_FILE)
    made.close()


def backup_store(folder: Path, to: Path, progress: Progress = lambda _done, _total: None) -> None:
    """Copy a gateway's store, while it runs or not.

    Args:
        folder: the gateway's.
        to: the copy.
        progress: called now and then with the pages copied and those there are.

    Raises:
        OperatorError: see ``adapters.sqlite.file.backup``; ``backup_elsewhere`` for a database server.
    """
    if GatewayConfig.load(folder / CONFIG_FILE).store:
        raise OperatorError("the store is on PostgreSQL: use pg_dump or its archive", code="backup_elsewhere")
    backup(folder / STORE_FILE, to, progress)


def migrate_store(folder: Path) -> tuple[int, int]:
    """Bring the schema of a stopped gateway's store up to date; returns the versions before and after.

    Raises:
        OperatorError: see ``adapters.sqlite.file.migrate`` and ``PostgresStore.migrate``.
    """
    settings = GatewayConfig.load(folder / CONFIG_FILE)
    if settings.store:
        return _postgres().migrate(settings.store)
    return migrate(folder / STORE_FILE, migrations())


def _postgres() -> "type[PostgresStore]":
    if find_spec("psycopg") is None:
        raise ExtraMissingError("postgres")
    from darwaza.adapters.postgres.store import PostgresStore  # noqa: PLC0415 - an optional extra

    return PostgresStore
