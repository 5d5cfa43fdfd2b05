"""Evidence of one payment of a bulk, which verifies offline, and statements that show each."""

import json
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from click.testing import CliRunner

from darwaza.adapters.system.clock import SystemClock
from darwaza.bootstrap import read_history
from darwaza.entry.api import report
from darwaza.entry.cli.main import main
from darwaza.entry.cli.proof import proofs_of
from darwaza.entry.order import find_order
from darwaza.entry.sample import remittance
from darwaza.errors import MalformedError
from darwaza.kernel import evidence
from darwaza.kernel.examination import verify
from darwaza.kernel.message import Refused, decode_header
from darwaza.kernel.verdict import Result
from darwaza.services.payments.message import read_bulk, write_bulk
from darwaza.services.payments.proof import prove
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.payment import PaymentId

from .payment_corridor import ALATAU, INDUS, XML, PaymentCorridor
from .test_payment_bulk import bulk


@pytest.fixture
def corridor(tmp_path):
    made = PaymentCorridor(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ordered(corridor):
    """Ids and UETRs of a bulk: the first credited, the second refused, the third still open."""
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor)).json()
    corridor.run()
    for word in ({"id": answers[0]["id"]}, {"id": answers[1]["id"], "reason": "AC04"}):
        corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": [word], "limit": 0})
        corridor.run()
    return answers


def evidence_of(corridor, who, payment_id):
    answer = corridor.call(who, "GET", f"/v1/payments/{payment_id}/evidence")
    assert answer.is_success, answer.json()
    return answer.content


def whole_of(corridor, ordered):
    """The body of the order of a bulk."""
    return find_order(corridor.gateways["PK"].engine, ordered[0]["id"].partition(".")[0]).body


def shown_in(raw):
    """All that an evidence file shows: its text, and its bodies and parts as they are."""
    items = evidence.decode(raw).items
    bodies = [item.body for item in items] + [part.body for item in items for part in item.parts or ()]
    return b"\n".join([raw, *(body for body in bodies if body is not None)])


NAMES = ("Zafarmirzo-1", "Mirzabahrom-2", "Tariqshoyev-3")  # too long to be met by chance in base64


@pytest.mark.parametrize("priority", ["NORM", "HIGH"])
def test_nothing_of_another_payment_is_in_the_evidence_of_one(corridor, priority):
    """No UETR, reference, amount, name, status or sum; what is searched for is in the other's own file."""
    made = {
        f"of_{number}": {
            "priority": priority,
            "id": PaymentId(end_to_end=f"SALARY-{name}", transaction=f"TX-{name}", uetr=str(uuid4())),
            "debtor": msgspec.structs.replace(remittance.PAYER, name=f"Payer {name}"),
            "creditor": msgspec.structs.replace(remittance.PAYEES[ALATAU], name=f"Payee {name}"),
            "remittance": (f"salary of {name}",),
        }
        for number, name in enumerate(NAMES)
    }
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor, **made)).json()
    corridor.run()
    words = [{"id": answers[0]["id"]}, {"id": answers[1]["id"], "reason": "AC04"}]
    corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": words, "limit": 0})
    corridor.run()
    corridor.wait(60)
    corridor.run()
    reasons = [corridor.show(INDUS, one["id"]).get("reason", "") for one in answers]
    assert (reasons[0], reasons[1], len(set(reasons))) == ("", "AC04", 3)
    case_id = answers[0]["id"].partition(".")[0]
    engine = corridor.gateways["KZ"].engine
    bulked = engine.site.decode_case(engine.store.cases([case_id])[case_id]).data
    totals = [sum(column) for column in zip(*(entry.amounts for entry in bulked.entries), strict=True)]
    sums = [form for total in totals for form in (f'"{total}"', f">{total // 100}.{total % 100:02}<")]
    traces = []
    for one, name, reason in zip(answers, NAMES, reasons, strict=True):
        (told,) = read(corridor.call(INDUS, "GET", f"/v1/payments/{one['id']}/document").content).transactions
        amounts = [f">{value.minor // 100}.{value.minor % 100:02}<" for value in (told.instructed_amount, told.amount)]
        traces.append([one["uetr"], name, *amounts, *([f"<Cd>{reason}</Cd>"] if reason else [])])
    for who in (INDUS, ALATAU):
        for at, one in enumerate(answers):
            shown = shown_in(evidence_of(corridor, who, one["id"]))
            others = [trace for other, of in enumerate(traces) if other != at for trace in of]
            assert [trace for trace in traces[at] if trace.encode() not in shown] == []
            assert [trace for trace in (*others, *sums) if trace.encode() in shown] == []


def test_each_is_proven_by_itself(corridor, ordered):
    """Under both countries' signatures, at either gateway: who paid whom what, and its end and no other's."""
    now = corridor.clock.now() + timedelta(seconds=1)
    history = read_history(corridor.local.path("PK"), SystemClock())
    ends = (("settled", "", ["ordered", "said ACCC"]), ("rejected", "AC04", ["ordered", "said RJCT (AC04)"]))
    for one, (end, reason, steps) in zip(ordered, (*ends, ("open", "", ["ordered"])), strict=True):
        for who in (INDUS, ALATAU):
            raw = evidence_of(corridor, who, one["id"])
            verdict = verify(raw, history, now)
            assert verdict.result is Result.VALID, verdict
            assert len(verdict.findings) == len(steps)
            (by_id,), (by_uetr,) = proofs_of(raw, one["id"]), proofs_of(raw, one["uetr"])
            assert by_id == by_uetr
            assert (by_id.id, by_id.uetr, by_id.end, by_id.reason) == (one["id"], one["uetr"], end, reason)
            assert [step.what for step in by_id.steps] == steps
            shown = corridor.show(who, one["id"])
            chosen = shown["chosen"]
            assert by_id.debit == "{amount} {currency}".format(**chosen["debit"])
            assert by_id.credit == "{amount} {currency}".format(**chosen["credit"])
            assert (by_id.end_to_end, by_id.rate) == (shown["end_to_end"], chosen["rate"])
            assert proofs_of(raw) == [by_id]
        assert verify(raw.replace(b"alatau", b"altyau", 1), history, now).result is Result.INVALID


def test_an_urgent_one_is_paid_when_that_was_decided_and_not_before(corridor):
    """An acceptance alone proves that the payees' bank was ready; the decision is in the evidence of each it names."""
    now = corridor.clock.now() + timedelta(seconds=20)
    history = read_history(corridor.local.path("PK"), SystemClock())
    body = bulk(corridor, **{f"of_{number}": {"priority": "HIGH"} for number in range(3)})
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body).json()
    corridor.run()
    words = [{"id": answers[0]["id"]}, {"id": answers[1]["id"], "reason": "AC04"}]
    corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": words, "limit": 0})
    corridor.run()
    steps = (["ordered", "said ACTC", "said ACSC"], ["ordered", "said RJCT (AC04)"], ["ordered"])
    for one, end, said in zip(answers, ("settled", "rejected", "open"), steps, strict=True):
        for who in (INDUS, ALATAU):
            raw = evidence_of(corridor, who, one["id"])
            assert verify(raw, history, now).result is Result.VALID
            (proven,) = proofs_of(raw, one["id"])
            assert (proven.end, [step.what for step in proven.steps]) == (end, said)
    held = evidence.decode(evidence_of(corridor, INDUS, answers[0]["id"]))
    left = tuple(one for one in held.items if "payments.decisions" not in one.header)
    (alone,) = proofs_of(evidence.encode(msgspec.structs.replace(held, items=left)), answers[0]["id"])
    assert (alone.end, [step.what for step in alone.steps]) == ("open", ["ordered", "said ACTC"])


def test_what_happened_to_each_is_what_was_said_of_it(corridor, ordered):
    """The messages of a payment: the bulk's order and what names the payment, not what was said of others."""
    kinds = [[one["kind"] for one in corridor.show(INDUS, each["id"])["messages"]] for each in ordered]
    assert kinds == [["payments.bulk", "payments.answers"], ["payments.bulk", "payments.answers"], ["payments.bulk"]]
    said = [corridor.show(ALATAU, each["id"])["messages"][-1]["id"] for each in ordered[:2]]
    assert said[0] != said[1]


def test_a_refusal_of_the_whole_bulk_is_in_the_evidence_of_each(corridor):
    """An order that came too late ends every payment of it; either gateway's file proves so."""
    now = corridor.clock.now() + timedelta(hours=1)
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor)).json()
    corridor.clock.advance(60)
    corridor.run()
    history = read_history(corridor.local.path("PK"), SystemClock())
    for one in answers:
        assert (corridor.show(INDUS, one["id"])["status"], corridor.show(INDUS, one["id"])["reason"]) == (
            "RJCT",
            "AB06",
        )
        raw = evidence_of(corridor, INDUS, one["id"])
        assert verify(raw, history, now).result is Result.VALID
        (proven,) = proofs_of(raw, one["id"])
        assert (proven.end, proven.reason) == ("rejected", "AB06")
        assert proven.steps[-1].what == "refused it (too_late)"
        assert proven.steps[-1].who.startswith("KZ/")


def test_only_the_payees_gateway_refuses_an_order(corridor, ordered):
    """What another says to have refused, or a refusal of something else, is no end."""
    held = evidence.decode(evidence_of(corridor, INDUS, ordered[2]["id"]))
    order = decode_header(held.items[0].header.encode())
    said = Refused("too_late", "", "payments.bulk", order.id, "")
    named = {"kind": "payments.refused", "id": ordered[0]["id"].partition(".")[0]}
    for origin, refused, end in (
        (order.destination, said, "rejected"),
        (order.origin, said, "open"),
        (order.destination, msgspec.structs.replace(said, message_id=order.case_id), "open"),
    ):
        header = msgspec.structs.replace(order, origin=origin, **named)
        messages = [(order, whole_of(corridor, ordered)), (header, msgspec.json.encode(refused))]
        assert prove(messages, ordered[2]["id"])[0].end == end


def test_a_payment_that_is_not_of_the_bulk_is_not_proven(corridor, ordered):
    raw = evidence_of(corridor, INDUS, ordered[0]["id"])
    for other in (
        ordered[1]["id"],
        ordered[0]["id"][:-1] + "4",
        ordered[0]["id"].partition(".")[0],
        "01990000-0000-4000-8000-000000000000",
    ):
        with pytest.raises(MalformedError) as caught:
            proofs_of(raw, other)
        assert caught.value.code == "payment_unproven"


def test_amounts_that_are_not_those_of_the_rate_prove_nothing(corridor, ordered):
    """Signatures alone do not make the amounts of each payment true: they have to be those of the rate."""
    held = evidence.decode(evidence_of(corridor, INDUS, ordered[0]["id"]))
    terms, documents = read_bulk(whole_of(corridor, ordered))
    body = write_bulk(msgspec.structs.replace(terms, rate="1.76"), documents)
    forged = msgspec.structs.replace(held.items[0], body=body, parts=None)
    with pytest.raises(MalformedError) as caught:
        proofs_of(evidence.encode(evidence.Evidence(held.format, (forged, *held.items[1:]))))
    assert caught.value.code == "payment_unproven"


def test_the_command_tells_of_one_or_of_each(corridor, ordered, tmp_path, monkeypatch):
    monkeypatch.setattr(SystemClock, "now", lambda _: corridor.clock.now())
    file, note = tmp_path / "one.json", tmp_path / "1.note"
    file.write_bytes(evidence_of(corridor, ALATAU, ordered[1]["id"]))
    note.write_text(next(corridor.local.path("PK").glob("corridor/*.note")).read_text())
    words = ["payments", "verify-evidence", str(file), "--corridor", str(note), "--anchor", corridor.local.anchor]
    told = CliRunner().invoke(main, [*words, "--payment", ordered[1]["id"], "--json"])
    assert told.exit_code == 0, told.output
    (one,) = json.loads(told.output)["payments"]
    assert (one["id"], one["end"], one["reason"]) == (ordered[1]["id"], "rejected", "AC04")
    without = CliRunner().invoke(main, words)
    assert [one["uetr"] in without.output for one in ordered] == [False, True, False], without.output


def test_the_whole_order_proves_each(corridor, ordered, tmp_path):
    """What an operator exports of the case is whole."""
    order = find_order(corridor.gateways["PK"].engine, ordered[0]["id"].partition(".")[0]).header
    raw = corridor.call(INDUS, "GET", f"/v1/evidence/{order.id}").content
    assert [one.id for one in proofs_of(raw)] == [one["id"] for one in ordered]


def test_a_statement_names_each_payment_and_has_its_limit(corridor, monkeypatch):
    """In JSON and in camt.053; a statement is no longer than its limit, whatever stands behind its lines."""
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor)).json()
    corridor.run()
    corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": [{"id": one["id"]} for one in answers], "limit": 0})
    corridor.run()
    query = {"account": "position:PK/indus-bank:PKR"}
    said = corridor.get(INDUS, "/v1/payments/statement", params=query)
    (line,) = [line for line in said["lines"] if "payments" in line]
    assert line["payment"] == answers[0]["id"].partition(".")[0]
    assert [(one["id"], one["uetr"]) for one in line["payments"]] == [(one["id"], one["uetr"]) for one in answers]
    assert [one["amount"] for one in line["payments"]] == ["-1000.00", "-1001.00", "-1002.00"]
    assert line["amount"] == "-3003.00"
    camt = read(corridor.call(INDUS, "GET", "/v1/payments/statement", params=query, headers=XML).content)
    details = camt.statements[0].entries[-1].details[0]
    assert (details.transaction_count, details.total.text()) == (3, "3003.00")
    monkeypatch.setattr(report, "LINES_MAX", 4)
    short = corridor.get(INDUS, "/v1/payments/statement", params=query)
    assert len(short["lines"]) < len(said["lines"])
    assert (short["closing"], short["lines"]) == (said["closing"], said["lines"][-len(short["lines"]) :])
    assert short["opening"]["amount"] == said["lines"][-len(short["lines"]) - 1]["booked"]
