"""Random lives of two gateways: whatever dies, is cut off or comes twice, money is conserved and every payment ends.

A seed decides everything; a failing one is in the test's name.
"""

import random
import sys

import pytest
from tests.simulation.lives import live_through
from tests.unit.services.payments.desk import FUNDS, HALYK, HBL, KASPI, SLOW_FX, UBL, Desk

from darwaza.engine.intake import Arrive, PlaceOrders, Wake
from darwaza.errors import FatalError, PushbackError
from darwaza.kernel import batch
from darwaza.kernel.machine import Refusal
from darwaza.ledger.order import Move
from darwaza.services.payments import message
from darwaza.services.payments.record import Payment

SEEDS = range(60)
STEPS = 60


class Life:
    """One run."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.desk = Desk()
        self.orders = []
        self.told = {}

    def run(self):
        acts = self.acts()
        for _ in range(STEPS):
            self.random.choice(acts)()
            self.desk.check(at_rest=False)
        self.desk.settle_down()
        self.end_reversals()
        self.desk.check()
        self.finish()

    def acts(self):
        """What may happen, as often as it is to."""
        acts = [self.order] * 4 + [self.answer] * 6 + [self.move] * 8 + [self.wait] * 3 + [self.reverse] * 2
        return [*acts, self.cut, self.restart, self.crash, self.full, self.repeat, self.fund]

    def end_reversals(self):
        """Bring the providers money for the returns that wait, and let the recalls lapse."""
        moves = tuple(
            Move(f"pay-in-{fx}", "external:PKR", f"liquidity:PK/{fx}:PKR", 10**12) for fx in ("fx-swift", "fx-slow")
        )
        self.desk.done(self.desk.pk.run(PlaceOrders(moves))[0])
        self.desk.wait(15 * 86_400)
        self.desk.settle_down()

    def order(self):
        bank, payee = self.random.choice([HBL, HBL, UBL]), self.random.choice([HALYK, KASPI])
        amount = self.random.choice(["100.01", "999.99", "77777.77", "1234567.89"])
        quoted = self.desk.quote(bank, amount=amount, payee=payee, fee=self.random.choice(["0", "0.01"]))
        if isinstance(quoted, Refusal):
            return
        if self.random.random() < 0.1:
            return  # a quote nobody uses
        paid = self.desk.pay(quoted.case_id, bank, priority=self.random.choice(["HIGH", "NORM"]))
        if not isinstance(paid, Refusal):
            self.orders.append((quoted.case_id, payee))

    def answer(self):
        if not self.orders:
            return
        case_id, payee = self.random.choice(self.orders)
        if self.random.random() < 0.8:
            outcome = self.desk.confirm(case_id, payee)
        else:
            outcome = self.desk.reject(case_id, bank=payee)
        if not isinstance(outcome, Refusal):
            self.told[case_id] = outcome.state

    def reverse(self):
        """A bank recalls, returns or keeps, whether or not that is possible just now."""
        if not self.orders:
            return
        case_id, payee = self.random.choice(self.orders)
        payer = self.desk.pk.case(case_id)[1].payer_bank
        act = self.random.randrange(4)
        if act == 0:
            self.desk.pk.command(payer, "recall", message.AskBack("DUPL"), case_id)
        elif act == 1:
            self.desk.kz.command(payee, "refuse-recall", message.KeepIt("CUST"), case_id)
        else:
            self.desk.kz.command(payee, "return", message.GiveBack("FOCR" if act == 2 else "AC04"), case_id)

    def move(self):
        self.desk.move(*self.random.choice([("PK", "KZ"), ("KZ", "PK")]))

    def wait(self):
        self.desk.wait(self.random.choice([0.2, 3, 8, 25, 120, 700]))

    def cut(self):
        end = self.random.choice(["PK", "KZ"])
        (self.desk.cut.discard if end in self.desk.cut else self.desk.cut.add)(end)

    def restart(self):
        self.random.choice(list(self.desk.lands.values())).restart()

    def crash(self):
        """Die at a commit: it is there, or it is not, and nobody was told."""
        land = self.random.choice(list(self.desk.lands.values()))
        land.store.fail_next(FatalError("power cut"), applied=self.random.random() < 0.5)
        self.desk.world.clock.advance(30)
        try:
            land.run(Wake(512))
            self.desk.move(*self.random.choice([("PK", "KZ"), ("KZ", "PK")]))
        except FatalError:
            pass
        land.store = land.store.copy()
        land.restart()

    def full(self):
        """A full disk pushes back; the same is tried again later."""
        land = self.random.choice(list(self.desk.lands.values()))
        self.desk.world.clock.advance(5)
        land.store.fail_next(PushbackError("disk full", retry_after_s=1))
        land.run(Wake(512))
        land.store = land.store.copy()
        land.restart()

    def repeat(self):
        """A batch that came before comes again."""
        author, reader = self.random.choice([("PK", "KZ"), ("KZ", "PK")])
        row = self.desk.lands[author].own_log()
        start = self.random.randrange(row.size) if row.cosigned_size == row.size else row.size
        if start < row.size:
            entries = self.desk.lands[author].store.leaves(row.id, start, row.size, 1 << 30)
            raw = batch.encode(row.origin, start, row.checkpoint, entries)
            self.desk.lands[reader].run(Arrive(batch.decode(raw)))

    def fund(self):
        amount = self.random.choice(["1.00", "49999999.99"])
        self.desk.pk.command(SLOW_FX, "release-funds", message.Release("KZ", amount))

    def finish(self):
        """What was credited is what was debited, payment by payment, and no bank's word was turned round."""
        spent = {HBL: 0, UBL: 0}
        got = {HALYK: 0, KASPI: 0}
        for case_id, (here, _) in self.desk.cases().items():
            _, payment = self.desk.pk.case(case_id)
            assert isinstance(payment, Payment)
            if here in ("settled", "returned"):
                spent[payment.payer_bank] += payment.chosen.exchange.debit_minor - payment.refund_minor
                got[payment.payee_bank] += payment.chosen.exchange.credit_minor
            if here == "returned":
                got[payment.payee_bank] -= payment.chosen.exchange.destination_minor
            if self.told.get(case_id) == "credited":
                assert here in ("settled", "returned")
            if self.told.get(case_id) == "refused":
                assert here == "rejected"
        for bank, amount in spent.items():
            assert self.desk.pk.balance(f"position:{bank}:PKR") == FUNDS[bank] - amount
        for bank, amount in got.items():
            assert self.desk.kz.balance(f"position:{bank}:KZT") == FUNDS.get(bank, 0) + amount


@pytest.mark.parametrize("seed", SEEDS)
def test_money_is_conserved_and_every_payment_ends(seed):
    """Invariants I1 to I9 of a ledger of payments, in every state in between and at rest."""
    Life(seed).run()


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 3_000, 100))
def test_the_same_for_many_more_seeds(first):
    live_through(Life, range(first, first + 100))


if __name__ == "__main__":
    Life(int(sys.argv[1])).run()
