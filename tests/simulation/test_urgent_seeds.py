"""Urgent payments of a bulk end as single urgent ones do, whatever dies: nobody is credited before the decision.

``test_bulk_seeds`` says the same of ordinary ones; ``test_urgent_mutants`` shows that the bookkeeper notices.
"""

from collections import Counter

import pytest
from tests.simulation.lives import live_through

from darwaza.services.payments import answers
from darwaza.testing.urgent_bulking import RelayedUrgentSimulation, UrgentSimulation

SEEDS_PER_TEST = 20
SEEDS_PER_BLOCK = 100


@pytest.mark.parametrize("first", range(0, 100, SEEDS_PER_TEST))
def test_urgent_payments_of_a_bulk_end_alike_and_money_with_them(first):
    live_through(UrgentSimulation, range(first, first + SEEDS_PER_TEST))


@pytest.mark.parametrize("first", range(0, 20, SEEDS_PER_TEST))
def test_urgent_payments_of_a_bulk_end_alike_over_relays(first):
    live_through(RelayedUrgentSimulation, range(first, first + SEEDS_PER_TEST))


@pytest.fixture
def short_messages(monkeypatch):
    """A message has room for two answers, or two decisions."""
    monkeypatch.setattr(answers, "ANSWERS_BYTES_MAX", 1_500)


def test_decisions_that_need_several_messages(short_messages):
    live_through(UrgentSimulation, range(200, 200 + SEEDS_PER_TEST))


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


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 11_000, SEEDS_PER_BLOCK))
def test_urgent_payments_of_a_bulk_end_alike_for_long(first):
    live_through(UrgentSimulation, range(first, first + SEEDS_PER_BLOCK))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 3_000, SEEDS_PER_BLOCK))
def test_urgent_payments_of_a_bulk_end_alike_over_relays_for_long(first):
    live_through(RelayedUrgentSimulation, range(first, first + SEEDS_PER_BLOCK))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(11_000, 13_000, SEEDS_PER_BLOCK))
def test_decisions_that_need_several_messages_for_long(first, short_messages):
    live_through(UrgentSimulation, range(first, first + SEEDS_PER_BLOCK))
