"""Candidate routes of every demand, and the pairs of which one survives whatever strikes the other.

Routes are proposed by shortest paths under many weightings: by time and by cost, as the cheapest pairs that share no
leg, with each protected risk left out in turn, and clear of everything an earlier route touches. That gives few,
different routes, where plain k-shortest paths would give many that share the same pass. The same scenario always gives
the same routes in the same order.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darwaza.study.design.graph import TINY, Graph, Vector
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Member, Region, Scenario

PAIRS_MAX = 60
"""Working-protection pairs kept per demand, cheapest first."""

BUILD_YEARS = 20.0
BUILD_SHARE_GBPS = 400.0
"""When ranking routes only: a candidate's cost is spread over this many years and Gbit/s."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way from a member to a region.

    Attributes:
        legs: ids from the member outward.
        rtt_ms: round trip.
        risks: shared-risk groups that cut it, and ``leg:ID`` for each leg.
        lease: USD/(Gbit/s)/year of its rented legs, base year.
        built: ids of its candidate legs.
    """

    legs: tuple[str, ...]
    rtt_ms: float
    risks: frozenset[str]
    lease: float
    built: frozenset[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """What one demand can choose from.

    Attributes:
        member, region: ids.
        routes: candidate routes; the first ``working`` of them are fast enough to work on.
        pairs: (working, protection) indices into ``routes``.
        exempt: risks no route can escape because they hit the member or the whole region itself.
    """

    member: str
    region: str
    routes: tuple[Route, ...]
    working: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    exempt: frozenset[str]

    def contestable(self, legs: Mapping[str, Leg]) -> bool:
        """Whether rented legs alone could carry all of the demand, so that new links have to win it."""
        return any(
            not self.routes[k].built and all(math.isinf(legs[name].capacity_max) for name in self.routes[k].legs)
            for k in self.working
        )


def leg_risk(leg: str) -> str:
    """The name under which the failure of one leg alone is listed among risks."""
    return f"leg:{leg}"


def rank_cost(leg: Leg) -> float:
    """Rough USD/(Gbit/s)/year of a leg, for proposing routes only; never zero, so that loops cost."""
    return 1.0 + leg.lease + leg.build_usd / BUILD_YEARS / BUILD_SHARE_GBPS


def route_of(legs: Mapping[str, Leg], path: Iterable[str]) -> Route:
    """Work out a route from its legs."""
    chosen = [legs[name] for name in path]
    risks = frozenset(risk for leg in chosen for risk in (*leg.risks, leg_risk(leg.id)))
    return Route(
        tuple(leg.id for leg in chosen),
        sum(leg.rtt_ms for leg in chosen),
        risks,
        sum(leg.lease for leg in chosen),
        frozenset(leg.id for leg in chosen if leg.candidate),
    )


def exempt_risks(scenario: Scenario, member: Member, region: Region) -> frozenset[str]:
    """Country groups that strike the member itself, or every site of the region: no route can help there."""
    home = scenario.sites[member.site].country
    ends = {scenario.sites[site].country for site in region.sites}
    lost = {home} | (ends if len(ends) == 1 else set())
    return frozenset(g.id for g in scenario.groups.values() if g.kind == "country" and g.country in lost)


def protected_risks(scenario: Scenario) -> tuple[str, ...]:
    """Groups every protected demand must survive, in scenario order."""
    return tuple(group.id for group in scenario.groups.values() if group.protect)


def usable(scenario: Scenario, legs: Mapping[str, Leg], member: Member, allowed: frozenset[str]) -> list[Leg]:
    """Legs the member's traffic may use: open to it, outside the countries it avoids, rented or ``allowed``."""
    home, avoid = scenario.sites[member.site].country, frozenset(member.avoid)
    return [
        leg
        for leg in legs.values()
        if leg.open_to(home) and not leg.countries & avoid and (not leg.candidate or leg.id in allowed)
    ]


class _Web:
    """The legs one demand may use, as a graph whose last site stands for reaching any of the demand's ends."""

    def __init__(self, choices: Sequence[Leg], start: str, ends: frozenset[str]) -> None:
        numbers: dict[str, int] = {start: 0}
        for leg in choices:
            for site in (leg.a, leg.b):
                numbers.setdefault(site, len(numbers))
        self.choices, self.goal = choices, len(numbers)
        arrivals = [(number, self.goal) for site, number in numbers.items() if site in ends]
        # Each arrival twice, so that both routes of a pair may end at the same site.
        self.graph = Graph(self.goal + 1, [*((numbers[leg.a], numbers[leg.b]) for leg in choices), *arrivals * 2])
        self.arrivals = np.full(2 * len(arrivals), TINY)
        times = np.array([leg.rtt_ms for leg in choices])
        ranks = np.array([rank_cost(leg) for leg in choices])
        self.weightings = [times + TINY, ranks, ranks + 400 * times]

    def routes(self, clear: npt.NDArray[np.bool_]) -> Iterator[tuple[str, ...]]:
        """The best route over the ``clear`` legs under each weighting."""
        for weights in self.weightings:
            found = self.graph.route(0, self.goal, self._prices(weights, clear))
            if found is not None:
                yield self._names(found)

    def pairs(self) -> Iterator[tuple[str, ...]]:
        """Both routes of the cheapest pair that shares no leg, under each weighting."""
        every = np.ones(len(self.choices), dtype=bool)
        for weights in self.weightings:
            for found in self.graph.pair(0, self.goal, self._prices(weights, every)) or ():
                yield self._names(found)

    def _prices(self, weights: Vector, clear: npt.NDArray[np.bool_]) -> Vector:
        return np.concatenate([np.where(clear, weights, np.inf), self.arrivals])

    def _names(self, edges: Iterable[int]) -> tuple[str, ...]:
        return tuple(self.choices[edge].id for edge in edges if edge < len(self.choices))


def propose(
    choices: Sequence[Leg], legs: Mapping[str, Leg], start: str, ends: frozenset[str], risks: Iterable[str], limit: int
) -> list[Route]:
    """Up to ``limit`` different routes, see the module docstring for how."""
    web = _Web(choices, start, ends)
    found: dict[tuple[str, ...], Route] = {}

    def keep(paths: Iterable[tuple[str, ...]]) -> None:
        for path in paths:
            if path not in found:
                found[path] = route_of(legs, path)

    keep(web.routes(np.ones(len(choices), dtype=bool)))
    keep(web.pairs())
    for risk in risks:
        keep(web.routes(np.array([risk not in leg.risks for leg in choices], dtype=bool)))
    for route in list(found.values()):
        barred = route.risks - (_near(choices, start) | _near_ends(choices, ends))
        keep(
            web.routes(
                np.array([leg.id not in route.legs and leg.risks.isdisjoint(barred) for leg in choices], dtype=bool)
            )
        )
    ranked = sorted(
        found.values(), key=lambda r: (r.lease + sum(legs[b].build_usd for b in sorted(r.built)) / 8000, r.legs)
    )
    fast = sorted(found.values(), key=lambda r: (r.rtt_ms, r.legs))[: limit // 4]
    merged = list(dict.fromkeys([*fast, *ranked]))
    return merged[: max(limit, len(fast))] if len(merged) > limit else merged


def _near(choices: Iterable[Leg], start: str) -> frozenset[str]:
    """Risks every leg out of ``start`` shares: the start's own country, usually."""
    first = [leg.risks for leg in choices if start in (leg.a, leg.b)]
    return frozenset.intersection(*first) if first else frozenset()


def _near_ends(choices: Iterable[Leg], ends: frozenset[str]) -> frozenset[str]:
    last = [leg.risks for leg in choices if leg.a in ends or leg.b in ends]
    return frozenset.intersection(*last) if last else frozenset()


def pair_survives(working: Route, protection: Route, risks: Iterable[str]) -> bool:
    """Whether no single leg and none of ``risks`` cuts both routes."""
    if set(working.legs) & set(protection.legs):
        return False
    common = working.risks & protection.risks
    return not any(risk in common for risk in risks)


def choice(
    scenario: Scenario, legs: Mapping[str, Leg], member: Member, region: Region, allowed: frozenset[str]
) -> Choice:
    """Routes and pairs of one demand under one plan."""
    exempt = exempt_risks(scenario, member, region)
    risks = [risk for risk in protected_risks(scenario) if risk not in exempt]
    options = usable(scenario, legs, member, allowed)
    ends, limit = frozenset(region.sites), scenario.candidate_paths_max * 2
    rented = [leg for leg in options if not leg.candidate]
    # Rented routes are proposed apart, so that a plan never loses a route by being allowed to build more.
    routes = [
        *propose(rented, legs, member.site, ends, risks, limit),
        *(propose(options, legs, member.site, ends, risks, limit) if len(rented) < len(options) else []),
    ]
    routes = list(dict.fromkeys(routes))
    routes = [r for r in routes if r.rtt_ms <= region.protection_rtt_ms_max.base]
    working = [i for i, r in enumerate(routes) if r.rtt_ms <= region.working_rtt_ms_max.base]
    standby = scenario.economics.standby_share.base
    pairs = [
        (i, j) for i in working for j in range(len(routes)) if i != j and pair_survives(routes[i], routes[j], risks)
    ]

    def cost(pair: tuple[int, int]) -> tuple[float, float]:
        first, second = routes[pair[0]], routes[pair[1]]
        built = sum(legs[name].build_usd for name in sorted(first.built | second.built))
        return first.lease + standby * second.lease + built / BUILD_YEARS / BUILD_SHARE_GBPS, first.rtt_ms

    pairs.sort(key=cost)
    return Choice(member.id, region.id, tuple(routes), tuple(working), tuple(pairs[:PAIRS_MAX]), exempt)


def choices(scenario: Scenario, legs: Mapping[str, Leg], allowed: frozenset[str]) -> list[Choice]:
    """Choices of every (member, region) that is not served at home."""
    return [
        choice(scenario, legs, member, region, allowed)
        for member in scenario.members.values()
        for region in scenario.regions.values()
        if member.site not in region.sites
    ]
