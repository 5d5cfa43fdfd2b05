"""``darwaza bench route``: the eight gateways of the CAREC profile on this machine, and the load besides.

One member sends registered documents to another that is no neighbour, at a steady rate. In the middle of it the relay
that carries them is killed (SIGKILL). Throughput of one relay and the search for paths are measured by themselves.
"""

import asyncio
import itertools
import tempfile
import time
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.bootstrap import KEY_FOLDER, profile_folder
from darwaza.entry.bench import load
from darwaza.entry.bench.relay import choose_ms, relay_per_s
from darwaza.entry.local import LocalCorridor
from darwaza.errors import OperatorError
from darwaza.kernel import instant
from darwaza.kernel.message import decode_header
from darwaza.kernel.relay import decode_envelope
from darwaza.kernel.trail import RELAY_KIND
from darwaza.storage import STORE_FILE

ORIGIN, DESTINATION, POLICY = "KZ", "PK", "avoid CN"
PACED_PER_S = 50
CONNECTIONS = 48
KILL_AFTER_SHARE = 3
ARRIVE_S_MAX = 60.0
READY_S_MAX = 60.0


class RouteFigures(msgspec.Struct):
    """What was measured.

    Attributes:
        path: members the documents went by before the kill.
        path_after: after it.
        sent: documents accepted in all.
        p50_ms: from due to signed by the destination, before and after the switch.
        relay_ms_p50: from one gateway's commit to the next one's, link and relay together.
        relay_messages_per_s: what one relay takes, checks, hands on and has on its disk, of 1.5 kB each.
        switch_s: the longest any document took from due to signed by its destination.
        lost: accepted and not arrived.
        doubled: arrived more than once.
        choose_ms: to find a path among 200 members and 1,000 links.
    """

    path: list[str]
    path_after: list[str]
    sent: int
    p50_ms: float
    relay_ms_p50: float
    relay_messages_per_s: int
    switch_s: float
    lost: int
    doubled: int
    choose_ms: float


def carec() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Names of the profile's members, and its links."""
    profile = tomllib.loads((profile_folder(Path(), "carec") / "corridor.toml").read_text("utf-8"))
    names = {member["code"]: member["name"] for member in profile["members"]}
    return names, [(link["ends"][0], link["ends"][1]) for link in profile["links"]]


def write_terms(corridor: LocalCorridor) -> None:
    """Tell every gateway what the profile says of its links."""
    profile = tomllib.loads((profile_folder(Path(), "carec") / "corridor.toml").read_text("utf-8"))
    for code in corridor.names:
        lines = []
        for link in profile["links"]:
            if code in link["ends"]:
                peer = next(one for one in link["ends"] if one != code)
                lines.append(f"[links.{peer}]\ncapacity_class = {link['capacity_class']}\nprice_class = 1\n")
                lines.append(f"latency_us = {link['latency_us']}\n")
        (corridor.path(code) / "routing.toml").write_text("".join(lines), "utf-8")


def wait_until_mapped(corridor: LocalCorridor, code: str, policy: str = "", to: str = DESTINATION) -> list[str]:
    """Wait until a gateway knows a way; returns it.

    Raises:
        OperatorError: ``not_delivered``.
    """
    links = len(carec()[1])
    until = time.monotonic() + READY_S_MAX
    with corridor.client(code) as client:
        while time.monotonic() < until:
            ups = sum(link["condition"] == "up" for link in client.routes()["links"])
            found: list[str] | None = client.explain_route(to, policy=policy)["chosen"]
            if found and ups >= links:
                return found
            time.sleep(0.2)
    raise OperatorError(f"{code} knows no way to {to}", code="not_delivered")


def measure(*, seconds: float, messages: int, report: Any) -> RouteFigures:
    """Found the corridor, load it, kill a relay, and measure.

    Args:
        seconds: length of the run at a steady rate; the relay is killed after a third of it.
        messages: handed through one relay to measure what it can do.
        report: told what is being done.
    """
    names, links = carec()
    with tempfile.TemporaryDirectory() as folder:
        report(f"one relay: {messages:,} messages")
        per_s = relay_per_s(Path(folder), messages)
        corridor = LocalCorridor(Path(folder) / "corridor", names, links=links)
        write_terms(corridor)
        token = corridor.add_party(ORIGIN, "sender")
        corridor.add_party(DESTINATION, "receiver")
        report("eight gateways start")
        corridor.start()
        try:
            first = wait_until_mapped(corridor, ORIGIN, POLICY)
            report(f"{PACED_PER_S} a second over {'-'.join(first)} for {seconds:.0f} s; a relay is killed on the way")
            path: list[str] = []
            latencies = uvloop.run(_load(corridor, token, seconds, path))
            with corridor.client(ORIGIN) as client:
                after = client.explain_route(DESTINATION, policy=POLICY)["chosen"] or []
            _wait_until_arrived(corridor)
        finally:
            corridor.stop()
        lost, doubled, relays = _count(corridor, len(latencies))
        latencies.sort()
        return RouteFigures(
            path=path,
            path_after=after,
            sent=len(latencies),
            p50_ms=round(latencies[len(latencies) // 2] * 1_000, 1),
            relay_ms_p50=sorted(relays)[len(relays) // 2],
            relay_messages_per_s=per_s,
            switch_s=round(latencies[-1], 2),
            lost=lost,
            doubled=doubled,
            choose_ms=choose_ms(),
        )


async def _load(corridor: LocalCorridor, token: str, seconds: float, path: list[str]) -> list[float]:
    certificate = corridor.path(ORIGIN) / KEY_FOLDER / "tls.pem"

    def killing() -> None:
        """Kill whoever carries the documents by now."""
        with corridor.client(ORIGIN) as client:
            path.extend(client.explain_route(DESTINATION, policy=POLICY)["chosen"])
        corridor.kill(path[1])

    numbers = itertools.count()

    def make(_: int) -> bytes:
        target = f"/v1/documents?to={DESTINATION}/receiver&title=bench&filename=m.xml"
        headers = (
            ("content-type", "application/xml"),
            ("idempotency-key", f"{next(numbers):020d}"),
            ("prefer", "wait=25"),
        )
        return load.request("POST", target, token, b"%020d" % time.time_ns() + b"x" * 1_400, *headers)

    async with load.connected(corridor.port(ORIGIN), certificate, CONNECTIONS * 4) as opened:
        asyncio.get_running_loop().call_later(seconds / KILL_AFTER_SHARE, killing)
        timed = await load.pace(opened, make, per_s=PACED_PER_S, seconds=seconds)
    return [one.latency_s for one in timed]


def _wait_until_arrived(corridor: LocalCorridor) -> None:
    until = time.monotonic() + ARRIVE_S_MAX
    with corridor.client(ORIGIN) as client:
        while client.routes()["under_way"] and time.monotonic() < until:
            time.sleep(0.2)


def _count(corridor: LocalCorridor, sent: int) -> tuple[int, int, list[float]]:
    """What is in the destination's store: documents lost, arrived twice, and milliseconds from relay to relay."""
    store = SqliteStore(corridor.path(DESTINATION) / STORE_FILE)
    try:
        arrived: dict[str, int] = {}
        for notice in store.notices(f"{DESTINATION}/receiver", 0, 1_000_000):
            if notice.kind == "document.arrived":
                arrived[notice.case_id] = arrived.get(notice.case_id, 0) + 1
        relays = []
        for row in store.logs():
            for leaf in store.scan_leaves(row.id) if row.reader == DESTINATION else ():
                header = decode_header(leaf.header)
                if header.kind == RELAY_KIND:
                    made = [decode_header(hop.header).created_at for hop in decode_envelope(leaf.body).hops]
                    times = [instant.from_text(text) for text in (*made, header.created_at)]
                    relays += [(two - one) / timedelta(milliseconds=1) for one, two in itertools.pairwise(times)]
        return sent - len(arrived), sum(count > 1 for count in arrived.values()), relays or [0.0]
    finally:
        store.close()
