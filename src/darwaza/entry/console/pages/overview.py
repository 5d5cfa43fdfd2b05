"""The overview: the corridor on a map, live, and beside it what needs attention."""

from collections import Counter
from collections.abc import Mapping

from starlette.responses import Response

from darwaza.bootstrap import profile_folder
from darwaza.entry.console.attention import matters
from darwaza.entry.console.chart import Chart, draw, read_profile
from darwaza.entry.console.page import Page, get
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.link import LinkView, view_links
from darwaza.kernel.health import Condition
from darwaza.kernel.linkstate import ends_of
from darwaza.kernel.topology import Topology
from darwaza.services.transit.closure import CLOSED, CrossingStatus, crossing_case

_charts: dict[tuple[str, str], Chart] = {}
CHARTS_MAX = 16
"""Pictures kept: one a language, and those of a version that has just been followed by another."""


def chart_of(visit: Visit) -> Chart:
    """The picture of the corridor document in force; drawn once a version and language."""
    gateway, reader = visit.server.gateway, visit.reader
    document = gateway.engine.site.trust.current
    key = (document.digest, reader.language)
    chart = _charts.get(key)
    if chart is None:
        if len(_charts) >= CHARTS_MAX:
            _charts.clear()
        known = read_profile(profile_folder(gateway.folder, gateway.config.profile) / "corridor.toml")
        chart = _charts[key] = draw(document, gateway.reference.register, known, reader.country)
    return chart


def closed_crossings(visit: Visit) -> list[CrossingStatus]:
    """Crossings that are closed now, as this gateway has heard."""
    engine = visit.server.gateway.engine
    rows = engine.store.cases([crossing_case(crossing) for crossing in visit.register.crossings])
    return [engine.site.decode_case(row).data for row in rows.values() if row.state == CLOSED]


async def show(visit: Visit) -> Response:
    """The corridor now."""
    await visit.lobby.index.refresh()
    engine, bound = visit.server.gateway.engine, visit.lobby.index.bound
    links = [link for link in view_links(engine, visit.server.loop.courier) if link.state != "left"]
    own = {ends_of(visit.member, link.peer): link for link in links}
    closed = closed_crossings(visit)
    waiting: Counter[str] = Counter(item.waits_at for item in bound.values() if item.waits_at)
    heading: Counter[str] = Counter(code for item in bound.values() for code in item.crossings)
    return visit.page(
        "overview.html",
        title=N_("Overview"),
        chart=chart_of(visit),
        links=own,
        conditions=_conditions(engine.site.routing.topology, own),
        last=_last_signed(visit, links),
        closed={status.crossing for status in closed},
        heading=heading,
        waiting=waiting,
        busiest=[(code, count) for code, count in heading.most_common(8) if code in visit.register.crossings],
        matters=matters(visit, links, closed),
        figures={
            "under_way": sum(item.under_way for item in bound.values()),
            "waiting": sum(not item.under_way for item in bound.values()),
            "stopped": sum(item.stopped for item in bound.values()),
            "queue": sum(link.queue for link in links),
            "delivered": sum(lane.delivered + lane.received for link in links for lane in link.lanes),
        },
    )


def _conditions(topology: Topology, own: Mapping[tuple[str, str], LinkView]) -> dict[tuple[str, str], str]:
    """State of every link as its two members tell it; of an own link what this gateway itself sees, if worse."""
    told = {
        ends: "drained" if link.drained and link.condition is not Condition.DOWN else link.condition.word
        for ends, link in topology.links.items()
    }
    return told | {ends: link.state for ends, link in own.items() if link.state != "up" or ends not in told}


def _last_signed(visit: Visit, links: list[LinkView]) -> dict[str, str]:
    """When each neighbour last answered with its signature, seconds ago; nothing where it has not since the start."""
    courier, now_s = visit.server.loop.courier, visit.server.gateway.clock.monotonic_s()
    found: dict[str, str] = {}
    for link in links:
        heard = [
            lane.heard_at_s
            for origin, lane in courier.lanes.items()
            if f"-to-{link.peer}/" in origin and lane.heard_at_s is not None
        ]
        if heard:
            found[link.peer] = visit.reader.number(round(now_s - max(heard)))
    return found


PAGES: tuple[Page, ...] = (get("/console/overview", show),)
