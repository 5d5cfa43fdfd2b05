"""Duty paid by a payment of the same consignment: released if and only if paid, over real gateways and two services."""

import uuid
from datetime import timedelta

import msgspec
import pytest

from darwaza.bootstrap import examine_store
from darwaza.entry.sample import freight, remittance
from darwaza.entry.view.consignment import steps_of
from darwaza.ports.store import CaseFilter
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept, Charge, Release
from darwaza.standards.etir.internal import I9, I11
from darwaza.standards.etir.value import Leg, SealMark

from .console.people import Browser, add_account
from .freight_corridor import PARTIES, Corridor
from .payment_corridor import PaymentCorridor, furnish

CHORSU = "UZ/chorsu-bank"
TREASURY = "20208000900123456001"
REFERENCE = "UZ-DUTY-2026-0042"
# 100,000.00 PKR at 43.5, less the payee's bank's fee of one in a thousand: what it credits for the sample's payment.
CREDITED_MINOR = 434_565_000


class Consignment(PaymentCorridor):
    """Gateways of Pakistan, Afghanistan and Uzbekistan; a truck from Karachi to Tashkent, and a bank that pays."""

    def __init__(self, folder):
        parties = {code: PARTIES[code] | remittance.PARTIES.get(code, {}) for code in ("AF", "PK", "UZ")}
        parties["UZ"] |= {"chorsu-bank": ()}
        names = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
        Corridor.__init__(self, folder, names=names, parties=parties, furnish=furnish)
        self.get_ready(("PK", "UZ"))
        self.do("UZ/cbu", "/v1/payments/deposits", {"participant": CHORSU, "amount": "9000000.00", "id": "own"})
        self.movement = self.driven()
        self.ucr = self.view("UZ", self.movement)["ucr"]

    def stamp(self, office, **more):
        register = self.gateways["UZ"].reference.register
        return freight.stamp(register, office, self.clock.now(), **more)

    def driven(self):
        """Lodge, accept and drive; the last leg has been terminated at Tashkent."""
        now, movement = self.clock.now(), str(uuid.uuid4())
        terms, due = freight.carnet("JX-DUTY", now), now + timedelta(days=9)
        self.do("UZ/aircuz", "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
        legs = (
            Leg("PK", "PKKHI", "PKTOR", "AF-PK/TORKHAM", 4_000_000, due),
            Leg("AF", "AFRKH", "AFHRT", "AF-UZ/HAIRATAN", 4_000_000, due),
            Leg("UZ", "UZTER", "UZTAS", None, 4_000_000, due),
        )
        self.do("UZ/silk-road-trans", "/v1/transit", freight.declaration(movement, terms, now, legs=legs))
        self.run()
        self.do("PK/karachi", f"/v1/transit/{movement}/accept", Accept(self.stamp("PKKHI"), (SealMark("PK-0001"),)))
        crew = {"PKKHI": "PK/karachi", "PKTOR": "PK/torkham", "AFRKH": "AF/torkham", "AFHRT": "AF/hairatan"}
        crew |= {"UZTER": "UZ/termez", "UZTAS": "UZ/tashkent"}
        for number, leg in enumerate(legs):
            begin, end = leg.entry_office, leg.exit_office
            start = I9(movement, number, f"op-{number}", number + 1, self.stamp(begin))
            self.do(crew[begin], f"/v1/transit/{movement}/start", start)
            over = I11(movement, number, f"op-{number}", self.stamp(end))
            self.do(crew[end], f"/v1/transit/{movement}/terminate", over)
        return movement

    def charge(self, amount_minor=CREDITED_MINOR, kind="duty", reference=REFERENCE, account=TREASURY):
        self.clock.advance(1)
        body = Charge(self.movement, self.stamp("UZTAS"), kind, amount_minor, "UZS", account, reference)
        return self.do("UZ/tashkent", f"/v1/transit/{self.movement}/charge", body)

    def release(self):
        body = Release(self.stamp("UZTAS"))
        return self.do("UZ/tashkent", f"/v1/transit/{self.movement}/release", body)["answer"]

    def pay_duty(self, reference=REFERENCE, ucr=None):
        """A bank in Karachi pays; returns the case's id once the bank in Tashkent has taken it."""
        return self.settled(CHORSU, remittance=(f"/UCR/{ucr or self.ucr}/REF/{reference}",))

    @property
    def released(self):
        return self.view("UZ", self.movement).get("release", "")


@pytest.fixture
def consignment(tmp_path):
    made = Consignment(tmp_path)
    yield made
    made.close()
    for code in ("PK", "UZ"):
        assert examine_store(made.local.path(code), lambda *_: None) == []


def test_the_payment_releases_the_goods(consignment):
    """The duty is due, the release waits; the credit of the payment hands the goods over in its own transaction."""
    consignment.charge()
    told = consignment.gateways["UZ"].engine.store.notices("UZ/silk-road-trans", 0, 500)
    (how,) = [msgspec.msgpack.decode(row.detail) for row in told if row.kind == "charge.due"]
    assert how["remittance"] == f"/UCR/{consignment.ucr}/REF/{REFERENCE}"
    assert consignment.release() == {"release": "awaiting", "awaiting": ["duty paid"]}
    engine = consignment.gateways["UZ"].engine
    commits = []
    stored = engine.store.commit

    def commit(changes):
        states = {row.service: row.state for row in changes.cases.values()}
        facts = {name for _, name in changes.facts}
        commits.append((states, facts))
        stored(changes)

    engine.store.commit = commit
    consignment.pay_duty()
    engine.store.commit = stored
    together = [facts for states, facts in commits if states.get("payments") == "credited"]
    assert together == [{"duty paid", "goods released"}]
    assert consignment.released == "released"
    late = Charge(consignment.movement, consignment.stamp("UZTAS"), "fee", 5, "UZS", TREASURY, "LATE")
    path = f"/v1/transit/{consignment.movement}/charge"
    assert consignment.refused("UZ/tashkent", path, late) == "already_released"


def test_the_payment_stands_on_the_consignment_at_both_gateways(consignment):
    """Both banks find the payment by the UCR it names, and see the same steps, each proven by both sides."""
    consignment.charge()
    case_id = consignment.pay_duty()
    for code, bank in (("PK", "indus-bank"), ("UZ", "chorsu-bank")):
        gateway = consignment.gateways[code]
        rows = gateway.engine.store.find_cases(CaseFilter(ucr=consignment.ucr, items_max=50))
        (row,) = [row for row in rows if row.service == "payments"]
        assert row.id == case_id
        steps = steps_of(gateway.engine, [row])
        # All of one instant by these clocks: what answers stands behind what it answers, in whichever log it is.
        assert [step.what for step in steps] == ["payments.order", "payments.status", "payments.decided"]
        assert len({step.at for step in steps}) == 1
        assert {step.grade.code for step in steps} <= {"bilateral", "witnessed"}
        add_account(gateway, bank, bank)
        browser = Browser(gateway, bank)
        browser.get(f"/console/consignments/{consignment.ucr}")
        assert browser.answer.status_code == 200
        assert "Payment ordered" in browser.text()
        assert browser.page.xpath(f"//a[@href='/console/payments/{case_id}']")
        evidence = browser.page.xpath("//li[@class='money']//a[starts-with(@href, '/console/evidence/')]/@href")
        assert len(evidence) == len(steps)
        assert b"darwaza/evidence/v1" in browser.get(evidence[0]).content


def test_amounts_read_from_left_to_right_in_urdu(consignment):
    """Between words of Urdu an amount would show after its currency; each stands apart from what is around it."""
    case_id = consignment.pay_duty()
    gateway = consignment.gateways["PK"]
    add_account(gateway, "indus-bank", "indus-bank")
    browser = Browser(gateway, "indus-bank", language="ur")
    for path in ("/console/bank", f"/console/payments/{case_id}"):
        browser.get(path)
        assert browser.page.get("dir") == "rtl"
        amounts = browser.page.xpath("//body//text()[contains(., '\u00a0PKR')]")
        assert amounts
        assert all(text.getparent().get("dir") == "ltr" for text in amounts), amounts


@pytest.mark.parametrize(
    ("charge", "paid"),
    [
        ({"amount_minor": CREDITED_MINOR + 1}, {}),
        ({}, {"reference": "UZ-DUTY-2026-0043"}),
        ({"account": "20208000900999999999"}, {}),
        ({}, {"ucr": "6UZOTHER"}),
    ],
    ids=["too little", "other reference", "other account", "other consignment"],
)
def test_what_is_not_paid_is_not_released(consignment, charge, paid):
    """A payment of another amount, reference, account or consignment is credited, and the goods wait."""
    consignment.charge(**charge)
    assert consignment.release()["release"] == "awaiting"
    consignment.pay_duty(**paid)
    assert consignment.released == "awaiting"
    consignment.charge(amount_minor=0)
    assert consignment.released == "released"


def test_paid_before_it_was_due(consignment):
    """A payment that came first counts when the charge comes; a higher charge after it is not settled by it."""
    consignment.pay_duty()
    consignment.charge()
    assert consignment.release() == {"release": "released"}


def test_a_higher_charge_and_a_second_kind(consignment):
    """Each kind is paid for itself; raising a charge that was paid asks for a new payment."""
    consignment.charge()
    consignment.pay_duty()
    consignment.charge(amount_minor=CREDITED_MINOR + 100)
    consignment.charge(kind="fee", amount_minor=5, reference="UZ-FEE-1")
    assert consignment.release()["awaiting"] == ["duty paid", "fee paid"]
    consignment.pay_duty(reference="UZ-FEE-1")
    assert consignment.release()["awaiting"] == ["duty paid"]
    consignment.charge()
    assert consignment.released == "released"


def test_a_payment_given_back_is_no_payment(consignment):
    """When the bank returns the duty before the release, the goods wait again."""
    consignment.charge()
    case_id = consignment.pay_duty()
    consignment.do(CHORSU, f"/v1/payments/{case_id}/return", {"reason": "AC04"})
    assert consignment.release()["release"] == "awaiting"


def test_only_destination_charges(consignment):
    """No member on the way, and no office of another, says what is due at destination."""
    body = Charge(consignment.movement, consignment.stamp("PKTOR"), "fee", 5, "PKR", TREASURY, "X")
    path = f"/v1/transit/{consignment.movement}/charge"
    assert consignment.refused("PK/torkham", path, body) == "not_authority"
    wrong = msgspec.to_builtins(body) | {"charge": "bribe"}
    assert consignment.refused("UZ/tashkent", path, wrong) == "body_malformed"
