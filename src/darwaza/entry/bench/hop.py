"""What a relay adds: documents over a path of several links beside documents over its first link alone.

They go from the same gateway at the same modest rate, with nothing else to do, in short stretches by turns: what the
machine does to one it does to the other, and what comes back of the one does not stand in the way of the other. Each is
measured from the moment its request is due to the moment its recipient hears, on an open event stream, that it has
arrived; one clock measures all, in this process.
"""

import asyncio
import contextlib
import itertools
import time
from functools import partial
from statistics import median
from urllib.parse import urlencode

import msgspec

from darwaza.entry.bench import load
from darwaza.entry.bench.passage import unproven
from darwaza.entry.local import LocalCorridor

PER_S = 50
ROUNDS = 5
CONNECTIONS = 16
SETTLE_S = 1.0
ARRIVE_S_MAX = 30.0
CONTENT = b"x" * 1_400


class Ways(msgspec.Struct, frozen=True):
    """Who sends to whom.

    Attributes:
        token: of the sender.
        path: members, from the origin to the destination; the second one is sent to directly.
        policy: that makes documents take the path.
        receivers: token of the party ``receiver``, by member.
    """

    token: str
    path: tuple[str, ...]
    policy: str
    receivers: dict[str, str]

    def offer(self, to: str, policy: str, key: str, *headers: tuple[str, str]) -> bytes:
        """The request that sends a document of 1.4 kB."""
        query = urlencode(
            {"to": f"{to}/receiver", "title": "bench", "filename": "m.xml"}
            | ({"path_policy": policy} if policy else {})
        )
        given = (("content-type", "application/xml"), ("idempotency-key", key), *headers)
        return load.request("POST", f"/v1/documents?{query}", self.token, CONTENT, *given)


class Round(msgspec.Struct):
    """One stretch of each.

    Attributes:
        direct_s: seconds of each document over the first link.
        path_s: of each document over the path.
    """

    direct_s: list[float]
    path_s: list[float]


class HopRun:
    """One measurement.

    Attributes:
        rounds: as measured.
        case_ids: of the documents over the path.
        direct_ids: of those over the first link.
    """

    def __init__(self, corridor: LocalCorridor, ways: Ways) -> None:
        """Prepare; the corridor runs and knows the way."""
        self.rounds: list[Round] = []
        self.case_ids: list[str] = []
        self.direct_ids: list[str] = []
        self._corridor = corridor
        self._ways = ways
        self._numbers = itertools.count()
        self._heard: dict[str, float] = {}

    @property
    def added_ms(self) -> list[float]:
        """What one relay adds, in milliseconds, by round: the difference of the medians by the number of relays."""
        relays = len(self._ways.path) - 2
        return [round((median(one.path_s) - median(one.direct_s)) / relays * 1_000, 2) for one in self.rounds]

    async def run(self, seconds: float) -> None:
        """Measure in rounds.

        Raises:
            OperatorError: ``bench_unproven``: documents did not arrive.
        """
        origin = self._ways.path[0]
        ears = [asyncio.create_task(self._listen(self._ways.path[at])) for at in (1, -1)]
        try:
            async with self._connected(origin, CONNECTIONS) as opened:
                for far in (False, True):  # until connections and caches stand
                    await self._stretch(opened, SETTLE_S, far=far)
                for _ in range(ROUNDS):
                    direct_s = await self._stretch(opened, seconds / ROUNDS / 2, far=False)
                    path_s = await self._stretch(opened, seconds / ROUNDS / 2, far=True)
                    self.rounds.append(Round(direct_s, path_s))
        finally:
            for ear in ears:
                ear.cancel()
            await asyncio.gather(*ears, return_exceptions=True)

    async def _stretch(self, opened: list[load.Connection], seconds: float, *, far: bool) -> list[float]:
        """Send one way only for a while, and wait until all has arrived; returns seconds of each document."""
        ids: dict[int, str] = {}

        def answered(number: int, body: bytes) -> None:
            ids[number] = msgspec.json.decode(body)["id"]

        make = partial(self._make, far=far)
        timed = await load.pace(opened, make, per_s=PER_S, seconds=seconds, answered=answered)
        until = time.monotonic() + ARRIVE_S_MAX
        while missing := set(ids.values()) - self._heard.keys():
            if time.monotonic() > until:
                raise unproven(f"{len(missing)} documents did not arrive")
            await asyncio.sleep(SETTLE_S / 10)
        (self.case_ids if far else self.direct_ids).extend(ids.values())
        return [self._heard[case_id] - timed[number].due_s for number, case_id in ids.items()]

    def _connected(self, code: str, count: int) -> contextlib.AbstractAsyncContextManager[list[load.Connection]]:
        return load.connected(self._corridor.port(code), self._corridor.certificate(code), count)

    async def _listen(self, code: str) -> None:
        async with self._connected(code, 1) as (connection,):
            async for at, event in load.events(connection, "/v1/events", self._ways.receivers[code]):
                self._heard.setdefault(event["case_id"], at)

    def _make(self, _: int, *, far: bool) -> bytes:
        ways, key = self._ways, f"hop{next(self._numbers):020d}"
        return ways.offer(ways.path[-1], ways.policy, key) if far else ways.offer(ways.path[1], "", key)
