"""One study from scenario to result: the stages in order.

prepare (lengths, times of today, demand) -> optical -> one design per plan -> checks -> resilience per plan -> money.
Optical, designs and resilience are kept (``stage``); the rest takes less time than reading would save.

The report is made from the result alone, so that what is printed is what was found.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from darwaza.errors import InvariantError
from darwaza.study import demand, latency, network, optical
from darwaza.study.design import conflict, find, routes, verify
from darwaza.study.design.design import Design, stage_years
from darwaza.study.figure import figures_of, notes_of
from darwaza.study.found import Found
from darwaza.study.money import timeline
from darwaza.study.money.risk import Case, monte_carlo
from darwaza.study.network import Leg
from darwaza.study.report.writer import write
from darwaza.study.resilience.assess import Assessment, assess
from darwaza.study.result import Result
from darwaza.study.scenario.model import Alternative, Scenario
from darwaza.study.scenario.value import HOURS_PER_YEAR
from darwaza.study.stage import Stages
from darwaza.study.table import tables_of

Progress = Callable[[str, float], None]
"""Told the name of the stage and the share of it that is done, 0 to 1."""

MONTE_CARLO, REPORT = "Monte Carlo", "Report"


def stage_volumes(scenario: Scenario, split: Mapping[tuple[str, str], float]) -> dict[tuple[int, str, str], float]:
    """(stage, member, region) -> Gbit/s in the last year the stage must serve."""
    found = {}
    for stage in range(len(scenario.stages)):
        year = stage_years(scenario, stage)[-1]
        for (member, region), gbps in demand.volumes(scenario, split, year).items():
            found[stage, member, region] = gbps
    return found


def headline(scenario: Scenario) -> Alternative:
    """The plan the money is worked out for: the first that requires protection, else the last."""
    return next((a for a in scenario.alternatives if a.required), scenario.alternatives[-1])


def study(scenario: Scenario, out: Path, *, progress: Progress | None = None, fresh: bool = False) -> Result:
    """Run the whole study and keep its result with the finished stages.

    Args:
        scenario: validated.
        out: where finished stages are kept.
        progress: told how far each stage is.
        fresh: work everything out again.

    Raises:
        InfeasibleError: a plan that requires protection cannot give it; names the smallest conflicting rules.
        InvariantError: a design breaks a promise; a fault of this program.
    """
    tell = progress or (lambda _name, _share: None)
    stages = Stages(out, scenario.digest, fresh=fresh)
    return stages.run("result", Result, lambda: _result(scenario, stages, tell))


def report(scenario: Scenario, out: Path, *, progress: Progress | None = None, fresh: bool = False) -> list[Path]:
    """Run the study and write its report under ``out``; see ``study`` for arguments and errors.

    Returns:
        The files, the HTML report first.
    """
    tell = progress or (lambda _name, _share: None)
    result = study(scenario, out, progress=progress, fresh=fresh)
    tell(REPORT, 0.0)
    lines = Stages(out, scenario.digest).run("optical", dict[str, optical.Line], lambda: optical.lines(scenario))
    files = write(result, scenario, lines, out)
    tell(REPORT, 1.0)
    return files


def _result(scenario: Scenario, stages: Stages, tell: Progress) -> Result:
    found = work(scenario, stages, tell)
    tell(MONTE_CARLO, 0.0)
    spread = monte_carlo(
        found.case, runs=scenario.runs, seed=scenario.seed, progress=lambda share: tell(MONTE_CARLO, share)
    )
    tables = tables_of(scenario, found, spread)
    result = Result(
        title=scenario.title,
        digest=scenario.digest,
        seed=scenario.seed,
        plan=found.plan.id,
        figures=tuple(figures_of(scenario, found, tables)),
        tables=tables,
        notes=tuple(notes_of(scenario, found)),
    )
    tell(MONTE_CARLO, 1.0)
    return result


def work(scenario: Scenario, stages: Stages, tell: Progress) -> Found:
    """All stages up to the money case."""
    bare = network.legs(scenario)
    rented = [leg.id for leg in bare.values() if not leg.candidate]
    today = latency.table(scenario, bare, rented)
    split = demand.shares(scenario, {key: journey.rtt_ms for key, journey in today.items()})
    volumes = stage_volumes(scenario, split)
    lines = stages.run(
        "optical",
        dict[str, optical.Line],
        lambda: optical.lines(scenario, lambda share: tell("Optical feasibility (GNPy)", share)),
    )
    legs = network.legs(scenario, sections={name: line.sections for name, line in lines.items()})
    usable = {line.link for line in lines.values() if line.feasible}
    designs, assessments, options = {}, {}, {}
    for plan in scenario.alternatives:
        allowed = frozenset(plan.candidates) & usable
        options[plan.id] = complete(scenario, legs, routes.choices(scenario, legs, allowed), plan, allowed)
        designs[plan.id] = stages.run(
            f"design-{plan.id}",
            Design,
            partial(_design, scenario, legs, options[plan.id], volumes, plan, allowed, tell),
        )
        tell(f"Design: {plan.name}", 1.0)
    opening = {(m, r): gbps for (stage, m, r), gbps in volumes.items() if stage == 0}
    opening = {k: v for k, v in opening.items() if scenario.members[k[0]].site not in scenario.regions[k[1]].sites}
    first = scenario.alternatives[0].id
    for number, plan in enumerate(scenario.alternatives):
        tell("Resilience and past events", number / len(scenario.alternatives))
        assessments[plan.id] = stages.run(
            f"resilience-{plan.id}",
            Assessment,
            partial(assess, scenario, legs, designs[plan.id], options[plan.id], options[first], opening),
        )
    tell("Resilience and past events", 1.0)
    plan = headline(scenario)
    return Found(
        legs=legs,
        lines=lines,
        today=today,
        corridor=latency.table(scenario, legs, legs),
        gateway=latency.through(scenario, legs, legs, network.gateway_site(scenario)),
        volumes=volumes,
        plan=plan,
        designs=designs,
        assessments=assessments,
        case=Case(
            scenario,
            timeline.timeline(scenario, legs, designs[plan.id]),
            _saved(assessments[first], assessments[plan.id]),
            transit_owners(scenario, designs[first]),
        ),
    )


def complete(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: list[routes.Choice],
    plan: Alternative,
    allowed: frozenset[str],
) -> list[routes.Choice]:
    """Where the proposed routes hold no pair, ask for one exactly; a plan that requires none needs none."""
    if not plan.required:
        return options
    found = []
    for option in options:
        member, region = scenario.members[option.member], scenario.regions[option.region]
        pair = None
        if not option.pairs:
            rules = conflict.rules_of(scenario, member, region, plan.id)
            pair = conflict.find_pair(legs, scenario, member, region, allowed, rules)
        if pair is not None:
            at = len(option.routes)
            option = replace(  # noqa: PLW2901 - the completed option takes the place of the other
                option, routes=(*option.routes, *pair), working=(*option.working, at), pairs=((at, at + 1),)
            )
        found.append(option)
    return found


def _design(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: list[routes.Choice],
    volumes: Mapping[tuple[int, str, str], float],
    plan: Alternative,
    allowed: frozenset[str],
    tell: Progress,
) -> Design:
    name = f"Design: {plan.name}"
    tell(name, 0.0)
    if plan.required and any(not option.pairs for option in options):
        raise conflict.InfeasibleError(scenario, conflict.conflicts(scenario, legs, plan.id, allowed))

    def report(gap: float) -> None:
        # The gap falls from 1 towards the wanted one; its logarithm is what moves evenly.
        tell(name, min(0.99, max(0.0, 1.0 - gap)))

    design = find.find(scenario, legs, options, volumes, plan, progress=report)
    if design is None:
        raise conflict.InfeasibleError(scenario, conflict.capacity_conflict(scenario, legs, options, volumes, plan))
    broken = verify.violations(scenario, design, volumes)
    if broken:
        raise InvariantError(f"plan {plan.id}: " + "; ".join(broken[:5]))
    return design


def _saved(today: Assessment, plan: Assessment) -> dict[str, float]:
    """Member -> share of its traffic-time no longer lost."""
    return {
        member: max(0.0, hours - plan.lost_hours.get(member, 0.0)) / HOURS_PER_YEAR
        for member, hours in today.lost_hours.items()
    }


def transit_owners(scenario: Scenario, today: Design) -> dict[str, dict[str, float]]:
    """Member -> country -> share of the member's capacity price that country's carriers earn without the project."""
    earned: dict[str, dict[str, float]] = {}
    carried: dict[str, float] = {}
    for flow in today.flows:
        if flow.stage:
            continue
        carried[flow.member] = carried.get(flow.member, 0.0) + flow.gbps
        for name in flow.working.legs:
            link = scenario.links[name]
            if link.lease and link.owner:
                own = earned.setdefault(flow.member, {})
                own[link.owner] = own.get(link.owner, 0.0) + flow.gbps * link.lease.base
    return {
        member: {
            country: usd / carried[member] / max(1.0, scenario.members[member].price.base)
            for country, usd in sorted(own.items())
        }
        for member, own in earned.items()
    }
