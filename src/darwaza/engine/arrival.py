"""Takes a neighbour's batch: checks it as a whole, then gives each message to its service.

A message that overtook the one it follows in its case waits for that one (``engine.order``).

A batch is taken whole or not at all. Within a good batch a bad message stops nothing: it keeps its place in the log and
is answered with a refusal, or put into quarantine when nobody can be answered.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from darwaza.engine import forwarding, recovery, settlement
from darwaza.engine.delivery import Delivery
from darwaza.engine.forwarding import Forwarding, Opened, is_routed
from darwaza.engine.intake import Arrive, Cosigned, Expected, Forked, Recollect, Settle, Settled
from darwaza.engine.order import Early, followed
from darwaza.engine.rule import Rules
from darwaza.engine.unit import Pending, Unit
from darwaza.errors import DarwazaError, InvariantError, MessageError
from darwaza.kernel import instant
from darwaza.kernel.batch import Batch
from darwaza.kernel.link import Fork, Fresh, Gap, Repeat, judge
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import Header, check_body, decode_header, is_withheld, member_of, message_key
from darwaza.kernel.relay import Passage
from darwaza.ports.store import QuarantineRow

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine

AHEAD: Final = Refusal("ahead", "something older of its case waits", transient=True)


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
        go_on(engine, rules, unit, replaying=replaying)
    return settled


def recollect(engine: "Engine", rules: Rules, unit: Unit, given: Recollect, *, replaying: bool) -> int:
    """Take an author's word on what was signed for of its log; what waited for that may go on.

    Raises:
        DarwazaError: see ``recovery.recollect``.
    """
    size = recovery.recollect(engine, unit, given)
    go_on(engine, rules, unit, replaying=replaying)
    return size


def go_on_with_money(engine: "Engine", rules: Rules, unit: Unit) -> None:
    """After a loss: when the batch has moved money, what waits for some is tried again, and what waits for that."""
    if recovery.retry_with_money(engine, rules, unit):
        go_on(engine, rules, unit, replaying=True)


def go_on(engine: "Engine", rules: Rules, unit: Unit, *, replaying: bool) -> None:
    """Deliver what waits and need not any more: a neighbour has said what it holds, or its link has stopped."""
    Arriving(engine, rules, unit, "", set(), replaying=replaying).go_on()


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
    arrival.go_on()
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
    try:
        engine.site.trust.read_cosigned(batch.checkpoint, batch.origin, engine.site.member)
    except MessageError:
        return False
    return True


class Arriving:
    """Handles the messages of one batch."""

    def __init__(
        self, engine: "Engine", rules: Rules, unit: Unit, author: str, known: set[str], *, replaying: bool
    ) -> None:
        self._engine = engine
        self._site = engine.site
        self._unit = unit
        self._author = author
        self._known = known
        self._delivery = Delivery(engine, rules, unit, replaying=replaying)
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
                return replace(pending, message_key=f"{log_id}:{index}", case_id=header.case_id)
            fault = self._misplaced(header)
            if fault is None:
                self._unit.arrived(key)
                fault = self.take_in_order(header, pending.body, (log_id, index))
                if fault is not None:
                    self._quarantine(log_id, index, fault)
                self.release_behind(key)
                return replace(pending, message_key=key, case_id=header.case_id)
        self._quarantine(log_id, index, fault)
        return replace(pending, message_key=f"{log_id}:{index}")

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
        return replace(pending, message_key=key, case_id=header.case_id)

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
        """Deliver a message, or let it wait for the one it follows or for what may still come back."""
        before, ordering = followed(header), self._unit.ordering
        if before is None or self._has_come(before):
            outcome = self._try(header, body)
            if not isinstance(outcome, Refusal):
                self._go_on_in(header.case_id)
                return outcome
            before = None
        while (oldest := ordering.oldest_over(member_of(header.origin))) is not None:
            self.give_up(oldest)
        ordering.hold(header, body, before, place)
        return None

    def _has_come(self, key: str) -> bool:
        """Whether a message has come and waits for nothing itself."""
        come = key in self._known or self._unit.holds(key) or bool(self._engine.store.known([key]))
        return come and self._unit.ordering.early(key) is None

    def _try(self, header: Header, body: bytes) -> DarwazaError | Refusal | None:
        """Deliver a message; a refusal says that it is ahead (``engine.order``), and nothing has changed."""
        if self._unit.ordering.is_behind_one_ahead(header):
            return AHEAD
        return self._delivery.give(header, body, may_wait=True, may_lack=self._may_lack)

    def go_on(self) -> None:
        """Deliver what was ahead and is not any more: what it needs has come back, or nobody has it."""
        if self._unit.ordering.waits:
            self._may_lack = recovery.may_lack(self._engine, self._unit)
            self._go_on_in(None)

    def _go_on_in(self, case_id: str | None) -> None:
        """Deliver what can be delivered now of what is ahead in a case, or in all; each may free others."""
        ordering = self._unit.ordering
        while ordering.waits:
            moved = False
            for early in ordering.ahead(case_id):
                if ordering.early(early.key) is not None:
                    moved = self._deliver(early) or moved
            if not moved:
                return

    def free(self, header: Header) -> None:
        """Take what a further copy of a message says of the one it follows: that may have ended where it came from."""
        ordering = self._unit.ordering
        early = ordering.early(message_key(header))
        if early is None:
            return
        before = followed(header)
        if before is not None and not self._has_come(before):
            ordering.follow(early, before)
            return
        if early.follows:
            ordering.passes(early)
        self._deliver(early)

    def wake(self, early: Early) -> None:
        """Look again at a message that waits; one that has waited for as long as we wait goes on."""
        held = self._unit.ordering.early(early.key)
        if held is None:
            return
        if held.follows or held.until <= self._unit.now:
            self.give_up(held)
        elif not self._deliver(held):
            self._unit.ordering.wait_ahead(held)

    def give_up(self, early: Early) -> None:
        """Deliver a message without the one it follows, and what waits for it."""
        if early.follows:
            self._unit.ordering.passes(early)
        self._deliver(early, in_any_case=True)

    def _deliver(self, early: Early, *, in_any_case: bool = False) -> bool:
        """Deliver a message that waits, and then what waits for it; tells whether it waits no more."""
        if not self._deliver_one(early, in_any_case=in_any_case):
            return False
        self.release_behind(early.key)
        return True

    def release_behind(self, key: str) -> None:
        """Deliver what waits for a message that has been handled, and what waits for that, in the order it was sent."""
        ordering = self._unit.ordering
        if not ordering.waits:
            return
        waiting = deque(() if ordering.early(key) else ordering.behind(key))
        while waiting:
            early = waiting.popleft()
            if ordering.early(early.key) is not None and self._deliver_one(early):
                waiting.extendleft(reversed(ordering.behind(early.key)))

    def _deliver_one(self, early: Early, *, in_any_case: bool = False) -> bool:
        ordering, tracking = self._unit.ordering, self._unit.tracking
        outcome: DarwazaError | Refusal | None
        try:
            header, body = ordering.contents.get(early.key) or self._stored(early)
        except MessageError as fault:
            outcome = fault
        else:
            came_by, tracking.way_back = tracking.way_back, (header.path or ())[::-1]
            give = partial(self._delivery.give, may_wait=False) if in_any_case else self._try
            outcome = give(header, body)
            tracking.way_back = came_by
        if isinstance(outcome, Refusal):
            if early.follows:
                ordering.wait_ahead(early)
            return False
        ordering.release(early)
        if outcome is not None:
            self._quarantine(*early.place, outcome)
        return True

    def _stored(self, early: Early) -> tuple[Header, bytes]:
        row = self._engine.store.leaf(early.key)
        if row is None:
            raise InvariantError(f"{early.key} waits for another message and is not stored")
        return forwarding.opened(self._site, row)
