"""Payments from Karachi to Almaty over two real engines, from the quote to the end, with every kind of silence."""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.services.payments import desk as desk_module
from tests.unit.services.payments.desk import FUNDS, HALYK, HBL, OPERATOR, PLAN, SLOW_FX, SWIFT_FX, UBL, Desk
from tests.unit.services.payments.test_restore import give_back as tell
from tests.unit.services.payments.test_restore import said

from darwaza.engine.intake import Wake
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal
from darwaza.services.payments import message
from darwaza.services.payments.netting import ORDERED_WITHIN
from darwaza.services.payments.quote import quote_id

URGENT = ("HIGH", "NORM")
replace = msgspec.structs.replace


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.settle_down()
    made.check()


class TestPaid:
    @pytest.mark.parametrize("priority", URGENT)
    def test_a_confirmed_payment_is_settled_at_both_ends(self, desk, priority):
        """Every rupee and every tenge is where the postings say: bank, provider, spread and fees."""
        case_id = desk.order(priority=priority)
        desk.carry()
        assert desk.states(case_id) == ("sent", "asked")
        desk.done(desk.confirm(case_id))
        desk.carry()
        assert desk.states(case_id) == ("settled", "credited")
        # 100,100.00 PKR debited: fee 100.00, then 100,000.00 at 1.75 is 175,000.00 KZT, less Halyk's 100.00.
        assert desk.pk.balance("position:PK/hbl:PKR") == FUNDS[HBL] - 100_100_00
        assert desk.pk.balance("fees:PK/hbl:PKR") == 100_00
        spread = 100_000_00 - 97_222_23  # 175,000.00 KZT at the mid rate 1.80, rounded up
        assert desk.pk.balance("spread:PK/fx-swift:PKR") == spread
        assert desk.pk.balance("liquidity:PK/fx-swift:PKR") == 100_000_00 - spread
        assert desk.kz.balance("corridor:PK/fx-swift:KZT") == 50_000_000_00 - 175_000_00
        assert desk.kz.balance("position:KZ/halyk:KZT") == FUNDS[HALYK] + 174_900_00
        assert desk.kz.balance("fees:KZ/halyk:KZT") == 100_00
        assert "payment.settled" in desk.pk.notices(HBL)
        assert desk.kz.notices(HALYK) == ["payment.asked", "payment.credited"]

    def test_nobody_is_credited_before_the_confirming_answer(self, desk):
        """An urgent payment: acceptance moves nothing, the decision does."""
        case_id = desk.order()
        desk.carry()
        desk.done(desk.confirm(case_id))
        assert desk.states(case_id) == ("sent", "accepted")
        assert desk.kz.balance("position:KZ/halyk:KZT") == FUNDS[HALYK]
        desk.move("KZ", "PK")
        assert desk.states(case_id) == ("settled", "accepted")
        desk.move("PK", "KZ")
        assert desk.states(case_id) == ("settled", "credited")

    def test_a_refused_payment_gives_everything_back_with_the_reason(self, desk):
        case_id = desk.order()
        desk.carry()
        desk.done(desk.reject(case_id, "AC04"))
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")
        _, payment = desk.pk.case(case_id)
        assert (payment.reason, payment.detail) == ("AC04", "closed")
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL]
        assert desk.pk.available("abroad:PK/fx-swift:KZ:KZT") == 50_000_000_00

    def test_what_has_ended_cannot_be_answered_again(self, desk):
        case_id = desk.order()
        desk.carry()
        desk.done(desk.reject(case_id))
        assert desk.confirm(case_id).code == "not_in_state"
        assert desk.reject(case_id).code == "not_in_state"


class TestSilence:
    @pytest.mark.parametrize("priority", URGENT)
    def test_a_silent_bank_is_a_rejection_ab05(self, desk, priority):
        case_id = desk.order(priority=priority)
        desk.carry()
        desk.wait(21)
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")
        assert desk.pk.case(case_id)[1].reason == "AB05"
        assert desk.confirm(case_id).code == "not_in_state"

    def test_a_silent_gateway_is_a_rejection_ab06_of_an_urgent_payment(self, desk):
        case_id = desk.order()
        desk.cut.add("PK")
        desk.wait(26)
        assert desk.pk.state(case_id) == "rejected"
        assert desk.pk.case(case_id)[1].reason == "AB06"
        desk.cut.clear()
        desk.carry()
        assert desk.states(case_id) == ("rejected", None)  # it came after its time to be answered

    def test_an_acceptance_that_comes_too_late_is_rejected_on_both_sides(self, desk):
        """The lost answer of an urgent payment: nobody was credited, both sides free the money."""
        case_id = desk.order()
        desk.carry()
        desk.cut.add("KZ")
        desk.done(desk.confirm(case_id))
        desk.wait(26)
        assert desk.states(case_id) == ("rejected", "accepted")
        desk.cut.clear()
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")

    def test_an_acceptance_past_the_deadline_is_rejected_even_if_the_timer_has_not_run(self, desk):
        case_id = desk.order()
        desk.carry()
        desk.done(desk.confirm(case_id))
        desk.world.clock.advance(26)
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")

    def test_an_order_whose_settlement_cycle_would_not_find_it_is_refused(self, desk):
        """A cycle looks for the payments that were ordered an hour before it or later."""
        case_id = desk.order(priority="NORM")
        ((header, body),) = [one for one in said(desk.pk, case_id) if one[0]["kind"] == message.ORDER]
        terms, document = message.read_order(body)
        late = instant.to_text(desk.world.clock.now() + ORDERED_WITHIN + timedelta(seconds=1))
        other = message.write_order(msgspec.structs.replace(terms, answer_by=late, decide_by=late), document)
        refusal = tell(desk.kz, case_id, header, other, own=False, refused=True)
        assert (refusal.code, refusal.pointer) == ("time_wrong", "/decide_by")

    def test_the_bank_cannot_accept_after_its_time(self, desk):
        case_id = desk.order()
        desk.carry()
        desk.world.clock.advance(20.001)
        assert desk.confirm(case_id).code == "too_late"

    def test_a_decision_that_is_lost_is_no_end_for_the_payees_gateway(self, desk):
        """It keeps the hold: the payer's gateway may have settled, and has."""
        case_id = desk.order()
        desk.carry()
        desk.done(desk.confirm(case_id))
        desk.move("KZ", "PK")
        desk.cut.add("PK")
        desk.wait(300)
        assert desk.states(case_id) == ("settled", "accepted")
        desk.cut.clear()
        desk.carry()
        assert desk.states(case_id) == ("settled", "credited")

    def test_silence_of_the_payers_gateway_is_proven_by_what_it_signed_later(self, desk):
        """A gateway that says other things and does not decide has rejected: here its rule never runs."""
        case_id = desk.order()
        desk.carry()
        desk.done(desk.confirm(case_id))
        desk.cut.add("KZ")
        desk.world.clock.advance(60)
        other = desk.order(bank=UBL, amount="1000.00", fee="0")
        desk.carry()
        desk.kz.run(Wake(512))
        assert desk.kz.state(case_id) == "refused"
        assert desk.kz.case(case_id)[1].reason == "AB06"
        desk.cut.clear()
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")
        assert desk.kz.state(other) == "asked"


class TestUnknown:
    """Payments that are not urgent: the payee's gateway owns the end."""

    def test_a_lost_answer_is_asked_for_and_found(self, desk):
        case_id = desk.order(priority="NORM")
        desk.carry()
        desk.cut.add("KZ")
        desk.done(desk.confirm(case_id))
        desk.wait(26)
        assert desk.states(case_id) == ("unknown", "credited")
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL] - 100_100_00
        desk.wait(3_600)
        assert desk.pk.state(case_id) == "unknown"
        desk.cut.clear()
        desk.carry()
        assert desk.states(case_id) == ("settled", "credited")
        assert "payment.unknown" in desk.pk.notices(HBL)

    def test_silence_is_proven_by_the_order_of_the_log(self, desk):
        """The payee's gateway never saw the order; it has signed something later, and its log holds no acceptance."""
        desk.cut.add("PK")
        case_id = desk.order(priority="NORM")
        desk.wait(26)
        assert desk.pk.state(case_id) == "unknown"
        desk.done(desk.kz.command("KZ/fx-slow", "allocate", message.Allocate("PK", "1.00")))
        desk.move("KZ", "PK")
        desk.wait(10)
        assert desk.pk.state(case_id) == "rejected"
        assert "no acceptance" in desk.pk.case(case_id)[1].detail
        assert desk.pk.available("position:PK/hbl:PKR") == FUNDS[HBL]

    def test_silence_before_the_deadline_proves_nothing(self, desk):
        desk.cut.add("PK")
        case_id = desk.order(priority="NORM")
        desk.wait(20)
        desk.done(desk.kz.command("KZ/fx-slow", "allocate", message.Allocate("PK", "1.00")))
        desk.move("KZ", "PK")
        desk.wait(600)
        assert desk.pk.state(case_id) == "unknown"

    def test_inquiries_become_rarer_and_go_on(self, desk):
        desk.cut.update(("PK", "KZ"))
        case_id = desk.order(priority="NORM")
        for _ in range(600):
            desk.wait(1)
        asked = desk.pk.case(case_id)[1].asked
        assert 600 / 60 <= asked <= 600 / 60 + 6

    def test_an_inquiry_is_answered_with_what_is_true(self, desk):
        case_id = desk.order(priority="NORM")
        desk.carry()
        desk.cut.add("KZ")
        desk.done(desk.reject(case_id))
        desk.wait(26)
        assert desk.states(case_id) == ("unknown", "refused")
        desk.cut.clear()
        desk.carry()
        assert desk.states(case_id) == ("rejected", "refused")
        assert desk.pk.case(case_id)[1].reason == "AC04"


class TestRestart:
    @pytest.mark.parametrize("priority", URGENT)
    @pytest.mark.parametrize("step", range(4))
    def test_both_gateways_may_restart_at_any_point(self, desk, priority, step):
        case_id = desk.order(priority=priority)
        steps = [
            lambda: desk.move("PK", "KZ"),
            lambda: desk.done(desk.confirm(case_id)),
            lambda: desk.move("KZ", "PK"),
            lambda: desk.move("PK", "KZ"),
        ]
        for number, do in enumerate(steps):
            if number == step:
                desk.pk.restart()
                desk.kz.restart()
            do()
        assert desk.states(case_id) == ("settled", "credited")


class TestQuote:
    def test_offers_are_made_best_first_with_the_whole_cost(self, desk):
        outcome = desk.done(desk.quote(take_best=False))
        state, payment = desk.pk.case(outcome.case_id)
        assert state == "quoted"
        assert [(one.provider, one.rate) for one in payment.offers] == [(SWIFT_FX, "1.75"), (SLOW_FX, "1.7")]
        best = payment.offers[0]
        assert best.exchange.debit_minor == 100_100_00
        assert best.exchange.credit_minor == 174_900_00
        assert best.effective_rate == (174_900_00, 100_100_00)
        assert best.margin_ppm == 27_778
        assert outcome.answer == {"quote_id": quote_id(outcome.case_id)}

    def test_tiers_and_improvements_better_the_rate(self, desk):
        large = desk.done(desk.quote(amount="1000100.00", take_best=False))
        assert desk.pk.case(large.case_id)[1].offers[0].rate == "1.7535"
        partner = desk.done(desk.quote(UBL, take_best=False))
        assert desk.pk.case(partner.case_id)[1].offers[0].rate == "1.75175"

    @pytest.mark.parametrize(
        ("amount", "fee", "fixed", "rate"),
        [
            ("1000000.00", "0", "source", "1.7535"),
            ("1000000.00", "0.01", "source", "1.75"),
            ("1001000.00", "1000000.00", "source", "1.75"),
            ("1749900.00", "0", "destination", "1.7535"),
            ("1749898.00", "5000.00", "destination", "1.75"),
        ],
    )
    def test_a_tier_is_reached_by_what_is_exchanged_whatever_fee_the_bank_names(self, desk, amount, fee, fixed, rate):
        """The fee is the bank's own: it could name a large one and have the provider's best rate for little money."""
        asked = desk.done(desk.quote(amount=amount, fee=fee, fixed=fixed, take_best=False))
        assert desk.pk.case(asked.case_id)[1].offers[0].rate == rate

    def test_a_fixed_credit_is_met_to_the_tiyn(self, desk):
        case_id = desk.order(amount="174900.00", fixed="destination")
        assert desk.pk.case(case_id)[1].chosen.exchange.credit_minor == 174_900_00
        desk.carry()
        desk.done(desk.confirm(case_id))

    def test_accepting_reserves_the_providers_funds_until_the_quote_expires(self, desk):
        """An accepted quote cannot fail for lack of funds; an unused one frees them."""
        case_id = desk.done(desk.quote(take_best=False)).case_id
        assert desk.pk.available("abroad:PK/fx-slow:KZ:KZT") == 50_000_000_00
        desk.done(desk.pk.command(HBL, "accept-quote", message.Choose(SLOW_FX), case_id))
        assert desk.pk.available("abroad:PK/fx-slow:KZ:KZT") == 50_000_000_00 - 170_000_00
        taking = message.Release("KZ", "50000000.00")
        assert desk.pk.command(SLOW_FX, "release-funds", taking).code == "floor_crossed"
        desk.wait(600)
        assert desk.pk.state(case_id) == "expired"
        assert desk.pk.available("abroad:PK/fx-slow:KZ:KZT") == 50_000_000_00
        assert desk.pay(case_id).code == "not_in_state"

    def test_a_quote_that_is_over_is_refused_even_before_the_timer_has_run(self, desk):
        case_id = desk.done(desk.quote()).case_id
        document = desk.document(case_id)
        desk.world.clock.advance(600)
        assert desk.pk.command(HBL, "pay", message.Pay(document), case_id).code == "quote_expired"

    def test_a_cancelled_quote_frees_the_funds(self, desk):
        case_id = desk.done(desk.quote()).case_id
        desk.done(desk.pk.command(HBL, "cancel-quote", message.Cancel(), case_id))
        assert desk.pk.available("abroad:PK/fx-swift:KZ:KZT") == 50_000_000_00

    def test_no_offer_is_made_beyond_a_providers_funds(self, desk):
        desk.done(desk.quote(amount="18000000.00"))
        second = desk.done(desk.quote(amount="18000000.00"))
        assert [one.provider for one in desk.pk.case(second.case_id)[1].offers] == [SLOW_FX]
        assert desk.quote(amount="18000000.00").code == "no_offer"

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"bank": "PK/nobody-else"}, "not_allowed"),
            ({"payee": "KZ/nobody"}, "agent_unknown"),
            ({"payee": UBL}, "agent_unknown"),
            ({"amount": "1.001"}, "amount_too_precise"),
            ({"amount": "-1"}, "amount_negative"),
            ({"amount": "x"}, "amount_malformed"),
            ({"amount": "0"}, "amount_too_small"),
            ({"amount": "100.00"}, "amount_too_small"),
            ({"fee": "x"}, "amount_malformed"),
            ({"amount": "20000100.01"}, "over_corridor_limit"),
        ],
    )
    def test_what_cannot_be_quoted_is_refused_by_name(self, desk, fields, code):
        refused = desk.quote(**fields)
        assert isinstance(refused, Refusal)
        assert refused.code == code

    def test_an_unknown_market_is_refused(self, desk):
        asked = message.Ask("019ab000-0000-7000-8000-000000000000", HALYK, "1.00")
        assert desk.pk.command(HBL, "quote", asked).code == "market_unknown"


class TestFunds:
    def test_a_provider_whose_money_abroad_falls_below_its_mark_hears_of_it(self, monkeypatch):
        """Once, when it gives money back as when a payment takes it; so does the operator of the gateway."""
        marked = {"KZ/fx-slow": 20_000_000_00}
        terms = [replace(one, low_minor=marked.get(one.address)) for one in PLAN.participants]
        monkeypatch.setattr(desk_module, "PLAN", replace(PLAN, participants=tuple(terms)))
        desk, heard = Desk(), []
        for amount in ("29000000.00", "2000000.00", "1.00"):
            desk.done(desk.pk.command(SLOW_FX, "release-funds", message.Release("KZ", amount)))
            heard.append([desk.pk.notices(who).count("liquidity.low") for who in (SLOW_FX, OPERATOR)])
        assert heard == [[0, 0], [1, 1], [1, 1]]

    def test_funds_are_set_aside_and_given_back(self, desk):
        """What one gateway may spend is always what the other has set aside."""
        assert desk.kz.balance("liquidity:KZ/fx-slow:KZT") == 10_000_000_00
        desk.done(desk.pk.command(SLOW_FX, "release-funds", message.Release("KZ", "50000000.00")))
        assert desk.pk.balance("abroad:PK/fx-slow:KZ:KZT") == 0
        desk.carry()
        assert desk.kz.balance("liquidity:KZ/fx-slow:KZT") == 60_000_000_00

    @pytest.mark.parametrize(
        ("party", "kind", "body", "code"),
        [
            (HBL, "release-funds", message.Release("KZ", "1.00"), "not_allowed"),
            (SLOW_FX, "release-funds", message.Release("UZ", "1.00"), "not_allowed"),
            (SLOW_FX, "release-funds", message.Release("KZ", "0"), "payment_malformed"),
            (SLOW_FX, "release-funds", message.Release("KZ", "0.001"), "amount_too_precise"),
            (SLOW_FX, "allocate", message.Allocate("KZ", "1.00"), "floor_crossed"),
            (SLOW_FX, "allocate", message.Allocate("KZ", "x"), "amount_malformed"),
        ],
    )
    def test_what_cannot_be_moved_is_refused_by_name(self, desk, party, kind, body, code):
        assert desk.pk.command(party, kind, body).code == code


class TestFundsOfBanks:
    def test_a_bank_without_money_is_refused_before_anything_is_sent(self, desk):
        """UBL may fall to -1,000.00, so 2,000.00 is all it can pay."""
        first = desk.order(bank=UBL, amount="1500.00", fee="0")
        case_id = desk.done(desk.quote(UBL, amount="1500.00", fee="0")).case_id
        refused = desk.pay(case_id, UBL)
        assert (refused.code, refused.pointer, refused.transient) == ("floor_crossed", "", True)
        assert desk.pk.state(case_id) == "reserved"
        desk.carry()
        assert desk.states(first) == ("sent", "asked")
        assert desk.states(case_id) == ("reserved", None)
        desk.done(desk.reject(first))
        desk.carry()
        assert desk.done(desk.pay(case_id, UBL)).state == "sent"
