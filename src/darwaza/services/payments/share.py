"""Which payments of a bulk a transfer was made for, and how much of it for each.

A bulk posts one sum for all payments that end in one decision. Whoever shows the transfer shows these behind it.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from darwaza.services.payments.entry import earned_minor, exchange_of
from darwaza.services.payments.record import Bulk, Entry


class Share(NamedTuple):
    """One payment behind a transfer.

    Attributes:
        number: of the payment in the bulk.
        entry: the payment.
        amount_minor: what of the transfer's amount is its own, > 0.
    """

    number: int
    entry: Entry
    amount_minor: int


_AT_SOURCE: Final[dict[str, Callable[[Entry], int]]] = {
    "debit-posted": lambda entry: exchange_of(entry).debit_minor,
    "fee": lambda entry: exchange_of(entry).source_fee_minor,
    "exchange": lambda entry: exchange_of(entry).source_minor - earned_minor(entry),
    "spread": earned_minor,
    "fx-posted": lambda entry: exchange_of(entry).destination_minor,
}
_AT_DESTINATION: Final[dict[str, Callable[[Entry], int]]] = {
    "fx-posted": lambda entry: exchange_of(entry).destination_minor,
    "fee": lambda entry: exchange_of(entry).destination_fee_minor,
    "credit": lambda entry: exchange_of(entry).credit_minor,
    "block": lambda entry: exchange_of(entry).destination_minor,
}
_FAILED: Final = frozenset({"rejected", "refused"})


def bulk_of(transfer_id: str) -> str:
    """The case of the bulk that made a transfer, for all or for one of its payments; "" for another transfer."""
    case_id, _, kind = transfer_id.partition("/")
    bulk_id, dot, _ = case_id.partition(".")
    return bulk_id if dot or "." in kind else ""


def shares(bulk: Bulk, transfer_id: str, amount_minor: int) -> list[Share]:
    """The payments behind a transfer that a bulk made.

    Args:
        bulk: as it is now.
        transfer_id: ``<case>/<kind>.<turn>`` for all that ended in a turn, ``<case>.<number>/<kind>`` for one alone.
        amount_minor: of the transfer.

    Returns:
        In the order of the document; they sum up to the amount. Nothing for a hold or its release.
    """
    case_id, _, name = transfer_id.partition("/")
    number = case_id.partition(".")[2]
    if number:
        return [Share(int(number), bulk.entries[int(number) - 1], amount_minor)] if amount_minor else []
    kind, _, turn = name.partition(".")
    amount = (_AT_DESTINATION if bulk.sent_at is None else _AT_SOURCE).get(kind)
    if amount is None:
        return []
    ended = int(turn) + 1
    return [
        Share(place, entry, minor)
        for place, entry in enumerate(bulk.entries, 1)
        if entry.turn == ended and entry.state not in _FAILED and (minor := amount(entry))
    ]
