"""Statuses of many payments of one pacs.008 in one pacs.002.001.15.

As in ``status``, what is without a reason, as nearly all are, is written from a template and known again by it; a test
holds that whatever the template lets through the schema lets through too. Anything else takes the long way.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from darwaza.errors import MalformedError
from darwaza.kernel.machine import Draft
from darwaza.services.payments.entry import entry_id, number_of
from darwaza.services.payments.message import DECISIONS, XML_MEDIA_TYPE
from darwaza.services.payments.record import Bulk
from darwaza.services.payments.status import (
    BLANKS,
    STATUS_MESSAGE,
    TRANSFER_MESSAGE,
    is_time,
    message_id,
    reasons_of,
    said_of,
)
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs002 import GroupStatus, StatusHeader, StatusReport, TransactionStatus
from darwaza.standards.iso20022.text import escape, write_instant

ANSWERS_MAX: Final = 125
"""Most statuses of a message: so it stays an ordinary one (``config.ORDINARY_BODY_BYTES_MAX``), which no later one
overtakes, whatever texts its reasons have."""

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.15">'
    "<FIToFIPmtStsRpt><GrpHdr><MsgId>%s</MsgId><CreDtTm>%s</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>%s"
    "</OrgnlMsgId><OrgnlMsgNmId>pacs.008.001.13</OrgnlMsgNmId></OrgnlGrpInfAndSts>"
)
_ONE: Final = (
    "<TxInfAndSts><OrgnlEndToEndId>%s</OrgnlEndToEndId><OrgnlUETR>%s</OrgnlUETR><TxSts>%s</TxSts></TxInfAndSts>"
)
_TAIL: Final = "</FIToFIPmtStsRpt></Document>"
_ID, _TIME, _UETR, _STATUS = BLANKS
_head: Final = re.compile((re.escape(_HEAD) % (_ID, _TIME, _ID)).encode("ascii")).match
_one: Final = re.compile((re.escape(_ONE) % (_ID, _UETR, _STATUS)).encode("ascii")).match
_tail: Final = _TAIL.encode("ascii")


class Answer(NamedTuple):
    """What becomes of one payment.

    Attributes:
        uetr: of the payment.
        end_to_end: the payer's reference.
        status: ISO 20022 transaction status.
        reason: ISO 20022 status reason, or "".
        detail: one sentence for it, or "".
    """

    uetr: str
    end_to_end: str
    status: str
    reason: str = ""
    detail: str = ""


def write_answers(message_id: str, original: str, answers: Sequence[Answer], now: datetime) -> bytes:
    """Write a pacs.002.

    Args:
        message_id: its own.
        original: message id of the pacs.008.
        answers: at most ``ANSWERS_MAX``.
        now: when it is made.
    """
    at = now.replace(microsecond=0)
    if not any(one.reason for one in answers):
        lines = [_ONE % (escape(one.end_to_end), one.uetr, one.status) for one in answers]
        return (_HEAD % (message_id, write_instant(at), escape(original)) + "".join(lines) + _TAIL).encode()
    report = StatusReport(
        message=STATUS_MESSAGE,
        header=StatusHeader(message_id=message_id, created_at=at),
        groups=(GroupStatus(message_id=original, message_name=TRANSFER_MESSAGE),),
        transactions=tuple(
            TransactionStatus(
                end_to_end=one.end_to_end,
                uetr=one.uetr,
                status=one.status,
                reasons=reasons_of(one.reason, one.detail),
            )
            for one in answers
        ),
    )
    # Every text above is from a document the schema has passed, or of our own making and bounded.
    return write(report, verify=False)


def drafts(
    kind: str, case_id: str, bulk: Bulk, answers: Sequence[Answer], now: datetime, suffix: str = ""
) -> tuple[Draft, ...]:
    """What one gateway tells the other of payments of a bulk, in as many messages as that takes.

    Args:
        kind: ``ANSWERS`` of the payees' bank, or ``DECISIONS`` of the payers'.
        case_id: of the bulk.
        bulk: after what is told.
        answers: any number.
        now: when they are made.
        suffix: of the documents' ids, where they say again what was said; else that of the first payment is said once.
    """
    ends = (bulk.payer_bank, bulk.payee_bank) if kind == DECISIONS else (bulk.payee_bank, bulk.payer_bank)
    made = []
    for start in range(0, len(answers), ANSWERS_MAX):
        first = answers[start]
        said = suffix or ("D" if kind == DECISIONS else "A") + first.status
        name = message_id(entry_id(case_id, number_of(bulk, first.uetr)), said)
        body = write_answers(name, bulk.message_id, answers[start : start + ANSWERS_MAX], now)
        made.append(Draft(kind, *ends, body, XML_MEDIA_TYPE))
    return tuple(made)


def read_answers(body: bytes) -> list[Answer]:
    """Read a pacs.002 about payments of one pacs.008.

    Raises:
        MalformedError, TooLargeError: it cannot be read; ``payment_malformed`` when it says too much or nothing.
    """
    plain = _plain(body)
    if plain is not None:
        return plain
    report = read(body)
    if not isinstance(report, StatusReport) or not 0 < len(report.transactions) <= ANSWERS_MAX:
        raise MalformedError(f"an answer is a pacs.002 of at most {ANSWERS_MAX} payments", code="payment_malformed")
    return [Answer(one.uetr or "", one.end_to_end or "", *said_of(one)) for one in report.transactions]


def _plain(body: bytes) -> list[Answer] | None:
    head = _head(body)
    if head is None or not is_time(head[1]) or not body.endswith(_tail):
        return None
    at, end, found = head.end(), len(body) - len(_tail), list[Answer]()
    while at < end and len(found) < ANSWERS_MAX:
        one = _one(body, at)
        if one is None:
            return None
        found.append(Answer(one[1].decode("ascii"), "", one[2].decode("ascii")))
        at = one.end()
    return found if at == end and found else None
