"""A deterministic simulation of several gateways: real engines and couriers on virtual time, everything from one seed.

Gateways crash before and after commits, are pushed back, come back from old backups or with nothing but their keys, and
their clocks are wrong and jump. The network is ``darwaza.testing.network``; batches also travel by stick. Parties send
documents whole and in chunks, repeat themselves, accept, refuse and let expire. ``darwaza.testing.auditor`` watches.
When the bad time is over everything is mended, and all must come to rest, agreed at both ends.

Losses are modelled as operators make them: one at a time, the next one only when the former is whole again; restoring
takes longer than any message is under way; sticks written by a gateway that then lost its disk are thrown away, and it
neither writes nor reads one before it has met its neighbours. ``two_histories`` breaks that rule on purpose.
To see what one seed does: ``python -m darwaza.testing.simulation 42``.
"""

import heapq
import random
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import sha256
from itertools import count
from typing import Any

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine import carry
from darwaza.engine.fsck import examine
from darwaza.engine.intake import Outcome
from darwaza.engine.trust import Trust
from darwaza.errors import FatalError, PushbackError
from darwaza.kernel import batch
from darwaza.kernel.carrier import BATCH, Item
from darwaza.kernel.machine import Service
from darwaza.kernel.note import Verifier
from darwaza.ports.store import Store
from darwaza.services.documents import SERVICE
from darwaza.testing.auditor import Auditor, BrokenError, Memory
from darwaza.testing.disk import Disk
from darwaza.testing.network import Network, Weather
from darwaza.testing.node import TICK_S, Node
from darwaza.testing.party import Parties
from darwaza.testing.sealing import SeededUnsealKey
from darwaza.testing.world import World

CODES = ("PK", "UZ", "KZ", "AF", "TJ")
DRAIN_S_MAX = 400.0
RESTORE_S = (1.6, 2.0)
SKEW_S_MAX = 10.0


@lru_cache(maxsize=8)
def _world(codes: tuple[str, ...], links: tuple[tuple[str, str], ...], policy: str) -> tuple[World, Trust]:
    world = World(codes, links, witness_quorum=1, path_policy=policy, unseal=SeededUnsealKey.of)
    return world, QuickTrust(world.history)


class QuickTrust(Trust):
    """Verifies every signature truly, but once: both ends of a link live in this process."""

    def author_verifiers(self, origin: str, *, past: bool = False) -> tuple[Verifier, ...]:
        """See ``Trust``."""
        return _quick(super().author_verifiers(origin, past=past))

    def cosigners(self, member: str, *, past: bool = False) -> tuple[Verifier, ...]:
        """See ``Trust``."""
        return _quick(super().cosigners(member, past=past))


def _quick(verifiers: tuple[Verifier, ...]) -> tuple[Verifier, ...]:
    for verifier in verifiers:
        public: Any = verifier.public
        if not hasattr(public._verify, "cache_info"):  # noqa: SLF001 - nothing outside tests needs this
            public._verify = lru_cache(maxsize=4_096)(public._verify)  # noqa: SLF001
    return verifiers


class Simulation:
    """See the module.

    Attributes:
        seed: decides everything.
        now_s: virtual time since the start.
        nodes: by member.
        mean: whether faults still happen.
        liars: members whose gateways do not do what they should.
        service: what the gateways serve.
        path_policy: the corridor's.
    """

    service: Service = SERVICE
    path_policy: str = ""
    liars: frozenset[str] = frozenset()

    def __init__(self, seed: int, *, calm: bool | None = None) -> None:
        self.seed = seed
        self.rng = rng = random.Random(seed)  # noqa: S311 - it must be predictable
        codes, links = self.draw_corridor()
        self.world, self.trust = _world(codes, tuple(links), self.path_policy)
        self.links = links
        self.now_s = 0.0
        self._history = sha256()
        self.mean = True
        self.auditor = self.make_auditor(codes)
        drawn = rng.random() < 0.15  # noqa: PLR2004
        calm = drawn if calm is None else calm
        harsh = 0.0 if calm else rng.random()
        weather = Weather(harsh * 0.2, harsh * 0.2, harsh * 0.1, harsh * 0.4)
        self.network = Network(self, rng, weather)
        self._crash = 0.0 if calm else rng.choice((0.0, 0.02, 0.06))
        self._push_back = 0.0 if calm else rng.choice((0.0, 0.02))
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self.sticks: list[tuple[str, str, list[Item]]] = []
        self.nodes = {code: self.make_node(code) for code in codes}
        self.parties = self.make_parties()
        self._looked_s = 0.0
        self.mean_s = rng.uniform(2.5, 4.0)
        self._calm = calm

    def draw_corridor(self) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
        """Members and links of this life."""
        codes = CODES[: self.rng.choice((3, 3, 3, 3, 3, 3, 4, 5))]
        links = [(codes[0], codes[1]), *((codes[0], code) for code in codes[2:])]
        if len(codes) == 3:  # noqa: PLR2004 - everybody witnesses everybody
            links.append((codes[1], codes[2]))
        return codes, links

    def make_node(self, code: str) -> Node:
        """A member's gateway."""
        return Node(self, code)

    def make_auditor(self, codes: tuple[str, ...]) -> Auditor:
        """Who watches."""
        return Auditor(codes)

    def make_parties(self) -> Parties:
        """Who sends and receives."""
        return Parties(self, self.rng)

    def service_of(self, code: str) -> Service:  # noqa: ARG002 - one is served everywhere
        """What a member's gateway serves."""
        return self.service

    def services_of(self, code: str) -> list[Service]:
        """All that a member's gateway serves."""
        return [self.service_of(code)]

    def peers_of(self, code: str) -> list[str]:
        """Whom a member's parties send to."""
        return [one if two == code else two for one, two in self.links if code in {one, two}]

    # --- time ---

    def after(self, delay_s: float, event: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._events, (self.now_s + delay_s, next(self._order), event))

    def happened(self, what: bytes) -> None:
        """Write down something that was sent or stored, and when."""
        self._history.update(b"%r %d " % (self.now_s, len(what)) + what)

    @classmethod
    def show(cls) -> None:
        """Live the life of the seed on the command line, and tell its history."""
        life = cls(int(sys.argv[1]))
        life.run()
        sys.stdout.write(life.history + "\n")

    @property
    def history(self) -> str:
        """Digest of everything that was sent and stored: the same seed gives the same."""
        return self._history.hexdigest()

    def _pass(self, until_s: float, done: Callable[[], bool] | None = None) -> bool:
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, event = heapq.heappop(self._events)
            event()
            if done is not None and done():
                return True
        self.now_s = until_s
        return done is None

    def run(self) -> None:
        """Live through the bad time, mend everything, and check that all comes to rest.

        Raises:
            BrokenError: a promise was broken.
        """
        for node in self.nodes.values():
            node.start()
        self.parties.begin()
        if not self._calm:
            self.after(self.rng.uniform(0.1, 0.8), self._mischief)
            self.after(self.mean_s * self.rng.uniform(0.1, 0.3), self._back_up_all)
            self.after(self.mean_s * self.rng.uniform(0.3, 0.85), self._lose)
        self._pass(self.mean_s)
        self._mend()
        if not self._pass(self.now_s + DRAIN_S_MAX, self._is_at_rest):
            raise BrokenError(f"not at rest after {DRAIN_S_MAX:.0f} s: {self._unrest()}")
        self._check_end()

    def _mend(self) -> None:
        self.mean = False
        self._crash = self._push_back = 0.0
        self.network.weather = Weather()
        self.network.cuts.clear()
        self.sticks.clear()
        for node in self.nodes.values():
            node.clock.offset_s = 0.0

    def _unrest(self) -> str:
        found = [f"{code} is down" for code, node in self.nodes.items() if not node.is_up]
        found += [f"{code} is not whole" for code, node in self.nodes.items() if not node.is_whole]
        for node in self.nodes.values():
            for log in node.engine.logs.values() if node.is_up else ():
                if log.row.author == node.code and log.row.cosigned_size != log.row.size:
                    lane = node.courier.lanes[log.row.origin]
                    found.append(f"{log.row.origin} {log.row.cosigned_size}/{log.row.size} {lane.phase} {lane.fault}")
        return "; ".join(found + self.parties.open_ends())

    def _is_at_rest(self) -> bool:
        if self.now_s < self._looked_s + TICK_S:
            return False
        self._looked_s = self.now_s
        for node in self.nodes.values():
            if not node.is_up or not node.is_whole:
                return False
            for log in node.engine.logs.values():
                behind = log.row.author == node.code and log.queue
                if behind and log.row.origin not in self.auditor.forked:
                    return False
        return not self.parties.open_ends()

    def _check_end(self) -> None:
        stores: dict[str, Store] = {code: node.store for code, node in self.nodes.items()}
        self.auditor.check_logs(stores)
        for node in self.nodes.values():
            found = examine(node.store, member=node.code, trust=self.trust, services=self.services_of(node.code))
            if found:
                raise BrokenError(f"fsck of {node.code}: {found[:5]}")
            if self.auditor.forked:
                continue
            self.auditor.check_kept(node.code, node.store)
            if any(row.halted for row in node.store.logs()):
                raise BrokenError(f"P3: {node.code} has stopped an honest link")
            if node.store.given_back_count():
                raise BrokenError(f"{node.code}: own messages given back still wait for what caused them")
            if node.store.quarantined(1) and not self.liars:
                raise BrokenError(f"{node.code} has put aside {node.store.quarantined(5)}")
        self.parties.check_agreed()

    # --- what leaves ---

    def batch_leaves(self, raw: bytes) -> None:
        """Tell the auditor what an author lets out."""
        one = batch.decode(raw)
        self.auditor.batch_left(one.origin, one.start, [header for header, _ in one.entries])
        self.auditor.note_left(one.checkpoint)

    # --- mischief ---

    def draw_fault(self) -> tuple[FatalError | PushbackError | None, bool]:
        """How the next commit fails, if it does, and whether it is on the disk all the same."""
        drawn = self.rng.random()
        if drawn < self._crash:
            return FatalError("power cut"), self.rng.random() < 0.5  # noqa: PLR2004
        if drawn < self._crash + self._push_back:
            return PushbackError("the disk is full", retry_after_s=0.5), False
        return None, False

    def crash(self, node: Node) -> None:
        """Stop a gateway and start it again a little later."""
        node.crash()
        self.after(self.rng.uniform(0.1, 1.0), node.start)

    def mischief(self) -> tuple[Callable[[], None], ...]:
        """What may go wrong."""
        return (self._cut, self._shift_clock, self._back_up_one, self._lose, self._write_stick, self._read_stick)

    def _mischief(self) -> None:
        if not self.mean:
            return
        self.rng.choice(self.mischief())()
        self.after(self.rng.uniform(0.05, 0.6), self._mischief)

    def _cut(self) -> None:
        one, other = self.rng.sample(sorted(self.nodes), 2)
        cut = {(one, other)} if self.rng.random() < 0.3 else {(one, other), (other, one)}  # noqa: PLR2004
        self.cut_for(cut, self.rng.uniform(0.2, 4.0))

    def cut_for(self, cut: set[tuple[str, str]], lasts_s: float) -> None:
        """Let nothing pass between members for a while."""
        self.network.cuts |= cut
        self.after(lasts_s, partial(self.network.cuts.difference_update, cut))

    def _any(self) -> Node:
        return self.nodes[self.rng.choice(sorted(self.nodes))]

    def _shift_clock(self) -> None:
        self._any().clock.offset_s = self.rng.uniform(-SKEW_S_MAX, SKEW_S_MAX)

    def _back_up_all(self) -> None:
        for node in self.nodes.values():
            self._back_up(node)

    def _back_up_one(self) -> None:
        self._back_up(self._any())

    def _back_up(self, node: Node) -> None:
        if node.is_up and node.is_whole:
            node.backups.append((node.disk.store.copy(), self.auditor.memories[node.code].copy()))

    def _lose(self) -> None:
        """A gateway loses its disk: it comes back from some backup, or with its keys alone."""
        node = self._any()
        if not node.is_up or not all(one.is_whole for one in self.nodes.values()):
            return
        if not all(one.is_up and self.auditor.is_whole(one.code, one.store) for one in self.nodes.values()):
            return
        bare = not node.backups or self.rng.random() < 0.4  # noqa: PLR2004
        self.lose(node, *((MemoryStore(), Memory()) if bare else self.rng.choice(node.backups)))

    def lose(self, node: Node, store: MemoryStore, memory: Memory) -> None:
        """Put an older state of the disk in place and start on it."""
        node.crash()
        node.is_whole = False
        node.backups.clear()
        self.sticks = [stick for stick in self.sticks if stick[0] != node.code]
        self.after(self.rng.uniform(*RESTORE_S), partial(self._come_back, node, store.copy(), memory.copy()))

    def _come_back(self, node: Node, store: MemoryStore, memory: Memory) -> None:
        node.disk = Disk(store, node, self)
        stores = {code: one.disk.store.copy() for code, one in self.nodes.items()}
        self.auditor.lost_disk(node.code, memory, store, dict(stores))
        self.parties.lost_disk(node.code)
        if self.mean and self.rng.random() < 0.6:  # noqa: PLR2004 - it goes to work before it has met anybody
            self.cut_for({(node.code, other) for other in self.nodes}, self.rng.uniform(0.3, 1.5))
        node.start()

    # --- sticks ---

    def _write_stick(self) -> None:
        one, other = self.rng.sample(self.rng.choice(self.links), 2)
        node = self.nodes[one]
        if node.is_up and node.is_whole:
            self.write_stick(node, other)

    def write_stick(self, node: Node, reader: str) -> None:
        """Write a stick for a neighbour, as ``darwaza link export`` does."""
        exposures = carry.exposures(node.engine, reader)
        left = [len(exposures)]

        def exposed(_: Outcome) -> None:
            left[0] -= 1
            if left[0] <= 0:
                self._written(node, reader)

        for given in exposures:
            node.submit(given, exposed)
        if not exposures:
            self._written(node, reader)

    def _written(self, node: Node, reader: str) -> None:
        items = list(carry.items(node.engine, reader))
        for item in items:
            if item.kind == BATCH:
                self.batch_leaves(item.data)
            else:
                self.auditor.note_left(item.data)
        self.sticks.append((node.code, reader, items))

    def _read_stick(self) -> None:
        if self.sticks:
            _, reader, items = self.rng.choice(self.sticks)
            if self.nodes[reader].is_whole:
                self.read_stick(self.nodes[reader], self.rng.sample(items, len(items)))

    def read_stick(self, node: Node, items: list[Item]) -> None:
        """Read a stick, in any order of its items."""
        for item in items:
            node.submit(carry.given(item), lambda _: None)


if __name__ == "__main__":
    Simulation.show()
