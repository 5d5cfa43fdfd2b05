"""What a batch of payments reads of the ledger does not grow with the batch."""

from collections import Counter

from tests.unit.services.payments.desk import HALYK, HBL, Desk
from tests.unit.services.payments.test_bulk import answer, documents, remit

from darwaza.engine.intake import Submit
from darwaza.kernel.machine import Refusal
from darwaza.services.payments import message

LEDGER_READS = ("accounts", "transfers", "refused_orders", "ends", "named")


def count_reads(land, counted):
    """Count every call of a gateway's store that reads of the ledger by id, or names of cases."""
    for name in LEDGER_READS:
        read = getattr(land.store, name)

        def reading(ids, read=read, name=name):
            counted[land.code, name] += 1
            return read(ids)

        setattr(land.store, name, reading)


def lives(payments):
    """How often the ledger is read while so many payments go from order to credit, a batch for each step."""
    desk, counted = Desk(), Counter()
    quotes = [desk.done(desk.quote(amount="1000.00", fee="100.00")).case_id for _ in range(payments)]
    orders = [
        Submit(HBL, frozenset(), "payments", "pay", "", b"", message.Pay(desk.document(one)), one) for one in quotes
    ]
    for land in desk.lands.values():
        count_reads(land, counted)
    for batch in (desk.pk.run(*orders), *_credit(desk, quotes)):
        assert not any(isinstance(outcome, Refusal | Exception) for outcome in batch), batch
    desk.carry()
    assert {desk.states(one) for one in quotes} == {("settled", "credited")}
    return counted


def _credit(desk, cases):
    desk.carry()
    yield desk.kz.run(
        *[Submit(HALYK, frozenset(), "payments", "confirm", "", b"", message.Confirm(), one) for one in cases]
    )


def test_ten_payments_read_the_ledger_as_often_as_two():
    assert lives(10) == lives(2)


def bulk_life(payments):
    """The same for one bulk of so many payments."""
    desk, counted = Desk(), Counter()
    given = documents(desk, size=payments)
    for land in desk.lands.values():
        count_reads(land, counted)
    case_id = desk.done(remit(desk, given)).case_id
    desk.carry()
    desk.done(answer(desk, case_id, *range(1, payments + 1)))
    desk.carry()
    assert desk.states(case_id) == ("bulk-ended", "bulk-answered")
    return counted


def test_a_bulk_of_ten_reads_the_ledger_as_often_as_one_of_two():
    assert bulk_life(10) == bulk_life(2)
