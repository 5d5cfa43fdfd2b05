"""What people and neighbours look at: who may see a movement, its timeline, whether two records agree.

All of it is pure and derived; nothing here decides anything.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from darwaza.kernel.merkle import EMPTY, leaf_hash
from darwaza.services.transit.leg import PLANNED, REFUSED, STARTED, progress
from darwaza.services.transit.message import (
    Activity,
    Cancellation,
    Event,
    Incident,
    Inspection,
    OwnEvent,
    SealChange,
    TrackerChange,
)
from darwaza.services.transit.movement import Movement
from darwaza.standards.etir.internal import I7, I9, I11, I13, I17
from darwaza.standards.etir.wire import encode


class Entry(msgspec.Struct, frozen=True):
    """One line of a timeline.

    Attributes:
        at: the instant.
        local: what the clock at the office showed, with its offset.
        office: where.
        what: short code: accepted, edition, started, terminated, discharged, refused, or the event's own.
        text: one sentence.
        offline: entered with the network cut.
    """

    at: datetime
    local: str
    office: str
    what: str
    text: str
    offline: bool


def concerns_office(movement: Movement, office: str) -> bool:
    """Tell whether an office may see a movement: it is on the way, or has acted on it."""
    if movement.declaration is None:
        return any(event.stamp.office == office for event in movement.events)
    offices = {place for leg in movement.known().legs for place in (leg.entry_office, leg.exit_office)}
    return office in offices or any(event.stamp.office == office for event in movement.events)


def heads_to(movement: Movement, office: str) -> bool:
    """Tell whether an office still has something to do for an accepted movement."""
    return any(
        (leg.leg.entry_office == office and leg.status in {PLANNED, REFUSED})
        or (leg.leg.exit_office == office and leg.status in {PLANNED, STARTED, REFUSED})
        for leg in progress(movement).legs
    )


def timeline(movement: Movement) -> tuple[Entry, ...]:
    """Return what happened, oldest first, as the offices' own clocks showed it."""
    recordings = [item for item in (movement.original, movement.recorded) if item is not None]
    entries = [_recording(item) for item in recordings]
    entries += [_entry(event) for event in movement.events]
    return tuple(sorted(entries, key=lambda entry: entry.at))


def _recording(item: I7) -> Entry:
    """Word an edition of the declaration."""
    version, stamp = item.declaration.version, item.stamp
    way = " - ".join(leg.member for leg in item.declaration.legs)
    what = "accepted" if version == 1 else "edition"
    text = f"declaration {version} recorded for {way}, seals {', '.join(seal.number for seal in item.seals) or 'none'}"
    return Entry(stamp.at, stamp.local, stamp.office, what, text, stamp.offline)


def _entry(event: Event) -> Entry:
    """Word an event."""
    what, text = _words(event)
    return Entry(event.stamp.at, event.stamp.local, event.stamp.office, what, text, event.stamp.offline)


def _words(event: Event) -> tuple[str, str]:
    """Return the code and the sentence of an event."""
    match event:
        case I9():
            return "started", f"leg {event.leg + 1} started, operation {event.operation}"
        case I11():
            noted = f", with reservations: {event.reservations}" if event.reservations else ""
            return "terminated", f"leg {event.leg + 1} terminated{noted}"
        case I13():
            return "discharged", f"leg {event.leg + 1} discharged"
        case I17():
            return "refused", f"leg {event.leg + 1} refused: {event.reason}"
        case _:
            return _own_words(event)


def _own_words(event: OwnEvent) -> tuple[str, str]:
    """Return the code and the sentence of an event that eTIR does not know."""
    match event:
        case SealChange():
            new = f", {event.replacement.number} in its place" if event.replacement is not None else ""
            because = f": {event.reason}" if event.reason else ""
            return "seal", f"seal {event.number} {event.action}{new}{because}"
        case Incident():
            return "incident", f"{event.kind}: {event.text}"
        case Inspection():
            return "inspection", f"inspection {event.required}"
        case Activity():
            return "activity", f"{event.activity} since {event.began_at:%Y-%m-%d %H:%M}Z"
        case TrackerChange():
            return "tracker", f"tracker {event.tracker} {event.action}"
        case Cancellation():
            return "cancelled", f"cancelled: {event.reason}"


def fingerprint(movement: Movement) -> bytes:
    """Return 32 bytes that two members' records of a movement share exactly when they hold the same events.

    It covers the editions heard of and every event, in the order of their ids, so that neither the way they came nor
    the sender's clock matters.
    """
    events = sorted(movement.events, key=lambda event: event.stamp.event)
    editions = [f"{version.number} {version.event}".encode() for version in movement.versions]
    return EMPTY.append_all([leaf_hash(item) for item in (*editions, *(encode(event) for event in events))]).root()


def fingerprints_root(fingerprints: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the root over many movements: pairs of UUID and fingerprint.

    Two neighbours that compare it every night learn in 32 bytes whether all their common records agree; if not, they
    compare fingerprints, and then events, of the movements that differ, and show each other no others.
    """
    return EMPTY.append_all([leaf_hash(movement.encode() + digest) for movement, digest in sorted(fingerprints)]).root()


def missing_events(own: Movement, held_by_peer: Iterable[str]) -> tuple[Event, ...]:
    """Return the events a peer does not hold, by the ids it says it holds."""
    held = frozenset(held_by_peer)
    return tuple(event for event in own.events if event.stamp.event not in held)
