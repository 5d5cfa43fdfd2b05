"""How long things take: what ``darwaza study bench`` and the benchmark suite report.

Times are wall-clock seconds on the machine at hand. The plainest program of an SNDlib model is timed in the same run
as ours, right after it, with the same solver, gap, seed and one thread, so that the two can be compared whatever else
the machine is doing.
"""

import math
import random
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

from darwaza.errors import OperatorError
from darwaza.study import run
from darwaza.study.design import heuristic
from darwaza.study.design.program import Outcome, Program
from darwaza.study.money.risk import monte_carlo
from darwaza.study.scenario.load import load
from darwaza.study.sndlib import native, solve
from darwaza.study.stage import Stages

INSTANCES = ("abilene", "polska", "pdh")
MODEL = "U-U-M-N-C-A-N-N"
MONTE_CARLO_RUNS = 10_000
SYNTHETIC_SITES, SYNTHETIC_LINKS, SYNTHETIC_HUBS, SYNTHETIC_DEMANDS = 1_000, 3_000, 60, 1_500
Progress = Callable[[str, float], None]


def measure(
    scenario: Path,
    instances: Path | None,
    *,
    time_limit_s: float,
    only: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure everything, or what ``only`` names.

    Args:
        scenario: the study timed end to end.
        instances: folder of SNDlib instances; None leaves them out.
        time_limit_s: per SNDlib solve.
        only: any of ``carec``, ``monte_carlo``, ``synthetic`` and names of instances; empty for all.
        progress: told what is being timed.

    Returns:
        ``carec_s``, ``monte_carlo_s``, ``sndlib`` (name -> seconds, plain_seconds, gap, ...) and ``synthetic``.

    Raises:
        OperatorError: an instance that was asked for by name is not there.
    """
    tell = progress or (lambda _name, _share: None)
    found: dict[str, Any] = {}
    if not only or only & {"carec", "monte_carlo"}:
        found |= study_times(scenario, tell, whole=not only or "carec" in only)
    wanted = [name for name in INSTANCES if not only or name in only]
    wanted += sorted(only - {"carec", "monte_carlo", "synthetic", *INSTANCES})
    if instances is not None:
        found["sndlib"] = {name: instance_times(instances, name, time_limit_s, tell) for name in wanted}
    elif only and wanted:
        raise OperatorError("SNDlib instances were asked for, but their folder was not named (--instances)")
    if not only or "synthetic" in only:
        found["synthetic"] = synthetic_times(tell)
    return found


def study_times(scenario: Path, tell: Progress, *, whole: bool) -> dict[str, Any]:
    """Seconds of the whole study with its report from nothing, and of the Monte Carlo alone."""
    found: dict[str, Any] = {}
    read = load(scenario)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        started = time.perf_counter()
        if whole:
            run.report(read, out, progress=tell)
            found["carec_s"] = round(time.perf_counter() - started, 2)
        case = run.work(read, Stages(out, read.digest), tell).case
        started = time.perf_counter()
        monte_carlo(case, runs=MONTE_CARLO_RUNS, seed=read.seed)
        found["monte_carlo_s"] = round(time.perf_counter() - started, 3)
    return found


def instance_times(instances: Path, name: str, time_limit_s: float, tell: Progress) -> dict[str, Any]:
    """Seconds to the proven optimum with our program and with the plainest one."""
    folder = instances / name
    if not (folder / f"{name}.txt").is_file():
        raise OperatorError(f"{folder / (name + '.txt')} is not there")
    network = native.read_network(folder / f"{name}.txt")
    model = native.read_model(folder / f"{MODEL}.txt")
    tell(name, 0.0)
    ours, seconds = _timed(lambda: solve.tuned(network, model), time_limit_s)
    tell(name, 0.5)
    plain, plain_seconds = _timed(lambda: solve.plain(network, model), time_limit_s)
    tell(name, 1.0)
    return {
        "seconds": seconds,
        "plain_seconds": plain_seconds,
        "gap": ours.gap,
        "objective": ours.objective,
        "bound": ours.bound,
        "plain_gap": plain.gap,
        "plain_objective": plain.objective,
    }


def _timed(build: Callable[[], Program], time_limit_s: float) -> tuple[Outcome, float]:
    started = time.perf_counter()
    outcome = solve.solve(build(), time_limit_s=time_limit_s)
    return outcome, round(time.perf_counter() - started, 3)


def synthetic(
    sites: int, links: int, hubs: int, demands: int, *, seed: int
) -> tuple[list[heuristic.Edge], list[heuristic.Want]]:
    """A random planar-like network: sites in a square of 4,000 km, each joined to its nearest, demands between hubs."""
    draw = random.Random(seed)  # noqa: S311 - a test network, not a secret
    places = [(draw.random() * 4000, draw.random() * 4000) for _ in range(sites)]

    def km(a: int, b: int) -> float:
        return math.dist(places[a], places[b])

    nearest = [sorted((j for j in range(sites) if j != i), key=lambda j: km(i, j))[:16] for i in range(sites)]
    joined: dict[tuple[int, int], None] = {}
    for rank in range(16):
        for site in range(sites):
            if len(joined) < links:
                other = nearest[site][rank]
                joined[min(site, other), max(site, other)] = None
    edges = [
        heuristic.Edge(a, b, build=km(a, b) * 15_000, module=800, price=100_000 + km(a, b) * 1_500) for a, b in joined
    ]
    chosen = draw.sample(range(sites), hubs)
    pairs = list(combinations(chosen, 2))[:demands]
    wants = [heuristic.Want(a, b, draw.choice((100.0, 200.0, 400.0, 800.0, 1600.0))) for a, b in pairs]
    return edges, wants


def synthetic_times(tell: Progress) -> dict[str, Any]:
    """Seconds and gap of the heuristic on a synthetic network."""
    edges, wants = synthetic(SYNTHETIC_SITES, SYNTHETIC_LINKS, SYNTHETIC_HUBS, SYNTHETIC_DEMANDS, seed=7)
    started = time.perf_counter()
    plan = heuristic.design(SYNTHETIC_SITES, edges, wants, progress=lambda share: tell("synthetic", share))
    return {
        "sites": SYNTHETIC_SITES,
        "links": len(edges),
        "demands": len(wants),
        "unserved": sum(1 for pair in plan.pairs if pair is None),
        "seconds": round(time.perf_counter() - started, 2),
        "cost": plan.cost,
        "bound": plan.bound,
        "gap": plan.gap,
        "rounds": plan.rounds,
    }
