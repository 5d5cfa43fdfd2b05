"""What a payer's bank got back on a recall, at the rate of that day, is the same after the day's rate is lost."""

import pytest

from darwaza.kernel.message import decode_header
from darwaza.services.payments.market import market_id
from darwaza.services.payments.message import REFUNDED

from .payment_corridor import ALATAU, INDUS, NBK, SBP, PaymentCorridor
from .test_bulk_lanes import balances, settled_down
from .test_payment_bulk import bulk


@pytest.fixture
def corridor(tmp_path):
    made = PaymentCorridor(tmp_path)
    # The provider has more than the payment itself, so that a better rate for the payer's bank finds the money.
    paid_in = {"participant": "PK/caravan-fx", "amount": "9000000.00", "id": "more"}
    made.do(SBP, "/v1/payments/deposits", paid_in)
    made.do(NBK, "/v1/payments/deposits", {"participant": ALATAU, "amount": "1000.00", "id": "fees"})
    yield made
    made.close()


def recalled(corridor, case_id):
    """Ask a payment back and have it granted; the market has moved since it was agreed."""
    corridor.post_rate("PK/caravan-fx", market_id("PK", "KZ"), "1.60")
    corridor.post_rate("PK/steppe-fx", market_id("PK", "KZ"), "1.60")
    corridor.do(INDUS, f"/v1/payments/{case_id}/recall", {"reason": "DUPL"})
    corridor.do(ALATAU, f"/v1/payments/{case_id}/return", {"reason": "FOCR"})
    corridor.run()
    return corridor.show(INDUS, case_id)


def told(corridor, case_id):
    """How often the refund was told."""
    store = corridor.gateways["PK"].engine.store
    rows = store.case_leaves(case_id.partition(".")[0])
    return [decode_header(raw).kind for _, _, raw in rows].count(REFUNDED)


@pytest.mark.parametrize("in_bulk", [False, True], ids=["alone", "of a bulk"])
def test_a_refund_at_the_rate_of_its_day_outlives_the_disk(corridor, in_bulk):
    """The backup still has the former rate: without its own word the gateway would book another sum."""
    kept = corridor.backup("PK")
    case_id = of_a_bulk(corridor) if in_bulk else corridor.settled()
    source = corridor.show(INDUS, case_id)["chosen"]["source"]
    back = recalled(corridor, case_id)
    assert back["state"] == "returned"
    assert back["refund"] != source
    settled_down(corridor)
    before = balances(corridor, "PK")
    corridor.lose("PK", kept)
    settled_down(corridor)
    again = corridor.show(INDUS, case_id)
    assert (again["state"], again["refund"]) == ("returned", back["refund"])
    assert balances(corridor, "PK") == before
    assert told(corridor, case_id) == 1


def of_a_bulk(corridor):
    """The second payment of a bulk, credited; the others are silent."""
    case_id = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor)).json()[1]["id"]
    corridor.run()
    corridor.do(ALATAU, f"/v1/payments/{case_id}/confirm", None)
    return case_id
