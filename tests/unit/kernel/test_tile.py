"""Trees kept in tiles, and the proofs made from them (C2SP tlog-tiles v0.1.0)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.kernel import tile as tile_module
from darwaza.kernel.merkle import (
    EMPTY,
    EMPTY_ROOT,
    Frontier,
    leaf_hash,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from darwaza.kernel.tile import (
    TILE_HASHES,
    Prover,
    Tile,
    append_to_tiles,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    parse_tile_path,
    partial_tiles,
    root_at,
)

SIZE = 1100
LEAVES = [leaf_hash(b"%d" % at) for at in range(SIZE)]
ROOTS = [EMPTY.append_all(LEAVES[:size]).root() for size in range(SIZE + 1)]
sizes = st.integers(1, SIZE)


class Store:
    """Tile rows by level and number, as a database keeps them, with a count of what is read and written."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], bytes] = {}
        self.frontier: Frontier = EMPTY
        self.reads = self.writes = 0

    def append(self, leaves: list[bytes]) -> None:
        partial = {tile.level: self.rows[tile.level, tile.number] for tile in partial_tiles(self.frontier.size)}
        self.frontier, rows = append_to_tiles(self.frontier, leaves, partial)
        self.writes += len(rows)
        for row in rows:
            self.rows[row.level, row.number] = row.hashes

    def read(self, level: int, number: int) -> bytes:
        self.reads += 1
        return self.rows.get((level, number), b"")


def filled() -> Store:
    store = Store()
    store.append(LEAVES)
    return store


STORE = filled()


@given(st.lists(st.integers(0, 300), max_size=5))
def test_batches_do_not_matter(batches):
    """However the leaves come in, the rows are those of the tree appended at once, each as wide as the size says."""
    store, size = Store(), 0
    for count in batches:
        store.append(LEAVES[size : size + count])
        size = min(size + count, SIZE)
        assert store.frontier == frontier_at(size, STORE.read)
        for (level, number), hashes in store.rows.items():
            width = min((size >> 8 * level) - number * TILE_HASHES, TILE_HASHES)
            assert hashes == STORE.rows[level, number][: width * 32] != b""


def test_a_batch_writes_few_rows():
    """A batch of 64 writes one or two rows of the lowest level, and one above only when a tile fills."""
    store = Store()
    for at in range(0, 1024, 64):
        store.append(LEAVES[at : at + 64])
    assert store.writes == 16 + 4
    assert store.rows.keys() == {(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)}


def test_an_empty_batch_changes_nothing():
    """No leaves, no rows."""
    assert append_to_tiles(STORE.frontier, [], {}) == (STORE.frontier, ())


def test_a_wrong_partial_tile_is_refused():
    """A store that lost or cut a row cannot grow the tree past it."""
    held = dict.fromkeys((tile.level for tile in partial_tiles(SIZE)), b"")
    for partial in ({}, held):
        with pytest.raises(MalformedError) as caught:
            append_to_tiles(STORE.frontier, LEAVES[:1], partial)
        assert caught.value.code == "tile_short"


def test_specified_widths():
    """The two examples of the specification: trees of 70,000 and of 256 entries."""
    assert partial_tiles(70_000) == (Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1))
    assert partial_tiles(256) == (Tile(1, 0, 1),)
    assert partial_tiles(0) == ()


@given(sizes)
def test_roots_of_the_past(size):
    """Root and frontier of every earlier size are read from the tiles of the present."""
    assert root_at(size, STORE.read) == ROOTS[size]
    assert frontier_at(size, STORE.read) == EMPTY.append_all(LEAVES[:size])
    assert root_at(0, STORE.read) == EMPTY_ROOT


@given(st.tuples(sizes, st.integers(0, SIZE - 1)).map(lambda pair: (pair[1] % pair[0], pair[0])))
def test_inclusion_proofs_hold_and_bind(place):
    """A proof holds for its leaf, size and root, and for no other leaf or root."""
    index, size = place
    proof = inclusion_proof(index, size, STORE.read)
    assert verify_inclusion(index, size, leaf=LEAVES[index], root=ROOTS[size], proof=proof)
    assert root_from_inclusion(index, size, leaf=LEAVES[index - 1], proof=proof) != ROOTS[size]
    assert not verify_inclusion(index, size, leaf=LEAVES[index], root=ROOTS[size - 1], proof=proof)
    assert not verify_inclusion(index, size, leaf=LEAVES[index], root=ROOTS[size], proof=(*proof, LEAVES[0]))
    assert not verify_inclusion(index, size, leaf=LEAVES[index], root=ROOTS[size], proof=proof[:-1]) or not proof


@given(st.lists(sizes, min_size=2, max_size=2).map(sorted))
def test_consistency_proofs_hold_and_bind(pair):
    """A proof holds for its two sizes and roots, and for no others."""
    old, new = pair
    proof = consistency_proof(old, new, STORE.read)
    assert verify_consistency(old, new, old_root=ROOTS[old], new_root=ROOTS[new], proof=proof)
    assert not verify_consistency(old, new, old_root=ROOTS[old - 1], new_root=ROOTS[new], proof=proof)
    assert not verify_consistency(old, new, old_root=ROOTS[old], new_root=ROOTS[new - 1], proof=proof)
    assert not verify_consistency(old, new, old_root=ROOTS[old], new_root=ROOTS[new], proof=(*proof, LEAVES[0]))


@given(sizes, st.data())
@settings(deadline=None)
def test_proofs_made_together_are_those_made_singly(size, data):
    """However many leaves of one tree are proven together, each proof is the one of its own."""
    store = filled()
    prover = Prover(size, store.read)
    for index in data.draw(st.lists(st.integers(0, size - 1), max_size=20)):
        assert prover.inclusion(index) == inclusion_proof(index, size, store.read)


def test_the_newest_leaf_is_proven_without_hashing_its_tile_again(monkeypatch):
    """A log that grows leaf by leaf costs a few hashes a proof, and not the two hundred and fifty of a tile."""
    store = filled()
    Prover(SIZE, store.read).inclusion(SIZE - 1)
    count = [0]
    node_hash = tile_module.node_hash

    def counted(left, right):
        count[0] += 1
        return node_hash(left, right)

    monkeypatch.setattr(tile_module, "node_hash", counted)
    store.append([leaf_hash(b"one more")])
    Prover(SIZE + 1, store.read).inclusion(SIZE)
    assert count[0] <= 32


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (SIZE, SIZE)])
def test_no_such_leaf(index, size):
    """There is no proof of what is not there."""
    with pytest.raises(MalformedError) as caught:
        inclusion_proof(index, size, STORE.read)
    assert caught.value.code == "range_wrong"


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (2, 1)])
def test_no_such_sizes(old, new):
    """There is no proof from nothing, nor backwards."""
    with pytest.raises(MalformedError) as caught:
        consistency_proof(old, new, STORE.read)
    assert caught.value.code == "range_wrong"


def test_a_missing_tile_is_reported():
    """A store without the rows is at fault; no proof is made up."""
    with pytest.raises(MalformedError) as caught:
        inclusion_proof(0, SIZE, lambda _level, _number: b"")
    assert caught.value.code == "tile_short"


def test_few_reads_in_a_large_log():
    """A log of 70,000 entries takes at most five tile reads a proof: one path of three levels, and the right edge."""
    store = Store()
    store.append((LEAVES * (70_000 // SIZE + 1))[:70_000])
    for index in (0, 1, 255, 256, 34_567, 65_535, 65_536, 69_887, 69_888, 69_999):
        store.reads = 0
        proof = inclusion_proof(index, 70_000, store.read)
        assert store.reads <= 5
        root = store.frontier.root()
        assert verify_inclusion(
            index, 70_000, leaf=store.rows[0, index // 256][index % 256 * 32 :][:32], root=root, proof=proof
        )


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(1, 999, 255), "tile/1/999.p/255"),
        (Tile(63, 1000, 1), "tile/63/x001/000.p/1"),
    ],
)
def test_paths(tile, path):
    """The paths of the specification."""
    assert tile.path == path
    assert parse_tile_path(path) == tile


@given(st.builds(Tile, st.integers(0, 63), st.integers(0, 2**63), st.integers(1, 256)))
def test_paths_round_trip(tile):
    """Every tile has one path."""
    assert parse_tile_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/00",
        "tile/0/x000/001",
        "tile/0/x001/x234/67",
        "tile/0/001/234",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/٠٠١",
        "tile/entries/000",
        "/tile/0/000",
        "tile/0/000\n",
        "",
    ],
)
def test_wrong_paths(path):
    """Nothing else is a path."""
    with pytest.raises(MalformedError) as caught:
        parse_tile_path(path)
    assert caught.value.code == "tile_path_malformed"


@settings(max_examples=300)
@given(st.text("tile/0123x.p", max_size=24).map(lambda tail: "tile/" + tail) | st.text())
def test_any_text_is_a_path_or_malformed(text):
    """A path that is accepted is the one its tile has."""
    try:
        tile = parse_tile_path(text)
    except MalformedError:
        return
    assert tile.path == text
