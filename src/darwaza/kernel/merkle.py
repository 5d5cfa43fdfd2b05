"""The Merkle tree of a log: hashes, compact ranges, and the verification of proofs.

The tree is that of RFC 6962 section 2.1, which is also that of RFC 9162 section 2.1.1, with SHA-256. This module grows
trees and checks proofs; ``darwaza.kernel.tile`` keeps trees in tiles and makes proofs from them.

A ``Frontier`` is all that is needed to append to a log and to know its root: the roots of the largest complete subtrees
that cover the leaves, one for each bit set in the size. Appending works level by level over the whole batch, because
one pass over a list costs far less in Python than one walk up the tree for each leaf.

The verifying functions answer True or False for whatever sizes, indexes and byte strings they are given; every hash
must have 32 bytes.

Example::

    frontier = EMPTY.append_all([leaf_hash(entry) for entry in batch])
    frontier.root()
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

from darwaza.errors import MalformedError

HASH_BYTES = 32

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves."""

PROOF_HASHES_MAX = 63
"""A tree of fewer than 2**63 leaves needs no longer proof (C2SP tlog-witness v1.0.0)."""

# RFC 6962 section 2.1: the prefixes keep a node from being passed off as a leaf and the other way round.
_LEAF = b"\x00"
_NODE = b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """Hash one log entry to its leaf hash, 32 bytes."""
    return sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring nodes to their parent, 32 bytes."""
    return sha256(_NODE + left + right).digest()


def fold(peaks: Sequence[bytes]) -> bytes:
    """Join the roots of ever smaller complete subtrees, left to right, to the root above all of them.

    Args:
        peaks: at least one hash.
    """
    *rest, root = peaks
    for peak in reversed(rest):
        root = sha256(_NODE + peak + root).digest()
    return root


class Frontier(msgspec.Struct, frozen=True):
    """The right edge of a tree, also called a compact range.

    Attributes:
        size: number of leaves.
        peaks: roots of the complete subtrees of 2**k leaves, for each bit k set in ``size``, largest first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """Return the root of the tree, 32 bytes."""
        return fold(self.peaks) if self.peaks else EMPTY_ROOT

    def append_all(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """Return the frontier with the leaves appended."""
        return grow(self, leaf_hashes)[0]

    def encode(self) -> bytes:
        """Write the size in 8 bytes, big-endian, and the peaks."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def decode(cls, raw: bytes) -> "Frontier":
        """Read what ``encode`` wrote.

        Raises:
            MalformedError: code ``frontier_malformed``; the length does not fit the size.
        """
        size = int.from_bytes(raw[:8], "big")
        if len(raw) != 8 + HASH_BYTES * size.bit_count():
            raise MalformedError("a frontier has one hash for each bit set in its size", code="frontier_malformed")
        return cls(size, tuple(raw[at : at + HASH_BYTES] for at in range(8, len(raw), HASH_BYTES)))


EMPTY = Frontier()
"""The tree without leaves."""


def grow(frontier: Frontier, leaf_hashes: Iterable[bytes]) -> tuple[Frontier, list[list[bytes]]]:
    """Append leaves and tell which nodes they completed.

    Returns:
        The new frontier; and for each level, from the leaves up, the hashes of the complete subtrees that the old tree
        did not have, left to right.
    """
    hash_, prefix = sha256, _NODE  # local names: this loop is the hottest of the log
    waiting = list(frontier.peaks)
    peaks: list[bytes] = []  # smallest first
    levels: list[list[bytes]] = []
    nodes = list(leaf_hashes)
    size = frontier.size
    count = len(nodes)
    level = 0
    while nodes:
        levels.append(nodes)
        row = [waiting.pop(), *nodes] if size >> level & 1 else nodes
        if len(row) & 1:
            peaks.append(row[-1])
        pairs = iter(row)
        nodes = [hash_(prefix + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
        level += 1
    return Frontier(size + count, (*waiting, *reversed(peaks))), levels


def _are_hashes(hashes: Iterable[bytes]) -> bool:
    return all(len(one) == HASH_BYTES for one in hashes)


def root_from_inclusion(index: int, size: int, *, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Compute the root of the tree of ``size`` leaves that has this leaf at ``index`` (RFC 9162 section 2.1.3.2).

    Args:
        index: of the leaf, from 0.
        size: number of leaves of the tree.
        leaf: its leaf hash.
        proof: the siblings from the leaf up.

    Returns:
        The root, or None when the proof does not fit index and size.
    """
    if not 0 <= index < size or len(proof) > PROOF_HASHES_MAX or not _are_hashes((leaf, *proof)):
        return None
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    return node if last == 0 else None


def verify_inclusion(index: int, size: int, *, leaf: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Check that the tree of ``size`` leaves with this root has this leaf; see ``root_from_inclusion``."""
    return root_from_inclusion(index, size, leaf=leaf, proof=proof) == root


def verify_consistency(old: int, new: int, *, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Check that the tree of ``old`` leaves is a prefix of the tree of ``new`` leaves (RFC 9162 section 2.1.4.2).

    Args:
        old: at least 1: that the empty tree is a prefix of every tree needs no proof and proves nothing.
        new: at least ``old``.
        old_root: root of the first ``old`` leaves.
        new_root: root of the first ``new`` leaves.
        proof: the nodes, from the lowest up.
    """
    return old > 0 and verify_subtree_consistency(0, old, new, subtree_root=old_root, root=new_root, proof=proof)


def is_subtree(start: int, end: int) -> bool:
    """Tell whether the leaves [start, end) can be a subtree: ``start`` is a multiple of the next power of two.

    The rule is that of draft-ietf-plants-merkle-tree-certs-02, "Subtrees"; an empty range is one.
    """
    length = end - start
    return start >= 0 and length >= 0 and (length == 0 or start % (1 << (length - 1).bit_length()) == 0)


def verify_subtree_inclusion(
    index: int, start: int, end: int, *, leaf: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Check that the subtree [start, end) with this root has this leaf at ``index``, counted in the whole log.

    Standard: draft-ietf-plants-merkle-tree-certs-02, "Subtree Inclusion Proofs".
    """
    return is_subtree(start, end) and verify_inclusion(index - start, end - start, leaf=leaf, root=root, proof=proof)


def verify_subtree_consistency(
    start: int, end: int, size: int, *, subtree_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Check that the subtree [start, end) is part of the tree of ``size`` leaves.

    Standard: draft-ietf-plants-merkle-tree-certs-02, "Subtree Consistency Proofs"; for ``start`` 0 it is RFC 9162
    section 2.1.4.2. The empty subtree is part of every tree that reaches it.
    """
    if not is_subtree(start, end) or end > size or len(proof) > PROOF_HASHES_MAX:
        return False
    if not _are_hashes((subtree_root, root, *proof)):
        return False
    if start == end:
        return subtree_root == EMPTY_ROOT and not proof
    first, last, end_of_tree = start, end - 1, size - 1
    # Climb to the root of the rightmost complete part of the subtree, or to its own root if the tree ends with it.
    while first != last and (last == end_of_tree or last & 1):
        first, last, end_of_tree = first >> 1, last >> 1, end_of_tree >> 1
    rest = iter(proof)
    # If that is the whole subtree, its root is known and the proof leaves it out.
    inner = outer = subtree_root if first == last else next(rest, b"")
    for sibling in rest:
        if end_of_tree == 0:
            return False
        if last & 1 or last == end_of_tree:
            if first < last:
                inner = node_hash(sibling, inner)
            outer = node_hash(sibling, outer)
            while last and not last & 1:
                first, last, end_of_tree = first >> 1, last >> 1, end_of_tree >> 1
        else:
            outer = node_hash(outer, sibling)
        first, last, end_of_tree = first >> 1, last >> 1, end_of_tree >> 1
    return end_of_tree == 0 and inner == subtree_root and outer == root
