"""Connections that dawdle are closed; those that rest or wait for an answer are not."""

import asyncio
from types import SimpleNamespace

import pytest
import uvicorn
from uvicorn.server import ServerState

from darwaza import config
from darwaza.entry.guard import GuardedProtocol


def connection(*, head: bool, since_s: float = 0.0, resting: bool = False, more_body: bool = False, done: bool = False):
    made = GuardedProtocol.__new__(GuardedProtocol)
    made._head, made.since_s = head, since_s
    made._rests, made.timeout_keep_alive = resting, 75
    made.cycle = SimpleNamespace(more_body=more_body, response_complete=done)
    return made


@pytest.mark.parametrize(
    ("what", "late_after_s"),
    [
        ({"head": True}, config.REQUEST_HEAD_S_MAX),
        ({"head": False, "more_body": True}, config.REQUEST_BODY_S_MAX),
        ({"head": True, "resting": True}, None),
        ({"head": False}, None),
        ({"head": False, "more_body": True, "done": True}, None),
    ],
)
def test_who_is_late(what, late_after_s):
    """A head has its time, a body has its own; an answer that takes long, such as an event stream, has none."""
    one = connection(**what)
    assert not one.is_late(10.0)
    assert one.is_late(1_000_000.0) is (late_after_s is not None)
    if late_after_s is not None:
        assert not one.is_late(late_after_s)
        assert one.is_late(late_after_s + 1)


class Wire:
    """A transport that remembers what was done to it."""

    def __init__(self):
        self.written, self.closed = b"", False

    def get_extra_info(self, *_):
        return None

    def write(self, data):
        self.written += data

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


def test_connections_and_heads_have_their_limits(monkeypatch):
    """One connection too many is closed at once; a head too long is answered with a problem and closed."""

    async def run():
        settings = uvicorn.Config(lambda *_: None, log_config=None)
        settings.load()
        state = ServerState()
        wires = []
        for _ in range(3):
            one = GuardedProtocol(settings, state, {})
            wires.append(Wire())
            one.connection_made(wires[-1])
            one.data_received(b"GET / HTTP/1.1\r\nx: ")
            one.data_received(b"a" * 600)
        return wires

    monkeypatch.setattr(config, "CONNECTIONS_MAX", 2)
    monkeypatch.setattr(config, "REQUEST_HEAD_BYTES_MAX", 500)
    wires = asyncio.run(run())
    assert all(wire.closed for wire in wires)
    assert [wire.written.split(b" ")[1:2] for wire in wires] == [[b"431"], [b"431"], []]
    assert b"head_too_large" in wires[0].written
