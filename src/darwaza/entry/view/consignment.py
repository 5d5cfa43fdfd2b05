"""A consignment as those who may see it see it: one timeline over everything that happened to it, with its evidence."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from darwaza.engine.engine import Engine
from darwaza.engine.routed import read_at
from darwaza.entry.view.document import MessageView, view_document, view_messages
from darwaza.errors import MessageError
from darwaza.kernel import instant
from darwaza.kernel.message import member_of
from darwaza.ports.store import CaseRow
from darwaza.services.transit.message import (
    Activity,
    Cancellation,
    Event,
    EventMessage,
    Incident,
    Inspection,
    OwnEvent,
    SealChange,
    TrackerChange,
)
from darwaza.services.transit.movement import Movement
from darwaza.standards.etir.internal import I7, I9, I11, I13, I15, I17
from darwaza.standards.etir.wire import decode

CHECKPOINTS_LOOKED_AT_MAX = 16
"""How many checkpoints over a message are looked at for witnesses; the evidence file looks further."""

UNACKNOWLEDGED, BILATERAL, WITNESSED = "unacknowledged", "bilateral", "witnessed"

EVENT_KINDS: dict[str, Any] = {
    "transit.i9": I9,
    "transit.i11": I11,
    "transit.i13": I13,
    "transit.i17": I17,
    "transit.i7": I7,
}


class Grade(msgspec.Struct, frozen=True):
    """How well something is proven.

    Attributes:
        code: ``unacknowledged``, ``bilateral`` or ``witnessed``.
        witnesses: how many third members co-signed.
        message_id: whose evidence shows it.
    """

    code: str
    witnesses: int
    message_id: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        at: when.
        zone: IANA zone of the place; "" when only the gateway's clock is known.
        member: in whose country.
        place: office or party.
        officer: who, an id of the office; "" when nobody in person.
        what: code: an event's or a message's kind.
        details: pairs of a label's code and a value.
        service: ``transit``, ``documents``, …
        case_id: of its case.
        grade: of its evidence; None when no message here speaks of it.
        offline: entered with the network cut.
        wrong: whether it is something to look at.
    """

    at: datetime
    zone: str = ""
    member: str
    place: str
    officer: str = ""
    what: str
    details: tuple[tuple[str, str], ...] = ()
    service: str
    case_id: str
    grade: Grade | None = None
    offline: bool = False
    wrong: bool = False


def steps_of(engine: Engine, rows: Iterable[CaseRow]) -> list[Step]:
    """What happened in some cases, oldest first; of one instant, the case opened first and in it the cause first."""
    found: list[Step] = []
    for row in sorted(rows, key=lambda row: (row.opened_at, row.id)):
        if row.service == "transit":
            found += movement_steps(engine, row)
        elif row.service == "documents":
            found += _document_steps(engine, row)
        elif row.service != "guarantee":
            found += _message_steps(engine, row)
    return sorted(found, key=lambda step: step.at)


# --- movements ---


def movement_steps(engine: Engine, row: CaseRow) -> list[Step]:
    """What happened to a movement, as the offices' own clocks showed it."""
    movement: Movement = engine.site.decode_case(row).data
    grades = _grades(engine, row.id)
    happened: list[I7 | Event] = [item for item in (movement.original, movement.recorded) if item is not None]
    return [_step(row, item, grades.get(item.stamp.event)) for item in (*happened, *movement.events)]


def _step(row: CaseRow, item: I7 | Event, grade: Grade | None) -> Step:
    what, details, wrong = _words(item)
    stamp = item.stamp
    return Step(
        at=stamp.at,
        zone=stamp.zone,
        member=stamp.office[:2],
        place=stamp.office,
        officer=stamp.officer,
        what=what,
        details=tuple((name, value) for name, value in details if value),
        service="transit",
        case_id=row.id,
        grade=grade,
        offline=stamp.offline,
        wrong=wrong,
    )


def _words(item: I7 | Event) -> tuple[str, list[tuple[str, str]], bool]:
    """Code, details and whether somebody should look."""
    match item:
        case I7():
            seals = ", ".join(seal.number for seal in item.seals)
            way = " → ".join(leg.member for leg in item.declaration.legs)
            first = item.declaration.version == 1
            return "accepted" if first else "edition", [("way", way), ("seals", seals)], False
        case I9():
            return "started", [*_leg(item.leg), ("operation", item.operation)], not item.seals_intact
        case I11():
            wrong = bool(item.reservations) or not item.seals_intact
            return "terminated", [*_leg(item.leg), ("reservations", item.reservations)], wrong
        case I13():
            return "discharged", [*_leg(item.leg), ("reservations", item.reservations)], False
        case I17():
            return "refused", [*_leg(item.leg), ("reason", item.reason)], True
        case _:
            return _own_words(item)


def _own_words(item: OwnEvent) -> tuple[str, list[tuple[str, str]], bool]:
    """The same for events that eTIR does not know."""
    match item:
        case SealChange():
            new = "" if item.replacement is None else item.replacement.number
            details = [("seal", item.number), ("replacement", new), ("reason", item.reason)]
            return "seal " + item.action, details, item.action in {"broken", "replaced"}
        case Incident():
            return "incident " + item.kind, [*_leg(item.leg), ("text", item.text)], True
        case Inspection():
            control = "" if item.control is None else item.control.text or item.control.kind
            details = [*_leg(item.leg), ("reason", "; ".join(item.reasons)), ("control", control)]
            return "inspection " + item.required, details, item.required == "yes" and item.control is None
        case Activity():
            return "activity", [("activity", item.activity)], False
        case TrackerChange():
            return "tracker " + item.action, [("tracker", item.tracker)], False
        case Cancellation():
            return "cancelled", [("reason", item.reason)], True


def _leg(index: int) -> list[tuple[str, str]]:
    return [("leg", str(index + 1))]


def _grades(engine: Engine, case_id: str) -> dict[str, Grade]:
    """The best grade of the messages that tell each event, by the event's UUID."""
    found: dict[str, Grade] = {}
    for log_id, index, raw in engine.store.case_leaves(case_id):
        header, body = read_at(engine, (log_id, index, raw))
        event = _event_of(header.kind, body)
        if event:
            grade = grade_of(engine, log_id, index, header.id)
            former = found.get(event)
            if former is None or _rank(grade) > _rank(former):
                found[event] = grade
    return found


def _event_of(kind: str, body: bytes | None) -> str:
    """The UUID of the event a message tells, "" when it tells none."""
    if body is None or kind not in {*EVENT_KINDS, "transit.event", "transit.i15"}:
        return ""
    try:
        if kind == "transit.event":
            return decode(body, EventMessage).event.stamp.event
        if kind == "transit.i15":
            return decode(body, I15).recorded.stamp.event
        if kind in EVENT_KINDS:
            told: I7 | Event = decode(body, EVENT_KINDS[kind])
            return told.stamp.event
    except MessageError:
        pass
    return ""


def _rank(grade: Grade) -> tuple[int, int]:
    return (UNACKNOWLEDGED, BILATERAL, WITNESSED).index(grade.code), grade.witnesses


def grade_of(engine: Engine, log_id: int, index: int, message_id: str) -> Grade:
    """How well a message is proven, by the signature lines that the store knows to be true."""
    row = engine.logs[log_id].row
    if index >= row.cosigned_size:
        return Grade(UNACKNOWLEDGED, 0, message_id)
    size, most = index + 1, 0
    for _ in range(CHECKPOINTS_LOOKED_AT_MAX if row.author == engine.site.member else 1):
        point = engine.store.checkpoint_from(log_id, size)
        if point is None:
            break
        # The author's line and the reader's are there in any case; the others are witnesses'.
        most = max(most, point.note.count("\n\u2014 ".encode()) - 2)
        if most >= 1 and most >= engine.site.trust.current.witness_quorum:
            return Grade(WITNESSED, most, message_id)
        size = point.size + 1
    return Grade(BILATERAL, max(0, most), message_id)


# --- documents and other services: what the messages themselves say ---


def _document_steps(engine: Engine, row: CaseRow) -> Iterator[Step]:
    view = view_document(engine, row)
    title = "" if view.manifest is None else view.manifest.title
    for message in view.messages:
        if message.kind != "documents.chunk":
            details = tuple((name, text) for name, text in (("title", title), ("reason", view.detail)) if text)
            yield _message(engine, row, message, details, wrong=message.kind == "documents.refused")


def _message_steps(engine: Engine, row: CaseRow) -> Iterator[Step]:
    for message in view_messages(engine, row.id):
        yield _message(engine, row, message, ())


def _message(
    engine: Engine, row: CaseRow, message: MessageView, details: tuple[tuple[str, str], ...], *, wrong: bool = False
) -> Step:
    log = engine.find_log(message.log)
    return Step(
        at=instant.from_text(message.created_at),
        member=member_of(message.origin),
        place=message.origin,
        what=message.kind,
        details=details,
        service=row.service,
        case_id=row.id,
        grade=None if log is None else grade_of(engine, log.row.id, message.index, message.id),
        wrong=wrong,
    )
