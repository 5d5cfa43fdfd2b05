"""How long things take: what ``darwaza bench study`` reports.

Times are wall-clock seconds on the machine at hand. The plainest program of an SNDlib model is timed in the same run
as ours, right after it, with the same solver, gap, seed and one thread, so that the two can be compared whatever else
the machine is doing.
"""

import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darwaza.errors import InvariantError, OperatorError
from darwaza.study import network, run
from darwaza.study.design import exact, heuristic, routes, verify
from darwaza.study.design.program import Outcome, Program
from darwaza.study.money.risk import monte_carlo
from darwaza.study.network import Leg
from darwaza.study.scenario.load import load
from darwaza.study.scenario.model import Alternative, Scenario
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
SYNTHETIC_SITES, SYNTHETIC_LINKS, SYNTHETIC_MEMBERS, SYNTHETIC_REGIONS = 1_000, 3_000, 60, 5
SYNTHETIC_SECONDS = 40.0
"""After which the search of the synthetic corridor ends, routes included."""
SYNTHETIC_QUAKE_KM, SYNTHETIC_DEGREE_MIN, SYNTHETIC_RTT_MS_MAX = 300.0, 4, 200.0
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
        found["synthetic"] = synthetic_times(load(scenario), tell)
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


def synthetic(base: Scenario, sites: int, links: int, members: int, *, seed: int) -> tuple[Scenario, dict[str, Leg]]:
    """A made-up corridor with the prices of ``base``: sites in a square of 4,000 km, each joined to its nearest.

    Every link can be built. The square's quarters are mountain sections whose links fail together in an earthquake;
    every protected demand has to survive each of them, and every single link.

    Args:
        base: gives equipment, terrain, economics, and a member and a region to multiply.
        sites: how many.
        links: how many.
        members: how many; each sends to all of ``SYNTHETIC_REGIONS``.
        seed: of the draw.
    """
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
    degree = Counter(site for ends in joined for site in ends)
    # Where every link of a site may fail at once nothing can be protected, as in a real study at a member's own border.
    sound = [n for n in range(sites) if degree[n] >= SYNTHETIC_DEGREE_MIN and not _quake(places[n])]
    chosen = draw.sample(sound, members + SYNTHETIC_REGIONS)
    scenario = _made_up(base, places, joined, chosen, draw)
    return scenario, network.legs(scenario)


def _quake(place: tuple[float, float]) -> str:
    """The mountain section a place lies on, or none: a disc in the middle of each quarter of the square."""
    x, y = place
    near = math.dist((x % 2000, y % 2000), (1000, 1000)) < SYNTHETIC_QUAKE_KM
    return f"quake{int(x // 2000)}{int(y // 2000)}" if near else ""


def _made_up(
    base: Scenario,
    places: Sequence[tuple[float, float]],
    joined: Iterable[tuple[int, int]],
    chosen: Sequence[int],
    draw: random.Random,
) -> Scenario:
    """``base`` with other sites, links, members and regions; ``chosen`` are the members' sites, then the regions'."""
    site, group = next(iter(base.sites.values())), next(g for g in base.groups.values() if g.kind == "mountain")
    member, region = next(iter(base.members.values())), next(iter(base.regions.values()))
    link = next(link for link in base.links.values() if link.status == "candidate")

    links = {}
    for a, b in joined:
        struck = tuple(sorted({_quake(places[a]), _quake(places[b])} - {""}))
        length = replace(base.equipment.detour, base=math.dist(places[a], places[b]))
        name = f"{a}-{b}"
        links[name] = replace(link, id=name, a=str(a), b=str(b), via=(), length=length, groups=struck, owner="XX")
    names = sorted({name for link in links.values() for name in link.groups})
    members = {
        f"M{n}": replace(
            member, id=f"M{n}", site=str(a), avoid=(), demand=replace(member.demand, base=draw.uniform(10, 100))
        )
        for n, a in enumerate(chosen[:-SYNTHETIC_REGIONS])
    }
    regions = {
        f"R{n}": replace(
            region,
            id=f"R{n}",
            sites=(str(a),),
            working_rtt_ms_max=replace(region.working_rtt_ms_max, base=SYNTHETIC_RTT_MS_MAX),
            protection_rtt_ms_max=replace(region.protection_rtt_ms_max, base=SYNTHETIC_RTT_MS_MAX),
        )
        for n, a in enumerate(chosen[-SYNTHETIC_REGIONS:])
    }
    return replace(
        base,
        sites={str(n): replace(site, id=str(n), country="XX", role="hub") for n in range(len(places))},
        links=links,
        groups={name: replace(group, id=name, country="", protect=True) for name in names},
        members=members,
        regions=regions,
        avoid=(),
        alternatives=(Alternative("all", "all", tuple(links), required=True),),
    )


def synthetic_times(base: Scenario, tell: Progress) -> dict[str, Any]:
    """Seconds and gap of the heuristic on a made-up corridor, routes included, and what the independent check finds."""
    scenario, legs = synthetic(base, SYNTHETIC_SITES, SYNTHETIC_LINKS, SYNTHETIC_MEMBERS, seed=7)
    [plan] = scenario.alternatives
    started = time.perf_counter()
    options = routes.choices(scenario, legs, frozenset(plan.candidates))
    served = [option for option in options if option.pairs]
    volumes = {
        (stage, option.member, option.region): scenario.members[option.member].demand.base * (1 + stage)
        for stage in range(len(scenario.stages))
        for option in served
    }
    routed = time.perf_counter() - started
    limit = SYNTHETIC_SECONDS - routed
    design = heuristic.solve(
        scenario,
        legs,
        served,
        volumes,
        plan,
        time_limit_s=limit,
        progress=lambda share: tell("synthetic", share),
    )
    seconds = time.perf_counter() - started
    if design is None:
        raise InvariantError("the heuristic found no design of the synthetic corridor")
    return {
        "sites": SYNTHETIC_SITES,
        "links": len(legs),
        "demands": len(options),
        "unserved": len(options) - len(served),
        "stages": len(scenario.stages),
        "failures": len(legs) + len(scenario.groups),
        "seconds": round(seconds, 2),
        "routes_seconds": round(routed, 2),
        "cost": design.cost,
        "bound": design.bound,
        "gap": design.gap,
        "too_large_for_exact": exact.too_large(scenario, legs, served),
        "violations": len(verify.stage_violations(scenario, design, volumes)),
    }
