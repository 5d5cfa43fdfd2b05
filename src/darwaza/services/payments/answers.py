"""What is said of payments of a bulk: a body in parts with a document for each, as a payment by itself has it.

A message is as large as an ordinary one may be (``config.ORDINARY_BODY_BYTES_MAX``), sealed or not, so that no later
one overtakes it; what does not fit goes in the next.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from darwaza.config import ORDINARY_BODY_BYTES_MAX
from darwaza.kernel import parts
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES
from darwaza.services.payments.destination import STATUS_OF
from darwaza.services.payments.entry import entry_id, payment_of
from darwaza.services.payments.record import Bulk
from darwaza.services.payments.status import (
    REJECTED,
    Told,
    read_inquiry,
    read_told,
    write_inquiry,
    write_status,
)

ANSWERS_BYTES_MAX: Final = ORDINARY_BODY_BYTES_MAX - LETTER_OVERHEAD_BYTES
"""Of a body before it is sealed. A document of one payment has some 600 bytes, and with a reason at most 2 KiB."""


def write_answers(case_id: str, bulk: Bulk, numbers: Iterable[int], now: datetime) -> Iterator[bytes]:
    """Bodies with a pacs.002 for each payment of these numbers, as it stands at the payees' gateway."""
    return _bodies(_status(case_id, bulk, number, now) for number in numbers)


def read_answers(body: bytes) -> list[Told]:
    """What a body says of payments.

    Raises:
        MalformedError, TooLargeError: it cannot be read; see ``status.read_told``.
    """
    return [read_told(document) for document in parts.split(body)]


def write_inquiries(case_id: str, bulk: Bulk, numbers: Iterable[int], now: datetime) -> Iterator[bytes]:
    """Bodies with a pacs.028 for each payment of these numbers."""
    return _bodies(_inquiry(case_id, bulk, number, now) for number in numbers)


def read_inquiries(body: bytes) -> frozenset[str]:
    """UETRs of the payments a body asks about.

    Raises:
        MalformedError, TooLargeError: it cannot be read; see ``status.read_inquiry``.
    """
    return frozenset(map(read_inquiry, parts.split(body)))


def _status(case_id: str, bulk: Bulk, number: int, now: datetime) -> bytes:
    entry = bulk.entries[number - 1]
    payment, name = payment_of(bulk, entry), entry_id(case_id, number)
    if entry.state == "refused":
        return write_status(payment, name, REJECTED, now, reason=entry.reason, detail=entry.detail)
    return write_status(payment, name, STATUS_OF[entry.state], now)


def _inquiry(case_id: str, bulk: Bulk, number: int, now: datetime) -> bytes:
    payment = payment_of(bulk, bulk.entries[number - 1])
    return write_inquiry(msgspec.structs.replace(payment, asked=bulk.asked), entry_id(case_id, number), now)


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
