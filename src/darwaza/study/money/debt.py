"""The tranches over time: drawn with the building, interest capitalised until opening, then paid back.

A tranche is paid back in one of two ways:

- ``level``: equal principal from the end of grace to the end of the tenor, as sovereign lenders do;
- ``sculpted``: service follows the cash the base case leaves after the level tranches, at one ratio in every year
  (debt service in proportion to CFADS, the usual practice of project finance banks), so that cover is the same in
  strong and in weak years. Interest is always paid and principal never negative; where the ratio asks for less than
  interest, later years carry more.

A sculpted schedule is fixed in the loan contract from the base case; in any other future the same shares of the loan
are due in the same years.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darwaza.study.scenario.model import Scenario, Tranche

Array = npt.NDArray[np.float64]

NEED_ITERATIONS = 40
"""Rounds in which the financing need converges; interest during building is part of it."""
FREE_KINDS = ("grant", "equity")
"""Tranches that are not paid back on a schedule."""
SCULPTED = "sculpted"
BISECTIONS = 80
RATIO_MAX = 1e6
"""Service of the strongest year over the loan; no loan asks for more."""
CASH_MIN_USD = 1e-3

Shapes = Mapping[str, Array]
"""Tranche id -> share of the balance at first repayment that is due in each year; sums to 1."""


@dataclass(frozen=True, slots=True)
class Debt:
    """One tranche over time; (runs, years) in USD.

    Attributes:
        drawn, capitalised, interest, fees, principal: payments; ``capitalised`` is interest added to what is owed.
        owed: at the end of each year.
    """

    drawn: Array
    capitalised: Array
    interest: Array
    fees: Array
    principal: Array
    owed: Array


def draw(
    scenario: Scenario, capex: Array, shares: Mapping[str, float], shapes: Shapes
) -> tuple[Array, Array, dict[str, Debt]]:
    """Find the need that covers building and its own fees, and every tranche's schedule.

    Fees depend on the draws and the draws pay the fees: a fixed point, reached in a few rounds because fees are small.

    Args:
        scenario: terms.
        capex: (runs, years) USD.
        shares: of the need, per tranche.
        shapes: of the sculpted tranches; a sculpted one without a shape is paid back in equal parts.

    Returns:
        (runs,) need, (runs,) interest and fees until opening, tranche id -> schedule.
    """
    spending, need = capex, capex.sum(axis=1)
    for _ in range(NEED_ITERATIONS):
        profile = _profile(spending)
        debts = {
            t.id: _schedule(scenario, t, need * shares[t.id], profile, shapes.get(t.id))
            for t in scenario.finance.tranches
        }
        spending = capex + sum((d.fees for d in debts.values()), start=np.zeros_like(capex))
        settled = bool(np.allclose(spending.sum(axis=1), need, rtol=1e-13, atol=1e-7))
        need = spending.sum(axis=1)
        if settled:
            break
    idc = need - capex.sum(axis=1) + sum((d.capitalised.sum(axis=1) for d in debts.values()), start=np.zeros_like(need))
    return need, idc, debts


def _profile(capex: Array) -> Array:
    total = capex.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(capex, total, out=np.zeros_like(capex), where=total > 0))


def repayment_years(scenario: Scenario, tranche: Tranche, signing: int) -> tuple[int, int]:
    """First and last year (since the base year) with principal, for a loan signed in year ``signing``."""
    opening = scenario.opening_year - scenario.base_year
    grace = round(tranche.grace.base)
    tenor = max(round(tranche.tenor.base), grace + 1)
    first = max(opening, signing + grace)
    return first, max(first, min(scenario.last_year - scenario.base_year, signing + tenor))


def _schedule(scenario: Scenario, tranche: Tranche, amount: Array, profile: Array, shape: Array | None) -> Debt:
    """Draw with the building, capitalise interest until the planned opening, then pay back."""
    years = profile.shape[1]
    drawn = amount[:, None] * profile
    capitalised, interest, fees, principal, owed = (np.zeros_like(drawn) for _ in range(5))
    if tranche.kind in FREE_KINDS:
        return Debt(drawn, capitalised, interest, fees, principal, owed)
    opening = scenario.opening_year - scenario.base_year
    signing = _signing(profile)
    fees[:, signing] += amount * tranche.fee.base
    first, last = repayment_years(scenario, tranche, signing)
    if shape is None:
        shape = np.zeros(years)
        shape[first : last + 1] = 1.0 / (last - first + 1)
    balance, undrawn, base = np.zeros(drawn.shape[0]), amount.copy(), np.zeros(drawn.shape[0])
    for year in range(years):
        cost = balance * tranche.rate.base
        undrawn = undrawn - drawn[:, year]
        if year < opening:
            fees[:, year] += np.maximum(0.0, undrawn) * tranche.commitment.base * (year >= signing)
            capitalised[:, year] = cost
            balance = balance + cost + drawn[:, year]
        else:
            interest[:, year] = cost
            balance = balance + drawn[:, year]
        if year == first:
            base = balance
        if first <= year <= last:
            principal[:, year] = np.minimum(base * shape[year], balance)
            balance = balance - principal[:, year]
        owed[:, year] = balance
    return Debt(drawn, capitalised, interest, fees, principal, owed)


def _signing(profile: Array) -> int:
    begun = profile[0] > 0
    return int(np.argmax(begun)) if begun.any() else 0


def sculpt(cash: Array, rate: float) -> Array:
    """Principal shares of a loan of 1 whose service is one share of ``cash`` in every year.

    Args:
        cash: what is left for the loan in each year of repayment; negative years count as nothing.
        rate: of the loan, per year; interest of each year is on the balance at its start.

    Returns:
        Shares, one per year, none negative, summing to 1; equal ones when there is no cash at all.
    """
    left = np.maximum(0.0, cash)
    if left.max() < CASH_MIN_USD:
        return np.full(len(left), 1.0 / len(left))
    left = left / left.max()

    def repaid(ratio: float) -> tuple[Array, float]:
        balance, parts = 1.0, np.zeros(len(left))
        for year, flow in enumerate(left):
            parts[year] = min(balance, max(0.0, ratio * flow - balance * rate))
            balance -= parts[year]
        return parts, balance

    low, high = 0.0, RATIO_MAX
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if repaid(middle)[1] > 0 else (low, middle)
    found, _ = repaid(high)
    return np.asarray(found / found.sum())


def sculpted_shapes(scenario: Scenario, available: Array, debts: Mapping[str, Debt], capex: Array) -> dict[str, Array]:
    """Shapes of all sculpted tranches from one run of the base case.

    Args:
        scenario: terms.
        available: (years,) cash available for debt service.
        debts: schedules of the same run; those of level tranches are served first.
        capex: (years,) building cost, whose first year is the signing.
    """
    tranches = [t for t in scenario.finance.tranches if t.repayment == SCULPTED and t.kind not in FREE_KINDS]
    names = {t.id for t in tranches}
    level = sum(
        (d.interest[0] + d.principal[0] for name, d in debts.items() if name not in names), np.zeros_like(available)
    )
    shapes = {}
    for tranche in tranches:
        first, last = repayment_years(scenario, tranche, _signing(capex[None, :]))
        shape = np.zeros(len(available))
        shape[first : last + 1] = sculpt((available - level)[first : last + 1], tranche.rate.base)
        shapes[tranche.id] = shape
    return shapes
