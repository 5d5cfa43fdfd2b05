"""The HTTP application of a gateway: every endpoint, and its description."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from darwaza.entry import console
from darwaza.entry.api import (
    alias,
    bulk,
    content,
    credit,
    crossing,
    cycle,
    diversion,
    document,
    enquiry,
    evidence,
    gateway,
    indicator,
    link,
    listing,
    market,
    message,
    order,
    paper,
    payment,
    probe,
    recourse,
    report,
    route,
    sealing,
    transit,
)
from darwaza.entry.api.endpoint import INTERNAL_FAULT, JSON, Endpoint, answer_with
from darwaza.entry.api.openapi import describe
from darwaza.entry.api.party import Door
from darwaza.entry.api.problem import respond
from darwaza.entry.api.table import Table
from darwaza.entry.exchange import give
from darwaza.entry.server import Server
from darwaza.errors import DarwazaError, MalformedError

ENDPOINTS: tuple[Endpoint, ...] = (
    *gateway.ENDPOINTS,
    *document.ENDPOINTS,
    *content.ENDPOINTS,
    *sealing.ENDPOINTS,
    *paper.ENDPOINTS,
    *transit.ENDPOINTS,
    *crossing.ENDPOINTS,
    *diversion.ENDPOINTS,
    *indicator.ENDPOINTS,
    *enquiry.ENDPOINTS,
    *payment.ENDPOINTS,
    *order.ENDPOINTS,
    *listing.ENDPOINTS,
    *bulk.ENDPOINTS,
    *credit.ENDPOINTS,
    *market.ENDPOINTS,
    *alias.ENDPOINTS,
    *message.ENDPOINTS,
    *recourse.ENDPOINTS,
    *report.ENDPOINTS,
    *cycle.ENDPOINTS,
    *evidence.ENDPOINTS,
    *link.ENDPOINTS,
    *probe.ENDPOINTS,
    *route.ENDPOINTS,
)


async def _not_found(request: Request, _fault: Exception) -> Response:
    path = request.scope["path"]
    if _is_page(path):
        detail = "there are no pages here: the console is not installed (pip install 'darwaza[console]')"
        return respond(MalformedError(detail, code="not_found"))
    return respond(MalformedError(f"there is nothing at {path}", code="not_found"))


async def _wrong_method(request: Request, _fault: Exception) -> Response:
    path = request.scope["path"]
    # One route has one method here, so what works is asked of all that have this path (RFC 9110 section 15.5.6).
    routes: Sequence[Route] = request.app.routes
    methods = {method for route in routes if route.path_regex.match(path) is not None for method in route.methods or ()}
    response = respond(MalformedError(f"{request.method} does not work here", code="method_not_allowed"))
    response.headers["allow"] = ", ".join(sorted(methods))
    return response


async def _failed(_request: Request, _fault: Exception) -> Response:
    return respond(DarwazaError(INTERNAL_FAULT, code="internal_fault"))


def _is_page(path: str) -> bool:
    return path == "/" or path.startswith("/console")


def _console(server: Server) -> ASGIApp | None:
    """The web pages, where their libraries are installed."""
    if not console.installed():
        return None
    from darwaza.entry.console.app import Console  # noqa: PLC0415 - an optional extra

    return Console(server, ENDPOINTS)


class App:
    """The application: a table for all the paths it knows, Starlette's router for what is left and what is wrong.

    A table look-up costs a tenth of the router and its middleware. Errors need no middleware: ``endpoint.answer_with``
    turns all of ours into answers.
    """

    def __init__(self, server: Server) -> None:
        door = Door(server.gateway.parties, server.gateway.address, server.gateway.clock.monotonic_s)
        handlers = {endpoint: answer_with(endpoint, server, door) for endpoint in ENDPOINTS}
        self._table = Table(handlers.items())
        routes = [Route(endpoint.path, handler, methods=[endpoint.method]) for endpoint, handler in handlers.items()]

        async def openapi(_: Request) -> Response:
            return Response(describe(ENDPOINTS), media_type=JSON)

        routes.append(Route("/openapi.json", openapi))
        self._console = _console(server)
        self._rest = Starlette(
            routes=routes, exception_handlers={404: _not_found, 405: _wrong_method, Exception: _failed}
        )
        self._rest.router.redirect_slashes = False  # one address for each thing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] == "http":
            found = self._table.find(scope["method"], scope["path"])
            if found is not None:
                handler, scope["path_params"] = found
                await give(await handler(Request(scope, receive, send)), scope, receive, send)
                return
            if self._console is not None and _is_page(scope["path"]):
                await self._console(scope, receive, send)
                return
        await self._rest(scope, receive, send)
