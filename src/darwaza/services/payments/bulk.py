"""Bulk: one pacs.008 with many payments, salaries for instance, becomes as many payments of one.

Each is accepted, paid and answered by itself; one that is wrong stops no other. Whoever takes the bulk in submits the
parts one by one, each under its UETR as idempotency key, so a bulk that is sent again is not paid again.
"""

import msgspec

from darwaza.errors import MalformedError
from darwaza.services.payments.status import TRANSFER_MESSAGE
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs008 import CreditTransfer

BULK_TRANSACTIONS_MAX = 1_000


def split(document: bytes) -> list[tuple[str, bytes]]:
    """Take a bulk apart.

    Returns:
        UETR and pacs.008 of each payment, in order; what the group header said of all stands in each.

    Raises:
        MalformedError, TooLargeError: it cannot be read; ``bulk_unsuitable`` when it is another message, has too many
            payments, or one without a UETR or with another's.
    """
    bulk = read(document)
    if not isinstance(bulk, CreditTransfer) or bulk.message != TRANSFER_MESSAGE:
        raise MalformedError(f"a bulk is a {TRANSFER_MESSAGE}", code="bulk_unsuitable")
    uetrs = [one.id.uetr or "" for one in bulk.transactions]
    if len(uetrs) > BULK_TRANSACTIONS_MAX or "" in uetrs or len(set(uetrs)) != len(uetrs):
        raise MalformedError(
            f"a bulk has at most {BULK_TRANSACTIONS_MAX} payments, each with a UETR of its own", code="bulk_unsuitable"
        )
    header = msgspec.structs.replace(bulk.header, transaction_count=1, control_sum=None, total=None)
    # The whole has passed the schema; a part has nothing that the whole had not.
    parts = (msgspec.structs.replace(bulk, header=header, transactions=(one,)) for one in bulk.transactions)
    return [(uetr, write(part, verify=False)) for uetr, part in zip(uetrs, parts, strict=True)]
