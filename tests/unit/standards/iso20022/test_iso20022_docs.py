"""The reference page says what the code does."""

import re
from pathlib import Path

from darwaza.standards.iso20022 import document, identification
from darwaza.standards.iso20022.message import MESSAGES
from darwaza.standards.iso20022.payment import check_totals
from darwaza.standards.iso20022.rejection import _REASONS, reason_for

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "iso20022.md"


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column is headed so, without backquotes."""
    lines = PAGE.read_text("utf-8").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def own_checks(kind: type) -> str:
    """Return what a class of values checks when it is made."""
    check = kind.__dict__.get("__post_init__")
    if check is None:
        return "–"
    return "count, sums" if check_totals.__name__ in check.__code__.co_names else "count"


def test_supported_messages() -> None:
    """Every supported message is in the table, with its class, the source of its schema and its own checks."""
    expected = [
        [
            message,
            kind.__name__,
            "package and own" if message in identification.ROOTS else "package",
            own_checks(kind),
        ]
        for message, kind in MESSAGES.items()
    ]
    rows = table("Message")
    assert [row[:4] for row in rows] == expected
    assert all(row[4] for row in rows)


def test_codes() -> None:
    """Every error code is in the table with the reason it is answered with, and no other."""
    rows = {row[0]: row[3] for row in table("Code")}
    assert rows == {code: reason_for(code) for code in rows}
    assert set(_REASONS) <= set(rows)
    raised: set[str] = set()
    for path in Path(document.__file__).parent.glob("*.py"):
        text = path.read_text("utf-8")
        raised |= set(re.findall(r'code="([a-z_]+)"', text)) | set(re.findall(r'"SCHEMAV_\w+": "(\w+)"', text))
    operator = {"schema_package_missing", "schema_not_as_published"}
    composed = {"value_wrong", "iban_wrong", "bic_wrong", "lei_wrong"}
    assert set(rows) == raised - operator | composed


def test_limits() -> None:
    """The limits stated are the limits in force."""
    assert {row[0]: int(row[1]) for row in table("Limit")} == {
        name: value for name, value in vars(document).items() if name.startswith("DOCUMENT_")
    }
