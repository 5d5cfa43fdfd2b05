"""How an FX provider's money becomes spendable at another gateway, and returns.

``allocate`` at home sets money aside and tells the other gateway; from then on only that gateway's word moves it.
``release-funds`` there gives back what is not reserved and tells home. In between the money is in neither spendable
balance: so the two gateways' books of it never add up to more than there is.
"""

from typing import Any

import msgspec

from darwaza.errors import MalformedError
from darwaza.kernel.machine import Command, Context, Decision, Draft, Notice, Received, Refusal
from darwaza.kernel.message import JSON_MEDIA_TYPE, member_of
from darwaza.ledger.money import to_minor
from darwaza.ledger.order import Move
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.liquidity import abroad_notices
from darwaza.services.payments.message import ALLOCATED, RELEASED, Allocate, Release, read_funds, write_funds
from darwaza.services.payments.plan import Directory, abroad, liquidity, mirror, set_aside
from darwaza.services.payments.record import Funding

Outcome = Decision[Any] | Refusal
replace = msgspec.structs.replace
MOVED = "moved"


class FundingRules:
    """Rules of an FXP's funds."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def allocate(self, _: None, command: Command, context: Context) -> Outcome:
        """Set money aside at home for another gateway."""
        asked: Allocate = command.body
        user = f"{asked.to}/{command.party.partition('/')[2]}"
        problem = self._problem(command.party, user)
        if problem is not None:
            return problem
        asset = self._directory.currencies[context.member]
        amount = to_minor(asked.amount, asset, "/amount")
        if isinstance(amount, Refusal):
            return amount
        draft = Draft(ALLOCATED, command.party, user, write_funds(amount), JSON_MEDIA_TYPE)
        return replace(self._set_aside(command.party, user, amount, context), messages=(draft,))

    def restore_allocated(self, _: None, message: Received, context: Context) -> Outcome:
        """Rebuild from this gateway's own word, given back after a loss, that money was set aside."""
        try:
            amount = read_funds(message.body)
        except MalformedError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        return self._set_aside(message.origin, message.destination, amount, context)

    def _set_aside(self, home: str, user: str, amount: int, context: Context) -> Decision[Any]:
        asset = self._directory.currencies[context.member]
        move = Move(f"{context.case_id}/allocate", liquidity(home, asset), set_aside(user, asset), amount)
        funding = Funding(home, user, amount, given_back=False)
        return Decision(MOVED, funding, transfers=(move,), parties=(home, user))

    def take_allocated(self, _: None, message: Received, context: Context) -> Outcome:
        """Money set aside elsewhere may be spent here."""
        problem = self._problem(message.destination, message.origin)
        if problem is not None:
            return problem
        return self._at_user(message.origin, message.destination, message.body, context, given_back=False)

    def release(self, _: None, command: Command, context: Context) -> Outcome:
        """Give money back that is not reserved."""
        asked: Release = command.body
        home = f"{asked.to}/{command.party.partition('/')[2]}"
        problem = self._problem(command.party, home)
        if problem is not None:
            return problem
        amount = to_minor(asked.amount, self._directory.currencies[asked.to], "/amount")
        if isinstance(amount, Refusal):
            return amount
        return self._at_user(home, command.party, write_funds(amount), context, given_back=True)

    def _at_user(self, home: str, user: str, body: bytes, context: Context, *, given_back: bool) -> Outcome:
        try:
            amount = read_funds(body)
        except MalformedError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        member = member_of(home)
        asset = self._directory.currencies[member]
        accounts = (abroad(user, member, asset), mirror(member, asset))
        debit, credit = accounts if given_back else accounts[::-1]
        move = Move(f"{context.case_id}/{'release' if given_back else 'allocated'}", debit, credit, amount)
        draft = Draft(RELEASED, user, home, body, JSON_MEDIA_TYPE)
        heard = (
            abroad_notices(self._directory, context.ledger, user, member, amount)
            if given_back
            else (Notice(user, "payments.funds-allocated", self._directory.money(member, amount)),)
        )
        return Decision(
            MOVED,
            Funding(home, user, amount, given_back=given_back),
            transfers=(move,),
            messages=(draft,) if given_back else (),
            parties=(home, user),
            notices=heard,
        )

    def restore_released(self, _: None, message: Received, context: Context) -> Outcome:
        """Rebuild from this gateway's own word, given back after a loss, that money went home.

        It comes back before the neighbour's word that the money was set aside, and nothing more will follow it: so it
        is tried again until the money is here, and nobody else can spend that in between.
        """
        user, home = message.origin, message.destination
        account = context.ledger.account(abroad(user, member_of(home), self._directory.currencies[member_of(home)]))
        if account is None or account.balance.available < read_funds(message.body):
            return Refusal.of(PaymentRefusal.FUNDS_AWAITED, "the money that was released is not back yet")
        outcome = self._at_user(message.destination, message.origin, message.body, context, given_back=True)
        return outcome if isinstance(outcome, Refusal) else replace(outcome, messages=(), notices=())

    def take_released(self, _: None, message: Received, context: Context) -> Outcome:
        """Money that was set aside is free again."""
        problem = self._problem(message.destination, message.origin)
        if problem is not None:
            return problem
        try:
            amount = read_funds(message.body)
        except MalformedError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        asset = self._directory.currencies[context.member]
        home, user = message.destination, message.origin
        move = Move(f"{context.case_id}/released", set_aside(user, asset), liquidity(home, asset), amount)
        notice = Notice(home, "payments.funds-released", self._directory.money(context.member, amount))
        funding = Funding(home, user, amount, given_back=True)
        return Decision(MOVED, funding, transfers=(move,), parties=(home, user), notices=(notice,))

    def _problem(self, here: str, there: str) -> Refusal | None:
        """Both ends are the same FX provider at two gateways that a corridor joins."""
        if self._directory.participant(here, "fxp") is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only an FX provider moves its funds")
        joined = member_of(there) in self._directory.neighbours(member_of(here))
        same = here.partition("/")[2] == there.partition("/")[2]
        if not joined or not same or self._directory.participant(there, "fxp") is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, f"{there} is not this provider at a joined gateway", "/to")
        return None
