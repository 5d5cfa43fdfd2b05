"""The amounts of a payment of a bulk, worked out anew from its document and the agreed rate at either gateway."""

from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.exchange import Exchange, Fee
from darwaza.ledger.exchange import Terms as ExchangeTerms
from darwaza.ledger.rate import Rate, rate_from_text
from darwaza.services.payments.check import TRANSACTION
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.plan import Participant
from darwaza.standards.iso20022.pacs008 import CreditTransferTransaction


def rate_of(text: str) -> Rate | Refusal:
    """An agreed rate, as terms say it."""
    return rate_from_text(text, "/rate")


def exchange_at(
    transaction: CreditTransferTransaction, rate: Rate, source: Asset, destination: Asset
) -> Exchange | Refusal:
    """All amounts of a payment as its document has them; a refusal when those contradict one another.

    Whether the payees' bank's fee is the plan's is another question (``fee_problem``): plans of two countries may
    differ for a while, and what one gateway held has to be told by the other.

    Args:
        transaction: with what the payer gives, and both fees.
        rate: agreed.
        source: the payers' currency.
        destination: the payees'.
    """
    given, charges = transaction.instructed_amount, transaction.charges
    if given is None or len(charges) != 2 or given.currency != source.code:  # noqa: PLR2004 - of either bank
        return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "it names what the payer gives, and both fees", TRANSACTION)
    exchange = ExchangeTerms(
        source=source,
        destination=destination,
        rate=rate,
        source_fee_minor=charges[0].amount.minor,
        destination_fee=Fee(fixed_minor=charges[1].amount.minor),
    ).from_debit(given.minor)
    if not isinstance(exchange, Refusal) and exchange.source_minor != transaction.amount.minor:
        return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "its amounts are not those of the rate", TRANSACTION)
    return exchange


def fee_problem(exchange: Exchange, payee: Participant) -> Refusal | None:
    """Why the payees' bank's fee in a document is not the one its plan names, or None."""
    if exchange.destination_fee_minor == payee.fee.of(exchange.destination_minor):
        return None
    return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "the payee's bank's fee is another", TRANSACTION)
