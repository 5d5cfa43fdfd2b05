"""Guarantees, crossings and trackers over HTTP: register, close, extend, reopen, stock."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.transit import Done, addresses, find_case, submit
from darwaza.entry.clerk import pages
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel.machine import Refusal
from darwaza.services.transit.closure import Closure, CrossingStatus, Extension, Reopening, crossing_case
from darwaza.services.transit.codes import ROLE_CHAIN, ROLE_SUPERVISOR
from darwaza.services.transit.guarantee import Exposure, Guarantee, Register, exposures
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.outcome import customs_of
from darwaza.services.transit.tracker import Stock
from darwaza.standards.etir.external import E3
from darwaza.standards.etir.value import GuaranteeTerms, Stamp

TAG = "crossings"
GUARANTEES = "guarantees"


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


async def extend(call: Call) -> Done | DarwazaError | Refusal:
    """Grant more time: deadlines and guarantee clocks of all that heads for a crossing move, at every member."""
    body: Extension = call.body
    return await submit(call, "crossing", "extend", crossing_case(body.crossing), body, opens=True)


async def find(call: Call) -> list[CrossingView]:
    """The register of crossings, with what is closed."""
    standing = {item.crossing: item for item in statuses(call)}
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


def statuses(call: Call) -> list[CrossingStatus]:
    """What the members said of crossings."""
    engine = call.server.gateway.engine
    rows = [row for page in pages(engine, customs_of(engine.site.member), "crossing", ()) for row in page]
    return [engine.site.decode_case(row).data for row in rows]


def _movements(call: Call, address: str, states: tuple[str, ...] = ()) -> Iterator[Movement]:
    engine = call.server.gateway.engine
    for page in pages(engine, address, "transit", states):
        for row in page:
            movement: Movement = engine.site.decode_case(row).data
            yield movement


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
    _post("/v1/crossings/close", close, "Close a crossing", TAG, Closure, role=ROLE_SUPERVISOR, answer=Done),
    _post("/v1/crossings/reopen", reopen, "End a closure", TAG, Reopening, role=ROLE_SUPERVISOR, answer=Done),
    _post(
        "/v1/crossings/extend",
        extend,
        "Grant more time to all that heads for a crossing",
        TAG,
        Extension,
        role=ROLE_SUPERVISOR,
        answer=Done,
    ),
    _post("/v1/trackers/stock", stock, "Trackers come in", "trackers", Stock, role=ROLE_SUPERVISOR, answer=Done),
    _post("/v1/trackers/retire", retire, "Trackers go for good", "trackers", Stock, role=ROLE_SUPERVISOR, answer=Done),
)
