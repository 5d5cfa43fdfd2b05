"""What a design costs, in USD of present value at the economic discount rate.

The exact program, the heuristic and the yearly schedule count with these prices, so that their costs can be compared.
A stage's capacity is paid in the year before it serves; what stands in a stage stands in all later ones.
"""

from darwaza.study.demand import member_factors, price_factors
from darwaza.study.design.design import stage_years
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Module, Scenario

SHORTFALL_PRICE_FACTOR = 4.0
"""Traffic left unprotected costs this many times the member's present price of capacity."""
UNSERVED_PRICE_FACTOR = 40.0


class Prices:
    """Prices of one scenario.

    Args:
        scenario: rates, years, unit costs.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def present(self, year: int) -> float:
        """Discount factor of ``year``."""
        return float((1 + self.scenario.economics.discount.base) ** (self.scenario.base_year - year))

    def rent(self, member: str, stage: int) -> float:
        """Renting one Gbit/s of the stage's last year over the stage, at a base-year price of 1 USD a year."""
        factors = member_factors(self.scenario, self.scenario.members[member])
        years = stage_years(self.scenario, stage)
        base, last = self.scenario.base_year, factors[years[-1] - self.scenario.base_year]
        prices = price_factors(self.scenario)
        return sum(self.present(y) * prices[y - base] * factors[y - base] / last for y in years)

    def shortfall(self, member: str, stage: int) -> float:
        """Leaving one Gbit/s without protection over the stage."""
        return self._capacity(member, stage) * SHORTFALL_PRICE_FACTOR

    def unserved(self, member: str, stage: int) -> float:
        """Leaving one Gbit/s unserved over the stage."""
        return self._capacity(member, stage) * UNSERVED_PRICE_FACTOR

    def _capacity(self, member: str, stage: int) -> float:
        years = sum(self.present(year) for year in stage_years(self.scenario, stage))
        return self.scenario.members[member].price.base * years

    def built(self, leg: Leg, stage: int) -> float:
        """Building a line for the stage and running it from then to the end."""
        years = range(self.scenario.stages[stage], self.scenario.last_year + 1)
        running = sum(self.present(year) for year in years)
        return self.present(self.scenario.stages[stage] - 1) * leg.build_usd + running * leg.opex_usd

    def renewals(self, stage: int) -> float:
        """Buying equipment of 1 USD for the stage and again at the end of each life."""
        life = max(1, round(self.scenario.equipment.life.base))
        return sum(self.present(y) for y in range(self.scenario.stages[stage] - 1, self.scenario.last_year, life))

    def build_step(self, leg: Leg, stage: int) -> float:
        """Having the line already in this stage and not only in the next; over all stages these add up to ``built``."""
        return self.built(leg, stage) - (self.built(leg, stage + 1) if self._later(stage) else 0.0)

    def module_step(self, leg: Leg, module: Module, stage: int) -> float:
        """As ``build_step``, for one module on every section of the line."""
        step = self.renewals(stage) - (self.renewals(stage + 1) if self._later(stage) else 0.0)
        return step * module.cost.base * leg.sections

    def _later(self, stage: int) -> bool:
        return stage + 1 < len(self.scenario.stages)
