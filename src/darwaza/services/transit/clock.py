"""Deadlines that stop while a crossing is closed.

A leg's deadline and the guarantee's validity run in real time; for a movement that heads for a closed crossing they
stand. A deadline moves by the time the movement was held up; while a closure lasts there is no deadline at all. An
extension is a stand whose end is known when it begins. No clock stood before there was a movement.
"""

from datetime import datetime, timedelta

import msgspec

from darwaza.services.transit.leg import STARTED, Progress
from darwaza.services.transit.movement import Movement, Suspension

_ZERO = timedelta(0)


def stopped(movement: Movement) -> bool:
    """Tell whether the movement's clocks stand now."""
    return any(item.until is None for item in movement.suspensions)


def held_up(movement: Movement, since: datetime | None = None) -> timedelta:
    """Return how long the clocks have stood in ended suspensions, from an instant on; overlaps count once."""
    total, reached = _ZERO, since
    for item in sorted(movement.suspensions, key=lambda one: one.since):
        if item.until is None:
            continue
        begin = item.since if reached is None else max(item.since, reached)
        if item.until > begin:
            total += item.until - begin
            reached = item.until
    return total


def leg_deadline(movement: Movement, progress: Progress, index: int) -> datetime | None:
    """Return when a started leg must be terminated, clocks taken into account; None when no deadline runs."""
    leg = progress.legs[index]
    if leg.status != STARTED or leg.leg.deadline_at is None or leg.start is None or stopped(movement):
        return None
    return leg.leg.deadline_at + held_up(movement, leg.start.stamp.at)


def guarantee_until(movement: Movement) -> datetime | None:
    """Return until when the guarantee carries liabilities; None while the clocks stand."""
    return None if stopped(movement) else movement.guarantee().valid_until + held_up(movement)


def next_deadline(movement: Movement, progress: Progress) -> datetime | None:
    """Return the next deadline to wake for, or None."""
    deadlines = [
        deadline
        for index in range(len(progress.legs))
        if index not in movement.overdue and (deadline := leg_deadline(movement, progress, index)) is not None
    ]
    return min(deadlines, default=None)


def missed(movement: Movement, progress: Progress, now: datetime) -> tuple[int, ...]:
    """Return the legs whose deadline has passed and was not yet reported."""
    return tuple(
        index
        for index in range(len(progress.legs))
        if index not in movement.overdue
        and (deadline := leg_deadline(movement, progress, index)) is not None
        and deadline <= now
    )


def suspend(movement: Movement, closure: str, crossing: str, since: datetime) -> Movement:
    """Stop the clocks for a closure; doing so twice changes nothing."""
    return _stand(movement, Suspension(closure, crossing, since))


def extend(movement: Movement, extension: str, crossing: str, since: datetime, until: datetime) -> Movement:
    """Move the deadlines by a granted extension; doing so twice changes nothing."""
    return _stand(movement, Suspension(extension, crossing, since, until))


def _stand(movement: Movement, item: Suspension) -> Movement:
    """Add a time in which the clocks stand, counted from the acceptance at the earliest."""
    if any(known.closure == item.closure for known in movement.suspensions):
        return movement
    if movement.accepted is not None:
        since = max(item.since, movement.accepted.stamp.at)
        until = None if item.until is None else max(item.until, since)
        item = msgspec.structs.replace(item, since=since, until=until)
    added = (*movement.suspensions, item)
    return msgspec.structs.replace(movement, suspensions=added)


def resume(movement: Movement, closure: str, until: datetime) -> Movement:
    """Let the clocks run again after a closure; doing so twice changes nothing."""
    changed = tuple(
        msgspec.structs.replace(item, until=max(until, item.since))
        if item.closure == closure and item.until is None
        else item
        for item in movement.suspensions
    )
    return msgspec.structs.replace(movement, suspensions=changed)


def heads_for(progress: Progress, crossing: str) -> bool:
    """Tell whether a movement still has a crossing before it: the leg beyond it has not been started."""
    for index, leg in enumerate(progress.legs[:-1]):
        if leg.leg.crossing == crossing:
            return progress.legs[index + 1].start is None and progress.current <= index + 1
    return False
