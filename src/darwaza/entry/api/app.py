"""The HTTP application of a gateway: every endpoint, and its description."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from darwaza.entry.api import (
    credit,
    crossing,
    diversion,
    document,
    enquiry,
    evidence,
    gateway,
    indicator,
    link,
    market,
    paper,
    payment,
    probe,
    recourse,
    report,
    transit,
)
from darwaza.entry.api.endpoint import JSON, Endpoint, answer_with
from darwaza.entry.api.openapi import describe
from darwaza.entry.api.party import Door
from darwaza.entry.api.problem import respond
from darwaza.entry.server import Server
from darwaza.errors import MalformedError

ENDPOINTS: Sequence[Endpoint] = (
    *gateway.ENDPOINTS,
    *document.ENDPOINTS,
    *paper.ENDPOINTS,
    *transit.ENDPOINTS,
    *crossing.ENDPOINTS,
    *diversion.ENDPOINTS,
    *indicator.ENDPOINTS,
    *enquiry.ENDPOINTS,
    *payment.ENDPOINTS,
    *credit.ENDPOINTS,
    *market.ENDPOINTS,
    *recourse.ENDPOINTS,
    *report.ENDPOINTS,
    *evidence.ENDPOINTS,
    *link.ENDPOINTS,
    *probe.ENDPOINTS,
)


async def _not_found(request: Request, _fault: Exception) -> Response:
    return respond(MalformedError(f"there is nothing at {request.url.path}", code="not_found"))


async def _wrong_method(request: Request, _fault: Exception) -> Response:
    return respond(MalformedError(f"{request.method} does not work here", code="method_not_allowed"))


class App:
    """The application: a table for paths without names in them, Starlette's router for the others.

    A table look-up costs a tenth of the router and its middleware, and most requests are of this kind. Errors need no
    middleware: ``endpoint.answer_with`` turns all of ours into answers, and uvicorn answers 500 to what nobody expects.
    """

    def __init__(self, server: Server) -> None:
        door = Door(server.gateway.parties, server.gateway.address, server.gateway.clock.monotonic_s)
        handlers = {endpoint: answer_with(endpoint, server, door) for endpoint in ENDPOINTS}
        self._table = {
            (endpoint.method, endpoint.path): handler
            for endpoint, handler in handlers.items()
            if "{" not in endpoint.path
        }
        routes = [Route(endpoint.path, handler, methods=[endpoint.method]) for endpoint, handler in handlers.items()]
        text = describe(ENDPOINTS)

        async def openapi(_: Request) -> Response:
            return Response(text, media_type=JSON)

        routes.append(Route("/openapi.json", openapi))
        self._rest = Starlette(routes=routes, exception_handlers={404: _not_found, 405: _wrong_method})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] == "http":
            handler = self._table.get((scope["method"], scope["path"]))
            if handler is not None:
                response = await handler(Request(scope, receive, send))
                await response(scope, receive, send)
                return
        await self._rest(scope, receive, send)
