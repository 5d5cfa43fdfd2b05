"""How large a bulk may become, and by what it is found: limits are coded refusals, and fsck looks after the names."""

import msgspec
import pytest
from tests.unit.services.payments.desk import HALYK, HBL, KASPI, Desk
from tests.unit.services.payments.test_bulk import documents, order, remit, states
from tests.unit.services.payments.test_restore import give_back

from darwaza.config import CASE_BYTES_MAX
from darwaza.engine.fsck import examine
from darwaza.kernel import parts
from darwaza.kernel.machine import Refusal
from darwaza.services.payments.bulk import BULK_TRANSACTIONS_MAX
from darwaza.services.payments.entry import DETAIL_CHARS_MAX, cut, kept_hits
from darwaza.services.payments.message import BULK
from darwaza.services.payments.record import Bulk, Check, Entry
from darwaza.standards.iso20022.message import read, write
from darwaza.testing.trade import joined


@pytest.fixture
def desk():
    return Desk()


def pending(desk):
    return [one.balance.debits_pending for land in desk.lands.values() for one in land.accounts()]


def test_a_case_over_the_limit_is_refused_before_anything_is_held(desk, monkeypatch):
    given = documents(desk)
    with monkeypatch.context() as small:
        small.setattr("darwaza.engine.unit.CASE_BYTES_MAX", 500)
        refused = remit(desk, given)
    assert isinstance(refused, Refusal)
    assert refused.code == "case_too_large"
    assert set(pending(desk)) == {0}
    assert desk.pk.state(desk.done(remit(desk, given)).case_id) == "bulk-sent"


def test_an_order_over_the_receivers_limit_frees_the_payers_money(desk, monkeypatch):
    case_id = desk.done(remit(desk, documents(desk))).case_id
    monkeypatch.setattr("darwaza.engine.unit.CASE_BYTES_MAX", 500)
    desk.move("PK", "KZ")
    assert desk.kz.state(case_id) is None
    monkeypatch.undo()
    desk.settle_down()
    assert set(states(desk.pk, case_id)) == {"rejected"}
    assert {entry.reason for entry in desk.pk.case(case_id)[1].entries} == {"AB10"}
    desk.check()


def test_the_largest_bulk_with_the_longest_texts_stays_a_case(desk):
    """A thousand payments, each refused in many words after screening had found much, in letters of four bytes."""
    order(desk)
    now = desk.world.clock.now()
    entry = Entry(
        uetr=desk.uetr(),
        end_to_end="𞤀" * 35,
        amounts=(10**17,) * 6,
        spread_minor=10**17,
        state="given-back",
        ended_at=now,
        reason="RR04",
        detail=cut("𞤀" * 5_000),
        recall_reason="DUPL",
        recall_answer="CUST",
        refund_minor=10**17,
        returned_at=now,
        wake_at=now,
        hits=kept_hits(("𞤀" * 5_000,) * 20),
        checks=(Check(cut(KASPI + ":" + "𞤀" * 500), now),) * 3,
    )
    assert len(entry.detail) == DETAIL_CHARS_MAX
    bulk = Bulk(
        payer_bank=HBL,
        payee_bank=HALYK,
        provider="PK/fx-swift",
        rate="1.75",
        message_id="𞤀" * 35,
        answer_by=now,
        decide_by=now,
        entries=(entry,) * BULK_TRANSACTIONS_MAX,
    )
    assert len(msgspec.msgpack.encode(bulk)) < CASE_BYTES_MAX


def found(land):
    trust, services = land.engine.site.trust, [land.service]
    return {(one.code, one.where) for one in examine(land.store, member=land.code, trust=trust, services=services)}


@pytest.mark.parametrize("side", ["PK", "KZ"])
def test_fsck_holds_names_against_the_cases_that_bear_them(desk, side):
    """A payment that is not found by its UETR, a name that leads to what does not bear it, or to nothing."""
    case_id, land = order(desk), desk.lands[side]
    tables = land.store._tables
    uetr = land.case(case_id)[1].entries[1].uetr
    assert found(land) == set()
    kept = tables.names.pop(uetr)
    assert found(land) == {("case_unnamed", case_id)}
    tables.names[uetr.replace("0", "f")] = case_id
    assert found(land) == {("case_unnamed", case_id), ("name_dangling", case_id)}
    tables.names.pop(uetr.replace("0", "f"))
    tables.names[uetr] = kept
    tables.names["lost"] = "no case"
    assert found(land) == {("name_dangling", "no case")}


def test_a_name_another_case_had_before_is_sound(desk):
    """The payees' gateway refuses a payment whose UETR it knows; the bulk is not found by it, the first one is."""
    uetr = desk.uetr()
    first = order(desk, size=1, uetrs=[uetr])
    assert found(desk.pk) == found(desk.kz) == set()
    del desk.pk.store._tables.names[uetr]
    second = order(desk, size=2, uetrs=[uetr, desk.uetr()])
    assert states(desk.kz, second) == ["refused", "asked"]
    assert desk.kz.store.named([uetr]) == {uetr: first}
    assert found(desk.kz) == set()


def order_of(desk):
    """The body of the order of a bulk of two, on its way."""
    case_id = desk.done(remit(desk, documents(desk, size=2))).case_id
    (place,) = desk.pk.store.case_leaves(case_id)
    return desk.pk.store.body(*place[:2])


def taken(desk, body, media_type=parts.PARTS_MEDIA_TYPE):
    """What the payees' gateway answers to such an order."""
    case_id = "0199b5c1-0000-7000-8000-0000000000c1"
    header = {"kind": BULK, "id": case_id, "origin": HBL, "destination": HALYK, "media_type": media_type}
    return give_back(desk.kz, case_id, header, body, own=False, refused=True)


def test_an_order_that_is_none_is_refused(desk):
    """Parts without a payment, with two in one, with one twice, without terms, with one that is no payment."""
    line, *given = parts.split(order_of(desk))
    both = write(joined([read(one) for one in given]))
    assert not isinstance(taken(desk, parts.join((line, *given))), Refusal)
    for wrong in ((line,), (line, both), (line, given[0], given[0]), given, (line, *given, b"<Document/>")):
        assert taken(desk, parts.join(wrong)).code == "payment_malformed", wrong


def test_an_order_whose_body_is_not_in_parts_is_refused(desk):
    """Its digest would be over the whole: the evidence of one payment would show what everybody gets."""
    refused = taken(desk, order_of(desk), "application/xml")
    assert (refused.code, refused.detail, refused.pointer) == (
        "payment_malformed",
        "the body is not in parts",
        "/media_type",
    )


def test_documents_that_are_no_bulk_are_refused_whole(desk):
    """Two payments in one document, a payment twice, what cannot be read: nothing is held for any."""
    first, second = documents(desk, size=2)
    both = write(joined([read(first), read(second)]))
    for wrong in ((), (both,), (first, first), (first, b"<Document/>"), (first,) * (BULK_TRANSACTIONS_MAX + 1)):
        refused = remit(desk, wrong)
        assert refused.code == "payment_malformed", wrong
    assert set(pending(desk)) == {0}
