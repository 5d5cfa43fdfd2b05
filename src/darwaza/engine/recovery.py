"""How a gateway that came back from an old backup, or with an empty disk, catches up with what it had said.

At the start of every connection the author asks the reader which of its checkpoints it co-signed last (``settle``). If
the reader holds leaves that are forgotten here, the author takes them back, batch by batch, checks its own signature on
them, and gives them their old places (``take_back``): an index is never used twice, and P1 holds. Leaves appended here
in the meantime were never exposed, so they move behind. The neighbours' own logs need nothing special: they resend.

Own messages given back rebuild their cases by the rules for ``restored …``. Those that answered a message wait for
it to be resent; then it is processed again, as of the moment they were sent, without sending them a second time. Those
whose case has not come back yet wait for the next message of that case.
"""

from typing import TYPE_CHECKING

import msgspec

from darwaza.engine.intake import AcceptFork, Forked, Settle, Settled
from darwaza.engine.log import Log
from darwaza.engine.rule import Rules
from darwaza.engine.unit import Pending, Unit
from darwaza.errors import ConflictError, MalformedError, ServiceError, SignatureError
from darwaza.kernel import fork, instant
from darwaza.kernel.batch import Batch
from darwaza.kernel.link import read_checkpoint, read_cosigned
from darwaza.kernel.machine import Received, Refusal, restored
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import GENESIS, Header, check_body, decode_header, message_key
from darwaza.kernel.tile import root_at
from darwaza.ports.store import CheckpointRow, ForkRow

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine


def settle(engine: "Engine", unit: Unit, given: Settle) -> Settled:
    """Hold what the reader says it holds against the own log.

    Raises:
        SignatureError, MalformedError: the reader's note is not what it must be; see ``link.read_checkpoint``.
    """
    log = engine.own_log(unit, given.origin)
    if not given.note:
        return _heard(unit, log, 0)
    trust = engine.site.trust
    checkpoint, note = read_cosigned(
        given.note,
        origin=given.origin,
        authors=trust.author_verifiers(given.origin, past=True),
        cosigners=trust.cosigners(log.row.reader, past=True),
    )
    if checkpoint.size > log.row.size:
        return Settled(None, log.row.exposed_size)
    if root_at(checkpoint.size, engine.tile_reader(unit, log)) == checkpoint.root:
        unit.changes.checkpoints.append(CheckpointRow(log.row.id, checkpoint.size, note))
        exposed = max(log.row.exposed_size, checkpoint.size)
        cosigned = max(log.row.cosigned_size, checkpoint.size)
        return _heard(unit, log.with_row(exposed_size=exposed, cosigned_size=cosigned), checkpoint.size)
    if checkpoint.size > log.row.exposed_size:
        return Settled(None, log.row.exposed_size)
    # Both histories were exposed. Sending from what both sides agree on lets the reader find the fork and prove it.
    return _heard(unit, log, min(log.row.cosigned_size, checkpoint.size))


def _heard(unit: Unit, log: Log, send_from: int) -> Settled:
    """From now on the reader cannot hold more than we know: leaves may be exposed as they are appended."""
    unit.install(log.with_row(exposed_size=log.row.size))
    unit.heard.add(log.row.id)
    return Settled(send_from)


def take_back(engine: "Engine", rules: Rules, unit: Unit, batch: Batch) -> Settled:
    """Put leaves a reader gives back into their old places.

    Raises:
        ConflictError: ``take_back_misplaced``: not the leaves that are missing. ``history_differs``: they do not
            continue what this gateway exposed; then the link is halted and both checkpoints are kept.
        SignatureError, MalformedError: see ``link.read_checkpoint``; ``body_differs``.
    """
    log = engine.own_log(unit, batch.origin)
    exposed = log.row.exposed_size
    if batch.start != exposed:
        raise ConflictError(f"leaves are missing from {exposed} on, not {batch.start}", code="take_back_misplaced")
    trust = engine.site.trust
    checkpoint, _ = read_checkpoint(
        batch.checkpoint,
        origin=batch.origin,
        verifiers=trust.author_verifiers(batch.origin, past=True),
        required=frozenset(),
    )
    if checkpoint.size != batch.end:
        raise MalformedError("the checkpoint's size is not the end of the batch", code="batch_size_wrong")
    headers = [decode_header(header) for header, _ in batch.entries]
    for header, (_, body) in zip(headers, batch.entries, strict=True):
        check_body(header, body)
    shorter, tiles = log.cut(exposed, engine.store)
    hashes = [leaf_hash(header) for header, _ in batch.entries]
    if shorter.frontier.append_all(hashes).root() != checkpoint.root:
        raise SignatureError("the leaves given back do not continue what is held here", code="history_differs")
    tail = _tail(engine, log, {message_key(header) for header in headers}, headers)
    unit.changes.truncate.append((log.row.id, exposed))
    for tile in tiles:
        unit.changes.tiles[tile[:3]] = tile
    pending = [
        Pending(leaf, message_key(header), header.case_id, raw, body)
        for leaf, header, (raw, body) in zip(hashes, headers, batch.entries, strict=True)
    ]
    unit.append(shorter, pending, batch.checkpoint)
    longer = unit.log(log.row.id)
    unit.install(longer.with_row(exposed_size=batch.end, cosigned_size=batch.end))
    held = {entry.message_key for entry in tail.dropped}
    for header, (_, body) in zip(headers, batch.entries, strict=True):
        if message_key(header) not in held:
            _restore(engine, rules, unit, header, body)
    for entry in tail.kept:
        unit.queue(log.row.id, entry.header, entry.body, entry.message_key, entry.case_id)
    return Settled(None, batch.end)


class _Tail(msgspec.Struct, frozen=True):
    """Unexposed leaves: those that move behind, and those that what came back replaces."""

    kept: list[Pending]
    dropped: list[Pending]


def _tail(engine: "Engine", log: Log, keys: set[str], given: list[Header]) -> _Tail:
    """Sort the unexposed leaves.

    A leaf is replaced when the very message came back, when what came back answers the same message, and when it is a
    genesis leaf that turns out not to be the first.
    """
    causes = {(header.cause_id, header.kind, header.destination) for header in given if header.cause_id is not None}
    kept: list[Pending] = []
    dropped: list[Pending] = []
    for raw, body in engine.store.leaves(log.row.id, log.row.exposed_size, log.row.size, 1 << 40):
        header = decode_header(raw)
        entry = Pending(leaf_hash(raw), message_key(header), header.case_id, raw, body)
        answered = (header.cause_id, header.kind, header.destination) in causes
        replaced = entry.message_key in keys or answered or header.kind == GENESIS
        (dropped if replaced else kept).append(entry)
    return _Tail(kept, dropped)


def _restore(engine: "Engine", rules: Rules, unit: Unit, header: Header, body: bytes) -> None:
    """Rebuild the case of an own message that came back, or keep it until what it waits for has come."""
    if header.kind == GENESIS:
        return
    if header.cause_id is not None:
        unit.changes.given_back.append((header.cause_id, message_key(header)))
    elif not _rebuild(engine, rules, unit, header, body):
        unit.changes.given_back.append((case_cause(header.case_id), message_key(header)))


def case_cause(case_id: str) -> str:
    """What an own message waits for that answers no message: the next word on its case."""
    return "case " + case_id


def retry(engine: "Engine", rules: Rules, unit: Unit, case_id: str) -> None:
    """Try again the own messages given back that could not be understood before this word on their case."""
    for key in engine.store.given_back(case_cause(case_id)):
        row = engine.store.leaf(key)
        if row is not None and _rebuild(engine, rules, unit, decode_header(row.header), row.body):
            unit.changes.given_back_used.append(key)


def _rebuild(engine: "Engine", rules: Rules, unit: Unit, header: Header, body: bytes) -> bool:
    """Give an own message to its service's ``restored`` rule; tells whether the rule took it."""
    name, _, _ = header.kind.partition(".")
    service = engine.site.services.get(name)
    found = unit.case(header.case_id)
    if service is None or (found is not None and found[0] != name):
        return False
    try:
        outcome = rules.run(
            unit,
            service,
            header.case_id,
            None if found is None else found[1],
            _received(header, body),
            None,
            now=instant.from_text(header.created_at),
        )
    except ServiceError as fault:
        unit.faults.append(fault.detail)
        return False
    return not isinstance(outcome, Refusal)


def _received(header: Header, body: bytes) -> Received:
    return Received(
        restored(header.kind),
        header.id,
        header.origin,
        header.destination,
        instant.from_text(header.created_at),
        None if header.expires_at is None else instant.from_text(header.expires_at),
        header.ucr,
        header.media_type,
        body,
    )


def accept_fork(engine: "Engine", unit: Unit, given: AcceptFork) -> Forked:
    """Take a reader's proof that this gateway signed two histories, and stop the link.

    Raises:
        MalformedError: ``fork_proof_malformed``; SignatureError ``fork_proof_false``: it proves nothing.
    """
    log = engine.own_log(unit, given.origin)
    proof = fork.decode(given.proof)
    verifiers = engine.site.trust.author_verifiers(given.origin, past=True)
    if proof.origin != given.origin or not fork.convicts(proof, verifiers):
        raise SignatureError("the proof does not show two signed histories", code="fork_proof_false")
    unit.changes.forks.append(ForkRow(log.row.id, unit.now_text, given.proof))
    engine.halt(unit, log.row.reader, "fork")
    return Forked(given.proof)
