"""Local civil time at midnight, at clock changes, at UTC+4:30."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.services.transit import civil


def test_days_end_at_local_midnight():
    """The same calendar day ends at four different instants along the corridor."""
    day = date(2026, 3, 5)
    ends = {zone: civil.day_end(day, zone) for zone in ("Asia/Kabul", "Asia/Karachi", "Asia/Bishkek", "Asia/Shanghai")}
    assert ends["Asia/Kabul"] == datetime(2026, 3, 5, 19, 30, tzinfo=UTC)
    assert ends["Asia/Karachi"] == datetime(2026, 3, 5, 19, 0, tzinfo=UTC)
    assert ends["Asia/Bishkek"] == datetime(2026, 3, 5, 18, 0, tzinfo=UTC)
    assert ends["Asia/Shanghai"] == datetime(2026, 3, 5, 16, 0, tzinfo=UTC)


def test_half_an_hour_apart_is_two_dates():
    """At 19:15 UTC it is tomorrow at Torkham's Pakistani side and still today at its Afghan side."""
    at = datetime(2026, 3, 5, 19, 15, tzinfo=UTC)
    assert civil.local_day(at, "Asia/Karachi") == date(2026, 3, 6)
    assert civil.local_day(at, "Asia/Kabul") == date(2026, 3, 5)
    assert civil.local_text(at, "Asia/Kabul") == "2026-03-05T23:45:00+04:30"
    assert not civil.in_future(at, at)


def test_days_of_23_and_25_hours():
    """Where summer time begins or ends the local day is not 24 hours long (the corridor's western ends keep it)."""
    spring = civil.day_end(date(2026, 3, 29), "Europe/Bucharest") - civil.day_end(date(2026, 3, 28), "Europe/Bucharest")
    autumn = civil.day_end(date(2026, 10, 25), "Europe/Bucharest") - civil.day_end(
        date(2026, 10, 24), "Europe/Bucharest"
    )
    assert (spring, autumn) == (timedelta(hours=23), timedelta(hours=25))


def test_the_repeated_hour_names_two_instants():
    """In the hour that comes twice, the offset kept beside the local time tells which one is meant."""
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = first + timedelta(hours=1)
    one, two = (civil.local_text(at, "Europe/Bucharest") for at in (first, second))
    assert one[:19] == two[:19]
    assert civil.local_agrees(first, one)
    assert not civil.local_agrees(first, two)


def test_kazakhstan_changed_its_zone():
    """Almaty went from +06:00 to +05:00 on 1 March 2024: a record keeps the offset of its own day."""
    assert civil.local_text(datetime(2024, 2, 1, tzinfo=UTC), "Asia/Almaty").endswith("+06:00")
    assert civil.local_text(datetime(2024, 4, 1, tzinfo=UTC), "Asia/Almaty").endswith("+05:00")


def test_clocks_of_posts_may_differ_a_little():
    """Ten minutes ahead is another clock, more is the future."""
    now = datetime(2026, 3, 5, tzinfo=UTC)
    assert not civil.in_future(now + timedelta(minutes=10), now)
    assert civil.in_future(now + timedelta(minutes=10, seconds=1), now)


def test_unknown_zones_and_texts():
    """Zones that do not exist are refused; texts that are no times do not agree with anything."""
    for name in ("Asia/Kabool", "", "../etc/passwd", "\0"):
        with pytest.raises(MalformedError):
            civil.zone_of(name)
    at = datetime(2026, 3, 5, tzinfo=UTC)
    assert not civil.local_agrees(at, "2026-03-05T00:00:00")
    assert not civil.local_agrees(at, "yesterday")


@given(
    st.integers(978_307_200, 2_840_140_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(["Asia/Kabul", "Asia/Karachi", "Asia/Tashkent", "Asia/Almaty", "Europe/Bucharest"]),
)
def test_local_text_names_its_instant(at, zone):
    """Whatever the instant and zone, the local text agrees with it and with no neighbour."""
    text = civil.local_text(at, zone)
    assert civil.local_agrees(at, text)
    assert not civil.local_agrees(at + timedelta(seconds=1), text)
    assert civil.day_end(civil.local_day(at, zone), zone) > at
