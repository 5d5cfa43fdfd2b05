"""The payments of a bulk: a pacs.008 for each, as its bank gave it or cut from one with many, salaries for instance.

Each payment is checked, paid and answered by itself; one that is wrong stops no other. Those that go together travel as
the parts of one message (``kernel.parts``), so that each can be shown without the others.

A part is cut from the bytes as they came: the payment byte for byte, between what the group says of all. So each is
read once and never written anew. Where bytes alone are not certain to be what they look like (a comment, a prefix, a
fault that needs its place named) the whole is read, and the parts are written.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from darwaza.config import BODY_BYTES_MAX
from darwaza.errors import MalformedError, MessageError
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES
from darwaza.kernel.parts import SEPARATOR
from darwaza.kernel.relay import ROUTED_BODY_BYTES_MAX
from darwaza.ledger.exchange import Exchange
from darwaza.services.payments.entry import amounts_of
from darwaza.services.payments.message import TERMS_BYTES_MAX
from darwaza.services.payments.record import Entry
from darwaza.services.payments.status import TRANSFER_MESSAGE
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.document import DOCUMENT_BYTES_MAX
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs008 import HEADER, CreditTransfer
from darwaza.standards.iso20022.payment import check_totals

BULK_TRANSACTIONS_MAX = 1_000
BULK_NEAR_BYTES_MAX: Final = BODY_BYTES_MAX - TERMS_BYTES_MAX
"""Of the documents of one bulk to a neighbour, each with the byte that parts it: behind its terms still a body."""
BULK_RELAYED_BYTES_MAX: Final = ROUTED_BODY_BYTES_MAX - LETTER_OVERHEAD_BYTES - TERMS_BYTES_MAX
"""The same of one that is relayed: sealed and in an envelope, it still is a body."""
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
            payments, or says too much of all. One without a UETR, or with another's, is not looked for here.
    """
    parts = _cut(document) or list(_written(document))
    if len(parts) > BULK_TRANSACTIONS_MAX:
        raise _too_many()
    return parts


def read_parts(documents: Sequence[bytes], transfers: Sequence[CreditTransfer] | None = None) -> list[Part]:
    """The payments of a bulk from a document for each.

    Args:
        documents: as they came, or as ``split`` has cut them.
        transfers: what they say, where they have been read already.

    Raises:
        MalformedError, TooLargeError: one cannot be read; ``bulk_unsuitable`` as ``split``, for one without exactly
            one payment, and for one without a UETR or with another's.
    """
    if not 0 < len(documents) <= BULK_TRANSACTIONS_MAX:
        raise _too_many()
    read_all = map(read, documents) if transfers is None else transfers
    parts = [_part(document, transfer) for document, transfer in zip(documents, read_all, strict=True)]
    if any(len(part.transfer.transactions) != 1 for part in parts):
        raise MalformedError("a document of a bulk has one payment", code="bulk_unsuitable")
    uetrs = {part.uetr for part in parts}
    if "" in uetrs or len(uetrs) != len(parts):
        raise _too_many()
    return parts


def fitting(documents: Sequence[bytes], numbers: list[int], bytes_max: int) -> Iterator[list[int]]:
    """Bulks that can travel of these payments: one, or halves for as long as it is too large.

    Args:
        documents: of all payments.
        numbers: of those that go together, from 1 on, ascending.
        bytes_max: of a bulk.
    """
    size = sum(len(documents[number - 1]) + len(SEPARATOR) for number in numbers)
    if size <= bytes_max or len(numbers) == 1:
        yield numbers
        return
    middle = len(numbers) // 2
    yield from fitting(documents, numbers[:middle], bytes_max)
    yield from fitting(documents, numbers[middle:], bytes_max)


def new_entry(
    part: Part, first: str, exchange: Exchange, state: str, *, spread_minor: int = 0, hits: tuple[str, ...] = ()
) -> Entry:
    """A payment of a bulk as it begins.

    Args:
        part: the payment.
        first: message id of the first payment's document.
        exchange: all its amounts.
        state: in which it begins.
        spread_minor: see ``Entry``.
        hits: see ``Entry``.
    """
    name, message_id = part.transfer.transactions[0].id.end_to_end, part.transfer.header.message_id
    own = "" if message_id == first else message_id
    return Entry(part.uetr, name, amounts_of(exchange), spread_minor, state, hits=hits, message_id=own)


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
    if len(document) > DOCUMENT_BYTES_MAX or has_more_than_tags(document):
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


def has_more_than_tags(document: bytes) -> bool:
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


def _too_many() -> MalformedError:
    return MalformedError(
        f"a bulk has 1 to {BULK_TRANSACTIONS_MAX} payments, each with a UETR of its own", code="bulk_unsuitable"
    )


def _unsuitable() -> MalformedError:
    return MalformedError(f"a bulk is a {TRANSFER_MESSAGE}", code="bulk_unsuitable")
