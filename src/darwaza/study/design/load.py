"""What each line carries in each failure while a design is being changed, and what the lines then cost.

Lines are the legs whose capacity has to be bought or is limited. A parcel is a share of one demand in one stage; it
takes one way: a working route, and for protected traffic the route that replaces it. In a failure a parcel whose
working route is cut loads its protection and frees what it held, so protection capacity is shared between failures
that do not come together.

Ways and lines are numbered and kept as arrays: rows of unequal length are filled up with a line that costs nothing and
carries everything (the last one).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from darwaza.study.design.price import Prices
from darwaza.study.design.routes import Choice, Route, leg_risk, protected_risks
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Alternative, Module, Scenario

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

UNITS_MAX = 4096
"""Entries of the table of module prices; a line that could hold more is counted in larger units."""
SLACK = 1e-9


class Cover:
    """The cheapest modules for any capacity up to ``capacity`` Gbit/s that together do not exceed it.

    Attributes:
        unit: Gbit/s in which capacity is counted.
        table: per number of units the cheapest cost in USD per section; its last entry, infinite, is what does not fit.
    """

    def __init__(self, modules: Sequence[Module], capacity: float) -> None:
        sizes = [max(1, round(m.capacity.base)) for m in modules]
        self.unit = float(max(math.gcd(*sizes), math.ceil(capacity / UNITS_MAX)))
        self._units = [int(size // self.unit) for size in sizes]
        most = int(capacity // self.unit)
        exact = np.full(most + 1, math.inf)
        exact[0] = 0.0
        self._last = np.full(most + 1, -1)
        for have in range(1, most + 1):
            for number, (units, module) in enumerate(zip(self._units, modules, strict=True)):
                if 0 < units <= have and exact[have - units] + module.cost.base < exact[have]:
                    exact[have] = exact[have - units] + module.cost.base
                    self._last[have] = number
        self._exact = exact
        self.table = np.append(np.minimum.accumulate(exact[::-1])[::-1], math.inf)

    def index(self, gbps: Array) -> Index:
        """Where in ``table`` a capacity stands."""
        return np.ceil(gbps / self.unit - SLACK).astype(np.intp).clip(0, len(self.table) - 1)

    def counts(self, index: int) -> tuple[int, ...] | None:
        """How many modules of each size; None beyond what fits."""
        if not math.isfinite(self.table[index]):
            return None
        have = index + int(np.argmin(self._exact[index:]))
        found = [0] * len(self._units)
        while have:
            found[self._last[have]] += 1
            have -= self._units[self._last[have]]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of one demand: its pairs, then its unprotected routes, then not being served.

    Attributes:
        working, protection: (ways, longest) lines.
        cut: (ways, most) states that cut the working route, filled up with a repetition.
        stands: (ways, states) whether the working route stands.
        lease: per way, USD/(Gbit/s)/year.
        pairs, singles: how many of each; not being served is the last way.
        captured: the working route needs a new line.
        over: per way, its lines as a set.
    """

    working: Index
    protection: Index
    cut: Index
    stands: Mask
    lease: Array
    pairs: int
    singles: int
    captured: Mask
    over: tuple[frozenset[int], ...]

    @property
    def lines(self) -> Index:
        """(ways, longest + longest): all lines of each way."""
        return np.concatenate([self.working, self.protection], axis=1)


class Lines:
    """The lines of one plan, the states of failure that matter, and the ways of every demand.

    Args:
        scenario: prices and limits.
        legs: worked out.
        options: per demand.
        plan: which candidates.
    """

    def __init__(
        self, scenario: Scenario, legs: Mapping[str, Leg], options: Sequence[Choice], plan: Alternative
    ) -> None:
        touched = {name for option in options for route in option.routes for name in route.legs}
        self.legs = [
            leg
            for leg in legs.values()
            if leg.id in touched
            and not math.isinf(leg.capacity_max)
            and (not leg.candidate or leg.id in plan.candidates)
        ]
        self.number = {leg.id: number for number, leg in enumerate(self.legs)}
        cutting = {risk for option in options for k in option.working for risk in option.routes[k].risks}
        named = [*protected_risks(scenario), *(leg_risk(name) for name in legs)]
        self.states = {risk: number for number, risk in enumerate((r for r in named if r in cutting), start=1)}
        self.standby = scenario.economics.standby_share.base
        self.ways = [self._ways(option) for option in options]
        self._price(scenario)

    def _price(self, scenario: Scenario) -> None:
        prices, equipment = Prices(scenario), scenario.equipment
        stages = range(len(scenario.stages))
        self.new = np.array([*(leg.candidate for leg in self.legs), False])
        self.build = np.array(
            [[prices.built(leg, t) if leg.candidate else 0.0 for leg in self.legs] + [0.0] for t in stages]
        )
        renewals = [prices.renewals(t) for t in stages] + [0.0]
        self.step = np.array([before - after for before, after in pairwise(renewals)])
        self.sections = np.array([*(float(leg.sections) for leg in self.legs), 0.0])
        self.cover, self.fill = Cover(equipment.modules, equipment.line_capacity.base), equipment.fill.base
        self.limit = np.array([*(math.inf if leg.candidate else leg.capacity_max for leg in self.legs), math.inf])
        most = (len(self.cover.table) - 2) * self.cover.unit * self.fill
        self.ceiling = np.where(self.new, most, self.limit)
        """Per line the largest load it can carry, Gbit/s."""
        cheapest = min(m.cost.base / m.capacity.base for m in equipment.modules) / equipment.fill.base
        self.linear = np.outer(self.step, self.sections) * cheapest * self.new
        """(stages, lines) least USD per Gbit/s of load."""

    def _ways(self, option: Choice) -> Ways:
        pairs = [(option.routes[i], option.routes[j].legs, option.routes[j].lease) for i, j in option.pairs]
        singles: list[tuple[Route, tuple[str, ...], float]] = [(option.routes[i], (), 0.0) for i in option.working]
        ways = [*pairs, *singles]
        cuts = [sorted(self.states[risk] for risk in first.risks if risk in self.states) for first, _, _ in ways]
        stands = np.ones((len(ways) + 1, len(self.states) + 1), dtype=bool)
        for row, cut in zip(stands, cuts, strict=False):
            row[cut] = False
        most = max(map(len, cuts), default=1)
        over = [
            {self.number[name] for name in (*first.legs, *second) if name in self.number} for first, second, _ in ways
        ]
        return Ways(
            working=self._numbers([*(first.legs for first, _, _ in ways), ()]),
            protection=self._numbers([*(second for _, second, _ in ways), ()]),
            over=tuple(map(frozenset, [*over, set[int]()])),
            cut=np.array([*(cut + cut[:1] * (most - len(cut)) for cut in cuts), [0] * most], dtype=np.intp),
            stands=stands,
            lease=np.array([*(first.lease + self.standby * lease for first, _, lease in ways), 0.0]),
            pairs=len(pairs),
            singles=len(singles),
            captured=np.array([*(bool(first.built) for first, _, _ in ways), False]),
        )

    def _numbers(self, rows: Sequence[Sequence[str]]) -> Index:
        known = [[self.number[name] for name in row if name in self.number] for row in rows]
        width = max([1, *map(len, known)])
        return np.array([row + [len(self.legs)] * (width - len(row)) for row in known], dtype=np.intp)


class Loads:
    """Loads of all lines in all stages and states, changed parcel by parcel.

    Args:
        lines: of the plan.
        stages: how many.
    """

    def __init__(self, lines: Lines, stages: int) -> None:
        self.lines = lines
        count = len(lines.legs) + 1
        self.load = np.zeros((stages, count, len(lines.states) + 1))
        self.need = np.zeros((stages, count))
        """The largest load over all states."""
        self.users = np.zeros((stages, count), dtype=np.intp)

    def put(self, ways: Ways, way: int, stage: int, gbps: float) -> None:
        """Add a parcel, or with a negative volume take it out."""
        for lines, when in ((ways.working[way], ways.stands[way]), (ways.protection[way], ~ways.stands[way])):
            own = lines[lines < len(self.lines.legs)]
            self.load[stage, own] += gbps * when
            self.users[stage, own] += 1 if gbps > 0 else -1
            self.need[stage, own] = self.load[stage, own].max(axis=1)

    def needed(self, ways: Ways, stage: int, gbps: float) -> tuple[Index, Array]:
        """(ways, lines) what each line would need with a parcel of ``gbps`` on that way.

        On working lines as if the worst state did not free anything: never too little.
        """
        own = self.need[stage]
        struck = self.load[stage][ways.protection[:, :, None], ways.cut[:, None, :]].max(axis=2)
        guarded = np.maximum(own[ways.protection], struck + gbps)
        return ways.lines, np.concatenate([own[ways.working] + gbps, guarded], axis=1)

    def added(self, ways: Ways, stage: int, gbps: float) -> Array:
        """Per way, USD of the lines and modules that one more parcel asks for; infinite where it does not fit."""
        lines, needed = self.needed(ways, stage, gbps)
        cost = self._modules(lines, stage, needed) - self._modules(lines, stage, self.need[stage][lines])
        return np.asarray((cost + self._opening(lines, stage)).sum(axis=1))

    def _modules(self, lines: Index, stage: int, needed: Array) -> Array:
        """USD of the modules of ``lines`` if they need ``needed`` in ``stage`` and what they do in the others."""
        own = self.lines
        total, most = np.zeros(lines.shape), np.zeros(lines.shape)
        for t, step in enumerate(own.step):
            most = np.maximum(most, needed if t == stage else self.need[t][lines])
            bought = own.cover.table[own.cover.index(most / own.fill)]
            price = np.where(own.new[lines], bought, np.where(most > own.limit[lines] + SLACK, np.inf, 0.0))
            total += np.where(own.new[lines], step * own.sections[lines], 1.0) * price
        return total

    def _opening(self, lines: Index, stage: int) -> Array:
        """USD of building ``lines`` for ``stage`` where nothing uses them yet, or only later."""
        build, used = self.lines.build, self.users > 0
        before = np.zeros(build.shape[1])
        for t in reversed(range(len(build))):
            before = np.where(used[t], build[t], before)
        earlier = used[: stage + 1].any(axis=0)
        return np.where(earlier, 0.0, build[stage] - before)[lines]

    def cost(self) -> float:
        """USD of everything that has to be built and bought; infinite when something does not fit."""
        every = np.arange(len(self.lines.legs))[:, None]
        last = len(self.lines.step) - 1
        modules = self._modules(every, last, self.need[last][every])
        opened = np.zeros(len(every))
        for t in reversed(range(len(self.lines.build))):
            opened = np.where(self.users[t, :-1] > 0, self.lines.build[t, :-1], opened)
        return float(modules.sum() + opened.sum())
