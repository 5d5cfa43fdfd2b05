"""The amounts of one exchange: both ways of fixing it, fees included, add up and never create money."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.exchange import Exchange, Fee, Terms
from darwaza.ledger.order import AMOUNT_MINOR_MAX
from darwaza.ledger.rate import rate_from_text, rate_of

RUPEE = Asset("PKR", 2)
TENGE = Asset("KZT", 2)
PER_CENT = 10_000

fees = st.builds(
    lambda fixed, share, least, width: Fee(
        fixed_minor=fixed, share_ppm=share, least_minor=least, most_minor=None if width is None else least + width
    ),
    st.integers(0, 500),
    st.integers(0, 999_999),
    st.integers(0, 500),
    st.one_of(st.none(), st.integers(0, 5_000)),
)
terms = st.builds(
    lambda rate, source_fee, fee: Terms(
        source=RUPEE, destination=TENGE, rate=rate, source_fee_minor=source_fee, destination_fee=fee
    ),
    st.builds(rate_of, st.integers(1, 10**6), st.integers(1, 10**6)),
    st.integers(0, 10_000),
    fees,
)


def quote(**fields) -> Terms:
    fee = Fee(fixed_minor=100, share_ppm=PER_CENT)
    usual = {"rate": rate_from_text("1.9"), "source_fee_minor": 5_000, "destination_fee": fee}
    return Terms(source=RUPEE, destination=TENGE, **(usual | fields))


def test_fixed_by_the_debit():
    """1,000 rupees leave; 950 cross and buy 1,805 tenge; the fee is 1 tenge and 1 per cent."""
    assert quote().from_debit(100_000) == Exchange(
        debit_minor=100_000,
        source_fee_minor=5_000,
        source_minor=95_000,
        destination_minor=180_500,
        destination_fee_minor=1_905,
        credit_minor=178_595,
    )


def test_fixed_by_the_credit():
    """The same exchange seen from the payee costs the same."""
    assert quote().from_credit(178_595) == quote().from_debit(100_000)


@pytest.mark.parametrize(
    ("fee", "amount", "expected"),
    [
        (Fee(), 1_000, 0),
        (Fee(fixed_minor=7), 1_000, 7),
        (Fee(share_ppm=PER_CENT), 1_001, 11),
        (Fee(share_ppm=PER_CENT, least_minor=20), 1_001, 20),
        (Fee(fixed_minor=5, share_ppm=PER_CENT, most_minor=12), 1_001, 12),
        (Fee(least_minor=50), 10, 50),
    ],
)
def test_a_fee_is_a_fixed_part_and_a_share_within_bounds(fee, amount, expected):
    """The share is rounded up; the bounds have the last word."""
    assert fee.of(amount) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"fixed_minor": -1},
        {"share_ppm": -1},
        {"share_ppm": 1_000_000},
        {"least_minor": -1},
        {"least_minor": 2, "most_minor": 1},
    ],
)
def test_a_fee_that_is_none_cannot_be_made(fields):
    """A formula that could pay the payer, or take all, is a configuration error."""
    with pytest.raises(ValueError, match="not a fee"):
        Fee(**fields)


@given(fees, st.integers(1, 10**15))
def test_grossing_up_leaves_exactly_the_net_and_is_the_least_that_does(fee, net):
    """The payee gets what was promised to the unit, and the payer is not charged a unit too much."""
    gross = fee.gross(net)
    assert gross - fee.of(gross) == net
    assert gross == 0 or (gross - 1) - fee.of(gross - 1) < net


@given(terms, st.integers(1, 10**15))
def test_i7_an_exchange_adds_up_and_pays_out_no_more_than_it_took(terms, amount):
    """Whichever side is fixed, every unit is accounted for and the provider is never short."""
    for exchange in (terms.from_debit(amount), terms.from_credit(amount)):
        if isinstance(exchange, Refusal):
            continue
        assert exchange.debit_minor == exchange.source_minor + exchange.source_fee_minor
        assert exchange.destination_minor == exchange.credit_minor + exchange.destination_fee_minor
        assert exchange.destination_fee_minor == terms.destination_fee.of(exchange.destination_minor)
        rate = Fraction(terms.rate.numerator, terms.rate.denominator)
        assert exchange.destination_minor <= exchange.source_minor * rate
        assert exchange.credit_minor > 0


@given(terms, st.integers(1, 10**15))
def test_the_fixed_side_is_exact_and_the_other_way_is_never_dearer(terms, amount):
    """Asking for exactly what a debit would bring costs that debit or less."""
    exchange = terms.from_debit(amount)
    assume(isinstance(exchange, Exchange))
    assert exchange.debit_minor == amount
    mirrored = terms.from_credit(exchange.credit_minor)
    assert mirrored.credit_minor == exchange.credit_minor
    assert mirrored.debit_minor <= amount


@pytest.mark.parametrize(
    ("exchange", "code"),
    [
        (quote().from_debit(5_000), "amount_too_small"),
        (quote().from_debit(5_050), "amount_too_small"),
        (quote().from_credit(0), "amount_too_small"),
        (quote().from_credit(-5), "amount_too_small"),
        (quote().from_credit(AMOUNT_MINOR_MAX), "amount_too_large"),
        (quote(rate=rate_from_text("1000")).from_debit(AMOUNT_MINOR_MAX), "amount_too_large"),
    ],
)
def test_an_exchange_that_cannot_be_is_refused(exchange, code):
    """Fees that eat the amount, and numbers the ledger cannot hold, are refusals."""
    assert exchange.code == code
