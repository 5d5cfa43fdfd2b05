"""The chart of accounts: opening, amending and closing, in the order of precedence of ``AccountRefusal``."""

import re

import msgspec

from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import (
    ACCOUNT_ID_CHARS_MAX,
    KIND_CHARS_MAX,
    OWNER_CHARS_MAX,
    TOTAL_MINOR_MAX,
    Account,
    Balance,
)
from darwaza.ledger.book import Book
from darwaza.ledger.order import AmendAccount, CloseAccount, OpenAccount
from darwaza.ledger.refusal import AccountRefusal as Reason

_id_well_formed = re.compile(rf"[!-~]{{1,{ACCOUNT_ID_CHARS_MAX}}}").fullmatch
_owner_well_formed = re.compile(rf"[!-~]{{1,{OWNER_CHARS_MAX}}}").fullmatch
_kind_well_formed = re.compile(rf"[a-z][a-z0-9-]{{0,{KIND_CHARS_MAX - 1}}}").fullmatch


def open_account(order: OpenAccount, book: Book) -> Account | Refusal:
    """Open an account, return the one that is already open with these very terms, or say why not."""
    fault = _malformed(order)
    if fault is not None:
        return fault
    row = book.rows[order.id]
    if row is None:
        return book.open(_account(order, book))
    stored = row.snapshot()
    if msgspec.structs.replace(_account(order, book), opened_at=stored.opened_at, balance=stored.balance) == stored:
        return stored
    return Refusal.of(Reason.ACCOUNT_CONFLICT, f"the account {order.id!r} exists with other terms", "/id")


def amend_account(order: AmendAccount, book: Book) -> Account | Refusal:
    """Set an account's limits and blocks, or say why not. They may be ones its balance does not keep."""
    fault = _limits_malformed(order.floor_minor, order.ceiling_minor)
    if fault is not None:
        return fault
    account = _existing(order.id, book)
    if isinstance(account, Refusal):
        return account
    if account.closed_at is not None:
        return Refusal.of(Reason.ACCOUNT_CLOSED, f"the account {order.id!r} is closed", "/id")
    return book.set_terms(
        msgspec.structs.replace(
            account,
            floor_minor=order.floor_minor,
            ceiling_minor=order.ceiling_minor,
            debits_blocked=order.debits_blocked,
            credits_blocked=order.credits_blocked,
        )
    )


def close_account(order: CloseAccount, book: Book) -> Account | Refusal:
    """Close an account, return it if it is closed already, or say why not."""
    account = _existing(order.id, book)
    if isinstance(account, Refusal) or account.closed_at is not None:
        return account
    balance = account.balance
    if balance.posted or balance.debits_pending or balance.credits_pending:
        return Refusal.of(Reason.ACCOUNT_NOT_EMPTY, f"the account {order.id!r} is not empty", "/id")
    return book.set_terms(msgspec.structs.replace(account, closed_at=book.now))


def _account(order: OpenAccount, book: Book) -> Account:
    return Account(**msgspec.structs.asdict(order), opened_at=book.now, closed_at=None, balance=Balance())


def _existing(account_id: str, book: Book) -> Account | Refusal:
    row = book.rows[account_id]
    if row is None:
        return Refusal.of(Reason.ACCOUNT_UNKNOWN, f"no account {account_id!r}", "/id")
    return row.snapshot()


def _malformed(order: OpenAccount) -> Refusal | None:
    if _id_well_formed(order.id) is None:
        return _fault(f"an id has 1 to {ACCOUNT_ID_CHARS_MAX} visible ASCII characters", "/id")
    if _owner_well_formed(order.owner) is None:
        return _fault(f"an owner has 1 to {OWNER_CHARS_MAX} visible ASCII characters", "/owner")
    if not order.asset.well_formed:
        return _fault(f"{order.asset} is not an asset", "/asset")
    if _kind_well_formed(order.kind) is None:
        return _fault(f"a kind has 1 to {KIND_CHARS_MAX} lower-case letters, digits and hyphens", "/kind")
    return _limits_malformed(order.floor_minor, order.ceiling_minor)


def _limits_malformed(floor: int | None, ceiling: int | None) -> Refusal | None:
    for limit, pointer in ((floor, "/floor_minor"), (ceiling, "/ceiling_minor")):
        if limit is not None and not -TOTAL_MINOR_MAX <= limit <= TOTAL_MINOR_MAX:
            return _fault("a limit fits a signed 64-bit integer", pointer)
    if floor is not None and ceiling is not None and floor > ceiling:
        return _fault("the floor is above the ceiling", "/floor_minor")
    return None


def _fault(detail: str, pointer: str) -> Refusal:
    return Refusal.of(Reason.ACCOUNT_MALFORMED, detail, pointer)
