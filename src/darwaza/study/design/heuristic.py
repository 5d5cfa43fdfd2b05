"""A fast survivable design for what the exact method does not finish, with its distance from a proven bound.

It solves the exact program's problem over the same choices: modular capacity, stages, protection shared between
failures that do not come together, limits of rented lines, the share new lines may win. Each demand is cut into
parcels; every parcel takes one way.

Method: parcels, largest first, take the cheapest way at prices that spread the cost of building over all traffic a
line could carry. Then, round after round, every parcel is taken out and put back where it costs least beside all
others, and every line is closed on trial, for the first stages or for all, its parcels sent elsewhere, and left closed
when that is cheaper. It ends when a round saves nothing, or with the time. The best design seen is kept.

The bound is worked out in ``bound``.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from darwaza.study.design.bound import Want, lower_bound
from darwaza.study.design.design import Build, Design, Flow
from darwaza.study.design.load import SLACK, Array, Lines, Loads
from darwaza.study.design.price import Prices
from darwaza.study.design.program import Program
from darwaza.study.design.routes import Choice
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Alternative, Scenario

PARCELS = 4
"""A demand's protected and its other traffic are cut into about this many parcels each."""
ORDERS_MAX = 12
"""Orders in which the parcels choose first."""
BLAME_STRANDED = 1e15
SEARCH_SHARE = 0.6
"""Of the time, for the design; the rest is for its bound."""
ROUNDS_MAX = 12
SAVING_MIN = 1e-5
"""A round that saves less than this share ends the search."""
ROOM_PRICE_SHARE = 0.02
"""Room that is there already costs this share of new capacity, so that it lasts."""


@dataclass(slots=True)
class Parcel:
    """A share of one demand in one stage, and the way it takes.

    Attributes:
        demand: index into the choices.
        stage: index.
        gbps: volume, > 0.
        guarded: counts towards the share that must be protected.
        way: index into the demand's ways; -1 while it has none.
        blame: what it has paid more than it had to, over all orders tried.
    """

    demand: int
    stage: int
    gbps: float
    guarded: bool
    way: int = -1
    blame: float = 0.0


def solve(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: Sequence[Choice],
    volumes: Mapping[tuple[int, str, str], float],
    plan: Alternative,
    *,
    time_limit_s: float = math.inf,
    progress: Callable[[float], None] | None = None,
) -> Design | None:
    """Design one plan; arguments as of ``exact.solve``.

    Args:
        scenario: limits and prices.
        legs: worked out.
        options: routes and pairs per demand under this plan.
        volumes: (stage, member, region) -> Gbit/s in the stage's last year.
        plan: which candidates and whether protection is required.
        time_limit_s: the search for something better ends then; the first design is always completed.
        progress: told the share of the rounds done.

    Returns:
        The design, unfinished by its own account, without its yearly schedule; None when it found none, which proves
        nothing.
    """
    search = _Search(scenario, legs, options, volumes, plan)
    started = time.monotonic()
    until = started + SEARCH_SHARE * time_limit_s
    if not search.first(until):
        return None
    search.improve(until, progress or (lambda _share: None))
    return search.design(search.bound(started + time_limit_s))


class _Search:
    """Parcels, their ways, and the loads that follow."""

    def __init__(
        self,
        scenario: Scenario,
        legs: Mapping[str, Leg],
        options: Sequence[Choice],
        volumes: Mapping[tuple[int, str, str], float],
        plan: Alternative,
    ) -> None:
        self.scenario, self.options, self.plan, self.volumes = scenario, options, plan, volumes
        self.lines = Lines(scenario, legs, options, plan)
        self.loads = Loads(self.lines, len(scenario.stages))
        self.legs, self.prices = legs, Prices(scenario)
        self.captured: dict[tuple[int, int], float] = {}
        self.fixed = {
            (number, t): self._fixed(number, t) for number in range(len(options)) for t in range(len(scenario.stages))
        }
        self.parcels = [p for key in self.fixed for p in self._parcels(*key)]
        self.order = sorted(self.parcels, key=lambda p: (not p.guarded, -p.gbps, p.stage, p.demand))
        self.spread = self._spread()

    def volume(self, demand: int, stage: int) -> float:
        option = self.options[demand]
        return self.volumes[stage, option.member, option.region]

    def room(self, demand: int, stage: int) -> float:
        """Gbit/s that new lines may win; unlimited where rented lines alone could not carry the demand."""
        option = self.options[demand]
        if not option.contestable(self.legs):
            return math.inf
        return self.scenario.regions[option.region].capture.base * self.volume(demand, stage)

    def _parcels(self, demand: int, stage: int) -> list[Parcel]:
        volume, room = self.volume(demand, stage), self.room(demand, stage)
        guarded = volume * self.scenario.members[self.options[demand].member].protected.base
        found = []
        for total, counts in ((guarded, True), (volume - guarded, False)):
            for part in (min(total, room), total - min(total, room)):
                if part > SLACK:
                    pieces = max(1, round(PARCELS * part / total))
                    found += [Parcel(demand, stage, part / pieces, counts) for _ in range(pieces)]
        return found

    def _fixed(self, demand: int, stage: int) -> tuple[Array, Array]:
        """Per way USD per Gbit/s of lease and of what a promise left open costs: for guarded and for other parcels."""
        ways, member = self.lines.ways[demand], self.options[demand].member
        plain = ways.lease * self.prices.rent(member, stage)
        plain[-1] = math.inf if self.plan.required else self.prices.unserved(member, stage)
        guarded = plain.copy()
        guarded[ways.pairs :] += math.inf if self.plan.required else self.prices.shortfall(member, stage)
        return guarded, plain

    def _spread(self) -> Array:
        """(stages, lines) USD per Gbit/s of building, spread over all the traffic that could use the line."""
        most = np.zeros(self.loads.need.shape)
        for demand, stage in self.fixed:
            touched = np.unique(self.lines.ways[demand].lines)
            most[stage, touched] += self.volume(demand, stage)
        steps = self.lines.build - np.vstack([self.lines.build[1:], np.zeros((1, self.lines.build.shape[1]))])
        return np.asarray(np.divide(steps, most, out=np.zeros_like(steps), where=most > 0))

    def first(self, until: float) -> bool:
        """Give every parcel a way, in several orders; the cheapest outcome stands. False when none served all."""
        best, kept = math.inf, list[int]()
        for _ in range(ORDERS_MAX):
            for parcel in self.order:
                if not self._take(parcel, self._spread_price(parcel)):
                    parcel.blame += BLAME_STRANDED
            whole = all(parcel.way >= 0 for parcel in self.parcels)
            if whole and self.cost() < best:
                best, kept = self.cost(), [parcel.way for parcel in self.parcels]
            if (best < math.inf and time.monotonic() > until) or not self._complain():
                break
            self._restore(self.parcels, [-1] * len(self.parcels))
        if kept:
            self._restore(self.parcels, kept)
        return bool(kept)

    def _complain(self) -> bool:
        """Those who fared worst come first next time; False when nobody has a reason."""
        for parcel in self.parcels:
            own = self.fixed[parcel.demand, parcel.stage][0 if parcel.guarded else 1]
            if parcel.way >= 0:
                parcel.blame += float(own[parcel.way] - own.min()) * parcel.gbps
        order = sorted(self.order, key=lambda parcel: -parcel.blame)
        moved = order != self.order
        self.order = order
        return moved

    def _spread_price(self, parcel: Parcel) -> Array:
        ways = self.lines.ways[parcel.demand]
        lines, needed = self.loads.needed(ways, parcel.stage, parcel.gbps)
        rate = (self.lines.linear[parcel.stage] + self.spread[parcel.stage])[lines].sum(axis=1)
        fits = (needed <= self.lines.ceiling[lines] + SLACK).all(axis=1)
        return np.where(fits, rate * parcel.gbps, math.inf) + self._own(parcel)

    def _own(self, parcel: Parcel) -> Array:
        """Per way what the parcel costs whatever the others do; infinite where new lines have won their share."""
        key = parcel.demand, parcel.stage
        cost = self.fixed[key][0 if parcel.guarded else 1] * parcel.gbps
        room = self.room(*key)
        if self.captured.get(key, 0.0) + parcel.gbps > room + SLACK * max(1.0, room if room < math.inf else 1.0):
            cost = np.where(self.lines.ways[parcel.demand].captured, math.inf, cost)
        return np.asarray(cost)

    def _take(self, parcel: Parcel, cost: Array) -> bool:
        best = int(cost.argmin())
        if not math.isfinite(cost[best]):
            return False
        self._put(parcel, best)
        return True

    def _put(self, parcel: Parcel, way: int) -> None:
        self._move(parcel, way, parcel.gbps)
        parcel.way = way

    def _lift(self, parcel: Parcel) -> int:
        way, parcel.way = parcel.way, -1
        self._move(parcel, way, -parcel.gbps)
        return way

    def _move(self, parcel: Parcel, way: int, gbps: float) -> None:
        ways, key = self.lines.ways[parcel.demand], (parcel.demand, parcel.stage)
        self.loads.put(ways, way, parcel.stage, gbps)
        if ways.captured[way]:
            self.captured[key] = self.captured.get(key, 0.0) + gbps

    def _price(self, parcel: Parcel) -> Array:
        """Per way what putting the parcel there adds to the cost of everything."""
        ways = self.lines.ways[parcel.demand]
        added = self.loads.added(ways, parcel.stage, parcel.gbps)
        held = self.lines.linear[parcel.stage][ways.lines].sum(axis=1)
        return np.asarray(added + ROOM_PRICE_SHARE * held * parcel.gbps + self._own(parcel))

    def cost(self, parcels: Sequence[Parcel] | None = None) -> float:
        """USD of the design as it stands; of what is leased and left open only for ``parcels`` when these are given."""
        return self.loads.cost() + sum(self._paid(p) for p in (self.parcels if parcels is None else parcels))

    def _paid(self, parcel: Parcel) -> float:
        return float(self.fixed[parcel.demand, parcel.stage][0 if parcel.guarded else 1][parcel.way]) * parcel.gbps

    def improve(self, until: float, tell: Callable[[float], None]) -> None:
        """Rounds of moving parcels and closing lines, until nothing is saved or time is up; ends with the best seen."""
        best, kept = self.cost(), [p.way for p in self.parcels]
        for round_number in range(ROUNDS_MAX):
            before = best
            for step in (self._reroute, self._close):
                step(until)
                now = self.cost()
                if now < best:
                    best, kept = now, [p.way for p in self.parcels]
            tell((round_number + 1) / ROUNDS_MAX)
            if before - best < SAVING_MIN * best or time.monotonic() > until:
                break
        self._restore(self.parcels, kept)

    def _restore(self, parcels: Sequence[Parcel], ways: Sequence[int]) -> None:
        for parcel in parcels:
            if parcel.way >= 0:
                self._lift(parcel)
        for parcel, way in zip(parcels, ways, strict=True):
            if way >= 0:
                self._put(parcel, way)

    def _reroute(self, until: float) -> None:
        for parcel in self.order:
            if time.monotonic() > until:
                return
            old = self._lift(parcel)
            if not self._take(parcel, self._price(parcel)):
                self._put(parcel, old)

    def _close(self, until: float) -> None:
        """Close each new line on trial up to each stage, the least used for its price first."""
        worth = self.loads.need.max(axis=0) / np.maximum(1.0, self.lines.build[0])
        for line in [int(n) for n in np.argsort(worth, kind="stable") if self.lines.new[n]]:
            for last in reversed(range(len(self.lines.build))):
                if time.monotonic() > until:
                    return
                if self.loads.users[: last + 1, line].any() and self._closed(line, last):
                    break

    def _closed(self, line: int, last: int) -> bool:
        """Send what uses ``line`` up to stage ``last`` elsewhere; undone, and False, when that is not cheaper."""
        moved = [p for p in self.parcels if p.stage <= last and line in self.lines.ways[p.demand].over[p.way]]
        before, old = self.cost(moved), [p.way for p in moved]
        for parcel in moved:
            self._lift(parcel)
        for parcel in moved:
            barred = (self.lines.ways[parcel.demand].lines == line).any(axis=1)
            if not self._take(parcel, np.where(barred, math.inf, self._price(parcel))):
                break
        else:
            if self.cost(moved) < before:
                return True
        self._restore(moved, old)
        return False

    def bound(self, until: float) -> float:
        """A cost no design over the same choices is under; see ``bound``."""
        wants = [
            Want(
                demand,
                stage,
                self.volume(demand, stage),
                self.scenario.members[self.options[demand].member].protected.base,
                *fixed,
                self.room(demand, stage),
            )
            for (demand, stage), fixed in self.fixed.items()
        ]
        return lower_bound(self.lines, wants, self.loads, until)

    def design(self, bound: float) -> Design | None:
        """The design as it stands; None when the modules do not fit."""
        builds = self._builds()
        if builds is None:
            return None
        flows: dict[tuple[int, int, int], float] = {}
        left: dict[bool, dict[tuple[int, str, str], float]] = {True: {}, False: {}}
        own = 0.0
        for p in self.parcels:
            own += self._paid(p)
            option, ways = self.options[p.demand], self.lines.ways[p.demand]
            where = p.stage, option.member, option.region
            lost = p.way == ways.pairs + ways.singles
            if p.guarded and p.way >= ways.pairs:
                left[True][where] = left[True].get(where, 0.0) + p.gbps
            if lost:
                left[False][where] = left[False].get(where, 0.0) + p.gbps
            else:
                key = p.demand, p.stage, p.way
                flows[key] = flows.get(key, 0.0) + p.gbps
        found, cost = builds
        return Design(
            self.plan.id,
            tuple(sorted(found, key=lambda b: (b.leg, b.stage))),
            tuple(self._flow(*key, gbps) for key, gbps in sorted(flows.items(), key=lambda item: item[0])),
            left[True],
            left[False],
            cost + own,
            bound,
            finished=False,
            method="heuristic",
        )

    def _flow(self, demand: int, stage: int, way: int, gbps: float) -> Flow:
        option, ways = self.options[demand], self.lines.ways[demand]
        if way < ways.pairs:
            first, second = option.pairs[way]
            return Flow(stage, option.member, option.region, option.routes[first], option.routes[second], gbps)
        return Flow(stage, option.member, option.region, option.routes[option.working[way - ways.pairs]], None, gbps)

    def _builds(self) -> tuple[list[Build], float] | None:
        """What is built, and USD of it: per line the cheapest modules that never shrink."""
        found, total = [], 0.0
        for number, leg in enumerate(self.lines.legs):
            opened = next((t for t, users in enumerate(self.loads.users[:, number]) if users), None)
            if not leg.candidate or opened is None:
                continue
            counts = self._modules(leg, self.loads.need[:, number])
            if counts is None:
                return None
            modules = self.scenario.equipment.modules
            total += self.prices.built(leg, opened)
            for stage, row in enumerate(counts):
                each = list(zip(row, modules, strict=True))
                total += sum(n * self.prices.module_step(leg, m, stage) for n, m in each)
                if stage >= opened:
                    found.append(Build(leg.id, stage, row, sum(n * m.capacity.base for n, m in each)))
        return found, total

    def _modules(self, leg: Leg, need: Array) -> list[tuple[int, ...]] | None:
        """Counts of each size per stage: the cheapest of each stage where they never shrink, else a small program."""
        cover = self.lines.cover
        each = [cover.counts(int(n)) for n in cover.index(np.maximum.accumulate(need) / self.lines.fill)]
        rows = [row for row in each if row is not None]
        if len(rows) == len(each) and all(
            a <= b for now, then in pairwise(rows) for a, b in zip(now, then, strict=True)
        ):
            return rows
        modules, fill = self.scenario.equipment.modules, self.scenario.equipment.fill.base
        program = Program()
        columns: list[list[int]] = []
        for stage, load in enumerate(need):
            costs = [self.prices.module_step(leg, m, stage) for m in modules]
            columns.append([program.column(cost, integer=True) for cost in costs])
            room = {c: m.capacity.base for c, m in zip(columns[-1], modules, strict=True)}
            program.row(room, lower=float(load) / fill * (1 - SLACK), upper=leg.capacity_max)
            if stage:
                for now, then in zip(columns[-1], columns[-2], strict=True):
                    program.row({now: 1.0, then: -1.0}, lower=0)
        outcome = program.solve()
        if not outcome.found:
            return None
        return [tuple(round(float(outcome.values[c])) for c in row) for row in columns]
