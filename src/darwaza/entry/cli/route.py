"""darwaza route: show, explain, drain; darwaza drill: cut, show."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
from rich.live import Live
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from darwaza.client.answer.gateway import Drill, ExplanationView, RoutesView
from darwaza.entry.cli.connection import Connection, connection_options
from darwaza.entry.cli.output import REFUSED, console, errors, json_option, reports_errors, show
from darwaza.errors import TransientError

COLOURS = {"up": "green", "degraded": "yellow", "down": "red"}
WATCH_S = 0.5
FIGURES = {
    "under_way": "under way when it began",
    "sent": "sent since",
    "moved": "moved to another path",
    "delivered": "signed for by their destination",
    "undeliverable": "came back undeliverable",
    "waiting": "still under way",
}
"""What a drill counts, in words."""
_DURATION = re.compile(r"([1-9][0-9]{0,4})(s|m)?")


@click.group()
def route() -> None:
    """Which way messages go: links, paths, and whose rules stand against them."""


@route.command(name="show", epilog="Example: darwaza route show --gateway kz --watch")
@connection_options("operator")
@click.option("--watch", is_flag=True, help="Keep the table on the screen and up to date, until interrupted.")
@json_option
@reports_errors
def show_command(*, watch: bool, as_json: bool, **options: Any) -> None:
    """Show every link of the corridor as the gateway knows it, and its own messages under way."""
    with Connection.chosen(options).client() as client:
        if not watch:
            found = client.operator.routes()
            show(found, as_json=as_json, human=lambda: console.print(_table(found)))
            return
        found = client.operator.routes()
        with Live(_table(found), console=console, refresh_per_second=4) as live, suppress(KeyboardInterrupt):
            while True:
                time.sleep(WATCH_S)
                try:
                    found, fault = client.operator.routes(), ""
                except TransientError as error:  # it is watched most when something is wrong
                    fault = error.detail
                live.update(_table(found, fault))


def _table(found: RoutesView, fault: str = "") -> Table:
    """The links as a table; with ``fault``, as last heard from a gateway that does not answer."""
    drained = ", drained" if found["drained"] else ""
    cuts = "".join(f", drill: {member} dark until {until}" for member, until in found["cuts"].items())
    early = f", {found['early']} early" if found["early"] else ""
    title = f"{found['member']}: {found['under_way']} under way{early}{drained}{cuts}"
    caption = f"[red]as last heard: {escape(fault)}[/]" if fault else None
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for name in ("link", "state", "latency", "loss", "price", "queue", "cosigned", ""):
        table.add_column(name, justify="left" if name in {"link", "state", ""} else "right", overflow="fold")
    for one in found["links"]:
        dark = not found["cuts"].keys().isdisjoint(one["ends"])
        notes = ("drill" if dark else "", "drained" if one["drained"] else "", one["fault"])
        table.add_row(
            "-".join(one["ends"]),
            f"[{COLOURS[one['condition']]}]{one['condition']}[/]",
            f"{one['latency_ms']:.1f} ms",
            f"{one['loss_percent']:.1f} %",
            str(one["price_class"]),
            "" if one["queue"] is None else f"{one['queue']:,}",
            "" if one["cosigned_size"] is None else f"{one['cosigned_size']:,}",
            ", ".join(word for word in notes if word),
        )
    return table


@route.command(epilog="Example: darwaza route explain --gateway pk --to KZ --class payments --avoid AF")
@connection_options("operator")
@click.option("--to", required=True, metavar="CODE", help="The member the message is for.")
@click.option("--class", "message_class", default="documents", show_default=True, help="The message's service.")
@click.option("--avoid", multiple=True, metavar="CODE", help="A member that must not carry it; may stand twice.")
@click.option("--policy", default="", help="A whole path policy: 'through UZ; hops 3; latency 400ms'.")
@click.option("--bytes", "body_bytes", default=0, show_default=True, help="Size of the body.")
@json_option
@reports_errors
def explain(
    to: str, message_class: str, avoid: tuple[str, ...], policy: str, body_bytes: int, *, as_json: bool, **options: Any
) -> None:
    """Say which paths exist, which one a message would take, and whose rule stands against each of the others.

    \b
    Exit codes: 0 a path is allowed, 1 none is.
    """  # noqa: D301 - \b is click's mark for a block it must not wrap
    text = "\n".join(one for one in (policy, f"avoid {' '.join(avoid)}" if avoid else "") if one)
    with Connection.chosen(options).client() as client:
        found = client.operator.explain_route(to, message_class, policy=text, body_bytes=body_bytes)
    show(found, as_json=as_json, human=lambda: _print(found))
    raise SystemExit(0 if found["chosen"] else REFUSED)


def _print(found: ExplanationView) -> None:
    for one in found["paths"]:
        chosen = one["members"] == found["chosen"]
        mark = "[green]→[/]" if chosen else "[green]✓[/]" if one["allowed"] else "[red]✗[/]"
        way = " - ".join(one["members"])
        console.print(f"{mark} {way}: {one['points']:,.0f} points, {one['latency_ms']:.1f} ms, {one['condition']}")
        for objection in one["objections"]:
            rule = f" ({objection['by']}: {objection['rule']})" if objection["rule"] else ""
            console.print(f"     {objection['detail']}{rule} [dim]{objection['code']}[/]")
    if found["chosen"] is None:
        console.print(f"[red]undeliverable[/]: no path from {found['origin']} to {found['destination']} is allowed")


@route.command(epilog="Example: darwaza route drain --gateway uz")
@connection_options("operator")
@click.option("--undo", is_flag=True, help="Take it back.")
@json_option
@reports_errors
def drain(*, undo: bool, as_json: bool, **options: Any) -> None:
    """Ask everybody to send nothing new over this gateway, before it is taken out of service; what is there goes on."""
    with Connection.chosen(options).client() as client:
        found = client.operator.drain(drained=not undo)
    left = sum(one["queue"] or 0 for one in found["links"])
    word = "takes messages again" if undo else f"is drained; {left:,} messages are still waiting"
    show(found, as_json=as_json, human=lambda: console.print(f"{found['member']} {word}"))


@click.group()
def drill() -> None:
    """Exercise failover on a running corridor, and see what it does to traffic."""


def _seconds(_context: object, _parameter: object, text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise click.BadParameter("give a number of seconds or minutes, like 60s or 5m")
    return int(match[1]) * (60 if match[2] == "m" else 1)


@drill.command(epilog="Example: darwaza drill cut --gateway kz AF --for 60s")
@connection_options("operator")
@click.argument("member")
@click.option("--for", "seconds", required=True, callback=_seconds, help="How long: 60s, 5m.")
@json_option
@reports_errors
def cut(member: str, seconds: int, *, as_json: bool, **options: Any) -> None:
    """Treat MEMBER as dark at this gateway for a while, then report what happened to its messages."""
    with Connection.chosen(options).client() as client:
        begun, began_s = client.operator.begin_drill(member, seconds), time.monotonic()
        found = begun
        with Progress(console=console, transient=True, disable=as_json or not console.is_terminal) as progress:
            task = progress.add_task(f"{member} is dark", total=seconds)
            try:
                while found["state"] == "running":
                    time.sleep(WATCH_S)
                    found = next(one for one in client.operator.drills() if one["id"] == begun["id"])
                    passed_s = time.monotonic() - began_s
                    progress.update(task, completed=passed_s, description=f"{member} is dark, {found['moved']:,} moved")
            except KeyboardInterrupt:
                errors.print(f"the drill goes on until {begun['ends_at']}; 'darwaza drill show' reports it")
                raise
    show(found, as_json=as_json, human=_report(found))


@drill.command(name="show", epilog="Example: darwaza drill show --gateway kz")
@connection_options("operator")
@json_option
@reports_errors
def show_drills(*, as_json: bool, **options: Any) -> None:
    """Show the drills since the gateway started."""
    with Connection.chosen(options).client() as client:
        found = client.operator.drills()

    def human() -> None:
        for one in found:
            _report(one)()

    show(found, as_json=as_json, human=human)


def _report(found: Drill) -> Callable[[], None]:
    def human() -> None:
        state = "it is running" if found["state"] == "running" else "it is over"
        console.print(f"{found['cut']} is dark for a drill from {found['began_at']} to {found['ends_at']}; {state}")
        for name, words in FIGURES.items():
            console.print(f"  {found[name]:>9,}  {words}")  # type: ignore[literal-required]
        for path, count in sorted(found["paths"].items(), key=lambda one: (-one[1], one[0])):
            console.print(f"  {count:>9,}  sent or moved over {path}")

    return human
