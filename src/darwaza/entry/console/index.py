"""Movements that are on their way, by what people look them up with: office, crossing, plate, seal, guarantee, UCR.

The store finds a case by its id, its parties and its UCR. An officer has a plate. So the console keeps one small entry
a running movement in memory. It is derived and can be thrown away at any time: from the start of the gateway on it is
read in slices, the newest first, beside the gateway's work; pages show what has been read so far and say so. Afterwards
those cases are read again that commits have changed, when somebody looks or when ``INDEX_CHANGED_MAX`` have piled up.
What it holds is as large as what is on the way, whatever the store holds besides.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

import msgspec
import structlog

from darwaza import config
from darwaza.engine.engine import Engine
from darwaza.entry.clerk import RUNNING
from darwaza.ports.store import CaseFilter, CaseRow, Changes
from darwaza.services.transit import clock, seal
from darwaza.services.transit.diversion import spoils_at
from darwaza.services.transit.leg import PLANNED, REFUSED, STARTED, Progress, progress
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.outcome import customs_of
from darwaza.services.transit.view import heads_to

log = structlog.get_logger("darwaza.console")

SERVICE = "transit"


class Bound(msgspec.Struct, frozen=True):
    """A movement on its way.

    Attributes:
        id: UUID.
        state: of its case.
        ucr: consignment.
        holder: name.
        plates: of its vehicles now.
        seals: that are on and whole.
        offices: that still have something to do for it.
        crossings: it still has before it.
        waits_at: crossing it stands before, "" for none: the leg up to it has ended, the next has not begun.
        leg: index of the leg it is on or waits to start.
        place: member it is in or enters next.
        under_way: whether that leg has been started.
        due_at: when that leg must have ended, clocks taken into account.
        spoils_at: when its first goods spoil.
        stopped: whether a closure has stopped its clocks.
        inspect: offices that hold it for inspection.
        wrong: how many of its records do not agree.
        changed_at: when this gateway last heard of it.
    """

    id: str
    state: str
    ucr: str
    holder: str
    plates: tuple[str, ...]
    seals: tuple[str, ...]
    offices: frozenset[str]
    crossings: frozenset[str]
    waits_at: str
    leg: int
    place: str
    under_way: bool
    due_at: datetime | None
    spoils_at: datetime | None
    stopped: bool
    inspect: tuple[str, ...]
    wrong: int
    changed_at: str


class Index:
    """See the module.

    Attributes:
        ready: whether everything has been read once.
        seen: movements looked at so far, while that goes on.
        bound: by movement.
    """

    def __init__(self, engine: Engine) -> None:
        self.ready = False
        self.seen = 0
        self.bound: dict[str, Bound] = {}
        self._engine = engine
        self._customs = customs_of(engine.site.member)
        self._changed: set[str] = set()
        self._names: dict[str, set[str]] = defaultdict(set)
        self._busy = asyncio.Lock()
        self._full = asyncio.Event()
        self._wanted = False
        self._beside = False
        engine.site.watchers.append(self._watch)

    def _watch(self, changes: Changes) -> None:
        if not self._wanted:
            return
        self._changed.update(case_id for case_id, row in changes.cases.items() if row.service == SERVICE)
        if len(self._changed) >= config.INDEX_CHANGED_MAX:
            self._full.set()

    async def run(self) -> None:
        """Read everything, then keep changes from piling up; beside the gateway's work, for as long as that goes on."""
        self._beside = True
        await self._guarded(self._read_once)
        self._beside = False
        while True:
            await self._full.wait()
            self._full.clear()
            await self._guarded(self.refresh)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do a part of ``run``; trade does not stop because a list on a screen cannot be read."""
        try:
            await work()
        except Exception:
            log.exception("the index of movements cannot be read")

    @property
    def incomplete(self) -> bool:
        """Whether what is here is not all, because it is still being read after a start."""
        return self._beside and not self.ready

    async def refresh(self) -> None:
        """Bring everything up to the last commit, slice by slice; at once when the first reading goes on beside."""
        if self.incomplete:
            return
        await self._read_once()
        async with self._busy:
            while self._changed:
                ids = [self._changed.pop() for _ in range(min(len(self._changed), config.INDEX_SLICE_CASES))]
                self._take(list(self._engine.store.cases(ids).values()))
                await asyncio.sleep(0)

    async def _read_once(self) -> None:
        self._wanted = True
        async with self._busy:
            if self.ready:
                return
            clock_s = asyncio.get_running_loop().time
            began_s = clock_s()
            for page in self._read_all():
                self._take(page)
                self.seen += len(page)
                # Beside the gateway's work it takes a third of the time at most.
                await asyncio.sleep(2 * (clock_s() - began_s) if self._beside else 0)
                began_s = clock_s()
            self.ready = True

    def heading(self, office: str) -> list[Bound]:
        """Movements an office still has something to do for: here first, then in order of arrival."""
        found = [item for item in self.bound.values() if office in item.offices]
        return sorted(found, key=lambda item: (not self._here(item, office), item.due_at is None, item.due_at, item.id))

    @staticmethod
    def _here(item: Bound, office: str) -> bool:
        return item.place == office[:2]

    def before(self, crossing: str) -> list[Bound]:
        """Movements that still have a crossing before them, those that spoil first foremost."""
        found = [item for item in self.bound.values() if crossing in item.crossings]
        return sorted(found, key=lambda item: (item.spoils_at is None, item.spoils_at, item.id))

    def look_up(self, text: str) -> list[Bound]:
        """Movements with a plate, seal, UCR, guarantee or id that is the text, or begins with it."""
        wanted = plain(text)
        if not wanted:
            return []
        exact = self._names.get(wanted, set())
        ids = exact or {found for name, ids in self._names.items() if name.startswith(wanted) for found in ids}
        return [self.bound[item] for item in sorted(ids)][: config.PAGE_ITEMS_MAX]

    def _read_all(self) -> Iterator[list[CaseRow]]:
        after: tuple[str, str] | None = None
        while True:
            # Those that have ended are passed over here: were the store to pass over them, a slice could take seconds.
            wanted = CaseFilter(party=self._customs, service=SERVICE, after=after, items_max=config.INDEX_SLICE_CASES)
            rows = self._engine.store.find_cases(wanted)
            yield rows
            if len(rows) < config.INDEX_SLICE_CASES:
                return
            after = (rows[-1].opened_at, rows[-1].id)

    def _take(self, rows: list[CaseRow]) -> None:
        for row in rows:
            former = self.bound.pop(row.id, None)
            if former is not None:
                for name in _names_of(former):
                    self._names[name].discard(row.id)
                    if not self._names[name]:
                        del self._names[name]
            if row.state not in RUNNING:
                continue
            movement: Movement = self._engine.site.decode_case(row).data
            if movement.declaration is None or movement.recorded is None:
                continue
            self.bound[row.id] = item = _entry(row, movement)
            for name in _names_of(item):
                self._names[name].add(row.id)


def plain(text: str) -> str:
    """Write a plate, seal or code the one way it is compared: upper case, without spaces and hyphens."""
    return "".join(one for one in text.upper() if one.isalnum())


def _names_of(item: Bound) -> set[str]:
    return {plain(name) for name in (item.id, item.ucr, *item.plates, *item.seals)}


def _entry(row: CaseRow, movement: Movement) -> Bound:
    now, declaration = progress(movement), movement.known()
    last = min(now.current, len(now.legs) - 1)
    offices = {office for leg in declaration.legs for office in (leg.entry_office, leg.exit_office)}
    crossings = {leg.crossing for leg in declaration.legs if leg.crossing}
    return Bound(
        id=row.id,
        state=row.state,
        ucr=declaration.ucr,
        holder=declaration.holder.name,
        plates=tuple(vehicle.registration for vehicle in now.vehicles),
        seals=seal.on_now(now.seals),
        offices=frozenset(office for office in offices if heads_to(movement, office)),
        crossings=frozenset(crossing for crossing in crossings if clock.heads_for(now, crossing)),
        waits_at=_stands_before(now, last),
        leg=last,
        place=now.legs[last].leg.member,
        under_way=now.legs[last].status == STARTED,
        due_at=_due(movement, now, last),
        spoils_at=spoils_at(movement, now),
        stopped=clock.stopped(movement),
        inspect=tuple(item.stamp.office for item in now.inspections if item.required == "yes" and item.control is None),
        wrong=len(now.discrepancies),
        changed_at=row.changed_at,
    )


def _stands_before(now: Progress, index: int) -> str:
    if now.legs[index].status not in {PLANNED, REFUSED} or index == 0:
        return ""
    return now.legs[index - 1].leg.crossing or ""


def _due(movement: Movement, now: Progress, index: int) -> datetime | None:
    if now.legs[index].status in {PLANNED, REFUSED}:
        return now.legs[index].leg.deadline_at
    return clock.leg_deadline(movement, now, index)
