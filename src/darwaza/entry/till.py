"""What waits at the payments counter: credits that a bank has to confirm, and banks that wait for a payment's end.

Nothing here is lost with the process: what waits is read from the cases when a bank first asks, and followed from then
on by the notices of each commit, so that asking costs what is new and not what there is.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from darwaza.engine.bell import within
from darwaza.kernel import instant
from darwaza.ports.store import CaseFilter, Changes, Store
from darwaza.services.payments.bulk_destination import OPEN as BULK_ASKED
from darwaza.services.payments.planfile import TIME_S_MAX

CREDITS_FOUND_MAX = 100_000
LOOK_BACK = timedelta(seconds=2 * TIME_S_MAX)
"""Credits asked for longer ago are past every time to answer."""

ASKED = frozenset({"payment.asked", "payment.bulk-asked"})
WAITING = ("asked", BULK_ASKED)
"""States of a case whose bank has to say something."""
_ENDED = frozenset({"payment.settled", "payment.rejected", "payment.blocked", "verification.ended"})
_MANY_ENDED = {f"payment.bulk-{end}": f"payment.{end}" for end in ("settled", "rejected", "blocked")}
"""What the end of payments of a bulk is for each of them."""


class _Ended(msgspec.Struct):
    """What a notice of the end of many payments tells."""

    uetrs: list[str]


_decode = msgspec.msgpack.Decoder(_Ended).decode


class Till:
    """See the module."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        """Prepare.

        Args:
            store: what is committed.
            now: tells the time.
        """
        self._store = store
        self._now = now
        self._asked: dict[str, dict[str, None]] = {}
        self._waiting: dict[str, dict[str, list[asyncio.Future[str]]]] = {}

    def credits(self, bank: str) -> list[str]:
        """Ids of payments that may wait for this bank's word, oldest first."""
        if bank not in self._asked:
            self._start(bank)
        return list(self._asked[bank])

    def answered(self, bank: str, case_id: str) -> None:
        """Strike a payment off: it does not wait for the bank any more."""
        self._asked.get(bank, {}).pop(case_id, None)

    async def ended(self, bank: str, name: str, timeout_s: float) -> str:
        """Wait for the end of a payment of this bank.

        An end that came before is not seen here: the caller looks at the case first, unless it was made by the last
        commit and nothing was awaited since.

        Args:
            bank: address.
            name: id of the payment's case, or the UETR of one of a bulk.
            timeout_s: the longest wait.

        Returns:
            The notice's kind, as for a payment of its own; "" when it took too long.
        """
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(bank, {})
        others = waiting.setdefault(name, [])
        others.append(future)
        try:
            return await within(future, timeout_s, otherwise="")
        finally:
            others.remove(future)
            if not others:
                waiting.pop(name, None)

    def follow(self, changes: Changes) -> None:
        """Learn from a commit which credits wait, and who need not wait for an end any more."""
        for notice in changes.notices:
            if notice.kind in _ENDED:
                _tell(self._waiting.get(notice.party, {}), notice.case_id, notice.kind)
                continue
            if notice.kind in _MANY_ENDED:
                waiting = self._waiting.get(notice.party, {})
                for uetr in _decode(notice.detail).uetrs if waiting else ():
                    _tell(waiting, uetr, _MANY_ENDED[notice.kind])
                continue
            asked = self._asked.get(notice.party)
            if asked is not None and notice.kind in ASKED:
                asked[notice.case_id] = None
            elif asked is not None and notice.case_id in asked and changes.cases[notice.case_id].state not in WAITING:
                del asked[notice.case_id]

    def _start(self, bank: str) -> None:
        self._asked[bank] = {}
        since = instant.to_fine_text(self._now() - LOOK_BACK)
        wanted = CaseFilter(
            party=bank,
            service="payments",
            states=WAITING,
            opened_from=since,
            items_max=CREDITS_FOUND_MAX,
        )
        for row in reversed(self._store.find_cases(wanted)):
            self._asked[bank][row.id] = None


def _tell(waiting: Mapping[str, Iterable[asyncio.Future[str]]], name: str, kind: str) -> None:
    for future in waiting.get(name, ()):
        if not future.done():
            future.set_result(kind)
