"""What is wrong in a document of many payments is pointed at where it stands, whichever way the payment goes."""

import msgspec
import pytest

from darwaza.entry.sample import remittance
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.party import Coded

from .payment_corridor import ALATAU, INDUS, PaymentCorridor
from .test_payment_bulk import bulk

WHOLE = "/Document/FIToFICstmrCdtTrf"


@pytest.fixture
def corridor(tmp_path):
    corridor = PaymentCorridor(tmp_path)
    yield corridor
    corridor.close()


def order(corridor, body, code=200):
    answer = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body)
    assert answer.status_code == code, answer.content
    corridor.run()
    return answer.json()


@pytest.mark.parametrize("priority", ["NORM", "HIGH"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_refusal_points_at_the_true_number(corridor, number, priority):
    """In a bulk, and alone beside one: the other payments go on."""
    wrong = {"purpose": Coded(code="XXXX"), "priority": priority}
    answers = order(corridor, bulk(corridor, **{f"of_{number - 1}": wrong}))
    refused = answers[number - 1]
    assert (refused["code"], refused["pointer"]) == ("purpose_wrong", f"{WHOLE}/CdtTrfTxInf[{number}]/Purp/Cd")
    assert [one.get("state") for one in answers].count("sent") == 2
    assert all("pointer" not in one for one in answers if "state" in one)


def test_a_refusal_points_at_the_true_number_when_others_before_it_are_refused_too(corridor):
    wrong = {"purpose": Coded(code="XXXX")}
    answers = order(corridor, bulk(corridor, of_0=wrong, of_2=wrong))
    assert [one.get("pointer") for one in answers] == [
        f"{WHOLE}/CdtTrfTxInf[1]/Purp/Cd",
        None,
        f"{WHOLE}/CdtTrfTxInf[3]/Purp/Cd",
    ]


def test_a_uetr_that_was_taken_is_pointed_at(corridor):
    body = bulk(corridor)
    order(corridor, body)
    value = read(body)
    fresh = read(bulk(corridor))
    mixed = (*fresh.transactions[:2], value.transactions[2])
    answers = order(corridor, write(msgspec.structs.replace(fresh, transactions=mixed)))
    assert (answers[2]["code"], answers[2]["pointer"]) == (
        "duplicate_payment",
        f"{WHOLE}/CdtTrfTxInf[3]/PmtId/UETR",
    )


def test_what_the_schema_forbids_is_pointed_at(corridor):
    """Nothing of such a document is taken."""
    body = bulk(corridor)
    at = body.rindex(b"<ChrgBr>SHAR")
    answer = order(corridor, body[:at] + b"<ChrgBr>XXXX" + body[at + 12 :], 400)
    assert answer["pointer"].startswith(f"{WHOLE}/CdtTrfTxInf[3]/ChrgBr")
    assert corridor.get(ALATAU, "/v1/payments/credits") == []


def test_quoted_and_urgent_payments_of_a_document_go_alone(corridor):
    """The rest of it goes as one bulk; all are paid, each is answered in its place."""
    quote = corridor.quote()
    quoted = remittance.transaction(quote, corridor.clock.now(), priority="NORM")
    whole = read(bulk(corridor, of_1={"priority": "HIGH"}))
    transactions = (whole.transactions[0], quoted, *whole.transactions[1:])
    header = msgspec.structs.replace(whole.header, transaction_count=4)
    answers = order(corridor, write(msgspec.structs.replace(whole, header=header, transactions=transactions)))
    assert [one["uetr"] for one in answers] == [one.id.uetr for one in transactions]
    assert ["." in one["id"] for one in answers] == [True, False, False, True]
    assert answers[1]["id"] == quote["id"]
    words = {"words": [{"id": one["id"]} for one in answers]}
    corridor.call(ALATAU, "POST", "/v1/payments/credits", words)
    corridor.run()
    corridor.run()
    assert [corridor.show(INDUS, one["id"])["status"] for one in answers] == ["ACSC"] * 4
