"""How an ISO 20022 message of a bank refers to the payment it is about, and which one that is.

By its UETR, which leads straight to it; or, as banks do that keep none, by the message it came in and its references in
that: then the newest of the caller's payments are looked through.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from darwaza.entry.api.endpoint import Call
from darwaza.entry.api.payment import SERVICE, by_uetr
from darwaza.entry.order import order_document, transactions_of
from darwaza.errors import MalformedError
from darwaza.ports.store import CaseFilter
from darwaza.services.payments.entry import entry_id
from darwaza.services.payments.record import Bulk, Entry, Payment
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.pacs008 import CreditTransfer
from darwaza.standards.iso20022.payment import OriginalMessage

CASES_LOOKED_AT_MAX: Final = 1_000
"""Newest cases of a bank among which a message is looked for by its references."""


class Reference(Protocol):
    """The identifiers of the original payment in a message about it."""

    @property
    def uetr(self) -> str | None:
        """See ``pacs028.StatusQuery``."""

    @property
    def original(self) -> OriginalMessage | None:
        """See there."""

    @property
    def end_to_end(self) -> str | None:
        """See there."""

    @property
    def transaction(self) -> str | None:
        """See there."""


def find_payment(call: Call, one: Reference, groups: Sequence[OriginalMessage | None] = ()) -> str:
    """Id of the payment that a message is about; whether the caller may see it is still to be asked.

    Args:
        call: the request.
        one: how the message refers to it.
        groups: what the message says of all its payments.

    Raises:
        MalformedError: ``not_found``; ``message_unsuitable`` when it names no payment, or several.
    """
    if one.uetr:
        return by_uetr(call, one.uetr)
    original = one.original or next((group for group in groups if group is not None), None)
    if original is None or not (one.transaction or one.end_to_end):
        raise MalformedError(
            "it names a payment by its UETR, or by its message and its transaction or end-to-end id",
            code="message_unsuitable",
            pointer="/Document",
        )
    found = list(_found(call, original.message_id, one.end_to_end, one.transaction))
    if len(found) > 1:
        raise MalformedError("several payments have these ids", code="message_unsuitable", pointer="/Document")
    if not found:
        raise MalformedError("there is no payment with these ids", code="not_found")
    return found[0]


def _found(call: Call, message_id: str, end_to_end: str | None, transaction: str | None) -> Iterator[str]:
    engine = call.server.gateway.engine
    wanted = CaseFilter(party=call.party.address, service=SERVICE, items_max=CASES_LOOKED_AT_MAX)
    sign = message_id.encode()
    for row in engine.store.find_cases(wanted):
        if sign not in row.data:  # texts stand in MessagePack as they are: nearly all need not be read
            continue
        data = engine.site.decode_case(row).data
        if not isinstance(data, Bulk | Payment) or data.message_id != message_id:
            continue
        entries: Sequence[Entry | Payment] = data.entries if isinstance(data, Bulk) else (data,)
        ids = [entry_id(row.id, at + 1) if isinstance(data, Bulk) else row.id for at in range(len(entries))]
        fitting = [at for at, one in enumerate(entries) if end_to_end in (None, one.end_to_end)]
        if transaction is not None and fitting:
            said = _transactions(call, row.id, data)
            fitting = [at for at in fitting if said[at] == transaction]
        yield from (ids[at] for at in fitting)


def _transactions(call: Call, case_id: str, data: Bulk | Payment) -> list[str | None]:
    """The transaction ids of a payment, or of those of a bulk, as the documents say."""
    engine = call.server.gateway.engine
    if isinstance(data, Bulk):
        return [one.id.transaction for one in transactions_of(engine, case_id)]
    transfer = read(data.document or order_document(engine, case_id))
    return [transfer.transactions[0].id.transaction] if isinstance(transfer, CreditTransfer) else [None]
