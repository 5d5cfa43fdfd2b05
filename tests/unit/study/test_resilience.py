"""Availability: exact against enumeration and closed forms, sampling against exact, replay against common sense."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.errors import TooLargeError
from darwaza.study.found import Found
from darwaza.study.resilience import component, exact, replay, sampling
from darwaza.study.scenario.model import Scenario

PARTS = "abcdef"


def enumerated(routes: list[frozenset[str]], down: dict[str, float]) -> float:
    """Availability by trying every state of every component."""
    total = 0.0
    for state in product((True, False), repeat=len(PARTS)):
        up = dict(zip(PARTS, state, strict=True))
        chance = 1.0
        for part in PARTS:
            chance *= 1 - down[part] if up[part] else down[part]
        if any(all(up[part] for part in route) for route in routes):
            total += chance
    return total


ROUTES = st.lists(st.frozensets(st.sampled_from(PARTS), min_size=1), min_size=1, max_size=6)
DOWN = st.fixed_dictionaries({part: st.floats(0, 0.9) for part in PARTS})


@settings(max_examples=150, deadline=None)
@given(ROUTES, DOWN)
def test_exact_equals_enumeration(routes: list[frozenset[str]], down: dict[str, float]) -> None:
    """Shannon decomposition gives what enumeration of all states gives."""
    assert exact.any_up(routes, down) == pytest.approx(enumerated(routes, down), abs=1e-12)


@given(DOWN)
def test_closed_forms(down: dict[str, float]) -> None:
    """Series, parallel and two-out-of-disjoint formulas of the textbook."""
    series = exact.any_up([frozenset("ab")], down)
    assert series == pytest.approx((1 - down["a"]) * (1 - down["b"]))
    parallel = exact.any_up([frozenset("a"), frozenset("b")], down)
    assert parallel == pytest.approx(1 - down["a"] * down["b"])
    assert exact.any_up([frozenset()], down) == 1.0
    assert exact.any_up([], down) == 0.0


@given(ROUTES, DOWN, st.frozensets(st.sampled_from(PARTS), min_size=1))
def test_another_route_never_hurts(routes: list[frozenset[str]], down: dict[str, float], extra: frozenset[str]) -> None:
    """Availability does not fall when a route is added."""
    assert exact.any_up([*routes, extra], down) >= exact.any_up(routes, down) - 1e-12


def test_too_many_routes_are_refused() -> None:
    """The exponential method has a named limit."""
    with pytest.raises(TooLargeError):
        exact.any_up([frozenset([f"p{i}"]) for i in range(exact.ROUTES_MAX + 1)], {})


def test_published_derivation() -> None:
    """2 cuts per 1,000 km and year with 12 h of repair over 2,400 km: 58 h a year on one route, 0.4 h on two."""
    chance = component.unavailability(2 * 2.4, 12)
    assert chance * 8766 == pytest.approx(57.2, abs=0.5)
    both = 1 - exact.any_up([frozenset("a"), frozenset("b")], {"a": chance, "b": chance})
    assert both * 8766 == pytest.approx(0.38, abs=0.03)


def test_sampling_agrees_with_the_closed_form(small: Scenario, small_found: Found) -> None:
    """Monte Carlo lies within four standard errors of the exact figure for every member and region."""
    design = small_found.designs["best"]
    flows = [flow for flow in design.flows if flow.stage == 0]
    down = component.components(small, small_found.legs)
    drawn = sampling.sample(flows, {}, down, samples=200_000, seed=3)
    for key, mean in drawn.mean.items():
        own = [flow for flow in flows if (flow.member, flow.region) == key]
        total = sum(flow.gbps for flow in own)
        truth = sum(flow.gbps * exact.flow_up(flow, down) for flow in own) / total
        assert abs(mean - truth) <= 4 * drawn.error[key] + 1e-12


def test_protected_traffic_survives_what_was_promised(small: Scenario, small_found: Found) -> None:
    """Replaying each protected risk loses no protected traffic of members it does not strike at home."""
    design = small_found.designs["best"]
    capacity = replay.capacity_of(small, small_found.legs, design, 0)
    flows = [flow for flow in design.flows if flow.stage == 0 and flow.protection is not None]
    import numpy as np

    for group in small.groups.values():
        shares = sampling.served_shares(flows, capacity, np.ones((1, 1), dtype=bool), {group.id: 0})[0]
        for flow, share in zip(flows, shares, strict=True):
            home = small.sites[small.members[flow.member].site].country
            if group.country != home:
                assert share == pytest.approx(1.0), (group.id, flow.member, flow.region)


def test_rerouting_is_never_worse_with_the_plan(small: Scenario, small_found: Found) -> None:
    """New links cannot make the best rerouting of an event carry less."""
    for event in small.events:
        for member, (_, rerouted) in small_found.assessments["best"].events[event.id].items():
            assert rerouted >= small_found.assessments["today"].events[event.id][member][1] - 1e-9
