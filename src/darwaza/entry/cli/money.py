"""darwaza payments, for FX providers, settlement operators and compliance: rates, money, screening, reports."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from darwaza.adapters.system.clock import SystemClock
from darwaza.client.answer.payment import Money, StatementView
from darwaza.entry.cli.netting import print_cycle
from darwaza.entry.cli.output import console, show, show_file
from darwaza.entry.cli.payment import (
    Desk,
    amount,
    as_party,
    each,
    output_option,
    payments,
    percent,
    print_done,
    print_payment,
)
from darwaza.services.payments.deposit import COLUMNS

# --- rates ---


@payments.command(epilog="Example: darwaza payments markets --gateway pk --as sbp")
@as_party
def markets(*, as_json: bool, **options: Any) -> None:
    """List markets: one for each currency that can be bought here."""
    with Desk(options) as desk:
        found = desk.markets()

    def human() -> None:
        for one in found:
            pair = f"{one['source_currency']} → {one['destination_currency']}"
            console.print(
                f"{one['destination']}  {pair}  mid {one.get('mid', '-')}  {one.get('providers', 0)} provider(s)"
            )
            for provider, board in one.get("boards", {}).items():
                console.print(f"   {provider:20} {board['rate']} until {board['valid_until']}")

    show(found, as_json=as_json, human=human)


@payments.command(
    name="open-market", epilog="Example: darwaza payments open-market KZ --mid 1.80 --gateway pk --as sbp"
)
@click.argument("destination")
@click.option("--mid", help="Mid rate: destination units per source unit.")
@as_party
def open_market(destination: str, mid: str | None, *, as_json: bool, **options: Any) -> None:
    """Open the market to the member DESTINATION (settlement operators)."""
    with Desk(options) as desk:
        done = desk.open_market(destination, mid)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(name="set-mid", epilog="Example: darwaza payments set-mid KZ 1.81 --gateway pk --as sbp")
@click.argument("destination")
@click.argument("mid")
@as_party
def set_mid(destination: str, mid: str, *, as_json: bool, **options: Any) -> None:
    """Say the MID rate that margins are measured against (settlement operators)."""
    with Desk(options) as desk:
        done = desk.set_mid(destination, mid)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(
    name="post-rate", epilog="Example: darwaza payments post-rate KZ 1.75 --hours 8 --gateway pk --as caravan-fx"
)
@click.argument("destination")
@click.argument("rate")
@click.option("--hours", default=8, show_default=True, help="How long it holds.")
@click.option("--tier", "tiers", multiple=True, metavar="AMOUNT:PPM", help="Improvement from an amount on; repeatable.")
@click.option("--for", "improvements", multiple=True, metavar="BANK:PPM", help="Improvement for a bank; repeatable.")
@as_party
def post_rate(
    destination: str,
    rate: str,
    hours: int,
    tiers: tuple[str, ...],
    improvements: tuple[str, ...],
    *,
    as_json: bool,
    **options: Any,
) -> None:
    """Replace what the FX provider offers to the member DESTINATION."""
    until = SystemClock().now() + timedelta(hours=hours)
    steps = [{"from_amount": name, "improvement_ppm": ppm} for name, ppm in map(_pair, tiers)]
    with Desk(options) as desk:
        done = desk.post_rate(destination, rate, until, tiers=steps, improvements=dict(map(_pair, improvements)))
    show(done, as_json=as_json, human=lambda: print_done(done))


def _pair(text: str) -> tuple[str, int]:
    name, _, number = text.rpartition(":")
    if not name or not number.lstrip("-").isdigit():
        raise click.BadParameter(f"{text!r} is not like 1000000.00:2000")
    return name, int(number)


@payments.command(
    name="withdraw-rate", epilog="Example: darwaza payments withdraw-rate KZ --gateway pk --as caravan-fx"
)
@click.argument("destination")
@as_party
def withdraw_rate(destination: str, *, as_json: bool, **options: Any) -> None:
    """Take the FX provider's rates down; accepted quotes stand."""
    with Desk(options) as desk:
        done = desk.withdraw_rate(destination)
    show(done, as_json=as_json, human=lambda: print_done(done))


# --- money ---


@payments.command(epilog="Example: darwaza payments allocate PK 50000000.00 --gateway kz --as caravan-fx")
@click.argument("to")
@click.argument("amount_text", metavar="AMOUNT")
@as_party
def allocate(to: str, amount_text: str, *, as_json: bool, **options: Any) -> None:
    """Let the gateway of the member TO spend AMOUNT of the FX provider's money."""
    with Desk(options) as desk:
        done = desk.allocate(to, amount_text)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(
    name="release-funds", epilog="Example: darwaza payments release-funds KZ 5.00 --gateway pk --as caravan-fx"
)
@click.argument("to")
@click.argument("amount_text", metavar="AMOUNT")
@as_party
def release_funds(to: str, amount_text: str, *, as_json: bool, **options: Any) -> None:
    """Give AMOUNT back to the FX provider's home, the member TO."""
    with Desk(options) as desk:
        done = desk.release_funds(to, amount_text)
    show(done, as_json=as_json, human=lambda: print_done(done))


_reference = click.option("--reference", required=True, help="The settlement agent's; the same again changes nothing.")


@payments.command(
    epilog="Example: darwaza payments deposit PK/indus-bank 9000000.00 --reference A1 --gateway pk --as sbp"
)
@click.argument("participant")
@click.argument("amount_text", metavar="AMOUNT")
@_reference
@as_party
def deposit(participant: str, amount_text: str, reference: str, *, as_json: bool, **options: Any) -> None:
    """Book AMOUNT that PARTICIPANT has paid in (settlement operators)."""
    with Desk(options) as desk:
        done = desk.deposit(participant, amount_text, reference)
    show(done, as_json=as_json, human=lambda: console.print(f"{done['account']}  {amount(done['available'])}"))


@payments.command(epilog="Example: darwaza payments withdraw PK/indus-bank 5.00 --reference A2 --gateway pk --as sbp")
@click.argument("participant")
@click.argument("amount_text", metavar="AMOUNT")
@_reference
@as_party
def withdraw(participant: str, amount_text: str, reference: str, *, as_json: bool, **options: Any) -> None:
    """Book AMOUNT that PARTICIPANT takes out (settlement operators)."""
    with Desk(options) as desk:
        done = desk.withdraw(participant, amount_text, reference)
    show(done, as_json=as_json, human=lambda: console.print(f"{done['account']}  {amount(done['available'])}"))


@payments.command(epilog="Example: darwaza payments deposits -o deposits.csv --gateway pk --as sbp")
@output_option
@as_party
def deposits(output: Path, *, as_json: bool, **options: Any) -> None:
    """Write what was booked in and out: put in a new gateway's folder as deposits.csv it is booked again."""
    with Desk(options) as desk:
        found = desk.deposits()
    with output.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(found)
    show_file(output, as_json=as_json)


# --- compliance ---


@payments.command(epilog="Example: darwaza payments held --gateway pk --as sbp")
@click.option("--blocked", is_flag=True, help="Those that are blocked, whose money stands in suspense.")
@as_party
def held(*, as_json: bool, blocked: bool, **options: Any) -> None:
    """List payments that screening has stopped, with what it found."""
    with Desk(options) as desk:
        found = list(desk.payments("frozen")) if blocked else desk.held()
    show(found, as_json=as_json, human=lambda: each(print_payment, found))


_officer = click.option("--officer", required=True, help="Who decides, within the party.")


@payments.command(epilog="Example: darwaza payments release 0190… --officer a.khan --gateway pk --as sbp")
@click.argument("payment")
@_officer
@as_party
def release(payment: str, officer: str, *, as_json: bool, **options: Any) -> None:
    """PAYMENT may go on to the payee, also out of suspense: a second officer's word lets it.

    While another officer's word is to block it, this is refused with ``block_stands``.
    """
    with Desk(options) as desk:
        done = desk.release(payment, officer)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(epilog="Example: darwaza payments refuse 0190… --officer a.khan --gateway pk --as sbp")
@click.argument("payment")
@_officer
@as_party
def refuse(payment: str, officer: str, *, as_json: bool, **options: Any) -> None:
    """PAYMENT goes back to the payer; out of suspense a second officer's word sends it back.

    While another officer's word is to block it, this is refused with ``block_stands``.
    """
    with Desk(options) as desk:
        done = desk.refuse(payment, officer)
    show(done, as_json=as_json, human=lambda: print_done(done))


@payments.command(epilog="Example: darwaza payments block 0190… --officer a.khan --gateway pk --as sbp")
@click.argument("payment")
@_officer
@as_party
def block(payment: str, officer: str, *, as_json: bool, **options: Any) -> None:
    """PAYMENT goes neither on nor back: a second officer's word puts its money into suspense.

    Until that, or until the first officer says otherwise, nobody else can let it go on or refuse it.
    """
    with Desk(options) as desk:
        done = desk.block(payment, officer)
    show(done, as_json=as_json, human=lambda: print_done(done))


# --- reports ---


@payments.command(epilog="Example: darwaza payments accounts --gateway pk --as indus-bank")
@as_party
def accounts(*, as_json: bool, **options: Any) -> None:
    """List the party's accounts and balances."""
    with Desk(options) as desk:
        found = desk.accounts()

    def human() -> None:
        for one in found:
            console.print(f"{one['id']:40} {amount(one['posted']):>24} booked, {amount(one['available'])} available")

    show(found, as_json=as_json, human=human)


@payments.command(name="trial-balance", epilog="Example: darwaza payments trial-balance --gateway pk --as sbp")
@as_party
def trial_balance(*, as_json: bool, **options: Any) -> None:
    """Print what all accounts of the ledger come to, by currency and kind (settlement operators)."""
    with Desk(options) as desk:
        found = desk.trial_balance()

    def human() -> None:
        for one in found:
            console.print(f"{one['debits']['currency']:14} {'debits':>26} {'credits':>26}")
            for row in one["kinds"]:
                console.print(f"  {row['kind']:12} {row['debits']['amount']:>26} {row['credits']['amount']:>26}")
            console.print(f"  {'in all':12} {one['debits']['amount']:>26} {one['credits']['amount']:>26}")
            console.print("  balanced" if one["balanced"] else "  [red]not balanced: run darwaza fsck[/]")

    show(found, as_json=as_json, human=human)


@payments.command(epilog="Example: darwaza payments statement position:PK/indus-bank:PKR --gateway pk --as indus-bank")
@click.argument("account")
@click.option("--after", default=0, help="Only entries after this sequence.")
@click.option("--before", type=int, help="Only entries before this sequence.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write camt.053 to this file.")
@click.option("--number", default=1, show_default=True, help="Of the statement in camt.053.")
@as_party
def statement(
    account: str, after: int, before: int | None, output: Path | None, number: int, *, as_json: bool, **options: Any
) -> None:
    """Print the statement of ACCOUNT, or write it as camt.053."""
    with Desk(options) as desk:
        if output is not None:
            output.write_bytes(desk.statement_document(account, after=after, before=before, number=number))
            show_file(output, as_json=as_json)
            return
        found = desk.statement(account, after=after, before=before)
    show(found, as_json=as_json, human=lambda: print_statement(found))


def print_statement(found: StatementView) -> None:
    """Print a statement for people: what was booked, not what was only held."""
    console.print(f"   {found['account']['id']}")
    if found["earlier"]:
        console.print(f"   [yellow]there are earlier entries: --before {found['lines'][0]['sequence']}[/]")
    console.print(f"   {'opening balance':48} {amount(found['opening']):>24}")
    for line in found["lines"]:
        if line["amount"].strip("-0."):
            money: Money = {"amount": line["amount"], "currency": found["opening"]["currency"]}
            text = f"{line['at']}  {line.get('reference', '')}"
            console.print(f"   {text:48} {amount(money):>24}")
    console.print(f"   {'closing balance':48} {amount(found['closing']):>24}")


@payments.command(epilog="Example: darwaza payments positions --gateway pk --as sbp")
@click.option("--cycle", type=int, help="Number of the settlement cycle; the last ended one if not given.")
@click.option("--settle", "target", type=click.Path(path_type=Path, file_okay=False), help="Write the pacs.009 here.")
@as_party
def positions(cycle: int | None, target: Path | None, *, as_json: bool, **options: Any) -> None:
    """Print net positions of a settlement cycle, and write the instructions that settle them."""
    with Desk(options) as desk:
        found = desk.positions(cycle) if target is None else desk.settlements(cycle)

    written: list[Path] = []
    if target is not None:
        target.mkdir(parents=True, exist_ok=True)
        for one in found["bilateral"]:
            name = f"{found['cycle']}-{one['debtor']}-{one['creditor']}-{one['net']['currency']}.pacs009.xml"
            if one.get("instruction"):
                (target / name).write_text(one["instruction"], "utf-8")
                written.append(target / name)
    show(found, as_json=as_json, human=lambda: print_cycle(found, written))


_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"])


@payments.command(epilog="Example: darwaza payments indicators --since 2026-11-01 --gateway pk --as sbp")
@click.option("--since", type=_MOMENT, help="A day in UTC, or 2026-11-29T06:00:00+05:00; the last day if not given.")
@click.option("--before", type=_MOMENT, help="The same; now if not given.")
@as_party
def indicators(since: datetime | None, before: datetime | None, *, as_json: bool, **options: Any) -> None:
    """Print time, cost and failures of every corridor, as the G20 targets define them.

    At most 3 % cost, and credits within an hour for 75 %, within a day for all.
    """
    with Desk(options) as desk:
        found = desk.indicators(
            *(one if one is None or one.tzinfo else one.replace(tzinfo=UTC) for one in (since, before))
        )

    verdicts = {True: "meets the G20 targets", False: "[red]misses the G20 targets[/]", None: "nothing to judge yet"}

    def human() -> None:
        for one in found:
            figures = one["figures"]
            ends = f"{figures['credited']} of {figures['ordered']} credited, median {figures['median_ms']} ms"
            shares = percent(figures["within_share_ppm"]), percent(figures["within_day_share_ppm"])
            times = f"{shares[0]} in an hour, {shares[1]} in a day"
            cost = f"cost {percent(figures['mean_cost_ppm'])}"
            failed = ", ".join(f"{reason} {count}" for reason, count in figures["failed"].items()) or "none"
            target = verdicts[one["meets_targets"]]
            way = f"{figures['source']} → {figures['destination']}"
            console.print(f"{way}  {ends}, {times}, {cost}, failed {failed}; {target}")

    show(found, as_json=as_json, human=human)
