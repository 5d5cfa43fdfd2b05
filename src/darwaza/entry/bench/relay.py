"""One relay by itself, with real disks and no network; and the search for paths."""

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from darwaza.bootstrap import Gateway
from darwaza.engine.carry import pack
from darwaza.engine.desk import answer_ask, cosigned_lines
from darwaza.engine.intake import Acknowledge, Arrive, Cosigned, Report, Settle, Submit
from darwaza.engine.log import Log
from darwaza.entry.local import LocalCorridor
from darwaza.errors import OperatorError
from darwaza.kernel import batch, path
from darwaza.kernel.health import Condition
from darwaza.kernel.linkstate import ends_of
from darwaza.kernel.path import Need, Rules
from darwaza.kernel.topology import MapLink, Topology
from darwaza.kernel.witness import parse_cosignatures
from darwaza.ports.transport import Probed
from darwaza.services.documents.message import Offer

BODY = b"x" * 1_400
BATCH = 256
PATH = ("KZ", "UZ", "AF")
PROBES_S = 30.0


class RelayFigures(msgspec.Struct):
    """What one relay does with a message: it checks it, hands it on, takes the next member's signature, reports.

    Attributes:
        messages_per_s: of 1.4 kB.
        cpu_us: processor time a message.
    """

    messages_per_s: int
    cpu_us: float


def measure_relay(folder: Path, messages: int) -> RelayFigures:
    """Hand messages through the middle one of three gateways, in batches as large as a link sends them.

    Raises:
        OperatorError: ``bench_unproven``: not everything was handed on, signed for and reported.
    """
    corridor = LocalCorridor(folder, {code: code for code in PATH}, links=[PATH[:2], PATH[1:]])
    corridor.add_party("KZ", "sender")
    corridor.add_party("AF", "receiver")
    gateways = {code: Gateway(corridor.path(code)) for code in PATH}
    try:
        _introduce(gateways)
        _offer(gateways["KZ"], messages)
        return _Relay(gateways).run(messages)
    finally:
        for gateway in gateways.values():
            gateway.close()


def _introduce(gateways: dict[str, Gateway]) -> None:
    """Let neighbours agree on their links, tell one another of them, and say what they hold, as probes and asks do."""
    now_s, until_s = 0.0, PROBES_S
    while len(gateways["KZ"].engine.site.routing.topology.links) < len(PATH) - 1 and now_s < until_s:
        now_s += 0.5
        for code, gateway in gateways.items():
            for probe in gateway.watch.probes(now_s):
                answer = gateways[probe.peer].watch.answer(code, probe.raw)
                gateway.watch.replied(probe, Probed(answer), now_s, 0.001)
    for gateway in gateways.values():
        for log in list(gateway.engine.logs.values()):
            if log.row.author == gateway.config.member:
                held = answer_ask(gateways[log.row.reader].engine, log.row.origin)
                gateway.engine.run([Settle(log.row.origin, held)])


def _offer(gateway: Gateway, messages: int) -> None:
    offer = Offer("AF/receiver", "bench", "m.xml", "application/xml", BODY)
    command = Submit("KZ/sender", frozenset(), "documents", "offer", "", b"", offer)
    for start in range(0, messages, BATCH):
        outcomes = gateway.engine.run([command] * min(BATCH, messages - start))
        if any(not hasattr(one, "case_id") for one in outcomes):
            raise OperatorError(f"KZ does not send: {outcomes[0]}", code="bench_unproven")


class _Relay:
    """The relay, and its neighbours, whose time does not count."""

    def __init__(self, gateways: dict[str, Gateway]) -> None:
        self._gateways = gateways
        self._here = gateways["UZ"].engine
        self._wall_s = self._cpu_s = 0.0

    def run(self, messages: int) -> RelayFigures:
        """Carry everything through it."""
        onward, back = self._log("UZ", "AF"), self._log("UZ", "KZ")
        first = onward.row.size, back.row.size
        for raw in _batches(self._gateways["KZ"], self._log("KZ", "UZ")):
            self._timed(partial(self._take, raw))
            self._pass_on("AF")
            self._timed(partial(self._here.run, [Report()]))
            self._pass_on("KZ")
        onward, back = self._log("UZ", "AF"), self._log("UZ", "KZ")
        handed_on = onward.row.cosigned_size - first[0]
        if handed_on != messages or back.row.size == first[1] or self._here.site.owed:
            raise OperatorError(f"of {messages} messages the relay handed on {handed_on}", code="bench_unproven")
        return RelayFigures(round(messages / self._wall_s), round(self._cpu_s / messages * 1e6, 1))

    def _take(self, raw: bytes) -> None:
        self._here.run([Arrive(batch.decode(raw))])

    def _log(self, author: str, reader: str) -> Log:
        logs = self._gateways[author].engine.logs.values()
        return next(log for log in logs if (log.row.author, log.row.reader, log.row.lane) == (author, reader, 0))

    def _timed(self, work: Callable[[], Any]) -> Any:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        result = work()
        self._wall_s += time.perf_counter() - wall_s
        self._cpu_s += time.process_time() - cpu_s
        return result

    def _pass_on(self, reader: str) -> None:
        """Send what the relay has for a neighbour, and give it the neighbour's signature."""
        log = self._log("UZ", reader)
        start = log.row.cosigned_size
        while start < log.row.size:
            start, note, raw = self._timed(partial(pack, self._here, log, start))
            there = self._gateways[reader].engine
            (outcome,) = there.run([Arrive(batch.decode(raw))])
            if not isinstance(outcome, Cosigned):
                raise OperatorError(f"{reader} does not take a batch: {outcome}", code="bench_unproven")
            lines = parse_cosignatures(cosigned_lines(there, outcome.note))
            given = Acknowledge(log.row.origin, note, lines)
            self._timed(partial(self._here.run, [given]))


def _batches(gateway: Gateway, log: Log) -> list[bytes]:
    """What the origin has for the relay, in batches as it would send them."""
    found, start = [], log.row.cosigned_size
    while start < log.row.size:
        start, _, raw = pack(gateway.engine, log, start)
        found.append(raw)
    return found


def choose_ms(members: int = 200, links: int = 1_000) -> float:
    """Milliseconds to find a path over a map that no corridor will soon have; the median of 15."""
    chance = random.Random(3)  # noqa: S311 - it must be the same in every run
    codes = [f"M{number:03}" for number in range(members)]
    found: dict[tuple[str, str], MapLink] = {}
    while len(found) < links:
        ends = ends_of(*chance.sample(codes, 2))
        found[ends] = MapLink(ends, Condition.UP, chance.randrange(1_000, 90_000), 0, 3, chance.randrange(10), 1 << 20)
    topology = Topology(found)
    times = []
    for _ in range(15):
        origin, destination = chance.sample(codes, 2)
        began = time.perf_counter()
        path.find(topology, Rules(), Need(origin, destination, "payments", 1_500), 1)
        times.append(time.perf_counter() - began)
    return round(sorted(times)[len(times) // 2] * 1_000, 2)
