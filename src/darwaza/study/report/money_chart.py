"""Charts of money: benefits and costs, who gains, cash flow, debt, uncertainty, preparation."""

from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from darwaza.study.report.style import (
    BLUE,
    FAINT,
    GAIN,
    GOLD,
    GREEN,
    INK,
    LOSS,
    MUTED,
    ORANGE,
    RED,
    SERIES,
    SKY,
    TEAL,
    VIOLET,
    chance,
    label,
    musd,
    percent,
    span,
    two_lines,
)
from darwaza.study.report.summary import INFLUENCES_SHOWN, value_name
from darwaza.study.result import Result

GROUP_NAMES = {
    "consumers": "users",
    "carriers": "today's carriers",
    "corridor": "the corridor itself",
    "outages": "fewer outages",
    "trade": "trade",
}
BENEFIT_NAMES = {
    "diverted": "saved on traffic\nthat moves",
    "competition": "saved on traffic\nthat stays",
    "generated": "new traffic",
    "outages": "outages\navoided",
    "transit": "through\ntraffic",
}


GIFT_SHOWN = 0.005
COVER_SHOWN = 5.0


def worth(figure: Any, result: Result) -> None:
    """Benefits, costs and what is left: a bridge of present values."""
    table = result.tables["economics"]["present"]
    axes = figure.add_axes((0.08, 0.17, 0.89, 0.76))
    steps = [(BENEFIT_NAMES[name], table[name], GAIN) for name in BENEFIT_NAMES]
    steps.append(("economic\ncost", -table["costs"], LOSS))
    level = 0.0
    for at, (_, value, colour) in enumerate(steps):
        axes.bar(at, value / 1e6, bottom=level / 1e6, color=colour, width=0.62)
        top = max(level, level + value) / 1e6
        axes.text(at, top, musd(value), ha="center", va="bottom", fontsize=9)
        level += value
        axes.plot([at + 0.31, at + 0.69], [level / 1e6] * 2, color=MUTED, lw=0.8)
    axes.bar(len(steps), level / 1e6, color=INK, width=0.62)
    axes.text(len(steps), max(0, level / 1e6), musd(level), ha="center", va="bottom", fontweight="bold")
    axes.bar(
        len(steps) + 1, table["trade"] / 1e6, bottom=level / 1e6, color=SKY, width=0.62, hatch="///", edgecolor="white"
    )
    axes.text(
        len(steps) + 1, (level + table["trade"]) / 1e6, f"+{musd(table['trade'])}", ha="center", va="bottom", fontsize=9
    )
    labels = [name for name, _, _ in steps] + ["net gain\n(ENPV)", "trade, shown\napart"]
    axes.set_xticks(range(len(labels)), labels, fontsize=8.5)
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set_ylabel("present value, million USD")
    axes.tick_params(length=0)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.08)


def gains(figure: Any, result: Result) -> None:
    """Who gains and who loses, by country and group."""
    names = {m["id"]: m["name"] for m in result.tables["members"]} | {"abroad": "others"}
    totals: dict[str, dict[str, float]] = {}
    for row in result.tables["distribution"]:
        totals.setdefault(row["country"], {})[row["group"]] = row["present_usd"] / 1e6
    order = sorted(totals, key=lambda c: -sum(totals[c].values()))
    colours = dict(zip(GROUP_NAMES, (BLUE, ORANGE, VIOLET, TEAL, SKY), strict=True))
    axes = figure.add_axes((0.15, 0.1, 0.8, 0.78))
    for at, country in enumerate(order):
        right = left = 0.0
        for group in GROUP_NAMES:
            value = totals[country].get(group, 0.0)
            axes.barh(at, value, left=right if value >= 0 else left, color=colours[group], height=0.6)
            right, left = (right + value, left) if value >= 0 else (right, left + value)
        net = sum(totals[country].values())
        axes.plot(net, at, "D", color=INK, ms=7, mec="white", zorder=5)
        label(axes, right, at, f"net {musd(net * 1e6)}", fontsize=9, fontweight="bold")
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_yticks(range(len(order)), [names.get(c, c) for c in order])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.margins(x=0.14)
    axes.set_xlabel("present value, million USD")
    handles = [Line2D([], [], color=colours[g], lw=6) for g in GROUP_NAMES]
    handles.append(Line2D([], [], marker="D", color=INK, ls="none", ms=6))
    figure.legend(handles, [*GROUP_NAMES.values(), "net"], loc="upper left", ncols=6, bbox_to_anchor=(0.14, 1.0))


def cash(figure: Any, result: Result) -> None:
    """The company's cash, year by year."""
    table = result.tables["finance"]
    years = np.array(table["years"])
    axes = figure.add_axes((0.07, 0.1, 0.9, 0.78))
    inflow = (
        ("revenue", "revenue", BLUE),
        ("drawn", "loans, grants and equity drawn", SKY),
        ("support", "owners' support", GOLD),
    )
    outflow = (
        ("capex", "building", ORANGE),
        ("later_capex", "later building and renewal", "#efb98d"),
        ("opex", "running", RED),
        ("fees", "transit fees", VIOLET),
        ("backhaul", "subsea and trunk capacity", TEAL),
        ("tax", "tax", MUTED),
        ("debt_service", "debt service", INK),
    )
    for parts, sign in ((inflow, 1), (outflow, -1)):
        level = np.zeros(len(years))
        for key, name, colour in parts:
            values = sign * np.array(table[key], dtype=float) / 1e6
            axes.bar(years, values, bottom=level, color=colour, width=0.78, label=name)
            level = level + values
    axes.plot(
        years,
        np.array(table["dividends"], dtype=float) / 1e6,
        color=GREEN,
        lw=2,
        marker="o",
        ms=3,
        label="paid to owners",
    )
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set_ylabel("million USD a year, real")
    axes.tick_params(length=0)
    axes.legend(ncols=6, loc="upper left", bbox_to_anchor=(0, 1.15), fontsize=8, columnspacing=1.0, handlelength=1.2)
    axes.set_xlim(years[0] - 0.6, years[-1] + 0.6)
    axes.margins(y=0.06)


def debt(figure: Any, result: Result) -> None:
    """Where the money comes from, and whether debt is covered."""
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.25], "wspace": 0.2})
    figure.subplots_adjust(left=0.2, right=0.97, top=0.88, bottom=0.12)
    tranches = result.tables["tranches"]
    for at, tranche in enumerate(tranches):
        left.barh(at, tranche["usd"] / 1e6, color=SERIES[at], height=0.62)
        element = tranche["grant_element"] or 0.0
        gift = f", gift {element:.0%}" if element >= GIFT_SHOWN else ""
        label(left, tranche["usd"] / 1e6, at, f"{musd(tranche['usd'])} ({tranche['share']:.0%}{gift})")
    left.set_yticks(range(len(tranches)), [t["name"] for t in tranches])
    left.invert_yaxis()
    left.set_xlim(0, max(t["usd"] for t in tranches) / 1e6 * 1.75)
    left.set_title("Where the money comes from, million USD")
    left.tick_params(length=0)
    table = result.tables["finance"]
    floor = table["dscr_covenant"]
    pairs = [(y, d) for y, d in zip(table["years"], table["dscr"], strict=True) if d is not None]
    if pairs:
        years, cover = zip(*pairs, strict=True)
        shown = np.clip(np.array(cover), -0.5, COVER_SHOWN)
        colours = [GAIN if c >= floor else GOLD if c >= 1 else LOSS for c in cover]
        right.bar(years, shown, color=colours, width=0.7)
    right.axhline(floor, color=ORANGE, lw=1.4, ls="--")
    right.axhline(1.0, color=RED, lw=1, ls=":")
    right.set_title(f"Cash over debt service; dashed: {floor:g}, which lenders ask")
    right.text(table["years"][-1] + 0.5, -0.62, f"bars end at {COVER_SHOWN:g}", fontsize=8, ha="right", color=MUTED)
    right.tick_params(length=0)


def tornado(figure: Any, result: Result) -> None:
    """One risk at a time from low to high."""
    rows = result.tables["tornado"]
    base = result.tables["economics"]["enpv"] / 1e6
    axes = figure.add_axes((0.23, 0.11, 0.72, 0.84))
    for at, row in enumerate(rows):
        for end in ("low", "high"):
            value = row[f"enpv_{end}"] / 1e6
            axes.barh(at, value - base, left=base, color=GAIN if value >= base else LOSS, height=0.6)
            if abs(value - base) > 1:
                side = "right" if value >= base else "left"
                label(axes, value, at, f"{row[end]:g}", side=side, fontsize=8, color=MUTED)
    axes.axvline(base, color=INK, lw=1)
    axes.axvline(0, color=RED, lw=1, ls=":")
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.margins(x=0.1)
    axes.set_xlabel(
        f"net present value to the economy, million USD (base {musd(base * 1e6)}; grey figures: the factor, or years)"
    )


def influence(figure: Any, result: Result) -> None:
    """The assumptions that move the result most, told apart by how far they can be trusted."""
    known = {row["path"]: row for row in result.tables["assumptions"]}
    rows = result.tables["influence"][:INFLUENCES_SHOWN]
    axes = figure.add_axes((0.34, 0.12, 0.63, 0.8))
    base = result.tables["economics"]["enpv"] / 1e6
    for at, row in enumerate(rows):
        ends = row["enpv_low"] / 1e6, row["enpv_high"] / 1e6
        judged = known[row["path"]]["confidence"] == "judgement"
        axes.barh(at, max(ends) - min(ends), left=min(ends), color=ORANGE if judged else BLUE, height=0.6)
        for end, name in zip(ends, ("low", "high"), strict=True):
            label(axes, end, at, name, side="right" if end == max(ends) else "left", fontsize=7.5, color=MUTED)
    pairs = []
    for row in rows:
        value = known[row["path"]]
        pairs.append(
            (
                value_name(result, row["path"]),
                f"{span(value['low'], value['high'], value['unit'])}, {value['confidence']}",
            )
        )
    two_lines(axes, pairs)
    axes.axvline(base, color=INK, lw=1.2)
    axes.axvline(0, color=RED, lw=1, ls=":")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.tick_params(length=0)
    axes.set_xlabel(f"net present value to the economy, million USD (base ${base:,.0f}m)")
    handles = [Line2D([], [], color=BLUE, lw=6), Line2D([], [], color=ORANGE, lw=6)]
    figure.legend(handles, ["from a source, or a choice of the parties", "judgement"], loc="upper right", ncols=2)


def uncertainty(figure: Any, result: Result) -> None:
    """Ten thousand futures: how often the economy gains and the company earns its cost of money."""
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.14})
    figure.subplots_adjust(left=0.05, right=0.97, top=0.86, bottom=0.13)
    spread = result.tables["spread"]
    for axes, key, title, share in (
        (left, "enpv", "Net present value to the economy", spread["enpv_positive"]),
        (right, "fnpv", "Net present value to the company", spread["fnpv_positive"]),
    ):
        counts, edges = np.array(spread[key]["counts"]), np.array(spread[key]["edges"], dtype=float) / 1e6
        if counts.size == 0:
            continue
        centres = (edges[:-1] + edges[1:]) / 2
        axes.bar(centres, counts, width=np.diff(edges) * 0.94, color=[GAIN if c > 0 else LOSS for c in centres])
        axes.axvline(0, color=INK, lw=1)
        middle = spread[key]["p50"] / 1e6
        axes.axvline(middle, color=INK, lw=1, ls="--")
        label(axes, middle, counts.max() * 1.04, f"median {musd(middle * 1e6)}")
        axes.set_title(f"{title}: positive in {chance(share)}", pad=16)
        axes.set_yticks([])
        axes.set_xlabel("million USD")
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)


def switching(figure: Any, result: Result) -> None:
    """Sensitivity table as bars, and how far each driver can move before the gain is gone."""
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.62})
    figure.subplots_adjust(left=0.2, right=0.93, top=0.9, bottom=0.1)
    rows = result.tables["sensitivity"]
    limit = result.tables["economics"]["discount"]
    values = [(row["eirr"] if row["eirr"] is not None else 0.0) * 100 for row in rows]
    left.barh(range(len(rows)), values, color=[GAIN if v >= limit * 100 else LOSS for v in values], height=0.6)
    for at, row in enumerate(rows):
        label(left, values[at], at, percent(row["eirr"]))
    left.axvline(limit * 100, color=INK, lw=1, ls="--")
    left.set_yticks(range(len(rows)), [row["name"] for row in rows])
    left.invert_yaxis()
    left.set_title("Economic rate of return (EIRR), %")
    left.tick_params(length=0)
    left.margins(x=0.16)
    names = {
        "capex": "building cost",
        "opex": "running cost",
        "benefit": "benefits",
        "demand": "traffic",
        "competition": "price fall",
        "volume_captured": "traffic won",
    }
    items = [(names[k], v) for k, v in result.tables["switching"].items()]
    for at, (_, value) in enumerate(items):
        if value is None:
            label(right, 0, at, "no change makes it zero", color=MUTED)
        else:
            shown = float(np.clip(value * 100, -100, 300))
            right.barh(at, shown, color=GOLD, height=0.6)
            label(right, shown, at, f"{value * 100:+.0f}%", side="right" if shown >= 0 else "left")
    right.axvline(0, color=MUTED, lw=0.8)
    right.set_yticks(range(len(items)), [name for name, _ in items])
    right.set_ylim(len(items) - 0.5, -0.5)
    right.set_title("Change that makes the gain zero")
    right.tick_params(length=0)
    right.margins(x=0.25)


def preparation(figure: Any, result: Result) -> None:
    """The steps of project preparation, their length and cost."""
    rows = result.tables["preparation"]
    axes = figure.add_axes((0.33, 0.12, 0.63, 0.82))
    start = 0.0
    for at, row in enumerate(rows):
        low, base, high = row["months"]
        axes.barh(at, base, left=start, color=BLUE, height=0.5)
        axes.plot([start + base, start + high], [at, at], color=FAINT, lw=4, zorder=0)
        axes.text(
            start + high + 0.5,
            at,
            f"{low:g}-{high:g} months, {musd(row['cost'][1], 1)}, {row['funding']}",
            va="center",
            fontsize=8,
        )
        start += base * 0.55
    two_lines(axes, [(row["name"], row["lead"]) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("months from the decision (steps overlap; pale: the longest seen elsewhere)")
    axes.tick_params(length=0)
    axes.set_xlim(0, start + 62)
