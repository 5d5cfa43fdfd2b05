"""How rows of the port become rows of the tables."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from darwaza.ports.ledger import AccountRow, BalanceRow
from darwaza.ports.store import WAITING_FROM, Changes, LogRow

TILE_HASHES = 256
HASH_BYTES = 32
TILE_LEVELS = 5
"""Tiles of height 8 over a log of at most 2^40 leaves."""

Rows = list[tuple[Any, ...]]


def account_row(row: Sequence[Any]) -> tuple[AccountRow, BalanceRow]:
    """A stored account and its totals."""
    return AccountRow(*row[:10]), BalanceRow(*row[10:])


def truncation(log_id: int, size: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Statements that forget everything of a log at and past a size, with their values."""
    yield "truncate_leaves", (log_id, size, WAITING_FROM)
    yield "truncate_checkpoints", (log_id, size)
    for level in range(TILE_LEVELS):
        # Of this level ``kept`` hashes stand for complete subtrees below the size.
        kept = size // TILE_HASHES**level
        full, rest = divmod(kept, TILE_HASHES)
        yield "truncate_tiles", (log_id, level, full + bool(rest))
        if rest:
            yield "cut_tile", (rest * HASH_BYTES, log_id, level, full)


def _log(row: LogRow) -> tuple[Any, ...]:
    return (
        row.id,
        row.origin,
        row.author,
        row.reader,
        row.lane,
        row.size,
        row.peaks,
        row.exposed_size,
        row.cosigned_size,
        row.checkpoint,
        row.halted,
    )


WRITERS: tuple[tuple[str, Callable[[Changes], Rows]], ...] = (
    ("write_log", lambda c: [_log(row) for row in c.logs.values()]),
    ("write_leaf", lambda c: list(c.leaves)),
    ("write_tile", lambda c: list(c.tiles.values())),
    ("write_checkpoint", lambda c: list(c.checkpoints)),
    ("write_case", lambda c: list(c.cases.values())),
    ("write_party", lambda c: list(c.parties)),
    ("write_name", lambda c: c.names),
    ("write_answer", lambda c: list(c.answers)),
    ("write_fact", lambda c: list(c.facts.values())),
    ("clear_awaits", lambda c: [(case_id,) for case_id in c.awaits]),
    ("write_await", lambda c: [(*wait, case_id) for case_id, waits in c.awaits.items() for wait in waits]),
    ("write_notice", lambda c: list(c.notices)),
    ("write_quarantine", lambda c: list(c.quarantine)),
    ("write_fork", lambda c: list(c.forks)),
    ("write_witnessed", lambda c: list(c.witnessed)),
    ("write_given_back", lambda c: list(c.given_back)),
    ("clear_given_back", lambda c: [(key,) for key in c.given_back_used]),
    ("write_document", lambda c: list(c.documents)),
    ("write_account", lambda c: list(c.accounts.values())),
    ("write_balance", lambda c: list(c.balances.values())),
    ("write_transfer", lambda c: list(c.transfers)),
    ("write_refused_order", lambda c: list(c.refused_orders)),
    ("open_hold", lambda c: list(c.holds_opened)),
    ("end_hold", lambda c: list(c.holds_ended)),
    ("forget_body", lambda c: list(c.forgotten)),
    ("write_meta", lambda c: list(c.meta.items())),
)
"""Every statement a commit may run, in order, with the rows it takes from the changes."""
