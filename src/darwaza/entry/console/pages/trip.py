"""The carrier's page, for a phone at a gate: my movements, the one next step, the code to show, what is missing."""

import msgspec
from starlette.responses import Response

from darwaza.entry.console import word
from darwaza.entry.console.listing import Column
from darwaza.entry.console.page import Page, get
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.window import list_cases, wanted_cases
from darwaza.entry.console.word import N_
from darwaza.entry.view.transit import LegView, MovementDetail, view_movement
from darwaza.ports.store import CaseRow
from darwaza.services.transit.parts import split

DONE = ("terminated", "discharged")


class Next(msgspec.Struct, frozen=True):
    """The one next step.

    Attributes:
        code: ``lodged``, ``declined``, ``waiting``, ``depart``, ``drive``, ``enter``, ``held``, ``closed``, ``done`` or
            ``over``.
        office: where.
        crossing: through which crossing, "" for none.
        leg: number, from 1; 0 when it is about none.
    """

    code: str
    office: str = ""
    crossing: str = ""
    leg: int = 0


def next_step(view: MovementDetail) -> Next:
    """What the driver does next."""
    declared = view.declaration.legs if view.declaration else ()
    first = declared[0].entry_office if declared else ""
    if view.state in {"declined", "withdrawn", "cancelled"}:
        return Next("declined" if view.state == "declined" else "over", first)
    if not view.legs:
        return Next("lodged" if view.state in {"lodged", "asking"} else "waiting", first)
    index = next((number for number, leg in enumerate(view.legs) if leg.status not in DONE), len(view.legs))
    if index == len(view.legs):
        return Next("done", view.legs[-1].exit_office)
    leg: LegView = view.legs[index]
    standing = next((item for item in view.suspensions if item.until is None), None)
    if standing is not None and leg.status != "started":
        return Next("closed", leg.entry_office, standing.crossing, index + 1)
    if leg.status == "refused":
        return Next("held", leg.entry_office, leg=index + 1)
    if leg.status == "started":
        return Next("drive", leg.exit_office, leg.crossing or "", index + 1)
    return Next("enter" if index else "depart", leg.entry_office, leg=index + 1)


def missing(view: MovementDetail, facts: frozenset[str], documents: int) -> list[tuple[str, bool]]:
    """What has to be there before the truck sets off: label and whether it is."""
    found = [
        (N_("Customs of departure has accepted the declaration"), bool(view.legs)),
        (N_("The guarantee is accepted in every country on the way"), bool(view.legs)),
        (N_("A seal is on the load"), bool(view.seals)),
        (N_("Papers of the consignment are here"), documents > 0),
    ]
    if view.declaration is not None and view.declaration.release_requires:
        wanted = set(view.declaration.release_requires)
        found.append((N_("Everything the release at the destination asks for"), wanted <= facts))
    return found


COLUMNS: tuple[Column[CaseRow], ...] = (
    Column("ucr", N_("Consignment"), lambda row: row.ucr),
    Column("state", N_("State"), lambda row: row.state, words=word.STATE),
    Column("opened_at", N_("Date"), lambda row: row.opened_at),
    Column("changed_at", N_("Last news"), lambda row: row.changed_at),
    Column("id", N_("Movement"), lambda row: row.id),
)


async def show_all(visit: Visit) -> Response:
    """The carrier's movements, newest first until they are sorted otherwise."""
    engine = visit.server.gateway.engine
    wanted = wanted_cases(visit, service="transit")
    listing = await list_cases(visit, (visit.desk.guest.address,), wanted, COLUMNS, list)
    if listing.as_file:
        return listing.file("movements")
    views = [view_movement(engine, row) for row in listing.rows]
    return visit.page("trips.html", title=N_("My movements"), listing=listing, views=views)


async def show(visit: Visit) -> Response:
    """One movement as its driver needs it."""
    view: MovementDetail = await visit.desk.ask("/v1/transit/{id}", id=visit.name("id"))
    gateway = visit.server.gateway
    ours = [place for leg in view.legs for place in (leg.entry_office, leg.exit_office) if place[:2] == visit.member]
    codes = 0
    if ours and view.legs:
        answer = await visit.desk.ask("/v1/transit/{id}/paper", query={"office": ours[0]}, id=view.id)
        codes = len(split(bytes(answer.body)))
    facts = frozenset(gateway.engine.store.facts(view.ucr)) if view.ucr else frozenset()
    papers = len(view.declaration.documents) if view.declaration else 0
    if view.ucr:
        listed = await visit.desk.ask("/v1/documents", query={"ucr": view.ucr, "limit": 10})
        papers += len(listed.documents)
    return visit.page(
        "trip.html",
        title=N_("Movement"),
        view=view,
        step=next_step(view),
        office=ours[0] if ours else "",
        codes=codes,
        checks=missing(view, facts, papers),
        departed=any(leg.started_at for leg in view.legs),
    )


PAGES: tuple[Page, ...] = (
    get("/console/trips", show_all, "holder"),
    get("/console/trips/{id}", show, "holder"),
)
