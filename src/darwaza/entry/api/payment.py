"""Payments for the payer's bank: quotes, commands on payments, and what becomes of them.

Orders, and answers in ISO 20022, are in ``order``, ``bulk`` and ``message``.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from darwaza.engine.intake import Accepted, Outcome, Submit
from darwaza.entry.api.document import idempotency_key
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.transit import asked_digest
from darwaza.entry.view.payment import PaymentView, view_payment
from darwaza.errors import DarwazaError, ForbiddenError, MalformedError
from darwaza.kernel.machine import Refusal
from darwaza.ports.store import CaseRow, PartyRow
from darwaza.services.payments import message as payments
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.entry import command_on, concerns, entry_id, number_of, one_of, split_id
from darwaza.services.payments.market import market_id
from darwaza.services.payments.officer import COMPLIANCE_ROLE
from darwaza.services.payments.record import Bulk, Fixed, Payment, provider_of

SERVICE: Final = "payments"
TAG: Final = "payments"
Kind = TypeVar("Kind", bound=msgspec.Struct)


class QuoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a bank wants to know the price of.

    Attributes:
        payee_bank: address or BIC of the payee's institution.
        amount: decimal, in the currency of the fixed side.
        fixed: ``source``: the payer is debited it; ``destination``: the payee is credited it.
        fee: decimal: what the asking bank takes from its payer, in the source currency.
        take_best: accept the best offer at once.
    """

    payee_bank: Annotated[str, Meta(min_length=3, max_length=72)]
    amount: payments.AmountText
    fixed: Fixed = "source"
    fee: payments.AmountText = "0"
    take_best: bool = False


class Ordered(msgspec.Struct, omit_defaults=True):
    """A payment, or a command on one, was taken.

    Attributes:
        id: of the case.
        state: of the case now.
        uetr: of the payment.
        code: why it was refused, in a bulk.
        detail: one sentence for it.
        pointer: where in the document, or among the words, that is, in a bulk.
        transient: whether it may be taken when it is sent again later, in a document of its own where others of the
            same document were taken.
        message_ids: of the messages it sent.
        repeated: this is the stored answer to a request that came before.
    """

    id: str = ""
    state: str = ""
    uetr: str = ""
    code: str = ""
    detail: str = ""
    pointer: str = ""
    transient: bool = False
    message_ids: tuple[str, ...] = ()
    repeated: bool = False


# --- cases ---


def command(
    call: Call, kind: str, body: Any, case_id: str | None, *, key: str | None = None, opens: bool = False
) -> Submit:
    """Make a command of the calling party; without a key of its own that of the request counts."""
    key = idempotency_key(call) if key is None else key
    if case_id is not None:
        case_id, number = split_id(case_id)
        kind, body = command_on(number, kind, body)
    digest = asked_digest(SERVICE, kind, case_id or "", body) if key else b""
    return Submit(call.party.address, call.party.roles, SERVICE, kind, key, digest, body, case_id, opens)


def ordered(outcome: Outcome, uetr: str = "") -> Ordered | DarwazaError | Refusal:
    """Word the outcome of a command."""
    if not isinstance(outcome, Accepted):
        refused: DarwazaError | Refusal = outcome
        return refused
    return Ordered(outcome.case_id, outcome.state, uetr, message_ids=outcome.message_ids, repeated=outcome.repeated)


async def submit(
    call: Call, kind: str, body: Any, case_id: str | None, *, key: str | None = None, opens: bool = False
) -> Ordered | DarwazaError | Refusal:
    """Give the engine a command of the calling party; see ``command``."""
    answer = ordered(await call.server.submit(command(call, kind, body, case_id, key=key, opens=opens)))
    if isinstance(answer, Ordered) and case_id is not None and split_id(case_id)[1]:
        answer.state, payment = held_payment(call, case_id)
        answer.id, answer.uetr = case_id, payment.uetr
    return answer


def is_operator(call: Call) -> bool:
    """Whether the caller is a settlement operator."""
    return call.server.gateway.directory.participant(call.party.address, "operator") is not None


def need_operator(call: Call) -> None:
    """Let nobody but settlement operators go on.

    Raises:
        ForbiddenError: ``not_allowed``.
    """
    if not is_operator(call):
        raise ForbiddenError("this is for settlement operators", code="not_allowed")


def own_record(call: Call, case_id: str, kind: type[Kind]) -> tuple[CaseRow, Kind]:
    """A case that the caller may see, and the ``kind`` it holds.

    Raises:
        MalformedError: ``not_found``, whether it does not exist or is somebody else's.
    """
    server = call.server
    row = server.store.cases([case_id]).get(case_id)
    seen = row is not None and server.store.concerns(PartyRow(call.party.address, row.service, row.opened_at, row.id))
    if row is None or row.service != SERVICE or not seen:
        raise MalformedError("there is no such case of payments", code="not_found")
    data = server.gateway.engine.site.decode_case(row).data
    if not isinstance(data, kind):
        raise MalformedError("there is no such case of payments", code="not_found")
    return row, data


def own_case(call: Call, case_id: str, kind: type[msgspec.Struct] = Payment) -> CaseRow:
    """A case that the caller may see and that holds a ``kind``; see ``own_record``."""
    return own_record(call, case_id, kind)[0]


def own_payment(call: Call, payment_id: str) -> tuple[CaseRow, int, Payment | Bulk]:
    """The case of a payment that the caller may see, its number in a bulk, or 0, and what the case holds.

    Raises:
        MalformedError: ``not_found``, whether it does not exist or is somebody else's.
    """
    case_id, number = split_id(payment_id)
    if not number:
        row, payment = own_record(call, case_id, Payment)
        return row, 0, payment
    row, bulk = own_record(call, case_id, Bulk)
    if number > len(bulk.entries) or not concerns(bulk, bulk.entries[number - 1], call.party.address):
        raise MalformedError("there is no such case of payments", code="not_found")
    return row, number, bulk


def written_payment(call: Call, payment_id: str) -> tuple[CaseRow, int, Payment | Bulk]:
    """As ``own_payment``, for who may read what the two banks wrote: people are named in it.

    The FX provider sees what it gives and gets, which it needs, and not for whom.

    Raises:
        MalformedError: as ``own_payment``.
        ForbiddenError: ``not_allowed``.
    """
    row, number, data = own_payment(call, payment_id)
    if call.party.address == provider_of(data):
        raise ForbiddenError("an FX provider sees amounts, not who pays whom", code="not_allowed")
    return row, number, data


def held_payment(call: Call, payment_id: str) -> tuple[str, Payment]:
    """The state of a payment that the caller may see, and what is known of it.

    Raises:
        MalformedError: as ``own_payment``.
    """
    row, number, data = own_payment(call, payment_id)
    return one_of(row.state, data, number)


def by_uetr(call: Call, uetr: str) -> str:
    """Id of the case of a payment.

    Raises:
        MalformedError: ``not_found``.
    """
    store, site = call.server.store, call.server.gateway.engine.site
    found = store.transfers([uetr])
    if found and found[0].case_id is not None:
        return found[0].case_id
    case_id = store.named([uetr]).get(uetr)
    if case_id is None:
        raise MalformedError("there is no payment with this UETR", code="not_found")
    return entry_id(case_id, number_of(site.decode_case(store.cases([case_id])[case_id]).data, uetr))


def view(call: Call, row: CaseRow, number: int = 0, *, full: bool = True, data: Any = None) -> PaymentView:
    """Describe a payment, or the one of this number in a bulk, as the caller may see it."""
    gateway = call.server.gateway
    compliance = COMPLIANCE_ROLE in call.party.roles
    return view_payment(gateway.engine, row, gateway.directory, number, full=full, compliance=compliance, data=data)


def show_payment(call: Call, payment_id: str) -> PaymentView:
    """Describe in full a payment that the caller may see.

    Raises:
        MalformedError: as ``own_payment``.
    """
    row, number, data = own_payment(call, payment_id)
    return view(call, row, number, data=data)


# --- quotes ---


async def quote(call: Call) -> PaymentView | DarwazaError | Refusal:
    """Ask all FX providers what a payment costs."""
    body: QuoteBody = call.body
    directory, member = call.server.gateway.directory, call.server.gateway.config.member
    bank = directory.participant(body.payee_bank, "psp") or directory.bank(body.payee_bank)
    if bank is None:
        return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, f"{body.payee_bank} is no bank of this corridor", "/payee_bank")
    market = market_id(member, bank.member)
    asked = payments.Ask(market, bank.address, body.amount, body.fixed, body.fee, body.take_best)
    outcome = await call.server.submit(command(call, "quote", asked, None))
    if not isinstance(outcome, Accepted):
        refused: DarwazaError | Refusal = outcome
        return refused
    return view(call, call.server.store.cases([outcome.case_id])[outcome.case_id])


async def choose(call: Call) -> Ordered | DarwazaError | Refusal:
    """Take one offer: its provider's funds are reserved for as long as the quote holds."""
    return await submit(call, "accept-quote", call.body, call.request.path_params["id"])


async def cancel(call: Call) -> Ordered | DarwazaError | Refusal:
    """Let a quote go that is not used."""
    return await submit(call, "cancel-quote", payments.Cancel(), call.request.path_params["id"])


# --- reading ---


async def show(call: Call) -> PaymentView:
    """A quote or payment as this gateway has it."""
    return show_payment(call, call.request.path_params["id"])


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        method="POST",
        path="/v1/payments/quotes",
        handler=quote,
        summary="Ask all FX providers what a payment costs in all",
        tag=TAG,
        body=QuoteBody,
        answer=PaymentView,
        status=HTTPStatus.CREATED.value,
    ),
    Endpoint(
        method="POST",
        path="/v1/payments/quotes/{id}/accept",
        handler=choose,
        summary="Take an offer; the provider's funds are reserved until the quote lapses",
        tag=TAG,
        body=payments.Choose,
        answer=Ordered,
    ),
    Endpoint(
        method="POST",
        path="/v1/payments/quotes/{id}/cancel",
        handler=cancel,
        summary="Let a quote go that is not used",
        tag=TAG,
        answer=Ordered,
    ),
    Endpoint(
        method="GET",
        path="/v1/payments/{id}",
        handler=show,
        summary="A quote or payment: amounts, cost, status, messages",
        tag=TAG,
        answer=PaymentView,
    ),
)
