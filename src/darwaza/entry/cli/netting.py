"""darwaza payments together: one net for several members, from what each of their gateways says of a cycle.

A gateway's view has its own payments alone. Where both gateways of a pair have told the same sums and either view says
so, those sums are final; added up over all pairs they are each member's position towards the others. Nothing here needs
a gateway or a network, and anybody who has the messages can work the views out again.
"""

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import msgspec

from darwaza.client.answer.payment import CycleView
from darwaza.entry.cli.output import console, json_option, reports_errors, show
from darwaza.entry.cli.payment import amount, payments
from darwaza.errors import MalformedError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.money import to_minor, to_text
from darwaza.services.payments.cycle import OWN_AWAITED, THEIRS_AWAITED, UNLIKE
from darwaza.services.payments.netting import Leg, multilateral, settle
from darwaza.standards.iso20022.amount import scale_of

WAITS_FOR = {
    OWN_AWAITED: "this gateway has not told its sums: a payment that it decides has not ended, or a neighbour has not"
    " been reached since it started. Wait",
    THEIRS_AWAITED: "its gateway has not told its sums, or not all that they are made of has arrived. Wait",
    UNLIKE: "its gateway told other sums than its messages come to here. Pay nothing; ask its settlement operator which"
    " payments and returns its sums are made of",
}
"""Why a cycle is not settled with a member, and what to do, for people."""


class Money(msgspec.Struct, frozen=True):
    """A decimal amount and its currency."""

    amount: str
    currency: str


class Sum(msgspec.Struct, frozen=True):
    """What one gateway decided that a member owes another."""

    debtor: str
    creditor: str
    amount: Money
    count: int


class Agreement(msgspec.Struct, frozen=True):
    """How far two gateways are with a cycle; see ``entry.api.cycle.AgreementView``."""

    member: str
    waits_for: str
    own: tuple[Sum, ...] | None
    theirs: tuple[Sum, ...] | None


class View(msgspec.Struct, frozen=True):
    """What a gateway says of a cycle to its settlement operator; the rest of it is not needed."""

    member: str
    cycle: int
    agreements: tuple[Agreement, ...] = ()


def print_cycle(found: CycleView, written: Iterable[Path]) -> None:
    """Print what a settlement cycle comes to, for people: what is owed, what is written, what stands in the way.

    Args:
        found: as the gateway answers.
        written: instructions that were put into files.
    """
    many = f"{found['payments']} payments and returns"
    console.print(f"cycle {found['cycle']}, {found['since']} to {found['until']}: {many}")
    for debt in found["bilateral"]:
        console.print(f"   {debt['debtor']} owes {debt['creditor']} {amount(debt['net'])}")
    for path in written:
        console.print(f"   instruction to pay: {path}", soft_wrap=True)
    for standing in found.get("agreements", ()):
        if standing["waits_for"]:
            why = WAITS_FOR[standing["waits_for"]]
            console.print(f"   [yellow]not settled with {standing['member']}: {why}[/]", soft_wrap=True)
        if standing["waits_for"] == UNLIKE:
            for words, sums in (("it told", standing["theirs"]), ("counted here", standing["seen"])):
                for one in sums or ():
                    owed = f"{one['debtor']} owes {one['creditor']} {amount(one['amount'])}, {one['count']} of them"
                    console.print(f"      {words}: {owed}")
                if not sums:
                    console.print(f"      {words}: nothing")
    for member in found["undecided"]:
        console.print(f"   [yellow]payments with {member} have not ended: what is owed may still change[/]")


@payments.command(epilog="Example: darwaza payments together pk.json kz.json uz.json")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@reports_errors
def together(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Add up what several members' gateways agreed on, from the FILES that positions --settle --json printed there.

    A pair that is not agreed is pending: what its two members get or owe then lacks it.
    """
    views = read_views(files)
    legs, pending = agreed_legs(views)
    net = multilateral(legs, legs[0].cycle) if legs else {}
    found = {
        "cycle": next(iter(views.values())).cycle,
        "members": sorted(views),
        "multilateral": [_said(minor, currency) | {"member": member} for (member, currency), minor in net.items()],
        "settlement": [
            _said(one.amount_minor, one.currency) | {"debtor": one.debtor, "creditor": one.creditor}
            for one in settle(net)
        ],
        "pending": [list(pair) for pair in pending],
    }

    def human() -> None:
        console.print(f"cycle {found['cycle']}, {', '.join(sorted(views))}")
        for (member, currency), minor in net.items():
            word = "gets" if minor > 0 else "owes"
            console.print(f"   {member} {word} {_said(abs(minor), currency)['amount']} {currency}")
        for first, second in pending:
            console.print(f"   [yellow]{first} and {second} have not agreed: what is between them is missing[/]")

    show(found, as_json=as_json, human=human)


def read_views(files: tuple[Path, ...]) -> dict[str, View]:
    """The views in files, by member.

    Raises:
        MalformedError: ``view_malformed``: one cannot be read, is of another cycle, or of a member that has one.
    """
    views: dict[str, View] = {}
    for file in files:
        try:
            view = msgspec.json.decode(file.read_bytes(), type=View)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
            raise MalformedError(f"{file} holds no view of a cycle: {fault}", code="view_malformed") from fault
        if view.member in views or any(one.cycle != view.cycle for one in views.values()):
            detail = f"{file} is of another cycle, or of a member that has a file already"
            raise MalformedError(detail, code="view_malformed")
        views[view.member] = view
    return views


def agreed_legs(views: dict[str, View]) -> tuple[list[Leg], list[tuple[str, str]]]:
    """What the members owe one another by the sums that both of each pair told, and the pairs that are not agreed.

    Raises:
        MalformedError: ``views_differ``: two views say that the pair is agreed, on different sums.
    """
    legs: list[Leg] = []
    pending = []
    for first, second in combinations(sorted(views), 2):
        here, there = _with(views[first], second), _with(views[second], first)
        if here is None and there is None:  # no corridor joins them
            continue
        if here is None or there is None or here.waits_for or there.waits_for:
            pending.append((first, second))
            continue
        if (here.own, here.theirs) != (there.theirs, there.own):
            raise MalformedError(f"{first} and {second} say they agree, on different sums", code="views_differ")
        sums = (*(here.own or ()), *(here.theirs or ()))
        legs += [
            Leg(one.debtor, one.creditor, one.amount.currency, _minor(one.amount), views[first].cycle) for one in sums
        ]
    return legs, pending


def _with(view: View, member: str) -> Agreement | None:
    return next((one for one in view.agreements if one.member == member), None)


def _minor(money: Money) -> int:
    found = to_minor(money.amount, Asset(money.currency, scale_of(money.currency)))
    if isinstance(found, Refusal):
        raise MalformedError(f"{money.amount!r}: {found.detail}", code="view_malformed")
    return found


def _said(minor: int, currency: str) -> dict[str, Any]:
    return {"amount": to_text(minor, Asset(currency, scale_of(currency))), "currency": currency}
