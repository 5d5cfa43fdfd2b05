"""The map one gateway has of the corridor: its links, what they can carry, and how they are doing.

A map is a value made from accepted link statements (``darwaza.kernel.linkstate``) and the gateway's own measurements.
Where several speak of one link, the worse condition counts, and of latencies and losses the larger: an end can make
its link look worse than it is, never better. What the gateway measured itself replaces what others say of latency and
loss, because it is the traffic of this gateway that travels there.

Paths over the map are ``darwaza.kernel.path``'s matter.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.linkstate import Ends, LinkHealth, LinkState, Statement, ends_of


class MapLink(msgspec.Struct, frozen=True):
    """One link on the map.

    Attributes:
        ends: the two members, in ascending order.
        condition: see ``Condition``.
        latency_us: one way, microseconds.
        loss_ppm: share of probes lost, 0 to 1,000,000.
        capacity_class: n when it carries at least 10**n Mbit/s.
        price_class: 0 for free of charge to 9.
        body_bytes_max: largest body it carries.
        drained: whether its ends ask that no new message be sent over it.
        visible_to: the members besides its ends that may know of it; None when all may.
    """

    ends: Ends
    condition: Condition
    latency_us: int
    loss_ppm: int
    capacity_class: int
    price_class: int
    body_bytes_max: int
    drained: bool = False
    visible_to: frozenset[str] | None = None

    def shown_to(self, member: str) -> bool:
        """Whether a member may know of this link."""
        return self.visible_to is None or member in self.ends or member in self.visible_to


class Topology(msgspec.Struct, frozen=True):
    """A map.

    Attributes:
        links: by their ends.
    """

    links: Mapping[Ends, MapLink] = msgspec.field(default_factory=dict)

    def link(self, one: str, other: str) -> MapLink | None:
        """The link between two members, or None when the map has none."""
        return self.links.get(ends_of(one, other))


def build(
    viewer: str,
    statements: Iterable[Statement],
    own: Mapping[Ends, Measure],
    now: datetime,
) -> Topology:
    """Draw the map one gateway has.

    Args:
        viewer: code of the gateway's member; links not shown to it are left out.
        statements: accepted ones, the latest of each subject; expired ones are passed over.
        own: what the gateway found out itself: of its own links by probing, of other links by what became of messages
            (a link after which they vanish is ``Condition.DEGRADED`` or ``DOWN`` here, whatever its ends say).
        now: aware.
    """
    states: list[LinkState] = []
    reported: dict[Ends, list[Measure]] = {}
    for statement in statements:
        if statement.expires_at <= now:
            continue
        if isinstance(statement, LinkHealth):
            reported.setdefault(statement.ends, []).append(statement.measure)
        elif isinstance(statement, LinkState) and statement.shown_to(viewer):
            states.append(statement)
    return Topology({one.ends: _draw(one, reported.get(one.ends, []), own.get(one.ends)) for one in states})


def _draw(state: LinkState, reported: list[Measure], own: Measure | None) -> MapLink:
    said = reported if own is None else [*reported, own]
    # A measure without a latency says only how the link is: nothing was ever answered over it.
    timed = [one for one in ([own] if own is not None and own.latency_us else reported) if one.latency_us]
    return MapLink(
        ends=state.ends,
        condition=max((one.condition for one in said), default=Condition.UP),
        latency_us=max((one.latency_us for one in timed), default=state.latency_us),
        loss_ppm=max((one.loss_ppm for one in timed), default=0),
        capacity_class=state.capacity_class,
        price_class=state.price_class,
        body_bytes_max=state.body_bytes_max,
        drained=state.drained,
        visible_to=None if state.visible_to is None else frozenset(state.visible_to),
    )
