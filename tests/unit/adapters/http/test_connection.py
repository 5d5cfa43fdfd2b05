"""The link's HTTP client against a server that answers, and one that misbehaves in every way a hostile peer may."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from darwaza import config
from darwaza.adapters.http.connection import HEAD_BYTES_MAX, Answer, Connections
from darwaza.adapters.keyfile.certificate import self_signed, write_tls

BODY_BYTES_MAX = 10_000
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def certificate_in(folder: Path) -> tuple[ssl.SSLContext, bytes]:
    """A server's TLS context, and the certificate to pin."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    der = self_signed(
        key, name="UZ", hosts=["127.0.0.1"], serial=7, begin=now - timedelta(days=1), end=now + timedelta(days=1)
    )
    folder.mkdir()
    write_tls(folder, key, der)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem", folder / "tls.key")
    return context, der


@pytest.fixture
def serve(tmp_path):
    """Run a server by a script for each connection, and a client against it."""
    context, der = certificate_in(tmp_path / "server")

    def run(script: Script, client: Callable[[Connections], Awaitable[object]], pin: bytes = der):
        async def both() -> object:
            server = await asyncio.start_server(script, "127.0.0.1", 0, ssl=context)
            port = server.sockets[0].getsockname()[1]
            peer = Connections(f"https://127.0.0.1:{port}/gate", pin, count_max=2, answer_bytes_max=BODY_BYTES_MAX)
            try:
                return await client(peer)
            finally:
                peer.close()
                server.close()

        return asyncio.run(both())

    return run


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, length = head.lower().partition(b"content-length: ")
    return head + await reader.readexactly(int(length.split(b"\r")[0])) if length else head


def answering(*answers: bytes) -> Script:
    """A server that gives these bytes to the requests of each connection, one after another, then closes it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                await read_request(reader)
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return script


def good(body: bytes, *headers: str) -> bytes:
    """A good answer."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def ask(peer: Connections) -> Answer:
    """Make a request."""
    return await peer.call("POST", "/link?a=1", {"content-type": "text/x"}, b"hello")


def test_a_request_is_written_and_its_answer_read(serve):
    """Path, headers and body arrive as they are; headers come back by lower-case name."""
    seen = []

    async def script(reader, writer):
        seen.append(await read_request(reader))
        writer.write(good(b"yes", "Content-Type: text/plain; charset=utf-8", "Darwaza-Code: fine"))

    answer = serve(script, ask)

    assert (answer.status, answer.content, answer.media_type) == (200, b"yes", "text/plain")
    assert answer.headers["darwaza-code"] == "fine"
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /gate/link?a=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"content-type: text/x" in head
    assert body == b"hello"


def test_a_connection_is_kept_and_a_closed_one_replaced(serve):
    """Three requests over a server that closes after two: each is answered, over two connections."""
    opened = []
    twice = answering(good(b"1"), good(b"2"))

    async def script(reader, writer):
        opened.append(writer)
        await twice(reader, writer)

    async def client(peer):
        return [(await ask(peer)).content for _ in range(3)]

    assert serve(script, client) == [b"1", b"2", b"1"]
    assert len(opened) == 2


def test_an_answer_in_chunks_is_read(serve):
    """A proxy before a gateway may cut its answers up."""
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert serve(answering(chunked), ask).content == b"abcde"


def test_another_certificate_is_refused(serve, tmp_path):
    """Whoever answers in the peer's place is not spoken to."""
    _, other = certificate_in(tmp_path / "other")
    with pytest.raises(ssl.SSLError):
        serve(answering(good(b"yes")), ask, other)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        good(bytes(BODY_BYTES_MAX + 1)),
        good(b"", "a: " + "b" * HEAD_BYTES_MAX),
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
    ],
    ids=["nothing", "not HTTP", "cut off", "length wrong", "too long", "head too long", "upgrade"],
)
def test_what_is_no_answer_is_an_error(serve, answer):
    """Whatever comes back, the caller gets an error it can act on."""
    with pytest.raises(ConnectionError):
        serve(answering(answer), ask)


def test_an_answer_nobody_asked_for_ends_the_connection(serve):
    """A peer cannot put an answer in before the question."""

    async def client(peer):
        return [(await ask(peer)).content, (await ask(peer)).content]

    assert serve(answering(good(b"1") + good(b"false"), good(b"false")), client) == [b"1", b"1"]


def test_a_peer_that_falls_silent_is_given_up(serve, monkeypatch):
    """A peer that takes the request and says nothing costs a bounded wait."""
    monkeypatch.setattr(config, "PEER_TIMEOUT_S", 0.1)

    async def script(reader, writer):
        await reader.read()
        writer.close()

    with pytest.raises(TimeoutError):
        serve(script, ask)


def test_no_more_connections_than_allowed_are_opened(serve):
    """Eight requests at once share two connections."""
    opened = []

    async def script(reader, writer):
        opened.append(writer)
        await answering(*[good(b"x")] * 8)(reader, writer)

    async def client(peer):
        return await asyncio.gather(*(ask(peer) for _ in range(8)))

    assert len(serve(script, client)) == 8
    assert len(opened) == 2
