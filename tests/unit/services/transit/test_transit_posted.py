"""Events a post signs with its network cut: who may, what counts, and that they count once."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.transit.world import START, World, accepted, drive, start, terminate

from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.machine import Decision
from darwaza.services.transit.message import Carried
from darwaza.services.transit.parts import join, split
from darwaza.services.transit.posted import EVENT_DOMAIN, Delegation, PostedEvent, check_posted, delegate, post
from darwaza.services.transit.trust import Answer, Trust, TrustedKey

MEMBER, POST = Ed25519PrivateKey(b"m" * 32), Ed25519PrivateKey(b"p" * 32)
TRUST = Trust(
    {"AF": (TrustedKey(MEMBER.public.raw, START - timedelta(days=9)),)}, {}, START, START + timedelta(days=99)
)


def delegation(office="AFHRT", member="AF", days=30, key=POST):
    since = int(START.timestamp())
    return delegate(Delegation(member, office, key.public.raw, since, since + days * 86_400), MEMBER.sign)


def reasons(raw, now, trust=TRUST):
    verdict = check_posted(raw, trust, now)
    return verdict.answer, [reason.code for reason in verdict.reasons]


def test_a_post_works_through_the_cut_and_reconciles():
    """The gateway is offline, its post starts the leg; the next post carries that in; the gateway's own counts once."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    world.cut.add("AF")
    began = start(world, movement, 1, "AFHRT", offline=True)
    texts = split(post(began, delegation(), POST.sign))
    world.pass_time(hours=20)
    ended = terminate(world, movement, 1, "AFHRT", "AFRKH", offline=True)
    exit_key = Ed25519PrivateKey(b"q" * 32)
    exit_texts = split(post(ended, delegation("AFRKH", key=exit_key), exit_key.sign))
    checked = [check_posted(join(codes), TRUST, world.now) for codes in (texts, exit_texts)]
    assert [item.answer for item in checked] == [Answer.VALID, Answer.VALID]
    assert [item.event for item in checked] == [began, ended]
    carried = Carried(tuple(item.event for item in checked))
    assert isinstance(world.pk.do("carry-in", movement, carried), Decision)
    assert world.pk.progress(movement).legs[1].status == "terminated"
    assert isinstance(world.pk.do("start", movement, start(world, movement, 2, "PKTOR")), Decision)
    world.run()
    world.cut.clear()
    assert isinstance(world.af.do("carry-in", movement, carried), Decision)
    world.run()
    for gateway in world.gateways.values():
        now = gateway.progress(movement)
        assert [leg.status for leg in now.legs] == ["terminated", "terminated", "started"]
        assert now.discrepancies == ()
        assert len(gateway.movement(movement).events) == 5


def test_two_posts_both_act():
    """Both posts start the leg alone: that of the itinerary's office counts, though later; the other is shown."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    second = msgspec.structs.replace(start(world, movement, 1, "AFRKH", offline=True), sequence=9)
    world.pass_time(minutes=10)
    first = start(world, movement, 1, "AFHRT", offline=True)
    world.af.do("carry-in", movement, Carried((second,)))
    world.run()
    world.af.do("carry-in", movement, Carried((first,)))
    world.run()
    for gateway in world.gateways.values():
        now = gateway.progress(movement)
        assert now.legs[1].start == first
        assert {item.event for item in now.discrepancies} == {second.stamp.event}
        assert [item.what for item in now.discrepancies] == ["duplicate-start", "other-office"]


def test_only_offline_events_of_this_movement_are_carried_in():
    """An event entered online, one of another movement, one from the future and a missing role are refused whole."""
    world = World()
    movement = accepted(world)
    good = start(world, movement, 0, "UZTAS", offline=True)
    online = start(world, movement, 0, "UZTAS")
    other = start(world, "0" * 8 + "-0000-0000-0000-" + "0" * 12, 0, "UZTAS", offline=True)
    world.pass_time(hours=2)
    future = start(world, movement, 0, "UZTAS", offline=True)
    world.pass_time(hours=-2)
    for wrong, code in ((online, "stamp_wrong"), (other, "other_case"), (future, "dated_in_future")):
        assert world.uz.do("carry-in", movement, Carried((good, wrong))).code == code
        assert world.uz.movement(movement).events == ()
    assert world.uz.do("carry-in", movement, Carried((good,)), roles=frozenset({"holder"})).code == "role_missing"


class TestVerdicts:
    def event(self, **more):
        world = World()
        return start(world, accepted(world), 1, "AFHRT", offline=True, **more), world.now

    def test_who_may_sign_what(self):
        """Another key, another office, another member, an online event: invalid, each with its reason."""
        event, now = self.event()
        stranger = Ed25519PrivateKey(b"s" * 32)
        assert reasons(post(event, delegation(), stranger.sign), now) == (Answer.INVALID, ["post-signature-false"])
        assert reasons(post(event, delegation("AFRKH"), POST.sign), now) == (Answer.INVALID, ["other-office"])
        assert reasons(post(event, delegation(member="PK"), POST.sign), now) == (
            Answer.INVALID,
            ["member-unknown", "other-office"],
        )
        online = msgspec.structs.replace(event, stamp=msgspec.structs.replace(event.stamp, offline=False))
        assert reasons(post(online, delegation(), POST.sign), now) == (Answer.INVALID, ["not-offline"])
        own = delegate(Delegation("AF", "AFHRT", POST.public.raw, int(START.timestamp()), 10**10), POST.sign)
        assert reasons(post(event, own, POST.sign), now) == (Answer.INVALID, ["signature-false"])

    @pytest.mark.parametrize(
        "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9950-01-01T00:00:00+00:00"]
    )
    def test_an_instant_at_the_edge_of_the_calendar(self, text):
        """What is reckoned with it would fall off the calendar: invalid, and the reason points at the field."""
        event, now = self.event()
        stamp = msgspec.structs.replace(event.stamp, at=datetime.fromisoformat(text), local=text)
        # Written as texts: the only form cannot say that an instant lies before the calendar or after it.
        raw = msgspec.msgpack.encode(msgspec.to_builtins(msgspec.structs.replace(event, stamp=stamp)))
        signed = PostedEvent(raw, POST.sign(EVENT_DOMAIN + raw), delegation())
        verdict = check_posted(msgspec.msgpack.encode(signed), TRUST, now)
        ((reason,), found) = verdict.reasons, verdict.event
        assert (verdict.answer, reason.code, found) == (Answer.INVALID, "malformed", None)
        assert "/stamp/at" in reason.text

    def test_when_it_may_sign(self):
        """Before or after its delegation a post's word does not count."""
        event, now = self.event()
        assert reasons(post(event, delegation(days=0), POST.sign), now) == (Answer.INVALID, ["delegation-not-valid"])
        early = msgspec.structs.replace(
            event,
            stamp=msgspec.structs.replace(
                event.stamp, at=START - timedelta(hours=1), local="2026-03-02T09:30:00+04:30"
            ),
        )
        assert reasons(post(early, delegation(), POST.sign), now)[1] == ["delegation-not-valid"]
        future = reasons(post(event, delegation(), POST.sign), now - timedelta(days=1))
        assert future == (Answer.CANNOT_TELL, ["stamp-wrong"])

    def test_missing_knowledge(self):
        """Who does not know the member's key cannot tell."""
        event, now = self.event()
        raw = post(event, delegation(), POST.sign)
        assert reasons(raw, now, Trust({}, {}, START, START + timedelta(days=9))) == (
            Answer.CANNOT_TELL,
            ["member-unknown"],
        )

    def test_altered(self):
        """Whichever byte is changed, it is invalid."""
        event, now = self.event()
        raw = post(event, delegation(), POST.sign)
        assert reasons(raw, now) == (Answer.VALID, [])
        for at in range(0, len(raw), 5):
            broken = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            assert check_posted(broken, TRUST, now).answer is Answer.INVALID, at
        assert check_posted(raw[:-1], TRUST, now).answer is Answer.INVALID
        assert check_posted(b"\x93" * 9_000, TRUST, now).answer is Answer.INVALID

    @given(st.binary(max_size=300))
    @settings(max_examples=100, deadline=None)
    def test_any_bytes(self, data):
        """Whatever is scanned, the answer is a verdict."""
        assert check_posted(data, TRUST, START).answer is Answer.INVALID
