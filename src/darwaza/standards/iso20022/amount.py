"""Money on the wire and in the books: a decimal text with a currency, and integer minor units with a scale.

The scale of a currency is ISO 4217's minor unit, from the list one of the ``iso4217`` package that ISO's maintenance
agency publishes. ISO 20022 asks that the digits after the point comply with it; more digits, even zeros, are refused.
"""

import re
from decimal import Decimal
from typing import Final

import iso4217
import msgspec

from darwaza.errors import MalformedError

_SCALES: Final[dict[str, int]] = {item.code: item.exponent for item in iso4217.Currency if item.exponent is not None}
_DECIMAL: Final = re.compile(r"[+-]?([0-9]*)(?:\.([0-9]*))?", re.ASCII)

LIST_PUBLISHED_ON: Final = iso4217.__published__
"""Date of the currency list in use."""


class Amount(msgspec.Struct, frozen=True, gc=False):
    """An amount of money, never negative on the wire.

    Attributes:
        minor: integer count of minor units, 0 or more, at most 18 digits in these messages.
        scale: digits after the point, the currency's own (ISO 4217 minor unit), 0 to 4.
        currency: ISO 4217 alphabetic code.
    """

    minor: int
    scale: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> "Amount":
        """Read a decimal text.

        Args:
            text: XML Schema decimal: digits with at most one point, surrounding blanks allowed.
            currency: ISO 4217 alphabetic code.

        Raises:
            MalformedError: ``currency_unknown``, ``amount_wrong`` (not a decimal), ``amount_negative`` or
                ``too_many_decimals`` (more digits after the point than the currency has).
        """
        scale = scale_of(currency)
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if len(fraction) == scale and digits.isdecimal() and digits.isascii():
            # As nearly every amount is written; what follows reads the rest.
            return cls(int(digits), scale, currency)
        text = text.strip()
        match = _DECIMAL.fullmatch(text)
        if match is None:
            raise MalformedError("the amount is not a decimal number", code="amount_wrong")
        whole, fraction = match[1], match[2] or ""
        if not whole + fraction:
            raise MalformedError("the amount has no digits", code="amount_wrong")
        if len(fraction) > scale:
            raise MalformedError(
                f"{len(fraction)} digits after the point, but {currency} has {scale}", code="too_many_decimals"
            )
        minor = int(whole + fraction + "0" * (scale - len(fraction)))
        if minor and text[0] == "-":
            raise MalformedError("the amount is negative", code="amount_negative")
        return cls(minor, scale, currency)

    def text(self) -> str:
        """Write the amount with exactly ``scale`` digits after the point.

        Raises:
            MalformedError: ``amount_negative``; ``currency_unknown``; ``amount_wrong`` if the scale is not the
                currency's.
        """
        if self.scale != scale_of(self.currency):
            raise MalformedError(f"{self.currency} has {scale_of(self.currency)} decimals", code="amount_wrong")
        if self.minor < 0:
            raise MalformedError("the amount is negative", code="amount_negative")
        if not self.scale:
            return str(self.minor)
        digits = str(self.minor).rjust(self.scale + 1, "0")
        return digits[: -self.scale] + "." + digits[-self.scale :]

    def number(self) -> Decimal:
        """Return the amount as an exact decimal number of major units."""
        return Decimal(self.minor).scaleb(-self.scale)


def scale_of(currency: str) -> int:
    """Return the digits after the point of a currency.

    Raises:
        MalformedError: ``currency_unknown`` if ISO 4217 does not list the code, or lists it without a minor unit.
    """
    scale = _SCALES.get(currency)
    if scale is None:
        raise MalformedError(f"{currency!r} is not a currency of ISO 4217 with a minor unit", code="currency_unknown")
    return scale
