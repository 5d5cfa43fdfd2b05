"""From a design to yearly quantities: what is spent where and how much traffic the new links carry.

Everything here is physical or in base-year prices and has no uncertainty of its own; drivers of the Monte Carlo are
applied by ``economics`` and ``finance``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darwaza.study.demand import growth_factors, member_factors
from darwaza.study.design.design import Design
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Scenario

Array = npt.NDArray[np.float64]

BUILD_PROFILE = (0.2, 0.5, 0.3)
"""Spending on a line over the three years before it opens."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Yearly quantities of one plan; arrays are indexed by year since the base year.

    Attributes:
        years: calendar years.
        first_capex: USD spent up to the opening: what is financed.
        later_capex: USD for later stages and renewals: paid from cash flow.
        opex: USD.
        cost_by_country: share of first_capex in each country, sums to 1 (when anything is built).
        leg_capex: leg -> USD over the whole horizon.
        traffic: member -> Gbit/s of international traffic without the project.
        carried: member -> Gbit/s whose working route uses new links.
        standby: member -> Gbit/s for which new links are held in reserve only.
        through: Gbit/s from outside the members.
    """

    years: tuple[int, ...]
    first_capex: Array
    later_capex: Array
    opex: Array
    cost_by_country: dict[str, float]
    leg_capex: dict[str, float]
    traffic: dict[str, Array]
    carried: dict[str, Array]
    standby: dict[str, Array]
    through: Array


def timeline(scenario: Scenario, legs: Mapping[str, Leg], design: Design) -> Timeline:
    """Spread a design over the years."""
    years = tuple(range(scenario.base_year, scenario.last_year + 1))
    first, later, opex = (np.zeros(len(years)) for _ in range(3))
    by_country: dict[str, float] = {}
    by_leg: dict[str, float] = {}
    for leg, year, line, equipment in purchases(scenario, legs, design):
        at = year - scenario.base_year
        initial = year == scenario.opening_year
        _spend(scenario, first if initial else later, later, at, line, equipment)
        if line:
            opex[at:] += leg.opex_usd
        by_leg[leg.id] = by_leg.get(leg.id, 0.0) + line + equipment
        if initial:
            for country in sorted(leg.countries):
                by_country[country] = by_country.get(country, 0.0) + (line + equipment) / len(leg.countries)
    total = sum(by_country.values())
    carried, standby = _traffic(scenario, design)
    return Timeline(
        years=years,
        first_capex=first,
        later_capex=later,
        opex=opex,
        cost_by_country={c: v / total for c, v in sorted(by_country.items())} if total else {},
        leg_capex=dict(sorted(by_leg.items())),
        traffic=_whole_traffic(scenario),
        carried=carried,
        standby=standby,
        through=_through(scenario, years, built=bool(design.schedule)),
    )


def purchases(scenario: Scenario, legs: Mapping[str, Leg], design: Design) -> Iterator[tuple[Leg, int, float, float]]:
    """What is bought: (leg, year of service, USD of line, USD of equipment), by leg and year."""
    standing: dict[str, tuple[int, ...]] = {}
    for upgrade in design.schedule:
        leg = legs[upgrade.leg]
        before = standing.get(leg.id, (0,) * len(upgrade.modules))
        counts = zip(upgrade.modules, before, scenario.equipment.modules, strict=True)
        more = sum((now - then) * module.cost.base for now, then, module in counts) * leg.sections
        yield leg, upgrade.year, 0.0 if leg.id in standing else leg.build_usd, more
        standing[leg.id] = upgrade.modules


def _spend(scenario: Scenario, target: Array, later: Array, at: int, line: float, equipment: float) -> None:
    """Line over the years before service, equipment in the last of them and again at the end of each life."""
    for back, share in enumerate(reversed(BUILD_PROFILE), start=1):
        target[max(0, at - back)] += line * share
    target[max(0, at - 1)] += equipment
    life = max(1, round(scenario.equipment.life.base))
    later[at - 1 + life :: life] += equipment


def _traffic(scenario: Scenario, design: Design) -> tuple[dict[str, Array], dict[str, Array]]:
    length = scenario.last_year - scenario.base_year + 1
    ends = (*scenario.stages[1:], scenario.last_year + 1)
    carried: dict[str, Array] = {}
    standby: dict[str, Array] = {}
    for member in scenario.members.values():
        factors = np.array(member_factors(scenario, member))
        used, held = np.zeros(length), np.zeros(length)
        for stage, start in enumerate(scenario.stages):
            span = slice(start - scenario.base_year, ends[stage] - scenario.base_year)
            shape = factors[span] / factors[span][-1]
            for flow in design.flows:
                if (flow.stage, flow.member) != (stage, member.id):
                    continue
                if flow.working.built:
                    used[span] += flow.gbps * shape
                elif flow.protection is not None and flow.protection.built:
                    held[span] += flow.gbps * shape
        carried[member.id], standby[member.id] = used, held
    return carried, standby


def _whole_traffic(scenario: Scenario) -> dict[str, Array]:
    return {m.id: m.demand.base * np.array(member_factors(scenario, m)) for m in scenario.members.values()}


def _through(scenario: Scenario, years: tuple[int, ...], *, built: bool) -> Array:
    economics = scenario.economics
    open_at = scenario.opening_year - scenario.base_year
    volume = np.zeros(len(years))
    if built:
        factors = growth_factors(
            economics.erosion.base, economics.final_growth.base, economics.slowdown.base, len(years) - open_at - 1
        )
        volume[open_at:] = economics.through_volume.base * np.array(factors)
    return volume
