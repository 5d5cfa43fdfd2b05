"""Open pages hear that something changed, and no more often than they can use."""

import asyncio
from types import SimpleNamespace

import pytest

from darwaza import config
from darwaza.entry.console.live import Live
from darwaza.errors import PushbackError

INTERVAL_S = 0.05
LISTENED_S = 0.5
PIECES_MIN = 2


class Busy:
    """A server on which a thousand things happen each time one looks."""

    def __init__(self):
        self.loop = SimpleNamespace(batches=0)

    async def changed(self, _timeout_s):
        self.loop.batches += 1_000
        return True


def test_a_thousand_events_are_one_piece_of_news(monkeypatch):
    """However much happens, a page is told at most once in each interval."""
    monkeypatch.setattr(config, "LIVE_INTERVAL_S", INTERVAL_S)

    async def listen():
        heard = []
        stream = Live(Busy(), SimpleNamespace(seen=0, incomplete=False)).stream("session").body_iterator
        began = asyncio.get_running_loop().time()
        async for piece in stream:
            heard.append(piece)
            if asyncio.get_running_loop().time() - began > LISTENED_S and len(heard) > PIECES_MIN:
                break
        await stream.aclose()
        return heard, asyncio.get_running_loop().time() - began

    heard, seconds = asyncio.run(listen())
    assert heard[0].startswith(b"retry:")
    assert PIECES_MIN <= len(heard) - 1 <= seconds / INTERVAL_S + 1


def test_a_session_has_only_so_many_streams(monkeypatch):
    """One person cannot take all streams; what is closed is free again."""
    monkeypatch.setattr(config, "LIVE_STREAMS_PER_SESSION_MAX", 2)

    async def open_them():
        live = Live(Busy(), SimpleNamespace(seen=0, incomplete=False))
        streams = [live.stream("one").body_iterator for _ in range(2)]
        for stream in streams:
            await anext(stream)
        with pytest.raises(PushbackError):
            live.stream("one")
        live.stream("other")
        await streams[0].aclose()
        live.stream("one")
        await streams[1].aclose()

    asyncio.run(open_them())


def test_a_page_follows_the_index_while_it_is_read_after_a_start(monkeypatch):
    """No commit rings then; open pages hear all the same, and of nothing when nothing more was read."""
    monkeypatch.setattr(config, "LIVE_INTERVAL_S", 0)
    index = SimpleNamespace(seen=0, incomplete=True)
    quiet = SimpleNamespace(loop=SimpleNamespace(batches=0), waited=[])

    async def changed(timeout_s):
        quiet.waited.append(timeout_s)
        return False

    quiet.changed = changed

    async def listen():
        stream = Live(quiet, index).stream("session").body_iterator
        heard = [await anext(stream), await anext(stream)]
        index.seen = 200
        heard.append(await anext(stream))
        index.incomplete = False
        heard.append(await anext(stream))
        await stream.aclose()
        return heard

    _, still, news, after = asyncio.run(listen())
    assert (still[:1], news[:11], after[:1]) == (b":", b"event: news", b":")
    assert quiet.waited[-1] > quiet.waited[0]
