"""Whoever breaks the rules of settlement in one of these ways is caught by the simulation within a few seeds."""

from functools import partial

import pytest
from tests.simulation.mutant import check_caught

from darwaza.engine.engine import Engine
from darwaza.entry import settler
from darwaza.services import payments
from darwaza.services.payments import cycle, netting, reversal
from darwaza.services.payments.cycle import CycleRules
from darwaza.services.payments.reversal import ReversalRules
from darwaza.testing import settling
from darwaza.testing.paying import screen
from darwaza.testing.settling import SettlingSimulation

SEEDS = range(150)


def count_a_return_when_it_is_heard_of(patch):
    take = ReversalRules.take_returned

    def mutant(self, case, message, context):
        outcome = take(self, case, message, context)
        if not hasattr(outcome, "data"):
            return outcome
        return reversal.replace(outcome, data=reversal.replace(outcome.data, returned_at=context.now))

    patch(ReversalRules, "take_returned", mutant)


def count_a_return_with_its_payment(patch):
    found = netting.legs

    def mutant(directory, given):
        both = found(directory, given)
        return [both[0], *(one._replace(cycle=both[0].cycle) for one in both[1:])] if both else both

    patch(netting, "legs", mutant)


def count_a_payment_when_it_ended(patch):
    found = netting.legs

    def mutant(directory, given):
        ((_, payment),) = given
        both = found(directory, given)
        ended = payment.ended_at
        if not both or ended is None:
            return both
        return [both[0]._replace(cycle=netting.cycle_of(directory, ended)), *both[1:]]

    patch(netting, "legs", mutant)


def tell_before_the_end(patch):
    patch(cycle, "has_ended", lambda *_: True)
    patch(settler, "cycle_of", lambda directory, moment: netting.cycle_of(directory, moment) + 1)


def tell_what_is_not_decided_yet(patch):
    patch(netting, "UNDECIDED", frozenset())


def tell_what_the_other_decided_too(patch):
    sums = netting.Tally.sums
    patch(
        netting.Tally, "sums", lambda self, decider, other: (*sums(self, decider, other), *sums(self, other, decider))
    )


def tell_before_all_is_back(patch):
    patch(Engine, "restoring", property(lambda _: False))
    patch(Engine, "has_met", lambda *_: True)


def forget_what_was_told(patch):
    patch(CycleRules, "restore", lambda self, case, message, context: self.take_told(case, message, context))


MUTANTS = [
    count_a_return_when_it_is_heard_of,
    count_a_return_with_its_payment,
    count_a_payment_when_it_ended,
    tell_before_the_end,
    tell_what_is_not_decided_yet,
    tell_what_the_other_decided_too,
    tell_before_all_is_back,
    forget_what_was_told,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_mutant_is_caught(mutant, monkeypatch):
    """A seed that the service lives through, the mutant does not."""
    check_caught(
        mutant,
        monkeypatch,
        SettlingSimulation,
        SEEDS,
        service=partial(payments.service, settling.PLAN, screen),
        netting=partial(cycle.netting_service, settling.PLAN),
    )
