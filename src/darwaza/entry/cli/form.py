"""Bodies of commands from the command line: fields as ``name=value``, or a JSON file; stamps of an office."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click
import msgspec

from darwaza.adapters.system.clock import SystemClock
from darwaza.client import Client
from darwaza.entry.cli.connection import CONNECTION, Connection
from darwaza.errors import MalformedError
from darwaza.kernel.instant import to_utc

F = TypeVar("F", bound=Callable[..., Any])


def open_client(options: dict[str, Any]) -> Client:
    """Connect as the connection options say, taking them out of ``options``."""
    return Connection(*(options.pop(name) for name in CONNECTION)).client()


def body_options(command: F) -> F:
    """Add the arguments that make a body: FIELD=VALUE and ``--body``."""
    command = click.option(
        "--body",
        "file",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="JSON file with the body; fields given besides replace its own.",
    )(command)
    return click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")(command)


def officer_options(*, required: bool) -> Callable[[F], F]:
    """Add the options that say which officer of which office acts."""

    def add(command: F) -> F:
        command = click.option("--officer", default="officer", show_default=True, help="Who acts.")(command)
        return click.option("--office", required=required, help="The office that acts; its clock stamps the act.")(
            command
        )

    return add


def read_body(file: Path | None, fields: Iterable[str]) -> dict[str, Any]:
    """Build a body: the file's, with the fields put over it.

    A dot in a field's name goes down (``replacement.number=UZ-2``); a value that reads as JSON is that value
    (``leg=1``, ``seals=[{"number":"UZ-1"}]``), every other one a text.

    Raises:
        MalformedError: ``body_malformed``.
    """
    body = {} if file is None else _read_file(file)
    for field in fields:
        name, equals, text = field.partition("=")
        if not equals or not name:
            raise MalformedError(f"{field!r} is not FIELD=VALUE", code="body_malformed")
        *path, last = name.split(".")
        at = body
        for step in path:
            at = at.setdefault(step, {})
            if not isinstance(at, dict):
                raise MalformedError(f"{step!r} in {name!r} has no fields", code="body_malformed")
        at[last] = _value(text)
    return body


def _read_file(file: Path) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise MalformedError(f"{file} is not JSON: {fault}", code="body_malformed") from fault
    if not isinstance(body, dict):
        raise MalformedError(f"{file} does not hold a JSON object", code="body_malformed")
    return body


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text


def make_stamp(client: Client, office: str, officer: str, at: datetime | None = None) -> dict[str, Any]:
    """Stamp an act of an office, now or at a time, by the office's own clock.

    Raises:
        MalformedError: ``office_unknown``.
    """
    known = next((item for item in client.crossings.offices() if item["id"] == office), None)
    if known is None:
        raise MalformedError(f"no office {office} in the register; see: darwaza crossing list", code="office_unknown")
    now = at or SystemClock().now()
    local = now.astimezone(ZoneInfo(known["zone"])).isoformat(timespec="seconds")
    event = str(uuid.uuid4())
    return {"event": event, "office": office, "officer": officer, "at": now, "zone": known["zone"], "local": local}


def instant(text: str | None) -> datetime | None:
    """Read an instant with an offset (``2026-03-05T18:00+05:00``).

    Raises:
        MalformedError: ``instant_malformed``.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as fault:
        raise MalformedError(f"{text!r} is not a time: {fault}", code="instant_malformed") from fault
    return to_utc(at)
