"""darwaza transit: list, show, do, seals, indicators, detours, paper, verify."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from darwaza.adapters.system.clock import SystemClock
from darwaza.client.answer.transit import MovementDetail, MovementView
from darwaza.client.caller import in_path
from darwaza.entry import post
from darwaza.entry.cli.connection import connection_options
from darwaza.entry.cli.form import body_options, make_stamp, officer_options, open_client, read_body
from darwaza.entry.cli.output import (
    CANNOT_TELL,
    REFUSED,
    console,
    duration,
    json_option,
    reports_errors,
    show,
    show_file,
)
from darwaza.kernel.history import History
from darwaza.services.transit.message import COMMANDS
from darwaza.services.transit.parts import join
from darwaza.services.transit.scan import Scanner
from darwaza.services.transit.trust import Answer
from darwaza.standards.etir.value import Body, Declaration

EXITS = {Answer.VALID.value: 0, Answer.INVALID.value: REFUSED, Answer.CANNOT_TELL.value: CANNOT_TELL}
BODIES: dict[str, type[Body]] = {**COMMANDS, "declare": Declaration, "amend": Declaration}
KINDS = tuple(sorted(BODIES.keys() - {"carry-in"}))
FIELDS = {kind: tuple(field.name for field in msgspec.structs.fields(body)) for kind, body in BODIES.items()}
COLOURS = {Answer.VALID.value: "green", Answer.INVALID.value: "red", Answer.CANNOT_TELL.value: "yellow"}


@click.group()
def transit() -> None:
    """Goods under seal across several members: movements, seals, papers."""


@transit.command(name="list", epilog="Example: darwaza transit list --gateway pk --as torkham --office PKTOR --heading")
@connection_options("")
@click.option("--office", help="Those on whose way this office lies.")
@click.option("--heading", is_flag=True, help="Only those the office still has something to do for.")
@click.option("--state", help="Only in this state.")
@json_option
@reports_errors
def list_command(*, as_json: bool, office: str | None, heading: bool, state: str | None, **options: Any) -> None:
    """List movements, newest first: your own, or those of your office."""
    with open_client(options) as client:
        found = list(client.transit.movements(office=office, heading=heading, state=state))

    def human() -> None:
        for view in found:
            console.print(_row(view))

    show(found, as_json=as_json, human=human)


def _row(view: MovementView) -> str:
    stopped = "  clocks stopped" if view.get("stopped") else ""
    return f"{view['id']}  {view['state']:10} {' → '.join(view.get('way', ()))}  {view.get('holder', '')}{stopped}"


@transit.command(name="show", epilog="Example: darwaza transit show 0190… --gateway uz --as silk-road-trans")
@connection_options("")
@click.argument("movement")
@json_option
@reports_errors
def show_command(movement: str, *, as_json: bool, **options: Any) -> None:
    """Show MOVEMENT: legs, seals, timeline."""
    with open_client(options) as client:
        view = client.transit.movement(movement)
    show(view, as_json=as_json, human=lambda: print_movement(view))


def print_movement(view: MovementDetail) -> None:
    """Print a movement's legs and timeline for people."""
    console.print(_row(view))
    for leg in view.get("legs", ()):
        console.print(f"   {leg['member']}  {leg['entry_office']} → {leg['exit_office']}  {leg['status']}")
    for entry in view.get("timeline", ()):
        offline = "  [yellow]offline[/]" if entry["offline"] else ""
        console.print(f"   {entry['local']}  {entry['office']:8} {entry['what']:11} {entry['text']}{offline}")
    for item in view.get("disagreements", ()):
        console.print(f"   [red]{item['what']}[/] {item['detail']}")
    if view.get("record"):
        console.print(f"   [dim]record {view['record'][:16]}: the same at every member that holds the same[/]")


@transit.command(
    name="do",
    epilog="Example: darwaza transit do seal 0190… action=replaced number=UZ-1 replacement.number=UZ-2 "
    "reason='bolt sheared' --office UZTER --gateway uz --as termez",
)
@connection_options("")
@officer_options(required=False)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("movement")
@body_options
@click.option("--key", help="Idempotency key: give the same one to repeat after a failure.")
@json_option
@reports_errors
def do_command(
    kind: str,
    movement: str,
    fields: tuple[str, ...],
    *,
    as_json: bool,
    file: Path | None,
    key: str | None,
    office: str | None,
    officer: str,
    **options: Any,
) -> None:
    """Give the command KIND on MOVEMENT.

    Its body is FIELD=VALUE pairs or a JSON file (docs/reference/transit-messages.md); MOVEMENT and, with ``--office``,
    the stamp are filled in. ``declare`` lodges a new declaration.
    """
    body = read_body(file, fields)
    if "movement" in FIELDS[kind]:
        body.setdefault("movement", movement)
    path = "/v1/transit" if kind == "declare" else f"/v1/transit/{in_path(movement)}/{kind}"
    with open_client(options) as client:
        if office is not None and "stamp" in FIELDS[kind]:
            body.setdefault("stamp", make_stamp(client, office, officer))
        done = client.command(path, body, key=key)
    show(done, as_json=as_json, human=lambda: console.print(f"{done['id']}  {done['state']}"))


@transit.command(epilog="Example: darwaza transit seals 0190… --gateway pk --as torkham")
@connection_options("")
@click.argument("movement")
@json_option
@reports_errors
def seals(movement: str, *, as_json: bool, **options: Any) -> None:
    """Show the custody chain of each seal of MOVEMENT: who affixed, checked, broke or replaced it, where, when, why."""
    with open_client(options) as client:
        chains = client.transit.movement(movement).get("custody", [])

    def human() -> None:
        for chain in chains:
            console.print(f"{chain['number']}  {chain['kind']}  {chain['status']}")
            for step in chain["steps"]:
                because = f": {step['reason']}" if step["reason"] else ""
                console.print(f"   {step['at']}  {step['office']:8} {step['officer']:12} {step['action']}{because}")

    show(chains, as_json=as_json, human=human)


@transit.command(epilog="Example: darwaza transit indicators 0190… --distance-km 2060 --gateway pk --as customs")
@connection_options("")
@click.argument("movement")
@click.option("--distance-km", type=click.IntRange(1, 50_000), help="Of the whole journey; for the speeds.")
@json_option
@reports_errors
def indicators(movement: str, *, as_json: bool, distance_km: int | None, **options: Any) -> None:
    """Show the border times (CPMM TFI1) and speeds (TFI4) of MOVEMENT, from both sides' own events."""
    with open_client(options) as client:
        found = client.transit.indicators(movement, None if distance_km is None else distance_km * 1000)

    def human() -> None:
        for item in found["border_times"]:
            gap = "unknown" if item["gap_s"] is None else duration(item["gap_s"])
            sides = f"exit {duration(item['exit_s'])}, between {gap}, entry {duration(item['entry_s'])}"
            console.print(f"{item['crossing']:28} {duration(item['total_s'])} in all: {sides}")
            for activity, seconds in item["activities_s"].items():
                console.print(f"   {activity:24} {duration(seconds)}")
        if found.get("speed"):
            swod, swd = (found["speed"][name] for name in ("without_delays_m_per_h", "with_delays_m_per_h"))
            console.print(f"{swod // 1000} km/h between borders, {swd // 1000} km/h in all")

    show(found, as_json=as_json, human=human)


@transit.command(epilog="Example: darwaza transit detours 0190… --avoid AF-PK/TORKHAM --gateway af --as hairatan")
@connection_options("")
@click.argument("movement")
@click.option("--avoid", help="A crossing to avoid beside those that are closed.")
@json_option
@reports_errors
def detours(movement: str, *, as_json: bool, avoid: str | None, **options: Any) -> None:
    """Propose other itineraries for what lies ahead of MOVEMENT, around what is closed, fewest legs first."""
    with open_client(options) as client:
        ways = client.transit.detours(movement, avoid)

    def human() -> None:
        for way in ways:
            console.print(" → ".join(leg.get("crossing") or leg["exit_office"] for leg in way))

    show(ways, as_json=as_json, human=human)


@transit.command(epilog="Example: darwaza transit paper 0190… --office UZTER -o paper.pdf --gateway uz --as customs")
@connection_options("")
@click.argument("movement")
@click.option("--office", required=True, help="The office that issues it.")
@click.option(
    "--form",
    type=click.Choice(["signed", "pdf", "codes", "png"]),
    default="pdf",
    show_default=True,
    help="The signed paper itself, or as a page to print, as the texts of its QR codes, or as one of their pictures.",
)
@click.option("--number", default=1, show_default=True, help="Which QR code, for --form png.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@json_option
@reports_errors
def paper(movement: str, office: str, form: str, number: int, output: Path, *, as_json: bool, **options: Any) -> None:
    """Write the accompanying document of MOVEMENT as it is known now."""
    with open_client(options) as client:
        output.write_bytes(client.transit.paper(movement, office, form, number))
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
