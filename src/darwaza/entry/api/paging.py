"""Pages of a party's cases: what a page token says, and how much one page may cost."""

import msgspec

from darwaza import config
from darwaza.ports.store import CaseFilter, CaseRow, Store

LAST = ("~", "")
"""Sorts behind every place of a list."""
Place = tuple[str, str]


def place(token: str | None) -> Place | None:
    """Where a page begins: (opened_at, case id) of the last case looked at before it."""
    if token is None:
        return None
    opened_at, _, case_id = token.partition("~")
    return opened_at, case_id


def page(store: Store, wanted: CaseFilter) -> tuple[list[CaseRow], str | None]:
    """The next cases of a list, and the token of the page behind them; None on the last.

    A list in which few cases are wanted could walk through all of a party's cases of a service. So a page looks at
    ``LOOKED_AT_MAX`` of them: it may hold fewer than were asked for, or none, and still have one behind it.

    Args:
        store: to read from.
        wanted: with the place of the page's beginning, and as many items as it may hold.
    """
    end = None
    if wanted.party is not None and wanted.service is not None and wanted.ucr is None:
        begin = wanted.after or LAST
        if wanted.opened_before is not None:
            begin = min(begin, (wanted.opened_before, ""))
        end = store.case_back(wanted.party, wanted.service, begin, config.LOOKED_AT_MAX)
    rows = store.find_cases(msgspec.structs.replace(wanted, last=end, items_max=wanted.items_max + 1))
    if len(rows) > wanted.items_max:
        rows = rows[: wanted.items_max]
        end = rows[-1].opened_at, rows[-1].id
    if end is not None and wanted.opened_from is not None and end[0] < wanted.opened_from:
        end = None
    return rows, None if end is None else "~".join(end)
