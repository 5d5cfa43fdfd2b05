"""Money that is blocked: it came from its payer, and compliance at the payee's gateway lets it go neither on nor back.

It stands in the member's suspense account, all that left the FX provider: the payee's bank has done nothing for it yet
and earns its fee only when it credits. For everybody else the payment is settled: the payer has paid, its bank has its
fee, and the provider has bought and sold. Only the word of two officers moves it on: to the payee, as it was ordered,
or back to the payer, as a return by nobody's fault but the law's, at the agreed rate.
"""

from typing import Any

import msgspec

from darwaza.errors import MessageError
from darwaza.kernel.machine import Case, Command, Context, Decision, Draft, Notice, Received, Refusal
from darwaza.kernel.message import member_of
from darwaza.ledger.order import Move, Post, TransferOrder
from darwaza.services.payments import charge, status
from darwaza.services.payments.code import REGULATORY, REGULATORY_DETAIL, PaymentRefusal
from darwaza.services.payments.message import STATUS, XML_MEDIA_TYPE
from darwaza.services.payments.officer import Clear, Refuse, decides, heard, since_block
from darwaza.services.payments.plan import Directory, fees, position, suspense, transit
from darwaza.services.payments.record import Payment
from darwaza.services.payments.reversal import ReversalRules

Outcome = Decision[Any] | Refusal
PaymentCase = Case[Payment]
replace = msgspec.structs.replace


class SuspenseRules:
    """See the module."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._reversal = ReversalRules(directory)

    # --- at the payee's gateway ---

    def freeze(self, case_id: str, payment: Payment, context: Context) -> Decision[Any]:
        """Put what was held of the provider's money into suspense."""
        own, minor = self._directory.currencies[context.member], _destination_minor(payment)
        transfers = (
            Post(f"{case_id}/fxed", payment.uetr, minor),
            Move(
                f"{case_id}/block",
                transit(member_of(payment.payer_bank), own),
                suspense(context.member, own),
                minor,
                payment.end_to_end,
            ),
        )
        ended = replace(payment, reason=REGULATORY, detail=REGULATORY_DETAIL, ended_at=context.now)
        told = {"uetr": payment.uetr, "reason": REGULATORY, "amount": self._directory.money(context.member, minor)}
        parties = (payment.payee_bank, *self._directory.operators(context.member))
        notices = tuple(Notice(party, "payment.blocked", told) for party in parties)
        return Decision("frozen", ended, transfers=transfers, notices=notices)

    def release(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The payee may have it after all: the word of a second officer credits it."""
        asked: Clear = command.body
        payment = _heard(case.data, command, asked, context)
        if isinstance(payment, Refusal) or not decides(since_block(payment.checks)[1]):
            return payment if isinstance(payment, Refusal) else Decision("frozen", payment)
        released = self._credit(case.id, payment, context)
        return replace(released, messages=(tell(released.data, case.id, status.CREDITED, context),))

    def refuse(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """The payer gets it back: the word of a second officer returns it."""
        asked: Refuse = command.body
        payment = _heard(case.data, command, asked, context)
        if isinstance(payment, Refusal) or not decides(since_block(payment.checks)[1]):
            return payment if isinstance(payment, Refusal) else Decision("frozen", payment)
        return self._reversal.give(case, payment, REGULATORY, context.now, context)

    def _credit(self, case_id: str, payment: Payment, context: Context) -> Decision[Any]:
        account = suspense(context.member, self._directory.currencies[context.member])
        return credit(self._directory, account, case_id, replace(payment, reason="", detail=""), context)

    # --- at the payer's gateway ---

    def take_status(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """The payee's gateway tells of a payment that it had blocked."""
        payment = case.data
        if message.origin != payment.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank answers")
        try:
            given, _, _ = status.read_status(message.body, payment.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        if given != status.CREDITED:
            return Decision("blocked", payment)
        told = {"uetr": payment.uetr, "reason": "", "detail": ""}
        ended = replace(payment, reason="", detail="", ended_at=context.now)
        return Decision("settled", ended, notices=(Notice(payment.payer_bank, "payment.settled", told),))

    # --- after a loss ---

    def restore_status(self, case: PaymentCase, message: Received, context: Context) -> Outcome:
        """Rebuild that a payment was released, from this gateway's own word given back after a loss."""
        try:
            given, _, _ = status.read_status(message.body, case.data.uetr)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        if given != status.CREDITED:
            return Decision("frozen", case.data)
        return self.restore_release(case, message, context)

    def restore_release(self, case: PaymentCase, _: Received, context: Context) -> Outcome:
        """Rebuild that a payment was released."""
        return self._credit(case.id, case.data, context)


def credit(
    directory: Directory, account: str, case_id: str, payment: Payment, context: Context, *first: TransferOrder
) -> Decision[Any]:
    """Credit the payee's bank, and its fee, out of an account.

    Args:
        directory: who takes part.
        account: id of the one that holds the money, once ``first`` is booked.
        case_id: of the payment.
        payment: to be credited.
        context: of the decision.
        first: transfers that have to come before.
    """
    own, payee, exchange = directory.currencies[context.member], payment.payee_bank, _exchange(payment)
    transfers = (
        *first,
        Move(f"{case_id}/credit", account, position(payee, own), exchange.credit_minor, payment.end_to_end),
    )
    if exchange.destination_fee_minor:
        transfers += (Move(f"{case_id}/fee", account, fees(payee, own), exchange.destination_fee_minor),)
    told = {"uetr": payment.uetr, "credit": directory.money(member_of(payee), exchange.credit_minor)}
    # What awaits the charge is decided in this transaction: it is paid and released, or neither.
    return Decision(
        "credited",
        replace(payment, ended_at=context.now),
        transfers=transfers,
        facts=charge.paid(payment, context, own.code),
        awaits=charge.awaited(payment),
        notices=(Notice(payee, "payment.credited", told),),
    )


def tell(payment: Payment, case_id: str, given: str, context: Context) -> Draft:
    """Tell the payer's bank a status of a payment, with the reason it has."""
    body = status.write_status(payment, case_id, given, context.now, reason=payment.reason, detail=payment.detail)
    return Draft(STATUS, payment.payee_bank, payment.payer_bank, body, XML_MEDIA_TYPE)


def _heard(payment: Payment, command: Command, word: Clear | Refuse, context: Context) -> Payment | Refusal:
    before, since = since_block(payment.checks)
    after = heard(replace(payment, checks=since), command, word, context.now)
    return after if isinstance(after, Refusal) else replace(after, checks=(*before, *after.checks))


def _destination_minor(payment: Payment) -> int:
    return int(_exchange(payment).destination_minor)


def _exchange(payment: Payment) -> Any:
    if payment.chosen is None:
        raise ValueError("a payment at the payee's gateway has terms")
    return payment.chosen.exchange
