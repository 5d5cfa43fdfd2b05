"""Closing a crossing, diverting what heads for it, reopening it.

One case is one crossing at one gateway; its id is computed from the crossing's, so every member's gateway means the
same case. Either side may close; the crossing is open again when every closure has been ended by the member that made
it. A closing is told to all members, and each stops the clocks of its own movements: ``diversion.clock_commands`` makes
the commands. Where a crossing is open but slow, its customs *extends*: every deadline and guarantee clock of what heads
there moves by the same time, everywhere.
"""

from datetime import timedelta
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
from darwaza.services.transit.guard import need_role, stamp_wrong, unreadable
from darwaza.standards.etir.value import Body, CrossingId, Instant, Stamp, Text, Uuid
from darwaza.standards.etir.wire import MEDIA_TYPE, decode, encode

OPEN = "open"
CLOSED = "closed"

EXTENSION_MAX = timedelta(days=90)
"""Longest extension granted at once."""


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


class Extension(Body, frozen=True):
    """More time for all that heads for a crossing. Command ``extend`` and message ``crossing.extended``.

    Attributes:
        id: UUID.
        crossing: which.
        stamp: who granted it, where, when.
        until: clocks stand from ``stamp.at`` to here, so deadlines move by the time between; at most
            ``EXTENSION_MAX`` later.
        reason: in words.
    """

    id: Uuid
    crossing: CrossingId
    stamp: Stamp
    until: Instant
    reason: Text


class CrossingStatus(msgspec.Struct, frozen=True):
    """Data of a crossing's case.

    Attributes:
        crossing: its id.
        closures: all of them, sorted by id.
        reopenings: of those that have ended, sorted by id.
        extensions: granted so far, sorted by id.
    """

    crossing: str
    closures: tuple[Closure, ...] = ()
    reopenings: tuple[Reopening, ...] = ()
    extensions: tuple[Extension, ...] = ()

    def in_force(self) -> tuple[Closure, ...]:
        """Return the closures that have not ended."""
        ended = {item.id for item in self.reopenings}
        return tuple(item for item in self.closures if item.id not in ended)


CrossingCase = Case[CrossingStatus]

Word = Closure | Reopening | Extension
"""What a member on either side says of a crossing."""

_HEARD: dict[str, type[Word]] = {
    "crossing.closed": Closure,
    "crossing.reopened": Reopening,
    "crossing.extended": Extension,
}


def crossing_case(crossing: str) -> str:
    """Return the case id of a crossing, the same at every gateway (RFC 9562 name-based UUID)."""
    return str(uuid5(NAMESPACE_URL, "darwaza:crossing:" + crossing))


def crossing_service() -> Service:
    """Build the service of crossings."""
    either = (OPEN, CLOSED)
    table: dict[tuple[str, str], Transition] = {
        (NEW, "close"): Transition(_close, (CLOSED,)),
        # The same closure, said again after it ended, changes nothing.
        (OPEN, "close"): Transition(_close, either),
        (CLOSED, "close"): Transition(_close, (CLOSED,)),
        (CLOSED, "reopen"): Transition(_reopen, either),
        (NEW, "extend"): Transition(_extend, (OPEN,)),
        (OPEN, "extend"): Transition(_extend, (OPEN,)),
        (CLOSED, "extend"): Transition(_extend, (CLOSED,)),
    }
    for kind in _HEARD:
        for state in (NEW, OPEN, CLOSED):
            table[state, kind] = table[state, restored(kind)] = Transition(_hear, either)
    for state in either:
        table[state, "crossing.refused"] = Transition(_hear_refused, (state,))
        table[state, restored("crossing.refused")] = Transition(_hear_refused, (state,))
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
    return _decide(data, body, context, told)


def _extend(case: CrossingCase | None, command: Command, context: Context) -> Decision[CrossingStatus] | Refusal:
    """A supervisor grants more time to all that heads for a crossing; the same id again changes nothing."""
    body: Extension = command.body
    wrong = _supervised(command, body, context) or _span_wrong(body)
    if wrong is not None:
        return wrong
    data = CrossingStatus(body.crossing) if case is None else case.data
    known = next((item for item in data.extensions if item.id == body.id), None)
    if known is not None and known != body:
        return Refusal.of(No.EVENT_CONFLICT, "another extension has this id", "/id")
    told = () if known is not None else _tell(body, "crossing.extended", context)
    return _decide(data, body, context, told)


def _span_wrong(body: Extension) -> Refusal | None:
    """Refuse an extension that ends before it begins, or lasts too long."""
    if timedelta(0) < body.until - body.stamp.at <= EXTENSION_MAX:
        return None
    text = f"an extension lasts more than nothing and at most {EXTENSION_MAX.days} days"
    return Refusal.of(No.EXTENSION_WRONG, text, "/until")


def _reopen(case: CrossingCase, command: Command, context: Context) -> Decision[CrossingStatus] | Refusal:
    """The member that closed a crossing ends its closure."""
    body: Reopening = command.body
    wrong = _supervised(command, body, context)
    if wrong is not None:
        return wrong
    closure = next((item for item in case.data.in_force() if item.id == body.id), None)
    if closure is None or closure.stamp.office[:2] != context.member:
        return Refusal.of(No.CLOSURE_UNKNOWN, "this member made no such closure", "/id")
    return _decide(case.data, body, context, _tell(body, "crossing.reopened", context))


def _hear(case: CrossingCase | None, received: Received, context: Context) -> Decision[CrossingStatus] | Refusal:
    """Record what another member, or this one before it lost its disk, said of a crossing.

    A reopening may be heard before its closure; both are kept, so the order does not matter.
    """
    kind: type[Word] = _HEARD[received.kind.removeprefix("restored ")]
    try:
        body: Word = decode(received.body, kind)
    except MessageError as error:
        return unreadable(error)
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
    granted = next((item for item in data.extensions if item.id == body.id), None)
    if isinstance(body, Extension) and granted is not None and granted != body:
        return Refusal.of(No.EVENT_CONFLICT, "another extension has this id", "/id")
    wrong = _span_wrong(body) if isinstance(body, Extension) else None
    if wrong is not None:
        return wrong
    return _decide(data, body, context, ())


def _hear_refused(case: CrossingCase, received: Received, context: Context) -> Decision[CrossingStatus]:
    """A member could not take the news: its customs must be told another way, and ours is the one to do it."""
    notice = Notice(f"{context.member}/customs", "crossing.refused", {"by": received.origin})
    return Decision(case.state, case.data, notices=(notice,))


def _supervised(command: Command, body: Word, context: Context) -> Refusal | None:
    """Check that a supervisor of one of the two sides speaks of this case's crossing."""
    missing = need_role(command, ROLE_SUPERVISOR)
    if missing is not None:
        return missing
    if context.member not in body.crossing[:5].split("-") or body.stamp.office[:2] != context.member:
        return Refusal.of(No.NOT_AUTHORITY, f"{context.member} does not speak for {body.crossing}", "/crossing")
    if crossing_case(body.crossing) != context.case_id:
        return Refusal.of(No.OTHER_CASE, "the command is about another crossing", "/crossing")
    return stamp_wrong(body.stamp, context.now)


def _with(data: CrossingStatus, body: Word) -> CrossingStatus:
    """Add a closure, reopening or extension; twice changes nothing."""
    if isinstance(body, Closure):
        closures = {item.id: item for item in (*data.closures, body)}
        return msgspec.structs.replace(data, closures=tuple(closures[key] for key in sorted(closures)))
    if isinstance(body, Extension):
        extensions = {item.id: item for item in (*data.extensions, body)}
        return msgspec.structs.replace(data, extensions=tuple(extensions[key] for key in sorted(extensions)))
    reopenings = {item.id: item for item in (body, *data.reopenings)}
    return msgspec.structs.replace(data, reopenings=tuple(reopenings[key] for key in sorted(reopenings)))


def _decide(before: CrossingStatus, body: Word, context: Context, told: tuple[Draft, ...]) -> Decision[CrossingStatus]:
    """Finish: state, notice to the own customs, whose movements' clocks then follow."""
    customs, data = f"{context.member}/customs", _with(before, body)
    state = CLOSED if data.in_force() else OPEN
    what = "crossing.extended" if isinstance(body, Extension) else "crossing." + state
    notice = Notice(customs, what, {"crossing": data.crossing})
    return Decision(state, data, messages=told, notices=(notice,), parties=(customs,))


def _tell(body: Word, kind: str, context: Context) -> tuple[Draft, ...]:
    """Tell every other member that can be reached."""
    others = sorted(context.reachable - {context.member})
    own, told = f"{context.member}/customs", encode(body)
    return tuple(Draft(kind, own, f"{member}/customs", told, MEDIA_TYPE) for member in others)
