"""One plan's resilience: hours lost a year per member, by cause, and past events replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darwaza.study.design.design import Design
from darwaza.study.design.routes import Choice
from darwaza.study.network import Leg
from darwaza.study.resilience.component import all_up, components
from darwaza.study.resilience.exact import flow_up
from darwaza.study.resilience.replay import Restoration, capacity_of, merged, replay_event
from darwaza.study.resilience.sampling import sample
from darwaza.study.scenario.model import Scenario
from darwaza.study.scenario.value import HOURS_PER_YEAR

SAMPLES = 20_000
"""States drawn for the cross-check with capacities."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """Resilience of one plan in its opening stage.

    Attributes:
        lost_hours: member -> hours of its whole traffic lost a year after rerouting whatever fits; exact over all
            single failures.
        by_cause: member -> component -> the part of ``lost_hours`` it causes.
        beyond_hours: hours a year with two or more failures at once somewhere: what ``lost_hours`` leaves out is less.
        reserved_hours: member -> hours a year its protected traffic has neither working nor protection route; exact
            for all combinations of failures. Traffic the plan could not protect counts with its working route only.
        reserved_by_region: (member, region) -> the same.
        sampled: member -> (share of all traffic carried on reserved capacity, standard error), by Monte Carlo.
        events: event id -> member -> (share carried on reserved capacity, share after rerouting).
    """

    lost_hours: dict[str, float]
    by_cause: dict[str, dict[str, float]]
    beyond_hours: float
    reserved_hours: dict[str, float]
    reserved_by_region: dict[tuple[str, str], float]
    sampled: dict[str, tuple[float, float]]
    events: dict[str, dict[str, tuple[float, float]]]


def assess(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    design: Design,
    options: Sequence[Choice],
    others: Sequence[Choice],
    volumes: Mapping[tuple[str, str], float],
) -> Assessment:
    """Assess one plan.

    Args:
        scenario: groups and events.
        legs: worked out.
        design: the plan.
        options: its routes.
        others: routes of the network without the plan; tried too when rerouting.
        volumes: (member, region) -> Gbit/s of the opening stage.
    """
    down = components(scenario, legs)
    every = merged(options, others)
    totals: dict[str, float] = {}
    for option in options:
        totals[option.member] = totals.get(option.member, 0.0) + volumes[option.member, option.region]
    causes, beyond = loss_by_cause(every, volumes, capacity_of(scenario, legs, design, 0), down)
    by_cause = {
        member: {part: gbps / totals[member] * HOURS_PER_YEAR for part, gbps in parts.items()}
        for member, parts in causes.items()
    }
    flows = [flow for flow in design.flows if flow.stage == 0]
    drawn = sample(flows, capacity_of(scenario, legs, design, 0), down, samples=SAMPLES, seed=scenario.seed)
    reserved = _reserved(design, down, scenario, volumes)
    return Assessment(
        lost_hours={member: sum(by_cause.get(member, {}).values()) for member in totals},
        by_cause=by_cause,
        beyond_hours=beyond * HOURS_PER_YEAR,
        reserved_hours=_weighted(reserved, volumes),
        reserved_by_region={key: 0.0 if hours is None else hours for key, hours in reserved.items()},
        sampled=_by_member(drawn.mean, drawn.error, volumes),
        events={
            event.id: _event(scenario, legs, design, every, volumes, frozenset(event.fails))
            for event in scenario.events
        },
    )


def loss_by_cause(
    options: Sequence[Choice],
    volumes: Mapping[tuple[str, str], float],
    capacity: Mapping[str, float],
    down: Mapping[str, float],
) -> tuple[dict[str, dict[str, float]], float]:
    """Mean traffic lost after rerouting, over all states with one failed component.

    Returns:
        member -> component -> Gbit/s lost on average (what is lost with nothing failed is not counted), and the
        probability of the states left out (two or more failures), which bounds the rest.
    """
    restoration = Restoration(options, volumes, capacity)
    whole = restoration.carried(frozenset())
    nothing = all_up(down, down)
    lost: dict[str, dict[str, float]] = {}
    used = {risk for option in options for route in option.routes for risk in route.risks}
    seen = nothing
    for part, chance in sorted(down.items()):
        alone = nothing / (1 - chance) * chance
        seen += alone
        if part not in used:
            continue
        now = restoration.carried(frozenset([part]))
        for (member, region), gbps in whole.items():
            missing = gbps - now.get((member, region), 0.0)
            if missing > 1e-6 * gbps:
                own = lost.setdefault(member, {})
                own[part] = own.get(part, 0.0) + alone * missing
    return lost, max(0.0, 1 - seen)


def _reserved(
    design: Design, down: Mapping[str, float], scenario: Scenario, volumes: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float | None]:
    found: dict[tuple[str, str], float | None] = {}
    for key, volume in volumes.items():
        flows = [flow for flow in design.flows if flow.stage == 0 and (flow.member, flow.region) == key]
        pairs = [flow for flow in flows if flow.protection is not None]
        wanted = volume * scenario.members[key[0]].protected.base
        guarded = sum(flow.gbps for flow in pairs)
        lost = sum(flow.gbps * (1 - flow_up(flow, down)) for flow in pairs)
        plain = [flow for flow in flows if flow.protection is None]
        rest, carried = max(0.0, wanted - guarded), sum(flow.gbps for flow in plain)
        if rest > 1e-6 * wanted:
            share = sum(flow.gbps * (1 - flow_up(flow, down)) for flow in plain) / carried if carried else 1.0
            lost, guarded = lost + rest * share, guarded + rest
        found[key] = lost / guarded * HOURS_PER_YEAR if guarded > 0 else None
    return found


def _weighted(
    hours: Mapping[tuple[str, str], float | None], volumes: Mapping[tuple[str, str], float]
) -> dict[str, float]:
    top: dict[str, float] = {}
    bottom: dict[str, float] = {}
    for key, value in hours.items():
        if value is not None:
            top[key[0]] = top.get(key[0], 0.0) + value * volumes[key]
            bottom[key[0]] = bottom.get(key[0], 0.0) + volumes[key]
    return {member: top[member] / bottom[member] for member in top}


def _by_member(
    mean: Mapping[tuple[str, str], float],
    error: Mapping[tuple[str, str], float],
    volumes: Mapping[tuple[str, str], float],
) -> dict[str, tuple[float, float]]:
    found = {}
    for member in sorted({key[0] for key in mean}):
        keys = [key for key in mean if key[0] == member]
        total = sum(volumes[key] for key in keys)
        # Regions fail together, so their errors are added, not combined as if independent.
        found[member] = (
            sum(mean[key] * volumes[key] for key in keys) / total,
            sum(error[key] * volumes[key] for key in keys) / total,
        )
    return found


def _event(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    design: Design,
    options: Sequence[Choice],
    volumes: Mapping[tuple[str, str], float],
    failed: frozenset[str],
) -> dict[str, tuple[float, float]]:
    parts = frozenset(f"leg:{name}" if name in scenario.links else name for name in failed)
    outage = replay_event(scenario, legs, design, options, volumes, parts, stage=0)
    return {member: (outage.reserved[member], outage.best_effort[member]) for member in outage.reserved}
