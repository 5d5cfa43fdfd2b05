"""A movement as its holder, its guarantee chain and the offices on its way see it."""

from datetime import datetime
from typing import Any

import msgspec

from darwaza.engine.engine import Engine
from darwaza.ports.store import CaseRow
from darwaza.services.transit import clock, seal
from darwaza.services.transit.indicator import BorderTime, border_times
from darwaza.services.transit.leg import Discrepancy, Progress, progress
from darwaza.services.transit.message import Charge
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.seal import Custody
from darwaza.services.transit.view import Entry, fingerprint, heads_to, timeline
from darwaza.standards.etir.codes import Fault
from darwaza.standards.etir.value import Declaration


class LegView(msgspec.Struct, omit_defaults=True):
    """One leg.

    Attributes:
        member: whose customs is the authority on it.
        entry_office: where it starts.
        exit_office: where it is terminated.
        crossing: it leaves through; None on the last leg.
        status: planned, started, terminated, discharged or refused.
        operation: id of its operation.
        started_at: when, if it was.
        terminated_at: when, if it was.
        discharged_at: when, if it was.
        deadline_at: until when it must be terminated, stopped clocks counted; None while none runs.
    """

    member: str
    entry_office: str
    exit_office: str
    crossing: str | None
    status: str
    operation: str = ""
    started_at: datetime | None = None
    terminated_at: datetime | None = None
    discharged_at: datetime | None = None
    deadline_at: datetime | None = None


class SuspensionView(msgspec.Struct, omit_defaults=True):
    """A time in which the clocks stand or stood; see ``movement.Suspension``."""

    closure: str
    crossing: str
    since: datetime
    until: datetime | None = None


class MovementView(msgspec.Struct, omit_defaults=True):
    """A movement in a list.

    Attributes:
        id: UUID.
        state: of the case at this gateway.
        opened_at: when this gateway first knew it.
        changed_at: when it last changed here.
        ucr: unique consignment reference.
        regime: id.
        holder: name.
        holder_party: address.
        version: of the declaration in force.
        way: offices, from departure to destination.
        guarantee: its reference.
        current_leg: index of the leg it is on or waits to start.
        stopped: whether a closure has stopped its clocks.
        discrepancies: how many records do not agree.
    """

    id: str
    state: str
    opened_at: str
    changed_at: str
    ucr: str | None = None
    regime: str = ""
    holder: str = ""
    holder_party: str = ""
    version: int = 0
    way: tuple[str, ...] = ()
    guarantee: str = ""
    current_leg: int = 0
    stopped: bool = False
    discrepancies: int = 0


class MovementDetail(MovementView, omit_defaults=True, kw_only=True):
    """A movement in full.

    Attributes:
        declaration: the edition in force.
        legs: itinerary with what happened.
        seals: numbers of the seals that are on and whole.
        custody: the chain of every seal it ever had.
        trackers: on it now.
        packages: still on board, by goods item.
        timeline: what happened, oldest first, with the offices' own clocks.
        disagreements: records that do not agree.
        suspensions: times in which the clocks stood.
        guarantee_until: until when the guarantee carries liabilities; None while the clocks stand.
        border_times: of every crossing both sides have recorded.
        faults: why somebody last said no.
        charges: due before the goods are handed over.
        release: "", ``awaiting`` or ``released``.
        record: fingerprint of the editions and events held here, hex: two members' are equal when they hold the same.
    """

    declaration: Declaration | None = None
    legs: list[LegView] = []
    seals: tuple[str, ...] = ()
    custody: tuple[Custody, ...] = ()
    trackers: tuple[str, ...] = ()
    packages: tuple[int, ...] = ()
    timeline: tuple[Entry, ...] = ()
    disagreements: tuple[Discrepancy, ...] = ()
    suspensions: list[SuspensionView] = []
    guarantee_until: datetime | None = None
    border_times: tuple[BorderTime, ...] = ()
    faults: tuple[Fault, ...] = ()
    charges: tuple[Charge, ...] = ()
    release: str = ""
    record: str = ""


def read_movement(engine: Engine, row: CaseRow) -> Movement:
    """Read a movement's data."""
    movement: Movement = engine.site.decode_case(row).data
    return movement


def view_movement(engine: Engine, row: CaseRow) -> MovementView:
    """Describe a movement for a list."""
    return MovementView(**_summary(row, read_movement(engine, row)))


def _summary(row: CaseRow, movement: Movement) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": row.id,
        "state": row.state,
        "opened_at": row.opened_at,
        "changed_at": row.changed_at,
        "ucr": row.ucr,
    }
    declaration = movement.declaration
    if declaration is None:
        return found
    found |= {
        "regime": declaration.regime,
        "holder": declaration.holder.name,
        "holder_party": declaration.holder_party,
        "version": declaration.version,
        "way": tuple(dict.fromkeys(place for leg in declaration.legs for place in (leg.entry_office, leg.exit_office))),
        "guarantee": declaration.guarantee.reference,
        "stopped": any(item.until is None for item in movement.suspensions),
    }
    if movement.recorded is not None:
        now = progress(movement)
        found |= {"current_leg": now.current, "discrepancies": len(now.discrepancies)}
    return found


def view_detail(engine: Engine, row: CaseRow) -> MovementDetail:
    """Describe a movement in full."""
    movement = read_movement(engine, row)
    summary = _summary(row, movement)
    detail = MovementDetail(**summary, declaration=movement.declaration, faults=movement.faults)
    detail.charges = () if movement.declaration is None else movement.due()
    detail.release = movement.release
    detail.suspensions = [
        SuspensionView(item.closure, item.crossing, item.since, item.until) for item in movement.suspensions
    ]
    if movement.recorded is not None:
        now = progress(movement)
        detail.legs = _legs(movement, now)
        detail.seals = seal.on_now(now.seals)
        detail.custody = now.seals
        detail.trackers = now.trackers
        detail.packages = now.packages
        detail.timeline = timeline(movement)
        detail.disagreements = now.discrepancies
        detail.guarantee_until = clock.guarantee_until(movement)
        detail.border_times = border_times(movement, now)
        detail.record = fingerprint(movement).hex()
    return detail


def _legs(movement: Movement, now: Progress) -> list[LegView]:
    return [
        LegView(
            member=leg.leg.member,
            entry_office=leg.leg.entry_office,
            exit_office=leg.leg.exit_office,
            crossing=leg.leg.crossing,
            status=leg.status,
            operation="" if leg.start is None else leg.start.operation,
            started_at=None if leg.start is None else leg.start.stamp.at,
            terminated_at=None if leg.end is None else leg.end.stamp.at,
            discharged_at=None if leg.discharge is None else leg.discharge.stamp.at,
            deadline_at=clock.leg_deadline(movement, now, index),
        )
        for index, leg in enumerate(now.legs)
    ]


def still_heads_to(engine: Engine, row: CaseRow, office: str) -> bool:
    """Tell whether an office still has something to do for a movement."""
    movement = read_movement(engine, row)
    return movement.recorded is not None and heads_to(movement, office)
