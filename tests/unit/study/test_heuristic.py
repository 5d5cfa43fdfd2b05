"""The heuristic: what it promises holds, it comes near the exact optimum, and it stops when it is told to."""

import math
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.study import bench, demand, latency, network, run
from darwaza.study.design import exact, find, heuristic, routes, verify
from darwaza.study.design.design import Design
from darwaza.study.figure import notes_of
from darwaza.study.found import Found
from darwaza.study.scenario.model import Alternative, Scenario

CANDIDATES = ("west", "east", "aa-mi")
Volumes = dict[tuple[int, str, str], float]


def carec_volumes(carec: Scenario) -> Volumes:
    """The base scenario's traffic."""
    legs = network.legs(carec)
    today = latency.table(carec, legs, [leg.id for leg in legs.values() if not leg.candidate])
    return run.stage_volumes(carec, demand.shares(carec, {key: way.rtt_ms for key, way in today.items()}))


@pytest.mark.parametrize("name", ["today", "west-afghan", "khunjerab", "caspian"])
def test_heuristic_comes_near_the_optimum_of_the_base_scenario(carec: Scenario, name: str) -> None:
    """On real plans it keeps every promise, costs at most a twelfth more, and its bound is below the optimum."""
    legs, volumes = network.legs(carec), carec_volumes(carec)
    plan = next(a for a in carec.alternatives if a.id == name)
    options = routes.choices(carec, legs, frozenset(plan.candidates))
    best = exact.solve(carec, legs, options, volumes, plan)
    quick = heuristic.solve(carec, legs, options, volumes, plan)
    assert best is not None
    assert quick is not None
    assert verify.stage_violations(carec, quick, volumes) == []
    assert best.bound * (1 - 1e-9) <= quick.cost <= best.cost * 13 / 12
    assert quick.bound <= best.cost
    assert quick.cost * (1 - quick.gap) <= best.cost, "the optimum lies within the printed gap"


def test_required_protection_of_the_base_scenario_is_found(carec: Scenario) -> None:
    """The plan with every protected risk survived, a whole country among them, is found and nothing is left open."""
    legs, volumes = network.legs(carec), carec_volumes(carec)
    plan = run.headline(carec)
    options = run.complete(
        carec, legs, routes.choices(carec, legs, frozenset(plan.candidates)), plan, frozenset(plan.candidates)
    )
    design = heuristic.solve(carec, legs, options, volumes, plan)
    assert design is not None
    assert verify.stage_violations(carec, design, volumes) == []
    assert not design.shortfall
    assert not design.unserved
    assert 0 < design.gap < 1


def test_protection_is_shared(carec: Scenario) -> None:
    """Lines hold less than all the protection routes over them would need at once: failures do not come together."""
    legs, volumes = network.legs(carec), carec_volumes(carec)
    plan = run.headline(carec)
    options = run.complete(
        carec, legs, routes.choices(carec, legs, frozenset(plan.candidates)), plan, frozenset(plan.candidates)
    )
    design = heuristic.solve(carec, legs, options, volumes, plan, time_limit_s=1)
    assert design is not None
    fill = carec.equipment.fill.base
    held = {(b.leg, b.stage): b.capacity * fill for b in design.builds}
    apart = dict.fromkeys(held, 0.0)
    for flow in design.flows:
        for name in (*flow.working.legs, *(flow.protection.legs if flow.protection else ())):
            if (name, flow.stage) in apart:
                apart[name, flow.stage] += flow.gbps
    assert any(held[key] < apart[key] for key in held)


@settings(max_examples=40, deadline=None)
@given(
    some=st.sets(st.sampled_from(CANDIDATES)),
    required=st.booleans(),
    guarded=st.sampled_from([0.0, 0.4, 1.0]),
    capture=st.sampled_from([0.1, 0.5, 1.0]),
    volume=st.sampled_from([0.2, 1.0, 3.0]),
    loose=st.sets(st.sampled_from(range(3))),
)
def test_heuristic_keeps_every_promise(
    small: Scenario,
    small_found: Found,
    some: set[str],
    required: bool,
    guarded: float,
    capture: float,
    volume: float,
    loose: set[int],
) -> None:
    """Whatever is asked: the independent check finds nothing, and cost and bound enclose the optimum."""
    scenario = replace(
        small,
        members={m.id: replace(m, protected=replace(m.protected, base=guarded)) for m in small.members.values()},
        regions={r.id: replace(r, capture=replace(r.capture, base=capture)) for r in small.regions.values()},
        groups={g.id: replace(g, protect=g.protect and n not in loose) for n, g in enumerate(small.groups.values())},
    )
    volumes = {key: gbps * volume for key, gbps in small_found.volumes.items()}
    plan = Alternative("t", "t", tuple(sorted(some)), required)
    options = routes.choices(scenario, small_found.legs, frozenset(some))
    quick = heuristic.solve(scenario, small_found.legs, options, volumes, plan)
    best = exact.solve(scenario, small_found.legs, options, volumes, plan)
    if quick is None:
        assert required, "where promises may be left open there is always a design"
        return
    assert verify.stage_violations(scenario, quick, volumes) == []
    assert not (required and (quick.shortfall or quick.unserved))
    assert best is not None
    assert quick.cost >= best.bound * (1 - 1e-9)
    assert quick.bound <= best.cost * (1 + 1e-9)


def test_time_out_gives_the_best_found_and_its_gap(small: Scenario, small_found: Found) -> None:
    """With no time at all there is still a sound design, a true bound, and the study says what found it."""
    hasty = replace(small, time_limit_s=1e-6, gap=0.0)
    options = routes.choices(small, small_found.legs, frozenset(CANDIDATES))
    plan = next(a for a in small.alternatives if a.id == "best")
    design = find.find(hasty, small_found.legs, options, small_found.volumes, plan)
    assert design is not None
    assert (design.finished, design.method) == (False, "heuristic")
    assert verify.violations(small, design, small_found.volumes) == []
    best = small_found.designs["best"]
    assert 0 < design.bound <= best.cost * (1 + 1e-9)
    assert best.bound <= design.cost * (1 + 1e-9)
    found = replace(small_found, designs=small_found.designs | {"best": design})
    assert any("did not finish" in note and "heuristic" in note and "%" in note for note in notes_of(small, found))


def test_time_limit_is_kept(carec: Scenario) -> None:
    """Two seconds for the hardest plan of the base scenario are hardly more than two seconds of work."""
    legs, volumes = network.legs(carec), carec_volumes(carec)
    plan = run.headline(carec)
    options = run.complete(
        carec, legs, routes.choices(carec, legs, frozenset(plan.candidates)), plan, frozenset(plan.candidates)
    )
    started = time.process_time()
    design = find.find(replace(carec, time_limit_s=2.0), legs, options, volumes, plan)
    assert time.process_time() - started < 20, "the model and the first design are made whatever the limit"
    assert design is not None
    assert not design.finished
    assert verify.stage_violations(carec, design, volumes) == []
    assert math.isfinite(design.gap)


def test_program_that_is_too_large_is_not_written_down(
    small: Scenario, small_found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit of the program's size the heuristic designs alone."""
    monkeypatch.setattr(exact, "ENTRIES_MAX", 10)
    options = routes.choices(small, small_found.legs, frozenset(CANDIDATES))
    plan = next(a for a in small.alternatives if a.id == "best")
    design = find.find(small, small_found.legs, options, small_found.volumes, plan)
    assert design is not None
    assert design.method == "heuristic"
    assert verify.violations(small, design, small_found.volumes) == []
    assert design.cost == pytest.approx(small_found.designs["best"].cost, rel=0.1)


def test_same_input_gives_the_same_design(small: Scenario, small_found: Found) -> None:
    """No clock and no chance decide as long as the time suffices."""
    options = routes.choices(small, small_found.legs, frozenset(CANDIDATES))
    plan = next(a for a in small.alternatives if a.id == "best")

    def again() -> Design | None:
        return heuristic.solve(small, small_found.legs, options, small_found.volumes, plan)

    assert again() == again()


def test_made_up_corridor_survives_every_failure(carec: Scenario) -> None:
    """The corridor of the benchmark, at a tenth of its size: every link and every mountain section may fail."""
    scenario, legs = bench.synthetic(carec, 100, 300, 6, seed=3)
    [plan] = scenario.alternatives
    options = [c for c in routes.choices(scenario, legs, frozenset(plan.candidates)) if c.pairs]
    assert options
    assert any(name in route.risks for c in options for route in c.routes for name in scenario.groups)
    volumes = {
        (stage, c.member, c.region): scenario.members[c.member].demand.base * (1 + stage)
        for stage in range(len(scenario.stages))
        for c in options
    }
    design = heuristic.solve(scenario, legs, options, volumes, plan, time_limit_s=5)
    assert design is not None
    assert verify.stage_violations(scenario, design, volumes) == []
    assert 0 < design.bound < design.cost
