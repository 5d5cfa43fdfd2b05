"""Risk rules, relied-on controls, and the blind sample."""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.services.transit.world import World, accepted, drive, stamp, uid

from darwaza.services.transit.message import Inspection
from darwaza.services.transit.risk import RiskProfile, RiskRule, assess, drawn
from darwaza.standards.etir.value import Control

SECRET = b"s" * 32


@pytest.fixture(scope="module")
def at_torkham():
    """A movement that waits at Torkham, and the world it is in."""
    world = World()
    movement = accepted(world)
    for leg in range(2):
        drive(world, movement, leg)
    return world, movement


def judge(at_torkham, *rules, sample_ppm=0, control=None, kind="scan", age_h=0):
    world, movement = at_torkham
    data = world.pk.movement(movement)
    now = world.pk.progress(movement)
    if control is not None:
        result = Control(kind, control)
        mark = stamp(world, "AFRKH", at=world.now - timedelta(hours=age_h))
        now = msgspec.structs.replace(now, inspections=(Inspection(movement, mark, 1, "yes", (), result),))
    profile = RiskProfile(rules, sample_ppm)
    verdict = assess(profile, data, now, "PKTOR", secret=SECRET, at=world.now)
    return verdict.required, verdict.reasons


HEAVY = RiskRule("heavy", "over 3 t", gross_kg_min=3_000)
DOUBT = RiskRule("doubt", "the last control was not satisfactory", prior="unsatisfactory")
RELY = RiskRule("rely", "a scan by the neighbour stands in for ours", relies_h=48)


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        (HEAVY, True),
        (msgspec.structs.replace(HEAVY, gross_kg_min=5_000), False),
        (RiskRule("grapes", "x", hs=("0806",)), True),
        (RiskRule("metal", "x", hs=("72", "73")), False),
        (RiskRule("here", "x", offices=("PKTOR",)), True),
        (RiskRule("there", "x", offices=("PKCMN",)), False),
        (RiskRule("holder", "x", holders=("UZB/041/1234",)), True),
        (RiskRule("from", "x", from_members=("KZ",)), False),
        (RiskRule("both", "x", hs=("0806",), from_members=("KZ",)), False),
    ],
)
def test_conditions(at_torkham, rule, hit):
    """All conditions of a rule must hold; the rule that decided is named."""
    assert judge(at_torkham, rule) == (("yes", (rule.id,)) if hit else ("no", ()))


def test_three_values(at_torkham):
    """A question that depends on a result not yet known stays undecided, and becomes yes or no with it."""
    assert judge(at_torkham, DOUBT) == ("undecided", ("doubt",))
    assert judge(at_torkham, DOUBT, control=False) == ("yes", ("doubt",))
    assert judge(at_torkham, DOUBT, control=True) == ("no", ())


def test_a_neighbours_control_is_relied_on(at_torkham):
    """A fresh satisfactory scan makes the second one the exception; an old or unsatisfactory one does not."""
    assert judge(at_torkham, HEAVY, RELY, control=True) == ("no", ("rely",))
    assert judge(at_torkham, HEAVY, RELY, control=True, age_h=49) == ("yes", ("heavy",))
    assert judge(at_torkham, HEAVY, RELY, control=False) == ("yes", ("heavy",))
    assert judge(at_torkham, HEAVY, RELY, control=True, kind="documents") == ("yes", ("heavy",))


def test_the_sample_is_blind_and_recomputable(at_torkham):
    """The draw follows from secret, movement and office; its rate is the one set; another secret draws others."""
    movements = [uid(f"s{n}") for n in range(4_000)]
    first = [drawn(movement, "PKTOR", SECRET, 100_000) for movement in movements]
    assert first == [drawn(movement, "PKTOR", SECRET, 100_000) for movement in movements]
    assert 300 < sum(first) < 500
    other = [drawn(movement, "PKTOR", b"t" * 32, 100_000) for movement in movements]
    assert first != other
    assert judge(at_torkham, sample_ppm=1_000_000) == ("yes", ("random-sample",))
    assert judge(at_torkham, HEAVY, RELY, control=True, sample_ppm=1_000_000) == ("yes", ("random-sample",))
