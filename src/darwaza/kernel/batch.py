"""What moves over a link in one go: consecutive messages of one log and one signed checkpoint.

A batch authenticates itself, so the carrier is free: the same bytes travel in an HTTPS request, in a file on a stick,
or back to an author who lost its disk. On the wire it is one MessagePack array::

    [1, origin, start, checkpoint, [[header, body], ...]]

``checkpoint`` is the author's signed note for the tree that ends with the last entry; it needs no consistency proof,
because the reader recomputes the root from its own tree and the entries. spec/link.md is the language-neutral text.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.config import BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, BODY_BYTES_MAX, CHECKPOINT_BYTES_MAX, HEADER_BYTES_MAX
from darwaza.errors import MalformedError, TooLargeError

VERSION = 1

Entry = tuple[
    Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)],
    Annotated[bytes, Meta(max_length=BODY_BYTES_MAX)],
]
"""A canonical header and its body."""


class Batch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Consecutive leaves of one log, with the checkpoint they lead to.

    Attributes:
        version: of this format, 1.
        origin: the log's origin line (C2SP tlog-checkpoint).
        start: index of the first entry; the tree's size before it.
        checkpoint: signed note, its size is ``start + len(entries)``.
        entries: at least one.
    """

    version: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    origin: Annotated[str, Meta(min_length=1, max_length=255)]
    start: Annotated[int, Meta(ge=0, lt=1 << 40)]
    checkpoint: Annotated[bytes, Meta(max_length=CHECKPOINT_BYTES_MAX)]
    entries: Annotated[list[Entry], Meta(min_length=1, max_length=BATCH_MESSAGES_MAX)]

    @property
    def end(self) -> int:
        """The tree's size after the last entry."""
        return self.start + len(self.entries)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Batch).decode


def encode(origin: str, start: int, checkpoint: bytes, entries: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Write a batch."""
    return _encode((VERSION, origin, start, checkpoint, entries))


def decode(raw: bytes) -> Batch:
    """Read a batch; only its shape is checked here.

    Raises:
        TooLargeError: ``batch_too_large``.
        MalformedError: ``batch_malformed``.
    """
    if len(raw) > BATCH_BYTES_MAX:
        raise TooLargeError(f"the batch has {len(raw)} bytes, the limit is {BATCH_BYTES_MAX}", code="batch_too_large")
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the batch cannot be read: {fault}", code="batch_malformed") from fault
