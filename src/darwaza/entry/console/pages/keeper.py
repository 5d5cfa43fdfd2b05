"""The operator's page: links, carrier files, peers, the corridor document, quarantine, backups, fsck."""

from starlette.responses import Response

from darwaza import config
from darwaza.engine.carry import Report
from darwaza.entry.api.problem import problem_of
from darwaza.entry.console.desk import DeclinedError
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.link import view_corridor, view_links, view_quarantine
from darwaza.errors import MessageError
from darwaza.kernel import carrier
from darwaza.kernel.note import NOTE_BYTES_MAX


async def show(
    visit: Visit, problem: dict[str, str] | None = None, status: int = 200, brought: Report | None = None
) -> Response:
    """How the gateway does; ``brought`` is what became of a carrier file."""
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
        cuts=site.routing.cuts,
        routes=await visit.desk.ask("/v1/operator/routes"),
        drills=(await visit.desk.ask("/v1/operator/drills"))[::-1],
        upkeep=visit.lobby.upkeep,
        brought=brought,
        problem=problem,
    )


async def operate(visit: Visit, path: str, body: object, said: str, method: str = "POST") -> Response:
    """Do something and lead back to the page, which says what was done or why not."""
    try:
        await visit.desk.act(path, body, method=method)
    except DeclinedError as no:
        return await show(visit, visit.explain(no), no.problem.status)
    return visit.go("/console/operator", said=said)


async def resume(visit: Visit) -> Response:
    """Let a halted link go on; shows first what that means."""
    origin = visit.field("origin")
    if not visit.confirmed:
        return visit.page("resume-confirm.html", title=N_("Let the link go on?"), origin=origin)
    return await operate(visit, "/v1/operator/resume", {"origin": origin}, "resumed")


async def adopt(visit: Visit) -> Response:
    """Admit the next version of the corridor document."""
    file = visit.upload("note")
    content = b"" if file is None else await file.read(NOTE_BYTES_MAX + 1)
    return await operate(visit, "/v1/operator/corridor", content, "adopted")


async def export(visit: Visit) -> Response:
    """What a neighbour has not acknowledged, and acknowledgements of what it sent, as a file for a stick."""
    peer = visit.field("peer")
    try:
        answer: Response = await visit.desk.act("/v1/operator/carrier/{peer}", method="GET", peer=peer)
    except DeclinedError as no:
        return await show(visit, visit.explain(no), no.problem.status)
    name = f"{visit.member}-to-{peer}-{visit.server.gateway.clock.now():%Y%m%dT%H%M%SZ}.carrier"
    answer.headers["content-disposition"] = f'attachment; filename="{name}"'
    return answer


async def bring(visit: Visit) -> Response:
    """Take a carrier file; the page says what became of everything in it."""
    file, total = visit.upload("file"), Report()
    if file is None:
        return await show(visit, visit.words("body_malformed"), 400)
    try:
        for piece in carrier.split(file.file, config.BATCH_BYTES_MAX):
            part: Report = await visit.desk.act("/v1/operator/carrier", piece)
            total.add(part)
    except DeclinedError as no:
        return await show(visit, visit.explain(no), no.problem.status, brought=total)
    except MessageError as fault:
        visit.desk.note("POST /v1/operator/carrier", "", fault.code)
        return await show(visit, visit.explain(DeclinedError(problem_of(fault))), 400, brought=total)
    return await show(visit, brought=total)


async def back_up(visit: Visit) -> Response:
    """Make a backup and examine it."""
    visit.desk.note("backup", visit.lobby.upkeep.begin(), "done")
    return visit.go("/console/operator", said="backing-up")


async def examine(visit: Visit) -> Response:
    """Examine a backup again."""
    visit.lobby.upkeep.examine(visit.field("name"))
    visit.desk.note("fsck", visit.field("name"), "done")
    return visit.go("/console/operator", said="examining")


PAGES: tuple[Page, ...] = (
    get("/console/operator", show, "operator"),
    post("/console/operator/resume", resume, "operator"),
    post("/console/operator/corridor", adopt, "operator", form_bytes_max=2 * NOTE_BYTES_MAX),
    post("/console/operator/export", export, "operator"),
    post("/console/operator/import", bring, "operator", form_bytes_max=config.CARRIER_FORM_BYTES_MAX),
    post("/console/operator/backup", back_up, "operator"),
    post("/console/operator/examine", examine, "operator"),
)
