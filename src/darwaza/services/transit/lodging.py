"""Before the acceptance: the holder lodges, amends and withdraws (E9 to E14).

The holder speaks to its own gateway; where that is not the member of departure, the declaration is forwarded there. The
member of departure checks it again with its own data, because it is the one that must answer for accepting it.
"""

import msgspec

from darwaza.kernel.machine import Command, Context, Decision, Draft, Notice, Received, Refusal
from darwaza.services.transit.check import Reference, check_declaration
from darwaza.services.transit.codes import ROLE_HOLDER
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.guard import fault, fault_told, need_role, origin_member, read, read_refused
from darwaza.services.transit.message import Withdraw
from darwaza.services.transit.movement import Movement, MovementCase
from darwaza.services.transit.outcome import chain_notice, customs_of, draft, parties, stay
from darwaza.standards.etir.codes import Fault
from darwaza.standards.etir.external import E7, E8, E9, E10, E11, E12, E13, E14
from darwaza.standards.etir.value import Body, Declaration
from darwaza.standards.etir.wire import MEDIA_TYPE, encode

HEARD = "heard"
LODGED = "lodged"
DECLINED = "declined"
WITHDRAWN = "withdrawn"


class Lodging:
    """Rules of the time before the acceptance."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    def declare(self, _: object, command: Command, context: Context) -> Decision[Movement] | Refusal:
        """The holder lodges a declaration; it goes to the member of departure."""
        declaration: Declaration = command.body
        wrong = self._holder(command, declaration, context) or (
            Refusal.of(No.VERSION_WRONG, "a new declaration has version 1", "/version")
            if declaration.version != 1
            else check_declaration(declaration, self._reference, context.now)
        )
        if wrong is not None:
            return wrong
        return self._lodge(Movement(), declaration, context, E9(declaration))

    def amend(self, case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
        """The holder lodges the declaration anew, one version up, before it is accepted."""
        declaration: Declaration = command.body
        wrong = (
            self._holder(command, declaration, context)
            or _successor(case.data, declaration)
            or check_declaration(declaration, self._reference, context.now)
        )
        if wrong is not None:
            return wrong
        return self._lodge(case.data, declaration, context, E11(declaration))

    def request(self, case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
        """The holder asks for an amendment of an accepted declaration; customs decides."""
        declaration: Declaration = command.body
        wrong = self._holder(command, declaration, context) or _successor(case.data, declaration)
        if wrong is not None:
            return wrong
        data = msgspec.structs.replace(case.data, requested=declaration)
        return stay(case, data, messages=_to_departure(E11(declaration), declaration, context))

    def withdraw(self, case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
        """The holder takes back a declaration that was not accepted."""
        declaration = case.data.known()
        wrong = need_role(command, ROLE_HOLDER) or _not_theirs(command, declaration)
        if wrong is not None:
            return wrong
        reason: Withdraw = command.body
        data = msgspec.structs.replace(case.data, closed_reason=reason.reason)
        told = _to_departure(E13(context.case_id, reason.reason), declaration, context)
        return Decision(WITHDRAWN, data, messages=told)

    def hear_e9(self, _: object, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """Advance data arrives at the member of departure."""
        body = read(received, context, E9)
        if isinstance(body, Refusal):
            return body
        wrong = _forwarded(body.declaration, received, context)
        return wrong or self._take(Movement(), body.declaration, context)

    def hear_e11(self, case: MovementCase, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """An amendment arrives before the acceptance."""
        body = read(received, context, E11)
        if isinstance(body, Refusal):
            return body
        wrong = _forwarded(body.declaration, received, context) or _successor(case.data, body.declaration)
        return wrong or self._take(case.data, body.declaration, context, amended=True)

    def hear_request(self, case: MovementCase, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """An amendment arrives after the acceptance: it waits for customs."""
        body = read(received, context, E11)
        if isinstance(body, Refusal):
            return body
        wrong = _forwarded(body.declaration, received, context) or _successor(case.data, body.declaration)
        if wrong is not None:
            return wrong
        data = msgspec.structs.replace(case.data, requested=body.declaration)
        asked = Notice(f"{context.member}/customs", "movement.amendment-requested", {"movement": context.case_id})
        told = draft(context.member, E12(context.case_id), origin_member(received))
        return stay(case, data, messages=(told,), notices=(asked,))

    def hear_e13(self, case: MovementCase, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """The holder withdraws."""
        body = read(received, context, E13)
        if isinstance(body, Refusal):
            return body
        if origin_member(received) != case.data.known().holder_party[:2]:
            return Refusal.of(No.NOT_AUTHORITY, "only the holder's own gateway withdraws")
        data = msgspec.structs.replace(case.data, closed_reason=body.reason)
        return Decision(
            WITHDRAWN, data, messages=(draft(context.member, E14(context.case_id), origin_member(received)),)
        )

    def hear_answer(self, case: MovementCase, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """E10 or E12: the member of departure took the data, or says what is wrong with them."""
        body: E10 | E12 | Refusal
        body = read(received, context, E10) if received.kind.endswith("e10") else read(received, context, E12)
        if isinstance(body, Refusal):
            return body
        data = msgspec.structs.replace(case.data, faults=body.faults)
        state = DECLINED if body.faults and case.state == LODGED else case.state
        return Decision(state, data, notices=_declined(data, body.faults, context))

    def hear_refused(self, case: MovementCase, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """Another gateway could not act on what was sent there: what waits for its word waits no longer."""
        body = read_refused(received)
        if isinstance(body, Refusal):
            return body
        why = fault_told(received, body)
        asked = case.data.pending is not None and body.kind == "transit.i1"
        lodged = case.state == LODGED and body.kind in {"transit.e9", "transit.e11"}
        state = DECLINED if lodged or (asked and case.data.recorded is None) else case.state
        pending = None if asked else case.data.pending
        data = msgspec.structs.replace(case.data, pending=pending, faults=(why,))
        detail = {"kind": body.kind, "code": body.code, "detail": body.detail}
        notice = Notice(customs_of(context.member), "movement.refused", detail)
        told = stay(case, data, notices=(notice, *_declined(data, (why,), context)))
        return msgspec.structs.replace(told, state=state)

    def hear_nothing_new(
        self, case: MovementCase, received: Received, context: Context
    ) -> Decision[Movement] | Refusal:
        """An answer that changes nothing here (E14, and answers that come after the end)."""
        del received, context
        return stay(case, case.data)

    def hear_e7(self, case: MovementCase | None, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """The guarantor tells the chain, at the gateway that serves it; answered with E8."""
        body = read(received, context, E7)
        if isinstance(body, Refusal):
            return body
        chain, customs = received.destination, received.origin
        known = None if case is None else case.data.terms
        if customs != customs_of(origin_member(received)) or (known is not None and known.guarantor != customs[:2]):
            return Refusal.of(No.NOT_AUTHORITY, "only the guarantor's customs speaks of its guarantees")
        if not context.party_known(chain) or (known is not None and known.chain != chain):
            return Refusal.of(No.NOT_YOURS, f"{chain} is not the chain", "/reference")
        answer = Draft("transit.e8", chain, customs, encode(E8(body.reference, context.case_id)), MEDIA_TYPE)
        told = chain_notice(chain, body)
        if case is None:
            return Decision(HEARD, Movement(), messages=(answer,), notices=(told,), parties=(chain,))
        return stay(case, case.data, messages=(answer,), notices=(told,), parties=(chain,))

    def restore(self, case: MovementCase | None, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """An own E9 or E11 comes back after this gateway lost its disk: the declaration stands as it did."""
        body: E9 | E11 | Refusal
        body = read(received, context, E9) if received.kind.endswith("e9") else read(received, context, E11)
        if isinstance(body, Refusal):
            return body
        data = Movement() if case is None else case.data
        return self._lodge(data, body.declaration, context, None)

    def restore_withdrawal(
        self, case: MovementCase, received: Received, context: Context
    ) -> Decision[Movement] | Refusal:
        """An own E13 comes back."""
        body = read(received, context, E13)
        if isinstance(body, Refusal):
            return body
        return Decision(WITHDRAWN, msgspec.structs.replace(case.data, closed_reason=body.reason))

    def _holder(self, command: Command, declaration: Declaration, context: Context) -> Refusal | None:
        """Refuse a party that is not the holder of this declaration, or a declaration of another case."""
        wrong = need_role(command, ROLE_HOLDER) or _not_theirs(command, declaration)
        if wrong is not None:
            return wrong
        if declaration.movement != context.case_id:
            return Refusal.of(No.OTHER_CASE, "the declaration names another movement", "/movement")
        departure = declaration.legs[0].member
        if departure != context.member and departure not in context.reachable:
            return Refusal.of(No.NOBODY_TO_FORWARD_TO, f"{departure} cannot be reached", "/legs/0/member")
        return None

    def _lodge(
        self, data: Movement, declaration: Declaration, context: Context, body: E9 | E11 | None
    ) -> Decision[Movement]:
        """Keep a declaration and forward it unless the member of departure is this one."""
        kept = msgspec.structs.replace(data, asked=None, lodged=declaration, faults=())
        return Decision(
            LODGED,
            kept,
            messages=() if body is None else _to_departure(body, declaration, context),
            parties=parties(kept, context.member),
            ucr=declaration.ucr,
        )

    def _take(
        self, data: Movement, declaration: Declaration, context: Context, *, amended: bool = False
    ) -> Decision[Movement]:
        """Keep a forwarded declaration, or keep why it is wrong; answer either way."""
        wrong = check_declaration(declaration, self._reference, context.now)
        faults = () if wrong is None else (fault(wrong),)
        kept = msgspec.structs.replace(data, asked=None, lodged=declaration, faults=faults)
        answer: Body = E12(context.case_id, faults) if amended else E10(context.case_id, faults)
        return Decision(
            DECLINED if faults else LODGED,
            kept,
            messages=(draft(context.member, answer, declaration.holder_party[:2]),),
            parties=parties(kept, context.member),
            ucr=declaration.ucr,
        )


def _not_theirs(command: Command, declaration: Declaration) -> Refusal | None:
    """Refuse a party that names another one as the holder."""
    if command.party != declaration.holder_party:
        return Refusal.of(No.NOT_YOURS, f"{command.party} is not the holder", "/holder_party")
    return None


def _successor(data: Movement, declaration: Declaration) -> Refusal | None:
    """Refuse an edition that does not follow the one in force."""
    present = data.known()
    if declaration.version != present.version + 1:
        text = f"the edition after {present.version} is {present.version + 1}"
        return Refusal.of(No.VERSION_WRONG, text, "/version")
    if (declaration.ucr, declaration.holder_party, declaration.legs[0].member) != (
        present.ucr,
        present.holder_party,
        present.legs[0].member,
    ):
        return Refusal.of(No.OTHER_CASE, "reference, holder and member of departure never change")
    return None


def _forwarded(declaration: Declaration, received: Received, context: Context) -> Refusal | None:
    """Refuse a declaration that does not come from its holder's gateway, or does not begin here."""
    if origin_member(received) != declaration.holder_party[:2]:
        return Refusal.of(No.NOT_AUTHORITY, "only the holder's own gateway forwards its declaration")
    if declaration.movement != context.case_id:
        return Refusal.of(No.OTHER_CASE, "the declaration names another movement", "/declaration/movement")
    if declaration.legs[0].member != context.member:
        return Refusal.of(No.NOT_AUTHORITY, f"the movement does not begin in {context.member}", "/declaration/legs/0")
    return None


def _to_departure(body: Body, declaration: Declaration, context: Context) -> tuple[Draft, ...]:
    """Forward to the member of departure, unless it is this one."""
    departure = declaration.legs[0].member
    return () if departure == context.member else (draft(context.member, body, departure),)


def _declined(data: Movement, faults: tuple[Fault, ...], context: Context) -> tuple[Notice, ...]:
    """Tell the holder what is wrong."""
    if not faults or data.declaration is None or data.known().holder_party[:2] != context.member:
        return ()
    return (Notice(data.known().holder_party, "movement.declined", msgspec.to_builtins(faults)),)
