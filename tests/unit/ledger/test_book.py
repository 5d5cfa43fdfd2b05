"""The overlay: what rules see, what the engine writes, and the way back."""

from datetime import timedelta

import msgspec
from tests.unit.ledger.memory_ledger import NOW, TENGE, MemoryLedger, account

from darwaza.ledger.order import AmendAccount, CloseAccount, Group, Hold, Move, OpenAccount, Post
from darwaza.ledger.posting import apply_group, expire

DEADLINE = NOW + timedelta(seconds=20)


def some_ledger() -> MemoryLedger:
    ledger = MemoryLedger(account("payer", 100, floor=0), account("payee"), account("spare"))
    book = ledger.book()
    apply_group(Group((Hold("h", "payer", "payee", 30, DEADLINE), Move("m", "payer", "payee", 1))), book)
    ledger.commit(book.changes())
    return ledger


def test_rules_see_accounts_transfers_and_holds():
    """Views answer from the store and from the batch alike, and with None for what does not exist."""
    book = some_ledger().book()
    assert book.account("payer").balance.available == 69
    assert book.account("ghost") is None
    assert book.transfer("m").amount_minor == 1
    assert book.transfer("ghost") is None
    assert book.hold("m") is None
    assert book.hold("h").end is None
    (post,) = apply_group(Group((Post("p", "h", 30),)), book)
    assert book.hold("h").end == post


def test_nothing_is_read_twice():
    """What a batch has read, found or not, it does not read again."""
    ledger = some_ledger()
    ledger.reads = 0
    book = ledger.book()
    for _ in range(3):
        book.account("payer")
        book.account("ghost")
        book.hold("h")
        book.transfer("ghost")
        apply_group(Group((Move("too much", "payer", "payee", 1_000),)), book)
    assert ledger.reads == 7


def test_a_view_is_a_value_that_later_transfers_do_not_change():
    """An account handed to a rule stays as it was."""
    book = some_ledger().book()
    before = book.account("payer")
    apply_group(Group((Move("x", "payer", "payee", 5),)), book)
    assert before.balance.available == 69
    assert book.account("payer").balance.available == 64


def test_changes_name_what_was_opened_what_changed_and_nothing_else():
    """An account opened and used in one batch is inserted once; untouched and restored accounts are not written."""
    book = some_ledger().book()
    apply_group(Group((OpenAccount("new", "KZ/x", TENGE, "fees", 0, None), Move("x", "payer", "new", 5))), book)
    apply_group(Group((AmendAccount("new", 1, None),)), book)
    savepoint = book.savepoint()
    apply_group(Group((Move("y", "payer", "spare", 5),)), book)
    book.rollback(savepoint)
    changes = book.changes()
    assert [(account.id, account.floor_minor, account.balance.posted) for account in changes.opened] == [("new", 1, 5)]
    assert [account.id for account in changes.changed] == ["payer"]
    assert [transfer.id for transfer in changes.transfers] == ["x"]
    assert changes.next_sequence == 4


def test_a_rollback_restores_everything_and_the_same_decision_applies_again():
    """Transfers, ends of holds, openings, amendments, closings and final refusals go back to the savepoint."""
    ledger = some_ledger()
    book = ledger.book(DEADLINE)
    apply_group(Group((Move("kept", "payer", "payee", 1),)), book)
    before = book.changes()
    savepoint = book.savepoint()
    decision = Group(
        (
            OpenAccount("new", "KZ/x", TENGE, "fees", 0, None),
            Move("x", "payer", "new", 5),
            Hold("h2", "new", "payee", 5),
            Post("p2", "h2", 5),
            AmendAccount("payer", -50, None),
            CloseAccount("new"),
        ),
        "case",
    )
    for _ in range(2):
        assert expire(["h"], book)[0].sequence == 4
        assert len(apply_group(decision, book)) == 6
        refused = Group((Move("z", "payer", "payee", 1_000, refusal_final=True),))
        assert apply_group(refused, book).code == "floor_crossed"
        assert len(book.changes().refused) == 1
        book.rollback(savepoint)
        assert book.changes() == before
        assert book.hold("h").end is None
        assert book.account("new") is None
        assert book.account("payer").floor_minor == 0
        assert book.transfer("p2") is None


def test_every_value_is_plain_data():
    """Orders, transfers, accounts and final refusals survive any encoding msgspec writes, to be stored as they are."""
    book = some_ledger().book()
    group = Group((OpenAccount("new", "KZ/x", TENGE, "fees", 0, None), Move("x", "payer", "new", 5), Post("p", "h", 3)))
    apply_group(group, book)
    apply_group(Group((Hold("z", "payer", "payee", 1_000, DEADLINE, refusal_final=True),)), book)
    for value in (group, book.changes()):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value)) == value
