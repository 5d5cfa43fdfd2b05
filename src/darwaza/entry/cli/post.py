"""darwaza post: delegate, act, carry: what a border post does while its network is cut.

A post is a folder: its own key, its member's delegation, its office with the time zone, and the events it entered that
no gateway has taken yet. ``act`` works with no network and no gateway; what it enters travels as a file or as QR codes
and any gateway of the corridor takes it.
"""

import uuid
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import click
import msgspec

from darwaza.adapters.keyfile.account import write_private
from darwaza.adapters.system.clock import SystemClock, SystemEntropy
from darwaza.client import Client
from darwaza.entry.cli.connection import connection_options
from darwaza.entry.cli.form import body_options, open_client, read_body
from darwaza.entry.cli.output import REFUSED, console, json_option, reports_errors, show
from darwaza.entry.post import barcodes
from darwaza.errors import MalformedError, OperatorError
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.services.transit.message import COMMANDS, Event
from darwaza.services.transit.parts import PREFIX, join, split
from darwaza.services.transit.posted import Delegation, SignedDelegation
from darwaza.services.transit.posted import post as sign_event
from darwaza.standards.etir.wire import pointer_of

KEY, DELEGATION, OFFICE, QUEUE = "key", "delegation", "office.json", "queue"
KEY_BYTES = 32
_BODIES: dict[str, Any] = {kind: body for kind, body in COMMANDS.items() if body in get_args(Event)}
KINDS = tuple(sorted(_BODIES))
place_argument = click.argument("place", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))


class Post(msgspec.Struct, frozen=True):
    """The office of a post: its id and IANA time zone."""

    office: str
    zone: str


@click.group()
def post() -> None:
    """A border post whose network may be cut: enter acts alone, carry them to any gateway later."""


@post.command(epilog="Example: darwaza post delegate ./hairatan --office AFHRT --days 30 --gateway af --as customs")
@connection_options("")
@place_argument
@click.option("--office", required=True, help="The post's customs office.")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="For how long.")
@json_option
@reports_errors
def delegate(place: Path, *, as_json: bool, office: str, days: int, **options: Any) -> None:
    """Let the post in FOLDER speak for an office: while there is still a network, and again before the time is over."""
    place.mkdir(parents=True, exist_ok=True)
    if not (place / KEY).exists():
        write_private(place / KEY, SystemEntropy().random(KEY_BYTES))
    key = _key(place)
    now = SystemClock().now()
    with open_client(options) as client:
        known = _office(client, office)
        raw = client.transit.delegate(office, key.public.raw, now, now + timedelta(days=days))
    (place / DELEGATION).write_bytes(raw)
    (place / OFFICE).write_bytes(msgspec.json.encode(known))
    found = {"office": office, "zone": known.zone, "until": now + timedelta(days=days)}
    show(found, as_json=as_json, human=lambda: console.print(f"{place} speaks for {office} until {found['until']:%F}"))


@post.command(
    epilog="Example: darwaza post act ./hairatan start 0190… leg=1 operation=op-af sequence=2 --officer karimov"
)
@place_argument
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("movement")
@body_options
@click.option("--officer", default="officer", show_default=True, help="Who acts.")
@json_option
@reports_errors
def act(
    place: Path, kind: str, movement: str, fields: tuple[str, ...], *, as_json: bool, file: Path | None, officer: str
) -> None:
    """Enter KIND on MOVEMENT with no network: signed, queued in FOLDER, and written as QR codes beside it."""
    known, signed, key = _read(place)
    body = read_body(file, fields) | {"movement": movement, "stamp": _stamp(known, officer)}
    try:
        event: Event = msgspec.convert(body, _BODIES[kind])
    except msgspec.ValidationError as fault:
        raise MalformedError(str(fault), code="body_malformed", pointer=pointer_of(str(fault))) from fault
    raw = sign_event(event, signed, key.sign)
    queue = place / QUEUE
    queue.mkdir(exist_ok=True)
    path = queue / f"{event.stamp.at:%Y%m%dT%H%M%SZ}-{event.stamp.event}.event"
    path.write_bytes(raw)
    codes = split(raw)
    path.with_suffix(".txt").write_text("\n".join(codes) + "\n", "ascii")
    try:
        drawer = barcodes()
    except OperatorError:
        pictures: list[str] = []  # an optional extra; the texts are there
    else:
        pictures = [str(path.with_suffix(f".{number}.png")) for number in range(1, len(codes) + 1)]
        for picture, text in zip(pictures, codes, strict=True):
            Path(picture).write_bytes(drawer.png(text))
    found = {"event": event.stamp.event, "file": str(path), "codes": pictures}
    show(found, as_json=as_json, human=lambda: console.print(f"{kind} entered at {event.stamp.local}: {path}"))


@post.command(epilog="Example: darwaza post carry ./hairatan/queue/*.event --gateway pk --as torkham")
@connection_options("")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
@reports_errors
def carry(files: tuple[Path, ...], *, as_json: bool, **options: Any) -> None:
    """Bring what posts entered to a gateway: FILES of events, or of the texts of their QR codes, one a line.

    Bringing one twice changes nothing. Exit code 1 when one was not taken.
    """
    with open_client(options) as client:
        answers = client.transit.carry_in([_event(path) for path in files])
    taken = [item["answer"] == "valid" and not item.get("code") for item in answers]

    def human() -> None:
        for path, item, fine in zip(files, answers, taken, strict=True):
            why = item.get("code") or " ".join(reason["code"] for reason in item.get("reasons", ()))
            console.print(f"{path.name}  {'taken, ' + item['state'] if fine else item['answer'] + ': ' + why}")

    show(answers, as_json=as_json, human=human)
    if not all(taken):
        raise SystemExit(REFUSED)


def _event(path: Path) -> bytes:
    """Read an event from its file, or from a file with the texts of its codes."""
    raw = path.read_bytes()
    return join(raw.decode("ascii", "replace").splitlines()) if raw.startswith(PREFIX.encode()) else raw


def _office(client: Client, office: str) -> Post:
    found = next((item for item in client.crossings.offices() if item["id"] == office), None)
    if found is None:
        raise MalformedError(f"no office {office} in the register; see: darwaza crossing list", code="office_unknown")
    return Post(office, found["zone"])


def _key(folder: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey((folder / KEY).read_bytes())


def _read(folder: Path) -> tuple[Post, SignedDelegation, Ed25519PrivateKey]:
    """Read a post's folder.

    Raises:
        OperatorError: ``post_not_delegated``: there is none, or its time is over.
    """
    try:
        known = msgspec.json.decode((folder / OFFICE).read_bytes(), type=Post)
        signed = msgspec.msgpack.decode((folder / DELEGATION).read_bytes(), type=SignedDelegation)
        until_s = msgspec.msgpack.decode(signed.delegation, type=Delegation).until_s
        key = _key(folder)
    except (OSError, msgspec.DecodeError) as fault:
        text = f"{folder} speaks for no office yet; run darwaza post delegate while there is a network"
        raise OperatorError(text, code="post_not_delegated") from fault
    if SystemClock().now().timestamp() >= until_s:
        text = f"the time for which {folder} speaks for {known.office} is over; run darwaza post delegate again"
        raise OperatorError(text, code="post_not_delegated")
    return known, signed, key


def _stamp(known: Post, officer: str) -> dict[str, Any]:
    now = SystemClock().now().astimezone(UTC)
    local = now.astimezone(ZoneInfo(known.zone)).isoformat(timespec="seconds")
    place = {"office": known.office, "officer": officer, "zone": known.zone}
    return place | {"event": str(uuid.uuid4()), "at": now, "local": local, "offline": True}
