"""The payments counter learns from the commits themselves what waits and what has ended."""

import asyncio

from tests.unit.engine.test_recent import credit, ordered
from tests.unit.services.payments.desk import HALYK, HBL, Desk
from tests.unit.services.payments.test_bulk import answer, order

from darwaza.entry.till import Till


def counter(land):
    """The counter of a gateway, told of every commit."""
    till = Till(land.store, land.engine.site.clock.now)
    land.engine.site.watchers.append(till.follow)
    return till


def test_a_bank_sees_the_credits_that_came_before_it_asked_and_after():
    desk = Desk()
    till, first = counter(desk.kz), ordered(desk)
    assert till.credits(HALYK) == [first]
    second = ordered(desk)
    assert till.credits(HALYK) == [first, second]
    credit(desk, first)
    assert till.credits(HALYK) == [second]
    till.answered(HALYK, second)
    assert till.credits(HALYK) == []


def test_a_bulk_is_struck_off_when_its_last_payment_is_answered_and_not_before():
    """Also when its bank never looks again: what it has answered is kept for nobody."""
    desk = Desk()
    till = counter(desk.kz)
    assert till.credits(HALYK) == []
    case_id = order(desk, size=2)
    for number, left in ((1, [case_id]), (2, [])):
        desk.done(answer(desk, case_id, number))
        assert till.credits(HALYK) == left


def test_who_waits_for_an_end_is_told_by_the_commit_that_brings_it():
    desk = Desk()
    till = counter(desk.pk)

    async def pay():
        case_id = ordered(desk)
        waiting = asyncio.ensure_future(till.ended(HBL, case_id, 60.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        credit(desk, case_id)
        return await waiting

    assert asyncio.run(pay()) == "payment.settled"


def test_nobody_waits_longer_than_was_asked():
    till = counter(Desk().pk)
    assert asyncio.run(till.ended(HBL, "a case that never ends", 0.001)) == ""
