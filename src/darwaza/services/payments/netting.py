"""Net positions of a settlement cycle, and the instructions that settle them.

Everything here is computed from the payments a gateway holds, and both gateways of a payment hold the same: a payment
stands in the cycle its ``answer_by`` falls in and a return in the one it was made in, two instants that are in the
signed messages. So any participant computes the same positions from its own messages, and again later.

Whether a payment or a return counts is decided by one gateway alone: of an urgent payment by the payer's, of any other
and of a return by the payee's. It decides nothing about a cycle that is over, so after the end it knows all it decided
(``cycle`` tells it to the other gateway).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from darwaza.kernel import instant
from darwaza.kernel.message import member_of
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import CycleSum, Payment, Sums
from darwaza.services.payments.reversal import RETURN_WITHIN
from darwaza.services.payments.state import UNDECIDED
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.pacs009 import InstitutionHeader, InstitutionTransaction, InstitutionTransfer
from darwaza.standards.iso20022.party import Agent
from darwaza.standards.iso20022.payment import PaymentId, Settlement

SETTLEMENT_MESSAGE: Final = "pacs.009.001.12"
CREDITED: Final = frozenset({"settled", "recalling", "returning", "returned", "credited", "recalled", "given-back"})
"""States of a payment that has been credited, at either gateway, or came back out of suspense."""
DONE: Final = CREDITED | {"blocked", "frozen"}
"""States of a payment that its payer has paid, at either gateway."""
_RETURNED: Final = frozenset({"returning", "returned", "given-back"})
UNDECIDED_KEPT_MAX: Final = 1_000
"""Cases kept in mind that a cycle waits for, of two members; when all these have ended it is counted again."""
ORDERED_WITHIN: Final = timedelta(hours=1)
"""A payment's answer is due so soon after its quote."""
CLOCKS_APART_MAX: Final = timedelta(hours=1)
"""How far two gateways' clocks may differ: what one decided in a cycle may be of a case the other opened after it."""


class Leg(NamedTuple):
    """What one member paid out for another.

    Attributes:
        debtor: code of the member whose payer paid; owes it.
        creditor: code of the member whose payee got it; is owed it.
        currency: the creditor's for a payment; of the payment returned for a return.
        amount_minor: > 0.
        cycle: number of the settlement cycle.
        decided_by: code of the member whose gateway decided it; "" where it does not matter any more.
    """

    debtor: str
    creditor: str
    currency: str
    amount_minor: int
    cycle: int
    decided_by: str = ""


class Span(NamedTuple):
    """Where to look for the payments and returns of a cycle: cases opened in a time, in certain states.

    Of late returns (``reversal.late_returns``) those alone when ``late``.
    """

    since: datetime
    before: datetime
    states: frozenset[str]
    late: bool = False


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


def cycle_of(directory: Directory, moment: datetime) -> int:
    """Number of the settlement cycle an instant falls in, counted from 1970."""
    return instant.to_seconds(moment) // directory.plan.cycle_s


def start_of(directory: Directory, cycle: int) -> datetime:
    """The first instant of a settlement cycle."""
    return datetime.fromtimestamp(cycle * directory.plan.cycle_s, UTC)


def has_ended(directory: Directory, cycle: int, moment: datetime) -> bool:
    """Whether a settlement cycle, of any number, is over at an instant."""
    return cycle < cycle_of(directory, moment)


def spans(directory: Directory, cycle: int) -> tuple[Span, ...]:
    """Where the payments of a cycle are found, older ones that were returned in it, and others that were so late."""
    since = start_of(directory, cycle) - ORDERED_WITHIN
    return (
        Span(since, start_of(directory, cycle + 1) + CLOCKS_APART_MAX, DONE | UNDECIDED),
        Span(since - RETURN_WITHIN, since, _RETURNED),
        Span(instant.EPOCH, since - RETURN_WITHIN, _RETURNED, late=True),
    )


def legs(directory: Directory, payments: Iterable[tuple[str, Payment]]) -> list[Leg]:
    """What payments, each with its state, add to the positions."""
    found = []
    for state, payment in payments:
        if state not in DONE or payment.chosen is None or payment.answer_by is None:
            continue
        payer, payee = member_of(payment.payer_bank), member_of(payment.payee_bank)
        currency, amount = directory.currencies[payee].code, payment.chosen.exchange.destination_minor
        due = cycle_of(directory, payment.answer_by)
        found.append(Leg(payer, payee, currency, amount, due, decider_of(payment)))
        if payment.returned_at is not None:
            made = cycle_of(directory, payment.returned_at)
            found.append(Leg(payee, payer, currency, amount, made, payee))
    return found


def decider_of(payment: Payment) -> str:
    """Code of the member whose gateway decides whether a payment is credited."""
    return member_of(payment.payer_bank if payment.urgent else payment.payee_bank)


class Tally:
    """What payments add to one cycle, taken one by one.

    Attributes:
        cycle: its number.
        count: payments and returns that stand in it.
        undecided: members whose gateways have not decided all of it, each with the member at the payment's other end;
            and ids of cases of such payments, the first ``UNDECIDED_KEPT_MAX``.
    """

    def __init__(self, directory: Directory, cycle: int) -> None:
        self.cycle = cycle
        self.count = 0
        self.undecided: dict[tuple[str, str], dict[str, None]] = {}
        self._directory = directory
        self._amounts: Counter[tuple[str, str, str, str]] = Counter()
        self._counts: Counter[tuple[str, str, str, str]] = Counter()

    def add(self, case_id: str, state: str, payment: Payment) -> None:
        """Take a payment of a case, with its state."""
        if state in UNDECIDED and payment.answer_by is not None:
            if cycle_of(self._directory, payment.answer_by) == self.cycle:
                ends = {member_of(payment.payer_bank), member_of(payment.payee_bank)}
                decider = decider_of(payment)
                for other in ends - {decider}:
                    held = self.undecided.setdefault((decider, other), {})
                    if len(held) < UNDECIDED_KEPT_MAX:
                        held[case_id] = None
            return
        for leg in legs(self._directory, ((state, payment),)):
            if leg.cycle == self.cycle:
                key = (leg.decided_by, leg.debtor, leg.creditor, leg.currency)
                self._amounts[key] += leg.amount_minor
                self._counts[key] += 1
                self.count += 1

    @property
    def legs(self) -> list[Leg]:
        """All of it, as one leg for each pair, currency and decider."""
        return [
            Leg(debtor, creditor, currency, amount, self.cycle, decider)
            for (decider, debtor, creditor, currency), amount in self._amounts.items()
        ]

    def sums(self, decider: str, other: str) -> Sums:
        """What one member's gateway decided between it and another."""
        return tuple(
            sorted(
                CycleSum(debtor, creditor, currency, amount, self._counts[by, debtor, creditor, currency])
                for (by, debtor, creditor, currency), amount in self._amounts.items()
                if by == decider and {debtor, creditor} == {decider, other}
            )
        )


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


def legs_of(sums: Sums, cycle: int) -> list[Leg]:
    """What a gateway told that it decided, as legs."""
    return [Leg(one.debtor, one.creditor, one.currency, one.amount_minor, cycle) for one in sums]


def _operator(directory: Directory, member: str) -> Agent:
    addresses = directory.operators(member)
    if not addresses:
        raise ValueError(f"{member} has no settlement operator")
    operator = directory.participant(addresses[0], "operator")
    if operator is not None and operator.bic is not None:
        return Agent(bic=operator.bic)
    return Agent(other_id=addresses[0][:35])
