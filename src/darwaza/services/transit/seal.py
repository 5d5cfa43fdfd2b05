"""Custody chains: who affixed, checked, broke or replaced each seal, where, when and why.

A seal number is used once. Within a movement a repeated number is seen here; across movements the ledger's chart of
accounts holds each number (``booking.seal_account``), because two trucks under one number must be refused in the same
transaction that records the second.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from darwaza.services.transit.message import Event, SealChange
from darwaza.standards.etir.internal import I7

INTACT = "intact"
BROKEN = "broken"
REPLACED = "replaced"
REMOVED = "removed"


class CustodyStep(msgspec.Struct, frozen=True):
    """One step.

    Attributes:
        action: affixed, checked, broken, replaced or removed.
        office: where.
        officer: who.
        at: when.
        reason: why.
        event: UUID of the event that states it.
    """

    action: str
    office: str
    officer: str
    at: datetime
    reason: str
    event: str


class Custody(msgspec.Struct, frozen=True):
    """One seal.

    Attributes:
        number: of the seal.
        kind: of the seal.
        status: intact, broken, replaced or removed.
        steps: its chain, oldest first.
    """

    number: str
    kind: str
    status: str
    steps: tuple[CustodyStep, ...]


_STATUS = {"affixed": INTACT, "checked": INTACT, "broken": BROKEN, "replaced": REPLACED, "removed": REMOVED}


def custody_chain(
    recorded: I7 | None, events: Sequence[Event]
) -> tuple[tuple[Custody, ...], list[tuple[str, str, str]]]:
    """Add up the seal events.

    Args:
        recorded: the acceptance with the seals of departure.
        events: sorted by instant and id.

    Returns:
        The chains in the order the seals were affixed; and faults as (code, event, sentence).
    """
    chains: dict[str, Custody] = {}
    faults: list[tuple[str, str, str]] = []
    if recorded is not None:
        stamp = recorded.stamp
        for seal in recorded.seals:
            step = CustodyStep("affixed", stamp.office, stamp.officer, stamp.at, "", stamp.event)
            chains[seal.number] = Custody(seal.number, seal.kind, INTACT, (step,))
    for event in events:
        if isinstance(event, SealChange):
            _step(event, chains, faults)
    return tuple(chains.values()), faults


def on_now(chains: Sequence[Custody]) -> tuple[str, ...]:
    """Return the numbers of the seals that are on the load and whole."""
    return tuple(chain.number for chain in chains if chain.status == INTACT)


def _step(event: SealChange, chains: dict[str, Custody], faults: list[tuple[str, str, str]]) -> None:
    """Add one event to the chains."""
    stamp = event.stamp
    step = CustodyStep(event.action, stamp.office, stamp.officer, stamp.at, event.reason, stamp.event)
    if event.action == "affixed":
        kind = event.replacement.kind if event.replacement is not None else "bolt"
        _affix(event.number, kind, step, chains, faults)
        return
    chain = chains.get(event.number)
    if chain is None:
        faults.append(("seal-unknown", stamp.event, f"seal {event.number} was never affixed here"))
    else:
        # A check does not mend a broken seal.
        status = chain.status if event.action == "checked" else _STATUS[event.action]
        chains[event.number] = Custody(chain.number, chain.kind, status, (*chain.steps, step))
    if event.action == "replaced" and event.replacement is not None:
        _affix(event.replacement.number, event.replacement.kind, step, chains, faults)


def _affix(
    number: str, kind: str, step: CustodyStep, chains: dict[str, Custody], faults: list[tuple[str, str, str]]
) -> None:
    """Begin a chain, or note that the number stands twice."""
    if number in chains:
        faults.append(("seal-repeated", step.event, f"seal {number} was affixed before"))
        return
    affixed = CustodyStep("affixed", step.office, step.officer, step.at, step.reason, step.event)
    chains[number] = Custody(number, kind, INTACT, (affixed,))
