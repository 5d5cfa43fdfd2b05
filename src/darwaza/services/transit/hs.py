"""The Harmonized System: is this six-digit code a subheading of the edition in force?

The list is data (``profiles/hs2022.toml``): one line a heading. An edition has a period of validity, so a code is
always checked against the edition of the declaration's own day; the 2028 edition will be another file.

Standard: International Convention on the Harmonized Commodity Description and Coding System (Brussels, 1983).
"""

import re
from datetime import date
from typing import Any

import msgspec

from darwaza.services.transit.table import Problems, Table

SUBHEADINGS_MAX = 20_000
"""Most six-digit codes one edition may hold; there are 5,612 in 2022."""


class HsEdition(msgspec.Struct, frozen=True):
    """One edition of the Harmonized System.

    Attributes:
        edition: its name, ``2022``.
        valid_from: first day in force.
        valid_until: last day in force.
        subheadings: all six-digit codes.
        source: where the list was taken from.
    """

    edition: str
    valid_from: date
    valid_until: date
    subheadings: frozenset[str]
    source: str

    def holds(self, code: str) -> bool:
        """Tell whether a code is a subheading of this edition."""
        return code in self.subheadings


def load_hs(data: Any) -> HsEdition:
    """Check and build an edition from its parsed file.

    Raises:
        OperatorError: code ``register_wrong``, naming every problem.
    """
    problems = Problems("HS codes")
    table = Table(data, problems)
    codes = _subheadings(table.text("subheadings", r"(?s).*"), problems)
    edition = HsEdition(
        edition=table.text("edition", r"\d{4}"),
        valid_from=table.day("valid_from"),
        valid_until=table.day("valid_until"),
        subheadings=codes,
        source=table.text("source"),
    )
    table.text("legal_basis")
    table.close()
    problems.finish()
    return edition


def _subheadings(text: str, problems: Problems) -> frozenset[str]:
    """Read the lines ``0101 21 29 30 90``."""
    codes: list[str] = []
    for line in text.split("\n"):
        if line == "":
            continue
        if re.fullmatch(r"\d{4}( \d{2})+", line) is None:
            problems.note("subheadings", f"{line!r} is not a heading with its subheadings")
            continue
        heading, *rest = line.split(" ")
        codes.extend(heading + last for last in rest)
    if not codes or len(codes) > SUBHEADINGS_MAX or len(set(codes)) != len(codes):
        problems.note("subheadings", f"from 1 to {SUBHEADINGS_MAX} different codes are required")
    return frozenset(codes)
