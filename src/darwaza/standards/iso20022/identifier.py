"""Check digits and registries behind the identifiers that a schema only knows by their pattern.

Reading does not run these checks: which of them a corridor asks for, and at which elements, is the service's rule.
"""

import re
from functools import lru_cache
from typing import Final

import stdnum.bic
import stdnum.iban
import stdnum.lei
from stdnum import numdb
from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module

from darwaza.errors import MalformedError

_CHECKS: Final = {
    "iban": stdnum.iban,
    "bic": stdnum.bic,
    "lei": stdnum.lei,
}


_LETTER_DIGITS: Final = {ord(letter): str(ord(letter) - 55) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
"""ISO 7064 MOD 97-10: A is 10, Z is 35."""
_IBAN_PART: Final = re.compile(r"([1-9][0-9]*)!([nac])")
_IBAN_SIGNS: Final = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
_COUNTRIES_KEPT: Final = 1_296
"""As many as two letters or digits can name."""


def check_iban(iban: str, pointer: str = "") -> None:
    """Check an IBAN: check digits (ISO 7064 MOD 97-10) and the country's structure (ISO 13616 registry).

    Args:
        iban: without blanks.
        pointer: path of the element, for the error.

    Raises:
        MalformedError: ``iban_wrong``.
    """
    structure = _iban_structure(iban[:2])
    well_formed = structure is not None and structure.fullmatch(iban) is not None
    # The library takes 17 us a number and every payment has two; it decides what this does not find right, and what
    # belongs to a country with rules of its own.
    if not well_formed or int((iban[4:] + iban[:4]).translate(_LETTER_DIGITS)) % 97 != 1:
        _check("iban", iban, pointer)


@lru_cache(_COUNTRIES_KEPT)
def _iban_structure(country: str) -> re.Pattern[str] | None:
    """How a country's IBANs are written, when that and the check digits are all there is to check."""
    known = numdb.get("iban").info(country)
    parts = known[0][1].get("bban") if known else None
    if parts is None or get_cc_module(country.lower(), "iban") is not None:
        return None
    signs = _IBAN_PART.sub(lambda part: f"{_IBAN_SIGNS[part[2]]}{{{part[1]}}}", parts)
    return re.compile(f"{country}[0-9]{{2}}{signs}", re.ASCII)


def check_bic(bic: str, pointer: str = "") -> None:
    """Check the form of a BIC, 8 or 11 characters with a country code (ISO 9362:2022).

    Raises:
        MalformedError: ``bic_wrong``.
    """
    _check("bic", bic, pointer)


def check_lei(lei: str, pointer: str = "") -> None:
    """Check a legal entity identifier: 20 characters with check digits (ISO 17442-1:2020).

    Raises:
        MalformedError: ``lei_wrong``.
    """
    _check("lei", lei, pointer)


def _check(kind: str, value: str, pointer: str) -> None:
    checker = _CHECKS[kind]
    try:
        compact = checker.validate(value)
    except ValidationError as error:
        raise MalformedError(
            f"{value[:40]!r} is not a valid {kind.upper()}", code=f"{kind}_wrong", pointer=pointer
        ) from error
    # The library forgives blanks and lower case; on the wire there is one spelling.
    if compact != value:
        raise MalformedError(f"{value[:40]!r} is not written as it should be", code=f"{kind}_wrong", pointer=pointer)
