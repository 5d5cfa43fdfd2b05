"""What a list asks the store for."""

from types import SimpleNamespace
from zoneinfo import ZoneInfo

from darwaza.adapters.memory.store import MemoryStore
from darwaza.entry.console.window import wanted_cases
from darwaza.ports.store import CaseRow, Changes, PartyRow


def asked(**query):
    """A visit to a list, by somebody in Karachi."""
    return SimpleNamespace(
        query=lambda name: query.get(name, ""), reader=SimpleNamespace(zone=ZoneInfo("Asia/Karachi"))
    )


def test_a_day_begins_with_its_first_microsecond_and_ends_before_the_next():
    """A case opened in the very instant a day begins is of that day, and not of the day before."""
    store, at = MemoryStore(), "2026-11-27T19:00:00.000000Z"
    row = CaseRow("case", "documents", "offered", b"", None, at, "2026-11-27T19:00:00.000Z", None)
    store.commit(Changes(cases={row.id: row}, parties=[PartyRow("PK/fbr", row.service, at, row.id)]))

    def found(**query):
        return [one.id for one in store.find_cases(wanted_cases(asked(**query), service="documents"))]

    assert found(since="2026-11-28", until="2026-11-28") == ["case"]
    assert found(until="2026-11-27") == []
