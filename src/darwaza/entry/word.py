"""The payee's bank's word on a credit, whichever way it comes: over HTTP, or as the answer to a call."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from darwaza.kernel.message import UuidText
from darwaza.services.payments import message as payments


class Word(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The bank's word on one credit: without a reason it accepts.

    Attributes:
        id: of the case.
        reason: ExternalStatusReason1Code why it does not.
        detail: one sentence.
    """

    id: UuidText
    reason: payments.ReasonText | None = None
    detail: Annotated[str, Meta(max_length=105)] = ""


def said(word: Word) -> tuple[str, Any]:
    """The command a word is: its kind and body."""
    if word.reason is None:
        return "confirm", payments.Confirm()
    return "reject", payments.Reject(word.reason, word.detail)
