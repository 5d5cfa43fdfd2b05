"""A bank's list of quotes and payments, out and in: what each case says, without its messages and offers."""

from decimal import Decimal

import msgspec

from darwaza.engine.engine import Engine
from darwaza.entry.console import word
from darwaza.entry.console.listing import Column, Listing
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.window import list_cases, wanted_cases
from darwaza.entry.console.word import N_
from darwaza.entry.view.payment import Money, money
from darwaza.kernel.message import member_of
from darwaza.ports.store import CaseRow
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Payment


class PaymentLine(msgspec.Struct, frozen=True):
    """A quote or payment in a list.

    Attributes:
        id: of the case.
        direction: ``out`` or ``in``.
        other: address of the other bank.
        state: of the case.
        debit, credit: what leaves the payer and what reaches the payee; None without an accepted offer.
        reference: the payer's.
        opened_at: RFC 3339.
    """

    id: str
    direction: str
    other: str
    state: str
    debit: Money | None
    credit: Money | None
    reference: str
    opened_at: str


def _number(amount: Money | None) -> str | None:
    return None if amount is None else amount.amount


def _order(amount: Money | None) -> tuple[str, Decimal] | None:
    return None if amount is None else (amount.currency, Decimal(amount.amount))


COLUMNS: tuple[Column[PaymentLine], ...] = (
    Column("direction", N_("Direction"), lambda line: line.direction, words=word.DIRECTION),
    Column("other", N_("Other bank"), lambda line: line.other),
    Column("state", N_("State"), lambda line: line.state, words=word.PAYMENT_STATE),
    Column("leaves", N_("Leaves"), lambda line: _number(line.debit), order=lambda line: _order(line.debit)),
    Column("leaves_currency", N_("Currency"), lambda line: line.debit and line.debit.currency),
    Column("arrives", N_("Arrives"), lambda line: _number(line.credit), order=lambda line: _order(line.credit)),
    Column("arrives_currency", N_("Currency"), lambda line: line.credit and line.credit.currency),
    Column("reference", N_("Reference"), lambda line: line.reference),
    Column("opened_at", N_("Date"), lambda line: line.opened_at),
    Column("id", N_("Payment"), lambda line: line.id),
)


async def list_payments(visit: Visit) -> Listing[PaymentLine]:
    """The party's quotes and payments, newest first until they are sorted otherwise."""
    gateway, own = visit.server.gateway, visit.desk.guest.address
    direction = visit.query("direction")

    def shown(rows: list[CaseRow]) -> list[PaymentLine]:
        lines = (_line(gateway.engine, gateway.directory, row, own) for row in rows)
        return [line for line in lines if line is not None and direction in {"", line.direction}]

    wanted = wanted_cases(visit, service="payments", by_state=True)
    return await list_cases(visit, (own,), wanted, COLUMNS, shown, path="/console/bank")


def _line(engine: Engine, directory: Directory, row: CaseRow, own: str) -> PaymentLine | None:
    """One line; None for a case of the service that is no payment, such as an alias or a market."""
    payment = engine.site.decode_case(row).data
    if not isinstance(payment, Payment):
        return None
    debit = credit = None
    if payment.chosen is not None:
        source, destination = (
            directory.currencies.get(member_of(one)) for one in (payment.payer_bank, payment.payee_bank)
        )
        exchange = payment.chosen.exchange
        debit = None if source is None else money(exchange.debit_minor, source)
        credit = None if destination is None else money(exchange.credit_minor, destination)
    out = payment.payer_bank == own
    other = payment.payee_bank if out else payment.payer_bank
    return PaymentLine(
        row.id, "out" if out else "in", other, row.state, debit, credit, payment.end_to_end, row.opened_at
    )
