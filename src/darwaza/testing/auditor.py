"""The independent auditor of a simulation: its own books of what was said, stored and signed, and what must follow.

It looks at bytes that leave gateways, at what their stores commit, and at what their services are given. Of the engine
it uses nothing but the shapes of the store's rows.
"""

import base64
import json
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from darwaza.kernel.machine import Case, Context, Decision, Received, Refusal, Service, Transition
from darwaza.kernel.merkle import EMPTY, Frontier, leaf_hash
from darwaza.kernel.message import REFUSED
from darwaza.ports.store import CaseRow, Changes, LeafRow, LogRow, Store


class BrokenError(AssertionError):
    """A promise was broken."""


class Log:
    """What the auditor knows of a log: the leaves that ever left its author, and the root at every size."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.ids: list[str] = []
        self._frontiers: list[Frontier] = [EMPTY]
        self.held_max = 0

    def root(self, size: int) -> bytes:
        """Root of the first leaves."""
        return self._frontiers[size].root()

    def exposed(self, start: int, headers: Iterable[bytes]) -> None:
        """Leaves left the author."""
        for index, header in enumerate(headers, start):
            leaf = leaf_hash(header)
            if index < len(self.leaves):
                if self.leaves[index] != leaf:
                    raise BrokenError(f"P3: index {index} was used twice")
                continue
            if index > len(self.leaves):
                raise BrokenError(f"P3: leaf {index} left before leaf {len(self.leaves)}")
            self.leaves.append(leaf)
            self.ids.append(json.loads(header)["id"])
            self._frontiers.append(self._frontiers[-1].append_all([leaf]))

    def forget(self, size: int) -> None:
        """Everything past a size is lost with everybody who had it."""
        del self.leaves[size:]
        del self.ids[size:]
        del self._frontiers[size + 1 :]
        self.held_max = min(self.held_max, size)


class Memory(msgspec.Struct):
    """What the services of one gateway have been given, as of one state of its disk.

    Attributes:
        taken: how often a message was given to its service, by id.
        last: index of the last one given, by log.
        turn: which of all messages the last one given was when it was first made, and its date, by case and member.
        accepted: ids of messages whose command was answered ``Accepted``, and their cases.
    """

    taken: dict[str, int] = {}
    last: dict[str, int] = {}
    turn: dict[tuple[str, str], tuple[int, datetime]] = {}
    accepted: dict[str, str] = {}

    def copy(self) -> "Memory":
        """As it is now."""
        return Memory(dict(self.taken), dict(self.last), dict(self.turn), dict(self.accepted))


class Auditor:
    """See the module.

    Attributes:
        logs: by origin.
        forked: origins of which two histories left the author on purpose; not audited.
        memories: by member.
    """

    def __init__(self, members: Iterable[str]) -> None:
        self.logs: dict[str, Log] = {}
        self.forked: set[str] = set()
        self.memories = {code: Memory() for code in members}
        self._running: dict[str, list[tuple[Received, str]]] = {code: [] for code in members}
        self.delivered: dict[str, str] = {}
        self._turns: dict[str, int] = {}
        self._waiting: dict[str, set[str]] = {code: set() for code in members}

    def log(self, origin: str) -> Log:
        """The books of a log."""
        return self.logs.setdefault(origin, Log())

    # --- what leaves gateways ---

    def batch_left(self, origin: str, start: int, headers: Iterable[bytes]) -> None:
        """An author let a batch out."""
        if origin not in self.forked:
            self.log(origin).exposed(start, headers)

    def note_left(self, note: bytes) -> None:
        """A checkpoint was shown to somebody."""
        if not note:
            return
        origin, size, root = note.decode().split("\n")[:3]
        if origin in self.forked:
            return
        log = self.log(origin)
        if int(size) > len(log.leaves) or log.root(int(size)) != base64.b64decode(root):
            raise BrokenError(f"P3: a checkpoint of size {size} of {origin} is of another history")

    # --- what services are given ---

    def watch(self, member: str, service: Service) -> Service:
        """The service, with every received message it is given counted."""
        running = self._running[member]

        def watched(cell: Transition) -> Transition:
            def rule(
                case: Case[msgspec.Struct] | None, given: object, context: Context
            ) -> Decision[msgspec.Struct] | Refusal:
                if isinstance(given, Received) and not given.kind.startswith("restored "):
                    running.append((given, context.case_id))
                outcome: Decision[msgspec.Struct] | Refusal = cell.rule(case, given, context)
                return outcome

            return Transition(rule, cell.next)

        table = {pair: watched(cell) for pair, cell in service.table.items()}
        return msgspec.structs.replace(service, table=table)

    # --- what stores commit ---

    def begin(self, member: str) -> None:
        """A batch begins."""
        self._running[member].clear()

    def committed(self, member: str, changes: Changes, store: Store) -> None:
        """A batch is on the disk."""
        memory = self.memories[member]
        logs = {row.id: row for row in store.logs()}
        places = {}
        for leaf in changes.leaves:
            self._leaf_stored(member, logs[leaf.log_id], leaf)
            message_id = leaf.message_key.partition(" ")[2]
            places[message_id] = (logs[leaf.log_id].origin, leaf.leaf_index)
            if logs[leaf.log_id].author == member:
                self._turns.setdefault(message_id, len(self._turns))
        rows = {_key(row).partition(" ")[2]: row for row in changes.cases.values() if row.service == "order"}
        waiting = self._waiting[member]
        waited = waiting | set(rows)
        waiting |= {one for one, row in rows.items() if row.state == "early"}
        waiting -= {one for one, row in rows.items() if row.state == "released"}
        # What waits may be tried any number of times, and has been acted upon when it waits no more.
        given_here = self._running[member]
        last = {given.id: at for at, (given, _) in enumerate(given_here)}
        for at, (given, case_id) in enumerate(given_here):
            if given.id in waiting or (given.id in waited and last[given.id] != at):
                continue
            if given.id not in places and given.id not in waited and given.kind.endswith(REFUSED):
                continue  # one of its own that nobody carries: told to the service as a refusal, but no message
            memory.taken[given.id] = memory.taken.get(given.id, 0) + 1
            if memory.taken[given.id] > 1:
                raise BrokenError(f"P2: {member} acted twice on {given.kind} {given.id}")
            self._check_order(member, memory, given, case_id)
            if given.id in waited:
                continue
            origin, index = places[given.id]
            if index <= memory.last.get(origin, -1):
                raise BrokenError(f"P2: {member} took {origin} {index} after {memory.last[origin]}")
            memory.last[origin] = index
        self._running[member].clear()
        for row in changes.logs.values():
            self._log_stored(member, row)

    def _check_order(self, member: str, memory: Memory, given: Received, case_id: str) -> None:
        """What one member sends on one case is acted upon in the order it was sent.

        A message is out of order when it was both made and dated before one that was acted upon: a clock that jumps
        makes dates lie, and a lost disk makes a gateway say anew, later, what nobody had heard.
        """
        turn = self._turns.get(given.id)
        if turn is None:
            return
        thread, this = (case_id, given.origin.partition("/")[0]), (turn, given.created_at)
        last = memory.turn.get(thread, this)
        if turn < last[0] and given.created_at < last[1]:
            raise BrokenError(f"order: {member} acted on {given.kind} {given.id} of {given.created_at} after {last[1]}")
        memory.turn[thread] = this

    def _leaf_stored(self, member: str, row: LogRow, leaf: LeafRow) -> None:
        header = json.loads(leaf.header)
        if _digest(header, leaf.body) != header["body_digest"]:
            raise BrokenError(f"P3: {member} stored another body than {row.origin} {leaf.leaf_index} names")
        if row.reader == member and row.origin not in self.forked:
            log = self.log(row.origin)
            if leaf.leaf_index >= len(log.leaves) or log.leaves[leaf.leaf_index] != leaf_hash(leaf.header):
                raise BrokenError(
                    f"P3: {member} took a leaf {leaf.leaf_index} of {row.origin} that its author never sent"
                )

    def _log_stored(self, member: str, row: LogRow) -> None:
        log = self.log(row.origin)
        if row.origin in self.forked:
            return
        if row.reader == member:
            self.note_left(row.checkpoint)
            log.held_max = max(log.held_max, row.size)
        elif row.cosigned_size > log.held_max:
            raise BrokenError(
                f"P1: {member} believes that {row.cosigned_size} of {row.origin} are held, not {log.held_max}"
            )
        elif row.cosigned_size > row.exposed_size or row.exposed_size > row.size:
            raise BrokenError(f"the sizes of {row.origin} contradict one another")

    # --- what was promised ---

    def accepted(self, member: str, case_id: str, message_ids: Iterable[str]) -> None:
        """A party was told that its command is accepted."""
        for message_id in message_ids:
            self.memories[member].accepted[message_id] = case_id

    def check_kept(self, member: str, store: Store) -> None:
        """P1: whatever was accepted on this state of the disk is still there."""
        for message_id, case_id in self.memories[member].accepted.items():
            if store.leaf(f"{member} {message_id}") is None or not store.cases([case_id]):
                raise BrokenError(f"P1: {member} lost the accepted message {message_id}")

    def lost_disk(self, member: str, memory: Memory, store: Store, stores: dict[str, Store]) -> None:
        """A gateway starts from an older state of its disk; what neither it nor a reader holds is gone."""
        had = self.memories[member].accepted
        self.memories[member] = memory
        waiting = [row for row in store.scan_cases() if (row.service, row.state) == ("order", "early")]
        self._waiting[member] = {_key(row).partition(" ")[2] for row in waiting}
        own = {row.origin: row for row in store.logs() if row.author == member}
        for origin, log in self.logs.items():
            author, reader = parties(origin)
            if author != member or origin in self.forked:
                continue
            held = next((row.size for row in stores[reader].logs() if row.origin == origin), 0)
            kept = own[origin].exposed_size if origin in own else 0
            log.forget(max(held, kept))
            for message_id in log.ids[:held]:
                if message_id in had:
                    memory.accepted[message_id] = had[message_id]

    def is_whole(self, member: str, store: Store) -> bool:
        """Whether a gateway that lost its disk has back what its neighbours hold, in both directions."""
        sizes = {row.origin: row.size for row in store.logs()}
        return all(
            sizes.get(origin, 0) >= log.held_max
            for origin, log in self.logs.items()
            if member in parties(origin) and origin not in self.forked
        )

    def check_logs(self, stores: dict[str, Store]) -> None:
        """At the end: every log is the same at both its ends, whole, and acknowledged."""
        for origin, log in self.logs.items():
            if origin in self.forked:
                continue
            for member in parties(origin):
                row = next(row for row in stores[member].logs() if row.origin == origin)
                leaves = [leaf_hash(leaf.header) for leaf in stores[member].scan_leaves(row.id)]
                if leaves != log.leaves or row.cosigned_size != len(leaves):
                    raise BrokenError(f"P1: {member} holds {len(leaves)} of {origin}, {len(log.leaves)} were sent")


def _key(row: CaseRow) -> str:
    """The message that a row about order is about."""
    key: str = msgspec.msgpack.decode(row.data)[0]
    return key


def parties(origin: str) -> tuple[str, str]:
    """Author and reader, read from a log's origin line."""
    author, _, reader = origin.split("/")[-2].partition("-to-")
    return author, reader


def _digest(header: dict[str, Any], body: bytes) -> str:
    """What a header has to carry of a body; what is sealed is not seen to be in parts."""
    if header["media_type"] != "application/vnd.darwaza.parts" or "path" in header:
        return sha256(body).hexdigest()
    digests = [sha256(part).digest() for part in body.split(b"\x1e")]
    return sha256(b"darwaza/parts/v1" + b"".join(digests)).hexdigest()
