"""Who pays whom in simulations and tests: a plan between two members, and a bank's payment under it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from darwaza.ledger.asset import Asset
from darwaza.ledger.exchange import Fee
from darwaza.services.payments.plan import Corridor, Participant, Plan
from darwaza.services.payments.quote import quote_id
from darwaza.services.payments.record import Payment
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.pacs008 import CreditTransfer, CreditTransferTransaction, Header
from darwaza.standards.iso20022.party import Account, Address, Agent, Birth, Coded, Party
from darwaza.standards.iso20022.payment import AgreedRate, Charge, PaymentId, PaymentType, Settlement

PKR, KZT = Asset("PKR", 2), Asset("KZT", 2)
HBL, UBL, HALYK, KASPI = "PK/hbl", "PK/ubl", "KZ/halyk", "KZ/kaspi"
SWIFT_FX, SLOW_FX = "PK/fx-swift", "PK/fx-slow"
OPERATOR = "PK/sbp"
BANKS = {HBL: "HABBPKKA", UBL: "UNILPKKA", HALYK: "HSBKKZKX", KASPI: "CASPKZKA"}

PLAN = Plan(
    currencies={"PK": PKR, "KZ": KZT},
    participants=(
        Participant(address=HBL, role="psp", name="HBL", bic=BANKS[HBL], limit_minor=50_000_000_00),
        Participant(address=UBL, role="psp", name="UBL", bic=BANKS[UBL], floor_minor=-1_000_00, limit_minor=99_000_00),
        Participant(address=HALYK, role="psp", name="Halyk", bic=BANKS[HALYK], fee=Fee(fixed_minor=100_00)),
        Participant(address=KASPI, role="psp", name="Kaspi", bic=BANKS[KASPI]),
        Participant(address=SWIFT_FX, role="fxp", name="Swift FX", bic="FXSWPKKA"),
        Participant(address=SLOW_FX, role="fxp", name="Slow FX", bic="FXSLPKKA"),
        Participant(address="KZ/fx-swift", role="fxp", name="Swift FX", bic="FXSWKZKA"),
        Participant(address="KZ/fx-slow", role="fxp", name="Slow FX", bic="FXSLKZKA"),
        Participant(address=OPERATOR, role="operator", name="SBP"),
        Participant(address="KZ/nbk", role="operator", name="NBK"),
    ),
    corridors=(
        Corridor(
            source="PK",
            destination="KZ",
            limit_minor=20_000_000_00,
            purposes=frozenset({"SUPP", "GDDS", "FAMI"}),
            identify_from_minor=280_000_00,
        ),
        Corridor(source="KZ", destination="PK", limit_minor=20_000_000_00, identify_from_minor=500_000_00),
    ),
)


def uetr_of(number: int) -> str:
    """A UETR for the payment of this number."""
    return str(UUID(int=(number << 80) | (0x4 << 76) | (0x8 << 60) | 7, version=4))


def payee_of(name: str) -> Party:
    """Somebody of this name in Almaty."""
    return Party(name=name, address=Address(town="Алматы", country="KZ"))


def joined(parts: Sequence[CreditTransfer]) -> CreditTransfer:
    """The payments of many documents in one, under the header of the first."""
    header = msgspec.structs.replace(parts[0].header, transaction_count=len(parts))
    transactions = tuple(part.transactions[0] for part in parts)
    return msgspec.structs.replace(parts[0], header=header, transactions=transactions)


def pacs008(
    case_id: str, payment: Payment, now: datetime, priority: Any, uetr: str, changes: dict[str, Any]
) -> CreditTransfer:
    """A bank's payment under the accepted quote; ``changes`` by field name of the transaction."""
    chosen, payer, payee = payment.chosen, BANKS[payment.payer_bank], BANKS[payment.payee_bank]
    if chosen is None:
        raise ValueError("nothing is accepted yet")
    exchange = chosen.exchange
    given: dict[str, Any] = {
        "id": PaymentId(end_to_end="INV-2026-0042", transaction="TX1", uetr=uetr),
        "payment_type": PaymentType(priority=priority),
        "amount": Amount(exchange.source_minor, 2, "PKR"),
        "settled_on": now.date(),
        "accepted_at": now.replace(microsecond=0),
        "instructed_amount": Amount(exchange.debit_minor, 2, "PKR"),
        "agreed_rate": AgreedRate(
            unit_currency="PKR",
            quoted_currency="KZT",
            rate=Decimal(chosen.rate),
            quoted_at=now.replace(microsecond=0),
            quote_id=quote_id(case_id),
        ),
        "charge_bearer": "SHAR",
        "charges": (
            Charge(amount=Amount(exchange.source_fee_minor, 2, "PKR"), agent=Agent(bic=payer)),
            Charge(amount=Amount(exchange.destination_fee_minor, 2, "KZT"), agent=Agent(bic=payee)),
        ),
        "debtor": Party(
            name="Muhammad Aslam",
            address=Address(town="Karachi", country="PK"),
            birth=Birth(on=now.date().replace(year=1980), city="Karachi", country="PK"),
        ),
        "debtor_account": Account(iban="PK36SCBL0000001123456702"),
        "debtor_agent": Agent(bic=payer),
        "creditor_agent": Agent(bic=payee),
        "creditor": payee_of("ТОО «Алатау»"),
        "creditor_account": Account(iban="KZ86125KZT5004100100"),
        "purpose": Coded(code="SUPP"),
        "remittance": ("Invoice 42",),
    }
    transaction = CreditTransferTransaction(**(given | changes))
    return CreditTransfer(
        message="pacs.008.001.13",
        header=Header(
            message_id=uetr[:8] + "-MSG",
            created_at=now.replace(microsecond=0),
            transaction_count=1,
            settlement=Settlement(method="CLRG"),
        ),
        transactions=(transaction,),
    )
