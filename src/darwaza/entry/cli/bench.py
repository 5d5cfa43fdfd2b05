"""darwaza bench: figures of this machine, made by real gateways."""

import click
from rich.table import Table

from darwaza.entry.bench import link as link_bench
from darwaza.entry.bench import transit as transit_bench
from darwaza.entry.cli.output import console, errors, json_option, reports_errors, show


@click.group()
def bench() -> None:
    """Measure this machine: real processes, TLS, and a disk that is really written to."""


@bench.command(epilog="Example: darwaza bench link --messages 50000 --json")
@click.option("--messages", default=60_000, show_default=True, help="Messages to send in bulk while measuring.")
@click.option("--prefill", default=0, show_default=True, help="Messages to send before, to measure a long log.")
@click.option("--seconds", default=8.0, show_default=True, help="Length of the run at a steady rate.")
@json_option
@reports_errors
def link(messages: int, prefill: int, seconds: float, *, as_json: bool) -> None:
    """Two gateways and the load on this machine: messages a second, latency, memory, CPU by stage."""
    figures = link_bench.measure(
        messages=messages, prefill=prefill, seconds=seconds, report=lambda line: errors.print(f"[dim]{line} …[/]")
    )

    def human() -> None:
        table = Table(show_header=False, box=None)
        table.add_row("delivered, in bulk", f"{figures.messages_per_s:,} /s")
        table.add_row("delivered, singly", f"{figures.singly_per_s:,} /s")
        table.add_row(f"latency at {link_bench.PACED_PER_S:,}/s", f"p50 {figures.p50_ms} ms, p99 {figures.p99_ms} ms")
        table.add_row("memory of a gateway", f"{figures.rss_mb} MB")
        table.add_row("start", f"{figures.start_s} s with {figures.in_log + figures.messages:,} messages and more")
        table.add_row("evidence of a message", f"{figures.proof_ms} ms")
        for name, micros in figures.cpu_us_per_message.items():
            table.add_row(f"CPU {name}", f"{micros} µs a message")
        console.print(table)

    show(figures, as_json=as_json, human=human)


@bench.command(epilog="Example: darwaza bench transit --movements 5000 --json")
@click.option("--movements", default=5_000, show_default=True, help="Movements to accept, act on and divert.")
@json_option
@reports_errors
def transit(movements: int, *, as_json: bool) -> None:
    """One gateway's movements: events a second, a scan, diverting them all, QR codes of a large paper."""
    figures = transit_bench.measure(movements=movements, report=lambda line: errors.print(f"[dim]{line} …[/]"))

    def human() -> None:
        table = Table(show_header=False, box=None)
        table.add_row("events", f"{figures.events_per_s:,} /s")
        table.add_row("scan and decide", f"p99 {figures.scan_ms_p99} ms")
        table.add_row("divert", f"{figures.divert_s} s for {figures.movements:,}")
        table.add_row("QR codes", f"{figures.qr_codes} for 100 goods items")
        console.print(table)

    show(figures, as_json=as_json, human=human)
