"""All versions of a corridor document that a gateway admitted, so that a past day is judged by the document of its day.

A history is a value: admitting a version gives the next history, and a refusal leaves the former one. Keeping the files
is left to the store; ``History.begin`` and ``History.admit`` read them back.

Evidence names the version of the document under which it was made, and is verified with the keys of that version: a key
that was rotated away verifies what it signed then, and nothing new. Time alone is the weaker question, because whoever
writes a document dates it; near a change, either version may have been in use.

Example::

    history = History.begin(files[0], anchor, now).admit(files[1], now)
    history.latest.state_at(now)
    history.lane_keys("darwaza.example/carec/PK-to-UZ/0", version=1).log
"""

from datetime import datetime
from functools import lru_cache

import msgspec

from darwaza.errors import ConflictError, SignatureError, TransientError
from darwaza.kernel.admission import admit
from darwaza.kernel.checkpoint import CosignatureVerifier, MLDSA44CosignatureVerifier
from darwaza.kernel.corridor import Corridor, read
from darwaza.kernel.key import Ed25519PublicKey, MLDSA44PublicKey
from darwaza.kernel.member import Card
from darwaza.kernel.naming import Lane, SignerName
from darwaza.kernel.note import Verifier

LANE_KEYS_REMEMBERED = 256
"""Admitting a key takes a good part of a millisecond, and every message is checked against several."""


class ForkError(ConflictError):
    """Two documents with the same version, both rightly voted: proof that their voters contradict themselves.

    Neither is preferred. The members agree by other means on the one that goes on; whoever holds the other keeps both
    files as evidence, goes back by ``History.before`` and admits the agreed one.

    Attributes:
        held: the file admitted before.
        other: the file that came now.
    """

    code = "corridor_fork"

    def __init__(self, detail: str, *, held: bytes, other: bytes) -> None:
        super().__init__(detail)
        self.held = held
        self.other = other


class Entry(msgspec.Struct, frozen=True):
    """One admitted version.

    Attributes:
        document: as judged.
        file: the signed note it came in.
    """

    document: Corridor
    file: bytes


class LaneKeys(msgspec.Struct, frozen=True):
    """What verifies the checkpoints of a lane and the signatures under them, by one version of the document.

    Attributes:
        lane: which lane.
        log: the author's line.
        log_mldsa44: the author's second line, or None when it has no such key.
        mldsa44_required: whether a checkpoint counts only with the second line; then ``log_mldsa44`` is not None.
        reader: the reader's cosignature, which is the acknowledgement.
        witnesses: the cosignatures of the members that witness this lane.
        witness_quorum: number of witnesses from which on evidence counts as witnessed; 0 when none are asked.
    """

    lane: Lane
    log: Verifier
    log_mldsa44: MLDSA44CosignatureVerifier | None
    mldsa44_required: bool
    reader: CosignatureVerifier
    witnesses: tuple[CosignatureVerifier, ...]
    witness_quorum: int


class History(msgspec.Struct, frozen=True):
    """The admitted versions of one corridor document.

    Attributes:
        entries: version 1 first, without gaps, at least one.
    """

    entries: tuple[Entry, ...]

    @classmethod
    def begin(cls, raw: bytes, anchor: str, now: datetime) -> "History":
        """Admit version 1.

        Args:
            raw: its file.
            anchor: SHA-256 of its text, 64 lower-case hexadecimal digits, as the operator learned it by other means
                than this file: all trust in the corridor rests on it.
            now: the time, aware.

        Raises:
            DarwazaError: see ``admission.admit``.
            ConflictError: ``anchor_differs``.
        """
        document = admit(raw, None, now)
        if document.digest != anchor:
            raise ConflictError("the first version is not the one that was agreed on", code="anchor_differs")
        return cls((Entry(document, raw),))

    @property
    def latest(self) -> Corridor:
        """The newest version."""
        return self.entries[-1].document

    def admit(self, raw: bytes, now: datetime) -> "History":
        """Admit the next version.

        Args:
            raw: its file.
            now: the time, aware.

        Returns:
            The history with it; this history itself when the version is already there.

        Raises:
            DarwazaError: see ``admission.admit``.
            ForkError: another document of a version already there was voted as rightly.
            ConflictError: ``anchor_differs``; another document of version 1, which anyone can make.
        """
        document, _ = read(raw)
        if document.name != self.latest.name or document.version > self.latest.version:
            return History((*self.entries, Entry(admit(raw, self.latest, now), raw)))
        held = self.entries[document.version - 1]
        if document == held.document:
            return self
        if document.version == 1:
            raise ConflictError("this is another corridor's first version", code="anchor_differs")
        admit(raw, self.entries[document.version - 2].document, now)
        raise ForkError(f"there are two versions {document.version}", held=held.file, other=raw)

    def before(self, number: int) -> "History":
        """The history as it was before a version, for an operator who gives up one side of a fork.

        Args:
            number: 2 to the newest version.

        Raises:
            TransientError: see ``version``.
            ConflictError: ``anchor_differs``; nothing comes before version 1.
        """
        self.version(number)
        if number == 1:
            raise ConflictError("nothing comes before version 1", code="anchor_differs")
        return History(self.entries[: number - 1])

    def version(self, number: int) -> Corridor:
        """The document of a version.

        Raises:
            TransientError: ``version_unknown``; it may be known later, when the files in between have come.
        """
        if not 1 <= number <= self.latest.version:
            raise TransientError(f"version {number} of the corridor document is not here", code="version_unknown")
        return self.entries[number - 1].document

    def at(self, moment: datetime) -> Corridor | None:
        """The newest version that was in force from a moment no later than this, expired or not; None before all."""
        return next(
            (entry.document for entry in reversed(self.entries) if entry.document.created_at <= moment),
            None,
        )

    def lane_keys(self, origin: str, version: int) -> LaneKeys:
        """Give what verifies a lane's checkpoints.

        Args:
            origin: the checkpoints' origin line.
            version: of the document under which they were made.

        Raises:
            TransientError: see ``version``.
            MalformedError: see ``naming.Lane.parse``.
            SignatureError: ``origin_unknown``; that version of this corridor has no such lane.
        """
        return keys_of(self.version(version), origin)


@lru_cache(maxsize=LANE_KEYS_REMEMBERED)
def keys_of(document: Corridor, origin: str) -> LaneKeys:
    """Give what verifies a lane's checkpoints by one version of the document.

    Args:
        document: the version under which they were made.
        origin: the checkpoints' origin line.

    Raises:
        MalformedError: see ``naming.Lane.parse``.
        SignatureError: ``origin_unknown``; that version of this corridor has no such lane.
    """
    lane = Lane.parse(origin)
    author, reader = document.card(lane.author), document.card(lane.reader)
    if author is None or reader is None or lane not in document.lanes(lane.author, lane.reader):
        raise SignatureError(f"version {document.version} has no lane {origin}", code="origin_unknown")
    post_quantum = author.keys.log_mldsa44
    return LaneKeys(
        lane=lane,
        log=Verifier(origin, Ed25519PublicKey(author.keys.log)),
        log_mldsa44=None
        if post_quantum is None
        else MLDSA44CosignatureVerifier(origin, MLDSA44PublicKey(post_quantum)),
        mldsa44_required=document.mldsa44_required,
        reader=_cosigner(document, reader),
        witnesses=tuple(_cosigner(document, card) for card in document.witnesses(lane)),
        witness_quorum=document.witness_quorum,
    )


def _cosigner(document: Corridor, card: Card) -> CosignatureVerifier:
    return CosignatureVerifier(str(SignerName(document.name, card.code)), Ed25519PublicKey(card.keys.witness))
