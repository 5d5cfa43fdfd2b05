"""Before a payment: aliases, whose an account is, and requests to be paid."""

from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.responses import Response

from darwaza import config
from darwaza.engine.intake import Accepted
from darwaza.entry.api.document import idempotency_key, preferred_wait_s
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.payment import SERVICE, TAG, Ordered, command, ordered, own_case, own_record, submit
from darwaza.errors import DarwazaError, MessageError
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import GATEWAY_PARTY, MemberText
from darwaza.ports.store import CaseFilter, CaseRow
from darwaza.services.payments import message as payments
from darwaza.services.payments.alias import REGISTERED, alias_id, masked, normal
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import XML_MEDIA_TYPE
from darwaza.services.payments.record import Alias, Request, Verification
from darwaza.services.payments.verification import write_answer, write_question
from darwaza.standards.iso20022.document import DOCUMENT_BYTES_MAX
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.pain013 import RequestToPay
from darwaza.standards.iso20022.party import Agent

VERIFICATION_WAIT_S: Final = 25.0
ASKED: Final = ("verification-asked",)
REQUEST_STATES: Final = (
    *("requested", "request-accepted", "request-refused"),
    *("request-open", "request-agreed", "request-declined"),
)


class AliasView(msgspec.Struct, omit_defaults=True):
    """An alias as its bank sees it.

    Attributes:
        id: of its case.
        kind: ExternalProxyAccountType1Code, or ACCT.
        value: in its one form.
        account: it stands for.
        name: of the holder.
        shown: what a payer sees of it.
    """

    id: str
    kind: str
    value: str
    account: str
    name: str
    shown: str


class VerifyBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whose is it? Either an account of a bank, or an alias in a member.

    Attributes:
        value: account number or alias.
        kind: ACCT for an account, else the kind of alias.
        payee_bank: address or BIC, for an account.
        to: member code, for an alias.
    """

    value: payments.AliasValue
    kind: payments.AliasKind = "ACCT"
    payee_bank: Annotated[str, Meta(max_length=72)] | None = None
    to: MemberText | None = None


class VerificationView(msgspec.Struct, omit_defaults=True):
    """A question and its answer.

    Attributes:
        id: of the case.
        state: of the case at this gateway.
        kind: see ``VerifyBody``.
        value: in its one form.
        verified: whether there is such an account.
        bank: address of the bank that keeps it.
        account: its number.
        name: verified name, for the asking bank's screening; not for the payer.
        shown: masked name, for the payer.
        reason: ExternalVerificationReason1Code why not.
        answer_by: until then the bank that is asked may answer.
    """

    id: str
    state: str
    kind: str
    value: str
    verified: bool | None = None
    bank: str = ""
    account: str = ""
    name: str = ""
    shown: str = ""
    reason: str = ""
    answer_by: str = ""


class RequestView(msgspec.Struct, omit_defaults=True):
    """A request to be paid.

    Attributes:
        id: of the case.
        state: of the case at this gateway.
        payee_bank: address.
        payer_bank: address.
        end_to_end: the payee's reference, which the payment is to carry.
        later: whether the payer may take its time.
        expires_at: until then the payer may decide.
        reason: why not.
    """

    id: str
    state: str
    payee_bank: str
    payer_bank: str
    end_to_end: str
    later: bool
    expires_at: str
    reason: str = ""


class RequestQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which requests: all, or only those that wait for the caller's decision."""

    open: bool = False


# --- aliases ---


async def register(call: Call) -> Ordered | DarwazaError | Refusal:
    """Register what stands for one of the bank's accounts."""
    body: payments.RegisterAlias = call.body
    value = normal(body.kind, body.value)
    if value is None:
        return Refusal.of(PaymentRefusal.ALIAS_MALFORMED, "it has not the form of its kind", "/value")
    member = call.server.gateway.config.member
    case_id = alias_id(member, body.kind, value)
    given = command(call, "register-alias", body, case_id, opens=True)
    # An alias that another bank has is seen through the gateway, so that the answer is: taken.
    seen = msgspec.structs.replace(given, acts_for=(f"{member}/{GATEWAY_PARTY}",))
    return ordered(await call.server.submit(seen))


async def remove(call: Call) -> Ordered | DarwazaError | Refusal:
    """Let an alias go."""
    return await submit(call, "remove-alias", payments.RemoveAlias(), call.request.path_params["id"])


async def aliases(call: Call) -> list[AliasView]:
    """Aliases of the calling bank, newest first."""
    rows = _find(call, (REGISTERED,))
    held: list[tuple[CaseRow, Alias]] = [(row, call.server.gateway.engine.site.decode_case(row).data) for row in rows]
    return [
        AliasView(row.id, alias.kind, alias.value, alias.account, alias.name, masked(alias.name))
        for row, alias in held
        if alias.bank == call.party.address
    ]


def _find(call: Call, states: tuple[str, ...]) -> list[CaseRow]:
    wanted = CaseFilter(party=call.party.address, service=SERVICE, states=states, items_max=config.PAGE_ITEMS_MAX)
    return call.server.store.find_cases(wanted)


# --- whose is it ---


async def verify(call: Call) -> VerificationView | Response | DarwazaError | Refusal:
    """Ask whose an account or alias is, and wait for the answer."""
    body: VerifyBody = call.body
    gateway = call.server.gateway
    me = gateway.directory.participant(call.party.address, "psp")
    bank = None
    if body.payee_bank is not None:
        bank = gateway.directory.participant(body.payee_bank, "psp") or gateway.directory.bank(body.payee_bank)
    value = normal(body.kind, body.value)
    if value is None:
        return Refusal.of(PaymentRefusal.ALIAS_MALFORMED, "it has not the form of its kind", "/value")
    if me is None or me.bic is None:
        return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only a bank asks whose an account is")
    if bank is None and body.to is None:
        return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "say whom to ask: payee_bank, or to", "/payee_bank")
    to = Agent(other_id=body.to) if bank is None else Agent(bic=bank.bic)
    document = write_question(body.kind, value, to, me.bic, gateway.entropy.random(16).hex(), gateway.clock.now())
    return await ask(call, document)


async def ask(call: Call, document: bytes) -> VerificationView | DarwazaError | Refusal:
    """Pass an acmt.023 on and wait for its answer."""
    outcome = await call.server.submit(command(call, "verify", payments.Verify(document), None))
    if not isinstance(outcome, Accepted):
        refused: DarwazaError | Refusal = outcome
        return refused
    wait_s = preferred_wait_s(call) if call.header("prefer") else VERIFICATION_WAIT_S
    if wait_s and call.server.store.cases([outcome.case_id])[outcome.case_id].state == "verifying":
        await call.server.till.ended(call.party.address, outcome.case_id, wait_s)
    return _view(call, own_case(call, outcome.case_id, Verification))


async def verification(call: Call) -> VerificationView:
    """A question and its answer."""
    return _view(call, own_case(call, call.request.path_params["id"], Verification))


def answer_document(call: Call, found: VerificationView) -> bytes:
    """The acmt.024 for a bank that asked in ISO 20022, written anew from what was told."""
    row = call.server.store.cases([found.id])[found.id]
    held: Verification = call.server.gateway.engine.site.decode_case(row).data
    told = held if held.verified or held.reason else msgspec.structs.replace(held, reason="NORR")
    bank = call.server.gateway.directory.participant(held.bank, "psp")
    return write_answer(told, row.id, None if bank is None else bank.bic, call.server.gateway.clock.now())


async def asked(call: Call) -> list[VerificationView]:
    """Questions that wait for the calling bank's answer."""
    return [_view(call, row) for row in _find(call, ASKED)]


async def answer(call: Call) -> Ordered | DarwazaError | Refusal:
    """Say whose an account is."""
    return await submit(call, "answer-verification", call.body, call.request.path_params["id"])


def _view(call: Call, row: CaseRow) -> VerificationView:
    held: Verification = call.server.gateway.engine.site.decode_case(row).data
    mine = call.party.address in (held.asker, held.bank)
    return VerificationView(
        id=row.id,
        state=row.state,
        kind=held.kind,
        value=held.value,
        verified=held.verified if row.state in ("verified", "unverified") else None,
        bank=held.bank,
        account=held.account if mine else "",
        name=held.name if mine else "",
        shown=held.shown,
        reason=held.reason,
        answer_by="" if held.answer_by is None else instant.to_text(held.answer_by),
    )


# --- requests to be paid ---


async def request_payment(call: Call) -> Ordered | DarwazaError | Refusal:
    """Ask a payer of another bank to pay: a pain.013 with one payment."""
    return await ask_to_be_paid(call, call.body)


async def ask_to_be_paid(call: Call, document: bytes) -> Ordered | DarwazaError | Refusal:
    """Pass a pain.013 on; without a key of its own its message id is its key, so that no payer is asked twice."""
    key = idempotency_key(call)
    if not key:
        with suppress(MessageError):  # the rules say what is wrong with it
            asked = read(document)
            key = f"request {asked.header.message_id}" if isinstance(asked, RequestToPay) else ""
    return await submit(call, "request-payment", payments.RequestPayment(document), None, key=key)


async def requests(call: Call) -> list[RequestView]:
    """Requests the calling bank has made or got, newest first."""
    rows = _find(call, ("request-open",) if call.query.open else REQUEST_STATES)
    return [_request_view(call, row) for row in rows]


async def request(call: Call) -> RequestView:
    """One request."""
    return _request_view(call, own_case(call, call.request.path_params["id"], Request))


async def request_document(call: Call) -> Response:
    """The request's pain.013, byte for byte."""
    _, held = own_record(call, call.request.path_params["id"], Request)
    return Response(held.document, media_type=XML_MEDIA_TYPE)


async def accept_request(call: Call) -> Ordered | DarwazaError | Refusal:
    """The payer will pay."""
    return await submit(call, "accept-request", payments.AcceptRequest(), call.request.path_params["id"])


async def refuse_request(call: Call) -> Ordered | DarwazaError | Refusal:
    """The payer will not pay."""
    return await submit(call, "refuse-request", call.body, call.request.path_params["id"])


def _request_view(call: Call, row: CaseRow) -> RequestView:
    held: Request = call.server.gateway.engine.site.decode_case(row).data
    return RequestView(
        id=row.id,
        state=row.state,
        payee_bank=held.payee_bank,
        payer_bank=held.payer_bank,
        end_to_end=held.end_to_end,
        later=held.later,
        expires_at=instant.to_text(held.expires_at),
        reason=held.reason,
    )


def _get(path: str, handler: Any, summary: str, kind: Any, query: Any = None) -> Endpoint:
    media_type = XML_MEDIA_TYPE if kind is None else "application/json"
    return Endpoint(
        method="GET",
        path=path,
        handler=handler,
        summary=summary,
        tag=TAG,
        answer=kind,
        query=query,
        media_type=media_type,
    )


def _post(
    path: str, handler: Any, summary: str, body: Any = None, kind: Any = Ordered, status: int = 200, **more: Any
) -> Endpoint:
    bytes_max = DOCUMENT_BYTES_MAX if body is bytes else 65_536
    return Endpoint(
        method="POST",
        path=path,
        handler=handler,
        summary=summary,
        tag=TAG,
        body=body,
        body_bytes_max=bytes_max,
        answer=kind,
        status=status,
        **more,
    )


CREATED: Final = HTTPStatus.CREATED.value
ENDPOINTS: Sequence[Endpoint] = (
    _get("/v1/payments/aliases", aliases, "Aliases of your accounts", list[AliasView]),
    _post("/v1/payments/aliases", register, "Register an alias of an account", payments.RegisterAlias, status=CREATED),
    _post("/v1/payments/aliases/{id}/remove", remove, "Let an alias go"),
    _get("/v1/payments/verifications", asked, "Questions that wait for your answer", list[VerificationView]),
    _get("/v1/payments/verifications/{id}", verification, "A question and its answer", VerificationView),
    _post(
        "/v1/payments/verifications",
        verify,
        "Ask whose an account or alias is: the verified name for you, a masked one for the payer",
        VerifyBody,
        VerificationView,
        CREATED,
        headers=("idempotency-key", "prefer"),
    ),
    _post("/v1/payments/verifications/{id}/answer", answer, "Say whose an account is", payments.AnswerVerification),
    _get("/v1/payments/requests", requests, "Requests to be paid", list[RequestView], RequestQuery),
    _get("/v1/payments/requests/{id}", request, "One request to be paid", RequestView),
    _get("/v1/payments/requests/{id}/document", request_document, "The request's pain.013, byte for byte", None),
    _post(
        "/v1/payments/requests",
        request_payment,
        "Ask a payer to pay: a pain.013 with one payment",
        bytes,
        status=CREATED,
    ),
    _post("/v1/payments/requests/{id}/accept", accept_request, "The payer will pay (pain.014)"),
    _post(
        "/v1/payments/requests/{id}/refuse", refuse_request, "The payer will not pay (pain.014)", payments.RefuseRequest
    ),
)
