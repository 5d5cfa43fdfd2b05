"""Net positions of a settlement cycle, and the instructions that settle them.

Everything here is computed from the payments a gateway holds, and both gateways of a payment hold the same: a payment
stands in the cycle its ``answer_by`` falls in and a return in the one it was made in, two instants that are in the
signed messages. So any participant computes the same positions from its own messages, and again later.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from darwaza.kernel import instant
from darwaza.kernel.message import member_of
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Payment
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.pacs009 import InstitutionHeader, InstitutionTransaction, InstitutionTransfer
from darwaza.standards.iso20022.party import Agent
from darwaza.standards.iso20022.payment import PaymentId, Settlement

CYCLE_S: Final = 3_600
SETTLEMENT_MESSAGE: Final = "pacs.009.001.12"
CREDITED: Final = frozenset({"settled", "recalling", "returning", "returned", "credited", "recalled", "given-back"})
"""States of a payment that has been credited, at either gateway, or came back out of suspense."""
DONE: Final = CREDITED | {"blocked", "frozen"}
"""States of a payment that its payer has paid, at either gateway."""


class Leg(NamedTuple):
    """What one member paid out for another.

    Attributes:
        debtor: code of the member whose payer paid; owes it.
        creditor: code of the member whose payee got it; is owed it.
        currency: the creditor's for a payment; of the payment returned for a return.
        amount_minor: > 0.
        cycle: number of the settlement cycle.
    """

    debtor: str
    creditor: str
    currency: str
    amount_minor: int
    cycle: int


class Position(msgspec.Struct, frozen=True, order=True):
    """One net debt of a cycle.

    Attributes:
        debtor: owes.
        creditor: is owed.
        currency: ISO 4217.
        amount_minor: > 0.
    """

    debtor: str
    creditor: str
    currency: str
    amount_minor: int


def cycle_of(moment: datetime) -> int:
    """Number of the settlement cycle an instant falls in, counted from 1970."""
    return instant.to_seconds(moment) // CYCLE_S


def legs(directory: Directory, payments: Iterable[tuple[str, Payment]]) -> list[Leg]:
    """What payments, each with its state, add to the positions."""
    found = []
    for state, payment in payments:
        if state not in DONE or payment.chosen is None or payment.answer_by is None:
            continue
        payer, payee = member_of(payment.payer_bank), member_of(payment.payee_bank)
        currency, amount = directory.currencies[payee].code, payment.chosen.exchange.destination_minor
        found.append(Leg(payer, payee, currency, amount, cycle_of(payment.answer_by)))
        if payment.returned_at is not None:
            found.append(Leg(payee, payer, currency, amount, cycle_of(payment.returned_at)))
    return found


def bilateral(entries: Iterable[Leg], cycle: int) -> list[Position]:
    """Who owes whom how much after a cycle, by pair and currency."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for leg in entries:
        if leg.cycle == cycle:
            first, second = sorted((leg.debtor, leg.creditor))
            sums[first, second, leg.currency] += leg.amount_minor if leg.debtor == first else -leg.amount_minor
    found = []
    for (first, second, currency), amount in sums.items():
        if amount:
            debtor, creditor = (first, second) if amount > 0 else (second, first)
            found.append(Position(debtor, creditor, currency, abs(amount)))
    return sorted(found)


def multilateral(entries: Iterable[Leg], cycle: int) -> dict[tuple[str, str], int]:
    """What each member gets (positive) or owes (negative) in each currency; every currency sums to zero."""
    sums: Counter[tuple[str, str]] = Counter()
    for leg in entries:
        if leg.cycle == cycle:
            sums[leg.debtor, leg.currency] -= leg.amount_minor
            sums[leg.creditor, leg.currency] += leg.amount_minor
    return {key: sums[key] for key in sorted(sums) if sums[key]}


def settle(positions: dict[tuple[str, str], int]) -> list[Position]:
    """The debts that settle multilateral positions: fewer than there are members, largest first."""
    found = []
    for currency in sorted({currency for _, currency in positions}):
        owed = sorted((-amount, member) for (member, of), amount in positions.items() if of == currency and amount > 0)
        owing = sorted((amount, member) for (member, of), amount in positions.items() if of == currency and amount < 0)
        while owed and owing:
            (gets, creditor), (owes, debtor) = owed.pop(0), owing.pop(0)
            amount = min(-gets, -owes)
            found.append(Position(debtor, creditor, currency, amount))
            if -gets > amount:
                owed.insert(0, (gets + amount, creditor))
            if -owes > amount:
                owing.insert(0, (owes + amount, debtor))
    return found


def write_instruction(directory: Directory, position: Position, cycle: int, now: datetime) -> bytes:
    """Write the pacs.009 that settles one position between the members' settlement operators.

    Its identifiers follow from cycle, members and currency, so the same position is never instructed under two.
    """
    name = f"NET{cycle}{position.debtor}{position.creditor}{position.currency}"
    scale = next(asset.scale for asset in directory.currencies.values() if asset.code == position.currency)
    transfer = InstitutionTransfer(
        message=SETTLEMENT_MESSAGE,
        header=InstitutionHeader(
            message_id=name,
            created_at=now.replace(microsecond=0),
            transaction_count=1,
            settlement=Settlement(method="CLRG"),
        ),
        transactions=(
            InstitutionTransaction(
                id=PaymentId(end_to_end=name, transaction=name),
                amount=Amount(position.amount_minor, scale, position.currency),
                settled_on=now.date(),
                debtor=_operator(directory, position.debtor),
                creditor=_operator(directory, position.creditor),
            ),
        ),
    )
    return write(transfer)


def _operator(directory: Directory, member: str) -> Agent:
    addresses = directory.operators(member)
    if not addresses:
        raise ValueError(f"{member} has no settlement operator")
    operator = directory.participant(addresses[0], "operator")
    if operator is not None and operator.bic is not None:
        return Agent(bic=operator.bic)
    return Agent(other_id=addresses[0][:35])
