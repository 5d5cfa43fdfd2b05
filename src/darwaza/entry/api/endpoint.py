"""Endpoints as data: one table makes the routes and the OpenAPI description.

A handler gets a ``Call`` and returns a value of the endpoint's answer type, or a finished response. Whatever refuses
raises or returns a ``DarwazaError`` or a ``Refusal``; the shape of the answer is made here, once.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from darwaza.entry.api.party import Door, Guest, Shown
from darwaza.entry.api.problem import respond
from darwaza.entry.api.request import header_of, read_body
from darwaza.entry.server import Server
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel.machine import Refusal

log = structlog.get_logger("darwaza.api")

JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class Call:
    """One request.

    Attributes:
        server: the running gateway.
        request: Starlette's.
        guest: who asks; None where nobody needs to say.
        query: the endpoint's query type, filled; None without one.
        body: the endpoint's body type, filled, or raw bytes; None without one.
    """

    __slots__ = ("body", "guest", "query", "request", "server")

    def __init__(self, server: Server, request: Request, guest: Guest | None) -> None:
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
        status: of a good answer.
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
    status: int = HTTPStatus.OK.value


def answer_with(endpoint: Endpoint, server: Server, door: Door) -> Callable[[Request], Awaitable[Response]]:
    """Make what answers an endpoint's requests."""
    decode = (
        msgspec.json.Decoder(endpoint.body).decode if endpoint.body is not None and endpoint.body is not bytes else None
    )

    async def run(request: Request) -> Response:
        try:
            guest = door.admit(Shown.of(request), endpoint.role)
            call = Call(server, request, guest)
            if endpoint.query is not None:
                call.query = _read_query(request, endpoint.query)
            if endpoint.body is not None:
                raw = await read_body(request, endpoint.body_bytes_max)
                call.body = raw if decode is None else _read_json(raw, decode)
            answer = await endpoint.handler(call)
        except DarwazaError as fault:
            return respond(fault)
        except Exception as fault:  # a fault of the program: the caller gets the shape of all errors, the log the trace
            log.exception("fault", method=endpoint.method, path=endpoint.path, kind=type(fault).__name__)
            return respond(
                DarwazaError("the gateway failed at this request; its log says where", code="internal_fault")
            )
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, DarwazaError | Refusal):
            return respond(answer)
        return Response(_encode(answer), endpoint.status, media_type=JSON)

    return run


def _read_query(request: Request, kind: type[msgspec.Struct]) -> msgspec.Struct:
    values: dict[str, Any] = {}
    for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in values:
            raise MalformedError(f"the query parameter {name!r} stands there twice", code="query_malformed")
        values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as fault:
        raise MalformedError(f"the query is wrong: {fault}", code="query_malformed", pointer=_pointer(fault)) from fault


def _read_json(raw: bytes, decode: Callable[[bytes], Any]) -> Any:
    try:
        return decode(raw)
    except msgspec.ValidationError as fault:
        raise MalformedError(str(fault), code="body_malformed", pointer=_pointer(fault)) from fault
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the body is not JSON: {fault}", code="body_malformed") from fault


def _pointer(fault: msgspec.ValidationError) -> str:
    """Turn msgspec's path (``$.items[2].name``) into a JSON pointer."""
    _, found, path = str(fault).rpartition(" - at `$")
    return path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/") if found else ""
