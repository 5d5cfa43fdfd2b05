"""A payment at the payee's gateway: the order, the payee's bank's word, and the end.

The FX provider's money is held from the order's arrival on. The payee's bank may accept until ``answer_by``; its
silence is a rejection. An accepted urgent payment waits for the payer's gateway's decision and credits nobody before,
as does one that compliance blocks; when that gateway's log has gone past ``decide_by`` without a decision in it, that
is proof of a rejection and frees the funds.
"""

from datetime import timedelta
from typing import Any

import msgspec

from darwaza.errors import MessageError
from darwaza.kernel import instant
from darwaza.kernel.machine import (
    Case,
    Command,
    Context,
    Decision,
    Elapsed,
    FactStated,
    Notice,
    Received,
    Refusal,
)
from darwaza.kernel.message import GATEWAY_PARTY, member_of
from darwaza.ledger.order import Hold, Post, Void
from darwaza.services.payments import charge, check, status
from darwaza.services.payments.code import (
    NO_ANSWER_CREDITOR_AGENT,
    NO_ANSWER_GATEWAY,
    REGULATORY,
    REGULATORY_DETAIL,
    PaymentRefusal,
    reason_of,
)
from darwaza.services.payments.message import ORDER, Reject, Terms, Vetted, read_order, refusal_told
from darwaza.services.payments.netting import ORDERED_WITHIN
from darwaza.services.payments.officer import Block, Clear, Refuse, decides, heard
from darwaza.services.payments.plan import Directory, Participant, set_aside, transit
from darwaza.services.payments.record import Payment
from darwaza.services.payments.reversal import RECALL_ANSWER
from darwaza.services.payments.screening import SCREENING, Screener, names_of
from darwaza.services.payments.source import offer_of
from darwaza.services.payments.state import PROMISED, WAITING
from darwaza.services.payments.suspense import SuspenseRules, credit, tell

Outcome = Decision[Any] | Refusal
PaymentCase = Case[Payment]
replace = msgspec.structs.replace
DECISION_WITHIN = ORDERED_WITHIN
"""No order may hold an FX provider's money longer than this for its payee's bank to answer; and its settlement cycle
would not find one that is answered later."""
LISTEN_AGAIN = timedelta(seconds=5)
"""How often it is looked whether the payer's gateway has gone past the deadline."""

STATUS_OF = {
    "checking": status.PENDING,
    "screened": status.PENDING,
    "asked": status.PENDING,
    "accepted": status.ACCEPTED,
    "freezing": status.BLOCKED,
    "frozen": status.BLOCKED,
    "credited": status.CREDITED,
    "recalled": status.CREDITED,
    "given-back": status.CREDITED,
    "refused": status.REJECTED,
}
"""What the payees' gateway says of a payment, by its state; also of one of a bulk."""


class DestinationRules:
    """See the module."""

    def __init__(self, directory: Directory, screen: Screener) -> None:
        self._directory = directory
        self._screen = screen
        self._suspense = SuspenseRules(directory)

    # --- the order ---

    def take_order(self, _: None, message: Received, context: Context) -> Outcome:
        """Hold the provider's money and ask the payee's bank; what is wrong is refused before that."""
        try:
            terms, document = read_order(message.body)
            answer_by, decide_by = instant.from_text(terms.answer_by), instant.from_text(terms.decide_by)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        ordered = check.read_transfer(document)
        if isinstance(ordered, Refusal):
            return ordered
        payee = self._directory.participant(message.destination, "psp")
        payer = self._directory.participant(message.origin, "psp")
        if payee is None or payer is None or not context.party_known(message.destination):
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, f"{message.destination} is not served here", "/CdtrAgt")
        if context.named((ordered.transaction.id.uetr or "",)):
            return Refusal.of(PaymentRefusal.DUPLICATE, "a payment with this UETR was taken before")
        problem = self._differs(terms, ordered, payer, payee)
        if problem is not None:
            return problem
        if context.now > answer_by:
            return Refusal.of(PaymentRefusal.TOO_LATE, "it came after the time to answer")
        if not context.now <= decide_by <= context.now + DECISION_WITHIN or answer_by > decide_by:
            return Refusal.of(PaymentRefusal.TIME_WRONG, "its times lie too far ahead", "/decide_by")
        transaction = ordered.transaction
        hits = self._screen(names_of(transaction))
        payment = Payment(
            payer_bank=message.origin,
            payee_bank=message.destination,
            chosen=offer_of(terms),
            uetr=transaction.id.uetr or "",
            message_id=ordered.transfer.header.message_id,
            end_to_end=transaction.id.end_to_end,
            urgent=ordered.urgent,
            answer_by=answer_by,
            decide_by=decide_by,
            claim=charge.claim_of(transaction),
            hits=hits or (),
            document=document if hits is None else b"",
        )
        ucr = None if payment.claim is None else payment.claim.ucr
        own = self._directory.currencies[context.member]
        # Under the UETR, so that this gateway too takes each only once and finds the payment by it.
        hold = Hold(
            payment.uetr,
            set_aside(terms.provider, own),
            transit(member_of(message.origin), own),
            int(terms.destination),
        )
        decided = self._screened(payment, hits, context)
        parties = (message.origin, message.destination, *decided.parties)
        return replace(decided, transfers=(hold,), parties=parties, ucr=ucr)

    def take_vetted(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """A screener that took its time has answered."""
        asked: Vetted = command.body
        if command.party != f"{context.member}/{GATEWAY_PARTY}":
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the gateway says what screening found")
        return self._screened(replace(case.data, hits=asked.hits, document=b""), asked.hits, context)

    def _screened(self, payment: Payment, hits: tuple[str, ...] | None, context: Context) -> Decision[Any]:
        if hits == ():
            return self._ask(payment)
        due = _past(payment.answer_by)
        if hits is None:
            gateway = f"{context.member}/{GATEWAY_PARTY}"
            notices = (Notice(gateway, SCREENING),)
            return Decision("checking", payment, remind_at=due, parties=(gateway,), notices=notices)
        return Decision("screened", payment, remind_at=due, parties=self._directory.operators(context.member))

    def _ask(self, payment: Payment) -> Decision[Any]:
        chosen = payment.chosen
        minor = 0 if chosen is None else chosen.exchange.credit_minor
        asked = {"uetr": payment.uetr, "credit": self._directory.money(member_of(payment.payee_bank), minor)}
        notice = Notice(payment.payee_bank, "payment.asked", asked)
        return Decision("asked", payment, remind_at=_past(payment.answer_by), notices=(notice,))

    def _differs(self, terms: Terms, ordered: check.Ordered, payer: Participant, payee: Participant) -> Refusal | None:
        """The terms are those of the document, and of parties of this corridor."""
        transaction, exchange = ordered.transaction, offer_of(terms).exchange
        provider = self._directory.participant(terms.provider, "fxp")
        if provider is None or provider.member != payer.member:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the provider is not of the payer's member", "/provider")
        if self._directory.corridor(payer.member, payee.member) is None:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "there is no such corridor")
        if (transaction.debtor_agent.bic, transaction.creditor_agent.bic) != (payer.bic, payee.bic):
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the agents are not those the order goes between")
        if transaction.amount.minor != exchange.source_minor or ordered.urgent != (terms.priority == "HIGH"):
            return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "the terms are not the document's")
        if exchange.destination_fee_minor != payee.fee.of(exchange.destination_minor):
            return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "the payee's bank's fee is another", "/credit")
        return None

    # --- compliance ---

    def release(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The finding is no match: the word of a second officer lets the payee's bank be asked."""
        asked: Clear = command.body
        payment = heard(case.data, command, asked, context.now)
        if isinstance(payment, Refusal) or not decides(payment.checks):
            return self._waiting(payment)
        return self._ask(payment)

    def refuse(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """Nobody is asked, and the payer keeps its money."""
        asked: Refuse = command.body
        payment = heard(case.data, command, asked, context.now)
        if isinstance(payment, Refusal):
            return payment
        return self._refuse(case.id, payment, context, reason=REGULATORY, detail=REGULATORY_DETAIL, tell_it=True)

    def block(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The money may go neither on nor back: a second officer's word blocks it, or, if urgent, asks to."""
        asked: Block = command.body
        payment = heard(case.data, command, asked, context.now)
        if isinstance(payment, Refusal) or not decides(payment.checks):
            return self._waiting(payment)
        if payment.answer_by is not None and context.now > payment.answer_by:
            return Refusal.of(PaymentRefusal.TOO_LATE, "the time to answer is over")
        payment = replace(payment, reason=REGULATORY, detail=REGULATORY_DETAIL)
        told = (tell(payment, case.id, status.BLOCKED, context),)
        if payment.urgent:
            return Decision("freezing", payment, messages=told, remind_at=_past(payment.decide_by))
        return replace(self._suspense.freeze(case.id, payment, context), messages=told)

    def _waiting(self, payment: Payment | Refusal) -> Outcome:
        """One officer has spoken."""
        if isinstance(payment, Refusal):
            return payment
        return Decision("screened", payment, remind_at=_past(payment.answer_by))

    # --- the payee's bank ---

    def confirm(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The payee's bank accepts: at once for good, or, if urgent, subject to the payer's gateway's decision."""
        payment = case.data
        if command.party != payment.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank accepts")
        if payment.answer_by is not None and context.now > payment.answer_by:
            return Refusal.of(PaymentRefusal.TOO_LATE, "the time to answer is over")
        if payment.urgent:
            return Decision(
                "accepted",
                payment,
                messages=(tell(payment, case.id, status.ACCEPTED, context),),
                remind_at=_past(payment.decide_by),
            )
        told = tell(payment, case.id, status.CREDITED, context)
        return replace(self._credit(case.id, payment, context), messages=(told,))

    def reject(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The payee's bank does not take it."""
        asked: Reject = command.body
        if command.party != case.data.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank refuses")
        return self._refuse(case.id, case.data, context, reason=asked.reason, detail=asked.detail, tell_it=True)

    def answer_over(self, case: PaymentCase, _: Elapsed, context: Context) -> Outcome:
        """The payee's bank was silent."""
        reason, detail = NO_ANSWER_CREDITOR_AGENT, "the payee's bank did not answer in time"
        return self._refuse(case.id, case.data, context, reason=reason, detail=detail, tell_it=True)

    # --- the payer's gateway ---

    def take_decided(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """The payer's gateway has decided."""
        if message.origin != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's gateway decides")
        try:
            given, reason, detail = status.read_status(message.body, case.data.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        if given == status.REJECTED:
            return self._refuse(case.id, case.data, context, reason=reason, detail=detail, tell_it=False)
        if (case.state, given) == ("accepted", status.SETTLED):
            return self._credit(case.id, case.data, context)
        if (case.state, given) == ("freezing", status.BLOCKED):
            return self._suspense.freeze(case.id, case.data, context)
        return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, f"{given[:4]} decides nothing here")

    def listen(self, case: PaymentCase, _: Elapsed, context: Context) -> Outcome:
        """The decision is late: its absence is a rejection as soon as it is proven."""
        payment = case.data
        heard = context.heard_until(member_of(payment.payer_bank))
        if heard is None or payment.decide_by is None or heard <= payment.decide_by:
            return Decision(case.state, payment, remind_at=context.now + LISTEN_AGAIN)
        detail = "the payer's gateway has signed later messages and no decision"
        return self._refuse(case.id, payment, context, reason=NO_ANSWER_GATEWAY, detail=detail, tell_it=False)

    def take_inquiry(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """Say what has become of the payment."""
        payment = case.data
        if message.origin != payment.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's bank asks")
        problem = status.read_problem(message.body, payment.uetr)
        if problem:
            return Refusal.of(PaymentRefusal.MALFORMED, problem)
        told = tell(payment, case.id, STATUS_OF[case.state], context)
        woken, awaits = self._wake(case, context), _awaited(case.state, payment)
        return Decision(case.state, payment, messages=(told,), remind_at=woken, awaits=awaits)

    def keep(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """A word on what has ended changes nothing."""
        if message.origin != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's gateway decides")
        woken, awaits = self._wake(case, context), _awaited(case.state, case.data)
        return Decision(case.state, case.data, remind_at=woken, awaits=awaits)

    def charge_due(self, case: PaymentCase, _: FactStated, context: Context) -> Outcome:
        """Something became due on the consignment that this payment, credited before, may have paid."""
        facts = charge.paid(case.data, context, self._directory.currencies[context.member].code)
        return Decision(case.state, case.data, facts=facts, awaits=charge.awaited(case.data))

    def _wake(self, case: PaymentCase, context: Context) -> Any:
        if case.state in WAITING:
            return _past(case.data.answer_by)
        if case.state == "recalled":
            return context.now + RECALL_ANSWER
        return context.now + LISTEN_AGAIN if case.state in PROMISED else None

    # --- ends ---

    def _credit(self, case_id: str, payment: Payment, context: Context) -> Decision[Any]:
        minor = 0 if payment.chosen is None else payment.chosen.exchange.destination_minor
        way = transit(member_of(payment.payer_bank), self._directory.currencies[context.member])
        taken = Post(f"{case_id}/fxed", payment.uetr, minor)
        return credit(self._directory, way, case_id, payment, context, taken)

    def _refuse(
        self, case_id: str, payment: Payment, context: Context, *, reason: str, detail: str, tell_it: bool
    ) -> Decision[Any]:
        ended = replace(payment, reason=reason, detail=detail[:500], ended_at=context.now)
        told = (tell(ended, case_id, status.REJECTED, context),) if tell_it else ()
        notice = Notice(payment.payee_bank, "payment.refused", {"uetr": payment.uetr, "reason": reason})
        void = Void(f"{case_id}/unfx", payment.uetr)
        return Decision("refused", ended, transfers=(void,), messages=told, notices=(notice,))

    # --- after a loss ---

    def restore_status(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """Rebuild what this gateway told of a payment, given back after a loss."""
        payment = case.data
        try:
            given, reason, detail = status.read_status(message.body, payment.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        if given == status.ACCEPTED and case.state != "accepted":
            return Decision("accepted", payment, remind_at=_past(payment.decide_by))
        if given == status.CREDITED:
            return self._credit(case.id, payment, context)
        if given == status.REJECTED:
            return self._refuse(case.id, payment, context, reason=reason, detail=detail, tell_it=False)
        if given == status.BLOCKED and case.state != "freezing":
            if not payment.urgent:
                return self._suspense.freeze(case.id, payment, context)
            payment = replace(payment, reason=reason, detail=detail)
            return Decision("freezing", payment, remind_at=_past(payment.decide_by))
        return Decision(case.state, payment, remind_at=self._wake(case, context))

    def restore_refused(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """Refuse an order that this gateway had refused before a loss: that came back after the order."""
        body = refusal_told(message)
        if isinstance(body, Refusal):
            return body
        if body.kind != ORDER:
            return Decision(case.state, case.data, remind_at=self._wake(case, context))
        reason = reason_of(body.code, body.pointer)
        return self._refuse(case.id, case.data, context, reason=reason, detail=body.detail, tell_it=False)


def _awaited(state: str, payment: Payment) -> tuple[str, ...]:
    return charge.awaited(payment) if state == "credited" else ()


def _past(moment: Any) -> Any:
    """The first instant at which an answer is late."""
    return None if moment is None else moment + timedelta(milliseconds=1)
