"""The content of a document, whole or a range of it (RFC 9110 section 14), one chunk in memory at a time.

The entity tag is the SHA-256 that was signed, so it is strong and the same at every gateway: a download that was broken
off goes on where it ended, here or elsewhere. Of a request for several ranges the whole is answered, as for one that
cannot be read (RFC 9110 section 14.2).
"""

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.responses import Response, StreamingResponse

from darwaza.config import CHUNK_BYTES
from darwaza.engine.routed import read_at
from darwaza.entry.api.document import DEFAULT_MEDIA_TYPE, find_case
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.problem import respond
from darwaza.entry.view.document import view_document
from darwaza.errors import MalformedError
from darwaza.services.documents import message as documents

_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
Place = tuple[int, int, bytes]


def wanted(header: str, size: int) -> tuple[int, int] | None:
    """Read a Range header.

    Args:
        header: its value; "" for none.
        size: of the whole, in bytes.

    Returns:
        First byte and the byte after the last; equal when nothing of the whole is wanted, which is 416; None when the
        whole is to be answered: no range, several, another unit, or one that cannot be read.
    """
    match = _RANGE.fullmatch(header)
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    start = min(int(first), size)
    return start, max(start, min(size, int(last) + 1 if last else size))


async def content(call: Call) -> Response:
    """The document itself, streamed: all of it, or the range that is asked for."""
    row = find_case(call)
    manifest = (view := view_document(call.server.gateway.engine, row)).manifest
    if manifest is None or view.missing:
        raise MalformedError("the document is not all here yet", code="not_found")
    bodies = await _bodies(call, row.id)
    if any(name not in bodies for name in ("offer", *(manifest.chunks or ()))):
        raise MalformedError("the content is not kept any more; the receipts are", code="body_forgotten")
    tag = f'"{manifest.digest}"'
    asked = wanted(call.header("range"), manifest.bytes) if call.header("if-range") in {"", tag} else None
    start, end = asked or (0, manifest.bytes)
    if asked is not None and start == end:
        refused = respond(MalformedError(f"there are {manifest.bytes} bytes", code="range_not_satisfiable"))
        refused.headers["content-range"] = f"bytes */{manifest.bytes}"
        return refused
    headers = {
        "accept-ranges": "bytes",
        "content-disposition": _disposition(manifest.filename),
        "content-length": str(end - start),
        "content-type": manifest.media_type,  # as its sender said: a charset is not ours to add
        "etag": tag,
        "x-content-type-options": "nosniff",
    }
    status = HTTPStatus.OK
    if asked is not None:
        status, headers["content-range"] = HTTPStatus.PARTIAL_CONTENT, f"bytes {start}-{end - 1}/{manifest.bytes}"
    if manifest.chunks is None:
        _, inline = documents.read_offer(read_at(call.server.gateway.engine, bodies["offer"])[1])
        return Response(inline[start:end], status, headers)
    places = [bodies[digest] for digest in manifest.chunks]
    return StreamingResponse(_stream(call, places, start, end), status, headers)


async def _bodies(call: Call, case_id: str) -> dict[str, Place]:
    """Places of the offer and of each chunk that are kept, by digest; a routed one is opened to know it."""
    places = {}
    for place in call.server.store.case_leaves(case_id):
        await asyncio.sleep(0)  # a large document has a hundred of them; others' work goes on between
        header, body = read_at(call.server.gateway.engine, place)
        if body and header.kind == documents.OFFER:
            places["offer"] = place
        elif body and header.kind == documents.CHUNK:
            places[header.body_digest if header.path is None else documents.digest_of(body)] = place
    return places


async def _stream(call: Call, places: list[Place], start: int, end: int) -> AsyncIterator[bytes]:
    """Bytes from ``start`` to before ``end``; chunks that hold none of them are not read."""
    for number in range(start // CHUNK_BYTES, -(-end // CHUNK_BYTES)):
        await asyncio.sleep(0)
        begin = number * CHUNK_BYTES
        yield read_at(call.server.gateway.engine, places[number])[1][max(0, start - begin) : end - begin]


def _disposition(filename: str) -> str:
    quoted = "".join(one if (one.isalnum() and one.isascii()) or one in "._-" else "_" for one in filename)
    return f'attachment; filename="{quoted or "document"}"'


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/documents/{id}/content",
        handler=content,
        summary="Download a document, or a range of it",
        tag="documents",
        media_type=DEFAULT_MEDIA_TYPE,
        headers=("if-range", "range"),
        statuses=(HTTPStatus.PARTIAL_CONTENT,),
        refuses=(HTTPStatus.GONE, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
    ),
)
