"""darwaza bench: figures of this machine, made by real gateways."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from darwaza.entry.bench import ledger as ledger_bench
from darwaza.entry.bench import link as link_bench
from darwaza.entry.bench import payments as payments_bench
from darwaza.entry.bench import route as route_bench
from darwaza.entry.bench import transit as transit_bench
from darwaza.entry.cli.output import console, errors, json_option, reports_errors, show
from darwaza.entry.cli.study import answering, progress_bars

REFRESH_PER_S = 1
"""So often the bars are drawn: drawing takes from the processors that are measured."""


@click.group()
def bench() -> None:
    """Measure this machine: real processes, TLS, and a disk that is really written to."""


@contextmanager
def _phases() -> Iterator[Callable[[str], None]]:
    """Give what says which phase begins, or how far one is: a line each, on a terminal a bar with its time."""
    if not errors.is_terminal:
        yield lambda line: errors.print(f"[dim]{line} …[/]")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, refresh_per_second=REFRESH_PER_S) as bars:
        begun: dict[str, TaskID] = {}

        def tell(line: str) -> None:
            name = line.partition(":")[0]
            if name in begun:
                bars.update(begun[name], description=line)
                return
            for one in begun.values():
                bars.update(one, total=1, completed=1)
            begun[name] = bars.add_task(line, total=None)

        yield tell


def _add_spent(table: Table, run: str, spent: dict[str, float], item: str) -> None:
    """Put what each process and stage spent in a run into a table."""
    for name, micros in spent.items():
        table.add_row(f"CPU {run}: {name}", f"{micros} µs a {item}")


postgres_option = click.option(
    "--postgres", is_flag=True, help="Keep each store on a PostgreSQL server of its own, started for the run."
)


@bench.command(epilog="Example: darwaza bench link --messages 50000 --json")
@click.option("--messages", default=60_000, show_default=True, help="Messages to send in bulk while measuring.")
@click.option("--log", "in_log", default=0, show_default=True, help="Messages to send before, to measure a long log.")
@click.option("--seconds", default=8.0, show_default=True, help="Length of the run at a steady rate.")
@postgres_option
@json_option
@reports_errors
def link(messages: int, in_log: int, seconds: float, *, postgres: bool, as_json: bool) -> None:
    """Two gateways and the load on this machine: messages a second, latency, memory, CPU by stage."""
    with _phases() as report:
        figures = link_bench.measure(
            messages=messages, in_log=in_log, seconds=seconds, postgres=postgres, report=report
        )

    def human() -> None:
        table = Table(show_header=False, box=None)
        table.add_row("delivered, in bulk", f"{figures.messages_per_s:,} /s")
        table.add_row("delivered, singly", f"{figures.singly_per_s:,} /s")
        table.add_row(f"latency at {link_bench.PACED_PER_S:,}/s", f"p50 {figures.p50_ms} ms, p99 {figures.p99_ms} ms")
        table.add_row("memory of a gateway", f"{figures.rss_mb} MB")
        table.add_row("start", f"{figures.start_s} s with {figures.in_log + figures.messages:,} messages and more")
        table.add_row("evidence of a message", f"{figures.proof_ms} ms")
        _add_spent(table, "first", figures.cpu_us_per_message_first, "message")
        _add_spent(table, "bulk", figures.cpu_us_per_message, "message")
        _add_spent(table, "singly", figures.cpu_us_per_message_singly, "message")
        _add_spent(table, "paced", figures.cpu_us_per_message_paced, "message")
        console.print(table)

    show(figures, as_json=as_json, human=human)


@bench.command(epilog="Example: darwaza bench route --json")
@click.option("--seconds", default=18.0, show_default=True, help="Length of each run; in the second a relay is killed.")
@click.option("--messages", default=10_000, show_default=True, help="Messages to hand through one relay.")
@json_option
@reports_errors
def route(seconds: float, messages: int, *, as_json: bool) -> None:
    """Eight gateways: what a relay adds; and one that is killed while it relays: switching, nothing lost."""
    with _phases() as report:
        figures = route_bench.measure(seconds=seconds, messages=messages, report=report)

    def human() -> None:
        table = Table(show_header=False, box=None)
        table.add_row("path before, after", f"{'-'.join(figures.path)}, {'-'.join(figures.path_after)}")
        table.add_row("a relay adds", f"p50 {figures.relay_ms_p50} ms, by round {figures.relay_ms_rounds}")
        table.add_row("arrives: one link, whole path", f"p50 {figures.direct_ms_p50} ms, {figures.path_ms_p50} ms")
        table.add_row("one relay", f"{figures.relay_messages_per_s:,} /s, {figures.relay_cpu_us} µs of CPU a message")
        table.add_row("longest delay after the kill", f"{figures.switch_s} s")
        table.add_row("lost, doubled", f"{figures.lost}, {figures.doubled} of {figures.switched:,}")
        table.add_row("path among 1,000 links", f"{figures.choose_ms} ms")
        console.print(table)

    show(figures, as_json=as_json, human=human)


@bench.command(epilog="Example: darwaza bench transit --movements 5000 --json")
@click.option("--movements", default=5_000, show_default=True, help="Movements to accept, act on and divert.")
@json_option
@reports_errors
def transit(movements: int, *, as_json: bool) -> None:
    """One gateway's movements: events a second, a scan, diverting them all, QR codes of a large paper."""
    with _phases() as report:
        figures = transit_bench.measure(movements=movements, report=report)

    def human() -> None:
        table = Table(show_header=False, box=None)
        table.add_row("events through HTTP", f"{figures.events_per_s:,} /s, {figures.cpu_us_per_event} µs of CPU")
        table.add_row("events in process", f"{figures.events_in_process_per_s:,} /s")
        table.add_row("scan and decide", f"p99 {figures.scan_ms_p99} ms")
        table.add_row("divert", f"{figures.divert_s} s for {figures.movements:,}")
        table.add_row("QR codes", f"{figures.qr_codes} for 100 goods items")
        console.print(table)

    show(figures, as_json=as_json, human=human)


@bench.command(epilog="Example: darwaza bench ledger --accounts 1000000 --json")
@click.option("--accounts", default=10_000, show_default=True, help="Accounts that cold transfers are spread over.")
@click.option("--transfers", default=200_000, show_default=True, help="Transfers of each run.")
@postgres_option
@json_option
@reports_errors
def ledger(accounts: int, transfers: int, *, postgres: bool, as_json: bool) -> None:
    """The ledger on a disk: durable transfers a second, over many accounts and over six."""
    with _phases() as report:
        figures = ledger_bench.measure(accounts=accounts, transfers=transfers, postgres=postgres, report=report)

    def human() -> None:
        hot = ledger_bench.HOT_ACCOUNTS
        table = Table(show_header=False, box=None)
        table.add_row(f"transfers over {accounts:,} accounts", f"{figures.transfers_per_s:,} /s")
        table.add_row(f"transfers over {hot} accounts", f"{figures.hot_transfers_per_s:,} /s")
        table.add_row(f"holds and postings over {accounts:,} accounts", f"{figures.hold_post_per_s:,} /s")
        table.add_row(f"holds and postings over {hot} accounts", f"{figures.hot_hold_post_per_s:,} /s")
        for run, micros in figures.cpu_us_per_transfer.items():
            table.add_row(f"CPU: {run}", f"{micros} µs a transfer")
        console.print(table)

    show(figures, as_json=as_json, human=human)


@bench.command(epilog="Example: darwaza bench payments --payments 30000 --accounts 1000000 --json")
@click.option("--payments", default=20_000, show_default=True, help="Payments of each run but the paced one.")
@click.option("--seconds", default=8.0, show_default=True, help="Length of the run at a steady rate.")
@click.option("--accounts", default=10_000, show_default=True, help="Accounts in each ledger, and customers' accounts.")
@postgres_option
@json_option
@reports_errors
def payments(payments: int, seconds: float, accounts: int, *, postgres: bool, as_json: bool) -> None:
    """Two gateways and the load on this machine: settled payments a second, latency, bulk, memory, CPU by stage."""
    with _phases() as report:
        figures = payments_bench.measure(
            payments=payments, seconds=seconds, accounts=accounts, postgres=postgres, report=report
        )

    def human() -> None:
        pace = f"latency at {payments_bench.PACED_PER_S:,}/s"
        table = Table(show_header=False, box=None)
        urgent, ordinary = figures.payments_per_order, figures.payments_per_order_ordinary
        table.add_row("settled, urgent", f"{figures.payments_per_s:,} /s, {urgent} to an order")
        table.add_row("settled, ordinary", f"{figures.ordinary_per_s:,} /s, {ordinary} to an order")
        table.add_row("settled, in bulk", f"{figures.bulk_per_s:,} /s")
        table.add_row(pace, f"p50 {figures.p50_ms} ms, p99 {figures.p99_ms} ms")
        table.add_row("memory of a gateway", f"{figures.rss_mb} MB with {figures.accounts:,} accounts")
        _add_spent(table, "urgent", figures.cpu_us_per_payment, "payment")
        _add_spent(table, "ordinary", figures.cpu_us_per_payment_ordinary, "payment")
        _add_spent(table, "paced", figures.cpu_us_per_payment_paced, "payment")
        _add_spent(table, "bulk", figures.cpu_us_per_payment_bulk, "payment")
        console.print(table)

    show(figures, as_json=as_json, human=human)


@bench.command(
    epilog="Examples: darwaza bench study --json; darwaza bench study --instances ../shared/data/sndlib --only dfn-gwin"
)
@click.option(
    "--scenario",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("profiles/carec/study.toml"),
    show_default=True,
    help="The study timed end to end.",
)
@click.option(
    "--instances",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="DARWAZA_SNDLIB",
    default=None,
    help="Folder of SNDlib instances (NAME/NAME.txt and model files); left out when not given.",
)
@click.option("--time-limit", type=float, default=300.0, show_default=True, help="Seconds per SNDlib solve.")
@click.option(
    "--only",
    multiple=True,
    help="carec, monte_carlo, synthetic, an instance by name (dfn-gwin, pdh:D-B-M, newyork:D-B-M+: hours to prove).",
)
@json_option
def study(scenario: Path, instances: Path | None, time_limit: float, only: tuple[str, ...], *, as_json: bool) -> None:
    """The corridor study, its Monte Carlo, SNDlib instances against the plainest model, a synthetic network."""
    if instances is None:
        errors.print("SNDlib instances are left out: name their folder with --instances", style="dim")
    with answering(as_json=as_json):
        from darwaza.study.bench import measure  # noqa: PLC0415 - heavy libraries

        with progress_bars(quiet=as_json) as tell:
            found = measure(scenario, instances, time_limit_s=time_limit, only=frozenset(only), progress=tell)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        console.print(_study_table(found))


def _study_table(found: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("what", "seconds", "plain model", "gap", "note"):
        table.add_column(name, justify="left" if name in {"what", "note"} else "right")
    if "carec_s" in found:
        table.add_row("study end to end", f"{found['carec_s']:.1f}", "", "", "")
    if "monte_carlo_s" in found:
        table.add_row("10,000 Monte Carlo runs", f"{found['monte_carlo_s']:.2f}", "", "", "")
    for name, row in found.get("sndlib", {}).items():
        gap = "none found" if row["gap"] is None else f"{row['gap']:.2%}"
        known = f"known {row['known']:,.1f}" if row["known"] else f"within {row['within']}" if row["within"] else ""
        objective = "-" if row["objective"] is None else f"{row['objective']:,.1f}"
        table.add_row(name, f"{row['seconds']:.1f}", f"{row['plain_seconds']:.1f}", gap, f"{objective} {known}")
    if "synthetic" in found:
        row = found["synthetic"]
        size = f"{row['sites']:,} sites, {row['links']:,} links, {row['demands']:,} demands"
        table.add_row("heuristic", f"{row['seconds']:.1f}", "", f"{row['gap']:.2%}", size)
    return table
