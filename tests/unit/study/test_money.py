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
from darwaza.study.money import driver, economics, finance, returns, risk
from darwaza.study.scenario.model import Scenario

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
    drawn = sum(debt.drawn for debt in fin.tranches.values())
    fees = sum(debt.fees for debt in fin.tranches.values())
    drivers = driver.draw(small, runs=1000, seed=5)
    capex = small_found.case.time.first_capex * drivers.capex[:, None]
    assert np.allclose(drawn, capex + fees, rtol=1e-9, atol=1e-3)


def test_every_tranche_is_paid_back(small: Scenario, small_found: Found) -> None:
    """What a lender gave, with capitalised interest, is what it gets as principal; nothing is owed at the end."""
    _, fin = base(small_found)
    for tranche in small.finance.tranches:
        debt = fin.tranches[tranche.id]
        if tranche.kind in finance.FREE_KINDS:
            assert debt.principal.sum() == 0
            continue
        assert debt.principal.sum() == pytest.approx(debt.drawn.sum() + debt.capitalised.sum(), rel=1e-9)
        assert debt.owed[0, -1] == pytest.approx(0, abs=1e-3)
        assert (debt.owed >= -1e-6).all()


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
