"""After a loss, beside relays: nothing is decided before every neighbour that may know has said what it was told."""

import pytest
from tests.unit.services.payments.test_bulk_relay import RelayedDesk, copy

from darwaza.engine.intake import Wake
from darwaza.errors import PushbackError

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
    land = desk.lands[side]
    desk.chain.stores[side] = old[side]
    desk.chain.start(side, seed=1)
    kept = land.state(case_id)
    desk.world.clock.advance(PAST_ALL_ANSWERS_S)
    land.run(Wake(512))
    assert land.state(case_id) == kept
    words = {"KZ": lambda: desk.reject(case_id), "PK": desk.quote}
    refused = words[side]()
    assert isinstance(refused, PushbackError)
    assert refused.code == "catching_up"
    desk.chain.restore(side)
    desk.carry()
    desk.wait(5)
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    desk.chain.check()
