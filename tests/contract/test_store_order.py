"""Order within a case outlives a restart on every store, of the sender's gateway and of the reader's."""

import pytest
from tests.unit.engine.chain import Chain
from tests.unit.engine.test_order import WEEK_S, lost

from darwaza.engine import order
from darwaza.testing.statement import link_states

__all__ = ["lost"]  # a fixture
ENDS = ["KZ", "PK"]


@pytest.fixture(params=ENDS)
def chain(request, reopen):
    """Five gateways, of which one end runs on the store that is looked at."""
    made = Chain()
    made.looked_at = request.param
    made.stores[request.param] = reopen()
    made.start(request.param)
    return made


def overtaken(chain, lost):
    """Three entries from Almaty to Karachi, of which the last comes first; the gateway then starts anew."""
    case_id, first = chain.write("KZ/trader", "PK/agency", "a")
    _, second = chain.write("KZ/trader", "PK/agency", "b", case_id)
    chain.write("KZ/trader", "PK/agency", "c", case_id)
    lost.update((first, second))
    chain.carry()
    assert chain.diary("PK", case_id).read == ()
    return case_id


def restart(chain, reopen):
    chain.stores[chain.looked_at] = reopen()
    chain.start(chain.looked_at, seed=1)
    assert len(chain.engines["PK"].site.order.early) == 1


def come_through(chain, lost):
    """Nothing is lost any more, and everything is sent until it has come."""
    lost.clear()
    for state in link_states(chain.world):
        for engine in chain.engines.values():
            engine.site.routing.learn(state)
    for _ in range(3):
        chain.wait(700)
        chain.carry()


def test_what_waits_and_what_is_sent_again_keep_their_order(chain, lost, reopen):
    """After the restart the two that vanished are sent again, and one more is written: all four in order."""
    case_id = overtaken(chain, lost)
    restart(chain, reopen)
    chain.write("KZ/trader", "PK/agency", "d", case_id)
    lost.clear()
    for _ in range(3):
        chain.wait(60)
        chain.carry()
    assert chain.diary("PK", case_id).read == tuple("abcd")
    assert not chain.engines["PK"].site.order.early
    chain.check()


def test_what_a_case_has_passed_is_refused_after_a_restart_too(chain, lost, reopen):
    """Nobody waits longer than a week; what comes later and was sent before is refused, and its sender told."""
    case_id = overtaken(chain, lost)
    restart(chain, reopen)
    chain.wait(WEEK_S)
    assert chain.diary("PK", case_id).read == ("c",)
    chain.stores[chain.looked_at] = reopen()
    chain.start(chain.looked_at, seed=2)
    come_through(chain, lost)
    assert chain.diary("PK", case_id).read == ("c",)
    assert chain.diary("KZ", case_id).returned == ("overtaken", "overtaken")
    chain.check()


def test_what_many_cases_have_passed_is_refused_although_few_of_them_are_kept_in_memory(
    chain, lost, reopen, monkeypatch
):
    """Before a restart and after it: the first of three cases that were passed is refused like the last."""
    monkeypatch.setattr(order, "PASSED_KEPT_MAX", 2)
    cases = [overtaken(chain, lost) for _ in range(3)]
    chain.wait(WEEK_S)
    assert len(chain.engines["PK"].site.order.passed) == 2
    chain.stores[chain.looked_at] = reopen()
    chain.start(chain.looked_at, seed=1)
    assert len(chain.engines["PK"].site.order.passed) == 2
    come_through(chain, lost)
    for case_id in cases:
        assert chain.diary("PK", case_id).read == ("c",)
        assert chain.diary("KZ", case_id).returned == ("overtaken", "overtaken")
    assert len(chain.engines["PK"].site.order.passed) == 2
    chain.check()
