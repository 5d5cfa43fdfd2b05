"""Portable proof that a log's author signed two histories.

Two statements, each signed by the author: either two tlog-proofs of different leaves at one index, which convict by
themselves, or two checkpoints of one size with different roots. RFC 8785 JSON; spec/evidence.md.
"""

from collections.abc import Sequence

import msgspec

from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel.checkpoint import parse_checkpoint, parse_text
from darwaza.kernel.merkle import HASH_BYTES, verify_inclusion
from darwaza.kernel.note import Verifier, verified
from darwaza.kernel.proof import parse_proof

FORMAT = "darwaza/fork/v1"
PROOF_BYTES_MAX = 262_144


class ForkProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module. Fields in RFC 8785 order.

    Attributes:
        format: ``FORMAT``.
        given: the other statement: a tlog-proof, or a signed checkpoint.
        given_leaf: leaf hash in hex that ``given`` proves; "" for a checkpoint.
        held: one statement, of the same kind.
        held_leaf: leaf hash in hex that ``held`` proves; "" for a checkpoint.
        origin: the log's origin line.
    """

    format: str
    given: str
    given_leaf: str
    held: str
    held_leaf: str
    origin: str


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ForkProof).decode


def decode(raw: bytes) -> ForkProof:
    """Read a fork proof; nothing is verified.

    Raises:
        MalformedError: ``fork_proof_malformed``.
    """
    if len(raw) > PROOF_BYTES_MAX:
        raise MalformedError("the fork proof is too large", code="fork_proof_malformed")
    try:
        proof = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the fork proof cannot be read: {fault}", code="fork_proof_malformed") from fault
    if proof.format != FORMAT:
        raise MalformedError("not a fork proof of a known format", code="fork_proof_malformed", pointer="/format")
    return proof


def convicts(proof: ForkProof, verifiers: Sequence[Verifier]) -> bool:
    """Tell whether the proof shows two histories signed by the author.

    Args:
        proof: as decoded.
        verifiers: of the author's keys, present and past, for this log.
    """
    try:
        if proof.held_leaf or proof.given_leaf:
            held, given = (
                _leaf_statement(proof, proof.held, proof.held_leaf, verifiers),
                _leaf_statement(proof, proof.given, proof.given_leaf, verifiers),
            )
            return held == given and proof.held_leaf != proof.given_leaf
        (held_size, held_root), (size, root) = (
            _root_statement(proof, text, verifiers) for text in (proof.held, proof.given)
        )
    except DarwazaError:
        return False
    return held_size == size and held_root != root


def _leaf_statement(proof: ForkProof, text: str, leaf: str, verifiers: Sequence[Verifier]) -> int:
    """Verify one tlog-proof; returns the index it speaks of."""
    statement = parse_proof(text.encode())
    verified(statement.note, verifiers)
    checkpoint = parse_text(statement.note.text)
    try:
        leaf_hash = bytes.fromhex(leaf)
    except ValueError as fault:
        raise MalformedError("the leaf is not in hex", code="fork_proof_malformed") from fault
    proven = len(leaf_hash) == HASH_BYTES and verify_inclusion(
        statement.index, checkpoint.size, leaf=leaf_hash, root=checkpoint.root, proof=statement.hashes
    )
    if checkpoint.origin != proof.origin or not proven:
        raise MalformedError("the statement does not hold", code="fork_proof_malformed")
    return statement.index


def _root_statement(proof: ForkProof, text: str, verifiers: Sequence[Verifier]) -> tuple[int, bytes]:
    checkpoint, note = parse_checkpoint(text.encode())
    verified(note, verifiers)
    if checkpoint.origin != proof.origin:
        raise MalformedError("the statement is about another log", code="fork_proof_malformed")
    return checkpoint.size, checkpoint.root
