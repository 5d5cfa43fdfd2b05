"""Money that enters and leaves a gateway through the settlement agent, as orders for the ledger.

Deposits are said to one gateway alone, so after a loss no neighbour can give them back. The settlement operator keeps
them as a list; a gateway that starts with it in its folder books what it has not, before it hears of any payment::

    kind,participant,amount,reference
    deposit,PK/indus-bank,9000000.00,SBP-1
    withdrawal,PK/indus-bank,5000.00,SBP-2
"""

import csv
import io
from collections.abc import Iterator
from typing import Final

from darwaza.errors import OperatorError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.money import to_minor
from darwaza.ledger.order import Move
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.plan import Directory, external, liquidity, position

DEPOSIT: Final = "deposit"
WITHDRAWAL: Final = "withdrawal"
COLUMNS: Final = ("kind", "participant", "amount", "reference")


def book(directory: Directory, member: str, kind: str, participant: str, amount: str, reference: str) -> Move | Refusal:
    """The order that books money in or out; the same reference makes the same order.

    Args:
        directory: who takes part.
        member: of the gateway.
        kind: ``DEPOSIT`` or ``WITHDRAWAL``.
        participant: address of a bank or FX provider of the gateway.
        amount: decimal, in the member's currency.
        reference: the settlement agent's.
    """
    bank, provider = directory.participant(participant, "psp"), directory.participant(participant, "fxp")
    if not participant.startswith(member + "/") or (bank is None and provider is None):
        return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "there is no such bank or FX provider here", "/participant")
    asset = directory.currencies[member]
    minor = to_minor(amount, asset, "/amount")
    if isinstance(minor, Refusal):
        return minor
    account = position(participant, asset) if bank is not None else liquidity(participant, asset)
    debit, credit = (external(asset), account) if kind == DEPOSIT else (account, external(asset))
    return Move(f"{kind}:{reference}", debit, credit, minor)


def read_deposits(text: str, directory: Directory, member: str) -> Iterator[Move]:
    """Read a list of deposits and withdrawals.

    Raises:
        OperatorError: ``deposits_wrong``; the sentence says which line and why.
    """
    for number, line in enumerate(csv.DictReader(io.StringIO(text)), 2):
        if tuple(line) != COLUMNS or line["kind"] not in (DEPOSIT, WITHDRAWAL) or not line["reference"]:
            raise OperatorError(f"line {number} of the deposits is not {','.join(COLUMNS)}", code="deposits_wrong")
        order = book(directory, member, *(line[name] or "" for name in COLUMNS))
        if isinstance(order, Refusal):
            raise OperatorError(f"line {number} of the deposits: {order.detail}", code="deposits_wrong")
        yield order
