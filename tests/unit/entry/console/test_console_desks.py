"""The bank's desk with its four eyes, and the operator's: backups that are examined."""

import asyncio

import pytest
from tests.unit.entry.console.people import Browser, add_account
from tests.unit.entry.payment_corridor import INDUS, NBK, PaymentCorridor, furnish
from tests.unit.entry.test_payment_bulk import bulk

from darwaza.entry.console.language import Reader
from darwaza.entry.console.upkeep import BACKUP_FOLDER, Upkeep
from darwaza.screening import LIST_FOLDER
from darwaza.standards.iso20022.party import Address, Party

SUSPECT = "Dread Pirate Trading"


def furnish_lists(folder):
    furnish(folder)
    (folder / LIST_FOLDER).mkdir(exist_ok=True)
    (folder / LIST_FOLDER / "own.csv").write_text(f"name,entry\n{SUSPECT},Own list 1\n")


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    made = PaymentCorridor(tmp_path_factory.mktemp("bank"), furnish=furnish_lists)
    for login, party in (
        ("bilal", "indus-bank"),
        ("other", "ravi-bank"),
        ("saima", "sbp"),
        ("hamid", "sbp"),
        ("hina", "operator"),
    ):
        add_account(made.gateways["PK"], login, party)
    for login, party in (("aigul", "alatau-bank"), ("dana", "nbk"), ("erlan", "nbk")):
        add_account(made.gateways["KZ"], login, party)
    yield made
    made.close()


def test_two_officers_let_a_screened_payment_go_on(bank):
    """One officer's word is not enough, nor is the same officer's twice; a second one's is."""
    payment = bank.ordered(debtor=Party(name=SUSPECT, address=Address(town="Karachi", country="PK")))
    first = Browser(bank.gateways["PK"], "saima")
    first.get("/console/bank")
    assert SUSPECT in first.text()
    first.get(f"/console/payments/{payment}")
    first.submit("/release")
    state = bank.show(INDUS, payment)["state"]
    first.get(f"/console/payments/{payment}")
    first.submit("/release")
    assert bank.show(INDUS, payment)["state"] == state
    second = Browser(bank.gateways["PK"], "hamid")
    second.get(f"/console/payments/{payment}")
    assert "saima" in second.text()
    second.submit("/release")
    assert bank.show(INDUS, payment)["state"] != state
    clerk = Browser(bank.gateways["PK"], "bilal")
    clerk.get(f"/console/payments/{payment}")
    assert SUSPECT not in clerk.text()


STANDS = "While another officer says to block it, you may only say the same."


def test_what_one_officer_asks_to_block_another_neither_releases_nor_refuses(bank):
    """The page says so before, and names who said it when it is tried; the second's block decides."""
    payment = bank.ordered(debtor=Party(name=SUSPECT, address=Address(town="Karachi", country="PK")))
    for officer in ("saima", "hamid"):
        at_home = Browser(bank.gateways["PK"], officer)
        at_home.get(f"/console/payments/{payment}")
        assert STANDS not in at_home.text()
        at_home.submit("/release")
    bank.run()
    first, second = (Browser(bank.gateways["KZ"], officer) for officer in ("dana", "erlan"))

    def say(officer, word):
        officer.get(f"/console/payments/{payment}")
        assert STANDS in officer.text()
        officer.submit(word)
        if word != "/release":  # what it does is shown first
            officer.submit(word)

    say(first, "/block")
    for word in ("/release", "/refuse"):
        say(second, word)
        assert "KZ/nbk:dana has said block" in second.text()
        assert bank.show(NBK, payment)["state"] == "screened"
    say(second, "/block")
    assert bank.show(NBK, payment)["state"] in {"freezing", "frozen"}


def test_a_credit_is_refused_with_a_reason_and_a_second_yes(bank):
    """The payer gets everything back, and the reason."""
    payment = bank.ordered()
    there = Browser(bank.gateways["KZ"], "aigul")
    there.get("/console/bank")
    there.get(f"/console/payments/{payment}")
    there.submit("/reject", reason="AC04", detail="closed in May")
    assert "What will happen" in there.text()
    assert bank.show("KZ/alatau-bank", payment)["state"] == "asked"
    there.submit("/reject")
    bank.run()
    here = Browser(bank.gateways["PK"], "bilal")
    here.get(f"/console/payments/{payment}")
    assert "AC04" in here.text()


def test_a_bulk_is_one_line_that_leads_to_each_of_its_payments(bank):
    """At either bank; one is refused on its own page, and the bulk says so; nobody else finds it."""
    answers = bank.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(bank)).json()
    bank.run()
    case_id, ids = answers[0]["id"].partition(".")[0], [one["id"] for one in answers]
    for land, login in (("PK", "bilal"), ("KZ", "aigul")):
        clerk = Browser(bank.gateways[land], login)
        clerk.get("/console/bank")
        (line,) = clerk.page.xpath(f"//section[@id='payments']//tr[.//a[@href='/console/payments/{case_id}']]")
        assert "Payments: 3" in line.text_content()
        assert "3,003.00" in line.text_content()
        clerk.get(f"/console/payments/{case_id}")
        assert clerk.answer.headers["location"] == f"/console/bulks/{case_id}"
        clerk.get(f"/console/bulks/{case_id}")
        links = clerk.page.xpath("//section[@id='payments']//tbody//a/@href")
        assert links == [f"/console/payments/{one}" for one in ids]
    clerk.get(f"/console/payments/{ids[1]}")
    clerk.submit("/reject", reason="AC04", detail="closed")
    clerk.submit("/reject")
    bank.run()
    payer = Browser(bank.gateways["PK"], "bilal")
    payer.get(f"/console/bulks/{case_id}?state=rejected")
    assert payer.page.xpath("//section[@id='payments']//tbody//a/@href") == [f"/console/payments/{ids[1]}"]
    assert "AC04" in payer.text()
    payer.get(f"/console/payments/{ids[1]}")
    assert f"/console/bulks/{case_id}" in payer.page.xpath("//a/@href")
    assert Browser(bank.gateways["PK"], "other").get(f"/console/bulks/{case_id}").status_code == 404
    assert payer.get("/console/bulks/nothing").status_code == 404
    assert payer.get(f"/console/bulks/{bank.settled()}").status_code == 404


def test_a_quote_nobody_has_taken_shows_what_its_best_offer_comes_to(bank):
    """On the page, in its file and over HTTP; once an offer is taken the amounts are that one's."""
    quote = bank.quote(amount="50100.00", take_best=False)
    best, taken = quote["offers"]
    clerk = Browser(bank.gateways["PK"], "bilal")

    def line():
        clerk.get("/console/bank")
        (found,) = clerk.page.xpath(f"//section[@id='payments']//tr[.//a[@href='/console/payments/{quote['id']}']]")
        return [" ".join(cell.text_content().split()) for cell in found.xpath("td")][2:4]

    def worded(money):
        return " ".join(Reader("en").decimal(money["amount"], money["currency"]).split())

    assert line() == [worded(best["debit"]) + "best offer", worded(best["credit"])]
    clerk.get("/console/bank?form=csv")
    (row,) = (one for one in clerk.answer.text.splitlines() if quote["id"] in one)
    assert "50100.00,PKR," + best["credit"]["amount"] in row
    (told,) = (one for one in bank.get(INDUS, "/v1/payments")["payments"] if one["id"] == quote["id"])
    assert told["offers"] == [best]
    bank.do(INDUS, f"/v1/payments/quotes/{quote['id']}/accept", {"provider": taken["provider"]})
    assert line() == [worded(taken["debit"]), worded(taken["credit"])]
    assert "offers" not in next(one for one in bank.get(INDUS, "/v1/payments")["payments"] if one["id"] == quote["id"])


def test_what_a_state_pays_stands_beside_what_the_payer_pays(bank):
    """A remittance is not as cheap as its payer sees it; where nothing is subsidised there is no such line."""
    bank.do("KZ/nbk", "/v1/payments/deposits", {"participant": "KZ/alatau-bank", "amount": "900000.00", "id": "r1"})
    for amount, told in (("200000.00", True), ("2000.00", False)):
        quote = bank.quote(INDUS, amount, bank="KZ/alatau-bank", fee="0.00")
        clerk = Browser(bank.gateways["KZ"], "aigul")
        clerk.get(f"/console/payments/{quote['id']}")
        rows = {row[0].text_content(): row[1].text_content() for row in clerk.page.xpath("//table//tr[count(td) = 2]")}
        assert ("A state pays besides" in rows) is told
        if told:
            assert rows["A state pays besides"] == Reader("en").decimal("2500.00", "KZT")
            total = quote["offers"][0]["cost"]["total"]["amount"]
            assert rows["Payer and state together"] == Reader("en").decimal(total, "KZT")


def test_a_payment_of_another_bank_is_not_found(bank):
    """Nor its statement, nor its evidence."""
    payment = bank.ordered()
    stranger = Browser(bank.gateways["PK"], "other")
    assert stranger.get(f"/console/payments/{payment}").status_code == 404
    stranger.get("/console/bank/statement?account=position:PK/indus-bank:PKR/2")
    assert stranger.answer.status_code in {403, 404}


def test_a_statement_is_a_page_and_a_file(bank):
    """Every line, with what is booked and what is free after it."""
    bank.settled()
    clerk = Browser(bank.gateways["PK"], "bilal")
    clerk.get("/console/bank")
    link = next(one for one in clerk.page.xpath("//a/@href") if "statement" in one and "position" in one)
    clerk.get(link)
    assert "closing balance" in clerk.text()
    clerk.get(link + "&form=csv")
    assert clerk.answer.text.count("\n") > 2


def test_positions_say_who_owes_whom_after_a_cycle(bank):
    """By pair and over all members, in the reader's numbers, from what the bank may see; an open cycle says so."""
    bank.clock.advance(-bank.clock.now().timestamp() % 3_600 + 1)  # so that no hour ends between payment and question
    bank.settled()
    cycle = int(bank.clock.now().timestamp()) // 3_600
    clerk = Browser(bank.gateways["PK"], "bilal")
    clerk.get("/console/bank")
    assert "/console/bank/positions" in clerk.page.xpath("//a/@href")
    clerk.get(f"/console/bank/positions?cycle={cycle}")
    assert "has not ended" in clerk.text()
    (debt,) = bank.get(INDUS, f"/v1/payments/positions?cycle={cycle}")["bilateral"]
    assert (debt["debtor"], debt["creditor"], debt["net"]["currency"]) == ("PK", "KZ", "KZT")
    for language in ("en", "ru", "ur"):
        browser, reader = Browser(bank.gateways["PK"], "bilal", language), Reader(language)
        browser.get(f"/console/bank/positions?cycle={cycle}")
        cells = [cell.text_content() for cell in browser.page.xpath("//table[@id='bilateral']/tbody//td")]
        net = reader.decimal(debt["net"]["amount"], "KZT")
        assert cells == [reader.country("PK"), reader.country("KZ"), net]
        shown = {
            row[0].text_content().split(" (")[0]: row[1].text_content()
            for row in browser.page.xpath("//table[@id='multilateral']/tbody/tr")
        }
        owed = reader.decimal("-" + debt["net"]["amount"], "KZT")
        assert shown == {reader.country("KZ"): net, reader.country("PK"): owed}
    stranger = Browser(bank.gateways["PK"], "other")
    stranger.get(f"/console/bank/positions?cycle={cycle}")
    assert "No payment fell in this cycle." in stranger.text()
    clerk.get(f"/console/bank/positions?cycle={cycle - 1}")
    assert f"/console/bank/positions?cycle={cycle}" in clerk.page.xpath("//a[@rel='next']/@href")


@pytest.mark.parametrize("cycle", ["-1", "70000001", "9" * 40, "last"])
def test_a_cycle_that_cannot_be_is_refused(bank, cycle):
    """By a code, on a page; the highest and the lowest there can be are empty ones."""
    clerk = Browser(bank.gateways["PK"], "bilal")
    assert clerk.get(f"/console/bank/positions?cycle={cycle}").status_code == 400
    assert "body_malformed" in clerk.text()
    for edge in ("0", "70000000"):
        assert clerk.get(f"/console/bank/positions?cycle={edge}").status_code == 200
    assert Browser(bank.gateways["PK"], "hina").get("/console/bank/positions").status_code == 403


def test_a_backup_is_made_and_examined_while_the_gateway_works(bank):
    """What the operator presses gives a file that fsck finds whole; what is damaged is found."""
    gateway = bank.gateways["PK"]

    async def run(act):
        upkeep = Upkeep(gateway.folder, gateway.clock)
        act(upkeep)
        await upkeep.done()
        return upkeep.last

    examined = asyncio.run(run(lambda upkeep: upkeep.begin()))
    assert examined.findings == ()
    path = gateway.folder / BACKUP_FOLDER / examined.name
    raw = bytearray(path.read_bytes())
    for at in range(len(raw) // 3, len(raw) // 3 + 40_000):
        raw[at] ^= 1
    path.write_bytes(raw)
    again = asyncio.run(run(lambda upkeep: upkeep.examine(path.name)))
    assert again.findings is None or again.findings
    operator = Browser(gateway, "hina")
    operator.get("/console/operator")
    assert "Backups and examination" in operator.text()
