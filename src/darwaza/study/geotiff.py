"""Elevation from a GeoTIFF, the form in which public elevation models are published (SRTM, Copernicus).

Read are single-band rasters in degrees with north up and square cells, in whole or floating metres, whatever their
compression. Anything else is refused by name: a raster read with the wrong place would give a course that looks right.
Tags: OGC GeoTIFF 1.1 (ModelPixelScale, ModelTiepoint, GeoKeyDirectory); GDAL_NODATA as written by GDAL.
"""

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from darwaza.errors import MalformedError, TooLargeError
from darwaza.study.terrain import CELLS_MAX, RASTER_BYTES_MAX, Raster

SUFFIXES = (".tif", ".tiff")
PIXEL_SCALE, TIEPOINT, TRANSFORMATION, KEYS, NODATA = 33550, 33922, 34264, 34735, 42113
MODEL_TYPE, GEOGRAPHIC = 1024, 2
RASTER_TYPE, POINT = 1025, 2
SQUARE_TOLERANCE = 1e-3
"""Relative difference of a cell's sides that still counts as square."""
BROKEN = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    struct.error,
    Warning,
)
"""What the library raises on files that are not what they claim; a warning of it is taken as seriously."""
MODES = ("F", "I", "I;16", "I;16B", "I;16L", "L")


def read_geotiff(path: Path) -> Raster:
    """Read an elevation model in degrees.

    Raises:
        MalformedError: no GeoTIFF, or one this reader does not take; says which.
        TooLargeError: over ``RASTER_BYTES_MAX`` or ``CELLS_MAX``.
    """
    if path.stat().st_size > RASTER_BYTES_MAX:
        raise TooLargeError(f"{path}: larger than {RASTER_BYTES_MAX} bytes", code="raster_too_large")
    try:
        with warnings.catch_warnings(action="error"), Image.open(path, formats=("TIFF",)) as image:
            if image.width * image.height > CELLS_MAX:
                raise TooLargeError(
                    f"{path}: {image.width * image.height} cells; at most {CELLS_MAX}", code="raster_too_large"
                )
            if image.mode not in MODES:
                raise _fault(path, f"pixels of kind {image.mode}; one band of elevations is wanted")
            tags: Any = image.tag_v2  # type: ignore[attr-defined]
            west, north, cell = _place(path, tags)
            grid = np.asarray(image, dtype=np.float64).copy()
    except BROKEN as cause:
        raise _fault(path, f"not a readable TIFF: {cause}") from cause
    empty = str(tags.get(NODATA, "")).strip("\x00 ")
    if empty:
        try:
            grid[grid == float(empty)] = np.nan
        except ValueError as cause:
            raise _fault(path, f"GDAL_NODATA is {empty!r}, not a number") from cause
    return Raster(grid, west, north - grid.shape[0] * cell, cell, degrees=True)


def _place(path: Path, tags: Any) -> tuple[float, float, float]:
    """West edge, north edge and cell size in degrees."""
    if TRANSFORMATION in tags or PIXEL_SCALE not in tags or TIEPOINT not in tags:
        raise _fault(path, "no pixel scale and tie point; a raster with north up is wanted")
    keys = [int(number) for number in tags.get(KEYS, ())]
    known = {keys[at]: keys[at + 3] for at in range(4, len(keys) - 3, 4) if keys[at + 1] == 0}
    if known.get(MODEL_TYPE, GEOGRAPHIC) != GEOGRAPHIC:
        raise _fault(path, "a projected raster; one in degrees (EPSG:4326) is wanted: gdalwarp -t_srs EPSG:4326")
    across, down = (float(number) for number in tags[PIXEL_SCALE][:2])
    if across <= 0 or abs(across - down) > SQUARE_TOLERANCE * across:
        raise _fault(path, f"cells of {across:g} by {down:g}; square ones are wanted")
    column, row, _, lon, lat, *_ = (float(number) for number in tags[TIEPOINT])
    # A tie point names a corner of its pixel where pixels are areas, its middle where they are points.
    shift = 0.5 if known.get(RASTER_TYPE) == POINT else 0.0
    return lon - (column + shift) * across, lat + (row + shift) * across, across


def _fault(path: Path, text: str) -> MalformedError:
    return MalformedError(f"{path}: {text}", code="raster_malformed")
