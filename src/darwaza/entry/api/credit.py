"""Payments for the payee's bank: the credits that wait for its word, and its word, one by one or many in a request.

A bank hears of a credit in three ways, whichever it likes: it asks (here), it listens (``/v1/events``), or it is called
(a webhook). Whatever it misses it finds here for as long as the answer may come.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.responses import Response

from darwaza import config
from darwaza.engine.intake import Accepted
from darwaza.entry.api.document import preferred_wait_s
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.payment import TAG, Ordered, command, ordered, own_record, submit, written_payment
from darwaza.entry.api.problem import problem_of
from darwaza.entry.order import order_document
from darwaza.entry.view.credit import ASKED, DOCUMENTS_BYTES_MAX, Credit, Version, given_in, waiting_credits
from darwaza.entry.word import Word, commands
from darwaza.errors import DarwazaError
from darwaza.kernel.machine import NOT_IN_TABLE, Refusal
from darwaza.services.payments import message as payments
from darwaza.services.payments.bulk_destination import OPEN as BULK_ASKED
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.entry import entry_of, split_id
from darwaza.services.payments.message import XML_MEDIA_TYPE
from darwaza.services.payments.record import Bulk, Payment
from darwaza.standards.iso20022.conversion import NEWER

TAKEN: Final = frozenset({"accepted", "credited"})
"""States after the bank has accepted."""


class Words(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Many words at once, and how many credits to get in return.

    Attributes:
        words: answered one by one, in order.
        limit: credits wanted, those that wait longest first.
        documents: with their pacs.008.
        message: its version.
    """

    words: Annotated[tuple[Word, ...], Meta(max_length=config.BULK_ITEMS_MAX)] = ()
    limit: Annotated[int, Meta(ge=0, le=config.BULK_ITEMS_MAX)] = 0
    documents: bool = False
    message: Version = NEWER


class Counter(msgspec.Struct, omit_defaults=True):
    """What became of each word, and credits that wait."""

    answers: list[Ordered]
    credits: list[Credit]


class CreditQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which credits, those that wait longest first.

    Attributes:
        limit: at most so many.
        documents: with their pacs.008.
        message: its version.
    """

    limit: Annotated[int, Meta(ge=1, le=config.BULK_ITEMS_MAX)] = 50
    documents: bool = False
    message: Version = NEWER


class DocumentQuery(msgspec.Struct, forbid_unknown_fields=True):
    """In which version of pacs.008: the one that travels between countries, or the one that domestic systems read."""

    message: Version = NEWER


async def pull(call: Call) -> list[Credit]:
    """Credits that wait for the caller's word; ``Prefer: wait=20`` waits for one."""
    query: CreditQuery = call.query
    return await _waiting(call, query.limit, query.message if query.documents else None)


async def answer_many(call: Call) -> Counter:
    """Answer many credits and get the next ones, in one request."""
    body: Words = call.body
    server = call.server
    waiting = [
        (one, server.submit(command(call, one.kind, one.body, one.case_id, key=""))) for one in commands(body.words)
    ]
    answers = [_refused(at, word, NOT_IN_TABLE, "it is said twice") for at, word in enumerate(body.words)]
    for given, future in waiting:
        outcome = await future
        if given.kind == "answer-bulk":
            told = _told(call, {at: body.words[at] for at in given.places}, outcome)
            for at, answer in zip(given.places, told, strict=True):
                answers[at] = answer
            continue
        (at,) = given.places
        word = body.words[at]
        said_so = _repeated(call, word.id, word.reason, ordered(outcome))
        if isinstance(said_so, Ordered):
            server.till.answered(call.party.address, word.id)
            answers[at] = said_so
        else:
            answers[at] = _refused(at, word, said_so.code, said_so.detail, transient=problem_of(said_so).transient)
    found = await _waiting(call, body.limit, body.message if body.documents else None) if body.limit else []
    return Counter(answers, found)


def _told(call: Call, words: dict[int, Word], outcome: Any) -> list[Ordered]:
    """What became of each word on a payment of one bulk, by its place among all words."""
    case_id = split_id(next(iter(words.values())).id)[0]
    taken = ""
    if isinstance(outcome, Accepted):
        refused, taken = dict(outcome.answer["refused"]), outcome.answer["taken"]
    elif isinstance(outcome, Refusal) and outcome.code == NOT_IN_TABLE:
        refused = {split_id(word.id)[1]: NOT_IN_TABLE for word in words.values()}
    else:
        passes = problem_of(outcome).transient
        return [_refused(at, word, outcome.code, outcome.detail, transient=passes) for at, word in words.items()]
    bulk = own_record(call, case_id, Bulk)[1] if refused else None
    return [_told_one(at, word, refused.get(split_id(word.id)[1]), bulk, taken) for at, word in words.items()]


def _told_one(at: int, word: Word, code: str | None, bulk: Bulk | None, taken: str) -> Ordered:
    if code is None or bulk is None:
        return Ordered(word.id, "refused" if word.reason else taken)
    entry = entry_of(bulk, split_id(word.id)[1])
    if isinstance(entry, Refusal):
        return _refused(at, word, code, entry.detail)
    if entry.state == "refused" and entry.reason == word.reason if word.reason else entry.state in TAKEN:
        return Ordered(word.id, entry.state, entry.uetr, repeated=True)
    over = code == PaymentRefusal.TOO_LATE.code
    detail = "the time to accept it is over" if over else f"the payment is {entry.state} and does not wait for this"
    return _refused(at, word, code, detail, entry.uetr)


def _refused(at: int, word: Word, code: str, detail: str, uetr: str = "", *, transient: bool = False) -> Ordered:
    """A word that was not taken: which, on which payment, and why."""
    return Ordered(id=word.id, uetr=uetr, code=code, detail=detail, pointer=f"/words/{at}/id", transient=transient)


async def _waiting(call: Call, limit: int, version: Version | None) -> list[Credit]:
    server, bank = call.server, call.party.address
    left_s, clock = preferred_wait_s(call), server.gateway.clock
    until_s = clock.monotonic_s() + left_s
    while True:
        found = list(islice(_bearable(_credits(call, server.till.credits(bank), version)), limit))
        left_s = until_s - clock.monotonic_s()
        if found or left_s <= 0 or not await server.changed(left_s):
            return found


def _bearable(credits_: Iterator[Credit]) -> Iterator[Credit]:
    """Credits until their documents are too much for one answer; the first is never."""
    told = 0
    for one in credits_:
        told += len(one.document)
        if told > DOCUMENTS_BYTES_MAX and told > len(one.document):
            return
        yield one


def _credits(call: Call, ids: list[str], version: Version | None) -> Iterator[Credit]:
    server, site = call.server, call.server.gateway.engine.site
    for start in range(0, len(ids), config.BULK_ITEMS_MAX):
        part = ids[start : start + config.BULK_ITEMS_MAX]
        cases = site.recent.find(part, server.store, site.decode_case)
        for case_id in part:
            held = cases.get(case_id)
            if held is None or held[1].state not in {ASKED, BULK_ASKED}:
                server.till.answered(call.party.address, case_id)
            else:
                yield from waiting_credits(server.gateway, held[1], version)


async def document(call: Call) -> Response:
    """The pacs.008 as the payer's bank gave it, or, for a domestic system, in the older version, with nothing lost.

    Raises:
        MalformedError: ``not_found``; ``not_in_version``: something in it has no place in that version.
        ForbiddenError: ``not_allowed``: an FX provider asks.
    """
    row, number, _ = written_payment(call, call.request.path_params["id"])
    found = order_document(call.server.gateway.engine, row.id, number)
    query: DocumentQuery = call.query
    return Response(given_in(found, query.message), media_type=XML_MEDIA_TYPE)


async def confirm(call: Call) -> Ordered | DarwazaError | Refusal:
    """Accept a credit."""
    case_id = call.request.path_params["id"]
    if split_id(case_id)[1]:
        return await _say_of_bulk(call, Word(case_id))
    return _repeated(call, case_id, None, await submit(call, "confirm", payments.Confirm(), case_id))


async def reject(call: Call) -> Ordered | DarwazaError | Refusal:
    """Refuse a credit."""
    case_id, body = call.request.path_params["id"], call.body
    if split_id(case_id)[1]:
        return await _say_of_bulk(call, Word(case_id, body.reason, body.detail))
    return _repeated(call, case_id, body.reason, await submit(call, "reject", body, case_id))


async def _say_of_bulk(call: Call, word: Word) -> Ordered | Refusal:
    (given,) = commands([word])
    outcome = await call.server.submit(command(call, given.kind, given.body, given.case_id, key=""))
    (answer,) = _told(call, {0: word}, outcome)
    if answer.code:
        return Refusal(answer.code, f"{word.id}: {answer.detail}", transient=answer.transient)
    return answer


def _repeated(
    call: Call, case_id: str, reason: str | None, answer: Ordered | DarwazaError | Refusal
) -> Ordered | DarwazaError | Refusal:
    """A bank that did not hear whether its word was taken says it again: the same word is answered as before."""
    if not isinstance(answer, Refusal) or answer.code != NOT_IN_TABLE:
        return answer
    row, payment = own_record(call, case_id, Payment)
    same = row.state in TAKEN if reason is None else row.state == "refused" and payment.reason == reason
    return Ordered(row.id, row.state, payment.uetr, repeated=True) if same else answer


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        method="GET",
        path="/v1/payments/credits",
        headers=("prefer",),
        handler=pull,
        summary="Credits that wait for your word",
        tag=TAG,
        query=CreditQuery,
        answer=list[Credit],
    ),
    Endpoint(
        method="POST",
        path="/v1/payments/credits",
        headers=("prefer",),
        handler=answer_many,
        summary=f"Answer up to {config.BULK_ITEMS_MAX} credits and get the next ones in one request",
        tag=TAG,
        body=Words,
        body_bytes_max=config.BULK_ITEMS_MAX * 300,
        answer=Counter,
    ),
    Endpoint(
        method="GET",
        path="/v1/payments/{id}/document",
        handler=document,
        summary="The payment's pacs.008, byte for byte, or in the version of domestic systems",
        tag=TAG,
        query=DocumentQuery,
        media_type=XML_MEDIA_TYPE,
    ),
    Endpoint(
        method="POST",
        path="/v1/payments/{id}/confirm",
        handler=confirm,
        summary="Accept a credit",
        tag=TAG,
        answer=Ordered,
    ),
    Endpoint(
        method="POST",
        path="/v1/payments/{id}/reject",
        handler=reject,
        summary="Refuse a credit, with a reason of ISO 20022",
        tag=TAG,
        body=payments.Reject,
        answer=Ordered,
    ),
)
