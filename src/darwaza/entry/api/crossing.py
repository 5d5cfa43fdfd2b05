"""Guarantees, crossings and trackers over HTTP: register, close, see who waits, divert, reopen, stock."""

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from darwaza.engine.intake import Accepted
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.transit import Done, addresses, command, find_case, need_office, submit
from darwaza.entry.clerk import RUNNING, pages
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel.machine import Refusal
from darwaza.services.transit.closure import Closure, CrossingStatus, Reopening, crossing_case
from darwaza.services.transit.codes import ROLE_CHAIN, ROLE_CUSTOMS, ROLE_SUPERVISOR
from darwaza.services.transit.diversion import Headed, Ways, daily_cost, detours, headed_for
from darwaza.services.transit.guarantee import Exposure, Guarantee, Register, exposures
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.outcome import customs_of
from darwaza.services.transit.tracker import Stock
from darwaza.standards.etir.external import E3
from darwaza.standards.etir.internal import I7
from darwaza.standards.etir.value import CrossingId, GuaranteeTerms, Key, OfficeId, Stamp

TAG = "crossings"
GUARANTEES = "guarantees"
DIVERTED_MAX = 5_000
"""Movements one request diverts."""


class GuaranteeView(msgspec.Struct, omit_defaults=True):
    """A guarantee; see ``guarantee.Guarantee``."""

    id: str
    state: str
    terms: GuaranteeTerms
    reason: str = ""


class ExposureView(msgspec.Struct):
    """What guarantees' uses amount to for a holder, chain and member; see ``guarantee.Exposure``."""

    holder: str
    chain: str
    member: str
    currency: str
    exposure: Exposure


class CrossingView(msgspec.Struct, omit_defaults=True):
    """A crossing of the register.

    Attributes:
        id: ``AF-PK/TORKHAM``.
        names: what it is called, by member.
        offices: customs offices, by member.
        zones: IANA time zones, by member.
        modes: of transport.
        closures: that have not ended.
    """

    id: str
    names: dict[str, str]
    offices: dict[str, str]
    zones: dict[str, str]
    modes: tuple[str, ...] = ()
    closures: tuple[Closure, ...] = ()


class WaitingQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which crossing, and what a day of waiting costs, in minor units of the caller's currency."""

    crossing: CrossingId
    detention_minor: Annotated[int, Meta(ge=0, le=10**12)] = 0
    tracker_minor: Annotated[int, Meta(ge=0, le=10**12)] = 0


class Waiting(msgspec.Struct, omit_defaults=True):
    """What heads for a crossing, what spoils first foremost.

    Attributes:
        crossing: its id.
        closures: that have not ended.
        movements: that head for it.
        cost_per_day_minor: of their waiting.
        by_member: how many there are, or will be next, in each member.
    """

    crossing: str
    closures: tuple[Closure, ...]
    movements: tuple[Headed, ...]
    cost_per_day_minor: int
    by_member: dict[str, int]


class DivertBody(msgspec.Struct, forbid_unknown_fields=True):
    """Divert what heads for a crossing by the itinerary with the fewest legs that avoids closed crossings.

    Attributes:
        crossing: to avoid.
        office: whose officer records the new itineraries.
        officer: who.
        movements: only these; empty for all.
    """

    crossing: CrossingId
    office: OfficeId
    officer: Key
    movements: Annotated[tuple[str, ...], Meta(max_length=DIVERTED_MAX)] = ()


class Diverted(msgspec.Struct):
    """What became of the movements.

    Attributes:
        diverted: a new itinerary is in force.
        asked: the guarantor was asked first.
        no_way: no open itinerary within the guarantee.
        refused: by code.
    """

    diverted: int
    asked: int
    no_way: int
    refused: dict[str, int]


# --- guarantees ---


async def register(call: Call) -> Done | DarwazaError | Refusal:
    """Register a guarantee."""
    body: Register = call.body
    case_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"darwaza:guarantee:{body.terms.guarantor}:{body.terms.reference}"))
    return await submit(call, "guarantee", "register", case_id, body, opens=True)


async def cancel(call: Call) -> Done | DarwazaError | Refusal:
    """Cancel a guarantee."""
    return await submit(call, "guarantee", "cancel", call.request.path_params["id"], call.body)


async def read_guarantee(call: Call) -> GuaranteeView:
    """A guarantee's terms and state."""
    row = find_case(call, "guarantee")
    data: Guarantee = call.server.gateway.engine.site.decode_case(row).data
    return GuaranteeView(row.id, row.state, data.terms, data.reason)


async def read_exposures(call: Call) -> list[ExposureView]:
    """Reserved, used and released exposure per holder, chain and member, over the movements the caller sees."""
    own = (
        movement
        for address in addresses(call)
        for movement in _movements(call, address)
        if movement.acceptance is not None and movement.guarantee().guarantor == call.server.gateway.config.member
    )
    found = exposures({movement.known().movement: movement for movement in own}.values())
    return [ExposureView(*key, exposure) for key, exposure in sorted(found.items())]


# --- crossings ---


async def close(call: Call) -> Done | DarwazaError | Refusal:
    """Close a crossing: every member is told, and clocks stop everywhere."""
    body: Closure = call.body
    return await submit(call, "crossing", "close", crossing_case(body.crossing), body, opens=True)


async def reopen(call: Call) -> Done | DarwazaError | Refusal:
    """End a closure."""
    body: Reopening = call.body
    return await submit(call, "crossing", "reopen", crossing_case(body.crossing), body)


async def find(call: Call) -> list[CrossingView]:
    """The register of crossings, with what is closed."""
    standing = {item.crossing: item for item in _statuses(call)}
    return [
        CrossingView(
            id=crossing.id,
            names={side.member: side.name for side in crossing.sides},
            offices={side.member: side.office for side in crossing.sides},
            zones={side.member: side.zone for side in crossing.sides},
            modes=tuple(sorted(crossing.modes)),
            closures=standing[crossing.id].in_force() if crossing.id in standing else (),
        )
        for crossing in call.server.gateway.reference.register.crossings.values()
    ]


async def waiting(call: Call) -> Waiting:
    """What heads for a crossing, perishables first, and what a day of its waiting costs."""
    query: WaitingQuery = call.query
    headed = headed_for(_running(call), query.crossing)
    closed = next((item.in_force() for item in _statuses(call) if item.crossing == query.crossing), ())
    cost = daily_cost(len(headed), detention_minor=query.detention_minor, tracker_minor=query.tracker_minor)
    return Waiting(query.crossing, closed, headed, cost, dict(Counter(item.member for item in headed)))


async def divert(call: Call) -> Diverted:
    """Give the movements that head for a crossing another itinerary, in bulk."""
    body: DivertBody = call.body
    need_office(call, body.office)
    now, wanted = call.server.gateway.clock.now(), frozenset(body.movements)
    avoided = frozenset({body.crossing, *(item.crossing for item in _statuses(call) if item.in_force())})
    found: Counter[str] = Counter()
    waiting_for = []
    for movement in _bound_for(call, body.crossing, wanted):
        edition = _edition(call, movement, avoided, body, now)
        if edition is None:
            found["no_way"] += 1
            continue
        case_id = edition.declaration.movement
        waiting_for.append(call.server.loop.submit(command(call, "transit", "reroute", case_id, edition)))
    refused: Counter[str] = Counter()
    for future in waiting_for:
        outcome = await future
        if isinstance(outcome, Accepted):
            found["asked" if (outcome.answer or {}).get("asked") else "diverted"] += 1
        else:
            refused[outcome.code] += 1
    return Diverted(found["diverted"], found["asked"], found["no_way"], dict(refused))


def _bound_for(call: Call, crossing: str, wanted: frozenset[str]) -> Iterator[Movement]:
    movements = {movement.known().movement: movement for movement in _running(call)}
    for item in headed_for(movements.values(), crossing)[:DIVERTED_MAX]:
        if not wanted or item.movement in wanted:
            yield movements[item.movement]


def _edition(call: Call, movement: Movement, avoided: frozenset[str], body: DivertBody, now: datetime) -> I7 | None:
    """The next edition of a declaration, by the first open itinerary its guarantee covers."""
    reference, declaration = call.server.gateway.reference, movement.known()
    regime = reference.regimes.find(declaration.regime, now)
    members = frozenset(movement.guarantee().members) & (frozenset() if regime is None else regime.members)
    proposals = detours(movement, Ways(reference.register, avoided, members))
    if not proposals:
        return None
    edition = msgspec.structs.replace(declaration, version=declaration.version + 1, legs=proposals[0])
    return I7(edition, make_stamp(call, body.office, body.officer, now))


def make_stamp(call: Call, office: str, officer: str, now: datetime) -> Stamp:
    """Stamp an event of an office with its own clock.

    Raises:
        MalformedError: ``office_unknown``.
    """
    known = call.server.gateway.reference.register.offices.get(office)
    if known is None:
        raise MalformedError(f"no office {office} in the register", code="office_unknown", pointer="/office")
    local = now.astimezone(ZoneInfo(known.zone)).isoformat(timespec="seconds")
    return Stamp(str(uuid.uuid4()), office, officer, now, known.zone, local)


def _customs(call: Call) -> str:
    return customs_of(call.server.gateway.config.member)


def _statuses(call: Call) -> list[CrossingStatus]:
    engine = call.server.gateway.engine
    rows = [row for page in pages(engine, _customs(call), "crossing", ()) for row in page]
    return [engine.site.decode_case(row).data for row in rows]


def _movements(call: Call, address: str, states: tuple[str, ...] = ()) -> Iterator[Movement]:
    engine = call.server.gateway.engine
    for page in pages(engine, address, "transit", states):
        for row in page:
            movement: Movement = engine.site.decode_case(row).data
            yield movement


def _running(call: Call) -> Iterator[Movement]:
    return _movements(call, _customs(call), RUNNING)


# --- trackers ---


def _pool(body: Stock) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "darwaza:trackers:" + body.office))


async def stock(call: Call) -> Done | DarwazaError | Refusal:
    """Trackers come into an office's pool."""
    return await submit(call, "tracker-pool", "stock", _pool(call.body), call.body, opens=True)


async def retire(call: Call) -> Done | DarwazaError | Refusal:
    """Trackers leave an office's pool for good."""
    return await submit(call, "tracker-pool", "retire", _pool(call.body), call.body)


def _post(path: str, handler: Any, summary: str, tag: str, body: Any, **more: Any) -> Endpoint:
    return Endpoint(method="POST", path=path, handler=handler, summary=summary, tag=tag, body=body, **more)


ENDPOINTS = (
    _post(
        "/v1/guarantees",
        register,
        "Register a guarantee at its guarantor",
        GUARANTEES,
        Register,
        role=ROLE_CHAIN,
        answer=Done,
        status=HTTPStatus.CREATED.value,
    ),
    Endpoint(
        method="GET",
        path="/v1/guarantees/exposure",
        handler=read_exposures,
        summary="Reserved, used and released exposure per holder, chain and member",
        tag=GUARANTEES,
        answer=list[ExposureView],
    ),
    Endpoint(
        method="GET",
        path="/v1/guarantees/{id}",
        handler=read_guarantee,
        summary="A guarantee's terms and state",
        tag=GUARANTEES,
        answer=GuaranteeView,
    ),
    _post("/v1/guarantees/{id}/cancel", cancel, "Cancel a guarantee", GUARANTEES, E3, role=ROLE_CHAIN, answer=Done),
    Endpoint(
        method="GET",
        path="/v1/crossings",
        handler=find,
        summary="The register of crossings, with what is closed",
        tag=TAG,
        answer=list[CrossingView],
    ),
    Endpoint(
        method="GET",
        path="/v1/crossings/waiting",
        handler=waiting,
        summary="What heads for a crossing, perishables first, and what a day of its waiting costs",
        tag=TAG,
        role=ROLE_SUPERVISOR,
        query=WaitingQuery,
        answer=Waiting,
    ),
    _post("/v1/crossings/close", close, "Close a crossing", TAG, Closure, role=ROLE_SUPERVISOR, answer=Done),
    _post("/v1/crossings/reopen", reopen, "End a closure", TAG, Reopening, role=ROLE_SUPERVISOR, answer=Done),
    _post(
        "/v1/crossings/divert",
        divert,
        "Give what heads for a crossing another itinerary, in bulk",
        TAG,
        DivertBody,
        role=ROLE_CUSTOMS,
        body_bytes_max=512_000,
        answer=Diverted,
    ),
    _post("/v1/trackers/stock", stock, "Trackers come in", "trackers", Stock, role=ROLE_SUPERVISOR, answer=Done),
    _post("/v1/trackers/retire", retire, "Trackers go for good", "trackers", Stock, role=ROLE_SUPERVISOR, answer=Done),
)
