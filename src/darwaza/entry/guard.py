"""Guards the connections of the HTTP server: what a client sends before it has said who it is costs little.

Uvicorn reads the head of a request without any limit and waits for the rest of a request for ever. Here the head has a
size and a time, the body a time, and the number of connections an end. Whatever the parser refuses is answered in the
one shape of all errors.
"""

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from darwaza import config
from darwaza.entry.api.problem import problem_of
from darwaza.entry.cork import Cork
from darwaza.entry.exchange import Exchange
from darwaza.errors import DarwazaError, MalformedError, TooLargeError
from darwaza.kernel.wire import PROBLEM_MEDIA_TYPE

SWEEP_S = 1.0


class GuardedProtocol(HttpToolsProtocol):
    """One connection; see the module.

    Attributes:
        since_s: when the head that is being read began, or the body behind it, or the rest after an answer, on the
            loop's clock.
    """

    transport: Cork  # type: ignore[assignment]
    cycle: Exchange

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or none beyond the limit."""
        super().connection_made(Cork(transport, self.loop))  # type: ignore[arg-type]
        self.since_s = self.loop.time()
        self._head = True
        self._head_bytes = 0
        self._rests = False
        if len(self.connections) > config.CONNECTIONS_MAX:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on; a head over its limit ends the connection."""
        self._rests = False
        super().data_received(data)
        if not self._head:
            if self.cycle.response_complete:
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
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        """The head is read; from now on the body has its time."""
        self._head, self.since_s = False, self.loop.time()
        url = httptools.parse_url(self.url)
        path, version = url.path.decode("ascii"), self.parser.get_http_version()
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,  # type: ignore[typeddict-item]
            "method": self.parser.get_method().decode("ascii"),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": self.headers,
        }
        former = self.cycle
        self.cycle = Exchange(
            self.scope,
            self.transport,
            self.flow,
            self.server_state.default_headers,
            self.on_response_complete,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            expect_100_continue=self.expect_100_continue,
        )
        if former is None or former.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            # One that was sent before the answer to the former waits for it, and nothing more is read.
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; when there are many, read no more before they are taken."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.came()

    def on_message_complete(self) -> None:
        """The body is here."""
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.came()

    def on_response_complete(self) -> None:
        """Rest until the next request, or begin the one that was sent already."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._rests, self.since_s = True, self.loop.time()

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
        """Whether the client takes too long to finish what it began to send."""
        if self._rests:
            return False
        if self._head:
            return now_s - self.since_s > config.REQUEST_HEAD_S_MAX
        waits = self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete
        return waits and now_s - self.since_s > config.REQUEST_BODY_S_MAX

    def rests_long(self, now_s: float) -> bool:
        """Whether the client has had its answer for so long that the connection is not kept for it any more."""
        return self._rests and now_s - self.since_s > self.timeout_keep_alive


async def sweep(connections: set[Any]) -> None:
    """Close late connections, and those that rest too long, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_S)
        sweep_once(connections, loop.time())


def sweep_once(connections: set[Any], now_s: float) -> None:
    """Close the connections that are late at this time, and those that rest too long."""
    for one in [one for one in connections if isinstance(one, GuardedProtocol)]:
        if one.is_late(now_s):
            one.transport.abort()
        elif one.rests_long(now_s):
            one.transport.close()
