"""One door for banks that speak nothing but ISO 20022: any message goes in, and one of ISO 20022 comes out.

| in | what it does | out |
|---|---|---|
| pacs.008 | orders one payment or many | pacs.002 |
| pacs.028 | asks what has become of a payment, or of many | pacs.002 |
| camt.056 | recalls a payment | camt.029, pending |
| camt.029 | keeps a payment that was recalled | pacs.002 |
| pacs.004 | gives a payment back | pacs.002 |
| acmt.023 | asks whose an account or alias is | acmt.024 |
| pain.013 | asks to be paid | pain.014, pending |
| pain.014 | answers a request to be paid | pain.014 |

A payment, also one of a bulk, is named by its UETR, or by the message it came in and its own id in that.

What cannot be read, or is none of these, is answered with admi.002, a payment that is refused with pacs.002, anything
else that is refused with admi.002 and its code.
"""

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response

from darwaza import config
from darwaza.entry.api.alias import REQUEST_STATES, VerificationView, answer_document, ask, ask_to_be_paid
from darwaza.entry.api.bulk import order_all
from darwaza.entry.api.document import idempotency_key
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.iso import answer_bulk, answer_order, refused, status_of_many, status_report, unreadable
from darwaza.entry.api.order import OrderQuery, order_one
from darwaza.entry.api.payment import (
    SERVICE,
    TAG,
    Ordered,
    held_payment,
    own_record,
    submit,
)
from darwaza.entry.api.reference import Reference, find_payment
from darwaza.errors import DarwazaError, MalformedError, MessageError
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import GATEWAY_PARTY
from darwaza.ports.store import CaseFilter
from darwaza.services.payments import investigation
from darwaza.services.payments import message as payments
from darwaza.services.payments.message import XML_MEDIA_TYPE
from darwaza.services.payments.record import Request
from darwaza.services.payments.request import ACCEPTED, REJECTED, UNNAMED_GROUP, write_decision
from darwaza.standards.iso20022.acmt023 import VerificationRequest
from darwaza.standards.iso20022.camt029 import Resolution
from darwaza.standards.iso20022.camt056 import CancellationRequest
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.pacs004 import PaymentReturn
from darwaza.standards.iso20022.pacs008 import CreditTransfer
from darwaza.standards.iso20022.pacs028 import StatusRequest
from darwaza.standards.iso20022.pain013 import RequestToPay, RequestToPayStatus

PENDING: Final = "PDNG"
INQUIRED_MAX: Final = 125
"""Most payments a bank asks about in one message."""
Refused = DarwazaError | Refusal


async def take(call: Call) -> Response:
    """Take a message in and answer it."""
    document: bytes = call.body
    try:
        value = read(document)
        handler = _HANDLERS.get(type(value))
        if handler is None:
            raise MalformedError(f"{value.message} is for gateways to send", code="message_unsuitable", pointer="/")
        return await handler(call, document, value)
    except MessageError as fault:
        return unreadable(call, document, fault)


async def _order(call: Call, document: bytes, value: CreditTransfer) -> Response:
    call.query = OrderQuery()
    if len(value.transactions) == 1:
        return answer_order(call, document, await order_one(call, document, value), value)
    return answer_bulk(call, document, await order_all(call, document), value)


async def _inquire(call: Call, _: bytes, value: StatusRequest) -> Response:
    if not 0 < len(value.transactions) <= INQUIRED_MAX:
        detail = f"it asks about 1 to {INQUIRED_MAX} payments"
        raise MalformedError(detail, code="message_unsuitable", pointer="/Document/FIToFIPmtStsReq")
    found = [find_payment(call, one, value.originals) for one in value.transactions]
    if len(found) == 1:
        return _status(call, found[0])
    body = status_of_many(call, [held_payment(call, payment_id) for payment_id in found])
    return Response(body, media_type=XML_MEDIA_TYPE)


async def _recall(call: Call, document: bytes, value: CancellationRequest) -> Response:
    one = _only([one for item in value.underlying for one in item.transactions])
    payment_id = find_payment(call, one, [item.group for item in value.underlying])
    asked = payments.AskBack(investigation.read_recall(document, one.uetr))
    done = await submit(call, "recall", asked, payment_id, key=_key(call, document))
    if not isinstance(done, Ordered):
        return refused(call, document, done)
    now = call.server.gateway.clock.now()
    gateway = f"{call.server.gateway.config.member}/{GATEWAY_PARTY}"
    body = investigation.write_pending(held_payment(call, payment_id)[1], payment_id, gateway, now)
    return Response(body, media_type=XML_MEDIA_TYPE)


async def _keep(call: Call, document: bytes, value: Resolution) -> Response:
    one = _only([one for item in value.outcomes for one in item.transactions])
    payment_id = find_payment(call, one, [item.group for item in value.outcomes])
    reason = investigation.read_resolution(document, one.uetr)
    done = await submit(call, "refuse-recall", payments.KeepIt(reason), payment_id, key=_key(call, document))
    return _status(call, payment_id) if isinstance(done, Ordered) else refused(call, document, done)


async def _give_back(call: Call, document: bytes, value: PaymentReturn) -> Response:
    one = _only(value.transactions)
    payment_id = find_payment(call, one, [value.original])
    reason, amount_minor, _ = investigation.read_return(document, one.uetr)
    chosen = held_payment(call, payment_id)[1].chosen
    if chosen is not None and amount_minor != chosen.exchange.destination_minor:
        raise MalformedError("a return is of the whole payment", code="amount_other", pointer="/Document/PmtRtr")
    done = await submit(call, "return", payments.GiveBack(reason), payment_id, key=_key(call, document))
    return _status(call, payment_id) if isinstance(done, Ordered) else refused(call, document, done)


async def _verify(call: Call, document: bytes, _: VerificationRequest) -> Response:
    found = await ask(call, document)
    if not isinstance(found, VerificationView):
        return refused(call, document, found)
    return Response(answer_document(call, found), media_type=XML_MEDIA_TYPE)


async def _request(call: Call, document: bytes, _: RequestToPay) -> Response:
    done = await ask_to_be_paid(call, document)
    if not isinstance(done, Ordered):
        return refused(call, document, done)
    return _decision(call, done.id, PENDING, "")


async def _decide(call: Call, document: bytes, value: RequestToPayStatus) -> Response:
    given = [one for group in value.requests for one in group.payments]
    if len(given) != 1 or given[0].status not in (ACCEPTED, REJECTED):
        raise MalformedError("one answer at a time: yes or no", code="message_unsuitable", pointer="/Document")
    first = given[0].reasons[0].reason if given[0].reasons else None
    reason = "" if first is None else first.code or ""
    case_id, key = _request_id(call, value), _key(call, document)
    if given[0].status == ACCEPTED:
        done = await submit(call, "accept-request", payments.AcceptRequest(), case_id, key=key)
    else:
        body = msgspec.convert({"reason": reason or "NARR"}, payments.RefuseRequest)
        done = await submit(call, "refuse-request", body, case_id, key=key)
    if not isinstance(done, Ordered):
        return refused(call, document, done)
    return _decision(call, case_id, given[0].status or "", reason)


def _decision(call: Call, case_id: str, given: str, reason: str) -> Response:
    _, held = own_record(call, case_id, Request)
    now = call.server.gateway.clock.now()
    return Response(write_decision(held, case_id, given, reason, now), media_type=XML_MEDIA_TYPE)


def _request_id(call: Call, value: RequestToPayStatus) -> str:
    """Find the request an answer is about among the newest that the caller has got.

    Two payees may have chosen the same ids, so all that the answer names counts.
    """
    ((group, given),) = [(group, one) for group in value.requests for one in group.payments]
    bank = None if value.header.creditor_agent is None else value.header.creditor_agent.bic
    payee = call.server.gateway.directory.bank(bank)
    wanted = CaseFilter(
        party=call.party.address, service=SERVICE, states=REQUEST_STATES, items_max=config.BULK_ITEMS_MAX
    )
    found = []
    for row in call.server.store.find_cases(wanted):
        held: Request = call.server.gateway.engine.site.decode_case(row).data
        if (
            (held.payer_bank, held.message_id) == (call.party.address, value.original.message_id)
            and held.group_id in (group.id, UNNAMED_GROUP)
            and given.end_to_end in (None, held.end_to_end)
            and (bank is None or (payee is not None and payee.address == held.payee_bank))
        ):
            found.append(row)
    if len(found) > 1:
        found = [row for row in found if row.state == "request-open"]
    if len(found) > 1:
        raise MalformedError("several requests have these ids", code="message_unsuitable", pointer="/Document")
    if not found:
        raise MalformedError("there is no such request to be paid", code="not_found")
    return found[0].id


def _key(call: Call, document: bytes) -> str:
    """A bank that speaks nothing but ISO 20022 repeats itself by the same message: it is answered as before."""
    return idempotency_key(call) or f"message {sha256(document).hexdigest()[:48]}"


def _status(call: Call, payment_id: str) -> Response:
    state, payment = held_payment(call, payment_id)
    return Response(status_report(call, payment_id, state, payment), media_type=XML_MEDIA_TYPE)


def _only(transactions: Sequence[Reference]) -> Reference:
    if len(transactions) != 1:
        raise MalformedError("it is about one payment", code="message_unsuitable", pointer="/Document")
    return transactions[0]


_HANDLERS: Final[dict[type, Callable[[Call, bytes, Any], Awaitable[Response]]]] = {
    CreditTransfer: _order,
    StatusRequest: _inquire,
    CancellationRequest: _recall,
    Resolution: _keep,
    PaymentReturn: _give_back,
    VerificationRequest: _verify,
    RequestToPay: _request,
    RequestToPayStatus: _decide,
}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/payments/messages",
        statuses=(HTTPStatus.CREATED.value,),
        headers=("accept", "idempotency-key", "prefer"),
        handler=take,
        summary="Any ISO 20022 message a bank sends; the answer is one too",
        tag=TAG,
        body=bytes,
        body_bytes_max=config.REQUEST_BYTES_MAX,
        unread=lambda call, fault: unreadable(call, None, fault),
        media_type=XML_MEDIA_TYPE,
        also=XML_MEDIA_TYPE,
    ),
)
