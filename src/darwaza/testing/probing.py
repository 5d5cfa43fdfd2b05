"""Gateways of a simulation that watch their links, over the network that carries everything else."""

from collections.abc import Callable
from functools import partial
from typing import Final

from darwaza.engine.intake import Report, Reroute
from darwaza.engine.probe import LinkTerms
from darwaza.engine.watch import Watch
from darwaza.errors import DarwazaError, PeerError
from darwaza.ports.transport import Probe, Probed, ProbeReply
from darwaza.testing.node import Node
from darwaza.testing.simulation import Simulation

PROBE_S: Final = 0.5
PROBE_TIMEOUT_S: Final = 1.0


class ProbingNode(Node):
    """A gateway that watches its links, sends again what depends on broken ones, and reports."""

    watch: Watch

    def start(self) -> None:
        """Start, and begin to probe."""
        super().start()
        if not self.is_up:
            return
        self.watch = self.make_watch(getattr(self, "_kept", None))
        self._changes = -1
        self._probe(self.life)

    def make_watch(self, kept: bytes | None) -> Watch:
        """What watches the links; ``kept`` is what it knew before a restart."""
        return Watch(self.engine.site, terms=dict[str, LinkTerms](), home=None, kept=kept)

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

    _simulation: "ProbingSimulation"
    _changes: int
    _kept: bytes


class ProbingSimulation(Simulation):
    """One whose gateways watch their links; nothing of what is sent on stays under way for ever."""

    def probe_leaves(self, sender: ProbingNode, probe: Probe) -> bytes:  # noqa: ARG002 - who lies looks at it
        """What goes out for a probe."""
        return probe.raw

    def network_of_probes(self, sender: ProbingNode, probe: Probe, told: Callable[[ProbeReply], None]) -> None:
        """Carry a probe and its answer over the network that carries everything else."""
        open_ = [True]

        def answer(reply: ProbeReply) -> None:
            if open_[0]:
                open_[0] = False
                told(reply)

        def serve(raw: bytes) -> None:
            peer = self.nodes[probe.peer]
            if peer.is_up and isinstance(peer, ProbingNode) and hasattr(peer, "watch"):
                try:
                    form = peer.watch.answer(sender.code, raw)
                except DarwazaError:
                    return
                self.network._carry(peer.code, sender.code, form, lambda back: answer(Probed(back)))  # noqa: SLF001

        raw = self.probe_leaves(sender, probe)
        self.after(PROBE_TIMEOUT_S, lambda: answer(PeerError("no answer")))
        self.network._carry(sender.code, probe.peer, raw, serve)  # noqa: SLF001 - probes have no errand

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
