"""Routing for operators: the map, explanations, a planned drain, drills."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.adapters.keyfile.party import OPERATOR
from darwaza.config import BODY_BYTES_MAX
from darwaza.engine.drill import DRILL_S_MAX, Drill
from darwaza.engine.intake import Keep
from darwaza.engine.site import Site
from darwaza.engine.watch import DRAINED
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.view.route import ExplanationView, RoutesView, view_explanation, view_routes
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel.message import MemberText


class ExplainQuery(msgspec.Struct, forbid_unknown_fields=True):
    """What to explain.

    Attributes:
        to: destination's code.
        message_class: name of a service: ``documents``, ``payments``, ``transit``.
        policy: of the sender, in the grammar of path policies.
        body_bytes: size of the body.
    """

    to: MemberText
    message_class: Annotated[str, Meta(min_length=1, max_length=32)] = msgspec.field(default="documents", name="class")
    policy: Annotated[str, Meta(max_length=4_096)] = ""
    body_bytes: Annotated[int, Meta(ge=0, le=BODY_BYTES_MAX)] = 0


class DrainRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the gateway is to be drained."""

    drained: bool


class DrillRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A drill to begin.

    Attributes:
        cut: the member to treat as dark.
        seconds: for how long.
    """

    cut: MemberText
    seconds: Annotated[int, Meta(ge=1, le=DRILL_S_MAX)]


async def show(call: Call) -> RoutesView:
    """How routing stands."""
    return view_routes(call.server.gateway.engine, call.server.loop.watch)


async def explain(call: Call) -> ExplanationView:
    """Which paths there are, and whose rule stands against each."""
    query, site = call.query, call.server.gateway.engine.site
    if query.to == site.member or site.trust.current.card(query.to) is None:
        detail = f"{query.to} is not another member; those are {', '.join(others(site))}"
        raise MalformedError(detail, code="query_malformed", pointer="/to")
    if query.message_class not in site.services:
        detail = f"there is no service {query.message_class!r} here; there are {', '.join(sorted(site.services))}"
        raise MalformedError(detail, code="query_malformed", pointer="/class")
    return view_explanation(site.routing.explain(query.to, query.message_class, query.body_bytes, query.policy))


def others(site: Site) -> list[str]:
    """The members besides one's own."""
    return sorted(set(site.trust.current.codes) - {site.member})


async def drain(call: Call) -> RoutesView | DarwazaError:
    """Ask everybody to send nothing new over this gateway, or that no longer; it holds until it is taken back."""
    outcome = await call.server.submit(Keep({DRAINED: b"1" if call.body.drained else b"0"}))
    if isinstance(outcome, DarwazaError):
        return outcome
    loop = call.server.loop
    loop.watch.drain(drained=call.body.drained)
    loop.news.ring()
    return view_routes(call.server.gateway.engine, loop.watch)


async def begin_drill(call: Call) -> Drill:
    """Treat a member as dark for a while."""
    return call.server.drills.cut(call.body.cut, call.body.seconds)


async def drills(call: Call) -> list[Drill]:
    """The drills since the gateway started, and what they did to traffic."""
    return call.server.drills.all()


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/operator/routes",
        handler=show,
        summary="Links of the whole corridor as this gateway knows them, and own messages under way",
        tag="route",
        role=OPERATOR,
        answer=RoutesView,
    ),
    Endpoint(
        method="GET",
        path="/v1/operator/routes/explain",
        handler=explain,
        summary="Paths to a member, and whose rule stands against each",
        tag="route",
        role=OPERATOR,
        query=ExplainQuery,
        answer=ExplanationView,
    ),
    Endpoint(
        method="PUT",
        path="/v1/operator/routes/drain",
        handler=drain,
        summary="Drain this gateway, or take that back",
        tag="route",
        role=OPERATOR,
        body=DrainRequest,
        answer=RoutesView,
    ),
    Endpoint(
        method="POST",
        path="/v1/operator/drills",
        headers=(),
        handler=begin_drill,
        summary="Treat a member as dark for a while",
        tag="route",
        role=OPERATOR,
        body=DrillRequest,
        answer=Drill,
        status=HTTPStatus.CREATED.value,
    ),
    Endpoint(
        method="GET",
        path="/v1/operator/drills",
        handler=drills,
        summary="Drills since the start, and what they did to traffic",
        tag="route",
        role=OPERATOR,
        answer=list[Drill],
    ),
)
