"""One batch, one transaction.

The engine takes inputs in small batches. For each it lets the service decide (pure), takes the decision into the batch,
and at the end signs the logs that grew and commits everything together: one fsync. Only then is anyone told.

Ordering: inputs are handled in the order given; messages take their places in the logs in the order they were sent.
Crash: before the commit nothing of the batch exists, after it all of it does; whoever was not told asks again and gets
the stored answer. Recovery is this same code: peers resend, and what they resend is taken like anything new.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from darwaza.config import HEADER_BYTES_MAX, MEET_S, MOVED_MESSAGES_MAX
from darwaza.engine import arrival, recovery, repeat, reporting, retention, settlement, testimony
from darwaza.engine.intake import (
    Accepted,
    AcceptFork,
    Acknowledge,
    Adopt,
    Arrive,
    Attest,
    Delivered,
    Expose,
    Forget,
    Given,
    Keep,
    Outcome,
    PlaceOrders,
    Recollect,
    Report,
    Reroute,
    Resume,
    Settle,
    Settled,
    Submit,
    TakeBack,
    Wake,
    Witness,
    transactions,
)
from darwaza.engine.ledger import Expiry, LedgerEnd
from darwaza.engine.log import Log, newest
from darwaza.engine.order import ORDER, Order
from darwaza.engine.rule import Rules
from darwaza.engine.site import Site
from darwaza.engine.unit import Unit
from darwaza.engine.voyage import ROUTE, Fleet
from darwaza.errors import (
    ConflictError,
    DarwazaError,
    FatalError,
    MalformedError,
    PushbackError,
    ServiceError,
    SignatureError,
)
from darwaza.kernel import instant
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.link import acknowledge, read_checkpoint
from darwaza.kernel.machine import Case, Command, Draft, Elapsed, Refusal
from darwaza.kernel.message import GATEWAY_PARTY, GENESIS, JSON_MEDIA_TYPE, Genesis
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import format_note
from darwaza.kernel.tile import root_at
from darwaza.kernel.trail import Hop
from darwaza.kernel.witness import Verdict
from darwaza.ports.store import CheckpointRow, LogRow, PartyRow, Store

REMIND_AGAIN = timedelta(minutes=1)
"""After this time a case is woken again that could not act; meanwhile it stands in nobody's way."""


class Engine:
    """See the module.

    Attributes:
        site: where it runs.
        store: what it knows; nobody else writes to it.
        logs: by id, as committed.
        moved_messages_max: own messages moved in one transaction (``waiting``).
        meet_until_s: when it stops to wait for neighbours that stay away (``recovery.is_unmet``), monotonic.
        commands_given_back: whether the store holds answers made from messages given back (``repeat``).
        spent_s: seconds of processor time spent so far: deciding, giving places and signing, committing.
    """

    def __init__(self, site: Site, store: Store) -> None:
        """Read what the store holds and bring it up to the corridor document in force."""
        self.site = site
        self.store = store
        self.logs = {row.id: Log.load(row, store) for row in store.logs()}
        self._ids = {log.row.origin: log.row.id for log in self.logs.values()}
        self._rules = Rules(site)
        self._given_back = store.given_back_count()
        self.commands_given_back = store.meta(repeat.META) is not None
        self.moved_messages_max = MOVED_MESSAGES_MAX
        self.meet_until_s = site.clock.monotonic_s() + MEET_S
        self._halted: dict[int, str] = {}
        self._expiry = Expiry(store)
        self._newest = newest([log for log in self.logs.values() if log.row.author == site.member], store)
        self.spent_s = {"decide": 0.0, "sign": 0.0, "commit": 0.0}
        site.notice_sequence = store.notice_sequence()
        site.ledger_end = LedgerEnd.of(store)
        site.fleet = Fleet.load(store)
        site.order = Order.load(store)
        site.tails.unsure = {log.row.id: log.row.size for log in self.logs.values() if log.row.author == site.member}
        self._open_logs()

    # --- running ---

    def run(self, inputs: Sequence[Given]) -> list[Outcome]:
        """Handle inputs in one transaction; what is taken back has one of its own.

        Returns:
            One outcome for each input, in order. When the store pushes back, every outcome of the transaction is that
            error and nothing of it is stored.

        Raises:
            FatalError: whether the batch is stored is unknown; the process must stop.
        """
        outcomes: list[Outcome] = []
        for part in transactions(inputs):
            found = self._run(part)
            while type(part[0]) is TakeBack and found == [recovery.AGAIN]:
                found = self._run(part)
            outcomes += found
        return outcomes

    def _run(self, inputs: Sequence[Given]) -> list[Outcome]:
        began_s = self.site.clock.processor_s()
        unit = Unit(self.site, self.store, self.logs, self.now())
        self.site.routing.pass_time(unit.now)
        self._expiry.expire(unit)
        self._preload(unit, inputs)
        outcomes = [self._take(unit, given) for given in inputs]
        for returned in unit.tracking.returned:
            self._rules.give_back(unit, returned)
        self.spent_s["decide"] += self.site.clock.processor_s() - began_s
        try:
            self._commit(unit)
        except PushbackError as full:
            return [full] * len(inputs)
        return outcomes

    @property
    def restoring(self) -> bool:
        """Whether own messages given back by peers still wait for their cause."""
        return self._given_back > 0

    def has_met(self, member: str) -> bool:
        """Whether what was said to a member before a loss has come back, as far as it can (``recovery.has_met``)."""
        return recovery.has_met(self, member)

    def holds(self, hop: Hop) -> bool:
        """Whether the message a hop proves stands in its log here."""
        log = self.find_log(hop.checkpoint.partition(b"\n")[0].decode("utf-8", "replace"))
        if log is None or log.row.size <= hop.index:
            return False
        ((header, _),) = self.store.leaves(log.row.id, hop.index, hop.index + 1, HEADER_BYTES_MAX)
        return header == hop.header

    def now(self) -> datetime:
        """The time of a batch that begins now, never before an earlier one: what is signed stays in order of time.

        Peers conclude from a message dated past a deadline that nothing dated before it will follow; so may whoever
        asks here, of what this gateway decides.
        """
        self._newest = max(self._newest, instant.floor_ms(self.site.clock.now()))
        return self._newest

    def _commit(self, unit: Unit) -> None:
        processor_s = self.site.clock.processor_s
        began_s = processor_s()
        changes = unit.finish()
        signed_s = processor_s()
        if not unit.is_empty():
            self.store.commit(changes)
        self.spent_s["sign"] += signed_s - began_s
        self.spent_s["commit"] += processor_s() - signed_s
        # A crash here leaves the batch stored and nobody told: askers repeat, peers resend, both get stored answers.
        self.logs.update(unit.logs)
        self.site.tell(changes)
        self._expiry.follow(unit)
        unit.leave()
        self.commands_given_back |= repeat.META in changes.meta
        if changes.given_back or changes.given_back_used:
            self._given_back = self.store.given_back_count()
        self.site.heard = (self.site.heard | unit.heard) - unit.unheard
        self.site.signed_for.update(unit.recollected)
        self.site.take_over(unit)
        if unit.trust is not None:
            self.site.follow(unit.trust)
            self._open_logs()
        elif any(log.row.halted != self._halted.get(log_id, "") for log_id, log in unit.logs.items()):
            self._route()

    def _take(self, unit: Unit, given: Given) -> Outcome:
        try:
            outcome: Outcome = self._handlers[type(given)](self, unit, given)
        except FatalError:
            raise
        except DarwazaError as error:
            outcome = error
        if self.restoring:
            arrival.go_on_with_money(self, self._rules, unit)
        return outcome

    def _preload(self, unit: Unit, inputs: Sequence[Given]) -> None:
        """Read what the inputs are about in a few questions instead of one each."""
        unit.load_cases([one.case_id for one in inputs if type(one) is Submit and one.case_id is not None])
        keyed = [one for one in inputs if type(one) is Submit and one.key]
        unit.load_answers([key for one in keyed for key in repeat.wanted(self, one)])
        unit.foresee((one.service, one.case_id or "", one.kind, one.body) for one in inputs if type(one) is Submit)

    # --- logs ---

    def _open_logs(self) -> None:
        """Make the logs of the corridor document that do not exist yet; an own one starts with its genesis leaf."""
        unit = Unit(self.site, self.store, self.logs, self.now())
        me, trust = self.site.member, self.site.trust
        for peer in trust.neighbours(me):
            for lane in (*trust.current.lanes(me, peer), *trust.current.lanes(peer, me)):
                if lane.origin not in self._ids:
                    self._open_log(unit, lane)
        self._route()
        for log in list(self.logs.values()):
            if log.row.author == me and log.row.size == 0:
                self._write_genesis(unit, log)
            elif log.row.author == me and not self.site.is_signed(log.row.origin, log.row.checkpoint):
                # The key, or what the corridor asks of a signature, has changed: the same tree, signed anew.
                note = self.site.sign(log.row.origin, log.row.size, log.frontier.root())
                unit.install(unit.log(log.row.id).with_row(checkpoint=note))
        self._commit(unit)

    def _open_log(self, unit: Unit, lane: Lane) -> None:
        log_id = len(self.logs) + 1
        row = LogRow(log_id, lane.origin, lane.author, lane.reader, lane.number)
        self.logs[log_id] = Log.load(row, self.store)
        self._ids[lane.origin] = log_id
        unit.install(self.logs[log_id])

    def _write_genesis(self, unit: Unit, log: Log) -> None:
        document = self.site.trust.current
        body = Genesis(document.name, document.digest, log.row.origin, document.version)
        self.say_of_link(unit, log.row, GENESIS, body, unit.new_id())

    def say_of_link(self, unit: Unit, row: LogRow, kind: str, body: Any, case_id: str) -> None:
        """Put into an own log what this gateway says of the link to the gateway that reads it."""
        draft = Draft(
            kind=kind,
            origin=f"{row.author}/{GATEWAY_PARTY}",
            destination=f"{row.reader}/{GATEWAY_PARTY}",
            body=self.site.to_json(body),
            media_type=JSON_MEDIA_TYPE,
        )
        unit.send(draft, case_id, None, None, log_id=row.id)

    def _route(self) -> None:
        """Work out which own logs lead where; a halted one stops its whole link."""
        self._halted = {log_id: log.row.halted for log_id, log in self.logs.items()}
        halted = {log.row.reader for log in self.logs.values() if log.row.halted}
        halted |= {log.row.author for log in self.logs.values() if log.row.halted}
        lanes: dict[str, list[int]] = {}
        for log in sorted(self.logs.values(), key=lambda one: one.row.lane):
            if log.row.author == self.site.member and log.row.reader not in halted:
                lanes.setdefault(log.row.reader, []).append(log.row.id)
        self.site.set_lanes(lanes)

    def log_of(self, unit: Unit, origin: str, *, author: str | None = None, reader: str | None = None) -> Log:
        """Find a log that runs.

        Raises:
            SignatureError: ``log_unknown``.
            ConflictError: ``link_halted``.
        """
        log_id = self._ids.get(origin)
        if log_id is None:
            raise SignatureError(f"there is no log {origin[:120]!r} here", code="log_unknown")
        log = unit.log(log_id)
        if author not in (None, log.row.author) or reader not in (None, log.row.reader):
            raise SignatureError(f"the log {origin!r} is not for this gateway to write here", code="log_unknown")
        if log.row.halted:
            raise ConflictError(f"the link has stopped: {log.row.halted}", code="link_halted")
        return log

    def entries(self, log_id: int, start: int, end: int, bytes_max: int) -> list[tuple[bytes, bytes]]:
        """Headers and bodies of a stretch of a log, as committed."""
        return self.store.leaves(log_id, start, end, bytes_max)

    def find_log(self, origin: str) -> Log | None:
        """A log as committed, running or not."""
        log_id = self._ids.get(origin)
        return None if log_id is None else self.logs[log_id]

    def own_log(self, unit: Unit, origin: str) -> Log:
        """Find a running log that this gateway writes; see ``log_of``."""
        return self.log_of(unit, origin, author=self.site.member)

    def tile_reader(self, unit: Unit, log: Log) -> Any:
        """How to read a log's tiles as this batch has them."""
        changed, log_id, read = unit.changes.tiles, log.row.id, self.store.tile

        def read_tile(level: int, number: int) -> bytes:
            row = changed.get((log_id, level, number))
            return read(log_id, level, number) if row is None else row[3]

        return read_tile

    def halt(self, unit: Unit, peer: str, code: str) -> None:
        """Stop a link: every log with that member, both ways. Nobody waits for what it might have brought."""
        for log in self.logs.values():
            if peer in (log.row.author, log.row.reader):
                unit.install(unit.log(log.row.id).with_row(halted=code))
        arrival.go_on(self, self._rules, unit, replaying=self.restoring)

    # --- inputs ---

    def _submit(self, unit: Unit, given: Submit) -> Accepted | Refusal:
        if given.key and (stored := repeat.stored(self, unit, given)) is not None:
            return stored
        service = self.site.services.get(given.service)
        if service is None:
            raise MalformedError(f"there is no service {given.service!r}", code="unknown_service")
        command = Command(given.kind, given.party, given.roles, given.body)
        case_id = given.case_id
        if case_id is None and given.opens and given.key:
            case_id = repeat.case_of(self, unit, given)
        if case_id is None:
            case_id, case = unit.new_id(), None
            unit.assume_new(case_id)
        else:
            found = unit.case(case_id)
            if found is None and given.opens:
                case = None
            elif found is None or found[0] != given.service or not _may_see(unit, given, found[1]):
                return Refusal("not_found", f"there is no such case: {case_id[:64]}")
            else:
                case = found[1]
        recovery.check_met(self, self._rules, unit, service, case, (given.kind, given.body))
        unit.next_blind = repeat.blind_of(self.site.blind_secrets[0], given) if given.key else ""
        outcome = self._rules.run(unit, service, case_id, case, command, None)
        unit.next_blind = ""
        if isinstance(outcome, Refusal):
            return outcome
        decision, message_ids = outcome
        accepted = Accepted(case_id, decision.state, message_ids, decision.answer)
        if given.key:
            repeat.keep(unit, given, accepted)
        return accepted

    def _arrive(self, unit: Unit, given: Arrive) -> Outcome:
        return arrival.take(self, self._rules, unit, given, replaying=self.restoring)

    def _acknowledge(self, unit: Unit, given: Acknowledge) -> Delivered:
        log = self.own_log(unit, given.origin)
        cosigner = self.site.trust.cosigner(log.row.reader)

        def root(size: int) -> bytes:
            if size > log.row.size:
                raise ConflictError("the checkpoint is past this log's end", code="checkpoint_not_ours")
            return self.site.signed_root(given.origin, given.note) or root_at(size, self.tile_reader(unit, log))

        sent = given.note
        if sent != log.row.checkpoint and self.site.signed_root(given.origin, sent) is None:
            # It came back with the answer, by file: only what we truly signed is kept.
            verifiers = self.site.trust.author_verifiers(given.origin, past=True)
            _, signed = read_checkpoint(sent, origin=given.origin, verifiers=verifiers, required=frozenset())
            sent = format_note(signed)
        checkpoint, note = acknowledge(sent, given.reply, cosigner, root)
        if sent is not given.note:
            note = self.site.completed(given.origin, checkpoint, note)
        if checkpoint.size <= log.row.cosigned_size:
            unit.keep_checkpoint(log.row.id, checkpoint.size, note)
        else:
            unit.changes.checkpoints.append(CheckpointRow(log.row.id, checkpoint.size, note))
            log = log.with_row(cosigned_size=checkpoint.size, exposed_size=max(log.row.exposed_size, checkpoint.size))
            unit.install(log)
        return Delivered(log.row.cosigned_size)

    def _attest(self, unit: Unit, given: Attest) -> Delivered:
        log = self.own_log(unit, given.origin)
        checkpoint, _ = parse_checkpoint(given.note)
        held = unit.checkpoint(log.row.id, checkpoint.size)
        if held is None:
            raise ConflictError("there is no such checkpoint here", code="checkpoint_not_ours")
        cosigner = self.site.trust.cosigner(given.witness)
        read_tile = self.tile_reader(unit, log)
        _, note = acknowledge(held, given.reply, cosigner, lambda size: root_at(size, read_tile))
        unit.keep_checkpoint(log.row.id, checkpoint.size, note)
        return Delivered(log.row.cosigned_size)

    def _settle(self, unit: Unit, given: Settle) -> Settled:
        return arrival.settle(self, self._rules, unit, given, replaying=self.restoring)

    def _recollect(self, unit: Unit, given: Recollect) -> int:
        return arrival.recollect(self, self._rules, unit, given, replaying=self.restoring)

    def _take_back(self, unit: Unit, given: TakeBack) -> Outcome:
        return recovery.take_back(self, self._rules, unit, given.batch)

    def _expose(self, unit: Unit, given: Expose) -> Delivered:
        log = self.own_log(unit, given.origin)
        unit.flush(log.row.id)
        log = unit.log(log.row.id)
        unit.install(log.with_row(exposed_size=log.row.size))
        return Delivered(log.row.cosigned_size)

    def _wake(self, unit: Unit, given: Wake) -> int:
        ids = self.store.due(unit.now_text, given.items_max)
        unit.load_cases(ids)
        for case_id in ids:
            if (found := unit.case(case_id)) is not None and unit.is_due(case_id):
                self._wake_case(unit, *found)
        return len(ids)

    def _wake_case(self, unit: Unit, service_name: str, case: Case[Any]) -> None:
        """Wake one case; one that cannot act now sleeps on for a while, so that it never stands before the others."""
        if service_name == ROUTE:
            unit.tracking.wake(case.id)
            return
        if service_name == ORDER:
            arrival.Arriving(self, self._rules, unit, "", set(), replaying=self.restoring).wake(case.data)
            return
        service, elapsed = self.site.services[service_name], Elapsed(due_at=unit.now)
        try:
            recovery.check_met(self, self._rules, unit, service, case, (elapsed.kind, None))
            outcome = self._rules.run(unit, service, case.id, case, elapsed, None)
        except PushbackError:
            if unit.case(case.id) == (service_name, case):  # else a word that came back has said when to look again
                unit.remind(service_name, case, unit.now + recovery.MEET_AGAIN)
            return
        except ServiceError as fault:
            unit.faults.append(fault.detail)
            unit.remind(service_name, case, unit.now + REMIND_AGAIN)
            return
        if isinstance(outcome, Refusal):
            unit.remind(service_name, case, unit.now + REMIND_AGAIN if outcome.transient else None)

    def _witness(self, unit: Unit, given: Witness) -> Verdict:
        return testimony.witness(self.site, unit, given.request)

    def _reroute(self, unit: Unit, _given: Reroute) -> int:
        return unit.tracking.reroute()

    def _keep(self, unit: Unit, given: Keep) -> int:
        unit.changes.meta.update(given.values)
        return len(given.values)

    def _report(self, unit: Unit, _given: Report) -> int:
        unit.reported = reporting.send(self, unit)
        return len(unit.reported)

    def _place_orders(self, unit: Unit, given: PlaceOrders) -> int | Refusal:
        entries = unit.ledger
        before, told = entries.end.sequence, given.told(entries.book)
        refusal = entries.place(given.orders, None)
        if refusal is None and entries.end.sequence > before:
            for notice in told:
                unit.tell(notice, self.site.encode(notice.detail))
        return entries.end.sequence if refusal is None else refusal

    def _adopt(self, unit: Unit, given: Adopt) -> int:
        trust = (unit.trust or self.site.trust).admit(given.note, unit.now)
        self.site.check_keys(trust)
        unit.trust = trust
        version = unit.trust.current.version
        unit.changes.documents.append((version, given.note))
        return version

    _handlers: ClassVar[dict[type, Any]] = {
        Submit: _submit,
        Arrive: _arrive,
        Acknowledge: _acknowledge,
        Attest: _attest,
        Settle: _settle,
        Recollect: _recollect,
        TakeBack: _take_back,
        AcceptFork: settlement.accept_proof,
        Expose: _expose,
        Wake: _wake,
        Witness: _witness,
        PlaceOrders: _place_orders,
        Adopt: _adopt,
        Resume: settlement.resume,
        Forget: retention.forget,
        Reroute: _reroute,
        Report: _report,
        Keep: _keep,
    }


def _may_see(unit: Unit, given: Submit, case: Case[Any]) -> bool:
    opened_at = instant.to_fine_text(case.opened_at)
    return any(
        unit.concerns(PartyRow(one, given.service, opened_at, case.id)) for one in (given.party, *given.acts_for)
    )
