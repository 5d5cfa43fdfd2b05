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
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
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
from darwaza.ports.store import CaseFilter
from darwaza.services.payments.cycle import (
    COMPARING,
    DIFFERS,
    NAME,
    TOLD,
    CompareCycle,
    StateCycle,
    cycle_id,
)
from darwaza.services.payments.entry import BULK_STATES, payments_of
from darwaza.services.payments.netting import Tally, cycle_of, spans
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Cycle, Payment

log = structlog.get_logger("darwaza.settler")

SERVICE: Final = "payments"
PAGE_CASES: Final = 500
CASES_MAX: Final = 500
"""Cycles looked at in each state; the newest."""
CYCLES_AT_ONCE_MAX: Final = 24
"""Cycles told to one member in one look: a gateway that was away for long catches up step by step."""
LOOK_BACK: Final = timedelta(days=60)
"""Cycles that began longer ago are not told by a gateway that has told none, and not compared any more."""
LOOK_S: Final = 5.0
COMPARE_AGAIN_S: Final = 60.0
"""How often it is looked whether a difference is gone: what a member further away decided may come after its sums."""

Standing = tuple[str, Cycle]
"""A cycle with a member, and the state it is in; ``told`` too when nobody has told anything yet."""


def payments_in(
    engine: Engine, banks: Iterable[str], since: datetime, before: datetime, states: Iterable[str] = ()
) -> Iterator[list[tuple[str, Payment]]]:
    """Payments of banks that were opened in a time, each with its state; a page at a time."""
    wanted = frozenset(states)
    for bank in banks:
        after: tuple[str, str] | None = None
        while True:
            rows = engine.store.find_cases(
                CaseFilter(
                    party=bank,
                    service=SERVICE,
                    states=(*sorted(wanted), *BULK_STATES) if wanted else (),
                    opened_from=instant.to_fine_text(since),
                    opened_before=instant.to_fine_text(before),
                    after=after,
                    items_max=PAGE_CASES,
                )
            )
            cases = map(engine.site.decode_case, rows)
            found = [one for case in cases for one in payments_of(case.state, case.data)]
            yield [one for one in found if not wanted or one[0] in wanted]
            if len(rows) < PAGE_CASES:
                break
            after = (rows[-1].opened_at, rows[-1].id)


def count(engine: Engine, directory: Directory, banks: Iterable[str], tally: Tally) -> Iterator[None]:
    """Add what payments of banks add to a cycle, a page at a time."""
    for span in spans(directory, tally.cycle):
        for page in payments_in(engine, banks, *span):
            for state, payment in page:
                tally.add(state, payment)
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
        self._compared_s = 0.0

    def due(self) -> Iterator[Submit | None]:
        """Commands that are due; None where other work may go on."""
        ended = cycle_of(self._directory, self.engine.now()) - 1
        if self.engine.restoring:
            return
        wanted: dict[int, dict[str, Standing]] = defaultdict(dict)
        for state, cycle in self._wanted(ended):
            wanted[cycle.number][cycle.peer] = state, cycle
        for number in sorted(wanted):
            tally = Tally(self._directory, number)
            for _ in count(self.engine, self._directory, self._banks, tally):
                yield None
            for _, standing in sorted(wanted[number].items()):
                given = self._command(tally, *standing)
                if given is not None:
                    yield given

    def _command(self, tally: Tally, state: str, cycle: Cycle) -> Submit | None:
        """What follows from a count, for the state the cycle was in before it began."""
        peer, case_id = cycle.peer, cycle_id(self._member, cycle.peer, cycle.number)
        if state in (COMPARING, DIFFERS):
            compare = CompareCycle(tally.sums(peer, self._member))
            if compare.sums == cycle.seen:
                return None
            if compare.sums == cycle.theirs and (peer, self._member) in tally.undecided:
                # What is agreed is final, and the other could still settle a payment that it did not tell.
                return None
            return Submit(self._gateway, frozenset(), NAME, "compare", "", b"", compare, case_id)
        if (self._member, peer) in tally.undecided:
            return None
        told = StateCycle(peer, tally.cycle, tally.sums(self._member, peer))
        return Submit(self._gateway, frozenset(), NAME, "state", "", b"", told, case_id, opens=True)

    def _wanted(self, ended: int) -> Iterator[Standing]:
        """Cycles to count."""
        near = self.engine.site.reachable.intersection(self._directory.neighbours(self._member))
        met = {peer for peer in near if self.engine.has_met(peer)}
        for peer in sorted(met):
            for number in self._untold(peer, ended):
                yield TOLD, Cycle(number=number, peer=peer)
        now_s = self.engine.site.clock.monotonic_s()
        states: tuple[str, ...] = (TOLD, COMPARING)
        if now_s >= self._compared_s + COMPARE_AGAIN_S:
            self._compared_s, states = now_s, (*states, DIFFERS)
        for state, cycle in self._cycles(*states):
            if cycle.peer in met and cycle.number <= ended:
                yield state, cycle

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
        now = self.engine.now()
        oldest = cycle_of(self._directory, now - LOOK_BACK)
        told = [cycle.number for _, cycle in self._cycles() if cycle.peer == peer and cycle.own is not None]
        if told:
            return min((one for one in told if one >= oldest), default=max(told) + 1)
        own = (log.row for log in self.engine.logs.values() if log.row.author == self._member and log.row.size)
        began_at = min((self._began_at(row.id) for row in own), default=now)
        return cycle_of(self._directory, max(began_at, now - LOOK_BACK))

    def _began_at(self, log_id: int) -> datetime:
        ((header, _),) = self.engine.store.leaves(log_id, 0, 1, HEADER_BYTES_MAX)
        return instant.from_text(decode_header(header).created_at)

    def _cycles(self, *states: str) -> list[Standing]:
        wanted = CaseFilter(party=self._gateway, service=NAME, states=states, items_max=CASES_MAX)
        if states:
            since = self.engine.now() - LOOK_BACK
            wanted = msgspec.structs.replace(wanted, opened_from=instant.to_fine_text(since))
        rows = self.engine.store.find_cases(wanted)
        return [(row.state, self.engine.site.decode_case(row).data) for row in rows]


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
