"""Scan and decide: what a post concludes from a paper, offline, and what it may do next.

The checks run in this order and all findings are shown: form, signature of the issuer, place (does the movement come
here at all), guarantee (valid now, accepted for this member, the guarantor's own evidence), freshness, and what this
post remembers of the movement. The answer is the gravest finding (``trust.conclude``).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from darwaza.errors import MessageError, SignatureError
from darwaza.kernel import letter
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import decode_header
from darwaza.kernel.note import Note, Signature
from darwaza.kernel.proof import Proof, verify
from darwaza.kernel.seal import Binding
from darwaza.services.transit.leg import PLANNED, REFUSED, STARTED
from darwaza.services.transit.paper import DOMAIN, Evidence, Paper, SignedPaper, read_paper
from darwaza.services.transit.trust import Answer, Reason, Trust, check_signature, conclude
from darwaza.standards.etir.internal import I2
from darwaza.standards.etir.wire import encode

FRESH_FOR = timedelta(days=10)
"""Default time a paper may be old: long enough for a journey through a network cut, short enough to be renewed."""

I2_KIND = "transit.i2"

HeaderReader = Callable[[bytes], tuple[str, str, bytes]]
"""Reads a log entry (a canonical message header): its message kind, its case id, and the SHA-256 of its body.

Raises ``MessageError`` for bytes that are no header.
"""


class Memory(msgspec.Struct, frozen=True):
    """What a post remembers of a movement from its own acts and earlier scans.

    Attributes:
        edition: highest edition seen; 0 for none.
        started: legs this post started.
        terminated: legs this post terminated.
    """

    edition: int = 0
    started: frozenset[int] = frozenset()
    terminated: frozenset[int] = frozenset()


class Verdict(msgspec.Struct, frozen=True):
    """What a scan gives.

    Attributes:
        answer: valid, invalid or cannot tell.
        reasons: everything found; empty when all is well.
        as_of: when the issuer knew what the paper says; None when that cannot be read.
        paper: as read; None when it cannot be.
        may_start: index of the leg this office may start now, or None.
        may_terminate: index of the leg this office may terminate now, or None.
    """

    answer: Answer
    reasons: tuple[Reason, ...]
    as_of: datetime | None
    paper: Paper | None
    may_start: int | None = None
    may_terminate: int | None = None


class Scanner:
    """Judges papers at one office, with what it knows of the corridor.

    Attributes:
        office: id of the office.
        trust: keys and their age.
        read_header: reads log entries.
        fresh_for: how old a paper may be.
    """

    def __init__(
        self, office: str, trust: Trust, read_header: HeaderReader, *, fresh_for: timedelta = FRESH_FOR
    ) -> None:
        self.office = office
        self.trust = trust
        self.read_header = read_header
        self.fresh_for = fresh_for

    def scan(self, raw: bytes, now: datetime, memory: Memory | None = None) -> Verdict:
        """Judge a paper.

        Args:
            raw: joined from its QR codes, or read from a file.
            now: the post's clock, aware UTC.
            memory: of this movement, if the post has any.
        """
        try:
            signed, paper = read_paper(raw)
        except MessageError as error:
            return Verdict(Answer.INVALID, (Reason("malformed", Answer.INVALID, error.detail),), None, None)
        memory = memory or Memory()
        signature = check_signature(
            self.trust,
            paper.issuer,
            signature=signed.signature,
            message=DOMAIN + signed.paper,
            at=paper.issued_at,
            now=now,
        )
        reasons = [reason for reason in (signature, self._place(paper)) if reason is not None]
        reasons += self._guarantee(signed, paper, now)
        reasons += self._freshness(paper, now, memory)
        start, end = self._acts(paper, memory)
        answer = conclude(reasons)
        if answer is Answer.INVALID:
            start = end = None
        return Verdict(answer, tuple(reasons), paper.issued_at, paper, start, end)

    def _place(self, paper: Paper) -> Reason | None:
        """Check that the issuer may speak of the movement and that the movement comes to this office."""
        members = {leg.member for leg in paper.legs}
        if paper.issuer not in members or paper.office[:2] != paper.issuer:
            return Reason("issuer-not-concerned", Answer.INVALID, f"{paper.issuer} is not on the itinerary")
        if all(self.office not in {leg.entry, leg.exit} for leg in paper.legs):
            return Reason("not-for-here", Answer.INVALID, f"the itinerary does not pass {self.office}")
        return None

    def _guarantee(self, signed: SignedPaper, paper: Paper, now: datetime) -> list[Reason]:
        """Check the guarantee: members, validity, and the guarantor's word in its own log."""
        found: list[Reason] = []
        guarantee = paper.guarantee
        if self.office[:2] not in guarantee.members:
            text = f"the guarantee was not accepted for {self.office[:2]}"
            found.append(Reason("guarantee-not-here", Answer.INVALID, text))
        until = datetime.fromtimestamp(guarantee.valid_until_s, UTC)
        if now >= until:
            if paper.stopped:
                text = f"the guarantee ran to {until:%Y-%m-%d %H:%M}Z, but a closure had stopped its clock"
                found.append(Reason("guarantee-clock-stopped", Answer.CANNOT_TELL, text))
            else:
                text = f"the guarantee ended at {until:%Y-%m-%d %H:%M}Z"
                found.append(Reason("guarantee-ended", Answer.INVALID, text))
        if signed.evidence is None:
            # At the guarantor's own office its signature on the paper is its word.
            if guarantee.guarantor != paper.issuer:
                text = f"the paper carries no proof of {guarantee.guarantor}'s acceptance"
                found.append(Reason("guarantee-unproved", Answer.CANNOT_TELL, text))
            return found
        wrong = self._evidence(signed.evidence, paper)
        return [*found, wrong] if wrong is not None else found

    def _evidence(self, evidence: Evidence, paper: Paper) -> Reason | None:
        """Check that the guarantor's log holds an I2 message that says what the paper says."""
        guarantee = paper.guarantee
        verifiers = self.trust.logs.get(guarantee.guarantor, ())
        if not verifiers:
            text = f"no log key of {guarantee.guarantor} is known here"
            return Reason("guarantor-unknown", Answer.CANNOT_TELL, text)
        lines = tuple(Signature(*line) for line in evidence.signatures)
        proof = Proof(evidence.index, evidence.hashes, Note(evidence.checkpoint, lines))
        try:
            verify(proof, leaf_hash(evidence.entry), verifiers)
            kind, case_id, digest = self.read_header(evidence.entry)
            said = None if evidence.revealed is None else _revealed(evidence.entry, *evidence.revealed, digest)
        except MessageError as error:
            return Reason("guarantee-proof-false", Answer.INVALID, error.detail)
        seconds, microseconds = divmod(guarantee.accepted_us, 1_000_000)
        body = I2(
            movement=paper.movement_id,
            reference=guarantee.reference,
            terms_digest=guarantee.terms_digest.hex(),
            members=guarantee.members,
            accepted_at=datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds),
        )
        stated = encode(body)
        agrees = digest == sha256(stated).digest() if said is None else said == stated
        if (kind, case_id) != (I2_KIND, paper.movement_id) or not agrees:
            text = f"{guarantee.guarantor}'s log entry does not say what the paper says"
            return Reason("guarantee-proof-other", Answer.INVALID, text)
        return None

    def _freshness(self, paper: Paper, now: datetime, memory: Memory) -> list[Reason]:
        """Check age, and what this post remembers: an older edition or a leg done already is a replay."""
        found: list[Reason] = []
        if paper.issued_at - now > timedelta(minutes=10):
            found.append(Reason("issued-in-future", Answer.CANNOT_TELL, "issued later than this post's clock shows"))
        if now - paper.issued_at > self.fresh_for:
            text = f"issued {paper.issued_at:%Y-%m-%d %H:%M}Z, more than {self.fresh_for.days} days ago"
            found.append(Reason("stale", Answer.CANNOT_TELL, text))
        if paper.edition < memory.edition:
            text = f"edition {paper.edition}, but edition {memory.edition} has been seen here"
            found.append(Reason("superseded", Answer.INVALID, text))
        for index, leg in enumerate(paper.legs):
            if self.office == leg.exit and index in memory.terminated:
                found.append(Reason("replayed", Answer.INVALID, f"leg {index} was terminated here before"))
            elif self.office == leg.entry and index in memory.started and self.office != leg.exit:
                found.append(Reason("replayed", Answer.INVALID, f"leg {index} was started here before"))
        return found

    def _acts(self, paper: Paper, memory: Memory) -> tuple[int | None, int | None]:
        """Return the legs this office may start and terminate, by the paper and its own memory.

        A leg may be terminated though the paper still calls it planned: the paper may have been issued before the leg
        was started elsewhere with the network cut.
        """
        start = end = None
        for index, leg in enumerate(paper.legs):
            if leg.entry == self.office and leg.status in {PLANNED, REFUSED} and index not in memory.started:
                start = index if start is None else start
            if leg.exit == self.office and leg.status in {PLANNED, STARTED} and index not in memory.terminated:
                end = index if end is None else end
        return start, end


def _revealed(entry: bytes, sealed: bytes, key: bytes, digest: bytes) -> bytes:
    """What a sealed message says, by the key of its letter.

    Raises:
        MessageError: the letter is not the one the entry names, or does not open.
    """
    if sha256(sealed).digest() != digest:
        raise SignatureError("the letter is not the one that the guarantor signed", code="body_differs")
    return letter.read_revealed(sealed, Binding.of(decode_header(entry)), key)
