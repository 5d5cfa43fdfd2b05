"""A cost no design over the given choices can be under, without a linear program.

The rows that tie demands together are given prices (Lagrange multipliers) and dropped; what is left is, for each
demand, its cheapest way, and the sum of these less what the prices were charged for is below every design:

- capacity of a line in each state: over all states the prices add up to its cheapest module per Gbit/s;
- building of a line: over all demands the prices add up to what it costs;
- limits of rented lines, and the share new lines may win: any price that is not negative.

Any such prices give a true bound. Better ones are found by raising the price of what the cheapest ways use too much of
and lowering the rest (multiplicative weights; Arora, Hazan and Kale 2012), as long as the time allows. Loads of a
design that was found tell where to begin.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from darwaza.study.design.load import Array, Lines, Loads, Ways

ITERATIONS_MAX = 60
STEP = 0.6
"""How far prices follow what is used, at first; falls with the root of the number of iterations."""
SHARPNESS = 12.0
"""How much the first prices prefer the states in which a line is loaded most."""
LIMIT_STEP = 0.05
"""Of the price of leaving traffic open, by which the price of a limit rises at first when it is broken by its size."""


@dataclass(frozen=True, slots=True)
class Want:
    """What one demand asks of one stage.

    Attributes:
        demand: index of its ways.
        stage: index.
        gbps: volume.
        protected: share of it that counts as protected only on a pair.
        guarded, plain: per way, USD per Gbit/s that is paid whatever the lines cost, for either kind.
        room: Gbit/s that new lines may win; infinite where there is no limit.
    """

    demand: int
    stage: int
    gbps: float
    protected: float
    guarded: Array
    plain: Array
    room: float

    @property
    def parts(self) -> tuple[tuple[float, Array], ...]:
        """(share of the volume, its prices per way), without what is empty."""
        both = ((self.protected, self.guarded), (1 - self.protected, self.plain))
        return tuple((share, prices) for share, prices in both if share > 0)


def lower_bound(lines: Lines, wants: Sequence[Want], loads: Loads, until: float) -> float:
    """USD; ``loads`` are of any design, ``until`` is when to stop by ``time.monotonic``."""
    multipliers = _Multipliers(lines, wants, loads)
    best = -math.inf
    for number in range(ITERATIONS_MAX):
        found = multipliers.relaxed()
        best = max(best, found)
        if time.monotonic() > until:
            break
        multipliers.follow(STEP / math.sqrt(1 + number / 4))
    return best


class _Multipliers:
    """Prices of the dropped rows, and what the cheapest ways under them use."""

    def __init__(self, lines: Lines, wants: Sequence[Want], loads: Loads) -> None:
        self.lines, self.wants = lines, wants
        rented = ~np.isinf(lines.limit)
        self.limit = np.where(rented, lines.limit, 0.0)[None, :, None]
        self.rented = rented[None, :, None]
        need = np.maximum(loads.need, 1e-9)[:, :, None]
        self.capacity = self._spread(np.exp(SHARPNESS * (loads.load / need - 1)))
        self.limits = np.zeros_like(self.capacity)
        self.building = np.zeros((len(wants), lines.build.shape[1]))
        steps = lines.build - np.vstack([lines.build[1:], np.zeros((1, lines.build.shape[1]))])
        self.steps = steps
        for number, want in enumerate(wants):
            self.building[number][np.unique(lines.ways[want.demand].lines)] = want.gbps
        self._share_building()
        self.won = np.zeros(len(wants))
        self.usage = Loads(lines, len(lines.step))
        self.crossing = np.zeros((len(wants), lines.build.shape[1]))
        self.captured = np.zeros(len(wants))
        self.scale = max((float(w.plain[np.isfinite(w.plain)].max(initial=0.0)) for w in wants), default=0.0)

    def _spread(self, weights: Array) -> Array:
        total = weights.sum(axis=2, keepdims=True)
        return np.asarray(weights / total * self.lines.linear[:, :, None])

    def _share_building(self) -> None:
        """Scale the weights of each line over the demands to one."""
        total = np.zeros_like(self.steps)
        for want, weights in zip(self.wants, self.building, strict=True):
            total[want.stage] += weights
        for number, want in enumerate(self.wants):
            own = total[want.stage]
            self.building[number] = np.divide(self.building[number], own, out=np.zeros_like(own), where=own > 0)

    def relaxed(self) -> float:
        """The bound under these prices; remembers what the cheapest ways use."""
        prices = self.capacity + self.limits
        whole = prices.sum(axis=2)
        self.usage = Loads(self.lines, len(self.lines.step))
        total = -float((self.limits * self.limit).sum())
        for number, want in enumerate(self.wants):
            ways = self.lines.ways[want.demand]
            rate = _rates(ways, prices[want.stage], whole[want.stage])
            build = self.steps[want.stage] * self.building[number] / want.gbps
            rate += build[ways.lines].sum(axis=1) + self.won[number] * ways.captured
            if want.room < math.inf:
                total -= self.won[number] * want.room
            self.crossing[number][:] = 0.0
            self.captured[number] = 0.0
            for share, fixed in want.parts:
                cost = rate + fixed
                way = int(cost.argmin())
                total += want.gbps * share * float(cost[way])
                self.usage.put(ways, way, want.stage, want.gbps * share)
                self.crossing[number][list(ways.over[way])] += share
                self.captured[number] += want.gbps * share * bool(ways.captured[way])
        return float(total)

    def follow(self, step: float) -> None:
        """Move the prices towards what is used."""
        load = self.usage.load
        most = np.maximum(load.max(axis=2, keepdims=True), 1e-9)
        self.capacity = self._spread(np.maximum(self.capacity, 1e-12) * np.exp(step * load / most))
        if self.rented.any():
            excess = np.where(self.rented, (load - self.limit) / np.maximum(self.limit, 1.0), 0.0)
            self.limits = np.maximum(0.0, self.limits + step * LIMIT_STEP * self.scale * np.clip(excess, -1.0, 1.0))
        for number, want in enumerate(self.wants):
            self.building[number] *= np.exp(step * self.crossing[number])
            if want.room < math.inf:
                excess = (self.captured[number] - want.room) / max(1e-9, want.gbps)
                self.won[number] = max(0.0, self.won[number] + step * LIMIT_STEP * self.scale * excess)
        self._share_building()


def _rates(ways: Ways, prices: Array, whole: Array) -> Array:
    """Per way, USD per Gbit/s of the lines it loads, each in the states in which it does."""
    once = np.concatenate([np.ones((len(ways.cut), 1), bool), ways.cut[:, 1:] != ways.cut[:, :1]], axis=1)
    freed = (prices[ways.working[:, :, None], ways.cut[:, None, :]] * once[:, None, :]).sum(axis=(1, 2))
    helped = (prices[ways.protection[:, :, None], ways.cut[:, None, :]] * once[:, None, :]).sum(axis=(1, 2))
    return np.asarray(whole[ways.working].sum(axis=1) - freed + helped)
