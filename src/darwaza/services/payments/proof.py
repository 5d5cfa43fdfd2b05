"""What the messages of a payment, once their signatures are verified, say of it: who paid whom what, and how it ended.

Only what stands in the messages themselves counts: the order with the payer's bank's own pacs.008, the payee's bank's
pacs.002, and the decision. Whoever holds the evidence file concludes the same, with no gateway and no network.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from darwaza.errors import MalformedError, MessageError
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import Header
from darwaza.ledger.asset import Asset
from darwaza.ledger.money import to_text
from darwaza.services.payments import check, status
from darwaza.services.payments.message import DECIDED, INQUIRY, ORDER, RECALL, RESOLVED, RETURNED, STATUS, read_order
from darwaza.services.payments.source import offer_of
from darwaza.standards.iso20022.amount import scale_of

SETTLED: Final = "settled"
REJECTED: Final = "rejected"
RETURNED_BACK: Final = "returned"
OPEN: Final = "open"
_STEPS: Final = {
    ORDER: "ordered",
    INQUIRY: "asked what had become of it",
    RECALL: "recalled it",
    RESOLVED: "kept it",
    RETURNED: "gave it back",
}

_RANK: Final = {ORDER: 0, STATUS: 1, DECIDED: 2}
"""Of messages made in the same millisecond, that which the next one answers comes first."""


class Step(msgspec.Struct, frozen=True):
    """One message of the payment.

    Attributes:
        at: when it was made, RFC 3339.
        who: address of who speaks.
        what: in words.
    """

    at: str
    who: str
    what: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What is proven about a payment.

    Attributes:
        uetr: of the payment.
        payer_bank: address.
        payee_bank: address.
        provider: address of the FX provider.
        debit: what the payer gave, decimal with currency.
        credit: what the payee got or was to get.
        rate: agreed.
        end: ``settled``, ``rejected``, ``returned`` or, when no message shows an end, ``open``.
        reason: ISO 20022 reason of a rejection or return, or "".
        steps: in order.
    """

    uetr: str
    payer_bank: str
    payee_bank: str
    provider: str
    debit: str
    credit: str
    rate: str
    end: str
    reason: str
    steps: tuple[Step, ...]


def prove(messages: Iterable[tuple[Header, bytes | None]]) -> Proof:
    """Put together what messages of one payment say.

    Args:
        messages: whose signatures hold, in any order; a body that was withheld is None.

    Raises:
        MalformedError: ``payment_unproven``: there is no order with its body among them, or it cannot be read.
    """
    found = sorted(messages, key=lambda one: (one[0].created_at, _RANK.get(one[0].kind, len(_RANK))))
    order = next(((header, body) for header, body in found if header.kind == ORDER and body is not None), None)
    if order is None:
        raise _unproven("there is no order of a payment, with its body, in the file")
    header, body = order
    try:
        terms, document = read_order(body or b"")
    except MessageError as fault:
        raise _unproven(fault.detail) from fault
    ordered = check.read_transfer(document)
    if isinstance(ordered, Refusal):
        raise _unproven(ordered.detail)
    transaction, exchange = ordered.transaction, offer_of(terms).exchange
    source = transaction.amount.currency
    rate = transaction.agreed_rate
    destination = "XXX" if rate is None or rate.quoted_currency is None else rate.quoted_currency
    uetr = transaction.id.uetr or ""
    steps, end, reason = _steps(found, uetr, urgent=ordered.urgent)
    return Proof(
        uetr=uetr,
        payer_bank=header.origin,
        payee_bank=header.destination,
        provider=terms.provider,
        debit=f"{to_text(exchange.debit_minor, Asset(source, scale_of(source)))} {source}",
        credit=f"{to_text(exchange.credit_minor, Asset(destination, _scale(destination)))} {destination}",
        rate=terms.rate,
        end=end,
        reason=reason,
        steps=steps,
    )


def _steps(found: list[tuple[Header, bytes | None]], uetr: str, *, urgent: bool) -> tuple[tuple[Step, ...], str, str]:
    """Every message in words, and the end they show: of an urgent payment the payer's gateway decides it."""
    steps, end, reason = [], OPEN, ""
    deciding = DECIDED if urgent else STATUS
    for header, body in found:
        what = _STEPS.get(header.kind, "")
        if header.kind in (STATUS, DECIDED) and body is not None:
            given, why, _ = status.read_status(body, uetr)
            what = f"said {given}" + (f" ({why})" if why else "")
            if given == status.REJECTED:
                end, reason = REJECTED, why
            elif header.kind == deciding and given in (status.SETTLED, status.CREDITED):
                end = SETTLED
        elif header.kind == RETURNED:
            end = RETURNED_BACK
        steps.append(Step(header.created_at, header.origin, what or header.kind))
    return tuple(steps), end, reason


def _scale(currency: str) -> int:
    return 0 if currency == "XXX" else scale_of(currency)


def _unproven(detail: str) -> MalformedError:
    return MalformedError(f"it proves no payment: {detail}", code="payment_unproven")
