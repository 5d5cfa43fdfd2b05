"""One look for all charts: colours, sizes, fonts, number formats.

Colours are told apart by the colour-blind (dark to light within a hue, blue against orange for gain against loss) and
print in grey. Charts never need colour alone: values and names stand beside the marks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

ON_LIGHT = "#1d2b37"
"""Ink on cells that stay light in the dark setting."""
INK, MUTED, FAINT, GRID, PAPER = "#1d2b36", "#5f6f7b", "#c9d1d7", "#e8ecef", "#ffffff"
BLUE, ORANGE, TEAL, RED, GOLD, VIOLET, GREEN, SKY = (
    "#2563a8",
    "#d9772b",
    "#0f7b7b",
    "#b3412f",
    "#c79a1b",
    "#6d5aa8",
    "#5a8f3c",
    "#7fb2dd",
)
SERIES = (BLUE, ORANGE, TEAL, GOLD, VIOLET, RED, GREEN, SKY, INK)
GAIN, LOSS = BLUE, ORANGE
BAD = "#b4541a"

SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": False,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "darwaza",
    "pdf.fonttype": 42,
    "path.simplify": False,
    "text.parse_math": False,
}


@contextmanager
def look() -> Iterator[None]:
    """Draw in this look; the caller's settings come back afterwards."""
    with mpl.rc_context(SETTINGS):
        yield


def label(axes: Any, x: float, y: float, text: str, *, side: str = "right", **look_of: Any) -> None:
    """Text a few points beside (x, y); spaces cannot do that, for browsers drop them."""
    shift = {"right": (4, 0), "left": (-4, 0), "above": (0, 3)}[side]
    align = {"right": "left", "left": "right", "above": "center"}[side]
    vertical = "bottom" if side == "above" else "center"
    axes.annotate(
        text, (x, y), xytext=shift, textcoords="offset points", ha=align, va=vertical, **({"fontsize": 8.5} | look_of)
    )


def two_lines(axes: Any, pairs: Sequence[tuple[str, str]]) -> None:
    """Label rows 0, 1, ... of a chart left of its axis: a name and, smaller, what kind of thing it is.

    Two texts, not one with a line break: where another font stands in, the lines of one text lose their alignment.
    """
    axes.set_yticks(range(len(pairs)), [""] * len(pairs))
    for at, (name, kind) in enumerate(pairs):
        for text, up, size, colour in ((name, 1.5, 9.0, INK), (kind, -1.5, 7.8, MUTED)):
            axes.annotate(
                text,
                (0, at),
                xycoords=("axes fraction", "data"),
                xytext=(-6, up),
                textcoords="offset points",
                ha="right",
                va="bottom" if up > 0 else "top",
                fontsize=size,
                color=colour,
            )


BILLION_FROM = 999.5e6
"""From here on amounts are written in billions: rounded to millions they would read 1,000."""


def musd(value: float | None, digits: int = 0) -> str:
    """US dollars in millions: ``$189m``, ``-$37m``, ``$2.1bn``."""
    if value is None:
        return "-"
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size >= BILLION_FROM:
        return f"{sign}${size / 1e9:.1f}bn"
    return f"{sign}${size / 1e6:,.{digits}f}m"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as percent."""
    return "none" if value is None else f"{value * 100:.{digits}f}%"


def chance(value: float) -> str:
    """A share of the futures drawn, as percent that never claims certainty: not even of what all of them say."""
    if value >= 0.995:  # noqa: PLR2004 - would be rounded to certainty
        return "over 99%"
    return "under 1%" if value < 0.005 else f"{value:.0%}"  # noqa: PLR2004 - would be rounded to never


def gbps(value: float) -> str:
    """Gbit/s, Tbit/s above a thousand."""
    return f"{value / 1000:.1f} Tbit/s" if value >= 1000 else f"{value:.0f} Gbit/s"  # noqa: PLR2004 - the unit changes


def hours(value: float | None) -> str:
    """Hours a year in the unit people grasp."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 60:.0f} min"
    return f"{value:.0f} h" if value >= 9.5 else f"{value:.1f} h"  # noqa: PLR2004 - one digit below ten


PRICE_PER_MBPS_MONTH = 12_000.0
"""USD/(Gbit/s)/year in one USD/(Mbit/s)/month."""


def span(low: float, high: float, unit: str) -> str:
    """A range in the units its readers use: prices a Mbit/s and month, shares in percent, money in thousands."""
    if unit == "1" and 0 <= low <= high <= 1:
        return f"{low:.0%} to {high:.0%}"
    factor, sign, tail = {
        "USD/(Gbit/s)/year": (1 / PRICE_PER_MBPS_MONTH, "$", " a Mbit/s a month"),
        "1": (1.0, "", ""),
        "1/year": (100.0, "", "% a year"),
        "USD/km": (1e-3, "$", "k/km"),
        "USD": (1e-3, "$", "k"),
        "USD/year": (1e-6, "$", "m a year"),
    }.get(unit, (1.0, "", f" {unit}"))
    return f"{sign}{low * factor:,.3g} to {sign}{high * factor:,.3g}{tail}"
