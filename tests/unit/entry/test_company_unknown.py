"""What a payer's bank sees of a payment whose end is asked for is the same, whether it went in company or alone."""

import msgspec
import pytest
from tests.unit.entry.console.people import Browser, add_account
from tests.unit.entry.test_company import BusyCorridor, ids

from darwaza.services.payments import status
from darwaza.services.payments.entry import one_of, split_id
from darwaza.standards.iso20022.message import read

from .payment_corridor import INDUS, XML

OVER_S = 60.0
"""Past the time to answer of the sample plan, and its grace."""


@pytest.fixture
def corridor(tmp_path):
    corridor = BusyCorridor(tmp_path)
    yield corridor
    corridor.close()


def asked_for(corridor, documents):
    """Order payments that never arrive; their time is over, and the other gateway is asked what they have become."""
    answers = corridor.pay_at_once(*documents)
    assert [one.status_code for one in answers] == [201] * len(documents)
    corridor.wait(OVER_S)
    return ids(answers)


def seen(corridor, documents, payment_id):
    """Every word that the payer's bank reads on a payment."""
    gateway = corridor.gateways["PK"]
    document = documents[0]
    case_id, number = split_id(payment_id)
    row = gateway.engine.store.cases([case_id])[case_id]
    payment = one_of(row.state, gateway.engine.site.decode_case(row).data, number)[1]
    inquiry = status.write_inquiry(payment, payment_id, corridor.clock.now())
    (told,) = read(corridor.call(INDUS, "POST", "/v1/payments/messages", content=inquiry).content).transactions
    again = corridor.call(INDUS, "POST", "/v1/payments", content=document)
    (iso,) = read(corridor.call(INDUS, "POST", "/v1/payments", content=document, headers=XML).content).transactions
    lists = {
        state: [one["state"] for one in corridor.get(INDUS, f"/v1/payments?state={state}")["payments"]]
        for state in ("sent", "unknown")
    }
    (figures,) = (one["figures"] for one in corridor.get(INDUS, "/v1/payments/indicators"))
    clerk = Browser(gateway, "bilal")
    clerk.get(f"/console/payments/{payment_id}")
    return {
        "shown": corridor.show(INDUS, payment_id)["state"],
        "status": corridor.show(INDUS, payment_id)["status"],
        "pacs.002": (told.status, iso.status),
        "again": again.json()["state"],
        "lists": lists,
        "open": figures["open"],
        "console": "answer not known yet" in clerk.text(),
    }


def test_a_payment_whose_end_is_asked_for_is_unknown_in_company_as_alone(tmp_path):
    words = []
    for size in (1, 3):
        corridor = BusyCorridor(tmp_path / str(size))
        add_account(corridor.gateways["PK"], "bilal", "indus-bank")
        documents = corridor.documents(size)
        found = asked_for(corridor, documents)
        assert ["." in one for one in found] == [size > 1] * size
        word = seen(corridor, documents, found[0])
        assert word["lists"] == {"sent": [], "unknown": ["unknown"] * size}
        assert word["open"] == size
        words.append(word | {"lists": None, "open": None})
        corridor.close()
    alone, together = words
    assert together == alone
    assert together["shown"] == together["again"] == "unknown"
    assert together["console"]


def test_the_payers_bank_is_told_which_of_a_company_are_unknown_and_their_end(corridor):
    """Once, by UETR; and what is unknown ends as it would have from the start."""
    documents = corridor.documents(3)
    found = asked_for(corridor, documents)
    uetrs = [corridor.show(INDUS, one)["uetr"] for one in found]
    notices = [one for one in corridor.gateways["PK"].engine.store.notices(INDUS, 0, 100) if "unknown" in one.kind]
    assert [one.kind for one in notices] == ["payment.bulk-unknown"]
    assert msgspec.msgpack.decode(notices[0].detail) == {"uetrs": uetrs}
    corridor.run()
    assert {corridor.show(INDUS, one)["state"] for one in found} == {"rejected"}
