"""darwaza documents: send, list, show, get, accept, refuse."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from darwaza.client.answer.gateway import DocumentView
from darwaza.client.sealing import is_sealed
from darwaza.entry.cli.connection import Connection, connection_options
from darwaza.entry.cli.output import console, json_option, reports_errors, show, show_file, transfer_bar
from darwaza.entry.cli.sealing import read_keys, trust_options, verified_card


@click.group()
def documents() -> None:
    """Registered delivery: send a document to a party in another country and get signed receipts."""


def _row(view: DocumentView) -> str:
    title = view["manifest"]["title"] if "manifest" in view else ""
    return f"{view['id']}  {view['stage']:12} {view['sender']:20} → {view['recipient']:20} {title}"


def _show_document(view: DocumentView) -> None:
    console.print(_row(view))
    manifest = view.get("manifest")
    if manifest:
        console.print(f"   {manifest['filename']}  {manifest['media_type']}  {manifest['bytes']:,} bytes")
        if is_sealed(view):
            console.print("   sealed to the recipient's own key: bytes and digest are those of the sealed document")
        console.print(f"   sha256 {manifest['digest']}")
    if view.get("code"):
        console.print(f"   {view['code']}: {view.get('detail', '')}")
    for message in view.get("messages", ()):
        signed = "signed by both" if message.get("delivered") else "waiting for the receipt"
        console.print(f"   {message['created_at']}  {message['kind']:24} {message['id']}  {signed}")


@documents.command(
    epilog="Example: darwaza documents send invoice.pdf --gateway pk --as fbr --to UZ/customs --title 'Invoice 17'; "
    "sealed to the recipient's own key: darwaza documents send invoice.pdf --gateway pk --as fbr --to UZ/customs "
    "--seal-to recipient"
)
@connection_options("")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--to", required=True, help="Full address of the recipient, such as UZ/customs.")
@click.option("--title", default="", help="For people; the file's name if not given.")
@click.option("--media-type", default="", help="Guessed from the file's name if not given.")
@click.option("--ucr", help="Consignment it belongs to.")
@click.option("--path-policy", default="", help="Which members may carry it: 'avoid AF; hops 3'.")
@click.option("--no-wait", is_flag=True, help="Refuse it at once when every allowed path is down.")
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="When it need not be handed over any more."
)
@click.option("--key", help="Idempotency key: give the same one to repeat after a failure.")
@click.option(
    "--seal-to",
    metavar="CARD",
    help="Seal it on this machine to the recipient's own key, so that no gateway can read it: the file of its sealing "
    "card, or 'recipient' to ask its gateway for the card now.",
)
@click.option(
    "--sealed",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the sealed bytes in this file, to repeat with the same --key after a failure.",
)
@trust_options
@json_option
@reports_errors
def send(file: Path, to: str, *, as_json: bool, **options: Any) -> None:
    """Send FILE."""
    with (
        Connection.chosen(options).client() as client,
        transfer_bar(quiet=as_json) as progress,
    ):
        card = None
        if options["seal_to"] is not None:
            card = verified_card(client, options["seal_to"], to, options)
        task = progress.add_task("sending", total=file.stat().st_size)
        sent = client.send_document(
            file,
            to=to,
            title=options["title"],
            media_type=options["media_type"],
            ucr=options["ucr"],
            expires_at=options["expires"],
            path_policy=options["path_policy"],
            waits=not options["no_wait"],
            key=options["key"],
            progress=lambda done, total: progress.update(task, completed=done, total=total),
            seal_to=card,
            sealed=options["sealed"],
        )
    told = sent if card is None else {**sent, "sealed_to": card.fingerprint}
    show(told, as_json=as_json, human=lambda: console.print(f"{sent['id']}  {sent['state']}"))


@documents.command(name="list", epilog="Example: darwaza documents list --gateway uz --as customs --state arrived")
@connection_options("")
@click.option("--with", "with_", help="Address of the other side.")
@click.option("--state", help="Only at this stage, such as accepted, delivered or arrived.")
@click.option("--ucr", help="Only of this consignment.")
@click.option("--since", help="Opened at or after this instant, RFC 3339.")
@click.option("--before", help="Opened before this instant, RFC 3339.")
@json_option
@reports_errors
def list_command(*, as_json: bool, **options: Any) -> None:
    """List documents, newest first."""
    filters = {name: options[name] for name in ("with_", "state", "ucr", "since", "before")}
    with Connection.chosen(options).client() as client:
        if as_json:
            show(list(client.documents(**filters)), as_json=True, human=lambda: None)
            return
        for view in client.documents(**filters):
            console.print(_row(view))


@documents.command(name="show", epilog="Example: darwaza documents show 0190… --gateway pk --as fbr")
@connection_options("")
@click.argument("document")
@json_option
@reports_errors
def show_command(document: str, *, as_json: bool, **options: Any) -> None:
    """Show DOCUMENT: its stage, receipts and messages."""
    with Connection.chosen(options).client() as client:
        view = client.document(document)
    show(view, as_json=as_json, human=lambda: _show_document(view))


@documents.command(
    epilog="Example: darwaza documents get 0190… --gateway uz --as customs -o invoice.pdf; "
    "a sealed one: darwaza documents get 0190… --gateway uz --as customs --key customs.key -o invoice.pdf"
)
@connection_options("")
@click.argument("document")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your sealing key, to open a sealed document on this machine; give former ones too for older documents.",
)
@json_option
@reports_errors
def get(document: str, output: Path, *, keys: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Download DOCUMENT and hold it against the digest that was signed; open it if it is sealed and a key is given.

    A download that was broken off goes on where it ended: give the same command again.
    """
    secrets = read_keys(keys)
    with Connection.chosen(options).client() as client, transfer_bar(quiet=as_json) as progress:
        task = progress.add_task("fetching", total=None)
        show_done = partial(progress.update, task)
        client.download(
            document, output, keys=secrets, progress=lambda done, total: show_done(completed=done, total=total)
        )
    show_file(output, as_json=as_json)


@documents.command(epilog="Example: darwaza documents accept 0190… --gateway uz --as customs")
@connection_options("")
@click.argument("document")
@json_option
@reports_errors
def accept(document: str, *, as_json: bool, **options: Any) -> None:
    """Take DOCUMENT over: its sender gets the receipt."""
    with Connection.chosen(options).client() as client:
        done = client.accept(document)
    show(done, as_json=as_json, human=lambda: console.print(f"{document}  {done['state']}"))


@documents.command(epilog="Example: darwaza documents refuse 0190… --gateway uz --as customs --reason 'not for us'")
@connection_options("")
@click.argument("document")
@click.option("--reason", required=True, help="One sentence; the sender reads it.")
@json_option
@reports_errors
def refuse(document: str, reason: str, *, as_json: bool, **options: Any) -> None:
    """Refuse DOCUMENT: its sender gets the reason."""
    with Connection.chosen(options).client() as client:
        done = client.refuse(document, reason)
    show(done, as_json=as_json, human=lambda: console.print(f"{document}  {done['state']}"))
