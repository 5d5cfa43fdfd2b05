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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from darwaza.errors import TransientError
from darwaza.study.demand import member_factors, price_factors
from darwaza.study.design import yearly
from darwaza.study.design.design import Build, Design, Flow, stage_years
from darwaza.study.design.program import INFINITY, Program, Vector
from darwaza.study.design.routes import Choice, leg_risk, protected_risks
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Alternative, Scenario

SHORTFALL_PRICE_FACTOR = 4.0
"""Traffic left unprotected costs this many times the member's present price of capacity."""
UNSERVED_PRICE_FACTOR = 40.0
FLOW_MIN_GBPS = 1e-6
SOFT_GAP_DIVISOR = 100
"""Where protection has a price the objective is many times the cost of building, so its gap must be finer."""
ROUNDING = 1e-6
UNLIMITED_GBPS = 1e6
"""Stands for a line without limit where a number is needed."""


class SolverTimeoutError(TransientError):
    """Time ran out before any design was found. More time may find one."""

    code = "study_timeout"


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

    def present(self, year: int) -> float:
        """Discount factor of ``year``."""
        return float((1 + self.scenario.economics.discount.base) ** (self.scenario.base_year - year))

    def rent_factor(self, member: str, stage: int) -> float:
        """Present value of renting one Gbit/s of the stage's last year over the stage, at a base-year price of 1."""
        factors = member_factors(self.scenario, self.scenario.members[member])
        years = stage_years(self.scenario, stage)
        base, last = self.scenario.base_year, factors[years[-1] - self.scenario.base_year]
        prices = price_factors(self.scenario)
        return sum(self.present(y) * prices[y - base] * factors[y - base] / last for y in years)

    def plain_years(self, stage: int) -> float:
        return sum(self.present(year) for year in stage_years(self.scenario, stage))

    def running(self, stage: int) -> float:
        """Present value of 1 USD a year from the stage to the end."""
        return sum(self.present(y) for y in range(self.scenario.stages[stage], self.scenario.last_year + 1))

    def renewals(self, stage: int) -> float:
        """Present value of buying line equipment in the stage and again at the end of each life."""
        life = max(1, round(self.scenario.equipment.life.base))
        return sum(self.present(y) for y in range(self.scenario.stages[stage] - 1, self.scenario.last_year, life))


def solve(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: Sequence[Choice],
    volumes: Mapping[tuple[int, str, str], float],
    alternative: Alternative,
    *,
    progress: Callable[[float], None] | None = None,
) -> Design | None:
    """Find the cheapest design of one plan.

    Args:
        scenario: limits and prices.
        legs: worked out.
        options: routes and pairs per demand (``routes.choices``) under this plan.
        volumes: (stage, member, region) -> Gbit/s in the stage's last year.
        alternative: which candidates and whether protection is required.
        progress: told the gap now and then.

    Returns:
        The design; None when no design satisfies the rules (see ``conflict`` for why).

    Raises:
        SolverTimeoutError: time ran out before any design was found.
    """
    model = _model(scenario, legs, options, volumes, alternative)
    start, relaxed = rounded(model)
    outcome = model.program.solve(
        gap=scenario.gap if alternative.required else scenario.gap / SOFT_GAP_DIVISOR,
        time_limit_s=scenario.time_limit_s,
        seed=scenario.seed % 2**31,
        progress=progress,
        start=start,
    )
    if not outcome.found and not outcome.infeasible:
        line = scenario.lines.get("study.time_limit_s", 0)
        raise SolverTimeoutError(
            f"{scenario.file}:{line}: plan {alternative.id}: no design was found in {scenario.time_limit_s:g} s; "
            "raise study.time_limit_s"
        )
    if not outcome.found:
        return None
    design = _read(
        model, options, alternative, outcome.values, outcome.objective, max(outcome.bound, relaxed), outcome.finished
    )
    return replace(design, schedule=yearly.schedule(scenario, legs, design))


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


def rounded(model: _Model) -> tuple[list[float] | None, float]:
    """A quick feasible design: solve with fractions, round every build and module up, route again at no more than that.

    It gives the search a first design (and the study an answer when time runs out at once). Rounding up keeps every
    row but the ceiling of a line.

    Returns:
        The design's columns, or None when that, or anything else, fails; and the cost with fractions, a lower bound
        that stands when time runs out before the search has one of its own.
    """
    program = model.program
    kinds = program.integer
    program.integer = [False] * len(kinds)
    relaxed = program.solve()
    program.integer = kinds
    if not relaxed.found:
        return None, -math.inf
    lower, upper = list(program.lower), list(program.upper)
    for column, whole in enumerate(kinds):
        if whole:
            program.lower[column] = program.upper[column] = float(math.ceil(relaxed.values[column] - ROUNDING))
    program.integer = [False] * len(kinds)
    fixed = program.solve()
    program.integer, program.lower, program.upper = kinds, lower, upper
    return [float(value) for value in fixed.values] if fixed.found else None, relaxed.bound


def _builds(model: _Model, alternative: Alternative) -> None:
    program, equipment = model.program, model.scenario.equipment
    for name in alternative.candidates:
        if name not in model.legs:
            continue
        leg = model.legs[name]
        for stage in model.stages:
            later = stage + 1 < len(model.stages)
            price = (
                model.present(model.scenario.stages[stage] - 1) * leg.build_usd + model.running(stage) * leg.opex_usd
            )
            delayed = 0.0
            if later:
                delayed = model.present(model.scenario.stages[stage + 1] - 1) * leg.build_usd
                delayed += model.running(stage + 1) * leg.opex_usd
            model.build[name, stage] = program.column(price - delayed, upper=1, integer=True)
            ceiling = {model.build[name, stage]: -min(leg.capacity_max, UNLIMITED_GBPS)}
            for k, module in enumerate(equipment.modules):
                cost = (
                    (model.renewals(stage) - (model.renewals(stage + 1) if later else 0.0))
                    * module.cost.base
                    * leg.sections
                )
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
            rent = model.rent_factor(option.member, stage)
            price = member.price.base * model.plain_years(stage)
            model.lost[number, stage] = program.column(price * UNSERVED_PRICE_FACTOR, upper=0 if required else volume)
            model.short[number, stage] = program.column(
                price * SHORTFALL_PRICE_FACTOR, upper=0 if required else protected
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


def contestable(option: Choice, legs: Mapping[str, Leg]) -> bool:
    """Whether rented legs alone could carry all of the demand, so that new links have to win it."""
    return any(
        not option.routes[k].built and all(math.isinf(legs[name].capacity_max) for name in option.routes[k].legs)
        for k in option.working
    )


def _captures(model: _Model, options: Sequence[Choice]) -> None:
    for stage in model.stages:
        for number, option in enumerate(options):
            if not contestable(option, model.legs):
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
