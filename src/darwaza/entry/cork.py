"""A transport that puts what is written in one turn of the event loop into one record.

Uvicorn writes the head of an answer and its body apart. Over TLS each is a record, a system call and one more
waking of the caller for half an answer; for a small answer that is most of what sending it costs.

A large answer is not gathered: whoever writes it must hear from the transport, at once, that the caller reads slowly.
"""

import asyncio
from typing import Any

GATHERED_BYTES_MAX = 65_536
"""More is written at once."""


class Cork:
    """See the module."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._gathered_bytes = 0
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        """Whatever is not about writing is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write with the others of this turn, or at once when they have become many."""
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes > GATHERED_BYTES_MAX:
            self._flush()

    def write_whole(self, data: bytes) -> None:
        """Write what nothing follows: it need not wait for the end of the turn."""
        if self._pieces:
            self._pieces.append(data)
            self._flush()
        elif not self.is_closing():
            self._transport.write(data)

    def _flush(self) -> None:
        pieces, self._pieces, self._gathered_bytes = self._pieces, [], 0
        if pieces and not self.is_closing():
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def close(self) -> None:
        """Close after everything has been written."""
        self._flush()
        self._transport.close()
