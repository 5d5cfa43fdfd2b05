"""Markets and money: rates, FX providers' funds, deposits and withdrawals, accounts."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from itertools import groupby
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from darwaza.engine.intake import PlaceOrders
from darwaza.engine.ledger import account_from, read_statement
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.payment import SERVICE, TAG, Ordered, need_operator, own_case, submit
from darwaza.entry.view.payment import Money, money
from darwaza.errors import DarwazaError
from darwaza.kernel import instant
from darwaza.kernel.machine import LedgerView, Notice, Refusal
from darwaza.kernel.message import AddressText, MemberText
from darwaza.ledger.account import Account
from darwaza.ledger.asset import Asset, asset_from_text
from darwaza.ledger.money import to_minor, to_text
from darwaza.ledger.statement import TrialBalance
from darwaza.ports.store import CaseFilter, CaseRow
from darwaza.services.payments import message as payments
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.deposit import DEPOSIT, WITHDRAWAL, book
from darwaza.services.payments.liquidity import position_notices
from darwaza.services.payments.market import OPEN, TIERS_MAX, market_id
from darwaza.services.payments.plan import external
from darwaza.services.payments.record import Board, Market, Tier

MARKETS_MAX: Final = 200
DEPOSITS_MAX: Final = 100_000


class TierBody(msgspec.Struct, forbid_unknown_fields=True):
    """A better rate for larger payments.

    Attributes:
        from_amount: decimal, in the source currency: from there on it holds.
        improvement_ppm: of the base rate; negative makes it worse.
    """

    from_amount: payments.AmountText
    improvement_ppm: int


class RateBody(msgspec.Struct, forbid_unknown_fields=True):
    """What an FX provider offers in a market.

    Attributes:
        rate: destination units per source unit, a decimal of at most 11 digits.
        valid_until: RFC 3339; after this instant it offers nothing.
        tiers: by what is exchanged at ``rate``, without the bank's fee, ascending; the last that is reached counts.
        improvements: further improvement in parts per million for a bank, by address.
    """

    rate: payments.AmountText
    valid_until: datetime
    tiers: Annotated[tuple[TierBody, ...], Meta(max_length=TIERS_MAX)] = ()
    improvements: dict[AddressText, int] = {}


class MarketView(msgspec.Struct, omit_defaults=True):
    """The rates from this member's currency to another's.

    Attributes:
        id: of its case, the same at every gateway.
        source: member code.
        destination: member code.
        source_currency: ISO 4217.
        destination_currency: ISO 4217.
        mid: the mid rate that margins are measured against.
        providers: how many FX providers have posted rates.
        boards: what FX providers have posted, by address: an operator sees all, an FX provider its own, banks none.
    """

    id: str
    source: str
    destination: str
    source_currency: str
    destination_currency: str
    mid: str | None = None
    providers: int = 0
    boards: dict[str, RateBody] = {}


class MarketBody(msgspec.Struct, forbid_unknown_fields=True):
    """See ``payments.OpenMarket``."""

    destination: MemberText
    mid: str | None = None


class AccountView(msgspec.Struct, omit_defaults=True):
    """An account and its balances.

    Attributes:
        id: text that tells what it is: ``position:PK/hbl:PKR``.
        kind: position, liquidity, fees, spread, in-transit or external.
        posted: what has been booked.
        available: posted, less what holds have promised away.
        floor: how far available may fall; absent for no bound.
    """

    id: str
    kind: str
    posted: Money
    available: Money
    floor: Money | None = None


class TotalView(msgspec.Struct):
    """What the accounts of one kind come to, in one currency.

    Attributes:
        kind: see ``AccountView``.
        accounts: how many.
        debits: booked in all.
        credits: booked in all.
        held_debits: promised away by holds that stand.
        held_credits: promised to them.
    """

    kind: str
    accounts: int
    debits: Money
    credits: Money
    held_debits: Money
    held_credits: Money


class TrialBalanceView(msgspec.Struct):
    """The whole ledger in one currency, at one moment: debits equal credits, or ``darwaza fsck`` has work to do.

    Attributes:
        balanced: whether debits equal credits, and held debits held credits.
        debits: booked, over all kinds.
        credits: booked, over all kinds.
        kinds: by name.
    """

    balanced: bool
    debits: Money
    credits: Money
    kinds: list[TotalView]


class MoneyBody(msgspec.Struct, forbid_unknown_fields=True):
    """Money that enters or leaves the gateway, as the settlement agent has told.

    Attributes:
        participant: whose position or liquidity it is.
        amount: decimal, in the member's currency.
        id: the settlement agent's reference; the same again changes nothing.
    """

    participant: AddressText
    amount: payments.AmountText
    id: Annotated[str, Meta(pattern=r"^[!-~]{1,64}$(?!\n)")]


class DepositView(msgspec.Struct):
    """Money that was booked.

    Attributes:
        kind: ``deposit`` or ``withdrawal``.
        participant: whose.
        amount: decimal, in the member's currency.
        reference: the settlement agent's.
        at: when.
    """

    kind: str
    participant: str
    amount: str
    reference: str
    at: str


class Booked(msgspec.Struct):
    """Money was booked.

    Attributes:
        account: where.
        available: there now.
    """

    account: str
    available: Money


# --- markets ---


async def open_market(call: Call) -> Ordered | DarwazaError | Refusal:
    """Open the one market to another member."""
    body: MarketBody = call.body
    member = call.server.gateway.config.member
    asked = payments.OpenMarket(body.destination, body.mid)
    return await submit(call, "open-market", asked, market_id(member, body.destination), opens=True)


async def markets(call: Call) -> list[MarketView]:
    """Markets of this gateway."""
    wanted = CaseFilter(party=call.party.address, service=SERVICE, states=(OPEN,), items_max=MARKETS_MAX)
    return [_view(call, row) for row in call.server.store.find_cases(wanted)]


async def market(call: Call) -> MarketView:
    """One market."""
    return _view(call, own_case(call, call.request.path_params["id"], Market))


def _view(call: Call, row: CaseRow) -> MarketView:
    gateway, asks = call.server.gateway, call.party.address
    held: Market = gateway.engine.site.decode_case(row).data
    everything = asks == held.operator
    currencies = gateway.directory.currencies
    boards = {
        address: _rate_body(board, currencies[held.source])
        for address, board in held.boards.items()
        if everything or address == asks
    }
    return MarketView(
        id=row.id,
        source=held.source,
        destination=held.destination,
        source_currency=currencies[held.source].code,
        destination_currency=currencies[held.destination].code,
        mid=held.mid,
        providers=len(held.boards),
        boards=boards,
    )


async def set_mid(call: Call) -> Ordered | DarwazaError | Refusal:
    """Say the rate that margins are measured against."""
    return await submit(call, "set-mid", call.body, call.request.path_params["id"])


async def post_rate(call: Call) -> Ordered | DarwazaError | Refusal:
    """Replace what the calling FX provider offers."""
    body: RateBody = call.body
    gateway = call.server.gateway
    asset = gateway.directory.currencies.get(gateway.config.member)
    if asset is None or body.valid_until.tzinfo is None:
        return Refusal.of(PaymentRefusal.TIME_WRONG, "an instant has its offset from UTC", "/valid_until")
    tiers = []
    for number, tier in enumerate(body.tiers):
        reached = to_minor(tier.from_amount, asset, f"/tiers/{number}/from_amount")
        if isinstance(reached, Refusal):
            return reached
        tiers.append(Tier(reached, tier.improvement_ppm))
    board = Board(body.rate, instant.to_utc(body.valid_until, "/valid_until"), tuple(tiers), dict(body.improvements))
    return await submit(call, "post-rate", payments.PostRate(board), call.request.path_params["id"])


def _rate_body(board: Board, asset: Asset) -> RateBody:
    tiers = tuple(TierBody(to_text(tier.from_minor, asset), tier.improvement_ppm) for tier in board.tiers)
    return RateBody(board.rate, board.valid_until, tiers, dict(board.improvements))


async def withdraw_rate(call: Call) -> Ordered | DarwazaError | Refusal:
    """Take the calling FX provider's rates down; accepted quotes stand."""
    return await submit(call, "withdraw-rate", payments.WithdrawRate(), call.request.path_params["id"])


# --- money ---


async def allocate(call: Call) -> Ordered | DarwazaError | Refusal:
    """Let another gateway spend so much of the calling FX provider's money."""
    return await submit(call, "allocate", call.body, None)


async def release_funds(call: Call) -> Ordered | DarwazaError | Refusal:
    """Give back what may be spent here and is not reserved."""
    return await submit(call, "release-funds", call.body, None)


async def deposit(call: Call) -> Booked | DarwazaError | Refusal:
    """Book money that a participant has paid in with the settlement agent."""
    return await _book(call, enters=True)


async def withdraw(call: Call) -> Booked | DarwazaError | Refusal:
    """Book money that a participant takes out through the settlement agent."""
    return await _book(call, enters=False)


async def _book(call: Call, *, enters: bool) -> Booked | DarwazaError | Refusal:
    body: MoneyBody = call.body
    directory, member = call.server.gateway.directory, call.server.gateway.config.member
    need_operator(call)
    kind = DEPOSIT if enters else WITHDRAWAL
    order = book(directory, member, kind, body.participant, body.amount, body.id)
    if isinstance(order, Refusal):
        return order

    def told(ledger: LedgerView) -> tuple[Notice, ...]:
        return () if enters else position_notices(directory, ledger, body.participant, order.amount_minor)

    outcome = await call.server.submit(PlaceOrders((order,), told))
    if isinstance(outcome, DarwazaError | Refusal):
        return outcome
    account = order.credit_account if enters else order.debit_account
    ((terms, totals),) = call.server.store.accounts([account])
    held = account_from(terms, totals)
    return Booked(account, money(held.balance.available, held.asset))


async def deposits(call: Call) -> list[DepositView]:
    """What was booked in and out, oldest first: the list to keep in case this gateway is lost."""
    need_operator(call)
    gateway = call.server.gateway
    asset = gateway.directory.currencies[gateway.config.member]
    said = read_statement(call.server.store, external(asset), lines_max=DEPOSITS_MAX)
    found = []
    for line in () if said is None else said.lines:
        kind, _, reference = line.transfer.id.partition(":")
        other = line.transfer.credit_account if kind == DEPOSIT else line.transfer.debit_account
        participant = other.split(":")[1]
        amount = to_text(line.transfer.amount_minor, asset)
        found.append(DepositView(kind, participant, amount, reference, instant.to_text(line.transfer.applied_at)))
    return found


async def accounts(call: Call) -> list[AccountView]:
    """Accounts of the caller, with their balances."""
    rows = call.server.store.owned_accounts(call.party.address)
    return [view_account(account_from(terms, totals)) for terms, totals in rows]


async def trial_balance(call: Call) -> list[TrialBalanceView]:
    """What all accounts of this gateway's ledger come to, by currency and kind."""
    need_operator(call)
    found = []
    for text, rows in groupby(call.server.store.account_totals(), key=lambda row: row.asset):
        asset, kinds = asset_from_text(text), list(rows)
        total = TrialBalance(
            sum(row.debits_posted for row in kinds),
            sum(row.credits_posted for row in kinds),
            sum(row.debits_pending for row in kinds),
            sum(row.credits_pending for row in kinds),
        )
        views = [
            TotalView(
                row.kind,
                row.accounts,
                money(row.debits_posted, asset),
                money(row.credits_posted, asset),
                money(row.debits_pending, asset),
                money(row.credits_pending, asset),
            )
            for row in kinds
        ]
        debits, credits_ = money(total.debits_posted, asset), money(total.credits_posted, asset)
        found.append(TrialBalanceView(total.balanced, debits, credits_, views))
    return found


def view_account(account: Account) -> AccountView:
    """Describe an account."""
    asset, balance = account.asset, account.balance
    floor = None if account.floor_minor is None else money(account.floor_minor, asset)
    return AccountView(account.id, account.kind, money(balance.posted, asset), money(balance.available, asset), floor)


def _command(path: str, handler: Any, summary: str, body: Any = None, status: int = HTTPStatus.OK.value) -> Endpoint:
    answer = Booked if body is MoneyBody else Ordered
    return Endpoint(
        method="POST",
        path=path,
        handler=handler,
        summary=summary,
        tag=TAG,
        body=body,
        answer=answer,
        status=status,
        headers=() if answer is Booked else None,
    )


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        method="GET",
        path="/v1/payments/markets",
        handler=markets,
        summary="Markets of this gateway; an FX provider sees its own rates only",
        tag=TAG,
        answer=list[MarketView],
    ),
    Endpoint(
        method="GET",
        path="/v1/payments/markets/{id}",
        handler=market,
        summary="One market",
        tag=TAG,
        answer=MarketView,
    ),
    Endpoint(
        method="GET",
        path="/v1/payments/accounts",
        handler=accounts,
        summary="Your accounts and balances",
        tag=TAG,
        answer=list[AccountView],
    ),
    Endpoint(
        method="GET",
        path="/v1/payments/trial-balance",
        handler=trial_balance,
        summary="What all accounts come to, by currency and kind (settlement operators)",
        tag=TAG,
        answer=list[TrialBalanceView],
    ),
    Endpoint(
        method="GET",
        path="/v1/payments/deposits",
        handler=deposits,
        summary="What was booked in and out: keep it, no neighbour can give it back (settlement operators)",
        tag=TAG,
        answer=list[DepositView],
    ),
    _command(
        "/v1/payments/markets",
        open_market,
        "Open the market to another member (settlement operators)",
        MarketBody,
        HTTPStatus.CREATED.value,
    ),
    _command("/v1/payments/markets/{id}/mid", set_mid, "Say the mid rate (settlement operators)", payments.SetMid),
    _command("/v1/payments/markets/{id}/rate", post_rate, "Replace your rates (FX providers)", RateBody),
    _command("/v1/payments/markets/{id}/withdraw", withdraw_rate, "Take your rates down (FX providers)"),
    _command("/v1/payments/funds/allocate", allocate, "Let another gateway spend your money", payments.Allocate),
    _command("/v1/payments/funds/release", release_funds, "Give back what may be spent here", payments.Release),
    _command("/v1/payments/deposits", deposit, "Book money paid in (settlement operators)", MoneyBody),
    _command("/v1/payments/withdrawals", withdraw, "Book money taken out (settlement operators)", MoneyBody),
)
