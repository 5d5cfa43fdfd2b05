"""What a given failure would have done to a given design.

Two answers per member. *Reserved*: traffic keeps to the routes and capacity the design set aside for it. *Best
effort*: operators reroute whatever fits on any surviving route (a linear program), which is what happens in the field
hours later. The difference is the worth of pre-arranged protection.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from darwaza.study.design.design import Design
from darwaza.study.design.program import Program
from darwaza.study.design.routes import Choice
from darwaza.study.network import Leg
from darwaza.study.resilience.sampling import served_shares
from darwaza.study.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Outage:
    """Traffic during a failure.

    Attributes:
        reserved: member -> share of its traffic carried on reserved capacity.
        best_effort: member -> share carried when everything is rerouted as well as possible.
    """

    reserved: dict[str, float]
    best_effort: dict[str, float]


def capacity_of(scenario: Scenario, legs: Mapping[str, Leg], design: Design, stage: int) -> dict[str, float]:
    """Usable Gbit/s per leg in a stage; candidates that are not built have none."""
    fill = scenario.equipment.fill.base
    lit = {build.leg: build.capacity * fill for build in design.builds if build.stage == stage}
    return {leg.id: lit.get(leg.id, 0.0) if leg.candidate else leg.capacity_max for leg in legs.values()}


def merged(options: Sequence[Choice], others: Sequence[Choice]) -> list[Choice]:
    """Choices with the routes of both: in an emergency every known way is tried, old or new."""
    more = {(o.member, o.region): o.routes for o in others}
    found = []
    for option in options:
        extra = [r for r in more.get((option.member, option.region), ()) if r not in option.routes]
        found.append(replace(option, routes=(*option.routes, *extra)))
    return found


class Restoration:
    """Best rerouting of one stage's traffic under any failure.

    Args:
        options: routes per demand.
        volumes: (member, region) -> Gbit/s.
        capacity: usable Gbit/s per leg.
    """

    def __init__(
        self, options: Sequence[Choice], volumes: Mapping[tuple[str, str], float], capacity: Mapping[str, float]
    ) -> None:
        self.options, self.volumes, self.capacity = options, volumes, capacity

    def carried(self, failed: frozenset[str]) -> dict[tuple[str, str], float]:
        """Gbit/s carried per (member, region) when the components ``failed`` are down; the sum is greatest."""
        program = Program()
        columns: dict[tuple[str, str], list[int]] = {}
        limited: dict[str, dict[int, float]] = {}
        for option in self.options:
            key = option.member, option.region
            for route in option.routes:
                if route.risks & failed or any(self.capacity[name] <= 0 for name in route.legs):
                    continue
                # Among equal totals the faster routes are preferred, which also makes the answer unique in practice.
                column = program.column(-1.0 + 1e-5 * route.rtt_ms)
                columns.setdefault(key, []).append(column)
                for name in route.legs:
                    if not math.isinf(self.capacity[name]):
                        limited.setdefault(name, {})[column] = 1.0
        for key, own in columns.items():
            program.row(dict.fromkeys(own, 1.0), upper=self.volumes[key])
        for name, terms in limited.items():
            program.row(terms, upper=self.capacity[name])
        values = program.solve().values if program.costs else np.empty(0)
        return {key: float(sum(values[c] for c in own)) for key, own in columns.items()}


def replay_event(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    design: Design,
    options: Sequence[Choice],
    volumes: Mapping[tuple[str, str], float],
    failed: frozenset[str],
    *,
    stage: int,
) -> Outage:
    """Replay one failure.

    Args:
        scenario: fill.
        legs: worked out.
        design: to test.
        options: routes per demand.
        volumes: of the stage.
        failed: components down at once.
        stage: whose capacity stands.
    """
    capacity = capacity_of(scenario, legs, design, stage)
    flows = [flow for flow in design.flows if flow.stage == stage]
    names = {name: i for i, name in enumerate(sorted(failed))}
    shares = served_shares(flows, capacity, np.ones((1, len(names)), dtype=bool), names)[0]
    kept: dict[str, float] = {}
    for flow, share in zip(flows, shares, strict=True):
        kept[flow.member] = kept.get(flow.member, 0.0) + flow.gbps * float(share)
    rerouted: dict[str, float] = {}
    for (member, _), gbps in Restoration(options, volumes, capacity).carried(failed).items():
        rerouted[member] = rerouted.get(member, 0.0) + gbps
    totals: dict[str, float] = {}
    for (member, region), gbps in volumes.items():
        if scenario.members[member].site not in scenario.regions[region].sites:
            totals[member] = totals.get(member, 0.0) + gbps
    return Outage(
        {m: min(1.0, kept.get(m, 0.0) / total) for m, total in totals.items()},
        {m: min(1.0, rerouted.get(m, 0.0) / total) for m, total in totals.items()},
    )
