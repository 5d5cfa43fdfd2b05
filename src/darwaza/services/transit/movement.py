"""The movement: what one gateway knows of one transit.

Every gateway concerned holds its own. Beside the declaration it is a *set of events*: what the legs, seals and
liabilities are now is computed from that set (``darwaza.services.transit.leg``), never stored beside it. So two
gateways that heard the same events agree, in whatever order and however often they heard them.
"""

from datetime import datetime, timedelta

import msgspec

from darwaza.kernel.machine import Case
from darwaza.services.transit.message import Charge, Event
from darwaza.standards.etir.codes import Fault
from darwaza.standards.etir.internal import I2, I7, Share
from darwaza.standards.etir.value import Declaration, GuaranteeTerms

EVENTS_MAX = 500
"""Events of one movement; a journey of six legs with daily controls has about 60."""


class Hold(msgspec.Struct, frozen=True):
    """A liability reserved in the guarantor's ledger.

    Attributes:
        member: for which member; "*" when one sum covers the whole journey.
        id: of the ledger hold.
        liability_minor: how much.
        released: whether it has been given back.
    """

    member: str
    id: str
    liability_minor: int
    released: bool = False


class Suspension(msgspec.Struct, frozen=True):
    """A time in which the clocks stand because a crossing is closed, or its customs granted more time.

    Attributes:
        closure: UUID of the closure or extension.
        crossing: the closed or slow crossing.
        since: from when.
        until: to when; None while it lasts.
    """

    closure: str
    crossing: str
    since: datetime
    until: datetime | None = None


class Version(msgspec.Struct, frozen=True, order=True):
    """One edition of the declaration that someone recorded. Ordered so that the greatest is in force.

    Attributes:
        number: of the edition.
        age: seconds from its recording to the far end of time, so that of two with one number the earlier is greater.
        event: UUID of the recording, the last resort of the order.
        office: that recorded it.
    """

    number: int
    age: int
    event: str
    office: str


class Movement(msgspec.Struct, frozen=True):
    """Data of a movement's case.

    Attributes:
        asked: terms of the guarantee the guarantor was asked for; None when a declaration or an edition names them.
        lodged: the declaration before its acceptance; None once an edition is recorded, which holds it.
        recorded: the acceptance (or amendment, or new itinerary) in force; None before the acceptance.
        original: the acceptance itself, when a later edition is in force; None when ``recorded`` is it.
        pending: an acceptance or new itinerary that waits for the guarantor's word.
        requested: an amendment the holder asked for after the acceptance.
        acceptance: the guarantor's word.
        events: all that happened, sorted by instant and event id.
        versions: every edition heard of.
        holds: liabilities; at the guarantor only.
        shares: liability per member as asked for; at the guarantor only.
        suspensions: times in which the clocks stand or stood.
        overdue: indexes of the legs whose deadline was found missed.
        charges: that a member said are due, the latest of each kind; at destination and with the holder.
        release: "", ``awaiting`` or ``released``.
        faults: why the guarantor last said no.
        closed_reason: why it was withdrawn.
    """

    asked: GuaranteeTerms | None = None
    lodged: Declaration | None = None
    recorded: I7 | None = None
    original: I7 | None = None
    pending: I7 | None = None
    requested: Declaration | None = None
    acceptance: I2 | None = None
    events: tuple[Event, ...] = ()
    versions: tuple[Version, ...] = ()
    holds: tuple[Hold, ...] = ()
    shares: tuple[Share, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    overdue: tuple[int, ...] = ()
    charges: tuple[Charge, ...] = ()
    release: str = ""
    faults: tuple[Fault, ...] = ()
    closed_reason: str = ""

    @property
    def declaration(self) -> Declaration | None:
        """The edition in force; None as long as it has not been heard of."""
        return self.lodged if self.recorded is None else self.recorded.declaration

    @property
    def terms(self) -> GuaranteeTerms | None:
        """Terms of the guarantee; None when only events have been heard of so far."""
        if self.recorded is not None:
            return self.recorded.declaration.guarantee
        return self.asked or (None if self.lodged is None else self.lodged.guarantee)

    def due(self) -> tuple[Charge, ...]:
        """Return the charges that count: those of the member of destination."""
        destination = self.known().legs[-1].member
        return tuple(item for item in self.charges if item.stamp.office[:2] == destination)

    def event(self, event_id: str) -> Event | None:
        """Return the event of an id, or None."""
        return next((event for event in self.events if event.stamp.event == event_id), None)

    def known(self) -> Declaration:
        """Return the declaration where the state guarantees that there is one."""
        declaration = self.declaration
        if declaration is None:
            raise ValueError("this movement has no declaration yet")
        return declaration

    def guarantee(self) -> GuaranteeTerms:
        """Return the terms where the state guarantees that there are some."""
        terms = self.terms
        if terms is None:
            raise ValueError("this movement has no guarantee yet")
        return terms

    @property
    def accepted(self) -> I7 | None:
        """The acceptance at departure, with its seals."""
        return self.original or self.recorded


MovementCase = Case[Movement]
"""The case of a movement."""

_FAR = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


def with_event(movement: Movement, event: Event) -> Movement:
    """Return the movement with one more event; the event must be new to it."""
    events = sorted((*movement.events, event), key=lambda item: (item.stamp.at, item.stamp.event))
    return msgspec.structs.replace(movement, events=tuple(events))


def with_charge(movement: Movement, charge: Charge) -> Movement:
    """Return the movement with one more charge; of each member and kind the latest counts."""
    latest = {(item.stamp.office[:2], item.charge): item for item in movement.charges}
    key = (charge.stamp.office[:2], charge.charge)
    known = latest.get(key)
    if known is None or (known.stamp.at, known.stamp.event) < (charge.stamp.at, charge.stamp.event):
        latest[key] = charge
    return msgspec.structs.replace(movement, charges=tuple(latest[key] for key in sorted(latest)))


def version_of(recorded: I7) -> Version:
    """Name the edition a recording makes."""
    stamp = recorded.stamp
    age = (_FAR - stamp.at) // timedelta(microseconds=1)
    return Version(recorded.declaration.version, age, stamp.event, stamp.office)


def with_edition(movement: Movement, recorded: I7) -> Movement:
    """Return the movement with one more edition heard of; the greatest is in force.

    Of two editions with one number the earlier recorded one is in force, everywhere, whichever was heard first.
    """
    version = version_of(recorded)
    versions = tuple(sorted({*movement.versions, version}))
    known = [edition for edition in (movement.original, movement.recorded, recorded) if edition is not None]
    first = min(known, key=lambda edition: (edition.declaration.version, -version_of(edition).age))
    latest = max(known, key=version_of)
    return msgspec.structs.replace(
        movement,
        versions=versions,
        recorded=latest,
        original=None if first == latest else first,
        asked=None,
        lodged=None,
    )


def concerned(declaration: Declaration) -> tuple[str, ...]:
    """Return the members a movement concerns: those on the way, the guarantor, and the holder's own, each once."""
    members = [leg.member for leg in declaration.legs]
    members += [declaration.guarantee.guarantor, declaration.holder_party[:2]]
    return tuple(dict.fromkeys(members))
