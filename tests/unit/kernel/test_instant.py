"""Instants that people and programs give, with any offset."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from darwaza.errors import MalformedError
from darwaza.kernel.instant import to_utc


def test_an_instant_of_any_offset_is_taken():
    """What is meant is the instant, not how it is written."""
    given = datetime(2026, 3, 5, 18, tzinfo=timezone(timedelta(hours=5)))
    assert to_utc(given) == given
    assert to_utc(given).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-03-05T18:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_what_is_no_instant_is_refused_with_its_place(text):
    """No offset, or beyond the calendar: a coded refusal, never a fault of the program."""
    with pytest.raises(MalformedError) as refused:
        to_utc(datetime.fromisoformat(text), "/since")
    assert (refused.value.code, refused.value.pointer) == ("instant_malformed", "/since")
