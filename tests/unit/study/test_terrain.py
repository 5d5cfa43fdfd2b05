"""Least-cost paths against surfaces whose answer is known."""

import math
from pathlib import Path

import numpy as np
import pytest

from darwaza.errors import MalformedError, TooLargeError
from darwaza.study import network, terrain
from darwaza.study.scenario.load import load


def flat(rows: int = 60, columns: int = 60, cell: float = 100.0) -> terrain.Raster:
    """A plain in metres."""
    return terrain.Raster(np.zeros((rows, columns)), 0.0, 0.0, cell, degrees=False)


def test_straight_line_on_a_plain() -> None:
    """On flat ground the path is the straight line, within the error of 16 directions."""
    for end in ((5950, 50), (5950, 5950), (5950, 3050), (5950, 1850)):
        course = terrain.least_cost(flat(), (50, 50), end)
        straight = math.dist((50, 50), end) / 1000
        assert straight * 0.999 <= course.km <= straight * 1.03
        assert course.cost == pytest.approx(course.km)


def test_snell_s_law() -> None:
    """Between two half planes of different cost the cheapest path costs what Snell's law says."""
    raster = flat(rows=120, columns=120, cell=100.0)
    cost = np.ones((120, 120))
    cost[:60, :] = 2.0  # the northern half is twice as dear
    start, end = (1050.0, 1050.0), (10950.0, 10950.0)
    course = terrain.least_cost(raster, start, end, cost=cost)
    border = 6000.0
    best = min(math.dist(start, (x, border)) + 2 * math.dist((x, border), end) for x in np.linspace(1050, 10950, 5000))
    assert course.cost == pytest.approx(best / 1000, rel=0.03)


def test_ridge_with_a_pass() -> None:
    """A wall too steep to climb is crossed at its only gap."""
    heights = np.zeros((40, 40))
    heights[18:22, :] = 2000.0
    heights[:, 30:34] = 0.0
    raster = terrain.Raster(heights, 0.0, 0.0, 100.0, degrees=False)
    course = terrain.least_cost(raster, (550, 550), (550, 3550))
    crossing = [x for x, y in course.points if 1800 <= y <= 2200]
    assert crossing
    assert all(3000 <= x <= 3400 for x in crossing)


def test_degrees_shrink_with_latitude() -> None:
    """At 60 degrees north a degree of longitude is half as long as one of latitude."""
    raster = terrain.Raster(np.zeros((21, 21)), 60.0, 59.5, 0.05, degrees=True)
    east = terrain.least_cost(raster, (60.025, 60.025), (60.975, 60.025)).km
    north = terrain.least_cost(raster, (60.5, 59.525), (60.5, 60.475)).km
    assert east / north == pytest.approx(0.5, abs=0.02)


def test_no_way_and_outside_are_said() -> None:
    """A closed wall and a point off the map give messages, not a path."""
    cost = np.ones((60, 60))
    cost[30:32, :] = np.inf
    with pytest.raises(MalformedError, match="no way"):
        terrain.least_cost(flat(), (50, 50), (50, 5950), cost=cost)
    with pytest.raises(MalformedError, match="outside"):
        terrain.least_cost(flat(), (50, 50), (50, 9950))


def test_grid_file_is_read(tmp_path: Path) -> None:
    """An ESRI ASCII grid reads north first, with holes; faults name the line."""
    path = tmp_path / "dem.asc"
    head = "ncols 3\nnrows 2\nxllcorner 70.0\nyllcorner 35.0\ncellsize 0.5\nNODATA_value -9999\n"
    path.write_text(head + "1 2 3\n4 -9999 6\n", encoding="ascii")
    raster = terrain.read_raster(path, degrees=True)
    assert raster.metres.shape == (2, 3)
    assert np.isnan(raster.metres[1, 1])
    assert raster.cell_of(70.1, 35.9) == (0, 0)
    path.write_text(head + "1 2 3\n4 5\n", encoding="ascii")
    with pytest.raises(MalformedError, match=r"dem\.asc:7: 5 cells"):
        terrain.read_raster(path, degrees=True)
    path.write_text(head.replace("cellsize 0.5\n", "") + "1 2 3\n4 5 6\n", encoding="ascii")
    with pytest.raises(MalformedError, match="cellsize"):
        terrain.read_raster(path, degrees=True)
    path.write_text(head.replace("ncols 3", "ncols 3000000000"), encoding="ascii")
    with pytest.raises(TooLargeError):
        terrain.read_raster(path, degrees=True)


def test_scenario_with_a_raster_gets_its_lengths(tmp_path: Path, small_text: str) -> None:
    """Candidates inside the raster take the length of their course; the study's digest covers the raster."""
    (tmp_path / "dem.asc").write_text(
        "ncols 60\nnrows 60\nxllcorner 58.0\nyllcorner 30.0\ncellsize 0.25\n" + ("0 " * 60 + "\n") * 60,
        encoding="ascii",
    )
    path = tmp_path / "study.toml"
    path.write_text(small_text, encoding="utf-8")
    without = load(path)
    path.write_text(small_text.replace("seed = 7", 'seed = 7\nelevation = "dem.asc"'), encoding="utf-8")
    scenario = load(path)
    length = scenario.links["west"].length
    assert length is not None
    assert length.source == "elevation"
    air = network.fibre_km(without, without.links["west"]) / without.equipment.detour.base
    assert air <= length.low <= 1.1 * air
    assert scenario.links["MA-NO"].length is None
    first = scenario.digest
    (tmp_path / "dem.asc").write_text((tmp_path / "dem.asc").read_text().replace("0 0 0", "1 0 0", 1), encoding="ascii")
    assert load(path).digest != first
