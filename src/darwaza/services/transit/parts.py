"""A paper in several QR codes: split, with one code more than needed, joined in any order.

One code that carried it all would be too dense for a cracked phone in the dust. So the bytes are cut into equal parts,
and one more part holds their XOR: any one code may be torn, wet or missing. Each code says which paper it is of, how
many there are, and which one it is, so codes of two papers are never mixed. The text is base45 (RFC 9285), which fits
the QR alphanumeric mode (ISO/IEC 18004) and survives every scanner that only hands over text.

    DWZ1: + base45( set id 4 | index 1 | parts 1 | length 3 | part )
"""

from collections.abc import Iterable
from hashlib import sha256

from darwaza.errors import ConflictError, MalformedError, TooLargeError

PREFIX = "DWZ1:"

PART_BYTES_MAX = 950
"""Data bytes in one code: with header and prefix 1,444 characters, under the 1,451 of version 25 at level M."""

PARTS_MAX = 15
"""Data codes of one paper; one more holds the XOR."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}
_HEADER_BYTES = 9
_SET_BYTES = 4


def to_base45(data: bytes) -> str:
    """Encode in base45 (RFC 9285)."""
    text: list[str] = []
    for at in range(0, len(data) - 1, 2):
        rest, first = divmod(data[at] * 256 + data[at + 1], 45)
        third, second = divmod(rest, 45)
        text += (_ALPHABET[first], _ALPHABET[second], _ALPHABET[third])
    if len(data) % 2:
        second, first = divmod(data[-1], 45)
        text += (_ALPHABET[first], _ALPHABET[second])
    return "".join(text)


def from_base45(text: str) -> bytes:
    """Decode base45, refusing every text ``to_base45`` would not write.

    Raises:
        MalformedError: code ``part_malformed``.
    """
    try:
        values = [_VALUE[character] for character in text]
    except KeyError as error:
        raise MalformedError("not base45", code="part_malformed") from error
    data = bytearray()
    for at in range(0, len(values), 3):
        group = values[at : at + 3]
        number = sum(value * 45**place for place, value in enumerate(group))
        width = len(group) - 1
        if width == 0 or number >= 256**width:
            raise MalformedError("not base45", code="part_malformed")
        data += number.to_bytes(width, "big")
    return bytes(data)


def split(data: bytes) -> tuple[str, ...]:
    """Cut bytes into the texts of QR codes, one more than needed.

    Raises:
        TooLargeError: code ``paper_too_large``; more than ``PARTS_MAX`` codes would be needed.
    """
    count = max(1, -(-len(data) // PART_BYTES_MAX))
    if count > PARTS_MAX:
        raise TooLargeError(f"{len(data)} bytes need more than {PARTS_MAX} codes", code="paper_too_large")
    size = -(-len(data) // count)
    padded = data.ljust(size * count, b"\0")
    pieces = [padded[at : at + size] for at in range(0, len(padded), size)] if size else [b""]
    pieces.append(_xor(pieces))
    set_id = sha256(data).digest()[:_SET_BYTES]
    head = bytes([count]) + len(data).to_bytes(3, "big")
    return tuple(PREFIX + to_base45(set_id + bytes([index]) + head + piece) for index, piece in enumerate(pieces))


def join(texts: Iterable[str]) -> bytes:
    """Join what scanning gave: in any order, with repeats, one missing.

    Raises:
        MalformedError: code ``part_malformed`` (not such a code), ``parts_missing`` (its detail names which), or
            ``parts_broken`` (together they are not the paper they say they are).
        ConflictError: code ``parts_mixed``; codes of two papers.
    """
    pieces: dict[int, bytes] = {}
    heads: set[bytes] = set()
    for text in texts:
        head, index, piece = _read(text)
        heads.add(head)
        if pieces.setdefault(index, piece) != piece:
            raise ConflictError(f"two different codes say they are number {index + 1}", code="parts_mixed")
    if not heads:
        raise MalformedError("no code was scanned", code="parts_missing")
    if len(heads) > 1:
        raise ConflictError("the codes are of different papers", code="parts_mixed")
    head = heads.pop()
    count, length = head[_SET_BYTES], int.from_bytes(head[_SET_BYTES + 1 :], "big")
    missing = [index for index in range(count) if index not in pieces]
    if missing and (len(missing) > 1 or count not in pieces):
        names = ", ".join(str(index + 1) for index in missing)
        raise MalformedError(f"of {count + 1} codes, {names} are missing; all but one are needed", code="parts_missing")
    if len({len(piece) for piece in pieces.values()}) != 1:
        raise MalformedError("the codes differ in length", code="parts_broken")
    for index in missing:
        pieces[index] = _xor([piece for number, piece in pieces.items() if number != index])
    data = b"".join(pieces[index] for index in range(count))[:length]
    if sha256(data).digest()[:_SET_BYTES] != head[:_SET_BYTES]:
        raise MalformedError("the codes do not make up the paper they name", code="parts_broken")
    return data


def _read(text: str) -> tuple[bytes, int, bytes]:
    """Read one code: what all codes of a paper share, its index, its piece."""
    if not text.startswith(PREFIX):
        raise MalformedError(f"not a code of a transit paper: it starts with {PREFIX}", code="part_malformed")
    raw = from_base45(text.removeprefix(PREFIX))
    if len(raw) < _HEADER_BYTES:
        raise MalformedError("the code is too short", code="part_malformed")
    index, count = raw[_SET_BYTES], raw[_SET_BYTES + 1]
    if not 1 <= count <= PARTS_MAX or index > count:
        raise MalformedError("the code's number is out of range", code="part_malformed")
    return raw[:_SET_BYTES] + raw[_SET_BYTES + 1 : _HEADER_BYTES], index, raw[_HEADER_BYTES:]


def _xor(pieces: list[bytes]) -> bytes:
    """Return the XOR of equally long pieces."""
    total = 0
    for piece in pieces:
        total ^= int.from_bytes(piece, "big")
    return total.to_bytes(len(pieces[0]), "big")
