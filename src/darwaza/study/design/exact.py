"""The survivable design as a mixed-integer program, all stages at once.

Columns, per stage: build (0/1) and modules (whole) of each candidate leg, both never falling from stage to stage;
flow of each working-protection pair and of each unprotected route (Gbit/s); what is left unprotected or unserved.

Rows: volume of each demand; share of it that must be protected; capacity of each limited leg when nothing fails and in
every failure (a protection route's capacity is shared between failures that do not come together, and a broken
working route frees what it held); largest share new legs may win. Costs are present values at the economic discount
rate: building, running, renting, and a price on what stays unprotected where protection is not required.

The states of failure are each protected group and each single leg; states that load a leg in the same way are one row.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence

from darwaza.errors import TransientError
from darwaza.study.design.design import Build, Design, Flow
from darwaza.study.design.price import Prices
from darwaza.study.design.program import INFINITY, Program, Vector
from darwaza.study.design.routes import Choice, leg_risk, protected_risks
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Alternative, Scenario

FLOW_MIN_GBPS = 1e-6
SOFT_GAP_DIVISOR = 100
"""Where protection has a price the objective is many times the cost of building, so its gap must be finer."""
ROUNDING = 1e-6
ENTRIES_MAX = 8_000_000
"""Entries of the largest program that is handed to the solver: about a gigabyte while it works."""
UNLIMITED_GBPS = 1e6
"""Stands for a line without limit where a number is needed."""


class SolverTimeoutError(TransientError):
    """Time ran out before any design was found. More time may find one.

    Args:
        message: for people.
        bound: USD that every design costs at least, as far as it was proven.
    """

    code = "study_timeout"

    def __init__(self, message: str, bound: float = -math.inf) -> None:
        self.bound = bound
        super().__init__(message)


class _Model:
    """Columns by meaning, while the program is built."""

    def __init__(
        self, scenario: Scenario, legs: Mapping[str, Leg], volumes: Mapping[tuple[int, str, str], float]
    ) -> None:
        self.scenario, self.legs, self.volumes = scenario, legs, volumes
        self.program = Program()
        self.build: dict[tuple[str, int], int] = {}
        self.modules: dict[tuple[str, int, int], int] = {}
        self.pair: dict[tuple[int, int, int], int] = {}
        self.single: dict[tuple[int, int, int], int] = {}
        self.short: dict[tuple[int, int], int] = {}
        self.lost: dict[tuple[int, int], int] = {}
        self.stages = range(len(scenario.stages))
        self.prices = Prices(scenario)


def solve(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: Sequence[Choice],
    volumes: Mapping[tuple[int, str, str], float],
    alternative: Alternative,
    *,
    time_limit_s: float = math.inf,
    progress: Callable[[float], None] | None = None,
) -> Design | None:
    """Find the cheapest design of one plan.

    Args:
        scenario: limits and prices.
        legs: worked out.
        options: routes and pairs per demand (``routes.choices``) under this plan.
        volumes: (stage, member, region) -> Gbit/s in the stage's last year.
        alternative: which candidates and whether protection is required.
        time_limit_s: for everything.
        progress: told the gap now and then.

    Returns:
        The design, without its yearly schedule; None when no design satisfies the rules (see ``conflict`` for why).

    Raises:
        SolverTimeoutError: time ran out before any design was found.
    """
    until = time.monotonic() + time_limit_s
    model = _model(scenario, legs, options, volumes, alternative)
    start, relaxed = rounded(model, until)
    outcome = model.program.solve(
        gap=wanted_gap(scenario, alternative),
        time_limit_s=max(0.0, until - time.monotonic()),
        seed=scenario.seed % 2**31,
        progress=progress,
        start=start,
    )
    bound = max(outcome.bound, relaxed)
    if not outcome.found and not outcome.infeasible:
        raise timeout(scenario, alternative, bound)
    if not outcome.found:
        return None
    return _read(model, options, alternative, outcome.values, outcome.objective, bound, outcome.finished)


def timeout(scenario: Scenario, alternative: Alternative, bound: float = -math.inf) -> SolverTimeoutError:
    """The error that says so, with the line of the limit."""
    line = scenario.lines.get("study.time_limit_s", 0)
    return SolverTimeoutError(
        f"{scenario.file}:{line}: plan {alternative.id}: no design was found in {scenario.time_limit_s:g} s; "
        "raise study.time_limit_s",
        bound,
    )


def wanted_gap(scenario: Scenario, alternative: Alternative) -> float:
    """The relative gap at which a design of this plan counts as finished."""
    return scenario.gap if alternative.required else scenario.gap / SOFT_GAP_DIVISOR


def too_large(scenario: Scenario, legs: Mapping[str, Leg], options: Sequence[Choice]) -> bool:
    """Whether the program would have more than ``ENTRIES_MAX`` entries, so that it is not even written down.

    Counted from above: each limited leg has at most one row per stage and risk that cuts a route through it or one
    that it protects, and in each row at most every way over it.
    """
    ways: dict[str, int] = {}
    risks: dict[str, set[str]] = {}
    for option in options:
        pairs = [(option.routes[first], option.routes[second].legs) for first, second in option.pairs]
        for working, others in [*pairs, *((option.routes[k], ()) for k in option.working)]:
            for name in (*working.legs, *others):
                if not math.isinf(legs[name].capacity_max):
                    ways[name] = ways.get(name, 0) + 1
                    risks.setdefault(name, set()).update(working.risks)
        if sum(count * (1 + len(risks[name])) for name, count in ways.items()) * len(scenario.stages) > ENTRIES_MAX:
            return True
    return False


def relaxation_infeasible(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: Sequence[Choice],
    volumes: Mapping[tuple[int, str, str], float],
    alternative: Alternative,
) -> bool:
    """Whether not even fractions of modules satisfy the rules; a quick proof that no design does."""
    model = _model(scenario, legs, options, volumes, alternative)
    model.program.integer = [False] * len(model.program.integer)
    return model.program.solve().infeasible


def _model(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: Sequence[Choice],
    volumes: Mapping[tuple[int, str, str], float],
    alternative: Alternative,
) -> _Model:
    model = _Model(scenario, legs, volumes)
    _builds(model, alternative)
    _flows(model, options, required=alternative.required)
    _captures(model, options)
    _capacities(model, options, alternative)
    return model


def rounded(model: _Model, until: float) -> tuple[list[float] | None, float]:
    """A quick feasible design: solve with fractions, round every build and module up, route again at no more than that.

    It gives the search a first design. Rounding up keeps every row but the ceiling of a line.

    Args:
        model: whole; unchanged afterwards.
        until: ``time.monotonic`` at which to give up.

    Returns:
        The design's columns, or None when that, or anything else, fails; and the cost with fractions, a lower bound
        that stands when time runs out before the search has one of its own.
    """
    program = model.program
    kinds = program.integer
    program.integer = [False] * len(kinds)
    relaxed = program.solve(time_limit_s=max(0.0, until - time.monotonic()))
    program.integer = kinds
    if not relaxed.found:
        return None, -math.inf
    lower, upper = list(program.lower), list(program.upper)
    for column, whole in enumerate(kinds):
        if whole:
            program.lower[column] = program.upper[column] = float(math.ceil(relaxed.values[column] - ROUNDING))
    program.integer = [False] * len(kinds)
    fixed = program.solve(time_limit_s=max(0.0, until - time.monotonic()))
    program.integer, program.lower, program.upper = kinds, lower, upper
    return [float(value) for value in fixed.values] if fixed.found else None, relaxed.bound


def _builds(model: _Model, alternative: Alternative) -> None:
    program, equipment = model.program, model.scenario.equipment
    for name in alternative.candidates:
        if name not in model.legs:
            continue
        leg = model.legs[name]
        for stage in model.stages:
            model.build[name, stage] = program.column(model.prices.build_step(leg, stage), upper=1, integer=True)
            ceiling = {model.build[name, stage]: -min(leg.capacity_max, UNLIMITED_GBPS)}
            for k, module in enumerate(equipment.modules):
                cost = model.prices.module_step(leg, module, stage)
                most = INFINITY if math.isinf(leg.capacity_max) else math.ceil(leg.capacity_max / module.capacity.base)
                model.modules[name, k, stage] = program.column(cost, upper=most, integer=True)
                ceiling[model.modules[name, k, stage]] = module.capacity.base
            program.row(ceiling, upper=0)
            if stage:
                program.row({model.build[name, stage]: 1, model.build[name, stage - 1]: -1}, lower=0)
                for k in range(len(equipment.modules)):
                    program.row({model.modules[name, k, stage]: 1, model.modules[name, k, stage - 1]: -1}, lower=0)


def _flows(model: _Model, options: Sequence[Choice], *, required: bool) -> None:
    program, standby = model.program, model.scenario.economics.standby_share.base
    for stage in model.stages:
        for number, option in enumerate(options):
            volume = model.volumes[stage, option.member, option.region]
            member = model.scenario.members[option.member]
            protected = volume * member.protected.base
            rent = model.prices.rent(option.member, stage)
            model.lost[number, stage] = program.column(
                model.prices.unserved(option.member, stage), upper=0 if required else volume
            )
            model.short[number, stage] = program.column(
                model.prices.shortfall(option.member, stage), upper=0 if required else protected
            )
            total, guarded = {model.lost[number, stage]: 1.0}, {model.short[number, stage]: 1.0}
            for k, (first, second) in enumerate(option.pairs):
                cost = option.routes[first].lease + standby * option.routes[second].lease
                column = program.column(rent * cost)
                model.pair[number, k, stage] = column
                total[column] = guarded[column] = 1.0
            for k in option.working:
                model.single[number, k, stage] = program.column(rent * option.routes[k].lease)
                total[model.single[number, k, stage]] = 1.0
            program.row(total, lower=volume, upper=volume)
            program.row(guarded, lower=protected)
            _forcing(model, option, number, stage, volume)


def _forcing(model: _Model, option: Choice, number: int, stage: int, volume: float) -> None:
    """Nothing flows over a leg that is not built; per demand, which makes the linear relaxation tight."""
    using: dict[str, dict[int, float]] = {}
    for k, (first, second) in enumerate(option.pairs):
        for name in sorted(option.routes[first].built | option.routes[second].built):
            using.setdefault(name, {})[model.pair[number, k, stage]] = 1.0
    for k in option.working:
        for name in sorted(option.routes[k].built):
            using.setdefault(name, {})[model.single[number, k, stage]] = 1.0
    for name, terms in using.items():
        model.program.row({**terms, model.build[name, stage]: -volume}, upper=0)


def _captures(model: _Model, options: Sequence[Choice]) -> None:
    for stage in model.stages:
        for number, option in enumerate(options):
            if not option.contestable(model.legs):
                continue
            limit = (
                model.scenario.regions[option.region].capture.base * model.volumes[stage, option.member, option.region]
            )
            terms = {
                model.pair[number, k, stage]: 1.0
                for k, (first, _) in enumerate(option.pairs)
                if option.routes[first].built
            }
            terms |= {model.single[number, k, stage]: 1.0 for k in option.working if option.routes[k].built}
            if terms:
                model.program.row(terms, upper=limit)


def _capacities(model: _Model, options: Sequence[Choice], alternative: Alternative) -> None:
    """One row per limited leg, stage and way of loading it."""
    limited = [leg for leg in model.legs.values() if not math.isinf(leg.capacity_max)]
    limited = [leg for leg in limited if not leg.candidate or leg.id in alternative.candidates]
    states = [*protected_risks(model.scenario), *(leg_risk(name) for name in model.legs)]
    fill = model.scenario.equipment.fill.base
    for stage in model.stages:
        for leg in limited:
            seen: set[frozenset[int]] = set()
            for state in (None, *states):
                if state is not None and (state in leg.risks or state == leg_risk(leg.id)):
                    continue
                loaded = _load(model, options, leg.id, stage, state)
                if not loaded or loaded in seen:
                    continue
                seen.add(loaded)
                terms = dict.fromkeys(sorted(loaded), 1.0)
                if leg.candidate:
                    for k, module in enumerate(model.scenario.equipment.modules):
                        terms[model.modules[leg.id, k, stage]] = -module.capacity.base * fill
                model.program.row(terms, upper=0 if leg.candidate else leg.capacity_max)


def _load(model: _Model, options: Sequence[Choice], leg: str, stage: int, state: str | None) -> frozenset[int]:
    """Columns that load ``leg`` in ``state``: working routes that stand, protection of those that do not."""
    loaded = set()
    for number, option in enumerate(options):
        for k, (first, second) in enumerate(option.pairs):
            working, protection = option.routes[first], option.routes[second]
            struck = state is not None and state in working.risks
            if leg in (protection.legs if struck else working.legs):
                loaded.add(model.pair[number, k, stage])
        for k in option.working:
            route = option.routes[k]
            if leg in route.legs and (state is None or state not in route.risks):
                loaded.add(model.single[number, k, stage])
    return frozenset(loaded)


def _read(
    model: _Model,
    options: Sequence[Choice],
    alternative: Alternative,
    values: Vector,
    cost: float,
    bound: float,
    finished: bool,
) -> Design:
    equipment = model.scenario.equipment
    builds = []
    for (name, stage), column in model.build.items():
        if values[column] > 0.5:  # noqa: PLR2004 - a 0/1 column
            counts = tuple(round(values[model.modules[name, k, stage]]) for k in range(len(equipment.modules)))
            capacity = sum(n * m.capacity.base for n, m in zip(counts, equipment.modules, strict=True))
            builds.append(Build(name, stage, counts, capacity))
    flows = []
    for (number, k, stage), column in sorted(model.pair.items()):
        if values[column] > FLOW_MIN_GBPS:
            option = options[number]
            first, second = option.pairs[k]
            flows.append(
                Flow(
                    stage,
                    option.member,
                    option.region,
                    option.routes[first],
                    option.routes[second],
                    float(values[column]),
                )
            )
    for (number, k, stage), column in sorted(model.single.items()):
        if values[column] > FLOW_MIN_GBPS:
            option = options[number]
            flows.append(Flow(stage, option.member, option.region, option.routes[k], None, float(values[column])))
    return Design(
        alternative.id,
        tuple(sorted(builds, key=lambda b: (b.leg, b.stage))),
        tuple(flows),
        _left(model.short, options, values),
        _left(model.lost, options, values),
        cost,
        bound,
        finished,
    )


def _left(
    columns: Mapping[tuple[int, int], int], options: Sequence[Choice], values: Vector
) -> dict[tuple[int, str, str], float]:
    return {
        (stage, options[number].member, options[number].region): float(values[column])
        for (number, stage), column in columns.items()
        if values[column] > FLOW_MIN_GBPS
    }
