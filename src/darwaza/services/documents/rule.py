"""The rules of registered delivery. Pure: see ``darwaza.kernel.machine``."""

from datetime import datetime, timedelta

import msgspec

from darwaza.config import CHUNK_BYTES, CHUNKS_MAX
from darwaza.errors import MalformedError
from darwaza.kernel.address import Address
from darwaza.kernel.machine import (
    Case,
    Command,
    Context,
    Decision,
    Draft,
    Elapsed,
    Notice,
    Received,
    Refusal,
    Rule,
)
from darwaza.kernel.message import JSON_MEDIA_TYPE, is_ucr
from darwaza.kernel.message import Refused as RefusedBody
from darwaza.services.documents.code import DocumentRefusal
from darwaza.services.documents.message import (
    CHUNK,
    CHUNK_MEDIA_TYPE,
    EXPIRED,
    HANDED_OVER,
    INLINE_BYTES_MAX,
    OFFER,
    OFFER_MEDIA_TYPE,
    REFUSED,
    AddChunk,
    Document,
    Expired,
    HandedOver,
    Manifest,
    Offer,
    Open,
    check_manifest,
    digest_of,
    read_offer,
    write_offer,
)

SENDER_GRACE = timedelta(minutes=5)
"""How long after its expiry a sender waits for the recipient's word before it calls the document expired."""
DETAIL_LENGTH_MAX = 500
RANK = {"expired": 1, "refused": 2, "handed-over": 3}
"""How much a recipient's word weighs. A recipient that lost its disk may say two: at both gateways the weightier one
stands, in whatever order they come, so that both always agree."""

_json = msgspec.json.Encoder().encode
_refused = msgspec.json.Decoder(RefusedBody).decode

DocumentCase = Case[Document]
Outcome = Decision[Document] | Refusal
replace = msgspec.structs.replace


# --- at the sender's gateway ---


def offer(_: None, command: Command, context: Context) -> Outcome:
    """Send a document that fits into one message."""
    asked: Offer = command.body
    misaddressed = _misaddressed(asked)
    if misaddressed is not None:
        return misaddressed
    if len(asked.content) > INLINE_BYTES_MAX:
        detail = f"over {INLINE_BYTES_MAX} bytes a document is sent in chunks"
        return Refusal.of(DocumentRefusal.TOO_LARGE, detail, "/content")
    manifest = Manifest(
        bytes=len(asked.content),
        digest=digest_of(asked.content),
        filename=asked.filename,
        media_type=asked.media_type,
        title=asked.title,
    )
    if asked.expires_at is not None and asked.expires_at <= context.now:
        return Refusal.of(DocumentRefusal.EXPIRED, "it would expire before it is sent", "/expires_at")
    document = Document(command.party, asked.to, manifest, expires_at=asked.expires_at)
    return _send_offer(document, asked.content, ucr=asked.ucr, path_policy=asked.path_policy, waits=asked.waits)


def open_upload(_: None, command: Command, context: Context) -> Outcome:
    """Announce a document whose chunks follow."""
    asked: Open = command.body
    misaddressed = _misaddressed(asked)
    if misaddressed is not None:
        return misaddressed
    if asked.manifest.chunks is None:
        return Refusal.of(DocumentRefusal.MALFORMED, "the manifest names no chunks", "/manifest/chunks")
    try:
        check_manifest(asked.manifest)
    except MalformedError as fault:
        return Refusal.of(DocumentRefusal.MALFORMED, fault.detail, "/manifest" + fault.pointer)
    if asked.expires_at is not None and asked.expires_at <= context.now:
        return Refusal.of(DocumentRefusal.EXPIRED, "it would expire before it is sent", "/expires_at")
    document = Document(
        command.party,
        asked.to,
        asked.manifest,
        expires_at=asked.expires_at,
        path_policy=asked.path_policy,
        waits=asked.waits,
    )
    stuck = context.unsendable(_chunk(document, b""), min(CHUNK_BYTES, asked.manifest.bytes))
    if stuck is not None:
        return stuck
    return Decision(
        "uploading",
        document,
        remind_at=asked.expires_at,
        parties=(document.sender, document.recipient),
        ucr=asked.ucr,
        answer={"missing": document.missing},
    )


def reopen(case: DocumentCase, command: Command, context: Context) -> Outcome:
    """Announce again what came back after a loss: its messages know the chunks, the command knows the manifest."""
    asked: Open = command.body
    document, state = case.data, case.state
    known = document.manifest in {None, asked.manifest} and document.recipient == asked.to
    if command.party != document.sender or not known:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "this key announced another document")
    if state != "uploading" or document.manifest is not None:
        answer = {"missing": document.missing if state == "uploading" else ()}
        return Decision(state, document, remind_at=_sender_reminder(state, document), answer=answer)
    opened = open_upload(None, command, context)
    if isinstance(opened, Refusal):
        return opened
    document = replace(opened.data, have=document.have)
    if document.missing:
        return replace(opened, data=document, answer={"missing": document.missing})
    offered = _send_offer(document, b"", ucr=asked.ucr, path_policy=asked.path_policy, waits=asked.waits)
    return replace(offered, answer={"missing": ()})


def add_chunk(case: DocumentCase, command: Command, _: Context) -> Outcome:
    """Pass one chunk on; with the last one, offer the document."""
    asked: AddChunk = command.body
    document = case.data
    if command.party != document.sender or document.manifest is None:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "only the sender adds chunks")
    digest = digest_of(asked.content)
    if digest not in (document.manifest.chunks or ()):
        return Refusal.of(DocumentRefusal.CHUNK_UNKNOWN, f"the manifest names no chunk {digest}")
    if case.state == "offered" or digest in document.have:
        missing = () if case.state == "offered" else document.missing
        return Decision(
            case.state, document, remind_at=_sender_reminder(case.state, document), answer={"missing": missing}
        )
    document = replace(document, have=(*document.have, digest))
    chunk = _chunk(document, asked.content)
    if document.missing:
        answer = {"missing": document.missing}
        return Decision("uploading", document, messages=(chunk,), remind_at=document.expires_at, answer=answer)
    offered = _send_offer(document, b"", ucr=case.ucr, path_policy=document.path_policy, waits=document.waits)
    return replace(offered, messages=(chunk, *offered.messages), answer={"missing": ()})


def _chunk(document: Document, content: bytes) -> Draft:
    return Draft(
        CHUNK,
        document.sender,
        document.recipient,
        content,
        CHUNK_MEDIA_TYPE,
        expires_at=document.expires_at,
        bulk=True,
        path_policy=document.path_policy,
        waits=document.waits,
    )


def _misaddressed(asked: Offer | Open) -> Refusal | None:
    try:
        Address.parse(asked.to)
    except MalformedError as fault:
        return Refusal.of(DocumentRefusal.MALFORMED, fault.detail, "/to")
    if asked.ucr is not None and not is_ucr(asked.ucr):
        return Refusal.of(DocumentRefusal.MALFORMED, "a UCR has 1 to 35 visible ASCII characters", "/ucr")
    return None


def _sender_reminder(state: str, document: Document) -> datetime | None:
    """When a sender stops waiting: for chunks at the expiry, for the recipient's word somewhat later."""
    if document.expires_at is None or state not in {"uploading", "offered"}:
        return None
    return document.expires_at + SENDER_GRACE if state == "offered" else document.expires_at


def _send_offer(
    document: Document, content: bytes, *, ucr: str | None, path_policy: str = "", waits: bool = True
) -> Decision[Document]:
    if document.manifest is None:
        raise ValueError("a document is offered by its manifest")
    draft = Draft(
        OFFER,
        document.sender,
        document.recipient,
        write_offer(document.manifest, content),
        OFFER_MEDIA_TYPE,
        expires_at=document.expires_at,
        path_policy=path_policy,
        waits=waits,
    )
    return Decision(
        "offered",
        document,
        messages=(draft,),
        remind_at=_sender_reminder("offered", document),
        parties=(document.sender, document.recipient),
        ucr=ucr,
    )


def take_handed_over(case: DocumentCase, message: Received, _: Context) -> Outcome:
    """The recipient took the document over."""
    if message.origin != case.data.recipient:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "only the recipient hands over")
    document = replace(case.data, code="", detail="", ended_at=message.created_at)
    return _take_word(case, "handed-over", document)


def take_refused(case: DocumentCase, message: Received, _: Context) -> Outcome:
    """The recipient, or its gateway, does not take the document."""
    if message.origin != case.data.recipient:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "only the recipient refuses")
    try:
        body = _refused(message.body)
    except msgspec.MsgspecError as fault:
        return Refusal.of(DocumentRefusal.MALFORMED, str(fault))
    state = "expired" if body.code == DocumentRefusal.EXPIRED.code else "refused"
    detail = body.detail[:DETAIL_LENGTH_MAX]
    document = replace(case.data, code=body.code, detail=detail, ended_at=message.created_at)
    return _take_word(case, state, document, {"code": body.code, "detail": detail})


def take_expired(case: DocumentCase, message: Received, _: Context) -> Outcome:
    """The recipient's gateway says that nobody took the document over in time."""
    if message.origin != case.data.recipient:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "only the recipient's gateway says so")
    document = replace(case.data, code="expired", ended_at=message.created_at)
    return _take_word(case, "expired", document)


def _take_word(case: DocumentCase, state: str, document: Document, detail: object = None) -> Decision[Document]:
    """End the sender's case by the recipient's word, unless a weightier one came before."""
    if RANK[state] <= RANK.get(case.state, 0):
        return Decision(case.state, case.data)
    return Decision(state, document, notices=(Notice(document.sender, "document." + state, detail),))


def give_up(case: DocumentCase, _: Elapsed, context: Context) -> Outcome:
    """The time is over and nothing was heard from the recipient."""
    document = replace(case.data, code="expired", ended_at=context.now)
    return Decision("expired", document, notices=(Notice(document.sender, "document.expired"),))


def restore_offer(case: DocumentCase | None, message: Received, _: Context) -> Outcome:
    """Rebuild the sender's case from its own offer, given back after a loss."""
    try:
        manifest, _content = read_offer(message.body)
    except MalformedError as fault:
        return Refusal.of(DocumentRefusal.MALFORMED, fault.detail)
    have = () if case is None else case.data.have
    document = Document(message.origin, message.destination, manifest, have, message.expires_at)
    return replace(_send_offer(document, b"", ucr=message.ucr), messages=())


def restore_nothing(case: DocumentCase, _message: Received, _: Context) -> Outcome:
    """What came back is known already, or the case has ended since."""
    return Decision(case.state, case.data, remind_at=_sender_reminder(case.state, case.data))


def restore_manifest(case: DocumentCase, message: Received, _: Context) -> Outcome:
    """The case has ended; a backup of the time before the offer, or chunks alone, did not know what it was about."""
    try:
        manifest, _content = read_offer(message.body)
    except MalformedError as fault:
        return Refusal.of(DocumentRefusal.MALFORMED, fault.detail)
    return Decision(case.state, replace(case.data, manifest=case.data.manifest or manifest), ucr=message.ucr)


def restore_chunk(case: DocumentCase | None, message: Received, _: Context) -> Outcome:
    """Rebuild what a sender's case has sent, from its own chunk, given back after a loss."""
    state = "uploading" if case is None else case.state
    kept = _keep_chunk(case, message, state)
    return kept if isinstance(kept, Refusal) else replace(kept, remind_at=_sender_reminder(state, kept.data))


# --- at the recipient's gateway ---


def take_offer(case: DocumentCase | None, message: Received, context: Context) -> Outcome:
    """A document is offered; it is there when its chunks are."""
    if case is not None and message.origin != case.data.sender:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "the case is another sender's")
    try:
        manifest, _ = read_offer(message.body)
    except MalformedError as fault:
        return Refusal.of(DocumentRefusal.MALFORMED, fault.detail, fault.pointer)
    if not context.party_known(message.destination):
        return Refusal.of(DocumentRefusal.UNKNOWN_PARTY, f"{message.destination} is not served here", "/destination")
    have = () if case is None else case.data.have
    document = Document(message.origin, message.destination, manifest, have, message.expires_at)
    return _arrive(document, ucr=message.ucr)


def take_chunk(case: DocumentCase | None, message: Received, context: Context) -> Outcome:
    """Keep a chunk; it may come before its offer."""
    if case is not None and message.origin != case.data.sender:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "the case is another sender's")
    if not context.party_known(message.destination):
        return Refusal.of(DocumentRefusal.UNKNOWN_PARTY, f"{message.destination} is not served here", "/destination")
    kept = _keep_chunk(case, message, "incomplete")
    if isinstance(kept, Refusal) or kept.data.manifest is None:
        return kept
    return _arrive(kept.data, ucr=None)


def _keep_chunk(case: DocumentCase | None, message: Received, state: str) -> Outcome:
    if case is None:
        document = Document(message.origin, message.destination, None, expires_at=message.expires_at)
    else:
        document = case.data
    digest = digest_of(message.body)
    if digest not in document.have:
        document = replace(document, have=(*document.have, digest))
    if len(document.have) > CHUNKS_MAX:
        return Refusal.of(DocumentRefusal.TOO_LARGE, f"a document has at most {CHUNKS_MAX} chunks")
    parties = (document.sender, document.recipient)
    return Decision(state, document, remind_at=document.expires_at, parties=parties, ucr=message.ucr)


def take_late(case: DocumentCase, message: Received, _: Context) -> Outcome:
    """A piece of a document that is whole or has ended: the sender said it twice, or before it heard of the end."""
    if message.origin != case.data.sender:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "the case is another sender's")
    remind_at = case.data.expires_at if case.state == "arrived" else None
    return Decision(case.state, case.data, remind_at=remind_at)


def _arrive(document: Document, *, ucr: str | None) -> Decision[Document]:
    parties = (document.sender, document.recipient)
    if document.missing:
        return Decision("incomplete", document, remind_at=document.expires_at, parties=parties, ucr=ucr)
    notice = Notice(document.recipient, "document.arrived")
    return Decision("arrived", document, remind_at=document.expires_at, notices=(notice,), parties=parties, ucr=ucr)


def accept(case: DocumentCase, command: Command, context: Context) -> Outcome:
    """The recipient's system has it: tell the sender."""
    if command.party != case.data.recipient or case.data.manifest is None:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "only the recipient takes a document over")
    document = replace(case.data, ended_at=context.now)
    body = _json(HandedOver(case.data.manifest.digest))
    draft = Draft(HANDED_OVER, document.recipient, document.sender, body, JSON_MEDIA_TYPE)
    return Decision("handed-over", document, messages=(draft,))


def refuse(case: DocumentCase, command: Command, context: Context) -> Outcome:
    """The recipient does not take it: tell the sender why."""
    if command.party != case.data.recipient:
        return Refusal.of(DocumentRefusal.NOT_ALLOWED, "only the recipient refuses a document")
    reason = command.body.reason
    document = replace(case.data, code="refused_by_recipient", detail=reason, ended_at=context.now)
    body = _json(RefusedBody("refused_by_recipient", reason, OFFER, case.id, ""))
    draft = Draft(REFUSED, document.recipient, document.sender, body, JSON_MEDIA_TYPE)
    return Decision("refused", document, messages=(draft,))


def expire(case: DocumentCase, _: Elapsed, context: Context) -> Outcome:
    """Nobody took it over in time: tell the sender."""
    document = replace(case.data, code="expired", ended_at=context.now)
    body = _json(Expired("" if document.manifest is None else document.manifest.digest))
    draft = Draft(EXPIRED, document.recipient, document.sender, body, JSON_MEDIA_TYPE)
    return Decision("expired", document, messages=(draft,))


# --- after a loss, at the recipient's gateway ---


def restore_end(state: str) -> Rule:
    """Rebuild the recipient's end of a case from its own word, given back after a loss."""

    def rule(case: DocumentCase, message: Received, _: Context) -> Outcome:
        if RANK[state] <= RANK.get(case.state, 0):
            return Decision(case.state, case.data)
        return Decision(state, replace(case.data, ended_at=message.created_at))

    return rule
