"""What the payments of a settlement cycle come to: net positions, and the instructions that settle them.

Positions are computed from what is committed when they are asked for, page by page, so that payments go on meanwhile.
They are what the caller's own payments come to, and change until all of them have ended. What is settled with a member
is what both gateways told one another in signed messages (``services.payments.cycle``), and does not change any more.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.payment import TAG, is_operator, need_operator
from darwaza.entry.settler import all_banks, count
from darwaza.entry.view.payment import Money, money
from darwaza.errors import MalformedError
from darwaza.kernel import instant
from darwaza.services.payments import netting
from darwaza.services.payments.cycle import AGREED, DIFFERS, OWN_AWAITED, THEIRS_AWAITED, UNLIKE, cycle_id
from darwaza.services.payments.netting import Leg, Position, Tally
from darwaza.services.payments.record import Cycle, Sums

CYCLE_MAX: Final = 70_000_000
"""The highest cycle that can be asked for: in the year 9955, shortly before no instant can be written any more."""


class PositionQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which settlement cycle; the last complete one when none is named."""

    cycle: Annotated[int, Meta(ge=0, le=CYCLE_MAX)] | None = None


class PositionView(msgspec.Struct, omit_defaults=True):
    """A net debt.

    Attributes:
        debtor: member that owes.
        creditor: member that is owed.
        net: how much.
        instruction: the pacs.009 that settles it; only when both gateways have told the same.
        waits_for: why there is none: ``own_sums_awaited`` until this gateway has told its sums, ``sums_awaited`` until
            the other has and can settle nothing more of the cycle, ``sums_differ`` when what it told is not what its
            messages came to here.
    """

    debtor: str
    creditor: str
    net: Money
    instruction: str = ""
    waits_for: str = ""


class SumView(msgspec.Struct):
    """What one gateway decided that a member owes another in a cycle.

    Attributes:
        debtor: member that owes.
        creditor: member that is owed.
        amount: of all payments or returns together.
        count: how many they are.
    """

    debtor: str
    creditor: str
    amount: Money
    count: int


class AgreementView(msgspec.Struct):
    """How far two gateways are with a cycle between them.

    Attributes:
        member: the other.
        waits_for: "" when both told the same; else see ``PositionView``.
        own: what this gateway told that it decided; null until it has.
        theirs: what the other told that it decided; null until it has.
        seen: what the other decided, by the messages that are here; null until compared.
    """

    member: str
    waits_for: str
    own: list[SumView] | None
    theirs: list[SumView] | None
    seen: list[SumView] | None


class CycleView(msgspec.Struct, omit_defaults=True):
    """Net positions of one settlement cycle, from the payments the caller may see.

    Attributes:
        member: whose gateway's view it is: of payments to it and from it, and of no others.
        cycle: its number, counted in cycles from 1970.
        since: its begin.
        until: its end.
        payments: payments and returns that stand in it.
        bilateral: who owes whom, by pair and currency.
        multilateral: what each member gets or, with a minus sign, owes, of these payments; every currency sums to zero.
            It is the position towards all of ``member`` alone: of another it holds what it has with ``member``.
        settlement: fewest debts that settle the multilateral positions.
        undecided: members with which payments of the cycle have not ended: what is owed between them may still change.
        agreements: how far each neighbour in the plan is with the cycle; for settlement operators.
    """

    member: str
    cycle: int
    since: str
    until: str
    payments: int
    bilateral: list[PositionView]
    multilateral: dict[str, list[Money]]
    settlement: list[PositionView]
    undecided: list[str]
    agreements: list[AgreementView] = []


def _asked_cycle(call: Call) -> int:
    gateway = call.server.gateway
    now = netting.cycle_of(gateway.directory, gateway.clock.now())
    return now - 1 if call.query.cycle is None else int(call.query.cycle)


async def positions(call: Call) -> CycleView:
    """Net positions of a cycle."""
    cycle = _asked_cycle(call)
    tally = await _tally(call, cycle)
    return _view(call, tally, tally.legs, {})


async def settlements(call: Call) -> CycleView:
    """Net positions of a complete cycle, with the pacs.009 that settle what both gateways have told.

    Raises:
        ForbiddenError: ``not_allowed``.
        MalformedError: ``cycle_open``.
    """
    need_operator(call)
    gateway, cycle = call.server.gateway, _asked_cycle(call)
    if not netting.has_ended(gateway.directory, cycle, gateway.clock.now()):
        raise MalformedError("the cycle has not ended yet", code="cycle_open", pointer="/cycle")
    tally = await _tally(call, cycle)
    closed = _closed(call, cycle)
    agreed = {peer for peer, (state, _) in closed.items() if state == AGREED}
    own = gateway.config.member
    # What both told counts, and nothing that came later; with the others it is what is known now.
    legs = [leg for leg in tally.legs if not {leg.debtor, leg.creditor} - {own} <= agreed]
    for peer in sorted(agreed):
        _, held = closed[peer]
        legs += netting.legs_of((*(held.own or ()), *(held.theirs or ())), cycle)
    return _view(call, tally, legs, closed)


async def _tally(call: Call, cycle: int) -> Tally:
    gateway = call.server.gateway
    banks = all_banks(gateway.directory, gateway.config.member) if is_operator(call) else [call.party.address]
    tally = Tally(gateway.directory, cycle)
    for _ in count(gateway.engine, gateway.directory, banks, tally):
        await asyncio.sleep(0)
    return tally


def _closed(call: Call, cycle: int) -> dict[str, tuple[str, Cycle]]:
    """The cycle with each neighbour of the plan: its state, "" before anything was told, and what was told."""
    gateway = call.server.gateway
    own, site = gateway.config.member, gateway.engine.site
    ids = {cycle_id(own, peer, cycle): peer for peer in gateway.directory.neighbours(own)}
    rows = call.server.store.cases(sorted(ids))
    found: dict[str, tuple[str, Cycle]] = {}
    for case_id, peer in ids.items():
        row = rows.get(case_id)
        found[peer] = ("", Cycle(number=cycle, peer=peer)) if row is None else (row.state, site.decode_case(row).data)
    return found


def _waits_for(state: str, held: Cycle) -> str:
    if state == AGREED:
        return ""
    if state == DIFFERS:
        return UNLIKE
    return OWN_AWAITED if held.own is None else THEIRS_AWAITED


def _view(call: Call, tally: Tally, legs: Sequence[Leg], closed: dict[str, tuple[str, Cycle]]) -> CycleView:
    directory, own, cycle = call.server.gateway.directory, call.server.gateway.config.member, tally.cycle
    waits = {peer: _waits_for(*found) for peer, found in closed.items()}
    until = netting.start_of(directory, cycle + 1)

    def show(position: Position) -> PositionView:
        debt = _money(call, position.amount_minor, position.currency)
        view = PositionView(position.debtor, position.creditor, debt)
        peer = position.creditor if position.debtor == own else position.debtor
        if peer in waits and not waits[peer]:
            # Dated by the cycle's end: whoever computes it, and whenever, writes the same instruction.
            view.instruction = netting.write_instruction(directory, position, cycle, until).decode()
        elif peer in waits:
            view.waits_for = waits[peer]
        return view

    def told(sums: Sums | None) -> list[SumView] | None:
        if sums is None:
            return None
        return [
            SumView(one.debtor, one.creditor, _money(call, one.amount_minor, one.currency), one.count) for one in sums
        ]

    net = netting.multilateral(legs, cycle)
    by_member: dict[str, list[Money]] = {}
    for (member, currency), minor in net.items():
        by_member.setdefault(member, []).append(_money(call, minor, currency))
    return CycleView(
        member=own,
        cycle=cycle,
        since=instant.to_text(netting.start_of(directory, cycle)),
        until=instant.to_text(until),
        payments=tally.count,
        bilateral=[show(one) for one in netting.bilateral(legs, cycle)],
        multilateral=by_member,
        settlement=[
            PositionView(one.debtor, one.creditor, _money(call, one.amount_minor, one.currency))
            for one in netting.settle(net)
        ],
        undecided=sorted({member for pair in tally.undecided for member in pair} - {own}),
        agreements=[
            AgreementView(peer, waits[peer], told(held.own), told(held.theirs), told(held.seen))
            for peer, (_, held) in sorted(closed.items())
        ],
    )


def _money(call: Call, minor: int, currency: str) -> Money:
    assets = call.server.gateway.directory.currencies.values()
    return money(minor, next(asset for asset in assets if asset.code == currency))


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        method="GET",
        path="/v1/payments/positions",
        handler=positions,
        summary="Net positions of a settlement cycle, from the payments you may see",
        tag=TAG,
        query=PositionQuery,
        answer=CycleView,
    ),
    Endpoint(
        method="GET",
        path="/v1/payments/settlements",
        handler=settlements,
        summary="Net positions of an ended cycle with the pacs.009 that settle them (settlement operators)",
        tag=TAG,
        query=PositionQuery,
        answer=CycleView,
    ),
)
