"""What one case sends to one member is processed in the order it was sent, whatever overtakes what on the way."""

from datetime import timedelta

import pytest
from tests.unit.engine.chain import LINKS, SLOW, Chain

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.engine import order
from darwaza.engine.arrival import Arriving
from darwaza.engine.forwarding import Forwarding
from darwaza.engine.intake import Reroute, Submit
from darwaza.engine.routing import SETTLES_AFTER
from darwaza.engine.voyage import DELIVERED, EXPIRED, UNDELIVERABLE, UNDER_WAY
from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.machine import Refusal
from darwaza.kernel.naming import Lane
from darwaza.testing import diary
from darwaza.testing.statement import link_states

NEIGHBOURS = (("KZ", "UZ"), ("KZ", "CN"), ("CN", "UZ"))
WEEK_S = 7 * 86_400 + 1


@pytest.fixture
def lost(monkeypatch):
    """Ids of messages that vanish at relays, whoever they are."""
    ids = set()
    relay = Forwarding.relay

    def dropping(self, passage, index):
        if passage.message.id not in ids:
            relay(self, passage, index)

    monkeypatch.setattr(Forwarding, "relay", dropping)
    return ids


@pytest.fixture
def refused(monkeypatch):
    """Ids of messages that relays refuse to hand on."""
    ids = set()
    refusal = Forwarding._refusal

    def refusing(self, passage):
        return Refusal("not_by_us", "we do not") if passage.message.id in ids else refusal(self, passage)

    monkeypatch.setattr(Forwarding, "_refusal", refusing)
    return ids


def waiting(chain, code="PK"):
    return len(chain.engines[code].site.order.early)


def overtaken(chain, lost, texts="ab", **terms):
    """Entries from Almaty to Karachi, of which all but the last vanish on the way; ids of the case and of them."""
    case_id, first = chain.write("KZ/trader", "PK/agency", texts[0], **terms)
    ids = [first, *(chain.write("KZ/trader", "PK/agency", text, case_id)[1] for text in texts[1:])]
    lost.update(ids[:-1])
    chain.carry()
    assert chain.state("KZ", ids[-1]) == DELIVERED
    assert chain.diary("PK", case_id).read == ()
    return case_id, ids


def settled():
    """Gateways that have listened long enough to know that no other path is left."""
    chain = Chain()
    chain.settle()
    chain.wait(SETTLES_AFTER.total_seconds())
    return chain


def renew(chain):
    """State the links anew: what was stated before has expired."""
    for state in link_states(chain.world, SLOW):
        for engine in chain.engines.values():
            engine.site.routing.learn(state)


def cut(chain, *ends):
    """Let nothing pass over a link, and nobody notice; returns what mends it."""
    whole = chain.logs
    chain.logs = lambda: (one for one in whole() if {Lane.parse(one).author, Lane.parse(one).reader} != set(ends))
    return lambda: setattr(chain, "logs", whole)


def carry_lane(chain, author, reader, number):
    chain.settle()
    return chain.carry_log(Lane(chain.world.document.name, author, reader, number).origin)


def test_message_sent_again_over_another_path_comes_before_its_follower(lost):
    """One vanishes at a relay, the next arrives: it waits until the first, sent again by another path, has come."""
    chain = Chain()
    case_id, (first, second) = overtaken(chain, lost)
    assert (waiting(chain), chain.state("KZ", first)) == (1, UNDER_WAY)
    lost.clear()
    chain.wait(7)
    assert chain.path("KZ", first) == ("KZ", "CN", "PK")
    chain.carry()
    assert chain.diary("PK", case_id).read == ("a", "b")
    assert waiting(chain) == 0
    assert chain.state("KZ", second) == DELIVERED
    chain.check()


def test_a_chain_of_followers_is_processed_in_the_order_sent(lost):
    """Five messages, of which the first comes last: all in order, and so again after the destination's loss."""
    chain = Chain()
    case_id, ids = overtaken(chain, lost, "abcde")
    lost -= set(ids[1:])
    for _ in range(3):
        chain.wait(7)
        chain.carry()
    assert chain.diary("PK", case_id).read == ()
    assert waiting(chain) == 4
    lost.clear()
    chain.wait(60)
    chain.carry()
    assert chain.diary("PK", case_id).read == tuple("abcde")
    chain.lose_disk("PK")
    chain.carry()
    assert chain.diary("PK", case_id).read == tuple("abcde")
    chain.check()


def test_without_the_hold_a_follower_would_be_processed_first(lost, monkeypatch):
    """The mutant: whoever removes the hold fails these tests."""
    monkeypatch.setattr(
        Arriving, "take_in_order", lambda self, header, body, _place: self._delivery.give(header, body, may_wait=False)
    )
    chain = Chain()
    with pytest.raises(AssertionError):
        overtaken(chain, lost)


@pytest.mark.parametrize("bulk", [(True, False, False), (False, True, False), (True, False, True)])
def test_lanes_do_not_overtake_one_another(bulk):
    """Whichever lane of a link is carried first, a case's messages are processed as they were sent."""
    for lanes in ((0, 1), (1, 0)):
        chain = Chain(NEIGHBOURS, {})
        chain.settle()
        case_id, _ = chain.write("KZ/trader", "UZ/agency", "a", bulk=bulk[0])
        for text, large in zip("bc", bulk[1:], strict=True):
            chain.write("KZ/trader", "UZ/agency", text, case_id, bulk=large)
        for lane in lanes:
            carry_lane(chain, "KZ", "UZ", lane)
            assert list(chain.diary("UZ", case_id).read) == sorted(chain.diary("UZ", case_id).read)
        assert chain.diary("UZ", case_id).read == ("a", "b", "c")
        assert waiting(chain, "UZ") == 0
        chain.check()


def test_ordinary_message_waits_for_the_large_one_also_after_a_restart_of_the_sender():
    """What the sender's gateway forgot with its process its store remembers."""
    chain = Chain(NEIGHBOURS, {})
    chain.settle()
    case_id, _ = chain.write("KZ/trader", "UZ/agency", "a", bulk=True)
    chain.start("KZ", seed=1)
    chain.write("KZ/trader", "UZ/agency", "b", case_id)
    carry_lane(chain, "KZ", "UZ", 0)
    assert chain.diary("UZ", case_id).read == ()
    chain.carry()
    assert chain.diary("UZ", case_id).read == ("a", "b")


def test_nearly_every_message_follows_nothing():
    """In one lane the log keeps the order, and what has been signed for is there: neither needs a field."""
    chain = Chain(NEIGHBOURS, {})
    chain.settle()
    case_id, _ = chain.write("KZ/trader", "UZ/agency", "a")
    chain.write("KZ/trader", "UZ/agency", "b", case_id)
    chain.carry()
    chain.write("KZ/trader", "UZ/agency", "c", case_id, bulk=True)
    chain.carry()
    chain.write("KZ/trader", "UZ/agency", "d", case_id)
    chain.carry()
    assert [header.follows for header in chain.headers("KZ", "UZ")] == [None] * 6
    routed = Chain()
    case_id, first = routed.write("KZ/trader", "PK/agency", "a")
    routed.write("KZ/trader", "PK/agency", "b", case_id)
    routed.carry()
    routed.write("KZ/trader", "PK/agency", "c", case_id)
    found = [header.follows for header in routed.headers("KZ", "UZ") if header.kind == "diary.entry"]
    assert found == [None, first, None]


def test_copies_round_a_dead_link_keep_the_order(lost):
    """What waited for a neighbour goes round it; one copy vanishes, and the others wait, till the link works again."""
    chain = Chain(NEIGHBOURS, {})
    chain.settle()
    case_id, first = chain.write("KZ/trader", "UZ/agency", "a")
    chain.write("KZ/trader", "UZ/agency", "b", case_id, bulk=True)
    chain.write("KZ/trader", "UZ/agency", "c", case_id)
    lost.add(first)
    chain.engines["KZ"].site.routing.measured("UZ", Measure(Condition.DOWN, 0, 1_000_000))
    assert chain.one("KZ", Reroute()) == 3
    chain.write("KZ/trader", "UZ/agency", "d", case_id)
    logs = chain.logs
    chain.logs = lambda: (one for one in logs() if "KZ-to-UZ" not in one)
    chain.carry()
    assert chain.diary("UZ", case_id).read == ()
    assert waiting(chain, "UZ") == 3
    chain.logs = logs
    chain.carry()
    assert chain.diary("UZ", case_id).read == tuple("abcd")
    chain.check()


def write_in_one_batch(chain, *before, to, text, case_id):
    """Write an entry in the batch that handles other inputs first; returns its id."""
    body = diary.Write(to, text)
    wish = Submit("KZ/trader", frozenset(), "diary", "write", "", b"", body, case_id)
    *_, accepted = chain.engines["KZ"].run([*before, wish])
    return accepted.message_ids[0]


@pytest.mark.parametrize("links", [LINKS, NEIGHBOURS], ids=["over others", "between neighbours"])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_sent_while_others_are_sent_again_follows_the_newest(links, restarts):
    """Two are sent again another way, and a third sent in the same batch: it follows the second and not the first."""
    chain, reader = Chain(links), "PK" if links is LINKS else "UZ"
    chain.settle()
    case_id, _ = chain.write("KZ/trader", reader + "/agency", "a")
    _, second = chain.write("KZ/trader", reader + "/agency", "b", case_id)
    if restarts:
        chain.start("KZ", seed=1)
    chain.engines["KZ"].site.routing.measured("UZ", Measure(Condition.DOWN, 0, 1_000_000))
    third = write_in_one_batch(chain, Reroute(), to=reader + "/agency", text="c", case_id=case_id)
    sent = {header.id: header.follows for header in chain.headers("KZ", "CN")}
    assert sent[third] == second
    chain.carry()
    assert chain.diary(reader, case_id).read == ("a", "b", "c")


def test_undeliverable_predecessor_frees_its_follower(lost, refused):
    """Every relay refuses the first: it returns to its sender, and a copy tells the destination not to wait."""
    chain = settled()
    case_id, first = chain.write("KZ/trader", "PK/agency", "a")
    _, second = chain.write("KZ/trader", "PK/agency", "b", case_id)
    refused.add(first)
    chain.carry(rounds=3, reports=False)
    assert waiting(chain) == 1
    chain.carry()
    chain.carry()
    assert chain.state("KZ", first) == UNDELIVERABLE
    assert chain.diary("KZ", case_id).returned == ("undeliverable",)
    assert chain.diary("PK", case_id).read == ("b",)
    assert waiting(chain) == 0
    assert chain.state("KZ", second) == DELIVERED
    chain.check()


def test_copy_that_frees_is_sent_until_it_has_come(lost, refused):
    """The freeing copy vanishes too: it is under way until the destination has signed for that very copy."""
    chain = settled()
    case_id, first = chain.write("KZ/trader", "PK/agency", "a")
    _, second = chain.write("KZ/trader", "PK/agency", "b", case_id)
    refused.add(first)
    chain.carry(rounds=3, reports=False)
    lost.add(second)
    chain.carry()
    chain.carry()
    assert (chain.state("KZ", first), chain.state("KZ", second)) == (UNDELIVERABLE, UNDER_WAY)
    assert chain.diary("PK", case_id).read == ()
    chain.start("KZ", seed=1)
    lost.clear()
    chain.wait(7)
    chain.carry()
    assert chain.diary("PK", case_id).read == ("b",)
    assert chain.state("KZ", second) == DELIVERED
    chain.check()


def test_copy_that_frees_waits_out_a_cut_link(refused):
    """The link that the freeing copy was sent over is cut: it goes another way, and the destination's word counts."""
    chain = settled()
    case_id, first = chain.write("KZ/trader", "PK/agency", "a")
    _, second = chain.write("KZ/trader", "PK/agency", "b", case_id)
    refused.add(first)
    chain.carry(rounds=3, reports=False)
    mend = cut(chain, "AF", "UZ")
    chain.carry()
    chain.carry()
    assert chain.state("KZ", first) == UNDELIVERABLE
    mend()
    for _ in range(3):
        chain.carry()
        chain.wait(7)
    assert chain.diary("PK", case_id).read == ("b",)
    assert chain.state("KZ", second) == DELIVERED
    chain.check()


def test_expired_predecessor_frees_its_follower(lost):
    """The first vanishes for good and expires: a day later its sender gives it up, and its follower is processed."""
    chain = Chain()
    expires_at = chain.world.clock.now() + timedelta(seconds=60)
    case_id, (first, _) = overtaken(chain, lost, expires_at=expires_at)
    chain.wait(3_600)
    chain.carry()
    assert chain.diary("PK", case_id).read == ()
    renew(chain)
    chain.wait(86_400)
    renew(chain)
    assert chain.state("KZ", first) == EXPIRED
    chain.wait(7)
    chain.carry()
    assert chain.diary("PK", case_id).read == ("b",)
    chain.check()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_waits_outlives_a_restart(kind, lost, tmp_path):
    """Both gateways start anew while a message waits: it still waits, and is processed in its turn."""
    chain = Chain()
    if kind == "sqlite":
        chain.stores["PK"] = SqliteStore.create(tmp_path / "pk.db")
        chain.start("PK")
    case_id, _ = overtaken(chain, lost)
    if kind == "sqlite":
        chain.stores["PK"].close()
        chain.stores["PK"] = SqliteStore(tmp_path / "pk.db")
    for code in ("PK", "KZ"):
        chain.start(code, seed=1)
    assert waiting(chain) == 1
    lost.clear()
    chain.carry()
    chain.wait(7)
    chain.carry()
    assert chain.diary("PK", case_id).read == ("a", "b")
    chain.check()


def test_destination_that_lost_its_disk_waits_again(lost):
    """A destination that comes back empty is sent everything again, and still processes nothing out of turn."""
    chain = Chain()
    case_id, _ = overtaken(chain, lost)
    chain.lose_disk("PK")
    chain.carry()
    assert (chain.diary("PK", case_id).read, waiting(chain)) == ((), 1)
    lost.clear()
    chain.wait(60)
    chain.carry()
    assert chain.diary("PK", case_id).read == ("a", "b")
    chain.check()


def test_sender_that_lost_its_disk_still_sends_the_first(lost):
    """An origin that comes back empty takes both back, sends the first again, and both are processed in order."""
    chain = Chain()
    case_id, _ = overtaken(chain, lost)
    chain.lose_disk("KZ")
    lost.clear()
    for _ in range(3):
        chain.carry()
        chain.wait(60)
    assert chain.diary("PK", case_id).read == ("a", "b")
    chain.check()


def test_nobody_waits_for_ever(lost):
    """After the named time the follower is processed; whatever was sent before it is refused when it comes at last."""
    chain = Chain()
    case_id, (first, second, _) = overtaken(chain, lost, "abc")
    chain.wait(WEEK_S)
    assert chain.diary("PK", case_id).read == ("c",)
    lost.clear()
    renew(chain)
    for _ in range(3):
        chain.wait(700)
        chain.carry()
    assert chain.diary("PK", case_id).read == ("c",)
    assert chain.diary("KZ", case_id).returned == ("overtaken", "overtaken")
    assert {chain.state("KZ", one) for one in (first, second)} == {DELIVERED}
    chain.write("KZ/trader", "PK/agency", "d", case_id)
    chain.carry()
    assert chain.diary("PK", case_id).read == ("c", "d")
    chain.start("PK", seed=1)
    chain.write("KZ/trader", "PK/agency", "e", case_id)
    chain.carry()
    assert chain.diary("PK", case_id).read == ("c", "d", "e")
    chain.check()


def test_what_waits_is_bounded(lost, monkeypatch):
    """Past the limit of one member its oldest waits no longer; another member's stay."""
    monkeypatch.setattr(order, "EARLY_MESSAGES_MAX", 2)
    chain = Chain()
    cases = [overtaken(chain, lost)[0] for _ in range(2)]
    other, first = chain.write("UZ/trader", "PK/agency", "a")
    chain.write("UZ/trader", "PK/agency", "b", other)
    lost.add(first)
    chain.carry()
    assert waiting(chain) == 3
    last, _ = overtaken(chain, lost)
    assert waiting(chain) == 3
    assert [chain.diary("PK", one).read for one in (*cases, other, last)] == [("b",), (), (), ()]
    lost.clear()
    for _ in range(3):
        chain.wait(60)
        chain.carry()
    assert chain.diary("KZ", cases[0]).returned == ("overtaken",)
    assert [chain.diary("PK", one).read for one in (cases[1], other, last)] == [("a", "b")] * 3
    assert waiting(chain) == 0
    chain.check()


def test_duplicates_of_what_waits_do_nothing(lost):
    """A second copy of a waiting message, over another path, neither frees it nor acts, then or later."""
    chain = Chain()
    case_id, first = chain.write("KZ/trader", "PK/agency", "a")
    _, second = chain.write("KZ/trader", "PK/agency", "b", case_id)
    lost.add(first)
    chain.carry(reports=False)
    chain.wait(7)
    chain.carry()
    assert [header.id for header in chain.headers("KZ", "CN") if header.id == second] == [second]
    assert (chain.diary("PK", case_id).read, waiting(chain)) == ((), 1)
    lost.clear()
    chain.wait(60)
    chain.carry()
    assert chain.diary("PK", case_id).read == ("a", "b")
    chain.check()
