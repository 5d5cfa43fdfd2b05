"""The operator's page: links, carrier files, peers, the corridor document, quarantine, backups, fsck."""

from base64 import b64decode, urlsafe_b64encode

from starlette.responses import Response

from darwaza import config
from darwaza.engine.carry import Report
from darwaza.engine.trust import Trust
from darwaza.entry.api.problem import problem_of
from darwaza.entry.console import word
from darwaza.entry.console.change import changes_of, leaving, unlinked
from darwaza.entry.console.desk import DeclinedError
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.link import view_corridor, view_links, view_quarantine
from darwaza.errors import DarwazaError, MalformedError, MessageError
from darwaza.kernel import carrier
from darwaza.kernel.corridor import Corridor
from darwaza.kernel.note import NOTE_BYTES_MAX

NOTE_FORM_MAX = 2 * NOTE_BYTES_MAX
"""Bytes of a form that carries a corridor document, and of the field it stands in, in base64."""


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
    """Admit the next version of the corridor document; shows first what it changes."""
    history, now = visit.server.gateway.engine.site.trust.history, visit.server.gateway.clock.now()
    try:
        content = await _note(visit)
        later = history.admit(content, now)
        if later is history:
            return visit.go("/console/operator", said="already")
        visit.server.gateway.engine.site.check_keys(Trust(later))
        if not visit.confirmed:
            return _ask(visit, history.latest, later.latest, content)
        await visit.desk.act("/v1/operator/corridor", content)
    except (DarwazaError, DeclinedError) as no:
        declined = no if isinstance(no, DeclinedError) else DeclinedError(problem_of(no))
        return await show(visit, visit.explain(declined, word.NOT_ADMITTED), declined.problem.status)
    return visit.go("/console/operator", said="adopted")


async def _note(visit: Visit) -> bytes:
    """The document as a file, or as the question about it carries it on."""
    file = visit.upload("note")
    if file is not None:
        return await file.read(NOTE_BYTES_MAX + 1)
    try:
        content = b64decode(visit.field("note").encode(), altchars=b"-_", validate=True)
    except ValueError as fault:
        raise MalformedError("the document is not as it was shown", code="body_malformed", pointer="/note") from fault
    if not content:
        raise MalformedError("there is no file", code="body_malformed", pointer="/note")
    return content


def _ask(visit: Visit, former: Corridor, document: Corridor, content: bytes) -> Response:
    """Show what a version changes, and ask."""
    queues = {link.peer: link.queue for link in view_links(visit.server.gateway.engine, visit.server.loop.courier)}
    return visit.page(
        "corridor-confirm.html",
        title=N_("Admit this version?"),
        former=former,
        document=document,
        changes=changes_of(visit.reader, former, document),
        leaving=leaving(former, document),
        unlinked=[(code, queues.get(code, 0)) for code in unlinked(former, document, visit.member)],
        doc_state=document.state_at(visit.server.gateway.clock.now()).value,
        note=urlsafe_b64encode(content).decode(),
    )


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
    post("/console/operator/corridor", adopt, "operator", form_bytes_max=NOTE_FORM_MAX, field_bytes_max=NOTE_FORM_MAX),
    post("/console/operator/export", export, "operator"),
    post("/console/operator/import", bring, "operator", form_bytes_max=config.CARRIER_FORM_BYTES_MAX),
    post("/console/operator/backup", back_up, "operator"),
    post("/console/operator/examine", examine, "operator"),
)
