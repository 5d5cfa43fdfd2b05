"""Makes room in an own log for leaves that its reader gives back, piece by piece.

A gateway that lost its disk goes on at once (decision 5): what it says meanwhile stands in its logs, and nobody has
seen it. When a reader then turns out to hold more, those leaves must move behind what comes back, and there may be
weeks of them. So they *step aside*, a piece a transaction, from the end of the log to where messages wait without a
place (``ports.store.WAITING_FROM``). Then the reader's leaves are taken back. Then what waits *comes back*, a piece a
transaction, from its front. What is said meanwhile queues behind it (``unit.flush``).

A crash between two pieces leaves some in the log and the rest waiting, in their order, and the next word of the reader
goes on from there.
"""

from typing import TYPE_CHECKING

import msgspec

from darwaza import config
from darwaza.engine.log import Log
from darwaza.engine.unit import Pending, Unit
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import GENESIS, decode_header, message_key
from darwaza.ports.store import WAITING_NONE, LeafRow

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine


def step_aside(engine: "Engine", unit: Unit, log: Log) -> bool:
    """Let the last of an own log's unexposed leaves wait.

    Args:
        engine: whose log it is.
        unit: the transaction in the making.
        log: as this batch has it.

    Returns:
        Whether more of them must, in a transaction of its own each.
    """
    log_id, size = log.row.id, log.row.size
    if _is_touched(engine, log):
        return True
    count = min(engine.moved_messages_max, size - log.row.exposed_size)
    while True:
        found = engine.store.leaves(log_id, size - count, size, config.MOVED_BYTES_MAX)
        if len(found) == count:
            break
        count = max(1, count // 2)
    first, end = log.waiting[0] - count, log.waiting[1]
    for offset, (raw, body) in enumerate(found):
        header = decode_header(raw)
        held = engine.store.leaf(message_key(header))
        place = first + offset
        is_first = held is not None and (held.log_id, held.leaf_index) == (log_id, size - count + offset)
        key = message_key(header) if is_first else f"{log_id}:{place}"
        unit.changes.leaves.append(LeafRow(log_id, place, key, header.case_id, raw, body))
    unit.changes.truncate.append((log_id, size - count))
    shorter, tiles = log.cut(size - count, engine.store)
    for tile in tiles:
        unit.changes.tiles[tile[:3]] = tile
    note = engine.site.sign(log.row.origin, size - count, shorter.frontier.root()) if size > count else b""
    unit.install(msgspec.structs.replace(shorter.with_row(checkpoint=note), waiting=(first, end)))
    for owed in engine.site.owed:
        if owed.log_id == log_id and owed.index >= size - count:
            owed.index = -1
    return size - count > log.row.exposed_size


def come_back(engine: "Engine", unit: Unit, log: Log) -> bool:
    """Give the first of what waits for an own log its places.

    Args:
        engine: whose log it is.
        unit: the transaction in the making.
        log: as this batch has it.

    Returns:
        Whether more must, in a transaction of its own each.
    """
    if _is_touched(engine, log):
        return True
    log_id, end = log.row.id, log.waiting[1]
    rows = engine.store.waiting(log_id, config.MOVED_BYTES_MAX, engine.moved_messages_max)
    if not rows:
        # All of it came back from the reader, and has its places.
        unit.install(msgspec.structs.replace(log, waiting=WAITING_NONE))
        return False
    start = rows[-1].leaf_index + 1
    unit.changes.released.append((log_id, rows[0].leaf_index, start))
    entries: list[Pending] = []
    for row in rows:
        if not _is_replaced(engine, log, row, is_first=not log.row.size + len(entries)):
            key = "" if row.message_key == f"{log_id}:{row.leaf_index}" else row.message_key
            entries.append(Pending(leaf_hash(row.header), key, row.case_id, row.header, row.body))
    unit.install(msgspec.structs.replace(log, waiting=(start, end) if start < end else WAITING_NONE))
    unit.place(log_id, entries)
    return start < end


def _is_touched(engine: "Engine", log: Log) -> bool:
    """Whether the batch has changed the log before: then the store does not show it, and the next batch does it."""
    held = engine.logs[log.row.id]
    return (held.row.size, held.waiting) != (log.row.size, log.waiting)


def _is_replaced(engine: "Engine", log: Log, row: LeafRow, *, is_first: bool) -> bool:
    """Whether what came back says the same.

    So it is when it answers the same message, and for a genesis leaf that turns out not to be the first. Whatever a
    party commanded stays, even if it was said before: the services take what is said twice.
    """
    header = decode_header(row.header)
    if header.kind == GENESIS:
        return not is_first
    if header.cause_id is None:
        return False
    answer = (header.cause_id, header.kind, header.destination)
    for log_id, index, raw in engine.store.case_leaves(row.case_id):
        if log_id == log.row.id and index < log.row.exposed_size:
            other = decode_header(raw)
            if (other.cause_id, other.kind, other.destination) == answer:
                return True
    return False
