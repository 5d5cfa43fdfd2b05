"""A small application on real TLS connections, whose handlers tell a test how far they have come, and its client."""

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from darwaza.entry.api.problem import respond
from darwaza.entry.api.request import read_body
from darwaza.entry.exchange import give
from darwaza.entry.guard import GuardedProtocol
from darwaza.errors import MessageError

BODY_MAX = 1_000
LARGE = bytes(range(256)) * 8_192
"""An answer of 2 MB: more than a connection takes before its client reads."""
DATE = b"date: Sun, 29 Nov 2026 11:24:22 GMT"


class Shop:
    """An application whose handlers tell how far they have come, and a server for it."""

    def __init__(self, shown: ssl.SSLContext, pinned: ssl.SSLContext) -> None:
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.begun: list[str] = []
        self._callers: list[Caller] = []
        self._shown, self._pinned = shown, pinned
        self.state = ServerState()
        self.state.default_headers = [(b"date", DATE.removeprefix(b"date: "))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3), as the gateway's application does."""
        request = Request(scope, receive, send)
        path = scope["path"]
        self.begun.append(path)
        handler: Callable[[Request], Awaitable[Response]] = getattr(self, path.split("/")[1])
        await give(await handler(request), scope, receive, send)

    async def echo(self, request: Request) -> Response:
        """Give the body back."""
        try:
            return Response(await read_body(request, BODY_MAX), headers={"x-seen": request.scope["path"]})
        except MessageError as fault:
            self.said.put_nowait(fault.code)
            return respond(fault)

    async def pieces(self, request: Request) -> Response:
        """Tell of each piece of the body as it comes."""
        found, more = b"", True
        while more:
            event = await request.receive()
            found, more = found + event.get("body", b""), event.get("more_body", False)
            self.said.put_nowait(event)
        return Response(found)

    async def wait(self, request: Request) -> Response:
        """Answer when the gate is open."""
        self.said.put_nowait("waits")
        await self.gate.wait()
        return Response(await read_body(request, BODY_MAX) + b" after the gate")

    async def refuse(self, _request: Request) -> Response:
        """Answer without a look at the body."""
        return Response(b"no", 403)

    async def large(self, _request: Request) -> Response:
        """Give a large answer."""
        return Response(LARGE)

    async def empty(self, _request: Request) -> Response:
        """Answer with nothing."""
        return Response(status_code=204)

    async def wrong(self, _request: Request) -> Response:
        """Answer with a header that would split the answer."""
        return Response(b"x", headers={"x-bad": "a\r\nset-cookie: b"})

    async def events(self, request: Request) -> Response:
        """Stream events, the next when the test has put its word, until the caller goes."""

        async def stream() -> AsyncIterator[bytes]:
            try:
                number = 0
                while True:
                    yield b"data: %d\n\n" % number
                    number += 1
                    await self.gate.wait()
                    self.gate.clear()
            finally:
                self.said.put_nowait("stream ended")

        return StreamingResponse(stream(), media_type="text/event-stream")

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Serve on a free port."""
        settings = uvicorn.Config(self, log_config=None, access_log=False, lifespan="off", proxy_headers=False)
        settings.load()
        make = lambda: GuardedProtocol(settings, self.state, {})  # noqa: E731 - one connection's
        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=self._shown)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for caller in self._callers:
                caller.writer.transport.abort()
            for one in list(self.state.connections):
                one.transport.abort()
            await asyncio.gather(*self.state.tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def caller(self) -> AsyncIterator["Caller"]:
        """Serve, and connect once."""
        async with self.open() as port:
            yield await self.connect(port)

    async def connect(self, port: int) -> "Caller":
        """One more connection."""
        self._callers.append(Caller(*await asyncio.open_connection("127.0.0.1", port, ssl=self._pinned)))
        return self._callers[-1]

    @property
    def only(self) -> GuardedProtocol:
        """The server's end of the one connection there is."""
        (one,) = self.state.connections
        assert isinstance(one, GuardedProtocol)
        return one


class Caller:
    """The client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *pieces: bytes) -> None:
        """Send bytes."""
        self.writer.write(b"".join(pieces))

    async def head(self) -> tuple[int, list[bytes]]:
        """Read the head of an answer: its status and its lines."""
        status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        assert status.startswith(b"HTTP/1.1 ")
        return int(status.split(b" ")[1]), lines[:-2]

    async def answer(self) -> tuple[int, list[bytes], bytes]:
        """Read a whole answer with a length."""
        status, lines = await self.head()
        (length,) = [line for line in lines if line.startswith(b"content-length: ")]
        return status, lines, await self.reader.readexactly(int(length.removeprefix(b"content-length: ")))

    async def chunk(self) -> bytes:
        """Read one chunk of an answer."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def ended(self) -> bytes:
        """Read until the connection ends; returns what came before."""
        return await self.reader.read()


async def until(holds: Callable[[], object]) -> None:
    """Let the event loop turn until something holds; the test's deadline bounds it."""
    for _ in itertools.count():
        if holds():
            return
        await asyncio.sleep(0)


def post(path: str, body: bytes = b"", *lines: bytes) -> bytes:
    """Write a request with a length."""
    length = b"content-length: %d" % len(body)
    return b"\r\n".join((b"POST %s HTTP/1.1" % path.encode(), b"host: x", *lines, length, b"", body))


def head_of(path: str, *lines: bytes, method: bytes = b"POST", version: bytes = b"1.1") -> bytes:
    """Write a request's head."""
    first = b"%s %s HTTP/%s" % (method, path.encode(), version)
    return b"\r\n".join((first, b"host: x", *lines, b"", b""))
