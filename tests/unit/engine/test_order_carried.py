"""Order within a case where sticks carry the links, where log keys are renewed, and where disks are lost on a route."""

from io import BytesIO
from itertools import permutations

import pytest
from tests.unit.engine.chain import Chain
from tests.unit.engine.test_order import NEIGHBOURS, lost, overtaken, waiting

from darwaza.engine import carry
from darwaza.engine.intake import Adopt, Report
from darwaza.kernel import carrier

__all__ = ["lost"]  # a fixture


def stick(chain, author, reader):
    """Write what a gateway has for a neighbour to a file, as ``darwaza link export`` does."""
    engine, file = chain.engines[author], BytesIO()
    for given in carry.exposures(engine, reader):
        chain.one(author, given)
    carrier.write(file, carry.head(engine, reader))
    for item in carry.items(engine, reader):
        carrier.write(file, item)
    return file.getvalue()


def bring(chain, reader, raw, arrange=list):
    """Read a file, as ``darwaza link import`` does; its items may come in any order."""
    file = BytesIO(raw)
    carry.check_head(chain.engines[reader], carrier.read_head(file))
    for item in arrange(list(carrier.read_items(file))):
        chain.one(reader, carry.given(item))


def carry_by_stick(chain, arrange=list):
    """No link works: sticks alone go from everybody to everybody, until nothing new is on them."""
    ways = sorted({(log.author, log.reader) for code in chain.stores for log in chain.stores[code].logs()})
    for _ in range(6):
        for one, other in ways:
            bring(chain, other, stick(chain, one, other), arrange)
        for code in chain.engines:
            chain.one(code, Report())


@pytest.mark.parametrize("turn", range(6))
def test_a_stick_keeps_the_order_whichever_of_its_items_is_read_first(turn):
    """A large one, an ordinary one and a large one stand in two lanes; a second reading changes nothing."""
    chain = Chain(NEIGHBOURS, {})
    case_id, _ = chain.write("KZ/trader", "UZ/agency", "a", bulk=True)
    chain.write("KZ/trader", "UZ/agency", "b", case_id)
    chain.write("KZ/trader", "UZ/agency", "c", case_id, bulk=True)
    raw = stick(chain, "KZ", "UZ")

    def arrange(items):
        orders = list(permutations(items))
        return orders[turn % len(orders)]

    for _ in range(2):
        bring(chain, "UZ", raw, arrange)
        assert (chain.diary("UZ", case_id).read, waiting(chain, "UZ")) == (("a", "b", "c"), 0)
    chain.check()


def test_the_first_comes_by_stick_after_its_follower_came_over_the_network():
    """The network has carried one lane when it is cut; the stick brings the other."""
    chain = Chain(NEIGHBOURS, {})
    chain.settle()
    case_id, _ = chain.write("KZ/trader", "UZ/agency", "a", bulk=True)
    chain.write("KZ/trader", "UZ/agency", "b", case_id)
    (ordinary,) = [one for one in chain.logs() if "KZ-to-UZ/0" in one]
    chain.carry_log(ordinary)
    assert (chain.diary("UZ", case_id).read, waiting(chain, "UZ")) == ((), 1)
    bring(chain, "UZ", stick(chain, "KZ", "UZ"))
    assert (chain.diary("UZ", case_id).read, waiting(chain, "UZ")) == (("a", "b"), 0)
    chain.check()


@pytest.mark.parametrize("arrange", [list, lambda items: items[::-1]], ids=["as written", "last first"])
def test_a_route_of_sticks_keeps_the_order(arrange, lost):
    """Almaty to Karachi with no network at all, and the first two vanish at a relay: all three in order."""
    chain = Chain()
    case_id, first = chain.write("KZ/trader", "PK/agency", "a")
    _, second = chain.write("KZ/trader", "PK/agency", "b", case_id)
    chain.write("KZ/trader", "PK/agency", "c", case_id)
    lost.update((first, second))
    carry_by_stick(chain, arrange)
    assert (chain.diary("PK", case_id).read, waiting(chain)) == ((), 1)
    lost.clear()
    for _ in range(2):
        chain.wait(60)
        carry_by_stick(chain, arrange)
    assert (chain.diary("PK", case_id).read, waiting(chain)) == (("a", "b", "c"), 0)
    chain.check()


def renew_log_key(chain, code):
    """A member's log key is renewed while messages are under way, and everybody goes by it."""
    chain.world.clock.advance(60)
    raw = chain.world.renew_log_key(code)
    for each in chain.engines:
        chain.one(each, Adopt(raw))


@pytest.mark.parametrize("renewed", ["KZ", "UZ", "PK"])
@pytest.mark.parametrize("loses", ["", "KZ", "UZ", "AF", "PK"])
def test_order_over_a_renewed_log_key_and_a_lost_disk(renewed, loses, lost):
    """The first vanishes; origin, relay or destination renews its key and perhaps somebody loses its disk: in order."""
    chain = Chain()
    case_id, _ = overtaken(chain, lost)
    renew_log_key(chain, renewed)
    if loses:
        chain.lose_disk(loses)
    lost.clear()
    for _ in range(3):
        chain.carry()
        chain.wait(60)
    chain.write("KZ/trader", "PK/agency", "c", case_id)
    chain.carry()
    assert (chain.diary("PK", case_id).read, waiting(chain)) == (("a", "b", "c"), 0)
    chain.check()


def test_a_renewed_key_proves_no_link_to_who_has_not_signed_for_it_before(lost):
    """A letter is under way when its origin renews its key: the proof by the former key is put aside, a copy comes."""
    chain = Chain()
    chain.settle()
    case_id, _ = chain.write("KZ/trader", "PK/agency", "a")
    (first_link,) = [one for one in chain.logs() if "KZ-to-UZ/0" in one]
    chain.carry_log(first_link)
    renew_log_key(chain, "KZ")
    chain.carry()
    assert chain.diary("PK", case_id).read == ()
    assert {row.code for row in chain.stores["AF"].quarantined(9)} == {"signature_missing"}
    for _ in range(3):
        chain.wait(60)
        chain.carry()
    assert chain.diary("PK", case_id).read == ("a",)
    chain.lose_disk("AF")
    chain.carry()
    assert {row.code for row in chain.stores["AF"].quarantined(9)} <= {"signature_missing"}
    assert chain.diary("PK", case_id).read == ("a",)
    chain.check()
