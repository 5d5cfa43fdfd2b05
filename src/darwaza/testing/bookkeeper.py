"""An independent bookkeeper of both members' ledgers: folds every committed transfer with plain sums.

It knows nothing of the rules of payments but the names of their postings, and asks at every commit on either side what
must be true of money at that moment, and at the end what must be true of each payment.
"""

from collections import defaultdict
from collections.abc import Callable

from darwaza.ports.ledger import TransferRow
from darwaza.ports.store import Changes, Store
from darwaza.testing.auditor import Auditor, BrokenError, Memory

BOTTOMLESS = ("external:", "mirror:")


class Book:
    """One member's ledger as the sum of its transfers.

    Attributes:
        posted: credits less debits, by account.
        held: promised debits, by account.
        holds: open ones, by id.
        done: every transfer, by id.
        gains: what each case brought each account, by case and account.
    """

    def __init__(self, floors: dict[str, int]) -> None:
        self.posted: dict[str, int] = defaultdict(int)
        self.held: dict[str, int] = defaultdict(int)
        self.holds: dict[str, TransferRow] = {}
        self.done: dict[str, TransferRow] = {}
        self.gains: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._floors = floors
        self._last = 0

    def take(self, row: TransferRow) -> None:
        """Fold one more."""
        if row.sequence != self._last + 1 or row.id in self.done:
            raise BrokenError(f"I5: {row.id} is number {row.sequence} after {self._last}, or a repetition")
        self._last = row.sequence
        self.done[row.id] = row
        debit, credit, amount = row.debit_account, row.credit_account, row.amount_minor
        if debit.rpartition(":")[2] != credit.rpartition(":")[2]:
            raise BrokenError(f"I1: {row.id} goes between currencies")
        if row.phase == "hold":
            self.holds[row.id] = row
            self.held[debit] += amount
        else:
            if row.phase != "move":
                self._end(row)
            self.posted[debit] -= amount
            self.posted[credit] += amount
            self.gains[row.case_id][debit] -= amount
            self.gains[row.case_id][credit] += amount
        if row.phase in ("hold", "move") and not debit.startswith(BOTTOMLESS):
            available = self.posted[debit] - self.held[debit]
            if available < self._floors.get(debit, 0):
                raise BrokenError(f"I3: {row.id} leaves {available} available in {debit}")

    def _end(self, row: TransferRow) -> None:
        hold = self.holds.pop(row.hold_id or "", None)
        if hold is None:
            raise BrokenError(f"I4: {row.id} ends {row.hold_id}, which is not open")
        if row.amount_minor + row.released_minor != hold.amount_minor:
            raise BrokenError(f"I4: {row.id} ends {hold.amount_minor} with another sum")
        self.held[hold.debit_account] -= hold.amount_minor

    def brought(self, case_id: str) -> int:
        """What a case has brought the banks of this side in all."""
        gains = self.gains[case_id]
        return sum(amount for account, amount in gains.items() if account.startswith("position:"))

    def suspended(self, case_id: str) -> int:
        """What of a case stands in suspense."""
        gains = self.gains[case_id]
        return sum(amount for account, amount in gains.items() if account.startswith("suspense:"))

    def check(self, store: Store) -> None:
        """At the end: no hold is open, currencies add up, and the stored balances are the sums."""
        if self.holds:
            raise BrokenError(f"I8: held for ever: {sorted(self.holds)[:5]}")
        sums: dict[str, int] = defaultdict(int)
        for account, amount in self.posted.items():
            sums[account.rpartition(":")[2]] += amount
        if any(sums.values()):
            raise BrokenError(f"I1: money came from nowhere: {dict(sums)}")
        for terms, totals in store.scan_accounts():
            if totals.credits_posted - totals.debits_posted != self.posted[terms.id]:
                raise BrokenError(f"I2: {terms.id} is not the sum of its transfers")


class MoneyAuditor(Auditor):
    """The auditor, with both members' books.

    Attributes:
        books: by member.
        urgent: whether a payment is time-critical, by case; one that is not there is an ordinary one.
    """

    def __init__(
        self, members: tuple[str, ...], floors: dict[str, int], is_whole: Callable[[], bool] = lambda: True
    ) -> None:
        """Open the books.

        Args:
            members: codes.
            floors: how low an account may fall, where that is not 0.
            is_whole: whether no member is being rebuilt after a loss; while one is, the two books are not compared.
        """
        super().__init__(members)
        self._floors, self._is_whole = floors, is_whole
        self.payee, self.payer = "KZ", "PK"
        self.books = {code: Book(floors) for code in (self.payee, self.payer)}
        self.urgent: dict[str, bool] = {}

    def committed(self, member: str, changes: Changes, store: Store) -> None:
        """A batch is on the disk."""
        super().committed(member, changes, store)
        for row in changes.transfers:
            self.books[member].take(row)
            if not self._is_whole():
                continue
            case_id, _, name = row.id.rpartition("/")
            if member == self.payee and name in ("credit", "block") and "." not in case_id:  # of a bulk: bulkkeeper
                self._credited(case_id)
            elif member == self.payer and name in ("debit", "undebit"):
                self._ended(case_id, name)
            elif member == self.payer and name == "refund" and f"{case_id}/return" not in self._there:
                raise BrokenError(f"I9: {case_id} was refunded and never returned")

    def lost_disk(self, member: str, memory: Memory, store: Store, stores: dict[str, Store]) -> None:
        """A gateway starts from an older state of its disk, and its books with it."""
        super().lost_disk(member, memory, store, stores)
        if member in self.books:
            self.books[member] = book = Book(self._floors)
            for row in store.scan_transfers():
                book.take(row)

    @property
    def _here(self) -> dict[str, TransferRow]:
        return self.books[self.payer].done

    @property
    def _there(self) -> dict[str, TransferRow]:
        return self.books[self.payee].done

    def _credited(self, case_id: str) -> None:
        debited = f"{case_id}/debit" in self._here
        held = any(hold.case_id == case_id for hold in self.books[self.payer].holds.values())
        if not debited and (self.urgent.get(case_id, False) or not held):
            raise BrokenError(f"I9: {case_id} was credited or blocked before it was debited")

    def _ended(self, case_id: str, name: str) -> None:
        if name == "undebit" and self._kept(case_id):
            raise BrokenError(f"I9: {case_id} was credited or blocked, and its payer has its money back")
        if name == "debit" and f"{case_id}/unfx" in self._there:
            raise BrokenError(f"I9: {case_id} was refused, and its payer has paid")

    def _kept(self, case_id: str) -> bool:
        """Whether the payee's gateway has taken it for good: for the payee, or into suspense."""
        return f"{case_id}/credit" in self._there or f"{case_id}/block" in self._there

    def check_money(self, stores: dict[str, Store]) -> None:
        """At the end: both books are sound, and agree on each payment and on the accounts they share."""
        for code, book in self.books.items():
            book.check(stores[code])
        here, there = self.books[self.payer], self.books[self.payee]
        if any(book.posted[one] for book in (here, there) for one in list(book.posted) if one.startswith("transit:")):
            raise BrokenError("I7: money is on its way for ever")
        for account, amount in here.posted.items():
            kind, _, rest = account.partition(":")
            if kind == "abroad":
                provider, _, currency = rest.split(":")
                twin = there.posted[f"corridor:{provider}:{currency}"]
                if amount != twin:
                    raise BrokenError(f"I10: {account} is {amount} here and {twin} there")
        for case_id in self.urgent:
            self._check_payment(case_id, here, there)

    def _check_payment(self, case_id: str, here: Book, there: Book) -> None:
        debited, credited = f"{case_id}/debit" in here.done, f"{case_id}/credit" in there.done
        if debited != self._kept(case_id):
            raise BrokenError(f"I9: {case_id}: debited {debited}, credited {credited}")
        returned = f"{case_id}/return" in there.done
        if returned != (f"{case_id}/refund" in here.done):
            raise BrokenError(f"I9: {case_id} was returned on one side only")
        taken, given = here.brought(case_id), there.brought(case_id)
        paid = here.done[f"{case_id}/debit"].amount_minor if debited else 0
        got = there.done[f"{case_id}/credit"].amount_minor if credited else 0
        if returned:
            paid -= here.done[f"{case_id}/refund"].amount_minor
        if returned and credited:
            got -= there.done[f"{case_id}/return"].amount_minor
        if (-taken, given) != (paid, got):
            raise BrokenError(f"I7: {case_id}: {taken} and {given} moved, not {paid} and {got}")
        kept = 0 if credited or returned or not debited else there.done[f"{case_id}/block"].amount_minor
        if there.suspended(case_id) != kept:
            raise BrokenError(f"I7: {case_id}: {there.suspended(case_id)} in suspense, not {kept}")
