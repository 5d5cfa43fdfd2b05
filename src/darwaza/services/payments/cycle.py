"""Settlement cycles between two members: each gateway tells what it decided, and both add up the same.

Of every payment and every return one gateway decides whether it counts, and in which cycle (``netting``). When a cycle
is over a gateway decides nothing in it any more: it tells the other, in one signed message, the sums of all it decided.
The two messages together are the cycle's sums, the same at both gateways and for ever, whatever is still on its way.

Whether what the other tells is what its messages came to is compared as soon as it has told. Only what agrees is
settled; a difference is told the settlement operators when it stands. What a neighbour decided came before its sums,
for its log is in order; what a member further away decided may come after them, for ``ARRIVES_WITHIN``. Counting is not
a rule's work, for it needs all payments of a cycle: the gateway does it and brings the sums.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta

from darwaza.errors import MalformedError
from darwaza.kernel.machine import (
    NEW,
    Case,
    Command,
    Context,
    Decision,
    Draft,
    Notice,
    Received,
    Refusal,
    Service,
    Transition,
    restored,
)
from darwaza.kernel.message import GATEWAY_PARTY, JSON_MEDIA_TYPE, REFUSED, MemberText, member_of
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import refusal_told
from darwaza.services.payments.netting import has_ended, start_of
from darwaza.services.payments.plan import Directory, Plan
from darwaza.services.payments.record import Cycle, CycleSum, Sums

Outcome = Decision[Any] | Refusal
replace = msgspec.structs.replace

NAME: Final = "netting"
SUMS: Final = "netting.sums"
REFUSED_KIND: Final = NAME + REFUSED
TOLD, STATED, COMPARING, AGREED, DIFFERS = "told", "stated", "comparing", "agreed", "differs"
"""States of a cycle: only the other has told its sums, only this gateway has, both have, and what came of comparing."""
OWN_AWAITED, THEIRS_AWAITED, UNLIKE = "own_sums_awaited", "sums_awaited", "sums_differ"
"""What a settlement waits for: that this gateway's payments have ended, the other's sums, or that both come to one."""
SUMS_MAX: Final = 8
"""Of one message; two members owe one another in two currencies, each way."""
CYCLE_MAX: Final = 10**11
"""Number of a cycle."""
TOLD_WITHIN: Final = timedelta(days=60)
"""A cycle that began longer ago is heard of only when this gateway has told it, or knows the one before it: so no
neighbour fills the store with cycles of a time before the first payment."""
ARRIVES_WITHIN: Final = timedelta(minutes=10)
"""What a member further away decided is expected so soon after its sums; until then a difference may be gone again."""
_NAMES: Final = UUID("3c6d0f6e-9a35-5a0e-8f7b-0d7c1f4a52b8")
"""Namespace of the ids of cycles (RFC 9562 section 5.5), chosen once for ever."""
_IDS_KEPT = 1_024

TotalText = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,17}$(?!\n)")]
"""A sum in minor units, or how many it is of, as decimal digits: no more than an amount has in ISO 20022."""


class StateCycle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``state`` of the gateway itself: a cycle is over, and this is all it decided.

    Attributes:
        peer: code of the member with whom.
        cycle: number of the cycle.
        sums: of what this gateway decided.
    """

    peer: str
    cycle: int
    sums: Sums


class CompareCycle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``compare`` of the gateway itself: what the other decided, by the messages that are here.

    Attributes:
        sums: as counted here.
    """

    sums: Sums


class SumTold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sum of a cycle. Fields in RFC 8785 order.

    Attributes:
        amount_minor: in minor units, as decimal digits.
        count: of the payments or returns behind it, as decimal digits.
        creditor: code of the member that is owed it.
        currency: ISO 4217.
        debtor: code of the member that owes it.
    """

    amount_minor: TotalText
    count: TotalText
    creditor: MemberText
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    debtor: MemberText


class CycleTold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``netting.sums``. Fields in RFC 8785 order.

    Attributes:
        cycle: its number.
        sums: of all that the sender's gateway decided in it with the addressee's, sorted by debtor, creditor and
            currency; none when it decided nothing.
    """

    cycle: Annotated[int, Meta(ge=0, le=CYCLE_MAX)]
    sums: Annotated[tuple[SumTold, ...], Meta(max_length=SUMS_MAX)]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(CycleTold).decode


@lru_cache(_IDS_KEPT)
def cycle_id(one: str, other: str, number: int) -> str:
    """Id of the case of a cycle between two members, the same at both gateways."""
    first, second = sorted((one, other))
    return str(uuid5(_NAMES, f"{first} {second} {number}"))


def write_cycle(number: int, sums: Sums) -> bytes:
    """Write the body of a message about a cycle."""
    told = tuple(
        SumTold(
            amount_minor=str(one.amount_minor),
            count=str(one.count),
            creditor=one.creditor,
            currency=one.currency,
            debtor=one.debtor,
        )
        for one in sums
    )
    return _encode(CycleTold(cycle=number, sums=told))


def read_cycle(body: bytes) -> tuple[int, Sums]:
    """Read the body of a message about a cycle: its number and its sums.

    Raises:
        MalformedError: ``payment_malformed``.
    """
    try:
        told = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the sums cannot be read: {fault}", code="payment_malformed") from fault
    sums = tuple(
        CycleSum(one.debtor, one.creditor, one.currency, int(one.amount_minor), int(one.count)) for one in told.sums
    )
    names = [(one.debtor, one.creditor, one.currency) for one in sums]
    if names != sorted(set(names)):
        raise MalformedError("the sums are not sorted, or one stands twice", code="payment_malformed")
    return told.cycle, sums


def netting_service(plan: Plan) -> Service:
    """Build the service of settlement cycles.

    Args:
        plan: who takes part in payments.

    Raises:
        ValueError: the plan contradicts itself.
    """
    rule = CycleRules(Directory(plan))
    table = {
        (NEW, "state"): Transition(rule.state, (STATED,)),
        (TOLD, "state"): Transition(rule.state, (COMPARING,)),
        (NEW, SUMS): Transition(rule.take_told, (TOLD,)),
        (STATED, SUMS): Transition(rule.take_told, (COMPARING,)),
        (COMPARING, "compare"): Transition(rule.compare, (COMPARING, AGREED, DIFFERS)),
        (DIFFERS, "compare"): Transition(rule.compare, (AGREED, DIFFERS)),
        (NEW, restored(SUMS)): Transition(rule.restore, (STATED,)),
        (TOLD, restored(SUMS)): Transition(rule.restore, (COMPARING,)),
    }
    for state in (STATED, COMPARING, AGREED, DIFFERS):
        table[state, REFUSED_KIND] = Transition(rule.take_refused, (state,))
    return Service(name=NAME, data_type=Cycle, table=table, shared=_shared)


def _shared(_member: str, case: Case[Cycle] | None, _kind: str, body: Any) -> str | None:
    """The member with whom a cycle is closed."""
    if case is not None:
        return case.data.peer
    return body.peer if isinstance(body, StateCycle) else None


class CycleRules:
    """See the module."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def state(self, case: Case[Cycle] | None, command: Command, context: Context) -> Outcome:
        """The cycle is over and this gateway has decided all that is its to decide: tell the other."""
        asked: StateCycle = command.body
        problem = _problem(command, context)
        if problem is not None:
            return problem
        if context.case_id != cycle_id(context.member, asked.peer, asked.cycle):
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "the case is of another cycle", "/cycle")
        if asked.peer not in self._directory.neighbours(context.member):
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "there is no corridor to that member", "/peer")
        if not has_ended(self._directory, asked.cycle, context.now):
            return Refusal.of(PaymentRefusal.TIME_WRONG, "the cycle is not over", "/cycle")
        body = write_cycle(asked.cycle, asked.sums)
        draft = Draft(SUMS, _gateway(context.member), _gateway(asked.peer), body, JSON_MEDIA_TYPE)
        return replace(self._stated(case, asked.peer, asked.cycle, asked.sums, context), messages=(draft,))

    def restore(self, case: Case[Cycle] | None, message: Received, context: Context) -> Outcome:
        """Rebuild what this gateway told from its own message, given back after a loss."""
        try:
            number, sums = read_cycle(message.body)
        except MalformedError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        return self._stated(case, member_of(message.destination), number, sums, context)

    def _stated(self, case: Case[Cycle] | None, peer: str, number: int, sums: Sums, context: Context) -> Decision[Any]:
        kept = Cycle(number=number, peer=peer) if case is None else case.data
        return self._told(replace(kept, own=sums), STATED, context)

    def _told(self, cycle: Cycle, one: str, context: Context) -> Decision[Any]:
        """A cycle after one of the two has told: in the state that says so, or when both have, to be compared."""
        if cycle.own is None or cycle.theirs is None:
            return Decision(one, cycle, parties=self._parties(context))
        return Decision(COMPARING, replace(cycle, both_at=context.now), parties=self._parties(context))

    def take_told(self, case: Case[Cycle] | None, message: Received, context: Context) -> Outcome:
        """The other gateway tells what it decided."""
        peer = member_of(message.origin)
        if message.origin != _gateway(peer) or peer not in self._directory.neighbours(context.member):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the other gateway tells what it decided")
        try:
            number, sums = read_cycle(message.body)
        except MalformedError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        if context.case_id != cycle_id(context.member, peer, number):
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "the case is of another cycle", "/cycle")
        pair = {context.member, peer}
        if any({one.debtor, one.creditor} != pair for one in sums):
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "it tells of another member", "/sums")
        if not {one.currency for one in sums} <= {self._directory.currencies[member].code for member in pair}:
            return Refusal.of(PaymentRefusal.CURRENCY_WRONG, "it tells of another currency", "/sums")
        # By its own clock, in the order of its own log: what it decides later it dates later.
        if not has_ended(self._directory, number, message.created_at):
            return Refusal.of(PaymentRefusal.TIME_WRONG, "the cycle was not over when it was told", "/cycle")
        if case is None and self._is_old(peer, number, context):
            return Refusal.of(PaymentRefusal.TOO_LATE, f"it began more than {TOLD_WITHIN.days} days ago", "/cycle")
        kept = Cycle(number=number, peer=peer) if case is None else case.data
        return self._told(replace(kept, theirs=sums, theirs_at=message.created_at), TOLD, context)

    def _is_old(self, peer: str, number: int, context: Context) -> bool:
        """Whether a cycle began too long ago to be heard of, and does not follow one that was."""
        if context.now - start_of(self._directory, number) <= TOLD_WITHIN:
            return False
        return context.look(cycle_id(context.member, peer, number - 1)) is None

    def compare(self, case: Case[Cycle], command: Command, context: Context) -> Outcome:
        """Hold what the other told against what its messages came to."""
        asked: CompareCycle = command.body
        problem = _problem(command, context)
        if problem is not None:
            return problem
        cycle = replace(case.data, seen=asked.sums)
        state = AGREED if asked.sums == cycle.theirs else DIFFERS if _stands(case, context) else COMPARING
        told = {"member": cycle.peer, "cycle": cycle.number}
        operators = self._directory.operators(context.member) if state != case.state else ()
        return Decision(state, cycle, notices=tuple(Notice(one, f"netting.{state}", told) for one in operators))

    def take_refused(self, case: Case[Cycle], message: Received, context: Context) -> Outcome:
        """The other gateway cannot act on what was told; people have to look at it."""
        if message.origin != _gateway(case.data.peer):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the other gateway refuses")
        refused = refusal_told(message)
        if isinstance(refused, Refusal):
            return refused
        told = {"member": case.data.peer, "cycle": case.data.number, "code": refused.code}
        operators = self._directory.operators(context.member)
        notices = tuple(Notice(one, REFUSED_KIND, told) for one in operators)
        return Decision(case.state, case.data, notices=notices)

    def _parties(self, context: Context) -> tuple[str, ...]:
        return (_gateway(context.member), *self._directory.operators(context.member))


def _gateway(member: str) -> str:
    return f"{member}/{GATEWAY_PARTY}"


def _stands(case: Case[Cycle], context: Context) -> bool:
    """Whether what the other decided must be here by now, so that a difference will not go by itself."""
    cycle = case.data
    if case.state == DIFFERS or cycle.theirs_at is None or cycle.both_at is None:
        return True
    heard = context.heard_until(cycle.peer)
    return (heard is not None and heard >= cycle.theirs_at) or context.now > cycle.both_at + ARRIVES_WITHIN


def _problem(command: Command, context: Context) -> Refusal | None:
    if command.party != _gateway(context.member):
        return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the gateway says what it counted")
    return None
