"""Documents for parties: send, send large ones in chunks, list, read, take over, refuse."""

from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from darwaza import config
from darwaza.engine.intake import Accepted, Submit
from darwaza.entry.api import paging
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.view.document import ACCEPTED, DELIVERED, DocumentView, view_document
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel import instant
from darwaza.kernel.corridor import PATH_POLICY_CHARACTERS_MAX
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import AddressText, InstantText, UcrText
from darwaza.ports.store import CaseFilter, CaseRow, PartyRow
from darwaza.services.documents import message as documents
from darwaza.services.documents.message import FileName, Manifest, MediaType, Title

SERVICE = "documents"
KEY_LENGTH_MAX = 64
DEFAULT_MEDIA_TYPE = "application/octet-stream"
ChosenCase = Annotated[
    str,
    Meta(
        min_length=36,
        max_length=36,
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$(?!\n)",
    ),
]
"""A UUID of version 8 (RFC 9562 section 5.8). No movement, payment or guarantee has one, so nobody can take the name of
one before it comes."""
PolicyText = Annotated[str, Meta(max_length=PATH_POLICY_CHARACTERS_MAX)]


class OfferQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A document that is sent as the request's body.

    Attributes:
        to: full address of the recipient.
        title: for people.
        filename: without folders.
        ucr: consignment.
        expires_at: RFC 3339 UTC with milliseconds.
        path_policy: which members may carry it, besides the corridor's policy: ``avoid AF; hops 3``.
        waits: ``false`` refuses it at once when every allowed path is down, instead of letting it wait for one.
        case_id: UUID of version 8 for its case, to which its sealer has bound the document; the gateway makes one if
            none is given.
    """

    to: AddressText
    title: Title
    filename: FileName = ""
    ucr: UcrText | None = None
    expires_at: InstantText | None = None
    path_policy: PolicyText = ""
    waits: bool = True
    case_id: ChosenCase | None = None


class UploadBody(msgspec.Struct, forbid_unknown_fields=True):
    """A document whose chunks follow; see ``OfferQuery`` and ``Manifest``. The path policy binds every chunk."""

    to: AddressText
    manifest: Manifest
    ucr: UcrText | None = None
    expires_at: InstantText | None = None
    path_policy: PolicyText = ""
    waits: bool = True
    case_id: ChosenCase | None = None


class BulkItem(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """One document of many: key, to, title, filename, media type, content, ucr, expires at, path policy."""

    key: Annotated[str, Meta(min_length=1, max_length=KEY_LENGTH_MAX)]
    to: AddressText
    title: Title
    filename: FileName
    media_type: MediaType
    content: Annotated[bytes, Meta(max_length=documents.INLINE_BYTES_MAX)]
    ucr: UcrText | None = None
    expires_at: InstantText | None = None
    path_policy: PolicyText = ""


class Sent(msgspec.Struct, omit_defaults=True):
    """A document was taken.

    Attributes:
        id: of its case.
        state: of the case.
        message_ids: of the messages it sent.
        missing: digests of chunks that are still to come.
        repeated: this is the stored answer to a request that came before.
        delivered: both sides have signed for every message; only looked at when the caller asked to wait for it.
    """

    id: str
    state: str
    message_ids: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    repeated: bool = False
    delivered: bool = False


class BulkAnswer(msgspec.Struct, omit_defaults=True):
    """What became of one document of many: ``id`` and ``state``, or ``code`` and ``detail``."""

    key: str
    id: str = ""
    state: str = ""
    code: str = ""
    detail: str = ""


Stage = Literal[
    "uploading", "offered", "accepted", "delivered", "incomplete", "arrived", "handed-over", "refused", "expired"
]
"""Stages of ``DocumentView``; ``offered`` is ``accepted`` and ``delivered`` together."""


class ListQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which documents, newest first.

    Attributes:
        with_: address of the other side.
        state: only at this stage, see ``DocumentView``; ``offered`` for ``accepted`` and ``delivered`` together.
        ucr: only of this consignment.
        since: opened at or after, RFC 3339 with an offset.
        before: opened before, the same.
        page: the ``next`` of the former page.
        limit: items of a page.
    """

    with_: AddressText | None = msgspec.field(default=None, name="with")
    state: Stage | None = None
    ucr: UcrText | None = None
    since: datetime | None = None
    before: datetime | None = None
    page: Annotated[str, Meta(max_length=128)] | None = None
    limit: Annotated[int, Meta(ge=1, le=config.PAGE_ITEMS_MAX)] = 50


class DocumentPage(msgspec.Struct, omit_defaults=True):
    """Documents and how to ask for the next page, which may come before this one is full; no ``next`` on the last."""

    documents: list[DocumentView]
    next: str | None = None


class RefuseBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why the recipient does not take it."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]


_bulk = msgspec.msgpack.Decoder(list[BulkItem]).decode
_pack = msgspec.msgpack.Encoder().encode


def _fine(at: datetime | None, pointer: str) -> str | None:
    return None if at is None else instant.to_fine_text(instant.to_utc(at, pointer))


def _instant(text: str | None, pointer: str) -> datetime | None:
    return None if text is None else instant.from_text(text, pointer)


def idempotency_key(call: Call) -> str:
    """The caller's key (draft-ietf-httpapi-idempotency-key-header), "" when it gives none.

    Raises:
        MalformedError: ``idempotency_key_malformed``.
    """
    key = call.header("idempotency-key").strip('"')
    if len(key) > KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise MalformedError(
            f"an idempotency key has at most {KEY_LENGTH_MAX} printable ASCII characters",
            code="idempotency_key_malformed",
        )
    return key


def preferred_wait_s(call: Call) -> float:
    """How long the caller would wait for delivery: ``Prefer: wait=5`` (RFC 7240 section 4.3), 0 for not at all."""
    name, _, value = call.header("prefer").partition("=")
    if name.strip() != "wait" or not value.strip().isdecimal():
        return 0.0
    return min(float(value), config.DELIVERY_WAIT_S_MAX)


def command(
    call: Call,
    kind: str,
    body: Any,
    *,
    case_id: str | None = None,
    key: str = "",
    digest: bytes = b"",
    opens: bool = False,
) -> Submit:
    """Make a command of the calling party."""
    guest = call.party
    return Submit(guest.address, guest.roles, SERVICE, kind, key, digest, body, case_id, opens)


def _sent(outcome: Any) -> Sent | DarwazaError | Refusal:
    if not isinstance(outcome, Accepted):
        refused: DarwazaError | Refusal = outcome
        return refused
    missing = tuple((outcome.answer or {}).get("missing", ()))
    return Sent(outcome.case_id, outcome.state, outcome.message_ids, missing, outcome.repeated)


async def offer(call: Call) -> Sent | DarwazaError | Refusal:
    """Send one document."""
    query: OfferQuery = call.query
    content: bytes = call.body
    media_type = call.header("content-type") or DEFAULT_MEDIA_TYPE
    asked = documents.Offer(
        query.to,
        query.title,
        query.filename,
        msgspec.convert(media_type, MediaType),
        content,
        query.ucr,
        _instant(query.expires_at, "/expires_at"),
        query.path_policy,
        query.waits,
    )
    key = idempotency_key(call)
    digest = _digest((asked, query.case_id)) if key else b""
    opens = query.case_id is not None
    given = command(call, "offer", asked, case_id=query.case_id, key=key, digest=digest, opens=opens)
    sent = _sent(await call.server.submit(given, len(content)))
    wait_s = preferred_wait_s(call)
    if wait_s and isinstance(sent, Sent):
        sent.delivered = await call.server.delivered(sent.message_ids[-1], wait_s)
    return sent


def _digest(asked: Any) -> bytes:
    return sha256(_pack(asked)).digest()


async def offer_many(call: Call) -> list[BulkAnswer]:
    """Send many documents at once; each is answered for itself."""
    try:
        items = _bulk(call.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(
            f"the body is not the MessagePack array it must be: {fault}", code="body_malformed"
        ) from fault
    if len(items) > config.BULK_ITEMS_MAX:
        raise MalformedError(f"at most {config.BULK_ITEMS_MAX} documents go into one request", code="too_many_items")
    waiting = []
    for index, item in enumerate(items):
        expires_at = _instant(item.expires_at, f"/{index}/7")
        asked = documents.Offer(
            item.to,
            item.title,
            item.filename,
            item.media_type,
            item.content,
            item.ucr,
            expires_at,
            item.path_policy,
        )
        given = command(call, "offer", asked, key=item.key, digest=_digest(asked))
        waiting.append(call.server.submit(given, len(item.content)))
    answers = []
    for item, future in zip(items, waiting, strict=True):
        outcome = await future
        if isinstance(outcome, Accepted):
            answers.append(BulkAnswer(item.key, outcome.case_id, outcome.state))
        else:
            answers.append(BulkAnswer(item.key, code=outcome.code, detail=outcome.detail))
    return answers


async def open_upload(call: Call) -> Sent | DarwazaError | Refusal:
    """Announce a large document."""
    body: UploadBody = call.body
    expires_at = _instant(body.expires_at, "/expires_at")
    asked = documents.Open(body.to, body.manifest, body.ucr, expires_at, body.path_policy, body.waits)
    key = idempotency_key(call)
    digest = _digest((asked, body.case_id))
    given = command(call, "open", asked, case_id=body.case_id, key=key, digest=digest, opens=True)
    return _sent(await call.server.submit(given))


async def add_chunk(call: Call) -> Sent | DarwazaError | Refusal:
    """Add one chunk; a chunk that is there already changes nothing."""
    content: bytes = call.body
    digest = documents.digest_of(content)
    if digest != call.request.path_params["digest"]:
        raise MalformedError("the content does not have the digest in the path", code="chunk_differs")
    given = command(call, "add-chunk", documents.AddChunk(content), case_id=call.request.path_params["id"])
    return _sent(await call.server.submit(given, len(content)))


async def accept(call: Call) -> Sent | DarwazaError | Refusal:
    """Take a document over."""
    given = command(call, "accept", documents.Accept(), case_id=call.request.path_params["id"])
    return _sent(await call.server.submit(given))


async def refuse(call: Call) -> Sent | DarwazaError | Refusal:
    """Refuse a document."""
    body: RefuseBody = call.body
    given = command(call, "refuse", documents.Refuse(body.reason), case_id=call.request.path_params["id"])
    return _sent(await call.server.submit(given))


def find_case(call: Call) -> CaseRow:
    """The case the path names, if the caller may see it.

    Raises:
        MalformedError: ``not_found``, whether it does not exist or is somebody else's.
    """
    case_id = call.request.path_params["id"]
    row = call.server.store.cases([case_id]).get(case_id)
    if row is None or row.service != SERVICE:
        raise MalformedError("there is no such document", code="not_found")
    if not call.server.store.concerns(PartyRow(call.party.address, row.service, row.opened_at, row.id)):
        raise MalformedError("there is no such document", code="not_found")
    return row


async def read(call: Call) -> DocumentView:
    """One document's state and receipts."""
    return view_document(call.server.gateway.engine, find_case(call))


async def find(call: Call) -> DocumentPage:
    """Documents of the caller."""
    query: ListQuery = call.query
    # Whether the peer has signed stands in the logs, not with the case: of what is stored as offered a page is picked.
    picks = query.state in {ACCEPTED, DELIVERED}
    state = "offered" if picks else query.state
    wanted = CaseFilter(
        party=call.party.address,
        counterparty=query.with_,
        service=SERVICE,
        states=() if state is None else (state,),
        ucr=query.ucr,
        opened_from=_fine(query.since, "/since"),
        opened_before=_fine(query.before, "/before"),
        after=paging.place(query.page),
        items_max=query.limit,
    )
    rows, following = paging.page(call.server.store, wanted)
    found = [view_document(call.server.gateway.engine, row) for row in rows]
    return DocumentPage([one for one in found if not picks or one.stage == query.state], following)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/documents",
        headers=("content-type", "idempotency-key", "prefer"),
        handler=offer,
        summary="Send a document; the body is the document itself",
        tag="documents",
        query=OfferQuery,
        body=bytes,
        body_bytes_max=documents.INLINE_BYTES_MAX,
        answer=Sent,
        status=HTTPStatus.CREATED.value,
    ),
    Endpoint(
        method="POST",
        path="/v1/documents/bulk",
        headers=(),
        handler=offer_many,
        summary="Send many documents in one MessagePack array",
        tag="documents",
        body=bytes,
        body_bytes_max=config.REQUEST_BYTES_MAX,
        answer=list[BulkAnswer],
    ),
    Endpoint(
        method="POST",
        path="/v1/documents/uploads",
        handler=open_upload,
        summary="Announce a large document by its manifest",
        tag="documents",
        body=UploadBody,
        answer=Sent,
        status=HTTPStatus.CREATED.value,
    ),
    Endpoint(
        method="PUT",
        path="/v1/documents/{id}/chunks/{digest}",
        handler=add_chunk,
        summary="Add a chunk of a large document",
        tag="documents",
        body=bytes,
        body_bytes_max=config.CHUNK_BYTES,
        answer=Sent,
    ),
    Endpoint(
        method="GET",
        path="/v1/documents",
        handler=find,
        summary="List documents, newest first",
        tag="documents",
        query=ListQuery,
        answer=DocumentPage,
    ),
    Endpoint(
        method="GET",
        path="/v1/documents/{id}",
        handler=read,
        summary="State and receipts of a document",
        tag="documents",
        answer=DocumentView,
    ),
    Endpoint(
        method="POST",
        path="/v1/documents/{id}/accept",
        headers=(),
        handler=accept,
        summary="Take a document over; the sender gets the receipt",
        tag="documents",
        answer=Sent,
    ),
    Endpoint(
        method="POST",
        path="/v1/documents/{id}/refuse",
        headers=(),
        handler=refuse,
        summary="Refuse a document; the sender gets the reason",
        tag="documents",
        body=RefuseBody,
        answer=Sent,
    ),
)
