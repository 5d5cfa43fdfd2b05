"""Quotes at the payer's gateway: offers, the acceptance that reserves an FX provider's funds, and their lapse."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from darwaza.kernel.machine import Case, Command, Context, Decision, Elapsed, Refusal
from darwaza.kernel.message import member_of
from darwaza.ledger.order import Hold, Void
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.liquidity import abroad_notices
from darwaza.services.payments.market import Wanted, offers
from darwaza.services.payments.message import Ask, Choose, quote_id
from darwaza.services.payments.plan import Directory, abroad, mirror
from darwaza.services.payments.record import Market, Offer, Payment

Outcome = Decision[Any] | Refusal
PaymentCase = Case[Payment]
replace = msgspec.structs.replace


class QuoteRules:
    """See the module."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def quote(self, _: None, command: Command, context: Context) -> Outcome:
        """Gather the offers of all FX providers."""
        asked: Ask = command.body
        made = self.offers(asked, command.party, context)
        if isinstance(made, Refusal):
            return made
        corridor = self._directory.corridor(context.member, member_of(asked.payee_bank))
        until = context.now + timedelta(seconds=0 if corridor is None else corridor.quote_s)
        payment = Payment(
            payer_bank=command.party,
            payee_bank=asked.payee_bank,
            quoted_at=context.now,
            quote_until=until,
            offers=made,
            market=asked.market,
        )
        answer = {"quote_id": quote_id(context.case_id)}
        if asked.take_best:
            return replace(self._reserve(payment, made[0], context), parties=(command.party,), answer=answer)
        return Decision("quoted", payment, remind_at=until, parties=(command.party,), answer=answer)

    def offers(
        self, asked: Ask, bank: str, context: Context, *, rate: Decimal | None = None, provider: str = ""
    ) -> tuple[Offer, ...] | Refusal:
        """What all FX providers offer for what a PSP asks, best first; only those at ``rate``, or of ``provider``."""
        if self._directory.participant(bank, "psp") is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only a payment service provider asks for quotes")
        found = context.look(asked.market)
        market = None if found is None else found.data
        if not isinstance(market, Market) or market.source != context.member:
            return Refusal.of(PaymentRefusal.MARKET_UNKNOWN, "there is no such market here", "/market")
        corridor = self._directory.corridor(market.source, market.destination)
        payee = self._directory.participant(asked.payee_bank, "psp")
        if corridor is None or payee is None or payee.member != market.destination:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the payee's bank is not in that market", "/payee_bank")
        wanted = Wanted(asked, bank, payee, corridor, rate, provider)
        return offers(self._directory, market, wanted, context)

    def accept(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """Take one offer: the provider's funds are reserved, so the quote cannot fail for lack of them."""
        asked: Choose = command.body
        payment = case.data
        if command.party != payment.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "the quote is another institution's")
        chosen = next((one for one in payment.offers if one.provider == asked.provider), None)
        if chosen is None:
            return Refusal.of(PaymentRefusal.QUOTE_OTHER, "there is no offer of this provider", "/provider")
        if lapsed(payment, context):
            return Refusal.of(PaymentRefusal.QUOTE_EXPIRED, "the quote has expired")
        return self._reserve(payment, chosen, context)

    def _reserve(self, payment: Payment, chosen: Offer, context: Context) -> Decision[Any]:
        hold = Hold(
            f"{context.case_id}/quote",
            *provider_leg(self._directory, payment, chosen),
            chosen.exchange.destination_minor,
            payment.quote_until,
        )
        there, taken = member_of(payment.payee_bank), chosen.exchange.destination_minor
        return Decision(
            "reserved",
            replace(payment, chosen=chosen),
            notices=abroad_notices(self._directory, context.ledger, chosen.provider, there, taken),
            transfers=(hold,),
            remind_at=payment.quote_until,
            parties=(chosen.provider,),
        )

    def cancel(self, case: PaymentCase, command: Command, context: Context) -> Outcome:
        """Let an unused quote go."""
        if command.party != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "the quote is another institution's")
        void = (Void(f"{case.id}/unquote", f"{case.id}/quote"),) if case.data.chosen is not None else ()
        if lapsed(case.data, context):
            void = ()
        return Decision("expired", replace(case.data, ended_at=context.now), transfers=void)

    def lapse(self, case: PaymentCase, _: Elapsed, context: Context) -> Outcome:
        """The quote's time is over; what was reserved has expired in the ledger."""
        return Decision("expired", replace(case.data, document=b"", ended_at=context.now))


def provider_leg(directory: Directory, payment: Payment, chosen: Offer) -> tuple[str, str]:
    """The accounts between which the provider's funds abroad are held: debit and credit."""
    there = member_of(payment.payee_bank)
    asset = directory.currencies[there]
    return abroad(chosen.provider, there, asset), mirror(there, asset)


def lapsed(payment: Payment, context: Context) -> bool:
    """Whether the quote's time is over."""
    return payment.quote_until is not None and payment.quote_until <= context.now
