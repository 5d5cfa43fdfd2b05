"""Markets: what FX providers offer from one currency to another, and what an offer costs the payer."""

from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec

from darwaza.kernel.machine import Case, Command, Context, Decision, Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.exchange import Exchange
from darwaza.ledger.exchange import Terms as ExchangeTerms
from darwaza.ledger.money import to_minor
from darwaza.ledger.rate import Rate, margin_ppm, offered, rate_from_text, rate_to_text, to_source
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import Ask, OpenMarket, PostRate, SetMid
from darwaza.services.payments.plan import Corridor, Directory, Participant, abroad
from darwaza.services.payments.record import Board, Market, Offer

Outcome = Decision[Any] | Refusal
replace = msgspec.structs.replace
OPEN = "market-open"
_NAMES = UUID("b9f1c2a4-6c0e-5d3b-9a77-2f4b8f3d1e60")
"""Namespace of market ids (RFC 9562 section 5.5), chosen once for ever."""
_IDS_KEPT = 1_024
TIERS_MAX = 20
IMPROVEMENTS_MAX = 1_000


class MarketRules:
    """Rules of markets. A market is kept by its settlement operator; every PSP and FXP of its member may see it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def open(self, _: None, command: Command, context: Context) -> Outcome:
        """Open a market from the own member's currency to another's."""
        asked: OpenMarket = command.body
        if self._directory.participant(command.party, "operator") is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only a settlement operator opens a market")
        if self._directory.corridor(context.member, asked.destination) is None:
            return Refusal.of(
                PaymentRefusal.MARKET_UNKNOWN, f"there is no corridor to {asked.destination!r}", "/destination"
            )
        found = _rate(asked.mid)
        if isinstance(found, Refusal):
            return found
        participants = self._directory.plan.participants
        parties = tuple(one.address for one in participants if one.member == context.member)
        return Decision(OPEN, Market(context.member, asked.destination, command.party, asked.mid), parties=parties)

    def set_mid(self, case: Case[Market], command: Command, _: Context) -> Outcome:
        """Say the rate that margins are measured against."""
        asked: SetMid = command.body
        if command.party != case.data.operator:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the market's operator sets the mid rate")
        found = _rate(asked.mid)
        if isinstance(found, Refusal):
            return found
        return Decision(OPEN, replace(case.data, mid=asked.mid))

    def post_rate(self, case: Case[Market], command: Command, context: Context) -> Outcome:
        """Replace what an FXP offers."""
        asked: PostRate = command.body
        if self._directory.participant(command.party, "fxp") is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only an FX provider posts rates")
        problem = _board_problem(asked.board, context)
        if problem is not None:
            return problem
        return Decision(OPEN, replace(case.data, boards=case.data.boards | {command.party: asked.board}))

    def withdraw_rate(self, case: Case[Market], command: Command, _: Context) -> Outcome:
        """Take an FXP's rates down; accepted quotes stand."""
        if command.party not in case.data.boards:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "there is no rate of this party")
        boards = {address: board for address, board in case.data.boards.items() if address != command.party}
        return Decision(OPEN, replace(case.data, boards=boards))


@lru_cache(_IDS_KEPT)
def market_id(source: str, destination: str) -> str:
    """Id of the case of the one market from a member to another, the same at every gateway."""
    return str(uuid5(_NAMES, f"{source} {destination}"))


class Wanted(NamedTuple):
    """What offers are made for.

    Attributes:
        ask: the amount and who bears what.
        bank: address of the PSP that asks.
        payee: the payee's PSP, whose fee counts.
        corridor: the market's.
        rate: only offers at this rate count; None for all.
        provider: only this one's offer counts; "" for all.
    """

    ask: Ask
    bank: str
    payee: Participant
    corridor: Corridor
    rate: Decimal | None
    provider: str = ""


def offers(directory: Directory, market: Market, wanted: Wanted, context: Context) -> tuple[Offer, ...] | Refusal:
    """Every FXP's offer for what is wanted, best for the payer first; at least one."""
    ask = wanted.ask
    source, destination = directory.currencies[market.source], directory.currencies[market.destination]
    fixed, pointer = (source, "/amount") if ask.fixed == "source" else (destination, "/amount")
    amount, fee = to_minor(ask.amount, fixed, pointer), to_minor(ask.fee, source, "/fee")
    if isinstance(amount, Refusal):
        return amount
    if isinstance(fee, Refusal):
        return fee
    problem: Refusal | None = None
    found = []
    for provider, board in sorted(market.boards.items()):
        if board.valid_until <= context.now or (wanted.provider and provider != wanted.provider):
            continue
        offer = _offer(provider, board, (amount, fee), market, wanted, (source, destination))
        if isinstance(offer, Refusal):
            problem = offer
        elif _available(provider, market.destination, destination, context) >= offer.exchange.destination_minor:
            found.append(offer)
    if not found:
        return problem or Refusal.of(PaymentRefusal.NO_OFFER, "no FX provider offers this now", "/market")
    return tuple(sorted(found, key=lambda one: (one.exchange.debit_minor, -one.exchange.credit_minor, one.provider)))


def _offer(
    provider: str, board: Board, given: tuple[int, int], market: Market, wanted: Wanted, assets: tuple[Asset, Asset]
) -> Offer | Refusal:
    """One FXP's offer for an amount and a fee."""
    ask, (amount, fee), (source, destination) = wanted.ask, given, assets
    rate = _offered(board, ask, amount, wanted.bank, source, destination)
    if isinstance(rate, Refusal):
        return rate
    text = rate_to_text(rate)
    if wanted.rate is not None and Decimal(text) != wanted.rate:
        return Refusal.of(PaymentRefusal.QUOTE_OTHER, "nobody offers this rate now", "/document")
    exchange = _exchange(ask, amount, fee, rate, wanted.payee, source, destination)
    if isinstance(exchange, Refusal):
        return replace(exchange, pointer="/amount")
    if exchange.source_minor > wanted.corridor.limit_minor:
        return Refusal.of(PaymentRefusal.OVER_CORRIDOR_LIMIT, "it is over the corridor's limit", "/amount")
    spread, margin, mid = 0, None, _rate(market.mid)
    if isinstance(mid, Rate):
        spread = max(0, exchange.source_minor - to_source(exchange.destination_minor, mid, source, destination))
        margin = margin_ppm(rate, mid)
    effective = (exchange.credit_minor, exchange.debit_minor)
    return Offer(provider, text, exchange, spread, margin, effective)


def _offered(board: Board, ask: Ask, amount: int, bank: str, source: Asset, destination: Asset) -> Rate | Refusal:
    base = rate_from_text(board.rate)
    if isinstance(base, Refusal):
        return base
    # Where the payee's amount is fixed, the tier is found with the base rate: tiers never make it circular.
    size = amount if ask.fixed == "source" else to_source(amount, base, source, destination)
    reached = [tier.improvement_ppm for tier in board.tiers if size >= tier.from_minor]
    return offered(base, (reached[-1] if reached else 0) + board.improvements.get(bank, 0))


def _exchange(
    ask: Ask, amount: int, fee: int, rate: Rate, payee: Participant, source: Asset, destination: Asset
) -> Exchange | Refusal:
    terms = ExchangeTerms(
        source=source, destination=destination, rate=rate, source_fee_minor=fee, destination_fee=payee.fee
    )
    return terms.from_debit(amount) if ask.fixed == "source" else terms.from_credit(amount)


def _available(provider: str, member: str, asset: Asset, context: Context) -> int:
    account = context.ledger.account(abroad(provider, member, asset))
    return 0 if account is None else int(account.balance.available)


def _rate(text: str | None) -> Rate | Refusal | None:
    return None if text is None else rate_from_text(text, "/mid")


def _board_problem(board: Board, context: Context) -> Refusal | None:
    rate = rate_from_text(board.rate, "/board/rate")
    if isinstance(rate, Refusal):
        return rate
    if board.valid_until <= context.now:
        return Refusal.of(PaymentRefusal.TIME_WRONG, "the rate would be over already", "/board/valid_until")
    steps = [tier.from_minor for tier in board.tiers]
    if len(steps) > TIERS_MAX or len(board.improvements) > IMPROVEMENTS_MAX or steps != sorted(set(steps)):
        return Refusal.of(PaymentRefusal.MALFORMED, f"at most {TIERS_MAX} tiers, ascending", "/board/tiers")
    changes = [*(tier.improvement_ppm for tier in board.tiers), 0]
    for change in (*changes, *board.improvements.values()):
        improved = offered(rate, change)
        if isinstance(improved, Refusal):
            return replace(improved, pointer="/board")
    return None
