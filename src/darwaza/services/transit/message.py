"""Messages and commands of the transit service beyond the eTIR pairs, and the kind of every message.

eTIR has no message for what happens between two offices: a seal broken in an accident, a load moved to another truck, a
control's result, the waiting itself. Those are events here, with the same stamp as the eTIR ones, sent to every member
concerned as ``transit.event``.

An *event* is something that happened at an office, stated by the member that is the authority on it. It keeps its UUID
whichever way it travels (link, file, QR), so hearing it twice changes nothing.
"""

from typing import Annotated

from msgspec import Meta

from darwaza.services.transit.codes import ACTIVITIES
from darwaza.standards.charge import CHARGES, Due
from darwaza.standards.etir.external import E7, E8, E9, E10, E11, E12, E13, E14
from darwaza.standards.etir.internal import I1, I2, I7, I8, I9, I10, I11, I12, I13, I14, I15, I16, I17, I18, Seals
from darwaza.standards.etir.value import (
    LEGS_MAX,
    Amount,
    Body,
    Control,
    CrossingId,
    Currency,
    Instant,
    Key,
    OptionalText,
    SealMark,
    Stamp,
    Text,
    Uuid,
    Vehicle,
)

LegIndex = Annotated[int, Meta(ge=0, lt=LEGS_MAX)]


class SealChange(Body, frozen=True, tag="seal"):
    """A step in the custody chain of a seal.

    Attributes:
        movement: UUID.
        stamp: who, where, when.
        action: affixed, checked, broken, replaced or removed.
        number: of the seal.
        replacement: the new seal when ``action`` is replaced or affixed.
        reason: in words; required when broken, replaced or removed.
    """

    movement: Uuid
    stamp: Stamp
    action: Annotated[str, Meta(pattern=r"^(affixed|checked|broken|replaced|removed)\Z")]
    number: Key
    replacement: SealMark | None = None
    reason: OptionalText = ""


class Incident(Body, frozen=True, tag="incident"):
    """Something that went wrong on the way.

    Attributes:
        movement: UUID.
        stamp: of the office that recorded it.
        leg: index in the itinerary.
        kind: what.
        text: in words.
        vehicles: the vehicles from now on, after a transshipment.
    """

    movement: Uuid
    stamp: Stamp
    leg: LegIndex
    kind: Annotated[str, Meta(pattern=r"^(accident|theft|loss|breakdown|seal-broken|transshipment|delay|other)\Z")]
    text: Text
    vehicles: Annotated[tuple[Vehicle, ...], Meta(max_length=20)] = ()


class Inspection(Body, frozen=True, tag="inspection"):
    """Whether an office inspects, and what it found: a fact the next member may rely on.

    Attributes:
        movement: UUID.
        stamp: of the office.
        leg: index in the itinerary.
        required: yes, no, or undecided; undecided may become either later.
        reasons: rule ids that decided.
        control: the result, when one was made.
    """

    movement: Uuid
    stamp: Stamp
    leg: LegIndex
    required: Annotated[str, Meta(pattern=r"^(yes|no|undecided)\Z")]
    reasons: Annotated[tuple[Text, ...], Meta(max_length=50)] = ()
    control: Control | None = None


class Activity(Body, frozen=True, tag="activity"):
    """Time spent at a border on one of the 16 activities of CPMM.

    Attributes:
        movement: UUID.
        stamp: of the office; ``at`` is the end of the activity.
        leg: index in the itinerary.
        activity: code of ``codes.ACTIVITIES``.
        began_at: its beginning.
    """

    movement: Uuid
    stamp: Stamp
    leg: LegIndex
    activity: Annotated[str, Meta(pattern="^(" + "|".join(ACTIVITIES) + r")\Z")]
    began_at: Instant


class TrackerChange(Body, frozen=True, tag="tracker"):
    """A tracker taken from a pool or given back.

    Attributes:
        movement: UUID.
        stamp: of the office that fitted or removed it.
        action: fitted or removed.
        tracker: its id.
    """

    movement: Uuid
    stamp: Stamp
    action: Annotated[str, Meta(pattern=r"^(fitted|removed)\Z")]
    tracker: Key


class Cancellation(Body, frozen=True, tag="cancelled"):
    """Customs of departure cancels an accepted movement that has not started."""

    movement: Uuid
    stamp: Stamp
    reason: Text


Event = I9 | I11 | I13 | I17 | SealChange | Incident | Inspection | Activity | TrackerChange | Cancellation
"""Everything that can happen to an accepted movement."""

OwnEvent = SealChange | Incident | Inspection | Activity | TrackerChange | Cancellation


class EventMessage(Body, frozen=True):
    """Body of ``transit.event``."""

    event: OwnEvent


class Accept(Body, frozen=True):
    """Command ``accept``: customs of departure accepts the declaration.

    Attributes:
        stamp: of the acceptance.
        seals: affixed.
        tracker: fitted; "" for none.
    """

    stamp: Stamp
    seals: Seals = ()
    tracker: Annotated[str, Meta(max_length=64)] = ""


class Withdraw(Body, frozen=True):
    """Command ``withdraw``: the holder takes back a declaration that was not accepted."""

    reason: Text


class Suspend(Body, frozen=True):
    """Command ``suspend``: a closure stops the clocks of this movement.

    Attributes:
        closure: UUID of the closure.
        crossing: the closed crossing.
        since: from when the clocks stand.
    """

    closure: Uuid
    crossing: CrossingId
    since: Instant


class Resume(Body, frozen=True):
    """Command ``resume``: the closure is over, or no longer concerns this movement.

    Attributes:
        closure: UUID of the closure.
        until: from when the clocks run again.
    """

    closure: Uuid
    until: Instant


class Extend(Body, frozen=True):
    """Command ``extend``: the deadlines of this movement move by a granted extension.

    Attributes:
        extension: UUID of the extension.
        crossing: for which it was granted.
        since: when it was granted.
        until: clocks stand from ``since`` to here.
    """

    extension: Uuid
    crossing: CrossingId
    since: Instant
    until: Instant


class Carried(Body, frozen=True):
    """Command ``carry-in``: events a post entered offline, verified by the handler before they get here.

    Attributes:
        events: with ``stamp.offline`` set; of this movement.
    """

    events: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=200)]


class Charge(Body, frozen=True):
    """Command ``charge`` and message ``transit.charge``: what must be paid before the goods are handed over.

    A later charge of the same kind replaces the earlier one; an amount of 0 waives it. Stated by the member of
    destination, told to the holder's gateway only.

    Attributes:
        movement: UUID.
        stamp: of the office of destination's member that assessed it.
        charge: duty, fee or premium.
        amount_minor: minor units.
        currency: ISO 4217.
        account: IBAN or other number of the account it is paid to.
        reference: under which it is paid; the payment's remittance says ``/UCR/<ucr>/REF/<reference>``.
    """

    movement: Uuid
    stamp: Stamp
    charge: Annotated[str, Meta(pattern="^(" + "|".join(CHARGES) + r")\Z")]
    amount_minor: Amount
    currency: Currency
    account: Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Za-z0-9./-]{0,33}\Z")]
    reference: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,34}\Z")]

    def due(self) -> Due:
        """Return the value of the fact that says it is due."""
        return Due(self.amount_minor, self.currency, self.account, self.reference)


class Release(Body, frozen=True):
    """Command ``release``: hand over the goods at destination as soon as all required facts hold."""

    stamp: Stamp


KINDS: dict[str, type[Body]] = {
    "transit.e7": E7,
    "transit.e8": E8,
    "transit.e9": E9,
    "transit.e10": E10,
    "transit.e11": E11,
    "transit.e12": E12,
    "transit.e13": E13,
    "transit.e14": E14,
    "transit.i1": I1,
    "transit.i2": I2,
    "transit.i7": I7,
    "transit.i8": I8,
    "transit.i9": I9,
    "transit.i10": I10,
    "transit.i11": I11,
    "transit.i12": I12,
    "transit.i13": I13,
    "transit.i14": I14,
    "transit.i15": I15,
    "transit.i16": I16,
    "transit.i17": I17,
    "transit.i18": I18,
    "transit.event": EventMessage,
    "transit.charge": Charge,
}
"""Message kind to the type of its body."""

COMMANDS: dict[str, type[Body]] = {
    "accept": Accept,
    "withdraw": Withdraw,
    "start": I9,
    "terminate": I11,
    "discharge": I13,
    "refuse-start": I17,
    "seal": SealChange,
    "report-incident": Incident,
    "inspect": Inspection,
    "record-activity": Activity,
    "tracker": TrackerChange,
    "cancel": Cancellation,
    "reroute": I7,
    "suspend": Suspend,
    "resume": Resume,
    "extend": Extend,
    "carry-in": Carried,
    "charge": Charge,
    "release": Release,
}
"""Command kind to the type of its body; ``declare`` and ``amend`` take a ``Declaration``."""
