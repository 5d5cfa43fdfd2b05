"""The payee's bank's word on a credit, whichever way it comes: over HTTP, or as the answer to a call."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from darwaza.services.payments import message as payments

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PaymentText = Annotated[str, Meta(pattern=rf"^{_UUID}(?:\.[1-9][0-9]{{0,3}})?$(?!\n)", max_length=41)]
"""Id of a payment: of its case, or, of one of a bulk, the case's, a full stop and its number."""


class Word(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The bank's word on one credit: without a reason it accepts.

    Attributes:
        id: of the case.
        reason: ExternalStatusReason1Code why it does not.
        detail: one sentence.
    """

    id: PaymentText
    reason: payments.ReasonText | None = None
    detail: Annotated[str, Meta(max_length=105)] = ""


def said(word: Word) -> tuple[str, Any]:
    """The command a word is: its kind and body."""
    if word.reason is None:
        return "confirm", payments.Confirm()
    return "reject", payments.Reject(word.reason, word.detail)
