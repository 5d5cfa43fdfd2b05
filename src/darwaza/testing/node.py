"""A gateway of a simulation: its disk outlives it, everything else dies with a crash."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.courier import Courier
from darwaza.engine.engine import Engine
from darwaza.engine.intake import Given, Outcome, Wake
from darwaza.engine.site import Site
from darwaza.errors import FatalError, PushbackError
from darwaza.ports.store import Store
from darwaza.ports.transport import AskWitness, Errand, Fetch, Reply, Send
from darwaza.testing.auditor import Memory
from darwaza.testing.disk import Disk
from darwaza.testing.sealing import SeededSealKey
from darwaza.testing.world import START, SeededEntropy, Unmeasured

if TYPE_CHECKING:
    from darwaza.testing.simulation import Simulation

TICK_S = 0.5
DRAIN_TICK_S = 2.0
BATCH_WAIT_S = 0.002


class NodeClock(Unmeasured):
    """A gateway's clock: virtual time, shifted."""

    def __init__(self, simulation: "Simulation") -> None:
        self.offset_s = 0.0
        self._simulation = simulation

    def now(self) -> datetime:
        """What this gateway takes the time for."""
        return START + timedelta(seconds=self._simulation.now_s + self.offset_s)

    def monotonic_s(self) -> float:
        """Virtual time."""
        return self._simulation.now_s


class Node:
    """One gateway: its disk outlives it, everything else dies with a crash.

    Attributes:
        code: of the member.
        disk: what it knows.
        is_up: whether it runs.
        life: grows with every start and stop.
        is_whole: False from a loss until everything is back.
    """

    def __init__(self, simulation: "Simulation", code: str) -> None:
        self.code = code
        self.clock = NodeClock(simulation)
        self.is_up = False
        self.life = 0
        self.is_whole = True
        self.backups: list[tuple[MemoryStore, Memory]] = []
        self._simulation = simulation
        self._queue: list[tuple[Given, Callable[[Outcome], None]]] = []
        self.disk = Disk(MemoryStore(), self, simulation)

    @property
    def store(self) -> Store:
        """The disk, as a store."""
        return self.disk  # type: ignore[return-value]  # it passes on what it does not define

    def start(self) -> None:
        """Start a process on what the disk holds."""
        simulation = self._simulation
        self.life += 1
        self.disk = Disk(self.disk.store.copy(), self, simulation)
        simulation.auditor.begin(self.code)
        world, trust = simulation.world, simulation.trust
        entropy = SeededEntropy(f"{simulation.seed} {self.code} {self.life}")
        site = Site(
            member=self.code,
            keys=world.keys[self.code],
            clock=self.clock,
            entropy=entropy,
            seal_to=SeededSealKey.by(entropy),
            services=[simulation.auditor.watch(self.code, one) for one in simulation.services_of(self.code)],
            party_known=lambda address: not address.endswith("/nobody"),
            trust=trust,
        )
        try:
            self.engine = Engine(site, self.store)
        except (FatalError, PushbackError) as error:
            if isinstance(error, FatalError) and error is not self.disk.injected:
                raise
            simulation.crash(self)
            return
        self.engine.moved_messages_max = 1 + simulation.seed % 4  # several pieces, and crashes between them
        self.courier = Courier(self.engine)
        self.is_up = True
        if self.is_whole:
            simulation.auditor.check_kept(self.code, self.disk.store)
        self._tick(self.life)

    def crash(self) -> None:
        """The process ends; nobody whose input waits is ever told anything."""
        self.is_up = False
        self.life += 1
        self._queue.clear()

    def submit(self, given: Given, told: Callable[[Outcome], None]) -> None:
        """Queue an input; what comes close together is handled in one batch."""
        if not self.is_up:
            return
        self._queue.append((given, told))
        if len(self._queue) == 1:
            self._simulation.after(BATCH_WAIT_S, partial(self._run, self.life))

    def _run(self, life: int) -> None:
        if life != self.life or not self._queue:
            return
        taken, self._queue = self._queue, []
        simulation = self._simulation
        simulation.auditor.begin(self.code)
        try:
            outcomes = self.engine.run([given for given, _ in taken])
        except FatalError as error:
            if error is not self.disk.injected:
                raise
            simulation.crash(self)
            return
        for (_, told), outcome in zip(taken, outcomes, strict=True):
            told(outcome)
        self.carry()

    def _tick(self, life: int) -> None:
        if life != self.life:
            return
        self.submit(Wake(64), lambda _: None)
        self.carry()
        if not self.is_whole and self._is_back():
            self.is_whole = True
            self._simulation.auditor.check_kept(self.code, self.disk.store)
        self._simulation.after(TICK_S if self._simulation.mean else DRAIN_TICK_S, partial(self._tick, life))

    def _is_back(self) -> bool:
        forked = self._simulation.auditor.forked
        phases = {lane.phase for origin, lane in self.courier.lanes.items() if origin not in forked}
        return phases <= {"flow"} and self._simulation.auditor.is_whole(self.code, self.disk.store)

    def carry(self) -> None:
        """Run what the courier wants to be done."""
        simulation = self._simulation
        for errand in self.courier.errands(simulation.now_s):
            if isinstance(errand, Send):
                simulation.batch_leaves(errand.raw)
            elif isinstance(errand, AskWitness):
                simulation.auditor.note_left(errand.note)
            simulation.network.run(self, errand, partial(self._replied, errand))

    def _replied(self, errand: Errand, reply: Reply) -> None:
        given = self.courier.replied(errand, reply, self._simulation.now_s)
        if given is not None:
            self.submit(given, partial(self._decided, errand))

    def _decided(self, errand: Errand, outcome: Outcome) -> None:
        self.courier.decided(errand, outcome, self._simulation.now_s)
        if isinstance(errand, Fetch) and self.is_whole:
            self._simulation.auditor.check_kept(self.code, self.disk.store)
