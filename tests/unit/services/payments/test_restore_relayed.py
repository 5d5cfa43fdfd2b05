"""After a loss, beside relays: nothing is decided before every neighbour that may know has said what it was told."""

import pytest
from tests.unit.services.payments.desk import HALYK, SWIFT_FX, decides_nothing
from tests.unit.services.payments.test_bulk import documents, remit
from tests.unit.services.payments.test_bulk_relay import Relay, RelayedDesk, RelayedLand, copy

from darwaza.config import MEET_S
from darwaza.engine import recovery
from darwaza.engine.intake import PlaceOrders
from darwaza.ledger.order import Move
from darwaza.services.payments import message
from darwaza.testing.statement import link_states

PAST_ALL_ANSWERS_S = 40
"""Longer than a bank may take to answer (``PLAN``), shorter than a gateway waits for its neighbours (``MEET_S``)."""
OVER_AF = {("CN", "KZ"): 900_000}
OVER_CN = {("AF", "KZ"): 900_000}
"""Latencies of links, by which the best way goes over one neighbour."""


@pytest.mark.parametrize("side", ["PK", "KZ"])
def test_nothing_is_decided_before_the_relay_has_said_what_it_was_told(side):
    """Neither by a bank nor by the clock; when the relay has spoken, money stands where it stood (I9)."""
    desk = RelayedDesk()
    case_id = desk.order()
    desk.carry()
    old = {code: copy(land.store) for code, land in desk.lands.items()}
    desk.done(desk.confirm(case_id))
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    desk.chain.stores[side] = old[side]
    desk.chain.start(side, seed=1)
    decides_nothing(desk, side, case_id, PAST_ALL_ANSWERS_S)
    desk.chain.restore(side)
    desk.carry()
    desk.wait(5)
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    desk.chain.check()


class Diamond(RelayedDesk):
    """Two ways between PK and KZ: an order goes over AF, what is answered to it over CN."""

    def found(self, screen):
        self.chain = Relay((("AF", "KZ"), ("AF", "PK"), ("CN", "KZ"), ("CN", "PK")), OVER_AF, lanes=2)
        self.world = self.chain.world
        self.pk, self.kz = RelayedLand(self.chain, "PK"), RelayedLand(self.chain, "KZ")

    def answer_over_cn(self, side="KZ"):
        """Let one gateway alone find the way over AF slow."""
        self.wait(1)
        for state in link_states(self.world, OVER_CN):
            self.chain.engines[side].site.routing.learn(state)

    def go_on_from(self, side, kept):
        """Start a gateway with a disk of before; it meets AF, and not CN."""
        self.chain.stores[side] = kept
        self.chain.start(side, seed=1)
        self.chain.dark = {"CN"}
        self.chain.restore(side)


def credited_and_lost():
    """A payment is credited; KZ loses its disk and meets AF, which brings the order again too late, but not CN."""
    desk = Diamond()
    kept = copy(desk.chain.stores["KZ"])
    case_id = desk.order(priority="NORM")
    desk.carry()
    desk.answer_over_cn()
    desk.done(desk.confirm(case_id))
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    assert "payments.status" not in {one.kind for one in desk.chain.headers("KZ", "AF")}
    desk.go_on_from("KZ", kept)
    desk.wait(PAST_ALL_ANSWERS_S)
    desk.carry()
    return desk, case_id


def meet_cn(desk, side="KZ"):
    """CN is back and gives a gateway what that had answered."""
    desk.chain.dark = set()
    desk.chain.restore(side)
    desk.carry()
    desk.wait(5)
    desk.carry()


def test_an_order_is_not_refused_before_the_neighbour_was_met_that_holds_the_answer():
    """Too late it is, but it was taken in time: it waits for what was answered, and is credited as it was."""
    desk, case_id = credited_and_lost()
    assert desk.kz.state(case_id) is None
    assert case_id in [one.case_id for one in desk.chain.engines["KZ"].site.order.early.values()]
    meet_cn(desk)
    assert desk.states(case_id) == ("settled", "credited")
    desk.chain.check()


def test_whoever_refuses_it_at_once_says_two_things(monkeypatch):
    """The same life catches a gateway without the guard: it has refused what it had credited."""
    monkeypatch.setattr(recovery, "may_be_answered", lambda *_: False)
    desk, case_id = credited_and_lost()
    assert desk.kz.state(case_id) is None
    assert case_id not in [one.case_id for one in desk.chain.engines["KZ"].site.order.early.values()]
    meet_cn(desk)
    assert desk.states(case_id) == ("settled", None)


def test_a_decision_that_comes_back_after_what_it_answered_stands():
    """PK lost its disk; AF brings KZ's word again, and only then CN what PK had decided on it: by now too late."""
    desk = Diamond()
    kept = copy(desk.chain.stores["PK"])
    case_id = desk.order(priority="HIGH")
    desk.carry()
    desk.answer_over_cn("PK")
    desk.done(desk.confirm(case_id))
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    assert message.DECIDED not in {one.kind for one in desk.chain.headers("PK", "AF")}
    desk.go_on_from("PK", kept)
    desk.wait(PAST_ALL_ANSWERS_S)
    desk.carry()
    assert desk.states(case_id) == ("sent", "credited")
    desk.chain.dark = set()
    (origin,) = (origin for origin in desk.chain.logs() if origin.endswith("PK-to-CN/0"))
    desk.chain.take_back(origin)
    desk.chain.check()
    meet_cn(desk, "PK")
    assert desk.states(case_id) == ("settled", "credited")
    assert [one.kind for one in desk.chain.headers("PK", "CN")].count(message.DECIDED) == 1
    desk.chain.check()


def test_an_order_that_lacks_money_now_is_not_refused_when_it_was_taken():
    """KZ lost its disk, and CN brings it first what was paid last: with what had come back from the payment before.

    That one waits until the provider has money, and is what it was.
    """
    desk = Diamond()
    desk.done(desk.pk.run(PlaceOrders((Move("in", "external:PKR", "liquidity:PK/fx-swift:PKR", 1_000_000_00),)))[0])
    desk.done(desk.pk.command(SWIFT_FX, "release-funds", message.Release("KZ", "49800000.00")))
    desk.carry()
    kept = copy(desk.chain.stores["KZ"])
    first = paid(desk)
    desk.done(desk.kz.command(HALYK, "return", message.GiveBack("AC04"), first))
    desk.carry()
    desk.answer_over_cn("PK")
    second = paid(desk)
    desk.chain.stores["KZ"] = kept
    desk.chain.start("KZ", seed=1)
    desk.chain.restore("KZ")
    (origin,) = (origin for origin in desk.chain.logs() if origin.endswith("CN-to-KZ/0"))
    desk.chain.carry_log(origin)
    desk.carry()
    assert (desk.states(first), desk.states(second)) == (("returned", None), ("settled", "credited"))
    desk.done(desk.kz.command("KZ/fx-swift", "allocate", message.Allocate("PK", "200000.00")))
    assert desk.states(first) == ("returned", "given-back")
    desk.carry()
    assert [land.store.quarantined(9) for land in desk.lands.values()] == [[], []]
    assert desk.chain.stores["KZ"].given_back_count() == 0
    desk.check()


def paid(desk):
    """An ordinary payment that HALYK takes."""
    case_id = desk.order(priority="NORM")
    desk.carry()
    desk.done(desk.confirm(case_id))
    desk.carry()
    return case_id


def test_nothing_is_decided_while_a_word_waits_for_what_was_said_before_it():
    """KZ lost its disk and CN, which has its acceptance, stays away; what PK decided on that has come over AF."""
    desk = Diamond()
    kept = copy(desk.chain.stores["KZ"])
    case_id = desk.order()
    desk.carry()
    desk.answer_over_cn()
    desk.done(desk.confirm(case_id))
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    desk.go_on_from("KZ", kept)
    desk.carry()
    assert desk.kz.state(case_id) == "asked"
    desk.wait(2 * MEET_S)
    assert desk.kz.state(case_id) == "asked"
    assert desk.reject(case_id).code == "catching_up"
    meet_cn(desk)
    assert desk.states(case_id) == ("settled", "credited")
    desk.chain.check()


def in_bulk(desk):
    """Five payments in one order."""
    return desk.done(remit(desk, documents(desk))).case_id


ORDERS = {"single": ("49900000.00", lambda desk: desk.order(amount="57000.00", priority="NORM"))}
ORDERS |= {"bulk": ("49991000.00", in_bulk)}
"""What the provider takes back before, so that the rest barely suffices for an order, and that order."""


@pytest.mark.parametrize(("back", "order"), ORDERS.values(), ids=ORDERS)
def test_a_refusal_that_comes_back_after_the_order_is_its_end(back, order):
    """KZ lacked money, and told so over CN; when its disk is lost it has some, but the payer has its own back."""
    desk = Diamond()
    desk.done(desk.pk.command(SWIFT_FX, "release-funds", message.Release("KZ", back)))
    desk.carry()
    kept = copy(desk.chain.stores["KZ"])
    desk.done(desk.kz.run(PlaceOrders((Move("out", "corridor:PK/fx-swift:KZT", "external:KZT", 1_000_00),)))[0])
    case_id = order(desk)
    desk.answer_over_cn()
    desk.carry()
    assert {here for here, _ in desk.cases().values()} <= {"expired", "rejected"}
    assert desk.kz.state(case_id) is None
    desk.go_on_from("KZ", kept)
    desk.carry()
    assert desk.kz.state(case_id) in ("asked", "bulk-asked")
    meet_cn(desk)
    assert {there for _, there in desk.cases().values()} <= {"refused", None}
    desk.check()


def test_money_that_went_home_waits_for_what_it_was_given_back_by():
    """KZ lost its disk, and CN is faster than AF, which has PK's decision on the payment that was then returned."""
    desk = Diamond()
    desk.done(desk.pk.run(PlaceOrders((Move("in", "external:PKR", "liquidity:PK/fx-swift:PKR", 1_000_000_00),)))[0])
    desk.done(desk.pk.command(SWIFT_FX, "release-funds", message.Release("KZ", "49800000.00")))
    desk.carry()
    case_id = desk.order()
    desk.carry()
    kept = copy(desk.chain.stores["KZ"])
    desk.done(desk.confirm(case_id))
    desk.carry()
    desk.done(desk.kz.command(HALYK, "return", message.GiveBack("AC04"), case_id))
    desk.carry()
    desk.answer_over_cn("PK")
    desk.done(desk.pk.command(SWIFT_FX, "release-funds", message.Release("KZ", "190000.00")))
    desk.carry()
    assert desk.kz.balance("corridor:PK/fx-swift:KZT") == 10_000_00
    desk.chain.stores["KZ"] = kept
    desk.chain.start("KZ", seed=1)
    desk.chain.restore("KZ")
    (origin,) = (origin for origin in desk.chain.logs() if origin.endswith("CN-to-KZ/0"))
    desk.chain.carry_log(origin)
    desk.carry()
    assert desk.kz.balance("corridor:PK/fx-swift:KZT") == 10_000_00
    assert [land.store.quarantined(9) for land in desk.lands.values()] == [[], []]
    desk.check()


def test_an_order_without_money_waits_for_no_neighbour_that_stays_away():
    """KZ has started anew, and CN is silent: after a minute the payer is told at once."""
    desk = Diamond()
    desk.done(desk.pk.command(SWIFT_FX, "release-funds", message.Release("KZ", "49900000.00")))
    desk.carry()
    desk.done(desk.kz.run(PlaceOrders((Move("out", "corridor:PK/fx-swift:KZT", "external:KZT", 1_000_00),)))[0])
    desk.chain.start("KZ", seed=1)
    desk.chain.dark = {"CN"}
    desk.carry()
    early = desk.order(amount="57000.00", priority="NORM")
    desk.carry()
    assert desk.states(early) == ("sent", None)
    desk.wait(2 * MEET_S)
    desk.carry()
    assert desk.states(early) == ("rejected", None)
    late = desk.order(amount="57000.00", priority="NORM")
    desk.carry()
    assert desk.states(late) == ("rejected", None)
