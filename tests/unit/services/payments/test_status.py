"""The short way of writing and reading a status says what the long way says."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.services.payments import status
from darwaza.services.payments.record import Payment
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pacs002 import StatusHeader, StatusReport, TransactionStatus

UETR = "00000000-0002-4000-8000-000000000007"
CASE = "019ab000-0000-7000-8000-0123456789ab"
NOW = datetime(2026, 11, 1, 6, 0, 0, 123_000, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=35)


def payment(message_id="MSG-1", end_to_end="INV-2026-0042"):
    return Payment(payer_bank="PK/hbl", payee_bank="KZ/halyk", uetr=UETR, message_id=message_id, end_to_end=end_to_end)


def the_long_way(of, given_status):
    report = StatusReport(
        message=status.STATUS_MESSAGE,
        header=StatusHeader(message_id=status.message_id(CASE, given_status), created_at=NOW.replace(microsecond=0)),
        transactions=(
            TransactionStatus(
                original=status.original_of(of), end_to_end=of.end_to_end, uetr=of.uetr, status=given_status
            ),
        ),
    )
    return write(report)


@settings(max_examples=60)
@given(TEXT, TEXT, st.sampled_from([status.ACCEPTED, status.SETTLED, status.CREDITED, status.PENDING]))
def test_the_template_writes_what_the_writer_writes(message_id, end_to_end, given_status):
    """Byte for byte, whatever a bank calls its payment; and the schema passes it, and it is read back."""
    of = payment(message_id, end_to_end)
    body = status.write_status(of, CASE, given_status, NOW)
    assert body == the_long_way(of, given_status)
    assert status.read_status(body, UETR) == (given_status, "", "")


GOOD = status.write_status(payment(), CASE, status.ACCEPTED, NOW)


@settings(max_examples=300)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.sampled_from(["put", "insert", "drop"]))
def test_what_the_template_lets_through_the_schema_lets_through(at, byte, how):
    """A byte changed anywhere: either the schema passes it too, with the same status, or neither does."""
    changed = {"put": GOOD[:at] + bytes([byte]) + GOOD[at + 1 :], "insert": GOOD[:at] + bytes([byte]) + GOOD[at:]}
    body = changed.get(how, GOOD[:at] + GOOD[at + 1 :])
    if status._plain(body) is None or not status._is_time(status._plain(body)[1]):
        return
    (one,) = read(body).transactions
    assert status._plain(body)[3].decode() == one.status
    assert status._plain(body)[2].decode() == one.uetr


@pytest.mark.parametrize("date", ["2026-02-30T06:00:00Z", "2026-13-01T06:00:00Z", "2026-11-01T24:00:00Z"])
def test_a_day_that_does_not_exist_is_refused_either_way(date):
    with pytest.raises(MalformedError):
        status.read_status(GOOD.replace(b"2026-11-01T06:00:00Z", date.encode()), UETR)


def test_another_payments_status_is_refused_either_way():
    other = UETR.replace("0002", "0003")
    for body in (GOOD, GOOD.replace(b"<MsgId>", b"<MsgId >")):
        with pytest.raises(MalformedError) as caught:
            status.read_status(body, other)
        assert caught.value.code == "payment_malformed"
