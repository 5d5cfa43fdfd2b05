"""Key figures of a corridor from its gateway's own cases, as the G20 targets for cross-border payments define them.

Targets (Financial Stability Board, *Targets for Addressing the Four Challenges of Cross-Border Payments: Final Report*,
October 2021) for retail payments, by end of 2027: no corridor costs more than 3 %; three quarters of the payments are
credited within an hour of their order, the others within one business day, of which a day of 24 hours is never the
longer. The mean over all corridors of the world, at most 1 %, is nothing one gateway can tell. A remittance may cost
more (3 % and 5 %): a corridor that keeps to the targets here keeps to its own.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import msgspec

from darwaza.kernel.message import member_of
from darwaza.ledger.rate import PPM
from darwaza.services.payments.netting import CREDITED
from darwaza.services.payments.plan import Corridor, Directory
from darwaza.services.payments.record import Offer, Payment

WITHIN: Final = timedelta(hours=1)
AT_LAST_WITHIN: Final = timedelta(days=1)
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
        within_day_share_ppm: credited within ``AT_LAST_WITHIN``, of those credited.
        median_ms: from order to end, of those credited; 0 for none.
        slowest_ms: the same, the longest.
        mean_cost_ppm: what it cost payers, of what they gave, weighted by amount, rounded up.
        subsidy_minor: what states paid for those credited, in the source currency; not part of the cost.
        blocked: paid by their payers, and kept in suspense by compliance at the other gateway.
    """

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
    subsidy_minor: int = 0
    blocked: int = 0

    @property
    def meets_targets(self) -> bool | None:
        """Whether the corridor keeps to its G20 targets for cost and speed; None where nothing was credited."""
        if not self.credited:
            return None
        in_time = self.within_share_ppm >= WITHIN_SHARE_PPM_MIN and self.within_day_share_ppm == PPM
        return in_time and self.mean_cost_ppm <= CORRIDOR_COST_PPM_MAX


def cost_minor(offer: Offer) -> int:
    """All a payment costs its payer, in the source currency: both fees and the margin over the mid rate, rounded up."""
    exchange = offer.exchange
    fee = -(-exchange.destination_fee_minor * exchange.source_minor // exchange.destination_minor)
    return exchange.source_fee_minor + offer.spread_minor + fee


class Tally:
    """Adds up a corridor payment by payment, keeping eight bytes of each."""

    def __init__(self, corridor: Corridor | None) -> None:
        self._corridor = corridor
        self._ordered = self._returned = self._blocked = self._given = self._cost = self._subsidy = 0
        self._failed: Counter[str] = Counter()
        self._times_ms = array("q")

    def add(self, state: str, payment: Payment) -> None:
        """Count a payment that was ordered."""
        self._ordered += 1
        self._returned += state == "returned"
        self._blocked += state == "blocked"
        if state == "rejected":
            self._failed[payment.reason] += 1
        if state not in CREDITED:
            return
        self._times_ms.append(_duration(payment) // timedelta(milliseconds=1))
        if payment.chosen is not None:
            exchange = payment.chosen.exchange
            self._given += exchange.debit_minor
            self._cost += cost_minor(payment.chosen)
            self._subsidy += 0 if self._corridor is None else self._corridor.subsidy_of(exchange.source_minor)

    def figures(self, source: str, destination: str) -> Indicators:
        """What it comes to."""
        times, given = sorted(self._times_ms), self._given
        return Indicators(
            source=source,
            destination=destination,
            ordered=self._ordered,
            credited=len(times),
            returned=self._returned,
            failed=dict(sorted(self._failed.items())),
            open=self._ordered - len(times) - self._blocked - self._failed.total(),
            within_share_ppm=_share_ppm(times, WITHIN),
            within_day_share_ppm=_share_ppm(times, AT_LAST_WITHIN),
            median_ms=times[(len(times) - 1) // 2] if times else 0,
            slowest_ms=times[-1] if times else 0,
            mean_cost_ppm=-(-self._cost * PPM // given) if given else 0,
            subsidy_minor=self._subsidy,
            blocked=self._blocked,
        )


class Tallies:
    """Figures of every corridor, from the payments of the payer's gateway, each with its state."""

    def __init__(self, directory: Directory | None = None) -> None:
        """Begin; ``directory`` says what is subsidised, None for nothing."""
        self._directory = directory
        self._by_corridor: dict[tuple[str, str], Tally] = {}

    def add(self, state: str, payment: Payment) -> None:
        """Count a payment; one that was never ordered does not count."""
        if payment.sent_at is None:
            return
        key = member_of(payment.payer_bank), member_of(payment.payee_bank)
        tally = self._by_corridor.get(key)
        if tally is None:
            terms = None if self._directory is None else self._directory.corridor(*key)
            tally = self._by_corridor[key] = Tally(terms)
        tally.add(state, payment)

    def figures(self) -> list[Indicators]:
        """Figures by corridor."""
        return [tally.figures(*key) for key, tally in sorted(self._by_corridor.items())]


def indicators(payments: Iterable[tuple[str, Payment]], directory: Directory | None = None) -> list[Indicators]:
    """See ``Tallies``."""
    tallies = Tallies(directory)
    for state, payment in payments:
        tallies.add(state, payment)
    return tallies.figures()


def _share_ppm(times_ms: list[int], limit: timedelta) -> int:
    """How many of the times, in ascending order, are within a limit."""
    return PPM * bisect_right(times_ms, limit // timedelta(milliseconds=1)) // len(times_ms) if times_ms else 0


def _duration(payment: Payment) -> timedelta:
    if payment.sent_at is None or payment.ended_at is None:
        return timedelta()
    return payment.ended_at - payment.sent_at
