"""Relaying: how a member receives a routed message and hands it on.

On its first link a routed message travels as any message does. Each relay then puts it, untouched, into an *envelope*,
together with the proof of every link it travelled (``darwaza.kernel.trail``), and sends that as the body of a message
of its own in its log to the next member of the path.

What this module leaves to others: who may carry what (``darwaza.kernel.path``), expiry, sealing, and what the origin
hears of it (``darwaza.kernel.report``). spec/routing.md is the language-neutral text.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from darwaza.config import BODY_BYTES_MAX
from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel import instant
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import GATEWAY_PARTY, Header, body_digest, check_body, decode_header
from darwaza.kernel.message import VERSION as HEADER_VERSION
from darwaza.kernel.proof import Proof
from darwaza.kernel.seal import Binding
from darwaza.kernel.trail import (
    HOP_BYTES_MAX,
    HOPS_MAX,
    RELAY_KIND,
    RELAY_MEDIA_TYPE,
    Hop,
    Logs,
    check_hops,
    check_link_header,
    check_path,
    stage_of,
)

VERSION: Final = 1

ENVELOPE_OVERHEAD_BYTES_MAX: Final = 16 + HOPS_MAX * HOP_BYTES_MAX
ROUTED_BODY_BYTES_MAX: Final = BODY_BYTES_MAX - ENVELOPE_OVERHEAD_BYTES_MAX
"""Largest body, sealed, of a message with a path: on every link its envelope still is a body."""


class Envelope(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a relay's message. MessagePack: ``[1, body, [hop, …]]``.

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
        arrived_id: the identifier in it.
        stage: this member's place in the path, from 1.
    """

    message: Header
    body: bytes
    hops: tuple[Hop, ...]
    arrived: bytes
    arrived_id: str
    stage: int

    @property
    def path(self) -> tuple[str, ...]:
        """Members from origin to destination."""
        return self.message.path or ()

    @property
    def leaf(self) -> bytes:
        """Leaf hash of the message's own header: what reports name it by."""
        return leaf_hash(self.hops[0].header if self.hops else self.arrived)

    @property
    def next(self) -> str | None:
        """The member to hand it to; None at the destination."""
        return self.path[self.stage + 1] if self.stage + 1 < len(self.path) else None


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


def receive(
    arrived: bytes, body: bytes, *, author: str, here: str, logs: Logs, carrier: Header | None = None
) -> Passage:
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
        carrier: ``arrived`` as ``message.decode_header`` gave it, when that is known already.

    Raises:
        TooLargeError: see ``decode_envelope``, ``message.decode_header``.
        MalformedError: see those and ``check_path``, ``stage_of``, ``check_hops`` of ``darwaza.kernel.trail``;
            ``path_length_wrong`` when links are missing or too many; ``body_differs``.
        SignatureError: see ``trail.check_hops``.
    """
    carrier = carrier or decode_header(arrived)
    if carrier.kind != RELAY_KIND:
        path = check_path(carrier)
        _check_length(path, stage_of(path, author, here), 0)
        check_link_header(carrier, path, 0, None)
        return Passage(carrier, body, (), arrived, carrier.id, 1)
    envelope = decode_envelope(body)
    message = decode_header(envelope.hops[0].header)
    path = check_path(message)
    stage = stage_of(path, author, here)
    _check_length(path, stage, len(envelope.hops))
    check_link_header(carrier, path, stage - 1, check_hops(path, envelope.hops, logs))
    check_body(message, envelope.body)
    return Passage(message, envelope.body, envelope.hops, arrived, carrier.id, stage)


def _check_length(path: Sequence[str], stage: int, hops: int) -> None:
    if hops != stage - 1:
        detail = f"{path[stage]} is {stage} links from the origin, but {hops} links before the last one are shown"
        raise MalformedError(detail, code="path_length_wrong", pointer="/hops")


def forward(
    passage: Passage, arrival: Proof | Hop, *, message_id: str, blind: str, now: datetime
) -> tuple[Header, bytes]:
    """Make the relay's own message for the next link.

    Args:
        passage: as received; not at its destination.
        arrival: proof of ``passage.arrived`` in the log it came in; its note with the author's lines only. A hop when
            it is made already.
        message_id: UUID of the new message.
        blind: see ``Header.blind``.
        now: aware.

    Returns:
        Header and body of the message to append to the log to ``passage.next``. Its case and expiry are those of the
        forwarded message, its cause is the message that arrived.
    """
    last = arrival if isinstance(arrival, Hop) else Hop.of(passage.arrived, arrival)
    body = _encode(Envelope(VERSION, passage.body, (*passage.hops, last)))
    return (
        Header(
            blind=blind,
            body_bytes=len(body),
            body_digest=body_digest(body, RELAY_MEDIA_TYPE),
            case_id=passage.message.case_id,
            cause_id=passage.arrived_id,
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
