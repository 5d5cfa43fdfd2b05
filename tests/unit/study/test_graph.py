"""Pairs of routes: the cheapest there is, on any graph."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.study.design.graph import Graph

Drawn = tuple[int, list[tuple[int, int]], list[float]]


@st.composite
def random_graph(draw: st.DrawFn) -> Drawn:
    """A small multigraph with prices."""
    sites = draw(st.integers(3, 8))
    ends = st.tuples(st.integers(0, sites - 1), st.integers(0, sites - 1)).filter(lambda e: e[0] != e[1])
    edges = draw(st.lists(ends, min_size=3, max_size=18))
    prices = draw(st.lists(st.integers(1, 50), min_size=len(edges), max_size=len(edges)))
    return sites, edges, [float(price) for price in prices]


@settings(max_examples=150, deadline=None)
@given(random_graph())
def test_disjoint_pair_is_the_cheapest(drawn: Drawn) -> None:
    """Suurballe's pair costs what min-cost flow of two units costs, on any multigraph, or both find none."""
    sites, edges, prices = drawn
    pair = Graph(sites, edges).pair(0, sites - 1, np.array(prices))
    flow = nx.DiGraph()
    flow.add_nodes_from(range(sites), demand=0)
    flow.nodes[0]["demand"], flow.nodes[sites - 1]["demand"] = -2, 2
    for number, (edge, price) in enumerate(zip(edges, prices, strict=True)):
        for way, (a, b) in enumerate((edge, edge[::-1])):
            middle = ("arc", number, way)
            flow.add_edge(a, middle, capacity=1, weight=int(price))
            flow.add_edge(middle, b, capacity=1, weight=0)
    try:
        best, _ = nx.network_simplex(flow)
    except nx.NetworkXUnfeasible:
        assert pair is None
        return
    assert pair is not None
    used = [number for route in pair for number in route]
    assert len(used) == len(set(used)), "the routes share no edge"
    assert sum(prices[number] for number in used) == pytest.approx(best)
    for route in pair:
        assert walked(edges, route) == sites - 1


def walked(edges: list[tuple[int, int]], route: tuple[int, ...]) -> int:
    """Where a walk from site 0 over ``route`` ends."""
    here = 0
    for number in route:
        a, b = edges[number]
        assert here in (a, b)
        here = b if here == a else a
    return here


@settings(max_examples=100, deadline=None)
@given(random_graph())
def test_single_route_is_the_cheapest(drawn: Drawn) -> None:
    """A route costs what Dijkstra of another library finds, and an edge of infinite price is never used."""
    sites, edges, prices = drawn
    closed = [*prices[:-1], np.inf]
    route = Graph(sites, edges).route(0, sites - 1, np.array(closed))
    graph = nx.Graph()
    graph.add_nodes_from(range(sites))
    for (a, b), price in zip(edges[:-1], prices[:-1], strict=True):
        known = graph.get_edge_data(a, b, {"weight": np.inf})["weight"]
        graph.add_edge(a, b, weight=min(price, known))
    if not nx.has_path(graph, 0, sites - 1):
        assert route is None
        return
    assert route is not None
    assert walked(edges, route) == sites - 1
    assert sum(closed[number] for number in route) == pytest.approx(nx.dijkstra_path_length(graph, 0, sites - 1))
