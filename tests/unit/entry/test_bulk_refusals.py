"""What is wrong in a document of many payments is pointed at where it stands, whichever way the payment goes."""

from uuid import uuid4

import msgspec
import pytest

from darwaza.entry.sample import remittance
from darwaza.services.payments.bulk import BULK_RELAYED_BYTES_MAX
from darwaza.standards.iso20022.document import DOCUMENT_BYTES_MAX
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.party import Coded

from .payment_corridor import ALATAU, INDUS, XML, PaymentCorridor
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


@pytest.mark.parametrize("comment", [b"", b"<!-- read whole, not cut -->"])
def test_one_without_a_uetr_or_with_anothers_stops_no_other(corridor, comment):
    """Each is answered for itself, and sent again the document is answered alike."""
    value = read(bulk(corridor, size=4))
    parts = list(value.transactions)
    parts[1] = msgspec.structs.replace(parts[1], id=msgspec.structs.replace(parts[1].id, uetr=None))
    parts[2] = msgspec.structs.replace(parts[2], id=msgspec.structs.replace(parts[2].id, uetr=parts[0].id.uetr))
    body = write(msgspec.structs.replace(value, transactions=tuple(parts))).replace(b"<GrpHdr>", comment + b"<GrpHdr>")
    for _ in range(2):
        answers = order(corridor, body)
        assert [one.get("state") for one in answers] == ["sent", None, None, "sent"]
        assert [(one["code"], one["pointer"]) for one in answers[1:3]] == [
            ("message_unsuitable", f"{WHOLE}/CdtTrfTxInf[2]/PmtId/UETR"),
            ("duplicate_payment", f"{WHOLE}/CdtTrfTxInf[3]/PmtId/UETR"),
        ]
    told = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body, headers=XML)
    assert [one.status for one in read(told.content).transactions] == ["ACSP", "RJCT", "RJCT", "ACSP"]
    assert len(corridor.get(ALATAU, "/v1/payments/credits")) == 2


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


def test_a_payment_of_a_charge_goes_alone(corridor):
    """It states at the payee's gateway that a consignment's charge is paid: a case of its own, on that consignment."""
    answers = order(corridor, bulk(corridor, of_1={"remittance": ("/UCR/26PK-7001-X/REF/KGD-1",)}))
    assert ["." in one["id"] for one in answers] == [True, False, True]
    row = corridor.gateways["PK"].engine.store.cases([answers[1]["id"]])[answers[1]["id"]]
    assert row.ucr == "26PK-7001-X"


PLACE = b"</CdtTrfTxInf>"


def large(corridor, size, each_bytes, group_bytes=0):
    """A document of many payments, each filled up with white space to some length."""
    body = bulk(corridor)
    head, _, rest = body.partition(b"<CdtTrfTxInf>")
    one, tail = rest[: rest.index(PLACE)], rest[rest.rindex(PLACE) + len(PLACE) :]
    uetr = read(body).transactions[0].id.uetr.encode()
    made = []
    for _ in range(size):
        filled = one.replace(uetr, str(uuid4()).encode())
        made.append(b"<CdtTrfTxInf>" + b" " * (each_bytes - len(filled)) + filled + PLACE)
    head = head.replace(b"<NbOfTxs>3<", b"<NbOfTxs>%d<" % size).replace(b"<GrpHdr>", b"<GrpHdr>" + b" " * group_bytes)
    return head + b"".join(made) + tail


def test_a_document_too_large_for_one_message_goes_as_two_bulks(corridor):
    """Near 1 MiB: what the group says stands in each, which makes them larger than a message may be."""
    body = large(corridor, 60, 17_300)
    assert BULK_RELAYED_BYTES_MAX < len(body) < DOCUMENT_BYTES_MAX
    answers = order(corridor, body)
    assert {one["state"] for one in answers} == {"sent"}
    cases = dict.fromkeys(one["id"].partition(".")[0] for one in answers)
    assert [sum(one["id"].startswith(case_id) for one in answers) for case_id in cases] == [30, 30]
    assert [one["id"] for one in answers] == [f"{case_id}.{number}" for case_id in cases for number in range(1, 31)]
    assert len(corridor.get(ALATAU, "/v1/payments/credits?limit=100")) == 60
    again = order(corridor, body)
    assert [(one["id"], one["repeated"]) for one in again] == [(one["id"], True) for one in answers]


def test_an_order_too_large_for_a_message_is_refused_with_a_code(corridor):
    """A document of the largest size and its terms are more than a message may be; nothing is held."""
    body = large(corridor, 1, 2_000)
    body = body.replace(b"<GrpHdr>", b"<GrpHdr>" + b" " * (DOCUMENT_BYTES_MAX - len(body)))
    assert len(body) == DOCUMENT_BYTES_MAX
    answer = corridor.call(INDUS, "POST", "/v1/payments", content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body_too_large")
    ((_, balance),) = corridor.gateways["PK"].engine.store.accounts(["position:PK/indus-bank:PKR"])
    assert balance.debits_pending == 0


def test_two_payments_under_a_long_group_header_go_alone(corridor):
    """What the group says of all stands in each: as one bulk they could not be relayed, each by itself can travel."""
    body = large(corridor, 2, 2_000, DOCUMENT_BYTES_MAX - 6_000)
    assert BULK_RELAYED_BYTES_MAX < len(body) <= DOCUMENT_BYTES_MAX
    assert ["." in one["id"] for one in order(corridor, body)] == [False, False]
