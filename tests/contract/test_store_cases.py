"""Lists of cases: every filter, alone and with others, page by page."""

from itertools import product

import msgspec
import pytest
from tests.contract.rows import case, instant, party

from darwaza.ports.store import CaseFilter, Changes

ADDRESSES = ("PK/bank", "UZ/bank", "PK/customs")


def cases():
    """60 cases with every mixture of values; every third opened with the one before, or a microsecond later."""
    mixtures = product(("payments", "transit"), ("sent", "settled", "failed"), (None, "UCR1", "UCR2"), range(4))
    for at, (service, state, ucr, parties) in enumerate(list(mixtures)[:60]):
        name = f"{at * 37 % 101:03d}"
        opened_at = instant(at - at // 3).replace(".000Z", f".{at % 6 == 3:06d}Z")
        row = case(name, 0, service=service, state=state, ucr=ucr, opened_at=opened_at)
        yield (
            row,
            [address for bit, address in enumerate(ADDRESSES) if parties >> bit & 1 or (bit == 2 and at % 5 == 0)],
        )


def fine(second):
    return instant(second).replace(".000Z", ".000000Z")


ALL = list(cases())


@pytest.fixture
def listed(store):
    changes = Changes(cases={row.id: row for row, _ in ALL})
    changes.parties = [party(address, row) for row, addresses in ALL for address in addresses]
    store.commit(changes)
    return store


def expected(wanted: CaseFilter):
    """The same by the plainest means."""
    found = [
        row
        for row, addresses in ALL
        if wanted.party in (None, *addresses)
        and wanted.counterparty in (None, *addresses)
        and wanted.service in (None, row.service)
        and (not wanted.states or row.state in wanted.states)
        and wanted.ucr in (None, row.ucr)
        and (wanted.opened_from or "") <= row.opened_at < (wanted.opened_before or "9")
    ]
    return sorted(found, key=lambda row: (row.opened_at, row.id), reverse=True)


@pytest.mark.parametrize("who", [None, "PK/bank", "PK/customs", "KZ/bank"])
@pytest.mark.parametrize("counterparty", [None, "UZ/bank"])
@pytest.mark.parametrize("items_max", [1, 7, 100])
def test_pages_together_are_the_whole_list_newest_first(listed, who, counterparty, items_max):
    """Paging with ``after`` gives every case once, in order of (opened_at, id), whatever the page size."""
    rest = product((None, "transit"), ((), ("failed",), ("sent", "settled")), (None, "UCR1"), (None, 10), (None, 25))
    for service, states, ucr, first, before in rest:
        wanted = CaseFilter(
            party=who,
            counterparty=counterparty,
            service=service,
            states=states,
            ucr=ucr,
            opened_from=first and fine(first),
            opened_before=before and fine(before),
            items_max=items_max,
        )
        pages, after = [], None
        while page := listed.find_cases(CaseFilter(**{**_fields(wanted), "after": after})):
            assert len(page) <= items_max
            pages += page
            after = (page[-1].opened_at, page[-1].id)
        assert pages == expected(wanted)


def test_the_mixtures_leave_something_to_page_through():
    """The comparison above is not one of empty lists."""
    assert len(expected(CaseFilter(party="PK/bank", counterparty="UZ/bank"))) > 10
    assert len({row.opened_at[:23] for row, _ in ALL}) < len(ALL)


def test_a_case_found_by_a_party_shows_its_newest_state(listed):
    row = ALL[3][0]._replace(state="settled", ucr="UCR9")
    listed.commit(Changes(cases={row.id: row}))
    assert listed.find_cases(CaseFilter(party="PK/bank", ucr="UCR9")) == [row]


def _fields(wanted):
    return {name: getattr(wanted, name) for name in CaseFilter.__struct_fields__}


@pytest.mark.parametrize("party_name", ["PK/bank", "UZ/bank"])
@pytest.mark.parametrize("service", ["payments", "transit"])
def test_places_are_counted_back(listed, party_name, service):
    """The n-th case back from any place is the n-th of the list from there; a list ends where it is told to."""
    wanted = CaseFilter(party=party_name, service=service, items_max=1_000)
    places = [(row.opened_at, row.id) for row in listed.find_cases(wanted)]
    assert places
    for count in (1, 2, len(places), len(places) + 1):
        expected = places[count - 1] if count <= len(places) else None
        assert listed.case_back(party_name, service, ("~", ""), count) == expected
    for start in range(0, len(places) - 1, 7):
        assert listed.case_back(party_name, service, places[start], 1) == places[start + 1]
    for last in places[::5]:
        rows = listed.find_cases(msgspec.structs.replace(wanted, last=last))
        assert [(row.opened_at, row.id) for row in rows] == places[: places.index(last) + 1]
    assert listed.case_back("PK/nobody", service, ("~", ""), 1) is None
