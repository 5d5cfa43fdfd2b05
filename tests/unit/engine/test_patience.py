"""When and where a letter is sent again: patience grows with silence alone, and no copy is taken for another."""

from tests.unit.engine.chain import Chain

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.intake import Reroute
from darwaza.engine.voyage import DELIVERED
from darwaza.kernel.health import Condition, Measure


def tries(chain, message_id):
    return len(chain.engines["KZ"].site.fleet.voyages[message_id].tries)


def test_paths_that_break_under_a_letter_do_not_make_its_origin_patient():
    """Moved to and fro by flapping links, a letter is sent again as soon as any other of which nothing is heard."""
    chain = Chain()
    chain.settle()
    _, message_id = chain.offer("KZ/trader", "PK/agency")
    routing = chain.engines["KZ"].site.routing
    for dark, bright in (("UZ", "CN"), ("CN", "UZ")) * 3:
        routing.measured(bright, Measure(Condition.UP, 0, 0))
        routing.measured(dark, Measure(Condition.DOWN, 0, 1_000_000))
        assert chain.one("KZ", Reroute()) == 1
    routing.measured("CN", Measure(Condition.UP, 0, 0))
    assert tries(chain, message_id) == 7
    chain.wait(7)
    assert tries(chain, message_id) == 8
    chain.wait(7)  # it was silent once: now it waits twice as long
    assert tries(chain, message_id) == 8
    chain.wait(7)
    assert tries(chain, message_id) == 9
    chain.carry()
    assert chain.state("KZ", message_id) == DELIVERED
    chain.check()


def test_the_copy_that_went_round_is_sent_straight_when_no_other_is_left():
    """The log to a neighbour was lost with the disk; what a third member gives back reaches it all the same."""
    chain = Chain((("KZ", "UZ"), ("KZ", "CN"), ("CN", "UZ")), {})
    chain.settle()
    routing = chain.engines["KZ"].site.routing
    routing.measured("UZ", Measure(Condition.DOWN, 0, 1_000_000))
    case_id, message_id = chain.offer("KZ/trader", "UZ/agency")
    assert chain.path("KZ", message_id) == ("KZ", "CN", "UZ")
    logs = chain.logs
    chain.logs = lambda: (origin for origin in logs() if "-to-UZ" not in origin)
    chain.carry()
    chain.lose_disk("KZ")
    assert chain.path("KZ", message_id) == ("KZ", "CN", "UZ")
    chain.logs = lambda: (origin for origin in logs() if "CN-to-UZ" not in origin)
    chain.wait(7)
    assert chain.path("KZ", message_id) == ("KZ", "UZ")
    chain.carry()
    assert chain.state("UZ", case_id) == "arrived"
    assert chain.state("KZ", message_id) == DELIVERED
    chain.logs = logs
    chain.carry()
    assert chain.state("UZ", case_id) == "arrived"
    chain.check()


def test_what_had_to_step_aside_is_reported_when_it_has_its_place():
    """A relay that lost its disk hands on before it knows what it had said; once all has its place, origins hear."""
    chain = Chain()
    chain.offer("KZ/trader", "PK/agency", b"before")
    chain.carry()
    chain.stores["UZ"] = MemoryStore()
    chain.start("UZ", seed=1)
    logs = chain.logs
    chain.logs = lambda: (origin for origin in logs() if "AF" not in origin)
    chain.restore("UZ")
    _, message_id = chain.offer("KZ/trader", "PK/agency", b"after")
    chain.carry()
    assert chain.engines["UZ"].site.owed
    chain.logs = logs
    chain.restore("UZ")
    chain.dark.add("PK")  # so that nothing but what UZ and AF say is heard
    chain.carry()
    assert chain.engines["UZ"].site.owed == []
    assert chain.engines["KZ"].site.fleet.voyages[message_id].passed >= 1
    chain.dark.clear()
    chain.carry()
    assert chain.state("KZ", message_id) == DELIVERED
    chain.check()


def test_a_map_that_keeps_changing_puts_no_attempt_off():
    """A letter vanished, and the only way it may take comes and goes: it is sent again as if it stayed."""
    chain = Chain()
    chain.settle()
    _, message_id = chain.offer("KZ/trader", "PK/agency", path_policy="avoid CN")
    chain.dark.add("AF")
    chain.carry(reports=False)
    routing = chain.engines["KZ"].site.routing
    for condition in (Condition.DOWN, Condition.UP) * 5:
        routing.measured("UZ", Measure(condition, 0, 0))
        chain.one("KZ", Reroute())
        chain.wait(1)  # never as long without a change of the map as a letter may stay silent
    assert tries(chain, message_id) == 2
    chain.dark.clear()
    chain.carry()
    assert chain.state("KZ", message_id) == DELIVERED
    chain.check()
