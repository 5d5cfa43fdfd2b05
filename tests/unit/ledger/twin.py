"""The real ledger and the naive one in lockstep: every answer and every balance is compared after every step."""

from datetime import timedelta

from tests.unit.ledger.memory_ledger import NOW, MemoryLedger
from tests.unit.ledger.naive_ledger import NaiveLedger

from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import Account, Balance
from darwaza.ledger.audit import audit
from darwaza.ledger.order import Group
from darwaza.ledger.posting import apply, apply_group, expire
from darwaza.ledger.statement import rederive, statement, trial_balance
from darwaza.ledger.transfer import Transfer


class Twin:
    """Each method does one thing to both ledgers and fails with an AssertionError if they part."""

    def __init__(self) -> None:
        self.store = MemoryLedger()
        self.naive = NaiveLedger()
        self.now = NOW
        self._committed = self._naive_state()
        self._begin()

    def group(self, orders, case_id=None) -> None:
        """Apply one decision's orders."""
        self._same(apply_group(Group(tuple(orders), case_id), self.book), self.naive.group(orders, case_id, self.now))
        self.check_balances()

    def batch(self, groups) -> None:
        """Apply many groups in one call."""
        answers = apply([Group(tuple(orders), case_id) for orders, case_id in groups], self.book)
        for answer, (orders, case_id) in zip(answers, groups, strict=True):
            self._same(answer, self.naive.group(orders, case_id, self.now))
        self.check_balances()

    def withdrawn(self, orders) -> None:
        """Apply a decision's orders and withdraw them again, as an engine does when the decision fails elsewhere."""
        savepoint = self.book.savepoint()
        apply_group(Group(tuple(orders)), self.book)
        self.book.rollback(savepoint)
        self.check_balances()

    def commit(self, seconds=0, *, expiring=True) -> None:
        """End the batch: commit, and begin the next one later, expiring what is due or leaving it for another."""
        self.store.commit(self.book.changes())
        self._committed = self._naive_state()
        self.now += timedelta(seconds=seconds)
        self._begin(expiring=expiring)
        self.check_store()

    def crash(self) -> None:
        """Lose the batch before its commit."""
        accounts, entries, final = self._committed
        self.naive.accounts, self.naive.entries, self.naive.final = dict(accounts), list(entries), dict(final)
        self._begin()
        self.check_balances()

    def check_balances(self) -> None:
        """Inside the batch, every account is what the naive ledger says."""
        for account_id in self.naive.accounts:
            self._same_account(self.book.account(account_id), account_id)
        assert self.book.next_sequence == len(self.naive.entries) + 1

    def check_store(self) -> None:
        """What is stored audits clean, sums to zero and is what the transfers say, then and now."""
        stored = self.store.stored_accounts.values()
        assert audit(stored, self.store.transfers) == []
        assert all(total.balanced for total in trial_balance(stored).values())
        derived = rederive(self.store.transfers)
        for account in stored:
            assert derived.get(account.id, Balance()) == account.balance
            assert statement(account.id, self.store.transfers).closing == account.balance

    def _begin(self, *, expiring=True) -> None:
        self.book = self.store.book(self.now)
        if expiring:
            expire(self.store.due(self.now), self.book)
            self.naive.expire(self.now)

    def _naive_state(self):
        return dict(self.naive.accounts), list(self.naive.entries), dict(self.naive.final)

    def _same(self, answer, expected) -> None:
        if isinstance(expected, tuple):
            position, code = expected
            assert isinstance(answer, Refusal), (answer, expected)
            assert (answer.pointer.split("/")[1], answer.code) == (str(position), code)
            return
        assert not isinstance(answer, Refusal), (answer, expected)
        for real, naive in zip(answer, expected, strict=True):
            if isinstance(real, Transfer):
                self._same_transfer(real, naive)

    def _same_transfer(self, real: Transfer, naive) -> None:
        assert real.sequence == naive["at"]
        assert (real.id, real.phase.value, real.hold_id) == (naive["id"], naive["what"], naive["hold"])
        assert (real.debit_account, real.credit_account) == (naive["debit"], naive["credit"])
        assert (real.amount_minor, real.expires_at) == (naive["amount"], naive["expires"])

    def _same_account(self, real: Account, account_id) -> None:
        naive = self.naive
        assert real.balance == Balance(
            naive.posted_on(account_id, "debit"),
            naive.pending_on(account_id, "debit"),
            naive.posted_on(account_id, "credit"),
            naive.pending_on(account_id, "credit"),
        )
        assert real.balance.available == naive.available(account_id)
        assert (real.closed_at is not None) == naive.accounts[account_id]["closed"]
        assert real.floor_minor == naive.accounts[account_id]["floor"]
