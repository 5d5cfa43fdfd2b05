"""What an input of a payment names of the ledger, so that a batch is read at once; see ``machine.Service``."""

import re
from typing import Any

from darwaza.kernel.machine import Case
from darwaza.services.payments.message import DECIDED, ORDER, STATUS, Pay, Remit
from darwaza.services.payments.record import Payment

_UETR = re.compile(rb"<(?:[\w.-]{1,40}:)?UETR>\s*([0-9a-f-]{36})\s*<")
_ENDS = {
    "confirm": ("fxed", "credit", "fee"),
    DECIDED: ("fxed", "credit", "fee", "unfx"),
    STATUS: ("debit", "exchange", "spread", "fee", "fxed", "undebit", "unfx"),
}


def foresee(case_id: str, case: Case[Any] | None, kind: str, body: Any) -> tuple[str, ...]:
    """Ids of the transfers and holds that the usual inputs of a payment name."""
    if kind == ORDER or isinstance(body, Pay | Remit):
        found = _UETR.search(body if kind == ORDER else body.document)
        own = () if found is None else (found[1].decode("ascii"),)
        return (*own, *[f"{case_id}/{name}" for name in ("quote", "unquote", "fx")]) if isinstance(body, Pay) else own
    data = None if case is None else case.data
    if not isinstance(data, Payment) or not data.uetr:
        return ()
    # Both gateways hold under the payment's own reference; the payer's has the provider's hold besides.
    held = (data.uetr,) if data.sent_at is None else (data.uetr, f"{case_id}/fx")
    return (*held, *[f"{case_id}/{name}" for name in _ENDS.get(kind, ())])
