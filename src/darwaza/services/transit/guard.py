"""Checks that many rules share, each giving a refusal or nothing: roles, offices, stamps, bodies, authority."""

from datetime import datetime
from typing import TypeVar

import msgspec

from darwaza.errors import MalformedError, MessageError
from darwaza.kernel.machine import Command, Context, Received, Refusal
from darwaza.kernel.message import Refused
from darwaza.services.transit.civil import in_future, local_agrees, zone_of
from darwaza.services.transit.codes import ETIR, ROLE_CUSTOMS, office_role
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.message import KINDS, Event
from darwaza.services.transit.movement import EVENTS_MAX, Movement
from darwaza.standards.etir.codes import ErrorClass, ErrorCode, Fault
from darwaza.standards.etir.value import TEXT_CHARS_MAX, Body, Stamp
from darwaza.standards.etir.wire import code_of, decode

Kind = TypeVar("Kind", bound=Body)

_refused = msgspec.json.Decoder(Refused).decode


def need_role(command: Command, role: str) -> Refusal | None:
    """Refuse a party without a role."""
    if role in command.roles:
        return None
    return Refusal.of(No.ROLE_MISSING, f"{command.kind} needs the role {role!r}")


def need_office(command: Command, stamp: Stamp, context: Context) -> Refusal | None:
    """Refuse unless the party is an officer of the office it names, and the office is of this member."""
    missing = need_role(command, ROLE_CUSTOMS)
    if missing is not None:
        return missing
    if stamp.office[:2] != context.member:
        return Refusal.of(No.NOT_AUTHORITY, f"{stamp.office} is not an office of {context.member}", "/stamp/office")
    if office_role(stamp.office) not in command.roles:
        return Refusal.of(No.OFFICE_NOT_YOURS, f"you are not an officer of {stamp.office}", "/stamp/office")
    return stamp_wrong(stamp, context.now)


def stamp_wrong(stamp: Stamp, now: datetime) -> Refusal | None:
    """Refuse a stamp whose local time does not name its instant, or that lies in the future.

    Only instants are compared with now: local dates differ between two posts a few metres apart.
    """
    try:
        zone_of(stamp.zone)
    except MalformedError as error:
        return Refusal.of(No.STAMP_WRONG, error.detail, "/stamp/zone")
    if not local_agrees(stamp.at, stamp.local):
        return Refusal.of(No.STAMP_WRONG, "local time and instant do not agree", "/stamp/local")
    if in_future(stamp.at, now):
        return Refusal.of(No.DATED_IN_FUTURE, "the event is dated in the future", "/stamp/at")
    return None


def read(received: Received, context: Context, kind: type[Kind]) -> Kind | Refusal:
    """Read a message's body and check that it is about this case."""
    try:
        body = decode(received.body, kind)
    except MessageError as error:
        return unreadable(error)
    named = getattr(body, "movement", context.case_id)
    if named != context.case_id:
        return Refusal.of(No.OTHER_CASE, "the message names another movement", "/movement")
    return body


def unreadable(error: MessageError) -> Refusal:
    """Word a reading error as the refusal whose eTIR number (100 to 107) tells what is wrong with the message."""
    code = code_of(error) if isinstance(error, MalformedError) else ErrorCode.INVALID_MESSAGE
    return Refusal.of(_VALIDATION[code], error.detail, error.pointer)


_VALIDATION = {code: reason for reason, code in ETIR.items() if code.error_class is ErrorClass.VALIDATION}


def body_type(kind: str) -> type[Body]:
    """Return the type of a message kind's body, also when it is given back as ``restored``."""
    return KINDS[kind.removeprefix("restored ")]


def origin_member(received: Received) -> str:
    """Return the member a message comes from."""
    return received.origin[:2]


def conflicting(movement: Movement, event: Event) -> Refusal | None:
    """Refuse an event whose id is known with another content, or one too many."""
    known = movement.event(event.stamp.event)
    if known is not None and known != event:
        return Refusal.of(No.EVENT_CONFLICT, "another event has this id", "/stamp/event")
    if known is None and len(movement.events) >= EVENTS_MAX:
        return Refusal.of(No.TOO_MANY_EVENTS, f"a movement holds at most {EVENTS_MAX} events")
    return None


def fault(refusal: Refusal) -> Fault:
    """Turn a refusal of this service into the eTIR error that answers a message."""
    reason = next((item for item in No if item.code == refusal.code), None)
    code = ETIR.get(reason, ErrorCode.WORKFLOW) if reason is not None else ErrorCode.WORKFLOW
    return Fault.of(code, refusal.detail, refusal.pointer)


def read_refused(received: Received) -> Refused | Refusal:
    """Read why another gateway could not act on a message of ours."""
    try:
        return _refused(received.body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Refusal.of(No.BODY_WRONG, f"not a refusal: {error}")


def fault_told(received: Received, body: Refused) -> Fault:
    """Turn another gateway's refusal into the eTIR error it means, with its pointer into what was sent."""
    return fault(Refusal(body.code, f"{received.origin}: {body.detail}"[:TEXT_CHARS_MAX], body.pointer))
