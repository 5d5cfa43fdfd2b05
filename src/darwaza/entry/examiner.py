"""Lets a screener outside the gateway look at payments, while everything else goes on.

A payment whose screener answers later waits in a state of its own. The examiner hears of it by notice, asks, and brings
what was found as a command of the gateway. Nothing is lost when the process stops: on its start it looks for payments
that wait, and a payment that waits too long ends as its own time says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import structlog

from darwaza.engine.engine import Engine
from darwaza.engine.intake import Submit
from darwaza.entry.order import transactions_of
from darwaza.errors import MessageError, PeerError, PushbackError
from darwaza.kernel.machine import Case, Refusal
from darwaza.kernel.message import GATEWAY_PARTY
from darwaza.ports.screening import Screening
from darwaza.ports.store import CaseFilter
from darwaza.services.payments import check
from darwaza.services.payments.bulk_destination import OPEN as BULK_ASKED
from darwaza.services.payments.entry import command_on
from darwaza.services.payments.message import Vetted
from darwaza.services.payments.record import Bulk
from darwaza.services.payments.screening import SCREENING, names_of

log = structlog.get_logger("darwaza.examiner")

CHECKING: Final = "checking"
WAITING: Final = ("screening", CHECKING)
"""States of a payment that waits for the screener, at the payer's and at the payee's gateway."""
ASKED_AT_ONCE_MAX: Final = 16
NOTICES_READ: Final = 500
FOUND_MAX: Final = 10_000
RETRY_S: Final = 1.0
IDLE_S: Final = 5.0


class Examiner:
    """See the module."""

    def __init__(
        self,
        engine: Engine,
        screening: Screening,
        submit: Callable[[Submit], Awaitable[Any]],
        changed: Callable[[float], Awaitable[bool]],
    ) -> None:
        """Prepare.

        Args:
            engine: whose payments wait.
            screening: who looks at them.
            submit: gives the engine an input: ``Server.submit``.
            changed: waits for the next commit: ``Server.changed``.
        """
        self._engine = engine
        self._screening = screening
        self._submit = submit
        self._changed = changed
        self._party = f"{engine.site.member}/{GATEWAY_PARTY}"
        self._seen = engine.site.notice_sequence
        self._places = asyncio.Semaphore(ASKED_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            wanted = CaseFilter(
                party=self._party, service="payments", states=(*WAITING, BULK_ASKED), items_max=FOUND_MAX
            )
            self._begin(row.id for row in self._engine.store.find_cases(wanted))
            while True:
                notices = self._engine.store.notices(self._party, self._seen, NOTICES_READ)
                self._begin(notice.case_id for notice in notices if notice.kind == SCREENING)
                if notices:
                    self._seen = notices[-1].sequence
                else:
                    await self._changed(IDLE_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._screening.close()

    def _begin(self, case_ids: Iterable[str]) -> None:
        for case_id in case_ids:
            for number, names in self._named(case_id):
                task = asyncio.create_task(self._examine(case_id, number, names))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _examine(self, case_id: str, number: int, names: tuple[str, ...]) -> None:
        async with self._places:
            while self._waits(case_id, number):
                try:
                    vetted = Vetted(await self._screening.screen(names))
                    kind, body = command_on(number, "vetted", vetted)
                    given = Submit(self._party, frozenset(), "payments", kind, "", b"", body, case_id)
                    outcome = await self._submit(given)
                except PeerError as fault:
                    log.warning("screener", code=fault.code, detail=fault.detail)
                    await asyncio.sleep(RETRY_S)
                except PushbackError as full:
                    await asyncio.sleep(full.retry_after_s)
                else:
                    if isinstance(outcome, Refusal):
                        log.warning("refused", case_id=case_id, code=outcome.code)
                    return

    def _named(self, case_id: str) -> list[tuple[int, tuple[str, ...]]]:
        """The payments of a case that wait: the number in a bulk, or 0, and the names of each."""
        case = self._case(case_id)
        if case is None:
            return []
        if isinstance(case.data, Bulk):
            return self._named_in(case_id, case.data)
        if case.state not in WAITING:
            return []
        ordered = check.read_transfer(case.data.document)
        return [] if isinstance(ordered, Refusal) else [(0, names_of(ordered.transaction))]

    def _named_in(self, case_id: str, bulk: Bulk) -> list[tuple[int, tuple[str, ...]]]:
        waiting = [number for number, one in enumerate(bulk.entries, 1) if one.state == CHECKING]
        try:
            said = transactions_of(self._engine, case_id) if waiting else []
        except MessageError as fault:  # of a body that is not kept, for instance: it ends as its own time says
            log.warning("order", case_id=case_id, code=fault.code, detail=fault.detail)
            return []
        return [(number, names_of(said[number - 1])) for number in waiting]

    def _waits(self, case_id: str, number: int) -> bool:
        """Whether a payment still waits."""
        case = self._case(case_id)
        if case is None:
            return False
        return case.data.entries[number - 1].state == CHECKING if number else case.state in WAITING

    def _case(self, case_id: str) -> Case[Any] | None:
        """A case as committed."""
        site = self._engine.site
        found = site.recent.find([case_id], self._engine.store, site.decode_case).get(case_id)
        return None if found is None else found[1]
