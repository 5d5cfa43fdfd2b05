"""After the end: returns by the payee's bank (pacs.004) and recalls by the payer's (camt.056, camt.029).

A credited payment is final; what follows is a payment of its own kind, backwards, to the provider's funds and from
there to the payer's bank. Who erred bears the exchange risk. A return for the payee's bank's own reasons gives the
payer's bank exactly what the provider had got, at the agreed rate, which the provider stands by. A return on the
payer's recall (reason FOCR) gives back exactly what had been paid out abroad, exchanged at the provider's rate of the
day. That rate stands at the payer's gateway alone, so it tells the other what it makes of it: from its own word it
knows the refund again after a loss.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from darwaza.errors import MessageError
from darwaza.kernel.machine import Case, Command, Context, Decision, Draft, Elapsed, Notice, Received, Refusal
from darwaza.kernel.message import GATEWAY_PARTY, member_of
from darwaza.ledger.order import Move
from darwaza.ledger.rate import Rate, rate_from_text, to_destination
from darwaza.services.payments import charge, investigation
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.liquidity import position_notices
from darwaza.services.payments.message import (
    RECALL,
    REFUNDED,
    RESOLVED,
    RETURNED,
    XML_MEDIA_TYPE,
    AskBack,
    GiveBack,
    KeepIt,
)
from darwaza.services.payments.plan import Directory, abroad, liquidity, mirror, position, set_aside, suspense
from darwaza.services.payments.record import Market, Payment

Outcome = Decision[Any] | Refusal
PaymentCase = Case[Payment]
replace = msgspec.structs.replace

ON_RECALL: Final = "FOCR"
"""ExternalReturnReason1Code: following a cancellation request."""
NO_ANSWER: Final = "NOAS"
"""ExternalPaymentCancellationRejection1Code: no answer from the creditor."""
RECALL_ANSWER: Final = timedelta(days=14)
"""How long the payee's bank has to answer a recall; ten banking days at the least."""
RETURN_WITHIN: Final = timedelta(days=60)
"""How long after its answer was due a payment may be returned; what is given back later is a payment of its own. It is
so far that a settlement cycle looks back for the payments whose returns stand in it. Only what is blocked may come back
later, for nobody could pay it: such returns are listed by themselves (``late_returns``)."""
MADE_BEFORE: Final = timedelta(seconds=1)
"""How long before its message a return was made, for its time is in whole seconds: so both lie in one cycle."""
FUNDS_AGAIN: Final = timedelta(minutes=1)
"""How often a return is tried for which the provider has no money at the payer's gateway just now."""


class ReversalRules:
    """See the module."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    # --- at the payer's gateway ---

    def recall(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The payer's bank asks for its money back."""
        asked: AskBack = command.body
        payment = case.data
        if command.party != payment.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's bank recalls")
        if is_over(payment, RETURN_WITHIN - RECALL_ANSWER, context):
            return Refusal.of(PaymentRefusal.TOO_LATE, "it could not be returned any more when the answer is due")
        body = investigation.write_recall(payment, case.id, asked.reason, context.now)
        draft = Draft(RECALL, payment.payer_bank, payment.payee_bank, body, XML_MEDIA_TYPE)
        return Decision("recalling", replace(payment, recall_reason=asked.reason), messages=(draft,))

    def take_resolved(self, case: PaymentCase, message: Received, _: Context) -> Outcome:
        """The payee's bank keeps it."""
        payment = case.data
        if message.origin != payment.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank answers a recall")
        try:
            reason = investigation.read_resolution(message.body, payment.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        notice = Notice(payment.payer_bank, "payment.recall-refused", {"uetr": payment.uetr, "reason": reason})
        return Decision("settled", replace(payment, recall_answer=reason), notices=(notice,))

    def take_returned(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """The payee's bank gives it back."""
        payment = case.data
        if message.origin != payment.payee_bank or payment.chosen is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank returns")
        try:
            reason, amount_minor, made_at = investigation.read_return(message.body, payment.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        if amount_minor != payment.chosen.exchange.destination_minor:
            return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "a return is of the whole payment")
        if not timedelta(0) <= message.created_at - made_at < MADE_BEFORE:
            # It would stand in a settlement cycle that is over, and nobody would ever settle it.
            return Refusal.of(PaymentRefusal.TIME_WRONG, "it says that it was made at another time", "/CreDtTm")
        late = _listed_late(payment, made_at, context)
        if late and case.state != "blocked":
            return Refusal.of(PaymentRefusal.TOO_LATE, f"a return is made within {RETURN_WITHIN.days} days")
        told = context.said_before(REFUNDED)
        try:
            refund = self._refund(payment, reason, context) if told is None else _told(told, payment)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        back = replace(payment, reason=reason, refund_minor=refund, returned_at=made_at)
        outcome = self._give_back(case.id, back, context)
        outcome = outcome if isinstance(outcome, Refusal) else replace(outcome, parties=late)
        if reason != ON_RECALL or isinstance(outcome, Refusal):
            return outcome
        own = self._directory.currencies[context.member]
        body = investigation.write_return(back, case.id, reason, refund, own, context.now, leg=investigation.REFUND)
        draft = Draft(REFUNDED, payment.payer_bank, payment.payee_bank, body, XML_MEDIA_TYPE)
        # What has come back is taken all the same when nothing can be sent just now.
        unsendable = context.unsendable(draft, len(body))
        return outcome if unsendable is not None else replace(outcome, messages=(draft,))

    def try_again(self, case: PaymentCase, _: Elapsed, context: Context) -> Outcome:
        """Perhaps the provider has money by now."""
        return self._give_back(case.id, case.data, context)

    def _give_back(self, case_id: str, payment: Payment, context: Context) -> Outcome:
        """Pass the provider's money to the payer's bank, and its money abroad back into its hands; both or none."""
        if payment.chosen is None:
            return Refusal.of(PaymentRefusal.QUOTE_OTHER, "there is no accepted quote")
        own, there = self._directory.currencies[context.member], member_of(payment.payee_bank)
        other, provider = self._directory.currencies[there], payment.chosen.provider
        account = context.ledger.account(liquidity(provider, own))
        if account is None or account.balance.available < payment.refund_minor:
            short = Notice(
                provider,
                "payment.return-waits",
                {"refund": self._directory.money(context.member, payment.refund_minor)},
            )
            return Decision("returning", payment, remind_at=context.now + FUNDS_AGAIN, notices=(short,))
        transfers = (
            Move(
                f"{case_id}/fx-back",
                mirror(there, other),
                abroad(provider, there, other),
                payment.chosen.exchange.destination_minor,
            ),
            Move(
                f"{case_id}/refund",
                liquidity(provider, own),
                position(payment.payer_bank, own),
                payment.refund_minor,
                payment.end_to_end,
            ),
        )
        refund = self._directory.money(context.member, payment.refund_minor)
        told = {"uetr": payment.uetr, "reason": payment.reason, "refund": refund}
        notice = Notice(payment.payer_bank, "payment.returned", told)
        return Decision("returned", payment, transfers=transfers, notices=(notice,))

    def _refund(self, payment: Payment, reason: str, context: Context) -> int:
        """What the payer's bank gets, by the rule of who erred."""
        if payment.chosen is None:
            return 0
        exchange = payment.chosen.exchange
        market = context.look(payment.market)
        data = None if market is None else market.data
        board = data.boards.get(payment.chosen.provider) if isinstance(data, Market) else None
        if reason != ON_RECALL or board is None or board.valid_until <= context.now:
            return exchange.source_minor
        rate = rate_from_text(board.rate)
        if not isinstance(rate, Rate):
            return exchange.source_minor
        source = self._directory.currencies[context.member]
        destination = self._directory.currencies[member_of(payment.payee_bank)]
        return max(1, to_destination(exchange.destination_minor, rate.inverse(), destination, source))

    # --- at the payee's gateway ---

    def take_recall(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """The payer's bank asks for its money back: the payee's bank decides."""
        payment = case.data
        if message.origin != payment.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's bank recalls")
        try:
            reason = investigation.read_recall(message.body, payment.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        asked = replace(payment, recall_reason=reason)
        notice = Notice(payment.payee_bank, "payment.recalled", {"uetr": payment.uetr, "reason": reason})
        return Decision("recalled", asked, remind_at=context.now + RECALL_ANSWER, notices=(notice,))

    def crossed(self, case: PaymentCase, message: Received, _: Context) -> Outcome:
        """A recall that met a return on its way has what it asks for."""
        if message.origin != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's bank recalls")
        return Decision("given-back", case.data)

    def take_refunded(self, case: PaymentCase, message: Received, _: Context) -> Outcome:
        """The payer's gateway tells what its bank gets: nothing follows from it, but it is kept for that gateway."""
        if message.origin != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's gateway refunds")
        try:
            _told(message.body, case.data)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        return Decision(case.state, case.data)

    def give_back(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The payee's bank returns the payment, on its own account or because it was recalled."""
        asked: GiveBack = command.body
        if command.party != case.data.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank returns")
        if (asked.reason == ON_RECALL) != (case.state == "recalled"):
            return Refusal.of(PaymentRefusal.REASON_WRONG, f"{ON_RECALL} goes with a recall, and only that", "/reason")
        if is_over(case.data, RETURN_WITHIN, context):
            return Refusal.of(PaymentRefusal.TOO_LATE, f"after {RETURN_WITHIN.days} days, give it back by a payment")
        return self.give(case, case.data, asked.reason, context.now, context)

    def give(self, case: PaymentCase, payment: Payment, reason: str, made_at: datetime, context: Context) -> Outcome:
        """Give a payment back, out of the payee's bank's money or, of one that is blocked, out of suspense.

        Args:
            case: as it stands.
            payment: what it holds from now on.
            reason: ExternalReturnReason1Code.
            made_at: when the return is made.
            context: of the decision.
        """
        if payment.chosen is None:
            return Refusal.of(PaymentRefusal.QUOTE_OTHER, "there are no terms")
        own, amount = self._directory.currencies[context.member], payment.chosen.exchange.destination_minor
        blocked = case.state == "frozen"
        move = Move(
            f"{case.id}/return",
            suspense(context.member, own) if blocked else position(payment.payee_bank, own),
            set_aside(payment.chosen.provider, own),
            amount,
            payment.end_to_end,
        )
        body = investigation.write_return(payment, case.id, reason, amount, own, made_at)
        draft = Draft(RETURNED, payment.payee_bank, payment.payer_bank, body, XML_MEDIA_TYPE)
        back = replace(payment, reason=reason, returned_at=made_at.replace(microsecond=0))
        facts = charge.given_back(payment, context)
        low = () if blocked else position_notices(self._directory, context.ledger, payment.payee_bank, amount)
        late = _listed_late(payment, made_at, context)
        return Decision(
            "given-back", back, transfers=(move,), messages=(draft,), facts=facts, notices=low, parties=late
        )

    def keep_it(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The payee's bank refuses a recall."""
        asked: KeepIt = command.body
        if command.party != case.data.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank answers a recall")
        return self._keep_it(case, asked.reason, context)

    def recall_over(self, case: PaymentCase, _: Elapsed, context: Context) -> Outcome:
        """The payee's bank was silent: a recall is a question, and no answer is a no."""
        return self._keep_it(case, NO_ANSWER, context)

    def _keep_it(self, case: PaymentCase, reason: str, context: Context) -> Outcome:
        payment = replace(case.data, recall_answer=reason)
        body = investigation.write_resolution(payment, case.id, reason, context.now)
        draft = Draft(RESOLVED, payment.payee_bank, payment.payer_bank, body, XML_MEDIA_TYPE)
        return Decision("credited", payment, messages=(draft,))

    # --- after a loss ---

    def restore_recall(self, case: PaymentCase, message: Received, _: Context) -> Outcome:
        """Rebuild a recall from its own message, given back after a loss."""
        try:
            reason = investigation.read_recall(message.body, case.data.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        return Decision("recalling", replace(case.data, recall_reason=reason))

    def restore_returned(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """Rebuild a return from its own message, given back after a loss."""
        try:
            reason, _amount, made_at = investigation.read_return(message.body, case.data.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        outcome = self.give(case, case.data, reason, made_at, context)
        return outcome if isinstance(outcome, Refusal) else replace(outcome, messages=())

    def restore_resolved(self, case: PaymentCase, message: Received, _: Context) -> Outcome:
        """Rebuild a refused recall from its own message, given back after a loss."""
        try:
            reason = investigation.read_resolution(message.body, case.data.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        return Decision("credited", replace(case.data, recall_answer=reason))


def _told(body: bytes, payment: Payment) -> int:
    """What a message says the payer's bank is given for what came back."""
    _reason, refund_minor, _made_at = investigation.read_return(body, payment.uetr)
    return refund_minor


def late_returns(member: str) -> str:
    """Whom payments concern that were returned out of suspense after ``RETURN_WITHIN``: so cycles find them.

    No party has such an address.
    """
    return f"{member}/{GATEWAY_PARTY}/late-returns"


def _listed_late(payment: Payment, made_at: datetime, context: Context) -> tuple[str, ...]:
    """Whom a return made at this time concerns besides: nobody, unless it is a late one."""
    late = payment.answer_by is not None and made_at > payment.answer_by + RETURN_WITHIN
    return (late_returns(context.member),) if late else ()


def is_over(payment: Payment, time: timedelta, context: Context) -> bool:
    """Whether so much time has gone by since a payment's answer was due."""
    return payment.answer_by is not None and context.now > payment.answer_by + time
