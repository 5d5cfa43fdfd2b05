"""Answers other gateways' questions: what a courier's errand gets at the other end, whatever carries it.

``answer_ask`` and ``answer_fetch`` only read. For what changes something, a batch or a witness's request, the carrier
gives the engine the input and has ``reply_to`` turn the outcome into the reply. ``pack`` makes the batches, for the
courier and for files.
"""

from http import HTTPStatus

from darwaza import config
from darwaza.engine.courier import ForkFound, Reply, Signed, Wanted, pack
from darwaza.engine.engine import Engine
from darwaza.engine.intake import Cosigned, Expected, Forked, Outcome
from darwaza.errors import DarwazaError, MalformedError, PeerError, SignatureError
from darwaza.kernel import batch
from darwaza.kernel.encoding import parse_decimal
from darwaza.kernel.note import Signature, parse
from darwaza.kernel.witness import Verdict, parse_cosignatures
from darwaza.ports.store import LogRow

__all__ = ["answer_ask", "answer_fetch", "export", "reply_to", "reply_to_witness"]


def _read_log(engine: Engine, origin: str) -> LogRow:
    """A log of which this gateway is the reader, also a halted one: what is held can always be said.

    Raises:
        SignatureError: ``log_unknown``.
    """
    for log in engine.logs.values():
        if log.row.origin == origin and log.row.reader == engine.site.member:
            return log.row
    raise SignatureError(f"the log {origin[:120]!r} is not read here", code="log_unknown")


def answer_ask(engine: Engine, origin: str) -> bytes:
    """The newest note of a log that this gateway co-signed; empty when it holds nothing of it.

    Raises:
        SignatureError: ``log_unknown``.
    """
    return _read_log(engine, origin).checkpoint


def answer_fetch(engine: Engine, origin: str, start: int) -> bytes:
    """Give leaves back to their author: a batch from ``start`` to a co-signed checkpoint.

    It ends at the last such checkpoint within ``BATCH_SEND_BYTES``, or at the first one past ``start``.

    Raises:
        SignatureError: ``log_unknown``.
        MalformedError: ``range_wrong``: nothing is held from there on.
    """
    row = _read_log(engine, origin)
    if not 0 <= start < row.size:
        raise MalformedError(f"of {origin} {row.size} leaves are held, none from {start} on", code="range_wrong")
    limit = min(row.size, start + config.BATCH_MESSAGES_MAX)
    entries = engine.entries(row.id, start, limit, config.BATCH_SEND_BYTES)
    found = engine.store.checkpoint_from(row.id, start + 1)
    following = found
    while following is not None and following.size <= start + len(entries):
        found = following
        following = engine.store.checkpoint_from(row.id, found.size + 1)
    if found is None:
        raise MalformedError(f"no checkpoint of {origin} is kept past {start}", code="range_wrong")
    if found.size > start + len(entries):
        entries = engine.entries(row.id, start, found.size, config.BATCH_BYTES_MAX)
    return batch.encode(origin, start, found.note, entries[: found.size - start])


def export(engine: Engine, origin: str) -> list[bytes]:
    """All that the reader of an own log has not acknowledged, as batches for a carrier that cannot be asked.

    The engine must have been given ``Expose`` for the log before, in a batch of its own.

    Raises:
        SignatureError: ``log_unknown``.
    """
    rows = [log.row for log in engine.logs.values() if log.row.origin == origin]
    if not rows or rows[0].author != engine.site.member:
        raise SignatureError(f"the log {origin[:120]!r} is not written here", code="log_unknown")
    row = rows[0]
    found = []
    start = row.cosigned_size
    while start < row.exposed_size:
        end, _, raw = pack(engine, row, start)
        found.append(raw)
        start = end
    return found


def reply_to(engine: Engine, outcome: Outcome) -> Reply:
    """What an author is told about a batch it sent."""
    if isinstance(outcome, Cosigned):
        return Signed(own_lines(engine, outcome.note))
    if isinstance(outcome, Expected):
        return Wanted(outcome.index)
    if isinstance(outcome, Forked):
        return ForkFound(outcome.proof)
    if isinstance(outcome, DarwazaError):
        return outcome
    return PeerError("the batch was not understood", code="peer_answer")


def own_lines(engine: Engine, note: bytes) -> tuple[Signature, ...]:
    """This gateway's co-signatures under a note."""
    name = engine.site.trust.cosigner_name(engine.site.member)
    return tuple(line for line in parse(note).signatures if line.name == name)


def reply_to_witness(verdict: Verdict) -> Reply:
    """What a witness's answer (C2SP tlog-witness v1.0.0) means to the one who asked.

    Args:
        verdict: status and body; of another implementation's witness as well.
    """
    try:
        if verdict.status is HTTPStatus.OK:
            return Signed(parse_cosignatures(verdict.body))
        if verdict.status is HTTPStatus.CONFLICT:
            return Wanted(parse_decimal(verdict.body.decode("ascii", "replace").removesuffix("\n")))
    except DarwazaError as fault:
        return fault
    return PeerError(f"the witness answered with status {verdict.status}", code="witness_refused")
