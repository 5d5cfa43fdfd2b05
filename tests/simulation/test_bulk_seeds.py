"""Whatever network, processes, clocks and banks do: each payment of a bulk ends once, alike at both sides, as was told.

``test_payment_seeds`` names what is held of money; ``darwaza.testing.bulkkeeper`` reads from the messages alone what
each payment of a bulk must have done to it: of an urgent one, that nobody is credited before the decision.
``test_bulk_mutants`` and ``test_urgent_mutants`` show that it notices.
"""

from collections import Counter

import pytest
from tests.simulation.lives import live_through, take_bulks_unmet

from darwaza.services.payments import answers
from darwaza.testing.bulking import BulkSimulation
from darwaza.testing.relayed_bulking import RelayedBulkSimulation
from darwaza.testing.urgent_bulking import RelayedUrgentSimulation, UrgentSimulation

SEEDS_PER_TEST = 20
SEEDS_PER_BLOCK = 100

ordinary_and_urgent = pytest.mark.parametrize("life", [BulkSimulation, UrgentSimulation])
relayed = pytest.mark.parametrize("life", [RelayedBulkSimulation, RelayedUrgentSimulation])


@ordinary_and_urgent
@pytest.mark.parametrize("first", range(0, 100, SEEDS_PER_TEST))
def test_payments_of_a_bulk_end_alike_and_money_with_them(life, first):
    live_through(life, range(first, first + SEEDS_PER_TEST))


@relayed
@pytest.mark.parametrize("first", range(0, 20, SEEDS_PER_TEST))
def test_payments_of_a_bulk_end_alike_over_relays(life, first):
    live_through(life, range(first, first + SEEDS_PER_TEST))


@pytest.fixture
def short_messages(monkeypatch):
    """A message has room for two answers, or two decisions."""
    monkeypatch.setattr(answers, "ANSWERS_BYTES_MAX", 1_500)


@ordinary_and_urgent
def test_answers_and_decisions_that_need_several_messages(life, short_messages):
    live_through(life, range(200, 200 + SEEDS_PER_TEST))


def test_lives_have_every_end_of_a_payment_of_a_bulk():
    """Settled, refused by either bank, silent, returned, recalled in vain, and duplicates."""
    seen = Counter()
    for seed in range(300, 340):
        life = BulkSimulation(seed)
        life.run()
        for bulk in life.parties.bulks("PK").values():
            seen += Counter(one for entry in bulk.entries for one in (entry.state, entry.reason))
    assert seen.keys() >= {"settled", "rejected", "returned", "AC04", "AB05", "AB06", "RR04"}, seen


def test_lives_have_every_end_of_an_urgent_payment_of_a_bulk():
    """Settled, refused, silent at either side, accepted too late, and returned; and a decision that nobody heard."""
    here, there = Counter(), Counter()
    for seed in range(300, 400):
        life = UrgentSimulation(seed)
        life.run()
        for code, seen in (("PK", here), ("KZ", there)):
            urgent = (bulk for bulk in life.parties.bulks(code).values() if bulk.urgent)
            seen += Counter(one for bulk in urgent for entry in bulk.entries for one in (entry.state, entry.detail))
    assert here.keys() >= {"settled", "rejected", "returned", "too late", "no answer"}, here
    assert there.keys() >= {"credited", "refused", "the payee's bank did not answer in time"}, there
    assert "the payer's gateway has signed later messages and no decision" in there, there


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
@ordinary_and_urgent
@pytest.mark.parametrize("first", range(1_000, 11_000, SEEDS_PER_BLOCK))
def test_payments_of_a_bulk_end_alike_for_long(life, first):
    live_through(life, range(first, first + SEEDS_PER_BLOCK))


@pytest.mark.soak
@relayed
@pytest.mark.parametrize("first", range(1_000, 3_000, SEEDS_PER_BLOCK))
def test_payments_of_a_bulk_end_alike_over_relays_for_long(life, first):
    live_through(life, range(first, first + SEEDS_PER_BLOCK))


@pytest.mark.soak
@ordinary_and_urgent
@pytest.mark.parametrize("first", range(11_000, 13_000, SEEDS_PER_BLOCK))
def test_answers_and_decisions_that_need_several_messages_for_long(life, first, short_messages):
    live_through(life, range(first, first + SEEDS_PER_BLOCK))
