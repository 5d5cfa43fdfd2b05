"""Three gateways with banks and FX providers on files, called over HTTP in process, on a clock that is set."""

from datetime import timedelta

from darwaza.engine.intake import Wake
from darwaza.entry.sample import remittance
from darwaza.entry.settler import Settler
from darwaza.kernel.machine import Refusal

from .freight_corridor import Corridor

NAMES = {"KZ": "Kazakhstan", "PK": "Pakistan", "UZ": "Uzbekistan"}
INDUS, ALATAU, CHORSU = "PK/indus-bank", "KZ/alatau-bank", "UZ/chorsu-bank"
SBP, NBK = "PK/sbp", "KZ/nbk"
XML = {"accept": "application/xml"}


def furnish(folder):
    (folder / "payments.toml").write_text(remittance.PLAN)


class PaymentCorridor(Corridor):
    """See the module; funded, with a market from Pakistan to each of the others."""

    def __init__(self, folder, codes=("KZ", "PK"), furnish=furnish):
        self.settlers = {}
        super().__init__(folder, codes, names=NAMES, parties=remittance.PARTIES, furnish=furnish)
        self.get_ready(codes)

    def get_ready(self, codes):
        self.do(SBP, "/v1/payments/deposits", {"participant": INDUS, "amount": "9000000.00", "id": "d1"})
        for code, operator in (("KZ", "nbk"), ("UZ", "cbu")):
            if code not in codes:
                continue
            for provider in ("caravan-fx", "steppe-fx"):
                if provider in remittance.PARTIES[code]:
                    paid_in = {"participant": f"{code}/{provider}", "amount": "60000000.00", "id": provider}
                    self.do(f"{code}/{operator}", "/v1/payments/deposits", paid_in)
                    aside = {"to": "PK", "amount": "50000000.00"}
                    self.do(f"{code}/{provider}", "/v1/payments/funds/allocate", aside)
            mid = {"KZ": "1.80", "UZ": "44.10"}[code]
            market = self.do(SBP, "/v1/payments/markets", {"destination": code, "mid": mid})["id"]
            self.post_rate("PK/caravan-fx", market, {"KZ": "1.75", "UZ": "43.5"}[code])
            if code == "KZ":
                self.post_rate("PK/steppe-fx", market, "1.70")
                self.open_home()

    def open_home(self):
        """The way home, for remittances, at the mid rate."""
        paid_in = {"participant": "PK/steppe-fx", "amount": "9000000.00", "id": "home"}
        self.do(SBP, "/v1/payments/deposits", paid_in)
        self.do("PK/steppe-fx", "/v1/payments/funds/allocate", {"to": "KZ", "amount": "5000000.00"})
        market = self.do(NBK, "/v1/payments/markets", {"destination": "PK", "mid": "0.55"})["id"]
        self.post_rate("KZ/steppe-fx", market, "0.55")

    def post_rate(self, provider, market, rate, **fields):
        until = (self.clock.now() + timedelta(days=30)).isoformat()
        self.do(provider, f"/v1/payments/markets/{market}/rate", {"rate": rate, "valid_until": until} | fields)

    def wait(self, seconds):
        """Let time pass, and wake whoever asked for it, without carrying messages."""
        self.clock.advance(seconds)
        for gateway in self.gateways.values():
            gateway.engine.run([Wake(512)])

    def quote(self, payee_bank=ALATAU, amount="100100.00", bank=INDUS, **fields):
        """A quote whose best offer is taken."""
        asked = {"payee_bank": payee_bank, "amount": amount, "fee": "100.00", "take_best": True} | fields
        answer = self.call(bank, "POST", "/v1/payments/quotes", asked)
        assert answer.status_code == 201, answer.json()
        return answer.json()

    def pay(self, quote, bank=INDUS, headers=None, **changes):
        """Order the payment of a quote."""
        body = remittance.payment(quote, self.clock.now(), **changes)
        return self.call(bank, "POST", "/v1/payments", content=body, headers=headers or {})

    def ordered(self, payee_bank=ALATAU, **changes):
        """Quote, pay, let the order travel; return the case's id."""
        answer = self.pay(self.quote(payee_bank), **changes)
        assert answer.status_code == 201, answer.json()
        self.run()
        return answer.json()["id"]

    def settled(self, payee_bank=ALATAU, **changes):
        """A payment that has ended well at both ends; return the case's id."""
        case_id = self.ordered(payee_bank, **changes)
        self.do(payee_bank, f"/v1/payments/{case_id}/confirm", None)
        assert self.show(INDUS, case_id)["status"] == "ACSC"
        return case_id

    def show(self, who, case_id):
        answer = self.call(who, "GET", f"/v1/payments/{case_id}")
        assert answer.is_success, answer.json()
        return answer.json()

    def close_cycles(self, *codes):
        """Let gateways, or these alone, count what is over and tell it; when all do the news is carried, too."""
        worked = True
        while worked:
            worked = False
            for code in codes or tuple(self.gateways):
                gateway = self.gateways[code]
                if gateway not in self.settlers:
                    self.settlers[gateway] = Settler(gateway.engine, gateway.directory)
                for given in self.settlers[gateway].due():
                    if given is None:
                        continue
                    (outcome,) = gateway.engine.run([given])
                    assert not isinstance(outcome, Refusal | Exception), outcome
                    worked = True
            if not codes:
                self.run()

    def get(self, who, path, **options):
        answer = self.call(who, "GET", path, **options)
        assert answer.is_success, answer.json()
        return answer.json()
