"""While a neighbour's link is down, a bulk that no relay can carry goes as two; each payment is answered as ever."""

from datetime import timedelta
from itertools import combinations

import pytest
from tests.unit.entry.test_bulk_refusals import large
from tests.unit.entry.test_bulk_screening import LISTED, with_lists_of_payers

from darwaza.config import BODY_BYTES_MAX
from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.linkstate import LinkState
from darwaza.services.payments.bulk import BULK_RELAYED_BYTES_MAX

from .payment_corridor import ALATAU, INDUS, SBP, PaymentCorridor

SIZE = 91
EACH_BYTES = 10_000
"""Together more than a relay can carry, and less than a neighbour takes."""


@pytest.fixture
def corridor(tmp_path):
    corridor = PaymentCorridor(tmp_path, ("KZ", "PK", "UZ"), furnish=with_lists_of_payers)
    assert SIZE * EACH_BYTES > BULK_RELAYED_BYTES_MAX
    speak_of_links(corridor)
    yield corridor
    corridor.close()


def speak_of_links(corridor):
    """Let every gateway know all links, so that it finds a way over another."""
    for gateway in corridor.gateways.values():
        for ends in combinations(corridor.gateways, 2):
            gateway.engine.site.routing.learn(stated(corridor, ends))


def stated(corridor, ends):
    """What both ends of a link have said of it."""
    now = corridor.clock.now()
    name = corridor.gateways["PK"].engine.site.trust.current.name
    return LinkState(
        body_bytes_max=BODY_BYTES_MAX,
        capacity_class=3,
        corridor=name,
        drained=False,
        ends=ends,
        expires_at=now + timedelta(hours=1),
        issued_at=now,
        latency_us=5_000,
        price_class=1,
        serial=1,
        visible_to=None,
    )


def link_is(corridor, condition):
    site = corridor.gateways["PK"].engine.site
    site.routing.measured("KZ", Measure(condition, 0, 0))
    assert site.routing.is_open(("PK", "KZ")) is (condition is not Condition.DOWN)


def order(corridor, document):
    answer = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=document)
    assert answer.status_code == 200, answer.content
    return answer.json()


def cases_of(answers):
    return {one["id"].partition(".")[0] for one in answers}


def credit(corridor, answers):
    corridor.run()
    words = {"words": [{"id": one["id"]} for one in answers]}
    told = corridor.call(ALATAU, "POST", "/v1/payments/credits", words).json()["answers"]
    assert {one["state"] for one in told} == {"credited"}
    corridor.run()


def test_it_goes_over_a_relay_in_two_and_each_payment_is_answered_for_itself(corridor):
    document = large(corridor, SIZE, EACH_BYTES)
    link_is(corridor, Condition.DOWN)
    answers = order(corridor, document)
    assert {one["state"] for one in answers} == {"sent"}
    assert len(cases_of(answers)) == 2
    credit(corridor, answers)
    shown = [corridor.show(INDUS, one["id"]) for one in answers]
    assert {one["state"] for one in shown} == {"settled"}
    assert [one["uetr"] for one in shown] == [one["uetr"] for one in answers]


@pytest.mark.parametrize("later", ["down", "up", "lost"])
def test_sent_again_it_is_answered_with_the_same_ids_however_it_would_go_then(corridor, later):
    """Also where the link is up again, and the whole would go as one; and after the disk is lost."""
    document, kept = large(corridor, SIZE, EACH_BYTES), corridor.backup("PK")
    speak_of_links(corridor)
    link_is(corridor, Condition.DOWN)
    first = order(corridor, document)
    corridor.run()
    if later == "lost":
        corridor.lose("PK", kept)
        corridor.run()
    elif later == "up":
        link_is(corridor, Condition.UP)
    for _ in range(2):
        again = order(corridor, document)
        assert [one["id"] for one in again] == [one["id"] for one in first]
        assert all(one["repeated"] for one in again)
    corridor.run()
    assert len(corridor.get(ALATAU, "/v1/payments/credits?limit=500")) == SIZE


def test_one_that_went_by_itself_is_answered_too_when_the_whole_is_sent_again(corridor):
    """Screening had stopped it at the payers' gateway, and two officers let it go."""
    document = large(corridor, SIZE, EACH_BYTES).replace(b"Muhammad Aslam", LISTED.encode(), 1)
    link_is(corridor, Condition.DOWN)
    first = order(corridor, document)
    assert first[0]["state"] == "parked"
    for officer in ("amna", "bilal"):
        corridor.do(SBP, f"/v1/payments/{first[0]['id']}/release", {"officer": officer})
    link_is(corridor, Condition.UP)
    again = order(corridor, document)
    assert [(one["id"], one["state"]) for one in again] == [(one["id"], "sent") for one in first]


def test_sent_whole_and_again_when_it_would_be_divided_it_is_answered_with_the_same_ids(corridor):
    document = large(corridor, SIZE, EACH_BYTES)
    first = order(corridor, document)
    assert len(cases_of(first)) == 1
    link_is(corridor, Condition.DOWN)
    again = order(corridor, document)
    assert [one["id"] for one in again] == [one["id"] for one in first]
    assert all(one["repeated"] for one in again)
