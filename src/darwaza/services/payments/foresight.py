"""What an input of a payment names of the ledger, so that a batch is read at once; see ``machine.Service``."""

import re
from itertools import islice
from typing import Any

from darwaza.kernel.machine import Case, Foreseen
from darwaza.services.payments.bulk import BULK_TRANSACTIONS_MAX
from darwaza.services.payments.message import BULK, ORDER, Pay, Remit, RemitBulk
from darwaza.services.payments.record import Payment

_UETR = re.compile(rb"UETR>\s*([0-9a-f-]{36})\s*<")
"""It begins with what it looks for: no tag is tried in vain. What it finds too much is only read too much."""


def foresee(case_id: str, case: Case[Any] | None, kind: str, body: Any) -> Foreseen:
    """What the usual inputs of a payment name: holds, and whether its UETR is new; what a case places is new."""
    if kind == BULK or isinstance(body, RemitBulk):
        documents = (body,) if kind == BULK else body.documents
        found_all = (one for document in documents for one in _UETR.findall(document))
        uetrs = tuple(one.decode("ascii") for one in islice(found_all, BULK_TRANSACTIONS_MAX))
        return Foreseen(uetrs, uetrs)
    if kind == ORDER or isinstance(body, Pay | Remit):
        found = _UETR.search(body if kind == ORDER else body.document)
        own = () if found is None else (found[1].decode("ascii"),)
        return Foreseen((*own, f"{case_id}/quote") if isinstance(body, Pay) else own, own)
    data = None if case is None else case.data
    # The payee's bank's word on an urgent payment moves nothing yet.
    if not isinstance(data, Payment) or not data.uetr or (kind == "confirm" and data.urgent):
        return Foreseen()
    # Both gateways hold under the payment's own reference; the payer's has the provider's hold besides.
    return Foreseen((data.uetr,) if data.sent_at is None else (data.uetr, f"{case_id}/fx"))
