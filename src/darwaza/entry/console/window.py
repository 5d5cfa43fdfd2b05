"""Lists that are in the store: a stretch of a party's cases, newest first, which a ``Listing`` then filters and sorts.

The store gives cases by party, service, state, other side, consignment and day. By everything else (a title, an amount)
a list is filtered and sorted among the newest ``LIST_CASES_MAX`` cases that match so far; an older stretch is one click
away, and a file holds ``LIST_FILE_CASES_MAX`` of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from darwaza import config
from darwaza.entry.console.listing import Column, Listing
from darwaza.entry.console.visit import Visit
from darwaza.errors import MalformedError
from darwaza.kernel import instant
from darwaza.ports.store import CaseFilter, CaseRow, newest_cases

CURSOR_CHARACTERS_MAX = 128
STATE_CHARACTERS_MAX = 32

Row = TypeVar("Row")


class Window(msgspec.Struct, frozen=True):
    """A stretch of cases.

    Attributes:
        rows: newest first.
        older: what asks for the stretch that follows, "" when there is none.
    """

    rows: list[CaseRow]
    older: str


def wanted_cases(visit: Visit, *, service: str | None = None, by_state: bool = False) -> CaseFilter:
    """What the address of a list wants: the days ``since`` and ``until``, in the reader's zone, ``ucr``, ``with``.

    Args:
        visit: whose address it is.
        service: of the cases.
        by_state: the list can be asked for one ``state``.

    Raises:
        MalformedError: ``query_malformed``.
    """
    until, state = _midnight(visit, "until"), visit.query("state")[:STATE_CHARACTERS_MAX] if by_state else ""
    return CaseFilter(
        counterparty=visit.query("with")[:CURSOR_CHARACTERS_MAX] or None,
        service=service,
        states=(state,) if state else (),
        ucr=visit.query("ucr")[:CURSOR_CHARACTERS_MAX] or None,
        opened_from=_text(_midnight(visit, "since")),
        opened_before=_text(None if until is None else until + timedelta(days=1)),
        items_max=config.LIST_CASES_MAX,
    )


def read_window(visit: Visit, addresses: Sequence[str], wanted: CaseFilter, after: str) -> Window:
    """Read a stretch of the cases that concern any of some addresses.

    Args:
        visit: whose store is read.
        addresses: of whoever looks.
        wanted: what is wanted of them.
        after: ``Window.older`` of the stretch before, "" for the newest.
    """
    opened_at, _, case_id = after[:CURSOR_CHARACTERS_MAX].partition("~")
    start = (opened_at, case_id) if case_id else None
    pages = [
        visit.server.store.find_cases(msgspec.structs.replace(wanted, party=one, after=start))
        for one in dict.fromkeys(addresses)
    ]
    rows = list({row.id: row for row in newest_cases(pages, len(pages) * wanted.items_max)}.values())
    more, rows = len(rows) >= wanted.items_max, rows[: wanted.items_max]
    return Window(rows, f"{rows[-1].opened_at}~{rows[-1].id}" if more else "")


async def read_all(visit: Visit, addresses: Sequence[str], wanted: CaseFilter) -> AsyncIterator[list[CaseRow]]:
    """Read stretch after stretch for a file; other work goes on in between."""
    after, left = visit.query("after"), config.LIST_FILE_CASES_MAX
    while left > 0:
        window = read_window(visit, addresses, wanted, after)
        yield window.rows
        after, left = window.older, left - len(window.rows)
        if not after:
            return
        await asyncio.sleep(0)


async def list_cases(
    visit: Visit,
    addresses: Sequence[str],
    wanted: CaseFilter,
    columns: Sequence[Column[Row]],
    shown: Callable[[list[CaseRow]], list[Row]],
    path: str = "",
) -> Listing[Row]:
    """A list as the query of its address wants it; for a file, of all that may stand in one.

    Args:
        visit: whose list it is.
        addresses: whose cases.
        wanted: what the store is asked for.
        columns: of the list.
        shown: makes rows of the list of cases.
        path: see ``Listing``.
    """
    if Listing.is_file(visit):
        rows: list[Row] = []
        async for cases in read_all(visit, addresses, wanted):
            rows += shown(cases)
        return Listing(visit, rows, columns, path=path)
    window = read_window(visit, addresses, wanted, visit.query("after"))
    return Listing(visit, shown(window.rows), columns, path=path, older=window.older)


def _midnight(visit: Visit, key: str) -> datetime | None:
    """The beginning of a day that was asked for, in the reader's zone; None when none was."""
    text = visit.query(key)
    if not text:
        return None
    try:
        day = datetime.strptime(text[:10], "%Y-%m-%d").date()  # noqa: DTZ007 - only its day is taken
        return datetime.combine(day, time(), visit.reader.zone).astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError) as fault:
        raise MalformedError("not a day", code="query_malformed", pointer=f"/{key}") from fault


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else instant.to_fine_text(moment)
