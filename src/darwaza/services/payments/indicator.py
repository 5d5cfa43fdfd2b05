"""Key figures of a corridor from its gateway's own cases, as the G20 targets for cross-border payments define them.

Targets (Financial Stability Board, targets for addressing the four challenges of cross-border payments, October 2021):
a mean cost of at most 1 % and no corridor above 3 % for retail payments, three quarters of them credited within an
hour.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import msgspec

from darwaza.kernel.message import member_of
from darwaza.ledger.rate import PPM
from darwaza.services.payments.netting import DONE
from darwaza.services.payments.plan import Corridor, Directory
from darwaza.services.payments.record import Offer, Payment

WITHIN: Final = timedelta(hours=1)
MEAN_COST_PPM_MAX: Final = 10_000
CORRIDOR_COST_PPM_MAX: Final = 30_000
WITHIN_SHARE_PPM_MIN: Final = 750_000


class Indicators(msgspec.Struct, frozen=True):
    """One corridor's figures. Shares and costs in parts per million; times in milliseconds.

    Attributes:
        source: member code.
        destination: member code.
        ordered: payments that were sent.
        credited: of those, credited.
        returned: of those, returned since.
        failed: not credited, by ISO 20022 reason.
        open: without an end yet.
        within_share_ppm: credited within ``WITHIN``, of those credited.
        median_ms: from order to end, of those credited; 0 for none.
        slowest_ms: the same, the longest.
        mean_cost_ppm: what it cost payers, of what they gave, weighted by amount, rounded up.
        subsidy_minor: what states paid for those credited, in the source currency; not part of the cost.
    """

    source: str
    destination: str
    ordered: int
    credited: int
    returned: int
    failed: dict[str, int]
    open: int
    within_share_ppm: int
    median_ms: int
    slowest_ms: int
    mean_cost_ppm: int
    subsidy_minor: int = 0

    @property
    def meets_targets(self) -> bool:
        """Whether the corridor keeps to its G20 targets for cost and speed."""
        return self.mean_cost_ppm <= CORRIDOR_COST_PPM_MAX and self.within_share_ppm >= WITHIN_SHARE_PPM_MIN


def cost_minor(offer: Offer) -> int:
    """All a payment costs its payer, in the source currency: both fees and the margin over the mid rate, rounded up."""
    exchange = offer.exchange
    fee = -(-exchange.destination_fee_minor * exchange.source_minor // exchange.destination_minor)
    return exchange.source_fee_minor + offer.spread_minor + fee


def indicators(payments: Iterable[tuple[str, Payment]], directory: Directory | None = None) -> list[Indicators]:
    """Figures of every corridor, from the payments of the payer's gateway, each with its state.

    Args:
        payments: ordered in the time that counts.
        directory: says what is subsidised; None for nothing.
    """
    by_corridor: dict[tuple[str, str], list[tuple[str, Payment]]] = {}
    for state, payment in payments:
        if payment.sent_at is not None:
            key = (member_of(payment.payer_bank), member_of(payment.payee_bank))
            by_corridor.setdefault(key, []).append((state, payment))
    corridors = sorted(by_corridor.items())
    return [_corridor(key, found, None if directory is None else directory.corridor(*key)) for key, found in corridors]


def _corridor(key: tuple[str, str], payments: list[tuple[str, Payment]], corridor: Corridor | None) -> Indicators:
    credited = [payment for state, payment in payments if state in DONE]
    failed = Counter(payment.reason for state, payment in payments if state == "rejected")
    times = sorted(_duration(payment) for payment in credited)
    offers = [payment.chosen for payment in credited if payment.chosen is not None]
    given = sum(offer.exchange.debit_minor for offer in offers)
    return Indicators(
        source=key[0],
        destination=key[1],
        ordered=len(payments),
        credited=len(credited),
        returned=sum(state == "returned" for state, _ in payments),
        failed=dict(sorted(failed.items())),
        open=len(payments) - len(credited) - failed.total(),
        within_share_ppm=PPM * sum(time <= WITHIN for time in times) // len(times) if times else 0,
        median_ms=_milliseconds(times[(len(times) - 1) // 2]) if times else 0,
        slowest_ms=_milliseconds(times[-1]) if times else 0,
        mean_cost_ppm=-(-sum(map(cost_minor, offers)) * PPM // given) if given else 0,
        subsidy_minor=sum(corridor.subsidy_of(offer.exchange.source_minor) for offer in offers) if corridor else 0,
    )


def _duration(payment: Payment) -> timedelta:
    if payment.sent_at is None or payment.ended_at is None:
        return timedelta()
    return payment.ended_at - payment.sent_at


def _milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)
