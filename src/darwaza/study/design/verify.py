"""An independent check of a design: it shares no code with the program that made it.

Works from the scenario's own lists of groups and links: strikes what the risk strikes, walks the routes leg by leg,
adds up loads. What it reports is a fault of the design, never of the input.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from darwaza.study.demand import member_factors
from darwaza.study.design.design import Design, Flow
from darwaza.study.design.routes import Route
from darwaza.study.network import fibre_km
from darwaza.study.scenario.model import Scenario

TOLERANCE_GBPS, TOLERANCE_MS = 1e-3, 1e-6


def struck_links(scenario: Scenario, risk: str) -> frozenset[str]:
    """Ids of the links a group, or one link, takes down."""
    if risk in scenario.links:
        return frozenset([risk])
    group = scenario.groups[risk]
    struck = set()
    for link in scenario.links.values():
        touched = {scenario.sites[site].country for site in (link.a, *link.via, link.b)}
        if risk in link.groups or (group.kind == "country" and group.country in touched):
            struck.add(link.id)
    return frozenset(struck)


def walk(scenario: Scenario, start: str, legs: tuple[str, ...], struck: frozenset[str]) -> str | None:
    """Where a walk along ``legs`` from ``start`` ends; None when a leg is struck or does not continue."""
    here = start
    for name in legs:
        link = scenario.links[name]
        if name in struck or here not in (link.a, link.b):
            return None
        here = link.b if here == link.a else link.a
    return here


def violations(scenario: Scenario, design: Design, volumes: Mapping[tuple[int, str, str], float]) -> list[str]:
    """Every promise of the design that does not hold, as sentences; empty when all hold."""
    return [*stage_violations(scenario, design, volumes), *_yearly(scenario, design, _struck(scenario))]


def stage_violations(scenario: Scenario, design: Design, volumes: Mapping[tuple[int, str, str], float]) -> list[str]:
    """As ``violations``, without the yearly schedule."""
    struck = _struck(scenario)
    lit = {(b.leg, b.stage): b.capacity for b in design.builds}
    found = [*_routes(scenario, design, struck), *_volumes(scenario, design, volumes)]
    for stage in range(len(scenario.stages)):
        flows = [flow for flow in design.flows if flow.stage == stage]
        over: dict[str, list[int]] = {}
        for number, flow in enumerate(flows):
            for name in flow.working.legs:
                over.setdefault(name, []).append(number)
        normal = loads_in(flows, frozenset())
        for state in (None, *struck):
            loads = dict(normal)
            if state is not None:
                # Only what the failure moves has to be added up again; a line it does not touch was checked before.
                moved = [flows[n] for n in sorted({n for name in struck[state] for n in over.get(name, ())})]
                before, after = loads_in(moved, frozenset()), loads_in(moved, struck[state])
                loads = {n: normal.get(n, 0.0) - before.get(n, 0.0) + after.get(n, 0.0) for n in {*before, *after}}
            for name, load in sorted(loads.items()):
                limit = _limit(scenario, name, lit.get((name, stage), 0.0))
                if load > limit + max(TOLERANCE_GBPS, 1e-6 * limit):
                    found.append(f"stage {stage}, {state or 'normal'}: {name} carries {load:.3f} of {limit:.3f} Gbit/s")
    return found


def _struck(scenario: Scenario) -> dict[str, frozenset[str]]:
    """Every failure a design must survive, and the links it takes down."""
    risks = [*(g.id for g in scenario.groups.values() if g.protect), *scenario.links]
    return {risk: struck_links(scenario, risk) for risk in risks}


def _yearly(scenario: Scenario, design: Design, struck: Mapping[str, frozenset[str]]) -> list[str]:
    """What the yearly schedule does not carry: each year's own traffic, in each failure."""
    found = []
    lit: dict[str, float] = {}
    for year in range(scenario.opening_year, scenario.last_year + 1):
        lit |= {u.leg: u.capacity for u in design.schedule if u.year == year}
        stage = sum(1 for start in scenario.stages if start <= year) - 1
        end = (*scenario.stages[1:], scenario.last_year + 1)[stage] - 1
        growth = {
            m.id: member_factors(scenario, m)[year - scenario.base_year]
            / member_factors(scenario, m)[end - scenario.base_year]
            for m in scenario.members.values()
        }
        flows = [replace(f, gbps=f.gbps * growth[f.member]) for f in design.flows if f.stage == stage]
        for state in (None, *struck):
            for name, load in sorted(loads_in(flows, struck[state] if state else frozenset()).items()):
                limit = _limit(scenario, name, lit.get(name, 0.0))
                if load > limit + max(TOLERANCE_GBPS, 1e-6 * limit):
                    found.append(f"{year}, {state or 'normal'}: {name} carries {load:.3f} of {limit:.3f} Gbit/s")
    return found


def loads_in(flows: list[Flow], struck: frozenset[str]) -> dict[str, float]:
    """Gbit/s per link when ``struck`` is down: working routes that stand, protection of those that do not."""
    loads: dict[str, float] = {}
    for flow in flows:
        route = flow.working
        if any(name in struck for name in route.legs):
            if flow.protection is None or any(name in struck for name in flow.protection.legs):
                continue
            route = flow.protection
        for name in route.legs:
            loads[name] = loads.get(name, 0.0) + flow.gbps
    return loads


def _limit(scenario: Scenario, name: str, lit: float) -> float:
    link = scenario.links[name]
    if link.status == "candidate":
        return lit * scenario.equipment.fill.base
    return link.spare.base if link.spare else math.inf


def _routes(scenario: Scenario, design: Design, struck: Mapping[str, frozenset[str]]) -> list[str]:
    found = []
    for flow in design.flows:
        what = f"stage {flow.stage}, {flow.member} to {flow.region}"
        region = scenario.regions[flow.region]
        found += [f"{what}: {fault}" for fault in _faults(scenario, flow, flow.working, region.working_rtt_ms_max.base)]
        if flow.protection is not None:
            limit = region.protection_rtt_ms_max.base
            found += [f"{what}: {fault}" for fault in _faults(scenario, flow, flow.protection, limit)]
            found += [f"{what}: {risk} cuts both routes" for risk in _cutting(scenario, flow, flow.protection, struck)]
    return found


def _faults(scenario: Scenario, flow: Flow, route: Route, rtt_ms_max: float) -> Iterator[str]:
    """What is wrong with one route while nothing fails."""
    member, region = scenario.members[flow.member], scenario.regions[flow.region]
    if walk(scenario, member.site, route.legs, frozenset()) not in region.sites:
        yield f"a route does not lead there: {', '.join(route.legs)}"
    links = [scenario.links[name] for name in route.legs]
    touched = {scenario.sites[site].country for link in links for site in (link.a, *link.via, link.b)}
    if touched & (set(scenario.avoid) | set(member.avoid)):
        yield "a route enters a country to be avoided"
    rtt_ms = 2 * sum(fibre_km(scenario, link) for link in links) * scenario.equipment.delay.base / 1000
    if rtt_ms > rtt_ms_max + TOLERANCE_MS:
        yield f"a route takes {rtt_ms:.2f} of {rtt_ms_max:g} ms: {', '.join(route.legs)}"


def _cutting(scenario: Scenario, flow: Flow, protection: Route, struck: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Risks the traffic was promised to survive and does not."""
    member, region = scenario.members[flow.member], scenario.regions[flow.region]
    home = scenario.sites[member.site].country
    ends = {scenario.sites[site].country for site in region.sites}
    for risk, down in struck.items():
        if down.isdisjoint(flow.working.legs):
            continue  # the working route stands, and where it leads was looked at before
        group = scenario.groups.get(risk)
        if group and group.kind == "country" and (group.country == home or ends == {group.country}):
            continue
        if walk(scenario, member.site, protection.legs, down) not in region.sites:
            yield risk


def _volumes(scenario: Scenario, design: Design, volumes: Mapping[tuple[int, str, str], float]) -> list[str]:
    found = []
    for (stage, member, region), volume in volumes.items():
        if scenario.members[member].site in scenario.regions[region].sites:
            continue
        flows = [f for f in design.flows if (f.stage, f.member, f.region) == (stage, member, region)]
        carried = sum(f.gbps for f in flows) + design.unserved.get((stage, member, region), 0.0)
        guarded = sum(f.gbps for f in flows if f.protection) + design.shortfall.get((stage, member, region), 0.0)
        slack = max(TOLERANCE_GBPS, 1e-6 * volume)
        if abs(carried - volume) > slack:
            found.append(f"stage {stage}, {member} to {region}: {carried:.3f} of {volume:.3f} Gbit/s accounted for")
        if guarded < volume * scenario.members[member].protected.base - slack:
            found.append(f"stage {stage}, {member} to {region}: only {guarded:.3f} Gbit/s protected")
    return found
