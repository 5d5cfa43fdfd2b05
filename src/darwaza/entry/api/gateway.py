"""The gateway itself: health, metrics, its links, carrier files, the corridor document, evidence, notices."""

import asyncio
import io
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response, StreamingResponse

from darwaza import __version__, config
from darwaza.adapters.keyfile.party import OPERATOR
from darwaza.engine import carry
from darwaza.engine.intake import Adopt, Delivered, Resume
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.party import ANYONE
from darwaza.entry.view.link import (
    CorridorView,
    LinkView,
    QuarantineView,
    SettlementView,
    view_corridor,
    view_links,
    view_quarantine,
    view_settlements,
)
from darwaza.errors import DarwazaError, PushbackError
from darwaza.kernel import carrier
from darwaza.kernel.note import NOTE_BYTES_MAX
from darwaza.kernel.settlement import REASON_CHARACTERS_MAX

HEARTBEAT_S = 15.0
CARRIER_MEDIA_TYPE = "application/vnd.darwaza.carrier"


class Health(msgspec.Struct):
    """Whether the gateway takes work.

    Attributes:
        status: ``ok``, or ``receiving`` when the corridor document has expired and nothing may be sent.
        member: it serves.
        version: of the program.
        queued: inputs waiting for the engine.
    """

    status: str
    member: str
    version: str
    queued: int


async def health(call: Call) -> Health:
    """Tell that the gateway takes work."""
    server = call.server
    site = server.gateway.engine.site
    status = "ok" if site.trust.may_send(site.clock.now()) else "receiving"
    return Health(status, server.gateway.config.member, __version__, server.loop.queued)


async def metrics(call: Call) -> Response:
    """Metrics in Prometheus' text format."""
    return Response(generate_latest(call.server.metrics), media_type=CONTENT_TYPE_LATEST)


async def links(call: Call) -> list[LinkView]:
    """How every link does."""
    return view_links(call.server.gateway.engine, call.server.loop.courier)


async def stages(call: Call) -> dict[str, float]:
    """Seconds of processor time the engine has spent so far, by stage."""
    return dict(call.server.gateway.engine.spent_s)


async def quarantine(call: Call) -> list[QuarantineView]:
    """Messages that could not be processed, newest first."""
    return view_quarantine(call.server.gateway.engine)


async def forks(call: Call) -> list[str]:
    """Proofs that somebody signed two histories, oldest first."""
    return [row.proof.decode() for row in call.server.store.forks()]


async def corridor(call: Call) -> CorridorView:
    """The corridor document in force."""
    return view_corridor(call.server.gateway.engine)


class Adopted(msgspec.Struct):
    """Version of the corridor document that is in force now."""

    version: int


async def adopt(call: Call) -> Adopted | DarwazaError:
    """Admit the next version of the corridor document."""
    outcome = await call.server.submit(Adopt(call.body))
    if isinstance(outcome, int):
        call.server.gateway.renew_tls()
        return Adopted(outcome)
    refused: DarwazaError = outcome
    return refused


async def settlements(call: Call) -> list[SettlementView]:
    """What operators of both sides put on record when links went on after a fork, oldest first."""
    return view_settlements(call.server.gateway.engine)


class ResumeBody(msgspec.Struct, forbid_unknown_fields=True):
    """The link that goes on.

    Attributes:
        origin: origin line of any of its logs.
        reason: what people decided; it is put on record.
    """

    origin: Annotated[str, Meta(max_length=255)]
    reason: Annotated[str, Meta(max_length=REASON_CHARACTERS_MAX)] = ""


class Resumed(msgspec.Struct):
    """How much of that log the reader has co-signed."""

    cosigned_size: int


async def resume(call: Call) -> Resumed | DarwazaError:
    """Let a halted link go on."""
    outcome = await call.server.submit(Resume(call.body.origin, call.party.address, call.body.reason))
    if isinstance(outcome, Delivered):
        return Resumed(outcome.size)
    refused: DarwazaError = outcome
    return refused


async def export_carrier(call: Call) -> StreamingResponse:
    """Write a carrier file for a neighbour."""
    engine, peer = call.server.gateway.engine, call.request.path_params["peer"]
    for given in carry.exposures(engine, peer):
        outcome = await call.server.submit(given)
        if isinstance(outcome, DarwazaError):
            raise outcome
    return StreamingResponse(_carrier_pieces(call, peer), media_type=CARRIER_MEDIA_TYPE)


async def _carrier_pieces(call: Call, peer: str) -> AsyncIterator[bytes]:
    engine = call.server.gateway.engine
    buffer = io.BytesIO()
    carrier.write(buffer, carry.head(engine, peer))
    for item in carry.items(engine, peer):
        carrier.write(buffer, item)
        if buffer.tell() >= config.STREAM_BYTES:
            yield buffer.getvalue()
            buffer = io.BytesIO()
            await asyncio.sleep(0)
    yield buffer.getvalue()


async def import_item(call: Call) -> carry.Report:
    """Take a carrier file, or a piece of one that begins with the file's head."""
    engine = call.server.gateway.engine
    file = io.BytesIO(call.body)
    carry.check_head(engine, carrier.read_head(file))
    report = carry.Report()
    for item in carrier.read_items(file):
        try:
            report.count(await call.server.submit(carry.given(item), len(item.data)))
        except PushbackError:
            raise
        except DarwazaError as fault:
            report.count(fault)
    return report


class EventQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Where to begin.

    Attributes:
        after: sequence of the last notice seen.
    """

    after: Annotated[int, Meta(ge=0)] = 0


class Notice(msgspec.Struct):
    """Something a party should hear of.

    Attributes:
        kind: past tense, ``document.arrived``.
        case_id: which case.
        at: when.
        detail: depends on the kind.
    """

    kind: str
    case_id: str
    at: str
    detail: Any


async def events(call: Call) -> StreamingResponse:
    """The caller's notices as server-sent events; goes on after ``Last-Event-ID``."""
    address = call.party.address
    open_streams = call.server.streams
    if open_streams.get(address, 0) >= config.EVENT_STREAMS_PER_PARTY_MAX:
        raise PushbackError(
            "this party has too many event streams", retry_after_s=HEARTBEAT_S, code="too_many_requests"
        )
    last = call.header("last-event-id")
    after = int(last) if last.isdecimal() else call.query.after
    open_streams[address] = open_streams.get(address, 0) + 1
    headers = {"cache-control": "no-store"}
    return StreamingResponse(_notices(call, address, after), headers=headers, media_type="text/event-stream")


async def _notices(call: Call, address: str, after: int) -> AsyncIterator[bytes]:
    server = call.server
    try:
        while True:
            rows = server.store.notices(address, after, config.PAGE_ITEMS_MAX)
            for row in rows:
                after = row.sequence
                notice = Notice(row.kind, row.case_id, row.at, msgspec.msgpack.decode(row.detail))
                data = msgspec.json.encode(notice)
                yield b"id: %d\nevent: %b\ndata: %b\n\n" % (row.sequence, row.kind.encode(), data)
            if not rows and not await server.changed(HEARTBEAT_S):
                yield b": still here\n\n"
    finally:
        server.streams[address] -= 1


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/health",
        handler=health,
        summary="Whether the gateway takes work",
        tag="gateway",
        role=ANYONE,
        answer=Health,
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        handler=metrics,
        summary="Metrics for Prometheus",
        tag="gateway",
        role=OPERATOR,
        media_type="text/plain",
    ),
    Endpoint(
        method="GET",
        path="/v1/events",
        headers=("last-event-id",),
        handler=events,
        summary="The caller's notices as server-sent events",
        tag="gateway",
        query=EventQuery,
        media_type="text/event-stream",
    ),
    Endpoint(
        method="GET",
        path="/v1/corridor",
        handler=corridor,
        summary="The corridor document in force",
        tag="gateway",
        answer=CorridorView,
    ),
    Endpoint(
        method="GET",
        path="/v1/operator/links",
        handler=links,
        summary="How every link does",
        tag="operator",
        role=OPERATOR,
        answer=list[LinkView],
    ),
    Endpoint(
        method="GET",
        path="/v1/operator/stages",
        handler=stages,
        summary="Seconds of processor time the engine has spent, by stage",
        tag="operator",
        role=OPERATOR,
        answer=dict[str, float],
    ),
    Endpoint(
        method="GET",
        path="/v1/operator/quarantine",
        handler=quarantine,
        summary="Messages that could not be processed",
        tag="operator",
        role=OPERATOR,
        answer=list[QuarantineView],
    ),
    Endpoint(
        method="GET",
        path="/v1/operator/forks",
        handler=forks,
        summary="Proofs that somebody signed two histories",
        tag="operator",
        role=OPERATOR,
        answer=list[str],
    ),
    Endpoint(
        method="GET",
        path="/v1/operator/settlements",
        handler=settlements,
        summary="How forks were settled, as both operators put it on record",
        tag="operator",
        role=OPERATOR,
        answer=list[SettlementView],
    ),
    Endpoint(
        method="POST",
        path="/v1/operator/corridor",
        headers=(),
        handler=adopt,
        summary="Admit the next version of the corridor document",
        tag="operator",
        role=OPERATOR,
        body=bytes,
        body_bytes_max=NOTE_BYTES_MAX,
        answer=Adopted,
    ),
    Endpoint(
        method="POST",
        path="/v1/operator/resume",
        headers=(),
        handler=resume,
        summary="Let a halted link go on",
        tag="operator",
        role=OPERATOR,
        body=ResumeBody,
        answer=Resumed,
    ),
    Endpoint(
        method="GET",
        path="/v1/operator/carrier/{peer}",
        refuses=(HTTPStatus.CONFLICT,),
        handler=export_carrier,
        summary="Write a carrier file for a neighbour",
        tag="operator",
        role=OPERATOR,
        media_type=CARRIER_MEDIA_TYPE,
    ),
    Endpoint(
        method="POST",
        path="/v1/operator/carrier",
        headers=(),
        handler=import_item,
        summary="Take a carrier file, or a piece of one",
        tag="operator",
        role=OPERATOR,
        body=bytes,
        body_bytes_max=2 * config.BATCH_BYTES_MAX,
        answer=carry.Report,
    ),
)
