"""Read values out of parsed configuration data and report every problem at once.

The registers of this package (regimes, crossings, offices, HS codes) come as mappings that a caller parsed from TOML.
A register with a mistake must not start a gateway, and an operator wants to see all mistakes in one go: so a ``Table``
hands out safe stand-ins for wrong values, notes what was wrong and where, and ``finish`` raises once.

Example::

    table = Table(data, problems := Problems("regimes"))
    name = table.text("name")
    problems.finish()
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from darwaza.errors import OperatorError

PROBLEMS_MAX = 100
"""Problems listed in one error; the rest is counted."""


class Problems:
    """What is wrong with one register, gathered while reading it."""

    def __init__(self, register: str) -> None:
        self.register = register
        self.found: list[str] = []

    def note(self, where: str, what: str) -> None:
        """Add one problem: the dotted place in the data, and what is wrong there."""
        self.found.append(f"{where}: {what}")

    def finish(self) -> None:
        """Do nothing when nothing was wrong.

        Raises:
            OperatorError: code ``register_wrong``; its detail lists every problem, one a line.
        """
        if self.found:
            listed = self.found[:PROBLEMS_MAX]
            more = len(self.found) - len(listed)
            lines = "\n".join(listed) + (f"\nand {more} more" if more else "")
            raise OperatorError(f"{self.register} has {len(self.found)} problems:\n{lines}", code="register_wrong")


class Table:
    """One mapping of the data at a dotted place, read field by field."""

    def __init__(self, data: Any, problems: Problems, where: str = "") -> None:
        self.problems = problems
        self.where = where
        self._read: set[str] = set()
        if isinstance(data, Mapping):
            self._data: Mapping[str, Any] = data
        else:
            self._data = {}
            problems.note(where or problems.register, "a table is required here")

    def _at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _take(self, key: str, kind: type, word: str, default: Any) -> Any:
        """Return the value when it is of the kind; None as default makes the field required."""
        self._read.add(key)
        value = self._data.get(key)
        if value is None:
            if default is None:
                self.problems.note(self._at(key), f"{word} is required")
                return kind()
            return default
        # bool is an int in Python; a register that says `true` for a count is wrong.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.problems.note(self._at(key), f"{word} is required, not {value!r}")
            return kind() if default is None else default
        return value

    def text(self, key: str, pattern: str = r".{1,500}", default: str | None = None) -> str:
        """Return a text that matches the whole pattern; required unless a default is given."""
        value: str = self._take(key, str, "a text", default)
        if key in self._data and isinstance(self._data[key], str) and re.fullmatch(pattern, value) is None:
            self.problems.note(self._at(key), f"{value!r} is not of the form {pattern}")
        return value

    def number(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number from low to high; required unless a default is given."""
        value: int = self._take(key, int, "a whole number", default)
        if key in self._data and not low <= value <= high:
            self.problems.note(self._at(key), f"{value} is not within {low} and {high}")
        return value

    def flag(self, key: str) -> bool:
        """Return a required true or false."""
        self._read.add(key)
        value = self._data.get(key)
        if not isinstance(value, bool):
            self.problems.note(self._at(key), "true or false is required")
            return False
        return value

    def texts(self, key: str, allowed: frozenset[str] | None = None, *, empty: bool = False) -> tuple[str, ...]:
        """Return a list of texts without repeats, each one of ``allowed`` when that is given."""
        value = self._take(key, list, "a list", [] if empty else None)
        kept = tuple(item for item in value if isinstance(item, str))
        if len(kept) != len(value) or len(set(kept)) != len(kept):
            self.problems.note(self._at(key), "a list of different texts is required")
        if not kept and not empty and key in self._data:
            self.problems.note(self._at(key), "may not be empty")
        for item in kept:
            if allowed is not None and item not in allowed:
                self.problems.note(self._at(key), f"{item!r} is not one of {', '.join(sorted(allowed))}")
        return kept

    def numbers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """Return a list of whole numbers from low to high; empty when it is absent."""
        value = self._take(key, list, "a list", [])
        kept = tuple(item for item in value if isinstance(item, int) and low <= item <= high)
        if len(kept) != len(value):
            self.problems.note(self._at(key), f"whole numbers within {low} and {high} are required")
        return kept

    def day(self, key: str, default: date | None = None) -> date:
        """Return a date; required unless a default is given."""
        self._read.add(key)
        value = self._data.get(key, default)
        if not isinstance(value, date):
            self.problems.note(self._at(key), "a date is required")
            return date.min
        return value

    def table(self, key: str) -> "Table":
        """Return a required table inside this one."""
        self._read.add(key)
        return Table(self._data.get(key), self.problems, self._at(key))

    def optional_table(self, key: str) -> "Table":
        """Return the table inside this one, or an empty one when it is absent."""
        self._read.add(key)
        return Table(self._data.get(key, {}), self.problems, self._at(key))

    def tables(self, key: str) -> Sequence["Table"]:
        """Return the tables of a required list."""
        items = self._take(key, list, "a list of tables", None)
        return [Table(item, self.problems, f"{self._at(key)}[{index}]") for index, item in enumerate(items)]

    def names(self) -> tuple[str, ...]:
        """Return the keys of this table, in the order of the data."""
        return tuple(self._data)

    def has(self, key: str) -> bool:
        """Tell whether the field is present."""
        return key in self._data

    def close(self) -> None:
        """Note every field that nothing has read: a misspelt name must not pass for an absent one."""
        for key in self._data:
            if key not in self._read:
                self.problems.note(self._at(key), "no such field")


def source_keys(table: Table, problems: Problems) -> frozenset[str]:
    """Read the ``sources`` table of a register: short name to a public source in words.

    Returns:
        The short names that records may cite.
    """
    sources = table.table("sources")
    for key in sources.names():
        sources.text(key)
    if not sources.names():
        problems.note("sources", "at least one source is required")
    return frozenset(sources.names())
