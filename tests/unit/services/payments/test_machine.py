"""Every pair of state and input: what is not in the table is refused, and what is in it takes no nonsense."""

from datetime import timedelta

import pytest
from tests.unit.services.payments.desk import HALYK, HBL, PLAN, Desk

from darwaza.kernel.machine import ELAPSED, NEW, NOT_IN_TABLE, Case, Command, Elapsed, Received, Refusal, decide
from darwaza.services import payments
from darwaza.services.payments import message
from darwaza.services.payments.machine import DESTINATION_ENDS, SOURCE_ENDS
from darwaza.services.payments.market import market_id
from darwaza.services.payments.netting import DONE, UNDECIDED
from darwaza.services.payments.record import (
    Alias,
    Board,
    Bulk,
    Entry,
    Funding,
    Market,
    Payment,
    Request,
    Tier,
    Verification,
)
from darwaza.testing.world import START

TABLE = payments.service(PLAN).table
STATES = sorted({state for state, _ in TABLE} | {end for cell in TABLE.values() for end in cell.next})
INPUTS = sorted({kind for _, kind in TABLE})


BULK_ENDS = {"bulk-ended", "bulk-answered"}
OTHER_ENDS = (
    *("market-open", "moved", "alias", "alias-free", "verified", "unverified", "verification-answered"),
    *("request-accepted", "request-refused", "request-agreed", "request-declined"),
)


class Blank:
    """A context in which nothing is known and no ledger may be reached."""

    now = START
    member = "KZ"
    case_id = "019ab000-0000-7000-8000-000000000000"
    reachable = frozenset({"PK"})

    def party_known(self, address):
        return True

    def look(self, case_id):
        return None

    def heard_until(self, member):
        return None

    def said_before(self, kind):
        return None


def case_in(state):
    if state == NEW:
        return None
    if state == "market-open":
        data = Market("PK", "KZ", "PK/sbp")
    elif state == "moved":
        data = Funding("KZ/fx-slow", "PK/fx-slow", 1, given_back=False)
    elif state.startswith("bulk"):
        data = Bulk(
            payer_bank=HBL,
            payee_bank=HALYK,
            provider="PK/fx-slow",
            rate="1.75",
            message_id="M",
            answer_by=START,
            decide_by=START,
            entries=(Entry("00000000-0000-4000-8000-000000000007", "E", (6, 1, 5, 8, 1, 7), 0, "settled"),),
        )
    elif state.startswith("alias"):
        data = Alias("MBNO", "+77010000000", HALYK, "KZ86125KZT5004100100", "Dana")
    elif state.startswith("verif") or state == "unverified":
        data = Verification(asker=HBL, asked=HALYK, kind="ACCT", value="1", message_id="M", question_id="1", bank=HALYK)
    elif state.startswith("request"):
        data = Request(
            payee_bank=HALYK,
            payer_bank=HBL,
            message_id="M",
            group_id="G",
            end_to_end="E",
            document=b"",
            later=False,
            expires_at=START,
        )
    else:
        data = Payment(payer_bank=HBL, payee_bank=HALYK, uetr="u", answer_by=START, decide_by=START)
    return Case(Blank.case_id, state, data, None, START, START)


def given(kind, origin="UZ/stranger", body=b"\xff\x00nonsense"):
    if kind == ELAPSED:
        return Elapsed(START)
    if "." in kind:
        return Received(kind, "id", origin, "KZ/halyk", START, None, None, "text/plain", body)
    return Command(kind, origin, frozenset(), None)


PAIRS = [(state, kind) for state in STATES for kind in INPUTS]


class TestTable:
    @pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair not in TABLE], ids="-".join)
    def test_a_pair_that_is_not_in_the_table_is_refused(self, pair):
        state, kind = pair
        refused = decide(payments.service(PLAN), case_in(state), given(kind), Blank())
        assert refused.code == NOT_IN_TABLE

    @pytest.mark.parametrize(
        "pair", [pair for pair in TABLE if "." in pair[1] and not pair[1].startswith("restored")], ids="-".join
    )
    @pytest.mark.parametrize("origin", [HBL, HALYK, "PK/gateway", "UZ/stranger", "KZ/fx-slow", "PK/fx-slow"])
    @pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"<a/>", b"[" * 9_999], ids=["empty", "ff", "{}", "a", "["])
    def test_a_message_of_nonsense_is_refused_and_never_a_fault(self, pair, origin, body):
        """Whoever it is from: it is refused, or ignored where the case has ended; no rule raises."""
        state, kind = pair
        outcome = decide(payments.service(PLAN), case_in(state), given(kind, origin, body), Blank())
        ended = state in (*SOURCE_ENDS, *DESTINATION_ENDS, *BULK_ENDS, "recalling", "returning", "recalled")
        assert isinstance(outcome, Refusal) or (ended and outcome.state == state and not outcome.transfers)

    def test_every_state_but_the_ends_has_a_way_out(self):
        """No payment can come to rest in a state that is not an end."""
        ends = {*SOURCE_ENDS, *DESTINATION_ENDS, *OTHER_ENDS, *BULK_ENDS}
        waiting = set(STATES) - ends - {NEW, "recalling"}  # which waits for the other side's timer
        # A bulk rests when all its payments do; one of them may still be recalled, and that is looked after.
        assert {state for state, kind in TABLE if kind == ELAPSED} == waiting | BULK_ENDS
        for state in waiting:
            reach, grown = {state}, True
            while grown:
                following = {end for (at, _), cell in TABLE.items() if at in reach for end in cell.next}
                grown, reach = not following <= reach, reach | following
            assert reach & ends

    def test_ends_are_final(self):
        """Nothing leads out of an end but a return or a recall of a credited payment, and officers out of suspense."""
        after = {
            "settled": {"recalling", "returned", "returning"},
            "credited": {"recalled", "given-back"},
            "blocked": {"settled", "returned", "returning"},
            "frozen": {"credited", "given-back"},
        }
        for (state, _), cell in TABLE.items():
            if state in (*SOURCE_ENDS, *DESTINATION_ENDS):
                assert set(cell.next) <= {state} | after.get(state, set())

    def test_both_sides_have_states_of_their_own(self):
        assert not set(SOURCE_ENDS) & set(DESTINATION_ENDS)


class TestMarket:
    def test_only_an_operator_opens_a_market_that_has_a_corridor(self):
        desk = Desk()
        desk.market = market_id("KZ", "PK")
        for party, body, code in (
            (HALYK, message.OpenMarket("PK"), "not_allowed"),
            ("KZ/nbk", message.OpenMarket("UZ"), "market_unknown"),
            ("KZ/nbk", message.OpenMarket("PK", "0"), "rate_not_positive"),
        ):
            assert desk.kz.command(party, "open-market", body, desk.market, opens=True).code == code

    def test_a_market_has_the_id_that_everybody_derives(self):
        """Another would be a market whose rates nobody is offered, and bulks would be taken before it is known."""
        desk = Desk()
        for case_id in (None, market_id("KZ", "PK")):
            refused = desk.pk.command("PK/sbp", "open-market", message.OpenMarket("KZ"), case_id, opens=True)
            assert (refused.code, refused.pointer) == ("market_unknown", "/case_id")
        assert [row.id for row in desk.pk.store.scan_cases() if row.state == "market-open"] == [desk.market]

    def test_rates_are_checked_when_they_are_posted(self):
        from darwaza.services.payments import message

        desk = Desk()
        later, past = START + timedelta(days=1), START
        for party, kind, body, code in (
            (HBL, "post-rate", message.PostRate(Board("1.7", later)), "not_allowed"),
            ("PK/fx-slow", "post-rate", message.PostRate(Board("x", later)), "rate_malformed"),
            ("PK/fx-slow", "post-rate", message.PostRate(Board("1.7", past)), "time_wrong"),
            (
                "PK/fx-slow",
                "post-rate",
                message.PostRate(Board("1.7", later, (Tier(9, 0), Tier(9, 1)))),
                "payment_malformed",
            ),
            (
                "PK/fx-slow",
                "post-rate",
                message.PostRate(Board("1.7", later, (Tier(9, -1_000_000),))),
                "rate_not_positive",
            ),
            (HBL, "set-mid", message.SetMid("1.8"), "not_allowed"),
            ("PK/sbp", "set-mid", message.SetMid("0"), "rate_not_positive"),
            (HBL, "withdraw-rate", message.WithdrawRate(), "not_allowed"),
        ):
            assert desk.pk.command(party, kind, body, desk.market).code == code

    def test_a_withdrawn_or_lapsed_rate_makes_no_offer_but_an_accepted_quote_stands(self):
        desk = Desk()
        case_id = desk.done(desk.quote()).case_id
        for provider in ("PK/fx-swift", "PK/fx-slow"):
            desk.done(desk.pk.command(provider, "withdraw-rate", message.WithdrawRate(), desk.market))
        assert desk.quote().code == "no_offer"
        assert desk.done(desk.pay(case_id)).state == "sent"
        desk.post_rate("PK/fx-slow", "1.7")
        desk.world.clock.advance(30 * 86_400)
        assert desk.quote().code == "no_offer"

    def test_without_a_mid_rate_there_is_no_margin_and_no_spread(self):
        class WithoutMid(Desk):
            mid = None

        desk = WithoutMid()
        desk.done(desk.pk.command("PK/fx-swift", "withdraw-rate", message.WithdrawRate(), desk.market))
        offer = desk.pk.case(desk.done(desk.quote()).case_id)[1].chosen
        assert (offer.margin_ppm, offer.spread_minor) == (None, 0)
        desk.done(desk.pk.command("PK/sbp", "set-mid", message.SetMid("1.6"), desk.market))
        better = desk.pk.case(desk.done(desk.quote()).case_id)[1].chosen
        assert (better.margin_ppm, better.spread_minor) == (-62_500, 0)


def test_what_a_cycle_waits_for_is_every_state_from_which_a_payment_can_still_be_paid():
    """By the table: where the other gateway's word may yet credit it. What is paid already, or blocked, counts."""
    words = {message.STATUS, message.DECIDED}
    paid = {state for (state, kind), cell in TABLE.items() if kind in words and {"settled", "credited"} & {*cell.next}}
    assert paid - DONE == UNDECIDED
