"""The scene that the test vectors of messages, links and evidence show: two members, their logs, three signers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from tools.vectors_corridor import AF, ONE, PK, UZ

from darwaza.kernel import instant
from darwaza.kernel.checkpoint import Checkpoint, Cosigner
from darwaza.kernel.merkle import EMPTY, leaf_hash
from darwaza.kernel.message import GENESIS, JSON_MEDIA_TYPE, VERSION, Header, body_digest, encode_header
from darwaza.kernel.naming import KeyRole, Lane, SignerName
from darwaza.kernel.note import Note, Signature, Signer
from darwaza.kernel.proof import Proof
from darwaza.kernel.tile import append_to_tiles, inclusion_proof
from darwaza.testing.cast import CREATED_AT, Keyring

DAY = timedelta(days=1)
SENT_AT = CREATED_AT + 20 * DAY
NOW = CREATED_AT + 21 * DAY
FORTH = Lane(ONE.name, "PK", "UZ", 0)
BACK = Lane(ONE.name, "UZ", "PK", 0)
CASE = "0193b5c1-0000-7000-8000-0000000000c1"
OTHER_CASE = "0193b5c1-0000-7000-8000-0000000000c2"
BODY = b"<Document>an invoice</Document>"


class Case(NamedTuple):
    """One vector.

    Attributes:
        name: of the file, without folder.
        content: of the file.
        result: what a reader concludes.
        about: one sentence.
        more: further fields of its entry in ``cases.json``.
    """

    name: str
    content: bytes
    result: str
    about: str
    more: Mapping[str, Any] = MappingProxyType({})


def _hex(label: str, digits: int) -> str:
    return sha256(f"darwaza vector {label}".encode()).hexdigest()[:digits]


def header(number: int, **changes: Any) -> Header:
    """Make a good header; ``changes`` by field name."""
    fields: dict[str, Any] = {
        "blind": _hex(f"blind {number}", 32),
        "body_bytes": len(BODY),
        "body_digest": body_digest(BODY, "application/xml"),
        "case_id": CASE,
        "created_at": instant.to_text(SENT_AT + timedelta(milliseconds=number)),
        "destination": "UZ/customs",
        "id": f"0193b5c1-0000-7000-8000-{number:012x}",
        "kind": "documents.offer",
        "media_type": "application/xml",
        "origin": "PK/fbr",
        "version": VERSION,
    }
    return Header(**(fields | changes))


def genesis(lane: Lane, number: int) -> Header:
    """Make the header of the first entry of a log."""
    ends = {"origin": f"{lane.author}/gateway", "destination": f"{lane.reader}/gateway"}
    return header(number, kind=GENESIS, media_type=JSON_MEDIA_TYPE, case_id=OTHER_CASE, **ends)


OFFER = header(1, ucr="26PK0000000000000007", expires_at="2027-01-31T00:00:00.000Z")
SENT = [
    genesis(FORTH, 0),
    OFFER,
    *(header(number, case_id=OTHER_CASE) for number in range(2, 6)),
]
TAKEN = header(
    9,
    kind="documents.handed-over",
    media_type=JSON_MEDIA_TYPE,
    origin="UZ/customs",
    destination="PK/fbr",
    cause_id=OFFER.id,
    ucr=OFFER.ucr,
)


class Log:
    """A lane with its entries, signed at any size by whomever."""

    def __init__(self, lane: Lane, entries: Sequence[bytes], author: Keyring) -> None:
        self.lane = lane
        self.entries = list(entries)
        self._author = author

    @classmethod
    def of(cls, lane: Lane, headers: Sequence[Header], author: Keyring) -> "Log":
        """A lane with these headers."""
        return cls(lane, [encode_header(one) for one in headers], author)

    def checkpoint(self, size: int) -> Checkpoint:
        """The state at a size."""
        return Checkpoint(self.lane.origin, size, EMPTY.append_all(map(leaf_hash, self.entries[:size])).root())

    def note(self, size: int, *cosigners: tuple[Keyring, datetime], author: bool = True) -> Note:
        """The state with its signatures."""
        text = self.checkpoint(size).text
        lines: list[Signature] = []
        if author:
            lines.append(Signer(self.lane.origin, self._author.signing_key(KeyRole.LOG)).sign(text.encode()))
        for ring, at in cosigners:
            name = str(SignerName(self.lane.corridor, ring.code))
            cosigner = Cosigner(name, ring.signing_key(KeyRole.WITNESS))
            lines.append(cosigner.sign(text.encode(), instant.to_seconds(at)))
        return Note(text, tuple(lines))

    def proof(self, index: int, note: Note) -> Proof:
        """The proof of an entry under a note of this log."""
        size = int(note.text.split("\n")[1])
        _, rows = append_to_tiles(EMPTY, map(leaf_hash, self.entries[:size]), {})
        return Proof(index, inclusion_proof(index, size, lambda *_: rows[0].hashes), note)


RECEIVED_AT = SENT_AT + timedelta(minutes=1)
WITNESSED_AT = SENT_AT + timedelta(minutes=2)
FORTH_LOG = Log.of(FORTH, SENT, PK)
BACK_LOG = Log.of(BACK, [genesis(BACK, 8), TAKEN], UZ)
RECEIPT = (UZ, RECEIVED_AT)
BOTH = FORTH_LOG.note(5, RECEIPT)
WITNESSED = FORTH_LOG.note(5, RECEIPT, (AF, WITNESSED_AT))


def falsified(note: Note, at: int) -> Note:
    """The note with one signature spoilt."""
    line = note.signatures[at]
    spoilt = msgspec.structs.replace(line, value=line.value[:-1] + bytes([line.value[-1] ^ 1]))
    return Note(note.text, (*note.signatures[:at], spoilt, *note.signatures[at + 1 :]))


def retimed(note: Note, at: int) -> Note:
    """The note with the time of one co-signature changed."""
    line = note.signatures[at]
    seconds = int.from_bytes(line.value[:8], "big") - 3_600
    changed = msgspec.structs.replace(line, value=seconds.to_bytes(8, "big") + line.value[8:])
    return Note(note.text, (*note.signatures[:at], changed, *note.signatures[at + 1 :]))
