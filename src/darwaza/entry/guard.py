"""Guards the connections of the HTTP server: what a client sends before it has said who it is costs little.

Uvicorn reads the head of a request without any limit and waits for the rest of a request for ever. Here the head has a
size and a time, the body a time, and the number of connections an end. Whatever the parser refuses is answered in the
one shape of all errors.
"""

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from darwaza import config
from darwaza.entry.api.problem import problem_of
from darwaza.entry.cork import Cork
from darwaza.errors import DarwazaError, MalformedError, TooLargeError
from darwaza.kernel.wire import PROBLEM_MEDIA_TYPE

SWEEP_S = 1.0


class GuardedProtocol(HttpToolsProtocol):
    """One connection; see the module.

    Attributes:
        since_s: when the head that is being read began, or the body behind it, on the loop's clock.
    """

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or none beyond the limit."""
        super().connection_made(Cork(transport, self.loop))  # type: ignore[arg-type]
        self.since_s = self.loop.time()
        self._head = True
        self._head_bytes = 0
        if len(self.connections) > config.CONNECTIONS_MAX:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on; a head over its limit ends the connection."""
        super().data_received(data)
        if not self._head:
            if self.timeout_keep_alive_task is None and self.cycle.response_complete:
                # Something that is no request yet, such as empty lines: it counts as the beginning of one.
                self._head, self._head_bytes, self.since_s = True, len(data), self.loop.time()
            return
        self._head_bytes += len(data)
        if self._head_bytes > config.REQUEST_HEAD_BYTES_MAX and not self.transport.is_closing():
            detail = f"the head of a request has at most {config.REQUEST_HEAD_BYTES_MAX} bytes"
            self.refuse(TooLargeError(detail, code="head_too_large"))

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        self._head, self._head_bytes, self.since_s = True, 0, self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is read; from now on the body has its time."""
        self._head, self.since_s = False, self.loop.time()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self.refuse(MalformedError(msg, code="http_malformed"))

    def refuse(self, fault: DarwazaError) -> None:
        """Answer with a problem and close."""
        problem = problem_of(fault)
        body = msgspec.json.encode(problem)
        head = (
            f"HTTP/1.1 {problem.status} {problem.title}\r\ncontent-type: {PROBLEM_MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def is_late(self, now_s: float) -> bool:
        """Whether the client takes too long to finish what it began to send.

        A connection that rests between two requests is uvicorn's to close (its keep-alive timeout).
        """
        if self._head:
            return self.timeout_keep_alive_task is None and now_s - self.since_s > config.REQUEST_HEAD_S_MAX
        waits = self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete
        return waits and now_s - self.since_s > config.REQUEST_BODY_S_MAX


async def sweep(connections: set[Any]) -> None:
    """Close late connections, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_S)
        now_s = loop.time()
        for one in [one for one in connections if isinstance(one, GuardedProtocol) and one.is_late(now_s)]:
            one.transport.abort()
