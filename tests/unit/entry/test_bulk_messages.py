"""Payments of a bulk for banks that speak ISO 20022 alone, and in lists: each is found, asked about and recalled."""

from uuid import uuid4

import msgspec
import pytest

from darwaza.services.payments import investigation, status
from darwaza.services.payments.entry import payment_of
from darwaza.standards.iso20022.document import parse_document
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.payment import PaymentId

from .payment_corridor import ALATAU, INDUS, SBP, PaymentCorridor
from .test_payment_bulk import SIZE, bulk
from .test_payment_iso import schema


@pytest.fixture
def corridor(tmp_path):
    made = PaymentCorridor(tmp_path)
    made.do(SBP, "/v1/payments/deposits", {"participant": "PK/caravan-fx", "amount": "1000000.00", "id": "f1"})
    yield made
    made.close()


def ids_of(number):
    return {"id": PaymentId(end_to_end="PAY-2026-11", transaction=f"TX-{number}", uetr=str(uuid4()))}


def ordered(corridor):
    """A bulk of which all payments are credited, each with a transaction id of its own and one end-to-end id."""
    body = bulk(corridor, **{f"of_{number}": ids_of(number + 1) for number in range(SIZE)})
    answer = corridor.call(INDUS, "POST", "/v1/payments/messages", content=body)
    assert {one.status for one in read(answer.content).transactions} == {"ACSP"}
    corridor.run()
    ids = [one["id"] for one in corridor.get(ALATAU, "/v1/payments/credits")]
    corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": [{"id": one} for one in ids]})
    corridor.run()
    return ids


def held(corridor, code, payment_id):
    case_id, _, number = payment_id.partition(".")
    engine = corridor.gateways[code].engine
    data = engine.site.decode_case(engine.store.cases([case_id])[case_id]).data
    return payment_of(data, data.entries[int(number) - 1])


def door(corridor, shared_data, who, document, code=200):
    answer = corridor.call(who, "POST", "/v1/payments/messages", content=document)
    assert answer.status_code == code, answer.content
    said = read(answer.content)
    schema(shared_data, said.message).assertValid(parse_document(answer.content))
    corridor.run()
    return said


def without_uetr(document, transaction):
    """The same message of a bank that names payments by message and transaction id."""
    value = read(document)
    changes = {"uetr": None, "end_to_end": None, "transaction": transaction}

    def renamed(one):
        return msgspec.structs.replace(one, **changes)

    for name in ("transactions", "underlying", "outcomes"):
        given = getattr(value, name, None)
        if not given:
            continue
        if name == "transactions":
            value = msgspec.structs.replace(value, transactions=tuple(map(renamed, given)))
        else:
            inner = tuple(
                msgspec.structs.replace(one, transactions=tuple(map(renamed, one.transactions))) for one in given
            )
            value = msgspec.structs.replace(value, **{name: inner})
    return write(value)


@pytest.mark.parametrize("by_uetr", [True, False])
def test_one_payment_of_a_bulk_is_asked_about_recalled_and_given_back(corridor, shared_data, by_uetr):
    """pacs.028, camt.056 and pacs.004 lead to it by its UETR, or by the message it came in and its own id there."""
    second = ordered(corridor)[1]
    payment, now = held(corridor, "PK", second), corridor.clock.now()

    def named(document):
        return document if by_uetr else without_uetr(document, "TX-2")

    inquiry = named(status.write_inquiry(payment, second, now))
    assert door(corridor, shared_data, INDUS, inquiry).transactions[0].status == "ACSC"
    assert door(corridor, shared_data, ALATAU, inquiry).transactions[0].uetr == payment.uetr
    assert door(corridor, shared_data, "PK/ravi-bank", inquiry, 404).reason == "not_found"
    recall = named(investigation.write_recall(payment, second, "DUPL", now))
    pending = door(corridor, shared_data, INDUS, recall)
    assert (pending.confirmation, pending.outcomes[0].transactions[0].uetr) == ("PDCR", payment.uetr)
    assert corridor.show(ALATAU, second)["state"] == "recalled"
    amount, asset = payment.chosen.exchange.destination_minor, corridor.gateways["KZ"].directory.currencies["KZ"]
    wrong = named(investigation.write_return(payment, second, "FOCR", amount - 1, asset, now))
    assert door(corridor, shared_data, ALATAU, wrong, 400).reason == "amount_other"
    returned = named(investigation.write_return(payment, second, "FOCR", amount, asset, now))
    assert door(corridor, shared_data, ALATAU, returned).transactions[0].status == "ACCC"
    states = [corridor.show(INDUS, second.replace(".2", f".{number}"))["state"] for number in (1, 2, 3)]
    assert states == ["settled", "returned", "settled"]


def test_a_recall_of_one_is_refused_in_iso_20022(corridor, shared_data):
    third = ordered(corridor)[2]
    payment, now = held(corridor, "PK", third), corridor.clock.now()
    door(corridor, shared_data, INDUS, investigation.write_recall(payment, third, "DUPL", now))
    kept = investigation.write_resolution(payment, third, "CUST", now)
    assert door(corridor, shared_data, ALATAU, without_uetr(kept, "TX-3")).transactions[0].uetr == payment.uetr
    assert corridor.show(INDUS, third)["recall_answer"] == "CUST"


def test_many_are_asked_about_at_once(corridor, shared_data):
    """One pacs.028, one pacs.002, each payment with its own status."""
    ids = ordered(corridor)
    asked = [held(corridor, "PK", one) for one in ids]
    inquiries = [read(status.write_inquiry(one, "Q1", corridor.clock.now())) for one in asked]
    about = tuple(one.transactions[0] for one in inquiries)
    inquiry = write(msgspec.structs.replace(inquiries[0], transactions=about))
    found = door(corridor, shared_data, INDUS, inquiry).transactions
    assert [(one.uetr, one.status) for one in found] == [(one.uetr, "ACSC") for one in asked]


def test_a_name_of_several_or_of_none_is_refused(corridor, shared_data):
    """All payments of the bulk have one end-to-end id; a transaction id that none has finds nothing."""
    first = ordered(corridor)[0]
    inquiry = status.write_inquiry(held(corridor, "PK", first), first, corridor.clock.now())
    value = read(inquiry)

    def asking(**changes):
        (one,) = value.transactions
        changed = msgspec.structs.replace(one, uetr=None, **changes)
        return write(msgspec.structs.replace(value, transactions=(changed,)))

    assert door(corridor, shared_data, INDUS, asking(), 400).reason == "message_unsuitable"
    assert door(corridor, shared_data, INDUS, asking(original=None), 400).reason == "message_unsuitable"
    assert door(corridor, shared_data, INDUS, asking(transaction="TX-9"), 404).reason == "not_found"
    assert door(corridor, shared_data, INDUS, asking(transaction="TX-1")).transactions[0].status == "ACSC"


def test_payments_of_bulks_are_lines_of_lists(corridor):
    """Each with its id, page by page, beside payments of their own, by state; nobody else sees them."""
    single = corridor.settled()
    ids = ordered(corridor)
    newest = corridor.ordered()
    lines, page = [], ""
    while page is not None:
        found = corridor.get(INDUS, f"/v1/payments?limit=2{page and '&page=' + page}")
        lines += found["payments"]
        page = found.get("next")
        assert len(found["payments"]) <= 2
    quotes = [one["id"] for one in lines if one["state"] == "quoted"]
    assert len(quotes) == SIZE
    assert [one["id"] for one in lines if one["id"] not in quotes] == [newest, *ids, single]
    settled = corridor.get(INDUS, "/v1/payments?state=settled")["payments"]
    assert [one["id"] for one in settled] == [*ids, single]
    assert [one["status"] for one in settled] == ["ACSC"] * 4
    assert len({one["uetr"] for one in settled}) == 4
    credited = corridor.get(ALATAU, "/v1/payments?state=credited&limit=1")
    assert [one["id"] for one in credited["payments"]] == [ids[0]]
    assert corridor.get("PK/ravi-bank", "/v1/payments") == {"payments": []}
    forged = credited["next"]
    assert corridor.call("KZ/nbk", "GET", f"/v1/payments?page={forged}").status_code == 404


def test_the_command_says_what_the_payment_has_become(corridor):
    ids = ordered(corridor)
    answer = corridor.do(INDUS, f"/v1/payments/{ids[0]}/recall", {"reason": "DUPL"})
    assert (answer["id"], answer["state"]) == (ids[0], "recalling")
