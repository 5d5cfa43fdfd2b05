"""The tables of guarantees, enquiries, crossings and tracker pools: every (state, input) pair.

Each pair is tried twice. With an input that is right in itself (the right party, a readable body) it leads to the state
the tables below name, or is refused with the code they name. With one that nobody may give (a party without roles, a
body without sense) it changes nothing. A refusal changes nothing either way, and its eTIR number is that of its class.
"""

import itertools

import msgspec
import pytest
from tests.unit.services.transit.test_transit_table import snapshot
from tests.unit.services.transit.world import START, World, accepted, reference, stamp, terms, uid

from darwaza.kernel.machine import NEW, NOT_IN_TABLE, Command, Decision, Received
from darwaza.kernel.message import Refused
from darwaza.services.transit import booking
from darwaza.services.transit.closure import Closure, Extension, Reopening, crossing_case, crossing_service
from darwaza.services.transit.enquiry import Ask, enquiry_service
from darwaza.services.transit.guarantee import Register, guarantee_case, guarantee_service
from darwaza.services.transit.guard import fault
from darwaza.services.transit.tracker import Stock, tracker_service
from darwaza.standards.etir.external import E1, E2, E3, E4, E5, E6
from darwaza.standards.etir.internal import I3, I4, I5, I6, I19, I20
from darwaza.standards.etir.wire import decode, encode

SUPERVISOR, CUSTOMS, CHAIN = frozenset({"supervisor"}), frozenset({"customs"}), frozenset({"guarantee-chain"})
NOBODY = frozenset()
HOLDER = "UZ/silk-road-trans"


def received(kind, body, origin, destination):
    raw = body if isinstance(body, bytes) else encode(body)
    return Received(kind, uid(kind), origin, destination, START, None, None, "application/json", raw)


def refused(name, kind, origin, destination):
    body = msgspec.json.encode(Refused("guarantee_not_found", "no", kind, uid("x"), "/reference"))
    return received(name + ".refused", body, origin, destination)


class Desk:
    """One case of one service at one gateway, brought into a state, and the inputs it is given."""

    def __init__(self, name, gateway, case, inputs):
        self.name, self.gateway, self.case, self.inputs = name, gateway, case, inputs

    @property
    def state(self):
        found = self.gateway.cases.get((self.name, self.case))
        return NEW if found is None else found.state

    def give(self, kind, *, sense=True):
        return self.gateway.give(self.name, self.case, self.input(kind) if sense else self.nonsense(kind))

    def input(self, kind):
        given = self.inputs[kind.removeprefix("restored ")]
        if kind.startswith("restored "):  # an own message: it went the other way
            given = msgspec.structs.replace(given, origin=given.destination, destination=given.origin)
        return msgspec.structs.replace(given, kind=kind)

    def nonsense(self, kind):
        given = self.input(kind)
        if isinstance(given, Command):
            return msgspec.structs.replace(given, roles=NOBODY)
        return msgspec.structs.replace(given, body=b'{"type":"nonsense"}')


# ---- guarantees, at the guarantor's gateway and at the gateway of a chain elsewhere


def guarantor(state):
    """UZ has registered a guarantee of a chain that Pakistan serves; ``register`` comes from a chain of its own."""
    world, case = World(), guarantee_case("UZ", "JX95000448")
    guarantee = terms(chain="PK/pncc")
    own = msgspec.structs.replace(guarantee, chain="UZ/aircuz")
    cancel = E3(guarantee.reference, guarantee.holder, "sold")
    peer, us = "PK/pncc", "UZ/customs"
    inputs = {
        "register": Command("register", "UZ/aircuz", CHAIN, Register(own, HOLDER)),
        "cancel": Command("cancel", "PK/pncc", CHAIN, cancel),
        "guarantee.e1": received("guarantee.e1", E1(guarantee), peer, us),
        "guarantee.e2": received("guarantee.e2", E2("JX95000448", booking.terms_digest(guarantee)), peer, us),
        "guarantee.e3": received("guarantee.e3", cancel, peer, us),
        "guarantee.e4": received("guarantee.e4", E4("JX95000448", "cancelled"), peer, us),
        "guarantee.refused": refused("guarantee", "guarantee.e2", peer, us),
    }
    desk = Desk("guarantee", world.uz, case, inputs)
    if state == "declined":
        wrong = received("guarantee.e1", E1(terms(chain="PK/pncc", regime="none")), peer, us)
        world.uz.give("guarantee", case, wrong)
    if state in {"registered", "cancelling", "cancelled"}:
        desk.give("guarantee.e1")
    if state == "cancelling":
        world.queue.clear()
        accepted(world, guarantee=guarantee)
    if state in {"cancelling", "cancelled"}:
        desk.give("guarantee.e3")
    return desk


def chain(state):
    """Pakistan serves the chain; the guarantor is UZ."""
    world, case = World(), guarantee_case("UZ", "JX95000448")
    guarantee = terms(chain="PK/pncc")
    cancel = E3(guarantee.reference, guarantee.holder, "sold")
    us, peer = "PK/pncc", "UZ/customs"
    inputs = {
        "register": Command("register", us, CHAIN, Register(guarantee, HOLDER)),
        "cancel": Command("cancel", us, CHAIN, cancel),
        "guarantee.e1": received("guarantee.e1", E1(guarantee), peer, us),
        "guarantee.e2": received("guarantee.e2", E2("JX95000448", booking.terms_digest(guarantee)), peer, us),
        "guarantee.e3": received("guarantee.e3", cancel, peer, us),
        "guarantee.e4": received("guarantee.e4", E4("JX95000448", "cancelled"), peer, us),
        "guarantee.refused": refused("guarantee", "guarantee.e3", peer, us),
    }
    desk = Desk("guarantee", world.pk, case, inputs)
    if state != NEW:
        desk.give("register")
    if state == "declined":
        desk.give("guarantee.refused")
    if state in {"registered", "cancelling", "cancelled"}:
        desk.give("guarantee.e2")
    if state == "cancelling":
        world.pk.give("guarantee", case, received("guarantee.e4", E4("JX95000448", "cancelling"), peer, us))
    if state == "cancelled":
        desk.give("guarantee.e4")
    return desk


# ---- enquiries, on either side


def enquiry(state):
    """UZ and Pakistan ask each other about a guarantee; ``open`` is a question of Pakistan, the others are of UZ."""
    world = World()
    for gateway in world.gateways.values():
        gateway.services["enquiry"] = enquiry_service(reference())
    us, peer = "UZ/customs", "PK/customs"
    heard = (I3("h"), I4("h"), I5("JX1"), I6("JX1", "unknown"), I19(("PKTOR",)), I20(), E5("JX1"), E6("JX1", "unknown"))
    inputs = {
        "ask": Command("ask", us, CUSTOMS, Ask("PK", I5("JX1"))),
        "answer": Command("answer", us, CUSTOMS, I6("JX1", "unknown")),
        **{(kind := "enquiry." + type(body).__name__.lower()): received(kind, body, peer, us) for body in heard},
        "enquiry.refused": refused("enquiry", "enquiry.i5", peer, us),
    }
    desk = Desk("enquiry", world.uz, uid("q"), inputs)
    if state == "open":
        desk.give("enquiry.i5")
    if state in {"asked", "answered"}:
        desk.give("ask")
    if state == "answered":
        desk.give("enquiry.i6")
    return desk


# ---- crossings and tracker pools


def crossing(state):
    """Torkham at Pakistan's gateway; the neighbour's words come from Afghanistan."""
    world, torkham = World(), "AF-PK/TORKHAM"
    peer, us = "AF/customs", "PK/customs"
    own, other = stamp(world, "PKTOR"), stamp(world, "AFRKH")
    until = START.replace(day=9)
    inputs = {
        "close": Command("close", us, SUPERVISOR, Closure(uid("c"), torkham, own, "shelling")),
        "reopen": Command("reopen", us, SUPERVISOR, Reopening(uid("c"), torkham, stamp(world, "PKTOR"))),
        "extend": Command("extend", us, SUPERVISOR, Extension(uid("e"), torkham, own, until, "queue")),
        "crossing.closed": received("crossing.closed", Closure(uid("d"), torkham, other, "x"), peer, us),
        "crossing.reopened": received("crossing.reopened", Reopening(uid("d"), torkham, other), peer, us),
        "crossing.extended": received("crossing.extended", Extension(uid("f"), torkham, other, until, "x"), peer, us),
        "crossing.refused": refused("crossing", "crossing.closed", peer, us),
    }
    desk = Desk("crossing", world.pk, crossing_case(torkham), inputs)
    if state != NEW:
        desk.give("close")
    if state == "open":
        desk.give("reopen")
    return desk


def pool(state):
    """The trackers of Torkham."""
    world = World()
    inputs = {
        kind: Command(kind, "PK/customs", SUPERVISOR, Stock(uid(kind), "PKTOR", count))
        for kind, count in (("stock", 3), ("retire", 2))
    }
    desk = Desk("tracker-pool", world.pk, uid("pool"), inputs)
    if state == "running":
        nine = Command("stock", "PK/customs", SUPERVISOR, Stock(uid("0"), "PKTOR", 9))
        world.pk.give("tracker-pool", desk.case, nine)
    return desk


GUARANTEE = ("declined", "registered", "cancelling", "cancelled")
DESKS = {
    "guarantor": (guarantor, (NEW, *GUARANTEE), guarantee_service(reference())),
    "chain": (chain, (NEW, "asking", *GUARANTEE), guarantee_service(reference())),
    "enquiry": (enquiry, (NEW, "asked", "open", "answered"), enquiry_service(reference())),
    "crossing": (crossing, (NEW, "open", "closed"), crossing_service()),
    "pool": (pool, (NEW, "running"), tracker_service()),
}
EXPECTED = {
    "guarantor": """
    input                       new         declined    registered      cancelling      cancelled
    register                    registered  registered  204             204             204
    cancel                      301         301         cancelled       205             205
    guarantee.e1                registered  registered  registered      cancelling      cancelled
    guarantee.e2                -           -           -               -               -
    guarantee.e3                301         301         cancelled       cancelling      cancelled
    guarantee.e4                -           -           !not_authority  !not_authority  !not_authority
    guarantee.refused           -           declined    registered      cancelling      cancelled
    restored:guarantee.e1       asking      asking      registered      cancelling      cancelled
    restored:guarantee.e2       -           declined    registered      cancelling      cancelled
    restored:guarantee.e3       -           declined    registered      cancelling      cancelled
    restored:guarantee.e4       -           declined    registered      cancelling      cancelled
    restored:guarantee.refused  -           declined    registered      cancelling      cancelled
    """,
    "chain": """
    input                       new         asking      declined    registered  cancelling  cancelled
    register                    asking      204         asking      204         204         204
    cancel                      301         203         301         registered  cancelling  205
    guarantee.e1                !not_yours  -           !not_yours  !not_yours  !not_yours  !not_yours
    guarantee.e2                -           registered  -           -           -           -
    guarantee.e3                301         -           301         !not_yours  !not_yours  !not_yours
    guarantee.e4                -           -           -           cancelled   cancelled   cancelled
    guarantee.refused           -           declined    declined    registered  cancelling  cancelled
    restored:guarantee.e1       asking      asking      asking      registered  cancelling  cancelled
    restored:guarantee.e2       -           asking      declined    registered  cancelling  cancelled
    restored:guarantee.e3       -           asking      declined    registered  cancelling  cancelled
    restored:guarantee.e4       -           asking      declined    registered  cancelling  cancelled
    restored:guarantee.refused  -           asking      declined    registered  cancelling  cancelled
    """,
    "enquiry": """
    input                     new       asked           open         answered
    ask                       asked     -               -            -
    answer                    -         -               answered     -
    enquiry.i3                open      -               -            -
    enquiry.i4                -         !not_authority  -            -
    enquiry.i5                open      -               -            -
    enquiry.i6                -         answered        -            -
    enquiry.i19               answered  -               -            -
    enquiry.i20               -         !not_authority  -            -
    enquiry.e5                open      -               -            -
    enquiry.e6                -         !not_authority  -            -
    enquiry.refused           -         answered        -            -
    restored:enquiry.i3       asked     -               -            -
    restored:enquiry.i4       -         -               !body_wrong  -
    restored:enquiry.i5       asked     -               -            -
    restored:enquiry.i6       -         -               answered     -
    restored:enquiry.i19      asked     -               -            -
    restored:enquiry.i20      -         -               !body_wrong  -
    restored:enquiry.e5       asked     -               -            -
    restored:enquiry.e6       -         -               !body_wrong  -
    restored:enquiry.refused  -         -               -            -
    """,
    "crossing": """
    input                       new     open    closed
    close                       closed  open    closed
    reopen                      -       -       open
    extend                      open    open    closed
    crossing.closed             closed  closed  closed
    crossing.reopened           open    open    closed
    crossing.extended           open    open    closed
    crossing.refused            -       open    closed
    restored:crossing.closed    closed  closed  closed
    restored:crossing.reopened  open    open    closed
    restored:crossing.extended  open    open    closed
    restored:crossing.refused   -       open    closed
    """,
    "pool": """
    input   new      running
    stock   running  running
    retire  -        running
    """,
}


def rows(name):
    """Read one of the tables: (state, input) to the next state or to a refusal.

    A refusal is "-" where the table has no such pair, the eTIR number where it has one of its own, else ``!code``.
    """
    head, *lines = [line.split() for line in EXPECTED[name].strip().splitlines()]
    states = [NEW if word == "new" else word for word in head[1:]]
    return {
        (state, words[0].replace("restored:", "restored ")): word
        for words in lines
        for state, word in zip(states, words[1:], strict=True)
    }


PAIRS = [(name, *pair, word) for name in EXPECTED for pair, word in rows(name).items()]


@pytest.mark.parametrize(("name", "state", "kind", "expected"), PAIRS)
def test_every_pair(name, state, kind, expected):
    """What is right in itself leads to the state of the table, or to its refusal, which changes nothing."""
    desk = DESKS[name][0](state)
    assert desk.state == state
    before = snapshot(desk.gateway)
    outcome = desk.give(kind)
    if isinstance(outcome, Decision):
        assert (outcome.state, desk.state) == (expected, expected)
        return
    assert snapshot(desk.gateway) == before
    number = int(fault(outcome).code)
    if expected.isdigit():
        assert number == int(expected)
    else:
        assert outcome.code == (NOT_IN_TABLE if expected == "-" else expected.removeprefix("!"))
        assert number == (100 if outcome.code == "body_wrong" else 200)


@pytest.mark.parametrize(("name", "state", "kind"), [row[:3] for row in PAIRS])
def test_nobody_changes_anything(name, state, kind):
    """A party without roles, or a message nobody can read, is refused in every state and changes nothing."""
    desk = DESKS[name][0](state)
    before = snapshot(desk.gateway)
    outcome = desk.give(kind, sense=False)
    if isinstance(outcome, Decision):
        # Own words that say nothing new, and the news that a neighbour refused, need no body to be true.
        rule = DESKS[name][2].table[state, kind].rule.__name__
        assert rule == "hear_nothing_new" or kind.removeprefix("restored ").endswith(".refused")
        assert not outcome.messages
        assert not outcome.transfers
        return
    assert snapshot(desk.gateway) == before


@pytest.mark.parametrize("name", EXPECTED)
def test_tables_are_complete(name):
    """Every cell of the service belongs to a state and an input of the table above, and every pair stands there."""
    _, states, service = DESKS[name]
    pairs = rows(name)
    kinds = {kind for _, kind in pairs}
    assert set(pairs) == set(itertools.product(states, kinds))
    known = {state for other in DESKS.values() if other[2].name == service.name for state in other[1]}
    for (state, kind), cell in service.table.items():
        assert state in known
        assert kind in kinds
        assert set(cell.next) <= known - {NEW}


def test_a_cancellation_for_another_holder_is_320():
    """E3 with another holder is answered by E4 with its fault, in the state that stood."""
    desk = guarantor("registered")
    other = received("guarantee.e3", E3("JX95000448", "OTHER", "x"), "PK/pncc", "UZ/customs")
    outcome = desk.gateway.give("guarantee", desk.case, other)
    (told,) = outcome.messages
    answer = decode(told.body, E4)
    assert (desk.state, answer.status) == ("registered", "registered")
    assert [(one.code, one.pointer) for one in answer.faults] == [(320, "/holder")]


def test_a_cancellation_of_nothing_is_301_at_the_chain():
    """A guarantor that knows no such guarantee says so with code and pointer, and the chain sees both."""
    desk = chain("registered")
    world = desk.gateway.world
    world.queue.clear()  # the registration never arrives
    desk.give("cancel")
    refusal = world.run_once()
    assert (refusal.code, refusal.pointer) == ("guarantee_not_found", "/reference")
    body = msgspec.json.encode(Refused(refusal.code, refusal.detail, "guarantee.e3", uid("x"), refusal.pointer))
    desk.gateway.give("guarantee", desk.case, received("guarantee.refused", body, "UZ/customs", "PK/pncc"))
    assert [(one.code, one.pointer) for one in desk.gateway.cases["guarantee", desk.case].data.faults] == [
        (301, "/reference")
    ]
