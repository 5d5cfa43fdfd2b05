"""The ledger inside one batch: the book over the store, and the rows it becomes in the batch's transaction.

The book is made when the first rule or order asks for it, so a batch without money pays nothing. Its time never runs
back: a clock that was set back leaves the ledger at the time of its last transfer until it has caught up.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from darwaza.config import HOLDS_PER_BATCH_MAX
from darwaza.engine.recent import Standing
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import Account, Balance
from darwaza.ledger.asset import asset_from_text
from darwaza.ledger.book import Book
from darwaza.ledger.order import Group
from darwaza.ledger.posting import apply_group, expire
from darwaza.ledger.statement import Statement, statement
from darwaza.ledger.transfer import Phase, RefusedOrder, Transfer
from darwaza.ports.ledger import AccountRow, BalanceRow, RefusedOrderRow, TransferRow
from darwaza.ports.store import Changes, Store

if TYPE_CHECKING:
    from darwaza.engine.unit import Unit

HISTORY_PAGE = 500
"""Transfers of an account read at once."""
TEXTS_KEPT = 4_096
"""Assets come again and again; so many are not read and written anew."""

_NEVER = "~"
"""Sorts after every instant."""

_asset = lru_cache(TEXTS_KEPT)(asset_from_text)
_asset_text = lru_cache(TEXTS_KEPT)(str)
_encode = msgspec.msgpack.Encoder().encode
_decode_refused = msgspec.msgpack.Decoder(RefusedOrder).decode


class LedgerEnd(msgspec.Struct, frozen=True):
    """Where the stored ledger ends.

    Attributes:
        sequence: of its last transfer, 0 for none.
        at: when that was applied; None for none.
    """

    sequence: int = 0
    at: datetime | None = None

    @classmethod
    def of(cls, store: Store) -> "LedgerEnd":
        """Read it."""
        row = store.last_transfer()
        return cls() if row is None else cls(row.sequence, instant.from_text(row.applied_at))


class Expiry:
    """Ends holds whose time is over; asks the store only when the time of the next one has come."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_at = store.next_hold_at() or _NEVER

    def expire(self, unit: "Unit") -> None:
        """Let a batch begin with the holds that are due."""
        if unit.now_text >= self._next_at:
            due = self._store.holds_due(unit.now_text, HOLDS_PER_BATCH_MAX)
            if due:
                unit.ledger.expire(due)

    def follow(self, unit: "Unit") -> None:
        """Learn from a committed batch when the next one is due; one that was ended before only asks in vain."""
        opened = unit.changes.holds_opened
        if unit.now_text >= self._next_at:
            self._next_at = self._store.next_hold_at() or _NEVER
        elif opened:
            self._next_at = min(self._next_at, min(opened)[0])


class StoredLedger:
    """Reads the ledger as committed; see ``darwaza.ledger.book.LedgerReader``.

    Holds that are known to stand (``engine.recent``) are not asked of the store, nor what ended them, nor accounts of
    which it is known how they stand.

    Attributes:
        heads: sequence of the newest transfer of every account read so far.
    """

    def __init__(self, store: Store, holds: Mapping[str, Transfer], accounts: Mapping[str, Standing]) -> None:
        self.heads: dict[str, int] = {}
        self._store = store
        self._holds = holds
        self._accounts = accounts

    def accounts(self, ids: Collection[str]) -> Iterable[Account]:
        """Read accounts by their ids."""
        kept, others = self._accounts, []
        for one in ids:
            if one in kept:
                account, self.heads[one] = kept[one]
                yield account
            else:
                others.append(one)
        for terms, totals in self._store.accounts(others) if others else ():
            self.heads[terms.id] = totals.last_sequence
            yield account_from(terms, totals)

    def answers(self, ids: Collection[str]) -> Iterable[Transfer | RefusedOrder]:
        """Read what these order ids were answered with before."""
        holds = self._holds
        found: list[Transfer | RefusedOrder] = [holds[one] for one in ids if one in holds]
        if len(found) < len(ids):
            others = [one for one in ids if one not in holds]
            found.extend(transfer_from(row) for row in self._store.transfers(others))
            found.extend(_decode_refused(row.refused) for row in self._store.refused_orders(others))
        return found

    def ends(self, hold_ids: Collection[str]) -> Iterable[Transfer]:
        """Read the transfers that ended these holds."""
        others = [one for one in hold_ids if one not in self._holds]
        return [transfer_from(row) for row in self._store.ends(others)] if others else []


class Entries:
    """See the module.

    Attributes:
        book: the ledger as this batch has it.
        made: the transfers that ``write`` has put into the changes.
        standing: the accounts that it has put there, as they stand after the batch, by id.
    """

    def __init__(
        self,
        store: Store,
        holds: Mapping[str, Transfer],
        accounts: Mapping[str, Standing],
        end: LedgerEnd,
        now: datetime,
    ) -> None:
        """Begin where the stored ledger ends.

        Args:
            store: what is committed.
            holds: see ``Recent``; empty to read all from the store.
            accounts: see ``Recent``; likewise.
            end: of the stored ledger.
            now: time of the batch.
        """
        self.made: tuple[Transfer, ...] = ()
        self.standing: dict[str, Standing] = {}
        self._stored = StoredLedger(store, holds, accounts)
        self._end = end
        at = now if end.at is None else max(now, end.at)
        self.book = Book(self._stored, now=at, next_sequence=end.sequence + 1)

    @property
    def end(self) -> LedgerEnd:
        """Where the ledger ends after this batch."""
        sequence = self.book.next_sequence - 1
        return self._end if sequence == self._end.sequence else LedgerEnd(sequence, self.book.now)

    def place(self, orders: tuple[Any, ...], case_id: str | None, *, new: bool = False) -> Refusal | None:
        """Apply the orders of one decision, or none of them.

        Args:
            orders: see ``ledger.order``.
            case_id: of the case that decided.
            new: whether no order under an id that begins with the case's was placed before: the case's id was made in
                this batch, or its service says so (``machine.Service.orders_new``).

        Returns:
            The refusal, whose pointer is blank: the caller's request has no such field.

        Raises:
            ValueError: a fault of the rule that ordered; nothing was applied.
        """
        if new and case_id is not None:
            self.book.assume_new([one.id for one in orders if one.id.startswith(case_id)])
        answer = apply_group(Group(orders, case_id), self.book)
        return msgspec.structs.replace(answer, pointer="") if type(answer) is Refusal else None

    def expire(self, hold_ids: Iterable[str]) -> None:
        """End holds whose time is over."""
        expire(hold_ids, self.book)

    def write(self, changes: Changes) -> None:
        """Put everything the book has recorded into the batch's changes."""
        made = self.book.changes()
        self.made = made.transfers
        heads, at_text = self._stored.heads, instant.to_text(self.book.now)
        opened: dict[tuple[str, str], None] = {}
        for transfer in made.transfers:
            expires_at = None if transfer.expires_at is None else instant.to_text(transfer.expires_at)
            debit, credit, sequence = transfer.debit_account, transfer.credit_account, transfer.sequence
            changes.transfers.append(
                TransferRow(
                    sequence,
                    transfer.id,
                    transfer.phase._value_,  # ``value`` is a property, and this is the hottest loop of a commit
                    debit,
                    credit,
                    _asset_text(transfer.asset),
                    transfer.amount_minor,
                    transfer.released_minor,
                    transfer.hold_id,
                    expires_at,
                    transfer.case_id,
                    transfer.reference,
                    at_text,
                    heads.get(debit, 0),
                    heads.get(credit, 0),
                )
            )
            heads[debit] = heads[credit] = sequence
            if expires_at is not None:
                opened[expires_at, transfer.id] = None
            elif transfer.hold_id is not None:
                self._end_hold(transfer.hold_id, opened, changes)
        changes.holds_opened.extend(opened)
        for account in (*made.opened, *made.changed):
            head = heads.get(account.id, 0)
            self.standing[account.id] = account, head
            changes.balances[account.id] = _balance_row(account, head)
        for account in (*made.opened, *made.amended):
            changes.accounts[account.id] = _account_row(account)
        changes.refused_orders.extend(RefusedOrderRow(one.order.id, _encode(one)) for one in made.refused)

    def _end_hold(self, hold_id: str, opened: dict[tuple[str, str], None], changes: Changes) -> None:
        hold = self.book.answer(hold_id)
        if not isinstance(hold, Transfer) or hold.expires_at is None:
            return
        standing = (instant.to_text(hold.expires_at), hold_id)
        # A hold that came and went in this batch never stands among the open ones.
        if standing in opened:
            del opened[standing]
        else:
            changes.holds_ended.append(standing)


def read_statement(
    store: Store, account_id: str, after: int = 0, before: int | None = None, *, lines_max: int | None = None
) -> Statement | None:
    """An account's statement between two sequence numbers; see ``statement_steps``."""
    *_, said = statement_steps(store, account_id, after, before, lines_max=lines_max)
    return said


def statement_steps(
    store: Store, account_id: str, after: int = 0, before: int | None = None, *, lines_max: int | None = None
) -> Iterator[Statement | None]:
    """Read an account's statement a page at a time, so that other work may go on between.

    Args:
        store: what is committed. What is added meanwhile is not in the statement.
        account_id: whose.
        after: the first transfer has a higher sequence; 0 for all.
        before: the last transfer has a lower one; None for all.
        lines_max: only so many of the newest of these transfers, or a few more; None for all.

    Yields:
        None for each page, then the statement, or None when there is no such account. It costs what it shows and what
        is newer.
    """
    held = list(store.accounts([account_id]))
    if not held:
        yield None
        return
    # Everything is a sum: what the account had before is what it has now without these transfers.
    totals = [*held[0][1][1:5]]
    lines: list[Transfer] = []
    place: int | None = None
    while page := store.history(account_id, place, HISTORY_PAGE):
        for transfer in map(transfer_from, page):
            if transfer.sequence <= after:
                break
            if before is None or transfer.sequence < before:
                lines.append(transfer)
            else:
                _take_back(totals, account_id, transfer)
        place = page[-1].sequence
        if place <= after or (lines_max is not None and len(lines) >= lines_max):
            break
        yield None
    for transfer in lines:
        _take_back(totals, account_id, transfer)
    yield statement(account_id, reversed(lines), Balance(*totals))


def _take_back(totals: list[int], account_id: str, transfer: Transfer) -> None:
    """Take out of an account's totals what a transfer has added."""
    pending, posted = transfer.effect()
    side = 0 if transfer.debit_account == account_id else 2
    totals[side] -= posted
    totals[side + 1] -= pending


def account_from(terms: AccountRow, totals: BalanceRow) -> Account:
    """An account as stored."""
    return Account(
        id=terms.id,
        owner=terms.owner,
        asset=_asset(terms.asset),
        kind=terms.kind,
        floor_minor=terms.floor_minor,
        ceiling_minor=terms.ceiling_minor,
        debits_blocked=bool(terms.debits_blocked),
        credits_blocked=bool(terms.credits_blocked),
        opened_at=instant.from_text(terms.opened_at),
        closed_at=None if terms.closed_at is None else instant.from_text(terms.closed_at),
        balance=Balance(*totals[1:5]),
    )


def transfer_from(row: TransferRow) -> Transfer:
    """A transfer as stored."""
    return Transfer(
        row.sequence,
        row.id,
        Phase(row.phase),
        row.debit_account,
        row.credit_account,
        _asset(row.asset),
        row.amount_minor,
        row.released_minor,
        row.hold_id,
        None if row.expires_at is None else instant.from_text(row.expires_at),
        row.case_id,
        row.reference,
        instant.from_text(row.applied_at),
    )


def _account_row(account: Account) -> AccountRow:
    return AccountRow(
        account.id,
        account.owner,
        _asset_text(account.asset),
        account.kind,
        account.floor_minor,
        account.ceiling_minor,
        int(account.debits_blocked),
        int(account.credits_blocked),
        instant.to_text(account.opened_at),
        None if account.closed_at is None else instant.to_text(account.closed_at),
    )


def _balance_row(account: Account, head: int) -> BalanceRow:
    balance = account.balance
    return BalanceRow(
        account.id,
        balance.debits_posted,
        balance.debits_pending,
        balance.credits_posted,
        balance.credits_pending,
        head,
    )
