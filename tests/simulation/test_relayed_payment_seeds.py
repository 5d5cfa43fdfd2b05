"""Payments between members that are no neighbours: what the simulation of payments holds, over relays that fail too."""

import pytest
from tests.simulation.lives import live_through

from darwaza.engine import recovery
from darwaza.engine.delivery import Delivery
from darwaza.testing.auditor import BrokenError
from darwaza.testing.relaying import RelayedSimulation

SEEDS_PER_TEST = 20
SEEDS_PER_BLOCK = 100


@pytest.mark.parametrize("first", range(0, 120, SEEDS_PER_TEST))
def test_money_is_conserved_and_agreed_over_relays(first):
    """Whatever network, processes, clocks and banks do; ``test_payment_seeds`` names what is held."""
    live_through(RelayedSimulation, range(first, first + SEEDS_PER_TEST))


def decide_before_all_are_met(patch):
    patch(recovery, "_have_met_all", lambda *_: True)


def refuse_at_once(patch):
    give = Delivery.give
    patch(Delivery, "give", lambda self, header, body, *, may_wait: give(self, header, body, may_wait=False))


@pytest.mark.parametrize(
    ("mutant", "seed", "broken"), [(decide_before_all_are_met, 221, "I9"), (refuse_at_once, 258, "put aside")]
)
def test_mutant_is_caught(mutant, seed, broken, monkeypatch):
    """A side that lost its disk decides, or refuses, before it has back what was said: the other way round."""
    with monkeypatch.context() as patch:
        mutant(patch.setattr)
        with pytest.raises(BrokenError, match=broken):
            RelayedSimulation(seed).run()
    RelayedSimulation(seed).run()


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 6_000, SEEDS_PER_BLOCK))
def test_money_is_conserved_over_relays_for_long(first):
    """The same, over many more lives."""
    live_through(RelayedSimulation, range(first, first + SEEDS_PER_BLOCK))
