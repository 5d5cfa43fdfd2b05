"""Each kind of damage to a store gives its finding, and a sound store gives none."""

import msgspec
import pytest
from tests.unit.engine.peer import BULK, OURS, THEIRS, Gateway, damaged, offer, uuid

from darwaza.engine import fsck
from darwaza.engine.fsck import examine
from darwaza.engine.intake import Acknowledge, Arrive, Witness
from darwaza.kernel.checkpoint import Checkpoint
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.note import Signer, parse, signed
from darwaza.kernel.witness import Request
from darwaza.ports.store import ForkRow, WitnessRow
from darwaza.services.documents import SERVICE
from darwaza.testing.world import CORRIDOR_NAME

replace = msgspec.structs.replace
FOREIGN = f"{CORRIDOR_NAME}/PK-to-KZ/0"


@pytest.fixture(scope="module")
def sound():
    """A gateway that has sent 300 messages, taken 300, had one acknowledgement, set one aside and witnessed."""
    uz = Gateway()
    for number in range(300):
        uz.say(number)
    raw = uz.log().row.checkpoint
    uz.take(Acknowledge(OURS, raw, parse(uz.cosigned(raw)).signatures))
    uz.say(300)
    uz.send([offer(number) for number in range(10, 309)])
    uz.send([offer(400), offer(400), offer(401, origin="KZ/x")])
    uz.send([offer(400)], BULK)
    point = Checkpoint(FOREIGN, 1, leaf_hash(b""))
    uz.take(Witness(Request(0, (), point, signed(point.text, Signer(FOREIGN, uz.keys.log)))))
    return uz


def check(gateway, store):
    return examine(store, member="UZ", trust=gateway.engine.site.trust, services=[SERVICE])


def test_sound_store(sound):
    """Nothing is found where nothing is wrong, and the progress ends where it should."""
    seen = []
    trust = sound.engine.site.trust
    found = examine(sound.store, member="UZ", trust=trust, services=[SERVICE], progress=lambda *step: seen.append(step))
    assert found == []
    total = sum(row.size for row in sound.store.logs())
    assert seen[-1] == (total, total)


def row_of(tables, origin):
    return next(row for row in tables.logs.values() if row.origin == origin)


def set_log(tables, origin, **changes):
    row = row_of(tables, origin)
    tables.logs[row.id] = replace(row, **changes)


def set_leaf(tables, origin, index, **changes):
    leaves = tables.leaves[row_of(tables, origin).id]
    leaves[index] = leaves[index]._replace(**changes)


def set_case(tables, **changes):
    case_id = next(iter(tables.cases))
    tables.cases[case_id] = tables.cases[case_id]._replace(**changes)


def set_note(tables, origin, make):
    notes = tables.checkpoints[row_of(tables, origin).id]
    size = max(notes)
    notes[size] = make(notes[size])


def put_given_back(tables, cause, key):
    tables.given_back[key] = cause
    tables.caused.setdefault(cause, set()).add(key)


def cut_leaf(tables):
    del tables.leaves[row_of(tables, THEIRS).id][7]


def cut_tail(tables):
    tables.leaves[row_of(tables, THEIRS).id].pop()


def flip_tile(level, number):
    def damage(tables):
        tiles = tables.tiles[row_of(tables, THEIRS).id]
        tiles[level, number] = bytes([tiles[level, number][0] ^ 1]) + tiles[level, number][1:]

    return damage


def forget_receipt(tables):
    row = row_of(tables, OURS)
    tables.checkpoints[row.id].pop(row.cosigned_size)
    tables.sizes[row.id].remove(row.cosigned_size)


def checkpoint_past_end(tables):
    row = row_of(tables, OURS)
    tables.checkpoints[row.id][999] = row.checkpoint
    tables.sizes[row.id].append(999)


def misplace_checkpoint(tables):
    set_note(tables, OURS, lambda note: row_of(tables, OURS).checkpoint)


def hide_case(tables):
    case_id = next(iter(tables.cases))
    tables.parties -= {row for row in tables.parties if row.case_id == case_id}


def twin_key(tables):
    leaves = tables.leaves[row_of(tables, THEIRS).id]
    leaves[5] = leaves[5]._replace(message_key=leaves[6].message_key)


DAMAGE = {
    "a header's byte": (lambda t: set_leaf(t, THEIRS, 5, header=b"{}"), {"header_wrong", "root_differs"}),
    "a body's byte": (lambda t: set_leaf(t, THEIRS, 5, body=b"other"), {"body_differs"}),
    "a case id": (lambda t: set_leaf(t, THEIRS, 5, case_id=uuid(1)), {"case_differs"}),
    "a key": (lambda t: set_leaf(t, THEIRS, 5, message_key="PK x"), {"key_wrong", "key_not_unique"}),
    "a key twice": (twin_key, {"key_wrong", "key_not_unique"}),
    "a leaf is gone": (cut_leaf, {"leaf_missing"}),
    "the last leaf is gone": (cut_tail, {"size_differs", "checkpoint_misplaced"}),
    "a full tile": (flip_tile(0, 0), {"tile_differs"}),
    "a partial tile": (flip_tile(0, 1), {"tile_differs"}),
    "a tile above": (flip_tile(1, 0), {"tile_differs"}),
    "the peaks": (lambda t: set_log(t, THEIRS, peaks=b"\0" * 32), {"peaks_differ"}),
    "the size": (lambda t: set_log(t, OURS, size=303), {"size_differs"}),
    "the lane": (lambda t: set_log(t, OURS, lane=3), {"log_misnamed"}),
    "somebody else's log": (lambda t: set_log(t, OURS, author="KZ", reader="PK"), {"log_misnamed"}),
    "acknowledged but not exposed": (lambda t: set_log(t, OURS, exposed_size=3), {"sizes_contradict"}),
    "read but not acknowledged": (lambda t: set_log(t, THEIRS, cosigned_size=3), {"sizes_contradict"}),
    "the newest checkpoint is false": (
        lambda t: set_log(t, OURS, checkpoint=damaged(row_of(t, OURS).checkpoint)),
        {"checkpoint_wrong"},
    ),
    "the newest checkpoint is gone": (lambda t: set_log(t, OURS, checkpoint=b""), {"checkpoint_wrong"}),
    "a stored checkpoint is false": (lambda t: set_note(t, OURS, damaged), {"checkpoint_wrong"}),
    "a stored checkpoint is noise": (lambda t: set_note(t, THEIRS, lambda note: b"x"), {"checkpoint_wrong"}),
    "a stored checkpoint is another's": (misplace_checkpoint, {"checkpoint_misplaced", "checkpoint_wrong"}),
    "a checkpoint past the end": (checkpoint_past_end, {"checkpoint_misplaced"}),
    "the receipt is gone": (forget_receipt, {"receipt_missing"}),
    "a case's data": (lambda t: set_case(t, data=b"\xc1"), {"case_unreadable"}),
    "a case's reminder": (lambda t: set_case(t, remind_at="soon"), {"case_unreadable"}),
    "a case's state": (lambda t: set_case(t, state="lost"), {"state_unknown"}),
    "a case's service": (lambda t: set_case(t, service="gold"), {"service_unknown"}),
    "a case nobody can find": (hide_case, {"case_unfindable"}),
    "given back, but no such message": (lambda t: put_given_back(t, uuid(1), "UZ " + uuid(2)), {"given_back_dangling"}),
    "a proof that proves nothing": (
        lambda t: t.forks.append(ForkRow(row_of(t, THEIRS).id, "2026-11-01T06:00:00.000Z", b"{}")),
        {"fork_unproven"},
    ),
    "stopped without a proof": (lambda t: set_log(t, THEIRS, halted="fork"), {"halt_unproven"}),
    "a witnessed note is false": (
        lambda t: t.witnessed.update({FOREIGN: WitnessRow(FOREIGN, 1, b"x")}),
        {"checkpoint_wrong"},
    ),
    "a witnessed size": (
        lambda t: t.witnessed.update({FOREIGN: t.witnessed[FOREIGN]._replace(size=2)}),
        {"checkpoint_misplaced"},
    ),
}


@pytest.mark.parametrize(("damage", "codes"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_found(sound, damage, codes):
    """Whatever is wrong has its name; what follows from it may be named too."""
    store = sound.store.copy()
    damage(store._tables)
    found = {finding.code for finding in check(sound, store)}
    assert found >= codes


def test_given_back_that_waits_is_sound(sound):
    """An own message given back that still waits for the next word on its case is no fault."""
    store = sound.store.copy()
    leaf = store._tables.leaves[row_of(store._tables, OURS).id][1]
    put_given_back(store._tables, "case " + leaf.case_id, leaf.message_key)
    assert check(sound, store) == []


def test_given_back_that_waits_in_vain():
    """One that waits for a message that has come already is found."""
    uz = Gateway()
    size = uz.log().row.size
    uz.send([offer(11, destination="UZ/nobody")])
    leaf = uz.store._tables.leaves[uz.log().row.id][size]
    put_given_back(uz.store._tables, uuid(11), leaf.message_key)
    assert [finding.code for finding in check(uz, uz.store)] == ["given_back_stale"]


def test_fork_with_its_proof_is_sound(sound):
    """A stopped link with a proof that convicts is as it should be."""
    uz = Gateway()
    held = uz.frontiers[THEIRS]
    uz.send([offer(10)])
    uz.frontiers[THEIRS] = held
    uz.take(Arrive(uz.batch([offer(20)])))
    assert uz.store.forks()
    assert check(uz, uz.store) == []


def test_hopeless_store_is_not_described_for_ever(sound, monkeypatch):
    """The list ends at its limit."""
    monkeypatch.setattr(fsck, "FINDINGS_MAX", 5)
    store = sound.store.copy()
    for index in range(50):
        set_leaf(store._tables, THEIRS, index, body=b"other")
    assert len(check(sound, store)) == 5
