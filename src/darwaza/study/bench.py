"""How long things take: what ``darwaza bench study`` reports.

Times are wall-clock seconds on the machine at hand. The plainest program of an SNDlib model is timed in the same run
as ours, right after it, with the same solver, gap, seed and one thread, so that the two can be compared whatever else
the machine is doing.
"""

import math
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
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

MODEL = "U-U-M-N-C-A-N-N"
BIDIRECTED = "D-B-M-N-C-A-N-N"


@dataclass(frozen=True, slots=True)
class Instance:
    """One SNDlib model whose value is known.

    Attributes:
        network: name of its folder.
        model: name of the model file.
        known: published or proved optimum; None where only bounds are known.
        within: published lower and upper bound of the optimum.
        both_ways: routing cost counts both directions of a bidirected link (Raack's rule), not the larger.
        quick: proved within minutes; the others run into the time limit and are timed only when named.
    """

    network: str
    model: str = MODEL
    known: float | None = None
    within: tuple[float, float] | None = None
    both_ways: bool = False
    quick: bool = True

    @property
    def name(self) -> str:
        """How the instance is called in results and by ``--only``."""
        tail = "" if self.model == MODEL else f":{self.model[:5]}"
        return self.network + tail + ("+" if self.both_ways else "")


INSTANCES = (
    Instance("abilene", known=194_020.0),
    Instance("polska", known=23_619.0),
    Instance("pdh", known=10_903_843.0),
    Instance("abilene", BIDIRECTED, known=114_606.0),
    Instance("polska", BIDIRECTED, known=15_717.0),
    Instance("atlanta", BIDIRECTED, known=37_120_715.4),
    Instance("atlanta", BIDIRECTED, known=46_244_642.4, both_ways=True),
    Instance("dfn-gwin", known=38_752.0, quick=False),
    Instance("pdh", BIDIRECTED, quick=False),
    Instance("newyork", BIDIRECTED, within=(886_506.0, 999_702.0), both_ways=True, quick=False),
)
"""Values: Raack, INOC 2007 (both ways); MIPLIB dfn-gwin-UUM; the others proved with HiGHS."""
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
        only: any of ``carec``, ``monte_carlo``, ``synthetic``, names of ``INSTANCES`` and of other folders of
            ``instances``; empty for all quick ones.
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
    wanted = [item for item in INSTANCES if (item.name in only if only else item.quick)]
    others = only - {"carec", "monte_carlo", "synthetic", *(item.name for item in INSTANCES)}
    wanted += [Instance(name) for name in sorted(others)]
    if instances is not None:
        found["sndlib"] = {item.name: instance_times(instances, item, time_limit_s, tell) for item in wanted}
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


def instance_times(instances: Path, item: Instance, time_limit_s: float, tell: Progress) -> dict[str, Any]:
    """Seconds to the proven optimum with our program and with the plainest one.

    Returns:
        ``seconds`` and ``gap`` of ours, ``plain_seconds`` and ``plain_gap`` of the plainest; objective and bound; and
        ``known`` or ``within``, what is published.

    Raises:
        OperatorError: the instance's files are not there.
    """
    folder = instances / item.network
    files = folder / f"{item.network}.txt", folder / f"{item.model}.txt"
    for path in files:
        if not path.is_file():
            raise OperatorError(f"{path} is not there")
    network, model = native.read_network(files[0]), native.read_model(files[1])
    tell(item.name, 0.0)
    ours, seconds = _timed(lambda: solve.tuned(network, model, routing_sum=item.both_ways), time_limit_s)
    tell(item.name, 0.5)
    plain, plain_seconds = _timed(lambda: solve.plain(network, model, routing_sum=item.both_ways), time_limit_s)
    tell(item.name, 1.0)
    return {
        "seconds": seconds,
        "plain_seconds": plain_seconds,
        "gap": _finite(ours.gap),
        "objective": _finite(ours.objective),
        "bound": ours.bound,
        "known": item.known,
        "within": item.within,
        "plain_gap": _finite(plain.gap),
        "plain_objective": _finite(plain.objective),
    }


def _finite(value: float) -> float | None:
    """``value``, or None when nothing was found: JSON has no infinity."""
    return value if math.isfinite(value) else None


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
