"""What can fail, how often and for how long.

A component is one leg (a cut of its own) or one shared-risk group. Components fail independently; everything that
makes failures come together is a group. Unavailability is rate x duration / (year + rate x duration): an alternating
renewal process in steady state, exact whatever the distributions of the times.
"""

from collections.abc import Iterable, Mapping

from darwaza.study.design.routes import leg_risk
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Scenario
from darwaza.study.scenario.value import HOURS_PER_YEAR


def unavailability(rate_per_year: float, duration_hours: float) -> float:
    """Long-run share of time a component is down, in [0, 1); the rate counts failures per year of being up."""
    down = rate_per_year * duration_hours
    return down / (HOURS_PER_YEAR + down)


def components(scenario: Scenario, legs: Mapping[str, Leg], *, hazard: float = 1.0) -> dict[str, float]:
    """Unavailability of every component, keyed as routes list their risks (``leg:ID`` or a group id).

    Args:
        scenario: rates of groups.
        legs: rates of legs.
        hazard: factor on every rate.
    """
    found = {g.id: unavailability(g.rate.base * hazard, g.duration.base) for g in scenario.groups.values()}
    found |= {leg_risk(leg.id): unavailability(leg.cut_rate * hazard, leg.repair_hours) for leg in legs.values()}
    return found


def all_up(parts: Iterable[str], down: Mapping[str, float]) -> float:
    """Probability that every one of ``parts`` is up."""
    product = 1.0
    for part in sorted(parts):  # one order, so that the same parts give the same last digit
        product *= 1.0 - down[part]
    return product
