"""Why a demand cannot be protected: the smallest set of rules that contradict each other.

Whether a working-protection pair exists is asked exactly, as a small integer program over all routes (not only the
proposed ones). A rule that is left out is not imposed. The search is for a smallest subset of rules that alone make
the program infeasible: those are what a ministry has to talk about, and dropping any one of them helps.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from darwaza.errors import MessageError
from darwaza.study.design import exact
from darwaza.study.design.program import Program
from darwaza.study.design.routes import Choice, Route, exempt_risks, protected_risks, route_of, usable
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Alternative, Member, Region, Scenario

EXHAUSTIVE_SIZE_MAX = 2
"""Subsets up to this size are all tried; a larger conflict is minimal in that every part of it is needed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule a demand must obey.

    Attributes:
        kind: ``working-time``, ``protection-time``, ``cut``, ``risk``, ``avoid`` or ``plan``.
        subject: id of the risk, country or plan; "" where there is only one.
        text: for people.
        path: where the rule stands in the scenario.
    """

    kind: str
    subject: str
    text: str
    path: str


class InfeasibleError(MessageError):
    """No design obeys all rules; ``conflicts`` names, per demand, a smallest set of rules that cannot hold together.

    Args:
        scenario: gives file and line of each rule.
        conflicts: (member, region, rules).
    """

    code = "study_infeasible"

    def __init__(self, scenario: Scenario, conflicts: list[tuple[str, str, tuple[Rule, ...]]]) -> None:
        self.conflicts = conflicts
        lines = []
        for member, region, rules in conflicts:
            lines.append(f"{member} to {region}: these rules cannot hold together:")
            lines.extend(
                f"  - {scenario.file}:{scenario.lines.get(rule.path, 0)}: {rule.text} ({rule.path})" for rule in rules
            )
        super().__init__("\n".join(lines))


def rules_of(scenario: Scenario, member: Member, region: Region, plan: str) -> list[Rule]:
    """Every rule the pair of one demand must obey, in a fixed order."""
    exempt = exempt_risks(scenario, member, region)
    rules = [
        Rule(
            "working-time",
            "",
            f"the working route takes at most {region.working_rtt_ms_max.base:g} ms",
            f"region.{region.id}.working_rtt_max",
        ),
        Rule(
            "protection-time",
            "",
            f"the protection route takes at most {region.protection_rtt_ms_max.base:g} ms",
            f"region.{region.id}.protection_rtt_max",
        ),
        Rule("cut", "", "the two routes share no link", "study"),
        Rule("plan", plan, f"only links of plan {plan} are built", f"alternative.{plan}.candidates"),
    ]
    rules += [
        Rule("risk", risk, f"{scenario.groups[risk].name} may not cut both routes", f"group.{risk}.protect")
        for risk in protected_risks(scenario)
        if risk not in exempt
    ]
    rules += [
        Rule("avoid", country, f"{member.name} keeps out of {country}", f"member.{member.id}.avoid")
        for country in member.avoid
    ]
    return rules


def find_pair(
    legs: Mapping[str, Leg],
    scenario: Scenario,
    member: Member,
    region: Region,
    allowed: frozenset[str],
    rules: list[Rule],
) -> tuple[Route, Route] | None:
    """A working-protection pair obeying exactly ``rules``, cheapest in time; None when none exists."""
    kinds = {rule.kind for rule in rules}
    home = scenario.sites[member.site].country
    avoid = frozenset(rule.subject for rule in rules if rule.kind == "avoid")
    may_build = allowed if "plan" in kinds else frozenset(leg.id for leg in legs.values() if leg.candidate)
    usable_legs = [
        leg
        for leg in legs.values()
        if leg.open_to(home) and not leg.countries & avoid and (not leg.candidate or leg.id in may_build)
    ]
    program = Program()
    arcs = [_route_columns(program, usable_legs, member.site, frozenset(region.sites)) for _ in range(2)]
    limits = (("working-time", region.working_rtt_ms_max.base), ("protection-time", region.protection_rtt_ms_max.base))
    for (kind, limit), columns in zip(limits, arcs, strict=True):
        if kind in kinds:
            program.row({c: leg.rtt_ms for leg in usable_legs for c in columns[leg.id]}, upper=limit)
    if "cut" in kinds:
        for leg in usable_legs:
            program.row(dict.fromkeys((*arcs[0][leg.id], *arcs[1][leg.id]), 1.0), upper=1)
    for rule in rules:
        if rule.kind == "risk":
            _exclude(program, usable_legs, arcs, rule.subject)
    outcome = program.solve(gap=0.5)
    if not outcome.found:
        return None
    first, second = (
        _trace(usable_legs, columns, outcome.values, member.site, frozenset(region.sites)) for columns in arcs
    )
    return route_of(legs, first), route_of(legs, second)


Arcs = dict[str, tuple[int, int]]


def _route_columns(program: Program, legs: list[Leg], start: str, ends: frozenset[str]) -> Arcs:
    """A unit of whole-numbered flow from ``start`` to any of ``ends``: two columns per leg, one each way."""
    columns = {
        leg.id: (program.column(leg.rtt_ms, upper=1, integer=True), program.column(leg.rtt_ms, upper=1, integer=True))
        for leg in legs
    }
    balance: dict[str, dict[int, float]] = {start: {}}
    for leg in legs:
        ahead, back = columns[leg.id]
        for site, out, into in ((leg.a, ahead, back), (leg.b, back, ahead)):
            row = balance.setdefault(site, {})
            row[out], row[into] = 1.0, -1.0
    arrivals: dict[int, float] = {}
    for site, row in balance.items():
        if site == start:
            program.row(row, lower=1, upper=1)
        elif site in ends:
            arrivals |= row
        else:
            program.row(row, lower=0, upper=0)
    program.row(arrivals, lower=-1, upper=-1)
    return columns


def _exclude(program: Program, legs: list[Leg], arcs: list[Arcs], risk: str) -> None:
    """At most one of the two routes touches ``risk``."""
    struck = [leg for leg in legs if risk in leg.risks]
    marks = [program.column(upper=1, integer=True) for _ in arcs]
    for mark, columns in zip(marks, arcs, strict=True):
        for leg in struck:
            ahead, back = columns[leg.id]
            program.row({ahead: 1.0, back: 1.0, mark: -1.0}, upper=0)
    program.row(dict.fromkeys(marks, 1.0), upper=1)


def _trace(legs: list[Leg], columns: Arcs, values: object, start: str, ends: frozenset[str]) -> list[str]:
    """Follow the flow from ``start``; circles that hang off the route are not walked."""
    following: dict[str, list[tuple[str, str]]] = {}
    for leg in legs:
        ahead, back = columns[leg.id]
        if values[ahead] > 0.5:  # type: ignore[index]  # noqa: PLR2004 - a 0/1 column
            following.setdefault(leg.a, []).append((leg.id, leg.b))
        if values[back] > 0.5:  # type: ignore[index]  # noqa: PLR2004 - a 0/1 column
            following.setdefault(leg.b, []).append((leg.id, leg.a))
    here, path = start, []
    while here not in ends:
        name, here = following[here].pop()
        path.append(name)
    return path


def smallest_conflict(
    scenario: Scenario, legs: Mapping[str, Leg], member: Member, region: Region, plan: str, allowed: frozenset[str]
) -> tuple[Rule, ...] | None:
    """A smallest set of rules that alone forbid every pair; None when a pair exists.

    Deletion first gives a set of which every part is needed; then all smaller subsets up to
    ``EXHAUSTIVE_SIZE_MAX`` are tried, so that a result of up to one more than that size is a smallest one.
    """
    rules = rules_of(scenario, member, region, plan)

    def impossible(subset: list[Rule]) -> bool:
        return find_pair(legs, scenario, member, region, allowed, subset) is None

    if not impossible(rules):
        return None
    kept = list(rules)
    for rule in rules:
        without = [other for other in kept if other != rule]
        if impossible(without):
            kept = without
    for size in range(min(len(kept), EXHAUSTIVE_SIZE_MAX + 1)):
        for subset in combinations(rules, size):
            if impossible(list(subset)):
                return subset
    return tuple(kept)


def conflicts(
    scenario: Scenario, legs: Mapping[str, Leg], plan: str, allowed: frozenset[str]
) -> list[tuple[str, str, tuple[Rule, ...]]]:
    """The conflict of every demand that has one."""
    found = []
    for member in scenario.members.values():
        if not usable(scenario, legs, member, allowed):
            continue
        for region in scenario.regions.values():
            if member.site in region.sites:
                continue
            rules = smallest_conflict(scenario, legs, member, region, plan, allowed)
            if rules is not None:
                found.append((member.id, region.id, rules))
    return found


def capacity_conflict(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: Sequence[Choice],
    volumes: Mapping[tuple[int, str, str], float],
    plan: Alternative,
) -> list[tuple[str, str, tuple[Rule, ...]]]:
    """Why a plan in which every demand has a pair still has no design: the limits on volume that contradict.

    Every pair exists, so only volumes are left to clash: shares new links may win, capacity for rent, capacity of a
    new line, shares to be protected. Each is dropped in turn from the linear relaxation; what cannot be dropped
    without the clash going away is named.
    """
    rules = _volume_rules(scenario, legs, plan)

    def impossible(dropped: frozenset[str]) -> bool:
        relaxed = _relax(scenario, dropped)
        free = {
            leg.id: replace(leg, capacity_max=math.inf if f"link.{leg.id}" in dropped else leg.capacity_max)
            for leg in legs.values()
        }
        return exact.relaxation_infeasible(relaxed, free, options, volumes, plan)

    dropped: frozenset[str] = frozenset()
    for rule in rules:
        if impossible(dropped | {rule.subject}):
            dropped |= {rule.subject}
    kept = tuple(rule for rule in rules if rule.subject not in dropped)
    return [("every member", "all regions together", kept)]


def _volume_rules(scenario: Scenario, legs: Mapping[str, Leg], plan: Alternative) -> list[Rule]:
    rules = [
        Rule(
            "volume",
            f"region.{region.id}",
            f"new links win at most {region.capture.base:.0%} of traffic to {region.name}",
            f"region.{region.id}.capture",
        )
        for region in scenario.regions.values()
    ]
    for leg in legs.values():
        if math.isinf(leg.capacity_max) or (leg.candidate and leg.id not in plan.candidates):
            continue
        where = "equipment.line_capacity" if leg.candidate else f"link.{leg.id}.spare"
        rules.append(
            Rule("volume", f"link.{leg.id}", f"{leg.id} carries at most {leg.capacity_max:,.0f} Gbit/s", where)
        )
    rules += [
        Rule(
            "volume",
            f"member.{member.id}",
            f"{member.protected.base:.0%} of the traffic of {member.name} is protected",
            f"member.{member.id}.protected",
        )
        for member in scenario.members.values()
    ]
    return rules


def _relax(scenario: Scenario, dropped: frozenset[str]) -> Scenario:
    """The scenario without the limits of the named regions and members."""
    regions = {
        name: replace(region, capture=replace(region.capture, base=1.0)) if f"region.{name}" in dropped else region
        for name, region in scenario.regions.items()
    }
    members = {
        name: replace(member, protected=replace(member.protected, base=0.0)) if f"member.{name}" in dropped else member
        for name, member in scenario.members.items()
    }
    return replace(scenario, regions=regions, members=members)
