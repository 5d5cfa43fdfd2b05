"""Bodies in parts: what one message says of many, so that each can be shown without the others.

The body is its parts joined by one byte, which no part may hold: XML 1.0 forbids that character, JSON escapes it. Its
digest is SHA-256 over the digests of the parts, so whoever is given some of the parts and the digests of all others
still holds the whole against the header. A part that holds something nobody can guess, as a UETR is, cannot be found
out from its digest.

spec/message.md is the language-neutral text.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from darwaza.errors import MalformedError

PARTS_MEDIA_TYPE: Final = "application/vnd.darwaza.parts"
PARTS_MAX: Final = 1_024
"""Of a body; digests of so many take 64 KiB of an evidence file."""
SEPARATOR: Final = b"\x1e"
"""U+001E, the record separator, which is one byte in UTF-8 too."""

_DIGEST: Final = b"darwaza/parts/v1"


def join(parts: Sequence[bytes]) -> bytes:
    """The body of these parts.

    Args:
        parts: 1 to ``PARTS_MAX``; each without the separator.

    Raises:
        MalformedError: ``parts_malformed``.
    """
    body = SEPARATOR.join(parts)
    if not 0 < len(parts) <= PARTS_MAX or body.count(SEPARATOR) != len(parts) - 1:
        raise _malformed()
    return body


def split(body: bytes) -> list[bytes]:
    """The parts of a body, in order; an empty body is one empty part.

    Raises:
        MalformedError: ``parts_malformed`` for more than ``PARTS_MAX``.
    """
    parts = body.split(SEPARATOR, PARTS_MAX)
    if len(parts) > PARTS_MAX:
        raise _malformed()
    return parts


def digest_of(digests: Iterable[bytes]) -> str:
    """The digest of a body, lower-case hex, from the SHA-256 digests of all its parts in order, 32 bytes each."""
    return sha256(_DIGEST + b"".join(digests)).hexdigest()


def body_digest(body: bytes) -> str:
    """The digest of a body in parts, lower-case hex.

    Raises:
        MalformedError: as ``split``.
    """
    return digest_of([sha256(part).digest() for part in split(body)])


def _malformed() -> MalformedError:
    return MalformedError(
        f"a body in parts has 1 to {PARTS_MAX} of them, none with the byte that parts them", code="parts_malformed"
    )
