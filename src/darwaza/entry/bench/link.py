"""``darwaza bench link``: what one link carries, two gateways and the load on this machine."""

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvloop

from darwaza.entry.bench import cost, load
from darwaza.entry.bench.postgres import Server, servers
from darwaza.entry.local import LocalCorridor

MESSAGE_BYTES = 1_500
BULK = 100
BULK_CONNECTIONS = 4
SINGLE_CONNECTIONS = 128
PACED_CONNECTIONS = 64
PACED_PER_S = 1_000
FIRST = 5_000
FILL = 100_000
SIDES = {"PK": "sender", "UZ": "receiver"}
_pack = msgspec.msgpack.Encoder().encode
Result = TypeVar("Result")


class LinkFigures(msgspec.Struct):
    """What was measured.

    Attributes:
        messages: sent in bulk for ``messages_per_s``.
        in_log: messages in the log before that.
        messages_per_s: delivered: on both disks and signed by both sides.
        singly_per_s: delivered when each comes in a request of its own.
        p50_ms: from the moment a request is due to the moment both have signed, at ``PACED_PER_S``.
        p99_ms: the same.
        rss_mb: largest resident memory of either gateway.
        cpu_us_per_message: of the bulk run, by process, database servers too, and by stage of the engine.
        cpu_us_per_message_first: the same with an empty log, over the first ``FIRST`` messages.
        cpu_us_per_message_singly: the same of those sent singly.
        cpu_us_per_message_paced: the same at ``PACED_PER_S``.
        start_s: from launch to the first answer, with all these messages stored.
        proof_ms: median time to answer with one message's evidence.
    """

    messages: int
    in_log: int
    messages_per_s: float
    singly_per_s: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    cpu_us_per_message: dict[str, float]
    cpu_us_per_message_first: dict[str, float]
    cpu_us_per_message_singly: dict[str, float]
    cpu_us_per_message_paced: dict[str, float]
    start_s: float
    proof_ms: float


def measure(*, messages: int, in_log: int, seconds: float, postgres: bool = False, report: Any) -> LinkFigures:
    """Found a corridor of two, load it, and measure.

    Args:
        messages: to send in bulk while measuring.
        in_log: messages to send before.
        seconds: of the paced run.
        postgres: whether each gateway keeps its store on a PostgreSQL server of its own.
        report: called with a line of text before each phase.
    """
    with servers(SIDES, wanted=postgres) as held, tempfile.TemporaryDirectory(prefix="darwaza-bench-") as folder:
        stores = {code: server.url() for code, server in held.items()}
        names = {"PK": "Pakistan", "UZ": "Uzbekistan"}
        corridor = LocalCorridor(Path(folder), names, links=[("PK", "UZ")], stores=stores)
        token = corridor.add_party("PK", "sender")
        corridor.add_party("UZ", "receiver")
        corridor.start()
        try:
            run = _Run(corridor, token, held)
            _, cpu_first = run.bulk(FIRST)
            for sent in range(FIRST, in_log, FILL):
                report(f"sending {in_log:,} messages first: {sent:,}")
                run.bulk(min(FILL, in_log - sent))
            report(f"bulk: {messages:,} messages of {MESSAGE_BYTES} bytes")
            per_s, cpu = run.bulk(messages)
            report("one by one")
            singly, cpu_singly = run.singly(min(messages, 20_000))
            report(f"paced: {PACED_PER_S} a second for {seconds:.0f} s")
            latencies, cpu_paced = run.paced(seconds)
            rss = cost.memory_mb(corridor)
            report("restart")
            start_s = run.restart()
            proof_ms = run.proof()
        finally:
            corridor.stop()
    return LinkFigures(
        messages=messages,
        in_log=max(FIRST, in_log),
        messages_per_s=round(per_s),
        singly_per_s=round(singly),
        p50_ms=cost.percentile_ms(latencies, 0.5),
        p99_ms=cost.percentile_ms(latencies, 0.99),
        rss_mb=round(rss, 1),
        cpu_us_per_message=cpu,
        cpu_us_per_message_first=cpu_first,
        cpu_us_per_message_singly=cpu_singly,
        cpu_us_per_message_paced=cpu_paced,
        start_s=round(start_s, 2),
        proof_ms=round(proof_ms, 2),
    )


class _Run:
    """The phases of a measurement."""

    def __init__(self, corridor: LocalCorridor, token: str, servers: Mapping[str, Server]) -> None:
        self._corridor = corridor
        self._servers = servers
        self._token = token
        self._certificate = corridor.certificate("PK")
        self._number = itertools.count()
        # Half of it compressible, half of it not: as documents are.
        self._content = os.urandom(MESSAGE_BYTES // 2).hex().encode()[: MESSAGE_BYTES - 20]

    @property
    def _port(self) -> int:
        return self._corridor.port("PK")

    def _next_content(self) -> tuple[str, bytes]:
        number = next(self._number)
        return f"{time.time_ns():020d}{number:012d}", b"%020d" % number + self._content

    def _bulk_requests(self, count: int) -> Iterator[bytes]:
        for _ in range(0, count, BULK):
            items = []
            for _ in range(BULK):
                key, content = self._next_content()
                items.append((key, "UZ/receiver", "bench", "m.xml", "application/xml", content))
            yield load.request("POST", "/v1/documents/bulk", self._token, _pack(items))

    def _single_requests(self, count: int, *headers: tuple[str, str]) -> Iterator[bytes]:
        for _ in range(count):
            yield self._single(*headers)

    def _single(self, *headers: tuple[str, str]) -> bytes:
        key, content = self._next_content()
        target = "/v1/documents?to=UZ/receiver&title=bench&filename=m.xml"
        kept = (("content-type", "application/xml"), ("idempotency-key", key), *headers)
        return load.request("POST", target, self._token, content, *kept)

    def _flood(self, requests: Iterator[bytes], connections: int) -> float:
        """Send all, wait until all is delivered; returns seconds."""

        async def run() -> None:
            async with load.connected(self._port, self._certificate, connections) as opened:
                await load.flood(opened, requests)

        began = time.perf_counter()
        uvloop.run(run())
        self._corridor.wait_until_delivered("PK", "UZ", 600)
        return time.perf_counter() - began

    def _spent(self, count: int, run: Callable[[], Result]) -> tuple[Result, dict[str, float]]:
        """What a run gives, and its CPU in microseconds a message, by process and stage."""
        before = cost.spent_s(self._corridor, SIDES, self._servers) | {"load": time.process_time()}
        result = run()
        own_s = time.process_time()
        after = cost.spent_s(self._corridor, SIDES, self._servers) | {"load": own_s}
        return result, cost.each_us(before, after, count)

    def bulk(self, count: int) -> tuple[float, dict[str, float]]:
        """Messages a second, and CPU by process and stage."""
        seconds, spent = self._spent(count, lambda: self._flood(self._bulk_requests(count), BULK_CONNECTIONS))
        return count / seconds, spent

    def singly(self, count: int) -> tuple[float, dict[str, float]]:
        """Messages a second when each comes in a request of its own, and CPU by process and stage."""
        seconds, spent = self._spent(count, lambda: self._flood(self._single_requests(count), SINGLE_CONNECTIONS))
        return count / seconds, spent

    def paced(self, seconds: float) -> tuple[list[float], dict[str, float]]:
        """Seconds from due to delivered, at a steady rate, and CPU by process and stage."""

        async def run() -> list[float]:
            prefer = ("prefer", "wait=10")
            async with load.connected(self._port, self._certificate, PACED_CONNECTIONS) as opened:
                timed = await load.pace(opened, lambda _: self._single(prefer), per_s=PACED_PER_S, seconds=seconds)
            return [one.latency_s for one in timed]

        return self._spent(int(PACED_PER_S * seconds), lambda: uvloop.run(run()))

    def restart(self) -> float:
        """Seconds from launch to the first answer."""
        self._corridor.stop("PK")
        began = time.perf_counter()
        self._corridor.start("PK")
        return time.perf_counter() - began

    def proof(self) -> float:
        """Milliseconds to make one message's evidence, at its gateway."""
        with self._corridor.client("PK", "sender") as client:
            page = client.call("GET", "/v1/documents", params={"limit": 40})
            times = []
            for view in page["documents"]:
                message = view["messages"][0]["id"]
                began = time.perf_counter()
                client.evidence(message, body=False)
                times.append(time.perf_counter() - began)
        return sorted(times)[len(times) // 2] * 1000
