"""Events a post entered with its network cut, signed by the post, to be carried back by link, file or QR.

The member's gateway delegates to a post: for a time, events of this office signed by this key are the member's word. A
posted event carries its delegation, so whoever meets it first (the next member's post, with its network cut too) can
check it with the corridor document alone. The event inside is the very value the gateway will send later: same UUID,
same bytes, so it counts once.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.errors import MalformedError, MessageError, TooLargeError
from darwaza.kernel.instant import FIRST, LAST, beyond
from darwaza.kernel.key import Ed25519PublicKey
from darwaza.services.transit.guard import stamp_wrong
from darwaza.services.transit.message import Event
from darwaza.services.transit.paper import Seconds
from darwaza.services.transit.trust import Answer, Reason, Trust, check_signature, conclude

POSTED_BYTES_MAX = 8_192
"""Largest posted event: one with a long text and many unloadings."""

DELEGATION_DOMAIN = b"darwaza transit post delegation v1\n"
EVENT_DOMAIN = b"darwaza transit post event v1\n"


class Delegation(msgspec.Struct, frozen=True, array_like=True):
    """A member's word that a post's key speaks for one of its offices.

    Attributes:
        member: that delegates.
        office: spoken for.
        public: Ed25519 public key of the post, 32 bytes.
        from_s: POSIX seconds from which it may sign.
        until_s: POSIX seconds from which it may no longer.
    """

    member: str
    office: str
    public: Annotated[bytes, Meta(min_length=32, max_length=32)]
    from_s: Seconds
    until_s: Seconds


class SignedDelegation(msgspec.Struct, frozen=True, array_like=True):
    """A delegation with the member's signature over ``DELEGATION_DOMAIN`` and its MessagePack."""

    delegation: bytes
    signature: bytes


class PostedEvent(msgspec.Struct, frozen=True, array_like=True):
    """An event with the post's signature.

    Attributes:
        event: MessagePack of the tagged event.
        signature: of the post over ``EVENT_DOMAIN`` and the event.
        delegation: under which the post signs.
    """

    event: bytes
    signature: bytes
    delegation: SignedDelegation


class PostedVerdict(msgspec.Struct, frozen=True):
    """What checking a posted event gives.

    Attributes:
        answer: valid, invalid or cannot tell.
        reasons: everything found.
        event: to be recorded, when it could be read.
    """

    answer: Answer
    reasons: tuple[Reason, ...]
    event: Event | None


_ENCODER = msgspec.msgpack.Encoder()
_EVENTS = msgspec.msgpack.Decoder(Event)


def delegate(delegation: Delegation, sign: Callable[[bytes], bytes]) -> SignedDelegation:
    """Sign a delegation with the member's key."""
    body = _ENCODER.encode(delegation)
    return SignedDelegation(body, sign(DELEGATION_DOMAIN + body))


def post(event: Event, delegation: SignedDelegation, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign an event with the post's key and return its bytes."""
    body = _ENCODER.encode(event)
    return _ENCODER.encode(PostedEvent(body, sign(EVENT_DOMAIN + body), delegation))


def check_posted(raw: bytes, trust: Trust, now: datetime) -> PostedVerdict:
    """Check a posted event with the corridor document alone.

    Args:
        raw: as ``post`` made it.
        trust: of whoever checks.
        now: its clock, aware UTC.
    """
    try:
        posted, delegation, event = _read(raw)
    except MessageError as error:
        return PostedVerdict(Answer.INVALID, (Reason("malformed", Answer.INVALID, error.detail),), None)
    at = event.stamp.at
    reasons = [
        check_signature(
            trust,
            delegation.member,
            signature=posted.delegation.signature,
            message=DELEGATION_DOMAIN + posted.delegation.delegation,
            at=datetime.fromtimestamp(delegation.from_s, UTC),
            now=now,
        ),
        _post_signature(posted, delegation),
        _authority(delegation, event),
    ]
    wrong = stamp_wrong(event.stamp, now)
    if wrong is not None:
        answer = Answer.CANNOT_TELL if wrong.transient else Answer.INVALID
        reasons.append(Reason("stamp-wrong", answer, wrong.detail))
    if not delegation.from_s <= at.timestamp() < delegation.until_s:
        reasons.append(
            Reason("delegation-not-valid", Answer.INVALID, f"the post could not sign at {at:%Y-%m-%d %H:%M}Z")
        )
    found = tuple(reason for reason in reasons if reason is not None)
    return PostedVerdict(conclude(found), found, event)


def _read(raw: bytes) -> tuple[PostedEvent, Delegation, Event]:
    """Read a posted event; its bytes must be the only ones that say the same."""
    if len(raw) > POSTED_BYTES_MAX:
        raise TooLargeError(f"a posted event has at most {POSTED_BYTES_MAX} bytes", code="posted_too_large")
    try:
        posted = msgspec.msgpack.decode(raw, type=PostedEvent)
        delegation = msgspec.msgpack.decode(posted.delegation.delegation, type=Delegation)
        event = _EVENTS.decode(posted.event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(str(error), code="posted_malformed") from error
    pointer = beyond(event)
    if pointer is not None:
        text = f"{pointer} is not from {FIRST.year} to {LAST.year - 1}"
        raise MalformedError(text, code="instant_malformed", pointer=pointer)
    if (_ENCODER.encode(posted), _ENCODER.encode(delegation), _ENCODER.encode(event)) != (
        raw,
        posted.delegation.delegation,
        posted.event,
    ):
        raise MalformedError("the posted event is not in its only form", code="posted_malformed")
    return posted, delegation, event


def _post_signature(posted: PostedEvent, delegation: Delegation) -> Reason | None:
    """Check the post's own signature."""
    try:
        key = Ed25519PublicKey(delegation.public)
    except MessageError as error:
        return Reason("post-key-wrong", Answer.INVALID, error.detail)
    if not key.verify(posted.signature, EVENT_DOMAIN + posted.event):
        return Reason("post-signature-false", Answer.INVALID, "the post did not sign this event")
    return None


def _authority(delegation: Delegation, event: Event) -> Reason | None:
    """Check that the post speaks for the office of the event, and says that it acted offline."""
    if event.stamp.office != delegation.office or delegation.office[:2] != delegation.member:
        return Reason("other-office", Answer.INVALID, f"the post does not speak for {event.stamp.office}")
    if not event.stamp.offline:
        return Reason("not-offline", Answer.INVALID, "an event entered online does not travel this way")
    return None
