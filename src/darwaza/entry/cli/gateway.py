"""darwaza init, serve, party, key, backup, migrate, forget, fsck."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from darwaza.adapters.keyfile.keys import NAMES, write_secret
from darwaza.adapters.keyfile.party import AUDITOR, OPERATOR, Party, PartyFile, new_token
from darwaza.adapters.system.clock import SystemEntropy
from darwaza.bootstrap import PARTY_FILE, TLS_ROLE, Gateway, examine_store, found_gateway, renew_keys
from darwaza.config import REQUESTS_PER_S_MAX
from darwaza.entry.cli.connection import OPERATOR_TOKEN, TOKEN_FOLDER
from darwaza.entry.cli.output import REFUSED, console, json_option, reports_errors, show, show_file, work_bar
from darwaza.entry.journal import set_up
from darwaza.entry.retention import forget_bodies
from darwaza.entry.serve import serve
from darwaza.standards.iso20022.conversion import NEWER, OLDER
from darwaza.storage import backup_store, migrate_store

folder_argument = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.command(epilog="Example: darwaza init pk --member PK --name Pakistan --url https://gateway.pk.example:8443")
@folder_argument
@click.option("--member", required=True, help="Code of the member, such as PK.")
@click.option("--name", required=True, help="Its name, for people.")
@click.option(
    "--url",
    "urls",
    required=True,
    multiple=True,
    help="Where other gateways reach this one: https://host:port. Several where it has several lines, the best first.",
)
@click.option(
    "--listen", default="", help="Address and port to listen on; the first URL's port on all addresses if not given."
)
@click.option(
    "--store", default="", help="Keep the store on PostgreSQL: postgresql://user@host/name; a file if not given."
)
@json_option
@reports_errors
def init(
    folder: Path, member: str, name: str, urls: tuple[str, ...], listen: str, store: str, *, as_json: bool
) -> None:
    """Make the FOLDER of a new gateway: keys, certificate, configuration, and its card for the corridor document."""
    parts = urlsplit(urls[0])
    host, _, port = listen.rpartition(":") if listen else ("0.0.0.0", ":", str(parts.port or 443))  # noqa: S104
    card = found_gateway(
        folder, member=member, name=name, urls=urls, host=host or "127.0.0.1", port=int(port), store=store
    )
    token = _add_party(folder, OPERATOR_TOKEN, frozenset({OPERATOR, AUDITOR}), about="runs this gateway")
    _keep_token(folder, OPERATOR_TOKEN, token)

    def human() -> None:
        console.print(f"The gateway of {name} is in {folder}.")
        console.print(f"Its card, for the corridor document: {card}")
        console.print(f"Next: agree on the corridor document (darwaza corridor --help), then: darwaza serve {folder}")

    show({"folder": str(folder), "member": member, "card": str(card)}, as_json=as_json, human=human)


@click.command(name="serve", epilog="Example: darwaza serve pk")
@folder_argument
@reports_errors
def serve_command(folder: Path) -> None:
    """Run the gateway in FOLDER until it is told to stop (SIGINT, SIGTERM)."""
    gateway = Gateway(folder)
    set_up(gateway.config.log_level)
    try:
        serve(gateway)
    finally:
        gateway.close()


@click.group()
def party() -> None:
    """Who is served by a gateway: agencies, banks, carriers, operators, auditors."""


def _add_party(folder: Path, name: str, roles: frozenset[str], **changes: Any) -> str:
    """Add a party, or change one; what is not among the changes stays as it is."""
    parties = PartyFile(folder / PARTY_FILE)
    token, digest = new_token(SystemEntropy())
    held = {one.name: one for one in parties.all()}.get(name, Party(name))
    wanted = {field: value for field, value in changes.items() if value is not None}
    parties.put(msgspec.structs.replace(held, roles=roles | held.roles, tokens=(*held.tokens, digest), **wanted))
    return token


def _keep_token(folder: Path, name: str, token: str) -> Path:
    path = folder / TOKEN_FOLDER / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)
    write_secret(path, token + "\n")
    return path


@party.command(name="add", epilog="Example: darwaza party add pk fbr --role agency --about 'Federal Board of Revenue'")
@folder_argument
@click.argument("name")
@click.option("--role", "roles", multiple=True, help="What it may do; may be given several times.")
@click.option("--about", help="For people.")
@click.option("--rate", type=int, help=f"Requests a second; {REQUESTS_PER_S_MAX} if never given.")
@click.option("--webhook", help="Address its notices are posted to: https://…; '' for none.")
@click.option(
    "--webhook-message",
    type=click.Choice([NEWER, OLDER, ""]),
    help="Calls bring the pacs.008 of credits, in this version; '' for none.",
)
@click.option(
    "--keep", is_flag=True, help="Also keep the token in the gateway's folder, for --as NAME on this machine."
)
@json_option
@reports_errors
def add_party(
    folder: Path,
    name: str,
    roles: tuple[str, ...],
    about: str | None,
    rate: int | None,
    webhook: str | None,
    webhook_message: str | None,
    *,
    keep: bool,
    as_json: bool,
) -> None:
    """Add a party, or give one another token and change what is named. The token is shown once.

    Only its digest is stored.
    """
    token = _add_party(
        folder,
        name,
        frozenset(roles),
        about=about,
        requests_per_s_max=rate,
        webhook=webhook,
        webhook_message=webhook_message,
    )
    if keep:
        _keep_token(folder, name, token)
    show({"name": name, "token": token}, as_json=as_json, human=lambda: console.print(f"{name}: {token}"))


@party.command(name="list", epilog="Example: darwaza party list pk")
@folder_argument
@json_option
@reports_errors
def list_parties(folder: Path, *, as_json: bool) -> None:
    """List the parties and their roles."""
    parties = PartyFile(folder / PARTY_FILE).all()

    def human() -> None:
        for one in parties:
            console.print(
                f"{one.name:20} {', '.join(sorted(one.roles)) or '-':24} {len(one.tokens)} token(s)  {one.about}"
            )

    rows = [
        {"name": one.name, "roles": sorted(one.roles), "tokens": len(one.tokens), "about": one.about} for one in parties
    ]
    show(rows, as_json=as_json, human=human)


@party.command(name="revoke", epilog="Example: darwaza party revoke pk fbr")
@folder_argument
@click.argument("name")
@json_option
@reports_errors
def revoke(folder: Path, name: str, *, as_json: bool) -> None:
    """Take back all tokens of a party; a running gateway follows within a second."""
    parties = PartyFile(folder / PARTY_FILE)
    held = {one.name: one for one in parties.all()}.get(name)
    if held is None:
        raise click.UsageError(f"there is no party {name!r}")
    parties.put(msgspec.structs.replace(held, tokens=()))
    revoked = {"name": name, "revoked": len(held.tokens)}
    show(revoked, as_json=as_json, human=lambda: console.print(f"{name}: {len(held.tokens)} token(s) taken back"))


@click.group()
def key() -> None:
    """A gateway's keys: make new ones ready to take over."""


@key.command(name="renew", epilog="Example: darwaza key renew pk --role log --role witness")
@folder_argument
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([*NAMES, TLS_ROLE]),
    help="Which key; may be given several times.",
)
@json_option
@reports_errors
def renew(folder: Path, roles: tuple[str, ...], *, as_json: bool) -> None:
    """Make new keys, which wait until the corridor document names them, and write the card that does.

    Then propose the card, vote, assemble and admit: the gateway goes over to the new keys when it admits the document.
    """
    card = renew_keys(folder, roles)

    def human() -> None:
        console.print(f"The new keys wait in {folder}/keys/next; the card that names them: {card}")
        console.print("Next: darwaza corridor propose --former N.note --card … --vote … -o draft")

    show({"card": str(card), "roles": list(roles)}, as_json=as_json, human=human)


@click.command(epilog="Example: darwaza backup pk -o pk-2026-11-22.db")
@folder_argument
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@json_option
@reports_errors
def backup(folder: Path, output: Path, *, as_json: bool) -> None:
    """Copy the store of a gateway, running or not."""
    with work_bar("copying", quiet=as_json) as progress:
        backup_store(folder, output, progress)
    show_file(output, as_json=as_json)


@click.command(name="migrate", epilog="Example: darwaza migrate pk")
@folder_argument
@json_option
@reports_errors
def migrate_command(folder: Path, *, as_json: bool) -> None:
    """Bring the store of a stopped gateway to the schema of this program. Make a backup before.

    A gateway whose store has another schema refuses to start and says so. The step is one transaction.
    """
    with work_bar("migrating", quiet=as_json):
        before, after = migrate_store(folder)
    text = "nothing to do" if before == after else f"migrated from {before}"
    result = {"before": before, "after": after}
    show(result, as_json=as_json, human=lambda: console.print(f"{folder}: schema {after}, {text}"))


@click.command(epilog="Example: darwaza forget pk --days 3650 --dry-run")
@folder_argument
@click.option("--days", type=click.IntRange(1, 36_500), required=True, help="Leave alone what changed in this time.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@json_option
@reports_errors
def forget(folder: Path, days: int, *, dry_run: bool, as_json: bool) -> None:
    """Forget the bodies of cases that ended long ago, in the store of a stopped gateway.

    Headers, logs, receipts and proofs stay. A running gateway does the same by itself with keep_bodies_days.
    """
    gateway = Gateway(folder)
    try:
        with work_bar("looking", quiet=as_json) as progress:
            done = forget_bodies(gateway, days, dry_run=dry_run, progress=lambda bodies: progress(bodies, None))
    finally:
        gateway.close()
    word = "could be forgotten" if dry_run else "forgotten"
    result = {"bodies": done.bodies, "bytes": done.bytes, "dry_run": dry_run}
    show(result, as_json=as_json, human=lambda: console.print(f"{done.bodies:,} bodies, {done.bytes:,} bytes {word}"))


@click.command(epilog="Example: darwaza fsck pk")
@folder_argument
@json_option
@reports_errors
def fsck(folder: Path, *, as_json: bool) -> None:
    """Derive everything in the store of a stopped gateway again from its evidence, and report what does not fit.

    \b
    Exit codes: 0 nothing is wrong, 1 something is.
    """  # noqa: D301 - \b is click's mark for a block it must not wrap
    with work_bar("examining", quiet=as_json) as progress:
        findings = examine_store(folder, progress)

    def human() -> None:
        for one in findings:
            console.print(f"[red]{one.code}[/]  {one.where}: {one.detail}")
        console.print(f"{len(findings)} finding(s)" if findings else "Nothing is wrong.")

    show(findings, as_json=as_json, human=human)
    raise SystemExit(REFUSED if findings else 0)
