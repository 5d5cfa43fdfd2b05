"""The one statement that is put together at run time: the list of cases under a filter."""

from collections.abc import Sequence
from typing import Any

from darwaza.ports.store import CaseFilter

_COLUMNS = "c.id, c.service, c.state, c.data, c.ucr, c.opened_at, c.changed_at, c.remind_at"


def case_list(wanted: CaseFilter) -> tuple[str, list[Any]]:
    """The statement and its values; only names of columns are spliced in, every value is bound.

    A party's list of a service walks its stretch of ``case_party`` from the newest end, a consignment's reads its few
    cases; the other conditions are checked on the way. A party's list of all services is put together of those of each
    (``CaseFilter.is_apart``).
    """
    walks = wanted.party is not None and wanted.ucr is None
    if walks:
        source, key, case_id = 'case_party p JOIN "case" c ON c.id = p.case_id', "p", "p.case_id"
    else:
        source, key, case_id = '"case" c', "c", "c.id"
    at = f"{key}.opened_at"
    also = (
        f"EXISTS (SELECT 1 FROM case_party o WHERE o.party = %s AND o.service = {key}.service"  # noqa: S608 - names only
        f" AND o.opened_at = {at} AND o.case_id = {case_id})"
    )
    conditions: list[tuple[str, Sequence[Any]]] = [
        ("p.party = %s" if walks else also, _given(wanted.party)),
        (also, _given(wanted.counterparty)),
        (f"{key}.service = %s", _given(wanted.service)),
        ("c.state = ANY(%s)", (list(wanted.states),) if wanted.states else ()),
        ("c.ucr = %s", _given(wanted.ucr)),
        (f"{at} >= %s", _given(wanted.opened_from)),
        (f"{at} < %s", _given(wanted.opened_before)),
        (f"({at}, {case_id}) < (%s, %s)", wanted.after or ()),
        (f"({at}, {case_id}) >= (%s, %s)", wanted.last or ()),
    ]
    where = " AND ".join(["true", *(clause for clause, values in conditions if values)])
    order = f"{at} DESC, {case_id} DESC"
    text = f"SELECT {_COLUMNS} FROM {source} WHERE {where} ORDER BY {order} LIMIT %s"  # noqa: S608 - names only
    return text, [*(value for _, values in conditions for value in values), wanted.items_max]


def _given(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)
