"""Orders of single payments: one pacs.008 in a request, and what has become of it.

They travel in company where they can (``entry.company``), and are answered as if each had come alone.

A pacs.008 goes in as it is. What comes back is JSON, or, for a caller that accepts ``application/xml``, ISO 20022 too:
pacs.002 with the status or the reason, admi.002 for what cannot be read. The stable code stands in a header either way.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from darwaza.engine.intake import Outcome, Submit
from darwaza.entry.api.document import idempotency_key, preferred_wait_s
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.iso import answer_order, unread, wants_xml
from darwaza.entry.api.payment import SERVICE, TAG, Ordered, command, ordered
from darwaza.entry.company import Fellow, way_of
from darwaza.entry.order import find_order
from darwaza.errors import ConflictError, DarwazaError, MalformedError, MessageError
from darwaza.kernel.machine import NOT_IN_TABLE, Refusal
from darwaza.kernel.message import MemberText, UuidText
from darwaza.services.payments import message as payments
from darwaza.services.payments.bulk import has_more_than_tags
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.entry import entry_id, one_of, split_id
from darwaza.services.payments.market import market_id
from darwaza.services.payments.message import XML_MEDIA_TYPE, read_bulk
from darwaza.services.payments.record import Bulk
from darwaza.services.payments.state import ORDERED
from darwaza.standards.iso20022.conversion import NEWER, OLDER, convert
from darwaza.standards.iso20022.document import DOCUMENT_BYTES_MAX
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.pacs008 import CreditTransfer
from darwaza.standards.iso20022.part import Message

NOTICE: Final = "payment."
"""A notice to the payer's bank is this and the state."""
_UETR = re.compile(rb"<(?:[\w.-]{1,32}:)?UETR>\s*([0-9a-f-]{36})\s*</", re.ASCII)
_BEFORE_NAME = 1 + 32 + 1
_QUOTE = re.compile(rb"<(?:[\w.-]{1,32}:)?QtId>\s*([0-9a-f-]{36})\s*</", re.ASCII)
_UUID = re.compile(r"[0-9a-f-]{36}", re.ASCII).fullmatch
_OLDER = OLDER.encode()
_HEAD_BYTES = 1_024


class OrderQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Where an order belongs; a gateway that is not told reads it in the document, which costs it a little.

    Attributes:
        quote: id of the accepted quote.
        to: member of the payee's bank, for a payment at a rate of the moment.
    """

    quote: UuidText | None = None
    to: MemberText | None = None


async def order(call: Call) -> Ordered | Response | DarwazaError | Refusal:
    """Take one pacs.008; ``Prefer: wait=20`` waits for the payment's end."""
    document: bytes = call.body
    answer = await order_one(call, document)
    wait_s = preferred_wait_s(call)
    if isinstance(answer, Ordered) and wait_s and answer.state in ORDERED:
        await _await_end(call, answer, wait_s)
    return answer_order(call, document, answer) if wants_xml(call) else answer


async def order_one(
    call: Call, document: bytes, known: CreditTransfer | None = None
) -> Ordered | DarwazaError | Refusal:
    """Give the engine one pacs.008 with one payment; what is sent again is answered with what it has become.

    It travels in company where it can (``entry.company``), else by itself. What it says, where that is ``known``, is
    read once.
    """
    try:
        newer = newest(document)
        known = known if newer is document else None
        document, known, own, query = newer, _read_if_unsure(newer, known), idempotency_key(call), call.query
        uetr = _uetr(document, known)
        if query.quote is None and query.to is None:
            query = OrderQuery(quote=_quote_named(document, known))
        fellow = None
        if query.quote is None:
            known = _read(document) if known is None else known
            fellow = None if own or known is None else _fellow(call, document, uetr, query, known)
        joined = None if fellow is None else call.server.company.join(fellow)
        outcome: Outcome = None if joined is None else await joined
        if outcome is not None:
            return _ordered(call, outcome, uetr, uetr, document)
        # A key of its own may be the name of another payment that went in company: that is no refusal below.
        before = _sent_before(call, own, document)
        if before is not None:
            return before
        given = order_command(call, document, own or uetr, query, known)
        answer = _ordered(call, await call.server.submit(given, len(document)), own or uetr, uetr, document)
    except MessageError as fault:
        return fault
    if isinstance(answer, Refusal) and answer.code == NOT_IN_TABLE and given.case_id is not None:
        return _unusable(call, given.case_id, answer)
    return answer


def _ordered(call: Call, outcome: Outcome, key: str, uetr: str, document: bytes) -> Ordered | DarwazaError | Refusal:
    """Word the outcome of an order; what is sent again is answered with what it has become."""
    answer = ordered(outcome, uetr)
    if isinstance(answer, Ordered) and answer.repeated:
        answer.state = call.server.store.cases([answer.id])[answer.id].state
    if isinstance(answer, Refusal):
        return _sent_before(call, key, document) or answer
    return answer


def _sent_before(call: Call, key: str, document: bytes) -> Ordered | ConflictError | None:
    """The answer to a payment that went in a bulk before; see ``sent_before``."""
    return sent_before(call, {key: document}).get(key) if key else None


def sent_before(call: Call, documents: Mapping[str, bytes]) -> dict[str, Ordered | ConflictError]:
    """The answers to payments that went in bulks before: their keys are names of the bulks, and none is stored.

    A bulk's order holds the documents, to compare; where that was forgotten there is no answer, as for any other UETR
    that was taken.

    Args:
        call: of the payments' bank.
        documents: by key.
    """
    engine = call.server.gateway.engine
    found: dict[str, Ordered | ConflictError] = {}
    of_case: dict[str, list[str]] = {}
    for key, case_id in engine.store.named(list(documents)).items():
        of_case.setdefault(case_id, []).append(key)
    cases = engine.site.recent.find(list(of_case), engine.store, engine.site.decode_case)
    for case_id, keys in of_case.items():
        bulk = cases[case_id][1].data
        if not isinstance(bulk, Bulk) or bulk.payer_bank != call.party.address:
            continue
        try:
            header, body = find_order(engine, case_id)
            held = read_bulk(body)[1]
        except MessageError:
            continue
        numbers = {entry.uetr: number for number, entry in enumerate(bulk.entries, 1)}
        for key in keys:
            number = numbers[key]
            name, state = entry_id(case_id, number), bulk.entries[number - 1].state
            found[key] = (
                Ordered(name, state, key, message_ids=(header.id,), repeated=True)
                if held[number - 1] == documents[key]
                else ConflictError("this key was used for another request", code="key_reused")
            )
    return found


def _read(document: bytes) -> CreditTransfer | None:
    """What a document says; None where the rules have to say what is wrong with it."""
    try:
        transfer = read(document)
    except MessageError:
        return None
    return transfer if isinstance(transfer, CreditTransfer) else None


def _fellow(call: Call, document: bytes, uetr: str, query: OrderQuery, known: CreditTransfer) -> Fellow | None:
    """A payment at a rate of the moment that can travel with others, or None."""
    to = _member_of(call, known) if query.to is None else query.to
    if not uetr or not _goes_straight(call, to):
        return None
    market = market_id(call.server.gateway.config.member, to)
    way = way_of(document, known, call.party.address, call.party.roles, market)
    if way is None:
        return None
    return Fellow(way, uetr, document, known, lambda: order_command(call, document, uetr, OrderQuery(to=to), known))


def _goes_straight(call: Call, member: str) -> bool:
    """Whether messages to a member go over the link to it.

    What a relay carries is sealed as a whole, so the evidence of one payment could not be shown without the others.
    """
    site = call.server.gateway.engine.site
    return member in site.lanes and site.routing.is_open((site.member, member))


def _unusable(call: Call, case_id: str, refusal: Refusal) -> Refusal:
    """Why a quote cannot be paid under, in words of payments."""
    row = call.server.store.cases([case_id]).get(case_id)
    if row is None or row.service != SERVICE:
        return refusal
    if row.state == "expired":
        return Refusal.of(PaymentRefusal.QUOTE_EXPIRED, "the quote has expired")
    if row.state == "quoted":
        return Refusal.of(PaymentRefusal.QUOTE_OTHER, "no offer of the quote was accepted")
    return Refusal.of(PaymentRefusal.QUOTE_OTHER, "the quote was used for another payment")


async def _await_end(call: Call, answer: Ordered, wait_s: float) -> None:
    """Put the state a payment is in when it has ended, or the caller has waited long enough, into an answer.

    The state that the answer holds is the newest: between the commit, or for a repetition the look at the case, and
    here no batch has run that could hold the payment's end. The notice of the end is named after the state.
    """
    case_id, number = split_id(answer.id)
    name = answer.uetr if number else case_id
    kind = await call.server.till.ended(call.party.address, name, wait_s)
    answer.state = kind.removeprefix(NOTICE) if kind else _state(call, case_id, number)


def _state(call: Call, case_id: str, number: int) -> str:
    engine = call.server.gateway.engine
    case = engine.site.recent.find([case_id], engine.store, engine.site.decode_case)[case_id][1]
    return one_of(case.state, case.data, number)[0]


def newest(document: bytes) -> bytes:
    """A pacs.008 in the version that travels between countries.

    Raises:
        MalformedError, TooLargeError: one of the older version cannot be read.
    """
    # Only what is no tag can stand before a document's namespace for long.
    head = len(document) if has_more_than_tags(document) else _HEAD_BYTES
    return convert(document, NEWER) if document.find(_OLDER, 0, head) >= 0 else document


def _read_if_unsure(document: bytes, known: CreditTransfer | None) -> CreditTransfer | None:
    """What a document says, where its bytes alone do not tell whose payment it is, or it is ``known`` already.

    A tag may be spelled in many ways, and a comment, a section of characters or supplementary data may hold what looks
    like one. Who sends a payment again must be answered as before, however its document is spelled.
    """
    if known is not None:
        return known
    sure = (
        not has_more_than_tags(document)
        and b"SplmtryData" not in document
        and bool(_uetr(document))
        and (b"QtId" not in document or _quote_named(document) is not None)
    )
    return None if sure else _read(document)


def _uetr(document: bytes, known: CreditTransfer | None = None) -> str:
    if known is not None:
        return known.transactions[0].id.uetr or ""
    # A match starts at most this far before its name: looking for the name first skips what cannot match.
    named = document.find(b"UETR>")
    found = None if named < 0 else _UETR.search(document, max(named - _BEFORE_NAME, 0))
    return "" if found is None else found[1].decode("ascii")


def order_command(
    call: Call, document: bytes, key: str, query: OrderQuery, known: CreditTransfer | None = None
) -> Submit:
    """The command a pacs.008 is: under a quote, or at a rate of the moment.

    A payment's UETR is its idempotency key: the same document again gets the same answer. What it says, where that is
    ``known``, is read once.
    """
    quote, to = query.quote, query.to
    if quote is None and to is None:
        quote = _quote_named(document, known)
    if quote is not None:
        return command(call, "pay", payments.Pay(document), quote, key=key)
    if to is None:
        to = _member_of(call, known or read(document))
    remit = payments.Remit(market_id(call.server.gateway.config.member, to), document)
    given = command(call, "remit", remit, None, key=key)
    if known is None:
        return given
    return msgspec.structs.replace(given, body=msgspec.structs.replace(remit, transfer=known))


def _quote_named(document: bytes, known: CreditTransfer | None = None) -> str | None:
    """Id of the case of the quote that a document names; the rules hold it against all that the document says."""
    if known is not None:
        rate = known.transactions[0].agreed_rate
        quote_id = "" if rate is None else rate.quote_id or ""
        if _UUID(quote_id) is None:
            return None
    else:
        # Most name none: looking for the name alone costs a sixth of trying every tag.
        named = _QUOTE.search(document) if b"QtId>" in document else None
        if named is None:
            return None
        quote_id = named[1].decode("ascii")
    return f"{quote_id[:14]}7{quote_id[15:]}"  # in ISO 20022 messages it has another UUID version (``quote.quote_id``)


def _member_of(call: Call, transfer: Message) -> str:
    """Member of the payee's bank, "" for one the corridor's plan does not know.

    Raises:
        MalformedError: it is another message.
    """
    if not isinstance(transfer, CreditTransfer):
        raise MalformedError(f"{transfer.message} is no order", code="message_unsuitable", pointer="/")
    bank = call.server.gateway.directory.bank(transfer.transactions[0].creditor_agent.bic)
    return "" if bank is None else bank.member


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        method="POST",
        path="/v1/payments",
        statuses=(HTTPStatus.OK.value,),
        headers=("accept", "idempotency-key", "prefer"),
        handler=order,
        also=XML_MEDIA_TYPE,
        summary="Order a payment: a pacs.008.001.13 or .08 with one transaction",
        tag=TAG,
        query=OrderQuery,
        body=bytes,
        body_bytes_max=DOCUMENT_BYTES_MAX,
        unread=unread,
        answer=Ordered,
        status=HTTPStatus.CREATED.value,
    ),
)
