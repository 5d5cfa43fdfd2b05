"""Who sees a movement, its timeline, and whether two members' records agree."""

from tests.unit.services.transit.world import START, World, accepted, discharge, drive, stamp, start, terms

from darwaza.services.transit.message import (
    Activity,
    Cancellation,
    Incident,
    Inspection,
    SealChange,
    TrackerChange,
)
from darwaza.services.transit.movement import Movement, with_event
from darwaza.services.transit.view import (
    concerns_office,
    fingerprint,
    fingerprints_root,
    heads_to,
    missing_events,
    timeline,
)
from darwaza.standards.etir.internal import I17
from darwaza.standards.etir.value import SealMark


def test_offices_see_what_concerns_them():
    """An office on the way sees a movement, one elsewhere does not; what it has done heads to it no more."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    data = world.af.movement(movement)
    assert concerns_office(data, "AFHRT")
    assert not concerns_office(data, "AFSBK")
    assert heads_to(data, "AFHRT")
    assert not heads_to(data, "UZTER")
    assert heads_to(data, "PKKHI")
    lone = with_event(Movement(), start(world, movement, 1, "AFHRT"))
    assert concerns_office(lone, "AFHRT")
    assert not concerns_office(lone, "PKTOR")


def test_the_timeline_shows_each_offices_own_clock():
    """Every kind of event has a line, oldest first, in the local time of its office."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    world.pass_time(hours=1)
    events = [
        I17(movement, 1, "no", 9, stamp(world, "AFHRT"), "papers missing"),
        SealChange(movement, stamp(world, "AFHRT"), "replaced", "Sm1", SealMark("S2"), "worn"),
        Incident(movement, stamp(world, "AFHRT"), 1, "delay", "road closed"),
        Inspection(movement, stamp(world, "AFHRT"), 1, "undecided"),
        Activity(movement, stamp(world, "AFHRT"), 1, "waiting", START),
        TrackerChange(movement, stamp(world, "AFHRT"), "fitted", "T1"),
        discharge(world, movement, 0, "UZTAS"),
        Cancellation(movement, stamp(world, "UZTAS"), "x"),
    ]
    data = world.af.movement(movement)
    for event in events:
        data = with_event(data, event)
    lines = timeline(data)
    assert [line.what for line in lines[:3]] == ["accepted", "started", "terminated"]
    assert lines[0].local == "2026-03-02T11:00:00+05:00"
    assert {line.local[-6:] for line in lines if line.office == "AFHRT"} == {"+04:30"}
    texts = [line.text for line in lines]
    for text in (
        "leg 2 refused: papers missing",
        "seal Sm1 replaced, S2 in its place: worn",
        "delay: road closed",
        "inspection undecided",
        "waiting since 2026-03-02 06:00Z",
        "tracker T1 fitted",
        "leg 1 discharged",
        "cancelled: x",
    ):
        assert text in texts


def test_records_of_two_members_are_compared_without_showing_them():
    """One root over all movements differs when one event is missing; the missing event is then named."""
    world = World()
    movements = [accepted(world, f"m{n}", guarantee=terms(f"JX{n}")) for n in range(3)]
    drive(world, movements[0], 0)

    def root(gateway):
        return fingerprints_root((item, fingerprint(gateway.movement(item))) for item in movements)

    assert root(world.uz) == root(world.af) == root(world.pk)
    world.cut.add("PK")
    world.af.do("start", movements[0], start(world, movements[0], 1, "AFHRT"))
    world.run()
    assert root(world.uz) == root(world.af) != root(world.pk)
    differing = [
        item for item in movements if fingerprint(world.uz.movement(item)) != fingerprint(world.pk.movement(item))
    ]
    assert differing == movements[:1]
    held = [event.stamp.event for event in world.pk.movement(movements[0]).events]
    (event,) = missing_events(world.uz.movement(movements[0]), held)
    assert event.stamp.office == "AFHRT"
