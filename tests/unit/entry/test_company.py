"""Single payments that come at the same moment travel together, and each is answered as if it had come alone."""

import asyncio
from base64 import urlsafe_b64decode
from uuid import uuid4

import httpx
import pytest
from prometheus_client import generate_latest
from tests.unit.entry.described import hold

from darwaza import config
from darwaza.engine.intake import Accepted, Submit
from darwaza.entry.api.app import App
from darwaza.entry.sample import remittance
from darwaza.entry.server import Server
from darwaza.errors import PushbackError
from darwaza.kernel.health import Condition, Measure
from darwaza.ports.store import CaseFilter
from darwaza.services.payments.message import AnswerBulk, Said
from darwaza.standards.iso20022.conversion import OLDER, convert
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.party import Coded

from .payment_corridor import ALATAU, INDUS, SBP, XML, PaymentCorridor

RAVI = "PK/ravi-bank"
WAIT_S = 120.0
SETTLE_S = 0.05
"""Until answers of a commit have come to wait for the end."""


class BusyCorridor(PaymentCorridor):
    """Whose banks ask many things at the same moment."""

    def at_once(self, *asked, beside=None):
        """Make requests (party, method, path, options) at the same moment of one running gateway, in their order.

        ``beside`` is done with the server at the same time. The answers come in the order of the requests.
        """
        code = asked[0][0].partition("/")[0]
        self.server = None

        async def one(client, who, method, path, options):
            token = (self.local.path(code) / "tokens" / who.partition("/")[2]).read_text().strip()
            headers = {"authorization": f"Bearer {token}"} | options.get("headers", {})
            response = await client.request(method, path, **(options | {"headers": headers}))
            hold(response)
            return response

        async def run():
            self.server = server = Server(self.gateways[code])
            transport = httpx.ASGITransport(app=App(server))
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                made = asyncio.gather(*(one(client, *item) for item in asked))
                if beside is not None:
                    await beside(server)
                answers = await made
            await server.transport.close()
            return answers

        return asyncio.run(run())

    def document(self, amount="1000.00", bank=INDUS, **changes):
        """An ordinary payment at the rate of the moment."""
        asked = {"payee_bank": ALATAU, "amount": amount, "fee": "5.00"}
        quote = self.call(bank, "POST", "/v1/payments/quotes", asked).json()
        quote = {"chosen": quote["offers"][0], "payer_bank": bank, "payee_bank": ALATAU}
        return remittance.payment(quote, self.clock.now(), **({"priority": "NORM"} | changes))

    def documents(self, count, **changes):
        """Ordinary payments, each of another amount."""
        return [self.document(f"{1000 + number}.00", **changes) for number in range(count)]

    def pay_at_once(self, *documents, bank=INDUS, headers=None):
        """Order payments at the same moment."""
        asked = [(bank, "POST", "/v1/payments", {"content": one, "headers": headers or {}}) for one in documents]
        return self.at_once(*asked)

    def confirm(self, answers):
        """Let all that were ordered be credited, and both banks hear of it."""
        self.run()
        self.call(ALATAU, "POST", "/v1/payments/credits", {"words": [{"id": one} for one in ids(answers)]})
        self.run()


@pytest.fixture
def corridor(tmp_path):
    corridor = BusyCorridor(tmp_path)
    yield corridor
    corridor.close()


def uetr_of(document):
    return read(document).transactions[0].id.uetr


def ids(answers):
    return [one.json().get("id", "") for one in answers]


def test_payments_of_one_moment_travel_together_and_each_is_answered_for_itself(corridor):
    documents = corridor.documents(5)
    answers = corridor.pay_at_once(*documents)
    assert [one.status_code for one in answers] == [201] * 5
    case_id = ids(answers)[0].partition(".")[0]
    assert ids(answers) == [f"{case_id}.{number}" for number in range(1, 6)]
    assert [one.json()["uetr"] for one in answers] == [uetr_of(one) for one in documents]
    assert [one.json()["state"] for one in answers] == ["sent"] * 5
    assert (corridor.server.company.companies, corridor.server.company.payments) == (1, 5)


def test_a_lone_payment_goes_alone(corridor):
    (answer,) = corridor.pay_at_once(corridor.document())
    assert answer.status_code == 201
    assert "." not in answer.json()["id"]
    assert corridor.server.company.companies == 0


def test_what_went_in_company_is_found_answered_and_shown_as_what_went_alone(corridor):
    """Amounts, message id, document, list, statement: each is the payment's own."""
    documents = corridor.documents(3)
    answers = corridor.pay_at_once(*documents)
    corridor.run()
    credits_ = corridor.get(ALATAU, "/v1/payments/credits?documents=true")
    assert [one["document"].encode() for one in credits_] == documents
    words = [{"id": one["id"]} for one in credits_]
    words[1]["reason"] = "AC04"
    corridor.call(ALATAU, "POST", "/v1/payments/credits", {"words": words})
    corridor.run()
    for document, answer, status in zip(documents, answers, ("ACSC", "RJCT", "ACSC"), strict=True):
        shown = corridor.show(INDUS, answer.json()["id"])
        said = read(document)
        assert (shown["status"], shown["message_id"]) == (status, said.header.message_id)
        assert shown["end_to_end"] == said.transactions[0].id.end_to_end
        (found,) = corridor.get(INDUS, f"/v1/payments?uetr={shown['uetr']}")["payments"]
        assert found["id"] == shown["id"]
        for bank in (INDUS, ALATAU):
            assert corridor.call(bank, "GET", f"/v1/payments/{shown['id']}/document").content == document


@pytest.mark.parametrize("bank", [INDUS, ALATAU])
def test_evidence_of_one_holds_its_document_and_no_other(corridor, bank):
    documents = corridor.documents(3)
    answers = corridor.pay_at_once(*documents)
    corridor.confirm(answers)
    found = corridor.get(bank, f"/v1/payments/{ids(answers)[1]}/evidence")
    shown = [
        urlsafe_b64decode(part["body"] + "===")
        for item in found["items"]
        for part in item.get("parts", [])
        if "body" in part
    ]
    assert documents[1] in shown
    assert not any(uetr_of(one).encode() in b"".join(shown) for one in (documents[0], documents[2]))
    assert not any("body" in item for item in found["items"])


def test_a_name_in_a_comment_is_nobodys(corridor):
    """A payment in whose document a comment holds another UETR is known by its own, and goes as the others do."""
    documents = corridor.documents(3)
    comment = f"<!-- <UETR>{uuid4()}</UETR> --><GrpHdr>".encode()
    documents[1] = documents[1].replace(b"<GrpHdr>", comment)
    answers = corridor.pay_at_once(*documents)
    assert all("." in one for one in ids(answers))
    assert [one.json()["uetr"] for one in answers] == list(map(uetr_of, documents))


def test_a_statement_names_each_payment_by_its_own_message(corridor):
    documents = corridor.documents(3)
    answers = corridor.pay_at_once(*documents)
    corridor.confirm(answers)
    account = "position:PK/indus-bank:PKR"
    said = read(corridor.call(INDUS, "GET", f"/v1/payments/statement?account={account}", headers=XML).content)
    (entry,) = (one for one in said.statements[0].entries if len(one.details[0].transactions) > 1)
    (details,) = entry.details
    assert (details.message_id, details.transaction_count) == (None, 3)
    shown = [(one.message_id, one.uetr) for one in details.transactions]
    assert shown == [(read(one).header.message_id, uetr_of(one)) for one in documents]


def test_payments_of_several_banks_gather_by_bank(corridor):
    """Each bank's answers are its own, and nobody sees another's payment."""
    corridor.do(SBP, "/v1/payments/deposits", {"participant": RAVI, "amount": "9000000.00", "id": "d2"})
    asked = []
    for number in range(6):
        bank = (INDUS, RAVI)[number % 2]
        asked.append((bank, "POST", "/v1/payments", {"content": corridor.document(f"{900 + number}.00", bank)}))
    answers = corridor.at_once(*asked)
    assert [one.status_code for one in answers] == [201] * 6
    cases = [one.partition(".")[0] for one in ids(answers)]
    assert len(set(cases)) == 2
    assert len(set(cases[::2])) == 1
    assert corridor.call(INDUS, "GET", f"/v1/payments/{ids(answers)[1]}").status_code == 404


def test_one_that_is_wrong_is_refused_as_alone_and_stops_no_other(corridor):
    wrong = corridor.document("1001.00", purpose=Coded(code="XXXX"))
    alone = corridor.call(INDUS, "POST", "/v1/payments", content=wrong).json()
    good = [corridor.document("1000.00"), corridor.document("1002.00")]
    first, refused, last = corridor.pay_at_once(good[0], wrong, good[1])
    assert refused.json() == alone
    assert alone["pointer"] == "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]/Purp/Cd"
    assert ids([first, last]) == [f"{ids([first])[0].partition('.')[0]}.{number}" for number in (1, 2)]


def test_where_none_passes_nothing_is_left(corridor):
    """Each is refused as alone, and no case stays behind that nobody knows of."""
    before = sum(1 for _ in corridor.gateways["PK"].engine.store.scan_cases())
    wrong = corridor.documents(3, purpose=Coded(code="XXXX"))
    quotes = sum(1 for _ in corridor.gateways["PK"].engine.store.scan_cases()) - before
    answers = corridor.pay_at_once(*wrong)
    assert [one.json()["code"] for one in answers] == ["purpose_wrong"] * 3
    assert sum(1 for _ in corridor.gateways["PK"].engine.store.scan_cases()) == before + quotes


def test_money_for_some_but_not_for_all_goes_to_who_came_first(corridor):
    documents = [corridor.document("4000000.00") for _ in range(3)]
    answers = corridor.pay_at_once(*documents)
    assert [one.json().get("code") for one in answers] == [None, None, "floor_crossed"]


def test_one_document_twice_at_the_same_moment_is_one_payment(corridor):
    document, other = corridor.document("1000.00"), corridor.document("1001.00")
    answers = corridor.pay_at_once(document, other, document, document)
    assert sorted(one.status_code for one in answers) == [201] * 4
    assert len({one["id"] for one in (answer.json() for answer in answers) if one["uetr"] == uetr_of(document)}) == 1
    assert sum(one.json().get("repeated", False) for one in answers) == 2


def test_one_uetr_with_other_bytes_at_the_same_moment_is_a_named_conflict(corridor):
    document, other = corridor.document("1000.00"), corridor.document("1001.00")
    altered = corridor.document("1002.00", uetr=uetr_of(document))
    answers = corridor.pay_at_once(document, other, altered)
    assert sorted(one.status_code for one in answers) == [201, 201, 409]
    assert {one.json().get("code") for one in answers} == {None, "key_reused"}


@pytest.mark.parametrize("later", ["at once", "after the end", "after a restart", "after the rate has gone"])
def test_what_went_in_company_and_is_sent_again_gets_its_answer(corridor, later):
    documents = corridor.documents(3)
    first = corridor.pay_at_once(*documents)
    state = "sent"
    if later == "after the end":
        corridor.confirm(first)
        state = "settled"
    elif later == "after a restart":
        corridor.restart("PK")
        corridor.meet()
    elif later == "after the rate has gone":
        for provider in ("PK/caravan-fx", "PK/steppe-fx"):
            markets = corridor.get(provider, "/v1/payments/markets")
            (market,) = (one["id"] for one in markets if one["destination"] == "KZ")
            corridor.do(provider, f"/v1/payments/markets/{market}/withdraw", {})
    alone = corridor.call(INDUS, "POST", "/v1/payments", content=documents[1])
    again = [alone, *corridor.pay_at_once(*documents)]
    assert [one.status_code for one in again] == [201] * 4
    assert ids(again) == [ids(first)[1], *ids(first)]
    for one, answer in zip(first, again[1:], strict=True):
        assert answer.json() == one.json() | {"repeated": True, "state": state}
    altered = documents[1].replace(b"dried apricots", b"fresh apricots")
    assert altered != documents[1]
    assert corridor.call(INDUS, "POST", "/v1/payments", content=altered).json()["code"] == "key_reused"
    assert {one.json()["code"] for one in corridor.pay_at_once(altered, altered)} == {"key_reused"}


def test_what_went_in_company_is_known_after_the_disk_is_lost(corridor):
    documents = corridor.documents(3)
    kept = corridor.backup("PK")
    first = corridor.pay_at_once(*documents)
    corridor.run()
    corridor.lose("PK", kept)
    corridor.run()
    again = corridor.pay_at_once(*documents)
    assert ids(again) == ids(first)
    assert all(one.json()["repeated"] for one in again)
    altered = documents[1].replace(b"dried apricots", b"fresh apricots")
    assert corridor.call(INDUS, "POST", "/v1/payments", content=altered).json()["code"] == "key_reused"


def test_what_went_alone_and_is_sent_again_in_company_gets_its_answer(corridor):
    document, others = corridor.document("999.00"), [corridor.document("1000.00"), corridor.document("1001.00")]
    alone = corridor.call(INDUS, "POST", "/v1/payments", content=document).json()
    again = corridor.pay_at_once(others[0], document, others[1])
    assert again[1].json() == alone | {"repeated": True}
    assert [one.status_code for one in again] == [201] * 3


def test_a_payment_with_a_key_of_its_own_goes_alone_and_is_known_by_it(corridor):
    documents = corridor.documents(3)
    keyed = ({"content": one, "headers": {"idempotency-key": f"key-{n}"}} for n, one in enumerate(documents))
    first = corridor.at_once(*((INDUS, "POST", "/v1/payments", options) for options in keyed))
    assert not any("." in one for one in ids(first))
    again = corridor.call(INDUS, "POST", "/v1/payments", content=documents[0], headers={"idempotency-key": "key-0"})
    assert (again.json()["id"], again.json()["repeated"]) == (ids(first)[0], True)
    other = corridor.call(INDUS, "POST", "/v1/payments", content=documents[1], headers={"idempotency-key": "key-0"})
    assert other.json()["code"] == "key_reused"


def test_a_key_of_its_own_that_is_the_uetr_of_one_that_went_in_company_is_a_conflict(corridor):
    documents = corridor.documents(3)
    corridor.pay_at_once(*documents[:2])
    headers = {"idempotency-key": uetr_of(documents[0])}
    answer = corridor.call(INDUS, "POST", "/v1/payments", content=documents[2], headers=headers)
    assert answer.json()["code"] == "key_reused"


def test_a_uetr_that_was_the_key_of_another_payment_is_a_conflict_in_company_too(corridor):
    documents = corridor.documents(3)
    headers = {"idempotency-key": uetr_of(documents[0])}
    assert corridor.call(INDUS, "POST", "/v1/payments", content=documents[1], headers=headers).status_code == 201
    answers = corridor.pay_at_once(documents[0], documents[2], corridor.document("1004.00"))
    assert [one.json().get("code") for one in answers] == ["key_reused", None, None]


def test_the_uetr_of_another_banks_payment_is_a_duplicate(corridor):
    corridor.do(SBP, "/v1/payments/deposits", {"participant": RAVI, "amount": "9000000.00", "id": "d2"})
    documents = corridor.documents(2)
    corridor.pay_at_once(*documents)
    taken = [corridor.document(f"{500 + n}.00", RAVI, uetr=uetr_of(one)) for n, one in enumerate(documents)]
    for answers in (corridor.pay_at_once(*taken, bank=RAVI), corridor.pay_at_once(taken[0], bank=RAVI)):
        assert {one.json()["code"] for one in answers} == {"duplicate_payment"}


def test_in_iso_20022_each_is_answered_with_its_own_status(corridor):
    documents = [corridor.document("1000.00"), corridor.document("1001.00", purpose=Coded(code="XXXX"))]
    documents.append(corridor.document("1002.00"))
    alone = corridor.call(INDUS, "POST", "/v1/payments", content=documents[1], headers=XML)
    answers = corridor.pay_at_once(*documents, headers=XML)
    assert [one.status_code for one in answers] == [201, alone.status_code, 201]
    for document, answer, status in zip(documents, answers, ("ACSP", "RJCT", "ACSP"), strict=True):
        (told,) = read(answer.content).transactions
        assert (told.uetr, told.status) == (uetr_of(document), status)
        assert told.original.message_id == read(document).header.message_id
    (reason,) = read(answers[1].content).transactions[0].reasons
    assert reason == read(alone.content).transactions[0].reasons[0]
    again = corridor.pay_at_once(documents[0], documents[2], headers=XML)
    assert [one.status_code for one in again] == [200, 200]
    for document, answer in zip((documents[0], documents[2]), again, strict=True):
        (told,) = read(answer.content).transactions
        assert (told.uetr, told.original.message_id) == (uetr_of(document), read(document).header.message_id)


def test_what_may_not_gather_goes_alone_beside_those_that_do(corridor):
    """Under a quote, in another version with a fault, not readable, too large: each as before."""
    quoted = corridor.quote(amount="2000.00", fee="5.00")
    under_quote = remittance.payment(quoted, corridor.clock.now(), priority="NORM")
    good = [corridor.document("1000.00"), corridor.document("1001.00")]
    unread = good[0].replace(b"<PmtId>", b"<PmtNo>")
    large = corridor.document("1003.00").replace(b"</Document>", b" " * 70_000 + b"</Document>")
    answers = corridor.pay_at_once(good[0], under_quote, good[1], unread, large)
    assert [one.status_code for one in answers] == [201, 201, 201, 400, 201]
    assert ["." in one for one in ids(answers)] == [True, False, True, False, False]


def test_what_a_relay_would_carry_goes_alone(corridor):
    """A relay carries sealed letters, and nobody could be shown one payment of a sealed company."""
    site = corridor.gateways["PK"].engine.site
    site.routing.measured("KZ", Measure(Condition.DOWN, 0, 0))
    assert not site.routing.is_open(("PK", "KZ"))
    answers = corridor.pay_at_once(*corridor.documents(3))
    assert [one.status_code for one in answers] == [201] * 3
    assert not [one for one in ids(answers) if "." in one]
    assert corridor.server.company.companies == 0


def test_the_end_of_each_wakes_who_waits_for_it(corridor):
    """One commit ends many payments of one case, well or not, and each who waits is told of its own."""
    documents = corridor.documents(3)
    words = (Said(1), Said(2, "AC04"), Said(3))

    async def answer(server):
        async with asyncio.timeout(WAIT_S):
            while not server.company.payments:  # noqa: ASYNC110 - the company rings no bell
                await asyncio.sleep(0)
        await asyncio.sleep(SETTLE_S)
        corridor.run()
        engine = corridor.gateways["KZ"].engine
        (row,) = engine.store.find_cases(CaseFilter(party=ALATAU, service="payments", states=("bulk-asked",)))
        said = Submit(ALATAU, frozenset(), "payments", "answer-bulk", "", b"", AnswerBulk(words), row.id)
        (outcome,) = engine.run([said])
        assert isinstance(outcome, Accepted), outcome
        corridor.run()

    asked = [(INDUS, "POST", "/v1/payments", {"content": one, "headers": {"prefer": "wait=20"}}) for one in documents]
    answers = corridor.at_once(*asked, beside=answer)
    assert [one.json()["state"] for one in answers] == ["settled", "rejected", "settled"]


def test_who_waits_too_long_is_told_how_it_stands(corridor, monkeypatch):
    monkeypatch.setattr("darwaza.config.DELIVERY_WAIT_S_MAX", 0.01)
    documents = corridor.documents(3)
    answers = corridor.pay_at_once(*documents, headers={"prefer": "wait=1"})
    assert [one.json()["state"] for one in answers] == ["sent"] * 3


def test_companies_are_counted(corridor):
    corridor.pay_at_once(*corridor.documents(4))
    shown = generate_latest(corridor.server.metrics).decode()
    assert "darwaza_companies_total 1.0" in shown
    assert "darwaza_payments_in_company_total 4.0" in shown


def test_a_company_has_at_most_so_many_payments_and_bytes(corridor, monkeypatch):
    documents = corridor.documents(7)
    monkeypatch.setattr("darwaza.entry.company.COMPANY_PAYMENTS_MAX", 2)
    answers = corridor.pay_at_once(*documents[:5])
    assert [one.rpartition(".")[2] for one in ids(answers)] == ["1", "2", "1", "2", ids(answers)[4]]
    monkeypatch.setattr("darwaza.entry.company.COMPANY_PAYMENTS_MAX", 100)
    monkeypatch.setattr("darwaza.entry.company.COMPANY_BYTES_MAX", len(documents[5]) + 1)
    assert not any("." in one for one in ids(corridor.pay_at_once(*documents[5:])))


def test_a_full_company_is_an_ordinary_message(corridor):
    """So that it goes where a single payment's order goes, and is overtaken by none."""
    documents = [corridor.document("1000.00") for _ in range(60)]
    answers = corridor.pay_at_once(*documents)
    assert [one.status_code for one in answers] == [201] * 60
    assert 1 < corridor.server.company.companies < 60
    engine = corridor.gateways["PK"].engine
    orders = {message for one in answers for message in one.json()["message_ids"]}
    assert all(len(engine.store.leaf(f"PK {one}").body) <= config.ORDINARY_BODY_BYTES_MAX for one in orders)


@pytest.mark.parametrize("limit", [("ENGINE_QUEUE_MAX", 2), ("ENGINE_QUEUE_BYTES_MAX", 5_000)])
def test_what_waits_for_a_transaction_has_a_limit(corridor, monkeypatch, limit):
    """Past it a bank is pushed back as by a full queue, and may send the same again."""
    documents = corridor.documents(4)
    monkeypatch.setattr(f"darwaza.config.{limit[0]}", limit[1])
    answers = corridor.pay_at_once(*documents)
    assert [one.status_code for one in answers] == [201, 201, 503, 503]
    assert {one.json()["code"] for one in answers[2:]} == {"overloaded"}
    assert all("retry-after" in one.headers for one in answers[2:])
    assert [one.status_code for one in corridor.pay_at_once(*documents[2:])] == [201, 201]


def test_a_store_that_pushes_back_is_told_to_each(corridor, monkeypatch):
    documents = corridor.documents(3)
    engine = corridor.gateways["PK"].engine

    def busy(_changes):
        raise PushbackError("the store is busy", code="store_busy", retry_after_s=1.0)

    with monkeypatch.context() as patched:
        patched.setattr(engine.store, "commit", busy)
        assert {one.status_code for one in corridor.pay_at_once(*documents)} == {503}
    assert [one.status_code for one in corridor.pay_at_once(*documents)] == [201] * 3


def test_urgent_payments_travel_with_urgent_ones(corridor):
    """Of one moment and one bank: two companies, and each ends as its priority says."""
    documents = [corridor.document(f"{1000 + n}.00", priority=("HIGH", "NORM")[n % 2]) for n in range(4)]
    answers = corridor.pay_at_once(*documents)
    cases = [one.partition(".")[0] for one in ids(answers)]
    assert cases[0] == cases[2] != cases[1] == cases[3]
    corridor.confirm(answers)
    shown = [corridor.show(INDUS, one) for one in ids(answers)]
    assert [(one["state"], one["urgent"]) for one in shown] == [("settled", True), ("settled", False)] * 2


def test_the_rate_parts_companies(corridor):
    """Payments at two rates that FX providers offer are two companies."""
    documents = corridor.documents(2)
    quote = corridor.call(INDUS, "POST", "/v1/payments/quotes", {"payee_bank": ALATAU, "amount": "500.00"}).json()
    second = {"chosen": quote["offers"][1], "payer_bank": INDUS, "payee_bank": ALATAU}
    documents += [remittance.payment(second, corridor.clock.now(), priority="NORM") for _ in range(2)]
    answers = corridor.pay_at_once(documents[0], documents[2], documents[1], documents[3])
    assert [one.status_code for one in answers] == [201] * 4
    cases = [one.partition(".")[0] for one in ids(answers)]
    assert cases[0] == cases[2] != cases[1] == cases[3]


def test_iso_messages_travel_together_too(corridor):
    """Whichever door they come by."""
    documents = corridor.documents(3)
    asked = [(INDUS, "POST", "/v1/payments/messages", {"content": one}) for one in documents]
    answers = corridor.at_once(*asked)
    assert [read(one.content).transactions[0].status for one in answers] == ["ACSP"] * 3
    assert corridor.server.company.payments == 3


def test_the_older_version_travels_together_too(corridor):
    documents = [convert(one, OLDER) for one in corridor.documents(3)]
    first = corridor.pay_at_once(*documents)
    assert [one.status_code for one in first] == [201] * 3
    assert corridor.server.company.payments == 3
    again = corridor.pay_at_once(*documents)
    assert [(one.json()["id"], one.json()["repeated"]) for one in again] == [(one, True) for one in ids(first)]
