"""Statements (camt.053.001.12) and notices of entries (camt.054.001.12) of accounts.

A statement has opening and closing booked balances and every entry between them, a notice the entries alone.

Holds and their release move nothing and are no entries. Entries carry the ledger's own sequence number, so a reader
sees that none is missing from the accounts it is shown.

What a bulk moved is one entry, as in the ledger, with the batch and each payment in it behind.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Final

from darwaza.ledger.account import Account
from darwaza.ledger.asset import Asset
from darwaza.ledger.statement import Statement as LedgerStatement
from darwaza.ledger.statement import StatementLine
from darwaza.services.payments.record import Bulk
from darwaza.services.payments.share import Share, bulk_of, shares
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.camt053 import (
    AccountNotification,
    AccountStatement,
    Balance,
    BankTransactionCode,
    Entry,
    EntryDetails,
    EntryTransaction,
    Notification,
    ReportedAccount,
    ReportHeader,
    Statement,
)
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.party import Coded
from darwaza.standards.iso20022.payment import Direction, When

STATEMENT_MESSAGE: Final = "camt.053.001.12"
NOTICE_MESSAGE: Final = "camt.054.001.12"
ACCOUNT_CHARS_MAX: Final = 34
_REFERENCE_CHARS_MAX: Final = 35
_NAME_CHARS: Final = 16
"""With a point and a sequence of 18 digits, the schema's most, they are as long as an id may be."""
_OPENING, _CLOSING = "OPBD", "CLBD"
NO_BULKS: Final[Mapping[str, Bulk]] = {}


def write_statement(
    account: Account,
    said: LedgerStatement,
    *,
    number: int,
    since: datetime,
    now: datetime,
    bulks: Mapping[str, Bulk] = NO_BULKS,
) -> bytes:
    """Write an account's statement.

    Args:
        account: whose.
        said: its lines with the balances before and after.
        number: of the statement, 1 and up, without a gap for the account.
        since: where it begins.
        now: where it ends.
        bulks: those that moved money in it, by the id of their case.
    """
    asset = account.asset
    name = _name(account, number)
    moved = [line for line in said.lines if line.posted_minor]
    report = AccountStatement(
        id=name,
        sequence=Decimal(number),
        created_at=_second(now),
        since=_second(since),
        until=_second(now),
        account=ReportedAccount(other_id=account_number(account.id), currency=asset.code, name=account.id[:70]),
        balances=(
            _balance(_OPENING, said.opening.posted, asset, since),
            _balance(_CLOSING, said.closing.posted, asset, now),
        ),
        entries=tuple(_entry(line, asset, bulks) for line in moved),
    )
    header = ReportHeader(message_id=name, created_at=_second(now))
    return write(Statement(message=STATEMENT_MESSAGE, header=header, statements=(report,)))


def write_notice(
    account: Account, said: LedgerStatement, *, now: datetime, bulks: Mapping[str, Bulk] = NO_BULKS
) -> bytes:
    """Write a notice of an account's entries; its number is that of the last entry in the ledger.

    Args:
        account: whose.
        said: the lines; at least one of them moves money.
        now: when it is written.
        bulks: those that moved money in it, by the id of their case.
    """
    moved = [line for line in said.lines if line.posted_minor]
    last = moved[-1].transfer.sequence
    name = _name(account, last)
    report = AccountNotification(
        id=name,
        sequence=Decimal(last),
        created_at=_second(now),
        account=ReportedAccount(other_id=account_number(account.id), currency=account.asset.code, name=account.id[:70]),
        entries=tuple(_entry(line, account.asset, bulks) for line in moved),
    )
    header = ReportHeader(message_id=name, created_at=_second(now))
    return write(Notification(message=NOTICE_MESSAGE, header=header, notifications=(report,)))


def account_number(account_id: str) -> str:
    """An account's number in ISO 20022 messages: its id, or, where that is longer than they take, a digest of it."""
    if len(account_id) <= ACCOUNT_CHARS_MAX:
        return account_id
    return sha256(account_id.encode()).hexdigest()[:ACCOUNT_CHARS_MAX]


def _name(account: Account, number: int) -> str:
    """The id of a report, which no other account's has: their own ids may differ at the end alone."""
    return f"{sha256(account.id.encode()).hexdigest()[:_NAME_CHARS]}.{number}"


def shares_of(line: StatementLine, bulks: Mapping[str, Bulk]) -> list[Share]:
    """The payments of a bulk behind a line; none where it is another's."""
    bulk = bulks.get(bulk_of(line.transfer.id))
    return [] if bulk is None else shares(bulk, line.transfer.id, abs(line.posted_minor))


def _entry(line: StatementLine, asset: Asset, bulks: Mapping[str, Bulk]) -> Entry:
    transfer = line.transfer
    when = When(at=_second(transfer.applied_at))
    case = None if transfer.case_id is None else transfer.case_id.replace("-", "")[:_REFERENCE_CHARS_MAX]
    end_to_end = None if transfer.reference is None else transfer.reference[:_REFERENCE_CHARS_MAX]
    amount, direction = _signed(line.posted_minor, asset)
    behind = shares_of(line, bulks)
    return Entry(
        reference=str(transfer.sequence),
        amount=amount,
        direction=direction,
        status=Coded(code="BOOK"),
        booked=when,
        value=when,
        servicer_reference=str(transfer.sequence),
        code=BankTransactionCode(proprietary=transfer.phase.value),
        details=(
            EntryDetails(transactions=(EntryTransaction(end_to_end=end_to_end, transaction=case),))
            if not behind
            else _batch(bulks[bulk_of(transfer.id)], behind, line.posted_minor, asset),
        ),
    )


def _batch(bulk: Bulk, behind: Sequence[Share], posted_minor: int, asset: Asset) -> EntryDetails:
    """What an entry says of a bulk's payments: each by its UETR, as any reader of their messages knows it.

    Those that were ordered apart have a message each.
    """
    total, direction = _signed(posted_minor, asset)
    apart = any(entry.message_id for entry in bulk.entries)
    return EntryDetails(
        message_id=None if apart else bulk.message_id,
        transaction_count=len(behind),
        total=total,
        direction=direction,
        transactions=tuple(
            EntryTransaction(
                message_id=share.entry.message_id or bulk.message_id if apart else None,
                end_to_end=share.entry.end_to_end,
                uetr=share.entry.uetr,
                amount=Amount(share.amount_minor, asset.scale, asset.code),
                direction=direction,
            )
            for share in behind
        ),
    )


def _balance(kind: str, minor: int, asset: Asset, at: datetime) -> Balance:
    amount, direction = _signed(minor, asset)
    return Balance(type=Coded(code=kind), amount=amount, direction=direction, at=When(at=_second(at)))


def _signed(minor: int, asset: Asset) -> tuple[Amount, Direction]:
    return Amount(abs(minor), asset.scale, asset.code), "DBIT" if minor < 0 else "CRDT"


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
