"""Consignments: everything with one UCR, across transit, documents and payments, in one timeline."""

from collections import defaultdict

import msgspec
from starlette.responses import Response

from darwaza.entry.api.evidence import EVIDENCE_MEDIA_TYPE
from darwaza.entry.api.transit import addresses
from darwaza.entry.console.desk import content_of
from darwaza.entry.console.listing import Column
from darwaza.entry.console.page import Page, get
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.window import list_cases, wanted_cases
from darwaza.entry.console.word import N_
from darwaza.entry.view.consignment import steps_of
from darwaza.entry.view.document import view_document
from darwaza.entry.view.transit import view_movement
from darwaza.errors import MalformedError
from darwaza.ports.store import CaseFilter, CaseRow, PartyRow

CASES_MAX = 200
STEPS_MAX = 500


class Group(msgspec.Struct):
    """A consignment in a list: its cases, newest first, and when one of them last changed."""

    ucr: str
    cases: list[CaseRow]
    changed_at: str


COLUMNS: tuple[Column[Group], ...] = (
    Column("ucr", N_("Consignment"), lambda group: group.ucr),
    Column("there", N_("What there is"), lambda group: " ".join(f"{row.service}:{row.state}" for row in group.cases)),
    Column("cases", N_("How many"), lambda group: len(group.cases)),
    Column("opened_at", N_("First news"), lambda group: group.cases[-1].opened_at),
    Column("changed_at", N_("Last news"), lambda group: group.changed_at),
)
SERVICES = ("transit", "documents", "payments", "guarantee")


async def show_all(visit: Visit) -> Response:
    """Consignments that concern whoever is signed in, those with the newest cases first."""
    ucr, service = visit.query("ucr")[:35], visit.query("service")
    if ucr:
        return visit.go(f"/console/consignments/{ucr}")
    wanted = wanted_cases(visit, service=service if service in SERVICES else None)
    listing = await list_cases(visit, addresses(visit.desk.call()), wanted, COLUMNS, _groups)
    if listing.as_file:
        return listing.file("consignments")
    return visit.page("consignments.html", title=N_("Consignments"), listing=listing, services=SERVICES)


def _groups(rows: list[CaseRow]) -> list[Group]:
    groups: dict[str, list[CaseRow]] = defaultdict(list)
    for row in rows:
        if row.ucr:
            groups[row.ucr].append(row)
    listed = [Group(ucr, cases, max(row.changed_at for row in cases)) for ucr, cases in groups.items()]
    return sorted(listed, key=lambda group: group.changed_at, reverse=True)


def cases_of(visit: Visit, ucr: str) -> list[CaseRow]:
    """The cases of a consignment that whoever is signed in may see.

    Raises:
        MalformedError: ``not_found``, whether there is none or it is somebody else's.
    """
    store, mine = visit.server.store, addresses(visit.desk.call())
    rows = store.find_cases(CaseFilter(ucr=ucr, items_max=CASES_MAX))
    seen = [
        row for row in rows if any(store.concerns(PartyRow(one, row.service, row.opened_at, row.id)) for one in mine)
    ]
    if not seen:
        raise MalformedError("there is no such consignment", code="not_found")
    return seen


async def show(visit: Visit) -> Response:
    """One consignment."""
    ucr, engine = visit.name("ucr"), visit.server.gateway.engine
    rows = cases_of(visit, ucr)
    steps = steps_of(engine, rows)
    return visit.page(
        "consignment.html",
        title=N_("Consignment"),
        ucr=ucr,
        movements=[view_movement(engine, row) for row in rows if row.service == "transit"],
        documents=[view_document(engine, row) for row in rows if row.service == "documents"],
        payments=[row for row in rows if row.service == "payments"],
        facts=sorted(engine.store.facts(ucr).items()),
        steps=steps[-STEPS_MAX:],
        left_out=max(0, len(steps) - STEPS_MAX),
    )


async def evidence(visit: Visit) -> Response:
    """The evidence file of a message, to keep or to drop onto the verifying page."""
    message_id = visit.name("id")
    answer = await visit.desk.ask("/v1/evidence/{id}", id=message_id)
    headers = {"content-disposition": f'attachment; filename="{message_id}.evidence.json"'}
    return Response(content_of(answer), headers=headers, media_type=EVIDENCE_MEDIA_TYPE)


PAGES: tuple[Page, ...] = (
    get("/console/consignments", show_all),
    get("/console/consignments/{ucr:path}", show),
    get("/console/evidence/{id}", evidence),
)
