"""What the events of a movement add up to: legs, seals, goods on board, discrepancies.

``progress`` is a pure function of the declaration and the *set* of events. Where two events exclude each other (two
posts acted, each with its network cut) a written rule decides and the loser is listed as a discrepancy; nothing that
happened is ever dropped. The rules stand in docs/concepts/transit-offline.md and a property test holds them: any
order, any repetition, any grouping of the same events gives the same result.

Standard: start, termination and discharge as in the TIR Convention, Article 1; eTIR v4.3 workflow errors 210 to 216.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from darwaza.services.transit.civil import CLOCK_SKEW_MAX
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.message import (
    Cancellation,
    Event,
    Incident,
    Inspection,
    TrackerChange,
)
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.seal import Custody, custody_chain
from darwaza.standards.etir.internal import I9, I11, I13, I17
from darwaza.standards.etir.value import Leg, Vehicle

Operation = I9 | I11 | I13 | I17
"""An act of a customs on a leg of its own."""

PLANNED = "planned"
STARTED = "started"
TERMINATED = "terminated"
DISCHARGED = "discharged"
REFUSED = "refused"

LEG_TABLE: Mapping[tuple[str, str], str | No] = {
    (PLANNED, "start"): STARTED,
    (PLANNED, "terminate"): No.NOT_YET_STARTED,
    (PLANNED, "discharge"): No.NOT_YET_STARTED,
    (PLANNED, "refuse-start"): REFUSED,
    (STARTED, "start"): No.ALREADY_STARTED,
    (STARTED, "terminate"): TERMINATED,
    (STARTED, "discharge"): No.NOT_YET_TERMINATED,
    (STARTED, "refuse-start"): No.REFUSAL_NOT_AUTHORISED,
    (TERMINATED, "start"): No.ALREADY_STARTED,
    (TERMINATED, "terminate"): No.ALREADY_TERMINATED,
    (TERMINATED, "discharge"): DISCHARGED,
    (TERMINATED, "refuse-start"): No.REFUSAL_NOT_AUTHORISED,
    (DISCHARGED, "start"): No.ALREADY_STARTED,
    (DISCHARGED, "terminate"): No.ALREADY_TERMINATED,
    (DISCHARGED, "discharge"): No.ALREADY_DISCHARGED,
    (DISCHARGED, "refuse-start"): No.REFUSAL_NOT_AUTHORISED,
    (REFUSED, "start"): STARTED,
    (REFUSED, "terminate"): No.NOT_YET_STARTED,
    (REFUSED, "discharge"): No.NOT_YET_STARTED,
    (REFUSED, "refuse-start"): REFUSED,
}
"""State of a leg and act of its own customs, online, to the next state or the refusal."""


class LegProgress(msgspec.Struct, frozen=True):
    """How far one leg is.

    Attributes:
        leg: as declared.
        status: planned, started, terminated, discharged or refused.
        start: the start that counts.
        end: the termination that counts.
        discharge: the discharge that counts.
        refusals: all refusals to start.
    """

    leg: Leg
    status: str
    start: I9 | None
    end: I11 | None
    discharge: I13 | None
    refusals: tuple[I17, ...]


class Discrepancy(msgspec.Struct, frozen=True, order=True):
    """Two records that do not agree, for an officer to look at.

    Attributes:
        what: stable code.
        leg: index in the itinerary, -1 when it concerns the whole.
        event: UUID of the event that lost or stands alone.
        detail: one sentence.
    """

    what: str
    leg: int
    event: str
    detail: str


class Progress(msgspec.Struct, frozen=True):
    """What a movement's events add up to.

    Attributes:
        state: accepted, moving, held, ended, discharged or cancelled.
        legs: in the order of the itinerary.
        seals: custody chains by seal.
        vehicles: the vehicles it now moves on.
        packages: packages still on board, by goods item in the declaration's order.
        trackers: ids of the trackers now on it.
        inspections: the latest verdict of each office.
        discrepancies: sorted.
    """

    state: str
    legs: tuple[LegProgress, ...]
    seals: tuple[Custody, ...]
    vehicles: tuple[Vehicle, ...]
    packages: tuple[int, ...]
    trackers: tuple[str, ...]
    inspections: tuple[Inspection, ...]
    discrepancies: tuple[Discrepancy, ...]

    @property
    def current(self) -> int:
        """Index of the leg the truck is on or waits to start; the number of legs when all have ended."""
        for index, leg in enumerate(self.legs):
            if leg.status not in {TERMINATED, DISCHARGED}:
                return index
        return len(self.legs)


def progress(movement: Movement) -> Progress:
    """Add up the events of a movement that has a declaration and was accepted."""
    declaration = movement.known()
    found: list[Discrepancy] = []
    operations = [event for event in movement.events if isinstance(event, Operation)]
    legs = tuple([_leg(index, leg, operations, found) for index, leg in enumerate(declaration.legs)])
    _off_itinerary(declaration.legs, operations, found)
    _entries(legs, found)
    _reused_numbers(operations, found)
    _rival_editions(movement, found)
    packages = _packages(movement, legs, found)
    seals, seal_faults = custody_chain(movement.accepted, movement.events)
    found += [Discrepancy(what, -1, event, detail) for what, event, detail in seal_faults]
    cancelled = _cancelled(legs, movement.events, found)
    return Progress(
        state="cancelled" if cancelled else _state(legs),
        legs=legs,
        seals=seals,
        vehicles=_vehicles(declaration.vehicles, movement.events),
        packages=packages,
        trackers=_trackers(movement),
        inspections=_inspections(movement.events),
        discrepancies=tuple(sorted(set(found))),
    )


def leg_progress(movement: Movement, index: int) -> LegProgress:
    """Return what ``progress`` says of one leg of the itinerary, without the rest."""
    operations = [event for event in movement.events if isinstance(event, Operation)]
    return _leg(index, movement.known().legs[index], operations, [])


def _first(events: Iterable[Event], what: str, index: int, found: list[Discrepancy]) -> Event | None:
    """Take the first of several events that exclude each other and list the others."""
    winner: Event | None = None
    for event in events:
        if winner is None:
            winner = event
        else:
            text = f"{event.stamp.office} acted, but what {winner.stamp.office} did counts"
            found.append(Discrepancy(what, index, event.stamp.event, text))
    return winner


def _leg(index: int, leg: Leg, operations: Sequence[Operation], found: list[Discrepancy]) -> LegProgress:
    """Add up the acts on one leg that its own member stated."""
    own = [event for event in operations if event.leg == index and event.stamp.office[:2] == leg.member]
    if not own:
        return LegProgress(leg, PLANNED, None, None, None, ())
    # The office the itinerary names outweighs another one; then the earlier outweighs the later.
    starts = sorted(
        (event for event in own if isinstance(event, I9)), key=lambda event: event.stamp.office != leg.entry_office
    )
    ends = sorted(
        (event for event in own if isinstance(event, I11)), key=lambda event: event.stamp.office != leg.exit_office
    )
    start = _first(starts, "duplicate-start", index, found)
    end = _first(ends, "duplicate-termination", index, found)
    discharge = _first((event for event in own if isinstance(event, I13)), "duplicate-discharge", index, found)
    refusals = tuple(event for event in own if isinstance(event, I17))
    found += _untold(index, start, end, discharge)
    if start is not None:
        # Goods that are in the country are a liability whatever another post said: a start outweighs a refusal.
        found += [
            Discrepancy("refused-and-started", index, event.stamp.event, "one post refused, another started the leg")
            for event in refusals
            if event.stamp.at >= start.stamp.at
        ]
    for seen in (start, end):
        if isinstance(seen, I9 | I11) and not seen.seals_intact:
            found.append(Discrepancy("seals-not-intact", index, seen.stamp.event, "the seals were found broken"))
    status = PLANNED
    if discharge is not None:
        status = DISCHARGED
    elif end is not None:
        status = TERMINATED
    elif start is not None:
        status = STARTED
    elif refusals:
        status = REFUSED
    return LegProgress(
        leg=leg,
        status=status,
        start=start if isinstance(start, I9) else None,
        end=end if isinstance(end, I11) else None,
        discharge=discharge if isinstance(discharge, I13) else None,
        refusals=refusals,
    )


def _untold(index: int, start: Event | None, end: Event | None, discharge: Event | None) -> list[Discrepancy]:
    """List an act on a leg that rests on another one which has not been heard of."""
    lone = end or discharge
    if start is None and lone is not None:
        return [Discrepancy("start-missing", index, lone.stamp.event, "the start of this leg has not been heard of")]
    if start is not None and discharge is not None and end is None:
        text = "the termination of this leg has not been heard of"
        return [Discrepancy("termination-missing", index, discharge.stamp.event, text)]
    return []


def _entries(legs: Sequence[LegProgress], found: list[Discrepancy]) -> None:
    """Reconcile the records of two countries at each border: what left one must have entered the other, afterwards."""
    for index, (left, entered) in enumerate(pairwise(legs)):
        if left.discharge is not None and entered.start is None:
            text = f"leg {index} is discharged, but {entered.leg.member} has not been heard to have let the load in"
            found.append(Discrepancy("entry-missing", index, left.discharge.stamp.event, text))
        if left.end is None or entered.start is None:
            continue
        if entered.start.stamp.at < left.end.stamp.at - CLOCK_SKEW_MAX:
            text = f"{entered.leg.member} let the load in before {left.leg.member} let it go"
            found.append(Discrepancy("entry-before-exit", index + 1, entered.start.stamp.event, text))


def _off_itinerary(legs: Sequence[Leg], operations: Sequence[Operation], found: list[Discrepancy]) -> None:
    """List acts on a leg that the itinerary in force gives to another member, or that it does not have."""
    for event in operations:
        if event.leg >= len(legs) or legs[event.leg].member != event.stamp.office[:2]:
            text = f"{event.stamp.office} acted on a leg that is not its member's in the itinerary in force"
            found.append(Discrepancy("off-itinerary", event.leg, event.stamp.event, text))
            continue
        leg = legs[event.leg]
        if isinstance(event, I13):
            continue
        expected = leg.exit_office if isinstance(event, I11) else leg.entry_office
        if event.stamp.office != expected:
            text = f"{event.stamp.office} acted where the itinerary in force names {expected}"
            found.append(Discrepancy("other-office", event.leg, event.stamp.event, text))


def _reused_numbers(operations: Sequence[Operation], found: list[Discrepancy]) -> None:
    """List operation ids and sequence numbers that stand twice (eTIR 214, 215)."""
    ids: dict[str, str] = {}
    sequences: dict[int, str] = {}
    for event in operations:
        if not isinstance(event, I9 | I17):
            continue
        if ids.setdefault(event.operation, event.stamp.event) != event.stamp.event:
            text = f"operation id {event.operation} stands twice"
            found.append(Discrepancy("operation-id-reused", event.leg, event.stamp.event, text))
        if sequences.setdefault(event.sequence, event.stamp.event) != event.stamp.event:
            text = f"sequence number {event.sequence} stands twice"
            found.append(Discrepancy("sequence-reused", event.leg, event.stamp.event, text))


def _rival_editions(movement: Movement, found: list[Discrepancy]) -> None:
    """List editions of the declaration that share their number with an earlier recorded one."""
    best: dict[int, str] = {}
    for version in reversed(movement.versions):  # greatest first
        if best.setdefault(version.number, version.event) != version.event:
            text = f"{version.office} recorded another edition {version.number}"
            found.append(Discrepancy("two-editions", -1, version.event, text))


def _packages(movement: Movement, legs: Sequence[LegProgress], found: list[Discrepancy]) -> tuple[int, ...]:
    """Count what is still on board after the unloadings that count."""
    if not any(leg.end is not None and leg.end.unloaded for leg in legs):
        return tuple(item.packages for item in movement.known().goods)
    left = {item.number: item.packages for item in movement.known().goods}
    for index, leg in enumerate(legs):
        for unloaded in leg.end.unloaded if leg.end is not None else ():
            if unloaded.packages > left.get(unloaded.item, 0):
                text = f"item {unloaded.item}: {unloaded.packages} packages unloaded, {left.get(unloaded.item, 0)} left"
                event = leg.end.stamp.event if leg.end is not None else ""
                found.append(Discrepancy("unloaded-too-much", index, event, text))
            left[unloaded.item] = max(0, left.get(unloaded.item, 0) - unloaded.packages)
    return tuple(left[item.number] for item in movement.known().goods)


def _vehicles(declared: tuple[Vehicle, ...], events: Sequence[Event]) -> tuple[Vehicle, ...]:
    """Return the vehicles after the last transshipment."""
    moved = [event.vehicles for event in events if isinstance(event, Incident) and event.vehicles]
    return moved[-1] if moved else declared


def _trackers(movement: Movement) -> tuple[str, ...]:
    """Return the trackers fitted and not removed."""
    on: dict[str, None] = {}
    if movement.accepted is not None and movement.accepted.tracker:
        on[movement.accepted.tracker] = None
    for event in movement.events:
        if isinstance(event, TrackerChange):
            if event.action == "fitted":
                on[event.tracker] = None
            else:
                on.pop(event.tracker, None)
    return tuple(on)


def _inspections(events: Sequence[Event]) -> tuple[Inspection, ...]:
    """Return the latest verdict of each office."""
    latest = {event.stamp.office: event for event in events if isinstance(event, Inspection)}
    return tuple(latest.values())


def _cancelled(legs: Sequence[LegProgress], events: Sequence[Event], found: list[Discrepancy]) -> bool:
    """Tell whether a cancellation counts: goods that have set off are not cancelled."""
    cancellations = [event for event in events if isinstance(event, Cancellation)]
    if not cancellations:
        return False
    if any(leg.status != PLANNED for leg in legs):
        text = "the movement was cancelled, but a leg had been acted on"
        found.append(Discrepancy("cancelled-and-started", -1, cancellations[0].stamp.event, text))
        return False
    return True


def _state(legs: Sequence[LegProgress]) -> str:
    """Name the state of the whole movement."""
    statuses = {leg.status for leg in legs}
    if statuses == {DISCHARGED}:
        return "discharged"
    if statuses <= {TERMINATED, DISCHARGED}:
        return "ended"
    if REFUSED in statuses:
        return "held"
    return "accepted" if statuses == {PLANNED} else "moving"
