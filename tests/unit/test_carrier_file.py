"""A carrier file is written whole or not at all, and for its owner's eyes."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from darwaza.client.operator import Operator
from darwaza.errors import PeerError


class Link:
    """Stands for the caller of a client; the gateway's answer may break off."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces

    def stream(self, _path: str) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def test_the_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    """It holds papers: others on the machine cannot read it."""
    stick = tmp_path / "to-uz.carrier"
    assert Operator(Link(b"head", b"batch")).export_carrier("UZ", stick) == 9
    assert stick.read_bytes() == b"headbatch"
    assert stat.S_IMODE(stick.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [stick]


@pytest.mark.parametrize("pieces", [(), (b"head",)], ids=["refused", "broken off"])
def test_what_was_there_stays_when_nothing_new_comes(tmp_path: Path, pieces: tuple[bytes, ...]) -> None:
    """A stick written before the gateway could not be reached is not lost to the attempt."""
    stick = tmp_path / "to-uz.carrier"
    stick.write_bytes(b"of yesterday")
    with pytest.raises(PeerError):
        Operator(Link(*pieces, PeerError("gone"))).export_carrier("UZ", stick)
    assert stick.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [stick]
