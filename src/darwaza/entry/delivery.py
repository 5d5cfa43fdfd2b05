"""Requests that wait until both sides have signed for a message.

Each is dropped when its time is over, not only when the signature comes: a neighbour may be away for weeks.
"""

import asyncio
import heapq

from darwaza.engine.bell import within

GIVEN_UP_MAX = 1_024
"""So many that have given up may still stand among as many that wait before they are taken out together."""


class Deliveries:
    """See the module.

    Attributes:
        waiting: by log: (index, number, future) as a heap; also of some that have given up.
    """

    def __init__(self) -> None:
        self.waiting: dict[int, list[tuple[int, int, asyncio.Future[bool]]]] = {}
        self._number = 0
        self._given_up: dict[int, int] = {}

    async def wait(self, log_id: int, index: int, timeout_s: float) -> bool:
        """Wait for the signature on a leaf that has none; False when that took too long."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self.waiting.setdefault(log_id, []), (index, self._number, future))
        signed = False
        try:
            signed = await within(future, timeout_s, otherwise=False)
        finally:
            if not signed:
                self._give_up(log_id)
        return signed

    def signed(self, log_id: int, size: int) -> None:
        """Tell all who wait for a leaf below this size."""
        waiting = self.waiting[log_id]
        while waiting and waiting[0][0] < size:
            future = heapq.heappop(waiting)[2]
            if not future.done():
                future.set_result(True)

    def _give_up(self, log_id: int) -> None:
        self._given_up[log_id] = given_up = self._given_up.get(log_id, 0) + 1
        waiting = self.waiting[log_id]
        if given_up > max(GIVEN_UP_MAX, len(waiting) // 2):
            waiting[:] = [one for one in waiting if not one[2].done()]
            heapq.heapify(waiting)
            self._given_up[log_id] = 0
