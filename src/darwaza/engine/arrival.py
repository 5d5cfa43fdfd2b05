"""Takes a neighbour's batch: checks it as a whole, then gives each message to its service.

A message that overtook the one it follows in its case waits for that one (``engine.order``).

A batch is taken whole or not at all. Within a good batch a bad message stops nothing: it keeps its place in the log and
is answered with a refusal, or put into quarantine when nobody can be answered.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from darwaza.engine import forwarding, recovery, settlement
from darwaza.engine.forwarding import Forwarding, Opened, is_routed
from darwaza.engine.intake import Arrive, Cosigned, Expected, Forked, Settle, Settled
from darwaza.engine.order import OVERTAKEN, Early, followed
from darwaza.engine.rule import Rules, Said
from darwaza.engine.unit import Pending, Unit
from darwaza.errors import DarwazaError, InvariantError, MessageError, ServiceError
from darwaza.kernel import instant
from darwaza.kernel.batch import Batch
from darwaza.kernel.link import Fork, Fresh, Gap, Repeat, judge, read_cosigned
from darwaza.kernel.machine import NEW, Case, Draft, Received, Refusal
from darwaza.kernel.message import (
    JSON_MEDIA_TYPE,
    LINK_KINDS,
    REFUSED,
    Header,
    Refused,
    check_body,
    decode_header,
    is_withheld,
    member_of,
    message_key,
)
from darwaza.kernel.relay import Passage
from darwaza.ports.store import QuarantineRow

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine


def take(engine: "Engine", rules: Rules, unit: Unit, given: Arrive, *, replaying: bool) -> Cosigned | Expected | Forked:
    """Handle one batch.

    Args:
        engine: whose logs it is about.
        rules: to decide with.
        unit: the transaction in the making.
        given: the batch, and how it came.
        replaying: whether own messages given back by peers still wait for their cause.

    Raises:
        DarwazaError: the batch is refused as a whole; nothing has changed. See ``link.judge`` and ``engine.log_of``;
            ``body_differs`` when a body is not the one its header names; ``catching_up``, see
            ``recovery.check_caught_up``.
    """
    site, batch = engine.site, given.batch
    fork_proof = settlement.proof_of(engine, batch.origin)
    if fork_proof is not None:
        return Forked(fork_proof)  # the former answer may have been lost
    log = engine.log_of(unit, batch.origin, reader=site.member)
    if not given.carried:
        recovery.check_caught_up(engine, unit, log.row.author)
    verdict = judge(
        batch,
        held=log.frontier,
        held_note=log.row.checkpoint,
        read_tile=engine.tile_reader(unit, log),
        verifiers=site.trust.author_verifiers(batch.origin),
        required=site.trust.required,
    )
    if isinstance(verdict, Gap):
        return Expected(verdict.expected)
    if isinstance(verdict, Repeat):
        return _stored_answer(engine, unit, batch, verdict)
    if isinstance(verdict, Fork):
        return settlement.stop(engine, unit, log, log.row.author, verdict.proof)
    return _take_fresh(engine, rules, unit, batch, verdict, replaying=replaying)


def settle(engine: "Engine", rules: Rules, unit: Unit, given: Settle, *, replaying: bool) -> Settled:
    """Hold what a reader says it holds against the own log; then what was ahead of that may go on.

    Raises:
        DarwazaError: see ``recovery.settle``.
    """
    settled = recovery.settle(engine, unit, given)
    if not unit.heard <= engine.site.heard:
        Arriving(engine, rules, unit, "", set(), replaying=replaying).go_on()
    return settled


def _stored_answer(engine: "Engine", unit: Unit, batch: Batch, repeat: Repeat) -> Cosigned | Expected:
    """Answer a batch that was taken before: with the very note it was answered then, where that was kept."""
    log = engine.log_of(unit, batch.origin)
    if repeat.end == log.row.size:
        return Cosigned(repeat.end, log.row.checkpoint)
    row = engine.store.checkpoint_from(log.row.id, repeat.end)
    if row is not None and row.size == repeat.end:
        return Cosigned(row.size, row.note)
    return Expected(repeat.end)


def _take_fresh(engine: "Engine", rules: Rules, unit: Unit, batch: Batch, fresh: Fresh, *, replaying: bool) -> Cosigned:
    entries = batch.entries[fresh.skip :]
    seen = cache(partial(_acknowledged, engine, batch))
    headers = [_read(header, body, seen) for header, body in entries]
    log = engine.log_of(unit, batch.origin)
    routing = Forwarding(engine, unit, log.row.author, log.row.id)
    routed: dict[int, Opened] = {}
    keys: dict[int, str] = {}
    for offset, header in enumerate(headers):
        if not isinstance(header, Header):
            continue
        if is_routed(header):
            routed[offset] = opened = routing.open(header, *entries[offset], seen)
            keys[offset] = routing.key(opened, header)
        else:
            keys[offset] = message_key(header)
    known = engine.store.known([*keys.values(), *_followed(headers, routed)])
    unit.load_cases([header.case_id for header in headers if isinstance(header, Header)])
    unit.foresee(
        (header.kind.partition(".")[0], header.case_id, header.kind, body)
        for header, (_, body) in zip(headers, entries, strict=True)
        if isinstance(header, Header)
    )
    arrival = Arriving(engine, rules, unit, log.row.author, known, replaying=replaying)
    pending = []
    start = log.row.size
    for offset, (raw, body) in enumerate(entries):
        header, one = headers[offset], Pending(fresh.hashes[offset], keys.get(offset, ""), "", raw, body)
        if offset in routed and isinstance(header, Header):
            pending.append(arrival.take_routed(routing, routed[offset], header, log.row.id, start + offset, one))
        else:
            pending.append(arrival.take(header, log.row.id, start + offset, one))
    _, note = engine.site.cosign(fresh.note, instant.to_seconds(unit.now))
    unit.append(log, pending, note)
    routing.finish(batch.checkpoint)
    return Cosigned(fresh.checkpoint.size, note)


def _followed(headers: list[Header | MessageError], routed: dict[int, Opened]) -> Iterator[str]:
    """Keys of the messages that those of a batch follow."""
    for offset, header in enumerate(headers):
        passage = routed.get(offset)
        message = passage.message if isinstance(passage, Passage) else header
        if isinstance(message, Header) and message.follows is not None:
            yield followed(message) or ""


def _read(raw: bytes, body: bytes, seen: Callable[[], bool]) -> Header | MessageError:
    """Read a header and hold its body against it; a header nobody can read is given back as the error.

    A body may be withheld by an author who has forgotten it, from a reader who has signed for it before.
    """
    try:
        header = decode_header(raw)
    except MessageError as error:
        return error
    if not (is_withheld(header, body) and seen()):
        check_body(header, body)
    return header


def _acknowledged(engine: "Engine", batch: Batch) -> bool:
    """Whether this gateway has co-signed the very checkpoint a batch leads to, before it lost its disk."""
    trust = engine.site.trust
    authors = trust.author_verifiers(batch.origin, past=True)
    own = trust.cosigners(engine.site.member, past=True)
    try:
        read_cosigned(batch.checkpoint, origin=batch.origin, authors=authors, cosigners=own)
    except MessageError:
        return False
    return True


def _was_overtaken(sent_before: tuple[Said, ...]) -> bool:
    """Whether a message was refused as overtaken before a loss."""
    for said in sent_before:
        if said.header.kind.endswith(REFUSED):
            with suppress(msgspec.MsgspecError):
                return msgspec.json.decode(said.body, type=Refused).code == OVERTAKEN.code
    return False


class Arriving:
    """Handles the messages of one batch."""

    def __init__(
        self, engine: "Engine", rules: Rules, unit: Unit, author: str, known: set[str], *, replaying: bool
    ) -> None:
        self._engine = engine
        self._site = engine.site
        self._rules = rules
        self._unit = unit
        self._author = author
        self._known = known
        self._replaying = replaying
        self._may_lack = recovery.may_lack(engine, unit)

    def take(self, header: Header | MessageError, log_id: int, index: int, pending: Pending) -> Pending:
        """Handle one message; returns it with the key and case under which it is stored."""
        fault: DarwazaError | None
        if isinstance(header, MessageError):
            fault = header
        else:
            key = pending.message_key
            if key in self._known or self._unit.holds(key):
                # It came before, over another path or lane: it keeps this place in the log and does nothing more.
                self.free(header)
                return pending._replace(message_key=f"{log_id}:{index}", case_id=header.case_id)
            fault = self._misplaced(header)
            if fault is None:
                self._unit.arrived(key)
                fault = self.take_in_order(header, pending.body, (log_id, index))
                if fault is not None:
                    self._quarantine(log_id, index, fault)
                self.release_behind(key)
                return pending._replace(message_key=key, case_id=header.case_id)
        self._quarantine(log_id, index, fault)
        return pending._replace(message_key=f"{log_id}:{index}")

    def take_routed(
        self, routing: Forwarding, opened: Opened, header: Header, log_id: int, index: int, pending: Pending
    ) -> Pending:
        """Handle a message that travels further than this link, or has come further; see ``take``."""
        key, place = pending.message_key, f"{log_id}:{index}"
        fault: DarwazaError | None
        if isinstance(opened, DarwazaError):
            key, fault = place, opened
        else:
            seen = key in self._known or self._unit.holds(key)
            key = place if seen else key
            if opened.next is not None:
                fault = None
                routing.relay(opened, index)
            elif seen:
                fault = routing.again(opened, index)
                if fault is None:
                    self.free(opened.message)
            else:
                fault = routing.arrive(opened, index, self)
            if not seen:
                self._unit.arrived(key)
                if opened.next is None:
                    self.release_behind(key)
        if fault is not None:
            self._quarantine(log_id, index, fault)
        return pending._replace(message_key=key, case_id=header.case_id)

    def _quarantine(self, log_id: int, index: int, fault: DarwazaError) -> None:
        row = QuarantineRow(log_id, index, fault.code, fault.detail[:1_000], self._unit.now_text)
        self._unit.changes.quarantine.append(row)

    def _misplaced(self, header: Header) -> DarwazaError | None:
        if member_of(header.origin) != self._author:
            return MessageError(f"{header.origin} is not of the log's author {self._author}", code="origin_forged")
        if member_of(header.destination) != self._site.member:
            return MessageError(f"{header.destination} is not served here", code="not_addressed_here")
        return None

    # --- order within a case (``engine.order``) ---

    def take_in_order(self, header: Header, body: bytes, place: tuple[int, int]) -> DarwazaError | None:
        """Deliver a message, or let it wait for the one it follows or for its case; see ``deliver``."""
        before, ordering = followed(header), self._unit.ordering
        if before is None or self._has_come(before):
            if not self._is_ahead(header):
                return self.deliver(header, body)
            before = None
        while (oldest := ordering.oldest_over(member_of(header.origin))) is not None:
            self.give_up(oldest)
        ordering.hold(header, body, before, place)
        return None

    def _has_come(self, key: str) -> bool:
        """Whether a message has come and waits for nothing itself."""
        come = key in self._known or self._unit.holds(key) or bool(self._engine.store.known([key]))
        return come and self._unit.ordering.early(key) is None

    def _is_ahead(self, header: Header) -> bool:
        """Whether a message is about a case that may still come back (``engine.order``)."""
        if not self._may_lack or self._case(header.case_id) is not None:
            return False
        service = self._site.services.get(header.kind.partition(".")[0])
        return service is not None and (NEW, header.kind) not in service.table

    def go_on(self) -> None:
        """Deliver what was ahead of cases that have come back, or that nobody has."""
        for early in self._unit.ordering.ahead():
            if not self._is_early_ahead(early):
                self._release(early)
                self.release_behind(early.key)

    def _is_early_ahead(self, early: Early) -> bool:
        """Whether what waits for nothing else must wait for its case."""
        if not self._may_lack:
            return False
        try:
            header, _ = self._unit.ordering.contents.get(early.key) or self._stored(early)
        except MessageError:
            return False  # it goes into quarantine
        return self._is_ahead(header)

    def free(self, header: Header) -> None:
        """Take what a further copy of a message says of the one it follows: that may have ended where it came from."""
        ordering = self._unit.ordering
        early = ordering.early(message_key(header))
        if early is None:
            return
        before = followed(header)
        if before is not None and not self._has_come(before):
            ordering.follow(early, before)
        elif not self._is_ahead(header):
            self.give_up(early)
        elif early.follows:
            ordering.passes(early)
            ordering.wait_ahead(early)

    def wake(self, early: Early) -> None:
        """Let a message go on that has waited for as long as we wait."""
        held = self._unit.ordering.early(early.key)
        if held is not None:
            self.give_up(held)

    def give_up(self, early: Early) -> None:
        """Deliver a message without the one it follows, and what waits for it."""
        if early.follows:
            self._unit.ordering.passes(early)
        self._release(early)
        self.release_behind(early.key)

    def release_behind(self, key: str) -> None:
        """Deliver what waits for a message that has been handled, and what waits for that, in the order it was sent."""
        ordering = self._unit.ordering
        if not ordering.waits:
            return
        waiting = deque(() if ordering.early(key) else ordering.behind(key))
        while waiting:
            early = waiting.popleft()
            if ordering.early(early.key) is None:
                continue
            if self._is_early_ahead(early):
                ordering.wait_ahead(early)
            else:
                self._release(early)
                waiting.extendleft(reversed(ordering.behind(early.key)))

    def _release(self, early: Early) -> None:
        self._unit.ordering.release(early)
        try:
            header, body = self._unit.ordering.contents.get(early.key) or self._stored(early)
        except MessageError as fault:
            self._quarantine(*early.place, fault)
            return
        tracking = self._unit.tracking
        came_by, tracking.way_back = tracking.way_back, (header.path or ())[::-1]
        put_aside = self.deliver(header, body)
        tracking.way_back = came_by
        if put_aside is not None:
            self._quarantine(*early.place, put_aside)

    def _stored(self, early: Early) -> tuple[Header, bytes]:
        row = self._engine.store.leaf(early.key)
        if row is None:
            raise InvariantError(f"{early.key} waits for another message and is not stored")
        return forwarding.opened(self._site, row)

    # --- giving a message to its service ---

    def deliver(self, header: Header, body: bytes) -> DarwazaError | None:
        """Give a message to its service; what it answers is on its way, a fault of the service is returned."""
        if header.kind.startswith(LINK_KINDS):
            return None
        if is_withheld(header, body):
            # Its case ended long ago and stays forgotten, and what this gateway had answered waits for nothing more.
            for key in self._unit.given_back(header.id):
                self._unit.use_given_back(key)
            return None
        received = recovery.received(header, header.kind, body)
        sent_before, now = self._sent_before(header) if self._replaying else ((), None)
        fault = self._decide(header, received, sent_before, now)
        if sent_before:
            recovery.put_back(self._engine, self._rules, self._unit, sent_before)
        if self._replaying and fault is None:
            recovery.retry(self._engine, self._rules, self._unit, header.case_id)
        return fault

    def _decide(
        self, header: Header, received: Received, sent_before: tuple[Said, ...], now: datetime | None
    ) -> DarwazaError | None:
        """Run the rule of a message, or say why it has none; what it answers is on its way."""
        name, _, _ = header.kind.partition(".")
        service = self._site.services.get(name)
        if service is None:
            refusal = Refusal("unknown_service", f"there is no service {name!r} here", "/kind")
            return self._refuse(header, refusal, sent_before)
        if received.expires_at is not None and (now or self._unit.now) > received.expires_at:
            refusal = Refusal("expired", "it came after it had expired", "/expires_at")
            return self._refuse(header, refusal, sent_before)
        if self._unit.ordering.is_overtaken(header) or (sent_before and _was_overtaken(sent_before)):
            return self._refuse(header, OVERTAKEN, sent_before)
        found = self._case(header.case_id)
        if found is not None and found[0] != name:
            refusal = Refusal("case_conflict", "the case is of another service", "/case_id")
            return self._refuse(header, refusal, sent_before)
        try:
            outcome = self._rules.run(
                self._unit,
                service,
                header.case_id,
                None if found is None else found[1],
                received,
                header.id,
                now=now,
                sent_before=sent_before,
            )
        except ServiceError as fault:
            self._refuse(header, Refusal(fault.code, "the receiving service failed on this message"), sent_before)
            return fault
        return self._refuse(header, outcome, sent_before) if isinstance(outcome, Refusal) else None

    def _case(self, case_id: str) -> tuple[str, Case[Any]] | None:
        """The case as the batch has it; after a loss, an own message that opened it may come back only now.

        It may have waited for something else than its case, such as money that another case brings.
        """
        found = self._unit.case(case_id)
        if found is None and self._replaying:
            recovery.retry(self._engine, self._rules, self._unit, case_id)
            found = self._unit.case(case_id)
        return found

    def _sent_before(self, header: Header) -> tuple[tuple[Said, ...], datetime | None]:
        """What this message made us send before a loss, and when: the rule is run again as of that moment.

        A message we answered nothing came in time and before our own next word on its case. That word may be of a
        clock that had waited for the message's time to be over, so it is taken as of the moment it was made.
        """
        sent = []
        for own, body in self._own(self._unit.given_back(header.id)):
            sent.append(Said(own, recovery.unsealed(self._engine, self._unit, own, body)))
            self._unit.use_given_back(message_key(own))
            now = instant.from_text(own.created_at)
        if sent:
            return tuple(sent), now
        later = self._own(self._unit.given_back(recovery.case_cause(header.case_id)))
        moments = [own.created_at for own, _ in later]
        if moments:
            moments.append(header.created_at)
        return (), instant.from_text(min(moments)) if moments else None

    def _own(self, keys: list[str]) -> list[tuple[Header, bytes]]:
        rows = [self._engine.store.leaf(key) for key in keys]
        return [(decode_header(row.header), row.body) for row in rows if row is not None]

    def _refuse(self, header: Header, refusal: Refusal, sent_before: tuple[Said, ...]) -> DarwazaError | None:
        """Answer with a refusal; returns why it must be kept in quarantine when nobody can be answered."""
        name, _, _ = header.kind.partition(".")
        kind = name + REFUSED
        if header.kind.endswith(REFUSED):
            return MessageError(f"{refusal.code}: {refusal.detail}", code="unanswerable")
        if any(said.to(kind, header.origin) for said in sent_before):
            return None
        body = Refused(refusal.code, refusal.detail, header.kind, header.id, refusal.pointer)
        draft = Draft(
            kind=kind,
            origin=header.destination,
            destination=header.origin,
            body=self._site.to_json(body),
            media_type=JSON_MEDIA_TYPE,
        )
        if self._unit.tracking.refusal(draft) is not None:
            return MessageError(f"{refusal.code}: {refusal.detail}", code="unanswerable")
        self._unit.send(draft, header.case_id, header.ucr, header.id)
        return None
