"""Exchange rates as exact fractions, and conversion that never creates money.

A rate says how many whole units of the destination asset one whole unit of the source asset buys. It is kept as a
fraction, so inverting and comparing are exact. The two conversions round against whoever is paid by them:

* ``to_destination`` (the source amount is fixed) rounds **down**: what is paid out is never worth more than what came;
* ``to_source`` (the destination amount is fixed) rounds **up**: what is charged is never worth less than what goes.

The difference, less than one minor unit of the side that was rounded, stays with the provider of the exchange. Going
there and back can therefore only lose, at most the rounding, never gain.

A rate that is agreed travels as a decimal with at most 10 decimals and 11 digits (ISO 20022 BaseOneRate, used by
XchgRate and PreAgrdXchgRate). ``offered`` makes every quoted rate such a decimal *before* amounts are computed from it,
so both sides compute with the rate that is on the wire.
"""

import re
from functools import lru_cache
from math import gcd

import msgspec

from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.money import MoneyRefusal, Rounding, divide

RATE_DIGITS_MAX = 11
RATE_DECIMALS_MAX = 10
RATES_KEPT = 1_024
"""The same few rates come with every payment; so many are not worked out anew."""
PPM = 1_000_000
"""Parts per million; one basis point is 100 of them."""

TEXT_CHARS_MAX = RATE_DIGITS_MAX + 50
"""A text that is cut off here was not a rate before either."""

_DECIMAL = re.compile(rf"([0-9]{{1,{RATE_DIGITS_MAX}}})(?:\.([0-9]{{1,40}}))?")


class Rate(msgspec.Struct, frozen=True, gc=False):
    """Units of the destination asset per unit of the source asset, in lowest terms. Made by ``rate_of``.

    Attributes:
        numerator: > 0.
        denominator: > 0, without a common factor with the numerator.
    """

    numerator: int
    denominator: int

    def inverse(self) -> "Rate":
        """The same rate seen from the other side, exactly."""
        return Rate(self.denominator, self.numerator)

    def at_least(self, other: "Rate") -> bool:
        """Whether one unit buys as much as at the other rate, or more."""
        return self.numerator * other.denominator >= other.numerator * self.denominator


def rate_of(numerator: int, denominator: int) -> Rate:
    """Make a rate from any two positive integers.

    Raises:
        ValueError: one is not positive.
    """
    if numerator <= 0 or denominator <= 0:
        raise ValueError(f"{numerator} / {denominator} is not a rate")
    common = gcd(numerator, denominator)
    return Rate(numerator // common, denominator // common)


def rate_from_text(text: str, pointer: str = "") -> Rate | Refusal:
    """Read a decimal rate as ISO 20022 carries it; zeros at the end of the decimals do not count."""
    return _read(text[:TEXT_CHARS_MAX], pointer)


@lru_cache(RATES_KEPT)
def _read(text: str, pointer: str) -> Rate | Refusal:
    parts = _DECIMAL.fullmatch(text)
    if parts is None:
        return Refusal.of(MoneyRefusal.RATE_MALFORMED, f"{text[:60]!r} is not a decimal rate", pointer)
    whole, fraction = parts[1].lstrip("0"), (parts[2] or "").rstrip("0")
    if not whole and not fraction:
        return Refusal.of(MoneyRefusal.RATE_NOT_POSITIVE, "a rate is above zero", pointer)
    if len(fraction) > RATE_DECIMALS_MAX or len(whole) + len(fraction) > RATE_DIGITS_MAX:
        detail = f"a rate has at most {RATE_DIGITS_MAX} digits, {RATE_DECIMALS_MAX} of them decimals"
        return Refusal.of(MoneyRefusal.RATE_TOO_PRECISE, detail, pointer)
    return rate_of(int(whole + fraction), 10 ** len(fraction))


@lru_cache(RATES_KEPT)
def rate_to_text(rate: Rate) -> str:
    """Write a rate that is such a decimal, as ``offered`` makes them, without needless zeros.

    Raises:
        ValueError: the rate has no exact form of that size.
    """
    scaled, rest = divmod(rate.numerator * 10**RATE_DECIMALS_MAX, rate.denominator)
    whole, fraction = divmod(scaled, 10**RATE_DECIMALS_MAX)
    decimals = f"{fraction:0{RATE_DECIMALS_MAX}d}".rstrip("0")
    if rest or len(str(whole).lstrip("0") + decimals) > RATE_DIGITS_MAX:
        raise ValueError(f"{rate} is not a decimal of {RATE_DIGITS_MAX} digits")
    return f"{whole}.{decimals}" if decimals else str(whole)


@lru_cache(RATES_KEPT)
def offered(base: Rate, improvement_ppm: int = 0) -> Rate | Refusal:
    """Improve a provider's base rate and cut it to what the wire carries, rounding down.

    Args:
        base: the provider's.
        improvement_ppm: sum of the improvements granted (by amount tier, by institution), in parts per million of the
            base; negative makes it worse.

    Returns:
        A rate ``rate_to_text`` can write, or a refusal: nothing is left of it (``rate_not_positive``), or it has more
        than 11 digits before the point (``rate_too_precise``).
    """
    numerator = base.numerator * (PPM + improvement_ppm)
    denominator = base.denominator * PPM
    whole_digits = len(str(numerator // denominator)) if numerator >= denominator else 0
    if whole_digits > RATE_DIGITS_MAX:
        return Refusal.of(MoneyRefusal.RATE_TOO_PRECISE, f"a rate has at most {RATE_DIGITS_MAX} digits")
    unit = 10 ** min(RATE_DECIMALS_MAX, RATE_DIGITS_MAX - whole_digits)
    cut = numerator * unit // denominator
    if cut <= 0:
        return Refusal.of(MoneyRefusal.RATE_NOT_POSITIVE, "a rate is above zero")
    return rate_of(cut, unit)


def to_destination(source_minor: int, rate: Rate, source: Asset, destination: Asset) -> int:
    """What a source amount buys, in minor units of the destination asset, rounded down."""
    numerator = source_minor * rate.numerator * 10**destination.scale
    return divide(numerator, rate.denominator * 10**source.scale, Rounding.DOWN)


def to_source(destination_minor: int, rate: Rate, source: Asset, destination: Asset) -> int:
    """What a destination amount costs, in minor units of the source asset, rounded up."""
    numerator = destination_minor * rate.denominator * 10**source.scale
    return divide(numerator, rate.numerator * 10**destination.scale, Rounding.UP)


def effective_rate(debit_minor: int, credit_minor: int, source: Asset, destination: Asset) -> Rate:
    """The rate the payer really gets: what is credited per what is debited, all fees included; exact.

    Raises:
        ValueError: an amount is not positive.
    """
    return rate_of(credit_minor * 10**source.scale, debit_minor * 10**destination.scale)


def margin_ppm(rate: Rate, mid: Rate) -> int:
    """How much worse than the mid rate a rate is, in parts per million of the mid rate.

    Rounded up, so that a cost is never shown smaller than it is; negative for a rate better than the mid.
    """
    gap = (mid.numerator * rate.denominator - rate.numerator * mid.denominator) * PPM
    return -(-gap // (mid.numerator * rate.denominator))
