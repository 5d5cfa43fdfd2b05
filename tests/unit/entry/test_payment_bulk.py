"""A bulk over HTTP: its payments are ordered, found, shown and answered as payments of their own are."""

import msgspec
import pytest

from darwaza.entry.sample import remittance
from darwaza.standards.iso20022.message import read, write

from .payment_corridor import ALATAU, INDUS, PaymentCorridor

SIZE = 3


@pytest.fixture
def corridor(tmp_path):
    corridor = PaymentCorridor(tmp_path)
    yield corridor
    corridor.close()


def bulk(corridor, **changes):
    """Ordinary payments at a rate of the moment, each of another amount."""
    made = []
    for number in range(SIZE):
        asked = {"payee_bank": ALATAU, "amount": f"{1000 + number}.00", "fee": "5.00"}
        quote = corridor.call(INDUS, "POST", "/v1/payments/quotes", asked).json()
        quote = {"chosen": quote["offers"][0], "payer_bank": INDUS, "payee_bank": ALATAU}
        given = {"priority": "NORM"} | changes.get(f"of_{number}", {})
        made.append(remittance.transaction(quote, corridor.clock.now(), **given))
    whole = read(remittance.document(made[0], now=corridor.clock.now()))
    header = msgspec.structs.replace(whole.header, transaction_count=SIZE, control_sum=None, total=None)
    return write(msgspec.structs.replace(whole, header=header, transactions=tuple(made)))


def test_payments_of_a_bulk_are_ordered_found_answered_and_shown(corridor):
    body = bulk(corridor)
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    case_id = answers[0]["id"].partition(".")[0]
    assert [one["id"] for one in answers] == [f"{case_id}.{number}" for number in (1, 2, 3)]
    corridor.run()
    credits_ = corridor.get(ALATAU, "/v1/payments/credits")
    assert [one["id"] for one in credits_] == [one["id"] for one in answers]
    assert [one["uetr"] for one in credits_] == [one["uetr"] for one in answers]
    words = {"words": [{"id": answers[0]["id"]}, {"id": answers[1]["id"], "reason": "AC04"}], "limit": 10}
    counter = corridor.call(ALATAU, "POST", "/v1/payments/credits", words).json()
    assert [one["state"] for one in counter["answers"]] == ["credited", "refused"]
    assert [one["id"] for one in counter["credits"]] == [answers[2]["id"]]
    again = corridor.call(ALATAU, "POST", "/v1/payments/credits", words).json()["answers"]
    assert [one["repeated"] for one in again] == [True, True]
    assert corridor.call(ALATAU, "POST", f"/v1/payments/{answers[2]['id']}/confirm").json()["state"] == "credited"
    corridor.run()
    shown = [corridor.show(INDUS, one["id"]) for one in answers]
    assert [one["status"] for one in shown] == ["ACSC", "RJCT", "ACSC"]
    assert shown[1]["reason"] == "AC04"
    (found,) = corridor.get(ALATAU, f"/v1/payments?uetr={answers[2]['uetr']}")["payments"]
    assert (found["id"], found["status"]) == (answers[2]["id"], "ACCC")
    document = corridor.call(ALATAU, "GET", f"/v1/payments/{answers[1]['id']}/document").content
    assert [one.id.uetr for one in read(document).transactions] == [answers[1]["uetr"]]


def test_a_bulk_that_is_sent_again_is_answered_as_before(corridor):
    body = bulk(corridor)
    first = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    again = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert [one["id"] for one in again] == [one["id"] for one in first]
    assert all(one["repeated"] for one in again)


def test_urgent_ones_of_a_bulk_go_by_themselves(corridor):
    body = bulk(corridor, of_1={"priority": "HIGH"})
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert ["." in one["id"] for one in answers] == [True, False, True]


def test_an_id_of_no_payment_is_not_found(corridor):
    body = bulk(corridor)
    case_id = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()[0]["id"].partition(".")[0]
    for number in ("0", "4", "01", "x", "99999", ""):
        assert corridor.call(INDUS, "GET", f"/v1/payments/{case_id}.{number}").status_code in (400, 404)


def test_one_of_a_bulk_is_recalled_and_given_back(corridor):
    """By its own id, as any payment is; figures and positions count payments, not bulks."""
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor)).json()
    corridor.run()
    words = {"words": [{"id": one["id"]} for one in answers]}
    corridor.call(ALATAU, "POST", "/v1/payments/credits", words)
    corridor.run()
    second = answers[1]["id"]
    corridor.do(INDUS, f"/v1/payments/{second}/recall", {"reason": "DUPL"})
    corridor.run()
    assert corridor.show(ALATAU, second)["state"] == "recalled"
    corridor.do(ALATAU, f"/v1/payments/{second}/return", {"reason": "FOCR"})
    corridor.run()
    assert [corridor.show(INDUS, one["id"])["state"] for one in answers] == ["settled", "returned", "settled"]
    corridor.wait(1)
    (found,) = corridor.get("PK/sbp", "/v1/payments/indicators")
    figures = found["figures"]
    assert (figures["ordered"], figures["credited"], figures["returned"]) == (3, 3, 1)
