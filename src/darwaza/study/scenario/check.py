"""Rules that need the whole scenario: order of years, sizes, connected demand, sensible alternatives."""

from collections import deque
from collections.abc import Iterator, Mapping

from darwaza.study.scenario import model
from darwaza.study.scenario.reader import Problem

HORIZON_YEARS_MAX = 60
SITES_MAX, LINKS_MAX = 2_000, 6_000


def check(scenario: model.Scenario, lines: Mapping[str, int]) -> list[Problem]:
    """Every fault that no single section shows."""
    return [
        *_years(scenario, lines),
        *_sizes(scenario),
        *_regions(scenario, lines),
        *_connected(scenario, lines),
        *_risks(scenario, lines),
    ]


def _years(scenario: model.Scenario, lines: Mapping[str, int]) -> Iterator[Problem]:
    order = (scenario.base_year, scenario.opening_year, scenario.last_year)
    line = lines.get("study", 0)
    if not order[0] < order[1] < order[2] or order[2] - order[0] > HORIZON_YEARS_MAX:
        yield Problem(
            line,
            "study",
            f"base_year < opening_year < last_year within {HORIZON_YEARS_MAX} years does not hold: {order}",
        )
    stages = scenario.stages
    if not stages or stages[0] != scenario.opening_year or list(stages) != sorted(set(stages)):
        yield Problem(line, "study.stages", "must rise and start with opening_year")
    elif stages[-1] >= scenario.last_year:
        yield Problem(line, "study.stages", "the last stage must lie before last_year")


def _sizes(scenario: model.Scenario) -> Iterator[Problem]:
    for name, count, limit in (("site", len(scenario.sites), SITES_MAX), ("link", len(scenario.links), LINKS_MAX)):
        if count > limit:
            yield Problem(0, name, f"{count} of them; at most {limit} are taken")
    for name, part in (("site", scenario.sites), ("region", scenario.regions), ("member", scenario.members)):
        if not part:
            yield Problem(0, name, "at least one is needed")


def _regions(scenario: model.Scenario, lines: Mapping[str, int]) -> Iterator[Problem]:
    for index, region in enumerate(scenario.regions.values()):
        if not region.sites:
            yield Problem(lines.get(f"region.{index}", 0), f"region.{region.id}", "names no site")


def reachable(scenario: model.Scenario, start: str, avoid: frozenset[str]) -> set[str]:
    """Sites one can get to from ``start`` over any link, building what may be built, keeping out of ``avoid``."""
    neighbours: dict[str, list[str]] = {site: [] for site in scenario.sites}
    for link in scenario.links.values():
        if not {scenario.sites[site].country for site in (link.a, *link.via, link.b)} & avoid:
            neighbours[link.a].append(link.b)
            neighbours[link.b].append(link.a)
    seen, queue = {start}, deque([start])
    while queue:
        for site in neighbours[queue.popleft()]:
            if site not in seen:
                seen.add(site)
                queue.append(site)
    return seen


def _connected(scenario: model.Scenario, lines: Mapping[str, int]) -> Iterator[Problem]:
    for index, member in enumerate(scenario.members.values()):
        avoid = frozenset(scenario.avoid) | frozenset(member.avoid)
        found = reachable(scenario, member.site, avoid)
        for region in scenario.regions.values():
            if not found & set(region.sites):
                reason = f" while keeping out of {', '.join(sorted(avoid))}" if avoid else ""
                yield Problem(
                    lines.get(f"member.{index}", 0),
                    f"member.{member.id}",
                    f"no chain of links leads from {member.site} to region {region.id}{reason}",
                )


def _risks(scenario: model.Scenario, lines: Mapping[str, int]) -> Iterator[Problem]:
    known = {risk.id for risk in scenario.risks}
    for index, risk in enumerate(scenario.risks):
        for other in risk.correlations:
            if other not in known or other == risk.id:
                yield Problem(
                    lines.get(f"risk.{index}", 0),
                    f"risk.{risk.id}",
                    f"correlation with {other!r}, which is no other risk",
                )
