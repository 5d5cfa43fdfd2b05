"""Charts of the network: map, times, plans, resilience, past events, optical lines.

Every function draws into the figure (or part of one) it is given, from a result's tables alone.
"""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from darwaza.study.report.style import BLUE, FAINT, GOLD, INK, MUTED, ORANGE, SERIES, TEAL, gbps, hours, musd
from darwaza.study.result import Result

MAP_WEST, MAP_EAST, MAP_SOUTH, MAP_NORTH = 47.0, 91.0, 22.5, 52.5
NAMED_ROLES = ("hub", "landing", "exchange")
QUIET = "#eef2f5"


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
    for site in result.tables["sites"]:
        if not (MAP_WEST < site["lon"] < MAP_EAST and MAP_SOUTH < site["lat"] < MAP_NORTH):
            continue
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
        if site["role"] in NAMED_ROLES or home or border:
            text = axes.annotate(
                site["name"],
                (site["lon"], site["lat"]),
                xytext=(5, 3),
                textcoords="offset points",
                fontsize=8 if home else 6.3,
                fontweight="bold" if home else "normal",
                fontstyle="italic" if border else "normal",
                color=INK if home or not border else MUTED,
                zorder=7,
            )
            text.set_clip_on(True)


def _countries(axes: Axes, result: Result) -> None:
    names = {m["id"]: m["name"] for m in result.tables["members"]} | {"CN": "China", "RU": "Russia", "IR": "Iran"}
    places: dict[str, list[tuple[float, float]]] = {}
    for site in result.tables["sites"]:
        if MAP_WEST < site["lon"] < MAP_EAST and MAP_SOUTH < site["lat"] < MAP_NORTH:
            places.setdefault(site["country"], []).append((site["lon"], site["lat"]))
    for country, points in places.items():
        if country in names:
            x, y = np.mean(points, axis=0)
            axes.text(x, y - 1.35, names[country].upper(), fontsize=8.5, color="#8797a3", ha="center", zorder=1, alpha=0.8)


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
    axes.legend(handles, labels, loc="upper right", fontsize=8, frameon=True, facecolor="white", edgecolor=FAINT)


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
        ["fastest today", "fastest with the new links", "if forced through the gateway at Karachi"],
        loc="upper left",
        ncols=3,
        bbox_to_anchor=(0.11, 1.0),
    )


def demand(figure: Any, result: Result) -> None:
    """Growth of traffic, and what new links carry of it."""
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.22, "width_ratios": [1, 1]})
    figure.subplots_adjust(left=0.07, right=0.86, top=0.9, bottom=0.1)
    table, names = result.tables["demand"], {m["id"]: m["name"] for m in result.tables["members"]}
    years = table["years"]
    for axes, key, title in ((left, "traffic", "International traffic, Tbit/s"), (right, "carried", "Of it on new links, Tbit/s")):
        rows = [np.array(table[key][member]) / 1000 for member in names]
        axes.stackplot(years, *rows, colors=SERIES[: len(rows)], lw=0)
        axes.set_title(title)
        axes.set_xlim(years[0], years[-1])
        axes.tick_params(length=0)
        axes.grid(visible=True, axis="y", color="#e8ecef", zorder=0)
    handles = [Line2D([], [], color=SERIES[i], lw=6) for i in range(len(names))]
    figure.legend(handles[::-1], list(names.values())[::-1], loc="center right", bbox_to_anchor=(1.0, 0.5))


def plans(figure: Any, result: Result) -> None:
    """Every plan: what it costs to build, how much it protects, how many hours a year are still lost."""
    rows = result.tables["plans"]
    grid = figure.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.1})
    figure.subplots_adjust(left=0.24, right=0.97, top=0.88, bottom=0.06)
    labels = [row["name"] for row in rows]
    columns = (
        ("Building cost, all stages", [row["capex_all"] for row in rows], musd),
        ("Protected traffic that really is", [row["protected_share"] for row in rows], lambda v: f"{v:.0%}"),
        ("Protected traffic: hours cut a year", [row["reserved_hours"] for row in rows], hours),
    )
    for axes, (title, values, text) in zip(grid, columns, strict=True):
        colours = [BLUE if row["id"] == result.plan else "#9fb4c4" for row in rows]
        axes.barh(range(len(rows)), values, color=colours, height=0.62)
        top = max(values) or 1
        for at, value in enumerate(values):
            axes.text(value + top * 0.02, at, text(value), va="center", fontsize=9)
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
                left.barh(at + offset, total, left=start, height=0.33, color=colours[kind], alpha=1 if offset > 0 else 0.5)
                start += total
            left.text(start, at + offset, f" {hours(row['lost_hours'])}", va="center", fontsize=7.5)
            value = row["reserved_hours"]
            if value is not None:
                right.barh(at + offset, value, height=0.33, color=INK if offset > 0 else FAINT)
                right.text(value, at + offset, f" {hours(value)}", va="center", fontsize=7.5)
    for axes, title in ((left, "All traffic, after rerouting: hours lost a year"), (right, "Protected traffic: hours cut a year")):
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
    titles = {row["event"]: f"{row['name']}\n{row['started_on']}, {row['hours']:.0f} h" for row in table}
    shown = [(result.tables["plans"][0]["id"], "today"), (result.plan, "with the plan")]
    grid = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.06})
    figure.subplots_adjust(left=0.27, right=0.985, top=0.8, bottom=0.06)
    for axes, (plan, name) in zip(grid, shown, strict=True):
        matrix = np.full((len(order), len(members)), np.nan)
        for row in table:
            if row["plan"] == plan:
                column = next(i for i, m in enumerate(members) if m["id"] == row["member"])
                matrix[order.index(row["event"]), column] = row["rerouted"]
        axes.imshow(matrix, cmap="RdYlBu", vmin=0, vmax=1, aspect="auto", alpha=0.75)
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
        note = f" {musd(row['build_usd'], 1)}   {row['km']:,} km   {gbps(row['capacity'][-1])}   from {row['built_from']}"
        axes.text(row["build_usd"] / 1e6, at, note, va="center", fontsize=8.5)
    axes.set_yticks(range(len(rows)), [f"{row['id']}\n{row['terrain']}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("building cost of the line, million USD (capacity as lit in the last stage)")
    axes.tick_params(length=0)
    axes.set_xlim(0, max((r["build_usd"] for r in rows), default=1) / 1e6 * 1.25)
