"""What an answer is written as: whole, in order, and before the connection closes."""

import asyncio

import pytest

from darwaza.entry.cork import GATHERED_BYTES_MAX, Cork


class Wire:
    """A transport that notes what it is given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        """Note it; a closed wire takes nothing."""
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        """Close it."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed


@pytest.mark.parametrize("closes", [False, True])
def test_what_is_written_in_one_turn_goes_as_one(closes):
    """Head and body leave together, also when the connection closes right after them."""
    wire = Wire()

    async def run() -> None:
        cork = Cork(wire, asyncio.get_running_loop())
        cork.write(b"head ")
        cork.write(b"body")
        if closes:
            cork.close()
        await asyncio.sleep(0)
        if not closes:
            cork.write(b"next")
            await asyncio.sleep(0)

    asyncio.run(run())
    assert wire.written == ([b"head body"] if closes else [b"head body", b"next"])
    assert wire.closed is closes


def test_what_nothing_follows_goes_at_once_and_in_order():
    """A whole answer does not wait for the turn's end, and never overtakes what was gathered before it."""
    wire = Wire()

    async def run() -> None:
        cork = Cork(wire, asyncio.get_running_loop())
        cork.write_whole(b"first")
        assert wire.written == [b"first"]
        cork.write(b"continue ")
        cork.write_whole(b"second")
        assert wire.written == [b"first", b"continue second"]
        cork.close()
        cork.write_whole(b"late")
        await asyncio.sleep(0)

    asyncio.run(run())
    assert wire.written == [b"first", b"continue second"]


def test_a_connection_that_is_gone_is_not_written_to():
    """What was gathered for a caller that went away meanwhile is dropped, without a fault."""
    wire = Wire()

    async def run() -> None:
        Cork(wire, asyncio.get_running_loop()).write(b"late")
        wire.close()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert wire.written == []


def test_a_large_answer_is_not_gathered():
    """Its writer goes on only as fast as the transport lets it, so it must be written before the turn ends."""
    wire, piece = Wire(), bytes(GATHERED_BYTES_MAX)

    async def run() -> None:
        cork = Cork(wire, asyncio.get_running_loop())
        cork.write(b"head")
        for _ in range(3):
            cork.write(piece)
        assert sum(map(len, wire.written)) >= 3 * GATHERED_BYTES_MAX
        cork.write(b"tail")
        await asyncio.sleep(0)

    asyncio.run(run())
    assert b"".join(wire.written) == b"head" + 3 * piece + b"tail"
