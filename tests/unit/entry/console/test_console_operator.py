"""The operator's page without scripts: draining, drills and what they did, paths, and files for a stick."""

import re

import pytest
from tests.unit.entry.console.people import Browser, add_account

from darwaza.bootstrap import Gateway
from darwaza.entry.console.audit import AUDIT_FILE, Trail
from darwaza.entry.local import LocalCorridor


@pytest.fixture
def corridor(tmp_path):
    """Three founded members in a row; no process runs, so only files carry anything."""
    names = {"KZ": "Kazakhstan", "PK": "Pakistan", "UZ": "Uzbekistan"}
    made = LocalCorridor(tmp_path, names, links=[("PK", "UZ"), ("KZ", "UZ")])
    for code in ("PK", "UZ"):
        made.add_party(code, "fbr", "agency")
    (made.path("PK") / "routing.toml").write_text('home_rules = "payments: leave not UZ"\n', "utf-8")
    return made


@pytest.fixture
def gateways(corridor):
    opened = {code: Gateway(corridor.path(code)) for code in ("PK", "UZ")}
    for gateway in opened.values():
        add_account(gateway, "hina", "operator")
        add_account(gateway, "fatima", "fbr")
    yield opened
    for gateway in opened.values():
        gateway.close()


@pytest.fixture
def operator(gateways):
    return Browser(gateways["PK"], "hina")


def acts(gateway):
    return [(entry.act, entry.outcome) for entry in Trail(gateway.folder / AUDIT_FILE, gateway.clock).newest(20)]


def test_a_drain_says_what_it_does_and_is_taken_back(operator, gateways):
    """First the consequences, then the drain, then messages again; each is in the trail and outlives a restart."""
    operator.get("/console/operator")
    operator.submit("/operator/drain")
    assert operator.answer.status_code == 200
    for part in ("What will happen", "send nothing new over this one", "also after a restart"):
        assert part in operator.text()
    assert acts(gateways["PK"]) == []
    operator.submit("/operator/drain")
    operator.follow()
    assert "The gateway is drained." in operator.text()
    operator.get("/console/operator")
    assert "This gateway is drained" in operator.text()
    operator.submit("/operator/drain")
    operator.follow()
    assert "This gateway is drained" not in operator.text()
    assert acts(gateways["PK"]) == [("PUT /v1/operator/routes/drain", "done")] * 2


def test_a_drill_is_told_with_what_it_did(operator, gateways):
    """First the consequences, then the drill, and as long as it lasts the page says so."""
    operator.get("/console/operator")
    operator.submit("/operator/drill", cut="UZ", seconds="600")
    assert "Messages for which there is no other path wait" in operator.text()
    operator.submit("/operator/drill")
    assert operator.answer.status_code == 303
    assert acts(gateways["PK"])[0] == ("POST /v1/operator/drills", "done")
    operator.get("/console/operator")
    assert "counts as dark until" in operator.text()


@pytest.mark.parametrize(("cut", "seconds"), [("XX", "60"), ("UZ", "0"), ("UZ", "nine"), ("PK", "60"), ("", "")])
def test_a_drill_that_cannot_be_is_refused_and_changes_nothing(operator, gateways, cut, seconds):
    """A coded refusal on the page; nobody counts as dark."""
    operator.get("/console/operator")
    operator.submit("/operator/drill", cut=cut, seconds=seconds)
    operator.submit("/operator/drill")
    assert 400 <= operator.answer.status_code < 500
    assert gateways["PK"].engine.site.routing.cuts == {}
    assert acts(gateways["PK"])[0][1] != "done"


def test_a_path_is_explained_with_the_rule_against_it(operator):
    """Allowed, forbidden by a home rule, by what was asked; a policy that cannot be read says where."""

    def ask(query):
        operator.get("/console/operator/paths" + query)
        return operator.text()

    assert "Nothing is sent." in ask("")
    told = ask("?to=UZ&class=documents")
    assert "It would go this way" in told
    assert "Pakistan → Uzbekistan" in told
    told = ask("?to=UZ&class=payments")
    assert "It would not go" in told
    assert "payments: leave not UZ" in told
    told = ask("?to=UZ&class=documents&through=%20kz,&avoid=")
    assert "A rule names members it must go over" in told
    told = ask("?to=UZ&class=documents&avoid=%3Cb%3E")
    assert operator.answer.status_code == 400
    assert "policy_" in told
    assert not operator.page.xpath("//main//b[text()='']")
    assert operator.get("/console/operator/paths?to=PK").status_code == 400
    assert operator.get("/console/operator/paths?to=UZ&body_bytes=-1").status_code == 400


def test_messages_go_by_file_and_come_once(operator, gateways):
    """With no network at all: a file there, a file back, and the same file twice changes nothing."""
    sender = Browser(gateways["PK"], "fatima")
    sender.get("/console/documents/send")
    fields = sender.form("/documents/send") | {"to": "UZ/fbr", "title": "By hand", "ucr": ""}
    fields.pop("file", None)
    sender.send("POST", "/console/documents/send", fields, files={"file": ("a.txt", b"carried", "text/plain")})
    operator.get("/console/operator")
    file = operator.submit("/operator/export", peer="UZ")
    assert file.headers["content-disposition"].startswith('attachment; filename="PK-to-UZ-')
    there = Browser(gateways["UZ"], "hina")
    there.get("/console/operator")
    for _ in range(2):
        bring(there, file.content)
        assert re.search("[1-9] batch(es are| is) on this disk now", there.text())
    reader = Browser(gateways["UZ"], "fatima")
    reader.get("/console/documents")
    assert reader.text().count("By hand") == 1
    there.get("/console/operator")
    back = there.submit("/operator/export", peer="PK").content
    operator.get("/console/operator")
    bring(operator, back)
    assert re.search("[1-9] acknowledgements? (was|were) accepted", operator.text())
    sender.get("/console/documents")
    assert "delivered" in sender.text()
    assert ("POST /v1/operator/carrier", "done") in acts(gateways["UZ"])
    assert ("GET /v1/operator/carrier/{peer}", "done") in acts(gateways["PK"])


def bring(browser, content):
    fields = browser.form("/operator/import")
    fields.pop("file", None)
    return browser.send("POST", "/console/operator/import", fields, files={"file": ("x.carrier", content)})


@pytest.mark.parametrize("damage", ["empty", "cut", "foreign", "nonsense"])
def test_a_file_that_is_none_is_refused_by_its_code(operator, damage, gateways):
    """What is not for here, or not whole, is refused with a code and leaves an entry; the page stays a page."""
    operator.get("/console/operator")
    whole = operator.submit("/operator/export", peer="UZ").content
    raw = {"empty": b"", "cut": whole[:-1], "foreign": whole, "nonsense": b"<script>" * 40}[damage]
    operator.get("/console/operator")
    bring(operator, raw)
    assert 400 <= operator.answer.status_code < 500
    assert ("carrier_foreign" if damage == "foreign" else "carrier_malformed") in operator.text()
    assert acts(gateways["PK"])[0][1].startswith("carrier_")
