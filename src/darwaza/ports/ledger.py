"""Rows of the ledger as the store keeps them (``ports.store``)."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

MILLIARD: Final = 1_000_000_000


class AccountRow(NamedTuple):
    """What an account of the ledger is and how far it may go; ``darwaza.ledger.account`` tells each field.

    Blocks are 0 or 1, instants RFC 3339 text, the asset its text (``KZT/2``).
    """

    id: str
    owner: str
    asset: str
    kind: str
    floor_minor: int | None
    ceiling_minor: int | None
    debits_blocked: int
    credits_blocked: int
    opened_at: str
    closed_at: str | None


class BalanceRow(NamedTuple):
    """An account's totals; apart from its terms, so that a transfer writes little.

    Attributes:
        account_id: whose.
        debits_posted, debits_pending, credits_posted, credits_pending: see ``darwaza.ledger.account.Balance``.
        last_sequence: of the newest transfer on the account, 0 for none; an account's history starts here.
    """

    account_id: str
    debits_posted: int
    debits_pending: int
    credits_posted: int
    credits_pending: int
    last_sequence: int


class TotalsRow(NamedTuple):
    """What all accounts of one kind and asset come to.

    Attributes:
        asset: its text (``KZT/2``).
        kind: of the accounts.
        accounts: how many.
        debits_posted, debits_pending, credits_posted, credits_pending: sums over them, in minor units, of any size.
    """

    asset: str
    kind: str
    accounts: int
    debits_posted: int
    debits_pending: int
    credits_posted: int
    credits_pending: int


def totals_of(row: Sequence[Any]) -> TotalsRow:
    """Totals as a database adds them up: each sum in milliards and what is left, for one alone may be too large.

    Args:
        row: asset, kind, number of accounts, then for each of the four totals both halves.
    """
    halves = list(map(int, row[3:]))
    return TotalsRow(*row[:3], *(many * MILLIARD + few for many, few in zip(halves[::2], halves[1::2], strict=True)))


class TransferRow(NamedTuple):
    """An entry of the ledger; ``darwaza.ledger.transfer`` tells the fields up to ``applied_at``.

    Attributes:
        debit_before, credit_before: sequence of the former transfer on that account, 0 for none. So an account's
            history is a chain that needs no index.
    """

    sequence: int
    id: str
    phase: str
    debit_account: str
    credit_account: str
    asset: str
    amount_minor: int
    released_minor: int
    hold_id: str | None
    expires_at: str | None
    case_id: str | None
    reference: str | None
    applied_at: str
    debit_before: int
    credit_before: int


class RefusedOrderRow(NamedTuple):
    """An order that stays refused; ``refused`` is ``darwaza.ledger.transfer.RefusedOrder`` in MessagePack."""

    order_id: str
    refused: bytes
