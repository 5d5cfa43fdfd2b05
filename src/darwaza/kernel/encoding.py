"""The two primitive text forms the C2SP log formats are made of: strict base64 and strict decimal numbers.

Both have exactly one text for each value, so that a parsed document formats back to the bytes it came from.
"""

import binascii
import re

from darwaza.errors import MalformedError

NUMBER_MAX = 2**63 - 1
"""Largest tree size, index or time in seconds; other implementations hold them as signed 64-bit integers."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def to_base64(data: bytes) -> str:
    """Encode in standard base64 with padding (RFC 4648 section 4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def parse_base64(text: str, length: int | None = None) -> bytes:
    """Decode standard base64 (RFC 4648 section 4), refusing every text ``to_base64`` would not write.

    Args:
        text: the whole encoding, with padding.
        length: number of bytes it must decode to, or None for any.

    Raises:
        MalformedError: code ``base64_wrong``.
    """
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii.Error, or a text that is not ASCII
        raise MalformedError("the text is not base64", code="base64_wrong") from error
    # strict_mode lets non-zero trailing bits pass, which would give one value several texts.
    if to_base64(data) != text:
        raise MalformedError("the base64 is not in its only allowed form", code="base64_wrong")
    if length is not None and len(data) != length:
        raise MalformedError(f"the base64 holds {len(data)} bytes instead of {length}", code="base64_wrong")
    return data


def parse_decimal(text: str) -> int:
    """Read a decimal number, ASCII digits without leading zeros, 0 to ``NUMBER_MAX``.

    Raises:
        MalformedError: code ``number_wrong``.
    """
    if _DECIMAL.fullmatch(text) is None or (number := int(text)) > NUMBER_MAX:
        raise MalformedError("not a decimal number without leading zeros in range", code="number_wrong")
    return number
