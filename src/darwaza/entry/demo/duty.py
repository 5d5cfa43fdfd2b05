"""A part of the demo's truck chapter: a bank in Tashkent pays the duty in Karachi, and that releases the goods."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from darwaza.bootstrap import PLAN_FILE
from darwaza.client.payments import Payments
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import remittance
from darwaza.services.transit.message import Charge
from darwaza.standards.etir.value import Stamp

PAYER, PAYEE, FX = "UZ/chorsu-bank", "PK/indus-bank", "caravan-fx"
ACCOUNT = remittance.IBANS[PAYEE]
REFERENCE = "PK-DUTY-2026-0042"
PAID = "30000000.00"
DUE_MINOR = 60_000_000
"""PKR 600,000; the payment of UZS 30 million at 0.0227 credits a little more."""
MID, RATE = "0.0229", "0.0227"
PLAN = (
    remittance.PLAN
    + """
[[corridors]]
source = "UZ"
destination = "PK"
limit = "900000000.00"
identify_from = "20000000.00"
"""
)


class Duty:
    """The banks of the truck's corridor."""

    def __init__(self, corridor: LocalCorridor, until: Callable[[str, Callable[[], bool]], None]) -> None:
        """Give two members' gateways the payments plan and its parties; before they start."""
        self._corridor = corridor
        self._until = until
        for code in ("PK", "UZ"):
            (corridor.path(code) / PLAN_FILE).write_text(PLAN, "utf-8")
            for name, roles in remittance.PARTIES[code].items():
                corridor.add_party(code, name, *roles)

    @contextmanager
    def _as(self, who: str) -> Iterator[Payments]:
        code, _, party = who.partition("/")
        with self._corridor.client(code, party) as client:
            yield client.payments

    def fund(self) -> None:
        """Money comes in, the FX provider sets some aside in Karachi and posts its rate in Tashkent."""
        with self._as("UZ/cbu") as desk:
            desk.deposit(PAYER, "90000000.00", "CBU-1")
            desk.open_market("PK", MID)
        with self._as("PK/sbp") as desk:
            desk.deposit("PK/" + FX, "9000000.00", "SBP-1")
        with self._as("PK/" + FX) as desk:
            desk.allocate("UZ", "5000000.00")
        with self._as("UZ/" + FX) as desk:
            desk.post_rate("PK", RATE, datetime.now(UTC) + timedelta(hours=8))
        self._until("the FX provider's money abroad is here", self._abroad)

    def _abroad(self) -> bool:
        with self._as("UZ/" + FX) as desk:
            held = {one["id"]: one["available"]["amount"] for one in desk.accounts()}
        return any(":PK:" in name and text != "0.00" for name, text in held.items())

    @staticmethod
    def charge(movement: str, stamp: Stamp) -> Charge:
        """Word what customs in Karachi wants paid before the goods are handed over."""
        return Charge(movement, stamp, "duty", DUE_MINOR, "PKR", ACCOUNT, REFERENCE)

    def pay(self, ucr: str) -> str:
        """Pay the duty of a consignment; returns the payment's id once the bank in Karachi has confirmed the credit."""
        with self._as(PAYER) as desk:
            quote = desk.quote(PAYEE, PAID, fee="100.00", take_best=True)
            told = (f"/UCR/{ucr}/REF/{REFERENCE}",)
            document = remittance.payment(quote, datetime.now(UTC), remittance=told)
            payment = str(desk.pay(document, quote=quote["id"])["id"])
        self._until("the credit waits at the bank in Karachi", lambda: self._waits(payment))
        with self._as(PAYEE) as desk:
            desk.confirm(payment)
        return payment

    def credited(self, payment: str) -> bool:
        """Tell whether the payment has been credited in Karachi."""
        with self._as(PAYEE) as desk:
            return bool(desk.payment(payment)["state"] == "credited")

    def _waits(self, payment: str) -> bool:
        with self._as(PAYEE) as desk:
            return any(one["id"] == payment for one in desk.credits())
