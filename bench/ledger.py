"""Durable transfers a second through the ledger and the store: ``python -m bench.ledger``.

What is measured: batches of groups, one transfer each, from ready orders through the engine's own book, rows and
commit, to SQLite on disk with an fsync a batch. The same work over 10,000 accounts and over six, then holds and their
postings. What is not: building the orders, and the rules and messages that give rise to them (see the payments
benchmark).
"""

import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.engine.ledger import Entries, LedgerEnd
from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import Group, Hold, Move, OpenAccount, Post
from darwaza.ledger.posting import apply
from darwaza.ports.store import Changes

TENGE = Asset("KZT", 2)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BATCH_TRANSFERS = 2_000
BATCHES = 100
ACCOUNTS = 10_000
HOT_ACCOUNTS = 6


def case_id(number: int) -> str:
    """A case id as the engine makes them: sorted by time."""
    return f"019ab000-{number >> 16 & 0xFFFF:04x}-7{number >> 4 & 0xFFF:03x}-8{number & 0xF:x}00-0123456789ab"


def moves(accounts: int, batch: int) -> list[Group]:
    """A transfer a group, spread over the accounts."""
    first = batch * BATCH_TRANSFERS
    return [
        Group(
            (
                Move(
                    case_id(number) + "/move",
                    f"position:{number * 7_919 % accounts}",
                    f"position:{(number * 7_919 + 1 + number % (accounts - 1)) % accounts}",
                    5,
                ),
            ),
            case_id(number),
        )
        for number in range(first, first + BATCH_TRANSFERS)
    ]


def payments(accounts: int, batch: int) -> list[Group]:
    """A hold that expires unless its posting, a decision of its own in the next batch, comes before."""
    half = BATCH_TRANSFERS // 2
    groups = []
    for number in range(batch * half, (batch + 1) * half):
        debit = number * 7_919 % accounts
        hold = Hold(
            case_id(number) + "/hold",
            f"position:{debit}",
            f"position:{(debit + 1 + number % (accounts - 1)) % accounts}",
            5,
            NOW + timedelta(seconds=60),
        )
        groups.append(Group((hold,), case_id(number)))
    earlier = range((batch - 1) * half, batch * half) if batch else ()
    posts = (Post(case_id(number) + "/post", case_id(number) + "/hold", 5) for number in earlier)
    return [*groups, *(Group((post,), post.id[:36]) for post in posts)]


def run(store: SqliteStore, end: LedgerEnd, groups: list[Group]) -> LedgerEnd:
    """Apply one batch and commit it, as the engine does."""
    entries = Entries(store, end, NOW)
    if any(isinstance(answer, Refusal) for answer in apply(groups, entries.book)):
        raise SystemExit("a transfer was refused")
    changes = Changes()
    entries.write(changes)
    store.commit(changes)
    return entries.end


def measure(make: Callable[[int, int], list[Group]], accounts: int) -> float:
    """Durable transfers a second over all batches."""
    with tempfile.TemporaryDirectory(prefix="darwaza-bench-") as folder:
        store = SqliteStore.create(Path(folder) / "ledger.db")
        opening = [
            Group((OpenAccount(f"position:{number}", "KZ/bank", TENGE, "position", -(10**15), None),))
            for number in range(accounts)
        ]
        end = run(store, LedgerEnd(), opening)
        elapsed_s = 0.0
        for batch in range(BATCHES):
            groups = make(accounts, batch)
            started_s = time.perf_counter()
            end = run(store, end, groups)
            elapsed_s += time.perf_counter() - started_s
        store.close()
    return end.sequence / elapsed_s


def figures() -> dict[str, int]:
    """Everything measured, by name."""
    return {
        "transfers_per_s": round(measure(moves, ACCOUNTS)),
        "hot_transfers_per_s": round(measure(moves, HOT_ACCOUNTS)),
        "hold_post_per_s": round(measure(payments, ACCOUNTS)),
        "hot_hold_post_per_s": round(measure(payments, HOT_ACCOUNTS)),
    }


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))
