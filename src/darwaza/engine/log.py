"""A log as the engine holds it: the stored row with its tree's right edge.

Values are immutable: a batch computes new ones and installs them after the commit, so a failed commit leaves the old
ones in place and nothing has to be undone.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from darwaza.config import HEADER_BYTES_MAX
from darwaza.kernel import instant
from darwaza.kernel.merkle import HASH_BYTES, Frontier
from darwaza.kernel.message import decode_header
from darwaza.kernel.tile import append_to_tiles, frontier_at, partial_tiles
from darwaza.ports.store import WAITING_NONE, LogRow, Store, TileRow


class Log(msgspec.Struct, frozen=True):
    """One directed log.

    Attributes:
        row: what is stored.
        frontier: the tree's right edge; its size is ``row.size``.
        partial: contents of the partial tiles, by level.
        waiting: first index of the messages that wait for a place in it, and the index behind the last
            (``engine.waiting``); ``WAITING_NONE`` when none do.
    """

    row: LogRow
    frontier: Frontier
    partial: dict[int, bytes]
    waiting: tuple[int, int] = WAITING_NONE

    @property
    def queue(self) -> int:
        """Messages of an own log that its reader has not co-signed."""
        return self.row.size - self.row.cosigned_size + self.waiting[1] - self.waiting[0]

    @classmethod
    def load(cls, row: LogRow, store: Store) -> "Log":
        """Read what the row does not hold."""
        peaks = tuple(row.peaks[at : at + HASH_BYTES] for at in range(0, len(row.peaks), HASH_BYTES))
        return cls(row, Frontier(row.size, peaks), _partial(row.id, row.size, store), store.waiting_span(row.id))

    def append(self, hashes: Iterable[bytes]) -> tuple["Log", list[TileRow]]:
        """Append leaves; returns the longer log and the tiles to write. Signing is left to the caller."""
        frontier, rows = append_to_tiles(self.frontier, hashes, self.partial)
        last = {row.level: row.hashes for row in rows}
        partial = {
            tile.level: last.get(tile.level) or self.partial[tile.level] for tile in partial_tiles(frontier.size)
        }
        row = msgspec.structs.replace(self.row, size=frontier.size, peaks=b"".join(frontier.peaks))
        return Log(row, frontier, partial, self.waiting), [
            TileRow(row.id, one.level, one.number, one.hashes) for one in rows
        ]

    def cut(self, size: int, store: Store) -> tuple["Log", list[TileRow]]:
        """The log as it was at a smaller size; returns it and its partial tiles, which must be written again."""
        frontier = frontier_at(size, lambda level, number: store.tile(self.row.id, level, number))
        partial = _partial(self.row.id, size, store)
        row = msgspec.structs.replace(self.row, size=size, peaks=b"".join(frontier.peaks))
        tiles = [TileRow(row.id, tile.level, tile.number, partial[tile.level]) for tile in partial_tiles(size)]
        return Log(row, frontier, partial, self.waiting), tiles

    def with_row(self, **changes: object) -> "Log":
        """The log with other stored fields."""
        return msgspec.structs.replace(self, row=msgspec.structs.replace(self.row, **changes))


def _partial(log_id: int, size: int, store: Store) -> dict[int, bytes]:
    return {
        tile.level: store.tile(log_id, tile.level, tile.number)[: tile.width * HASH_BYTES]
        for tile in partial_tiles(size)
    }


def newest(logs: Iterable[Log], store: Store) -> datetime:
    """When the newest message of own logs was made, with or without a place; the epoch when there is none."""
    ends = [(log.row.id, end) for log in logs for end in (log.row.size, log.waiting[1])]
    last = (store.leaves(log_id, max(0, end - 1), end, HEADER_BYTES_MAX) for log_id, end in ends)
    made = [instant.from_text(decode_header(header).created_at) for found in last for header, _ in found]
    return max(made, default=instant.EPOCH)
