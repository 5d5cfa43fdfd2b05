"""After a loss, beside relays: nothing is decided before every neighbour that may know has said what it was told."""

import pytest
from tests.unit.services.payments.desk import decides_nothing
from tests.unit.services.payments.test_bulk_relay import RelayedDesk, copy

PAST_ALL_ANSWERS_S = 40
"""Longer than a bank may take to answer (``PLAN``), shorter than a gateway waits for its neighbours (``MEET_S``)."""


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
