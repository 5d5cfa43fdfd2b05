"""A log's tree kept in tiles, and the proofs made from them (C2SP tlog-tiles v0.1.0).

A tile holds up to 256 consecutive hashes of one level of the tree, counted in steps of 8: a tile of level 0 holds leaf
hashes, each hash of level 1 is the root over a full tile of level 0. A store keeps each tile as one row; a batch
changes only the rightmost tile of each level and those after it. A tile only ever gets longer, so a row that is longer
than the tree in question serves just as well.

``read_tile(level, number)`` is the store's reading function. It must return at least the hashes that the tree in
question needs; a row that is too short is a fault of the store and raises ``MalformedError`` (``tile_short``).

Example::

    frontier, rows = append_to_tiles(frontier, leaf_hashes, {level: row for level, number, row in partial_rows})
    proof = inclusion_proof(5, frontier.size, read_tile)
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import msgspec

from darwaza.errors import MalformedError
from darwaza.kernel.merkle import EMPTY_ROOT, HASH_BYTES, Frontier, fold, grow, node_hash

TILE_HEIGHT = 8
TILE_HASHES = 1 << TILE_HEIGHT
TILE_LEVEL_MAX = 63

_KEPT_BYTES_MIN = 16 * HASH_BYTES
"""Roots of smaller subtrees are made as fast as they are found again."""
_KEPT_MAX = 4_096
"""Subtrees whose roots are remembered: of some 130 tiles, 4 MB."""

ReadTile = Callable[[int, int], bytes]
"""``read_tile(level, number) -> hashes``, 32 bytes each."""

_PATH = re.compile(r"tile/(0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


class Tile(msgspec.Struct, frozen=True):
    """The place of a tile.

    Attributes:
        level: 0 holds leaf hashes; at most ``TILE_LEVEL_MAX``.
        number: within the level, from 0 on the left.
        width: number of hashes, 1 to 256.
    """

    level: int
    number: int
    width: int = TILE_HASHES

    @property
    def path(self) -> str:
        """The path under the log's prefix: ``tile/0/x001/x234/067`` or ``tile/1/000.p/17``."""
        digits = f"{self.number:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *upper, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
        number = "".join(f"x{part}/" for part in upper) + last
        return f"tile/{self.level}/{number}" + ("" if self.width == TILE_HASHES else f".p/{self.width}")


def parse_tile_path(path: str) -> Tile:
    """Read the path of a tile; the inverse of ``Tile.path``.

    Raises:
        MalformedError: code ``tile_path_malformed``.
    """
    match = _PATH.fullmatch(path)
    if match is not None:
        level, number, width = match.groups()
        tile = Tile(int(level), int(re.sub("[x/]", "", number)), int(width or TILE_HASHES))
        # The comparison refuses leading groups of zeros and a partial tile that is full.
        if tile.level <= TILE_LEVEL_MAX and tile.width <= TILE_HASHES and tile.path == path:
            return tile
    raise MalformedError("not the path of a tile", code="tile_path_malformed")


class TileRow(msgspec.Struct, frozen=True):
    """A tile with its contents, as a store keeps it.

    Attributes:
        level: see ``Tile``.
        number: see ``Tile``.
        hashes: 1 to 256 hashes of 32 bytes; replaces what the store has under this level and number.
    """

    level: int
    number: int
    hashes: bytes


def partial_tiles(size: int) -> tuple[Tile, ...]:
    """List the partial tiles of a tree: the rows ``append_to_tiles`` needs."""
    tiles = []
    level = 0
    while size:
        if width := size % TILE_HASHES:
            tiles.append(Tile(level, size // TILE_HASHES, width))
        size //= TILE_HASHES
        level += 1
    return tuple(tiles)


def append_to_tiles(
    frontier: Frontier, leaf_hashes: Iterable[bytes], partial: Mapping[int, bytes]
) -> tuple[Frontier, tuple[TileRow, ...]]:
    """Append leaves to a tree kept in tiles.

    Args:
        frontier: of the tree so far.
        leaf_hashes: of the new leaves.
        partial: contents by level of the tiles that ``partial_tiles(frontier.size)`` lists.

    Returns:
        The new frontier, and the rows to insert or replace.

    Raises:
        MalformedError: code ``tile_short``; a partial tile does not have the length the size asks for.
    """
    grown, levels = grow(frontier, leaf_hashes)
    rows: list[TileRow] = []
    for tile_level, nodes in enumerate(levels[::TILE_HEIGHT]):
        number, width = divmod(frontier.size >> tile_level * TILE_HEIGHT, TILE_HASHES)
        held = partial.get(tile_level, b"") if width else b""
        if len(held) != width * HASH_BYTES:
            raise _short(tile_level, number)
        hashes = held + b"".join(nodes)
        for offset in range(0, len(hashes), TILE_HASHES * HASH_BYTES):
            rows.append(TileRow(tile_level, number, hashes[offset : offset + TILE_HASHES * HASH_BYTES]))
            number += 1
    return grown, tuple(rows)


def _short(level: int, number: int) -> MalformedError:
    return MalformedError(f"tile {number} of level {level} is missing or has the wrong length", code="tile_short")


def _complete(row: bytes) -> bytes:
    """Root of a complete subtree over a row of nodes, as many as a power of two."""
    if len(row) >= _KEPT_BYTES_MIN:
        return _kept(row)
    nodes = [row[at : at + HASH_BYTES] for at in range(0, len(row), HASH_BYTES)]
    while len(nodes) > 1:
        pairs = iter(nodes)
        nodes = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=True)]
    return nodes[0]


@lru_cache(_KEPT_MAX)
def _kept(row: bytes) -> bytes:
    """Do the same, and remember: a tree that grows leaf by leaf asks for the same subtrees with every proof."""
    half = len(row) // 2
    return node_hash(_complete(row[:half]), _complete(row[half:]))


class _Reader:
    """Gives the hash of any complete subtree, reading each tile once."""

    def __init__(self, read_tile: ReadTile) -> None:
        self._read_tile = read_tile
        self._tiles: dict[tuple[int, int], bytes] = {}

    def node(self, height: int, index: int) -> bytes:
        """Hash of the complete subtree of 2**height leaves that is ``index``-th of that height."""
        level, above = divmod(height, TILE_HEIGHT)
        number, first = divmod(index << above, TILE_HASHES)
        tile = self._tiles.get((level, number))
        if tile is None:
            tile = self._tiles[level, number] = self._read_tile(level, number)
        start, end = first * HASH_BYTES, (first + (1 << above)) * HASH_BYTES
        if len(tile) < end:
            raise _short(level, number)
        return _complete(tile[start:end])

    def peaks(self, start: int, end: int) -> tuple[bytes, ...]:
        """Roots of the complete subtrees that cover [start, end), largest first; ``start`` is a multiple of each."""
        found = []
        while start < end:
            height = (end - start).bit_length() - 1
            found.append(self.node(height, start >> height))
            start += 1 << height
        return tuple(found)

    def root(self, start: int, end: int) -> bytes:
        """Root over the leaves [start, end), a node of some tree, complete or at its right edge."""
        return fold(self.peaks(start, end))


def _split(start: int, end: int) -> int:
    """Where the left child of the node over [start, end) ends: after the largest power of two below the length."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def frontier_at(size: int, read_tile: ReadTile) -> Frontier:
    """Read the frontier of the first ``size`` leaves."""
    return Frontier(size, _Reader(read_tile).peaks(0, size))


def root_at(size: int, read_tile: ReadTile) -> bytes:
    """Read the root of the first ``size`` leaves."""
    return _Reader(read_tile).root(0, size) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, read_tile: ReadTile) -> tuple[bytes, ...]:
    """Make the proof that the tree of ``size`` leaves has its leaf ``index`` (RFC 9162 section 2.1.3.1).

    Args:
        index: 0 <= index < size.
        size: number of leaves of the tree.
        read_tile: see the module.

    Raises:
        MalformedError: ``range_wrong`` when there is no such leaf; ``tile_short``.
    """
    if not 0 <= index < size:
        raise MalformedError(f"a tree of {size} leaves has no leaf {index}", code="range_wrong")
    reader = _Reader(read_tile)
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            proof.append(reader.root(middle, end))
            end = middle
        else:
            proof.append(reader.root(start, middle))
            start = middle
    return tuple(reversed(proof))


class Prover:
    """Makes the inclusion proofs of many leaves of one tree; each tile is read, and each node hashed, once.

    Args:
        size: number of leaves of the tree.
        read_tile: see the module.
    """

    def __init__(self, size: int, read_tile: ReadTile) -> None:
        self._size = size
        self._reader = _Reader(read_tile)
        self._roots: dict[tuple[int, int], bytes] = {}
        self._above: dict[int, tuple[tuple[int, int], tuple[bytes, ...]]] = {}

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """Return what ``inclusion_proof`` does.

        Raises:
            MalformedError: see ``inclusion_proof``.
        """
        if not 0 <= index < self._size:
            raise MalformedError(f"a tree of {self._size} leaves has no leaf {index}", code="range_wrong")
        tile = index >> TILE_HEIGHT
        if tile not in self._above:
            self._above[tile] = self._climb(index, 0, self._size, TILE_HASHES)
        (start, end), above = self._above[tile]
        _, below = self._climb(index, start, end, 1)
        return below + above

    def _climb(self, index: int, start: int, end: int, width: int) -> tuple[tuple[int, int], tuple[bytes, ...]]:
        """Go from a node down toward a leaf until the node is no wider; returns it and the siblings passed, upwards."""
        proof = []
        while end - start > width:
            middle = _split(start, end)
            if index < middle:
                proof.append(self._root(middle, end))
                end = middle
            else:
                proof.append(self._root(start, middle))
                start = middle
        return (start, end), tuple(reversed(proof))

    def _root(self, start: int, end: int) -> bytes:
        found = self._roots.get((start, end))
        if found is None:
            found = self._roots[start, end] = self._make_root(start, end)
        return found

    def _make_root(self, start: int, end: int) -> bytes:
        width = end - start
        if width == 1 or width * HASH_BYTES >= _KEPT_BYTES_MIN:
            return self._reader.root(start, end)
        middle = _split(start, end)  # build small ones from the two halves, which other proofs need too
        return node_hash(self._root(start, middle), self._root(middle, end))


def consistency_proof(old: int, new: int, read_tile: ReadTile) -> tuple[bytes, ...]:
    """Make the proof that the first ``old`` leaves are a prefix of the first ``new`` (RFC 9162 section 2.1.4.1).

    Args:
        old: 1 <= old <= new.
        new: number of leaves of the larger tree.
        read_tile: see the module.

    Raises:
        MalformedError: ``range_wrong`` when the sizes are not so; ``tile_short``.
    """
    if not 1 <= old <= new:
        raise MalformedError(f"there is no consistency proof from size {old} to {new}", code="range_wrong")
    reader = _Reader(read_tile)
    proof = []
    start, end = 0, new
    while end != old:
        middle = _split(start, end)
        if old <= middle:
            proof.append(reader.root(middle, end))
            end = middle
        else:
            proof.append(reader.root(start, middle))
            start = middle
    # The verifier knows the node it climbs from when that is the whole old tree.
    if start:
        proof.append(reader.root(start, end))
    return tuple(reversed(proof))
