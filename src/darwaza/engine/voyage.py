"""A voyage: what the origin's gateway knows of one message it routed, from the first link to the last.

A voyage is a case of the gateway's own service ``route``, under the message's own identifier. It begins with the
message, or when a message for a neighbour must take another way, and ends when the destination has signed for it, or
when nobody is left to carry it. Until then it is sent again, over another path where there is one, as often as it
takes: the destination acts once.

In memory stand only the voyages that are under way, and of new messages no more are let in than
``LETTERS_UNDER_WAY_MAX`` for each member; ``Fleet`` finds them by the leaf a report names, by the case whose
order they keep, and by the links they depend on.
"""

from datetime import timedelta
from itertools import pairwise
from typing import Final

import msgspec

from darwaza.kernel import instant
from darwaza.kernel.linkstate import Ends, ends_of
from darwaza.kernel.machine import Refusal, Service, Transition
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import decode_header, member_of
from darwaza.ports.store import CaseFilter, Store

ROUTE: Final = "route"
"""Name of the service; no party can command it."""
UNDER_WAY: Final = "under-way"
DELIVERED: Final = "delivered"
UNDELIVERABLE: Final = "undeliverable"
EXPIRED: Final = "expired"

EVENTS: Final = ("sent", "moved", "delivered", "undeliverable", "expired", "attempted", "relayed")
"""What is counted of letters. All but the last are own ones; ``relayed`` were handed on for others."""
TALLY_MAX: Final = 256
"""Paths counted; others are not."""
REASONS_MAX: Final = 64
"""Reasons counted by name; codes come from other members, and what is over this is one of ``other``."""
TRIES_MAX: Final = 32
"""Headers kept of one voyage; of more the oldest is forgotten."""
PATIENCE_FIRST: Final = timedelta(seconds=6)
"""So long nothing may be heard of a message before it is sent again; after each such silence twice as long."""
PATIENCE_LAST: Final = timedelta(seconds=600)


EXPIRED_CARRIED: Final = timedelta(days=1)
"""So long after its expiry a message is still carried: its destination refuses it, and its sender is certain (P6)."""


def carried_until(expires_at: str) -> str:
    """The instant up to which a message that expires is carried."""
    return instant.to_text(instant.from_text(expires_at) + EXPIRED_CARRIED)


class Voyage(msgspec.Struct, frozen=True, array_like=True):
    """One routed message.

    Attributes:
        case_id: of the message.
        destination: full address.
        opened_at: when it began, as stored.
        expires_at: see ``Header``; None when the message does not expire.
        message_class: name of its service.
        policy: the sender's, as text.
        tries: canonical headers, oldest first; each with a path of its own.
        passed: place in the newest path of the furthest member that has proven to have handed it on; 0 for none.
        avoid: members that refused to carry this message.
        refusals: tries that a member has proven to have given up.
        report: key of the stored message that told the newest news, and the number of the item in it.
        code: why it is undeliverable, or "".
        detail: the same for people.
        silences: how often it was sent again because nothing was heard of it. That a path broke under it is no silence.
    """

    case_id: str
    destination: str
    opened_at: str
    expires_at: str | None
    message_class: str
    policy: str
    tries: tuple[bytes, ...]
    passed: int = 0
    avoid: tuple[str, ...] = ()
    refusals: int = 0
    report: tuple[str, int] | None = None
    code: str = ""
    detail: str = ""
    silences: int = 0

    @property
    def path(self) -> tuple[str, ...]:
        """Members of the newest try, from origin to destination."""
        header = decode_header(self.tries[-1])
        return header.path or (member_of(header.origin), member_of(header.destination))

    @property
    def patience(self) -> timedelta:
        """How long to wait for news of the newest try."""
        return min(PATIENCE_FIRST * (1 << min(self.silences, 10)), PATIENCE_LAST)

    @property
    def links_ahead(self) -> set[Ends]:
        """Links of the newest try that the message may still have before it."""
        return {ends_of(*ends) for ends in list(pairwise(self.path))[self.passed :]}


def _no_command(_case: object, _given: object, _context: object) -> Refusal:
    return Refusal("not_in_state", "a voyage is the gateway's own")


SERVICE: Final = Service(
    ROUTE,
    Voyage,
    {(UNDER_WAY, "report"): Transition(_no_command, (UNDER_WAY, DELIVERED, UNDELIVERABLE, EXPIRED))},
)
"""So that stored voyages are read and examined as every case is; the table names the states."""


class Fleet:
    """The voyages under way, by message id; see the module.

    Attributes:
        voyages: in the order they were sent.
        tally: since the process started, by event (``EVENTS``) and, of those sent and moved, by path.
        reasons: letters given up since then, by side (``origin``: an own one came back; ``carrier``: another's went no
            further here) and code.
    """

    def __init__(self) -> None:
        self.voyages: dict[str, Voyage] = {}
        self.tally: dict[str, int] = {}
        self.reasons: dict[tuple[str, str], int] = {}
        self._leaves: dict[bytes, str] = {}
        self._cases: dict[tuple[str, str], dict[str, None]] = {}
        self._numbers: dict[str, int] = {}

    @classmethod
    def load(cls, store: Store) -> "Fleet":
        """Read what is under way."""
        found: dict[str, Voyage] = {}
        after = None
        while rows := store.find_cases(CaseFilter(service=ROUTE, states=(UNDER_WAY,), after=after, items_max=500)):
            found.update((row.id, msgspec.msgpack.decode(row.data, type=Voyage)) for row in rows)
            after = (rows[-1].opened_at, rows[-1].id)
        fleet = cls()
        # Newest first as listed; what belongs to one case must be known here in the order it was sent.
        fleet.merge(dict(reversed(found.items())))
        return fleet

    def merge(self, changed: dict[str, Voyage | None]) -> None:
        """Take over what a committed batch did; None for a voyage that has ended."""
        for message_id, voyage in changed.items():
            former = self.voyages.get(message_id)
            if voyage is None:
                if former is not None:
                    self._drop(message_id, former)
                continue
            self.voyages[message_id] = voyage
            known = 0 if former is None else len(former.tries)
            if former is None or len(voyage.tries) != known:
                self._leaves.update((leaf_hash(header), message_id) for header in voyage.tries)
            member = member_of(voyage.destination)
            self._cases.setdefault((voyage.case_id, member), {})[message_id] = None
            if former is None:
                self._numbers[member] = self.number_to(member) + 1

    def count(self, tally: dict[str, int], reasons: dict[tuple[str, str], int]) -> None:
        """Take over what a committed batch counted."""
        for name, number in tally.items():
            if name in EVENTS or name in self.tally or len(self.tally) < TALLY_MAX:
                self.tally[name] = self.tally.get(name, 0) + number
        for (side, code), number in reasons.items():
            known = (side, code) in self.reasons or len(self.reasons) < REASONS_MAX
            key = (side, code if known else "other")
            self.reasons[key] = self.reasons.get(key, 0) + number

    def _drop(self, message_id: str, voyage: Voyage) -> None:
        del self.voyages[message_id]
        for header in voyage.tries:
            self._leaves.pop(leaf_hash(header), None)
        member = member_of(voyage.destination)
        self._numbers[member] -= 1
        key = (voyage.case_id, member)
        beside = self._cases[key]
        del beside[message_id]
        if not beside:
            del self._cases[key]

    def number_to(self, member: str) -> int:
        """How many messages are under way to a member."""
        return self._numbers.get(member, 0)

    def by_leaf(self, leaf: bytes) -> str | None:
        """Id of the message one of whose tries has this leaf hash."""
        return self._leaves.get(leaf)

    def before(self, case_id: str, member: str) -> Voyage | None:
        """The newest voyage under way of a case to a member: what follows it keeps its path, and so its order."""
        ids = self._cases.get((case_id, member))
        return None if not ids else self.voyages[next(reversed(ids))]

    def of_case(self, case_id: str, member: str) -> list[str]:
        """Ids of a case's messages under way to a member, in the order they were sent."""
        return list(self._cases.get((case_id, member), ()))
