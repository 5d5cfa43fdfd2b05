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
from darwaza.standards.etir.value import SealMark

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
_RANK = {action: rank for rank, action in enumerate(("affixed", "checked", "broken", "replaced", "removed"))}
"""Order of steps that carry one instant: two of an officer's entries may fall into the same second."""

Fault = tuple[str, str, str]


def custody_chain(recorded: I7 | None, events: Sequence[Event]) -> tuple[tuple[Custody, ...], list[Fault]]:
    """Add up the seal events.

    Args:
        recorded: the acceptance with the seals of departure.
        events: sorted by instant and id.

    Returns:
        The chains in the order the seals were affixed; and faults as (code, event, sentence).
    """
    changes = [event for event in events if isinstance(event, SealChange)]
    faults: list[Fault] = []
    chains = _affixed(recorded, changes, faults)
    steps: dict[str, list[CustodyStep]] = {number: [chain.steps[0]] for number, chain in chains.items()}
    for event in sorted(changes, key=lambda item: (item.stamp.at, _RANK[item.action], item.stamp.event)):
        if event.action == "affixed":
            continue
        if event.number not in steps:
            faults.append(("seal-unknown", event.stamp.event, f"seal {event.number} was never affixed here"))
            continue
        steps[event.number].append(_step(event, event.action))
    return tuple(_with_steps(chain, steps[chain.number]) for chain in chains.values()), faults


def on_now(chains: Sequence[Custody]) -> tuple[str, ...]:
    """Return the numbers of the seals that are on the load and whole."""
    return tuple(chain.number for chain in chains if chain.status == INTACT)


def _affixed(recorded: I7 | None, changes: Sequence[SealChange], faults: list[Fault]) -> dict[str, Custody]:
    """Begin a chain for every seal that was ever put on; note a number that was put on twice."""
    chains: dict[str, Custody] = {}
    if recorded is not None:
        stamp = recorded.stamp
        for seal in recorded.seals:
            step = CustodyStep("affixed", stamp.office, stamp.officer, stamp.at, "", stamp.event)
            chains[seal.number] = Custody(seal.number, seal.kind, INTACT, (step,))
    for event in changes:
        put_on = event.replacement
        if event.action == "affixed":
            put_on = SealMark(event.number, put_on.kind if put_on is not None else "bolt")
        elif event.action != "replaced" or put_on is None:
            continue
        if put_on.number in chains:
            faults.append(("seal-repeated", event.stamp.event, f"seal {put_on.number} was affixed before"))
        else:
            chains[put_on.number] = Custody(put_on.number, put_on.kind, INTACT, (_step(event, "affixed"),))
    return chains


def _step(event: SealChange, action: str) -> CustodyStep:
    """Word one step."""
    stamp = event.stamp
    return CustodyStep(action, stamp.office, stamp.officer, stamp.at, event.reason, stamp.event)


def _with_steps(chain: Custody, steps: Sequence[CustodyStep]) -> Custody:
    """Complete a chain: a check does not mend a broken seal, everything else sets its status."""
    status = INTACT
    for step in steps:
        status = status if step.action == "checked" else _STATUS[step.action]
    return Custody(chain.number, chain.kind, status, tuple(steps))
