"""Charts of the network: map, times, plans, resilience, past events, optical lines.

Every function draws into the figure (or part of one) it is given, from a result's tables alone.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from darwaza.study.report.style import BLUE, FAINT, GOLD, INK, MUTED, ORANGE, SERIES, TEAL, gbps, hours, label, musd
from darwaza.study.result import Result

MAP_WEST, MAP_EAST, MAP_SOUTH, MAP_NORTH = 47.0, 90.5, 23.2, 46.2
CARRIED = LinearSegmentedColormap.from_list("carried", [ORANGE, "#f5dcc4", "#e6eff7"])
"""Nothing carried to all carried."""


def route_map(figure: Any, result: Result) -> None:
    """Where the links run, what is built and how much it carries. No borders are drawn: they are not ours to draw."""
    axes = figure.add_axes((0.01, 0.02, 0.98, 0.93))
    axes.set_facecolor("#f6f9fb")
    axes.set_xlim(MAP_WEST, MAP_EAST)
    axes.set_ylim(MAP_SOUTH, MAP_NORTH)
    axes.set_aspect(1 / math.cos(math.radians((MAP_SOUTH + MAP_NORTH) / 2)))
    _graticule(axes)
    links = result.tables["links"]
    most = max((max(link["flow"]) for link in links if link["built_from"]), default=1.0) or 1.0
    for link in links:
        if link["usable"] and link["status"] == "existing":
            _line(axes, link, color="#aab6bf", width=1.1, order=2)
    for link in links:
        if link["usable"] and link["status"] == "candidate" and not link["built_from"]:
            _line(axes, link, color=GOLD, width=1.2, order=3, dashes=(0, (4, 3)))
    for link in links:
        if link["built_from"]:
            _line(axes, link, color=BLUE, width=2.2 + 6.5 * link["flow"][-1] / most, order=4, alpha=0.85)
    _sites(axes, result)
    _countries(axes, result)
    _map_legend(axes, most)


def _graticule(axes: Axes) -> None:
    for lon in range(50, 95, 10):
        axes.axvline(lon, color="#e3e9ed", lw=0.6, zorder=0)
        axes.text(lon, MAP_SOUTH + 0.3, f"{lon}°E", fontsize=6.5, color="#9aa7b1", ha="center")
    for lat in range(25, 55, 5):
        axes.axhline(lat, color="#e3e9ed", lw=0.6, zorder=0)
        axes.text(MAP_WEST + 0.2, lat + 0.12, f"{lat}°N", fontsize=6.5, color="#9aa7b1")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _line(
    axes: Axes,
    link: dict[str, Any],
    *,
    color: str,
    width: float,
    order: int,
    dashes: Any = "solid",
    alpha: float = 1.0,
) -> None:
    lats, lons = zip(*link["course"], strict=True)
    axes.plot(lons, lats, color=color, lw=width, ls=dashes, zorder=order, alpha=alpha, solid_capstyle="round")


def _sites(axes: Axes, result: Result) -> None:
    homes = {m["site"] for m in result.tables["members"]}
    shown = [s for s in result.tables["sites"] if MAP_WEST < s["lon"] < MAP_EAST and MAP_SOUTH < s["lat"] < MAP_NORTH]
    taken = [(s["lon"] - 0.25, s["lat"] - 0.25, s["lon"] + 0.25, s["lat"] + 0.25) for s in shown]
    # Capitals first: they get the place they want, and what finds no free place stays unnamed.
    for site in sorted(shown, key=lambda s: (s["id"] not in homes, s["role"] == "border", s["id"])):
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
        _name(axes, site, taken, home=home, border=border)


def _name(
    axes: Axes, site: dict[str, Any], taken: list[tuple[float, float, float, float]], *, home: bool, border: bool
) -> None:
    """Write the name at the first of eight places around the site that hits no other name or site."""
    size = 8.5 if home else 6.6
    wide, high = len(site["name"]) * size * 0.0335, size * 0.075
    for right, up in ((1, 0.3), (1, -0.9), (-1, 0.3), (-1, -0.9), (0, 0.9), (0, -1.6), (1, 1.0), (-1, 1.0)):
        west = site["lon"] + (0.35 if right > 0 else -0.35 - wide if right < 0 else -wide / 2)
        south = site["lat"] + up * high - 0.1
        box = (west, south, west + wide, south + high)
        if not any(box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3] for t in taken):
            break
    else:
        return
    taken.append(box)
    axes.text(
        box[0] + wide / 2 if right == 0 else box[0] if right > 0 else box[2],
        box[1],
        site["name"],
        fontsize=size,
        fontweight="bold" if home else "normal",
        fontstyle="italic" if border else "normal",
        color=MUTED if border else INK,
        ha="center" if right == 0 else "left" if right > 0 else "right",
        va="bottom",
        zorder=7,
        path_effects=[Stroke(linewidth=2.2, foreground="#f6f9fb"), Normal()],
    )


def _countries(axes: Axes, result: Result) -> None:
    """Country names where there is room: the emptiest point near the country's own sites."""
    names = {m["id"]: m["name"] for m in result.tables["members"]} | {"CN": "China", "RU": "Russia", "IR": "Iran"}
    points = [(s["lon"], s["lat"], s["country"]) for s in result.tables["sites"]]
    for country, name in names.items():
        own = [(x, y) for x, y, c in points if c == country and MAP_WEST < x < MAP_EAST and MAP_SOUTH < y < MAP_NORTH]
        if not own:
            continue
        middle = np.mean(own, axis=0)
        candidates = [
            (middle[0] + dx, middle[1] + dy) for dx in np.arange(-3, 3.1, 0.5) for dy in np.arange(-2, 2.1, 0.5)
        ]
        x, y = max(
            candidates,
            key=lambda p: (
                min(1.6, *(np.hypot((p[0] - q[0]) * 0.45, p[1] - q[1]) for q in points))
                - 0.16 * np.hypot(p[0] - middle[0], p[1] - middle[1])
            ),
        )
        points.extend((x + shift, y, country) for shift in (-1.6, 0.0, 1.6))
        axes.text(x, y, name.upper(), fontsize=8, color="#a3b1bb", ha="center", va="center", zorder=1)


def _map_legend(axes: Axes, most: float) -> None:
    handles = [
        Line2D([], [], color=BLUE, lw=6, alpha=0.85),
        Line2D([], [], color=GOLD, lw=1.4, ls=(0, (4, 3))),
        Line2D([], [], color="#aab6bf", lw=1.4),
        Line2D([], [], marker="s", color=INK, ls="none", ms=6),
        Line2D([], [], marker="D", mfc="white", mec=INK, ls="none", ms=4),
    ]
    labels = [
        f"built by the plan (width: traffic, up to {gbps(most)})",
        "considered, not built",
        "rented today",
        "where a member's traffic starts",
        "border crossing",
    ]
    axes.legend(handles, labels, loc="lower right", fontsize=8, frameon=True, facecolor="white", edgecolor=FAINT)


def times(figure: Any, result: Result) -> None:
    """Round trips per member and region: today, with the corridor, and through the gateway."""
    regions, members = result.tables["regions"], result.tables["members"]
    rows = {(row["member"], row["region"]): row for row in result.tables["latency"]}
    grid = figure.subplots(1, len(regions), sharey=True, gridspec_kw={"wspace": 0.12})
    figure.subplots_adjust(left=0.12, right=0.985, top=0.86, bottom=0.13)
    names = [m["name"] for m in members]
    for axes, region in zip(np.atleast_1d(grid), regions, strict=True):
        for at, member in enumerate(members):
            row = rows.get((member["id"], region["id"]))
            if row is None:
                continue
            points = [(row["today"], MUTED, "o"), (row["gateway"], ORANGE, "D"), (row["corridor"], BLUE, "s")]
            values = [value for value, _, _ in points if value is not None]
            if values:
                axes.plot([min(values), max(values)], [at, at], color="#dfe5e9", lw=4, zorder=1)
            for value, colour, marker in points:
                if value is not None:
                    axes.plot(value, at, marker, color=colour, ms=6.5 if marker != "s" else 5, zorder=3)
        axes.set_title(region["name"])
        axes.set_xlim(0, 175)
        axes.grid(visible=True, axis="x", color="#e8ecef")
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0)
        axes.set_xlabel("round trip, ms")
    np.atleast_1d(grid)[0].invert_yaxis()
    handles = [
        Line2D([], [], marker="o", color=MUTED, ls="none", ms=7),
        Line2D([], [], marker="s", color=BLUE, ls="none", ms=6),
        Line2D([], [], marker="D", color=ORANGE, ls="none", ms=6.5),
    ]
    figure.legend(
        handles,
        ["fastest today", "fastest with the new links", f"if forced through {result.tables['gateway']}"],
        loc="upper left",
        ncols=3,
        bbox_to_anchor=(0.11, 1.0),
    )


def demand(figure: Any, result: Result) -> None:
    """Growth of traffic, and what new links carry of it."""
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.22, "width_ratios": [1, 1]})
    figure.subplots_adjust(left=0.06, right=0.83, top=0.9, bottom=0.1)
    table, names = result.tables["demand"], {m["id"]: m["name"] for m in result.tables["members"]}
    years = table["years"]
    for axes, key, title in (
        (left, "traffic", "International traffic, Tbit/s"),
        (right, "carried", "Of it on new links, Tbit/s"),
    ):
        rows = [np.array(table[key][member]) / 1000 for member in names]
        axes.stackplot(years, *rows, colors=SERIES[: len(rows)], lw=0)
        axes.set_title(title)
        axes.set_xlim(years[0], years[-1])
        axes.tick_params(length=0)
        axes.grid(visible=True, axis="y", color="#e8ecef")
        axes.set_axisbelow(True)
    handles = [Line2D([], [], color=SERIES[i], lw=6) for i in range(len(names))]
    figure.legend(handles[::-1], list(names.values())[::-1], loc="center right", bbox_to_anchor=(1.0, 0.5))


def plans(figure: Any, result: Result) -> None:
    """Every plan: what it costs to build, how much it protects, how many hours a year are still lost."""
    rows = result.tables["plans"]
    grid = figure.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.1})
    figure.subplots_adjust(left=0.24, right=0.97, top=0.88, bottom=0.06)
    labels = [row["name"] for row in rows]
    columns: tuple[tuple[str, list[float], Callable[[float], str]], ...] = (
        ("Building cost, all stages", [row["capex_all"] for row in rows], musd),
        ("Protected as wanted", [row["protected_share"] for row in rows], lambda v: f"{v:.0%}"),
        ("Hours cut a year, protected", [row["reserved_hours"] for row in rows], hours),
    )
    for axes, (title, values, text) in zip(grid, columns, strict=True):
        colours = [BLUE if row["id"] == result.plan else "#9fb4c4" for row in rows]
        axes.barh(range(len(rows)), values, color=colours, height=0.62)
        top = max(values) or 1
        for at, value in enumerate(values):
            label(axes, value, at, text(value))
        axes.set_title(title)
        axes.set_xlim(0, top * 1.28)
        axes.set_xticks([])
        axes.set_yticks(range(len(rows)), labels)
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
    grid[0].invert_yaxis()


def availability(figure: Any, result: Result) -> None:
    """Hours of traffic lost a year per member, today and with the plan, by cause."""
    members = result.tables["members"]
    rows = {(row["plan"], row["member"]): row for row in result.tables["resilience"]}
    plans_shown = [result.tables["plans"][0]["id"], result.plan]
    kinds = {"country": "own or foreign national cut", "sea": "Red Sea", "land": "cable cuts, passes, landings"}
    colours = {"country": ORANGE, "sea": TEAL, "land": BLUE}
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.3})
    figure.subplots_adjust(left=0.13, right=0.97, top=0.82, bottom=0.1)
    names = [m["name"] for m in members]
    for at, member in enumerate(members):
        for offset, plan in zip((-0.19, 0.19), plans_shown, strict=True):
            row = rows.get((plan, member["id"]))
            if row is None:
                continue
            start = 0.0
            for kind, total in _by_kind(row["causes"]).items():
                left.barh(
                    at + offset, total, left=start, height=0.33, color=colours[kind], alpha=1 if offset > 0 else 0.5
                )
                start += total
            label(left, start, at + offset, hours(row["lost_hours"]), fontsize=7.5)
            value = row["reserved_hours"]
            if value is not None:
                right.barh(at + offset, value, height=0.33, color=INK if offset > 0 else FAINT)
                label(right, value, at + offset, hours(value), fontsize=7.5)
    for axes, title in (
        (left, "All traffic, after rerouting: hours lost a year"),
        (right, "Hours cut a year, protected"),
    ):
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_title(title)
        axes.tick_params(length=0)
        axes.margins(x=0.14)
    handles = [Line2D([], [], color=colours[k], lw=6) for k in kinds]
    handles += [Line2D([], [], color=FAINT, lw=6), Line2D([], [], color=INK, lw=6)]
    labels = [*kinds.values(), "today (pale)", "with the plan (full)"]
    figure.legend(handles, labels, loc="upper left", ncols=5, bbox_to_anchor=(0.02, 1.0), columnspacing=1.1)


def _by_kind(causes: list[dict[str, Any]]) -> dict[str, float]:
    found = {"country": 0.0, "sea": 0.0, "land": 0.0}
    for item in causes:
        cause = item["cause"]
        kind = "sea" if cause == "red-sea" else "country" if len(cause) == 2 and cause.isupper() else "land"  # noqa: PLR2004 - country codes
        found[kind] += item["hours"]
    return found


def events(figure: Any, result: Result) -> None:
    """Past events replayed: share of each member's traffic carried at once on what was reserved."""
    members = result.tables["members"]
    table = result.tables["events"]
    order = list(dict.fromkeys(row["event"] for row in table))
    titles = {row["event"]: f"{row['name']}\n{row['started_on']}, {row['hours']:,.0f} h" for row in table}
    shown = [(result.tables["plans"][0]["id"], "today"), (result.plan, "with the plan")]
    grid = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.06})
    figure.subplots_adjust(left=0.33, right=0.985, top=0.8, bottom=0.06)
    for axes, (plan, name) in zip(grid, shown, strict=True):
        matrix = np.full((len(order), len(members)), np.nan)
        for row in table:
            if row["plan"] == plan:
                column = next(i for i, m in enumerate(members) if m["id"] == row["member"])
                matrix[order.index(row["event"]), column] = row["rerouted"]
        columns, lines = np.arange(len(members) + 1) - 0.5, np.arange(len(order) + 1) - 0.5
        heat: Any = axes
        heat.pcolormesh(columns, lines, matrix, cmap=CARRIED, vmin=0, vmax=1, edgecolors="white", linewidth=1)
        axes.set_ylim(len(order) - 0.5, -0.5)
        for (i, j), value in np.ndenumerate(matrix):
            if np.isfinite(value):
                axes.text(j, i, f"{value:.0%}", ha="center", va="center", fontsize=8.5, color=INK)
        axes.set_xticks(range(len(members)), [m["id"] for m in members])
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(order)), [titles[e] for e in order])
        axes.tick_params(length=0)
        axes.set_title(f"Traffic carried, {name}", pad=22)
        for spine in axes.spines.values():
            spine.set_visible(False)


def building(figure: Any, result: Result) -> None:
    """Building cost of each link of the plan, and when it is built."""
    rows = sorted((r for r in result.tables["links"] if r["built_from"]), key=lambda r: -r["build_usd"])
    axes = figure.add_axes((0.2, 0.1, 0.6, 0.84))
    first = min((r["built_from"] for r in rows), default=0)
    for at, row in enumerate(rows):
        axes.barh(at, row["build_usd"] / 1e6, color=BLUE if row["built_from"] == first else SERIES[7], height=0.65)
        note = f"{musd(row['build_usd'], 1)}, {row['km']:,} km, {gbps(row['capacity'][-1])}, from {row['built_from']}"
        label(axes, row["build_usd"] / 1e6, at, note)
    axes.set_yticks(range(len(rows)), [f"{row['id']}\n{row['terrain']}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("building cost of the line, million USD (capacity as lit in the last stage)")
    axes.tick_params(length=0)
    axes.set_xlim(0, max((r["build_usd"] for r in rows), default=1) / 1e6 * 1.25)
