"""A document as its sender and its recipient see it."""

from collections import defaultdict, deque
from collections.abc import Iterator

import msgspec

from darwaza.engine.engine import Engine
from darwaza.engine.forwarding import own_message
from darwaza.engine.routed import is_delivered, read_at
from darwaza.kernel import instant
from darwaza.kernel.machine import NEW
from darwaza.kernel.message import decode_header
from darwaza.kernel.trail import RELAY_KIND
from darwaza.ports.store import CaseRow, LeafRow
from darwaza.services.documents.message import Document, Manifest

ACCEPTED = "accepted"
DELIVERED = "delivered"


class MessageView(msgspec.Struct, omit_defaults=True):
    """A message of a case.

    Attributes:
        id: of the message.
        kind: of the message.
        origin: who sent it.
        created_at: when it was committed at its origin.
        index: its place in its log.
        log: origin line of its log.
        delivered: whether both sides have signed for it.
    """

    id: str
    kind: str
    origin: str
    created_at: str
    index: int
    log: str
    delivered: bool


class DocumentView(msgspec.Struct, omit_defaults=True):
    """A document's case.

    Attributes:
        id: of the case.
        stage: the receipt that was reached last: ``uploading``, ``accepted`` (on this gateway's disk), ``delivered``
            (on the peer's disk and signed by it), ``incomplete``, ``arrived``, ``handed-over``, ``refused``,
            ``expired``.
        sender: full address.
        recipient: full address.
        opened_at: when this gateway first knew it.
        changed_at: when its state last changed here.
        manifest: what it is; None while only chunks have come.
        ucr: consignment.
        expires_at: when it need not be handed over any more.
        ended_at: when it was handed over, refused or expired.
        code: why it was refused.
        detail: why it was refused, for people.
        missing: digests of chunks that are not here.
        messages: of the case, by log and place.
    """

    id: str
    stage: str
    sender: str
    recipient: str
    opened_at: str
    changed_at: str
    manifest: Manifest | None = None
    ucr: str | None = None
    expires_at: str | None = None
    ended_at: str | None = None
    code: str = ""
    detail: str = ""
    missing: tuple[str, ...] = ()
    messages: list[MessageView] = []


def view_document(engine: Engine, row: CaseRow) -> DocumentView:
    """Describe a document's case as committed."""
    case = engine.site.decode_case(row)
    document: Document = case.data
    messages = view_messages(engine, row.id)
    stage = row.state
    if stage == "offered":
        stage = DELIVERED if all(message.delivered for message in messages) else ACCEPTED
    return DocumentView(
        id=row.id,
        stage=stage,
        sender=document.sender,
        recipient=document.recipient,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        manifest=document.manifest,
        ucr=row.ucr,
        expires_at=None if document.expires_at is None else instant.to_text(document.expires_at),
        ended_at=None if document.ended_at is None else instant.to_text(document.ended_at),
        code=document.code,
        detail=document.detail,
        missing=document.missing,
        messages=messages,
    )


def view_messages(engine: Engine, case_id: str, about: str = "") -> list[MessageView]:
    """Describe the messages of a case, oldest first and none before what it follows.

    One that went over several paths or came in an envelope stands there once.

    Args:
        engine: the gateway's.
        case_id: of the case.
        about: a text; only messages whose body has it, and refusals, which are about all. "" for every message.
    """
    views: dict[str, MessageView] = {}
    behind: dict[str, tuple[bool, str | None]] = {}
    for log_id, index, raw in engine.store.case_leaves(case_id):
        header, log = decode_header(raw), engine.logs[log_id].row
        delivered = index < log.cosigned_size
        if header.kind == RELAY_KIND and log.reader != engine.site.member:
            continue  # handed on for others
        if about:
            told, body = read_at(engine, (log_id, index, raw))
            if about.encode() not in body and not told.kind.endswith(".refused"):
                continue
        if header.kind == RELAY_KIND:
            body = engine.store.body(log_id, index) or b""
            header, _ = own_message(LeafRow(log_id, index, "", case_id, raw, body))
        elif header.path is not None and log.author == engine.site.member:
            delivered = is_delivered(engine, LeafRow(log_id, index, "", case_id, raw, b""))
        if header.id in views:
            views[header.id].delivered |= delivered
        else:
            views[header.id] = MessageView(
                header.id, header.kind, header.origin, header.created_at, index, log.origin, delivered
            )
            behind[header.id] = not _opens(engine, header.kind), header.cause_id
    return list(_in_order(views, behind))


def _opens(engine: Engine, kind: str) -> bool:
    """Whether a case can begin with a message of this kind."""
    service = engine.site.services.get(kind.partition(".")[0])
    return service is not None and (NEW, kind) in service.table


def _in_order(views: dict[str, MessageView], behind: dict[str, tuple[bool, str | None]]) -> Iterator[MessageView]:
    """Merge the logs by time.

    Of one instant, a message stands behind those before it in its log, behind its cause, and behind what opens a case
    unless it does so itself.

    Args:
        views: by id, each log's by index.
        behind: by id, whether no case can begin with the message, and the id of the one it answers.
    """
    logs: dict[str, deque[MessageView]] = defaultdict(deque)
    for view in views.values():
        logs[view.log].append(view)
    waiting = set(views)
    while waiting:
        heads = [queue[0] for queue in logs.values() if queue]
        first = min(heads, key=lambda head: (head.created_at, behind[head.id][1] in waiting, behind[head.id][0]))
        waiting.remove(first.id)
        yield logs[first.log].popleft()
