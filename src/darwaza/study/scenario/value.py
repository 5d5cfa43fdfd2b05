"""Numbers with a unit, a range and a source.

Every quantity of a scenario is a ``Value``. Loading converts it to the one unit the study computes in (``CANONICAL``),
so no other module ever converts. The range is the modeller's statement of ignorance: low and high are read as the
ends of a triangular distribution whose mode is base.
"""

from dataclasses import dataclass

HOURS_PER_YEAR = 8766.0
"""Mean Gregorian year of 365.25 days."""

UNITS: dict[str, tuple[str, float]] = {
    "1": ("1", 1.0),
    "%": ("1", 0.01),
    "1/year": ("1/year", 1.0),
    "%/year": ("1/year", 0.01),
    "km": ("km", 1.0),
    "h": ("h", 1.0),
    "day": ("h", 24.0),
    "week": ("h", 168.0),
    "year": ("year", 1.0),
    "ms": ("ms", 1.0),
    "us/km": ("us/km", 1.0),
    "dB": ("dB", 1.0),
    "dB/km": ("dB/km", 1.0),
    "Gbit/s": ("Gbit/s", 1.0),
    "Tbit/s": ("Gbit/s", 1000.0),
    "USD": ("USD", 1.0),
    "kUSD": ("USD", 1e3),
    "MUSD": ("USD", 1e6),
    "USD/km": ("USD/km", 1.0),
    "kUSD/km": ("USD/km", 1e3),
    "USD/year": ("USD/year", 1.0),
    "kUSD/year": ("USD/year", 1e3),
    "MUSD/year": ("USD/year", 1e6),
    "USD/h": ("USD/h", 1.0),
    "USD/(Gbit/s)/year": ("USD/(Gbit/s)/year", 1.0),
    "USD/(Mbit/s)/month": ("USD/(Gbit/s)/year", 12_000.0),
    "USD/(Gbit/s)/h": ("USD/(Gbit/s)/h", 1.0),
    "1/(1000 km)/year": ("1/(1000 km)/year", 1.0),
    "truck/year": ("truck/year", 1.0),
    "h/truck": ("h/truck", 1.0),
}
"""Unit as written -> (unit the study computes in, factor)."""

CONFIDENCES = ("published", "derived", "weak", "judgement", "choice")
"""How far a source can be trusted: printed as such, computed from printed figures, printed but contested, opinion;
and ``choice``, what the parties set or agree themselves (a limit, a tariff, a covenant)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number comes from.

    Attributes:
        id: the key scenarios refer to.
        title: what it is, in words a minister understands.
        url: public address, or "" for a judgement.
        date: of the source, as written there; "" when unknown.
        confidence: one of ``CONFIDENCES``.
    """

    id: str
    title: str
    url: str
    date: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Value:
    """One assumed number.

    Attributes:
        path: where it stands in the scenario, ``member.UZ.demand``; also the name ``explain`` takes.
        low, base, high: in ``unit``, low <= base <= high.
        unit: a canonical unit of ``UNITS``.
        source: id of a ``Source``.
        note: what a reader should know, or "".
        line: line in the scenario file, 1-based; 0 for a value the program derived.
        confidence: of this number where it differs from its source's (a figure derived from a published one); else "".
    """

    path: str
    low: float
    base: float
    high: float
    unit: str
    source: str
    note: str = ""
    line: int = 0
    confidence: str = ""
