"""Routing for operators: draining the gateway, drills, and which way a message would go and why."""

from typing import Any

from starlette.responses import Response

from darwaza.entry.console.desk import DeclinedError
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.pages.keeper import operate
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.link import view_links
from darwaza.entry.view.route import ExplanationView
from darwaza.kernel.corridor import DEFAULT_CLASS

CLASSES = ("documents", "payments", "transit")
WANTED = ("to", "class", "through", "avoid", "body_bytes")
RULE_CHARACTERS_MAX = 120


async def drain(visit: Visit) -> Response:
    """Ask that nothing new be sent over this gateway, or take that back; draining shows first what it does."""
    drained = visit.field("drained") == "yes"
    if drained and not visit.confirmed:
        links = view_links(visit.server.gateway.engine, visit.server.loop.courier)
        return visit.page(
            "drain-confirm.html",
            title=N_("Drain this gateway?"),
            links=links,
            queue=sum(link.queue for link in links),
            routes=await visit.desk.ask("/v1/operator/routes"),
        )
    said = "drained" if drained else "undrained"
    return await operate(visit, "/v1/operator/routes/drain", {"drained": drained}, said, method="PUT")


async def drill(visit: Visit) -> Response:
    """Treat a member as dark for a while; shows first what that does."""
    cut, seconds = visit.field("cut"), visit.field("seconds")
    if not visit.confirmed:
        return visit.page("drill-confirm.html", title=N_("Begin the drill?"), cut=cut[:8], seconds=seconds[:6])
    return await operate(visit, "/v1/operator/drills", {"cut": cut, "seconds": seconds}, "drilling")


async def explain(visit: Visit) -> Response:
    """Which paths lead to a member, and whose rule stands against each."""
    trust = visit.server.gateway.engine.site.trust
    given = {name: visit.query(name)[:RULE_CHARACTERS_MAX] for name in WANTED}
    context: dict[str, Any] = {
        "given": given,
        "classes": sorted({*CLASSES, *(terms.name for terms in trust.current.classes)} - {DEFAULT_CLASS}),
        "cards": [card for card in trust.current.members if card.code != visit.member],
        "found": None,
    }
    title = N_("Which way would it go?")
    if not given["to"]:
        return visit.page("paths.html", title=title, problem=None, **context)
    query = {name: given[name] for name in ("to", "class", "body_bytes")} | {"policy": _policy(given)}
    try:
        found: ExplanationView = await visit.desk.ask("/v1/operator/routes/explain", query=query)
    except DeclinedError as no:
        return visit.decline(no, "paths.html", title=title, **context)
    return visit.page("paths.html", title=title, problem=None, **context | {"found": found})


def _policy(given: dict[str, str]) -> str:
    """What was typed, as a path policy (``darwaza.kernel.policy``): members in order, and members to keep off."""
    clauses = [(name, given[name].replace(",", " ").upper().split()) for name in ("through", "avoid")]
    return "; ".join(f"{name} {' '.join(codes)}" for name, codes in clauses if codes)


PAGES: tuple[Page, ...] = (
    post("/console/operator/drain", drain, "operator"),
    post("/console/operator/drill", drill, "operator"),
    get("/console/operator/paths", explain, "operator"),
)
