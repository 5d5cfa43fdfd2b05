"""Handing over the goods at destination: what is due, and the release that awaits its payment.

Customs of destination states what is due (``darwaza.standards.charge``). A release asked for before it is paid waits
for the facts it requires; the payment that states the last of them releases the goods in its own transaction, so at
this gateway goods are released if and only if they are paid.
"""

import msgspec

from darwaza.kernel.machine import Command, Context, Decision, Draft, FactStated, Notice, Received, Refusal
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.guard import need_office, origin_member, read
from darwaza.services.transit.leg import DISCHARGED, TERMINATED, progress
from darwaza.services.transit.lodging import HEARD
from darwaza.services.transit.message import Charge, Release
from darwaza.services.transit.movement import Movement, MovementCase, with_charge
from darwaza.services.transit.outcome import conclude, draft, due_facts, fact_released, required
from darwaza.standards.charge import paid_fact, settled

RELEASED = "released"
AWAITING = "awaiting"


def charge(case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
    """Customs of destination says what must be paid; the holder is told, and the payment knows what it pays."""
    body: Charge = command.body
    wrong = need_office(command, body.stamp, context) or _charge_wrong(case, body, context)
    if wrong is not None:
        return wrong
    if body in case.data.charges:
        return conclude(case.data, context, case=case)
    holder = case.data.known().holder_party[:2]
    messages = () if holder == context.member else (draft(context.member, body, holder),)
    return _due(case, body, context, messages=messages)


def hear_charge(case: MovementCase | None, received: Received, context: Context) -> Decision[Movement] | Refusal:
    """The member of destination says what the holder has to pay, or an own charge is given back."""
    body = read(received, context, Charge)
    if isinstance(body, Refusal):
        return body
    own = received.kind.startswith("restored ")
    data = Movement() if case is None else case.data
    member = context.member if own else origin_member(received)
    destination = None if data.declaration is None else data.declaration.legs[-1].member
    if member != body.stamp.office[:2] or (destination is not None and member != destination):
        return Refusal.of(No.NOT_AUTHORITY, "only the member of destination says what is due", "/stamp/office")
    if case is None or data.recorded is None:
        # Told ahead of the acceptance, over another link: it counts when that comes.
        return Decision(HEARD if case is None else case.state, with_charge(data, body))
    if own:
        return _due(case, body, context)
    return conclude(with_charge(data, body), context, case=case, notices=_told(data, body, context))


def release(case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
    """The goods are handed over at destination, now or as soon as the last required fact holds."""
    body: Release = command.body
    wrong = need_office(command, body.stamp, context) or _at_destination(case.data, body)
    if wrong is not None:
        return wrong
    if case.data.release == RELEASED:
        return conclude(case.data, context, case=case, answer={"release": RELEASED})
    return _release(case, context)


def fact_stated(case: MovementCase, given: FactStated, context: Context) -> Decision[Movement] | Refusal:
    """A fact the release waits for was stated in this very transaction."""
    del given
    if case.data.release != AWAITING:
        return conclude(case.data, context, case=case)
    return _release(case, context)


def _due(case: MovementCase, body: Charge, context: Context, *, messages: tuple[Draft, ...] = ()) -> Decision[Movement]:
    """Keep a charge and state that it is due; one that waives the last open charge releases what waits."""
    data = with_charge(case.data, body)
    told = _told(data, body, context)
    if data.release == AWAITING and not missing(data, context):
        released = _hand_over(data, case, context)
        facts, notices = (*due_facts(data), *released.facts), (*told, *released.notices)
        return msgspec.structs.replace(released, messages=messages, facts=facts, notices=notices)
    return conclude(data, context, case=case, messages=messages, facts=due_facts(data), notices=told)


def missing(data: Movement, context: Context) -> list[str]:
    """Return the facts the release still waits for."""
    due = {paid_fact(item.charge): item.due() for item in data.due()}
    found = []
    for name in required(data):
        fact = context.fact(name)
        holds = settled(due[name], None if fact is None else fact.value) if name in due else fact is not None
        if not holds:
            found.append(name)
    return found


def _release(case: MovementCase, context: Context) -> Decision[Movement]:
    """Release if every required fact holds; else wait for them. Payment and release commit together, or neither."""
    waits = missing(case.data, context)
    if waits:
        data = msgspec.structs.replace(case.data, release=AWAITING)
        return conclude(data, context, case=case, answer={"release": AWAITING, "awaiting": waits})
    return _hand_over(case.data, case, context)


def _hand_over(data: Movement, case: MovementCase, context: Context) -> Decision[Movement]:
    """State that the goods were handed over, and tell the holder if it is served here."""
    office = data.known().legs[-1].exit_office
    data = msgspec.structs.replace(data, release=RELEASED)
    party = data.known().holder_party
    told = (Notice(party, "goods.released", {"of": office}),) if party[:2] == context.member else ()
    answer = {"release": RELEASED}
    return conclude(data, context, case=case, facts=(fact_released(office),), notices=told, answer=answer)


def _told(data: Movement, body: Charge, context: Context) -> tuple[Notice, ...]:
    """Tell the holder what to pay, and how, when this is its gateway."""
    party, ucr = data.known().holder_party, data.known().ucr
    if party[:2] != context.member:
        return ()
    how = {"charge": body.charge, "amount_minor": body.amount_minor, "currency": body.currency, "account": body.account}
    return (Notice(party, "charge.due", how | {"remittance": f"/UCR/{ucr}/REF/{body.reference}"}),)


def _charge_wrong(case: MovementCase, body: Charge, context: Context) -> Refusal | None:
    """Refuse a charge by another member than that of destination, of another movement, or after the handing over."""
    if body.movement != context.case_id:
        return Refusal.of(No.OTHER_CASE, "the charge names another movement", "/movement")
    destination = case.data.known().legs[-1].member
    if destination != context.member:
        return Refusal.of(No.NOT_AUTHORITY, f"{destination} is the member of destination", "/stamp/office")
    known = next((item for item in case.data.charges if item.stamp.event == body.stamp.event), None)
    if known is not None and known != body:
        return Refusal.of(No.EVENT_CONFLICT, "another charge has this id", "/stamp/event")
    if case.data.release == RELEASED and known is None:
        return Refusal.of(No.ALREADY_RELEASED, "the goods have been handed over")
    return None


def _at_destination(data: Movement, body: Release) -> Refusal | None:
    """Refuse a release elsewhere, or before the end."""
    last = progress(data).legs[-1]
    if body.stamp.office != last.leg.exit_office or last.status not in {TERMINATED, DISCHARGED}:
        return Refusal.of(
            No.NOT_AT_DESTINATION, "goods are released at destination, after the last leg", "/stamp/office"
        )
    return None
