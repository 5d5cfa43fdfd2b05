"""A load generator that costs little itself: HTTP/1.1 over TLS on a fixed number of kept-alive connections."""

import asyncio
import contextlib
import gc
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from darwaza.errors import PeerError

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
OK_STATUSES = (b"200", b"201")
EVENT_DATA = b"data: "


class Timed(NamedTuple):
    """A request of a paced run, both times on ``time.perf_counter``.

    Attributes:
        due_s: when it was to be sent.
        answered_s: when its answer was here.
    """

    due_s: float
    answered_s: float

    @property
    def latency_s(self) -> float:
        """Seconds from due to answered: the waiting of a request that could not be sent in time counts."""
        return self.answered_s - self.due_s


class Connection:
    """One kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def exchange(self, request: bytes) -> bytes:
        """Send a request and read its answer's body.

        Raises:
            PeerError: the answer is not a good one.
        """
        self._writer.write(request)
        head = (await self._reader.readuntil(HEAD_END)).lower()
        at = head.index(LENGTH) + len(LENGTH)
        body = await self._reader.readexactly(int(head[at : head.index(b"\r", at)]))
        if head[9:12] not in OK_STATUSES:
            raise PeerError(f"the gateway answered {head[9:12].decode()}: {body[:300].decode(errors='replace')}")
        return body

    async def stream(self, request: bytes) -> AsyncIterator[bytes]:
        """Send a request and read the lines of an answer that goes on (RFC 9112 section 7.1, chunked)."""
        self._writer.write(request)
        await self._reader.readuntil(HEAD_END)
        rest = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            *lines, rest = (rest + (await self._reader.readexactly(size + 2))[:-2]).split(b"\n")
            for line in lines:
                yield line

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def connected(port: int, certificate: Path, count: int) -> AsyncIterator[list[Connection]]:
    """Connections to a gateway on this machine, open for the time of an ``async with``, without pauses of our own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cafile=certificate)
    opened: list[Connection] = []
    try:
        while len(opened) < count:
            opened.append(Connection(*await asyncio.open_connection("127.0.0.1", port, ssl=context)))
            # A connection on which nothing was asked is closed sooner than one that rests.
            await opened[-1].exchange(request("GET", "/health", "", b""))
        with _uncollected():
            yield opened
    finally:
        await asyncio.gather(*(one.close() for one in opened))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage meanwhile: a pause of the load, some 50 ms, would be measured as the gateways'."""
    nested = not gc.isenabled()
    if not nested:
        gc.collect()
        gc.disable()
    try:
        yield
    finally:
        if not nested:
            gc.enable()


def request(method: str, target: str, token: str, body: bytes, *headers: tuple[str, str]) -> bytes:
    """Write a request."""
    lines = [f"{method} {target} HTTP/1.1", "host: localhost", f"authorization: Bearer {token}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + HEAD_END + body


def _unchecked(_body: bytes) -> None:
    """Take any good answer."""


async def flood(
    connections: list[Connection], requests: Iterator[bytes], check: Callable[[bytes], None] = _unchecked
) -> int:
    """Send requests one after another on every connection until there are none; returns how many.

    Args:
        connections: to send on; each sends its next request when the one before is answered.
        requests: shared by all of them.
        check: told the body of each answer; what it raises ends the run.
    """
    sent = 0

    async def work(connection: Connection) -> None:
        nonlocal sent
        for one in requests:
            check(await connection.exchange(one))
            sent += 1

    await asyncio.gather(*map(work, connections))
    return sent


async def events(connection: Connection, target: str, token: str) -> AsyncIterator[tuple[float, dict[str, Any]]]:
    """Listen to a stream of server-sent events, for as long as it lasts.

    Yields:
        When an event was read (``time.perf_counter``), and its data.
    """
    async for line in connection.stream(request("GET", target, token, b"")):
        if line.startswith(EVENT_DATA):
            yield time.perf_counter(), msgspec.json.decode(line[len(EVENT_DATA) :])


def _unheard(_number: int, _body: bytes) -> None:
    """Take no notice of an answer."""


async def pace(
    connections: list[Connection],
    make: Callable[[int], bytes],
    *,
    per_s: float,
    seconds: float,
    answered: Callable[[int, bytes], None] = _unheard,
) -> list[Timed]:
    """Send at a steady rate, each request at its due time; returns the times of each, in order.

    Args:
        connections: to send on.
        make: the request of a number, from 0.
        per_s: requests due in a second.
        seconds: for so long.
        answered: told the number and the body of each answer.
    """
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    began = time.perf_counter()

    async def one(number: int, due_s: float) -> Timed:
        connection = await free.get()
        try:
            body = await connection.exchange(make(number))
            timed = Timed(due_s, time.perf_counter())
            answered(number, body)
            return timed
        finally:
            free.put_nowait(connection)

    tasks: list[Awaitable[Timed]] = []
    for number in range(int(per_s * seconds)):
        due_s = began + number / per_s
        wait_s = due_s - time.perf_counter()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        tasks.append(asyncio.ensure_future(one(number, due_s)))
    return list(await asyncio.gather(*tasks))
