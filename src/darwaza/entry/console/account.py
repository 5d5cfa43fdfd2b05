"""A bank's lists: of quotes, payments and bulks, out and in, and of the payments of a bulk.

They say what each case says, without its messages and offers. A bulk is one line, which leads to its payments.
"""

from decimal import Decimal
from typing import Final

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
from darwaza.services.payments.entry import entry_id, payment_of, total_of
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Bulk, Payment


class PaymentLine(msgspec.Struct, frozen=True):
    """A quote or payment in a list.

    Attributes:
        id: of the case.
        direction: ``out`` or ``in``.
        other: address of the other bank.
        state: of the case.
        debit, credit: what leaves the payer and what reaches the payee, by the accepted offer or else by the best one;
            None without any.
        reference: the payer's; of a bulk the id of its message.
        opened_at: RFC 3339.
        count: payments in a bulk; None for a case of its own.
        reason: why it failed, or "".
        offered: no offer was accepted, so the amounts are only offered.
    """

    id: str
    direction: str
    other: str
    state: str
    debit: Money | None
    credit: Money | None
    reference: str
    opened_at: str
    count: int | None = None
    reason: str = ""
    offered: bool = False


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
    Column("payments", N_("Payments"), lambda line: line.count),
    Column("id", N_("Payment"), lambda line: line.id),
)

_ALIKE: Final = frozenset({"direction", "other", "opened_at", "payments"})
"""Columns that say the same of every payment of a bulk."""
BULK_COLUMNS = (
    Column[PaymentLine]("number", "#", lambda line: line.id.partition(".")[2], order=lambda line: _place(line.id)),
    *(column for column in COLUMNS if column.name not in _ALIKE),
    Column[PaymentLine]("reason", N_("Reason"), lambda line: line.reason),
)


def _place(payment_id: str) -> int:
    return int(payment_id.partition(".")[2])


async def list_payments(visit: Visit) -> Listing[PaymentLine]:
    """The party's quotes, payments and bulks, newest first until they are sorted otherwise."""
    gateway, own = visit.server.gateway, visit.desk.guest.address
    direction = visit.query("direction")

    def shown(rows: list[CaseRow]) -> list[PaymentLine]:
        lines = (_line(gateway.engine, gateway.directory, row, own) for row in rows)
        return [line for line in lines if line is not None and direction in {"", line.direction}]

    wanted = wanted_cases(visit, service="payments", by_state=True)
    return await list_cases(visit, (own,), wanted, COLUMNS, shown, path="/console/bank")


def find_bulk(visit: Visit, case_id: str) -> tuple[CaseRow, Bulk] | None:
    """A bulk; None when there is none of this id. Whether the visitor may see it is not asked here."""
    row = visit.server.store.cases([case_id]).get(case_id)
    data = None if row is None else visit.server.gateway.engine.site.decode_case(row).data
    return (row, data) if row is not None and isinstance(data, Bulk) else None


def list_bulk(visit: Visit, row: CaseRow, bulk: Bulk) -> Listing[PaymentLine]:
    """The payments of a bulk in the order of its document until they are sorted otherwise."""
    directory, own = visit.server.gateway.directory, visit.desk.guest.address
    wanted = visit.query("state")
    lines = [
        _payment_line(directory, row, entry_id(row.id, number), entry.state, payment_of(bulk, entry), own)
        for number, entry in enumerate(bulk.entries, 1)
        if wanted in {"", entry.state}
    ]
    return Listing(visit, lines, BULK_COLUMNS)


def bulk_line(directory: Directory, row: CaseRow, bulk: Bulk, own: str) -> PaymentLine:
    """A bulk as one line: what all its payments come to."""
    source, destination = (directory.currencies.get(member_of(one)) for one in (bulk.payer_bank, bulk.payee_bank))
    total = total_of(bulk.entries)
    out = bulk.payer_bank == own
    return PaymentLine(
        id=row.id,
        direction="out" if out else "in",
        other=bulk.payee_bank if out else bulk.payer_bank,
        state=row.state,
        debit=None if source is None else money(total.debit_minor, source),
        credit=None if destination is None else money(total.credit_minor, destination),
        reference=bulk.message_id,
        opened_at=row.opened_at,
        count=len(bulk.entries),
    )


def _line(engine: Engine, directory: Directory, row: CaseRow, own: str) -> PaymentLine | None:
    """One line; None for a case of the service that is no payment, such as an alias or a market."""
    data = engine.site.decode_case(row).data
    if isinstance(data, Bulk):
        return bulk_line(directory, row, data, own)
    return _payment_line(directory, row, row.id, row.state, data, own) if isinstance(data, Payment) else None


def _payment_line(directory: Directory, row: CaseRow, name: str, state: str, payment: Payment, own: str) -> PaymentLine:
    debit = credit = None
    offer = payment.chosen or next(iter(payment.offers), None)
    if offer is not None:
        source, destination = (
            directory.currencies.get(member_of(one)) for one in (payment.payer_bank, payment.payee_bank)
        )
        exchange = offer.exchange
        debit = None if source is None else money(exchange.debit_minor, source)
        credit = None if destination is None else money(exchange.credit_minor, destination)
    out = payment.payer_bank == own
    return PaymentLine(
        id=name,
        direction="out" if out else "in",
        other=payment.payee_bank if out else payment.payer_bank,
        state=state,
        debit=debit,
        credit=credit,
        reference=payment.end_to_end,
        opened_at=row.opened_at,
        reason=payment.reason,
        offered=offer is not None and payment.chosen is None,
    )
