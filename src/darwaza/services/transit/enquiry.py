"""Questions between members: holder (I3/I4), guarantee (I5/I6, E5/E6), offices (I19/I20).

A question is a case of its own, opened by whoever asks, and closed by the answer. Offices are answered from the
register at once, holders from the member's list. What stands of a guarantee lies in other cases, which a rule cannot
read; so the question stays open for a moment and the gateway's clerk, which looks it up, enters the answer. A member
that keeps no list of holders is told, and its customs answers by hand.
"""

from collections.abc import Mapping

import msgspec

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
from darwaza.services.transit.check import Reference
from darwaza.services.transit.codes import ROLE_CHAIN, ROLE_CUSTOMS
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.guard import read
from darwaza.standards.etir.codes import ErrorCode, Fault
from darwaza.standards.etir.external import E5, E6
from darwaza.standards.etir.internal import I3, I4, I5, I6, I19, I20
from darwaza.standards.etir.value import Body, Member
from darwaza.standards.etir.wire import MEDIA_TYPE, encode

ASKED, OPEN, ANSWERED = "asked", "open", "answered"
ASKED_NOTICE = "enquiry.asked"

Question = I3 | I5 | I19 | E5
Reply = I4 | I6 | I20 | E6

_REPLIES: dict[type[Body], type[Body]] = {I3: I4, I5: I6, I19: I20, E5: E6}


class Ask(Body, frozen=True):
    """Command ``ask``.

    Attributes:
        member: that is asked.
        question: I3, I5, I19 or E5.
    """

    member: Member
    question: Question


class Enquiry(msgspec.Struct, frozen=True):
    """Data of an enquiry's case.

    Attributes:
        peer: full address of the other side.
        question: as asked.
        reply: as answered; None while it is open.
    """

    peer: str
    question: Question
    reply: Reply | None = None


EnquiryCase = Case[Enquiry]


def enquiry_service(reference: Reference) -> Service:
    """Build the service of enquiries."""
    rules = _Rules(reference)
    table: Mapping[tuple[str, str], Transition] = {
        (NEW, "ask"): Transition(rules.ask, (ASKED,)),
        (NEW, "enquiry.i3"): Transition(rules.hear_holder, (OPEN, ANSWERED)),
        (NEW, "enquiry.i5"): Transition(rules.hear, (OPEN,)),
        (NEW, "enquiry.e5"): Transition(rules.hear, (OPEN,)),
        (NEW, "enquiry.i19"): Transition(rules.hear_offices, (ANSWERED,)),
        (OPEN, "answer"): Transition(rules.answer, (ANSWERED,)),
        (ASKED, "enquiry.i4"): Transition(rules.hear_reply, (ANSWERED,)),
        (ASKED, "enquiry.i6"): Transition(rules.hear_reply, (ANSWERED,)),
        (ASKED, "enquiry.e6"): Transition(rules.hear_reply, (ANSWERED,)),
        (ASKED, "enquiry.i20"): Transition(rules.hear_reply, (ANSWERED,)),
    }
    table = {**table, (ASKED, "enquiry.refused"): Transition(rules.hear_refused, (ANSWERED,))}
    # Given back after a lost disk: an own question waits for its answer again, an own answer closes the question.
    lost = {(NEW, restored(_KINDS[kind])): Transition(rules.restore_question, (ASKED,)) for kind in _REPLIES}
    lost |= {
        (OPEN, restored(_KINDS[kind])): Transition(rules.restore_answer, (ANSWERED,)) for kind in _REPLIES.values()
    }
    return Service("enquiry", Enquiry, {**table, **lost})


_KINDS: dict[type[Body], str] = {kind: "enquiry." + kind.__name__.lower() for pair in _REPLIES.items() for kind in pair}
_TYPES = {name: kind for kind, name in _KINDS.items()}


class _Rules:
    """Rules of enquiries."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    def ask(self, _: object, command: Command, context: Context) -> Decision[Enquiry] | Refusal:
        """An officer or a chain asks another member."""
        body: Ask = command.body
        role = ROLE_CHAIN if isinstance(body.question, E5) else ROLE_CUSTOMS
        if role not in command.roles:
            return Refusal.of(No.ROLE_MISSING, f"asking {type(body.question).__name__} needs the role {role!r}")
        if body.member not in context.reachable:
            return Refusal.of(No.NOBODY_TO_FORWARD_TO, f"{body.member} cannot be reached", "/member")
        peer = f"{body.member}/customs"
        told = Draft(_KINDS[type(body.question)], command.party, peer, encode(body.question), MEDIA_TYPE)
        return Decision(ASKED, Enquiry(peer, body.question), messages=(told,), parties=(command.party,))

    def hear(self, _: object, received: Received, context: Context) -> Decision[Enquiry] | Refusal:
        """A question arrives that a look-up must answer."""
        question = read(received, context, _TYPES[received.kind])
        if isinstance(question, Refusal):
            return question
        customs = f"{context.member}/customs"
        asked = Notice(customs, ASKED_NOTICE, {"case": context.case_id, "kind": received.kind})
        data = Enquiry(received.origin, question)  # type: ignore[arg-type]
        return Decision(OPEN, data, notices=(asked,), parties=(customs,))

    def hear_holder(self, _: object, received: Received, context: Context) -> Decision[Enquiry] | Refusal:
        """A holder is asked for: the member's list answers (eTIR 322 when it is not there), if it keeps one."""
        question = read(received, context, I3)
        if isinstance(question, Refusal):
            return question
        allowed = self._reference.authorised
        if allowed.holders is None:
            return self.hear(None, received, context)
        holder = allowed.holder(question.holder)
        if holder is None:
            missing = Fault.of(ErrorCode.HOLDER_UNKNOWN, f"no holder {question.holder} is listed", "/holder")
            reply = I4(question.holder, faults=(missing,))
        else:
            reply = I4(question.holder, holder.name, holder.may(context.now))
        told = Draft("enquiry.i4", received.destination, received.origin, encode(reply), MEDIA_TYPE)
        seen = (received.destination, received.origin)
        return Decision(ANSWERED, Enquiry(received.origin, question, reply), messages=(told,), parties=seen)

    def hear_offices(self, _: object, received: Received, context: Context) -> Decision[Enquiry] | Refusal:
        """A list of offices arrives: the register answers (eTIR 304 for each unknown one)."""
        question = read(received, context, I19)
        if isinstance(question, Refusal):
            return question
        unknown = self._reference.register.unknown(question.offices)
        faults = tuple(
            Fault.of(ErrorCode.OFFICE_UNKNOWN, f"no office {office}", f"/offices/{question.offices.index(office)}")
            for office in unknown
        )
        reply = I20(unknown, faults)
        told = Draft("enquiry.i20", received.destination, received.origin, encode(reply), MEDIA_TYPE)
        seen = (received.destination, received.origin)
        return Decision(ANSWERED, Enquiry(received.origin, question, reply), messages=(told,), parties=seen)

    def answer(self, case: EnquiryCase, command: Command, context: Context) -> Decision[Enquiry] | Refusal:
        """The looked-up answer goes back."""
        if ROLE_CUSTOMS not in command.roles:
            return Refusal.of(No.ROLE_MISSING, "answering needs the role of customs")
        reply: Reply = command.body
        if type(reply) is not _REPLIES[type(case.data.question)]:
            return Refusal.of(No.BODY_WRONG, "this answers another kind of question")
        told = Draft(_KINDS[type(reply)], f"{context.member}/customs", case.data.peer, encode(reply), MEDIA_TYPE)
        data = msgspec.structs.replace(case.data, reply=reply)
        return Decision(ANSWERED, data, messages=(told,))

    def hear_reply(self, case: EnquiryCase, received: Received, context: Context) -> Decision[Enquiry] | Refusal:
        """The answer arrives."""
        reply = read(received, context, _TYPES[received.kind])
        if isinstance(reply, Refusal):
            return reply
        if received.origin != case.data.peer or type(reply) is not _REPLIES[type(case.data.question)]:
            return Refusal.of(No.NOT_AUTHORITY, "this is not the answer to the question that was asked")
        return Decision(ANSWERED, msgspec.structs.replace(case.data, reply=reply))

    def hear_refused(self, case: EnquiryCase, received: Received, context: Context) -> Decision[Enquiry]:
        """The member that was asked could not take the question: it is closed without an answer."""
        notice = Notice(f"{context.member}/customs", "enquiry.refused", {"by": received.origin})
        return Decision(ANSWERED, case.data, notices=(notice,))

    def restore_question(self, _: object, received: Received, context: Context) -> Decision[Enquiry] | Refusal:
        """An own question comes back after a lost disk; its answer follows from the member that was asked."""
        question = read(received, context, _TYPES[received.kind.removeprefix("restored ")])
        if isinstance(question, Refusal):
            return question
        data = Enquiry(received.destination, question)  # type: ignore[arg-type]
        return Decision(ASKED, data, parties=(received.origin,))

    def restore_answer(self, case: EnquiryCase, received: Received, context: Context) -> Decision[Enquiry] | Refusal:
        """An own looked-up answer comes back, after the question it answers."""
        reply = read(received, context, _TYPES[received.kind.removeprefix("restored ")])
        if isinstance(reply, Refusal):
            return reply
        if type(reply) is not _REPLIES[type(case.data.question)]:
            return Refusal.of(No.BODY_WRONG, "this answers another kind of question")
        return Decision(ANSWERED, msgspec.structs.replace(case.data, reply=reply))
