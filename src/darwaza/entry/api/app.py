"""The HTTP application of a gateway: every endpoint, and its description."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darwaza.entry.api import document, gateway, link
from darwaza.entry.api.endpoint import JSON, Endpoint, route
from darwaza.entry.api.openapi import describe
from darwaza.entry.api.party import Door
from darwaza.entry.api.problem import respond
from darwaza.entry.server import Server
from darwaza.errors import MalformedError

ENDPOINTS: Sequence[Endpoint] = (*gateway.ENDPOINTS, *document.ENDPOINTS, *link.ENDPOINTS)


async def _not_found(request: Request, _fault: Exception) -> Response:
    return respond(MalformedError(f"there is nothing at {request.url.path}", code="not_found"))


async def _wrong_method(request: Request, _fault: Exception) -> Response:
    return respond(MalformedError(f"{request.method} does not work here", code="method_not_allowed"))


def build(server: Server) -> Starlette:
    """Make the application."""
    door = Door(server.gateway.parties, server.gateway.address, server.gateway.clock.monotonic_s)
    routes = [route(endpoint, server, door) for endpoint in ENDPOINTS]
    text = describe(ENDPOINTS)

    async def openapi(_: Request) -> Response:
        return Response(text, media_type=JSON)

    routes.append(Route("/openapi.json", openapi))
    return Starlette(routes=routes, exception_handlers={404: _not_found, 405: _wrong_method})
