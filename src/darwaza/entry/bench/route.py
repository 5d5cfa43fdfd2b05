"""``darwaza bench route``: the eight gateways of the CAREC profile on this machine, and the load besides.

Three measurements. What a relay adds (``hop``): nobody is killed, the rate is modest. A relay killed under load
(``switch``). One relay by itself, and the search for paths (``relay``).
"""

import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import uvloop

from darwaza.bootstrap import profile_folder
from darwaza.entry.bench.hop import PER_S, HopRun, Ways
from darwaza.entry.bench.passage import Arrivals, arrivals, unproven
from darwaza.entry.bench.relay import RelayFigures, choose_ms, measure_relay
from darwaza.entry.bench.switch import SwitchRun
from darwaza.entry.local import LocalCorridor
from darwaza.errors import OperatorError

PATH: Final = ("KZ", "UZ", "AF", "PK")
ORIGIN, DESTINATION, POLICY = PATH[0], PATH[-1], "avoid CN"
ARRIVE_S_MAX = 60.0
READY_S_MAX = 60.0

Report = Callable[[str], None]


class RouteFigures(msgspec.Struct):
    """What was measured.

    Attributes:
        path: members the documents went by before the kill.
        path_after: after it.
        direct_ms_p50: from due to heard of by the recipient, over the first link of the path alone.
        path_ms_p50: over all of it.
        relay_ms_p50: what one relay adds: the difference by the number of relays, the median of the rounds.
        relay_ms_rounds: of each round.
        relay_messages_per_s: what one relay takes, hands on, has signed for and reports, of 1.4 kB each.
        relay_cpu_us: processor time of that, a message.
        switch_s: the longest any document took from due to signed by its destination, the kill in between.
        switched: documents sent in that run.
        lost: accepted and not arrived.
        doubled: arrived more than once.
        choose_ms: to find a path among 200 members and 1,000 links.
    """

    path: list[str]
    path_after: list[str]
    direct_ms_p50: float
    path_ms_p50: float
    relay_ms_p50: float
    relay_ms_rounds: list[float]
    relay_messages_per_s: int
    relay_cpu_us: float
    switch_s: float
    switched: int
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
            ups = sum(link["condition"] == "up" for link in client.operator.routes()["links"])
            found: list[str] | None = client.operator.explain_route(to, policy=policy)["chosen"]
            if found and ups >= links:
                return found
            time.sleep(0.2)
    raise OperatorError(f"{code} knows no way to {to}", code="not_delivered")


def measure(*, seconds: float, messages: int, report: Report) -> RouteFigures:
    """Found the corridor, measure, kill a relay under load, and measure that.

    Args:
        seconds: length of each of the two runs; in the second a relay is killed after a third of it.
        messages: handed through one relay to measure what it can do.
        report: told what is being done.

    Raises:
        OperatorError: ``bench_unproven``: documents did not go the way they had to, so that there is no figure.
    """
    with tempfile.TemporaryDirectory(prefix="darwaza-bench-") as folder:
        report(f"one relay: {messages:,} messages")
        relay = measure_relay(Path(folder) / "relay", messages)
        corridor, ways = _found(Path(folder) / "corridor")
        report("eight gateways start")
        corridor.start()
        try:
            wait_until_mapped(corridor, ORIGIN, POLICY)
            report(f"what a relay adds: {PER_S} a second over {'-'.join(PATH)} for {seconds:.0f} s")
            hops = HopRun(corridor, ways)
            uvloop.run(hops.run(seconds))
            report(f"a relay is killed under {PER_S} a second to {DESTINATION}")
            switch = SwitchRun(corridor, msgspec.structs.replace(ways, policy=POLICY))
            uvloop.run(switch.run(seconds))
            _wait_until_arrived(corridor)
        finally:
            corridor.stop()
        _check_paths(hops.direct_ids, arrivals(corridor, PATH[1], "receiver"), PATH[:2])
        arrived = arrivals(corridor, DESTINATION, "receiver")
        _check_paths(hops.case_ids, arrived, PATH)
    return _figures(relay, hops, switch, arrived)


def _found(folder: Path) -> tuple[LocalCorridor, Ways]:
    names, links = carec()
    corridor = LocalCorridor(folder, names, links=links)
    write_terms(corridor)
    token = corridor.add_party(ORIGIN, "sender")
    receivers = {code: corridor.add_party(code, "receiver") for code in names if code != ORIGIN}
    return corridor, Ways(token, PATH, f"through {' '.join(PATH[1:-1])}; hops {len(PATH) - 1}", receivers)


def _check_paths(case_ids: list[str], arrived: Arrivals, path: tuple[str, ...]) -> None:
    strayed = {one for case_id in case_ids for one in arrived.paths.get(case_id, {()})} - {path}
    if strayed:
        raise unproven(f"documents took other paths than {'-'.join(path)}: {sorted(strayed)}")


def _figures(relay: RelayFigures, hops: HopRun, switch: SwitchRun, arrived: Arrivals) -> RouteFigures:
    lost, doubled = switch.judge(arrived)
    return RouteFigures(
        path=list(switch.path),
        path_after=list(switch.path_after(arrived)),
        direct_ms_p50=round(median(one for part in hops.rounds for one in part.direct_s) * 1_000, 2),
        path_ms_p50=round(median(one for part in hops.rounds for one in part.path_s) * 1_000, 2),
        relay_ms_p50=round(median(hops.added_ms), 2),
        relay_ms_rounds=hops.added_ms,
        relay_messages_per_s=relay.messages_per_s,
        relay_cpu_us=relay.cpu_us,
        switch_s=round(max(switch.latencies), 2),
        switched=len(switch.accepted),
        lost=lost,
        doubled=doubled,
        choose_ms=choose_ms(),
    )


def _wait_until_arrived(corridor: LocalCorridor) -> None:
    until = time.monotonic() + ARRIVE_S_MAX
    with corridor.client(ORIGIN) as client:
        while client.operator.routes()["under_way"] and time.monotonic() < until:
            time.sleep(0.2)
