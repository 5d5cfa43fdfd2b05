"""Decimal texts become integers of minor units exactly, or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.amount import Amount, scale_of


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1234.56", "PKR", 123456),
        ("1234.5", "PKR", 123450),
        ("1234", "PKR", 123400),
        ("1234.", "PKR", 123400),
        (".5", "PKR", 50),
        ("0", "PKR", 0),
        ("-0.00", "PKR", 0),
        ("+7", "PKR", 700),
        ("  7.25\n", "PKR", 725),
        ("007", "JPY", 7),
        ("1.234", "BHD", 1234),
        ("1.2345", "CLF", 12345),
        ("9999999999999999.99", "UZS", 999999999999999999),
    ],
)
def test_reading(text: str, currency: str, minor: int) -> None:
    """Every spelling xs:decimal allows gives the same integer."""
    assert Amount.parse(text, currency) == Amount(minor, scale_of(currency), currency)


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("1.005", "PKR", "too_many_decimals"),
        ("1.000", "PKR", "too_many_decimals"),
        ("1.0", "JPY", "too_many_decimals"),
        ("1.2345", "BHD", "too_many_decimals"),
        ("-0.01", "PKR", "amount_negative"),
        ("", "PKR", "amount_wrong"),
        (".", "PKR", "amount_wrong"),
        ("1e3", "PKR", "amount_wrong"),
        ("1,000", "PKR", "amount_wrong"),
        ("1_000", "PKR", "amount_wrong"),
        ("١٢", "PKR", "amount_wrong"),
        ("NaN", "PKR", "amount_wrong"),
        ("1", "XAU", "currency_unknown"),
        ("1", "ABC", "currency_unknown"),
        ("1", "pkr", "currency_unknown"),
    ],
)
def test_refusing(text: str, currency: str, code: str) -> None:
    """What is not an exact amount of the currency has a code; nothing is rounded."""
    with pytest.raises(MalformedError) as caught:
        Amount.parse(text, currency)
    assert caught.value.code == code


@given(minor=st.integers(0, 10**18 - 1), currency=st.sampled_from(["JPY", "PKR", "BHD", "CLF"]))
def test_round_trip(minor: int, currency: str) -> None:
    """Writing and reading an amount gives it back; the text always shows all decimals."""
    amount = Amount(minor, scale_of(currency), currency)
    text = amount.text()
    assert Amount.parse(text, currency) == amount
    assert Decimal(text) == amount.number()
    assert len(text.partition(".")[2]) == scale_of(currency)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (Amount(-1, 2, "PKR"), "amount_negative"),
        (Amount(1, 3, "PKR"), "amount_wrong"),
        (Amount(1, 2, '"><x'), "currency_unknown"),
    ],
)
def test_writing_is_guarded(amount: Amount, code: str) -> None:
    """An amount that is not one of its currency is not written."""
    with pytest.raises(MalformedError) as caught:
        amount.text()
    assert caught.value.code == code


def test_scales_of_the_corridor() -> None:
    """The corridor's currencies have the decimals ISO 4217 gives them."""
    scales = {code: scale_of(code) for code in ("AFN", "CNY", "KGS", "KZT", "PKR", "TJS", "TMT", "USD", "UZS")}
    assert set(scales.values()) == {2}
