"""Check digits find what patterns cannot."""

from collections.abc import Callable

import pytest

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
