"""Lists that are in memory: filter, sort, page, and the same as a file for a spreadsheet."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
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
        value: of a row, in the file, to filter by, and to sort by.
        order: to sort by, where that is something else.
        words: what the values are called on screens, untranslated; a filter finds these too.
    """

    def __init__(
        self,
        name: str,
        label: str,
        value: Callable[[Row], Any],
        *,
        order: Callable[[Row], Any] | None = None,
        words: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.label = label
        self.value = value
        self.order = order or value
        self.words = words


class Listing(Generic[Row]):
    """A page of a list, as the query of its address wants it: ``filter``, ``sort`` (``-name`` downwards), ``page``.

    Attributes:
        rows: of this page.
        total: rows that match.
        page: number, from 1.
        pages: how many.
        older: what asks for the rows behind these (``console.window``), "" when these are all.
    """

    def __init__(
        self, visit: Visit, rows: Sequence[Row], columns: Sequence[Column[Row]], *, path: str = "", older: str = ""
    ) -> None:
        """Filter, sort and page.

        Args:
            visit: whose query says how.
            rows: all there are.
            columns: of the list.
            path: where the list stands, when the page that shows it may answer a form of another address.
            older: see the class.
        """
        self.older = older
        self._path = path
        self._visit = visit
        self.columns = columns
        self.wanted = visit.query("filter")[:100]
        self.sort = visit.query("sort")[:40]
        found = [row for row in rows if self._fits(row)] if self.wanted else list(rows)
        by = {column.name: column for column in columns}.get(self.sort.lstrip("-"))
        if by is not None:
            found = _sorted(found, by.order, downwards=self.sort.startswith("-"))
        self.all = found
        self.total = len(found)
        self.pages = max(1, -(-self.total // PAGE_ROWS))
        asked = visit.query("page")
        self.page = min(max(1, int(asked) if asked.isdecimal() and len(asked) < 7 else 1), self.pages)  # noqa: PLR2004 - a page number of seven digits is none
        self.rows = found[(self.page - 1) * PAGE_ROWS : self.page * PAGE_ROWS]

    def _fits(self, row: Row) -> bool:
        wanted = self.wanted.casefold()
        return any(wanted in text.casefold() for column in self.columns for text in self._texts(column, row))

    def _texts(self, column: Column[Row], row: Row) -> Iterator[str]:
        value = column.value(row)
        yield "" if value is None else str(value)
        if column.words is not None and value in column.words:
            yield self._visit.reader.text(column.words[value])

    def given(self, name: str) -> str:
        """What the address asks for, to stand in the form that asked for it."""
        return self._visit.query(name)[:100]

    def link(self, **changes: str | int) -> str:
        """The address of this list with something else asked of it."""
        query = dict(self._visit.request.query_params) | {name: str(value) for name, value in changes.items()}
        for once in ("said", "form"):
            if once not in changes:
                query.pop(once, None)
        return self._path + "?" + urlencode({name: value for name, value in query.items() if value})

    def turn(self, name: str) -> str:
        """The address of this list sorted by a column, or the other way round if it is already."""
        return self.link(sort="-" + name if self.sort == name else name, page="")

    @property
    def as_file(self) -> bool:
        """Whether the list is wanted as a file."""
        return self.is_file(self._visit)

    @staticmethod
    def is_file(visit: Visit) -> bool:
        """Whether a list is wanted as a file, told before it is read."""
        return visit.query("form") == "csv"

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


def _sorted(rows: list[Row], order: Callable[[Row], Any], *, downwards: bool) -> list[Row]:
    """Values of one kind beside each other; rows without one last, up and down."""
    keyed = [(order(row), row) for row in rows]
    there = [(type(value).__name__, value, row) for value, row in keyed if value not in {None, ""}]
    there.sort(key=lambda item: item[:2], reverse=downwards)
    return [row for _, _, row in there] + [row for value, row in keyed if value in {None, ""}]
