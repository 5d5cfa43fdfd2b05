"""Money: rates against pyxirr, ratios against textbook cases, conservation in every year and tranche."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import pyxirr
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.study.found import Found
from darwaza.study.money import debt, driver, economics, finance, influence, returns, risk, timeline
from darwaza.study.scenario.model import Scenario
from darwaza.study.scenario.value import Value

USD = st.floats(-1e6, 1e6).map(lambda x: round(x, 2))


@given(st.lists(USD, min_size=2, max_size=30), st.floats(-0.5, 1.0))
def test_npv_agrees_with_pyxirr(flows: list[float], rate: float) -> None:
    """Present values are those of an independent library."""
    assert float(returns.npv(np.array(flows), rate)) == pytest.approx(pyxirr.npv(rate, flows), rel=1e-9, abs=1e-6)


@given(st.floats(1, 1e6), st.lists(st.floats(0.1, 1e5), min_size=1, max_size=30))
def test_irr_agrees_with_pyxirr(paid: float, received: list[float]) -> None:
    """For flows with one change of sign the rate is that of an independent library."""
    flows = [-paid, *received]
    wanted = pyxirr.irr(flows)
    found = float(returns.irr(np.array(flows)))
    if wanted is None or not returns.RATE_LOW < wanted < returns.RATE_HIGH:
        return
    assert found == pytest.approx(wanted, abs=1e-6)


def test_irr_textbook() -> None:
    """100 now for 60 and 60: 13.07 percent; nothing when nothing comes back."""
    assert float(returns.irr(np.array([-100.0, 60, 60]))) == pytest.approx(0.130662, abs=1e-6)
    assert math.isnan(float(returns.irr(np.array([-1.0, 0.0]))))


def test_irr_of_many_runs_at_once() -> None:
    """Each row gets its own rate, rows without one get NaN."""
    found = returns.irr(np.array([[-100.0, 110], [-100.0, 0], [-100.0, 200]]))
    assert found[0] == pytest.approx(0.1)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(1.0)


def test_several_rates_are_flagged_and_mirr_is_single() -> None:
    """The textbook case with rates of 100 and 200 percent is recognised, and MIRR agrees with pyxirr."""
    flows = np.array([-100.0, 500, -600])
    assert returns.sign_changes(flows) == 2
    assert returns.mirr(flows, 0.1, 0.12) == pytest.approx(pyxirr.mirr(list(flows), 0.1, 0.12))


def test_grant_element_closed_forms() -> None:
    """A loan at the discount rate is no gift; an interest-free bullet is one by its discount."""
    assert returns.grant_element(rate=0.05, grace_years=5, tenor_years=20, discount=0.05) == pytest.approx(0)
    assert returns.grant_element(rate=0, grace_years=9, tenor_years=10, discount=0.05) == pytest.approx(1 - 1.05**-10)
    # The International Development Association's former standard credit, payments laid out by hand.
    payments = [0.0] + [0.0075] * 10 + [1 / 30 + 0.0075 * (1 - i / 30) for i in range(30)]
    wanted = 1 - pyxirr.npv(0.05, payments)
    assert returns.grant_element(rate=0.0075, grace_years=10, tenor_years=40, discount=0.05) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("rate", "grace", "tenor", "published"),
    [(0.0075, 6, 38, 53), (0.0, 10, 50, 73), (0.0, 6, 12, 36)],
    ids=["regular credit", "50-year credit", "shorter maturity loan"],
)
def test_grant_element_is_the_one_ida_prints(rate: float, grace: int, tenor: int, published: int) -> None:
    """The International Development Association prints the concessionality of its terms beside them, in percent."""
    found = returns.grant_element(rate=rate, grace_years=grace, tenor_years=tenor, discount=0.05, payments_a_year=2)
    assert round(found * 100) == published


def test_spreadsheet_manual_examples() -> None:
    """The worked examples printed in the manual of the most used spreadsheet: IRR, NPV, MIRR."""
    shop = np.array([-70_000.0, 12_000, 15_000, 18_000, 21_000, 26_000])
    assert float(returns.irr(shop)) == pytest.approx(0.0866, abs=5e-5)
    assert float(returns.irr(shop[:5])) == pytest.approx(-0.021, abs=5e-4)
    later = np.array([0.0, -10_000, 3_000, 4_200, 6_800])
    assert float(returns.npv(later, 0.10)) == pytest.approx(1_188.44, abs=5e-3)
    boats = np.array([-120_000.0, 39_000, 30_000, 21_000, 37_000, 46_000])
    assert returns.mirr(boats, 0.10, 0.12) == pytest.approx(0.1261, abs=5e-5)


def test_sculpted_loan_textbook() -> None:
    """Cash of 120, 150, 90 at 8 percent carries 1.25 times cover of the loan whose service is 96, 120, 72."""
    cash, rate = np.array([120.0, 150, 90]), 0.08
    loan = sum(flow / 1.25 * 1.08 ** -(year + 1) for year, flow in enumerate(cash))
    principal = debt.sculpt(cash, rate) * loan
    balance = loan
    for flow, part in zip(cash, principal, strict=True):
        assert flow / (balance * rate + part) == pytest.approx(1.25)
        balance -= part
    assert balance == pytest.approx(0)


@settings(max_examples=60)
@given(st.lists(st.floats(-50, 200), min_size=1, max_size=25), st.floats(0, 0.15))
def test_sculpted_loan_is_always_paid_back(cash: list[float], rate: float) -> None:
    """Whatever the cash, no payment is negative and the whole loan is paid."""
    parts = debt.sculpt(np.array(cash), rate)
    assert (parts >= 0).all()
    assert parts.sum() == pytest.approx(1)


def test_sculpted_cover_is_level(small: Scenario, small_found: Found) -> None:
    """With one sculpted loan for all debt, cover in the base case is the same in every year of repayment."""
    bank = next(t for t in small.finance.tranches if t.id == "bank")
    loan = replace(bank, share=replace(bank.share, base=0.5), tiers=())
    own = next(t for t in small.finance.tranches if t.id == "own")
    terms = replace(small.finance, tranches=(loan, replace(own, share=replace(own.share, base=0.5))))
    scenario = replace(small, finance=terms)
    fin = finance.analyse(scenario, small_found.case.time, driver.base_case(scenario))
    paid = (fin.tranches["bank"].principal[0] > 0) & np.isfinite(fin.dscr[0])
    cover = fin.dscr[0][paid]
    assert len(cover) > 3
    assert cover.max() - cover.min() < 1e-6 * cover.max()
    level = replace(scenario, finance=replace(terms, tranches=(replace(loan, repayment="level"), terms.tranches[1])))
    other = finance.analyse(level, small_found.case.time, driver.base_case(level)).dscr[0]
    assert np.nanmin(other) < cover.min(), "sculpting lifts the worst year"


def test_llcr_of_level_cash() -> None:
    """130 a year against an annuity of 100 at the same rate covers 1.3 times."""
    rate, years = 0.06, 10
    annuity = np.array([[0.0] + [100.0] * years])
    owed = np.array([float(returns.npv(annuity[0], rate))])
    assert returns.llcr(annuity * 1.3, annuity, owed, rate)[0] == pytest.approx(1.3)


def base(found: Found) -> tuple[economics.Economics, finance.Finance]:
    """Both cases, base drivers."""
    drivers = driver.base_case(found.case.scenario)
    return found.case.economics(drivers), found.case.finance(drivers)


def test_money_in_is_money_out_every_year(small: Scenario, small_found: Found) -> None:
    """Over a thousand random futures, each year's cash is used up exactly, and draws pay exactly building and fees."""
    fin = small_found.case.finance(driver.draw(small, runs=1000, seed=5))
    scale = float(fin.revenue.max())
    assert np.abs(fin.residual).max() < 1e-9 * scale
    drawn = sum(tranche.drawn for tranche in fin.tranches.values())
    fees = sum(tranche.fees for tranche in fin.tranches.values())
    drivers = driver.draw(small, runs=1000, seed=5)
    capex = small_found.case.time.first_capex * drivers.capex[:, None]
    assert np.allclose(drawn, capex + fees, rtol=1e-9, atol=1e-3)


def test_every_tranche_is_paid_back(small: Scenario, small_found: Found) -> None:
    """What a lender gave, with capitalised interest, is what it gets as principal; nothing is owed at the end."""
    _, fin = base(small_found)
    for tranche in small.finance.tranches:
        own = fin.tranches[tranche.id]
        if tranche.kind in debt.FREE_KINDS:
            assert own.principal.sum() == 0
            continue
        assert own.principal.sum() == pytest.approx(own.drawn.sum() + own.capitalised.sum(), rel=1e-9)
        assert own.owed[0, -1] == pytest.approx(0, abs=1e-3)
        assert (own.owed >= -1e-6).all()


def test_shares_respect_eligibility(small: Scenario, small_found: Found) -> None:
    """A tranche for one lending group carries at most the cost in that group's countries; shares add up to one."""
    shares = finance.tranche_shares(small, small_found.case.time)
    assert sum(shares.values()) == pytest.approx(1)
    room = sum(small_found.case.time.cost_by_country.get(m.id, 0.0) for m in small.members.values() if m.tier == "B")
    assert shares["soft"] <= room + 1e-12


def test_distribution_adds_up(small_found: Found) -> None:
    """The gains of all countries and groups are the net present value, trade included: transfers cancel."""
    eco, _ = base(small_found)
    assert sum(eco.distribution.values()) == pytest.approx(float(eco.enpv_trade[0]), rel=1e-9)


def test_carec_distribution_adds_up_with_random_drivers(small: Scenario, small_found: Found) -> None:
    """The same holds away from the base case."""
    eco = small_found.case.economics(driver.fixed(capex=1.3, demand=0.6, price=0.7, delay=2.4, competition=1.5))
    assert sum(eco.distribution.values()) == pytest.approx(float(eco.enpv_trade[0]), rel=1e-9)
    assert small.economics.discount.base > 0


def test_switching_value_makes_it_zero(small_found: Found) -> None:
    """Put back into the model, every switching value gives a net present value of zero."""
    scale = abs(small_found.case.enpv(driver.base_case(small_found.case.scenario)))
    for name, change in risk.switching(small_found.case).items():
        if change is None:
            continue
        now = float(getattr(driver.base_case(small_found.case.scenario), name)[0])
        drivers = risk._with(driver.base_case(small_found.case.scenario), name, now * (1 + change))
        assert abs(small_found.case.enpv(drivers)) < 1e-6 * scale


def test_tariffs_meet_their_aims(small: Scenario, small_found: Found) -> None:
    """At the cost-recovery tariff the company's net present value is zero; at the covenant tariff mean cover is met."""
    found = risk.tariffs(small_found.case)
    drivers = driver.base_case(small)
    assert found["cost_recovery"] is not None
    fin = small_found.case.finance(drivers, tariff=found["cost_recovery"])
    assert abs(float(fin.fnpv[0])) < 1e-3 * float(fin.need[0])
    assert found["covenant"] is not None
    cover = small_found.case.finance(drivers, tariff=found["covenant"]).dscr[0]
    assert np.nanmean(cover) == pytest.approx(small.finance.dscr_min.base, abs=1e-2)


def test_worse_drivers_never_help(small_found: Found) -> None:
    """Dearer building, later opening, smaller benefits: each lowers the economic result."""
    case = small_found.case
    first = case.enpv(driver.fixed())
    for worse in (driver.fixed(capex=1.2), driver.fixed(delay=1.0), driver.fixed(benefit=0.8), driver.fixed(opex=1.5)):
        assert case.enpv(worse) < first


@settings(max_examples=40)
@given(st.floats(0.01, 0.99), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_triangular_inverse(uniform: float, a: float, b: float, c: float) -> None:
    """The inverse lies in the range and maps back to the same probability."""
    low, mode, high = sorted((a, b, c))
    x = float(driver.triangular(np.array([uniform]), low, mode, high)[0])
    assert low - 1e-12 <= x <= high + 1e-12
    if high - low > 1e-3 and mode - low > 1e-3 and high - mode > 1e-3:
        below = (x - low) ** 2 / ((high - low) * (mode - low))
        above = 1 - (high - x) ** 2 / ((high - low) * (high - mode))
        assert (below if x <= mode else above) == pytest.approx(uniform, abs=1e-6)


def test_draws_have_the_wanted_correlation(small: Scenario) -> None:
    """Rank correlation of cost and delay is what the scenario asks for; the others stay independent."""
    drivers = driver.draw(small, runs=20_000, seed=1)
    ranks = [np.argsort(np.argsort(values)) for values in (drivers.capex, drivers.delay, drivers.demand)]
    assert np.corrcoef(ranks[0], ranks[1])[0, 1] == pytest.approx(0.6, abs=0.02)
    assert np.corrcoef(ranks[0], ranks[2])[0, 1] == pytest.approx(0.0, abs=0.02)


def test_impossible_correlations_are_repaired(small: Scenario) -> None:
    """Correlations no joint distribution has are moved to the nearest one can have; the diagonal stays one."""
    risks = (
        replace(small.risks[0], correlations={small.risks[1].id: 0.95, small.risks[2].id: 0.95}),
        replace(small.risks[1], correlations={small.risks[2].id: -0.95}),
        small.risks[2],
    )
    matrix = driver.correlation_matrix(replace(small, risks=risks))
    assert np.linalg.eigvalsh(matrix).min() > 0
    assert np.allclose(np.diag(matrix), 1)


def test_monte_carlo_repeats_and_contributions_add_up(small: Scenario, small_found: Found) -> None:
    """The same seed gives the same numbers, in whatever batches; shares of variance add up to one."""
    first = risk.monte_carlo(small_found.case, runs=500, seed=9)
    second = risk.monte_carlo(small_found.case, runs=500, seed=9)
    assert np.array_equal(first.enpv, second.enpv)
    assert sum(first.contribution.values()) == pytest.approx(1)
    assert small.runs == 300


def test_higher_transit_fees_shift_money_to_the_countries_crossed(small_found: Found) -> None:
    """Each step of the fee lowers the company's return and raises what the countries receive; no fee, no receipts."""
    rows = risk.transit_fees(small_found.case)
    assert rows[0][3] == 0
    for (_, firr, fnpv, fees), (_, next_firr, next_fnpv, next_fees) in pairwise(rows):
        assert next_firr < firr
        assert next_fnpv < fnpv
        assert next_fees > fees


def constant(value: Value, base: float) -> Value:
    """``value`` with all three numbers set."""
    return replace(value, low=base, base=base, high=base)


def test_economic_analysis_worked_by_hand(small: Scenario) -> None:
    """The development bank's table for one year of a plain case, each line worked out by hand, then EIRR and ENPV.

    100 Gbit/s at 100,000 USD, 40 move to the corridor; a second route lowers the price of the rest by 20 percent; half
    of every dollar leaves the members; elasticity -1, so a fifth less makes 25 Gbit/s more. Building costs 10 million,
    running 100,000 a year. Shadow factor: a tenth is tax, half of the rest local at 0.9: 0.9 x 0.95 = 0.855.
    """
    e = small.economics
    terms = replace(
        e,
        discount=constant(e.discount, 0.09),
        conversion=constant(e.conversion, 0.9),
        local_share=constant(e.local_share, 0.5),
        tax_share=constant(e.tax_share, 0.1),
        elasticity=constant(e.elasticity, -1.0),
        erosion=constant(e.erosion, 0.0),
        final_erosion=constant(e.final_erosion, 0.0),
        outage_value=constant(e.outage_value, 100.0),
    )
    aa = small.members["AA"]
    member = replace(
        aa,
        price=constant(aa.price, 100_000.0),
        foreign_share=constant(aa.foreign_share, 0.5),
        competition=constant(aa.competition, 0.2),
    )
    scenario = replace(
        small,
        economics=terms,
        members={"AA": member},
        benefits=(),
        finance=replace(small.finance, backhaul=constant(small.finance.backhaul, 5_000.0)),
    )
    years = tuple(range(small.base_year, small.last_year + 1))
    none, opened = np.zeros(len(years)), small.opening_year - small.base_year
    capex, running = none.copy(), none.copy()
    capex[opened - 1], running[opened:] = 10e6, 100_000.0
    plan = timeline.Timeline(
        years=years,
        first_capex=capex,
        later_capex=none,
        opex=running,
        cost_by_country={"AA": 1.0},
        leg_capex={"west": 10e6},
        traffic={"AA": none + 100.0},
        carried={"AA": none + 40.0},
        standby={"AA": none},
        through=none,
    )
    found = economics.analyse(scenario, plan, driver.fixed(), {"AA": 0.001}, {})
    by_hand = {
        "diverted": 40 * 100_000 * 0.5,
        "competition": 60 * 20_000 * 0.5,
        "generated": 0.5 * 20_000 * 25,
        "outages": 100 * 0.001 * 8_766 * 100,
        "transit": 0.0,
    }
    assert {name: flows[0, opened] for name, flows in found.benefits.items()} == pytest.approx(by_hand)
    assert found.costs[0, opened - 1] == pytest.approx(8.55e6)
    assert found.costs[0, opened] == pytest.approx(100_000 * 0.855 + 40 * 5_000)
    assert sum(by_hand.values()) - 285_500 == pytest.approx(2_652_160)
    flows = [0.0] * (opened - 1) + [-8.55e6] + [2_652_160.0] * (len(years) - opened)
    assert found.eirr[0] == pytest.approx(pyxirr.irr(flows), abs=1e-9)
    assert found.enpv[0] == pytest.approx(pyxirr.npv(0.09, flows))


def test_cover_worked_by_hand(small: Scenario) -> None:
    """The textbook table: 300 of cash against 100 of interest and 100 of principal, then 95 and 100: 1.5, 1.54."""
    available, service = np.array([[300.0, 300.0]]), np.array([[200.0, 195.0]])
    reserve, support, dividends = finance._waterfall(small, available, service)
    assert (available / service)[0] == pytest.approx([1.5, 1.538], abs=1e-3)
    assert support.sum() == 0
    months = small.finance.reserve_months.base
    assert reserve[0, 0] == pytest.approx(min(100.0, 195.0 * months / 12))
    assert dividends[0].sum() == pytest.approx(205.0)


def test_influence_puts_a_value_to_both_ends(small: Scenario, small_found: Found) -> None:
    """Each entry is the result with that value alone changed; the list is sorted, and only the value itself moves."""
    case, design = small_found.case, small_found.designs[small_found.plan.id]
    sections = {name: line.sections for name, line in small_found.lines.items()}
    found = influence.influences(case, sections, design)
    assert [item.swing for item in found] == sorted((item.swing for item in found), reverse=True)
    price = next(item for item in found if item.path == "member.BB.price")
    dear = influence.with_value(small, "member.BB.price", small.members["BB"].price.high)
    assert dear.members["BB"].price.base == small.members["BB"].price.high
    assert dear.members["AA"] == small.members["AA"]
    assert replace(case, scenario=dear).enpv(driver.base_case(dear)) == pytest.approx(price.at_high)
    paths = {item.path for item in found}
    assert {"terrain.plain.build", "economics.discount", "finance.overrun"} <= paths
    with pytest.raises(KeyError):
        influence.with_value(small, "member.ZZ.price", 1.0)
