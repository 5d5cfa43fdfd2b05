"""Answers in ISO 20022 to callers that speak it: pacs.002 for what can be named, admi.002 for what cannot be read."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol, runtime_checkable

from starlette.responses import Response

from darwaza.entry.api.endpoint import Call
from darwaza.entry.api.problem import respond, status_of
from darwaza.entry.view.payment import STATUS
from darwaza.errors import DarwazaError, MessageError
from darwaza.kernel.machine import Refusal
from darwaza.kernel.wire import CODE_HEADER
from darwaza.services.payments.code import reason_of
from darwaza.services.payments.entry import one_of, split_id
from darwaza.services.payments.message import XML_MEDIA_TYPE
from darwaza.services.payments.record import Payment
from darwaza.services.payments.status import PENDING, REJECTED, STATUS_MESSAGE, original_of, reasons_of, write_status
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs002 import StatusHeader, StatusReport, TransactionStatus
from darwaza.standards.iso20022.pacs008 import CreditTransfer
from darwaza.standards.iso20022.payment import OriginalMessage, Reason
from darwaza.standards.iso20022.rejection import reject


@runtime_checkable
class Repeated(Protocol):
    """The part of ``payment.Ordered`` that is looked at here."""

    id: str
    state: str
    repeated: bool


FAILED = frozenset({"rejected", "refused"})


def wants_xml(call: Call) -> bool:
    """Whether the caller asks for ISO 20022 instead of JSON."""
    return call.header("accept").partition(",")[0].partition(";")[0].strip() in {XML_MEDIA_TYPE, "text/xml"}


def unread(call: Call, fault: MessageError) -> Response:
    """Answer a body of which nothing was read, in the language the caller asks for."""
    return unreadable(call, None, fault) if wants_xml(call) else respond(fault)


def unreadable(call: Call, data: bytes | None, fault: MessageError) -> Response:
    """Answer a message that cannot be read, or of which nothing was: admi.002."""
    body = write(reject(data, fault, at=call.server.gateway.clock.now().replace(microsecond=0)))
    return Response(body, status_of(fault).value, {CODE_HEADER: fault.code}, XML_MEDIA_TYPE)


def refused(call: Call, data: bytes, why: DarwazaError | Refusal) -> Response:
    """Answer a message that is refused and is no order: admi.002 with the code."""
    fault = MessageError(why.detail, code=why.code, pointer=why.pointer)
    answer = unreadable(call, data, fault)
    answer.status_code = status_of(why).value
    return answer


def status_report(call: Call, case_id: str, state: str, payment: Payment) -> bytes:
    """What has become of a payment: pacs.002."""
    now = call.server.gateway.clock.now()
    given, failed = STATUS.get(state, PENDING), state in FAILED
    return write_status(
        payment, case_id, given, now, reason=payment.reason if failed else "", detail=payment.detail if failed else ""
    )


def status_of_many(call: Call, found: Sequence[tuple[str, Payment]]) -> bytes:
    """What has become of payments, by state: one pacs.002."""
    lines = []
    for state, payment in found:
        failed = state in FAILED
        lines.append(
            TransactionStatus(
                original=original_of(payment),
                end_to_end=payment.end_to_end,
                uetr=payment.uetr,
                status=STATUS.get(state, PENDING),
                reasons=reasons_of(payment.reason, payment.detail) if failed else (),
            )
        )
    return _write(call, lines)


def answer_order(call: Call, document: bytes, answer: Any, known: CreditTransfer | None = None) -> Response:
    """Answer one pacs.008.

    Args:
        call: the request.
        document: as it came.
        answer: ``payment.Ordered``, an error or a refusal.
        known: what the document says, where it has been read already.
    """
    try:
        transfer = known or read(document)
    except MessageError as fault:
        return unreadable(call, document, fault)
    if not isinstance(transfer, CreditTransfer):
        wrong = MessageError(f"{transfer.message} is no order", code="message_unsuitable")
        return unreadable(call, document, wrong)
    if isinstance(answer, Repeated) and answer.repeated:
        return Response(_now(call, answer), HTTPStatus.OK.value, media_type=XML_MEDIA_TYPE)
    body = _report(call, transfer, [answer] * len(transfer.transactions))
    if isinstance(answer, DarwazaError | Refusal):
        return Response(body, status_of(answer).value, {CODE_HEADER: answer.code}, XML_MEDIA_TYPE)
    return Response(body, HTTPStatus.CREATED.value, media_type=XML_MEDIA_TYPE)


def _now(call: Call, answer: Repeated) -> bytes:
    """What a payment that is sent again has become."""
    engine = call.server.gateway.engine
    case_id, number = split_id(answer.id)
    row = engine.store.cases([case_id])[case_id]
    _, payment = one_of(row.state, engine.site.decode_case(row).data, number)
    return status_report(call, answer.id, answer.state, payment)


def answer_bulk(call: Call, document: bytes, answers: Sequence[Any], known: CreditTransfer | None = None) -> Response:
    """Answer a pacs.008 of many payments, each for itself, in one pacs.002; see ``answer_order``."""
    transfer = known or read(document)
    if not isinstance(transfer, CreditTransfer):
        return unreadable(call, document, MessageError("it is no order", code="message_unsuitable"))
    return Response(_report(call, transfer, answers), media_type=XML_MEDIA_TYPE)


def _report(call: Call, transfer: CreditTransfer, answers: Sequence[Any]) -> bytes:
    original = OriginalMessage(message_id=transfer.header.message_id, message_name=transfer.message)
    lines = [
        TransactionStatus(
            original=original,
            end_to_end=transaction.id.end_to_end,
            transaction=transaction.id.transaction,
            uetr=transaction.id.uetr,
            status=_status(answer),
            reasons=_reasons(answer),
        )
        for transaction, answer in zip(transfer.transactions, answers, strict=True)
    ]
    return _write(call, lines)


def _write(call: Call, lines: Sequence[TransactionStatus]) -> bytes:
    gateway = call.server.gateway
    now = gateway.clock.now().replace(microsecond=0)
    header = StatusHeader(message_id=gateway.entropy.random(16).hex(), created_at=now)
    return write(StatusReport(message=STATUS_MESSAGE, header=header, transactions=tuple(lines)))


def _status(answer: Any) -> str:
    return REJECTED if answer.code else STATUS.get(answer.state, PENDING)


def _reasons(answer: Any) -> tuple[Reason, ...]:
    return reasons_of(reason_of(answer.code, answer.pointer), f"{answer.code}: {answer.detail}") if answer.code else ()
