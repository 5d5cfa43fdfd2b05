"""Guarantees as their chains register and cancel them (E1 to E4), and what stands of them.

One case is one guarantee, at the gateway of its guarantor. What it covers at any moment is the ledger's
(``booking``); the case holds its terms and whether it may still be accepted. Cancelling moves the cover that is not
reserved back to the chain at once and closes the rest, so nothing new can be accepted; what is reserved stays until its
movements end, and follows when the chain asks again.

A chain that another member's gateway serves has the case there too: its commands travel as E1 and E3, and the case
becomes what E2 and E4 say. The guarantor stays the authority.
"""

from collections.abc import Iterable
from uuid import NAMESPACE_URL, uuid5

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
from darwaza.ledger.order import Move, Order
from darwaza.services.transit import booking
from darwaza.services.transit.check import Reference, check_terms
from darwaza.services.transit.codes import ROLE_CHAIN
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.guard import fault, fault_told, need_role, read, read_refused
from darwaza.services.transit.leg import PLANNED, REFUSED, progress
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.outcome import liable
from darwaza.standards.etir.codes import Fault
from darwaza.standards.etir.external import E1, E2, E3, E4
from darwaza.standards.etir.value import Address, Body, GuaranteeTerms
from darwaza.standards.etir.wire import MEDIA_TYPE, encode

ASKING = "asking"
DECLINED = "declined"
REGISTERED = "registered"
CANCELLING = "cancelling"
CANCELLED = "cancelled"
_CANCELLING = ("cancel", "guarantee.e3")
_STANDING = (REGISTERED, CANCELLING, CANCELLED)


class Register(Body, frozen=True):
    """Command ``register``.

    Attributes:
        terms: of the guarantee.
        holder_party: address of the holder, who will own the cover accounts.
    """

    terms: GuaranteeTerms
    holder_party: Address


class Guarantee(msgspec.Struct, frozen=True):
    """Data of a guarantee's case.

    Attributes:
        terms: as registered.
        returns: how often cover was moved back, so that transfer ids never repeat.
        reason: why it was cancelled.
        faults: why the guarantor said no the last time.
    """

    terms: GuaranteeTerms
    returns: int = 0
    reason: str = ""
    faults: tuple[Fault, ...] = ()


GuaranteeCase = Case[Guarantee]


def guarantee_case(guarantor: str, reference: str) -> str:
    """Return the case id of a guarantee at its guarantor (RFC 9562 name-based UUID)."""
    return str(uuid5(NAMESPACE_URL, f"darwaza:guarantee:{guarantor}:{reference}"))


def guarantee_service(reference: Reference) -> Service:
    """Build the service of guarantees.

    Args:
        reference: the data of this gateway.
    """
    rules = _Rules(reference)
    table: dict[tuple[str, str], Transition] = {
        (NEW, "register"): Transition(rules.register, (REGISTERED, ASKING)),
        (NEW, "guarantee.e1"): Transition(rules.hear_e1, (REGISTERED, DECLINED)),
        (DECLINED, "register"): Transition(rules.register, (REGISTERED, ASKING)),
        (DECLINED, "guarantee.e1"): Transition(rules.hear_e1, (REGISTERED, DECLINED)),
        (ASKING, "guarantee.e2"): Transition(rules.hear_e2, (REGISTERED, DECLINED, ASKING)),
        (ASKING, "guarantee.refused"): Transition(rules.hear_refused, (DECLINED,)),
        (REGISTERED, "cancel"): Transition(rules.cancel, (REGISTERED, CANCELLING, CANCELLED)),
        (REGISTERED, "guarantee.e3"): Transition(rules.hear_e3, (REGISTERED, CANCELLING, CANCELLED)),
        (CANCELLING, "cancel"): Transition(rules.cancel, (CANCELLING, CANCELLED)),
        (CANCELLING, "guarantee.e3"): Transition(rules.hear_e3, (CANCELLING, CANCELLED)),
        (CANCELLED, "cancel"): Transition(rules.cancel, (CANCELLED,)),
        (CANCELLED, "guarantee.e3"): Transition(rules.hear_e3, (CANCELLED,)),
        (ASKING, "cancel"): Transition(rules.too_early, ()),
    }
    table |= {(state, "guarantee.e1"): Transition(rules.hear_e1_again, (state,)) for state in _STANDING}
    # Refusals with a code of their own: eTIR 204 and 301.
    table |= {(state, "register"): Transition(rules.taken, ()) for state in (ASKING, *_STANDING)}
    table |= {(state, kind): Transition(rules.no_such, ()) for state in (NEW, DECLINED) for kind in _CANCELLING}
    table |= {(state, "guarantee.e4"): Transition(rules.hear_e4, _STANDING) for state in _STANDING}
    table |= {
        (state, "guarantee.refused"): Transition(rules.hear_refused, (state,)) for state in (DECLINED, *_STANDING)
    }
    table |= {
        (state, restored("guarantee." + kind)): Transition(rules.hear_nothing_new, (state,))
        for state in (ASKING, DECLINED, *_STANDING)
        for kind in ("e1", "e2", "e3", "e4", "refused")
    }
    table |= {
        (state, restored("guarantee.e1")): Transition(rules.restore_e1, (ASKING,)) for state in (NEW, ASKING, DECLINED)
    }
    return Service("guarantee", Guarantee, table)


class _Rules:
    """Rules of guarantees."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    def register(self, _: object, command: Command, context: Context) -> Decision[Guarantee] | Refusal:
        """A chain of this gateway registers a guarantee."""
        body: Register = command.body
        missing = need_role(command, ROLE_CHAIN)
        if missing is not None:
            return missing
        if command.party != body.terms.chain:
            return Refusal.of(No.NOT_YOURS, f"{command.party} is not the chain", "/terms/chain")
        if body.terms.guarantor != context.member:
            return _ask(command, E1(body.terms), Guarantee(body.terms), ASKING, context)
        return self._register(body.terms, body.holder_party, context)

    def hear_e1(self, _: object, received: Received, context: Context) -> Decision[Guarantee] | Refusal:
        """A chain of another gateway registers a guarantee here."""
        body = read(received, context, E1)
        if isinstance(body, Refusal):
            return body
        if received.origin != body.terms.chain:
            return Refusal.of(No.NOT_YOURS, f"{received.origin} is not the chain", "/terms/chain")
        if context.case_id != guarantee_case(body.terms.guarantor, body.terms.reference):
            return Refusal.of(No.OTHER_CASE, "the case is another guarantee's", "/terms/reference")
        decision = self._foreign(body.terms, context) or self._register(body.terms, body.terms.chain, context)
        if isinstance(decision, Refusal):
            wrong = (fault(decision),)
            answer = E2(body.terms.reference, booking.terms_digest(body.terms), wrong)
            decision = Decision(DECLINED, Guarantee(body.terms, faults=wrong))
        else:
            answer = E2(body.terms.reference, booking.terms_digest(body.terms))
        told, parties = _answer("guarantee.e2", received, answer), (received.destination, received.origin)
        return msgspec.structs.replace(decision, messages=(told,), parties=parties)

    def hear_e1_again(self, case: GuaranteeCase, received: Received, context: Context) -> Decision[Guarantee] | Refusal:
        """A reference that is taken is registered again: eTIR 204, or the same yes where it is the same guarantee."""
        body = read(received, context, E1)
        if isinstance(body, Refusal):
            return body
        if received.origin != body.terms.chain:
            return Refusal.of(No.NOT_YOURS, f"{received.origin} is not the chain", "/terms/chain")
        taken = Refusal.of(No.GUARANTEE_ALREADY_REGISTERED, "the reference is taken", "/terms/reference")
        answer = E2(body.terms.reference, booking.terms_digest(body.terms), (fault(taken),))
        return Decision(case.state, case.data, messages=(_answer("guarantee.e2", received, answer),))

    def hear_e2(self, case: GuaranteeCase, received: Received, context: Context) -> Decision[Guarantee] | Refusal:
        """The guarantor's answer to a registration arrives at the chain's gateway."""
        body = read(received, context, E2)
        if isinstance(body, Refusal):
            return body
        wrong = _not_guarantor(case, received)
        if wrong is not None:
            return wrong
        if body.terms_digest != booking.terms_digest(case.data.terms):
            if body.faults:  # to an earlier try, heard again after a lost disk
                return Decision(case.state, case.data)
            return Refusal.of(No.GUARANTEE_NOT_FOUND, "the guarantor registered other terms", "/terms_digest")
        return _told(case, DECLINED if body.faults else REGISTERED, body.faults)

    def hear_e4(self, case: GuaranteeCase, received: Received, context: Context) -> Decision[Guarantee] | Refusal:
        """The guarantor's answer to a cancellation arrives at the chain's gateway."""
        body = read(received, context, E4)
        if isinstance(body, Refusal):
            return body
        wrong = _not_guarantor(case, received)
        if wrong is not None:
            return wrong
        return _told(case, body.status if body.status in _STANDING else case.state, body.faults)

    def hear_refused(self, case: GuaranteeCase, received: Received, context: Context) -> Decision[Guarantee] | Refusal:
        """The other side could not act on a message: at the chain its reason counts as the guarantor's answer."""
        here = case.data.terms.guarantor == context.member
        if received.origin != (case.data.terms.chain if here else f"{case.data.terms.guarantor}/customs"):
            return Refusal.of(No.NOT_AUTHORITY, "only the other side refuses")
        body = read_refused(received)
        if isinstance(body, Refusal):
            return body
        if here:
            told = Notice(f"{context.member}/customs", "guarantee.refused", {"reference": case.data.terms.reference})
            return Decision(case.state, case.data, notices=(told,))
        return _told(case, DECLINED if case.state == ASKING else case.state, (fault_told(received, body),))

    def taken(self, case: GuaranteeCase, command: Command, context: Context) -> Refusal:
        """A chain registers what stands, or waits for its guarantor's word (eTIR 204)."""
        del context
        text = f"the guarantee is {case.state}"
        return need_role(command, ROLE_CHAIN) or Refusal.of(No.GUARANTEE_ALREADY_REGISTERED, text, "/terms/reference")

    def no_such(self, _: object, given: Command | Received, context: Context) -> Refusal:
        """What is cancelled was never registered here (eTIR 301)."""
        missing = need_role(given, ROLE_CHAIN) if isinstance(given, Command) else None
        text = f"{context.member} has registered no such guarantee"
        return missing or Refusal.of(No.GUARANTEE_NOT_FOUND, text, "/reference")

    def too_early(self, case: GuaranteeCase, command: Command, context: Context) -> Refusal:
        """What is cancelled waits for its guarantor's word (eTIR 203)."""
        del context
        text = f"{case.data.terms.guarantor} has not yet answered the registration"
        return need_role(command, ROLE_CHAIN) or Refusal.of(No.GUARANTEE_NOT_CANCELLABLE, text, "/reference")

    def restore_e1(self, _: object, received: Received, context: Context) -> Decision[Guarantee] | Refusal:
        """An own E1 comes back after a lost disk, the latest try last; its E2 follows from the guarantor."""
        body = read(received, context, E1)
        if isinstance(body, Refusal):
            return body
        return Decision(ASKING, Guarantee(body.terms), parties=(body.terms.chain,))

    def hear_nothing_new(self, case: GuaranteeCase, received: Received, context: Context) -> Decision[Guarantee]:
        """An own message that the case knows comes back."""
        del received, context
        return Decision(case.state, case.data)

    def cancel(self, case: GuaranteeCase, command: Command, context: Context) -> Decision[Guarantee] | Refusal:
        """The chain takes a guarantee back, or asks again for what was still reserved."""
        body: E3 = command.body
        missing = need_role(command, ROLE_CHAIN)
        if missing is not None:
            return missing
        if command.party != case.data.terms.chain:
            return Refusal.of(No.NOT_YOURS, f"{command.party} is not the chain")
        if case.data.terms.guarantor != context.member and case.state != CANCELLED:
            return _ask(command, body, case.data, case.state, context)
        return _cancel(case, body, context)

    def hear_e3(self, case: GuaranteeCase, received: Received, context: Context) -> Decision[Guarantee] | Refusal:
        """A chain of another gateway cancels."""
        body = read(received, context, E3)
        if isinstance(body, Refusal):
            return body
        if received.origin != case.data.terms.chain:
            return Refusal.of(No.NOT_YOURS, f"{received.origin} is not the chain")
        decision = _cancel(case, body, context)
        if isinstance(decision, Refusal):
            answer = E4(body.reference, case.state, (fault(decision),))
            return Decision(case.state, case.data, messages=(_answer("guarantee.e4", received, answer),))
        answer = E4(body.reference, decision.state)
        return msgspec.structs.replace(decision, messages=(_answer("guarantee.e4", received, answer),))

    def _foreign(self, terms: GuaranteeTerms, context: Context) -> Refusal | None:
        """Refuse a chain served elsewhere that this member did not authorise (eTIR 330)."""
        if terms.chain in self._reference.authorised.chains or terms.chain[:2] == context.member:
            return None
        text = f"{context.member} does not authorise {terms.chain}"
        return Refusal.of(No.CHAIN_NOT_AUTHORISED, text, "/terms/chain")

    def _register(self, terms: GuaranteeTerms, holder_party: str, context: Context) -> Decision[Guarantee] | Refusal:
        """Check the terms and order the accounts and the cover."""
        if terms.guarantor != context.member:
            return Refusal.of(No.NOT_AUTHORITY, f"the guarantor is {terms.guarantor}", "/terms/guarantor")
        regime = self._reference.regimes.find(terms.regime, context.now)
        if regime is None:
            return Refusal.of(No.REGIME_UNKNOWN, f"no regime {terms.regime!r} is in force", "/terms/regime")
        wrong = check_terms(terms, regime) or self._reference.authorised.refuse_holder(
            terms.holder, context.now, "/terms/holder"
        )
        if wrong is not None:
            return wrong
        account = booking.cover_account(booking.terms_digest(terms), booking.covered(terms)[0])
        orders: tuple[Order, ...] = ()
        if context.ledger.account(account) is None:
            orders = (*booking.chain_accounts(terms, context.ledger), *booking.register(terms, holder_party))
        elif context.case_id != guarantee_case(terms.guarantor, terms.reference):
            text = "a guarantee with these terms is registered"
            return Refusal.of(No.GUARANTEE_ALREADY_REGISTERED, text, "/terms/reference")
        else:  # movements that came back before their guarantee did have entered what they need (``outcome.rebind``)
            orders = booking.reopen(terms, context.ledger)
        answer = {"reference": terms.reference, "terms_digest": booking.terms_digest(terms)}
        parties = tuple(party for party in (terms.chain, holder_party) if party[:2] == context.member)
        return Decision(REGISTERED, Guarantee(terms), transfers=orders, parties=parties, answer=answer)


def _cancel(case: GuaranteeCase, body: E3, context: Context) -> Decision[Guarantee] | Refusal:
    """Move back what is not reserved; the guarantee is cancelled when nothing is reserved any more."""
    terms = case.data.terms
    if case.state == CANCELLED:
        return Refusal.of(No.GUARANTEE_ALREADY_CANCELLED, "the guarantee is cancelled", "/reference")
    if body.holder != terms.holder:
        return Refusal.of(No.HOLDER_MISMATCH, "the guarantee was issued to another holder", "/holder")
    digest = booking.terms_digest(terms)
    target = booking.chain_account(terms.chain, terms.currency)
    orders: list[Order] = []
    reserved = False
    for member in booking.covered(terms):
        account = context.ledger.account(booking.cover_account(digest, member))
        if account is None:
            continue
        reserved = reserved or account.balance.debits_pending > 0
        if account.balance.available > 0:
            move = f"return:{digest}:{member}:{case.data.returns}"
            orders.append(Move(move, account.id, target, account.balance.available, terms.reference))
    if case.state == CANCELLING and not orders and reserved:
        return Refusal.of(No.GUARANTEE_ALREADY_CANCELLED, "the request is recorded; movements still use it")
    data = Guarantee(terms, case.data.returns + 1, body.reason)
    state = CANCELLING if reserved else CANCELLED
    transfers = (*booking.opened(terms), *orders, *booking.close(terms))
    return Decision(state, data, transfers=transfers, answer={"status": state})


def _ask(
    command: Command, body: E1 | E3, data: Guarantee, state: str, context: Context
) -> Decision[Guarantee] | Refusal:
    """Send a chain's own words to its guarantor, which another member's gateway serves."""
    guarantor = data.terms.guarantor
    if guarantor not in context.reachable:
        return Refusal.of(No.NOBODY_TO_FORWARD_TO, f"{guarantor} cannot be reached", "/terms/guarantor")
    kind = "guarantee." + type(body).__name__.lower()
    told = Draft(kind, command.party, f"{guarantor}/customs", encode(body), MEDIA_TYPE)
    kept = msgspec.structs.replace(data, faults=())
    return Decision(state, kept, messages=(told,), parties=(command.party,), answer={"status": state, "asked": True})


def _not_guarantor(case: GuaranteeCase, received: Received) -> Refusal | None:
    """Refuse an answer that is not the guarantor's."""
    if received.origin == f"{case.data.terms.guarantor}/customs":
        return None
    return Refusal.of(No.NOT_AUTHORITY, "only the guarantor's customs answers")


def _told(case: GuaranteeCase, state: str, faults: tuple[Fault, ...]) -> Decision[Guarantee]:
    """Keep the guarantor's word and tell the chain."""
    chain, kind = case.data.terms.chain, "guarantee.declined" if faults else "guarantee." + state
    detail = {"reference": case.data.terms.reference, "faults": msgspec.to_builtins(faults)}
    return Decision(state, msgspec.structs.replace(case.data, faults=faults), notices=(Notice(chain, kind, detail),))


def _answer(kind: str, received: Received, body: E2 | E4) -> Draft:
    """Word an answer to a chain at another gateway."""
    return Draft(kind, received.destination, received.origin, encode(body), MEDIA_TYPE)


class Exposure(msgspec.Struct, frozen=True):
    """What a guarantee's uses amount to for one holder, chain and member, minor units.

    Attributes:
        reserved_minor: of legs not started.
        in_use_minor: of legs started and not discharged.
        released_minor: of legs discharged or never driven.
    """

    reserved_minor: int = 0
    in_use_minor: int = 0
    released_minor: int = 0


def exposures(movements: Iterable[Movement]) -> dict[tuple[str, str, str, str], Exposure]:
    """Add up exposures by (holder, chain, member, currency) over accepted movements."""
    found: dict[tuple[str, str, str, str], Exposure] = {}
    for movement in movements:
        terms, now = movement.guarantee(), progress(movement)
        standing = {share.member for share in liable(now)}
        for leg in now.legs:
            key = (terms.holder, terms.chain, leg.leg.member, terms.currency)
            total, amount = found.get(key, Exposure()), leg.leg.liability_minor
            field = "reserved_minor" if leg.status in {PLANNED, REFUSED} else "in_use_minor"
            if leg.discharge is not None or leg.leg.member not in standing:
                field = "released_minor"
            found[key] = msgspec.structs.replace(total, **{field: getattr(total, field) + amount})
    return found
