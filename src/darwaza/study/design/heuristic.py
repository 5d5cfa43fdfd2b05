"""A fast survivable design for networks the exact method cannot finish, with its distance from a proven bound.

Problem: every demand gets two routes that share no link (1+1), each with its full volume; links carry modules bought
in whole numbers and, where they are new, a building cost. This is min-sum disjoint pairs with economies of scale.

Method: demands, largest first, take the cheapest disjoint pair at marginal prices (Suurballe's augmentation, exact
for given prices); then every demand in turn is taken out and put back at the prices the others leave, until a round
saves nothing or the rounds are used up.

Bound: the larger of two. (a) Every unit of capacity costs at least its cheapest module per Gbit/s; with those prices
each demand's cheapest disjoint pair is a shortest-path problem, and the sum over demands is below any design.
(b) As (a), but with part of each building cost moved onto the flow: a unit of flow pays at least building cost over
the most that can ever cross the link, which is the sum of all demands whose pair could use it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

Vector = npt.NDArray[np.float64]
Pair = tuple[tuple[int, ...], tuple[int, ...]]

TINY = 1e-12
"""Stands for a price of zero, which the search would take for a missing edge."""
LOAD_MIN = 1e-9
ROOM_PRICE_SHARE = 0.05
PROGRESS_EVERY = 50
ROUNDS_MAX = 6
SAVING_MIN = 1e-4
"""A round that saves less than this share ends the search."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A link between two sites, numbered from 0.

    Attributes:
        a, b: sites.
        build: cost of having it at all.
        module: capacity of one module, > 0.
        price: of one module.
    """

    a: int
    b: int
    build: float
    module: float
    price: float


@dataclass(frozen=True, slots=True)
class Want:
    """A demand: volume between two sites, twice over disjoint routes."""

    a: int
    b: int
    volume: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What the heuristic found.

    Attributes:
        pairs: per demand the edges of its two routes; None when no disjoint pair exists.
        modules: per edge.
        cost: of building and modules.
        bound: below the cost of every design that serves the same demands.
        rounds: of improvement done.
    """

    pairs: tuple[tuple[tuple[int, ...], tuple[int, ...]] | None, ...]
    modules: tuple[int, ...]
    cost: float
    bound: float
    rounds: int

    @property
    def gap(self) -> float:
        """(cost - bound) / cost."""
        return (self.cost - self.bound) / self.cost if self.cost > 0 else 0.0


class Graph:
    """Undirected edges as arcs both ways, kept so that only prices change between searches.

    Args:
        sites: how many.
        edges: with ends below ``sites``.
    """

    def __init__(self, sites: int, edges: Sequence[Edge]) -> None:
        self.edges = edges
        tails = np.array([end for edge in edges for end in (edge.a, edge.b)], dtype=np.int32)
        heads = np.array([end for edge in edges for end in (edge.b, edge.a)], dtype=np.int32)
        order = np.lexsort((heads, tails))
        self.tail, self.head = tails[order], heads[order]
        self.edge = np.repeat(np.arange(len(edges), dtype=np.int32), 2)[order]
        self.starts = np.searchsorted(self.tail, np.arange(sites + 1)).astype(np.int32)
        self.sites = sites

    def pair(self, start: int, end: int, prices: Vector) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Two edge-disjoint routes of least total price (Suurballe), or None.

        Args:
            start: first site.
            end: last site, not ``start``.
            prices: per edge, > 0.
        """
        weights = prices[self.edge]
        far, before = self._search(weights, start)
        if not np.isfinite(far[end]):
            return None
        first = self._arcs(before, weights, start, end)
        # Where the second search may go: with reduced prices every way is >= 0, the first route can only be walked
        # backwards, for nothing. Free ways get the smallest number there is, for zero would mean "no way".
        with np.errstate(invalid="ignore"):
            reduced = np.maximum(weights + far[self.tail] - far[self.head], 0.0) + TINY
        reduced[~np.isfinite(reduced)] = np.inf
        reduced[first] = np.inf
        for arc in first:
            reduced[self._back(int(arc))] = TINY
        far, before = self._search(reduced, start)
        if not np.isfinite(far[end]):
            return None
        used = {(int(self.edge[arc]), int(self.tail[arc])) for arc in first}
        for arc in self._arcs(before, reduced, start, end):
            number, tail, head = int(self.edge[arc]), int(self.tail[arc]), int(self.head[arc])
            if (number, head) in used:
                used.discard((number, head))  # walked once each way: neither route needs it
            else:
                used.add((number, tail))
        return self._unravel(start, end, used)

    def _search(self, weights: Vector, start: int) -> tuple[Vector, npt.NDArray[np.int32]]:
        matrix = csr_array((weights, self.head, self.starts), shape=(self.sites, self.sites))
        far, before = dijkstra(matrix, indices=start, return_predecessors=True)
        return far, before

    def _arcs(self, before: npt.NDArray[np.int32], weights: Vector, start: int, end: int) -> list[int]:
        """The arcs of the way found, cheapest of parallel ones."""
        arcs, here = [], end
        while here != start:
            tail = int(before[here])
            own = range(int(self.starts[tail]), int(self.starts[tail + 1]))
            arcs.append(min((arc for arc in own if self.head[arc] == here), key=lambda arc: float(weights[arc])))
            here = tail
        return arcs

    def _back(self, arc: int) -> int:
        """The same edge the other way."""
        head = int(self.head[arc])
        own = range(int(self.starts[head]), int(self.starts[head + 1]))
        return next(other for other in own if self.edge[other] == self.edge[arc])

    def _far(self, number: int, site: int) -> int:
        edge = self.edges[number]
        return edge.b if site == edge.a else edge.a

    def _unravel(self, start: int, end: int, used: set[tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        leaving: dict[int, list[int]] = {}
        for number, start_of in sorted(used):
            leaving.setdefault(start_of, []).append(number)
        routes = []
        for _ in range(2):
            here, route = start, []
            while here != end:
                number = leaving[here].pop()
                route.append(number)
                here = self._far(number, here)
            routes.append(tuple(route))
        return routes[0], routes[1]


def design(
    sites: int, edges: Sequence[Edge], wants: Sequence[Want], *, progress: Callable[[float], None] | None = None
) -> Plan:
    """Design a network; see the module docstring.

    Args:
        sites: how many.
        edges: what can be built.
        wants: demands.
        progress: told the share of the rounds done.
    """
    graph, table = Graph(sites, edges), _Prices(edges)
    order = sorted(range(len(wants)), key=lambda i: (-wants[i].volume, i))
    pairs: list[Pair | None] = [None] * len(wants)
    for i in order:
        pairs[i] = graph.pair(wants[i].a, wants[i].b, table.marginal(wants[i].volume))
        table.load(pairs[i], wants[i].volume)
    cost, rounds = table.cost(), 0
    for rounds in range(1, ROUNDS_MAX + 1):
        for done, i in enumerate(order):
            old = pairs[i]
            if old is None:
                continue
            table.load(old, -wants[i].volume)
            prices = table.marginal(wants[i].volume)
            new = graph.pair(wants[i].a, wants[i].b, prices)
            if new is not None and _sum(prices, new) < _sum(prices, old) * (1 - 1e-12):
                pairs[i] = new
            table.load(pairs[i], wants[i].volume)
            if progress is not None and done % PROGRESS_EVERY == 0:
                progress((rounds - 1 + done / len(order)) / ROUNDS_MAX)
        now = table.cost()
        saved, cost = cost - now, now
        if saved < SAVING_MIN * cost:
            break
    served = [want for want, pair in zip(wants, pairs, strict=True) if pair is not None]
    modules = tuple(int(count) for count in table.count(table.loads))
    return Plan(tuple(pairs), modules, cost, lower_bound(sites, edges, served), rounds)


class _Prices:
    """Loads of all edges and what more would cost."""

    def __init__(self, edges: Sequence[Edge]) -> None:
        self.build = np.array([edge.build for edge in edges], dtype=np.float64)
        self.module = np.array([edge.module for edge in edges], dtype=np.float64)
        self.price = np.array([edge.price for edge in edges], dtype=np.float64)
        self.loads = np.zeros(len(edges))

    def count(self, loads: Vector) -> Vector:
        """Modules that carry ``loads``."""
        return np.maximum(0.0, np.ceil(loads / self.module - 1e-9))

    def marginal(self, volume: float) -> Vector:
        """What ``volume`` more costs on each edge; room that is there already has a small price, so that it lasts."""
        more = self.count(self.loads + volume) - self.count(self.loads)
        new = np.where(self.loads <= LOAD_MIN, self.build, 0.0)
        return np.asarray(more * self.price + new + ROOM_PRICE_SHARE * self.price * volume / self.module + TINY)

    def load(self, pair: "Pair | None", volume: float) -> None:
        """Add ``volume`` to both routes."""
        for route in pair or ():
            self.loads[list(route)] += volume

    def cost(self) -> float:
        """Of everything that carries a load."""
        return float((self.count(self.loads) * self.price + np.where(self.loads > LOAD_MIN, self.build, 0.0)).sum())


def _sum(prices: Vector, pair: "Pair") -> float:
    return float(sum(prices[list(route)].sum() for route in pair))


def lower_bound(sites: int, edges: Sequence[Edge], wants: Sequence[Want]) -> float:
    """A cost no design of these demands can be under; see the module docstring, (b), which is never below (a)."""
    graph = Graph(sites, edges)
    most = sum(want.volume for want in wants)
    if most <= 0:
        return 0.0
    prices = np.array([edge.price / edge.module + edge.build / most for edge in edges])
    total = 0.0
    for want in wants:
        pair = graph.pair(want.a, want.b, prices + TINY)
        if pair is not None:
            total += want.volume * _sum(prices, pair)
    return total
