"""Tells open pages that something changed, at most once a second each, however much happens meanwhile.

A page hears only *that* there is news (server-sent events) and asks for itself again; so what it shows is made in one
place, in its reader's language, and a thousand commits a second cost one page a second and viewer.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from darwaza import config
from darwaza.entry.console.index import Index
from darwaza.entry.server import Server
from darwaza.errors import PushbackError

HEARTBEAT_S = 10.0


class Live:
    """See the module."""

    def __init__(self, server: Server, index: Index) -> None:
        self._server = server
        self._index = index
        self._open: Counter[str] = Counter()

    def stream(self, key: str) -> StreamingResponse:
        """Open a stream for a session.

        Raises:
            PushbackError: ``too_many_requests``: too many are open.
        """
        full = self._open.total() >= config.LIVE_STREAMS_MAX or self._open[key] >= config.LIVE_STREAMS_PER_SESSION_MAX
        if full:
            raise PushbackError("too many open pages", retry_after_s=HEARTBEAT_S, code="too_many_requests")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._events(key), headers=headers, media_type="text/event-stream")

    async def _events(self, key: str) -> AsyncIterator[bytes]:
        self._open[key] += 1
        loop = self._server.loop
        try:
            yield b"retry: 2000\nevent: hello\ndata: 1\n\n"
            seen = (loop.batches, self._index.seen)
            while True:
                # What the index reads after a start rings no bell.
                await self._server.changed(config.LIVE_INTERVAL_S if self._index.incomplete else HEARTBEAT_S)
                if seen == (loop.batches, self._index.seen):
                    yield b": still here\n\n"
                    continue
                seen = (loop.batches, self._index.seen)
                yield b"event: news\ndata: 1\n\n"
                await asyncio.sleep(config.LIVE_INTERVAL_S)
        finally:
            self._open[key] -= 1
            if self._open[key] <= 0:
                del self._open[key]
