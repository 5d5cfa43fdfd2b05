"""Binding a guarantee to a movement: acceptance at departure, the guarantor's word, new editions of the itinerary.

Customs of departure accepts the declaration; the guarantor accepts the guarantee. Where they are two members, I1 and
I2 go between them and the declaration waits. The guarantor's answer is decided in the transaction that reserves the
cover, so two countries that ask at once for one guarantee get one yes and one no, each with its reason.

A new edition (amendment, diversion) is recorded with I7 by whoever is the authority where it happens. If it needs the
guarantee for more members or for more, the guarantor is asked first, the same way.
"""

import msgspec

from darwaza.kernel.machine import Command, Context, Decision, Notice, Received, Refusal
from darwaza.ledger.order import Order
from darwaza.services.transit import booking
from darwaza.services.transit.check import Reference, check_cover, check_declaration, check_itinerary
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.guard import conflicting, fault, need_office, origin_member, read
from darwaza.services.transit.leg import PLANNED, REFUSED, progress
from darwaza.services.transit.lodging import DECLINED, HEARD
from darwaza.services.transit.message import Accept
from darwaza.services.transit.movement import Movement, MovementCase, concerned, with_edition, with_event
from darwaza.services.transit.outcome import (
    briefing,
    circular,
    conclude,
    draft,
    e7,
    everyone,
    parties,
    rebind,
    shares_of,
    stay,
    tell_chain,
)
from darwaza.standards.etir.external import E7
from darwaza.standards.etir.internal import I1, I2, I7, I8, I15, I16, Share
from darwaza.standards.etir.value import Declaration, GuaranteeTerms, Leg

ASKING = "asking"
RESERVED = "reserved"


class Binding:
    """Rules that bind guarantees and record editions."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    def accept(self, case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
        """Customs of departure accepts the declaration, and the guarantee with it or after the guarantor's word."""
        body: Accept = command.body
        declaration = case.data.known()
        wrong = (
            need_office(command, body.stamp, context)
            or _at_departure(declaration, body)
            or check_declaration(declaration, self._reference, context.now)
            or self._fitted(declaration, body, context)
            or _reachable(declaration, context)
        )
        if wrong is not None:
            return wrong
        pending = I7(declaration, body.stamp, body.seals, body.tracker)
        if declaration.guarantee.guarantor == context.member:
            return self._accept_here(case, pending, context)
        data = msgspec.structs.replace(case.data, pending=pending, faults=())
        asked = I1(
            movement=context.case_id,
            terms=declaration.guarantee,
            holder=declaration.holder.id,
            office=body.stamp.office,
            shares=shares_of(declaration),
            at=body.stamp.at,
        )
        return Decision(ASKING, data, messages=(draft(context.member, asked, declaration.guarantee.guarantor),))

    def hear_i1(self, case: MovementCase | None, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """The guarantor is asked for a guarantee, or for more of one it has accepted."""
        body = read(received, context, I1)
        if isinstance(body, Refusal):
            return body
        data = Movement() if case is None else case.data
        if body.terms.guarantor != context.member:
            return Refusal.of(No.NOT_AUTHORITY, f"the guarantor is {body.terms.guarantor}", "/terms/guarantor")
        asker = origin_member(received)
        if asker != body.office[:2] or asker not in {share.member for share in body.shares}:
            return Refusal.of(No.NOT_AUTHORITY, "only customs on the way asks, for its own office", "/office")
        if (data.holds or data.recorded is not None) and data.terms != body.terms:
            return Refusal.of(No.OTHER_CASE, "the movement has another guarantee", "/terms")
        wrong = _unacceptable(body, data, context) or self._reference.authorised.refuse_holder(
            body.holder, context.now, "/holder"
        )
        if wrong is not None:
            answer = I2(context.case_id, body.terms.reference, booking.terms_digest(body.terms), faults=(fault(wrong),))
            state = DECLINED if case is None else case.state
            told = (draft(context.member, answer, origin_member(received)),)
            asked = body.terms if data.terms is None else data.asked
            shares = data.shares or body.shares
            data = msgspec.structs.replace(data, asked=asked, shares=shares, faults=answer.faults)
            return Decision(state, data, messages=told) if case is None else stay(case, data, messages=told)
        data, acceptance, orders = _reserve(data, body.terms, body.shares, context)
        letters, notices = tell_chain(data, (e7(data, context, "accepted"),), context)
        sent = (draft(context.member, acceptance, origin_member(received)), *letters)
        state = RESERVED if case is None or case.state in {DECLINED, HEARD} else case.state
        seen = parties(data, context.member)
        if case is None or state != case.state:
            return Decision(state, data, messages=sent, transfers=orders, notices=notices, parties=seen)
        kept = stay(case, data, messages=sent, notices=notices, parties=seen)
        return msgspec.structs.replace(kept, transfers=orders)

    def hear_i2(self, case: MovementCase, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """The guarantor's word arrives: the waiting acceptance or edition takes effect, or does not."""
        body = read(received, context, I2)
        if isinstance(body, Refusal):
            return body
        data, pending = case.data, case.data.pending
        if origin_member(received) != data.guarantee().guarantor:
            return Refusal.of(No.NOT_AUTHORITY, "no guarantee was asked for there")
        if pending is None:
            return _heard_again(case, body)
        if body.faults:
            declined = msgspec.structs.replace(data, pending=None, faults=body.faults)
            state = DECLINED if case.state == ASKING else case.state
            notice = Notice(
                f"{context.member}/customs", "movement.guarantee-declined", msgspec.to_builtins(body.faults)
            )
            return msgspec.structs.replace(stay(case, declined, notices=(notice,)), state=state)
        if body.terms_digest != booking.terms_digest(data.guarantee()):
            return Refusal.of(No.GUARANTEE_NOT_FOUND, "the guarantor accepted other terms", "/terms_digest")
        if not {leg.member for leg in pending.declaration.legs} <= set(body.members):
            return Refusal.of(No.GUARANTEE_DOES_NOT_COVER, "the guarantor accepted it for fewer members", "/members")
        accepted = msgspec.structs.replace(data, pending=None, acceptance=body, faults=())
        if case.state == ASKING:
            return self._announce(accepted, pending, context, orders=self._fittings(pending, context))
        return self._adopt(case, accepted, pending, context)

    def hear_i7(self, case: MovementCase | None, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """An edition recorded by another member arrives."""
        body = read(received, context, I7)
        if isinstance(body, Refusal):
            return body
        if body.declaration.movement != context.case_id:
            return Refusal.of(No.OTHER_CASE, "the declaration names another movement", "/declaration/movement")
        own = received.kind.startswith("restored ")
        member = context.member if own else origin_member(received)
        if member != body.stamp.office[:2] or member not in concerned(body.declaration):
            return Refusal.of(No.NOT_AUTHORITY, "only the member of the recording office sends this", "/stamp/office")
        data = with_edition(Movement() if case is None else case.data, body)
        told = () if own else (draft(context.member, I8(context.case_id, body.stamp.event), member),)
        orders = self._fitted_again(body, context) if own else ()
        return conclude(data, context, case=case, messages=told, transfers=orders)

    def hear_i15(self, case: MovementCase | None, received: Received, context: Context) -> Decision[Movement] | Refusal:
        """Everything about a movement that will come here, or an own one given back."""
        body = read(received, context, I15)
        if isinstance(body, Refusal):
            return body
        declaration = body.recorded.declaration
        if declaration.movement != context.case_id or body.acceptance.movement != context.case_id:
            return Refusal.of(No.OTHER_CASE, "the message names another movement", "/recorded/declaration/movement")
        if body.acceptance.faults or body.acceptance.terms_digest != booking.terms_digest(declaration.guarantee):
            return Refusal.of(No.GUARANTEE_NOT_FOUND, "the acceptance is of another guarantee", "/acceptance")
        own = received.kind.startswith("restored ")
        data = with_edition(Movement() if case is None else case.data, body.recorded)
        # The guarantor takes nobody else's word for its own.
        if own or declaration.guarantee.guarantor != context.member:
            data = msgspec.structs.replace(data, acceptance=body.acceptance)
        data = msgspec.structs.replace(data, pending=None)
        for event in body.events:
            wrong = conflicting(data, event)
            if wrong is not None:
                return wrong
            data = data if data.event(event.stamp.event) else with_event(data, event)
        answer = I16(context.case_id, body.recorded.stamp.event)
        told = () if own else (draft(context.member, answer, origin_member(received)),)
        orders = self._fitted_again(body.recorded, context) if own else ()
        return conclude(data, context, case=case, messages=told, transfers=orders)

    def reroute(self, case: MovementCase, command: Command, context: Context) -> Decision[Movement] | Refusal:
        """Customs records a new edition: an amendment of the goods, or another itinerary for what lies ahead."""
        body: I7 = command.body
        data = case.data
        first = data.accepted
        wrong = need_office(command, body.stamp, context) or self._edition_wrong(data, body.declaration, context)
        if wrong is not None:
            return wrong
        body = I7(body.declaration, body.stamp, first.seals if first else (), first.tracker if first else "")
        terms, shares = data.guarantee(), shares_of(body.declaration)
        if terms.guarantor == context.member:
            full = booking.room(terms, _more(data, terms, shares), context.ledger)
            if full is not None:
                return Refusal.of(full, "the guarantee has no room for the new itinerary", "/declaration/legs")
            data, acceptance, orders = _reserve(data, terms, shares, context)
            return self._adopt(case, msgspec.structs.replace(data, acceptance=acceptance), body, context, orders=orders)
        if _needs_no_more(data, body.declaration):
            return self._adopt(case, data, body, context)
        waiting = msgspec.structs.replace(data, pending=body, faults=())
        asked = I1(context.case_id, terms, body.declaration.holder.id, body.stamp.office, shares, body.stamp.at)
        told = stay(case, waiting, messages=(draft(context.member, asked, terms.guarantor),))
        return msgspec.structs.replace(told, answer={"asked": True})

    def restore_asking(
        self, case: MovementCase | None, received: Received, context: Context
    ) -> Decision[Movement] | Refusal:
        """An own I1 comes back: the guarantor was asked. The acceptance comes back with an own I7 or I15."""
        body = read(received, context, I1)
        if isinstance(body, Refusal):
            return body
        data = Movement() if case is None else case.data
        asked = body.terms if data.terms is None else data.asked
        data = msgspec.structs.replace(data, asked=asked)
        return Decision(HEARD, data) if case is None else stay(case, data)

    def restore_i2(
        self, case: MovementCase | None, received: Received, context: Context
    ) -> Decision[Movement] | Refusal:
        """An own I2 comes back: the guarantor had spoken, and its ledger binds the guarantee again."""
        body = read(received, context, I2)
        if isinstance(body, Refusal):
            return body
        data = Movement() if case is None else case.data
        if body.faults:
            data = msgspec.structs.replace(data, faults=body.faults)
            return Decision(DECLINED, data) if case is None else stay(case, data)
        # The question may have been heard again before this, with the ledger still empty: the first word stands.
        state = RESERVED if case is None or case.state in {DECLINED, HEARD} else case.state
        data = msgspec.structs.replace(data, acceptance=body, faults=())
        data, orders, _ = rebind(data, data.shares, context)
        if case is None:
            return Decision(state, data, transfers=orders)
        return msgspec.structs.replace(stay(case, data), state=state, transfers=orders)

    def _accept_here(self, case: MovementCase, pending: I7, context: Context) -> Decision[Movement] | Refusal:
        """Accept where departure and guarantor are one member: reservation and acceptance commit together."""
        declaration = pending.declaration
        terms, shares = declaration.guarantee, shares_of(declaration)
        asked = I1(context.case_id, terms, declaration.holder.id, pending.stamp.office, shares, pending.stamp.at)
        wrong = _unacceptable(asked, case.data, context) or self._reference.authorised.refuse_holder(
            asked.holder, context.now, "/holder/id"
        )
        if wrong is not None:
            return wrong
        data, acceptance, orders = _reserve(case.data, terms, shares, context)
        data = msgspec.structs.replace(data, acceptance=acceptance, pending=None, faults=())
        told = (e7(data, context, "accepted"),)
        return self._announce(data, pending, context, orders=(*orders, *self._fittings(pending, context)), chain=told)

    def _announce(
        self,
        data: Movement,
        recorded: I7,
        context: Context,
        *,
        orders: tuple[Order, ...] = (),
        chain: tuple[E7, ...] = (),
    ) -> Decision[Movement]:
        """Record the acceptance and tell everyone concerned."""
        data = with_edition(data, recorded)
        guarantor = data.guarantee().guarantor
        told = [draft(context.member, recorded, guarantor)] if guarantor != context.member else []
        for member in everyone(data, context.member):
            if member != guarantor:
                told += briefing(data, context.member, member)
        return conclude(data, context, case=None, messages=told, transfers=orders, chain=chain)

    def _adopt(
        self, case: MovementCase, data: Movement, edition: I7, context: Context, *, orders: tuple[Order, ...] = ()
    ) -> Decision[Movement]:
        """Put a new edition in force and tell everyone: the old members by I7, new ones everything."""
        old = concerned(data.known())
        data = with_edition(data, edition)
        told = list(circular(context.member, edition, [member for member in old if member != context.member]))
        for member in everyone(data, context.member):
            if member not in old:
                told += briefing(data, context.member, member)
        return conclude(data, context, case=case, messages=told, transfers=orders)

    def _fitted(self, declaration: Declaration, body: Accept, context: Context) -> Refusal | None:
        """Check seals and tracker of departure."""
        regime = self._reference.regimes.find(declaration.regime, context.now)
        if regime is not None and regime.seals_required and not body.seals:
            return Refusal.of(No.SEALS_REQUIRED, f"{regime.id} moves under seal", "/seals")
        if regime is not None and regime.tracker_required and not body.tracker:
            return Refusal.of(No.TRACKER_REQUIRED, f"{regime.id} moves with a tracker", "/tracker")
        numbers = [seal.number for seal in body.seals]
        for index, number in enumerate(numbers):
            taken = booking.seal_taken(number, context.case_id, context.member, context.ledger)
            if taken or numbers.index(number) != index:
                text = f"seal {number} is already recorded"
                return Refusal.of(No.SEAL_ALREADY_RECORDED, text, f"/seals/{index}/number")
        if body.tracker and not booking.tracker_free(body.stamp.office, context.ledger):
            return Refusal.of(No.TRACKERS_SHORT, f"{body.stamp.office} has no tracker left", "/tracker")
        return None

    def _fittings(self, recorded: I7, context: Context) -> tuple[Order, ...]:
        """Order the entries of the seals and the tracker of departure."""
        orders = [booking.record_seal(seal.number, context.case_id, context.member) for seal in recorded.seals]
        if recorded.tracker:
            orders += booking.fit_tracker(recorded.stamp.office, context.case_id, recorded.tracker)
        return tuple(orders)

    def _fitted_again(self, recorded: I7, context: Context) -> tuple[Order, ...]:
        """Order the entries of departure that the ledger lost; a tracker's pool must have been stocked again."""
        if recorded.stamp.office[:2] != context.member:
            return ()
        lost = [
            seal
            for seal in recorded.seals
            if context.ledger.account(booking.seal_account(context.member, seal.number)) is None
        ]
        return tuple(booking.record_seal(seal.number, context.case_id, context.member) for seal in lost)

    def _edition_wrong(self, data: Movement, edition: Declaration, context: Context) -> Refusal | None:
        """Check a new edition against the one in force."""
        present, recorded = data.known(), data.recorded
        if data.pending is not None:
            return Refusal.of(No.EDITION_PENDING, "another edition waits for the guarantor's word")
        at = context.now if recorded is None else recorded.stamp.at
        regime = self._reference.regimes.find(present.regime, at)
        if regime is None:
            return Refusal.of(No.REGIME_UNKNOWN, f"no regime {present.regime!r} was in force", "/declaration/regime")
        if edition.version != present.version + 1:
            text = f"the edition after {present.version} is {present.version + 1}"
            return Refusal.of(No.VERSION_WRONG, text, "/declaration/version")
        kept = ("movement", "ucr", "regime", "holder", "holder_party", "guarantee", "release_requires")
        for field in kept:
            if getattr(edition, field) != getattr(present, field):
                return Refusal.of(No.OTHER_CASE, f"{field} never changes", f"/declaration/{field}")
        for index, leg in enumerate(progress(data).legs):
            driven = leg.status not in {PLANNED, REFUSED}
            if driven and (
                index >= len(edition.legs) or not _same_past(leg.leg, edition.legs[index], under_way=leg.end is None)
            ):
                text = f"leg {index} has been driven"
                return Refusal.of(No.ITINERARY_REWRITES_PAST, text, f"/declaration/legs/{index}")
        if context.member not in concerned(present):
            return Refusal.of(No.NOT_AUTHORITY, "this member is not concerned", "/stamp/office")
        return (
            check_itinerary(edition.legs, self._reference.register, regime)
            or check_cover(edition.guarantee, edition.legs)
            or _reachable(edition, context)
        )


def _heard_again(case: MovementCase, body: I2) -> Decision[Movement] | Refusal:
    """Keep the guarantor's word where it was lost with the disk; otherwise nobody asked for it."""
    data = case.data
    if data.acceptance is not None or body.faults or body.terms_digest != booking.terms_digest(data.guarantee()):
        return Refusal.of(No.NOT_AUTHORITY, "no guarantee was asked for")
    return stay(case, msgspec.structs.replace(data, acceptance=body))


def _same_past(past: Leg, new: Leg, *, under_way: bool) -> bool:
    """Tell whether a driven leg is unchanged; one still under way may leave by another office and crossing."""
    if under_way:
        past = msgspec.structs.replace(
            past, exit_office=new.exit_office, crossing=new.crossing, deadline_at=new.deadline_at
        )
    return past == new


def _at_departure(declaration: Declaration, body: Accept) -> Refusal | None:
    """Refuse an acceptance by another office than that of departure."""
    if body.stamp.office != declaration.legs[0].entry_office:
        text = f"the office of departure is {declaration.legs[0].entry_office}"
        return Refusal.of(No.NOT_AUTHORITY, text, "/stamp/office")
    return None


def _reachable(declaration: Declaration, context: Context) -> Refusal | None:
    """Refuse when a member concerned cannot be addressed (eTIR 308)."""
    for member in concerned(declaration):
        if member != context.member and member not in context.reachable:
            return Refusal.of(No.NOBODY_TO_FORWARD_TO, f"{member} cannot be reached")
    return None


def _unacceptable(asked: I1, data: Movement, context: Context) -> Refusal | None:
    """Say why a guarantee is not accepted, in this order: holder, validity, members, spent, found, room."""
    terms = asked.terms
    if terms.holder != asked.holder:
        return Refusal.of(No.HOLDER_MISMATCH, "the guarantee was issued to another holder", "/holder")
    if not terms.valid_from <= context.now < terms.valid_until:
        return Refusal.of(No.GUARANTEE_NOT_VALID, "the guarantee is not valid now", "/terms/valid_until")
    for index, share in enumerate(asked.shares):
        if share.member not in terms.members:
            text = f"the guarantee does not cover {share.member}"
            return Refusal.of(No.GUARANTEE_DOES_NOT_COVER, text, f"/shares/{index}/member")
    known = booking.available(
        context.ledger, booking.cover_account(booking.terms_digest(terms), booking.covered(terms)[0])
    )
    if known is None:
        return Refusal.of(No.GUARANTEE_NOT_FOUND, "no guarantee has these terms", "/terms")
    if not data.holds and not booking.ticket_left(terms, context.ledger):
        return Refusal.of(No.GUARANTEE_ALREADY_USED, "the guarantee covers another movement", "/terms/reference")
    full = booking.room(terms, _more(data, terms, asked.shares), context.ledger)
    if full is not None:
        return Refusal.of(full, "the cover has no room for these liabilities", "/shares")
    return None


def _more(data: Movement, terms: GuaranteeTerms, shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """Return what an itinerary needs beyond the holds the movement has."""
    held: dict[str, int] = {}
    for hold in data.holds:
        if not hold.released:
            held[hold.member] = held.get(hold.member, 0) + hold.liability_minor
    wanted = booking.sums(terms, shares)
    member_of = {booking.WHOLE: shares[0].member} if not terms.per_member else {}
    return tuple(
        Share(member_of.get(key, key), amount - held.get(key, 0))
        for key, amount in wanted.items()
        if amount > held.get(key, 0)
    )


def _reserve(
    data: Movement, terms: GuaranteeTerms, shares: tuple[Share, ...], context: Context
) -> tuple[Movement, I2, tuple[Order, ...]]:
    """Reserve what is missing and word the acceptance."""
    more = booking.sums(terms, _more(data, terms, shares))
    spent = booking.spend_ticket(terms, context.case_id) if not data.holds else ()
    added, orders = booking.reserve(terms, more, context.case_id, len(data.holds))
    members = tuple(dict.fromkeys(share.member for share in shares))
    acceptance = I2(context.case_id, terms.reference, booking.terms_digest(terms), members, context.now)
    changed = msgspec.structs.replace(
        data,
        asked=_unless_named(data, terms),
        holds=(*data.holds, *added),
        shares=shares,
        acceptance=acceptance,
        faults=(),
    )
    return changed, acceptance, (*spent, *orders)


def _unless_named(data: Movement, terms: GuaranteeTerms) -> GuaranteeTerms | None:
    """Return terms to keep as asked for: none where the edition in force names them, so that they are stored once."""
    return terms if data.recorded is None else None


def _needs_no_more(data: Movement, edition: Declaration) -> bool:
    """Tell whether an edition keeps within the liabilities that were accepted."""
    terms = data.guarantee()
    present = booking.sums(terms, shares_of(data.known()))
    wanted = booking.sums(terms, shares_of(edition))
    return all(amount <= present.get(key, 0) for key, amount in wanted.items())
