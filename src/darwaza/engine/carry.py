"""Carries a link by file: what would have been sent, and acknowledgements of what came, on a stick.

Both directions use the code of the wire: a batch in a file is the batch of a request, an acknowledgement in a file is
the cosignature of a reply. Importing a file twice, late, or after the network is back changes nothing.
"""

from collections.abc import Iterator

import msgspec

from darwaza import config
from darwaza.engine.engine import Engine
from darwaza.engine.intake import Acknowledge, Arrive, Cosigned, Delivered, Expected, Expose, Forked, Given, Outcome
from darwaza.engine.log import Log
from darwaza.errors import ConflictError, DarwazaError
from darwaza.kernel import batch, instant
from darwaza.kernel.carrier import BATCH, NOTE, Head, Item
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.link import joined
from darwaza.kernel.tile import root_at
from darwaza.ports.store import CheckpointRow


def pack(engine: Engine, log: Log, start: int, end_max: int | None = None) -> tuple[int, bytes, bytes]:
    """Make the batch of an own log that begins at ``start``.

    Args:
        engine: whose log it is.
        log: as committed.
        start: index of its first entry.
        end_max: it ends there at most; None for the end of the log.

    Returns:
        The index after its last entry, the signed checkpoint it ends at, and its bytes.
    """
    row = log.row
    if start < row.cosigned_size and (again := _signed_before(engine, log, start)) is not None:
        return again
    end = min(row.size if end_max is None else end_max, start + config.BATCH_MESSAGES_MAX)
    entries = engine.entries(row.id, start, end, config.BATCH_SEND_BYTES)
    end = start + len(entries)
    note = row.checkpoint
    if end != row.size:
        # A batch ends where its bytes do, not always where a commit did: sign there too, it is the same history.
        root = root_at(end, lambda level, number: engine.store.tile(row.id, level, number))
        note = engine.site.sign(row.origin, end, root)
    return end, note, batch.encode(row.origin, start, note, entries)


def _signed_before(engine: Engine, log: Log, start: int) -> tuple[int, bytes, bytes] | None:
    """The batch for a reader that lost its disk: it ends where the reader has co-signed; None where it cannot.

    By its own signature the reader knows that it took these messages before. That excuses bodies which were forgotten
    here since, and proofs of earlier links by keys which were renewed since.
    """
    row = _cosigned_checkpoint(engine, log, start)
    if row is None or row.size > log.row.cosigned_size:
        return None
    entries = engine.entries(log.row.id, start, row.size, config.BATCH_BYTES_MAX)
    if len(entries) != row.size - start:
        return None
    root = root_at(row.size, lambda level, number: engine.store.tile(log.row.id, level, number))
    note = joined(engine.site.sign(log.row.origin, row.size, root), row.note)
    return row.size, note, batch.encode(log.row.origin, start, note, entries)


def _cosigned_checkpoint(engine: Engine, log: Log, start: int) -> CheckpointRow | None:
    """A checkpoint after ``start`` that a batch may end at: a late one when one is found soon, else the first."""
    most = min(log.row.cosigned_size, start + config.BATCH_MESSAGES_MAX)
    end = start + len(engine.entries(log.row.id, start, most, config.BATCH_SEND_BYTES))
    size = end
    while size > start:
        row = engine.store.checkpoint_from(log.row.id, size)
        if row is not None and row.size <= end:
            return row
        size = start + (size - start) // 2
    return engine.store.checkpoint_from(log.row.id, start + 1)


def own_logs(engine: Engine, peer: str) -> list[Log]:
    """This gateway's logs to a neighbour.

    Raises:
        ConflictError: ``no_link``.
    """
    found = [log for log in engine.logs.values() if log.row.reader == peer]
    if not found:
        raise ConflictError(f"there is no link with {peer}", code="no_link")
    return found


def exposures(engine: Engine, peer: str) -> list[Given]:
    """What the engine must be given before a file for that neighbour is written: its leaves are about to leave."""
    return [Expose(log.row.origin) for log in own_logs(engine, peer) if log.row.exposed_size < log.row.size]


def head(engine: Engine, peer: str) -> Head:
    """The head of a file for a neighbour."""
    site = engine.site
    return Head(site.trust.current.name, site.member, peer, instant.to_text(site.clock.now()))


def items(engine: Engine, peer: str) -> Iterator[Item]:
    """Everything a neighbour has not acknowledged, and acknowledgements of everything it sent."""
    for log in own_logs(engine, peer):
        start = log.row.cosigned_size
        while start < log.row.size:
            start, _, raw = pack(engine, log, start)
            yield Item(BATCH, raw)
    for log in engine.logs.values():
        if log.row.author == peer and log.row.checkpoint:
            yield Item(NOTE, log.row.checkpoint)


def check_head(engine: Engine, found: Head) -> None:
    """Refuse a file that is not for this gateway.

    Raises:
        ConflictError: ``carrier_foreign``.
    """
    site = engine.site
    if (found.corridor, found.recipient) != (site.trust.current.name, site.member):
        raise ConflictError(
            f"the file is for {found.recipient} in {found.corridor}, this is {site.member}", code="carrier_foreign"
        )


def given(item: Item) -> Given:
    """What the engine must be given for an item.

    Raises:
        MalformedError: the item is neither of the two kinds, or cannot be read.
    """
    if item.kind == BATCH:
        return Arrive(batch.decode(item.data), carried=True)
    if item.kind == NOTE:
        checkpoint, note = parse_checkpoint(item.data)
        return Acknowledge(checkpoint.origin, item.data, note.signatures)
    raise ConflictError(f"there is no item of kind {item.kind[:32]!r}", code="carrier_malformed")


class Report(msgspec.Struct):
    """What became of a file's items.

    Attributes:
        taken: batches that are on this disk now, new or known.
        acknowledged: notes that were accepted.
        early: batches that must wait for one that has not come.
        refused: code and detail of what was refused.
    """

    taken: int = 0
    acknowledged: int = 0
    early: int = 0
    refused: list[str] = []

    def count(self, outcome: Outcome) -> None:
        """Count one item's outcome."""
        if isinstance(outcome, Cosigned):
            self.taken += 1
        elif isinstance(outcome, Delivered):
            self.acknowledged += 1
        elif isinstance(outcome, Expected):
            self.early += 1
        elif isinstance(outcome, Forked):
            self.refused.append("fork: the author signed two histories; the proof is kept and the link has stopped")
        elif isinstance(outcome, DarwazaError):
            self.refused.append(f"{outcome.code}: {outcome.detail}")

    def add(self, other: "Report") -> None:
        """Count what another piece of the same file gave."""
        self.taken += other.taken
        self.acknowledged += other.acknowledged
        self.early += other.early
        self.refused += other.refused
