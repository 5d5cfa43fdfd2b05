"""The network of a scenario: lengths, delays, costs and what fails together.

Turns the scenario's links into ``Leg`` values with numbers worked out, so that routing, design, resilience and the
map never look at terrain tables again. Units: km, ms (round trip), USD, Gbit/s, failures a year, hours.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from darwaza.study.scenario.model import Link, Scenario

EARTH_RADIUS_KM = 6371.0088
"""Mean radius (IUGG)."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A link with its numbers.

    Attributes:
        id, a, b: as in the scenario.
        candidate: can be built; else rented.
        km: of fibre.
        rtt_ms: round trip of light over the leg.
        countries: touched, ends and way points.
        risks: ids of every shared-risk group that takes the leg down.
        cut_rate: failures per year of the leg alone.
        repair_hours: of one such failure.
        build_usd: capital cost of the cable, huts and terminals (0 when existing).
        opex_usd: per year once built.
        sections: optical sections between terminals; at least 1.
        capacity_max: Gbit/s the leg can ever carry; infinite when renting has no limit.
        lease: USD/(Gbit/s)/year in the base year (0 on candidates).
        owner: country paid for its use.
        transit: open to traffic of countries it does not touch.
    """

    id: str
    a: str
    b: str
    candidate: bool
    km: float
    rtt_ms: float
    countries: frozenset[str]
    risks: frozenset[str]
    cut_rate: float
    repair_hours: float
    build_usd: float
    opex_usd: float
    sections: int
    capacity_max: float
    lease: float
    owner: str
    transit: bool

    def open_to(self, country: str) -> bool:
        """Whether traffic that starts in ``country`` may use the leg."""
        return self.transit or country in self.countries

    def other(self, site: str) -> str:
        """The far end."""
        return self.b if site == self.a else self.a


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance of two (latitude, longitude) points in degrees on the mean sphere (haversine)."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))


def course(scenario: Scenario, link: Link) -> list[tuple[float, float]]:
    """(latitude, longitude) of the ends and way points of ``link``."""
    return [(scenario.sites[s].lat, scenario.sites[s].lon) for s in (link.a, *link.via, link.b)]


def fibre_km(scenario: Scenario, link: Link, *, case: str = "base") -> float:
    """Kilometres of fibre: as given, else great circle along the way points times the detour factor.

    Args:
        scenario: holds sites and the detour factor.
        link: to measure.
        case: ``low``, ``base`` or ``high``.
    """
    if link.length is not None:
        return float(getattr(link.length, case))
    points = course(scenario, link)
    air = sum(great_circle_km(p, q) for p, q in pairwise(points))
    return air * float(getattr(scenario.equipment.detour, case))


def amplifier_sites(km: float, span_km: float) -> int:
    """Huts between the ends of a line of ``km`` with spans of at most ``span_km``."""
    return max(0, math.ceil(km / span_km - 1e-9) - 1)


def countries(scenario: Scenario, link: Link) -> frozenset[str]:
    """Countries ``link`` touches."""
    return frozenset(scenario.sites[s].country for s in (link.a, *link.via, link.b))


def legs(scenario: Scenario, *, sections: dict[str, int] | None = None) -> dict[str, Leg]:
    """Work out every link that keeps out of the countries the scenario avoids.

    Args:
        scenario: validated.
        sections: optical sections per candidate where known; 1 elsewhere.
    """
    found = {}
    for link in scenario.links.values():
        touched = countries(scenario, link)
        if not touched & set(scenario.avoid):
            found[link.id] = _leg(scenario, link, touched, (sections or {}).get(link.id, 1))
    return found


def _leg(scenario: Scenario, link: Link, touched: frozenset[str], sections: int) -> Leg:
    terrain, equipment = scenario.terrains[link.terrain], scenario.equipment
    km = fibre_km(scenario, link)
    candidate = link.status == "candidate"
    build, hardening, hazard = 0.0, 1.0, 1.0
    if candidate:
        hardening = 1 + scenario.climate.adaptation.base
        hazard = 1 - scenario.climate.hazard_cut.base
        cable = km * terrain.build.base * (link.host.base if link.host else 1.0) * hardening
        huts = amplifier_sites(km, terrain.span.base) * equipment.hut.base
        build = cable + huts + (1 + sections) * equipment.node.base
    national = {g.id for g in scenario.groups.values() if g.kind == "country" and g.country in touched}
    spare = link.spare.base if link.spare else math.inf
    return Leg(
        id=link.id,
        a=link.a,
        b=link.b,
        candidate=candidate,
        km=km,
        rtt_ms=2 * km * equipment.delay.base / 1000,
        countries=touched,
        risks=frozenset(link.groups) | national,
        cut_rate=km / 1000 * terrain.cuts.base * hazard,
        repair_hours=terrain.repair.base,
        build_usd=build,
        opex_usd=build * terrain.opex.base,
        sections=sections,
        capacity_max=equipment.line_capacity.base if candidate else spare,
        lease=link.lease.base if link.lease else 0.0,
        owner=link.owner,
        transit=link.transit,
    )


def gateway_site(scenario: Scenario) -> str:
    """The first landing site: the gateway whose price in time is shown."""
    return next((s.id for s in scenario.sites.values() if s.role == "landing"), next(iter(scenario.sites)))
