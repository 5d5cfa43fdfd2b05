"""The table of payments. docs/reference/payments.md shows it as diagrams made from this table.

Three kinds of case share it: markets, movements of FX providers' funds, and payments, which begin as quotes. A payment
is one case at two gateways, each with the states of its side.
"""

import re
from typing import Any

from darwaza.kernel.machine import ELAPSED, NEW, Case, Service, Transition, restored
from darwaza.kernel.message import REFUSED
from darwaza.services.payments.destination import DestinationRules
from darwaza.services.payments.funding import MOVED, FundingRules
from darwaza.services.payments.market import OPEN, MarketRules
from darwaza.services.payments.message import (
    ALLOCATED,
    DECIDED,
    INQUIRY,
    ORDER,
    RECALL,
    RELEASED,
    RESOLVED,
    RETURNED,
    STATUS,
    Pay,
    Remit,
)
from darwaza.services.payments.plan import Directory, Plan
from darwaza.services.payments.quote import QuoteRules
from darwaza.services.payments.record import Payment, Record
from darwaza.services.payments.reversal import ReversalRules
from darwaza.services.payments.screening import Screener, nobody_listed
from darwaza.services.payments.source import SourceRules

NAME = "payments"
REFUSED_KIND = NAME + REFUSED

SOURCE_ENDS = ("settled", "rejected", "expired", "returned")
DESTINATION_ENDS = ("credited", "refused", "given-back")
"""Where a payment may rest. Only a return still follows a settled and credited one."""


def service(plan: Plan, screen: Screener = nobody_listed) -> Service:
    """The payments service of a corridor.

    Args:
        plan: who takes part, on what terms.
        screen: looks names up in the gateway's lists.

    Raises:
        ValueError: the plan contradicts itself.
    """
    directory = Directory(plan)
    table = (
        _market(MarketRules(directory))
        | _funding(FundingRules(directory))
        | _quote(QuoteRules(directory))
        | _source(SourceRules(directory, screen))
        | _destination(DestinationRules(directory, screen))
        | _reversal(ReversalRules(directory))
    )
    return Service(name=NAME, data_type=Record, table=table, foresee=foresee)


_UETR = re.compile(rb"<(?:[\w.-]{1,40}:)?UETR>\s*([0-9a-f-]{36})\s*<")
_ENDS = {
    "confirm": ("fxed", "credit", "fee"),
    DECIDED: ("fxed", "credit", "fee", "unfx"),
    STATUS: ("debit", "exchange", "spread", "fee", "fxed", "undebit", "unfx"),
}


def foresee(case_id: str, case: Case[Any] | None, kind: str, body: Any) -> tuple[str, ...]:
    """What the usual inputs of a payment will name of the ledger; see ``Service``."""
    if kind == ORDER and case is None:
        return (f"{case_id}/fx",)
    if isinstance(body, Pay | Remit):
        found = _UETR.search(body.document)
        return () if found is None else (found[1].decode("ascii"),)
    data = None if case is None else case.data
    if not isinstance(data, Payment):
        return ()
    # At the payer's gateway the payer's hold has the payment's own reference as its id.
    own = (data.uetr,) if data.sent_at is not None else ()
    return (*own, f"{case_id}/fx", *[f"{case_id}/{name}" for name in _ENDS.get(kind, ())])


Table = dict[tuple[str, str], Transition]


def _market(rule: MarketRules) -> Table:
    return {
        (NEW, "open-market"): Transition(rule.open, (OPEN,)),
        (OPEN, "set-mid"): Transition(rule.set_mid, (OPEN,)),
        (OPEN, "post-rate"): Transition(rule.post_rate, (OPEN,)),
        (OPEN, "withdraw-rate"): Transition(rule.withdraw_rate, (OPEN,)),
    }


def _funding(rule: FundingRules) -> Table:
    return {
        (NEW, "allocate"): Transition(rule.allocate, (MOVED,)),
        (NEW, ALLOCATED): Transition(rule.take_allocated, (MOVED,)),
        (NEW, "release-funds"): Transition(rule.release, (MOVED,)),
        (NEW, RELEASED): Transition(rule.take_released, (MOVED,)),
    }


def _quote(rule: QuoteRules) -> Table:
    return {
        (NEW, "quote"): Transition(rule.quote, ("quoted", "reserved")),
        ("quoted", "accept-quote"): Transition(rule.accept, ("reserved",)),
        ("quoted", "cancel-quote"): Transition(rule.cancel, ("expired",)),
        ("quoted", ELAPSED): Transition(rule.lapse, ("expired",)),
        ("reserved", "cancel-quote"): Transition(rule.cancel, ("expired",)),
        ("reserved", ELAPSED): Transition(rule.lapse, ("expired",)),
        ("screening", ELAPSED): Transition(rule.lapse, ("expired",)),
        ("parked", ELAPSED): Transition(rule.lapse, ("expired",)),
    }


def _source(rule: SourceRules) -> Table:
    table = {
        (NEW, "remit"): Transition(rule.remit, ("sent",)),
        ("reserved", "pay"): Transition(rule.pay, ("sent", "parked", "screening")),
        ("screening", "vetted"): Transition(rule.take_vetted, ("sent", "parked")),
        ("parked", "release"): Transition(rule.release, ("parked", "sent")),
        ("parked", "block"): Transition(rule.block, ("rejected",)),
        ("sent", ELAPSED): Transition(rule.wait_over, ("rejected", "unknown")),
        ("unknown", ELAPSED): Transition(rule.wait_over, ("rejected", "unknown")),
        (NEW, restored(ORDER)): Transition(rule.restore_order, ("sent",)),
        ("sent", restored(DECIDED)): Transition(rule.restore_decided, ("settled", "rejected")),
    }
    for state in ("sent", "unknown"):
        table[state, STATUS] = Transition(rule.take_status, (state, "settled", "rejected"))
        table[state, REFUSED_KIND] = Transition(rule.take_refused, (state, "rejected"))
        table[state, restored(INQUIRY)] = Transition(rule.restore_inquiry, ("unknown",))
    for state in ("settled", "rejected", "recalling", "returning", "returned"):
        table[state, STATUS] = table[state, REFUSED_KIND] = Transition(rule.keep, (state,))
    return table


def _destination(rule: DestinationRules) -> Table:
    table = {
        (NEW, ORDER): Transition(rule.take_order, ("asked", "screened", "checking")),
        ("checking", "vetted"): Transition(rule.take_vetted, ("asked", "screened")),
        ("checking", ELAPSED): Transition(rule.answer_over, ("refused",)),
        ("screened", "release"): Transition(rule.release, ("screened", "asked")),
        ("screened", "block"): Transition(rule.block, ("refused",)),
        ("screened", ELAPSED): Transition(rule.answer_over, ("refused",)),
        ("asked", "confirm"): Transition(rule.confirm, ("accepted", "credited")),
        ("asked", "reject"): Transition(rule.reject, ("refused",)),
        ("asked", ELAPSED): Transition(rule.answer_over, ("refused",)),
        ("accepted", ELAPSED): Transition(rule.listen, ("accepted", "refused")),
    }
    for state in ("checking", "screened", "asked", "accepted"):
        table[state, DECIDED] = Transition(rule.take_decided, ("credited", "refused"))
        table[state, restored(STATUS)] = Transition(rule.restore_status, (state, "accepted", "credited", "refused"))
    for state in (*DESTINATION_ENDS, "recalled"):
        table[state, DECIDED] = Transition(rule.keep, (state,))
    for state in ("checking", "screened", "asked", "accepted", "recalled", *DESTINATION_ENDS):
        table[state, INQUIRY] = Transition(rule.take_inquiry, (state,))
    return table


def _reversal(rule: ReversalRules) -> Table:
    table = {
        ("settled", "recall"): Transition(rule.recall, ("recalling",)),
        ("settled", restored(RECALL)): Transition(rule.restore_recall, ("recalling",)),
        ("recalling", RESOLVED): Transition(rule.take_resolved, ("settled",)),
        ("returning", ELAPSED): Transition(rule.try_again, ("returned", "returning")),
        ("credited", RECALL): Transition(rule.take_recall, ("recalled",)),
        ("given-back", RECALL): Transition(rule.crossed, ("given-back",)),
        ("recalled", "refuse-recall"): Transition(rule.keep_it, ("credited",)),
        ("recalled", ELAPSED): Transition(rule.recall_over, ("credited",)),
        ("recalled", restored(RESOLVED)): Transition(rule.restore_resolved, ("credited",)),
    }
    for state in ("settled", "recalling"):
        table[state, RETURNED] = Transition(rule.take_returned, ("returned", "returning"))
    for state in ("credited", "recalled"):
        table[state, "return"] = Transition(rule.give_back, ("given-back",))
        table[state, restored(RETURNED)] = Transition(rule.restore_returned, ("given-back",))
    return table
