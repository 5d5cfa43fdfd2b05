"""Closing a crossing, diverting what heads for it, reopening it.

One case is one crossing at one gateway; its id is computed from the crossing's, so every member's gateway means the
same case. Either side may close; the crossing is open again when every closure has been ended by the member that made
it. A closing is told to all members, and each stops the clocks of its own movements: ``suspensions`` makes the
commands.
"""

from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5

import msgspec

from darwaza.errors import MessageError
from darwaza.kernel.machine import (
    NEW,
    Case,
    Command,
    Context,
    Decision,
    Draft,
    Notice,
    Received,
    Refusal,
    Service,
    Transition,
    restored,
)
from darwaza.services.transit.codes import ROLE_SUPERVISOR
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.guard import need_role, stamp_wrong
from darwaza.standards.etir.value import Body, CrossingId, Instant, Stamp, Text, Uuid
from darwaza.standards.etir.wire import MEDIA_TYPE, decode, encode

OPEN = "open"
CLOSED = "closed"


class Closure(Body, frozen=True):
    """A closing of a crossing by one of its two members. Command ``close`` and message ``crossing.closed``.

    Attributes:
        id: UUID.
        crossing: which.
        stamp: who closed it, where, when; ``at`` is since when it is closed.
        reason: in words.
        expected_until: when it is thought to open; None when nobody knows.
    """

    id: Uuid
    crossing: CrossingId
    stamp: Stamp
    reason: Text
    expected_until: Instant | None = None


class Reopening(Body, frozen=True):
    """The end of a closure. Command ``reopen`` and message ``crossing.reopened``.

    Attributes:
        id: UUID of the closure.
        crossing: which.
        stamp: who reopened it, where, when.
    """

    id: Uuid
    crossing: CrossingId
    stamp: Stamp


class CrossingStatus(msgspec.Struct, frozen=True):
    """Data of a crossing's case.

    Attributes:
        crossing: its id.
        closures: all of them, sorted by id.
        reopenings: of those that have ended, sorted by id.
    """

    crossing: str
    closures: tuple[Closure, ...] = ()
    reopenings: tuple[Reopening, ...] = ()

    def in_force(self) -> tuple[Closure, ...]:
        """Return the closures that have not ended."""
        ended = {item.id for item in self.reopenings}
        return tuple(item for item in self.closures if item.id not in ended)


CrossingCase = Case[CrossingStatus]


def crossing_case(crossing: str) -> str:
    """Return the case id of a crossing, the same at every gateway (RFC 9562 name-based UUID)."""
    return str(uuid5(NAMESPACE_URL, "darwaza:crossing:" + crossing))


def crossing_service() -> Service:
    """Build the service of crossings."""
    table: Mapping[tuple[str, str], Transition] = {
        (NEW, "close"): Transition(_close, (CLOSED,)),
        (OPEN, "close"): Transition(_close, (CLOSED,)),
        (CLOSED, "close"): Transition(_close, (CLOSED,)),
        (CLOSED, "reopen"): Transition(_reopen, (OPEN, CLOSED)),
        (NEW, "crossing.closed"): Transition(_hear_closed, (OPEN, CLOSED)),
        (OPEN, "crossing.closed"): Transition(_hear_closed, (OPEN, CLOSED)),
        (CLOSED, "crossing.closed"): Transition(_hear_closed, (OPEN, CLOSED)),
        (NEW, "crossing.reopened"): Transition(_hear_reopened, (OPEN, CLOSED)),
        (OPEN, "crossing.reopened"): Transition(_hear_reopened, (OPEN, CLOSED)),
        (CLOSED, "crossing.reopened"): Transition(_hear_reopened, (OPEN, CLOSED)),
        (NEW, restored("crossing.closed")): Transition(_hear_closed, (OPEN, CLOSED)),
        (OPEN, restored("crossing.closed")): Transition(_hear_closed, (OPEN, CLOSED)),
        (CLOSED, restored("crossing.closed")): Transition(_hear_closed, (OPEN, CLOSED)),
        (NEW, restored("crossing.reopened")): Transition(_hear_reopened, (OPEN, CLOSED)),
        (OPEN, restored("crossing.reopened")): Transition(_hear_reopened, (OPEN, CLOSED)),
        (CLOSED, restored("crossing.reopened")): Transition(_hear_reopened, (OPEN, CLOSED)),
        (OPEN, "crossing.refused"): Transition(_hear_refused, (OPEN,)),
        (CLOSED, "crossing.refused"): Transition(_hear_refused, (CLOSED,)),
        (OPEN, restored("crossing.refused")): Transition(_hear_refused, (OPEN,)),
        (CLOSED, restored("crossing.refused")): Transition(_hear_refused, (CLOSED,)),
    }
    return Service("crossing", CrossingStatus, table)


def _close(case: CrossingCase | None, command: Command, context: Context) -> Decision[CrossingStatus] | Refusal:
    """A supervisor closes a crossing; closing it again with the same id changes nothing."""
    body: Closure = command.body
    wrong = _supervised(command, body, context)
    if wrong is not None:
        return wrong
    data = CrossingStatus(body.crossing) if case is None else case.data
    known = next((item for item in data.closures if item.id == body.id), None)
    if known is not None and known != body:
        return Refusal.of(No.EVENT_CONFLICT, "another closure has this id", "/id")
    told = () if known is not None else _tell(body, "crossing.closed", context)
    return _decide(_with(data, body), context, told)


def _reopen(case: CrossingCase, command: Command, context: Context) -> Decision[CrossingStatus] | Refusal:
    """The member that closed a crossing ends its closure."""
    body: Reopening = command.body
    wrong = _supervised(command, body, context)
    if wrong is not None:
        return wrong
    closure = next((item for item in case.data.in_force() if item.id == body.id), None)
    if closure is None or closure.stamp.office[:2] != context.member:
        return Refusal.of(No.CLOSURE_UNKNOWN, "this member made no such closure", "/id")
    return _decide(_with(case.data, body), context, _tell(body, "crossing.reopened", context))


def _hear_closed(case: CrossingCase | None, received: Received, context: Context) -> Decision[CrossingStatus] | Refusal:
    """Another member closed a crossing."""
    return _hear(case, received, context, Closure)


def _hear_reopened(
    case: CrossingCase | None, received: Received, context: Context
) -> Decision[CrossingStatus] | Refusal:
    """Another member ended its closure."""
    return _hear(case, received, context, Reopening)


def _hear(
    case: CrossingCase | None, received: Received, context: Context, kind: type[Closure] | type[Reopening]
) -> Decision[CrossingStatus] | Refusal:
    """Record what another member, or this one before it lost its disk, said of a crossing.

    A reopening may be heard before its closure; both are kept, so the order does not matter.
    """
    try:
        body: Closure | Reopening = decode(received.body, kind)
    except MessageError as error:
        return Refusal.of(No.BODY_WRONG, error.detail, error.pointer)
    member = body.stamp.office[:2]
    own = received.kind.startswith("restored ")
    if member not in body.crossing[:5].split("-") or (not own and received.origin[:2] != member):
        return Refusal.of(No.NOT_AUTHORITY, "only a member on either side speaks for a crossing", "/stamp/office")
    if crossing_case(body.crossing) != context.case_id:
        return Refusal.of(No.OTHER_CASE, "the message is about another crossing", "/crossing")
    data = CrossingStatus(body.crossing) if case is None else case.data
    made = next((item for item in data.closures if item.id == body.id), None)
    if isinstance(body, Closure) and made is not None and made != body:
        return Refusal.of(No.EVENT_CONFLICT, "another closure has this id", "/id")
    if isinstance(body, Reopening) and made is not None and made.stamp.office[:2] != member:
        return Refusal.of(No.NOT_AUTHORITY, "another member made this closure", "/id")
    return _decide(_with(data, body), context, ())


def _hear_refused(case: CrossingCase, received: Received, context: Context) -> Decision[CrossingStatus]:
    """A member could not take the news: its customs must be told another way, and ours is the one to do it."""
    notice = Notice(f"{context.member}/customs", "crossing.refused", {"by": received.origin})
    return Decision(case.state, case.data, notices=(notice,))


def _supervised(command: Command, body: Closure | Reopening, context: Context) -> Refusal | None:
    """Check that a supervisor of one of the two sides speaks of this case's crossing."""
    missing = need_role(command, ROLE_SUPERVISOR)
    if missing is not None:
        return missing
    if context.member not in body.crossing[:5].split("-") or body.stamp.office[:2] != context.member:
        return Refusal.of(No.NOT_AUTHORITY, f"{context.member} does not speak for {body.crossing}", "/crossing")
    if crossing_case(body.crossing) != context.case_id:
        return Refusal.of(No.OTHER_CASE, "the command is about another crossing", "/crossing")
    return stamp_wrong(body.stamp, context.now)


def _with(data: CrossingStatus, body: Closure | Reopening) -> CrossingStatus:
    """Add a closure or reopening; twice changes nothing."""
    if isinstance(body, Closure):
        closures = {item.id: item for item in (*data.closures, body)}
        return msgspec.structs.replace(data, closures=tuple(closures[key] for key in sorted(closures)))
    reopenings = {item.id: item for item in (body, *data.reopenings)}
    return msgspec.structs.replace(data, reopenings=tuple(reopenings[key] for key in sorted(reopenings)))


def _decide(data: CrossingStatus, context: Context, told: tuple[Draft, ...]) -> Decision[CrossingStatus]:
    """Finish: state, notice to the own customs, which then stops or restarts its movements' clocks."""
    customs = f"{context.member}/customs"
    state = CLOSED if data.in_force() else OPEN
    notice = Notice(customs, "crossing." + state, {"crossing": data.crossing})
    return Decision(state, data, messages=told, notices=(notice,), parties=(customs,))


def _tell(body: Closure | Reopening, kind: str, context: Context) -> tuple[Draft, ...]:
    """Tell every other member that can be reached."""
    others = sorted(context.reachable - {context.member})
    own, told = f"{context.member}/customs", encode(body)
    return tuple(Draft(kind, own, f"{member}/customs", told, MEDIA_TYPE) for member in others)
