"""Many rows as one statement: each column is sent as one array in PostgreSQL's binary form.

A statement over lists says the type of each, ``unnest(%s::text[])``, and is run once however many rows there are. A
statement a row would cost server and gateway some twenty microseconds a row for its messages alone. The form is that
of ``array_send`` and of the ``send`` functions of three types; psycopg would find a conversion for every value anew.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from psycopg.adapt import Dumper
from psycopg.pq import Format

_NULL = b"\xff\xff\xff\xff"
_EIGHT = (8).to_bytes(4)
_LIST = re.compile(r"%s::(\w+)\[\]")


class Column(NamedTuple):
    """The values of one column in binary form.

    Attributes:
        data: an array of one dimension.
    """

    data: bytes


class ColumnDumper(Dumper):
    """Hands the bytes over; the statement's cast says which array it is."""

    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        """Give what goes to the server."""
        return obj.data


def list_types(text: str) -> tuple[str, ...]:
    """Types of the lists a statement takes; none for a statement that takes a row."""
    return tuple(_LIST.findall(text))


def columns(types: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Column]:
    """Turn rows, at least one, into columns.

    Raises:
        TypeError: a value is of another type than its column.
        OverflowError: an integer has more than 64 bits.
    """
    return [_column(kind, values) for kind, values in zip(types, zip(*rows, strict=True), strict=True)]


def texts(values: Iterable[str]) -> Column:
    """A list of texts, to look for any of them."""
    return _column("text", tuple(values))


def _column(kind: str, values: Sequence[Any]) -> Column:
    element, encode = _ELEMENTS[kind]
    head = (1, int(None in values), element, len(values), 1)
    return Column(b"".join([*(number.to_bytes(4) for number in head), *encode(values)]))


def _integers(values: Sequence[int | None]) -> Iterable[bytes]:
    to_bytes = int.to_bytes
    return [_NULL if value is None else _EIGHT + to_bytes(value, 8, "big", signed=True) for value in values]


def _texts(values: Sequence[str | None]) -> Iterable[bytes]:
    encode = str.encode
    return _blobs([None if value is None else encode(value) for value in values])


def _blobs(values: Sequence[bytes | None]) -> Iterable[bytes]:
    return [_NULL if value is None else len(value).to_bytes(4) + value for value in values]


_ELEMENTS: dict[str, tuple[int, Callable[[Sequence[Any]], Iterable[bytes]]]] = {
    "bigint": (20, _integers),
    "text": (25, _texts),
    "bytea": (17, _blobs),
}
"""By type, its number in ``pg_type`` and how its values are written."""
