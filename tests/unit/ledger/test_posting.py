"""What the ledger promises, by name: I1 conservation, I3 floors, I4 holds, I5 identity, I7 exchanges, I12 caps."""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.ledger.memory_ledger import NOW, TENGE, MemoryLedger, account

from darwaza.errors import InvariantError, TooLargeError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import TOTAL_MINOR_MAX, Balance
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import AMOUNT_MINOR_MAX, AmendAccount, Group, Hold, Move, OpenAccount, Post, Void
from darwaza.ledger.posting import apply, apply_group, expire
from darwaza.ledger.statement import trial_balance
from darwaza.ledger.transfer import HoldStanding, Phase

DEADLINE = NOW + timedelta(seconds=20)


def ledger_of(*orders, now=NOW) -> MemoryLedger:
    """A payer with 100, an empty payee, the world; and these orders committed, each a decision of its own."""
    ledger = MemoryLedger(
        account("world", -100), account("payer", 100, floor=0), account("payee", floor=0), account("fees", floor=0)
    )
    book = ledger.book(now)
    for order in orders:
        assert not isinstance(apply_group(Group((order,)), book), Refusal)
    ledger.commit(book.changes())
    return ledger


def now_in(ledger: MemoryLedger, *orders, now=NOW, case_id=None):
    """Apply one decision, commit, and return the answer."""
    book = ledger.book(now)
    answer = apply_group(Group(orders, case_id), book)
    ledger.commit(book.changes())
    return answer


def balance_of(ledger: MemoryLedger, account_id: str) -> Balance:
    return ledger.stored_accounts[account_id].balance


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param([Move("m", "payer", "payee", 30)], id="move"),
        pytest.param([Hold("h", "payer", "payee", 30)], id="hold"),
        pytest.param([Hold("h", "payer", "payee", 30), Post("p", "h", 30)], id="hold, post"),
        pytest.param([Hold("h", "payer", "payee", 30), Post("p", "h", 10)], id="hold, post a part"),
        pytest.param([Hold("h", "payer", "payee", 30), Void("v", "h")], id="hold, void"),
        pytest.param([Move("m", "payer", "payee", 30), Move("f", "payee", "fees", 2)], id="fee"),
    ],
)
def test_i1_money_is_conserved(orders):
    """After every transfer the debits of all accounts equal their credits, posted and pending alike."""
    for count in range(1, len(orders) + 1):
        assert trial_balance(ledger_of(*orders[:count]).stored_accounts.values())[TENGE].balanced


@pytest.mark.parametrize(
    ("ends", "payer", "payee"),
    [
        # payer: posted, available; payee: posted, prospective
        pytest.param([], (100, 70), (0, 30), id="standing: promised on both sides"),
        pytest.param([Post("p", "h", 30)], (70, 70), (30, 30), id="posted in full"),
        pytest.param([Post("p", "h", 12)], (88, 88), (12, 12), id="posted in part: the rest is released"),
        pytest.param([Void("v", "h")], (100, 100), (0, 0), id="voided: all is released"),
    ],
)
def test_a_hold_counts_until_it_ends_and_then_leaves_nothing_behind(ends, payer, payee):
    """Every end of a hold takes its whole amount out of both pending totals."""
    ledger = ledger_of(Hold("h", "payer", "payee", 30, DEADLINE), *ends)
    left, right = balance_of(ledger, "payer"), balance_of(ledger, "payee")
    assert ((left.posted, left.available), (right.posted, right.prospective)) == (payer, payee)
    assert bool(left.debits_pending) is bool(right.credits_pending) is not bool(ends)


def test_i3_the_floor_is_reached_and_never_crossed():
    """Exactly what is available can be promised, and not one unit more; holds count like money gone."""
    ledger = ledger_of(Hold("h", "payer", "payee", 60))
    assert now_in(ledger, Move("over", "payer", "payee", 41)).code == "floor_crossed"
    assert now_in(ledger, Move("all", "payer", "payee", 40))
    assert balance_of(ledger, "payer").available == 0
    assert now_in(ledger, Hold("more", "payer", "payee", 1)).code == "floor_crossed"


def test_i3_what_a_hold_promises_the_payee_cannot_spend():
    """Incoming holds are not available before they are posted."""
    ledger = ledger_of(Hold("h", "payer", "payee", 60))
    assert now_in(ledger, Move("early", "payee", "fees", 1)).code == "floor_crossed"


def test_i12_the_ceiling_counts_what_is_still_in_flight():
    """A cap is a cap with the in-flight holds counted, and is reached exactly."""
    ledger = ledger_of(AmendAccount("payee", 0, 50), Hold("h", "payer", "payee", 30))
    assert now_in(ledger, Hold("over", "payer", "payee", 21)).code == "ceiling_crossed"
    assert now_in(ledger, Hold("fits", "payer", "payee", 20))


def test_limits_bind_what_leads_further_out_and_not_what_leads_back():
    """An account whose limits were tightened past its balance still takes what brings it back within them."""
    ledger = ledger_of(AmendAccount("payer", 150, 200))
    assert now_in(ledger, Move("out", "payer", "payee", 1)).code == "floor_crossed"
    assert now_in(ledger, Move("in", "world", "payer", 20))[0].sequence == 1
    ledger = ledger_of(AmendAccount("payer", 0, 50))
    assert now_in(ledger, Move("in", "world", "payer", 1)).code == "ceiling_crossed"
    assert now_in(ledger, Move("out", "payer", "payee", 20))[0].sequence == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(AmendAccount("payer", 500, 500), id="floor raised"),
        pytest.param(AmendAccount("payer", 0, None, debits_blocked=True), id="debits blocked"),
        pytest.param(AmendAccount("payee", -5, -5), id="ceiling lowered"),
        pytest.param(AmendAccount("payee", 0, None, credits_blocked=True), id="credits blocked"),
    ],
)
def test_a_hold_is_a_commitment_that_no_later_limit_or_block_breaks(change):
    """An honoured hold posts whatever has since happened to the accounts' terms."""
    ledger = ledger_of(Hold("h", "payer", "payee", 30), change)
    assert now_in(ledger, Post("p", "h", 30))[0].phase is Phase.POST


@pytest.mark.parametrize("first", [Post("a", "h", 30), Post("a", "h", 1), Void("a", "h")])
@pytest.mark.parametrize("second", [Post("b", "h", 1), Post("b", "h", 29), Void("b", "h")])
def test_i4_a_hold_ends_at_most_once(first, second):
    """Once posted (even in part) or voided, a hold takes no second end."""
    ledger = ledger_of(Hold("h", "payer", "payee", 30), first)
    assert now_in(ledger, second).code == ("hold_voided" if isinstance(first, Void) else "hold_posted")


def test_i4_an_expired_hold_is_released_once_and_cannot_be_posted():
    """At its instant, not a moment before, a hold expires; repeating the expiry changes nothing."""
    ledger = ledger_of(Hold("h", "payer", "payee", 30, DEADLINE, "rent"))
    early = ledger.book(DEADLINE - timedelta(microseconds=1))
    assert expire(["h"], early) == ()
    book = ledger.book(DEADLINE)
    assert apply_group(Group((Post("late", "h", 30),)), book).code == "hold_expired"
    (expiry,) = expire(["h", "h", "unknown"], book)
    assert (expiry.id, expiry.phase, expiry.released_minor, expiry.reference) == ("expire h", Phase.EXPIRE, 30, "rent")
    assert expire(["h"], book) == ()
    ledger.commit(book.changes())
    assert expire(["h"], ledger.book(DEADLINE)) == ()
    assert balance_of(ledger, "payer") == Balance(credits_posted=100)
    assert now_in(ledger, Void("v", "h"), now=DEADLINE).code == "hold_expired"


def test_only_holds_with_a_time_expire():
    """Neither a transfer nor a hold without an expiry is ended by the clock."""
    ledger = ledger_of(Hold("h", "payer", "payee", 30), Move("m", "payer", "payee", 1))
    assert expire(["h", "m"], ledger.book(NOW + timedelta(days=9_999))) == ()


def test_a_hold_is_prolonged_by_voiding_it_and_placing_another():
    """Within one decision the money passes from the old hold to the new one, even when all of it is held."""
    ledger = ledger_of(Hold("h", "payer", "payee", 100, DEADLINE))
    later = DEADLINE + timedelta(hours=1)
    assert now_in(ledger, Void("v", "h"), Hold("h2", "payer", "payee", 100, later), now=DEADLINE)
    assert balance_of(ledger, "payer").available == 0


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize(
    "order",
    [
        Move("x", "payer", "payee", 30, "rent"),
        Hold("x", "payer", "payee", 30, DEADLINE, "rent"),
        Post("x", "h", 5, "rent"),
        Void("x", "h", "rent"),
    ],
)
def test_i5_the_same_order_is_answered_and_has_no_second_effect(order, in_one_batch):
    """Repeated in the batch or years later, an order gets the stored transfer and moves nothing."""
    ledger = ledger_of(Hold("h", "payer", "payee", 10))
    book = ledger.book()
    first = apply_group(Group((order,), "case"), book)
    if not in_one_batch:
        ledger.commit(book.changes())
        book = ledger.book(NOW + timedelta(days=400))
    before = book.account("payer")
    assert apply_group(Group((order,), "case"), book) == first
    assert book.account("payer") == before
    assert len(book.changes().transfers) == int(in_one_batch)


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        (Move("x", "payer", "fees", 30, "rent"), "/0/credit_account"),
        (Move("x", "world", "payee", 30, "rent"), "/0/debit_account"),
        (Move("x", "payer", "payee", 31, "rent"), "/0/amount_minor"),
        (Move("x", "payer", "payee", 30, "bill"), "/0/reference"),
        (Hold("x", "payer", "payee", 30, None, "rent"), "/0/id"),
        (Post("x", "h", 30, "rent"), "/0/id"),
        (Void("x", "h", "rent"), "/0/id"),
    ],
)
@pytest.mark.parametrize("case_id", ["case", "other"])
def test_i5_another_order_under_a_used_id_is_a_named_conflict(order, pointer, case_id):
    """The conflict points at the first field that differs; another case is another order."""
    ledger = ledger_of()
    assert now_in(ledger, Move("x", "payer", "payee", 30, "rent"), case_id="case")
    answer = now_in(ledger, order, case_id=case_id)
    assert (answer.code, answer.pointer) == ("transfer_id_conflict", pointer if case_id == "case" else "/0/id")


def test_a_refused_order_may_be_tried_again_under_its_id():
    """Without ``refusal_final`` a refusal leaves no trace (P8): money comes in, the same order succeeds."""
    ledger = ledger_of()
    order = Move("x", "payer", "payee", 150)
    assert now_in(ledger, order).code == "floor_crossed"
    assert now_in(ledger, Move("more", "world", "payer", 50))
    assert now_in(ledger, order)[0].id == "x"


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_a_final_refusal_stays(in_one_batch):
    """With ``refusal_final`` the same order gets the same refusal whatever has changed, and any other a conflict."""
    ledger = ledger_of()
    order = Move("x", "payer", "payee", 150, refusal_final=True)
    funding = Move("more", "world", "payer", 50)
    book = ledger.book()
    first = apply_group(Group((order,)), book)
    assert first.code == "floor_crossed"
    if not in_one_batch:
        ledger.commit(book.changes())
        book = ledger.book()
    answers = apply([Group((funding, order)), Group((funding,)), Group((order,))], book)
    assert answers[0] == msgspec.structs.replace(first, pointer="/1/amount_minor")
    assert answers[2] == first
    smaller = msgspec.structs.replace(order, amount_minor=1)
    assert apply_group(Group((smaller,)), book).code == "transfer_id_conflict"
    assert apply_group(Group((order,), "case"), book).code == "transfer_id_conflict"
    assert len(book.changes().refused) == int(in_one_batch)


def test_refusals_that_cannot_pass_are_not_remembered():
    """Nothing is stored for an order that can never succeed: the ledger answers it from what it has."""
    ledger = ledger_of(Hold("h", "payer", "payee", 10))
    now_in(ledger, Post("x", "h", 11, refusal_final=True))
    now_in(ledger, Move("y", "payer", "payer", 1, refusal_final=True))
    assert ledger.refused == {}


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_group_applies_whole_or_not_at_all(position):
    """Wherever in a group the refused order stands, nothing of the group remains, and the sequence has no gap."""
    orders = [Hold("a", "payer", "payee", 10), Post("b", "h", 5), OpenAccount("new", "KZ/x", TENGE, "fees", 0, None)]
    orders.insert(position, Move("bad", "payer", "payee", 1_000))
    ledger = ledger_of(Hold("h", "payer", "payee", 5))
    before = (dict(ledger.stored_accounts), list(ledger.transfers), ledger.next_sequence)
    answer = now_in(ledger, *orders)
    assert (answer.code, answer.pointer) == ("floor_crossed", f"/{position}/amount_minor")
    assert (ledger.stored_accounts, ledger.transfers, ledger.next_sequence) == before
    orders.remove(orders[position])
    assert [entry.id for entry in now_in(ledger, *orders)] == ["a", "b", "new"]
    assert [transfer.sequence for transfer in ledger.transfers] == [1, 2, 3]


def test_i7_both_legs_of_an_exchange_or_none():
    """An exchange is a group: the payer's currency, the provider's currency and the spread move together."""
    dollar = Asset("USD", 2)
    ledger = MemoryLedger(
        account("payer", 100, floor=0),
        account("fx-tenge", floor=0),
        account("spread", floor=0),
        account("fx-dollar", 7, floor=0, asset=dollar),
        account("payee", asset=dollar),
    )
    legs = [Move("s", "payer", "fx-tenge", 100), Move("x", "fx-tenge", "spread", 2)]
    assert now_in(ledger, *legs, Move("d", "fx-dollar", "payee", 8)).pointer == "/2/amount_minor"
    assert ledger.transfers == []
    assert len(now_in(ledger, *legs, Move("d", "fx-dollar", "payee", 7))) == 3
    assert all(
        account.balance.posted == expected
        for account, expected in zip(ledger.stored_accounts.values(), (0, 98, 2, 0, 7), strict=True)
    )


def test_orders_see_those_before_them():
    """A decision may open an account, fund it and hold from it; the next decision of the batch sees all of it."""
    book = ledger_of().book()
    opening = OpenAccount("new", "KZ/x", TENGE, "guarantee", 0, None)
    first = Group((opening, Move("m", "payer", "new", 40), Hold("h", "new", "fees", 40)))
    answers = apply([first, Group((Post("p", "h", 15),)), Group((Move("n", "new", "fees", 26),))], book)
    assert answers[2].code == "floor_crossed"
    assert book.account("new").balance.available == 25
    assert book.hold("h") == HoldStanding(answers[0][2], answers[1][0])


def test_an_account_opens_once():
    """Opening again with the same terms answers with the account as it stands; with others it is a conflict."""
    ledger = ledger_of()
    opening = OpenAccount("new", "KZ/x", TENGE, "fees", 0, 50)
    assert now_in(ledger, opening, Move("m", "payer", "new", 5))
    (again,) = now_in(ledger, opening, now=NOW + timedelta(days=1))
    assert (again.balance.posted, again.opened_at) == (5, NOW)
    assert now_in(ledger, msgspec.structs.replace(opening, ceiling_minor=51)).code == "account_conflict"


def test_totals_stop_at_64_bits():
    """No total can grow past what the store holds, pending amounts included."""
    ledger = MemoryLedger(
        account("a"), account("b"), account("c", balance=Balance(credits_posted=TOTAL_MINOR_MAX - AMOUNT_MINOR_MAX))
    )
    assert now_in(ledger, Hold("h", "a", "c", AMOUNT_MINOR_MAX))
    assert now_in(ledger, Move("m", "b", "c", 1)).code == "credits_overflow"
    assert now_in(ledger, Post("p", "h", AMOUNT_MINOR_MAX))
    assert balance_of(ledger, "c").credits_posted == TOTAL_MINOR_MAX


def test_a_batch_is_loaded_with_three_reads_and_its_size_is_bounded():
    """However many groups and accounts, a batch costs three reads; above the limit nothing is applied."""
    ledger = ledger_of(*(Hold(f"h{number}", "payer", "payee", 1) for number in range(50)))
    ledger.reads = 0
    book = ledger.book()
    answers = apply([Group((Post(f"p{number}", f"h{number}", 1),)) for number in range(50)], book)
    assert all(isinstance(answer, tuple) for answer in answers)
    assert ledger.reads == 3
    with pytest.raises(TooLargeError):
        apply([Group((Move("x", "payer", "payee", 1),) * 8_192)] * 9, book)


@pytest.mark.parametrize(
    "order",
    [
        Move("x", "payer", "payee", 1.0),
        Move("x", "payer", "payee", True),
        Hold("x", "payer", "payee", 1, NOW.replace(tzinfo=None)),
    ],
)
def test_a_faulty_rule_is_an_exception_and_leaves_nothing(order):
    """What no party can cause is a ValueError; the orders before it in the group are undone."""
    book = ledger_of().book()
    with pytest.raises(ValueError, match=r"^an (amount|expiry) is"):
        apply_group(Group((Move("m", "payer", "payee", 1), order)), book)
    assert book.changes().transfers == ()
    assert book.account("payer").balance.posted == 100


def test_a_hold_on_a_missing_account_is_a_broken_store():
    """The store contradicting itself stops the process instead of inventing an account."""
    ledger = ledger_of(Hold("h", "payer", "payee", 1))
    del ledger.stored_accounts["payee"]
    with pytest.raises(InvariantError):
        apply_group(Group((Post("p", "h", 1),)), ledger.book())
