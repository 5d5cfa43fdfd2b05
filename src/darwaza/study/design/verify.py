"""An independent check of a design: it shares no code with the program that made it.

Works from the scenario's own lists of groups and links: strikes what the risk strikes, walks the routes leg by leg,
adds up loads. What it reports is a fault of the design, never of the input.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from darwaza.study.demand import member_factors
from darwaza.study.design.design import Design, Flow
from darwaza.study.scenario.model import Scenario

TOLERANCE_GBPS = 1e-3


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
    risks = [*(g.id for g in scenario.groups.values() if g.protect), *scenario.links]
    struck = {risk: struck_links(scenario, risk) for risk in risks}
    lit = {(b.leg, b.stage): b.capacity for b in design.builds}
    found = [*_routes(scenario, design, struck), *_volumes(scenario, design, volumes)]
    for stage in range(len(scenario.stages)):
        flows = [flow for flow in design.flows if flow.stage == stage]
        for state in (None, *risks):
            loads = loads_in(flows, struck[state] if state else frozenset())
            for name, load in sorted(loads.items()):
                limit = _limit(scenario, name, lit.get((name, stage), 0.0))
                if load > limit + max(TOLERANCE_GBPS, 1e-6 * limit):
                    found.append(f"stage {stage}, {state or 'normal'}: {name} carries {load:.3f} of {limit:.3f} Gbit/s")
    return [*found, *_yearly(scenario, design, struck)]


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
        member, region = scenario.members[flow.member], scenario.regions[flow.region]
        what = f"stage {flow.stage}, {flow.member} to {flow.region}"
        home = scenario.sites[member.site].country
        ends = {scenario.sites[site].country for site in region.sites}
        for route in (flow.working, *([flow.protection] if flow.protection else [])):
            if walk(scenario, member.site, route.legs, frozenset()) not in region.sites:
                found.append(f"{what}: a route does not lead there: {', '.join(route.legs)}")
            touched = {
                scenario.sites[s].country
                for name in route.legs
                for s in (scenario.links[name].a, *scenario.links[name].via, scenario.links[name].b)
            }
            if touched & (set(scenario.avoid) | set(member.avoid)):
                found.append(f"{what}: a route enters a country to be avoided")
        if flow.protection is None:
            continue
        for risk, down in struck.items():
            group = scenario.groups.get(risk)
            if group and group.kind == "country" and (group.country == home or ends == {group.country}):
                continue
            reached = [walk(scenario, member.site, r.legs, down) for r in (flow.working, flow.protection)]
            if not any(end in region.sites for end in reached):
                found.append(f"{what}: {risk} cuts both routes")
    return found


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
