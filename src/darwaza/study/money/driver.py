"""The uncertain drivers: factors on the base case, drawn together with their correlations.

A Gaussian copula carries the rank correlations of the scenario; each driver's own distribution is triangular between
its low and high with its peak at base (Spearman's rho and the copula's Pearson correlation are linked by
r = 2 sin(pi rho / 6)). A correlation table that no joint distribution can have is moved to the nearest one that can.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from darwaza.study.scenario.model import Scenario

Array = npt.NDArray[np.float64]

DRIVERS = ("capex", "opex", "demand", "price", "delay", "hazard", "competition", "benefit", "volume_captured")
EIGENVALUE_MIN = 1e-8


@dataclass(frozen=True, slots=True)
class Drivers:
    """One value per run of every driver; ``delay`` in years, the others factors on the base case."""

    capex: Array
    opex: Array
    demand: Array
    price: Array
    delay: Array
    hazard: Array
    competition: Array
    benefit: Array
    volume_captured: Array

    @property
    def runs(self) -> int:
        """Number of runs."""
        return int(self.capex.shape[0])


def base_case(scenario: Scenario) -> Drivers:
    """The single run in which overrun and delay have their base value and nothing else moves."""
    return fixed(
        capex=1 + scenario.finance.overrun.base,
        delay=scenario.finance.delay.base,
    )


def fixed(**values: float) -> Drivers:
    """One run with the named drivers set; others neutral."""
    neutral = dict.fromkeys(DRIVERS, 1.0) | {"delay": 0.0}
    return Drivers(**{name: np.array([value]) for name, value in (neutral | values).items()})


def triangular(uniform: Array, low: float, mode: float, high: float) -> Array:
    """Inverse of the triangular distribution function at ``uniform`` in [0, 1]."""
    if high <= low:
        return np.full_like(uniform, mode)
    peak = (mode - low) / (high - low)
    left = low + np.sqrt(uniform * (high - low) * (mode - low))
    right = high - np.sqrt((1 - uniform) * (high - low) * (high - mode))
    return np.where(uniform < peak, left, right)


def correlation_matrix(scenario: Scenario) -> Array:
    """Pearson correlations of the copula, positive definite, ordered as ``scenario.risks``."""
    names = [risk.id for risk in scenario.risks]
    matrix = np.eye(len(names))
    for i, risk in enumerate(scenario.risks):
        for other, rank in risk.correlations.items():
            j = names.index(other)
            matrix[i, j] = matrix[j, i] = 2 * np.sin(np.pi * rank / 6)
    values, vectors = np.linalg.eigh(matrix)
    if values.min() < EIGENVALUE_MIN:
        matrix = vectors @ np.diag(np.maximum(values, EIGENVALUE_MIN)) @ vectors.T
        scale = np.sqrt(np.diag(matrix))
        matrix = matrix / np.outer(scale, scale)
    return np.asarray(matrix)


def draw(scenario: Scenario, *, runs: int, seed: int) -> Drivers:
    """Draw ``runs`` joint values; the same seed gives the same draws."""
    base = base_case(scenario)
    columns = {name: np.repeat(getattr(base, name), runs) for name in DRIVERS}
    for name in ("capex", "delay"):
        if any(risk.target == name for risk in scenario.risks):
            columns[name] = np.full(runs, 0.0 if name == "delay" else 1.0)
    if scenario.risks:
        normal = np.random.default_rng(seed).standard_normal((runs, len(scenario.risks)))
        uniform = ndtr(normal @ np.linalg.cholesky(correlation_matrix(scenario)).T)
        for i, risk in enumerate(scenario.risks):
            factor = triangular(uniform[:, i], risk.factor.low, risk.factor.base, risk.factor.high)
            columns[risk.target] = (
                columns[risk.target] + factor if risk.target == "delay" else columns[risk.target] * factor
            )
    return Drivers(**columns)
