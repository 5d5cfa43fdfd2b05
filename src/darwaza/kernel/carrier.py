"""A carrier file: what would have gone over the wire, on a stick.

A MessagePack stream: first a head, then items in any order. It needs no signature of its own: every batch and every
co-signed checkpoint in it proves itself. spec/link.md, "Carrier files".
"""

import io
from collections.abc import Iterator
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta

from darwaza.config import BATCH_BYTES_MAX
from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel.message import InstantText, MemberText

MAGIC = b"darwaza carrier 1\n"
LENGTH_BYTES = 4
BATCH = "batch"
NOTE = "note"


class Head(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the file is.

    Attributes:
        corridor: name.
        sender: member whose gateway wrote it.
        recipient: member whose gateway it is for.
        written_at: instant.
    """

    corridor: Annotated[str, Meta(max_length=128)]
    sender: MemberText
    recipient: MemberText
    written_at: InstantText


class Item(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One thing carried.

    Attributes:
        kind: ``BATCH``: an encoded batch of a log of the sender; ``NOTE``: a checkpoint of a log of the recipient,
            co-signed by the sender, which is its acknowledgement.
        data: the bytes.
    """

    kind: str
    data: bytes


_encode = msgspec.msgpack.Encoder().encode
_head = msgspec.msgpack.Decoder(Head).decode
_item = msgspec.msgpack.Decoder(Item).decode


def write(file: BinaryIO, value: Head | Item) -> None:
    """Append a head or an item: its length in 4 bytes, big-endian, then MessagePack. The magic stands before a head."""
    raw = _encode(value)
    if isinstance(value, Head):
        file.write(MAGIC)
    file.write(len(raw).to_bytes(LENGTH_BYTES, "big") + raw)


def read_head(file: BinaryIO) -> Head:
    """Read the magic and the head.

    Raises:
        MalformedError: ``carrier_malformed``.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise MalformedError("this is not a carrier file", code="carrier_malformed")
    raw = _piece(file)
    if raw is None:
        raise MalformedError("the carrier file ends before its head", code="carrier_malformed")
    try:
        return _head(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise MalformedError(f"the carrier file's head cannot be read: {fault}", code="carrier_malformed") from fault


def read_items(file: BinaryIO) -> Iterator[Item]:
    """Read the items that follow the head.

    Raises:
        MalformedError: ``carrier_malformed``, also for a file cut off in the middle; what was read before is good.
        TooLargeError: ``carrier_item_too_large``.
    """
    while (raw := _piece(file)) is not None:
        try:
            yield _item(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            raise MalformedError(f"an item cannot be read: {fault}", code="carrier_malformed") from fault


def _piece(file: BinaryIO) -> bytes | None:
    prefix = file.read(LENGTH_BYTES)
    if not prefix:
        return None
    length = int.from_bytes(prefix, "big")
    if length > BATCH_BYTES_MAX + 64:
        raise TooLargeError(f"an item of {length} bytes is over the limit", code="carrier_item_too_large")
    raw = file.read(length)
    if len(prefix) != LENGTH_BYTES or len(raw) != length:
        raise MalformedError("the carrier file is cut off", code="carrier_malformed")
    return raw


def split(file: BinaryIO, bytes_max: int) -> Iterator[bytes]:
    """Cut a carrier file into pieces that are carrier files themselves.

    Args:
        file: open at its beginning.
        bytes_max: what a piece should not exceed; a single larger item makes a piece of its own.

    Raises:
        MalformedError, TooLargeError: see ``read_head`` and ``read_items``.
    """
    head = read_head(file)
    piece = io.BytesIO()
    write(piece, head)
    empty_bytes = piece.tell()
    for item in read_items(file):
        if piece.tell() > empty_bytes and piece.tell() + len(item.data) > bytes_max:
            yield piece.getvalue()
            piece = io.BytesIO()
            write(piece, head)
        write(piece, item)
    yield piece.getvalue()
