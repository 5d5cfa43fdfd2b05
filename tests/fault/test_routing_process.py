"""Real gateways route, one of them is killed on the way, and everything arrives once over another path."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from darwaza.entry.demo.routing import RoutingChapter
from darwaza.errors import TransientError

WAIT_S = 120.0


class Listener:
    """Hears the demo's chapter and holds it to every word."""

    def __init__(self) -> None:
        self.held_to: list[str] = []

    def chapter(self, title: str) -> None:
        """A part begins."""

    def tell(self, text: str) -> None:
        """Something happens."""

    def held(self, text: str, *, that: bool = True) -> None:
        """Something was checked."""
        assert that, text
        self.held_to.append(text)

    def until(self, what: str, found: Callable[[], bool]) -> None:
        """Wait for something, on a machine that may be busy."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            with contextlib.suppress(TransientError):
                if found():
                    return
            time.sleep(0.1)
        raise AssertionError(what)


@pytest.mark.timeout(600)
def test_a_killed_relay_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL under load: all arrive once by another path, the evidence says which, and every store is whole."""
    listener = Listener()
    RoutingChapter(listener, tmp_path / "caravan").run()
    assert len(listener.held_to) == 12
