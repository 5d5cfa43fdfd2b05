"""The bank's form for an order: it asks for what the corridor asks for at that amount, and says where what lacks."""

import pytest
from tests.unit.entry.console.people import Browser, add_account
from tests.unit.entry.payment_corridor import ALATAU, INDUS, PaymentCorridor

from darwaza.entry.console.order import PLACES, Form, fields_at
from darwaza.entry.order import order_document
from darwaza.entry.sample import remittance
from darwaza.standards.iso20022.message import read

BELOW, FROM = "280099.99", "280100.00"
"""With a fee of 100.00 just below the threshold of the plan, and just at it."""
WHO = {
    "payer": "Muhammad Aslam",
    "payer_town": "Karachi",
    "payer_account": remittance.IBANS[INDUS],
    "payee": "ТОО «Алатау Тау»",
    "payee_town": "Алматы",
    "payee_account": remittance.IBANS[ALATAU],
    "purpose": "SUPP",
}
BORN = {"payer_born": "1980-05-17", "payer_born_town": "Karachi"}
LEI = "5493001KJTIIGC8Y1R12"


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    made = PaymentCorridor(tmp_path_factory.mktemp("bank"))
    add_account(made.gateways["PK"], "bilal", "indus-bank")
    yield made
    made.close()


@pytest.fixture
def form(bank):
    """Open the form of a quote whose offer was taken."""

    def opened(amount, language="en"):
        quote = bank.quote(amount=amount)
        clerk = Browser(bank.gateways["PK"], "bilal", language)
        clerk.get(f"/console/payments/{quote['id']}")
        clerk.quote = quote["id"]
        return clerk

    return opened


def wrong(clerk):
    """What the page says at which fields."""
    return {
        field.get("name"): clerk.page.get_element_by_id(field.get("aria-describedby")).text_content()
        for field in clerk.page.xpath("//*[@aria-invalid='true']")
    }


def ordered(bank, clerk):
    """Say yes on the page that shows what will happen; returns the transaction as it was sent."""
    assert clerk.answer.status_code == 200, clerk.text()
    assert "What will happen" in clerk.text()
    clerk.submit("/pay")
    clerk.follow()
    assert "The payment is ordered." in clerk.text()
    return read(order_document(bank.gateways["PK"].engine, clerk.quote)).transactions[0]


def test_below_the_threshold_nobody_is_asked_when_they_were_born(bank, form):
    clerk = form(BELOW)
    assert "payer_born" not in clerk.form("/pay")
    clerk.submit("/pay", **WHO)
    assert ordered(bank, clerk).debtor.birth is None


def test_from_the_threshold_on_a_person_is_known_by_its_birth(bank, form):
    """All of it travels, and the page before says it once more."""
    clerk = form(FROM)
    assert clerk.form("/pay")["payer_born_country"] == "PK"
    clerk.submit("/pay", **WHO, **BORN)
    assert "born 17 May 1980 in Karachi (Pakistan)" in clerk.text()
    debtor = ordered(bank, clerk).debtor
    assert debtor.birth == remittance.PAYER.birth
    assert (debtor.address.town, debtor.address.country) == ("Karachi", "PK")


@pytest.mark.parametrize(("number", "lei"), [(LEI, True), ("0012345-6", False), (LEI[:-1] + "3", False)])
def test_an_organisation_is_known_by_its_number(bank, form, number, lei):
    """As an LEI when its check digits say that it is one."""
    clerk = form(FROM)
    clerk.submit("/pay", **WHO, payer_kind="organisation", payer_id=number)
    assert number in clerk.text()
    debtor = ordered(bank, clerk).debtor
    assert debtor.lei == (number if lei else None)
    assert [one.id for one in debtor.organisation_ids] == ([] if lei else [number])


@pytest.mark.parametrize(
    ("typed", "iban", "other"),
    [
        ("pk36 SCBL-0000-0011-2345-6702", "PK36SCBL0000001123456702", None),
        ("Kz12-7 b", None, "Kz12-7b"),
        ("001-234 567", None, "001-234567"),
    ],
)
def test_an_account_number_is_an_iban_or_what_its_bank_calls_it(bank, form, typed, iban, other):
    """By the same test as everywhere: two letters and two digits make none of a bank's own number."""
    clerk = form(BELOW)
    clerk.submit("/pay", **(WHO | {"payer_account": typed}))
    account = ordered(bank, clerk).debtor_account
    assert (account.iban, account.other_id) == (iban, other)


MISSING = {"en": "Please fill this in.", "ru": "Заполните это поле.", "ur": "یہ بھریں۔"}


@pytest.mark.parametrize("language", MISSING)
def test_what_is_missing_is_said_at_each_field_before_anything_is_ordered(bank, form, language):
    """In the reader's language, with what was typed still there."""
    clerk = form(FROM, language)
    clerk.submit("/pay", **(WHO | {"payer_town": "", "payee": ""}), payer_born="1980-05-17")
    assert clerk.answer.status_code == 400
    assert wrong(clerk) == dict.fromkeys(("payer_town", "payee", "payer_born_town"), MISSING[language])
    assert "data_missing" in clerk.text()
    kept = clerk.form("/pay")
    assert (kept["payer"], kept["payer_born"], kept["payee_account"]) == (
        WHO["payer"],
        "1980-05-17",
        WHO["payee_account"],
    )
    assert bank.show(INDUS, clerk.quote)["state"] == "reserved"
    clerk.submit("/pay", payer_kind="organisation", payer_town="Karachi", payee="B")
    assert wrong(clerk) == {"payer_id": MISSING[language]}


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        ({"payer_account": "PK36SCBL0000001123456703"}, ["payer_account"]),
        ({"payee_account": "KZ86125KZT5004100101"}, ["payee_account"]),
        ({"payer_born": "1980-13-45"}, ["payer_born"]),
        ({"payer_born": "2099-01-01"}, ["payer_born"]),
        ({"payer_country": "Pakistan"}, ["payer_country"]),
        ({"payee_town": "A" * 141}, []),  # no longer than the standard has it
        ({"reference": "A" * 36}, ["reference"]),
    ],
)
def test_what_is_wrong_is_said_at_its_field(form, typed, fields):
    clerk = form(FROM)
    clerk.submit("/pay", **(WHO | BORN | typed))
    assert wrong(clerk) == dict.fromkeys(fields, "This is not as it must be.")
    assert clerk.answer.status_code == (400 if fields else 200)


def test_a_purpose_that_the_corridor_does_not_take_is_said_at_its_field(form):
    clerk = form(FROM)
    clerk.submit("/pay", **(WHO | BORN | {"purpose": "BEXP"}))
    clerk.submit("/pay")
    assert "That is no purpose this corridor takes." in clerk.text()
    assert clerk.page.xpath("//label[@class='wrong']/select/@name") == ["purpose"]


def test_every_field_stands_for_an_element_and_is_found_by_it():
    """Whoever adds one says where it is written."""
    others = {"payer_kind", "urgent"}
    assert PLACES.keys() == set(Form.__struct_fields__) - others
    typed = dict.fromkeys(Form.__struct_fields__, "x")
    for name, place in PLACES.items():
        kind = {"payer_kind": "organisation" if name == "payer_id" else "person"}
        pointer = f"/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]/{place}"
        assert fields_at(typed | kind, [pointer]) == fields_at(typed | kind, [place]) == [name]
    assert fields_at(typed, ["DbtrAgt/FinInstnId"]) == fields_at(typed, [""]) == []
