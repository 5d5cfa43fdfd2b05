"""The state tables: every (state, input) pair, and every (leg status, act) pair."""

import itertools

import pytest
from tests.unit.services.transit.world import (
    START,
    Accept,
    World,
    accepted,
    declaration,
    discharge,
    drive,
    reference,
    register,
    stamp,
    start,
    terminate,
    terms,
    uid,
)

from darwaza.kernel.machine import (
    ELAPSED,
    NEW,
    NOT_IN_TABLE,
    Command,
    Decision,
    Elapsed,
    Fact,
    FactStated,
    Received,
    Refusal,
    restored,
)
from darwaza.services.transit.guard import fault
from darwaza.services.transit.leg import LEG_TABLE
from darwaza.services.transit.lodging import WITHDRAWN
from darwaza.services.transit.machine import AFTER, movement_service
from darwaza.services.transit.message import COMMANDS, KINDS, Cancellation, Withdraw
from darwaza.standards.etir.codes import ErrorCode
from darwaza.standards.etir.internal import I17
from darwaza.standards.etir.value import SealMark
from darwaza.standards.etir.wire import encode

COMMAND_KINDS = (*COMMANDS, "declare", "amend")
INPUTS = (
    *COMMAND_KINDS,
    *KINDS,
    *(restored(kind) for kind in KINDS),
    "transit.refused",
    restored("transit.refused"),
    ELAPSED,
    *("fact " + name for name in reference().release_facts),
)


def in_state(state):
    """Return a world, a gateway of it, and the movement that stands in a state there."""
    made = declaration()
    world = World()
    if state in {"lodged", "declined", "asking", "reserved", WITHDRAWN, "heard"}:
        return _before(state, world, made)
    movement = accepted(world)
    if state == "cancelled":
        world.uz.do("cancel", movement, Cancellation(movement, stamp(world, "UZTAS"), "order withdrawn"))
        world.run()
    reached = {"accepted": 0, "cancelled": 0, "moving": 1, "held": 1, "ended": 3, "discharged": 3}[state]
    for leg in range(reached):
        drive(world, movement, leg)
    if state == "held":
        refusal = I17(movement, 1, "no-1", 2, stamp(world, "AFHRT"), "no visa")
        world.af.do("refuse-start", movement, refusal)
        world.run()
    if state == "discharged":
        for leg, office in enumerate(("UZTAS", "AFHRT", "PKTOR")):
            world.gateways[office[:2]].do("discharge", movement, discharge(world, movement, leg, office))
        world.run()
    return world, world.uz, movement


def _before(state, world, made):
    """States before the acceptance."""
    if state == "heard":
        world.af.give("transit", made.movement, received("transit.i9", start(world, made.movement, 0, "UZTAS")))
        return world, world.af, made.movement
    if state == "declined":
        made = declaration(guarantee=terms(guarantor="AF", chain="AF/acci"))
    if state in {"asking", "reserved"}:
        made = declaration(guarantee=terms(guarantor="PK", chain="PK/pncc"))
        register(world, made.guarantee, "PK")
    world.uz.do("declare", made.movement, made, party=made.holder_party)
    if state == WITHDRAWN:
        world.uz.do("withdraw", made.movement, Withdraw("sold elsewhere"), party=made.holder_party)
    if state in {"asking", "reserved", "declined"}:
        if state == "reserved":
            world.cut.add("AF")
        world.uz.do("accept", made.movement, Accept(stamp(world, "UZTAS"), (START_SEAL,)))
        if state == "reserved":
            world.run_once()
            return world, world.pk, made.movement
        if state == "declined":
            world.run()
    return world, world.uz, made.movement


START_SEAL = SealMark("S1")
STATES = (NEW, "heard", "lodged", "declined", "withdrawn", "asking", "reserved", *AFTER)


def received(kind, body, origin="UZ/customs"):
    raw = body if isinstance(body, bytes) else encode(body)
    return Received(kind, uid(kind), origin, "AF/customs", START, None, None, "application/json", raw)


def nothing_right(kind):
    """Make an input of a kind that no rule may act on: a party without roles, a message without sense."""
    if kind in COMMAND_KINDS:
        return Command(kind, "UZ/nobody", frozenset(), _body(kind))
    if kind == ELAPSED:
        return Elapsed(START)
    if kind.startswith("fact "):
        return FactStated(kind, Fact(kind.removeprefix("fact "), True))
    return received(kind, b'{"type":"nonsense"}')


def _body(kind):
    """Return a well-formed body; what is wrong is who sends it."""
    world, movement = World(), declaration().movement
    if kind in {"declare", "amend"}:
        return declaration()
    mark = stamp(world, "UZTAS")
    ready = {
        "accept": Accept(mark),
        "withdraw": Withdraw("x"),
        "start": start(world, movement, 0, "UZTAS"),
        "terminate": terminate(world, movement, 0, "UZTAS", "UZTER"),
        "discharge": discharge(world, movement, 0, "UZTAS"),
        "cancel": Cancellation(movement, mark, "x"),
    }
    return ready.get(kind) or ready["start"]


@pytest.fixture(scope="module")
def worlds():
    """One world for each state; tests that change nothing share it."""
    return {state: (World(), None, declaration().movement) if state == NEW else in_state(state) for state in STATES}


def snapshot(gateway):
    return (
        dict(gateway.cases),
        dict(gateway.stored.all_accounts),
        len(gateway.stored.by_id),
        len(gateway.world.queue),
        len(gateway.notices),
    )


@pytest.mark.parametrize("state", STATES, ids=lambda state: state or "new")
def test_states_are_reached(state, worlds):
    """The world built for a state stands in it."""
    world, gateway, movement = worlds[state]
    if state != NEW:
        assert gateway.cases["transit", movement].state == state
    assert world.gateways


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(STATES, INPUTS)))
def test_every_pair(state, kind, worlds):
    """A pair outside the table is refused as such; one inside refuses what nobody may do. Nothing changes."""
    world, gateway, movement = worlds[state]
    gateway = gateway or world.uz
    table = movement_service(reference()).table
    before = snapshot(gateway)
    outcome = gateway.give("transit", movement, nothing_right(kind))
    if (state, kind) not in table:
        assert outcome.code == NOT_IN_TABLE
        assert fault(outcome).code == ErrorCode.WORKFLOW
    elif isinstance(outcome, Decision):
        # Only the clock, a fact nobody waits for, and bare receipts may pass; they change no case.
        receipt = table[state, kind].rule.__name__ == "hear_nothing_new"
        assert kind == ELAPSED or kind.startswith("fact ") or receipt
        assert outcome.state == state
        assert not outcome.messages
        assert not outcome.transfers
    after = snapshot(gateway)
    if isinstance(outcome, Refusal):
        assert after == before


@pytest.mark.parametrize(
    ("kind", "number"), [("start", 210), ("terminate", 211), ("discharge", 212), ("refuse-start", 216)]
)
def test_acts_on_a_discharged_movement_have_their_own_numbers(kind, number, worlds):
    """Where every leg is discharged, a further act is refused with the eTIR number of what is done already."""
    world, _, movement = worlds["discharged"]
    bodies = {
        "start": start(world, movement, 1, "AFHRT", seq=70),
        "terminate": terminate(world, movement, 1, "AFHRT", "AFRKH"),
        "discharge": discharge(world, movement, 1, "AFHRT"),
        "refuse-start": I17(movement, 1, "no-2", 71, stamp(world, "AFHRT"), "no visa"),
    }
    before = snapshot(world.af)
    refusal = world.af.do(kind, movement, bodies[kind])
    assert (fault(refusal).code, refusal.pointer) == (number, "/leg")
    assert snapshot(world.af) == before


def test_table_names_only_known_states_and_inputs():
    """Every cell belongs to a state and an input this test knows, so none goes untested."""
    for (state, kind), cell in movement_service(reference()).table.items():
        assert state in STATES
        assert kind in INPUTS
        assert set(cell.next) <= set(STATES) - {NEW}


LEG_CODES = {
    ("planned", "terminate"): "not_yet_started",
    ("planned", "discharge"): "not_yet_started",
    ("started", "start"): "already_started",
    ("started", "discharge"): "not_yet_terminated",
    ("started", "refuse-start"): "refusal_not_authorised",
    ("terminated", "start"): "already_started",
    ("terminated", "terminate"): "already_terminated",
    ("terminated", "refuse-start"): "refusal_not_authorised",
    ("discharged", "start"): "already_started",
    ("discharged", "terminate"): "already_terminated",
    ("discharged", "discharge"): "already_discharged",
    ("discharged", "refuse-start"): "refusal_not_authorised",
    ("refused", "terminate"): "not_yet_started",
    ("refused", "discharge"): "not_yet_started",
}


def leg_in(status):
    """Return a world whose second leg (Afghanistan's) has a status."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    af = world.af
    if status == "refused":
        af.do("refuse-start", movement, I17(movement, 1, "no-1", 50, stamp(world, "AFHRT"), "no visa"))
    if status in {"started", "terminated", "discharged"}:
        af.do("start", movement, start(world, movement, 1, "AFHRT"))
    if status in {"terminated", "discharged"}:
        af.do("terminate", movement, terminate(world, movement, 1, "AFHRT", "AFRKH"))
    if status == "discharged":
        af.do("discharge", movement, discharge(world, movement, 1, "AFHRT"))
    world.run()
    assert af.progress(movement).legs[1].status == status
    return world, movement


@pytest.mark.parametrize(("status", "act"), sorted(LEG_TABLE))
def test_every_leg_pair(status, act):
    """Every act on a leg in every status: it takes effect, or is refused with its code and changes nothing."""
    world, movement = leg_in(status)
    bodies = {
        "start": lambda: start(world, movement, 1, "AFHRT", seq=70),
        "terminate": lambda: terminate(world, movement, 1, "AFHRT", "AFRKH"),
        "discharge": lambda: discharge(world, movement, 1, "AFHRT"),
        "refuse-start": lambda: I17(movement, 1, "no-2", 71, stamp(world, "AFHRT"), "no visa"),
    }
    before = snapshot(world.af)
    outcome = world.af.do(act, movement, bodies[act]())
    expected = LEG_CODES.get((status, act))
    if expected is None:
        assert isinstance(outcome, Decision)
        assert world.af.progress(movement).legs[1].status == LEG_TABLE[status, act]
    else:
        assert outcome.code == expected
        assert snapshot(world.af) == before


def test_leg_table_is_complete():
    """The table has every pair of status and act, and the codes above are all its refusals."""
    statuses, acts = {pair[0] for pair in LEG_TABLE}, {pair[1] for pair in LEG_TABLE}
    assert set(LEG_TABLE) == set(itertools.product(statuses, acts))
    refusals = {pair for pair, outcome in LEG_TABLE.items() if not isinstance(outcome, str)}
    assert refusals == set(LEG_CODES)
