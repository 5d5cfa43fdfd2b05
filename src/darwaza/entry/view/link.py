"""Links, how their forks were settled, the corridor document and the quarantine as operators see them."""

from collections.abc import Iterator

import msgspec

from darwaza.engine.courier import Courier
from darwaza.engine.engine import Engine
from darwaza.engine.log import Log
from darwaza.errors import MalformedError
from darwaza.kernel import instant, settlement
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.message import decode_header, member_of

QUARANTINE_ITEMS = 200


class LaneView(msgspec.Struct):
    """One lane of a link, both ways.

    Attributes:
        lane: number.
        sent: leaves of the own log.
        delivered: of them co-signed by the neighbour.
        received: leaves of the neighbour's log, all co-signed.
        phase: ``ask``, ``restore`` or ``flow``.
        in_flight: batches sent and not answered.
        fault: code of the last failure, "" when all is well.
        round_trip_ms: of the last answered request.
        halted: why the link stopped, or "".
    """

    lane: int
    sent: int
    delivered: int
    received: int
    phase: str
    in_flight: int
    fault: str
    round_trip_ms: float
    halted: str


class LinkView(msgspec.Struct):
    """A link.

    Attributes:
        peer: the neighbour.
        state: ``up``, ``down``, ``connecting`` or ``halted``; ``left`` when it is no link of the corridor any more.
        queue: own messages the neighbour has not co-signed.
        lanes: each lane.
    """

    peer: str
    state: str
    queue: int
    lanes: list[LaneView]


def view_links(engine: Engine, courier: Courier) -> list[LinkView]:
    """Describe every link of this gateway."""
    logs = list(engine.logs.values())
    peers = sorted({log.row.reader for log in logs if log.row.author == engine.site.member})
    neighbours = engine.site.trust.neighbours(engine.site.member)
    return [_link(peer, logs, courier, has_left=peer not in neighbours) for peer in peers]


def _link(peer: str, logs: list[Log], courier: Courier, *, has_left: bool) -> LinkView:
    rows = [log.row for log in logs]
    received = {row.lane: row.size for row in rows if row.author == peer}
    lanes = []
    for row in rows:
        if row.reader != peer:
            continue
        lane = courier.lanes.get(row.origin)
        lanes.append(
            LaneView(
                lane=row.lane,
                sent=row.size,
                delivered=row.cosigned_size,
                received=received.get(row.lane, 0),
                phase="ask" if lane is None else lane.phase,
                in_flight=0 if lane is None else len(lane.flying),
                fault="" if lane is None else lane.fault,
                round_trip_ms=0.0 if lane is None else round(lane.round_trip_s * 1000, 1),
                halted=row.halted,
            )
        )
    lanes.sort(key=lambda one: one.lane)
    queue = sum(log.queue for log in logs if log.row.reader == peer)
    return LinkView(peer, "left" if has_left else _state(lanes), queue, lanes)


def _state(lanes: list[LaneView]) -> str:
    if any(lane.halted for lane in lanes):
        return "halted"
    if any(lane.fault for lane in lanes):
        return "down"
    return "up" if all(lane.phase == "flow" for lane in lanes) else "connecting"


class SettlementView(msgspec.Struct):
    """What an operator put on record when a link went on of which two histories were found.

    Attributes:
        log: origin line of the log with two histories.
        member: whose operator.
        act: ``withdrawn`` by the log's author, ``kept`` by its reader.
        by: address of the operator.
        reason: what people decided.
        at: when.
        agreed_size: size up to which both sides hold the same; all that was held when it is ``kept``.
        withdrawn: leaves past it that the author had signed and went back on.
        proofs: SHA-256 of the fork proofs that were kept, hex.
        message_id: of the record; ``darwaza evidence export`` proves it.
    """

    log: str
    member: str
    act: str
    by: str
    reason: str
    at: str
    agreed_size: int
    withdrawn: int
    proofs: list[str]
    message_id: str


def view_settlements(engine: Engine) -> list[SettlementView]:
    """Describe how forks were settled, as the records in the logs say; oldest first."""
    found = [one for log in engine.logs.values() for one in _settlements(engine, log.row.origin)]
    return sorted(found, key=lambda one: (one.at, one.log))


def _settlements(engine: Engine, origin: str) -> Iterator[SettlementView]:
    for log_id, index, raw in engine.store.case_leaves(settlement.case_of(origin)):
        header = decode_header(raw)
        if header.kind != settlement.SETTLEMENT:
            continue
        try:
            record = settlement.decode(engine.store.body(log_id, index) or b"")
            size = parse_checkpoint(record.checkpoint.encode())[0].size if record.checkpoint else 0
        except MalformedError:
            continue  # a neighbour's word that says nothing
        if record.start == record.agreed_size and record.log == origin:
            yield SettlementView(
                log=origin,
                member=member_of(header.origin),
                act=record.act,
                by=record.by,
                reason=record.reason,
                at=header.created_at,
                agreed_size=record.agreed_size,
                withdrawn=max(0, size - record.agreed_size),
                proofs=list(record.proofs),
                message_id=header.id,
            )


class MemberView(msgspec.Struct):
    """A member: code, name, roles, addresses."""

    code: str
    name: str
    roles: list[str]
    addresses: list[str]


class CorridorView(msgspec.Struct):
    """The corridor document in force.

    Attributes:
        name: of the corridor.
        version: of the document.
        digest: SHA-256 of its text, hex.
        state: ``not_yet``, ``in_force`` or ``expired``.
        not_after: when it expires.
        quorum: votes a sensitive change takes.
        members: who is in it.
        links: pairs of neighbours.
    """

    name: str
    version: int
    digest: str
    state: str
    not_after: str
    quorum: int
    members: list[MemberView]
    links: list[tuple[str, str]]


def view_corridor(engine: Engine) -> CorridorView:
    """Describe the corridor document in force."""
    document = engine.site.trust.current
    return CorridorView(
        name=document.name,
        version=document.version,
        digest=document.digest,
        state=document.state_at(engine.site.clock.now()).value,
        not_after=instant.to_text(document.not_after),
        quorum=document.quorum,
        members=[
            MemberView(card.code, card.name, [role.value for role in card.roles], [one.url for one in card.addresses])
            for card in document.members
        ],
        links=[link.members for link in document.links],
    )


class QuarantineView(msgspec.Struct):
    """A message that was kept but not processed: its log, its place, and why."""

    log: str
    index: int
    code: str
    detail: str
    at: str


def view_quarantine(engine: Engine) -> list[QuarantineView]:
    """Describe what stands in quarantine."""
    return [
        QuarantineView(engine.logs[row.log_id].row.origin, row.leaf_index, row.code, row.detail, row.at)
        for row in engine.store.quarantined(QUARANTINE_ITEMS)
    ]
