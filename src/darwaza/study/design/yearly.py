"""In which year each module of capacity is bought.

The staged program decides links, routes and what each stage must end with. Traffic grows within a stage, so buying all
of it at the stage's start is dearer than needed. Here, with links and routes kept, each line gets the cheapest schedule
of modules year by year that carries its load in every year and every protected failure: a small integer program per
line, solved to optimality. Modules are never taken out again.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from darwaza.study.demand import member_factors
from darwaza.study.design.design import Design, Flow, Upgrade, stage_years
from darwaza.study.design.program import Program
from darwaza.study.design.routes import leg_risk, protected_risks
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Scenario

Array = npt.NDArray[np.float64]

LOAD_MIN_GBPS = 1e-6
LOAD_TOLERANCE = 1e-7
"""Relative; keeps a load that the staged program meets exactly from asking for one more module."""


def schedule(scenario: Scenario, legs: Mapping[str, Leg], design: Design) -> tuple[Upgrade, ...]:
    """The cheapest yearly schedule of every line of ``design``, by line and year; years without a purchase left out."""
    found: list[Upgrade] = []
    for name, loads in needs(scenario, design).items():
        found += _line(scenario, legs[name], loads)
    return tuple(found)


def needs(scenario: Scenario, design: Design) -> dict[str, Array]:
    """Leg -> (years from the opening to the last) Gbit/s of capacity each line needs, the worst failure counted."""
    built = {build.leg for build in design.builds}
    states: list[str | None] = [None, *protected_risks(scenario), *(leg_risk(name) for name in scenario.links)]
    first = scenario.opening_year
    worst = {name: np.zeros(scenario.last_year - first + 1) for name in sorted(built)}
    for stage in range(len(scenario.stages)):
        years = stage_years(scenario, stage)
        span = slice(years[0] - first, years[-1] - first + 1)
        flows = [(flow, _shape(scenario, flow, years)) for flow in design.flows if flow.stage == stage]
        for state in states:
            for name, load in _loads(flows, state, built).items():
                worst[name][span] = np.maximum(worst[name][span], load)
    fill = scenario.equipment.fill.base
    return {name: np.maximum.accumulate(load) / fill for name, load in worst.items()}


def _shape(scenario: Scenario, flow: Flow, years: range) -> Array:
    factors = np.array(member_factors(scenario, scenario.members[flow.member]))
    own = factors[years[0] - scenario.base_year : years[-1] - scenario.base_year + 1]
    return np.asarray(own / own[-1] * flow.gbps)


def _loads(flows: Sequence[tuple[Flow, Array]], state: str | None, built: set[str]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for flow, gbps in flows:
        route = flow.working
        if state is not None and state in route.risks:
            if flow.protection is None or state in flow.protection.risks:
                continue
            route = flow.protection
        for name in route.legs:
            if name in built:
                found[name] = found[name] + gbps if name in found else gbps
    return found


def _line(scenario: Scenario, leg: Leg, needed: Array) -> list[Upgrade]:
    """One line's purchases. Costs are present values, renewals at the end of each life included."""
    modules, opening = scenario.equipment.modules, scenario.opening_year
    used = np.flatnonzero(needed > LOAD_MIN_GBPS)
    if not used.size:
        return []
    start = int(used[0])
    program = Program()
    columns: list[list[int]] = []
    for at in range(start, len(needed)):
        later = _present(scenario, opening + at + 1) if at + 1 < len(needed) else 0.0
        price = _present(scenario, opening + at) - later
        columns.append([program.column(price * m.cost.base * leg.sections, integer=True) for m in modules])
        room = {column: m.capacity.base for column, m in zip(columns[-1], modules, strict=True)}
        ceiling = math.inf if math.isinf(leg.capacity_max) else leg.capacity_max
        program.row(room, lower=float(needed[at]) * (1 - LOAD_TOLERANCE), upper=ceiling)
        if at > start:
            for column, before in zip(columns[-1], columns[-2], strict=True):
                program.row({column: 1.0, before: -1.0}, lower=0)
    outcome = program.solve(seed=scenario.seed % 2**31)
    counts = [tuple(round(float(outcome.values[c])) for c in row) for row in columns]
    found: list[Upgrade] = []
    previous = (0,) * len(modules)
    for at, now in enumerate(counts, start=start):
        if now != previous:
            capacity = sum(n * m.capacity.base for n, m in zip(now, modules, strict=True))
            found.append(Upgrade(leg.id, opening + at, now, capacity))
            previous = now
    return found


def _present(scenario: Scenario, year: int) -> float:
    """Present value of equipment of 1 USD that serves from ``year``: paid the year before and again after each life."""
    life = max(1, round(scenario.equipment.life.base))
    rate = scenario.economics.discount.base
    return sum((1 + rate) ** (scenario.base_year - y) for y in range(year - 1, scenario.last_year, life))


def saved(scenario: Scenario, legs: Mapping[str, Leg], design: Design) -> float:
    """USD present value by which the yearly schedule is cheaper than buying at the start of each stage."""

    def cost(counts: Sequence[tuple[str, int, tuple[int, ...]]]) -> float:
        total, previous = 0.0, dict[str, tuple[int, ...]]()
        for name, year, now in counts:
            before = previous.get(name, (0,) * len(now))
            each = zip(now, before, scenario.equipment.modules, strict=True)
            more = sum((n - b) * m.cost.base for n, b, m in each) * legs[name].sections
            total += more * _present(scenario, year)
            previous[name] = now
        return total

    staged = sorted((b.leg, scenario.stages[b.stage], b.modules) for b in design.builds)
    return cost(staged) - cost([(u.leg, u.year, u.modules) for u in design.schedule])
