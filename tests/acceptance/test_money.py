"""Real gateways, each a process of its own: the demo's chapter on money, and every step of it by the command line."""

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.unit.entry.test_payment_iso import pain013

from darwaza.adapters.system.clock import SystemClock
from darwaza.bootstrap import DEPOSIT_FILE, PLAN_FILE
from darwaza.entry.cli.main import main
from darwaza.entry.demo.demo import Demo
from darwaza.entry.demo.payments import PaymentsChapter
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import remittance
from darwaza.standards.iso20022.conversion import NEWER, OLDER, convert
from darwaza.standards.iso20022.message import read

pytestmark = pytest.mark.timeout(600)


def test_the_chapter_on_money_holds(tmp_path):
    """Rates, two currencies, a refusal, a recall, a killed gateway, statements that add up, evidence offline."""
    demo = Demo(tmp_path)
    PaymentsChapter(demo, tmp_path / "money").run()


@pytest.fixture(scope="module")
def corridor(tmp_path_factory):
    names = {"KZ": "Kazakhstan", "PK": "Pakistan"}
    made = LocalCorridor(tmp_path_factory.mktemp("corridor"), names, links=[("KZ", "PK")])
    for code in names:
        (made.path(code) / PLAN_FILE).write_text(remittance.PLAN)
        for name, roles in remittance.PARTIES[code].items():
            made.add_party(code, name, *roles)
    made.start()
    yield made
    made.close()


def run(corridor, who, *words, code=0):
    """Run a command as a party; returns what it prints as JSON."""
    member, _, party = who.partition("/")
    options = ["--gateway", str(corridor.path(member)), "--as", party, "--json"]
    done = CliRunner().invoke(main, ["payments", *map(str, words), *options])
    assert done.exit_code == code, (words, done.output, done.exception)
    return json.loads(done.output if code == 0 else done.stderr)


def first_event(corridor, who, kind):
    """Listen to a party's notices until one of a kind comes."""
    code, _, party = who.partition("/")
    with corridor.client(code, party) as client:
        return next(notice for notice in client.events() if notice["kind"] == kind)


def test_a_payment_from_the_plan_to_the_settlement_by_command(corridor, tmp_path):
    """Everything the guide says, done as it says."""
    bank, other, operator, fx = "PK/indus-bank", "KZ/alatau-bank", "PK/sbp", "PK/caravan-fx"
    run(corridor, operator, "deposit", bank, "9000000.00", "--reference", "SBP-1")
    run(corridor, "KZ/nbk", "deposit", "KZ/caravan-fx", "60000000.00", "--reference", "NBK-1")
    run(corridor, operator, "open-market", "KZ", "--mid", "1.80")
    run(corridor, "KZ/caravan-fx", "allocate", "PK", "50000000.00")
    run(corridor, fx, "post-rate", "KZ", "1.75", "--tier", "1000000.00:2000", "--for", f"{bank}:1000")
    assert run(corridor, operator, "markets")[0]["boards"][fx]["tiers"][0]["from_amount"] == "1000000.00"
    corridor.wait_until_delivered("KZ", "PK")
    run(corridor, other, "register-alias", "MBNO", "+77010000001", "KZ86125KZT5004100100", "Dana Akhmetova")
    found = run(corridor, bank, "verify", "+7 701 000 00 01", "--kind", "MBNO", "--to", "KZ")
    assert (found["name"], found["shown"]) == ("Dana Akhmetova", "D*** A********")
    quote = run(corridor, bank, "quote", other, "100100.00", "--fee", "100.00")
    assert run(corridor, bank, "accept-quote", quote["id"], fx)["state"] == "reserved"
    file = tmp_path / "payment.xml"
    file.write_bytes(remittance.payment(run(corridor, bank, "show", quote["id"]), datetime.now(UTC)))
    assert run(corridor, bank, "pay", file)["status"] == "ACSP"
    (waiting,) = run(corridor, other, "credits", "--wait", "20")
    assert first_event(corridor, other, "payment.asked")["detail"]["credit"] == waiting["credit"]
    (older,) = run(corridor, other, "credits", "--documents", tmp_path / "older", "--message", OLDER)
    written = (tmp_path / "older" / f"{waiting['id']}.pacs008.xml").read_text("utf-8")
    assert written == older["document"]
    assert read(convert(written.encode(), NEWER)) == read(file.read_bytes())
    run(corridor, other, "document", waiting["id"], "-o", tmp_path / "came.xml")
    assert (tmp_path / "came.xml").read_bytes() == file.read_bytes()
    run(corridor, other, "confirm", waiting["id"])
    assert run(corridor, bank, "pay", file, "--wait", "20")["status"] == "ACSC"
    said = run(corridor, bank, "statement", "position:PK/indus-bank:PKR")
    assert said["closing"]["amount"] == "8899900.00"
    ended = run(corridor, operator, "positions", "--settle", tmp_path / "settle")
    assert ended["payments"] in (0, 1)  # of the last ended cycle, which may have ended meanwhile
    assert len(list((tmp_path / "settle").iterdir())) == len(ended["bilateral"])
    assert run(corridor, operator, "indicators")[0]["figures"]["credited"] == 1
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    for since in (f"{yesterday}", f"{yesterday}T06:00:00+05:00"):
        (one,) = run(corridor, operator, "indicators", "--since", since)
        assert (one["figures"]["credited"], one["figures"]["within_day_share_ppm"]) == (1, 1_000_000)
    assert run(corridor, fx, "withdraw-rate", "XX", code=1)["code"] == "market_unknown"
    assert run(corridor, bank, "recall", quote["id"], "--reason", "DUPL")["state"] == "recalling"
    refused = run(corridor, bank, "recall", quote["id"], "--reason", "DUPL", code=1)
    assert refused["code"] == "not_in_state"
    evidence, note = tmp_path / "evidence.json", tmp_path / "corridor.note"
    note.write_bytes(corridor.document)
    run(corridor, bank, "evidence", quote["id"], "-o", evidence)
    words = [
        "payments",
        "verify-evidence",
        str(evidence),
        "--corridor",
        str(note),
        "--anchor",
        corridor.anchor,
        "--json",
    ]
    proven = json.loads(CliRunner().invoke(main, words).output)
    assert (proven["result"], [one["end"] for one in proven["payments"]]) == ("valid", ["settled"])


def test_a_payee_asks_first_by_command(corridor, tmp_path):
    """The payer's bank reads who asks for what, and accepts; both see it."""
    bank, other, file = "PK/indus-bank", "KZ/alatau-bank", tmp_path / "rent.xml"
    file.write_bytes(pain013(SimpleNamespace(clock=SystemClock())))
    done = run(corridor, other, "request-payment", file)
    (waiting,) = eventually(lambda: run(corridor, bank, "requests", "--waiting"))
    run(corridor, bank, "request-document", waiting["id"], "-o", tmp_path / "came.xml")
    assert (tmp_path / "came.xml").read_bytes() == file.read_bytes()
    assert run(corridor, bank, "accept-request", waiting["id"])["state"] == "request-agreed"
    states = eventually(lambda: [one for one in run(corridor, other, "requests") if one["state"] != "requested"])
    assert [(one["id"], one["state"]) for one in states] == [(done["id"], "request-accepted")]


def eventually(found):
    """Ask until something is there; returns it."""
    until = time.monotonic() + 120
    while not (answer := found()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return answer


def test_salaries_go_as_a_bulk_and_each_is_a_payment_by_command(corridor, tmp_path):
    """Ids with a full stop and a number are taken by every command; one is credited and one refused."""
    bank, other, file = "PK/indus-bank", "KZ/alatau-bank", tmp_path / "salaries.xml"
    made = []
    for amount in ("1000.00", "2000.00"):
        quote = run(corridor, bank, "quote", other, amount, "--fee", "1.00")
        given = {"chosen": quote["offers"][0], "payer_bank": bank, "payee_bank": other}
        made.append(remittance.transaction(given, datetime.now(UTC), priority="NORM"))
        run(corridor, bank, "cancel-quote", quote["id"])
    file.write_bytes(remittance.document(*made, now=datetime.now(UTC)))
    ids = [one["id"] for one in run(corridor, bank, "pay-many", file)]
    assert [one.partition(".")[2] for one in ids] == ["1", "2"]
    waiting = run(corridor, other, "credits", "--wait", "20")
    assert [one["id"] for one in waiting] == ids
    assert run(corridor, other, "confirm", ids[0])["state"] == "credited"
    assert run(corridor, other, "reject", ids[1], "--reason", "AC04")["state"] == "refused"
    until = time.monotonic() + 120
    while [run(corridor, bank, "show", one)["status"] for one in ids] != ["ACSC", "RJCT"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert [one["repeated"] for one in run(corridor, bank, "pay-many", file)] == [True, True]
    assert run(corridor, other, "show", made[1].id.uetr, "--uetr")["id"] == ids[1]
    assert ids[0] in [one["id"] for one in run(corridor, bank, "list", "--state", "settled")]
    lines = run(corridor, bank, "statement", "position:PK/indus-bank:PKR")["lines"]
    assert [one["id"] for line in lines for one in line.get("payments", ())] == ids[:1]
    run(corridor, other, "document", ids[1], "-o", tmp_path / "one.xml")
    assert made[1].id.uetr in (tmp_path / "one.xml").read_text()
    assert made[0].id.uetr not in (tmp_path / "one.xml").read_text()
    run(corridor, bank, "evidence", ids[1], "-o", tmp_path / "one.json")
    assert run(corridor, bank, "recall", ids[0], "--reason", "DUPL")["state"]
    note = tmp_path / "1.note"
    note.write_bytes(corridor.document)
    words = ["--corridor", note, "--anchor", corridor.anchor, "--payment", ids[1], "--json"]
    told = CliRunner().invoke(main, ["payments", "verify-evidence", *map(str, [tmp_path / "one.json", *words])])
    (proven,) = json.loads(told.output)["payments"]
    assert (proven["uetr"], proven["end"], proven["reason"]) == (made[1].id.uetr, "rejected", "AC04")
    until = time.monotonic() + 120
    while run(corridor, other, "show", ids[0])["state"] != "recalled":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert run(corridor, other, "refuse-recall", ids[0], "--reason", "CUST")["state"] == "credited"
    while run(corridor, bank, "show", ids[0])["state"] != "settled":
        assert time.monotonic() < until
        time.sleep(0.05)
    # Not on the recall: that gives back at the rate of the day, which is lost with the disk in a later test.
    run(corridor, other, "return", ids[0], "--reason", "AC04")
    while run(corridor, bank, "show", ids[0])["state"] != "returned":
        assert time.monotonic() < until
        time.sleep(0.05)


def test_people_are_told_in_words(corridor):
    """Without --json the same commands print amounts, costs and reasons."""
    options = ["--gateway", str(corridor.path("PK")), "--as", "indus-bank"]
    for words in (["quote", "KZ/alatau-bank", "100100.00"], ["list"], ["accounts"], ["indicators"], ["requests"]):
        done = CliRunner().invoke(main, ["payments", *words, *options])
        assert done.exit_code == 0, done.output
    operator = CliRunner().invoke(main, ["payments", "trial-balance", *options[:-1], "sbp"])
    assert (operator.exit_code, "in all" in operator.output, "not balanced" in operator.output) == (0, True, False)
    wrong = CliRunner().invoke(main, ["payments", "quote", "KZ/alatau-bank", "1.001", *options])
    assert (wrong.exit_code, "amount_too_precise" in wrong.stderr) == (1, True)


def money(corridor):
    """What the payer's bank and the FX provider have; its margin may stand in either of its two accounts at home."""
    found = {one["id"]: one["posted"]["amount"] for one in run(corridor, "PK/indus-bank", "accounts")}
    fx = {one["id"]: one["posted"]["amount"] for one in run(corridor, "PK/caravan-fx", "accounts")}
    home = sum(int(fx.pop(f"{kind}:PK/caravan-fx:PKR").replace(".", "")) for kind in ("liquidity", "spread"))
    return found | fx, home


def test_a_lost_disk_is_rebuilt_from_the_neighbours_and_the_list_of_deposits(corridor, tmp_path):
    """What was paid comes back from the neighbour, what was paid in from the operator's list; both books agree."""
    bank, file = "PK/indus-bank", tmp_path / "deposits.csv"
    run(corridor, "PK/sbp", "deposits", "-o", file)
    assert "deposit,PK/indus-bank,9000000.00,SBP-1" in file.read_text()
    before = money(corridor)
    (paid,) = (one for one in run(corridor, bank, "list") if one.get("uetr") and "." not in one["id"])
    corridor.wait_until_delivered("PK", "KZ")
    corridor.stop("PK")
    corridor.lose_disk("PK")
    (corridor.path("PK") / DEPOSIT_FILE).write_bytes(file.read_bytes())
    corridor.start("PK")
    until = time.monotonic() + 120
    while (after := money(corridor)) != before:
        assert time.monotonic() < until, (before, after)
        time.sleep(0.1)
    again = run(corridor, bank, "show", paid["uetr"], "--uetr")
    assert (again["id"], again["state"]) == (paid["id"], paid["state"])
