"""Local civil time: an instant, its zone, and what the clock on the wall showed.

Instants are kept in UTC. Beside each stands the IANA zone and the local time with its offset as they were known when
the record was made, because zone rules change later and the paper in the driver's hand shows local time. Comparisons
use the instant only: comparing local dates is the fault that made a living transit system refuse remarks between
00:01 and 01:00 in summer ("date in the future").

Days that people mean (a deadline "on 5 March at Torkham") end at local midnight, which may be 18:30, 19:00 or
19:30 UTC, and a local day may last 23 or 25 hours.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from darwaza.errors import MalformedError

CLOCK_SKEW_MAX = timedelta(minutes=10)
"""How far ahead of this gateway's clock an event may be dated: posts have clocks of their own."""


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises:
        MalformedError: code ``zone_wrong``; there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MalformedError(f"{name!r} is not a time zone of the IANA database", code="zone_wrong") from error


def local_text(at: datetime, zone: str) -> str:
    """Write the local civil time of an instant, to the second, with its offset: ``2026-03-05T23:30:00+04:30``.

    Raises:
        MalformedError: code ``zone_wrong``.
    """
    return at.astimezone(zone_of(zone)).isoformat(timespec="seconds")


def local_agrees(at: datetime, local: str) -> bool:
    """Tell whether a local time with offset names the same instant, to the second.

    The zone's present rules are not asked: the offset that was valid when the record was made stands in the text.
    """
    try:
        stated = datetime.fromisoformat(local)
    except ValueError:
        return False
    return stated.tzinfo is not None and stated.replace(microsecond=0) == at.replace(microsecond=0)


def day_end(day: date, zone: str) -> datetime:
    """Return the instant at which a local day ends (the next local midnight), in UTC.

    Raises:
        MalformedError: code ``zone_wrong``.
    """
    # Where midnight is skipped by a clock change, the first moment of the next day is meant; a second pass over UTC
    # folds the imaginary time forward.
    midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone_of(zone))
    return midnight.astimezone(UTC)


def local_day(at: datetime, zone: str) -> date:
    """Return the local date of an instant.

    Raises:
        MalformedError: code ``zone_wrong``.
    """
    return at.astimezone(zone_of(zone)).date()


def in_future(at: datetime, now: datetime) -> bool:
    """Tell whether an event is dated further ahead of now than clocks may differ; both aware instants."""
    return at > now + CLOCK_SKEW_MAX
