"""Lists that are in memory: filter, sort, page, and the same as a file for a spreadsheet."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from starlette.responses import Response

from darwaza.entry.console.visit import Visit

PAGE_ROWS = 50
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula (OWASP, CSV injection)."""

Row = TypeVar("Row")


class Column(Generic[Row]):
    """A column of a list.

    Attributes:
        name: of the column in addresses and files.
        label: untranslated.
        value: of a row, in the file, and to sort by.
    """

    def __init__(self, name: str, label: str, value: Callable[[Row], Any]) -> None:
        self.name = name
        self.label = label
        self.value = value


class Listing(Generic[Row]):
    """A page of a list, as the query of its address wants it: ``filter``, ``sort`` (``-name`` downwards), ``page``.

    Attributes:
        rows: of this page.
        total: rows that match.
        page: number, from 1.
        pages: how many.
    """

    def __init__(self, visit: Visit, rows: Sequence[Row], columns: Sequence[Column[Row]]) -> None:
        self._visit = visit
        self.columns = columns
        self.wanted = visit.query("filter")[:100]
        self.sort = visit.query("sort")[:40]
        found = [row for row in rows if self._fits(row)] if self.wanted else list(rows)
        by = {column.name: column for column in columns}.get(self.sort.lstrip("-"))
        if by is not None:
            found.sort(key=lambda row: _order(by.value(row)), reverse=self.sort.startswith("-"))
        self.all = found
        self.total = len(found)
        self.pages = max(1, -(-self.total // PAGE_ROWS))
        asked = visit.query("page")
        self.page = min(max(1, int(asked) if asked.isdigit() and len(asked) < 7 else 1), self.pages)  # noqa: PLR2004 - a page number of seven digits is none
        self.rows = found[(self.page - 1) * PAGE_ROWS : self.page * PAGE_ROWS]

    def _fits(self, row: Row) -> bool:
        wanted = self.wanted.casefold()
        return any(wanted in str(column.value(row)).casefold() for column in self.columns)

    def link(self, **changes: str | int) -> str:
        """The address of this list with something else asked of it."""
        query = dict(self._visit.request.query_params) | {name: str(value) for name, value in changes.items()}
        query.pop("said", None)
        return "?" + urlencode({name: value for name, value in query.items() if value})

    def turn(self, name: str) -> str:
        """The address of this list sorted by a column, or the other way round if it is already."""
        return self.link(sort="-" + name if self.sort == name else name, page="")

    @property
    def as_file(self) -> bool:
        """Whether the list is wanted as a file."""
        return self._visit.query("form") == "csv"

    def file(self, name: str) -> Response:
        """The whole list, as CSV (RFC 4180) in UTF-8."""
        return csv_file(name, [{column.name: column.value(row) for column in self.columns} for row in self.all])


def csv_file(name: str, rows: Sequence[Mapping[str, Any]]) -> Response:
    """Write rows as a file for a spreadsheet; nothing in it can become a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    if rows:
        writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response("\ufeff" + out.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(FORMULA) else text


def _order(value: Any) -> tuple[bool, str, Any]:
    """Missing values last, values of one kind beside each other."""
    return value is None, type(value).__name__ if value is not None else "", value if value is not None else 0
