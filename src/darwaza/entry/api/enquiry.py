"""Questions between members over HTTP: ask, read, answer (eTIR I3, I5, I19, E5)."""

import uuid
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza import config
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.transit import Done, addresses, find_case, submit
from darwaza.errors import DarwazaError
from darwaza.kernel.machine import Refusal
from darwaza.ports.store import CaseFilter, CaseRow
from darwaza.services.transit.codes import ROLE_CUSTOMS
from darwaza.services.transit.enquiry import Ask, Enquiry, Question, Reply

SERVICE = TAG = "enquiry"


class EnquiryView(msgspec.Struct, omit_defaults=True):
    """A question and its answer.

    Attributes:
        id: of the case.
        state: ``asked`` (waits for the other side), ``open`` (waits for this one), ``answered``.
        peer: full address of the other side.
        question: as asked.
        reply: as answered; absent while there is none.
    """

    id: str
    state: str
    peer: str
    question: Question
    reply: Reply | None = None


class EnquiryQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which questions: only those in this state."""

    state: Annotated[str, Meta(pattern=r"^(asked|open|answered)\Z")] | None = None


class AnswerBody(msgspec.Struct, forbid_unknown_fields=True):
    """The answer to a question that was looked up; its kind is the question's."""

    reply: Reply


async def ask(call: Call) -> Done | DarwazaError | Refusal:
    """Ask another member; a request repeated with its idempotency key asks once."""
    body: Ask = call.body
    return await submit(call, SERVICE, "ask", str(uuid.uuid4()), body, opens=True)


async def answer(call: Call) -> Done | DarwazaError | Refusal:
    """Answer a question that was looked up."""
    return await submit(call, SERVICE, "answer", call.request.path_params["id"], call.body.reply)


async def read(call: Call) -> EnquiryView:
    """A question and its answer."""
    return _view(call, find_case(call, SERVICE))


async def find(call: Call) -> list[EnquiryView]:
    """The newest questions of the caller, asked or to be answered."""
    query: EnquiryQuery = call.query
    states = () if query.state is None else (query.state,)
    rows: dict[str, CaseRow] = {}
    for address in addresses(call):
        wanted = CaseFilter(party=address, service=SERVICE, states=states, items_max=config.PAGE_ITEMS_MAX)
        rows |= {row.id: row for row in call.server.store.find_cases(wanted)}
    newest = sorted(rows.values(), key=lambda row: row.opened_at, reverse=True)[: config.PAGE_ITEMS_MAX]
    return [_view(call, row) for row in newest]


def _view(call: Call, row: CaseRow) -> EnquiryView:
    data: Enquiry = call.server.gateway.engine.site.decode_case(row).data
    return EnquiryView(row.id, row.state, data.peer, data.question, data.reply)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/enquiries",
        handler=ask,
        summary="Ask another member about a holder, a guarantee or its offices (eTIR I3, I5, E5, I19)",
        tag=TAG,
        body=Ask,
        answer=Done,
        status=HTTPStatus.CREATED.value,
    ),
    Endpoint(
        method="GET",
        path="/v1/enquiries",
        handler=find,
        summary="Questions asked, and questions to be answered",
        tag=TAG,
        query=EnquiryQuery,
        answer=list[EnquiryView],
    ),
    Endpoint(
        method="GET",
        path="/v1/enquiries/{id}",
        handler=read,
        summary="A question and its answer",
        tag=TAG,
        answer=EnquiryView,
    ),
    Endpoint(
        method="POST",
        path="/v1/enquiries/{id}/answer",
        handler=answer,
        summary="Answer a question that was looked up (eTIR I4, I6, E6)",
        tag=TAG,
        role=ROLE_CUSTOMS,
        body=AnswerBody,
        answer=Done,
    ),
)
