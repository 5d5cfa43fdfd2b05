"""Tables of a result: JSON-compatible rows, the only thing charts, CSV files and ``compare`` read."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from darwaza.study.design.design import Design, stage_years
from darwaza.study.design.yearly import saved
from darwaza.study.found import Found
from darwaza.study.money.driver import base_case
from darwaza.study.money.economics import Economics, shadow_factor
from darwaza.study.money.finance import Finance, grant_elements
from darwaza.study.money.influence import influences
from darwaza.study.money.returns import npv
from darwaza.study.money.risk import PERCENTILES, Spread, sensitivity, switching, tariffs, tornado, transit_fees
from darwaza.study.money.timeline import purchases
from darwaza.study.network import course, gateway_site
from darwaza.study.scenario.model import Scenario
from darwaza.study.scenario.value import HOURS_PER_YEAR

HISTOGRAM_BINS = 40
Rows = list[dict[str, Any]]


def tables_of(scenario: Scenario, found: Found, spread: Spread) -> dict[str, Any]:
    """Every table, by name; numbers are rounded to what the model can tell apart."""
    base = base_case(scenario)
    economics, finance = found.case.economics(base), found.case.finance(base)
    return {
        "sites": [
            {"id": s.id, "name": s.name, "country": s.country, "lat": s.lat, "lon": s.lon, "role": s.role}
            for s in scenario.sites.values()
        ],
        "members": [{"id": m.id, "name": m.name, "site": m.site, "tier": m.tier} for m in scenario.members.values()],
        "regions": [{"id": r.id, "name": r.name} for r in scenario.regions.values()],
        "latency": _latency(scenario, found),
        "demand": _demand(scenario, found),
        "plans": _plans(scenario, found),
        "links": _links(scenario, found),
        "routes": _routes(found.designs[found.plan.id]),
        "resilience": _resilience(scenario, found),
        "events": _events(scenario, found),
        "economics": _economics(scenario, found, economics),
        "distribution": _distribution(economics),
        "finance": _finance(found, finance),
        "risks": {group.id: group.name for group in scenario.groups.values()},
        "tranches": _tranches(scenario, finance),
        "anchors": _anchors(scenario),
        "tornado": [
            {"id": row[0], "name": row[1], "low": row[2], "high": row[3], "enpv_low": row[4], "enpv_high": row[5]}
            for row in tornado(found.case)
        ],
        "sensitivity": [
            {"name": name, "enpv": enpv, "eirr": _number(eirr)} for name, enpv, eirr in sensitivity(found.case)
        ],
        "influence": [
            {"path": item.path, "enpv_low": item.at_low, "enpv_high": item.at_high}
            for item in influences(
                found.case, {name: line.sections for name, line in found.lines.items()}, found.designs[found.plan.id]
            )
        ],
        "switching": switching(found.case),
        "tariffs": tariffs(found.case),
        "transit_fees": [
            {"fee": fee, "firr": _number(firr), "fnpv": fnpv, "fees_usd": worth, "by_country": _shared(found, worth)}
            for fee, firr, fnpv, worth in transit_fees(found.case)
        ],
        "gateway": scenario.sites[gateway_site(scenario)].name,
        "spread": _spread(spread),
        "trade": _trade(scenario),
        "climate": _climate(scenario, found),
        "preparation": [
            {
                "id": p.id,
                "name": p.name,
                "lead": p.lead,
                "months": [p.months.low, p.months.base, p.months.high],
                "cost": [p.cost.low, p.cost.base, p.cost.high],
                "funding": p.funding,
            }
            for p in scenario.preparation
        ],
        "assumptions": _assumptions(scenario),
        "sources": [
            {"id": s.id, "title": s.title, "url": s.url, "date": s.date, "confidence": s.confidence}
            for s in scenario.sources.values()
        ],
        "limits": list(scenario.limits),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _numbers(values: Any) -> list[float | None]:
    return [_number(value) for value in np.asarray(values).ravel()]


def _shared(found: Found, usd: float) -> dict[str, float]:
    """An amount split over the countries crossed, in proportion to building cost."""
    return {country: usd * share for country, share in found.case.time.cost_by_country.items()}


def _latency(scenario: Scenario, found: Found) -> Rows:
    rows = []
    for member in scenario.members.values():
        for region in scenario.regions.values():
            key = member.id, region.id
            journeys = [table.get(key) for table in (found.today, found.corridor, found.gateway)]
            rows.append(
                {
                    "member": member.id,
                    "region": region.id,
                    **{
                        name: None if journey is None else round(journey.rtt_ms, 1)
                        for name, journey in zip(("today", "corridor", "gateway"), journeys, strict=True)
                    },
                    **{
                        f"{name}_route": [] if journey is None else list(journey.legs)
                        for name, journey in zip(("today", "corridor", "gateway"), journeys, strict=True)
                    },
                }
            )
    return rows


def _demand(scenario: Scenario, found: Found) -> dict[str, Any]:
    time = found.case.time
    return {
        "years": list(time.years),
        "traffic": {m: _numbers(np.round(v, 1)) for m, v in time.traffic.items()},
        "carried": {m: _numbers(np.round(v, 1)) for m, v in time.carried.items()},
        "standby": {m: _numbers(np.round(v, 1)) for m, v in time.standby.items()},
        "stages": [
            {"from": scenario.stages[i], "to": stage_years(scenario, i)[-1]} for i in range(len(scenario.stages))
        ],
        "volumes": [
            {"stage": stage, "member": member, "region": region, "gbps": round(gbps, 1)}
            for (stage, member, region), gbps in sorted(found.volumes.items())
        ],
    }


def _plans(scenario: Scenario, found: Found) -> Rows:
    rows = []
    for plan in scenario.alternatives:
        design, assessed = found.designs[plan.id], found.assessments[plan.id]
        bought = [(leg.id, year, line + more) for leg, year, line, more in purchases(scenario, found.legs, design)]
        built = sorted({name for name, _, _ in bought})
        saving = saved(scenario, found.legs, design)
        wanted = sum(
            gbps * scenario.members[member].protected.base
            for (_, member, region), gbps in found.volumes.items()
            if scenario.members[member].site not in scenario.regions[region].sites
        )
        short = sum(design.shortfall.values())
        volume = sum(gbps for (stage, _, _), gbps in found.volumes.items() if stage == 0)
        weights = {m: sum(g for (s, n, _), g in found.volumes.items() if s == 0 and n == m) for m in scenario.members}
        rows.append(
            {
                "id": plan.id,
                "name": plan.name,
                "required": plan.required,
                "built": built,
                "km": round(sum(found.legs[name].km for name in built)),
                "capex": round(sum(usd for _, year, usd in bought if year == scenario.opening_year)),
                "capex_all": round(sum(usd for _, _, usd in bought)),
                "present_cost": round(design.cost - saving),
                "yearly_saving": round(saving),
                "schedule": [
                    {"link": u.leg, "year": u.year, "modules": list(u.modules), "gbps": u.capacity}
                    for u in design.schedule
                ],
                "bound": round(design.bound),
                "gap": design.gap,
                "finished": design.finished,
                "method": design.method,
                "protected_share": max(0.0, 1 - short / wanted) if wanted else 1.0,
                "unserved": round(sum(g for (s, _, _), g in design.unserved.items() if s == 0) / volume, 6),
                "lost_hours": sum(assessed.lost_hours[m] * weights[m] for m in assessed.lost_hours)
                / sum(weights[m] for m in assessed.lost_hours),
                "reserved_hours": sum(assessed.reserved_hours[m] * weights[m] for m in assessed.reserved_hours)
                / sum(weights[m] for m in assessed.reserved_hours),
            }
        )
    return rows


def _links(scenario: Scenario, found: Found) -> Rows:
    design = found.designs[found.plan.id]
    last = len(scenario.stages) - 1
    flow: dict[str, list[float]] = {}
    for item in design.flows:
        for name in item.working.legs:
            flow.setdefault(name, [0.0] * (last + 1))[item.stage] += item.gbps
    lit = {(b.leg, b.stage): b for b in design.builds}
    rows = []
    for link in scenario.links.values():
        leg = found.legs.get(link.id)
        line = found.lines.get(link.id)
        builds = [lit.get((link.id, stage)) for stage in range(last + 1)]
        rows.append(
            {
                "id": link.id,
                "a": link.a,
                "b": link.b,
                "status": link.status,
                "terrain": scenario.terrains[link.terrain].name,
                "usable": leg is not None,
                "km": None if leg is None else round(leg.km),
                "build_usd": 0 if leg is None else round(leg.build_usd),
                "opex_usd": 0 if leg is None else round(leg.opex_usd),
                "lease_usd": 0 if leg is None else round(leg.lease),
                "countries": [] if leg is None else sorted(leg.countries),
                "risks": [] if leg is None else sorted(leg.risks),
                "built_from": next((u.year for u in design.schedule if u.leg == link.id), None),
                "capacity": [b.capacity if b else 0.0 for b in builds],
                "modules": [list(b.modules) if b else [] for b in builds],
                "flow": [round(value, 1) for value in flow.get(link.id, [0.0] * (last + 1))],
                "course": [[round(lat, 4), round(lon, 4)] for lat, lon in course(scenario, link)],
                "source": link.source,
                "optical": None
                if line is None
                else {
                    "spans": line.spans,
                    "span_km": round(line.span_km, 1),
                    "huts": line.huts,
                    "sections": line.sections,
                    "gsnr_db": round(line.gsnr_db, 1) if line.feasible else None,
                    "margin_db": round(line.margin_db, 1) if line.feasible else None,
                    "reach": {str(rate): count for rate, count in sorted(line.reach.items())},
                },
            }
        )
    return rows


def _routes(design: Design) -> Rows:
    return [
        {
            "stage": flow.stage,
            "member": flow.member,
            "region": flow.region,
            "gbps": round(flow.gbps, 1),
            "working": list(flow.working.legs),
            "working_ms": round(flow.working.rtt_ms, 1),
            "protection": None if flow.protection is None else list(flow.protection.legs),
            "protection_ms": None if flow.protection is None else round(flow.protection.rtt_ms, 1),
        }
        for flow in design.flows
    ]


def _resilience(scenario: Scenario, found: Found) -> Rows:
    rows = []
    for plan in scenario.alternatives:
        assessed = found.assessments[plan.id]
        for member in scenario.members:
            if member not in assessed.lost_hours:
                continue
            causes = sorted(assessed.by_cause.get(member, {}).items(), key=lambda item: -item[1])
            mean, error = assessed.sampled.get(member, (1.0, 0.0))
            rows.append(
                {
                    "plan": plan.id,
                    "member": member,
                    "lost_hours": assessed.lost_hours[member],
                    "availability": 1 - assessed.lost_hours[member] / HOURS_PER_YEAR,
                    "reserved_hours": assessed.reserved_hours.get(member),
                    "reserved_by_region": {
                        region: hours for (own, region), hours in assessed.reserved_by_region.items() if own == member
                    },
                    "beyond_hours": assessed.beyond_hours,
                    "sampled_share": mean,
                    "sampled_error": error,
                    "causes": [{"cause": cause, "hours": hours} for cause, hours in causes],
                }
            )
    return rows


def _events(scenario: Scenario, found: Found) -> Rows:
    return [
        {
            "event": event.id,
            "name": event.name,
            "started_on": event.started_on,
            "hours": event.hours.base,
            "plan": plan.id,
            "member": member,
            "reserved": reserved,
            "rerouted": rerouted,
        }
        for event in scenario.events
        for plan in scenario.alternatives
        for member, (reserved, rerouted) in found.assessments[plan.id].events[event.id].items()
    ]


def _economics(scenario: Scenario, found: Found, economics: Economics) -> dict[str, Any]:
    rate = scenario.economics.discount.base
    return {
        "years": list(found.case.time.years),
        "costs": _numbers(economics.costs[0]),
        "benefits": {name: _numbers(flows[0]) for name, flows in economics.benefits.items()},
        "trade": _numbers(economics.trade[0]),
        "net": _numbers(economics.net[0]),
        "present": {
            "costs": float(npv(economics.costs, rate)[0]),
            **{name: float(npv(flows, rate)[0]) for name, flows in economics.benefits.items()},
            "trade": float(npv(economics.trade, rate)[0]),
        },
        "enpv": float(economics.enpv[0]),
        "eirr": _number(economics.eirr[0]),
        "enpv_trade": float(economics.enpv_trade[0]),
        "eirr_trade": _number(economics.eirr_trade[0]),
        "discount": rate,
        "shadow_factor": shadow_factor(scenario),
    }


def _distribution(economics: Economics) -> Rows:
    return [
        {"country": country, "group": group, "present_usd": value}
        for (country, group), value in economics.distribution.items()
    ]


def _finance(found: Found, finance: Finance) -> dict[str, Any]:
    fields = (
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
        "project",
        "capex",
    )
    rows = {name: _numbers(getattr(finance, name)[0]) for name in fields}
    drawn = sum((d.drawn[0] for d in finance.tranches.values()), start=np.zeros(len(found.case.time.years)))
    rows["drawn"] = _numbers(drawn)
    return {
        "years": list(found.case.time.years),
        **rows,
        "dscr": _numbers(finance.dscr[0]),
        "dscr_min": _number(finance.dscr_min[0]),
        "llcr": _number(finance.llcr[0]),
        "dscr_covenant": found.case.scenario.finance.dscr_min.base,
        "llcr_covenant": found.case.scenario.finance.llcr_min.base,
        "firr": _number(finance.firr[0]),
        "equity_irr": _number(finance.equity_irr[0]),
        "fnpv": float(finance.fnpv[0]),
        "wacc": finance.wacc,
        "need": float(finance.need[0]),
        "idc": float(finance.idc[0]),
    }


def _tranches(scenario: Scenario, finance: Finance) -> Rows:
    gifts = grant_elements(scenario, finance)
    return [
        {
            "id": t.id,
            "name": t.name,
            "kind": t.kind,
            "wanted_share": t.share.base,
            "share": finance.shares[t.id],
            "usd": finance.shares[t.id] * float(finance.need[0]),
            "rate": t.rate.base,
            "grace": t.grace.base,
            "tenor": t.tenor.base,
            "repayment": t.repayment,
            "grant_element": gifts.get(t.id),
            "tiers": list(t.tiers),
            "drawn": _numbers(finance.tranches[t.id].drawn[0]),
            "interest": _numbers(finance.tranches[t.id].interest[0]),
            "principal": _numbers(finance.tranches[t.id].principal[0]),
            "owed": _numbers(finance.tranches[t.id].owed[0]),
        }
        for t in scenario.finance.tranches
    ]


def _anchors(scenario: Scenario) -> Rows:
    return [
        {
            "name": a.name,
            "member": a.member,
            "gbps": a.volume.base,
            "price": a.price.base,
            "take_or_pay": a.take_or_pay.base,
            "years": a.years.base,
            "firm_usd_a_year": a.volume.base * a.price.base * a.take_or_pay.base,
        }
        for a in scenario.anchors
    ]


def _spread(spread: Spread) -> dict[str, Any]:
    table: dict[str, Any] = {"percentiles": list(PERCENTILES), "contribution": spread.contribution}
    for name in ("enpv", "eirr", "enpv_trade", "firr", "fnpv", "dscr_min", "support"):
        values = getattr(spread, name)
        finite = values[np.isfinite(values)]
        counts, edges = np.histogram(finite, bins=HISTOGRAM_BINS) if finite.size else (np.array([]), np.array([]))
        table[name] = {
            **spread.percentiles(name),
            "mean": float(finite.mean()) if finite.size else None,
            "undefined": int(values.size - finite.size),
            "counts": [int(count) for count in counts],
            "edges": _numbers(edges),
        }
    table["runs"] = int(spread.enpv.size)
    table["enpv_positive"] = float((spread.enpv > 0).mean())
    table["fnpv_positive"] = float((spread.fnpv > 0).mean())
    return table


def _trade(scenario: Scenario) -> Rows:
    return [
        {
            "id": b.id,
            "name": b.name,
            "kind": b.kind,
            "member": b.member,
            "usd_a_year": [
                getattr(b.volume, c) * getattr(b.saving, c) * getattr(b.value, c) * getattr(b.share, c)
                for c in ("low", "base", "high")
            ],
        }
        for b in scenario.benefits
    ]


def _climate(scenario: Scenario, found: Found) -> dict[str, Any]:
    climate, design = scenario.climate, found.designs[found.plan.id]
    cable = 0.0
    built = sorted({u.leg for u in design.schedule})
    for name in built:
        link = scenario.links[name]
        cable += found.legs[name].km * scenario.terrains[link.terrain].build.base * (link.host.base if link.host else 1)
    extra = cable * climate.adaptation.base
    hardened = sum(found.legs[name].cut_rate for name in built)
    return {
        "adaptation_usd": extra,
        "climate_finance_usd": extra * climate.finance_share.base,
        "cuts_a_year": hardened,
        "cuts_a_year_without": hardened / (1 - climate.hazard_cut.base) if climate.hazard_cut.base < 1 else None,
    }


def _assumptions(scenario: Scenario) -> Rows:
    return [
        {
            "path": v.path,
            "low": v.low,
            "base": v.base,
            "high": v.high,
            "unit": v.unit,
            "source": v.source,
            "confidence": v.confidence or scenario.sources[v.source].confidence,
            "note": v.note,
            "line": v.line,
        }
        for v in scenario.values.values()
    ]


def by_plan(rows: Rows, plan: str) -> dict[str, Mapping[str, Any]]:
    """Rows of one plan by member."""
    return {row["member"]: row for row in rows if row["plan"] == plan}
