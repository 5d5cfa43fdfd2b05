"""darwaza evidence: export, verify, receipt."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from darwaza.adapters.system.clock import SystemClock
from darwaza.entry.cli.connection import Connection, connection_options
from darwaza.entry.cli.output import CANNOT_TELL, REFUSED, console, fail, json_option, reports_errors, show, show_file
from darwaza.errors import DarwazaError
from darwaza.kernel import policy
from darwaza.kernel.examination import verify as examine
from darwaza.kernel.reference import Reference
from darwaza.kernel.verdict import Outcome, Result, Verdict

EXITS = {Result.VALID: 0, Result.INVALID: REFUSED, Result.CANNOT_TELL: CANNOT_TELL}
MARKS = {Outcome.HOLDS: "[green]✓[/]", Outcome.FAILS: "[red]✗[/]", Outcome.UNKNOWN: "[yellow]?[/]", Outcome.NOTED: "·"}
COLOURS = {Result.VALID: "green", Result.INVALID: "red", Result.CANNOT_TELL: "yellow"}

out_option = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write."
)


def reference_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that verifies offline its file, and the corridor documents to go by."""
    there = click.Path(path_type=Path, dir_okay=False, exists=True)
    for option in (
        click.option(
            "--anchor", help="Digest of a version that you know by other means; the check then rests on it alone."
        ),
        click.option(
            "--corridor",
            "documents",
            multiple=True,
            required=True,
            type=there,
            help="The corridor document; give every version you have.",
        ),
        click.argument("file", type=there),
    ):
        command = option(command)
    return command


def read_reference(documents: tuple[Path, ...], anchor: str | None, now: datetime, *, as_json: bool) -> Reference:
    """Read the corridor documents to go by.

    Where they will not serve, nothing is judged by them (spec/evidence.md, section 3), so the command ends with
    ``CANNOT_TELL``: an exit code 1 would say that the file is invalid.
    """
    try:
        return Reference.read([path.read_bytes() for path in documents], anchor, now)
    except DarwazaError as fault:
        fail(fault, as_json=as_json, code=CANNOT_TELL)


@click.group()
def evidence() -> None:
    """Proof of a message that holds up in another country: one file, checked with no network."""


@evidence.command(
    epilog="Example: darwaza evidence export --gateway pk --as fbr --message 0190… -o invoice.evidence.json"
)
@connection_options("")
@click.option("--message", required=True, help="The message's id (darwaza documents show).")
@click.option("--no-body", is_flag=True, help="Leave the content out; its digest stays.")
@out_option
@json_option
@reports_errors
def export(message: str, output: Path, *, no_body: bool, as_json: bool, **options: Any) -> None:
    """Write the evidence of a message to a file."""
    with Connection.chosen(options).client() as client:
        output.write_bytes(client.evidence(message, body=not no_body))
    show_file(output, as_json=as_json)


@evidence.command(epilog="Example: darwaza evidence receipt --gateway pk --as fbr --message 0190… -o invoice.cose")
@connection_options("")
@click.option("--message", required=True, help="The message's id.")
@out_option
@json_option
@reports_errors
def receipt(message: str, output: Path, *, as_json: bool, **options: Any) -> None:
    """Write a COSE receipt (RFC 9942) of a message of this gateway's own log, for SCITT tools."""
    with Connection.chosen(options).client() as client:
        output.write_bytes(client.receipt(message))
    show_file(output, as_json=as_json)


@evidence.command(
    name="verify", epilog="Example: darwaza evidence verify invoice.evidence.json --corridor 1.note --anchor 9f86…"
)
@reference_options
@click.option("--avoid", multiple=True, metavar="CODE", help="A member that must not have carried the message.")
@click.option("--policy", "text", default="", help="A path policy that the message's path must satisfy.")
@json_option
@reports_errors
def verify_command(
    file: Path, documents: tuple[Path, ...], anchor: str | None, avoid: tuple[str, ...], text: str, *, as_json: bool
) -> None:
    """Check an evidence file, or the proof of a fork, with no network: valid, invalid, or cannot tell.

    Of a message that was relayed it says which members carried it, and whether the corridor's policy, its sender's,
    and one given with --avoid or --policy allowed that.

    \b
    Exit codes: 0 valid, 1 invalid, 2 cannot tell, also where a corridor document or the anchor will not serve.
    """  # noqa: D301 - \b is click's mark for a block it must not wrap
    now = SystemClock().now()
    reference = read_reference(documents, anchor, now, as_json=as_json)
    try:
        asked = policy.parse("\n".join((text, f"avoid {' '.join(avoid)}" if avoid else "")))
    except DarwazaError as fault:
        fail(fault, as_json=as_json, code=CANNOT_TELL)
    verdict = examine(file.read_bytes(), reference, now, asked)
    show(verdict, as_json=as_json, human=lambda: _print(verdict))
    raise SystemExit(EXITS[verdict.result])


def _print(verdict: Verdict) -> None:
    word = verdict.result.value.replace("_", " ")
    console.print(f"[bold {COLOURS[verdict.result]}]{word}[/]" + (f" ({verdict.code})" if verdict.code else ""))
    for number, check in enumerate(verdict.checks, 1):
        text = check.text.replace("[", "\\[")
        console.print(f"{number:3} {MARKS[check.outcome]} {text}")
