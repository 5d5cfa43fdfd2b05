"""A disk lost under a comprehensive guarantee: what was cancelled stays cancelled, what is under way stays covered.

Turkmenistan guarantees for a chain of its own, so nobody else knows whether that chain has cancelled since. The trucks
leave from Uzbekistan.
"""

from datetime import timedelta

import msgspec
import pytest

from darwaza.entry.sample import freight
from darwaza.services.transit import booking
from darwaza.services.transit.enquiry import Ask
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept
from darwaza.standards.etir.external import E3
from darwaza.standards.etir.internal import I5, I9, I11, I13
from darwaza.standards.etir.value import Leg, SealMark

from .freight_corridor import PARTIES, Corridor

FIRST, SECOND, THIRD = (f"0190f1de-7c1a-7c1a-8c1a-01234567891{number}" for number in (1, 2, 3))
NAMES = {"TM": "Turkmenistan", "UZ": "Uzbekistan"}
CHAIN = "TM/chain"
OFFICES = {
    "TM": {
        "chain": ("guarantee-chain",),
        "farap": ("customs", "office TMFAR"),
        "ashgabat": ("customs", "office TMASB"),
        "customs": ("customs", "supervisor"),
    },
    "UZ": PARTIES["UZ"] | {"alat": ("customs", "office UZ-ALAT")},
}
WHO = {"UZTAS": "UZ/tashkent", "UZ-ALAT": "UZ/alat", "TMFAR": "TM/farap", "TMASB": "TM/ashgabat"}
LEGS = (("UZTAS", "UZ-ALAT"), ("TMFAR", "TMASB"))
SHARE, COVER = 1_000_000, 5_000_000
EACH = SHARE * len(LEGS)
"""One sum covers a whole journey under CATS."""


class Trade:
    """A guarantee of 50,000 euro, and journeys of 20,000 each under it."""

    def __init__(self, folder):
        self.corridor = Corridor(folder, ("TM", "UZ"), names=NAMES, parties=OFFICES)
        now = self.corridor.clock.now()
        terms = freight.carnet("CG-1", now, members=("UZ", "TM"))
        self.terms = msgspec.structs.replace(
            terms,
            guarantor="TM",
            chain=CHAIN,
            regime="cats",
            kind="comprehensive",
            cover_minor=COVER,
            per_member=False,
            single_use=False,
        )
        self.register()

    def register(self):
        asked = self.corridor.do(CHAIN, "/v1/guarantees", Register(self.terms, CHAIN))
        self.guarantee = f"/v1/guarantees/{asked['id']}"

    def cancel(self):
        asked = E3("CG-1", self.terms.holder, "no more")
        return self.corridor.do(CHAIN, self.guarantee + "/cancel", asked)["state"]

    def send(self, movement):
        """Lodge a journey and have it accepted or declined; returns its state."""
        now = self.corridor.clock.now()
        legs = (
            Leg("UZ", *LEGS[0], "TM-UZ/FARAP", SHARE, now + timedelta(days=2)),
            Leg("TM", *LEGS[1], None, SHARE, now + timedelta(days=4)),
        )
        made = freight.declaration(movement, self.terms, now, legs=legs)
        made = msgspec.structs.replace(made, regime="cats")
        self.corridor.do("UZ/silk-road-trans", "/v1/transit", made)
        seals = (SealMark("UZ-" + movement[-2:]),)
        body = Accept(self.stamp("UZTAS"), seals)
        self.corridor.do("UZ/tashkent", f"/v1/transit/{movement}/accept", body)
        return self.corridor.view("UZ", movement)["state"]

    def stamp(self, office):
        return freight.stamp(self.corridor.gateways["UZ"].reference.register, office, self.corridor.clock.now())

    def drive(self, movement, kind, leg):
        entry, leave = LEGS[leg]
        office = leave if kind == "terminate" else entry
        operation = f"op-{movement[-1]}-{leg}"
        body = {
            "start": lambda: I9(movement, leg, operation, leg + 1, self.stamp(office)),
            "terminate": lambda: I11(movement, leg, operation, self.stamp(office)),
            "discharge": lambda: I13(movement, leg, operation, self.stamp(office)),
        }[kind]()
        self.corridor.do(WHO[office], f"/v1/transit/{movement}/{kind}", body)

    def finish(self, movement, *, started=False):
        for leg in range(len(LEGS)):
            for kind in ("start", "terminate", "discharge")[started and not leg :]:
                self.drive(movement, kind, leg)

    def held(self):
        """What the guarantor's ledger holds for movements, and what it would still hold for others."""
        engine = self.corridor.gateways["TM"].engine
        assert engine.store.quarantined(10) == []
        account = {one.id: (one, total) for one, total in engine.store.scan_accounts()}
        terms, total = account[booking.cover_account(booking.terms_digest(self.terms), "*")]
        posted = total.credits_posted - total.debits_posted
        assert posted <= COVER
        return total.debits_pending, 0 if terms.debits_blocked else posted - total.debits_pending

    def status(self):
        asked = self.corridor.do("UZ/customs", "/v1/enquiries", Ask("TM", I5("CG-1")))
        return self.corridor.call("UZ/customs", "GET", f"/v1/enquiries/{asked['id']}").json()["reply"]["status"]


@pytest.fixture
def trade(tmp_path):
    made = Trade(tmp_path)
    yield made
    made.corridor.close()


@pytest.mark.parametrize("lost", ["nobody", "TM", "UZ"])
def test_a_cancelled_guarantee_covers_nothing_new(trade, lost):
    """Neither while its movements are under way nor when they have ended, whoever has lost its disk."""
    assert trade.send(FIRST) == "accepted"
    trade.drive(FIRST, "start", 0)
    assert trade.held() == (EACH, COVER - EACH)
    assert trade.cancel() == "cancelling"
    assert trade.held() == (EACH, 0)
    if lost != "nobody":
        trade.corridor.lose(lost)
        trade.corridor.run()
    assert trade.held() == (EACH, 0), "the movement under way stays covered, and nothing else is"
    assert trade.send(SECOND) == "declined"
    trade.finish(FIRST, started=True)
    assert trade.corridor.view("UZ", FIRST)["state"] == "discharged"
    assert trade.held() == (0, 0), "what its movement gave back covers no other"
    assert trade.send(THIRD) == "declined"


def test_after_a_lost_disk_the_chain_registers_anew_and_covers_as_before(trade):
    """What came back with its movements counts into the cover; until then nothing new is accepted."""
    for movement in (FIRST, SECOND):
        assert trade.send(movement) == "accepted"
        trade.drive(movement, "start", 0)
    trade.corridor.lose("TM")
    trade.corridor.run()
    assert (trade.held(), trade.status()) == ((2 * EACH, 0), "unknown")
    assert trade.send(THIRD) == "declined"
    trade.register()
    assert (trade.held(), trade.status()) == ((2 * EACH, COVER - 2 * EACH), "registered")
    trade.finish(FIRST, started=True)
    assert trade.held() == (EACH, COVER - EACH)
    assert trade.cancel() == "cancelling"
    trade.finish(SECOND, started=True)
    assert trade.cancel() == "cancelled"
    assert trade.held() == (0, 0)


def test_two_lost_disks_in_a_row_cover_what_is_under_way_once(trade):
    """Lost again before the chain has registered anew: the same holds, and no more cover than there ever was."""
    for movement in (FIRST, SECOND):
        assert trade.send(movement) == "accepted"
        trade.drive(movement, "start", 0)
    trade.finish(FIRST, started=True)
    for _ in range(2):
        trade.corridor.lose("TM")
        trade.corridor.run()
        assert trade.held() == (EACH, 0)
    trade.finish(SECOND, started=True)
    assert trade.held() == (0, 0)
    trade.register()
    assert trade.held() == (0, COVER)
    assert trade.send(THIRD) == "accepted"
    assert trade.held() == (EACH, COVER - EACH)
