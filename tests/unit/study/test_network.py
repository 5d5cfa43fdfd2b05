"""Lengths, times and demand, against figures worked out by hand."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.study import demand, latency, network
from darwaza.study.scenario.model import Scenario


def test_great_circle_quarter() -> None:
    """From the equator to the pole is a quarter of the circumference."""
    assert network.great_circle_km((0, 0), (90, 0)) == pytest.approx(math.pi / 2 * network.EARTH_RADIUS_KM)


def test_great_circle_known_pair() -> None:
    """Tashkent to Karachi is about 1,840 km by air."""
    assert network.great_circle_km((41.30, 69.24), (24.86, 67.01)) == pytest.approx(1840, abs=15)


@pytest.mark.parametrize(("km", "span", "huts"), [(80, 80, 0), (80.1, 80, 1), (240, 80, 2), (10, 80, 0)])
def test_amplifier_sites(km: float, span: float, huts: int) -> None:
    """A line of n spans has n - 1 huts; an exact multiple needs no extra one."""
    assert network.amplifier_sites(km, span) == huts


def test_round_trip_is_light_in_glass(small: Scenario) -> None:
    """1,000 km of fibre at 4.9 us/km take 9.8 ms there and back."""
    leg = network.legs(small)["MA-NO"]
    assert leg.rtt_ms == pytest.approx(leg.km * 9.8 / 1000)


def test_country_groups_hold_every_link_that_touches(small: Scenario) -> None:
    """A link belongs to the group of each country it touches, and to the groups it names."""
    legs = network.legs(small)
    assert legs["west"].risks == {"BB", "CC", "pass"}
    assert legs["NO-SO"].risks == frozenset()


def test_europe_is_farther_through_karachi(carec: Scenario) -> None:
    """The honest finding comes out of the model: Europe farther, Gulf and South Asia nearer for all."""
    legs = network.legs(carec)
    today = latency.table(carec, legs, [leg.id for leg in legs.values() if not leg.candidate])
    corridor = latency.table(carec, legs, legs)
    gateway = latency.through(carec, legs, legs, "KHI")
    for member in ("KZ", "KG", "TJ", "TM", "UZ"):
        assert gateway[member, "europe"].rtt_ms > 1.4 * today[member, "europe"].rtt_ms
        assert corridor[member, "gulf"].rtt_ms < 0.5 * today[member, "gulf"].rtt_ms
        assert corridor[member, "south-asia"].rtt_ms < 0.5 * today[member, "south-asia"].rtt_ms


def test_new_links_never_lengthen_a_journey(carec: Scenario) -> None:
    """The fastest journey over more links is never slower."""
    legs = network.legs(carec)
    today = latency.table(carec, legs, [leg.id for leg in legs.values() if not leg.candidate])
    more = latency.table(carec, legs, legs)
    assert all(more[key].rtt_ms <= journey.rtt_ms + 1e-9 for key, journey in today.items())


def test_avoided_countries_are_left_out(carec: Scenario) -> None:
    """No leg of the study touches a country the scenario avoids."""
    assert "IR" in carec.avoid
    assert all("IR" not in leg.countries for leg in network.legs(carec).values())


def test_shares_add_up(small: Scenario) -> None:
    """A member's traffic is split completely, and the nearer region of equal content gets more."""
    split = demand.shares(small, {("AA", "north"): 20, ("AA", "south"): 60, ("BB", "north"): 40, ("BB", "south"): 40})
    assert split["AA", "north"] + split["AA", "south"] == pytest.approx(1)
    assert split["AA", "north"] > split["AA", "south"]
    assert split["BB", "north"] == pytest.approx(0.5)


@given(st.floats(-0.2, 0.6), st.floats(-0.1, 0.1), st.integers(1, 20), st.integers(0, 40))
def test_growth_slides_between_its_rates(initial: float, final: float, slowdown: int, years: int) -> None:
    """Every yearly growth lies between the initial and the final rate, and the last ones equal the final rate."""
    factors = demand.growth_factors(initial, final, slowdown, years)
    assert len(factors) == years + 1
    rates = [b / a - 1 for a, b in pairwise(factors)]
    assert all(min(initial, final) - 1e-9 <= rate <= max(initial, final) + 1e-9 for rate in rates)
    assert all(rate == pytest.approx(final, abs=1e-9) for rate in rates[slowdown:])
