"""Whole journeys over several gateways: what each learns, what is refused, what the ledger holds."""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.services.transit.world import (
    START,
    Accept,
    World,
    accepted,
    declaration,
    discharge,
    drive,
    legs_karachi,
    register,
    stamp,
    start,
    terminate,
    terms,
    uid,
)

from darwaza.kernel.machine import Command, Decision, Elapsed, Fact, FactStated, Refusal
from darwaza.services.transit import booking, clock
from darwaza.services.transit.message import (
    Cancellation,
    Carried,
    Incident,
    Release,
    Resume,
    SealChange,
    Suspend,
    TrackerChange,
    Withdraw,
)
from darwaza.services.transit.movement import concerned
from darwaza.services.transit.tracker import Stock
from darwaza.standards.etir.internal import I7, I9, I17
from darwaza.standards.etir.value import SealMark, Unloaded, Vehicle


def states(world, movement):
    return {member: gateway.cases["transit", movement].state for member, gateway in world.gateways.items()}


def liabilities(world, guarantee):
    """Return the open liability by member, from the guarantor's ledger."""
    digest = booking.terms_digest(guarantee)
    found = {}
    for account in world.gateways[guarantee.guarantor].stored.all_accounts.values():
        if account.id.startswith(f"cover:{digest}:") and account.balance.debits_pending:
            found[account.id.rsplit(":", 1)[1]] = account.balance.debits_pending
    return found


def codes(world, movement, member="UZ"):
    return [item.what for item in world.gateways[member].progress(movement).discrepancies]


class TestKarachi:
    def test_start_to_discharge(self):
        """Every office has the data before the truck; every leg is told to all; the guarantee is free at the end."""
        world = World()
        movement = accepted(world)
        assert states(world, movement) == dict.fromkeys(("UZ", "AF", "PK"), "accepted")
        assert liabilities(world, terms()) == dict.fromkeys(("UZ", "AF", "PK"), 4_000_000)
        for leg in range(3):
            drive(world, movement, leg)
        assert states(world, movement) == dict.fromkeys(("UZ", "AF", "PK"), "ended")
        left = ["UZ", "AF", "PK"]
        for leg, office in enumerate(("UZTAS", "AFHRT", "PKTOR")):
            assert set(liabilities(world, terms())) == set(left)
            world.gateways[office[:2]].do("discharge", movement, discharge(world, movement, leg, office))
            world.run()
            left.remove(office[:2])
        assert states(world, movement) == dict.fromkeys(("UZ", "AF", "PK"), "discharged")
        assert liabilities(world, terms()) == {}
        assert world.refused == []
        assert codes(world, movement) == []

    def test_same_event_twice_changes_nothing(self):
        """An act resent with its id is answered as known and told to nobody again."""
        world = World()
        movement = accepted(world)
        act = start(world, movement, 0, "UZTAS")
        world.uz.do("start", movement, act)
        world.run()
        again = world.uz.do("start", movement, act)
        assert isinstance(again, Decision)
        assert again.messages == ()
        other = msgspec.structs.replace(act, seals_intact=False)
        assert world.uz.do("start", movement, other).code == "event_conflict"

    def test_facts_and_release_if_and_only_if_paid(self):
        """The goods wait for the duty; the fact that it is paid releases them in the same transaction."""
        world = World()
        movement = accepted(world, release_requires=("duty paid",))
        for leg in range(3):
            drive(world, movement, leg)
        ucr = world.pk.cases["transit", movement].ucr
        assert {name for case, name in world.pk.facts if case == ucr} >= {"guarantee accepted", "transit ended"}
        waiting = world.pk.do("release", movement, Release(stamp(world, "PKKHI")))
        assert waiting.answer == {"awaiting": ["duty paid"]}
        assert waiting.awaits == ("duty paid",)
        assert not waiting.facts
        paid = Fact("duty paid", {"payment": "p1"})
        early = world.pk.give("transit", movement, FactStated("fact duty paid", paid))
        assert early.awaits == ("duty paid",)  # the fact was announced but does not hold: still waiting
        world.pk.facts[ucr, "duty paid"] = paid
        done = world.pk.give("transit", movement, FactStated("fact duty paid", paid))
        assert [fact.name for fact in done.facts] == ["goods released"]
        assert world.pk.movement(movement).release == "released"

    def test_release_is_for_the_destination_after_the_end(self):
        """No office on the way, and none before the last termination, hands over the goods."""
        world = World()
        movement = accepted(world)
        for leg in range(2):
            drive(world, movement, leg)
        assert world.pk.do("release", movement, Release(stamp(world, "PKKHI"))).code == "not_in_state"
        drive(world, movement, 2)
        assert world.pk.do("release", movement, Release(stamp(world, "PKTOR"))).code == "not_at_destination"
        assert isinstance(world.pk.do("release", movement, Release(stamp(world, "PKKHI"))), Decision)


class TestGuards:
    @pytest.mark.parametrize(
        ("change", "code", "pointer"),
        [
            ({"regime": "none"}, "regime_unknown", "/regime"),
            ({"legs": legs_karachi()[:1]}, "itinerary_wrong", "/legs"),
            ({"version": 2}, "version_wrong", "/version"),
            ({"holder_party": "UZ/other"}, "not_yours", "/holder_party"),
            ({"movement": uid("other")}, "other_case", "/movement"),
            ({"guarantee": terms(holder="AFG/001/9")}, "holder_mismatch", "/guarantee/holder"),
            ({"guarantee": terms(kind="bank", single_use=False)}, "guarantee_kind_unknown", "/guarantee/kind"),
            ({"guarantee": terms(single_use=False)}, "guarantee_terms_wrong", "/guarantee"),
            ({"guarantee": terms(cover=10_000_001)}, "guarantee_terms_wrong", "/guarantee/cover_minor"),
            ({"guarantee": terms(valid_until=START)}, "guarantee_not_valid", "/guarantee/valid_until"),
            ({"guarantee": terms(members=("UZ", "AF"))}, "guarantee_does_not_cover", "/legs/2/member"),
            ({"release_requires": ("moon full",)}, "fact_unknown", "/release_requires/0"),
        ],
    )
    def test_declarations_are_checked_in_order(self, change, code, pointer):
        """A wrong declaration is refused with the code and the field, and opens no case."""
        world = World()
        made = declaration()
        wrong = msgspec.structs.replace(made, **change)
        outcome = world.uz.do("declare", made.movement, wrong, party=made.holder_party)
        assert (outcome.code, outcome.pointer) == (code, pointer)
        assert not world.uz.cases

    @pytest.mark.parametrize(
        ("index", "change", "code", "pointer"),
        [
            (
                1,
                {"member": "IR", "entry_office": "IRDOG", "exit_office": "IRDOG"},
                "member_not_bound",
                "/legs/1/member",
            ),
            (0, {"exit_office": "UZ-YALLAMA"}, "itinerary_wrong", "/legs/0/exit_office"),
            (0, {"crossing": "KZ-UZ/KONYSBAYEV"}, "itinerary_wrong", "/legs/0/crossing"),
            (0, {"crossing": None}, "itinerary_wrong", "/legs/0/crossing"),
            (0, {"entry_office": "PKKHI"}, "itinerary_wrong", "/legs/0"),
            (2, {"exit_office": "PKXXX"}, "office_unknown", "/legs"),
        ],
    )
    def test_itineraries_join(self, index, change, code, pointer):
        """Legs join through crossings by the crossings' own offices."""
        legs = list(legs_karachi())
        legs[index] = msgspec.structs.replace(legs[index], **change)
        made = declaration(legs=tuple(legs))
        outcome = World().uz.do("declare", made.movement, made, party=made.holder_party)
        assert (outcome.code, outcome.pointer) == (code, pointer)

    def test_goods_are_checked_against_the_list(self):
        """A code that is no HS subheading is refused with a pointer to its item; so is a gap in the numbers."""
        made = declaration(goods=3)
        for field, value, code in (("hs", "080699", "hs_unknown"), ("number", 9, "goods_wrong")):
            goods = list(made.goods)
            goods[1] = msgspec.structs.replace(goods[1], **{field: value})
            wrong = msgspec.structs.replace(made, goods=tuple(goods))
            outcome = World().uz.do("declare", made.movement, wrong, party=made.holder_party)
            assert (outcome.code, outcome.pointer) == (code, f"/goods/1/{field}")

    def test_officers_act_for_their_own_office_only(self):
        """Role, office and member are checked, in this order."""
        world = World()
        movement = accepted(world)
        act = start(world, movement, 0, "UZTAS")
        assert world.uz.do("start", movement, act, roles=frozenset({"holder"})).code == "role_missing"
        assert world.uz.do("start", movement, act, offices=False).code == "office_not_yours"
        assert world.af.do("start", movement, act).code == "not_authority"
        foreign = start(world, movement, 1, "AFHRT")
        assert world.uz.do("start", movement, foreign).code == "not_authority"
        elsewhere = start(world, movement, 0, "UZTER")
        assert world.uz.do("start", movement, elsewhere).code == "not_authority"

    def test_stamps_are_checked_by_instant(self):
        """A local time that does not name the instant is refused; so is the future; local dates are not compared."""
        world = World()
        movement = accepted(world)
        act = start(world, movement, 0, "UZTAS")
        for change, code in (
            ({"local": "2026-03-02T06:00:00+00:30"}, "stamp_wrong"),
            ({"zone": "Asia/Tashkend"}, "stamp_wrong"),
            (
                {"at": START + timedelta(days=1), "local": "2026-03-03T11:00:00+05:00"},
                "dated_in_future",
            ),
        ):
            wrong = msgspec.structs.replace(act, stamp=msgspec.structs.replace(act.stamp, **change))
            assert world.uz.do("start", movement, wrong).code == code

    def test_midnight_between_two_posts(self):
        """Events around midnight on two sides half an hour apart are all taken (a living system refused them)."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        world.now = START.replace(hour=19, minute=15) + timedelta(days=2)
        assert isinstance(world.af.do("start", movement, start(world, movement, 1, "AFHRT")), Decision)
        world.pass_time(minutes=20)  # 00:05 in Kabul, still 19:35 UTC of the day before
        assert isinstance(world.af.do("terminate", movement, terminate(world, movement, 1, "AFHRT", "AFRKH")), Decision)
        assert isinstance(world.pk.do("start", movement, start(world, movement, 2, "PKTOR")), Decision)

    def test_numbers_are_used_once(self):
        """Operation ids and sequence numbers are refused the second time (eTIR 214, 215)."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        again = I9(movement, 1, "op-0-UZTAS", 9, stamp(world, "AFHRT"))
        assert world.af.do("start", movement, again).code == "operation_id_reused"
        again = I9(movement, 1, "op-9", 1, stamp(world, "AFHRT"))
        assert world.af.do("start", movement, again).code == "sequence_reused"
        first = I17(movement, 0, "no", 9, stamp(world, "UZTAS"), "x")
        other, fresh = World(), accepted
        movement = fresh(other)
        first = I17(movement, 0, "no", 9, stamp(other, "UZTAS"), "x")
        assert other.uz.do("refuse-start", movement, first).code == "refusal_not_authorised"


class TestWay:
    def test_unloading_in_parts(self):
        """Packages taken off on the way are counted, and nobody takes off more than there is."""
        world = World()
        movement = accepted(world)
        world.uz.do("start", movement, start(world, movement, 0, "UZTAS"))
        too_many = terminate(world, movement, 0, "UZTAS", "UZTER", unloaded=(Unloaded(1, 101),))
        refused = world.uz.do("terminate", movement, too_many)
        assert (refused.code, refused.pointer) == ("unloaded_too_much", "/unloaded/0")
        some = terminate(world, movement, 0, "UZTAS", "UZTER", unloaded=(Unloaded(1, 30), Unloaded(2, 100)))
        assert isinstance(world.uz.do("terminate", movement, some), Decision)
        world.run()
        assert world.pk.progress(movement).packages == (70, 0)

    def test_refusal_to_start_holds_the_movement_until_it_is_taken(self):
        """An office refuses, all learn it, and the same office may start later."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        no = I17(movement, 1, "no-1", 2, stamp(world, "AFHRT"), "papers missing")
        world.af.do("refuse-start", movement, no)
        world.run()
        assert set(states(world, movement).values()) == {"held"}
        assert any(notice.kind == "movement.alarm" for notice in world.pk.notices)
        world.af.do("start", movement, start(world, movement, 1, "AFHRT", seq=3))
        world.run()
        assert set(states(world, movement).values()) == {"moving"}

    def test_seals_have_a_custody_chain(self):
        """A seal is broken for a control and replaced: each step says who, where and why; numbers are never reused."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        uz, af = world.uz, world.af

        def change(action, number, office="AFHRT", **more):
            return SealChange(movement, stamp(world, office), action, number, **more)

        assert af.do("seal", movement, change("broken", "S9", reason="x")).code == "seal_unknown"
        af.do("seal", movement, change("broken", "Sm1", reason="opened for control"))
        new = SealMark("S2", "electronic")
        af.do("seal", movement, change("replaced", "Sm1", replacement=new, reason="control finished"))
        assert af.do("seal", movement, change("affixed", "Sm1")).code == "seal_already_recorded"
        af.do("seal", movement, change("checked", "S2"))
        world.run()
        first, second = uz.progress(movement).seals
        assert (first.status, second.status, second.kind) == ("replaced", "intact", "electronic")
        assert [step.action for step in first.steps] == ["affixed", "broken", "replaced"]
        assert first.steps[1].reason == "opened for control"
        assert [step.office for step in second.steps] == ["AFHRT", "AFHRT"]
        assert any(notice.kind == "movement.alarm" for notice in uz.notices)

    def test_a_seal_number_on_two_trucks(self):
        """The second movement with a known seal number is refused, at acceptance and on the way."""
        world = World()
        accepted(world, "m1")
        made = declaration("m2", guarantee=terms("JX2"))
        register(world, made.guarantee)
        world.uz.do("declare", made.movement, made, party=made.holder_party)
        twice = Accept(stamp(world, "UZTAS"), (SealMark("Sm1"),))
        refused = world.uz.do("accept", made.movement, twice)
        assert (refused.code, refused.pointer) == ("seal_already_recorded", "/seals/0/number")
        within = Accept(stamp(world, "UZTAS"), (SealMark("S7"), SealMark("S7")))
        assert world.uz.do("accept", made.movement, within).pointer == "/seals/1/number"
        assert world.uz.do("accept", made.movement, Accept(stamp(world, "UZTAS"))).code == "seals_required"
        assert isinstance(
            world.uz.do("accept", made.movement, Accept(stamp(world, "UZTAS"), (SealMark("S7"),))), Decision
        )
        world.run()
        affix = SealChange(made.movement, stamp(world, "UZTAS"), "affixed", "Sm1")
        assert world.uz.do("seal", made.movement, affix).code == "seal_already_recorded"

    def test_transshipment(self):
        """After a breakdown the load moves to another truck; everyone sees the new plates."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        other = (Vehicle("truck", "KBL4711", "AF"),)
        world.af.do(
            "report-incident",
            movement,
            Incident(movement, stamp(world, "AFHRT"), 1, "transshipment", "axle broken", other),
        )
        world.run()
        assert world.pk.progress(movement).vehicles == other

    def test_trackers_run_short(self):
        """A pool of two fits two trucks; the third waits; one removed at home comes back, one abroad does not."""
        world = World()
        stock = Stock(uid("d1"), "UZTAS", 2)
        assert isinstance(world.uz.do("stock", uid("pool"), stock, name="tracker-pool"), Decision)
        assert isinstance(world.uz.do("stock", uid("pool"), stock, name="tracker-pool"), Decision)  # the same delivery
        movements = [accepted(world, f"m{n}", guarantee=terms(f"JX{n}")) for n in range(3)]

        def fit(n, action="fitted", office="UZTAS"):
            change = TrackerChange(movements[n], stamp(world, office), action, f"T{n}")
            return world.gateways[office[:2]].do("tracker", movements[n], change)

        assert isinstance(fit(0), Decision)
        assert isinstance(fit(1), Decision)
        refused = fit(2)
        assert (refused.code, refused.transient) == ("trackers_short", True)
        world.run()
        assert isinstance(fit(0, "removed", "UZTER"), Decision)
        assert isinstance(fit(2), Decision)
        world.run()
        fit(1, "removed", "PKKHI")
        world.run()
        out = world.uz.stored.all_accounts["trackers-out:UZTAS"].balance
        assert (out.credits_posted, out.credits_pending) == (1, 1)
        retire = Stock(uid("r1"), "UZTAS", 1)
        assert world.uz.do("retire", uid("pool"), retire, name="tracker-pool").code == "trackers_short"


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


def accepted_from_abroad(world, guarantee):
    register(world, guarantee, "AF")
    made = declaration(guarantee=guarantee, holder_party="PK/khyber-freight")
    world.pk.do("declare", made.movement, made, party=made.holder_party)
    world.run()
    body = Accept(stamp(world, "UZTAS"), (SealMark("S1"),))
    assert world.uz.do("accept", made.movement, body).state == "asking"
    world.run()
    return made.movement


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


def test_unreachable_members_are_named():
    """Without a gateway to forward to, nothing is accepted (eTIR 308)."""
    world = World(("UZ", "AF"))
    made = declaration()
    register(world, made.guarantee)
    world.uz.do("declare", made.movement, made, party=made.holder_party)
    refused = world.uz.do("accept", made.movement, Accept(stamp(world, "UZTAS"), (SealMark("S1"),)))
    assert (refused.code, refused.transient) == ("nobody_to_forward_to", True)


def test_bodies_without_sense_are_refused_with_a_pointer():
    """A message that cannot be read says which field is wrong, and changes nothing."""
    world = World()
    movement = accepted(world)
    world.uz.do("start", movement, start(world, movement, 0, "UZTAS"))
    origin, destination, name, case_id, received = world.queue.pop(0)
    for body, pointer in (
        (received.body.replace(b'"sequence":1', b'"sequence":"one"'), "/sequence"),
        (received.body.replace(b'"leg":0', b'"leg": 0'), ""),
        (received.body[:-1], ""),
        (b"\xff", ""),
    ):
        broken = msgspec.structs.replace(received, body=body)
        refused = world.gateways[destination].give(name, case_id, broken)
        assert (refused.code, refused.pointer) == ("body_wrong", pointer)
    forged = msgspec.structs.replace(received, origin="PK/customs")
    assert world.gateways[destination].give(name, case_id, forged).code == "not_authority"
    assert isinstance(world.gateways[destination].give(name, case_id, received), Decision)
    assert origin == "UZ"


def test_commands_carry_roles_not_trust():
    """A holder cannot act as customs, and customs cannot lodge."""
    world = World()
    made = declaration()
    refused = world.uz.give(
        "transit", made.movement, Command("declare", made.holder_party, frozenset({"customs"}), made)
    )
    assert isinstance(refused, Refusal)
    assert refused.code == "role_missing"
