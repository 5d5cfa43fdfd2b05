"""Everything one run of a study found, as plain values the report, ``explain`` and ``compare`` read."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One number people will quote, with where it comes from.

    Attributes:
        id: what ``explain`` takes: ``economics.eirr``.
        label: for people.
        value: None when it does not exist (a rate of return nobody earns).
        unit: of the value.
        method: one sentence on how it was computed.
        inputs: ids of other figures, or patterns of scenario values (``member.*.price``).
    """

    id: str
    label: str
    value: float | None
    unit: str
    method: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """A finished study.

    Attributes:
        title, digest, seed, plan: what was studied: the plan is the alternative the money was worked out for.
        figures: in order of importance.
        tables: name -> JSON-compatible rows; what the charts draw and the machine-readable files hold.
        notes: what a reader must know about this run: limits that struck, risks no route escapes.
    """

    title: str
    digest: str
    seed: int
    plan: str
    figures: tuple[Figure, ...]
    tables: dict[str, Any]
    notes: tuple[str, ...]

    def figure(self, name: str) -> Figure | None:
        """The figure of this id, or None."""
        return next((figure for figure in self.figures if figure.id == name), None)
