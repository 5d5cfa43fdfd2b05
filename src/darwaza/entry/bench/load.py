"""A load generator that costs little itself: HTTP/1.1 over TLS on a fixed number of kept-alive connections."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from darwaza.errors import PeerError

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
OK_STATUSES = (b"200", b"201")
EVENT_DATA = b"data: "


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

    async def lines(self, request: bytes) -> AsyncIterator[bytes]:
        """Send a request and read the lines of an answer that goes on, chunk sizes and empty ones among them."""
        self._writer.write(request)
        await self._reader.readuntil(HEAD_END)
        while line := await self._reader.readline():
            yield line.rstrip()

    def close(self) -> None:
        """Close it."""
        self._writer.close()


async def connect(port: int, certificate: Path, count: int) -> list[Connection]:
    """Open connections to a gateway on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cafile=certificate)
    return [Connection(*await asyncio.open_connection("127.0.0.1", port, ssl=context)) for _ in range(count)]


def request(method: str, target: str, token: str, body: bytes, *headers: tuple[str, str]) -> bytes:
    """Write a request."""
    lines = [f"{method} {target} HTTP/1.1", "host: localhost", f"authorization: Bearer {token}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + HEAD_END + body


async def flood(connections: list[Connection], requests: Iterator[bytes]) -> int:
    """Send requests one after another on every connection until there are none; returns how many."""
    sent = 0

    async def work(connection: Connection) -> None:
        nonlocal sent
        for one in requests:
            await connection.exchange(one)
            sent += 1

    await asyncio.gather(*map(work, connections))
    return sent


async def events(connection: Connection, target: str, token: str) -> AsyncIterator[tuple[float, dict[str, Any]]]:
    """Listen to a stream of server-sent events, for as long as it lasts.

    Yields:
        When an event was read (``time.perf_counter``), and its data.
    """
    async for line in connection.lines(request("GET", target, token, b"")):
        if line.startswith(EVENT_DATA):
            yield time.perf_counter(), msgspec.json.decode(line[len(EVENT_DATA) :])


async def pace(
    connections: list[Connection],
    make: Callable[[int], bytes],
    *,
    per_s: float,
    seconds: float,
    answered: Callable[[int, float, bytes], None] = lambda _number, _due, _body: None,
) -> list[float]:
    """Send at a steady rate, each request at its due time, and measure from then to the answer.

    Measuring from the due time counts the waiting of a request that could not be sent in time.

    Args:
        connections: to send on.
        make: the request of a number.
        per_s: requests due in a second.
        seconds: for so long.
        answered: told the number, the due time (``time.perf_counter``) and the body of each answer.

    Returns:
        Seconds per request.
    """
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    latencies: list[float] = []
    began = time.perf_counter()

    async def one(number: int, due: float) -> None:
        connection = await free.get()
        try:
            body = await connection.exchange(make(number))
            latencies.append(time.perf_counter() - due)
            answered(number, due, body)
        finally:
            free.put_nowait(connection)

    tasks: list[Awaitable[None]] = []
    for number in range(int(per_s * seconds)):
        due = began + number / per_s
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.ensure_future(one(number, due)))
    await asyncio.gather(*tasks)
    return latencies
