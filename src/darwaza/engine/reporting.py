"""What origins hear of their messages: who handed them on, that they arrived, or that somebody gave them up.

Owed reports are gathered in memory for a moment and go together, with proofs made from each tile once. A report that is
lost with a crash is not missed: an origin that hears nothing sends its message again, and is told again.
"""

from collections.abc import Container
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from darwaza.kernel import instant, report
from darwaza.kernel.message import GATEWAY_PARTY, VERSION, Header, body_digest, decode_header, message_key
from darwaza.kernel.note import format_note, parse
from darwaza.kernel.relay import Passage
from darwaza.kernel.report import ITEMS_MAX, REPORT_KIND, REPORT_MEDIA_TYPE, Item, Outcome
from darwaza.kernel.tile import Prover
from darwaza.kernel.trail import Hop
from darwaza.ports.store import WAITING_NONE

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine
    from darwaza.engine.unit import Unit

REPORT_LIFE: Final = timedelta(hours=1)
"""After this time nobody carries a report any further: its message has long been sent again."""
REPORT_BYTES: Final = 400_000
"""Bytes of hops one report aims not to exceed; sealed and in an envelope it still is a body."""


class Owed(msgspec.Struct):
    """One line of a report to come.

    Attributes:
        leaf: leaf hash of the message's own header.
        way_back: members from here to the origin.
        outcome: see ``report.Item``.
        code: why it was given up, or "".
        detail: the same for people.
        hops: of the links after the first that it came by.
        log_id: own log in which it was handed on; 0 when it was not.
        header: of the own message that hands it on.
        index: place of that in the log; -1 before it has one.
        due_at: when the next member's co-signature is overdue, as text; "" when nobody waits for it.
    """

    leaf: bytes
    way_back: tuple[str, ...]
    outcome: Outcome
    code: str
    detail: str
    hops: tuple[Hop, ...]
    log_id: int = 0
    header: bytes = b""
    index: int = -1
    due_at: str = ""

    @classmethod
    def of(cls, passage: Passage, last: Hop, outcome: Outcome, code: str = "", detail: str = "") -> "Owed":
        """What is owed to the origin of a routed message.

        Args:
            passage: the message as it stands here.
            last: proof of the link it came by.
            outcome: see ``report.Item``.
            code: see there.
            detail: see there.
        """
        hops = (*passage.hops, last)[1:]
        way_back = passage.path[passage.stage :: -1]
        return cls(passage.leaf, way_back, outcome, code[:64], detail[:500], hops)


def header_of_report(unit: "Unit", member: str, destination: str) -> Header:
    """The header of a message in which a gateway speaks of routing; its body and path are still to come."""
    return Header(
        blind=unit.random_hex(),
        body_bytes=0,
        body_digest=body_digest(b"", REPORT_MEDIA_TYPE),
        case_id=unit.new_id(),
        created_at=unit.now_text,
        destination=f"{destination}/{GATEWAY_PARTY}",
        expires_at=instant.to_text(unit.now + REPORT_LIFE),
        id=unit.new_id(),
        kind=REPORT_KIND,
        media_type=REPORT_MEDIA_TYPE,
        origin=f"{member}/{GATEWAY_PARTY}",
        version=VERSION,
    )


def author_lines(note: bytes, origin: str) -> bytes:
    """A log's checkpoint with its author's lines only."""
    return with_lines(note, (origin,))


def with_lines(note: bytes, names: Container[str]) -> bytes:
    """A log's checkpoint with the lines of these names only."""
    full = parse(note)
    lines = tuple(line for line in full.signatures if line.name in names)
    return format_note(msgspec.structs.replace(full, signatures=lines)) if len(lines) != len(full.signatures) else note


def send(engine: "Engine", unit: "Unit") -> list[Owed]:
    """Send what is owed, as far as it can be proven now.

    Returns:
        What was sent.
    """
    by_way: dict[tuple[str, ...], list[Item]] = {}
    provers: dict[int, tuple[Prover, bytes]] = {}
    sent = []
    for owed in (*engine.site.owed, *_overdue(engine, unit)):
        if owed.log_id:
            log = engine.logs[owed.log_id]
            if owed.index < 0 and log.waiting == WAITING_NONE and not _found_again(engine, owed):
                sent.append(owed)
                continue
            if not 0 <= owed.index < log.row.exposed_size:
                continue
            if owed.log_id not in provers:
                prover = Prover(log.row.size, partial(engine.store.tile, owed.log_id))
                provers[owed.log_id] = prover, author_lines(log.row.checkpoint, log.row.origin)
            prover, note = provers[owed.log_id]
            own = Hop(owed.header, owed.index, b"".join(prover.inclusion(owed.index)), note)
            hops = (*owed.hops, own)
        else:
            hops = owed.hops
        by_way.setdefault(owed.way_back, []).append(Item(owed.leaf, owed.outcome, owed.code, owed.detail, hops))
        sent.append(owed)
    for way_back, items in by_way.items():
        _send_to(unit, way_back, items)
    return sent


def _found_again(engine: "Engine", owed: Owed) -> bool:
    """Look for the place of a message that had to step aside (``engine.waiting``); False when it is not there any more.

    Then what came back from the reader says that it was handed on before, and so its origin has been told.
    """
    row = engine.store.leaf(message_key(decode_header(owed.header)))
    if row is None or row.header != owed.header:
        owed.due_at = ""
        return False
    owed.index = row.leaf_index
    return True


def _overdue(engine: "Engine", unit: "Unit") -> list[Owed]:
    """What was handed on and is still not co-signed by the next member after its deadline; each is told once."""
    site = engine.site
    waiting = [one for one in site.handed if engine.logs[one.log_id].row.cosigned_size <= one.index]
    late = [one for one in waiting if one.due_at <= unit.now_text]
    site.handed = [one for one in waiting if one.due_at > unit.now_text]
    return [_attempted(one) for one in late]


def _attempted(owed: Owed) -> Owed:
    return Owed(owed.leaf, owed.way_back, "attempted", "", "", owed.hops, owed.log_id, owed.header, owed.index)


def _send_to(unit: "Unit", way_back: tuple[str, ...], items: list[Item]) -> None:
    part: list[Item] = []
    held = 0
    for item in items:
        size = sum(len(hop.header) + len(hop.hashes) + len(hop.checkpoint) + 32 for hop in item.hops) + 200
        if part and (held + size > REPORT_BYTES or len(part) == ITEMS_MAX):
            unit.tracking.report(way_back, report.encode(tuple(part)))
            part, held = [], 0
        part.append(item)
        held += size
    unit.tracking.report(way_back, report.encode(tuple(part)))
