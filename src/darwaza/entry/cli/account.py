"""darwaza account: people who sign in to a gateway's console."""

import secrets
from pathlib import Path

import click
import msgspec

from darwaza.adapters.keyfile.account import Account, AccountFile
from darwaza.adapters.keyfile.party import PartyFile
from darwaza.bootstrap import ACCOUNT_FILE, PARTY_FILE
from darwaza.entry.cli.output import console, json_option, reports_errors, show
from darwaza.errors import ExtraMissingError

folder_argument = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
GENERATED_BYTES = 15


@click.group()
def account() -> None:
    """People who sign in to a gateway's console; each acts for one party and has its roles."""


@account.command(name="add", epilog="Example: darwaza account add pk asma --party torkham --name 'Asma Khan'")
@folder_argument
@click.argument("login")
@click.option("--party", required=True, help="Whom they act for: a party of this gateway (darwaza party list).")
@click.option("--name", default="", help="Their name, for people.")
@click.option("--language", default="", help="Of their pages: en, ur or ru; what their browser asks for if not given.")
@click.option("--generate", is_flag=True, help="Make a password and show it once, instead of asking for one.")
@json_option
@reports_errors
def add(folder: Path, login: str, party: str, name: str, language: str, *, generate: bool, as_json: bool) -> None:
    """Add an account, or give one another password; whoever is signed in with the former one is out."""
    if party not in {one.name for one in PartyFile(folder / PARTY_FILE).all()}:
        raise click.UsageError(f"there is no party {party!r}; add it first: darwaza party add")
    if generate:
        password = secrets.token_urlsafe(GENERATED_BYTES)
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    put_account(folder, login, party, password, name=name, language=language)

    def human() -> None:
        console.print(f"{login} may sign in for {party}." + (f" Password: {password}" if generate else ""))

    show({"login": login, "party": party} | ({"password": password} if generate else {}), as_json=as_json, human=human)


def put_account(folder: Path, login: str, party: str, password: str, *, name: str = "", language: str = "") -> None:
    """Write an account.

    Raises:
        click.UsageError: the password is too short.
        OperatorError: ``extra_missing``: the console's libraries are not installed.
    """
    try:
        from darwaza.entry.console.password import hash_password  # noqa: PLC0415 - an optional extra
    except ImportError as fault:
        raise ExtraMissingError("console") from fault
    try:
        secret = hash_password(password)
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
    try:
        made = msgspec.convert(
            {"login": login, "party": party, "name": name, "secret": secret, "language": language}, Account
        )
    except msgspec.ValidationError as fault:
        raise click.UsageError(str(fault)) from fault
    AccountFile(folder / ACCOUNT_FILE).put(made)


@account.command(name="list", epilog="Example: darwaza account list pk")
@folder_argument
@json_option
@reports_errors
def list_accounts(folder: Path, *, as_json: bool) -> None:
    """List the accounts."""
    accounts = AccountFile(folder / ACCOUNT_FILE).all()

    def human() -> None:
        for one in accounts:
            console.print(f"{one.login:20} {one.party:20} {one.name}")

    rows = [{"login": one.login, "party": one.party, "name": one.name, "language": one.language} for one in accounts]
    show(rows, as_json=as_json, human=human)


@account.command(name="remove", epilog="Example: darwaza account remove pk asma")
@folder_argument
@click.argument("login")
@json_option
@reports_errors
def remove(folder: Path, login: str, *, as_json: bool) -> None:
    """Remove an account; whoever is signed in with it is out with the next click."""
    accounts = AccountFile(folder / ACCOUNT_FILE)
    if accounts.find(login) is None:
        raise click.UsageError(f"there is no account {login!r}")
    accounts.remove(login)
    show({"login": login}, as_json=as_json, human=lambda: console.print(f"{login} may no longer sign in."))
