"""Checks the documents: generated parts are up to date, links lead somewhere, commands exist.

``make docs`` (``python tools/check_docs.py --write``) writes the generated parts.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from answers import pages as answers
from darwaza.bootstrap import SERVICES
from darwaza.entry.cli.main import main as darwaza
from darwaza.entry.view.payment import STATUS
from darwaza.kernel.machine import ELAPSED, NEW, Transition
from darwaza.services.payments.code import REASONS
from darwaza.services.payments.machine import tables
from darwaza.services.payments.message import BulkTerms, Funds, Terms
from darwaza.services.payments.planfile import NO_PLAN
from darwaza.standards.iso20022.codes import STATUS_REASONS, STATUSES
from reference import GENERATORS as REFERENCE
from reference import fields_of

ROOT = Path(__file__).resolve().parent.parent
GENERATED = re.compile(r"(<!-- generated: ([a-z-]+)(?: ([a-z-]+))? -->\n)(.*?)(<!-- end -->)", re.DOTALL)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?:^|[ `/])darwaza((?: [a-z][a-z-]+)+)", re.MULTILINE)


def state_diagram(name: str) -> str:
    """A Mermaid diagram of a service's table; inputs after a loss are left out."""
    return _diagram(next(one for one in SERVICES if one.name == name).table)


def payment_diagram(part: str) -> str:
    """A diagram of a part of the payments table."""
    return _diagram(tables(NO_PLAN)[part.replace("-", " ")])


def _diagram(table: Mapping[tuple[str, str], Transition]) -> str:
    lines = ["```mermaid", "stateDiagram-v2"]
    for (state, given), cell in table.items():
        if given.startswith("restored "):
            continue
        source = "[*]" if state == NEW else state.replace("-", "_")
        lines += [f"    {source} --> {target.replace('-', '_')}: {given}" for target in cell.next]
    ends = sorted({target for cell in table.values() for target in cell.next} - {state for state, _ in table})
    lines += [f"    {state.replace('-', '_')} --> [*]" for state in ends]
    return "\n".join([*lines, "```", ""])


def payment_reasons(_: str) -> str:
    """What a bank that speaks ISO 20022 is told for each of our codes."""
    rows = [f"| `{code}` | {reason} | {STATUS_REASONS[reason]} |" for code, reason in REASONS.items()]
    return "\n".join(["| code | reason | in the code list |", "|---|---|---|", *rows, ""])


def payment_statuses(_: str) -> str:
    """The ISO 20022 status of each state of a payment."""
    rows = [f"| `{state}` | {status} | {STATUSES[status]} |" for state, status in STATUS.items()]
    return "\n".join(["| state | status | in the code list |", "|---|---|---|", *rows, ""])


def payment_moves(part: str) -> str:
    """The moves of a part of the payments table that other gateways see: by messages, and by times that are over."""
    rows = [
        f"| {'' if state == NEW else f'`{state}`'} | `{given}` | `{'`, `'.join(dict.fromkeys(cell.next))}` |"
        for (state, given), cell in tables(NO_PLAN)[part.replace("-", " ")].items()
        if given == ELAPSED or given.startswith("payments.")
    ]
    return "\n".join(["| state | on | next |", "|---|---|---|", *rows, ""])


def payment_fields(name: str) -> str:
    """The fields of a body between gateways."""
    return fields_of({"terms": Terms, "bulk-terms": BulkTerms, "funds": Funds}[name])


GENERATORS: dict[str, Callable[[str], str]] = {
    "state-diagram": state_diagram,
    "payment-diagram": payment_diagram,
    "payment-reasons": payment_reasons,
    "payment-statuses": payment_statuses,
    "payment-moves": payment_moves,
    "payment-fields": payment_fields,
    **REFERENCE,
}


def documents() -> Iterator[Path]:
    """Every document of the project."""
    yield ROOT / "README.md"
    for folder in ("docs", "spec"):
        yield from sorted((ROOT / folder).rglob("*.md"))


def generate(text: str) -> str:
    """Fill the generated parts."""
    return GENERATED.sub(lambda found: found[1] + GENERATORS[found[2]](found[3] or "") + found[5], text)


def faults(path: Path, text: str) -> Iterator[str]:
    """What is wrong with a document."""
    where = path.relative_to(ROOT)
    if generate(text) != text:
        yield f"{where}: a generated part is out of date; run: make docs"
    for target in LINK.findall(text):
        if not (path.parent / target).exists():
            yield f"{where}: the link to {target} leads nowhere"
    for words in COMMAND.findall("\n".join(_code(text))):
        if not _exists(words.split()):
            yield f"{where}: there is no command darwaza{words}"


def _code(text: str) -> Iterator[str]:
    """Lines that stand in code: indented by four, or in fences of a shell."""
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line


def _exists(words: list[str]) -> bool:
    command: click.Command = darwaza
    for word in words:
        if not isinstance(command, click.Group):
            return True
        found = command.commands.get(word)
        if found is None:
            return False
        command = found
    return True


def main() -> int:
    """Check, or write."""
    write = "--write" in sys.argv[1:]
    found: list[str] = []
    for path, text in answers().items():
        if write:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            found.append(f"{path.relative_to(ROOT)}: out of date; run: make docs")
    for path in documents():
        text = path.read_text("utf-8")
        if write:
            path.write_text(generate(text), "utf-8")
        else:
            found += faults(path, text)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
