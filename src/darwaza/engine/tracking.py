"""The origin's side of routing, inside one batch: departs messages, follows them, sends them again over another path.

A message for a member that is no neighbour departs sealed, with its path in the header. A message for a neighbour
always takes its place in the log of that link; when that link is not the best way now, a sealed copy departs over
another path besides (``engine.detour``). So the log of a link stays the whole record of what its ends said to one
another, and the copy that comes second does nothing.

What one case sends to one member keeps its order: it follows the path of what is still under way, and when that path
breaks, what is under way is sent over the next path first.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import proxy

import msgspec

from darwaza.config import LETTERS_UNDER_WAY_MAX, ORDINARY_BODY_BYTES_MAX
from darwaza.engine.detour import Detours
from darwaza.engine.precedence import Precedence
from darwaza.engine.reporting import header_of_report
from darwaza.engine.voyage import DELIVERED, EXPIRED, ROUTE, TRIES_MAX, UNDELIVERABLE, UNDER_WAY, Voyage, carried_until
from darwaza.errors import DarwazaError, PushbackError
from darwaza.kernel import instant
from darwaza.kernel.machine import Draft, Refusal
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import (
    Header,
    decode_header,
    encode_header,
    is_withheld,
    member_of,
    message_key,
    sealed_digest,
)
from darwaza.kernel.report import Item, Report, check
from darwaza.kernel.seal import Binding
from darwaza.ports.store import CaseRow, LeafRow, Store

if TYPE_CHECKING:
    from darwaza.engine.site import Site
    from darwaza.engine.unit import Unit


FULL_RETRY_S = 60.0
"""A party is asked to come again after so long when too many messages are under way to a member."""


class Returned(msgspec.Struct, frozen=True):
    """A message that comes back to its sender: nobody carries it."""

    header: Header
    code: str
    detail: str


class Tracking:
    """See the module.

    Attributes:
        changed: voyages as this batch leaves them; None for one that has ended.
        returned: messages that come back in this batch and have not been given to their service.
        tally: see ``Fleet.tally``.
        reasons: see ``Fleet.reasons``.
        way_back: how the message that is being handled came, from here to its origin: a gateway that has just started,
            and whose map is still empty, can answer at least that way. Empty for others.
        precedence: which message of its case each follows.
        detours: what waits for neighbours and is sent another way.
        begun: how many voyages this batch begins, by member.
    """

    def __init__(self, site: "Site", store: Store, unit: "Unit") -> None:
        self.changed: dict[str, Voyage | None] = {}
        self.returned: list[Returned] = []
        self.begun: dict[str, int] = {}
        self.tally: dict[str, int] = {}
        self.reasons: dict[tuple[str, str], int] = {}
        self.way_back: tuple[str, ...] = ()
        self._site = site
        self._store = store
        # A plain reference back would make a ring: batches, bodies and all, would stay until the collector came by.
        self._unit: Unit = proxy(unit)
        self._newest: dict[tuple[str, str], str] = {}
        self.precedence = Precedence(site, store, unit)
        self.detours = Detours(site, store, unit)
        self._looked_at: tuple[Draft, tuple[str, ...] | Refusal] | None = None

    # --- before anything is sent ---

    def refusal(self, draft: Draft, body_bytes: int | None = None) -> Refusal | None:
        """Say why a draft, or one like it with a body of so many bytes, cannot be sent, or None."""
        found = self._choice(draft, body_bytes)
        self._looked_at = None if body_bytes is not None else (draft, found)
        return found if isinstance(found, Refusal) else None

    def _choice(self, draft: Draft, body_bytes: int | None = None) -> tuple[str, ...] | Refusal:
        member, name, back = member_of(draft.destination), draft.kind.partition(".")[0], self.way_back
        routing = self._site.routing
        found = routing.choose(
            member,
            name,
            len(draft.body) if body_bytes is None else body_bytes,
            sender=draft.path_policy,
            waits=draft.waits,
        )
        unsure = isinstance(found, Refusal) and found.transient and bool(back) and back[-1] == member
        return back if unsure and routing.allows(back, name, draft.path_policy) else found

    # --- departing ---

    def depart(self, draft: Draft, header: Header) -> None:
        """Send a drafted message, whose header lacks only what its path decides, the best way there is.

        The draft has been found sendable in this batch.
        """
        member = member_of(draft.destination)
        thread = header.case_id, member
        path = self._path(draft, header.case_id, member)
        neighbour, around = member in self._site.lanes, len(path) > 2  # noqa: PLR2004
        if around and self.is_full(member) and self._may_only_wait(draft, member):
            around = False
        straight = neighbour and (not around or self._may_go_straight(draft, member))
        bulk = draft.bulk or len(draft.body) > ORDINARY_BODY_BYTES_MAX
        log_id = self._site.lane(member, bulk=bulk) if straight else 0
        follows = self.precedence.follows(thread, log_id, around=around)
        if follows is not None:
            header = msgspec.structs.replace(header, follows=follows)
        self.precedence.sent(thread, header.id, log_id, around=around, follows=follows is not None)
        key = message_key(header)
        if straight:
            self._unit.queue(log_id, encode_header(header), draft.body, key, header.case_id)
        if around:
            self.begin(header, draft.body, path, "" if straight else key, bulk=draft.bulk)
        elif header.path_policy is not None:
            self._follow(header, encode_header(header))  # another way must obey it too

    def _path(self, draft: Draft, case_id: str, member: str) -> tuple[str, ...]:
        """The path of what the case has under way to that member, else the best."""
        # Nearly always it was looked at just before, to see whether it can be sent at all.
        looked_at, self._looked_at = self._looked_at, None
        found = looked_at[1] if looked_at is not None and looked_at[0] is draft else self._choice(draft)
        path = (self._site.member, member) if isinstance(found, Refusal) else found
        before = self._before(case_id, member) if self._newest or self._site.fleet.voyages else None
        if before is not None:
            if self._may_keep_to(before.path, draft):
                return before.path
            self.move(only=(case_id, member))
            after = self._before(case_id, member)
            return path if after is None or not self._may_keep_to(after.path, draft) else after.path
        if len(path) > 2 and member in self._site.lanes:  # noqa: PLR2004
            self.detours.send(member)
        return path

    def _may_keep_to(self, path: tuple[str, ...], draft: Draft) -> bool:
        routing, name = self._site.routing, draft.kind.partition(".")[0]
        return routing.is_open(path) and routing.allows(path, name, draft.path_policy)

    def _before(self, case_id: str, member: str) -> Voyage | None:
        own = self._newest.get((case_id, member))
        voyage = None if own is None else self.changed.get(own)
        return voyage or self._site.fleet.before(case_id, member)

    def is_full(self, member: str) -> bool:
        """Whether as many messages are under way to a member as may be (``LETTERS_UNDER_WAY_MAX``)."""
        return self._site.fleet.number_to(member) + self.begun.get(member, 0) >= LETTERS_UNDER_WAY_MAX

    def check_room(self, draft: Draft) -> None:
        """Hold that a party's new message can be followed, or can wait in a log to a neighbour, which is on the disk.

        Raises:
            PushbackError: ``too_many_under_way``.
        """
        member = member_of(draft.destination)
        if self.is_full(member) and not self._may_only_wait(draft, member):
            detail = f"{LETTERS_UNDER_WAY_MAX} messages are under way to {member}, which has not signed for them yet"
            raise PushbackError(detail, retry_after_s=FULL_RETRY_S, code="too_many_under_way")

    def _may_only_wait(self, draft: Draft, member: str) -> bool:
        """Whether a message may stand in the log to a neighbour and go nowhere else; then nothing need follow it."""
        return member in self._site.lanes and not draft.path_policy and self._may_go_straight(draft, member)

    def _may_go_straight(self, draft: Draft, member: str) -> bool:
        """Whether only the state of the direct link speaks for another way."""
        name = draft.kind.partition(".")[0]
        return self._site.routing.may_wait(member, name, len(draft.body), draft.path_policy)

    def begin(self, header: Header, body: bytes, path: tuple[str, ...], key: str, *, bulk: bool) -> None:
        """Send a sealed message over a path and follow it; under the key "" it is a further copy of a stored one."""
        raw, sealed = self._sealed(header, body, path)
        self._queue(path, raw, sealed, key, header.case_id, bulk=bulk)
        self._follow(header, raw)
        self.count("sent", "-".join(path))

    def _follow(self, header: Header, raw: bytes) -> None:
        name, policy = header.kind.partition(".")[0], header.path_policy or ""
        opened_at = instant.to_fine_text(self._site.open_at(self._unit.now))
        voyage = Voyage(header.case_id, header.destination, opened_at, header.expires_at, name, policy, (raw,))
        member = member_of(header.destination)
        self._newest[header.case_id, member] = header.id
        self.begun[member] = self.begun.get(member, 0) + 1
        self._write(header.id, voyage, UNDER_WAY)

    def resume(self, header: Header) -> None:
        """Follow an own routed message that was given back: nobody here knows what became of it."""
        raw = encode_header(header)
        voyage = self._voyage(header.id)
        if voyage is not None:
            self._write(header.id, msgspec.structs.replace(voyage, tries=(*voyage.tries, raw)[-TRIES_MAX:]), UNDER_WAY)
        elif header.id not in self._store.cases([header.id]):
            self._follow(header, raw)

    def _sealed(self, header: Header, body: bytes, path: tuple[str, ...]) -> tuple[bytes, bytes]:
        sealed = self._site.letter(body, Binding.of(header), member_of(header.destination))
        return self._with_path(header, sealed, path), sealed

    def _with_path(self, header: Header, sealed: bytes, path: tuple[str, ...]) -> bytes:
        changes = {"body_bytes": len(sealed), "body_digest": sealed_digest(sealed), "path": path}
        return encode_header(msgspec.structs.replace(header, **changes))

    def _queue(self, path: tuple[str, ...], raw: bytes, body: bytes, key: str, case_id: str, *, bulk: bool) -> None:
        log_id = self._site.lane(path[1], bulk=bulk or len(body) > ORDINARY_BODY_BYTES_MAX)
        self._unit.queue(log_id, raw, body, key, case_id)

    def report(self, way_back: tuple[str, ...], body: bytes) -> None:
        """Send a report to the end of a way back, or over another path when that is broken."""
        routing, unit = self._site.routing, self._unit
        if not routing.is_open(way_back):
            found = routing.choose(way_back[-1], ROUTE, len(body))
            way_back = way_back if isinstance(found, Refusal) else found
        if way_back[1] not in self._site.lanes:
            return  # the origin will ask again by sending again
        header = header_of_report(unit, self._site.member, way_back[-1])
        raw, sealed = self._sealed(header, body, way_back)
        self._queue(way_back, raw, sealed, message_key(header), header.case_id, bulk=False)

    # --- following ---

    def _voyage(self, message_id: str) -> Voyage | None:
        if message_id in self.changed:
            return self.changed[message_id]
        return self._site.fleet.voyages.get(message_id)

    def reported(self, reporter: str, report_key: str, report: Report) -> None:
        """Take in what a member of a path tells; what does not hold is noted and changes nothing."""
        for number, item in enumerate(report.items):
            message_id = self._site.fleet.by_leaf(item.leaf)
            voyage = None if message_id is None else self._voyage(message_id)
            if message_id is None or voyage is None:
                continue
            raw = next(header for header in voyage.tries if leaf_hash(header) == item.leaf)
            try:
                proven = check(item, raw, reporter, self._site.hop_logs)
            except DarwazaError as fault:
                self._unit.faults.append(f"{reporter} reports {item.outcome} wrongly: {fault.code}: {fault.detail}")
                continue
            self._hear(message_id, voyage, raw, item, reporter, proven, (report_key, number))

    def _hear(
        self, message_id: str, voyage: Voyage, raw: bytes, item: Item, reporter: str, proven: tuple[str, ...],
        report: tuple[str, int],
    ) -> None:  # fmt: skip
        replace = msgspec.structs.replace
        if item.outcome == DELIVERED and self.precedence.alive(follows := decode_header(raw).follows) != follows:
            return  # it came, and waits there for one that has ended since: a copy has to say so
        if item.outcome == DELIVERED:
            self._write(message_id, replace(voyage, report=report), DELIVERED)
        elif item.outcome in {"relayed", "attempted"}:
            if item.outcome == "attempted":
                self.count("attempted")
            stage = len(proven) - 2
            if raw == voyage.tries[-1] and (stage > voyage.passed or item.outcome == "attempted"):
                self._write(message_id, replace(voyage, passed=stage, report=report), UNDER_WAY)
        else:
            voyage = replace(voyage, refusals=voyage.refusals + 1, code=item.code, detail=item.detail, report=report)
            path = decode_header(raw).path or ()
            stage = path.index(reporter)
            if reporter == path[-1]:
                self._end(message_id, voyage, item.code)
                return
            if item.code.startswith("link_"):
                self._site.routing.suspect(reporter, path[stage + 1])
            elif item.code != EXPIRED:
                voyage = replace(voyage, avoid=tuple(dict.fromkeys((*voyage.avoid, reporter))))
            self._try_again(message_id, voyage)

    def wake(self, message_id: str) -> None:
        """Nothing was heard of a message for as long as we wait: send it again, elsewhere if that is possible."""
        voyage = self._voyage(message_id)
        if voyage is None:
            return
        row = self._first(message_id)
        if row is None:
            self._write(message_id, voyage, UNDER_WAY)  # its neighbour has not given it back yet
            return
        log = self._unit.log(row.log_id)
        header = decode_header(row.header)
        if header.path is None and row.leaf_index < log.row.cosigned_size:
            self._write(message_id, voyage, DELIVERED)  # the neighbour has signed for it after all
            return
        path, passed = voyage.path, voyage.passed
        if self._site.routing.is_open(path):
            silent = min(passed + 1, len(path) - 2)
            self._site.routing.suspect(path[silent], path[silent + 1])
        self._try_again(message_id, msgspec.structs.replace(voyage, silences=voyage.silences + 1), always=True)

    def _first(self, message_id: str) -> LeafRow | None:
        return self._store.leaf(f"{self._site.member} {message_id}")

    def _is_over(self, voyage: Voyage) -> bool:
        return voyage.expires_at is not None and carried_until(voyage.expires_at) <= self._unit.now_text

    def _try_again(self, message_id: str, voyage: Voyage, *, always: bool = False, freed: bool = False) -> None:
        """Send a message over the best path there is now.

        Args:
            message_id: whose.
            voyage: as it is now.
            always: nothing was heard of it: go round whoever had it, but send it again in any case.
            freed: what it follows has ended: send it again in any case.
        """
        if self._is_over(voyage):
            self._end(message_id, voyage, EXPIRED)
            return
        row = self._first(message_id)
        if row is None or is_withheld(decode_header(row.header), row.body):
            self._keep(message_id, voyage)  # there is nothing left to send
            return
        header = decode_header(row.header)
        routing, member, name = self._site.routing, member_of(voyage.destination), voyage.message_class
        size = header.body_bytes if header.path is None else 0
        if always:
            paths = [decode_header(raw).path or () for raw in voyage.tries]
            found = routing.choose_other(member, name, paths, sender=voyage.policy, avoid=voyage.avoid)
        else:
            found = routing.choose(member, name, size, sender=voyage.policy, avoid=voyage.avoid)
        if isinstance(found, Refusal):
            if routing.is_settled or self._is_over(voyage):
                self._end(message_id, voyage, found.code)
            else:  # a gateway that has just started may not have heard of the path that is left
                self._keep(message_id, voyage)
            return
        # One for a neighbour waits in its log; after a lost disk there may be only a copy that went round.
        waits_there = len(found) == 2 and header.path is None  # noqa: PLR2004
        if waits_there or (found == voyage.path and not always and not freed) or found[1] not in self._site.lanes:
            self._keep(message_id, voyage)
            return
        tried = decode_header(voyage.tries[-1])
        follows = self.precedence.before(row, header) if tried.path is None else tried.follows
        copy = self.precedence.copied(header, follows, (header.case_id, member))
        kept = header.path is not None
        raw, body = (self._with_path(copy, row.body, found), row.body) if kept else self._sealed(copy, row.body, found)
        self._queue(found, raw, body, "", header.case_id, bulk=False)
        tries = (*voyage.tries, raw)[-TRIES_MAX:]
        self.count("moved", "-".join(found))
        self._write(message_id, msgspec.structs.replace(voyage, tries=tries, passed=0), UNDER_WAY)

    def _end(self, message_id: str, voyage: Voyage, code: str) -> None:
        """Nobody carries it on. When every copy is accounted for it returns to its sender; else its fate is unknown."""
        row = self._first(message_id)
        header = None if row is None else decode_header(row.header)
        unknown = voyage.refusals < len(voyage.tries) or header is None or header.path is None
        if message_id in self.precedence.named or (unknown and not self._is_over(voyage)):
            self._keep(message_id, voyage)
        elif unknown or header is None:
            self._write(message_id, msgspec.structs.replace(voyage, code=EXPIRED), EXPIRED)
            self._free(message_id, voyage.case_id)
        else:
            detail = voyage.detail or f"no path to {voyage.destination} is left"
            self._write(message_id, msgspec.structs.replace(voyage, code=code, detail=detail), UNDELIVERABLE)
            self.blame("origin", code)
            self.returned.append(Returned(header, code, detail))
            self._free(message_id, voyage.case_id)

    def _free(self, message_id: str, case_id: str) -> None:
        """Tell the destination that what follows a message need not wait for it, by further copies of that."""
        for own in self.precedence.ended(message_id, case_id):
            voyage, row = self._voyage(own), self._store.cases([own]).get(own)
            if voyage is None and row is not None and (row.service, row.state) == (ROUTE, DELIVERED):
                voyage = msgspec.msgpack.decode(row.data, type=Voyage)
            if voyage is not None:
                self._try_again(own, voyage, freed=True)

    # --- moving ---

    def move(self, *, only: tuple[str, str] | None = None) -> int:
        """Send what is under way over broken links another way, in the order it was sent.

        Args:
            only: case and member; all when None.

        Returns:
            How many messages moved.
        """
        routing, moved = self._site.routing, 0
        for message_id, voyage in self._in_order(only):
            if all(routing.is_open(ends) for ends in voyage.links_ahead):
                continue
            tries = len(voyage.tries)
            self._try_again(message_id, voyage)
            after = self.changed.get(message_id)
            moved += after is not None and len(after.tries) > tries
        return moved

    def _in_order(self, only: tuple[str, str] | None) -> Iterable[tuple[str, Voyage]]:
        fleet = self._site.fleet
        for message_id in list(fleet.voyages if only is None else fleet.of_case(*only)):
            voyage = self._voyage(message_id)
            if voyage is not None:
                yield message_id, voyage

    def reroute(self) -> int:
        """Send everything that depends on broken links another way; returns how many messages moved."""
        return self.detours.take() + self.move()

    # --- keeping ---

    def _keep(self, message_id: str, voyage: Voyage) -> None:
        """Go on with what was not sent now; a changing map must not put off for ever when it is tried again."""
        if voyage is not self._voyage(message_id):
            self._write(message_id, voyage, UNDER_WAY)

    def _write(self, message_id: str, voyage: Voyage, state: str) -> None:
        under_way = state == UNDER_WAY
        if not under_way:
            self.count(state)
        self.changed[message_id] = voyage if under_way else None
        remind_at = self._remind_at(voyage) if under_way else None
        self._unit.changes.cases[message_id] = CaseRow(
            message_id, ROUTE, state, self._site.encode(voyage), None, voyage.opened_at, self._unit.now_text, remind_at
        )

    def count(self, *names: str) -> None:
        """Count an event, see ``Fleet.tally``."""
        for name in names:
            self.tally[name] = self.tally.get(name, 0) + 1

    def blame(self, side: str, code: str) -> None:
        """Count a letter that was given up, see ``Fleet.reasons``."""
        self.reasons[side, code] = self.reasons.get((side, code), 0) + 1

    def _remind_at(self, voyage: Voyage) -> str:
        at: datetime = self._unit.now + voyage.patience
        text = instant.to_text(at)
        if voyage.expires_at is None:
            return text
        return min(text, max(carried_until(voyage.expires_at), self._unit.now_text))
