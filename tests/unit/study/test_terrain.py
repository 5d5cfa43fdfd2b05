"""Least-cost paths against surfaces whose answer is known."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from darwaza.errors import MalformedError, TooLargeError
from darwaza.study import network, terrain
from darwaza.study.geotiff import read_geotiff
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


KEYS_DEGREES = (1, 1, 0, 2, 1024, 0, 1, 2, 1025, 0, 1, 1)


def write_geotiff(path: Path, metres: np.ndarray, *, keys: tuple[int, ...] = KEYS_DEGREES, **changed: object) -> None:
    """A GeoTIFF with its north-west corner at 70 E 37 N and cells of a quarter degree."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    tags: dict[int, object] = {33550: (0.25, 0.25, 0.0), 33922: (0.0, 0.0, 0.0, 70.0, 37.0, 0.0), 42113: "-32768"}
    tags |= {int(name[1:]): value for name, value in changed.items()}
    for tag, value in tags.items():
        info.tagtype[tag] = 2 if isinstance(value, str) else 12
        info[tag] = value
    info.tagtype[34735] = 3
    info[34735] = keys
    Image.fromarray(metres).save(path, tiffinfo=info, compression="tiff_deflate")


@pytest.mark.parametrize("kind", [np.float32, np.int16, np.int32])
def test_geotiff_is_the_same_raster_as_its_grid(tmp_path: Path, kind: type) -> None:
    """Whole and floating metres, compressed: place, cells and holes are those of the same data as an ASCII grid."""
    metres = np.arange(12, dtype=kind).reshape(3, 4) * 100
    metres[1, 2] = -32768
    write_geotiff(tmp_path / "dem.tif", metres.astype(kind))
    text = "ncols 4\nnrows 3\nxllcorner 70\nyllcorner 36.25\ncellsize 0.25\nNODATA_value -32768\n"
    text += "\n".join(" ".join(str(value) for value in row) for row in metres) + "\n"
    (tmp_path / "dem.asc").write_text(text, encoding="ascii")
    found, wanted = read_geotiff(tmp_path / "dem.tif"), terrain.read_raster(tmp_path / "dem.asc", degrees=True)
    assert np.array_equal(found.metres, wanted.metres, equal_nan=True)
    assert (found.west, found.south, found.cell, found.degrees) == (wanted.west, wanted.south, wanted.cell, True)


def test_pixel_is_point_is_shifted(tmp_path: Path) -> None:
    """Where a tie point names the middle of its pixel, the corner lies half a cell away."""
    write_geotiff(tmp_path / "dem.tif", np.zeros((2, 2), np.float32), keys=(*KEYS_DEGREES[:-1], 2))
    found = read_geotiff(tmp_path / "dem.tif")
    assert (found.west, found.south) == (pytest.approx(69.875), pytest.approx(36.625))


def test_rasters_in_the_wrong_place_are_refused(tmp_path: Path) -> None:
    """Projected, oblong, rotated, coloured, too large or broken files are refused by name, never guessed at."""
    path, flat_ground = tmp_path / "dem.tif", np.zeros((2, 2), np.float32)
    write_geotiff(path, flat_ground, keys=(1, 1, 0, 1, 1024, 0, 1, 1))
    with pytest.raises(MalformedError, match="projected"):
        read_geotiff(path)
    write_geotiff(path, flat_ground, t33550=(0.25, 0.5, 0.0))
    with pytest.raises(MalformedError, match="square"):
        read_geotiff(path)
    write_geotiff(path, np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(MalformedError, match="RGB"):
        read_geotiff(path)
    Image.fromarray(flat_ground).save(path)
    with pytest.raises(MalformedError, match="tie point"):
        read_geotiff(path)
    path.write_bytes(b"II*\x00not really")
    with pytest.raises(MalformedError, match="not a readable TIFF"):
        read_geotiff(path)
    write_geotiff(path, np.zeros((2, terrain.CELLS_MAX // 2 + 1), np.uint8))
    with pytest.raises(TooLargeError):
        read_geotiff(path)


def test_scenario_takes_a_geotiff(tmp_path: Path, small_text: str) -> None:
    """Named in the scenario, a GeoTIFF gives candidates their lengths as an ASCII grid does."""
    info_text = small_text.replace("seed = 7", 'seed = 7\nelevation = "dem.tif"')
    (tmp_path / "study.toml").write_text(info_text, encoding="utf-8")
    write_geotiff(tmp_path / "dem.tif", np.zeros((60, 60), np.float32), t33922=(0.0, 0.0, 0.0, 58.0, 45.0, 0.0))
    length = load(tmp_path / "study.toml").links["west"].length
    assert length is not None
    assert length.source == "elevation"
