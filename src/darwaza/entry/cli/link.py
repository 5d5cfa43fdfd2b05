"""darwaza link: show, export, import, quarantine, proofs, resume, settlements."""

from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from darwaza.config import BATCH_BYTES_MAX
from darwaza.entry.cli.connection import Connection, connection_options
from darwaza.entry.cli.output import REFUSED, console, json_option, reports_errors, show, transfer_bar
from darwaza.kernel import carrier
from darwaza.kernel.naming import Lane
from darwaza.kernel.settlement import WITHDRAWN


@click.group()
def link() -> None:
    """Links with neighbours: how they do, carrying them by file when the network is down, and what stopped."""


@link.command(name="show", epilog="Example: darwaza link show --gateway pk")
@connection_options("operator")
@json_option
@reports_errors
def show_command(
    folder: Path | None,
    url: str | None,
    party: str,
    token_file: Path | None,
    certificate: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show how every link does."""
    with Connection(folder, url, party, token_file, certificate).client() as client:
        links = client.operator.links()

    def human() -> None:
        for one in links:
            left = "  this is no link of the corridor any more" if one["state"] == "left" else ""
            console.print(f"{one['peer']:8} {one['state']:11} {one['queue']:>8,} waiting{left}")
            for lane in one["lanes"]:
                fault = lane["halted"] or lane["fault"]
                console.print(
                    f"   lane {lane['lane']}: sent {lane['sent']:,}, delivered {lane['delivered']:,},"
                    f" received {lane['received']:,}, {lane['round_trip_ms']} ms {fault}"
                )

    show(links, as_json=as_json, human=human)


@link.command(name="export", epilog="Example: darwaza link export --gateway pk UZ -o to-uz.carrier")
@connection_options("operator")
@click.argument("peer")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@json_option
@reports_errors
def export(
    folder: Path | None,
    url: str | None,
    party: str,
    token_file: Path | None,
    certificate: Path | None,
    peer: str,
    output: Path,
    *,
    as_json: bool,
) -> None:
    """Write what PEER has not acknowledged, and acknowledgements of what it sent, to a file for a stick."""
    with (
        Connection(folder, url, party, token_file, certificate).client() as client,
        transfer_bar(quiet=as_json) as progress,
    ):
        task = progress.add_task("exporting", total=None)
        size = client.operator.export_carrier(
            peer, output, progress=lambda done, _: progress.update(task, completed=done)
        )
    show(
        {"file": str(output), "bytes": size}, as_json=as_json, human=lambda: console.print(f"{output}: {size:,} bytes")
    )


@link.command(name="import", epilog="Example: darwaza link import --gateway uz to-uz.carrier")
@connection_options("operator")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
@reports_errors
def import_command(
    folder: Path | None,
    url: str | None,
    party: str,
    token_file: Path | None,
    certificate: Path | None,
    file: Path,
    *,
    as_json: bool,
) -> None:
    """Take a carrier FILE. Taking it twice, or after the network is back, changes nothing."""
    total: dict[str, Any] = {"taken": 0, "acknowledged": 0, "early": 0, "refused": []}
    with (
        Connection(folder, url, party, token_file, certificate).client() as client,
        file.open("rb") as source,
        Progress(console=console, transient=True, disable=as_json or not console.is_terminal) as progress,
    ):
        task = progress.add_task("importing", total=file.stat().st_size)
        for report in client.operator.import_carrier(carrier.split(source, BATCH_BYTES_MAX)):
            for name, value in report.items():
                total[name] += value
            progress.update(task, completed=source.tell())

    def human() -> None:
        console.print(
            f"{total['taken']} batch(es) taken, {total['acknowledged']} acknowledgement(s), {total['early']} too early"
        )
        for line in total["refused"]:
            console.print(f"refused: {line}")

    show(total, as_json=as_json, human=human)
    if total["refused"]:
        raise SystemExit(REFUSED)


@link.command(epilog="Example: darwaza link quarantine --gateway uz")
@connection_options("operator")
@json_option
@reports_errors
def quarantine(*, as_json: bool, **options: Any) -> None:
    """List messages that were put aside: kept, signed for, and acted on by nobody. The link goes on without them."""
    with Connection.chosen(options).client() as client:
        found = client.operator.quarantine()

    def human() -> None:
        for one in found:
            console.print(f"{one['at']}  {one['log']} {one['index']:,}  {one['code']}: {one['detail']}", markup=False)
        if not found:
            console.print("Nothing is in quarantine.")

    show(found, as_json=as_json, human=human)


@link.command(epilog="Example: darwaza link proofs --gateway uz -o proofs")
@connection_options("operator")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write them to."
)
@json_option
@reports_errors
def proofs(output: Path, *, as_json: bool, **options: Any) -> None:
    """Write the proofs that somebody signed two histories, a file each; darwaza evidence verify reads them."""
    with Connection.chosen(options).client() as client:
        found = client.operator.fork_proofs()
    output.mkdir(parents=True, exist_ok=True)
    files = [output / f"fork-{number}.json" for number in range(1, len(found) + 1)]
    for path, proof in zip(files, found, strict=True):
        path.write_bytes(proof)
    human = "\n".join(map(str, files)) or "There is no proof of a fork."
    show({"files": list(map(str, files))}, as_json=as_json, human=lambda: console.print(human, markup=False))


@link.command(epilog='Example: darwaza link resume --gateway uz PK --reason "an old disk was put back, letter 17"')
@connection_options("operator")
@click.argument("peer")
@click.option("--reason", default="", help="What people decided; it is put on record for both sides.")
@json_option
@reports_errors
def resume(peer: str, reason: str, *, as_json: bool, **options: Any) -> None:
    """Let the link with PEER go on that was stopped, after people at both ends have agreed to.

    What both have signed stands. What this gateway signed beside it is withdrawn and sent anew, behind.
    """
    with Connection.chosen(options).client() as client:
        origin = Lane(client.corridor()["name"], client.health()["member"], peer, 0).origin
        done = client.operator.resume(origin, reason=reason)
    show(done, as_json=as_json, human=lambda: console.print(f"{peer}: goes on from {done['cosigned_size']:,}"))


@link.command(epilog="Example: darwaza link settlements --gateway uz")
@connection_options("operator")
@json_option
@reports_errors
def settlements(*, as_json: bool, **options: Any) -> None:
    """List how links went on of which two histories were found, as the operators of both sides put it on record."""
    with Connection.chosen(options).client() as client:
        found = client.operator.settlements()

    def human() -> None:
        for one in found:
            past = f", {one['withdrawn']:,} past it withdrawn" if one["act"] == WITHDRAWN else ""
            console.print(f"{one['at']}  {one['log']}: {one['act']} by {one['by']}", markup=False)
            console.print(f"   agreed {one['agreed_size']:,}{past}; message {one['message_id']}", markup=False)
            if one["reason"]:
                console.print(f"   {one['reason']}", markup=False)
        if not found:
            console.print("No fork was settled.")

    show(found, as_json=as_json, human=human)
