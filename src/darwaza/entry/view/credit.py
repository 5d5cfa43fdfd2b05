"""Credits that wait for the word of the payee's bank, as it is told of them: when it asks, and when it is called."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from darwaza.bootstrap import Gateway
from darwaza.entry.order import order_document, parts_of
from darwaza.entry.view.payment import Money, money
from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel import instant
from darwaza.kernel.machine import Case
from darwaza.services.payments.bulk_destination import OPEN as BULK_ASKED
from darwaza.services.payments.entry import entry_id, exchange_of
from darwaza.services.payments.record import Bulk, Payment
from darwaza.standards.iso20022.conversion import NEWER, convert

ASKED: Final = "asked"
Version = Literal["pacs.008.001.13", "pacs.008.001.08"]
"""Of pacs.008: the one that travels between countries, or the one that domestic systems read."""
DOCUMENTS_BYTES_MAX: Final = 16 * 1_048_576
"""Of the documents of credits told at once, from the second on; more of them come the next time."""


class Credit(msgspec.Struct, omit_defaults=True):
    """A payment that waits for the word of the payee's bank.

    Attributes:
        id: of the case.
        uetr: of the payment.
        end_to_end: the payer's reference.
        payer_bank: address.
        credit: what the payee gets.
        urgent: the payer's gateway still decides after the bank's word.
        answer_by: until then the bank may answer.
        document: the pacs.008, when it was asked for, in the version that was asked for.
        code: why it is not there in that version: ``not_in_version``. In the other one it is.
        detail: one sentence for it.
        pointer: to what has no place in that version.
    """

    id: str
    uetr: str
    end_to_end: str
    payer_bank: str
    credit: Money
    urgent: bool
    answer_by: str
    document: str = ""
    code: str = ""
    detail: str = ""
    pointer: str = ""


def waiting_credits(
    gateway: Gateway, case: Case[Payment] | Case[Bulk], version: Version | None, only: Sequence[int] = ()
) -> Iterator[Credit]:
    """The credits of a case that wait for the bank's word: one or none of a payment, any number of a bulk.

    Args:
        gateway: the payee's.
        case: of a payment that comes in, or of a bulk of them.
        version: of the documents that are to come along; None for none.
        only: numbers of payments of the bulk; empty for all.
    """
    if case.state == BULK_ASKED and isinstance(case.data, Bulk):
        yield from _of_bulk(gateway, case.id, case.data, version, only)
    elif case.state == ASKED and isinstance(case.data, Payment):
        document = order_document(gateway.engine, case.id) if version else b""
        yield _with(_of_payment(gateway, case.id, case.data), document, version)


def given_in(document: bytes, version: Version) -> bytes:
    """A pacs.008 as its payer's bank gave it, or in the older version, with nothing lost.

    Raises:
        MalformedError: ``not_in_version``: something in it has no place in that version.
    """
    return document if version == NEWER else convert(document, version)


def _of_bulk(
    gateway: Gateway, case_id: str, bulk: Bulk, version: Version | None, only: Sequence[int]
) -> Iterator[Credit]:
    asset = gateway.directory.currencies[gateway.config.member]
    until, wanted = instant.to_text(bulk.answer_by), frozenset(only)
    parts = parts_of(gateway.engine, case_id) if version else []
    for number, entry in enumerate(bulk.entries, 1):
        if entry.state == ASKED and (not wanted or number in wanted):
            credit = Credit(
                id=entry_id(case_id, number),
                uetr=entry.uetr,
                end_to_end=entry.end_to_end,
                payer_bank=bulk.payer_bank,
                credit=money(exchange_of(entry).credit_minor, asset),
                urgent=bulk.urgent,
                answer_by=until,
            )
            yield _with(credit, parts[number - 1].document if parts else b"", version)


def _of_payment(gateway: Gateway, case_id: str, payment: Payment) -> Credit:
    asset = gateway.directory.currencies[gateway.config.member]
    minor = 0 if payment.chosen is None else payment.chosen.exchange.credit_minor
    return Credit(
        id=case_id,
        uetr=payment.uetr,
        end_to_end=payment.end_to_end,
        payer_bank=payment.payer_bank,
        credit=money(minor, asset),
        urgent=payment.urgent,
        answer_by="" if payment.answer_by is None else instant.to_text(payment.answer_by),
    )


def _with(credit: Credit, document: bytes, version: Version | None) -> Credit:
    if version is None:
        return credit
    try:
        credit.document = given_in(document, version).decode()
    except (MalformedError, TooLargeError) as fault:
        # One that does not fit keeps nobody from hearing of the others, and of this one at least that it waits.
        credit.code, credit.detail, credit.pointer = fault.code, fault.detail, fault.pointer
    return credit
