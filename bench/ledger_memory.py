"""Transfers a second through the ledger core, in memory, on one core: ``python -m bench.ledger_memory``.

What is measured: ``posting.apply`` on batches of groups over a reader of plain dictionaries, from ready orders to the
values a store would write. What is not: building the orders, and any disk.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import Account
from darwaza.ledger.asset import Asset
from darwaza.ledger.book import Book
from darwaza.ledger.order import Group, Hold, Move, Post
from darwaza.ledger.posting import apply
from darwaza.ledger.transfer import RefusedOrder, Transfer

TENGE = Asset("KZT", 2)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BATCH_ORDERS = 8_000
BATCHES = 40


class Accounts:
    """A reader that knows accounts and no earlier transfers, as at the start of a ledger."""

    def __init__(self, count: int) -> None:
        """Make ``count`` funded accounts without limits in the way."""
        self._accounts = {
            f"position:{number}": Account(
                id=f"position:{number}",
                owner="KZ/bank",
                asset=TENGE,
                kind="position",
                floor_minor=-(10**15),
                ceiling_minor=10**15,
                opened_at=NOW,
            )
            for number in range(count)
        }

    def accounts(self, ids: Collection[str]) -> Iterable[Account]:
        """Read accounts."""
        return [self._accounts[account_id] for account_id in ids]

    def answers(self, ids: Collection[str]) -> Iterable[Transfer | RefusedOrder]:  # noqa: ARG002
        """Nothing was ever answered."""
        return ()

    def ends(self, hold_ids: Collection[str]) -> Iterable[Transfer]:  # noqa: ARG002
        """No hold has ended."""
        return ()


def moves(accounts: int, offset: int) -> list[Group]:
    """Groups of one simple transfer each, spread over the accounts."""
    return [
        Group(
            (Move(f"{number}/pay", f"position:{number % accounts}", f"position:{(number * 7 + 1) % accounts}", 5),),
            case_id=str(number),
        )
        for number in range(offset, offset + BATCH_ORDERS)
        if number % accounts != (number * 7 + 1) % accounts
    ]


def payments(accounts: int, offset: int) -> list[Group]:
    """Groups of a hold, then its posting, each in a decision of its own: two transfers per payment."""
    groups = []
    for move in moves(accounts, offset)[: BATCH_ORDERS // 2]:
        (order,) = move.orders
        hold = Hold(order.id, order.debit_account, order.credit_account, order.amount_minor)
        groups += [Group((hold,), move.case_id), Group((Post(order.id + "ed", order.id, 5),), move.case_id)]
    return groups


def measure(make: Callable[[int, int], list[Group]], accounts: int) -> float:
    """Transfers a second over all batches, and check that none was refused."""
    reader = Accounts(accounts)
    transfers = 0
    elapsed = 0.0
    for number in range(BATCHES):
        batch = make(accounts, number * BATCH_ORDERS)
        started = time.perf_counter()
        book = Book(reader, now=NOW, next_sequence=1)
        answers = apply(batch, book)
        transfers += len(book.changes().transfers)
        elapsed += time.perf_counter() - started
        if any(isinstance(answer, Refusal) for answer in answers):
            raise SystemExit("a transfer was refused")
    return transfers / elapsed


if __name__ == "__main__":
    print(
        json.dumps(
            {
                "moves_per_s_10000_accounts": round(measure(moves, 10_000)),
                "moves_per_s_6_accounts": round(measure(moves, 6)),
                "hold_post_per_s_10000_accounts": round(measure(payments, 10_000)),
                "hold_post_per_s_6_accounts": round(measure(payments, 6)),
            },
            indent=2,
        )
    )
