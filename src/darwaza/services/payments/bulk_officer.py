"""What compliance at the payees' gateway says of payments of a bulk that screening has stopped; see ``officer``."""

from typing import Any

import msgspec

from darwaza.kernel.machine import Command, Context, Decision, Refusal
from darwaza.services.payments.answers import drafts
from darwaza.services.payments.bulk_destination import BulkCase, BulkDestinationRules, entry_in
from darwaza.services.payments.code import REGULATORY, REGULATORY_DETAIL, PaymentRefusal
from darwaza.services.payments.entry import End, with_entries
from darwaza.services.payments.fold import Rule, unfold
from darwaza.services.payments.message import ANSWERS, OfBulk
from darwaza.services.payments.officer import decides, heard
from darwaza.services.payments.record import Bulk, Entry
from darwaza.services.payments.state import FREEZING

Outcome = Decision[Any] | Refusal
replace = msgspec.structs.replace


class BulkOfficerRules(BulkDestinationRules):
    """The rules of a bulk at the payees' gateway, with those of its officers."""

    def release(self, case: BulkCase, command: Command, context: Context) -> Outcome:
        """It may go on: the word of a second officer lets the payees' bank be asked, or credits it out of suspense."""
        asked: OfBulk = command.body
        if isinstance(entry_in(case.data, asked.number, "frozen"), Entry):
            return self._let_go(case, command, self._suspense.release, context)
        entry = self._heard(case, command, context)
        if isinstance(entry, Refusal):
            return entry
        state = "asked" if decides(entry.checks) else "screened"
        return self._changed(case, asked.number, replace(entry, state=state), context)

    def refuse(self, case: BulkCase, command: Command, context: Context) -> Outcome:
        """It goes back: nobody is asked, and the payer keeps its money, or the word of a second officer returns it."""
        asked: OfBulk = command.body
        if isinstance(entry_in(case.data, asked.number, "frozen"), Entry):
            return self._let_go(case, command, self._suspense.refuse, context)
        return self._ended_by(case, asked.number, self._heard(case, command, context), "refused", context)

    def block(self, case: BulkCase, command: Command, context: Context) -> Outcome:
        """The money may go neither on nor back: a second officer's word blocks it, or, if urgent, asks to."""
        asked: OfBulk = command.body
        entry = self._heard(case, command, context)
        if isinstance(entry, Refusal):
            return entry
        if not decides(entry.checks):
            return self._changed(case, asked.number, entry, context)
        if context.now > case.data.answer_by:
            return Refusal.of(PaymentRefusal.TOO_LATE, "the time to answer is over")
        state = FREEZING if case.data.urgent else "frozen"
        return self._ended_by(case, asked.number, entry, state, context)

    def _heard(self, case: BulkCase, command: Command, context: Context) -> Entry | Refusal:
        """The payment with one officer's word more."""
        asked: OfBulk = command.body
        entry = entry_in(case.data, asked.number, "screened")
        return entry if isinstance(entry, Refusal) else heard(entry, command, asked.body, context.now)

    def _ended_by(self, case: BulkCase, number: int, entry: Entry | Refusal, state: str, context: Context) -> Outcome:
        """The payment in its next state by the officers' words that it has."""
        if isinstance(entry, Refusal):
            return entry
        bulk, end = with_entries(case.data, {number: entry}), End(state, REGULATORY, REGULATORY_DETAIL)
        return self._ended(case.id, case.state, bulk, {number: end}, context)

    def _let_go(self, case: BulkCase, command: Command, rule: Rule, context: Context) -> Outcome:
        """What stands in suspense, by the rule of single payments; that it is credited is told as of a bulk."""
        asked: OfBulk = command.body
        outcome = unfold(case, asked.number, rule, replace(command, body=asked.body), context)
        if isinstance(outcome, Refusal):
            return outcome
        bulk: Bulk = outcome.data
        if bulk.entries[asked.number - 1].state == "credited":
            outcome = replace(outcome, messages=drafts(ANSWERS, case.id, bulk, (asked.number,), context.now))
        return self._resting(outcome, context)
