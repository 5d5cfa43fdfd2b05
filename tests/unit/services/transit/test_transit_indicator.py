"""Border times from both sides' events."""

from datetime import timedelta

from tests.unit.services.transit.world import START, World, accepted, discharge, stamp, start, terminate

from darwaza.services.transit.codes import ACTIVITIES
from darwaza.services.transit.indicator import BorderTime, Spread, border_times, speed, summarise
from darwaza.services.transit.message import Activity

HOUR = 3600
TORKHAM = "AF-PK/TORKHAM"


def spend(world, movement, where, activity, hours):
    leg, office = where
    began = world.now
    world.pass_time(hours=hours)
    body = Activity(movement, stamp(world, office), leg, activity, began)
    world.gateways[office[:2]].do("record-activity", movement, body)


def test_torkham_from_both_sides():
    """Six hours on one side, a gap of two that no side's own system sees, three on the other: TFI1 is eleven."""
    world = World()
    movement = accepted(world)
    world.uz.do("start", movement, start(world, movement, 0, "UZTAS"))
    world.pass_time(hours=15)
    world.uz.do("terminate", movement, terminate(world, movement, 0, "UZTAS", "UZTER"))
    world.pass_time(hours=1)
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    world.pass_time(hours=30)
    spend(world, movement, (1, "AFRKH"), "waiting", 5)
    spend(world, movement, (1, "AFRKH"), "customs", 1)
    world.af.do("terminate", movement, terminate(world, movement, 1, "AFHRT", "AFRKH"))
    world.pass_time(hours=2)
    spend(world, movement, (2, "PKTOR"), "weighing", 1)
    world.pk.do("start", movement, start(world, movement, 2, "PKTOR"))
    spend(world, movement, (2, "PKTOR"), "customs", 2)
    world.pass_time(hours=40)
    world.pk.do("terminate", movement, terminate(world, movement, 2, "PKTOR", "PKKHI"))
    world.run()
    found = border_times(world.uz.movement(movement), world.uz.progress(movement))
    assert found == border_times(world.pk.movement(movement), world.pk.progress(movement))
    hairatan, torkham = found
    assert hairatan.gap_s == HOUR
    assert (torkham.exit_s, torkham.gap_s, torkham.entry_s, torkham.total_s) == (
        6 * HOUR, 2 * HOUR, 3 * HOUR, 11 * HOUR,
    )  # fmt: skip
    assert torkham.activities_s == {"waiting": 5 * HOUR, "customs": 3 * HOUR, "weighing": HOUR}
    result = speed(world.uz.progress(movement), found, 2_910_000)
    assert result.with_delays_m_per_h == 2_910_000 // 97
    assert result.without_delays_m_per_h == 2_910_000 // 85


def test_clocks_that_disagree_give_no_gap():
    """When the entry side's clock is behind, the gap is unknown, not negative; the total is still there."""
    world = World()
    movement = accepted(world)
    world.uz.do("start", movement, start(world, movement, 0, "UZTAS"))
    world.pass_time(hours=15)
    world.uz.do("terminate", movement, terminate(world, movement, 0, "UZTAS", "UZTER"))
    world.now -= timedelta(minutes=5)
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    world.run()
    (hairatan,) = border_times(world.uz.movement(movement), world.uz.progress(movement))
    assert hairatan.gap_s is None
    assert speed(world.uz.progress(movement), (hairatan,), 1_000) is None


def test_the_sixteen_activities():
    """The code list is CPMM's: sixteen activities; the messages take no other."""
    assert len(ACTIVITIES) == 16


def test_a_crossing_one_side_has_not_recorded_is_left_out():
    """There is no border time before both sides have spoken; discharges change nothing."""
    world = World()
    movement = accepted(world)
    world.uz.do("start", movement, start(world, movement, 0, "UZTAS"))
    world.uz.do("terminate", movement, terminate(world, movement, 0, "UZTAS", "UZTER"))
    world.uz.do("discharge", movement, discharge(world, movement, 0, "UZTAS"))
    assert border_times(world.uz.movement(movement), world.uz.progress(movement)) == ()


def test_many_crossings_are_spread_out():
    """Crossings are told apart by direction; each figure has its count, and an unknown gap is not a gap of nothing."""
    at = START

    def one(total_h, gap_h, leaves="AF", enters="PK"):
        return BorderTime(
            TORKHAM, leaves, enters, at, at, at, at, exit_s=3600, gap_s=None if gap_h is None else gap_h * 3600,
            entry_s=7200, total_s=total_h * 3600, activities_s={"customs": total_h * 60},
        )  # fmt: skip

    out, back = summarise([one(hours, 1) for hours in range(10, 0, -1)] + [one(7, None, "PK", "AF")])
    assert (out.exit_member, out.entry_member, back.exit_member) == ("AF", "PK", "PK")
    assert out.total_s == Spread(10, 19_800, 5 * 3600, 9 * 3600, 10 * 3600)
    assert out.gap_s == Spread(10, 3600, 3600, 3600, 3600)
    assert out.activities_s == {"customs": 330}
    assert (back.gap_s, back.total_s.count, back.total_s.p90) == (None, 1, 7 * 3600)
    assert summarise([]) == ()
