"""What heads for a crossing over HTTP: who waits and what it costs, other ways, diverting in bulk.

A crossing may have thousands of movements before it. They are read and decided page by page, with room between for
everything else the gateway does; each page's new itineraries commit together.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from darwaza.engine.intake import Accepted, Submit
from darwaza.entry.api.crossing import TAG, make_stamp, statuses
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.transit import addresses, find_case, need_office
from darwaza.entry.clerk import PAGE_CASES, RUNNING, pages, patiently
from darwaza.entry.view import transit as view
from darwaza.errors import MalformedError
from darwaza.services.transit.closure import Closure
from darwaza.services.transit.codes import ROLE_CUSTOMS, ROLE_SUPERVISOR
from darwaza.services.transit.diversion import Headed, Ways, daily_cost, detours, heading, in_order
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.outcome import customs_of
from darwaza.standards.etir.internal import I7
from darwaza.standards.etir.value import CrossingId, Key, Leg, OfficeId

DIVERTED_MAX = 5_000
"""Movements one request diverts."""


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


class DetoursQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which crossing to avoid beside those that are closed; none for the closed ones alone."""

    crossing: CrossingId | None = None


async def waiting(call: Call) -> Waiting:
    """What heads for a crossing, perishables first, and what a day of its waiting costs."""
    query: WaitingQuery = call.query
    headed = await _headed(call, query.crossing)
    closed = next((item.in_force() for item in statuses(call) if item.crossing == query.crossing), ())
    cost = daily_cost(len(headed), detention_minor=query.detention_minor, tracker_minor=query.tracker_minor)
    return Waiting(query.crossing, closed, headed, cost, dict(Counter(item.member for item in headed)))


async def propose(call: Call) -> list[tuple[Leg, ...]]:
    """Other itineraries for what lies ahead of a movement, fewest legs first."""
    query: DetoursQuery = call.query
    movement = view.read_movement(call.server.gateway.engine, find_case(call))
    if movement.recorded is None:
        raise MalformedError("the movement is not accepted yet", code="not_accepted")
    return list(_Ways(call, query.crossing).around(movement))


async def divert(call: Call) -> Diverted:
    """Give the movements that head for a crossing another itinerary, in bulk, what spoils first foremost."""
    body: DivertBody = call.body
    need_office(call, body.office)
    now, wanted = call.server.gateway.clock.now(), frozenset(body.movements)
    ids = [item.movement for item in await _headed(call, body.crossing) if not wanted or item.movement in wanted]
    ways = _Ways(call, body.crossing)
    found: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for start in range(0, min(len(ids), DIVERTED_MAX), PAGE_CASES):
        editions = _editions(call, ids[start : start + PAGE_CASES], ways, body, now)
        found["no_way"] += editions.count(None)
        given = [_reroute(call, edition) for edition in editions if edition is not None]
        for outcome in await asyncio.gather(*(patiently(call.server.submit, one) for one in given)):
            if isinstance(outcome, Accepted):
                found["asked" if (outcome.answer or {}).get("asked") else "diverted"] += 1
            else:
                refused[outcome.code] += 1
    return Diverted(found["diverted"], found["asked"], found["no_way"], dict(refused))


async def _headed(call: Call, crossing: str) -> tuple[Headed, ...]:
    engine, found = call.server.gateway.engine, []
    for page in pages(engine, customs_of(engine.site.member), "transit", RUNNING):
        found += [item for row in page if (item := heading(view.read_movement(engine, row), crossing)) is not None]
        await asyncio.sleep(0)
    return in_order(found)


class _Ways:
    """Open ways, each kind of movement looked up once."""

    def __init__(self, call: Call, crossing: str | None) -> None:
        self._reference = call.server.gateway.reference
        self._now = call.server.gateway.clock.now()
        closed = {item.crossing for item in statuses(call) if item.in_force()}
        self._avoided = frozenset(closed | ({crossing} if crossing is not None else set()))
        self._known: dict[tuple[str, tuple[str, ...]], Ways] = {}

    def around(self, movement: Movement) -> tuple[tuple[Leg, ...], ...]:
        """Itineraries within the movement's guarantee and regime."""
        regime_id, covered = movement.known().regime, movement.guarantee().members
        ways = self._known.get((regime_id, covered))
        if ways is None:
            regime = self._reference.regimes.find(regime_id, self._now)
            members = frozenset(covered) & (frozenset() if regime is None else regime.members)
            ways = self._known[regime_id, covered] = Ways(self._reference.register, self._avoided, members)
        return detours(movement, ways)


def _editions(call: Call, ids: Sequence[str], ways: _Ways, body: DivertBody, now: datetime) -> list[I7 | None]:
    """The next edition of each declaration, by the first open itinerary; None where there is none."""
    engine, found = call.server.gateway.engine, list[I7 | None]()
    stamp, rows = make_stamp(call, body.office, body.officer, now), engine.store.cases(ids)
    for case_id in ids:
        movement = view.read_movement(engine, rows[case_id])
        proposals, declaration = ways.around(movement), movement.known()
        if not proposals:
            found.append(None)
            continue
        edition = msgspec.structs.replace(declaration, version=declaration.version + 1, legs=proposals[0])
        found.append(I7(edition, msgspec.structs.replace(stamp, event=str(uuid.uuid4()))))
    return found


def _reroute(call: Call, edition: I7) -> Submit:
    """Command one diversion. The request's idempotency key is not one movement's; the edition's number is its own."""
    guest, case_id = call.party, edition.declaration.movement
    acts_for = addresses(call)[1:]
    return Submit(guest.address, guest.roles, "transit", "reroute", "", b"", edition, case_id, acts_for=acts_for)


def _get(path: str, handler: Any, summary: str, **more: Any) -> Endpoint:
    return Endpoint(method="GET", path=path, handler=handler, summary=summary, tag=TAG, **more)


ENDPOINTS = (
    _get(
        "/v1/crossings/waiting",
        waiting,
        "What heads for a crossing, perishables first, and what a day of its waiting costs",
        role=ROLE_SUPERVISOR,
        query=WaitingQuery,
        answer=Waiting,
    ),
    Endpoint(
        method="POST",
        path="/v1/crossings/divert",
        headers=(),
        handler=divert,
        summary="Give what heads for a crossing another itinerary, in bulk",
        tag=TAG,
        role=ROLE_CUSTOMS,
        body=DivertBody,
        body_bytes_max=512_000,
        answer=Diverted,
    ),
    _get(
        "/v1/transit/{id}/detours",
        propose,
        "Other itineraries for what lies ahead of a movement, around closed crossings and one more",
        query=DetoursQuery,
        answer=list[tuple[Leg, ...]],
    ),
)
