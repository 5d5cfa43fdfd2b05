"""Statuses and inquiries between gateways: pacs.002.001.15 and pacs.028.001.06 about one transaction.

A status without a reason, as every payment has two that ends well, is written from a template and known again by the
same template: that is many times cheaper than a parse, and a test holds that whatever the template lets through the
schema lets through too. Anything else takes the long way.
"""

import re
from datetime import datetime
from typing import Final, NamedTuple

from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel.instant import to_text
from darwaza.services.payments.record import Payment
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs002 import StatusHeader, StatusReport, TransactionStatus
from darwaza.standards.iso20022.pacs028 import StatusQuery, StatusRequest
from darwaza.standards.iso20022.party import Coded
from darwaza.standards.iso20022.payment import OriginalMessage, Reason
from darwaza.standards.iso20022.text import escape

STATUS_MESSAGE: Final = "pacs.002.001.15"
INQUIRY_MESSAGE: Final = "pacs.028.001.06"
TRANSFER_MESSAGE: Final = "pacs.008.001.13"

ACCEPTED: Final = "ACTC"
"""The payee's bank accepts and its gateway holds the funds; nobody is credited yet."""
SETTLED: Final = "ACSC"
"""The payer's gateway has decided: settled at both ends."""
CREDITED: Final = "ACCC"
BLOCKED: Final = "BLCK"
"""Settled, but compliance at the payee's gateway keeps the money: it is neither credited nor given back."""
REJECTED: Final = "RJCT"
PENDING: Final = "PDNG"
_TEXT_CHARS_MAX: Final = 105
_SECONDS_CHARS: Final = 19
"""Of an instant's text, up to its seconds."""

_PLAIN: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.15">'
    "<FIToFIPmtStsRpt><GrpHdr><MsgId>%s</MsgId><CreDtTm>%s</CreDtTm></GrpHdr><TxInfAndSts><OrgnlGrpInf><OrgnlMsgId>%s"
    "</OrgnlMsgId><OrgnlMsgNmId>pacs.008.001.13</OrgnlMsgNmId></OrgnlGrpInf><OrgnlEndToEndId>%s</OrgnlEndToEndId>"
    "<OrgnlUETR>%s</OrgnlUETR><TxSts>%s</TxSts></TxInfAndSts></FIToFIPmtStsRpt></Document>"
)
"""A status without a reason, as ``write`` writes it."""
_SIGN: Final = "[!#-%'-;=?-~]"
"""What the schema allows in its blanks and more than enough; what is outside is read the long way."""
_TEXT: Final = f"{_SIGN}{{1,35}}"
_TIME: Final = r"(2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z)"
_UETR: Final = "([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
_CODE: Final = "([A-Z]{4})"
_plain: Final = re.compile((re.escape(_PLAIN) % (_TEXT, _TIME, _TEXT, _TEXT, _UETR, _CODE)).encode("ascii")).fullmatch


def write_status(
    payment: Payment, case_id: str, status: str, now: datetime, *, reason: str = "", detail: str = ""
) -> bytes:
    """Write a pacs.002 about the payment."""
    if not reason:
        filled = _PLAIN % (
            message_id(case_id, status),
            to_text(now)[:_SECONDS_CHARS] + "Z",
            escape(payment.message_id),
            escape(payment.end_to_end),
            payment.uetr,
            status,
        )
        return filled.encode()
    report = StatusReport(
        message=STATUS_MESSAGE,
        header=StatusHeader(message_id=message_id(case_id, status), created_at=now.replace(microsecond=0)),
        transactions=(
            TransactionStatus(
                original=original_of(payment),
                end_to_end=payment.end_to_end,
                uetr=payment.uetr,
                status=status,
                reasons=reasons_of(reason, detail),
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
    found = read_told(body)
    if found.uetr != uetr:
        raise _other()
    return found.status, found.reason, found.detail


class Told(NamedTuple):
    """What a pacs.002 about one transaction says; each may be "".

    Attributes:
        uetr: of the payment.
        status: ISO 20022 transaction status.
        reason: the first, an ISO 20022 status reason.
        detail: its first sentence.
    """

    uetr: str
    status: str
    reason: str = ""
    detail: str = ""


def read_told(body: bytes) -> Told:
    """Read a pacs.002 about one transaction, whichever that is.

    Raises:
        MalformedError, TooLargeError: it cannot be read; ``payment_malformed`` when it is about none or many.
    """
    plain = _plain(body)
    if plain is not None and _is_time(plain[1]):
        return Told(plain[2].decode("ascii"), plain[3].decode("ascii"))
    report = read(body)
    if not isinstance(report, StatusReport) or len(report.transactions) != 1:
        raise _other()
    one = report.transactions[0]
    first = one.reasons[0] if one.reasons else None
    reason = "" if first is None or first.reason is None else first.reason.code or ""
    detail = "" if first is None or not first.texts else first.texts[0]
    return Told(one.uetr or "", one.status or "", reason, detail)


def _other() -> MalformedError:
    return MalformedError("a status is a pacs.002 about the one transaction", code="payment_malformed")


def reasons_of(reason: str, detail: str) -> tuple[Reason, ...]:
    """A code and a sentence as a status carries them; nothing without a code."""
    if not reason:
        return ()
    text = "".join(sign for sign in detail if sign.isprintable())[:_TEXT_CHARS_MAX]
    return (Reason(reason=Coded(code=reason), texts=(text,) if text else ()),)


def _is_time(text: bytes) -> bool:
    """Whether there is such an instant."""
    try:
        datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return False
    return True


def write_inquiry(payment: Payment, case_id: str, now: datetime) -> bytes:
    """Write a pacs.028: what has become of the payment?"""
    request = StatusRequest(
        message=INQUIRY_MESSAGE,
        header=StatusHeader(message_id=message_id(case_id, f"Q{payment.asked}"), created_at=now.replace(microsecond=0)),
        transactions=(StatusQuery(original=original_of(payment), end_to_end=payment.end_to_end, uetr=payment.uetr),),
    )
    return write(request, verify=False)


def read_inquiry(body: bytes) -> str:
    """Read a pacs.028 about one transaction: its UETR, or "".

    Raises:
        MalformedError, TooLargeError: it cannot be read, or is another message.
    """
    request = read(body)
    if not isinstance(request, StatusRequest) or len(request.transactions) != 1:
        raise MalformedError("an inquiry is a pacs.028 about the one transaction", code="payment_malformed")
    return request.transactions[0].uetr or ""


def read_problem(body: bytes, uetr: str) -> str:
    """Why a pacs.028 is not one about that transaction, or ""."""
    try:
        asked = read_inquiry(body)
    except (MalformedError, TooLargeError) as fault:
        return fault.detail
    return "" if asked == uetr else "an inquiry is a pacs.028 about the one transaction"


def original_of(payment: Payment) -> OriginalMessage:
    """How other messages name the payment's own."""
    return OriginalMessage(message_id=payment.message_id, message_name=TRANSFER_MESSAGE)


def message_id(case_id: str, suffix: str) -> str:
    """At most 35 characters that no other message of this gateway about this case has."""
    case, _, number = case_id.partition(".")
    digits = case.replace("-", "")
    return (f"{digits[:24]}.{number}" if number else digits[:29]) + "." + suffix[:5]
