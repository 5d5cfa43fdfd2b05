"""The trail of a routed message: proof of every link it travelled.

A routed message carries its path in its header: the members from origin to destination. On the first link it travels
as any message does. Each relay then sends a message of its own in its log to the next member, and the header of that
names, in ``relays``, the leaf hash of the header it forwards::

    KZ to UZ: header of the message     path KZ UZ AF PK
    UZ to AF: header of UZ's relay      relays = hash of the leaf above
    AF to PK: header of AF's relay      relays = hash of the leaf above

So each signed log leaf names the one before it, and the first names the path. A *hop* is one such header with its
proof: leaf index, inclusion proof, and the checkpoint its author signed; what a tlog-proof holds, in binary, because a
busy relay reads thousands a second. Whoever has the hops checks, without the body and without asking anyone, that the
origin sent this message this way and that each member forwarded it. A path cannot be forged (the origin's log signs
it), shortened (a link without its leaf breaks the chain), or extended (a member that is not next on the path has no
place in it).

``darwaza.kernel.relay`` carries hops from member to member, ``darwaza.kernel.report`` brings them back to the origin.
spec/routing.md is the language-neutral text.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from darwaza.config import HEADER_BYTES_MAX
from darwaza.errors import DarwazaError, MalformedError, SignatureError
from darwaza.kernel.checkpoint import Checkpoint, parse_checkpoint
from darwaza.kernel.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from darwaza.kernel.message import GATEWAY_PARTY, PATH_MEMBERS_MAX, Header, decode_header, member_of
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Verifier, format_note, parse, verified
from darwaza.kernel.proof import Proof

ROUTE_KINDS: Final = "route."
"""Beginning of the kinds in which gateways speak to one another of routing; no rule binds such a message's path."""
RELAY_KIND: Final = "route.relay"
"""Kind of a relay's own message."""
RELAY_MEDIA_TYPE: Final = "application/vnd.darwaza.relay"

HOPS_MAX: Final = PATH_MEMBERS_MAX - 2
"""Links before the last one of the longest path, and links after the first one."""
INDEX_BITS_MAX: Final = 40
"""A leaf's index is below 2**40, and its inclusion proof has at most as many hashes."""
HOP_HASHES_BYTES_MAX: Final = INDEX_BITS_MAX * HASH_BYTES
HOP_CHECKPOINT_BYTES_MAX: Final = 6_144
"""Room for an Ed25519 and an ML-DSA-44 line."""
HOP_BYTES_MAX: Final = HEADER_BYTES_MAX + HOP_HASHES_BYTES_MAX + HOP_CHECKPOINT_BYTES_MAX + 32
"""What one hop takes in MessagePack at most."""
NOTES_REMEMBERED: Final = 256
"""Checkpoints whose signatures are not verified again; all messages of a batch have the same."""


class Hop(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What proves that a message travelled one link. MessagePack: ``[header, index, hashes, checkpoint]``.

    Attributes:
        header: that stands in the log, canonical, at most ``HEADER_BYTES_MAX`` bytes.
        index: of its leaf, from 0.
        hashes: inclusion proof, the siblings from the leaf up, 32 bytes each, at most ``HOP_HASHES_BYTES_MAX`` bytes.
        checkpoint: signed note, at most ``HOP_CHECKPOINT_BYTES_MAX`` bytes; it needs the author's lines only.
    """

    header: Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)]
    index: Annotated[int, Meta(ge=0, lt=1 << INDEX_BITS_MAX)]
    hashes: Annotated[bytes, Meta(max_length=HOP_HASHES_BYTES_MAX)]
    checkpoint: Annotated[bytes, Meta(max_length=HOP_CHECKPOINT_BYTES_MAX)]

    @classmethod
    def of(cls, header: bytes, proof: Proof) -> "Hop":
        """Join a header and its proof."""
        return cls(header, proof.index, b"".join(proof.hashes), format_note(proof.note))

    @property
    def proof(self) -> Proof:
        """The proof as a value, ready to be written as a tlog-proof.

        Raises:
            MalformedError: ``hop_proof_malformed`` when the hashes are not whole; see ``note.parse``.
            TooLargeError: see ``note.parse``.
        """
        return Proof(self.index, self.siblings, parse(self.checkpoint))

    @property
    def siblings(self) -> tuple[bytes, ...]:
        """The hashes of the inclusion proof.

        Raises:
            MalformedError: ``hop_proof_malformed`` when they are not whole.
        """
        if len(self.hashes) % HASH_BYTES:
            raise MalformedError("the inclusion proof is not made of whole hashes", code="hop_proof_malformed")
        return tuple(self.hashes[at : at + HASH_BYTES] for at in range(0, len(self.hashes), HASH_BYTES))


class Logs:
    """Whose signatures prove links: the authors' keys of one corridor document. Remembers what it has verified.

    Args:
        corridor: name of the corridor.
        verifiers: gives the keys that sign the checkpoints of a log, by its origin line; none for an unknown log.
        required: signature types that must be among the true ones, see ``link.read_checkpoint``.
    """

    def __init__(
        self, corridor: str, verifiers: Callable[[str], Sequence[Verifier]], required: frozenset[int] = frozenset()
    ) -> None:
        self._corridor = corridor
        self._verifiers = verifiers
        self._required = required
        self._seen: dict[bytes, tuple[Checkpoint, Lane]] = {}

    def checkpoint(self, raw: bytes, author: str, reader: str) -> Checkpoint:
        """Verify that a signed note is a checkpoint of one of the author's logs to the reader.

        Raises:
            TooLargeError: see ``note.parse``.
            MalformedError: ``hop_log_wrong`` for a log that is not from this author to this reader; or see
                ``checkpoint.parse_checkpoint``, ``naming.Lane.parse``.
            SignatureError: ``signature_missing``, ``signature_false``, ``signature_weak``.
        """
        checkpoint, lane = self._seen.get(raw) or self._verified(raw)
        if (lane.corridor, lane.author, lane.reader) != (self._corridor, author, reader):
            detail = f"the proof is of the log {checkpoint.origin}, not of one from {author} to {reader}"
            raise MalformedError(detail, code="hop_log_wrong")
        return checkpoint

    def _verified(self, raw: bytes) -> tuple[Checkpoint, Lane]:
        checkpoint, note = parse_checkpoint(raw)
        lane = Lane.parse(checkpoint.origin)
        true = verified(note, self._verifiers(checkpoint.origin))
        if not self._required <= {verifier.type for verifier in true}:
            raise SignatureError("the corridor asks for a second signature that is not there", code="signature_weak")
        if len(self._seen) >= NOTES_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[raw] = checkpoint, lane
        return checkpoint, lane


def check_path(message: Header) -> tuple[str, ...]:
    """Check that the path of a message is one.

    Returns:
        The path.

    Raises:
        MalformedError: ``path_missing``; ``path_end_wrong`` when it does not lead from the origin to the destination;
            ``path_loop`` when a member stands in it twice; ``route_party_wrong`` when a party speaks as only gateways
            do, to escape the rules. That it is not too long is part of the header's form.
    """
    path = message.path
    if path is None:
        raise MalformedError("the message has no path", code="path_missing", pointer="/path")
    if (path[0], path[-1]) != (member_of(message.origin), member_of(message.destination)):
        detail = "the path does not lead from the message's origin to its destination"
        raise MalformedError(detail, code="path_end_wrong", pointer="/path")
    if len(set(path)) != len(path):
        raise MalformedError("a member stands twice in the path", code="path_loop", pointer="/path")
    gateways = (f"{path[0]}/{GATEWAY_PARTY}", f"{path[-1]}/{GATEWAY_PARTY}")
    if message.kind.startswith(ROUTE_KINDS) and (message.origin, message.destination) != gateways:
        raise MalformedError(f"only gateways send {message.kind}", code="route_party_wrong", pointer="/kind")
    return path


def stage_of(path: Sequence[str], author: str, here: str) -> int:
    """Find the place of ``here`` in a path, given that the message came from ``author``.

    Raises:
        MalformedError: ``path_not_here`` when this member is not on the path or is its origin; ``path_order_wrong``
            when the member before it is another one than the author.
    """
    if here not in path[1:]:
        raise MalformedError(f"{here} is not on the path", code="path_not_here", pointer="/path")
    stage = list(path).index(here)
    if path[stage - 1] != author:
        detail = f"it came from {author}, by its path {here} gets it from {path[stage - 1]}"
        raise MalformedError(detail, code="path_order_wrong", pointer="/path")
    return stage


class Carried(NamedTuple):
    """What travelled a link, for the check of the next one.

    Attributes:
        message: header of the routed message.
        id: of the header that travelled the link: the message's own, or that of a relay's message.
        leaf: leaf hash of that header.
    """

    message: Header
    id: str
    leaf: bytes


def check_hops(path: Sequence[str], hops: Sequence[Hop], logs: Logs, before: Carried | None = None) -> Carried | None:
    """Check that a message travelled consecutive links of its path.

    For each link in order: the header's form; whose it is and what it forwards; the proof's form; that its checkpoint
    is the author's; that its log holds the header.

    Args:
        path: of the message.
        hops: what proves the links, in order.
        logs: whose signatures count.
        before: None when the first hop is that of the path's first link; else the message on that link, and the first
            hop is that of the second link.

    Returns:
        What travelled the last link; ``before`` when there are no hops.

    Raises:
        TooLargeError: see ``message.decode_header``, ``Logs.checkpoint``.
        MalformedError: see those and ``Hop.siblings``; ``hop_header_wrong`` when a header is not that of the relay
            whose turn it is; ``hop_chain_broken`` when it does not forward the header before it.
        SignatureError: see ``Logs.checkpoint``; ``hop_proof_false`` when the log does not hold the header. The pointer
            names the hop in all of them.
    """
    last = before
    first = 0 if before is None else 1
    for number, hop in enumerate(hops):
        try:
            last = _check_hop(path, number + first, hop, last, logs)
        except DarwazaError as fault:
            fault.pointer = f"/hops/{number}{fault.pointer}"
            raise
    return last


def _check_hop(path: Sequence[str], link: int, hop: Hop, before: Carried | None, logs: Logs) -> Carried:
    header = decode_header(hop.header)
    check_link_header(header, path, link, before)
    leaf = leaf_hash(hop.header)
    siblings = hop.siblings
    checkpoint = logs.checkpoint(hop.checkpoint, path[link], path[link + 1])
    if not verify_inclusion(hop.index, checkpoint.size, leaf=leaf, root=checkpoint.root, proof=siblings):
        raise SignatureError(f"the log {checkpoint.origin} does not hold this header", code="hop_proof_false")
    return Carried(header if before is None else before.message, header.id, leaf)


def check_link_header(header: Header, path: Sequence[str], link: int, before: Carried | None) -> None:
    """Check the header that travelled a link: on the first the message's own, then that of a relay's message.

    Args:
        header: to check.
        path: of the message.
        link: number of the link, from 0; it joins the members at this place of the path and the next.
        before: what travelled the link before; None on the first.

    Raises:
        MalformedError: ``hop_header_wrong``, ``hop_chain_broken``; see ``check_hops``.
    """
    if before is None:
        if header.path != tuple(path) or header.kind == RELAY_KIND or header.relays is not None:
            raise MalformedError("this is not the header of a message with this path", code="hop_header_wrong")
        return
    message = before.message
    absent = (header.follows, header.path, header.path_policy, header.ucr)
    fixed = (header.kind, header.media_type, *absent, header.origin, header.destination)
    ends = (f"{member}/{GATEWAY_PARTY}" for member in path[link : link + 2])
    taken = (header.case_id, header.cause_id, header.expires_at)
    given = (message.case_id, before.id, message.expires_at)
    if fixed != (RELAY_KIND, RELAY_MEDIA_TYPE, *[None] * 4, *ends) or taken != given:
        detail = f"this is not the header of a relay's message from {path[link]} to {path[link + 1]}"
        raise MalformedError(detail, code="hop_header_wrong")
    if header.relays != before.leaf.hex():
        raise MalformedError("the header does not forward the one before it", code="hop_chain_broken")
