"""Payments over HTTP: what banks, FX providers and operators get, and what they do not."""

from collections import Counter

import msgspec
import pytest

from darwaza.engine.ledger import account_from
from darwaza.entry.sample import remittance
from darwaza.ledger.money import to_minor
from darwaza.ports.store import Changes
from darwaza.standards.iso20022.conversion import OLDER, convert
from darwaza.standards.iso20022.message import read

from .payment_corridor import ALATAU, INDUS, SBP, XML, PaymentCorridor


@pytest.fixture(scope="module")
def corridor(tmp_path_factory):
    made = PaymentCorridor(tmp_path_factory.mktemp("corridor"))
    yield made
    made.close()


def test_a_quote_shows_what_is_debited_credited_and_what_it_costs_in_all(corridor):
    """Decimal strings, every fee, the margin against the mid rate; the best offer first."""
    quote = corridor.quote(take_best=False)
    best, other = quote["offers"]
    assert (best["provider"], other["provider"]) == ("PK/caravan-fx", "PK/steppe-fx")
    assert best["debit"] == {"amount": "100100.00", "currency": "PKR"}
    assert best["destination"] == {"amount": "175000.00", "currency": "KZT"}
    assert best["credit"] == {"amount": "174900.00", "currency": "KZT"}
    # 100 at home, 100 tenge abroad at 1.75, and 2,777.78 for the rate that is 1.75 and not 1.80.
    assert best["cost"] == {
        "fees": {"amount": "157.15", "currency": "PKR"},
        "margin": {"amount": "2777.77", "currency": "PKR"},
        "payer": {"amount": "2934.92", "currency": "PKR"},
        "payer_ppm": 29320,
        "total": {"amount": "2934.92", "currency": "PKR"},
    }
    assert best["margin_ppm"] == 27778
    assert best["effective_rate"] == "1.7472527472"


def test_a_remittance_shows_what_a_state_pays_for_it(corridor):
    """Where the payer pays nothing, somebody does: the quote says who and how much, and so do the key figures."""
    corridor.clock.advance(1)
    back = {"payee_bank": INDUS, "amount": "400000.00"}
    (offer,) = corridor.quote(bank=ALATAU, take_best=False, **back | {"fee": "0"})["offers"]
    cost = offer["cost"]
    assert cost["payer"] == {"amount": "0.00", "currency": "KZT"}
    assert cost["subsidy"] == cost["total"] == {"amount": "2500.00", "currency": "KZT"}
    small = corridor.quote(bank=ALATAU, take_best=False, **back | {"fee": "0", "amount": "99999.99"})["offers"][0]
    assert "subsidy" not in small["cost"]


def test_a_payment_settles_at_both_ends(corridor):
    """Quote, order, the credit is pulled and confirmed with another's, both ends say the same."""
    case_id = corridor.ordered()
    waiting = corridor.get(ALATAU, "/v1/payments/credits")
    assert [one["id"] for one in waiting] == [case_id]
    assert waiting[0]["credit"] == {"amount": "174900.00", "currency": "KZT"}
    answer = corridor.do(ALATAU, "/v1/payments/credits", {"words": [{"id": case_id}], "limit": 10})
    assert answer == {
        "answers": [{"id": case_id, "state": "accepted", "message_ids": answer["answers"][0]["message_ids"]}],
        "credits": [],
    }
    here, there = corridor.show(INDUS, case_id), corridor.show(ALATAU, case_id)
    assert (here["status"], there["status"]) == ("ACSC", "ACCC")
    assert here["uetr"] == there["uetr"]
    assert "cost" not in there["chosen"]
    again = corridor.do(ALATAU, f"/v1/payments/{case_id}/confirm", None)
    assert (again["state"], again["repeated"]) == ("credited", True)
    assert corridor.get(INDUS, "/v1/payments", params={"uetr": here["uetr"]})["payments"][0]["id"] == case_id
    assert corridor.get(ALATAU, "/v1/payments", params={"uetr": here["uetr"]})["payments"][0]["id"] == case_id


def test_the_document_arrives_byte_for_byte(corridor):
    """What the payee's bank reads is what the payer's bank wrote."""
    quote = corridor.quote()
    body = remittance.payment(quote, corridor.clock.now())
    case_id = corridor.call(INDUS, "POST", "/v1/payments", content=body).json()["id"]
    corridor.run()
    assert corridor.call(ALATAU, "GET", f"/v1/payments/{case_id}/document").content == body
    credit = corridor.get(ALATAU, "/v1/payments/credits", params={"documents": "true"})[0]
    assert credit["document"].encode() == body
    corridor.do(ALATAU, f"/v1/payments/{case_id}/reject", {"reason": "AC04", "detail": "closed"})
    here = corridor.show(INDUS, case_id)
    assert (here["status"], here["reason"], here["detail"]) == ("RJCT", "AC04", "closed")
    assert corridor.do(ALATAU, f"/v1/payments/{case_id}/reject", {"reason": "AC04"})["repeated"]
    assert corridor.refused(ALATAU, f"/v1/payments/{case_id}/reject", {"reason": "AC06"}) == "not_in_state"


def test_an_older_version_and_a_rate_of_the_moment(corridor):
    """Version 8 is taken like version 13; without a quote the rate it names has to be on offer."""
    quote = corridor.quote()
    corridor.do(INDUS, f"/v1/payments/quotes/{quote['id']}/cancel", None)
    rate = remittance.transaction(quote, corridor.clock.now()).agreed_rate
    moment = type(rate)(unit_currency="PKR", quoted_currency="KZT", rate=rate.rate)
    body = remittance.payment(quote, corridor.clock.now(), agreed_rate=moment)
    answer = corridor.call(INDUS, "POST", "/v1/payments", content=convert(body, OLDER))
    assert (answer.status_code, answer.json()["state"]) == (201, "sent")
    corridor.run()
    assert (
        read(corridor.call(ALATAU, "GET", f"/v1/payments/{answer.json()['id']}/document").content).message[-2:] == "13"
    )
    told = corridor.call(INDUS, "POST", "/v1/payments", content=convert(body, OLDER), params={"to": "KZ"})
    assert told.json() == answer.json() | {"repeated": True}


def test_iso_in_iso_out(corridor):
    """A caller that accepts XML gets pacs.002, and admi.002 for what cannot be read."""
    quote = corridor.quote()
    taken = corridor.pay(quote, headers=XML)
    report = read(taken.content)
    assert (taken.status_code, report.message) == (201, "pacs.002.001.15")
    assert report.transactions[0].status == "ACSP"
    wrong = corridor.pay(corridor.quote(), headers=XML, purpose=None)
    one = read(wrong.content).transactions[0]
    assert (wrong.status_code, one.status, one.reasons[0].reason.code) == (422, "RJCT", "CH16")
    junk = corridor.call(INDUS, "POST", "/v1/payments", content=b"<MsgId>M-1</MsgId", headers=XML)
    assert (junk.status_code, read(junk.content).reference) == (400, "M-1")
    assert junk.headers["darwaza-code"] == "xml_wrong"


def test_what_is_sent_again_is_answered_with_what_it_has_become(corridor):
    """The original is its own inquiry; the same UETR with another document is a conflict, and a used quote is used."""
    quote = corridor.quote()
    body = remittance.payment(quote, corridor.clock.now())
    case_id = corridor.call(INDUS, "POST", "/v1/payments", content=body).json()["id"]
    corridor.run()
    assert corridor.call(INDUS, "POST", "/v1/payments", content=body).json()["state"] == "sent"
    corridor.do(ALATAU, f"/v1/payments/{case_id}/reject", {"reason": "AC06", "detail": "blocked"})
    again = corridor.call(INDUS, "POST", "/v1/payments", content=body)
    assert (again.json()["state"], again.json()["repeated"]) == ("rejected", True)
    told = read(corridor.call(INDUS, "POST", "/v1/payments", content=body, headers=XML).content).transactions[0]
    assert (told.status, told.reasons[0].reason.code) == ("RJCT", "AC06")
    altered = body.replace(b"Invoice 42", b"Invoice 43")
    conflict = corridor.call(INDUS, "POST", "/v1/payments", content=altered, headers=XML)
    assert (conflict.status_code, conflict.headers["darwaza-code"]) == (409, "key_reused")
    assert read(conflict.content).transactions[0].reasons[0].reason.code == "DUPL"
    other = corridor.pay(quote)
    assert (other.status_code, other.json()["code"]) == (422, "quote_other")


def test_a_quote_that_has_lapsed_or_was_never_taken_is_no_quote(corridor):
    """Each with its own code, and AB04 to a bank that speaks ISO 20022."""
    lapsed, idle = corridor.quote(), corridor.quote()
    corridor.do(INDUS, f"/v1/payments/quotes/{lapsed['id']}/cancel", None)
    offered = corridor.quote(take_best=False)
    body = remittance.payment(idle | {"quote_id": offered["quote_id"]}, corridor.clock.now())
    for code, answer in (
        ("quote_expired", corridor.pay(lapsed, headers=XML)),
        ("quote_other", corridor.call(INDUS, "POST", "/v1/payments", content=body, headers=XML)),
    ):
        assert answer.headers["darwaza-code"] == code
        assert read(answer.content).transactions[0].reasons[0].reason.code == "AB04"


def test_many_payments_in_one_document_are_answered_one_by_one(corridor):
    """Salaries: one that is wrong stops no other, and the whole again pays nobody twice."""
    quotes = [corridor.quote() for _ in range(3)]
    now = corridor.clock.now()
    parts = [
        remittance.transaction(quote, now, **({"purpose": None} if n == 1 else {})) for n, quote in enumerate(quotes)
    ]
    body = remittance.document(*parts, now=now)
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    assert [one.get("state", one.get("code")) for one in answers] == ["sent", "purpose_wrong", "sent"]
    again = read(corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body, headers=XML).content)
    assert [one.status for one in again.transactions] == ["ACSP", "RJCT", "ACSP"]
    changed = remittance.document(msgspec.structs.replace(parts[0], purpose=None), now=now)
    (other,) = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=changed).json()
    assert other["code"] == "key_reused"
    corridor.run()
    waiting = corridor.get(ALATAU, "/v1/payments/credits")
    words = [{"id": waiting[0]["id"]}, {"id": waiting[1]["id"], "reason": "AC06"}, {"id": quotes[1]["id"]}]
    answer = corridor.do(ALATAU, "/v1/payments/credits", {"words": words})
    assert [one.get("state", one.get("code")) for one in answer["answers"]] == ["accepted", "refused", "not_found"]


def test_a_bank_sees_and_moves_only_its_own(corridor):
    """Another bank's payment does not exist, whatever is asked of it."""
    case_id = corridor.settled()
    uetr = corridor.show(INDUS, case_id)["uetr"]
    other = "PK/ravi-bank"
    for method, path in (
        ("GET", f"/v1/payments/{case_id}"),
        ("GET", f"/v1/payments?uetr={uetr}"),
        ("GET", f"/v1/payments/{case_id}/document"),
    ):
        answer = corridor.call(other, method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert corridor.refused(other, f"/v1/payments/{case_id}/confirm", None) == "not_found"
    assert corridor.get(other, "/v1/payments")["payments"] == []
    quote = corridor.quote()
    body = remittance.payment(quote, corridor.clock.now())
    assert corridor.call(other, "POST", "/v1/payments", content=body).json()["code"] == "not_found"
    assert (
        corridor.refused(other, "/v1/payments/deposits", {"participant": other, "amount": "1.00", "id": "x"})
        == "not_allowed"
    )
    accounts = corridor.get(other, "/v1/payments/accounts")
    assert {one["id"].partition(":")[2] for one in accounts} == {"PK/ravi-bank:PKR"}


def test_an_fx_provider_sees_what_it_exchanges_and_not_for_whom(corridor):
    """Amounts and states are its business; names, accounts and days of birth stay with the two banks."""
    case_id, provider = corridor.settled(), "PK/caravan-fx"
    seen = corridor.show(provider, case_id)
    assert (seen["state"], seen["chosen"]["provider"]) == ("settled", provider)
    assert "Aslam" not in corridor.call(provider, "GET", f"/v1/payments/{case_id}").text
    for path in ("document", "evidence"):
        answer = corridor.call(provider, "GET", f"/v1/payments/{case_id}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    order = seen["messages"][0]["id"]
    bodies = {
        who: "body" in corridor.get(who, f"/v1/evidence/{order}")["items"][0] for who in (provider, INDUS, ALATAU)
    }
    assert bodies == {provider: False, INDUS: True, ALATAU: True}


def test_rates_are_hidden_from_competitors_and_from_banks(corridor):
    """An FX provider sees its own rates, a bank only that there are some."""
    boards = {
        who: corridor.get(who, "/v1/payments/markets")[0].get("boards", {}) for who in (SBP, "PK/steppe-fx", INDUS)
    }
    assert boards[SBP].keys() == {"PK/caravan-fx", "PK/steppe-fx"}
    assert boards["PK/steppe-fx"].keys() == {"PK/steppe-fx"}
    assert boards[INDUS] == {}
    body = {"payee_bank": ALATAU, "amount": "1.00"}
    assert corridor.refused("PK/steppe-fx", "/v1/payments/quotes", body) == "not_allowed"


def test_a_deposit_is_booked_once(corridor):
    """The settlement agent's reference makes it idempotent; the same with another amount is a conflict."""
    body = {"participant": "PK/ravi-bank", "amount": "500.00", "id": "sbp-17"}
    first = corridor.do(SBP, "/v1/payments/deposits", body)
    assert corridor.do(SBP, "/v1/payments/deposits", body) == first
    assert corridor.refused(SBP, "/v1/payments/deposits", body | {"amount": "5.00"}) == "transfer_id_conflict"
    out = {"participant": "PK/ravi-bank", "amount": "501.00", "id": "sbp-18"}
    assert corridor.refused(SBP, "/v1/payments/withdrawals", out) == "floor_crossed"
    done = corridor.do(SBP, "/v1/payments/withdrawals", out | {"amount": "500.00", "id": "sbp-19"})
    assert done["available"] == {"amount": "0.00", "currency": "PKR"}


def test_the_trial_balance_is_every_account_of_the_ledger_and_for_the_operator(corridor):
    """By currency and kind, holds apart; debits equal credits, and it says so when they do not."""
    corridor.do(SBP, "/v1/payments/deposits", {"participant": "PK/ravi-bank", "amount": "12.34", "id": "sbp-20"})
    path = "/v1/payments/trial-balance"
    found = {one["debits"]["currency"]: one for one in corridor.get(SBP, path)}
    store = corridor.gateways["PK"].engine.store
    held = [account_from(*row) for row in store.scan_accounts()]
    for currency, one in found.items():
        of = [account for account in held if account.asset.code == currency]
        assert {row["kind"]: row["accounts"] for row in one["kinds"]} == Counter(account.kind for account in of)
        debits = sum(account.balance.debits_posted for account in of)
        assert one["balanced"]
        assert one["debits"] == one["credits"]
        assert to_minor(one["debits"]["amount"], of[0].asset) == debits
    assert "PKR" in found
    assert corridor.call(INDUS, "GET", path).json()["code"] == "not_allowed"
    terms, totals = next(iter(store.scan_accounts()))
    store.commit(Changes(balances={terms.id: totals._replace(debits_posted=totals.debits_posted + 1)}))
    code = account_from(terms, totals).asset.code
    assert [one["debits"]["currency"] for one in corridor.get(SBP, path) if not one["balanced"]] == [code]
    store.commit(Changes(balances={terms.id: totals}))


def test_who_runs_low_is_told_once(corridor):
    """A bank below its mark, and its settlement operator, hear of it when the mark is crossed, not each time after."""
    heard = {who: count_low(corridor, who) for who in (INDUS, SBP)}
    available = next(one for one in corridor.get(INDUS, "/v1/payments/accounts") if one["kind"] == "position")
    most = int(available["available"]["amount"].partition(".")[0]) - 500_000
    for amount in (f"{most}.00", "1000.00", "1000.00"):
        answer = corridor.pay(corridor.quote(amount=amount))
        assert answer.status_code == 201, answer.json()
    assert {who: count_low(corridor, who) - heard[who] for who in heard} == {INDUS: 1, SBP: 1}


def test_who_runs_low_is_told_when_an_operator_takes_money_out(corridor):
    """As when a payment takes it, once; the same withdrawal again takes nothing and tells nobody."""
    paid_in = {"id": "IN-LOW", "participant": INDUS, "amount": "9000000.00"}
    available = corridor.call(SBP, "POST", "/v1/payments/deposits", paid_in).json()["available"]["amount"]
    most = int(available.partition(".")[0]) - 500_000
    heard = {who: count_low(corridor, who) for who in (INDUS, SBP)}
    for number, amount in enumerate((f"{most}.00", f"{most}.00", "1000.00")):
        body = {"id": f"OUT-{number // 2}", "participant": INDUS, "amount": amount}
        answer = corridor.call(SBP, "POST", "/v1/payments/withdrawals", body)
        assert answer.is_success, answer.json()
    assert {who: count_low(corridor, who) - heard[who] for who in heard} == {INDUS: 1, SBP: 1}


def count_low(corridor, who):
    store = corridor.gateways[who[:2]].engine.store
    return sum(row.kind == "liquidity.low" for row in store.notices(who, 0, 1_000))
