"""Relaying: carrying a message over several links so that its way can be proven, and not forged.

A message for a member that is no neighbour carries its path in its header: the members from origin to destination. On
the first link it travels as any message does. Each relay then puts it, untouched, into an *envelope* and sends that as
the body of a message of its own in its log to the next member of the path. The header of that message names, in
``relays``, the leaf hash of the header it forwards, and the envelope holds for every earlier link the header that
travelled there with its proof (C2SP tlog-proof): leaf index, inclusion proof, and the checkpoint its author signed.

So each signed log leaf names the one before it, and the first names the path. Whoever holds the chain checks, without
the body and without asking anyone, that the origin sent this message this way and that each member forwarded it::

    KZ to UZ: header of the message     path KZ UZ AF PK
    UZ to AF: header of UZ's relay      relays = hash of the leaf above
    AF to PK: header of AF's relay      relays = hash of the leaf above

A path cannot be forged (the origin's log signs it), shortened (a link without its leaf breaks the chain), or extended
(a member that is not next on the path has no place in it).

What this module leaves to others: who may carry what (``darwaza.kernel.path``), expiry, and what became of the message
(``darwaza.kernel.report``). spec/routing.md is the language-neutral text.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from darwaza.config import BODY_BYTES_MAX, HEADER_BYTES_MAX
from darwaza.errors import DarwazaError, MalformedError, SignatureError, TooLargeError
from darwaza.kernel import instant
from darwaza.kernel.checkpoint import Checkpoint, parse_text
from darwaza.kernel.merkle import leaf_hash, verify_inclusion
from darwaza.kernel.message import (
    GATEWAY_PARTY,
    PATH_MEMBERS_MAX,
    Header,
    body_digest,
    check_body,
    decode_header,
    member_of,
)
from darwaza.kernel.message import VERSION as HEADER_VERSION
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Note, Verifier, verified
from darwaza.kernel.proof import parse_proof
from darwaza.kernel.seal import Binding

VERSION: Final = 1
RELAY_KIND: Final = "route.relay"
RELAY_MEDIA_TYPE: Final = "application/vnd.darwaza.relay"

HOPS_MAX: Final = PATH_MEMBERS_MAX - 2
"""Links before the last one of the longest path."""
HOP_PROOF_BYTES_MAX: Final = 8_192
"""Forty hashes, and a checkpoint with an Ed25519 and an ML-DSA-44 line, in text."""
ENVELOPE_OVERHEAD_BYTES_MAX: Final = 16 + HOPS_MAX * (HEADER_BYTES_MAX + HOP_PROOF_BYTES_MAX + 16)
ROUTED_BODY_BYTES_MAX: Final = BODY_BYTES_MAX - ENVELOPE_OVERHEAD_BYTES_MAX
"""Largest body, sealed, of a message with a path: on every link its envelope still is a body."""
NOTES_REMEMBERED: Final = 256
"""Checkpoints whose signatures are not verified again; all messages of a batch have the same."""


class Hop(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What proves that a message travelled one link.

    Attributes:
        header: that stands in the log, canonical, at most ``HEADER_BYTES_MAX`` bytes.
        proof: that it stands there, C2SP tlog-proof, at most ``HOP_PROOF_BYTES_MAX`` bytes; its checkpoint needs the
            author's signatures only.
    """

    header: Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)]
    proof: Annotated[bytes, Meta(max_length=HOP_PROOF_BYTES_MAX)]


class Envelope(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a relay's message. MessagePack: ``[1, body, [[header, proof], …]]``.

    Attributes:
        version: of this format, 1.
        body: of the message, sealed, as its header names it; at most ``ROUTED_BODY_BYTES_MAX`` bytes.
        hops: of every link before the one this travels, in order; the first holds the message's own header.
    """

    version: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    body: Annotated[bytes, Meta(max_length=ROUTED_BODY_BYTES_MAX)]
    hops: Annotated[tuple[Hop, ...], Meta(min_length=1, max_length=HOPS_MAX)]


class Passage(msgspec.Struct, frozen=True):
    """A routed message as it stands at one member of its path, checked.

    Attributes:
        message: header of the message.
        body: sealed to the destination.
        hops: of the links it travelled before the last one.
        arrived: header that came over the last link, canonical; at the first stage that of the message itself.
        stage: this member's place in the path, from 1.
    """

    message: Header
    body: bytes
    hops: tuple[Hop, ...]
    arrived: bytes
    stage: int

    @property
    def path(self) -> tuple[str, ...]:
        """Members from origin to destination."""
        return self.message.path or ()

    @property
    def next(self) -> str | None:
        """The member to hand it to; None at the destination."""
        return self.path[self.stage + 1] if self.stage + 1 < len(self.path) else None


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
        self._seen: dict[Note, Checkpoint] = {}

    def checkpoint(self, note: Note, author: str, reader: str) -> Checkpoint:
        """Verify that a note is a checkpoint of one of the author's logs to the reader.

        Raises:
            MalformedError: ``hop_log_wrong`` for a log that is not from this author to this reader; or see
                ``checkpoint.parse_text``, ``naming.Lane.parse``.
            SignatureError: ``signature_missing``, ``signature_false``, ``signature_weak``.
        """
        checkpoint = self._seen.get(note) or self._verified(note)
        lane = Lane.parse(checkpoint.origin)
        if (lane.corridor, lane.author, lane.reader) != (self._corridor, author, reader):
            detail = f"the proof is of the log {checkpoint.origin}, not of one from {author} to {reader}"
            raise MalformedError(detail, code="hop_log_wrong")
        return checkpoint

    def _verified(self, note: Note) -> Checkpoint:
        checkpoint = parse_text(note.text)
        true = verified(note, self._verifiers(checkpoint.origin))
        if not self._required <= {verifier.type for verifier in true}:
            raise SignatureError("the corridor asks for a second signature that is not there", code="signature_weak")
        if len(self._seen) >= NOTES_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[note] = checkpoint
        return checkpoint


def check_path(message: Header) -> tuple[str, ...]:
    """Check that the path of a message is one.

    Returns:
        The path.

    Raises:
        MalformedError: ``path_missing``; ``path_end_wrong`` when it does not lead from the origin to the destination;
            ``path_loop`` when a member stands in it twice. That it is not too long is part of the header's form.
    """
    path = message.path
    if path is None:
        raise MalformedError("the message has no path", code="path_missing", pointer="/path")
    if (path[0], path[-1]) != (member_of(message.origin), member_of(message.destination)):
        detail = "the path does not lead from the message's origin to its destination"
        raise MalformedError(detail, code="path_end_wrong", pointer="/path")
    if len(set(path)) != len(path):
        raise MalformedError("a member stands twice in the path", code="path_loop", pointer="/path")
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


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Envelope).decode


def decode_envelope(raw: bytes) -> Envelope:
    """Read an envelope; nothing in it is believed yet.

    Raises:
        TooLargeError: ``relay_too_large``, over ``BODY_BYTES_MAX``.
        MalformedError: ``relay_malformed``.
    """
    if len(raw) > BODY_BYTES_MAX:
        detail = f"the envelope has {len(raw)} bytes, the limit is {BODY_BYTES_MAX}"
        raise TooLargeError(detail, code="relay_too_large")
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the envelope cannot be read: {fault}", code="relay_malformed") from fault


def receive(arrived: bytes, body: bytes, *, author: str, here: str, logs: Logs) -> Passage:
    """Check a routed message that came over a link, plain from its origin or in a relay's envelope.

    The link has checked that the author's log holds the header, and the body against it. The checks here, in this
    order: the envelope's form; the message's header; its path; this member's place in it; that the envelope holds
    exactly the links before the last one; each link in order (``check_hops``); the header that arrived; the body
    against the message's header.

    Args:
        arrived: header that came, canonical.
        body: that came with it.
        author: member whose log it came in.
        here: this member.
        logs: whose signatures prove the links before.

    Raises:
        TooLargeError: see ``decode_envelope``, ``message.decode_header``.
        MalformedError: see those, ``check_path``, ``stage_of``, ``check_hops``; ``path_length_wrong`` when links are
            missing or too many; ``body_differs``.
        SignatureError: see ``check_hops``.
    """
    carrier = decode_header(arrived)
    if carrier.kind != RELAY_KIND:
        path = check_path(carrier)
        _check_length(path, stage_of(path, author, here), 0)
        _check_link_header(carrier, path, 0, None)
        return Passage(carrier, body, (), arrived, 1)
    envelope = decode_envelope(body)
    message = decode_header(envelope.hops[0].header)
    path = check_path(message)
    stage = stage_of(path, author, here)
    _check_length(path, stage, len(envelope.hops))
    leaf = check_hops(path, envelope.hops, logs)
    _check_link_header(carrier, path, stage - 1, leaf)
    check_body(message, envelope.body)
    return Passage(message, envelope.body, envelope.hops, arrived, stage)


def _check_length(path: Sequence[str], stage: int, hops: int) -> None:
    if hops != stage - 1:
        detail = f"{path[stage]} is {stage} links from the origin, but {hops} links before the last one are shown"
        raise MalformedError(detail, code="path_length_wrong", pointer="/hops")


def check_hops(path: Sequence[str], hops: Sequence[Hop], logs: Logs, before: bytes | None = None) -> bytes | None:
    """Check that a message travelled consecutive links of its path.

    For each link in order: the header's form; whose it is and what it forwards; the proof's form; that its checkpoint
    is the author's; that its log holds the header.

    Args:
        path: of the message.
        hops: what proves the links, in order.
        logs: whose signatures count.
        before: None when the first hop is that of the path's first link; else the leaf hash of the message's own
            header, and the first hop is that of the second link.

    Returns:
        The leaf hash of the last header; ``before`` when there are no hops.

    Raises:
        TooLargeError: see ``message.decode_header``, ``proof.parse_proof``.
        MalformedError: see those and ``Logs.checkpoint``; ``hop_header_wrong`` when a header is not that of the relay
            whose turn it is; ``hop_chain_broken`` when it does not forward the header before it.
        SignatureError: see ``Logs.checkpoint``; ``hop_proof_false`` when the log does not hold the header. The pointer
            names the hop in all of them.
    """
    leaf = before
    first = 0 if before is None else 1
    for number, hop in enumerate(hops):
        try:
            leaf = _check_hop(path, number + first, hop, leaf, logs)
        except DarwazaError as fault:
            fault.pointer = f"/hops/{number}{fault.pointer}"
            raise
    return leaf


def _check_hop(path: Sequence[str], link: int, hop: Hop, before: bytes | None, logs: Logs) -> bytes:
    _check_link_header(decode_header(hop.header), path, link, before)
    leaf = leaf_hash(hop.header)
    proof = parse_proof(hop.proof)
    checkpoint = logs.checkpoint(proof.note, path[link], path[link + 1])
    if not verify_inclusion(proof.index, checkpoint.size, leaf=leaf, root=checkpoint.root, proof=proof.hashes):
        raise SignatureError(f"the log {checkpoint.origin} does not hold this header", code="hop_proof_false")
    return leaf


def _check_link_header(header: Header, path: Sequence[str], link: int, before: bytes | None) -> None:
    """Check the header that travelled a link: on the first the message's own, then that of a relay's message."""
    if before is None:
        if header.path != tuple(path) or header.kind == RELAY_KIND or header.relays is not None:
            raise MalformedError("this is not the header of a message with this path", code="hop_header_wrong")
        return
    expected = (RELAY_KIND, None, *(f"{member}/{GATEWAY_PARTY}" for member in path[link : link + 2]))
    if (header.kind, header.path, header.origin, header.destination) != expected:
        detail = f"this is not the header of a relay's message from {path[link]} to {path[link + 1]}"
        raise MalformedError(detail, code="hop_header_wrong")
    if header.relays != before.hex():
        raise MalformedError("the header does not forward the one before it", code="hop_chain_broken")


def forward(
    passage: Passage, arrival_proof: bytes, *, message_id: str, blind: str, now: datetime
) -> tuple[Header, bytes]:
    """Make the relay's own message for the next link.

    Args:
        passage: as received; not at its destination.
        arrival_proof: tlog-proof of ``passage.arrived`` in the log it came in, with the author's signatures.
        message_id: UUID of the new message.
        blind: see ``Header.blind``.
        now: aware.

    Returns:
        Header and body of the message to append to the log to ``passage.next``. Its case and expiry are those of the
        forwarded message, its cause is the message that arrived.
    """
    body = _encode(Envelope(VERSION, passage.body, (*passage.hops, Hop(passage.arrived, arrival_proof))))
    arrived = decode_header(passage.arrived)
    return (
        Header(
            blind=blind,
            body_bytes=len(body),
            body_digest=body_digest(body),
            case_id=passage.message.case_id,
            cause_id=arrived.id,
            created_at=instant.to_text(now),
            destination=f"{passage.next}/{GATEWAY_PARTY}",
            expires_at=passage.message.expires_at,
            id=message_id,
            kind=RELAY_KIND,
            media_type=RELAY_MEDIA_TYPE,
            origin=f"{passage.path[passage.stage]}/{GATEWAY_PARTY}",
            relays=leaf_hash(passage.arrived).hex(),
            version=HEADER_VERSION,
        ),
        body,
    )


def same_message(one: Header, other: Header) -> bool:
    """Whether two headers with the same origin and id are of one message that took two paths, and not a conflict."""
    return one.body_digest == other.body_digest and Binding.of(one) == Binding.of(other)
