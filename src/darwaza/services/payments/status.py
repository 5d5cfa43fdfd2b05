"""Statuses and inquiries between gateways: pacs.002.001.15 and pacs.028.001.06 about one transaction."""

from datetime import datetime
from typing import Final

from darwaza.errors import MalformedError, TooLargeError
from darwaza.services.payments.record import Payment
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs002 import StatusHeader, StatusReport, TransactionStatus
from darwaza.standards.iso20022.pacs028 import StatusQuery, StatusRequest
from darwaza.standards.iso20022.party import Coded
from darwaza.standards.iso20022.payment import OriginalMessage, Reason

STATUS_MESSAGE: Final = "pacs.002.001.15"
INQUIRY_MESSAGE: Final = "pacs.028.001.06"
TRANSFER_MESSAGE: Final = "pacs.008.001.13"

ACCEPTED: Final = "ACTC"
"""The payee's bank accepts and its gateway holds the funds; nobody is credited yet."""
SETTLED: Final = "ACSC"
"""The payer's gateway has decided: settled at both ends."""
CREDITED: Final = "ACCC"
REJECTED: Final = "RJCT"
PENDING: Final = "PDNG"
_TEXT_CHARS_MAX: Final = 105


def write_status(
    payment: Payment, case_id: str, status: str, now: datetime, *, reason: str = "", detail: str = ""
) -> bytes:
    """Write a pacs.002 about the payment."""
    given: tuple[Reason, ...] = ()
    if reason:
        text = "".join(sign for sign in detail if sign.isprintable())[:_TEXT_CHARS_MAX]
        given = (Reason(reason=Coded(code=reason), texts=(text,) if text else ()),)
    report = StatusReport(
        message=STATUS_MESSAGE,
        header=StatusHeader(message_id=message_id(case_id, status), created_at=now.replace(microsecond=0)),
        transactions=(
            TransactionStatus(
                original=original_of(payment),
                end_to_end=payment.end_to_end,
                uetr=payment.uetr,
                status=status,
                reasons=given,
            ),
        ),
    )
    # Every text above is from a document the schema has passed, or of our own making and bounded.
    return write(report, verify=False)


def read_status(body: bytes, uetr: str) -> tuple[str, str, str]:
    """Read a pacs.002 about one transaction.

    Returns:
        Status, reason and detail; the latter two may be "".

    Raises:
        MalformedError, TooLargeError: it cannot be read; ``payment_malformed`` when it is not about that transaction.
    """
    report = read(body)
    if not isinstance(report, StatusReport) or len(report.transactions) != 1 or report.transactions[0].uetr != uetr:
        raise MalformedError("a status is a pacs.002 about the one transaction", code="payment_malformed")
    one = report.transactions[0]
    first = one.reasons[0] if one.reasons else None
    reason = "" if first is None or first.reason is None else first.reason.code or ""
    detail = "" if first is None or not first.texts else first.texts[0]
    return one.status or "", reason, detail


def write_inquiry(payment: Payment, case_id: str, now: datetime) -> bytes:
    """Write a pacs.028: what has become of the payment?"""
    request = StatusRequest(
        message=INQUIRY_MESSAGE,
        header=StatusHeader(message_id=message_id(case_id, f"Q{payment.asked}"), created_at=now.replace(microsecond=0)),
        transactions=(StatusQuery(original=original_of(payment), end_to_end=payment.end_to_end, uetr=payment.uetr),),
    )
    return write(request, verify=False)


def read_problem(body: bytes, uetr: str) -> str:
    """Why a pacs.028 is not one about that transaction, or ""."""
    try:
        request = read(body)
    except (MalformedError, TooLargeError) as fault:
        return fault.detail
    if not isinstance(request, StatusRequest) or [one.uetr for one in request.transactions] != [uetr]:
        return "an inquiry is a pacs.028 about the one transaction"
    return ""


def original_of(payment: Payment) -> OriginalMessage:
    """How other messages name the payment's own."""
    return OriginalMessage(message_id=payment.message_id, message_name=TRANSFER_MESSAGE)


def message_id(case_id: str, suffix: str) -> str:
    """At most 35 characters that no other message of this gateway about this case has."""
    return case_id.replace("-", "")[:29] + "." + suffix[:5]
