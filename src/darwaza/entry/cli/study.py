"""``darwaza study``: run, compare and explain corridor studies (``darwaza bench study`` times them).

Exit codes: 0 done; 1 the request was understood but cannot be met (no feasible design, unknown value); 2 wrong usage
or a scenario with faults; 130 interrupted (finished stages are kept, the next run goes on from there).

The study's libraries are an extra (``darwaza[study]``); they are imported only when a command runs.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.tree import Tree

from darwaza.entry.cli.output import fail
from darwaza.errors import DarwazaError, ExtraMissingError, MalformedError

EXIT_UNMET, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
NEEDED = ("highspy", "gnpy", "scipy", "matplotlib")
SOURCES_SHOWN, INPUTS_SHOWN = 60, 8
CACHE = Path("var") / "study"
"""Where ``compare`` and ``explain`` keep finished stages when no folder is named."""


def _fail(error: Exception, *, as_json: bool, code: int) -> None:
    """Say what is wrong on stderr (or as JSON on stdout) and leave."""
    if as_json:
        found = {"code": getattr(error, "code", "error"), "detail": str(error)}
        problems = getattr(error, "problems", None)
        if problems is not None:
            found["problems"] = [asdict(problem) for problem in problems]
        click.echo(json.dumps({"error": found}, indent=1))
    else:
        Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), markup=False)
    sys.exit(code)


@contextmanager
def answering(*, as_json: bool) -> Iterator[None]:
    """Turn expected errors into messages and exit codes."""
    if any(find_spec(name) is None for name in NEEDED):
        fail(ExtraMissingError("study"), as_json=as_json)
    try:
        yield
    except (MalformedError, OSError) as error:
        _fail(error, as_json=as_json, code=EXIT_USAGE)
    except DarwazaError as error:
        _fail(error, as_json=as_json, code=EXIT_UNMET)
    except KeyboardInterrupt:
        _fail(click.ClickException("interrupted; run again to go on"), as_json=as_json, code=EXIT_INTERRUPTED)


@contextmanager
def progress_bars(*, quiet: bool, prefix: str = "") -> Iterator[Callable[[str, float], None]]:
    """Bars on stderr, one a stage; nothing when stderr is no terminal or ``quiet``."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _name, _share: None
        return
    columns = (
        TextColumn("{task.description:<42}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def tell(name: str, share: float) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(prefix + name, total=1.0)
            bars.update(tasks[name], completed=share)

        yield tell


def _scenario_argument(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.argument(name, type=click.Path(exists=True, dir_okay=False, path_type=Path))


_json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout, nothing else.")


@click.group()
def study() -> None:
    """Feasibility, design and financing of a corridor from one scenario file."""


@study.command(
    epilog="Example: darwaza study run profiles/carec/study.toml --out report/  (then open report/report.html)"
)
@_scenario_argument("scenario")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("report"),
    show_default=True,
    help="Folder of the report.",
)
@click.option("--fresh", is_flag=True, help="Work everything out again, even what an earlier run finished.")
@_json_option
def run(scenario: Path, out: Path, *, fresh: bool, as_json: bool) -> None:
    """Run SCENARIO and write its report: HTML, PDF, CSV, JSON, GeoJSON and a GNPy topology.

    An interrupted run goes on from its last finished stage. The same scenario gives the same bytes.
    """
    with answering(as_json=as_json):
        from darwaza.study.run import report  # noqa: PLC0415 - heavy libraries
        from darwaza.study.run import study as work  # noqa: PLC0415
        from darwaza.study.scenario.load import load  # noqa: PLC0415

        read = load(scenario)
        with progress_bars(quiet=as_json) as tell:
            files = report(read, out, progress=tell, fresh=fresh)
            result = work(read, out)
    if as_json:
        figures = {f.id: {"value": f.value, "unit": f.unit, "label": f.label} for f in result.figures}
        click.echo(
            json.dumps({"files": [str(f) for f in files], "figures": figures, "notes": list(result.notes)}, indent=1)
        )
        return
    console = Console(highlight=False)
    shown = Table(title=result.title, title_justify="left", show_header=False, box=None, pad_edge=False)
    for name in (
        "design.capex",
        "economics.eirr",
        "economics.enpv",
        "finance.firr",
        "finance.wacc",
        "finance.tariff_cost_recovery",
        "risk.enpv_positive",
        "design.carried",
    ):
        figure = result.figure(name)
        if figure is not None:
            shown.add_row(figure.label, show(figure.value, figure.unit))
    console.print(shown)
    for note in result.notes:
        if "did not finish" in note or "left out" in note:
            console.print(f"note: {note}", markup=False)
    console.print(f"report: {files[0]}", markup=False)


@study.command(epilog="Example: darwaza study compare profiles/carec/study.toml mine.toml")
@_scenario_argument("first")
@_scenario_argument("second")
@click.option("--all", "everything", is_flag=True, help="Every figure, not only those that moved by one percent.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=CACHE,
    show_default=True,
    help="Where finished stages are kept.",
)
@_json_option
def compare(first: Path, second: Path, *, everything: bool, cache: Path, as_json: bool) -> None:
    """Run FIRST and SECOND and show what differs: assumptions, links, figures."""
    with answering(as_json=as_json):
        from darwaza.study import compare as comparing  # noqa: PLC0415 - heavy libraries
        from darwaza.study.run import study as work  # noqa: PLC0415
        from darwaza.study.scenario.load import load  # noqa: PLC0415

        scenarios = [load(first), load(second)]
        results = []
        for number, read in enumerate(scenarios, start=1):
            with progress_bars(quiet=as_json, prefix=f"{number}: ") as tell:
                results.append(work(read, cache / read.digest[:16], progress=tell))
        values = comparing.values(*scenarios)
        figures = comparing.figures(*results)
        only = comparing.built(*results)
    if as_json:
        content = {
            "values": [asdict(c) for c in values],
            "figures": [asdict(c) for c in figures],
            "built_only_first": only[0],
            "built_only_second": only[1],
        }
        click.echo(json.dumps(content, indent=1))
        return
    console = Console(highlight=False)
    console.print(_changes(f"Assumptions that differ ({len(values)})", values, first.name, second.name))
    if not everything:
        figures = [c for c in figures if c.relative is None or abs(c.relative) >= 0.01]  # noqa: PLR2004 - one percent
    console.print(_changes(f"Figures that moved ({len(figures)})", figures, first.name, second.name))
    for side, links in zip((first, second), only, strict=True):
        if links:
            console.print(f"built only in {side.name}: {', '.join(links)}", markup=False)


def _changes(title: str, changes: list[Any], first: str, second: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("name", first, second, "change"):
        table.add_column(name, justify="left" if name == "name" else "right", overflow="fold")
    for change in changes:
        moved = "" if change.relative is None else f"{change.relative:+.1%}"
        table.add_row(change.id, show(change.before, change.unit), show(change.after, change.unit), moved)
    return table


@study.command(
    epilog="Examples: darwaza study explain economics.eirr; "
    "darwaza study explain 'latency.UZ.*'; darwaza study explain member.UZ.price"
)
@click.argument("value")
@click.option(
    "--scenario",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("profiles/carec/study.toml"),
    show_default=True,
    help="File of the study.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder of an earlier run; its stages are read instead of run again.",
)
@click.option("--all", "everything", is_flag=True, help="Every input, however many.")
@_json_option
def explain(value: str, scenario: Path, out: Path | None, *, everything: bool, as_json: bool) -> None:
    """Show where VALUE comes from: method, inputs, their ranges, lines and sources. Patterns with * work."""
    with answering(as_json=as_json):
        from darwaza.study.run import study as work  # noqa: PLC0415 - heavy libraries
        from darwaza.study.scenario.load import load  # noqa: PLC0415
        from darwaza.study.trace import explain as trace  # noqa: PLC0415

        read = load(scenario)
        result = None
        if value not in read.values:
            with progress_bars(quiet=as_json) as tell:
                result = work(read, out or CACHE / read.digest[:16], progress=tell)
        found = trace(value, read, result)
    if as_json:
        click.echo(json.dumps([asdict(item) for item in found], indent=1))
        return
    console = Console(highlight=False)
    for item in found:
        console.print(_tree(item, everything=everything))
        _print_sources(console, item, scenario)


def _print_sources(console: Console, item: Any, scenario: Path) -> None:
    from darwaza.study.trace import sources_of  # noqa: PLC0415 - heavy libraries

    sources = sources_of(item)
    if item.line:
        console.print(f"{scenario}:{item.line}", markup=False)
    for source in list(sources.values())[:SOURCES_SHOWN]:
        console.print(
            f"  [{source.confidence}] {source.id}: {source.title} {source.date} {source.url}",
            markup=False,
            soft_wrap=True,
        )


def _tree(item: Any, *, everything: bool) -> Tree:
    tree = Tree(_line(item), guide_style="dim")
    shown = item.inputs if everything else item.inputs[:INPUTS_SHOWN]
    for part in shown:
        tree.add(_tree(part, everything=everything))
    if len(item.inputs) > len(shown):
        tree.add(f"and {len(item.inputs) - len(shown)} more (--all)")
    return tree


def _line(item: Any) -> str:
    text = f"[bold]{item.id}[/bold] = {show(item.value, item.unit)}"
    if item.low is not None:
        text += (
            f" ({show(item.low, item.unit)} to {show(item.high, item.unit)}; source "
            f"{item.source.id if item.source else '-'})"
        )
    return text + (f": {item.method}" if item.method else "")


def show(value: float | None, unit: str) -> str:
    """A number with its unit, as people write it."""
    if value is None:
        return "none"
    if unit == "USD":
        return f"{value / 1e6:,.2f} MUSD" if abs(value) >= 1e5 else f"{value:,.0f} USD"  # noqa: PLR2004 - the unit changes
    if unit == "1/year":
        return f"{value * 100:.2f} %/year"
    if unit == "USD/(Gbit/s)/year":
        return f"{value / 12_000:,.2f} USD/(Mbit/s)/month"
    return f"{value:,.4g}" + ("" if unit == "1" else f" {unit}")


if __name__ == "__main__":
    study()
