"""Whatever network, processes, clocks and banks do: money is conserved, and both members agree how each payment ended.

The auditor of ``darwaza.testing.bookkeeper`` names the invariant that breaks: I1 (currencies add up), I2 (balances are
sums), I3 (floors), I4 (a hold ends once), I5 (no transfer twice), I7 (both legs or none), I8 (ends are final, and
reached), I9 (both sides end alike; no credit before the debit is certain), I10 (shared accounts agree; the journals'
hash chains are checked by fsck). ``test_payment_mutants`` shows that it notices.
"""

import pytest
from tests.simulation.lives import live_through

from darwaza.testing.blocking import BlockingSimulation
from darwaza.testing.paying import PaymentSimulation

SEEDS_PER_TEST = 25
SEEDS_PER_BLOCK = 100


@pytest.mark.parametrize("first", range(0, 1_000, SEEDS_PER_TEST))
def test_money_is_conserved_and_agreed(first):
    live_through(PaymentSimulation, range(first, first + SEEDS_PER_TEST))


@pytest.mark.parametrize("seed", [3_348, 7_566, 17_251])
def test_what_one_case_frees_frees_others(seed):
    """After a lost disk an order waits for money; the decision that waits for the order comes back with it."""
    live_through(PaymentSimulation, [seed])


def test_gateways_ask_as_often_as_real_ones_do():
    """PK lost the answer it had decided on: its time is over, and only KZ, when it next asks, can say it again.

    Asked every 30 s instead of every ``config.ASK_AGAIN_S``, this life was called overdue.
    """
    live_through(PaymentSimulation, [15_010])


@pytest.mark.parametrize("seed", [15_032, 16_423])
def test_a_clock_that_is_set_back_stands_still(seed):
    """PK's clock was seconds ahead when it noted when to look again; set right, it looks when it has caught up."""
    live_through(PaymentSimulation, [seed])


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 21_000, SEEDS_PER_BLOCK))
def test_money_is_conserved_for_long(first):
    live_through(PaymentSimulation, range(first, first + SEEDS_PER_BLOCK))


@pytest.mark.parametrize("first", range(0, 200, SEEDS_PER_TEST))
def test_what_compliance_blocks_is_kept_until_two_let_it_go(first):
    live_through(BlockingSimulation, range(first, first + SEEDS_PER_TEST))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(200, 5_000, SEEDS_PER_BLOCK))
def test_what_compliance_blocks_is_kept_for_long(first):
    live_through(BlockingSimulation, range(first, first + SEEDS_PER_BLOCK))
