"""Reads ``queries.sql``: one statement a name, so that SQL stands in SQL files only."""

from functools import cache
from importlib.resources import files


def schema() -> str:
    """The whole schema as a script."""
    return (files(__package__) / "schema.sql").read_text("utf-8")


@cache
def migrations() -> tuple[str, ...]:
    """The steps from nothing to the schema of today, in order: ``migrations/NNNN-what.sql``; each sets its version."""
    steps = sorted((files(__package__) / "migrations").iterdir(), key=lambda step: step.name)
    return tuple(step.read_text("utf-8") for step in steps if step.name.endswith(".sql"))


@cache
def queries() -> dict[str, str]:
    """Statements by name, without their comments."""
    found: dict[str, str] = {}
    for part in (files(__package__) / "queries.sql").read_text("utf-8").split("-- name: ")[1:]:
        name, _, rest = part.partition("\n")
        found[name.strip()] = "\n".join(line for line in rest.splitlines() if not line.startswith("--")).strip()
    return found
