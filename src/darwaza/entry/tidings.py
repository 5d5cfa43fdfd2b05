"""Writes into the log what becomes of links: a neighbour goes and comes back, a link stops and goes on.

Metrics and ``darwaza link show`` tell how a link does now; the log keeps when it changed, and why.
"""

import asyncio
from typing import Final

import structlog

from darwaza.engine.courier import Courier
from darwaza.engine.engine import Engine
from darwaza.entry.view.link import LinkView, view_links

log = structlog.get_logger("darwaza.link")

LOOK_S: Final = 1.0
"""So often links are looked at; no link is told of more often."""
LEVELS: Final = {"halted": "error", "down": "warning"}
"""What wants a person, and what may; everything else is news only."""


class Tidings:
    """Remembers how each link did when it was told last; a link that connects is not news."""

    def __init__(self, engine: Engine, courier: Courier) -> None:
        self._engine = engine
        self._courier = courier
        self._told: dict[str, tuple[str, list[str]]] = {}

    def look(self) -> None:
        """Tell of every link that does otherwise than when it was told last."""
        for link in view_links(self._engine, self._courier):
            now = link.state, _why(link)
            if link.state != "connecting" and self._told.get(link.peer) != now:
                self._told[link.peer] = now
                tell = getattr(log, LEVELS.get(link.state, "info"))
                tell("link", peer=link.peer, state=link.state, codes=now[1], queue=link.queue)

    async def keep_telling(self) -> None:
        """Look again and again until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)


def _why(link: LinkView) -> list[str]:
    """The codes for which a link stands still, or its neighbour cannot be reached."""
    if link.state == "halted":
        return sorted({lane.halted for lane in link.lanes if lane.halted})
    return sorted({lane.fault for lane in link.lanes if lane.fault})
