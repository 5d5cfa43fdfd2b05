"""Where a number comes from, down to its sources.

A figure names its method and inputs; inputs are other figures or patterns of scenario values; values name their
source. ``explain`` walks that graph.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from darwaza.errors import MessageError
from darwaza.study.result import Figure, Result
from darwaza.study.scenario.model import Scenario
from darwaza.study.scenario.value import Source, Value

DEPTH_MAX = 12


class UnknownValueError(MessageError):
    """No figure and no scenario value has this name; the detail offers near ones."""

    code = "study_value_unknown"


@dataclass(frozen=True, slots=True)
class Trace:
    """One node of the explanation.

    Attributes:
        id: of the figure or value.
        label: for people.
        value: None when the figure does not exist.
        low, high: of a scenario value; None of a figure.
        unit: of the value.
        method: how a figure was computed, or a value's note.
        source: of a scenario value.
        line: in the scenario file; 0 for a figure.
        inputs: nodes this one rests on; a node that was explained before is listed without its own inputs.
    """

    id: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    method: str
    source: Source | None
    line: int
    inputs: tuple["Trace", ...]


def explain(name: str, scenario: Scenario, result: Result | None) -> list[Trace]:
    """Explain a figure or value, or every one a pattern (``*``) matches.

    Args:
        name: id or pattern.
        scenario: whose values and sources are named.
        result: of that scenario; None explains scenario values only.

    Raises:
        UnknownValueError: nothing has this name.
    """
    figures = {figure.id: figure for figure in result.figures} if result else {}
    seen: set[str] = set()
    found = [_figure(figures[figure], figures, scenario, seen, 0) for figure in _matching(name, figures)]
    found += [_value(scenario.values[path], scenario) for path in _matching(name, scenario.values)]
    if not found:
        near = get_close_matches(name, [*figures, *scenario.values], n=5, cutoff=0.4)
        hint = f"; near ones: {', '.join(near)}" if near else ""
        raise UnknownValueError(f"{name!r} is neither a figure of the study nor a value of the scenario{hint}")
    return found


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name == pattern or fnmatchcase(name, pattern)]


def _figure(figure: Figure, figures: dict[str, Figure], scenario: Scenario, seen: set[str], depth: int) -> Trace:
    inputs: list[Trace] = []
    if figure.id not in seen and depth < DEPTH_MAX:
        seen.add(figure.id)
        for wanted in figure.inputs:
            inputs += [
                _figure(figures[n], figures, scenario, seen, depth + 1)
                for n in _matching(wanted, figures)
                if n != figure.id
            ]
            inputs += [_value(scenario.values[n], scenario) for n in _matching(wanted, scenario.values)]
    return Trace(figure.id, figure.label, figure.value, None, None, figure.unit, figure.method, None, 0, tuple(inputs))


def _value(value: Value, scenario: Scenario) -> Trace:
    source = scenario.sources.get(value.source)
    return Trace(
        value.path, value.path, value.base, value.low, value.high, value.unit, value.note, source, value.line, ()
    )


def sources_of(trace: Trace) -> dict[str, Source]:
    """Every source the explanation rests on, by id."""
    found = {trace.source.id: trace.source} if trace.source else {}
    for part in trace.inputs:
        found |= sources_of(part)
    return dict(sorted(found.items()))
