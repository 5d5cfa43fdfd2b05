"""The amounts of a payment of a bulk, worked out anew from its document and the agreed rate at either gateway."""

from darwaza.kernel.machine import Refusal
from darwaza.ledger.exchange import Exchange
from darwaza.ledger.exchange import Terms as ExchangeTerms
from darwaza.ledger.rate import Rate, rate_from_text
from darwaza.services.payments.check import TRANSACTION
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.plan import Directory, Participant
from darwaza.standards.iso20022.pacs008 import CreditTransferTransaction


def rate_of(text: str) -> Rate | Refusal:
    """An agreed rate, as terms say it."""
    return rate_from_text(text, "/rate")


def exchange_at(
    transaction: CreditTransferTransaction, rate: Rate, payee: Participant, directory: Directory, source: str
) -> Exchange | Refusal:
    """All amounts of a payment; a refusal when those in its document are others.

    Args:
        transaction: with what the payer gives, and both fees.
        rate: agreed.
        payee: the payees' bank, whose fee counts.
        directory: for the currencies.
        source: member of the payers' bank.
    """
    given, charges = transaction.instructed_amount, transaction.charges
    own, there = directory.currencies[source], directory.currencies[payee.member]
    if given is None or len(charges) != 2 or given.currency != own.code:  # noqa: PLR2004 - of either bank
        return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "it names what the payer gives, and both fees", TRANSACTION)
    terms = ExchangeTerms(
        source=own, destination=there, rate=rate, source_fee_minor=charges[0].amount.minor, destination_fee=payee.fee
    )
    exchange = terms.from_debit(given.minor)
    if isinstance(exchange, Refusal):
        return exchange
    told = (transaction.amount.minor, charges[1].amount.minor)
    if told != (exchange.source_minor, exchange.destination_fee_minor):
        return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "its amounts are not those of the rate", TRANSACTION)
    return exchange
