"""What cases of the payments service hold: a market, a movement of an FX provider's funds, a payment."""

from datetime import datetime
from typing import Literal

import msgspec

from darwaza.ledger.exchange import Exchange


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A better rate for larger payments.

    Attributes:
        from_minor: source amount from which it holds.
        improvement_ppm: of the base rate; negative makes it worse.
    """

    from_minor: int
    improvement_ppm: int


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one FXP offers.

    Attributes:
        rate: destination units per source unit, a decimal of at most 11 digits.
        valid_until: after this instant it offers nothing.
        tiers: by amount, ascending; the last that is reached counts.
        improvements: further improvement in parts per million for a PSP, by address.
    """

    rate: str
    valid_until: datetime
    tiers: tuple[Tier, ...] = ()
    improvements: dict[str, int] = {}


class Market(msgspec.Struct, frozen=True, tag="market"):
    """The rates from one member's currency to another's.

    Attributes:
        source: member code.
        destination: member code.
        operator: address of the settlement operator who keeps it.
        mid: the mid rate that margins are measured against, or None.
        boards: by FXP address.
    """

    source: str
    destination: str
    operator: str
    mid: str | None = None
    boards: dict[str, Board] = {}


class Funding(msgspec.Struct, frozen=True, tag="funding"):
    """A movement of an FXP's money between its own account and what is set aside for another gateway.

    Attributes:
        home: address of the FXP where the money is.
        user: address of the FXP at the gateway that may spend it.
        amount_minor: in the home currency.
        given_back: whether it went from ``user`` to ``home``.
    """

    home: str
    user: str
    amount_minor: int
    given_back: bool


class Offer(msgspec.Struct, frozen=True):
    """One FXP's offer in a quote.

    Attributes:
        provider: the FXP's address.
        rate: as on the wire.
        exchange: all amounts.
        spread_minor: what the FXP earns over the mid rate, in the source currency.
        margin_ppm: of the mid rate; None without one.
        effective_rate: what the payee gets for what the payer gives, as (credit, debit) in minor units.
    """

    provider: str
    rate: str
    exchange: Exchange
    spread_minor: int
    margin_ppm: int | None
    effective_rate: tuple[int, int]


class Check(msgspec.Struct, frozen=True):
    """One officer's word on a payment that stopped at screening."""

    officer: str
    at: datetime


class Payment(msgspec.Struct, frozen=True, tag="payment", kw_only=True, omit_defaults=True):
    """A payment from its quote on, at either gateway.

    Attributes:
        payer_bank: address of the payer's PSP.
        payee_bank: address of the payee's PSP.
        quoted_at: when the offers were made.
        quote_until: when the quote lapses.
        offers: all; empty without a quote and at the payee's gateway.
        chosen: the accepted one.
        uetr: unique end-to-end transaction reference, "" before the payment is ordered.
        message_id: of the pacs.008.
        end_to_end: the payer's own reference.
        urgent: whether nobody is credited before the payer's gateway has confirmed (instruction priority HIGH).
        sent_at: when the order left; None before, and at the payee's gateway.
        answer_by: until then the payee's bank may accept.
        decide_by: until then an acceptance counts for an urgent payment.
        asked: how often the other gateway was asked what has become of it.
        hits: what screening found.
        checks: officers who released it.
        document: the pacs.008 as it came, while the payment waits for a release; else empty.
        reason: ISO 20022 status reason of the end, or "".
        detail: one sentence for it, or "".
        market: id of the market's case; "" at the payee's gateway.
        recall_reason: why the payer's bank asked for it back, or "".
        recall_answer: why the payee's bank kept it, or "".
        refund_minor: what the payer's bank got back on a return.
        returned_at: when the return was made, as its message says at both ends; None without one.
        ended_at: when it was final; None before.
    """

    payer_bank: str
    payee_bank: str
    quoted_at: datetime | None = None
    quote_until: datetime | None = None
    offers: tuple[Offer, ...] = ()
    chosen: Offer | None = None
    uetr: str = ""
    message_id: str = ""
    end_to_end: str = ""
    urgent: bool = True
    sent_at: datetime | None = None
    answer_by: datetime | None = None
    decide_by: datetime | None = None
    asked: int = 0
    hits: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    document: bytes = b""
    reason: str = ""
    detail: str = ""
    market: str = ""
    recall_reason: str = ""
    recall_answer: str = ""
    refund_minor: int = 0
    returned_at: datetime | None = None
    ended_at: datetime | None = None


Record = Market | Funding | Payment

Fixed = Literal["source", "destination"]
