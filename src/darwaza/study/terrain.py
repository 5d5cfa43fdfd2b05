"""Where a cable would run: least-cost path over a user's elevation raster.

The raster is an ESRI ASCII grid (``ncols``, ``nrows``, ``xllcorner``, ``yllcorner``, ``cellsize``, ``NODATA_value``),
which every GIS writes; cells are in degrees or in metres. A step costs its length times the mean of its two cells'
factors; a cell's factor is 1 on flat ground and grows with slope up to ``SLOPE_MAX``, beyond which there is no way.
Steps go to 16 neighbours (8, and the knight's moves between them), which keeps the error of direction under 3 percent.

The result is a length for a link of the scenario and a course to draw; a survey still has to follow.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from darwaza.errors import MalformedError, TooLargeError
from darwaza.study.network import EARTH_RADIUS_KM
from darwaza.study.scenario.model import Link, Scenario
from darwaza.study.scenario.value import Source, Value

Grid = npt.NDArray[np.float64]
CELLS_MAX = 4_000_000
RASTER_BYTES_MAX = 256 * 1024 * 1024
SLOPE_MAX = 0.7
"""Rise over run beyond which no cable is laid."""
SLOPE_COST = 8.0
"""A slope of 1 would cost this many times flat ground more."""
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
"""Half of the 16 neighbours; the other half is the way back."""
_HEADER = ("ncols", "nrows", "xllcorner", "yllcorner", "cellsize")
SLACK = (1.02, 1.08, 1.20)
"""Fibre km per km of the course found: low, base, high; loops for splicing and detours a raster does not see."""
SOURCE = Source("elevation", "Least-cost path over the elevation raster given with the scenario", "", "", "derived")
METRES_PER_DEGREE = math.radians(1) * EARTH_RADIUS_KM * 1000


@dataclass(frozen=True, slots=True)
class Raster:
    """Elevations.

    Attributes:
        metres: (rows, columns), north first; NaN where there is no data.
        west, south: of the lower left corner.
        cell: size, in the same unit as ``west``.
        degrees: whether that unit is degrees (else metres).
    """

    metres: Grid
    west: float
    south: float
    cell: float
    degrees: bool

    def cell_of(self, x: float, y: float) -> tuple[int, int]:
        """Row and column that hold a point.

        Raises:
            MalformedError: the point lies outside.
        """
        rows, columns = self.metres.shape
        row, column = rows - 1 - math.floor((y - self.south) / self.cell), math.floor((x - self.west) / self.cell)
        if not (0 <= row < rows and 0 <= column < columns):
            raise MalformedError(f"({x:g}, {y:g}) lies outside the raster", code="raster_outside")
        return row, column

    def centre(self, row: int, column: int) -> tuple[float, float]:
        """Middle of a cell as (x, y)."""
        rows = self.metres.shape[0]
        return self.west + (column + 0.5) * self.cell, self.south + (rows - row - 0.5) * self.cell


@dataclass(frozen=True, slots=True)
class Course:
    """A least-cost path.

    Attributes:
        points: (x, y) from start to end, cell middles.
        km: along the ground as the raster sees it, without slack.
        cost: kilometres of flat ground that would cost the same.
    """

    points: tuple[tuple[float, float], ...]
    km: float
    cost: float


def read_raster(path: Path, *, degrees: bool) -> Raster:
    """Read an ESRI ASCII grid.

    Raises:
        MalformedError: not that format, with the line.
        TooLargeError: over ``RASTER_BYTES_MAX`` or ``CELLS_MAX``.
    """
    if path.stat().st_size > RASTER_BYTES_MAX:
        raise TooLargeError(f"{path}: larger than {RASTER_BYTES_MAX} bytes", code="raster_too_large")
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    header: dict[str, float] = {}
    at = 0
    while at < len(lines) and lines[at][:1].isalpha():
        try:
            key, text = lines[at].split()
            header[key.lower()] = float(text)
        except ValueError as cause:
            raise MalformedError(
                f"{path}:{at + 1}: not a header line: {lines[at]!r}", code="raster_malformed"
            ) from cause
        at += 1
    missing = [key for key in _HEADER if key not in header]
    if missing:
        raise MalformedError(f"{path}:1: header lacks {', '.join(missing)}", code="raster_malformed")
    rows, columns = int(header["nrows"]), int(header["ncols"])
    if rows * columns > CELLS_MAX:
        raise TooLargeError(f"{path}: {rows * columns} cells; at most {CELLS_MAX}", code="raster_too_large")
    try:
        values = np.array(" ".join(lines[at:]).split(), dtype=np.float64)
    except ValueError as cause:
        raise MalformedError(f"{path}:{at + 1}: cells must be numbers", code="raster_malformed") from cause
    if values.size != rows * columns:
        raise MalformedError(f"{path}:{at + 1}: {values.size} cells, not {rows} x {columns}", code="raster_malformed")
    grid = values.reshape(rows, columns)
    grid[grid == header.get("nodata_value", -9999.0)] = np.nan
    return Raster(grid, header["xllcorner"], header["yllcorner"], header["cellsize"], degrees)


def _spacing(raster: Raster) -> tuple[Grid, float]:
    """Metres between columns, per row, and between rows."""
    rows = raster.metres.shape[0]
    if not raster.degrees:
        return np.full(rows, raster.cell), raster.cell
    middles = np.array([raster.centre(row, 0)[1] for row in range(rows)])
    return raster.cell * METRES_PER_DEGREE * np.cos(np.radians(middles)), raster.cell * METRES_PER_DEGREE


def factors(raster: Raster) -> Grid:
    """Cost of each cell relative to flat ground; infinite where no cable can be laid."""
    across, along = _spacing(raster)
    north, east = np.gradient(raster.metres)
    slope = np.hypot(north / along, east / across[:, None])
    cost = 1.0 + SLOPE_COST * slope
    return np.where(np.isfinite(slope) & (slope <= SLOPE_MAX), cost, np.inf)


def least_cost(
    raster: Raster, start: tuple[float, float], end: tuple[float, float], *, cost: Grid | None = None
) -> Course:
    """The cheapest way from ``start`` to ``end``, both (x, y).

    Args:
        raster: elevations.
        start: (x, y) in the raster's unit.
        end: as ``start``.
        cost: factor per cell instead of ``factors(raster)``; infinite closes a cell.

    Raises:
        MalformedError: an end lies outside, or no way leads from one to the other.
    """
    price = factors(raster) if cost is None else cost
    rows, columns = price.shape
    across, along = _spacing(raster)
    number = np.arange(rows * columns).reshape(rows, columns)
    starts, ends, weights = [], [], []
    for down, right in STEPS:
        left, into = max(0, -right), columns - max(0, right)
        a = (slice(0, rows - down), slice(left, into))
        b = (slice(down, rows), slice(left + right, into + right))
        length = np.hypot(down * along, right * across[: rows - down, None]) * np.ones_like(price[a])
        weight = length * (price[a] + price[b]) / 2
        good = np.isfinite(weight)
        starts.append(number[a][good])
        ends.append(number[b][good])
        weights.append(weight[good])
    cells = rows * columns
    graph = coo_array(
        (np.concatenate(weights), (np.concatenate(starts), np.concatenate(ends))), shape=(cells, cells)
    ).tocsr()
    first, last = (int(number[raster.cell_of(*point)]) for point in (start, end))
    far, before = dijkstra(graph, directed=False, indices=first, return_predecessors=True)
    if not np.isfinite(far[last]):
        raise MalformedError("no way leads from one end to the other", code="raster_no_way")
    path = [last]
    while path[-1] != first:
        path.append(int(before[path[-1]]))
    return _course(raster, path[::-1], float(far[last]))


def _course(raster: Raster, path: list[int], cost: float) -> Course:
    columns = raster.metres.shape[1]
    across, along = _spacing(raster)
    places = [divmod(cell, columns) for cell in path]
    metres = 0.0
    for (row, column), (other, beside) in pairwise(places):
        metres += math.hypot((other - row) * along, (beside - column) * float(across[min(row, other)]))
    return Course(tuple(raster.centre(*place) for place in places), metres / 1000, cost / 1000)


def with_courses(scenario: Scenario, raster: Raster) -> Scenario:
    """The scenario with a length from the raster for every candidate on land that gives none itself.

    Candidates with an end or way point outside the raster keep their great-circle length.

    Args:
        scenario: validated.
        raster: in degrees.
    """
    links, values = dict(scenario.links), dict(scenario.values)
    for link in scenario.links.values():
        if link.status != "candidate" or link.length is not None:
            continue
        km = _link_km(scenario, raster, link)
        if km is not None:
            path = f"link.{link.id}.length"
            low, base, high = (km * slack for slack in SLACK)
            values[path] = Value(path, low, base, high, "km", SOURCE.id, "course over the raster with slack")
            links[link.id] = replace(link, length=values[path])
    return replace(scenario, links=links, values=values, sources=scenario.sources | {SOURCE.id: SOURCE})


def _link_km(scenario: Scenario, raster: Raster, link: Link) -> float | None:
    points = [(scenario.sites[s].lon, scenario.sites[s].lat) for s in (link.a, *link.via, link.b)]
    try:
        return sum(least_cost(raster, a, b).km for a, b in pairwise(points))
    except MalformedError:
        return None  # outside, or no way for a cable: the scenario's own rule of thumb stands
