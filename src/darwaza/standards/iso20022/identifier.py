"""Check digits and registries behind the identifiers that a schema only knows by their pattern.

Reading does not run these checks: which of them a corridor asks for, and at which elements, is the service's rule.
"""

from typing import Final

import stdnum.bic
import stdnum.iban
import stdnum.lei
from stdnum.exceptions import ValidationError

from darwaza.errors import MalformedError

_CHECKS: Final = {
    "iban": stdnum.iban,
    "bic": stdnum.bic,
    "lei": stdnum.lei,
}


def check_iban(iban: str, pointer: str = "") -> None:
    """Check an IBAN: check digits (ISO 7064 MOD 97-10) and the country's structure (ISO 13616 registry).

    Args:
        iban: without blanks.
        pointer: path of the element, for the error.

    Raises:
        MalformedError: ``iban_wrong``.
    """
    _check("iban", iban, pointer)


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
