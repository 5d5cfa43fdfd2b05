"""Text of elements, turned into values and back.

Reading is called for text its schema has accepted, and adds what a schema cannot say. Writing is called for values from
anywhere; what it produces is checked by the schema afterwards, so it guards only what would damage the document or lose
meaning: characters XML forbids, numbers without an end, moments without a zone.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from darwaza.errors import MalformedError

_FORBIDDEN = "\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff"
_SPECIAL: Final = re.compile(f"[&<>\r{_FORBIDDEN}]")
_ILLEGAL: Final = re.compile(f"[{_FORBIDDEN}]")
_ZONE: Final = re.compile(r"(Z|[+-]\d\d:\d\d)$", re.ASCII)


def escape(text: str) -> str:
    """Return text as XML 1.0 character data.

    Raises:
        MalformedError: ``character_forbidden`` for a character XML 1.0 (section 2.2) does not allow.
    """
    # Nearly all text is letters and digits, and this is called for every text written.
    if text.isalnum() or _SPECIAL.search(text) is None:
        return text
    if _ILLEGAL.search(text):
        raise MalformedError("a character that XML forbids", code="character_forbidden")
    # A bare carriage return would come back as a line feed (XML 1.0 section 2.11).
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def read_instant(text: str) -> datetime:
    """Read xs:dateTime as aware UTC; digits beyond the microsecond are dropped.

    Raises:
        MalformedError: ``time_zone_missing`` for local time, which names no moment; ``time_out_of_range`` for years
            before 1 or after 9999 and for 24:00:00.
    """
    try:
        at = datetime.fromisoformat(text.strip())
        if at.tzinfo is UTC:
            return at
        if at.tzinfo is None:
            raise MalformedError("the time has no zone", code="time_zone_missing")
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedError("the time is out of range", code="time_out_of_range") from error


def write_instant(at: datetime) -> str:
    """Write a moment as UTC with ``Z``.

    Raises:
        MalformedError: ``time_zone_missing``.
    """
    if at.tzinfo is None:
        raise MalformedError("the time has no zone", code="time_zone_missing")
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def read_date(text: str) -> date:
    """Read xs:date; a zone, which the type allows, is refused because a business date has none.

    Raises:
        MalformedError: ``date_with_zone`` or ``time_out_of_range``.
    """
    text = text.strip()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        if _ZONE.search(text):
            raise MalformedError("the date has a zone", code="date_with_zone") from error
        raise MalformedError("the date is out of range", code="time_out_of_range") from error


def read_boolean(text: str) -> bool:
    """Read xs:boolean: true, false, 1, 0."""
    return text.strip() in {"true", "1"}


def write_boolean(value: bool) -> str:
    """Write xs:boolean."""
    return "true" if value else "false"


def write_decimal(value: Decimal) -> str:
    """Write xs:decimal, without an exponent.

    Raises:
        MalformedError: ``number_wrong`` for infinity and not-a-number.
    """
    if not value.is_finite():
        raise MalformedError("the number is not finite", code="number_wrong")
    return format(value, "f")


READERS: Final[dict[type, Callable[[str], Any]]] = {
    int: int,
    bool: read_boolean,
    Decimal: Decimal,
    date: read_date,
    datetime: read_instant,
}
"""From text to value by the field's type; ``str`` needs none."""

WRITERS: Final[dict[type, Callable[[Any], str]]] = {
    str: escape,
    int: str,
    bool: write_boolean,
    Decimal: write_decimal,
    date: date.isoformat,
    datetime: write_instant,
}
"""From value to text by the field's type."""
