"""darwaza payments, for banks: quote, pay, list, show, credits, confirm, reject, recall, return, evidence, verify."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.markup import escape

from darwaza.client.answer.payment import Money, OfferView, Ordered, PaymentView
from darwaza.client.payments import Payments
from darwaza.entry.cli.connection import Connection, connection_options
from darwaza.entry.cli.output import console, json_option, reports_errors, show, show_file
from darwaza.standards.iso20022 import codes
from darwaza.standards.iso20022.conversion import NEWER, OLDER

Command = Callable[..., Any]
T = TypeVar("T")


@click.group()
def payments() -> None:
    """Payments across the border: quotes, orders, credits, statements, rates, settlement."""


def as_party(command: Command) -> Command:
    """Add what every command of this group has: the connection, ``--json``, and errors that say what to do."""
    return connection_options("")(json_option(reports_errors(command)))


class Desk:
    """The connection of one command.

    Attributes:
        payments: of the client.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._client = Connection.chosen(options).client()
        self.payments: Payments = self._client.payments

    def __enter__(self) -> Payments:
        return self.payments

    def __exit__(self, *_: object) -> None:
        self._client.close()


def amount(money: Money) -> str:
    """Word an amount for people."""
    whole, point, decimals = money["amount"].partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{point}{decimals} {money['currency']}"


def each(printed: Callable[[T], None], found: Iterable[T]) -> None:
    """Print one after the other."""
    for one in found:
        printed(one)


def percent(ppm: int) -> str:
    """Word parts per million as a percentage."""
    return f"{ppm // 10_000}.{ppm % 10_000 // 100:02d} %"


def worded(reason: str) -> str:
    """Word a reason of ISO 20022: its code and what it means."""
    return f"{reason} {codes.reason_text(reason)}".strip()


def print_payment(view: PaymentView) -> None:
    """Print a quote or payment for people."""
    end = f"{view.get('status', '')} {view.get('reason', '')} {view.get('reason_text', '')}".strip()
    console.print(f"{view['id']}  [bold]{view['state']}[/]  {view['payer_bank']} → {view['payee_bank']}  {end}")
    if view.get("detail"):
        console.print(f"   {view['detail']}")
    if view.get("uetr"):
        console.print(f"   UETR {view['uetr']}  {view.get('end_to_end', '')}")
    offers = [view["chosen"]] if "chosen" in view else view.get("offers", [])
    for offer in offers:
        print_offer(offer)
    for hit in view.get("hits", ()):
        console.print(f"   [yellow]screening:[/] {escape(hit)}")
    if view.get("recall_reason"):
        console.print(f"   recalled: {worded(view['recall_reason'])}")
    if view.get("recall_answer"):
        console.print(f"   kept: {worded(view['recall_answer'])}")
    if view.get("refund"):
        waits = ", when the FX provider has it" if view["state"] == "returning" else ""
        console.print(f"   {'to be refunded' if waits else 'refunded'} {amount(view['refund'])}{waits}")
    for message in view.get("messages", ()):
        signed = "signed by both" if message.get("delivered") else "waiting for the receipt"
        console.print(f"   {message['created_at']}  {message['kind']:20} {message['id']}  {signed}")


def print_offer(offer: OfferView) -> None:
    """Print an offer for people: what is debited, what is credited, what it costs in all."""
    console.print(f"   {offer['provider']:20} {amount(offer['debit'])} → {amount(offer['credit'])} at {offer['rate']}")
    cost = offer.get("cost")
    if cost:
        margin = f", margin {amount(cost['margin'])}" if "margin" in cost else ""
        payer = f"{amount(cost['payer'])} = {percent(cost['payer_ppm'])}"
        console.print(f"   {'':20} fees {amount(cost['fees'])}{margin}: costs the payer {payer}")
        if "subsidy" in cost:
            console.print(f"   {'':20} a state pays {amount(cost['subsidy'])} more: {amount(cost['total'])} in all")


def print_done(done: Ordered) -> None:
    """Print the outcome of a command."""
    if done.get("code"):
        console.print(f"{done.get('uetr') or done.get('id', '')}  [red]{done['code']}[/]  {done.get('detail', '')}")
    else:
        console.print(f"{done['id']}  {done['state']}" + ("  as before" if done.get("repeated") else ""))


# --- the payer's bank ---


@payments.command(
    epilog="Example: darwaza payments quote KZ/alatau-bank 100100.00 --fee 100.00 --gateway pk --as indus-bank"
)
@click.argument("payee_bank")
@click.argument("amount_text", metavar="AMOUNT")
@click.option(
    "--fixed",
    type=click.Choice(["source", "destination"]),
    default="source",
    show_default=True,
    help="AMOUNT is what the payer is debited, or what the payee is credited.",
)
@click.option("--fee", default="0", show_default=True, help="What the own bank takes.")
@click.option("--take-best", is_flag=True, help="Accept the best offer at once.")
@as_party
def quote(
    payee_bank: str, amount_text: str, fixed: str, fee: str, *, take_best: bool, as_json: bool, **options: Any
) -> None:
    """Ask what it costs to pay AMOUNT to a customer of PAYEE_BANK (its address or BIC)."""
    with Desk(options) as desk:
        found = desk.quote(payee_bank, amount_text, fixed=fixed, fee=fee, take_best=take_best)
    show(found, as_json=as_json, human=lambda: print_payment(found))


@payments.command(
    name="accept-quote",
    epilog="Example: darwaza payments accept-quote 0190… PK/caravan-fx --gateway pk --as indus-bank",
)
@click.argument("quote_id", metavar="QUOTE")
@click.argument("provider")
@as_party
def accept_quote(quote_id: str, provider: str, *, as_json: bool, **options: Any) -> None:
    """Take the offer of PROVIDER in QUOTE; its funds are reserved until the quote lapses."""
    with Desk(options) as desk:
        done = desk.accept_quote(quote_id, provider)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(name="cancel-quote", epilog="Example: darwaza payments cancel-quote 0190… --gateway pk --as bank")
@click.argument("quote_id", metavar="QUOTE")
@as_party
def cancel_quote(quote_id: str, *, as_json: bool, **options: Any) -> None:
    """Let QUOTE go; what it reserved is free."""
    with Desk(options) as desk:
        done = desk.cancel_quote(quote_id)
    show(done, as_json=as_json, human=lambda: print_done(done))


_document = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))


@payments.command(epilog="Example: darwaza payments pay payment.xml --wait 20 --gateway pk --as indus-bank")
@_document
@click.option("--wait", "wait_s", default=0, show_default=True, help="Wait so many seconds for the end.")
@as_party
def pay(file: Path, wait_s: int, *, as_json: bool, **options: Any) -> None:
    """Order the payment of FILE, a pacs.008 with one transaction; it is safe to repeat."""
    with Desk(options) as desk:
        done = desk.pay(file.read_bytes(), wait_s=wait_s)
        found = desk.payment(done["id"])
    show(found, as_json=as_json, human=lambda: print_payment(found))


@payments.command(name="pay-many", epilog="Example: darwaza payments pay-many salaries.xml --gateway pk --as bank")
@_document
@as_party
def pay_many(file: Path, *, as_json: bool, **options: Any) -> None:
    """Order the payments of FILE, a pacs.008 of many; each is answered for itself.

    Ordinary ones to one bank at one rate travel as a bulk; their ids end with their number in it: 0199….17.
    """
    with Desk(options) as desk:
        done = desk.pay_many(file.read_bytes())
    show(done, as_json=as_json, human=lambda: each(print_done, done))


@payments.command(name="list", epilog="Example: darwaza payments list --state settled --gateway pk --as indus-bank")
@click.option("--state", help="Only in this state.")
@as_party
def list_command(state: str | None, *, as_json: bool, **options: Any) -> None:
    """List quotes and payments, newest first."""
    with Desk(options) as desk:
        found = list(desk.payments(state))
    show(found, as_json=as_json, human=lambda: each(print_payment, found))


@payments.command(name="show", epilog="Example: darwaza payments show 0199….17 --gateway pk --as indus-bank")
@click.argument("payment")
@click.option("--uetr", is_flag=True, help="PAYMENT is a UETR, not an id.")
@as_party
def show_command(payment: str, *, uetr: bool, as_json: bool, **options: Any) -> None:
    """Show PAYMENT: amounts, cost, status, messages. One of a bulk has the bulk's id, a full stop and its number."""
    with Desk(options) as desk:
        found = desk.by_uetr(payment) if uetr else desk.payment(payment)
    show(found, as_json=as_json, human=lambda: print_payment(found))


# --- the payee's bank ---


_version = click.option(
    "--message", type=click.Choice([NEWER, OLDER]), help="The version that is wanted; pacs.008.001.13 if not given."
)


@payments.command(name="credits", epilog="Example: darwaza payments credits --wait 20 --gateway kz --as alatau-bank")
@click.option("--limit", default=50, show_default=True, help="At most so many.")
@click.option("--wait", "wait_s", default=0, show_default=True, help="Wait so many seconds for one.")
@click.option(
    "--documents", "target", type=click.Path(path_type=Path, file_okay=False), help="Write each one's pacs.008 here."
)
@_version
@as_party
def credits_command(
    limit: int, wait_s: int, target: Path | None, message: str | None, *, as_json: bool, **options: Any
) -> None:
    """List credits that wait for the bank's word, and write their orders for a domestic system to read."""
    with Desk(options) as desk:
        found = desk.credits(limit=limit, documents=target is not None, message=message, wait_s=wait_s)
    if target is not None:
        target.mkdir(parents=True, exist_ok=True)
        for one in found:
            if one.get("document"):
                (target / f"{one['id']}.pacs008.xml").write_text(one["document"], "utf-8")

    def human() -> None:
        for one in found:
            console.print(f"{one['id']}  {amount(one['credit'])} from {one['payer_bank']}, by {one['answer_by']}")
            if one.get("code"):
                console.print(f"   [red]{one['code']}[/]  {escape(one['detail'])} (at {escape(one['pointer'])})")

    show(found, as_json=as_json, human=human)


@payments.command(epilog="Example: darwaza payments confirm 0190… --gateway kz --as alatau-bank")
@click.argument("payment")
@as_party
def confirm(payment: str, *, as_json: bool, **options: Any) -> None:
    """Accept the credit of PAYMENT."""
    with Desk(options) as desk:
        done = desk.confirm(payment)
    show(done, as_json=as_json, human=lambda: print_done(done))


_reason = click.option("--reason", required=True, help="Code of the ISO 20022 list that fits.")


@payments.command(epilog="Example: darwaza payments reject 0190… --reason AC04 --gateway kz --as alatau-bank")
@click.argument("payment")
@_reason
@click.option("--detail", default="", help="One sentence.")
@as_party
def reject(payment: str, reason: str, detail: str, *, as_json: bool, **options: Any) -> None:
    """Refuse the credit of PAYMENT."""
    with Desk(options) as desk:
        done = desk.reject(payment, reason, detail)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(epilog="Example: darwaza payments recall 0190… --reason DUPL --gateway pk --as indus-bank")
@click.argument("payment")
@_reason
@as_party
def recall(payment: str, reason: str, *, as_json: bool, **options: Any) -> None:
    """Ask for PAYMENT back."""
    with Desk(options) as desk:
        done = desk.recall(payment, reason)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(name="return", epilog="Example: darwaza payments return 0190… --reason FOCR --gateway kz --as bank")
@click.argument("payment")
@_reason
@as_party
def return_command(payment: str, reason: str, *, as_json: bool, **options: Any) -> None:
    """Give PAYMENT back; FOCR when it was recalled."""
    with Desk(options) as desk:
        done = desk.give_back(payment, reason)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(
    name="refuse-recall", epilog="Example: darwaza payments refuse-recall 0190… --reason CUST --gateway kz --as bank"
)
@click.argument("payment")
@_reason
@as_party
def refuse_recall(payment: str, reason: str, *, as_json: bool, **options: Any) -> None:
    """Keep PAYMENT, although it was recalled."""
    with Desk(options) as desk:
        done = desk.refuse_recall(payment, reason)
    show(done, as_json=as_json, human=lambda: print_done(done))


# --- documents ---

output_option = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write."
)


@payments.command(epilog="Example: darwaza payments document 0190… -o payment.xml --gateway kz --as alatau-bank")
@click.argument("payment")
@output_option
@_version
@as_party
def document(payment: str, output: Path, message: str | None, *, as_json: bool, **options: Any) -> None:
    """Write the pacs.008 of PAYMENT to a file, byte for byte, or in the version a domestic system reads."""
    with Desk(options) as desk:
        output.write_bytes(desk.document(payment, message=message))
    show_file(output, as_json=as_json)


@payments.command(epilog="Example: darwaza payments evidence 0190… -o payment.evidence.json --gateway pk --as bank")
@click.argument("payment")
@output_option
@as_party
def evidence(payment: str, output: Path, *, as_json: bool, **options: Any) -> None:
    """Write the evidence of PAYMENT: the order, its answers, both countries' signatures."""
    with Desk(options) as desk:
        output.write_bytes(desk.evidence(payment))
    show_file(output, as_json=as_json)
