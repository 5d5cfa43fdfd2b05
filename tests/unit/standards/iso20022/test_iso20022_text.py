"""Times are moments, dates are days, and what a schema lets through but nobody can act on is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from tests.unit.standards.iso20022.samples import credit_transfer

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.text import read_boolean, read_date, read_instant, write_decimal, write_instant


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-05T09:15:30Z", datetime(2026, 11, 5, 9, 15, 30, tzinfo=UTC)),
        (" 2026-11-05T09:15:30Z\n", datetime(2026, 11, 5, 9, 15, 30, tzinfo=UTC)),
        ("2026-11-05T14:15:30+05:00", datetime(2026, 11, 5, 9, 15, 30, tzinfo=UTC)),
        ("2026-11-05T09:15:30.123Z", datetime(2026, 11, 5, 9, 15, 30, 123_000, tzinfo=UTC)),
        ("2026-11-05T09:15:30.123456789Z", datetime(2026, 11, 5, 9, 15, 30, 123_456, tzinfo=UTC)),
        ("2026-11-05T09:15:30-00:00", datetime(2026, 11, 5, 9, 15, 30, tzinfo=UTC)),
    ],
)
def test_instants(text: str, at: datetime) -> None:
    """Every zone gives the same moment in UTC."""
    found = read_instant(text)
    assert found == at
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-11-05T09:15:30", "time_zone_missing"),
        ("2026-11-05T24:00:00Z", "time_out_of_range"),
        ("12026-11-05T09:15:30Z", "time_out_of_range"),
        ("-0001-11-05T09:15:30Z", "time_out_of_range"),
        ("0001-01-01T00:00:00+14:00", "time_out_of_range"),
        ("9999-12-31T23:59:59-14:00", "time_out_of_range"),
        ("9999-12-31T23:59:59-12:00", "time_out_of_range"),
    ],
)
def test_instants_refused(text: str, code: str) -> None:
    """Local time names no moment; times no calendar here can hold are refused, not wrapped."""
    with pytest.raises(MalformedError) as caught:
        read_instant(text)
    assert caught.value.code == code


def test_writing_instants() -> None:
    """Any zone is written as UTC; a time without zone is not written."""
    at = datetime(2026, 11, 5, 14, 15, tzinfo=timezone(timedelta(hours=5)))
    assert write_instant(at) == "2026-11-05T09:15:00Z"
    with pytest.raises(MalformedError) as caught:
        write_instant(at.replace(tzinfo=None))
    assert caught.value.code == "time_zone_missing"


def test_dates() -> None:
    """A day is a day; xs:date's optional zone is refused."""
    assert read_date(" 2026-11-05 ") == date(2026, 11, 5)
    for text, code in (
        ("2026-11-05Z", "date_with_zone"),
        ("2026-11-05+05:00", "date_with_zone"),
        ("12026-11-05", "time_out_of_range"),
    ):
        with pytest.raises(MalformedError) as caught:
            read_date(text)
        assert caught.value.code == code


def test_booleans_and_decimals() -> None:
    """Both spellings of a truth value; decimals without exponent, and only finite ones."""
    assert [read_boolean(text) for text in ("true", " 1 ", "false", "0")] == [True, True, False, False]
    assert write_decimal(Decimal("1E+3")) == "1000"
    assert write_decimal(Decimal("1E-7")) == "0.0000001"
    with pytest.raises(MalformedError) as caught:
        write_decimal(Decimal("Infinity"))
    assert caught.value.code == "number_wrong"


@pytest.mark.parametrize(
    ("old", "new", "code", "pointer"),
    [
        (b"2026-11-05T09:15:30Z</CreDtTm>", b"2026-11-05T09:15:30</CreDtTm>", "time_zone_missing", "GrpHdr/CreDtTm"),
        (b"2026-11-05</Intr", b"2026-11-05Z</Intr", "date_with_zone", "CdtTrfTxInf/IntrBkSttlmDt"),
        (b">100100.00<", b">100100.001<", "too_many_decimals", "CdtTrfTxInf/InstdAmt"),
        (b'<InstdAmt Ccy="PKR"', b'<InstdAmt Ccy="QQQ"', "currency_unknown", "CdtTrfTxInf/InstdAmt"),
        (b'Ccy="KZT">50.00', b'Ccy="KZT">50.005', "too_many_decimals", "CdtTrfTxInf/ChrgsInf[2]/Amt"),
        (b"<NbOfTxs>1<", b"<NbOfTxs>2<", "transaction_count_wrong", "GrpHdr/NbOfTxs"),
        (b"<CtrlSum>100000.00<", b"<CtrlSum>100000.01<", "control_sum_wrong", "GrpHdr/CtrlSum"),
        (b'Ccy="PKR">100000.00</Ttl', b'Ccy="PKR">100000.01</Ttl', "total_wrong", "GrpHdr/TtlIntrBkSttlmAmt"),
        (b'Ccy="PKR">100000.00</Ttl', b'Ccy="KZT">100000.00</Ttl', "total_wrong", "GrpHdr/TtlIntrBkSttlmAmt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_schema_cannot_say(old: bytes, new: bytes, code: str, pointer: str) -> None:
    """Our own checks refuse a schema-valid document with the place."""
    document = write(credit_transfer())
    assert old in document
    with pytest.raises(MalformedError) as caught:
        read(document.replace(old, new))
    assert (caught.value.code, caught.value.pointer) == (code, f"/Document/FIToFICstmrCdtTrf/{pointer}")
