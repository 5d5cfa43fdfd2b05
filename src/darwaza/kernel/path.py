"""Paths: which way a message may go, which way is best, and who stands against the others.

A path is the list of members from origin to destination; the header carries it. The sender's gateway chooses it here,
on its map (``darwaza.kernel.topology``) and under everyone's rules. Each link costs points
(``darwaza.kernel.policy.Preference``): so many for being one more link, so many for its latency, loss and price, and
``DEGRADED_POINTS`` for being degraded. The path with the fewest points is taken; with the default preference that is
the direct one, then the best with one relay, then with more.

Rules are asked in one order, and the first objection is the reason given:

1. what stands against the message whichever way it goes: the origin's ``leave`` and ``store`` rules;
2. the links in turn: unknown to the map, hidden from a member of the path, down, drained, too small for the body;
3. the carriers in turn: ``transit`` rules of origin and destination, then the carrier's own ``carry`` rule;
4. the corridor's policy, then the sender's: avoid, only, through, hops, latency.

``explain`` gives all objections to each path. A message of the class ``route`` (a report of a relay) holds no body of
anybody's and goes back by the way the reported message came; for it only 2 is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from typing import Final

import msgspec

from darwaza.kernel import locality, policy
from darwaza.kernel.health import Condition
from darwaza.kernel.locality import HomeRules
from darwaza.kernel.machine import Refusal
from darwaza.kernel.policy import CORRIDOR, SENDER, Objection, PathPolicy, Preference
from darwaza.kernel.search import Search, best_first
from darwaza.kernel.topology import MapLink, Topology

PATHS_MAX: Final = 8
"""Paths ``find`` gives at most."""
EXPLAINED_PATHS_MAX: Final = 32
"""Paths ``explain`` weighs at most."""
DEGRADED_POINTS: Final = 10_000
"""A degraded link counts like ten more links: it is used when nothing better is left."""
REPORT_CLASS: Final = "route"
UNDELIVERABLE: Final = "undeliverable"

_MILLI: Final = 1_000


class Need(msgspec.Struct, frozen=True):
    """What is to be sent.

    Attributes:
        origin: member's code.
        destination: another member's code.
        message_class: name of the message's service.
        body_bytes: size of the body as it travels, sealed.
    """

    origin: str
    destination: str
    message_class: str
    body_bytes: int = 0


class Rules(msgspec.Struct, frozen=True):
    """Whose word counts.

    Attributes:
        corridor: the corridor's policy for this message class.
        sender: the policy given with the message.
        homes: the members' home rules, by code; a member without any allows everything.
    """

    corridor: PathPolicy = policy.ANY
    sender: PathPolicy = policy.ANY
    homes: Mapping[str, HomeRules] = msgspec.field(default_factory=dict)

    @property
    def preference(self) -> Preference:
        """What to prefer: as the sender says, else the corridor, else by default."""
        return self.sender.prefer or self.corridor.prefer or Preference()


class Path(msgspec.Struct, frozen=True):
    """A way over the map.

    Attributes:
        members: from origin to destination.
        points: thousandths of a point it costs; the fewest win.
        latency_us: sum over its links, microseconds one way.
        loss_ppm: at most this share is lost on the way, 0 to 1,000,000.
        price: sum of its links' price classes.
        condition: that of its worst link.
    """

    members: tuple[str, ...]
    points: int
    latency_us: int
    loss_ppm: int
    price: int
    condition: Condition


class Weighed(msgspec.Struct, frozen=True):
    """A path with everything that stands against it, in order; allowed when nothing does."""

    path: Path
    objections: tuple[Objection, ...]


class Explanation(msgspec.Struct, frozen=True):
    """Why a message goes the way it goes, or does not go.

    Attributes:
        need: what was asked.
        chosen: the members of the path that ``find`` puts first; None when no path is allowed.
        paths: cheapest first, at most ``EXPLAINED_PATHS_MAX``; those ``find`` gives are among them.
    """

    need: Need
    chosen: tuple[str, ...] | None
    paths: tuple[Weighed, ...]


def link_points(link: MapLink, preference: Preference) -> int:
    """What one link costs, in thousandths of a point."""
    return (
        preference.hops * _MILLI
        + preference.latency * link.latency_us
        + preference.loss * link.loss_ppm
        + preference.price * link.price_class * _MILLI
        + DEGRADED_POINTS * _MILLI * (link.condition is Condition.DEGRADED)
    )


def measured(topology: Topology, members: Sequence[str], preference: Preference) -> Path:
    """Add up a path's links; a link the map does not have adds nothing."""
    found = (topology.link(*ends) for ends in pairwise(members))
    links = [link for link in found if link is not None]
    return Path(
        members=tuple(members),
        points=sum(link_points(link, preference) for link in links),
        latency_us=sum(link.latency_us for link in links),
        loss_ppm=min(sum(link.loss_ppm for link in links), 1_000_000),
        price=sum(link.price_class for link in links),
        condition=max((link.condition for link in links), default=Condition.DOWN),
    )


def objections(topology: Topology, rules: Rules, need: Need, members: Sequence[str]) -> Iterator[Objection]:
    """Yield everything that stands against a path, in the order of this module's docstring."""
    asked = _asked(rules, need)
    yield from locality.end_objections(asked.homes, need.message_class, need.origin, need.destination)
    for ends in pairwise(members):
        yield from link_objections(topology.link(*ends), ends, members, need.body_bytes)
    latency_us = measured(topology, members, asked.preference).latency_us
    yield from rule_objections(asked, need, members, latency_us)


def rules_against(rules: Rules, need: Need, members: Sequence[str]) -> Iterator[Objection]:
    """Yield what people's rules have against a path of which nothing is known but its members."""
    asked = _asked(rules, need)
    yield from locality.end_objections(asked.homes, need.message_class, need.origin, need.destination)
    yield from rule_objections(asked, need, members, 0)


def _asked(rules: Rules, need: Need) -> Rules:
    """The rules that bind a message: none bind a report."""
    return Rules() if need.message_class == REPORT_CLASS else rules


def link_objections(
    link: MapLink | None, ends: tuple[str, str], members: Sequence[str], body_bytes: int
) -> Iterator[Objection]:
    """Yield what stands against using one link on a path."""
    name = f"{ends[0]}-{ends[1]}"
    if link is None:
        yield Objection("link_unknown", name, "", f"there is no link between {ends[0]} and {ends[1]}")
        return
    strangers = [member for member in members if not link.shown_to(member)]
    if strangers:
        yield Objection("link_hidden", name, "", f"{strangers[0]} may not know of the link {name}")
    if link.condition is Condition.DOWN:
        yield Objection("link_down", name, "", f"the link {name} is down")
    if link.drained:
        yield Objection("link_drained", name, "", f"the link {name} takes no new messages for now")
    if body_bytes > link.body_bytes_max:
        detail = f"the body has {body_bytes} bytes, the link {name} carries {link.body_bytes_max}"
        yield Objection("link_too_small", name, "", detail)


def rule_objections(rules: Rules, need: Need, members: Sequence[str], latency_us: int) -> Iterator[Objection]:
    """Yield what people's rules have against a path, whatever its links are like.

    An auditor asks this of the path that the evidence proves, with a latency of 0: no evidence holds it.
    """
    for carrier in members[1:-1]:
        yield from locality.carrier_objections(rules.homes, need.message_class, need.origin, need.destination, carrier)
    yield from policy.path_objections(rules.corridor, CORRIDOR, members, latency_us)
    yield from policy.path_objections(rules.sender, SENDER, members, latency_us)


def relay_objections(
    topology: Topology, rules: Rules, need: Need, members: Sequence[str], stage: int
) -> Iterator[Objection]:
    """Yield what stands against a relay handing a message on: its next link first, then people's rules.

    Args:
        topology: the relay's own map.
        rules: as the relay knows them; the sender's policy is not asked, nor the latency of links behind it.
        need: of the message.
        members: its path.
        stage: the relay's place in it.
    """
    ends = (members[stage], members[stage + 1])
    yield from link_objections(topology.link(*ends), ends, members, need.body_bytes)
    yield from rule_objections(msgspec.structs.replace(_asked(rules, need), sender=policy.ANY), need, members, 0)


def find(topology: Topology, rules: Rules, need: Need, paths_max: int = PATHS_MAX) -> tuple[Path, ...]:
    """Find the best allowed paths, best first; paths of equal points stand shorter first, then by member codes.

    Returns:
        At most ``paths_max``; none when no path is allowed. When the rules leave so few of very many paths that
        ``search.STEPS_MAX`` does not suffice, those found by then.
    """
    asked = _asked(rules, need)
    if next(locality.end_objections(asked.homes, need.message_class, need.origin, need.destination), None):
        return ()
    # The search leaves out what cannot be allowed; the rules themselves have the last word on what it finds.
    allowed = (
        way
        for way in best_first(_search(topology, asked, need))
        if next(objections(topology, rules, need, way), None) is None
    )
    return tuple(measured(topology, way, asked.preference) for way in islice(allowed, paths_max))


def _search(topology: Topology, rules: Rules, need: Need) -> Search:
    preference, policies = rules.preference, (rules.corridor, rules.sender)
    links = {
        ends: (link_points(link, preference), link)
        for ends, link in topology.links.items()
        if link.condition is not Condition.DOWN and not link.drained and need.body_bytes <= link.body_bytes_max
    }
    carriers = {member for ends in links for member in ends} - {need.origin, need.destination}
    hops = [one.hops_max for one in policies if one.hops_max is not None]
    latencies_ms = [one.latency_ms_max for one in policies if one.latency_ms_max is not None]
    return Search(
        origin=need.origin,
        destination=need.destination,
        links=links,
        barred=frozenset(carrier for carrier in carriers if _barred(rules, need, carrier)),
        through=tuple(one.through for one in policies if one.through),
        hops_max=min(hops, default=policy.HOPS_MAX),
        latency_us_max=min(latencies_ms) * _MILLI if latencies_ms else None,
    )


def _barred(rules: Rules, need: Need, carrier: str) -> bool:
    """Whether someone does not want this member to carry the message."""
    standing = chain(
        locality.carrier_objections(rules.homes, need.message_class, need.origin, need.destination, carrier),
        policy.carrier_objections(rules.corridor, CORRIDOR, carrier),
        policy.carrier_objections(rules.sender, SENDER, carrier),
    )
    return next(standing, None) is not None


def explain(topology: Topology, rules: Rules, need: Need) -> Explanation:
    """Say which paths there are, and who stands against each that is not allowed."""
    preference = _asked(rules, need).preference
    every = Search(
        origin=need.origin,
        destination=need.destination,
        links={
            ends: (link_points(link, preference), msgspec.structs.replace(link, visible_to=None))
            for ends, link in topology.links.items()
        },
        hops_max=policy.HOPS_MAX,
    )
    allowed = [path.members for path in find(topology, rules, need)]
    existing = islice(best_first(every), EXPLAINED_PATHS_MAX - len(allowed))
    weighed = [
        Weighed(measured(topology, way, preference), tuple(objections(topology, rules, need, way)))
        for way in dict.fromkeys((*allowed, *existing))
    ]
    weighed.sort(key=lambda one: (one.path.points, len(one.path.members), one.path.members))
    return Explanation(need, allowed[0] if allowed else None, tuple(weighed))


def undeliverable(explanation: Explanation) -> Refusal:
    """Put into a refusal why a message cannot go: what stands against the path that would be best.

    The refusal is transient when only the state of links stands against some path, and names such a path.
    """
    need = explanation.need
    if not explanation.paths:
        return Refusal(UNDELIVERABLE, f"no path leads from {need.origin} to {need.destination}", transient=True)
    passing = [one for one in explanation.paths if all(said.code in _PASSING for said in one.objections)]
    best = min(passing or explanation.paths, key=lambda one: len(one.objections))
    first = best.objections[0]
    detail = (
        f"no allowed path from {need.origin} to {need.destination}; of {'-'.join(best.path.members)}: {first.detail}"
    )
    return Refusal(UNDELIVERABLE, detail, transient=bool(passing))


_PASSING: Final = frozenset({"link_down", "link_drained"})
"""Objections that time may lift."""
