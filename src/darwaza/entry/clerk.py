"""The gateway's clerk: after a commit it gives the commands that follow from it and that no party gives.

A closure stops the clocks of every movement that heads for the crossing, its end lets them run again, an extension
moves their deadlines: all of it concerns other cases than the one that was decided, thousands of them. The rules tell
customs by notice; the clerk reads those notices, looks which movements are due a ``suspend``, ``extend`` or ``resume``,
and submits the commands page by page, so that other work goes on between. Nothing is lost when the gateway stops
half-way: on its start the clerk looks at everything once, and a command that was given before is not due any more
(``diversion.clock_commands``). The clerk also answers what is asked about guarantees (``lookup``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import structlog

from darwaza.engine.engine import Engine
from darwaza.engine.intake import Submit
from darwaza.entry.lookup import enquiry_command
from darwaza.errors import PushbackError
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import GATEWAY_PARTY
from darwaza.ports.store import CaseFilter, CaseRow
from darwaza.services.transit.closure import CrossingStatus
from darwaza.services.transit.codes import ROLE_SUPERVISOR
from darwaza.services.transit.diversion import clock_commands
from darwaza.services.transit.enquiry import ASKED_NOTICE, OPEN
from darwaza.services.transit.machine import ACCEPTED, ENDED, HELD, MOVING
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.outcome import ANNOUNCED, customs_of

log = structlog.get_logger("darwaza.clerk")

PAGE_CASES = 200
"""Movements read and commanded at a time; some 40 ms of the gateway's time."""
NOTICES_MAX = 500
IDLE_S = 5.0
"""The clerk looks for notices at least so often."""
RUNNING = (ACCEPTED, MOVING, HELD, ENDED)
CROSSING_NOTICES = frozenset({"crossing.closed", "crossing.open", "crossing.extended"})


class Clerk:
    """Finds the commands that are due.

    Attributes:
        engine: whose cases it reads.
        seen: sequence of the last notice it has looked at.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.seen = engine.site.notice_sequence
        self._customs = customs_of(engine.site.member)

    def sweep(self) -> Iterator[list[Submit]]:
        """Look at every running movement: at the start, and when a crossing closed or opened."""
        crossings, now = self._crossings(), self.engine.site.clock.now()
        for page in pages(self.engine, self._customs, "enquiry", (OPEN,)):
            yield self._answers(page)
        for page in pages(self.engine, self._customs, "transit", RUNNING):
            yield [given for row in page for given in self._due(row, crossings, now)]

    def follow(self) -> Iterator[list[Submit]]:
        """Look at what the notices since the last time are about."""
        end = self.engine.site.notice_sequence
        if self.engine.site.noticed.get(self._customs, 0) <= self.seen:
            self.seen = end
            return
        while notices := self.engine.store.notices(self._customs, self.seen, NOTICES_MAX):
            self.seen = notices[-1].sequence
            asked = [notice.case_id for notice in notices if notice.kind == ASKED_NOTICE]
            if asked:
                yield self._answers(self.engine.store.cases(asked).values())
            if any(notice.kind in CROSSING_NOTICES for notice in notices):
                yield from self.sweep()
                continue
            wanted = [notice.case_id for notice in notices if notice.kind == ANNOUNCED]
            if wanted:
                crossings, now = self._crossings(), self.engine.site.clock.now()
                rows = self.engine.store.cases(wanted).values() if crossings else ()
                yield [given for row in rows for given in self._due(row, crossings, now)]
        self.seen = max(self.seen, end)

    def _answers(self, rows: Iterable[CaseRow]) -> list[Submit]:
        """Answer what is asked about guarantees of this member."""
        found = [enquiry_command(self.engine, row) for row in rows]
        return [given for given in found if given is not None]

    def _crossings(self) -> list[CrossingStatus]:
        rows = [row for page in pages(self.engine, self._customs, "crossing", ()) for row in page]
        return [self.engine.site.decode_case(row).data for row in rows]

    def _due(self, row: CaseRow, crossings: list[CrossingStatus], now: datetime) -> Iterator[Submit]:
        if row.service != "transit" or row.state not in RUNNING:
            return
        movement: Movement = self.engine.site.decode_case(row).data
        for kind, body in clock_commands(movement, crossings, now):
            yield self._command(kind, body, row.id)

    def _command(self, kind: str, body: msgspec.Struct, case_id: str) -> Submit:
        party = f"{self.engine.site.member}/{GATEWAY_PARTY}"
        roles = frozenset({ROLE_SUPERVISOR})
        return Submit(party, roles, "transit", kind, "", b"", body, case_id, acts_for=(self._customs,))


def pages(engine: Engine, party: str, service: str, states: tuple[str, ...]) -> Iterator[list[CaseRow]]:
    """Read the cases of a party in pages of ``PAGE_CASES``, newest first."""
    after: tuple[str, str] | None = None
    while True:
        wanted = CaseFilter(party=party, service=service, states=states, after=after, items_max=PAGE_CASES)
        rows = engine.store.find_cases(wanted)
        if rows:
            yield rows
        if len(rows) < PAGE_CASES:
            return
        after = (rows[-1].opened_at, rows[-1].id)


class ClerkTask:
    """Runs a clerk beside the engine's loop."""

    def __init__(
        self,
        clerk: Clerk,
        submit: Callable[[Submit], Awaitable[Any]],
        changed: Callable[[float], Awaitable[bool]],
    ) -> None:
        """Prepare.

        Args:
            clerk: see ``Clerk``.
            submit: gives the engine an input: ``Server.submit``.
            changed: waits for the next commit: ``Server.changed``.
        """
        self._clerk = clerk
        self._submit = submit
        self._changed = changed

    async def run(self) -> None:
        """Work until cancelled."""
        await self._give(self._clerk.sweep())
        while True:
            await self._give(self._clerk.follow())
            if self._clerk.seen >= self._clerk.engine.site.notice_sequence:
                await self._changed(IDLE_S)

    async def _give(self, batches: Iterator[list[Submit]]) -> None:
        for batch in batches:
            for outcome in await asyncio.gather(*(patiently(self._submit, one) for one in batch)):
                if isinstance(outcome, Refusal):
                    log.warning("refused", code=outcome.code)
            await asyncio.sleep(0)


async def patiently(submit: Callable[[Submit], Awaitable[Any]], given: Submit) -> Any:
    """Give the engine an input, again and again while its queue is full."""
    while True:
        try:
            return await submit(given)
        except PushbackError as full:
            await asyncio.sleep(full.retry_after_s)
