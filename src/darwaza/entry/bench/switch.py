"""A relay killed under load: how long until what it carried arrives over other members, and that nothing is lost.

That the relay really carried the documents is proven twice: before the kill, by the evidence of the newest delivered
ones, and afterwards in the destination's store. Without that there is no figure.
"""

import asyncio
import itertools

import msgspec

from darwaza.entry.bench import load
from darwaza.entry.bench.hop import PER_S, Ways
from darwaza.entry.bench.passage import Arrivals, carried_by, unproven
from darwaza.entry.local import LocalCorridor

CONNECTIONS = 192
KILL_AFTER_SHARE = 3
PROVEN = 10
"""Documents whose evidence is looked at before the kill."""


class SwitchRun:
    """One run.

    Attributes:
        accepted: ids of the cases that the origin's gateway took, in the order of its answers.
        latencies: seconds from due to signed by the destination, of each.
        killed_after: how many of them there were just before the relay was killed.
        path: of the documents before the kill.
        victim: its first relay, which was killed.
    """

    def __init__(self, corridor: LocalCorridor, ways: Ways) -> None:
        """Prepare; the corridor runs and knows the way."""
        self.accepted: list[str] = []
        self.latencies: list[float] = []
        self.killed_after = 0
        self.path: tuple[str, ...] = ()
        self.victim = ""
        self._corridor = corridor
        self._ways = ways
        self._delivered: list[str] = []
        self._numbers = itertools.count()

    async def run(self, seconds: float) -> None:
        """Send at a steady rate, and after a third of the time kill the first relay of the path they take by then.

        Raises:
            OperatorError: ``bench_unproven``: it was not carrying the documents, or one was never signed for.
        """
        origin = self._ways.path[0]
        certificate = self._corridor.certificate(origin)
        async with load.connected(self._corridor.port(origin), certificate, CONNECTIONS) as opened:
            sending = asyncio.ensure_future(
                load.pace(opened, self._make, per_s=PER_S, seconds=seconds, answered=self._answered)
            )
            await asyncio.sleep(seconds / KILL_AFTER_SHARE)
            try:
                await asyncio.to_thread(self._prove)
                self._corridor.kill(self.victim)
                self.latencies = [one.latency_s for one in await sending]
            finally:
                sending.cancel()

    def _prove(self) -> None:
        """Find out who carries the documents now."""
        self.killed_after = len(self.accepted)
        newest = self._delivered[self.killed_after - PROVEN : self.killed_after]
        with self._corridor.client(self._ways.path[0], "sender") as client:
            found = {carried_by(client, message_id) for message_id in newest}
        if len(newest) < PROVEN or len(found) != 1:
            raise unproven(f"before the kill the newest documents went by {sorted(found)}")
        (self.path,) = found
        self.victim = self.path[1]

    def judge(self, arrived: Arrivals) -> tuple[int, int]:
        """Hold the run against the destination's store.

        Returns:
            How many documents were lost, and how many arrived more than once.

        Raises:
            OperatorError: ``bench_unproven``.
        """
        before = self.accepted[self.killed_after - PROVEN : self.killed_after]
        if any(self.path not in arrived.paths.get(case_id, ()) for case_id in before):
            raise unproven(f"the newest documents before the kill did not come by {'-'.join(self.path)}")
        last = arrived.paths.get(self.accepted[-1], set())
        if not last or any(self.victim in path for path in last):
            raise unproven(f"the last document did not go round {self.victim}: {sorted(last)}")
        lost = sum(arrived.noticed[case_id] == 0 for case_id in self.accepted)
        return lost, sum(arrived.noticed[case_id] > 1 for case_id in self.accepted)

    def path_after(self, arrived: Arrivals) -> tuple[str, ...]:
        """The way the last document took."""
        return min(arrived.paths[self.accepted[-1]])

    def _make(self, _: int) -> bytes:
        ways = self._ways
        return ways.offer(ways.path[-1], ways.policy, f"switch{next(self._numbers):020d}", ("prefer", "wait=25"))

    def _answered(self, _: int, body: bytes) -> None:
        answer = msgspec.json.decode(body)
        if not answer.get("delivered"):
            raise unproven(f"the destination did not sign for {answer['id']} in time")
        self.accepted.append(answer["id"])
        self._delivered.append(answer["message_ids"][-1])
