"""Whoever breaks the rules of urgent bulks in one of these ways is caught by the simulation within a few seeds."""

import msgspec
import pytest
from tests.simulation.mutant import BULKS_SERVED, Credulous, check_caught, see, stay

from darwaza.kernel.machine import Decision
from darwaza.services.payments import bulk_source
from darwaza.services.payments.bulk_destination import BulkDestinationRules
from darwaza.services.payments.bulk_source import BulkSourceRules
from darwaza.services.payments.entry import End
from darwaza.testing.urgent_bulking import UrgentSimulation

SEEDS = 150
replace = msgspec.structs.replace


def credit_on_acceptance(patch):
    """The payees' gateway credits as soon as its bank accepts, and tells what it would tell anyway."""
    ended = BulkDestinationRules._ended

    def mutant(self, case_id, state, bulk, ends, context, **given):
        at_once = {n: one._replace(state="credited") if one.state == "accepted" else one for n, one in ends.items()}
        outcome = ended(self, case_id, state, bulk, at_once, context, **given)
        if not bulk.urgent:
            return outcome
        told = tuple(replace(one, body=one.body.replace(b"ACCC", b"ACTC")) for one in outcome.messages)
        return replace(outcome, messages=told)

    patch(BulkDestinationRules, "_ended", mutant)


def tell_before_it_is_stored(patch):
    """The payers' gateway tells that it has settled, and settles only when it is told the next time."""
    end = BulkSourceRules._end

    def mutant(self, case, ends, context, told=()):
        outcome = end(self, case, ends, context, told)
        if not any(one.state == "settled" for one in ends.values()) or case.data.asked:
            return outcome
        noted = replace(case.data, asked=1)
        return Decision(case.state, noted, messages=outcome.messages, remind_at=outcome.remind_at or noted.decide_by)

    patch(BulkSourceRules, "_end", mutant)


def settle_what_is_accepted_too_late(patch):
    patch(BulkSourceRules, "_end_well", lambda *_: End("settled"))


def swallow_the_silence_of_the_payees_gateway(patch):
    """What is not accepted in time is never rejected."""
    patch(BulkSourceRules, "wait_over", stay)


def swallow_the_silence_of_the_payers_gateway(patch):
    """What is accepted and never decided waits for ever."""
    patch(BulkDestinationRules, "_undecided", lambda *_: {})
    swallow_decisions(patch)


def swallow_decisions(patch):
    patch(BulkDestinationRules, "take_decisions", BulkDestinationRules.keep)


def tell_no_decision(patch):
    patch(bulk_source, "drafts", lambda *_: ())


def tell_no_rejection(patch):
    """Only what has settled is told."""
    drafts = bulk_source.drafts

    def mutant(kind, case_id, bulk, numbers, now):
        settled = [number for number in numbers if bulk.entries[number - 1].state == "settled"]
        return drafts(kind, case_id, bulk, settled, now)

    patch(bulk_source, "drafts", mutant)
    patch(BulkDestinationRules, "_undecided", lambda *_: {})


def give_up_on_the_payers_gateway(patch):
    """The payees' gateway takes a late decision for a rejection without having heard that there is none."""
    see(patch, BulkDestinationRules, "wait_over", Credulous)


def turn_round(patch, rules, name):
    """Let a rule take every rejection in a decision for a settlement."""
    rule = getattr(rules, name)

    def mutant(self, case, message, context):
        return rule(self, case, replace(message, body=message.body.replace(b"RJCT", b"ACSC")), context)

    patch(rules, name, mutant)


def credit_what_is_rejected(patch):
    """Every decision is taken for a good one."""
    turn_round(patch, BulkDestinationRules, "take_decisions")


def credit_what_was_not_accepted(patch):
    """A decision to settle one is taken for all that are open."""
    ended = BulkDestinationRules._ended

    def mutant(self, case_id, state, bulk, ends, context, *, tell=True):
        if not tell and any(one.state == "credited" for one in ends.values()):
            waiting = [n for n, one in enumerate(bulk.entries, 1) if one.state in ("asked", "accepted")]
            ends = dict.fromkeys(waiting, End("credited")) | ends
        return ended(self, case_id, state, bulk, ends, context, tell=tell)

    patch(BulkDestinationRules, "_ended", mutant)


def reject_what_is_accepted_in_time(patch):
    patch(BulkSourceRules, "_end_well", lambda *_: End("rejected", "AB06", "too late"))


def forget_acceptances_after_a_loss(patch):
    """What came back of its own words says nothing to the payees' gateway."""
    patch(BulkDestinationRules, "restore_answers", stay)


def turn_decisions_round_after_a_loss(patch):
    """What the payers' gateway had rejected it settles when its word comes back."""
    turn_round(patch, BulkSourceRules, "restore_decisions")


def take_it_for_an_ordinary_one_after_a_loss(patch):
    rule = BulkSourceRules.restore_order

    def mutant(self, case, message, context):
        outcome = rule(self, case, message, context)
        if not isinstance(outcome, Decision):
            return outcome
        return replace(outcome, data=replace(outcome.data, urgent=False))

    patch(BulkSourceRules, "restore_order", mutant)


MUTANTS = [
    credit_on_acceptance,
    tell_before_it_is_stored,
    settle_what_is_accepted_too_late,
    swallow_the_silence_of_the_payees_gateway,
    swallow_the_silence_of_the_payers_gateway,
    swallow_decisions,
    tell_no_decision,
    tell_no_rejection,
    give_up_on_the_payers_gateway,
    credit_what_is_rejected,
    credit_what_was_not_accepted,
    reject_what_is_accepted_in_time,
    forget_acceptances_after_a_loss,
    turn_decisions_round_after_a_loss,
    take_it_for_an_ordinary_one_after_a_loss,
]


FIRST = {turn_decisions_round_after_a_loss: 490}
"""Seeds from which on it does not take long."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_mutant_is_caught(mutant, monkeypatch):
    """A seed that the service lives through, the mutant does not."""
    first = FIRST.get(mutant, 0)
    check_caught(mutant, monkeypatch, UrgentSimulation, range(first, first + SEEDS), **BULKS_SERVED)
