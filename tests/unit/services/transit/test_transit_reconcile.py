"""A discharge reconciles what two countries recorded of one border."""

from datetime import timedelta

from tests.unit.services.transit.world import (
    START,
    Carried,
    World,
    accepted,
    accepted_from_abroad,
    codes,
    discharge,
    drive,
    liabilities,
    stamp,
    start,
    terms,
)

from darwaza.services.transit.view import fingerprint
from darwaza.standards.etir.codes import ErrorCode
from darwaza.standards.etir.internal import I9


def test_discharged_before_the_entry_was_heard():
    """The guarantor answers 213, every member sees what is missing, and it goes when the entry is heard."""
    world = World()
    guarantee = terms(guarantor="AF", chain="AF/acci")
    movement = accepted_from_abroad(world, guarantee)
    drive(world, movement, 0)
    world.uz.do("discharge", movement, discharge(world, movement, 0, "UZTAS"))
    world.run()
    for member in ("UZ", "AF", "PK"):
        assert codes(world, movement, member) == ["entry-missing"]
    (fault,) = world.uz.movement(movement).faults
    assert (fault.code, fault.pointer) == (ErrorCode.NOT_YET_STARTED, "/leg")
    assert set(liabilities(world, guarantee)) == {"AF", "PK"}  # released once, by the authority on its own leg
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    world.run()
    assert codes(world, movement) == []
    assert len({fingerprint(gateway.movement(movement)) for gateway in world.gateways.values()}) == 1


def test_a_discharge_after_the_entry_finds_nothing():
    """Both countries' records agree: nothing is left to look at, and no answer has a fault."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    world.run()
    world.uz.do("discharge", movement, discharge(world, movement, 0, "UZTAS"))
    world.run()
    assert codes(world, movement) == []
    assert world.uz.movement(movement).faults == ()


def test_an_entry_before_the_exit():
    """A post whose clock is hours behind lets a truck in before it left the other side: that is shown, not hidden."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    early = stamp(world, "AFHRT", offline=True, at=START + timedelta(hours=1))
    world.af.do("carry-in", movement, Carried((I9(movement, 1, "op-1", 2, early),)))
    world.run()
    assert codes(world, movement, "UZ") == codes(world, movement, "PK") == ["entry-before-exit"]


def test_seals_found_broken_at_the_entry():
    """The exit office saw the seals whole, the entry office did not: the difference stands."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    begun = I9(movement, 1, "op-1", 2, stamp(world, "AFHRT"), seals_intact=False)
    world.af.do("start", movement, begun)
    world.run()
    (item,) = world.uz.progress(movement).discrepancies
    assert (item.what, item.leg, item.event) == ("seals-not-intact", 1, begun.stamp.event)
