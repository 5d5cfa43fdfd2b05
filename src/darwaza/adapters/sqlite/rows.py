"""How rows of the port become rows of the tables.

``place`` is the key of everything that belongs to a log: log id * 2^40 + index. A log so grows at one end of its own
stretch of a table. Values outside a log's stretch have the place ``NOWHERE``: reading there finds nothing, and the
schema refuses to write there.

Parameters are handed over as plain tuples with ``bytearray`` for blobs: the driver looks for a conversion of every
value that is not exactly int, float, str or bytearray, which costs more than the copy (measured: 17 to 19 microseconds
for the rows of one message as they come, 14 like this).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from darwaza.ports.ledger import AccountRow, BalanceRow
from darwaza.ports.store import WAITING_FROM, Changes, LeafRow, LogRow, QuarantineRow

PLACE_BITS = 40
SIZE_MAX = 1 << PLACE_BITS
INDEX_MAX = SIZE_MAX - 1
LEVEL_BITS = 34
TILE_NUMBER_MAX = (1 << LEVEL_BITS) - 1
TILE_HASHES = 256
HASH_BYTES = 32
TILE_LEVELS = 5
"""Tiles of height 8 over a log of at most 2^40 leaves."""
NOWHERE = -1

_blob = bytearray


def place(log_id: int, index: int) -> int:
    """The key of an index or a size of a log."""
    return log_id << PLACE_BITS | index if 0 <= index <= INDEX_MAX else NOWHERE


def stretch(log_id: int, start: int, end: int = SIZE_MAX) -> tuple[int, int]:
    """The first and last key of a half-open stretch of a log; the first is past the last when it is empty."""
    first = log_id << PLACE_BITS
    return first + min(max(start, 0), SIZE_MAX), first + min(max(end, 0), SIZE_MAX) - 1


def tile_place(log_id: int, level: int, number: int) -> int:
    """The key of a tile."""
    if 0 <= level < TILE_LEVELS and 0 <= number <= TILE_NUMBER_MAX:
        return log_id << PLACE_BITS | level << LEVEL_BITS | number
    return NOWHERE


def split(key: int) -> tuple[int, int]:
    """The log and index of a place."""
    return key >> PLACE_BITS, key & INDEX_MAX


def leaf_row(row: Sequence[Any]) -> LeafRow:
    """A stored leaf."""
    return LeafRow(*split(row[0]), *row[1:])


def quarantine_row(row: Sequence[Any]) -> QuarantineRow:
    """A stored quarantine entry."""
    return QuarantineRow(*split(row[0]), *row[1:])


def account_row(row: Sequence[Any]) -> tuple[AccountRow, BalanceRow]:
    """A stored account and its totals."""
    return AccountRow(*row[:10]), BalanceRow(*row[10:])


def truncation(log_id: int, size: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Statements that forget everything of a log at and past a size, with their values."""
    yield "truncate_leaves", stretch(log_id, size, WAITING_FROM)
    yield "truncate_checkpoints", stretch(log_id, size + 1)
    for level in range(TILE_LEVELS):
        # Of this level ``kept`` hashes stand for complete subtrees below the size.
        kept = size // TILE_HASHES**level
        full, rest = divmod(kept, TILE_HASHES)
        first_gone = full + bool(rest)
        yield "truncate_tiles", (tile_place(log_id, level, first_gone), tile_place(log_id, level, TILE_NUMBER_MAX))
        if rest:
            yield "cut_tile", (rest * HASH_BYTES, tile_place(log_id, level, full))


def _log(row: LogRow) -> tuple[Any, ...]:
    return (
        row.id,
        row.origin,
        row.author,
        row.reader,
        row.lane,
        row.size,
        _blob(row.peaks),
        row.exposed_size,
        row.cosigned_size,
        _blob(row.checkpoint),
        row.halted,
    )


Rows = list[tuple[Any, ...]]

WRITERS: tuple[tuple[str, Callable[[Changes], Rows]], ...] = (
    ("write_log", lambda c: [_log(row) for row in c.logs.values()]),
    ("write_leaf", lambda c: [(place(a, i), key, case, _blob(h), _blob(b)) for a, i, key, case, h, b in c.leaves]),
    ("write_tile", lambda c: [(tile_place(*row[:3]), _blob(row[3])) for row in c.tiles.values()]),
    ("write_checkpoint", lambda c: [(place(row[0], row[1]), _blob(row[2])) for row in c.checkpoints]),
    ("write_case", lambda c: [(*row[:3], _blob(row[3]), *row[4:]) for row in c.cases.values()]),
    ("write_party", lambda c: [tuple(row) for row in c.parties]),
    ("write_name", lambda c: c.names),
    ("write_answer", lambda c: [(party, key, _blob(d), _blob(a), at) for party, key, d, a, at in c.answers]),
    ("write_fact", lambda c: [(*row[:2], _blob(row[2]), *row[3:]) for row in c.facts.values()]),
    ("clear_awaits", lambda c: [(case_id,) for case_id in c.awaits]),
    ("write_await", lambda c: [(*wait, case_id) for case_id, waits in c.awaits.items() for wait in waits]),
    ("write_notice", lambda c: [(*row[:4], _blob(row[4]), row[5]) for row in c.notices]),
    ("write_quarantine", lambda c: [(place(row[0], row[1]), *row[2:]) for row in c.quarantine]),
    ("write_fork", lambda c: [(row[0], row[1], _blob(row[2])) for row in c.forks]),
    ("write_witnessed", lambda c: [(row[0], row[1], _blob(row[2])) for row in c.witnessed]),
    ("write_given_back", lambda c: [tuple(row) for row in c.given_back]),
    ("clear_given_back", lambda c: [(key,) for key in c.given_back_used]),
    ("write_document", lambda c: [(version, _blob(note)) for version, note in c.documents]),
    ("write_account", lambda c: [tuple(row) for row in c.accounts.values()]),
    ("write_balance", lambda c: [tuple(row) for row in c.balances.values()]),
    ("write_transfer", lambda c: [(*row, row.hold_id) for row in c.transfers]),
    ("write_refused_order", lambda c: [(order_id, _blob(refused)) for order_id, refused in c.refused_orders]),
    ("open_hold", lambda c: c.holds_opened),
    ("end_hold", lambda c: c.holds_ended),
    ("forget_body", lambda c: [(place(log_id, index),) for log_id, index in c.forgotten]),
    ("write_meta", lambda c: [(name, _blob(value)) for name, value in c.meta.items()]),
)
"""Every statement a commit may run, in order, with the rows it takes from the changes."""
