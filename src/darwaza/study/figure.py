"""The numbers people quote, each with its method and inputs, and the notes a reader must see."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darwaza.study.design.routes import exempt_risks
from darwaza.study.found import Found
from darwaza.study.result import Figure
from darwaza.study.scenario.model import Scenario

PRICES = ("member.*.price", "economics.erosion", "economics.final_erosion", "economics.slowdown")
TRAFFIC = ("member.*.demand", "member.*.growth", "economics.final_growth", "economics.slowdown")
LENGTHS = ("link.*.length", "equipment.detour")
BUILDING = (
    *LENGTHS,
    "link.*.host",
    "terrain.*.build",
    "terrain.*.span",
    "equipment.hut",
    "equipment.node",
    "climate.adaptation",
)


def figures_of(scenario: Scenario, found: Found, tables: dict[str, Any]) -> list[Figure]:
    """Every figure, most important first."""
    return [
        *_economic(tables),
        *_financial(tables),
        *_risks(tables),
        *_design(found, tables),
        *_times(scenario, tables),
        *_resilience(scenario, found, tables),
        *_gains(scenario, tables),
        *_climate(tables),
    ]


_BENEFITS: dict[str, tuple[str, tuple[str, ...]]] = {
    "diverted": (
        "traffic carried by new links x old price x part of it that leaves the members",
        ("design.carried", *PRICES, "member.*.foreign_share", "finance.delay"),
    ),
    "competition": (
        "traffic that stays x fall of its price x part of it that leaves the members",
        (*TRAFFIC, *PRICES, "member.*.competition", "member.*.foreign_share", "finance.delay"),
    ),
    "generated": (
        "half of the price fall x traffic that the fall brings about",
        (*TRAFFIC, *PRICES, "member.*.competition", "economics.elasticity", "finance.delay"),
    ),
    "outages": (
        "traffic-hours no longer lost x value of an hour of a Gbit/s",
        ("resilience.*", *TRAFFIC, "economics.outage_value", "finance.delay"),
    ),
    "transit": (
        "through traffic x its price",
        ("economics.through_volume", "economics.through_price", "economics.erosion"),
    ),
    "trade": ("cases x saving x value x part owed to the corridor", ("benefit.*",)),
}
"""Benefit -> (method, inputs)."""


def _economic(tables: dict[str, Any]) -> Iterator[Figure]:
    eco = tables["economics"]
    parts = tuple(f"economics.benefit.{name}" for name in eco["benefits"])
    yield Figure(
        "economics.eirr",
        "Economic rate of return",
        eco["eirr"],
        "1/year",
        "rate at which economic benefits and costs have the same present value; trade left out",
        (*parts, "economics.cost"),
    )
    yield Figure(
        "economics.enpv",
        "Economic net present value",
        eco["enpv"],
        "USD",
        "benefits minus costs, discounted to the base year; trade left out",
        (*parts, "economics.cost", "economics.discount"),
    )
    yield Figure(
        "economics.eirr_trade",
        "Economic rate of return with trade",
        eco["eirr_trade"],
        "1/year",
        "as economics.eirr, with the results of the digital border added",
        ("economics.eirr", "economics.benefit.trade"),
    )
    for name, (method, inputs) in _BENEFITS.items():
        yield Figure(
            f"economics.benefit.{name}",
            f"Benefit: {name}",
            eco["present"][name],
            "USD",
            f"present value of: {method}",
            (*inputs, "economics.discount"),
        )
    yield Figure(
        "economics.cost",
        "Economic cost",
        eco["present"]["costs"],
        "USD",
        "present value of building, running, renewing and backhaul, taxes out, local part at the conversion factor",
        (
            "design.capex",
            "terrain.*.opex",
            "equipment.life",
            "finance.overrun",
            "finance.backhaul",
            "economics.tax_share",
            "economics.local_share",
            "economics.conversion",
            "economics.discount",
        ),
    )


_INCOME = (
    "design.carried",
    "finance.tariff",
    "finance.tariff_floor",
    "economics.erosion",
    "economics.final_erosion",
    "anchor.*",
    "economics.standby_share",
)
_SPENDING = (
    "design.capex",
    "finance.overrun",
    "terrain.*.opex",
    "finance.transit_fee",
    "finance.backhaul",
    "finance.tax",
    "finance.delay",
)
_FINANCIAL: tuple[tuple[str, str, str, str, str, tuple[str, ...]], ...] = (
    (
        "finance.firr",
        "Financial rate of return",
        "firr",
        "1/year",
        "project flows before financing, after tax, real",
        (*_INCOME, *_SPENDING),
    ),
    (
        "finance.wacc",
        "Cost of the money (WACC)",
        "wacc",
        "1/year",
        "tranche rates weighted by their shares after eligibility, interest after tax",
        ("finance.tranche.*.share", "finance.tranche.*.rate", "finance.tax"),
    ),
    (
        "finance.fnpv",
        "Financial net present value",
        "fnpv",
        "USD",
        "project flows at the WACC",
        ("finance.firr", "finance.wacc"),
    ),
    (
        "finance.gap",
        "Viability gap",
        "gap",
        "USD",
        "grant in the base year that would make the financial net present value zero",
        ("finance.fnpv",),
    ),
    (
        "finance.need",
        "Financing need",
        "need",
        "USD",
        "building cost with overrun plus fees and commitment until opening",
        ("design.capex", "finance.overrun", "finance.tranche.*.fee", "finance.tranche.*.commitment"),
    ),
    (
        "finance.idc",
        "Interest and fees during building",
        "idc",
        "USD",
        "capitalised until opening",
        ("finance.need", "finance.tranche.*.rate"),
    ),
    (
        "finance.dscr_lowest",
        "Lowest debt service cover",
        "dscr_min",
        "1",
        "cash available over debt service, worst year",
        (*_INCOME, *_SPENDING, "finance.tranche.*"),
    ),
    (
        "finance.llcr",
        "Loan life cover",
        "llcr",
        "1",
        "present value of cash while debt is served, over debt at opening",
        ("finance.dscr_lowest",),
    ),
    (
        "finance.equity_irr",
        "Return to owners",
        "equity_irr",
        "1/year",
        "dividends minus support and equity paid in",
        ("finance.firr", "finance.tranche.*"),
    ),
    (
        "finance.tariff_asked",
        "Tariff asked",
        "asked",
        "USD/(Gbit/s)/year",
        "the scenario's tariff in base-year level",
        ("finance.tariff",),
    ),
    (
        "finance.tariff_cost_recovery",
        "Tariff that recovers cost",
        "cost_recovery",
        "USD/(Gbit/s)/year",
        "base-year tariff at which the financial net present value is zero, by root search",
        ("finance.fnpv",),
    ),
    (
        "finance.tariff_covenant",
        "Tariff that meets the covenant",
        "covenant",
        "USD/(Gbit/s)/year",
        "base-year tariff at which mean cover meets the covenant, by root search",
        ("finance.dscr_lowest",),
    ),
)
"""(id, label, key, unit, method, inputs)."""


def _financial(tables: dict[str, Any]) -> Iterator[Figure]:
    found = {**tables["tariffs"], **tables["finance"], "gap": max(0.0, -tables["finance"]["fnpv"])}
    for name, label, key, unit, method, inputs in _FINANCIAL:
        yield Figure(name, label, found[key], unit, method, inputs)
    for tranche in tables["tranches"]:
        if tranche["grant_element"] is not None:
            yield Figure(
                f"finance.grant_element.{tranche['id']}",
                f"Grant element: {tranche['name']}",
                tranche["grant_element"],
                "1",
                "1 minus present value of payments over face value",
                (f"finance.tranche.{tranche['id']}.*", "finance.grant_rate"),
            )
    for name, value in tables["switching"].items():
        yield Figure(
            f"switching.{name}",
            f"Switching value: {name.replace('_', ' ')}",
            value,
            "1",
            "relative change that makes the economic net present value zero; none when no change in range does",
            ("economics.enpv",),
        )


def _risks(tables: dict[str, Any]) -> Iterator[Figure]:
    spread = tables["spread"]
    for name, label, unit in (
        ("enpv", "Economic net present value", "USD"),
        ("eirr", "Economic rate of return", "1/year"),
        ("fnpv", "Financial net present value", "USD"),
    ):
        for key in ("p5", "p50", "p95"):
            yield Figure(
                f"risk.{name}.{key}",
                f"{label}, {key[1:]} of 100 runs are lower",
                spread[name].get(key),
                unit,
                f"{spread['runs']:,} joint draws of all risks",
                ("risk.*",),
            )
    yield Figure(
        "risk.enpv_positive",
        "Chance that the economy gains",
        spread["enpv_positive"],
        "1",
        "share of runs with a positive economic net present value",
        ("risk.*",),
    )
    yield Figure(
        "risk.fnpv_positive",
        "Chance that the company earns its money's cost",
        spread["fnpv_positive"],
        "1",
        "share of runs with a positive financial net present value",
        ("risk.*",),
    )


def _design(found: Found, tables: dict[str, Any]) -> Iterator[Figure]:
    for plan in tables["plans"]:
        own = plan["id"] == found.plan.id
        names = (("design.capex", "capex"),) if own else ()
        for name, key in (*names, (f"design.{plan['id']}.capex", "capex")):
            yield Figure(
                name,
                f"Building cost of the first stage: {plan['name']}",
                plan[key],
                "USD",
                "line, huts, terminals and modules of what opens first",
                (*BUILDING, "equipment.module.*"),
            )
        yield Figure(
            f"design.{plan['id']}.cost",
            f"Present cost to users: {plan['name']}",
            plan["present_cost"],
            "USD",
            f"optimised; proven within {plan['gap']:.2%} of the best"
            if plan["finished"]
            else f"best found, by the {plan['method']} method, when the exact one did not finish; within "
            f"{plan['gap']:.2%} of the bound",
            (f"design.{plan['id']}.capex", "link.*.lease", "economics.discount", *TRAFFIC),
        )
        yield Figure(
            f"design.{plan['id']}.protected",
            f"Protected traffic that survives every protected risk: {plan['name']}",
            plan["protected_share"],
            "1",
            "of what members want protected, all stages; re-checked by an independent routine",
            ("member.*.protected", "region.*.protection_rtt_max"),
        )
    years = tables["demand"]["years"]
    opening = next(i for i, year in enumerate(years) if year >= found.case.scenario.opening_year)
    carried = sum(values[opening] for values in tables["demand"]["carried"].values())
    yield Figure(
        "design.carried",
        "Traffic on new links in the opening year",
        carried,
        "Gbit/s",
        "working routes of the plan that use new links",
        (
            *TRAFFIC,
            "region.*.content",
            "region.*.capture",
            "region.*.working_rtt_max",
            "economics.decay",
            "link.*.lease",
        ),
    )


def _times(scenario: Scenario, tables: dict[str, Any]) -> Iterator[Figure]:
    names = {"today": "today", "corridor": "with all candidates", "gateway": "through the gateway"}
    for row in tables["latency"]:
        for key, label in names.items():
            yield Figure(
                f"latency.{row['member']}.{row['region']}.{key}",
                f"Round trip {scenario.members[row['member']].name} to {scenario.regions[row['region']].name}, {label}",
                row[key],
                "ms",
                "fastest chain of links, light in glass only"
                + (f": {' > '.join(row[key + '_route'])}" if row[key + "_route"] else ""),
                (*LENGTHS, "equipment.delay"),
            )


def _resilience(scenario: Scenario, found: Found, tables: dict[str, Any]) -> Iterator[Figure]:
    hazards = ("group.*.rate", "group.*.duration", "terrain.*.cuts", "terrain.*.repair", "climate.hazard_cut")
    shown = {scenario.alternatives[0].id, found.plan.id}
    for row in tables["resilience"]:
        if row["plan"] in shown:
            name = scenario.members[row["member"]].name
            yield Figure(
                f"resilience.{row['plan']}.{row['member']}.lost_hours",
                f"{name}: hours of traffic lost a year, plan {row['plan']}",
                row["lost_hours"],
                "h",
                "exact over all single failures, rerouting whatever fits",
                hazards,
            )
            yield Figure(
                f"resilience.{row['plan']}.{row['member']}.reserved_hours",
                f"{name}: hours a year its protected traffic is cut, plan {row['plan']}",
                row["reserved_hours"],
                "h",
                "exact over all combinations of failures",
                hazards,
            )


def _gains(scenario: Scenario, tables: dict[str, Any]) -> Iterator[Figure]:
    totals: dict[str, float] = {}
    for row in tables["distribution"]:
        totals[row["country"]] = totals.get(row["country"], 0.0) + row["present_usd"]
    for country, value in totals.items():
        name = scenario.members[country].name if country in scenario.members else "Countries that are no members"
        yield Figure(
            f"gain.{country}",
            f"Net gain: {name}",
            value,
            "USD",
            "present value over all groups; the gains of all countries add up to the economic net present value "
            "with trade",
            ("economics.enpv", "economics.benefit.trade", "member.*.foreign_share", "link.*.lease"),
        )


def _climate(tables: dict[str, Any]) -> Iterator[Figure]:
    climate = tables["climate"]
    yield Figure(
        "climate.adaptation_cost",
        "Cost of adaptation",
        climate["adaptation_usd"],
        "USD",
        "part of the building cost that makes cables stand floods, slides and heat",
        ("climate.adaptation", "terrain.*.build", *LENGTHS),
    )
    yield Figure(
        "climate.finance_usd",
        "Part climate funds may carry",
        climate["climate_finance_usd"],
        "USD",
        "adaptation cost x share that qualifies",
        ("climate.adaptation_cost", "climate.finance_share"),
    )


def notes_of(scenario: Scenario, found: Found) -> Iterator[str]:
    """What a reader must know about this run."""
    for plan in scenario.alternatives:
        design = found.designs[plan.id]
        if not design.finished:
            yield (
                f"Plan '{plan.name}': the exact method did not finish in its time or size. The best design found, by "
                f"the {design.method} method, is shown; a better one can be at most {design.gap:.1%} cheaper. On "
                "another machine the result may differ; more time is given at "
                f"{Path(scenario.file).name}:{scenario.lines.get('study.time_limit_s', 0)} (study.time_limit_s)."
            )
    for member in scenario.members.values():
        exempt = sorted(
            {risk for region in scenario.regions.values() for risk in exempt_risks(scenario, member, region)}
        )
        own = [risk for risk in exempt if scenario.groups[risk].country == scenario.sites[member.site].country]
        if own:
            yield (
                f"{member.name}: no design protects against a cut ordered in the country itself; it is counted in "
                "its lost hours."
            )
    for name, line in found.lines.items():
        if not line.feasible:
            yield f"Link {name} is left out: no number of optical sections carries 400 Gbit/s over its spans."
