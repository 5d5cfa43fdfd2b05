"""Cases of one instant stand in lists in the order in which they were opened."""

from datetime import timedelta

import pytest

from darwaza.engine.site import OPENED_AHEAD_MAX
from darwaza.entry.view.consignment import steps_of
from darwaza.errors import MalformedError
from darwaza.kernel import instant
from darwaza.ports.store import CaseFilter
from darwaza.testing.world import START

from .corridor import Corridor

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def corridor(tmp_path):
    return Corridor(tmp_path)


def listed(corridor, code):
    found, after = [], None
    while page := corridor.engines[code].store.find_cases(CaseFilter(party=f"{code}/agency", after=after, items_max=3)):
        found += [row.id for row in page]
        after = (page[-1].opened_at, page[-1].id)
    return found


def test_cases_of_one_instant_are_listed_newest_first_at_both_ends(corridor):
    """The clock stands still; sender and recipient list ten documents in the order in which they were offered."""
    cases = [corridor.offer("PK/agency", "UZ/agency", title=f"Invoice {number}")[0] for number in range(10)]
    corridor.carry("PK", "UZ")
    assert listed(corridor, "PK") == listed(corridor, "UZ") == cases[::-1]


def test_a_case_keeps_its_place_when_it_changes(corridor):
    """What happened to a case later does not move it."""
    cases = [corridor.offer("PK/agency", "UZ/agency", title=f"Invoice {number}")[0] for number in range(3)]
    corridor.carry("PK", "UZ")
    corridor.accept("UZ/agency", cases[0])
    assert listed(corridor, "UZ") == cases[::-1]


def test_openings_never_stand_still_and_follow_a_clock_that_was_set_back(corridor):
    """Each case opens later than the former; only after a clock was set back do openings start from there again."""
    site = corridor.engines["PK"].site
    first = site.open_at(START)
    assert [site.open_at(START) for _ in range(3)] == [first + MICROSECOND * number for number in (1, 2, 3)]
    assert site.open_at(START + timedelta(seconds=1)) == START + timedelta(seconds=1)
    assert site.open_at(START + timedelta(milliseconds=990)) == START + timedelta(seconds=1) + MICROSECOND
    back = START - OPENED_AHEAD_MAX
    assert site.open_at(back) == back


def test_the_steps_of_one_instant_stand_in_order_of_opening(corridor):
    """A consignment's timeline tells what happened in one instant case by case, the case opened first first."""
    cases = [corridor.offer("PK/agency", "UZ/agency", title=f"Invoice {number}")[0] for number in range(6)]
    corridor.carry("PK", "UZ")
    for code in ("PK", "UZ"):
        engine = corridor.engines[code]
        steps = steps_of(engine, engine.store.find_cases(CaseFilter(party=f"{code}/agency")))
        assert len({step.at for step in steps}) == 1
        assert [step.case_id for step in steps] == cases


def test_fine_instants_are_read_as_written_and_older_ones_too():
    """Microseconds survive; what older stores hold still reads; nothing else does."""
    moment = START.replace(microsecond=123_456)
    assert instant.from_fine_text(instant.to_fine_text(moment)) == moment
    assert instant.from_fine_text(instant.to_text(moment)) == instant.floor_ms(moment)
    for wrong in ("2026-11-22T02:28:23.1234567Z", "2026-11-22T02:28:23.12345 Z", "2026-11-22T02:28:23.123٤٥٦Z", ""):
        with pytest.raises(MalformedError):
            instant.from_fine_text(wrong)
