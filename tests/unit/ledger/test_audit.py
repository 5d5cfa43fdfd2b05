"""The auditor finds every way a stored ledger can contradict itself, and nothing in a sound one."""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.ledger.memory_ledger import NOW, MemoryLedger, account

from darwaza.ledger.account import Balance
from darwaza.ledger.asset import Asset
from darwaza.ledger.audit import Fault, audit
from darwaza.ledger.order import Group, Hold, Move, Post, Void
from darwaza.ledger.posting import apply_group, expire

DEADLINE = NOW + timedelta(seconds=20)


def sound() -> MemoryLedger:
    """Every phase once: 1 m, 2 h, 3 p, 4 g, 5 v, 6 e, 7 the expiry of e, 8 s (which stands)."""
    ledger = MemoryLedger(account("world"), account("payer"), account("payee"))
    book = ledger.book()
    orders = [Move("m", "world", "payer", 100), Hold("h", "payer", "payee", 30, DEADLINE), Post("p", "h", 20)]
    orders += [Hold("g", "payer", "payee", 5), Void("v", "g"), Hold("e", "payer", "payee", 5, DEADLINE)]
    apply_group(Group(tuple(orders)), book)
    ledger.commit(book.changes())
    book = ledger.book(DEADLINE)
    expire(["e"], book)
    apply_group(Group((Hold("s", "payer", "payee", 1),)), book)
    ledger.commit(book.changes())
    return ledger


def with_transfer(ledger: MemoryLedger, position: int, **fields) -> MemoryLedger:
    ledger.transfers[position] = msgspec.structs.replace(ledger.transfers[position], **fields)
    return ledger


def without_transfer(ledger: MemoryLedger, position: int) -> MemoryLedger:
    del ledger.transfers[position]
    return ledger


def with_account(ledger: MemoryLedger, account_id: str, **fields) -> MemoryLedger:
    stored = ledger.stored_accounts[account_id]
    ledger.stored_accounts[account_id] = msgspec.structs.replace(stored, **fields)
    return ledger


def without_account(ledger: MemoryLedger, account_id: str) -> MemoryLedger:
    del ledger.stored_accounts[account_id]
    return ledger


def test_a_sound_ledger_has_no_findings():
    """Nothing is reported where nothing is wrong."""
    ledger = sound()
    assert audit(ledger.stored_accounts.values(), ledger.transfers) == []


@pytest.mark.parametrize(
    ("broken", "fault", "subject"),
    [
        pytest.param(without_transfer(sound(), 0), Fault.SEQUENCE_BROKEN, "h", id="first transfer lost"),
        pytest.param(without_transfer(sound(), 3), Fault.SEQUENCE_BROKEN, "v", id="transfer lost"),
        pytest.param(
            with_transfer(sound(), 6, applied_at=NOW - timedelta(1)), Fault.TIME_REVERSED, "expire e", id="time"
        ),
        pytest.param(without_account(sound(), "payee"), Fault.ACCOUNT_MISSING, "h", id="account lost"),
        pytest.param(with_account(sound(), "payee", asset=Asset("KZT", 3)), Fault.ASSET_DIFFERS, "h", id="asset"),
        pytest.param(with_transfer(sound(), 0, amount_minor=0), Fault.AMOUNT_IMPOSSIBLE, "m", id="moves nothing"),
        pytest.param(with_transfer(sound(), 0, amount_minor=-5), Fault.AMOUNT_IMPOSSIBLE, "m", id="moves back"),
        pytest.param(with_transfer(sound(), 0, released_minor=5), Fault.AMOUNT_IMPOSSIBLE, "m", id="move releases"),
        pytest.param(with_transfer(sound(), 4, amount_minor=5), Fault.AMOUNT_IMPOSSIBLE, "v", id="void posts"),
        pytest.param(with_transfer(sound(), 2, hold_id="x"), Fault.HOLD_MISSING, "p", id="hold unknown"),
        pytest.param(with_transfer(sound(), 4, hold_id="h"), Fault.HOLD_MISSING, "v", id="hold ended twice"),
        pytest.param(with_transfer(sound(), 2, amount_minor=21), Fault.HOLD_END_DIFFERS, "p", id="more than held"),
        pytest.param(with_transfer(sound(), 4, debit_account="world"), Fault.HOLD_END_DIFFERS, "v", id="other account"),
        pytest.param(with_transfer(sound(), 1, expires_at=NOW), Fault.HOLD_END_UNTIMELY, "p", id="posted too late"),
        pytest.param(
            with_transfer(sound(), 5, expires_at=None), Fault.HOLD_END_UNTIMELY, "expire e", id="expired too early"
        ),
        pytest.param(
            with_account(sound(), "payee", balance=Balance()), Fault.BALANCE_DIFFERS, "payee", id="balance altered"
        ),
        pytest.param(with_account(sound(), "payee", balance=Balance()), Fault.NOT_BALANCED, "KZT/2", id="not zero"),
    ],
)
def test_the_auditor_finds(broken, fault, subject):
    """One altered record is found and named."""
    findings = audit(broken.stored_accounts.values(), broken.transfers)
    assert (fault, subject) in {(finding.fault, finding.subject) for finding in findings}
