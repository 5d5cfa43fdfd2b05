"""The tables behind the charts, as HTML that opens on demand."""

from html import escape
from typing import Any

from darwaza.study.report.style import hours, musd, percent
from darwaza.study.result import Result

TABLE_ROWS_MAX = 2_000


def table(head: list[str], rows: list[list[Any]], *, numeric: frozenset[int] = frozenset()) -> str:
    """An HTML table; ``numeric`` columns are set right."""

    def cell(tag: str, at: int, value: Any) -> str:
        mark = ' class="n"' if at in numeric else ""
        return f"<{tag}{mark}>{escape('-' if value is None else str(value))}</{tag}>"

    top = "".join(cell("th", i, value) for i, value in enumerate(head))
    lines = [
        "<tr>" + "".join(cell("td", i, value) for i, value in enumerate(row)) + "</tr>" for row in rows[:TABLE_ROWS_MAX]
    ]
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def details(result: Result, page: str) -> str:
    """The table of a page, folded; "" when it has none."""
    maker = _TABLES.get(page)
    if maker is None:
        return ""
    title, head, rows, numeric = maker(result)
    return f"<details><summary>{escape(title)}</summary>{table(head, rows, numeric=frozenset(numeric))}</details>"


def _times_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    rows = [
        [r["member"], r["region"], r["today"], r["corridor"], r["gateway"], " > ".join(r["corridor_route"])]
        for r in result.tables["latency"]
    ]
    return (
        "Round trips in milliseconds",
        ["member", "to", "today", "with links", f"by {result.tables['gateway']}", "fastest route"],
        rows,
        range(2, 5),
    )


def _plans_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    rows = [
        [
            r["name"],
            musd(r["capex"]),
            musd(r["capex_all"]),
            musd(r["present_cost"]),
            f"{r['gap']:.2%}" + ("" if r["finished"] else f" (not finished; {r['method']})"),
            f"{r['protected_share']:.1%}",
            ", ".join(r["built"]) or "nothing",
        ]
        for r in result.tables["plans"]
    ]
    head = ["plan", "first stage", "all stages", "present cost to users", "gap to bound", "protected", "links"]
    return "All plans", head, rows, range(1, 6)


def _building_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    rows = []
    for r in result.tables["links"]:
        optical = r["optical"]
        if optical is None:
            continue
        reach = ", ".join(f"{rate}G in {count}" for rate, count in optical["reach"].items())
        rows.append(
            [
                r["id"],
                r["terrain"],
                r["km"],
                optical["spans"],
                optical["span_km"],
                optical["sections"],
                optical["gsnr_db"],
                optical["margin_db"],
                reach,
                r["built_from"] or "not built",
            ]
        )
    head = [
        "link",
        "terrain",
        "km",
        "spans",
        "span km",
        "sections",
        "GSNR dB",
        "margin dB",
        "sections per rate",
        "built",
    ]
    return "Optical feasibility of every candidate (GNPy)", head, rows, range(2, 8)


def _gains_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    groups = list(dict.fromkeys(row["group"] for row in result.tables["distribution"]))
    countries = list(dict.fromkeys(row["country"] for row in result.tables["distribution"]))
    cells = {(r["country"], r["group"]): r["present_usd"] for r in result.tables["distribution"]}
    rows: list[list[Any]] = [
        [c, *(musd(cells.get((c, g), 0.0), 1) for g in groups), musd(sum(cells.get((c, g), 0.0) for g in groups), 1)]
        for c in countries
    ]
    rows.append(
        [
            "all",
            *(musd(sum(cells.get((c, g), 0.0) for c in countries), 1) for g in groups),
            musd(sum(cells.values()), 1),
        ]
    )
    return (
        "Distribution by country and group, present value",
        ["country", *groups, "net"],
        rows,
        range(1, len(groups) + 2),
    )


def _cash_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    fin = result.tables["finance"]
    names = [
        "revenue",
        "opex",
        "fees",
        "backhaul",
        "tax",
        "later_capex",
        "available",
        "debt_service",
        "reserve",
        "support",
        "dividends",
    ]
    rows = [
        [
            year,
            *(f"{(fin[name][i] or 0) / 1e6:.2f}" for name in names),
            "-" if fin["dscr"][i] is None else f"{fin['dscr'][i]:.2f}",
        ]
        for i, year in enumerate(fin["years"])
    ]
    return "Yearly cash flow, million USD", ["year", *(n.replace("_", " ") for n in names), "DSCR"], rows, range(1, 13)


def _worth_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    eco = result.tables["economics"]
    names = list(eco["benefits"])
    rows = [
        [
            year,
            *(f"{eco['benefits'][n][i] / 1e6:.2f}" for n in names),
            f"{eco['costs'][i] / 1e6:.2f}",
            f"{eco['net'][i] / 1e6:.2f}",
            f"{eco['trade'][i] / 1e6:.2f}",
        ]
        for i, year in enumerate(eco["years"])
    ]
    return (
        "Yearly benefits and costs, million USD",
        ["year", *names, "cost", "net", "trade"],
        rows,
        range(1, len(names) + 4),
    )


def _availability_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    rows = [
        [
            r["plan"],
            r["member"],
            f"{r['availability']:.4%}",
            f"{r['lost_hours']:.2f}",
            "-" if r["reserved_hours"] is None else f"{r['reserved_hours']:.2f}",
            f"{r['sampled_share']:.4%} ± {r['sampled_error']:.4%}",
            "; ".join(f"{c['cause']} {c['hours'] * 60:.0f} min" for c in r["causes"][:4]),
        ]
        for r in result.tables["resilience"]
    ]
    head = [
        "plan",
        "member",
        "availability",
        "hours lost",
        "protected: hours cut",
        "carried on reserved capacity (Monte Carlo)",
        "main causes",
    ]
    return "Every plan and member", head, rows, range(2, 6)


def _fees_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    countries = sorted({c for row in result.tables["transit_fees"] for c in row["by_country"]})
    rows = [
        [
            f"{r['fee']:.0%}",
            percent(r["firr"]),
            musd(r["fnpv"], 1),
            musd(r["fees_usd"], 1),
            *(musd(r["by_country"].get(c, 0.0), 1) for c in countries),
        ]
        for r in result.tables["transit_fees"]
    ]
    head = ["transit fee", "FIRR", "FNPV", "fees, present value", *countries]
    return (
        "Setting the transit fee: what the company loses and each country crossed receives",
        head,
        rows,
        range(5 + len(countries)),
    )


def _anchors_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    rows = [
        [
            r["name"],
            r["member"],
            f"{r['gbps']:.0f}",
            f"{r['price'] / 12_000:.2f}",
            f"{r['take_or_pay']:.0%}",
            f"{r['years']:.0f}",
            musd(r["firm_usd_a_year"], 2),
        ]
        for r in result.tables["anchors"]
    ]
    head = ["buyer", "member", "Gbit/s", "USD/(Mbit/s)/month", "take or pay", "years", "firm a year"]
    return "Anchor contracts", head, rows, range(2, 7)


def _trade_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    rows = [[r["name"], r["member"], *(musd(v, 2) for v in r["usd_a_year"])] for r in result.tables["trade"]]
    return (
        "Trade results a year at full operation, shown apart",
        ["result", "member", "low", "base", "high"],
        rows,
        range(2, 5),
    )


def _region_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    regions = [region["id"] for region in result.tables["regions"]]
    rows = [
        [r["plan"], r["member"], *(hours(r["reserved_by_region"].get(name)) for name in regions)]
        for r in result.tables["resilience"]
    ]
    names = [region["name"] for region in result.tables["regions"]]
    return (
        "Protected traffic: hours cut a year by destination, exact",
        ["plan", "member", *names],
        rows,
        range(2, 2 + len(regions)),
    )


def _preparation_table(result: Result) -> tuple[str, list[str], list[list[Any]], range]:
    climate = result.tables["climate"]
    rows: list[list[Any]] = [
        [
            r["name"],
            r["lead"],
            f"{r['months'][1]:g} ({r['months'][0]:g} to {r['months'][2]:g})",
            f"{musd(r['cost'][1], 2)} ({musd(r['cost'][0], 2)} to {musd(r['cost'][2], 2)})",
            r["funding"],
        ]
        for r in result.tables["preparation"]
    ]
    without = climate["cuts_a_year_without"]
    effect = "" if without is None else f"{without:.1f} cuts a year become {climate['cuts_a_year']:.1f}"
    rows += [
        ["Adaptation: stand floods, slides and heat", effect, "", musd(climate["adaptation_usd"], 2), "building cost"],
        ["of which climate funds may carry", "", "", musd(climate["climate_finance_usd"], 2), "climate finance"],
    ]
    return (
        "Pipeline sheet: preparation and climate finance",
        ["step", "who", "months", "cost", "funded by"],
        rows,
        range(2, 4),
    )


_TABLES = {
    "preparation": _preparation_table,
    "availability more": _region_table,
    "cash more": _fees_table,
    "demand": _anchors_table,
    "worth more": _trade_table,
    "times": _times_table,
    "plans": _plans_table,
    "building": _building_table,
    "availability": _availability_table,
    "worth": _worth_table,
    "gains": _gains_table,
    "cash": _cash_table,
}
