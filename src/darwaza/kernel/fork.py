"""Portable proof that a log's author signed two histories.

Two statements, each signed by the author: either two tlog-proofs of different leaves at one index, which convict by
themselves, or two checkpoints of one size with different roots. RFC 8785 JSON; spec/evidence.md.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel.checkpoint import Checkpoint, parse_checkpoint, parse_text
from darwaza.kernel.merkle import verify_inclusion
from darwaza.kernel.note import Note, Verifier, verified
from darwaza.kernel.proof import Proof, parse_proof

FORMAT = "darwaza/fork/v1"
PROOF_BYTES_MAX = 262_144

LeafText = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")]


class ForkProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module. Fields in RFC 8785 order.

    Attributes:
        format: ``FORMAT``.
        given: the other statement: a tlog-proof, or a signed checkpoint.
        given_leaf: leaf hash in lower-case hex that ``given`` proves; "" for a checkpoint.
        held: one statement, of the same kind.
        held_leaf: leaf hash in lower-case hex that ``held`` proves; "" for a checkpoint.
        origin: the log's origin line.
    """

    format: str
    given: str
    given_leaf: LeafText
    held: str
    held_leaf: LeafText
    origin: str


class Statement(msgspec.Struct, frozen=True):
    """What the author signed, once.

    Attributes:
        checkpoint: the state of the log.
        note: the same with its signatures, not verified.
        leaf: leaf hash it is about, or None when it is about the root.
        proof: that the leaf stands in the log; None when it is about the root.
    """

    checkpoint: Checkpoint
    note: Note
    leaf: bytes | None
    proof: Proof | None

    def included(self) -> bool:
        """Tell whether the leaf, if there is one, stands in the log of this checkpoint."""
        if self.leaf is None or self.proof is None:
            return True
        point = self.checkpoint
        return verify_inclusion(self.proof.index, point.size, leaf=self.leaf, root=point.root, proof=self.proof.hashes)

    def contradicts(self, other: "Statement") -> bool:
        """Tell whether one log cannot be as both say."""
        if self.proof is not None and other.proof is not None:
            return self.proof.index == other.proof.index and self.leaf != other.leaf
        return self.checkpoint.size == other.checkpoint.size and self.checkpoint.root != other.checkpoint.root


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ForkProof).decode


def _malformed(detail: str, pointer: str = "") -> MalformedError:
    return MalformedError(detail, code="fork_proof_malformed", pointer=pointer)


def decode(raw: bytes) -> ForkProof:
    """Read a fork proof; nothing is verified.

    Raises:
        MalformedError: ``fork_proof_malformed``.
    """
    if len(raw) > PROOF_BYTES_MAX:
        raise _malformed("the fork proof is too large")
    try:
        proof = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise _malformed(f"the fork proof cannot be read: {fault}") from fault
    if proof.format != FORMAT:
        raise _malformed("not a fork proof of a known format", "/format")
    if encode(proof) != raw:
        raise _malformed("the fork proof is not in RFC 8785 form")
    return proof


def statements(proof: ForkProof) -> tuple[Statement, Statement]:
    """Take the two statements apart, the one that was held first; nothing is verified.

    Raises:
        DarwazaError: ``fork_proof_malformed``, and those of ``proof.parse_proof`` and ``checkpoint.parse_checkpoint``.
    """
    if bool(proof.held_leaf) != bool(proof.given_leaf):
        raise _malformed("both statements are about a leaf, or both about a root")
    held = _statement(proof.held, proof.held_leaf, "held")
    given = _statement(proof.given, proof.given_leaf, "given")
    for statement, name in ((held, "held"), (given, "given")):
        if statement.checkpoint.origin != proof.origin:
            raise _malformed("the statement is about another log", f"/{name}")
    return held, given


def convicts(proof: ForkProof, verifiers: Sequence[Verifier]) -> bool:
    """Tell whether the proof shows two histories signed by the author.

    Args:
        proof: as decoded.
        verifiers: of the author's keys, present and past, for this log.
    """
    try:
        held, given = statements(proof)
        for statement in (held, given):
            verified(statement.note, verifiers)
    except DarwazaError:
        return False
    return held.included() and given.included() and held.contradicts(given)


def divergence(proof: ForkProof) -> tuple[int, frozenset[bytes]]:
    """Where two histories part: an index and the two leaves there, or a size and the two roots of it.

    Raises:
        DarwazaError: see ``statements``.
    """
    one, other = statements(proof)
    if one.proof is not None and one.leaf is not None and other.leaf is not None:
        return one.proof.index, frozenset((one.leaf, other.leaf))
    return one.checkpoint.size, frozenset((one.checkpoint.root, other.checkpoint.root))


def _statement(text: str, leaf: str, name: str) -> Statement:
    if not leaf:
        checkpoint, note = parse_checkpoint(text.encode())
        return Statement(checkpoint, note, None, None)
    proof = parse_proof(text.encode())
    if proof.extra:
        raise _malformed("the statement carries extra data, which nothing signs", f"/{name}")
    return Statement(parse_text(proof.note.text), proof.note, bytes.fromhex(leaf), proof)
