"""Instants on the wire: RFC 3339, UTC, exactly milliseconds, 24 characters.

``2026-11-22T02:28:23.123Z``. One form only, so that equal instants are equal bytes and text order is time order.

A gateway's own store writes the openings of cases to the microsecond (``to_fine_text``): no two of them are the same,
so that lists have an order. Those texts are compared with each other only.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from darwaza.errors import MalformedError

TEXT_LENGTH = 24
FINE_LENGTH = 27
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = datetime(1900, 1, 1, tzinfo=UTC)
LAST = datetime(9900, 1, 1, tzinfo=UTC)
_AT_THE_EDGE = re.compile(rb'"(?:0\d|1[0-8]|99)\d\d-\d\d-\d\d|"(?:1900-01-01|9899-12-31)')
KEPT = 4_096
"""Everything in a batch tells the same few instants; so many are not written and read anew.

The openings of cases are not among them: each is another, and to keep them cost more than to write them anew.
"""

_encode = msgspec.json.Encoder().encode
"""Writes an instant with quotes, to the microsecond unless that is 0, UTC as Z; eight times as fast as Python's own."""


@lru_cache(KEPT)
def to_text(instant: datetime) -> str:
    """Write an aware instant; what lies below a millisecond is cut off."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="milliseconds")[:-6] + "Z"


def from_text(text: str, pointer: str = "") -> datetime:
    """Read the one form.

    Raises:
        MalformedError: ``instant_malformed``, for anything else, such as another zone or precision.
    """
    instant = _read(text) if len(text) == TEXT_LENGTH else None
    if instant is None:
        raise MalformedError(
            f"{text[:40]!r} is not an instant like 2026-11-22T02:28:23.123Z", code="instant_malformed", pointer=pointer
        )
    return instant


@lru_cache(KEPT)
def _read(text: str) -> datetime | None:
    if text[-1] != "Z" or text[10] != "T":
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.isoformat(timespec="milliseconds")[:-6] == text[:-1] else None


def to_fine_text(instant: datetime) -> str:
    """Write an aware instant to the microsecond."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    if instant.microsecond:
        return _encode(instant)[1:-1].decode()
    return instant.isoformat(timespec="microseconds")[:-6] + "Z"


def from_fine_text(text: str) -> datetime:
    """Read an instant to the microsecond, or one to the millisecond as older stores have it.

    Raises:
        MalformedError: ``instant_malformed``, for anything else.
    """
    if len(text) == FINE_LENGTH:
        fine = text[-4:-1]
        if fine.isdecimal() and fine.isascii():
            return from_text(f"{text[:-4]}Z") + timedelta(microseconds=int(fine))
    return from_text(text)


def to_utc(given: datetime, pointer: str = "") -> datetime:
    """Turn what somebody gave, with any offset, into an aware instant in UTC.

    Raises:
        MalformedError: ``instant_malformed``: it has no offset, or its instant lies outside the years 1 to 9999.
    """
    try:
        if given.tzinfo is not None:
            return given.astimezone(UTC)
    except OverflowError:
        pass
    raise MalformedError(
        f"{given.isoformat()} is not an instant with an offset from UTC, in the years 1 to 9999",
        code="instant_malformed",
        pointer=pointer,
    )


def is_reckonable(instant: datetime) -> bool:
    """Whether an aware instant lies far enough from the edge of the calendar: from ``FIRST`` on, before ``LAST``."""
    return FIRST <= instant < LAST


def beyond(value: Any, at: str = "") -> str | None:
    """Point at the first instant in a value that nobody can reckon with (``is_reckonable``).

    Args:
        value: of structs, lists, tuples and dictionaries.
        at: RFC 6901 pointer to it.
    """
    if isinstance(value, datetime):
        return at if value.tzinfo is not None and not is_reckonable(value) else None
    if isinstance(value, msgspec.Struct):
        names = ((one.encode_name, getattr(value, one.name)) for one in msgspec.structs.fields(value))
    elif isinstance(value, dict):
        names = ((str(name), one) for name, one in value.items())
    elif isinstance(value, list | tuple):
        names = ((str(number), one) for number, one in enumerate(value))
    else:
        return None
    return next((found for name, one in names if (found := beyond(one, f"{at}/{name}")) is not None), None)


def check_read(value: Any, raw: bytes) -> None:
    """Refuse what was read when it holds an instant at the edge of the calendar.

    Terms are added to instants and local times made of them: at the edge both would overflow.

    Args:
        value: as read from ``raw``.
        raw: JSON; a value is looked through only if there may be such an instant in it.

    Raises:
        MalformedError: ``instant_malformed``, with the pointer to the field.
    """
    if _AT_THE_EDGE.search(raw) is None and b"\\" not in raw:
        return
    pointer = beyond(value)
    if pointer is not None:
        text = f"the datetime is not from {FIRST.year} to {LAST.year - 1}"
        raise MalformedError(text, code="instant_malformed", pointer=pointer)


def to_seconds(instant: datetime) -> int:
    """Whole POSIX seconds, rounded down."""
    return (instant - EPOCH) // timedelta(seconds=1)


def from_seconds(seconds: int) -> datetime:
    """Turn whole POSIX seconds into an aware instant."""
    return EPOCH + timedelta(seconds=seconds)


def floor_ms(instant: datetime) -> datetime:
    """Cut an instant to the precision the wire carries."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
