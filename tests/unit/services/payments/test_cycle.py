"""What gateways tell one another of a cycle: each refusal, in its order, and that nothing wrong is taken."""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.services.payments.desk import PLAN

from darwaza.errors import MalformedError
from darwaza.kernel.machine import NOT_IN_TABLE, Case, Command, Decision, Received, Refusal, decide, restored
from darwaza.services.payments.cycle import (
    ARRIVES_WITHIN,
    REFUSED_KIND,
    SUMS,
    TOLD_WITHIN,
    CompareCycle,
    StateCycle,
    cycle_id,
    netting_service,
    read_cycle,
    write_cycle,
)
from darwaza.services.payments.netting import cycle_of
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Cycle, CycleSum
from darwaza.testing.world import START

SERVICE = netting_service(PLAN)
NUMBER = cycle_of(Directory(PLAN), START) - 1
PAID = CycleSum("PK", "KZ", "KZT", 175_000_00, 2)
BACK = CycleSum("KZ", "PK", "KZT", 1_00, 1)


class Here:
    """KZ, in the hour after the cycle."""

    now = START
    member = "KZ"
    case_id = cycle_id("KZ", "PK", NUMBER)
    known = frozenset()
    heard = None

    def look(self, case_id):
        return case_id if case_id in self.known else None

    def heard_until(self, member):
        assert member == "PK"
        return self.heard


def told(body=None, **fields):
    given = {"kind": SUMS, "origin": "PK/gateway", "created_at": START} | fields
    kind, origin, created_at = given["kind"], given["origin"], given["created_at"]
    body = write_cycle(NUMBER, (PAID,)) if body is None else body
    return Received(kind, "m", origin, "KZ/gateway", created_at, None, None, "application/json", body)


def case(state, **fields):
    data = msgspec.structs.replace(Cycle(number=NUMBER, peer="PK"), **fields)
    return Case(Here.case_id, state, data, None, START, START)


def command(kind, body, party="KZ/gateway"):
    return Command(kind, party, frozenset(), body)


def test_sums_read_back_as_they_were_written():
    for sums in ((), (PAID,), (BACK, PAID)):
        assert read_cycle(write_cycle(NUMBER, sums)) == (NUMBER, sums)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"cycle":1}',
        b'{"cycle":-1,"sums":[]}',
        b'{"cycle":1,"sums":[],"more":1}',
        write_cycle(1, (PAID,)).replace(b'"17500000"', b'"0"'),
        write_cycle(1, (PAID,)).replace(b'"17500000"', b'"1000000000000000000"'),
        write_cycle(1, (PAID,)).replace(b'"17500000"', b"17500000"),
        write_cycle(1, (PAID, BACK)),
        write_cycle(1, (PAID, PAID)),
        write_cycle(1, (PAID,) * 9),
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_refused(body):
    with pytest.raises(MalformedError) as fault:
        read_cycle(body)
    assert fault.value.code == "payment_malformed"
    assert decide(SERVICE, None, told(body), Here()).code == "payment_malformed"


WRONG = [
    ("another of its addresses", told(origin="PK/hbl"), "not_allowed"),
    ("a member without a corridor", told(origin="AF/gateway"), "not_allowed"),
    ("another cycle", told(write_cycle(NUMBER - 1, (PAID,))), "message_unsuitable"),
    ("another member's debt", told(write_cycle(NUMBER, (CycleSum("PK", "UZ", "KZT", 1, 1),))), "message_unsuitable"),
    ("a currency of neither", told(write_cycle(NUMBER, (CycleSum("PK", "KZ", "USD", 1, 1),))), "currency_wrong"),
    ("before the end", told(created_at=START.replace(minute=0) - timedelta(seconds=1)), "time_wrong"),
]


@pytest.mark.parametrize(("given", "code"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_what_may_not_be_told_is_refused(given, code):
    assert decide(SERVICE, None, given, Here()).code == code


def test_a_cycle_of_long_ago_is_heard_of_only_when_it_is_a_matter_of_this_gateway():
    """It has told that cycle, or knows the one before: then the other was away. Nobody opens older ones at will."""
    here = Here()
    here.now = START.replace(minute=0) - timedelta(hours=1) + TOLD_WITHIN
    assert decide(SERVICE, None, told(), here).state == "told"
    here.now += timedelta(milliseconds=1)
    assert decide(SERVICE, None, told(), here).code == "too_late"
    assert decide(SERVICE, case("stated", own=(BACK,)), told(), here).state == "comparing"
    here.known = frozenset({cycle_id("KZ", "PK", NUMBER - 1)})
    assert decide(SERVICE, None, told(), here).state == "told"


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("heard", "waited", "state"),
    [
        (None, SECOND, "comparing"),
        (START - SECOND, ARRIVES_WITHIN, "comparing"),
        (None, ARRIVES_WITHIN + SECOND, "differs"),
        (START, SECOND, "differs"),
    ],
    ids=["no neighbour", "a neighbour's sums came another way", "time is over", "a neighbour's log has come as far"],
)
def test_a_difference_is_told_when_what_the_other_decided_must_have_come(heard, waited, state):
    """Before that it is counted again; what comes to the same sums is agreed on at once."""
    here = Here()
    done = decide(SERVICE, case("stated", own=(BACK,)), told(), here)
    assert (done.state, done.data.theirs_at, done.data.both_at) == ("comparing", START, START)
    held = case("comparing", **{name: getattr(done.data, name) for name in ("own", "theirs", "theirs_at", "both_at")})
    here.heard, here.now = heard, START + waited
    for _ in range(2):
        done = decide(SERVICE, held, command("compare", CompareCycle(())), here)
        assert (done.state, done.data.seen) == (state, ())
        assert [one.kind for one in done.notices] == ([] if state == "comparing" else ["netting.differs"])
    done = decide(SERVICE, held, command("compare", CompareCycle((PAID,))), here)
    assert (done.state, [one.kind for one in done.notices]) == ("agreed", ["netting.agreed"])


def test_a_gateway_tells_only_its_own_count_of_a_cycle_that_is_over_and_once():
    asked = StateCycle("PK", NUMBER, (BACK,))
    done = decide(SERVICE, None, command("state", asked), Here())
    assert (done.state, done.data.own, [one.body for one in done.messages]) == (
        "stated",
        (BACK,),
        [write_cycle(NUMBER, (BACK,))],
    )
    wrong = [
        (command("state", asked, "KZ/nbk"), "not_allowed"),
        (command("state", msgspec.structs.replace(asked, cycle=NUMBER - 1)), "message_unsuitable"),
        (command("state", msgspec.structs.replace(asked, peer="AF")), "message_unsuitable"),
    ]
    assert [decide(SERVICE, None, given, Here()).code for given, _ in wrong] == [code for _, code in wrong]
    early = Here()
    early.now = START.replace(minute=0) - timedelta(seconds=1)
    assert decide(SERVICE, None, command("state", asked), early).code == "time_wrong"
    assert decide(SERVICE, case("stated", own=(BACK,)), command("state", asked), Here()).code == NOT_IN_TABLE


def test_sums_that_were_told_are_not_told_again_otherwise():
    held = case("comparing", own=(BACK,), theirs=(PAID,))
    assert decide(SERVICE, held, told(write_cycle(NUMBER, ())), Here()).code == NOT_IN_TABLE


@pytest.mark.parametrize(("seen", "state"), [((PAID,), "agreed"), ((), "differs"), ((BACK, PAID), "differs")])
def test_what_was_told_is_held_against_what_was_counted(seen, state):
    held = case("comparing", own=(BACK,), theirs=(PAID,))
    done = decide(SERVICE, held, command("compare", CompareCycle(seen)), Here())
    assert (done.state, done.data.seen, [one.kind for one in done.notices]) == (state, seen, [f"netting.{state}"])
    assert decide(SERVICE, held, command("compare", CompareCycle(seen), "KZ/nbk"), Here()).code == "not_allowed"


def test_what_was_agreed_is_not_compared_again():
    held = case("agreed", own=(BACK,), theirs=(PAID,), seen=(PAID,))
    assert decide(SERVICE, held, command("compare", CompareCycle(())), Here()).code == NOT_IN_TABLE


def test_own_sums_given_back_after_a_loss_are_what_was_told():
    own = told(write_cycle(NUMBER, (BACK,)), kind=restored(SUMS), origin="KZ/gateway")
    own = msgspec.structs.replace(own, destination="PK/gateway")
    for held, state in ((None, "stated"), (case("told", theirs=(PAID,)), "comparing")):
        done = decide(SERVICE, held, own, Here())
        assert isinstance(done, Decision)
        assert (done.state, done.data.own, done.messages) == (state, (BACK,), ())
    assert isinstance(decide(SERVICE, None, msgspec.structs.replace(own, body=b"{}"), Here()), Refusal)


def test_a_refusal_by_the_other_is_told_the_operators_and_changes_nothing():
    held = case("stated", own=(BACK,))
    body = b'{"code":"unknown_service","detail":"d","kind":"netting.sums","message_id":"m","pointer":""}'
    done = decide(SERVICE, held, told(body, kind=REFUSED_KIND), Here())
    assert (done.state, done.data) == ("stated", held.data)
    assert [(one.party, one.detail["code"]) for one in done.notices] == [("KZ/nbk", "unknown_service")]
    assert decide(SERVICE, held, told(body, kind=REFUSED_KIND, origin="PK/hbl"), Here()).code == "not_allowed"
    assert decide(SERVICE, held, told(b"", kind=REFUSED_KIND), Here()).code == "payment_malformed"
