"""The adapters agree: random batches into each of them, and everything they give back is equal."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.contract.rows import case, dump, instant, leaf, log, notice, party, tiles

from darwaza.adapters.memory.store import MemoryStore
from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.errors import InvariantError
from darwaza.ports.store import (
    AnswerRow,
    CaseFilter,
    Changes,
    CheckpointRow,
    FactRow,
    ForkRow,
    QuarantineRow,
    WitnessRow,
)

LOGS = st.sampled_from([1, 2])
CASES = st.sampled_from(["case", "a", "b", "ж", "z'\""])
PARTIES = st.sampled_from(["PK/bank", "UZ/bank", "PK/customs"])
UCRS = st.sampled_from([None, "UCR1", "UCR2"])
FACTS = st.sampled_from([("UCR1", "duty paid"), ("UCR2", "duty paid"), ("UCR1", "guarantee accepted")])
SECONDS = st.integers(0, 6)
BLOBS = st.binary(max_size=40)
ORIGINS = st.sampled_from(["example.org/far", "example.org/1", "example.org/2"])
KEYS = st.sampled_from(["PK lost", "PK a", "PK b"])
CAUSES = st.sampled_from(["cause", "other"])
STATES = st.sampled_from(["sent", "settled"])


def few(items):
    return st.lists(items, max_size=3)


class Adapters(RuleBasedStateMachine):
    """The SQLite store beside the in-memory one."""

    def __init__(self):
        super().__init__()
        quick = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=quick if quick.is_dir() else None))
        self.memory = MemoryStore()
        self.sqlite = SqliteStore.create(self.folder / "gateway.db")
        self.opened = {}
        self.messages = 0

    def teardown(self):
        self.sqlite.close()
        shutil.rmtree(self.folder)

    def commit(self, changes):
        """Both take it, or both refuse it."""
        outcomes = []
        for store in (self.memory, self.sqlite):
            try:
                store.commit(changes)
            except InvariantError:
                outcomes.append("refused")
            else:
                outcomes.append("stored")
        assert len(set(outcomes)) == 1
        return outcomes[0]

    def extend(self, changes, log_id, keep, count, data):
        """Let a log forget what lies past ``keep`` leaves and append ``count``."""
        size = len(list(self.memory.scan_leaves(log_id)))
        kept = min(keep, size)
        if kept < size:
            changes.truncate.append((log_id, kept))
        for index in range(kept, kept + count):
            self.messages += 1
            key = f"PK {self.messages}"
            changes.leaves.append(leaf(log_id, index, key=key, case=data.draw(CASES), body=data.draw(BLOBS)))
        changes.logs[log_id] = log(log_id, kept + count, checkpoint=data.draw(BLOBS))
        if data.draw(st.booleans()):
            changes.tiles.update(tiles(log_id, kept + count, str(self.messages)))
        sizes = data.draw(few(st.integers(0, kept + count)))
        changes.checkpoints += [CheckpointRow(log_id, at, data.draw(BLOBS)) for at in sizes]

    @rule(log_id=LOGS, keep=st.integers(0, 600), count=st.sampled_from([0, 1, 3, 255, 300]), data=st.data())
    def messages_and_trees(self, log_id, keep, count, data):
        changes = Changes()
        self.extend(changes, log_id, keep, count, data)
        assert self.commit(changes) == "stored"

    @rule(ids=few(CASES), data=st.data())
    def cases_and_their_parties(self, ids, data):
        changes = Changes()
        for name in ids:
            opened = self.opened.setdefault(name, data.draw(SECONDS))
            remind = data.draw(st.none() | SECONDS)
            row = case(name, opened, state=data.draw(STATES), data=data.draw(BLOBS), ucr=data.draw(UCRS))
            changes.cases[name] = row._replace(remind_at=None if remind is None else instant(remind))
            changes.parties += [party(address, row) for address in data.draw(few(PARTIES))]
            changes.awaits[name] = tuple(data.draw(few(FACTS)))
        assert self.commit(changes) == "stored"

    @rule(
        facts=st.dictionaries(FACTS, st.tuples(BLOBS, CASES), max_size=3),
        witnessed=few(st.builds(WitnessRow, ORIGINS, st.integers(0, 9), BLOBS)),
        given_back=few(st.tuples(CAUSES, KEYS)),
        given_back_used=few(KEYS),
        documents=few(st.tuples(st.integers(1, 5), BLOBS)),
        meta=st.dictionaries(st.sampled_from(["member", "a", "b"]), BLOBS, max_size=3),
        forks=few(st.builds(ForkRow, LOGS, SECONDS.map(instant), BLOBS)),
    )
    def rows_that_replace(self, facts, **others):
        rows = {key: FactRow(*key, value, None, case_id, "") for key, (value, case_id) in facts.items()}
        assert self.commit(Changes(facts=rows, **others)) == "stored"

    @rule(answered=few(st.tuples(PARTIES, st.sampled_from(["key", "a", "b"]))), said=BLOBS)
    def answers(self, answered, said):
        """Refused when a command is answered already, or twice in the batch."""
        new = len(set(answered)) == len(answered) and not self.memory.answers(answered)
        rows = [AnswerRow(*command, b"d", said, "") for command in answered]
        assert self.commit(Changes(answers=rows, meta={"a": said})) == ("stored" if new else "refused")

    @rule(addresses=few(PARTIES))
    def notices(self, addresses):
        first = self.memory.notice_sequence() + 1
        assert self.commit(Changes(notices=[notice(at, who) for at, who in enumerate(addresses, first)])) == "stored"

    @rule(log_id=LOGS, at=st.integers(0, 20), second=SECONDS)
    def quarantine(self, log_id, at, second):
        if self.memory.body(log_id, at) is not None:
            row = QuarantineRow(log_id, at, "code", str(second), instant(second))
            assert self.commit(Changes(quarantine=[row])) == "stored"

    @rule(log_id=LOGS, at=st.integers(0, 300), data=st.data())
    def a_message_again(self, log_id, at, data):
        """The same key a second time is refused with all that comes with it."""
        stored = list(self.memory.scan_leaves(log_id))
        if stored:
            changes = Changes(meta={"member": b"not this"})
            self.extend(changes, log_id, len(stored), 2, data)
            changes.leaves[-1] = changes.leaves[-1]._replace(message_key=stored[at % len(stored)].message_key)
            assert self.commit(changes) == "refused"

    @rule()
    def restart(self):
        self.sqlite.close()
        self.memory = self.memory.copy()
        self.sqlite = SqliteStore(self.folder / "gateway.db")

    @rule()
    def maintain(self):
        self.sqlite.maintain()

    @rule()
    def restore_a_backup(self):
        """A backup is the whole store."""
        self.sqlite.backup(self.folder / "backup")
        self.sqlite.close()
        (self.folder / "backup").replace(self.folder / "gateway.db")
        self.memory = self.memory.copy()
        self.sqlite = SqliteStore(self.folder / "gateway.db")

    @rule(
        who=st.none() | PARTIES, other=st.none() | PARTIES, states=few(STATES), ucr=UCRS, first=SECONDS, after=SECONDS
    )
    def lists_agree(self, *, who, other, states, ucr, first, after):
        wanted = CaseFilter(
            party=who,
            counterparty=other,
            states=tuple(states),
            ucr=ucr,
            opened_from=instant(first),
            after=(instant(after), "b"),
            items_max=2,
        )
        assert self.sqlite.find_cases(wanted) == self.memory.find_cases(wanted)

    @invariant()
    def all_they_hold_is_equal(self):
        assert dump(self.sqlite) == dump(self.memory)


Adapters.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAdapters = Adapters.TestCase
