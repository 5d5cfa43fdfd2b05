"""darwaza transit: list, show, do, paper, scan, verify, closed, waiting."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from darwaza.adapters.system.clock import SystemClock
from darwaza.client import Client
from darwaza.entry import post
from darwaza.entry.cli.connection import Connection, connection_options
from darwaza.entry.cli.output import CANNOT_TELL, REFUSED, console, json_option, reports_errors, show, show_file
from darwaza.errors import MalformedError
from darwaza.kernel.history import History
from darwaza.services.transit.parts import join
from darwaza.services.transit.scan import Scanner
from darwaza.services.transit.trust import Answer

EXITS = {Answer.VALID.value: 0, Answer.INVALID.value: REFUSED, Answer.CANNOT_TELL.value: CANNOT_TELL}
COLOURS = {Answer.VALID.value: "green", Answer.INVALID.value: "red", Answer.CANNOT_TELL.value: "yellow"}


@click.group()
def transit() -> None:
    """Goods under seal across several members: movements, papers, closures."""


def _client(options: dict[str, Any]) -> Client:
    return Connection(*(options[name] for name in ("folder", "url", "party", "token_file", "certificate"))).client()


@transit.command(name="list", epilog="Example: darwaza transit list --gateway pk --as torkham --office PKTOR --heading")
@connection_options("")
@click.option("--office", help="Those on whose way this office lies.")
@click.option("--heading", is_flag=True, help="Only those the office still has something to do for.")
@click.option("--state", help="Only in this state.")
@json_option
@reports_errors
def list_command(*, as_json: bool, office: str | None, heading: bool, state: str | None, **options: Any) -> None:
    """List movements, newest first: your own, or those of your office."""
    filters = {"office": office, "state": state, "heading": "true" if heading else None}
    with _client(options) as client:
        found = list(client.movements(**filters))

    def human() -> None:
        for view in found:
            console.print(_row(view))

    show(found, as_json=as_json, human=human)


def _row(view: dict[str, Any]) -> str:
    stopped = "  clocks stopped" if view.get("stopped") else ""
    return f"{view['id']}  {view['state']:10} {' → '.join(view.get('way', ()))}  {view.get('holder', '')}{stopped}"


@transit.command(name="show", epilog="Example: darwaza transit show 0190… --gateway uz --as silk-road-trans")
@connection_options("")
@click.argument("movement")
@json_option
@reports_errors
def show_command(movement: str, *, as_json: bool, **options: Any) -> None:
    """Show MOVEMENT: legs, seals, timeline."""
    with _client(options) as client:
        view = client.movement(movement)
    show(view, as_json=as_json, human=lambda: print_movement(view))


def print_movement(view: dict[str, Any]) -> None:
    """Print a movement's legs and timeline for people."""
    console.print(_row(view))
    for leg in view.get("legs", ()):
        console.print(f"   {leg['member']}  {leg['entry_office']} → {leg['exit_office']}  {leg['status']}")
    for entry in view.get("timeline", ()):
        offline = "  [yellow]offline[/]" if entry["offline"] else ""
        console.print(f"   {entry['local']}  {entry['office']:8} {entry['what']:11} {entry['text']}{offline}")
    for item in view.get("disagreements", ()):
        console.print(f"   [red]{item['what']}[/] {item['detail']}")


@transit.command(name="do", epilog="Example: darwaza transit do start 0190… i9.json --gateway af --as hairatan")
@connection_options("")
@click.argument("kind")
@click.argument("movement")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--key", help="Idempotency key: give the same one to repeat after a failure.")
@json_option
@reports_errors
def do_command(kind: str, movement: str, file: Path, *, key: str | None, as_json: bool, **options: Any) -> None:
    """Give the command KIND (accept, start, terminate, seal, …) on MOVEMENT; FILE holds its body as JSON.

    ``declare`` lodges FILE as a new declaration.
    """
    try:
        body = msgspec.json.decode(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise MalformedError(f"{file} is not JSON: {fault}", code="body_malformed") from fault
    path = "/v1/transit" if kind == "declare" else f"/v1/transit/{movement}/{kind}"
    with _client(options) as client:
        done = client.command(path, body, key=key)
    show(done, as_json=as_json, human=lambda: console.print(f"{done['id']}  {done['state']}"))


@transit.command(epilog="Example: darwaza transit paper 0190… --office UZTER -o paper.pdf --gateway uz --as customs")
@connection_options("")
@click.argument("movement")
@click.option("--office", required=True, help="The office that issues it.")
@click.option("--form", type=click.Choice(["signed", "pdf", "codes", "png"]), default="pdf", show_default=True)
@click.option("--number", default=1, show_default=True, help="Which QR code, for --form png.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@json_option
@reports_errors
def paper(movement: str, office: str, form: str, number: int, output: Path, *, as_json: bool, **options: Any) -> None:
    """Write the accompanying document of MOVEMENT as it is known now."""
    with _client(options) as client:
        output.write_bytes(client.paper(movement, office, form, number))
    show_file(output, as_json=as_json)


@transit.command(epilog="Example: darwaza transit verify codes.txt --office AFHRT --corridor 1.note --anchor 9f86…")
@click.argument("codes", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--office", required=True, help="Where it is scanned.")
@click.option(
    "--corridor",
    "documents",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The corridor document: every version, oldest first.",
)
@click.option("--anchor", required=True, help="Digest of the first version, known by other means.")
@json_option
@reports_errors
def verify(codes: Path, office: str, documents: tuple[Path, ...], anchor: str, *, as_json: bool) -> None:
    """Judge a paper with no network and no gateway. CODES holds the texts of its QR codes, one a line.

    \b
    Exit codes: 0 valid, 1 invalid, 2 cannot tell.
    """  # noqa: D301 - \b is click's mark for a block it must not wrap
    now = SystemClock().now()
    history = History.begin(documents[0].read_bytes(), anchor, now)
    for path in documents[1:]:
        history = history.admit(path.read_bytes(), now)
    raw = join(codes.read_text("ascii", "replace").splitlines())
    verdict = Scanner(office, post.trust_of(history), post.read_header).scan(raw, now)
    movement = "" if verdict.paper is None else verdict.paper.movement_id
    reasons = [{"code": item.code, "answer": item.answer.value, "text": item.text} for item in verdict.reasons]
    _print_verdict(verdict.answer.value, movement, verdict.as_of, reasons, as_json=as_json)


def _print_verdict(
    answer: str, movement: str, as_of: datetime | None, reasons: list[dict[str, str]], *, as_json: bool
) -> None:
    def human() -> None:
        console.print(f"[bold {COLOURS[answer]}]{answer}[/]  {movement}  as of {as_of}")
        for item in reasons:
            console.print(f"   {item['code']}: {item['text']}".replace("[", "\\["))

    found = {"answer": answer, "movement": movement, "as_of": as_of, "reasons": reasons}
    show(found, as_json=as_json, human=human)
    raise SystemExit(EXITS[answer])


@transit.command(epilog="Example: darwaza transit waiting AF-PK/TORKHAM --gateway pk --as customs")
@connection_options("")
@click.argument("crossing")
@json_option
@reports_errors
def waiting(crossing: str, *, as_json: bool, **options: Any) -> None:
    """List what heads for CROSSING, what spoils first foremost."""
    with _client(options) as client:
        found = client.waiting(crossing)

    def human() -> None:
        for item in found["movements"]:
            console.print(f"{item['movement']}  {item['state']:10} {item['member']}  spoils {item['spoils_at'] or '-'}")

    show(found, as_json=as_json, human=human)
