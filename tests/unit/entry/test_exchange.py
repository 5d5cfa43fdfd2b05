"""Requests and answers on real TLS connections, in every shape HTTP/1.1 lets a client send them.

The application is a small one whose handlers tell the test how far they have come; nothing here waits for a time.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from tests.unit.entry.shop import (
    BODY_MAX,
    DATE,
    LARGE,
    Shop,
    head_of,
    post,
    until,
)

from darwaza import config
from darwaza.bootstrap import Gateway
from darwaza.client import pinned_context
from darwaza.entry.guard import sweep_once
from darwaza.entry.local import LocalCorridor

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """How a founded gateway shows itself, and how its clients trust it."""
    folder: Path = tmp_path_factory.mktemp("corridor")
    corridor = LocalCorridor(folder, {"PK": "Pakistan", "UZ": "Uzbekistan"}, links=[("PK", "UZ")])
    gateway = Gateway(corridor.path("PK"))
    try:
        return gateway.tls(), pinned_context(corridor.certificate("PK"))
    finally:
        gateway.close()


@pytest.fixture
def play(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Callable[[Callable[[Shop], Awaitable[None]]], None]:
    """Run a test on the gateway's own kind of event loop."""

    async def bounded(test: Callable[[Shop], Awaitable[None]]) -> None:
        await asyncio.wait_for(test(Shop(*contexts)), DEADLINE_S)

    return lambda test: uvloop.run(bounded(test))


def test_requests_sent_ahead_are_answered_in_order(play):
    """What is sent before the answer to the former waits for it: not even begun sooner (RFC 9112 section 9.3.2)."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            later = [post(f"/echo/{number}", b"%d" % number) for number in range(5)]
            caller.send(post("/wait", b"first"), *later)
            assert await shop.said.get() == "waits"
            assert shop.begun == ["/wait"]
            shop.gate.set()
            assert (await caller.answer())[2] == b"first after the gate"
            for number in range(5):
                assert (await caller.answer())[2] == b"%d" % number
            caller.send(post("/echo/6", b"and on"))
            assert (await caller.answer())[2] == b"and on"
            assert shop.begun == ["/wait", *(f"/echo/{number}" for number in (0, 1, 2, 3, 4, 6))]

    play(test)


def test_a_whole_request_is_one_event_and_its_answer_has_every_header(play):
    """Who reads a body that is here waits for nothing, and the head is as the handler and the server wrote it."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(post("/pieces", b"all of it"))
            assert (await caller.answer())[2] == b"all of it"
            assert await shop.said.get() == {"type": "http.request", "body": b"all of it", "more_body": False}
            assert shop.said.empty()
            caller.send(post("/echo/a%20b?c=d", b"<a/>"))
            status, lines, body = await caller.answer()
            assert (status, body) == (200, b"<a/>")
            assert lines == [DATE, b"x-seen: /echo/a b", b"content-length: 4"]

    play(test)


def test_a_body_that_comes_slowly_is_read_as_it_comes(play):
    """Each piece is told when it has come, and the last one that it is the last."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            sent = [b"one", b"two", b"three"]
            caller.send(head_of("/pieces", b"content-length: 11"))
            for number, piece in enumerate(sent):
                caller.send(piece)
                found = b""
                while len(found) < len(piece):
                    event = await shop.said.get()
                    found += event["body"]
                    assert event["more_body"] is (number < 2 or len(found) < len(piece))
                assert found == piece
            assert (await caller.answer())[2] == b"onetwothree"

    play(test)


def test_a_request_in_single_bytes_is_the_same_request(play):
    """Wherever the network cuts a request, it is read as one."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            for byte in post("/echo/x?y=z", b"body", b"x-a: b") * 2:
                caller.send(bytes([byte]))
                await caller.writer.drain()
            for _ in range(2):
                status, lines, body = await caller.answer()
                assert (status, body, lines[1]) == (200, b"body", b"x-seen: /echo/x")

    play(test)


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(play):
    """``Expect: 100-continue`` is answered when the body is read, and only then (RFC 9110 section 10.1.1)."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(head_of("/echo", b"expect: 100-continue", b"content-length: 4"))
            assert await caller.head() == (100, [])
            caller.send(b"body")
            assert (await caller.answer())[::2] == (200, b"body")
            caller.send(post("/echo", b"at once", b"Expect: 100-Continue"))
            assert await caller.head() == (100, [])
            assert (await caller.answer())[::2] == (200, b"at once")

    play(test)


def test_a_client_that_asks_before_it_sends_is_refused_without_a_look(play):
    """A handler that reads nothing asks for nothing, and a body over the limit is not even asked for."""

    async def test(shop: Shop) -> None:
        async with shop.open() as port:
            for path, length, status in (("/refuse", 4, 403), ("/echo", BODY_MAX + 1, 413)):
                caller = await shop.connect(port)
                caller.send(head_of(path, b"expect: 100-continue", b"content-length: %d" % length))
                assert (await caller.answer())[0] == status
                caller.writer.close()

    play(test)


def test_head_has_the_answers_head_alone(play):
    """HEAD is answered with the length and without the body, and the connection goes on (RFC 9110 section 9.3.2)."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(head_of("/large", method=b"HEAD"), post("/echo", b"next"))
            status, lines = await caller.head()
            assert status == 200
            assert b"content-length: %d" % len(LARGE) in lines
            assert (await caller.answer())[2] == b"next"

    play(test)


def test_an_answer_without_a_body_has_no_length(play):
    """204 ends with its head (RFC 9110 section 15.3.5)."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(post("/empty"), post("/echo", b"next"))
            assert await caller.head() == (204, [DATE])
            assert (await caller.answer())[2] == b"next"

    play(test)


def test_a_body_in_chunks_is_the_same_body(play):
    """However it is cut; a trailer is no part of it (RFC 9112 section 7.1)."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(head_of("/echo", b"transfer-encoding: chunked"))
            caller.send(b"3\r\nabc\r\n", b"2;x=y\r\nde\r\n0\r\nx-trailer: z\r\n\r\n", post("/echo", b"next"))
            assert (await caller.answer())[2] == b"abcde"
            assert (await caller.answer())[2] == b"next"

    play(test)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_and_the_next_request_answered(play, chunked):
    """413 comes as soon as it is clear; the rest of the body is skipped."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            body = b"x" * (BODY_MAX + 1)
            if chunked:
                caller.send(head_of("/echo", b"transfer-encoding: chunked"), b"%x\r\n%b\r\n" % (len(body), body))
            else:
                caller.send(head_of("/echo", b"content-length: %d" % (2 * len(body))), body)
            assert (await caller.answer())[0] == 413
            assert await shop.said.get() == "request_too_large"
            caller.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body, post("/echo", b"next"))
            assert (await caller.answer())[::2] == (200, b"next")

    play(test)


def test_a_head_over_the_limit_ends_the_connection(play, monkeypatch):
    """431 with a problem, whether it comes in one piece or in many, and nothing is begun."""
    monkeypatch.setattr(config, "REQUEST_HEAD_BYTES_MAX", 500)

    async def test(shop: Shop) -> None:
        async with shop.open() as port:
            for pieces in ([b"a" * 600], [b"a" * 300, b"a" * 300]):
                caller = await shop.connect(port)
                caller.send(b"POST /echo HTTP/1.1\r\nhost: x\r\nx: ")
                for piece in pieces:
                    caller.send(piece)
                    await caller.writer.drain()
                status, _, body = await caller.answer()
                assert (status, b"head_too_large" in body) == (431, True)
                assert await caller.ended() == b""
            assert shop.begun == []

    play(test)


def test_an_event_stream_goes_out_event_by_event_and_ends_with_its_caller(play):
    """Each event leaves before the next is made; when the caller goes, whoever makes them is told."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(head_of("/events", method=b"GET"))
            status, lines = await caller.head()
            assert (status, b"transfer-encoding: chunked" in lines) == (200, True)
            for number in range(3):
                assert await caller.chunk() == b"data: %d\n\n" % number
                shop.gate.set()
            caller.writer.transport.abort()
            assert await shop.said.get() == "stream ended"

    play(test)


def test_a_client_that_goes_in_the_middle_of_its_body_leaves_nothing_behind(play):
    """Its handler is told, its answer goes nowhere, and others are served."""

    async def test(shop: Shop) -> None:
        async with shop.open() as port:
            caller = await shop.connect(port)
            caller.send(head_of("/echo", b"content-length: 100"), b"some of it")
            await caller.writer.drain()
            await until(lambda: shop.begun)
            caller.writer.transport.abort()
            assert await shop.said.get() == "request_cut_off"
            other = await shop.connect(port)
            other.send(post("/echo", b"other"))
            assert (await other.answer())[2] == b"other"
            assert len(shop.state.connections) == 1

    play(test)


def test_a_client_that_goes_before_its_answer_leaves_nothing_behind(play):
    """A command that was taken is carried out; that nobody hears its answer harms nobody."""

    async def test(shop: Shop) -> None:
        async with shop.open() as port:
            caller = await shop.connect(port)
            caller.send(post("/wait", b"first"), post("/echo/ahead", b"ahead"))
            assert await shop.said.get() == "waits"
            (task,) = shop.state.tasks
            caller.writer.transport.abort()
            await until(lambda: not shop.state.connections)
            shop.gate.set()
            assert await task is None
            assert shop.begun == ["/wait"]

    play(test)


def test_a_large_answer_waits_for_a_slow_reader_and_comes_whole(play):
    """Answers to a client that does not read wait for it one by one, and not a byte of them is lost or out of place."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(*[head_of("/large", method=b"GET") for _ in range(3)], post("/echo", b"last"))
            for _ in range(3):
                status, _, body = await caller.answer()
                assert (status, body == LARGE) == (200, True)
            assert (await caller.answer())[2] == b"last"

    play(test)


def test_a_header_that_would_split_an_answer_is_not_sent(play):
    """It is a fault of the program: 500, nothing of the answer, and the connection ends."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(head_of("/wrong", method=b"GET"))
            status, lines = await caller.head()
            assert (status, b"connection: close" in lines) == (500, True)
            assert b"set-cookie" not in b"".join(lines) + await caller.ended()

    play(test)


@pytest.mark.parametrize(
    "request_",
    [head_of("/echo", method=b"GET", version=b"1.0"), post("/echo", b"", b"connection: close")],
    ids=["HTTP/1.0", "connection: close"],
)
def test_a_connection_that_is_not_kept_ends_after_its_answer(play, request_):
    """The client hears it in the head, and reads the end."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(request_)
            status, lines, _ = await caller.answer()
            assert (status, lines[-1]) == (200, b"connection: close")
            assert await caller.ended() == b""

    play(test)


def test_a_server_that_stops_ends_what_is_under_way(play):
    """A request under way gets its answer, which says that it is the last; connections that rest end at once."""

    async def test(shop: Shop) -> None:
        async with shop.open() as port:
            rests, works = await shop.connect(port), await shop.connect(port)
            rests.send(post("/echo", b"done"))
            assert (await rests.answer())[2] == b"done"
            works.send(post("/wait", b"under way"))
            assert await shop.said.get() == "waits"
            for one in list(shop.state.connections):
                one.shutdown()
            assert await rests.ended() == b""
            shop.gate.set()
            status, lines, body = await works.answer()
            assert (status, lines[-1], body) == (200, b"connection: close", b"under way after the gate")
            assert await works.ended() == b""

    play(test)


def test_the_sweep_ends_who_rests_too_long_and_nobody_who_waits(play):
    """A connection is kept for its client so long after an answer; the time of an answer is the gateway's own."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(post("/echo", b"1"))
            assert (await caller.answer())[2] == b"1"
            one, now_s = shop.only, asyncio.get_running_loop().time()
            sweep_once(shop.state.connections, one.since_s + one.timeout_keep_alive)
            caller.send(post("/wait", b"2"))
            assert await shop.said.get() == "waits"
            sweep_once(shop.state.connections, now_s + 1_000_000)
            shop.gate.set()
            assert (await caller.answer())[2] == b"2 after the gate"
            sweep_once(shop.state.connections, one.since_s + one.timeout_keep_alive + 1)
            assert await caller.ended() == b""

    play(test)


@pytest.mark.parametrize("begun", [b"\r\n", b"POST /echo HT", head_of("/echo", b"content-length: 9") + b"some"])
def test_the_sweep_ends_who_does_not_finish_what_it_began(play, begun):
    """Empty lines, a head without an end, and a body without the rest have their time."""

    async def test(shop: Shop) -> None:
        async with shop.caller() as caller:
            caller.send(post("/echo", b"1"))
            assert (await caller.answer())[2] == b"1"
            caller.send(begun)
            late_s = max(config.REQUEST_HEAD_S_MAX, config.REQUEST_BODY_S_MAX)
            await until(lambda: shop.only.is_late(shop.only.since_s + late_s + 1))
            sweep_once(shop.state.connections, shop.only.since_s + late_s + 1)
            with contextlib.suppress(ConnectionError):
                assert await caller.ended() == b""
            await until(lambda: not shop.state.connections)

    play(test)
