"""The one statement that is put together at run time: the list of cases under a filter."""

from collections.abc import Sequence
from typing import Any

from darwaza.ports.store import CaseFilter

_COLUMNS = "c.id, c.service, c.state, c.data, c.ucr, c.opened_at, c.changed_at, c.remind_at"


def case_list(wanted: CaseFilter) -> tuple[str, list[Any]]:
    """The statement and its values; only names of columns are spliced in, every value is bound."""
    if wanted.party is None:
        source, at, case_id = '"case" c', "c.opened_at", "c.id"
    else:
        source, at, case_id = 'case_party p JOIN "case" c ON c.id = p.case_id', "p.opened_at", "p.case_id"
    also = f"SELECT 1 FROM case_party o WHERE o.party = %s AND o.opened_at = {at} AND o.case_id = {case_id}"  # noqa: S608 - names only
    conditions: list[tuple[str, Sequence[Any]]] = [
        ("p.party = %s", _given(wanted.party)),
        (f"EXISTS ({also})", _given(wanted.counterparty)),
        ("c.service = %s", _given(wanted.service)),
        ("c.state = ANY(%s)", (list(wanted.states),) if wanted.states else ()),
        ("c.ucr = %s", _given(wanted.ucr)),
        (f"{at} >= %s", _given(wanted.opened_from)),
        (f"{at} < %s", _given(wanted.opened_before)),
        (f"({at}, {case_id}) < (%s, %s)", wanted.after or ()),
    ]
    where = " AND ".join(["true", *(clause for clause, values in conditions if values)])
    order = f"{at} DESC, {case_id} DESC"
    text = f"SELECT {_COLUMNS} FROM {source} WHERE {where} ORDER BY {order} LIMIT %s"  # noqa: S608 - names only
    return text, [*(value for _, values in conditions for value in values), wanted.items_max]


def _given(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)
