"""Designs: feasible, survivable as claimed, never worse for more choice, and honest about what cannot be."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.study import network
from darwaza.study.design import conflict, exact, find, routes, verify, yearly
from darwaza.study.design.design import Design
from darwaza.study.design.program import Program
from darwaza.study.found import Found
from darwaza.study.scenario.model import Alternative, Scenario

CANDIDATES = ("west", "east", "aa-mi")


def solved(scenario: Scenario, found: Found, candidates: tuple[str, ...], *, required: bool) -> Design | None:
    """The design with these candidates."""
    plan = Alternative("t", "t", candidates, required)
    options = routes.choices(scenario, found.legs, frozenset(candidates))
    return exact.solve(scenario, found.legs, options, found.volumes, plan)


def test_designs_hold_every_promise(small: Scenario, small_found: Found) -> None:
    """The independent check finds nothing wrong with either plan."""
    for design in small_found.designs.values():
        assert verify.violations(small, design, small_found.volumes) == []


def test_capacity_is_bought_in_the_year_it_is_needed(small: Scenario, small_found: Found) -> None:
    """The yearly schedule never costs more than buying at the start of each stage, only grows, and wastes no module."""
    best = small_found.designs["best"]
    assert yearly.saved(small, small_found.legs, best) >= -1e-6
    assert len({upgrade.year for upgrade in best.schedule}) > len(small.stages), "not tied to the stages"
    needed = yearly.needs(small, best)
    for name in {upgrade.leg for upgrade in best.schedule}:
        own = [upgrade for upgrade in best.schedule if upgrade.leg == name]
        for before, after in pairwise(own):
            assert after.year > before.year
            assert all(now >= then for then, now in zip(before.modules, after.modules, strict=True))
            load = needed[name][after.year - small.opening_year]
            assert before.capacity < load <= after.capacity * (1 + 1e-6), "nothing is bought before its year"


def test_required_plan_protects_everything(small: Scenario, small_found: Found) -> None:
    """Where protection is required nothing is left unprotected or unserved."""
    best = small_found.designs["best"]
    assert not best.shortfall
    assert not best.unserved
    assert best.gap <= small.gap + 1e-9


@pytest.mark.parametrize("damage", ["capacity", "year", "route", "pair", "volume"])
def test_verification_notices_damage(small: Scenario, small_found: Found, damage: str) -> None:
    """A design that was tampered with is caught: the check is not a formality."""
    best = small_found.designs["best"]
    flows = list(best.flows)
    at = next(i for i, flow in enumerate(flows) if flow.protection is not None)
    if damage == "capacity":
        best = replace(best, builds=tuple(replace(b, capacity=0.0) for b in best.builds))
    elif damage == "year":
        last = best.schedule[-1]
        best = replace(best, schedule=(*best.schedule[:-1], replace(last, year=last.year + 1)))
    elif damage == "route":
        flows[at] = replace(flows[at], working=replace(flows[at].working, legs=("NO-SO",)))
    elif damage == "pair":
        flows[at] = replace(flows[at], protection=flows[at].working)
    else:
        flows[at] = replace(flows[at], gbps=flows[at].gbps * 2)
    assert verify.violations(small, replace(best, flows=tuple(flows)), small_found.volumes)


def test_verification_measures_time_itself(small: Scenario, small_found: Found) -> None:
    """A route slower than allowed is caught by its kilometres, whatever time the design claims for it."""
    slower = {
        region.id: replace(region, working_rtt_ms_max=replace(region.working_rtt_ms_max, base=10.0))
        for region in small.regions.values()
    }
    flows = tuple(replace(f, working=replace(f.working, rtt_ms=1.0)) for f in small_found.designs["best"].flows)
    design = replace(small_found.designs["best"], flows=flows)
    found = verify.violations(replace(small, regions=slower), design, small_found.volumes)
    assert any("of 10 ms" in text for text in found)


@settings(max_examples=12, deadline=None)
@given(st.sets(st.sampled_from(CANDIDATES)), st.sampled_from(CANDIDATES))
def test_another_link_never_worsens_the_optimum(
    small: Scenario, small_found: Found, some: set[str], extra: str
) -> None:
    """Being allowed to build one more link never makes the cheapest design dearer (within the gap)."""
    few = solved(small, small_found, tuple(sorted(some)), required=False)
    more = solved(small, small_found, tuple(sorted(some | {extra})), required=False)
    assert few is not None
    assert more is not None
    assert more.bound <= few.cost * (1 + 1e-6)
    assert more.cost <= few.cost * (1 + 2 * small.gap)


def test_conflict_names_the_smallest_set(small: Scenario, small_found: Found) -> None:
    """Without new links a cut of country AA strands BB: plan and risk are named, and nothing else."""
    rules = conflict.smallest_conflict(
        small, small_found.legs, small.members["BB"], small.regions["south"], "today", frozenset()
    )
    assert rules is not None
    assert len(rules) == 2
    assert {rule.kind for rule in rules} & {"plan"}
    kept = conflict.find_pair(
        small_found.legs, small, small.members["BB"], small.regions["south"], frozenset(), [rules[1]]
    )
    assert kept is not None, "each rule alone can be obeyed"


def test_impossible_time_limit_is_named_alone(small: Scenario, small_found: Found) -> None:
    """A working time no route can meet is a conflict of one rule."""
    region = small.regions["north"]
    tight = replace(region, working_rtt_ms_max=replace(region.working_rtt_ms_max, base=1.0))
    rules = conflict.smallest_conflict(
        small, small_found.legs, small.members["AA"], tight, "best", frozenset(CANDIDATES)
    )
    assert rules is not None
    assert [rule.kind for rule in rules] == ["working-time"]


def test_required_plan_without_a_design_explains_itself(small: Scenario, small_found: Found) -> None:
    """Capacity that cannot be enough is traced to the limits on volume that clash."""
    small_line = replace(small.equipment, line_capacity=replace(small.equipment.line_capacity, base=1.0))
    scenario = replace(small, equipment=small_line)
    legs = network.legs(scenario)
    plan = Alternative("best", "best", CANDIDATES, required=True)
    options = routes.choices(scenario, legs, frozenset(CANDIDATES))
    assert exact.solve(scenario, legs, options, small_found.volumes, plan) is None
    [(_, _, rules)] = conflict.capacity_conflict(scenario, legs, options, small_found.volumes, plan)
    assert any("protected" in rule.text for rule in rules)
    assert any("carries at most" in rule.text for rule in rules)
    with pytest.raises(conflict.InfeasibleError, match="cannot hold together"):
        raise conflict.InfeasibleError(scenario, [("BB", "south", rules)])


def test_avoided_country_is_not_entered(small: Scenario, small_found: Found) -> None:
    """A member that keeps out of CC gets no route through it."""
    member = replace(small.members["BB"], avoid=("CC",))
    option = routes.choice(small, small_found.legs, member, small.regions["south"], frozenset(CANDIDATES))
    assert option.routes
    for route in option.routes:
        assert not any("CC" in small_found.legs[name].countries for name in route.legs)


@pytest.mark.parametrize("whole", [False, True], ids=["one member", "whole study"])
def test_avoidance_holds_in_the_whole_design(small: Scenario, small_found: Found, whole: bool) -> None:
    """No flow of a design enters the avoided country, and the independent check finds a design that does."""
    crossing = {flow.member for flow in small_found.designs["best"].flows if "west" in flow.working.legs}
    assert crossing, "without the wish traffic goes through CC"
    members = {name: replace(m, avoid=() if whole else ("CC",)) for name, m in small.members.items()}
    scenario = replace(small, members=members, avoid=("CC",) if whole else ())
    legs = network.legs(scenario)
    options = routes.choices(scenario, legs, frozenset(CANDIDATES))
    plan = Alternative("t", "t", CANDIDATES, required=False)
    design = find.find(scenario, legs, options, small_found.volumes, plan)
    assert design is not None
    assert verify.violations(scenario, design, small_found.volumes) == []
    assert not any("west" in route.legs for f in design.flows for route in (f.working, f.protection) if route)
    assert any(
        "to be avoided" in text
        for text in verify.violations(scenario, small_found.designs["best"], small_found.volumes)
    )


def test_program_reports_infeasibility_and_bound() -> None:
    """The solver's answer is told apart: optimum with bound, or proven impossible."""
    program = Program()
    x = program.column(1.0, upper=10, integer=True)
    program.row({x: 2.0}, lower=5)
    outcome = program.solve()
    assert (outcome.objective, outcome.bound, outcome.gap) == (3.0, 3.0, 0.0)
    program.row({x: 1.0}, lower=11)
    assert program.solve().infeasible
