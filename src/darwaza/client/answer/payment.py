"""A bank's answers: quotes, payments, aliases, reports.

Written by ``make docs`` from the types the gateway answers with; do not edit.
"""

from typing import NotRequired, TypedDict

from darwaza.client.answer.gateway import MessageView


class Money(TypedDict):
    """An amount."""

    amount: str
    currency: str


class CostView(TypedDict):
    """What a payment costs in all, in the source currency."""

    fees: Money
    payer: Money
    payer_ppm: int
    total: Money
    margin: NotRequired[Money]
    subsidy: NotRequired[Money]


class OfferView(TypedDict):
    """One FX provider's offer."""

    provider: str
    rate: str
    effective_rate: str
    debit: Money
    source_fee: Money
    source: Money
    destination: Money
    destination_fee: Money
    credit: Money
    cost: NotRequired[CostView]
    margin_ppm: NotRequired[int]


class CheckView(TypedDict):
    """A compliance officer's word."""

    officer: str
    at: str
    word: str


class PaymentView(TypedDict):
    """A payment, from its quote on."""

    id: str
    state: str
    status: NotRequired[str]
    quote_id: NotRequired[str]
    payer_bank: str
    payee_bank: str
    opened_at: str
    changed_at: str
    quote_until: NotRequired[str]
    offers: NotRequired[list[OfferView]]
    chosen: NotRequired[OfferView]
    uetr: NotRequired[str]
    message_id: NotRequired[str]
    end_to_end: NotRequired[str]
    urgent: NotRequired[bool]
    answer_by: NotRequired[str]
    decide_by: NotRequired[str]
    ended_at: NotRequired[str]
    reason: NotRequired[str]
    reason_text: NotRequired[str]
    detail: NotRequired[str]
    hits: NotRequired[list[str]]
    checks: NotRequired[list[CheckView]]
    recall_reason: NotRequired[str]
    recall_answer: NotRequired[str]
    refund: NotRequired[Money]
    messages: NotRequired[list[MessageView]]


class Ordered(TypedDict):
    """A payment, or a command on one, was taken."""

    id: NotRequired[str]
    state: NotRequired[str]
    uetr: NotRequired[str]
    code: NotRequired[str]
    detail: NotRequired[str]
    pointer: NotRequired[str]
    transient: NotRequired[bool]
    message_ids: NotRequired[list[str]]
    repeated: NotRequired[bool]


class PaymentPage(TypedDict):
    """Payments and how to ask for the next page, which may come before this one is full; no ``next`` on the last."""

    payments: list[PaymentView]
    next: NotRequired[str]


class Credit(TypedDict):
    """A payment that waits for the word of the payee's bank."""

    id: str
    uetr: str
    end_to_end: str
    payer_bank: str
    credit: Money
    urgent: bool
    answer_by: str
    document: NotRequired[str]
    code: NotRequired[str]
    detail: NotRequired[str]
    pointer: NotRequired[str]


class Counter(TypedDict):
    """What became of each word, and credits that wait."""

    answers: list[Ordered]
    credits: list[Credit]


class TierBody(TypedDict):
    """A better rate for larger payments."""

    from_amount: str
    improvement_ppm: int


class RateBody(TypedDict):
    """What an FX provider offers in a market."""

    rate: str
    valid_until: str
    tiers: list[TierBody]
    improvements: dict[str, int]


class MarketView(TypedDict):
    """The rates from this member's currency to another's."""

    id: str
    source: str
    destination: str
    source_currency: str
    destination_currency: str
    mid: NotRequired[str]
    providers: NotRequired[int]
    boards: NotRequired[dict[str, RateBody]]


class AccountView(TypedDict):
    """An account and its balances."""

    id: str
    kind: str
    posted: Money
    available: Money
    floor: NotRequired[Money]


class TotalView(TypedDict):
    """What the accounts of one kind come to, in one currency."""

    kind: str
    accounts: int
    debits: Money
    credits: Money
    held_debits: Money
    held_credits: Money


class TrialBalanceView(TypedDict):
    """The whole ledger in one currency, at one moment: debits equal credits, or ``darwaza fsck`` has work to do."""

    balanced: bool
    debits: Money
    credits: Money
    kinds: list[TotalView]


class DepositView(TypedDict):
    """Money that was booked."""

    kind: str
    participant: str
    amount: str
    reference: str
    at: str


class Booked(TypedDict):
    """Money was booked."""

    account: str
    available: Money


class AliasView(TypedDict):
    """An alias as its bank sees it."""

    id: str
    kind: str
    value: str
    account: str
    name: str
    shown: str


class VerificationView(TypedDict):
    """A question and its answer."""

    id: str
    state: str
    kind: str
    value: str
    verified: NotRequired[bool]
    bank: NotRequired[str]
    account: NotRequired[str]
    name: NotRequired[str]
    shown: NotRequired[str]
    reason: NotRequired[str]
    answer_by: NotRequired[str]


class RequestView(TypedDict):
    """A request to be paid."""

    id: str
    state: str
    payee_bank: str
    payer_bank: str
    end_to_end: str
    later: bool
    expires_at: str
    reason: NotRequired[str]


class ShareView(TypedDict):
    """One payment of a bulk behind a line."""

    id: str
    uetr: str
    reference: str
    amount: str


class LineView(TypedDict):
    """One transfer on an account."""

    sequence: int
    at: str
    phase: str
    amount: str
    booked: str
    available: str
    reference: NotRequired[str]
    payment: NotRequired[str]
    payments: NotRequired[list[ShareView]]


class StatementView(TypedDict):
    """An account over a stretch of the ledger."""

    account: AccountView
    opening: Money
    opening_available: Money
    closing: Money
    closing_available: Money
    lines: list[LineView]
    earlier: bool


class PaymentIndicators(TypedDict):
    """One corridor's figures. Shares and costs in parts per million; times in milliseconds."""

    source: str
    destination: str
    ordered: int
    credited: int
    returned: int
    failed: dict[str, int]
    open: int
    within_share_ppm: int
    within_day_share_ppm: int
    median_ms: int
    slowest_ms: int
    mean_cost_ppm: int
    subsidy_minor: int
    blocked: int


class IndicatorView(TypedDict):
    """Key figures of a corridor, and whether it meets the G20 targets, which is null where nothing was credited."""

    figures: PaymentIndicators
    meets_targets: bool | None


class PositionView(TypedDict):
    """A net debt."""

    debtor: str
    creditor: str
    net: Money
    instruction: NotRequired[str]
    waits_for: NotRequired[str]


class SumView(TypedDict):
    """What one gateway decided that a member owes another in a cycle."""

    debtor: str
    creditor: str
    amount: Money
    count: int


class AgreementView(TypedDict):
    """How far two gateways are with a cycle between them."""

    member: str
    waits_for: str
    own: list[SumView] | None
    theirs: list[SumView] | None
    seen: list[SumView] | None


class CycleView(TypedDict):
    """Net positions of one settlement cycle, from the payments the caller may see."""

    member: str
    cycle: int
    since: str
    until: str
    payments: int
    bilateral: list[PositionView]
    multilateral: dict[str, list[Money]]
    settlement: list[PositionView]
    undecided: list[str]
    agreements: NotRequired[list[AgreementView]]
