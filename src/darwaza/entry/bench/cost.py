"""What gateway processes spend: CPU by process and by stage of the engine, memory; and percentiles of times."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from darwaza.entry.bench.postgres import Server
from darwaza.entry.local import LocalCorridor

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, user and system."""
    return sum(map(int, _stat(pid)[11:13])) / _TICKS


def server_cpu_s(server: Server) -> float:
    """CPU seconds of all processes of a database server so far, those that have ended too."""
    first = server.pid
    ticks = sum(map(int, _stat(first)[11:15]))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(int(process.name))
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == first:
            ticks += sum(map(int, fields[11:13]))
    return ticks / _TICKS


def _stat(pid: int) -> list[str]:
    """Fields of a process from its state on, see proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def status_mb(pid: int, name: str) -> float:
    """A size that ``/proc`` tells of a process, MiB: ``VmHWM`` is the largest resident memory so far."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def memory_mb(corridor: LocalCorridor) -> float:
    """The largest resident memory any gateway of a corridor has had, MiB."""
    return max(status_mb(corridor.pid(code), "VmHWM") for code in corridor.names)


def spent_s(corridor: LocalCorridor, sides: Mapping[str, str], servers: Mapping[str, Server]) -> dict[str, float]:
    """Seconds of CPU so far, by process and by stage of its engine, and of database servers.

    Args:
        corridor: whose gateways run.
        sides: names by member.
        servers: those that hold stores, by member.
    """
    found: dict[str, float] = {}
    for code, name in sides.items():
        found[name] = cpu_s(corridor.pid(code))
        with corridor.client(code) as client:
            for stage, seconds in client.operator.stages().items():
                found[f"{name} {stage}"] = seconds
        if code in servers:
            found[f"{name} server"] = server_cpu_s(servers[code])
    return found


def each_us(before: Mapping[str, float], after: Mapping[str, float], count: int) -> dict[str, float]:
    """Microseconds for each of so many, by the names of two looks at what was spent."""
    return {name: round((after[name] - before[name]) / count * 1e6, 1) for name in after}


def percentile_ms(seconds: Sequence[float], share: float) -> float:
    """The time that a share (0 to below 1) of some times is at most, in milliseconds."""
    return round(sorted(seconds)[int(len(seconds) * share)] * 1_000, 1)
