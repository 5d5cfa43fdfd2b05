"""A bulk over HTTP: its payments are ordered, found, shown and answered as payments of their own are."""

import msgspec
import pytest

from darwaza.entry.sample import remittance
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.party import Coded

from .payment_corridor import ALATAU, INDUS, SBP, PaymentCorridor

SIZE = 3


@pytest.fixture
def corridor(tmp_path):
    corridor = PaymentCorridor(tmp_path)
    yield corridor
    corridor.close()


def bulk(corridor, size=SIZE, **changes):
    """Ordinary payments at a rate of the moment, each of another amount."""
    made = []
    for number in range(size):
        asked = {"payee_bank": ALATAU, "amount": f"{1000 + number}.00", "fee": "5.00"}
        quote = corridor.call(INDUS, "POST", "/v1/payments/quotes", asked).json()
        quote = {"chosen": quote["offers"][0], "payer_bank": INDUS, "payee_bank": ALATAU}
        given = {"priority": "NORM"} | changes.get(f"of_{number}", {})
        made.append(remittance.transaction(quote, corridor.clock.now(), **given))
    whole = read(remittance.document(made[0], now=corridor.clock.now()))
    header = msgspec.structs.replace(whole.header, transaction_count=size, control_sum=None, total=None)
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


def test_payments_of_another_priority_go_as_another_bulk_or_by_themselves(corridor):
    body = bulk(corridor, of_1={"priority": "HIGH"})
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert ["." in one["id"] for one in answers] == [True, False, True]
    body = bulk(corridor, size=5, of_1={"priority": "HIGH"}, of_3={"priority": "HIGH"})
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    cases = [one["id"].partition(".")[0] for one in answers]
    assert [one["id"].partition(".")[2] for one in answers] == ["1", "1", "2", "2", "3"]
    assert (cases[0], cases[1]) == (cases[2], cases[3])
    corridor.run()
    assert [corridor.show(INDUS, one["id"])["urgent"] for one in answers] == [False, True, False, True, False]


def test_an_urgent_bulk_is_credited_when_it_is_decided(corridor):
    """The bank's word is answered as on an urgent payment of its own, also when it is said again."""
    body = bulk(corridor, **{f"of_{number}": {"priority": "HIGH"} for number in range(SIZE)})
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    first, second, third = (one["id"] for one in answers)
    corridor.run()
    assert [one["urgent"] for one in corridor.get(ALATAU, "/v1/payments/credits")] == [True] * SIZE
    words = {"words": [{"id": first}, {"id": second, "reason": "AC04"}]}
    counter = corridor.call(ALATAU, "POST", "/v1/payments/credits", words).json()
    assert [one["state"] for one in counter["answers"]] == ["accepted", "refused"]
    assert [one["id"] for one in corridor.get(ALATAU, "/v1/payments/credits")] == [third]
    again = corridor.call(ALATAU, "POST", "/v1/payments/credits", words).json()["answers"]
    assert [(one["state"], one["repeated"]) for one in again] == [("accepted", True), ("refused", True)]
    assert corridor.show(ALATAU, first)["status"] == "ACTC"
    assert corridor.call(ALATAU, "POST", f"/v1/payments/{third}/confirm").json()["state"] == "accepted"
    corridor.run()
    assert [corridor.show(INDUS, one["id"])["status"] for one in answers] == ["ACSC", "RJCT", "ACSC"]
    assert [corridor.show(ALATAU, one["id"])["status"] for one in answers] == ["ACCC", "RJCT", "ACCC"]
    again = corridor.call(ALATAU, "POST", "/v1/payments/credits", words).json()["answers"]
    assert [(one["state"], one["repeated"]) for one in again] == [("credited", True), ("refused", True)]


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


def test_a_refusal_that_will_pass_is_marked_as_on_a_payment_of_its_own(corridor):
    """A gateway that has just started has not heard its neighbour: whoever sends the same again later is served."""
    body = bulk(corridor)
    corridor.restart("PK")
    alone = corridor.call(INDUS, "POST", "/v1/payments/quotes", {"payee_bank": ALATAU, "amount": "1.00"}).json()
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert (alone["code"], alone["transient"]) == ("catching_up", True)
    assert [(one["code"], one["transient"]) for one in answers] == [("catching_up", True)] * SIZE
    corridor.meet()
    taken = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert [(one["state"], one.get("transient")) for one in taken] == [("sent", None)] * SIZE


def test_a_rate_that_is_gone_for_now_is_marked_as_passing_and_a_wrong_payment_is_not(corridor):
    """Of one bulk: what is refused for good, and what may be taken later."""
    body = bulk(corridor, of_1={"purpose": Coded(code="XXXX")})
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert (answers[1]["code"], answers[1].get("transient")) == ("purpose_wrong", None)
    body = bulk(corridor)
    for provider in ("PK/caravan-fx", "PK/steppe-fx"):
        (market,) = (one["id"] for one in corridor.get(provider, "/v1/payments/markets") if one["destination"] == "KZ")
        corridor.do(provider, f"/v1/payments/markets/{market}/withdraw", {})
    gone = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert [(one["code"], one["transient"]) for one in gone] == [("no_offer", True)] * SIZE


def test_what_the_money_does_not_suffice_for_is_answered_for_itself(corridor):
    """The first two go, to the last paisa; the third is refused as a payment of its own is, and may be taken later."""
    body, alone = bulk(corridor), bulk(corridor)
    left = {"participant": INDUS, "amount": "8997999.00", "id": "out"}
    corridor.do(SBP, "/v1/payments/withdrawals", left)
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert [one.get("state") for one in answers[:2]] == ["sent", "sent"]
    assert (answers[2]["code"], answers[2]["transient"]) == ("floor_crossed", True)
    assert answers[2]["pointer"].endswith("CdtTrfTxInf[3]")
    none = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=alone).json()
    assert [(one["code"], one["transient"]) for one in none] == [("floor_crossed", True)] * SIZE
    corridor.do(SBP, "/v1/payments/deposits", {"participant": INDUS, "amount": "3003.00", "id": "in"})
    taken = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=alone).json()
    assert [one["state"] for one in taken] == ["sent"] * SIZE


def test_a_word_that_is_refused_says_which_and_on_which_payment(corridor):
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor)).json()
    corridor.run()
    first, second, third = (one["id"] for one in answers)
    nobody = first[:-1] + "9"
    words = [{"id": first}, {"id": nobody}, {"id": second}, {"id": second, "reason": "AC04"}]
    told = corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": words}).json()["answers"]
    assert [one["id"] for one in told] == [one["id"] for one in words]
    assert [one.get("pointer") for one in told] == [None, "/words/1/id", None, "/words/3/id"]
    again = {"words": [{"id": third}, {"id": first, "reason": "AC04"}]}
    told = corridor.call(ALATAU, "POST", "/v1/payments/credits", again).json()["answers"]
    assert told[0]["state"] == "credited"
    assert (told[1]["id"], told[1]["uetr"], told[1]["code"]) == (first, answers[0]["uetr"], "not_in_state")
    assert (told[1]["pointer"], "credited" in told[1]["detail"]) == ("/words/1/id", True)
    alone = corridor.call(ALATAU, "POST", f"/v1/payments/{second}/reject", {"reason": "AC04"}).json()
    assert (alone["code"], second in alone["detail"]) == ("not_in_state", True)
