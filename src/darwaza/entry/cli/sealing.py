"""darwaza sealing: new, publish, withdraw, card, show; and what other commands need to seal and to open."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from darwaza.adapters.keyfile.keys import read_secret, write_secret
from darwaza.adapters.system.clock import SystemClock, SystemEntropy
from darwaza.bootstrap import ANCHOR_FILE, CORRIDOR_FOLDER
from darwaza.client import Client
from darwaza.entry.cli.connection import Connection, connection_options
from darwaza.entry.cli.output import console, json_option, reports_errors, show
from darwaza.errors import ConflictError, OperatorError
from darwaza.kernel.key import SEED_BYTES
from darwaza.kernel.reference import Reference
from darwaza.kernel.seal import UnsealKey
from darwaza.kernel.sealcard import CARD_LIFE_S_MAX, SealingCard, fingerprint, verify

F = TypeVar("F", bound=Callable[..., Any])
RECIPIENT = "recipient"
DAYS_MAX = CARD_LIFE_S_MAX // 86_400


def trust_options(command: F) -> F:
    """Options that say by which corridor document a sealing card is verified."""
    there = click.Path(path_type=Path, dir_okay=False, exists=True)
    for option in (
        click.option("--anchor", help="Digest of a version of it that you know by other means."),
        click.option(
            "--corridor",
            "notes",
            multiple=True,
            type=there,
            help="The corridor document by which the sealing card is verified; those in the gateway's folder without.",
        ),
    ):
        command = option(command)
    return command


def _reference(options: dict[str, Any], now: datetime) -> Reference:
    """The corridor documents to go by.

    Raises:
        OperatorError: ``corridor_missing``.
    """
    notes, anchor, folder = options["notes"], options["anchor"], options.get("folder")
    if not notes and folder is not None:
        notes = sorted((folder / CORRIDOR_FOLDER).glob("*.note"))
        if anchor is None and (folder / CORRIDOR_FOLDER / ANCHOR_FILE).exists():
            anchor = (folder / CORRIDOR_FOLDER / ANCHOR_FILE).read_text("ascii").strip()
    if not notes:
        detail = "say by which corridor document the sealing card is verified: --corridor FILE"
        raise OperatorError(detail, code="corridor_missing")
    return Reference.read([path.read_bytes() for path in notes], anchor, now)


def verified_card(client: Client, named: str, to: str, options: dict[str, Any]) -> SealingCard:
    """The verified sealing card of a recipient, from a file or asked for now.

    Raises:
        DarwazaError: see ``sealcard.verify``.
        ConflictError: ``sealing_card_other_party``.
        OperatorError: ``sealing_card_missing``: there is no such file.
    """
    now = SystemClock().now()
    reference = _reference(options, now)
    raw = client.sealing.card_of(to) if named == RECIPIENT else _read_card(Path(named))
    return _of_party(verify(raw, reference.latest, now), to)


def _of_party(card: SealingCard, party: str) -> SealingCard:
    if card.party != party:
        raise ConflictError(f"the sealing card is of {card.party}, not of {party}", code="sealing_card_other_party")
    return card


def _read_card(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise OperatorError(f"the sealing card {path} cannot be read: {fault}", code="sealing_card_missing") from fault


def read_keys(paths: Iterable[Path]) -> list[UnsealKey]:
    """Read private sealing keys.

    Raises:
        OperatorError: ``key_missing``, ``key_exposed``, ``key_malformed``.
    """
    return [UnsealKey.of(read_secret(path)) for path in paths]


@click.group()
def sealing() -> None:
    """Your own sealing key: documents sealed to it are read by you alone, and by no gateway, not even your own."""


@sealing.command(epilog="Example: darwaza sealing new customs.key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@reports_errors
def new(file: Path, *, as_json: bool) -> None:
    """Make a private sealing key in FILE, on this machine; it never leaves it.

    Keep a copy in a safe place: what is sealed to a lost key can be read by nobody.
    Keep former keys too, for the documents that were sealed to them.
    """
    write_secret(file, SystemEntropy().random(SEED_BYTES).hex() + "\n")
    print_of = fingerprint(read_keys([file])[0].public)

    def human() -> None:
        console.print(f"{file}: fingerprint {print_of}")
        console.print("Next: darwaza sealing publish " + str(file) + " --gateway … --as …")

    show({"file": str(file), "fingerprint": print_of}, as_json=as_json, human=human)


@sealing.command(epilog="Example: darwaza sealing publish customs.key --gateway uz --as customs --days 365")
@connection_options("")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=365, show_default=True, help="How long it is used.")
@json_option
@reports_errors
def publish(file: Path, days: int, *, as_json: bool, **options: Any) -> None:
    """Publish the public half of the key in FILE at your gateway, in place of the former one.

    The gateway signs that it is yours; senders of other members get it from there.
    """
    public = read_keys([file])[0].public
    expires_at = SystemClock().now().replace(microsecond=0) + timedelta(days=days)
    with Connection.chosen(options).client() as client:
        done = client.sealing.publish(public, expires_at)
    show(
        done,
        as_json=as_json,
        human=lambda: console.print(f"{done['party']}: fingerprint {done['fingerprint']} until {done['expires_at']}"),
    )


@sealing.command(epilog="Example: darwaza sealing withdraw --gateway uz --as customs")
@connection_options("")
@json_option
@reports_errors
def withdraw(*, as_json: bool, **options: Any) -> None:
    """Publish no key any more: nobody new gets it. Cards that were given out hold until they expire."""
    with Connection.chosen(options).client() as client:
        client.sealing.withdraw()
    show({"withdrawn": True}, as_json=as_json, human=lambda: console.print("no sealing key is published any more"))


@sealing.command(
    epilog="Example: darwaza sealing card --of UZ/customs --gateway pk --as fbr -o customs.card; "
    "your own: darwaza sealing card --gateway uz --as customs -o customs.card"
)
@connection_options("")
@click.option("--of", help="Full address of a party of another member; your own card without it.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@trust_options
@json_option
@reports_errors
def card(of: str | None, output: Path, *, as_json: bool, **options: Any) -> None:
    """Get a sealing card, verify it, and write it to a file that can go by mail or on a stick."""
    now = SystemClock().now()
    reference = _reference(options, now)
    with Connection.chosen(options).client() as client:
        raw = client.sealing.card_of(of) if of else client.sealing.own()["card"].encode()
    found = verify(raw, reference.latest, now)
    if of:
        _of_party(found, of)
    output.write_bytes(raw)
    _show(found, reference, as_json=as_json)


@sealing.command(name="show", epilog="Example: darwaza sealing show customs.card --corridor 1.note --anchor 9f86…")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@trust_options
@json_option
@reports_errors
def show_command(file: Path, *, as_json: bool, **options: Any) -> None:
    """Verify the sealing card in FILE with no network, and show whose key it is.

    The card is only as true as that gateway: where much depends on it, compare the fingerprint with the party itself.
    """
    now = SystemClock().now()
    reference = _reference(options, now)
    _show(verify(file.read_bytes(), reference.latest, now), reference, as_json=as_json)


def _show(found: SealingCard, reference: Reference, *, as_json: bool) -> None:
    by = f"version {reference.latest.version} of the corridor document {reference.name}"
    told = {
        "party": found.party,
        "fingerprint": found.fingerprint,
        "issued_at": found.issued_at,
        "expires_at": found.expires_at,
        "corridor": reference.name,
        "version": reference.latest.version,
        "anchored": reference.anchored,
    }

    def human() -> None:
        console.print(f"{found.party}: fingerprint {found.fingerprint}")
        console.print(f"   from {found.issued_at:%Y-%m-%d %H:%M}Z until {found.expires_at:%Y-%m-%d %H:%M}Z")
        console.print(f"   signed by its gateway, by {by}" + ("" if reference.anchored else " (no anchor given)"))

    show(told, as_json=as_json, human=human)
