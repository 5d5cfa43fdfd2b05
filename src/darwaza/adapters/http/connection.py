"""HTTP/1.1 to one gateway over pinned TLS: a few kept-alive connections, one request at a time on each.

It knows what the link needs and nothing else: requests of known length, answers of limited length, no redirects, no
proxies, no cookies, no compression. Why it stands here although there are libraries: docs/adr/0009-link-client.md.

Every request of the link may be made twice: one that finds its kept-alive connection closed goes again on another.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httptools
import msgspec

from darwaza import config

FINAL = 200
"""The first status that ends an exchange (RFC 9110 section 15.2)."""
HEAD_BYTES_MAX = 16_384
"""Names and values of an answer's headers together."""


class Answer(msgspec.Struct):
    """What a gateway answered.

    Attributes:
        status: of HTTP.
        headers: by name in lower case; of several with one name the last.
        content: the body.
    """

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever it holds."""
        return self.content.decode("utf-8", "replace")

    @property
    def media_type(self) -> str:
        """Media type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()


class Line(asyncio.Protocol):
    """One connection.

    Attributes:
        usable: open, with nothing outstanding.
        heard: something of the last answer has come.
    """

    def __init__(self, answer_bytes_max: int) -> None:
        self.usable = False
        self.heard = False
        self._answer_bytes_max = answer_bytes_max
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._pieces: list[bytes] = []
        self._moved = self._seen = self._content_bytes = 0
        self._until_s = 0.0
        self._watch: asyncio.TimerHandle | None = None

    async def exchange(self, head: bytes, content: bytes) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            ConnectionError: the connection is gone, or what came is no answer.
            TimeoutError: no byte moved for ``PEER_TIMEOUT_S``, or it all took longer than ``PEER_EXCHANGE_S_MAX``.
        """
        self.heard = False
        if not self.usable:
            raise ConnectionError("the connection was closed")
        self.usable = False
        self._headers, self._head_bytes, self._pieces, self._content_bytes = {}, 0, [], 0
        self._waiting = self._loop.create_future()
        self._moved, self._seen = len(head) + len(content), 0
        self._until_s = self._loop.time() + config.PEER_EXCHANGE_S_MAX
        self._watch = self._loop.call_later(config.PEER_TIMEOUT_S, self._check)
        self._transport.writelines([head, content])
        try:
            return await self._waiting
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._watch.cancel()

    def close(self) -> None:
        """Close it; whoever waits is told."""
        self._fail(ConnectionError("the connection was closed"))

    def _check(self) -> None:
        """Give up on an exchange in which nothing moves."""
        moved = self._moved - self._transport.get_write_buffer_size()
        if moved == self._seen or self._loop.time() > self._until_s:
            self._fail(TimeoutError("the peer does not answer"))
        else:
            self._seen = moved
            self._watch = self._loop.call_later(config.PEER_TIMEOUT_S, self._check)

    def _fail(self, fault: OSError) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(fault)

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = transport
        self.usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._fail(ConnectionResetError(f"the connection was lost: {exc or 'the peer closed it'}"))

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer; without a request there can be none."""
        self.heard = True
        self._moved += len(data)
        if self._waiting is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            self._fail(ConnectionError(f"the answer is not one: {fault!r}"))

    # --- httptools ---

    def on_message_begin(self) -> None:
        """Hold that one request gets one answer."""
        if self._waiting is None:
            raise ValueError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES_MAX:
            raise ValueError("the head is too large")
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body."""
        self._content_bytes += len(piece)
        if self._content_bytes > self._answer_bytes_max:
            raise ValueError("the answer is too large")
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        status = self._parser.get_status_code()
        if status < FINAL:
            raise ValueError("an interim answer, which nobody asked for")
        waiting, self._waiting = self._waiting, None
        self.usable = self._parser.should_keep_alive()
        if not self.usable:
            self._transport.close()
        if waiting is not None and not waiting.done():
            waiting.set_result(Answer(status, self._headers, b"".join(self._pieces)))


class Connections:
    """All connections to one gateway."""

    def __init__(self, url: str, certificate: bytes, *, count_max: int, answer_bytes_max: int) -> None:
        """Prepare; connections are made when they are needed.

        Args:
            url: of the gateway, ``https``, perhaps with a path that goes before every target.
            certificate: the one it must show, DER.
            count_max: connections open at a time.
            answer_bytes_max: longest answer that is read.
        """
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._netloc, self._prefix = parts.netloc, parts.path.rstrip("/")
        self._tls = pinned(certificate)
        self._answer_bytes_max = answer_bytes_max
        self._places = asyncio.Semaphore(count_max)
        self._idle: list[Line] = []
        self._closed = False

    async def call(self, method: str, target: str, headers: Mapping[str, str], content: bytes = b"") -> Answer:
        """Make a request.

        Raises:
            OSError: no connection, none under the pinned certificate, or no answer; see ``Line.exchange``.
        """
        lines = [f"{method} {self._prefix}{target} HTTP/1.1", f"host: {self._netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if content or method != "GET":
            lines.append(f"content-length: {len(content)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        async with self._places:
            while True:
                line, kept = await self._take()
                try:
                    answer = await line.exchange(head, content)
                except ConnectionError:
                    if kept and not line.heard:
                        continue
                    raise
                if self._closed:
                    line.close()
                elif line.usable:
                    self._idle.append(line)
                return answer

    async def _take(self) -> tuple[Line, bool]:
        """A connection, and whether it has been used before; the one used last first, so that the others age out."""
        while self._idle:
            line = self._idle.pop()
            if line.usable:
                return line, True
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(config.PEER_CONNECT_S_MAX):
            _, made = await loop.create_connection(
                lambda: Line(self._answer_bytes_max), self._host, self._port, ssl=self._tls, server_hostname=self._host
            )
        return made, False

    def close(self) -> None:
        """Close what is idle now, and the others as soon as they are."""
        self._closed = True
        for line in self._idle:
            line.close()
        self._idle = []


def pinned(certificate: bytes) -> ssl.SSLContext:
    """A TLS context that trusts one certificate and nothing else, whatever names stand in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context
