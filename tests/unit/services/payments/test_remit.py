"""Payments without a quote, one by one and in bulk."""

from decimal import Decimal

import msgspec
import pytest
from tests.unit.services.payments.desk import FUNDS, HBL, SWIFT_FX, Desk, pacs008

from darwaza.engine.intake import Submit
from darwaza.errors import MalformedError
from darwaza.services.payments import message
from darwaza.services.payments.bulk import BULK_TRANSACTIONS_MAX, read_parts, split
from darwaza.services.payments.names import Listed
from darwaza.services.payments.officer import Clear, Refuse
from darwaza.services.payments.screening import names_listed
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.payment import AgreedRate


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.settle_down()
    made.check()


def transfer(desk, rate="1.75", bank=HBL):
    """A payment of 100,000.00 PKR at a named rate, and what its offer would be."""
    case_id = desk.done(desk.quote(bank, take_best=False)).case_id
    _, payment = desk.pk.case(case_id)
    payment = msgspec.structs.replace(payment, chosen=payment.offers[0])
    named = {"agreed_rate": AgreedRate(unit_currency="PKR", quoted_currency="KZT", rate=Decimal(rate))}
    return pacs008(case_id, payment, desk.world.clock.now(), "HIGH", desk.uetr(), named)


def remit(desk, value, bank=HBL):
    return desk.pk.command(bank, "remit", message.Remit(desk.market, write(value)))


class TestRemit:
    def test_a_payment_at_the_rate_of_the_moment_needs_no_quote(self, desk):
        outcome = desk.done(remit(desk, transfer(desk)))
        desk.carry()
        desk.done(desk.confirm(outcome.case_id))
        desk.carry()
        assert desk.states(outcome.case_id) == ("settled", "credited")
        assert desk.pk.balance("position:PK/hbl:PKR") == FUNDS[HBL] - 100_100_00

    def test_a_rate_that_nobody_offers_any_more_is_refused(self, desk):
        value = transfer(desk)
        desk.post_rate(SWIFT_FX, "1.74")
        assert remit(desk, value).code == "quote_other"
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL]

    def test_it_is_checked_as_a_quoted_payment_is(self, desk):
        value = transfer(desk)
        first = value.transactions[0]
        for field, code in (
            ({"purpose": None}, "purpose_wrong"),
            ({"creditor_account": None}, "data_missing"),
            ({"charges": ()}, "message_unsuitable"),
            ({"agreed_rate": msgspec.structs.replace(first.agreed_rate, quote_id=desk.uetr())}, "quote_other"),
        ):
            wrong = msgspec.structs.replace(first, **field)
            assert remit(desk, msgspec.structs.replace(value, transactions=(wrong,))).code == code
        assert remit(desk, value, "PK/fx-slow").code == "not_allowed"
        desk.done(remit(desk, value))
        assert remit(desk, value).code == "duplicate_payment"

    def test_a_payment_that_must_be_looked_at_waits_as_one_under_a_quote_does(self):
        """Its rate and its provider's funds are reserved meanwhile, nothing else; two officers let it go on."""
        desk = Desk(names_listed([Listed("Muhammad Aslam", "UN 1")]))
        funds = desk.pk.available("abroad:PK/fx-swift:KZ:KZT")
        case_id = desk.done(remit(desk, transfer(desk))).case_id
        assert desk.pk.state(case_id) == "parked"
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL]
        assert desk.pk.available("abroad:PK/fx-swift:KZ:KZT") < funds
        for officer in ("amna", "bilal"):
            desk.done(desk.pk.command("PK/sbp", "release", Clear(officer), case_id, roles=("compliance",)))
        desk.carry()
        for officer in ("dana", "erlan"):
            desk.done(desk.kz.command("KZ/nbk", "release", Clear(officer), case_id, roles=("compliance",)))
        desk.done(desk.confirm(case_id))
        desk.carry()
        assert desk.states(case_id) == ("settled", "credited")
        desk.settle_down()
        desk.check()

    @pytest.mark.parametrize("ends", ["refuse", "silence"])
    def test_what_nobody_lets_pass_frees_what_was_reserved(self, ends):
        desk = Desk(names_listed([Listed("Muhammad Aslam", "UN 1")]))
        before = [desk.pk.available(one) for one in ("position:PK/hbl:PKR", "abroad:PK/fx-swift:KZ:KZT")]
        case_id = desk.done(remit(desk, transfer(desk))).case_id
        if ends == "refuse":
            desk.done(desk.pk.command("PK/sbp", "refuse", Refuse("amna"), case_id, roles=("compliance",)))
        else:
            desk.wait(3600)
        assert desk.pk.state(case_id) == ("rejected" if ends == "refuse" else "expired")
        assert [desk.pk.available(one) for one in ("position:PK/hbl:PKR", "abroad:PK/fx-swift:KZ:KZT")] == before
        desk.settle_down()
        desk.check()


class TestBulk:
    def bulk(self, desk, count):
        value = transfer(desk)
        (one,) = value.transactions
        names = [msgspec.structs.replace(one.id, uetr=desk.uetr(), end_to_end=f"SALARY-{n}") for n in range(count)]
        transactions = tuple(msgspec.structs.replace(one, id=name) for name in names)
        header = msgspec.structs.replace(value.header, transaction_count=count)
        return msgspec.structs.replace(value, header=header, transactions=transactions)

    def test_each_payment_of_a_bulk_is_answered_by_itself(self, desk):
        """One wrong payment stops no other, and the bulk sent again is not paid again."""
        value = self.bulk(desk, 5)
        wrong = msgspec.structs.replace(value.transactions[2], purpose=None)
        value = msgspec.structs.replace(value, transactions=(*value.transactions[:2], wrong, *value.transactions[3:]))
        batch = [
            Submit(HBL, frozenset(), "payments", "remit", uetr, uetr.encode(), message.Remit(desk.market, document))
            for uetr, document, _ in split(write(value))
        ]
        outcomes = desk.pk.run(*batch)
        assert [getattr(one, "state", None) or one.code for one in outcomes] == [
            "sent", "sent", "purpose_wrong", "sent", "sent",
        ]  # fmt: skip
        again = desk.pk.run(*batch)
        assert [one.case_id for one in again if one != again[2]] == [
            one.case_id for one in outcomes if one != outcomes[2]
        ]
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL] - 4 * 100_100_00

    def test_the_parts_are_valid_messages_that_hold_what_the_whole_held(self, desk):
        value = self.bulk(desk, 3)
        parts = [read(part.document) for part in split(write(value))]
        assert tuple(part.transactions[0] for part in parts) == value.transactions
        assert [part.header.transaction_count for part in parts] == [1, 1, 1]

    def test_what_is_no_bulk_is_refused_whole(self, desk):
        value = self.bulk(desk, 2)
        twice = msgspec.structs.replace(value, transactions=value.transactions[:1] * 2)
        unnamed = msgspec.structs.replace(value.transactions[0].id, uetr=None)
        nameless = msgspec.structs.replace(value.transactions[0], id=unnamed)
        without = msgspec.structs.replace(value, transactions=(nameless, value.transactions[1]))
        for wrong in (twice, without):
            documents = [part.document for part in split(write(wrong))]
            with pytest.raises(MalformedError, match="UETR"):
                read_parts(documents)
        with pytest.raises(MalformedError):
            split(b"<a/>")
        assert BULK_TRANSACTIONS_MAX >= 500

    def test_a_part_holds_its_payment_byte_for_byte(self, desk):
        """Blanks between payments belong to none of them; what the group says of all stands in each."""
        whole = write(self.bulk(desk, 3)).replace(b"</CdtTrfTxInf>", b"</CdtTrfTxInf>\n  ")
        first, second, last = split(whole)
        for part in (first, second, last):
            payment = part.document[part.document.index(b"<CdtTrfTxInf>") : part.document.index(b"</CdtTrfTxInf>")]
            assert payment in whole
            assert part.transfer == read(part.document)
        assert [len(read(part.document).transactions) for part in (first, second, last)] == [1, 1, 1]

    def test_what_the_group_says_of_its_payments_is_held_against_them(self, desk):
        """A sum that is right passes, in whatever form the document is; another is named where it stands."""
        value = self.bulk(desk, 3)
        total = value.transactions[0].amount
        total = msgspec.structs.replace(total, minor=3 * total.minor)
        summed = msgspec.structs.replace(value.header, control_sum=total.number(), total=total)
        right = write(msgspec.structs.replace(value, header=summed))
        forms = (
            right,
            right.replace(b"<GrpHdr>", b"<!-- salaries --><GrpHdr>"),
            right.replace(b"<CdtTrfTxInf>", b"<CdtTrfTxInf >"),
            right.replace(b"<", b"<p:")
            .replace(b"<p:/", b"</p:")
            .replace(b"<p:?", b"<?")
            .replace(b"xmlns=", b"xmlns:p="),
        )
        for form in forms:
            assert [part.transfer.transactions[0] for part in split(form)] == list(value.transactions)
            for part in split(form):
                assert (part.transfer.header.control_sum, part.transfer.header.total) == (None, None)
        for old, new, code in (
            (b"<NbOfTxs>3", b"<NbOfTxs>2", "transaction_count_wrong"),
            (b"<CtrlSum>", b"<CtrlSum>1", "control_sum_wrong"),
            (b'<TtlIntrBkSttlmAmt Ccy="PKR">', b'<TtlIntrBkSttlmAmt Ccy="PKR">1', "total_wrong"),
        ):
            assert old in right
            with pytest.raises(MalformedError) as caught:
                split(right.replace(old, new))
            assert caught.value.code == code

    def test_a_wrong_payment_is_named_at_its_place_in_the_whole(self, desk):
        whole = write(self.bulk(desk, 3))
        at = whole.rindex(b"<ChrgBr>SHAR<")
        with pytest.raises(MalformedError) as caught:
            split(whole[:at] + b"<ChrgBr>NONE<" + whole[at + len(b"<ChrgBr>SHAR<") :])
        assert "CdtTrfTxInf[3]" in caught.value.pointer

    def test_a_group_that_would_fill_memory_is_refused(self, desk):
        """What stands in every part is limited, whichever way the parts are made."""
        whole = write(self.bulk(desk, 40))
        note = b"<SplmtryData><Envlp><a xmlns='urn:x'>" + b"x" * 300_000 + b"</a></Envlp></SplmtryData>"
        whole = whole.replace(b"</FIToFICstmrCdtTrf>", note + b"</FIToFICstmrCdtTrf>")
        for form in (whole, whole.replace(b"<GrpHdr>", b"<!-- salaries --><GrpHdr>")):
            with pytest.raises(MalformedError, match="too much"):
                split(form)
