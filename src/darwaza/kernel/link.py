"""A link: what a reader concludes from a batch, and an author from a co-signature. Pure.

A link is two directed logs for each lane. Sending is appending, acknowledging is co-signing: the reader's cosignature
of the author's checkpoint is proof of receipt of every message below its size, the leaf index makes delivery happen
once and in order, and two true signatures over two different histories are proof of a fork.

What this module decides: whether a batch fits, repeats, leaves a gap, or proves a fork. What it leaves to others: what
the messages mean, and storing any of it (``darwaza.engine``). spec/link.md is the language-neutral text.
"""

from collections.abc import Callable, Sequence

import msgspec

from darwaza.errors import ConflictError, MalformedError, SignatureError
from darwaza.kernel.batch import Batch
from darwaza.kernel.checkpoint import Checkpoint, parse_checkpoint
from darwaza.kernel.fork import FORMAT, ForkProof
from darwaza.kernel.merkle import HASH_BYTES, Frontier, leaf_hash
from darwaza.kernel.note import Note, Signature, Verifier, format_note, parse, verified
from darwaza.kernel.proof import Proof, format_proof
from darwaza.kernel.tile import TILE_HASHES, ReadTile, append_to_tiles, frontier_at, inclusion_proof, partial_tiles


class Fresh(msgspec.Struct, frozen=True):
    """The batch continues the log.

    Attributes:
        checkpoint: where the log stands with it.
        note: the author's signed checkpoint, only lines that were verified.
        skip: entries at the front that are held already and are the same.
        hashes: leaf hashes of the entries after those.
    """

    checkpoint: Checkpoint
    note: Note
    skip: int
    hashes: Sequence[bytes]


class Repeat(msgspec.Struct, frozen=True):
    """Everything in the batch is held already and is the same; ``end`` is its checkpoint's size."""

    end: int


class Gap(msgspec.Struct, frozen=True):
    """The batch starts past what is held; ``expected`` is the index to go on from."""

    expected: int


class Fork(msgspec.Struct, frozen=True):
    """The author signed two different leaves for one index; ``proof`` convicts."""

    proof: ForkProof


def read_checkpoint(
    raw: bytes, *, origin: str, verifiers: Sequence[Verifier], required: frozenset[int]
) -> tuple[Checkpoint, Note]:
    """Verify a signed checkpoint.

    Args:
        raw: the signed note.
        origin: that it must carry.
        verifiers: of the author's keys in force.
        required: signature types that must be among the true signatures.

    Returns:
        The checkpoint, and the note with only the lines that the verifiers found true.

    Raises:
        MalformedError: see ``checkpoint.parse_checkpoint``; ``origin_wrong``.
        SignatureError: ``signature_missing``, ``signature_false``, ``signature_weak`` when a required type is absent.
    """
    checkpoint, note = parse_checkpoint(raw)
    if checkpoint.origin != origin:
        raise MalformedError(f"the checkpoint is of log {checkpoint.origin!r}, not {origin!r}", code="origin_wrong")
    true = verified(note, verifiers)
    if not required <= {verifier.type for verifier in true}:
        raise SignatureError("the corridor asks for a second signature that is not there", code="signature_weak")
    return checkpoint, only(note, true)


def only(note: Note, verifiers: Sequence[Verifier]) -> Note:
    """The note with no other lines than those of these keys."""
    names = {(verifier.name, verifier.key_id) for verifier in verifiers}
    return Note(note.text, tuple(line for line in note.signatures if (line.name, line.key_id) in names))


def joined(one: bytes, other: bytes) -> bytes:
    """Join the signatures under one text; when the texts differ, as after a fork, the second stands alone.

    Args:
        one: a signed note.
        other: another; each with true lines only.
    """
    first, second = parse(one), parse(other)
    if first.text != second.text:
        return other
    known = {(line.name, line.key_id) for line in first.signatures}
    added = tuple(line for line in second.signatures if (line.name, line.key_id) not in known)
    return format_note(Note(first.text, first.signatures + added))


def read_cosigned(
    raw: bytes, *, origin: str, authors: Sequence[Verifier], cosigners: Sequence[Verifier]
) -> tuple[Checkpoint, bytes]:
    """Verify a checkpoint that its author signed and its reader co-signed.

    Returns:
        The checkpoint, and the note with only the lines that were found true.

    Raises:
        MalformedError, SignatureError: see ``read_checkpoint``; both must have signed.
    """
    checkpoint, _ = read_checkpoint(raw, origin=origin, verifiers=authors, required=frozenset())
    _, note = parse_checkpoint(raw)
    true = (*verified(note, authors), *verified(note, cosigners))
    return checkpoint, format_note(only(note, true))


def judge(
    batch: Batch,
    *,
    held: Frontier,
    held_note: bytes,
    read_tile: ReadTile,
    verifiers: Sequence[Verifier],
    required: frozenset[int],
) -> Fresh | Repeat | Gap | Fork:
    """Hold a batch against the log as this reader has it.

    The checks, in this order: the checkpoint is the author's and its size is the batch's end; the batch does not start
    past what is held; the entries lead to the signed root; entries that are held already are the same.

    Args:
        batch: as decoded.
        held: the tree this reader has.
        held_note: the newest signed checkpoint this reader has of the log; empty for none.
        read_tile: of that tree.
        verifiers: see ``read_checkpoint``.
        required: see ``read_checkpoint``.

    Raises:
        MalformedError: ``batch_size_wrong``, and those of ``read_checkpoint``.
        SignatureError: ``root_wrong``, and those of ``read_checkpoint``. Nothing was concluded.
    """
    checkpoint, note = read_checkpoint(batch.checkpoint, origin=batch.origin, verifiers=verifiers, required=required)
    if checkpoint.size != batch.end:
        raise MalformedError("the checkpoint's size is not the end of the batch", code="batch_size_wrong")
    if batch.start > held.size:
        return Gap(held.size)
    before = held if batch.start == held.size else frontier_at(batch.start, read_tile)
    hashes = [leaf_hash(header) for header, _ in batch.entries]
    if before.append_all(hashes).root() != checkpoint.root:
        raise SignatureError("the entries do not lead to the root the author signed", code="root_wrong")
    overlap = min(held.size, batch.end) - batch.start
    for offset in range(overlap):
        if stored_leaf(batch.start + offset, read_tile) != hashes[offset]:
            return Fork(_fork_proof(batch.start + offset, before, hashes, note, held_note, read_tile))
    if batch.end <= held.size:
        return Repeat(batch.end)
    return Fresh(checkpoint, note, overlap, hashes[overlap:])


def stored_leaf(index: int, read_tile: ReadTile) -> bytes:
    """The hash of a stored leaf."""
    at = index % TILE_HASHES * HASH_BYTES
    return read_tile(0, index // TILE_HASHES)[at : at + HASH_BYTES]


def _fork_proof(
    index: int, before: Frontier, hashes: Sequence[bytes], note: Note, held_note: bytes, read_tile: ReadTile
) -> ForkProof:
    held_checkpoint, stored = parse_checkpoint(held_note)
    # Only the author's lines: what others say about its log is no part of the proof. Its key may have changed since.
    held = Note(stored.text, tuple(line for line in stored.signatures if line.name == held_checkpoint.origin))
    held_proof = Proof(index, inclusion_proof(index, held_checkpoint.size, read_tile), held)
    given_proof = Proof(index, _proof_in_batch(index, before, hashes, read_tile), note)
    return ForkProof(
        format=FORMAT,
        given=format_proof(given_proof).decode(),
        given_leaf=hashes[index - before.size].hex(),
        held=format_proof(held_proof).decode(),
        held_leaf=stored_leaf(index, read_tile).hex(),
        origin=held_checkpoint.origin,
    )


def _proof_in_batch(index: int, before: Frontier, hashes: Sequence[bytes], read_tile: ReadTile) -> tuple[bytes, ...]:
    """Prove a leaf in the tree the batch leads to, which is not the one that is stored."""
    partial = {
        tile.level: read_tile(tile.level, tile.number)[: tile.width * HASH_BYTES] for tile in partial_tiles(before.size)
    }
    grown, rows = append_to_tiles(before, hashes, partial)
    given = {(row.level, row.number): row.hashes for row in rows}
    return inclusion_proof(
        index, grown.size, lambda level, number: given.get((level, number)) or read_tile(level, number)
    )


def acknowledge(
    sent: bytes, reply: Sequence[Signature], cosigner: Verifier, root_at: Callable[[int], bytes]
) -> tuple[Checkpoint, bytes]:
    """Accept a reader's cosignature of an own checkpoint.

    Args:
        sent: the own signed note that the cosignature is under.
        reply: signature lines the reader answered.
        cosigner: the reader's key.
        root_at: root of the own log at a size.

    Returns:
        The checkpoint, and the note with the cosignature added.

    Raises:
        SignatureError: ``signature_missing``, ``signature_false``.
        ConflictError: ``checkpoint_not_ours``: it is not of this log's history.
    """
    checkpoint, note = parse_checkpoint(sent)
    known = {(line.name, line.key_id) for line in note.signatures}
    added = tuple(line for line in reply if (line.name, line.key_id) not in known)
    full = Note(note.text, note.signatures + added)
    verified(full, [cosigner])
    if root_at(checkpoint.size) != checkpoint.root:
        raise ConflictError("the checkpoint is not of this log's history", code="checkpoint_not_ours")
    lines = tuple(
        line
        for line in full.signatures
        if (line.name, line.key_id) in known or (line.name, line.key_id) == (cosigner.name, cosigner.key_id)
    )
    return checkpoint, format_note(Note(note.text, lines))
