"""Economic analysis by the development bank's guidelines: EIRR, ENPV and who gains.

With against without the project, constant prices of the base year, world-price numeraire: taxes are stripped, the
local part of cost is multiplied by the conversion factor, transfers between members cancel. Benefits counted:

1. resource cost saved on traffic that moves to the new links: what members no longer pay abroad;
2. the same on traffic that stays, because a second route makes the first cheaper;
3. half of the price fall on traffic that price fall brings about (rule of a half);
4. outages avoided, at a value per Gbit/s and hour;
5. transit income from traffic of non-members.

Results of the digital border (trade) are computed in the same way but shown apart. Latency gains, growth of the
economy at large and security are *not* counted.

The distribution splits the same flows by country and group; its columns add up to the economic net benefit exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darwaza.study.demand import price_factors
from darwaza.study.money.driver import Drivers
from darwaza.study.money.returns import irr, npv
from darwaza.study.money.timeline import Timeline
from darwaza.study.scenario.model import Benefit, Scenario
from darwaza.study.scenario.value import HOURS_PER_YEAR

Array = npt.NDArray[np.float64]

ABROAD = "abroad"
"""Stands for every country that is no member in the distribution."""
GROUPS = ("consumers", "carriers", "corridor", "outages", "trade")


@dataclass(frozen=True, slots=True)
class Economics:
    """Result; arrays are (runs, years) unless said otherwise.

    Attributes:
        costs: USD, economic prices, positive.
        benefits: name -> USD.
        trade: USD, outside ``benefits``.
        net: benefits minus costs, without trade.
        enpv, eirr: (runs,), without trade.
        enpv_trade, eirr_trade: (runs,), with trade.
        distribution: (country, group) -> present value in USD of the first run; sums to ``enpv_trade``.
    """

    costs: Array
    benefits: dict[str, Array]
    trade: Array
    net: Array
    enpv: Array
    eirr: Array
    enpv_trade: Array
    eirr_trade: Array
    distribution: dict[tuple[str, str], float]


def operating(scenario: Scenario, drivers: Drivers, years: int) -> Array:
    """(runs, years) share of each year the corridor is open, after the delay of each run."""
    opening = scenario.opening_year - scenario.base_year + drivers.delay[:, None]
    return np.asarray(np.clip(np.arange(years)[None, :] + 1 - opening, 0.0, 1.0))


def shadow_factor(scenario: Scenario) -> float:
    """Economic over financial cost: taxes out, local part at the conversion factor."""
    e = scenario.economics
    return (1 - e.tax_share.base) * (1 - e.local_share.base * (1 - e.conversion.base))


def analyse(
    scenario: Scenario,
    time: Timeline,
    drivers: Drivers,
    outage_saved: Mapping[str, float],
    transit_owners: Mapping[str, Mapping[str, float]],
) -> Economics:
    """Work out the economic case.

    Args:
        scenario: prices and shares.
        time: quantities of the plan.
        drivers: one value per run.
        outage_saved: member -> share of its traffic-time no longer lost thanks to the plan.
        transit_owners: member -> country -> share of the member's capacity price that country's carriers earn today.
    """
    count = len(time.years)
    open_share = operating(scenario, drivers, count)
    erosion = np.array(price_factors(scenario))
    shadow = shadow_factor(scenario)
    capex = time.first_capex * drivers.capex[:, None]
    running = (time.opex * drivers.opex[:, None] + time.later_capex * drivers.capex[:, None]) * _started(open_share)
    ledger = _Ledger(scenario)
    backhaul = np.zeros_like(open_share)
    totals = {
        name: np.zeros_like(open_share) for name in ("diverted", "competition", "generated", "outages", "transit")
    }
    for member in scenario.members.values():
        traffic = time.traffic[member.id] * drivers.demand[:, None]
        moved = np.minimum(
            time.carried[member.id] * drivers.demand[:, None] * drivers.volume_captured[:, None], traffic
        )
        moved = moved * open_share
        before = member.price.base * erosion
        drop = np.clip(member.competition.base * drivers.competition, 0, 0.95)[:, None] * open_share
        cut = before * drop * bool(time.leg_capex)
        fs = member.foreign_share.base
        rise = traffic * ((1 - drop * bool(time.leg_capex)) ** scenario.economics.elasticity.base - 1)
        tariff = scenario.finance.tariff.base * erosion * drivers.price[:, None]
        ledger.diverted(member.id, moved, before, np.minimum(tariff, before), fs, transit_owners.get(member.id, {}))
        ledger.stayed(member.id, (traffic - moved) * cut, fs, transit_owners.get(member.id, {}))
        ledger.add(member.id, "consumers", 0.5 * cut * rise)
        saved = traffic * outage_saved.get(member.id, 0.0) * drivers.hazard[:, None] * open_share
        saved = saved * HOURS_PER_YEAR * scenario.economics.outage_value.base
        ledger.add(member.id, "outages", saved)
        backhaul += moved * scenario.finance.backhaul.base * erosion
        totals["diverted"] += moved * before * fs
        totals["competition"] += (traffic - moved) * cut * fs
        totals["generated"] += 0.5 * cut * rise
        totals["outages"] += saved
    transit = time.through * open_share * scenario.economics.through_price.base * erosion
    totals["transit"] += transit
    totals = {name: flows * drivers.benefit[:, None] for name, flows in totals.items()}
    costs = (capex + running) * shadow + backhaul
    trade = _trade(scenario, ledger, open_share, built=bool(time.leg_capex))
    ledger.corridor(time.cost_by_country, transit - costs)
    net = sum(totals.values(), start=np.zeros_like(costs)) - costs
    rate = scenario.economics.discount.base
    distribution = ledger.present(rate)
    return Economics(
        costs=costs,
        benefits=totals,
        trade=trade,
        net=net,
        enpv=npv(net, rate),
        eirr=irr(net),
        enpv_trade=npv(net + trade, rate),
        eirr_trade=irr(net + trade),
        distribution=distribution,
    )


def _started(open_share: Array) -> Array:
    return np.minimum(1.0, np.cumsum(open_share, axis=1))


def benefit_path(benefit: Benefit, years: int) -> Array:
    """(years,) USD of a trade benefit at full operation, base case."""
    value = benefit.volume.base * benefit.saving.base * benefit.value.base * benefit.share.base
    return np.asarray(value * (1 + benefit.growth.base) ** np.arange(years))


def _trade(scenario: Scenario, ledger: "_Ledger", open_share: Array, *, built: bool) -> Array:
    total = np.zeros_like(open_share)
    if built:
        for benefit in scenario.benefits:
            flows = benefit_path(benefit, open_share.shape[1]) * open_share
            ledger.add(benefit.member, "trade", flows)
            total = total + flows
    return total


class _Ledger:
    """The distribution while it is gathered: what one side gains another pays, unless it is a real saving."""

    def __init__(self, scenario: Scenario) -> None:
        self.members = frozenset(scenario.members)
        self.flows: dict[tuple[str, str], Array] = {}

    def add(self, country: str, group: str, flows: Array) -> None:
        key = (country if country in self.members else ABROAD, group)
        self.flows[key] = self.flows[key] + flows if key in self.flows else flows

    def diverted(
        self, member: str, moved: Array, before: Array, tariff: Array, foreign: float, owners: Mapping[str, float]
    ) -> None:
        """Buyers save the old price and pay the tariff; the regional part of the old price is lost by its earners."""
        self.add(member, "consumers", moved * (before - tariff))
        self.corridor_income = getattr(self, "corridor_income", 0.0) + moved * tariff
        self._losers(member, moved * before, foreign, owners)

    def stayed(self, member: str, saving: Array, foreign: float, owners: Mapping[str, float]) -> None:
        """Buyers gain the price fall; the regional part of it is lost by its earners."""
        self.add(member, "consumers", saving)
        self._losers(member, saving, foreign, owners)

    def _losers(self, member: str, amount: Array, foreign: float, owners: Mapping[str, float]) -> None:
        regional = 1 - foreign
        others = {c: s for c, s in owners.items() if c in self.members and c != member}
        scale = min(1.0, regional / sum(others.values())) if others and sum(others.values()) > 0 else 0.0
        for country, share in others.items():
            self.add(country, "carriers", -amount * share * scale)
        self.add(member, "carriers", -amount * (regional - sum(others.values()) * scale))

    def corridor(self, cost_by_country: Mapping[str, float], net: Array) -> None:
        """Income and cost of the corridor itself go to the countries it crosses, in proportion to building cost."""
        total = net + getattr(self, "corridor_income", 0.0)
        for country, share in cost_by_country.items():
            self.add(country, "corridor", total * share)

    def present(self, rate: float) -> dict[tuple[str, str], float]:
        return {key: float(npv(flows[0], rate)) for key, flows in sorted(self.flows.items())}
