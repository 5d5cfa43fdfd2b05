"""The table of payments. docs/reference/payments.md shows it as diagrams made from this table.

Six kinds of case share it: markets, movements of FX providers' funds, payments, which begin as quotes, aliases,
verifications of accounts, and requests to be paid. A payment is one case at two gateways, each with the states of its
side.
"""

from darwaza.kernel.machine import ELAPSED, NEW, Service, Transition, restored
from darwaza.kernel.message import REFUSED
from darwaza.services.payments import bulk_destination, bulk_source
from darwaza.services.payments.alias import FREE, REGISTERED, AliasRules
from darwaza.services.payments.bulk_officer import BulkOfficerRules
from darwaza.services.payments.bulk_source import BulkSourceRules
from darwaza.services.payments.destination import DestinationRules
from darwaza.services.payments.entry import names_of
from darwaza.services.payments.foresight import foresee
from darwaza.services.payments.funding import MOVED, FundingRules
from darwaza.services.payments.market import OPEN, MarketRules
from darwaza.services.payments.message import (
    ALLOCATED,
    ANSWERS,
    BULK,
    BULK_INQUIRY,
    DECIDED,
    DECISIONS,
    INQUIRY,
    ORDER,
    RECALL,
    REFUNDED,
    RELEASED,
    REQUEST_DECIDED,
    REQUESTED,
    RESOLVED,
    RETURNED,
    STATUS,
    VERIFIED,
    VERIFY,
)
from darwaza.services.payments.plan import Directory, Plan
from darwaza.services.payments.quote import QuoteRules
from darwaza.services.payments.record import Record
from darwaza.services.payments.request import RequestRules
from darwaza.services.payments.reversal import ReversalRules
from darwaza.services.payments.screening import Screener, contained, nobody_listed
from darwaza.services.payments.sharing import shared_by
from darwaza.services.payments.source import SourceRules
from darwaza.services.payments.state import ORDERED, PROMISED, WAITING
from darwaza.services.payments.suspense import SuspenseRules
from darwaza.services.payments.verification import VerificationRules
from darwaza.standards.charge import CHARGES, due_fact

Table = dict[tuple[str, str], Transition]

NAME = "payments"
REFUSED_KIND = NAME + REFUSED

SOURCE_ENDS = ("settled", "rejected", "expired", "returned", "blocked")
DESTINATION_ENDS = ("credited", "refused", "given-back", "frozen")
"""Where a payment may rest. A credited one may still be returned, and a blocked one released or returned."""


def service(plan: Plan, screen: Screener = nobody_listed) -> Service:
    """The payments service of a corridor.

    Args:
        plan: who takes part, on what terms.
        screen: looks names up in the gateway's lists.

    Raises:
        ValueError: the plan contradicts itself.
    """
    table: Table = {}
    for part in tables(plan, screen).values():
        table |= part
    return Service(
        name=NAME,
        data_type=Record,
        table=table,
        foresee=foresee,
        orders_new=True,
        shared=shared_by(Directory(plan)),
        names=names_of,
    )


def tables(plan: Plan, screen: Screener = nobody_listed) -> dict[str, Table]:
    """The parts of the service's table by what they are about; see ``service``."""
    directory, screen = Directory(plan), contained(screen)
    return {
        "market": _market(MarketRules(directory)),
        "funding": _funding(FundingRules(directory)),
        "quote": _quote(QuoteRules(directory)),
        "source": _source(SourceRules(directory, screen)),
        "destination": _destination(DestinationRules(directory, screen)),
        "suspense": _suspense(SuspenseRules(directory)),
        "bulk source": _bulk_source(BulkSourceRules(directory, screen)),
        "bulk destination": _bulk_destination(BulkOfficerRules(directory, screen)),
        "reversal": _reversal(ReversalRules(directory)),
        "alias": _alias(AliasRules(directory)),
        "verification": _verification(VerificationRules(directory)),
        "request": _request(RequestRules(directory)),
    }


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
        (NEW, restored(ALLOCATED)): Transition(rule.restore_allocated, (MOVED,)),
        (NEW, restored(RELEASED)): Transition(rule.restore_released, (MOVED,)),
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
        (NEW, "remit"): Transition(rule.remit, ("sent", "parked", "screening")),
        ("reserved", "pay"): Transition(rule.pay, ("sent", "parked", "screening")),
        ("screening", "vetted"): Transition(rule.take_vetted, ("sent", "parked")),
        ("parked", "release"): Transition(rule.release, ("parked", "sent")),
        ("parked", "refuse"): Transition(rule.refuse, ("rejected",)),
        ("sent", ELAPSED): Transition(rule.wait_over, ("rejected", "unknown")),
        ("unknown", ELAPSED): Transition(rule.wait_over, ("rejected", "unknown")),
        ("sent", restored(DECIDED)): Transition(rule.restore_decided, ("settled", "blocked", "rejected")),
    }
    for state in (NEW, "quoted", "reserved", "screening", "parked"):
        table[state, restored(ORDER)] = Transition(rule.restore_order, ("sent",))
    for state in ORDERED:
        table[state, STATUS] = Transition(rule.take_status, (state, "settled", "blocked", "rejected"))
        table[state, REFUSED_KIND] = Transition(rule.take_refused, (state, "rejected"))
        table[state, restored(INQUIRY)] = Transition(rule.restore_inquiry, ("unknown",))
    for state in ("settled", "rejected", "recalling", "returning", "returned"):
        table[state, STATUS] = table[state, REFUSED_KIND] = Transition(rule.keep, (state,))
    table["blocked", REFUSED_KIND] = Transition(rule.keep, ("blocked",))
    return table


def _destination(rule: DestinationRules) -> Table:
    table = {
        (NEW, ORDER): Transition(rule.take_order, ("asked", "screened", "checking")),
        ("checking", "vetted"): Transition(rule.take_vetted, ("asked", "screened")),
        ("checking", ELAPSED): Transition(rule.answer_over, ("refused",)),
        ("screened", "release"): Transition(rule.release, ("screened", "asked")),
        ("screened", "refuse"): Transition(rule.refuse, ("refused",)),
        ("screened", "block"): Transition(rule.block, ("screened", "freezing", "frozen")),
        ("screened", ELAPSED): Transition(rule.answer_over, ("refused",)),
        ("asked", "confirm"): Transition(rule.confirm, ("accepted", "credited")),
        ("asked", "reject"): Transition(rule.reject, ("refused",)),
        ("asked", ELAPSED): Transition(rule.answer_over, ("refused",)),
        ("accepted", ELAPSED): Transition(rule.listen, ("accepted", "refused")),
        ("freezing", ELAPSED): Transition(rule.listen, ("freezing", "refused")),
    }
    for state in WAITING:
        table[state, restored(REFUSED_KIND)] = Transition(rule.restore_refused, (state, "refused"))
    table |= {
        ("credited", "fact " + due_fact(charge)): Transition(rule.charge_due, ("credited",)) for charge in CHARGES
    }
    for state in (*WAITING, *PROMISED):
        ends = ("credited", "refused", "frozen")
        table[state, DECIDED] = Transition(rule.take_decided, ends)
        table[state, restored(STATUS)] = Transition(rule.restore_status, (state, *PROMISED, *ends))
    for state in (*DESTINATION_ENDS, "recalled"):
        table[state, DECIDED] = Transition(rule.keep, (state,))
    for state in (*WAITING, *PROMISED, "recalled", *DESTINATION_ENDS):
        table[state, INQUIRY] = Transition(rule.take_inquiry, (state,))
    return table


def _suspense(rule: SuspenseRules) -> Table:
    return {
        ("blocked", STATUS): Transition(rule.take_status, ("blocked", "settled")),
        ("frozen", "release"): Transition(rule.release, ("frozen", "credited")),
        ("frozen", "refuse"): Transition(rule.refuse, ("frozen", "given-back")),
        ("frozen", restored(STATUS)): Transition(rule.restore_status, ("frozen", "credited")),
    }


def _bulk_source(rule: BulkSourceRules) -> Table:
    sent, unknown, ended = bulk_source.OPEN, bulk_source.ASKED, bulk_source.ENDED
    either, own = (sent, unknown), (ended,)
    table = {
        (NEW, "remit-bulk"): Transition(rule.remit, (sent, ended)),
        (NEW, restored(BULK)): Transition(rule.restore_order, (sent,)),
        (sent, restored(DECISIONS)): Transition(rule.restore_decisions, (sent, ended)),
    }
    for state in either:
        table[state, ANSWERS] = Transition(rule.take_answers, (state, ended))
        table[state, REFUSED_KIND] = Transition(rule.take_refused, (state, ended))
        table[state, ELAPSED] = Transition(rule.wait_over, (state, unknown, ended))
        table[state, restored(BULK_INQUIRY)] = Transition(rule.restore_inquiry, (unknown,))
    table[ended, ANSWERS] = Transition(rule.take_answers, own)
    table[ended, REFUSED_KIND] = Transition(rule.keep, own)
    # After a loss: both sides may have spoken of what is silent, and the other's word may be back before the own one.
    table[ended, restored(DECISIONS)] = Transition(rule.restore_decisions, own)
    table[ended, ELAPSED] = Transition(rule.wait_over, own)
    for state in (*either, ended):
        table[state, "recall-one"] = Transition(rule.recall, (state,))
        table[state, RESOLVED] = Transition(rule.take_resolved, (state,))
        table[state, RETURNED] = Transition(rule.take_returned, (state,))
        table[state, restored(RECALL)] = Transition(rule.restore_recall, (state,))
    return table


def _bulk_destination(rule: BulkOfficerRules) -> Table:
    asked, ended = bulk_destination.OPEN, bulk_destination.ENDED
    table = {
        (NEW, BULK): Transition(rule.take_order, (asked, ended)),
        (asked, "answer-bulk"): Transition(rule.answer, (asked, ended)),
        (asked, "vetted-one"): Transition(rule.take_vetted, (asked,)),
        (asked, "block-one"): Transition(rule.block, (asked, ended)),
        (asked, "refuse-one"): Transition(rule.refuse, (asked, ended)),
        (ended, "refuse-one"): Transition(rule.refuse, (ended,)),
        (asked, restored(ANSWERS)): Transition(rule.restore_answers, (asked, ended)),
        (asked, restored(REFUSED_KIND)): Transition(rule.restore_refused, (asked, ended)),
        (ended, restored(ANSWERS)): Transition(rule.restore_answers, (ended,)),
        (asked, DECISIONS): Transition(rule.take_decisions, (asked, ended)),
        (ended, DECISIONS): Transition(rule.keep, (ended,)),
    }
    for state in (asked, ended):
        table[state, ELAPSED] = Transition(rule.wait_over, (state, ended))
        table[state, BULK_INQUIRY] = Transition(rule.take_inquiry, (state,))
        table[state, RECALL] = Transition(rule.take_recall, (state,))
        table[state, REFUNDED] = Transition(rule.take_refunded, (state,))
        table[state, "release-one"] = Transition(rule.release, (state,))
        table[state, "return-one"] = Transition(rule.give_back, (state,))
        table[state, "refuse-recall-one"] = Transition(rule.keep_it, (state,))
        table[state, restored(RETURNED)] = Transition(rule.restore_returned, (state,))
        table[state, restored(RESOLVED)] = Transition(rule.restore_resolved, (state,))
    return table


def _reversal(rule: ReversalRules) -> Table:
    table = {
        ("settled", "recall"): Transition(rule.recall, ("recalling",)),
        ("settled", restored(RECALL)): Transition(rule.restore_recall, ("recalling",)),
        ("recalling", RESOLVED): Transition(rule.take_resolved, ("settled",)),
        ("returning", ELAPSED): Transition(rule.try_again, ("returned", "returning")),
        ("credited", RECALL): Transition(rule.take_recall, ("recalled",)),
        ("given-back", RECALL): Transition(rule.crossed, ("given-back",)),
        ("given-back", REFUNDED): Transition(rule.take_refunded, ("given-back",)),
        ("recalled", "refuse-recall"): Transition(rule.keep_it, ("credited",)),
        ("recalled", ELAPSED): Transition(rule.recall_over, ("credited",)),
        ("recalled", restored(RESOLVED)): Transition(rule.restore_resolved, ("credited",)),
    }
    for state in ("settled", "recalling", "blocked"):
        table[state, RETURNED] = Transition(rule.take_returned, ("returned", "returning"))
    for state in ("credited", "recalled"):
        table[state, "return"] = Transition(rule.give_back, ("given-back",))
    for state in ("credited", "recalled", "frozen"):
        table[state, restored(RETURNED)] = Transition(rule.restore_returned, ("given-back",))
    return table


def _alias(rule: AliasRules) -> Table:
    return {
        (NEW, "register-alias"): Transition(rule.register, (REGISTERED,)),
        (REGISTERED, "register-alias"): Transition(rule.register, (REGISTERED,)),
        (FREE, "register-alias"): Transition(rule.register, (REGISTERED,)),
        (REGISTERED, "remove-alias"): Transition(rule.remove, (FREE,)),
    }


def _verification(rule: VerificationRules) -> Table:
    ends = ("verified", "unverified")
    return {
        (NEW, "verify"): Transition(rule.ask, ("verifying",)),
        ("verifying", VERIFIED): Transition(rule.take_answer, ends),
        ("verifying", REFUSED_KIND): Transition(rule.take_refused, ends),
        ("verifying", ELAPSED): Transition(rule.wait_over, ends),
        ("unverified", VERIFIED): Transition(rule.take_answer, ends),
        (NEW, VERIFY): Transition(rule.take_question, ("verification-asked", "verification-answered")),
        ("verification-asked", "answer-verification"): Transition(rule.bank_answers, ("verification-answered",)),
        ("verification-asked", ELAPSED): Transition(rule.bank_silent, ("verification-answered",)),
        (NEW, restored(VERIFY)): Transition(rule.restore_question, ("verifying",)),
        ("verification-asked", restored(VERIFIED)): Transition(rule.restore_answer, ("verification-answered",)),
    }


def _request(rule: RequestRules) -> Table:
    ends = ("request-accepted", "request-refused")
    return {
        (NEW, "request-payment"): Transition(rule.ask, ("requested",)),
        ("requested", REQUEST_DECIDED): Transition(rule.take_decision, ends),
        ("requested", REFUSED_KIND): Transition(rule.take_refused, ends),
        ("requested", ELAPSED): Transition(rule.wait_over, ends),
        ("request-refused", REQUEST_DECIDED): Transition(rule.take_decision, ends),
        (NEW, REQUESTED): Transition(rule.take_request, ("request-open",)),
        ("request-open", "accept-request"): Transition(rule.accept, ("request-agreed",)),
        ("request-open", "refuse-request"): Transition(rule.refuse, ("request-declined",)),
        ("request-open", ELAPSED): Transition(rule.silent, ("request-declined",)),
        (NEW, restored(REQUESTED)): Transition(rule.restore_request, ("requested",)),
        ("request-open", restored(REQUEST_DECIDED)): Transition(
            rule.restore_decision, ("request-agreed", "request-declined")
        ),
    }
