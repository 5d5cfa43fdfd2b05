"""The best design of a plan within the time allowed.

The exact method goes first and usually finishes. When it does not, or when the program would be too large to write
down, the heuristic works for the rest of the time over the same choices; the cheaper of the two designs is taken, with
the best bound that either proved. Which of them found it, and how far it is from the bound, stands in the design.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from darwaza.study.design import exact, heuristic, yearly
from darwaza.study.design.design import Design
from darwaza.study.design.routes import Choice
from darwaza.study.network import Leg
from darwaza.study.scenario.model import Alternative, Scenario

HEURISTIC_SHARE = 0.2
"""Of the time limit, kept for the heuristic should the exact method not finish."""


def find(
    scenario: Scenario,
    legs: Mapping[str, Leg],
    options: Sequence[Choice],
    volumes: Mapping[tuple[int, str, str], float],
    plan: Alternative,
    *,
    progress: Callable[[float], None] | None = None,
) -> Design | None:
    """The design of one plan, with its yearly schedule; arguments as of ``exact.solve``.

    Returns:
        The design; None when it is proven that no design satisfies the rules (see ``conflict`` for why).

    Raises:
        SolverTimeoutError: neither method found a design in ``study.time_limit_s``, and none was proven impossible.
    """
    until = time.monotonic() + scenario.time_limit_s
    design, bound, failure = None, 0.0, None
    if not exact.too_large(scenario, legs, options):
        limit = scenario.time_limit_s * (1 - HEURISTIC_SHARE)
        try:
            design = exact.solve(scenario, legs, options, volumes, plan, time_limit_s=limit, progress=progress)
        except exact.SolverTimeoutError as error:
            failure, bound = error, error.bound
        else:
            if design is None:
                return None
            bound = design.bound
    if design is None or not design.finished:
        left = max(0.0, until - time.monotonic())
        quick = heuristic.solve(scenario, legs, options, volumes, plan, time_limit_s=left, progress=progress)
        design = _better(design, quick, bound, exact.wanted_gap(scenario, plan))
    if design is None:
        raise failure or exact.timeout(scenario, plan)
    return replace(design, schedule=yearly.schedule(scenario, legs, design))


def _better(first: Design | None, second: Design | None, bound: float, gap: float) -> Design | None:
    """The cheaper of the two with the larger of the bounds."""
    both = [design for design in (first, second) if design is not None]
    if not both:
        return None
    best = min(both, key=lambda design: design.cost)
    best = replace(best, bound=max(bound, *(design.bound for design in both)))
    return replace(best, finished=best.gap <= gap)
