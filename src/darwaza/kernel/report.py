"""Reports: what became of routed messages, told to their origin with proof.

A member of a path reports to the origin's gateway, by the way back, in an ordinary message of kind ``route.report``
whose body lists what became of one message or many. Its signature is that of the log it is sent in; what it says of
itself (that it gave a message up) needs no other proof. What it says of links is proven by the links' own logs:

- ``relayed``: a relay has forwarded the message and proves it with its own log;
- ``attempted``: a relay forwarded it, as above, and the next member has not co-signed since, although the deadline of
  the message's class is over: whoever withholds a receipt is known by the signatures of others;
- ``delivered``: the destination holds it and proves every link it came by: the proof of path;
- ``undeliverable``: this member gave it up, with a reason, and proves how far it came.

Nothing is reported about a report. Whoever sends a message again over another path marks reports of the former path by
the leaf they name. spec/routing.md is the language-neutral text.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from darwaza.config import BODY_BYTES_MAX
from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel.merkle import HASH_BYTES, leaf_hash
from darwaza.kernel.message import decode_header
from darwaza.kernel.trail import HOPS_MAX, Carried, Hop, Logs, check_hops, check_path

VERSION: Final = 1
REPORT_KIND: Final = "route.report"
REPORT_MEDIA_TYPE: Final = "application/vnd.darwaza.report"
ITEMS_MAX: Final = 1_024

Outcome = Literal["relayed", "attempted", "delivered", "undeliverable"]


class Item(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What became of one message. MessagePack: ``[leaf, outcome, code, detail, hops]``.

    Attributes:
        leaf: leaf hash of the message's own header, 32 bytes.
        outcome: see the module.
        code: why it is undeliverable, lower_snake_case; "" otherwise.
        detail: one sentence; "" otherwise.
        hops: proof of the links after the first: up to the reporter's own for ``relayed``, up to the one it came to
            the reporter by for the others.
    """

    leaf: Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
    outcome: Outcome
    code: Annotated[str, Meta(max_length=64)]
    detail: Annotated[str, Meta(max_length=500)]
    hops: Annotated[tuple[Hop, ...], Meta(max_length=HOPS_MAX)]


class Report(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a report. MessagePack: ``[1, [item, …]]``.

    Attributes:
        version: of this format, 1.
        items: at least one.
    """

    version: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=ITEMS_MAX)]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Report).decode


def encode(items: tuple[Item, ...]) -> bytes:
    """Write the body of a report.

    Raises:
        TooLargeError: ``report_too_large``, over ``BODY_BYTES_MAX``: report fewer at once.
    """
    return _small(_encode(Report(VERSION, items)))


def decode(raw: bytes) -> Report:
    """Read the body of a report; nothing in it is believed yet.

    Raises:
        TooLargeError: ``report_too_large``.
        MalformedError: ``report_malformed``.
    """
    try:
        return _decode(_small(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the report cannot be read: {fault}", code="report_malformed") from fault


def _small(raw: bytes) -> bytes:
    if len(raw) > BODY_BYTES_MAX:
        detail = f"the report has {len(raw)} bytes, the limit is {BODY_BYTES_MAX}"
        raise TooLargeError(detail, code="report_too_large")
    return raw


def check(item: Item, message: bytes, reporter: str, logs: Logs) -> tuple[str, ...]:
    """Check what a member reports of a message of ours.

    The checks, in this order: the leaf is that of the message; the reporter is on its path; the number of links shown
    is that of its place and outcome; each link (``trail.check_hops``).

    Args:
        item: of its report.
        message: the message's own header, canonical, as it stands in our log.
        reporter: member whose gateway sent the report.
        logs: whose signatures count.

    Returns:
        The members that are proven to have had it, from the origin on: for ``delivered`` the whole path.

    Raises:
        TooLargeError: see ``trail.check_hops``.
        MalformedError: ``report_leaf_wrong``, ``report_not_on_path``, ``report_length_wrong``; see
            ``trail.check_hops``.
        SignatureError: see ``trail.check_hops``.
    """
    leaf = leaf_hash(message)
    if item.leaf != leaf:
        raise MalformedError("the report is about another message", code="report_leaf_wrong")
    header = decode_header(message)
    path = check_path(header)
    if reporter not in path[1:]:
        raise MalformedError(f"{reporter} is not on the message's path", code="report_not_on_path")
    stage = path.index(reporter)
    relayed = item.outcome in {"relayed", "attempted"}
    at_end = stage == len(path) - 1
    fits = item.outcome == "undeliverable" or (item.outcome == "delivered") is at_end
    if len(item.hops) != stage - 1 + relayed or not fits:
        raise MalformedError(
            f"{reporter} is {stage} links from the origin and cannot report {item.outcome} with {len(item.hops)} links",
            code="report_length_wrong",
        )
    check_hops(path, item.hops, logs, Carried(header, header.id, leaf))
    return path[: stage + 1 + relayed]
