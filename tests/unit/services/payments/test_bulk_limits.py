"""How large a bulk may become: a case that would grow over its limit is refused with a code, and no money hangs."""

import msgspec
import pytest
from tests.unit.services.payments.desk import HALYK, HBL, KASPI, Desk
from tests.unit.services.payments.test_bulk import document, order, remit, states

from darwaza.config import CASE_BYTES_MAX
from darwaza.kernel.machine import Refusal
from darwaza.services.payments.bulk import BULK_TRANSACTIONS_MAX
from darwaza.services.payments.entry import DETAIL_CHARS_MAX, cut, kept_hits
from darwaza.services.payments.record import Bulk, Check, Entry


@pytest.fixture
def desk():
    return Desk()


def pending(desk):
    return [one.balance.debits_pending for land in desk.lands.values() for one in land.accounts()]


def test_a_case_over_the_limit_is_refused_before_anything_is_held(desk, monkeypatch):
    given = document(desk)
    with monkeypatch.context() as small:
        small.setattr("darwaza.engine.unit.CASE_BYTES_MAX", 500)
        refused = remit(desk, given)
    assert isinstance(refused, Refusal)
    assert refused.code == "case_too_large"
    assert set(pending(desk)) == {0}
    assert desk.pk.state(desk.done(remit(desk, given)).case_id) == "bulk-sent"


def test_an_order_over_the_receivers_limit_frees_the_payers_money(desk, monkeypatch):
    case_id = desk.done(remit(desk, document(desk))).case_id
    monkeypatch.setattr("darwaza.engine.unit.CASE_BYTES_MAX", 500)
    desk.move("PK", "KZ")
    assert desk.kz.state(case_id) is None
    monkeypatch.undo()
    desk.settle_down()
    assert set(states(desk.pk, case_id)) == {"rejected"}
    assert {entry.reason for entry in desk.pk.case(case_id)[1].entries} == {"AB10"}
    desk.check()


def test_the_largest_bulk_with_the_longest_texts_stays_a_case(desk):
    """A thousand payments, each refused in a long sentence after screening had found much, in a script of two bytes."""
    order(desk)
    now = desk.world.clock.now()
    entry = Entry(
        uetr=desk.uetr(),
        end_to_end="Й" * 35,
        amounts=(10**17,) * 6,
        spread_minor=10**17,
        state="given-back",
        ended_at=now,
        reason="RR04",
        detail=cut("Й" * 5_000),
        recall_reason="DUPL",
        recall_answer="CUST",
        refund_minor=10**17,
        returned_at=now,
        wake_at=now,
        hits=kept_hits(("Й" * 5_000,) * 20),
        checks=(Check(KASPI + ":" + "Й" * 140, now),) * 2,
    )
    assert len(entry.detail) == DETAIL_CHARS_MAX
    bulk = Bulk(
        payer_bank=HBL,
        payee_bank=HALYK,
        provider="PK/fx-swift",
        rate="1.75",
        message_id="Й" * 35,
        answer_by=now,
        decide_by=now,
        entries=(entry,) * BULK_TRANSACTIONS_MAX,
    )
    assert len(msgspec.msgpack.encode(bulk)) < CASE_BYTES_MAX
