"""Drills: a member is treated as dark for a while, and what that did to this gateway's traffic is told afterwards.

A drill changes this gateway's map and nothing else. Its own messages take other ways; what it relays for others toward
the member it gives back to their origins, which then find other ways too. Nothing is lost and nothing needs undoing.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from darwaza.engine.site import Site
from darwaza.errors import ConflictError, MalformedError
from darwaza.kernel import instant

DRILL_S_MAX: Final = 3_600
DRILLS_KEPT: Final = 20


class Drill(msgspec.Struct):
    """One drill.

    Attributes:
        id: number, from 1 since the gateway started.
        cut: the member.
        began_at: RFC 3339.
        ends_at: RFC 3339.
        state: ``running`` or ``over``.
        under_way: messages under way when it began.
        sent: messages sent over other members' gateways since.
        moved: messages sent again another way since.
        delivered: messages whose destination has signed for them since.
        undeliverable: messages that came back since.
        waiting: messages still under way, now or when it ended.
        paths: messages sent, by path.
    """

    id: int
    cut: str
    began_at: str
    ends_at: str
    state: str = "running"
    under_way: int = 0
    sent: int = 0
    moved: int = 0
    delivered: int = 0
    undeliverable: int = 0
    waiting: int = 0
    paths: dict[str, int] = {}


class Drills:
    """The drills of one gateway since it started."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._drills: list[Drill] = []
        self._before: dict[int, dict[str, int]] = {}
        self._count = 0

    def cut(self, member: str, seconds: int) -> Drill:
        """Begin to treat a member as dark.

        Raises:
            MalformedError: ``drill_wrong`` for a member there is not, for oneself, or for too long.
            ConflictError: ``drill_running`` when one with this member has not ended.
        """
        now = self._site.clock.now()
        others = set(self._site.trust.current.codes) - {self._site.member}
        if member not in others or not 1 <= seconds <= DRILL_S_MAX:
            detail = f"a drill cuts one of {', '.join(sorted(others))} for 1 to {DRILL_S_MAX} seconds"
            raise MalformedError(detail, code="drill_wrong")
        if any(one.cut == member and one.state == "running" for one in self.all()):
            raise ConflictError(f"a drill with {member} is running", code="drill_running")
        until = now + timedelta(seconds=seconds)
        self._count += 1
        fleet = self._site.fleet
        drill = Drill(self._count, member, instant.to_text(now), instant.to_text(until), under_way=len(fleet.voyages))
        self._before[drill.id] = dict(fleet.tally)
        self._drills = [*self._drills, drill][-DRILLS_KEPT:]
        self._site.routing.cut(member, until)
        return drill

    def all(self) -> list[Drill]:
        """The drills, oldest first, as of now."""
        self.look()
        return self._drills

    def look(self) -> None:
        """Count up what runs; called after every commit, so that a drill's figures end with it."""
        for drill in self._drills:
            if drill.state == "running":
                self._count_up(drill, self._site.clock.now())

    def _count_up(self, drill: Drill, now: datetime) -> None:
        fleet, before = self._site.fleet, self._before[drill.id]
        since = {name: count - before.get(name, 0) for name, count in fleet.tally.items()}
        drill.sent, drill.moved = since.get("sent", 0), since.get("moved", 0)
        drill.delivered, drill.undeliverable = since.get("delivered", 0), since.get("undeliverable", 0)
        drill.paths = {name: count for name, count in since.items() if "-" in name and count}
        drill.waiting = len(fleet.voyages)
        if instant.to_text(now) >= drill.ends_at:
            drill.state = "over"
            del self._before[drill.id]
