"""What a closure means for the movements that head for it: who waits, what spoils, where else to go, what it costs.

All of it is pure and in bulk: the caller reads the movements of its gateway, these functions sort, count and propose,
and make the commands that stop and restart clocks.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from darwaza.services.transit import clock
from darwaza.services.transit.closure import Closure, CrossingStatus
from darwaza.services.transit.crossing import Crossing, Register
from darwaza.services.transit.leg import Progress, progress
from darwaza.services.transit.message import Extend, Resume, Suspend
from darwaza.services.transit.movement import Movement
from darwaza.standards.etir.value import Leg

PROPOSALS_MAX = 5
"""Itineraries proposed for one movement."""

DETOUR_LEGS_MAX = 8
"""Members one proposed itinerary enters from where the truck is."""


class Headed(msgspec.Struct, frozen=True):
    """A movement that heads for a crossing.

    Attributes:
        movement: UUID.
        spoils_at: when its first goods spoil, computed from the first start; None when all keep or it has not started.
        state: of the movement.
        member: where it is or will be next.
    """

    movement: str
    spoils_at: datetime | None
    state: str
    member: str


def spoils_at(movement: Movement, now: Progress) -> datetime | None:
    """Return when the first goods spoil: the shortest keeping time, counted from the first start."""
    hours = [item.keeps_h for item in movement.known().goods if item.keeps_h is not None]
    start = now.legs[0].start
    return None if not hours or start is None else start.stamp.at + timedelta(hours=min(hours))


def heading(movement: Movement, crossing: str) -> Headed | None:
    """Describe an accepted movement if it still has a crossing before it."""
    now = progress(movement)
    if now.state not in {"accepted", "moving", "held"} or not clock.heads_for(now, crossing):
        return None
    place = now.legs[min(now.current, len(now.legs) - 1)].leg.member
    return Headed(movement.known().movement, spoils_at(movement, now), now.state, place)


def in_order(found: Iterable[Headed]) -> tuple[Headed, ...]:
    """Sort what heads for a crossing: what spoils first foremost, what keeps last."""
    return tuple(sorted(found, key=lambda item: (item.spoils_at is None, item.spoils_at, item.movement)))


def headed_for(movements: Iterable[Movement], crossing: str) -> tuple[Headed, ...]:
    """List the movements that still have a crossing before them, those that spoil first foremost.

    Args:
        movements: accepted movements of this gateway.
        crossing: its id.
    """
    return in_order(item for movement in movements if (item := heading(movement, crossing)) is not None)


def suspensions(headed: Iterable[Headed], closure: Closure) -> tuple[tuple[str, Suspend], ...]:
    """Make the ``suspend`` command of each movement a closure stops: pairs of case id and body."""
    body = Suspend(closure.id, closure.crossing, closure.stamp.at)
    return tuple((item.movement, body) for item in headed)


def resumptions(movements: Iterable[Movement], closure: str, until: datetime) -> tuple[tuple[str, Resume], ...]:
    """Make the ``resume`` command of each movement a closure had stopped: pairs of case id and body."""
    body = Resume(closure, until)
    return tuple(
        (movement.known().movement, body)
        for movement in movements
        if any(item.closure == closure and item.until is None for item in movement.suspensions)
    )


def clock_commands(
    movement: Movement, crossings: Iterable[CrossingStatus], now: datetime
) -> tuple[tuple[str, Suspend | Extend | Resume], ...]:
    """Say which clock commands a single movement is due: one just accepted, diverted, or heard of again.

    Args:
        movement: an accepted one.
        crossings: data of the crossings' cases of this gateway.
        now: when clocks run again that a diversion frees.

    Returns:
        Pairs of command kind and body, ``resume`` last.
    """
    going = progress(movement)
    stopped = {item.closure for item in movement.suspensions}
    standing = {item.closure: item.crossing for item in movement.suspensions if item.until is None}
    begun = movement.accepted.stamp.at if movement.accepted is not None else now
    found: list[tuple[str, Suspend | Extend | Resume]] = []
    for status in crossings:
        ahead = clock.heads_for(going, status.crossing)
        in_force = status.in_force()
        if ahead:
            fresh = [item for item in in_force if item.id not in stopped]
            found += [("suspend", Suspend(item.id, item.crossing, item.stamp.at)) for item in fresh]
            granted = [item for item in status.extensions if item.id not in stopped and item.until > begun]
            found += [("extend", Extend(item.id, item.crossing, item.stamp.at, item.until)) for item in granted]
        ended = {item.id: item.stamp.at for item in status.reopenings}
        for closure, crossing in standing.items():
            if crossing == status.crossing and (closure in ended or not ahead):
                found.append(("resume", Resume(closure, ended.get(closure, now))))
    return tuple(sorted(found, key=lambda pair: pair[0] == "resume"))


class Ways:
    """The ways through a corridor that avoid its closed crossings.

    Attributes:
        register: crossings of the corridor.
        closed: ids of closed crossings.
        members: that may be entered: the guarantee covers them and the regime binds them.
    """

    def __init__(self, register: Register, closed: frozenset[str], members: frozenset[str]) -> None:
        self.register = register
        self.closed = closed
        self.members = members
        self._found: dict[tuple[str, str], tuple[tuple[Crossing, ...], ...]] = {}

    def between(self, start: str, goal: str) -> tuple[tuple[Crossing, ...], ...]:
        """Return every way of crossings that enters no member twice, fewest crossings first."""
        found = self._found.get((start, goal))
        if found is None:
            ways = self._walk((start,), (), goal)
            found = tuple(sorted(ways, key=lambda way: (len(way), tuple(crossing.id for crossing in way))))
            self._found[start, goal] = found
        return found

    def _walk(self, visited: tuple[str, ...], way: tuple[Crossing, ...], goal: str) -> Iterator[tuple[Crossing, ...]]:
        """Go on from the last visited member."""
        if visited[-1] == goal:
            yield way
            return
        if len(visited) >= DETOUR_LEGS_MAX:
            return
        for crossing in self.register.crossings.values():
            if visited[-1] not in crossing.members or crossing.id in self.closed:
                continue
            other = _beyond(crossing, visited[-1])
            if other in self.members and other not in visited:
                yield from self._walk((*visited, other), (*way, crossing), goal)


def _beyond(crossing: Crossing, member: str) -> str:
    """Return the member on the other side."""
    return crossing.members[1] if crossing.members[0] == member else crossing.members[0]


def detours(movement: Movement, ways: Ways) -> tuple[tuple[Leg, ...], ...]:
    """Propose other itineraries for what lies ahead, fewest legs first.

    The legs that have been driven stay. A leg under way may leave by another crossing. A member that the present
    itinerary has keeps its liability; a new member takes the largest of the present ones, until its customs says more.

    Args:
        movement: an accepted one.
        ways: open through the corridor.

    Returns:
        At most ``PROPOSALS_MAX`` complete itineraries, none of them the present one.
    """
    legs = movement.known().legs
    at = progress(movement).current
    if at >= len(legs) - 1:
        return ()
    found = [(*legs[:at], *_legs_along(legs, at, way)) for way in ways.between(legs[at].member, legs[-1].member)]
    return tuple(itinerary for itinerary in found if itinerary != legs)[:PROPOSALS_MAX]


def _legs_along(legs: tuple[Leg, ...], at: int, way: tuple[Crossing, ...]) -> Iterator[Leg]:
    """Build the legs from the present one on, along a way of crossings."""
    liability = {leg.member: leg.liability_minor for leg in legs}
    most = max(liability.values())
    deadline = {(leg.member, leg.crossing): leg.deadline_at for leg in legs}
    member, entry = legs[at].member, legs[at].entry_office
    for crossing in way:
        amount = liability.get(member, most)
        exit_office = crossing.side(member).office
        yield Leg(member, entry, exit_office, crossing.id, amount, deadline.get((member, crossing.id)))
        member = _beyond(crossing, member)
        entry = crossing.side(member).office
    yield Leg(member, entry, legs[-1].exit_office, None, liability[member], legs[-1].deadline_at)


def daily_cost(waiting: int, *, detention_minor: int, tracker_minor: int) -> int:
    """Return what a day of closure costs, in minor units of the caller's currency.

    Args:
        waiting: movements that wait.
        detention_minor: cost of one waiting truck a day.
        tracker_minor: cost of one tracker that does not come back a day.
    """
    return waiting * (detention_minor + tracker_minor)
