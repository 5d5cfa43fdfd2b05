"""Whatever network, disks and clocks do: nothing is lost, nothing happens twice, nobody rewrites history."""

import pytest
from tests.simulation.lives import live_through

from darwaza.testing.simulation import Simulation

SEEDS_PER_TEST = 25
SEEDS_PER_BLOCK = 100


# Two classes, so that two test processes share them.
class TestEvenHundreds:
    @pytest.mark.parametrize("first", range(0, 500, SEEDS_PER_TEST))
    def test_promises_hold(self, first):
        """P1, P2 and P3 hold at every step, all documents end agreed, and fsck finds nothing anywhere."""
        live_through(Simulation, range(first, first + SEEDS_PER_TEST))


class TestOddHundreds:
    @pytest.mark.parametrize("first", range(500, 1_000, SEEDS_PER_TEST))
    def test_promises_hold(self, first):
        """P1, P2 and P3 hold at every step, all documents end agreed, and fsck finds nothing anywhere."""
        live_through(Simulation, range(first, first + SEEDS_PER_TEST))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 21_000, SEEDS_PER_BLOCK))
def test_promises_hold_for_long(first):
    """The same, over many more lives."""
    live_through(Simulation, range(first, first + SEEDS_PER_BLOCK))
