"""One payment of a bulk that is blocked: the others do not wait for it, and it is released or given back by itself."""

import pytest
from tests.unit.services.payments.desk import HBL, Watched
from tests.unit.services.payments.test_bulk import answer, one, order, states
from tests.unit.services.payments.test_restore import give_back, pay_in, replay
from tests.unit.services.payments.test_suspense import SUSPENSE, changed, money

from darwaza.services.payments import message
from darwaza.services.payments.entry import exchange_of
from darwaza.services.payments.officer import Block, Clear, Refuse

WORDS = {"release": Clear, "refuse": Refuse, "block": Block}


class Listed(Watched):
    """Of whom KZ stops everybody at screening; the first three are released at once."""

    def bulk(self, priority):
        pay_in(self)
        case_id = order(self, priority=priority)
        assert states(self.kz, case_id) == ["screened"] * 5
        for number in (1, 2, 3):
            self.agree(case_id, "release", number)
        return case_id

    def agree(self, case_id, word, number):
        """Two officers' word on one of them."""
        for officer in ("dana", "erlan"):
            self.done(self.say(case_id, word, officer, number))

    def say(self, case_id, word, officer, number):
        return one(self, "KZ/nbk", word, WORDS[word](officer), case_id, number, roles=("compliance",))


@pytest.fixture
def desk():
    made = Listed()
    yield made
    made.settle_down()
    made.check()


def amounts(desk, case_id, number):
    return exchange_of(desk.kz.case(case_id)[1].entries[number - 1])


@pytest.mark.parametrize("priority", ["HIGH", "NORM"])
class TestOneOfABulk:
    def test_two_officers_block_one_and_the_others_do_not_wait(self, desk, priority):
        case_id = desk.bulk(priority)
        before = money(desk)
        assert desk.say(case_id, "block", "dana", 4)
        assert desk.say(case_id, "block", "dana", 4).code == "same_officer"
        assert states(desk.kz, case_id)[3] == "screened"
        desk.done(desk.say(case_id, "block", "erlan", 4))
        assert states(desk.kz, case_id)[3] == ("freezing" if priority == "HIGH" else "frozen")
        assert (changed(before, money(desk)) == {}) == (priority == "HIGH")
        desk.carry()
        assert (states(desk.pk, case_id)[3], states(desk.kz, case_id)[3]) == ("blocked", "frozen")
        assert desk.kz.balance(SUSPENSE) == amounts(desk, case_id, 4).destination_minor
        desk.done(answer(desk, case_id, 1, 2, (3, "AC04")))
        desk.done(desk.say(case_id, "refuse", "dana", 5))
        desk.carry()
        assert states(desk.pk, case_id) == ["settled", "settled", "rejected", "blocked", "rejected"]
        assert states(desk.kz, case_id) == ["credited", "credited", "refused", "frozen", "refused"]
        taken = money(desk)["position:PK/hbl:PKR"] - before["position:PK/hbl:PKR"]
        assert taken == -sum(amounts(desk, case_id, number).debit_minor for number in (1, 2, 4))
        assert "payment.bulk-blocked" in desk.pk.notices(HBL)

    def test_while_one_says_block_no_other_releases_or_refuses_it(self, desk, priority):
        """The others of the bulk are not concerned; who said it may say otherwise."""
        case_id = desk.bulk(priority)
        desk.done(desk.say(case_id, "block", "dana", 4))
        before = desk.kz.case(case_id)
        for word in ("release", "refuse"):
            refused = desk.say(case_id, word, "erlan", 4)
            assert (refused.code, refused.pointer) == ("block_stands", "/officer")
        assert desk.kz.case(case_id) == before
        desk.done(desk.say(case_id, "refuse", "erlan", 5))
        desk.done(desk.say(case_id, "refuse", "dana", 4))
        assert states(desk.kz, case_id)[3:] == ["refused", "refused"]

    def test_it_is_released_and_given_back_by_itself(self, desk, priority):
        case_id = desk.bulk(priority)
        for number in (4, 5):
            desk.agree(case_id, "block", number)
        desk.carry()
        desk.done(answer(desk, case_id, 1, 2, 3))
        desk.carry()
        desk.wait(20 * 86_400)
        before = money(desk)
        desk.agree(case_id, "release", 4)
        assert one(desk, "KZ/nbk", "refuse", Refuse("x"), case_id, 5).code == "not_allowed"
        desk.done(desk.say(case_id, "refuse", "dana", 5))
        assert states(desk.kz, case_id)[4] == "frozen"
        desk.done(desk.say(case_id, "refuse", "erlan", 5))
        desk.carry()
        assert states(desk.pk, case_id)[3:] == ["settled", "returned"]
        assert states(desk.kz, case_id)[3:] == ["credited", "given-back"]
        was, paid, back = changed(before, money(desk)), *(amounts(desk, case_id, number) for number in (4, 5))
        assert was[SUSPENSE] == -paid.destination_minor - back.destination_minor
        assert was["position:KZ/halyk:KZT"] == paid.credit_minor
        assert was["position:PK/hbl:PKR"] == back.source_minor

    def test_neither_bank_moves_it(self, desk, priority):
        case_id = desk.bulk(priority)
        desk.agree(case_id, "block", 4)
        desk.carry()
        assert desk.done(answer(desk, case_id, 4)).answer["refused"] == [(4, "not_in_state")]
        assert one(desk, HBL, "recall", message.AskBack("DUPL"), case_id, 4).code == "message_unsuitable"

    @pytest.mark.parametrize("side", ["PK", "KZ"])
    @pytest.mark.parametrize("after", ["", "release", "refuse"])
    def test_a_lost_side_is_rebuilt_with_what_is_blocked(self, priority, side, after):
        before, new = Listed(), Listed()
        case_id = before.bulk(priority)
        before.world.clock.advance(0.1)
        before.agree(case_id, "block", 4)
        before.carry()
        before.world.clock.advance(0.1)
        before.done(answer(before, case_id, 1, 2, 3))
        for author, reader in (("PK", "KZ"), ("KZ", "PK")) * 3:
            before.world.clock.advance(0.1)
            before.move(author, reader)
        if after:
            before.agree(case_id, after, 4)
            before.carry()
        pay_in(new)
        old, peer = before.lands[side], before.lands["KZ" if side == "PK" else "PK"]
        for _, _, header, body, own in replay(case_id, old, peer):
            give_back(new.lands[side], case_id, header, body, own=own)
        assert states(new.lands[side], case_id) == states(old, case_id)
        left = {one.id: one.balance for one in new.lands[side].accounts() if not one.id.startswith(("spread", "liq"))}
        assert left == {one.id: one.balance for one in old.accounts() if one.id in left}


def test_an_urgent_one_that_is_blocked_too_late_is_rejected(desk):
    case_id = desk.bulk("HIGH")
    before = money(desk)
    desk.cut.add("KZ")
    desk.agree(case_id, "block", 4)
    desk.wait(40)
    desk.cut.clear()
    desk.settle_down()
    assert (states(desk.pk, case_id)[3], states(desk.kz, case_id)[3]) == ("rejected", "refused")
    assert changed(before, money(desk)) == {}
