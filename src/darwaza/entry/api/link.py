"""What other gateways ask (spec/link.md): batches, what is held, leaves given back, witness; and tiles for auditors."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from darwaza import config
from darwaza.adapters.keyfile.party import AUDITOR
from darwaza.engine.desk import answer_ask, answer_fetch, cosigned_lines
from darwaza.engine.intake import Cosigned, Expected, Forked, Witness
from darwaza.engine.log import Log
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.party import ANYONE, PEER
from darwaza.errors import ConflictError, DarwazaError, ForbiddenError, MalformedError, SignatureError
from darwaza.kernel import batch
from darwaza.kernel.encoding import parse_decimal
from darwaza.kernel.request import authorized_by, signer_name
from darwaza.kernel.tile import TILE_HASHES, Tile, parse_tile_path
from darwaza.kernel.wire import (
    BATCH_MEDIA_TYPE,
    BATCHES_PATH,
    COSIGNED_PATH,
    FORK_MEDIA_TYPE,
    LEAVES_PATH,
    NOTE_MEDIA_TYPE,
    SIZE_MEDIA_TYPE,
    WITNESS_PATH,
)
from darwaza.kernel.witness import REQUEST_BYTES_MAX, Verdict, parse_request

ENTRIES = "entries/"

Origin = Annotated[str, Meta(min_length=1, max_length=255)]


class OriginQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which log.

    Attributes:
        origin: its origin line.
    """

    origin: Origin


class LeavesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which leaves.

    Attributes:
        origin: of the log.
        start: index of the first leaf wanted.
    """

    origin: Origin
    start: Annotated[int, Meta(ge=0, lt=1 << 40)]


_UNWITNESSED: dict[int, DarwazaError] = {
    HTTPStatus.NOT_FOUND: MalformedError("this gateway does not witness that log", code="log_unknown"),
    HTTPStatus.FORBIDDEN: SignatureError("no known key of the log signed this, or one is false", code="note_unsigned"),
    HTTPStatus.BAD_REQUEST: MalformedError("the old size is over that of the checkpoint", code="old_size_wrong"),
    HTTPStatus.CONFLICT: ConflictError(
        "another checkpoint of this very size was co-signed before", code="root_conflict"
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: MalformedError(
        "the checkpoint does not continue the one that was co-signed", code="not_consistent"
    ),
}
"""What a witness says beside its status, which is C2SP's."""


async def take_batch(call: Call) -> Response | DarwazaError:
    """Take a batch and co-sign it."""
    raw: bytes = call.body
    outcome = await call.server.arrive(batch.decode(raw), len(raw))
    if isinstance(outcome, Cosigned):
        engine = call.server.gateway.engine
        return Response(cosigned_lines(engine, outcome.note), media_type=NOTE_MEDIA_TYPE)
    if isinstance(outcome, Expected):
        return _exactly(b"%d\n" % outcome.index, HTTPStatus.CONFLICT, SIZE_MEDIA_TYPE)
    if isinstance(outcome, Forked):
        return Response(outcome.proof, HTTPStatus.CONFLICT, media_type=FORK_MEDIA_TYPE)
    refused: DarwazaError = outcome
    return refused


def _exactly(body: bytes, status: int, media_type: str) -> Response:
    """An answer with this media type; Starlette would add a charset, and C2SP tlog-witness compares the whole value."""
    return Response(body, status, headers={"content-type": media_type})


def _check_asker(call: Call, origin: str, *, author_only: bool) -> None:
    """Let only the other end of a log ask about it; what is held of it, only its author."""
    site = call.server.gateway.engine.site
    log = call.server.gateway.engine.find_log(origin)
    if log is None or (author_only and log.row.reader != site.member):
        raise ForbiddenError("there is no such log here", code="log_unknown")
    asker = log.row.author if log.row.reader == site.member else log.row.reader
    request = call.request
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    verifiers = site.trust.request_verifiers(asker)
    name = authorized_by(call.header("authorization"), request.method, target, site.clock.now(), verifiers)
    if name != signer_name(site.trust.current.name, asker):
        raise ForbiddenError("only the other end of the log may ask this", code="request_unsigned")


async def cosigned(call: Call) -> Response:
    """Tell the other end of a log what its reader co-signed of it last."""
    _check_asker(call, call.query.origin, author_only=False)
    note = answer_ask(call.server.gateway.engine, call.query.origin)
    if not note:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(note, media_type=NOTE_MEDIA_TYPE)


async def leaves(call: Call) -> Response:
    """Give a log's author back what it may have lost."""
    _check_asker(call, call.query.origin, author_only=True)
    raw = answer_fetch(call.server.gateway.engine, call.query.origin, call.query.start)
    return Response(raw, media_type=BATCH_MEDIA_TYPE)


async def add_checkpoint(call: Call) -> Response | DarwazaError:
    """Co-sign somebody's checkpoint as a witness (C2SP tlog-witness, which leaves the body of a refusal open)."""
    outcome = await call.server.submit(Witness(parse_request(call.body)))
    if isinstance(outcome, Verdict):
        refused = None if outcome.body else _UNWITNESSED.get(outcome.status)
        return refused or _exactly(outcome.body, outcome.status, outcome.media_type)
    failed: DarwazaError = outcome
    return failed


async def read_checkpoint(call: Call) -> Response:
    """The newest checkpoint of a log kept here (C2SP tlog-tiles)."""
    log = _log_by_id(call)
    if not log.row.checkpoint:
        raise MalformedError("the log is empty", code="not_found")
    row = call.server.store.checkpoint_from(log.row.id, log.row.cosigned_size)
    return Response(log.row.checkpoint if row is None else row.note, media_type=NOTE_MEDIA_TYPE)


async def read_tile(call: Call) -> Response:
    """A tile of a log kept here (C2SP tlog-tiles): hashes, or the headers they are of; never a body."""
    log = _log_by_id(call)
    rest: str = call.request.path_params["rest"]
    if rest.startswith(ENTRIES):
        return _entries(call, log, parse_tile_path("tile/0/" + rest.removeprefix(ENTRIES)))
    tile = parse_tile_path("tile/" + rest)
    hashes = call.server.store.tile(log.row.id, tile.level, tile.number)[: tile.width * 32]
    if len(hashes) != tile.width * 32:
        raise MalformedError("there is no such tile", code="not_found")
    return Response(hashes, media_type="application/octet-stream")


def _entries(call: Call, log: Log, tile: Tile) -> Response:
    """An entry bundle: each header with its length in two bytes before it."""
    start = tile.number * TILE_HASHES
    rows = call.server.store.leaves(log.row.id, start, start + tile.width, config.BATCH_BYTES_MAX)
    if len(rows) != tile.width:
        raise MalformedError("there is no such tile", code="not_found")
    bundle = b"".join(len(header).to_bytes(2, "big") + header for header, _ in rows)
    return Response(bundle, media_type="application/octet-stream")


def _log_by_id(call: Call) -> Log:
    logs = call.server.gateway.engine.logs
    log = logs.get(parse_decimal(call.request.path_params["log"]))
    if log is None:
        raise MalformedError("there is no such log", code="not_found")
    return log


class LogView(msgspec.Struct):
    """A log as auditors and operators see it.

    Attributes:
        log: number of the log at this gateway; stands in the paths of its checkpoint and tiles.
        origin: origin line.
        author: member that writes it.
        reader: member that reads it.
        lane: number of the lane.
        size: leaves.
        cosigned_size: leaves the reader has co-signed.
        halted: why it stopped, or "".
    """

    log: int
    origin: str
    author: str
    reader: str
    lane: int
    size: int
    cosigned_size: int
    halted: str


async def list_logs(call: Call) -> list[LogView]:
    """All logs kept here."""
    rows = [log.row for log in call.server.gateway.engine.logs.values()]
    return [
        LogView(row.id, row.origin, row.author, row.reader, row.lane, row.size, row.cosigned_size, row.halted)
        for row in rows
    ]


ENDPOINTS = (
    Endpoint(
        method="POST",
        path=BATCHES_PATH,
        refuses=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        refuses_as=(SIZE_MEDIA_TYPE, FORK_MEDIA_TYPE),
        headers=("authorization",),
        handler=take_batch,
        summary="Take a batch of a neighbour's log and co-sign it",
        tag="link",
        role=PEER,
        body=bytes,
        body_bytes_max=config.BATCH_BYTES_MAX,
        media_type=NOTE_MEDIA_TYPE,
    ),
    Endpoint(
        method="GET",
        path=COSIGNED_PATH,
        statuses=(HTTPStatus.NO_CONTENT,),
        refuses=(HTTPStatus.NOT_FOUND,),
        headers=("authorization",),
        handler=cosigned,
        summary="What the reader of a log between this gateway and the asking one co-signed last",
        tag="link",
        role=PEER,
        query=OriginQuery,
        media_type=NOTE_MEDIA_TYPE,
    ),
    Endpoint(
        method="GET",
        path=LEAVES_PATH,
        refuses=(HTTPStatus.NOT_FOUND,),
        headers=("authorization",),
        handler=leaves,
        summary="Leaves of the asking member's log that it may have lost",
        tag="link",
        role=PEER,
        query=LeavesQuery,
        media_type=BATCH_MEDIA_TYPE,
    ),
    Endpoint(
        method="POST",
        path=WITNESS_PATH,
        refuses=(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
        refuses_as=(SIZE_MEDIA_TYPE,),
        handler=add_checkpoint,
        summary="Co-sign a checkpoint as a witness (C2SP tlog-witness)",
        tag="link",
        role=ANYONE,
        body=bytes,
        body_bytes_max=REQUEST_BYTES_MAX,
        media_type=NOTE_MEDIA_TYPE,
    ),
    Endpoint(
        method="GET",
        path="/log/v1",
        handler=list_logs,
        summary="Logs kept here",
        tag="log",
        role=AUDITOR,
        answer=list[LogView],
    ),
    Endpoint(
        method="GET",
        path="/log/v1/{log}/checkpoint",
        handler=read_checkpoint,
        summary="Newest checkpoint of a log (C2SP tlog-tiles)",
        tag="log",
        role=AUDITOR,
        media_type=NOTE_MEDIA_TYPE,
    ),
    Endpoint(
        method="GET",
        path="/log/v1/{log}/tile/{rest:path}",
        handler=read_tile,
        summary="Tile of a log (C2SP tlog-tiles)",
        tag="log",
        role=AUDITOR,
        media_type="application/octet-stream",
    ),
)
