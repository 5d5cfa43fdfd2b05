"""Payments between members that are no neighbours: what the simulation of payments holds, over relays that fail too."""

import pytest
from tests.simulation.lives import live_through

from darwaza.engine import recovery
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


def test_mutant_is_caught(monkeypatch):
    """A side that lost its disk decides before it has back what was said: the other way round, or never.

    That it decides nothing and refuses nothing then, ``test_restore_relayed`` and ``test_ahead`` hold case by case.
    """
    with monkeypatch.context() as patch:
        decide_before_all_are_met(patch.setattr)
        with pytest.raises(BrokenError, match="I8"):
            RelayedSimulation(664).run()
    RelayedSimulation(664).run()


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 6_000, SEEDS_PER_BLOCK))
def test_money_is_conserved_over_relays_for_long(first):
    """The same, over many more lives."""
    live_through(RelayedSimulation, range(first, first + SEEDS_PER_BLOCK))
