"""Where the money does not suffice for a bulk, what it does for goes, and the rest is told as single payments are."""

from tests.unit.services.payments.desk import HBL, Desk
from tests.unit.services.payments.test_bulk import SIZE, answer, documents, remit, states

from darwaza.engine.intake import PlaceOrders, Submit
from darwaza.kernel.machine import Refusal
from darwaza.ledger.order import Move
from darwaza.services.payments import message

POSITION = "position:PK/hbl:PKR"
ABROAD = "abroad:PK/fx-swift:KZ:KZT"


def leave(desk, minor, account=POSITION, other="external:PKR"):
    """Take money out until so much may still be spent."""
    out = Move("out", account, other, desk.pk.available(account) - minor)
    desk.done(desk.pk.run(PlaceOrders((out,)))[0])


def debits(*numbers):
    """What these payments of the bulk debit: 1001.01, 1002.01 and so on."""
    return sum(1000_01 + 100 * number for number in numbers)


def codes(done):
    return [code for _, code, _, _ in done.answer["refused"]]


def test_payments_go_in_their_order_as_far_as_the_position_goes():
    """To the last minor unit; each of the rest has the code of a single payment."""
    desk = Desk()
    given = documents(desk)
    leave(desk, debits(1, 2, 3))
    done = desk.done(remit(desk, given))
    assert codes(done) == ["floor_crossed"] * 2
    assert desk.pk.available(POSITION) == 0
    desk.carry()
    assert states(desk.kz, done.case_id) == ["asked"] * 3
    desk.done(answer(desk, done.case_id, 1, 2, 3))
    desk.carry()
    assert desk.pk.balance(POSITION) == 0
    desk.check()


def test_a_smaller_one_after_what_is_too_large_goes():
    desk = Desk()
    given = documents(desk)
    given = (*given[3:], *given[:3])
    leave(desk, debits(4, 1) + 50)
    done = desk.done(remit(desk, given))
    assert codes(done) == ["floor_crossed"] * 3
    _, bulk = desk.pk.case(done.case_id)
    assert [entry.amounts[0] for entry in bulk.entries] == [debits(4), debits(1)]
    assert desk.pk.available(POSITION) == 50


def test_without_money_for_any_the_same_bulk_may_come_again():
    """Nothing is kept of it: with money it goes."""
    desk = Desk()
    given = documents(desk)
    leave(desk, 1)
    none = remit(desk, given)
    assert isinstance(none, Refusal)
    assert (none.code, none.transient) == ("floor_crossed", True)
    fund = Move("in", "external:PKR", POSITION, debits(1, 2, 3, 4, 5))
    desk.done(desk.pk.run(PlaceOrders((fund,)))[0])
    assert codes(desk.done(remit(desk, given))) == []


def test_the_providers_money_abroad_goes_to_the_first_as_well():
    """It is taken up payment by payment; what it does not cover nobody offers, as of a single payment."""
    desk = Desk()
    given = documents(desk)
    twin = Desk()
    amounts = twin.pk.case(twin.done(remit(twin, documents(twin))).case_id)[1].entries
    leave(desk, sum(entry.amounts[3] for entry in amounts[:2]), ABROAD, "mirror:KZ:KZT")
    done = desk.done(remit(desk, given))
    assert codes(done) == ["no_offer"] * (SIZE - 2)
    assert desk.pk.available(ABROAD) == 0


def test_each_bulk_of_a_batch_finds_what_the_former_left():
    """Two in one transaction may not spend the same money."""
    desk = Desk()
    first, second = documents(desk), documents(desk)
    leave(desk, debits(1, 2, 3, 4, 5) + debits(1))
    done = [desk.done(one) for one in both(desk, first, second)]
    assert [len(codes(one)) for one in done] == [0, 4]
    assert desk.pk.available(POSITION) == 0


def both(desk, *given):
    orders = [message.RemitBulk(desk.market, one) for one in given]
    return desk.pk.run(
        *(Submit(HBL, frozenset(), "payments", "remit-bulk", f"k{n}", b"%d" % n, one) for n, one in enumerate(orders))
    )
