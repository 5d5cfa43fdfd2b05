"""Financial analysis of the project company: tranches, debt service, cover ratios, covenants.

Real prices, years as periods. Building is paid from tranches in proportion to their amounts; interest, commitment and
up-front fees until opening are capitalised. Then each year's cash pays, in this order: running cost, transit fees and
backhaul, tax, later capital cost, interest, principal, the reserve; owners get the rest when cover is above the
lock-up. What is missing comes from the reserve, then from the owners (support). Money in equals money out in every
year and tranche; ``residual`` must be zero and tests say so.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darwaza.study.demand import price_factors
from darwaza.study.money.debt import FREE_KINDS, SCULPTED, Debt, Shapes, draw, sculpted_shapes
from darwaza.study.money.driver import Drivers, base_case
from darwaza.study.money.economics import operating
from darwaza.study.money.returns import grant_element, irr, llcr, npv
from darwaza.study.money.timeline import Timeline
from darwaza.study.scenario.model import Scenario, Tranche

Array = npt.NDArray[np.float64]

DEPRECIATION_YEARS = 15
SCULPT_ROUNDS = 60
"""Tax depends on interest, interest on the schedule, the schedule on cash after tax: rounds until they agree."""
SCULPT_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Finance:
    """Result; (runs, years) in USD unless said otherwise.

    Attributes:
        revenue, opex, fees, backhaul, tax, later_capex: of the operating company.
        available: cash available for debt service.
        debt_service: interest and principal of all tranches.
        reserve: balance at year end.
        support: what owners add when cash and reserve do not suffice.
        dividends: to owners.
        residual: sources minus uses of each year; zero.
        shares: tranche id -> share of the financing need after eligibility.
        tranches: tranche id -> schedule.
        need: (runs,) financing need, interest during building included.
        idc: (runs,) interest, commitment and up-front fees until opening.
        dscr: (runs, years), NaN without debt service and in years in which the corridor is not open throughout: lenders
            test from completion; what a delay costs before that is in ``support``.
        dscr_min, llcr: (runs,).
        firr, equity_irr: (runs,); of the project before financing after tax, and of the owners.
        fnpv: (runs,) at the WACC.
        wacc: weighted real cost of the money.
        project: (runs, years) project flows behind ``firr``.
        capex: building cost of what opens first, overrun included, before fees.
    """

    revenue: Array
    opex: Array
    fees: Array
    backhaul: Array
    tax: Array
    later_capex: Array
    available: Array
    debt_service: Array
    reserve: Array
    support: Array
    dividends: Array
    residual: Array
    shares: dict[str, float]
    tranches: dict[str, Debt]
    need: Array
    idc: Array
    dscr: Array
    dscr_min: Array
    llcr: Array
    firr: Array
    equity_irr: Array
    fnpv: Array
    wacc: float
    project: Array
    capex: Array


def tranche_shares(scenario: Scenario, time: Timeline) -> dict[str, float]:
    """Share of each tranche after eligibility.

    A tranche limited to some lending groups can at most carry the part of the cost that lies in members of those
    groups. What that cuts off goes to the unlimited tranches in proportion. Shares add up to 1.
    """
    tranches = scenario.finance.tranches
    room = {
        tier: sum(time.cost_by_country.get(m.id, 0.0) for m in scenario.members.values() if m.tier == tier)
        for tier in {m.tier for m in scenario.members.values()}
    }
    shares = {
        t.id: min(t.share.base, sum(room.get(tier, 0.0) for tier in t.tiers)) if t.tiers else t.share.base
        for t in tranches
    }
    missing = 1 - sum(shares.values())
    open_ended = [t for t in tranches if not t.tiers]
    weight = sum(t.share.base for t in open_ended)
    for tranche in open_ended:
        shares[tranche.id] += missing * tranche.share.base / weight
    return shares


def weighted_cost(scenario: Scenario, shares: dict[str, float]) -> float:
    """WACC, real after tax: interest is deductible, the wanted return on equity is not."""
    tax = scenario.finance.tax.base
    return sum(
        shares[t.id] * t.rate.base * (1.0 if t.kind in FREE_KINDS else 1 - tax) for t in scenario.finance.tranches
    )


def income(scenario: Scenario, time: Timeline, drivers: Drivers, *, tariff: float | None = None) -> Array:
    """(runs, years) USD: tariff on carried and reserved traffic, anchor contracts, through traffic.

    Args:
        scenario: tariff, anchors.
        time: traffic.
        drivers: per run.
        tariff: USD/(Gbit/s)/year in the base year instead of the scenario's.
    """
    count = len(time.years)
    open_share = operating(scenario, drivers, count)
    erosion = np.array(price_factors(scenario))
    asked = scenario.finance.tariff.base if tariff is None else tariff
    price = np.maximum(asked * erosion * drivers.price[:, None], scenario.finance.tariff_floor.base * min(1.0, asked))
    total = time.through * open_share * scenario.economics.through_price.base * erosion
    opened = scenario.opening_year - scenario.base_year
    for member in scenario.members:
        factor = (drivers.demand * drivers.volume_captured)[:, None] * open_share
        moved = time.carried[member] * factor
        for anchor in scenario.anchors:
            if anchor.member != member or not time.leg_capex:
                continue
            term = (np.arange(count) >= opened) & (
                np.arange(count) < opened + anchor.years.base + drivers.delay[:, None]
            )
            wanted = anchor.volume.base * open_share * term
            used = np.minimum(wanted, moved)
            total = total + np.maximum(used, anchor.take_or_pay.base * wanted) * anchor.price.base
            moved = moved - used
        standby = time.standby[member] * factor * scenario.economics.standby_share.base
        total = total + (moved + standby) * price
    return np.asarray(total)


def analyse(scenario: Scenario, time: Timeline, drivers: Drivers, *, tariff: float | None = None) -> Finance:
    """Work out the financial case; see the module docstring for the order of payments.

    Args:
        scenario: terms.
        time: quantities of the plan.
        drivers: one value per run.
        tariff: USD/(Gbit/s)/year in the base year instead of the scenario's.
    """
    return _analyse(scenario, time, drivers, tariff, sculpting(scenario, time, tariff=tariff))


def sculpting(scenario: Scenario, time: Timeline, *, tariff: float | None = None) -> dict[str, Array]:
    """Repayment shapes of the sculpted tranches, from the base case; empty when there are none."""
    shapes: dict[str, Array] = {}
    if not any(t.repayment == SCULPTED for t in scenario.finance.tranches):
        return shapes
    drivers = base_case(scenario)
    capex = time.first_capex * drivers.capex[0]
    for _ in range(SCULPT_ROUNDS):
        found = _analyse(scenario, time, drivers, tariff, shapes)
        before, shapes = shapes, sculpted_shapes(scenario, found.available[0], found.tranches, capex)
        if before and all(np.allclose(before[k], shapes[k], rtol=0, atol=SCULPT_TOLERANCE) for k in shapes):
            break
    return shapes


def _analyse(scenario: Scenario, time: Timeline, drivers: Drivers, tariff: float | None, shapes: Shapes) -> Finance:
    count, terms = len(time.years), scenario.finance
    open_share = operating(scenario, drivers, count)
    started = np.minimum(1.0, np.cumsum(open_share, axis=1))
    erosion = np.array(price_factors(scenario))
    revenue = income(scenario, time, drivers, tariff=tariff)
    opex = time.opex * drivers.opex[:, None] * started
    fees = revenue * terms.transit_fee.base
    carried = sum((time.carried[m] for m in scenario.members), start=np.zeros(count))
    moved = carried * (drivers.demand * drivers.volume_captured)[:, None] * open_share
    backhaul = moved * terms.backhaul.base * erosion
    capex = time.first_capex * drivers.capex[:, None]
    later = time.later_capex * drivers.capex[:, None] * started
    shares = tranche_shares(scenario, time)
    need, idc, debts = draw(scenario, capex, shares, shapes)
    interest = sum((d.interest for d in debts.values()), start=np.zeros_like(revenue))
    service = interest + sum((d.principal for d in debts.values()), start=np.zeros_like(revenue))
    depreciation = _depreciation(capex, later, scenario.opening_year - scenario.base_year)
    profit = revenue - opex - fees - backhaul - depreciation
    tax = np.maximum(0.0, profit - interest) * terms.tax.base
    available = revenue - opex - fees - backhaul - tax - later
    reserve, support, dividends = _waterfall(scenario, available, service)
    change = np.diff(reserve, axis=1, prepend=0.0)
    residual = available + support - service - dividends - change
    project = -capex + revenue - opex - fees - backhaul - later - np.maximum(0.0, profit) * terms.tax.base
    equity_in = sum((debts[t.id].drawn for t in terms.tranches if t.kind == "equity"), start=np.zeros_like(revenue))
    wacc = weighted_cost(scenario, shares)
    with np.errstate(divide="ignore", invalid="ignore"):
        dscr = np.where((service > 1.0) & (open_share >= 1.0), available / service, np.nan)
    alive = np.isfinite(dscr)
    owed_at = scenario.opening_year - scenario.base_year - 1
    owed = sum((d.owed[:, owed_at] for d in debts.values()), start=np.zeros(drivers.runs))
    rate = _debt_rate(terms.tranches, shares)
    return Finance(
        revenue=revenue,
        opex=opex,
        fees=fees,
        backhaul=backhaul,
        tax=tax,
        later_capex=later,
        available=available,
        debt_service=service,
        reserve=reserve,
        support=support,
        dividends=dividends,
        residual=residual,
        shares=shares,
        tranches=debts,
        need=need,
        idc=idc,
        dscr=dscr,
        dscr_min=np.where(alive.any(axis=1), np.min(np.where(alive, dscr, np.inf), axis=1), np.nan),
        llcr=llcr(available[:, owed_at:], service[:, owed_at:], owed, rate),
        firr=irr(project),
        equity_irr=irr(dividends - support - equity_in),
        fnpv=npv(project, wacc),
        wacc=wacc,
        project=project,
        capex=capex,
    )


def _depreciation(capex: Array, later: Array, opening: int) -> Array:
    """Straight line over ``DEPRECIATION_YEARS`` from the opening, or from the year of spending."""
    years = capex.shape[1]
    spread = np.zeros_like(capex)
    spread[:, opening : opening + DEPRECIATION_YEARS] += capex.sum(axis=1, keepdims=True) / DEPRECIATION_YEARS
    for year in range(years):
        spread[:, year : year + DEPRECIATION_YEARS] += later[:, year : year + 1] / DEPRECIATION_YEARS
    return spread


def _waterfall(scenario: Scenario, available: Array, service: Array) -> tuple[Array, Array, Array]:
    """Reserve, owners' support and dividends, year by year."""
    runs, years = available.shape
    reserve, support, dividends = (np.zeros((runs, years)) for _ in range(3))
    balance = np.zeros(runs)
    months = scenario.finance.reserve_months.base
    for year in range(years):
        following = service[:, year + 1] if year + 1 < years else np.zeros(runs)
        target = following * months / 12 * (service[:, year] > 0)
        cash = available[:, year] - service[:, year] + balance
        support[:, year] = np.maximum(0.0, -cash)
        cash = np.maximum(0.0, cash)
        locked = (service[:, year] > 0) & (available[:, year] < scenario.finance.lockup.base * service[:, year])
        keep = np.where(locked, cash, np.minimum(cash, target))
        dividends[:, year] = cash - keep
        balance = keep
        reserve[:, year] = balance
    return reserve, support, dividends


def _debt_rate(tranches: tuple[Tranche, ...], shares: dict[str, float]) -> float:
    debt = [t for t in tranches if t.kind not in FREE_KINDS]
    weight = sum(shares[t.id] for t in debt)
    return sum(shares[t.id] * t.rate.base for t in debt) / weight if weight else 0.0


def grant_elements(scenario: Scenario, found: Finance) -> dict[str, float]:
    """Grant element of every tranche; 1 for grants, not defined (left out) for equity.

    Level loans by the lenders' own definition, two payments a year; sculpted ones from their schedule in the first run.
    """
    result, rate = {}, scenario.finance.grant_rate.base
    for tranche in scenario.finance.tranches:
        if tranche.kind == "grant":
            result[tranche.id] = 1.0
        elif tranche.repayment == SCULPTED and tranche.kind != "equity":
            debt = found.tranches[tranche.id]
            given = float(npv(debt.drawn[0] - debt.fees[0], rate))
            paid = float(npv(debt.interest[0] + debt.principal[0], rate))
            if given > 0:
                result[tranche.id] = 1 - paid / given
        elif tranche.kind != "equity":
            grace = round(tranche.grace.base)
            result[tranche.id] = grant_element(
                rate=tranche.rate.base,
                grace_years=grace,
                tenor_years=max(grace + 1, round(tranche.tenor.base)),
                discount=rate,
                payments_a_year=2,
            )
    return result
