"""The book: what one batch has touched of the ledger, in memory, over a reader of what is stored.

It decides nothing. ``darwaza.ledger.posting`` judges orders and records here what it accepts; rules look at the ledger
through it (``account``, ``hold``, ``transfer``); the engine takes ``changes`` and writes them in the batch's
transaction. Everything a batch needs is loaded set-wise, at most three reads per ``load``; an account is worked on in
one place however many transfers touch it, so a hot account costs what a cold one does.

Undo: every transfer's effect is a sum, so it is undone by subtracting it. The journal of what was recorded is both the
list of changes and the way back to any savepoint; nothing is copied beforehand.

A book lives for one batch, belongs to one thread, and is thrown away if the transaction fails. Sequence numbers are
given here and taken back on rollback, so they stay without a gap.

Example::

    book = Book(reader, now=batch_time, next_sequence=store_next)
    answer = apply_group(Group(decision.transfers, case_id), book)  # all of them, or a refusal and no effect
    ...
    write(book.changes())
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Protocol

import msgspec

from darwaza.errors import InvariantError
from darwaza.ledger.account import Account, Balance
from darwaza.ledger.order import Hold, Move, Order, Post, Void
from darwaza.ledger.transfer import HOLD, HoldStanding, Phase, RefusedOrder, Transfer

_NO_FLOOR = -(2**127)
_NO_CEILING = 2**127


class LedgerReader(Protocol):
    """What is committed, read by sets of ids.

    Each method is called with ids it was not asked for before in this batch, in one query's worth; ids that are not
    stored are left out of the answer, whose order does not matter. Called by one thread, only before the batch's own
    changes are written, so every answer is as of the end of the batch before.
    """

    def accounts(self, ids: Collection[str]) -> Iterable[Account]:
        """Read accounts by their ids."""

    def answers(self, ids: Collection[str]) -> Iterable[Transfer | RefusedOrder]:
        """Read what these order ids were answered with before: transfers, and refusals that are final."""

    def ends(self, hold_ids: Collection[str]) -> Iterable[Transfer]:
        """Read the transfers that ended these holds (``Transfer.hold_id``)."""


class Changes(msgspec.Struct, frozen=True):
    """What a batch adds to the store; all of it in one transaction.

    Attributes:
        opened: accounts to insert, with their terms and totals as they now stand.
        changed: accounts to update, likewise.
        amended: those of ``changed`` of which more than the totals has changed.
        transfers: to insert, in sequence.
        refused: to insert, keyed by ``order.id``.
        next_sequence: for the next book.
    """

    opened: tuple[Account, ...]
    changed: tuple[Account, ...]
    amended: tuple[Account, ...]
    transfers: tuple[Transfer, ...]
    refused: tuple[RefusedOrder, ...]
    next_sequence: int


class Row:
    """An account being worked on. Totals change in place; terms come from ``account``, which holds the old totals.

    Attributes:
        account: terms; its ``balance`` is as of loading.
        floor: ``account.floor_minor``, or lower than any balance for None.
        ceiling: ``account.ceiling_minor``, or higher than any balance for None.
        debits_posted: see ``Balance``; the other three alike.
    """

    __slots__ = ("account", "ceiling", "credits_pending", "credits_posted", "debits_pending", "debits_posted", "floor")

    account: Account
    floor: int
    ceiling: int

    def __init__(self, account: Account) -> None:
        self.set_terms(account)
        balance = account.balance
        self.debits_posted = balance.debits_posted
        self.debits_pending = balance.debits_pending
        self.credits_posted = balance.credits_posted
        self.credits_pending = balance.credits_pending

    def set_terms(self, account: Account) -> None:
        """Take over everything but the totals."""
        self.account = account
        self.floor = _NO_FLOOR if account.floor_minor is None else account.floor_minor
        self.ceiling = _NO_CEILING if account.ceiling_minor is None else account.ceiling_minor

    def balance(self) -> Balance:
        """The totals as they stand."""
        return Balance(self.debits_posted, self.debits_pending, self.credits_posted, self.credits_pending)

    def snapshot(self) -> Account:
        """The account as it stands."""
        return msgspec.structs.replace(self.account, balance=self.balance())


class _Terms(msgspec.Struct, frozen=True):
    """Journal entry: an account's terms before they changed; None before its opening."""

    account_id: str
    before: Account | None


class Book:
    """The ledger as it stands inside one batch.

    Attributes:
        now: batch time, aware UTC; not before that of an earlier batch.
        next_sequence: number the next transfer gets.
        rows: accounts loaded so far by id; None for one that does not exist.
    """

    def __init__(self, reader: LedgerReader, *, now: datetime, next_sequence: int) -> None:
        self._reader = reader
        self.now = now
        self.next_sequence = next_sequence
        self.rows: dict[str, Row | None] = {}
        self._answers: dict[str, Transfer | RefusedOrder | None] = {}
        self._ends: dict[str, Transfer | None] = {}
        self._journal: list[Transfer | RefusedOrder | _Terms] = []

    # --- what rules and the engine look at ---

    def account(self, account_id: str) -> Account | None:
        """The account as it stands now, or None."""
        self._load_accounts({account_id})
        row = self.rows[account_id]
        return None if row is None else row.snapshot()

    def transfer(self, transfer_id: str) -> Transfer | None:
        """The transfer, or None."""
        self._load_answers({transfer_id})
        found = self._answers[transfer_id]
        return found if isinstance(found, Transfer) else None

    def hold(self, hold_id: str) -> HoldStanding | None:
        """The hold and its end, or None if there is no hold of this id."""
        found = self.transfer(hold_id)
        if found is None or found.phase is not Phase.HOLD:
            return None
        self.load_holds({hold_id})
        return HoldStanding(found, self._ends[hold_id])

    def changes(self) -> Changes:
        """Everything recorded and not rolled back, ready to be written."""
        transfers = [entry for entry in self._journal if type(entry) is Transfer]
        others = len(self._journal) - len(transfers)  # nearly always there are none
        terms = [entry for entry in self._journal if type(entry) is _Terms] if others else []
        opened = dict.fromkeys(entry.account_id for entry in terms if entry.before is None)
        changed = dict.fromkeys(entry.account_id for entry in terms)
        changed.update(dict.fromkeys(entry.debit_account for entry in transfers))
        changed.update(dict.fromkeys(entry.credit_account for entry in transfers))
        amended = {entry.account_id for entry in terms}
        updated = tuple(self.known(account_id).snapshot() for account_id in changed if account_id not in opened)
        return Changes(
            opened=tuple(self.known(account_id).snapshot() for account_id in opened),
            changed=updated,
            amended=tuple(account for account in updated if account.id in amended),
            transfers=tuple(transfers),
            refused=tuple(entry for entry in self._journal if type(entry) is RefusedOrder) if others else (),
            next_sequence=self.next_sequence,
        )

    # --- savepoints ---

    def savepoint(self) -> int:
        """Mark the present state for ``rollback``; costs nothing and needs no release."""
        return len(self._journal)

    def rollback(self, savepoint: int) -> None:
        """Undo everything recorded since ``savepoint``, final refusals included."""
        while len(self._journal) > savepoint:
            entry = self._journal.pop()
            if isinstance(entry, Transfer):
                self._add(entry, -1)
                self.next_sequence -= 1
                self._answers[entry.id] = None
                if entry.hold_id is not None:
                    self._ends[entry.hold_id] = None
            elif isinstance(entry, RefusedOrder):
                self._answers[entry.order.id] = None
            elif entry.before is None:
                self.rows[entry.account_id] = None
            else:
                self.known(entry.account_id).set_terms(entry.before)

    # --- for darwaza.ledger.posting ---

    def load(self, orders: Collection[Order]) -> None:
        """Make everything these orders name present: at most three reads, none for what is loaded already."""
        # What is foreseen for a whole batch is found here again for each decision: nearly always all is known.
        if all(map(self._is_loaded, orders)):
            return
        answer_ids: set[str] = set()
        hold_ids: set[str] = set()
        account_ids: set[str] = set()
        for order in orders:
            if isinstance(order, (Move, Hold)):
                answer_ids.add(order.id)
                account_ids.add(order.debit_account)
                account_ids.add(order.credit_account)
                if isinstance(order, Hold) and order.rest_of is not None:
                    hold_ids.add(order.rest_of)
            elif isinstance(order, (Post, Void)):
                answer_ids.add(order.id)
                hold_ids.add(order.hold_id)
            else:
                account_ids.add(order.id)
        self._load(answer_ids, hold_ids, account_ids)

    def _is_loaded(self, order: Order) -> bool:
        if type(order) is Move or type(order) is Hold:
            rows = self.rows
            if type(order) is Hold and order.rest_of is not None and order.rest_of not in self._ends:
                return False
            return order.id in self._answers and order.debit_account in rows and order.credit_account in rows
        if type(order) is Post or type(order) is Void:
            return order.id in self._answers and order.hold_id in self._ends
        return order.id in self.rows

    def load_holds(self, hold_ids: set[str]) -> None:
        """Make these holds, their ends and their accounts present."""
        self._load(set(), hold_ids, set())

    def foresee(self, ids: set[str]) -> None:
        """Read ahead what these ids were answered with and, of those that are holds, ends and accounts."""
        self._load_answers(ids)
        answers = self._answers
        found = ((one, answers[one]) for one in ids)
        self.load_holds({one for one, it in found if isinstance(it, Transfer) and it.phase is Phase.HOLD})

    def assume_new(self, ids: Iterable[str]) -> None:
        """State that these ids, made of randomness of this batch, were never answered."""
        for one in ids:
            self._answers.setdefault(one, None)

    def answer(self, order_id: str) -> Transfer | RefusedOrder | None:
        """What a loaded order id was answered with before, in this batch or an earlier one."""
        return self._answers[order_id]

    def end(self, hold_id: str) -> Transfer | None:
        """The transfer that ended a loaded hold, or None."""
        return self._ends[hold_id]

    def known(self, account_id: str) -> Row:
        """The row of a loaded account that is known to exist."""
        row = self.rows[account_id]
        if row is None:
            raise InvariantError(f"the ledger has entries on {account_id!r}, which does not exist")
        return row

    def record(self, transfer: Transfer) -> Transfer:
        """Take in a transfer that was judged acceptable and carries ``next_sequence``."""
        self._add(transfer, 1)
        self.next_sequence += 1
        self._answers[transfer.id] = transfer
        if transfer.hold_id is not None:
            self._ends[transfer.hold_id] = transfer
        elif transfer.phase is HOLD:
            self._ends[transfer.id] = None
        self._journal.append(transfer)
        return transfer

    def remember(self, refused: RefusedOrder) -> None:
        """Keep a final refusal."""
        self._answers[refused.order.id] = refused
        self._journal.append(refused)

    def open(self, account: Account) -> Account:
        """Take in a new account."""
        self._journal.append(_Terms(account.id, None))
        self.rows[account.id] = Row(account)
        return account

    def set_terms(self, account: Account) -> Account:
        """Replace an account's terms, keeping its totals."""
        row = self.known(account.id)
        self._journal.append(_Terms(account.id, row.account))
        row.set_terms(account)
        return row.snapshot()

    def _add(self, transfer: Transfer, sign: int) -> None:
        pending, posted = transfer.effect()
        debit, credit = self.rows[transfer.debit_account], self.rows[transfer.credit_account]
        if debit is None or credit is None:
            raise InvariantError(f"the transfer {transfer.id!r} is on an account that does not exist")
        if pending:
            debit.debits_pending += sign * pending
            credit.credits_pending += sign * pending
        if posted:
            debit.debits_posted += sign * posted
            credit.credits_posted += sign * posted

    # --- reading ---

    def _load(self, answer_ids: set[str], hold_ids: set[str], account_ids: set[str]) -> None:
        self._load_answers(answer_ids | hold_ids)
        self._load_ends(hold_ids)
        holds = [found for hold_id in hold_ids if isinstance(found := self._answers[hold_id], Transfer)]
        self._load_accounts(account_ids.union(*((hold.debit_account, hold.credit_account) for hold in holds)))

    def _load_accounts(self, ids: set[str]) -> None:
        missing = ids.difference(self.rows)
        if missing:
            self.rows.update(dict.fromkeys(missing))
            for account in self._reader.accounts(missing):
                self.rows[account.id] = Row(account)

    def _load_answers(self, ids: set[str]) -> None:
        # Not a difference of views, which would walk all that the book holds.
        missing = ids.difference(self._answers)
        if missing:
            self._answers.update(dict.fromkeys(missing))
            for found in self._reader.answers(missing):
                self._answers[found.id if isinstance(found, Transfer) else found.order.id] = found

    def _load_ends(self, hold_ids: set[str]) -> None:
        missing = hold_ids.difference(self._ends)
        if missing:
            self._ends.update(dict.fromkeys(missing))
            for end in self._reader.ends(missing):
                if end.hold_id is not None:
                    self._ends[end.hold_id] = end
