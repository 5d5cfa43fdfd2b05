"""A sample payments plan and sample payments for the demo, the benchmark and tests: Pakistan, Kazakhstan, Uzbekistan.

Banks and FX providers are invented; the BICs have the right form and belong to nobody.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.pacs008 import CreditTransfer, CreditTransferTransaction, Header
from darwaza.standards.iso20022.party import Account, Address, Agent, Birth, Coded, Party
from darwaza.standards.iso20022.payment import AgreedRate, Charge, PaymentId, PaymentType, Settlement

PLAN = """\
# The payments plan of the sample corridor: the same file at every gateway.

[currencies]
PK = "PKR/2"
KZ = "KZT/2"
UZ = "UZS/2"

[[participants]]
address = "PK/sbp"
role = "operator"
name = "Settlement operator of Pakistan"

[[participants]]
address = "PK/indus-bank"
role = "psp"
name = "Indus Bank"
bic = "INDSPKKA"
limit = "50000000.00"
low = "1000000.00"

[[participants]]
address = "PK/ravi-bank"
role = "psp"
name = "Ravi Bank"
bic = "RAVIPKKA"

[[participants]]
address = "PK/caravan-fx"
role = "fxp"
name = "Caravan FX"
bic = "CRVNPKKA"

[[participants]]
address = "PK/steppe-fx"
role = "fxp"
name = "Steppe FX"
bic = "STPPPKKA"

[[participants]]
address = "KZ/nbk"
role = "operator"
name = "Settlement operator of Kazakhstan"

[[participants]]
address = "KZ/alatau-bank"
role = "psp"
name = "Alatau Bank"
bic = "ALTUKZKA"
fee = { fixed = "100.00" }

[[participants]]
address = "KZ/caravan-fx"
role = "fxp"
name = "Caravan FX"
bic = "CRVNKZKA"

[[participants]]
address = "KZ/steppe-fx"
role = "fxp"
name = "Steppe FX"
bic = "STPPKZKA"

[[participants]]
address = "UZ/cbu"
role = "operator"
name = "Settlement operator of Uzbekistan"

[[participants]]
address = "UZ/chorsu-bank"
role = "psp"
name = "Chorsu Bank"
bic = "CHRSUZ22"
fee = { share_ppm = 1000 }

[[participants]]
address = "UZ/caravan-fx"
role = "fxp"
name = "Caravan FX"
bic = "CRVNUZ22"

[[corridors]]
source = "PK"
destination = "KZ"
limit = "20000000.00"
identify_from = "280000.00"
purposes = ["SUPP", "GDDS", "FAMI", "SALA"]

[[corridors]]
source = "KZ"
destination = "PK"
limit = "30000000.00"
identify_from = "500000.00"
subsidy = "2500.00"
subsidy_from = "100000.00"

[[corridors]]
source = "PK"
destination = "UZ"
limit = "20000000.00"
identify_from = "280000.00"
"""

PARTIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "PK": {
        "sbp": ("compliance",),
        "indus-bank": (),
        "ravi-bank": (),
        "caravan-fx": (),
        "steppe-fx": (),
    },
    "KZ": {"nbk": ("compliance",), "alatau-bank": (), "caravan-fx": (), "steppe-fx": ()},
    "UZ": {"cbu": ("compliance",), "chorsu-bank": (), "caravan-fx": ()},
}
"""Parties by member, with their roles at their gateway."""

BICS = {
    "PK/indus-bank": "INDSPKKA",
    "PK/ravi-bank": "RAVIPKKA",
    "KZ/alatau-bank": "ALTUKZKA",
    "UZ/chorsu-bank": "CHRSUZ22",
}
IBANS = {
    "PK/indus-bank": "PK36SCBL0000001123456702",
    "PK/ravi-bank": "PK36SCBL0000001123456702",
    "KZ/alatau-bank": "KZ86125KZT5004100100",
}
PAYER = Party(
    name="Muhammad Aslam",
    address=Address(town="Karachi", country="PK"),
    birth=Birth(on=datetime(1980, 5, 17).date(), city="Karachi", country="PK"),  # noqa: DTZ001 - a day has no zone
)
PAYEES = {
    "KZ/alatau-bank": Party(name="ТОО «Алатау Тау»", address=Address(town="Алматы", country="KZ")),
    "UZ/chorsu-bank": Party(name="Toshkent Meva OOO", address=Address(town="Toshkent", country="UZ")),
}


def transaction(quote: Mapping[str, Any], now: datetime, **changes: Any) -> CreditTransferTransaction:
    """The payment under an accepted quote.

    Args:
        quote: as the gateway shows it (``PaymentView`` in JSON), with a chosen offer.
        now: when the payer's bank takes it on.
        changes: of the transaction, by field name; ``priority`` and ``uetr`` too.
    """
    chosen, payer, payee = quote["chosen"], quote["payer_bank"], quote["payee_bank"]
    uetr = changes.pop("uetr", None) or str(uuid4())
    fields: dict[str, Any] = {
        "id": PaymentId(end_to_end="INV-2026-0042", transaction="TX-1", uetr=uetr),
        "payment_type": PaymentType(priority=changes.pop("priority", "HIGH")),
        "amount": _amount(chosen["source"]),
        "settled_on": now.date(),
        "accepted_at": now.replace(microsecond=0),
        "instructed_amount": _amount(chosen["debit"]),
        "agreed_rate": AgreedRate(
            unit_currency=chosen["source"]["currency"],
            quoted_currency=chosen["destination"]["currency"],
            rate=Decimal(chosen["rate"]),
            quote_id=quote.get("quote_id"),
        ),
        "charge_bearer": "SHAR",
        "charges": (
            Charge(amount=_amount(chosen["source_fee"]), agent=Agent(bic=BICS[payer])),
            Charge(amount=_amount(chosen["destination_fee"]), agent=Agent(bic=BICS[payee])),
        ),
        "debtor": PAYER,
        "debtor_account": _account(payer),
        "debtor_agent": Agent(bic=BICS[payer]),
        "creditor_agent": Agent(bic=BICS[payee]),
        "creditor": PAYEES.get(payee, PAYER),
        "creditor_account": _account(payee),
        "purpose": Coded(code="SUPP"),
        "remittance": ("Invoice 42, dried apricots",),
    }
    return CreditTransferTransaction(**(fields | changes))


def document(*transactions: CreditTransferTransaction, now: datetime) -> bytes:
    """A pacs.008.001.13 of one payment or of many."""
    header = Header(
        message_id=(transactions[0].id.uetr or "")[:8] + "-MSG",
        created_at=now.replace(microsecond=0),
        transaction_count=len(transactions),
        settlement=Settlement(method="CLRG"),
    )
    return write(CreditTransfer(message="pacs.008.001.13", header=header, transactions=transactions))


def payment(quote: Mapping[str, Any], now: datetime, **changes: Any) -> bytes:
    """The pacs.008.001.13 of one payment under an accepted quote; see ``transaction``."""
    return document(transaction(quote, now, **changes), now=now)


def _amount(money: Mapping[str, str]) -> Amount:
    whole, _, decimals = money["amount"].partition(".")
    return Amount(int(whole + decimals), len(decimals), money["currency"])


def _account(bank: str) -> Account:
    return Account(iban=IBANS[bank]) if bank in IBANS else Account(other_id="20208000900123456001")
