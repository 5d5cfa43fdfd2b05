"""What is checked of a pacs.008 before any money is held: a row a reason, in order of precedence."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.unit.services.payments.desk import BANKS, FUNDS, HBL, OPERATOR, UBL, Desk

from darwaza.services.payments import message
from darwaza.services.payments.check import missing
from darwaza.services.payments.code import REASONS, PaymentRefusal, reason_of
from darwaza.services.payments.names import Listed
from darwaza.services.payments.officer import Clear, Refuse
from darwaza.services.payments.screening import names_listed
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.codes import STATUS_REASONS
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.party import Account, Address, Agent, Coded, Identification, Party
from darwaza.standards.iso20022.payment import AgreedRate, Charge

KARACHI = Address(town="Karachi", country="PK")


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.settle_down()
    made.check()


@pytest.fixture
def reserved(desk):
    return desk.done(desk.quote(amount="1000100.00")).case_id


WRONG_RATE = AgreedRate(rate=Decimal("1.76"), quote_id="7f2b8c1e-6a0d-4b7e-9c55-0a1b2c3d4e5f")
NAMELESS = Party(address=Address(town="Karachi", country="PK"))

# Each row breaks one thing, and everything the rows after it break as well: so the order is tested with them.
ROWS = [
    ("quote_other", "/AgrdRate", {"agreed_rate": WRONG_RATE}),
    ("agent_unknown", "/DbtrAgt/FinInstnId/BICFI", {"debtor_agent": Agent(bic=BANKS[UBL])}),
    ("agent_unknown", "/CdtrAgt/FinInstnId/BICFI", {"creditor_agent": Agent(bic="KASPKZKA")}),
    ("currency_wrong", "/IntrBkSttlmAmt", {"amount": Amount(100, 2, "KZT")}),
    ("amount_other", "/IntrBkSttlmAmt", {"amount": Amount(1_000_000_01, 2, "PKR")}),
    ("amount_other", "/InstdAmt", {"instructed_amount": None}),
    ("amount_other", "/ChrgsInf", {"charges": (Charge(amount=Amount(1, 2, "PKR"), agent=Agent(bic=BANKS[HBL])),)}),
    ("time_wrong", "/AddtlDtTm", {"accepted_at": -601}),
    ("purpose_wrong", "/Purp/Cd", {"purpose": Coded(code="SALA")}),
    ("data_missing", "/Dbtr/Nm", {"debtor": NAMELESS}),
]


class TestOrder:
    @pytest.mark.parametrize("row", range(len(ROWS)), ids=[f"{code}{pointer}" for code, pointer, _ in ROWS])
    def test_the_first_thing_that_is_wrong_is_the_answer_and_nothing_has_changed(self, desk, reserved, row):
        code, pointer, _ = ROWS[row]
        changes = {}
        for _, _, fields in reversed(ROWS[row:]):
            changes |= fields
        if isinstance(changes.get("accepted_at"), int):
            changes["accepted_at"] = desk.world.clock.now() + timedelta(seconds=changes["accepted_at"])
        refused = desk.pay(reserved, **changes)
        assert refused.code == code
        assert refused.pointer.endswith("CdtTrfTxInf[1]" + pointer)
        assert desk.pk.state(reserved) == "reserved"
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL]
        assert desk.done(desk.pay(reserved)).state == "sent"

    def test_a_uetr_is_used_once_whatever_else_is_said(self, desk, reserved):
        """Also by another bank, and also after the first payment has ended."""
        uetr = desk.uetr()
        desk.done(desk.pay(reserved, uetr=uetr))
        again = desk.done(desk.quote(UBL, amount="100.00", fee="0")).case_id
        assert desk.pay(again, UBL, uetr=uetr).code == "duplicate_payment"
        desk.carry()
        desk.done(desk.reject(reserved))
        desk.carry()
        assert desk.pay(again, UBL, uetr=uetr).code == "duplicate_payment"

    def test_the_same_request_again_gets_the_stored_answer(self, desk, reserved):
        body = message.Pay(desk.document(reserved))
        first = desk.pk.command(HBL, "pay", body, reserved, key="k1")
        second = desk.pk.command(HBL, "pay", body, reserved, key="k1")
        assert (second.message_ids, second.repeated) == (first.message_ids, True)
        desk.carry()
        assert desk.states(reserved) == ("sent", "asked")

    @pytest.mark.parametrize(
        ("document", "code"),
        [
            (b"", "payment_malformed"),
            (b"<a/>", "payment_malformed"),
            (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "payment_malformed"),
            (b"x" * 1_100_000, "payment_malformed"),
        ],
        ids=["nothing", "not a message", "entities", "oversize"],
    )
    def test_what_cannot_be_read_is_refused(self, desk, reserved, document, code):
        assert desk.pk.command(HBL, "pay", message.Pay(document), reserved).code == code

    def test_a_quote_is_used_by_its_own_bank_only(self, desk, reserved):
        refused = desk.pk.command(UBL, "pay", message.Pay(desk.document(reserved)), reserved)
        assert refused.code == "not_found"

    def test_a_payment_of_another_version_or_of_many_transactions_is_unsuitable(self, desk, reserved):
        import msgspec
        from tests.unit.services.payments.desk import pacs008

        _, payment = desk.pk.case(reserved)
        value = pacs008(reserved, payment, desk.world.clock.now(), "HIGH", desk.uetr(), {})
        header = msgspec.structs.replace(value.header, transaction_count=2)
        two = msgspec.structs.replace(value, header=header, transactions=value.transactions * 2)
        assert desk.pk.command(HBL, "pay", message.Pay(write(two)), reserved).code == "message_unsuitable"
        (one,) = value.transactions
        one = msgspec.structs.replace(one, agreed_rate=None)
        old = msgspec.structs.replace(value, message="pacs.008.001.08", transactions=(one,))
        assert desk.pk.command(HBL, "pay", message.Pay(write(old)), reserved).code == "message_unsuitable"

    def test_a_bank_has_a_limit_of_its_own(self, desk):
        case_id = desk.done(desk.quote(UBL, amount="99000.01", fee="0")).case_id
        assert desk.pay(case_id, UBL).code == "over_participant_limit"


class TestTravelRule:
    """FATF Recommendation 16 (June 2025)."""

    @pytest.mark.parametrize(
        ("fields", "missing"),
        [
            ({"debtor": Party(name="A", address=KARACHI)}, "Dbtr/Id"),
            (
                {"debtor": Party(name="A", address=KARACHI, person_ids=(Identification(id="42101-1234567-1"),))},
                "Dbtr/Id/PrvtId/DtAndPlcOfBirth",
            ),
            ({"debtor": Party(name="A", lei="5493001KJTIIGC8Y1R12")}, "Dbtr/PstlAdr"),
            ({"debtor": Party(name="A"), "creditor": Party()}, "Dbtr/PstlAdr, Cdtr/Nm, Cdtr/PstlAdr, Dbtr/Id"),
            ({"creditor": Party(name="B", address=Address(town="Almaty"))}, "Cdtr/PstlAdr"),
            ({"creditor": Party(address=Address(town="Almaty", country="KZ"))}, "Cdtr/Nm"),
            ({"creditor_account": None}, "CdtrAcct/Id"),
            ({"debtor_account": Account(proxy="+92-3001234567")}, "DbtrAcct/Id"),
        ],
    )
    def test_each_missing_element_is_listed(self, desk, reserved, fields, missing):
        refused = desk.pay(reserved, **fields)
        assert (refused.code, refused.detail) == ("data_missing", f"missing: {missing}")

    def test_a_small_payment_needs_names_and_accounts_only(self, desk):
        case_id = desk.done(desk.quote(amount="1000.00", fee="0")).case_id
        small = {"debtor": Party(name="A"), "creditor": Party(name="B")}
        assert desk.done(desk.pay(case_id, **small)).state == "sent"

    def test_a_wrong_check_digit_is_found(self, desk, reserved):
        refused = desk.pay(reserved, creditor_account=Account(iban="KZ86125KZT5004100101"))
        assert (refused.code, refused.pointer[-17:]) == ("data_missing", "/CdtrAcct/Id/IBAN")

    def test_nothing_is_missing_from_a_complete_payment(self, desk, reserved):
        from tests.unit.services.payments.desk import pacs008

        value = pacs008(reserved, desk.pk.case(reserved)[1], desk.world.clock.now(), "HIGH", desk.uetr(), {})
        assert list(missing(value.transactions[0], large=True)) == []


class TestScreening:
    LIST = (Listed("Аслам Мухаммед", "UN 1"), Listed("Aslam, MUHAMMAD", "UN 1"), Listed("", "nobody"))

    @pytest.fixture
    def desk(self):
        made = Desk(names_listed(self.LIST))
        yield made
        made.settle_down()
        made.check()

    def clear(self, land, party, case_id, officer, kind="release", roles=("compliance",)):
        body = Clear(officer) if kind == "release" else Refuse(officer)
        return land.command(party, kind, body, case_id, roles=roles)

    def test_a_name_on_the_list_stops_the_payment_before_any_money_is_held(self, desk):
        case_id = desk.order()
        assert desk.pk.state(case_id) == "parked"
        (hit,) = desk.pk.case(case_id)[1].hits
        assert hit.startswith("«Muhammad Aslam» is like «Aslam, MUHAMMAD» (UN 1), 100 %")
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL]
        desk.wait(600)
        assert desk.pk.state(case_id) == "expired"

    @pytest.mark.parametrize("name", ["amna ", "Amna", "a\u200bmna", "\uff41mna", " amna\t"])
    def test_who_writes_a_name_otherwise_is_no_second_officer(self, desk, name):
        case_id = desk.order()
        assert self.clear(desk.pk, OPERATOR, case_id, "\u00a0").code == "not_allowed"
        desk.done(self.clear(desk.pk, OPERATOR, case_id, "amna"))
        assert self.clear(desk.pk, OPERATOR, case_id, name).code == "same_officer"
        assert desk.pk.state(case_id) == "parked"

    def test_two_officers_release_it_and_the_other_gateway_screens_for_itself(self, desk):
        case_id = desk.order()
        assert self.clear(desk.pk, OPERATOR, case_id, "amna", roles=()).code == "not_allowed"
        assert desk.done(self.clear(desk.pk, OPERATOR, case_id, "amna")).state == "parked"
        assert self.clear(desk.pk, OPERATOR, case_id, "amna").code == "same_officer"
        assert desk.done(self.clear(desk.pk, OPERATOR, case_id, "bilal")).state == "sent"
        assert desk.pk.case(case_id)[1].document == b""
        desk.carry()
        assert desk.states(case_id) == ("sent", "screened")
        assert desk.confirm(case_id).code == "not_in_state"
        desk.done(self.clear(desk.kz, "KZ/nbk", case_id, "dana"))
        assert self.clear(desk.kz, "KZ/nbk", case_id, "dana").code == "same_officer"
        desk.done(self.clear(desk.kz, "KZ/nbk", case_id, "erlan"))
        desk.done(desk.confirm(case_id))
        desk.carry()
        assert desk.states(case_id) == ("settled", "credited")
        assert [one.officer for one in desk.kz.case(case_id)[1].checks] == ["KZ/nbk:dana", "KZ/nbk:erlan"]

    def test_a_match_is_refused_at_either_gateway(self, desk):
        case_id = desk.order()
        desk.done(self.clear(desk.pk, OPERATOR, case_id, "amna", "refuse"))
        assert (desk.pk.state(case_id), desk.pk.case(case_id)[1].reason) == ("rejected", "RR04")
        assert desk.pk.available("abroad:PK/fx-swift:KZ:KZT") == 50_000_000_00
        case_id = desk.order()
        for officer in ("amna", "bilal"):
            desk.done(self.clear(desk.pk, OPERATOR, case_id, officer))
        desk.carry()
        desk.done(self.clear(desk.kz, "KZ/nbk", case_id, "dana", "refuse"))
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")
        assert desk.pk.case(case_id)[1].reason == "RR04"

    def test_slow_screening_at_the_payees_gateway_ends_as_silence(self, desk):
        case_id = desk.order()
        for officer in ("amna", "bilal"):
            desk.done(self.clear(desk.pk, OPERATOR, case_id, officer))
        desk.carry()
        desk.wait(21)
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")

    def test_a_screener_that_answers_later_stops_nobody_else(self):
        """The payment waits at both gateways until the gateway itself brings what was found."""
        desk = Desk(lambda names: None)
        case_id = desk.order()
        other = desk.order(amount="500.00", fee="0")
        assert desk.pk.state(case_id) == "screening"
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL]
        assert "payment.screening" in desk.pk.notices("PK/gateway")
        vetted = message.Vetted(())
        assert desk.pk.command(HBL, "vetted", vetted, case_id).code == "not_allowed"
        assert desk.done(desk.pk.command("PK/gateway", "vetted", vetted, case_id)).state == "sent"
        assert desk.done(desk.pk.command("PK/gateway", "vetted", message.Vetted(("x",)), other)).state == "parked"
        desk.carry()
        assert desk.states(case_id) == ("sent", "checking")
        desk.done(desk.kz.command("KZ/gateway", "vetted", message.Vetted(("like somebody",)), case_id))
        assert desk.kz.case(case_id)[1].hits == ("like somebody",)
        for officer in ("dana", "erlan"):
            desk.done(self.clear(desk.kz, "KZ/nbk", case_id, officer))
        desk.done(desk.confirm(case_id))
        desk.carry()
        assert desk.states(case_id) == ("settled", "credited")
        assert desk.pk.case(case_id)[1].document == desk.kz.case(case_id)[1].document == b""

    @pytest.mark.parametrize("vetted", [None, ()])
    def test_a_screener_that_never_answers_lets_the_payment_end(self, vetted):
        """At the payer's gateway with the quote, at the payee's as silence."""
        desk = Desk(lambda names: None)
        case_id = desk.order()
        if vetted is not None:
            desk.done(desk.pk.command("PK/gateway", "vetted", message.Vetted(vetted), case_id))
        desk.settle_down()
        assert desk.states(case_id) == (("expired", None) if vetted is None else ("rejected", "refused"))
        desk.check()


class TestCodes:
    def test_every_refusal_has_a_reason_a_bank_understands(self):
        """Each ISO reason is one of the published code set."""
        assert set(REASONS.values()) <= STATUS_REASONS.keys()
        assert reason_of("anything") in STATUS_REASONS
        codes = [one.code for one in PaymentRefusal]
        assert len(set(codes)) == len(codes)
