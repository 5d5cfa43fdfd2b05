"""A hold that goes on with what another's end released: nothing set meanwhile stops it, and it takes no more."""

from datetime import timedelta

import pytest
from tests.unit.ledger.memory_ledger import NOW, MemoryLedger, account
from tests.unit.ledger.test_posting import DEADLINE, balance_of, ledger_of, now_in

from darwaza.kernel.machine import Refusal
from darwaza.ledger.order import AMOUNT_MINOR_MAX, AmendAccount, CloseAccount, Hold, Move, Post, Void
from darwaza.ledger.posting import expire

HELD = Hold("h", "payer", "payee", 30)
BLOCKED = AmendAccount("payer", 0, None, debits_blocked=True)
SHUT = AmendAccount("payee", 0, None, credits_blocked=True)
RAISED = AmendAccount("payer", 100, None)
CAPPED = AmendAccount("payee", 0, 0)


def rest(amount_minor=20, **fields):
    return Hold("r", "payer", "payee", amount_minor, rest_of="h", **fields)


def code_of(outcome):
    return outcome.code if isinstance(outcome, Refusal) else None


@pytest.mark.parametrize("meanwhile", [BLOCKED, SHUT, RAISED, CAPPED], ids=["debits", "credits", "floor", "ceiling"])
@pytest.mark.parametrize("end", [Post("p", "h", 10), Void("v", "h")], ids=["posted in part", "voided"])
def test_no_block_or_limit_set_meanwhile_stops_the_rest(meanwhile, end):
    """The two sides of a payment could never agree again; a hold that is new is stopped by each of them."""
    ledger = ledger_of(HELD, meanwhile)
    assert code_of(now_in(ledger, Hold("new", "payer", "payee", 1))) is not None
    assert code_of(now_in(ledger, end, rest())) is None
    posted = 10 if isinstance(end, Post) else 0
    payer, payee = balance_of(ledger, "payer"), balance_of(ledger, "payee")
    assert (payer.posted, payer.debits_pending) == (100 - posted, 20)
    assert (payee.posted, payee.credits_pending) == (posted, 20)


def test_the_rest_ends_as_every_hold_does():
    ledger = ledger_of(HELD, BLOCKED)
    now_in(ledger, Post("p", "h", 10), rest())
    again = Hold("r2", "payer", "payee", 5, rest_of="r")
    assert code_of(now_in(ledger, Post("p2", "r", 15), again)) is None
    assert code_of(now_in(ledger, Void("v", "r2"))) is None
    payer = balance_of(ledger, "payer")
    assert (payer.posted, payer.debits_pending, balance_of(ledger, "payee").posted) == (75, 0, 25)


def test_a_rest_may_expire():
    ledger = ledger_of(HELD, BLOCKED)
    now_in(ledger, Post("p", "h", 10), rest(expires_at=DEADLINE))
    book = ledger.book(DEADLINE)
    expire(ledger.due(DEADLINE), book)
    ledger.commit(book.changes())
    assert balance_of(ledger, "payer").debits_pending == 0
    assert code_of(now_in(ledger, Post("late", "r", 20), now=DEADLINE)) == "hold_expired"


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param([Post("p", "h", 10), rest(21)], id="more than was released"),
        pytest.param([Post("p", "h", 30), rest(1)], id="nothing was released"),
        pytest.param([Void("v", "h"), Move("m", "world", "fees", 1), rest()], id="another order in between"),
        pytest.param([rest()], id="the hold stands"),
        pytest.param([Hold("r", "payer", "payee", 20, rest_of="none")], id="there is no such hold"),
        pytest.param([Void("v", "h"), Hold("r", "payer", "fees", 20, rest_of="h")], id="another payee"),
        pytest.param([Void("v", "h"), rest(), Hold("s", "payer", "payee", 10, rest_of="h")], id="twice"),
    ],
)
def test_what_is_no_rest_is_judged_as_any_hold(orders):
    """It says it is one; a block stops it all the same, and with it the whole decision."""
    ledger = ledger_of(HELD, BLOCKED)
    assert code_of(now_in(ledger, *orders)) == "debits_blocked"
    assert balance_of(ledger, "payer").debits_pending == 30


def test_a_rest_takes_from_another_account_only_as_any_hold():
    ledger = ledger_of(HELD)
    other = Hold("r", "fees", "payee", 20, rest_of="h")
    assert code_of(now_in(ledger, Void("v", "h"), other)) == "floor_crossed"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"id": "h"}, "transfer_id_conflict"),
        ({"id": " "}, "transfer_id_malformed"),
        ({"reference": "x" * 141}, "reference_too_long"),
        ({"amount_minor": 0}, "amount_not_positive"),
        ({"amount_minor": AMOUNT_MINOR_MAX + 1}, "amount_too_large"),
        ({"credit_account": "payer"}, "accounts_same"),
        ({"expires_at": NOW - timedelta(seconds=1)}, "expiry_passed"),
        ({"debit_account": "ghost"}, "debit_account_unknown"),
        ({"credit_account": "ghost"}, "credit_account_unknown"),
    ],
)
def test_what_is_wrong_in_itself_comes_before(fields, code):
    """Of the refusals of a hold those up to the unknown accounts are a rest's, too, in their places."""
    given = {"id": "r", "debit_account": "payer", "credit_account": "payee", "amount_minor": 20, "rest_of": "h"}
    ledger = ledger_of(HELD, BLOCKED)
    assert code_of(now_in(ledger, Void("v", "h"), Hold(**given | fields))) == code
    assert balance_of(ledger, "payer").debits_pending == 30


def test_a_rest_that_is_repeated_is_answered_as_it_was():
    ledger = ledger_of(HELD, BLOCKED)
    first = now_in(ledger, Post("p", "h", 10), rest())
    assert code_of(first) is None
    assert code_of(now_in(ledger, Post("p", "h", 10), rest())) is None
    assert balance_of(ledger, "payer").debits_pending == 20


def test_an_account_does_not_close_between_a_hold_and_its_rest():
    """So the rest never meets a closed account."""
    ledger = MemoryLedger(account("payer", 0, floor=None), account("payee"))
    assert code_of(now_in(ledger, HELD)) is None
    assert code_of(now_in(ledger, CloseAccount("payee"))) is not None
    assert code_of(now_in(ledger, Void("v", "h"), rest(), CloseAccount("payee"))) is not None
