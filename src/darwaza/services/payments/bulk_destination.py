"""A bulk at the payees' gateway: each payment checked and screened by itself, and what the payees' bank says of each.

The FX provider's money for all is held from the order's arrival on. What is wrong is refused at once; the bank may
accept the rest until ``answer_by``, one by one or many in a request, and each acceptance credits at once. What was said
in one request is told in one message, or as many as its size asks for.

In an urgent bulk an acceptance moves nothing: the payment is credited when the payers' gateway has decided so, and
refused when that gateway's log has gone past ``decide_by`` without a decision in it, as a single urgent payment is.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from darwaza.errors import MessageError
from darwaza.kernel import instant
from darwaza.kernel.machine import Case, Command, Context, Decision, Elapsed, Notice, Received, Refusal
from darwaza.kernel.message import GATEWAY_PARTY, member_of
from darwaza.ledger.order import Hold, Move, TransferOrder
from darwaza.ledger.rate import Rate
from darwaza.services.payments import check, status
from darwaza.services.payments.answers import drafts, parted, read_answers, read_inquiries
from darwaza.services.payments.bulk import Part, new_entry, pointer_in, read_parts
from darwaza.services.payments.code import (
    NO_ANSWER_CREDITOR_AGENT,
    NO_ANSWER_GATEWAY,
    PaymentRefusal,
    reason_of,
)
from darwaza.services.payments.destination import DECISION_WITHIN, LISTEN_AGAIN
from darwaza.services.payments.entry import (
    End,
    Ends,
    end,
    end_notices,
    entry_of,
    is_open,
    kept_hits,
    next_wake,
    part_of_hold,
    total_of,
    with_entries,
)
from darwaza.services.payments.fold import Rule, both, unfold, unfold_due, unfold_told
from darwaza.services.payments.message import (
    ANSWERS,
    BULK,
    AnswerBulk,
    OfBulk,
    Vetted,
    read_bulk,
    refusal_told,
)
from darwaza.services.payments.plan import Directory, Participant, fees, position, set_aside, suspense, transit
from darwaza.services.payments.record import Bulk, Entry
from darwaza.services.payments.reversal import ReversalRules
from darwaza.services.payments.screening import SCREENING, Screener, names_of
from darwaza.services.payments.state import ACCEPTED, FREEZING, PROMISED, WAITING
from darwaza.services.payments.suspense import SuspenseRules
from darwaza.services.payments.terms import exchange_at, fee_problem, rate_of

Outcome = Decision[Any] | Refusal
BulkCase = Case[Bulk]
replace = msgspec.structs.replace
OPEN, ENDED = "bulk-asked", "bulk-answered"
_TICK = timedelta(milliseconds=1)
"""After a deadline, the first instant past it."""


class BulkDestinationRules:
    """See the module."""

    def __init__(self, directory: Directory, screen: Screener) -> None:
        self._directory = directory
        self._screen = screen
        self._reversal = ReversalRules(directory)
        self._suspense = SuspenseRules(directory)

    # --- the order ---

    def take_order(self, _: None, message: Received, context: Context) -> Outcome:
        """Hold the provider's money and ask the payees' bank; what is wrong is refused, each by itself."""
        try:
            terms, documents = read_bulk(parted(message))
            answer_by, decide_by = instant.from_text(terms.answer_by), instant.from_text(terms.decide_by)
            parts = read_parts(documents)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        payee = self._directory.participant(message.destination, "psp")
        payer = self._directory.participant(message.origin, "psp")
        provider = self._directory.participant(terms.provider, "fxp")
        rate = rate_of(terms.rate)
        if payee is None or payer is None or not context.party_known(message.destination):
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, f"{message.destination} is not served here", "/CdtrAgt")
        problem = self._order_problem(provider, payer, payee, (answer_by, decide_by), context)
        if problem is not None:
            return problem
        if isinstance(rate, Refusal):
            return rate
        entries: list[Entry] = []
        refused: Ends = {}
        urgent = terms.priority == "HIGH"
        known = context.named(part.uetr for part in parts)
        first = parts[0].transfer.header.message_id
        for number, part in enumerate(parts, 1):
            entry, problem = self._entry(part, first, rate, payer, payee, known, context, urgent=urgent)
            if isinstance(entry, Refusal):
                # Its amounts are not known, so neither is what to hold: the order as a whole is not what it says.
                return replace(entry, pointer=pointer_in(entry.pointer, number))
            entries.append(entry)
            if problem is not None:
                refused[number] = End("refused", reason_of(problem.code, problem.pointer), problem.detail)
        held = total_of(entries).destination_minor
        bulk = Bulk(
            payer_bank=message.origin,
            payee_bank=message.destination,
            provider=terms.provider,
            rate=terms.rate,
            message_id=first,
            urgent=urgent,
            answer_by=answer_by,
            decide_by=decide_by,
            entries=tuple(entries),
        )
        return self._opened(bulk, refused, held, known, context)

    def _order_problem(
        self,
        provider: Participant | None,
        payer: Participant,
        payee: Participant,
        times: tuple[datetime, datetime],
        context: Context,
    ) -> Refusal | None:
        """What is wrong with an order as a whole."""
        answer_by, decide_by = times
        if provider is None or provider.member != payer.member:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the provider is not of the payer's member", "/provider")
        if self._directory.corridor(payer.member, payee.member) is None:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "there is no such corridor")
        if context.now > answer_by:
            return Refusal.of(PaymentRefusal.TOO_LATE, "it came after the time to answer")
        if not context.now <= decide_by <= context.now + DECISION_WITHIN or answer_by > decide_by:
            return Refusal.of(PaymentRefusal.TIME_WRONG, "its times lie too far ahead", "/decide_by")
        return None

    def _opened(self, bulk: Bulk, refused: Ends, held: int, known: dict[str, str], context: Context) -> Decision[Any]:
        hold = Hold(f"{context.case_id}/fx.0", *self._leg(bulk), held, reference=bulk.message_id)
        parties, notices = [bulk.payer_bank, bulk.payee_bank], []
        if any(entry.state == "screened" for entry in bulk.entries):
            parties += self._directory.operators(context.member)
        if any(entry.state == "checking" for entry in bulk.entries):
            gateway = f"{context.member}/{GATEWAY_PARTY}"
            parties.append(gateway)
            notices.append(Notice(gateway, SCREENING))
        asked = [n for n, entry in enumerate(bulk.entries, 1) if entry.state == "asked" and n not in refused]
        if asked:
            notices.append(self._asked(bulk, asked, context))
        ended = self._ended(context.case_id, OPEN, bulk, refused, context)
        return replace(
            ended,
            transfers=(hold, *ended.transfers),
            notices=(*notices, *ended.notices),
            parties=tuple(parties),
            names=tuple(entry.uetr for entry in bulk.entries if entry.uetr not in known),
        )

    def _asked(self, bulk: Bulk, numbers: list[int], context: Context) -> Notice:
        """The payees' bank is told which payments wait for its word: their numbers, as it names them by."""
        credit = total_of(bulk.entries[number - 1] for number in numbers).credit_minor
        told = {"numbers": numbers, "credit": self._directory.money(context.member, credit)}
        return Notice(bulk.payee_bank, "payment.bulk-asked", told)

    def _entry(
        self,
        part: Part,
        first: str,
        rate: Rate,
        payer: Participant,
        payee: Participant,
        known: dict[str, str],
        context: Context,
        *,
        urgent: bool,
    ) -> tuple[Entry | Refusal, Refusal | None]:
        """One payment with what is wrong with it; a refusal in its place when its amounts cannot be known."""
        transaction = part.transfer.transactions[0]
        currencies = self._directory.currencies
        exchange = exchange_at(transaction, rate, currencies[payer.member], currencies[payee.member])
        if isinstance(exchange, Refusal):
            return exchange, None
        hits = self._screen(names_of(transaction))
        state = "checking" if hits is None else "screened" if hits else "asked"
        entry = new_entry(part, first, exchange, state, hits=kept_hits(hits or ()))
        problem = self._problem(part, payer, payee, known, context, urgent=urgent)
        return entry, problem or fee_problem(exchange, payee)

    def _problem(
        self,
        part: Part,
        payer: Participant,
        payee: Participant,
        known: dict[str, str],
        context: Context,
        *,
        urgent: bool,
    ) -> Refusal | None:
        problem = check.duplicate(part.uetr, known, context)
        if problem is not None:
            return problem
        ordered = check.read_transfer(part.document, part.transfer)
        if isinstance(ordered, Refusal):
            return ordered
        transaction = ordered.transaction
        if (transaction.debtor_agent.bic, transaction.creditor_agent.bic) != (payer.bic, payee.bic):
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the agents are not those the order goes between")
        return check.bulk_problem(ordered, urgent)

    def _leg(self, bulk: Bulk) -> tuple[str, str]:
        own = self._directory.currencies[member_of(bulk.payee_bank)]
        return set_aside(bulk.provider, own), transit(member_of(bulk.payer_bank), own)

    # --- screening ---

    def take_vetted(self, case: BulkCase, command: Command, context: Context) -> Outcome:
        """A screener that took its time has answered on one of them."""
        asked: OfBulk = command.body
        given: Vetted = asked.body
        if command.party != f"{context.member}/{GATEWAY_PARTY}":
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the gateway says what screening found")
        entry = entry_in(case.data, asked.number, "checking")
        if isinstance(entry, Refusal):
            return entry
        state = "screened" if given.hits else "asked"
        decided = self._changed(case, asked.number, replace(entry, state=state, hits=kept_hits(given.hits)), context)
        return replace(decided, parties=self._directory.operators(context.member)) if given.hits else decided

    def _changed(self, case: BulkCase, number: int, entry: Entry, context: Context) -> Decision[Any]:
        bulk = with_entries(case.data, {number: entry})
        notices = (self._asked(bulk, [number], context),) if entry.state == "asked" else ()
        return self._resting(Decision(case.state, bulk, notices=notices), context)

    # --- the payees' bank ---

    def answer(self, case: BulkCase, command: Command, context: Context) -> Outcome:
        """The payees' bank's words; each on one payment, and each answered by itself."""
        asked: AnswerBulk = command.body
        if command.party != case.data.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payee's bank answers")
        bulk, over = case.data, context.now > case.data.answer_by
        taken = ACCEPTED if bulk.urgent else "credited"
        ends: Ends = {}
        told: list[tuple[int, str]] = []
        for word in asked.words:
            entry = entry_of(case.data, word.number)
            if isinstance(entry, Refusal) or word.number in ends or entry.state != "asked":
                told.append((word.number, "not_in_state"))
            elif over and not word.reason:
                told.append((word.number, PaymentRefusal.TOO_LATE.code))
            else:
                ends[word.number] = End("refused" if word.reason else taken, word.reason, word.detail)
        return replace(self._ended(case.id, case.state, bulk, ends, context), answer={"refused": told, "taken": taken})

    def wait_over(self, case: BulkCase, _: Elapsed, context: Context) -> Outcome:
        """Somebody was silent: the payees' bank on payments or recalls, or the payers' gateway, which had to decide."""
        looked = unfold_due(case, "recalled", self._reversal.recall_over, context)
        bulk: Bulk = looked.data
        silent = self._silent(bulk, context)
        # What the payers' gateway did not decide it has rejected already; nobody needs to be told.
        ends = silent or self._undecided(bulk, context)
        return both(looked, self._ended(case.id, case.state, bulk, ends, context, tell=bool(silent)))

    def _silent(self, bulk: Bulk, context: Context) -> Ends:
        """The ends of what the payees' bank has not answered in time."""
        if context.now <= bulk.answer_by:
            return {}
        end_of = End("refused", NO_ANSWER_CREDITOR_AGENT, "the payee's bank did not answer in time")
        return {n: end_of for n, entry in enumerate(bulk.entries, 1) if entry.state in WAITING}

    def _undecided(self, bulk: Bulk, context: Context) -> Ends:
        """The ends of what was accepted, as soon as it is proven that it was not decided."""
        heard = context.heard_until(member_of(bulk.payer_bank))
        if heard is None or heard <= bulk.decide_by:
            return {}
        detail = "the payer's gateway has signed later messages and no decision"
        end_of = End("refused", NO_ANSWER_GATEWAY, detail)
        return {n: end_of for n, entry in enumerate(bulk.entries, 1) if entry.state in PROMISED}

    # --- ends ---

    def _ended(
        self, case_id: str, state: str, bulk: Bulk, ends: Ends, context: Context, *, tell: bool = True
    ) -> Decision[Any]:
        """Accept, credit and refuse payments, and tell it; what has not ended keeps its part of what is held."""
        if not ends:
            return self._resting(Decision(state, bulk), context)
        after, changed = end(bulk, ends, context.now)
        decided = Decision(
            OPEN if any(map(is_open, after.entries)) else ENDED,
            after,
            transfers=self._postings(case_id, after, changed) if after.turns > bulk.turns else (),
            messages=drafts(ANSWERS, case_id, after, changed, context.now) if tell else (),
            notices=end_notices(bulk.payee_bank, changed.values(), ("credited", "refused", "frozen")),
        )
        return self._resting(decided, context)

    def _postings(self, case_id: str, bulk: Bulk, changed: dict[int, Entry]) -> tuple[TransferOrder, ...]:
        credited = [one for one in changed.values() if one.state == "credited"]
        frozen = total_of(one for one in changed.values() if one.state == "frozen").destination_minor
        left = [one for one in bulk.entries if is_open(one)]
        own, payee = self._directory.currencies[member_of(bulk.payee_bank)], bulk.payee_bank
        leg, turn = self._leg(bulk), bulk.turns - 1
        paid, rest = total_of(credited), total_of(left).destination_minor
        moves = (
            ("credit", position(payee, own), paid.credit_minor),
            ("fee", fees(payee, own), paid.destination_fee_minor),
            ("block", suspense(member_of(payee), own), frozen),
        )
        return (
            *part_of_hold(case_id, "fx", turn, leg, paid.destination_minor + frozen, rest, bulk.message_id),
            *(
                Move(f"{case_id}/{kind}.{turn}", leg[1], to, amount, bulk.message_id)
                for kind, to, amount in moves
                if amount
            ),
        )

    def _resting(self, decided: Decision[Any], context: Context) -> Decision[Any]:
        """The decision with the next look at the bulk."""
        bulk: Bulk = decided.data
        states = {entry.state for entry in bulk.entries}
        times = [bulk.answer_by + _TICK] if states.intersection(WAITING) else []
        if states.intersection(PROMISED):
            past = bulk.decide_by + _TICK
            times.append(past if past > context.now else context.now + LISTEN_AGAIN)
        return replace(decided, remind_at=next_wake(bulk, min(times, default=None)))

    # --- the payers' gateway ---

    def take_decisions(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """The payers' gateway has decided on urgent ones. What has ended stays as it is."""
        if message.origin != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's gateway decides")
        try:
            said = read_answers(parted(message))
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        ends: Ends = {}
        for number, entry in enumerate(case.data.entries, 1):
            one = said.pop(entry.uetr, None)
            if one is None or not is_open(entry):
                continue
            if one.status == status.REJECTED:
                ends[number] = End("refused", one.reason, one.detail)
            elif one.status == status.SETTLED and entry.state == ACCEPTED:
                ends[number] = End("credited")
            elif one.status == status.BLOCKED and entry.state == FREEZING:
                ends[number] = End("frozen", entry.reason, entry.detail)
            else:
                # Also after a loss, when the acceptance is not back: taken later, or else not as it was decided.
                return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, f"{one.status[:4]} decides nothing here")
        if said:
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "it speaks of a payment that is not of this bulk")
        return self._ended(case.id, case.state, case.data, ends, context, tell=False)

    def keep(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """A word on what has ended changes nothing."""
        if message.origin != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's gateway decides")
        return self._resting(Decision(case.state, case.data), context)

    def take_inquiry(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """Say what has become of the payments asked for."""
        if message.origin != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's bank asks")
        try:
            wanted = read_inquiries(parted(message))
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        numbers = [number for number, entry in enumerate(case.data.entries, 1) if entry.uetr in wanted]
        messages = drafts(ANSWERS, case.id, case.data, numbers, context.now)
        return self._resting(Decision(case.state, case.data, messages=messages), context)

    # --- after the end of one ---

    def take_recall(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """The payers' bank asks for one of them back: the payees' bank decides."""
        rules = {"credited": self._reversal.take_recall, "given-back": self._reversal.crossed}
        return self._of_message(case, message, context, rules)

    def take_refunded(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """The payers' gateway tells what its bank gets for one that was returned."""
        return self._of_message(case, message, context, {"given-back": self._reversal.take_refunded})

    def give_back(self, case: BulkCase, command: Command, context: Context) -> Outcome:
        """The payees' bank returns one of them."""
        return self._of_command(case, command, context, ("credited", "recalled"), self._reversal.give_back)

    def keep_it(self, case: BulkCase, command: Command, context: Context) -> Outcome:
        """The payees' bank refuses a recall."""
        return self._of_command(case, command, context, ("recalled",), self._reversal.keep_it)

    def _of_command(
        self, case: BulkCase, command: Command, context: Context, states: tuple[str, ...], rule: Rule
    ) -> Outcome:
        asked: OfBulk = command.body
        entry = entry_in(case.data, asked.number, *states)
        if isinstance(entry, Refusal):
            return entry
        return self._rested(unfold(case, asked.number, rule, replace(command, body=asked.body), context), context)

    def _of_message(self, case: BulkCase, message: Received, context: Context, rules: Mapping[str, Rule]) -> Outcome:
        return self._rested(unfold_told(case, message, context, rules), context)

    def _rested(self, outcome: Outcome, context: Context) -> Outcome:
        return outcome if isinstance(outcome, Refusal) else self._resting(outcome, context)

    # --- after a loss ---

    def restore_answers(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """Rebuild what this gateway told of payments, given back after a loss."""
        try:
            answers = read_answers(message.body)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        ends: Ends = {}
        for number, entry in enumerate(case.data.entries, 1):
            one = answers.get(entry.uetr)
            if one is not None and (entry.state, one.status) == ("frozen", status.CREDITED):
                return self._rested(unfold(case, number, self._suspense.restore_release, message, context), context)
            if one is None or not is_open(entry):
                continue
            if one.status == status.CREDITED:
                ends[number] = End("credited", detail=one.detail)
            elif one.status == status.REJECTED:
                ends[number] = End("refused", one.reason, one.detail)
            elif one.status == status.ACCEPTED:
                ends[number] = End(ACCEPTED)
            elif one.status == status.BLOCKED:
                ends[number] = End(FREEZING if case.data.urgent else "frozen", one.reason, one.detail)
        return self._ended(case.id, case.state, case.data, ends, context, tell=False)

    def restore_refused(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """Refuse an order that this gateway had refused before a loss: that came back after the order."""
        body = refusal_told(message)
        if isinstance(body, Refusal):
            return body
        ends: Ends = {}
        if body.kind == BULK:
            end_of = End("refused", reason_of(body.code, body.pointer), body.detail)
            ends = {number: end_of for number, entry in enumerate(case.data.entries, 1) if is_open(entry)}
        return self._ended(case.id, case.state, case.data, ends, context, tell=False)

    def restore_returned(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """Rebuild a return from its own message, given back after a loss."""
        rule = self._reversal.restore_returned
        return self._of_message(case, message, context, {"credited": rule, "recalled": rule, "frozen": rule})

    def restore_resolved(self, case: BulkCase, message: Received, context: Context) -> Outcome:
        """Rebuild a refused recall from its own message, given back after a loss."""
        return self._of_message(case, message, context, {"recalled": self._reversal.restore_resolved})


def entry_in(bulk: Bulk, number: int, *states: str) -> Entry | Refusal:
    """The payment of a number, if it is in one of these states."""
    entry = entry_of(bulk, number)
    if isinstance(entry, Refusal) or entry.state in states:
        return entry
    return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, f"the payment is {entry.state}", "/number")
