"""One payment of a bulk seen as a payment of its own, so that the same rules decide both (``fold``), and its end.

Its id is the case's, a full stop and its number: both gateways derive it, and no message needs it.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from darwaza.errors import MalformedError
from darwaza.kernel.machine import Notice, Refusal
from darwaza.ledger.exchange import Exchange
from darwaza.ledger.order import Hold, Post, TransferOrder, Void
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import OfBulk
from darwaza.services.payments.record import Bulk, Entry, Offer, Payment
from darwaza.services.payments.state import ORDERED, PROMISED, UNDECIDED, UNKNOWN

replace = msgspec.structs.replace
BULK_STATES: Final = ("bulk-sent", "bulk-unknown", "bulk-ended", "bulk-asked", "bulk-answered")
"""Of the case; each of its payments has one of its own."""
DETAIL_CHARS_MAX: Final = 105
"""Of the sentence why a payment of a bulk ended, and of who looked at it, as of a text in ISO 20022."""
HITS_KEPT_MAX: Final = 4
HIT_CHARS_MAX: Final = 200
"""What screening found of a payment of a bulk: so many sentences, each so long, so that a case stays small."""
ID_CHARS_MAX: Final = 36 + 1 + 4


def entry_id(case_id: str, number: int) -> str:
    """The id of a payment of a bulk."""
    return f"{case_id}.{number}"


def split_id(text: str) -> tuple[str, int]:
    """Case and number of an id; the number is 0 for a case of its own.

    Raises:
        MalformedError: ``not_found``.
    """
    case_id, dot, number = text.partition(".")
    if not dot:
        return text, 0
    if len(text) > ID_CHARS_MAX or not (number.isascii() and number.isdecimal()) or number.startswith("0"):
        raise MalformedError("there is no such payment", code="not_found")
    return case_id, int(number)


def command_on(number: int, kind: str, body: Any) -> tuple[str, Any]:
    """Kind and body of a command on a payment: as they are on one of its own (number 0), else on one of a bulk."""
    return (f"{kind}-one", OfBulk(number, body)) if number else (kind, body)


def exchange_of(entry: Entry) -> Exchange:
    """The amounts of a payment of a bulk."""
    return _exchange(entry.amounts)


def total_of(entries: Iterable[Entry]) -> Exchange:
    """What payments of a bulk come to, all together; nothing of none."""
    amounts = [entry.amounts for entry in entries]
    return _exchange([sum(column) for column in zip(*amounts, strict=True)] if amounts else (0,) * 6)


def _exchange(amounts: Sequence[int]) -> Exchange:
    debit, source_fee, source, destination, destination_fee, credit = amounts
    return Exchange(
        debit_minor=debit,
        source_fee_minor=source_fee,
        source_minor=source,
        destination_minor=destination,
        destination_fee_minor=destination_fee,
        credit_minor=credit,
    )


def amounts_of(exchange: Exchange) -> tuple[int, int, int, int, int, int]:
    """The amounts as an entry keeps them."""
    return (
        exchange.debit_minor,
        exchange.source_fee_minor,
        exchange.source_minor,
        exchange.destination_minor,
        exchange.destination_fee_minor,
        exchange.credit_minor,
    )


def earned_minor(entry: Entry) -> int:
    """What the FX provider earns over the mid rate, of what it gets; in the source currency."""
    return min(entry.spread_minor, exchange_of(entry).source_minor)


def payment_of(bulk: Bulk, entry: Entry) -> Payment:
    """A payment of a bulk as a payment of its own."""
    exchange = exchange_of(entry)
    effective = (exchange.credit_minor, exchange.debit_minor)
    return Payment(
        payer_bank=bulk.payer_bank,
        payee_bank=bulk.payee_bank,
        quoted_at=bulk.sent_at,
        chosen=Offer(bulk.provider, bulk.rate, exchange, entry.spread_minor, bulk.margin_ppm, effective),
        uetr=entry.uetr,
        message_id=entry.message_id or bulk.message_id,
        end_to_end=entry.end_to_end,
        urgent=bulk.urgent,
        sent_at=bulk.sent_at,
        answer_by=bulk.answer_by,
        decide_by=bulk.decide_by,
        hits=entry.hits,
        checks=entry.checks,
        reason=entry.reason,
        detail=entry.detail,
        market=bulk.market,
        recall_reason=entry.recall_reason,
        recall_answer=entry.recall_answer,
        refund_minor=entry.refund_minor,
        returned_at=entry.returned_at,
        ended_at=entry.ended_at,
    )


def one_of(state: str, data: Payment | Bulk, number: int) -> tuple[str, Payment]:
    """The state and the payment of a case: the one it is, or, of a bulk, the one of this number."""
    if isinstance(data, Payment):
        return state, data
    entry = data.entries[number - 1]
    return entry.state, payment_of(data, entry)


def concerns(bulk: Bulk, entry: Entry, address: str) -> bool:
    """Whether a payment of a bulk concerns an address that the bulk does: compliance sees only what screening found."""
    return address in (bulk.payer_bank, bulk.payee_bank, bulk.provider) or bool(entry.hits)


def payments_of(state: str, data: Any) -> Iterable[tuple[str, Payment]]:
    """Every payment of a case with its state: the one it is, or those of a bulk; none of another kind of case."""
    if isinstance(data, Payment):
        yield state, data
    elif isinstance(data, Bulk):
        for entry in data.entries:
            yield entry.state, payment_of(data, entry)


def cut(detail: str) -> str:
    """What a payment of a bulk keeps of the sentence why it ended, or of an officer's name."""
    return detail[:DETAIL_CHARS_MAX]


def kept_hits(hits: tuple[str, ...]) -> tuple[str, ...]:
    """What a payment of a bulk keeps of what screening found."""
    return tuple(hit[:HIT_CHARS_MAX] for hit in hits[:HITS_KEPT_MAX])


def names_of(data: Any) -> tuple[str, ...]:
    """What a case is found by besides its id: a bulk by the UETRs of its payments."""
    return tuple(entry.uetr for entry in data.entries) if isinstance(data, Bulk) else ()


def entry_of(bulk: Bulk, number: int) -> Entry | Refusal:
    """The payment of a number."""
    if not 0 < number <= len(bulk.entries):
        return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "the bulk has no payment of this number", "/number")
    return bulk.entries[number - 1]


def number_of(bulk: Bulk, uetr: str) -> int:
    """The number of the payment with a UETR; 0 for none."""
    return next((number for number, entry in enumerate(bulk.entries, 1) if entry.uetr == uetr), 0)


def with_entries(bulk: Bulk, changed: dict[int, Entry]) -> Bulk:
    """The bulk with other entries in the places of these numbers."""
    return replace(bulk, entries=tuple(changed.get(number, one) for number, one in enumerate(bulk.entries, 1)))


def asked_once_more(bulk: Bulk) -> Bulk:
    """The bulk when its payees' gateway is asked what has become of those that have not ended."""
    unanswered = {n: replace(one, state=UNKNOWN) for n, one in enumerate(bulk.entries, 1) if one.state in ORDERED}
    return with_entries(replace(bulk, asked=bulk.asked + 1), unanswered)


class End(NamedTuple):
    """How a payment of a bulk ends; or, of an urgent one, that its bank has accepted it, which is no end yet.

    Attributes:
        state: its next.
        reason: ISO 20022 status reason, or "".
        detail: one sentence for it, or "".
    """

    state: str
    reason: str = ""
    detail: str = ""


Ends = dict[int, End]
"""Of payments of a bulk that end, or are accepted, in one decision, by number."""


def end(bulk: Bulk, ends: Ends, now: datetime) -> tuple[Bulk, dict[int, Entry]]:
    """The bulk after these ends, and the payments that they change; its turns stay when none has ended."""
    turn = bulk.turns + any(one.state not in PROMISED for one in ends.values())
    changed = {
        number: replace(
            bulk.entries[number - 1],
            state=one.state,
            reason=one.reason,
            detail=cut(one.detail),
            ended_at=now,
            turn=turn,
        )
        if one.state not in PROMISED
        else replace(bulk.entries[number - 1], state=one.state, reason=one.reason, detail=cut(one.detail))
        for number, one in ends.items()
    }
    return with_entries(replace(bulk, turns=turn), changed), changed


def end_notices(bank: str, ended: Collection[Entry], states: tuple[str, ...]) -> tuple[Notice, ...]:
    """What a bank is told of its payments that have ended: one notice for each state."""
    return tuple(
        Notice(bank, f"payment.bulk-{state}", {"uetrs": [one.uetr for one in of]})
        for state in states
        if (of := [one for one in ended if one.state == state])
    )


def part_of_hold(
    case_id: str, name: str, turn: int, accounts: tuple[str, str], posted_minor: int, rest_minor: int, reference: str
) -> tuple[TransferOrder, ...]:
    """End what a bulk holds by posting a part, and hold on to what is left for payments that have not ended.

    Args:
        case_id: of the bulk.
        name: of the hold; its id is ``<case>/<name>.<turn>``.
        turn: of the hold that stands.
        accounts: debit and credit account of the hold.
        posted_minor: 0 when nothing is posted.
        rest_minor: 0 when no payment is left open.
        reference: for statements.
    """
    hold = f"{case_id}/{name}.{turn}"
    end: TransferOrder = (
        Post(f"{case_id}/{name}-posted.{turn}", hold, posted_minor, reference)
        if posted_minor
        else Void(f"{case_id}/{name}-freed.{turn}", hold)
    )
    if not rest_minor:
        return (end,)
    return end, Hold(f"{case_id}/{name}.{turn + 1}", *accounts, rest_minor, reference=reference, rest_of=hold)


def is_open(entry: Entry) -> bool:
    """Whether a payment of a bulk has not ended at its gateway."""
    return entry.state in UNDECIDED


def next_wake(bulk: Bulk, open_at: datetime | None) -> datetime | None:
    """When to look at a bulk: ``open_at`` for payments that have not ended, or when one that has asked for it."""
    wanted = [entry.wake_at for entry in bulk.entries if entry.wake_at is not None]
    if open_at is not None and any(map(is_open, bulk.entries)):
        wanted.append(open_at)
    return min(wanted, default=None)


_UETR: Final = re.compile(rb"<(?:[\w.-]{1,32}:)?OrgnlUETR>\s*([0-9a-f-]{36})\s*</", re.ASCII)


def number_in(bulk: Bulk, body: bytes) -> int:
    """The number of the payment that a document is about, by the UETR in it; 0 for none. Its rule reads it in full."""
    found = _UETR.search(body)
    return 0 if found is None else number_of(bulk, found[1].decode("ascii"))
