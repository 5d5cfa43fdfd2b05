"""Consignments: everything with one UCR, across transit, documents and payments, in one timeline."""

from collections import defaultdict

import msgspec
from starlette.responses import Response

from darwaza import config
from darwaza.entry.api.evidence import EVIDENCE_MEDIA_TYPE
from darwaza.entry.api.transit import addresses
from darwaza.entry.console.desk import content_of
from darwaza.entry.console.listing import csv_file
from darwaza.entry.console.page import Page, get
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.consignment import steps_of
from darwaza.entry.view.document import view_document
from darwaza.entry.view.transit import view_movement
from darwaza.errors import MalformedError
from darwaza.ports.store import CaseFilter, CaseRow, PartyRow

CASES_MAX = 200
STEPS_MAX = 500


class Group(msgspec.Struct):
    """A consignment in a list: its cases by service, newest change first."""

    ucr: str
    cases: list[CaseRow]
    changed_at: str


async def show_all(visit: Visit) -> Response:
    """Consignments that concern whoever is signed in, newest first."""
    wanted = visit.query("ucr")[:35]
    if wanted:
        return visit.go(f"/console/consignments/{wanted}")
    page = visit.query("page")[:128]
    after = None
    if page:
        opened_at, _, case_id = page.partition("~")
        after = (opened_at, case_id)
    groups: dict[str, list[CaseRow]] = defaultdict(list)
    rows: list[CaseRow] = []
    for address in addresses(visit.desk.call()):
        rows += visit.server.store.find_cases(CaseFilter(party=address, after=after, items_max=config.PAGE_ITEMS_MAX))
    rows.sort(key=lambda row: (row.opened_at, row.id), reverse=True)
    more, rows = len(rows) > config.PAGE_ITEMS_MAX, rows[: config.PAGE_ITEMS_MAX]
    for row in {row.id: row for row in rows}.values():
        if row.ucr:
            groups[row.ucr].append(row)
    listed = [Group(ucr, cases, max(row.changed_at for row in cases)) for ucr, cases in groups.items()]
    listed.sort(key=lambda group: group.changed_at, reverse=True)
    following = f"{rows[-1].opened_at}~{rows[-1].id}" if more else ""
    if visit.query("form") == "csv":
        lines = [{"ucr": one.ucr, "cases": len(one.cases), "changed_at": one.changed_at} for one in listed]
        return csv_file("consignments", lines)
    return visit.page("consignments.html", title=N_("Consignments"), groups=listed, following=following)


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
