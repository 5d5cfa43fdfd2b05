"""Runs rules: gives them their context, contains their faults, and wakes the cases that await a stated fact."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from darwaza.config import BODY_BYTES_MAX
from darwaza.engine.site import Site
from darwaza.engine.tracking import Returned
from darwaza.engine.unit import Unit
from darwaza.errors import PushbackError, ServiceError
from darwaza.kernel.machine import (
    Case,
    Command,
    Decision,
    Draft,
    Fact,
    FactStated,
    Input,
    LedgerView,
    Received,
    Refusal,
    Service,
    decide,
)
from darwaza.kernel.message import JSON_MEDIA_TYPE, REFUSED, Header, Refused
from darwaza.kernel.path import UNDELIVERABLE

WAKE_DEPTH_MAX = 16
"""Decisions that follow from one input by way of facts."""


EXPIRED: Final = Refusal(
    "corridor_expired", "the corridor document has expired; only receiving goes on", "", transient=True
)


class Said(msgspec.Struct):
    """An own message that an input had made this gateway send before it lost its disk.

    Attributes:
        header: of the message.
        body: as it was decided, unsealed.
        again: the rule, run again, said the very same.
    """

    header: Header
    body: bytes
    again: bool = False

    def to(self, kind: str, destination: str) -> bool:
        """Whether the message is of this kind, to this full address."""
        return (self.header.kind, self.header.destination) == (kind, destination)


class RuleContext:
    """See ``darwaza.kernel.machine.Context``."""

    __slots__ = ("_sent_before", "_service", "_site", "_ucr", "_unit", "case_id", "member", "now", "reachable")

    def __init__(
        self,
        site: Site,
        unit: Unit,
        service: str,
        case_id: str,
        ucr: str | None,
        now: datetime,
        sent_before: tuple[Said, ...],
    ) -> None:
        self.now = now
        self.member = site.member
        self.case_id = case_id
        self.reachable = site.reachable
        self._site = site
        self._unit = unit
        self._service = service
        self._ucr = ucr
        self._sent_before = sent_before

    @property
    def ledger(self) -> LedgerView:
        """The ledger as the batch has it."""
        return self._unit.ledger.book

    def fact(self, name: str) -> Fact | None:
        """The valid fact of this name on the case's consignment, or None."""
        return self._unit.fact(self._ucr, name, self.now)

    def party_known(self, address: str) -> bool:
        """Whether this gateway serves a party of this full address."""
        return self._site.party_known(address)

    def sealing_card(self, address: str) -> bytes | None:
        """The signed sealing card of a party of this gateway, or None."""
        return self._site.sealing_card(address, self.now)

    def unsendable(self, draft: Draft, body_bytes: int) -> Refusal | None:
        """Why a message like this one, but with a body of so many bytes, could not be sent now, or None."""
        return self._unit.tracking.refusal(draft, body_bytes) or _expired(self._site, self._unit)

    def said_before(self, kind: str) -> bytes | None:
        """What this gateway said in answer to the same input before it lost its disk, or None."""
        return next((one.body for one in self._sent_before if one.header.kind == kind), None)

    def look(self, case_id: str) -> Case[Any] | None:
        """Another case of the same service as the batch has it, or None."""
        found = self._unit.case(case_id)
        return None if found is None or found[0] != self._service else found[1]

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Ids of cases by those of the names that are given to one."""
        return self._unit.named(names)

    def heard_until(self, member: str) -> datetime | None:
        """The newest instant a neighbour's log of ordinary messages is known to have reached, or None."""
        return self._unit.heard_until(member)


class Rules:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def run(
        self,
        unit: Unit,
        service: Service,
        case_id: str,
        case: Case[Any] | None,
        given: Input,
        cause_id: str | None,
        *,
        now: datetime | None = None,
        sent_before: tuple[Said, ...] = (),
    ) -> tuple[Decision[Any], tuple[str, ...]] | Refusal:
        """Let a service decide and take the decision into the batch.

        Args:
            unit: the batch.
            service: the case's.
            case_id: the case's.
            case: as the batch has it; None to open it.
            given: the input.
            cause_id: id of the received message that is handled, or None.
            now: the time the rule sees and a case opens at; the batch's unless a loss is being mended.
            sent_before: messages this input sent before the loss; none of its kind and addressee is sent again, and
                those said in the same words are marked.

        Returns:
            The decision and the ids of the messages it sent, or the refusal; after a refusal nothing has changed.

        Raises:
            ServiceError: the rule failed; nothing has changed.
            PushbackError: ``too_many_under_way`` to a member a command would send to; nothing has changed.
        """
        outcome = self._decide(unit, service, case_id, case, given, cause_id, now or unit.now, sent_before)
        if type(outcome) is Refusal:
            return outcome
        if outcome[0].facts:
            self._wake(unit, outcome[0].facts, unit.changes.cases[case_id].ucr or "", cause_id)
        return outcome

    def give_back(self, unit: Unit, returned: Returned) -> None:
        """Tell the service of a message that nobody carries; it hears it as a refusal by the destination."""
        header = returned.header
        name = header.kind.partition(".")[0]
        service, found = self._site.services.get(name), unit.case(header.case_id)
        if service is None or found is None or found[0] != name or header.kind.endswith(REFUSED):
            return
        detail = f"{returned.code}: {returned.detail}"
        body = Refused(UNDELIVERABLE, detail, header.kind, header.id, "")
        received = Received(
            name + REFUSED,
            unit.new_id(),
            header.destination,
            header.origin,
            unit.now,
            None,
            header.ucr,
            JSON_MEDIA_TYPE,
            self._site.to_json(body),
        )
        try:
            self.run(unit, service, header.case_id, found[1], received, None)
        except ServiceError as fault:
            unit.faults.append(fault.detail)

    def _decide(
        self,
        unit: Unit,
        service: Service,
        case_id: str,
        case: Case[Any] | None,
        given: Input,
        cause_id: str | None,
        now: datetime,
        sent_before: tuple[Said, ...],
    ) -> tuple[Decision[Any], tuple[str, ...]] | Refusal:
        ucr = getattr(given, "ucr", None) if case is None else case.ucr
        context = RuleContext(self._site, unit, service.name, case_id, ucr, now, sent_before)
        try:
            outcome = decide(service, case, given, context)
            if type(outcome) is Refusal:
                return outcome
            refusal = self._may_send(unit, outcome.messages)
            if refusal is not None:
                return refusal
            if type(given) is Command:  # what others say, and the clock, is answered at any time
                for draft in outcome.messages:
                    unit.tracking.check_room(draft)
            if sent_before:
                outcome = _without(outcome, sent_before)
            return self._apply(unit, service, case_id, case, outcome, cause_id, now)
        except PushbackError:
            raise
        except Exception as fault:  # the one place where a service's own fault is contained: a link must outlive it
            raise ServiceError(f"{service.name} failed on {given.kind!r}: {type(fault).__name__}: {fault}") from fault

    def _apply(
        self,
        unit: Unit,
        service: Service,
        case_id: str,
        case: Case[Any] | None,
        decision: Decision[Any],
        cause: str | None,
        now: datetime,
    ) -> tuple[Decision[Any], tuple[str, ...]] | Refusal:
        """Take a decision into the batch: its money first, because only the ledger can still say no."""
        if not decision.transfers:
            sent = unit.apply(service.name, case_id, case, decision, cause, now)
            return sent if isinstance(sent, Refusal) else (decision, sent)
        book = unit.ledger.book
        savepoint = book.savepoint()
        new = service.orders_new or case_id in unit.made
        refusal = unit.ledger.place(decision.transfers, case_id, new=new)
        if refusal is not None:
            return refusal
        try:
            sent = unit.apply(service.name, case_id, case, decision, cause, now)
        except BaseException:
            book.rollback(savepoint)
            raise
        if isinstance(sent, Refusal):
            book.rollback(savepoint)
            return sent
        return decision, sent

    def _may_send(self, unit: Unit, drafts: tuple[Draft, ...]) -> Refusal | None:
        if not drafts:
            return None
        for draft in drafts:
            if len(draft.body) > BODY_BYTES_MAX:
                detail = f"a message body of {len(draft.body)} bytes is over the limit of {BODY_BYTES_MAX}"
                return Refusal("body_too_large", detail, "/body")
            refusal = unit.tracking.refusal(draft)
            if refusal is not None:
                return refusal
        return _expired(self._site, unit)

    def _wake(self, unit: Unit, facts: tuple[Fact, ...], ucr: str, cause_id: str | None) -> None:
        """Give stated facts to the cases that await them, and so on, in the same batch."""
        queue = [(fact, 1) for fact in facts]
        while queue:
            fact, depth = queue.pop(0)
            if depth > WAKE_DEPTH_MAX:
                unit.faults.append(f"facts woke one another more than {WAKE_DEPTH_MAX} times on {ucr}")
                return
            for case_id in unit.awaiting(ucr, fact.name):
                queue.extend((one, depth + 1) for one in self._wake_one(unit, case_id, fact, cause_id))

    def _wake_one(self, unit: Unit, case_id: str, fact: Fact, cause_id: str | None) -> tuple[Fact, ...]:
        found = unit.case(case_id)
        if found is None:
            return ()
        service = self._site.services[found[0]]
        stated = FactStated("fact " + fact.name, fact)
        try:
            outcome = self._decide(unit, service, case_id, found[1], stated, cause_id, unit.now, ())
        except ServiceError as fault:
            unit.faults.append(fault.detail)
            return ()
        return () if isinstance(outcome, Refusal) else outcome[0].facts


def _expired(site: Site, unit: Unit) -> Refusal | None:
    """Why nothing can be sent under this corridor document any more, or None."""
    return None if site.trust.may_send(unit.now) else EXPIRED


def _without(decision: Decision[Any], sent_before: tuple[Said, ...]) -> Decision[Any]:
    """The decision without the messages that were sent before the loss."""
    left = list(sent_before)
    messages = []
    for draft in decision.messages:
        said = [item for item in left if item.to(draft.kind, draft.destination)]
        if not said:
            messages.append(draft)
            continue
        found = next((item for item in said if item.body == draft.body), said[0])
        found.again = found.body == draft.body
        left.remove(found)
    return Decision(
        **{name: getattr(decision, name) for name in decision.__struct_fields__ if name != "messages"},
        messages=tuple(messages),
    )
