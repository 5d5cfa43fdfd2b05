"""Crossings: what waits for each, closing one with its consequences shown first, reopening, another way round."""

import uuid
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from darwaza.entry.api.crossing import CrossingView, make_stamp
from darwaza.entry.console import word
from darwaza.entry.console.desk import DeclinedError
from darwaza.entry.console.index import Bound
from darwaza.entry.console.listing import Column, Listing
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.errors import MalformedError
from darwaza.services.transit.codes import ROLE_SUPERVISOR

REASON_MAX = 280
SPOILS_SOON = timedelta(days=3)

COLUMNS: tuple[Column[tuple[CrossingView, int]], ...] = (
    Column("name", N_("Crossing"), lambda row: next(iter(row[0].names.values()))),
    Column("id", N_("Code"), lambda row: row[0].id),
    Column("state", N_("State"), lambda row: "closed" if row[0].closures else "open", words=word.STATE),
    Column("heading", N_("Heading for it"), lambda row: row[1]),
)


WAITING: tuple[Column[Bound], ...] = (
    Column("plates", N_("Vehicles"), lambda item: " ".join(item.plates)),
    Column("state", N_("State"), lambda item: item.state, words=word.STATE),
    Column("holder", N_("Carrier"), lambda item: item.holder),
    Column("place", N_("Where"), lambda item: item.place),
    Column("spoils", N_("Spoils"), lambda item: item.spoils_at),
    Column("ucr", N_("Consignment"), lambda item: item.ucr),
    Column("id", N_("Movement"), lambda item: item.id),
)


async def show_all(visit: Visit) -> Response:
    """Every crossing of the corridor, ours first."""
    views: list[CrossingView] = await visit.desk.ask("/v1/crossings")
    await visit.lobby.index.refresh()
    heading: Counter[str] = Counter(code for item in visit.lobby.index.bound.values() for code in item.crossings)
    ours = sorted(
        views, key=lambda view: (visit.member not in view.names, not view.closures, -heading[view.id], view.id)
    )
    listing = Listing(visit, [(view, heading[view.id]) for view in ours], COLUMNS)
    if listing.as_file:
        return listing.file("crossings")
    return visit.page("crossings.html", title=N_("Crossings"), listing=listing)


async def _find(visit: Visit, crossing: str) -> CrossingView:
    views: list[CrossingView] = await visit.desk.ask("/v1/crossings")
    found = next((view for view in views if view.id == crossing), None)
    if found is None:
        raise MalformedError(f"no crossing {crossing[:48]} in the register", code="not_found")
    return found


async def show(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> Response:
    """One crossing: its state, and what waits for it, what spoils first foremost."""
    view = await _find(visit, visit.name("crossing"))
    await visit.lobby.index.refresh()
    waiting = visit.lobby.index.before(view.id)
    listing = Listing(visit, waiting, WAITING, path=f"/console/crossings/{view.id}")
    if listing.as_file:
        return listing.file("crossing-" + view.id.replace("/", "-").lower())
    return visit.page(
        "crossing.html",
        title=N_("Crossing"),
        status=status,
        view=view,
        listing=listing,
        waiting=waiting,
        by_place=Counter(item.place for item in waiting).most_common(),
        speaks=visit.member in view.names and ROLE_SUPERVISOR in visit.desk.roles,
        own_closures=[item for item in view.closures if item.stamp.office[:2] == visit.member],
        problem=problem,
    )


async def close(visit: Visit) -> Response:
    """Close a crossing; first shows what that does."""
    view = await _find(visit, visit.field("crossing"))
    reason, until = visit.field("reason")[:REASON_MAX], visit.field("until")
    office = view.offices.get(visit.member, "")
    if not reason or not office:
        visit.request.path_params["crossing"] = view.id
        return await show(visit, visit.words("body_malformed"), 400)
    expected = _moment(until, view.zones[visit.member])
    if not visit.confirmed:
        return await _consequences(visit, view, reason, until)
    now = visit.server.gateway.clock.now()
    once = visit.field("once")
    closure = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, once)),
        "crossing": view.id,
        "stamp": make_stamp(visit.desk.call(), office, visit.desk.account.login, now),
        "reason": reason,
        "expected_until": expected,
    }
    return await _done(visit, "/v1/crossings/close", closure, once, "closed")


async def _consequences(visit: Visit, view: CrossingView, reason: str, until: str) -> Response:
    await visit.lobby.index.refresh()
    waiting = visit.lobby.index.before(view.id)
    soon = visit.server.gateway.clock.now() + SPOILS_SOON
    others = [
        crossing
        for crossing in visit.register.crossings.values()
        if set(crossing.members) == set(view.names) and crossing.id != view.id
    ]
    return visit.page(
        "crossing-confirm.html",
        title=N_("Close the crossing?"),
        view=view,
        waiting=waiting,
        perishable=[item for item in waiting if item.spoils_at is not None and item.spoils_at < soon],
        moving=sum(item.under_way for item in waiting),
        countries=visit.reader.listed(
            visit.reader.country(code) for code in visit.server.gateway.engine.site.trust.current.codes
        ),
        others=others,
        fields={"crossing": view.id, "reason": reason, "until": until, "once": visit.field("once")},
    )


async def reopen(visit: Visit) -> Response:
    """End a closure of ours; first shows what that does."""
    view = await _find(visit, visit.field("crossing"))
    now, once = visit.server.gateway.clock.now(), visit.field("once")
    office = view.offices.get(visit.member, "")
    if not visit.confirmed:
        return await _ask_first(visit, view, "reopen", {"closure": visit.field("closure")})
    body = {
        "id": visit.field("closure"),
        "crossing": view.id,
        "stamp": make_stamp(visit.desk.call(), office, visit.desk.account.login, now),
    }
    return await _done(visit, "/v1/crossings/reopen", body, once, "reopened")


async def divert(visit: Visit) -> Response:
    """Give what heads for a crossing the shortest open way round it; first shows what that does."""
    view = await _find(visit, visit.field("crossing"))
    if not visit.confirmed:
        return await _ask_first(visit, view, "divert", {})
    body = {"crossing": view.id, "office": view.offices.get(visit.member, ""), "officer": visit.desk.account.login}
    return await _done(visit, "/v1/crossings/divert", body, visit.field("once"), "diverted")


async def _ask_first(visit: Visit, view: CrossingView, act: str, fields: dict[str, str]) -> Response:
    """What reopening or diverting would do, to whom, before it is done."""
    await visit.lobby.index.refresh()
    waiting = visit.lobby.index.before(view.id)
    others = [closure for closure in view.closures if closure.stamp.office[:2] != visit.member]
    return visit.page(
        "crossing-act.html",
        title=N_("Reopen the crossing?") if act == "reopen" else N_("Divert the trucks?"),
        view=view,
        act=act,
        waiting=waiting,
        stopped=sum(item.stopped for item in waiting),
        moving=sum(item.under_way for item in waiting),
        still_closed=others,
        fields=fields | {"crossing": view.id, "once": visit.field("once")},
    )


async def _done(visit: Visit, path: str, body: object, once: str, said: str) -> Response:
    crossing = visit.field("crossing")
    try:
        await visit.desk.act(path, body, key=once)
    except DeclinedError as no:
        if no.problem.code == "key_reused":
            return visit.go(f"/console/crossings/{crossing}", said="already")
        visit.request.path_params["crossing"] = crossing
        return await show(visit, visit.explain(no), no.problem.status)
    return visit.go(f"/console/crossings/{crossing}", said=said)


def _moment(text: str, zone: str) -> datetime | None:
    """Read what a date-and-time field gave, as the clock at the crossing shows it; None for nothing."""
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text)
    except ValueError as fault:
        raise MalformedError("not a date and time", code="body_malformed", pointer="/until") from fault
    return local.replace(tzinfo=ZoneInfo(zone))


PAGES: tuple[Page, ...] = (
    get("/console/crossings", show_all),
    get("/console/crossings/{crossing:path}", show),
    post("/console/crossings/close", close, ROLE_SUPERVISOR),
    post("/console/crossings/reopen", reopen, ROLE_SUPERVISOR),
    post("/console/crossings/divert", divert, "customs"),
)
