"""Questions between members and their answers."""

import msgspec
from tests.unit.services.transit.world import World, reference, uid

from darwaza.kernel.machine import Decision
from darwaza.services.transit.enquiry import Ask, enquiry_service
from darwaza.standards.etir.external import E5, E6
from darwaza.standards.etir.internal import I3, I4, I5, I6, I19


def world_with_enquiries():
    world = World()
    service = enquiry_service(reference())
    for gateway in world.gateways.values():
        gateway.services[service.name] = service
    return world


def ask(world, question, case="q", member="PK"):
    return world.uz.do("ask", uid(case), Ask(member, question), name="enquiry")


def test_offices_are_checked_at_once():
    """I19 is answered from the register: 304 for each unknown office, with a pointer."""
    world = world_with_enquiries()
    ask(world, I19(("PKTOR", "PKXXX", "PK-SOST")))
    world.run()
    reply = world.uz.cases["enquiry", uid("q")].data.reply
    assert reply.unknown == ("PKXXX",)
    assert [(fault.code, fault.pointer) for fault in reply.faults] == [(304, "/offices/1")]


def test_a_looked_up_answer_goes_back():
    """Holder and guarantee are looked up by the member that is asked; the answer must fit the question."""
    world = world_with_enquiries()
    for case, question, reply in (
        ("a", I3("h"), I4("h", "Silk Road Trans", True)),
        ("b", I5("JX1"), I6("JX1", "registered", 5)),
        ("c", E5("JX1"), E6("JX1", "unknown")),
    ):
        ask(world, question, case)
        world.run()
        assert world.pk.cases["enquiry", uid(case)].state == "open"
        wrong = I4("h") if isinstance(reply, I6) else I6("JX1", "unknown")
        assert world.pk.do("answer", uid(case), wrong, name="enquiry").code == "body_wrong"
        assert world.pk.do("answer", uid(case), reply, name="enquiry", roles=frozenset()).code == "role_missing"
        assert isinstance(world.pk.do("answer", uid(case), reply, name="enquiry"), Decision)
        world.run()
        assert world.uz.cases["enquiry", uid(case)].data.reply == reply
    assert world.refused == []


def test_guards():
    """Roles, reach and the origin of an answer are checked."""
    world = world_with_enquiries()
    assert ask(world, I3("h"), member="KZ").code == "nobody_to_forward_to"
    nobody = world.uz.do("ask", uid("q"), Ask("PK", I3("h")), name="enquiry", roles=frozenset({"holder"}))
    assert nobody.code == "role_missing"
    ask(world, I3("h"))
    world.run()
    world.pk.do("answer", uid("q"), I4("h"), name="enquiry")
    answer = msgspec.structs.replace(world.queue[0][4], origin="AF/customs")
    assert world.uz.give("enquiry", uid("q"), answer).code == "not_authority"
