"""Recalls, returns, statements, net positions, key figures and evidence of payments, over HTTP."""

import itertools
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from darwaza.adapters.system.clock import SystemClock
from darwaza.bootstrap import Gateway, read_history
from darwaza.engine import ledger
from darwaza.entry.api import report
from darwaza.entry.cli.proof import proofs_of
from darwaza.entry.sample import remittance
from darwaza.errors import MalformedError, OperatorError
from darwaza.kernel import evidence
from darwaza.kernel.examination import verify
from darwaza.kernel.verdict import Result
from darwaza.services.payments.reversal import RETURN_WITHIN
from darwaza.standards.iso20022.message import read

from .payment_corridor import ALATAU, INDUS, NBK, SBP, XML, PaymentCorridor

SAME = ("cycle", "since", "until", "payments", "bilateral", "multilateral", "settlement", "undecided")
"""What both gateways of a cycle between two members show alike."""


@pytest.fixture
def corridor(tmp_path):
    made = PaymentCorridor(tmp_path)
    yield made
    made.close()


def test_a_recall_is_granted_by_a_return_and_refused_by_a_word(corridor):
    """camt.056 asks, pacs.004 gives back at the rate of the day, camt.029 keeps."""
    kept, given = corridor.settled(), corridor.settled()
    for case_id in (kept, given):
        assert corridor.do(INDUS, f"/v1/payments/{case_id}/recall", {"reason": "DUPL"})["state"] == "recalling"
        assert corridor.show(ALATAU, case_id)["recall_reason"] == "DUPL"
    corridor.do(ALATAU, f"/v1/payments/{kept}/refuse-recall", {"reason": "CUST"})
    assert corridor.refused(ALATAU, f"/v1/payments/{given}/return", {"reason": "AC04"}) == "reason_wrong"
    corridor.do(ALATAU, f"/v1/payments/{given}/return", {"reason": "FOCR"})
    assert corridor.show(INDUS, kept)["recall_answer"] == "CUST"
    back = corridor.show(INDUS, given)
    assert (back["state"], back["refund"]) == ("returned", {"amount": "100000.00", "currency": "PKR"})


def test_statements_say_what_was_booked_in_json_and_in_camt(corridor):
    """Opening balance and entries make the closing balance; another's account does not exist."""
    corridor.settled()
    account = "position:PK/indus-bank:PKR"
    said = corridor.get(INDUS, "/v1/payments/statement", params={"account": account})
    assert (said["opening"]["amount"], said["closing"]["amount"]) == ("0.00", "8899900.00")
    assert [line["amount"] for line in said["lines"]] == ["9000000.00", "0.00", "-100100.00"]
    query = {"account": account, "after": str(said["lines"][0]["sequence"])}
    camt = read(corridor.call(INDUS, "GET", "/v1/payments/statement", params=query, headers=XML).content)
    (one,) = camt.statements
    assert camt.message == "camt.053.001.12"
    assert [balance.amount.text() for balance in one.balances] == ["9000000.00", "8899900.00"]
    assert [entry.amount.text() for entry in one.entries] == ["100100.00"]
    notice = corridor.call(INDUS, "GET", "/v1/payments/notice", params=query)
    assert read(notice.content).notifications[0].entries == one.entries
    done = corridor.call(INDUS, "GET", "/v1/payments/notice", params={"account": account, "after": "999"})
    assert done.status_code == 204
    strange = corridor.call(ALATAU, "GET", "/v1/payments/statement", params={"account": account})
    assert strange.status_code == 404


def test_every_line_of_an_account_and_every_balance_can_be_asked_for(corridor, monkeypatch):
    """However many there are: the newest first, then those before them; booked and available at any sequence."""
    monkeypatch.setattr(report, "LINES_MAX", 2)
    monkeypatch.setattr(ledger, "HISTORY_PAGE", 1)
    for _ in range(2):
        corridor.settled()
    account = "position:PK/indus-bank:PKR"

    def ask(**query):
        return corridor.get(INDUS, "/v1/payments/statement", params={"account": account, **query})

    pages = [ask()]
    while pages[-1]["earlier"]:
        pages.append(ask(before=pages[-1]["lines"][0]["sequence"]))
    assert all(len(page["lines"]) <= 2 for page in pages)
    for later, page in itertools.pairwise(pages):
        assert (page["closing"], page["closing_available"]) == (later["opening"], later["opening_available"])
    lines = [line for page in reversed(pages) for line in page["lines"]]
    assert len(lines) >= 5
    assert (pages[-1]["opening"]["amount"], lines[0]["amount"]) == ("0.00", "9000000.00")
    for before, line in itertools.pairwise(lines):
        gained = Decimal(line["booked"]) - Decimal(before["booked"])
        assert (line["sequence"] > before["sequence"], gained) == (True, Decimal(line["amount"]))
        then = ask(after=line["sequence"], before=line["sequence"] + 1)
        assert (then["lines"], then["earlier"]) == ([], False)
        assert (then["closing"]["amount"], then["closing_available"]["amount"]) == (line["booked"], line["available"])
    query = {"account": account, "before": lines[2]["sequence"]}
    camt = read(corridor.call(INDUS, "GET", "/v1/payments/statement", params=query, headers=XML).content)
    assert camt.statements[0].balances[1].amount.text() == lines[1]["booked"]


def test_both_countries_compute_the_same_net_positions(corridor):
    """From their own cases alone; the instructions are the same text; a bank's own positions are a part of them."""
    for _ in range(2):
        corridor.settled()
    given = corridor.settled()
    corridor.do(ALATAU, f"/v1/payments/{given}/return", {"reason": "AC04"})
    cycle = corridor.get(SBP, "/v1/payments/positions", params={"cycle": str(_cycle(corridor))})
    assert cycle["payments"] in (3, 4)
    assert (
        corridor.call(SBP, "GET", f"/v1/payments/settlements?cycle={_cycle(corridor)}").json()["code"] == "cycle_open"
    )
    assert corridor.call(INDUS, "GET", "/v1/payments/settlements").json()["code"] == "not_allowed"
    corridor.clock.advance(3_700)
    corridor.close_cycles()
    here, there, own = (
        corridor.get(who, path, params={"cycle": str(cycle["cycle"])})
        for who, path in (
            (SBP, "/v1/payments/settlements"),
            (NBK, "/v1/payments/settlements"),
            (INDUS, "/v1/payments/positions"),
        )
    )
    assert [here[name] for name in SAME] == [there[name] for name in SAME]
    assert own["multilateral"] == here["multilateral"]
    (debt,) = here["bilateral"]
    assert (debt["debtor"], debt["creditor"], debt["net"]["currency"]) == ("PK", "KZ", "KZT")
    instruction = read(debt["instruction"].encode()).transactions[0]
    assert instruction.amount.text() == debt["net"]["amount"]
    assert {money["amount"] for sums in here["multilateral"].values() for money in sums} == {
        debt["net"]["amount"],
        "-" + debt["net"]["amount"],
    }


def test_a_late_return_stands_in_both_countries_positions_while_its_refund_waits(corridor):
    """The provider has spent what it got, so the payer's gateway waits with the refund; the debt between them does not.

    At the last moment for a return: a later one is refused, because no cycle would look for it.
    """
    in_time, late = corridor.settled(), corridor.settled()
    corridor.do(SBP, "/v1/payments/withdrawals", {"participant": "PK/caravan-fx", "amount": "150000.00", "id": "w1"})
    due = datetime.fromisoformat(corridor.show(ALATAU, in_time)["answer_by"])
    corridor.clock.advance((due + RETURN_WITHIN - corridor.clock.now()).total_seconds())
    corridor.do(ALATAU, f"/v1/payments/{in_time}/return", {"reason": "AC04"})
    assert corridor.show(INDUS, in_time)["state"] == "returning"
    cycle = {"cycle": str(_cycle(corridor))}
    here, there = (corridor.get(who, "/v1/payments/positions", params=cycle) for who in (SBP, NBK))
    assert [here[name] for name in SAME] == [there[name] for name in SAME]
    assert [(debt["debtor"], debt["creditor"]) for debt in here["bilateral"]] == [("KZ", "PK")]
    corridor.clock.advance(60)
    assert corridor.refused(ALATAU, f"/v1/payments/{late}/return", {"reason": "AC04"}) == "too_late"
    assert corridor.refused(INDUS, f"/v1/payments/{late}/recall", {"reason": "DUPL"}) == "too_late"


def _cycle(corridor):
    return int(corridor.clock.now().timestamp()) // 3_600


def test_key_figures_are_those_of_the_corridor(corridor):
    """Credited, failed by reason, cost in parts per million, and whether the targets are met."""
    corridor.settled()
    lost = corridor.ordered()
    corridor.do(ALATAU, f"/v1/payments/{lost}/reject", {"reason": "AC06"})
    corridor.clock.advance(1)
    (one,) = corridor.get(INDUS, "/v1/payments/indicators")
    figures = one["figures"]
    assert (figures["ordered"], figures["credited"], figures["failed"]) == (2, 1, {"AC06": 1})
    assert (figures["mean_cost_ppm"], one["meets_targets"]) == (29320, True)
    wrong = corridor.call(INDUS, "GET", "/v1/payments/indicators?since=2020-01-01T00:00:00Z")
    assert wrong.json()["code"] == "query_malformed"


def test_the_evidence_of_a_payment_verifies_offline(corridor):
    """The order with its pacs.008, the acceptance and the decision, under both countries' signatures."""
    case_id = corridor.settled()
    now = corridor.clock.now() + timedelta(seconds=1)
    history = read_history(corridor.local.path("PK"), SystemClock())
    for who in (INDUS, ALATAU):
        raw = corridor.call(who, "GET", f"/v1/payments/{case_id}/evidence").content
        verdict = verify(raw, history, now)
        assert verdict.result is Result.VALID, verdict
        assert len(verdict.findings) == 3
        (proven,) = proofs_of(raw)
        assert (proven.payer_bank, proven.payee_bank, proven.end) == (INDUS, ALATAU, "settled")
        assert (proven.debit, proven.credit, proven.rate) == ("100100.00 PKR", "174900.00 KZT", "1.75")
        assert [step.what for step in proven.steps] == ["ordered", "said ACTC", "said ACSC"]
    assert verify(raw.replace(b"indus", b"inbus", 1), history, now).result is Result.INVALID


def test_evidence_proves_refusals_and_what_is_still_open_and_nothing_without_its_order(corridor):
    """What the messages show counts: a rejection with its reason, no end where none was told, no order no payment."""
    still, lost = corridor.ordered(), corridor.ordered()
    corridor.do(ALATAU, f"/v1/payments/{lost}/reject", {"reason": "AC04"})
    open_raw, lost_raw = (corridor.call(INDUS, "GET", f"/v1/payments/{one}/evidence").content for one in (still, lost))
    (is_open,), (is_lost,) = proofs_of(open_raw), proofs_of(lost_raw)
    assert is_open.end == "open"
    assert (is_lost.end, is_lost.reason) == ("rejected", "AC04")
    held = evidence.decode(lost_raw)
    bare = evidence.Evidence(held.format, (msgspec.structs.replace(held.items[0], body=None), *held.items[1:]))
    with pytest.raises(MalformedError):
        proofs_of(evidence.encode(bare))


def test_a_gateway_follows_a_changed_plan(tmp_path):
    """A new participant gets its accounts and a new floor holds when the gateway starts again; nothing else changes."""
    corridor = PaymentCorridor(tmp_path)
    plan = remittance.PLAN.replace('bic = "RAVIPKKA"', 'bic = "RAVIPKKA"\nfloor = "-500.00"')
    plan += '\n[[participants]]\naddress = "PK/new-bank"\nrole = "psp"\nname = "New"\nbic = "NEWBPKKA"\n'
    try:
        before = corridor.get(INDUS, "/v1/payments/accounts")
        corridor.gateways["PK"].close()
        (corridor.local.path("PK") / "payments.toml").write_text(plan)
        corridor.local.add_party("PK", "new-bank")
        corridor.gateways["PK"] = Gateway(corridor.local.path("PK"), clock=corridor.clock)
        assert corridor.get(INDUS, "/v1/payments/accounts") == before
        floors = {one["id"]: one["floor"]["amount"] for one in corridor.get("PK/ravi-bank", "/v1/payments/accounts")}
        assert floors["position:PK/ravi-bank:PKR"] == "-500.00"
        assert len(corridor.get("PK/new-bank", "/v1/payments/accounts")) == 2
    finally:
        corridor.close()


def test_a_gateway_refuses_other_cycles_than_it_has_counted(tmp_path):
    """The same number would mean another time: what was told of it would be settled for that."""
    corridor = PaymentCorridor(tmp_path, furnish=_half_hours)
    path = corridor.local.path("PK") / "payments.toml"
    try:
        found = corridor.get("PK/sbp", "/v1/payments/positions", params={"cycle": "2"})
        assert (found["since"], found["until"]) == ("1970-01-01T01:00:00.000Z", "1970-01-01T01:30:00.000Z")
        corridor.gateways["PK"].close()
        path.write_text(remittance.PLAN)
        with pytest.raises(OperatorError, match="cycle_s is 3600 and has been 1800") as caught:
            Gateway(corridor.local.path("PK"), clock=corridor.clock)
        assert caught.value.code == "plan_wrong"
        _half_hours(corridor.local.path("PK"))
        corridor.gateways["PK"] = Gateway(corridor.local.path("PK"), clock=corridor.clock)
    finally:
        corridor.close()


def _half_hours(folder):
    (folder / "payments.toml").write_text("cycle_s = 1800\n" + remittance.PLAN)
