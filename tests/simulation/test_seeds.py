"""Whatever network, disks and clocks do: nothing is lost, nothing happens twice, nobody rewrites history."""

import pytest

from darwaza.testing.simulation import Simulation

SEEDS_PER_TEST = 25


def live_through(seeds):
    for seed in seeds:
        try:
            Simulation(seed).run()
        except Exception as fault:
            fault.add_note(f"seed {seed}; replay it with: python -m darwaza.testing.simulation {seed}")
            raise


# Two classes, so that two test processes share them.
class TestEvenHundreds:
    @pytest.mark.parametrize("first", range(0, 500, SEEDS_PER_TEST))
    def test_promises_hold(self, first):
        """P1, P2 and P3 hold at every step, all documents end agreed, and fsck finds nothing anywhere."""
        live_through(range(first, first + SEEDS_PER_TEST))


class TestOddHundreds:
    @pytest.mark.parametrize("first", range(500, 1_000, SEEDS_PER_TEST))
    def test_promises_hold(self, first):
        """P1, P2 and P3 hold at every step, all documents end agreed, and fsck finds nothing anywhere."""
        live_through(range(first, first + SEEDS_PER_TEST))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 21_000, 500))
def test_promises_hold_for_long(first):
    """The same, over many more lives."""
    live_through(range(first, first + 500))
