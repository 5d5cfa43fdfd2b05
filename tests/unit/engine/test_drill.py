"""A drill on a running corridor: traffic takes other ways, nothing is lost, and the report says what happened."""

from tests.unit.engine.chain import Chain

from darwaza.engine.drill import Drills
from darwaza.engine.intake import Reroute
from darwaza.engine.voyage import DELIVERED

OVER_AF, OVER_CN = "KZ-UZ-AF-PK", "KZ-CN-PK"


def offer(chain, count):
    return [chain.offer("KZ/trader", "PK/agency", b"%d" % number)[1] for number in range(count)]


def test_a_drill_moves_traffic_and_reports_it():
    """What was under way moves, what is sent meanwhile goes round, what is sent afterwards goes the old way."""
    chain = Chain()
    drills = Drills(chain.engines["KZ"].site)
    before = offer(chain, 2)
    assert chain.path("KZ", before[0]) == tuple(OVER_AF.split("-"))
    drills.cut("AF", 60)
    assert chain.one("KZ", Reroute()) == 2
    during = offer(chain, 3)
    assert {chain.path("KZ", one) for one in (*before, *during)} == {tuple(OVER_CN.split("-"))}
    chain.carry()
    assert {chain.state("KZ", one) for one in (*before, *during)} == {DELIVERED}
    (told,) = drills.all()
    assert (told.under_way, told.sent, told.moved, told.delivered, told.undeliverable, told.waiting) == (
        2,
        3,
        2,
        5,
        0,
        0,
    )
    assert told.paths == {OVER_CN: 5}
    chain.wait(61)
    drills.look()
    after = offer(chain, 1)
    assert chain.path("KZ", after[0]) == tuple(OVER_AF.split("-"))
    chain.carry()
    (told,) = drills.all()
    assert (told.state, told.sent, told.delivered) == ("over", 3, 5)
    chain.check()


def test_others_find_another_way_round_a_drill():
    """A relay that holds a drill gives back what it would carry to the dark member; its origin sends it elsewhere."""
    chain = Chain()
    (message_id,) = offer(chain, 1)
    Drills(chain.engines["UZ"].site).cut("AF", 60)
    chain.carry()
    assert chain.state("KZ", message_id) == DELIVERED
    assert [header.path for header in chain.headers("KZ", "CN") if header.id == message_id] == [("KZ", "CN", "PK")]
    chain.check()
