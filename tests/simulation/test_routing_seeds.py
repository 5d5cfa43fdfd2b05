"""Whatever fails, and whoever lies: routed messages arrive once or return, and their origins believe nothing false."""

import tomllib
from pathlib import Path

import pytest
from tests.simulation.lives import live_through

from darwaza.testing.routing import CODES, LINKS, RoutedSimulation

PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "carec" / "corridor.toml"
SEEDS_PER_TEST = 4
SEEDS_PER_BLOCK = 10


@pytest.mark.parametrize("first", range(0, 8, SEEDS_PER_TEST))
def test_promises_hold_over_many_links(first):
    """P1, P2 and P3 hold, all documents end agreed, nothing is under way for ever, and fsck finds nothing anywhere."""
    live_through(RoutedSimulation, range(first, first + SEEDS_PER_TEST))


@pytest.mark.parametrize("seed", [44, 85])
def test_a_word_that_comes_before_its_case_is_back_waits_for_it(seed):
    """A gateway lost its disk; what its offer was answered came over another path before the offer was given back."""
    live_through(RoutedSimulation, [seed])


def test_a_case_keeps_to_no_path_that_a_rule_forbids_since():
    """A chunk is under way when PK hears that AF does not carry for TJ: the next one goes another way."""
    live_through(RoutedSimulation, [1_110])


def test_the_simulated_corridor_is_that_of_the_profile():
    """The eight members and their links are the profile's."""
    profile = tomllib.loads(PROFILE.read_text("utf-8"))
    assert sorted(member["code"] for member in profile["members"]) == list(CODES)
    assert sorted(tuple(link["ends"]) for link in profile["links"]) == sorted(LINKS)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 3_000, SEEDS_PER_BLOCK))
def test_promises_hold_for_long(first):
    """The same, over many more lives."""
    live_through(RoutedSimulation, range(first, first + SEEDS_PER_BLOCK))
