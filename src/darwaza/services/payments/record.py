"""What cases of the payments service hold: a market, a movement of an FX provider's funds, a payment."""

from datetime import datetime
from typing import Literal

import msgspec

from darwaza.ledger.exchange import Exchange
from darwaza.standards.charge import Claim


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
        tiers: by what is exchanged at ``rate``, ascending; the last that is reached counts.
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


class Offer(msgspec.Struct, frozen=True, gc=False):
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
    """One officer's word on a payment that stopped at screening.

    Attributes:
        officer: address of the party, a colon and who it was.
        at: when.
        word: see ``officer``.
    """

    officer: str
    at: datetime
    word: Literal["release", "refuse", "block"] = "release"


class Payment(msgspec.Struct, frozen=True, tag="payment", kw_only=True, omit_defaults=True, gc=False):
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
        checks: what officers said of it.
        document: the pacs.008 as it came, while the payment waits for a release; else empty.
        reason: ISO 20022 status reason of the end, or "".
        detail: one sentence for it, or "".
        market: id of the market's case; "" at the payee's gateway.
        recall_reason: why the payer's bank asked for it back, or "".
        recall_answer: why the payee's bank kept it, or "".
        claim: the charge on a consignment it says it pays, at the payee's gateway; None without one.
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
    claim: Claim | None = None
    refund_minor: int = 0
    returned_at: datetime | None = None
    ended_at: datetime | None = None


class Entry(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One payment of a bulk. Its number is its place among the documents of the bulk's order, from 1 on.

    Attributes:
        uetr: see ``Payment``.
        end_to_end: see ``Payment``.
        amounts: those of its exchange, in the order of ``Exchange``.
        spread_minor: see ``Offer``; 0 at the payee's gateway.
        state: as of a payment of its own at that gateway (docs/reference/payments.md).
        ended_at, reason, detail, recall_reason, recall_answer, refund_minor, returned_at: see ``Payment``.
        hits, checks: see ``Payment``.
        wake_at: when a recall or a return that waits is looked at again.
        turn: ``Bulk.turns`` after it ended: which transfers of the bulk were made for it among others; 0 until then.
        message_id: of its pacs.008, where that is not the bulk's; else "".
    """

    uetr: str
    end_to_end: str
    amounts: tuple[int, int, int, int, int, int]
    spread_minor: int
    state: str
    ended_at: datetime | None = None
    reason: str = ""
    detail: str = ""
    recall_reason: str = ""
    recall_answer: str = ""
    refund_minor: int = 0
    returned_at: datetime | None = None
    wake_at: datetime | None = None
    hits: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    turn: int = 0
    message_id: str = ""


class Bulk(msgspec.Struct, frozen=True, tag="bulk", kw_only=True, omit_defaults=True):
    """Payments from one bank to another that are ordered together, all urgent or none, at either gateway.

    Attributes:
        payer_bank: address of the payers' PSP.
        payee_bank: address of the payees' PSP.
        provider: the FXP's address at the payers' gateway.
        rate: agreed, the same for all.
        margin_ppm: of the mid rate; None without one, and at the payees' gateway.
        message_id: of the first pacs.008, and of all that are cut from one.
        urgent: see ``Payment``; the same for all.
        sent_at: when the order left; None at the payees' gateway.
        answer_by: until then the payees' bank may accept.
        decide_by: until then an acceptance counts for urgent payments; for others, from then on its gateway is asked.
        asked: how often it was.
        turns: how often a part of what was held has been posted or freed; numbers the holds.
        market: see ``Payment``.
        entries: the payments.
    """

    payer_bank: str
    payee_bank: str
    provider: str
    rate: str
    margin_ppm: int | None = None
    message_id: str
    urgent: bool = False
    sent_at: datetime | None = None
    answer_by: datetime
    decide_by: datetime
    asked: int = 0
    turns: int = 0
    market: str = ""
    entries: tuple[Entry, ...]


def provider_of(held: Payment | Bulk) -> str:
    """Address of the FX provider that exchanges, or "" where none has been chosen yet."""
    if isinstance(held, Bulk):
        return held.provider
    return "" if held.chosen is None else held.chosen.provider


class Alias(msgspec.Struct, frozen=True, tag="alias"):
    """What stands for an account: a phone number, an e-mail address, a merchant number, or the account's own number.

    Attributes:
        kind: ExternalProxyAccountType1Code, or ``ACCT`` for an account number.
        value: in its one form (``alias.normal``).
        bank: address of the bank that keeps the account.
        account: IBAN or other number.
        name: of the holder, verified by the bank.
    """

    kind: str
    value: str
    bank: str
    account: str
    name: str


class Verification(msgspec.Struct, frozen=True, tag="verification", kw_only=True):
    """A question whose an account or alias is, at either gateway.

    Attributes:
        asker: address of the bank that asks.
        asked: address of the bank, or of the gateway, that is asked.
        kind: see ``Alias``.
        value: as asked for.
        message_id: of the acmt.023.
        question_id: of the question in it.
        answer_by: until then the payee's bank may answer; None when the gateway answers itself.
        verified: whether there is such an account.
        bank: that keeps it.
        account: its number.
        name: verified: for the bank that asks, to screen.
        shown: masked: for the payer.
        reason: ExternalVerificationReason1Code why not, or "".
    """

    asker: str
    asked: str
    kind: str
    value: str
    message_id: str
    question_id: str
    answer_by: datetime | None = None
    verified: bool = False
    bank: str = ""
    account: str = ""
    name: str = ""
    shown: str = ""
    reason: str = ""


class Request(msgspec.Struct, frozen=True, tag="request", kw_only=True):
    """A payee's request to be paid, at either gateway.

    Attributes:
        payee_bank: address of the bank that asks.
        payer_bank: address of the bank that is asked.
        message_id: of the pain.013.
        group_id: of its group of payments.
        end_to_end: the payee's reference, which the payment is to carry.
        document: the pain.013 as it came.
        later: whether the payer may take its time; else it decides at once.
        expires_at: until then the payer may decide.
        reason: ExternalStatusReason1Code of a refusal, or "".
    """

    payee_bank: str
    payer_bank: str
    message_id: str
    group_id: str
    end_to_end: str
    document: bytes
    later: bool
    expires_at: datetime
    reason: str = ""


class CycleSum(msgspec.Struct, frozen=True, order=True):
    """What one member decided that another owes a third, in one settlement cycle.

    Attributes:
        debtor: code of the member that owes it.
        creditor: code of the member that is owed it.
        currency: ISO 4217.
        amount_minor: > 0.
        count: of the payments or returns behind it, > 0.
    """

    debtor: str
    creditor: str
    currency: str
    amount_minor: int
    count: int


Sums = tuple[CycleSum, ...]


class Cycle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A settlement cycle between two members, at either gateway.

    Attributes:
        number: of the cycle.
        peer: code of the other member.
        own: what this gateway decided, as it told the other; None until it has.
        theirs: what the other decided, as it told this one; None until it has.
        theirs_at: when it told, by its own clock, which dates its other messages too; None until it has.
        both_at: since when both have told, by this gateway's clock; None until then.
        seen: what the other decided by the messages that this gateway holds; None until compared with ``theirs``.
    """

    number: int
    peer: str
    own: Sums | None = None
    theirs: Sums | None = None
    theirs_at: datetime | None = None
    both_at: datetime | None = None
    seen: Sums | None = None


Record = Market | Funding | Payment | Bulk | Alias | Verification | Request

Fixed = Literal["source", "destination"]
