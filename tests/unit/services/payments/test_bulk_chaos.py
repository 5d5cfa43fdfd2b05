"""Random lives of two gateways in which salaries are paid, too; see ``test_chaos``."""

import sys

import pytest
from tests.simulation.lives import live_through
from tests.unit.services.payments.desk import FUNDS, HALYK, HBL, KASPI
from tests.unit.services.payments.test_chaos import Life

from darwaza.kernel.machine import Refusal
from darwaza.ledger.exchange import Exchange
from darwaza.services.payments import message
from darwaza.services.payments.entry import payments_of
from darwaza.services.payments.record import Bulk, Offer, Payment
from darwaza.standards.iso20022.message import write
from darwaza.testing.bulking import RATE, agreed, priced
from darwaza.testing.trade import SWIFT_FX, pacs008

SEEDS = range(30)


class BulkLife(Life):
    """One run."""

    def __init__(self, seed):
        super().__init__(seed)
        self.bulks = []
        self.words = {}

    def acts(self):
        return (
            super().acts()
            + [self.order_bulk, self.pay_off, self.pay_off]
            + [self.answer_bulk] * 4
            + [self.reverse_one] * 4
        )

    def order_bulk(self):
        payee = self.random.choice([HALYK, KASPI])
        made = [self.salary(payee) for _ in range(self.random.choice([1, 2, 5]))]
        asked = message.RemitBulk(self.desk.market, tuple(map(write, made)))
        done = self.desk.pk.command(HBL, "remit-bulk", asked)
        if not isinstance(done, Refusal) and len(done.answer["refused"]) < len(made):
            self.bulks.append((done.case_id, payee))

    def pay_off(self):
        """A bulk that is answered at once, in two parts, as far as the network lets it."""
        self.order_bulk()
        for _ in range(2):
            self.desk.carry()
            if self.bulks:
                self.answer_bulk(self.bulks[-1])
        self.desk.carry()

    def salary(self, payee):
        exchange = priced(self.random.choice([500_01, 777_77, 99_999_99]), payee)
        payment = Payment(payer_bank=HBL, payee_bank=payee, chosen=Offer(SWIFT_FX, RATE, exchange, 0, None, (1, 1)))
        return pacs008(f"{0:032}", payment, self.desk.world.clock.now(), "NORM", self.desk.uetr(), agreed(RATE))

    def answer_bulk(self, bulk=None):
        if not self.bulks:
            return
        case_id, payee = bulk or self.random.choice(self.bulks)
        numbers = self.random.sample(range(1, 7), self.random.randrange(1, 6))
        words = tuple(message.Said(number, self.random.choice(["", "", "", "AC04"])) for number in numbers)
        done = self.desk.kz.command(payee, "answer-bulk", message.AnswerBulk(words), case_id)
        if isinstance(done, Refusal):
            return
        refused = {number for number, _ in done.answer["refused"]}
        self.words |= {(case_id, word.number): word.reason for word in words if word.number not in refused}

    def reverse_one(self):
        """A bank recalls, returns or keeps one, whether or not that is possible just now."""
        if not self.bulks:
            return
        case_id, payee = self.random.choice(self.bulks)
        number, act = self.random.randrange(1, 6), self.random.randrange(4)
        if act == 0:
            given = message.OfBulk(number, message.AskBack("DUPL"))
            self.desk.pk.command(HBL, "recall-one", given, case_id)
            return
        kind, body = (
            ("refuse-recall-one", message.KeepIt("CUST"))
            if act == 1
            else ("return-one", message.GiveBack("FOCR" if act == 2 else "AC04"))
        )
        self.desk.kz.command(payee, kind, message.OfBulk(number, body), case_id)

    def payments(self):
        """Every payment with its state at the payers' gateway, alone or in a bulk."""
        cases = (self.desk.pk.case(row.id) for row in self.desk.pk.store.scan_cases())
        return [one for state, data in cases for one in payments_of(state, data)]

    def finish(self):
        """What was credited is what was debited, payment by payment, and no bank's word was turned round."""
        balances = {bank: FUNDS.get(bank, 0) for bank in (HBL, "PK/ubl", HALYK, KASPI)}
        for state, payment in self.payments():
            exchange: Exchange = payment.chosen.exchange if payment.chosen else None
            if state in ("settled", "returned"):
                balances[payment.payer_bank] -= exchange.debit_minor - payment.refund_minor
                balances[payment.payee_bank] += exchange.credit_minor
            if state == "returned":
                balances[payment.payee_bank] -= exchange.destination_minor
        for bank, amount in balances.items():
            land, currency = (self.desk.pk, "PKR") if bank.startswith("PK") else (self.desk.kz, "KZT")
            assert land.balance(f"position:{bank}:{currency}") == amount, bank
        for (case_id, number), reason in self.words.items():
            bulk: Bulk = self.desk.pk.case(case_id)[1]
            assert (bulk.entries[number - 1].state == "rejected") is bool(reason), (case_id, number)


@pytest.mark.parametrize("seed", SEEDS)
def test_money_is_conserved_and_every_payment_of_a_bulk_ends(seed):
    BulkLife(seed).run()


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 3_000, 100))
def test_the_same_for_many_more_seeds(first):
    live_through(BulkLife, range(first, first + 100))


if __name__ == "__main__":
    BulkLife(int(sys.argv[1])).run()
