"""The corridor document: who is in the corridor and on what terms.

The document plays what a trust root plays elsewhere (the TRC of SCION; the root of TUF): there is no hub and no
certificate authority, only this text, signed by the members. The file is one signed note (C2SP signed-note v1.0.0). Its
text is the document in canonical JSON (RFC 8785) and a newline; its lines are votes and proofs of possession. One
content has one text, and the SHA-256 of the text names the version.

This module decides the form. Whether a version may follow another is decided by ``darwaza.kernel.admission``, and what
was valid on a past day by ``darwaza.kernel.history``. A document built by hand is a draft: only ``read`` and
``parse_text``, and what is made by them, return documents of right form.

The format for implementers in other languages: spec/corridor.md.
"""

import hashlib
import re
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.errors import MalformedError
from darwaza.kernel.canonical import canonical
from darwaza.kernel.member import (
    Card,
    Instant,
    MemberCode,
    Role,
    check_ascending,
    check_card,
    check_instant,
    matching,
)
from darwaza.kernel.naming import CORRIDOR_NAME_CHARACTERS_MAX, CORRIDOR_NAME_PATTERN, LANE_COUNT_MAX, Lane
from darwaza.kernel.note import NOTE_SIGNATURES_MAX, Note, parse

FORMAT = "darwaza/corridor/v1"
"""Stands in the field ``format``: no other signed text of the corridor begins or reads like this one."""

MEMBER_COUNT_MAX = NOTE_SIGNATURES_MAX // 4
"""A first version carries up to four lines of each member."""

LINK_COUNT_MAX = MEMBER_COUNT_MAX * (MEMBER_COUNT_MAX - 1) // 2
CLASS_COUNT_MAX = 32
CLASS_NAME_CHARACTERS_MAX = 32
PATH_POLICY_CHARACTERS_MAX = 4096
RECEIPT_DEADLINE_S_MAX = 90 * 86_400
VERSION_MAX = 2**31 - 1

DIGESTS_REMEMBERED = 64
"""Writing a document out takes milliseconds, and evidence asks for its digest once for every message."""

LANES_DEFAULT = 2
"""One lane for ordinary messages and one for large bodies, which must not delay them."""

DEFAULT_CLASS = "default"
"""Name of the terms of every message class that has none of its own."""

_ENDS_OF_LINKS = frozenset({Role.ENDPOINT, Role.RELAY})
_PATH_STEP = re.compile(r"\.([a-z0-9_]+)|\[([0-9]+)\]")


class State(Enum):
    """What a moment means for a document."""

    NOT_YET = "not_yet"
    IN_FORCE = "in_force"
    EXPIRED = "expired"
    """A gateway still receives, acknowledges and admits the next version; it no longer sends."""


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The relation of two neighbouring members.

    Attributes:
        members: their codes, in ascending order.
        lanes: number of lanes of either direction, 1 to ``LANE_COUNT_MAX``.
    """

    members: tuple[MemberCode, MemberCode]
    lanes: Annotated[int, Meta(ge=1, le=LANE_COUNT_MAX)]

    @classmethod
    def between(cls, one: str, other: str, lanes: int = LANES_DEFAULT) -> "Link":
        """Join two members."""
        low, high = sorted((one, other))
        return cls((low, high), lanes)


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for the messages of one class.

    Attributes:
        name: of the class, or ``DEFAULT_CLASS``.
        path_policy: which paths its messages may take, in the grammar of path policies; "" when any.
        receipt_deadline_s: seconds, 1 to ``RECEIPT_DEADLINE_S_MAX``; an acknowledgement later than this counts as
            withheld.
    """

    name: Annotated[str, matching("[a-z0-9][a-z0-9.-]*", CLASS_NAME_CHARACTERS_MAX)]
    path_policy: Annotated[str, Meta(max_length=PATH_POLICY_CHARACTERS_MAX)]
    receipt_deadline_s: Annotated[int, Meta(ge=1, le=RECEIPT_DEADLINE_S_MAX)]


class Corridor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="format", tag=FORMAT):
    """One version of the corridor document.

    Attributes:
        name: of the corridor, a schema-less URL such as ``darwaza.example/carec``; the same in all versions.
        version: from 1, one more each time.
        previous: SHA-256 of the former version's text, 64 lower-case hexadecimal digits; None in version 1.
        created_at: the document is in force from this moment.
        not_after: up to this moment, at most a year later; changing it is the members' common decision.
        quorum: number of votes that a sensitive change of *this* version takes, more than half of the members.
        votes: codes of the members whose vote keys, as in the former version, sign this one, in ascending order. That
            they stand in the text keeps a signature from being stripped later.
        members: cards, in ascending order of codes.
        links: in ascending order.
        witness_quorum: number of members, besides the two ends of a lane, that must cosign a checkpoint before
            evidence counts as witnessed; 0 when none are asked.
        mldsa44_required: whether checkpoints count only with a line of the author's ML-DSA-44 key too.
        classes: terms by message class, in ascending order of names; ``DEFAULT_CLASS`` is among them.
    """

    name: Annotated[str, matching(CORRIDOR_NAME_PATTERN, CORRIDOR_NAME_CHARACTERS_MAX)]
    version: Annotated[int, Meta(ge=1, le=VERSION_MAX)]
    previous: Annotated[str, matching("[0-9a-f]{64}", 64)] | None
    created_at: Instant
    not_after: Instant
    quorum: Annotated[int, Meta(ge=1, le=MEMBER_COUNT_MAX)]
    votes: Annotated[tuple[MemberCode, ...], Meta(min_length=1, max_length=MEMBER_COUNT_MAX)]
    members: Annotated[tuple[Card, ...], Meta(min_length=2, max_length=MEMBER_COUNT_MAX)]
    links: Annotated[tuple[Link, ...], Meta(min_length=1, max_length=LINK_COUNT_MAX)]
    witness_quorum: Annotated[int, Meta(ge=0, le=MEMBER_COUNT_MAX)]
    mldsa44_required: bool
    classes: Annotated[tuple[Terms, ...], Meta(min_length=1, max_length=CLASS_COUNT_MAX)]

    @property
    def text(self) -> str:
        """The text of the note: canonical JSON and a newline."""
        return canonical(msgspec.to_builtins(self)).decode("utf-8") + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the text, 64 lower-case hexadecimal digits; the next version names this one by it."""
        return _digest(self)

    @property
    def codes(self) -> tuple[str, ...]:
        """The members' codes, in ascending order."""
        return tuple(card.code for card in self.members)

    def state_at(self, moment: datetime) -> State:
        """Tell what a moment means for this document."""
        if moment < self.created_at:
            return State.NOT_YET
        return State.IN_FORCE if moment < self.not_after else State.EXPIRED

    def card(self, code: str) -> Card | None:
        """The card of a member, or None."""
        return next((card for card in self.members if card.code == code), None)

    def lanes(self, author: str, reader: str) -> tuple[Lane, ...]:
        """The lanes from one member to another, in order of number; empty when they are not neighbours."""
        ends = tuple(sorted((author, reader)))
        count = next((link.lanes for link in self.links if link.members == ends), 0)
        return tuple(Lane(self.name, author, reader, number) for number in range(count))

    def witnesses(self, lane: Lane) -> tuple[Card, ...]:
        """The cards of the members that witness a lane: all with that role except its two ends."""
        ends = (lane.author, lane.reader)
        return tuple(card for card in self.members if Role.WITNESS in card.roles and card.code not in ends)

    def terms(self, message_class: str) -> Terms:
        """What holds for the messages of a class."""
        named = {terms.name: terms for terms in self.classes}
        return named.get(message_class, named[DEFAULT_CLASS])


@lru_cache(maxsize=DIGESTS_REMEMBERED)
def _digest(document: Corridor) -> str:
    return hashlib.sha256(document.text.encode("utf-8")).hexdigest()


def read(raw: bytes) -> tuple[Corridor, Note]:
    """Read a document's file without judging it: no signature is verified and no key admitted.

    Returns:
        The document and the note it stands in.

    Raises:
        TooLargeError: see ``note.parse``.
        MalformedError: see ``note.parse`` and ``parse_text``.
    """
    note = parse(raw)
    return parse_text(note.text), note


def parse_text(text: str) -> Corridor:
    """Read the text of a document.

    The checks, in this order: shape, types and limits of each field (``corridor_malformed``); canonical form
    (``not_canonical``); instants; lists in order; cards, one by one; quorum; links; witnesses; default terms;
    ML-DSA-44 keys.

    Raises:
        MalformedError: ``corridor_malformed``, ``not_canonical``, ``instant_wrong``, ``list_unordered``,
            ``card_window_wrong``, ``url_wrong``, ``quorum_wrong``, ``link_wrong``, ``witness_quorum_wrong``,
            ``default_class_missing`` or ``mldsa44_missing``.
    """
    try:
        document = msgspec.json.decode(text.encode("utf-8", "replace"), type=Corridor)
    except msgspec.DecodeError as error:
        detail, _, path = str(error).partition(" - at `$")
        raise MalformedError(detail, code="corridor_malformed", pointer=_pointer(path)) from error
    if document.text != text:
        raise MalformedError("the document is not in canonical form", code="not_canonical")
    _check(document)
    return document


def _pointer(path: str) -> str:
    return "".join(f"/{field or index}" for field, index in _PATH_STEP.findall(path))


def _check(document: Corridor) -> None:
    check_instant(document.created_at, "/created_at")
    check_instant(document.not_after, "/not_after")
    check_ascending(list(document.votes), "/votes")
    check_ascending(list(document.codes), "/members")
    check_ascending(["-".join(link.members) for link in document.links], "/links")
    check_ascending([terms.name for terms in document.classes], "/classes")
    for index, card in enumerate(document.members):
        check_card(card, f"/members/{index}")
    count = len(document.members)
    if not count < 2 * document.quorum <= 2 * count:
        raise MalformedError(
            f"of {count} members more than half and at most all make a quorum", code="quorum_wrong", pointer="/quorum"
        )
    for index, link in enumerate(document.links):
        _check_link(document, link, f"/links/{index}")
    for link in document.links:
        _check_witnesses(document, Lane(document.name, *link.members, 0))
    if all(terms.name != DEFAULT_CLASS for terms in document.classes):
        raise MalformedError("the default terms are missing", code="default_class_missing", pointer="/classes")
    if document.mldsa44_required:
        _check_mldsa44(document)


def _check_link(document: Corridor, link: Link, pointer: str) -> None:
    check_ascending(list(link.members), f"{pointer}/members")
    for index, code in enumerate(link.members):
        card = document.card(code)
        if card is None or _ENDS_OF_LINKS.isdisjoint(card.roles):
            raise MalformedError(
                f"{code} is no member that is an endpoint or a relay",
                code="link_wrong",
                pointer=f"{pointer}/members/{index}",
            )


def _check_witnesses(document: Corridor, lane: Lane) -> None:
    if len(document.witnesses(lane)) < document.witness_quorum:
        raise MalformedError(
            f"fewer members than the witness quorum can witness {lane.origin}",
            code="witness_quorum_wrong",
            pointer="/witness_quorum",
        )


def _check_mldsa44(document: Corridor) -> None:
    for index, card in enumerate(document.members):
        if card.keys.log_mldsa44 is None:
            raise MalformedError(
                f"{card.code} has no ML-DSA-44 key, which the document requires",
                code="mldsa44_missing",
                pointer=f"/members/{index}/keys",
            )
