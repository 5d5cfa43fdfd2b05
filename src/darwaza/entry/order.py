"""The message that ordered a payment, or the bulk it is of, as this gateway's logs hold it."""

from typing import NamedTuple

from darwaza.engine.engine import Engine
from darwaza.engine.routed import read_at
from darwaza.errors import MalformedError
from darwaza.kernel.message import Header, decode_header
from darwaza.kernel.trail import RELAY_KIND
from darwaza.services.payments.bulk import Part, read_parts
from darwaza.services.payments.message import BULK, ORDER, read_bulk, read_order
from darwaza.standards.iso20022.pacs008 import CreditTransferTransaction


class OrderMessage(NamedTuple):
    """See the module: its header, and its body as its service knows it."""

    header: Header
    body: bytes


def find_order(engine: Engine, case_id: str) -> OrderMessage:
    """The message that ordered a payment, or a bulk of them; it may have come in an envelope.

    Raises:
        MalformedError: ``not_found``: it was not ordered yet.
    """
    for place in engine.store.case_leaves(case_id):
        if decode_header(place[2]).kind in {ORDER, BULK, RELAY_KIND}:
            header, body = read_at(engine, place)
            if header.kind in {ORDER, BULK}:
                return OrderMessage(header, body)
    raise MalformedError("the payment was not ordered yet", code="not_found")


def order_document(engine: Engine, case_id: str, number: int = 0) -> bytes:
    """The pacs.008 of a payment, alone or of a bulk, as its payer's bank gave it or as it was cut from one of many.

    Raises:
        MalformedError: as ``find_order``.
    """
    body = find_order(engine, case_id).body
    return read_bulk(body)[1][number - 1] if number else read_order(body)[1]


def parts_of(engine: Engine, case_id: str) -> list[Part]:
    """The payments of a bulk as their documents have them, in order.

    Raises:
        MalformedError: as ``find_order``.
    """
    return read_parts(read_bulk(find_order(engine, case_id).body)[1])


def transactions_of(engine: Engine, case_id: str) -> list[CreditTransferTransaction]:
    """What the documents of a bulk say of its payments, in order.

    Raises:
        MalformedError: as ``find_order``.
    """
    return [part.transfer.transactions[0] for part in parts_of(engine, case_id)]
