"""A gateway that lost its disk hears no neighbour before that has said what it was told, and why."""

from datetime import timedelta

import pytest

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine import recovery
from darwaza.errors import PushbackError
from darwaza.kernel.naming import Lane

from .chain import Chain


def lost():
    """UZ/agency took over in time what KZ offered it; UZ has lost its disk since, and the time is over."""
    chain = Chain((("KZ", "UZ"),), {})
    chain.settle()
    expires_at = chain.world.clock.now() + timedelta(seconds=60)
    case_id, _ = chain.offer("KZ/trader", "UZ/agency", expires_at=expires_at)
    chain.carry()
    chain.world.clock.advance(1)
    chain.accept("UZ/agency", case_id)
    chain.carry()
    assert (chain.state("KZ", case_id), chain.state("UZ", case_id)) == ("handed-over", "handed-over")
    chain.stores["UZ"] = MemoryStore()
    chain.world.clock.advance(600)
    chain.start("UZ", seed=1)
    return chain, case_id


def hear(chain):
    return chain.carry_log(Lane(chain.world.document.name, "KZ", "UZ", 0).origin)


def refusals(chain):
    return [one for one in chain.headers("UZ", "KZ") if one.kind == "documents.refused"]


def test_a_neighbour_is_heard_when_it_has_said_what_it_was_told():
    """Until then it is asked to come again, and nothing changes; then what UZ had said stands, at both ends."""
    chain, case_id = lost()
    before = chain.stores["UZ"].copy()
    with pytest.raises(PushbackError) as pushed:
        hear(chain)
    assert pushed.value.code == "catching_up"
    assert chain.stores["UZ"]._tables == before._tables
    chain.restore("UZ")
    assert hear(chain) == 2
    chain.carry()
    assert refusals(chain) == []
    assert (chain.state("KZ", case_id), chain.state("UZ", case_id)) == ("handed-over", "handed-over")
    assert chain.stores["UZ"].given_back_count() == 0
    chain.check()


def test_whoever_listens_before_contradicts_what_it_had_said(monkeypatch):
    """The same life catches a gateway that listens at once: it refuses as expired what it had handed over in time."""
    monkeypatch.setattr(recovery, "check_caught_up", lambda engine, unit, peer: None)
    chain, case_id = lost()
    assert hear(chain) == 2
    chain.restore("UZ")
    chain.carry()
    assert len(refusals(chain)) == 1
    assert (chain.state("KZ", case_id), chain.state("UZ", case_id)) == ("handed-over", None)
    assert chain.stores["UZ"].given_back_count() == 1
