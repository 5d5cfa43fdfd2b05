"""What the messages of a payment, once their signatures are verified, say of it: who paid whom what, and how it ended.

Only what stands in the messages themselves counts: the order with the payer's bank's own pacs.008, the payee's bank's
pacs.002, and the decision. Whoever holds the evidence file concludes the same, with no gateway and no network.

The order of a bulk proves each payment whose part is shown. Its amounts follow from its document and the rate the terms
name, so that none has to be shown for another.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from darwaza.errors import MalformedError, MessageError
from darwaza.kernel import parts
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import REFUSED, Header, Refused, member_of
from darwaza.ledger.asset import Asset
from darwaza.ledger.money import to_text
from darwaza.services.payments import check, status
from darwaza.services.payments.answers import read_answers
from darwaza.services.payments.bulk import read_parts
from darwaza.services.payments.code import reason_of
from darwaza.services.payments.entry import entry_id
from darwaza.services.payments.message import (
    ANSWERS,
    BULK,
    BULK_INQUIRY,
    DECIDED,
    DECISIONS,
    INQUIRY,
    ORDER,
    RECALL,
    REFUNDED,
    RESOLVED,
    RETURNED,
    STATUS,
    BulkTerms,
    read_bulk,
    read_order,
    read_refused,
)
from darwaza.services.payments.source import offer_of
from darwaza.services.payments.terms import exchange_at, rate_of
from darwaza.standards.iso20022.amount import scale_of
from darwaza.standards.iso20022.pacs008 import CreditTransferTransaction

UNPROVEN: Final = "payment_unproven"
SETTLED: Final = "settled"
REJECTED: Final = "rejected"
BLOCKED: Final = "blocked"
RETURNED_BACK: Final = "returned"
OPEN: Final = "open"
_STEPS: Final = {
    ORDER: "ordered",
    BULK: "ordered",
    INQUIRY: "asked what had become of it",
    BULK_INQUIRY: "asked what had become of it",
    RECALL: "recalled it",
    RESOLVED: "kept it",
    RETURNED: "gave it back",
    REFUNDED: "refunded it",
}

REFUSED_KIND: Final = "payments" + REFUSED
Shown = bytes | Sequence[bytes | None] | None
"""A body; of one in parts perhaps its parts, without those that are withheld; or None where all of it is."""
Found = list[tuple[Header, Shown]]

_STATUSES: Final = frozenset({STATUS, DECIDED, ANSWERS, DECISIONS})
_NAMED: Final = frozenset({ANSWERS, DECISIONS, BULK_INQUIRY})
"""Messages of a bulk with a document about one payment in each part."""
_RANK: Final = {ORDER: 0, BULK: 0, STATUS: 1, ANSWERS: 1, DECIDED: 2, DECISIONS: 2}
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
        id: of its case, and of a payment of a bulk with a full stop and its number behind.
        uetr: of the payment.
        end_to_end: the payer's reference.
        payer_bank: address.
        payee_bank: address.
        provider: address of the FX provider.
        debit: what the payer gave, decimal with currency.
        credit: what the payee got or was to get.
        rate: agreed.
        end: ``settled``, ``rejected``, ``blocked``, ``returned`` or, when no message shows an end, ``open``.
        reason: ISO 20022 reason of a rejection or block, or "".
        steps: in order.
    """

    id: str
    uetr: str
    end_to_end: str
    payer_bank: str
    payee_bank: str
    provider: str
    debit: str
    credit: str
    rate: str
    end: str
    reason: str
    steps: tuple[Step, ...]


def about_one(order: Header, uetr: str, number: int) -> Callable[[Header, Sequence[bytes]], list[bool]]:
    """Which parts of the messages of a bulk are about one of its payments, or belong to all; none of another payment.

    Args:
        order: of the message that ordered the bulk; a refusal of it belongs to all.
        uetr: of the payment.
        number: of the payment.
    """

    def chosen(header: Header, given: Sequence[bytes]) -> list[bool]:
        if header.kind == BULK:
            return [at in (0, number) for at in range(len(given))]
        if header.kind in _NAMED:
            return [_uetr_of(header.kind, part) == uetr for part in given]
        # What is about one payment alone names it by its UETR; a refusal of the order names that.
        return [uetr.encode() in part or order.id.encode() in part for part in given]

    return chosen


def _uetr_of(kind: str, document: bytes) -> str:
    """The UETR of the payment that a part is about; "" for one that cannot be read, which is shown to nobody."""
    try:
        return status.read_inquiry(document) if kind == BULK_INQUIRY else status.read_told(document).uetr
    except MessageError:
        return ""


def prove(messages: Iterable[tuple[Header, Shown]], wanted: str = "") -> list[Proof]:
    """Put together what messages of one case say: of one payment, or of each of a bulk that is shown.

    Args:
        messages: whose signatures hold, in any order; a body that was withheld is None.
        wanted: id or UETR of the payment to tell of alone; "" for all.

    Raises:
        MalformedError: ``payment_unproven``: there is no order with its body among them, it cannot be read, or it is
            none of the payment that is wanted.
    """
    found = sorted(messages, key=lambda one: (one[0].created_at, _RANK.get(one[0].kind, len(_RANK))))
    orders = ((header, body) for header, body in found if header.kind in {ORDER, BULK} and body is not None)
    header, body = next(orders, (None, None))
    if header is None:
        raise _unproven("there is no order of a payment, with its body, in the file")
    about = [one for one in found if one[0].case_id == header.case_id]
    try:
        proven = (_of_one if header.kind == ORDER else _of_bulk)(header, body, about, wanted)
    except MessageError as fault:
        raise fault if fault.code == UNPROVEN else _unproven(fault.detail) from fault
    if not proven:
        raise _unproven(f"it orders no payment {wanted}")
    return proven


def _of_one(header: Header, body: Shown, found: Found, wanted: str) -> list[Proof]:
    terms, document = read_order(body if isinstance(body, bytes) else b"")
    ordered = check.read_transfer(document)
    if isinstance(ordered, Refusal):
        raise _unproven(ordered.detail)
    transaction, exchange = ordered.transaction, offer_of(terms).exchange
    if wanted not in {"", header.case_id, transaction.id.uetr}:
        return []
    deciding = DECIDED if ordered.urgent else STATUS
    single = [(one, given if isinstance(given, bytes) else None) for one, given in found]
    ends = _steps(single, header, transaction.id.uetr or "", deciding=deciding)
    amounts = exchange.debit_minor, exchange.credit_minor
    return [_proof(header, header.case_id, transaction, (terms.provider, terms.rate), amounts, ends)]


def _of_bulk(header: Header, body: Shown, found: Found, wanted: str) -> list[Proof]:
    first, *others = parts.split(body) if isinstance(body, bytes) else body or (None,)
    numbers = [number for number, part in enumerate(others, 1) if part is not None]
    if first is None or not numbers:
        raise _unproven("the terms of the order, or all of its payments, are withheld")
    terms, documents = read_bulk(_joined((first, *others)) or b"")
    proven = []
    said, deciding = _said(found), DECISIONS if terms.priority == "HIGH" else ANSWERS
    for number, part in zip(numbers, read_parts(documents), strict=True):
        transaction, name = part.transfer.transactions[0], entry_id(header.case_id, number)
        if wanted in {"", name, part.uetr}:
            amounts, ends = _amounts(transaction, terms), _steps(said, header, part.uetr, deciding=deciding)
            proven.append(_proof(header, name, transaction, (terms.provider, terms.rate), amounts, ends))
    return proven


def _amounts(transaction: CreditTransferTransaction, terms: BulkTerms) -> tuple[int, int]:
    """What the payer gives and what the payee gets, as the document and rate say."""
    given, charges, rate = transaction.instructed_amount, transaction.charges, rate_of(terms.rate)
    if given is None or len(charges) != 2 or isinstance(rate, Refusal):  # noqa: PLR2004 - of either bank
        raise _unproven("a payment of it does not name what the payer gives, and both fees")
    there = charges[1].amount
    exchange = exchange_at(transaction, rate, Asset(given.currency, given.scale), Asset(there.currency, there.scale))
    if isinstance(exchange, Refusal):
        raise _unproven(exchange.detail)
    if transaction.agreed_rate is None or transaction.agreed_rate.rate != Decimal(terms.rate):
        raise _unproven("the agreed rate of a payment of it is another")
    return exchange.debit_minor, exchange.credit_minor


def _proof(
    header: Header,
    name: str,
    transaction: CreditTransferTransaction,
    terms: tuple[str, str],
    amounts: tuple[int, int],
    ends: tuple[tuple[Step, ...], str, str],
) -> Proof:
    source, rate = transaction.amount.currency, transaction.agreed_rate
    destination = "XXX" if rate is None or rate.quoted_currency is None else rate.quoted_currency
    steps, end, reason = ends
    return Proof(
        id=name,
        uetr=transaction.id.uetr or "",
        end_to_end=transaction.id.end_to_end,
        payer_bank=header.origin,
        payee_bank=header.destination,
        provider=terms[0],
        debit=f"{to_text(amounts[0], Asset(source, scale_of(source)))} {source}",
        credit=f"{to_text(amounts[1], Asset(destination, _scale(destination)))} {destination}",
        rate=terms[1],
        end=end,
        reason=reason,
        steps=steps,
    )


Answered = dict[str, status.Told] | bytes | None
"""What a message of a bulk answers, by UETR; or its body, or None where that is withheld."""
Said = tuple[Header, Answered]


def _said(found: Found) -> list[Said]:
    """The messages of a bulk with what of them is shown, its answers and decisions read once."""
    said: list[Said] = []
    for header, body in found:
        shown = body if body is None or isinstance(body, bytes) else _joined(body)
        if header.kind in _STATUSES and shown is not None:
            said.append((header, read_answers(shown)))
        else:
            said.append((header, shown))
    return said


def _joined(shown: Sequence[bytes | None]) -> bytes | None:
    known = [part for part in shown if part is not None]
    return parts.join(known) if known else None


def _steps(found: Iterable[Said], order: Header, uetr: str, *, deciding: str) -> tuple[tuple[Step, ...], str, str]:
    """Every message about a payment in words, and the end they show.

    Args:
        found: oldest first.
        order: header of the order, which the payee's gateway may have refused as a whole.
        uetr: of the payment.
        deciding: kind of the message by which it ends well: of an urgent one the payer's gateway decides.
    """
    steps, end, reason, credited = [], OPEN, "", False
    for header, body in found:
        no = _refusal(header, body, order)
        if order.kind == BULK and header.kind != BULK and no is None and not _names(body, uetr):
            continue
        what = _STEPS.get(header.kind, "")
        if no is not None:
            what = f"refused it ({no.code})"
            end, reason = REJECTED, reason_of(no.code, no.pointer)
        if header.kind in _STATUSES and body is not None:
            given, why, _ = body[uetr][1:] if isinstance(body, dict) else status.read_status(body, uetr)
            what = f"said {given}" + (f" ({why})" if why else "")
            end, reason = _end((end, reason), given, why, decides=header.kind == deciding, credited=credited)
            credited = credited or given == status.CREDITED
        elif header.kind == RETURNED:
            end = RETURNED_BACK
        steps.append(Step(header.created_at, header.origin, what or header.kind))
    return tuple(steps), end, reason


def _end(was: tuple[str, str], given: str, why: str, *, decides: bool, credited: bool) -> tuple[str, str]:
    """The end that messages show, with its reason, when one more gives a status.

    Args:
        was: what those before it show.
        given: the status.
        why: its reason.
        decides: whether it is of the kind by which the payment ends.
        credited: whether the payee's gateway has said that it credits, perhaps by another clock.
    """
    if given == status.REJECTED:
        return REJECTED, why
    if given == status.BLOCKED and decides and not credited:
        return BLOCKED, why
    released = given == status.CREDITED and was[0] == BLOCKED
    ends = decides and given in {status.SETTLED, status.CREDITED, status.BLOCKED}
    return (SETTLED, "") if released or ends else was


def _refusal(header: Header, body: Answered, order: Header) -> Refused | None:
    """What a message says of the order, when it is the payee's gateway's refusal to act on it."""
    by_payee = member_of(header.origin) == member_of(order.destination)
    if header.kind != REFUSED_KIND or not by_payee or not isinstance(body, bytes):
        return None
    said = read_refused(body)
    return said if (said.kind, said.message_id) == (order.kind, order.id) else None


def _names(body: Answered, uetr: str) -> bool:
    """Whether a message of a bulk is about a payment; one whose body was withheld is shown to be about none."""
    return body is not None and (uetr if isinstance(body, dict) else uetr.encode("ascii")) in body


def _scale(currency: str) -> int:
    return 0 if currency == "XXX" else scale_of(currency)


def _unproven(detail: str) -> MalformedError:
    return MalformedError(f"it proves no payment: {detail}", code=UNPROVEN)
