"""Check digits find what patterns cannot."""

import re
from collections.abc import Callable

import pytest
import stdnum.iban
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import numdb

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.identifier import check_bic, check_iban, check_lei


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_iban, "PK36SCBL0000001123456702"),
        (check_iban, "KZ86125KZT5004100100"),
        (check_bic, "ABPAPKKA"),
        (check_bic, "HSBKKZKXXXX"),
        (check_lei, "213800KUD8LAJWSQ9D15"),
    ],
)
def test_good_identifiers(check: Callable[[str], None], value: str) -> None:
    """Identifiers in their one spelling pass."""
    check(value)


@pytest.mark.parametrize(
    ("check", "value", "code"),
    [
        (check_iban, "PK36SCBL0000001123456703", "iban_wrong"),
        (check_iban, "PK36SCBL000000112345670", "iban_wrong"),
        (check_iban, "XX36SCBL0000001123456702", "iban_wrong"),
        (check_iban, "PK36 SCBL 0000 0011 2345 6702", "iban_wrong"),
        (check_iban, "pk36scbl0000001123456702", "iban_wrong"),
        (check_iban, "", "iban_wrong"),
        (check_bic, "ABPAPKK", "bic_wrong"),
        (check_bic, "ABPAP1KA", "bic_wrong"),
        (check_bic, "abpapkka", "bic_wrong"),
        (check_lei, "213800KUD8LAJWSQ9D16", "lei_wrong"),
        (check_lei, "213800KUD8LAJWSQ9D1", "lei_wrong"),
    ],
)
def test_bad_identifiers(check: Callable[..., None], value: str, code: str) -> None:
    """A wrong digit, length, country or spelling is refused at its element."""
    with pytest.raises(MalformedError) as caught:
        check(value, "/here")
    assert (caught.value.code, caught.value.pointer) == (code, "/here")


COUNTRIES = {prefix[1]: prefix[3]["bban"] for prefix in numdb.get("iban").prefixes}
SIGNS = {"n": "0123456789", "a": "ABCXYZ", "c": "09AZaz"}


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """A number as a country writes it, with the right check digits, and perhaps one sign wrong."""
    country = draw(st.sampled_from(sorted(COUNTRIES)))
    parts = re.findall(r"([1-9][0-9]*)!([nac])", COUNTRIES[country])
    bban = "".join(draw(st.text(SIGNS[kind], min_size=int(n), max_size=int(n))) for n, kind in parts)
    number = country + stdnum.iban.calc_check_digits(f"{country}00{bban}") + bban
    if draw(st.booleans()):
        at = draw(st.integers(0, len(number) - 1))
        number = number[:at] + draw(st.sampled_from(["", "0", "A", "a", " ", "\u0663"])) + number[at + 1 :]
    return number


@settings(max_examples=400)
@given(numbers())
def test_the_quick_check_judges_as_the_library_does(number: str) -> None:
    """In every country of the registry, right or wrong by one sign."""
    try:
        good = stdnum.iban.validate(number) == number
    except stdnum.exceptions.ValidationError:
        good = False
    try:
        check_iban(number)
        found = True
    except MalformedError:
        found = False
    assert found == good
