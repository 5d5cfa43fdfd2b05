"""Banks of the sample corridor: their plan, funds and rates, and payments from Karachi to Tashkent and Almaty."""

from datetime import UTC, datetime, timedelta
from typing import Any

from darwaza.bootstrap import PLAN_FILE
from darwaza.entry.cli.connection import TOKEN_FOLDER
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import remittance
from darwaza.errors import DarwazaError
from darwaza.screening import LIST_FOLDER

RATES = {"KZ": ("1.80", {"caravan-fx": "1.75", "steppe-fx": "1.70"}), "UZ": ("44.10", {"caravan-fx": "43.5"})}
"""Mid rate from the rupee, and what each provider of the other side offers."""
AGENTS = {"KZ": "nbk", "UZ": "cbu"}
PAYEES = {"KZ": "KZ/alatau-bank", "UZ": "UZ/chorsu-bank"}
SUSPECT = "Dread Pirate Trading"
"""A name on the sample list, so that there is something for compliance to look at."""


class SampleBanks:
    """See the module."""

    def __init__(self, corridor: LocalCorridor) -> None:
        """Furnish the gateways' folders, before they start."""
        self._corridor = corridor
        self._others = [code for code in RATES if code in corridor.names]
        for code in (*self._others, "PK"):
            folder = corridor.path(code)
            (folder / PLAN_FILE).write_text(remittance.PLAN, "utf-8")
            lists = folder / LIST_FOLDER
            lists.mkdir(exist_ok=True)
            (lists / "sample.csv").write_text(f"name,entry\n{SUSPECT},Sample list 1\n", "utf-8")
            for name, roles in remittance.PARTIES[code].items():
                if not (folder / TOKEN_FOLDER / name).exists():
                    corridor.add_party(code, name, *roles)

    def _call(self, who: str, method: str, path: str, **options: Any) -> Any:
        code, _, party = who.partition("/")
        with self._corridor.client(code, party) as client:
            return client.call(method, path, **options)

    def open(self) -> None:
        """Pay money in, set it aside where it is spent, open the markets and post rates; the gateways run."""
        paid_in = {"participant": "PK/indus-bank", "amount": "90000000.00", "id": "opening"}
        self._call("PK/sbp", "POST", "/v1/payments/deposits", json=paid_in)
        until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        for code in self._others:
            mid, offers = RATES[code]
            for provider in offers:
                opening = {"participant": f"{code}/{provider}", "amount": "9000000000.00", "id": provider}
                self._call(f"{code}/{AGENTS[code]}", "POST", "/v1/payments/deposits", json=opening)
                aside = {"to": "PK", "amount": "5000000000.00"}
                self._call(f"{code}/{provider}", "POST", "/v1/payments/funds/allocate", json=aside)
            opened = self._call("PK/sbp", "POST", "/v1/payments/markets", json={"destination": code, "mid": mid})
            for provider, rate in offers.items():
                path = f"/v1/payments/markets/{opened['id']}/rate"
                self._call(f"PK/{provider}", "POST", path, json={"rate": rate, "valid_until": until})

    def pay(self, number: int, *, code: str = "", confirm: bool = True, **changes: Any) -> str:
        """Quote and order one payment; returns its case, "" while no provider's money has arrived.

        Args:
            number: makes amounts and references differ.
            code: of the member it goes to; the next in turn when not given.
            confirm: whether the payee's bank accepts it.
            changes: of the payment, see ``remittance.transaction``.
        """
        code = code or self._others[number % len(self._others)]
        asked = {"payee_bank": PAYEES[code], "amount": f"{120_000 + 7_350 * (number % 23)}.00", "fee": "250.00"}
        try:
            quote = self._call("PK/indus-bank", "POST", "/v1/payments/quotes", json=asked | {"take_best": True})
            document = remittance.payment(quote, datetime.now(UTC), **changes)
            done = self._call("PK/indus-bank", "POST", "/v1/payments", content=document)
        except (DarwazaError, KeyError):
            return ""
        if confirm:
            self.confirm()
        return str(done["id"])

    def confirm(self) -> None:
        """Let the payees' banks accept what waits for their word."""
        for code in self._others:
            for credit in self._call(PAYEES[code], "GET", "/v1/payments/credits"):
                try:
                    self._call(PAYEES[code], "POST", f"/v1/payments/{credit['id']}/confirm")
                except DarwazaError:
                    continue
