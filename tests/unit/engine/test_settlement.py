"""Settling a fork: what both signed stands, what was given up can be checked, old proofs stop nothing again."""

import msgspec
import pytest
from tests.unit.engine.peer import OURS, THEIRS, Gateway, header, offer

from darwaza.engine import settlement as engine_settlement
from darwaza.engine.courier import Courier
from darwaza.engine.fsck import examine
from darwaza.engine.intake import AcceptFork, Arrive, Cosigned, Forked, Resume, Settle, Settled, TakeBack
from darwaza.errors import PeerError
from darwaza.kernel import batch, fork, settlement
from darwaza.kernel.checkpoint import Checkpoint, parse_checkpoint
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import decode_header
from darwaza.kernel.note import Signer, format_note, parse, signed
from darwaza.kernel.proof import Proof, format_proof
from darwaza.kernel.tile import frontier_at, inclusion_proof, root_at
from darwaza.ports.transport import ForkFound, Send
from darwaza.services.documents import SERVICE


@pytest.fixture
def uz():
    return Gateway()


def findings(uz, store=None):
    trust = uz.engine.site.trust
    return {one.code for one in examine(store or uz.store, member="UZ", trust=trust, services=[SERVICE])}


def records(uz, origin):
    found = []
    for log_id, index, raw in uz.store.case_leaves(settlement.case_of(origin)):
        assert decode_header(raw).kind == settlement.SETTLEMENT
        found.append(settlement.decode(uz.store.body(log_id, index)))
    return found


def second_history(uz):
    """PK sends one message and signs another one in its place; returns the batch of the other."""
    held = uz.frontiers[THEIRS]
    other = uz.batch([offer(20)])
    uz.send([offer(10)])
    assert uz.frontiers[THEIRS].size == held.size + 1
    return other


def test_a_reader_keeps_what_it_holds(uz):
    """The link goes on from there, and the operator's act is said to the neighbour and stays provable."""
    other = second_history(uz)
    assert isinstance(uz.take(Arrive(other)), Forked)
    assert uz.log(THEIRS).row.halted == uz.log(OURS).row.halted == engine_settlement.FORK
    held = uz.log(THEIRS).row
    uz.take(Resume(OURS, "UZ/operator", "letter 17"))
    (record,) = records(uz, THEIRS)
    assert (record.act, record.by, record.reason) == (settlement.KEPT, "UZ/operator", "letter 17")
    assert (record.agreed_size, record.checkpoint.encode()) == (held.size, held.checkpoint)
    assert len(record.proofs) == 1
    uz.check_alive()
    assert findings(uz) == set()


def test_a_settled_fork_stops_nothing_again(uz):
    """The same two histories shown again change nothing; another fork is another matter."""
    other = second_history(uz)
    uz.take(Arrive(other), Resume(OURS))
    before = uz.state()
    for carried in (False, True):
        assert uz.take(Arrive(other, carried=carried)).code == "fork_settled"
    assert uz.state() == before
    uz.check_alive()
    assert isinstance(uz.take(Arrive(second_history(uz))), Forked)
    assert len(uz.store.forks()) == 2
    assert uz.log(OURS).row.halted == engine_settlement.FORK


class Author:
    """UZ, of whose log PK holds another history than UZ: ``true`` is what both signed, as a batch."""

    def __init__(self, own=5):
        self.uz = uz = Gateway()
        uz.say(1)
        agreed = uz.log()
        uz.take(Settle(OURS, uz.cosigned(agreed.row.checkpoint)))
        self.agreed = agreed.row.size
        twin = Gateway()
        twin.engine = twin.world.engine("UZ", [SERVICE], twin.store, seed="another life")
        self.tree = agreed.frontier
        raw, body = self.message(twin)
        self.true_tree = self.tree.append_all([leaf_hash(raw)])
        point = Checkpoint(OURS, self.true_tree.size, self.true_tree.root())
        self.true_note = format_note(signed(point.text, Signer(OURS, uz.world.keys["UZ"].log)))
        self.true = batch.Batch(1, OURS, self.agreed, uz.cosigned(self.true_note), [(raw, body)])
        self.said = [uz.say(10 + number) for number in range(own)]

    @staticmethod
    def message(twin):
        twin.say(99)
        log = twin.log()
        return twin.store.leaves(log.row.id, log.row.size - 1, log.row.size, 1 << 20)[0]

    def proof(self):
        uz, index = self.uz, self.agreed
        row = uz.log().row

        def read_tile(level, number):
            return uz.store.tile(row.id, level, number)

        ours = Proof(index, inclusion_proof(index, row.size, read_tile), parse(row.checkpoint))
        path = tuple(self.tree.peaks[::-1])
        theirs = Proof(index, path, parse(self.true_note))
        raw, _ = self.true.entries[0]
        ((held, _),) = uz.store.leaves(row.id, index, index + 1, 1 << 20)
        return fork.encode(
            fork.ForkProof(
                fork.FORMAT,
                format_proof(ours).decode(),
                leaf_hash(held).hex(),
                format_proof(theirs).decode(),
                leaf_hash(raw).hex(),
                OURS,
            )
        )


def test_an_author_gives_up_what_the_reader_never_signed(monkeypatch):
    """It takes back the true history, sends its own once more behind it, and says in pieces what it gave up."""
    monkeypatch.setattr(engine_settlement, "SETTLEMENT_LEAVES", 2)
    author = Author()
    uz, proof = author.uz, author.proof()
    given_up = uz.log().row
    assert isinstance(uz.take(AcceptFork(OURS, proof)), Forked)
    uz.take(Resume(OURS, "UZ/operator", "an old disk"))
    pieces = records(uz, OURS)
    assert [(one.start, len(one.hashes())) for one in pieces] == [
        (author.agreed, 2), (author.agreed + 2, 2), (author.agreed + 4, 1)]  # fmt: skip
    assert {one.checkpoint.encode() for one in pieces} == {given_up.checkpoint}
    assert uz.log().row.exposed_size == author.agreed
    assert uz.take(AcceptFork(OURS, proof)).code == "fork_settled"
    while uz.take(Settle(OURS, author.true.checkpoint)) == Settled(None, None):
        pass
    assert uz.take(TakeBack(author.true)) == Settled(None, author.true_tree.size)
    while uz.take(Settle(OURS, author.true.checkpoint)) == Settled(None, None):
        pass
    row = uz.log().row
    assert row.cosigned_size == author.true_tree.size
    assert row.size == author.true_tree.size + len(author.said) + len(pieces)

    def read_tile(level, number):
        return uz.store.tile(row.id, level, number)

    assert root_at(author.true_tree.size, read_tile) == author.true_tree.root()
    tree = frontier_at(author.agreed, read_tile)
    for one in records(uz, OURS):
        tree = tree.append_all(one.hashes())
    assert (tree.size, tree.root()) == (given_up.size, parse_checkpoint(given_up.checkpoint)[0].root)
    assert findings(uz) == set()
    uz.check_alive()


def test_a_record_that_does_not_lead_to_what_was_signed_is_found():
    """Fsck checks the history that was given up against its author's signature."""
    author = Author()
    uz = author.uz
    uz.take(AcceptFork(OURS, author.proof()), Resume(OURS))
    assert findings(uz) == set()
    for change in ({"start": 0}, {"agreed_size": 999, "start": 999}, {"leaves": "AAAA"}, {"checkpoint": "x"}):
        store = uz.store.copy()
        leaves = store._tables.leaves[uz.log().row.id]
        (at,) = (at for at, leaf in enumerate(leaves) if decode_header(leaf.header).kind == settlement.SETTLEMENT)
        record = settlement.decode(leaves[at].body)
        leaves[at] = leaves[at]._replace(body=msgspec.json.encode(msgspec.structs.replace(record, **change)))
        found = findings(uz, store) - {"body_differs"}
        assert found in ({"settlement_unproven"}, {"root_differs"}), change


def test_a_stopped_author_shows_the_reader_what_parts():
    """Whoever finds a fork, both must stop: an author that found it itself shows it, until the reader has seen it."""
    author = Author()
    uz, courier = author.uz, Courier(author.uz.engine)
    uz.take(AcceptFork(OURS, author.proof()))

    def shown(now_s):
        return [one for one in courier.errands(now_s) if isinstance(one, Send)]

    (first,) = shown(0.0)
    assert (first.origin, first.start, first.end) == (OURS, author.agreed, uz.log().row.exposed_size)
    assert shown(0.1) == []
    assert courier.replied(first, PeerError("nobody is there", code="peer_silent"), 0.2) is None
    (again,) = shown(100.0)
    assert again.raw == first.raw
    assert courier.replied(again, ForkFound(b"{}"), 100.1) is None
    assert shown(200.0) == []


def test_a_neighbours_record_that_says_nothing_is_no_fault(uz):
    """What a neighbour writes into its own log changes nothing here, and this store stays sound."""
    for body in (b"{}", b"\xff", b"[" * 1_000):
        number = 30 + len(body)
        outcome = uz.send([(header(number, body, kind=settlement.SETTLEMENT), body)])
        assert isinstance(outcome, Cosigned)
    assert findings(uz) == set()
    uz.check_alive()
