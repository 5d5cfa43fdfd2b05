"""One payment of a bulk decided by the rules of single payments, and what they decide folded back into the bulk."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from darwaza.kernel.machine import Case, Context, Decision, Elapsed, Received, Refusal
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.entry import entry_id, entry_of, number_in, payment_of, with_entries
from darwaza.services.payments.record import Bulk, Payment

Outcome = Decision[Any] | Refusal
replace = msgspec.structs.replace
Rule = Callable[[Case[Payment], Any, Context], Outcome]
"""Of single payments."""


def unfold(case: Case[Bulk], number: int, rule: Rule, given: Any, context: Context) -> Outcome:
    """Let a rule of single payments decide about one of a bulk, and fold what it decides back into the bulk.

    Args:
        case: the bulk's.
        number: of the payment.
        rule: that decides.
        given: the rule's input.
        context: of the decision.

    Returns:
        The rule's decision with the bulk as its data, in the state it was in; its reminder is the caller's to set.
    """
    entry = entry_of(case.data, number)
    if isinstance(entry, Refusal):
        return entry
    one = Case(
        entry_id(case.id, number), entry.state, payment_of(case.data, entry), case.ucr, case.opened_at, case.changed_at
    )
    outcome = rule(one, given, context)
    if isinstance(outcome, Refusal):
        return outcome
    after: Payment = outcome.data
    folded = replace(
        entry,
        state=outcome.state,
        ended_at=after.ended_at,
        reason=after.reason,
        detail=after.detail,
        recall_reason=after.recall_reason,
        recall_answer=after.recall_answer,
        refund_minor=after.refund_minor,
        returned_at=after.returned_at,
        wake_at=outcome.remind_at,
        hits=after.hits,
        checks=after.checks,
    )
    return replace(outcome, state=case.state, data=with_entries(case.data, {number: folded}), remind_at=None)


def unfold_told(case: Case[Bulk], message: Received, context: Context, rules: Mapping[str, Rule]) -> Outcome:
    """Let the payment that a message is about take it, by the rule for its state; see ``unfold``."""
    number = number_in(case.data, message.body)
    rule = rules.get(case.data.entries[number - 1].state) if number else None
    if rule is None:
        return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "it is about no payment of this bulk in such a state")
    return unfold(case, number, rule, message, context)


def unfold_due(case: Case[Bulk], state: str, rule: Rule, context: Context) -> Decision[Any]:
    """Let a rule look at the payments in a state that asked to be looked at by now; see ``unfold``.

    One that moves money is the last of this look: what is left for the next is only seen when its money has moved.
    """
    decided: Decision[Any] = Decision(case.state, case.data)
    for number, entry in enumerate(case.data.entries, 1):
        if entry.state != state or entry.wake_at is None or entry.wake_at > context.now:
            continue
        one = unfold(replace(case, data=decided.data), number, rule, Elapsed(entry.wake_at), context)
        if not isinstance(one, Refusal):
            decided = both(decided, one)
            if one.transfers:
                break
    return decided


def both(first: Decision[Any], then: Decision[Any]) -> Decision[Any]:
    """Two decisions on one bulk, the second made with what the first left."""
    return replace(
        then,
        transfers=(*first.transfers, *then.transfers),
        messages=(*first.messages, *then.messages),
        notices=(*first.notices, *then.notices),
    )
