"""Closes settlement cycles: counts what this gateway decided, tells the other gateways, and compares what they tell.

A rule sees one case, and a cycle's sums need all payments in it. So the settler counts them, from what is committed,
page by page, so that payments go on meanwhile, and brings the sums as commands of the gateway
(``services.payments.cycle``).

What it counts is all there ever is. It begins when the engine dates what it decides after the cycle's end, and whatever
was decided before is committed; when the other member's gateway, after a start, has said what it was told, and nothing
that came back waits; and it tells nothing while a payment that is this gateway's to decide has not ended. Nothing is
lost when the process stops: what was told stands in the store, and the rest is counted again.
"""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog

from darwaza.config import HEADER_BYTES_MAX
from darwaza.engine.engine import Engine
from darwaza.engine.intake import Submit
from darwaza.errors import PushbackError
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import GATEWAY_PARTY, decode_header
from darwaza.ports.store import CaseFilter, CaseRow, Changes
from darwaza.services.payments.cycle import (
    COMPARING,
    DIFFERS,
    NAME,
    STATED,
    TOLD,
    TOLD_WITHIN,
    CompareCycle,
    StateCycle,
    cycle_id,
)
from darwaza.services.payments.entry import BULK_STATES, payments_of
from darwaza.services.payments.netting import Tally, cycle_of, spans
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Cycle, Payment
from darwaza.services.payments.reversal import late_returns

log = structlog.get_logger("darwaza.settler")

SERVICE: Final = "payments"
PAGE_CASES: Final = 500
CYCLES_AT_ONCE_MAX: Final = 24
"""Cycles counted for one member in one look: a gateway that was away for long catches up step by step."""
PAGES_AT_ONCE_MAX: Final = 40
"""Pages of payments after which no further cycle is begun for a member in one look: another's settlement waits no
longer than for these, whatever a neighbour tells."""
LOOK_S: Final = 5.0
"""Between two looks, and so long a cycle that was counted is left alone at first; then twice as long, and so on."""
COUNT_AGAIN_S_MAX: Final = 900.0
"""How long one is left alone at most: what a member further away decided may come after its sums."""

Standing = tuple[str, Cycle]
"""A cycle with a member, and the state it is in; ``told`` too when nobody has told anything yet."""
Name = tuple[str, int]
"""The other member of a cycle, and its number."""


class Counted(msgspec.Struct):
    """What the last count of a cycle that is not done has left to wait for.

    Attributes:
        state: of the cycle when it was counted; in another it is counted at once.
        pair: who decides what it waits for, and with whom; None when it waits for no payment.
        cases: of payments that had not been decided; it is counted again when all these have.
        pause_s: how long it is left alone otherwise.
        again_s: until then, monotonic.
    """

    state: str
    pair: tuple[str, str] | None
    cases: list[str]
    pause_s: float
    again_s: float


def payments_in(
    engine: Engine,
    banks: Iterable[str],
    since: datetime,
    before: datetime,
    states: Iterable[str] = (),
    *,
    late: bool = False,
) -> Iterator[list[tuple[str, str, Payment]]]:
    """Payments of banks that were opened in a time, each with its case's id and its state; a page at a time.

    When ``late`` only those that were returned late, which are few and listed by themselves.
    """
    wanted, listed = frozenset(states), late_returns(engine.site.member)
    for bank in banks:
        after: tuple[str, str] | None = None
        while True:
            rows = engine.store.find_cases(
                CaseFilter(
                    party=listed if late else bank,
                    counterparty=bank if late else None,
                    service=SERVICE,
                    states=(*sorted(wanted), *BULK_STATES) if wanted else (),
                    opened_from=instant.to_fine_text(since),
                    opened_before=instant.to_fine_text(before),
                    after=after,
                    items_max=PAGE_CASES,
                )
            )
            cases = map(engine.site.decode_case, rows)
            found = ((case.id, *one) for case in cases for one in payments_of(case.state, case.data))
            yield [one for one in found if not wanted or one[1] in wanted]
            if len(rows) < PAGE_CASES:
                break
            after = (rows[-1].opened_at, rows[-1].id)


def count(engine: Engine, directory: Directory, banks: Iterable[str], tally: Tally) -> Iterator[None]:
    """Add what payments of banks add to a cycle, a page at a time."""
    for span in spans(directory, tally.cycle):
        for page in payments_in(engine, banks, span.since, span.before, span.states, late=span.late):
            for one in page:
                tally.add(*one)
            yield


def all_banks(directory: Directory, member: str) -> list[str]:
    """Addresses of every bank of a member."""
    return [one.address for one in directory.plan.participants if one.role == "psp" and one.member == member]


class Settler:
    """Finds the commands that are due.

    Attributes:
        engine: whose payments it counts.
    """

    def __init__(self, engine: Engine, directory: Directory) -> None:
        self.engine = engine
        self._directory = directory
        self._member = engine.site.member
        self._gateway = f"{self._member}/{GATEWAY_PARTY}"
        self._banks = all_banks(directory, self._member)
        self._next: dict[str, int] = {}
        self._open_from: str | None = None
        self._counted: dict[Name, Counted] = {}
        engine.site.watchers.append(self._follow)

    def _follow(self, changes: Changes) -> None:
        """Look back as far as to a case that comes later and is older: one that came back after a loss."""
        if self._open_from is not None:
            opened = (row.opened_at for row in changes.cases.values() if row.service == NAME)
            self._open_from = min((self._open_from, *opened))

    def due(self) -> Iterator[Submit | None]:
        """Commands that are due; None where other work may go on.

        Members take turns, each with the oldest cycle that is due with it: whatever one of them tells, every other's
        comes up within a few counts.
        """
        ended = cycle_of(self._directory, self.engine.now()) - 1
        if self.engine.restoring:
            return
        wanted = self._wanted(ended)
        self._counted = {name: one for name, one in self._counted.items() if name in wanted}
        due = {name: standing for name, standing in wanted.items() if self._is_due(name, standing)}
        turns: dict[str, deque[int]] = defaultdict(deque)
        for peer, number in sorted(due, key=lambda name: name[1]):
            if len(turns[peer]) < CYCLES_AT_ONCE_MAX:
                turns[peer].append(number)
        pages = dict.fromkeys(turns, 0)
        while turns:
            for peer in sorted(turns):
                number = turns[peer].popleft()
                if (peer, number) in due:  # else it was counted in another's turn
                    tally = Tally(self._directory, number)
                    for _ in count(self.engine, self._directory, self._banks, tally):
                        pages[peer] += 1
                        yield None
                    yield from self._commands(tally, due)
                if not turns[peer] or pages[peer] >= PAGES_AT_ONCE_MAX:
                    del turns[peer]

    def _commands(self, tally: Tally, due: dict[Name, Standing]) -> Iterator[Submit]:
        """What follows from a count with every member with whom the cycle is due."""
        for name in sorted(name for name in due if name[1] == tally.cycle):
            state, cycle = due.pop(name)
            given = self._command(tally, state, cycle)
            self._leave(name, state, tally, waits=given is None)
            if given is not None:
                yield given

    def _command(self, tally: Tally, state: str, cycle: Cycle) -> Submit | None:
        """What follows from a count, for the state the cycle was in before it began; None when it has to wait."""
        peer, case_id = cycle.peer, cycle_id(self._member, cycle.peer, cycle.number)
        if state in (COMPARING, DIFFERS):
            compare = CompareCycle(tally.sums(peer, self._member))
            if state == DIFFERS and compare.sums == cycle.seen:
                return None
            if compare.sums == cycle.theirs and (peer, self._member) in tally.undecided:
                # What is agreed is final, and the other could still settle a payment that it did not tell.
                return None
            return Submit(self._gateway, frozenset(), NAME, "compare", "", b"", compare, case_id)
        if (self._member, peer) in tally.undecided:
            return None
        told = StateCycle(peer, tally.cycle, tally.sums(self._member, peer))
        return Submit(self._gateway, frozenset(), NAME, "state", "", b"", told, case_id, opens=True)

    def _leave(self, name: Name, state: str, tally: Tally, *, waits: bool) -> None:
        """Leave a cycle alone that was counted: until payments are decided that it waits for, or for a while."""
        before, now_s = self._counted.get(name), self.engine.site.clock.monotonic_s()
        pause_s = LOOK_S if before is None or before.state != state else min(2 * before.pause_s, COUNT_AGAIN_S_MAX)
        pair = (name[0], self._member) if state in (COMPARING, DIFFERS) else (self._member, name[0])
        cases = list(tally.undecided.get(pair, ()))
        # One that waits for payments alone has nothing to gain by time; a difference may have other causes.
        by_time = not (waits and cases) or state == DIFFERS
        again_s = now_s + pause_s if by_time else math.inf
        self._counted[name] = Counted(state, pair if cases else None, cases, pause_s, again_s)

    def _is_due(self, name: Name, standing: Standing) -> bool:
        """Whether something may follow from counting a cycle, as far as can be known without that."""
        held = self._counted.get(name)
        if held is None or held.state != standing[0] or self.engine.site.clock.monotonic_s() >= held.again_s:
            return True
        return held.pair is not None and not self._waits(name[1], held.pair, held.cases)

    def _waits(self, number: int, pair: tuple[str, str], cases: list[str]) -> bool:
        """Whether one of these cases is undecided; those that are not any more are forgotten."""
        while cases:
            row = self.engine.store.cases(cases[-1:]).get(cases[-1])
            if row is not None:
                tally, case = Tally(self._directory, number), self.engine.site.decode_case(row)
                for state, payment in payments_of(case.state, case.data):
                    tally.add(case.id, state, payment)
                if pair in tally.undecided:
                    return True
            cases.pop()
        return False

    def _wanted(self, ended: int) -> dict[Name, Standing]:
        """Cycles that are over and not done."""
        near = self.engine.site.reachable.intersection(self._directory.neighbours(self._member))
        met = {peer for peer in near if self.engine.has_met(peer)}
        found: dict[Name, Standing] = {}
        for peer in met:
            for number in self._untold(peer, ended):
                found[peer, number] = TOLD, Cycle(number=number, peer=peer)
        for state, cycle in self._open():
            if cycle.peer in met and cycle.number <= ended:
                found[cycle.peer, cycle.number] = state, cycle
        return found

    def _open(self) -> Iterator[Standing]:
        """Cycles that this gateway has to tell or compare; differences of late."""
        since = instant.to_fine_text(self.engine.now() - TOLD_WITHIN)
        newest = next(self._rows(opened_from=self._open_from), None)
        rows = self._rows((TOLD, STATED, COMPARING, DIFFERS), self._open_from)
        found = [row for row in rows if row.state != DIFFERS or row.opened_at >= since]
        # What was opened before the oldest of these is done for good (``_follow`` sees to what comes back).
        self._open_from = min((row.opened_at for row in (*found, newest) if row is not None), default=None)
        for row in found:
            if row.state != STATED:
                yield row.state, self.engine.site.decode_case(row).data

    def _rows(self, states: tuple[str, ...] = (), opened_from: str | None = None) -> Iterator[CaseRow]:
        """Cases of cycles, newest first; a page at a time."""
        wanted = CaseFilter(
            party=self._gateway, service=NAME, states=states, opened_from=opened_from, items_max=PAGE_CASES
        )
        while True:
            rows = self.engine.store.find_cases(wanted)
            yield from rows
            if len(rows) < PAGE_CASES:
                return
            wanted = msgspec.structs.replace(wanted, after=(rows[-1].opened_at, rows[-1].id))

    def _untold(self, peer: str, ended: int) -> list[int]:
        """Cycles that are over and that this gateway has not told a member, oldest first."""
        number = self._next.get(peer)
        if number is None:
            number = self._first(peer)
        untold: list[int] = []
        while number <= ended:
            until = min(ended + 1, number + CYCLES_AT_ONCE_MAX)
            untold = self._untold_among(peer, range(number, until))
            if untold and untold[0] == number:
                break
            number = untold[0] if untold else until
        self._next[peer] = number
        return untold

    def _untold_among(self, peer: str, numbers: range) -> list[int]:
        ids = {number: cycle_id(self._member, peer, number) for number in numbers}
        held = self.engine.store.cases(ids.values())
        return [number for number, one in ids.items() if one not in held or held[one].state == TOLD]

    def _first(self, peer: str) -> int:
        """The oldest one told that is looked back to, for one after it may have waited while later ones were told.

        If none was, that in which this gateway began to speak: what it said then its neighbours have given back after
        a loss, so that no cycle is left out by it.
        """
        now, told = self.engine.now(), list[int]()
        since, oldest = instant.to_fine_text(now - TOLD_WITHIN), cycle_of(self._directory, now - TOLD_WITHIN)
        for row in self._rows():
            if told and row.opened_at < since:
                break
            cycle = self.engine.site.decode_case(row).data
            if cycle.peer == peer and cycle.own is not None:
                told.append(cycle.number)
        if told:
            return min((one for one in told if one >= oldest), default=max(told) + 1)
        own = (log.row for log in self.engine.logs.values() if log.row.author == self._member and log.row.size)
        began_at = min((self._began_at(row.id) for row in own), default=now)
        return cycle_of(self._directory, max(began_at, now - TOLD_WITHIN))

    def _began_at(self, log_id: int) -> datetime:
        ((header, _),) = self.engine.store.leaves(log_id, 0, 1, HEADER_BYTES_MAX)
        return instant.from_text(decode_header(header).created_at)


class SettlerTask:
    """Runs a settler beside the engine's loop."""

    def __init__(self, settler: Settler, submit: Callable[[Submit], Awaitable[Any]]) -> None:
        """Prepare.

        Args:
            settler: see ``Settler``.
            submit: gives the engine an input: ``Server.submit``.
        """
        self._settler = settler
        self._submit = submit

    async def run(self) -> None:
        """Work until cancelled. What is refused for now is due again at the next look."""
        while True:
            for given in self._settler.due():
                if given is None:
                    await asyncio.sleep(0)
                    continue
                try:
                    outcome = await self._submit(given)
                except PushbackError:
                    continue
                if isinstance(outcome, Refusal):
                    log.warning("refused", code=outcome.code, detail=outcome.detail)
            await asyncio.sleep(LOOK_S)
