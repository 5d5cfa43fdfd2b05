"""Whole journeys over several gateways: what each learns, what is refused, what the ledger holds."""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.services.transit.world import (
    START,
    Accept,
    World,
    accepted,
    codes,
    declaration,
    discharge,
    drive,
    legs_karachi,
    liabilities,
    register,
    stamp,
    start,
    states,
    terminate,
    terms,
    uid,
)

from darwaza.kernel.machine import Command, Decision, Fact, FactStated, Refusal
from darwaza.services.transit.message import (
    Incident,
    Release,
    SealChange,
    TrackerChange,
)
from darwaza.services.transit.tracker import Stock
from darwaza.standards.etir.internal import I9, I17
from darwaza.standards.etir.value import SealMark, Unloaded, Vehicle


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
        assert waiting.answer == {"release": "awaiting", "awaiting": ["duty paid"]}
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
    for body, code, pointer in (
        (received.body.replace(b'"sequence":1', b'"sequence":"one"'), "not_an_integer", "/sequence"),
        (received.body.replace(b',"sequence":1', b""), "field_missing", "/sequence"),
        (received.body.replace(b'"leg":0', b'"leg": 0'), "body_wrong", ""),
        (received.body[:-1], "body_wrong", ""),
        (b"\xff", "body_wrong", ""),
    ):
        broken = msgspec.structs.replace(received, body=body)
        refused = world.gateways[destination].give(name, case_id, broken)
        assert (refused.code, refused.pointer) == (code, pointer)
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
