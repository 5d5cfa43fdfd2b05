"""Whatever is cut, resent, doubled or reordered: the gateways end up knowing the same, and the cover holds."""

import random
from datetime import timedelta
from itertools import pairwise

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.unit.services.transit.world import (
    START,
    World,
    declaration,
    legs_karachi,
    stamp,
    terms,
    uid,
)

from darwaza.kernel.machine import Decision
from darwaza.services.transit import booking, clock
from darwaza.services.transit.leg import DISCHARGED, LEG_TABLE, progress
from darwaza.services.transit.message import Cancellation, Carried, Extend, Incident, Resume, SealChange, Suspend
from darwaza.services.transit.movement import Movement, with_edition, with_event
from darwaza.standards.etir.internal import I7, I9, I11, I13, I17
from darwaza.standards.etir.value import SealMark, Vehicle

OFFICES = (("UZTAS", "UZTER"), ("AFHRT", "AFRKH"), ("PKTOR", "PKKHI"))
TORKHAM = "AF-PK/TORKHAM"


@st.composite
def events(draw):
    """Draw a set of events of one movement, sensible and absurd ones alike, and some rival editions."""
    world, movement = World(), declaration().movement
    found = []
    for number in range(draw(st.integers(0, 14))):
        leg = draw(st.integers(0, 2))
        office = draw(st.sampled_from([*OFFICES[leg], *OFFICES[(leg + 1) % 3]]))
        at = START + timedelta(minutes=draw(st.integers(0, 20)))
        mark = stamp(world, office, uid(f"ev{number}"), at=at)
        operation, sequence = draw(st.sampled_from(["a", "b", f"op{number}"])), draw(st.integers(1, 5))
        found.append(
            draw(
                st.sampled_from(
                    [
                        I9(movement, leg, operation, sequence, mark),
                        I11(movement, leg, operation, mark, seals_intact=draw(st.booleans())),
                        I13(movement, leg, operation, mark),
                        I17(movement, leg, operation, sequence, mark, "no"),
                        SealChange(movement, mark, draw(st.sampled_from(["affixed", "broken", "checked"])), operation),
                        SealChange(movement, mark, "replaced", "S1", SealMark(operation), "worn"),
                        Incident(movement, mark, leg, "other", "x", (Vehicle("truck", operation),)),
                        Cancellation(movement, mark, "x"),
                    ]
                )
            )
        )
    made = declaration()
    editions = [I7(made, stamp(world, "UZTAS", uid("acc")), (SealMark("S1"),))]
    for number in range(draw(st.integers(0, 3))):
        edition = msgspec.structs.replace(
            made, version=draw(st.integers(2, 3)), vehicles=(Vehicle("truck", f"V{number}"),)
        )
        at = START + timedelta(minutes=draw(st.integers(0, 3)))
        editions.append(I7(edition, stamp(world, "AFHRT", uid(f"ed{number}"), at=at), (SealMark("S1"),)))
    return found, editions


def add_up(heard):
    """Add events and editions in an order, repeats included, the way a gateway does."""
    movement = Movement()
    for item in heard:
        if isinstance(item, I7):
            movement = with_edition(movement, item)
        elif movement.event(item.stamp.event) is None:
            movement = with_event(movement, item)
    return movement


@given(events(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_any_order_and_any_repetition_gives_the_same(drawn, chance):
    """Two gateways that heard the same set agree on everything, however it came to them."""
    found, editions = drawn
    first = add_up([*editions, *found])
    shuffled = [*editions, *found, *chance.choices([*editions, *found], k=5)]
    chance.shuffle(shuffled)
    second = add_up(shuffled)
    assert first == second
    assert progress(first) == progress(second)


@given(events())
@settings(max_examples=100, deadline=None)
def test_nothing_that_happened_is_dropped(drawn):
    """Every act on a leg counts, or stands as a discrepancy with its own id."""
    found, editions = drawn
    now = progress(add_up([*editions, *found]))
    counted = {event.stamp.event for leg in now.legs for event in (leg.start, leg.end, leg.discharge) if event}
    counted |= {event.stamp.event for leg in now.legs for event in leg.refusals}
    listed = {item.event for item in now.discrepancies}
    for event in found:
        if isinstance(event, I9 | I11 | I13 | I17):
            assert event.stamp.event in counted | listed


class Journeys(RuleBasedStateMachine):
    """A journey through three members and a guarantor, with networks cut and a crossing closed."""

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed):
        self.world = World(("UZ", "AF", "PK", "KZ"), seed)
        self.random = random.Random(seed)
        guarantee = terms(guarantor="KZ", chain="KZ/kazato", cover=5_000_000)
        world = self.world
        from tests.unit.services.transit.world import Accept, register

        register(world, guarantee, "KZ")
        made = declaration(guarantee=guarantee, legs=legs_karachi(5_000_000))
        world.uz.do("declare", made.movement, made, party=made.holder_party)
        world.uz.do("accept", made.movement, Accept(stamp(world, "UZTAS"), (SealMark("S1"),)))
        world.run()
        self.movement, self.terms = made.movement, guarantee
        self.pocket = []  # events entered at posts that no gateway has heard of
        self.number = 0

    def body(self, act, leg, *, offline):
        self.number += 1
        entry, leave = OFFICES[leg]
        operation = f"op-{leg}"
        if act == "start":
            return I9(self.movement, leg, operation, leg + 1, stamp(self.world, entry, offline=offline))
        if act == "refuse-start":
            name = f"no-{self.number}"
            return I17(self.movement, leg, name, 100 + self.number, stamp(self.world, entry, offline=offline), "x")
        office = leave if act == "terminate" else entry
        kind = I11 if act == "terminate" else I13
        return kind(self.movement, leg, operation, stamp(self.world, office, offline=offline))

    def gateway(self, leg):
        return self.world.gateways[OFFICES[leg][0][:2]]

    @rule(leg=st.integers(0, 2), act=st.sampled_from(["start", "terminate", "discharge", "refuse-start"]))
    def act_online(self, leg, act):
        gateway = self.gateway(leg)
        status = gateway.progress(self.movement).legs[leg].status
        cancelled = gateway.cases["transit", self.movement].state in {"cancelled", "discharged"}
        before = gateway.movement(self.movement)
        outcome = gateway.do(act, self.movement, self.body(act, leg, offline=False))
        legal = isinstance(LEG_TABLE[status, act], str) and not cancelled and not (act == "refuse-start" and leg == 0)
        if isinstance(outcome, Decision):
            assert legal
        else:
            assert gateway.movement(self.movement) == before
            # A diversion may have given the leg another office; an offline start may have used the numbers.
            assert not legal or outcome.code in {
                "operation_id_reused",
                "sequence_reused",
                "leg_unknown",
                "not_authority",
            }

    @rule(leg=st.integers(0, 2), steps=st.integers(1, 3))
    def advance(self, leg, steps):
        """Take the next legal steps of a leg, so that journeys come to their end."""
        for _ in range(steps):
            status = self.gateway(leg).progress(self.movement).legs[leg].status
            act = {"planned": "start", "refused": "start", "started": "terminate", "terminated": "discharge"}.get(
                status
            )
            if act is not None:
                self.gateway(leg).do(act, self.movement, self.body(act, leg, offline=False))

    @rule(leg=st.integers(0, 2), act=st.sampled_from(["start", "terminate", "refuse-start"]))
    def act_offline(self, leg, act):
        self.pocket.append(self.body(act, leg, offline=True))

    @rule(where=st.sampled_from(["UZ", "AF", "PK"]))
    def carry_in(self, where):
        if self.pocket:
            outcome = self.world.gateways[where].do("carry-in", self.movement, Carried(tuple(self.pocket)))
            assert isinstance(outcome, Decision)

    @rule(member=st.sampled_from(["UZ", "AF", "PK", "KZ"]))
    def cut(self, member):
        self.world.cut.add(member)

    @rule()
    def heal(self):
        self.world.cut.clear()

    @rule(double=st.booleans())
    def deliver(self, double):
        self.world.run(shuffle=True, double=double)

    @rule(minutes=st.integers(1, 600))
    def wait(self, minutes):
        self.world.pass_time(minutes=minutes)

    @rule(member=st.sampled_from(["UZ", "AF", "PK"]))
    def close(self, member):
        self.world.gateways[member].do("suspend", self.movement, Suspend(uid("c"), TORKHAM, self.world.now))

    @rule(member=st.sampled_from(["UZ", "AF", "PK"]))
    def reopen(self, member):
        self.world.gateways[member].do("resume", self.movement, Resume(uid("c"), self.world.now))

    @rule(member=st.sampled_from(["UZ", "AF", "PK"]), name=st.sampled_from("xy"), hours=st.integers(1, 72))
    def extend(self, member, name, hours):
        """Customs of a slow crossing grants more time: no deadline ever moves back, and the same word counts once."""
        gateway, now = self.world.gateways[member], self.world.now
        before = clock.guarantee_until(gateway.movement(self.movement))
        more = Extend(uid(name), TORKHAM, now, now + timedelta(hours=hours))
        for _ in range(2):
            gateway.do("extend", self.movement, more)
        after = clock.guarantee_until(gateway.movement(self.movement))
        assert before is None or after is None or before <= after <= before + timedelta(hours=hours)

    @rule(member=st.sampled_from(["UZ", "AF"]))
    def divert(self, member):
        gateway = self.world.gateways[member]
        made = gateway.movement(self.movement).known()
        legs = list(made.legs)
        legs[1] = msgspec.structs.replace(legs[1], exit_office="AFSBK", crossing="AF-PK/CHAMAN")
        legs[2] = msgspec.structs.replace(legs[2], entry_office="PKCMN")
        edition = msgspec.structs.replace(made, version=made.version + 1, legs=tuple(legs))
        office = "UZTAS" if member == "UZ" else "AFHRT"
        gateway.do("reroute", self.movement, I7(edition, stamp(self.world, office)))

    @rule()
    def cancel(self):
        self.world.uz.do("cancel", self.movement, Cancellation(self.movement, stamp(self.world, "UZTAS"), "x"))

    @invariant()
    def cover_holds(self):
        """At every step, in the guarantor's ledger: liabilities within the cover, sums zero, no hold ended twice."""
        if hasattr(self, "world"):
            self.world.check()

    @invariant()
    def clocks_stood_as_long_as_something_stopped_them(self):
        """The guarantee's clock moves by the union of the times in which it stood, nothing counted twice."""
        for gateway in self.world.gateways.values() if hasattr(self, "world") else ():
            data = gateway.movement(self.movement)
            if data.recorded is None or clock.stopped(data):
                continue
            ends = sorted({at for item in data.suspensions for at in (item.since, item.until)})
            stood = sum(
                (
                    after - before
                    for before, after in pairwise(ends)
                    if any(item.since <= before and after <= item.until for item in data.suspensions)
                ),
                timedelta(),
            )
            assert clock.guarantee_until(data) == data.guarantee().valid_until + stood

    def teardown(self):
        """When the networks are back and all posts have reported, all members know the same."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.cut.clear()
        for leg, member in enumerate(("UZ", "AF", "PK")):
            own = tuple(item for item in self.pocket if item.stamp.office[:2] == member)
            if own:
                assert isinstance(world.gateways[member].do("carry-in", self.movement, Carried(own)), Decision), leg
        world.run(shuffle=True)
        assert [item for item in world.refused if item[3].code not in {"not_in_state", "not_authority"}] == []
        known = {member: progress(world.gateways[member].movement(self.movement)) for member in world.gateways}
        assert len({msgspec.json.encode(now) for now in known.values()}) == 1
        self.released_as_known(known["KZ"])

    def released_as_known(self, now):
        """The guarantor's open holds are those of the members whose legs are not discharged."""
        digest = booking.terms_digest(self.terms)
        accounts = self.world.kz.stored.all_accounts
        for leg in now.legs:
            account = accounts[booking.cover_account(digest, leg.leg.member)]
            free = leg.status == DISCHARGED or now.state == "cancelled"
            assert (account.balance.debits_pending == 0) == free


TestJourneys = Journeys.TestCase
TestJourneys.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
