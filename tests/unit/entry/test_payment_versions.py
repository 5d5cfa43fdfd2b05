"""Credits for domestic systems that read the older pacs.008: in the list, in the counter, and in calls."""

import msgspec
import pytest
from click.testing import CliRunner
from lxml import etree

from darwaza.adapters.keyfile.party import Party, PartyFile
from darwaza.entry.cli.main import main
from darwaza.entry.sample import remittance
from darwaza.entry.view import credit as view
from darwaza.entry.webhook import CREDITS_MAX
from darwaza.errors import MalformedError
from darwaza.standards.iso20022.conversion import NEWER, OLDER, convert
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.party import Address

from . import test_webhook
from .payment_corridor import ALATAU, INDUS, PaymentCorridor
from .test_payment_bulk import bulk
from .test_webhook import URL, Bank, cursor, serve

STREET = "A" * 100
TOO_LONG = msgspec.structs.replace(remittance.PAYER, address=Address(street=STREET, town="Karachi", country="PK"))
"""A payer whose street has a place in the newer version only."""
LIST = "/v1/payments/credits"


@pytest.fixture
def corridor(tmp_path, monkeypatch):
    for name in ("RETRY_FIRST_S", "RETRY_LAST_S", "PARTIES_READ_S"):
        monkeypatch.setattr(test_webhook.webhook, name, 0.01)
    made = PaymentCorridor(tmp_path)
    yield made
    made.close()


def ordered_bulk(corridor):
    answers = corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor)).json()
    corridor.run()
    return [one["id"] for one in answers]


def hold_valid(shared_data, found, version):
    """Every document is valid by the published schema of the version, and says what the payer's bank said."""
    for one in found:
        document = one["document"].encode()
        schema = etree.XMLSchema(etree.parse(str(shared_data / "iso20022" / "xsd" / f"{version}.xsd")))
        schema.assertValid(etree.fromstring(document))
        (transaction,) = read(convert(document, NEWER)).transactions
        assert (read(document).message, transaction.id.uetr) == (version, one["uetr"])


@pytest.mark.parametrize("version", [NEWER, OLDER])
def test_a_bank_chooses_the_version_of_the_list_and_of_the_counter(corridor, shared_data, version):
    """Of payments of their own and of a bulk's, by parameter or in the body; both say the same."""
    case_id, ids = corridor.ordered(), ordered_bulk(corridor)
    listed = corridor.get(ALATAU, f"{LIST}?documents=true&message={version}")
    counted = corridor.call(ALATAU, "POST", LIST, {"limit": 50, "documents": True, "message": version}).json()
    assert counted["credits"] == listed
    assert {one["id"] for one in listed} == {case_id, *ids}
    hold_valid(shared_data, listed, version)
    plain = {one["id"]: one for one in corridor.get(ALATAU, f"{LIST}?documents=true")}
    for one in listed:
        assert read(convert(one["document"].encode(), NEWER)) == read(plain[one["id"]]["document"].encode())
    assert all("document" not in one for one in corridor.get(ALATAU, f"{LIST}?message={version}"))


def test_a_version_that_no_rail_reads_is_refused_at_its_place(corridor):
    answer = corridor.call(ALATAU, "GET", f"{LIST}?documents=true&message=pacs.008.001.09")
    assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (400, "query_malformed", "/message")
    answer = corridor.call(ALATAU, "POST", LIST, {"limit": 1, "message": "pacs.008.001.09"})
    assert (answer.status_code, answer.json()["pointer"]) == (400, "/message")


def test_what_does_not_fit_is_told_at_its_credit_and_keeps_no_other_back(corridor):
    """As it is asked for by itself: the same code and place; in the newer version it is there."""
    fits, odd = corridor.ordered(), corridor.ordered(debtor=TOO_LONG)
    found = {one["id"]: one for one in corridor.get(ALATAU, f"{LIST}?documents=true&message={OLDER}")}
    assert found[fits]["document"]
    assert "document" not in found[odd]
    alone = corridor.call(ALATAU, "GET", f"/v1/payments/{odd}/document?message={OLDER}")
    assert alone.status_code == 400
    for field in ("code", "detail", "pointer"):
        assert found[odd][field] == alone.json()[field]
    assert found[odd]["code"] == "not_in_version"
    assert found[odd]["pointer"].endswith("/Dbtr/PstlAdr/StrtNm")
    newer = {one["id"]: one for one in corridor.get(ALATAU, f"{LIST}?documents=true")}
    assert STREET in newer[odd]["document"]


def test_documents_that_are_too_much_for_one_answer_come_in_the_next(corridor, monkeypatch):
    """One always comes, however large it is."""
    ids = {corridor.ordered() for _ in range(3)}
    monkeypatch.setattr("darwaza.entry.api.credit.DOCUMENTS_BYTES_MAX", 1)
    seen = []
    while len(seen) < 3:
        (one,) = corridor.get(ALATAU, f"{LIST}?documents=true")
        corridor.do(ALATAU, f"/v1/payments/{one['id']}/confirm", None)
        seen.append(one["id"])
    assert set(seen) == ids
    assert view.DOCUMENTS_BYTES_MAX > 1_048_576  # one document of the largest size is no limit case


def called(corridor, version, until=lambda bank: bank.calls):
    """What the bank is told in calls, after it registered with a version or without one."""
    file = PartyFile(corridor.local.path("KZ") / "parties.json")
    bank = next(party for party in file.all() if party.name == "alatau-bank")
    file.put(msgspec.structs.replace(bank, webhook=URL, webhook_message=version))
    serve(corridor, Bank(lambda _: b""), lambda: cursor(corridor) is not None)

    def calls():
        told = Bank(lambda _: b"")
        serve(corridor, told, lambda: until(told))
        return [msgspec.json.decode(body) | {"id": headers["webhook-id"]} for body, headers in told.calls]

    return calls


@pytest.mark.parametrize("version", [NEWER, OLDER])
def test_a_call_brings_the_credits_it_is_about_in_the_version_of_the_registration(corridor, shared_data, version):
    calls = called(corridor, version)
    case_id, ids, odd = corridor.ordered(), ordered_bulk(corridor), corridor.ordered(debtor=TOO_LONG)
    (call,) = calls()
    assert [one["kind"] for one in call["notices"]] == ["payment.asked", "payment.bulk-asked", "payment.asked"]
    assert [one["id"] for one in call["credits"]] == [case_id, *ids, odd]
    assert call["id"] == f"KZ-alatau-bank-{call['notices'][0]['sequence']}-{call['notices'][-1]['sequence']}"
    hold_valid(shared_data, [one for one in call["credits"] if one["id"] != odd or version == NEWER], version)
    assert call["credits"][-1].get("code") == (None if version == NEWER else "not_in_version")
    assert call["credits"] == corridor.get(ALATAU, f"{LIST}?documents=true&message={version}")


def test_a_call_brings_nothing_that_waits_no_more_and_nothing_that_nobody_asked_for(corridor):
    calls = called(corridor, OLDER)
    case_id, other = corridor.ordered(), corridor.ordered()
    corridor.do(ALATAU, f"/v1/payments/{case_id}/reject", {"reason": "AC04"})
    (call,) = calls()
    assert [one["id"] for one in call["credits"]] == [other]
    calls = called(corridor, "")
    corridor.ordered()
    assert all("credits" not in call for call in calls())


def test_a_call_brings_no_more_than_it_may_and_the_next_one_the_rest(corridor, monkeypatch):
    """A bulk is never torn: its notice comes with all of its credits."""
    monkeypatch.setattr(test_webhook.webhook, "CREDITS_MAX", 3)
    calls = called(corridor, OLDER, until=lambda bank: len(bank.calls) == 2)
    case_id, ids = corridor.ordered(), ordered_bulk(corridor)
    assert [[one["id"] for one in call["credits"]] for call in calls()] == [[case_id], ids]
    assert CREDITS_MAX >= 1_000  # payments of the largest bulk


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"webhook": "bank.example"}, "/webhook"),
        ({"webhook_message": "pacs.008.001.09"}, "/webhook_message"),
        ({"name": "Alatau Bank"}, "/name"),
        ({"requests_per_s_max": 0}, "/requests_per_s_max"),
    ],
)
def test_a_party_that_is_not_of_its_form_is_refused_and_nothing_is_written(tmp_path, wrong, pointer):
    """One word typed wrong locks nobody else out."""
    file = PartyFile(tmp_path / "parties.json")
    file.put(Party("other"))
    with pytest.raises(MalformedError) as caught:
        file.put(msgspec.structs.replace(Party("alatau-bank"), **wrong))
    assert (caught.value.code, caught.value.pointer) == ("party_malformed", pointer)
    assert [one.name for one in PartyFile(tmp_path / "parties.json").all()] == ["other"]


def add(folder, *words):
    done = CliRunner().invoke(main, ["party", "add", str(folder), "alatau-bank", *words])
    (party,) = PartyFile(folder / "parties.json").all() or (None,)
    return done.exit_code, party


def test_a_party_keeps_what_is_not_named_when_it_gets_another_token(tmp_path):
    """Its address and its version among it; an empty word takes either away."""
    said = ("--webhook", URL, "--webhook-message", OLDER, "--about", "Alatau", "--rate", "7", "--role", "bank")
    code, party = add(tmp_path, *said)
    assert (code, party.webhook, party.webhook_message) == (0, URL, OLDER)
    code, again = add(tmp_path)
    assert (code, len(again.tokens)) == (0, 2)
    assert msgspec.structs.replace(again, tokens=party.tokens) == party
    code, silent = add(tmp_path, "--webhook", "", "--webhook-message", "", "--about", "")
    assert (code, silent.webhook, silent.webhook_message, silent.about, silent.roles) == (0, "", "", "", {"bank"})


def test_a_mistyped_party_changes_nothing_by_command(tmp_path):
    _, party = add(tmp_path)
    assert add(tmp_path, "--webhook", "bank.example") == (1, party)
    assert add(tmp_path, "--webhook-message", "pacs.008.001.09") == (2, party)
