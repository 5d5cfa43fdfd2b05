"""Answers about guarantees, crossings, trackers and enquiries.

Written by ``make docs`` from the types the gateway answers with; do not edit.
"""

from typing import Literal, NotRequired, TypedDict

from darwaza.client.answer.transit import Fault, GuaranteeTerms, Stamp


class Exposure(TypedDict):
    """What a guarantee's uses amount to for one holder, chain and member, minor units."""

    reserved_minor: int
    in_use_minor: int
    released_minor: int


class ExposureView(TypedDict):
    """What guarantees' uses amount to for a holder, chain and member; see ``guarantee.Exposure``."""

    holder: str
    chain: str
    member: str
    currency: str
    exposure: Exposure


class GuaranteeView(TypedDict):
    """A guarantee; see ``guarantee.Guarantee``."""

    id: str
    state: str
    terms: GuaranteeTerms
    reason: NotRequired[str]
    faults: NotRequired[list[Fault]]


class Closure(TypedDict):
    """A closing of a crossing by one of its two members. Command ``close`` and message ``crossing.closed``."""

    id: str
    crossing: str
    stamp: Stamp
    reason: str
    expected_until: NotRequired[str]


class Extension(TypedDict):
    """More time for all that heads for a crossing. Command ``extend`` and message ``crossing.extended``."""

    id: str
    crossing: str
    stamp: Stamp
    until: str
    reason: str


class CrossingView(TypedDict):
    """A crossing of the register."""

    id: str
    names: dict[str, str]
    offices: dict[str, str]
    zones: dict[str, str]
    locodes: dict[str, list[str]]
    unknown: dict[str, str]
    modes: NotRequired[list[str]]
    latitude: NotRequired[str]
    longitude: NotRequired[str]
    works_now: NotRequired[bool]
    closures: NotRequired[list[Closure]]
    extensions: NotRequired[list[Extension]]


class OfficeView(TypedDict):
    """A customs office: id, name, IANA time zone, and the member it belongs to."""

    id: str
    name: str
    zone: str
    member: str


class PoolView(TypedDict):
    """The trackers of an office."""

    office: str
    here: int
    fitted: int
    away: int


class Headed(TypedDict):
    """A movement that heads for a crossing."""

    movement: str
    spoils_at: str | None
    state: str
    member: str


class Waiting(TypedDict):
    """What heads for a crossing, what spoils first foremost."""

    crossing: str
    closures: list[Closure]
    movements: list[Headed]
    cost_per_day_minor: int
    by_member: dict[str, int]


class Diverted(TypedDict):
    """What became of the movements."""

    diverted: int
    asked: int
    no_way: int
    refused: dict[str, int]


class Spread(TypedDict):
    """How a time is spread over many crossings, whole seconds."""

    count: int
    mean: int
    median: int
    p90: int
    largest: int


class CrossingTimes(TypedDict):
    """Border times of one crossing in one direction."""

    crossing: str
    exit_member: str
    entry_member: str
    total_s: Spread
    exit_s: Spread
    gap_s: Spread | None
    entry_s: Spread
    activities_s: dict[str, int]


class I3(TypedDict):
    """Get holder information."""

    type: Literal["I3"]
    holder: str


class I5(TypedDict):
    """Query guarantee."""

    type: Literal["I5"]
    reference: str


class I19(TypedDict):
    """Check customs offices."""

    type: Literal["I19"]
    offices: list[str]


class E5(TypedDict):
    """Query guarantee."""

    type: Literal["E5"]
    reference: str


class I4(TypedDict):
    """Answer to I3."""

    type: Literal["I4"]
    holder: str
    name: NotRequired[str]
    authorised: NotRequired[bool]
    faults: NotRequired[list[Fault]]


class Share(TypedDict):
    """The part of the liability that falls on one member."""

    member: str
    liability_minor: int


class Use(TypedDict):
    """One movement a guarantee covers."""

    movement: str
    state: str
    shares: NotRequired[list[Share]]


class I6(TypedDict):
    """Answer to I5."""

    type: Literal["I6"]
    reference: str
    status: str
    available_minor: NotRequired[int]
    uses: NotRequired[list[Use]]
    faults: NotRequired[list[Fault]]


class I20(TypedDict):
    """Answer to I19."""

    type: Literal["I20"]
    unknown: NotRequired[list[str]]
    faults: NotRequired[list[Fault]]


class E6(TypedDict):
    """Answer to E5."""

    type: Literal["E6"]
    reference: str
    status: str
    available_minor: NotRequired[int]
    uses: NotRequired[list[Use]]
    faults: NotRequired[list[Fault]]


class EnquiryView(TypedDict):
    """A question and its answer."""

    id: str
    state: str
    peer: str
    question: I3 | I5 | I19 | E5
    reply: NotRequired[I4 | I6 | I20 | E6]
