"""Bad input to payments, one table: whatever is wrong gets a coded answer, and not one row of any store changes.

A document that can be read is answered pacs.002 RJCT with a reason, one that cannot admi.002; who asks in JSON gets
problem details with the same code. ``test_payment_hostile`` throws nonsense at every endpoint.
"""

import sqlite3
from datetime import timedelta
from typing import NamedTuple

import pytest

from darwaza.config import REQUEST_BYTES_MAX
from darwaza.entry.sample import remittance
from darwaza.services.payments import bulk
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.document import DOCUMENT_BYTES_MAX, DOCUMENT_CHILDREN_MAX
from darwaza.standards.iso20022.message import read
from darwaza.standards.iso20022.party import Account, Address, Agent, Coded, Party
from darwaza.standards.iso20022.payment import Charge
from darwaza.storage import STORE_FILE

from .payment_corridor import ALATAU, INDUS, NBK, SBP, XML, PaymentCorridor

RAVI = "PK/ravi-bank"
AMOUNT = b'<IntrBkSttlmAmt Ccy="PKR">100000.00<'
LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
QUADRATIC = b'<!DOCTYPE a [<!ENTITY a "' + b"ha" * 50_000 + b'">]>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PARAMETER = b'<!DOCTYPE a [<!ENTITY % a SYSTEM "http://127.0.0.1/a.dtd">%a;]>'
DTD = b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd">'


def put(old, new):
    """The good document with one place changed, and only if it is there."""

    def change(scene):
        body = scene.document()
        assert old in body
        return body.replace(old, new, 1)

    return change


def with_type(prologue, entity=b"&a;"):
    """The good document behind a document type, with an entity of it in the payee's name."""
    return lambda scene: prologue + scene.document().partition(b"?>")[2].replace(b"Invoice 42", entity)


def of(quote, **changes):
    """The document that a quote of the scene asks for, with other fields."""
    return lambda scene: scene.document(quote, **changes)


def amount(text, currency=b"PKR"):
    return put(AMOUNT, b'<IntrBkSttlmAmt Ccy="%s">%s<' % (currency, text))


UNREADABLE = {
    # what stands there: (change, status, code, pointer's end)
    "nothing": (lambda _: b"", 400, "xml_wrong", ""),
    "no XML": (lambda _: b'{"amount": "1"}', 400, "xml_wrong", ""),
    "cut off": (lambda scene: scene.document()[:-9], 400, "xml_wrong", ""),
    "not UTF-8": (lambda scene: scene.document().replace(b"Invoice", b"\xff\xfe"), 400, "xml_wrong", ""),
    "another encoding": (put(b"UTF-8", b"UTF-7"), 400, "encoding_wrong", ""),
    "a zero byte": (put(b"Invoice", b"Inv\x00ice"), 400, "xml_wrong", ""),
    "an entity nobody declared": (put(b"Invoice 42", b"&lol;"), 400, "xml_wrong", ""),
    "billion laughs": (with_type(LAUGHS, b"&c;"), 400, "doctype_forbidden", ""),
    "quadratic blowup": (with_type(QUADRATIC, b"&a;" * 5_000), 400, "doctype_forbidden", ""),
    "external entity": (with_type(OUTSIDE), 400, "doctype_forbidden", ""),
    "parameter entity": (with_type(PARAMETER), 400, "doctype_forbidden", ""),
    "external document type": (with_type(DTD, b"x"), 400, "doctype_forbidden", ""),
    "too deep": (put(b"Invoice 42", b"<a>" * 40 + b"</a>" * 40), 400, "document_too_deep", ""),
    "too wide": (put(b"<PmtId>", b"<a/>" * (DOCUMENT_CHILDREN_MAX + 1) + b"<PmtId>"), 400, "document_too_wide", ""),
    "another namespace": (put(b"iso:20022:tech", b"iso:20023:tech"), 400, "namespace_wrong", "/"),
    "no namespace": (lambda _: b"<Document><FIToFICstmrCdtTrf/></Document>", 400, "namespace_wrong", "/"),
    "a version nobody knows": (put(b"pacs.008.001.13", b"pacs.008.001.99"), 400, "message_unsupported", "/"),
    "nothing in it": (lambda scene: scene.empty("pacs.008.001.13"), 400, "element_missing", ""),
    "an element too many": (put(b"<PmtId>", b"<Bribe/><PmtId>"), 400, "element_unexpected", "/Bribe"),
    "no end-to-end reference": (lambda scene: scene.without(b"EndToEndId"), 400, "element_unexpected", "/TxId"),
    "a UETR that is none": (lambda scene: scene.document(uetr="none"), 400, "value_wrong", "/PmtId/UETR"),
    "a negative amount": (amount(b"-100000.00"), 400, "value_wrong", "/IntrBkSttlmAmt"),
    "an amount with an exponent": (amount(b"1E5"), 400, "value_wrong", "/IntrBkSttlmAmt"),
    "an amount with a comma": (amount(b"100000,00"), 400, "value_wrong", "/IntrBkSttlmAmt"),
    "no number": (amount(b"NaN"), 400, "value_wrong", "/IntrBkSttlmAmt"),
    "19 digits": (amount(b"1000000000000000000"), 400, "value_wrong", "/IntrBkSttlmAmt"),
    "too many decimals for the currency": (amount(b"100000.001"), 400, "too_many_decimals", "/IntrBkSttlmAmt"),
    "too many decimals for anything": (amount(b"1.000001"), 400, "value_wrong", "/IntrBkSttlmAmt"),
    "a currency that is none": (amount(b"100000.00", b"pkr"), 400, "value_wrong", "/IntrBkSttlmAmt"),
    "a currency nobody has": (amount(b"100000.00", b"ZZZ"), 400, "currency_unknown", "/IntrBkSttlmAmt"),
    "no currency": (put(b' Ccy="PKR">100000.00', b">100000.00"), 400, "attribute_missing", "/IntrBkSttlmAmt"),
    "another count": (put(b"<NbOfTxs>1<", b"<NbOfTxs>2<"), 400, "transaction_count_wrong", "/NbOfTxs"),
}
REFUSED = {
    # what is wrong: (document, status, code, ISO reason, pointer's end)
    "an amount of zero": (amount(b"0.00"), 422, "amount_other", "AM09", "/IntrBkSttlmAmt"),
    "another currency": (amount(b"100000.00", b"USD"), 422, "currency_wrong", "CURR", "/IntrBkSttlmAmt"),
    "a rate in another currency": (put(b"<UnitCcy>PKR", b"<UnitCcy>USD"), 422, "currency_wrong", "CURR", "/UnitCcy"),
    "a rate the other way round": (put(b"<QtdCcy>KZT", b"<QtdCcy>PKR"), 422, "currency_wrong", "CURR", "/QtdCcy"),
    "a smaller debit": (of("good", instructed_amount=Amount(1, 2, "PKR")), 422, "amount_other", "AM09", "/InstdAmt"),
    "no debit": (of("good", instructed_amount=None), 422, "amount_other", "AM09", "/InstdAmt"),
    "another fee": (
        of("good", charges=(Charge(amount=Amount(1, 2, "PKR"), agent=Agent(bic="INDSPKKA")),)),
        *(422, "amount_other", "AM09", "/ChrgsInf"),
    ),
    "no UETR": (lambda scene: scene.without(b"UETR"), 422, "message_unsuitable", "FF01", "/PmtId/UETR"),
    "another rate": (put(b"1.75<", b"1.76<"), 422, "quote_other", "AB04", "/AgrdRate"),
    "a quote that has expired": (of("lapsed"), 422, "quote_expired", "AB04", ""),
    "a quote that was cancelled": (of("cancelled"), 422, "quote_expired", "AB04", ""),
    "a quote nobody accepted": (of("offered"), 422, "quote_other", "AB04", ""),
    "a quote that was used": (of("used"), 422, "quote_other", "AB04", ""),
    "another bank's quote": (of("foreign"), 404, "not_found", "AB04", ""),
    "an unknown quote": (of("unknown"), 404, "not_found", "AB04", ""),
    "the payer's bank is another": (
        of("good", debtor_agent=Agent(bic="RAVIPKKA")),
        *(422, "agent_unknown", "AGNT", "/DbtrAgt/FinInstnId/BICFI"),
    ),
    "the payee's bank is unknown": (
        of("good", creditor_agent=Agent(bic="NOBDKZKA")),
        *(422, "agent_unknown", "AGNT", "/CdtrAgt/FinInstnId/BICFI"),
    ),
    "taken on too long ago": (of("good", accepted_at=-601), 422, "time_wrong", "TM01", "/AddtlDtTm"),
    "taken on tomorrow": (of("good", accepted_at=86_400), 422, "time_wrong", "TM01", "/AddtlDtTm"),
    "no purpose": (of("good", purpose=None), 422, "purpose_wrong", "CH16", "/Purp/Cd"),
    "a purpose that is not served": (of("good", purpose=Coded(code="BONU")), 422, "purpose_wrong", "CH16", "/Purp/Cd"),
    "a payer without a name": (
        of("good", debtor=Party(address=Address(town="Karachi", country="PK"))),
        *(422, "data_missing", "RR02", "/Dbtr/Nm"),
    ),
    "a payer with a blank for a name": (
        put(b"<Nm>Muhammad Aslam<", "<Nm>\u00a0.<".encode()),
        *(422, "data_missing", "RR02", "/Dbtr/Nm"),
    ),
    "a payee with a hyphen for an account": (
        put(b"<IBAN>KZ86125KZT5004100100</IBAN>", b"<Othr><Id>-</Id></Othr>"),
        *(422, "data_missing", "AC03", "/CdtrAcct/Id"),
    ),
    "a payee without an account": (of("good", creditor_account=None), 422, "data_missing", "AC03", "/CdtrAcct/Id"),
    "a payer without an account": (of("good", debtor_account=None), 422, "data_missing", "RR01", "/DbtrAcct/Id"),
    "a payee without a name": (
        of("good", creditor=Party(address=Address(town="Almaty", country="KZ"))),
        *(422, "data_missing", "RR03", "/Cdtr/Nm"),
    ),
    "an IBAN with a wrong digit": (
        of("good", creditor_account=Account(iban="KZ86125KZT5004100101")),
        *(422, "data_missing", "AC03", "/CdtrAcct/Id/IBAN"),
    ),
    "a UETR taken before, under another quote": (of("good", uetr="taken"), 409, "key_reused", "DUPL", ""),
    "the same UETR, altered": (of("used", uetr="taken", remittance=("more",)), 409, "key_reused", "DUPL", ""),
    "more money than there is": (of("rich"), 422, "floor_crossed", "AM04", ""),
}


class Scene:
    """Two gateways, and quotes in every state that a quote can be in."""

    def __init__(self, folder):
        self.corridor = corridor = PaymentCorridor(folder)
        lapsed = corridor.quote()
        corridor.clock.advance(601)
        self.quotes = {name: corridor.quote() for name in ("good", "cancelled", "used")}
        self.quotes["lapsed"] = lapsed
        corridor.do(INDUS, f"/v1/payments/quotes/{self.quotes['cancelled']['id']}/cancel", None)
        offered = corridor.quote(take_best=False)
        self.quotes["offered"] = self.quotes["good"] | {"quote_id": offered["quote_id"], "id": offered["id"]}
        self.quotes["foreign"] = corridor.quote(bank=RAVI) | {"payer_bank": INDUS}
        nobody = "00000000-0000-4000-8000-000000000000"
        self.quotes["unknown"] = self.quotes["good"] | {"quote_id": nobody, "id": nobody}
        self.quotes["rich"] = corridor.quote(amount="9900000.00")
        used = self.quotes["used"]
        self.taken = remittance.payment(used, corridor.clock.now())
        self.uetr = read(self.taken).transactions[0].id.uetr
        self.used = corridor.call(INDUS, "POST", "/v1/payments", content=self.taken).json()["id"]
        corridor.run()
        corridor.do(ALATAU, f"/v1/payments/{used['id']}/confirm", None)

    def document(self, quote="good", **changes):
        """The pacs.008 of a quote."""
        now = self.corridor.clock.now()
        if changes.get("uetr") == "taken":
            changes["uetr"] = self.uetr
        elif changes.get("uetr") == "none":
            return self.document(quote).replace(b"<UETR>", b"<UETR>X")
        if isinstance(changes.get("accepted_at"), int):
            changes["accepted_at"] = now + timedelta(seconds=changes["accepted_at"])
        return remittance.payment(self.quotes[quote], now, **changes)

    def without(self, name):
        """The good document without an element."""
        start, _, rest = self.document().partition(b"<" + name + b">")
        return start + rest.partition(b"</" + name + b">")[2]

    def empty(self, message):
        return f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{message}"><FIToFICstmrCdtTrf/></Document>'.encode()

    def rows(self):
        """Every row of every table of both gateways."""
        found = {}
        for code in self.corridor.gateways:
            db = sqlite3.connect(f"file:{self.corridor.local.path(code) / STORE_FILE}?mode=ro", uri=True)
            try:
                tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                found |= {(code, name): sorted(map(repr, db.execute(f'SELECT * FROM "{name}"'))) for name in tables}
            finally:
                db.close()
        return found


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    made = Scene(tmp_path_factory.mktemp("corridor"))
    yield made
    made.corridor.close()


def answers(scene, body):
    """What an order is answered in JSON, in ISO 20022, and at the door for all messages."""
    call = scene.corridor.call
    yield call(INDUS, "POST", "/v1/payments", content=body)
    yield call(INDUS, "POST", "/v1/payments", content=body, headers=XML)
    yield call(INDUS, "POST", "/v1/payments/messages", content=body)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_answered_admi_002_and_changes_nothing(scene, name):
    """The code, the place, and no trace of it anywhere."""
    change, status, code, pointer = UNREADABLE[name]
    body, before = change(scene), scene.rows()
    plain, *spoken = answers(scene, body)
    assert plain.status_code in (400, 422)
    problem = plain.json()
    assert code == problem["code"] or (problem["code"], code) == ("payment_malformed", problem["detail"].split(":")[0])
    for answer in spoken:
        reject = read(answer.content)
        assert (answer.status_code, reject.message, reject.reason) == (status, "admi.002.001.01", code)
        assert answer.headers["darwaza-code"] == code
        assert (reject.location or "").endswith(pointer)
    assert scene.rows() == before


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_answered_pacs_002_and_changes_nothing(scene, name):
    """RJCT with the reason a bank knows, our code and the element."""
    make, status, code, reason, pointer = REFUSED[name]
    body, before = make(scene), scene.rows()
    plain, *spoken = answers(scene, body)
    problem = plain.json()
    assert (plain.status_code, problem["code"]) == (status, code)
    assert problem.get("pointer", "").endswith(pointer)
    for answer in spoken:
        (one,) = read(answer.content).transactions
        assert (answer.status_code, one.status, one.reasons[0].reason.code) == (status, "RJCT", reason)
        assert answer.headers["darwaza-code"] == code
    assert scene.rows() == before


def test_a_document_over_the_limit_is_not_even_read(scene):
    """Its size alone is answered, in the language of who asks."""
    before = scene.rows()
    body = scene.document().replace(b"Invoice 42", b"x" * DOCUMENT_BYTES_MAX)
    plain, *spoken = answers(scene, body)
    assert (plain.status_code, plain.json()["code"]) == (413, "request_too_large")
    for answer, code in zip(spoken, ("request_too_large", "document_too_large"), strict=True):
        assert (answer.status_code, answer.headers["darwaza-code"]) == (413, code)
        assert (read(answer.content).message, read(answer.content).reason) == ("admi.002.001.01", code)
    huge = b"x" * (REQUEST_BYTES_MAX + 1)
    for path, headers in (("/v1/payments/messages", {}), ("/v1/payments/bulk", XML)):
        answer = scene.corridor.call(INDUS, "POST", path, content=huge, headers=headers)
        reject = read(answer.content)
        assert (answer.status_code, reject.message, reject.reason) == (413, "admi.002.001.01", "request_too_large")
        assert reject.data == "status reason FF01"
    assert scene.corridor.call(INDUS, "POST", "/v1/payments/bulk", content=huge).json()["code"] == "request_too_large"
    assert scene.rows() == before


def test_the_same_again_is_answered_with_what_it_became_and_changes_nothing(scene):
    """A replay is no second payment: the stored answer, in either language."""
    before = scene.rows()
    plain, *spoken = answers(scene, scene.taken)
    assert (plain.json()["state"], plain.json()["repeated"]) == ("settled", True)
    assert [read(one.content).transactions[0].status for one in spoken] == ["ACSC", "ACSC"]
    assert scene.rows() == before


def test_a_document_of_too_many_payments_changes_nothing(scene, monkeypatch):
    """It is refused whole."""
    monkeypatch.setattr(bulk, "BULK_TRANSACTIONS_MAX", 1)
    parts = [remittance.transaction(scene.quotes["good"], scene.corridor.clock.now()) for _ in range(2)]
    body = remittance.document(*parts, now=scene.corridor.clock.now())
    before = scene.rows()
    answer = scene.corridor.call(INDUS, "POST", "/v1/payments/bulk", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bulk_unsuitable")
    assert scene.rows() == before


class Ask(NamedTuple):
    """A request in JSON that must be refused."""

    who: str
    path: str
    body: object
    status: int
    code: str
    pointer: str = ""


QUOTE = {"payee_bank": ALATAU, "amount": "1000.00"}
ALIAS = {"kind": "EMAL", "value": "a@example.org", "account": "PK36SCBL0000001123456702", "name": "A"}
PAID = "/v1/payments/{used}"
NOBODY = "/v1/payments/00000000-0000-7000-8000-000000000000"
ASKS = {
    "a quote for nothing": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"amount": "0.00"}, 422, "amount_too_small", "/amount"
    ),
    "a quote below zero": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"amount": "-1"}, 422, "amount_negative", "/amount"
    ),
    "a quote with a third decimal": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"amount": "1.001"}, 422, "amount_too_precise", "/amount"
    ),
    "a number for an amount": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"amount": 1}, 400, "body_malformed", "/amount"
    ),
    "a quote over the corridor's limit": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"amount": "20000100.00"}, 422, "over_corridor_limit", "/amount"
    ),
    "a quote for no amount": Ask(INDUS, "/v1/payments/quotes", {"payee_bank": ALATAU}, 400, "body_malformed"),
    "a quote for a word": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"amount": "ten"}, 422, "amount_malformed", "/amount"
    ),
    "an unknown payee's bank": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"payee_bank": "KZ/nobody"}, 422, "agent_unknown", "/payee_bank"
    ),
    "a payee's bank that is no bank": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"payee_bank": "KZ/caravan-fx"}, 422, "agent_unknown", "/payee_bank"
    ),
    "a payee's bank at home": Ask(
        INDUS, "/v1/payments/quotes", QUOTE | {"payee_bank": RAVI}, 422, "market_unknown", "/market"
    ),
    "another bank's quote accepted": Ask(
        RAVI, "/v1/payments/quotes/{good}/accept", {"provider": "PK/caravan-fx"}, 404, "not_found"
    ),
    "a quote accepted twice": Ask(
        INDUS, "/v1/payments/quotes/{good}/accept", {"provider": "PK/steppe-fx"}, 409, "not_in_state"
    ),
    "an offer nobody made": Ask(
        INDUS, "/v1/payments/quotes/{offered}/accept", {"provider": "PK/nobody"}, 422, "quote_other", "/provider"
    ),
    "another bank's quote cancelled": Ask(RAVI, "/v1/payments/quotes/{good}/cancel", None, 404, "not_found"),
    "a credit of nobody confirmed": Ask(ALATAU, NOBODY + "/confirm", None, 404, "not_found"),
    "a credit rejected after it was confirmed": Ask(ALATAU, PAID + "/reject", {"reason": "AC04"}, 409, "not_in_state"),
    "a rejection without a reason": Ask(ALATAU, PAID + "/reject", {}, 400, "body_malformed"),
    "a recall by who was paid": Ask(ALATAU, PAID + "/recall", {"reason": "DUPL"}, 409, "not_in_state"),
    "a recall by another bank": Ask(RAVI, PAID + "/recall", {"reason": "DUPL"}, 404, "not_found"),
    "a recall for no reason": Ask(INDUS, PAID + "/recall", {"reason": "WHY?"}, 400, "body_malformed", "/reason"),
    "a return by who paid": Ask(INDUS, PAID + "/return", {"reason": "AC04"}, 409, "not_in_state"),
    "a return on a recall that never came": Ask(
        ALATAU, PAID + "/return", {"reason": "FOCR"}, 422, "reason_wrong", "/reason"
    ),
    "another bank's account": Ask(
        INDUS, "/v1/payments/deposits", {"participant": INDUS, "amount": "1.00", "id": "x"}, 403, "not_allowed"
    ),
    "a deposit of nothing": Ask(
        SBP, "/v1/payments/deposits", {"participant": INDUS, "amount": "0.00", "id": "x"}, 422, "amount_not_positive"
    ),
    "a deposit of a third decimal": Ask(
        SBP,
        "/v1/payments/deposits",
        {"participant": INDUS, "amount": "0.001", "id": "x"},
        422,
        "amount_too_precise",
        "/amount",
    ),
    "a deposit abroad": Ask(
        SBP,
        "/v1/payments/deposits",
        {"participant": ALATAU, "amount": "1.00", "id": "x"},
        422,
        "agent_unknown",
        "/participant",
    ),
    "a withdrawal of more than there is": Ask(
        NBK,
        "/v1/payments/withdrawals",
        {"participant": ALATAU, "amount": "99999999.00", "id": "x"},
        422,
        "floor_crossed",
    ),
    "more set aside than there is": Ask(
        "KZ/caravan-fx", "/v1/payments/funds/allocate", {"to": "PK", "amount": "99999999.00"}, 422, "floor_crossed"
    ),
    "money set aside for nobody": Ask(
        "KZ/caravan-fx", "/v1/payments/funds/allocate", {"to": "AF", "amount": "1.00"}, 403, "not_allowed", "/to"
    ),
    "an alias of no form": Ask(
        INDUS, "/v1/payments/aliases", ALIAS | {"value": "nobody"}, 422, "alias_malformed", "/value"
    ),
    "an alias for a wrong IBAN": Ask(
        INDUS,
        "/v1/payments/aliases",
        ALIAS | {"account": "PK36SCBL0000001123456703"},
        422,
        "alias_malformed",
        "/account",
    ),
}


@pytest.mark.parametrize("name", ASKS)
def test_what_is_asked_wrongly_is_refused_and_changes_nothing(scene, name):
    """Problem details with the code and, where one field is at fault, its pointer."""
    ask = ASKS[name]
    path = ask.path.format(used=scene.used, **{key: one["id"] for key, one in scene.quotes.items() if key != "used"})
    before = scene.rows()
    answer = scene.corridor.call(ask.who, "POST", path, ask.body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("pointer", "")) == (ask.status, ask.code, ask.pointer)
    assert scene.rows() == before


def test_an_unknown_payee_is_an_answer_and_no_fault(scene):
    """Whose an account is: nobody's, with the reason, and no name."""
    ask = {"kind": "MBNO", "value": "+77019999999", "to": "KZ"}
    found = scene.corridor.do(INDUS, "/v1/payments/verifications", ask)
    view = scene.corridor.get(INDUS, f"/v1/payments/verifications/{found['id']}")
    assert (view["verified"], view.get("name", ""), view["reason"]) == (False, "", "AC01")


def test_after_all_of_it_the_quote_is_as_good_as_it_was(scene):
    """Nothing of the above has used it up."""
    assert scene.corridor.call(INDUS, "POST", "/v1/payments", content=scene.document()).json()["state"] == "sent"
