"""What only the in-memory store does: refuse misuse, copy itself, and fail on purpose."""

import msgspec
import pytest
from tests.contract.rows import case, dump, filled, leaf, log, notice, party

from darwaza.adapters.memory.store import MemoryStore
from darwaza.errors import FatalError, InvariantError, PushbackError
from darwaza.ports.store import Changes, FactRow, PartyRow, QuarantineRow, TileRow


@pytest.fixture
def store():
    made = MemoryStore()
    made.commit(filled(1, 3, exposed_size=2))
    made.commit(Changes(cases={"a": case("a", 1)}))
    return made


MISUSE = {
    "a gap in a log": Changes(logs={1: log(1, 5)}, leaves=[leaf(1, 4)]),
    "a leaf over another": Changes(logs={1: log(1, 3)}, leaves=[leaf(1, 2, key="PK new")]),
    "leaves of an unknown log": Changes(leaves=[leaf(2, 0)]),
    "a log that states a wrong size": Changes(logs={1: log(1, 4)}),
    "a log that does not tell of its new leaf": Changes(leaves=[leaf(1, 3)]),
    "a log that becomes another": Changes(logs={1: msgspec.structs.replace(log(1, 3), author="KZ")}),
    "a log under another id": Changes(logs={2: log(1, 3)}),
    "forgetting what has left": Changes(truncate=[(1, 1)], logs={1: log(1, 1)}),
    "a tile with half a hash": Changes(tiles={(1, 0, 0): TileRow(1, 0, 0, b"h" * 33)}),
    "a tile of a tree too high": Changes(tiles={(1, 5, 0): TileRow(1, 5, 0, b"h" * 32)}),
    "a tile under another place": Changes(tiles={(1, 0, 1): TileRow(1, 0, 0, b"h" * 32)}),
    "a case that becomes another": Changes(cases={"a": case("a", 2)}),
    "a case of another service": Changes(cases={"a": case("a", 1, service="transit")}),
    "a party of an unknown case": Changes(parties=[PartyRow("PK/bank", "", "", "b")]),
    "a party of another service": Changes(parties=[party("PK/bank", case("a", 1, service="transit"))]),
    "a party of another time": Changes(parties=[party("PK/bank", case("a", 2))]),
    "a fact under another name": Changes(facts={("U", "paid"): FactRow("U", "weighed", b"", None, "a", "")}),
    "quarantine of no leaf": Changes(quarantine=[QuarantineRow(1, 3, "code", "", "")]),
    "a notice out of sequence": Changes(notices=[notice(2, "PK/bank")]),
    "text for bytes": Changes(leaves=[leaf(1, 3, body="text")], logs={1: log(1, 4)}),
    "bytes that may change": Changes(leaves=[leaf(1, 3, body=bytearray(b"body"))], logs={1: log(1, 4)}),
    "a row that is none": Changes(parties=[("PK/bank", "", "a")]),
    "a small value of text": Changes(meta={"a": "text"}),
}


@pytest.mark.parametrize("changes", MISUSE.values(), ids=MISUSE)
def test_misuse_is_refused_and_changes_nothing(store, changes):
    """What a database would let pass shows in a simulation."""
    before = dump(store)
    with pytest.raises(InvariantError):
        store.commit(changes)
    assert dump(store) == before


def test_a_copy_is_a_backup(store):
    """Neither sees what the other commits later; a restored backup goes on from where it was taken."""
    backup = store.copy()
    before = dump(store)
    store.commit(Changes(logs={1: log(1, 4)}, leaves=[leaf(1, 3)], notices=[notice(1, "PK/bank")]))
    store.commit(Changes(truncate=[(1, 2)], logs={1: log(1, 2)}))
    assert dump(backup) == before
    later = dump(store)
    backup.commit(Changes(meta={"a": b"1"}, cases={"a": case("a", 1, state="settled")}))
    assert dump(store) == later
    assert backup.cases(["a"])["a"].state == "settled"


@pytest.mark.parametrize("applied", [True, False])
def test_a_commit_may_fail_as_a_disk_does(store, applied):
    """The commit raises, the store refuses use, and a restarted process finds it or does not."""
    store.fail_next(FatalError("power cut"), applied=applied)
    with pytest.raises(FatalError, match="power cut"):
        store.commit(Changes(meta={"a": b"1"}))
    with pytest.raises(FatalError):
        store.meta("a")
    assert store.copy().meta("a") == (b"1" if applied else None)


def test_a_commit_may_be_pushed_back(store):
    """Nothing is stored and the store can be used on."""
    store.fail_next(PushbackError("the disk is full", retry_after_s=5.0, code="disk_full"))
    with pytest.raises(PushbackError):
        store.commit(Changes(meta={"a": b"1"}))
    assert store.meta("a") is None
    store.commit(Changes(meta={"a": b"2"}))
    assert store.meta("a") == b"2"


def test_a_pushed_back_commit_is_never_applied(store):
    with pytest.raises(InvariantError):
        store.fail_next(PushbackError("the disk is full", retry_after_s=5.0), applied=True)
