"""What an amount is an amount of: an asset and its scale.

``KZT/2`` is tenge counted in tiyn, ``XAU/4`` is gold counted in ten-thousandths of an ounce, ``KZ2C00013521/0`` is a
bond counted in pieces. The scale is part of the asset: ``KZT/2`` and ``KZT/5`` never meet in one transfer, so a change
of scale can never be mistaken for a change of value.
"""

import re

import msgspec

from darwaza.errors import MalformedError

ASSET_CODE_CHARS_MAX = 80
ASSET_SCALE_MAX = 18
"""Decimal places. At 18 not even one unit fits ``order.AMOUNT_MINOR_MAX``: count such assets less finely."""

_CODE = re.compile(rf"[!-~]{{1,{ASSET_CODE_CHARS_MAX}}}")
_TEXT = re.compile(rf"([!-~]{{1,{ASSET_CODE_CHARS_MAX}}})/(0|[1-9][0-9]?)")


class Asset(msgspec.Struct, frozen=True, order=True, gc=False):
    """An asset and how finely it is counted.

    Attributes:
        code: 1 to ``ASSET_CODE_CHARS_MAX`` visible ASCII characters: an ISO 4217 code, an ISIN (ISO 6166), a digital
            token identifier (ISO 24165) or any other name that means one thing in this ledger.
        scale: decimal places of one unit, 0 to ``ASSET_SCALE_MAX``; for a currency ISO 4217's minor unit.
    """

    code: str
    scale: int

    @property
    def well_formed(self) -> bool:
        """Whether both fields keep to their documented form."""
        return _CODE.fullmatch(self.code) is not None and 0 <= self.scale <= ASSET_SCALE_MAX

    def __str__(self) -> str:
        return f"{self.code}/{self.scale}"


def asset_from_text(text: str) -> Asset:
    """Read ``CODE/scale``, the form ``str(asset)`` writes.

    Raises:
        MalformedError: ``asset_malformed``.
    """
    parts = _TEXT.fullmatch(text)
    if parts is None or int(parts[2]) > ASSET_SCALE_MAX:
        raise MalformedError(f"{text[:100]!r} is not an asset like KZT/2", code="asset_malformed")
    return Asset(parts[1], int(parts[2]))
