"""What may come as the next version of the corridor document, and what a corridor asks of signatures."""

import msgspec
import pytest
from tests.unit.engine.peer import Gateway, damaged, offer

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.fsck import examine
from darwaza.engine.intake import Acknowledge, Adopt, Arrive, Settle, Settled, TakeBack
from darwaza.kernel.amendment import propose
from darwaza.kernel.batch import Batch
from darwaza.kernel.encoding import to_base64
from darwaza.kernel.note import NOTE_BYTES_MAX, Note, Signer, format_note, parse, signed
from darwaza.services.documents import SERVICE
from darwaza.testing.world import SeededKeys, sign_document

replace = msgspec.structs.replace
LOW_ORDER = bytes(32)
"""y = 0: a point of order 4; whoever has it in its card could deny every signature."""


@pytest.fixture
def uz():
    made = Gateway()
    yield made
    assert examine(made.store, member="UZ", trust=made.engine.site.trust, services=[SERVICE]) == []


def good(uz):
    """PK's own change of its log key, which needs no vote but its own."""
    keys = SeededKeys("PK")
    keys.log = SeededKeys("PK", generation=1).log
    changed = propose(uz.world.document, created_at=uz.world.clock.now(), votes=["PK"], cards=[keys.card("PK")])
    return sign_document(changed, uz.world.document, {**uz.world.keys, "PK": keys})


def rewritten(uz, before, after):
    """The good one with other words, signed again by the vote and log keys of PK."""
    note = parse(good(uz))
    text = note.text.replace(before, after)
    assert text != note.text
    keys = SeededKeys("PK")
    names = [line.name for line in note.signatures]
    return format_note(signed(text, *(Signer(name, keys.vote) for name in dict.fromkeys(names))))


def new_log_key(uz):
    return to_base64(SeededKeys("PK", generation=1).log.public.raw)


def unsigned(raw):
    note = parse(raw)
    return format_note(Note(note.text, note.signatures[:1]))


DOCUMENTS = {
    "low-order key": (lambda g: rewritten(g, new_log_key(g), to_base64(LOW_ORDER)), "key_not_admitted"),
    "somebody else's key": (
        lambda g: rewritten(g, new_log_key(g), to_base64(g.world.keys["KZ"].log.public.raw)),
        "key_reused",
    ),
    "signature false": (lambda g: damaged(good(g)), "signature_false"),
    "a signature left out": (lambda g: unsigned(good(g)), "signature_missing"),
    "a version too far": (lambda g: rewritten(g, '"version":2', '"version":3'), "version_skipped"),
    "another corridor": (lambda g: rewritten(g, "darwaza.example/test", "darwaza.example/toast"), "name_differs"),
    "too large": (lambda _: bytes(NOTE_BYTES_MAX + 1), "note_too_large"),
    "noise": (lambda _: b"hello", "note_malformed"),
    "deep": (lambda g: rewritten(g, "{", "[" * 4_000), "corridor_malformed"),
}


@pytest.mark.parametrize(("make", "code"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_false_version_changes_nothing(uz, make, code):
    """It is refused with its code; the version before stays in force, the link lives, and the true one is admitted."""
    before = uz.state()
    assert uz.take(Adopt(make(uz))).code == code
    assert uz.state() == before
    assert uz.engine.site.trust.current.version == 1
    uz.check_alive()
    assert uz.take(Adopt(good(uz))) == 2


def test_the_version_in_force_again_changes_nothing(uz):
    """Whoever brings it twice, late or by file is answered alike."""
    assert uz.take(Adopt(uz.world.file)) == 1
    before = uz.state()
    assert uz.take(Adopt(uz.world.file)) == 1
    assert uz.state() == before


@pytest.fixture
def strict():
    """UZ's gateway in a corridor that asks for a second, post-quantum signature under every checkpoint."""
    return Gateway(post_quantum=True)


def test_a_batch_without_the_second_signature_is_refused(strict):
    """Whoever breaks Ed25519 alone writes no log: the first line, however true, does not count."""
    one = strict.batch([offer(10)])
    weak = Note(parse(one.checkpoint).text, parse(one.checkpoint).signatures[:1])
    before = strict.state()
    for raw, code in ((format_note(weak), "signature_weak"), (damaged_second(one.checkpoint), "signature_false")):
        assert strict.take(Arrive(replace(one, checkpoint=raw))).code == code
        assert strict.state() == before
    strict.check_alive()


def damaged_second(raw):
    first, second = parse(raw).signatures
    broken = replace(second, value=second.value[:-1] + bytes([second.value[-1] ^ 1]))
    return format_note(Note(parse(raw).text, (first, broken)))


def weak_words(strict):
    """What the reader may say of two messages of ours, with our second line left out; our log's two lines."""
    strict.say(1)
    strict.say(2)
    row = strict.log().row
    full = parse(strict.cosigned(row.checkpoint))
    return format_note(Note(full.text, (full.signatures[0], full.signatures[-1]))), full.signatures


def kept_names(strict):
    row = strict.log().row
    assert row.cosigned_size == row.size
    kept = parse(strict.store.checkpoint_from(row.id, row.size).note)
    return sorted((line.name, line.key_id) for line in kept.signatures)


def names(lines):
    return sorted((line.name, line.key_id) for line in lines)


@pytest.mark.parametrize("how", ["asked", "by file", "taken back"])
def test_a_reader_cannot_weaken_our_evidence(strict, how):
    """It may leave our second signature out of what it says it holds; what we keep has it all the same."""
    weak, lines = weak_words(strict)
    origin = strict.log().row.origin
    if how == "asked":
        strict.take(Settle(origin, weak))
    elif how == "by file":
        strict.take(Acknowledge(origin, weak, (lines[-1],)))
    else:
        row = strict.log().row
        entries = strict.store.leaves(row.id, 0, row.size, 1 << 20)
        strict.store = MemoryStore()
        strict.engine = strict.world.engine("UZ", [SERVICE], strict.store, seed=1)
        assert strict.take(Settle(origin, weak)) == Settled(None, 0)
        assert strict.take(TakeBack(Batch(1, origin, 0, weak, entries))) == Settled(None, len(entries))
    assert kept_names(strict) == names(lines)
