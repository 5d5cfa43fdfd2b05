"""A design: what is built when, and which way traffic goes."""

from dataclasses import dataclass

from darwaza.study.design.routes import Route
from darwaza.study.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic on a route.

    Attributes:
        stage: index into the scenario's stages.
        member, region: ids.
        working: route in normal times.
        protection: route when the working one is cut; None for unprotected traffic.
        gbps: in the stage's last year.
    """

    stage: int
    member: str
    region: str
    working: Route
    protection: Route | None
    gbps: float


@dataclass(frozen=True, slots=True)
class Build:
    """What stands on a candidate leg from a stage on.

    Attributes:
        leg: id.
        stage: index.
        modules: how many of each size, in the scenario's order.
        capacity: Gbit/s lit.
    """

    leg: str
    stage: int
    modules: tuple[int, ...]
    capacity: float


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What stands on a line from a year on, where it changes in that year.

    Attributes:
        leg: id.
        year: calendar year from which it serves.
        modules: how many of each size, in the scenario's order.
        capacity: Gbit/s lit.
    """

    leg: str
    year: int
    modules: tuple[int, ...]
    capacity: float


@dataclass(frozen=True, slots=True)
class Design:
    """A plan worked out.

    Attributes:
        alternative: id.
        builds: of every candidate that is built, per stage.
        flows: all traffic.
        shortfall: (stage, member, region) -> Gbit/s left unprotected.
        unserved: (stage, member, region) -> Gbit/s not carried at all.
        cost: objective, USD present value in the base year.
        bound: proven lower bound of it.
        finished: the asked gap was proven.
        method: ``exact`` or ``heuristic``: which of the two found it.
        schedule: purchases of modules by line and year (``yearly``); ``builds`` holds what each stage must end with.
    """

    alternative: str
    builds: tuple[Build, ...]
    flows: tuple[Flow, ...]
    shortfall: dict[tuple[int, str, str], float]
    unserved: dict[tuple[int, str, str], float]
    cost: float
    bound: float
    finished: bool
    method: str = "exact"
    schedule: tuple[Upgrade, ...] = ()

    @property
    def gap(self) -> float:
        """Relative distance of cost from bound."""
        return max(0.0, self.cost - self.bound) / max(1.0, abs(self.cost))


def stage_years(scenario: Scenario, stage: int) -> range:
    """Years a stage's capacity must last."""
    ends = (*scenario.stages[1:], scenario.last_year + 1)
    return range(scenario.stages[stage], ends[stage])
