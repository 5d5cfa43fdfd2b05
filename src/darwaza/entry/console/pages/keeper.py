"""The operator's page (links, peers, documents, quarantine, backups, fsck) and the auditor's (logs, evidence)."""

from starlette.responses import Response

from darwaza.entry.api.evidence import EVIDENCE_MEDIA_TYPE
from darwaza.entry.console.desk import DeclinedError, content_of
from darwaza.entry.console.listing import csv_file
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.link import view_corridor, view_links, view_quarantine
from darwaza.errors import MalformedError
from darwaza.kernel.note import NOTE_BYTES_MAX

ENTRIES_SHOWN = 100
ENTRIES_IN_FILE = 2_000
NOTE_SHOWN_BYTES = 4_096


async def show_operator(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> Response:
    """How the gateway does."""
    engine, site = visit.server.gateway.engine, visit.server.gateway.engine.site
    return visit.page(
        "operator.html",
        title=N_("Operator"),
        status=status,
        links=view_links(engine, visit.server.loop.courier),
        corridor=view_corridor(engine),
        cards=site.trust.current.members,
        versions=site.trust.documents,
        quarantine=view_quarantine(engine),
        forks=len(engine.store.forks()),
        queued=visit.server.loop.queued,
        routes=await visit.desk.ask("/v1/operator/routes"),
        drills=(await visit.desk.ask("/v1/operator/drills"))[::-1],
        upkeep=visit.lobby.upkeep,
        problem=problem,
    )


async def _operate(visit: Visit, path: str, body: object, said: str) -> Response:
    try:
        await visit.desk.act(path, body)
    except DeclinedError as no:
        return await show_operator(visit, visit.explain(no), no.problem.status)
    return visit.go("/console/operator", said=said)


async def resume(visit: Visit) -> Response:
    """Let a halted link go on; shows first what that means."""
    origin = visit.field("origin")
    if not visit.confirmed:
        return visit.page("resume-confirm.html", title=N_("Let the link go on?"), origin=origin)
    return await _operate(visit, "/v1/operator/resume", {"origin": origin}, "resumed")


async def adopt(visit: Visit) -> Response:
    """Admit the next version of the corridor document."""
    file = visit.upload("note")
    content = b"" if file is None else await file.read(NOTE_BYTES_MAX + 1)
    return await _operate(visit, "/v1/operator/corridor", content, "adopted")


async def drill(visit: Visit) -> Response:
    """Treat a member as dark for a while; shows first what that does."""
    cut, seconds = visit.field("cut"), visit.field("seconds")
    if not visit.confirmed:
        return visit.page("drill-confirm.html", title=N_("Begin the drill?"), cut=cut[:8], seconds=seconds[:6])
    return await _operate(visit, "/v1/operator/drills", {"cut": cut, "seconds": seconds}, "drilling")


async def back_up(visit: Visit) -> Response:
    """Make a backup and examine it."""
    visit.desk.note("backup", visit.lobby.upkeep.begin(), "done")
    return visit.go("/console/operator", said="backing-up")


async def examine(visit: Visit) -> Response:
    """Examine a backup again."""
    visit.lobby.upkeep.examine(visit.field("name"))
    visit.desk.note("fsck", visit.field("name"), "done")
    return visit.go("/console/operator", said="examining")


# --- auditors ---


async def show_auditor(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> Response:
    """Logs, checkpoints, witnesses, evidence, and who did what in this console."""
    engine = visit.server.gateway.engine
    if visit.query("form") == "csv":
        entries = visit.lobby.trail.newest(ENTRIES_IN_FILE)
        names = ("at", "login", "party", "act", "about", "outcome", "address")
        return csv_file("audit-trail", [{name: getattr(entry, name) for name in names} for entry in entries])
    return visit.page(
        "auditor.html",
        title=N_("Auditor"),
        status=status,
        logs=[log.row for _, log in sorted(engine.logs.items(), key=lambda item: item[1].row.origin)],
        corridor=view_corridor(engine),
        entries=visit.lobby.trail.newest(ENTRIES_SHOWN),
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
    witnessed = engine.store.witnessed(row.origin)
    newest = engine.store.checkpoint_from(row.id, row.cosigned_size) if row.cosigned_size else None
    return visit.page(
        "log.html",
        title=N_("Log"),
        row=row,
        checkpoint=(newest.note if newest else row.checkpoint).decode("utf-8", "replace")[:NOTE_SHOWN_BYTES],
        witnessed=witnessed,
    )


async def evidence(visit: Visit) -> Response:
    """Evidence of a message, by its id; an auditor gets it without the body."""
    try:
        answer = await visit.desk.act("/v1/evidence/{id}", method="GET", id=visit.field("message"))
    except DeclinedError as no:
        return await show_auditor(visit, visit.explain(no), no.problem.status)
    headers = {"content-disposition": 'attachment; filename="message.evidence.json"'}
    return Response(content_of(answer), headers=headers, media_type=EVIDENCE_MEDIA_TYPE)


async def fork(visit: Visit) -> Response:
    """The proof of a fork."""
    number, rows = visit.name("number"), visit.server.store.forks()
    if not number.isdigit() or not 1 <= int(number[:6]) <= len(rows):
        raise MalformedError("there is no such proof", code="not_found")
    headers = {"content-disposition": f'attachment; filename="{int(number)}.fork.json"'}
    return Response(rows[int(number) - 1].proof, headers=headers, media_type="application/vnd.darwaza.fork+json")


PAGES: tuple[Page, ...] = (
    get("/console/operator", show_operator, "operator"),
    post("/console/operator/resume", resume, "operator"),
    post("/console/operator/corridor", adopt, "operator", form_bytes_max=2 * NOTE_BYTES_MAX),
    post("/console/operator/drill", drill, "operator"),
    post("/console/operator/backup", back_up, "operator"),
    post("/console/operator/examine", examine, "operator"),
    get("/console/auditor", show_auditor, "auditor"),
    get("/console/auditor/logs/{origin:path}", show_log, "auditor"),
    get("/console/auditor/forks/{number}", fork, "auditor"),
    post("/console/auditor/evidence", evidence, "auditor"),
)
