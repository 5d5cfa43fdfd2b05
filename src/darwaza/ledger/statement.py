"""What the transfers say: balances at any moment, statements, the trial balance.

The transfers are the truth; an account's stored totals are a convenience that ``darwaza.ledger.audit`` holds against
them. All functions here take transfers in ascending sequence and read them once, so a store may stream them.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from darwaza.ledger.account import Account, Balance
from darwaza.ledger.asset import Asset
from darwaza.ledger.transfer import Transfer


class Tally:
    """The four totals of every account, summed up transfer by transfer."""

    def __init__(self) -> None:
        self._totals: dict[str, list[int]] = {}

    def enter(self, transfer: Transfer) -> None:
        """Add the effect of the next transfer."""
        pending, posted = transfer.effect()
        debit = self._totals.setdefault(transfer.debit_account, [0, 0, 0, 0])
        debit[0] += posted
        debit[1] += pending
        credit = self._totals.setdefault(transfer.credit_account, [0, 0, 0, 0])
        credit[2] += posted
        credit[3] += pending

    def balance(self, account_id: str) -> Balance:
        """The account's totals so far; zero for one no transfer touched."""
        return Balance(*self._totals.get(account_id, ()))

    def balances(self) -> dict[str, Balance]:
        """The totals so far of every account a transfer touched."""
        return {account_id: Balance(*totals) for account_id, totals in self._totals.items()}


def rederive(transfers: Iterable[Transfer], through_sequence: int | None = None) -> dict[str, Balance]:
    """Sum up all transfers from the first on.

    Args:
        transfers: ascending, from sequence 1.
        through_sequence: the last to count, for the balances as they stood then; None for all.

    Returns:
        The balance of every account that a counted transfer touches.
    """
    tally = Tally()
    for transfer in transfers:
        if through_sequence is not None and transfer.sequence > through_sequence:
            break
        tally.enter(transfer)
    return tally.balances()


class StatementLine(msgspec.Struct, frozen=True, gc=False):
    """One transfer as one account sees it.

    Attributes:
        transfer: with the account on one of its sides.
        posted_minor: what it added to ``Balance.posted``: negative for a debit, 0 for a hold or its release.
        balance: after it; the next line starts from it.
    """

    transfer: Transfer
    posted_minor: int
    balance: Balance


class Statement(msgspec.Struct, frozen=True):
    """An account over a stretch of the ledger.

    Attributes:
        account_id: the account.
        opening: its balance before the first line.
        lines: ascending in sequence.
        closing: its balance after the last line.
    """

    account_id: str
    opening: Balance
    lines: tuple[StatementLine, ...]
    closing: Balance


def statement(account_id: str, transfers: Iterable[Transfer], opening: Balance | None = None) -> Statement:
    """Draw up an account's statement.

    Args:
        account_id: the account.
        transfers: ascending; those of other accounts are passed over.
        opening: its balance before the first of them (``rederive(..., through_sequence)`` gives it); None for an
            account that had none.
    """
    start = balance = opening or Balance()
    lines = []
    for transfer in transfers:
        if account_id in (transfer.debit_account, transfer.credit_account):
            after = _after(account_id, balance, transfer)
            lines.append(StatementLine(transfer, after.posted - balance.posted, after))
            balance = after
    return Statement(account_id, start, tuple(lines), balance)


class TrialBalance(NamedTuple):
    """The totals of one asset over all its accounts, in its minor units; each pair is equal in a sound ledger (I1)."""

    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int

    @property
    def balanced(self) -> bool:
        """Whether no unit came from nowhere or went nowhere."""
        return self.debits_posted == self.credits_posted and self.debits_pending == self.credits_pending


def trial_balance(accounts: Iterable[Account]) -> dict[Asset, TrialBalance]:
    """Add up the totals of all accounts by asset."""
    totals: dict[Asset, list[int]] = {}
    for account in accounts:
        total = totals.setdefault(account.asset, [0, 0, 0, 0])
        total[0] += account.balance.debits_posted
        total[1] += account.balance.credits_posted
        total[2] += account.balance.debits_pending
        total[3] += account.balance.credits_pending
    return {asset: TrialBalance(*total) for asset, total in totals.items()}


def _after(account_id: str, balance: Balance, transfer: Transfer) -> Balance:
    pending, posted = transfer.effect()
    if account_id == transfer.debit_account:
        return msgspec.structs.replace(
            balance, debits_posted=balance.debits_posted + posted, debits_pending=balance.debits_pending + pending
        )
    return msgspec.structs.replace(
        balance, credits_posted=balance.credits_posted + posted, credits_pending=balance.credits_pending + pending
    )
