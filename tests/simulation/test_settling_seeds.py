"""Whatever network, processes, clocks and banks do: both gateways settle every cycle with the same sum, and keep to it.

The auditor of ``darwaza.testing.settling`` adds up each cycle from the payee's ledger and the times in the messages,
and holds it against what both told (I11). ``test_settling_mutants`` shows that it notices.
"""

import pytest
from tests.simulation.lives import live_through

from darwaza.testing.settling import SettlingSimulation

SEEDS_PER_TEST = 25
SEEDS_PER_BLOCK = 100


@pytest.mark.parametrize("first", range(0, 300, SEEDS_PER_TEST))
def test_cycles_are_agreed_on_and_come_to_what_was_paid(first):
    live_through(SettlingSimulation, range(first, first + SEEDS_PER_TEST))


@pytest.mark.parametrize("seed", [431, 474])
def test_what_is_blocked_at_the_end_was_paid_all_the_same(seed):
    """It stands in suspense and not with its payee: for its cycle that is no matter."""
    live_through(SettlingSimulation, [seed])


def test_many_returns_are_on_their_way_when_a_cycle_ends():
    """Or the lives would prove little: of what was given back, a part was heard of in a later cycle than it was made.

    By the receiving gateway's own clock, which may also be ahead.
    """
    late = 0
    for seed in range(60):
        life = SettlingSimulation(seed)
        life.run()
        late += life.auditor.heard_late(life.nodes["PK"].store)
    assert late >= 3


@pytest.mark.soak
@pytest.mark.parametrize("first", range(300, 5_300, SEEDS_PER_BLOCK))
def test_cycles_are_agreed_on_for_long(first):
    live_through(SettlingSimulation, range(first, first + SEEDS_PER_BLOCK))
