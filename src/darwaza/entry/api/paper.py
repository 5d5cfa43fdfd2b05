"""Papers that travel, over HTTP: issue, scan, delegate to a post, and bring in what a post did with its network cut."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from darwaza import config
from darwaza.engine.intake import Accepted
from darwaza.entry import post
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.transit import SERVICE, TAG, command, find_case, need_office
from darwaza.entry.view import transit as view
from darwaza.errors import MalformedError
from darwaza.kernel import instant
from darwaza.services.transit import posted
from darwaza.services.transit.codes import ROLE_SUPERVISOR
from darwaza.services.transit.message import Carried, Event
from darwaza.services.transit.paper import Paper
from darwaza.services.transit.parts import join, split
from darwaza.services.transit.scan import Memory, Scanner
from darwaza.services.transit.trust import Answer, Reason
from darwaza.standards.etir.internal import I9, I11
from darwaza.standards.etir.value import Instant, OfficeId

CODES_MAX = 64
PAPER_MEDIA_TYPE = "application/vnd.darwaza.transit-paper"
DELEGATION_MEDIA_TYPE = "application/vnd.darwaza.post-delegation"

CodeText = Annotated[str, Meta(max_length=4_296)]
"""A QR code holds at most 4,296 alphanumeric characters (ISO/IEC 18004, version 40-L)."""

_pack = msgspec.msgpack.Encoder().encode


class PaperQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which form of the accompanying document.

    Attributes:
        office: that issues it.
        form: ``signed`` for the signed bytes, ``pdf``, ``codes`` for the texts of the QR codes, one a line, ``png`` for
            the picture of one code.
        number: which code, from 1.
    """

    office: OfficeId
    form: Annotated[str, Meta(pattern=r"^(signed|pdf|codes|png)\Z")] = "signed"
    number: Annotated[int, Meta(ge=1, le=CODES_MAX)] = 1


class ScanBody(msgspec.Struct, forbid_unknown_fields=True):
    """What was scanned at an office: the texts of the QR codes, in any order."""

    office: OfficeId
    codes: Annotated[tuple[CodeText, ...], Meta(min_length=1, max_length=CODES_MAX)]


class ScanAnswer(msgspec.Struct, omit_defaults=True):
    """The verdict on a paper; see ``scan.Verdict``.

    Attributes:
        answer: ``valid``, ``invalid`` or ``cannot tell``.
        reasons: everything found.
        as_of: when the issuer knew what the paper says.
        movement: UUID.
        may_start: leg this office may start now.
        may_terminate: leg this office may terminate now.
        paper: as read.
    """

    answer: Answer
    reasons: tuple[Reason, ...] = ()
    as_of: Instant | None = None
    movement: str = ""
    may_start: int | None = None
    may_terminate: int | None = None
    paper: Paper | None = None


class PostedBody(msgspec.Struct, forbid_unknown_fields=True):
    """Events posts signed with their network cut; base64 of what ``posted.post`` made."""

    events: Annotated[tuple[bytes, ...], Meta(min_length=1, max_length=200)]


class PostedAnswer(msgspec.Struct, omit_defaults=True):
    """What became of one carried event: where it went, or why not."""

    answer: Answer
    reasons: tuple[Reason, ...] = ()
    movement: str = ""
    state: str = ""
    code: str = ""
    detail: str = ""


class DelegateBody(msgspec.Struct, forbid_unknown_fields=True):
    """A post's key that shall speak for an office for a time; the public key is Ed25519, base64 of 32 bytes."""

    office: OfficeId
    public: Annotated[bytes, Meta(min_length=32, max_length=32)]
    valid_from: Instant
    valid_until: Instant


async def paper(call: Call) -> Response:
    """The accompanying document as this gateway knows the movement now, signed by its member."""
    query: PaperQuery = call.query
    gateway = call.server.gateway
    if query.office[:2] != gateway.config.member:
        raise MalformedError(f"{query.office} is not an office of this gateway", code="office_unknown")
    movement = view.read_movement(gateway.engine, find_case(call))
    body, raw = post.issue_paper(gateway, movement, query.office)
    if query.form == "signed":
        return Response(raw, media_type=PAPER_MEDIA_TYPE)
    if query.form == "pdf":
        return Response(post.print_paper(gateway, movement, body, raw), media_type="application/pdf")
    texts = split(raw)
    if query.form == "codes":
        return Response("\n".join(texts) + "\n", media_type="text/plain; charset=us-ascii")
    if query.number > len(texts):
        raise MalformedError(f"the paper has {len(texts)} codes", code="not_found", pointer="/number")
    return Response(post.barcodes().png(texts[query.number - 1]), media_type="image/png")


async def scan(call: Call) -> ScanAnswer:
    """Judge a paper at an office, by the corridor document and what this gateway remembers of the movement."""
    body: ScanBody = call.body
    need_office(call, body.office)
    gateway = call.server.gateway
    raw = join(body.codes)
    scanner = Scanner(body.office, post.gateway_trust(gateway), post.read_header)
    now = gateway.clock.now()
    verdict = scanner.scan(raw, now)
    if verdict.paper is not None:
        verdict = scanner.scan(raw, now, _memory(call, verdict.paper.movement_id, body.office))
    movement = "" if verdict.paper is None else verdict.paper.movement_id
    return ScanAnswer(
        verdict.answer,
        verdict.reasons,
        verdict.as_of,
        movement,
        verdict.may_start,
        verdict.may_terminate,
        verdict.paper,
    )


def _memory(call: Call, case_id: str, office: str) -> Memory:
    """What this gateway knows an office has done for a movement."""
    row = call.server.store.cases([case_id]).get(case_id)
    if row is None or row.service != SERVICE:
        return Memory()
    movement = view.read_movement(call.server.gateway.engine, row)
    own = [event for event in movement.events if event.stamp.office == office]
    return Memory(
        edition=0 if movement.declaration is None else movement.declaration.version,
        started=frozenset(event.leg for event in own if isinstance(event, I9)),
        terminated=frozenset(event.leg for event in own if isinstance(event, I11)),
    )


async def carry(call: Call) -> list[PostedAnswer]:
    """Take events that posts signed with their network cut; each is judged and answered for itself."""
    body: PostedBody = call.body
    trust, now = post.gateway_trust(call.server.gateway), call.server.gateway.clock.now()
    answers = []
    for raw in body.events:
        verdict = posted.check_posted(raw, trust, now)
        if verdict.answer is not Answer.VALID or verdict.event is None:
            answers.append(PostedAnswer(verdict.answer, verdict.reasons))
            continue
        answers.append(await _carry_one(call, verdict.event))
    return answers


async def _carry_one(call: Call, event: Event) -> PostedAnswer:
    outcome = await call.server.submit(command(call, SERVICE, "carry-in", event.movement, Carried((event,))))
    if isinstance(outcome, Accepted):
        return PostedAnswer(Answer.VALID, movement=outcome.case_id, state=outcome.state)
    return PostedAnswer(Answer.VALID, movement=event.movement, code=outcome.code, detail=outcome.detail)


async def delegate(call: Call) -> Response:
    """Let a post's key speak for an office while its network is cut; the answer is what the post keeps."""
    body: DelegateBody = call.body
    need_office(call, body.office)
    if body.valid_until <= body.valid_from:
        raise MalformedError("a delegation ends after it begins", code="body_malformed", pointer="/valid_until")
    word = posted.Delegation(
        call.server.gateway.config.member,
        body.office,
        body.public,
        instant.to_seconds(body.valid_from),
        instant.to_seconds(body.valid_until),
    )
    signed = posted.delegate(word, call.server.gateway.keys.log.sign)
    return Response(_pack(signed), media_type=DELEGATION_MEDIA_TYPE)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/transit/scan",
        headers=(),
        handler=scan,
        summary="Judge a scanned paper: valid, invalid, or cannot tell",
        tag=TAG,
        body=ScanBody,
        body_bytes_max=config.REQUEST_BYTES_MAX // 64,
        answer=ScanAnswer,
    ),
    Endpoint(
        method="POST",
        path="/v1/transit/posted",
        handler=carry,
        summary="Bring events that posts signed with their network cut",
        tag=TAG,
        body=PostedBody,
        body_bytes_max=config.REQUEST_BYTES_MAX // 4,
        answer=list[PostedAnswer],
    ),
    Endpoint(
        method="POST",
        path="/v1/transit/delegations",
        headers=(),
        handler=delegate,
        summary="Let a post's key speak for an office while its network is cut",
        tag=TAG,
        role=ROLE_SUPERVISOR,
        body=DelegateBody,
        media_type=DELEGATION_MEDIA_TYPE,
    ),
    Endpoint(
        method="GET",
        path="/v1/transit/{id}/paper",
        handler=paper,
        summary="The accompanying document: signed bytes, PDF, texts of the QR codes, or one code as a picture",
        tag=TAG,
        query=PaperQuery,
        media_type=PAPER_MEDIA_TYPE,
        forms=("application/pdf", "text/plain", "image/png"),
    ),
)
