"""darwaza payments, before a payment: aliases, whose an account is, requests to be paid; and any ISO 20022 message."""

from pathlib import Path
from typing import Any

import click

from darwaza.entry.cli.output import console, show, show_file
from darwaza.entry.cli.payment import Desk, as_party, output_option, payments, print_done, worded
from darwaza.standards.iso20022 import codes

KINDS = click.Choice(["MBNO", "EMAL", "SHID", "EWAL", "ACCT"])


@payments.command(epilog="Example: darwaza payments aliases --gateway kz --as alatau-bank")
@as_party
def aliases(*, as_json: bool, **options: Any) -> None:
    """List aliases of the bank's accounts."""
    with Desk(options) as desk:
        found = desk.aliases()

    def human() -> None:
        for one in found:
            console.print(f"{one['id']}  {one['kind']} {one['value']:28} {one['account']:34} {one['name']}")

    show(found, as_json=as_json, human=human)


@payments.command(
    name="register-alias",
    epilog="Example: darwaza payments register-alias MBNO +77010000001 KZ86… 'Dana A' --gateway kz --as bank",
)
@click.argument("kind", type=KINDS)
@click.argument("value")
@click.argument("account")
@click.argument("name")
@as_party
def register_alias(kind: str, value: str, account: str, name: str, *, as_json: bool, **options: Any) -> None:
    """Let VALUE stand for ACCOUNT, whose holder is NAME."""
    with Desk(options) as desk:
        done = desk.register_alias(kind, value, account, name)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(
    name="remove-alias", epilog="Example: darwaza payments remove-alias 5c2d… --gateway kz --as alatau-bank"
)
@click.argument("alias")
@as_party
def remove_alias(alias: str, *, as_json: bool, **options: Any) -> None:
    """Let ALIAS go, by its id."""
    with Desk(options) as desk:
        done = desk.remove_alias(alias)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(
    epilog="Example: darwaza payments verify +77010000001 --kind MBNO --to KZ --gateway pk --as indus-bank"
)
@click.argument("value")
@click.option("--kind", type=KINDS, default="ACCT", show_default=True, help="What VALUE is.")
@click.option("--bank", help="Address or BIC of the payee's bank, for an account.")
@click.option("--to", help="Member, for an alias.")
@as_party
def verify(value: str, kind: str, bank: str | None, to: str | None, *, as_json: bool, **options: Any) -> None:
    """Ask whose the account or alias VALUE is."""
    with Desk(options) as desk:
        found = desk.verify(value, kind, payee_bank=bank, to=to)

    def human() -> None:
        if found.get("verified"):
            console.print(f"{found['account']}  {found['bank']}  {found['name']}  (for the payer: {found['shown']})")
        else:
            reason = found.get("reason", "")
            why = f"{reason} {codes.VERIFICATION_REASONS.get(reason, '')}".strip() or "no answer yet"
            console.print(f"[yellow]not verified[/]  {why}")

    show(found, as_json=as_json, human=human)


@payments.command(epilog="Example: darwaza payments verifications --gateway kz --as alatau-bank")
@as_party
def verifications(*, as_json: bool, **options: Any) -> None:
    """List questions about the bank's accounts that wait for its answer."""
    with Desk(options) as desk:
        found = desk.verifications()

    def human() -> None:
        for one in found:
            console.print(f"{one['id']}  {one['value']}  by {one['answer_by']}")

    show(found, as_json=as_json, human=human)


@payments.command(
    name="answer-verification",
    epilog="Example: darwaza payments answer-verification 0190… --name 'Dana A' --gateway kz --as alatau-bank",
)
@click.argument("verification")
@click.option("--name", default="", help="Of the holder; without it the account is not confirmed.")
@click.option("--reason", default="NR01", show_default=True, help="Why not.")
@as_party
def answer_verification(verification: str, name: str, reason: str, *, as_json: bool, **options: Any) -> None:
    """Say whose the account of VERIFICATION is."""
    with Desk(options) as desk:
        done = desk.answer_verification(verification, name, reason)
    show(done, as_json=as_json, human=lambda: print_done(done))


_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))


@payments.command(
    name="request-payment", epilog="Example: darwaza payments request-payment rent.xml --gateway kz --as alatau-bank"
)
@_file
@click.option("--key", help="Idempotency key; give the same one to repeat after a failure.")
@as_party
def request_payment(file: Path, key: str | None, *, as_json: bool, **options: Any) -> None:
    """Ask a payer to pay: FILE is a pain.013 with one payment."""
    with Desk(options) as desk:
        done = desk.request_payment(file.read_bytes(), key=key)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(epilog="Example: darwaza payments requests --waiting --gateway pk --as indus-bank")
@click.option("--waiting", is_flag=True, help="Only those that wait for the bank's decision.")
@as_party
def requests(*, waiting: bool, as_json: bool, **options: Any) -> None:
    """List requests to be paid."""
    with Desk(options) as desk:
        found = desk.requests(waiting=waiting)

    def human() -> None:
        for one in found:
            way = f"{one['payee_bank']} asks {one['payer_bank']}"
            when = "later" if one["later"] else "now"
            why = f"  {worded(one['reason'])}" if one.get("reason") else ""
            console.print(
                f"{one['id']}  {one['state']:18} {way}  {one['end_to_end']}, {when}, by {one['expires_at']}{why}"
            )

    show(found, as_json=as_json, human=human)


@payments.command(
    name="request-document",
    epilog="Example: darwaza payments request-document 0190… -o rent.xml --gateway pk --as indus-bank",
)
@click.argument("request")
@output_option
@as_party
def request_document(request: str, output: Path, *, as_json: bool, **options: Any) -> None:
    """Write the pain.013 of REQUEST to a file: who asks for how much, and what for."""
    with Desk(options) as desk:
        output.write_bytes(desk.request_document(request))
    show_file(output, as_json=as_json)


@payments.command(
    name="accept-request", epilog="Example: darwaza payments accept-request 0190… --gateway pk --as indus-bank"
)
@click.argument("request")
@as_party
def accept_request(request: str, *, as_json: bool, **options: Any) -> None:
    """The payer of REQUEST will pay."""
    with Desk(options) as desk:
        done = desk.accept_request(request)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(
    name="refuse-request", epilog="Example: darwaza payments refuse-request 0190… --reason AC06 --gateway pk --as bank"
)
@click.argument("request")
@click.option("--reason", required=True, help="ExternalStatusReason1Code.")
@as_party
def refuse_request(request: str, reason: str, *, as_json: bool, **options: Any) -> None:
    """The payer of REQUEST will not pay."""
    with Desk(options) as desk:
        done = desk.refuse_request(request, reason)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(epilog="Example: darwaza payments send inquiry.xml -o status.xml --gateway pk --as indus-bank")
@_file
@output_option
@as_party
def send(file: Path, output: Path, *, as_json: bool, **options: Any) -> None:
    """Give the gateway FILE, any ISO 20022 message a bank sends, and write its answer to a file."""
    with Desk(options) as desk:
        output.write_bytes(desk.message(file.read_bytes()))
    show_file(output, as_json=as_json)
