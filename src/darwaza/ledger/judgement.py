"""Judging one transfer order: the checks, in the order of precedence of ``darwaza.ledger.refusal``.

The first check that fails is the answer; a test walks every pair of neighbours. Numbers in the comments are positions
in ``TransferRefusal``.

What is not checked, because it cannot be otherwise: ending a hold never crosses a limit (its whole amount was counted
on both sides when it was placed), never overflows (``posted + pending`` was bounded then) and never meets a closed
account (an account with pending amounts does not close). A block does not stop it: the hold was the commitment.
"""

import re
from datetime import datetime

from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import TOTAL_MINOR_MAX
from darwaza.ledger.book import Book, Row
from darwaza.ledger.order import (
    AMOUNT_MINOR_MAX,
    REFERENCE_CHARS_MAX,
    TRANSFER_ID_CHARS_MAX,
    Hold,
    Move,
    Post,
    TransferOrder,
    Void,
)
from darwaza.ledger.refusal import TransferRefusal as Reason
from darwaza.ledger.transfer import EXPIRY_ID_PREFIX, Phase, RefusedOrder, Transfer

_id_well_formed = re.compile(rf"[!-~]{{1,{TRANSFER_ID_CHARS_MAX}}}").fullmatch
_PHASES: dict[type, Phase] = {Move: Phase.MOVE, Hold: Phase.HOLD, Post: Phase.POST, Void: Phase.VOID}
_NOT_COMPARED = ("id", "refusal_final", "rest_of")


def judge_transfer(order: Move | Hold, case_id: str | None, book: Book) -> Transfer | Refusal:
    """Record the transfer or the hold, or say why not."""
    found = _identity(order, case_id, book) or _amount(order.amount_minor)  # 2-6
    if found is not None:
        return found
    if order.debit_account == order.credit_account:  # 7
        return Refusal.of(Reason.ACCOUNTS_SAME, "debit and credit are the same account", "/credit_account")
    expires_at = order.expires_at if type(order) is Hold else None
    if expires_at is not None and _passed(expires_at, book.now):  # 8
        return Refusal.of(Reason.EXPIRY_PASSED, "the hold would expire before it is placed", "/expires_at")
    debit = book.rows[order.debit_account]
    credit = book.rows[order.credit_account]
    if debit is None:  # 9
        return Refusal.of(Reason.DEBIT_ACCOUNT_UNKNOWN, f"no account {order.debit_account!r}", "/debit_account")
    if credit is None:  # 10
        return Refusal.of(Reason.CREDIT_ACCOUNT_UNKNOWN, f"no account {order.credit_account!r}", "/credit_account")
    if not _is_rest(order, book):
        found = _terms(debit, credit) or _limits(order.amount_minor, debit, credit)  # 11, 18-25
    if found is not None:
        return found
    return book.record(
        Transfer(
            sequence=book.next_sequence,
            id=order.id,
            phase=_PHASES[type(order)],
            debit_account=order.debit_account,
            credit_account=order.credit_account,
            asset=debit.account.asset,
            amount_minor=order.amount_minor,
            released_minor=0,
            hold_id=None,
            expires_at=expires_at,
            case_id=case_id,
            reference=order.reference,
            applied_at=book.now,
        )
    )


def judge_post(order: Post, case_id: str | None, book: Book) -> Transfer | Refusal:
    """Record the posting of a hold, or say why not."""
    found = _identity(order, case_id, book) or _amount(order.amount_minor)  # 2-6
    if found is not None:
        return found
    hold = _standing_hold(order.hold_id, book)  # 12-16
    if type(hold) is Refusal:
        return hold
    if due(hold, book.now):  # 16, though the expiry is not recorded yet
        return Refusal.of(Reason.HOLD_EXPIRED, f"the hold {hold.id!r} has expired", "/hold_id")
    if order.amount_minor > hold.amount_minor:  # 17
        return Refusal.of(Reason.AMOUNT_OVER_HOLD, f"the hold {hold.id!r} is for less", "/amount_minor")
    return book.record(
        _end(
            hold,
            Phase.POST,
            book,
            end_id=order.id,
            amount_minor=order.amount_minor,
            case_id=case_id,
            reference=order.reference,
        )
    )


def judge_void(order: Void, case_id: str | None, book: Book) -> Transfer | Refusal:
    """Record the release of a hold, or say why not."""
    found = _identity(order, case_id, book)  # 2-4
    if found is not None:
        return found
    hold = _standing_hold(order.hold_id, book)  # 12-16
    if type(hold) is Refusal:
        return hold
    return book.record(
        _end(hold, Phase.VOID, book, end_id=order.id, amount_minor=0, case_id=case_id, reference=order.reference)
    )


def record_expiry(hold: Transfer, book: Book) -> Transfer:
    """Record the end of a hold that stands and is due."""
    return book.record(
        _end(
            hold,
            Phase.EXPIRE,
            book,
            end_id=EXPIRY_ID_PREFIX + hold.id,
            amount_minor=0,
            case_id=hold.case_id,
            reference=hold.reference,
        )
    )


def due(hold: Transfer, now: datetime) -> bool:
    """Whether the hold's time is over, so that it can no longer be posted."""
    return hold.expires_at is not None and hold.expires_at <= now


def _end(
    hold: Transfer,
    phase: Phase,
    book: Book,
    *,
    end_id: str,
    amount_minor: int,
    case_id: str | None,
    reference: str | None,
) -> Transfer:
    return Transfer(
        sequence=book.next_sequence,
        id=end_id,
        phase=phase,
        debit_account=hold.debit_account,
        credit_account=hold.credit_account,
        asset=hold.asset,
        amount_minor=amount_minor,
        released_minor=hold.amount_minor - amount_minor,
        hold_id=hold.id,
        expires_at=None,
        case_id=case_id,
        reference=reference,
        applied_at=book.now,
    )


def _identity(order: TransferOrder, case_id: str | None, book: Book) -> Transfer | Refusal | None:
    """Check the id and what was answered to it before, and the reference's length."""
    if _id_well_formed(order.id) is None:  # 2
        return Refusal.of(
            Reason.TRANSFER_ID_MALFORMED, f"an id has 1 to {TRANSFER_ID_CHARS_MAX} visible ASCII characters", "/id"
        )
    stored = book.answer(order.id)
    if stored is not None:
        return _repeated(order, case_id, stored)
    if order.reference is not None and len(order.reference) > REFERENCE_CHARS_MAX:  # 4
        return Refusal.of(
            Reason.REFERENCE_TOO_LONG, f"a reference has at most {REFERENCE_CHARS_MAX} characters", "/reference"
        )
    return None


def _repeated(order: TransferOrder, case_id: str | None, stored: Transfer | RefusedOrder) -> Transfer | Refusal:
    """Answer an id that was answered before: the same to the same order, a conflict to any other."""
    differing = _difference(order, case_id, stored)
    if differing is not None:  # 3
        return Refusal.of(
            Reason.TRANSFER_ID_CONFLICT, f"the id {order.id!r} was used for another order", "/" + differing
        )
    return stored if isinstance(stored, Transfer) else stored.refusal


def _difference(order: TransferOrder, case_id: str | None, stored: Transfer | RefusedOrder) -> str | None:
    """Name the first field in which an order is not the one that was answered; "id" for what is not a field of both."""
    if isinstance(stored, RefusedOrder):
        return None if (order, case_id) == (stored.order, stored.case_id) else "id"
    if (case_id, _PHASES[type(order)]) != (stored.case_id, stored.phase):
        return "id"
    compared = (name for name in order.__struct_fields__ if name not in _NOT_COMPARED)
    return next((name for name in compared if getattr(order, name) != getattr(stored, name)), None)


def _amount(amount_minor: int) -> Refusal | None:
    if type(amount_minor) is not int:
        raise ValueError(f"an amount is an int in minor units, not {type(amount_minor).__name__}")
    if amount_minor <= 0:  # 5
        return Refusal.of(Reason.AMOUNT_NOT_POSITIVE, "an amount is at least one minor unit", "/amount_minor")
    if amount_minor > AMOUNT_MINOR_MAX:  # 6
        return Refusal.of(Reason.AMOUNT_TOO_LARGE, "an amount has at most 18 digits", "/amount_minor")
    return None


def _passed(instant: datetime, now: datetime) -> bool:
    if instant.tzinfo is None:
        raise ValueError("an expiry is an aware instant")
    return instant <= now


def _standing_hold(hold_id: str, book: Book) -> Transfer | Refusal:
    """Return the hold if it has not ended."""
    hold = book.answer(hold_id)
    if not isinstance(hold, Transfer):  # 12
        return Refusal.of(Reason.HOLD_UNKNOWN, f"no hold {hold_id!r}", "/hold_id")
    if hold.phase is not Phase.HOLD:  # 13
        return Refusal.of(Reason.NOT_A_HOLD, f"{hold_id!r} is not a hold", "/hold_id")
    end = book.end(hold_id)
    if end is None:
        return hold
    if end.phase is Phase.POST:  # 14
        return Refusal.of(Reason.HOLD_POSTED, f"the hold {hold_id!r} was posted by {end.id!r}", "/hold_id")
    if end.phase is Phase.VOID:  # 15
        return Refusal.of(Reason.HOLD_VOIDED, f"the hold {hold_id!r} was voided by {end.id!r}", "/hold_id")
    return Refusal.of(Reason.HOLD_EXPIRED, f"the hold {hold_id!r} has expired", "/hold_id")  # 16


def _is_rest(order: Move | Hold, book: Book) -> bool:
    """Whether a hold only goes on with what the order right before it released."""
    if not isinstance(order, Hold) or order.rest_of is None:
        return False
    end = book.end(order.rest_of)
    return (
        end is not None
        and end.sequence == book.next_sequence - 1
        and (end.debit_account, end.credit_account) == (order.debit_account, order.credit_account)
        and order.amount_minor <= end.released_minor
    )


def _terms(debit: Row, credit: Row) -> Refusal | None:
    """Check that the two accounts may take part in this at all."""
    payer = debit.account
    payee = credit.account
    if payer.asset != payee.asset:  # 11
        return Refusal.of(
            Reason.ASSETS_DIFFER, f"{payer.id!r} holds {payer.asset}, {payee.id!r} {payee.asset}", "/credit_account"
        )
    if payer.closed_at is not None:  # 18
        return Refusal.of(Reason.DEBIT_ACCOUNT_CLOSED, f"the account {payer.id!r} is closed", "/debit_account")
    if payee.closed_at is not None:  # 19
        return Refusal.of(Reason.CREDIT_ACCOUNT_CLOSED, f"the account {payee.id!r} is closed", "/credit_account")
    if payer.debits_blocked:  # 20
        return Refusal.of(Reason.DEBITS_BLOCKED, f"debits of {payer.id!r} are blocked", "/debit_account")
    if payee.credits_blocked:  # 21
        return Refusal.of(Reason.CREDITS_BLOCKED, f"credits to {payee.id!r} are blocked", "/credit_account")
    return None


def _limits(amount_minor: int, debit: Row, credit: Row) -> Refusal | None:
    """Check that both accounts have room. The details name no balance: they may reach the other side."""
    debits = debit.debits_posted + debit.debits_pending + amount_minor
    if debits > TOTAL_MINOR_MAX:  # 22
        return Refusal.of(Reason.DEBITS_OVERFLOW, f"the debits of {debit.account.id!r} are full", "/debit_account")
    credits_ = credit.credits_posted + credit.credits_pending + amount_minor
    if credits_ > TOTAL_MINOR_MAX:  # 23
        return Refusal.of(Reason.CREDITS_OVERFLOW, f"the credits of {credit.account.id!r} are full", "/credit_account")
    if debit.credits_posted - debits < debit.floor:  # 24
        return Refusal.of(Reason.FLOOR_CROSSED, f"{debit.account.id!r} would fall below its floor", "/amount_minor")
    if credits_ - credit.debits_posted > credit.ceiling:  # 25
        return Refusal.of(Reason.CEILING_CROSSED, f"{credit.account.id!r} would pass its ceiling", "/amount_minor")
    return None
