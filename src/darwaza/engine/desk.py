"""Answers other gateways' questions from what is committed: what is held of a log, and leaves given back."""

from darwaza import config
from darwaza.engine.engine import Engine
from darwaza.engine.log import Log
from darwaza.errors import MalformedError
from darwaza.kernel import batch
from darwaza.kernel.note import line_start


def _neighbours_log(engine: Engine, origin: str) -> Log:
    log = engine.find_log(origin)
    if log is None or log.row.reader != engine.site.member:
        raise MalformedError(f"this gateway does not read {origin[:120]!r}", code="log_unknown")
    return log


def answer_ask(engine: Engine, origin: str) -> bytes:
    """The newest checkpoint of a log that its reader has co-signed, as either end keeps it; empty when there is none.

    Raises:
        MalformedError: ``log_unknown``.
    """
    log = engine.find_log(origin)
    if log is None or log.row.author != engine.site.member:
        return _neighbours_log(engine, origin).row.checkpoint
    found = engine.store.checkpoint_from(log.row.id, log.row.cosigned_size) if log.row.cosigned_size else None
    return b"" if found is None else found.note


def answer_fetch(engine: Engine, origin: str, start: int) -> bytes:
    """Leaves of a neighbour's log, as a batch that ends at a checkpoint its author signed.

    Raises:
        MalformedError: ``log_unknown``; ``nothing_held`` when there are no leaves from ``start`` on.
    """
    log = _neighbours_log(engine, origin)
    row = engine.store.checkpoint_from(log.row.id, start + 1)
    if row is None:
        raise MalformedError(f"no leaves from {start} on are held here", code="nothing_held")
    # One stored checkpoint is one batch as it once came; several small ones are given back together.
    limit = min(log.row.size, start + config.BATCH_MESSAGES_MAX)
    entries = engine.store.leaves(log.row.id, start, max(limit, row.size), config.BATCH_SEND_BYTES)
    if len(entries) < row.size - start:
        entries = engine.store.leaves(log.row.id, start, row.size, config.BATCH_BYTES_MAX)
    while (further := engine.store.checkpoint_from(log.row.id, row.size + 1)) is not None:
        if further.size - start > len(entries):
            break
        row = further
    return batch.encode(origin, start, row.note, entries[: row.size - start])


def cosigned_lines(engine: Engine, note: bytes) -> bytes:
    """Our own cosignature lines under a stored checkpoint, as a reply carries them."""
    start = line_start(engine.site.trust.cosigner_name(engine.site.member))
    _, _, lines = note.rpartition(b"\n\n")
    return b"".join(line for line in lines.splitlines(keepends=True) if line.startswith(start))
