"""Many payments in one pacs.008: those of one priority from one bank to another at one rate travel as one bulk.

Each payment is answered for itself, whichever way it goes.

While the link to a neighbour is down, a bulk that is too large for a relay goes as two. A document that is sent again
may be divided otherwise then: what was taken in another bulk is known there by its UETR and its bytes, as a payment is
that went in company.
"""

from asyncio import Future
from collections import deque
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec
from starlette.responses import Response

from darwaza import config
from darwaza.engine.intake import Accepted, Outcome, Submit
from darwaza.engine.routing import TOO_LARGE_TO_RELAY
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.iso import answer_bulk, answer_order, unread, wants_xml
from darwaza.entry.api.order import OrderQuery, newest, order_command, sent_before
from darwaza.entry.api.payment import TAG, Ordered, command, ordered
from darwaza.entry.api.problem import problem_of
from darwaza.errors import DarwazaError, MessageError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.refusal import TransferRefusal
from darwaza.services.payments import message as payments
from darwaza.services.payments.bulk import (
    BULK_NEAR_BYTES_MAX,
    BULK_RELAYED_BYTES_MAX,
    BULK_TRANSACTIONS_MAX,
    Part,
    fitting,
    pointer_in,
    split,
)
from darwaza.services.payments.check import TRANSACTION, Alike, alike, read_transfer
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.entry import entry_id
from darwaza.services.payments.market import market_id
from darwaza.services.payments.message import XML_MEDIA_TYPE
from darwaza.services.payments.state import SENT

BULK_BYTES_MAX: Final = config.REQUEST_BYTES_MAX
PASSING: Final = frozenset(one.code for one in (*PaymentRefusal, *TransferRefusal) if one.transient)


async def order_many(call: Call) -> list[Ordered] | Response | DarwazaError:
    """Take one pacs.008 with many payments; each is answered for itself, and one that is wrong stops no other."""
    try:
        answers = await order_all(call, call.body)
    except MessageError as fault:
        return answer_order(call, call.body, fault) if wants_xml(call) else fault
    return answer_bulk(call, call.body, answers) if wants_xml(call) else answers


async def order_all(call: Call, document: bytes) -> list[Ordered]:
    """Give the engine every payment of one pacs.008.

    Raises:
        MalformedError, TooLargeError: the whole cannot be read.
    """
    document = newest(document)
    parts = split(document)
    twice = _named_twice(parts)
    alone, together = _apart(parts, call.query, twice)
    documents = [part.document for part in parts]
    bulks = [one for of in together for one in fitting(documents, of, _bytes_max(call, parts[of[0] - 1]))]
    alone += [numbers[0] for numbers in bulks if len(numbers) == 1]
    bulks = [numbers for numbers in bulks if len(numbers) > 1]
    single = [(number, _submit_alone(call, parts[number - 1])) for number in alone]

    waiting = deque((numbers, _submit_bulk(call, parts, numbers)) for numbers in bulks)
    answers = [Ordered()] * len(parts)
    for number in twice:
        detail = "an earlier payment of the document has this UETR"
        duplicate = Refusal.of(PaymentRefusal.DUPLICATE, detail, TRANSACTION + "/PmtId/UETR")
        answers[number - 1] = _refused(duplicate, parts[number - 1].uetr)
    while waiting:
        numbers, future = waiting.popleft()
        outcome = await future
        if isinstance(outcome, Refusal) and outcome.code == TOO_LARGE_TO_RELAY and len(numbers) > 1:
            middle = len(numbers) // 2
            waiting += [(half, _submit_bulk(call, parts, half)) for half in (numbers[:middle], numbers[middle:])]
            continue
        found = _answers(call, outcome, [parts[number - 1] for number in numbers])
        went_alone = _went_alone(call, found)
        for number, answer in zip(numbers, found, strict=True):
            answers[number - 1] = answer
            # Others of the bulk do not wait for one that screening stops. A crash here leaves it unordered and
            # unanswered; the document sent again gets the bulk's stored answer and comes by here again.
            if answer.code == PaymentRefusal.GOES_ALONE.code or answer.uetr in went_alone:
                single.append((number, _submit_alone(call, parts[number - 1])))
    for number, future in single:
        answers[number - 1] = _alone(call, await future, parts[number - 1].uetr)
    return _pointing(answers)


def _pointing(answers: list[Ordered]) -> list[Ordered]:
    """The answers, with what they point at where it stands in the whole document."""
    for number, answer in enumerate(answers, 1):
        answer.pointer = pointer_in(answer.pointer, number)
    return answers


def _bytes_max(call: Call, part: Part) -> int:
    """How large a bulk to the bank of this payment may be.

    It is the same whatever the links are like just now: a document that is sent again is divided as before.
    """
    gateway = call.server.gateway
    bank = gateway.directory.bank(part.transfer.transactions[0].creditor_agent.bic)
    near = bank is not None and bank.member in gateway.engine.site.lanes
    return BULK_NEAR_BYTES_MAX if near else BULK_RELAYED_BYTES_MAX


def _submit_alone(call: Call, part: Part) -> Future[Outcome]:
    given = order_command(call, part.document, part.uetr, call.query, part.transfer)
    return call.server.submit(given, len(part.document))


def _alone(call: Call, outcome: Outcome, uetr: str) -> Ordered:
    """What became of a payment that went by itself."""
    answer = ordered(outcome, uetr)
    if not isinstance(answer, Ordered):
        return _refused(answer, uetr)
    if answer.repeated:
        answer.state = call.server.store.cases([answer.id])[answer.id].state
    return answer


def _refused(why: DarwazaError | Refusal, uetr: str) -> Ordered:
    problem = problem_of(why)
    return Ordered(
        uetr=uetr, code=problem.code, detail=problem.detail, pointer=problem.pointer, transient=problem.transient
    )


def _named_twice(parts: list[Part]) -> set[int]:
    """Numbers of the payments whose UETR an earlier one has; one that has none is refused by the rules."""
    first: dict[str, int] = {}
    return {
        number for number, part in enumerate(parts, 1) if part.uetr and first.setdefault(part.uetr, number) != number
    }


def _apart(parts: list[Part], query: OrderQuery, refused: set[int]) -> tuple[list[int], list[list[int]]]:
    """Numbers of the payments that go by themselves, and of those that go as bulks; some are ``refused`` already."""
    alone: list[int] = []
    bulks: dict[Alike, list[int]] = {}
    for number, part in enumerate(parts, 1):
        if number in refused:
            continue
        read_part = read_transfer(part.document, part.transfer)
        common = None if query.quote is not None or isinstance(read_part, Refusal) else alike(read_part)
        if common is None:
            alone.append(number)
        else:
            bulks.setdefault(common, []).append(number)
    return alone, list(bulks.values())


def _bulk_command(call: Call, parts: list[Part]) -> Submit:
    """The command a bulk is; the same payments again get the same answer."""
    bank = call.server.gateway.directory.bank(parts[0].transfer.transactions[0].creditor_agent.bic)
    market = market_id(call.server.gateway.config.member, "" if bank is None else bank.member)
    documents = tuple(part.document for part in parts)
    body = payments.RemitBulk(market, documents)
    key = "bulk " + sha256(b"".join(documents)).hexdigest()[:48]
    given = command(call, "remit-bulk", body, None, key=key)
    known = msgspec.structs.replace(body, transfers=tuple(part.transfer for part in parts))
    return msgspec.structs.replace(given, body=known)


def _submit_bulk(call: Call, parts: list[Part], numbers: list[int]) -> Future[Outcome]:
    together = [parts[number - 1] for number in numbers]
    return call.server.submit(_bulk_command(call, together), sum(len(part.document) for part in together))


def _answers(call: Call, outcome: Outcome, parts: list[Part]) -> list[Ordered]:
    """What became of each payment of a bulk that was submitted."""
    uetrs = [part.uetr for part in parts]
    if not isinstance(outcome, Accepted):
        return [_refused(outcome, uetr) for uetr in uetrs]
    refused = {
        uetr: Refusal(code, detail, pointer, code in PASSING)
        for uetr, code, detail, pointer in outcome.answer["refused"]
    }
    taken = [uetr for uetr in uetrs if uetr not in refused]
    again = {part.uetr: part.document for part in parts if _is_duplicate(refused.get(part.uetr))}
    before = {uetr: one for uetr, one in sent_before(call, again).items() if isinstance(one, Ordered)} if again else {}
    numbers = {uetr: number for number, uetr in enumerate(taken, 1)}
    states = dict.fromkeys(taken, SENT)
    if outcome.repeated:
        site, store = call.server.gateway.engine.site, call.server.store
        bulk = site.decode_case(store.cases([outcome.case_id])[outcome.case_id]).data
        states = {entry.uetr: entry.state for entry in bulk.entries}
    return [
        Ordered(entry_id(outcome.case_id, numbers[uetr]), states[uetr], uetr, repeated=outcome.repeated)
        if uetr in numbers
        else before.get(uetr) or _refused(refused[uetr], uetr)
        for uetr in uetrs
    ]


def _went_alone(call: Call, answers: list[Ordered]) -> set[str]:
    """UETRs of duplicates that were ordered by themselves before: their answers are stored under them."""
    bank = call.party.address
    taken = [(bank, answer.uetr) for answer in answers if answer.code == PaymentRefusal.DUPLICATE.code]
    return {key for _, key in call.server.store.answers(taken)} if taken else set()


def _is_duplicate(refused: Refusal | None) -> bool:
    return refused is not None and refused.code == PaymentRefusal.DUPLICATE.code


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        method="POST",
        path="/v1/payments/bulk",
        headers=("accept",),
        handler=order_many,
        also=XML_MEDIA_TYPE,
        summary=f"Order up to {BULK_TRANSACTIONS_MAX} payments in one pacs.008; each is answered for itself",
        tag=TAG,
        query=OrderQuery,
        body=bytes,
        body_bytes_max=BULK_BYTES_MAX,
        unread=unread,
        answer=list[Ordered],
    ),
)
