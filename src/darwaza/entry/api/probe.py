"""Answers neighbours' probes, outside the engine's transactions: a busy gateway does not look like a dead one."""

from starlette.responses import Response

from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.party import PEER
from darwaza.errors import ForbiddenError
from darwaza.kernel.linkstate import PROBE_BYTES_MAX
from darwaza.kernel.naming import SignerName
from darwaza.kernel.request import authorized_by
from darwaza.kernel.wire import PROBE_MEDIA_TYPE, PROBE_PATH


def asking_member(call: Call) -> str:
    """The neighbour that signed a request.

    Raises:
        ForbiddenError: ``request_unsigned``, ``request_stale``.
    """
    site = call.server.gateway.engine.site
    neighbours = site.trust.neighbours(site.member)
    verifiers = [verifier for code in neighbours for verifier in site.trust.request_verifiers(code)]
    request = call.request
    name = authorized_by(call.header("authorization"), request.method, request.url.path, site.clock.now(), verifiers)
    member = SignerName.parse(name).member
    if member not in neighbours:
        raise ForbiddenError("only a neighbour may ask this", code="request_unsigned")
    return member


async def probe(call: Call) -> Response:
    """Answer a probe and take the news in it."""
    loop = call.server.loop
    raw = loop.watch.answer(asking_member(call), call.body)
    loop.news.ring()
    return Response(raw, media_type=PROBE_MEDIA_TYPE)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path=PROBE_PATH,
        headers=("authorization",),
        handler=probe,
        summary="Answer a neighbour's probe, and take its news of links and home rules",
        tag="route",
        role=PEER,
        body=bytes,
        body_bytes_max=PROBE_BYTES_MAX,
        media_type=PROBE_MEDIA_TYPE,
    ),
)
