"""What could go wrong, in numbers: Monte Carlo, tornado, sensitivity table, switching values, tariff search."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from darwaza.study.money import economics, finance
from darwaza.study.money.driver import DRIVERS, Drivers, base_case, draw, fixed
from darwaza.study.money.returns import npv
from darwaza.study.money.timeline import Timeline
from darwaza.study.scenario.model import Scenario

Array = npt.NDArray[np.float64]
PERCENTILES = (5, 10, 25, 50, 75, 90, 95)
BATCH_RUNS = 2_000
"""Runs worked on at once, so that memory stays small and progress can be shown."""
SWITCH_RANGE = (0.02, 50.0)
"""Factors between which switching values are looked for."""
TARIFF_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that turns drivers into results, fixed for one plan."""

    scenario: Scenario
    time: Timeline
    outage_saved: Mapping[str, float]
    transit_owners: Mapping[str, Mapping[str, float]]

    def economics(self, drivers: Drivers) -> economics.Economics:
        """The economic case."""
        return economics.analyse(self.scenario, self.time, drivers, self.outage_saved, self.transit_owners)

    def finance(self, drivers: Drivers, *, tariff: float | None = None) -> finance.Finance:
        """The financial case."""
        return finance.analyse(self.scenario, self.time, drivers, tariff=tariff)

    def enpv(self, drivers: Drivers) -> float:
        """ENPV of a single run."""
        return float(self.economics(drivers).enpv[0])


@dataclass(frozen=True, slots=True)
class Spread:
    """Monte Carlo result; arrays have one value per run.

    Attributes:
        enpv, eirr, enpv_trade, firr, fnpv, dscr_min, support: results; support is the present sum owners add.
        contribution: risk id -> squared rank correlation with ENPV, scaled to add up to 1.
    """

    enpv: Array
    eirr: Array
    enpv_trade: Array
    firr: Array
    fnpv: Array
    dscr_min: Array
    support: Array
    contribution: dict[str, float]

    def percentiles(self, name: str) -> dict[str, float]:
        """Percentiles of one result, ``p5`` to ``p95``, over the runs in which it exists."""
        values = getattr(self, name)
        values = values[np.isfinite(values)]
        if values.size == 0:
            return {}
        return {f"p{p}": float(v) for p, v in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)}


def monte_carlo(case: Case, *, runs: int, seed: int, progress: Callable[[float], None] | None = None) -> Spread:
    """Draw ``runs`` joint values of all risks and work out both cases for each.

    Args:
        case: the plan.
        runs: how many.
        seed: the same seed gives the same numbers.
        progress: told the share done.
    """
    drivers = draw(case.scenario, runs=runs, seed=seed)
    parts: dict[str, list[Array]] = {}
    for start in range(0, runs, BATCH_RUNS):
        part = Drivers(**{name: getattr(drivers, name)[start : start + BATCH_RUNS] for name in DRIVERS})
        eco, fin = case.economics(part), case.finance(part)
        found = {
            "enpv": eco.enpv,
            "eirr": eco.eirr,
            "enpv_trade": eco.enpv_trade,
            "firr": fin.firr,
            "fnpv": fin.fnpv,
            "dscr_min": fin.dscr_min,
            "support": fin.support.sum(axis=1),
        }
        for name, values in found.items():
            parts.setdefault(name, []).append(values)
        if progress is not None:
            progress(min(1.0, (start + BATCH_RUNS) / runs))
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    return Spread(**joined, contribution=_contribution(case.scenario, drivers, joined["enpv"]))


def _contribution(scenario: Scenario, drivers: Drivers, result: Array) -> dict[str, float]:
    ranks = np.argsort(np.argsort(result))
    squares = {}
    for risk in scenario.risks:
        values = getattr(drivers, risk.target)
        if np.ptp(values) > 0:
            squares[risk.id] = float(np.corrcoef(np.argsort(np.argsort(values)), ranks)[0, 1] ** 2)
    total = sum(squares.values())
    return {name: value / total for name, value in squares.items()} if total else {}


def _with(base: Drivers, name: str, value: float) -> Drivers:
    values = {driver: float(getattr(base, driver)[0]) for driver in DRIVERS}
    return fixed(**(values | {name: value}))


def tornado(case: Case) -> list[tuple[str, str, float, float, float, float]]:
    """One risk at a time from its low to its high, everything else at base; widest first.

    Returns:
        Rows of (risk id, name, low factor, high factor, ENPV at low, ENPV at high).
    """
    base = base_case(case.scenario)
    rows = []
    for risk in case.scenario.risks:
        ends = risk.factor.low, risk.factor.high
        results = [case.enpv(_with(base, risk.target, end)) for end in ends]
        rows.append((risk.id, risk.name, ends[0], ends[1], results[0], results[1]))
    return sorted(rows, key=lambda row: (-abs(row[5] - row[4]), row[0]))


SENSITIVITY = (
    ("Building cost +10 %", "capex", 1.1),
    ("Building cost +20 %", "capex", 1.2),
    ("Running cost +20 %", "opex", 1.2),
    ("Benefits -10 %", "benefit", 0.9),
    ("Benefits -20 %", "benefit", 0.8),
    ("Traffic won -30 %", "volume_captured", 0.7),
    ("One more year of delay", "delay", 1.0),
    ("Three more years of delay", "delay", 3.0),
)
"""The table lenders ask for: what changes, which driver, by which factor (years for delay)."""


def sensitivity(case: Case) -> list[tuple[str, float, float]]:
    """Rows of (what changes, ENPV, EIRR), the base case first."""
    base = base_case(case.scenario)
    rows = []
    for name, driver, by in (("Base case", "benefit", 1.0), *SENSITIVITY):
        now = float(getattr(base, driver)[0])
        result = case.economics(_with(base, driver, now + by if driver == "delay" else now * by))
        rows.append((name, float(result.enpv[0]), float(result.eirr[0])))
    return rows


def switching(case: Case) -> dict[str, float | None]:
    """Relative change of each driver that makes ENPV zero, as a factor minus 1; None when no change in range does."""
    base = base_case(case.scenario)
    found: dict[str, float | None] = {}
    for name in ("capex", "opex", "benefit", "demand", "competition", "volume_captured"):
        now = float(getattr(base, name)[0])

        def at(factor: float, name: str = name, now: float = now) -> float:
            return case.enpv(_with(base, name, now * factor))

        low, high = at(SWITCH_RANGE[0]), at(SWITCH_RANGE[1])
        found[name] = None if low * high > 0 else float(brentq(at, *SWITCH_RANGE, xtol=1e-10)) - 1
    return found


FEES = (0.0, 0.05, 0.10, 0.15, 0.20, 0.30)
"""Shares of revenue passed on to the countries crossed, for the fee table."""


def transit_fees(case: Case) -> list[tuple[float, float, float, float]]:
    """What each transit fee does: rows of (fee, FIRR, FNPV, present value of the fees at the economic rate)."""
    base = base_case(case.scenario)
    rows = []
    for fee in FEES:
        terms = replace(case.scenario.finance, transit_fee=replace(case.scenario.finance.transit_fee, base=fee))
        found = replace(case, scenario=replace(case.scenario, finance=terms)).finance(base)
        worth = float(npv(found.fees, case.scenario.economics.discount.base)[0])
        rows.append((fee, float(found.firr[0]), float(found.fnpv[0]), worth))
    return rows


def tariffs(case: Case) -> dict[str, float | None]:
    """Base-year tariffs (USD/(Gbit/s)/year) that just meet each aim; None when none up to 50 times the base does.

    ``cost_recovery``: FNPV at the WACC is zero. ``covenant``: the mean cover of debt service meets the covenant.
    """
    base = base_case(case.scenario)
    asked = case.scenario.finance.tariff.base
    ceiling = asked * SWITCH_RANGE[1]

    def recovered(tariff: float) -> float:
        return float(case.finance(base, tariff=tariff).fnpv[0])

    def covered(tariff: float) -> float:
        ratios = case.finance(base, tariff=tariff).dscr[0]
        ratios = ratios[np.isfinite(ratios)]
        return float(ratios.mean() - case.scenario.finance.dscr_min.base) if ratios.size else 1.0

    def root(aim: Callable[[float], float]) -> float | None:
        if aim(0.0) >= 0:
            return 0.0
        if aim(ceiling) < 0:
            return None
        return float(brentq(aim, 0.0, ceiling, xtol=TARIFF_TOLERANCE * ceiling))

    return {"asked": asked, "cost_recovery": root(recovered), "covenant": root(covered)}
