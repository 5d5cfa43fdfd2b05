"""A store for the ledger in plain dictionaries: the reader's contract, and the commit an engine would do."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from darwaza.ledger.account import Account, Balance
from darwaza.ledger.asset import Asset
from darwaza.ledger.book import Book, Changes
from darwaza.ledger.transfer import Phase, RefusedOrder, Transfer

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TENGE = Asset("KZT", 2)


class MemoryLedger:
    """Accounts, transfers and final refusals as committed; counts its reads."""

    def __init__(self, *accounts: Account) -> None:
        self.stored_accounts = {account.id: account for account in accounts}
        self.transfers: list[Transfer] = []
        self.refused: dict[str, RefusedOrder] = {}
        self.next_sequence = 1
        self.reads = 0

    def book(self, now: datetime = NOW) -> Book:
        return Book(self, now=now, next_sequence=self.next_sequence)

    def commit(self, changes: Changes) -> None:
        for account in changes.opened:
            assert account.id not in self.stored_accounts
        for account in changes.changed:
            assert account.id in self.stored_accounts
        self.stored_accounts |= {account.id: account for account in changes.opened + changes.changed}
        known = {transfer.id for transfer in self.transfers}
        ended = {transfer.hold_id for transfer in self.transfers}
        for transfer in changes.transfers:
            assert transfer.id not in known
            assert transfer.hold_id is None or transfer.hold_id not in ended
        self.transfers += changes.transfers
        self.refused |= {refused.order.id: refused for refused in changes.refused}
        self.next_sequence = changes.next_sequence

    def due(self, now: datetime) -> list[str]:
        ended = {transfer.hold_id for transfer in self.transfers}
        return [
            transfer.id
            for transfer in self.transfers
            if transfer.phase is Phase.HOLD
            and transfer.id not in ended
            and transfer.expires_at is not None
            and transfer.expires_at <= now
        ]

    # --- LedgerReader ---

    def accounts(self, ids: Collection[str]) -> Iterable[Account]:
        self.reads += 1
        return [self.stored_accounts[account_id] for account_id in ids if account_id in self.stored_accounts]

    def answers(self, ids: Collection[str]) -> Iterable[Transfer | RefusedOrder]:
        self.reads += 1
        stored = [transfer for transfer in self.transfers if transfer.id in ids]
        return [*stored, *(self.refused[order_id] for order_id in ids if order_id in self.refused)]

    def ends(self, hold_ids: Collection[str]) -> Iterable[Transfer]:
        self.reads += 1
        return [transfer for transfer in self.transfers if transfer.hold_id in hold_ids]


def account(
    account_id: str,
    balance_minor: int = 0,
    *,
    floor: int | None = None,
    ceiling: int | None = None,
    asset: Asset = TENGE,
    **more,
) -> Account:
    """An account that came to its balance before the test begins; a given ``balance`` overrides ``balance_minor``."""
    credited = Balance(credits_posted=max(balance_minor, 0), debits_posted=max(-balance_minor, 0))
    fields = {"owner": "KZ/bank", "kind": "position", "opened_at": NOW, "balance": credited} | more
    return Account(id=account_id, asset=asset, floor_minor=floor, ceiling_minor=ceiling, **fields)
