"""The map one gateway has, and the path it chooses for a message.

Statements of links, healths and home rules come in already accepted (``darwaza.engine.watch``); what this gateway
measured itself is told by ``measured`` and ``suspect``. From these a map is drawn (``darwaza.kernel.topology``), anew
only when something changed, and the choice for each kind of message is remembered as long as the map stands: a message
costs one look into a dictionary.

The link to a neighbour stands on the map even when no statement speaks of it: two countries alone need none. It is down
while its logs are halted.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec

from darwaza.config import BODY_BYTES_MAX
from darwaza.engine.trust import Trust
from darwaza.errors import MessageError, TooLargeError
from darwaza.kernel import instant, locality, path, policy
from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES
from darwaza.kernel.linkstate import Ends, HomeStatement, LinkState, Statement, ends_of, subject
from darwaza.kernel.locality import HomeRules
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import SENDER_POLICY_CHARACTERS_MAX
from darwaza.kernel.path import REPORT_CLASS, Explanation, Need, Rules
from darwaza.kernel.relay import ROUTED_BODY_BYTES_MAX
from darwaza.kernel.topology import MapLink, Topology, build

SUSPECT_FOR: Final = timedelta(seconds=60)
"""So long a link after which messages vanished is avoided while something better exists."""
REDRAW_AFTER: Final = timedelta(seconds=5)
"""Statements expire without anybody saying so."""
SETTLES_AFTER: Final = timedelta(seconds=30)
"""So long after its start a gateway may not have heard of every link yet: what is under way is not given up before."""
CHOICES_MAX: Final = 4_096
TOO_LARGE_TO_RELAY: Final = "body_too_large_to_relay"
"""Code of the refusal of a message that only relays would carry just now, and that none can."""

_parsed = lru_cache(CHOICES_MAX)(policy.parse)


@lru_cache(CHOICES_MAX)
def canonical(text: str) -> str:
    """Write a policy in its one form; "" when it asks for nothing.

    Raises:
        MalformedError, TooLargeError: see ``policy.parse``.
    """
    return policy.format_policy(_parsed(text))


class Asked(msgspec.Struct, frozen=True):
    """What a choice depends on.

    Attributes:
        destination: member.
        message_class: name of the message's service.
        policy: the sender's, as text; "" for none.
        waits: see ``machine.Draft``.
        size: how many of the map's limits on bodies it exceeds.
        avoid: members that have refused this very message.
    """

    destination: str
    message_class: str
    policy: str
    waits: bool
    size: int
    avoid: tuple[str, ...] = ()


class Routing:
    """See the module.

    Attributes:
        member: whose map it is.
        homes: home rules by member.
        changes: grows with every news that may move messages.
    """

    def __init__(self, member: str) -> None:
        self.member = member
        self.homes: dict[str, HomeRules] = {}
        self.changes = 0
        self._trust: Trust | None = None
        self._lanes: dict[str, list[int]] = {}
        self._neighbours: frozenset[str] = frozenset()
        self._statements: dict[tuple[str, ...], Statement] = {}
        self._own: dict[Ends, Measure] = {}
        self._suspects: dict[Ends, datetime] = {}
        self._cut: dict[str, datetime] = {}
        self._now = instant.EPOCH
        self._began_at: datetime | None = None
        self._drawn_at = instant.EPOCH
        self._map: Topology | None = None
        self._limits: list[int] = []
        self._choices: dict[Asked, tuple[str, ...] | Refusal] = {}
        self._relays: dict[tuple[tuple[str, ...], str, int], Refusal | None] = {}
        self._reachable: frozenset[str] | None = None

    # --- what is known ---

    def follow(self, trust: Trust) -> None:
        """Go by a version of the corridor document."""
        self._trust = trust
        self._neighbours = frozenset(trust.neighbours(self.member))
        self._forget()

    def set_lanes(self, lanes: dict[str, list[int]]) -> None:
        """Learn which own logs run, by the member they lead to and by lane."""
        self._lanes = lanes
        self._forget()

    def learn(self, statement: Statement) -> None:
        """Take an accepted statement for the latest on its subject."""
        former = self._statements.get(subject(statement))
        self._statements[subject(statement)] = statement
        if isinstance(statement, HomeStatement):
            self.homes[statement.author] = locality.parse(statement.rules)
        if former is None or _said(former) != _said(statement):
            self._forget()
            self.changes += 1

    def obey(self, member: str, rules: HomeRules) -> None:
        """Go by a member's home rules from now on."""
        self.homes[member] = rules
        self._forget()

    def measured(self, neighbour: str, measure: Measure) -> None:
        """Learn how the own link with a neighbour is doing."""
        ends = ends_of(self.member, neighbour)
        former, self._own[ends] = self._own.get(ends), measure
        if former is None or former.condition is not measure.condition or _far(former, measure):
            self._forget()
        if former is None or former.condition is not measure.condition:
            self.changes += 1

    def suspect(self, one: str, other: str) -> None:
        """Avoid a link for a while: a message did not come out at its other end."""
        self._suspects[ends_of(one, other)] = self._now + SUSPECT_FOR
        self._forget()

    def cut(self, member: str, until: datetime) -> None:
        """Pretend, until then, that a member's gateway is dark: a drill."""
        self._cut[member] = until
        self._forget()
        self.changes += 1

    @property
    def cuts(self) -> Mapping[str, datetime]:
        """Members a drill has cut off, and until when."""
        return {member: until for member, until in self._cut.items() if until > self._now}

    def pass_time(self, now: datetime) -> None:
        """Learn the time; what has expired leaves the map."""
        self._now = now
        self._began_at = self._began_at or now
        ended = [ends for ends, until in self._suspects.items() if until <= now]
        restored = [member for member, until in self._cut.items() if until <= now]
        for ends in ended:
            del self._suspects[ends]
        for member in restored:
            del self._cut[member]
            self.changes += 1
        if ended or restored or not timedelta(0) <= now - self._drawn_at < REDRAW_AFTER:
            self._forget()

    def _forget(self) -> None:
        self._map = None
        self._choices = {}
        self._relays = {}
        self._reachable = None

    @property
    def is_settled(self) -> bool:
        """Whether this gateway has listened for so long that what its map does not hold is not there."""
        return self._began_at is None or self._now - self._began_at >= SETTLES_AFTER

    # --- the map ---

    @property
    def topology(self) -> Topology:
        """The map as of now."""
        if self._map is None:
            self._map = self._draw()
            self._drawn_at = self._now
            self._limits = sorted({link.body_bytes_max for link in self._map.links.values()})
        return self._map

    def _draw(self) -> Topology:
        own = dict(self._own)
        for ends in self._suspects:
            own.setdefault(ends, Measure(Condition.DEGRADED, 0, 0))
        links = dict(build(self.member, self._statements.values(), own, self._now).links)
        for neighbour in self._neighbours:
            ends = ends_of(self.member, neighbour)
            link = links.get(ends) or _unstated(ends, own.get(ends))
            links[ends] = link if neighbour in self._lanes else _changed(link, Condition.DOWN)
        for ends in self._suspects:
            link_or_none = links.get(ends)
            if link_or_none is not None and link_or_none.condition is Condition.UP:
                links[ends] = _changed(link_or_none, Condition.DEGRADED)
        dark = self.cuts
        return Topology(
            {ends: link if dark.keys().isdisjoint(ends) else _changed(link, Condition.DOWN)
             for ends, link in links.items()}
        )  # fmt: skip

    @property
    def reachable(self) -> frozenset[str]:
        """Members some path leads to, up or down, by way of a neighbour whose logs run."""
        if self._reachable is None:
            near: dict[str, set[str]] = {}
            for one, other in self.topology.links:
                near.setdefault(one, set()).add(other)
                near.setdefault(other, set()).add(one)
            found, new = set[str](), set(self._lanes)
            while new:
                found |= new
                new = {far for member in new for far in near.get(member, ())} - found - {self.member}
            self._reachable = frozenset(found)
        return self._reachable

    def rules(self, message_class: str, sender: str = "", avoid: tuple[str, ...] = ()) -> Rules:
        """Everybody's rules for a class of messages.

        Raises:
            MalformedError, TooLargeError: the sender's policy cannot be read; see ``policy.parse``.
        """
        asked = _parsed(sender)
        if len(canonical(sender)) > SENDER_POLICY_CHARACTERS_MAX:
            detail = f"the policy of one message has at most {SENDER_POLICY_CHARACTERS_MAX} characters"
            raise TooLargeError(detail, code="policy_too_large")
        if avoid:
            asked = msgspec.structs.replace(asked, avoid=tuple(dict.fromkeys((*asked.avoid, *avoid))))
        return Rules(_parsed(self._corridor_policy(message_class)), asked, self.homes)

    def _corridor_policy(self, message_class: str) -> str:
        return "" if self._trust is None else self._trust.current.terms(message_class).path_policy

    # --- choosing ---

    def choose(
        self,
        destination: str,
        message_class: str,
        body_bytes: int,
        *,
        sender: str = "",
        waits: bool = True,
        avoid: tuple[str, ...] = (),
    ) -> tuple[str, ...] | Refusal:
        """Choose the path of a message.

        Args:
            destination: member.
            message_class: name of the message's service.
            body_bytes: as it is drafted, not yet sealed.
            sender: policy of the sender, as text.
            waits: when every allowed path is down or drained, choose the best of those all the same.
            avoid: members that must not carry this message, besides.

        Returns:
            The members, from this one to the destination, or why there is no path; nothing has changed then.
        """
        _ = self.topology
        size = bisect_left(self._limits, body_bytes + LETTER_OVERHEAD_BYTES)
        asked = Asked(destination, message_class, sender, waits, size, avoid)
        found = self._choices.get(asked)
        if found is None:
            if len(self._choices) >= CHOICES_MAX:
                self._choices.clear()
            found = self._choices[asked] = self._choose(asked, body_bytes)
        if isinstance(found, tuple) and len(found) > 2 and body_bytes + LETTER_OVERHEAD_BYTES > ROUTED_BODY_BYTES_MAX:  # noqa: PLR2004
            most = ROUTED_BODY_BYTES_MAX - LETTER_OVERHEAD_BYTES
            detail = f"a body of {body_bytes} bytes is too large to be relayed to {destination}; {most} are possible"
            return Refusal(TOO_LARGE_TO_RELAY, detail, "/body")
        return found

    def choose_other(
        self,
        destination: str,
        message_class: str,
        tried: Sequence[tuple[str, ...]],
        *,
        sender: str = "",
        avoid: tuple[str, ...] = (),
        straight: bool = True,
    ) -> tuple[str, ...] | Refusal:
        """Choose a path for a message that vanished: the one whose members carried the fewest of its former copies.

        A relay can prove that it handed on what the next one then cannot use: so it is members that are gone round,
        and not only the link after which nothing was heard.
        """
        need = Need(self.member, destination, message_class)
        try:
            paths = path.find(self.topology, self.rules(message_class, sender, avoid), need)
            if not straight:
                paths = tuple(one for one in paths if len(one.members) > 2)  # noqa: PLR2004
        except MessageError as fault:
            return Refusal(fault.code, fault.detail, "/path_policy" + fault.pointer)
        if not paths:
            return self.choose(destination, message_class, 0, sender=sender, avoid=avoid)
        carried = Counter(carrier for members in tried for carrier in members[1:-1])
        return min(paths, key=lambda one: sum(carried[carrier] for carrier in one.members[1:-1])).members

    def may_wait(self, neighbour: str, message_class: str, body_bytes: int, sender: str = "") -> bool:
        """Whether a message may stand in the log to a neighbour until that link works again: nobody's rule forbids it.

        Raises:
            MalformedError, TooLargeError: the sender's policy cannot be read.
        """
        need = Need(self.member, neighbour, message_class, body_bytes)
        rules = self.rules(message_class, sender)
        against = path.objections(self._patient(), rules, need, (self.member, neighbour))
        return next(against, None) is None

    def allows(self, members: tuple[str, ...], message_class: str, sender: str = "") -> bool:
        """Whether a message may take a path that was not chosen for it, whatever its links are like: no rule forbids.

        Raises:
            MalformedError, TooLargeError: the sender's policy cannot be read.
        """
        need = Need(self.member, members[-1], message_class)
        against = path.rules_against(self.rules(message_class, sender), need, members)
        return members[1] in self._lanes and next(against, None) is None

    def _choose(self, asked: Asked, body_bytes: int) -> tuple[str, ...] | Refusal:
        try:
            rules = self.rules(asked.message_class, asked.policy, asked.avoid)
        except MessageError as fault:
            return Refusal(fault.code, fault.detail, "/path_policy" + fault.pointer)
        need = Need(self.member, asked.destination, asked.message_class, min(body_bytes, BODY_BYTES_MAX))
        best = path.find(self.topology, rules, need, 1)
        if not best and asked.waits:
            best = path.find(self._patient(), rules, need, 1)
        if best:
            return best[0].members
        if asked.destination in self._neighbours and asked.destination not in self._lanes:
            return Refusal("unreachable", f"no running link leads to {asked.destination}", "/to", transient=True)
        return path.undeliverable(path.explain(self.topology, rules, need))

    def _patient(self) -> Topology:
        """The map for a message that can wait: what is down or drained now may carry it later."""
        return Topology(
            {
                ends: _changed(link, Condition.DEGRADED, drained=False)
                if link.condition is Condition.DOWN or link.drained
                else link
                for ends, link in self.topology.links.items()
                if self.member not in ends or (set(ends) - {self.member}) & self._lanes.keys()
            }
        )

    def is_open(self, members: tuple[str, ...]) -> bool:
        """Whether every link of a path is there and not down."""
        links = [self.topology.link(one, other) for one, other in pairwise(members)]
        return all(link is not None and link.condition is not Condition.DOWN for link in links)

    def explain(
        self, destination: str, message_class: str, body_bytes: int = 0, sender: str = "", origin: str = ""
    ) -> Explanation:
        """Weigh every path; see ``path.explain``.

        Raises:
            MalformedError, TooLargeError: the sender's policy cannot be read.
        """
        need = Need(origin or self.member, destination, message_class, body_bytes)
        return path.explain(self.topology, self.rules(message_class, sender), need)

    def relay_refusal(
        self, members: tuple[str, ...], message_class: str, body_bytes: int, stage: int
    ) -> Refusal | None:
        """Say why this member does not hand a message on, or None; see ``path.relay_objections``."""
        _ = self.topology
        small = body_bytes <= self._limits[0] if self._limits else False
        key = (members, message_class, stage)
        if small and key in self._relays:
            return self._relays[key]
        refusal = self._relay_refusal(members, message_class, body_bytes, stage)
        if small and len(self._relays) < CHOICES_MAX:
            self._relays[key] = refusal
        return refusal

    def _relay_refusal(
        self, members: tuple[str, ...], message_class: str, body_bytes: int, stage: int
    ) -> Refusal | None:
        need = Need(members[0], members[-1], message_class, body_bytes)
        standing = path.relay_objections(self.topology, self.rules(message_class), need, members, stage)
        first = next(standing, None)
        return None if first is None else Refusal(first.code, first.detail)

    def store_refusal(self, origin: str, message_class: str) -> Refusal | None:
        """Say why this member must not keep a body of an origin's, or None."""
        if message_class == REPORT_CLASS:
            return None
        first = next(locality.store_objections(self.homes, message_class, origin, self.member), None)
        return None if first is None else Refusal(first.code, first.detail)

    def state_of(self, one: str, other: str) -> LinkState | None:
        """The latest state of a link, or None."""
        found = self._statements.get(("state", *ends_of(one, other)))
        return found if isinstance(found, LinkState) else None

    def home_of(self, member: str) -> HomeStatement | None:
        """A member's latest home statement, or None."""
        found = self._statements.get(("home", member))
        return found if isinstance(found, HomeStatement) else None

    def known(self, statement: Statement) -> Statement | None:
        """The latest statement on the same subject."""
        return self._statements.get(subject(statement))


def _said(statement: Statement) -> object:
    """What a statement says, without when."""
    return msgspec.structs.replace(statement, serial=1, issued_at=instant.EPOCH, expires_at=instant.EPOCH)


def _far(one: Measure, other: Measure) -> bool:
    """Whether two measures differ enough to look for paths anew."""
    latency = abs(one.latency_us - other.latency_us) > 2_000 + one.latency_us // 4
    return latency or abs(one.loss_ppm - other.loss_ppm) > 10_000  # noqa: PLR2004 - one percent


def _unstated(ends: Ends, own: Measure | None) -> MapLink:
    seen = own or Measure(Condition.UP, 0, 0)
    return MapLink(ends, seen.condition, seen.latency_us, seen.loss_ppm, 0, 0, BODY_BYTES_MAX)


def _changed(link: MapLink, condition: Condition, *, drained: bool | None = None) -> MapLink:
    drained = link.drained if drained is None else drained
    return msgspec.structs.replace(link, condition=condition, drained=drained)
