"""What is checked of a pacs.008 before any money is held, in the order of ``code.PaymentRefusal``.

The schema has passed already. Identifiers' check digits, the agreed quote, limits, purpose and the data that FATF
Recommendation 16 asks for are checked here; names against lists in ``screening``; funds by the ledger, last.
"""

from collections.abc import Container, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel.machine import Context, Refusal
from darwaza.ledger.asset import Asset
from darwaza.services.payments import charge
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.names import says
from darwaza.services.payments.plan import Corridor, Directory, Participant
from darwaza.services.payments.record import Offer
from darwaza.services.payments.status import TRANSFER_MESSAGE
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.identifier import check_iban
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.pacs008 import CreditTransfer, CreditTransferTransaction
from darwaza.standards.iso20022.party import Account, Party

ACCEPTANCE_AGE_MAX = timedelta(minutes=10)
"""A payment its bank took on longer ago is not sent out any more."""
CLOCK_AHEAD_MAX = timedelta(seconds=60)
TRANSACTION = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]"
"""Where what is wrong with a payment is pointed at."""


class Ordered(NamedTuple):
    """A readable pacs.008 with its one transaction."""

    transfer: CreditTransfer
    transaction: CreditTransferTransaction
    urgent: bool


class Agreed(NamedTuple):
    """What a payment is held against.

    Attributes:
        quote_until: when what is reserved for it lapses; None where nothing is.
        quote_id: of the accepted quote, which the document names; None at a rate of the moment.
        offer: that was accepted.
        corridor: the terms.
        payer_bank: the payer's PSP.
        payee_bank: the payee's PSP.
    """

    quote_until: datetime | None
    quote_id: str | None
    offer: Offer
    corridor: Corridor
    payer_bank: Participant
    payee_bank: Participant


class Alike(NamedTuple):
    """What payments that go in one bulk have in common.

    Attributes:
        payee_bank: BIC.
        rate: agreed.
        urgent: whether the payer's gateway confirms each end.
    """

    payee_bank: str | None
    rate: Decimal
    urgent: bool


def read_transfer(document: bytes, known: CreditTransfer | None = None) -> Ordered | Refusal:
    """Read a pacs.008.001.13 with one transaction that has a UETR.

    Args:
        document: as it came.
        known: what it says, where it has been read already.
    """
    try:
        transfer = known or read(document)
    except (MalformedError, TooLargeError) as fault:
        return Refusal(PaymentRefusal.MALFORMED.code, f"{fault.code}: {fault.detail}", fault.pointer)
    if not isinstance(transfer, CreditTransfer) or transfer.message != TRANSFER_MESSAGE:
        return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, f"between countries {TRANSFER_MESSAGE} travels", "/")
    if len(transfer.transactions) != 1:
        return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "one payment has one transaction", TRANSACTION)
    transaction = transfer.transactions[0]
    if transaction.id.uetr is None:
        return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "a payment has a UETR", TRANSACTION + "/PmtId/UETR")
    kind = transaction.payment_type or transfer.header.payment_type
    return Ordered(transfer, transaction, urgent=kind is None or kind.priority != "NORM")


def problem(ordered: Ordered, agreed: Agreed, directory: Directory, context: Context) -> Refusal | None:
    """The first thing that is wrong with a payment, or None."""
    uetr = ordered.transaction.id.uetr or ""
    return duplicate(uetr, context.named((uetr,)), context) or defect(ordered, agreed, directory, context)


def duplicate(uetr: str, named: Container[str], context: Context) -> Refusal | None:
    """Why a UETR cannot be taken again, or None; ``named`` has those that name a case (``Context.named``)."""
    if uetr not in named and context.ledger.transfer(uetr) is None:
        return None
    return Refusal.of(
        PaymentRefusal.DUPLICATE, "a payment with this UETR was taken before", TRANSACTION + "/PmtId/UETR"
    )


def defect(ordered: Ordered, agreed: Agreed, directory: Directory, context: Context) -> Refusal | None:
    """The first thing that is wrong with a payment whose UETR is known to be new, or None."""
    transaction = ordered.transaction
    return (
        _quote_problem(transaction, agreed, context)
        or _agent_problem(transaction, agreed)
        or _amount_problem(transaction, agreed, directory)
        or _time_problem(ordered, context)
        or _limit_problem(agreed)
        or _purpose_problem(transaction, agreed.corridor)
        or _data_problem(transaction, agreed)
    )


def _quote_problem(transaction: CreditTransferTransaction, agreed: Agreed, context: Context) -> Refusal | None:
    rate = transaction.agreed_rate
    until = agreed.quote_until
    if rate is None or rate.quote_id != agreed.quote_id or rate.rate != Decimal(agreed.offer.rate):
        return Refusal.of(
            PaymentRefusal.QUOTE_OTHER, "the agreed rate is not the accepted quote's", TRANSACTION + "/AgrdRate"
        )
    if until is not None and until <= context.now:
        return Refusal.of(PaymentRefusal.QUOTE_EXPIRED, "the quote has expired", TRANSACTION + "/AgrdRate/QtId")
    return None


def _agent_problem(transaction: CreditTransferTransaction, agreed: Agreed) -> Refusal | None:
    for agent, bank, name in (
        (transaction.debtor_agent, agreed.payer_bank, "DbtrAgt"),
        (transaction.creditor_agent, agreed.payee_bank, "CdtrAgt"),
    ):
        if agent.bic != bank.bic:
            return Refusal.of(
                PaymentRefusal.AGENT_UNKNOWN, f"the agent is not {bank.bic}", f"{TRANSACTION}/{name}/FinInstnId/BICFI"
            )
    return None


def _amount_problem(transaction: CreditTransferTransaction, agreed: Agreed, directory: Directory) -> Refusal | None:
    source = directory.currencies[agreed.corridor.source]
    destination = directory.currencies[agreed.corridor.destination]
    exchange, charges = agreed.offer.exchange, transaction.charges
    rate = transaction.agreed_rate
    for currency, asset, name in (
        (None if rate is None else rate.unit_currency, source, "UnitCcy"),
        (None if rate is None else rate.quoted_currency, destination, "QtdCcy"),
    ):
        if currency not in (None, asset.code):
            return Refusal.of(
                PaymentRefusal.CURRENCY_WRONG, f"the rate's is {asset.code}", f"{TRANSACTION}/AgrdRate/{name}"
            )
    if transaction.amount.currency != source.code:
        return Refusal.of(
            PaymentRefusal.CURRENCY_WRONG, f"it is settled here in {source.code}", TRANSACTION + "/IntrBkSttlmAmt"
        )
    if not _comes_to(transaction.amount, exchange.source_minor, source):
        wrong = "IntrBkSttlmAmt"
    elif not _comes_to(transaction.instructed_amount, exchange.debit_minor, source):
        wrong = "InstdAmt"
    elif (
        len(charges) != 2  # noqa: PLR2004 - of either bank
        or not _comes_to(charges[0].amount, exchange.source_fee_minor, source)
        or not _comes_to(charges[1].amount, exchange.destination_fee_minor, destination)
        or charges[0].agent.bic != agreed.payer_bank.bic
        or charges[1].agent.bic != agreed.payee_bank.bic
    ):
        wrong = "ChrgsInf"
    else:
        return None
    return Refusal.of(PaymentRefusal.AMOUNT_OTHER, f"{wrong} is not the quote's", f"{TRANSACTION}/{wrong}")


def bulk_problem(ordered: Ordered, urgent: bool | None = None) -> Refusal | None:
    """Why a payment cannot go in a bulk but only by itself, or None.

    Args:
        ordered: the payment.
        urgent: whether those of the bulk are; None for whichever bulk.
    """
    if charge.claim_of(ordered.transaction) is not None:
        detail = "a payment of a charge on a consignment goes by itself"
    elif urgent not in (None, ordered.urgent):
        detail = "all payments of a bulk have the same priority"
    else:
        return None
    return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, detail, TRANSACTION)


def alike(ordered: Ordered) -> Alike | None:
    """What others have to be like to go in one bulk with a payment, or None for one that goes by itself."""
    rate = ordered.transaction.agreed_rate
    if rate is None or rate.quote_id or bulk_problem(ordered) is not None:
        return None
    return Alike(ordered.transaction.creditor_agent.bic, rate.rate, ordered.urgent)


def _comes_to(amount: Amount | None, minor: int, asset: Asset) -> bool:
    return amount is not None and (amount.minor, amount.scale, amount.currency) == (minor, asset.scale, asset.code)


def _time_problem(ordered: Ordered, context: Context) -> Refusal | None:
    accepted = ordered.transaction.accepted_at or ordered.transfer.header.created_at
    expires = ordered.transaction.expires_at or ordered.transfer.header.expires_at
    if not context.now - ACCEPTANCE_AGE_MAX <= accepted <= context.now + CLOCK_AHEAD_MAX:
        return Refusal.of(
            PaymentRefusal.TIME_WRONG, "it was taken on too long ago, or in the future", TRANSACTION + "/AddtlDtTm"
        )
    if expires is not None and expires <= context.now:
        return Refusal.of(PaymentRefusal.TIME_WRONG, "it has expired", TRANSACTION + "/AddtlDtTm/XpryDtTm")
    return None


def _limit_problem(agreed: Agreed) -> Refusal | None:
    amount, own = agreed.offer.exchange.source_minor, agreed.payer_bank.limit_minor
    pointer = TRANSACTION + "/IntrBkSttlmAmt"
    if amount > agreed.corridor.limit_minor:
        return Refusal.of(PaymentRefusal.OVER_CORRIDOR_LIMIT, "it is over the corridor's limit", pointer)
    if own is not None and amount > own:
        return Refusal.of(PaymentRefusal.OVER_PARTICIPANT_LIMIT, "it is over the institution's limit", pointer)
    return None


def _purpose_problem(transaction: CreditTransferTransaction, corridor: Corridor) -> Refusal | None:
    code = None if transaction.purpose is None else transaction.purpose.code
    if corridor.purposes and code not in corridor.purposes:
        allowed = ", ".join(sorted(corridor.purposes))
        return Refusal.of(PaymentRefusal.PURPOSE_WRONG, f"the purpose is one of {allowed}", TRANSACTION + "/Purp/Cd")
    return None


def _data_problem(transaction: CreditTransferTransaction, agreed: Agreed) -> Refusal | None:
    return data_problem(transaction, large=agreed.corridor.identifies(agreed.offer.exchange.source_minor))


def data_problem(transaction: CreditTransferTransaction, *, large: bool) -> Refusal | None:
    """Why a payment does not say who pays whom as it must, or None.

    Args:
        transaction: that is held against Recommendation 16.
        large: whether it is of an amount from which its corridor identifies (``Corridor.identifies``).
    """
    lacking = list(missing(transaction, large=large))
    if lacking:
        return Refusal.of(PaymentRefusal.DATA_MISSING, "missing: " + ", ".join(lacking), f"{TRANSACTION}/{lacking[0]}")
    for account, name in ((transaction.debtor_account, "DbtrAcct"), (transaction.creditor_account, "CdtrAcct")):
        if account is not None and account.iban is not None:
            try:
                check_iban(account.iban)
            except MalformedError as fault:
                return Refusal.of(PaymentRefusal.DATA_MISSING, fault.detail, f"{TRANSACTION}/{name}/Id/IBAN")
    return None


def missing(transaction: CreditTransferTransaction, *, large: bool) -> Iterator[str]:
    """Elements that Recommendation 16 asks for at this amount and that are not there; see ``data_problem``."""
    sides = (
        ("Dbtr", transaction.debtor, transaction.debtor_account),
        ("Cdtr", transaction.creditor, transaction.creditor_account),
    )
    for name, party, account in sides:
        if not says(party.name):
            yield f"{name}/Nm"
        if not _numbered(account):
            yield f"{name}Acct/Id"
        if large and (party.address is None or not (says(party.address.town) and party.address.country)):
            yield f"{name}/PstlAdr"
    if large:
        yield from _unidentified(transaction.debtor)


def _numbered(account: Account | None) -> bool:
    return account is not None and (bool(account.iban) or says(account.other_id))


def _unidentified(party: Party) -> Iterator[str]:
    """Of a person the date of birth, whatever numbers it has besides; of an organisation one of its identifiers."""
    if not (party.birth or party.organisation_ids or party.lei or party.bic):
        yield "Dbtr/Id/PrvtId/DtAndPlcOfBirth" if party.person_ids else "Dbtr/Id"
