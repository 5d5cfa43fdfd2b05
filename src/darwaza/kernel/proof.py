"""Proofs that a log holds an entry, in one text that verifies offline (C2SP tlog-proof@v1).

The text carries the index of the entry, the Merkle inclusion proof, and the log's checkpoint with its cosignatures.
What makes up a sufficient set of signatures is policy and left to the caller: ``verify`` says which keys signed.

Example::

    raw = format_proof(Proof(5, inclusion_proof(5, size, read_tile), checkpoint_note))
    checkpoint, signers = verify(parse_proof(raw), leaf_hash(entry), verifiers)
"""

from collections.abc import Iterable

import msgspec

from darwaza.errors import MalformedError, SignatureError, TooLargeError
from darwaza.kernel.checkpoint import Checkpoint, parse_text
from darwaza.kernel.encoding import parse_base64, parse_decimal, to_base64
from darwaza.kernel.merkle import HASH_BYTES, PROOF_HASHES_MAX, verify_inclusion
from darwaza.kernel.note import NOTE_BYTES_MAX, Note, Verifier, format_note, parse, verified

EXTRA_BYTES_MAX = 65_536
PROOF_BYTES_MAX = NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX

_HEADER = "c2sp.org/tlog-proof@v1"


class Proof(msgspec.Struct, frozen=True):
    """A proof that is not yet verified.

    Attributes:
        index: of the entry in the log, from 0.
        hashes: inclusion proof, the siblings from the leaf up, 32 bytes each.
        note: the checkpoint with its signatures.
        extra: what the application added, at most ``EXTRA_BYTES_MAX`` bytes; nothing authenticates it.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: Note
    extra: bytes = b""


def _malformed(detail: str) -> MalformedError:
    return MalformedError(detail, code="proof_malformed")


def format_proof(proof: Proof) -> bytes:
    """Write a proof; the inverse of ``parse_proof``."""
    lines = [_HEADER]
    if proof.extra:
        lines.append("extra " + to_base64(proof.extra))
    lines.append(f"index {proof.index}")
    lines.extend(map(to_base64, proof.hashes))
    return ("\n".join(lines) + "\n\n").encode("ascii") + format_note(proof.note)


def parse_proof(raw: bytes) -> Proof:
    """Read a proof without verifying anything.

    Raises:
        TooLargeError: ``proof_too_large``, over ``PROOF_BYTES_MAX``; or see ``note.parse``.
        MalformedError: ``proof_malformed``; or see ``note.parse`` and ``checkpoint.parse_text``.
    """
    if len(raw) > PROOF_BYTES_MAX:
        raise TooLargeError(f"a proof has at most {PROOF_BYTES_MAX} bytes", code="proof_too_large")
    head, blank, rest = raw.partition(b"\n\n")
    if not blank or not head.isascii():
        raise _malformed("a proof has an ASCII head, a blank line and a checkpoint")
    lines = iter(head.decode("ascii").split("\n"))
    if next(lines) != _HEADER:
        raise _malformed(f"a proof starts with {_HEADER}")
    line, extra = next(lines, ""), b""
    if line.startswith("extra "):
        extra = parse_base64(line.removeprefix("extra "))
        if not 0 < len(extra) <= EXTRA_BYTES_MAX:
            raise _malformed(f"extra data has 1 to {EXTRA_BYTES_MAX} bytes, or no line")
        line = next(lines, "")
    if not line.startswith("index "):
        raise _malformed("a proof has an index line")
    index = parse_decimal(line.removeprefix("index "))
    hashes = tuple(parse_base64(line, HASH_BYTES) for line in lines)
    if len(hashes) > PROOF_HASHES_MAX:
        raise _malformed(f"a proof has at most {PROOF_HASHES_MAX} hashes")
    note = parse(rest)
    parse_text(note.text)
    return Proof(index, hashes, note, extra)


def verify(proof: Proof, leaf: bytes, verifiers: Iterable[Verifier]) -> tuple[Checkpoint, tuple[Verifier, ...]]:
    """Check that the log whose checkpoint the proof carries holds the leaf.

    The checks, in this order: the signatures, then the inclusion.

    Args:
        proof: as parsed.
        leaf: leaf hash of the entry.
        verifiers: the known keys of the log and of its cosigners.

    Returns:
        The checkpoint; and the verifiers that signed it, at least one. That the log and enough cosigners are among
        them, and that the origin is the expected one, is for the caller to check.

    Raises:
        SignatureError: ``inclusion_false``; or see ``note.verified``.
    """
    signers = verified(proof.note, verifiers)
    checkpoint = parse_text(proof.note.text)
    if not verify_inclusion(proof.index, checkpoint.size, leaf=leaf, root=checkpoint.root, proof=proof.hashes):
        raise SignatureError("the checkpoint does not cover this entry", code="inclusion_false")
    return checkpoint, signers
