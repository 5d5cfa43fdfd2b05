"""Exchange rates: exact fractions, conversions that only ever lose a rounding, decimals as the wire carries them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import AMOUNT_MINOR_MAX
from darwaza.ledger.rate import (
    PPM,
    Rate,
    effective_rate,
    margin_ppm,
    offered,
    rate_from_text,
    rate_of,
    rate_to_text,
    to_destination,
    to_source,
)

RUPEE = Asset("PKR", 2)
TENGE = Asset("KZT", 2)
SUM = Asset("UZS", 2)
YEN = Asset("JPY", 0)
DINAR = Asset("KWD", 3)

amounts = st.integers(1, AMOUNT_MINOR_MAX)
rates = st.builds(rate_of, st.integers(1, 10**12), st.integers(1, 10**12))
assets = st.builds(Asset, st.just("X"), st.integers(0, 8))


def worth(amount_minor: int, asset: Asset) -> Fraction:
    return Fraction(amount_minor, 10**asset.scale)


@pytest.mark.parametrize(
    ("rate", "source", "source_minor", "destination", "destination_minor"),
    [
        ("1.9123", RUPEE, 10_000, TENGE, 19_123),
        ("45.6", RUPEE, 1, SUM, 45),
        ("0.0219", SUM, 100, RUPEE, 2),
        ("0.525", RUPEE, 1_000_001, YEN, 5_250),
        ("0.001", RUPEE, 99, YEN, 0),
        ("0.3", YEN, 7, DINAR, 2_100),
    ],
)
def test_a_source_amount_buys_the_whole_units_it_is_worth(rate, source, source_minor, destination, destination_minor):
    """Source to destination is rounded down, across different scales."""
    assert to_destination(source_minor, rate_from_text(rate), source, destination) == destination_minor


@pytest.mark.parametrize(
    ("rate", "source", "source_minor", "destination", "destination_minor"),
    [
        ("1.9123", RUPEE, 10_000, TENGE, 19_123),
        ("1.9123", RUPEE, 10_001, TENGE, 19_124),
        ("45.6", RUPEE, 1, SUM, 1),
        ("0.525", RUPEE, 191, YEN, 1),
    ],
)
def test_a_destination_amount_costs_the_units_that_cover_it(rate, source, source_minor, destination, destination_minor):
    """Destination to source is rounded up, across different scales."""
    assert to_source(destination_minor, rate_from_text(rate), source, destination) == source_minor


@given(amounts, rates, assets, assets)
def test_i7_a_conversion_never_creates_money_and_loses_less_than_a_unit(source_minor, rate, source, destination):
    """What is paid out is worth at most what came in, and one unit more would be worth more."""
    paid = to_destination(source_minor, rate, source, destination)
    exact = worth(source_minor, source) * Fraction(rate.numerator, rate.denominator)
    assert worth(paid, destination) <= exact < worth(paid + 1, destination)


@given(amounts, rates, assets, assets)
def test_i7_a_price_covers_what_is_bought_and_no_more_than_it_must(destination_minor, rate, source, destination):
    """What is charged is worth at least what goes out, and one unit less would not be."""
    charged = to_source(destination_minor, rate, source, destination)
    exact = worth(destination_minor, destination) * Fraction(rate.denominator, rate.numerator)
    assert worth(charged - 1, source) < exact <= worth(charged, source)


@given(amounts, rates, assets, assets)
def test_there_and_back_never_gains(amount_minor, rate, source, destination):
    """Neither direction can be used to turn one rounding against the other."""
    bought = to_destination(amount_minor, rate, source, destination)
    assert to_source(bought, rate, source, destination) <= amount_minor
    assert to_destination(bought, rate.inverse(), destination, source) <= amount_minor
    price = to_source(amount_minor, rate, source, destination)
    assert to_destination(price, rate, source, destination) >= amount_minor


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("45.60", "45.6"), ("1", "1"), ("001.5", "1.5"), ("0.0000000001", "0.0000000001"), ("12345678901", "12345678901")],
)
def test_a_rate_has_one_decimal_form(text, canonical):
    """Zeros that say nothing are not counted and not written."""
    assert rate_to_text(rate_from_text(text)) == canonical


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "rate_malformed"),
        ("1.", "rate_malformed"),
        (".5", "rate_malformed"),
        ("-1", "rate_malformed"),
        ("1e3", "rate_malformed"),
        ("1" * 12, "rate_malformed"),
        ("٤٥", "rate_malformed"),
        ("0", "rate_not_positive"),
        ("0.000", "rate_not_positive"),
        ("0.00000000001", "rate_too_precise"),
        ("12.1234567891", "rate_too_precise"),
    ],
)
def test_other_texts_are_refused(text, code):
    """A rate is a positive decimal of at most 11 digits, 10 of them decimals."""
    answer = rate_from_text(text, "/rate")
    assert (answer.code, answer.pointer) == (code, "/rate")


@given(rates, st.integers(-PPM + 1, PPM))
def test_an_offered_rate_fits_the_wire_and_is_never_better_than_granted(base, improvement_ppm):
    """Cutting to 11 digits rounds down; what is computed with is what is written."""
    rate = offered(base, improvement_ppm)
    granted = Fraction(base.numerator * (PPM + improvement_ppm), base.denominator * PPM)
    if isinstance(rate, Refusal):
        assert granted < Fraction(1, 10**10) if rate.code == "rate_not_positive" else granted >= 10**11
        return
    assert rate_from_text(rate_to_text(rate)) == rate
    cut = Fraction(rate.numerator, rate.denominator)
    assert 0 <= granted - cut < max(Fraction(1, 10**10), granted / 10**10)


def test_improvements_are_parts_per_million_of_the_base():
    """25 basis points on 278.4 are 0.696 more."""
    assert offered(rate_of(2784, 10), 2_500) == rate_of(279_096, 1_000)
    assert offered(rate_of(1, 3)) == rate_of(3_333_333_333, 10**10)
    assert offered(rate_of(1, 1), -PPM).code == "rate_not_positive"


@pytest.mark.parametrize("rate", [Rate(1, 3), Rate(10**11, 1), Rate(1, 10**11)])
def test_a_rate_without_decimal_form_is_not_written(rate):
    """Writing never rounds silently; ``offered`` is where a rate is cut."""
    with pytest.raises(ValueError, match="not a decimal"):
        rate_to_text(rate)


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 0), (-1, 2)])
def test_a_rate_is_positive(numerator, denominator):
    """Nothing else is a rate."""
    with pytest.raises(ValueError, match="not a rate"):
        rate_of(numerator, denominator)


@pytest.mark.parametrize(
    ("rate", "mid", "ppm"),
    [("1", "1", 0), ("0.99", "1", 10_000), ("1.01", "1", -10_000), ("2", "3", 333_334), ("4", "3", -333_333)],
)
def test_the_margin_is_never_shown_smaller_than_it_is(rate, mid, ppm):
    """The distance to the mid rate, rounded up; negative when the offer is better."""
    assert margin_ppm(rate_from_text(rate), rate_from_text(mid)) == ppm


@given(rates, rates)
def test_rates_compare_exactly(left, right):
    """Two rates compare as the fractions they are; a margin is positive only for the worse one."""
    left_value, right_value = (Fraction(rate.numerator, rate.denominator) for rate in (left, right))
    assert left.at_least(right) is (left_value >= right_value)
    assert (margin_ppm(left, right) <= 0) is left.at_least(right)


def test_the_effective_rate_is_what_the_payer_really_gets():
    """Credited per debited, in whole units, whatever the scales."""
    assert effective_rate(10_000, 525, RUPEE, YEN) == rate_of(525, 100)
