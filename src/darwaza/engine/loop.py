"""Runs an engine inside an asyncio program: gathers inputs into batches, carries messages, wakes cases.

Everything runs in one thread. A batch blocks it for as long as its transaction takes; meanwhile the kernel's sockets
fill, and what they hold makes the next batch larger: the busier the gateway, the cheaper each message.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from darwaza import config
from darwaza.engine.bell import Bell
from darwaza.engine.courier import Courier
from darwaza.engine.engine import Engine
from darwaza.engine.intake import Acknowledge, Arrive, Given, Keep, Outcome, Report, Reroute, Wake
from darwaza.engine.watch import KEPT, Watch
from darwaza.errors import DarwazaError, FatalError, PushbackError
from darwaza.ports.transport import AskWitness, Errand, Probe, ProbeReply, Reply, Transport

log = structlog.get_logger("darwaza.engine")

PROMPT = frozenset({Arrive, Acknowledge})
"""Inputs that wait for no company: they are batches themselves, and a whole link waits behind each of them."""
QUEUE_RETRY_S = 0.5
MAINTAIN_S = 0.25
"""The store is tended so often: then there is little to copy and synchronise, and commits beside it wait little."""
PAUSE_S_MIN = 0.001
"""The event loop's timers count milliseconds: a shorter pause would be none."""
PROBE_LOOK_S = 0.1
"""The watch is asked so often what is to be probed."""
REROUTE_S = 5.0
"""Overdue receipts are looked for so often."""
RELAYED_GATHER_S = 1.0
"""That messages were handed on is told so often at most."""
REPORT_GATHER_S = 0.03
"""So long after a report to origins the next one gathers; the first goes at once."""

Queued = tuple[Given, "asyncio.Future[Outcome]", int, Errand | None]
"""An input, who waits for its outcome, the bytes of its body, and the errand it is the reply to."""


class Loop:
    """See the module.

    Attributes:
        engine: what it runs.
        courier: what carries its logs.
        watch: what watches its links.
        news: rung when the watch should be asked at once what is to be probed.
        failed: done, with the error, when the process must stop.
    """

    def __init__(self, engine: Engine, transport: Transport, watch: Watch) -> None:
        self.engine = engine
        self.watch = watch
        self.courier = Courier(engine)
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport = transport
        self._queue: deque[Queued] = deque()
        self._queue_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._ended_s = 0.0
        self._wakeup = Bell()
        self._carrying = False
        self._pause_s = config.RETRY_FIRST_S
        self._owing = Bell()
        self.news = Bell()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listeners: list[Callable[[], None]] = []
        self._gatherers: list[Callable[[], None]] = []
        self.batches = 0
        self.inputs = 0

    # --- inputs ---

    def submit(self, given: Given, bytes_held: int = 0, errand: Errand | None = None) -> asyncio.Future[Outcome]:
        """Queue an input; the future gives its outcome after the commit.

        Args:
            given: the input.
            bytes_held: of its body.
            errand: whose reply it is; the courier is told the outcome before anyone else.

        Raises:
            PushbackError: ``overloaded``: the queue is at its limit; nothing was queued.
        """
        self.admit(0, bytes_held)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        self._queue.append((given, future, bytes_held, errand))
        self._queue_bytes += bytes_held
        if type(given) in PROMPT:
            self._schedule_at(0.0)
        else:
            self.expect()
        return future

    def admit(self, waiting: int, bytes_held: int) -> None:
        """Hold that there is room for one more input.

        Args:
            waiting: inputs that wait besides those that are queued.
            bytes_held: of their bodies and of the one more.

        Raises:
            PushbackError: ``overloaded``.
        """
        full = self._queue_bytes + bytes_held > config.ENGINE_QUEUE_BYTES_MAX
        queued = len(self._queue) + waiting
        if queued and (full or queued >= config.ENGINE_QUEUE_MAX):
            raise PushbackError("too many requests are waiting", retry_after_s=QUEUE_RETRY_S)

    def expect(self) -> None:
        """See to it that a transaction comes for what is queued, or was gathered (see ``gather``)."""
        if self._timer is None:
            # An idle engine takes a lone input at once. A busy one lets company gather since its last transaction.
            self._schedule_at(self._ended_s + config.BATCH_WAIT_S_MAX)

    def _schedule_at(self, at_s: float) -> None:
        """Run the next batch then, unless it is to run sooner."""
        if self._timer is not None:
            if self._due_s <= at_s:
                return
            self._timer.cancel()
        self._due_s = at_s
        self._timer = asyncio.get_running_loop().call_at(at_s, self._run_batch)

    @property
    def queued(self) -> int:
        """Inputs waiting."""
        return len(self._queue)

    def _run_batch(self) -> None:
        try:
            for gatherer in self._gatherers:
                gatherer()
        except FatalError as fault:
            self._stop(fault, [future for _, future, _, _ in self._queue])
            return
        finally:
            # Only now, so that what is gathered schedules no transaction of its own; and whatever fails, or none came.
            self._timer = None
        taken = [self._queue.popleft() for _ in range(min(len(self._queue), config.ENGINE_INPUTS_MAX))]
        self._queue_bytes -= sum(held for _, _, held, _ in taken)
        try:
            outcomes = self.engine.run([given for given, _, _, _ in taken])
            # Links first, then parties: what the batch made and what it frees is on its way before answers are written.
            self._tell_courier(taken, outcomes)
        except FatalError as fault:
            self._stop(fault, [future for _, future, _, _ in taken])
            return
        self.batches += 1
        self.inputs += len(taken)
        self._ended_s = asyncio.get_running_loop().time()
        decided = [(given, future, outcome) for (given, future, _, _), outcome in zip(taken, outcomes, strict=True)]
        for _, future, outcome in sorted(decided, key=lambda one: type(one[0]) not in PROMPT):
            if not future.done():
                future.set_result(outcome)
        if self._queue:
            self._schedule_at(0.0)
        if self.engine.site.owes_news:
            self._owing.ring()
        for listener in self._listeners:
            listener()

    def _tell_courier(self, taken: Iterable[Queued], outcomes: Iterable[Outcome]) -> None:
        """Tell the courier what its replies came to, and begin at once what it wants to be done after the commit."""
        now_s = self.engine.site.clock.monotonic_s()
        for (_, _, _, errand), outcome in zip(taken, outcomes, strict=True):
            if errand is not None:
                self.courier.decided(errand, outcome, now_s)
        if self._carrying:
            self._hand_out()

    def _stop(self, fault: FatalError, futures: list[asyncio.Future[Outcome]]) -> None:
        """Nobody is told anything: the store will say what is true when the process has started again."""
        log.critical("stopping", code=fault.code, detail=fault.detail)
        for future in futures:
            future.cancel()
        if not self.failed.done():
            self.failed.set_exception(fault)

    def listen(self, listener: Callable[[], None]) -> None:
        """Be called after every commit."""
        self._listeners.append(listener)

    def gather(self, gatherer: Callable[[], None]) -> None:
        """Have this called before every transaction: it submits what it has gathered since it told ``expect``."""
        self._gatherers.append(gatherer)

    # --- running ---

    async def run(self) -> None:
        """Carry, wake and keep house until cancelled, or until the engine fails.

        Raises:
            FatalError: the process must stop.
        """
        jobs: list[Coroutine[Any, Any, None]] = [self._carry(), self._wake(), self._maintain()]
        jobs += [self._probe(), self._follow_routes()]
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            await asyncio.wait([self.failed, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for done in (self.failed, *tasks):
                if done.done():
                    done.result()
        finally:
            for task in (*tasks, *self._tasks):
                task.cancel()
            await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        """Run something beside the rest, and keep hold of it until it is done."""
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hand_out(self) -> None:
        """Begin what the courier wants to be done now; what must gather first wakes ``_carry`` in time."""
        now_s = self.engine.site.clock.monotonic_s()
        for errand in self.courier.errands(now_s):
            self._start(self._run_errand(errand))
        self._pause_s = max(self.courier.pause_s(now_s), PAUSE_S_MIN)
        if self._pause_s < config.RETRY_FIRST_S:
            self._wakeup.ring()

    async def _carry(self) -> None:
        self._carrying = True
        while True:
            self._hand_out()
            await self._wakeup.wait(self._pause_s)

    async def _run_errand(self, errand: Errand) -> None:
        clock = self.engine.site.clock
        started_s = clock.monotonic_s()
        reply: Reply
        try:
            reply = await self._transport.run(errand)
        except DarwazaError as fault:
            reply = fault
        now_s = clock.monotonic_s()
        lane = None if isinstance(errand, AskWitness) else self.courier.lanes.get(errand.origin)
        if lane is not None:  # none is behind what is asked of a neighbour about its own log
            lane.round_trip_s = now_s - started_s
        given = self.courier.replied(errand, reply, now_s)
        if given is not None:
            try:
                self.submit(given, errand=errand)
            except PushbackError as full:
                self.courier.decided(errand, full, now_s)
        else:
            self._wakeup.ring()

    async def _probe(self) -> None:
        """Probe neighbours; a reply waits for no transaction."""
        clock = self.engine.site.clock
        while True:
            for probe in self.watch.probes(clock.monotonic_s()):
                self._start(self._run_probe(probe))
            await self.news.wait(PROBE_LOOK_S)

    async def _run_probe(self, probe: Probe) -> None:
        clock = self.engine.site.clock
        began_s = clock.monotonic_s()
        reply: ProbeReply
        try:
            reply = await self._transport.probe(probe)
        except DarwazaError as fault:
            reply = fault
        now_s = clock.monotonic_s()
        self.watch.replied(probe, reply, now_s, now_s - began_s)
        self.news.ring()

    async def _follow_routes(self) -> None:
        """Move messages when the map has changed, tell origins what they are owed, keep what must outlive a restart."""
        site, clock, changes = self.engine.site, self.engine.site.clock, -1
        rerouted_s = clock.monotonic_s()
        reported_s = -REPORT_GATHER_S
        while True:
            if not site.owes_news:
                await self._owing.wait(REPORT_GATHER_S)
            early_s = reported_s + REPORT_GATHER_S - clock.monotonic_s()
            if early_s > 0:
                await asyncio.sleep(early_s)
            given: list[Given] = []
            # Also now and then without news: what a neighbour has not signed for in time goes to others.
            if site.routing.changes != changes or clock.monotonic_s() - rerouted_s >= REROUTE_S:
                rerouted_s = clock.monotonic_s()
                changes = site.routing.changes
                given.append(Reroute())
            # That a message has arrived, or will not, is told at once; that it was handed on can wait for company.
            gathered = clock.monotonic_s() - reported_s >= RELAYED_GATHER_S
            if site.owes_news or (gathered and (site.owed or site.handed)):
                given.append(Report())
                reported_s = clock.monotonic_s()
            kept = self.watch.to_keep()
            if kept is not None:
                given.append(Keep({KEPT: kept}))
            try:
                for one in given:
                    await self.submit(one)
            except PushbackError:
                changes = -1

    async def _wake(self) -> None:
        while True:
            await asyncio.sleep(config.TIMER_SCAN_S)
            try:
                while await self.submit(Wake(config.TIMERS_PER_BATCH_MAX)) == config.TIMERS_PER_BATCH_MAX:
                    pass
            except PushbackError:
                continue

    async def _maintain(self) -> None:
        while True:
            await asyncio.sleep(MAINTAIN_S)
            await asyncio.to_thread(self.engine.store.maintain)
