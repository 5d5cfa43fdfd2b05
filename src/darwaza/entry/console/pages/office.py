"""The officer's desk: what heads to an office, looking up by whatever is at hand, and scanning a paper."""

from typing import Any

from starlette.responses import Response

from darwaza import config
from darwaza.entry.api.transit import OFFICE_ROLE, need_office
from darwaza.entry.console import word
from darwaza.entry.console.desk import DeclinedError
from darwaza.entry.console.index import Bound
from darwaza.entry.console.listing import Column, Listing
from darwaza.entry.console.menu import CUSTOMS
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.services.transit.codes import ROLE_SUPERVISOR

COLUMNS: tuple[Column[Bound], ...] = (
    Column("plates", N_("Vehicles"), lambda item: " ".join(item.plates)),
    Column("holder", N_("Carrier"), lambda item: item.holder),
    Column("ucr", N_("Consignment"), lambda item: item.ucr),
    Column("state", N_("State"), lambda item: item.state, words=word.STATE),
    Column("leg", N_("Leg"), lambda item: item.leg + 1),
    Column("due", N_("Due"), lambda item: item.due_at),
    Column("spoils", N_("Spoils"), lambda item: item.spoils_at),
    Column("seals", N_("Seals"), lambda item: " ".join(item.seals)),
    Column("id", N_("Movement"), lambda item: item.id),
)


def offices_of(visit: Visit) -> list[str]:
    """The offices somebody works at: their own, and for a supervisor all of the member's."""
    roles = visit.desk.roles
    own = sorted(role.removeprefix(OFFICE_ROLE) for role in roles if role.startswith(OFFICE_ROLE))
    if ROLE_SUPERVISOR in roles:
        own += sorted(code for code in visit.register.offices if code[:2] == visit.member and code not in own)
    return own


def office_in_question(visit: Visit) -> str:
    """The office the page is about, if they work there; else the first of theirs, "" for none."""
    offices, asked = offices_of(visit), visit.query("office") or visit.field("office")
    if asked:
        need_office(visit.desk.call(), asked)
        return asked
    return offices[0] if offices else ""


async def show(visit: Visit) -> Response:
    """What heads to the office, in order of arrival."""
    office, wanted = office_in_question(visit), visit.query("q")[:64]
    await visit.lobby.index.refresh()
    index = visit.lobby.index
    if wanted:
        found = index.look_up(wanted)
        if len(found) == 1:
            return visit.go(f"/console/movements/{found[0].id}", office=office)
        rows = found
    else:
        rows = index.heading(office)
    listing = Listing(visit, rows, COLUMNS)
    if listing.as_file:
        return listing.file(f"office-{office or 'all'}")
    crossings = [
        item for item in visit.register.crossings.values() if any(side.office == office for side in item.sides)
    ]
    return visit.page(
        "office.html",
        title=N_("Office"),
        office=office,
        offices=offices_of(visit),
        listing=listing,
        wanted=wanted,
        inside=[item for item in rows if item.place == office[:2]],
        held=[item for item in rows if office in item.inspect],
        soonest=min((item.spoils_at for item in rows if item.spoils_at), default=None),
        crossings=crossings,
    )


async def show_scan(visit: Visit) -> Response:
    """Where codes are scanned or pasted."""
    return visit.page(
        "scan.html",
        title=N_("Scan a paper"),
        office=office_in_question(visit),
        offices=offices_of(visit),
        verdict=None,
        problem=None,
        codes="",
    )


async def scan(visit: Visit) -> Response:
    """Judge a paper at the office; what the truck's paper says is shown beside what is known here."""
    office, text = office_in_question(visit), visit.field("codes")[: config.FORM_BYTES_MAX]
    codes = [line.strip("\r") for line in text.split("\n") if line.strip()]
    context: dict[str, Any] = {"office": office, "offices": offices_of(visit), "codes": text}
    try:
        verdict = await visit.desk.act("/v1/transit/scan", {"office": office, "codes": codes})
    except DeclinedError as no:
        return visit.decline(no, "scan.html", title=N_("Scan a paper"), verdict=None, **context)
    await visit.lobby.index.refresh()
    known = verdict.movement in visit.lobby.index.bound
    return visit.page("scan.html", title=N_("Scan a paper"), verdict=verdict, known=known, problem=None, **context)


PAGES: tuple[Page, ...] = (
    get("/console/office", show, CUSTOMS),
    get("/console/scan", show_scan, CUSTOMS),
    post("/console/scan", scan, CUSTOMS),
)
