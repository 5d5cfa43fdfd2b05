"""Quotes at the payer's gateway: offers, the acceptance that reserves an FX provider's funds, and their lapse."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from darwaza.kernel.machine import Case, Command, Context, Decision, Elapsed, Refusal
from darwaza.kernel.message import member_of
from darwaza.ledger.asset import Asset
from darwaza.ledger.money import to_minor
from darwaza.ledger.order import Hold, Void
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.liquidity import abroad_notices
from darwaza.services.payments.market import Place, Wanted, offers
from darwaza.services.payments.message import Ask, Choose
from darwaza.services.payments.plan import Directory, abroad, mirror
from darwaza.services.payments.record import Market, Offer, Payment
from darwaza.standards.iso20022.amount import Amount

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
        place = self.place(asked.market, command.party, asked.payee_bank, context)
        if isinstance(place, Refusal):
            return place
        made = _offers_of(asked, place, context)
        if isinstance(made, Refusal):
            return made
        until = context.now + timedelta(seconds=place.corridor.quote_s)
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
            return replace(self.reserve(payment, made[0], context), parties=(command.party,), answer=answer)
        return Decision("quoted", payment, remind_at=until, parties=(command.party,), answer=answer)

    def place(self, market_id: str, bank: str, payee_bank: str, context: Context) -> Place | Refusal:
        """Where a PSP asks for offers."""
        if self._directory.participant(bank, "psp") is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only a payment service provider asks for quotes")
        found = context.look(market_id)
        market = None if found is None else found.data
        if not isinstance(market, Market) or market.source != context.member:
            return Refusal.of(PaymentRefusal.MARKET_UNKNOWN, "there is no such market here", "/market")
        corridor = self._directory.corridor(market.source, market.destination)
        payee = self._directory.participant(payee_bank, "psp")
        if corridor is None or payee is None or payee.member != market.destination:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the payee's bank is not in that market", "/payee_bank")
        currencies = self._directory.currencies
        return Place(market, bank, payee, corridor, currencies[market.source], currencies[market.destination], {})

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
        return self.reserve(payment, chosen, context)

    def reserve(self, payment: Payment, chosen: Offer, context: Context) -> Decision[Any]:
        """Hold what an offer takes of its provider's funds until the quote lapses."""
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


def offers_at(
    place: Place, given: tuple[Amount, Amount], rate: Decimal, context: Context, provider: str = ""
) -> tuple[Offer, ...] | Refusal:
    """What FX providers offer at a rate for what a document says, best first; only ``provider``, where one is named.

    Args:
        place: where.
        given: what the payer gives, and the payer's bank's fee.
        rate: as agreed.
        context: of the decision.
        provider: address, or "".
    """
    amount, fee = (_minor(one, place.source) for one in given)
    if isinstance(amount, Refusal):
        return amount
    if isinstance(fee, Refusal):
        return fee
    return offers(place, Wanted("source", amount, fee, rate, provider), context)


def _minor(amount: Amount, asset: Asset) -> int | Refusal:
    # Of another currency it is refused later, in the order of checks; here only a number counts.
    return amount.minor if amount.scale == asset.scale else to_minor(amount.text(), asset, "/amount")


def _offers_of(asked: Ask, place: Place, context: Context) -> tuple[Offer, ...] | Refusal:
    fixed = place.source if asked.fixed == "source" else place.destination
    amount, fee = to_minor(asked.amount, fixed, "/amount"), to_minor(asked.fee, place.source, "/fee")
    if isinstance(amount, Refusal):
        return amount
    if isinstance(fee, Refusal):
        return fee
    return offers(place, Wanted(asked.fixed, amount, fee), context)


def provider_leg(directory: Directory, payment: Payment, chosen: Offer) -> tuple[str, str]:
    """The accounts between which the provider's funds abroad are held: debit and credit."""
    there = member_of(payment.payee_bank)
    asset = directory.currencies[there]
    return abroad(chosen.provider, there, asset), mirror(there, asset)


def lapsed(payment: Payment, context: Context) -> bool:
    """Whether the quote's time is over."""
    return payment.quote_until is not None and payment.quote_until <= context.now


def quote_id(case_id: str) -> str:
    """The quote's id in ISO 20022 messages, which ask for a UUID of version 4: the case's with that version."""
    return f"{case_id[:14]}4{case_id[15:]}"
