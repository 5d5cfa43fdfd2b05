"""Messages: a canonical header and a body it carries the digest of.

The header is RFC 8785 JSON. Its fields stand in canonical order and hold only strings and small integers, so
``msgspec.json`` writes the canonical form directly; ``decode_header`` refuses every other form by writing what it read
and comparing. Leaf *i* of a link's log is ``SHA-256(0x00 || header)`` (RFC 6962 section 2.1): the log proves headers,
and through ``body_digest`` the bodies, without holding them. ``blind`` keeps a leaked leaf hash from being guessed.

spec/message.md is the language-neutral text.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from darwaza.config import BODY_BYTES_MAX, HEADER_BYTES_MAX
from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel import parts
from darwaza.kernel.address import ADDRESSES_KEPT

VERSION = 1
PATH_MEMBERS_MAX = 16
SENDER_POLICY_CHARACTERS_MAX = 512
"""Of a path policy of one message, in its canonical form."""

# In Python, $ also matches before a final newline; the look-ahead takes that back.
_END = r"$(?!\n)"
_ADDRESS = r"^[A-Z0-9]{2,8}/[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?" + _END
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z" + _END
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" + _END

AddressText = Annotated[str, Meta(max_length=72, pattern=_ADDRESS)]
InstantText = Annotated[str, Meta(min_length=24, max_length=24, pattern=_INSTANT)]
UuidText = Annotated[str, Meta(min_length=36, max_length=36, pattern=_UUID)]
_UUID_8_MASK = 0xF << 76 | 0x3 << 62
_UUID_8_BITS = 0x8 << 76 | 0x2 << 62
"""Version 8 and the variant of RFC 9562, where they stand."""
KindText = Annotated[str, Meta(max_length=64, pattern=r"^[a-z]+\.[a-z0-9-]+" + _END)]
UcrText = Annotated[str, Meta(min_length=1, max_length=35, pattern=r"^[!-~]+" + _END)]
_UCR = re.compile("[!-~]{1,35}")
MemberText = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,8}" + _END)]
DigestText = Annotated[str, Meta(min_length=64, max_length=64, pattern=r"^[0-9a-f]{64}" + _END)]


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every gateway on the way may see. The fields stand in RFC 8785 order: keep them so.

    Attributes:
        blind: 32 lower-case hex digits that nobody else can guess (see ``darwaza.engine.repeat``).
        body_bytes: length of the body, 0 to ``BODY_BYTES_MAX``.
        body_digest: of the body, lower-case hex; see ``body_digest``.
        case_id: UUID of the case, the same at every gateway.
        cause_id: UUID of the received message that this one answers in the same transaction, or absent.
        created_at: when the origin's gateway committed it.
        destination: full address, ``UZ/customs``.
        expires_at: after this instant it must not be acted upon, or absent.
        follows: UUID of the case's message before it, from the same origin member to the same destination member, that
            may come after it; or absent. Copies of one message may differ in it.
        id: UUID, unique for its origin member for ever.
        kind: ``service.name``.
        media_type: of the body, RFC 6838.
        origin: full address of the sender, ``PK/fbr``.
        path: member codes from origin to destination of a routed message, or absent between neighbours.
        path_policy: what the sender asked of its path, in the one form ``policy.format_policy`` writes, or absent.
        relays: leaf hash, lower-case hex, of the header this one forwards; only in a relay's own message, else absent.
        ucr: the consignment (WCO unique consignment reference), or absent.
        version: of this format, 1.
    """

    blind: Annotated[str, Meta(min_length=32, max_length=32, pattern=r"^[0-9a-f]{32}" + _END)]
    body_bytes: Annotated[int, Meta(ge=0, le=BODY_BYTES_MAX)]
    body_digest: DigestText
    case_id: UuidText
    cause_id: UuidText | None = None
    created_at: InstantText
    destination: AddressText
    expires_at: InstantText | None = None
    follows: UuidText | None = None
    id: UuidText
    kind: KindText
    media_type: Annotated[str, Meta(min_length=3, max_length=127, pattern=r"^[!-~]+/[ -~]+" + _END)]
    origin: AddressText
    path: Annotated[tuple[MemberText, ...], Meta(min_length=2, max_length=PATH_MEMBERS_MAX)] | None = None
    path_policy: (
        Annotated[str, Meta(min_length=1, max_length=SENDER_POLICY_CHARACTERS_MAX, pattern=r"^[ -~]+" + _END)] | None
    ) = None
    relays: DigestText | None = None
    ucr: UcrText | None = None
    version: Annotated[int, Meta(ge=VERSION, le=VERSION)]


encode_header = msgspec.json.Encoder().encode
"""Write a header in its one canonical form."""

_decode = msgspec.json.Decoder(Header).decode


def decode_header(raw: bytes) -> Header:
    """Read a header that is exactly in canonical form.

    Raises:
        TooLargeError: ``header_too_large``.
        MalformedError: ``header_malformed`` for a wrong field, ``header_not_canonical`` for another way of writing it.
    """
    if len(raw) > HEADER_BYTES_MAX:
        raise TooLargeError(
            f"the header has {len(raw)} bytes, the limit is {HEADER_BYTES_MAX}", code="header_too_large"
        )
    try:
        header = _decode(raw)
        for moment in (header.created_at, header.expires_at):
            if moment is not None:
                datetime.fromisoformat(moment)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as fault:
        raise MalformedError(f"the header cannot be read: {fault}", code="header_malformed") from fault
    if encode_header(header) != raw:
        raise MalformedError("the header is not in RFC 8785 form", code="header_not_canonical")
    return header


def body_digest(body: bytes, media_type: str) -> str:
    """What the header carries of a body that is not sealed, lower-case hex: SHA-256, or the digest of its parts.

    Raises:
        MalformedError: ``parts_malformed``; see ``parts.split``.
    """
    return parts.body_digest(body) if media_type == parts.PARTS_MEDIA_TYPE else sealed_digest(body)


def sealed_digest(body: bytes) -> str:
    """What the header carries of a body that is sealed, whatever is inside: SHA-256, lower-case hex."""
    return sha256(body).hexdigest()


def check_body(header: Header, body: bytes) -> None:
    """Hold a body against its header.

    Raises:
        MalformedError: ``body_differs``, or ``parts_malformed``.
    """
    digest = body_digest(body, header.media_type) if header.path is None else sealed_digest(body)
    if len(body) != header.body_bytes or digest != header.body_digest:
        raise MalformedError("the body is not the one the header names", code="body_differs", pointer="/body_digest")


def check_parts(header: Header, shown: Sequence[bytes | None], digests: Sequence[bytes]) -> None:
    """Hold a body in parts, some of which are withheld, against its header.

    Args:
        header: of the message.
        shown: its parts in order, None for those that are withheld.
        digests: SHA-256 of every part, 32 bytes each; of those shown it is not looked at.

    Raises:
        MalformedError: ``body_differs``; ``parts_malformed`` for a body that is not in parts, or a part that is none.
    """
    if header.media_type != parts.PARTS_MEDIA_TYPE or header.path is not None:
        raise MalformedError("the body is not in parts", code="parts_malformed", pointer="/media_type")
    known = [part for part in shown if part is not None]
    if any(parts.SEPARATOR in part for part in known):
        raise MalformedError("a part holds the byte that parts them", code="parts_malformed")
    length = sum(map(len, known)) + len(shown) - 1
    fits = length == header.body_bytes if len(known) == len(shown) else length <= header.body_bytes
    every = (digest if part is None else sha256(part).digest() for part, digest in zip(shown, digests, strict=True))
    if not fits or parts.digest_of(every) != header.body_digest:
        raise MalformedError("the body is not the one the header names", code="body_differs", pointer="/body_digest")


def is_withheld(header: Header, body: bytes) -> bool:
    """Whether whoever shows a message has forgotten its body (spec/link.md section 7)."""
    return not body and header.body_bytes > 0 and header.path is None


def is_ucr(text: str) -> bool:
    """Tell whether a text can be a consignment reference: 1 to 35 visible ASCII characters."""
    return _UCR.fullmatch(text) is not None


def uuid_of(digest: bytes) -> str:
    """The UUID of version 8 that a digest names (RFC 9562 section 5.8), of its first 16 bytes."""
    named = int.from_bytes(digest[:16], "big") & ~_UUID_8_MASK | _UUID_8_BITS
    return str(UUID(int=named))


@lru_cache(ADDRESSES_KEPT)
def member_of(address: str) -> str:
    """The member part of a full address."""
    return address.partition("/")[0]


def message_key(header: Header) -> str:
    """What makes a message the same one wherever it comes from: its origin member and its id."""
    return member_of(header.origin) + " " + header.id


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a ``<service>.refused`` message: what came cannot be acted upon. RFC 8785 JSON, fields in order.

    Attributes:
        code: stable code.
        detail: one sentence.
        kind: of the refused message.
        message_id: of the refused message.
        pointer: to the offending field, RFC 6901; "" for the whole.
    """

    code: str
    detail: str
    kind: str
    message_id: str
    pointer: str


REFUSED = ".refused"
"""Ending of the kinds that carry a ``Refused``; such a message is never refused itself."""

JSON_MEDIA_TYPE = "application/json"
GATEWAY_PARTY = "gateway"
"""The party name under which a gateway itself speaks."""
LINK_KINDS = "link."
"""Kinds that belong to no service: what they say is about the link itself."""
GENESIS = "link.genesis"
"""Kind of the first leaf of every log."""


class Genesis(msgspec.Struct, frozen=True):
    """Body of the first leaf of a log. RFC 8785 JSON, fields in order.

    Attributes:
        corridor: the corridor's name.
        digest: SHA-256 of the text of the corridor document in force, lower-case hex.
        origin: the log's origin line.
        version: of that document.
    """

    corridor: str
    digest: str
    origin: str
    version: int
