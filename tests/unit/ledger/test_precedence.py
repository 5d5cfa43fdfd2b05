"""The refusals and their order of precedence, as ladders.

A ladder starts with an order that has every fault it can have at once. Each rung cures the fault that was named, and
the next refusal must be the next one in the enum: so every pair of neighbours is tested by an order that has both.
"""

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.unit.ledger.memory_ledger import NOW, MemoryLedger, account

from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import TOTAL_MINOR_MAX, Balance
from darwaza.ledger.asset import Asset
from darwaza.ledger.money import MoneyRefusal
from darwaza.ledger.order import AmendAccount, CloseAccount, Group, Hold, Move, OpenAccount, Post, Void
from darwaza.ledger.posting import apply_group, expire
from darwaza.ledger.refusal import AccountRefusal, TransferRefusal
from darwaza.ledger.transfer import Transfer

FULL_OF_DEBITS = Balance(debits_posted=TOTAL_MINOR_MAX - 1, credits_posted=TOTAL_MINOR_MAX - 1)
LARGEST = 10**18 - 1
PAST = NOW - timedelta(seconds=1)
LATER = NOW + timedelta(seconds=60)
DOLLAR = Asset("USD", 2)


def ladder_ledger() -> MemoryLedger:
    """Accounts that each have all the faults of the rungs above them."""
    ledger = MemoryLedger(
        account("shut", floor=0, closed_at=NOW, debits_blocked=True, balance=FULL_OF_DEBITS),
        account("shut-dollars", asset=DOLLAR, ceiling=0, closed_at=NOW, credits_blocked=True, balance=FULL_OF_DEBITS),
        account("shut-payee", ceiling=0, closed_at=NOW, credits_blocked=True, balance=FULL_OF_DEBITS),
        account("frozen", floor=0, debits_blocked=True, balance=FULL_OF_DEBITS),
        account("frozen-payee", ceiling=0, credits_blocked=True, balance=FULL_OF_DEBITS),
        account("full", floor=0, balance=FULL_OF_DEBITS),
        account("full-payee", ceiling=0, balance=FULL_OF_DEBITS),
        account("poor", LARGEST - 1, floor=0),
        account("capped", 1, ceiling=LARGEST),
        account("rich", LARGEST, floor=0),
        account("payee", 0, ceiling=LARGEST),
    )
    book = ledger.book()
    assert apply_group(Group((Move("used", "rich", "payee", 1), Move("back", "payee", "rich", 1))), book)
    ledger.commit(book.changes())
    return ledger


TAKING = [
    # case name, what is cured, the refusal that comes next (None: applied)
    ("worst", {}, "TRANSFER_ID_MALFORMED"),
    ("id used before", {"id": "used"}, "TRANSFER_ID_CONFLICT"),
    ("fresh id", {"id": "fresh"}, "REFERENCE_TOO_LONG"),
    ("short reference", {"reference": "x" * 140}, "AMOUNT_NOT_POSITIVE"),
    ("amount above the limit", {"amount_minor": LARGEST + 1}, "AMOUNT_TOO_LARGE"),
    ("largest amount", {"amount_minor": LARGEST}, "ACCOUNTS_SAME"),
    ("two accounts", {"credit_account": "ghost-payee"}, "EXPIRY_PASSED"),
    ("expires later", {"expires_at": LATER}, "DEBIT_ACCOUNT_UNKNOWN"),
    ("debit account exists", {"debit_account": "shut"}, "CREDIT_ACCOUNT_UNKNOWN"),
    ("credit account exists", {"credit_account": "shut-dollars"}, "ASSETS_DIFFER"),
    ("one asset", {"credit_account": "shut-payee"}, "DEBIT_ACCOUNT_CLOSED"),
    ("debit account open", {"debit_account": "frozen"}, "CREDIT_ACCOUNT_CLOSED"),
    ("credit account open", {"credit_account": "frozen-payee"}, "DEBITS_BLOCKED"),
    ("debits free", {"debit_account": "full"}, "CREDITS_BLOCKED"),
    ("credits free", {"credit_account": "full-payee"}, "DEBITS_OVERFLOW"),
    ("room for debits", {"debit_account": "poor"}, "CREDITS_OVERFLOW"),
    ("room for credits", {"credit_account": "capped"}, "FLOOR_CROSSED"),
    ("enough money", {"debit_account": "rich"}, "CEILING_CROSSED"),
    ("all cured", {"credit_account": "payee"}, None),
]
WORST_HOLD = Hold("", "ghost", "ghost", 0, PAST, "x" * 141)

POSTING = [
    ("worst", {}, "TRANSFER_ID_MALFORMED"),
    ("id used before", {"id": "used"}, "TRANSFER_ID_CONFLICT"),
    ("fresh id", {"id": "fresh"}, "REFERENCE_TOO_LONG"),
    ("short reference", {"reference": None}, "AMOUNT_NOT_POSITIVE"),
    ("amount above the limit", {"amount_minor": LARGEST + 1}, "AMOUNT_TOO_LARGE"),
    ("amount above the hold", {"amount_minor": 101}, "HOLD_UNKNOWN"),
    ("a transfer, not a hold", {"hold_id": "used"}, "NOT_A_HOLD"),
    ("a hold that was posted", {"hold_id": "posted"}, "HOLD_POSTED"),
    ("a hold that was voided", {"hold_id": "voided"}, "HOLD_VOIDED"),
    ("a hold whose expiry is recorded", {"hold_id": "expired"}, "HOLD_EXPIRED"),
    ("a hold that is due", {"hold_id": "due"}, "HOLD_EXPIRED"),
    ("a hold that stands", {"hold_id": "standing"}, "AMOUNT_OVER_HOLD"),
    ("all cured", {"amount_minor": 100}, None),
]
WORST_POST = Post("", "ghost", 0, "x" * 141)
VOIDING = [
    ("worst", {}, "TRANSFER_ID_MALFORMED"),
    ("id used before", {"id": "used"}, "TRANSFER_ID_CONFLICT"),
    ("fresh id", {"id": "fresh"}, "REFERENCE_TOO_LONG"),
    ("short reference", {"reference": None}, "HOLD_UNKNOWN"),
    ("a transfer, not a hold", {"hold_id": "used"}, "NOT_A_HOLD"),
    ("a hold that was posted", {"hold_id": "posted"}, "HOLD_POSTED"),
    ("a hold that was voided", {"hold_id": "voided"}, "HOLD_VOIDED"),
    ("a hold whose expiry is recorded", {"hold_id": "expired"}, "HOLD_EXPIRED"),
    ("a hold that is due but still stands", {"hold_id": "due"}, None),
    ("a hold that stands", {"id": "fresh-2", "hold_id": "standing"}, None),
]
WORST_VOID = Void("", "ghost", "x" * 141)

OPENING = [
    ("no id", {}, "ACCOUNT_MALFORMED", "/id"),
    ("no owner", {"id": "taken"}, "ACCOUNT_MALFORMED", "/owner"),
    ("no asset", {"owner": "KZ/bank"}, "ACCOUNT_MALFORMED", "/asset"),
    ("no kind", {"asset": DOLLAR}, "ACCOUNT_MALFORMED", "/kind"),
    ("floor out of range", {"kind": "position"}, "ACCOUNT_MALFORMED", "/floor_minor"),
    ("floor above ceiling", {"floor_minor": 5}, "ACCOUNT_MALFORMED", "/floor_minor"),
    ("id taken", {"floor_minor": -5}, "ACCOUNT_CONFLICT", "/id"),
    ("all cured", {"id": "free"}, None, ""),
]
WORST_OPENING = OpenAccount("", "", Asset("", 19), "No Kind", -TOTAL_MINOR_MAX - 1, -3)


def rungs(ladder, worst):
    """The orders of a ladder: each cure is added to those before."""
    rows = []
    for name, cure, *expected in ladder:
        worst = msgspec.structs.replace(worst, **cure)
        rows.append(pytest.param(worst, *expected, id=f"{type(worst).__name__}: {name}"))
    return rows


def ended_holds() -> MemoryLedger:
    """Holds in every state, seen from a moment later."""
    ledger = MemoryLedger(account("payer", 1_000, floor=0), account("payee"))
    book = ledger.book()
    holds = [Hold(name, "payer", "payee", 100, LATER) for name in ("expired", "due")]
    holds += [Hold(name, "payer", "payee", 100) for name in ("posted", "voided", "standing")]
    ends = [Post("posting", "posted", 100), Void("voiding", "voided"), Move("used", "payer", "payee", 1)]
    assert apply_group(Group((*holds, *ends)), book)
    ledger.commit(book.changes())
    book = ledger.book(LATER)
    assert expire(["expired"], book)
    ledger.commit(book.changes())
    return ledger


def judge(ledger: MemoryLedger, order, expected: str | None) -> None:
    book = ledger.book(LATER if ledger.due(LATER) else NOW)
    answer = apply_group(Group((order,)), book)
    if expected is None:
        assert isinstance(answer[0], Transfer)
    else:
        assert answer == Refusal.of(TransferRefusal[expected], answer.detail, answer.pointer)
        assert answer.detail
        assert re.fullmatch(r"/0/[a-z_]+", answer.pointer)
        assert not book.changes().transfers


@pytest.mark.parametrize(("order", "expected"), rungs(TAKING, WORST_HOLD))
def test_holds_are_refused_for_their_first_fault(order, expected):
    """A hold with several faults is refused for the one that stands first."""
    judge(ladder_ledger(), order, expected)


@pytest.mark.parametrize(("order", "expected"), rungs(TAKING, WORST_HOLD))
def test_moves_are_refused_as_holds_are(order, expected):
    """A single-phase transfer has the same refusals in the same order; it has no expiry."""
    move = Move(order.id, order.debit_account, order.credit_account, order.amount_minor, order.reference)
    judge(ladder_ledger(), move, "DEBIT_ACCOUNT_UNKNOWN" if expected == "EXPIRY_PASSED" else expected)


@pytest.mark.parametrize(("order", "expected"), [*rungs(POSTING, WORST_POST), *rungs(VOIDING, WORST_VOID)])
def test_ends_of_holds_are_refused_for_their_first_fault(order, expected):
    """Posting and voiding name the first fault; a hold that is due can be voided but not posted."""
    judge(ended_holds(), order, expected)


@pytest.mark.parametrize(("order", "expected", "pointer"), rungs(OPENING, WORST_OPENING))
def test_openings_are_refused_for_their_first_fault(order, expected, pointer):
    """A malformed account is refused at its first wrong field, before anything is looked up."""
    answer = apply_group(Group((order,)), MemoryLedger(account("taken")).book())
    if expected is None:
        assert answer[0].id == "free"
    else:
        assert (answer.code, answer.pointer) == (AccountRefusal[expected].code, "/0" + pointer)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(AmendAccount("ghost", 2, 1), "ACCOUNT_MALFORMED", id="limits that contradict each other"),
        pytest.param(AmendAccount("ghost", 1, 2), "ACCOUNT_UNKNOWN", id="amend what does not exist"),
        pytest.param(AmendAccount("shut", 1, 2), "ACCOUNT_CLOSED", id="amend a closed account"),
        pytest.param(CloseAccount("ghost"), "ACCOUNT_UNKNOWN", id="close what does not exist"),
        pytest.param(CloseAccount("rich"), "ACCOUNT_NOT_EMPTY", id="close with money in it"),
        pytest.param(CloseAccount("promised"), "ACCOUNT_NOT_EMPTY", id="close with a hold on it"),
        pytest.param(CloseAccount("shut"), None, id="close again"),
        pytest.param(CloseAccount("empty"), None, id="close"),
    ],
)
def test_accounts_are_amended_and_closed_in_order(order, expected):
    """Amending and closing name their first fault; closing again is answered, not refused."""
    ledger = MemoryLedger(
        account("rich", 5),
        account("empty", balance=Balance(debits_posted=7, credits_posted=7)),
        account("promised", balance=Balance(credits_pending=1)),
        account("shut", closed_at=NOW),
    )
    answer = apply_group(Group((order,)), ledger.book())
    assert (answer.code if expected else answer[0].closed_at) == (AccountRefusal[expected].code if expected else NOW)


def test_a_group_over_its_limit_is_refused_before_anything_else():
    """The size of a group comes before any fault in it."""
    answer = apply_group(Group((WORST_HOLD,) * 8_193), MemoryLedger().book())
    assert answer == Refusal.of(TransferRefusal.GROUP_TOO_LARGE, answer.detail, "")


def test_the_ladders_climb_the_whole_enum_in_its_order():
    """No refusal is left out of the ladders, and the enum stands in the order of precedence they show."""
    order = [reason.name for reason in TransferRefusal]
    for ladder in (TAKING, POSTING, VOIDING):
        climbed = list(dict.fromkeys(rung[2] for rung in ladder if rung[2]))
        assert climbed == sorted(climbed, key=order.index)
    named = {rung[2] for ladder in (TAKING, POSTING, VOIDING) for rung in ladder} | {"GROUP_TOO_LARGE"}
    assert named == {*order, None}


def test_the_document_tells_every_refusal_in_order():
    """docs/concepts/ledger.md lists the enums as they are: order, code, and whether the reason may pass."""
    text = (Path(__file__).parents[3] / "docs/concepts/ledger.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `([a-z_]+)` \| (yes|no) \|", text, re.MULTILINE)
    expected = [
        (str(position), reason.code, "yes" if reason.transient else "no")
        for reasons in (TransferRefusal, AccountRefusal, MoneyRefusal)
        for position, reason in enumerate(reasons, 1)
    ]
    assert rows == expected
