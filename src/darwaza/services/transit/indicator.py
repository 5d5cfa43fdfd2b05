"""Border times from both sides' own events: CPMM's TFI1 and TFI4, its 16 activities, and the gap nobody measured.

TFI1 is the time a load takes to cross a border crossing point, entry to exit, waiting and formalities included. Here it
runs from the first thing recorded at the exit office to the last at the entry office, from signed events instead of
surveys. Between the exit office's termination and the entry office's first event lies the *gap*: time in no-man's land,
which neither side's own system sees.

TFI4 is speed: without delays (wheels turning) and with delays. All results are whole numbers; averages are left to
whoever has many movements, with their count.

Source: CAREC Corridor Performance Measurement and Monitoring, reports 2020 to 2023.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from darwaza.services.transit.leg import LegProgress, Progress
from darwaza.services.transit.message import Activity, Event
from darwaza.services.transit.movement import Movement


class BorderTime(msgspec.Struct, frozen=True):
    """One crossing of one movement.

    Attributes:
        crossing: its id.
        exit_began_at: first event at the exit office.
        exit_done_at: the exit office's termination.
        entry_began_at: first event at the entry office.
        entry_done_at: last event at the entry office.
        exit_s: seconds at the exit office.
        gap_s: seconds between the two offices; None when clocks or records make it negative.
        entry_s: seconds at the entry office.
        total_s: TFI1, seconds from first to last.
        activities_s: seconds by activity, both sides.
    """

    crossing: str
    exit_began_at: datetime
    exit_done_at: datetime
    entry_began_at: datetime
    entry_done_at: datetime
    exit_s: int
    gap_s: int | None
    entry_s: int
    total_s: int
    activities_s: dict[str, int]


class Speed(msgspec.Struct, frozen=True):
    """TFI4 of one movement.

    Attributes:
        distance_m: driven.
        with_delays_m_per_h: SWD: distance over all the time from first start to last termination.
        without_delays_m_per_h: SWOD: distance over the time between offices, borders left out.
    """

    distance_m: int
    with_delays_m_per_h: int
    without_delays_m_per_h: int


def border_times(movement: Movement, now: Progress) -> tuple[BorderTime, ...]:
    """Return the time of every crossing that both sides have recorded."""
    found = [
        _border(before, after, movement.events)
        for before, after in zip(now.legs, now.legs[1:], strict=False)
        if before.leg.crossing is not None and before.end is not None and after.start is not None
    ]
    return tuple(item for item in found if item is not None)


def speed(now: Progress, borders: Sequence[BorderTime], distance_m: int) -> Speed | None:
    """Return TFI4, or None when the journey has not ended or no time remains.

    Args:
        now: progress of the movement.
        borders: its border times.
        distance_m: of the whole journey, metres.
    """
    start, end = now.legs[0].start, now.legs[-1].end
    if start is None or end is None:
        return None
    whole = _seconds(end.stamp.at - start.stamp.at)
    driving = whole - sum(item.total_s for item in borders)
    if whole <= 0 or driving <= 0:
        return None
    return Speed(distance_m, distance_m * 3600 // whole, distance_m * 3600 // driving)


def _border(before: LegProgress, after: LegProgress, events: Sequence[Event]) -> BorderTime | None:
    """Measure one crossing."""
    if before.end is None or after.start is None or before.leg.crossing is None:
        return None
    index = before.end.leg
    left = [event for event in events if isinstance(event, Activity) and _at(event, before.leg.exit_office, index)]
    right = [event for event in events if isinstance(event, Activity) and _at(event, after.leg.entry_office, index + 1)]
    exit_began = min([before.end.stamp.at, *(event.began_at for event in left)])
    exit_done = max([before.end.stamp.at, *(event.stamp.at for event in left)])
    entry_began = min([after.start.stamp.at, *(event.began_at for event in right)])
    entry_done = max([after.start.stamp.at, *(event.stamp.at for event in right)])
    gap = _seconds(entry_began - exit_done)
    spent: dict[str, int] = {}
    for event in (*left, *right):
        spent[event.activity] = spent.get(event.activity, 0) + max(0, _seconds(event.stamp.at - event.began_at))
    return BorderTime(
        crossing=before.leg.crossing,
        exit_began_at=exit_began,
        exit_done_at=exit_done,
        entry_began_at=entry_began,
        entry_done_at=entry_done,
        exit_s=_seconds(exit_done - exit_began),
        gap_s=gap if gap >= 0 else None,
        entry_s=_seconds(entry_done - entry_began),
        total_s=_seconds(entry_done - exit_began),
        activities_s=spent,
    )


def _at(event: Activity, office: str, leg: int) -> bool:
    """Tell whether an activity was at an office in a leg."""
    return event.stamp.office == office and event.leg == leg


def _seconds(span: timedelta) -> int:
    """Return whole seconds."""
    return span // timedelta(seconds=1)
