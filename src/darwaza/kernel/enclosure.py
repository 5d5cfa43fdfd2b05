"""An enclosure: a document that one party of the destination opens, and no gateway on either side.

The sender's own machine makes it and the recipient's own machine opens it; between them it is a document like any
other, and its digest, receipts and evidence are over the sealed bytes. A fresh key encrypts the document in segments,
so that 100 MB need no memory; that key stands in front, sealed to the party's key (``darwaza.kernel.seal``, layer 2).

The first line says what the enclosure is bound to: sender, recipient, case, consignment, expiry. HPKE binds the sealed
key to that very line, and whoever opens it holds the line against the message it came in. So a sealed document planted
under another message, another sender or another recipient is refused, although nobody on the way can look into it.

On the wire: the head, one line of RFC 8785 JSON, then LF; the sealed key, 1179 bytes; segments of 65,536 bytes of
plaintext, the last of 1 to 65,536, each AES-256-GCM with its tag behind it. The nonce of a segment is its number in 11
bytes, big-endian, and one byte, 1 for the last and else 0 (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
Vizár, 2015): nothing can be cut off, left out, repeated or moved. The plaintext is again one line of RFC 8785 JSON,
``Inside``, LF, and the document. spec/enclosure.md is the language-neutral text.

What it hides from the gateways: content, file name, media type. What they see: who writes to whom, the title, when, and
how long it is. HPKE proves nothing about the sender; the signed log does that.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta

from darwaza.errors import ConflictError, MalformedError, SignatureError
from darwaza.kernel.message import AddressText, DigestText, InstantText, UcrText, UuidText
from darwaza.kernel.seal import PARTY, SEAL_OVERHEAD_BYTES, SealKey, UnsealKey
from darwaza.kernel.sealcard import fingerprint

ENCLOSURE_MEDIA_TYPE: Final = "application/vnd.darwaza.enclosure"
HEAD_BYTES_MAX: Final = 1_024
INSIDE_BYTES_MAX: Final = 1_024
SEGMENT_BYTES: Final = 65_536
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32
_SEALED_KEY_BYTES: Final = SEAL_OVERHEAD_BYTES + _KEY_BYTES
_SEALED_SEGMENT_BYTES: Final = SEGMENT_BYTES + _TAG_BYTES
_NUMBER_BYTES: Final = 11
_FRONT_BYTES_MAX: Final = HEAD_BYTES_MAX + 1 + _SEALED_KEY_BYTES


class Bound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an enclosure is bound to; each as in the header of the offer that carries it (``message.Header``)."""

    case_id: UuidText
    destination: AddressText
    expires_at: InstantText | None = None
    origin: AddressText
    ucr: UcrText | None = None


class Head(Bound, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first line of an enclosure; written in RFC 8785 order.

    Attributes:
        format: of the enclosure.
        key: fingerprint of the sealing key it is sealed to, so that its owner finds the right one among former ones.
    """

    format: Literal["darwaza/enclosure/v1"] = "darwaza/enclosure/v1"
    key: DigestText

    @property
    def line(self) -> bytes:
        """As it stands in front, without LF."""
        fields = {"format": self.format, **msgspec.to_builtins(self)}
        return msgspec.json.encode(fields, order="sorted")

    @property
    def bound(self) -> Bound:
        """What the enclosure is bound to."""
        return Bound(**{name: getattr(self, name) for name in Bound.__struct_fields__})


class Inside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only the recipient learns besides the document. Fields in RFC 8785 order.

    Attributes:
        filename: without folders, at most 200 characters; a name for people, never a path to write to.
        media_type: of the document.
    """

    filename: Annotated[str, Meta(max_length=200, pattern=r"^[^/\\\x00-\x1f]*$(?!\n)")]
    media_type: Annotated[str, Meta(min_length=3, max_length=127, pattern=r"^[!-~]+/[ -~]+$(?!\n)")]


_encode = msgspec.json.Encoder().encode
_read_head = msgspec.json.Decoder(Head).decode
_read_inside = msgspec.json.Decoder(Inside).decode


def seal(content: Iterable[bytes], bound: Bound, inside: Inside, to: SealKey) -> Iterator[bytes]:
    """Make an enclosure, piece by piece; it differs each time.

    Args:
        content: the document, in pieces of any length.
        bound: what it is bound to.
        inside: what goes with it.
        to: the recipient's key, from a verified card.
    """
    head = Head(**msgspec.structs.asdict(bound), key=fingerprint(to.raw)).line
    key = AESGCM.generate_key(_KEY_BYTES * 8)
    yield head + b"\n" + to.seal(key, head, PARTY)
    cipher = AESGCM(key)
    held = bytearray(_encode(inside) + b"\n")
    number = 0
    for piece in content:
        held += piece
        # The last segment is marked as such, so one is kept back until more has come.
        while len(held) > SEGMENT_BYTES:
            yield cipher.encrypt(_nonce(number, last=False), bytes(held[:SEGMENT_BYTES]), None)
            del held[:SEGMENT_BYTES]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(held), None)


def sealed_bytes(content_bytes: int, bound: Bound, inside: Inside) -> int:
    """How long the enclosure of a document of this length will be."""
    plain = len(_encode(inside)) + 1 + content_bytes
    head = Head(**msgspec.structs.asdict(bound), key="0" * 64).line
    return len(head) + 1 + _SEALED_KEY_BYTES + plain + _TAG_BYTES * -(-plain // SEGMENT_BYTES)


def read_head(start: bytes) -> Head:
    """Read what an enclosure says of itself, which nobody has verified.

    Args:
        start: the first ``HEAD_BYTES_MAX`` + 1 bytes or more, or the whole.

    Raises:
        MalformedError: ``enclosure_malformed``.
    """
    line, newline, _ = start[: HEAD_BYTES_MAX + 1].partition(b"\n")
    if not newline:
        raise _malformed("an enclosure begins with one line of JSON")
    try:
        head = _read_head(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise _malformed(f"the first line cannot be read: {fault}") from fault
    if head.line != line:
        raise _malformed("the first line is not in RFC 8785 form")
    return head


def unseal(sealed: Iterable[bytes], bound: Bound, keys: Sequence[UnsealKey]) -> tuple[Inside, Iterator[bytes]]:
    """Open an enclosure.

    The checks, in this order: the first line; it names the message the enclosure came in; the key it names is given;
    the sealed key opens; each segment opens; the last one is marked as such; ``Inside``.

    Args:
        sealed: the enclosure, in pieces of any length.
        bound: of the message it came in, as the gateway tells it.
        keys: the recipient's, the newest and former ones.

    Returns:
        What goes with the document; and the document in pieces, each verified before it is given out. Only when the
        iterator has ended without an error is the document known to be whole.

    Raises:
        MalformedError: ``enclosure_malformed``, ``sealed_malformed``; also from the iterator.
        ConflictError: ``enclosure_misplaced``: it was sealed for another message.
        SignatureError: ``enclosure_key_missing``: none of the keys is the one it was sealed to; ``unseal_failed``: it
            was altered, cut, or its first line is not the one it was sealed with; also from the iterator.
    """
    source = _Source(sealed)
    front = source.take(_FRONT_BYTES_MAX)
    head = read_head(front)
    _check_bound(head, bound)
    key = next((one for one in keys if fingerprint(one.public) == head.key), None)
    if key is None:
        detail = f"it is sealed to the key with the fingerprint {head.key}, which is not among the keys given"
        raise SignatureError(detail, code="enclosure_key_missing", pointer="/key")
    start = len(head.line) + 1
    source.give_back(front[start + _SEALED_KEY_BYTES :])
    content_key = key.unseal(front[start : start + _SEALED_KEY_BYTES], head.line, PARTY)
    if len(content_key) != _KEY_BYTES:
        raise _malformed("what is sealed in front is no key")
    pieces = _open(source, AESGCM(content_key))
    first = next(pieces)
    line, newline, rest = first.partition(b"\n")
    try:
        inside = _read_inside(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise _malformed(f"the first line inside cannot be read: {fault}") from fault
    if not newline or len(line) > INSIDE_BYTES_MAX or _encode(inside) != line:
        raise _malformed("the first line inside is not in RFC 8785 form")
    return inside, _after(rest, pieces)


def _check_bound(head: Head, bound: Bound) -> None:
    for name in Bound.__struct_fields__:
        said, wanted = getattr(head, name), getattr(bound, name)
        if said != wanted:
            detail = f"it was sealed for another message: its {name} is {said}, that of the message is {wanted}"
            raise ConflictError(detail, code="enclosure_misplaced", pointer=f"/{name}")


def _open(source: "_Source", cipher: AESGCM) -> Iterator[bytes]:
    number, segment = 0, source.take(_SEALED_SEGMENT_BYTES)
    while True:
        following = source.take(_SEALED_SEGMENT_BYTES)
        if len(segment) <= _TAG_BYTES:
            raise _malformed("an enclosure holds at least one byte, and so does its last segment")
        try:
            yield cipher.decrypt(_nonce(number, last=not following), segment, None)
        except InvalidTag as fault:
            raise SignatureError("the sealed document was altered or cut", code="unseal_failed") from fault
        if not following:
            return
        number, segment = number + 1, following


def _after(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big") + bytes([last])


def _malformed(detail: str) -> MalformedError:
    return MalformedError(detail, code="enclosure_malformed")


class _Source:
    """Gives a sequence of pieces out in lengths asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = bytearray()

    def take(self, length: int) -> bytes:
        """The next bytes, fewer only at the end."""
        while len(self._held) < length:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held += piece
        taken = bytes(self._held[:length])
        del self._held[:length]
        return taken

    def give_back(self, rest: bytes) -> None:
        """Put bytes back in front."""
        self._held[:0] = rest
