"""SNDlib models as mixed-integer programs.

Two formulations of the same problem. ``plain`` is the first thing one would write: one flow per demand, conservation
at each node, capacity on each link. ``tuned`` gives the solver the same problem in fewer columns and rows: demands that
may be split are gathered into one commodity per node of a vertex cover of the demand graph (per source where direction
matters), and the row of conservation that the others imply is left out. Where a whole commodity fits into the smallest
module, so that capacity hardly binds and the price of opening a link decides, each commodity is tied to the modules of
each link as well; on newyork that takes the proven gap from three quarters to a quarter in the same time. Both have
the same optimum; ``bench`` times one against the other. Stating capacity cuts around nodes as well was tried: the
solver finds them by itself, and the larger program took four times as long on pdh.

Words of the format and how they are read here:

- DIRECTED links carry flow from source to target; BIDIRECTED ones offer the same capacity each way; UNDIRECTED ones
  share theirs between both ways.
- Routing cost counts the flow both ways together on undirected links and the larger of the two on bidirected ones
  (SNDlib's rule); ``routing_sum`` counts both ways on bidirected links too, as Raack's published bounds do.
- UNRESTRICTED_FLOW_RECONFIGURATION: for each single link failure all traffic can be routed anew.
- ONE_PLUS_ONE_PROTECTION: every demand has its full volume on two paths that share no link.
"""

import math
from dataclasses import dataclass, field

from darwaza.errors import MalformedError
from darwaza.study.design.program import Outcome, Program
from darwaza.study.sndlib.native import Link, Model, Network

TAKEN: dict[str, tuple[str, ...]] = {
    "link": ("DIRECTED", "BIDIRECTED", "UNDIRECTED"),
    "demand": ("DIRECTED", "UNDIRECTED"),
    "capacity": (
        "MODULAR_LINK_CAPACITIES",
        "SINGLE_MODULAR_LINK_CAPACITIES",
        "EXPLICIT_LINK_CAPACITIES",
        "LINEAR_LINK_CAPACITIES",
    ),
    "fixed_charge": ("YES", "NO"),
    "routing": ("CONTINUOUS", "INTEGER", "SINGLE_PATH"),
    "paths": ("ALL_PATHS", "EXPLICIT_LIST"),
    "hop_limit": ("INCLUDE_HOP_LIMITS", "IGNORE_HOP_LIMITS"),
    "survivability": ("NO_SURVIVABILITY", "ONE_PLUS_ONE_PROTECTION", "UNRESTRICTED_FLOW_RECONFIGURATION"),
    "node": ("NO_NODE_HARDWARE",),
    "objective": ("MINIMIZE_TOTAL_COST",),
}
"""Words of each model field this solver takes; any other is refused by name."""


@dataclass(slots=True)
class Commodity:
    """Traffic from one node to one or more others, in capacity units.

    Attributes:
        source: where it starts.
        targets: node -> how much ends there.
        unit: capacity a unit of flow takes, for whole-numbered routing.
        hops_max: longest path, or None.
        paths: admissible paths; empty for any.
    """

    source: str
    targets: dict[str, float]
    unit: float = 1.0
    hops_max: int | None = None
    paths: tuple[tuple[str, ...], ...] = ()

    @property
    def total(self) -> float:
        """All it sends."""
        return sum(self.targets.values())


@dataclass(slots=True)
class _Built:
    """A program with the meaning of its columns."""

    network: Network
    model: Model
    routing_sum: bool
    program: Program = field(default_factory=Program)
    modules: dict[str, list[int]] = field(default_factory=dict)
    setups: dict[str, int] = field(default_factory=dict)
    scales: dict[int, float] = field(default_factory=dict)
    forcing: bool = False

    @property
    def undirected(self) -> bool:
        return self.model.link == "UNDIRECTED"


def check(model: Model) -> None:
    """Refuse what is not modelled.

    Raises:
        MalformedError: names the field and the words it may hold.
    """
    for name, words in TAKEN.items():
        found = getattr(model, name)
        if found not in words:
            raise MalformedError(
                f"model field {name}: {found!r} is not supported; supported: {', '.join(words)}",
                code="sndlib_model_unknown",
            )


def plain(network: Network, model: Model, *, routing_sum: bool = False) -> Program:
    """The plainest correct program of ``model`` on ``network``: one commodity per demand, nothing added."""
    check(model)
    return _build(network, model, _per_demand(network), routing_sum=routing_sum, reduced=False)


def tuned(network: Network, model: Model, *, routing_sum: bool = False) -> Program:
    """The same problem for the solver's convenience; see the module docstring."""
    check(model)
    gather = (
        model.routing == "CONTINUOUS"
        and model.paths == "ALL_PATHS"
        and model.hop_limit == "IGNORE_HOP_LIMITS"
        and model.survivability != "ONE_PLUS_ONE_PROTECTION"
    )
    commodities = _per_demand(network)
    if gather:
        directed = model.link == "DIRECTED" or model.demand == "DIRECTED"
        commodities = _by_source(network) if directed else _by_cover(network)
    forcing = gather and model.capacity != "LINEAR_LINK_CAPACITIES" and _roomy(network, commodities)
    return _build(network, model, commodities, routing_sum=routing_sum, reduced=True, forcing=forcing)


def _roomy(network: Network, commodities: list[Commodity]) -> bool:
    """Whether every commodity as a whole fits into the smallest module there is."""
    smallest = min((m.capacity for link in network.links for m in link.modules), default=0.0)
    return max((commodity.total for commodity in commodities), default=0.0) <= smallest


def solve(program: Program, *, time_limit_s: float, gap: float = 1e-6, seed: int = 0) -> Outcome:
    """Solve to proven optimality or report the proven gap when time runs out."""
    return program.solve(gap=gap, time_limit_s=time_limit_s, seed=seed)


def _per_demand(network: Network) -> list[Commodity]:
    return [
        Commodity(d.source, {d.target: d.value * d.routing_unit}, d.routing_unit, d.hops_max, d.paths)
        for d in network.demands
        if d.value > 0
    ]


def _by_source(network: Network) -> list[Commodity]:
    found: dict[str, Commodity] = {}
    for d in network.demands:
        own = found.setdefault(d.source, Commodity(d.source, {}))
        own.targets[d.target] = own.targets.get(d.target, 0.0) + d.value * d.routing_unit
    return list(found.values())


def _by_cover(network: Network) -> list[Commodity]:
    """One commodity per node of a greedy vertex cover: the node with most demands left takes them all."""
    left = {i: d for i, d in enumerate(network.demands) if d.value > 0}
    found = []
    while left:
        degree: dict[str, int] = {}
        for d in left.values():
            for node in (d.source, d.target):
                degree[node] = degree.get(node, 0) + 1
        centre = max(sorted(degree), key=lambda node: degree[node])
        own = Commodity(centre, {})
        for i, d in sorted(left.items()):
            if centre in (d.source, d.target):
                other = d.target if d.source == centre else d.source
                own.targets[other] = own.targets.get(other, 0.0) + d.value * d.routing_unit
                del left[i]
        found.append(own)
    return found


def _build(
    network: Network,
    model: Model,
    commodities: list[Commodity],
    *,
    routing_sum: bool,
    reduced: bool,
    forcing: bool = False,
) -> Program:
    built = _Built(network, model, routing_sum, forcing=forcing)
    built.program.offset = sum(link.installed_cost for link in network.links)
    _capacities(built)
    if model.survivability == "ONE_PLUS_ONE_PROTECTION":
        _protected(built, commodities, reduced=reduced)
    else:
        failures: list[str | None] = [None]
        if model.survivability == "UNRESTRICTED_FLOW_RECONFIGURATION":
            failures += [link.id for link in network.links]
        for failed in failures:
            _routing(built, commodities, failed, reduced=reduced)
    return built.program


def _capacities(built: _Built) -> None:
    """Modules and, per link, what they add up to; the price of being used at all."""
    program, model = built.program, built.model
    for link in built.network.links:
        fixed = model.fixed_charge == "YES" and link.setup_cost > 0
        if fixed:
            built.setups[link.id] = program.column(link.setup_cost, upper=1, integer=True)
        offered = link.modules[:1] if model.capacity == "SINGLE_MODULAR_LINK_CAPACITIES" else link.modules
        columns = []
        for module in offered:
            once = model.capacity == "EXPLICIT_LINK_CAPACITIES"
            whole = model.capacity != "LINEAR_LINK_CAPACITIES"
            columns.append(program.column(module.cost, upper=1 if once else math.inf, integer=whole))
        built.modules[link.id] = columns
        if model.capacity == "EXPLICIT_LINK_CAPACITIES" and len(columns) > 1:
            program.row(dict.fromkeys(columns, 1.0), upper=1)
        if fixed:
            most = sum(d.value * d.routing_unit for d in built.network.demands)
            for module, column in zip(offered, columns, strict=True):
                copies = (
                    1.0 if built.model.capacity == "EXPLICIT_LINK_CAPACITIES" else math.ceil(most / module.capacity)
                )
                program.row({column: 1.0, built.setups[link.id]: -copies}, upper=0)


def _room(built: _Built, link: Link) -> dict[int, float]:
    """The capacity bought on ``link`` as negative terms, to stand on the left of ``load <= installed + bought``."""
    return {column: -module.capacity for column, module in zip(built.modules[link.id], link.modules, strict=False)}


Ways = dict[str, tuple[list[int], list[int]]]
"""Link -> columns of flow from source to target, and back."""


def _routing(built: _Built, commodities: list[Commodity], failed: str | None, *, reduced: bool) -> None:
    """One routing of everything, in the network without link ``failed``; costs count only when nothing failed."""
    links = [link for link in built.network.links if link.id != failed]
    ways: Ways = {link.id: ([], []) for link in links}
    costed = failed is None
    for commodity in commodities:
        if commodity.paths and built.model.paths == "EXPLICIT_LIST":
            _path_flow(built, commodity, ways, links, costed=costed)
        elif built.model.hop_limit == "INCLUDE_HOP_LIMITS" and commodity.hops_max is not None:
            _layered_flow(built, commodity, ways, links, costed=costed)
        else:
            _arc_flow(built, commodity, ways, links, costed=costed, reduced=reduced)
    _loads(built, ways, links, costed=costed)
    if built.forcing:
        _force(built, commodities, ways, links)


def _force(built: _Built, commodities: list[Commodity], ways: Ways, links: list[Link]) -> None:
    """Nothing of a commodity flows over a link that has no module; at most all of it over one that has."""
    for link in links:
        if link.installed > 0:
            continue
        for way in ways[link.id]:
            for commodity, column in zip(commodities, way, strict=True):
                bought = dict.fromkeys(built.modules[link.id], -commodity.total)
                built.program.row({column: 1.0, **bought}, upper=0)


def _flow_cost(built: _Built, link: Link, *, costed: bool) -> float:
    """Routing cost on a flow column: none where the larger direction is charged instead (see ``_loads``)."""
    larger = built.model.link == "BIDIRECTED" and not built.routing_sum
    return link.routing_cost if costed and not larger else 0.0


def _scale(built: _Built, commodity: Commodity) -> tuple[float, float, bool]:
    """Capacity per unit of a flow column, largest value of the column, whole-numbered or not."""
    if built.model.routing == "SINGLE_PATH":
        return commodity.total, 1.0, True
    if built.model.routing == "INTEGER":
        return commodity.unit, math.inf, True
    return 1.0, math.inf, False


def _arc_flow(
    built: _Built, commodity: Commodity, ways: Ways, links: list[Link], *, costed: bool, reduced: bool
) -> None:
    scale, most, whole = _scale(built, commodity)
    balance: dict[str, dict[int, float]] = {node: {} for node in built.network.nodes}
    for link in links:
        cost = _flow_cost(built, link, costed=costed) * scale
        ahead = _column(built, cost, most, whole=whole, scale=scale)
        ways[link.id][0].append(ahead)
        balance[link.source][ahead], balance[link.target][ahead] = 1.0, -1.0
        if built.model.link != "DIRECTED":
            back = _column(built, cost, most, whole=whole, scale=scale)
            ways[link.id][1].append(back)
            balance[link.target][back], balance[link.source][back] = 1.0, -1.0
    for node, terms in balance.items():
        if reduced and node == commodity.source:
            continue  # the other nodes' rows imply it
        net = (commodity.total if node == commodity.source else 0.0) - commodity.targets.get(node, 0.0)
        built.program.row(terms, lower=net / scale, upper=net / scale)


def _column(built: _Built, cost: float, most: float, *, whole: bool, scale: float) -> int:
    column = built.program.column(cost, upper=most, integer=whole)
    built.scales[column] = scale
    return column


def _path_flow(built: _Built, commodity: Commodity, ways: Ways, links: list[Link], *, costed: bool) -> None:
    known = {link.id: link for link in links}
    scale, most, whole = _scale(built, commodity)
    columns = []
    for path in commodity.paths:
        if any(name not in known for name in path):
            continue
        too_long = commodity.hops_max is not None and len(path) > commodity.hops_max
        if built.model.hop_limit == "INCLUDE_HOP_LIMITS" and too_long:
            continue
        cost = sum(_flow_cost(built, known[name], costed=costed) for name in path) * scale
        column = _column(built, cost, most, whole=whole, scale=scale)
        columns.append(column)
        here = commodity.source
        for name in path:
            ahead = known[name].source == here
            ways[name][0 if ahead else 1].append(column)
            here = known[name].target if ahead else known[name].source
    built.program.row(dict.fromkeys(columns, 1.0), lower=commodity.total / scale, upper=commodity.total / scale)


def _layered_flow(built: _Built, commodity: Commodity, ways: Ways, links: list[Link], *, costed: bool) -> None:
    """A copy of the network per hop: a path of at most ``hops_max`` links is a walk down the copies."""
    (target, wanted), hops = next(iter(commodity.targets.items())), commodity.hops_max or 0
    scale, most, whole = _scale(built, commodity)
    balance: dict[tuple[int, str], dict[int, float]] = {}
    for layer in range(hops):
        for link in links:
            cost = _flow_cost(built, link, costed=costed) * scale
            both = ((link.source, link.target, 0), (link.target, link.source, 1))
            for start, end, way in both[: 1 if built.model.link == "DIRECTED" else 2]:
                if start == target or end == commodity.source or (layer == 0) != (start == commodity.source):
                    continue
                column = _column(built, cost, most, whole=whole, scale=scale)
                ways[link.id][way].append(column)
                balance.setdefault((layer, start), {})[column] = 1.0
                balance.setdefault((layer + 1, end), {})[column] = -1.0
    arrivals: dict[int, float] = {}
    for (layer, node), terms in balance.items():
        if node == target:
            arrivals |= terms
        elif (layer, node) != (0, commodity.source):
            built.program.row(terms, lower=0.0, upper=0.0)
    built.program.row(arrivals, lower=-wanted / scale, upper=-wanted / scale)


def _loads(built: _Built, ways: Ways, links: list[Link], *, costed: bool) -> None:
    for link in links:
        ahead, back = ({c: built.scales[c] for c in columns} for columns in ways[link.id])
        room = _room(built, link)
        if built.undirected or built.model.link == "DIRECTED":
            built.program.row({**_sum(ahead, back), **room}, upper=link.installed)
            continue
        larger = costed and not built.routing_sum and link.routing_cost > 0
        if larger:
            load = built.program.column(link.routing_cost)
            for way in (ahead, back):
                built.program.row({**way, load: -1.0}, upper=0)
            built.program.row({load: 1.0, **room}, upper=link.installed)
        else:
            for way in (ahead, back):
                built.program.row({**way, **room}, upper=link.installed)


def _sum(first: dict[int, float], second: dict[int, float]) -> dict[int, float]:
    total = dict(first)
    for column, value in second.items():
        total[column] = total.get(column, 0.0) + value
    return total


def _protected(built: _Built, commodities: list[Commodity], *, reduced: bool) -> None:
    """Two units of whole-numbered flow per demand, at most one over any link."""
    links = list(built.network.links)
    ways: Ways = {link.id: ([], []) for link in links}
    for commodity in commodities:
        scale = commodity.total
        doubled = Commodity(commodity.source, {node: 2 * value for node, value in commodity.targets.items()})
        balance: dict[str, dict[int, float]] = {node: {} for node in built.network.nodes}
        for link in links:
            cost = _flow_cost(built, link, costed=True) * scale
            pair = [
                _column(built, cost, 1.0, whole=True, scale=scale)
                for _ in range(1 if built.model.link == "DIRECTED" else 2)
            ]
            for way, column in enumerate(pair):
                ways[link.id][way].append(column)
                start, end = (link.source, link.target) if way == 0 else (link.target, link.source)
                balance[start][column], balance[end][column] = 1.0, -1.0
            built.program.row(dict.fromkeys(pair, 1.0), upper=1)
        for node, terms in balance.items():
            if reduced and node == commodity.source:
                continue
            net = (doubled.total if node == commodity.source else 0.0) - doubled.targets.get(node, 0.0)
            built.program.row(terms, lower=net / scale, upper=net / scale)
    _loads(built, ways, links, costed=True)
