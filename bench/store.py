"""What the SQLite store costs: ``python -m bench.store [--messages 1000 100000 1000000]``.

Each message is what a payment leaves behind: a leaf (450-byte header, 1.5 kB body), a case, two parties, an answer.
Keys and ids are UUIDv7, five messages a millisecond. Housekeeping runs beside the commits in a thread, as in a gateway.
At each size it prints: microseconds a message in commits of 256 (median, mean) and the slowest commits; the latency of
commits of one message; what the checkpoints cost; the size on the disk; and reads that a gateway makes all the time.
"""

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.ports.store import (
    AnswerRow,
    CaseFilter,
    CaseRow,
    Changes,
    CheckpointRow,
    LeafRow,
    LogRow,
    PartyRow,
    TileRow,
)

BATCH = 256
SAMPLES = 40
SINGLES = 500
MAINTAIN_EVERY_S = 0.5
PARTIES = 24
START_MS = 1_790_000_000_000

CHANCE = random.Random(20261122)
HEADER, BODY, DATA, ANSWER, NOTE = (CHANCE.randbytes(size) for size in (450, 1_500, 260, 140, 420))
HASHES = CHANCE.randbytes(256 * 32)


def uuid7(number: int) -> str:
    """RFC 9562 section 5.7, five a millisecond."""
    bits = CHANCE.getrandbits(74)
    high, low = bits >> 62, bits & (1 << 62) - 1
    digits = f"{START_MS + number // 5:012x}7{high:03x}{1 << 63 | low:016x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def instant(number: int) -> str:
    """When the message with this number was made."""
    seconds, ms = divmod(START_MS + number // 5, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms:03d}Z"


def batch(start: int, count: int) -> Changes:
    """What one transaction of ``count`` messages changes."""
    end, at = start + count, instant(start)
    changes = Changes(
        logs={1: LogRow(1, "example.org/pk-uz", "PK", "UZ", 0, end, NOTE, end, end, NOTE)},
        checkpoints=[CheckpointRow(1, end, NOTE)],
    )
    for index in range(start, end):
        case_id, key = uuid7(index), uuid7(index)
        ours, theirs = f"PK/bank{CHANCE.randrange(PARTIES // 2)}", f"UZ/bank{CHANCE.randrange(PARTIES // 2)}"
        changes.leaves.append(LeafRow(1, index, "PK " + uuid7(index), case_id, HEADER, BODY))
        changes.cases[case_id] = CaseRow(case_id, "payments", "sent", DATA, None, at, at, None)
        changes.parties += PartyRow(ours, "payments", at, case_id), PartyRow(theirs, "payments", at, case_id)
        changes.answers.append(AnswerRow(ours, key, HEADER[:32], ANSWER, at))
    for number in range(start // 256, (end - 1) // 256 + 1):
        changes.tiles[1, 0, number] = TileRow(1, 0, number, HASHES[: 32 * min(256, end - number * 256)])
    return changes


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def disk(folder: Path) -> None:
    """What the disk itself takes for the least that a commit needs."""
    path = folder / "disk"
    handle = os.open(path, os.O_CREAT | os.O_RDWR)
    page = bytes(8_192)

    def write(number: int) -> None:
        os.pwrite(handle, page, number % 100 * len(page))
        os.fdatasync(handle)

    spent = sorted(timed(partial(write, number)) for number in range(SINGLES))
    os.close(handle)
    path.unlink()
    print(
        f"disk: 8 KiB and fdatasync p50 {spent[SINGLES // 2] * 1e3:.2f} ms, p99 {spent[-SINGLES // 100] * 1e3:.2f} ms"
    )


class Keeper:
    """Housekeeping in a thread; ``spent_s`` is what it took so far."""

    def __init__(self, store: SqliteStore) -> None:
        self.spent_s: list[float] = []
        self._store = store
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(MAINTAIN_EVERY_S):
            self.spent_s.append(timed(self._store.maintain))

    def stop(self) -> None:
        """Wait for the last round."""
        self._over.set()
        self._thread.join()


def commits(store: SqliteStore, stored: int) -> int:
    """Time large and small commits; give back how many messages are there now."""
    large, small, cpu_s = [], [], 0.0
    for _ in range(SAMPLES):
        changes = batch(stored, BATCH)
        cpu_s -= time.thread_time()
        large.append(timed(partial(store.commit, changes)))
        cpu_s += time.thread_time()
        stored += BATCH
    for _ in range(SINGLES):
        small.append(timed(partial(store.commit, batch(stored, 1))))
        stored += 1
    large.sort()
    small.sort()
    each = [seconds / BATCH * 1e6 for seconds in (statistics.median(large), statistics.mean(large), cpu_s / SAMPLES)]
    print(f"{stored:,} messages")
    print(f"  {BATCH} a commit: median {each[0]:.1f}, mean {each[1]:.1f}, processor {each[2]:.1f} us a message", end="")
    print(f"; p99 {large[-2] * 1e3:.1f} ms, slowest {large[-1] * 1e3:.1f} ms a commit")
    print(f"  1 a commit: p50 {small[SINGLES // 2] * 1e3:.2f} ms, p99 {small[-SINGLES // 100] * 1e3:.2f} ms")
    return stored


def housekeeping(store: SqliteStore, keeper: Keeper, stored: int) -> None:
    """What checkpoints have cost so far, and what is on the disk."""
    rounds = keeper.spent_s or [0.0]
    each, worst = statistics.mean(rounds) * 1e3, max(rounds) * 1e3
    print(f"  checkpoints: {sum(rounds) / stored * 1e6:.1f} us a message, {each:.0f} ms each, slowest {worst:.0f} ms")
    log_bytes = store.path.with_name(store.path.name + "-wal").stat().st_size
    print(f"  disk: {store.path.stat().st_size / stored:,.0f} bytes a message, log {log_bytes / 1e6:.0f} MB")


def reads(store: SqliteStore, stored: int) -> None:
    """What a gateway asks all the time, and the list that costs most."""
    keys = ["PK " + uuid7(CHANCE.randrange(stored)) for _ in range(BATCH)]
    asked = {
        f"{BATCH} unknown keys": partial(store.known, keys),
        "2 MiB of leaves": partial(store.leaves, 1, stored // 2, stored, 2 << 20),
        "a page of a party's cases": partial(store.find_cases, CaseFilter(party="PK/bank1", states=("sent",))),
        "one that finds nothing": partial(store.find_cases, CaseFilter(party="PK/bank1", states=("failed",))),
    }
    print("  reads: " + ", ".join(f"{name} {timed(read) * 1e3:.1f} ms" for name, read in asked.items()), flush=True)


def main() -> None:
    """Grow a store through the sizes asked for, measure at each, and copy it at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where to make the store; the disk matters")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        disk(Path(folder))
        store = SqliteStore.create(Path(folder) / "gateway.db")
        keeper = Keeper(store)
        stored = 0
        for target in options.messages:
            while stored < target:
                store.commit(batch(stored, BATCH))
                stored += BATCH
            stored = commits(store, stored)
            housekeeping(store, keeper, stored)
            reads(store, stored)
        keeper.stop()
        print(f"backup {timed(lambda: store.backup(Path(folder) / 'copy.db')):.1f} s; close {timed(store.close):.2f} s")


if __name__ == "__main__":
    main()
