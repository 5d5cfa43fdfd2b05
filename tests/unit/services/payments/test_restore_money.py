"""After a loss: an own message that lacks money another case brings waits for it, and with it what answered it."""

import pytest
from tests.unit.services.payments.desk import HALYK, SWIFT_FX, UBL
from tests.unit.services.payments.test_bulk_relay import Relay, RelayedDesk, RelayedLand, copy

from darwaza.engine.intake import PlaceOrders, Wake
from darwaza.ledger.order import Move
from darwaza.services.payments import message

ALL_BUT_SOME = "1900.00"
"""What UBL can pay once, and not twice."""
PAST_ITS_ANSWER_S = 30
SET_ASIDE = "corridor:PK/fx-swift:KZT"


class Neighbours(RelayedDesk):
    """PK and KZ and nobody else."""

    def found(self, screen):
        self.chain = Relay((("KZ", "PK"),), {}, lanes=2)
        self.world = self.chain.world
        self.pk, self.kz = RelayedLand(self.chain, "PK"), RelayedLand(self.chain, "KZ")

    def carry(self, rounds=8):
        """Also let a moment pass, so that what is said later is dated later."""
        super().carry(rounds)
        self.world.clock.advance(0.1)

    def lose(self, code, backup):
        """Start on an old copy of the store, with what the other gives back; nothing is sent again yet."""
        self.chain.stores[code] = backup
        self.chain.start(code, seed=1)
        self.chain.restore(code)

    def is_whole(self):
        """Nothing waits for anything, and nothing was put aside."""
        assert [land.store.given_back_count() for land in self.lands.values()] == [0, 0]
        assert [land.store.quarantined(9) for land in self.lands.values()] == [[], []]
        assert not any(land.engine.site.order.early for land in self.lands.values())
        self.chain.check()


def pay_in(desk):
    desk.done(desk.pk.run(PlaceOrders((Move("in", "external:PKR", "position:PK/ubl:PKR", 1_900_00),)))[0])


def end_by_silence(desk):
    """An ordinary payment that KZ does not answer gives its money back when KZ has signed something later."""
    case_id = desk.order(UBL, amount=ALL_BUT_SOME, priority="NORM")
    desk.carry()
    desk.world.clock.advance(PAST_ITS_ANSWER_S)
    desk.done(desk.kz.command("KZ/fx-swift", "allocate", message.Allocate("PK", "1.00")))
    desk.carry()
    desk.pk.run(Wake(64))
    assert desk.states(case_id) == ("rejected", "asked")


def paid(desk, priority="HIGH"):
    """UBL pays all that it has, and HALYK takes it."""
    case_id = desk.order(UBL, amount=ALL_BUT_SOME, priority=priority)
    desk.carry()
    desk.done(desk.confirm(case_id))
    desk.carry()
    return case_id


ENDS = [("settled", "credited"), ("returned", "given-back")]


@pytest.mark.parametrize("priority", ["HIGH", "NORM"])
@pytest.mark.parametrize("end", ENDS, ids=[end for end, _ in ENDS])
def test_a_payment_waits_for_the_money_that_the_clock_gives_back(end, priority):
    """And KZ's words on it wait with it, in their order; whoever refuses them pays what nobody has paid (I9)."""
    desk = Neighbours()
    kept = copy(desk.pk.store)
    end_by_silence(desk)
    case_id = paid(desk, priority)
    if end == ("returned", "given-back"):
        desk.done(desk.kz.command(HALYK, "return", message.GiveBack("AC04"), case_id))
        desk.carry()
    desk.lose("PK", kept)
    desk.carry()
    assert desk.pk.state(case_id) is None
    desk.chain.check()
    desk.pk.run(Wake(64))
    assert desk.states(case_id) == end
    desk.settle_down()
    assert desk.states(case_id) == end
    desk.is_whole()


def test_a_payment_waits_for_the_money_that_is_paid_in_again():
    """What the settlement operator had paid in is said to this gateway alone, and perhaps long after."""
    desk = Neighbours()
    paid(desk)
    kept = copy(desk.pk.store)
    pay_in(desk)
    case_id = paid(desk)
    desk.lose("PK", kept)
    desk.carry()
    desk.wait(600)
    desk.carry()
    assert desk.states(case_id) == (None, "credited")
    pay_in(desk)
    assert desk.states(case_id) == ("settled", "credited")
    desk.is_whole()


def test_a_return_waits_for_the_money_of_another_payment():
    """HALYK gives back more than it got, out of what it got by a payment after: one that comes back after it, too."""
    desk = Neighbours()
    desk.done(desk.kz.run(PlaceOrders((Move("out", "position:KZ/halyk:KZT", "external:KZT", 5_000_00),)))[0])
    kept = copy(desk.kz.store)
    returned, other = desk.order(), desk.order()
    desk.carry()
    desk.done(desk.confirm(returned))
    desk.carry()
    assert desk.kz.command(HALYK, "return", message.GiveBack("AC04"), returned).code == "floor_crossed"
    desk.done(desk.confirm(other))
    desk.carry()
    desk.done(desk.kz.command(HALYK, "return", message.GiveBack("AC04"), returned))
    desk.carry()
    desk.lose("KZ", kept)
    desk.carry()
    assert (desk.states(returned), desk.states(other)) == (("returned", "given-back"), ("settled", "credited"))
    desk.is_whole()


def test_what_was_refused_stays_refused():
    """There is money by now, but the payer has its own back: nobody is asked, and nobody credited."""
    desk = Neighbours()
    desk.done(desk.pk.command(SWIFT_FX, "release-funds", message.Release("KZ", "49900000.00")))
    desk.carry()
    kept = copy(desk.kz.store)
    desk.done(desk.kz.run(PlaceOrders((Move("out", SET_ASIDE, "external:KZT", 1_000_00),)))[0])
    case_id = desk.order(amount="57000.00", priority="NORM")
    desk.carry()
    assert desk.states(case_id) == ("rejected", None)
    desk.lose("KZ", kept)
    desk.carry()
    assert desk.states(case_id) == ("rejected", None)
    desk.is_whole()
