"""The origin's side of order within a case: which message a new one follows (``engine.order`` is the destination's).

What one case sends to one member makes a *thread*. A log keeps the order of what stands in it, and what has been signed
for is at its destination; so nearly every message needs to name nothing. One names the newest of its thread when
something of that is under way and could come later: it went over another member, stands in another lane, or itself
follows something.

When a message of a thread ends without having been delivered, whatever follows it must not wait: a further copy goes
out that follows what stands before the one that ended, or nothing (``Tracking``).
"""

from typing import TYPE_CHECKING
from weakref import proxy

import msgspec

from darwaza.engine.voyage import EXPIRED, ROUTE, UNDELIVERABLE, Voyage
from darwaza.kernel.message import LINK_KINDS, Header, decode_header, member_of
from darwaza.kernel.trail import ROUTE_KINDS
from darwaza.ports.store import WAITING_FROM, WAITING_NONE, LeafRow, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from darwaza.engine.log import Log
    from darwaza.engine.site import Site
    from darwaza.engine.unit import Unit

    Logs = Callable[[int], Log]

GATEWAY_KINDS = (ROUTE_KINDS, LINK_KINDS)
"""Kinds in which gateways speak of routes and links; their order is that of the log."""
TAILS_KEPT = 1_000
"""Threads remembered before those are looked for of which nothing is under way any more."""

Thread = tuple[str, str]
"""A case and the member it sends to."""


class Tail(msgspec.Struct, frozen=True, gc=False):
    """The newest message of a thread.

    Attributes:
        message_id: its id.
        log_id: the only own log it stands in; 0 when it goes over other members, also besides.
        follows: whether it follows another.
    """

    message_id: str
    log_id: int
    follows: bool


class Tails:
    """What is remembered of threads of which something may be overtaken, as committed.

    Attributes:
        newest: message by thread.
        bulk: by thread, the log of bulk its newest large message stands in, and that log's size with it.
        unsure: by log of bulk, its size when the process started: what stands before it is remembered by the store.
            Only logs that have not been signed for up to there.
    """

    def __init__(self) -> None:
        self.newest: dict[Thread, Tail] = {}
        self.bulk: dict[Thread, tuple[int, int]] = {}
        self.unsure: dict[int, int] = {}
        self._sweep_at = TAILS_KEPT

    def merge(self, batch: "Precedence", log: "Logs", under_way: "Callable[[str, str], object]") -> None:
        """Take over what a committed batch sent."""
        for log_id in [one for one, size in self.unsure.items() if log(one).row.cosigned_size >= size]:
            del self.unsure[log_id]
        if batch.kept:
            self.newest.update(batch.kept)
        for thread, log_id in batch.bulk.items():
            self.bulk[thread] = log_id, _end(log(log_id))
        for thread in [one for one, tail in self.newest.items() if tail.message_id in batch.dead] if batch.dead else ():
            del self.newest[thread]
        if len(self.newest) > self._sweep_at:
            for thread in list(self.newest):
                if not under_way(*thread) and not self.is_in_bulk(thread, log):
                    del self.newest[thread]
                    self.bulk.pop(thread, None)
            self._sweep_at = max(TAILS_KEPT, 2 * len(self.newest))

    def is_in_bulk(self, thread: Thread, log: "Logs") -> bool:
        """Whether a large message of a thread has not been signed for."""
        log_id, size = self.bulk.get(thread, (0, 0))
        if not size:
            return False
        found = log(log_id)
        if size == WAITING_FROM and found.waiting == WAITING_NONE:
            self.bulk[thread] = log_id, (size := found.row.size)
        return found.row.cosigned_size < size


def _end(log: "Log") -> int:
    return log.row.size if log.waiting == WAITING_NONE else WAITING_FROM


class Precedence:
    """What one batch sends, thread by thread; see the module.

    Attributes:
        newest: message of this batch by thread.
        kept: those of them that may be overtaken by what follows.
        bulk: by thread, the log of bulk its newest large message stands in.
        named: ids of messages that something sent in this batch follows.
        dead: ids of messages that ended in this batch without being delivered.
    """

    def __init__(self, site: "Site", store: Store, unit: "Unit") -> None:
        self.newest: dict[Thread, Tail] = {}
        self.kept: dict[Thread, Tail] = {}
        self.bulk: dict[Thread, int] = {}
        self.named: set[str] = set()
        self.dead: set[str] = set()
        self._site = site
        self._store = store
        self._unit: Unit = proxy(unit)

    def follows(self, thread: Thread, log_id: int, *, around: bool) -> str | None:
        """Id of the message that a new one of a thread must name, or None.

        Args:
            thread: its.
            log_id: the own log it goes into, 0 for none.
            around: whether it goes over other members, perhaps besides.
        """
        site = self._site
        tail = self.newest.get(thread)
        if tail is None and (site.tails.newest or site.fleet.voyages):
            tail = self._under_way(thread)
        if tail is None:
            ordinary = not around and log_id == site.lanes[thread[1]][0]
            if ordinary and not (site.tails.unsure and self._is_unsure(thread[1])):
                return None  # nearly always
            found = self._in_store(thread, 0 if around else log_id, None)
        elif tail.log_id == log_id and not around and not tail.follows:
            return None
        else:
            found = tail.message_id
        if found is not None:
            self.named.add(found)
        return found

    def sent(self, thread: Thread, message_id: str, log_id: int, *, around: bool, follows: bool) -> None:
        """Remember a message as the newest of its thread."""
        self.newest[thread] = tail = Tail(message_id, 0 if around else log_id, follows)
        large = log_id != 0 and log_id != self._site.lanes[thread[1]][0]
        if large:
            self.bulk[thread] = log_id
        if large or around or follows:
            self.kept[thread] = tail

    def _under_way(self, thread: Thread) -> Tail | None:
        """The newest message of a thread, sent before this batch, if any of the thread can be overtaken."""
        site, changed = self._site, self._unit.tracking.changed
        newest = site.tails.newest.get(thread)
        if newest is not None and newest.message_id in self.dead:
            newest = None
        voyages = [one for one in site.fleet.of_case(*thread) if changed.get(one, one) is not None]
        if voyages:
            return newest or Tail(max(voyages, key=self._sent_at), 0, follows=True)
        return newest if newest is not None and site.tails.is_in_bulk(thread, self._unit.log) else None

    def _sent_at(self, message_id: str) -> tuple[str, bool]:
        """When a message under way was sent; one that follows another was sent after it in the same millisecond."""
        header = decode_header(self._site.fleet.voyages[message_id].tries[0])
        return header.created_at, header.follows is not None

    def _is_unsure(self, member: str) -> bool:
        unsure, logs = self._site.tails.unsure, self._site.lanes[member][1:]
        return any(self._unit.log(log_id).row.cosigned_size < unsure.get(log_id, 0) for log_id in logs)

    def _in_store(self, thread: Thread, log_id: int, before: LeafRow | None) -> str | None:
        """The newest stored message of a thread if one of it waits for a signature in another log; see ``follows``.

        Args:
            thread: whose.
            log_id: the log that keeps the order itself; 0 for none.
            before: only what was sent before this message; None for all.
        """
        case_id, member = thread
        lanes = set(self._site.lanes.get(member, ()))
        if not lanes:
            return None
        sent_at = None if before is None else decode_header(before.header).created_at
        found: dict[str, tuple[str, int]] = {}
        named, waits = set(), False
        for at, index, raw in self._store.case_leaves(case_id):
            header = decode_header(raw)
            mine = member_of(header.origin) == self._site.member and member_of(header.destination) == member
            if not mine or header.kind.startswith(GATEWAY_KINDS):
                continue
            if before is not None and sent_at is not None:
                here = at == before.log_id and index >= before.leaf_index
                if here or header.created_at > sent_at or (header.created_at == sent_at and at != before.log_id):
                    continue
            found[header.id] = max(found.get(header.id, ("", 0)), (header.created_at, index))
            named.add(header.follows)
            straight = header.path is None and at in lanes and at != log_id
            waits = waits or (straight and index >= self._unit.log(at).row.cosigned_size)
        last = [one for one in found if one not in named]
        return max(last, key=found.__getitem__) if waits and last else None

    # --- copies ---

    def copied(self, header: Header, follows: str | None, thread: Thread) -> Header:
        """A header for a copy that goes over other members."""
        alive = self.alive(follows)
        if alive is not None:
            self.named.add(alive)
        newest = self.newest.get(thread) or self._under_way(thread)
        found = self._in_store(thread, 0, None) if newest is None else newest.message_id
        tail = Tail(found or header.id, 0, follows=True)  # what was sent after the one that is copied stays the newest
        self.newest.setdefault(thread, tail)
        self.kept.setdefault(thread, tail)
        return header if header.follows == alive else msgspec.structs.replace(header, follows=alive)

    def before(self, row: LeafRow, header: Header) -> str | None:
        """What a copy of a stored message follows: what the message does, or else what waits before it in a log."""
        return header.follows or self._in_store((header.case_id, member_of(header.destination)), 0, row)

    def alive(self, message_id: str | None) -> str | None:
        """A message, or if that ended without being delivered the first before it that did not."""
        while message_id is not None:
            row = self._store.cases([message_id]).get(message_id)
            if row is None or row.service != ROUTE:
                return message_id
            ended = row.state in {EXPIRED, UNDELIVERABLE} and message_id not in self._unit.tracking.changed
            if not ended and message_id not in self.dead:
                return message_id
            message_id = decode_header(msgspec.msgpack.decode(row.data, type=Voyage).tries[-1]).follows
        return None

    def ended(self, message_id: str, case_id: str) -> list[str]:
        """Note that a message has ended without being delivered.

        Returns:
            Ids of own messages of its case any copy of which follows it, in the order they were sent.
        """
        self.dead.add(message_id)
        found: dict[str, str] = {}
        for _, _, raw in self._store.case_leaves(case_id):
            header = decode_header(raw)
            if header.follows == message_id and member_of(header.origin) == self._site.member:
                found[header.id] = header.created_at
        return sorted(found, key=found.__getitem__)
