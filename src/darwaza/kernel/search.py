"""The search behind ``darwaza.kernel.path``: simple paths over a graph, cheapest first, as many as are asked for.

Distances to the destination are computed once, by rustworkx. With them a best-first search (A*) knows for every
beginning of a path what the rest will cost at least, so it goes straight to the cheapest path, then to the next; the
limits on hops and latency, and members that must be passed, cut off a beginning as soon as no rest can satisfy them.
That the bounds are exact distances, only without the demand that no member is passed twice, makes them true lower
bounds, and the order exact.

Everything is integers below 2**53, so that rustworkx's floating-point sums are exact.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import combinations, pairwise
from math import inf
from typing import Final

import rustworkx

from darwaza.kernel.linkstate import Ends
from darwaza.kernel.topology import MapLink

STEPS_MAX: Final = 5_000
"""Beginnings of paths looked at in one search; reached only when rules exclude nearly all of very many paths."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for.

    Attributes:
        origin: first member.
        destination: last member, another one.
        links: by their ends, each with its points, 0 to 2**48.
        barred: members that may not be passed.
        through: for each policy that has any, the members that must be passed, in order; ends count too.
        hops_max: most links; None for no limit.
        latency_us_max: most microseconds one way; None for no limit.
    """

    origin: str
    destination: str
    links: Mapping[Ends, tuple[int, MapLink]]
    barred: frozenset[str] = frozenset()
    through: tuple[tuple[str, ...], ...] = ()
    hops_max: int | None = None
    latency_us_max: int | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """A beginning of a path.

    Attributes:
        points: it costs so far.
        latency_us: so far.
        passed: for each ``Search.through``, how many of its members are on it.
        insiders: members that may know of all its links; None when all may.
    """

    points: int
    latency_us: int
    passed: tuple[int, ...]
    insiders: frozenset[str] | None


_Entry = tuple[float, float, tuple[str, ...], _Step]
_Edge = tuple[int, MapLink]
_Cost = Callable[[_Edge], float]
_Bound = Callable[[str, tuple[int, ...]], float]


def best_first(search: Search) -> Iterator[tuple[str, ...]]:
    """Yield paths in order of points, then of length, then of member codes."""
    if _impossible(search):
        return
    near = _neighbours(search)
    points_left, hops_left, latency_left = _bounds(search)
    hops_max = inf if search.hops_max is None else search.hops_max
    latency_max = inf if search.latency_us_max is None else search.latency_us_max
    way: tuple[str, ...] = (search.origin,)
    step = _Step(0, 0, _passed(search, (0,) * len(search.through), search.origin), None)
    # A beginning stands in the heap under what the whole path will at least cost and count, so that of equally dear
    # beginnings the one nearest its end goes on; of equal ones the first by codes, and a beginning before its ends.
    heap: list[_Entry] = [(points_left(search.origin, step.passed), hops_left(search.origin, step.passed), way, step)]
    for _ in range(STEPS_MAX):
        if not heap or heap[0][0] == inf:
            return
        _, _, way, step = heappop(heap)
        if way[-1] == search.destination:
            yield way
            continue
        for member, edge in near.get(way[-1], ()):
            if member in way or (after := _extended(search, step, (*way, member), edge)) is None:
                continue
            hops = len(way) + hops_left(member, after.passed)
            if hops <= hops_max and after.latency_us + latency_left(member, after.passed) <= latency_max:
                heappush(heap, (after.points + points_left(member, after.passed), hops, (*way, member), after))


def _impossible(search: Search) -> bool:
    """Whether no path that passes no member twice can pass all it must, in order."""
    for wanted in search.through:
        inner = tuple(member for member in wanted if member not in {search.origin, search.destination})
        first = wanted[:1] if wanted[:1] == (search.origin,) else ()
        last = wanted[-1:] if wanted[-1:] == (search.destination,) else ()
        if (*first, *inner, *last) != wanted or not search.barred.isdisjoint(inner):
            return True
    return any(
        [member for member in one if member in other] != [member for member in other if member in one]
        for one, other in combinations(search.through, 2)
    )


def _neighbours(search: Search) -> dict[str, list[tuple[str, _Edge]]]:
    near: dict[str, list[tuple[str, _Edge]]] = {}
    for (one, other), edge in search.links.items():
        if search.barred.isdisjoint((one, other)):
            near.setdefault(one, []).append((other, edge))
            near.setdefault(other, []).append((one, edge))
    return near


def _extended(search: Search, step: _Step, way: tuple[str, ...], edge: _Edge) -> _Step | None:
    """Add the last member of ``way`` to the beginning before it, or give None when no path can begin so."""
    (points, link), member = edge, way[-1]
    insiders = step.insiders
    if link.visible_to is not None:
        knowing = link.visible_to.union(link.ends)
        insiders = knowing if insiders is None else insiders & knowing
    if insiders is not None and not insiders.issuperset((*way, search.destination)):
        return None
    passed = _passed(search, step.passed, member)
    for wanted, count in zip(search.through, passed, strict=True):
        left = wanted[count:]
        if left and (member in left or member == search.destination):  # now it can no longer be passed in its turn
            return None
    return _Step(step.points + points, step.latency_us + link.latency_us, passed, insiders)


def _passed(search: Search, passed: tuple[int, ...], member: str) -> tuple[int, ...]:
    return tuple(
        count + (wanted[count : count + 1] == (member,)) for wanted, count in zip(search.through, passed, strict=True)
    )


def _bounds(search: Search) -> tuple[_Bound, _Bound, _Bound]:
    """Make the lower bounds for the rest of a path: points, links, latency."""
    graph = rustworkx.PyGraph(multigraph=False)
    ends = (search.origin, search.destination)
    members = sorted({member for link in search.links for member in link}.union(ends) - search.barred)
    graph.add_nodes_from(members)
    index = {member: number for number, member in enumerate(members)}
    graph.add_edges_from(
        [
            (index[one], index[other], value)
            for (one, other), value in search.links.items()
            if one in index and other in index
        ]
    )

    def bound(cost: _Cost) -> _Bound:
        goals = {search.destination, *(member for wanted in search.through for member in wanted)}
        far = {goal: _distances(graph, members, index.get(goal), cost) for goal in goals}
        chains = [_chain(far, (*wanted, search.destination)) for wanted in search.through]

        def left(member: str, passed: tuple[int, ...]) -> float:
            direct = far[search.destination].get(member, inf)
            return max((chain(member, count) for chain, count in zip(chains, passed, strict=True)), default=direct)

        return left

    limited = search.latency_us_max is not None
    return (
        bound(lambda edge: edge[0]),
        bound(lambda _: 1),
        bound(lambda edge: edge[1].latency_us) if limited else lambda _member, _passed: 0,
    )


def _distances(graph: rustworkx.PyGraph, members: list[str], goal: int | None, cost: _Cost) -> dict[str, float]:
    """Compute how far the goal is from every member that can reach it."""
    if goal is None:
        return {}
    lengths = rustworkx.dijkstra_shortest_path_lengths(graph, goal, cost)
    return {members[node]: length for node, length in lengths.items()} | {members[goal]: 0}


def _chain(far: Mapping[str, Mapping[str, float]], stops: tuple[str, ...]) -> Callable[[str, int], float]:
    """Bound a way from a member by way of the stops that are left to the last of them."""
    legs = [far[then].get(stop, inf) for stop, then in pairwise(stops)]
    after = [sum(legs[number:]) for number in range(len(stops))]

    def left(member: str, count: int) -> float:
        return far[stops[count]].get(member, inf) + after[count]

    return left
