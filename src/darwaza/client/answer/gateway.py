"""Answers about documents, the gateway, its links and routes.

Written by ``make docs`` from the types the gateway answers with; do not edit.
"""

from typing import Any, NotRequired, TypedDict


class Health(TypedDict):
    """Whether the gateway takes work."""

    status: str
    member: str
    version: str
    queued: int


class MemberView(TypedDict):
    """A member: code, name, roles, addresses."""

    code: str
    name: str
    roles: list[str]
    addresses: list[str]


class CorridorView(TypedDict):
    """The corridor document in force."""

    name: str
    version: int
    digest: str
    state: str
    not_after: str
    quorum: int
    members: list[MemberView]
    links: list[list[str]]


class LaneView(TypedDict):
    """One lane of a link, both ways."""

    lane: int
    sent: int
    delivered: int
    received: int
    phase: str
    in_flight: int
    fault: str
    round_trip_ms: float
    halted: str


class LinkView(TypedDict):
    """A link."""

    peer: str
    state: str
    queue: int
    lanes: list[LaneView]


class QuarantineView(TypedDict):
    """A message that was kept but not processed: its log, its place, and why."""

    log: str
    index: int
    code: str
    detail: str
    at: str


class SettlementView(TypedDict):
    """What an operator put on record when a link went on of which two histories were found."""

    log: str
    member: str
    act: str
    by: str
    reason: str
    at: str
    agreed_size: int
    withdrawn: int
    proofs: list[str]
    message_id: str


class Adopted(TypedDict):
    """Version of the corridor document that is in force now."""

    version: int


class Resumed(TypedDict):
    """How much of that log the reader has co-signed."""

    cosigned_size: int


class Report(TypedDict):
    """What became of a file's items."""

    taken: int
    acknowledged: int
    early: int
    refused: list[str]


class Sent(TypedDict):
    """A document was taken."""

    id: str
    state: str
    message_ids: NotRequired[list[str]]
    missing: NotRequired[list[str]]
    repeated: NotRequired[bool]
    delivered: NotRequired[bool]


class BulkAnswer(TypedDict):
    """What became of one document of many: ``id`` and ``state``, or ``code`` and ``detail``."""

    key: str
    id: NotRequired[str]
    state: NotRequired[str]
    code: NotRequired[str]
    detail: NotRequired[str]


class Manifest(TypedDict):
    """What is offered. Fields in RFC 8785 order."""

    bytes: int
    chunks: NotRequired[list[str]]
    digest: str
    filename: str
    media_type: str
    title: str


class MessageView(TypedDict):
    """A message of a case."""

    id: str
    kind: str
    origin: str
    created_at: str
    index: int
    log: str
    delivered: bool


class DocumentView(TypedDict):
    """A document's case."""

    id: str
    stage: str
    sender: str
    recipient: str
    opened_at: str
    changed_at: str
    manifest: NotRequired[Manifest]
    ucr: NotRequired[str]
    expires_at: NotRequired[str]
    ended_at: NotRequired[str]
    code: NotRequired[str]
    detail: NotRequired[str]
    missing: NotRequired[list[str]]
    messages: NotRequired[list[MessageView]]


class DocumentPage(TypedDict):
    """Documents and how to ask for the next page, which may come before this one is full; no ``next`` on the last."""

    documents: list[DocumentView]
    next: NotRequired[str]


class PartyView(TypedDict):
    """Who the caller is at this gateway."""

    address: str
    roles: list[str]


class CardView(TypedDict):
    """A published sealing key."""

    party: str
    fingerprint: str
    issued_at: str
    expires_at: str
    card: str


class QuestionView(TypedDict):
    """A question for a sealing key and its answer."""

    id: str
    state: str
    party: str
    card: NotRequired[str]
    code: NotRequired[str]
    detail: NotRequired[str]


class LogView(TypedDict):
    """A log as auditors and operators see it."""

    log: int
    origin: str
    author: str
    reader: str
    lane: int
    size: int
    cosigned_size: int
    halted: str


class RouteLink(TypedDict):
    """A link on this gateway's map."""

    ends: list[str]
    condition: str
    latency_ms: float
    loss_percent: float
    price_class: int
    capacity_class: int
    drained: bool
    own: bool
    queue: int | None
    cosigned_size: int | None
    fault: str


class RoutesView(TypedDict):
    """Routing at one gateway."""

    member: str
    drained: bool
    cuts: dict[str, str]
    links: list[RouteLink]
    under_way: int
    early: int
    counts: dict[str, int]
    home_rules: dict[str, str]
    statements_refused: dict[str, int]


class PathView(TypedDict):
    """A path and what stands against it."""

    members: list[str]
    points: float
    latency_ms: float
    loss_percent: float
    price: int
    condition: str
    allowed: bool
    objections: list[dict[str, str]]


class ExplanationView(TypedDict):
    """Which way a message would go, and why."""

    origin: str
    destination: str
    message_class: str
    chosen: list[str] | None
    paths: list[PathView]


class Drill(TypedDict):
    """One drill."""

    id: int
    cut: str
    began_at: str
    ends_at: str
    state: str
    under_way: int
    sent: int
    moved: int
    delivered: int
    undeliverable: int
    waiting: int
    paths: dict[str, int]


class Notice(TypedDict):
    """Something a party should hear of."""

    kind: str
    case_id: str
    at: str
    detail: Any
