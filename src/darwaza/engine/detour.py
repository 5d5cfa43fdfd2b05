"""Detours: what waits in the log to a neighbour is sent over another path besides, when that is the better way now.

Each message once: its copy is a voyage, which moves as every voyage does. ``Detours`` is one batch's; what it has
looked at is kept in ``Site.detoured``. No more is sent another way than may be under way to a member
(``LETTERS_UNDER_WAY_MAX``), nor read at a time than ``UNSEEN_BYTES_MAX``; the rest stays in the log and its turn comes
with the next look.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import proxy

from darwaza.engine.precedence import GATEWAY_KINDS
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import Header, decode_header, member_of
from darwaza.ports.store import LeafRow, Store

if TYPE_CHECKING:
    from darwaza.engine.site import Site
    from darwaza.engine.unit import Unit

UNSEEN_BYTES_MAX = 64 * 1_048_576
"""Bodies looked at when the messages waiting for a neighbour take another way."""


class Detours:
    """See the module.

    Attributes:
        sizes: by own log, the size up to which waiting messages have been sent another way.
    """

    def __init__(self, site: "Site", store: Store, unit: "Unit") -> None:
        self.sizes: dict[int, int] = {}
        self._site = site
        self._store = store
        self._unit: Unit = proxy(unit)

    def take(self) -> int:
        """Send what waits for neighbours that are silent, or late, another way; returns how many messages took one."""
        site = self._site
        dark = [peer for peer in site.lanes if not site.routing.is_open((site.member, peer))]
        late = [peer for peer in site.lanes if peer not in dark and self._is_late(peer)]
        around = sum(self.send(peer, straight=False) for peer in late)
        return sum(self.send(peer) for peer in dark) + around

    def _is_late(self, neighbour: str) -> bool:
        """Whether a neighbour has not co-signed something although the deadline of its class is over."""
        for log_id in dict.fromkeys(self._site.lanes[neighbour]):
            row = self._unit.log(log_id).row
            start = max(row.cosigned_size, self._site.detoured.get(log_id, 0))
            for raw, _ in self._store.leaves(log_id, start, min(start + 1, row.size), UNSEEN_BYTES_MAX):
                header = decode_header(raw)
                terms = self._site.trust.current.terms(header.kind.partition(".")[0])
                due_at = instant.from_text(header.created_at) + timedelta(seconds=terms.receipt_deadline_s)
                if due_at <= self._unit.now:
                    return True
        return False

    def send(self, neighbour: str, *, straight: bool = True) -> int:
        """Send what waits in the logs to a neighbour over another path; once for each message.

        Args:
            neighbour: its code.
            straight: leave it where it is when the direct link is the best way; else go round that link all the same,
                so that other members try what this one cannot make the neighbour sign for.

        Returns:
            How many messages took another way.
        """
        tracking, count, newest = self._unit.tracking, 0, dict[str, str]()
        found = self._way_round(neighbour, "", 0, "", straight=straight)
        if isinstance(found, Refusal) or len(found) == 2 or tracking.is_full(neighbour):  # noqa: PLR2004
            return 0  # there is no other way, or nothing more can be followed now
        waiting, older = self._waiting(neighbour)
        followed = self._store.cases([header.id for header, _ in waiting])
        for place, (header, leaf) in enumerate(waiting):
            if tracking.is_full(neighbour):
                self._leave(leaf for _, leaf in waiting[place:])
                break
            mine = member_of(header.origin) == self._site.member and header.path is None
            if not mine or header.kind.startswith(GATEWAY_KINDS):
                continue
            before = header.follows or newest.get(header.case_id)
            if before is None and (older or self._site.fleet.of_case(header.case_id, neighbour)):
                before = tracking.precedence.before(leaf, header)
            newest[header.case_id] = header.id
            if header.id not in followed and header.id not in tracking.changed:
                count += self._detour_one(header, leaf.body, before, straight=straight)
        return count

    def _waiting(self, neighbour: str) -> tuple[list[tuple[Header, LeafRow]], bool]:
        """What waits in the logs to a neighbour and was not sent another way, in the order it was sent.

        Returns:
            Headers and leaves, and whether something older waits besides.
        """
        found, older = [], False
        for log_id in dict.fromkeys(self._site.lanes.get(neighbour, ())):
            row = self._unit.log(log_id).row
            start = max(row.cosigned_size, self.sizes.get(log_id, self._site.detoured.get(log_id, 0)))
            older = older or start > row.cosigned_size
            leaves = self._store.leaves(log_id, start, row.size, UNSEEN_BYTES_MAX)
            self.sizes[log_id] = start + len(leaves)
            for index, (raw, body) in enumerate(leaves, start):
                found.append((decode_header(raw), LeafRow(log_id, index, "", "", raw, body)))
        # Of what was sent in the same millisecond into several logs, what follows another was sent after it.
        return sorted(found, key=lambda one: (one[0].created_at, one[0].follows is not None)), older

    def _leave(self, leaves: Iterable[LeafRow]) -> None:
        """Leave messages in their logs until the next look."""
        for leaf in leaves:
            self.sizes[leaf.log_id] = min(self.sizes[leaf.log_id], leaf.leaf_index)

    def _way_round(
        self, neighbour: str, message_class: str, body_bytes: int, policy: str, *, straight: bool
    ) -> tuple[str, ...] | Refusal:
        routing = self._site.routing
        if straight:
            return routing.choose(neighbour, message_class, body_bytes, sender=policy)
        return routing.choose_other(neighbour, message_class, (), sender=policy, straight=False)

    def _detour_one(self, header: Header, body: bytes, before: str | None, *, straight: bool) -> bool:
        name = header.kind.partition(".")[0]
        policy = header.path_policy or ""
        found = self._way_round(member_of(header.destination), name, len(body), policy, straight=straight)
        if isinstance(found, Refusal) or len(found) == 2:  # noqa: PLR2004
            return False
        copy = self._unit.tracking.precedence.copied(header, before, (header.case_id, member_of(header.destination)))
        self._unit.tracking.begin(copy, body, found, "", bulk=False)
        return True
