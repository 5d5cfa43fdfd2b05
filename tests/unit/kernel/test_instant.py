"""Instants that people and programs give, with any offset."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from darwaza.errors import MalformedError
from darwaza.kernel.instant import beyond, check_read, to_utc


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


class Inner(msgspec.Struct, rename={"until": "valid-until"}):
    """Something with an instant."""

    until: datetime


class Outer(msgspec.Struct):
    """Something with many."""

    items: tuple[Inner, ...] = ()
    named: dict[str, datetime] = {}


def test_an_instant_at_the_edge_is_pointed_at():
    """However deep it stands, the pointer leads there; dates without a zone are none of these."""
    good, edge = datetime(2026, 3, 5, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-5)))
    assert beyond(Outer((Inner(good),), {"a": good, "b": datetime(9999, 1, 1)})) is None  # noqa: DTZ001
    assert beyond(Outer((Inner(good), Inner(edge)))) == "/items/1/valid-until"
    assert beyond(Outer((), {"a": edge})) == "/named/a"


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-05:00", "\\u0039999-12-31T23:59:59Z", "0001-01-01T00:00:00+05:00"]
)
def test_it_is_found_however_it_is_written(text):
    """Also behind an escape."""
    raw = f'{{"items":[{{"valid-until":"{text}"}}]}}'.encode()
    with pytest.raises(MalformedError) as refused:
        check_read(msgspec.json.decode(raw, type=Outer), raw)
    assert (refused.value.code, refused.value.pointer) == ("instant_malformed", "/items/0/valid-until")
