"""Makes evidence files and COSE receipts from what is committed."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256

import msgspec

from darwaza.config import ORDINARY_BODY_BYTES_MAX
from darwaza.engine import routed
from darwaza.engine.engine import Engine
from darwaza.engine.forwarding import own_message
from darwaza.errors import ConflictError, DarwazaError, MalformedError, SignatureError
from darwaza.kernel import evidence, instant, parts
from darwaza.kernel.checkpoint import Checkpoint, cosigned_at, parse_checkpoint
from darwaza.kernel.corridor import Corridor
from darwaza.kernel.evidence import (
    EVIDENCE_BYTES_MAX,
    HOP,
    ITEMS_MAX,
    MESSAGE,
    RELATED,
    DocumentRef,
    Evidence,
    Item,
    Part,
)
from darwaza.kernel.exhibit import signed_by
from darwaza.kernel.history import keys_of
from darwaza.kernel.link import only
from darwaza.kernel.message import Header, decode_header, is_withheld, message_key
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Note
from darwaza.kernel.parts import PARTS_MEDIA_TYPE
from darwaza.kernel.proof import Proof, format_proof
from darwaza.kernel.tile import inclusion_proof, root_at
from darwaza.kernel.trail import RELAY_KIND
from darwaza.ports.store import LeafRow
from darwaza.standards.cose import Receipt

CHECKPOINTS_LOOKED_AT_MAX = 512
"""How many checkpoints, from the first that covers a message, are looked at to find one with enough witnesses.

Under load a log gets some hundred of them between two that are shown to the witnesses.
"""

About = Callable[[Header, Sequence[bytes]], Sequence[bool]]
"""Of a message and the parts of its body, as its service knows it: for each, whether it is about what is asked for."""


class Signed(msgspec.Struct, frozen=True):
    """A checkpoint worth showing.

    Attributes:
        checkpoint: what was signed.
        note: with the lines that are true, and no others.
        document: whose keys signed it.
        received: whether the reader's line is among them.
        witnesses: number of witnesses among them.
    """

    checkpoint: Checkpoint
    note: Note
    document: Corridor
    received: bool
    witnesses: int


def collect(engine: Engine, message_id: str, *, with_body: bool = True, about: About | None = None) -> bytes:
    """Make the evidence file of a message in an own log or a neighbour's.

    Messages of its case between the same two parties are added when they have their receipt and their body is small:
    first those that came after it and may answer it, then earlier ones, as long as the file has room. Each can be
    exported by itself.

    Args:
        engine: the gateway.
        message_id: UUID, or with its origin's member before it when two used the same one: ``PK 01890a5d-…``.
        with_body: whether bodies may be shown.
        about: of a case of many payments, which parts of its messages are about the one that is asked for. Of the
            others the file has the digests alone, and messages with no such part are left out. A letter of many parts
            stays sealed. Without it all is shown.

    Raises:
        MalformedError: ``not_found``; there is no such message here.
        ConflictError: ``message_ambiguous`` when several members' messages have this UUID; ``nothing_signed`` when no
            checkpoint signed with a known key covers the message.
    """
    leaf = _find(engine, message_id)
    items = routed.items(engine, leaf, with_body=with_body, whole=about is None)
    if not items or items[0].role == HOP:
        sent = _with_body(engine, routed.sent(engine, leaf)) if items else leaf
        chosen = _chosen(engine, sent, about)
        items.insert(0, _item(engine, sent, _signed(engine, sent), MESSAGE, with_body=with_body, chosen=chosen))
    room = EVIDENCE_BYTES_MAX - len(evidence.encode(Evidence(evidence.FORMAT, tuple(items))))
    for other in map(partial(_with_body, engine), _related(engine, leaf)):
        chosen = _chosen(engine, other, about)
        if chosen is not None and not any(chosen):
            continue
        item = _related_item(engine, other, with_body=with_body, chosen=chosen)
        if item is None:
            continue
        room -= len(evidence.encode(item)) + 1
        if room < 0 or len(items) == ITEMS_MAX:
            break
        items.append(item)
    return evidence.encode(Evidence(evidence.FORMAT, tuple(items)))


def _chosen(engine: Engine, leaf: LeafRow, about: About | None) -> Sequence[bool] | None:
    """Which parts of a message's body are about what is asked for; one that is not in parts is one part.

    None when all may be shown.
    """
    if about is None:
        return None
    header, body = routed.read(engine, leaf)
    if header.media_type != PARTS_MEDIA_TYPE:
        return about(header, [body])
    try:
        return about(header, parts.split(body))
    except MalformedError:
        return ()  # sealed, it was taken in before anybody could see that it is none


def _with_body(engine: Engine, leaf: LeafRow) -> LeafRow:
    body = engine.store.body(leaf.log_id, leaf.leaf_index) or b""
    return LeafRow(leaf.log_id, leaf.leaf_index, leaf.message_key, leaf.case_id, leaf.header, body)


def receipt(engine: Engine, message_id: str) -> bytes:
    """Make a COSE receipt (RFC 9942) for a message of an own log, signed with this member's log key.

    The entry is the canonical header. The claims name the log by its origin line and the message as ``urn:uuid:…``; the
    key identifier is that of the key's lines under checkpoints.

    Raises:
        MalformedError: ``not_found``; ``receipt_malformed`` for the only message of a log.
        SignatureError: ``log_not_ours``; only a log's author makes receipts for it.
        ConflictError: see ``collect``.
    """
    leaf = _find(engine, message_id)
    row = engine.logs[leaf.log_id].row
    if row.author != engine.site.member:
        raise SignatureError(f"the log is that of {row.author}, who alone makes its receipts", code="log_not_ours")
    size = _signed(engine, leaf).checkpoint.size
    read_tile = partial(engine.store.tile, leaf.log_id)
    verifier = keys_of(engine.site.trust.current, row.origin).log
    claims = Receipt(leaf.leaf_index, size, verifier.key_id, row.origin, f"urn:uuid:{decode_header(leaf.header).id}")
    proof = inclusion_proof(leaf.leaf_index, size, read_tile)
    return engine.site.sign_receipt(claims, root_at(size, read_tile), proof)


# --- which message ---


def _find(engine: Engine, message_id: str) -> LeafRow:
    codes = {code: None for document in engine.site.trust.documents for code in document.codes}
    keys = [message_id] if " " in message_id else [f"{code} {message_id}" for code in codes]
    found = [leaf for key in keys if (leaf := engine.store.leaf(key)) is not None]
    if not found:
        raise MalformedError(f"there is no message {message_id[:80]!r} here", code="not_found")
    if len(found) > 1:
        raise ConflictError("messages of several members have this identifier", code="message_ambiguous")
    return found[0]


def _related(engine: Engine, leaf: LeafRow) -> Iterator[LeafRow]:
    """The other messages of the case between the same two parties whose bodies are small, in the order they are wanted.

    Messages of other parties are no business of whoever may see this one, even when they name the same case.
    """
    own = own_message(leaf)[0]
    parties = {own.origin, own.destination}
    others: dict[str, tuple[Header, LeafRow]] = {}
    for log_id, index, raw in engine.store.case_leaves(leaf.case_id):
        row = LeafRow(log_id, index, "", leaf.case_id, raw, b"")
        header = _message_of(engine, row)
        key = message_key(header)
        ours = {header.origin, header.destination} == parties and header.body_bytes <= ORDINARY_BODY_BYTES_MAX
        if ours and key != message_key(own):
            # A message that came twice, over two lanes, stands in two logs: one of them will do.
            others.setdefault(key, (header, row))
    in_time = sorted(others.values(), key=lambda one: (one[0].created_at, one[0].id))
    yield from (row for header, row in in_time if header.created_at >= own.created_at)
    yield from (row for header, row in reversed(in_time) if header.created_at < own.created_at)


def _message_of(engine: Engine, leaf: LeafRow) -> Header:
    """The header of the message a leaf carries, which for one that came over relays is in its envelope.

    An envelope that was refused proves nothing: it stands under a key of its own, and is taken for itself.
    """
    header = decode_header(leaf.header)
    if header.kind != RELAY_KIND:
        return header
    try:
        carried = own_message(_with_body(engine, leaf))[0]
    except DarwazaError:
        return header
    held = engine.store.leaf(message_key(carried))
    taken = held is not None and (held.log_id, held.leaf_index) == (leaf.log_id, leaf.leaf_index)
    return carried if taken else header


# --- which checkpoint ---


def _signed(engine: Engine, leaf: LeafRow) -> Signed:
    signed = _best(engine, leaf)
    if signed is None:
        raise ConflictError("no checkpoint signed with a known key covers the message", code="nothing_signed")
    return signed


def _best(engine: Engine, leaf: LeafRow) -> Signed | None:
    """The smallest checkpoint over a message with enough witnesses, or with a receipt, or with the author's line."""
    row = engine.logs[leaf.log_id].row
    wanted = _witnesses_wanted(engine, row.origin) if row.author == engine.site.member else 0
    best = None
    for note in _notes(engine, leaf):
        if best is not None and _other_lines(note, row.origin) < 1 + wanted:
            continue
        signed = _judge(engine, row.origin, note)
        if signed is None or not signed.received:
            continue
        if best is None or signed.witnesses >= wanted:
            best = signed
        if best.witnesses >= wanted:
            return best
    if best is None and row.checkpoint:
        best = _judge(engine, row.origin, row.checkpoint)
    return None if best is None or best.checkpoint.size <= leaf.leaf_index else best


def _witnesses_wanted(engine: Engine, origin: str) -> int:
    document = engine.site.trust.current
    return max(1, document.witness_quorum) if document.witnesses(Lane.parse(origin)) else 0


def _notes(engine: Engine, leaf: LeafRow) -> Iterator[bytes]:
    """Checkpoints that cover a message, smallest first."""
    size = leaf.leaf_index + 1
    for _ in range(CHECKPOINTS_LOOKED_AT_MAX):
        row = engine.store.checkpoint_from(leaf.log_id, size)
        if row is None:
            return
        yield row.note
        size = row.size + 1


def _other_lines(note: bytes, origin: str) -> int:
    """How many lines are not the author's."""
    return note.count("\n\u2014 ".encode()) - note.count(f"\n\u2014 {origin} ".encode())


def _judge(engine: Engine, origin: str, raw: bytes) -> Signed | None:
    """Find the corridor document whose keys signed a checkpoint, the one of the receipt's day before all others.

    Lines that its keys cannot check, such as that of a witness who has changed its key since, are left out.
    """
    checkpoint, note = parse_checkpoint(raw)
    reader = engine.site.trust.cosigner_name(Lane.parse(origin).reader)
    # No later than now: a reader is free to sign a year that no calendar has.
    times = [instant.to_seconds(engine.site.clock.now())]
    times += [cosigned_at(line) for line in note.signatures if line.name == reader]
    of_the_day = engine.site.trust.history.at(instant.from_seconds(min(times)))
    best = None
    for document in dict.fromkeys((of_the_day, *reversed(engine.site.trust.documents))):
        signed = None if document is None else _judge_by(document, origin, checkpoint, note)
        if signed is not None and signed.received:
            return signed
        best = best or signed
    return best


def _judge_by(document: Corridor, origin: str, checkpoint: Checkpoint, note: Note) -> Signed | None:
    try:
        keys = keys_of(document, origin)
    except SignatureError:
        return None
    second = () if keys.log_mldsa44 is None else (keys.log_mldsa44,)
    true = [one for one in (keys.log, *second, keys.reader, *keys.witnesses) if signed_by(note, one)]
    if keys.log not in true:
        return None
    witnesses = sum(one in true for one in keys.witnesses)
    return Signed(checkpoint, only(note, true), document, keys.reader in true, witnesses)


# --- the file ---


def _related_item(engine: Engine, leaf: LeafRow, *, with_body: bool, chosen: Sequence[bool] | None) -> Item | None:
    """A related message, whose leaf has its body; None while it has no receipt."""
    if decode_header(leaf.header).kind == RELAY_KIND:
        return routed.related(engine, leaf, with_body=with_body, whole=chosen is None)
    signed = _best(engine, leaf)
    if signed is None or not signed.received:
        return None
    return _item(engine, leaf, signed, RELATED, with_body=with_body, chosen=chosen)


def _item(
    engine: Engine, leaf: LeafRow, signed: Signed, role: str, *, with_body: bool, chosen: Sequence[bool] | None
) -> Item:
    size = signed.checkpoint.size
    hashes = inclusion_proof(leaf.leaf_index, size, partial(engine.store.tile, leaf.log_id))
    document = signed.document
    header, shown, key = decode_header(leaf.header), None, None
    body = leaf.body if with_body and not is_withheld(header, leaf.body) else None
    if body is not None and chosen is not None and header.media_type == PARTS_MEDIA_TYPE and header.path is None:
        shown = _excerpt(body, chosen)
        body = None
    if body is not None and header.path is not None:
        key = routed.key_of(engine, header, body, whole=chosen is None)
    return Item(
        body=body,
        corridor=DocumentRef(document.digest, document.name, document.version),
        header=leaf.header.decode(),
        key=key,
        parts=shown,
        proof=format_proof(Proof(leaf.leaf_index, hashes, signed.note)).decode(),
        role=role,
    )


def _excerpt(body: bytes, chosen: Sequence[bool]) -> tuple[Part, ...]:
    """The parts that are chosen, and the digests of the others."""
    return tuple(
        Part(body=part) if is_shown else Part(digest=sha256(part).hexdigest())
        for part, is_shown in zip(parts.split(body), chosen, strict=True)
    )
