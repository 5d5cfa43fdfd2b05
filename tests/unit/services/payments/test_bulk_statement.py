"""Statements and notices of what a bulk moved: one entry as in the ledger, with each of its payments behind it."""

import pytest
from tests.unit.services.payments.desk import HALYK, Desk
from tests.unit.services.payments.test_bulk import SIZE, answer, one, order

from darwaza.engine.ledger import read_statement
from darwaza.services.payments import message
from darwaza.services.payments.statement import shares_of, write_notice, write_statement
from darwaza.standards.iso20022.message import read
from darwaza.testing.world import START


@pytest.fixture
def ended():
    """A bulk of which four were credited, in three words of which two came in one instant, and one was refused.

    One of those credited was given back later.
    """
    desk = Desk()
    case_id = order(desk)
    desk.done(answer(desk, case_id, 1, (2, "AC04", "closed")))
    desk.done(answer(desk, case_id, 3))
    desk.carry()
    desk.world.clock.advance(1)
    desk.done(answer(desk, case_id, 4, 5))
    desk.carry()
    desk.done(one(desk, HALYK, "return", message.GiveBack("AC06"), case_id, 4))
    desk.carry()
    desk.check()
    return desk, case_id


def lines(land, case_id, account_id):
    said = read_statement(land.store, account_id)
    return said, {case_id: land.case(case_id)[1]}


def test_the_payments_behind_an_entry_come_to_it(ended):
    """At every account of both ledgers, to the last minor unit."""
    desk, case_id = ended
    moved = 0
    for land in desk.lands.values():
        for account in land.accounts():
            said, bulks = lines(land, case_id, account.id)
            for line in said.lines:
                if line.transfer.case_id != case_id or not line.posted_minor:
                    continue
                behind = shares_of(line, bulks)
                assert sum(share.amount_minor for share in behind) == abs(line.posted_minor), line.transfer.id
                assert all(share.amount_minor > 0 for share in behind)
                moved += 1
    assert moved > 20


def test_the_payers_bank_reads_each_payment_in_camt(ended):
    """As batches, valid by the schema; each that was debited once, the one that was refused never."""
    desk, case_id = ended
    account = desk.pk.account("position:PK/hbl:PKR")
    said, bulks = lines(desk.pk, case_id, account.id)
    now = desk.world.clock.now()
    (report,) = read(write_statement(account, said, number=1, since=START, now=now, bulks=bulks)).statements
    (notice,) = read(write_notice(account, said, now=now, bulks=bulks)).notifications
    assert notice.entries == report.entries
    bulk = bulks[case_id]
    batches = [entry for entry in report.entries if entry.details[0].transaction_count is not None]
    assert [(one.direction, one.details[0].transaction_count) for one in batches] == [
        ("DBIT", 1),
        ("DBIT", 1),
        ("DBIT", 2),
        ("CRDT", 1),
    ]
    for entry in batches:
        details = entry.details[0]
        assert (details.message_id, details.total, details.direction) == (
            bulk.message_id,
            entry.amount,
            entry.direction,
        )
        assert sum(tx.amount.minor for tx in details.transactions) == entry.amount.minor
        assert len(details.transactions) == details.transaction_count
    debited = [tx for entry in batches[:3] for tx in entry.details[0].transactions]
    expected = [bulk.entries[number - 1] for number in (1, 3, 4, 5)]
    assert [(tx.uetr, tx.end_to_end, tx.amount.minor) for tx in debited] == [
        (entry.uetr, entry.end_to_end, entry.amounts[0]) for entry in expected
    ]
    (back,) = batches[3].details[0].transactions
    assert (back.uetr, back.amount.minor) == (bulk.entries[3].uetr, bulk.entries[3].refund_minor)
    assert len(bulk.entries) == SIZE


def test_the_payees_bank_reads_what_each_payee_got(ended):
    desk, case_id = ended
    account = desk.kz.account("position:KZ/halyk:KZT")
    said, bulks = lines(desk.kz, case_id, account.id)
    (notice,) = read(write_notice(account, said, now=desk.world.clock.now(), bulks=bulks)).notifications
    found = [
        (tx.uetr, entry.direction, tx.amount.minor)
        for entry in notice.entries
        if entry.details[0].transaction_count is not None
        for tx in entry.details[0].transactions
    ]
    entries = bulks[case_id].entries
    credited = [(entries[number - 1].uetr, "CRDT", entries[number - 1].amounts[5]) for number in (1, 3, 4, 5)]
    assert found == [*credited, (entries[3].uetr, "DBIT", entries[3].amounts[3])]
