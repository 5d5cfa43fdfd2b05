"""Present values, rates of return and the ratios lenders look at, over many runs at once.

Flows are (..., years) arrays, year 0 first, received at the end of each year; rates are per year, real.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

RATE_LOW, RATE_HIGH = -0.95, 10.0
"""Rates of return are looked for in this range."""
RATE_GRID = (RATE_LOW, -0.9, -0.8, -0.7, -0.6, *(i / 50 - 0.5 for i in range(76)), 1.25, 1.5, 2.0, 3.0, 5.0, RATE_HIGH)
"""Where signs of the present value are looked at first; roots closer together than the grid may hide each other."""
BISECTIONS = 48


def discount_factors(rate: float | Array, years: int) -> Array:
    """Factors (1 + rate)^-t for t = 0..years-1; an array of rates gives one row per rate."""
    base = 1.0 + np.asarray(rate, dtype=np.float64)
    return np.asarray(base[..., None] ** -np.arange(years, dtype=np.float64))


def npv(flows: Array, rate: float | Array) -> Array:
    """Net present value in year 0 along the last axis."""
    return np.asarray((flows * discount_factors(rate, flows.shape[-1])).sum(axis=-1))


def irr(flows: Array) -> Array:
    """Internal rate of return along the last axis; NaN where none lies in [RATE_LOW, RATE_HIGH].

    Flows whose sign changes more than once can have several roots. The highest rate at which the present value falls
    from positive to negative is given; ``sign_changes`` tells where to doubt, ``mirr`` what to use then.
    """
    matrix = np.atleast_2d(np.asarray(flows, dtype=np.float64))
    grid = np.asarray(RATE_GRID)
    worths = matrix @ discount_factors(grid, matrix.shape[1]).T
    falls = (worths[:, :-1] > 0) & (worths[:, 1:] <= 0)
    valid = falls.any(axis=1)
    at = falls.shape[1] - 1 - np.argmax(falls[:, ::-1], axis=1)
    low, high = grid[at], grid[at + 1]
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = npv(matrix, middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    found = np.where(valid, (low + high) / 2, np.nan)
    return np.asarray(found.reshape(np.shape(flows)[:-1]))


def sign_changes(flows: Array) -> int:
    """How often one stream of flows changes sign (Descartes' bound on the number of rates of return)."""
    signs = [value > 0 for value in np.asarray(flows).ravel() if value != 0]
    return sum(1 for a, b in pairwise(signs) if a != b)


def mirr(flows: Array, finance_rate: float, reinvest_rate: float) -> float:
    """Modified internal rate of return of one stream: always one answer.

    Returns:
        NaN when there is nothing paid or nothing received.
    """
    stream = np.asarray(flows, dtype=np.float64)
    years = stream.shape[-1]
    paid = -npv(np.minimum(stream, 0.0), finance_rate)
    received = npv(np.maximum(stream, 0.0), reinvest_rate) * (1 + reinvest_rate) ** (years - 1)
    if paid <= 0 or received <= 0:
        return float("nan")
    return float((received / paid) ** (1 / (years - 1)) - 1)


def grant_element(
    *, rate: float, grace_years: int, tenor_years: int, discount: float, payments_a_year: int = 1
) -> float:
    """Share of a loan that is a gift: 1 minus the present value of its payments over its face value.

    Interest on what is owed, equal principal after ``grace_years`` until ``tenor_years``, as in the IMF and World Bank
    definition (discount rate of 5 percent, two payments a year).

    Args:
        rate: yearly interest.
        grace_years: years without principal, >= 0.
        tenor_years: years to the last payment, > grace_years.
        discount: yearly, effective.
        payments_a_year: of interest and principal.
    """
    instalments = (tenor_years - grace_years) * payments_a_year
    owed, worth = 1.0, 0.0
    for payment in range(1, tenor_years * payments_a_year + 1):
        principal = 1.0 / instalments if payment > grace_years * payments_a_year else 0.0
        worth += (owed * rate / payments_a_year + principal) * (1 + discount) ** (-payment / payments_a_year)
        owed -= principal
    return 1.0 - worth


def llcr(available: Array, debt_service: Array, owed: Array, rate: float) -> Array:
    """Loan life cover: present value of cash available while debt is served, over what is owed at the start.

    Args:
        available: (runs, years) cash available for debt service.
        debt_service: (runs, years).
        owed: (runs,) at year 0 of the arrays.
        rate: of the debt.
    """
    alive = debt_service > 0
    worth = npv(np.where(alive, available, 0.0), rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(owed > 0, worth / owed, np.nan))
