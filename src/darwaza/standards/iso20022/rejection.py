"""What is answered to a message that is wrong.

A message of which nothing can be relied on is answered with admi.002 (``reject``). One whose transactions can be named
is answered by the service with pacs.002; ``reason_for`` gives the external status reason code that fits our error code.
"""

import hashlib
import re
from datetime import datetime
from typing import Final

from darwaza.errors import MessageError
from darwaza.standards.iso20022.admi002 import MessageReject

ADMI: Final = "admi.002.001.01"

NO_REFERENCE: Final = "NOTPROVIDED"
"""Stands for the identifier of a message in which none can be found."""

_REASONS: Final = {
    "amount_negative": "AM12",
    "amount_wrong": "AM12",
    "attribute_missing": "CH21",
    "attribute_unexpected": "CH17",
    "character_forbidden": "RR10",
    "control_sum_wrong": "AM10",
    "currency_unknown": "AM11",
    "date_with_zone": "DT01",
    "element_missing": "CH21",
    "element_unexpected": "CH17",
    "time_out_of_range": "DT01",
    "time_zone_missing": "DT01",
    "too_many_decimals": "CH20",
    "total_wrong": "AM10",
    "transaction_count_wrong": "AM18",
    "value_wrong": "CH16",
    "bic_wrong": "RC01",
    "iban_wrong": "AC01",
    "lei_wrong": "RC01",
}
_ANY_OTHER: Final = "FF01"

_SEARCHED_BYTES_MAX: Final = 8192
_REFERENCE: Final = re.compile(
    rb"<(?:[A-Za-z_][\w.-]{0,30}:)?(?:MsgId|BizMsgIdr)>\s*([A-Za-z0-9/?:().,'+ _-]{1,35}?)\s*</", re.ASCII
)
_UNWRITABLE: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_CHARACTERS_MAX: Final = 350
_CODE_CHARACTERS_MAX: Final = 35


def reason_for(code: str) -> str:
    """Return the external status reason code for one of our error codes; ``FF01``, file format, for all others."""
    return _REASONS.get(code, _ANY_OTHER)


def reject(data: bytes | None, error: MessageError, *, at: datetime) -> MessageReject:
    """Make the answer to bytes that could not be read.

    The sender recognises its message by the identifier, if one can be found near the beginning, and always by the
    SHA-256 of what arrived.

    Args:
        data: what arrived; None when nothing of it was read.
        error: what reading it raised.
        at: when it was refused, aware UTC.

    Returns:
        A value that ``message.write`` accepts, whatever ``data`` holds.
    """
    found = None if data is None else _REFERENCE.search(data[:_SEARCHED_BYTES_MAX])
    digest = "" if data is None else f"; SHA-256 {hashlib.sha256(data).hexdigest()}"
    return MessageReject(
        message=ADMI,
        reference=found[1].decode("ascii") if found else NO_REFERENCE,
        reason=error.code[:_CODE_CHARACTERS_MAX],
        rejected_at=at,
        location=_text(error.pointer),
        description=_text(error.detail),
        data=f"status reason {reason_for(error.code)}{digest}",
    )


def _text(text: str) -> str | None:
    """Return what of a text can be written, or None when nothing is left."""
    return _UNWRITABLE.sub("?", text)[:_TEXT_CHARACTERS_MAX] or None
