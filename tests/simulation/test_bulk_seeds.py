"""Whatever network, processes, clocks and banks do: each payment of a bulk ends once, alike at both sides, as was told.

``test_payment_seeds`` names what is held of money; ``darwaza.testing.bulkkeeper`` reads from the messages alone what
each payment of a bulk must have done to it. ``test_bulk_mutants`` shows that it notices.
"""

from collections import Counter

import pytest
from tests.simulation.lives import live_through, take_bulks_unmet

from darwaza.services.payments import answers
from darwaza.testing.bulking import BulkSimulation
from darwaza.testing.relayed_bulking import RelayedBulkSimulation

SEEDS_PER_TEST = 20
SEEDS_PER_BLOCK = 100


@pytest.mark.parametrize("first", range(0, 100, SEEDS_PER_TEST))
def test_payments_of_a_bulk_end_alike_and_money_with_them(first):
    live_through(BulkSimulation, range(first, first + SEEDS_PER_TEST))


@pytest.mark.parametrize("first", range(0, 20, SEEDS_PER_TEST))
def test_payments_of_a_bulk_end_alike_over_relays(first):
    live_through(RelayedBulkSimulation, range(first, first + SEEDS_PER_TEST))


@pytest.fixture
def short_messages(monkeypatch):
    """A message has room for two answers."""
    monkeypatch.setattr(answers, "ANSWERS_BYTES_MAX", 1_500)


def test_answers_that_need_several_messages(short_messages):
    live_through(BulkSimulation, range(200, 200 + SEEDS_PER_TEST))


def test_lives_have_every_end_of_a_payment_of_a_bulk():
    """Settled, refused by either bank, silent, returned, recalled in vain, and duplicates."""
    seen = Counter()
    for seed in range(300, 340):
        life = BulkSimulation(seed)
        life.run()
        for bulk in life.parties.bulks("PK").values():
            seen += Counter(one for entry in bulk.entries for one in (entry.state, entry.reason))
    assert seen.keys() >= {"settled", "rejected", "returned", "AC04", "AB05", "AB06", "RR04"}, seen


def test_a_uetr_that_was_taken_again_while_its_first_bulk_was_lost(monkeypatch):
    """PK lost its disk and took it anew before the first bulk came back; its name was given already."""
    take_bulks_unmet(monkeypatch.setattr)
    live_through(BulkSimulation, [105])


def test_no_bulk_is_taken_while_another_that_spent_the_money_is_lost():
    """PK lost its disk, and would have taken a bulk before KZ gave the first one back, for which nothing was left."""
    live_through(BulkSimulation, [714])


def test_answers_that_overtook_others_on_their_way():
    """The last was stored first: until the others had come nothing was acted upon, and nothing is wrong with that."""
    live_through(RelayedBulkSimulation, [45])


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 11_000, SEEDS_PER_BLOCK))
def test_payments_of_a_bulk_end_alike_for_long(first):
    live_through(BulkSimulation, range(first, first + SEEDS_PER_BLOCK))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 3_000, SEEDS_PER_BLOCK))
def test_payments_of_a_bulk_end_alike_over_relays_for_long(first):
    live_through(RelayedBulkSimulation, range(first, first + SEEDS_PER_BLOCK))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(11_000, 13_000, SEEDS_PER_BLOCK))
def test_answers_that_need_several_messages_for_long(first, short_messages):
    live_through(BulkSimulation, range(first, first + SEEDS_PER_BLOCK))
