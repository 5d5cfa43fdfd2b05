"""Balances at any moment, statements and the trial balance come from the transfers."""

from datetime import timedelta

from tests.unit.ledger.memory_ledger import NOW, TENGE, MemoryLedger, account

from darwaza.ledger.account import Balance
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import Group, Hold, Move, Post, Void
from darwaza.ledger.posting import apply_group
from darwaza.ledger.statement import rederive, statement, trial_balance

ORDERS = (
    Move("fund", "world", "payer", 100),
    Hold("h1", "payer", "payee", 30, NOW + timedelta(seconds=5)),
    Hold("h2", "payer", "payee", 20),
    Post("p1", "h1", 25),
    Move("other", "world", "payee", 1),
    Void("v2", "h2"),
)


def transfers():
    ledger = MemoryLedger(account("world"), account("payer"), account("payee"))
    book = ledger.book()
    apply_group(Group(ORDERS), book)
    return book.changes().transfers


def test_i2_a_balance_is_the_sum_of_its_entries_at_any_sequence_number():
    """The balance derived from the transfers up to each number is the one the running statement shows there."""
    lines = {line.transfer.sequence: line.balance for line in statement("payer", transfers()).lines}
    seen = Balance()
    for sequence in range(len(ORDERS) + 1):
        seen = lines.get(sequence, seen)
        assert rederive(transfers(), through_sequence=sequence).get("payer", Balance()) == seen


def test_a_statement_shows_each_transfer_as_the_account_sees_it():
    """Debits are negative, holds move nothing posted, each line starts where the one before ended."""
    drawn = statement("payer", transfers())
    assert [(line.transfer.id, line.posted_minor, line.balance.available) for line in drawn.lines] == [
        ("fund", 100, 100),
        ("h1", 0, 70),
        ("h2", 0, 50),
        ("p1", -25, 55),
        ("v2", 0, 75),
    ]
    assert drawn.opening == Balance()
    assert drawn.closing == drawn.lines[-1].balance == Balance(debits_posted=25, credits_posted=100)


def test_statements_of_consecutive_stretches_join():
    """A statement may start anywhere: with the balance before it, it ends where the whole one ends."""
    entries = transfers()
    for cut in range(len(entries) + 1):
        opening = rederive(entries[:cut]).get("payee")
        assert statement("payee", entries[cut:], opening).closing == statement("payee", entries).closing


def test_the_trial_balance_is_drawn_up_per_asset():
    """Each asset balances by itself; a unit that came from nowhere shows."""
    dollars = Asset("USD", 2)
    sound = [account("a", 5), account("b", -5), account("c", 7, asset=dollars)]
    totals = trial_balance(sound)
    assert totals[TENGE].balanced
    assert totals[TENGE].debits_posted == 5
    assert not totals[dollars].balanced
    pending = [account("a", balance=Balance(debits_pending=1)), account("b")]
    assert not trial_balance(pending)[TENGE].balanced
