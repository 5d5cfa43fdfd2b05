"""Amounts between text and integers, and division with the rounding named.

On the wire an amount is a decimal string, inside it is an integer of the asset's minor units; there is no float in
between. More decimals than the asset has are refused, never rounded: whoever wrote them meant something this ledger
cannot hold.
"""

import re
from enum import Enum

from darwaza.kernel.machine import Refusal, RefusalCode
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import AMOUNT_MINOR_MAX
from darwaza.ledger.refusal import TransferRefusal

AMOUNT_CHARS_MAX = 40
"""18 digits, a point, a sign, and room for leading zeros."""

_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?")


class MoneyRefusal(RefusalCode):
    """Why an amount or a rate is not taken, in order of precedence. Too many digits: ``amount_too_large``."""

    AMOUNT_MALFORMED = ("amount_malformed", False)
    AMOUNT_NEGATIVE = ("amount_negative", False)
    AMOUNT_TOO_PRECISE = ("amount_too_precise", False)
    RATE_MALFORMED = ("rate_malformed", False)
    RATE_NOT_POSITIVE = ("rate_not_positive", False)
    RATE_TOO_PRECISE = ("rate_too_precise", False)
    AMOUNT_TOO_SMALL = ("amount_too_small", False)


class Rounding(Enum):
    """What becomes of the part of a unit that does not fit.

    ``DOWN`` for what is paid out, ``UP`` for what is charged: then the difference stays where the division is made
    and no unit is created. There is no rounding to the nearest: it would create one half of the time.
    """

    DOWN = "down"
    UP = "up"


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Divide a number that is not negative by a positive one.

    Raises:
        ValueError: for other signs, for which the names of the roundings would mislead.
    """
    if numerator < 0 or denominator <= 0:
        raise ValueError(f"{numerator} / {denominator} is not a division of amounts")
    if rounding is Rounding.UP:
        return -(-numerator // denominator)
    return numerator // denominator


def to_minor(text: str, asset: Asset, pointer: str = "") -> int | Refusal:
    """Read a decimal amount as minor units of the asset.

    The form is that of xs:decimal (W3C XML Schema part 2, section 3.2.3), so what passes an ISO 20022 schema is read
    here: ``1250``, ``1250.5``, ``01250.50``, ``+.5``. Decimals are counted as written: ``1.500`` has three.

    Args:
        text: at most ``AMOUNT_CHARS_MAX`` characters.
        asset: whose scale applies.
        pointer: RFC 6901 pointer for the refusal.

    Returns:
        0 to ``AMOUNT_MINOR_MAX``, or the refusal. Whether zero will do is for the caller to say.
    """
    parts = _DECIMAL.fullmatch(text) if len(text) <= AMOUNT_CHARS_MAX else None
    if parts is None or not (parts[2] or parts[3]):
        return Refusal.of(MoneyRefusal.AMOUNT_MALFORMED, f"{text[:60]!r} is not a decimal amount", pointer)
    sign, whole, fraction = parts[1], parts[2], parts[3] or ""
    if sign == "-":
        return Refusal.of(MoneyRefusal.AMOUNT_NEGATIVE, "an amount is not negative", pointer)
    if len(fraction) > asset.scale:
        return Refusal.of(MoneyRefusal.AMOUNT_TOO_PRECISE, f"{asset.code} has {asset.scale} decimals", pointer)
    minor = int(whole + fraction.ljust(asset.scale, "0") or "0")
    if minor > AMOUNT_MINOR_MAX:
        return Refusal.of(TransferRefusal.AMOUNT_TOO_LARGE, "an amount has at most 18 digits", pointer)
    return minor


def to_text(amount_minor: int, asset: Asset) -> str:
    """Write an amount or a balance with exactly the asset's decimals: ``1250.50``, ``-0.05``, ``7``."""
    digits = str(abs(amount_minor)).rjust(asset.scale + 1, "0")
    sign = "-" if amount_minor < 0 else ""
    if asset.scale == 0:
        return sign + digits
    return f"{sign}{digits[: -asset.scale]}.{digits[-asset.scale :]}"
