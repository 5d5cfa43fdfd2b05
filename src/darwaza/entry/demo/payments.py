"""A chapter of the demo: a bank in Karachi pays suppliers in Almaty and Tashkent, and a gateway is killed meanwhile."""

import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from darwaza.bootstrap import PLAN_FILE, examine_store
from darwaza.client.payments import Payments
from darwaza.entry.cli.money import print_statement
from darwaza.entry.cli.payment import amount, print_offer
from darwaza.entry.demo.transit import Teller
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import remittance
from darwaza.errors import PushbackError

NAMES = {"KZ": "Kazakhstan", "PK": "Pakistan", "UZ": "Uzbekistan"}
LINKS = [("KZ", "PK"), ("PK", "UZ"), ("KZ", "UZ")]
PAYER, ALMATY, TASHKENT = "PK/indus-bank", "KZ/alatau-bank", "UZ/chorsu-bank"
RATES = {"KZ": (("PK/caravan-fx", "1.75"), ("PK/steppe-fx", "1.70")), "UZ": (("PK/caravan-fx", "43.5"),)}
MIDS = {"KZ": "1.80", "UZ": "44.10"}
OPERATORS = {"KZ": "KZ/nbk", "UZ": "UZ/cbu"}
DONE = (("settled", "credited"), ("rejected", "refused"))
"""What a payment may end as at its two gateways; anything else would be money made or lost."""


class PaymentsChapter:
    """See the module."""

    def __init__(self, teller: Teller, folder: Path) -> None:
        """Found three gateways in ``folder``, with banks, FX providers and settlement operators."""
        self._say = teller
        self._folder = folder
        self._corridor = LocalCorridor(folder, NAMES, links=LINKS, name="darwaza.example/money")
        for code, parties in remittance.PARTIES.items():
            (self._corridor.path(code) / PLAN_FILE).write_text(remittance.PLAN, "utf-8")
            for name, roles in parties.items():
                self._corridor.add_party(code, name, *roles)

    def run(self) -> None:
        """Tell it."""
        self._say.chapter("9. A bank in Karachi pays suppliers in Almaty and Tashkent")
        self._corridor.start()
        try:
            self._fund()
            paid = self._pay(ALMATY)
            self._pay(TASHKENT)
            self._refuse()
            self._recall()
            self._kill()
            self._statements()
            self._prove(paid)
            self._audit()
        finally:
            self._corridor.close()

    # --- doing ---

    def _as(self, who: str) -> "Session":
        return Session(self._corridor, who)

    def _state(self, who: str, payment: str) -> str:
        with self._as(who) as desk:
            return str(desk.payment(payment)["state"])

    def _order(self, bank: str, text: str = "100000.00", **changes: Any) -> str:
        with self._as(PAYER) as desk:
            quote = desk.quote(bank, text, fee="100.00", take_best=True)
            document = remittance.payment(quote, datetime.now(UTC), **changes)
            return str(desk.pay(document, quote=quote["id"])["id"])

    def _credit(self, bank: str, payment: str) -> None:
        def waits() -> bool:
            with self._as(bank) as desk:
                return any(one["id"] == payment for one in desk.credits())

        self._say.until(f"the credit waits at {bank}", waits)

    def _confirm(self, bank: str, payment: str) -> None:
        self._credit(bank, payment)
        with self._as(bank) as desk:
            desk.confirm(payment)
        self._say.until("it is settled", lambda: self._state(PAYER, payment) == "settled")
        self._say.until("it is credited", lambda: self._state(bank, payment) == "credited")

    # --- the story ---

    def _fund(self) -> None:
        """Money comes in, FX providers set theirs aside, rates are posted."""
        with self._as("PK/sbp") as desk:
            desk.deposit(PAYER, "9000000.00", "SBP-1")
            desk.deposit("PK/caravan-fx", "500000.00", "SBP-2")
        for code, operator in OPERATORS.items():
            providers = sorted({provider for provider, _ in RATES[code]})
            for provider in providers:
                local = f"{code}/{provider.partition('/')[2]}"
                with self._as(operator) as desk:
                    desk.deposit(local, "60000000.00", local)
                with self._as(local) as desk:
                    desk.allocate("PK", "50000000.00")
            with self._as("PK/sbp") as desk:
                desk.open_market(code, MIDS[code])
            for provider, rate in RATES[code]:
                with self._as(provider) as desk:
                    desk.post_rate(code, rate, datetime.now(UTC) + timedelta(hours=8))
                self._say.until("its money abroad is here", lambda p=provider, c=code: self._abroad(p, c))
        self._say.held("FX providers have set money aside in Almaty and Tashkent and posted their rates in Karachi")

    def _abroad(self, provider: str, code: str) -> bool:
        with self._as(provider) as desk:
            held = {one["id"]: one["available"]["amount"] for one in desk.accounts()}
        return any(f":{code}:" in name and text != "0.00" for name, text in held.items())

    def _pay(self, bank: str) -> str:
        """Quote, choose, pay, confirm."""
        with self._as(PAYER) as desk:
            quote = desk.quote(bank, "100000.00", fee="100.00")
            self._say.tell(f"What it costs to pay {bank} from 100,000.00 PKR:")
            for offer in quote["offers"]:
                print_offer(offer)
            desk.accept_quote(quote["id"], quote["offers"][0]["provider"])
            chosen = desk.payment(quote["id"])
            document = remittance.payment(chosen, datetime.now(UTC))
            payment = str(desk.pay(document, quote=quote["id"])["id"])
        self._confirm(bank, payment)
        self._say.until("every message has its receipt", lambda: self._signed(payment))
        with self._as(PAYER) as desk:
            view = desk.payment(payment)
        credit = view["chosen"]["credit"]
        took = _seconds(view["changed_at"]) - _seconds(view["opened_at"])
        self._say.held(
            f"paid: {amount(credit)} credited, both countries have signed, {took.total_seconds():.1f} s from the quote",
            that=(view["status"], credit) == ("ACSC", quote["offers"][0]["credit"]),
        )
        return payment

    def _signed(self, payment: str) -> bool:
        with self._as(PAYER) as desk:
            return all(message["delivered"] for message in desk.payment(payment)["messages"])

    def _refuse(self) -> None:
        """The payee's bank refuses: the money is back with the reason."""
        before = self._position()
        payment = self._order(ALMATY)
        self._credit(ALMATY, payment)
        with self._as(ALMATY) as desk:
            desk.reject(payment, "AC04", "the account was closed in May")
        self._say.until("the refusal is known in Karachi", lambda: self._state(PAYER, payment) == "rejected")
        with self._as(PAYER) as desk:
            view = desk.payment(payment)
        self._say.held(
            f"refused: {view['reason']}, {view['reason_text']}: {view['detail']}; nothing was taken",
            that=view["reason"] == "AC04" and self._position() == before,
        )

    def _recall(self) -> None:
        """The payer's bank asks for a payment back, and gets it."""
        payment = self._order(ALMATY)
        self._confirm(ALMATY, payment)
        with self._as(PAYER) as desk:
            desk.recall(payment, "DUPL")
        self._say.until("the recall is known in Almaty", lambda: self._state(ALMATY, payment) == "recalled")
        with self._as("KZ/nbk") as desk:
            # A return is of the whole payment, the bank's own fee included.
            desk.deposit(ALMATY, "1000.00", "NBK-FEE")
        with self._as(ALMATY) as desk:
            desk.give_back(payment, "FOCR")
        self._say.until("it is back", lambda: self._state(PAYER, payment) == "returned")
        with self._as(PAYER) as desk:
            view = desk.payment(payment)
        self._say.held(f"recalled as a duplicate (camt.056) and given back (pacs.004): {amount(view['refund'])}")

    def _kill(self) -> None:
        """A gateway dies between the order and the answer."""
        payment = self._order(ALMATY, "250000.00")
        self._credit(ALMATY, payment)
        self._corridor.kill("KZ")
        self._say.tell("Kazakhstan's gateway is killed (SIGKILL) while the payment waits for its bank's word.")
        self._corridor.start("KZ")
        # A gateway that starts decides nothing about a payment before it has met the other side.
        self._say.until("the gateways have met again", lambda: self._credit_or_end(payment))
        self._say.until("both ends have ended", lambda: self._ends(payment) in DONE)
        ends = self._ends(payment)
        self._say.held(f"it starts again, the credit still waits, and both ends agree: {' and '.join(ends)}")

    def _credit_or_end(self, payment: str) -> bool:
        """Confirm, unless the time to answer ran out meanwhile: then it is a rejection at both ends."""
        with self._as(ALMATY) as desk, suppress(PushbackError):
            if desk.payment(payment)["state"] == "asked":
                desk.confirm(payment)
            return True
        return False

    def _ends(self, payment: str) -> tuple[str, str]:
        return self._state(PAYER, payment), self._state(ALMATY, payment)

    def _position(self) -> str:
        with self._as(PAYER) as desk:
            found = {one["id"]: one["available"]["amount"] for one in desk.accounts()}
        return str(found["position:PK/indus-bank:PKR"])

    def _statements(self) -> None:
        """Both banks' statements; each adds up."""
        for who, account in ((PAYER, "position:PK/indus-bank:PKR"), (ALMATY, "position:KZ/alatau-bank:KZT")):
            with self._as(who) as desk:
                said = desk.statement(account)
            print_statement(said)
            entries = sum(_minor(line["amount"]) for line in said["lines"])
            adds_up = _minor(said["opening"]["amount"]) + entries == _minor(said["closing"]["amount"])
            self._say.held(f"the statement of {who} adds up", that=adds_up)

    def _prove(self, payment: str) -> None:
        """One payment's evidence, checked with no network."""
        file, note = self._folder / "payment.evidence.json", self._folder / "money.note"
        note.write_bytes(self._corridor.document)
        self._corridor.wait_until_delivered("PK", "KZ")
        with self._as(PAYER) as desk:
            file.write_bytes(desk.evidence(payment))
        code, text = self._verify(file, note)
        for line in text.splitlines():
            self._say.tell("[dim]" + line.strip() + "[/]")
        self._say.held("the payment's evidence verifies with no network: valid", that=code == 0)
        forged = self._folder / "forged.evidence.json"
        forged.write_bytes(file.read_bytes().replace(b"alatau", b"altyau", 1))
        self._say.held("one letter of it changed: invalid", that=self._verify(forged, note)[0] == 1)

    def _verify(self, file: Path, note: Path) -> tuple[int, str]:
        command = [sys.executable, "-m", "darwaza.entry.cli.main", "payments", "verify-evidence", str(file)]
        command += ["--corridor", str(note), "--anchor", self._corridor.anchor]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        return done.returncode, done.stdout

    def _audit(self) -> None:
        """Both ledgers are examined transfer by transfer."""
        self._corridor.stop()
        for code, name in NAMES.items():
            findings = examine_store(self._corridor.path(code), lambda _done, _total: None)
            self._say.held(f"{name}'s ledger: every balance is the sum of its transfers", that=not findings)


class Session:
    """A connection of one party, for one step."""

    def __init__(self, corridor: LocalCorridor, who: str) -> None:
        code, _, party = who.partition("/")
        self._client = corridor.client(code, party)

    def __enter__(self) -> Payments:
        return self._client.payments

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _seconds(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _minor(text: str) -> int:
    return int(text.replace(".", ""))
