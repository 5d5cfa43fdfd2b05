"""How a gateway that came back from an old backup, or with an empty disk, catches up with what it had said.

At the start of every connection the author asks the reader which of its checkpoints it co-signed last (``settle``). If
the reader holds leaves that are forgotten here, the author takes them back, batch by batch from the size both sides are
known to agree on, checks its own signature on them, and gives them their old places (``take_back``): an index is never
used twice, and P1 holds. Leaves appended here in the meantime were never exposed, so they move behind. The neighbours'
own logs need nothing special: they resend. But they are taken only after that (``check_caught_up``): what a
neighbour says is often about what we had said.

Own messages given back rebuild their cases by the rules for ``restored …``. Those that answered a message wait for
it to be resent; then it is processed again, as of the moment they were sent, without sending them a second time; what
the rule now words otherwise goes to the rules for ``restored …`` as well, because what was said stands. Those whose
case has not come back yet wait for the next message of that case, which is taken as of their moment too. Those that
lack money, which another case brings, are tried again whenever money has moved (``retry_with_money``).
"""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from darwaza.engine import forwarding, repeat, settlement, waiting
from darwaza.engine.intake import Forked, Recollect, Settle, Settled
from darwaza.engine.log import Log
from darwaza.engine.rule import Rules, Said
from darwaza.engine.unit import Pending, Unit
from darwaza.errors import ConflictError, MalformedError, PushbackError, ServiceError, SignatureError
from darwaza.kernel import instant, letter
from darwaza.kernel.batch import Batch
from darwaza.kernel.link import Fork, Fresh, judge
from darwaza.kernel.machine import Case, Received, Refusal, Service, restored
from darwaza.kernel.message import (
    LINK_KINDS,
    REFUSED,
    Header,
    check_body,
    decode_header,
    is_withheld,
    member_of,
    message_key,
)
from darwaza.kernel.seal import Binding
from darwaza.kernel.tile import root_at
from darwaza.kernel.trail import ROUTE_KINDS
from darwaza.ports.store import WAITING_FROM, WAITING_NONE

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine

CATCH_UP_RETRY_S = 0.5
MEET_AGAIN = timedelta(seconds=2)
"""How soon a case is woken again that waits for its neighbour to be met."""
ANY_WORD = "any word"
"""What an own message given back waits for that its rule refuses for now."""
AGAIN = Settled(None, None)
"""Room was made, or what waits came back, but not all of it yet: the same once more, in another transaction."""


def check_caught_up(engine: "Engine", unit: Unit, peer: str) -> None:
    """Hold that a neighbour has said what it holds of the own logs, since this process started.

    Until then it may hold messages that were sent and forgotten here, and its own messages may be about them.

    Raises:
        PushbackError: ``catching_up``.
    """
    for log in engine.logs.values():
        if log.row.reader == peer and not unit.is_heard(log.row.id):
            detail = f"{log.row.origin} is still being compared"
            raise PushbackError(detail, retry_after_s=CATCH_UP_RETRY_S, code="catching_up")


def may_lack(engine: "Engine", unit: Unit) -> bool:
    """Whether something that was said or signed for here before a loss may still come back over a running link.

    A neighbour may hold own messages that were forgotten here, or may have to send again what was signed for.
    """
    if not _have_all_said(engine, unit):
        return True
    for log_id in engine.logs:
        row = unit.log(log_id).row
        if row.halted or row.author == engine.site.member:
            continue
        signed_for = unit.recollected.get(log_id, engine.site.signed_for.get(log_id))
        if signed_for is None or row.size < signed_for:
            return True
    return False


def _have_all_said(engine: "Engine", unit: Unit) -> bool:
    """Whether the reader of every running own log has said how much it holds."""
    rows = (unit.log(log_id).row for log_id in engine.logs)
    return all(row.author != engine.site.member or row.halted or unit.is_heard(row.id) for row in rows)


def has_met(engine: "Engine", member: str) -> bool:
    """Whether whoever may hold what was said to a member has told, since this process started, what it holds."""
    rows = [log.row for log in engine.logs.values() if log.row.author == engine.site.member and not log.row.halted]
    near = [row for row in rows if row.reader == member]
    if not near and engine.site.clock.monotonic_s() >= engine.meet_until_s:
        return True
    return all(row.id in engine.site.heard for row in near or rows)


def recollect(engine: "Engine", unit: Unit, given: Recollect) -> int:
    """Take an author's word, with the own cosignature as proof, on what was signed for of its log.

    Returns:
        The size that was signed for.

    Raises:
        SignatureError, MalformedError: see ``link.read_cosigned`` and ``engine.log_of``.
    """
    log, size = engine.log_of(unit, given.origin, reader=engine.site.member), 0
    if given.note:
        checkpoint, _ = engine.site.trust.read_cosigned(given.note, given.origin, log.row.reader)
        size = checkpoint.size
    unit.recollected[log.row.id] = size
    return size


def is_unmet(engine: "Engine", unit: Unit, service: Service, case: Case[Any] | None, given: Received) -> bool:
    """Whether a message is on a case that is decided with a member further away, and a neighbour was not met yet.

    A neighbour that has not been met sends nothing (``check_caught_up``); a letter comes by any of them.
    """
    peer = _decided_with(engine, service, case, given.kind, given.body)
    return peer is not None and not _is_neighbour(engine, peer) and not _have_met_all(engine, unit)


def may_be_answered(engine: "Engine", unit: Unit, service: Service, given: Received) -> bool:
    """Whether what was answered before a loss to a message from further away may stand with a neighbour not met yet."""
    return service.shared is not None and not (
        _is_neighbour(engine, member_of(given.origin)) or _have_met_all(engine, unit)
    )


def _decided_with(engine: "Engine", service: Service, case: Case[Any] | None, kind: str, body: Any) -> str | None:
    """The member with whom a case is decided, or None; see ``Service.shared``."""
    return None if service.shared is None else service.shared(engine.site.member, case, kind, body)


def _is_neighbour(engine: "Engine", member: str) -> bool:
    return any(log.row.reader == member for log in engine.logs.values())


def _have_met_all(engine: "Engine", unit: Unit) -> bool:
    """Whether all neighbours that can be reached have said what they hold; who is silent for long is away."""
    return engine.site.clock.monotonic_s() >= engine.meet_until_s or _have_all_said(engine, unit)


def is_coming(engine: "Engine", unit: Unit) -> bool:
    """Whether no neighbour that stays away is waited for: all have said what they hold, or there is time for it."""
    return engine.site.clock.monotonic_s() < engine.meet_until_s or _have_all_said(engine, unit)


def check_met(
    engine: "Engine", rules: Rules, unit: Unit, service: Service, case: Case[Any] | None, given: tuple[str, Any]
) -> None:
    """Hold that the member with whom a case is decided has been met, and all that was said on it is back.

    So it is not while a word on it waits for what has still to come back (``engine.order``): that knows of more.

    What was said to a member further away may be held by any neighbour: all have to be met that can be reached.

    Args:
        engine: whose case it is.
        rules: of its services.
        unit: the transaction in the making.
        service: see ``Service.shared``.
        case: None for a command that opens one.
        given: kind and body of the command or reminder.

    Raises:
        PushbackError: ``catching_up``.
    """
    peer = _decided_with(engine, service, case, *given)
    if peer is None:
        return
    if _is_neighbour(engine, peer):
        check_caught_up(engine, unit, peer)
    elif not _have_met_all(engine, unit):
        detail = "neighbours are still being compared"
        raise PushbackError(detail, retry_after_s=CATCH_UP_RETRY_S, code="catching_up")
    if case is None:
        return
    awaited = engine.restoring and is_awaited(engine, unit, case.id)
    if awaited:
        retry(engine, rules, unit, case.id)
    if awaited or unit.ordering.ahead(case.id):
        detail = "what was said on the case is still coming back"
        raise PushbackError(detail, retry_after_s=CATCH_UP_RETRY_S, code="catching_up")


def is_awaited(engine: "Engine", unit: Unit, case_id: str) -> bool:
    """Whether an own message on a case that was given back waits for something."""
    for _, _, raw in engine.store.case_leaves(case_id):
        header = decode_header(raw)
        key = message_key(header)
        causes = (case_cause(case_id), ANY_WORD, *(() if header.cause_id is None else (header.cause_id,)))
        if any(key in unit.given_back.waiting(cause) for cause in causes):
            return True
    return False


def settle(engine: "Engine", unit: Unit, given: Settle) -> Settled:
    """Hold what the reader says it holds against the own log.

    Raises:
        SignatureError, MalformedError: the reader's note is not what it must be; see ``link.read_checkpoint``.
    """
    log = engine.own_log(unit, given.origin)
    if not given.note:
        return _heard(engine, unit, log, 0)
    checkpoint, note = engine.site.trust.read_cosigned(given.note, given.origin, log.row.reader)
    if checkpoint.size > log.row.size:
        return _forgotten(engine, unit, log)
    if root_at(checkpoint.size, engine.tile_reader(unit, log)) == checkpoint.root:
        if checkpoint.size > log.row.cosigned_size:
            note = engine.site.completed(given.origin, checkpoint, note)
            unit.keep_checkpoint(log.row.id, checkpoint.size, note)
            log = log.with_row(cosigned_size=checkpoint.size)
            unit.install(log)
        return _heard(engine, unit, log, checkpoint.size)
    if checkpoint.size > log.row.exposed_size:
        return _forgotten(engine, unit, log)
    # Both histories were exposed. Sending from what both sides agree on lets the reader find the fork and prove it.
    return _heard(engine, unit, log, min(log.row.cosigned_size, checkpoint.size))


def _heard(engine: "Engine", unit: Unit, log: Log, send_from: int) -> Settled:
    """From now on the reader cannot hold more than we know: leaves may be exposed as they are appended."""
    if log.waiting != WAITING_NONE:
        if waiting.come_back(engine, unit, log):
            unit.unheard.add(log.row.id)
            return AGAIN
        log = unit.log(log.row.id)
    exposed = log.with_row(exposed_size=log.row.size)
    # A quiet link asks again every few seconds: when nothing is new, nothing is written.
    if exposed.row != unit.log(log.row.id).row:
        unit.install(exposed)
    unit.heard.add(log.row.id)
    return Settled(send_from)


def _forgotten(engine: "Engine", unit: Unit, log: Log) -> Settled:
    """The reader holds what is not held here: no leaf may be exposed before that is back."""
    unit.unheard.add(log.row.id)
    if log.row.size > log.row.exposed_size and waiting.step_aside(engine, unit, log):
        return AGAIN
    return Settled(None, log.row.cosigned_size)


def take_back(engine: "Engine", rules: Rules, unit: Unit, batch: Batch) -> Settled | Forked:
    """Put leaves a reader gives back into their old places.

    Runs in a transaction of its own, or in several: ``AGAIN`` when first room had to be made. When the leaves differ
    from what was exposed here, the link stops and the proof that two histories were signed is kept.

    Raises:
        ConflictError: ``take_back_misplaced``: the batch does not start at the size both sides agree on.
        SignatureError, MalformedError: see ``link.read_cosigned`` and ``link.judge``; ``body_differs``.
    """
    log = engine.own_log(unit, batch.origin)
    if batch.start != log.row.cosigned_size:
        detail = f"leaves are taken back from {log.row.cosigned_size} on, not {batch.start}"
        raise ConflictError(detail, code="take_back_misplaced")
    trust = engine.site.trust
    checkpoint, note = trust.read_cosigned(batch.checkpoint, batch.origin, log.row.reader)
    shorter, _ = log.cut(log.row.exposed_size, engine.store)
    verdict = judge(
        batch,
        held=shorter.frontier,
        held_note=log.row.checkpoint,
        read_tile=engine.tile_reader(unit, log),
        verifiers=trust.author_verifiers(batch.origin, past=True),
        required=frozenset(),
    )
    unit.unheard.add(log.row.id)
    if isinstance(verdict, Fork):
        return settlement.stop(engine, unit, log, log.row.reader, verdict.proof)
    note = engine.site.completed(batch.origin, checkpoint, note)
    if isinstance(verdict, Fresh):
        headers = [decode_header(header) for header, _ in batch.entries[verdict.skip :]]
        for header, (_, body) in zip(headers, batch.entries[verdict.skip :], strict=True):
            if not is_withheld(header, body):
                check_body(header, body)
        if log.row.size > log.row.exposed_size:
            waiting.step_aside(engine, unit, log)
            return AGAIN
        keys, held = _own_keys(engine, unit, log, headers)
        entries = [
            Pending(leaf, key, header.case_id, raw, body)
            for leaf, key, header, (raw, body) in zip(
                verdict.hashes, keys, headers, batch.entries[verdict.skip :], strict=True
            )
        ]
        unit.append(log, entries, note)
        _rebuild_cases(engine, rules, unit, headers, entries, held)
    else:
        unit.keep_checkpoint(log.row.id, batch.end, note)
        unit.install(log.with_row(cosigned_size=batch.end))
    return Settled(None, batch.end)


def _own_keys(engine: "Engine", unit: Unit, log: Log, headers: list[Header]) -> tuple[list[str], set[str]]:
    """Under which keys own messages given back are stored, and which of those waited here.

    One that went over several paths is stored by its first. One that waits has its place now.
    """
    keys: list[str] = []
    waited: set[str] = set()
    for header in headers:
        key = message_key(header)
        held = None if key in waited else engine.store.leaf(key)
        if held is not None and held.log_id == log.row.id and held.leaf_index >= WAITING_FROM:
            unit.changes.released.append((held.log_id, held.leaf_index, held.leaf_index + 1))
            waited.add(key)
            held = None
        keys.append("" if held is not None or key in keys else key)
    return keys, waited


def _rebuild_cases(
    engine: "Engine", rules: Rules, unit: Unit, headers: list[Header], entries: list[Pending], held: set[str]
) -> None:
    """Rebuild the cases of own messages that came back, except of those that were held here besides."""
    for header, entry in zip(headers, entries, strict=True):
        if header.path is not None and not header.kind.startswith(ROUTE_KINDS):
            unit.tracking.resume(header)
        if entry.message_key and entry.message_key not in held:
            _restore(engine, rules, unit, header, entry.body)


def _restore(engine: "Engine", rules: Rules, unit: Unit, header: Header, body: bytes) -> None:
    """Rebuild the case of an own message that came back, or keep it until what it waits for has come."""
    if header.kind.startswith(LINK_KINDS):
        return
    if header.kind.startswith(ROUTE_KINDS):
        forwarding.restore(engine, unit, header, body)
        return
    cause = header.cause_id
    if cause is None:
        repeat.keep_given_back(engine, unit, header)
    if is_withheld(header, body):
        return  # its case ended long ago; nobody has what would rebuild it
    if cause is not None:
        cause_key = f"{member_of(header.destination)} {cause}"
        if not engine.store.known([cause_key]) or unit.ordering.early(cause_key) is not None:
            unit.given_back.wait(cause, message_key(header))
            return
        # It came first, and was handled without this: what was said stands all the same, where it still can.
        _rebuild(engine, rules, unit, header, unsealed(engine, unit, header, body))
        return
    refusal = _rebuild(engine, rules, unit, header, unsealed(engine, unit, header, body))
    if refusal is not None:
        waits_for = ANY_WORD if refusal.transient else case_cause(header.case_id)
        unit.given_back.wait(waits_for, message_key(header))


def case_cause(case_id: str) -> str:
    """What an own message waits for that answers no message: the next word on its case."""
    return "case " + case_id


def retry(engine: "Engine", rules: Rules, unit: Unit, case_id: str) -> None:
    """Try again the own messages given back that could not be understood before this word on their case.

    Those whose rule refused them for now are tried after every word.
    """
    _retry(engine, rules, unit, unit.given_back.waiting(case_cause(case_id)))


def retry_with_money(engine: "Engine", rules: Rules, unit: Unit) -> bool:
    """Try again the own messages given back that their rule refused for now, if the batch has moved money since."""
    if unit.ledger.end.sequence == unit.tried_at:
        return False
    _retry(engine, rules, unit, [])
    unit.tried_at = unit.ledger.end.sequence
    return True


def lacks_money(engine: "Engine", unit: Unit, case_id: str) -> bool:
    """Whether an own message on a case came back and was refused for now: what it needs, another case brings."""
    rows = (engine.store.leaf(key) for key in unit.given_back.waiting(ANY_WORD))
    return any(row is not None and row.case_id == case_id for row in rows)


def _retry(engine: "Engine", rules: Rules, unit: Unit, keys: list[str]) -> None:
    """Try again own messages given back, and all that were refused for now.

    One that is understood may be what others of its case wait for: they are tried as well, until none is understood
    any more, so that the next word on any of these cases meets it as it was left.
    """
    left = [*keys, *unit.given_back.waiting(ANY_WORD)]
    while understood := {key: case for key in left if (case := _understood(engine, rules, unit, key)) is not None}:
        cases = dict.fromkeys(understood.values())
        freed = (key for case in cases for key in unit.given_back.waiting(case_cause(case)))
        left = list(dict.fromkeys([*(key for key in left if key not in understood), *freed]))


def _understood(engine: "Engine", rules: Rules, unit: Unit, key: str) -> str | None:
    """Rebuild from an own message given back; tells its case, or None when its rule does not take it yet."""
    row = engine.store.leaf(key)
    if row is None:
        return None
    header = decode_header(row.header)
    refusal = _rebuild(engine, rules, unit, header, unsealed(engine, unit, header, row.body))
    if refusal is None:
        unit.given_back.use(key)
        return header.case_id
    if refusal.transient:
        unit.given_back.wait(ANY_WORD, key)
    return None


def put_back(engine: "Engine", rules: Rules, unit: Unit, sent_before: tuple[Said, ...]) -> None:
    """Rebuild from own messages what the rule, run again on their cause, did not say in the same words.

    A rule may need what is not back yet (the ledger of another case, a command that no peer saw); what it said then
    stands, because it was delivered.
    """
    for said in sent_before:
        if not (said.again or said.header.kind.endswith(REFUSED)):
            _rebuild(engine, rules, unit, said.header, said.body)


def unsealed(engine: "Engine", unit: Unit, header: Header, body: bytes) -> bytes:
    """The body of an own message as it was decided; b"" when its letter cannot be opened again."""
    if header.path is None:
        return body
    try:
        return engine.site.opened(partial(letter.read_again, body, Binding.of(header)))
    except (SignatureError, MalformedError) as fault:
        unit.faults.append(fault.detail)
        return b""


def _rebuild(engine: "Engine", rules: Rules, unit: Unit, header: Header, body: bytes) -> Refusal | None:
    """Give an own message to its service's ``restored`` rule; tells why the rule did not take it."""
    name, _, _ = header.kind.partition(".")
    service = engine.site.services.get(name)
    found = unit.case(header.case_id)
    if service is None or (found is not None and found[0] != name):
        return Refusal("unknown_service", f"there is no service {name!r} here, or the case is of another")
    case = None if found is None else found[1]
    own = received(header, restored(header.kind), body)
    try:
        outcome = rules.run(unit, service, header.case_id, case, own, None, now=own.created_at)
    except ServiceError as fault:
        unit.faults.append(fault.detail)
        return Refusal(fault.code, fault.detail)
    return outcome if isinstance(outcome, Refusal) else None


def received(header: Header, kind: str, body: bytes) -> Received:
    """What a service gets of a message.

    Args:
        header: as decoded.
        kind: the header's, or that of an own message given back.
        body: checked against the header.
    """
    return Received(
        kind,
        header.id,
        header.origin,
        header.destination,
        instant.from_text(header.created_at),
        None if header.expires_at is None else instant.from_text(header.expires_at),
        header.ucr,
        header.media_type,
        body,
    )
