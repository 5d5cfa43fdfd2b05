"""A bulk of real size: its order goes in the lane of large messages, its answers in the ordinary one; disks are lost.

What is said of a case keeps its order over both lanes, and a gateway that lost its disk is rebuilt from what its
neighbour gives back of both.
"""

import pytest

from darwaza.bootstrap import examine_store
from darwaza.config import ORDINARY_BODY_BYTES_MAX
from darwaza.kernel.message import decode_header
from darwaza.kernel.naming import Lane
from darwaza.services.payments.message import ANSWERS, BULK, BULK_INQUIRY

from .payment_corridor import ALATAU, INDUS, SBP, PaymentCorridor
from .test_bulk_refusals import large

SIZE = 500
WORDS = 200


@pytest.fixture
def corridor(tmp_path):
    made = PaymentCorridor(tmp_path)
    made.do(SBP, "/v1/payments/deposits", {"participant": INDUS, "amount": "9000000.00", "id": "more"})
    yield made
    made.close()


def order(corridor):
    answer = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=large(corridor, SIZE, 1_000))
    ids = [one["id"] for one in answer.json()]
    assert len({one.partition(".")[0] for one in ids}) == 1
    return ids


def say(corridor, ids, reason=None):
    words = [{"id": one} | ({"reason": reason} if reason else {}) for one in ids]
    answers = corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": words}).json()["answers"]
    assert not [one for one in answers if "code" in one]


def lanes(corridor, case_id):
    """Which messages of a case went in which lane, as their author has it."""
    found = set()
    for code, gateway in corridor.gateways.items():
        rows = {row.id: row for row in gateway.engine.store.logs()}
        for log_id, _, raw in gateway.engine.store.case_leaves(case_id):
            header = decode_header(raw)
            if rows[log_id].author == code:
                large_one = header.body_bytes > ORDINARY_BODY_BYTES_MAX
                found.add((header.kind, rows[log_id].lane, large_one))
    return found


def entries(corridor, code, case_id):
    engine = corridor.gateways[code].engine
    return engine.site.decode_case(engine.store.cases([case_id])[case_id]).data.entries


def balances(corridor, code):
    return {
        account.id: (balance.debits_posted, balance.credits_posted, balance.debits_pending, balance.credits_pending)
        for account, balance in corridor.gateways[code].engine.store.scan_accounts()
        if account.id.partition(":")[0] in {"position", "transit", "abroad", "mirror", "corridor"}
    }


def settled_down(corridor):
    for _ in range(3):
        corridor.run()
        corridor.wait(11)
    corridor.run()


def test_a_disk_lost_on_either_side_is_rebuilt_from_both_lanes(corridor):
    """Credited, refused and silent ones: the same states and the same money as before the loss."""
    kept = {code: corridor.backup(code) for code in ("PK", "KZ")}
    ids = order(corridor)
    case_id = ids[0].partition(".")[0]
    corridor.run()
    say(corridor, ids[:WORDS])
    say(corridor, ids[WORDS : 2 * WORDS], "AC04")
    corridor.run()
    settled_down(corridor)
    states = {code: [one.state for one in entries(corridor, code, case_id)] for code in ("PK", "KZ")}
    assert states["PK"] == ["settled"] * WORDS + ["rejected"] * (SIZE - WORDS)
    assert lanes(corridor, case_id) == {(BULK, 1, True), (ANSWERS, 0, False)}
    before = {code: balances(corridor, code) for code in ("PK", "KZ")}
    for code in ("KZ", "PK"):
        # The backup is from before the bulk: of money paid in no message tells.
        corridor.lose(code, kept[code])
        settled_down(corridor)
        assert [one.state for one in entries(corridor, code, case_id)] == states[code]
        assert balances(corridor, code) == before[code]
    corridor.close()
    for code in ("PK", "KZ"):
        assert examine_store(corridor.local.path(code), lambda _done, _total: None) == []
    corridor.gateways.clear()


def carry(corridor, author, reader, number):
    """Carry one lane alone."""
    for origin in corridor.lanes(author, reader):
        if Lane.parse(origin).number == number:
            corridor._carry_lane(corridor.gateways[author].engine, corridor.gateways[reader].engine, origin)


def test_an_inquiry_that_overtakes_its_order_waits_for_it(corridor):
    """The lane of large messages stands still: the inquiry, which follows the order, is not refused but waits."""
    ids = order(corridor)
    case_id = ids[0].partition(".")[0]
    corridor.wait(26)
    assert corridor.show(INDUS, ids[0])["state"] == "unknown"
    assert (BULK_INQUIRY, 0, False) in lanes(corridor, case_id)
    carry(corridor, "PK", "KZ", 0)
    carry(corridor, "KZ", "PK", 0)
    assert not corridor.gateways["KZ"].engine.store.cases([case_id])
    assert {kind for kind, _, _ in lanes(corridor, case_id)} == {BULK, BULK_INQUIRY}
    carry(corridor, "PK", "KZ", 1)
    settled_down(corridor)
    assert {one.state for one in entries(corridor, "PK", case_id)} == {"rejected"}
    pending = [values[2:] for values in balances(corridor, "PK").values()]
    assert set(pending) == {(0, 0)}
