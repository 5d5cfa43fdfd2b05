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
from darwaza.ledger.rate import Rate, margin_ppm, offered, rate_from_text, rate_to_text, to_source
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import OpenMarket, PostRate, SetMid
from darwaza.services.payments.plan import Corridor, Directory, Participant, abroad
from darwaza.services.payments.record import Board, Fixed, Market, Offer

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
        if context.case_id != market_id(context.member, asked.destination):
            # Whoever asks for offers looks there alone, and what was posted anywhere else nobody would see.
            return Refusal.of(
                PaymentRefusal.MARKET_UNKNOWN, f"the market to {asked.destination} has another id", "/case_id"
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


class Place(NamedTuple):
    """Who asks for offers, and in which market: the same for all payments of a bulk.

    Attributes:
        market: as it stands.
        bank: address of the PSP that asks.
        payee: the payee's PSP, whose fee counts.
        corridor: the market's.
        source: what is debited.
        destination: what is credited.
        available: what of each provider's money may be spent, found when it is first asked for, less what is taken in
            this decision (``spend``).
    """

    market: Market
    bank: str
    payee: Participant
    corridor: Corridor
    source: Asset
    destination: Asset
    available: dict[str, int]


class Wanted(NamedTuple):
    """What offers are made for.

    Attributes:
        fixed: which side's amount is given.
        amount_minor: of that side.
        fee_minor: what the asking PSP takes, in the source currency.
        rate: only offers at this rate count; None for all.
        provider: only this one's offer counts; "" for all.
    """

    fixed: Fixed
    amount_minor: int
    fee_minor: int
    rate: Decimal | None = None
    provider: str = ""


def offers(place: Place, wanted: Wanted, context: Context) -> tuple[Offer, ...] | Refusal:
    """Every FXP's offer for what is wanted, best for the payer first; at least one."""
    problem: Refusal | None = None
    found = []
    for provider, board in sorted(place.market.boards.items()):
        if board.valid_until <= context.now or (wanted.provider and provider != wanted.provider):
            continue
        offer = _offer(provider, board, place, wanted)
        if isinstance(offer, Refusal):
            problem = offer
        elif _available(provider, place, context) >= offer.exchange.destination_minor:
            found.append(offer)
    if not found:
        return problem or Refusal.of(PaymentRefusal.NO_OFFER, "no FX provider offers this now", "/market")
    return tuple(sorted(found, key=lambda one: (one.exchange.debit_minor, -one.exchange.credit_minor, one.provider)))


def _offer(provider: str, board: Board, place: Place, wanted: Wanted) -> Offer | Refusal:
    """One FXP's offer for an amount and a fee."""
    source, destination = place.source, place.destination
    rate = _offered(board, place, wanted)
    if isinstance(rate, Refusal):
        return rate
    text = rate_to_text(rate)
    if wanted.rate is not None and Decimal(text) != wanted.rate:
        return Refusal.of(PaymentRefusal.QUOTE_OTHER, "nobody offers this rate now", "/document")
    exchange = _exchange(place, wanted, rate)
    if isinstance(exchange, Refusal):
        return replace(exchange, pointer="/amount")
    if exchange.source_minor > place.corridor.limit_minor:
        return Refusal.of(PaymentRefusal.OVER_CORRIDOR_LIMIT, "it is over the corridor's limit", "/amount")
    spread, margin, mid = 0, None, _rate(place.market.mid)
    if isinstance(mid, Rate):
        spread = max(0, exchange.source_minor - to_source(exchange.destination_minor, mid, source, destination))
        margin = margin_ppm(rate, mid)
    effective = (exchange.credit_minor, exchange.debit_minor)
    return Offer(provider, text, exchange, spread, margin, effective)


def _offered(board: Board, place: Place, wanted: Wanted) -> Rate | Refusal:
    base = rate_from_text(board.rate)
    if isinstance(base, Refusal):
        return base
    reached: list[int] = []
    if board.tiers:
        # What counts is what is exchanged: the fee is the bank's own to name. It is found with the base rate, so that
        # tiers never make it circular where the payee's amount is fixed.
        plain = _exchange(place, wanted, base)
        size = 0 if isinstance(plain, Refusal) else plain.source_minor
        reached = [tier.improvement_ppm for tier in board.tiers if size >= tier.from_minor]
    return offered(base, (reached[-1] if reached else 0) + board.improvements.get(place.bank, 0))


def _exchange(place: Place, wanted: Wanted, rate: Rate) -> Exchange | Refusal:
    terms = ExchangeTerms(
        source=place.source,
        destination=place.destination,
        rate=rate,
        source_fee_minor=wanted.fee_minor,
        destination_fee=place.payee.fee,
    )
    return (terms.from_debit if wanted.fixed == "source" else terms.from_credit)(wanted.amount_minor)


def spend(place: Place, offer: Offer) -> None:
    """Count what an offer takes of its provider's money, for the offers that are still made in this decision."""
    place.available[offer.provider] -= offer.exchange.destination_minor


def _available(provider: str, place: Place, context: Context) -> int:
    known = place.available.get(provider)
    if known is None:
        account = context.ledger.account(abroad(provider, place.market.destination, place.destination))
        known = place.available[provider] = 0 if account is None else int(account.balance.available)
    return known


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
