"""A simulation of routing: eight members linked as in the CAREC profile, partitions, dark gateways, relays that lie.

On top of what every life of ``darwaza.testing.simulation`` suffers (losses of messages, crashes, full disks, old
backups, wrong clocks), parties send to members that are no neighbours, and gateways watch their links with probes that
the network loses too. In some lives one member lies: it keeps what it should hand on, alters it, shows links that were
none, while its probes and statements say that all is well. The auditor asks what it always asks, and at the end every
message under way has an end.

To see what one seed does: ``python -m darwaza.testing.routing 42``.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import msgspec

from darwaza.engine import forwarding
from darwaza.engine.forwarding import Forwarding
from darwaza.engine.intake import Report, Reroute
from darwaza.engine.voyage import ROUTE, UNDER_WAY
from darwaza.engine.watch import Watch
from darwaza.errors import DarwazaError, PeerError
from darwaza.kernel.message import Header, body_digest
from darwaza.kernel.relay import Passage
from darwaza.kernel.trail import ROUTE_KINDS
from darwaza.ports.store import Store
from darwaza.ports.transport import Probe, Probed, ProbeReply
from darwaza.testing.auditor import BrokenError
from darwaza.testing.node import Node
from darwaza.testing.simulation import Simulation

CODES: Final = ("AF", "CN", "KG", "KZ", "PK", "TJ", "TM", "UZ")
LINKS: Final = (
    ("AF", "PK"), ("AF", "TJ"), ("AF", "TM"), ("AF", "UZ"), ("CN", "KG"), ("CN", "KZ"), ("CN", "PK"),
    ("KG", "KZ"), ("KG", "TJ"), ("KZ", "TM"), ("KZ", "UZ"), ("TJ", "UZ"), ("TM", "UZ"),
)  # fmt: skip
"""As in profiles/carec/corridor.toml; a test compares them."""
PROBE_S: Final = 0.5
PROBE_TIMEOUT_S: Final = 1.0

Lie = Callable[[Header, bytes], bytes]


def _invented(_header: Header, body: bytes) -> bytes:
    version, sealed, hops = msgspec.msgpack.decode(body)
    return msgspec.msgpack.encode([version, sealed, [*hops, hops[-1]]])


def _left_out(_header: Header, body: bytes) -> bytes:
    version, sealed, hops = msgspec.msgpack.decode(body)
    return msgspec.msgpack.encode([version, sealed, hops[1:] or [*hops, *hops]])


def _altered(_header: Header, body: bytes) -> bytes:
    version, sealed, hops = msgspec.msgpack.decode(body)
    return msgspec.msgpack.encode([version, bytes([sealed[0] ^ 1]) + sealed[1:], hops])


LIES: Final[dict[str, Lie | None]] = {"drops": None, "alters": _altered, "invents": _invented, "leaves out": _left_out}


class RoutedNode(Node):
    """A gateway that watches its links."""

    watch: Watch

    def start(self) -> None:
        """Start, and begin to probe."""
        super().start()
        if not self.is_up:
            return
        kept = getattr(self, "_kept", None)
        self.watch = Watch(self.engine.site, kept=kept)
        self._changes = -1
        self._probe(self.life)

    def _probe(self, life: int) -> None:
        if life != self.life:
            return
        simulation, site = self._simulation, self.engine.site
        site.routing.pass_time(self.clock.now())
        for probe in self.watch.probes(simulation.now_s):
            simulation.network_of_probes(self, probe, partial(self._probed, life, probe, simulation.now_s))
        self._kept = self.watch.kept()
        if site.routing.changes != self._changes:
            self._changes = site.routing.changes
            self.submit(Reroute(), lambda _: None)
        if site.owed:
            self.submit(Report(), lambda _: None)
        simulation.after(PROBE_S, partial(self._probe, life))

    def _probed(self, life: int, probe: Probe, began_s: float, reply: ProbeReply) -> None:
        if life == self.life:
            now_s = self._simulation.now_s
            self.watch.replied(probe, reply, now_s, now_s - began_s)

    _simulation: "RoutedSimulation"
    _changes: int
    _kept: bytes


class RoutedSimulation(Simulation):
    """See the module.

    Attributes:
        lie: what the liar does, "" when there is none.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.lie = ""
        if self.rng.random() < 0.4:  # noqa: PLR2004
            self.lie = self.rng.choice(sorted(LIES))
            self.liars = frozenset({self.rng.choice(CODES)})

    def draw_corridor(self) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
        """Always the same eight."""
        return CODES, list(LINKS)

    def make_node(self, code: str) -> Node:
        """A gateway that watches its links."""
        return RoutedNode(self, code)

    def peers_of(self, code: str) -> list[str]:
        """Everybody; a liar's own affairs are nobody else's."""
        return [one for one in CODES if one != code and one not in self.liars]

    def network_of_probes(self, sender: RoutedNode, probe: Probe, told: Callable[[ProbeReply], None]) -> None:
        """Carry a probe and its answer over the network that carries everything else."""
        open_ = [True]

        def answer(reply: ProbeReply) -> None:
            if open_[0]:
                open_[0] = False
                told(reply)

        def serve(raw: bytes) -> None:
            peer = self.nodes[probe.peer]
            if peer.is_up and isinstance(peer, RoutedNode) and hasattr(peer, "watch"):
                try:
                    form = peer.watch.answer(sender.code, raw)
                except DarwazaError:
                    return
                self.network._carry(peer.code, sender.code, form, lambda back: answer(Probed(back)))  # noqa: SLF001

        self.after(PROBE_TIMEOUT_S, lambda: answer(PeerError("no answer")))
        self.network._carry(sender.code, probe.peer, probe.raw, serve)  # noqa: SLF001 - probes have no errand

    def run(self) -> None:
        """Live, with the liar lying from the start; it goes on when everything else is mended."""
        with _lying(self.liars, self.lie):
            super().run()
        if not self.auditor.forked:
            self._check_voyages()

    def _unrest(self) -> str:
        waiting = [
            f"{code}: {len(node.engine.site.fleet.voyages)} under way"
            for code, node in self.nodes.items()
            if node.is_up and node.engine.site.fleet.voyages
        ]
        return "; ".join([super()._unrest(), *waiting])

    def _is_at_rest(self) -> bool:
        resting = super()._is_at_rest()
        honest = [node for code, node in self.nodes.items() if code not in self.liars]
        return resting and not any(node.engine.site.fleet.voyages or node.engine.site.owed for node in honest)

    def _check_voyages(self) -> None:
        """No message is still under way, and what its origin believes delivered the destination holds."""
        stores: dict[str, Store] = {code: node.store for code, node in self.nodes.items()}
        for code, store in stores.items():
            for row in store.scan_cases():
                if row.service != ROUTE or code in self.liars:
                    continue
                if row.state == UNDER_WAY:
                    raise BrokenError(f"{code}: {row.id} is under way for ever")
                destination = msgspec.msgpack.decode(row.data)[1].partition("/")[0]
                if row.state == "delivered" and stores[destination].leaf(f"{code} {row.id}") is None:
                    raise BrokenError(f"P1: {code} believes {row.id} delivered, {destination} does not hold it")


@contextmanager
def _lying(liars: frozenset[str], lie: str) -> Iterator[None]:
    """Let members lie in what they hand on; reports of others pass, or nobody would notice anything."""
    module: Any = forwarding
    forward, relay = module.forward, Forwarding.relay
    changed = LIES.get(lie)

    def false_forward(passage: Passage, arrival: Any, **made: Any) -> tuple[Header, bytes]:
        header, body = forward(passage, arrival, **made)
        honest = passage.path[passage.stage] not in liars or passage.message.kind.startswith(ROUTE_KINDS)
        if honest or changed is None:
            return header, body
        wrong = changed(header, body)
        return msgspec.structs.replace(header, body_bytes=len(wrong), body_digest=body_digest(wrong)), wrong

    def false_relay(self: Forwarding, passage: Passage, index: int) -> None:
        drops = lie == "drops" and passage.path[passage.stage] in liars
        if not drops or passage.message.kind.startswith(ROUTE_KINDS):
            relay(self, passage, index)

    module.forward = false_forward
    Forwarding.relay = false_relay  # type: ignore[method-assign]
    try:
        yield
    finally:
        module.forward = forward
        Forwarding.relay = relay  # type: ignore[method-assign]


if __name__ == "__main__":
    life = RoutedSimulation(int(sys.argv[1]))
    life.run()
    sys.stdout.write(life.history + "\n")
