"""Which single assumptions move the economic result most: each alone from its low to its high, design and routes kept.

Taken are the values that act on money without a new design: prices, shares, costs, factors, benefits. Values that
would change what is built or which way traffic goes (demand, leases, time limits, hazards) are left out; ``compare``
answers for those, by running both cases in full.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from darwaza.study import network
from darwaza.study.design.design import Design
from darwaza.study.money.driver import base_case
from darwaza.study.money.risk import Case
from darwaza.study.money.timeline import timeline
from darwaza.study.scenario.model import Scenario
from darwaza.study.scenario.value import Value

Part = TypeVar("Part")

MEMBER = ("price", "foreign_share", "competition")
TERRAIN = ("build", "opex")
FINANCE = ("tariff", "backhaul", "delay", "overrun")
LEFT_OUT = frozenset(
    f"{section}.{name}"
    for section, names in (
        ("economics", ("decay", "standby_share")),
        ("equipment", ("fill", "line_capacity", "delay")),
    )
    for name in names
)
"""These act on design or routing."""


@dataclass(frozen=True, slots=True)
class Influence:
    """One assumption's effect.

    Attributes:
        path: of the value.
        at_low, at_high: ENPV in USD with the value at its low and high.
    """

    path: str
    at_low: float
    at_high: float

    @property
    def swing(self) -> float:
        """USD between the two ends."""
        return abs(self.at_high - self.at_low)


def influences(case: Case, sections: Mapping[str, int], design: Design) -> list[Influence]:
    """Every such value, the strongest first.

    Args:
        case: base case of the plan.
        sections: optical sections per candidate.
        design: of the plan.
    """

    def enpv(path: str, number: float) -> float:
        scenario = with_value(case.scenario, path, number)
        legs = network.legs(scenario, sections=dict(sections))
        moved = replace(case, scenario=scenario, time=timeline(scenario, legs, design))
        return moved.enpv(base_case(scenario))

    found = [
        Influence(value.path, enpv(value.path, value.low), enpv(value.path, value.high))
        for value in taken(case.scenario)
        if value.low < value.high
    ]
    return sorted(found, key=lambda item: (-item.swing, item.path))


def taken(scenario: Scenario) -> Iterator[Value]:
    """The values that act on money without a new design."""
    for path, value in scenario.values.items():
        section, *rest = path.split(".")
        last = rest[-1] if rest else ""
        wanted = {
            "economics": True,
            "benefit": True,
            "climate": last == "adaptation",
            "member": last in MEMBER,
            "terrain": last in TERRAIN,
            "link": last == "host",
            "equipment": True,
            "finance": len(rest) == 1 and last in FINANCE,
        }
        if wanted.get(section, False) and path not in LEFT_OUT and last != "capacity":
            yield value


def with_value(part: Part, path: str, number: float) -> Part:
    """A copy of a scenario, or a part of one, with the base of one value changed; only what holds it is copied.

    Raises:
        KeyError: no value has this path.
    """
    found = _swap(part, path, number)
    if found is None:
        raise KeyError(path)
    return found  # type: ignore[no-any-return]


def _swap(part: Any, path: str, number: float) -> Any:
    """The changed copy, or None when ``part`` does not hold the value."""
    if isinstance(part, Value):
        return replace(part, base=number) if part.path == path else None
    if isinstance(part, dict):
        key = path.split(".")[1]
        changed = _swap(part[key], path, number) if key in part else None
        return None if changed is None else part | {key: changed}
    if isinstance(part, tuple):
        for at, item in enumerate(part):
            changed = _swap(item, path, number)
            if changed is not None:
                return (*part[:at], changed, *part[at + 1 :])
        return None
    if is_dataclass(part) and not isinstance(part, type):
        for field in fields(part):
            if field.name == "values":
                continue  # the index by path; the parts themselves are what is computed with
            changed = _swap(getattr(part, field.name), path, number)
            if changed is not None:
                return replace(part, **{field.name: changed})
    return None
