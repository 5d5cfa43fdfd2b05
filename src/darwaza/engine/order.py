"""Order within a case: messages that overtook the one they follow wait at their destination until that one has come.

A header names in ``follows`` the case's message before it when that is under way from the same origin member to the
same destination member and could be overtaken: over another path, or in another lane. The destination acknowledges an
*early* message like any other, for its log holds it, but gives it to its service only after that one, whatever became
of that one: processed, refused or put into quarantine.

An early message stops waiting without the one it follows in two cases. Its origin sends another copy that follows
nothing, or something that has come: the message before has ended (undeliverable, expired). Or a named limit is reached
(``EARLY_DAYS_MAX``, ``EARLY_MESSAGES_MAX``). From then on its case has *passed* it: what the same origin sent on the
case before it is refused as ``overtaken`` when it comes after all. So what is processed is always in the order it was
sent, and nobody waits for ever.

A message waits without following any when it is *ahead* of what this gateway lost: it opens no case, its service would
refuse it now, and something older of its case may still come back. That is so while a neighbour has not said, since
this process started, what it holds of the own logs, or has not sent again everything of its logs that we had signed
for: words on one case come by any path, so that one can come back before the one it was an answer to. Refused then, its
sender and we would never agree again. Nor is a message refused that opens a case, when it comes from further away,
before the neighbours were met that may hold what was answered to it (``recovery.may_be_answered``), or when it lacks
money, while own messages come back and what brings that may be among them (``recovery.is_coming``). And when all has
come back, one that was taken before still waits for money that another case brings, or that its own case lacks
(``recovery.lacks_money``). It goes on when its service takes it, or when nothing of this is so any more; and what was
sent on its case after it, by the same member, comes after it.

An early message, and the place up to which a case has passed, are cases of the gateway's own service ``order``, so they
are stored, woken and examined as cases are. ``Order`` holds in memory what waits, and of the places that cases have
passed the newest (``PASSED_KEPT_MAX``): the others are read when they are asked for. ``Ordering`` holds what one batch
changes.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING, Final
from weakref import proxy

import msgspec

from darwaza.config import EARLY_DAYS_MAX, EARLY_MESSAGES_MAX, PASSED_KEPT_MAX
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal, Service, Transition
from darwaza.kernel.message import Header, member_of, message_key, uuid_of
from darwaza.ports.store import CaseFilter, CaseRow, Store

if TYPE_CHECKING:
    from darwaza.engine.site import Site
    from darwaza.engine.unit import Unit

ORDER: Final = "order"
"""Name of the service; no party can command it."""
EARLY: Final = "early"
RELEASED: Final = "released"
PASSED: Final = "passed"
OVERTAKEN: Final = Refusal("overtaken", "its case has gone on with what was sent after it", "/follows")
EARLY_TIME: Final = timedelta(days=EARLY_DAYS_MAX)
LOOK_AGAIN: Final = timedelta(minutes=1)
"""How often what is ahead is tried again although nothing has come back."""
FOLLOWED_MAX: Final = 8
"""Messages that the copies of one early message may name; one of them is enough."""
PAGE_ROWS: Final = 500


class Early(msgspec.Struct, frozen=True, array_like=True):
    """A message that came before the one it follows; or the last one up to which a case has passed.

    Attributes:
        key: its origin member and its id (``message.message_key``).
        case_id: of the message.
        created_at: of the message: when its origin sent it. Within a case origins send in order of time.
        opened_at: since when it waits, as stored.
        place: log id and index of its leaf.
        follows: keys of the messages its copies follow; it waits for any of them. None when it is ahead.
    """

    key: str
    case_id: str
    created_at: str
    opened_at: str
    place: tuple[int, int]
    follows: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The member it comes from."""
        return self.key.partition(" ")[0]

    @property
    def until(self) -> datetime:
        """When it has waited for as long as we wait."""
        return instant.from_fine_text(self.opened_at) + EARLY_TIME

    @property
    def waits_under(self) -> tuple[str, ...]:
        """What it is looked for by: the keys of the messages it follows, or its case when it is ahead."""
        return self.follows or (self.case_id,)

    @property
    def thread(self) -> tuple[str, str]:
        """What has an order: a case, and a member that sends on it."""
        return self.origin, self.case_id


def _no_command(_case: object, _given: object, _context: object) -> Refusal:
    return Refusal("not_in_state", "order is the gateway's own")


SERVICE: Final = Service(
    ORDER,
    Early,
    {(EARLY, "arrival"): Transition(_no_command, (EARLY, RELEASED, PASSED))},
)
"""So that stored rows are read and examined as every case is; the table names the states."""


def followed(header: Header) -> str | None:
    """Key of the message that a header follows, or None."""
    return None if header.follows is None else f"{member_of(header.origin)} {header.follows}"


def row_id(*parts: str) -> str:
    """The id of a row, that no other gateway can choose: a UUID of version 8 (RFC 9562 section 5.8)."""
    return uuid_of(sha256("\n".join(("darwaza/order/v1", *parts)).encode()).digest())


class Order:
    """What waits, as committed; see the module.

    Attributes:
        early: by message key, oldest first.
        passed: the newest message that a member's case has passed to, by (member, case); newest last, and of many only
            ``PASSED_KEPT_MAX``.
        has_all_passed: whether no other is stored.
        ahead: how many of those that wait are ahead.
    """

    def __init__(self) -> None:
        self.early: dict[str, Early] = {}
        self.ahead = 0
        self.passed: dict[tuple[str, str], Early] = {}
        self.has_all_passed = True
        self._behind: dict[str, dict[str, None]] = {}
        self._counts: dict[str, int] = {}

    @classmethod
    def load(cls, store: Store) -> "Order":
        """Read what waits."""
        order = cls()
        order.merge({one.key: one for one in reversed(list(_stored(store, EARLY)))})
        passed = list(islice(_stored(store, PASSED), PASSED_KEPT_MAX + 1))
        order.passes({one.thread: one for one in reversed(passed)})
        return order

    def merge(self, changed: "dict[str, Early | None]") -> None:
        """Take over what a committed batch did; None for a message that waits no more."""
        for key, after in changed.items():
            before = self.early.pop(key, None)
            self.ahead += _is_ahead(after) - _is_ahead(before)
            for one in () if before is None else before.waits_under:
                beside = self._behind[one]
                del beside[key]
                if not beside:
                    del self._behind[one]
            if after is not None:
                self.early[key] = after
                for one in after.waits_under:
                    self._behind.setdefault(one, {})[key] = None
            if (before is None) != (after is None):
                origin = key.partition(" ")[0]
                self._counts[origin] = self._counts.get(origin, 0) + (1 if before is None else -1)

    def passes(self, passed: dict[tuple[str, str], Early]) -> None:
        """Take over what cases passed in a committed batch."""
        for thread, early in passed.items():
            self.passed.pop(thread, None)
            self.passed[thread] = early
        while len(self.passed) > PASSED_KEPT_MAX:
            del self.passed[next(iter(self.passed))]
            self.has_all_passed = False

    def behind(self, key: str) -> list[str]:
        """Keys of what waits for a message, or is ahead in a case (``Early.waits_under``)."""
        return list(self._behind.get(key, ()))

    def count(self, member: str) -> int:
        """How many messages of a member wait."""
        return self._counts.get(member, 0)


def is_early(store: Store, key: str) -> bool:
    """Whether a message of this key is stored and waits."""
    return any(row.state == EARLY for row in store.cases([row_id(EARLY, key)]).values())


def _is_ahead(early: Early | None) -> bool:
    return early is not None and not early.follows


def _stored(store: Store, state: str) -> Iterator[Early]:
    """What is stored in a state, newest first."""
    after = None
    while rows := store.find_cases(CaseFilter(service=ORDER, states=(state,), after=after, items_max=PAGE_ROWS)):
        yield from (_read(row) for row in rows)
        after = (rows[-1].opened_at, rows[-1].id)


def _read(row: CaseRow) -> Early:
    return msgspec.msgpack.decode(row.data, type=Early)


class Ordering:
    """What one batch changes of what waits; see the module.

    Attributes:
        changed: early messages as this batch leaves them; None for one that waits no more.
        passed: as in ``Order``, what this batch adds.
        contents: header and plain body of those that came in this batch.
    """

    def __init__(self, site: "Site", store: Store, unit: "Unit") -> None:
        self.changed: dict[str, Early | None] = {}
        self.passed: dict[tuple[str, str], Early] = {}
        self.contents: dict[str, tuple[Header, bytes]] = {}
        self._site = site
        self._store = store
        self._unit: Unit = proxy(unit)
        self._behind: dict[str, list[str]] = {}
        self._grown: dict[str, int] = {}
        self._oldest: dict[str, Iterator[str]] = {}

    @property
    def waits(self) -> bool:
        """Whether any message may wait for another; nearly always none does."""
        return bool(self.changed or self._site.order.early)

    def early(self, key: str) -> Early | None:
        """A message that waits, as this batch has it, or None."""
        return self.changed[key] if key in self.changed else self._site.order.early.get(key)

    def behind(self, key: str) -> list[Early]:
        """What waits for a message, or in a case (``Early.waits_under``), in the order it was sent."""
        if not self.waits:
            return []
        return self._in_turn((*self._site.order.behind(key), *self._behind.get(key, ())))

    def _in_turn(self, keys: Iterable[str]) -> list[Early]:
        found = (one for key in dict.fromkeys(keys) if (one := self.early(key)) is not None)
        return sorted(found, key=lambda one: one.created_at)

    def oldest_over(self, member: str) -> Early | None:
        """The message of a member that has waited longest, when no more of its messages may wait; else None."""
        if self._site.order.count(member) + self._grown.get(member, 0) < EARLY_MESSAGES_MAX:
            return None
        if member not in self._oldest:
            self._oldest[member] = (key for key in self._site.order.early if key.startswith(member + " "))
        keys = chain(self._oldest[member], (key for key in self.changed if key.startswith(member + " ")))
        return next((one for key in keys if (one := self.early(key)) is not None), None)

    def is_behind_one_ahead(self, header: Header) -> bool:
        """Whether something waits that is ahead, and that its sender sent before this on the same case."""
        member = member_of(header.origin)
        before = (one for one in self.ahead(header.case_id) if one.origin == member)
        return any(one.created_at < header.created_at for one in before)

    def ahead(self, case_id: str | None) -> list[Early]:
        """What waits for what may still come back, in a case or in all, in the order it was sent."""
        found = self._in_turn((*self._site.order.early, *self.changed)) if case_id is None else self.behind(case_id)
        return [one for one in found if not one.follows]

    def hold(self, header: Header, body: bytes, before: str | None, place: tuple[int, int]) -> None:
        """Let a message wait for the one it follows.

        Args:
            header: of the message.
            body: opened.
            before: key of what it follows; None when it is ahead.
            place: see ``Early``.
        """
        key = message_key(header)
        opened_at = instant.to_fine_text(self._site.open_at(self._unit.now))
        self.contents[key] = header, body
        self._grow(member_of(header.origin), 1)
        follows = () if before is None else (before,)
        self._wait(Early(key, header.case_id, header.created_at, opened_at, place, follows))

    def follow(self, early: Early, before: str) -> None:
        """Let a message that waits go on too when another one has come."""
        if before not in early.follows and len(early.follows) < FOLLOWED_MAX:
            self._wait(msgspec.structs.replace(early, follows=(*early.follows, before)))

    def wait_ahead(self, early: Early) -> None:
        """Let a message that follows nothing any more wait, or wait on, for what may still come back."""
        self._wait(msgspec.structs.replace(early, follows=()))

    def _wait(self, early: Early) -> None:
        self.changed[early.key] = early
        self._behind.setdefault(early.waits_under[-1], []).append(early.key)
        until = early.until if early.follows else min(early.until, self._unit.now + LOOK_AGAIN)
        self._write(row_id(EARLY, early.key), early, EARLY, instant.to_text(until))

    def release(self, early: Early) -> None:
        """Let a message wait no more."""
        self.changed[early.key] = None
        self._grow(early.origin, -1)
        self._write(row_id(EARLY, early.key), early, RELEASED, None)

    def passes(self, early: Early) -> None:
        """Note that a case goes on with a message although not everything sent before it has come."""
        last = self._last(early.thread)
        if last is None or last.created_at <= early.created_at:
            opened_at = instant.to_fine_text(self._site.open_at(self._unit.now)) if last is None else last.opened_at
            self.passed[early.thread] = early = msgspec.structs.replace(early, opened_at=opened_at, follows=())
            self._write(row_id(PASSED, *early.thread), early, PASSED, None)

    def is_overtaken(self, header: Header) -> bool:
        """Whether a message that comes only now was sent before one that its case has passed to."""
        if not self.passed and not self._site.order.passed:
            return False  # nearly always
        last = self._last((member_of(header.origin), header.case_id))
        if last is None or header.created_at > last.created_at or message_key(header) == last.key:
            return False
        if header.created_at == last.created_at and followed(header) == last.key:
            # Sent in the same millisecond, right after it: from here on this is the last.
            self.passes(Early(message_key(header), header.case_id, header.created_at, last.opened_at, last.place))
            return False
        return True

    def _grow(self, member: str, by: int) -> None:
        self._grown[member] = self._grown.get(member, 0) + by

    def _last(self, thread: tuple[str, str]) -> Early | None:
        order = self._site.order
        found = self.passed.get(thread) or order.passed.get(thread)
        if found is None and not order.has_all_passed:
            found = next((_read(row) for row in self._store.cases([row_id(PASSED, *thread)]).values()), None)
        return found

    def _write(self, case_id: str, early: Early, state: str, remind_at: str | None) -> None:
        data, now = self._site.encode(early), self._unit.now_text
        self._unit.changes.cases[case_id] = CaseRow(case_id, ORDER, state, data, None, early.opened_at, now, remind_at)
