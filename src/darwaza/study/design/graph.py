"""Cheapest routes, and cheapest pairs of routes that share no edge, for many prices on one graph.

A pair is found by Suurballe's augmentation (Networks 4, 1974), which is exact for given prices where the naive way,
cheapest route first and then the cheapest clear of it, can miss every pair.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

Vector = npt.NDArray[np.float64]
Pair = tuple[tuple[int, ...], tuple[int, ...]]

TINY = 1e-12
"""Stands for a price of zero, which the search would take for a missing edge."""


class Graph:
    """Undirected edges as arcs both ways, kept so that only prices change between searches.

    Args:
        sites: how many.
        ends: the two sites of each edge, numbered from 0 to below ``sites``; edges may be parallel.
    """

    def __init__(self, sites: int, ends: Sequence[tuple[int, int]]) -> None:
        self.ends = ends
        tails = np.array([site for a, b in ends for site in (a, b)], dtype=np.int32)
        heads = np.array([site for a, b in ends for site in (b, a)], dtype=np.int32)
        order = np.lexsort((heads, tails))
        self.tail, self.head = tails[order], heads[order]
        self.edge = np.repeat(np.arange(len(ends), dtype=np.int32), 2)[order]
        self.starts = np.searchsorted(self.tail, np.arange(sites + 1)).astype(np.int32)
        self.sites = sites

    def route(self, start: int, end: int, prices: Vector) -> tuple[int, ...] | None:
        """The edges of a cheapest route from ``start``, or None; see ``pair`` for the arguments."""
        weights = prices[self.edge]
        far, before = self._search(weights, start)
        if not np.isfinite(far[end]):
            return None
        return tuple(int(self.edge[arc]) for arc in reversed(self._arcs(before, weights, start, end)))

    def pair(self, start: int, end: int, prices: Vector) -> Pair | None:
        """Two edge-disjoint routes of least total price, or None.

        Args:
            start: first site.
            end: last site, not ``start``.
            prices: per edge, > 0; infinite where an edge may not be used.
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
        """The arcs of the way found from its end to its start, cheapest of parallel ones."""
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

    def _unravel(self, start: int, end: int, used: set[tuple[int, int]]) -> Pair:
        leaving: dict[int, list[int]] = {}
        for number, start_of in sorted(used):
            leaving.setdefault(start_of, []).append(number)
        routes = []
        for _ in range(2):
            here, route = start, []
            while here != end:
                number = leaving[here].pop()
                route.append(number)
                a, b = self.ends[number]
                here = b if here == a else a
            routes.append(tuple(route))
        return routes[0], routes[1]
