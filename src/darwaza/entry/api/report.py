"""What a gateway's payments come to: statements, net positions, their settlement, key figures.

Everything is computed from what is committed when it is asked for, page by page, so that payments go on meanwhile.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.responses import Response

from darwaza.engine.ledger import account_from, read_statement
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.iso import wants_xml
from darwaza.entry.api.market import AccountView, view_account
from darwaza.entry.api.payment import SERVICE, TAG
from darwaza.entry.view.payment import Money, money
from darwaza.errors import ForbiddenError, MalformedError
from darwaza.kernel import instant
from darwaza.kernel.message import member_of
from darwaza.ledger.account import Account
from darwaza.ledger.money import to_text
from darwaza.ledger.statement import Statement, StatementLine
from darwaza.ports.store import CaseFilter
from darwaza.services.payments import netting
from darwaza.services.payments.entry import BULK_STATES, entry_id, payments_of
from darwaza.services.payments.indicator import Indicators, Tallies
from darwaza.services.payments.message import XML_MEDIA_TYPE
from darwaza.services.payments.netting import CYCLE_S, DONE, Leg
from darwaza.services.payments.record import Bulk, Payment
from darwaza.services.payments.reversal import RETURN_WITHIN
from darwaza.services.payments.share import bulk_of
from darwaza.services.payments.statement import shares_of, write_notice, write_statement

LINES_MAX: Final = 5_000
"""Transfers one statement shows, or payments of bulks behind them; an older one is asked for by the number it begins
after."""
PAGE_CASES: Final = 500
UNDECIDED: Final = ("sent", "unknown", "checking", "screened", "asked", "accepted")
"""States of a payment, at either gateway, that may still be credited in the cycle its answer was due in."""
ORDERED_WITHIN: Final = timedelta(hours=1)
"""A payment's answer is due so soon after its quote."""
WINDOW_MAX: Final = timedelta(days=31)
CYCLE_MAX: Final = 70_000_000
"""The highest cycle that can be asked for: in the year 9955, shortly before no instant can be written any more."""


class StatementQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which statement.

    Attributes:
        account: id of one of the caller's accounts.
        after: only transfers with a higher sequence.
        number: of the statement in camt.053, 1 and up.
    """

    account: Annotated[str, Meta(max_length=200)]
    after: Annotated[int, Meta(ge=0)] = 0
    number: Annotated[int, Meta(ge=1, le=10**9)] = 1


class ShareView(msgspec.Struct):
    """One payment of a bulk behind a line.

    Attributes:
        id: of the payment.
        uetr: of the payment.
        reference: the payer's.
        amount: what of the line's is its own, with a sign.
    """

    id: str
    uetr: str
    reference: str
    amount: str


class LineView(msgspec.Struct, omit_defaults=True):
    """One transfer on an account.

    Attributes:
        sequence: of the transfer in the gateway's ledger, rising.
        at: when.
        phase: ``move``, ``hold``, ``post``, ``void`` or ``expire``.
        amount: what it added to what is booked, with a sign; 0 for a hold and its release.
        booked: balance after it.
        available: balance after it, less what is held.
        reference: the payer's.
        payment: its id, or that of a bulk.
        payments: of a bulk that moved it.
    """

    sequence: int
    at: str
    phase: str
    amount: str
    booked: str
    available: str
    reference: str = ""
    payment: str = ""
    payments: list[ShareView] = []


class StatementView(msgspec.Struct):
    """An account over a stretch of the ledger.

    Attributes:
        account: as it stands now.
        opening: booked before the first line.
        closing: booked after the last.
        lines: oldest first.
    """

    account: AccountView
    opening: Money
    closing: Money
    lines: list[LineView]


class PositionQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which settlement cycle; the last complete one when none is named."""

    cycle: Annotated[int, Meta(ge=0, le=CYCLE_MAX)] | None = None


class PositionView(msgspec.Struct, omit_defaults=True):
    """A net debt.

    Attributes:
        debtor: member that owes.
        creditor: member that is owed.
        net: how much.
        instruction: the pacs.009 that settles it; not while payments between the two are undecided.
    """

    debtor: str
    creditor: str
    net: Money
    instruction: str = ""


class CycleView(msgspec.Struct):
    """Net positions of one settlement cycle, from the payments the caller may see.

    Attributes:
        cycle: its number, counted in cycles from 1970.
        since: its begin.
        until: its end.
        payments: payments and returns that stand in it.
        bilateral: who owes whom, by pair and currency.
        multilateral: what each member gets or, with a minus sign, owes; every currency sums to zero.
        settlement: fewest debts that settle the multilateral positions.
        undecided: members with which payments of the cycle have not ended: what is owed between them may still change,
            and is not instructed yet.
    """

    cycle: int
    since: str
    until: str
    payments: int
    bilateral: list[PositionView]
    multilateral: dict[str, list[Money]]
    settlement: list[PositionView]
    undecided: list[str] = []


class IndicatorQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Payments ordered in which time: RFC 3339; the last day when nothing is named."""

    since: datetime | None = None
    before: datetime | None = None


class IndicatorView(msgspec.Struct):
    """Key figures of a corridor, and whether it meets the G20 targets, which is null where nothing was credited.

    They are a cost of at most 3 %, and credits within an hour for 75 %, within a day for all.
    """

    figures: Indicators
    meets_targets: bool | None


# --- statements ---


async def statement(call: Call) -> StatementView | Response:
    """A statement of one of the caller's accounts, as JSON or camt.053."""
    account, said, bulks = _statement(call, call.query)
    if not wants_xml(call):
        return _statement_view(account, said, bulks)
    first = said.lines[0].transfer.applied_at if said.lines else account.opened_at
    now = call.server.gateway.clock.now()
    body = write_statement(account, said, number=call.query.number, since=first, now=now, bulks=bulks)
    return Response(body, media_type=XML_MEDIA_TYPE)


async def notice(call: Call) -> Response:
    """Entries of one of the caller's accounts since a sequence, as camt.054; no content when there are none."""
    account, said, bulks = _statement(call, call.query)
    if not any(line.posted_minor for line in said.lines):
        return Response(status_code=HTTPStatus.NO_CONTENT.value)
    body = write_notice(account, said, now=call.server.gateway.clock.now(), bulks=bulks)
    return Response(body, media_type=XML_MEDIA_TYPE)


def _statement(call: Call, query: StatementQuery) -> tuple[Account, Statement, dict[str, Bulk]]:
    store = call.server.store
    rows = store.accounts([query.account])
    if not rows or rows[0][0].owner != call.party.address:
        raise MalformedError("you have no such account", code="not_found", pointer="/account")
    said = read_statement(store, query.account, query.after, lines_max=LINES_MAX)
    if said is None:
        raise MalformedError("you have no such account", code="not_found", pointer="/account")
    bulks = _bulks(call, said)
    return account_from(*rows[0]), _newest(said, bulks), bulks


def _bulks(call: Call, said: Statement) -> dict[str, Bulk]:
    """The bulks that moved money in a statement, by the id of their case."""
    wanted = {bulk_of(line.transfer.id) for line in said.lines if line.posted_minor} - {""}
    found = call.server.store.cases(sorted(wanted)).items()
    cases = {case_id: call.server.gateway.engine.site.decode_case(row).data for case_id, row in found}
    return {case_id: data for case_id, data in cases.items() if isinstance(data, Bulk)}


def _newest(said: Statement, bulks: dict[str, Bulk]) -> Statement:
    """A statement with so many of its newest lines that what stands behind them has its limit too."""
    shown = 0
    for at in range(len(said.lines) - 1, -1, -1):
        shown += len(shares_of(said.lines[at], bulks)) or 1
        if shown > LINES_MAX and at + 1 < len(said.lines):
            return msgspec.structs.replace(said, opening=said.lines[at].balance, lines=said.lines[at + 1 :])
    return said


def _statement_view(account: Account, said: Statement, bulks: dict[str, Bulk]) -> StatementView:
    asset = account.asset

    def behind(line: StatementLine) -> list[ShareView]:
        case_id, sign = line.transfer.case_id or "", 1 if line.posted_minor > 0 else -1
        return [
            ShareView(
                entry_id(case_id, one.number),
                one.entry.uetr,
                one.entry.end_to_end,
                to_text(sign * one.amount_minor, asset),
            )
            for one in shares_of(line, bulks)
        ]

    lines = [
        LineView(
            sequence=line.transfer.sequence,
            at=instant.to_text(line.transfer.applied_at),
            phase=line.transfer.phase.value,
            amount=to_text(line.posted_minor, asset),
            booked=to_text(line.balance.posted, asset),
            available=to_text(line.balance.available, asset),
            reference=line.transfer.reference or "",
            payment=line.transfer.case_id or "",
            payments=behind(line),
        )
        for line in said.lines
    ]
    opening, closing = money(said.opening.posted, asset), money(said.closing.posted, asset)
    return StatementView(view_account(account), opening, closing, lines)


# --- cycles and figures ---


def _banks(call: Call) -> list[str]:
    """Banks whose payments the caller's figures are made of: its own, or, for an operator, everybody's here."""
    gateway = call.server.gateway
    if gateway.directory.participant(call.party.address, "operator") is None:
        return [call.party.address]
    return _all_banks(call)


def _all_banks(call: Call) -> list[str]:
    gateway = call.server.gateway
    participants = gateway.directory.plan.participants
    return [one.address for one in participants if one.role == "psp" and one.member == gateway.config.member]


async def _payments(
    call: Call, banks: list[str], since: datetime, before: datetime, states: tuple[str, ...] = ()
) -> AsyncIterator[tuple[str, Payment]]:
    """Payments of banks that were opened in a time, each with its state; other work goes on between pages."""
    decode = call.server.gateway.engine.site.decode_case
    for bank in banks:
        after: tuple[str, str] | None = None
        while True:
            wanted = CaseFilter(
                party=bank,
                service=SERVICE,
                states=(*states, *BULK_STATES) if states else (),
                opened_from=instant.to_fine_text(since),
                opened_before=instant.to_fine_text(before),
                after=after,
                items_max=PAGE_CASES,
            )
            rows = call.server.store.find_cases(wanted)
            for row in rows:
                case = decode(row)
                for one in payments_of(case.state, case.data):
                    if not states or one[0] in states:
                        yield one
            if len(rows) < PAGE_CASES:
                break
            after = (rows[-1].opened_at, rows[-1].id)
            await asyncio.sleep(0)


async def _legs(call: Call, cycle: int) -> tuple[list[Leg], int]:
    """What a cycle is made of, summed by debtor, creditor and currency, and how many payments and returns that is."""
    directory = call.server.gateway.directory
    since = datetime.fromtimestamp(cycle * CYCLE_S, UTC)
    until, banks = since + timedelta(seconds=CYCLE_S), _banks(call)
    sums: Counter[tuple[str, str, str]] = Counter()
    count = 0
    recent = since - ORDERED_WITHIN, until
    older = recent[0] - RETURN_WITHIN, recent[0]
    for times, states in ((recent, tuple(DONE)), (older, ("returning", "returned", "given-back"))):
        async for state, payment in _payments(call, banks, *times, states):
            for leg in netting.legs(directory, [(state, payment)]):
                if leg.cycle == cycle:
                    sums[leg.debtor, leg.creditor, leg.currency] += leg.amount_minor
                    count += 1
    return [Leg(*key, amount_minor, cycle) for key, amount_minor in sums.items()], count


def _asked_cycle(call: Call) -> int:
    now = netting.cycle_of(call.server.gateway.clock.now())
    return now - 1 if call.query.cycle is None else int(call.query.cycle)


async def positions(call: Call) -> CycleView:
    """Net positions of a cycle."""
    return await _cycle(call, _asked_cycle(call), instruct=False)


async def settlements(call: Call) -> CycleView:
    """Net positions of a complete cycle, with the pacs.009 that settle them.

    Raises:
        ForbiddenError: ``not_allowed``.
        MalformedError: ``cycle_open``.
    """
    gateway, cycle = call.server.gateway, _asked_cycle(call)
    if gateway.directory.participant(call.party.address, "operator") is None:
        raise ForbiddenError("only a settlement operator settles", code="not_allowed")
    if cycle >= netting.cycle_of(gateway.clock.now()):
        raise MalformedError("the cycle has not ended yet", code="cycle_open", pointer="/cycle")
    return await _cycle(call, cycle, instruct=True)


async def _undecided(call: Call, cycle: int) -> set[str]:
    """Members with which a payment may still come to stand in a cycle, so that what is owed may change.

    One that cannot be reached for days keeps nobody else waiting.
    """
    since = datetime.fromtimestamp(cycle * CYCLE_S, UTC)
    times = since - ORDERED_WITHIN, since + timedelta(seconds=CYCLE_S)
    found: set[str] = set()
    async for _, payment in _payments(call, _banks(call), *times, UNDECIDED):
        if payment.answer_by is not None and netting.cycle_of(payment.answer_by) == cycle:
            found |= {member_of(payment.payer_bank), member_of(payment.payee_bank)}
    return found - {call.server.gateway.config.member}


async def _cycle(call: Call, cycle: int, *, instruct: bool) -> CycleView:
    gateway = call.server.gateway
    undecided = await _undecided(call, cycle)
    legs, count = await _legs(call, cycle)
    net = netting.multilateral(legs, cycle)
    since = datetime.fromtimestamp(cycle * CYCLE_S, UTC)
    until = since + timedelta(seconds=CYCLE_S)
    by_member: dict[str, list[Money]] = {}
    for (member, currency), minor in net.items():
        by_member.setdefault(member, []).append(_net(call, minor, currency))

    def show(position: netting.Position, *, instructed: bool) -> PositionView:
        # Dated by the cycle's end: whoever computes it, and whenever, writes the same instruction.
        known = instructed and not {position.debtor, position.creditor} & undecided
        body = netting.write_instruction(gateway.directory, position, cycle, until).decode() if known else ""
        debt = _net(call, position.amount_minor, position.currency)
        return PositionView(position.debtor, position.creditor, debt, body)

    return CycleView(
        cycle=cycle,
        since=instant.to_text(since),
        until=instant.to_text(until),
        payments=count,
        bilateral=[show(one, instructed=instruct) for one in netting.bilateral(legs, cycle)],
        multilateral=by_member,
        settlement=[show(one, instructed=False) for one in netting.settle(net)],
        undecided=sorted(undecided),
    )


def _net(call: Call, minor: int, currency: str) -> Money:
    assets = call.server.gateway.directory.currencies.values()
    return money(minor, next(asset for asset in assets if asset.code == currency))


async def figures(call: Call) -> list[IndicatorView]:
    """Time, cost and failures of every corridor that begins here, as the G20 targets define them."""
    query: IndicatorQuery = call.query
    before = call.server.gateway.clock.now() if query.before is None else instant.to_utc(query.before, "/before")
    if query.since is not None:
        since = instant.to_utc(query.since, "/since")
    else:
        since = max(before, instant.EPOCH) - timedelta(days=1)
    if not timedelta(0) < before - since <= WINDOW_MAX:
        raise MalformedError(f"a time of at most {WINDOW_MAX.days} days", code="query_malformed", pointer="/since")
    tallies = Tallies(call.server.gateway.directory)
    async for state, payment in _payments(call, _all_banks(call), since, before):
        tallies.add(state, payment)
    return [IndicatorView(one, one.meets_targets) for one in tallies.figures()]


def _get(
    path: str, handler: object, summary: str, query: type[msgspec.Struct], answer: object, also: str = "", **more: Any
) -> Endpoint:
    media_type = XML_MEDIA_TYPE if answer is None else "application/json"
    return Endpoint(
        method="GET",
        path=path,
        handler=handler,  # type: ignore[arg-type]
        summary=summary,
        tag=TAG,
        query=query,
        answer=answer,
        media_type=media_type,
        also=also,
        headers=("accept",) if also else None,
        **more,
    )


ENDPOINTS: Sequence[Endpoint] = (
    _get(
        "/v1/payments/statement",
        statement,
        "A statement of one of your accounts, as JSON or, by Accept, camt.053",
        StatementQuery,
        StatementView,
        XML_MEDIA_TYPE,
        refuses=(HTTPStatus.NOT_FOUND,),
    ),
    _get(
        "/v1/payments/notice",
        notice,
        "Entries of one of your accounts since a sequence: camt.054",
        StatementQuery,
        None,
        statuses=(HTTPStatus.NO_CONTENT,),
        refuses=(HTTPStatus.NOT_FOUND,),
    ),
    _get(
        "/v1/payments/positions",
        positions,
        "Net positions of a settlement cycle, from the payments you may see",
        PositionQuery,
        CycleView,
    ),
    _get(
        "/v1/payments/settlements",
        settlements,
        "Net positions of an ended cycle with the pacs.009 that settle them (settlement operators)",
        PositionQuery,
        CycleView,
    ),
    _get(
        "/v1/payments/indicators",
        figures,
        "Time, cost and failures of every corridor that begins here",
        IndicatorQuery,
        list[IndicatorView],
    ),
)
