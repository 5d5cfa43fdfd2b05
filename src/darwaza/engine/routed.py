"""Routed messages as they are stored: what they carry, and the items of evidence that show which way they went.

At its origin they come from the newest report of a member of the path; at its destination from the envelope it came in.
"""

from functools import partial
from typing import NamedTuple

import msgspec

from darwaza.engine.engine import Engine
from darwaza.engine.forwarding import own_message
from darwaza.engine.reporting import with_lines
from darwaza.engine.voyage import DELIVERED, ROUTE, Voyage
from darwaza.errors import DarwazaError
from darwaza.kernel import letter, report
from darwaza.kernel.corridor import Corridor
from darwaza.kernel.evidence import HOP, MESSAGE, RELATED, DocumentRef, Item
from darwaza.kernel.exhibit import signed_by
from darwaza.kernel.history import keys_of
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import Header, decode_header, member_of
from darwaza.kernel.parts import PARTS_MEDIA_TYPE
from darwaza.kernel.proof import format_proof
from darwaza.kernel.relay import Envelope, decode_envelope
from darwaza.kernel.seal import Binding, UnsealKey
from darwaza.kernel.tile import inclusion_proof
from darwaza.kernel.trail import RELAY_KIND, Hop
from darwaza.ports.store import LeafRow


def items(engine: Engine, leaf: LeafRow, *, with_body: bool, whole: bool) -> list[Item]:
    """What a message's path adds to its evidence.

    Args:
        engine: the gateway.
        leaf: of the message, with its body.
        with_body: whether the body may be shown.
        whole: whether all of a body in parts may be.

    Returns:
        At the destination the message itself and its further links; at the origin the further links alone, to stand
        behind the message as it was ``sent``; nothing for a message between neighbours, or while nobody has told.
    """
    header = decode_header(leaf.header)
    if header.kind == RELAY_KIND:
        envelope = decode_envelope(leaf.body)
        hops = (*envelope.hops[1:], _arrival(engine, leaf))
        first = _carried(engine, envelope, MESSAGE, with_body=with_body, whole=whole)
        return [first, *(_item(engine, hop, HOP) for hop in hops)]
    return [_item(engine, hop, HOP) for hop in _told(engine, leaf)[1]]


def related(engine: Engine, leaf: LeafRow, *, with_body: bool, whole: bool) -> Item:
    """A message that came in an envelope, as one related to another: its place in its origin's signed log.

    Args:
        engine: the gateway.
        leaf: of the envelope, with its body.
        with_body: whether the message's body may be shown.
        whole: whether all of a body in parts may be.
    """
    return _carried(engine, decode_envelope(leaf.body), RELATED, with_body=with_body, whole=whole)


def key_of(engine: Engine, header: Header, body: bytes, *, whole: bool) -> bytes | None:
    """The key of a routed message's letter, at either end of its path.

    Args:
        engine: the gateway.
        header: of the message.
        body: its letter.
        whole: whether all of a body in parts may be shown: the key would show every part.

    Returns:
        32 bytes that open the letter; None when it stays sealed, or its key is not here.
    """
    if not whole and header.media_type == PARTS_MEDIA_TYPE:
        return None
    binding = Binding.of(header)
    reveal = letter.reveal_again if member_of(header.origin) == engine.site.member else letter.reveal

    def tried(key: UnsealKey) -> bytes:
        revealed = reveal(body, binding, key)
        letter.read_revealed(body, binding, revealed)  # its sender may have sealed the key of nothing
        return revealed

    try:
        return engine.site.opened(tried)
    except DarwazaError:
        return None


def read(engine: Engine, leaf: LeafRow) -> tuple[Header, bytes]:
    """The message a stored leaf carries and its body as its service knows it: out of its envelope, and opened.

    Returns:
        The message's own header, and b"" for a body that is not kept or that only another gateway opens.
    """
    if not leaf.body:
        return decode_header(leaf.header), b""
    header, body = own_message(leaf)
    if header.path is None:
        return header, body
    opening = letter.read_again if member_of(header.origin) == engine.site.member else letter.read
    try:
        return header, engine.site.opened(partial(opening, body, Binding.of(header)))
    except DarwazaError:
        return header, b""


class Shown(NamedTuple):
    """What its destination shows of a routed message, so that anybody can read it and knows who signed it.

    Attributes:
        hop: the message's header, in its origin's signed log.
        letter: its sealed body.
        key: of that letter alone.
    """

    hop: Hop
    letter: bytes
    key: bytes


def show(engine: Engine, leaf: LeafRow) -> Shown | None:
    """Show a message that was routed to this member; None for any other, or when its key is not here any more."""
    if not leaf.body or decode_header(leaf.header).kind != RELAY_KIND:
        return None
    envelope = decode_envelope(leaf.body)
    header = decode_header(envelope.hops[0].header)
    key = key_of(engine, header, envelope.body, whole=True)
    return None if key is None else Shown(envelope.hops[0], envelope.body, key)


def read_at(engine: Engine, place: tuple[int, int, bytes]) -> tuple[Header, bytes]:
    """Do the same for a log's id, an index and the header there, as ``Store.case_leaves`` gives them."""
    log_id, index, raw = place
    return read(engine, LeafRow(log_id, index, "", "", raw, engine.store.body(log_id, index) or b""))


def sent(engine: Engine, leaf: LeafRow) -> LeafRow:
    """The copy of an own message that its newest report tells of: it may have gone over several paths."""
    header = _told(engine, leaf)[0]
    found = [
        LeafRow(log_id, index, leaf.message_key, leaf.case_id, raw, b"")
        for log_id, index, raw in engine.store.case_leaves(leaf.case_id)
        if raw == header
    ]
    return found[0] if found else leaf


def is_delivered(engine: Engine, leaf: LeafRow) -> bool:
    """Whether the destination of an own message has signed for it: the neighbour, or whoever it was routed to."""
    header = decode_header(leaf.header)
    straight = header.path is None and leaf.leaf_index < engine.logs[leaf.log_id].row.cosigned_size
    if straight:
        return True
    row = engine.store.cases([header.id]).get(header.id)
    return row is not None and row.service == ROUTE and row.state == DELIVERED


def _arrival(engine: Engine, leaf: LeafRow) -> Hop:
    """The last link, with this member's own signature."""
    row = engine.logs[leaf.log_id].row
    held = engine.store.checkpoint_from(leaf.log_id, leaf.leaf_index + 1)
    note, size = (row.checkpoint, row.size) if held is None else (held.note, held.size)
    hashes = inclusion_proof(leaf.leaf_index, size, lambda *at: engine.store.tile(leaf.log_id, *at))
    names = (row.origin, engine.site.trust.cosigner_name(engine.site.member))
    return Hop(leaf.header, leaf.leaf_index, b"".join(hashes), with_lines(note, names))


def _told(engine: Engine, leaf: LeafRow) -> tuple[bytes, tuple[Hop, ...]]:
    """The header that the newest report of an own message is about, and the links it proves."""
    message_id = decode_header(leaf.header).id
    row = engine.store.cases([message_id]).get(message_id)
    if row is None or row.service != ROUTE:
        return leaf.header, ()
    voyage = msgspec.msgpack.decode(row.data, type=Voyage)
    stored = None if voyage.report is None else engine.store.leaf(voyage.report[0])
    if voyage.report is None or stored is None:
        return leaf.header, ()
    try:
        header, body = own_message(stored)
        said = engine.site.opened(partial(letter.read, body, Binding.of(header)))
        item = report.decode(said).items[voyage.report[1]]
    except DarwazaError:
        return leaf.header, ()  # sealed to a key that is not here any more
    about = next((raw for raw in voyage.tries if leaf_hash(raw) == item.leaf), leaf.header)
    return about, item.hops


def _carried(engine: Engine, envelope: Envelope, role: str, *, with_body: bool, whole: bool) -> Item:
    """The item of the message in an envelope, as its origin logged it."""
    first = envelope.hops[0]
    made = _item(engine, first, role)
    if not with_body:
        return made
    key = key_of(engine, decode_header(first.header), envelope.body, whole=whole)
    return msgspec.structs.replace(made, body=envelope.body, key=key)


def _item(engine: Engine, hop: Hop, role: str) -> Item:
    origin = hop.checkpoint.partition(b"\n")[0].decode()
    document = _document(engine, hop, origin)
    return Item(
        corridor=DocumentRef(document.digest, document.name, document.version),
        header=hop.header.decode(),
        proof=format_proof(hop.proof).decode(),
        role=role,
    )


def _document(engine: Engine, hop: Hop, origin: str) -> Corridor:
    """The newest version whose key signed a link."""
    note = hop.proof.note
    for document in reversed(engine.site.trust.documents):
        try:
            if signed_by(note, keys_of(document, origin).log):
                return document
        except DarwazaError:
            continue
    return engine.site.trust.current
