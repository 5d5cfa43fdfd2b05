"""Derives everything again from the stored evidence and reports what does not fit.

For every log: its tree from the headers alone, then tiles, peaks, checkpoints and their signatures against it; headers,
bodies and keys against one another. For the rest: cases that their services can still read, forks that convict,
histories given up that lead to what was signed, witnessed checkpoints that carry our signature, every balance of the
ledger from its transfers, own messages given back that still wait.

It only reads, in one pass over each log, with the memory of a few thousand messages however many there are. Run it on
a store nobody writes to. An empty list means: nothing is wrong.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import msgspec

from darwaza.engine import order, voyage
from darwaza.engine.forwarding import own_message
from darwaza.engine.ledger import account_from, transfer_from
from darwaza.engine.recovery import ANY_WORD, case_cause
from darwaza.engine.settlement import FORK
from darwaza.engine.trust import Trust
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel import fork, instant, settlement
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.machine import Service
from darwaza.kernel.merkle import EMPTY, Frontier, leaf_hash
from darwaza.kernel.message import Header, check_body, decode_header, is_withheld, member_of, message_key
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Verifier, verified
from darwaza.kernel.settlement import SETTLEMENT
from darwaza.kernel.tile import TILE_HASHES, append_to_tiles, frontier_at
from darwaza.kernel.trail import RELAY_KIND
from darwaza.ledger.audit import audit
from darwaza.ports.store import WAITING_FROM, CaseRow, LeafRow, LogRow, PartyRow, Store

RUN_LEAVES_MAX = 1_024
"""Leaves held at a time."""
QUARANTINE_ROWS_MAX = 100_000
FINDINGS_MAX = 1_000
"""After so many the store is beyond description."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that does not fit.

    Attributes:
        code: stable identifier, lower_snake_case.
        where: the log and index, the case, or the origin.
        detail: one sentence.
    """

    code: str
    where: str
    detail: str


Progress = Callable[[int, int], None]
"""``progress(done, total)``, in leaves."""


def examine(
    store: Store,
    *,
    member: str,
    trust: Trust,
    services: Iterable[Service],
    progress: Progress = lambda _done, _total: None,
) -> list[Finding]:
    """Examine a store.

    Args:
        store: of the gateway of ``member``; nobody writes to it meanwhile.
        member: code of the member.
        trust: the corridor's documents; past keys count.
        services: those the gateway runs.
        progress: called every ``RUN_LEAVES_MAX`` leaves or sooner.

    Returns:
        At most ``FINDINGS_MAX`` findings, in the order they were met.
    """
    found: list[Finding] = []
    for finding in _Examination(store, member, trust, services, progress).findings():
        found.append(finding)
        if len(found) == FINDINGS_MAX:
            break
    return found


class _Examination:
    def __init__(
        self, store: Store, member: str, trust: Trust, services: Iterable[Service], progress: Progress
    ) -> None:
        self._store = store
        self._member = member
        self._trust = trust
        self._services = {service.name: service for service in (*services, voyage.SERVICE, order.SERVICE)}
        self._progress = progress
        self._logs = store.logs()
        self._total = sum(row.size for row in self._logs)
        self._done = 0
        rows = store.quarantined(QUARANTINE_ROWS_MAX)
        self._quarantine = {(row.log_id, row.leaf_index) for row in rows}
        self._quarantine_is_whole = len(rows) < QUARANTINE_ROWS_MAX
        self._waiting = store.given_back_count()
        self._withdrawn: dict[tuple[str, str], Frontier] = {}
        self._borne = 0

    def findings(self) -> Iterator[Finding]:
        """Everything, log by log, then the rest."""
        for row in self._logs:
            yield from self._sizes(row)
            yield from _LogExamination(self, row).findings()
        for case in self._store.scan_cases():
            yield from self._case(case)
        yield from self._names()
        yield from self._forks()
        yield from self._witnessed()
        yield from self._ledger()
        if self._waiting:
            yield Finding("given_back_dangling", self._member, f"{self._waiting} entries name no own message")

    def _ledger(self) -> Iterator[Finding]:
        """Every balance anew from the transfers, and the sum of each asset."""
        accounts = [account_from(*row) for row in self._store.scan_accounts()]
        for one in audit(accounts, map(transfer_from, self._store.scan_transfers())):
            yield Finding(one.fault.value, one.subject, one.detail)

    def _sizes(self, row: LogRow) -> Iterator[Finding]:
        own = row.author == self._member
        try:
            lane = Lane.parse(row.origin)
            named = (lane.author, lane.reader, lane.number) == (row.author, row.reader, row.lane)
        except MalformedError:
            named = False
        if not named or self._member not in (row.author, row.reader):
            yield Finding("log_misnamed", row.origin, f"it is kept as {row.author} to {row.reader}, lane {row.lane}")
        ordered = 0 <= row.cosigned_size <= row.exposed_size <= row.size
        if not ordered or (not own and row.cosigned_size != row.size):
            sizes = f"cosigned {row.cosigned_size}, exposed {row.exposed_size}, size {row.size}"
            yield Finding("sizes_contradict", row.origin, sizes)

    def leaf(self, row: LogRow, leaf: LeafRow) -> Iterator[Finding]:
        """One message: header, body, key, case."""
        where = f"{row.origin} {leaf.leaf_index}"
        set_aside = (leaf.log_id, leaf.leaf_index) in self._quarantine
        try:
            header = decode_header(leaf.header)
        except DarwazaError as fault:
            if not set_aside:
                yield Finding("header_wrong", where, fault.detail)
            return
        try:
            # Only what both sides have signed for may have been forgotten (engine.retention).
            if not (is_withheld(header, leaf.body) and leaf.leaf_index < row.cosigned_size):
                check_body(header, leaf.body)
        except DarwazaError as fault:
            yield Finding("body_differs", where, fault.detail)
        if leaf.case_id != header.case_id and not (set_aside and not leaf.case_id):
            yield Finding("case_differs", where, f"it is kept under case {leaf.case_id!r}")
        yield from self._key(row, leaf, header, set_aside=set_aside)
        if header.kind == SETTLEMENT and row.author == self._member:
            yield from self._settlement(where, leaf.body)
        if self._waiting and row.author == self._member:
            yield from self._given_back(where, header)

    def _key(self, row: LogRow, leaf: LeafRow, header: Header, *, set_aside: bool) -> Iterator[Finding]:
        where = f"{row.origin} {leaf.leaf_index}"
        held = self._store.leaf(leaf.message_key)
        if held is None or (held.log_id, held.leaf_index) != (leaf.log_id, leaf.leaf_index):
            yield Finding("key_not_unique", where, f"the key {leaf.message_key!r} leads elsewhere")
        own = message_key(header) if row.author == self._member else self._message_key(leaf, header)
        if leaf.message_key == own:
            return
        repeated = self._store.leaf(own) is not None
        excused = repeated or set_aside or not self._quarantine_is_whole
        if leaf.message_key != f"{leaf.log_id}:{leaf.leaf_index}" or not excused:
            yield Finding("key_wrong", where, f"it is kept under {leaf.message_key!r}")

    def _message_key(self, leaf: LeafRow, header: Header) -> str:
        """What a message is kept under: at its destination as itself, whoever's envelope it came in."""
        try:
            message, _ = own_message(leaf)
        except DarwazaError:
            # An envelope whose body is no longer kept does not say what came in it.
            return leaf.message_key if is_withheld(header, leaf.body) else message_key(header)
        return message_key(message if member_of(message.destination) == self._member else header)

    def _given_back(self, where: str, header: Header) -> Iterator[Finding]:
        key = message_key(header)
        for cause in (header.cause_id, case_cause(header.case_id), ANY_WORD, header.relays):
            if cause is not None and key in self._store.given_back(cause):
                self._waiting -= 1
        caused = header.cause_id
        if caused is not None and key in self._store.given_back(caused):
            cause_key = f"{member_of(header.destination)} {caused}"
            if self._store.known([cause_key]) and not order.is_early(self._store, cause_key):
                yield Finding("given_back_stale", where, f"it waits for {cause_key}, which has come")

    def advance(self, leaves: int) -> None:
        """Tell how far it is."""
        self._done += leaves
        self._progress(self._done, self._total)

    def _case(self, row: CaseRow) -> Iterator[Finding]:
        service = self._services.get(row.service)
        if service is None:
            yield Finding("service_unknown", row.id, f"there is no service {row.service!r}")
            return
        if row.state not in {state for cell in service.table.values() for state in cell.next}:
            yield Finding("state_unknown", row.id, f"{row.service} has no state {row.state!r}")
        try:
            names = tuple(service.names(msgspec.msgpack.decode(row.data, type=service.data_type)))
            instant.from_fine_text(row.opened_at)
            for text in (row.changed_at, *((row.remind_at,) if row.remind_at else ())):
                instant.from_text(text)
        except (msgspec.MsgspecError, DarwazaError) as fault:
            yield Finding("case_unreadable", row.id, str(fault))
        else:
            yield from self._case_names(row.id, names)
        leaves = self._store.case_leaves(row.id)
        headers = [header for leaf in leaves if (header := self._spoken(*leaf)) is not None]
        addresses = {address for header in headers for address in (header.origin, header.destination)}
        if addresses and not any(
            self._store.concerns(PartyRow(one, row.service, row.opened_at, row.id)) for one in addresses
        ):
            yield Finding("case_unfindable", row.id, "it concerns none of those its messages are from and to")

    def _case_names(self, case_id: str, names: tuple[str, ...]) -> Iterator[Finding]:
        """What a case is found by leads to it, or to another that had it before."""
        given = self._store.named(names) if names else {}
        self._borne += sum(found == case_id for found in given.values())
        for name in names:
            if name not in given:
                yield Finding("case_unnamed", case_id, f"it is not found by {name}")

    def _names(self) -> Iterator[Finding]:
        """No name leads to what does not bear it; they are gone through one by one only when their number is wrong."""
        if sum(1 for _ in self._store.scan_names()) == self._borne:
            return
        for name, case_id in self._store.scan_names():
            row = self._store.cases([case_id]).get(case_id)
            service = None if row is None else self._services.get(row.service)
            try:
                borne = row and service and service.names(msgspec.msgpack.decode(row.data, type=service.data_type))
            except msgspec.MsgspecError:
                continue  # the case has a finding of its own
            if name not in (borne or ()):
                yield Finding("name_dangling", case_id, f"{name} leads to it and is not its name")

    def _spoken(self, log_id: int, index: int, raw: bytes) -> Header | None:
        """The header of the message a leaf carries, out of its envelope where it stands in one."""
        header = _readable(raw)
        if header is None or header.kind != RELAY_KIND:
            return header
        try:
            leaf = LeafRow(log_id, index, "", header.case_id, raw, self._store.body(log_id, index) or b"")
            return own_message(leaf)[0]
        except DarwazaError:
            return header

    def _forks(self) -> Iterator[Finding]:
        proven = set()
        origins = {row.id: row.origin for row in self._logs}
        for row in self._store.forks():
            origin = origins.get(row.log_id, "")
            try:
                proof = fork.decode(row.proof)
                true = proof.origin == origin and fork.convicts(proof, self._authors(origin))
            except DarwazaError:
                true = False
            if true:
                proven.add(frozenset(self._parties(row.log_id)))
            else:
                yield Finding("fork_unproven", origin or str(row.log_id), "the stored proof convicts nobody")
        for log in self._logs:
            if log.halted == FORK and frozenset((log.author, log.reader)) not in proven:
                yield Finding("halt_unproven", log.origin, "it stopped for a fork of which no proof is kept")

    def _settlement(self, where: str, body: bytes) -> Iterator[Finding]:
        """A record of this gateway: a history that it gave up must lead to what it had signed for it."""
        try:
            record = settlement.decode(body)
            raw = record.checkpoint.encode()
            if record.act == settlement.KEPT or not raw:
                return
            signed, subject = parse_checkpoint(raw)[0], (record.log, record.checkpoint)
            log = next(row for row in self._logs if row.origin == record.log)
            if record.start == record.agreed_size:
                self._withdrawn[subject] = frontier_at(record.start, partial(self._store.tile, log.id))
            reached = self._withdrawn.pop(subject).append_all(record.hashes())
        except (DarwazaError, LookupError, StopIteration) as fault:
            yield Finding("settlement_unproven", where, f"it cannot be followed: {fault}")
            return
        if reached.size < signed.size:
            self._withdrawn[subject] = reached
        else:
            yield from self.note(where, raw, reached.size, reached.root(), [self._authors(log.origin)])

    def _parties(self, log_id: int) -> tuple[str, ...]:
        return next(((row.author, row.reader) for row in self._logs if row.id == log_id), ())

    def _authors(self, origin: str) -> tuple[Verifier, ...]:
        return self._trust.author_verifiers(origin, past=True)

    def _witnessed(self) -> Iterator[Finding]:
        current = self._trust.current
        pairs = [(one, other) for one in current.codes for other in current.codes if one != other]
        for lane in (lane for pair in pairs for lane in current.lanes(*pair)):
            row = self._store.witnessed(lane.origin)
            if row is None:
                continue
            yield from self.note(lane.origin, row.note, row.size, None, (self._own_cosigners(),))

    def _own_cosigners(self) -> tuple[Verifier, ...]:
        return self._trust.cosigners(self._member, past=True)

    def signers(self, row: LogRow) -> tuple[tuple[Verifier, ...], tuple[Verifier, ...]]:
        """Who signs a log's stored checkpoints: the author, and the reader."""
        return self._authors(row.origin), self._trust.cosigners(row.reader, past=True)

    def note(
        self, where: str, raw: bytes, size: int, root: bytes | None, signers: Iterable[tuple[Verifier, ...]]
    ) -> Iterator[Finding]:
        """One checkpoint: that it is one, of that size and root, and truly signed by each of the signers."""
        where = f"{where} {size}"
        try:
            checkpoint, note = parse_checkpoint(raw)
            if checkpoint.size != size:
                yield Finding("checkpoint_misplaced", where, f"it is of size {checkpoint.size}")
            elif root is not None and checkpoint.root != root:
                yield Finding("root_differs", where, "the stored messages lead to another root than was signed")
            for verifiers in signers:
                verified(note, verifiers)
        except DarwazaError as fault:
            yield Finding("checkpoint_wrong", where, fault.detail)


def _readable(raw: bytes) -> Header | None:
    try:
        return decode_header(raw)
    except DarwazaError:
        return None


class _LogExamination:
    """One pass over one log."""

    def __init__(self, whole: _Examination, row: LogRow) -> None:
        self._whole = whole
        self._store = whole._store  # noqa: SLF001 - two halves of one thing
        self._row = row
        self._frontier: Frontier = EMPTY
        self._partial: Mapping[int, bytes] = {}
        self._last: dict[tuple[int, int], bytes] = {}
        self._next = self._store.checkpoint_from(row.id, 0)

    def findings(self) -> Iterator[Finding]:
        """Leaves, tiles and checkpoints on the way; peaks and the newest checkpoint at the end."""
        row, hashes = self._row, list[bytes]()
        for index, leaf in enumerate(self._store.scan_leaves(row.id)):
            if leaf.leaf_index >= WAITING_FROM:
                yield from self._waiting(leaf)
                continue
            if leaf.leaf_index != index:
                yield Finding("leaf_missing", f"{row.origin} {index}", f"the next leaf is {leaf.leaf_index}")
                return
            yield from self._whole.leaf(row, leaf)
            hashes.append(leaf_hash(leaf.header))
            if len(hashes) == RUN_LEAVES_MAX or index + 1 in (row.size, self._stop()):
                yield from self._append(hashes)
                hashes = []
        yield from self._append(hashes)
        yield from self._end()

    def _waiting(self, leaf: LeafRow) -> Iterator[Finding]:
        if self._row.author != self._whole._member:  # noqa: SLF001 - two halves of one thing
            yield Finding("waiting_foreign", f"{self._row.origin} {leaf.leaf_index}", "only own messages can wait")
        yield from self._whole.leaf(self._row, leaf)

    def _stop(self) -> int:
        return -1 if self._next is None else self._next.size

    def _append(self, hashes: list[bytes]) -> Iterator[Finding]:
        self._frontier, rows = append_to_tiles(self._frontier, hashes, self._partial)
        partial = dict(self._partial)
        for tile in rows:
            self._last[tile.level, tile.number] = partial[tile.level] = tile.hashes
            if len(tile.hashes) == TILE_HASHES * 32:
                partial.pop(tile.level)
                yield from self._tile(tile.level, tile.number, self._last.pop((tile.level, tile.number)))
        self._partial = partial
        self._whole.advance(len(hashes))
        while self._next is not None and self._next.size <= self._frontier.size:
            row, kept = self._row, self._next
            yield from self._whole.note(
                row.origin, kept.note, kept.size, self._frontier.root(), self._whole.signers(row)
            )
            self._next = self._store.checkpoint_from(row.id, kept.size + 1)

    def _tile(self, level: int, number: int, hashes: bytes) -> Iterator[Finding]:
        if self._store.tile(self._row.id, level, number)[: len(hashes)] != hashes:
            where = f"{self._row.origin} tile {level}/{number}"
            yield Finding("tile_differs", where, "its hashes are not those of the stored messages")

    def _end(self) -> Iterator[Finding]:
        row, frontier = self._row, self._frontier
        for (level, number), hashes in self._last.items():
            yield from self._tile(level, number, hashes)
        if frontier.size != row.size:
            yield Finding("size_differs", row.origin, f"{frontier.size} leaves are stored, {row.size} are named")
        elif b"".join(frontier.peaks) != row.peaks:
            yield Finding("peaks_differ", row.origin, "the compact range is not that of the stored messages")
        if self._next is not None:
            yield Finding("checkpoint_misplaced", f"{row.origin} {self._next.size}", "it is past the log's end")
        authors, readers = self._whole.signers(row)
        if row.size:
            own = row.author == self._whole._member  # noqa: SLF001 - two halves of one thing
            signers = (authors,) if own else (authors, readers)
            yield from self._whole.note(row.origin, row.checkpoint, row.size, frontier.root(), signers)
        if row.cosigned_size:
            kept = self._store.checkpoint_from(row.id, row.cosigned_size)
            if kept is None or kept.size != row.cosigned_size:
                yield Finding("receipt_missing", f"{row.origin} {row.cosigned_size}", "no cosigned checkpoint is kept")
