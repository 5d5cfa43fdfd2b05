"""A payment at the payer's gateway: the order under an accepted quote, and the end.

The end of an urgent payment is decided here: an acceptance that comes in time settles it, and silence past the deadline
rejects it, both told to the other side, which credits nobody before. The end of any other payment is decided at the
payee's gateway; until it is known the hold stays. Silence there becomes a rejection when it can be proven: when that
gateway's log has gone past the deadline without an acceptance in it.
"""

from datetime import timedelta
from typing import Any

import msgspec

from darwaza.errors import MessageError
from darwaza.kernel import instant
from darwaza.kernel.machine import Case, Command, Context, Decision, Draft, Elapsed, Notice, Received, Refusal
from darwaza.kernel.message import GATEWAY_PARTY, member_of
from darwaza.ledger.exchange import Exchange
from darwaza.ledger.order import Hold, Move, Post, TransferOrder, Void
from darwaza.services.payments import charge, check, status
from darwaza.services.payments.code import (
    NO_ANSWER_GATEWAY,
    REGULATORY,
    REGULATORY_DETAIL,
    PaymentRefusal,
    reason_of,
)
from darwaza.services.payments.liquidity import abroad_notices, position_notices
from darwaza.services.payments.message import (
    DECIDED,
    INQUIRY,
    ORDER,
    ORDER_MEDIA_TYPE,
    XML_MEDIA_TYPE,
    Pay,
    Remit,
    Terms,
    Vetted,
    read_order,
    refusal_told,
    write_order,
)
from darwaza.services.payments.officer import Clear, Refuse, decides, heard
from darwaza.services.payments.plan import Directory, fees, liquidity, position, spread, transit
from darwaza.services.payments.quote import QuoteRules, lapsed, offers_at, provider_leg, quote_id
from darwaza.services.payments.record import Offer, Payment
from darwaza.services.payments.screening import SCREENING, Screener, names_of
from darwaza.services.payments.state import ORDERED
from darwaza.standards.iso20022.pacs008 import CreditTransferTransaction

Outcome = Decision[Any] | Refusal
PaymentCase = Case[Payment]
replace = msgspec.structs.replace
INQUIRY_FIRST = timedelta(seconds=5)
INQUIRY_LAST = timedelta(seconds=60)
"""Waits between inquiries double from the first to the last; see ``inquiry_wait``."""


class SourceRules:
    """See the module."""

    def __init__(self, directory: Directory, screen: Screener) -> None:
        self._directory = directory
        self._quotes = QuoteRules(directory)
        self._screen = screen

    # --- order ---

    def pay(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """Check the payment, hold the payer's bank's money and the provider's, and send the order."""
        asked: Pay = command.body
        if command.party != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "the quote is another institution's")
        ordered = check.read_transfer(asked.document)
        problem = ordered if isinstance(ordered, Refusal) else self._problem(case.data, ordered, context)
        if isinstance(ordered, Refusal) or problem is not None:
            return problem or Refusal.of(PaymentRefusal.MALFORMED, "it cannot be read")
        hits = self._screen(names_of(ordered.transaction))
        return self._screened(case.data, ordered, asked.document, hits, context)

    def take_vetted(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """A screener that took its time has answered."""
        asked: Vetted = command.body
        if command.party != f"{context.member}/{GATEWAY_PARTY}":
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the gateway says what screening found")
        document = case.data.document
        ordered = check.read_transfer(document)
        problem = ordered if isinstance(ordered, Refusal) else self._problem(case.data, ordered, context)
        if isinstance(ordered, Refusal) or problem is not None:
            return problem or Refusal.of(PaymentRefusal.MALFORMED, "it cannot be read")
        return self._screened(replace(case.data, document=b""), ordered, document, asked.hits, context)

    def _screened(
        self,
        payment: Payment,
        ordered: check.Ordered,
        document: bytes,
        hits: tuple[str, ...] | None,
        context: Context,
    ) -> Outcome:
        if hits == ():
            return self._send(payment, ordered, document, context)
        # Nothing but the quote is reserved meanwhile: who is screened too long has to ask for a new one.
        waiting = replace(payment, uetr=ordered.transaction.id.uetr or "", hits=hits or (), document=document)
        answer = {"status": status.PENDING}
        if hits is None:
            gateway = f"{context.member}/{GATEWAY_PARTY}"
            return Decision(
                "screening",
                waiting,
                remind_at=payment.quote_until,
                parties=(gateway,),
                notices=(Notice(gateway, SCREENING),),
                answer=answer,
            )
        parties = self._directory.operators(context.member)
        return Decision("parked", waiting, remind_at=payment.quote_until, parties=parties, answer=answer)

    def remit(self, _: None, command: Command, context: Context) -> Outcome:
        """Pay at a rate of the moment: quote, acceptance and order in one decision.

        One that stops at screening waits as under a quote: the rate and its provider's funds are its own for as long.
        """
        asked: Remit = command.body
        ordered = check.read_transfer(asked.document, asked.transfer)
        if isinstance(ordered, Refusal):
            return ordered
        payment = self._at_rate(asked, ordered, command.party, context)
        if isinstance(payment, Refusal):
            return payment
        problem = self._problem(payment, ordered, context)
        if problem is not None:
            return problem
        hits = self._screen(names_of(ordered.transaction))
        if hits == ():
            return self._send(payment, ordered, asked.document, context)
        return self._stopped(payment, ordered, asked.document, hits, context)

    def _stopped(
        self,
        payment: Payment,
        ordered: check.Ordered,
        document: bytes,
        hits: tuple[str, ...] | None,
        context: Context,
    ) -> Outcome:
        """A payment at a rate of the moment that has to be looked at."""
        corridor = self._directory.corridor(context.member, member_of(payment.payee_bank))
        chosen = payment.chosen
        if corridor is None or chosen is None:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the corridor's plan serves this payment no more")
        payment = replace(payment, quote_until=context.now + timedelta(seconds=corridor.quote_s))
        reserved = self._quotes.reserve(payment, chosen, context)
        waiting = self._screened(payment, ordered, document, hits, context)
        if isinstance(waiting, Refusal):
            return waiting
        return replace(
            waiting,
            transfers=reserved.transfers,
            notices=(*reserved.notices, *waiting.notices),
            parties=(payment.payer_bank, *reserved.parties, *waiting.parties),
        )

    def _at_rate(self, asked: Remit, ordered: check.Ordered, bank: str, context: Context) -> Payment | Refusal:
        """The payment at the first offer that has the rate the document names."""
        transaction = ordered.transaction
        payee = self._directory.bank(transaction.creditor_agent.bic)
        given, rate = transaction.instructed_amount, transaction.agreed_rate
        if payee is None or given is None or rate is None or not transaction.charges:
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "it names its rate, its amounts and the payee's bank")
        place = self._quotes.place(asked.market, bank, payee.address, context)
        if isinstance(place, Refusal):
            return place
        made = offers_at(place, (given, transaction.charges[0].amount), rate.rate, context)
        if isinstance(made, Refusal):
            return made
        return Payment(
            payer_bank=bank, payee_bank=payee.address, quoted_at=context.now, chosen=made[0], market=asked.market
        )

    def _problem(self, payment: Payment, ordered: check.Ordered, context: Context) -> Refusal | None:
        payer, payee = (self._directory.participant(one, "psp") for one in (payment.payer_bank, payment.payee_bank))
        corridor = self._directory.corridor(member_of(payment.payer_bank), member_of(payment.payee_bank))
        if payer is None or payee is None or corridor is None or payment.chosen is None:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the corridor's plan serves this payment no more")
        # Without a quote nobody was shown offers to choose from.
        named = quote_id(context.case_id) if payment.offers else None
        agreed = check.Agreed(payment.quote_until, named, payment.chosen, corridor, payer, payee)
        return check.problem(ordered, agreed, self._directory, context)

    def release(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The finding is no match: the word of a second officer lets the payment go on."""
        asked: Clear = command.body
        payment, document = heard(case.data, command, asked, context.now), case.data.document
        if isinstance(payment, Refusal):
            return payment
        if not decides(payment.checks):
            return Decision("parked", payment, remind_at=payment.quote_until)
        ordered = check.read_transfer(document)
        problem = ordered if isinstance(ordered, Refusal) else self._problem(payment, ordered, context)
        if isinstance(ordered, Refusal) or problem is not None:
            return problem or Refusal.of(PaymentRefusal.MALFORMED, "it cannot be read")
        return self._send(replace(payment, document=b""), ordered, document, context)

    def refuse(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The payment ends before anything of the payer's was held; there is nothing to block yet."""
        asked: Refuse = command.body
        payment = heard(case.data, command, asked, context.now)
        if isinstance(payment, Refusal):
            return payment
        payment = replace(payment, document=b"")
        void = () if lapsed(payment, context) else (Void(f"{case.id}/unquote", f"{case.id}/quote"),)
        return self._ended("rejected", payment, context, reason=REGULATORY, detail=REGULATORY_DETAIL, transfers=void)

    def _send(self, payment: Payment, ordered: check.Ordered, document: bytes, context: Context) -> Outcome:
        corridor = self._directory.corridor(context.member, member_of(payment.payee_bank))
        if corridor is None or payment.chosen is None:
            return Refusal.of(PaymentRefusal.QUOTE_OTHER, "there is no accepted quote")
        answer_by = context.now + corridor.answer_time
        sent = _described(payment, ordered)
        sent = replace(sent, sent_at=context.now, answer_by=answer_by, decide_by=answer_by + corridor.grace)
        terms = _terms(sent, payment.chosen)
        # The order carries no expiry of its own: the payee's gateway answers a late one by its terms, with a reason.
        draft = Draft(ORDER, sent.payer_bank, sent.payee_bank, write_order(terms, document), ORDER_MEDIA_TYPE)
        quoted = payment.quote_until is not None
        unquote = (Void(f"{context.case_id}/unquote", f"{context.case_id}/quote"),) if quoted else ()
        debit = payment.chosen.exchange.debit_minor
        low = position_notices(self._directory, context.ledger, sent.payer_bank, debit)
        if not quoted:
            low += self._low_abroad(sent, payment.chosen, context)
        return Decision(
            "sent",
            sent,
            messages=(draft,),
            notices=low,
            transfers=(*unquote, *self._holds(sent, payment.chosen, context)),
            remind_at=_past(sent),
            parties=(sent.payer_bank, sent.payee_bank, payment.chosen.provider),
            ucr=charge.ucr_of(ordered.transaction),
        )

    def _low_abroad(self, payment: Payment, chosen: Offer, context: Context) -> tuple[Notice, ...]:
        there, taken = member_of(payment.payee_bank), chosen.exchange.destination_minor
        return abroad_notices(self._directory, context.ledger, chosen.provider, there, taken)

    def _holds(self, payment: Payment, chosen: Offer, context: Context) -> tuple[TransferOrder, ...]:
        """The payer's bank's money and the provider's. Neither hold expires by itself: the case ends both."""
        own = self._directory.currencies[context.member]
        taken = (position(payment.payer_bank, own), transit(member_of(payment.payee_bank), own))
        return (
            Hold(
                f"{context.case_id}/fx",
                *provider_leg(self._directory, payment, chosen),
                chosen.exchange.destination_minor,
            ),
            Hold(payment.uetr, *taken, chosen.exchange.debit_minor, reference=payment.end_to_end),
        )

    # --- the end ---

    def take_status(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """The payee's gateway answers."""
        payment = case.data
        if message.origin != payment.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank answers")
        try:
            given, reason, detail = status.read_status(message.body, payment.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        if given == status.REJECTED:
            return self._reject(case.id, payment, context, reason=reason, detail=detail, tell=False)
        if given == status.PENDING:
            later = context.now + INQUIRY_FIRST
            return Decision(case.state, payment, remind_at=max(_past(payment) or later, later))
        if given not in {status.ACCEPTED if payment.urgent else status.CREDITED, status.BLOCKED}:
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, f"{given[:4]} is no answer to this payment")
        if payment.urgent and _late(payment, context):
            return self._reject(case.id, payment, context, reason=NO_ANSWER_GATEWAY, detail="too late", tell=True)
        return self._settle(case.id, payment, context, given, reason, detail)

    def take_refused(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """The payee's gateway cannot act on what was sent. Only a refused order is an end."""
        if member_of(message.origin) != member_of(case.data.payee_bank):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's gateway refuses")
        body = refusal_told(message)
        if isinstance(body, Refusal):
            return body
        if body.kind != ORDER:
            return Decision(case.state, case.data, remind_at=_next_wake(case, context))
        reason = reason_of(body.code, body.pointer)
        return self._reject(case.id, case.data, context, reason=reason, detail=body.detail, tell=False)

    def wait_over(self, case: PaymentCase, _: Elapsed, context: Context) -> Outcome:
        """The time to answer is over: decide, if that is for this gateway to do, or ask."""
        payment = case.data
        if payment.urgent:
            return self._reject(case.id, payment, context, reason=NO_ANSWER_GATEWAY, detail="no answer", tell=True)
        heard = context.heard_until(member_of(payment.payee_bank))
        if heard is not None and payment.answer_by is not None and heard > payment.answer_by:
            detail = "the payee's gateway has signed later messages and no acceptance"
            return self._reject(case.id, payment, context, reason=NO_ANSWER_GATEWAY, detail=detail, tell=False)
        asked = replace(payment, asked=payment.asked + 1)
        draft = Draft(
            INQUIRY,
            payment.payer_bank,
            payment.payee_bank,
            status.write_inquiry(asked, case.id, context.now),
            XML_MEDIA_TYPE,
        )
        notices = () if payment.asked else (Notice(payment.payer_bank, "payment.unknown"),)
        return Decision(
            "unknown", asked, messages=(draft,), remind_at=context.now + inquiry_wait(payment.asked), notices=notices
        )

    def keep(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """A late answer to what is decided changes nothing."""
        if member_of(message.origin) != member_of(case.data.payee_bank):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's gateway answers")
        return Decision(case.state, case.data, remind_at=_next_wake(case, context))

    def _settle(
        self, case_id: str, payment: Payment, context: Context, given: str, reason: str, detail: str
    ) -> Outcome:
        """Settle, by the payee's gateway's word or the own one; what that blocks is settled too, and told as such."""
        chosen, own = payment.chosen, self._directory.currencies[context.member]
        if chosen is None:
            return Refusal.of(PaymentRefusal.QUOTE_OTHER, "there is no accepted quote")
        exchange, way = chosen.exchange, transit(member_of(payment.payee_bank), own)
        earned = min(chosen.spread_minor, exchange.source_minor)
        parts = (
            ("exchange", liquidity(chosen.provider, own), exchange.source_minor - earned),
            ("spread", spread(chosen.provider, own), earned),
            ("fee", fees(payment.payer_bank, own), exchange.source_fee_minor),
        )
        transfers: tuple[TransferOrder, ...] = (
            Post(f"{case_id}/debit", payment.uetr, exchange.debit_minor, payment.end_to_end),
            *(Move(f"{case_id}/{name}", way, account, amount) for name, account, amount in parts if amount),
            Post(f"{case_id}/fxed", f"{case_id}/fx", exchange.destination_minor),
        )
        tell: tuple[Draft, ...] = ()
        if given != status.BLOCKED:
            given, reason, detail = status.SETTLED, "", ""
        state = "blocked" if given == status.BLOCKED else "settled"
        if payment.urgent:
            body = status.write_status(payment, case_id, given, context.now, reason=reason, detail=detail)
            tell = (Draft(DECIDED, payment.payer_bank, payment.payee_bank, body, XML_MEDIA_TYPE),)
        return self._ended(state, payment, context, reason=reason, detail=detail, transfers=transfers, messages=tell)

    def _reject(
        self, case_id: str, payment: Payment, context: Context, *, reason: str, detail: str, tell: bool
    ) -> Outcome:
        transfers = (Void(f"{case_id}/undebit", payment.uetr), Void(f"{case_id}/unfx", f"{case_id}/fx"))
        messages: tuple[Draft, ...] = ()
        if tell:
            body = status.write_status(payment, case_id, status.REJECTED, context.now, reason=reason, detail=detail)
            messages = (Draft(DECIDED, payment.payer_bank, payment.payee_bank, body, XML_MEDIA_TYPE),)
        return self._ended(
            "rejected", payment, context, reason=reason, detail=detail, transfers=transfers, messages=messages
        )

    def _ended(
        self,
        state: str,
        payment: Payment,
        context: Context,
        *,
        reason: str = "",
        detail: str = "",
        transfers: tuple[TransferOrder, ...] = (),
        messages: tuple[Draft, ...] = (),
    ) -> Decision[Any]:
        ended = replace(payment, reason=reason, detail=detail[:500], ended_at=context.now)
        told = {"uetr": payment.uetr, "reason": reason, "detail": ended.detail}
        notice = Notice(payment.payer_bank, "payment." + state, told)
        return Decision(state, ended, transfers=transfers, messages=messages, notices=(notice,))

    # --- after a loss ---

    def restore_order(self, case: PaymentCase | None, message: Received, context: Context) -> Outcome:
        """Rebuild a payment from its own order, given back after a loss, with its holds; perhaps a quote was kept."""
        try:
            terms, document = read_order(message.body)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        ordered = check.read_transfer(document)
        if isinstance(ordered, Refusal):
            return ordered
        chosen = offer_of(terms)
        payment = Payment(
            payer_bank=message.origin,
            payee_bank=message.destination,
            chosen=chosen,
            answer_by=instant.from_text(terms.answer_by),
            decide_by=instant.from_text(terms.decide_by),
        )
        if case is not None:
            kept = case.data
            chosen = next((one for one in kept.offers if one.provider == chosen.provider), chosen)
            payment = replace(
                kept, chosen=chosen, answer_by=payment.answer_by, decide_by=payment.decide_by, document=b""
            )
        payment = replace(_described(payment, ordered), sent_at=message.created_at)
        quoted = context.ledger.hold(f"{context.case_id}/quote")
        stands = quoted is not None and quoted.end is None
        unquote = (Void(f"{context.case_id}/unquote", f"{context.case_id}/quote"),) if stands else ()
        return Decision(
            "sent",
            payment,
            transfers=(*unquote, *self._holds(payment, chosen, context)),
            remind_at=_past(payment),
            parties=(payment.payer_bank, payment.payee_bank, chosen.provider),
            ucr=charge.ucr_of(ordered.transaction),
        )

    def restore_inquiry(self, case: PaymentCase, _: Received, context: Context) -> Outcome:
        """Rebuild that this gateway asked, from its own inquiry given back after a loss."""
        asked = replace(case.data, asked=case.data.asked + 1)
        return Decision("unknown", asked, remind_at=context.now + INQUIRY_LAST)

    def restore_decided(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """Rebuild the end of an urgent payment from its own word, given back after a loss."""
        try:
            given, reason, detail = status.read_status(message.body, case.data.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        if given in {status.SETTLED, status.BLOCKED}:
            outcome = self._settle(case.id, case.data, context, given, reason, detail)
        else:
            outcome = self._reject(case.id, case.data, context, reason=reason, detail=detail, tell=False)
        return outcome if isinstance(outcome, Refusal) else replace(outcome, messages=())


def inquiry_wait(asked: int) -> timedelta:
    """How long to wait for the answer to an inquiry that so many came before."""
    wait: timedelta = INQUIRY_FIRST * 2 ** min(asked, 10)
    return min(wait, INQUIRY_LAST)


def offer_of(terms: Terms) -> Offer:
    """The accepted offer as an order's terms tell it; what only the payer's gateway knows is left out."""
    debit, source = int(terms.debit), int(terms.source)
    destination, credit = int(terms.destination), int(terms.credit)
    exchange = Exchange(
        debit_minor=debit,
        source_fee_minor=debit - source,
        source_minor=source,
        destination_minor=destination,
        destination_fee_minor=destination - credit,
        credit_minor=credit,
    )
    return Offer(terms.provider, terms.rate, exchange, 0, None, (credit, debit))


def _terms(payment: Payment, chosen: Offer) -> Terms:
    exchange = chosen.exchange
    return Terms(
        answer_by=_text(payment.answer_by),
        credit=str(exchange.credit_minor),
        debit=str(exchange.debit_minor),
        decide_by=_text(payment.decide_by),
        destination=str(exchange.destination_minor),
        priority="HIGH" if payment.urgent else "NORM",
        provider=chosen.provider,
        rate=chosen.rate,
        source=str(exchange.source_minor),
    )


def _text(moment: Any) -> str:
    return instant.to_text(moment)


def _described(payment: Payment, ordered: check.Ordered) -> Payment:
    transaction: CreditTransferTransaction = ordered.transaction
    return replace(
        payment,
        uetr=transaction.id.uetr or "",
        message_id=ordered.transfer.header.message_id,
        end_to_end=transaction.id.end_to_end,
        urgent=ordered.urgent,
    )


def _late(payment: Payment, context: Context) -> bool:
    return payment.decide_by is not None and context.now > payment.decide_by


def _past(payment: Payment) -> Any:
    """The first instant at which an answer is late."""
    return None if payment.decide_by is None else payment.decide_by + timedelta(milliseconds=1)


def _next_wake(case: PaymentCase, context: Context) -> Any:
    """When to look at a payment that has not ended."""
    return context.now + INQUIRY_LAST if case.state in (*ORDERED, "returning") else None
