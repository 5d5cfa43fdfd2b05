"""Posting groups of orders: whole or not at all, in order, set-wise.

Each order sees the effect of all before it in the batch. What one order may do is decided in
``darwaza.ledger.judgement`` and ``darwaza.ledger.chart``; this module adds the all-or-none of a group, the memory of
final refusals, and the expiry of holds.

Example::

    book = Book(reader, now=batch_time, next_sequence=42)
    expire(store.holds_due(batch_time), book)
    answer = apply_group(Group((Hold("c1/hold", payer, transit, 10_000, deadline),), case_id="c1"), book)
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from darwaza.errors import TooLargeError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.account import Account
from darwaza.ledger.book import Book
from darwaza.ledger.chart import amend_account, close_account, open_account
from darwaza.ledger.judgement import due, judge_post, judge_transfer, judge_void, record_expiry
from darwaza.ledger.order import (
    BATCH_ORDERS_MAX,
    GROUP_ORDERS_MAX,
    AmendAccount,
    CloseAccount,
    Group,
    Hold,
    Move,
    OpenAccount,
    Post,
    TransferOrder,
    Void,
)
from darwaza.ledger.refusal import TransferRefusal
from darwaza.ledger.transfer import Phase, RefusedOrder, Transfer

Answer = tuple[Transfer | Account, ...] | Refusal
"""Of a group: for each order its transfer, new or stored, or its account; or the one refusal, whose ``pointer`` starts
with the position of the refused order in the group: ``/2/amount_minor``."""

# The rules take their own class of order, which a table keyed by that class cannot say in types.
_RULES: dict[type, Callable[[Any, str | None, Book], Transfer | Account | Refusal]] = {
    Move: judge_transfer,
    Hold: judge_transfer,
    Post: judge_post,
    Void: judge_void,
    OpenAccount: lambda order, _, book: open_account(order, book),
    AmendAccount: lambda order, _, book: amend_account(order, book),
    CloseAccount: lambda order, _, book: close_account(order, book),
}


def apply(batch: Sequence[Group], book: Book) -> list[Answer]:
    """Apply groups one after another; all they touch is loaded with at most three reads.

    Returns:
        One answer per group, in their order. A refused group has changed nothing; where its refused order asked for
        it, the refusal itself is remembered.

    Raises:
        TooLargeError: ``ledger_batch_too_large``, over ``BATCH_ORDERS_MAX`` orders in all; nothing was applied.
        ValueError: see ``apply_group``; the groups before stay applied in the book.
    """
    if sum(len(group.orders) for group in batch) > BATCH_ORDERS_MAX:
        raise TooLargeError(f"a ledger batch holds at most {BATCH_ORDERS_MAX} orders", code="ledger_batch_too_large")
    book.load([order for group in batch for order in group.orders])
    return [_apply_loaded(group, book) for group in batch]


def apply_group(group: Group, book: Book) -> Answer:
    """Apply one group, for an engine that decides input by input.

    Raises:
        ValueError: a fault of the rule that ordered: an amount that is not an ``int``, an expiry without a zone. The
            group is undone first.
    """
    book.load(group.orders)
    return _apply_loaded(group, book)


def expire(hold_ids: Iterable[str], book: Book) -> tuple[Transfer, ...]:
    """End those of these holds that are due and still stand, releasing all of each.

    The engine calls it at the start of a batch with the holds its store says are due (``expires_at <= book.now``). A
    hold that is unknown, has ended or is not due is passed over, so a repeated call changes nothing.

    Returns:
        The new expiries, in the order of ``hold_ids``.
    """
    ordered = tuple(hold_ids)
    book.load_holds(set(ordered))
    done = []
    for hold_id in ordered:
        hold = book.answer(hold_id)
        if isinstance(hold, Transfer) and hold.phase is Phase.HOLD and not book.end(hold_id) and due(hold, book.now):
            done.append(record_expiry(hold, book))
    return tuple(done)


def _apply_loaded(group: Group, book: Book) -> Answer:
    if len(group.orders) > GROUP_ORDERS_MAX:
        return Refusal.of(TransferRefusal.GROUP_TOO_LARGE, f"a group holds at most {GROUP_ORDERS_MAX} orders")
    savepoint = book.savepoint()
    done: list[Transfer | Account] = []
    refusal: Refusal | None = None
    try:
        for order in group.orders:
            answer = _RULES[type(order)](order, group.case_id, book)
            if type(answer) is Refusal:
                refusal = answer
                break
            done.append(answer)
    finally:
        # On an exception too: half a group must not stay in the book for the rest of the batch.
        if len(done) < len(group.orders):
            book.rollback(savepoint)
    return tuple(done) if refusal is None else _refused(group, len(done), refusal, book)


def _refused(group: Group, position: int, refusal: Refusal, book: Book) -> Refusal:
    """Remember the refusal if it is to be final, and point at the refused order."""
    order = group.orders[position]
    if (
        isinstance(order, TransferOrder)
        and order.refusal_final
        and refusal.transient
        and book.answer(order.id) is None  # otherwise it is remembered already
    ):
        book.remember(RefusedOrder(order, group.case_id, refusal, book.now))
    return msgspec.structs.replace(refusal, pointer=f"/{position}{refusal.pointer}")
