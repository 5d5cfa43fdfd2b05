"""The pool of trackers of an office: what it has, what is out. One case is one office's pool.

Trackers are scarce: in 2020 they ran out and in 2025 they were trapped behind a closed border. The count is the
ledger's (``booking``), so fitting one more than there are is refused in the transaction that would do it.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.kernel.machine import NEW, Case, Command, Context, Decision, Refusal, Service, Transition
from darwaza.ledger.order import Move, OpenAccount
from darwaza.services.transit import booking
from darwaza.services.transit.codes import ROLE_SUPERVISOR
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.guard import need_role
from darwaza.standards.etir.value import Body, OfficeId, Uuid

RUNNING = "running"


class Stock(Body, frozen=True):
    """Commands ``stock`` and ``retire``.

    Attributes:
        id: UUID of the delivery, so that the same one counts once.
        office: whose pool.
        count: pieces.
    """

    id: Uuid
    office: OfficeId
    count: Annotated[int, Meta(ge=1, le=100_000)]


class Pool(msgspec.Struct, frozen=True):
    """Data of a pool's case.

    Attributes:
        office: whose.
    """

    office: str


PoolCase = Case[Pool]


def tracker_service() -> Service:
    """Build the service of tracker pools."""
    table: Mapping[tuple[str, str], Transition] = {
        (NEW, "stock"): Transition(_stock, (RUNNING,)),
        (RUNNING, "stock"): Transition(_stock, (RUNNING,)),
        (RUNNING, "retire"): Transition(_retire, (RUNNING,)),
    }
    return Service("tracker-pool", Pool, table)


def _stock(case: PoolCase | None, command: Command, context: Context) -> Decision[Pool] | Refusal:
    """Trackers come in."""
    body: Stock = command.body
    wrong = _wrong(case, command, context)
    if wrong is not None:
        return wrong
    owner, pool = f"{context.member}/customs", booking.pool_account(body.office)
    world, out = f"trackers-bought:{context.member}", booking.away_account(body.office)
    orders = [
        OpenAccount(account, owner, booking.TRACKER, kind, floor, None)
        for account, kind, floor in ((world, "external", None), (pool, "trackers", 0), (out, "trackers", None))
        if context.ledger.account(account) is None
    ]
    move = Move(f"stock:{body.id}", world, pool, body.count)
    return Decision(RUNNING, Pool(body.office), transfers=(*orders, move), parties=(owner,))


def _retire(case: PoolCase, command: Command, context: Context) -> Decision[Pool] | Refusal:
    """Trackers go for good; only those that are in."""
    body: Stock = command.body
    wrong = _wrong(case, command, context)
    if wrong is not None:
        return wrong
    if (booking.available(context.ledger, booking.pool_account(body.office)) or 0) < body.count:
        return Refusal.of(No.TRACKERS_SHORT, f"{body.office} does not have {body.count} trackers in", "/count")
    move = Move(f"retire:{body.id}", booking.pool_account(body.office), f"trackers-bought:{context.member}", body.count)
    return Decision(RUNNING, case.data, transfers=(move,))


def _wrong(case: PoolCase | None, command: Command, context: Context) -> Refusal | None:
    """Check that a supervisor of the member speaks of this pool."""
    body: Stock = command.body
    missing = need_role(command, ROLE_SUPERVISOR)
    if missing is not None:
        return missing
    if body.office[:2] != context.member:
        return Refusal.of(No.NOT_AUTHORITY, f"{body.office} is not an office of {context.member}", "/office")
    if case is not None and case.data.office != body.office:
        return Refusal.of(No.OTHER_CASE, f"this pool is {case.data.office}'s", "/office")
    return None
