"""The document of a bulk: one pacs.008 with many payments, salaries for instance, taken apart and put together again.

Each payment is checked, paid and answered by itself; one that is wrong stops no other. What is left of them when those
are taken out that are wrong, or go by themselves, travels as one document again.

A part is cut from the bytes as they came: the payment byte for byte, between what the group says of all. So each is
read once and never written anew. Where bytes alone are not certain to be what they look like (a comment, a prefix, a
fault that needs its place named) the whole is read, and the parts are written.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from darwaza.errors import MalformedError, MessageError
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES
from darwaza.kernel.relay import ROUTED_BODY_BYTES_MAX
from darwaza.services.payments.message import TERMS_BYTES_MAX
from darwaza.services.payments.status import TRANSFER_MESSAGE
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.document import DOCUMENT_BYTES_MAX
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs008 import HEADER, CreditTransfer
from darwaza.standards.iso20022.payment import check_totals

BULK_TRANSACTIONS_MAX = 1_000
BULK_DOCUMENT_BYTES_MAX: Final = ROUTED_BODY_BYTES_MAX - LETTER_OVERHEAD_BYTES - TERMS_BYTES_MAX - 1
"""Of the document of one bulk: behind its terms, sealed and in an envelope, it still is a body."""
PARTS_BYTES_MAX: Final = 8 * DOCUMENT_BYTES_MAX
"""What the group says stands in every part: without a limit, a long group with many short payments would fill memory.
Ten times what a bulk of salaries comes to."""

_NAME: Final = b"CdtTrfTxInf"
_FIRST: Final = "/CdtTrfTxInf[1]"
_OPEN: Final = b"<CdtTrfTxInf>"
_CLOSE: Final = b"</CdtTrfTxInf>"
_TOTALS: Final = re.compile(
    rb"<NbOfTxs>([0-9]{1,4})</NbOfTxs>\s*"
    rb"(?:<CtrlSum>([0-9]{1,12}(?:\.[0-9]{1,5})?)</CtrlSum>\s*)?"
    rb'(?:<TtlIntrBkSttlmAmt Ccy="([A-Z]{3})">([0-9]{1,13}(?:\.[0-9]{1,4})?)</TtlIntrBkSttlmAmt>)?'
)
"""Part of what the schema allows there."""


class Part(NamedTuple):
    """One payment of a bulk.

    Attributes:
        uetr: by which it is known.
        document: a pacs.008 of this payment alone.
        transfer: what the document says.
    """

    uetr: str
    document: bytes
    transfer: CreditTransfer


def split(document: bytes) -> list[Part]:
    """Take a bulk apart.

    Returns:
        Its payments, in order; what the group header said of all stands in each.

    Raises:
        MalformedError, TooLargeError: it cannot be read; ``bulk_unsuitable`` when it is another message, has too many
            payments, one without a UETR or with another's, or says too much of all.
    """
    parts = _cut(document) or list(_written(document))
    uetrs = {part.uetr for part in parts}
    if len(parts) > BULK_TRANSACTIONS_MAX or "" in uetrs or len(uetrs) != len(parts):
        raise MalformedError(
            f"a bulk has at most {BULK_TRANSACTIONS_MAX} payments, each with a UETR of its own", code="bulk_unsuitable"
        )
    return parts


def gather(document: bytes, parts: list[Part], numbers: list[int]) -> bytes:
    """The document with these of its payments alone, byte for byte where it can be cut; the whole as it came.

    Args:
        document: as it came.
        parts: of ``split``.
        numbers: of the payments, from 1 on, ascending.
    """
    if len(numbers) == len(parts):
        return document
    cut = _pieces(document)
    if cut is None:
        kept = tuple(parts[number - 1].transfer.transactions[0] for number in numbers)
        first = parts[0].transfer
        header = msgspec.structs.replace(first.header, transaction_count=len(kept))
        return write(msgspec.structs.replace(first, header=header, transactions=kept), verify=False)
    head, totals, payments, tail = cut
    count = b"<NbOfTxs>%d</NbOfTxs>" % len(numbers)
    kept_bytes = b"".join(payments[number - 1] + _CLOSE for number in numbers)
    return head[: totals.start()] + count + head[totals.end() :] + kept_bytes + tail


def fitting(document: bytes, parts: list[Part], numbers: list[int]) -> Iterator[tuple[list[int], bytes]]:
    """Bulks that can travel, with their documents, of these payments: one, or halves for as long as it is too large.

    Args:
        document: as it came.
        parts: of ``split``.
        numbers: see ``gather``.
    """
    gathered = gather(document, parts, numbers)
    if len(gathered) <= BULK_DOCUMENT_BYTES_MAX or len(numbers) == 1:
        yield numbers, gathered
        return
    middle = len(numbers) // 2
    yield from fitting(document, parts, numbers[:middle])
    yield from fitting(document, parts, numbers[middle:])


def pointer_in(pointer: str, number: int) -> str:
    """Where in the whole document that is which a refusal of one of its payments points at.

    Args:
        pointer: in the document of the payment alone.
        number: of the payment.
    """
    first, name, rest = pointer.partition(_FIRST)
    return f"{first}/{_NAME.decode()}[{number}]{rest}" if name else pointer


def _pieces(document: bytes) -> tuple[bytes, re.Match[bytes], list[bytes], bytes] | None:
    """Head, where its totals stand in it, payments without their last tag, and tail; None for one not to be cut."""
    if len(document) > DOCUMENT_BYTES_MAX or _has_more_than_tags(document):
        return None
    *payments, tail = document.split(_CLOSE)
    if not 0 < len(payments) <= BULK_TRANSACTIONS_MAX or document.count(_NAME) != 2 * len(payments):
        return None
    head, _, first = payments[0].partition(_OPEN)
    payments[0] = _OPEN + first
    payments = [payment.lstrip() for payment in payments]
    totals = _TOTALS.search(head)
    if totals is None or not all(payment.startswith(_OPEN) for payment in payments):
        return None
    return head, totals, payments, tail


def _has_more_than_tags(document: bytes) -> bool:
    """Whether a comment, a section of characters or an instruction may stand in it.

    A single byte is found twenty times as fast as two, and few documents hold these.
    """
    if b"!" in document and b"<!" in document:
        return True
    return document.find(b"?", document.find(b"?>") + 2) >= 0 and document.find(b"<?", 1) >= 0


def _cut(document: bytes) -> list[Part] | None:
    """Cut the parts from the bytes; None for a bulk that has to be read whole."""
    cut = _pieces(document)
    if cut is None:
        return None
    head, totals, payments, tail = cut
    head = head[: totals.start()] + b"<NbOfTxs>1</NbOfTxs>" + head[totals.end() :]
    documents = (head + payment + _CLOSE + tail for payment in payments)
    try:
        parts = [_part(one, read(one)) for one in _bounded(documents)]
        count, control_sum, currency, amount = (None if text is None else text.decode() for text in totals.groups())
        check_totals(
            HEADER,
            [part.transfer.transactions[0].amount for part in parts],
            count=int(count or 0),
            control_sum=None if control_sum is None else Decimal(control_sum),
            total=None if amount is None else Amount.parse(amount, currency or ""),
        )
    except MessageError:
        return None
    return parts


def _written(document: bytes) -> Iterator[Part]:
    """Read a bulk whole and write its parts."""
    bulk = read(document)
    if not isinstance(bulk, CreditTransfer):
        raise _unsuitable()
    header = msgspec.structs.replace(bulk.header, transaction_count=1, control_sum=None, total=None)
    parts = [msgspec.structs.replace(bulk, header=header, transactions=(one,)) for one in bulk.transactions]
    # The whole has passed the schema; a part has nothing that the whole had not.
    documents = (write(part, verify=False) for part in parts)
    for part, written in zip(parts, _bounded(documents), strict=True):
        yield _part(written, part)


def _part(document: bytes, transfer: object) -> Part:
    if not isinstance(transfer, CreditTransfer) or transfer.message != TRANSFER_MESSAGE:
        raise _unsuitable()
    return Part(transfer.transactions[0].id.uetr or "", document, transfer)


def _bounded(documents: Iterable[bytes]) -> Iterator[bytes]:
    taken = 0
    for one in documents:
        taken += len(one)
        if taken > PARTS_BYTES_MAX:
            raise MalformedError("the group says too much of all its payments", code="bulk_unsuitable")
        yield one


def _unsuitable() -> MalformedError:
    return MalformedError(f"a bulk is a {TRANSFER_MESSAGE}", code="bulk_unsuitable")
