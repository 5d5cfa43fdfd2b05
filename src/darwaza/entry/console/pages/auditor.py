"""The auditor's page: logs, checkpoints, witnesses, evidence, and who did what in this console."""

from starlette.responses import Response

from darwaza.entry.api.evidence import EVIDENCE_MEDIA_TYPE
from darwaza.entry.console.audit import Entry
from darwaza.entry.console.desk import DeclinedError, content_of
from darwaza.entry.console.listing import Column, Listing
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.link import view_corridor
from darwaza.errors import MalformedError
from darwaza.kernel.note import parse
from darwaza.ports.store import LogRow

ENTRIES_MAX = 2_000
NOTE_SHOWN_BYTES = 4_096
COLUMNS: tuple[Column[Entry], ...] = (
    Column("at", N_("Date"), lambda entry: entry.at),
    Column("login", N_("Who"), lambda entry: entry.login),
    Column("party", N_("Party"), lambda entry: entry.party),
    Column("act", N_("Act"), lambda entry: entry.act),
    Column("about", N_("About"), lambda entry: entry.about),
    Column("outcome", N_("Outcome"), lambda entry: entry.outcome),
    Column("address", N_("From"), lambda entry: entry.address),
)


async def show(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> Response:
    """Logs, checkpoints, witnesses, evidence, and who did what in this console."""
    engine = visit.server.gateway.engine
    listing = Listing(visit, visit.lobby.trail.newest(ENTRIES_MAX), COLUMNS, path="/console/auditor")
    if listing.as_file:
        return listing.file("audit-trail")
    return visit.page(
        "auditor.html",
        title=N_("Auditor"),
        status=status,
        logs=[log.row for _, log in sorted(engine.logs.items(), key=lambda item: item[1].row.origin)],
        corridor=view_corridor(engine),
        listing=listing,
        broken=visit.lobby.trail.check(),
        forks=engine.store.forks(),
        problem=problem,
    )


async def show_log(visit: Visit) -> Response:
    """One log's newest checkpoint, as it was signed."""
    engine = visit.server.gateway.engine
    log = engine.find_log(visit.name("origin"))
    if log is None:
        raise MalformedError("there is no such log", code="not_found")
    row = log.row
    newest = engine.store.checkpoint_from(row.id, row.cosigned_size) if row.cosigned_size else None
    note = newest.note if newest else row.checkpoint
    return visit.page(
        "log.html",
        title=N_("Log"),
        row=row,
        checkpoint=note.decode("utf-8", "replace")[:NOTE_SHOWN_BYTES],
        signers=_signers(note, row),
    )


def _signers(note: bytes, row: LogRow) -> list[tuple[str, str]]:
    """Who signed a checkpoint, as what: the log's author, its reader, witnesses."""
    found: dict[tuple[str, str], None] = {}
    for line in parse(note).signatures if note else ():
        member = line.name.rpartition("/")[2]
        if line.name == row.origin:
            found[N_("Author"), row.author] = None
        else:
            found[N_("Reader") if member == row.reader else N_("Witness"), member] = None
    return list(found)


async def evidence(visit: Visit) -> Response:
    """Evidence of a message, by its id; an auditor gets it without the body."""
    try:
        answer = await visit.desk.act("/v1/evidence/{id}", method="GET", id=visit.field("message"))
    except DeclinedError as no:
        return await show(visit, visit.explain(no), no.problem.status)
    headers = {"content-disposition": 'attachment; filename="message.evidence.json"'}
    return Response(content_of(answer), headers=headers, media_type=EVIDENCE_MEDIA_TYPE)


async def fork(visit: Visit) -> Response:
    """The proof of a fork."""
    number, rows = visit.name("number"), visit.server.store.forks()
    if not number.isdecimal() or not 1 <= int(number[:6]) <= len(rows):
        raise MalformedError("there is no such proof", code="not_found")
    headers = {"content-disposition": f'attachment; filename="{int(number)}.fork.json"'}
    return Response(rows[int(number) - 1].proof, headers=headers, media_type="application/vnd.darwaza.fork+json")


PAGES: tuple[Page, ...] = (
    get("/console/auditor", show, "auditor"),
    get("/console/auditor/logs/{origin:path}", show_log, "auditor"),
    get("/console/auditor/forks/{number}", fork, "auditor"),
    post("/console/auditor/evidence", evidence, "auditor"),
)
