"""Writes the payment order that a bank's form fills in: a pacs.008.001.13 of one payment under an accepted offer.

What is missing or wrong in it is found by the rule that the gateway itself holds the order against, and told by the
fields of the form that it is about (``PLACES``).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

import msgspec

from darwaza.entry.view.payment import Money, PaymentView
from darwaza.errors import MalformedError
from darwaza.services.payments.alias import account_of, plain_number
from darwaza.services.payments.check import TRANSACTION, data_problem, missing
from darwaza.services.payments.plan import Directory
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.identifier import check_lei
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.pacs008 import CreditTransfer, CreditTransferTransaction, Header
from darwaza.standards.iso20022.party import Account, Address, Agent, Birth, Coded, Identification, Party
from darwaza.standards.iso20022.payment import AgreedRate, Charge, PaymentId, PaymentType, Settlement

NAMESPACE = UUID("5f4e3a52-2b53-4d07-9a52-0f3c1a2b7d10")
"""Of UETRs made from a form's own number, so that the same form sent twice is the same payment."""


_ID = "Dbtr/Id/PrvtId/DtAndPlcOfBirth"
PLACES: Final[Mapping[str, str]] = {
    "payer": "Dbtr/Nm",
    "payer_town": "Dbtr/PstlAdr/TwnNm",
    "payer_country": "Dbtr/PstlAdr/Ctry",
    "payer_account": "DbtrAcct/Id",
    "payer_born": f"{_ID}/BirthDt",
    "payer_born_town": f"{_ID}/CityOfBirth",
    "payer_born_country": f"{_ID}/CtryOfBirth",
    "payer_id": "Dbtr/Id/OrgId",
    "payee": "Cdtr/Nm",
    "payee_town": "Cdtr/PstlAdr/TwnNm",
    "payee_country": "Cdtr/PstlAdr/Ctry",
    "payee_account": "CdtrAcct/Id",
    "purpose": "Purp/Cd",
    "reference": "PmtId/EndToEndId",
    "remittance": "RmtInf/Ustrd",
}
"""Elements of the transaction that a form's fields are written to."""
_PERSON: Final = frozenset({"payer_born", "payer_born_town", "payer_born_country"})
_ORGANISATION: Final = frozenset({"payer_id"})
_INDEX: Final = re.compile(r"\[\d+\]")
_ABOVE: Final = _INDEX.sub("", TRANSACTION) + "/"


class Form(msgspec.Struct, frozen=True):
    """What a clerk types.

    Attributes:
        payer, payer_town, payer_country, payer_account: who pays.
        payer_kind: ``organisation``, or a person. The fields after it count from the amount on from which the corridor
            identifies.
        payer_born, payer_born_town, payer_born_country: of a person: the day (RFC 3339, full-date) and the place.
        payer_id: of an organisation: its LEI, or another number it is registered under.
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
    payer_kind: str
    payer_born: str
    payer_born_town: str
    payer_born_country: str
    payer_id: str
    payee: str
    payee_town: str
    payee_country: str
    payee_account: str
    purpose: str
    reference: str
    remittance: str
    urgent: bool


class IncompleteError(MalformedError):
    """The form lacks something, or something in it is wrong.

    Attributes:
        elements: of the transaction that it is about, with all that lie below them.
    """

    code = "data_missing"

    def __init__(self, detail: str, elements: Iterable[str]) -> None:
        """Say what is wrong, in one sentence, and where."""
        self.elements = tuple(elements)
        super().__init__(detail, pointer=f"{TRANSACTION}/{self.elements[0]}")


def identifies(quote: PaymentView, directory: Directory) -> bool:
    """Whether the payment is of an amount from which its corridor wants to know more of who pays whom."""
    members = (one.partition("/")[0] for one in (quote.payer_bank, quote.payee_bank))
    corridor = directory.corridor(*members)
    return corridor is not None and quote.chosen is not None and corridor.identifies(_amount(quote.chosen.source).minor)


def fields_at(form: Mapping[str, str], elements: Iterable[str]) -> list[str]:
    """The fields that elements of the transaction are about: those that are empty, or else all of them.

    Args:
        form: what was typed, by field.
        elements: paths of elements, as in ``PLACES``, or pointers to them.
    """
    paths = [_INDEX.sub("", one).removeprefix(_ABOVE) for one in elements]
    others = _PERSON if form["payer_kind"] == "organisation" else _ORGANISATION
    about = [
        name
        for name, place in PLACES.items()
        if name not in others and any(_within(place, path) or _within(path, place) for path in paths)
    ]
    return [name for name in about if not form[name]] or about


def _within(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/")


def write_order(form: Form, quote: PaymentView, directory: Directory, now: datetime, once: str) -> bytes:
    """Write the order.

    Args:
        form: as typed.
        quote: with a chosen offer.
        directory: of the banks.
        now: when the bank takes it on.
        once: the form's own number.

    Raises:
        IncompleteError: what the corridor asks for at this amount is not there.
        MalformedError: ``offer_missing``: no offer was taken yet; otherwise a field is not of its form.
    """
    chosen = quote.chosen
    if chosen is None:
        raise MalformedError("take an offer first", code="offer_missing")
    large = identifies(quote, directory)
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
        debtor=_payer(form, now.date()) if large else _party(form.payer, form.payer_town, form.payer_country),
        debtor_account=_account(form.payer_account),
        debtor_agent=payer_bank,
        creditor_agent=payee_bank,
        creditor=_party(form.payee, form.payee_town, form.payee_country),
        creditor_account=_account(form.payee_account),
        purpose=Coded(code=form.purpose) if form.purpose else None,
        remittance=(form.remittance,) if form.remittance else (),
    )
    refused = data_problem(payment, large=large)
    if refused is not None:
        raise IncompleteError(refused.detail, [*missing(payment, large=large)] or [refused.pointer])
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
    return Party(name=name or None, address=Address(town=town, country=country) if town and country else None)


def _payer(form: Form, today: date) -> Party:
    """The payer with what it is known by; a part of a birth is none, for the standard has the whole or nothing."""
    party = _party(form.payer, form.payer_town, form.payer_country)
    if form.payer_kind == "organisation":
        return msgspec.structs.replace(party, **_known_by(form.payer_id))
    born = None
    if form.payer_born and form.payer_born_town and form.payer_born_country:
        born = Birth(on=_day(form.payer_born, today), city=form.payer_born_town, country=form.payer_born_country)
    return msgspec.structs.replace(party, birth=born)


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if day > today:
        raise IncompleteError("there is no such day of birth", [PLACES["payer_born"]])
    return day


def _known_by(number: str) -> dict[str, object]:
    try:
        check_lei(number.upper())
    except MalformedError:
        return {"organisation_ids": (Identification(id=number),) if number else ()}
    return {"lei": number.upper()}


def _account(text: str) -> Account | None:
    number = plain_number(text)
    return account_of(number) if number else None


def _amount(money: Money) -> Amount:
    whole, _, decimals = money.amount.partition(".")
    return Amount(int(whole + decimals), len(decimals), money.currency)
