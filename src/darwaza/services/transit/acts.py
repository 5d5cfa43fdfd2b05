"""What happens to an accepted movement: acts of the own offices, events heard from others, events carried in.

Acts entered online are checked against the leg's table and refused when they do not fit. Events that another member
states, or that a post entered offline, have happened: they are recorded whatever this gateway thinks of them, and where
they contradict each other a discrepancy stands (``leg.progress``). The guarantor answers with the eTIR error.
"""

from collections.abc import Callable

import msgspec

from darwaza.kernel.machine import Command, Context, Decision, Draft, Elapsed, Notice, Received, Refusal
from darwaza.ledger.order import Order
from darwaza.services.transit import booking, clock
from darwaza.services.transit.codes import ROLE_CUSTOMS, ROLE_SUPERVISOR
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.guard import (
    body_type,
    conflicting,
    fault,
    need_office,
    need_role,
    origin_member,
    read,
    stamp_wrong,
)
from darwaza.services.transit.leg import LEG_TABLE, LegProgress, leg_progress, progress
from darwaza.services.transit.lodging import HEARD
from darwaza.services.transit.message import (
    Cancellation,
    Carried,
    Event,
    EventMessage,
    Extend,
    Incident,
    OwnEvent,
    Resume,
    SealChange,
    Suspend,
    TrackerChange,
)
from darwaza.services.transit.movement import Movement, MovementCase, with_event
from darwaza.services.transit.outcome import circular, conclude, draft, e7, everyone, stay
from darwaza.standards.etir.codes import Fault
from darwaza.standards.etir.internal import I8, I9, I10, I11, I12, I13, I14, I16, I17, I18, Answer

_ANSWERS: dict[type[Event], type[Answer]] = {I9: I10, I11: I12, I13: I14, I17: I18}

Guard = Callable[[Movement, Event, Context], Refusal | None]


def act(case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
    """An officer enters an event online."""
    event: Event = command.body
    wrong = need_office(command, event.stamp, context) or _names(event.movement, context)
    wrong = wrong or conflicting(case.data, event)
    if wrong is not None:
        return wrong
    if case.data.event(event.stamp.event) is not None:
        return _unchanged(case, context)
    guard = _GUARDS.get(command.kind)
    wrong = None if guard is None else guard(case.data, event, context)
    if wrong is not None:
        return wrong
    return _record(case, (event,), context)


def carry_in(case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
    """Events that posts entered offline arrive by file or QR, their signatures checked by the caller."""
    body: Carried = command.body
    missing = need_role(command, ROLE_CUSTOMS)
    if missing is not None:
        return missing
    fresh: list[Event] = []
    for event in body.events:
        wrong = _names(event.movement, context) or stamp_wrong(event.stamp, context.now)
        wrong = wrong or conflicting(case.data, event)
        if wrong is not None:
            return wrong
        if not event.stamp.offline:
            return Refusal.of(No.STAMP_WRONG, "an event entered online does not travel this way", "/events")
        if case.data.event(event.stamp.event) is None and event not in fresh:
            fresh.append(event)
    return _record(case, tuple(fresh), context) if fresh else _unchanged(case, context)


def hear(case: MovementCase | None, received: Received, context: Context) -> Decision[Movement] | Refusal:
    """An event of another member arrives, or an own one given back."""
    body = read(received, context, body_type(received.kind))
    if isinstance(body, Refusal):
        return body
    event: Event = body.event if isinstance(body, EventMessage) else body  # type: ignore[assignment]
    data = Movement() if case is None else case.data
    own = received.kind.startswith("restored ")
    if not own and event.stamp.office[:2] != origin_member(received):
        return Refusal.of(No.NOT_AUTHORITY, "only the member of the office states its events", "/stamp/office")
    wrong = _names(event.movement, context) or conflicting(data, event)
    if wrong is not None:
        return wrong
    known = data.event(event.stamp.event) is not None
    changed = data if known else with_event(data, event)
    if changed.recorded is None:
        return Decision(HEARD if case is None else case.state, changed)
    answers = () if own else _answer(changed, event, received, context)
    orders = () if known else _follow(changed, event, context)
    return conclude(changed, context, case=case, messages=answers, transfers=orders, notices=_alarms(event, context))


def suspend(case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
    """A closure stops the clocks of a movement that heads for the crossing."""
    body: Suspend = command.body
    missing = need_role(command, ROLE_SUPERVISOR)
    if missing is not None:
        return missing
    if not clock.heads_for(progress(case.data), body.crossing):
        return Refusal.of(No.CLOSURE_UNKNOWN, f"the movement does not head for {body.crossing}", "/crossing")
    data = clock.suspend(case.data, body.closure, body.crossing, body.since)
    told = _tell_holder(data, "movement.suspended", body.crossing, context)
    return conclude(data, context, case=case, notices=told)


def resume(case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
    """A closure ends, or the movement was diverted: its clocks run again, moved by the time they stood."""
    body: Resume = command.body
    missing = need_role(command, ROLE_SUPERVISOR)
    if missing is not None:
        return missing
    if all(item.closure != body.closure for item in case.data.suspensions):
        return Refusal.of(No.CLOSURE_UNKNOWN, "no such closure stopped these clocks", "/closure")
    data = clock.resume(case.data, body.closure, body.until)
    told = _tell_holder(data, "movement.resumed", body.closure, context)
    return conclude(data, context, case=case, notices=told)


def extend(case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
    """More time was granted to all that heads for a crossing."""
    body: Extend = command.body
    missing = need_role(command, ROLE_SUPERVISOR)
    if missing is not None:
        return missing
    if not clock.heads_for(progress(case.data), body.crossing):
        return Refusal.of(No.CLOSURE_UNKNOWN, f"the movement does not head for {body.crossing}", "/crossing")
    data = clock.extend(case.data, body.extension, body.crossing, body.since, body.until)
    told = _tell_holder(data, "movement.extended", body.crossing, context)
    return conclude(data, context, case=case, notices=told)


def elapsed(case: MovementCase, given: Elapsed, context: Context) -> Decision[Movement] | Refusal:
    """A deadline has come: legs that missed it are reported once, to customs, holder and guarantor's chain."""
    del given
    late = clock.missed(case.data, progress(case.data), context.now)
    data = msgspec.structs.replace(case.data, overdue=(*case.data.overdue, *late))
    notices: list[Notice] = []
    for index in late:
        notices += _tell_holder(data, "movement.overdue", index, context)
        notices.append(Notice(f"{context.member}/customs", "movement.overdue", {"leg": index}))
    overdue = late and data.guarantee().guarantor == context.member
    chain = (e7(data, context, "overdue"),) if overdue else ()
    return conclude(data, context, case=case, notices=notices, chain=chain)


def hear_answer(case: MovementCase, received: Received, context: Context) -> Decision[Movement] | Refusal:
    """The guarantor, or a member that was briefed, answers: faults are kept and customs is told."""
    kinds: dict[str, type[Answer]] = {
        "transit.i8": I8,
        "transit.i10": I10,
        "transit.i12": I12,
        "transit.i14": I14,
        "transit.i16": I16,
        "transit.i18": I18,
    }
    body = read(received, context, kinds[received.kind])
    if isinstance(body, Refusal):
        return body
    if not body.faults:
        return stay(case, case.data)
    data = msgspec.structs.replace(case.data, faults=body.faults)
    detail = {"event": body.event, "faults": msgspec.to_builtins(body.faults)}
    return stay(case, data, notices=(Notice(f"{context.member}/customs", "movement.fault", detail),))


def _record(case: MovementCase, events: tuple[Event, ...], context: Context) -> Decision[Movement]:
    """Add events, tell everyone the own ones, let the ledger follow."""
    data = case.data
    messages: list[Draft] = []
    orders: list[Order] = []
    notices: list[Notice] = []
    for event in events:
        data = with_event(data, event)
        orders += _follow(data, event, context)
        notices += _alarms(event, context)
        if event.stamp.office[:2] == context.member:
            body = EventMessage(event) if isinstance(event, OwnEvent) else event
            messages += circular(context.member, body, everyone(data, context.member))
    return conclude(data, context, case=case, messages=messages, transfers=orders, notices=notices)


def _unchanged(case: MovementCase, context: Context) -> Decision[Movement]:
    """Answer an event that is already known: it changes nothing and is no error."""
    return conclude(case.data, context, case=case)


def _follow(data: Movement, event: Event, context: Context) -> tuple[Order, ...]:
    """Order what seals and trackers mean to this member's ledger."""
    if isinstance(event, SealChange) and event.action in {"affixed", "replaced"}:
        fresh = event.number if event.action == "affixed" else event.replacement and event.replacement.number
        if fresh and not booking.seal_taken(fresh, data.known().movement, context.member, context.ledger):
            return (booking.record_seal(fresh, data.known().movement, context.member),)
    if isinstance(event, TrackerChange):
        return _follow_tracker(data, event, context)
    return ()


def _follow_tracker(data: Movement, event: TrackerChange, context: Context) -> tuple[Order, ...]:
    """Order the hold of a fitted tracker, or its end, in the pool of the member that fitted it."""
    at = event.stamp.office[:2]
    if event.action == "fitted":
        if at != context.member or not booking.tracker_free(event.stamp.office, context.ledger):
            return ()
        return booking.fit_tracker(event.stamp.office, data.known().movement, event.tracker)
    fitted = [item.stamp.office for item in data.events if isinstance(item, TrackerChange) and item.action == "fitted"]
    if data.accepted is not None and data.accepted.tracker == event.tracker:
        fitted.append(data.accepted.stamp.office)
    if not any(office[:2] == context.member for office in fitted):
        return ()
    return (booking.give_back_tracker(data.known().movement, event.tracker, home=at == context.member),)


def _alarms(event: Event, context: Context) -> tuple[Notice, ...]:
    """Tell the own customs what it must not overlook."""
    broken = isinstance(event, SealChange) and event.action == "broken"
    if isinstance(event, Incident | I17) or broken:
        detail = {"movement": event.movement, "event": event.stamp.event, "office": event.stamp.office}
        return (Notice(f"{context.member}/customs", "movement.alarm", detail),)
    return ()


def _answer(data: Movement, event: Event, received: Received, context: Context) -> tuple[Draft, ...]:
    """Answer as the guarantor: yes, or the eTIR errors the event makes."""
    kind = _ANSWERS.get(type(event))
    if kind is None or data.guarantee().guarantor != context.member:
        return ()
    codes = {
        "duplicate-start": No.ALREADY_STARTED,
        "duplicate-termination": No.ALREADY_TERMINATED,
        "duplicate-discharge": No.ALREADY_DISCHARGED,
        "start-missing": No.NOT_YET_STARTED,
        "entry-missing": No.NOT_YET_STARTED,
        "refused-and-started": No.REFUSAL_NOT_AUTHORISED,
        "operation-id-reused": No.OPERATION_ID_REUSED,
        "sequence-reused": No.SEQUENCE_REUSED,
    }
    found = [item for item in progress(data).discrepancies if item.event == event.stamp.event]
    faults: tuple[Fault, ...] = tuple(
        fault(Refusal.of(codes[item.what], item.detail, "/leg")) for item in found if item.what in codes
    )
    return (draft(context.member, kind(event.movement, event.stamp.event, faults), origin_member(received)),)


def _tell_holder(data: Movement, kind: str, detail: object, context: Context) -> tuple[Notice, ...]:
    """Tell the holder, when this is its gateway."""
    party = data.known().holder_party
    return (Notice(party, kind, {"of": detail}),) if party[:2] == context.member else ()


def _names(movement: str, context: Context) -> Refusal | None:
    """Refuse an event of another movement."""
    if movement != context.case_id:
        return Refusal.of(No.OTHER_CASE, "the event names another movement", "/movement")
    return None


def _leg_guard(act_name: str) -> Guard:
    """Make the guard of an act on a leg: leg, office, table, numbers."""

    def guard(data: Movement, event: Event, context: Context) -> Refusal | None:
        del context
        if not isinstance(event, I9 | I11 | I13 | I17) or event.leg >= len(data.known().legs):
            return Refusal.of(No.LEG_UNKNOWN, "the itinerary has no such leg", "/leg")
        leg = leg_progress(data, event.leg)
        if leg.leg.member != event.stamp.office[:2]:
            return Refusal.of(No.NOT_AUTHORITY, f"leg {event.leg} is {leg.leg.member}'s", "/leg")
        outcome = LEG_TABLE[leg.status, act_name]
        if isinstance(outcome, No):
            return Refusal.of(outcome, f"leg {event.leg} is {leg.status}", "/leg")
        if isinstance(event, I17) and event.leg == 0:
            return Refusal.of(No.REFUSAL_NOT_AUTHORISED, "the first operation cannot be refused", "/leg")
        if isinstance(event, I9 | I17):
            return _office_of_entry(leg.leg.entry_office, event) or _numbers(data, event)
        return _ends(data, leg, event)

    return guard


def _office_of_entry(office: str, event: I9 | I17) -> Refusal | None:
    """Refuse a start at another office than the itinerary's: a diversion is recorded first."""
    if event.stamp.office != office:
        return Refusal.of(No.NOT_AUTHORITY, f"the leg starts at {office}", "/stamp/office")
    return None


def _numbers(data: Movement, event: I9 | I17) -> Refusal | None:
    """Refuse an operation id or sequence number that was used (eTIR 214, 215)."""
    for known in data.events:
        if isinstance(known, I9 | I17) and known.operation == event.operation:
            return Refusal.of(No.OPERATION_ID_REUSED, f"operation {event.operation} exists", "/operation")
        if isinstance(known, I9 | I17) and known.sequence == event.sequence:
            return Refusal.of(No.SEQUENCE_REUSED, f"sequence {event.sequence} exists", "/sequence")
    return None


def _ends(data: Movement, leg: LegProgress, event: I11 | I13) -> Refusal | None:
    """Check a termination or discharge: its operation, its office, its unloadings."""
    if leg.start is not None and event.operation != leg.start.operation:
        text = f"the operation of leg {event.leg} is {leg.start.operation}"
        return Refusal.of(No.LEG_UNKNOWN, text, "/operation")
    if isinstance(event, I13):
        return None
    if event.stamp.office != leg.leg.exit_office:
        return Refusal.of(No.NOT_AUTHORITY, f"the leg ends at {leg.leg.exit_office}", "/stamp/office")
    left = list(progress(data).packages) if event.unloaded else []
    for index, unloaded in enumerate(event.unloaded):
        item = unloaded.item - 1
        if item >= len(left) or unloaded.packages > left[item]:
            text = f"item {unloaded.item} does not have {unloaded.packages} packages left"
            return Refusal.of(No.UNLOADED_TOO_MUCH, text, f"/unloaded/{index}")
        left[item] -= unloaded.packages
    return None


def _seal_guard(data: Movement, event: Event, context: Context) -> Refusal | None:
    """Check a seal change: its reason, known seals are changed, unknown numbers affixed (eTIR 309)."""
    if not isinstance(event, SealChange):
        return Refusal.of(No.BODY_WRONG, "not a seal change")
    if event.action in {"broken", "replaced", "removed"} and not event.reason:
        return Refusal.of(No.FIELD_MISSING, f"why seal {event.number} was {event.action} is missing", "/reason")
    numbers = {chain.number for chain in progress(data).seals}
    fresh = event.number if event.action == "affixed" else None
    if event.action == "replaced":
        fresh = event.replacement.number if event.replacement is not None else ""
    if event.action != "affixed" and event.number not in numbers:
        return Refusal.of(No.SEAL_UNKNOWN, f"seal {event.number} is not on this movement", "/number")
    if fresh is None:
        return None
    taken = booking.seal_taken(fresh, data.known().movement, context.member, context.ledger)
    if not fresh or fresh in numbers or taken:
        return Refusal.of(No.SEAL_ALREADY_RECORDED, f"seal {fresh!r} is already recorded", "/replacement/number")
    return None


def _tracker_guard(data: Movement, event: Event, context: Context) -> Refusal | None:
    """Check a tracker change: the pool has one, or the tracker is on this movement."""
    if not isinstance(event, TrackerChange):
        return Refusal.of(No.BODY_WRONG, "not a tracker change")
    if event.action == "fitted" and not booking.tracker_free(event.stamp.office, context.ledger):
        return Refusal.of(No.TRACKERS_SHORT, f"{event.stamp.office} has no tracker left", "/tracker")
    if (event.action == "removed") != (event.tracker in progress(data).trackers):
        return Refusal.of(No.TRACKER_REQUIRED, "fit what is not on it, remove what is", "/tracker")
    return None


def _cancel_guard(data: Movement, event: Event, context: Context) -> Refusal | None:
    """Check a cancellation: by customs of departure, before the first start."""
    del context
    if not isinstance(event, Cancellation) or event.stamp.office[:2] != data.known().legs[0].member:
        return Refusal.of(No.NOT_AUTHORITY, "customs of departure cancels", "/stamp/office")
    if progress(data).state != "accepted":
        return Refusal.of(No.UNDER_WAY, "the movement is under way")
    return None


_GUARDS: dict[str, Guard] = {
    "start": _leg_guard("start"),
    "terminate": _leg_guard("terminate"),
    "discharge": _leg_guard("discharge"),
    "refuse-start": _leg_guard("refuse-start"),
    "seal": _seal_guard,
    "tracker": _tracker_guard,
    "cancel": _cancel_guard,
}
