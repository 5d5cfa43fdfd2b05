"""Money that is blocked: settled for everybody but the payee, and kept until two officers let it go."""

import pytest
from tests.unit.services.payments.desk import HALYK, HBL, KASPI, PLAN, Watched
from tests.unit.services.payments.test_restore import pay_in, said

from darwaza.kernel.message import decode_header
from darwaza.services.payments import Directory, message
from darwaza.services.payments.indicator import indicators
from darwaza.services.payments.netting import bilateral, cycle_of, legs
from darwaza.services.payments.officer import Block, Clear
from darwaza.services.payments.proof import prove
from darwaza.services.payments.record import Payment
from darwaza.services.payments.status import read_status

SUSPENSE = "suspense:KZ:KZT"


@pytest.fixture
def desk():
    made = Watched()
    pay_in(made)
    yield made
    made.settle_down()
    made.check()


def money(desk):
    return {one.id: one.balance.posted for land in desk.lands.values() for one in land.accounts()}


def changed(before, after):
    return {account: after[account] - before[account] for account in after if after[account] != before[account]}


def exchange(desk, case_id):
    return desk.pk.case(case_id)[1].chosen


def given(desk, case_id, side, kind):
    """The statuses a gateway has told of a payment in messages of a kind."""
    bodies = [body for header, body in said(desk.lands[side], case_id) if header["kind"] == kind]
    uetr = desk.pk.case(case_id)[1].uetr
    return [read_status(body, uetr)[:2] for body in bodies]


@pytest.mark.parametrize("priority", ["HIGH", "NORM"])
class TestBlocking:
    def test_two_officers_block_it_and_it_is_settled_for_all_but_the_payee(self, desk, priority):
        """Research 6.2, posting 7: the money goes from transit to suspense; the payee's bank earns nothing."""
        before = money(desk)
        case_id = desk.stopped(priority=priority)
        assert desk.done(desk.say(case_id, "block", "dana")).state == "screened"
        desk.carry()
        assert changed(before, money(desk)) == {}
        desk.done(desk.say(case_id, "block", "erlan"))
        desk.carry()
        assert desk.states(case_id) == ("blocked", "frozen")
        offer = exchange(desk, case_id)
        moved = offer.exchange
        assert changed(before, money(desk)) == {
            "position:PK/hbl:PKR": -moved.debit_minor,
            "fees:PK/hbl:PKR": moved.source_fee_minor,
            "spread:PK/fx-swift:PKR": offer.spread_minor,
            "liquidity:PK/fx-swift:PKR": moved.source_minor - offer.spread_minor,
            "abroad:PK/fx-swift:KZ:KZT": -moved.destination_minor,
            "mirror:KZ:KZT": moved.destination_minor,
            "corridor:PK/fx-swift:KZT": -moved.destination_minor,
            SUSPENSE: moved.destination_minor,
        }
        assert desk.kz.account(SUSPENSE).owner == "KZ/nbk"
        assert [(one.officer, one.word) for one in desk.kz.case(case_id)[1].checks] == [
            ("KZ/nbk:dana", "block"),
            ("KZ/nbk:erlan", "block"),
        ]

    def test_it_is_told_as_blck_with_a_reason(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        assert given(desk, case_id, "KZ", message.STATUS) == [("BLCK", "RR04")]
        assert given(desk, case_id, "PK", message.DECIDED) == ([("BLCK", "RR04")] if priority == "HIGH" else [])
        assert desk.pk.case(case_id)[1].reason == "RR04"
        assert "payment.blocked" in desk.pk.notices(HBL)
        assert "payment.blocked" in desk.kz.notices("KZ/nbk")
        assert "payment.credited" not in desk.kz.notices(HALYK)

    def test_one_officer_is_not_enough_however_often(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.done(desk.say(case_id, "block", "dana"))
        assert desk.say(case_id, "block", "dana").code == "same_officer"
        assert desk.kz.command("KZ/nbk", "block", Block("erlan"), case_id).code == "not_allowed"
        assert desk.kz.state(case_id) == "screened"

    def test_officers_of_two_minds_decide_nothing_and_the_last_word_of_each_counts(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.done(desk.say(case_id, "release", "dana"))
        desk.done(desk.say(case_id, "block", "erlan"))
        assert desk.kz.state(case_id) == "screened"
        desk.done(desk.say(case_id, "block", "dana"))
        desk.carry()
        assert desk.states(case_id) == ("blocked", "frozen")

    @pytest.mark.parametrize("word", ["release", "refuse"])
    def test_while_one_says_block_no_other_decides_alone_what_takes_two(self, desk, priority, word):
        """It is refused and changes nothing; who said it may say otherwise, and the others may again."""
        case_id = desk.stopped(priority=priority)
        desk.done(desk.say(case_id, "release", "farida"))
        desk.done(desk.say(case_id, "block", "dana"))
        before = desk.kz.case(case_id)
        refused = desk.say(case_id, word, "erlan")
        assert (refused.code, refused.pointer) == ("block_stands", "/officer")
        assert "KZ/nbk:dana has said block" in refused.detail
        assert desk.kz.case(case_id) == before
        desk.done(desk.say(case_id, "release", "dana"))
        assert desk.kz.state(case_id) == "asked"

    def test_a_block_is_taken_back_by_who_said_it_alone(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.done(desk.say(case_id, "block", "dana"))
        desk.done(desk.say(case_id, "release", "dana"))
        assert desk.done(desk.say(case_id, "refuse", "erlan")).state == "refused"
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")

    def test_a_block_that_nobody_joins_ends_with_the_time_to_answer(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.done(desk.say(case_id, "block", "dana"))
        desk.settle_down()
        assert desk.states(case_id) == ("rejected", "refused")

    def test_out_of_suspense_two_of_one_mind_decide_whatever_a_third_says(self, desk, priority):
        """No time ends it there, so one word must not bind the others for ever."""
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        desk.done(desk.say(case_id, "release", "dana"))
        assert desk.done(desk.say(case_id, "refuse", "erlan")).state == "frozen"
        assert desk.done(desk.say(case_id, "refuse", "farida")).state == "given-back"
        desk.carry()
        assert desk.states(case_id) == ("returned", "given-back")

    def test_nobody_but_officers_moves_it(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        before = money(desk)
        assert desk.confirm(case_id).code == desk.reject(case_id).code == "not_in_state"
        assert desk.kz.command(HALYK, "return", message.GiveBack("AC04"), case_id).code == "not_in_state"
        assert desk.pk.command(HBL, "recall", message.AskBack("DUPL"), case_id).code == "not_in_state"
        for word in ("release", "refuse"):
            assert desk.kz.command(HALYK, word, Clear("x"), case_id).code == "not_allowed"
        desk.wait(90 * 86_400)
        desk.carry()
        assert changed(before, money(desk)) == {}
        assert desk.states(case_id) == ("blocked", "frozen")

    def test_what_was_signed_proves_how_it_stands(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        assert proven(desk, case_id) == ("blocked", "RR04")
        desk.world.clock.advance(1)
        desk.agree(case_id, "release")
        desk.carry()
        assert proven(desk, case_id) == ("settled", "")


def proven(desk, case_id):
    """What the messages that stand in the payer's gateway's store prove of a payment."""
    store = desk.pk.store
    found = [(decode_header(raw), store.body(log, at)) for log, at, raw in store.case_leaves(case_id)]
    (one,) = prove(found)
    return one.end, one.reason


@pytest.mark.parametrize("priority", ["HIGH", "NORM"])
class TestReleaseAndReturn:
    def test_two_officers_release_it_to_the_payee_whose_bank_then_earns_its_fee(self, desk, priority):
        before = money(desk)
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        desk.wait(100 * 86_400)
        blocked_at = desk.pk.case(case_id)[1].ended_at
        assert desk.done(desk.say(case_id, "release", "dana")).state == "frozen"
        assert desk.say(case_id, "release", "dana").code == "same_officer"
        desk.done(desk.say(case_id, "release", "fatima"))
        desk.carry()
        assert desk.states(case_id) == ("settled", "credited")
        moved, was = exchange(desk, case_id).exchange, changed(before, money(desk))
        assert moved.destination_fee_minor > 0
        assert was["position:KZ/halyk:KZT"] == moved.credit_minor
        assert was["fees:KZ/halyk:KZT"] == moved.destination_fee_minor
        assert SUSPENSE not in was
        assert given(desk, case_id, "KZ", message.STATUS)[-1] == ("ACCC", "")
        here = desk.pk.case(case_id)[1]
        assert (here.reason, here.ended_at > blocked_at) == ("", True)
        assert "payment.credited" in desk.kz.notices(HALYK)
        assert "payment.settled" in desk.pk.notices(HBL)
        words = [(one.officer.partition(":")[2], one.word) for one in desk.kz.case(case_id)[1].checks]
        assert words == [("dana", "block"), ("erlan", "block"), ("dana", "release"), ("fatima", "release")]

    def test_two_officers_give_it_back_at_the_agreed_rate(self, desk, priority):
        """Nobody but the law has erred: the payer's bank gets what the provider had got, and its own fee stays its."""
        before = money(desk)
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        desk.post_rate("PK/fx-swift", "2.5")
        assert desk.done(desk.say(case_id, "refuse", "dana")).state == "frozen"
        desk.done(desk.say(case_id, "refuse", "erlan"))
        desk.carry()
        assert desk.states(case_id) == ("returned", "given-back")
        offer, was = exchange(desk, case_id), changed(before, money(desk))
        fee, spread = offer.exchange.source_fee_minor, offer.spread_minor
        assert was == {
            "position:PK/hbl:PKR": -fee,
            "fees:PK/hbl:PKR": fee,
            "spread:PK/fx-swift:PKR": spread,
            "liquidity:PK/fx-swift:PKR": -spread,
        }
        assert desk.pk.case(case_id)[1].reason == "RR04"

    @pytest.mark.parametrize(("word", "ends"), [("refuse", "returned given-back"), ("release", "settled credited")])
    def test_it_is_given_back_or_released_however_late(self, desk, priority, word, ends):
        """The law sets no time; one that was released is returned by its bank only as late as any."""
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        desk.wait(61 * 86_400)
        desk.agree(case_id, word)
        desk.carry()
        assert desk.states(case_id) == tuple(ends.split())
        if word == "release":
            assert desk.kz.command(HALYK, "return", message.GiveBack("AC04"), case_id).code == "too_late"

    def test_a_released_one_may_be_recalled_and_returned_like_any(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        desk.agree(case_id, "release")
        desk.carry()
        desk.done(desk.pk.command(HBL, "recall", message.AskBack("DUPL"), case_id))
        desk.carry()
        desk.done(desk.kz.command(HALYK, "return", message.GiveBack("FOCR"), case_id))
        desk.carry()
        assert desk.states(case_id) == ("returned", "given-back")

    def test_officers_of_two_minds_leave_it_in_suspense(self, desk, priority):
        case_id = desk.stopped(priority=priority)
        desk.agree(case_id, "block")
        desk.carry()
        desk.done(desk.say(case_id, "release", "dana"))
        desk.done(desk.say(case_id, "refuse", "erlan"))
        assert desk.say(case_id, "block", "fatima").code == "not_in_state"
        desk.carry()
        assert desk.states(case_id) == ("blocked", "frozen")


class TestWhoDecides:
    def test_an_urgent_one_is_blocked_only_when_the_payers_gateway_has_settled_it(self, desk):
        case_id = desk.stopped()
        before = money(desk)
        desk.agree(case_id, "block")
        assert desk.kz.state(case_id) == "freezing"
        assert changed(before, money(desk)) == {}
        desk.carry()
        assert desk.states(case_id) == ("blocked", "frozen")

    def test_one_that_is_blocked_too_late_is_rejected_like_a_late_acceptance(self, desk):
        case_id = desk.stopped()
        before = money(desk)
        desk.cut.add("KZ")
        desk.agree(case_id, "block")
        desk.wait(26)
        assert desk.states(case_id) == ("rejected", "freezing")
        desk.cut.clear()
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")
        assert changed(before, money(desk)) == {}

    def test_silence_of_the_payers_gateway_ends_it_when_it_is_proven(self, desk):
        """It has rejected the payment, and its word is on its way or lost; later words of its log are the proof."""
        case_id = desk.stopped()
        desk.cut.add("KZ")
        desk.agree(case_id, "block")
        desk.wait(30)
        desk.settle_down()
        assert desk.states(case_id) == ("rejected", "refused")

    def test_after_the_time_to_answer_nobody_blocks(self, desk):
        case_id = desk.stopped(priority="NORM")
        desk.done(desk.say(case_id, "block", "dana"))
        desk.world.clock.advance(21)
        assert desk.say(case_id, "block", "erlan").code == "too_late"

    def test_an_ordinary_one_whose_answer_is_lost_is_asked_after(self, desk):
        case_id = desk.stopped(priority="NORM")
        desk.cut.add("KZ")
        desk.agree(case_id, "block")
        desk.wait(26)
        assert desk.states(case_id) == ("unknown", "frozen")
        desk.cut.clear()
        desk.carry()
        assert desk.states(case_id) == ("blocked", "frozen")

    def test_at_the_payers_gateway_there_is_nothing_to_block(self):
        desk = Watched(lambda names: ("it is the name",))
        case_id = desk.order(payee=KASPI)
        assert desk.pk.state(case_id) == "parked"
        blocked = desk.pk.command("PK/sbp", "block", Block("amna"), case_id, roles=("compliance",))
        assert blocked.code == "not_in_state"


class TestFigures:
    def test_a_blocked_payment_is_netted_once_and_its_return_in_its_own_cycle(self, desk):
        directory = Directory(PLAN)
        case_id = desk.stopped()
        desk.agree(case_id, "block")
        desk.carry()
        paid_in = cycle_of(directory, desk.pk.case(case_id)[1].answer_by)
        amount = exchange(desk, case_id).exchange.destination_minor
        for land in desk.lands.values():
            assert [(one.debtor, one.amount_minor) for one in bilateral(legs(directory, payments(land)), paid_in)] == [
                ("PK", amount)
            ]
        desk.wait(50 * 86_400)
        desk.agree(case_id, "refuse")
        desk.carry()
        back_in = cycle_of(directory, desk.pk.case(case_id)[1].returned_at)
        for land in desk.lands.values():
            found = legs(directory, payments(land))
            assert [one.debtor for one in bilateral(found, paid_in)] == ["PK"]
            assert [one.debtor for one in bilateral(found, back_in)] == ["KZ"]

    def test_a_blocked_payment_is_neither_credited_nor_failed_nor_open(self, desk):
        case_id = desk.stopped()
        desk.agree(case_id, "block")
        desk.carry()
        (found,) = indicators(payments(desk.pk))
        assert (found.ordered, found.blocked, found.credited, found.open, found.failed) == (1, 1, 0, 0, {})
        desk.agree(case_id, "release")
        desk.carry()
        (found,) = indicators(payments(desk.pk))
        assert (found.ordered, found.blocked, found.credited, found.open) == (1, 0, 1, 0)


def payments(land):
    return [(state, data) for state, data in map(land.case, ids(land)) if isinstance(data, Payment)]


def ids(land):
    return [row.id for row in land.store.scan_cases() if row.service == "payments"]
