"""Round-trip times per member and destination region, with and without the new links.

The floor set by light in glass: fastest route over the legs that may be used. This is where the study says that
Europe is farther through Karachi than through Russia, and that the Gulf is nearer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from darwaza.study.network import Leg
from darwaza.study.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Journey:
    """A route and its round trip.

    Attributes:
        legs: ids from start to end; empty when start and end are one site.
        rtt_ms: round trip.
    """

    legs: tuple[str, ...]
    rtt_ms: float


def fastest(
    legs: Iterable[Leg], start: str, ends: frozenset[str], avoid: frozenset[str] = frozenset()
) -> Journey | None:
    """Fastest route from ``start`` to any of ``ends`` keeping out of ``avoid`` countries (Dijkstra), or None."""
    around: dict[str, list[Leg]] = {}
    for leg in legs:
        if not leg.countries & avoid:
            around.setdefault(leg.a, []).append(leg)
            around.setdefault(leg.b, []).append(leg)
    heap: list[tuple[float, str, tuple[str, ...]]] = [(0.0, start, ())]
    done: set[str] = set()
    while heap:
        rtt, site, path = heappop(heap)
        if site in ends:
            return Journey(path, rtt)
        if site in done:
            continue
        done.add(site)
        for leg in around.get(site, ()):
            far = leg.other(site)
            if far not in done:
                heappush(heap, (rtt + leg.rtt_ms, far, (*path, leg.id)))
    return None


def table(scenario: Scenario, legs: Mapping[str, Leg], usable: Iterable[str]) -> dict[tuple[str, str], Journey]:
    """Fastest journey per (member, region) over the ``usable`` legs; pairs without one are left out."""
    chosen = [legs[name] for name in usable]
    found = {}
    for member in scenario.members.values():
        for region in scenario.regions.values():
            home = scenario.sites[member.site].country
            open_legs = [leg for leg in chosen if leg.open_to(home)]
            journey = fastest(open_legs, member.site, frozenset(region.sites), frozenset(member.avoid))
            if journey is not None:
                found[member.id, region.id] = journey
    return found


def through(
    scenario: Scenario, legs: Mapping[str, Leg], usable: Iterable[str], waypoint: str
) -> dict[tuple[str, str], Journey]:
    """As ``table``, but every journey must pass the site ``waypoint``: the price in time of that gateway.

    Beyond the way point a journey keeps out of every country it has crossed before, so that it cannot turn back.
    """
    chosen = [legs[name] for name in usable]
    gate = scenario.sites[waypoint].country
    found = {}
    for member in scenario.members.values():
        avoid = frozenset(member.avoid)
        first = fastest(chosen, member.site, frozenset([waypoint]), avoid)
        if first is None:
            continue
        crossed = frozenset(c for name in first.legs for c in legs[name].countries) - {gate}
        for region in scenario.regions.values():
            second = fastest(chosen, waypoint, frozenset(region.sites), avoid | crossed)
            if second is not None:
                found[member.id, region.id] = Journey(first.legs + second.legs, first.rtt_ms + second.rtt_ms)
    return found
