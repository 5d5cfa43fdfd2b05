"""Stops a link of which two signed histories were found, and lets it go on when people have settled that.

What both have signed stands: the reader of a log has one history, which its author signed and it co-signed, and keeps
it. So either operator does the same, ``Resume``, each for its own gateway. The reader of the log goes on from what it
holds. The author *withdraws* what it has signed past the size both agree on: those leaves count as never exposed, so
that the normal recovery takes back what the reader holds and gives them new places behind it (``engine.recovery``,
``engine.waiting``). No message is lost or acted upon twice, and nothing is merged: the proofs are kept, and either
gateway puts its act on record in its own log, the author with all that proves the history it gave up.

A fork that was settled stops nothing again: old batches and proofs of it are refused, on whatever stick they come.
"""

import base64
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING

from darwaza.config import SETTLEMENT_LEAVES
from darwaza.engine.intake import AcceptFork, Delivered, Forked, Resume
from darwaza.engine.log import Log
from darwaza.engine.unit import Unit
from darwaza.errors import ConflictError, MalformedError, SignatureError
from darwaza.kernel import fork
from darwaza.kernel.merkle import HASH_BYTES
from darwaza.kernel.settlement import KEPT, SETTLEMENT, WITHDRAWN, Settlement, case_of
from darwaza.kernel.tile import TILE_HASHES
from darwaza.ports.store import ForkRow

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine

FORK = "fork"
"""Why a link stopped of which two signed histories were found."""


def proof_of(engine: "Engine", origin: str) -> bytes | None:
    """The newest proof for which a log stands still, or None."""
    log = engine.find_log(origin)
    if log is None or log.row.halted != FORK:
        return None
    return next((row.proof for row in reversed(engine.store.forks()) if row.log_id == log.row.id), None)


def parted_at(engine: "Engine", origin: str) -> int | None:
    """From where on a log that stands still has two histories; None when its proof does not say or there is none."""
    proof = proof_of(engine, origin)
    if proof is None:
        return None
    held, _ = fork.statements(fork.decode(proof))
    return None if held.proof is None else held.proof.index


def accept_proof(engine: "Engine", unit: Unit, given: AcceptFork) -> Forked:
    """Take a reader's proof that this gateway signed two histories, and stop the link.

    Raises:
        MalformedError: ``fork_proof_malformed``; SignatureError ``fork_proof_false``: it proves nothing.
        ConflictError: see ``stop``.
    """
    log = engine.own_log(unit, given.origin)
    proof = fork.decode(given.proof)
    verifiers = engine.site.trust.author_verifiers(given.origin, past=True)
    if proof.origin != given.origin or not fork.convicts(proof, verifiers):
        raise SignatureError("the proof does not show two signed histories", code="fork_proof_false")
    return stop(engine, unit, log, log.row.reader, proof)


def stop(engine: "Engine", unit: Unit, log: Log, peer: str, proof: fork.ForkProof) -> Forked:
    """Stop a running link whose log turned out to have two histories, and keep the proof.

    Raises:
        ConflictError: ``fork_settled``: the two histories part where a fork was settled before.
    """
    parted = fork.divergence(proof)
    for row in engine.store.forks():
        if row.log_id == log.row.id and fork.divergence(fork.decode(row.proof)) == parted:
            raise ConflictError("this is the history that was given up when the fork was settled", code="fork_settled")
    raw = fork.encode(proof)
    unit.changes.forks.append(ForkRow(log.row.id, unit.now_text, raw))
    engine.halt(unit, peer, FORK)
    return Forked(raw)


def resume(engine: "Engine", unit: Unit, given: Resume) -> Delivered:
    """Let a halted link go on, and put on record how its forks are settled.

    Raises:
        MalformedError: ``log_unknown``.
    """
    named = engine.find_log(given.origin)
    if named is None:
        raise MalformedError(f"there is no log {given.origin!r} here", code="log_unknown")
    ends = {named.row.author, named.row.reader}
    link = [unit.log(log.row.id) for log in engine.logs.values() if {log.row.author, log.row.reader} == ends]
    speaker = min((log.row for log in link if _is_own(engine, log)), key=lambda row: row.lane)
    proofs: dict[int, list[str]] = {}
    for fork_row in (*engine.store.forks(), *unit.changes.forks):
        proofs.setdefault(fork_row.log_id, []).append(sha256(fork_row.proof).hexdigest())
    for log in link:
        row, running, is_own = log.row, log.with_row(halted=""), _is_own(engine, log)
        # The second: a carrier file, written before they met, has exposed again what was withdrawn.
        if row.id in proofs and (row.halted or (is_own and row.exposed_size > row.cosigned_size)):
            for record in _records(engine, unit, log, given, tuple(proofs[row.id])):
                engine.say_of_link(unit, row if is_own else speaker, SETTLEMENT, record, case_of(row.origin))
            if is_own:
                running = running.with_row(exposed_size=row.cosigned_size)
                unit.unheard.add(row.id)
        unit.install(running)
    return Delivered(named.row.cosigned_size)


def _is_own(engine: "Engine", log: Log) -> bool:
    return log.row.author == engine.site.member


def _records(engine: "Engine", unit: Unit, log: Log, given: Resume, proofs: tuple[str, ...]) -> Iterator[Settlement]:
    """What the operator of this gateway settles about one log, in as many pieces as it takes."""
    row, is_own = log.row, _is_own(engine, log)
    end = row.size if is_own else row.cosigned_size
    start = row.cosigned_size
    read_tile = engine.tile_reader(unit, log)
    while True:
        stretch = min(SETTLEMENT_LEAVES, end - start)
        first = start // TILE_HASHES
        tiles = b"".join(read_tile(0, number) for number in range(first, -(-(start + stretch) // TILE_HASHES)))
        at = (start - first * TILE_HASHES) * HASH_BYTES
        yield Settlement(
            act=WITHDRAWN if is_own else KEPT,
            agreed_size=row.cosigned_size,
            by=given.by,
            checkpoint=row.checkpoint.decode(),
            leaves=base64.b64encode(tiles[at : at + stretch * HASH_BYTES]).decode(),
            log=row.origin,
            proofs=proofs,
            reason=given.reason,
            start=start,
        )
        start += stretch
        if start >= end:
            return
