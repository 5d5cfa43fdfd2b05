"""Banks that speak ISO 20022 only; aliases, requests to be paid; and everything the gateways write is valid."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from lxml import etree

from darwaza.entry.sample import remittance
from darwaza.kernel.message import decode_header
from darwaza.services.payments.message import ORDER, read_order
from darwaza.services.payments.record import Payment
from darwaza.services.payments.request import write_decision
from darwaza.standards.iso20022 import codes
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.conversion import NEWER, OLDER, convert
from darwaza.standards.iso20022.document import message_of, parse_document
from darwaza.standards.iso20022.message import MESSAGES, read, write
from darwaza.standards.iso20022.pain013 import PaymentRequest, RequestedPayment, RequestHeader, RequestToPay
from darwaza.standards.iso20022.party import Account, Agent, Party
from darwaza.standards.iso20022.payment import When

from .payment_corridor import ALATAU, INDUS, NBK, SBP, XML, PaymentCorridor

PHONE = "+7 (701) 000-00-01"
IBAN = "KZ86125KZT5004100100"


@pytest.fixture(scope="module")
def corridor(tmp_path_factory):
    made = PaymentCorridor(tmp_path_factory.mktemp("corridor"))
    made.written = []
    # A return is of the whole payment, the bank's own fee and the provider's margin included.
    made.do(SBP, "/v1/payments/deposits", {"participant": "PK/caravan-fx", "amount": "1000000.00", "id": "f1"})
    made.do(NBK, "/v1/payments/deposits", {"participant": ALATAU, "amount": "1000.00", "id": "a1"})
    yield made
    made.close()


def door(corridor, who, document, status=200):
    """Give a gateway a message as a bank that knows only ISO 20022; keep what is answered."""
    answer = corridor.call(who, "POST", "/v1/payments/messages", content=document)
    assert answer.status_code == status, answer.content
    corridor.written.append(answer.content)
    corridor.run()
    return read(answer.content)


def payment_of(corridor, code, case_id) -> Payment:
    engine = corridor.gateways[code].engine
    return engine.site.decode_case(engine.store.cases([case_id])[case_id]).data


def pain013(corridor, *, expires=None, end_to_end="RENT-7", payer="INDSPKKA"):
    """Ask a customer of Indus Bank to pay."""
    now = corridor.clock.now().replace(microsecond=0)
    one = RequestedPayment(
        end_to_end=end_to_end,
        amount=Amount(1_000_00, 2, "KZT"),
        charge_bearer="SHAR",
        creditor_agent=Agent(bic="ALTUKZKA"),
        creditor=Party(name="ТОО «Алатау Тау»"),
        creditor_account=Account(iban=IBAN),
    )
    group = PaymentRequest(
        id="G1",
        method="TRF",
        execute=When(on=now.date()),
        expires=expires,
        debtor=Party(name="Muhammad Aslam"),
        debtor_agent=Agent(bic=payer),
        payments=(one,),
    )
    header = RequestHeader(
        message_id="RTP-" + end_to_end,
        created_at=now,
        transaction_count=1,
        control_sum=Decimal(1000),
        initiating_party=Party(name="Алатау"),
    )
    return write(RequestToPay(message="pain.013.001.11", header=header, requests=(group,)))


class TestAliases:
    def test_an_alias_answers_with_a_verified_name_for_the_bank_and_a_masked_one_for_the_payer(self, corridor):
        body = {"kind": "MBNO", "value": PHONE, "account": IBAN, "name": "Dana Akhmetova"}
        corridor.do(ALATAU, "/v1/payments/aliases", body)
        (alias,) = corridor.get(ALATAU, "/v1/payments/aliases")
        assert (alias["value"], alias["shown"]) == ("+77010000001", "D*** A********")
        found = self.ask(corridor, {"kind": "MBNO", "value": "+77010000001", "to": "KZ"})
        assert found["verified"]
        assert (found["bank"], found["account"]) == (ALATAU, IBAN)
        assert (found["name"], found["shown"]) == ("Dana Akhmetova", "D*** A********")

    def ask(self, corridor, body):
        answer = corridor.call(INDUS, "POST", "/v1/payments/verifications", body, headers={"prefer": "wait=0"})
        assert answer.status_code == 201, answer.json()
        corridor.run()
        return corridor.get(INDUS, f"/v1/payments/verifications/{answer.json()['id']}")

    def test_what_nobody_registered_is_unknown(self, corridor):
        found = self.ask(corridor, {"kind": "EMAL", "value": "Nobody@Example.org", "to": "KZ"})
        assert (found["verified"], found["reason"], found["value"]) == (False, "AC01", "nobody@example.org")

    def test_an_account_is_put_to_its_bank_which_answers_or_is_silent(self, corridor):
        body = {"value": "20208000900123456001", "payee_bank": "ALTUKZKA"}
        answer = corridor.call(INDUS, "POST", "/v1/payments/verifications", body, headers={"prefer": "wait=0"}).json()
        corridor.run()
        (asked,) = corridor.get(ALATAU, "/v1/payments/verifications")
        assert (asked["id"], asked["value"]) == (answer["id"], "20208000900123456001")
        corridor.do(ALATAU, f"/v1/payments/verifications/{asked['id']}/answer", {"name": "ТОО «Алатау Тау»"})
        found = corridor.get(INDUS, f"/v1/payments/verifications/{asked['id']}")
        assert (found["verified"], found["shown"]) == (True, "Т** «****** Т***")
        silent = self.ask(corridor, body)
        corridor.wait(21)
        corridor.run()
        found = corridor.get(INDUS, f"/v1/payments/verifications/{silent['id']}")
        assert (found["verified"], found["reason"]) == (False, "NORR")

    def test_the_number_of_an_account_is_told_as_its_bank_writes_it(self, corridor):
        """Money is sent to it: small letters and hyphens of a number that is no IBAN are its bank's business."""
        body = {"kind": "EWAL", "value": "w-1", "account": "Wallet-7 / b", "name": "Дана"}
        corridor.do(ALATAU, "/v1/payments/aliases", body)
        assert self.ask(corridor, {"kind": "EWAL", "value": "W-1", "to": "KZ"})["account"] == "Wallet-7/b"
        body = {"value": "acc-1", "payee_bank": "ALTUKZKA"}
        corridor.call(INDUS, "POST", "/v1/payments/verifications", body, headers={"prefer": "wait=0"})
        corridor.run()
        assert [one["value"] for one in corridor.get(ALATAU, "/v1/payments/verifications")] == ["acc-1"]
        body = {"kind": "MBNO", "value": PHONE, "account": "kz86 125K-ZT50 0410 0100", "name": "Дана"}
        corridor.do(ALATAU, "/v1/payments/aliases", body)
        assert self.ask(corridor, {"kind": "MBNO", "value": PHONE, "to": "KZ"})["account"] == IBAN

    def test_an_alias_belongs_to_one_bank_until_it_lets_go(self, corridor):
        body = {"kind": "EMAL", "value": "shop@example.org", "account": "PK36SCBL0000001123456702", "name": "Shop"}
        mine = corridor.do(INDUS, "/v1/payments/aliases", body)["id"]
        other = "PK/ravi-bank"
        assert corridor.refused(other, "/v1/payments/aliases", body | {"value": "SHOP@example.org"}) == "alias_taken"
        assert corridor.refused(other, f"/v1/payments/aliases/{mine}/remove", None) == "not_found"
        corridor.do(INDUS, f"/v1/payments/aliases/{mine}/remove", None)
        corridor.do(other, "/v1/payments/aliases", body)
        assert corridor.get(INDUS, "/v1/payments/aliases") == []

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"kind": "MBNO", "value": "0300-1234567"}, "alias_malformed"),
            ({"kind": "EMAL", "value": "nobody"}, "alias_malformed"),
            ({"name": "\u00a0."}, "alias_malformed"),
            ({"kind": "SHID", "value": "a b"}, "alias_malformed"),
            ({"account": "PK36SCBL0000001123456703"}, "alias_malformed"),
            ({"kind": "NIDN"}, "body_malformed"),
        ],
    )
    def test_an_alias_has_the_form_of_its_kind(self, corridor, change, code):
        body = {"kind": "EMAL", "value": "a@example.org", "account": IBAN, "name": "A"}
        assert corridor.refused(INDUS, "/v1/payments/aliases", body | change) == code


class TestRequests:
    def test_a_request_is_accepted_and_paid_under_its_reference(self, corridor):
        """Now: the payer decides at once; what is agreed is paid like any payment."""
        asked = door(corridor, ALATAU, pain013(corridor))
        assert asked.message == "pain.014.001.11"
        (waiting,) = corridor.get(INDUS, "/v1/payments/requests?open=true")
        assert (waiting["end_to_end"], waiting["later"]) == ("RENT-7", False)
        document = corridor.call(INDUS, "GET", f"/v1/payments/requests/{waiting['id']}/document").content
        assert read(document).requests[0].payments[0].end_to_end == "RENT-7"
        corridor.do(INDUS, f"/v1/payments/requests/{waiting['id']}/accept", None)
        assert corridor.get(ALATAU, f"/v1/payments/requests/{waiting['id']}")["state"] == "request-accepted"

    def test_a_request_is_safe_to_repeat_with_its_key(self, corridor):
        """The same again is answered alike and asks nobody twice; another under the key changes nothing."""
        headers = {"idempotency-key": "rent-7"}
        body, other = pain013(corridor), pain013(corridor, end_to_end="RENT-8")

        def ask(document):
            return corridor.call(ALATAU, "POST", "/v1/payments/requests", content=document, headers=headers)

        first, again, reused = ask(body), ask(body), ask(other)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json()["id"] == again.json()["id"]
        assert (reused.status_code, reused.json()["code"]) == (409, "key_reused")
        corridor.run()
        (waiting,) = corridor.get(INDUS, "/v1/payments/requests?open=true")
        assert waiting["end_to_end"] == "RENT-7"
        corridor.do(INDUS, f"/v1/payments/requests/{waiting['id']}/refuse", {"reason": "AC06"})
        corridor.run()

    def test_a_request_that_is_sent_again_asks_nobody_twice(self, corridor):
        """Its message id is its key: the same is answered alike, another under the id changes nothing."""
        body = pain013(corridor, end_to_end="ONCE")
        assert [door(corridor, ALATAU, body).message for _ in range(2)] == ["pain.014.001.11"] * 2
        again = corridor.call(ALATAU, "POST", "/v1/payments/requests", content=body)
        (waiting,) = corridor.get(INDUS, "/v1/payments/requests?open=true")
        assert (again.json()["id"], again.json()["repeated"]) == (waiting["id"], True)
        assert door(corridor, ALATAU, body.replace(b"1000.00", b"2000.00"), 400).reason == "control_sum_wrong"
        other = re.sub(rb"<CtrlSum>.*?</CtrlSum>", b"", body).replace(b"1000.00", b"2000.00")
        assert door(corridor, ALATAU, other, 409).reason == "key_reused"
        assert [one["id"] for one in corridor.get(INDUS, "/v1/payments/requests?open=true")] == [waiting["id"]]
        corridor.do(INDUS, f"/v1/payments/requests/{waiting['id']}/accept", None)

    def test_an_answer_is_about_the_request_that_it_names_with_all_its_ids(self, corridor):
        """Message ids are their senders' alone: two payees may have chosen the same."""
        asked = []
        for key, name in (("a", "RENT-A"), ("b", "RENT-B"), ("c", "RENT-B")):
            body = pain013(corridor, end_to_end=name).replace(b"RTP-" + name.encode(), b"SAME")
            headers = {"idempotency-key": key}
            asked.append(corridor.call(ALATAU, "POST", "/v1/payments/requests", content=body, headers=headers).json())
        corridor.run()

        def state(place):
            return corridor.get(INDUS, f"/v1/payments/requests/{asked[place]['id']}")["state"]

        def answer(place, given="ACCP", bank="ALTUKZKA"):
            held = payment_of(corridor, "PK", asked[place]["id"])
            body = write_decision(held, asked[place]["id"], given, "", corridor.clock.now())
            agent = b"<CdtrAgt><FinInstnId><BICFI>" + bank.encode() + b"</BICFI></FinInstnId></CdtrAgt></GrpHdr>"
            return body.replace(b"</GrpHdr>", agent)

        assert door(corridor, INDUS, answer(0, bank="CHRSUZ22"), 404).reason == "not_found"
        assert door(corridor, INDUS, answer(1), 400).reason == "message_unsuitable"
        accepted = answer(0)
        assert door(corridor, INDUS, accepted).original.message_id == "SAME"
        assert [state(place) for place in range(3)] == ["request-agreed", "request-open", "request-open"]
        corridor.do(INDUS, f"/v1/payments/requests/{asked[2]['id']}/refuse", {"reason": "AC06"})
        door(corridor, INDUS, answer(1))
        assert [state(place) for place in range(3)] == ["request-agreed", "request-agreed", "request-declined"]
        assert door(corridor, INDUS, accepted).original.message_id == "SAME"

    def test_a_request_may_wait_and_be_refused_or_run_out(self, corridor):
        """Later: until its expiry; silence is a no at both ends."""
        until = When(at=(corridor.clock.now() + timedelta(days=2)).replace(microsecond=0))
        door(corridor, ALATAU, pain013(corridor, expires=until, end_to_end="LATER-1"))
        door(corridor, ALATAU, pain013(corridor, expires=until, end_to_end="LATER-2"))
        waiting = corridor.get(INDUS, "/v1/payments/requests?open=true")
        first, second = sorted(waiting, key=lambda one: one["end_to_end"])
        assert (first["end_to_end"], first["later"]) == ("LATER-1", True)
        corridor.do(INDUS, f"/v1/payments/requests/{first['id']}/refuse", {"reason": "AC06"})
        assert corridor.get(ALATAU, f"/v1/payments/requests/{first['id']}")["reason"] == "AC06"
        corridor.wait(2 * 86_400 + 1)
        corridor.run()
        ended = corridor.get(ALATAU, f"/v1/payments/requests/{second['id']}")
        assert (ended["state"], ended["reason"]) == ("request-refused", "AB06")

    def test_a_request_that_cannot_be_put_says_why(self, corridor):
        assert (
            door(corridor, ALATAU, pain013(corridor, payer="HABBPKKA", end_to_end="NEVER"), 422).reason
            == "agent_unknown"
        )
        past = When(at=corridor.clock.now().replace(microsecond=0) - timedelta(days=1))
        assert door(corridor, ALATAU, pain013(corridor, expires=past, end_to_end="NEVER"), 422).reason == "time_wrong"
        assert door(corridor, INDUS, pain013(corridor), 403).reason == "not_allowed"
        asked = re.sub(rb"<CtrlSum>.*?</CtrlSum>", b"", pain013(corridor, end_to_end="NONE"))
        nothing, foreign = asked.replace(b">1000.00<", b">0.00<"), asked.replace(b'"KZT"', b'"USD"')
        assert door(corridor, ALATAU, nothing, 422).reason == "amount_other"
        assert door(corridor, ALATAU, foreign, 422).reason == "currency_wrong"

    @pytest.mark.parametrize(
        ("element", "text", "reason"),
        [
            ("Dt", "9999-12-31", "time_wrong"),
            ("Dt", "0001-01-01", "time_wrong"),
            ("DtTm", "9999-12-31T23:59:59Z", "time_wrong"),
            ("DtTm", "9999-12-31T23:59:59-12:00", "time_out_of_range"),
            ("DtTm", "0001-01-01T00:00:00+14:00", "time_out_of_range"),
        ],
    )
    def test_an_expiry_at_the_edge_of_the_calendar_is_refused_at_its_place(self, corridor, element, text, reason):
        """What is added to it would fall off the calendar; that is no fault of the gateway."""
        expires = When(on=date(2026, 11, 9)) if element == "Dt" else When(at=datetime(2026, 11, 9, 6, tzinfo=UTC))
        asked = pain013(corridor, expires=expires, end_to_end="EDGE")
        raw, count = re.subn(rb"(<XpryDt>\s*<\w+>)[^<]+", rb"\g<1>" + text.encode(), asked)
        assert count == 1
        told = corridor.call(ALATAU, "POST", "/v1/payments/messages", content=raw)
        assert told.headers["darwaza-code"] == reason
        assert "<ErrLctn>/Document/CdtrPmtActvtnReq/PmtInf/XpryDt" in told.text


class TestDoor:
    def test_a_payment_from_order_to_recall_in_iso_20022_alone(self, corridor):
        """pacs.008, pacs.028, camt.056 and pacs.004 in; pacs.002 and camt.029 out."""
        quote = corridor.quote()
        order = remittance.payment(quote, corridor.clock.now())
        assert door(corridor, INDUS, order, 201).transactions[0].status == "ACSP"
        payment = payment_of(corridor, "PK", quote["id"])
        corridor.do(ALATAU, f"/v1/payments/{quote['id']}/confirm", None)
        inquiry, recall = self.asks(corridor, quote["id"], payment)
        assert door(corridor, INDUS, inquiry).transactions[0].status == "ACSC"
        assert door(corridor, ALATAU, inquiry).transactions[0].status == "ACCC"
        assert door(corridor, "PK/ravi-bank", inquiry, 404).reason == "not_found"
        # Whoever repeats itself, because it heard nothing, is answered as before.
        returned = self.returned(corridor, quote["id"], payment)
        for _ in range(2):
            assert door(corridor, INDUS, recall).confirmation == "PDCR"
        for _ in range(2):
            assert door(corridor, ALATAU, returned).transactions[0].status == "ACCC"
        returned = corridor.show(INDUS, quote["id"])
        assert (returned["state"], returned["reason"]) == ("returned", "FOCR")
        assert returned["reason_text"] == codes.RETURN_REASONS["FOCR"]

    def test_a_domestic_system_takes_a_payment_in_and_gets_one_in_the_older_version(self, corridor, shared_data):
        """pacs.008.001.08 at both ends, .13 between them; the quote comes through, and nothing else has changed."""
        quote = corridor.quote()
        order = remittance.payment(quote, corridor.clock.now())
        assert door(corridor, INDUS, convert(order, OLDER), 201).transactions[0].status == "ACSP"
        path = f"/v1/payments/{quote['id']}/document"
        plain, named, older = (
            corridor.call(ALATAU, "GET", path + query).content
            for query in ("", f"?message={NEWER}", f"?message={OLDER}")
        )
        assert plain == named
        schema(shared_data, NEWER).assertValid(etree.fromstring(plain))
        schema(shared_data, OLDER).assertValid(etree.fromstring(older))
        assert read(older).message == OLDER
        assert read(convert(older, NEWER)) == read(plain) == read(order)
        other = corridor.call(ALATAU, "GET", path + "?message=pacs.008.001.09")
        assert (other.status_code, other.json()["code"], other.json()["pointer"]) == (
            400,
            "query_malformed",
            "/message",
        )
        corridor.do(ALATAU, f"/v1/payments/{quote['id']}/confirm", None)

    def asks(self, corridor, case_id, payment):
        from darwaza.services.payments import investigation, status

        now = corridor.clock.now()
        return status.write_inquiry(payment, case_id, now), investigation.write_recall(payment, case_id, "DUPL", now)

    def returned(self, corridor, case_id, payment):
        from darwaza.services.payments import investigation

        amount, asset = payment.chosen.exchange.destination_minor, corridor.gateways["KZ"].directory.currencies["KZ"]
        return investigation.write_return(payment, case_id, "FOCR", amount, asset, corridor.clock.now())

    def test_a_recall_is_refused_in_iso_20022(self, corridor):
        from darwaza.services.payments import investigation

        case_id = corridor.settled()
        payment = payment_of(corridor, "PK", case_id)
        door(corridor, INDUS, self.asks(corridor, case_id, payment)[1])
        kept = investigation.write_resolution(payment, case_id, "CUST", corridor.clock.now())
        for _ in range(2):
            assert door(corridor, ALATAU, kept).transactions[0].status == "ACCC"
        assert corridor.show(INDUS, case_id)["recall_answer"] == "CUST"

    def test_what_cannot_be_read_is_answered_with_admi_002(self, corridor):
        assert door(corridor, INDUS, b"<MsgId>X-1</MsgId>", 400).reference == "X-1"
        for written in (corridor.written[0], corridor.written[-1]):  # a pending pain.014, an admi.002
            assert door(corridor, INDUS, written, 400).reason == "message_unsuitable"


def test_everything_the_gateways_write_is_valid_by_the_published_schemas(corridor, shared_data):
    """Statuses, answers, statements, settlement: every document the tests of this file made gateways write."""
    bodies = list(corridor.written)
    for gateway in corridor.gateways.values():
        store = gateway.engine.store
        for log in store.logs():
            for leaf in store.scan_leaves(log.id):
                header = decode_header(leaf.header)
                if header.kind == ORDER:
                    bodies.append(read_order(leaf.body)[1])
                elif header.media_type == "application/xml":
                    bodies.append(leaf.body)
    account = "position:PK/indus-bank:PKR"
    paths = (f"/v1/payments/{path}?account={account}" for path in ("statement", "notice"))
    bodies += [corridor.call(INDUS, "GET", path, headers=XML).content for path in paths]
    corridor.clock.advance(3_700)
    corridor.close_cycles()
    cycles = {int(corridor.clock.now().timestamp()) // 3_600 - n for n in range(1, 60)}
    for cycle in cycles:
        found = corridor.get(SBP, f"/v1/payments/settlements?cycle={cycle}")["bilateral"]
        bodies += [one["instruction"].encode() for one in found]
    seen = set()
    for body in bodies:
        root = parse_document(body)
        name = message_of(root)
        seen.add(name)
        if not name.startswith("acmt."):  # whose published schemas are not among the public data
            schema(shared_data, name).assertValid(root)
        assert isinstance(read(body), MESSAGES[name])
    assert seen >= {
        *("acmt.023.001.04", "acmt.024.001.04", "admi.002.001.01", "camt.029.001.13", "camt.053.001.12"),
        *("camt.054.001.12", "camt.056.001.11", "pacs.002.001.15", "pacs.004.001.14", "pacs.008.001.13"),
        *("pacs.009.001.12", "pain.013.001.11", "pain.014.001.11"),
    }


_SCHEMAS = {}


def schema(shared_data, name):
    if name not in _SCHEMAS:
        _SCHEMAS[name] = etree.XMLSchema(etree.parse(shared_data / "iso20022" / "xsd" / f"{name}.xsd"))
    return _SCHEMAS[name]
