"""One batch, one transaction: what goes wrong in one input touches nothing else."""

import gc
from datetime import timedelta

import pytest
from tests.unit.engine.corridor import Corridor
from tests.unit.engine.peer import OURS, THEIRS, Gateway, offer, uuid

from darwaza.adapters.memory.store import MemoryStore
from darwaza.config import ASK_AGAIN_S, BODY_BYTES_MAX
from darwaza.engine.courier import Courier
from darwaza.engine.engine import REMIND_AGAIN
from darwaza.engine.intake import Accepted, Acknowledge, Arrive, Attest, Settle, Settled, Submit, TakeBack, Wake
from darwaza.engine.unit import Unit
from darwaza.errors import FatalError, ServiceError
from darwaza.kernel import batch, instant
from darwaza.kernel.machine import ELAPSED, NEW, Decision, Draft, Fact, Notice, Refusal, Service, Transition
from darwaza.kernel.note import parse
from darwaza.ports.store import LeafRow
from darwaza.ports.transport import Ask, Held
from darwaza.services.documents import SERVICE
from darwaza.services.documents.message import Document
from darwaza.testing.world import CORRIDOR_NAME

REMINDED = "2026-11-01T06:00:01.000Z"


@pytest.fixture
def uz():
    return Gateway()


def faulty(decision):
    """A service whose one rule decides what a test wants it to."""
    cell = Transition(lambda case, given, context: decision, ("made",))
    return Service("gold", Document, {(NEW, "make"): cell, ("made", ELAPSED): cell})


DATA = Document("UZ/a", "PK/b", None)
UNSENDABLE = [
    Draft("gold.x", "UZ/a", "PK/Not An Address", b"", "a/b"),
    Draft("gold.x", "not an address", "PK/b", b"", "a/b"),
]
FAULTS = [
    *(Decision("made", DATA, messages=(draft,)) for draft in UNSENDABLE),
    Decision("made", DATA, notices=(Notice("UZ/a", "x"), Notice("UZ/a", "x", object()))),
    Decision("made", DATA, facts=(Fact("x", object()),), ucr="U1"),
    Decision("made", DATA, ucr="two words"),
    Decision("elsewhere", DATA),
]


def test_nothing_of_a_batch_outlives_it(tmp_path):
    """What a batch held goes with it, at once: a ring of references would keep its bodies until the collector comes."""

    def held():
        return {id(one) for one in gc.get_objects() if isinstance(one, Unit | LeafRow | batch.Batch)}

    corridor = Corridor(tmp_path, ("PK", "UZ"))
    before = held()
    gc.disable()
    try:
        for _ in range(3):
            case_id, _ = corridor.offer("PK/a", "UZ/b")
            corridor.carry("PK", "UZ")
            corridor.accept("UZ/b", case_id)
            corridor.carry("UZ", "PK")
        after = held()
    finally:
        gc.enable()
    assert after <= before


@pytest.mark.parametrize("decision", FAULTS, ids=range(len(FAULTS)))
def test_faulty_service_changes_nothing(decision):
    """What a service must not decide is its fault, found before anything changes; its neighbours are handled."""
    uz = Gateway()
    uz.engine = uz.world.engine("UZ", [SERVICE, faulty(decision)], uz.store, seed=1)
    uz.take(Settle(OURS, b""))
    before = uz.state()
    make = Submit("UZ/a", frozenset(), "gold", "make", "", b"", None)
    assert isinstance(uz.take(make), ServiceError)
    assert uz.state() == before
    outcomes = uz.engine.run([make, Submit("UZ/a", frozenset(), "gold", "make", "k", b"", None)])
    assert all(isinstance(outcome, ServiceError) for outcome in outcomes)
    assert uz.state() == before


def test_body_too_large_is_refused():
    """What depends on what a party gave, as the size of a body does, is refused with a code, and changes nothing."""
    draft = Draft("gold.x", "UZ/a", "PK/b", bytes(BODY_BYTES_MAX + 1), "a/b")
    uz = Gateway()
    uz.engine = uz.world.engine("UZ", [SERVICE, faulty(Decision("made", DATA, messages=(draft,)))], uz.store, seed=1)
    before = uz.state()
    outcome = uz.take(Submit("UZ/a", frozenset(), "gold", "make", "", b"", None))
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.pointer) == ("body_too_large", "/body")
    assert uz.state() == before


def test_fatal_errors_are_not_answers(uz):
    """What must stop the process is never handed out as somebody's outcome."""
    uz.store.fail_next(FatalError("power cut"))
    with pytest.raises(FatalError):
        uz.say(1)
    with pytest.raises(FatalError):
        uz.engine.run([Wake(9)])


def test_case_that_cannot_act_sleeps_on(uz):
    """A case whose link has stopped is woken again later, and stands before no other case meanwhile."""
    uz.send([offer(number, expires_at=REMINDED) for number in range(10, 14)])
    held = uz.frontiers[THEIRS]
    uz.send([offer(20)])
    uz.frontiers[THEIRS] = held
    uz.take(Arrive(uz.batch([offer(30)])))
    uz.world.clock.advance(5)
    assert [uz.take(Wake(3)), uz.take(Wake(3)), uz.take(Wake(3))] == [3, 1, 0]
    row = uz.store.cases([uuid(10)])[uuid(10)]
    assert (row.state, row.remind_at) == ("arrived", instant.to_text(uz.world.clock.now() + REMIND_AGAIN))


def test_case_whose_rule_fails_sleeps_on():
    """So is one whose service fails."""
    uz = Gateway()
    good = Decision("made", DATA, remind_at=uz.world.clock.now() + timedelta(seconds=1))
    uz.engine = uz.world.engine("UZ", [faulty(good)], uz.store, seed=1)
    made = uz.take(Submit("UZ/a", frozenset(), "gold", "make", "", b"", None))
    assert isinstance(made, Accepted)
    uz.engine = uz.world.engine("UZ", [faulty(Decision("elsewhere", DATA))], uz.store, seed=2)
    uz.world.clock.advance(2)
    assert [uz.take(Wake(9)), uz.take(Wake(9))] == [1, 0]
    uz.world.clock.advance(REMIND_AGAIN.total_seconds())
    assert uz.take(Wake(9)) == 1


def test_case_that_moved_in_the_same_batch_is_not_woken(uz):
    """A reminder that was moved or lifted by an input before it in the batch does not ring."""
    uz.send([offer(10, expires_at=REMINDED)])
    uz.world.clock.advance(5)
    assert uz.engine.run([Wake(9), Wake(9)]) == [1, 1]
    assert uz.store.cases([uuid(10)])[uuid(10)].state == "expired"
    assert uz.log().row.size == 2


def test_signatures_add_up(uz):
    """Witnesses' lines stay when the same acknowledgement comes again, also when two come in one batch."""
    uz.say(1)
    raw = uz.log().row.checkpoint
    reply = parse(uz.cosigned(raw)).signatures
    witness = parse(uz.cosigned(raw, uz.world.keys["KZ"].witness, "KZ")).signatures
    uz.take(Acknowledge(OURS, raw, reply))
    uz.take(Attest(OURS, "KZ", raw, witness))
    uz.take(Acknowledge(OURS, raw, reply))
    kept = uz.store.checkpoint_from(uz.log().row.id, 2)
    names = [line.name for line in parse(kept.note).signatures]
    assert sorted(names) == sorted([OURS, f"{CORRIDOR_NAME}/PK", f"{CORRIDOR_NAME}/KZ"])


def test_taken_back_beside_other_inputs():
    """What is taken back is in the store before the next input of the same batch looks for it."""
    known = Gateway()
    known.send([offer(11, destination="UZ/nobody")])
    resent = known.store.leaves(known.log(THEIRS).row.id, 0, 9, 1 << 20)
    raw = known.log().row.checkpoint
    given = batch.Batch(1, OURS, 0, known.cosigned(raw), known.store.leaves(known.log().row.id, 0, 9, 1 << 20))
    uz = Gateway()
    uz.store = MemoryStore()
    uz.engine = uz.world.engine("UZ", [SERVICE], uz.store, seed=1)
    uz.frontiers[THEIRS] = type(uz.frontiers[THEIRS])()
    lanes = [Settle(f"{CORRIDOR_NAME}/UZ-to-PK/1", b"")]
    outcomes = uz.engine.run([*lanes, TakeBack(given), Settle(OURS, given.checkpoint), Arrive(uz.batch(resent))])
    assert outcomes[1:3] == [Settled(None, 2), Settled(2)]
    assert uz.store.given_back_count() == 0
    assert uz.log().row.size == 2, "the refusal that came back is not said again"


def test_quiet_reader_is_asked_again(uz):
    """A reader that lost its disk would never tell: after a while of silence it is asked what it holds."""
    courier = Courier(uz.engine)
    raw = uz.log().row.checkpoint
    uz.take(Acknowledge(OURS, raw, parse(uz.cosigned(raw)).signatures))
    [first] = asked(courier, 0.0)
    given = courier.replied(first, Held(uz.cosigned(raw)), 0.0)
    courier.decided(first, uz.take(given), 0.0)
    assert asked(courier, ASK_AGAIN_S - 1) == []
    assert len(asked(courier, ASK_AGAIN_S + 1)) == 1


def asked(courier, now_s):
    return [errand for errand in courier.errands(now_s) if isinstance(errand, Ask) and errand.origin == OURS]
