"""Decimal text and minor units: one exact way in, one exact way out, and a refusal for everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import ASSET_SCALE_MAX, Asset, asset_from_text
from darwaza.ledger.money import Rounding, divide, to_minor, to_text
from darwaza.ledger.order import AMOUNT_MINOR_MAX

TENGE = Asset("KZT", 2)
scales = st.integers(0, ASSET_SCALE_MAX)
amounts = st.integers(0, AMOUNT_MINOR_MAX)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1250.50", 125_050),
        ("1250.5", 125_050),
        ("1250", 125_000),
        ("1250.", 125_000),
        (".5", 50),
        ("+1.00", 100),
        ("0001.00", 100),
        ("0", 0),
        ("9999999999999999.99", AMOUNT_MINOR_MAX),
    ],
)
def test_decimal_text_is_read_exactly(text, minor):
    """Every way xs:decimal has of writing an amount that is not negative is read."""
    assert to_minor(text, TENGE) == minor


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "amount_malformed"),
        (".", "amount_malformed"),
        ("+", "amount_malformed"),
        ("1,250.50", "amount_malformed"),
        ("1e3", "amount_malformed"),
        (" 1", "amount_malformed"),
        ("1\n", "amount_malformed"),
        ("١٢", "amount_malformed"),
        ("0x10", "amount_malformed"),
        ("NaN", "amount_malformed"),
        ("--1", "amount_malformed"),
        ("0" * 41, "amount_malformed"),
        ("9" * 10_000, "amount_malformed"),
        ("-0.001", "amount_negative"),
        ("-1", "amount_negative"),
        ("1.005", "amount_too_precise"),
        ("1.000", "amount_too_precise"),
        ("10000000000000000.000", "amount_too_precise"),
        ("10000000000000000.00", "amount_too_large"),
    ],
)
def test_other_text_is_refused_with_its_place(text, code):
    """What is not an amount of this asset is a refusal that says where it stood; nothing is rounded."""
    answer = to_minor(text, TENGE, "/amount")
    assert (answer.code, answer.pointer) == (code, "/amount")


@given(amounts, scales)
def test_text_and_minor_units_round_trip(amount_minor, scale):
    """Every amount is written with exactly its decimals and read back as itself; its negative differs by the sign."""
    asset = Asset("X", scale)
    text = to_text(amount_minor, asset)
    assert to_minor(text, asset) == amount_minor
    assert len(text.partition(".")[2]) == scale
    assert to_text(-amount_minor, asset) == ("-" + text if amount_minor else text)


@given(st.text(max_size=50), scales)
def test_no_text_makes_the_reader_fail(text, scale):
    """Whatever a party writes, the answer is an amount or a refusal."""
    answer = to_minor(text, Asset("X", scale))
    assert isinstance(answer, Refusal) or 0 <= answer <= AMOUNT_MINOR_MAX


@given(st.integers(0, 10**40), st.integers(1, 10**20))
def test_the_two_roundings_enclose_the_quotient(numerator, denominator):
    """Down and up are the whole numbers around the quotient, and the quotient itself where it is whole."""
    down, up = (divide(numerator, denominator, rounding) for rounding in (Rounding.DOWN, Rounding.UP))
    assert down * denominator <= numerator <= up * denominator
    assert up - down == (numerator % denominator != 0)


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 2), (1, 0), (1, -2)])
def test_the_roundings_are_for_amounts(numerator, denominator):
    """A negative quotient has no up and down that means paying out or charging."""
    with pytest.raises(ValueError, match="not a division of amounts"):
        divide(numerator, denominator, Rounding.UP)


@pytest.mark.parametrize("text", ["KZT/2", "KZ2C00013521/0", "eip155:1/erc20:0xA0b8/6", "X/18"])
def test_assets_have_one_text_form(text):
    """An asset is read from the form it is written in, whatever its code holds."""
    assert str(asset_from_text(text)) == text
    assert asset_from_text(text).well_formed


@pytest.mark.parametrize(
    "text", ["", "KZT", "KZT/", "/2", "KZT/02", "KZT/19", "KZT/-1", "K T/2", "x" * 81 + "/2", "KZT/²"]
)
def test_other_texts_are_no_assets(text):
    """What is not CODE/scale is malformed."""
    with pytest.raises(MalformedError):
        asset_from_text(text)


@pytest.mark.parametrize(
    "asset", [Asset("", 2), Asset("K T", 2), Asset("KZT", -1), Asset("KZT", 19), Asset("x" * 81, 2)]
)
def test_an_asset_knows_when_it_is_none(asset):
    """A value built elsewhere is checked by the same rules."""
    assert not asset.well_formed
