"""Authority elsewhere, clocks that stop, and new editions of an itinerary."""

from datetime import timedelta

import msgspec
from tests.unit.services.transit.world import (
    START,
    Accept,
    World,
    accepted,
    accepted_from_abroad,
    codes,
    declaration,
    discharge,
    drive,
    liabilities,
    register,
    stamp,
    start,
    states,
    terminate,
    terms,
    uid,
)

from darwaza.kernel.machine import Decision, Elapsed
from darwaza.services.transit import clock
from darwaza.services.transit.message import (
    Cancellation,
    Carried,
    Resume,
    Suspend,
    Withdraw,
)
from darwaza.services.transit.movement import concerned
from darwaza.standards.etir.internal import I7
from darwaza.standards.etir.value import SealMark, Vehicle


class TestAuthorityElsewhere:
    def test_three_members_play_three_parts(self):
        """Holder in PK, departure in UZ, guarantor in AF: E9 is forwarded, I1 asked, I15 told, E10 answered."""
        world = World()
        guarantee = terms(guarantor="AF", chain="AF/acci")
        movement = accepted_from_abroad(world, guarantee)
        assert set(states(world, movement).values()) == {"accepted"}
        for leg in range(3):
            drive(world, movement, leg)
        for leg, office in enumerate(("UZTAS", "AFHRT", "PKTOR")):
            world.gateways[office[:2]].do("discharge", movement, discharge(world, movement, leg, office))
            world.run()
        assert liabilities(world, guarantee) == {}
        assert world.refused == []

    def test_an_amended_declaration_before_the_acceptance(self):
        """The holder abroad amends once and withdraws another; customs of departure follows."""
        world = World()
        guarantee = terms(guarantor="AF", chain="AF/acci")
        register(world, guarantee, "AF")
        made = declaration(guarantee=guarantee, holder_party="PK/khyber-freight")
        home = world.pk
        home.do("declare", made.movement, made, party=made.holder_party)
        world.run()
        second = msgspec.structs.replace(made, version=2, vehicles=(Vehicle("truck", "X1"),))
        assert home.do("amend", made.movement, made, party=made.holder_party).code == "version_wrong"
        home.do("amend", made.movement, second, party=made.holder_party)
        world.run()
        assert world.uz.movement(made.movement).declaration == second
        home.do("withdraw", made.movement, Withdraw("sold"), party=made.holder_party)
        world.run()
        assert world.uz.cases["transit", made.movement].state == "withdrawn"

    def test_a_declaration_wrong_at_departure_is_declined_with_pointers(self):
        """The member of departure answers E10 with the eTIR error; the holder amends and is taken."""
        world = World()
        guarantee = terms(guarantor="AF", chain="AF/acci", valid_until=START + timedelta(hours=1))
        made = declaration(guarantee=guarantee, holder_party="PK/khyber-freight")
        world.pk.do("declare", made.movement, made, party=made.holder_party)
        world.pass_time(hours=2)
        world.run()
        case = world.pk.cases["transit", made.movement]
        assert case.state == "declined"
        assert [(fault.code, fault.pointer) for fault in case.data.faults] == [(201, "/guarantee/valid_until")]
        better = msgspec.structs.replace(made, version=2, guarantee=terms(guarantor="AF", chain="AF/acci"))
        world.pk.do("amend", made.movement, better, party=made.holder_party)
        world.run()
        assert world.uz.cases["transit", made.movement].state == "lodged"

    def test_cancellation_frees_the_guarantee(self):
        """Customs of departure cancels before the start; nobody else may, and nobody after."""
        world = World()
        movement = accepted(world)
        foreign = Cancellation(movement, stamp(world, "AFHRT"), "x")
        assert world.af.do("cancel", movement, foreign).code == "not_authority"
        world.uz.do("cancel", movement, Cancellation(movement, stamp(world, "UZTAS"), "order withdrawn"))
        world.run()
        assert set(states(world, movement).values()) == {"cancelled"}
        assert liabilities(world, terms()) == {}
        other = accepted(world, "m2", guarantee=terms("JX2"))
        world.uz.do("start", other, start(world, other, 0, "UZTAS"))
        late = Cancellation(other, stamp(world, "UZTAS"), "x")
        assert world.uz.do("cancel", other, late).code == "under_way"

    def test_a_start_heard_after_a_cancellation_is_a_liability_again(self):
        """Goods that set off are not cancelled: the liability is reserved anew and a discrepancy stands."""
        world = World()
        movement = accepted(world)
        before = start(world, movement, 0, "UZTAS", offline=True)
        world.pass_time(hours=1)
        world.uz.do("cancel", movement, Cancellation(movement, stamp(world, "UZTAS"), "order withdrawn"))
        world.run()
        assert liabilities(world, terms()) == {}
        assert isinstance(world.uz.do("carry-in", movement, Carried((before,))), Decision)
        world.run()
        assert set(states(world, movement).values()) == {"moving"}
        assert set(liabilities(world, terms())) == {"UZ", "AF", "PK"}
        assert codes(world, movement, "PK") == ["cancelled-and-started"]


class TestClocks:
    def test_a_missed_deadline_is_reported_once(self):
        """Customs and holder hear of it, the guarantor's chain too; a second waking tells nobody."""
        world = World()
        movement = accepted(world)
        done = world.uz.do("start", movement, start(world, movement, 0, "UZTAS"))
        assert done.remind_at == START + timedelta(days=3)
        world.now = done.remind_at
        late = world.uz.give("transit", movement, Elapsed(done.remind_at))
        kinds = [notice.kind for notice in late.notices]
        assert kinds == ["movement.overdue", "movement.overdue", "guarantee.overdue"]
        assert world.uz.give("transit", movement, Elapsed(world.now)).notices == ()

    def test_a_closure_stops_deadline_and_guarantee_clock(self):
        """While Torkham is closed no deadline runs; afterwards it lies as much later as the closure lasted."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
        closed = world.now
        stop = Suspend(uid("c1"), "AF-PK/TORKHAM", closed)
        stopped = world.af.do("suspend", movement, stop)
        assert stopped.remind_at is None
        assert clock.guarantee_until(world.af.movement(movement)) is None
        assert world.af.do("suspend", movement, stop).data == stopped.data
        world.pass_time(days=100)
        again = world.af.do("resume", movement, Resume(uid("c1"), world.now))
        assert again.remind_at == START + timedelta(days=106)
        until = clock.guarantee_until(world.af.movement(movement))
        assert until == terms().valid_until + timedelta(days=100)
        other = Suspend(uid("c2"), "AF-UZ/HAIRATAN", world.now)
        assert world.af.do("suspend", movement, other).code == "closure_unknown"
        assert world.af.do("resume", movement, Resume(uid("c9"), world.now)).code == "closure_unknown"

    def test_overlapping_closures_count_once(self):
        """Two closures at once hold a truck up only as long as it stood."""
        world = World()
        movement = accepted(world)
        for name, since, until in (("a", 0, 10), ("b", 5, 12), ("c", 20, 21)):
            at = START + timedelta(days=since)
            world.now = START + timedelta(days=until)
            world.uz.do("suspend", movement, Suspend(uid(name), "AF-PK/TORKHAM", at))
            world.uz.do("resume", movement, Resume(uid(name), world.now))
        assert clock.held_up(world.uz.movement(movement)) == timedelta(days=13)


def diverted(world, movement, version=2):
    """Return the edition that avoids Torkham by Chaman."""
    made = next(iter(world.gateways.values())).movement(movement).known()
    legs = list(made.legs)
    legs[1] = msgspec.structs.replace(legs[1], exit_office="AFSBK", crossing="AF-PK/CHAMAN")
    legs[2] = msgspec.structs.replace(legs[2], entry_office="PKCMN")
    return msgspec.structs.replace(made, version=version, legs=tuple(legs))


class TestEditions:
    def test_diversion_within_the_accepted_members(self):
        """A new way through the same members needs no new word of the guarantor and is told to all."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
        world.run()
        edition = I7(diverted(world, movement), stamp(world, "AFHRT"))
        assert isinstance(world.af.do("reroute", movement, edition), Decision)
        world.run()
        for gateway in world.gateways.values():
            assert gateway.movement(movement).known().legs[2].entry_office == "PKCMN"
        world.af.do("terminate", movement, terminate(world, movement, 1, "AFHRT", "AFSBK"))
        world.pk.do("start", movement, start(world, movement, 2, "PKCMN"))
        world.run()
        assert codes(world, movement) == []
        seal = world.pk.progress(movement).seals[0]
        assert seal.steps[0].office == "UZTAS"

    def test_what_was_driven_stays(self):
        """A new edition may not rewrite driven legs, holder, guarantee or reference, nor skip a number."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        good = diverted(world, movement)
        first = msgspec.structs.replace(good.legs[0], liability_minor=1)
        for change, code in (
            ({"legs": (first, *good.legs[1:])}, "itinerary_rewrites_past"),
            ({"ucr": "OTHER"}, "other_case"),
            ({"guarantee": terms("JX9")}, "other_case"),
            ({"version": 3}, "version_wrong"),
            (
                {"legs": (*good.legs[:2], msgspec.structs.replace(good.legs[2], entry_office="PKTOR"))},
                "itinerary_wrong",
            ),
        ):
            edition = I7(msgspec.structs.replace(good, **change), stamp(world, "AFHRT"))
            assert world.af.do("reroute", movement, edition).code == code

    def test_diversion_through_another_member_asks_the_guarantor(self):
        """More members mean more liability: the guarantor is asked first, then the new member learns everything."""
        world = World(("UZ", "AF", "PK", "TJ"))
        guarantee = terms(members=("UZ", "AF", "PK", "TJ"), guarantor="PK", chain="PK/pncc")
        register(world, guarantee, "PK")
        made = declaration(guarantee=guarantee)
        world.uz.do("declare", made.movement, made, party=made.holder_party)
        world.uz.do("accept", made.movement, Accept(stamp(world, "UZTAS"), (SealMark("S1"),)))
        world.run()
        movement = made.movement
        assert ("transit", movement) not in world.tj.cases
        legs = made.legs
        via = (
            legs[0],
            msgspec.structs.replace(legs[1], exit_office="AFSHE", crossing="AF-TJ/SHERKHAN-BANDAR", deadline_at=None),
            type(legs[0])("TJ", "TJ-PANJI-POYON", "TJDYU", None, 3_000_000),
        )
        edition = I7(msgspec.structs.replace(made, version=2, legs=via), stamp(world, "UZTAS"))
        waiting = world.uz.do("reroute", movement, edition)
        assert waiting.answer == {"asked": True}
        assert world.uz.movement(movement).known().version == 1
        world.run()
        assert {g.movement(movement).known().version for g in world.gateways.values()} == {2}
        assert liabilities(world, guarantee) == {"UZ": 4_000_000, "AF": 4_000_000, "TJ": 3_000_000}
        assert set(concerned(world.tj.movement(movement).known())) == {"UZ", "AF", "TJ", "PK"}
        assert world.refused == []

    def test_one_edition_at_a_time_waits_for_the_guarantor(self):
        """While an edition waits, another is refused for now: the answer must fit what was asked."""
        world = World(("UZ", "AF", "PK"))
        movement = accepted(world)
        good = diverted(world, movement)
        legs = (*good.legs[:2], msgspec.structs.replace(good.legs[2], liability_minor=5_000_000))
        more = msgspec.structs.replace(good, legs=legs)
        assert world.af.do("reroute", movement, I7(more, stamp(world, "AFHRT"))).answer == {"asked": True}
        again = world.af.do("reroute", movement, I7(good, stamp(world, "AFHRT")))
        assert (again.code, again.transient) == ("edition_pending", True)
        world.run()
        assert world.pk.movement(movement).known() == more
        assert liabilities(world, terms())["PK"] == 5_000_000

    def test_a_short_cover_refuses_the_diversion(self):
        """If the cover has no room, the old edition stays in force and the officer learns why."""
        world = World(("UZ", "AF", "PK"))
        movement = accepted(world)
        good = diverted(world, movement)
        legs = (*good.legs[:2], msgspec.structs.replace(good.legs[2], liability_minor=9_000_001))
        edition = I7(msgspec.structs.replace(good, legs=legs), stamp(world, "UZTAS"))
        assert world.uz.do("reroute", movement, edition).code == "guarantee_cover_short"
        edition = I7(msgspec.structs.replace(good, legs=legs), stamp(world, "AFHRT"))
        assert world.af.do("reroute", movement, edition).answer == {"asked": True}
        world.run()
        assert world.af.movement(movement).known().version == 1
        assert [fault.code for fault in world.af.movement(movement).faults] == [201]

    def test_two_members_divert_at_once(self):
        """Both record edition 2 with the network cut: the earlier is in force everywhere, the other is shown."""
        world = World()
        movement = accepted(world)
        world.cut |= {"AF", "UZ", "PK"}
        late = diverted(world, movement)
        world.af.do("reroute", movement, I7(late, stamp(world, "AFHRT")))
        world.now -= timedelta(minutes=5)
        early = msgspec.structs.replace(late, vehicles=(Vehicle("truck", "NEW1"),))
        world.uz.do("reroute", movement, I7(early, stamp(world, "UZTAS")))
        world.now += timedelta(minutes=10)
        world.cut.clear()
        world.run()
        for gateway in world.gateways.values():
            assert gateway.movement(movement).known() == early
            assert codes(world, movement, gateway.member) == ["two-editions"]

    def test_a_holder_asks_for_an_amendment(self):
        """After the acceptance the holder asks and customs decides."""
        world = World()
        movement = accepted(world)
        made = world.uz.movement(movement).known()
        wish = msgspec.structs.replace(made, version=2, vehicles=(Vehicle("truck", "OTHER1"),))
        world.uz.do("amend", movement, wish, party=made.holder_party)
        assert world.uz.movement(movement).requested == wish
        assert world.uz.movement(movement).known() == made
        world.uz.do("reroute", movement, I7(wish, stamp(world, "UZTAS")))
        world.run()
        assert world.pk.movement(movement).known() == wish
