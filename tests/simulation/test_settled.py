"""Two histories are proven, operators at both ends let the link go on: what both signed stands, nothing is lost."""

import pytest
from tests.simulation.test_two_histories import FORKED, Story

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.fsck import examine
from darwaza.engine.intake import Resume
from darwaza.kernel import settlement
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import decode_header
from darwaza.kernel.note import verified
from darwaza.kernel.tile import frontier_at
from darwaza.services.documents import SERVICE
from darwaza.testing.auditor import Memory
from darwaza.testing.world import CORRIDOR_NAME


class Settled(Story):
    """PK signs two histories; then either operator lets the link go on, in this order."""

    def __init__(self, seed):
        super().__init__(seed)
        self.simulation.mean_s = 40.0
        self.sent = set()

    def note(self):
        """Write down what PK has accepted for UZ so far, on this disk."""
        for message_id in self.simulation.auditor.memories["PK"].accepted:
            leaf = self.pk.store.leaf(f"PK {message_id}")
            if leaf is not None and decode_header(leaf.header).destination.startswith("UZ/"):
                self.sent.add(message_id)

    def resume(self, node, peer):
        origin = f"{CORRIDOR_NAME}/{node.code}-to-{peer}/0"
        node.submit(Resume(origin, f"{node.code}/operator", "letter 17"), lambda _: None)

    def settle(self, second, order):
        """Both resume; again for every lane that turns out to have two histories as well."""
        ends = {"PK": (self.pk, "UZ"), "UZ": (self.uz, "PK")}
        for turn in range(3):
            for number, code in enumerate(order):
                self.at(second + 6.0 * turn + 2.0 * number, self.resume, *ends[code])

    def logs(self, node):
        return {row.origin: row for row in node.store.logs() if row.origin in FORKED}

    def records(self, node):
        found = []
        for origin in sorted(FORKED):
            for log_id, index, raw in node.store.case_leaves(settlement.case_of(origin)):
                assert decode_header(raw).kind == settlement.SETTLEMENT
                found.append(settlement.decode(node.store.body(log_id, index)))
        return found

    def check_settled(self):
        """One history at both ends, every message of either once, the given-up one provable from either store."""
        pk, uz = self.logs(self.pk), self.logs(self.uz)
        for origin in FORKED:
            own, held = (pk, uz) if "/PK-to-" in origin else (uz, pk)
            assert (own[origin].halted, held[origin].halted) == ("", "")
            assert own[origin].size == own[origin].cosigned_size == held[origin].size
            assert own[origin].peaks == held[origin].peaks
        ids = [decode_header(leaf.header).id for node in (self.uz,) for origin, row in uz.items()
               if "/PK-to-" in origin for leaf in node.store.scan_leaves(row.id)]  # fmt: skip
        assert len(ids) == len(set(ids))
        assert self.sent <= set(ids)
        assert len(self.sent) >= 2
        for node in (self.pk, self.uz):
            assert examine(node.store, member=node.code, trust=self.simulation.trust, services=[SERVICE]) == []
        self.simulation.parties.check_agreed()

    def check_recorded(self, node):
        """A gateway holds what proves the history that was given up: what was signed, and every leaf under it."""
        records = self.records(node)
        assert {one.act for one in records} == {settlement.WITHDRAWN, settlement.KEPT}
        given_up = 0
        for one in (one for one in records if one.act == settlement.WITHDRAWN):
            assert (one.by, one.reason) == ("PK/operator", "letter 17")
            point, note = parse_checkpoint(one.checkpoint.encode())
            verified(note, self.simulation.trust.author_verifiers(one.log, past=True))
            row = self.logs(node)[one.log]
            tree = frontier_at(one.agreed_size, lambda level, number, at=row.id: node.store.tile(at, level, number))
            assert tree.append_all(one.hashes()).root() == point.root
            held = {leaf_hash(leaf.header) for leaf in node.store.scan_leaves(row.id)}
            given_up += len(set(one.hashes()) & held)
        assert given_up
        assert node.store.forks()


def forked(story, seed, *, second=True):
    story.at(2.0, story.back_up)
    story.at(2.1, story.say, 1 + seed % 3)
    story.at(2.69, story.note)
    story.at(2.7, story.write)
    story.at(2.8, story.lose)
    story.at(2.9, story.read)
    story.at(6.5, story.say, 1 + seed // 3 % 3)
    if second:
        story.at(7.1, story.note)
    story.at(7.2, story.write)
    story.at(7.5, story.mend)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("order", ["PK UZ", "UZ PK"])
def test_a_false_history_is_given_up(seed, order):
    """PK holds what UZ never signed: it goes behind what both signed, whoever lets the link go on first."""
    story = Settled(seed)
    forked(story, seed)
    story.settle(10.0, order.split())
    story.at(34.0, story.say, 1)
    story.simulation.run()
    story.check_settled()
    for node in (story.pk, story.uz):
        story.check_recorded(node)
    for code in ("KZ",):
        assert all(not row.halted for row in story.simulation.nodes[code].store.logs())


@pytest.mark.parametrize("seed", range(3))
def test_old_files_of_a_settled_fork_stop_nothing(seed):
    """Both sticks are read again, late: nothing changes and the link lives."""
    story = Settled(seed)
    forked(story, seed)
    story.settle(10.0, ["PK", "UZ"])
    for second, number in ((30.0, 0), (31.0, 1)):
        story.at(second, lambda number=number: story.simulation.read_stick(story.uz, story.kept[number]))
    story.at(9.0, lambda: setattr(story, "kept", [story.stick, story.second]))
    story.at(7.4, lambda: setattr(story, "second", story.simulation.sticks[-1][2]))
    story.at(34.0, story.say, 1)
    story.simulation.run()
    story.check_settled()


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_disk_is_thrown_away(seed):
    """PK's operator throws the wrong disk away and begins with keys alone: what UZ signed comes back."""
    story = Settled(seed)
    forked(story, seed, second=False)
    story.at(10.0, lambda: story.simulation.lose(story.pk, MemoryStore(), Memory()))
    story.settle(15.0, ["UZ", "PK"])
    story.at(36.0, story.say, 2)
    story.simulation.run()
    story.check_settled()
