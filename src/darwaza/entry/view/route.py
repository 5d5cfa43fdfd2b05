"""Routing as operators see it: the map, paths and whose rule stands against them."""

import msgspec

from darwaza.engine.engine import Engine
from darwaza.engine.watch import Watch
from darwaza.kernel.linkstate import ends_of
from darwaza.kernel.locality import format_rules
from darwaza.kernel.path import Explanation
from darwaza.kernel.topology import MapLink


class RouteLink(msgspec.Struct):
    """A link on this gateway's map.

    Attributes:
        ends: its two members.
        condition: ``up``, ``degraded`` or ``down``.
        latency_ms: one way.
        loss_percent: of probes.
        price_class: 0 for free to 9.
        capacity_class: n for at least 10**n Mbit/s.
        drained: whether new messages should keep off.
        own: whether it is one of this gateway's.
        queue: own messages the neighbour has not co-signed; None for others' links.
        cosigned_size: leaves of the own log that it has; None for others' links.
        fault: of the last probe, "" when it was answered.
    """

    ends: tuple[str, str]
    condition: str
    latency_ms: float
    loss_percent: float
    price_class: int
    capacity_class: int
    drained: bool
    own: bool
    queue: int | None
    cosigned_size: int | None
    fault: str


class RoutesView(msgspec.Struct):
    """Routing at one gateway.

    Attributes:
        member: whose gateway.
        drained: whether it asks for no new messages.
        cuts: members a drill treats as dark, and until when.
        links: of its map.
        under_way: own messages under way over other members' gateways.
        early: messages of others that overtook the one they follow in their case, and wait here for it.
        counts: of routed messages since it started, by event, and of own ones sent and moved by path.
        home_rules: members' home rules, by code.
        statements_refused: statements of others that were refused, by code.
    """

    member: str
    drained: bool
    cuts: dict[str, str]
    links: list[RouteLink]
    under_way: int
    early: int
    counts: dict[str, int]
    home_rules: dict[str, str]
    statements_refused: dict[str, int]


class PathView(msgspec.Struct):
    """A path and what stands against it.

    Attributes:
        members: from origin to destination.
        points: what it costs; the fewest win.
        latency_ms: one way.
        loss_percent: at most.
        price: sum of its links' price classes.
        condition: of its worst link.
        allowed: whether nothing stands against it.
        objections: code, whose rule, the rule, and a sentence.
    """

    members: list[str]
    points: float
    latency_ms: float
    loss_percent: float
    price: int
    condition: str
    allowed: bool
    objections: list[dict[str, str]]


class ExplanationView(msgspec.Struct):
    """Which way a message would go, and why.

    Attributes:
        origin: member.
        destination: member.
        message_class: of the message.
        chosen: the path it would take; None when none is allowed.
        paths: cheapest first.
    """

    origin: str
    destination: str
    message_class: str
    chosen: list[str] | None
    paths: list[PathView]


def view_routes(engine: Engine, watch: Watch) -> RoutesView:
    """Describe routing at this gateway."""
    site = engine.site
    routing = site.routing
    return RoutesView(
        member=site.member,
        drained=watch.drained,
        cuts={member: until.isoformat(timespec="seconds") for member, until in routing.cuts.items()},
        links=[_link(engine, watch, link) for _, link in sorted(routing.topology.links.items())],
        under_way=len(site.fleet.voyages),
        early=len(site.order.early),
        counts=dict(site.fleet.tally),
        home_rules={code: format_rules(rules) for code, rules in sorted(routing.homes.items())},
        statements_refused=dict(watch.refused),
    )


def _link(engine: Engine, watch: Watch, link: MapLink) -> RouteLink:
    me = engine.site.member
    own = me in link.ends
    peer = link.ends[link.ends[0] == me]
    logs = [log for log in engine.logs.values() if own and (log.row.author, log.row.reader) == (me, peer)]
    held = watch.peers.get(peer) if own and link.ends == ends_of(me, peer) else None
    return RouteLink(
        ends=link.ends,
        condition=link.condition.word,
        latency_ms=link.latency_us / 1_000,
        loss_percent=link.loss_ppm / 10_000,
        price_class=link.price_class,
        capacity_class=link.capacity_class,
        drained=link.drained,
        own=own,
        queue=sum(log.queue for log in logs) if own else None,
        cosigned_size=sum(log.row.cosigned_size for log in logs) if own else None,
        fault="" if held is None else held.fault,
    )


def view_explanation(found: Explanation) -> ExplanationView:
    """Describe which way a message would go."""
    return ExplanationView(
        origin=found.need.origin,
        destination=found.need.destination,
        message_class=found.need.message_class,
        chosen=None if found.chosen is None else list(found.chosen),
        paths=[
            PathView(
                members=list(one.path.members),
                points=one.path.points / 1_000,
                latency_ms=one.path.latency_us / 1_000,
                loss_percent=one.path.loss_ppm / 10_000,
                price=one.path.price,
                condition=one.path.condition.word,
                allowed=not one.objections,
                objections=[msgspec.structs.asdict(objection) for objection in one.objections],
            )
            for one in found.paths
        ],
    )
