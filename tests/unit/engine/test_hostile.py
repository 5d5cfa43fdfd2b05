"""What a hostile neighbour may send: nothing changes, the reason is coded, the link lives."""

from http import HTTPStatus

import msgspec
import pytest
from tests.unit.engine.peer import BULK, OURS, THEIRS, Gateway, damaged, header, offer, offer_body, uuid

from darwaza.config import BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, BODY_BYTES_MAX, HEADER_BYTES_MAX
from darwaza.engine.fsck import examine
from darwaza.engine.intake import (
    AcceptFork,
    Acknowledge,
    Arrive,
    Cosigned,
    Delivered,
    Expected,
    Forked,
    Settle,
    Settled,
    TakeBack,
    Witness,
)
from darwaza.errors import DarwazaError
from darwaza.kernel import batch, fork
from darwaza.kernel.checkpoint import Checkpoint
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.machine import Refusal
from darwaza.kernel.merkle import EMPTY_ROOT, leaf_hash
from darwaza.kernel.message import GENESIS
from darwaza.kernel.note import Note, Signature, Signer, parse, signed, verified
from darwaza.kernel.witness import Request
from darwaza.services.documents import SERVICE
from darwaza.testing.world import CORRIDOR_NAME

STRANGER = Ed25519PrivateKey(b"\x07" * 32)
replace = msgspec.structs.replace


@pytest.fixture
def uz():
    """UZ's gateway; whatever it was sent, its store is whole afterwards. Its neighbour is the test itself."""
    made = Gateway()
    yield made
    assert examine(made.store, member="UZ", trust=made.engine.site.trust, services=[SERVICE]) == []


def deliver(gateway, raw):
    """Take bytes as the wire brings them; the outcome, or the error as a value."""
    try:
        return gateway.take(Arrive(batch.decode(raw)))
    except DarwazaError as fault:
        return fault


def wire(one):
    return batch.encode(one.origin, one.start, one.checkpoint, one.entries)


def raw_batch(gateway, origin, start, checkpoint, entries):
    return batch.encode(origin, start, checkpoint, entries)


def good(gateway):
    return gateway.batch([offer(10), offer(11)])


BATCHES = {
    "signed by a stranger": (
        lambda g: wire(replace(good(g), checkpoint=g.note(THEIRS, 3, b"\0" * 32, STRANGER))),
        "signature_missing",
    ),
    "signature false": (lambda g: wire(replace(good(g), checkpoint=damaged(good(g).checkpoint))), "signature_false"),
    "root wrong": (lambda g: wire(replace(good(g), checkpoint=g.note(THEIRS, 3, b"\1" * 32))), "root_wrong"),
    "size rolled back": (
        lambda g: wire(replace(good(g), checkpoint=g.note(THEIRS, 1, g.frontiers[THEIRS].root()))),
        "batch_size_wrong",
    ),
    "size beyond the end": (
        lambda g: wire(replace(good(g), checkpoint=g.note(THEIRS, 4, b"\1" * 32))),
        "batch_size_wrong",
    ),
    "checkpoint of another lane": (
        lambda g: wire(replace(good(g), checkpoint=g.note(BULK, 3, b"\1" * 32))),
        "origin_wrong",
    ),
    "checkpoint is no note": (lambda g: wire(replace(good(g), checkpoint=b"hello")), "note_malformed"),
    "entries swapped": (lambda g: wire(replace(good(g), entries=good(g).entries[::-1])), "root_wrong"),
    "entry left out": (lambda g: wire(replace(good(g), entries=good(g).entries[:1])), "batch_size_wrong"),
    "body not matching": (
        lambda g: wire(replace(good(g), entries=[good(g).entries[0], (good(g).entries[1][0], b"other")])),
        "body_differs",
    ),
    "unknown member": (lambda g: wire(replace(good(g), origin=f"{CORRIDOR_NAME}/XX-to-UZ/0")), "log_unknown"),
    "unknown lane": (lambda g: wire(replace(good(g), origin=f"{CORRIDOR_NAME}/PK-to-UZ/7")), "log_unknown"),
    "log for somebody else": (lambda g: wire(replace(good(g), origin=f"{CORRIDOR_NAME}/PK-to-KZ/0")), "log_unknown"),
    "our own log": (lambda g: wire(replace(good(g), origin=OURS)), "log_unknown"),
    "another corridor": (lambda g: wire(replace(good(g), origin="other.example/x/PK-to-UZ/0")), "log_unknown"),
    "no origin at all": (lambda g: wire(replace(good(g), origin="\x00")), "log_unknown"),
    "oversize": (lambda g: b"\0" * (BATCH_BYTES_MAX + 1), "batch_too_large"),
    "body oversize": (
        lambda g: batch.encode(THEIRS, 1, b"x", [(b"{}", bytes(BODY_BYTES_MAX + 1))]),
        "batch_malformed",
    ),
    "header oversize": (
        lambda g: batch.encode(THEIRS, 1, b"x", [(bytes(HEADER_BYTES_MAX + 1), b"")]),
        "batch_malformed",
    ),
    "too many entries": (
        lambda g: batch.encode(THEIRS, 1, b"x", [(b"{}", b"")] * (BATCH_MESSAGES_MAX + 1)),
        "batch_malformed",
    ),
    "no entries": (lambda g: batch.encode(THEIRS, 1, b"x", []), "batch_malformed"),
    "negative start": (lambda g: batch.encode(THEIRS, -1, b"x", [(b"{}", b"")]), "batch_malformed"),
    "deep nesting": (lambda g: b"\x91" * 100_000 + b"\x90", "batch_malformed"),
    "empty": (lambda g: b"", "batch_malformed"),
    "another version": (lambda g: msgspec.msgpack.encode((2, THEIRS, 1, b"x", [(b"{}", b"")])), "batch_malformed"),
    "one field more": (lambda g: msgspec.msgpack.encode((1, THEIRS, 1, b"x", [(b"{}", b"")], 1)), "batch_malformed"),
}


@pytest.mark.parametrize(("make", "code"), BATCHES.values(), ids=BATCHES)
def test_bad_batch_changes_nothing(uz, make, code):
    """A batch that is wrong anywhere is refused as a whole, with its code."""
    before = uz.state()
    outcome = deliver(uz, make(uz))
    assert isinstance(outcome, DarwazaError)
    assert outcome.code == code
    assert uz.state() == before
    uz.check_alive()


def test_no_flipped_bit_passes(uz):
    """Whatever single bit of a batch flips, nothing of it is taken."""
    raw, before = wire(good(uz)), uz.state()
    for at in range(len(raw)):
        outcome = deliver(uz, raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :])
        assert isinstance(outcome, DarwazaError | Expected), at
    assert uz.state() == before
    assert isinstance(deliver(uz, raw), Cosigned)


def test_truncated_batch(uz):
    """A batch whose end is missing is malformed."""
    raw, before = wire(good(uz)), uz.state()
    for at in range(0, len(raw), 7):
        assert deliver(uz, raw[:at]).code == "batch_malformed"
    assert uz.state() == before


def test_replayed_batch_gets_the_stored_answer(uz):
    """A batch that comes again changes nothing, and its answer is the former one to the byte."""
    one = good(uz)
    first = uz.take(Arrive(one))
    uz.world.clock.advance(60)
    before = uz.state()
    assert uz.take(Arrive(one)) == first
    assert uz.take(Arrive(one), Arrive(one)) == [first, first]
    assert uz.state() == before


def test_gap_is_answered_with_the_expected_index(uz):
    """A batch from the future changes nothing."""
    before = uz.state()
    one = replace(good(uz), start=5, checkpoint=uz.note(THEIRS, 7, b"\1" * 32))
    assert uz.take(Arrive(one)) == Expected(1)
    assert uz.state() == before


def test_fork_is_proven_and_stops_one_link(uz):
    """Two histories under true signatures: the proof convicts, this link stops, the answer repeats, KZ goes on."""
    held = uz.frontiers[THEIRS]
    uz.send([offer(10)])
    uz.frontiers[THEIRS] = held
    outcome = uz.take(Arrive(uz.batch([offer(20)])))
    assert isinstance(outcome, Forked)
    proof = fork.decode(outcome.proof)
    assert fork.convicts(proof, uz.engine.site.trust.author_verifiers(THEIRS))
    assert {row.halted for row in uz.store.logs() if "PK" in (row.author, row.reader)} == {"fork"}
    before = uz.state()
    assert uz.take(Arrive(uz.batch([offer(20)]))) == outcome
    assert isinstance(uz.say(1), Refusal)
    assert uz.state() == before
    assert uz.engine.site.reachable == {"KZ"}


MESSAGES = {
    "forged origin": ({"origin": "KZ/trader"}, "origin_forged"),
    "our own name as origin": ({"origin": "UZ/trader"}, "origin_forged"),
    "for somebody else": ({"destination": "KZ/agency"}, "not_addressed_here"),
    "31st of February": ({"created_at": "2026-02-31T00:00:00.000Z"}, "header_malformed"),
    "expiry in no calendar": ({"expires_at": "2026-13-01T00:00:00.000Z"}, "header_malformed"),
    "answer to nothing": ({"kind": "documents.refused"}, "unanswerable"),
    "longer path than allowed": ({"path": ("PK", *(f"X{number}" for number in range(15)), "UZ")}, "header_malformed"),
    "path that loops": ({"path": ("PK", "AF", "PK", "UZ")}, "path_loop"),
    "path to somebody else": ({"path": ("PK", "UZ", "AF")}, "path_end_wrong"),
}


@pytest.mark.parametrize(("changes", "code"), MESSAGES.values(), ids=MESSAGES)
def test_bad_message_is_set_aside(uz, changes, code):
    """In a good batch a bad message keeps its place, does nothing, and the ones beside it are handled."""
    uz.send([offer(10), offer(11, **changes), offer(12)])
    assert [row.code for row in uz.store.quarantined(9)] == [code]
    assert set(uz.store.cases([uuid(10), uuid(11), uuid(12)])) == {uuid(10), uuid(12)}
    uz.check_alive()


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"\xff",
        b"[" * 4_000,
        header(11, offer_body()) + b" ",
        header(11, offer_body()).replace(b'"version":1', b'"version":1.0'),
        header(11, offer_body()).replace(b'{"blind"', b'{"z":1,"blind"'),
        header(11, offer_body()).replace(b"2026-11-01", "٢٠٢٦-11-01".encode()),
    ],
    ids=["empty", "no UTF-8", "deep", "space", "float", "unknown field", "foreign digits"],
)
def test_unreadable_header_is_set_aside(uz, raw):
    """A header that is not canonical is kept as evidence and acted on by nobody."""
    uz.send([offer(10), (raw, offer_body()), offer(12)])
    assert len(uz.store.quarantined(9)) == 1
    assert uz.store.cases([uuid(11)]) == {}
    uz.check_alive()


REFUSED = {
    "unknown service": ({"kind": "gold.offer"}, "gold.refused"),
    "unknown kind": ({"kind": "documents.gift"}, "documents.refused"),
    "expired": ({"expires_at": "2026-10-01T00:00:00.000Z"}, "documents.refused"),
    "unknown party": ({"destination": "UZ/nobody"}, "documents.refused"),
}


@pytest.mark.parametrize(("changes", "kind"), REFUSED.values(), ids=REFUSED)
def test_good_message_nobody_can_act_on_is_answered(uz, changes, kind):
    """It is refused by a message back; no case comes of it."""
    size = uz.log().row.size
    uz.send([offer(11, **changes)])
    [(raw, _)] = uz.store.leaves(uz.log().row.id, size, size + 1, 1)
    assert f'"kind":"{kind}"'.encode() in raw
    assert uz.store.cases([uuid(11)]) == {}
    assert uz.store.quarantined(9) == []
    uz.check_alive()


@pytest.mark.parametrize("together", [False, True])
def test_same_message_over_another_lane(uz, together):
    """A message that comes twice, by two lanes, in one batch or in two, is handled once."""
    one, two = uz.batch([offer(10)]), uz.batch([offer(10)], BULK)
    parts = [[Arrive(one), Arrive(two)]] if together else [[Arrive(one)], [Arrive(two)]]
    outcomes = [outcome for part in parts for outcome in uz.engine.run(part)]
    assert all(isinstance(outcome, Cosigned) for outcome in outcomes)
    uz.frontiers = {THEIRS: uz.log(THEIRS).frontier, BULK: uz.log(BULK).frontier}
    assert uz.store.cases([uuid(10)])[uuid(10)].state == "arrived"
    assert len(uz.store.notices("UZ/agency", 0, 9)) == 1
    uz.check_alive()


def test_same_message_twice_in_a_batch(uz):
    """The second keeps its place and does nothing."""
    uz.send([offer(10), offer(10)])
    assert len(uz.store.notices("UZ/agency", 0, 9)) == 1
    uz.check_alive()


def test_expired_corridor_still_receives(uz):
    """Past the document's expiry a gateway takes what comes and sends nothing new."""
    uz.world.clock.advance(86_400 * 400)
    uz.send([offer(10)])
    refusal = uz.say(1)
    assert (refusal.code, refusal.transient) == ("corridor_expired", True)


def test_nobody_is_heard_before_catching_up(uz):
    """After a start, a neighbour's batch waits until it has said what it holds of ours; a file need not."""
    uz.engine = uz.world.engine("UZ", [], uz.store, seed=1)
    one, before = good(uz), uz.state()
    assert uz.take(Arrive(one)).code == "catching_up"
    assert uz.state() == before
    assert isinstance(uz.take(Arrive(one, carried=True)), Cosigned)


# --- as the reader of our log ---


def spoken(uz, count=3):
    """Let UZ say something; the newest checkpoint."""
    for number in range(count):
        uz.say(number)
    return uz.log().row.checkpoint


NOTES = {
    "no note": (lambda g, raw: b"hello", "note_malformed"),
    "not signed by the reader": (lambda g, raw: raw, "signature_missing"),
    "co-signed by a stranger": (lambda g, raw: g.cosigned(raw, STRANGER), "signature_missing"),
    "co-signed by another member": (
        lambda g, raw: g.cosigned(raw, g.world.keys["KZ"].witness, "KZ"),
        "signature_missing",
    ),
    "never signed by us": (lambda g, raw: g.cosigned(g.note(OURS, 9, b"\1" * 32)), "signature_missing"),
    "our signature false": (lambda g, raw: g.cosigned(damaged(raw)), "signature_false"),
    "of another log": (lambda g, raw: g.cosigned(g.note(THEIRS, 9, b"\1" * 32)), "origin_wrong"),
}


@pytest.mark.parametrize(("make", "code"), NOTES.values(), ids=NOTES)
def test_bad_word_on_what_is_held(uz, make, code):
    """A reader's false word on what it holds steers nothing."""
    raw = make(uz, spoken(uz))
    before = uz.state()
    assert uz.take(Settle(OURS, raw)).code == code
    assert uz.state() == before
    uz.check_alive()


@pytest.mark.parametrize(("make", "code"), NOTES.values(), ids=NOTES)
def test_bad_acknowledgement(uz, make, code):
    """A false acknowledgement acknowledges nothing."""
    raw = make(uz, spoken(uz))
    try:
        reply = parse(raw).signatures
    except DarwazaError:
        reply = ()
    before = uz.state()
    assert uz.take(Acknowledge(OURS, raw, reply)).code == code
    assert uz.state() == before
    uz.check_alive()


@pytest.mark.parametrize("size", [2, 9])
def test_acknowledgement_of_another_history(uz, size):
    """What both truly signed but is not in this log, past its end or with another root, is refused."""
    spoken(uz)
    raw = uz.cosigned(uz.engine.site.sign(OURS, size, b"\1" * 32))
    before = uz.state()
    assert uz.take(Acknowledge(OURS, raw, parse(raw).signatures)).code == "checkpoint_not_ours"
    assert uz.state() == before


def test_withheld_acknowledgement(uz):
    """Silence loses nothing: it stays unacknowledged, and a later answer counts."""
    raw = spoken(uz)
    uz.check_alive()
    assert uz.log().row.cosigned_size == 0
    full = uz.cosigned(raw)
    assert uz.take(Acknowledge(OURS, raw, parse(full).signatures)) == Delivered(4)
    assert uz.take(Acknowledge(OURS, raw, parse(full).signatures)) == Delivered(4)


def forgotten():
    """UZ with an empty disk, and PK with the batch it can give back."""
    known = Gateway()
    raw = spoken(known)
    entries = known.store.leaves(known.log().row.id, 0, 4, 1 << 20)
    uz = Gateway()
    uz.engine = uz.world.engine("UZ", [], MemoryStoreOf(uz), seed=1)
    return uz, batch.Batch(1, OURS, 0, known.cosigned(raw), entries)


def MemoryStoreOf(uz):  # noqa: N802 - reads like the constructor it is
    uz.store = type(uz.store)()
    return uz.store


GIVEN_BACK = {
    "from elsewhere": (lambda g, one: replace(one, start=1), "take_back_misplaced"),
    "not acknowledged": (
        lambda g, one: replace(one, checkpoint=g.engine.site.sign(OURS, 4, b"\1" * 32)),
        "signature_missing",
    ),
    "not ours": (lambda g, one: replace(one, checkpoint=g.cosigned(g.note(OURS, 4, b"\1" * 32))), "signature_missing"),
    "another root": (
        lambda g, one: replace(one, checkpoint=g.cosigned(g.engine.site.sign(OURS, 4, b"\1" * 32))),
        "root_wrong",
    ),
    "one left out": (lambda g, one: replace(one, entries=one.entries[:-1]), "batch_size_wrong"),
    "another body": (
        lambda g, one: replace(one, entries=[*one.entries[:-1], (one.entries[-1][0], b"other")]),
        "body_differs",
    ),
    "a log we only read": (lambda g, one: replace(one, origin=THEIRS), "log_unknown"),
}


@pytest.mark.parametrize(("make", "code"), GIVEN_BACK.values(), ids=GIVEN_BACK)
def test_bad_leaves_given_back(make, code):
    """Only our own signed leaves, whole and in their places, are taken back; the true ones still can be."""
    uz, one = forgotten()
    before = uz.state()
    assert uz.take(TakeBack(make(uz, one))).code == code
    assert uz.state() == before
    assert uz.take(Settle(OURS, one.checkpoint)) == Settled(None, 0)
    assert uz.take(TakeBack(one)) == Settled(None, 4)
    assert uz.take(Settle(OURS, one.checkpoint)) == Settled(4)


def proof_of(uz, **changes):
    fields = {"format": fork.FORMAT, "given": "", "given_leaf": "", "held": "", "held_leaf": "", "origin": OURS}
    return fork.encode(fork.ForkProof(**(fields | changes)))


PROOFS = {
    "noise": (lambda g: b"{", "fork_proof_malformed"),
    "too large": (lambda g: b" " * (fork.PROOF_BYTES_MAX + 1), "fork_proof_malformed"),
    "deep": (lambda g: b"[" * 100_000, "fork_proof_malformed"),
    "another format": (lambda g: proof_of(g, format="x"), "fork_proof_malformed"),
    "empty": (proof_of, "fork_proof_false"),
    "one history twice": (
        lambda g: proof_of(g, held=g.log().row.checkpoint.decode(), given=g.log().row.checkpoint.decode()),
        "fork_proof_false",
    ),
    "signed by others": (
        lambda g: proof_of(g, held=g.note(OURS, 4, b"\1" * 32).decode(), given=g.note(OURS, 4, b"\2" * 32).decode()),
        "fork_proof_false",
    ),
    "of another log": (lambda g: proof_of(g, origin=THEIRS), "fork_proof_false"),
}


@pytest.mark.parametrize(("make", "code"), PROOFS.values(), ids=PROOFS)
def test_false_accusation(uz, make, code):
    """What does not convict does not stop the link."""
    spoken(uz)
    before = uz.state()
    assert uz.take(AcceptFork(OURS, make(uz))).code == code
    assert uz.state() == before
    uz.check_alive()


# --- as a log that asks for a witness ---

FOREIGN = f"{CORRIDOR_NAME}/PK-to-KZ/0"


def request(uz, size, root, old_size=0, proof=(), origin=FOREIGN, key=None):
    point = Checkpoint(origin, size, root)
    return Request(old_size, proof, point, signed(point.text, Signer(origin, key or uz.keys.log)))


LEAF, OTHER = leaf_hash(b"a"), leaf_hash(b"b")
REQUESTS = {
    "no such corridor": ({"size": 1, "root": LEAF, "origin": "example.com/log"}, HTTPStatus.NOT_FOUND),
    "no such member": ({"size": 1, "root": LEAF, "origin": f"{CORRIDOR_NAME}/XX-to-KZ/0"}, HTTPStatus.NOT_FOUND),
    "our own log": ({"size": 1, "root": LEAF, "origin": OURS}, HTTPStatus.NOT_FOUND),
    "a log we read": ({"size": 1, "root": LEAF, "origin": THEIRS}, HTTPStatus.NOT_FOUND),
    "a stranger's key": ({"size": 2, "root": LEAF, "key": STRANGER}, HTTPStatus.FORBIDDEN),
    "rolled back": ({"size": 1, "root": LEAF, "old_size": 2}, HTTPStatus.BAD_REQUEST),
    "from another size": ({"size": 2, "root": LEAF, "old_size": 0}, HTTPStatus.CONFLICT),
    "same size, another root": ({"size": 1, "root": OTHER, "old_size": 1}, HTTPStatus.CONFLICT),
    "same size, with a proof": (
        {"size": 1, "root": OTHER, "old_size": 1, "proof": (OTHER,)},
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
    "not consistent": ({"size": 2, "root": LEAF, "old_size": 1, "proof": (OTHER,)}, HTTPStatus.UNPROCESSABLE_ENTITY),
    "empty with a root": ({"size": 0, "root": EMPTY_ROOT, "old_size": 1}, HTTPStatus.BAD_REQUEST),
}


@pytest.mark.parametrize(("changes", "status"), REQUESTS.values(), ids=REQUESTS)
def test_bad_request_to_a_witness(uz, changes, status):
    """A witness never signs what does not follow from what it signed before."""
    assert uz.take(Witness(request(uz, 1, LEAF))).status is HTTPStatus.OK
    before = uz.state()
    verdict = uz.take(Witness(request(uz, **changes)))
    assert (verdict.status, b"PK" in verdict.body) == (status, False)
    assert uz.state() == before
    uz.check_alive()


def test_a_witness_keeps_no_line_it_did_not_verify(uz):
    """A line under the witness's own name that came false with the request does not spoil what it keeps."""
    asked = request(uz, 1, LEAF)
    own = uz.engine.site.trust.cosigner(uz.engine.site.member)
    false = Signature(own.name, own.key_id, bytes(8 + 64))
    damaged = Note(asked.note.text, (*asked.note.signatures, false))
    assert uz.take(Witness(msgspec.structs.replace(asked, note=damaged))).status is HTTPStatus.OK
    kept = parse(uz.engine.store.witnessed(FOREIGN).note)
    assert false not in kept.signatures
    assert verified(kept, [own]) == (own,)


def test_many_strange_origins_take_no_memory(uz):
    """Names that do not exist are not remembered."""
    for number in range(100):
        uz.take(Witness(request(uz, 1, LEAF, origin=f"{CORRIDOR_NAME}/X{number:02d}-to-KZ/0")))
    assert len(uz.engine.site.trust._authors) < 20


def test_genesis_cannot_be_refused(uz):
    """Kinds of the link itself are taken silently, wherever they stand."""
    size = uz.log().row.size
    uz.send([(header(30, kind=GENESIS), b"")])
    assert uz.log().row.size == size
