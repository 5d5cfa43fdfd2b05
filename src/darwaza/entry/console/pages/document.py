"""Documents for a party: what came in, what was sent, sending, taking over, refusing."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
from starlette.responses import Response

from darwaza import config
from darwaza.engine.engine import Engine
from darwaza.entry.api.document import Sent
from darwaza.entry.console import word
from darwaza.entry.console.desk import DeclinedError
from darwaza.entry.console.listing import Column
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.window import list_cases, wanted_cases
from darwaza.entry.console.word import N_
from darwaza.entry.view.consignment import grade_of
from darwaza.entry.view.document import DocumentView, view_document
from darwaza.kernel.enclosure import ENCLOSURE_MEDIA_TYPE
from darwaza.ports.store import CaseRow
from darwaza.services.documents.message import INLINE_BYTES_MAX, Document

UPLOAD_BYTES_MAX = config.REQUEST_BYTES_MAX
PREVIEW_BYTES = 4_096
READABLE = ("application/json", "application/xml", "text/")
REASON_MAX = 500


class Line(msgspec.Struct, frozen=True):
    """A document in a list: what its case says, without its messages."""

    id: str
    title: str
    state: str
    sender: str
    recipient: str
    ucr: str
    opened_at: str


COLUMNS: tuple[Column[Line], ...] = (
    Column("title", N_("Title"), lambda line: line.title),
    Column("state", N_("State"), lambda line: line.state, words=word.STATE),
    Column("from", N_("From"), lambda line: line.sender),
    Column("to", N_("To"), lambda line: line.recipient),
    Column("ucr", N_("Consignment"), lambda line: line.ucr),
    Column("opened_at", N_("Date"), lambda line: line.opened_at),
    Column("id", N_("Document"), lambda line: line.id),
)
STATES = ("arrived", "offered", "handed-over", "refused", "expired", "uploading", "incomplete")


async def show_all(visit: Visit) -> Response:
    """The party's documents, newest first until they are sorted otherwise."""
    engine = visit.server.gateway.engine
    wanted = wanted_cases(visit, service="documents", by_state=True)
    mine = (visit.desk.guest.address,)
    listing = await list_cases(visit, mine, wanted, COLUMNS, lambda rows: [_line(engine, row) for row in rows])
    if listing.as_file:
        return listing.file("documents")
    stages = _stages(engine, listing.rows)
    return visit.page("documents.html", title=N_("Documents"), listing=listing, states=STATES, stages=stages)


def _stages(engine: Engine, lines: Sequence[Line]) -> dict[str, str]:
    """How far the documents on the page are that were sent: whether the other side has signed for them."""
    rows = engine.store.cases([line.id for line in lines if line.state == "offered"])
    return {case_id: view_document(engine, row).stage for case_id, row in rows.items()}


def _line(engine: Engine, row: CaseRow) -> Line:
    document: Document = engine.site.decode_case(row).data
    title = row.id if document.manifest is None else document.manifest.title
    return Line(row.id, title, row.state, document.sender, document.recipient, row.ucr or "", row.opened_at)


async def show(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> Response:
    """One document, its receipts, and the beginning of it where it is text."""
    view: DocumentView = await visit.desk.ask("/v1/documents/{id}", id=visit.name("id"))
    engine = visit.server.gateway.engine
    grades = {}
    for message in view.messages:
        log = engine.find_log(message.log)
        if log is not None:
            grades[message.id] = grade_of(engine, log.row.id, message.index, message.id)
    return visit.page(
        "document.html",
        title=N_("Document"),
        status=status,
        view=view,
        grades=grades,
        sealed=view.manifest is not None and view.manifest.media_type == ENCLOSURE_MEDIA_TYPE,
        preview=await _preview(visit, view),
        incoming=view.recipient == visit.desk.guest.address,
        problem=problem,
    )


async def _preview(visit: Visit, view: DocumentView) -> str:
    manifest = view.manifest
    if manifest is None or view.missing or manifest.chunks or not manifest.media_type.startswith(READABLE):
        return ""
    answer = await visit.desk.ask("/v1/documents/{id}/content", id=view.id)
    return bytes(answer.body)[:PREVIEW_BYTES].decode("utf-8", "replace")


async def content(visit: Visit) -> Response:
    """The document itself, always as a file: what others wrote is never shown as a page of this site."""
    answer: Response = await visit.desk.ask("/v1/documents/{id}/content", id=visit.name("id"))
    answer.headers["content-security-policy"] = "sandbox; default-src 'none'"
    return answer


async def show_send(visit: Visit) -> Response:
    """The form to send one."""
    given = {"to": visit.query("to"), "title": "", "ucr": visit.query("ucr")}
    return visit.page("document-send.html", title=N_("Send a document"), given=given, problem=None)


async def send(visit: Visit) -> Response:
    """Send one; large ones go in chunks."""
    given = {name: visit.field(name) for name in ("to", "title", "ucr")}
    file = visit.upload("file")
    if file is None:
        no = visit.words("body_malformed")
        return visit.page("document-send.html", title=N_("Send a document"), status=400, given=given, problem=no)
    content = await file.read()
    names = {"filename": (file.filename or "")[-200:], "media_type": file.content_type or "application/octet-stream"}
    try:
        sent = await _send(visit, given | names, content)
    except DeclinedError as no:
        return visit.decline(no, "document-send.html", title=N_("Send a document"), given=given)
    return visit.go(f"/console/documents/{sent.id}", said="already" if sent.repeated else "sent")


async def _send(visit: Visit, given: dict[str, str], content: bytes) -> Sent:
    once = visit.field("once")[:64]
    if len(content) <= INLINE_BYTES_MAX:
        query = {name: given[name] for name in ("to", "title", "ucr", "filename")}
        headers = {"content-type": given["media_type"]}
        offered: Sent = await visit.desk.act("/v1/documents", content, query=query, key=once, headers=headers)
        return offered
    pieces = [content[at : at + config.CHUNK_BYTES] for at in range(0, len(content), config.CHUNK_BYTES)]
    digests = [sha256(piece).hexdigest() for piece in pieces]
    manifest: dict[str, Any] = {
        "bytes": len(content),
        "chunks": digests,
        "digest": sha256(content).hexdigest(),
        "filename": given["filename"],
        "media_type": given["media_type"],
        "title": given["title"],
    }
    body = {"to": given["to"], "manifest": manifest, "ucr": given["ucr"] or None}
    sent: Sent = await visit.desk.act("/v1/documents/uploads", body, key=once)
    for digest, piece in zip(digests, pieces, strict=True):
        path = "/v1/documents/{id}/chunks/{digest}"
        await visit.desk.act(path, piece, method="PUT", id=sent.id, digest=digest)
    return sent


async def accept(visit: Visit) -> Response:
    """Take one over."""
    return await _answer(visit, "accept", None, "taken")


async def refuse(visit: Visit) -> Response:
    """Refuse one; shows first what that does."""
    reason = visit.field("reason")[:REASON_MAX]
    if not visit.confirmed:
        view = await visit.desk.ask("/v1/documents/{id}", id=visit.name("id"))
        return visit.page("document-confirm.html", title=N_("Refuse the document?"), view=view, reason=reason)
    return await _answer(visit, "refuse", {"reason": reason}, "turned-down")


async def _answer(visit: Visit, kind: str, body: Any, said: str) -> Response:
    document = visit.name("id")
    try:
        await visit.desk.act(f"/v1/documents/{{id}}/{kind}", body, id=document)
    except DeclinedError as no:
        return await show(visit, visit.explain(no), no.problem.status)
    return visit.go(f"/console/documents/{document}", said=said)


PAGES: tuple[Page, ...] = (
    get("/console/documents", show_all),
    get("/console/documents/send", show_send),
    post("/console/documents/send", send, form_bytes_max=UPLOAD_BYTES_MAX),
    get("/console/documents/{id}", show),
    get("/console/documents/{id}/content", content),
    post("/console/documents/{id}/accept", accept),
    post("/console/documents/{id}/refuse", refuse),
)
