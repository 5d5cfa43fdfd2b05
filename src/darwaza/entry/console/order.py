"""Writes the payment order that a bank's form fills in: a pacs.008.001.13 of one payment under an accepted offer."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

import msgspec

from darwaza.entry.view.payment import Money, PaymentView
from darwaza.errors import MalformedError
from darwaza.services.payments.plan import Directory
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.pacs008 import CreditTransfer, CreditTransferTransaction, Header
from darwaza.standards.iso20022.party import Account, Address, Agent, Coded, Party
from darwaza.standards.iso20022.payment import AgreedRate, Charge, PaymentId, PaymentType, Settlement

NAMESPACE = UUID("5f4e3a52-2b53-4d07-9a52-0f3c1a2b7d10")
"""Of UETRs made from a form's own number, so that the same form sent twice is the same payment."""


class Form(msgspec.Struct, frozen=True):
    """What a clerk types.

    Attributes:
        payer, payer_town, payer_country, payer_account: who pays.
        payee, payee_town, payee_country, payee_account: who is paid.
        purpose: ISO 20022 external purpose code, "" for none.
        reference: the payer's own, at most 35 characters.
        remittance: for the payee, at most 140 characters.
        urgent: nobody is credited before the payer's gateway has confirmed.
    """

    payer: str
    payer_town: str
    payer_country: str
    payer_account: str
    payee: str
    payee_town: str
    payee_country: str
    payee_account: str
    purpose: str
    reference: str
    remittance: str
    urgent: bool


def write_order(form: Form, quote: PaymentView, directory: Directory, now: datetime, once: str) -> bytes:
    """Write the order.

    Args:
        form: as typed.
        quote: with a chosen offer.
        directory: of the banks.
        now: when the bank takes it on.
        once: the form's own number.

    Raises:
        MalformedError: no offer was taken yet, or a field is not of its form.
    """
    chosen = quote.chosen
    if chosen is None:
        raise MalformedError("take an offer first", code="offer_missing")
    uetr = _random_looking(uuid5(NAMESPACE, once))
    payer_bank, payee_bank = _agent(directory, quote.payer_bank), _agent(directory, quote.payee_bank)
    payment = CreditTransferTransaction(
        id=PaymentId(end_to_end=form.reference or uetr[:13], transaction=uetr[:13], uetr=uetr),
        payment_type=PaymentType(priority="HIGH" if form.urgent else "NORM"),
        amount=_amount(chosen.source),
        settled_on=now.date(),
        accepted_at=now.replace(microsecond=0),
        instructed_amount=_amount(chosen.debit),
        agreed_rate=AgreedRate(
            unit_currency=chosen.source.currency,
            quoted_currency=chosen.destination.currency,
            rate=Decimal(chosen.rate),
            quote_id=quote.quote_id or None,
        ),
        charge_bearer="SHAR",
        charges=(
            Charge(amount=_amount(chosen.source_fee), agent=payer_bank),
            Charge(amount=_amount(chosen.destination_fee), agent=payee_bank),
        ),
        debtor=_party(form.payer, form.payer_town, form.payer_country),
        debtor_account=_account(form.payer_account),
        debtor_agent=payer_bank,
        creditor_agent=payee_bank,
        creditor=_party(form.payee, form.payee_town, form.payee_country),
        creditor_account=_account(form.payee_account),
        purpose=Coded(code=form.purpose) if form.purpose else None,
        remittance=(form.remittance,) if form.remittance else (),
    )
    header = Header(
        message_id=uetr[:8] + "-MSG",
        created_at=now.replace(microsecond=0),
        transaction_count=1,
        settlement=Settlement(method="CLRG"),
    )
    return write(CreditTransfer(message="pacs.008.001.13", header=header, transactions=(payment,)))


def _random_looking(made: UUID) -> str:
    """A UETR is a UUID of version 4 (ISO 20022, UUIDv4Identifier); the digest's bits take the place of chance."""
    return str(UUID(int=made.int, version=4))


def _agent(directory: Directory, address: str) -> Agent:
    bank = directory.participant(address, "psp")
    return Agent(bic=None if bank is None else bank.bic)


def _party(name: str, town: str, country: str) -> Party:
    return Party(name=name, address=Address(town=town, country=country) if town and country else None)


def _account(text: str) -> Account:
    plain = text.replace(" ", "").upper()
    is_iban = plain[:2].isalpha() and plain[2:4].isdigit()
    return Account(iban=plain) if is_iban else Account(other_id=plain)


def _amount(money: Money) -> Amount:
    whole, _, decimals = money.amount.partition(".")
    return Amount(int(whole + decimals), len(decimals), money.currency)
