"""The first screen: whether, where, how, who pays, who gains, what if; each a headline and a sentence or two.

Made from the tables alone, like every page. What speaks against the project stands beside what speaks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darwaza.study.report.style import PRICE_PER_MBPS_MONTH, chance, gbps, hours, musd, percent
from darwaza.study.result import Result

INFLUENCES_SHOWN = 12
"""How many of the assumptions that move the result most are drawn and counted."""

LIKELY = 0.9
"""From this chance on the answer is yes without a condition."""
KINDS = {
    "grant": "grants",
    "concessional": "sovereign loans",
    "ordinary": "sovereign loans",
    "commercial": "banks",
    "bond": "a tokenised bond",
    "equity": "owners",
}
ALL = 0.999
"""A share from which on it counts as everything."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the six.

    Attributes:
        word: ``Whether``, ``Where``, ...
        headline: a few words, the answer itself.
        text: what it rests on.
        good: False marks an answer that speaks against the project.
    """

    word: str
    headline: str
    text: str
    good: bool = True


def name_of(result: Result, member: str) -> str:
    """The member's name, or the identifier itself."""
    return next((str(m["name"]) for m in result.tables["members"] if m["id"] == member), member)


def link_name(result: Result, link: dict[str, Any]) -> str:
    """A link by the places at its ends."""
    names = {site["id"]: site["name"] for site in result.tables["sites"]}
    return f"{names[link['a']]} – {names[link['b']]}"


def cause_name(result: Result, cause: str) -> str:
    """What takes traffic down, for people: a group's name, or the places a cable joins."""
    named = result.tables["risks"].get(cause)
    if named is not None:
        return str(named)
    link = next((row for row in result.tables["links"] if row["id"] == cause), None)
    return f"the cable {link_name(result, link)}" if link else cause


WORDS = {
    "price": "price of capacity",
    "foreign_share": "share of price spent abroad",
    "competition": "fall of price through a second route",
    "erosion": "yearly fall of prices, at first",
    "final_erosion": "yearly fall of prices, later",
    "discount": "discount rate",
    "elasticity": "answer of traffic to price",
    "outage_value": "worth of an hour of capacity",
    "conversion": "conversion factor of local cost",
    "local_share": "local share of building cost",
    "tax_share": "taxes inside building cost",
    "final_growth": "growth of traffic, later",
    "slowdown": "years until growth settles",
    "through_volume": "traffic from outside the members",
    "through_price": "price such traffic pays",
    "delay": "years of delay",
    "overrun": "cost overrun",
    "backhaul": "price of subsea and trunk capacity",
    "tariff": "tariff of the corridor",
    "build": "cost of a kilometre",
    "opex": "running cost",
    "host": "cost left where a host carries the cable",
    "detour": "detour of fibre",
    "adaptation": "cost of adaptation",
}
"""What a value is called before people; its path says where it stands."""


def value_name(result: Result, path: str) -> str:
    """A scenario value in words: ``Uzbekistan: price of capacity``; its path where there are none."""
    section, *rest = path.split(".")
    words = WORDS.get(rest[-1] if rest else "")
    if words is None:
        return path
    whose = {"member": lambda: name_of(result, rest[0]), "terrain": lambda: rest[0], "link": lambda: rest[0]}
    return f"{whose[section]()}: {words}" if section in whose else words.capitalize()


def plan_of(result: Result) -> dict[str, Any]:
    """The row of the plan the study is about."""
    return next(row for row in result.tables["plans"] if row["id"] == result.plan)


def answers(result: Result) -> list[Answer]:
    """The six answers in reading order."""
    return [_whether(result), where(result), _how(result), _pays(result), _gains(result), _what_if(result)]


def _whether(result: Result) -> Answer:
    eco, fin, spread = (result.tables[name] for name in ("economics", "finance", "spread"))
    good = (eco["eirr"] or -1) >= eco["discount"]
    likely = spread["enpv_positive"] >= LIKELY
    headline = "Yes, for the region as a whole" if good and likely else "Perhaps" if good else "Not on these numbers"
    text = (
        f"It returns {percent(eco['eirr'])} a year where the development bank asks {percent(eco['discount'], 0)}; the "
        f"region gains in {chance(spread['enpv_positive'])} of {spread['runs']:,} futures. The company that runs it "
        f"earns the cost of its money in {chance(spread['fnpv_positive'])} of them ({percent(fin['firr'])} against "
        f"{percent(fin['wacc'])} in the base case)."
    )
    return Answer("Whether", headline, text, good=good and likely)


def courses(result: Result) -> list[str]:
    """The new links joined to courses from end to end, longest first: ``Peshawar – Kabul – Dushanbe``."""
    names = {site["id"]: site["name"] for site in result.tables["sites"]}
    left = {row["id"]: (row["a"], row["b"]) for row in result.tables["links"] if row["built_from"]}
    length = {row["id"]: row["km"] for row in result.tables["links"]}
    found: list[tuple[float, str]] = []
    while left:
        ends: dict[str, int] = {}
        for pair in left.values():
            for site in pair:
                ends[site] = ends.get(site, 0) + 1
        here = min(ends, key=lambda site: (ends[site] % 2 == 0, names[site]))
        path, km = [here], 0.0
        while True:
            onward = sorted(name for name, pair in left.items() if here in pair)
            if not onward:
                break
            a, b = left.pop(onward[0])
            here, km = (b if here == a else a), km + (length[onward[0]] or 0.0)
            path.append(here)
        found.append((km, " – ".join(names[site] for site in path)))
    return [text for _, text in sorted(found, key=lambda item: (-item[0], item[1]))]


def where(result: Result) -> Answer:
    """The links, end to end."""
    plan, built = plan_of(result), [row for row in result.tables["links"] if row["built_from"]]
    if not built:
        return Answer("Where", "Nothing is built", f"'{plan['name']}' rents what stands today.", good=False)
    carried = result.figure("design.carried")
    opening = min(row["built_from"] for row in built)
    text = (
        f"{len(built)} new links, {plan['km']:,} km, open in {opening} and carry "
        f"{gbps(carried.value or 0) if carried else '-'} in the first year. Beyond them traffic uses cables that "
        "stand today."
    )
    return Answer("Where", "; ".join(courses(result)), text)


def _how(result: Result) -> Answer:
    today, plan = result.tables["plans"][0], plan_of(result)
    whole = plan["protected_share"] > ALL
    headline = f"{musd(plan['capex'])} of fibre that survives any one failure" if whole else musd(plan["capex"])
    text = (
        f"{plan['protected_share']:.0%} of what members want protected survives any single cut, landing, pass or "
        f"border, and any one foreign country for two days; {today['protected_share']:.0%} does today. It is cut "
        f"{hours(plan['reserved_hours'])} a year, {hours(today['reserved_hours'])} today. Capacity is added in the "
        "year it is needed."
    )
    return Answer("How", headline, text, good=whole)


def _pays(result: Result) -> Answer:
    fin, tariffs = result.tables["finance"], result.tables["tariffs"]
    shares: dict[str, float] = {}
    for row in result.tables["tranches"]:
        kind = KINDS[row["kind"]]
        shares[kind] = shares.get(kind, 0.0) + row["share"]
    parts = [f"{name} {share:.0%}" for name, share in shares.items() if share > 0]
    covered = (fin["firr"] if fin["firr"] is not None else -1) >= fin["wacc"]
    text = f"{_list(parts).capitalize()}. Carriers pay ${tariffs['asked'] / PRICE_PER_MBPS_MONTH:.2f} a Mbit/s a month"
    if tariffs["cost_recovery"] is not None:
        text += f"; ${tariffs['cost_recovery'] / PRICE_PER_MBPS_MONTH:.2f} covers the cost"
    text += f". {musd(fin['need'])} are raised, interest and fees while building included."
    headline = "Lenders first, then carriers by tariff" if covered else "Tariffs do not cover it"
    return Answer("Who pays", headline, text, good=covered)


def totals(result: Result) -> dict[str, float]:
    """Country -> net gain, present value in USD."""
    found: dict[str, float] = {}
    for row in result.tables["distribution"]:
        found[row["country"]] = found.get(row["country"], 0.0) + row["present_usd"]
    return found


def _gains(result: Result) -> Answer:
    net = {country: usd for country, usd in totals(result).items() if country != "abroad"}
    ranked = sorted(net, key=lambda country: -net[country])
    best, worst = ranked[0], ranked[-1]
    losers = [country for country in ranked if net[country] < 0]
    headline = f"{name_of(result, best)} most; every member gains"
    text = f"{name_of(result, best)} gains {musd(net[best])} in present value, then "
    text += _list([f"{name_of(result, c)} ({musd(net[c])})" for c in ranked[1:3]]) + "."
    if losers:
        headline = f"{len(ranked) - len(losers)} of {len(ranked)} members; {name_of(result, worst)} loses"
        text += (
            f" {name_of(result, worst)} loses {musd(-net[worst])} of transit income: it needs a share of the gains "
            "to join."
        )
    return Answer("Who gains", headline, text, good=not losers)


def _what_if(result: Result) -> Answer:
    values, rows = result.tables["switching"], result.tables["tornado"]
    parts = []
    if values["benefit"] is not None:
        parts.append(f"benefits may be {-values['benefit']:.0%} smaller")
    if values["capex"] is not None:
        parts.append(f"building {1 + values['capex']:.1f} times as dear")
    breakers = [row["name"].lower() for row in rows if min(row["enpv_low"], row["enpv_high"]) < 0]
    headline = "No single risk undoes the gain" if not breakers else f"Undone by: {_list(breakers)}"
    text = f"Before the gain is gone, {' or '.join(parts)}. " if parts else ""
    text += f"{rows[0]['name']} matters most."
    return Answer("What if", headline, text + _crisis(result), good=not breakers)


def _crisis(result: Result) -> str:
    """What the plan would have changed most in a past event."""
    today = result.tables["plans"][0]["id"]
    shares = {(r["plan"], r["event"], r["member"]): r["rerouted"] for r in result.tables["events"]}
    named = {r["event"]: r["name"] for r in result.tables["events"]}
    pairs = sorted({(event, member) for _, event, member in shares})
    if not pairs:
        return ""
    event, member = max(pairs, key=lambda p: shares[(result.plan, *p)] - shares[(today, *p)])
    before, after = shares[today, event, member], shares[result.plan, event, member]
    if after - before < 0.005:  # noqa: PLR2004 - below what is printed
        return ""
    return f" In '{named[event]}' {name_of(result, member)} keeps {after:.0%} of its traffic, {before:.0%} without it."


def cautions(result: Result) -> list[str]:
    """What a reader must know before repeating any of it; the most important first."""
    farther = []
    for region in result.tables["regions"]:
        rows = [r for r in result.tables["latency"] if r["region"] == region["id"] and r["gateway"] and r["today"]]
        if 2 * sum(1 for row in rows if row["gateway"] > row["today"] + 1) > len(rows):
            farther.append(region["name"])
    found = []
    if farther:
        verb = "is" if len(farther) == 1 else "are"
        found.append(f"{_list(farther)} {verb} farther through {result.tables['gateway']} than on today's routes.")
    rows = result.tables["assumptions"]
    judged, chosen = (sum(1 for row in rows if row["confidence"] == kind) for kind in ("judgement", "choice"))
    trust = {row["path"]: row["confidence"] for row in rows}
    top = result.tables["influence"][:INFLUENCES_SHOWN]
    strong = sum(1 for row in top if trust[row["path"]] == "judgement")
    found.append(
        f"Of {len(rows)} inputs {judged} are judgements ({strong} of the {len(top)} that matter most) and {chosen} "
        "choices of the parties."
    )
    return [*found, *result.tables["limits"][:2]]


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""
