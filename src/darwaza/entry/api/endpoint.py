"""Endpoints as data: one table makes the routes and the OpenAPI description.

A handler gets a ``Call`` and returns a value of the endpoint's answer type, or a finished response. Whatever refuses
raises or returns a ``DarwazaError`` or a ``Refusal``; the shape of the answer is made here, once.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from darwaza.entry.api.party import ANYONE, PEER, Door, Guest, Shown
from darwaza.entry.api.problem import respond
from darwaza.entry.api.request import header_of, read_body
from darwaza.entry.server import Server
from darwaza.errors import DarwazaError, MalformedError, MessageError
from darwaza.kernel.instant import check_read
from darwaza.kernel.machine import Refusal

log = structlog.get_logger("darwaza.api")

JSON = "application/json"
_JSON_LINE = (b"content-type", JSON.encode())
INTERNAL_FAULT = "the gateway failed at this request; its log says where"
_encode = msgspec.json.Encoder().encode
_QUERIES_KEPT: Final = 256
"""Most orders ask the same of the gateway; reading that costs a twentieth of such a request."""


class JsonAnswer(Response):
    """An answer that is written as JSON already: it has two headers, and nothing is looked up for them."""

    def __init__(self, body: bytes, status: int) -> None:
        self.status_code, self.background, self.body = status, None, body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), _JSON_LINE]


class Call:
    """One request.

    Attributes:
        headers: names of those the endpoint says it reads; None where a handler is called from within.
        server: the running gateway.
        request: Starlette's.
        guest: who asks; None where nobody needs to say.
        query: the endpoint's query type, filled; None without one.
        body: the endpoint's body type, filled, or raw bytes; None without one.
    """

    __slots__ = ("body", "guest", "headers", "query", "request", "server")

    def __init__(
        self, server: Server, request: Request, guest: Guest | None, headers: tuple[str, ...] | None = None
    ) -> None:
        self.headers = headers
        self.server = server
        self.request = request
        self.guest = guest
        self.query: Any = None
        self.body: Any = None

    @property
    def party(self) -> Guest:
        """Who asks, at an endpoint where it must say so."""
        if self.guest is None:
            raise TypeError("the endpoint does not ask who calls")
        return self.guest

    def header(self, name: str) -> str:
        """A header's value by its name in lower case, "" when it is absent."""
        if self.headers is not None and name not in self.headers:
            raise TypeError(f"the endpoint does not say that it reads {name}")
        return header_of(self.request, name.encode("ascii"))


Handler = Callable[[Call], Awaitable[Any]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One operation.

    Attributes:
        method: of HTTP.
        path: with ``{names}``.
        handler: see the module.
        summary: one line.
        tag: groups operations in the description.
        role: who may call: ``""`` anyone, ``party`` any party, else a party with that role; ``peer`` another gateway,
            which the handler checks itself.
        query: Struct of query parameters, or None.
        body: Struct of the JSON body; ``bytes`` for a raw one; None for none.
        body_bytes_max: limit of the body.
        answer: type of the JSON answer, or None.
        media_type: of an answer that is not JSON.
        also: another media type it answers in, and refuses in, for who asks by ``Accept``; "" for none.
        forms: further media types of a good answer, where the query or the thing asked for chooses.
        status: of a good answer.
        statuses: further ones of a good answer; 204 has no body.
        headers: names of the request headers the handler reads, lower case; None for the idempotency key of a
            command and nothing else (``reads``).
        refuses: error statuses beside those that follow from the rest (``openapi.statuses``).
        refuses_as: media types of a 409 that tells how to go on, where a protocol has a form for it.
        unread: answers a body that cannot even be read, such as one over the limit, where a problem would not do.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    role: str = "party"
    query: type[msgspec.Struct] | None = None
    body: Any = None
    body_bytes_max: int = 65_536
    answer: Any = None
    media_type: str = JSON
    also: str = ""
    forms: tuple[str, ...] = ()
    status: int = HTTPStatus.OK.value
    statuses: tuple[int, ...] = ()
    headers: tuple[str, ...] | None = None
    refuses: tuple[int, ...] = ()
    refuses_as: tuple[str, ...] = ()
    unread: Callable[[Call, MessageError], Response] | None = None


def reads(endpoint: Endpoint) -> tuple[str, ...]:
    """Names of the request headers an operation reads."""
    if endpoint.headers is not None:
        return endpoint.headers
    return ("idempotency-key",) if endpoint.method == "POST" and endpoint.role not in {ANYONE, PEER} else ()


def answer_with(endpoint: Endpoint, server: Server, door: Door) -> Callable[[Request], Awaitable[Response]]:
    """Make what answers an endpoint's requests."""
    decode = (
        msgspec.json.Decoder(endpoint.body).decode if endpoint.body is not None and endpoint.body is not bytes else None
    )

    headers = reads(endpoint)

    async def run(request: Request) -> Response:
        try:
            guest = door.admit(Shown.of(request), endpoint.role)
            call = Call(server, request, guest, headers)
            if endpoint.query is not None:
                call.query = _read_query(endpoint.query, request.scope["query_string"])
            if endpoint.body is not None:
                try:
                    raw = await read_body(request, endpoint.body_bytes_max)
                except MessageError as fault:
                    return respond(fault) if endpoint.unread is None else endpoint.unread(call, fault)
                call.body = raw if decode is None else _read_json(raw, decode)
            answer = await endpoint.handler(call)
        except DarwazaError as fault:
            return respond(fault)
        except Exception as fault:  # a fault of the program: the caller gets the shape of all errors, the log the trace
            log.exception("fault", method=endpoint.method, path=endpoint.path, kind=type(fault).__name__)
            return respond(DarwazaError(INTERNAL_FAULT, code="internal_fault"))
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, DarwazaError | Refusal):
            return respond(answer)
        return JsonAnswer(_encode(answer), endpoint.status)

    return run


@lru_cache(_QUERIES_KEPT)
def _read_query(kind: type[msgspec.Struct], asked: bytes) -> msgspec.Struct:
    """Read a query; nobody changes one, so that callers who ask the same share it."""
    values: dict[str, Any] = {}
    for name, value in _pairs(asked.decode("latin-1")):
        if name in values:
            raise MalformedError(f"the query parameter {name!r} stands there twice", code="query_malformed")
        values[name] = value
    try:
        query: msgspec.Struct = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as fault:
        raise MalformedError(f"the query is wrong: {fault}", code="query_malformed", pointer=_pointer(fault)) from fault
    check_read(query, b"".join(b'"' + value.encode() for value in values.values()))
    return query


def _pairs(query: str) -> Iterable[list[str]]:
    """Names and values of a query (``application/x-www-form-urlencoded``), as ``urllib.parse.parse_qsl`` reads it.

    It takes a name without a value as an empty one; most queries hold nothing to unescape, and cost a fifth here.
    """
    pairs = [pair.split("=", 1) if "=" in pair else [pair, ""] for pair in query.split("&") if pair]
    if "%" in query or "+" in query:
        return [[unquote_plus(text) for text in pair] for pair in pairs]
    return pairs


def _read_json(raw: bytes, decode: Callable[[bytes], Any]) -> Any:
    try:
        body = decode(raw)
    except msgspec.ValidationError as fault:
        raise MalformedError(str(fault), code="body_malformed", pointer=_pointer(fault)) from fault
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the body is not JSON: {fault}", code="body_malformed") from fault
    check_read(body, raw)
    return body


def _pointer(fault: msgspec.ValidationError) -> str:
    """Turn msgspec's path (``$.items[2].name``) into a JSON pointer."""
    _, found, path = str(fault).rpartition(" - at `$")
    return path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/") if found else ""
