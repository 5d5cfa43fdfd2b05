"""A bulk at the payers' gateway: one order for many payments of one bank to another, and the end of each.

Each payment is checked as one of its own is; what is wrong is left out and told, and the rest is sent. The end of each
is decided at the payees' gateway, which tells many in a message. Silence becomes a rejection as it does for a single
payment: when that gateway's log has gone past the deadline without an answer in it.

All are urgent or none is, as the first that is right. The end of urgent ones is decided here: acceptances that come in
time settle, what comes late and what is silent is rejected, and each is told, many in a message.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from darwaza.errors import MessageError
from darwaza.kernel import instant
from darwaza.kernel.machine import Case, Command, Context, Decision, Draft, Elapsed, Notice, Received, Refusal
from darwaza.kernel.message import member_of
from darwaza.kernel.parts import PARTS_MEDIA_TYPE
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import Hold, Move, TransferOrder
from darwaza.ledger.rate import Rate
from darwaza.ledger.refusal import TransferRefusal
from darwaza.services.payments import check, status
from darwaza.services.payments.answers import draft_inquiry, drafts, parted, read_answers
from darwaza.services.payments.bulk import Part, new_entry, read_parts
from darwaza.services.payments.code import NO_ANSWER_GATEWAY, PaymentRefusal, reason_of
from darwaza.services.payments.entry import (
    End,
    Ends,
    asked_once_more,
    earned_minor,
    end,
    end_notices,
    entry_of,
    next_wake,
    part_of_hold,
    total_of,
    with_entries,
)
from darwaza.services.payments.fold import Rule, both, unfold, unfold_due, unfold_told
from darwaza.services.payments.liquidity import Purse, abroad_notices, position_notices
from darwaza.services.payments.market import Place, spend
from darwaza.services.payments.message import (
    BULK,
    DECISIONS,
    BulkTerms,
    OfBulk,
    RemitBulk,
    read_bulk,
    refusal_told,
    write_bulk,
)
from darwaza.services.payments.plan import (
    Directory,
    abroad,
    fees,
    liquidity,
    mirror,
    position,
    spread,
    transit,
)
from darwaza.services.payments.quote import QuoteRules, offers_at
from darwaza.services.payments.record import Bulk, Entry, Offer
from darwaza.services.payments.reversal import ReversalRules
from darwaza.services.payments.screening import Screener, names_of
from darwaza.services.payments.source import INQUIRY_LAST, inquiry_wait
from darwaza.services.payments.state import ORDERED, SENT
from darwaza.services.payments.terms import exchange_at, rate_of

Outcome = Decision[Any] | Refusal
BulkCase = Case[Bulk]
replace = msgspec.structs.replace
OPEN, ASKED, ENDED = "bulk-sent", "bulk-unknown", "bulk-ended"


class BulkSourceRules:
    """See the module."""

    def __init__(self, directory: Directory, screen: Screener) -> None:
        self._directory = directory
        self._quotes = QuoteRules(directory)
        self._screen = screen
        self._reversal = ReversalRules(directory)

    # --- order ---

    def remit(self, _: None, command: Command, context: Context) -> Outcome:
        """Check every payment, hold the money of those that are right, and send one order for them.

        In the order of the document as far as the money goes: what the rest of it does not suffice for is refused as a
        payment of its own is, and a smaller one after it may go.
        """
        asked: RemitBulk = command.body
        try:
            parts = read_parts(asked.documents, asked.transfers)
        except MessageError as fault:
            return Refusal(PaymentRefusal.MALFORMED.code, f"{fault.code}: {fault.detail}", fault.pointer)
        payer = self._directory.participant(command.party, "psp")
        payee = self._directory.bank(parts[0].transfer.transactions[0].creditor_agent.bic)
        corridor = None if payee is None else self._directory.corridor(context.member, payee.member)
        if payer is None or payee is None or corridor is None:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the corridor's plan does not serve these payments")
        taken = context.named(part.uetr for part in parts)
        found: list[tuple[bytes, Entry, Offer]] = []
        refused: list[tuple[str, str, str, str]] = []
        like: Like | None = None
        place = self._quotes.place(asked.market, payer.address, payee.address, context)
        first = parts[0].transfer.header.message_id
        purse = Purse(self._directory, context.ledger, payer)
        for part in parts:
            one = self._checked(part, first, place, purse, like, taken, context)
            if isinstance(one, Refusal):
                refused.append((part.uetr, one.code, one.detail, one.pointer))
                continue
            entry, offer, urgent = one
            like = Like(offer.provider, urgent)
            found.append((part.document, entry, offer))
        answer = {"refused": refused}
        if like is None and asked.apart:
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "none of them passes")
        if like is None and all(code == TransferRefusal.FLOOR_CROSSED.code for _, code, _, _ in refused):
            # Nothing is kept of it, so that the same document may be sent again when there is money.
            return Refusal(*refused[0][1:], transient=True)
        if like is None:
            nothing = Bulk(
                payer_bank=payer.address,
                payee_bank=payee.address,
                provider="",
                rate="",
                message_id=first,
                answer_by=context.now,
                decide_by=context.now,
                entries=(),
            )
            return Decision(ENDED, nothing, answer=answer)
        offer = found[0][2]
        bulk = Bulk(
            payer_bank=payer.address,
            payee_bank=payee.address,
            provider=offer.provider,
            rate=offer.rate,
            margin_ppm=offer.margin_ppm,
            message_id=first,
            urgent=like.urgent,
            sent_at=context.now,
            answer_by=context.now + corridor.answer_time,
            decide_by=context.now + corridor.answer_time + corridor.grace,
            market=asked.market,
            entries=tuple(entry for _, entry, _ in found),
        )
        return replace(self._send(bulk, [document for document, _, _ in found], context), answer=answer)

    def _checked(
        self,
        part: Part,
        first: str,
        place: Place | Refusal,
        purse: Purse,
        like: "Like | None",
        taken: dict[str, str],
        context: Context,
    ) -> tuple[Entry, Offer, bool] | Refusal:
        """One payment with the offer it goes by and whether it is urgent, or why it does not go."""
        problem = check.duplicate(part.uetr, taken, context)
        if problem is not None:
            return problem
        ordered = check.read_transfer(part.document, part.transfer)
        if isinstance(ordered, Refusal):
            return ordered
        problem = check.bulk_problem(ordered, None if like is None else like.urgent)
        if problem is not None:
            return problem
        transaction = ordered.transaction
        given, rate = transaction.instructed_amount, transaction.agreed_rate
        if given is None or rate is None or not transaction.charges:
            detail = "it names its rate, its amounts and the payee's bank"
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, detail, check.TRANSACTION)
        if isinstance(place, Refusal):
            return replace(place, pointer=check.TRANSACTION)
        made = offers_at(
            place, (given, transaction.charges[0].amount), rate.rate, context, like.provider if like else ""
        )
        if isinstance(made, Refusal):
            return replace(made, pointer=check.TRANSACTION)
        offer = made[0]
        agreed = check.Agreed(None, None, offer, place.corridor, purse.bank, place.payee)
        problem = check.defect(ordered, agreed, self._directory, context)
        if problem is not None:
            return problem
        if self._screen(names_of(transaction)) != ():
            return Refusal.of(
                PaymentRefusal.GOES_ALONE, "it has to be looked at, and waits by itself", check.TRANSACTION
            )
        short = purse.take(offer.exchange.debit_minor)
        if short is not None:
            return replace(short, pointer=check.TRANSACTION)
        spend(place, offer)
        entry = new_entry(part, first, offer.exchange, SENT, spread_minor=offer.spread_minor)
        return entry, offer, ordered.urgent

    def _send(self, bulk: Bulk, documents: list[bytes], context: Context) -> Decision[Any]:
        total = total_of(bulk.entries)
        terms = BulkTerms(
            answer_by=instant.to_text(bulk.answer_by),
            decide_by=instant.to_text(bulk.decide_by),
            priority="HIGH" if bulk.urgent else "NORM",
            provider=bulk.provider,
            rate=bulk.rate,
        )
        draft = Draft(BULK, bulk.payer_bank, bulk.payee_bank, write_bulk(terms, documents), PARTS_MEDIA_TYPE)
        low = position_notices(self._directory, context.ledger, bulk.payer_bank, total.debit_minor)
        there = member_of(bulk.payee_bank)
        low += abroad_notices(self._directory, context.ledger, bulk.provider, there, total.destination_minor)
        return Decision(
            OPEN,
            bulk,
            messages=(draft,),
            notices=low,
            transfers=self._holds(bulk, context),
            remind_at=_past(bulk),
            parties=(bulk.payer_bank, bulk.payee_bank, bulk.provider),
            names=tuple(entry.uetr for entry in bulk.entries),
        )

    def _holds(self, bulk: Bulk, context: Context) -> tuple[TransferOrder, ...]:
        total, case_id, name = total_of(bulk.entries), context.case_id, bulk.message_id
        return (
            Hold(f"{case_id}/fx.0", *self._provider_leg(bulk), total.destination_minor, reference=name),
            Hold(f"{case_id}/debit.0", *self._payer_leg(bulk), total.debit_minor, reference=name),
        )

    def _provider_leg(self, bulk: Bulk) -> tuple[str, str]:
        there = member_of(bulk.payee_bank)
        asset = self._directory.currencies[there]
        return abroad(bulk.provider, there, asset), mirror(there, asset)

    def _payer_leg(self, bulk: Bulk) -> tuple[str, str]:
        own = self._directory.currencies[member_of(bulk.payer_bank)]
        return position(bulk.payer_bank, own), transit(member_of(bulk.payee_bank), own)

    # --- the end of payments ---

    def take_answers(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """The payees' gateway answers some of them, or accepts urgent ones. What has ended stays as it is."""
        if message.origin != case.data.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank answers")
        try:
            said = read_answers(parted(message))
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        well = status.ACCEPTED if case.data.urgent else status.CREDITED
        end_well = self._end_well(case.data, context)
        ends: Ends = {}
        decided: list[int] = []
        case, released = self._released(case, said, context)
        for number, entry in enumerate(case.data.entries, 1):
            one = said.pop(entry.uetr, None)
            if one is None or entry.state not in ORDERED:
                continue
            if one.status in {well, status.BLOCKED}:
                blocks = one.status == status.BLOCKED and end_well.state == "settled"
                ends[number] = End("blocked", one.reason, one.detail) if blocks else end_well
                decided.append(number)
            elif one.status == status.REJECTED:
                ends[number] = End("rejected", one.reason, one.detail)
            elif one.status != status.PENDING:
                return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, f"{one.status[:4]} is no answer to this payment")
        if said:
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "it speaks of a payment that is not of this bulk")
        outcome = self._end(case, ends, context, decided if case.data.urgent else ())
        return replace(outcome, notices=(*released, *outcome.notices))

    def _released(
        self, case: BulkCase, said: Mapping[str, status.Told], context: Context
    ) -> tuple[BulkCase, tuple[Notice, ...]]:
        """With those that were blocked and are credited now: nothing moves, they were settled when blocked."""
        released = {
            number: replace(entry, state="settled", reason="", detail="", ended_at=context.now)
            for number, entry in enumerate(case.data.entries, 1)
            if entry.state == "blocked" and (one := said.get(entry.uetr)) and one.status == status.CREDITED
        }
        if not released:
            return case, ()
        notices = end_notices(case.data.payer_bank, released.values(), ("settled",))
        return replace(case, data=with_entries(case.data, released)), notices

    def _end_well(self, bulk: Bulk, context: Context) -> End:
        """What a good answer that comes now makes of a payment; an urgent one's acceptance may come too late."""
        if bulk.urgent and context.now > bulk.decide_by:
            return End("rejected", NO_ANSWER_GATEWAY, "too late")
        return End("settled")

    def take_refused(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """The payees' gateway cannot act on what was sent. Only a refused order is an end, of all."""
        if member_of(message.origin) != member_of(case.data.payee_bank):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's gateway refuses")
        body = refusal_told(message)
        if isinstance(body, Refusal):
            return body
        if body.kind != BULK:
            return self._as_it_is(case, context)
        return self._reject_open(case, reason_of(body.code, body.pointer), body.detail, context)

    def wait_over(self, case: BulkCase, _: Elapsed, context: Context) -> Outcome:
        """A time is over: try returns that wait, and reject what is unanswered or ask what has become of it.

        What is urgent is for this gateway to decide: it is rejected and told.
        """
        tried = unfold_due(case, "returning", self._reversal.try_again, context)
        case = replace(case, data=tried.data)
        bulk = case.data
        unanswered = [number for number, entry in enumerate(bulk.entries, 1) if entry.state in ORDERED]
        if not unanswered or context.now <= bulk.decide_by:
            return self._resting(tried, context)
        if bulk.urgent:
            return both(tried, self._reject_open(case, NO_ANSWER_GATEWAY, "no answer", context, tell=True))
        heard = context.heard_until(member_of(bulk.payee_bank))
        if heard is not None and heard > bulk.answer_by:
            detail = "the payee's gateway has signed later messages and no acceptance"
            return both(tried, self._reject_open(case, NO_ANSWER_GATEWAY, detail, context))
        asked = asked_once_more(bulk)
        # What has no room in one is asked about the next time.
        draft = draft_inquiry(case.id, asked, unanswered, context.now)
        told = {"uetrs": [bulk.entries[number - 1].uetr for number in unanswered]}
        notices = () if bulk.asked else (Notice(bulk.payer_bank, "payment.bulk-unknown", told),)
        wake = next_wake(asked, context.now + inquiry_wait(bulk.asked))
        return both(tried, Decision(ASKED, asked, messages=(draft,), remind_at=wake, notices=notices))

    def _reject_open(
        self, case: BulkCase, reason: str, detail: str, context: Context, *, tell: bool = False
    ) -> Decision[Any]:
        unanswered = [number for number, one in enumerate(case.data.entries, 1) if one.state in ORDERED]
        ends = dict.fromkeys(unanswered, End("rejected", reason, detail))
        return self._end(case, ends, context, unanswered if tell else ())

    def _end(self, case: BulkCase, ends: Ends, context: Context, told: Collection[int] = ()) -> Decision[Any]:
        """Post what is settled, free what is rejected, hold on to the rest, and tell what was decided here."""
        if not ends:
            return self._as_it_is(case, context)
        bulk, changed = end(case.data, ends, context.now)
        settled = [one for one in changed.values() if one.state in ("settled", "blocked")]
        left = [entry for entry in bulk.entries if entry.state in ORDERED]
        decided = Decision(
            case.state if left else ENDED,
            bulk,
            transfers=self._postings(case, settled, left),
            messages=drafts(DECISIONS, case.id, bulk, told, context.now),
            notices=end_notices(bulk.payer_bank, changed.values(), ("settled", "rejected", "blocked")),
        )
        return self._resting(decided, context)

    def _postings(self, case: BulkCase, settled: list[Entry], left: list[Entry]) -> tuple[TransferOrder, ...]:
        bulk, turn, name = case.data, case.data.turns, case.data.message_id
        own = self._directory.currencies[member_of(bulk.payer_bank)]
        paid, rest = total_of(settled), total_of(left)
        earned = sum(map(earned_minor, settled))
        way = transit(member_of(bulk.payee_bank), own)
        moves = (
            ("exchange", liquidity(bulk.provider, own), paid.source_minor - earned),
            ("spread", spread(bulk.provider, own), earned),
            ("fee", fees(bulk.payer_bank, own), paid.source_fee_minor),
        )
        debits, payouts = (paid.debit_minor, rest.debit_minor), (paid.destination_minor, rest.destination_minor)
        return (
            *part_of_hold(case.id, "debit", turn, self._payer_leg(bulk), *debits, name),
            *(Move(f"{case.id}/{kind}.{turn}", way, to, amount, name) for kind, to, amount in moves if amount),
            *part_of_hold(case.id, "fx", turn, self._provider_leg(bulk), *payouts, name),
        )

    def keep(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """A late answer to what is decided changes nothing."""
        if member_of(message.origin) != member_of(case.data.payee_bank):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's gateway answers")
        return self._as_it_is(case, context)

    def _as_it_is(self, case: BulkCase, context: Context) -> Decision[Any]:
        return self._resting(Decision(case.state, case.data), context)

    def _resting(self, decided: Decision[Any], context: Context) -> Decision[Any]:
        """The decision with the next look at the bulk."""
        bulk: Bulk = decided.data
        again = context.now + INQUIRY_LAST if decided.state == ASKED else _past(bulk)
        return replace(decided, remind_at=next_wake(bulk, again))

    # --- after the end of one ---

    def recall(self, case: BulkCase, command: Command, context: Context) -> Outcome:
        """The payers' bank asks for one of them back."""
        asked: OfBulk = command.body
        entry = entry_of(case.data, asked.number)
        if isinstance(entry, Refusal) or entry.state != "settled":
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "it has no settled payment of this number", "/number")
        given = replace(command, body=asked.body)
        return self._rested(unfold(case, asked.number, self._reversal.recall, given, context), context)

    def take_resolved(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """The payees' bank keeps one that was recalled."""
        return self._of_message(case, message, context, {"recalling": self._reversal.take_resolved})

    def take_returned(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """The payees' bank gives one back."""
        rule = self._reversal.take_returned
        return self._of_message(case, message, context, {"settled": rule, "recalling": rule, "blocked": rule})

    def restore_recall(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """Rebuild a recall from its own message, given back after a loss."""
        return self._of_message(case, message, context, {"settled": self._reversal.restore_recall})

    def _of_message(self, case: BulkCase, message: Received, context: Context, rules: Mapping[str, Rule]) -> Outcome:
        return self._rested(unfold_told(case, message, context, rules), context)

    def _rested(self, outcome: Outcome, context: Context) -> Outcome:
        return outcome if isinstance(outcome, Refusal) else self._resting(outcome, context)

    # --- after a loss ---

    def restore_order(self, _: None, message: Received, context: Context) -> Outcome:
        """Rebuild a bulk from its own order, given back after a loss, with its holds."""
        try:
            terms, documents = read_bulk(message.body)
            parts = read_parts(documents)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        there, rate = self._directory.currencies.get(member_of(message.destination)), rate_of(terms.rate)
        if there is None or isinstance(rate, Refusal):
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the corridor's plan serves this bulk no more")
        first, own = parts[0].transfer.header.message_id, self._directory.currencies[context.member]
        entries = [_restored(part, first, rate, own, there) for part in parts]
        wrong = next((one for one in entries if isinstance(one, Refusal)), None)
        if wrong is not None:
            return wrong
        taken = context.named(part.uetr for part in parts)
        bulk = Bulk(
            payer_bank=message.origin,
            payee_bank=message.destination,
            provider=terms.provider,
            rate=terms.rate,
            message_id=first,
            urgent=terms.priority == "HIGH",
            sent_at=message.created_at,
            answer_by=instant.from_text(terms.answer_by),
            decide_by=instant.from_text(terms.decide_by),
            entries=tuple(one for one in entries if isinstance(one, Entry)),
        )
        return Decision(
            OPEN,
            bulk,
            transfers=self._holds(bulk, context),
            remind_at=_past(bulk),
            parties=(bulk.payer_bank, bulk.payee_bank, bulk.provider),
            # Before it came back another may have taken its UETR, which the payees' gateway then refuses.
            names=tuple(entry.uetr for entry in bulk.entries if entry.uetr not in taken),
        )

    def restore_inquiry(self, case: BulkCase, _: Received, context: Context) -> Outcome:
        """Rebuild that this gateway asked, from its own inquiry given back after a loss."""
        asked = asked_once_more(case.data)
        return Decision(ASKED, asked, remind_at=next_wake(asked, context.now + INQUIRY_LAST))

    def restore_decisions(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """Rebuild the ends of urgent payments from what this gateway told of them, given back after a loss."""
        try:
            said = read_answers(message.body)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        ends: Ends = {}
        for number, entry in enumerate(case.data.entries, 1):
            one = said.get(entry.uetr)
            if one is not None and entry.state in ORDERED:
                state = {status.SETTLED: "settled", status.BLOCKED: "blocked"}.get(one.status, "rejected")
                ends[number] = End(state, one.reason, one.detail)
        return self._end(case, ends, context)


class Like(NamedTuple):
    """What every payment of a bulk has in common with the first that is right: its FX provider, and its priority."""

    provider: str
    urgent: bool


def _restored(part: Part, first: str, rate: Rate, own: Asset, there: Asset) -> Entry | Refusal:
    exchange = exchange_at(part.transfer.transactions[0], rate, own, there)
    return exchange if isinstance(exchange, Refusal) else new_entry(part, first, exchange, SENT)


def _past(bulk: Bulk) -> datetime:
    """The first instant at which an answer is late."""
    return bulk.decide_by + timedelta(milliseconds=1)
