"""Exact availability of "at least one of these routes is up".

Routes share components, so their failures are not independent. Shannon decomposition on the component that most
routes share, with independent routes closed by the product formula, gives the exact figure; the states to visit stay
few because each decision removes routes or components. Two routes reduce to inclusion and exclusion.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from darwaza.errors import TooLargeError
from darwaza.study.design.design import Flow
from darwaza.study.resilience.component import all_up

ROUTES_MAX = 24
"""Most routes taken at once; the decomposition is exponential in the worst case."""


def any_up(routes: Iterable[frozenset[str]], down: Mapping[str, float]) -> float:
    """Probability that at least one route has all its components up.

    Args:
        routes: component sets; an empty set is a route that cannot fail.
        down: unavailability per component.

    Raises:
        TooLargeError: more than ``ROUTES_MAX`` different routes.
    """
    different = _minimal(routes)
    if len(different) > ROUTES_MAX:
        raise TooLargeError(f"{len(different)} routes; at most {ROUTES_MAX} are taken at once", code="routes_too_many")
    return _split(tuple(sorted(different, key=sorted)), down, {})


def _minimal(routes: Iterable[frozenset[str]]) -> set[frozenset[str]]:
    """Drop every route that needs all an other one needs and more: it never helps."""
    different = set(routes)
    return {route for route in different if not any(other < route for other in different)}


def _split(
    routes: tuple[frozenset[str], ...],
    down: Mapping[str, float],
    known: dict[tuple[frozenset[str], ...], float],
) -> float:
    if not routes:
        return 0.0
    if frozenset() in routes:
        return 1.0
    if len(routes) == 1:
        return all_up(routes[0], down)
    if routes in known:
        return known[routes]
    shared, count = min(
        Counter(part for route in routes for part in route).items(), key=lambda item: (-item[1], item[0])
    )
    if count == 1:
        fail = 1.0
        for route in routes:
            fail *= 1.0 - all_up(route, down)
        known[routes] = 1.0 - fail
        return known[routes]
    standing = _minimal(route - {shared} for route in routes)
    broken = {route for route in routes if shared not in route}
    up = _split(tuple(sorted(standing, key=sorted)), down, known)
    lost = _split(tuple(sorted(broken, key=sorted)), down, known)
    known[routes] = (1 - down[shared]) * up + down[shared] * lost
    return known[routes]


def flow_up(flow: Flow, down: Mapping[str, float]) -> float:
    """Availability of one flow of a design: its working route or its protection is up."""
    routes = (flow.working,) if flow.protection is None else (flow.working, flow.protection)
    return any_up((route.risks for route in routes), down)
