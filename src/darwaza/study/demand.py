"""How much traffic each member sends where, year by year.

A member's international peak grows along an S-curve (initial growth sliding in a straight line to the final one, the
form the ADB used for the Cook Islands cable). A gravity model splits it over destination regions: weight of content
times exp(-decay x round trip), with the round trip of *today's* network, because that is what shaped today's habits.

One latency per country would give the wrong answer here: Europe and the Gulf lie at opposite ends of the corridor.
"""

import math
from collections.abc import Mapping

from darwaza.study.scenario.model import Member, Scenario


def growth_factors(initial: float, final: float, slowdown_years: float, years: int) -> list[float]:
    """Volume relative to year 0 for years 0..``years``; growth slides from ``initial`` to ``final`` linearly."""
    factors = [1.0]
    for year in range(1, years + 1):
        done = min(1.0, (year - 1) / slowdown_years)
        factors.append(factors[-1] * (1 + initial + (final - initial) * done))
    return factors


def member_factors(scenario: Scenario, member: Member) -> list[float]:
    """Growth of ``member`` from the base year to the last, base case."""
    economics = scenario.economics
    return growth_factors(
        member.growth.base,
        economics.final_growth.base,
        economics.slowdown.base,
        scenario.last_year - scenario.base_year,
    )


def price_factors(scenario: Scenario) -> list[float]:
    """Price of capacity without the project relative to the base year, to the last year.

    The yearly fall slides like growth does, from ``erosion`` to ``final_erosion``.
    """
    economics = scenario.economics
    return growth_factors(
        -economics.erosion.base,
        -economics.final_erosion.base,
        economics.slowdown.base,
        scenario.last_year - scenario.base_year,
    )


def shares(scenario: Scenario, rtt_today: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Split of each member's traffic over regions; sums to 1 per member.

    Args:
        scenario: weights and decay.
        rtt_today: (member id, region id) -> ms over existing links; a missing pair gets no traffic.
    """
    split: dict[tuple[str, str], float] = {}
    decay = scenario.economics.decay.base
    for member in scenario.members:
        pulls = {
            region.id: region.content.base * math.exp(-decay * rtt_today[member, region.id])
            for region in scenario.regions.values()
            if (member, region.id) in rtt_today
        }
        total = sum(pulls.values())
        for region, pull in pulls.items():
            split[member, region] = pull / total
    return split


def volumes(scenario: Scenario, split: Mapping[tuple[str, str], float], year: int) -> dict[tuple[str, str], float]:
    """Gbit/s of international peak per (member, region) in ``year``, before any price response."""
    at = year - scenario.base_year
    factors = {member.id: member_factors(scenario, member)[at] for member in scenario.members.values()}
    return {
        (member, region): share * scenario.members[member].demand.base * factors[member]
        for (member, region), share in split.items()
    }
