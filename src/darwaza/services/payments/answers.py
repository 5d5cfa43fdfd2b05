"""What is said of payments of a bulk: a body in parts with a document for each, as a payment by itself has it.

A message is as large as an ordinary one may be (``config.ORDINARY_BODY_BYTES_MAX``), sealed or not, so that no later
one overtakes it; what does not fit goes in the next.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from darwaza.config import ORDINARY_BODY_BYTES_MAX
from darwaza.errors import MalformedError
from darwaza.kernel import parts
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES
from darwaza.kernel.machine import Draft, Received
from darwaza.services.payments import status
from darwaza.services.payments.destination import STATUS_OF
from darwaza.services.payments.entry import entry_id, payment_of
from darwaza.services.payments.message import BULK_INQUIRY, DECISIONS
from darwaza.services.payments.record import Bulk

ANSWERS_BYTES_MAX: Final = ORDINARY_BODY_BYTES_MAX - LETTER_OVERHEAD_BYTES
"""Of a body before it is sealed. A document of one payment has some 600 bytes, and with a reason at most 2 KiB."""


_WITH_REASON: Final = {
    "refused": status.REJECTED,
    "rejected": status.REJECTED,
    "freezing": status.BLOCKED,
    "frozen": status.BLOCKED,
    "blocked": status.BLOCKED,
}
"""What is said, with its reason, of payments that did not end well, by state."""


def drafts(kind: str, case_id: str, bulk: Bulk, numbers: Iterable[int], now: datetime) -> tuple[Draft, ...]:
    """What one gateway tells the other of payments of a bulk, in as many messages as that takes.

    Args:
        kind: ``ANSWERS`` of the payees' bank, or ``DECISIONS`` of the payers'.
        case_id: of the bulk.
        bulk: after what is told.
        numbers: of the payments, any number of them.
        now: when it is told.
    """
    decides = kind == DECISIONS
    ends = (bulk.payer_bank, bulk.payee_bank) if decides else (bulk.payee_bank, bulk.payer_bank)
    documents = (_status(case_id, bulk, number, now, decides=decides) for number in numbers)
    return tuple(Draft(kind, *ends, body, parts.PARTS_MEDIA_TYPE) for body in _bodies(documents))


def parted(message: Received) -> bytes:
    """The body of a received message of a bulk, which has to be in parts.

    The header's digest of another is over the whole, so that nothing of it could be shown without the rest.

    Raises:
        MalformedError: ``parts_malformed``.
    """
    if message.media_type != parts.PARTS_MEDIA_TYPE:
        raise MalformedError("the body is not in parts", code="parts_malformed", pointer="/media_type")
    return message.body


def read_answers(body: bytes) -> dict[str, status.Told]:
    """What a body says of payments, by UETR; of one it speaks of twice, what it says last.

    Raises:
        MalformedError, TooLargeError: it cannot be read; see ``status.read_told``.
    """
    return {told.uetr: told for told in map(status.read_told, parts.split(body))}


def draft_inquiry(case_id: str, bulk: Bulk, numbers: Iterable[int], now: datetime) -> Draft:
    """One inquiry about the first payments of these numbers, as many as have room in it.

    Args:
        case_id: of the bulk.
        bulk: as it is now; its ``asked`` counts this inquiry.
        numbers: of the payments, one at least.
        now: when it is asked.
    """
    body = next(_bodies(_inquiry(case_id, bulk, number, now) for number in numbers))
    return Draft(BULK_INQUIRY, bulk.payer_bank, bulk.payee_bank, body, parts.PARTS_MEDIA_TYPE)


def read_inquiries(body: bytes) -> frozenset[str]:
    """UETRs of the payments a body asks about.

    Raises:
        MalformedError, TooLargeError: it cannot be read; see ``status.read_inquiry``.
    """
    return frozenset(map(status.read_inquiry, parts.split(body)))


def _status(case_id: str, bulk: Bulk, number: int, now: datetime, *, decides: bool) -> bytes:
    entry = bulk.entries[number - 1]
    payment, name = payment_of(bulk, entry), entry_id(case_id, number)
    if entry.state in _WITH_REASON:
        given = _WITH_REASON[entry.state]
        return status.write_status(payment, name, given, now, reason=entry.reason, detail=entry.detail)
    return status.write_status(payment, name, status.SETTLED if decides else STATUS_OF[entry.state], now)


def _inquiry(case_id: str, bulk: Bulk, number: int, now: datetime) -> bytes:
    payment = payment_of(bulk, bulk.entries[number - 1])
    return status.write_inquiry(msgspec.structs.replace(payment, asked=bulk.asked), entry_id(case_id, number), now)


def _bodies(documents: Iterable[bytes]) -> Iterator[bytes]:
    """Each as large as it may be."""
    taken: list[bytes] = []
    size = 0
    for document in documents:
        if taken and size + len(document) > ANSWERS_BYTES_MAX:
            yield parts.join(taken)
            taken, size = [], 0
        taken.append(document)
        size += len(document) + 1
    if taken:
        yield parts.join(taken)
