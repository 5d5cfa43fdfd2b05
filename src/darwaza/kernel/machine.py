"""The contract between the engine and a service.

A *service* is a kind of case: a table ``(state, input) -> (rule, next states)`` and pure rules. For each input the
engine looks up the pair, calls the rule with the case, the input and the context, and gets a decision or a refusal
back. A pair that is not in the table is a refusal that changes nothing.

What this module decides: the shapes. What it leaves to others: when a rule runs and how its decision is stored
(``darwaza.engine``), and what the rules are (``darwaza.services``).

Rules are pure: no clock, no randomness, no I/O. The time comes in the context; identifiers of messages are given by
the engine. The same case, input and context always give the same decision; recovery depends on it.

Example::

    TABLE = {
        (NEW, "offer"): Transition(open_offer, ("offered",)),
        (NEW, "restored documents.offer"): Transition(restore_offer, ("offered",)),
        ("offered", "documents.receipt"): Transition(take_receipt, ("handed-over", "refused")),
        ("offered", ELAPSED): Transition(expire, ("expired",)),
    }
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, final

import msgspec

Data = TypeVar("Data", bound=msgspec.Struct)

NEW = ""
"""The state of a case that does not exist yet."""

ELAPSED = "elapsed"
"""The input a case gets when the moment it asked to be reminded of has come."""


def restored(kind: str) -> str:
    """Name the input for an own message of ``kind`` that a peer gave back after this gateway lost its disk."""
    return "restored " + kind


class RefusalCode(Enum):
    """Base of the per-service enums of refusals, declared in order of precedence.

    A member's value is ``(code, transient)``: the stable lower_snake_case code on the wire, never reused, and whether
    the same request may succeed later without being changed.
    """

    @property
    def code(self) -> str:
        """The stable code on the wire."""
        value: tuple[str, bool] = self.value
        return value[0]

    @property
    def transient(self) -> bool:
        """Whether the unchanged request may succeed later."""
        value: tuple[str, bool] = self.value
        return value[1]


@final
class Refusal(msgspec.Struct, frozen=True):
    """A business "no". It changes nothing.

    Nothing is derived from it, so ``type(outcome) is Refusal`` tells one: a fifth of what ``isinstance`` takes to say
    no, and a payment asks a hundred times.

    Attributes:
        code: stable lower_snake_case code.
        detail: one sentence for a person.
        pointer: RFC 6901 JSON pointer to the offending field, "" for the whole.
        transient: whether the unchanged request may succeed later.
    """

    code: str
    detail: str
    pointer: str = ""
    transient: bool = False

    @classmethod
    def of(cls, reason: RefusalCode, detail: str, pointer: str = "") -> "Refusal":
        """Build a refusal from an enum member."""
        return cls(reason.code, detail, pointer, reason.transient)


class Command(msgspec.Struct, frozen=True):
    """What a party asks of its own gateway.

    Attributes:
        kind: imperative, without a dot: ``offer``, ``accept``.
        party: full address of the party that asks, ``PK/fbr``; authenticated before it gets here.
        roles: the party's roles at this gateway.
        body: the command's own value, already parsed.
    """

    kind: str
    party: str
    roles: frozenset[str]
    body: Any


class Received(msgspec.Struct, frozen=True):
    """A message that arrived from another gateway, or an own one given back (then ``kind`` says so).

    Attributes:
        kind: the message's kind, ``documents.offer``, or ``restored documents.offer``.
        id: the message's UUID.
        origin: full address of the sender.
        destination: full address of the addressee.
        created_at: when the origin says it was made.
        expires_at: after this moment it must not be acted upon; None when it does not expire.
        ucr: the consignment it belongs to, or None.
        media_type: of the body.
        body: the bytes whose digest the header carries.
    """

    kind: str
    id: str
    origin: str
    destination: str
    created_at: datetime
    expires_at: datetime | None
    ucr: str | None
    media_type: str
    body: bytes


class Elapsed(msgspec.Struct, frozen=True):
    """The moment the case asked for has come.

    Attributes:
        due_at: the moment the case had asked for.
    """

    due_at: datetime
    kind: str = ELAPSED


class FactStated(msgspec.Struct, frozen=True):
    """A fact the case awaits was stated on its consignment; ``kind`` is ``"fact " + fact.name``."""

    kind: str
    fact: "Fact"


Input = Command | Received | Elapsed | FactStated


class Case(msgspec.Struct, Generic[Data], frozen=True):
    """A thread of messages about one thing, as stored.

    Attributes:
        id: UUID, lower-case with hyphens; chosen by whoever opens the case, the same at every gateway.
        state: one of the service's states; ``NEW`` never stands in the store.
        data: the service's own value.
        ucr: the consignment it belongs to (WCO unique consignment reference, 1-35 characters), or None.
        opened_at: when this gateway first knew the case.
        changed_at: when this gateway last changed it.
    """

    id: str
    state: str
    data: Data
    ucr: str | None
    opened_at: datetime
    changed_at: datetime


class Fact(msgspec.Struct, frozen=True):
    """A small typed statement about a consignment that other cases may require or await.

    Attributes:
        name: ``duty paid``, ``guarantee accepted``; the stating service documents its names.
        value: JSON-compatible value.
        valid_until: after this moment it no longer holds; None when it does not lapse.
    """

    name: str
    value: Any
    valid_until: datetime | None = None


class Draft(msgspec.Struct, frozen=True):
    """A message the decision sends; the engine completes the header and gives it its place in the log.

    Attributes:
        kind: ``service.name``.
        origin: full address of the local party that speaks, ``PK/fbr``.
        destination: full address, ``UZ/customs``.
        body: at most ``config.BODY_BYTES_MAX`` bytes.
        media_type: of the body, RFC 6838.
        expires_at: see ``Received.expires_at``.
        bulk: travels in the lane for large bodies and may be overtaken by ordinary messages.
        path_policy: what the sender asks of the path besides the corridor's policy (``darwaza.kernel.policy``).
        waits: when every allowed path is down, the message waits for one; otherwise it is refused at once.
    """

    kind: str
    origin: str
    destination: str
    body: bytes
    media_type: str
    expires_at: datetime | None = None
    bulk: bool = False
    path_policy: str = ""
    waits: bool = True


class Notice(msgspec.Struct, frozen=True):
    """Something a local party should hear of; delivered after the commit, at least once.

    Attributes:
        party: full address of a party of this gateway.
        kind: past tense, ``document.delivered``.
        detail: JSON-compatible.
    """

    party: str
    kind: str
    detail: Any = None


class Decision(msgspec.Struct, Generic[Data], frozen=True):
    """What one input does to one case. All of it commits in one transaction, or none of it.

    Attributes:
        state: the next state, one of those the table names for this pair.
        data: the case's next value.
        messages: to send, in this order.
        transfers: for the ledger, posted in this order (``darwaza.ledger``); if the ledger refuses one, the whole
            decision is withdrawn and the refusal is the answer.
        facts: stated on the case's consignment; require ``ucr``.
        awaits: names of facts whose statement should wake this case; replaces the former set.
        remind_at: when to wake the case; None leaves it asleep and cancels a former reminder.
        notices: for local parties.
        parties: full addresses of those the case concerns, here and abroad; added to the former ones. The case can be
            found by each of them, and those of this gateway may see it.
        ucr: the consignment, set once; None leaves it as it was.
        names: what the case is found by besides its id, added to the former ones; each may name one case for ever, so
            the rule has asked (``Context.named``) whether they are free.
        answer: JSON-compatible; what a command's caller gets besides the case.
    """

    state: str
    data: Data
    messages: tuple[Draft, ...] = ()
    transfers: tuple[Any, ...] = ()
    facts: tuple[Fact, ...] = ()
    awaits: tuple[str, ...] = ()
    remind_at: datetime | None = None
    notices: tuple[Notice, ...] = ()
    parties: tuple[str, ...] = ()
    ucr: str | None = None
    names: tuple[str, ...] = ()
    answer: Any = None


class LedgerView(Protocol):
    """Read access to the ledger as it stands inside the running batch (``darwaza.ledger.book.Book``)."""

    def account(self, account_id: str) -> Any:
        """Return the ``ledger.account.Account`` as it stands, or None."""

    def transfer(self, transfer_id: str) -> Any:
        """Return the ``ledger.transfer.Transfer``, or None."""

    def hold(self, hold_id: str) -> Any:
        """Return the ``ledger.transfer.HoldStanding``: the hold and its end, or None if there is no such hold."""


class Context(Protocol):
    """What a rule may know besides its case and its input.

    Attributes:
        now: the batch's time, aware UTC; the same for every input of the batch.
        member: code of the member this gateway serves.
        case_id: the case the input is about, also when it does not exist yet.
        reachable: codes of the members a message can be addressed to.
    """

    now: datetime
    member: str
    case_id: str
    reachable: frozenset[str]

    @property
    def ledger(self) -> LedgerView:
        """The ledger inside this batch."""

    def fact(self, name: str) -> Fact | None:
        """The valid fact of this name on the case's consignment, or None."""

    def party_known(self, address: str) -> bool:
        """Whether this gateway serves a party of this full address."""

    def sealing_card(self, address: str) -> bytes | None:
        """The signed sealing card of a party of this gateway (``kernel.sealcard``); None when it has none valid now."""

    def unsendable(self, draft: Draft, body_bytes: int) -> Refusal | None:
        """Why a message like this one, but with a body of so many bytes, could not be sent now; None when it could.

        What a decision sends is held against this anyway; a rule asks when the messages come with later inputs, or
        when it decides the same without them.
        """

    def said_before(self, kind: str) -> bytes | None:
        """What this gateway said in a message of this kind in answer to the same input, before it lost its disk.

        None when nothing came back, as always without a loss. A rule asks for what it could not work out again.
        """

    def look(self, case_id: str) -> "Case[Any] | None":
        """Another case of the same service as the batch has it, or None."""

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Ids of cases by those of the names that are given to one (``Decision.names``)."""

    def heard_until(self, member: str) -> datetime | None:
        """The newest instant a neighbour's log of ordinary messages is known to have reached, or None.

        What stands in it is in order: a message dated before that instant and not taken by now does not exist. So
        silence past an instant can be proven, with the neighbour's own signature.
        """


Rule = Callable[[Any, Any, Any], "Decision[Any] | Refusal"]
"""``rule(case, input, context)``; the case is None in state ``NEW``."""


class Foreseen(NamedTuple):
    """What an input will ask for.

    Attributes:
        transfers: ids of transfers and holds.
        names: of which its rule will ask whether they name a case (``Context.named``).
    """

    transfers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Transition(msgspec.Struct, frozen=True):
    """One cell of a service's table.

    Attributes:
        rule: decides.
        next: the states the rule may choose; the engine checks it.
    """

    rule: Rule
    next: tuple[str, ...]


def _nameless(_data: Any) -> Iterable[str]:
    return ()


class Service(msgspec.Struct, frozen=True):
    """A kind of case.

    Attributes:
        name: the package's name; prefixes every message kind.
        data_type: frozen msgspec Struct the cases hold, or a tagged union of such; stored as MessagePack.
        table: all there is; a pair not in it is refused.
        ended: states in which nobody needs the bodies of the case's messages any more, so that they may be forgotten
            after the time an operator sets (``darwaza.engine.retention``); none unless the service says so.
        foresee: what an input will ask for, so that it is read for a whole batch at once:
            ``foresee(case_id, case, kind, body)``, the case None when there is none, the id then "" unless it is known.
            It may leave out any or name too many; that costs time and nothing else.
        orders_new: whether a decision never places an order a second time under an id that begins with its case's: each
            such order ends the state it is placed in. Then nobody looks in the store for one; a service that breaks its
            word is stopped by the store, which takes no id twice.
        goes_on: whether a case often goes on within seconds, so that the newest are kept in memory
            (``darwaza.engine.recent``). A document is one message, and keeping it costs more than to read one again.
        shared: the neighbour whose gateway decides a case together with this one, or None:
            ``shared(member, case, kind, body)``, ``member`` that of this gateway, the case None when a command opens
            it. After a start no command and no reminder is acted on before that neighbour has said what it holds of
            our logs: after a loss it knows what had been decided here, and it has acted on it.
        names: what a case is found by besides its id, of its data (``Decision.names``); each is the case's, or that of
            another which had it before.
    """

    name: str
    data_type: Any
    table: Mapping[tuple[str, str], Transition]
    ended: frozenset[str] = frozenset()
    foresee: Callable[[str, Any, str, Any], Foreseen] | None = None
    orders_new: bool = False
    goes_on: bool = True
    shared: Callable[[str, Any, str, Any], str | None] | None = None
    names: Callable[[Any], Iterable[str]] = _nameless


NOT_IN_TABLE = "not_in_state"
"""Code of the refusal of a pair that is not in the table."""


def decide(service: Service, case: Case[Any] | None, given: Input, context: Context) -> Decision[Any] | Refusal:
    """Run the rule the service's table names for this pair.

    Returns:
        The rule's decision or refusal; ``NOT_IN_TABLE`` when the table has no such pair.

    Raises:
        KeyError: never for input; a rule that returns a state its cell does not name raises ``ValueError``, which is
            a fault of the service and quarantines the input.
    """
    state = NEW if case is None else case.state
    cell = service.table.get((state, given.kind))
    if cell is None:
        at = "no such case" if case is None else f"the case is {state}"
        return Refusal(NOT_IN_TABLE, f"{service.name} does not take {given.kind!r} when {at}")
    outcome = cell.rule(case, given, context)
    if isinstance(outcome, Decision) and outcome.state not in cell.next:
        raise ValueError(f"{service.name}: {given.kind!r} in {state!r} may not lead to {outcome.state!r}")
    return outcome
