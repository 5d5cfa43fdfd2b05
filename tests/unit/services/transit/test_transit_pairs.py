"""Every pair of eTIR, E1 to E14 and I1 to I20: sent by whom, to whom, answered with what, on one journey.

The holder and the chain are Pakistan's, the guarantor is Afghanistan, the truck leaves from Uzbekistan: so every
message travels between members.
"""

import msgspec
import pytest
from tests.unit.services.transit.world import (
    I17,
    START,
    Accept,
    World,
    accepted,
    declaration,
    discharge,
    drive,
    legs_karachi,
    reference,
    stamp,
    start,
    terms,
    uid,
)

from darwaza.kernel.machine import Decision, Received
from darwaza.services.transit.authorised import Authorised, Holder
from darwaza.services.transit.check import Reference
from darwaza.services.transit.enquiry import Ask, enquiry_service
from darwaza.services.transit.guarantee import Register, guarantee_case, guarantee_service
from darwaza.services.transit.message import Withdraw
from darwaza.standards.etir.external import E3, E5, E6, E7
from darwaza.standards.etir.internal import I3, I5, I6, I7, I19
from darwaza.standards.etir.value import SealMark
from darwaza.standards.etir.wire import encode

CHAIN, HOLDER = "PK/pncc", "PK/khyber-freight"
PAIRS = (
    # question, answer, from, to
    ("guarantee.e1", "guarantee.e2", "PK/pncc", "AF/customs"),
    ("guarantee.e3", "guarantee.e4", "PK/pncc", "AF/customs"),
    ("enquiry.e5", "enquiry.e6", "PK/pncc", "AF/customs"),
    ("transit.e7", "transit.e8", "AF/customs", "PK/pncc"),
    ("transit.e9", "transit.e10", "PK/customs", "UZ/customs"),
    ("transit.e11", "transit.e12", "PK/customs", "UZ/customs"),
    ("transit.e13", "transit.e14", "PK/customs", "UZ/customs"),
    ("transit.i1", "transit.i2", "UZ/customs", "AF/customs"),
    ("enquiry.i3", "enquiry.i4", "UZ/customs", "AF/customs"),
    ("enquiry.i5", "enquiry.i6", "UZ/customs", "AF/customs"),
    ("transit.i7", "transit.i8", "UZ/customs", "AF/customs"),
    ("transit.i9", "transit.i10", "UZ/customs", "AF/customs"),
    ("transit.i11", "transit.i12", "UZ/customs", "AF/customs"),
    ("transit.i13", "transit.i14", "UZ/customs", "AF/customs"),
    ("transit.i15", "transit.i16", "UZ/customs", "PK/customs"),
    ("transit.i17", "transit.i18", "PK/customs", "AF/customs"),
    ("enquiry.i19", "enquiry.i20", "UZ/customs", "AF/customs"),
)


class Telling(World):
    """A world that also notes who speaks."""

    def __init__(self, **more):
        self.told = set()
        super().__init__(**more)
        service = enquiry_service(reference())
        for gateway in self.gateways.values():
            gateway.services[service.name] = service

    def send(self, origin, name, case_id, draft):
        self.told.add((draft.kind, draft.origin, draft.destination))
        super().send(origin, name, case_id, draft)
        *rest, received = self.queue[-1]
        self.queue[-1] = (*rest, msgspec.structs.replace(received, origin=draft.origin))


def register(world, guarantee):
    body = Register(guarantee, HOLDER)
    case = guarantee_case(guarantee.guarantor, guarantee.reference)
    outcome = world.pk.do("register", case, body, party=CHAIN, name="guarantee")
    assert isinstance(outcome, Decision), outcome
    assert outcome.state == "asking"
    world.run()
    return world.pk.cases["guarantee", case]


def lodge(world, name, guarantee):
    made = declaration(name, guarantee=guarantee, holder_party=HOLDER)
    assert isinstance(world.pk.do("declare", made.movement, made, party=HOLDER), Decision)
    world.run()
    return made


def ask(world, member, question, answer, party):
    case = uid("q" + type(question).__name__)
    assert isinstance(
        world.gateways[member].do("ask", case, Ask("AF", question), party=party, name="enquiry"), Decision
    )
    world.run()
    if answer is not None:
        world.af.do("answer", case, answer, name="enquiry")
        world.run()
    assert world.gateways[member].cases["enquiry", case].state == "answered"


@pytest.fixture(scope="module")
def journey():
    """Drive the whole journey once."""
    world = Telling()
    guarantee = terms(guarantor="AF", chain=CHAIN)
    assert register(world, guarantee).state == "registered"
    made = lodge(world, "gone", guarantee)
    world.pk.do("withdraw", made.movement, Withdraw("sold"), party=HOLDER)
    made = lodge(world, "m1", guarantee)
    world.pk.do("amend", made.movement, msgspec.structs.replace(made, version=2), party=HOLDER)
    world.run()
    assert world.uz.do("accept", made.movement, Accept(stamp(world, "UZTAS"), (SealMark("S1"),))).state == "asking"
    world.run()
    drive(world, made.movement, 0)
    drive(world, made.movement, 1)
    refusal = I17(made.movement, 2, "no-2", 3, stamp(world, "PKTOR"), "no visa")
    assert isinstance(world.pk.do("refuse-start", made.movement, refusal), Decision)
    world.pk.do("start", made.movement, start(world, made.movement, 2, "PKTOR", seq=4))
    world.uz.do("discharge", made.movement, discharge(world, made.movement, 0, "UZTAS"))
    ask(world, "UZ", I19(("AFHRT",)), None, "UZ/customs")
    ask(world, "UZ", I5("JX95000448"), I6("JX95000448", "registered"), "UZ/customs")
    ask(world, "PK", E5("JX95000448"), E6("JX95000448", "registered"), CHAIN)
    allowed = Authorised(holders=(Holder(guarantee.holder, "Khyber Freight"),))
    world.af.services["enquiry"] = enquiry_service(with_allowed(allowed))
    ask(world, "UZ", I3(guarantee.holder), None, "UZ/customs")
    cancel = E3(guarantee.reference, guarantee.holder, "given back")
    case = guarantee_case("AF", guarantee.reference)
    world.pk.do("cancel", case, cancel, party=CHAIN, name="guarantee")
    world.run()
    assert world.pk.cases["guarantee", case].state == "cancelling"
    assert world.refused == []
    return world, made


def with_allowed(allowed) -> Reference:
    return msgspec.structs.replace(reference(), authorised=allowed)


@pytest.mark.parametrize(("question", "answer", "sender", "addressee"), PAIRS, ids=[row[0] for row in PAIRS])
def test_the_pair_travels(journey, question, answer, sender, addressee):
    """The question goes from its author to the authority on it, and the answer comes back by itself."""
    told = journey[0].told
    assert (question, sender, addressee) in told
    assert (answer, addressee, sender) in told


def test_all_pairs_are_there():
    """E1 to E14 and I1 to I20, each once."""
    numbers = {kind.rpartition(".")[2] for row in PAIRS for kind in row[:2]}
    assert numbers == {f"e{n}" for n in range(1, 15)} | {f"i{n}" for n in range(1, 21)}


def test_the_chain_hears_what_happens(journey):
    """E7 tells the chain at its own gateway of acceptance and use; the case there is its own movement's."""
    world, made = journey
    heard = [notice.kind for notice in world.pk.notices if notice.party == CHAIN]
    in_use = ["guarantee.in-use"] * 2  # the second time after Pakistan's refusal
    assert heard == ["guarantee.registered", "guarantee.accepted", *in_use, "guarantee.cancelling"]
    assert world.pk.movement(made.movement).terms.chain == CHAIN


def test_a_chain_not_concerned_opens_a_case_by_e7():
    """Where nothing is known of the movement, E7 opens a case that takes nothing but news of it."""
    world = Telling()
    told = E7("JX1", uid("m1"), "accepted", START)
    message = Received("transit.e7", uid("x"), "UZ/customs", CHAIN, START, None, None, "", encode(told))
    forged = msgspec.structs.replace(message, origin="UZ/other")
    assert world.pk.give("transit", uid("m1"), forged).code == "not_authority"
    astray = msgspec.structs.replace(message, destination="AF/acci")
    assert world.pk.give("transit", uid("m1"), astray).code == "not_yours"
    done = world.pk.give("transit", uid("m1"), message)
    assert (done.state, [item.kind for item in done.messages]) == ("heard", ["transit.e8"])


@pytest.mark.parametrize(
    ("change", "allowed", "code", "pointer"),
    [
        ({"chain": "PK/pncc"}, Authorised(), 330, "/terms/chain"),
        ({}, Authorised((CHAIN,), ()), 322, "/terms/holder"),
        ({}, Authorised((CHAIN,), (Holder("UZB/041/1234", "S", START.date().replace(day=1)),)), 321, "/terms/holder"),
        ({"kind": "bank"}, Authorised((CHAIN,)), 303, "/guarantee/kind"),
    ],
)
def test_a_registration_that_is_refused_says_why(change, allowed, code, pointer):
    """E2 carries the eTIR code and points at the field; the chain may try again."""
    world = Telling()
    world.af.services["guarantee"] = guarantee_service(with_allowed(allowed))
    case = register(world, terms(**{"guarantor": "AF", "chain": CHAIN} | change))
    assert case.state == "declined"
    assert [(fault.code, fault.pointer) for fault in case.data.faults] == [(code, pointer)]
    world.af.services["guarantee"] = guarantee_service(reference())
    if code != 303:
        assert register(world, terms(guarantor="AF", chain=CHAIN)).state == "registered"


def test_a_taken_reference_is_204():
    """E1 for a reference that stands is answered with 204 and changes nothing."""
    world = Telling()
    guarantee = terms(guarantor="AF", chain=CHAIN)
    register(world, guarantee)
    del world.pk.cases["guarantee", guarantee_case("AF", guarantee.reference)]
    again = register(world, msgspec.structs.replace(guarantee, cover_minor=8_000_000))
    assert [(fault.code, fault.pointer) for fault in again.data.faults] == [(204, "/terms/reference")]


def test_an_answer_keeps_what_the_movement_waits_for():
    """The guarantor's answer to an event leaves the deadline standing: a later one is still reported."""
    world = World()
    movement = accepted(world, guarantee=terms(), legs=legs_karachi())
    began = world.af.do("reroute", movement, I7(world.af.movement(movement).known(), stamp(world, "AFHRT")))
    assert began.code == "version_wrong"
    world.uz.do("start", movement, start(world, movement, 0, "UZTAS"))
    world.run()
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    while world.queue and world.queue[0][4].kind != "transit.i10":
        world.run_once()
    assert world.queue[0][1] == "AF"
    answered = world.run_once()
    assert answered.remind_at == legs_karachi()[0].deadline_at
