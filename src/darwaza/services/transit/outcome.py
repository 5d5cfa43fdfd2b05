"""What follows from a changed movement: liabilities, messages, facts, notices, reminders.

Every rule that changes a movement ends here, so that whatever way an event came in, the same follows from it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from darwaza.kernel.machine import Context, Decision, Draft, Fact, Notice
from darwaza.ledger.order import Order
from darwaza.services.transit import booking, clock
from darwaza.services.transit.codes import FACT_ENDED, FACT_GUARANTEE, FACT_RELEASED, FACT_UNDER_WAY
from darwaza.services.transit.leg import DISCHARGED, Progress, progress
from darwaza.services.transit.message import KINDS, EventMessage
from darwaza.services.transit.movement import Hold, Movement, MovementCase, concerned
from darwaza.standards.charge import due_fact, paid_fact
from darwaza.standards.etir.external import E7
from darwaza.standards.etir.internal import I9, I11, I13, I15, I17, Share
from darwaza.standards.etir.value import Body, Declaration
from darwaza.standards.etir.wire import MEDIA_TYPE, encode

CUSTOMS = "customs"
"""Local name of a member's customs, the addressee of transit messages."""

ANNOUNCED = "movement.announced"
"""Notice to customs: a movement, or another itinerary of one, is known here now."""

_KIND_OF = {kind: name for name, kind in KINDS.items()}


def customs_of(member: str) -> str:
    """Return the address of a member's customs."""
    return f"{member}/{CUSTOMS}"


def office_party(office: str) -> str:
    """Return the address under which the cases that concern an office are found: ``PK/office-pktor``."""
    return f"{office[:2]}/office-{office.lower()}"


def draft(own: str, body: Body, member: str) -> Draft:
    """Address a message of the own customs to another member's."""
    return Draft(_KIND_OF[type(body)], customs_of(own), customs_of(member), encode(body), MEDIA_TYPE)


def circular(own: str, body: Body, members: Sequence[str]) -> tuple[Draft, ...]:
    """Address one message of the own customs to several members' customs."""
    kind, origin, text = _KIND_OF[type(body)], customs_of(own), encode(body)
    return tuple(Draft(kind, origin, customs_of(member), text, MEDIA_TYPE) for member in members)


def everyone(movement: Movement, own: str) -> tuple[str, ...]:
    """Return the members concerned other than the own one."""
    return tuple(member for member in concerned(movement.known()) if member != own)


def conclude(
    movement: Movement,
    context: Context,
    *,
    case: MovementCase | None,
    messages: Sequence[Draft] = (),
    transfers: Sequence[Order] = (),
    facts: Sequence[Fact] = (),
    notices: Sequence[Notice] = (),
    chain: Sequence[E7] = (),
    answer: object = None,
) -> Decision[Movement]:
    """Finish a decision on an accepted movement.

    Args:
        movement: as it now is.
        context: of the rule.
        case: as it was; None when the movement is new here.
        messages: decided by the rule.
        transfers: decided by the rule; liabilities follow them.
        facts: decided by the rule.
        notices: decided by the rule.
        chain: what the guarantee chain must hear.
        answer: for the caller of a command.
    """
    now = progress(movement)
    declaration = movement.known()
    movement = _passed(movement, now, context.now)
    movement, orders, settled = settle(movement, now, context)
    # An accepted case's state is what its events came to, so it need not be computed again.
    was = None if case is None or case.data.recorded is None else case.state
    stated = [*facts, *_facts(movement, now, was)]
    if was is None and declaration.legs[-1].member == context.member:
        stated += due_facts(movement)
    told, surety = [*notices], [*chain, *settled]
    if was is None or (case is not None and case.data.recorded != movement.recorded):
        # Offices learn of a movement before the truck arrives; the gateway looks whether a closure stops its clocks.
        told.append(Notice(customs_of(context.member), ANNOUNCED, {"movement": context.case_id}))
    if was in {"accepted", "held"} and now.state == "moving" and movement.guarantee().guarantor == context.member:
        surety.append(e7(movement, context, "in-use"))
    if declaration.holder_party[:2] == context.member and was != now.state:
        told.append(Notice(declaration.holder_party, "movement." + now.state, {"movement": context.case_id}))
    letters, heard = tell_chain(movement, surety, context)
    return Decision(
        state=now.state,
        data=movement,
        messages=(*messages, *letters),
        transfers=(*transfers, *orders),
        facts=tuple(stated),
        awaits=_awaits(movement),
        remind_at=clock.next_deadline(movement, now),
        notices=(*told, *heard),
        parties=_newcomers(movement, case, context.member),
        ucr=declaration.ucr,
        answer=answer if answer is not None else {"state": now.state, "discrepancies": len(now.discrepancies)},
    )


def stay(
    case: MovementCase,
    data: Movement,
    *,
    messages: Sequence[Draft] = (),
    notices: Sequence[Notice] = (),
    parties: Sequence[str] = (),
) -> Decision[Movement]:
    """Finish a decision that leaves the state as it was: an answer, a request, a word for the chain.

    What the case waits for stays as well. A decision replaces the reminder and the awaited facts, so one without them
    would let a deadline pass unseen and leave paid goods unreleased.
    """
    accepted = data.recorded is not None
    return Decision(
        case.state,
        data,
        messages=tuple(messages),
        notices=tuple(notices),
        parties=tuple(parties),
        awaits=_awaits(data),
        remind_at=clock.next_deadline(data, progress(data)) if accepted else None,
    )


def _awaits(movement: Movement) -> tuple[str, ...]:
    """Return the facts a release that was asked for waits for."""
    return required(movement) if movement.release == "awaiting" else ()


def _passed(movement: Movement, now: Progress, at: datetime) -> Movement:
    """Let the clocks run again that stood for a crossing which is no longer ahead: it was passed, or avoided."""
    for item in movement.suspensions:
        if item.until is None and not clock.heads_for(now, item.crossing):
            movement = clock.resume(movement, item.closure, at)
    return movement


def parties(movement: Movement, own: str) -> tuple[str, ...]:
    """Return the parties of this gateway that may see the movement: customs, its offices, the chain, the holder."""
    found = [customs_of(own), *(office_party(event.stamp.office) for event in movement.events)]
    if movement.terms is not None:
        found.append(movement.terms.chain)
    if movement.declaration is not None:
        found.append(movement.declaration.holder_party)
        for leg in movement.declaration.legs:
            found += (office_party(leg.entry_office), office_party(leg.exit_office))
    return tuple(dict.fromkeys(party for party in found if party[:2] == own))


def _newcomers(movement: Movement, case: MovementCase | None, own: str) -> tuple[str, ...]:
    """Return the parties that may see the movement now and could not before: an event of a known office adds none."""
    if case is None or case.data.recorded is None:
        # What came before the acceptance need not have been shown to anyone yet.
        return parties(movement, own)
    if movement.recorded is case.data.recorded:
        # The edition is the same: only an office that is not on the way and has not acted before can be new.
        acted = {event.stamp.office for event in movement.events}
        acted -= {event.stamp.office for event in case.data.events}
        if all(any(office in {leg.entry_office, leg.exit_office} for leg in movement.known().legs) for office in acted):
            return ()
    before = frozenset(parties(case.data, own))
    return tuple(party for party in parties(movement, own) if party not in before)


def _facts(movement: Movement, now: Progress, was: str | None) -> list[Fact]:
    """State what others may rely on, once each."""
    found: list[Fact] = []
    if was is None and movement.acceptance is not None:
        reference = movement.acceptance.reference
        found.append(Fact(FACT_GUARANTEE, {"reference": reference}, movement.guarantee().valid_until))
    if was != now.state and now.state == "moving":
        found.append(Fact(FACT_UNDER_WAY, {"leg": now.current}))
    if was != now.state and now.state in {"ended", "discharged"} and was not in {"ended", "discharged"}:
        found.append(Fact(FACT_ENDED, {"discrepancies": len(now.discrepancies)}))
    return found


def due_facts(movement: Movement) -> tuple[Fact, ...]:
    """State what is due on the consignment, for the payments of it."""
    return tuple(Fact(due_fact(item.charge), msgspec.to_builtins(item.due())) for item in movement.due())


def required(movement: Movement) -> tuple[str, ...]:
    """Return the names of the facts a release requires: those the declaration names, and the payment of each charge."""
    charged = [paid_fact(item.charge) for item in movement.due()]
    return tuple(dict.fromkeys((*movement.known().release_requires, *charged)))


def fact_released(office: str) -> Fact:
    """State that the goods were handed over."""
    return Fact(FACT_RELEASED, {"office": office})


def liable(now: Progress) -> tuple[Share, ...]:
    """Return the liabilities that stand: of every leg that may still be driven or is not yet discharged.

    A leg is free when it is discharged, or when it has not been driven and never will be: the movement is cancelled.
    """
    if now.state == "cancelled":
        return ()
    return tuple(Share(leg.leg.member, leg.leg.liability_minor) for leg in now.legs if leg.status != DISCHARGED)


def settle(movement: Movement, now: Progress, context: Context) -> tuple[Movement, tuple[Order, ...], tuple[E7, ...]]:
    """Make the ledger's liabilities equal to those that stand. Does nothing at other members' gateways.

    A liability is released exactly once: the case forgets it in the same decision that voids its hold. One that comes
    back (a start heard of after a cancellation) is reserved anew if the cover has room; if not, the chain is told that
    goods move uncovered, because they do.
    """
    terms = movement.guarantee()
    if terms.guarantor != context.member:
        return movement, (), ()
    if not movement.holds:
        movement, again, bound = rebind(movement, liable(now), context)
        return movement, again, () if bound else (e7(movement, context, "uncovered"),)
    standing = booking.sums(terms, liable(now))
    if not terms.per_member and standing:
        # One sum for the whole journey stands, whole, until the last leg is discharged.
        standing = {booking.WHOLE: max(hold.liability_minor for hold in movement.holds)}
    orders: list[Order] = []
    kept: list[Hold] = []
    for hold in movement.holds:
        if not hold.released and hold.member not in standing:
            orders.append(booking.release(hold))
            kept.append(msgspec.structs.replace(hold, released=True))
        else:
            kept.append(hold)
    open_members = {hold.member for hold in kept if not hold.released}
    missing = {member: amount for member, amount in standing.items() if member not in open_members}
    told: list[E7] = []
    if orders and not standing:
        told.append(e7(movement, context, "released"))
    if missing:
        shares = tuple(Share(member, amount) for member, amount in missing.items())
        if booking.room(terms, shares, context.ledger) is None:
            added, more = booking.reserve(terms, missing, context.case_id, len(kept))
            kept += added
            orders += more
        else:
            told.append(e7(movement, context, "uncovered"))
    changed = msgspec.structs.replace(movement, holds=tuple(kept))
    return changed, tuple(orders), tuple(told)


def rebind(movement: Movement, shares: Sequence[Share], context: Context) -> tuple[Movement, tuple[Order, ...], bool]:
    """Bind a guarantee again that this guarantor had accepted and whose ledger entries were lost with the disk.

    Its own word (I2) is signed and delivered, so it stands: where even the cover is missing, because the registration
    has not come back, or was cancelled since, as much of the cover is entered as this movement needs, and no other may
    use it (``booking.bring_back``). Does nothing where nothing was lost.

    Args:
        movement: with the guarantor's word, if it has spoken.
        shares: liabilities that stand.
        context: of the rule.

    Returns:
        The movement, the orders, and whether the cover has room for what stands.
    """
    terms, acceptance = movement.terms, movement.acceptance
    if terms is None or acceptance is None or movement.holds or terms.guarantor != context.member:
        return movement, (), True
    digest = booking.terms_digest(terms)
    if acceptance.faults or acceptance.terms_digest != digest:
        return movement, (), True
    if shares and not terms.per_member:  # one sum for the whole journey stands, whole, until its end
        shares = movement.shares if movement.recorded is None else shares_of(movement.known())
    amounts = booking.sums(terms, tuple(shares))
    closed = booking.is_closed(terms, context.ledger)
    orders: tuple[Order, ...] = ()
    if closed:
        orders, bound = booking.bring_back(terms, amounts, context.case_id, context.ledger)
    else:
        bound = booking.room(terms, tuple(shares), context.ledger) is None
    if terms.single_use and context.ledger.account(booking.ticket_account(digest)) is None:
        orders += (*booking.issue_ticket(terms, terms.chain), *booking.spend_ticket(terms, context.case_id))
    elif terms.single_use and booking.ticket_left(terms, context.ledger):
        orders += booking.spend_ticket(terms, context.case_id)
    if bound:
        holds, reserved = booking.reserve(terms, amounts, context.case_id, 0)
        movement, orders = msgspec.structs.replace(movement, holds=holds), (*orders, *reserved)
    return movement, (*orders, *(booking.close(terms) if closed else ())), bound


def shares_of(declaration: Declaration) -> tuple[Share, ...]:
    """Return the liability of each leg."""
    return tuple(Share(leg.member, leg.liability_minor) for leg in declaration.legs)


def e7(movement: Movement, context: Context, what: str) -> E7:
    """Word what happened to a movement for the chain that guarantees it; ``what`` as in ``E7``."""
    return E7(movement.guarantee().reference, context.case_id, what, context.now)


def tell_chain(
    movement: Movement, told: Sequence[E7], context: Context
) -> tuple[tuple[Draft, ...], tuple[Notice, ...]]:
    """Tell the guarantee chain (E7): by message where another member's gateway serves it, else by notice."""
    if not told:
        return (), ()
    chain = movement.guarantee().chain
    if chain[:2] == context.member:
        return (), tuple(chain_notice(chain, item) for item in told)
    kind, origin = _KIND_OF[E7], customs_of(context.member)
    return tuple(Draft(kind, origin, chain, encode(item), MEDIA_TYPE) for item in told), ()


def chain_notice(chain: str, told: E7) -> Notice:
    """Hand an E7 to the chain at its own gateway."""
    return Notice(chain, "guarantee." + told.what, msgspec.to_builtins(told))


def briefing(movement: Movement, own: str, member: str) -> tuple[Draft, ...]:
    """Tell a member everything it needs before the truck arrives: I15, the edition in force, each own event."""
    first, acceptance = movement.accepted, movement.acceptance
    if first is None or acceptance is None or movement.recorded is None:
        return ()
    etir = tuple(event for event in movement.events if isinstance(event, I9 | I11 | I13 | I17))
    others = tuple(event for event in movement.events if not isinstance(event, I9 | I11 | I13 | I17))
    told = [draft(own, I15(first, acceptance, etir), member)]
    if movement.original is not None:
        told.append(draft(own, movement.recorded, member))
    return (*told, *(draft(own, EventMessage(event), member) for event in others))
