"""Link statements: what the ends of a link say about it to others, signed.

Three kinds, all C2SP signed notes whose text is canonical JSON (RFC 8785) and a newline; the field ``format`` keeps one
from being passed off as anything else that the same keys sign:

- a *link state* says that a link exists and what it can carry. Both ends sign it, so nobody can invent a link, and the
  end that counts a neighbour's traffic cannot alone make it look better. It lives an hour and is renewed.
- a *link health* says how a link is doing. One end signs it, at once when it changes and at least each minute. A lying
  end can only slander its own link, which it could as well switch off: of two statements the worse counts.

- *home statement*: what a member allows to be done with its data and its gateway (``darwaza.kernel.locality``). The
  member signs it; it holds until it is replaced, at most a year.

A link may be shown to some members only (``visible_to``); a statement about it goes to no other. Keys are those of the
members' log signatures; their verifiers come in as an argument. ``darwaza.kernel.topology`` makes a map of what was
accepted here. spec/routing.md is the language-neutral text.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from darwaza.config import BODY_BYTES_MAX, CLOCK_SKEW_S_MAX
from darwaza.errors import ConflictError, MalformedError, SignatureError, TooLargeError
from darwaza.kernel import locality
from darwaza.kernel.canonical import INTEGER_MAX, canonical
from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.member import Instant
from darwaza.kernel.message import MemberText
from darwaza.kernel.note import Note, Signer, Verifier, format_note, parse, signed, verified

LINK_STATE_LIFE_S_MAX = 86_400
LINK_HEALTH_LIFE_S_MAX = 300
HOME_STATEMENT_LIFE_S_MAX = 366 * 86_400
HOME_RULES_CHARACTERS_MAX = 4_096
LINK_STATE_LIFE_S = 86_400
"""How long a link state is usually valid, so that a day's outage of one end leaves it standing; renewed each hour."""
LINK_STATE_RENEWED_S = 3_600
LINK_HEALTH_LIFE_S = 150
"""How long a link health is usually valid; renewed each minute."""
STATEMENT_BYTES_MAX = 8_192
VISIBLE_TO_MAX = 64
PROBE_STATEMENTS_MAX = 64
"""Statements one probe carries."""
PROBE_BYTES_MAX = (PROBE_STATEMENTS_MAX + 1) * (STATEMENT_BYTES_MAX + 8) + 64
LATENCY_US_MAX = 600_000_000

Ends = tuple[str, str]
"""The two members of a link, in ascending order."""

Serial = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
EndsText = tuple[MemberText, MemberText]


def ends_of(one: str, other: str) -> Ends:
    """Name the link between two members."""
    return (one, other) if one < other else (other, one)


class LinkState(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="format",
    tag="darwaza/link-state/v1",
):
    """That a link exists, and what it can carry.

    Attributes:
        body_bytes_max: largest body the link carries, 1 to ``BODY_BYTES_MAX``.
        capacity_class: n when it carries at least 10**n Mbit/s, 0 to 9.
        corridor: name of the corridor it is part of.
        drained: whether its ends ask that no new message be sent over it.
        ends: the two members, in ascending order.
        expires_at: after this moment it says nothing; UTC, whole seconds, at most ``LINK_STATE_LIFE_S_MAX`` later.
        issued_at: UTC, whole seconds.
        latency_us: one way, microseconds, as planned or surveyed; counts until someone has measured.
        price_class: 0 to 9, 0 for free of charge, a higher one is dearer; the ends agree on it.
        serial: larger than that of the last one.
        visible_to: the members that may know the link besides its ends, in ascending order; None when all may.
    """

    body_bytes_max: Annotated[int, Meta(ge=1, le=BODY_BYTES_MAX)]
    capacity_class: Annotated[int, Meta(ge=0, le=9)]
    corridor: Annotated[str, Meta(min_length=1, max_length=128)]
    drained: bool
    ends: EndsText
    expires_at: Instant
    issued_at: Instant
    latency_us: Annotated[int, Meta(ge=0, le=LATENCY_US_MAX)]
    price_class: Annotated[int, Meta(ge=0, le=9)]
    serial: Serial
    visible_to: Annotated[tuple[MemberText, ...], Meta(max_length=VISIBLE_TO_MAX)] | None

    def shown_to(self, member: str) -> bool:
        """Whether a member may know of this link."""
        return self.visible_to is None or member in self.ends or member in self.visible_to

    @property
    def authors(self) -> tuple[str, ...]:
        """Who signs it: both ends."""
        return self.ends


class LinkHealth(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="format",
    tag="darwaza/link-health/v1",
):
    """How a link is doing, as one of its ends sees it.

    Attributes:
        author: one of ``ends``.
        condition: ``up``, ``degraded`` or ``down``.
        corridor: name of the corridor.
        ends: the two members, in ascending order.
        expires_at: after this moment it says nothing; UTC, whole seconds, at most ``LINK_HEALTH_LIFE_S_MAX`` later.
        issued_at: UTC, whole seconds.
        latency_us: one way, microseconds, measured.
        loss_ppm: share of probes lost, 0 to 1,000,000.
        serial: larger than that of the author's last one for this link.
    """

    author: MemberText
    condition: Literal["up", "degraded", "down"]
    corridor: Annotated[str, Meta(min_length=1, max_length=128)]
    ends: EndsText
    expires_at: Instant
    issued_at: Instant
    latency_us: Annotated[int, Meta(ge=0, le=LATENCY_US_MAX)]
    loss_ppm: Annotated[int, Meta(ge=0, le=1_000_000)]
    serial: Serial

    @property
    def authors(self) -> tuple[str, ...]:
        """Who signs it: the one end that says it."""
        return (self.author,)

    @property
    def measure(self) -> Measure:
        """What it says, as a value."""
        return Measure(Condition[self.condition.upper()], self.latency_us, self.loss_ppm)


class HomeStatement(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="format",
    tag="darwaza/home-rules/v1",
):
    """What a member allows to be done with its data and its gateway.

    Attributes:
        author: the member.
        corridor: name of the corridor.
        expires_at: after this moment it says nothing; at most ``HOME_STATEMENT_LIFE_S_MAX`` after ``issued_at``.
        issued_at: UTC, whole seconds.
        rules: text, see ``locality.parse``; "" allows everything.
        serial: larger than that of the author's last one.
    """

    author: MemberText
    corridor: Annotated[str, Meta(min_length=1, max_length=128)]
    expires_at: Instant
    issued_at: Instant
    rules: Annotated[str, Meta(max_length=HOME_RULES_CHARACTERS_MAX)]
    serial: Serial

    @property
    def authors(self) -> tuple[str, ...]:
        """Who signs it."""
        return (self.author,)


Statement = LinkState | LinkHealth | HomeStatement

_LIFE_S_MAX: Final[Mapping[type, int]] = {
    LinkState: LINK_STATE_LIFE_S_MAX,
    LinkHealth: LINK_HEALTH_LIFE_S_MAX,
    HomeStatement: HOME_STATEMENT_LIFE_S_MAX,
}
_decode = msgspec.json.Decoder(Statement).decode


def text_of(statement: Statement) -> str:
    """Write the text of the note: canonical JSON and a newline."""
    return canonical(msgspec.to_builtins(statement)).decode("utf-8") + "\n"


def state(statement: Statement, *signers: Signer) -> bytes:
    """Make the note. For a link state one end does this and the other countersigns."""
    return format_note(signed(text_of(statement), *signers))


def countersign(raw: bytes, signer: Signer) -> bytes:
    """Add the other end's signature to a link state it has read (``read``) and agrees with.

    Raises:
        TooLargeError: see ``read``.
        MalformedError: see ``read``.
    """
    note = _parse(raw)
    return format_note(Note(note.text, (*note.signatures, signer.sign(note.text.encode("utf-8")))))


def _parse(raw: bytes) -> Note:
    if len(raw) > STATEMENT_BYTES_MAX:
        detail = f"the statement has {len(raw)} bytes, the limit is {STATEMENT_BYTES_MAX}"
        raise TooLargeError(detail, code="link_statement_too_large")
    return parse(raw)


def read(raw: bytes) -> tuple[Statement, Note]:
    """Read a statement without believing it: no signature is verified and no time compared.

    Raises:
        TooLargeError: ``link_statement_too_large``; or see ``note.parse``.
        MalformedError: ``link_statement_malformed`` for a wrong field or another form than the canonical one; or see
            ``note.parse``.
    """
    note = _parse(raw)
    try:
        statement: Statement = _decode(note.text.encode("utf-8"))
    except (msgspec.MsgspecError, RecursionError) as fault:
        raise _malformed(f"the statement cannot be read: {fault}") from fault
    if text_of(statement) != note.text:
        raise _malformed("the statement is not in canonical form")
    _check_fields(statement)
    return statement, note


def _malformed(detail: str, pointer: str = "") -> MalformedError:
    return MalformedError(detail, code="link_statement_malformed", pointer=pointer)


def _check_fields(statement: Statement) -> None:
    if isinstance(statement, HomeStatement):
        locality.parse(statement.rules)
    elif statement.ends[0] >= statement.ends[1]:
        raise _malformed("the ends are two members in ascending order", "/ends")
    elif not set(statement.authors) <= set(statement.ends):
        raise _malformed(f"{statement.authors[0]} is no end of this link", "/author")
    for name in ("issued_at", "expires_at"):
        instant: datetime = getattr(statement, name)
        if instant.utcoffset() != timedelta(0) or instant.microsecond:
            raise _malformed("an instant is written in UTC, in whole seconds", f"/{name}")
    life = statement.expires_at - statement.issued_at
    if not timedelta(0) < life <= timedelta(seconds=_LIFE_S_MAX[type(statement)]):
        raise _malformed("the statement is valid for no time or for too long", "/expires_at")
    shown = statement.visible_to if isinstance(statement, LinkState) else None
    if shown is not None and list(shown) != sorted(set(shown)):
        raise _malformed("the members it is visible to stand in ascending order", "/visible_to")


def accept(
    raw: bytes,
    *,
    corridor: str,
    verifiers: Mapping[str, Verifier],
    now: datetime,
    known: Statement | None = None,
) -> Statement:
    """Decide whether to believe a statement.

    The checks, in this order: size and form (``read``); the corridor; its authors are members; their signatures; the
    time; the serial.

    Args:
        raw: the note.
        corridor: name of ours.
        verifiers: of the members' log keys, by code, as the corridor document in force has them, under the names
            that ``naming.SignerName`` gives to the role ``log``.
        now: aware.
        known: the last accepted statement of this kind, link and author; see ``subject``.

    Returns:
        The statement; the same as ``known`` when it says nothing new.

    Raises:
        TooLargeError: see ``read``.
        MalformedError: see ``read``; ``link_statement_foreign`` for another corridor;
            ``link_statement_author_unknown``; ``link_statement_expired``, ``link_statement_early``.
        SignatureError: ``link_statement_unsigned`` when an author has not signed, ``signature_false`` when its
            signature is forged.
        ConflictError: ``link_statement_replayed`` for a smaller serial than the known one, ``link_statement_conflict``
            for the same serial with another content: its authors have contradicted themselves.
    """
    statement, note = read(raw)
    if statement.corridor != corridor:
        raise MalformedError("the statement is about another corridor", code="link_statement_foreign")
    for author in statement.authors:
        if author not in verifiers:
            raise MalformedError(f"{author} is no member", code="link_statement_author_unknown")
        _check_signed(note, author, verifiers[author])
    if now >= statement.expires_at:
        raise MalformedError("the statement is no longer valid", code="link_statement_expired", pointer="/expires_at")
    if now < statement.issued_at - timedelta(seconds=CLOCK_SKEW_S_MAX):
        raise MalformedError("the statement is from the future", code="link_statement_early", pointer="/issued_at")
    if known is not None:
        _check_serial(statement, known)
    return statement


def _check_signed(note: Note, author: str, verifier: Verifier) -> None:
    try:
        verified(note, (verifier,))
    except SignatureError as fault:
        if fault.code == "signature_missing":
            raise SignatureError(f"{author} has not signed the statement", code="link_statement_unsigned") from fault
        raise


def _check_serial(statement: Statement, known: Statement) -> None:
    if statement.serial < known.serial:
        detail = f"the statement has the serial {statement.serial}, {known.serial} is known"
        raise ConflictError(detail, code="link_statement_replayed", pointer="/serial")
    if statement.serial == known.serial and statement != known:
        raise ConflictError("two statements have the same serial", code="link_statement_conflict", pointer="/serial")


def subject(statement: Statement) -> tuple[str, ...]:
    """Tell what a statement is the latest word on: kind, ends and, for a health, its author."""
    if isinstance(statement, LinkState):
        return ("state", *statement.ends)
    if isinstance(statement, HomeStatement):
        return ("home", statement.author)
    return ("health", *statement.ends, statement.author)
