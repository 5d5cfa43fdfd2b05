"""A gateway that runs: the engine's loop, and what the interfaces share."""

import asyncio
from collections.abc import Callable, Coroutine

from darwaza import config
from darwaza.bootstrap import Gateway
from darwaza.engine.bell import Bell
from darwaza.engine.drill import Drills
from darwaza.engine.intake import Arrive, Expected, Given, Outcome
from darwaza.engine.loop import Loop
from darwaza.engine.routed import is_delivered
from darwaza.entry.clerk import Clerk, ClerkTask
from darwaza.entry.company import Company
from darwaza.entry.delivery import Deliveries
from darwaza.entry.examiner import Examiner
from darwaza.entry.metric import registry
from darwaza.entry.retention import keep_forgetting
from darwaza.entry.settler import Settler, SettlerTask
from darwaza.entry.tidings import Tidings
from darwaza.entry.till import Till
from darwaza.entry.webhook import Caller
from darwaza.kernel.batch import Batch
from darwaza.ports.store import Changes, Store


class Server:
    """See the module.

    Attributes:
        gateway: what runs.
        loop: its engine's loop.
        store: to read from.
        streams: open event streams by party.
        till: what waits at the payments counter.
        company: single payments that travel together.
        metrics: what /metrics shows.
        drills: since the start.
        beside: what else runs as long as the engine does; each ends by being cancelled only.
    """

    def __init__(self, gateway: Gateway) -> None:
        """Prepare inside a running asyncio program."""
        self.gateway = gateway
        self.transport = gateway.transport()
        self.loop: Loop = gateway.loop(self.transport)
        self.store: Store = gateway.engine.store
        self.drills = Drills(gateway.engine.site)
        self.beside: list[Callable[[], Coroutine[None, None, None]]] = []
        self._changed = Bell()
        self.streams: dict[str, int] = {}
        self.till = Till(self.store, gateway.clock.now)
        self.company = Company(self.loop)
        self.metrics = registry(self.loop, self.company)
        self._deliveries = Deliveries()
        self._early: dict[str, int] = {}
        self._placed: dict[str, tuple[int, int]] = {}
        gateway.engine.site.watchers += [self._note_places, self.till.follow]
        self.loop.listen(self._committed)
        self.loop.listen(self.drills.look)

    def _committed(self) -> None:
        self._changed.ring()
        for log_id in self._deliveries.waiting:
            self._deliveries.signed(log_id, self.gateway.engine.logs[log_id].row.cosigned_size)

    def _note_places(self, changes: Changes) -> None:
        """Note where the newest commit put its messages: who waits for delivery asks right after it."""
        self._placed = {leaf.message_key: (leaf.log_id, leaf.leaf_index) for leaf in changes.leaves}

    async def delivered(self, message_id: str, timeout_s: float) -> bool:
        """Wait until both sides have signed for an own message; False when that took too long."""
        key, engine = f"{self.gateway.config.member} {message_id}", self.gateway.engine
        place = self._placed.get(key)
        if place is None:
            leaf = self.store.leaf(key)
            if leaf is None:
                return False
            if is_delivered(engine, leaf):
                return True
            place = leaf.log_id, leaf.leaf_index
        if message_id in engine.site.fleet.voyages:
            return await self._arrived(message_id, timeout_s)
        log_id, index = place
        if index < engine.logs[log_id].row.cosigned_size:
            return True
        return await self._deliveries.wait(log_id, index, timeout_s)

    async def _arrived(self, message_id: str, timeout_s: float) -> bool:
        """Wait until the destination of a routed message has signed for it."""
        clock, fleet = self.gateway.clock, self.gateway.engine.site.fleet
        until_s = clock.monotonic_s() + timeout_s
        while message_id in fleet.voyages and (left_s := until_s - clock.monotonic_s()) > 0:
            await self.changed(left_s)
        leaf = self.store.leaf(f"{self.gateway.config.member} {message_id}")
        return leaf is not None and is_delivered(self.gateway.engine, leaf)

    async def changed(self, timeout_s: float) -> bool:
        """Wait for the next commit; False when none came in time."""
        return await self._changed.wait(timeout_s)

    def submit(self, given: Given, bytes_held: int = 0) -> asyncio.Future[Outcome]:
        """Give the engine an input; the future gives its outcome, errors as values.

        Raises:
            PushbackError: the queue is full.
        """
        return self.loop.submit(given, bytes_held)

    async def arrive(self, batch: Batch, bytes_held: int) -> Outcome:
        """Give the engine a batch. One that overtook its predecessor waits a moment for it.

        Several batches of a lane are in flight at a time, on several connections; without this wait each overtaking
        would cost a batch sent twice.
        """
        outcome = await self.submit(Arrive(batch), bytes_held)
        if not isinstance(outcome, Expected) or outcome.index >= batch.start:
            return outcome
        waiting = self._early.get(batch.origin, 0)
        if waiting >= config.EARLY_BATCHES_MAX:
            return outcome
        self._early[batch.origin] = waiting + 1
        try:
            return await self._arrive_late(batch, bytes_held, outcome)
        finally:
            self._early[batch.origin] -= 1

    async def _arrive_late(self, batch: Batch, bytes_held: int, outcome: Expected) -> Outcome:
        clock = self.gateway.clock
        until_s = clock.monotonic_s() + config.EARLY_WAIT_S_MAX
        while (left_s := until_s - clock.monotonic_s()) > 0:
            await self.changed(left_s)
            log = self.gateway.engine.find_log(batch.origin)
            if log is not None and log.row.size >= batch.start:
                return await self.submit(Arrive(batch), bytes_held)
        return outcome

    async def run(self) -> None:
        """Run until cancelled or until the engine fails.

        Raises:
            FatalError: the process must stop.
        """
        clerk = asyncio.create_task(ClerkTask(Clerk(self.gateway.engine), self.submit, self.changed).run())
        running = asyncio.create_task(self.loop.run())
        caller = Caller(self.gateway, self.gateway.webhook(), self.submit, self.changed)
        tidings = Tidings(self.gateway.engine, self.loop.courier)
        tasks = [running, clerk, asyncio.create_task(caller.run()), asyncio.create_task(tidings.keep_telling())]
        if self.gateway.directory.plan.corridors:
            settler = Settler(self.gateway.engine, self.gateway.directory)
            tasks.append(asyncio.create_task(SettlerTask(settler, self.submit).run()))
        screening = self.gateway.screening()
        if screening is not None:
            examiner = Examiner(self.gateway.engine, screening, self.submit, self.changed)
            tasks.append(asyncio.create_task(examiner.run()))
        if (days := self.gateway.config.keep_bodies_days) > 0:
            tasks.append(asyncio.create_task(keep_forgetting(self.submit, days)))
        tasks += [asyncio.create_task(work()) for work in self.beside]
        try:
            # Helpers end only by failing, and a gateway whose clocks nobody stops must not go on unnoticed.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for done in tasks:
                if done.done():
                    done.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.transport.close()
