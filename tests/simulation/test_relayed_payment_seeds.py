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


def test_nothing_is_decided_before_all_who_may_know_were_met(monkeypatch):
    """PK lost its disk, and its word to KZ with it, which a relay holds: it would decide the other way round."""
    seed = 221
    with monkeypatch.context() as patch:
        patch.setattr(recovery, "_have_met_all", lambda *_: True)
        with pytest.raises(BrokenError, match="I9"):
            RelayedSimulation(seed).run()
    RelayedSimulation(seed).run()


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 6_000, SEEDS_PER_BLOCK))
def test_money_is_conserved_over_relays_for_long(first):
    """The same, over many more lives."""
    live_through(RelayedSimulation, range(first, first + SEEDS_PER_BLOCK))
