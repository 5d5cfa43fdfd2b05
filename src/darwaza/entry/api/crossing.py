"""Guarantees, crossings and trackers over HTTP: register, close, extend, reopen, stock."""

import asyncio
import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from darwaza import config
from darwaza.engine.ledger import account_from
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.transit import Done, addresses, find_case, submit
from darwaza.entry.clerk import pages
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import Balance
from darwaza.ports.store import CaseFilter
from darwaza.services.transit.booking import away_account, pool_account
from darwaza.services.transit.closure import Closure, CrossingStatus, Extension, Reopening, crossing_case
from darwaza.services.transit.codes import ROLE_CHAIN, ROLE_CUSTOMS, ROLE_SUPERVISOR
from darwaza.services.transit.crossing import Crossing
from darwaza.services.transit.guarantee import Exposure, Guarantee, Register, exposures, guarantee_case
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.tracker import Stock
from darwaza.standards.etir.codes import Fault
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
    faults: tuple[Fault, ...] = ()


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
        locodes: UN/LOCODEs, by member; empty where there is none.
        modes: of transport.
        unknown: why ``coordinates``, ``hours PK`` or ``locodes PK`` are not known, in words.
        latitude: decimal degrees as text, absent when unknown.
        longitude: the same.
        works_now: whether both sides work now by their published hours; absent when those are not known.
        closures: that have not ended.
        extensions: of time, granted so far.
    """

    id: str
    names: dict[str, str]
    offices: dict[str, str]
    zones: dict[str, str]
    locodes: dict[str, tuple[str, ...]]
    unknown: dict[str, str]
    modes: tuple[str, ...] = ()
    latitude: str = ""
    longitude: str = ""
    works_now: bool | None = None
    closures: tuple[Closure, ...] = ()
    extensions: tuple[Extension, ...] = ()


class OfficeView(msgspec.Struct):
    """A customs office: id, name, IANA time zone, and the member it belongs to."""

    id: str
    name: str
    zone: str
    member: str


class PoolView(msgspec.Struct):
    """The trackers of an office.

    Attributes:
        office: whose.
        here: in the pool.
        fitted: on movements.
        away: removed elsewhere and not come back.
    """

    office: str
    here: int
    fitted: int
    away: int


# --- guarantees ---


async def register(call: Call) -> Done | DarwazaError | Refusal:
    """Register a guarantee."""
    body: Register = call.body
    case_id = guarantee_case(body.terms.guarantor, body.terms.reference)
    return await submit(call, "guarantee", "register", case_id, body, opens=True)


async def cancel(call: Call) -> Done | DarwazaError | Refusal:
    """Cancel a guarantee."""
    return await submit(call, "guarantee", "cancel", call.request.path_params["id"], call.body)


async def read_guarantee(call: Call) -> GuaranteeView:
    """A guarantee's terms and state."""
    row = find_case(call, "guarantee")
    data: Guarantee = call.server.gateway.engine.site.decode_case(row).data
    return GuaranteeView(row.id, row.state, data.terms, data.reason, data.faults)


async def find_guarantees(call: Call) -> list[GuaranteeView]:
    """The caller's guarantees, newest first: those it issued, or that were issued to it."""
    wanted = CaseFilter(party=call.party.address, service="guarantee", items_max=config.PAGE_ITEMS_MAX)
    rows, site = call.server.store.find_cases(wanted), call.server.gateway.engine.site
    found = [(row, site.decode_case(row).data) for row in rows]
    return [GuaranteeView(row.id, row.state, data.terms, data.reason, data.faults) for row, data in found]


async def read_exposures(call: Call) -> list[ExposureView]:
    """Reserved, used and released exposure per holder, chain and member, over the movements the caller sees."""
    gateway, own = call.server.gateway, dict[str, Movement]()
    for address in addresses(call):
        for page in pages(gateway.engine, address, "transit", ()):
            for row in page:
                movement: Movement = gateway.engine.site.decode_case(row).data
                if movement.acceptance is not None and movement.guarantee().guarantor == gateway.config.member:
                    own[row.id] = movement
            await asyncio.sleep(0)  # a chain may have thousands; others are served between the pages
    found = exposures(own.values())
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
    standing, now = {item.crossing: item for item in statuses(call)}, call.server.gateway.clock.now()
    return [
        _view_crossing(crossing, standing.get(crossing.id, CrossingStatus(crossing.id)), now)
        for crossing in call.server.gateway.reference.register.crossings.values()
    ]


def _view_crossing(crossing: Crossing, status: CrossingStatus, now: datetime) -> CrossingView:
    return CrossingView(
        id=crossing.id,
        names={side.member: side.name for side in crossing.sides},
        offices={side.member: side.office for side in crossing.sides},
        zones={side.member: side.zone for side in crossing.sides},
        locodes={side.member: side.locodes for side in crossing.sides},
        modes=tuple(sorted(crossing.modes)),
        unknown=crossing.unknown
        | {f"{field} {side.member}": why for side in crossing.sides for field, why in side.unknown.items()},
        latitude=crossing.latitude,
        longitude=crossing.longitude,
        works_now=crossing.open_at(now),
        closures=status.in_force(),
        extensions=status.extensions,
    )


async def find_offices(call: Call) -> list[OfficeView]:
    """The register of customs offices, at the border and inland."""
    offices = call.server.gateway.reference.register.offices.values()
    return [OfficeView(item.id, item.name, item.zone, item.member) for item in offices]


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
    engine, register = call.server.gateway.engine, call.server.gateway.reference.register
    # By their ids, which are computed: a list of customs' cases would walk past every movement there ever was.
    rows = engine.store.cases([crossing_case(crossing) for crossing in register.crossings])
    return [engine.site.decode_case(row).data for row in rows.values()]


# --- trackers ---


def _pool(body: Stock) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "darwaza:trackers:" + body.office))


async def stock(call: Call) -> Done | DarwazaError | Refusal:
    """Trackers come into an office's pool."""
    return await submit(call, "tracker-pool", "stock", _pool(call.body), call.body, opens=True)


async def retire(call: Call) -> Done | DarwazaError | Refusal:
    """Trackers leave an office's pool for good."""
    return await submit(call, "tracker-pool", "retire", _pool(call.body), call.body)


async def find_pools(call: Call) -> list[PoolView]:
    """How many trackers the offices of this gateway have."""
    gateway = call.server.gateway
    offices = [row for row in gateway.reference.register.offices if row[:2] == gateway.config.member]
    ids = [account for office in offices for account in (pool_account(office), away_account(office))]
    held = {terms.id: account_from(terms, totals).balance for terms, totals in call.server.store.accounts(ids)}
    return [
        _pool_view(office, held[pool_account(office)], held[away_account(office)])
        for office in offices
        if pool_account(office) in held
    ]


def _pool_view(office: str, pool: Balance, away: Balance) -> PoolView:
    return PoolView(office, pool.available, pool.debits_pending, away.posted)


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
        path="/v1/guarantees",
        handler=find_guarantees,
        summary="Your guarantees, newest first",
        tag=GUARANTEES,
        answer=list[GuaranteeView],
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
        path="/v1/offices",
        handler=find_offices,
        summary="The register of customs offices, at the border and inland",
        tag=TAG,
        answer=list[OfficeView],
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
    Endpoint(
        method="GET",
        path="/v1/trackers",
        handler=find_pools,
        summary="How many trackers the offices have",
        tag="trackers",
        role=ROLE_CUSTOMS,
        answer=list[PoolView],
    ),
    _post("/v1/trackers/stock", stock, "Trackers come in", "trackers", Stock, role=ROLE_SUPERVISOR, answer=Done),
    _post("/v1/trackers/retire", retire, "Trackers go for good", "trackers", Stock, role=ROLE_SUPERVISOR, answer=Done),
)
