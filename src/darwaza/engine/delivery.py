"""Gives a message that has come, in its turn, to its service, and answers it with a refusal where it has to.

After a loss, what this gateway had said of a message is held against what its rule says now. While something of that
may still come back, a refusal may be untrue: then the message is given back to wait (``engine.order``).
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from darwaza.engine import recovery
from darwaza.engine.order import OVERTAKEN
from darwaza.engine.rule import Rules, Said
from darwaza.engine.unit import Unit
from darwaza.errors import DarwazaError, MessageError, ServiceError
from darwaza.kernel import instant
from darwaza.kernel.machine import NEW, Case, Draft, Received, Refusal, Service
from darwaza.kernel.message import (
    JSON_MEDIA_TYPE,
    LINK_KINDS,
    REFUSED,
    Header,
    Refused,
    decode_header,
    is_withheld,
    message_key,
)

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine

UNMET: Final = Refusal("catching_up", "what was said on the case may still come back", transient=True)


def _at_the_edge(received: Received) -> str | None:
    """Point at the instant of a message that lies at the edge of the calendar, if one does."""
    if not instant.is_reckonable(received.created_at):
        return "/created_at"
    until = received.expires_at
    return None if until is None or instant.is_reckonable(until) else "/expires_at"


class Delivery:
    """See the module."""

    def __init__(self, engine: "Engine", rules: Rules, unit: Unit, *, replaying: bool) -> None:
        self._engine = engine
        self._site = engine.site
        self._rules = rules
        self._unit = unit
        self._replaying = replaying

    def give(
        self, header: Header, body: bytes, *, may_wait: bool, may_lack: bool = False
    ) -> DarwazaError | Refusal | None:
        """Give a message to its service; what it answers is on its way.

        Args:
            header: of the message.
            body: opened.
            may_wait: whether it comes again when it would be refused now.
            may_lack: whether something may still come back that it needs (``recovery.may_lack``).

        Returns:
            A fault of the service, or why nobody can be answered. A refusal only if it may wait: nothing has changed.
        """
        if header.kind.startswith(LINK_KINDS):
            return None
        if is_withheld(header, body):
            # Its case ended long ago and stays forgotten, and what this gateway had answered waits for nothing more.
            for key in self._unit.given_back.waiting(header.id):
                self._unit.given_back.use(key)
            return None
        received = recovery.received(header, header.kind, body)
        sent_before, now = self._sent_before(header) if self._replaying else ((), None)
        fault: DarwazaError | Refusal | None = None
        # What was refused before a loss stays refused, though its rule may take it now: its sender has acted on it.
        if not any(said.header.kind.endswith(REFUSED) for said in sent_before):
            fault = self._decide(header, received, sent_before, now, may_wait=may_wait, may_lack=may_lack)
        if isinstance(fault, Refusal):
            return fault
        for said in sent_before:
            self._unit.given_back.use(message_key(said.header))
        if sent_before:
            recovery.put_back(self._engine, self._rules, self._unit, sent_before)
        if self._replaying and fault is None:
            recovery.retry(self._engine, self._rules, self._unit, header.case_id)
        return fault

    def _decide(
        self,
        header: Header,
        received: Received,
        sent_before: tuple[Said, ...],
        now: datetime | None,
        *,
        may_wait: bool,
        may_lack: bool,
    ) -> DarwazaError | Refusal | None:
        """Run the rule of a message, or say why it has none; what it answers is on its way."""
        name, _, _ = header.kind.partition(".")
        service = self._site.services.get(name)
        if service is None:
            refusal = Refusal("unknown_service", f"there is no service {name!r} here", "/kind")
            return self._refuse(header, refusal, sent_before)
        if (edge := _at_the_edge(received)) is not None:
            refusal = Refusal("instant_malformed", "nobody can reckon with such an instant", edge)
            return self._refuse(header, refusal, sent_before)
        if received.expires_at is not None and (now or self._unit.now) > received.expires_at:
            refusal = Refusal("expired", "it came after it had expired", "/expires_at")
            return self._refuse(header, refusal, sent_before)
        if self._unit.ordering.is_overtaken(header):
            return self._refuse(header, OVERTAKEN, sent_before)
        found = self._case(header.case_id)
        if found is not None and found[0] != name:
            refusal = Refusal("case_conflict", "the case is of another service", "/case_id")
            return self._refuse(header, refusal, sent_before)
        case = None if found is None else found[1]
        opens = (NEW, header.kind) in service.table
        may_lack = may_lack and may_wait and not sent_before
        if may_lack and not opens and recovery.is_unmet(self._engine, self._unit, service, case, received):
            return UNMET
        try:
            outcome = self._rules.run(
                self._unit,
                service,
                header.case_id,
                case,
                received,
                header.id,
                now=now,
                sent_before=sent_before,
            )
        except ServiceError as fault:
            self._refuse(header, Refusal(fault.code, "the receiving service failed on this message"), sent_before)
            return fault
        if not isinstance(outcome, Refusal):
            return None
        waits = may_lack and self._may_be_wrong(service, received, outcome, opens=opens)
        waits = waits or (may_wait and self._lacks_money(header, outcome, sent_before, opens=opens))
        return outcome if waits else self._refuse(header, outcome, sent_before)

    def _may_be_wrong(self, service: Service, received: Received, refusal: Refusal, *, opens: bool) -> bool:
        """Whether a message may have been taken before a loss that would be refused now.

        What opens a case needs nothing that was said on it. But a refusal, as too late perhaps, would contradict what
        was answered to it: it waits until the neighbours that may hold that were met. And it may need money that
        another case brings: while own messages come back it waits for that, but not for a neighbour that stays away.
        """
        if not opens or recovery.may_be_answered(self._engine, self._unit, service, received):
            return True
        return self._engine.restoring and refusal.transient and recovery.is_coming(self._engine, self._unit)

    def _lacks_money(self, header: Header, refusal: Refusal, sent_before: tuple[Said, ...], *, opens: bool) -> bool:
        """Whether a message that was taken before a loss is refused only because money is missing, or was.

        It opens a case and lacks what another case brings, though there are own words on it; or an own message on its
        case, that came before it, does.
        """
        if not self._replaying:
            return False
        if opens:
            taken = sent_before or recovery.is_awaited(self._engine, self._unit, header.case_id)
            return refusal.transient and bool(taken)
        return recovery.lacks_money(self._engine, self._unit, header.case_id)

    def _case(self, case_id: str) -> tuple[str, Case[Any]] | None:
        """The case as the batch has it; after a loss, an own message that opened it may come back only now.

        It may have waited for something else than its case, such as money that another case brings.
        """
        found = self._unit.case(case_id)
        if found is None and self._replaying:
            recovery.retry(self._engine, self._rules, self._unit, case_id)
            found = self._unit.case(case_id)
        return found

    def _sent_before(self, header: Header) -> tuple[tuple[Said, ...], datetime | None]:
        """What this message made us send before a loss, and when: the rule is run again as of that moment.

        A message we answered nothing came in time and before our own next word on its case. That word may be of a
        clock that had waited for the message's time to be over, so it is taken as of the moment it was made.
        """
        sent = []
        for own, body in self._own(self._unit.given_back.waiting(header.id)):
            sent.append(Said(own, recovery.unsealed(self._engine, self._unit, own, body)))
            now = instant.from_text(own.created_at)
        if sent:
            return tuple(sent), now
        later = self._own(self._unit.given_back.waiting(recovery.case_cause(header.case_id)))
        moments = [own.created_at for own, _ in later]
        if moments:
            moments.append(header.created_at)
        return (), instant.from_text(min(moments)) if moments else None

    def _own(self, keys: list[str]) -> list[tuple[Header, bytes]]:
        rows = [self._engine.store.leaf(key) for key in keys]
        return [(decode_header(row.header), row.body) for row in rows if row is not None]

    def _refuse(self, header: Header, refusal: Refusal, sent_before: tuple[Said, ...]) -> DarwazaError | None:
        """Answer with a refusal; returns why it must be kept in quarantine when nobody can be answered."""
        name, _, _ = header.kind.partition(".")
        kind = name + REFUSED
        if header.kind.endswith(REFUSED):
            return MessageError(f"{refusal.code}: {refusal.detail}", code="unanswerable")
        if any(said.to(kind, header.origin) for said in sent_before):
            return None
        body = Refused(refusal.code, refusal.detail, header.kind, header.id, refusal.pointer)
        draft = Draft(
            kind=kind,
            origin=header.destination,
            destination=header.origin,
            body=self._site.to_json(body),
            media_type=JSON_MEDIA_TYPE,
        )
        if self._unit.tracking.refusal(draft) is not None:
            return MessageError(f"{refusal.code}: {refusal.detail}", code="unanswerable")
        self._unit.send(draft, header.case_id, header.ucr, header.id)
        return None
