"""A neighbour with true keys and no manners: it signs whatever a test asks it to. UZ is the gateway it faces."""

import msgspec

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.intake import Arrive, Cosigned, Recollect, Settle, Submit
from darwaza.kernel import batch, instant
from darwaza.kernel.checkpoint import Checkpoint, Cosigner, MLDSA44Cosigner
from darwaza.kernel.merkle import EMPTY, leaf_hash
from darwaza.kernel.message import GENESIS, Header, body_digest, encode_header
from darwaza.kernel.note import Note, Signer, format_note, parse, signed
from darwaza.services.documents import SERVICE
from darwaza.services.documents.message import OFFER, OFFER_MEDIA_TYPE, Manifest, Offer, digest_of, write_offer
from darwaza.testing.world import CORRIDOR_NAME, World

CODES = ("KZ", "PK", "UZ")
OURS = f"{CORRIDOR_NAME}/UZ-to-PK/0"
THEIRS = f"{CORRIDOR_NAME}/PK-to-UZ/0"
BULK = f"{CORRIDOR_NAME}/PK-to-UZ/1"
UUID = "01900000-0000-7000-8000-{:012d}"


def uuid(number):
    return UUID.format(number)


def header(number, body=b"", **changes):
    """A good header of PK's; ``changes`` by field name."""
    fields = {
        "blind": f"{number:032x}",
        "body_bytes": len(body),
        "body_digest": body_digest(body, OFFER_MEDIA_TYPE),
        "case_id": uuid(number),
        "created_at": "2026-11-01T06:00:00.000Z",
        "destination": "UZ/agency",
        "id": uuid(number),
        "kind": OFFER,
        "media_type": OFFER_MEDIA_TYPE,
        "origin": "PK/trader",
        "version": 1,
    }
    return encode_header(Header(**(fields | changes)))


def offer_body(content=b"<bill/>"):
    manifest = Manifest(
        bytes=len(content), digest=digest_of(content), filename="b.xml", media_type="application/xml", title="A bill"
    )
    return write_offer(manifest, content)


def offer(number, **changes):
    """A good message: header and body."""
    body = offer_body()
    return header(number, body, **changes), body


class Gateway:
    """UZ under test, with PK as the test wants it.

    Attributes:
        engine: UZ's.
        frontiers: PK's trees as it last sent them, by origin.
    """

    def __init__(self, met=("PK", "KZ"), **terms):
        """Start UZ in a corridor on these terms, and let it meet neighbours."""
        self.world = World(CODES, **terms)
        self.store = MemoryStore()
        self.engine = self.world.engine("UZ", [SERVICE], self.store)
        self.keys = self.world.keys["PK"]
        self.frontiers = {THEIRS: EMPTY, BULK: EMPTY}
        for code in met:
            self.meet(code)
        for number, origin in enumerate(self.frontiers):
            self.send([(header(number, kind=GENESIS), b"")], origin)

    def meet(self, code):
        """Let a neighbour say that it holds nothing of UZ's, and that UZ has signed for nothing of its own."""
        for lane in range(2):
            self.take(Settle(f"{CORRIDOR_NAME}/UZ-to-{code}/{lane}", b""))
            self.take(Recollect(f"{CORRIDOR_NAME}/{code}-to-UZ/{lane}", b""))

    def take(self, *given):
        """Give the engine inputs; one outcome comes back bare."""
        outcomes = self.engine.run(given)
        return outcomes[0] if len(outcomes) == 1 else outcomes

    def note(self, origin, size, root, key=None):
        """A checkpoint signed by PK, or by another key under its name."""
        second = () if self.keys.log_mldsa44 is None else (MLDSA44Cosigner(origin, self.keys.log_mldsa44),)
        return format_note(signed(Checkpoint(origin, size, root).text, Signer(origin, key or self.keys.log), *second))

    def batch(self, entries, origin=THEIRS, **changes):
        """The batch that continues PK's log; ``changes`` by field name."""
        before = self.frontiers[origin]
        after = before.append_all([leaf_hash(raw) for raw, _ in entries])
        fields = {
            "version": 1,
            "origin": origin,
            "start": before.size,
            "checkpoint": self.note(origin, after.size, after.root()),
            "entries": [tuple(entry) for entry in entries],
        }
        return batch.Batch(**(fields | changes))

    def send(self, entries, origin=THEIRS):
        """Send what continues PK's log, and believe that it was taken."""
        one = self.batch(entries, origin)
        outcome = self.take(Arrive(one))
        assert isinstance(outcome, Cosigned), outcome
        self.frontiers[origin] = self.frontiers[origin].append_all([leaf_hash(raw) for raw, _ in entries])
        return outcome

    def say(self, number):
        """UZ sends PK a document."""
        body = Offer("PK/agency", "A bill", "bill.xml", "application/xml", b"%d" % number)
        return self.take(Submit("UZ/trader", frozenset(), "documents", "offer", f"k{number}", b"%032d" % number, body))

    def log(self, origin=OURS):
        return self.engine.find_log(origin)

    def cosigned(self, raw, key=None, member="PK"):
        """A note with a reader's line added."""
        line = Cosigner(f"{CORRIDOR_NAME}/{member}", key or self.keys.witness).sign(
            parse(raw).text.encode(), instant.to_seconds(self.world.clock.now())
        )
        note = parse(raw)
        return format_note(Note(note.text, (*note.signatures, line)))

    def state(self):
        """Everything that is stored, to be compared."""
        return self.store.copy()._tables

    def check_alive(self):
        """A good message still gets through, and one of ours can still be said."""
        number = 900_000 + self.frontiers[THEIRS].size
        self.send([offer(number)])
        assert self.store.cases([uuid(number)])[uuid(number)].state == "arrived"
        assert self.say(number).state == "offered"


def damaged(raw):
    """A note whose first signature is false."""
    note = parse(raw)
    first = note.signatures[0]
    value = first.value[:-1] + bytes([first.value[-1] ^ 1])
    return format_note(Note(note.text, (msgspec.structs.replace(first, value=value), *note.signatures[1:])))
