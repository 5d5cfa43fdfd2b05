"""Two studies side by side: which assumptions differ, and which figures move because of it."""

from dataclasses import dataclass

from darwaza.study.result import Result
from darwaza.study.scenario.model import Scenario

RELATIVE_MIN = 1e-9
"""Figures closer than this are the same."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        id: figure or value.
        label: for people.
        unit: of both.
        before, after: None where it does not exist.
    """

    id: str
    label: str
    unit: str
    before: float | None
    after: float | None

    @property
    def relative(self) -> float | None:
        """(after - before) / |before|; None where that says nothing."""
        if self.before is None or self.after is None or self.before == 0:
            return None
        return (self.after - self.before) / abs(self.before)


def values(before: Scenario, after: Scenario) -> list[Change]:
    """Base values that differ; one that exists on one side only counts as different."""
    found = []
    for path in [*before.values, *(p for p in after.values if p not in before.values)]:
        old, new = before.values.get(path), after.values.get(path)
        one = old or new
        if one is not None and (old is None or new is None or old.base != new.base):
            found.append(Change(path, path, one.unit, old.base if old else None, new.base if new else None))
    return found


def figures(before: Result, after: Result) -> list[Change]:
    """Every figure of either, in the order of the first; equal ones are left out."""
    others = {figure.id: figure for figure in after.figures}
    ids = [*(f.id for f in before.figures), *(f for f in others if before.figure(f) is None)]
    found = []
    for name in ids:
        old, new = before.figure(name), others.get(name)
        one = old or new
        if one is None:
            continue
        change = Change(name, one.label, one.unit, old.value if old else None, new.value if new else None)
        if not _same(change.before, change.after):
            found.append(change)
    return found


def _same(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= RELATIVE_MIN * max(abs(a), abs(b), 1.0)


def built(before: Result, after: Result) -> tuple[list[str], list[str]]:
    """Links only the first builds, and links only the second builds."""
    first, second = ({row["id"] for row in r.tables["links"] if row["built_from"]} for r in (before, after))
    return sorted(first - second), sorted(second - first)
