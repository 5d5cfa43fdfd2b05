"""Monte Carlo of failure states, with capacities: what share of traffic the reserved capacity carries.

Each sample draws every component up or down. Traffic takes its working route, else its protection; where several
failures together overload a leg, every flow on it gets the same share. Vectorised over samples.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darwaza.study.design.design import Flow
from darwaza.study.design.routes import Route

SAMPLES_MAX = 2_000_000
BATCH_SAMPLES = 4096
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Served:
    """Share of traffic carried, by (member, region).

    Attributes:
        mean: over samples, in [0, 1].
        error: standard error of the mean.
        samples: drawn.
    """

    mean: dict[tuple[str, str], float]
    error: dict[tuple[str, str], float]
    samples: int


def sample(
    flows: Sequence[Flow],
    capacity: Mapping[str, float],
    down: Mapping[str, float],
    *,
    samples: int,
    seed: int,
) -> Served:
    """Sample the served share of each (member, region).

    Args:
        flows: of one stage.
        capacity: usable Gbit/s per leg; legs not named have no limit.
        down: unavailability per component.
        samples: how many states to draw.
        seed: of the draws; the same seed gives the same result.
    """
    names = sorted({risk for f in flows for r in _routes(f) for risk in r.risks})
    chances = np.array([down[name] for name in names])
    index = {name: i for i, name in enumerate(names)}
    keys = sorted({(f.member, f.region) for f in flows})
    weights = np.array([[f.gbps if (f.member, f.region) == key else 0.0 for f in flows] for key in keys])
    weights = weights / weights.sum(axis=1, keepdims=True)
    random = np.random.default_rng(seed)
    total, squares = np.zeros(len(keys)), np.zeros(len(keys))
    drawn = 0
    while drawn < samples:
        size = min(BATCH_SAMPLES, samples - drawn)
        failed = random.random((size, len(names))) < chances
        share = served_shares(flows, capacity, failed, index) @ weights.T
        total += share.sum(axis=0)
        squares += (share**2).sum(axis=0)
        drawn += size
    mean = total / drawn
    error = np.sqrt(np.maximum(0.0, squares / drawn - mean**2) / drawn)
    return Served(
        {key: float(mean[i]) for i, key in enumerate(keys)}, {key: float(error[i]) for i, key in enumerate(keys)}, drawn
    )


def _routes(flow: Flow) -> tuple[Route, ...]:
    return (flow.working,) if flow.protection is None else (flow.working, flow.protection)


def served_shares(
    flows: Sequence[Flow], capacity: Mapping[str, float], failed: npt.NDArray[np.bool_], index: Mapping[str, int]
) -> Matrix:
    """Share of each flow carried in each state.

    Args:
        flows: F of them.
        capacity: as in ``sample``.
        failed: (S, C) True where component C is down in state S.
        index: component id to column of ``failed``; a component not in it is up.

    Returns:
        (S, F) shares in [0, 1].
    """
    states = failed.shape[0]
    works = np.ones((states, len(flows)), dtype=bool)
    backup = np.zeros((states, len(flows)), dtype=bool)
    for i, flow in enumerate(flows):
        columns = [index[risk] for risk in flow.working.risks if risk in index]
        works[:, i] = ~failed[:, columns].any(axis=1)
        if flow.protection is not None:
            columns = [index[risk] for risk in flow.protection.risks if risk in index]
            backup[:, i] = ~works[:, i] & ~failed[:, columns].any(axis=1)
    share = np.where(works | backup, 1.0, 0.0)
    volume = np.array([flow.gbps for flow in flows])
    for name, limit in capacity.items():
        if math.isinf(limit):
            continue
        first = np.array([name in flow.working.legs for flow in flows])
        second = np.array([flow.protection is not None and name in flow.protection.legs for flow in flows])
        if not (first | second).any():
            continue
        on = (works & first) | (backup & second)
        load = on @ volume
        ratio = np.where(load > limit * (1 + 1e-9), limit / np.maximum(load, 1e-12), 1.0)
        share = np.where(on, np.minimum(share, ratio[:, None]), share)
    return np.asarray(share, dtype=np.float64)
