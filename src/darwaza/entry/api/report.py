"""What a gateway's payments come to: statements and key figures.

Everything is computed from what is committed when it is asked for, page by page, so that payments go on meanwhile.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.responses import Response

from darwaza.engine.ledger import account_from, statement_steps
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.iso import wants_xml
from darwaza.entry.api.market import AccountView, view_account
from darwaza.entry.api.payment import TAG
from darwaza.entry.settler import all_banks, payments_in
from darwaza.entry.view.payment import Money, money
from darwaza.errors import MalformedError
from darwaza.kernel import instant
from darwaza.ledger.account import Account
from darwaza.ledger.money import to_text
from darwaza.ledger.statement import Statement, StatementLine
from darwaza.services.payments.entry import entry_id
from darwaza.services.payments.indicator import Indicators, Tallies
from darwaza.services.payments.message import XML_MEDIA_TYPE
from darwaza.services.payments.record import Bulk
from darwaza.services.payments.share import bulk_of
from darwaza.services.payments.statement import shares_of, write_notice, write_statement

LINES_MAX: Final = 5_000
"""Transfers one statement shows, or payments of bulks behind them; older ones are asked for by the number they come
before."""
SEQUENCE_MAX: Final = 2**63 - 1
WINDOW_MAX: Final = timedelta(days=31)


class StatementQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which statement.

    Attributes:
        account: id of one of the caller's accounts.
        after: only transfers with a higher sequence.
        before: only transfers with a lower one: those before the first line of a statement that has ``earlier`` ones.
        number: of the statement in camt.053, 1 and up.
    """

    account: Annotated[str, Meta(max_length=200)]
    after: Annotated[int, Meta(ge=0, le=SEQUENCE_MAX)] = 0
    before: Annotated[int, Meta(ge=1, le=SEQUENCE_MAX)] | None = None
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
        opening_available: the same, less what was held.
        closing: booked after the last.
        closing_available: the same, less what was held.
        lines: oldest first.
        earlier: whether there are lines before these that were asked for too.
    """

    account: AccountView
    opening: Money
    opening_available: Money
    closing: Money
    closing_available: Money
    lines: list[LineView]
    earlier: bool


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
    account, said, bulks = await _statement(call, call.query)
    if not wants_xml(call):
        return _statement_view(account, said, bulks, earlier=_has_earlier(call, said))
    first = said.lines[0].transfer.applied_at if said.lines else account.opened_at
    last = said.lines[-1].transfer.applied_at if said.lines and call.query.before is not None else None
    now = last or call.server.gateway.clock.now()
    body = write_statement(account, said, number=call.query.number, since=first, now=now, bulks=bulks)
    return Response(body, media_type=XML_MEDIA_TYPE)


async def notice(call: Call) -> Response:
    """Entries of one of the caller's accounts since a sequence, as camt.054; no content when there are none."""
    account, said, bulks = await _statement(call, call.query)
    if not any(line.posted_minor for line in said.lines):
        return Response(status_code=HTTPStatus.NO_CONTENT.value)
    body = write_notice(account, said, now=call.server.gateway.clock.now(), bulks=bulks)
    return Response(body, media_type=XML_MEDIA_TYPE)


async def _statement(call: Call, query: StatementQuery) -> tuple[Account, Statement, dict[str, Bulk]]:
    store = call.server.store
    rows = store.accounts([query.account])
    if not rows or rows[0][0].owner != call.party.address:
        raise MalformedError("you have no such account", code="not_found", pointer="/account")
    said = None
    for step in statement_steps(store, query.account, query.after, query.before, lines_max=LINES_MAX):
        said = step
        await asyncio.sleep(0)
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


def _has_earlier(call: Call, said: Statement) -> bool:
    if not said.lines:
        return False
    older = call.server.store.history(said.account_id, said.lines[0].transfer.sequence, 1)
    return bool(older) and older[0].sequence > call.query.after


def _statement_view(account: Account, said: Statement, bulks: dict[str, Bulk], *, earlier: bool) -> StatementView:
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
    return StatementView(
        account=view_account(account),
        opening=money(said.opening.posted, asset),
        opening_available=money(said.opening.available, asset),
        closing=money(said.closing.posted, asset),
        closing_available=money(said.closing.available, asset),
        lines=lines,
        earlier=earlier,
    )


# --- figures ---


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
    gateway = call.server.gateway
    tallies = Tallies(gateway.directory)
    for page in payments_in(gateway.engine, all_banks(gateway.directory, gateway.config.member), since, before):
        for _, state, payment in page:
            tallies.add(state, payment)
        await asyncio.sleep(0)
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
        "/v1/payments/indicators",
        figures,
        "Time, cost and failures of every corridor that begins here",
        IndicatorQuery,
        list[IndicatorView],
    ),
)
