"""The ledger's part of ``darwaza fsck``: does what is stored agree with itself?

The auditor shares no code with the posting but the values and ``Transfer.effect``, and it checks that what ``effect``
rests on (what a hold's end posts and releases) agrees with the hold. It reports everything it finds and changes
nothing. Memory: one entry per account and per standing hold, whatever the number of transfers.

What it leaves to the store: that ids are unique (a primary key).
"""

from collections.abc import Iterable
from enum import Enum

import msgspec

from darwaza.ledger.account import Account, Balance
from darwaza.ledger.order import AMOUNT_MINOR_MAX
from darwaza.ledger.statement import Tally, trial_balance
from darwaza.ledger.transfer import Phase, Transfer


class Fault(Enum):
    """What can be wrong with a stored ledger; the value is the stable code."""

    SEQUENCE_BROKEN = "ledger_sequence_broken"
    TIME_REVERSED = "ledger_time_reversed"
    ACCOUNT_MISSING = "ledger_account_missing"
    ASSET_DIFFERS = "ledger_asset_differs"
    AMOUNT_IMPOSSIBLE = "ledger_amount_impossible"
    HOLD_MISSING = "ledger_hold_missing"
    HOLD_END_DIFFERS = "ledger_hold_end_differs"
    HOLD_END_UNTIMELY = "ledger_hold_end_untimely"
    BALANCE_DIFFERS = "ledger_balance_differs"
    NOT_BALANCED = "ledger_not_balanced"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        fault: what.
        subject: a transfer's id, an account's id, or an asset's text.
        detail: one sentence for a person.
    """

    fault: Fault
    subject: str
    detail: str


def audit(accounts: Iterable[Account], transfers: Iterable[Transfer]) -> list[Finding]:
    """Check a whole ledger.

    Args:
        accounts: all, with their stored totals.
        transfers: all, in ascending sequence; read once.

    Returns:
        What is wrong, empty for a sound ledger. Every balance is derived anew and compared; a standing hold past its
        expiry is no fault, the next batch ends it.
    """
    by_id = {account.id: account for account in accounts}
    tally = Tally()
    findings: list[Finding] = []
    holds: dict[str, Transfer] = {}
    previous: Transfer | None = None
    for transfer in transfers:
        findings += _chain_findings(previous, transfer)
        findings += _account_findings(by_id, transfer)
        findings += _amount_findings(transfer)
        if transfer.phase is Phase.HOLD:
            holds[transfer.id] = transfer
        elif transfer.phase is not Phase.MOVE:
            findings += _end_findings(holds.pop(transfer.hold_id or "", None), transfer)
        tally.enter(transfer)
        previous = transfer
    findings += _balance_findings(by_id, tally)
    findings += [
        Finding(Fault.NOT_BALANCED, str(asset), f"debits and credits differ: {total}")
        for asset, total in trial_balance(by_id.values()).items()
        if not total.balanced
    ]
    return findings


def _chain_findings(previous: Transfer | None, transfer: Transfer) -> Iterable[Finding]:
    expected = 1 if previous is None else previous.sequence + 1
    if transfer.sequence != expected:
        yield Finding(Fault.SEQUENCE_BROKEN, transfer.id, f"sequence {transfer.sequence} where {expected} is due")
    if previous is not None and transfer.applied_at < previous.applied_at:
        yield Finding(Fault.TIME_REVERSED, transfer.id, f"applied before its predecessor {previous.id!r}")


def _account_findings(accounts: dict[str, Account], transfer: Transfer) -> Iterable[Finding]:
    for account_id in (transfer.debit_account, transfer.credit_account):
        account = accounts.get(account_id)
        if account is None:
            yield Finding(Fault.ACCOUNT_MISSING, transfer.id, f"there is no account {account_id!r}")
        elif account.asset != transfer.asset:
            yield Finding(Fault.ASSET_DIFFERS, transfer.id, f"{account_id!r} holds {account.asset}")


def _amount_findings(transfer: Transfer) -> Iterable[Finding]:
    releasing = transfer.phase in (Phase.VOID, Phase.EXPIRE)
    amount_sound = transfer.amount_minor == 0 if releasing else 1 <= transfer.amount_minor <= AMOUNT_MINOR_MAX
    ending = releasing or transfer.phase is Phase.POST
    released_sound = transfer.released_minor >= 0 if ending else transfer.released_minor == 0
    if not (amount_sound and released_sound):
        detail = f"a {transfer.phase.value} of {transfer.amount_minor}, releasing {transfer.released_minor}"
        yield Finding(Fault.AMOUNT_IMPOSSIBLE, transfer.id, detail)


def _end_findings(hold: Transfer | None, end: Transfer) -> Iterable[Finding]:
    if hold is None:
        yield Finding(Fault.HOLD_MISSING, end.id, f"no standing hold {end.hold_id!r}: unknown, or ended before")
        return
    sides = (hold.debit_account, hold.credit_account, hold.amount_minor)
    if (end.debit_account, end.credit_account, end.amount_minor + end.released_minor) != sides:
        yield Finding(Fault.HOLD_END_DIFFERS, end.id, f"accounts or sum are not those of the hold {hold.id!r}")
    due = hold.expires_at is not None and hold.expires_at <= end.applied_at
    if (end.phase is Phase.POST and due) or (end.phase is Phase.EXPIRE and not due):
        yield Finding(Fault.HOLD_END_UNTIMELY, end.id, f"a {end.phase.value} at {end.applied_at} of {hold.id!r}")


def _balance_findings(accounts: dict[str, Account], tally: Tally) -> Iterable[Finding]:
    for account in accounts.values():
        derived: Balance = tally.balance(account.id)
        if account.balance != derived:
            yield Finding(Fault.BALANCE_DIFFERS, account.id, f"stored {account.balance}, derived {derived}")
