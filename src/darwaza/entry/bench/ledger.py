"""``darwaza bench ledger``: durable transfers a second through the ledger and the store.

What is measured: batches of groups, one transfer each, from ready orders through the engine's own book, rows and
commit, to the store on disk with an fsync a batch. The same work over many accounts and over six, then holds and their
postings. What is not: building the orders, and the rules and messages that give rise to them (see ``payments``).
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from darwaza.config import CONFIG_FILE, GatewayConfig
from darwaza.engine.ledger import Entries, LedgerEnd
from darwaza.entry.bench import cost
from darwaza.entry.bench.postgres import Server, servers
from darwaza.errors import OperatorError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import Group, Hold, Move, OpenAccount, Post
from darwaza.ledger.posting import apply
from darwaza.ports.store import Changes, Store
from darwaza.storage import create_store, open_store

TENGE = Asset("KZT", 2)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BATCH_TRANSFERS = 2_000
HOT_ACCOUNTS = 6


class LedgerFigures(msgspec.Struct):
    """What was measured.

    Attributes:
        accounts: that cold transfers are spread over.
        transfers_per_s: durable transfers, one a decision, over them.
        hot_transfers_per_s: the same over ``HOT_ACCOUNTS``, as over the positions of six countries.
        hold_post_per_s: holds and their postings, over all accounts.
        hot_hold_post_per_s: the same over ``HOT_ACCOUNTS``.
        cpu_us_per_transfer: of each of these runs, by its name; a database server's is in it.
    """

    accounts: int
    transfers_per_s: int
    hot_transfers_per_s: int
    hold_post_per_s: int
    hot_hold_post_per_s: int
    cpu_us_per_transfer: dict[str, float]


def measure(*, accounts: int, transfers: int, postgres: bool = False, report: Callable[[str], None]) -> LedgerFigures:
    """Move money, in a folder that is thrown away.

    Args:
        accounts: that cold transfers are spread over, at least ``HOT_ACCOUNTS``.
        transfers: of each run.
        postgres: whether the store of each run is on a PostgreSQL server of its own.
        report: called with a line of text before each run.
    """
    batches = max(1, transfers // BATCH_TRANSFERS)
    runs = {
        "transfers": (moves, accounts),
        "hot_transfers": (moves, HOT_ACCOUNTS),
        "hold_post": (payments, accounts),
        "hot_hold_post": (payments, HOT_ACCOUNTS),
    }
    found: dict[str, tuple[float, float]] = {}
    for name, (make, spread) in runs.items():
        report(f"{name}: {batches * BATCH_TRANSFERS:,} over {spread:,} accounts")
        found[name] = _run(make, spread, batches, postgres=postgres)
    return LedgerFigures(
        accounts=accounts,
        cpu_us_per_transfer={name: round(cpu_us, 1) for name, (_, cpu_us) in found.items()},
        **{f"{name}_per_s": round(per_s) for name, (per_s, _) in found.items()},
    )


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


def apply_batch(store: Store, end: LedgerEnd, groups: list[Group]) -> LedgerEnd:
    """Apply one batch and commit it, as the engine does."""
    entries = Entries(store, {}, {}, end, NOW)
    if any(isinstance(answer, Refusal) for answer in apply(groups, entries.book)):
        raise OperatorError("the ledger refused a transfer", code="bench_refused")
    changes = Changes()
    entries.write(changes)
    store.commit(changes)
    return entries.end


def _open(store: Store, accounts: int) -> LedgerEnd:
    end = LedgerEnd()
    for first in range(0, accounts, BATCH_TRANSFERS):
        numbers = range(first, min(first + BATCH_TRANSFERS, accounts))
        terms = ("KZ/bank", TENGE, "position", -(10**15), None)
        end = apply_batch(store, end, [Group((OpenAccount(f"position:{number}", *terms),)) for number in numbers])
    return end


def _run(
    make: Callable[[int, int], list[Group]], accounts: int, batches: int, *, postgres: bool
) -> tuple[float, float]:
    """Durable transfers a second over all batches, and microseconds of CPU for each."""
    with servers(["KZ"], wanted=postgres) as held, tempfile.TemporaryDirectory(prefix="darwaza-bench-") as folder:
        settings = GatewayConfig("KZ", store=held["KZ"].url() if postgres else "")
        settings.save(Path(folder) / CONFIG_FILE)
        create_store(Path(folder))
        store = open_store(Path(folder), settings)
        end = _open(store, accounts)
        elapsed_s = 0.0
        cpu_s = -_server_cpu_s(held)
        for batch in range(batches):
            groups = make(accounts, batch)
            began_s, cpu_began_s = time.perf_counter(), time.process_time()
            end = apply_batch(store, end, groups)
            elapsed_s += time.perf_counter() - began_s
            cpu_s += time.process_time() - cpu_began_s
        cpu_s += _server_cpu_s(held)
        store.close()
    return end.sequence / elapsed_s, cpu_s / end.sequence * 1e6


def _server_cpu_s(held: Mapping[str, Server]) -> float:
    return sum(map(cost.server_cpu_s, held.values()))
