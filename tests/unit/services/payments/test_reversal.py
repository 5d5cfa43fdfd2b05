"""Returns and recalls: who erred bears the exchange risk, and both books agree afterwards."""

import re
from datetime import datetime, timedelta

import pytest
from tests.unit.services.payments.desk import FUNDS, HALYK, HBL, SWIFT_FX, Desk
from tests.unit.services.payments.test_restore import give_back as tell
from tests.unit.services.payments.test_restore import said

from darwaza.engine.intake import PlaceOrders
from darwaza.kernel import instant
from darwaza.ledger.order import Move
from darwaza.services.payments import message
from darwaza.services.payments.reversal import RECALL_ANSWER, RETURN_WITHIN
from darwaza.standards.iso20022.message import read


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.settle_down()
    made.check()


@pytest.fixture
def paid(desk):
    case_id = desk.order()
    desk.carry()
    desk.done(desk.confirm(case_id))
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    # The market moves: the same rupee buys more tenge now, so a tenge buys fewer rupees.
    desk.post_rate(SWIFT_FX, "2")
    return case_id


def pay_in(desk):
    """Swift FX brings money to Karachi, so that it can pay a return from more than the payment itself."""
    move = Move("pay-in", "external:PKR", "liquidity:PK/fx-swift:PKR", 1_000_000_00)
    desk.done(desk.pk.run(PlaceOrders((move,)))[0])


def give_back(desk, case_id, reason, bank=HALYK):
    return desk.kz.command(bank, "return", message.GiveBack(reason), case_id)


def recall(desk, case_id, bank=HBL, reason="DUPL"):
    return desk.pk.command(bank, "recall", message.AskBack(reason), case_id)


class TestReturn:
    def test_a_return_for_the_payees_banks_reasons_gives_the_exact_source_amount(self, desk, paid):
        """The payer's bank gets back what the provider got; its own fee stays with it."""
        pay_in(desk)
        desk.done(give_back(desk, paid, "AC04"))
        desk.carry()
        assert desk.states(paid) == ("returned", "given-back")
        assert desk.pk.balance("position:PK/hbl:PKR") == FUNDS[HBL] - 100_00
        assert desk.pk.balance("abroad:PK/fx-swift:KZ:KZT") == 50_000_000_00
        assert desk.kz.balance("position:KZ/halyk:KZT") == FUNDS[HALYK] - 100_00  # its fee account has the rest
        assert desk.pk.case(paid)[1].reason == "AC04"

    def test_a_return_waits_until_the_provider_has_the_money(self, desk, paid):
        """Its spread lies in another account, so its liquidity alone is too little until more comes in."""
        desk.done(give_back(desk, paid, "AC04"))
        desk.carry()
        assert desk.states(paid) == ("returning", "given-back")
        assert desk.pk.balance("abroad:PK/fx-swift:KZ:KZT") == 50_000_000_00 - 175_000_00
        desk.wait(600)
        assert desk.pk.state(paid) == "returning"
        assert "payment.return-waits" in desk.pk.notices(SWIFT_FX)
        pay_in(desk)
        desk.wait(61)
        assert desk.states(paid) == ("returned", "given-back")

    @pytest.mark.parametrize(("days", "code"), [(-1, "time_wrong"), (1, "time_wrong"), (61, "too_late")])
    def test_a_return_stands_in_the_cycle_in_which_it_was_sent_and_in_one_that_is_looked_at(
        self, desk, paid, days, code
    ):
        """What a neighbour dates otherwise would stand in a cycle that is over, or in none, and never be settled."""
        pay_in(desk)
        desk.done(give_back(desk, paid, "AC04"))
        ((header, body),) = [one for one in said(desk.kz, paid) if one[0]["kind"] == message.RETURNED]
        sent_at = instant.from_text(header["created_at"])
        moved = sent_at + timedelta(days=days)
        (made,) = re.findall(rb"<CreDtTm>([^<]+)</CreDtTm>", body)
        assert datetime.fromisoformat(made.decode()) == sent_at.replace(microsecond=0)
        body = body.replace(made, moved.replace(microsecond=0).isoformat().replace("+00:00", "Z").encode())
        if code == "too_late":
            header = header | {"created_at": instant.to_text(moved)}
        assert tell(desk.pk, paid, header, body, own=False, refused=True).code == code
        desk.carry()
        assert desk.states(paid) == ("returned", "given-back")

    def test_only_the_payees_bank_returns_and_only_what_is_credited(self, desk, paid):
        assert give_back(desk, paid, "AC04", "KZ/kaspi").code == "not_found"
        assert give_back(desk, paid, "FOCR").code == "reason_wrong"
        pay_in(desk)
        desk.done(give_back(desk, paid, "AC04"))
        assert give_back(desk, paid, "AC04").code == "not_in_state"

    def test_a_bank_returns_only_what_it_has(self, desk, paid):
        """The position pays; a return beyond its floor is refused and nothing is sent."""
        have = desk.kz.available("position:KZ/halyk:KZT")
        out = Move("take-out", "position:KZ/halyk:KZT", "external:KZT", have)
        desk.done(desk.kz.run(PlaceOrders((out,)))[0])
        assert give_back(desk, paid, "AC04").code == "floor_crossed"
        assert desk.kz.state(paid) == "credited"


class TestRecall:
    def test_a_granted_recall_gives_the_exact_destination_amount_at_the_rate_of_the_day(self, desk, paid):
        """175,000.00 KZT come back; at 2 KZT a rupee that is 87,500.00 PKR, and the payer bears the loss."""
        desk.done(recall(desk, paid))
        desk.carry()
        assert desk.states(paid) == ("recalling", "recalled")
        assert desk.kz.case(paid)[1].recall_reason == "DUPL"
        assert give_back(desk, paid, "AC04").code == "reason_wrong"
        desk.done(give_back(desk, paid, "FOCR"))
        desk.carry()
        assert desk.states(paid) == ("returned", "given-back")
        assert desk.pk.case(paid)[1].refund_minor == 87_500_00
        assert desk.pk.balance("position:PK/hbl:PKR") == FUNDS[HBL] - 100_100_00 + 87_500_00
        (refund,) = [body for header, body in said(desk.pk, paid) if header["kind"] == message.REFUNDED]
        (one,) = read(refund).transactions
        assert (one.amount.text(), one.amount.currency, one.uetr) == ("87500.00", "PKR", desk.pk.case(paid)[1].uetr)

    def test_a_refund_is_told_by_the_payers_bank_alone_and_about_its_payment(self, desk, paid):
        """What tells something else is refused, and nothing follows from what is taken."""
        desk.done(recall(desk, paid))
        desk.carry()
        desk.done(give_back(desk, paid, "FOCR"))
        desk.carry()
        ((header, body),) = [one for one in said(desk.pk, paid) if one[0]["kind"] == message.REFUNDED]
        before = desk.kz.case(paid)
        tell(desk.kz, paid, header, body, own=False)
        assert desk.kz.case(paid) == before
        strange = tell(desk.kz, paid, header | {"origin": "PK/ubl"}, body, own=False, refused=True)
        assert strange.code == "not_allowed"
        other = body.replace(before[1].uetr.encode(), b"00000000-0000-4000-8000-000000000000")
        assert tell(desk.kz, paid, header, other, own=False, refused=True).code == "payment_malformed"

    def test_without_a_rate_of_the_day_the_agreed_one_holds(self, desk, paid):
        pay_in(desk)
        desk.done(desk.pk.command(SWIFT_FX, "withdraw-rate", message.WithdrawRate(), desk.market))
        desk.done(recall(desk, paid))
        desk.carry()
        desk.done(give_back(desk, paid, "FOCR"))
        desk.carry()
        assert desk.pk.case(paid)[1].refund_minor == 100_000_00

    def test_a_refused_recall_leaves_the_payment_settled_with_the_reason(self, desk, paid):
        desk.done(recall(desk, paid))
        desk.carry()
        desk.done(desk.kz.command(HALYK, "refuse-recall", message.KeepIt("CUST"), paid))
        desk.carry()
        assert desk.states(paid) == ("settled", "credited")
        assert desk.pk.case(paid)[1].recall_answer == "CUST"
        assert "payment.recall-refused" in desk.pk.notices(HBL)
        desk.done(recall(desk, paid, reason="FRAD"))  # it may be asked again
        desk.carry()
        desk.done(desk.kz.command(HALYK, "refuse-recall", message.KeepIt("CUST"), paid))

    def test_silence_on_a_recall_is_a_no(self, desk, paid):
        desk.done(recall(desk, paid))
        desk.carry()
        desk.wait(14 * 86_400)
        desk.carry()
        assert desk.states(paid) == ("settled", "credited")
        assert desk.pk.case(paid)[1].recall_answer == "NOAS"

    def test_a_recall_is_asked_while_it_can_still_be_granted(self, desk, paid):
        """Its answer may take 14 days, and a return has to be made in 60: the 46th day is the last for it."""
        due = desk.pk.case(paid)[1].answer_by + RETURN_WITHIN - RECALL_ANSWER
        desk.wait((due - desk.world.clock.now()).total_seconds())
        desk.done(recall(desk, paid))
        desk.carry()
        desk.wait(RECALL_ANSWER.total_seconds() - 1)
        pay_in(desk)
        desk.done(give_back(desk, paid, "FOCR"))
        desk.carry()
        assert desk.states(paid) == ("returned", "given-back")

    def test_a_recall_that_could_not_be_granted_any_more_is_refused(self, desk, paid):
        due = desk.pk.case(paid)[1].answer_by + RETURN_WITHIN - RECALL_ANSWER
        desk.wait((due - desk.world.clock.now()).total_seconds() + 1)
        assert recall(desk, paid).code == "too_late"
        assert desk.states(paid) == ("settled", "credited")

    def test_a_recall_and_a_return_may_cross(self, desk, paid):
        pay_in(desk)
        desk.done(recall(desk, paid))
        desk.done(give_back(desk, paid, "AC04"))
        desk.carry()
        assert desk.states(paid) == ("returned", "given-back")

    def test_only_the_payers_bank_recalls(self, desk, paid):
        assert recall(desk, paid, "PK/fx-swift").code == "not_allowed"
