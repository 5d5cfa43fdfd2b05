"""The accompanying document in its compact signed form, which travels with the truck as QR codes or a file.

It carries what a border post needs to start or terminate a leg with no network: movement, itinerary, vehicles, seals,
the goods as totals and a Merkle root, the guarantee with the guarantor's own signed log entry, and how far the legs had
got when it was issued ("as of"). The form is MessagePack of positional structs: the same values always give the same
bytes, and a signature over them (with a domain prefix, so that no other text of this key can pass for a paper).

The goods themselves may travel beside it in full; the root binds them, whole or item by item (RFC 6962 tree of the
items' canonical JSON).

Compare TIR Convention, Annex 11, on the accompanying document as fallback: there it is as good as a phone call; here it
verifies by itself.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel.merkle import EMPTY, PROOF_HASHES_MAX, leaf_hash
from darwaza.kernel.proof import Proof
from darwaza.services.transit import seal as seals
from darwaza.services.transit.leg import progress
from darwaza.services.transit.movement import Movement
from darwaza.standards.etir.value import LEGS_MAX, GoodsItem
from darwaza.standards.etir.wire import encode

PAPER_BYTES_MAX = 16_384
"""Largest signed paper; the digest form of a large movement has under 3 kB."""

PAPER_VERSION = 1

DOMAIN = b"darwaza transit paper v1\n"
"""Prefix of what is signed."""


Seconds = Annotated[int, Meta(ge=0, le=253_402_300_799)]
"""POSIX seconds up to the end of the year 9999; a paper is read before it is believed, so its numbers are bounded."""
Text = Annotated[str, Meta(max_length=280)]
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
KeyId = Annotated[bytes, Meta(min_length=4, max_length=4)]
SignatureValue = Annotated[bytes, Meta(min_length=64, max_length=4096)]
Member = Annotated[str, Meta(min_length=2, max_length=2)]


class PaperLeg(msgspec.Struct, frozen=True, array_like=True):
    """One leg on the paper.

    Attributes:
        member: whose.
        entry: office.
        exit: office.
        crossing: it leaves through; "" on the last leg.
        deadline_s: POSIX seconds; 0 for none.
        status: as of the issue: planned, started, terminated, discharged or refused.
        operation: id of its operation; "" when it has not started.
    """

    member: Member
    entry: Text
    exit: Text
    crossing: Text
    deadline_s: Seconds
    status: Text
    operation: Text


class PaperGoods(msgspec.Struct, frozen=True, array_like=True):
    """The goods in digest form.

    Attributes:
        items: how many goods items.
        packages: on board, all items.
        gross_g: gross mass as declared, grams.
        root: Merkle root of the items, 32 bytes.
        chapters: HS chapters, two digits each, sorted.
        keeps_h: hours until the first goods spoil; 0 when all keep.
    """

    items: int
    packages: int
    gross_g: int
    root: Digest
    chapters: tuple[Text, ...]
    keeps_h: int


class PaperGuarantee(msgspec.Struct, frozen=True, array_like=True):
    """The guarantee on the paper.

    Attributes:
        reference: its number.
        guarantor: member that answers for it.
        kind: of guarantee.
        currency: of the cover.
        cover_minor: minor units.
        terms_digest: SHA-256 of the terms, 32 bytes.
        members: for which it was accepted.
        accepted_us: POSIX microseconds of the guarantor's acceptance.
        valid_until_s: POSIX seconds.
    """

    reference: Text
    guarantor: Member
    kind: Text
    currency: Text
    cover_minor: int
    terms_digest: Digest
    members: tuple[Member, ...]
    accepted_us: Annotated[int, Meta(ge=0, le=253_402_300_799_999_999)]
    valid_until_s: Seconds


class Paper(msgspec.Struct, frozen=True, array_like=True):
    """What the issuer states.

    Attributes:
        version: ``PAPER_VERSION``.
        movement: UUID, 16 bytes.
        edition: of the declaration.
        issuer: member whose key signs.
        office: that issued it.
        issued_s: POSIX seconds: everything here is as of then.
        ucr: unique consignment reference.
        regime: id.
        holder: id and name.
        vehicles: kind and registration of each.
        seals: numbers of the seals that are on and whole.
        tracker: ids of the trackers.
        goods: digest.
        legs: itinerary.
        guarantee: the guarantee.
        stopped: whether a closure had stopped the clocks.
    """

    version: Annotated[int, Meta(ge=PAPER_VERSION, le=PAPER_VERSION)]
    movement: Annotated[bytes, Meta(min_length=16, max_length=16)]
    edition: int
    issuer: Member
    office: Text
    issued_s: Seconds
    ucr: Text
    regime: Text
    holder: tuple[Text, Text]
    vehicles: tuple[tuple[Text, Text], ...]
    seals: tuple[Text, ...]
    tracker: tuple[Text, ...]
    goods: PaperGoods
    legs: Annotated[tuple[PaperLeg, ...], Meta(min_length=1, max_length=LEGS_MAX)]
    guarantee: PaperGuarantee
    stopped: bool = False

    @property
    def movement_id(self) -> str:
        """The movement's UUID as text."""
        return str(UUID(bytes=self.movement))

    @property
    def issued_at(self) -> datetime:
        """When it was issued."""
        return datetime.fromtimestamp(self.issued_s, UTC)


class Evidence(msgspec.Struct, frozen=True, array_like=True):
    """The guarantor's acceptance in its own signed log.

    Attributes:
        entry: the log entry: the canonical header of the I2 message, with the digest of its body and its blind.
        index: of the entry in the log.
        hashes: inclusion proof, 32 bytes each, from the leaf up.
        checkpoint: text of the log's checkpoint.
        signatures: name, key id and value of each signature line.
        revealed: of a guarantor that is no neighbour, whose message came sealed: the letter, whose digest the entry
            has, and the key of that letter alone (``kernel.letter.reveal``); absent otherwise.
    """

    entry: bytes
    index: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    hashes: Annotated[tuple[Digest, ...], Meta(max_length=PROOF_HASHES_MAX)]
    checkpoint: str
    signatures: Annotated[tuple[tuple[str, KeyId, SignatureValue], ...], Meta(min_length=1, max_length=8)]
    revealed: tuple[bytes, Digest] | None = None


class SignedPaper(msgspec.Struct, frozen=True, array_like=True):
    """A paper with its signature.

    Attributes:
        paper: MessagePack of the ``Paper``.
        signature: Ed25519 over ``DOMAIN`` and the paper, 64 bytes.
        evidence: of the guarantee; None when the issuer had none at hand.
    """

    paper: bytes
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    evidence: Evidence | None = None


_ENCODER = msgspec.msgpack.Encoder()


def goods_root(goods: Sequence[GoodsItem]) -> bytes:
    """Return the Merkle root (RFC 6962) over the canonical JSON of the goods items, 32 bytes."""
    return EMPTY.append_all([leaf_hash(encode(item)) for item in goods]).root()


def evidence_of(entry: bytes, proof: Proof, revealed: tuple[bytes, bytes] | None = None) -> Evidence:
    """Pack a proof into its compact form; what an application added to the proof is left out."""
    note = proof.note
    lines = tuple((line.name, line.key_id, line.value) for line in note.signatures)
    return Evidence(entry, proof.index, proof.hashes, note.text, lines, revealed)


def written(signed: SignedPaper) -> bytes:
    """The one form of a signed paper; evidence that reveals no letter has no place for one."""
    evidence = signed.evidence
    if evidence is None or evidence.revealed is not None:
        return _ENCODER.encode(signed)
    return _ENCODER.encode((signed.paper, signed.signature, msgspec.structs.astuple(evidence)[:-1]))


def write_paper(movement: Movement, *, issuer: str, office: str, issued_at: datetime) -> Paper:
    """Write the paper of an accepted movement as it stands.

    Raises:
        MalformedError: code ``not_accepted``; declaration or guarantee has not been accepted.
    """
    declaration, acceptance = movement.declaration, movement.acceptance
    if declaration is None or acceptance is None or acceptance.accepted_at is None or movement.recorded is None:
        raise MalformedError("the movement is not accepted yet", code="not_accepted")
    now = progress(movement)
    terms = movement.guarantee()
    keeps = [item.keeps_h for item in declaration.goods if item.keeps_h is not None]
    return Paper(
        version=PAPER_VERSION,
        movement=UUID(declaration.movement).bytes,
        edition=declaration.version,
        issuer=issuer,
        office=office,
        issued_s=int(issued_at.timestamp()),
        ucr=declaration.ucr,
        regime=declaration.regime,
        holder=(declaration.holder.id, declaration.holder.name),
        vehicles=tuple((vehicle.kind, vehicle.registration) for vehicle in now.vehicles),
        seals=seals.on_now(now.seals),
        tracker=now.trackers,
        goods=PaperGoods(
            items=len(declaration.goods),
            packages=sum(now.packages),
            gross_g=sum(item.gross_g for item in declaration.goods),
            root=goods_root(declaration.goods),
            chapters=tuple(sorted({item.hs[:2] for item in declaration.goods})),
            keeps_h=min(keeps, default=0),
        ),
        legs=tuple(
            PaperLeg(
                member=leg.leg.member,
                entry=leg.leg.entry_office,
                exit=leg.leg.exit_office,
                crossing=leg.leg.crossing or "",
                deadline_s=0 if leg.leg.deadline_at is None else int(leg.leg.deadline_at.timestamp()),
                status=leg.status,
                operation="" if leg.start is None else leg.start.operation,
            )
            for leg in now.legs
        ),
        guarantee=PaperGuarantee(
            reference=terms.reference,
            guarantor=terms.guarantor,
            kind=terms.kind,
            currency=terms.currency,
            cover_minor=terms.cover_minor,
            terms_digest=bytes.fromhex(acceptance.terms_digest),
            members=acceptance.members,
            accepted_us=_microseconds(acceptance.accepted_at),
            valid_until_s=int(terms.valid_until.timestamp()),
        ),
        stopped=any(item.until is None for item in movement.suspensions),
    )


def _microseconds(at: datetime) -> int:
    """Return POSIX microseconds, exactly."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def sign_paper(paper: Paper, sign: Callable[[bytes], bytes], evidence: Evidence | None = None) -> bytes:
    """Sign a paper and return its bytes.

    Args:
        paper: as written.
        sign: Ed25519 of the issuer's key, over the bytes it is given.
        evidence: of the guarantee.
    """
    body = _ENCODER.encode(paper)
    return written(SignedPaper(body, sign(DOMAIN + body), evidence))


def read_paper(raw: bytes) -> tuple[SignedPaper, Paper]:
    """Read a signed paper without verifying it. Its bytes must be the only ones that say the same.

    Raises:
        TooLargeError: code ``paper_too_large``.
        MalformedError: code ``paper_malformed``.
    """
    if len(raw) > PAPER_BYTES_MAX:
        raise TooLargeError(f"a paper has at most {PAPER_BYTES_MAX} bytes", code="paper_too_large")
    try:
        signed = msgspec.msgpack.decode(raw, type=SignedPaper)
        paper = msgspec.msgpack.decode(signed.paper, type=Paper)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(str(error), code="paper_malformed") from error
    if written(signed) != raw or _ENCODER.encode(paper) != signed.paper:
        raise MalformedError("the paper is not in its only form", code="paper_malformed")
    return signed, paper
