"""A disk lost under a guarantee that was registered from abroad: it stays bound to its movement, exactly once.

Pakistan serves the chain, Afghanistan guarantees, the truck leaves from Uzbekistan: so chain, guarantor and user are
three gateways on files, and each of them loses its disk while the truck is on its way.
"""

import msgspec
import pytest

from darwaza.entry.sample import freight
from darwaza.services.transit.enquiry import Ask
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept
from darwaza.standards.etir.external import E3, E5
from darwaza.standards.etir.internal import I5, I9, I11, I13
from darwaza.standards.etir.value import SealMark

from .freight_corridor import NAMES, PARTIES, Corridor

FIRST, SECOND = (f"0190f1de-7c1a-7c1a-8c1a-01234567890{number}" for number in (1, 2))
OFFICES = {"UZTAS": "UZ/tashkent", "UZTER": "UZ/termez", "AFHRT": "AF/hairatan", "AFRKH": "AF/torkham"}
LEGS = (("UZTAS", "UZTER"), ("AFHRT", "AFRKH"), ("PKTOR", "PKKHI"))
CHAIN = "PK/pncc"


class Journey:
    """A carnet registered from Pakistan at its guarantor, and the movement under it."""

    def __init__(self, folder, *, chain=CHAIN, guarantor="AF"):
        def furnish(path):
            if path.name == "af":
                (path / "authorised.toml").write_text(f'chains = ["{CHAIN}"]\n')

        parties = PARTIES | {"PK": PARTIES["PK"] | {"pncc": ("guarantee-chain",)}}
        self.corridor = Corridor(folder, names=NAMES, parties=parties, furnish=furnish)
        now = self.corridor.clock.now()
        self.chain, self.guarantor = chain, guarantor
        self.terms = msgspec.structs.replace(freight.carnet("PK-77", now), chain=chain, guarantor=guarantor)
        self.guarantee = f"/v1/guarantees/{self.register()['id']}"

    def register(self):
        return self.corridor.do(self.chain, "/v1/guarantees", Register(self.terms, freight.HOLDER_PARTY))

    def lodge(self, movement):
        made = freight.declaration(movement, self.terms, self.corridor.clock.now())
        self.corridor.do("UZ/silk-road-trans", "/v1/transit", made)

    def accept(self, movement):
        seals = (SealMark("UZ-" + movement[-2:]),)
        self.corridor.do("UZ/tashkent", f"/v1/transit/{movement}/accept", Accept(self.stamp("UZTAS"), seals))

    def stamp(self, office):
        return freight.stamp(self.corridor.gateways["UZ"].reference.register, office, self.corridor.clock.now())

    def act(self, kind, leg):
        entry, leave = LEGS[leg]
        office = leave if kind == "terminate" else entry
        who = OFFICES.get(office) or {"PKTOR": "PK/torkham", "PKKHI": "PK/karachi"}[office]
        bodies = {
            "start": lambda: I9(FIRST, leg, f"op-{leg}", leg + 1, self.stamp(office)),
            "terminate": lambda: I11(FIRST, leg, f"op-{leg}", self.stamp(office)),
            "discharge": lambda: I13(FIRST, leg, f"op-{leg}", self.stamp(office)),
        }
        self.corridor.do(who, f"/v1/transit/{FIRST}/{kind}", bodies[kind]())

    def state(self, movement=FIRST):
        return self.corridor.view("UZ", movement)["state"]

    def cover(self):
        """What the guarantor says of the guarantee when it is asked: status, room, and uses."""
        who, question = (CHAIN, E5("PK-77")) if self.chain == CHAIN else ("PK/customs", I5("PK-77"))
        asked = self.corridor.do(who, "/v1/enquiries", Ask(self.guarantor, question))
        reply = self.corridor.call(who, "GET", f"/v1/enquiries/{asked['id']}").json()["reply"]
        uses = [(use["movement"], use["state"], len(use.get("shares", []))) for use in reply.get("uses", [])]
        return reply["status"], reply.get("available_minor", 0), uses

    def told(self):
        return self.corridor.call(CHAIN, "GET", self.guarantee).json()["state"]


@pytest.fixture
def journey(tmp_path):
    made = Journey(tmp_path)
    yield made
    made.corridor.close()


def refuse_a_second_use(journey):
    """Another movement under the same carnet learns that it covers one already."""
    journey.lodge(SECOND)
    journey.accept(SECOND)
    assert journey.state(SECOND) == "declined"
    (fault,) = journey.corridor.view("UZ", SECOND)["faults"]
    assert (fault["code"], fault["pointer"]) == (201, "/terms/reference")


LOSSES = [(lost, first, "empty") for lost in NAMES for first in NAMES] + [(lost, "UZ", "backup") for lost in NAMES]


@pytest.mark.parametrize(("lost", "first", "old"), LOSSES)
def test_a_lost_disk_frees_no_guarantee(journey, lost, first, old):
    """Whoever loses its disk, and whoever speaks first afterwards: same cover, no second use, released once."""
    backup = journey.corridor.backup(lost) if old == "backup" else None
    journey.lodge(FIRST)
    journey.accept(FIRST)
    journey.act("start", 0)
    journey.act("terminate", 0)
    journey.act("discharge", 0)
    journey.act("start", 1)
    before = journey.cover()
    assert before == ("registered", 5_000_000, [(FIRST, "in-use", 2)])

    journey.corridor.lose(lost, backup)
    journey.corridor.run(first=first)
    assert journey.cover() == before
    assert journey.told() == "registered"
    refuse_a_second_use(journey)

    journey.act("terminate", 1)
    journey.act("start", 2)
    journey.act("terminate", 2)
    journey.act("discharge", 1)
    journey.act("discharge", 2)
    assert journey.state() == "discharged"
    assert journey.cover() == ("registered", 9_000_000, [(FIRST, "released", 0)])
    journey.corridor.do(CHAIN, journey.guarantee + "/cancel", E3("PK-77", journey.terms.holder, "used up"))
    assert journey.told() == "cancelled"
    for gateway in journey.corridor.gateways.values():
        assert gateway.engine.store.quarantined(10) == []


def test_a_guarantor_of_departure_binds_again_what_it_had_said(tmp_path):
    """The registration was on the lost disk alone; what it told its neighbours binds the guarantee all the same.

    The chain then registers the very terms again without covering anything twice.
    """
    journey = Journey(tmp_path, chain="UZ/aircuz", guarantor="UZ")
    journey.lodge(FIRST)
    journey.accept(FIRST)
    for act in (("start", 0), ("terminate", 0), ("discharge", 0), ("start", 1)):
        journey.act(*act)
    before = journey.cover()
    assert before == ("registered", 5_000_000, [(FIRST, "in-use", 2)])
    journey.corridor.lose("UZ")
    journey.corridor.run()
    assert journey.cover()[0] == "unknown"
    assert journey.register()["id"]
    assert journey.cover() == before
    journey.lodge(SECOND)
    accept = Accept(journey.stamp("UZTAS"), (SealMark("UZ-02"),))
    assert journey.corridor.refused("UZ/tashkent", f"/v1/transit/{SECOND}/accept", accept) == "guarantee_already_used"
    for act in (("terminate", 1), ("start", 2), ("terminate", 2), ("discharge", 1), ("discharge", 2)):
        journey.act(*act)
    assert journey.cover() == ("registered", 9_000_000, [(FIRST, "released", 0)])
    journey.corridor.close()


def test_a_seal_number_stays_taken_after_a_lost_disk(journey):
    """The seals of departure are entered again, so that another truck under the same number is still refused."""
    journey.lodge(FIRST)
    journey.accept(FIRST)
    journey.corridor.lose("UZ")
    journey.corridor.run()
    journey.lodge(SECOND)
    accept = Accept(journey.stamp("UZTAS"), (SealMark("UZ-" + FIRST[-2:]),))
    assert journey.corridor.refused("UZ/tashkent", f"/v1/transit/{SECOND}/accept", accept) == "seal_already_recorded"
