"""Statements of positions as banks read them."""

import msgspec
from tests.unit.services.payments.desk import FUNDS, HBL, Desk

from darwaza.engine.ledger import read_statement
from darwaza.services.payments.statement import account_number, write_statement
from darwaza.standards.iso20022.message import read
from darwaza.testing.world import START


def test_a_banks_statement_holds_every_entry_between_its_balances():
    """Valid by the schema; holds are no entries; the entries add up from the opening to the closing balance."""
    desk = Desk()
    case_id = desk.order()
    desk.carry()
    desk.done(desk.confirm(case_id))
    desk.carry()
    refused = desk.order(amount="500.00")
    desk.carry()
    desk.done(desk.reject(refused))
    desk.carry()
    account = desk.pk.account("position:PK/hbl:PKR")
    said = read_statement(desk.pk.store, account.id)
    document = write_statement(account, said, number=7, since=START, now=desk.world.clock.now())
    (report,) = read(document).statements
    opening, closing = report.balances
    assert (opening.amount.minor, closing.amount.minor) == (0, FUNDS[HBL] - 100_100_00)
    assert [(entry.direction, entry.amount.minor) for entry in report.entries] == [
        ("CRDT", FUNDS[HBL]),
        ("DBIT", 100_100_00),
    ]
    paid = report.entries[1].details[0].transactions[0]
    assert (paid.end_to_end, paid.transaction) == ("INV-2026-0042", case_id.replace("-", ""))
    assert report.account.other_id == "position:PK/hbl:PKR"
    assert int(report.sequence) == 7


def test_an_overdrawn_account_has_a_debit_balance():
    desk = Desk()
    account = desk.pk.account("external:PKR")
    said = read_statement(desk.pk.store, account.id)
    (report,) = read(write_statement(account, said, number=1, since=START, now=START)).statements
    assert [balance.direction for balance in report.balances] == ["CRDT", "DBIT"]


def test_a_long_id_becomes_a_number_that_fits():
    long = "abroad:PK/a-provider-with-a-long-name:KZ:KZT"
    assert len(account_number(long)) == 34
    assert account_number(long) != account_number(long + "X")


def test_reports_of_two_accounts_have_two_ids_however_alike_these_are():
    """A provider's money abroad in two countries: its system would take the second statement for the first."""
    desk = Desk()
    account = desk.pk.account("position:PK/hbl:PKR")
    said = read_statement(desk.pk.store, account.id)
    found = set()
    for number in (1, 10**18 - 1):
        for name in ("abroad:PK/caravan-fx:KZ:KZT", "abroad:PK/caravan-fx:UZ:UZS"):
            one = msgspec.structs.replace(account, id=name)
            document = read(write_statement(one, said, number=number, since=START, now=START))
            found.add((document.header.message_id, document.statements[0].id))
    assert len(found) == 4
