"""The payee's bank's word on a credit, whichever way it comes: over HTTP, or as the answer to a call."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from darwaza.services.payments import message as payments
from darwaza.services.payments.entry import split_id

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


class Given(NamedTuple):
    """A command that words make.

    Attributes:
        case_id: of the payment, or of the bulk.
        kind, body: of the command.
        places: of the words among those that were said.
    """

    case_id: str
    kind: str
    body: Any
    places: list[int]


def commands(words: Sequence[Word]) -> list[Given]:
    """The commands of words: one for each payment of its own, and one for all that is said of a bulk.

    What is said a second time of a payment of a bulk is in none.
    """
    found: list[Given] = []
    bulks: dict[str, dict[int, int]] = {}
    for at, word in enumerate(words):
        case_id, number = split_id(word.id)
        if number:
            bulks.setdefault(case_id, {}).setdefault(number, at)
        else:
            found.append(Given(case_id, *said(word), [at]))
    for case_id, places in bulks.items():
        each = tuple(payments.Said(n, words[at].reason or "", words[at].detail) for n, at in places.items())
        found.append(Given(case_id, "answer-bulk", payments.AnswerBulk(each), list(places.values())))
    return found
