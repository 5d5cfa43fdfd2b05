"""The I pairs: what customs authorities tell each other and the authority on the guarantee.

In eTIR every I message goes to one international system. Here there is none: the member where the guarantee was
registered answers in its place, and each customs tells its own legs' events to all members concerned, so I9, I11, I13
and I17 travel to several. Answers carry ``faults``; an empty list is a yes.

Standard: eTIR specifications v4.3, functional, messages I1 to I20.
"""

from typing import Annotated

from msgspec import Meta

from darwaza.standards.etir.codes import Fault
from darwaza.standards.etir.value import (
    LEGS_MAX,
    SEALS_MAX,
    Amount,
    Body,
    Control,
    Count,
    Declaration,
    GuaranteeTerms,
    Instant,
    Key,
    Member,
    OfficeId,
    OptionalText,
    SealMark,
    Stamp,
    Text,
    Unloaded,
    Uuid,
)

Faults = Annotated[tuple[Fault, ...], Meta(max_length=100)]
Seals = Annotated[tuple[SealMark, ...], Meta(max_length=SEALS_MAX)]


class Share(Body, frozen=True):
    """The part of the liability that falls on one member.

    Attributes:
        member: which.
        liability_minor: minor units of the guarantee's currency.
    """

    member: Member
    liability_minor: Amount


class I1(Body, tag="I1", frozen=True):
    """Accept guarantee: customs of departure asks the guarantor to bind the guarantee to this movement.

    Attributes:
        movement: UUID.
        terms: the guarantee as the holder named it; altered terms name no account and are not found.
        holder: holder id of the declaration.
        office: of departure.
        shares: liability per member, in the order of the itinerary.
        at: when the office asked.
    """

    movement: Uuid
    terms: GuaranteeTerms
    holder: Key
    office: OfficeId
    shares: Annotated[tuple[Share, ...], Meta(min_length=1, max_length=LEGS_MAX)]
    at: Instant


class I2(Body, tag="I2", frozen=True):
    """Answer to I1.

    Attributes:
        movement: UUID.
        reference: of the guarantee.
        terms_digest: SHA-256 of the canonical terms, hex: what exactly was accepted.
        members: for which a liability is now reserved.
        accepted_at: when; None when it was not.
        faults: why not.
    """

    movement: Uuid
    reference: Key
    terms_digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    members: Annotated[tuple[Member, ...], Meta(max_length=LEGS_MAX)] = ()
    accepted_at: Instant | None = None
    faults: Faults = ()


class I3(Body, tag="I3", frozen=True):
    """Get holder information."""

    holder: Key


class I4(Body, tag="I4", frozen=True):
    """Answer to I3.

    Attributes:
        holder: holder id.
        name: "" when there is no such holder.
        authorised: whether it may use transit now.
        faults: 322 when there is no such holder.
    """

    holder: Key
    name: OptionalText = ""
    authorised: bool = False
    faults: Faults = ()


class I5(Body, tag="I5", frozen=True):
    """Query guarantee."""

    reference: Key


class Use(Body, frozen=True):
    """One movement a guarantee covers.

    Attributes:
        movement: UUID.
        state: reserved, in-use or released.
        shares: liabilities not yet released.
    """

    movement: Uuid
    state: Annotated[str, Meta(pattern=r"^(reserved|in-use|released)\Z")]
    shares: Annotated[tuple[Share, ...], Meta(max_length=LEGS_MAX)] = ()


class I6(Body, tag="I6", frozen=True):
    """Answer to I5.

    Attributes:
        reference: of the guarantee.
        status: registered, cancelled, expired or unknown.
        available_minor: cover not reserved, per member when the terms say so (then the least of them).
        uses: movements it covers.
        faults: 301 when there is no such guarantee.
    """

    reference: Key
    status: Annotated[str, Meta(pattern=r"^(registered|cancelling|cancelled|expired|unknown)\Z")]
    available_minor: Amount = 0
    uses: Annotated[tuple[Use, ...], Meta(max_length=1000)] = ()
    faults: Faults = ()


class I7(Body, tag="I7", frozen=True):
    """Record declaration data: the declaration customs of departure (or of the amendment) accepted.

    Attributes:
        declaration: complete.
        stamp: of the acceptance.
        seals: affixed at departure.
        tracker: id of the tracker fitted; "" for none.
    """

    declaration: Declaration
    stamp: Stamp
    seals: Seals = ()
    tracker: Annotated[str, Meta(max_length=64)] = ""


class I9(Body, tag="I9", frozen=True):
    """Start TIR operation.

    Attributes:
        movement: UUID.
        leg: index in the itinerary, from 0.
        operation: the operation's own id, never used twice.
        sequence: number of the operation within the movement, from 1, never used twice.
        stamp: at the office of departure or entry.
        control: its result; None when nothing was controlled.
        seals_intact: what the officer saw.
    """

    movement: Uuid
    leg: Annotated[int, Meta(ge=0, lt=LEGS_MAX)]
    operation: Key
    sequence: Count
    stamp: Stamp
    control: Control | None = None
    seals_intact: bool = True


class I11(Body, tag="I11", frozen=True):
    """Terminate TIR operation.

    Attributes:
        movement: UUID.
        leg: index in the itinerary, from 0.
        operation: id of the operation that is terminated.
        stamp: at the office of exit or destination.
        reservations: in words; "" when there are none.
        unloaded: packages taken off in this leg.
        seals_intact: what the officer saw.
    """

    movement: Uuid
    leg: Annotated[int, Meta(ge=0, lt=LEGS_MAX)]
    operation: Key
    stamp: Stamp
    reservations: OptionalText = ""
    unloaded: Annotated[tuple[Unloaded, ...], Meta(max_length=999)] = ()
    seals_intact: bool = True


class I13(Body, tag="I13", frozen=True):
    """Discharge TIR operation.

    Attributes:
        movement: UUID.
        leg: index in the itinerary, from 0.
        operation: id of the operation that is discharged.
        stamp: of the customs that started it.
        reservations: in words; "" for a final discharge.
    """

    movement: Uuid
    leg: Annotated[int, Meta(ge=0, lt=LEGS_MAX)]
    operation: Key
    stamp: Stamp
    reservations: OptionalText = ""


class I17(Body, tag="I17", frozen=True):
    """Refusal to start a TIR operation: an operation of its own, with its own id and sequence number.

    Attributes:
        movement: UUID.
        leg: index in the itinerary, from 1: the first operation cannot be refused.
        operation: the refusal's own id.
        sequence: the refusal's own number.
        stamp: at the office of entry.
        reason: in words.
    """

    movement: Uuid
    leg: Annotated[int, Meta(ge=0, lt=LEGS_MAX)]
    operation: Key
    sequence: Count
    stamp: Stamp
    reason: Text


class Answer(Body, frozen=True):
    """Fields of the answers I8, I10, I12, I14, I16 and I18.

    Attributes:
        movement: UUID.
        event: UUID of the event that is answered.
        faults: what the receiver found; the event itself stands, its author is the authority on it.
    """

    movement: Uuid
    event: Uuid
    faults: Faults = ()


class I8(Answer, tag="I8", frozen=True):
    """Answer to I7."""


class I10(Answer, tag="I10", frozen=True):
    """Answer to I9."""


class I12(Answer, tag="I12", frozen=True):
    """Answer to I11."""


class I14(Answer, tag="I14", frozen=True):
    """Answer to I13."""


class I16(Answer, tag="I16", frozen=True):
    """Answer to I15."""


class I18(Answer, tag="I18", frozen=True):
    """Answer to I17."""


class I15(Body, tag="I15", frozen=True):
    """Notify customs: everything a member needs before the truck arrives.

    Attributes:
        recorded: the accepted declaration.
        acceptance: the guarantor's word on the guarantee.
        events: what happened so far; tagged values of any event type, oldest first.
    """

    recorded: I7
    acceptance: I2
    events: tuple["I9 | I11 | I13 | I17", ...] = ()


class I19(Body, tag="I19", frozen=True):
    """Check customs offices."""

    offices: Annotated[tuple[OfficeId, ...], Meta(min_length=1, max_length=100)]


class I20(Body, tag="I20", frozen=True):
    """Answer to I19.

    Attributes:
        unknown: those of the offices that are not in the register.
        faults: one 304 for each, pointing at it.
    """

    unknown: Annotated[tuple[OfficeId, ...], Meta(max_length=100)] = ()
    faults: Faults = ()
