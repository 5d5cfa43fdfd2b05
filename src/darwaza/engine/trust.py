"""Whom the engine trusts: the corridor document in force and, for past decisions, those before it."""

from datetime import datetime

from darwaza.errors import SignatureError
from darwaza.kernel.checkpoint import (
    TYPE_COSIGNATURE_MLDSA44,
    Checkpoint,
    CosignatureVerifier,
    MLDSA44CosignatureVerifier,
)
from darwaza.kernel.corridor import Corridor, State
from darwaza.kernel.history import History
from darwaza.kernel.key import Ed25519PublicKey, MLDSA44PublicKey
from darwaza.kernel.link import read_cosigned
from darwaza.kernel.member import Card
from darwaza.kernel.naming import Lane, SignerName
from darwaza.kernel.note import TYPE_ED25519, Verifier
from darwaza.kernel.request import signer_name


class Trust:
    """Keys by log and by member, taken from the corridor's documents.

    Attributes:
        history: all admitted versions.
        documents: the same, oldest first.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.documents = tuple(entry.document for entry in history.entries)
        self._authors: dict[tuple[str, bool], tuple[Verifier, ...]] = {}
        self._cosigners: dict[tuple[str, bool], tuple[Verifier, ...]] = {}
        self._witnesses: dict[str, tuple[str, ...]] = {}

    @property
    def current(self) -> Corridor:
        """The newest version."""
        return self.documents[-1]

    def admit(self, raw: bytes, now: datetime) -> "Trust":
        """Trust with the next version; see ``History.admit`` for what it raises."""
        return Trust(self.history.admit(raw, now))

    @property
    def required(self) -> frozenset[int]:
        """Signature types a fresh checkpoint must carry."""
        second = {TYPE_COSIGNATURE_MLDSA44} if self.current.mldsa44_required else set[int]()
        return frozenset({TYPE_ED25519} | second)

    def may_send(self, now: datetime) -> bool:
        """Whether anything may be sent; past the document's expiry a gateway only receives.

        A document that seems to lie in the future was admitted, so it is this clock that went back: trade goes on.
        """
        return self.current.state_at(now) is not State.EXPIRED

    def neighbours(self, member: str) -> tuple[str, ...]:
        """Codes of the members a member has a link with."""
        return tuple(code for code in self.current.codes if code != member and self.current.lanes(member, code))

    def author_verifiers(self, origin: str, *, past: bool = False) -> tuple[Verifier, ...]:
        """Keys that sign a log's checkpoints; with ``past`` also those rotated away. Empty for an unknown log."""
        found = self._authors.get((origin, past))
        if found is None:
            lane = Lane.parse(origin)
            known = lane.corridor == self.current.name
            found = self._make_authors(origin, lane.author, past=past) if known else ()
            if found:  # what does not exist has no end
                self._authors[origin, past] = found
        return found

    def _cards(self, member: str, *, past: bool) -> list[Card]:
        documents = self.documents if past else self.documents[-1:]
        return [card for document in documents if (card := document.card(member)) is not None]

    def _make_authors(self, origin: str, member: str, *, past: bool) -> tuple[Verifier, ...]:
        found: dict[bytes, Verifier] = {}
        for card in self._cards(member, past=past):
            found[card.keys.log] = Verifier(origin, Ed25519PublicKey(card.keys.log))
            second = card.keys.log_mldsa44
            if second is not None:
                found[second] = MLDSA44CosignatureVerifier(origin, MLDSA44PublicKey(second))
        return tuple(found.values())

    def request_verifiers(self, member: str) -> tuple[Verifier, ...]:
        """Keys a member signs requests with."""
        name = signer_name(self.current.name, member)
        return tuple(Verifier(name, Ed25519PublicKey(card.keys.log)) for card in self._cards(member, past=False))

    def cosigner_name(self, member: str) -> str:
        """Name of a member's co-signatures."""
        return str(SignerName(self.current.name, member))

    def cosigners(self, member: str, *, past: bool = False) -> tuple[Verifier, ...]:
        """Keys a member co-signs with."""
        found = self._cosigners.get((member, past))
        if found is None:
            name = self.cosigner_name(member)
            keys = dict.fromkeys(card.keys.witness for card in self._cards(member, past=past))
            found = tuple(CosignatureVerifier(name, Ed25519PublicKey(key)) for key in keys)
            if found:
                self._cosigners[member, past] = found
        return found

    def read_cosigned(self, note: bytes, origin: str, reader: str) -> tuple[Checkpoint, bytes]:
        """Verify a checkpoint that a log's author and its reader have signed at any time.

        Raises:
            MalformedError, SignatureError: see ``link.read_cosigned``, which tells what is returned, too.
        """
        authors, cosigners = self.author_verifiers(origin, past=True), self.cosigners(reader, past=True)
        return read_cosigned(note, origin=origin, authors=authors, cosigners=cosigners)

    def witnesses(self, origin: str) -> tuple[str, ...]:
        """Codes of the members that witness a log of this corridor."""
        found = self._witnesses.get(origin)
        if found is None:
            found = tuple(card.code for card in self.current.witnesses(Lane.parse(origin)))
            self._witnesses[origin] = found
        return found

    def cosigner(self, member: str) -> Verifier:
        """The key a member co-signs with now.

        Raises:
            SignatureError: ``member_unknown``.
        """
        found = self.cosigners(member)
        if not found:
            raise SignatureError(f"{member} is not in the corridor", code="member_unknown")
        return found[0]
