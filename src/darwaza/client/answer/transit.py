"""Answers about movements and their papers.

Written by ``make docs`` from the types the gateway answers with; do not edit.
"""

from typing import Any, Literal, NotRequired, TypedDict


class Reason(TypedDict):
    """One finding."""

    code: str
    answer: Literal["valid", "invalid", "cannot tell"]
    text: str


class ScanAnswer(TypedDict):
    """The verdict on a paper; see ``scan.Verdict``."""

    answer: Literal["valid", "invalid", "cannot tell"]
    reasons: NotRequired[list[Reason]]
    as_of: NotRequired[str]
    movement: NotRequired[str]
    may_start: NotRequired[int]
    may_terminate: NotRequired[int]
    paper: NotRequired[list[Any]]


class PostedAnswer(TypedDict):
    """What became of one carried event: where it went, or why not."""

    answer: Literal["valid", "invalid", "cannot tell"]
    reasons: NotRequired[list[Reason]]
    movement: NotRequired[str]
    state: NotRequired[str]
    code: NotRequired[str]
    detail: NotRequired[str]


class Done(TypedDict):
    """A command was carried out."""

    id: str
    state: str
    message_ids: NotRequired[list[str]]
    answer: NotRequired[Any]
    repeated: NotRequired[bool]


class MovementView(TypedDict):
    """A movement in a list."""

    id: str
    state: str
    opened_at: str
    changed_at: str
    ucr: NotRequired[str]
    regime: NotRequired[str]
    holder: NotRequired[str]
    holder_party: NotRequired[str]
    version: NotRequired[int]
    way: NotRequired[list[str]]
    guarantee: NotRequired[str]
    current_leg: NotRequired[int]
    stopped: NotRequired[bool]
    discrepancies: NotRequired[int]


class MovementPage(TypedDict):
    """Movements and how to ask for the next page, which may come before this one is full; no ``next`` on the last."""

    movements: list[MovementView]
    next: NotRequired[str]


class Actor(TypedDict):
    """A person or company."""

    id: str
    name: str
    member: str


class GuaranteeTerms(TypedDict):
    """A guarantee as its chain registered it. The digest of this value names its ledger account."""

    reference: str
    guarantor: str
    chain: str
    holder: str
    regime: str
    kind: str
    currency: str
    cover_minor: int
    per_member: bool
    single_use: bool
    members: list[str]
    valid_from: str
    valid_until: str


class GoodsItem(TypedDict):
    """One line of the goods."""

    number: int
    hs: str
    description: str
    packages: int
    package_kind: str
    gross_g: int
    marks: NotRequired[str]
    keeps_h: NotRequired[int]
    ucr: NotRequired[str]


class Vehicle(TypedDict):
    """A means of transport or a container."""

    kind: str
    registration: str
    member: NotRequired[str]


class Leg(TypedDict):
    """One member's part of the way: one TIR operation."""

    member: str
    entry_office: str
    exit_office: str
    crossing: str | None
    liability_minor: int
    deadline_at: NotRequired[str]


class Document(TypedDict):
    """A paper that goes with the goods."""

    kind: str
    reference: str
    digest: NotRequired[str]


class Declaration(TypedDict):
    """The declaration of one movement. It is lodged once and travels to everyone concerned."""

    movement: str
    version: int
    ucr: str
    regime: str
    holder: Actor
    holder_party: str
    consignor: Actor
    consignee: Actor
    guarantee: GuaranteeTerms
    goods: list[GoodsItem]
    vehicles: list[Vehicle]
    legs: list[Leg]
    documents: NotRequired[list[Document]]
    release_requires: NotRequired[list[str]]


class LegView(TypedDict):
    """One leg."""

    member: str
    entry_office: str
    exit_office: str
    crossing: str | None
    status: str
    operation: NotRequired[str]
    started_at: NotRequired[str]
    terminated_at: NotRequired[str]
    discharged_at: NotRequired[str]
    deadline_at: NotRequired[str]


class CustodyStep(TypedDict):
    """One step."""

    action: str
    office: str
    officer: str
    at: str
    reason: str
    event: str


class Custody(TypedDict):
    """One seal."""

    number: str
    kind: str
    status: str
    steps: list[CustodyStep]


class Entry(TypedDict):
    """One line of a timeline."""

    at: str
    local: str
    office: str
    what: str
    text: str
    offline: bool


class Discrepancy(TypedDict):
    """Two records that do not agree, for an officer to look at."""

    what: str
    leg: int
    event: str
    detail: str


class SuspensionView(TypedDict):
    """A time in which the clocks stand or stood; see ``movement.Suspension``."""

    closure: str
    crossing: str
    since: str
    until: NotRequired[str]


class BorderTime(TypedDict):
    """One crossing of one movement."""

    crossing: str
    exit_member: str
    entry_member: str
    exit_began_at: str
    exit_done_at: str
    entry_began_at: str
    entry_done_at: str
    exit_s: int
    gap_s: int | None
    entry_s: int
    total_s: int
    activities_s: dict[str, int]


class Fault(TypedDict):
    """One error in an answer."""

    code: int
    pointer: NotRequired[str]
    text: NotRequired[str]


class Stamp(TypedDict):
    """Who did something, where and when."""

    event: str
    office: str
    officer: str
    at: str
    zone: str
    local: str
    offline: NotRequired[bool]


class Charge(TypedDict):
    """Command ``charge`` and message ``transit.charge``: what must be paid before the goods are handed over."""

    movement: str
    stamp: Stamp
    charge: str
    amount_minor: int
    currency: str
    account: str
    reference: str


class MovementDetail(MovementView):
    """A movement in full."""

    declaration: NotRequired[Declaration]
    legs: NotRequired[list[LegView]]
    seals: NotRequired[list[str]]
    custody: NotRequired[list[Custody]]
    trackers: NotRequired[list[str]]
    packages: NotRequired[list[int]]
    timeline: NotRequired[list[Entry]]
    disagreements: NotRequired[list[Discrepancy]]
    suspensions: NotRequired[list[SuspensionView]]
    guarantee_until: NotRequired[str]
    border_times: NotRequired[list[BorderTime]]
    faults: NotRequired[list[Fault]]
    charges: NotRequired[list[Charge]]
    release: NotRequired[str]
    record: NotRequired[str]


class Assessment(TypedDict):
    """A verdict."""

    required: str
    reasons: list[str]


class Speed(TypedDict):
    """TFI4 of one movement."""

    distance_m: int
    with_delays_m_per_h: int
    without_delays_m_per_h: int


class TransitIndicators(TypedDict):
    """Indicators of one movement: border times, and its speeds once it has ended."""

    border_times: list[BorderTime]
    speed: NotRequired[Speed]
