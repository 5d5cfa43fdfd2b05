"""What the report says: one page per question, its answer as a sentence from the numbers, and its chart.

The order is that of a lender's feasibility report: need, options, design, resilience, economics, distribution,
finance, risk, trade and climate, next steps. A sentence never says more than the tables hold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from darwaza.study.report import map_chart, money_chart, network_chart
from darwaza.study.report.style import PRICE_PER_MBPS_MONTH, chance, gbps, hours, musd, percent
from darwaza.study.report.summary import (
    INFLUENCES_SHOWN,
    cause_name,
    link_name,
    name_of,
    plan_of,
    totals,
    value_name,
    where,
)
from darwaza.study.result import Result

SUPPORT_SHOWN_USD = 1e4


@dataclass(frozen=True, slots=True)
class Page:
    """One question.

    Attributes:
        id: anchor and name of the chart.
        question: as a reader would ask it.
        answer: one or two sentences with the numbers.
        draw: draws the chart into a figure.
        height: of the chart in inches.
        note: how to read the chart; "" when plain.
        figures: ids of figures the answer rests on, for ``explain``.
        width: of the chart in inches.
    """

    id: str
    question: str
    answer: str
    draw: Callable[[Any, Result], None]
    height: float
    note: str
    figures: tuple[str, ...]
    width: float = 10.0


def _map(result: Result) -> str:
    found = where(result)
    return f"{found.headline}. {found.text}"


def _row(result: Result, member: str, region: str) -> dict[str, Any] | None:
    return next((r for r in result.tables["latency"] if (r["member"], r["region"]) == (member, region)), None)


def _times(result: Result) -> str:
    pick = next((m["id"] for m in result.tables["members"] if m["id"] == "UZ"), result.tables["members"][0]["id"])
    farther, nearer = [], []
    for region in result.tables["regions"]:
        row = _row(result, pick, region["id"])
        if row is None or row["today"] is None or row["corridor"] is None:
            continue
        if row["gateway"] is not None and row["gateway"] > row["today"] + 1:
            farther.append(f"{region['name']} ({row['today']:.0f} to {row['gateway']:.0f} ms)")
        elif row["corridor"] < row["today"] - 1:
            nearer.append(f"{region['name']} ({row['today']:.0f} to {row['corridor']:.0f} ms)")
    text = f"Seen from {name_of(result, pick)}: "
    if nearer:
        text += f"nearer are {', '.join(nearer)}"
    if farther:
        text += f"{'; ' if nearer else ''}farther through {result.tables['gateway']} are {', '.join(farther)}"
    return ("Not to everywhere. " if farther else "") + text + "."


def _demand(result: Result) -> str:
    table = result.tables["demand"]
    first = sum(values[0] for values in table["traffic"].values())
    last = sum(values[-1] for values in table["traffic"].values())
    share = sum(values[-1] for values in table["carried"].values()) / last if last else 0
    firm = sum(row["firm_usd_a_year"] for row in result.tables["anchors"])
    return (
        f"Members send {gbps(first)} today and {gbps(last)} in {table['years'][-1]}; new links win {share:.0%} of "
        f"it. The buyers are few: {len(result.tables['anchors'])} anchor contracts, worth {musd(firm, 1)} a year "
        "even unused."
    )


def _plans(result: Result) -> str:
    rows = result.tables["plans"]
    today, best = rows[0], plan_of(result)
    return (
        f"Today {today['protected_share']:.0%} of what members want protected can be. '{best['name']}' protects "
        f"{best['protected_share']:.0%} and is within {best['gap']:.1%} of the cheapest way over the routes "
        "considered (proven)."
    )


def _building(result: Result) -> str:
    rows = sorted((r for r in result.tables["links"] if r["built_from"]), key=lambda r: -r["build_usd"])
    if not rows:
        return "Nothing is built."
    top = rows[0]
    total = sum(row["build_usd"] for row in rows)
    return (
        f"Lines cost {musd(total)}; the dearest is {link_name(result, top)} ({musd(top['build_usd'], 1)}, "
        f"{top['km']:,} km of {top['terrain']}). Buying capacity year by year instead of stage by stage saves "
        f"{musd(plan_of(result)['yearly_saving'], 1)}."
    )


def _availability(result: Result) -> str:
    rows = {(r["plan"], r["member"]): r for r in result.tables["resilience"]}
    today = result.tables["plans"][0]["id"]
    best = max(
        (m["id"] for m in result.tables["members"] if (today, m["id"]) in rows),
        key=lambda m: (rows[today, m]["reserved_hours"] or 0) - (rows[result.plan, m]["reserved_hours"] or 0),
    )
    before, after = rows[today, best]["reserved_hours"], rows[result.plan, best]["reserved_hours"]
    return (
        f"Protected traffic of {name_of(result, best)} is cut {hours(before)} a year today and {hours(after)} with "
        "the plan. " + _remaining(result, rows[result.plan, best], best)
    )


def _remaining(result: Result, row: dict[str, Any], member: str) -> str:
    """What the largest part of the traffic still lost is due to."""
    if not row["causes"] or row["lost_hours"] <= 0:
        return ""
    top = row["causes"][0]
    cause = cause_name(result, top["cause"])
    share = top["hours"] / row["lost_hours"]
    own = " (ordered at home, which no cable can help)" if top["cause"] == member else ""
    return f"Of all its traffic still lost after rerouting, {share:.0%} is due to '{cause}'{own}."


def _events(result: Result) -> str:
    rows = result.tables["events"]
    today = result.tables["plans"][0]["id"]
    shares = {(r["plan"], r["event"], r["member"]): r["rerouted"] for r in rows}
    pairs = sorted({(r["event"], r["member"]) for r in rows})
    event, member = max(pairs, key=lambda p: shares[(result.plan, *p)] - shares[(today, *p)])
    before, after = shares[today, event, member], shares[result.plan, event, member]
    name = next(r["name"] for r in rows if r["event"] == event)
    if after - before < 0.005:  # noqa: PLR2004 - below what is printed
        return "In none of these events would the plan have carried more than today's network."
    helped = sum(1 for p in pairs if shares[(result.plan, *p)] - shares[(today, *p)] > 0.005)  # noqa: PLR2004 - as above
    return (
        f"It helps {helped} times out of {len(pairs)}. Most in '{name}': {name_of(result, member)} keeps {after:.0%} "
        f"of its traffic rather than {before:.0%}. A country that cuts itself off stays cut off."
    )


def _worth(result: Result) -> str:
    eco = result.tables["economics"]
    verdict = "above" if (eco["eirr"] or -1) >= eco["discount"] else "below"
    return (
        f"Economic rate of return {percent(eco['eirr'])}, {verdict} the {percent(eco['discount'], 0)} the "
        f"development bank asks; net present value {musd(eco['enpv'])}, before trade. With trade: "
        f"{percent(eco['eirr_trade'])}."
    )


def _gains(result: Result) -> str:
    net = totals(result)
    ranked = sorted((c for c in net if c != "abroad"), key=lambda c: -net[c])
    losers = [c for c in ranked if net[c] < 0]
    text = f"{name_of(result, ranked[0])} gains most ({musd(net[ranked[0]])})."
    if losers:
        worst = losers[-1]
        many = (
            f"{len(losers)} of {len(ranked)} would lose, {name_of(result, worst)} most"
            if len(losers) > 1
            else (f"Only {name_of(result, worst)} would lose")
        )
        text += (
            f" {many} ({musd(-net[worst])}), because its carriers earn less from transit: without a share of the "
            "gains it has no reason to join."
        )
    return text


def _cash(result: Result) -> str:
    fin, tariffs = result.tables["finance"], result.tables["tariffs"]
    enough = (fin["firr"] if fin["firr"] is not None else -1) >= fin["wacc"]
    text = f"Financial return {percent(fin['firr'])} against a cost of money of {percent(fin['wacc'])}: "
    text += (
        "in the base case it pays for itself. "
        if enough
        else f"not without help; {musd(-fin['fnpv'])} of further grant would close the gap. "
    )
    asked = tariffs["asked"] / PRICE_PER_MBPS_MONTH
    if tariffs["cost_recovery"] is not None:
        text += (
            f"The tariff asked is ${asked:.2f} a Mbit/s and month; cost is recovered at "
            f"${tariffs['cost_recovery'] / PRICE_PER_MBPS_MONTH:.2f}."
        )
    return text


def _debt(result: Result) -> str:
    fin = result.tables["finance"]
    pairs = [(year, cover) for year, cover in zip(fin["years"], fin["dscr"], strict=True) if cover is not None]
    floor = fin["dscr_covenant"]
    weak = [year for year, cover in pairs if cover < floor]
    support = sum(value or 0 for value in fin["support"])
    text = f"{musd(fin['need'])} are needed; interest and fees while building are {musd(fin['idc'], 1)}. "
    if weak:
        text += f"Cover is under the {floor:g} lenders ask in {', '.join(map(str, weak))}. "
    elif pairs:
        text += f"Cover never falls under {min(cover for _, cover in pairs):.2f}; lenders ask {floor:g}. "
    if support >= SUPPORT_SHOWN_USD:
        text += f"Owners add {musd(support, 1)} in years without income. "
    return text + f"Loan life cover is {fin['llcr'] or 0:.2f}; lenders ask {fin['llcr_covenant']:g}."


def _tornado(result: Result) -> str:
    rows = result.tables["tornado"]
    negative = [row["name"].lower() for row in rows if min(row["enpv_low"], row["enpv_high"]) < 0]
    text = f"'{rows[0]['name']}' moves the result most."
    return text + (
        f" Alone, {', '.join(negative)} can turn the gain into a loss."
        if negative
        else " No single risk turns the gain into a loss."
    )


def _influence(result: Result) -> str:
    rows = result.tables["influence"]
    if not rows:
        return "No value with a range acts on money directly."
    trust = {row["path"]: row["confidence"] for row in result.tables["assumptions"]}
    top = rows[:INFLUENCES_SHOWN]
    guessed = sum(1 for row in top if trust[row["path"]] == "judgement")
    negative = sum(1 for row in rows if min(row["enpv_low"], row["enpv_high"]) < 0)
    text = (
        f"Of the {len(top)} assumptions that move it most, {guessed} are judgements: replace those first. "
        f"Strongest is '{value_name(result, top[0]['path'])}'. "
    )
    return text + (f"{negative} alone can turn the gain into a loss." if negative else "None alone makes it a loss.")


def _uncertainty(result: Result) -> str:
    spread = result.tables["spread"]
    return (
        f"In {spread['runs']:,} futures the region gains in {chance(spread['enpv_positive'])}; the company earns the "
        f"cost of its money in {chance(spread['fnpv_positive'])}. Nine in ten economic rates of return lie between "
        f"{percent(spread['eirr'].get('p5'))} and {percent(spread['eirr'].get('p95'))}."
    )


def _switching(result: Result) -> str:
    values = result.tables["switching"]
    parts = []
    if values["capex"] is not None:
        parts.append(f"building may be {1 + values['capex']:.1f} times as dear")
    if values["benefit"] is not None:
        parts.append(f"benefits may be {-values['benefit']:.0%} smaller")
    return (
        ("Before the gain is gone, " + " or ".join(parts) + ".")
        if parts
        else "No change within reach makes the gain zero."
    )


def _preparation(result: Result) -> str:
    rows, climate = result.tables["preparation"], result.tables["climate"]
    cost = sum(row["cost"][1] for row in rows)
    return (
        f"{len(rows)} steps and {musd(cost, 1)} lead to financial close. Making the cables stand floods and slides "
        f"costs {musd(climate['adaptation_usd'], 1)}, of which climate funds may carry "
        f"{musd(climate['climate_finance_usd'], 1)}."
    )


@dataclass(frozen=True, slots=True)
class Question:
    """A page before its answer is known; fields as in ``Page``."""

    id: str
    question: str
    answer: Callable[[Result], str]
    draw: Callable[[Any, Result], None]
    height: float
    note: str
    figures: tuple[str, ...]
    width: float = 10.0


QUESTIONS = (
    Question(
        "map",
        "Where would it run?",
        _map,
        map_chart.route_map,
        7.05,
        "Lines join sites directly; they are not surveyed courses. No borders are drawn.",
        ("design.capex", "design.carried"),
        7.6,
    ),
    Question(
        "times",
        "Is it faster?",
        _times,
        network_chart.times,
        4.6,
        "Shortest possible: the speed of light in glass, no equipment, no queues.",
        ("latency.UZ.europe.today", "latency.UZ.europe.gateway", "latency.UZ.gulf.corridor"),
    ),
    Question(
        "demand",
        "How much traffic is there?",
        _demand,
        network_chart.demand,
        4.4,
        "Peak of international traffic; a member's share over regions comes from a gravity model with today's round "
        "trips.",
        ("design.carried",),
    ),
    Question(
        "plans",
        "Which plan is best?",
        _plans,
        network_chart.plans,
        3.8,
        "Each plan is optimised on its own. Protected traffic must survive every single cut, landing, pass, border "
        "and any one country for two days.",
        ("design.best.cost", "design.best.protected"),
    ),
    Question(
        "building",
        "What is built, and what does it cost?",
        _building,
        network_chart.building,
        5.4,
        "Cable, huts and terminals; transponders are added as traffic grows. Optical feasibility of each line was "
        "checked with GNPy.",
        ("design.capex",),
    ),
    Question(
        "availability",
        "How often does it fail?",
        _availability,
        network_chart.availability,
        5.0,
        "Left: everything that fits is rerouted. Right: only routes set aside in advance count; exact over all "
        "combinations of failures.",
        ("resilience.best.UZ.lost_hours", "resilience.best.UZ.reserved_hours"),
    ),
    Question(
        "events",
        "What would it have done in past crises?",
        _events,
        network_chart.events,
        4.6,
        "Share of each member's traffic that still flows once rerouted, with the traffic of the opening stage.",
        (),
    ),
    Question(
        "worth",
        "Is it worth it for the region?",
        _worth,
        money_chart.worth,
        4.6,
        "Constant prices, taxes out, discounted at the development bank's rate. A bridge: each step adds to the one "
        "before.",
        ("economics.eirr", "economics.enpv", "economics.cost"),
    ),
    Question(
        "gains",
        "Who gains, who loses?",
        _gains,
        money_chart.gains,
        4.9,
        "Users gain what today's carriers lose where the money stays in the region. All bars together are the "
        "region's net gain.",
        ("gain.UZ", "gain.KZ", "gain.PK"),
    ),
    Question(
        "cash",
        "Can it pay for itself?",
        _cash,
        money_chart.cash,
        4.9,
        "Above the line what comes in, below what goes out; the two sides are equal each year once the reserve is "
        "counted.",
        ("finance.firr", "finance.wacc", "finance.tariff_cost_recovery"),
    ),
    Question(
        "debt",
        "Who lends, and are they safe?",
        _debt,
        money_chart.debt,
        4.0,
        "Tranches limited to lending groups carry at most the cost that lies in those countries. Gift: grant "
        "element at 5 percent.",
        ("finance.need", "finance.dscr_lowest", "finance.llcr"),
    ),
    Question(
        "tornado",
        "What matters most?",
        _tornado,
        money_chart.tornado,
        4.2,
        "Each risk alone from its low to its high; all else at base.",
        ("economics.enpv",),
    ),
    Question(
        "influence",
        "Which assumptions carry the result?",
        _influence,
        money_chart.influence,
        5.2,
        "Each number alone from its low to its high, design and routes kept. Numbers that would change what is built "
        "are left out here; compare two scenarios for those.",
        ("economics.enpv",),
    ),
    Question(
        "uncertainty",
        "How sure is that?",
        _uncertainty,
        money_chart.uncertainty,
        3.8,
        "All risks drawn together with their correlations.",
        ("risk.enpv_positive", "risk.fnpv_positive"),
    ),
    Question(
        "switching",
        "How wrong may we be?",
        _switching,
        money_chart.switching,
        4.2,
        "Left: the table lenders ask for. Right: relative change of one driver that makes the economic gain zero.",
        ("switching.capex", "switching.benefit"),
    ),
    Question(
        "preparation",
        "What comes next?",
        _preparation,
        money_chart.preparation,
        4.4,
        "A project-preparation pipeline; costs are grants or the members' own.",
        (),
    ),
)
"""Every page in order."""


def pages(result: Result) -> list[Page]:
    """All pages with their answers."""
    return [Page(q.id, q.question, q.answer(result), q.draw, q.height, q.note, q.figures, q.width) for q in QUESTIONS]
