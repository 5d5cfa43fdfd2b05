"""Messages written by hand, as a bank in Karachi and one in Almaty would exchange them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from darwaza.errors import MessageError
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.pacs008 import CreditTransfer, CreditTransferTransaction, Header
from darwaza.standards.iso20022.party import Account, Address, Agent, Coded, Party
from darwaza.standards.iso20022.payment import AgreedRate, Charge, PaymentId, PaymentType, Settlement

NOW = datetime(2026, 11, 5, 9, 15, 30, tzinfo=UTC)
KARACHI = Agent(bic="ABPAPKKA")
ALMATY = Agent(bic="HSBKKZKX")
QUOTE = "7f2b8c1e-6a0d-4b7e-9c55-0a1b2c3d4e5f"
UETR = "3f2b8c1e-6a0d-4b7e-9c55-0a1b2c3d4e5f"


def transaction(number: int = 1, **changes: Any) -> CreditTransferTransaction:
    """Return a payment from Karachi to Almaty under an accepted quote."""
    given: dict[str, Any] = {
        "id": PaymentId(end_to_end=f"INV-2026-{number:04}", transaction=f"TX{number}", uetr=UETR),
        "payment_type": PaymentType(priority="HIGH"),
        "amount": Amount(10_000_000, 2, "PKR"),
        "settled_on": date(2026, 11, 5),
        "accepted_at": NOW,
        "instructed_amount": Amount(10_010_000, 2, "PKR"),
        "exchange_rate": Decimal("1.7352"),
        "agreed_rate": AgreedRate(quoted_currency="KZT", rate=Decimal("1.7352"), quoted_at=NOW, quote_id=QUOTE),
        "charge_bearer": "SHAR",
        "charges": (
            Charge(amount=Amount(10_000, 2, "PKR"), agent=KARACHI),
            Charge(amount=Amount(5_000, 2, "KZT"), agent=ALMATY),
        ),
        "instructing_agent": KARACHI,
        "instructed_agent": ALMATY,
        "debtor": Party(name="Muhammad Aslam & Sons", address=Address(town="Karachi", country="PK")),
        "debtor_account": Account(iban="PK36SCBL0000001123456702"),
        "debtor_agent": KARACHI,
        "creditor_agent": ALMATY,
        "creditor": Party(name="ТОО «Алатау»", address=Address(town="Алматы", country="KZ")),
        "creditor_account": Account(iban="KZ86125KZT5004100100"),
        "purpose": Coded(code="SUPP"),
        "remittance": ("Invoice 42 of 2026-10-30",),
    }
    return CreditTransferTransaction(**(given | changes))


def credit_transfer(count: int = 1, *, message: str = "pacs.008.001.13", **changes: Any) -> CreditTransfer:
    """Return a message with so many payments; for version 8 without what only version 13 can hold."""
    older = {"agreed_rate": None} if message == "pacs.008.001.08" else {}
    transactions = tuple(transaction(number, **(older | changes)) for number in range(1, count + 1))
    total = sum(item.amount.minor for item in transactions)
    return CreditTransfer(
        message=message,
        header=Header(
            message_id="MSG-20261105-000001",
            created_at=NOW,
            transaction_count=count,
            control_sum=Decimal(total).scaleb(-2),
            total=Amount(total, 2, "PKR"),
            settlement=Settlement(method="CLRG"),
        ),
        transactions=transactions,
    )


def attempt(function: Callable[..., Any], *given: Any) -> Any:
    """Return what the function returns, or the error of ours it raises; any other exception fails the test."""
    try:
        return function(*given)
    except MessageError as error:
        return error
