"""Reading TOML with every problem noted and none raised, each with its line.

A ``Reader`` walks one table. Whatever is wrong is added to a shared list of ``Problem`` and a harmless stand-in is
returned, so that one pass finds everything. Only when reading is over does the caller look whether the list is empty.

``tomllib`` keeps no positions; ``locate`` finds them again by walking the headers and keys of the text. Inline tables
carry the line of the key they stand behind.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from darwaza.errors import MalformedError
from darwaza.study.scenario.value import CONFIDENCES, UNITS, Value

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-\.\"]+)\s*=")
_VALUE_KEYS = frozenset({"low", "base", "high", "unit", "source", "note", "confidence"})
PROBLEMS_MAX = 200
"""Problems listed at once; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a scenario.

    Attributes:
        line: 1-based line in the file; 0 for the file as a whole.
        path: where in the scenario.
        detail: what is wrong and what would be right.
    """

    line: int
    path: str
    detail: str


class ScenarioError(MalformedError):
    """The scenario is wrong; ``problems`` holds every fault found, ``detail`` lists them one a line."""

    code = "scenario_malformed"

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.path, p.detail)))
        shown = [f"{file}:{p.line}: {p.path}: {p.detail}" for p in self.problems[:PROBLEMS_MAX]]
        hidden = len(self.problems) - len(shown)
        if hidden:
            shown.append(f"{file}: and {hidden} more")
        super().__init__("\n".join(shown))


def locate(text: str) -> dict[str, int]:
    """Map every key path of a TOML text to its line.

    Array tables are counted: the third ``[[link]]`` is ``link.2``.
    """
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            name = header.group(2).replace('"', "").replace(" ", "")
            if header.group(1) == "[[":
                counts[name] = counts.get(name, -1) + 1
                name = f"{name}.{counts[name]}"
            else:
                parent, dot, last = name.rpartition(".")
                if dot and parent in counts:
                    name = f"{parent}.{counts[parent]}.{last}"
            prefix = name
            lines.setdefault(prefix, number)
            continue
        key = _KEY.match(line)
        if key:
            name = key.group(1).replace('"', "")
            lines.setdefault(f"{prefix}.{name}" if prefix else name, number)
    return lines


@dataclass(slots=True)
class Notes:
    """What one reading of a scenario gathers."""

    lines: dict[str, int]
    problems: list[Problem] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    """Path as people write it (``group.AF.protect``) -> line."""

    def line(self, position: str) -> int:
        """The line of ``position`` or of the nearest enclosing key."""
        while position:
            if position in self.lines:
                return self.lines[position]
            position = position.rpartition(".")[0]
        return 0


class Reader:
    """One table of the scenario.

    Args:
        table: as ``tomllib`` read it.
        position: where it stands in the file, with array indices, to find lines.
        path: what people call it: ``member.UZ``.
        notes: shared by all readers of the file.
        sources: ids a ``source`` may name.
    """

    def __init__(
        self, table: Mapping[str, Any], *, position: str, path: str, notes: Notes, sources: frozenset[str]
    ) -> None:
        self.table = table
        self.position = position
        self.path = path
        self.notes = notes
        self.sources = sources
        self._seen: set[str] = set()

    def problem(self, key: str, detail: str) -> None:
        """Note one fault at ``key`` of this table ("" for the table)."""
        position = f"{self.position}.{key}" if key and self.position else key or self.position
        path = f"{self.path}.{key}" if key and self.path else key or self.path
        self.notes.problems.append(Problem(self.notes.line(position), path or "scenario", detail))

    def _get(self, key: str, *, optional: bool) -> Any:
        self._seen.add(key)
        path, position = (f"{p}.{key}" if p else key for p in (self.path, self.position))
        self.notes.places[path] = self.notes.line(position)
        if key not in self.table:
            if not optional:
                self.problem(key, "is missing")
            return None
        return self.table[key]

    def text(self, key: str, *, default: str | None = None, choices: Iterable[str] = ()) -> str:
        """A string; ``choices`` limits it."""
        found = self._get(key, optional=default is not None)
        if found is None:
            return default or ""
        if not isinstance(found, str):
            self.problem(key, f"must be text, not {found!r}")
            return default or ""
        allowed = tuple(choices)
        if allowed and found not in allowed:
            self.problem(key, f"{found!r} is not one of {', '.join(allowed)}{_nearest(found, allowed)}")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        found = self._get(key, optional=True)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            self.problem(key, "must be a list of texts")
            return ()
        return tuple(found)

    def whole(self, key: str, *, low: int, high: int, default: int | None = None) -> int:
        """A whole number in [low, high]."""
        found = self._get(key, optional=default is not None)
        if found is None:
            return low if default is None else default
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            self.problem(key, f"must be a whole number from {low} to {high}, not {found!r}")
            return low
        return found

    def number(self, key: str, *, low: float, high: float, default: float | None = None) -> float:
        """A plain number in [low, high]."""
        found = self._get(key, optional=default is not None)
        if found is None:
            return low if default is None else default
        if not _is_number(found) or not low <= found <= high:
            self.problem(key, f"must be a number from {low:g} to {high:g}, not {found!r}")
            return low
        return float(found)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        found = self._get(key, optional=True)
        if found is None:
            return default
        if not isinstance(found, bool):
            self.problem(key, f"must be true or false, not {found!r}")
            return default
        return found

    def value(self, key: str, unit: str, *, low: float = 0.0, high: float = math.inf) -> Value:
        """A ``Value`` in canonical ``unit`` whose whole range lies in [low, high]."""
        return self._value(key, self._get(key, optional=False), unit, low, high)

    def value_or_none(self, key: str, unit: str, *, low: float = 0.0, high: float = math.inf) -> Value | None:
        """As ``value``; None when the key is absent."""
        found = self._get(key, optional=True)
        return None if found is None else self._value(key, found, unit, low, high)

    def _value(self, key: str, found: Any, unit: str, low: float, high: float) -> Value:
        path = f"{self.path}.{key}" if self.path else key
        line = self.notes.line(f"{self.position}.{key}" if self.position else key)
        stand_in = Value(path, low, low, low, unit, "")
        if found is None:
            return stand_in
        if not isinstance(found, dict):
            self.problem(key, "must be { low, base, high, unit, source }")
            return stand_in
        for extra in sorted(found.keys() - _VALUE_KEYS):
            self.problem(key, f"unknown key {extra!r}{_nearest(extra, _VALUE_KEYS)}")
        numbers = self._numbers(key, found)
        factor = self._factor(key, found.get("unit"), unit)
        self._check_source(key, found.get("source"))
        if numbers is None or factor is None:
            return stand_in
        scaled = [number * factor for number in numbers]
        if not all(low <= number <= high for number in scaled):
            limits = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
            self.problem(key, f"must be {limits} {unit}, but its range is {scaled[0]:g} to {scaled[2]:g}")
        source, note = str(found.get("source", "")), str(found.get("note", ""))
        confidence = str(found.get("confidence", ""))
        if confidence and confidence not in CONFIDENCES:
            self.problem(key, f"confidence {confidence!r} is not one of {', '.join(CONFIDENCES)}")
        value = Value(path, scaled[0], scaled[1], scaled[2], unit, source, note, line, confidence)
        self.notes.values[path] = value
        return value

    def _numbers(self, key: str, found: dict[str, Any]) -> list[float] | None:
        numbers = []
        for name in ("low", "base", "high"):
            if name not in found:
                self.problem(key, f"has no {name!r}: every value needs low, base and high")
                return None
            if not _is_number(found[name]):
                self.problem(key, f"{name!r} must be a finite number, not {found[name]!r}")
                return None
            numbers.append(float(found[name]))
        if not numbers[0] <= numbers[1] <= numbers[2]:
            self.problem(key, f"low <= base <= high does not hold: {numbers[0]:g}, {numbers[1]:g}, {numbers[2]:g}")
            return None
        return numbers

    def _factor(self, key: str, written: Any, unit: str) -> float | None:
        if written is None:
            self.problem(key, f"has no unit; {unit!r} would do")
            return None
        if written not in UNITS:
            self.problem(key, f"unknown unit {written!r}{_nearest(str(written), UNITS)}")
            return None
        canonical, factor = UNITS[written]
        if canonical != unit:
            fitting = ", ".join(sorted(name for name, (kind, _) in UNITS.items() if kind == unit))
            self.problem(key, f"unit {written!r} does not measure this; use one of: {fitting}")
            return None
        return factor

    def _check_source(self, key: str, source: Any) -> None:
        if not isinstance(source, str) or not source:
            self.problem(key, "has no source")
        elif source not in self.sources:
            self.problem(key, f"source {source!r} is not in [sources]{_nearest(source, self.sources)}")

    def source(self) -> str:
        """The ``source`` of the table itself."""
        found = self._get("source", optional=True)
        self._check_source("source" if "source" in self.table else "", found)
        return found if isinstance(found, str) else ""

    def refer(self, key: str, known: Iterable[str], what: str, *, default: str | None = None) -> str:
        """The id of another part of the scenario."""
        found = self.text(key, default=default)
        names = tuple(known)
        if found and found not in names:
            self.problem(key, f"{found!r} is no {what}{_nearest(found, names)}")
        return found

    def refer_many(self, key: str, known: Iterable[str], what: str) -> tuple[str, ...]:
        """Ids of other parts."""
        names = tuple(known)
        found = self.texts(key)
        for name in found:
            if name not in names:
                self.problem(key, f"{name!r} is no {what}{_nearest(name, names)}")
        return found

    def sub(self, key: str) -> "Reader":
        """The table under ``key``; an empty one when absent (then its own keys are reported missing)."""
        found = self._get(key, optional=False)
        if found is not None and not isinstance(found, dict):
            self.problem(key, "must be a table")
            found = None
        return self._child(found or {}, key, key)

    def each(self, key: str) -> list["Reader"]:
        """The tables of an array of tables; each must carry a unique ``id``."""
        found = self._get(key, optional=True)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            self.problem(key, f"must be written as [[{key}]] tables")
            return []
        readers, seen = [], set()
        for index, table in enumerate(found):
            name = table.get("id")
            reader = self._child(table, f"{key}.{index}", f"{key}.{name if isinstance(name, str) else index}")
            reader._seen.add("id")  # noqa: SLF001 - the reader made here knows its own id
            if not isinstance(name, str) or not name:
                reader.problem("", "has no id")
            elif name in seen:
                reader.problem("id", f"{name!r} stands twice")
            seen.add(name)
            readers.append(reader)
        return readers

    def _child(self, table: Mapping[str, Any], position: str, path: str) -> "Reader":
        return Reader(
            table,
            position=f"{self.position}.{position}" if self.position else position,
            path=f"{self.path}.{path}" if self.path else path,
            notes=self.notes,
            sources=self.sources,
        )

    @property
    def id(self) -> str:
        """The table's own ``id``."""
        return str(self.table.get("id", ""))

    def done(self) -> None:
        """Report every key nobody asked for."""
        for key in sorted(self.table.keys() - self._seen):
            self.problem(key, f"unknown key{_nearest(key, self._seen)}")


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)


def _nearest(found: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(found, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
