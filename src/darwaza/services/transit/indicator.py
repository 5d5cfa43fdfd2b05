"""Border times from both sides' own events: CPMM's TFI1 and TFI4, its 16 activities, and the gap nobody measured.

TFI1 is the time a load takes to cross a border crossing point, entry to exit, waiting and formalities included. Here it
runs from the first thing recorded at the exit office to the last at the entry office, from signed events instead of
surveys. Between the exit office's termination and the entry office's first event lies the *gap*: time in no-man's land,
which neither side's own system sees.

TFI4 is speed: without delays (wheels turning) and with delays. All results are whole numbers. ``summarise`` gives the
spread of many crossings of one border, each with its count: a mean alone hides the trucks that waited for days.

Source: CAREC Corridor Performance Measurement and Monitoring, reports 2020 to 2023.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from darwaza.services.transit.leg import LegProgress, Progress
from darwaza.services.transit.message import Activity, Event
from darwaza.services.transit.movement import Movement


class BorderTime(msgspec.Struct, frozen=True):
    """One crossing of one movement.

    Attributes:
        crossing: its id.
        exit_member: member that was left.
        entry_member: member that was entered.
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
    exit_member: str
    entry_member: str
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


class Spread(msgspec.Struct, frozen=True):
    """How a time is spread over many crossings, whole seconds.

    Attributes:
        count: of values.
        mean: rounded down.
        median: the lower of the two middle ones where they are even.
        p90: nine in ten are not above.
        largest: of all.
    """

    count: int
    mean: int
    median: int
    p90: int
    largest: int


class CrossingTimes(msgspec.Struct, frozen=True):
    """Border times of one crossing in one direction.

    Attributes:
        crossing: its id.
        exit_member: member that is left.
        entry_member: member that is entered.
        total_s: TFI1, both sides and the gap.
        exit_s: at the exit office.
        gap_s: between the two offices, of those for which it is known; None when it is known of none.
        entry_s: at the entry office.
        activities_s: mean over all crossings, by activity.
    """

    crossing: str
    exit_member: str
    entry_member: str
    total_s: Spread
    exit_s: Spread
    gap_s: Spread | None
    entry_s: Spread
    activities_s: dict[str, int]


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


def summarise(times: Iterable[BorderTime]) -> tuple[CrossingTimes, ...]:
    """Summarise border times by crossing and direction, in the order of their names."""
    groups: dict[tuple[str, str], list[BorderTime]] = {}
    for item in times:
        groups.setdefault((item.crossing, item.exit_member), []).append(item)
    return tuple(_summary(group) for _, group in sorted(groups.items()))


def _summary(group: Sequence[BorderTime]) -> CrossingTimes:
    """Summarise the border times of one crossing in one direction."""
    gaps = [item.gap_s for item in group if item.gap_s is not None]
    spent: dict[str, int] = {}
    for item in group:
        for activity, seconds in item.activities_s.items():
            spent[activity] = spent.get(activity, 0) + seconds
    return CrossingTimes(
        crossing=group[0].crossing,
        exit_member=group[0].exit_member,
        entry_member=group[0].entry_member,
        total_s=_spread([item.total_s for item in group]),
        exit_s=_spread([item.exit_s for item in group]),
        gap_s=_spread(gaps) if gaps else None,
        entry_s=_spread([item.entry_s for item in group]),
        activities_s={activity: seconds // len(group) for activity, seconds in sorted(spent.items())},
    )


def _spread(values: Sequence[int]) -> Spread:
    """Spread out one or more values."""
    found, count = sorted(values), len(values)
    p90 = found[-(-count * 9 // 10) - 1]
    return Spread(count, sum(found) // count, found[(count - 1) // 2], p90, found[-1])


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
        exit_member=before.leg.member,
        entry_member=after.leg.member,
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
