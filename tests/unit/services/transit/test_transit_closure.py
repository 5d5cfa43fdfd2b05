"""Closing a crossing, stopping the clocks of what heads there, diverting, reopening."""

import time
from datetime import timedelta

import msgspec
from tests.unit.services.transit.world import START, World, accepted, drive, reference, stamp, start, terms, uid

from darwaza.kernel.machine import Decision, Received, restored
from darwaza.services.transit import clock
from darwaza.services.transit.closure import EXTENSION_MAX, Closure, Extension, Reopening, crossing_case
from darwaza.services.transit.diversion import (
    Ways,
    clock_commands,
    daily_cost,
    detours,
    headed_for,
    resumptions,
    suspensions,
)
from darwaza.services.transit.message import Resume, Suspend
from darwaza.standards.etir.internal import I7
from darwaza.standards.etir.value import GoodsItem
from darwaza.standards.etir.wire import encode

TORKHAM = "AF-PK/TORKHAM"
CASE = crossing_case(TORKHAM)


def close(world, member="PK", office="PKTOR", name="c1", **more):
    body = Closure(uid(name), TORKHAM, stamp(world, office), "shelling", **more)
    return body, world.gateways[member].do("close", CASE, body, name="crossing")


def state(world, member):
    return world.gateways[member].cases["crossing", CASE].state


def test_all_members_learn_and_all_learn_the_end():
    """Closed at every gateway, with its reason; open again everywhere after the end."""
    world = World()
    body, done = close(world)
    assert isinstance(done, Decision)
    world.run()
    assert {state(world, member) for member in world.gateways} == {"closed"}
    assert world.uz.cases["crossing", CASE].data.in_force()[0].reason == "shelling"
    world.pass_time(days=1)
    world.pk.do("reopen", CASE, Reopening(body.id, TORKHAM, stamp(world, "PKTOR")), name="crossing")
    world.run()
    assert {state(world, member) for member in world.gateways} == {"open"}
    assert world.uz.notices[-1].kind == "crossing.open"


def test_both_sides_close_and_each_ends_its_own():
    """The crossing opens only when both sides have opened; no side ends the other's closure."""
    world = World()
    first, _ = close(world)
    second, _ = close(world, "AF", "AFRKH", "c2")
    world.run()
    wrong = world.af.do("reopen", CASE, Reopening(first.id, TORKHAM, stamp(world, "AFRKH")), name="crossing")
    assert wrong.code == "closure_unknown"
    world.af.do("reopen", CASE, Reopening(second.id, TORKHAM, stamp(world, "AFRKH")), name="crossing")
    world.run()
    assert {state(world, member) for member in world.gateways} == {"closed"}


def test_order_and_repetition_do_not_matter():
    """A reopening heard before its closure, and both heard twice, end in the same state."""
    world = World()
    body, _ = close(world)
    world.pk.do("reopen", CASE, Reopening(body.id, TORKHAM, stamp(world, "PKTOR")), name="crossing")
    told = [item for item in world.queue if item[1] == "UZ"]
    for item in (told[1], told[0], told[1], told[0]):
        world.uz.give("crossing", CASE, item[4])
    assert state(world, "UZ") == "open"
    again = msgspec.structs.replace(told[0][4], kind=restored("crossing.closed"))
    assert isinstance(world.pk.give("crossing", CASE, again), Decision)


def test_only_the_two_sides_speak_for_a_crossing():
    """Roles, members and ids are checked; a forged message is refused."""
    world = World()
    body = Closure(uid("c"), TORKHAM, stamp(world, "UZTER"), "x")
    assert world.uz.do("close", CASE, body, name="crossing").code == "not_authority"
    _, refused = close(world, "PK", "PKTOR", "d")
    assert isinstance(refused, Decision)
    mine = Closure(uid("e"), TORKHAM, stamp(world, "PKTOR"), "x")
    assert world.pk.do("close", CASE, mine, name="crossing", roles=frozenset({"customs"})).code == "role_missing"
    assert world.pk.do("close", uid("other"), mine, name="crossing").code == "other_case"
    other = Closure(uid("d"), TORKHAM, stamp(world, "PKTOR"), "another reason")
    assert world.pk.do("close", CASE, other, name="crossing").code == "event_conflict"
    message = world.queue[0][4]
    assert world.gateways["UZ"].give("crossing", CASE, msgspec.structs.replace(message, origin="AF/customs")).code == (
        "not_authority"
    )


def fleet(world, count):
    return [accepted(world, f"m{n}", guarantee=terms(f"JX{n}")) for n in range(count)]


def test_more_time_for_all_that_heads_there():
    """An extension is told to all; deadline and guarantee clock move by it, once, for what was under way."""
    world = World()
    (movement,) = fleet(world, 1)
    drive(world, movement, 0)
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    world.run()
    due = clock.leg_deadline(world.af.movement(movement), world.af.progress(movement), 1)
    more = Extension(uid("x"), TORKHAM, stamp(world, "PKTOR"), world.now + timedelta(hours=36), "one scanner left")
    assert world.pk.do("extend", CASE, more, name="crossing").state == "open"
    assert world.pk.do("extend", CASE, more, name="crossing").messages == ()
    world.run()
    for gateway in world.gateways.values():
        status = gateway.cases["crossing", CASE].data
        assert status.extensions == (more,)
        for _ in range(2):
            for kind, body in clock_commands(gateway.movement(movement), [status], world.now):
                assert kind == "extend"
                assert isinstance(gateway.do(kind, movement, body), Decision)
        data = gateway.movement(movement)
        assert len(data.suspensions) == 1
        assert clock.guarantee_until(data) == terms().valid_until + timedelta(hours=36)
        assert clock.leg_deadline(data, gateway.progress(movement), 1) == due + timedelta(hours=36)
    world.pass_time(hours=40)
    (later,) = [accepted(world, "late", guarantee=terms("JX-late"))]
    assert clock_commands(world.uz.movement(later), [status], world.now) == ()


def test_an_extension_has_bounds_and_an_authority():
    """It may not end before it begins, last for ever, change under its id, or be granted by a member elsewhere."""
    world = World()
    good = Extension(uid("x"), TORKHAM, stamp(world, "PKTOR"), world.now + timedelta(days=1), "slow")
    for until in (good.stamp.at, good.stamp.at + EXTENSION_MAX + timedelta(seconds=1)):
        refused = world.pk.do("extend", CASE, msgspec.structs.replace(good, until=until), name="crossing")
        assert (refused.code, refused.pointer) == ("extension_wrong", "/until")
    elsewhere = msgspec.structs.replace(good, stamp=stamp(world, "UZTER"))
    assert world.uz.do("extend", CASE, elsewhere, name="crossing").code == "not_authority"
    world.pk.do("extend", CASE, good, name="crossing")
    other = msgspec.structs.replace(good, reason="slower")
    assert world.pk.do("extend", CASE, other, name="crossing").code == "event_conflict"
    forged = Received("crossing.extended", uid("f"), "UZ/customs", "AF/customs", START, None, None, "", encode(good))
    assert world.af.give("crossing", CASE, forged).code == "not_authority"


def test_no_clock_stood_before_the_movement():
    """A movement accepted in the tenth day of a closure is held up from its acceptance, not from the closing."""
    world = World()
    closed_at = world.now
    world.pass_time(days=10)
    (movement,) = fleet(world, 1)
    world.uz.do("suspend", movement, Suspend(uid("c"), TORKHAM, closed_at))
    world.pass_time(days=2)
    world.uz.do("resume", movement, Resume(uid("c"), world.now))
    assert clock.guarantee_until(world.uz.movement(movement)) == terms().valid_until + timedelta(days=2)


def with_declaration(movement, **changed):
    edition = msgspec.structs.replace(movement.known(), **changed)
    return msgspec.structs.replace(movement, recorded=msgspec.structs.replace(movement.recorded, declaration=edition))


def test_perishables_first_then_the_rest():
    """The list of a closure puts what spoils first at the top and leaves out what has passed."""
    world = World()
    grapes, stones, done, idle = fleet(world, 4)
    for movement in (grapes, stones, done):
        drive(world, movement, 0)
    for movement in (done,):
        drive(world, movement, 1)
        world.pk.do("start", movement, start(world, movement, 2, "PKTOR"))
        world.run()
    keeps = world.af.movement(stones)
    item = GoodsItem(1, "250100", "Salt", 10, "BG", 1000)
    plain = with_declaration(keeps, goods=(item,))
    movements = [world.af.movement(grapes), plain, world.af.movement(done), world.af.movement(idle)]
    listed = headed_for(movements, TORKHAM)
    assert listed[0].movement == grapes
    assert {item.movement for item in listed} == {grapes, stones, idle}
    assert listed[0].spoils_at == world.af.progress(grapes).legs[0].start.stamp.at + timedelta(hours=400)
    assert daily_cost(len(listed), detention_minor=12_500, tracker_minor=300) == 3 * 12_800


def test_clocks_of_all_that_head_there_stop_and_run_again():
    """A closure makes one command for each movement; reopening makes one for each that had stopped."""
    world = World()
    movements = fleet(world, 3)
    body, _ = close(world)
    for case_id, command in suspensions(headed_for([world.uz.movement(m) for m in movements], TORKHAM), body):
        assert isinstance(world.uz.do("suspend", case_id, command), Decision)
    world.pass_time(days=1)
    again = resumptions([world.uz.movement(m) for m in movements], body.id, world.now)
    assert len(again) == 3
    for case_id, command in again:
        assert isinstance(world.uz.do("resume", case_id, command), Decision)
    assert resumptions([world.uz.movement(m) for m in movements], body.id, world.now) == ()


def test_one_movement_catches_up_with_closures():
    """A movement accepted while a crossing is closed stops at once; a diverted or reopened one runs again."""
    world = World()
    body, _ = close(world)
    world.run()
    movement = accepted(world)
    status = world.uz.cases["crossing", CASE].data
    ((kind, command),) = clock_commands(world.uz.movement(movement), [status], world.now)
    assert (kind, command.closure) == ("suspend", body.id)
    world.uz.do(kind, movement, command)
    assert clock_commands(world.uz.movement(movement), [status], world.now) == ()
    data = world.uz.movement(movement)
    legs = list(data.known().legs)
    legs[1] = msgspec.structs.replace(legs[1], exit_office="AFSBK", crossing="AF-PK/CHAMAN")
    legs[2] = msgspec.structs.replace(legs[2], entry_office="PKCMN")
    elsewhere = with_declaration(data, legs=tuple(legs))
    ((kind, command),) = clock_commands(elsewhere, [status], world.now)
    assert (kind, command.until) == ("resume", world.now)
    world.pass_time(hours=5)
    world.pk.do("reopen", CASE, Reopening(body.id, TORKHAM, stamp(world, "PKTOR")), name="crossing")
    world.run()
    status = world.uz.cases["crossing", CASE].data
    ((kind, command),) = clock_commands(data, [status], world.now)
    assert (kind, command.until) == ("resume", world.now)


def test_detours():
    """Other ways avoid closed crossings and members the guarantee does not cover; driven legs stay."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    register = reference().register
    data = world.af.movement(movement)
    proposed = detours(data, Ways(register, frozenset({TORKHAM}), frozenset({"UZ", "AF", "PK"})))
    assert proposed
    for legs in proposed:
        assert legs[0] == data.known().legs[0]
        assert legs[1].entry_office == "AFHRT"
        assert legs[1].crossing != TORKHAM
        assert legs[-1].exit_office == "PKKHI"
    every = frozenset(item for item in register.crossings if item.startswith("AF-PK"))
    assert detours(data, Ways(register, every, frozenset({"UZ", "AF", "PK"}))) == ()
    wider = detours(data, Ways(register, every, frozenset({"UZ", "AF", "PK", "TJ", "KG", "CN", "TM", "KZ"})))
    assert wider
    assert wider[0][-2].member == "CN"
    last = accepted(world, "m2", guarantee=terms("J2"))
    for leg in range(2):
        drive(world, last, leg)
    assert detours(world.pk.movement(last), Ways(register, frozenset(), frozenset({"PK", "AF"}))) == ()


def test_a_proposed_detour_is_accepted_by_customs():
    """What is proposed passes the checks of a new edition."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    data = world.af.movement(movement)
    ways = Ways(reference().register, frozenset({TORKHAM}), frozenset(terms().members))
    legs = detours(data, ways)[0]
    edition = msgspec.structs.replace(data.known(), version=2, legs=legs)
    assert isinstance(world.af.do("reroute", movement, I7(edition, stamp(world, "AFHRT"))), Decision)


def test_five_thousand_movements_are_listed_in_time():
    """Listing and making commands for 5,000 movements leaves most of the five seconds to the engine."""
    world = World()
    data = world_movement(world)
    movements = [data] * 5_000
    began = time.process_time()
    body = Closure(uid("c"), TORKHAM, stamp(world, "PKTOR"), "x")
    assert len(suspensions(headed_for(movements, TORKHAM), body)) == 5_000
    assert time.process_time() - began < 3


def world_movement(world):
    movement = accepted(world, goods=5)
    drive(world, movement, 0)
    return world.af.movement(movement)
