"""Quotes and payments as banks see them: amounts as decimals, with what a payment costs its payer in all."""

from datetime import datetime

import msgspec

from darwaza.engine.engine import Engine
from darwaza.entry.view.document import MessageView, view_messages
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import member_of
from darwaza.ledger.asset import Asset
from darwaza.ledger.money import to_text
from darwaza.ledger.rate import PPM, effective_rate, offered, rate_to_text
from darwaza.ports.store import CaseRow
from darwaza.services.payments.entry import entry_id, one_of
from darwaza.services.payments.indicator import cost_minor
from darwaza.services.payments.plan import Corridor, Directory
from darwaza.services.payments.quote import quote_id
from darwaza.services.payments.record import Bulk, Offer, Payment
from darwaza.standards.iso20022 import codes

STATUS = {
    "sent": "ACSP",
    "unknown": "ACSP",
    "screening": "PDNG",
    "parked": "PDNG",
    "checking": "PDNG",
    "screened": "PDNG",
    "asked": "PDNG",
    "accepted": "ACTC",
    "freezing": "BLCK",
    "frozen": "BLCK",
    "blocked": "BLCK",
    "settled": "ACSC",
    "recalling": "ACSC",
    "returning": "ACSC",
    "returned": "ACSC",
    "credited": "ACCC",
    "recalled": "ACCC",
    "given-back": "ACCC",
    "rejected": "RJCT",
    "refused": "RJCT",
}
"""ISO 20022 status by state; a quote has none yet."""


class Money(msgspec.Struct, frozen=True):
    """An amount.

    Attributes:
        amount: decimal, with exactly the currency's decimals.
        currency: ISO 4217.
    """

    amount: str
    currency: str


class CostView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a payment costs in all, in the source currency.

    Attributes:
        fees: both institutions' fees, the payee's side at the offered rate.
        margin: what the rate gives the FX provider over the mid rate; absent where the market has no mid rate.
        payer: both: what it costs the payer.
        payer_ppm: that in parts per million of what the payer is debited.
        subsidy: what a state pays besides, so that the payer does not; absent where nothing.
        total: what it costs payer and state together.
    """

    fees: Money
    payer: Money
    payer_ppm: int
    total: Money
    margin: Money | None = None
    subsidy: Money | None = None


class OfferView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One FX provider's offer.

    Attributes:
        provider: the FX provider's address.
        rate: agreed: destination units per source unit.
        effective_rate: what the payee is credited for each unit the payer is debited.
        debit: leaves the payer.
        source_fee: kept by the payer's institution.
        source: goes to the FX provider.
        destination: comes from the FX provider.
        destination_fee: kept by the payee's institution.
        credit: reaches the payee.
        cost: what that costs the payer; absent at the payee's gateway.
        margin_ppm: of the mid rate, parts per million; absent without one.
    """

    provider: str
    rate: str
    effective_rate: str
    debit: Money
    source_fee: Money
    source: Money
    destination: Money
    destination_fee: Money
    credit: Money
    cost: CostView | None = None
    margin_ppm: int | None = None


class CheckView(msgspec.Struct, frozen=True):
    """A compliance officer's word.

    Attributes:
        officer: address of the party, a colon and who it was.
        at: when.
        word: ``release``, ``refuse`` or ``block``.
    """

    officer: str
    at: str
    word: str


class PaymentView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A payment, from its quote on.

    Attributes:
        id: of the case, the same at both gateways.
        state: of the case at this gateway; docs/reference/payments.md shows them.
        status: ISO 20022 transaction status; absent before the payment is ordered.
        quote_id: for ``AgrdRate/QtId`` of the pacs.008; absent for a payment at a rate of the moment.
        payer_bank: address.
        payee_bank: address.
        opened_at: when this gateway first knew it.
        changed_at: when it last changed here.
        quote_until: when the quote lapses.
        offers: of the quote, best first; in a list the best one, until one is accepted.
        chosen: the accepted offer.
        uetr: of the payment.
        message_id: of the pacs.008.
        end_to_end: the payer's reference.
        urgent: whether nobody is credited before the payer's gateway has confirmed.
        answer_by: until then the payee's bank may accept.
        decide_by: until then an acceptance counts.
        ended_at: when it was final.
        reason: ISO 20022 reason of a rejection or return.
        reason_text: what the code means.
        detail: one sentence.
        hits: what screening found; compliance only.
        checks: officers who looked at it; compliance only.
        recall_reason: why the payer's bank asked for it back.
        recall_answer: why the payee's bank kept it.
        refund: what the payer's bank got back, or, while it is ``returning``, is to get when the provider has it.
        messages: of the case, with the receipts; each has evidence.
    """

    id: str
    state: str
    status: str = ""
    quote_id: str = ""
    payer_bank: str
    payee_bank: str
    opened_at: str
    changed_at: str
    quote_until: str | None = None
    offers: list[OfferView] = []
    chosen: OfferView | None = None
    uetr: str = ""
    message_id: str = ""
    end_to_end: str = ""
    urgent: bool | None = None
    answer_by: str | None = None
    decide_by: str | None = None
    ended_at: str | None = None
    reason: str = ""
    reason_text: str = ""
    detail: str = ""
    hits: list[str] = []
    checks: list[CheckView] = []
    recall_reason: str = ""
    recall_answer: str = ""
    refund: Money | None = None
    messages: list[MessageView] = []


def money(minor: int, asset: Asset) -> Money:
    """Word an amount."""
    return Money(to_text(minor, asset), asset.code)


def view_payment(
    engine: Engine,
    row: CaseRow,
    directory: Directory,
    number: int = 0,
    *,
    full: bool = True,
    compliance: bool = False,
    data: Payment | Bulk | None = None,
) -> PaymentView:
    """Describe a payment's case as committed.

    Args:
        engine: the gateway's.
        row: of a case that holds a payment.
        directory: who takes part, and on what terms.
        number: of a payment of a bulk; 0 for a case of its own.
        full: with messages and all offers; otherwise with the best one of a quote of which none was accepted.
        compliance: with what screening found.
        data: of the case, where it has been read.
    """
    state, payment = one_of(row.state, engine.site.decode_case(row).data if data is None else data, number)
    members = member_of(payment.payer_bank), member_of(payment.payee_bank)
    source, destination = (directory.currencies.get(member, _UNKNOWN) for member in members)
    # Only the payer's gateway knows the margin, and so the cost.
    corridor = None if payment.quoted_at is None else directory.corridor(*members)
    chosen = payment.chosen
    offers = payment.offers if full else payment.offers[: 0 if chosen else 1]
    refunded = payment.returned_at is not None and payment.refund_minor
    return PaymentView(
        id=entry_id(row.id, number) if number else row.id,
        state=state,
        status=STATUS.get(state, ""),
        quote_id="" if payment.quote_until is None else quote_id(row.id),
        payer_bank=payment.payer_bank,
        payee_bank=payment.payee_bank,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        quote_until=_text(payment.quote_until),
        offers=[view_offer(one, source, destination, corridor) for one in offers],
        chosen=None if chosen is None else view_offer(chosen, source, destination, corridor),
        uetr=payment.uetr,
        message_id=payment.message_id,
        end_to_end=payment.end_to_end,
        urgent=payment.urgent if payment.uetr else None,
        answer_by=_text(payment.answer_by),
        decide_by=_text(payment.decide_by),
        ended_at=_text(payment.ended_at),
        reason=payment.reason,
        reason_text=codes.reason_text(payment.reason),
        detail=payment.detail,
        hits=list(payment.hits) if compliance else [],
        checks=_checks(payment) if compliance else [],
        recall_reason=payment.recall_reason,
        recall_answer=payment.recall_answer,
        refund=money(payment.refund_minor, source) if refunded else None,
        messages=view_messages(engine, row.id, payment.uetr if number else "") if full else [],
    )


def _checks(payment: Payment) -> list[CheckView]:
    return [CheckView(one.officer, instant.to_text(one.at), one.word) for one in payment.checks]


_UNKNOWN = Asset("XXX", 2)
"""Stands for the currency of a member that the plan names no more."""


def view_offer(offer: Offer, source: Asset, destination: Asset, corridor: Corridor | None) -> OfferView:
    """Describe an offer; with its cost where the corridor is told."""
    exchange = offer.exchange
    effective = offered(effective_rate(exchange.debit_minor, exchange.credit_minor, source, destination))
    return OfferView(
        provider=offer.provider,
        rate=offer.rate,
        effective_rate="0" if isinstance(effective, Refusal) else rate_to_text(effective),
        debit=money(exchange.debit_minor, source),
        source_fee=money(exchange.source_fee_minor, source),
        source=money(exchange.source_minor, source),
        destination=money(exchange.destination_minor, destination),
        destination_fee=money(exchange.destination_fee_minor, destination),
        credit=money(exchange.credit_minor, destination),
        cost=None if corridor is None else _cost(offer, source, corridor),
        margin_ppm=offer.margin_ppm,
    )


def _cost(offer: Offer, source: Asset, corridor: Corridor) -> CostView:
    payer, subsidy = cost_minor(offer), corridor.subsidy_of(offer.exchange.source_minor)
    return CostView(
        fees=money(payer - offer.spread_minor, source),
        payer=money(payer, source),
        payer_ppm=-(-payer * PPM // offer.exchange.debit_minor),
        total=money(payer + subsidy, source),
        margin=None if offer.margin_ppm is None else money(offer.spread_minor, source),
        subsidy=money(subsidy, source) if subsidy else None,
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else instant.to_text(moment)
