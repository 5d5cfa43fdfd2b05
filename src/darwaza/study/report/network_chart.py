"""Charts of the network: times, plans, resilience, past events, optical lines.

Every function draws into the figure (or part of one) it is given, from a result's tables alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D

from darwaza.study.report.style import (
    BLUE,
    FAINT,
    GRID,
    INK,
    MUTED,
    ON_LIGHT,
    ORANGE,
    SERIES,
    SKY,
    TEAL,
    gbps,
    hours,
    label,
    musd,
    two_lines,
)
from darwaza.study.report.summary import link_name
from darwaza.study.result import Result

CARRIED = LinearSegmentedColormap.from_list("carried", [ORANGE, "#f5dcc4", "#e6eff7"])
"""Nothing carried to all carried."""


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
                axes.plot([min(values), max(values)], [at, at], color=FAINT, lw=4, zorder=1)
            for value, colour, marker in points:
                if value is not None:
                    axes.plot(value, at, marker, color=colour, ms=6.5 if marker != "s" else 5, zorder=3)
        axes.set_title(region["name"])
        axes.set_xlim(0, 175)
        axes.grid(visible=True, axis="x", color=GRID)
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
        axes.grid(visible=True, axis="y", color=GRID)
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
    titles = {row["event"]: (row["name"], f"{row['started_on']}, {row['hours']:,.0f} h") for row in table}
    shown = [(result.tables["plans"][0]["id"], "today"), (result.plan, "with the plan")]
    grid = figure.subplots(1, 2, gridspec_kw={"wspace": 0.06})
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
                axes.text(j, i, f"{value:.0%}", ha="center", va="center", fontsize=8.5, color=ON_LIGHT)
        axes.set_xticks(range(len(members)), [m["id"] for m in members])
        axes.xaxis.tick_top()
        axes.set_yticks([])
        axes.tick_params(length=0)
        axes.set_title(f"Traffic carried, {name}", pad=22)
        for spine in axes.spines.values():
            spine.set_visible(False)
    two_lines(grid[0], [titles[e] for e in order])


def building(figure: Any, result: Result) -> None:
    """Building cost of each link of the plan, and the years in which capacity is added."""
    rows = sorted((r for r in result.tables["links"] if r["built_from"]), key=lambda r: -r["build_usd"])
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.15], "wspace": 0.08})
    figure.subplots_adjust(left=0.21, right=0.985, top=0.9, bottom=0.09)
    plan = next(row for row in result.tables["plans"] if row["id"] == result.plan)
    for at, row in enumerate(rows):
        left.barh(at, row["build_usd"] / 1e6, color=BLUE, height=0.6)
        label(left, row["build_usd"] / 1e6, at, f"{musd(row['build_usd'], 1)}, {row['km']:,} km")
        own = [item for item in plan["schedule"] if item["link"] == row["id"]]
        right.axhline(at, color=GRID, lw=1, zorder=0)
        before = 0.0
        for item in own:
            added = item["gbps"] - before
            right.scatter(item["year"], at, s=18 + added / 40, color=BLUE if before == 0 else SKY, zorder=3)
            before = item["gbps"]
        right.annotate(gbps(before), (1, at), xycoords=("axes fraction", "data"), ha="right", va="center", fontsize=8.5)
    two_lines(left, [(link_name(result, row), row["terrain"]) for row in rows])
    left.set_title("Building cost of the line, million USD")
    left.set_xlim(0, max((r["build_usd"] for r in rows), default=1) / 1e6 * 1.55)
    years = result.tables["finance"]["years"]
    opening = min((r["built_from"] for r in rows), default=years[0])
    right.set_title("When capacity is added, and how much stands at the end")
    right.set_xlim(opening - 1, years[-1] + 7)
    right.set_yticks([])
    for axes in (left, right):
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(length=0)
    right.spines["left"].set_visible(False)
