"""Whoever breaks the rules of payments in one of these ways is caught by the simulation within a few seeds."""

from functools import partial

import pytest
from tests.simulation.mutant import Credulous, check_caught, see, stay

from darwaza.engine import repeat
from darwaza.ledger import judgement
from darwaza.ledger.order import Hold, Void
from darwaza.services import payments
from darwaza.services.payments import check, destination, source, suspense
from darwaza.services.payments.destination import DestinationRules
from darwaza.services.payments.plan import position
from darwaza.services.payments.quote import QuoteRules
from darwaza.services.payments.reversal import ReversalRules
from darwaza.services.payments.source import SourceRules
from darwaza.services.payments.suspense import SuspenseRules
from darwaza.testing import blocking, paying
from darwaza.testing.blocking import BlockingSimulation
from darwaza.testing.paying import PaymentSimulation
from darwaza.testing.trade import PLAN

SEEDS = range(150)
replace = source.replace


def void_nothing(patch):
    reject = SourceRules._reject

    def mutant(self, *given, **named):
        outcome = reject(self, *given, **named)
        return replace(outcome, transfers=tuple(one for one in outcome.transfers if not isinstance(one, Void)))

    patch(SourceRules, "_reject", mutant)


def credit_before_the_decision(patch):
    confirm = DestinationRules.confirm

    def mutant(self, case, command, context):
        outcome = confirm(self, case, command, context)
        if getattr(outcome, "state", "") == "accepted":
            return replace(self._credit(case.id, case.data, context), messages=outcome.messages)
        return outcome

    patch(DestinationRules, "confirm", mutant)


def pay_back_on_silence(patch):
    def mutant(self, case, given, context):
        return self._reject(case.id, case.data, context, reason="AB06", detail="", tell=case.data.urgent)

    patch(SourceRules, "wait_over", mutant)


def hold_half(patch):
    holds = SourceRules._holds

    def mutant(self, *given):
        return tuple(
            replace(one, amount_minor=one.amount_minor // 2) if isinstance(one, Hold) else one
            for one in holds(self, *given)
        )

    patch(SourceRules, "_holds", mutant)


def refund_twice(patch):
    give_back = ReversalRules._give_back

    def mutant(self, *given):
        outcome = give_back(self, *given)
        again = tuple(replace(one, id=one.id + "-again") for one in outcome.transfers)
        return replace(outcome, transfers=(*outcome.transfers, *again))

    patch(ReversalRules, "_give_back", mutant)


def never_credit(patch):
    credit = DestinationRules._credit
    patch(DestinationRules, "_credit", lambda self, *given: replace(credit(self, *given), transfers=()))


def keep_the_fee(patch):
    credit = DestinationRules._credit

    def mutant(self, *given):
        outcome = credit(self, *given)
        return replace(outcome, transfers=outcome.transfers[:2])

    patch(DestinationRules, "_credit", mutant)


def void_nothing_abroad(patch):
    refuse = DestinationRules._refuse
    patch(
        DestinationRules, "_refuse", lambda self, *given, **named: replace(refuse(self, *given, **named), transfers=())
    )


def swallow_the_timeout(patch):
    patch(SourceRules, "wait_over", stay)


def swallow_the_banks_silence(patch):
    patch(DestinationRules, "answer_over", stay)


def believe_silence_at_once(patch):
    for rules, name in ((SourceRules, "wait_over"), (DestinationRules, "listen")):
        see(patch, rules, name, Credulous)


def hold_without_looking(patch):
    patch(judgement, "_limits", lambda *_: None)


def forget_what_was_done(patch):
    patch(repeat, "stored", lambda *_: None)


def ignore_the_expiry_of_quotes(patch):
    reserve, problem = QuoteRules.reserve, check._quote_problem

    def unlimited(self, *given):
        outcome = reserve(self, *given)
        return replace(outcome, transfers=tuple(replace(one, expires_at=None) for one in outcome.transfers))

    def unhurried(transaction, agreed, context):
        found = problem(transaction, agreed, context)
        return None if found is not None and found.code == "quote_expired" else found

    patch(QuoteRules, "reserve", unlimited)
    patch(check, "_quote_problem", unhurried)
    patch(QuoteRules, "lapse", stay)


def give_back_what_is_blocked(patch):
    def mutant(self, case_id, payment, context):
        frozen = freeze(self, case_id, payment, context)
        return replace(frozen, transfers=(Void(f"{case_id}/unfx", payment.uetr),))

    freeze = SuspenseRules.freeze
    patch(SuspenseRules, "freeze", mutant)


def credit_what_is_blocked(patch):
    def mutant(self, case_id, payment, context):
        taken, blocked = (frozen := freeze(self, case_id, payment, context)).transfers
        bank = position(payment.payee_bank, PLAN.currencies["KZ"])
        return replace(frozen, transfers=(taken, replace(blocked, id=f"{case_id}/credit", credit_account=bank)))

    freeze = SuspenseRules.freeze
    patch(SuspenseRules, "freeze", mutant)


def block_on_the_word_of_one(patch):
    decides = destination.decides
    patch(destination, "decides", lambda checks: decides(checks) or checks[-1].word == "block")


def open_suspense_on_the_word_of_one(patch):
    patch(suspense, "decides", lambda checks: True)


MUTANTS = [
    swallow_the_timeout,
    swallow_the_banks_silence,
    believe_silence_at_once,
    hold_without_looking,
    forget_what_was_done,
    void_nothing_abroad,
    ignore_the_expiry_of_quotes,
    void_nothing,
    credit_before_the_decision,
    pay_back_on_silence,
    hold_half,
    refund_twice,
    never_credit,
    keep_the_fee,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_mutant_is_caught(mutant, monkeypatch):
    """A seed that the service lives through, the mutant does not."""
    service = partial(payments.service, paying.SHORT, paying.screen)
    check_caught(mutant, monkeypatch, PaymentSimulation, SEEDS, service=service)


BLOCKING_MUTANTS = [
    give_back_what_is_blocked,
    credit_what_is_blocked,
    block_on_the_word_of_one,
    open_suspense_on_the_word_of_one,
]


@pytest.mark.parametrize("mutant", BLOCKING_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_mutant_of_blocking_is_caught(mutant, monkeypatch):
    """A seed that the service lives through, the mutant does not."""
    service = partial(payments.service, paying.SHORT, blocking.far)
    check_caught(mutant, monkeypatch, BlockingSimulation, SEEDS, service=service)
