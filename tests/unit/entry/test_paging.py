"""A page of a list costs a bounded walk, and going on from page to page finds everything there is, once."""

import pytest
from tests.contract.rows import case, instant, party

from darwaza import config
from darwaza.adapters.memory.store import MemoryStore
from darwaza.entry.api.paging import page, place
from darwaza.ports.store import CaseFilter, Changes

CASES = 60


@pytest.fixture
def store(monkeypatch):
    """Sixty transit cases of a bank, every thirtieth open, and as many payments between them."""
    monkeypatch.setattr(config, "LOOKED_AT_MAX", 7)
    rows = []
    for number in range(CASES):
        rows.append(case(f"t{number:02}", number, service="transit", state="open" if number % 30 == 3 else "closed"))
        rows.append(case(f"p{number:02}", number, service="payments", state="open"))
    made = MemoryStore()
    made.commit(Changes(cases={row.id: row for row in rows}, parties=[party("PK/bank", row) for row in rows]))
    return made


def pages(store, wanted):
    """The ids of each page."""
    found, token = [], None
    while True:
        rows, token = page(store, CaseFilter(**wanted, after=place(token)))
        found.append([row.id for row in rows])
        if token is None:
            return found


@pytest.mark.parametrize("items_max", [1, 5, 50])
def test_rare_cases_are_found_a_bounded_walk_at_a_time(store, items_max):
    """Most pages are empty, none looks at more than its limit, and the last says that it is."""
    found = pages(store, {"party": "PK/bank", "service": "transit", "states": ("open",), "items_max": items_max})
    assert [one for ids in found for one in ids] == ["t33", "t03"]
    assert len(found) >= CASES // 7


@pytest.mark.parametrize("items_max", [1, 5, 7, 50])
def test_pages_hold_everything_once(store, items_max):
    """A full page goes on behind its last case, any other behind the last one looked at."""
    found = pages(store, {"party": "PK/bank", "service": "transit", "items_max": items_max})
    assert [one for ids in found for one in ids] == [f"t{number:02}" for number in reversed(range(CASES))]
    assert max(map(len, found)) == min(items_max, 7)


def test_times_bound_the_walk(store):
    """Nothing is looked at outside them."""
    times = {"opened_from": instant(10), "opened_before": instant(40)}
    found = pages(store, {"party": "PK/bank", "service": "transit", "states": ("open",), "items_max": 5, **times})
    assert [one for ids in found for one in ids] == ["t33"]
    assert len(found) == -(-30 // 7)


def test_a_party_without_cases(store):
    """One empty page."""
    assert pages(store, {"party": "PK/other", "service": "transit", "items_max": 5}) == [[]]
