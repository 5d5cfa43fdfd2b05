"""Screening of the payments of a bulk, each by itself: by lists and four eyes, and by a screener that is slow."""

import asyncio

import msgspec
import pytest

from darwaza import config
from darwaza.entry.sample import remittance
from darwaza.errors import PeerError

from .payment_corridor import ALATAU, INDUS, NBK, SBP, PaymentCorridor, furnish
from .test_payment_bulk import bulk
from .test_payment_screening import examine_while, with_screener

LISTED = "Zafar Iqbal Chaudhry"
OF_LISTED = {"debtor": msgspec.structs.replace(remittance.PAYER, name=LISTED)}


def with_lists(folder):
    furnish(folder)
    (folder / "lists").mkdir()
    name = LISTED if folder.name == "kz" else "Somebody Else"
    (folder / "lists" / "own.csv").write_text(f"name,entry\n{name},No 7\n")


def order_bulk(corridor, *listed):
    body = bulk(corridor, **{f"of_{number - 1}": OF_LISTED for number in listed})
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    corridor.run()
    return [one["id"] for one in answers]


@pytest.fixture
def made(tmp_path):
    """Makes a corridor and orders a bulk over it, of which the second payment, or more, is from somebody listed."""
    corridors = []

    def make(furnish, *listed):
        corridor = PaymentCorridor(tmp_path, furnish=furnish)
        corridors.append(corridor)
        return corridor, order_bulk(corridor, *listed)

    yield make
    for corridor in corridors:
        corridor.close()


def with_lists_of_payers(folder):
    """Only the payers' gateway knows the name."""
    furnish(folder)
    (folder / "lists").mkdir()
    name = LISTED if folder.name == "pk" else "Somebody Else"
    (folder / "lists" / "own.csv").write_text(f"name,entry\n{name},No 7\n")


def credit(corridor, ids):
    told = corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": [{"id": one} for one in ids]}).json()
    assert [one["state"] for one in told["answers"]] == ["credited"] * len(ids)
    corridor.run()


def states(corridor, who, ids):
    return [corridor.show(who, one)["state"] for one in ids]


def test_two_officers_release_one_payment_of_a_bulk_and_one_blocks_another(made):
    """Those that nobody stopped go on meanwhile; compliance sees what was found and nothing else of the bulk."""
    corridor, (first, second, third) = made(with_lists, 2, 3)
    assert states(corridor, ALATAU, (first, second, third)) == ["asked", "screened", "screened"]
    assert [one["id"] for one in corridor.get(ALATAU, "/v1/payments/credits")] == [first]
    stopped = corridor.get(NBK, "/v1/payments/held")
    assert [one["id"] for one in stopped] == [second, third]
    assert all(LISTED in one["hits"][0] for one in stopped)
    assert [one["id"] for one in corridor.get(NBK, "/v1/payments")["payments"]] == [second, third]
    assert corridor.call(NBK, "GET", f"/v1/payments/{first}").json()["code"] == "not_found"
    assert "hits" not in corridor.show(ALATAU, second)
    release = f"/v1/payments/{second}/release"
    assert corridor.refused(ALATAU, release, {"officer": "x"}) == "role_missing"
    answer = corridor.call(NBK, "POST", release, {"officer": "dana"}).json()
    assert (answer["id"], answer["state"]) == (second, "screened")
    assert corridor.refused(NBK, release, {"officer": "dana"}) == "same_officer"
    word = {"words": [{"id": second}]}
    assert corridor.call(ALATAU, "POST", "/v1/payments/credits", word).json()["answers"][0]["code"] == "not_in_state"
    assert corridor.call(NBK, "POST", release, {"officer": "erlan"}).json()["state"] == "asked"
    assert [one["officer"] for one in corridor.show(NBK, second)["checks"]] == ["KZ/nbk:dana", "KZ/nbk:erlan"]
    assert corridor.call(NBK, "POST", f"/v1/payments/{third}/refuse", {"officer": "dana"}).json()["state"] == "refused"
    words = {"words": [{"id": first}, {"id": second}]}
    told = corridor.call(ALATAU, "POST", "/v1/payments/credits", words).json()["answers"]
    assert [one["state"] for one in told] == ["credited", "credited"]
    corridor.run()
    assert states(corridor, INDUS, (first, second, third)) == ["settled", "settled", "rejected"]
    assert corridor.show(INDUS, third)["reason"] == "RR04"
    assert corridor.get(NBK, "/v1/payments/held") == []


def test_compliance_proves_the_order_of_a_bulk_and_reads_no_other_payment_in_it(made):
    """The message of a bulk holds every payment: an officer who asks for its evidence gets digests."""
    corridor, (first, second, third) = made(with_lists, 2)
    assert states(corridor, ALATAU, (first, second, third)) == ["asked", "screened", "asked"]
    order = corridor.show(NBK, second)["messages"][0]["id"]
    seen = {who: corridor.get(who, f"/v1/evidence/{order}")["items"][0] for who in (NBK, ALATAU)}
    assert "body" not in seen[NBK]
    assert "body" in seen[ALATAU] or "parts" in seen[ALATAU]
    assert corridor.call(NBK, "GET", f"/v1/payments/{second}/document").status_code == 200
    assert corridor.call(NBK, "GET", f"/v1/payments/{first}/document").status_code == 404


def test_what_waits_is_listed_whatever_has_ended_since(made, monkeypatch):
    """A page of newer bulks in which nothing waits hides no payment that does."""
    monkeypatch.setattr(config, "PAGE_ITEMS_MAX", 1)
    corridor, (_, waits, _) = made(with_lists, 2)
    later = order_bulk(corridor, 2)
    corridor.do(NBK, f"/v1/payments/{later[1]}/refuse", {"officer": "dana"})
    words = {"words": [{"id": one} for one in (later[0], later[2])]}
    corridor.call(ALATAU, "POST", "/v1/payments/credits", words)
    corridor.run()
    assert [one["id"] for one in corridor.get(NBK, "/v1/payments/held")] == [waits]


class Slow:
    """A screener that fails at first and then finds those who are listed."""

    def __init__(self):
        self.asked = []

    async def screen(self, names):
        self.asked.append(names)
        too_early = len(self.asked) <= 2
        await asyncio.sleep(0)
        if too_early:
            raise PeerError("not now")
        return (f"«{LISTED}» is known",) if LISTED in names else ()

    async def close(self):
        pass


def test_a_slow_screener_looks_at_each_payment_of_a_bulk(made, monkeypatch):
    """Each goes on, or is stopped, when its own answer is there; the names are those of its own transaction."""
    corridor, ids = made(with_screener("kz"), 2)
    assert states(corridor, ALATAU, ids) == ["checking"] * 3
    engine, slow = corridor.gateways["KZ"].engine, Slow()

    def entries():
        case_id = ids[0].partition(".")[0]
        return engine.site.decode_case(engine.store.cases([case_id])[case_id]).data.entries

    examine_while(lambda: any(one.state == "checking" for one in entries()), corridor, "KZ", slow, monkeypatch)
    assert states(corridor, ALATAU, ids) == ["asked", "screened", "asked"]
    assert (len(slow.asked), {names[0] for names in slow.asked}) == (5, {"Muhammad Aslam", LISTED})
    assert [one["id"] for one in corridor.get(NBK, "/v1/payments/held")] == [ids[1]]
    assert {one["id"] for one in corridor.get(ALATAU, "/v1/payments/credits")} == {ids[0], ids[2]}


def test_what_screening_stops_for_too_long_ends_with_its_time(made):
    """The payees' bank was never asked; the payer's bank hears that nobody answered."""
    corridor, ids = made(with_lists, 1, 2, 3)
    corridor.wait(21)
    corridor.run()
    assert states(corridor, INDUS, ids) == ["rejected"] * 3


def test_one_that_the_payers_gateway_stops_waits_by_itself_and_the_others_go(tmp_path):
    """As a payment of its own: two officers let it go on, at its rate; the document sent again says what it became."""
    corridor = PaymentCorridor(tmp_path, furnish=with_lists_of_payers)
    try:
        body = bulk(corridor, of_1=OF_LISTED)
        answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
        corridor.run()
        assert [one["state"] for one in answers] == ["sent", "parked", "sent"]
        assert ["." in one["id"] for one in answers] == [True, False, True]
        first, second, third = (one["id"] for one in answers)
        assert [one["id"] for one in corridor.get(ALATAU, "/v1/payments/credits")] == [first, third]
        (stopped,) = corridor.get(SBP, "/v1/payments/held")
        assert (stopped["id"], stopped["uetr"]) == (second, answers[1]["uetr"])
        assert LISTED in stopped["hits"][0]
        credit(corridor, (first, third))
        for officer in ("amna", "bilal"):
            corridor.do(SBP, f"/v1/payments/{second}/release", {"officer": officer})
        corridor.run()
        credit(corridor, (second,))
        assert states(corridor, INDUS, (first, second, third)) == ["settled"] * 3
        again = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
        assert [(one["id"], one["state"], one["repeated"]) for one in again] == [
            (one, "settled", True) for one in (first, second, third)
        ]
    finally:
        corridor.close()


def test_a_slow_screener_of_the_payers_gateway_looks_at_each_by_itself(tmp_path, monkeypatch):
    """Who is found is stopped; the others are sent when their own answer is there."""
    corridor = PaymentCorridor(tmp_path, furnish=with_screener("pk"))
    try:
        answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor, of_1=OF_LISTED)).json()
        assert [one["state"] for one in answers] == ["screening"] * 3
        ids = [one["id"] for one in answers]

        def waits():
            return "screening" in [row.state for row in corridor.gateways["PK"].engine.store.cases(ids).values()]

        examine_while(waits, corridor, "PK", Slow(), monkeypatch)
        assert states(corridor, INDUS, ids) == ["sent", "parked", "sent"]
        corridor.run()
        credit(corridor, (ids[0], ids[2]))
        assert states(corridor, INDUS, ids) == ["settled", "parked", "settled"]
    finally:
        corridor.close()
