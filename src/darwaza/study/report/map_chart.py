"""The map: where the links run, what is built and how much it carries.

No borders are drawn: they are not ours to draw. Names are placed by their measured size, the most important first; a
name that finds no free place is left out rather than written over another.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends import backend_agg
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from darwaza.study.report.style import BLUE, GOLD, INK, MUTED, gbps
from darwaza.study.result import Result

WEST, EAST, SOUTH, NORTH = 47.5, 79.6, 23.4, 45.9
GROUND, RENTED, QUIET = "#f4f7fa", "#a9b6c0", "#8a9aa6"
CROWD_POINTS = 1.5
"""Distance kept between names, and between a name and a thick line."""
MISREAD = 60
"""Cost of a name that stands nearer to another site than to its own."""
COUNTRY_SPOTS = 25
"""Places tried each way for a country's name."""


def route_map(figure: Any, result: Result) -> None:
    """Draw the map into a figure of about 7.6 to 7 inches."""
    axes = figure.add_axes((0.0, 0.085, 1.0, 0.915))
    axes.set_facecolor(GROUND)
    axes.set_xlim(WEST, EAST)
    axes.set_ylim(SOUTH, NORTH)
    axes.set_aspect(1 / math.cos(math.radians((SOUTH + NORTH) / 2)))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    links = [link for link in result.tables["links"] if link["usable"]]
    most = max((max(link["flow"]) for link in links if link["built_from"]), default=1.0) or 1.0
    for link in links:
        if link["status"] == "existing":
            _line(axes, link, RENTED, 1.1, order=2)
        elif not link["built_from"]:
            _line(axes, link, GOLD, 1.2, order=3, dashes=(0, (4, 3)))
    for link in links:
        if link["built_from"]:
            _line(axes, link, BLUE, _width(link, most), order=4)
    _names(figure, axes, result, links, most)
    _legend(figure, most)


def _width(link: dict[str, Any], most: float) -> float:
    return 2.4 + 6.0 * float(link["flow"][-1]) / most


def _line(axes: Axes, link: dict[str, Any], color: str, width: float, *, order: int, dashes: Any = "solid") -> None:
    lats, lons = zip(*link["course"], strict=True)
    axes.plot(lons, lats, color=color, lw=width, ls=dashes, zorder=order, solid_capstyle="round")


def _names(figure: Any, axes: Axes, result: Result, links: list[dict[str, Any]], most: float) -> None:
    """Marks and names of sites, then names of countries where room is left."""
    root = figure.get_figure(root=True) if hasattr(figure, "get_figure") else figure
    backend: Any = backend_agg
    renderer = backend.RendererAgg(root.bbox.width, root.bbox.height, root.dpi)
    axes.apply_aspect()
    frame = axes.get_window_extent(renderer)
    scale = root.dpi / 72
    homes = {m["site"] for m in result.tables["members"]}
    used = {end for link in links if link["built_from"] for end in (link["a"], link["b"])}
    touched = {end for link in links for end in (link["a"], link["b"])} | used
    taken: list[Bbox] = []
    shown = [s for s in result.tables["sites"] if WEST < s["lon"] < EAST and SOUTH < s["lat"] < NORTH]
    shown = [s for s in shown if s["id"] in touched or s["role"] == "border"]
    marks = {site["id"]: axes.transData.transform((site["lon"], site["lat"])) for site in shown}
    for x, y in marks.values():
        taken.append(Bbox.from_bounds(x - 4 * scale, y - 4 * scale, 8 * scale, 8 * scale))
    for link in links:
        if link["built_from"]:
            half = _width(link, most) / 2 * scale
            for point in _along(link):
                x, y = axes.transData.transform(point)
                taken.append(Bbox.from_bounds(x - half, y - half, 2 * half, 2 * half))
    thin = [axes.transData.transform(p) for link in links if not link["built_from"] for p in _along(link)]
    for site in sorted(
        shown, key=lambda s: (s["id"] not in homes, s["id"] not in used, s["role"] == "border", s["id"])
    ):
        home, border = site["id"] in homes, site["role"] == "border"
        axes.plot(
            site["lon"],
            site["lat"],
            marker="s" if home else "D" if border else "o",
            ms=6.5 if home else 3.6,
            mfc=INK if home else "white",
            mec=INK,
            mew=0.9,
            zorder=6,
        )
        _place(axes, site, taken, thin, marks, frame, renderer, home=home, border=border, important=site["id"] in used)
    _countries(axes, result, taken, thin, frame, renderer)


def _along(link: dict[str, Any]) -> list[tuple[float, float]]:
    """Points of the link's course, close together, as (lon, lat) inside the map."""
    points: list[tuple[float, float]] = []
    for (lat1, lon1), (lat2, lon2) in pairwise(link["course"]):
        steps = max(2, int(math.hypot(lat2 - lat1, lon2 - lon1) / 0.12))
        for t in np.linspace(0, 1, steps):
            lon, lat = lon1 + (lon2 - lon1) * t, lat1 + (lat2 - lat1) * t
            if WEST < lon < EAST and SOUTH < lat < NORTH:
                points.append((float(lon), float(lat)))
    return points


def _free(box: Bbox, taken: list[Bbox], frame: Bbox) -> bool:
    inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    return inside and not any(box.overlaps(other) for other in taken)


def _away(box: Bbox, point: Any) -> float:
    """Pixels from a point to the nearest edge of a box."""
    across = max(box.x0 - point[0], 0.0, point[0] - box.x1)
    return math.hypot(across, max(box.y0 - point[1], 0.0, point[1] - box.y1))


def _place(
    axes: Axes,
    site: dict[str, Any],
    taken: list[Bbox],
    thin: list[Any],
    marks: dict[str, Any],
    frame: Bbox,
    renderer: Any,
    *,
    home: bool,
    border: bool,
    important: bool,
) -> None:
    """Write the name at the free place around the site that crosses the fewest thin lines; not at all when none is."""
    text = axes.annotate(
        site["name"],
        (site["lon"], site["lat"]),
        xytext=(0, 0),
        textcoords="offset points",
        fontsize=10.5 if home else 8.2 if important else 7.4,
        fontweight="bold" if home else "normal",
        fontstyle="italic" if border else "normal",
        color=INK if home or important else MUTED,
        ha="left",
        va="bottom",
        zorder=7,
        bbox={"boxstyle": "square,pad=0.12", "facecolor": GROUND, "edgecolor": "none"},
    )
    size = text.get_window_extent(renderer)
    scale = renderer.dpi / 72
    wide, high = size.width / scale, size.height / scale
    gap = 6.0 if home else 4.5
    spots: list[tuple[float, int, float, float, Bbox]] = []
    for far in (0.0, 5.0, 11.0):
        g = gap + far
        for dx, dy in (
            (g, -high / 2),
            (-g - wide, -high / 2),
            (g * 0.7, g * 0.7),
            (g * 0.7, -g * 0.7 - high),
            (-g * 0.7 - wide, g * 0.7),
            (-g * 0.7 - wide, -g * 0.7 - high),
            (-wide / 2, g),
            (-wide / 2, -g - high),
        ):
            box = Bbox.from_bounds(size.x0 + dx * scale, size.y0 + dy * scale, size.width, size.height).padded(
                CROWD_POINTS
            )
            if _free(box, taken, frame):
                crossed = sum(1 for point in thin if box.contains(*point))
                own = _away(box, marks[site["id"]])
                if any(_away(box, mark) < own for name, mark in marks.items() if name != site["id"]):
                    crossed += MISREAD
                spots.append((crossed + far, len(spots), dx, dy, box))
    if not spots:
        text.remove()
        return
    _, _, dx, dy, box = min(spots, key=lambda spot: spot[:2])
    text.set_position((dx, dy))
    taken.append(box)


def _countries(axes: Axes, result: Result, taken: list[Bbox], thin: list[Any], frame: Bbox, renderer: Any) -> None:
    """Country names in the quiet: near the country's own sites and nearest to them, crossing the fewest lines."""
    names = {m["id"]: m["name"] for m in result.tables["members"]} | {"CN": "China", "IR": "Iran"}
    sites = [(s["lon"], s["lat"], s["country"]) for s in result.tables["sites"]]
    for country, name in names.items():
        own = [(x, y) for x, y, c in sites if c == country and WEST < x < EAST and SOUTH < y < NORTH]
        if not own:
            continue
        middle = np.mean(own, axis=0)
        text = axes.text(
            float(middle[0]),
            float(middle[1]),
            name.upper(),
            fontsize=8,
            color=QUIET,
            ha="center",
            va="center",
            zorder=1,
        )
        size = text.get_window_extent(renderer)
        spots: list[tuple[float, float, float, Bbox]] = []
        for dx in np.linspace(-4, 4, COUNTRY_SPOTS):
            for dy in np.linspace(-2.6, 2.6, COUNTRY_SPOTS):
                at = (middle[0] + dx, middle[1] + dy)
                nearest = min(sites, key=lambda s: math.hypot(0.8 * (s[0] - at[0]), s[1] - at[1]))
                x, y = axes.transData.transform(at)
                box = Bbox.from_bounds(x - size.width / 2, y - size.height / 2, size.width, size.height).padded(3)
                if nearest[2] == country and _free(box, taken, frame):
                    crossed = sum(1 for point in thin if box.contains(*point))
                    spots.append((2 * crossed + math.hypot(dx, 1.3 * dy), dx, dy, box))
        if not spots:
            text.remove()
            continue
        _, dx, dy, box = min(spots, key=lambda spot: spot[:3])
        text.set_position((middle[0] + dx, middle[1] + dy))
        taken.append(box)


def _legend(figure: Any, most: float) -> None:
    handles = [
        Line2D([], [], color=BLUE, lw=6),
        Line2D([], [], color=GOLD, lw=1.4, ls=(0, (4, 3))),
        Line2D([], [], color=RENTED, lw=1.4),
        Line2D([], [], marker="s", color=INK, ls="none", ms=6),
        Line2D([], [], marker="D", mfc="white", mec=INK, ls="none", ms=4),
    ]
    labels = [
        f"new (width: traffic, up to {gbps(most)})",
        "considered, not built",
        "standing, rented",
        "member's main exchange",
        "border crossing",
    ]
    figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=9, frameon=False, columnspacing=1.6)
