"""Merkle trees: growing, and proofs good and bad (RFC 6962 section 2.1, RFC 9162 section 2.1)."""

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.kernel.merkle import (
    EMPTY,
    EMPTY_ROOT,
    Frontier,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)

# The entries and roots of the reference trees of Certificate Transparency implementations (transparency-dev/merkle).
ENTRIES = [bytes.fromhex(one) for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ENTRIES.append(bytes(range(0x60, 0x70)))
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def root_by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word: slow, and sharing nothing with the kernel."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = root_by_definition(leaves[:split]), root_by_definition(leaves[split:])
    return sha256(b"\x01" + left + right).digest()


def test_reference_roots():
    """The roots of the eight reference trees, and of the empty one."""
    assert EMPTY.root() == EMPTY_ROOT == sha256(b"").digest()
    hashes = list(map(leaf_hash, ENTRIES))
    for size, root in enumerate(ROOTS, 1):
        assert EMPTY.append_all(hashes[:size]).root().hex() == root


@given(st.lists(st.integers(0, 40), max_size=8))
def test_batches_do_not_matter(batches):
    """However the leaves come in, the root is that of the definition, and the frontier reads back from its bytes."""
    leaves: list[bytes] = []
    frontier = EMPTY
    for count in batches:
        batch = [leaf_hash(b"%d" % (len(leaves) + at)) for at in range(count)]
        leaves += batch
        frontier = frontier.append_all(iter(batch))
        assert frontier.size == len(leaves)
        assert frontier.root() == root_by_definition(leaves)
        assert Frontier.decode(frontier.encode()) == frontier


def test_a_frontier_of_another_length_is_refused():
    """The number of peaks is given by the size."""
    raw = EMPTY.append_all([leaf_hash(b"")] * 5).encode()
    for wrong in (b"", raw[:7], raw[:-1], raw + b"\x00", raw + bytes(32), bytes(7) + b"\x04" + raw[8:]):
        with pytest.raises(MalformedError) as caught:
            Frontier.decode(wrong)
        assert caught.value.code == "frontier_malformed"


def vectors(shared_data: Path, kind: str) -> list[tuple[str, dict]]:
    files = sorted((shared_data / "merkle" / kind).rglob("*.json"))
    return [(str(file), json.loads(file.read_text())) for file in files]


def as_hash(text: str | None) -> bytes:
    """Decode a hash; the place-holders ``don't care 1`` of the vectors become hashes, for a root has 32 bytes."""
    raw = b64decode(text or "")
    return sha256(raw).digest() if raw.startswith(b"don't care") else raw


def proof_of(vector: dict) -> list[bytes]:
    return [b64decode(one) for one in vector["proof"] or []]


def test_inclusion_vectors(shared_data):
    """All inclusion vectors of transparency-dev/merkle are judged as they say."""
    found = vectors(shared_data, "inclusion")
    assert len(found) == 98
    for name, vector in found:
        leaf, root = as_hash(vector["leafHash"]), as_hash(vector["root"])
        good = verify_inclusion(vector["leafIdx"], vector["treeSize"], leaf=leaf, root=root, proof=proof_of(vector))
        assert good is not vector["wantErr"], name


def test_consistency_vectors(shared_data):
    """All consistency vectors of transparency-dev/merkle are judged as they say."""
    found = vectors(shared_data, "consistency")
    assert len(found) == 98
    for name, vector in found:
        roots = {"old_root": as_hash(vector["root1"]), "new_root": as_hash(vector["root2"])}
        good = verify_consistency(vector["size1"], vector["size2"], **roots, proof=proof_of(vector))
        assert good is not vector["wantErr"], name


def test_subtree_inclusion_vectors(shared_data):
    """All subtree inclusion vectors of transparency-dev/merkle are judged as they say."""
    found = vectors(shared_data, "subtreeinclusion")
    assert len(found) == 204
    for name, vector in found:
        place = (vector["leafIdx"], vector["start"], vector["end"])
        leaf, root = as_hash(vector["leafHash"]), as_hash(vector["root"])
        good = verify_subtree_inclusion(*place, leaf=leaf, root=root, proof=proof_of(vector))
        assert good is not vector["wantErr"], name


def test_subtree_consistency_vectors(shared_data):
    """All subtree consistency vectors of transparency-dev/merkle are judged as they say."""
    found = vectors(shared_data, "subtreeconsistency")
    assert len(found) == 118
    for name, vector in found:
        place = (vector["start"], vector["end"], vector["size"])
        roots = {"subtree_root": as_hash(vector["root1"]), "root": as_hash(vector["root2"])}
        good = verify_subtree_consistency(*place, **roots, proof=proof_of(vector))
        assert good is not vector["wantErr"], name


@pytest.mark.parametrize("wrong", [b"", b"\x00", bytes(31), bytes(33)])
def test_hashes_have_32_bytes(wrong):
    """A string of another length is never a root, a leaf or part of a proof, however it compares."""
    assert not verify_inclusion(0, 1, leaf=wrong, root=wrong, proof=())
    assert not verify_consistency(1, 1, old_root=wrong, new_root=wrong, proof=())
    leaf = leaf_hash(b"x")
    assert not verify_inclusion(0, 2, leaf=leaf, root=node_hash(leaf, wrong), proof=(wrong,))
    assert not verify_consistency(1, 2, old_root=leaf, new_root=node_hash(leaf, wrong), proof=(wrong,))


@given(
    st.integers(-3, 70),
    st.integers(-3, 70),
    st.integers(-3, 2**70),
    st.lists(st.binary(max_size=33), max_size=70),
    st.binary(max_size=33),
)
def test_verifying_never_raises(start, end, size, proof, anything):
    """Whatever the sizes and strings are, the answer is yes or no; and here it is no."""
    assert not verify_inclusion(start, size, leaf=anything, root=EMPTY_ROOT, proof=proof)
    assert not verify_consistency(end, size, old_root=anything, new_root=EMPTY_ROOT, proof=proof)
    assert not verify_subtree_consistency(start, end, size, subtree_root=anything, root=bytes(32), proof=proof)
