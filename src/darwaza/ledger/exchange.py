"""The amounts of one exchange: what is debited, what crosses, what is credited, and the fees in between.

The payer fixes either what leaves the own account or what arrives at the payee's; the rest follows::

    source fixed:       source = debit - source fee;  destination = source x rate, down;  credit = destination - fee
    destination fixed:  destination - fee = credit;   source = destination / rate, up;    debit = source + source fee

(the arithmetic of Nexus quotes). The source fee is the payer's institution's own and comes in as an amount; the
destination fee is a formula its country publishes, a ``Fee``. Amounts are minor units, integers throughout.
"""

import msgspec

from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.money import MoneyRefusal, Rounding, divide
from darwaza.ledger.order import AMOUNT_MINOR_MAX
from darwaza.ledger.rate import PPM, Rate, to_destination, to_source
from darwaza.ledger.refusal import TransferRefusal


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """A fee formula: a fixed part and a share, within bounds.

    Attributes:
        fixed_minor: >= 0.
        share_ppm: of the amount, parts per million, 0 to 999,999; the share is rounded up to a whole minor unit.
        least_minor: >= 0; the fee is never less, so it may exceed a small amount.
        most_minor: >= ``least_minor``; the fee is never more; None for no bound.
    """

    fixed_minor: int = 0
    share_ppm: int = 0
    least_minor: int = 0
    most_minor: int | None = None

    def __post_init__(self) -> None:
        bounded = self.most_minor is None or self.least_minor <= self.most_minor
        if not (self.fixed_minor >= 0 and 0 <= self.share_ppm < PPM and self.least_minor >= 0 and bounded):
            raise ValueError(f"{self} is not a fee")

    def of(self, amount_minor: int) -> int:
        """The fee on an amount before the fee is taken."""
        fee = max(self.least_minor, self.fixed_minor + divide(amount_minor * self.share_ppm, PPM, Rounding.UP))
        return fee if self.most_minor is None else min(fee, self.most_minor)

    def gross(self, net_minor: int) -> int:
        """The least amount of which exactly ``net_minor`` is left after the fee.

        There always is one: each further unit of the amount adds at most one unit to the fee, so what is left grows
        by none or one. ``amount - share`` reaches ``net + fixed`` first at the quotient below; the bounds shift it.
        """
        shared = divide((net_minor + self.fixed_minor) * PPM, PPM - self.share_ppm, Rounding.UP)
        if self.most_minor is not None:
            shared = min(shared, net_minor + self.most_minor)
        return max(shared, net_minor + self.least_minor)


class Exchange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The amounts of one exchange, in minor units of the source asset (first three) and of the destination asset.

    Attributes:
        debit_minor: leaves the payer; ``source_minor + source_fee_minor``.
        source_fee_minor: kept by the payer's institution.
        source_minor: goes to the provider of the exchange.
        destination_minor: comes from the provider.
        destination_fee_minor: kept by the payee's institution.
        credit_minor: reaches the payee; ``destination_minor - destination_fee_minor``.
    """

    debit_minor: int
    source_fee_minor: int
    source_minor: int
    destination_minor: int
    destination_fee_minor: int
    credit_minor: int


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange is computed from.

    Attributes:
        source: asset that is debited.
        destination: asset that is credited.
        rate: destination units per source unit, as on the wire (``rate.offered``).
        source_fee_minor: >= 0, in the source asset.
        destination_fee: in the destination asset.
    """

    source: Asset
    destination: Asset
    rate: Rate
    source_fee_minor: int
    destination_fee: Fee

    def from_debit(self, debit_minor: int) -> Exchange | Refusal:
        """Work out the exchange from what the payer gives, or refuse: fees leave nothing, or a number too large."""
        source = debit_minor - self.source_fee_minor
        if source <= 0:
            return _too_small()
        destination = to_destination(source, self.rate, self.source, self.destination)
        return self._exchange(source, destination, destination - self.destination_fee.of(destination))

    def from_credit(self, credit_minor: int) -> Exchange | Refusal:
        """Work out the exchange from what the payee gets, or refuse: nothing to get, or a number too large."""
        if credit_minor <= 0:
            return _too_small()
        destination = self.destination_fee.gross(credit_minor)
        source = to_source(destination, self.rate, self.source, self.destination)
        return self._exchange(source, destination, credit_minor)

    def _exchange(self, source: int, destination: int, credit: int) -> Exchange | Refusal:
        debit = source + self.source_fee_minor
        if credit <= 0:
            return _too_small()
        if max(debit, destination) > AMOUNT_MINOR_MAX:
            return Refusal.of(TransferRefusal.AMOUNT_TOO_LARGE, "an amount has at most 18 digits")
        return Exchange(
            debit_minor=debit,
            source_fee_minor=self.source_fee_minor,
            source_minor=source,
            destination_minor=destination,
            destination_fee_minor=destination - credit,
            credit_minor=credit,
        )


def _too_small() -> Refusal:
    return Refusal.of(MoneyRefusal.AMOUNT_TOO_SMALL, "the fees leave nothing to be paid")
