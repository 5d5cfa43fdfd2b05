"""The documents of recalls and returns: camt.056.001.11, camt.029.001.13, pacs.004.001.14, about one transaction."""

from datetime import datetime
from typing import Any, Final, TypeVar

from darwaza.errors import MalformedError
from darwaza.ledger.asset import Asset
from darwaza.services.payments.record import Payment
from darwaza.services.payments.status import message_id, original_of
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.camt029 import CancellationOutcome, Resolution, TransactionCancellationStatus
from darwaza.standards.iso20022.camt056 import (
    Assignment,
    Cancellation,
    CancellationRequest,
    Control,
    TransactionCancellation,
)
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs004 import PaymentReturn, ReturnHeader, ReturnTransaction
from darwaza.standards.iso20022.part import Message
from darwaza.standards.iso20022.party import Agent, Coded, PartyOrAgent
from darwaza.standards.iso20022.payment import Reason, Settlement

RECALL_MESSAGE: Final = "camt.056.001.11"
RESOLUTION_MESSAGE: Final = "camt.029.001.13"
RETURN_MESSAGE: Final = "pacs.004.001.14"
REFUSED_RECALL: Final = "RJCR"
PENDING_RECALL: Final = "PDCR"
BACK: Final = "B"
REFUND: Final = "F"
"""The legs of a return, which are told apart by their message ids."""

Kind = TypeVar("Kind", bound=Message)


def write_recall(payment: Payment, case_id: str, reason: str, now: datetime) -> bytes:
    """Write a camt.056."""
    request = CancellationRequest(
        message=RECALL_MESSAGE,
        assignment=_assignment(message_id(case_id, "R"), payment.payer_bank, payment.payee_bank, now),
        control=Control(transaction_count=1),
        underlying=(
            Cancellation(
                transactions=(
                    TransactionCancellation(
                        original=original_of(payment),
                        end_to_end=payment.end_to_end,
                        uetr=payment.uetr,
                        reasons=(_reason(reason),),
                    ),
                )
            ),
        ),
    )
    return write(request)


def read_recall(body: bytes, uetr: str | None) -> str:
    """Read a camt.056 about that transaction: its reason.

    Raises:
        MalformedError, TooLargeError: it cannot be read, or is about something else.
    """
    request = _read(body, CancellationRequest)
    transactions = [one for item in request.underlying for one in item.transactions]
    _only(transactions, uetr)
    return _code(transactions[0].reasons)


def write_resolution(payment: Payment, case_id: str, reason: str, now: datetime) -> bytes:
    """Write a camt.029 that refuses a recall."""
    assignment = _assignment(message_id(case_id, "N"), payment.payee_bank, payment.payer_bank, now)
    return write(_resolution(payment, assignment, REFUSED_RECALL, (_reason(reason),)))


def write_pending(payment: Payment, case_id: str, assigner: str, now: datetime) -> bytes:
    """Write the camt.029 that tells the payer's bank its recall is on its way; ``assigner`` is its gateway."""
    assignment = _assignment(message_id(case_id, "RP"), assigner, payment.payer_bank, now)
    return write(_resolution(payment, assignment, PENDING_RECALL, ()))


def _resolution(payment: Payment, assignment: Assignment, status: str, reasons: tuple[Reason, ...]) -> Resolution:
    one = TransactionCancellationStatus(
        original=original_of(payment),
        end_to_end=payment.end_to_end,
        uetr=payment.uetr,
        status=status,
        reasons=reasons,
    )
    return Resolution(
        message=RESOLUTION_MESSAGE,
        assignment=assignment,
        confirmation=status,
        outcomes=(CancellationOutcome(transactions=(one,)),),
    )


def read_resolution(body: bytes, uetr: str | None) -> str:
    """Read a camt.029 that refuses a recall of that transaction: its reason.

    Raises:
        MalformedError, TooLargeError: it cannot be read, or is about something else.
    """
    resolution = _read(body, Resolution)
    transactions = [one for item in resolution.outcomes for one in item.transactions]
    _only(transactions, uetr)
    if resolution.confirmation != REFUSED_RECALL:
        raise MalformedError("a recall that is granted is answered by a return", code="payment_malformed")
    return _code(transactions[0].reasons)


def write_return(
    payment: Payment, case_id: str, reason: str, amount_minor: int, asset: Asset, now: datetime, *, leg: str = BACK
) -> bytes:
    """Write a pacs.004: of what comes back (``BACK``), or of what the payer's bank is given for it (``REFUND``)."""
    returned = PaymentReturn(
        message=RETURN_MESSAGE,
        header=ReturnHeader(
            message_id=message_id(case_id, leg),
            created_at=now.replace(microsecond=0),
            transaction_count=1,
            settlement=Settlement(method="CLRG"),
        ),
        transactions=(
            ReturnTransaction(
                return_id=message_id(case_id, BACK),
                original=original_of(payment),
                end_to_end=payment.end_to_end,
                uetr=payment.uetr,
                amount=Amount(amount_minor, asset.scale, asset.code),
                settled_on=now.date(),
                reasons=(_reason(reason),),
            ),
        ),
    )
    return write(returned)


def read_return(body: bytes, uetr: str | None) -> tuple[str, int, datetime]:
    """Read a pacs.004 about that transaction: its reason, its amount in minor units, and when it was made.

    Raises:
        MalformedError, TooLargeError: it cannot be read, or is about something else.
    """
    returned = _read(body, PaymentReturn)
    _only(returned.transactions, uetr)
    one = returned.transactions[0]
    return _code(one.reasons), one.amount.minor, returned.header.created_at


def _assignment(assignment_id: str, assigner: str, assignee: str, now: datetime) -> Assignment:
    def bank(address: str) -> PartyOrAgent:
        return PartyOrAgent(agent=Agent(other_id=address[:35]))

    return Assignment(
        id=assignment_id, assigner=bank(assigner), assignee=bank(assignee), created_at=now.replace(microsecond=0)
    )


def _reason(code: str) -> Reason:
    return Reason(reason=Coded(code=code))


def _read(body: bytes, kind: type[Kind]) -> Kind:
    found = read(body)
    if not isinstance(found, kind):
        raise MalformedError(f"{found.message} is not expected here", code="payment_malformed")
    return found


def _only(transactions: Any, uetr: str | None) -> None:
    if [one.uetr for one in transactions] != [uetr]:
        raise MalformedError("it is not about the one transaction", code="payment_malformed")


def _code(reasons: tuple[Reason, ...]) -> str:
    first = reasons[0].reason if reasons else None
    code = "" if first is None else first.code or ""
    if not code:
        raise MalformedError("it gives no reason", code="payment_malformed")
    return code
