"""Gateways watch their links, agree on what they carry, and hear from one another how the others are doing."""

from datetime import timedelta

import pytest
from tests.unit.engine.chain import CODES, LINKS

from darwaza.adapters.memory.store import MemoryStore
from darwaza.config import TOLD_ANEW_S
from darwaza.engine.probe import LinkTerms
from darwaza.engine.watch import Watch
from darwaza.errors import PeerError
from darwaza.kernel.health import Condition
from darwaza.kernel.linkstate import HomeStatement, state
from darwaza.ports.transport import Busy, Probed
from darwaza.services.documents import SERVICE
from darwaza.testing.statement import link_state
from darwaza.testing.world import World


class Watchers:
    """Watches by member, and a network that answers at once unless told otherwise."""

    def __init__(self, **settings):
        self.world = World(CODES, LINKS)
        self.settings = settings
        self.dark, self.busy = set(), set()
        self.watches = {}
        for code in CODES:
            self.start(code)

    def start(self, code, seed=0, **more):
        site = self.world.engine(code, [SERVICE], MemoryStore(), seed=seed).site
        self.watches[code] = Watch(site, **(self.settings.get(code, {}) | more))

    def routing(self, code):
        return self.watches[code]._site.routing

    def live(self, seconds, step=0.25):
        """Let time pass, and everybody probe."""
        for _ in range(round(seconds / step)):
            self.world.clock.advance(step)
            for code, watch in self.watches.items():
                if code in self.dark:
                    continue
                self.routing(code).pass_time(self.world.clock.now())
                now_s = self.world.clock.monotonic_s()
                for probe in watch.probes(now_s):
                    watch.replied(probe, self.reply(code, probe), now_s, 0.01)

    def reply(self, code, probe):
        if probe.peer in self.dark:
            return PeerError("no answer")
        if probe.peer in self.busy:
            return Busy()
        return Probed(self.watches[probe.peer].answer(code, probe.raw))

    def condition(self, viewer, one, other):
        return self.routing(viewer).topology.link(one, other).condition


@pytest.fixture(scope="module")
def settled():
    watchers = Watchers()
    watchers.live(4)
    return watchers


def test_everybody_hears_of_every_link(settled):
    """Two probes after the start both ends have signed each link's state, and all know all of them."""
    for code in CODES:
        links = settled.routing(code).topology.links
        assert set(links) == {tuple(sorted(ends)) for ends in LINKS}
        assert {link.condition for link in links.values()} == {Condition.UP}
    assert settled.watches["KZ"].refused.keys() <= {"link_statement_replayed"}, "an older one may come late"
    assert settled.routing("KZ").choose("PK", "documents", 10) == ("KZ", "CN", "PK")


def test_dead_gateway_is_known_everywhere_within_three_seconds():
    """A dark gateway's links are down after 2 s; the members that are no neighbours of it hear that at once."""
    watchers = Watchers()
    watchers.live(4)
    watchers.dark.add("AF")
    watchers.live(3)
    assert watchers.condition("KZ", "UZ", "AF") is Condition.DOWN
    assert watchers.condition("KZ", "AF", "PK") is Condition.DOWN
    assert watchers.condition("KZ", "KZ", "UZ") is Condition.UP
    watchers.dark.clear()
    watchers.live(3)
    assert watchers.condition("KZ", "UZ", "AF") is Condition.DOWN, "it must prove itself first"
    watchers.live(5)
    assert watchers.condition("KZ", "UZ", "AF") is Condition.DEGRADED, "what it lost is not forgotten at once"
    watchers.live(25)
    assert watchers.condition("KZ", "UZ", "AF") is Condition.UP


def test_busy_gateway_is_not_a_dead_one():
    """One whose machine takes connections counts as slow for a while, and as down when it never answers."""
    watchers = Watchers()
    watchers.live(4)
    watchers.busy.add("AF")
    watchers.live(6)
    assert watchers.condition("UZ", "UZ", "AF") is not Condition.DOWN
    watchers.live(20)
    assert watchers.condition("UZ", "UZ", "AF") is Condition.DOWN


def test_own_business_is_not_the_neighbours_silence():
    """A gateway that did not probe for a minute because it worked blames nobody."""
    watchers = Watchers()
    watchers.live(4)
    watchers.world.clock.advance(60)
    watchers.live(0.25)
    assert {peer.health.condition for peer in watchers.watches["UZ"].peers.values()} <= {
        Condition.UP,
        Condition.DEGRADED,
    }


def test_flapping_link_is_left_alone_for_longer_each_time():
    """A gateway that comes and goes is believed later each time."""
    watchers = Watchers()
    watchers.live(4)
    for _ in range(2):
        watchers.dark.add("AF")
        watchers.live(3)
        watchers.dark.clear()
        watchers.live(12)
    watchers.dark.add("AF")
    watchers.live(3)
    watchers.dark.clear()
    watchers.live(12)
    assert watchers.condition("UZ", "UZ", "AF") is Condition.DOWN
    watchers.live(25)
    assert watchers.condition("UZ", "UZ", "AF") is Condition.UP


def test_ends_agree_on_the_most_careful_terms():
    """What one end says of a link binds both; a drain by one end is everybody's."""
    af = {"terms": {"UZ": LinkTerms(capacity_class=2, price_class=4, latency_us=7_000, body_bytes_max=500_000)}}
    uz = {"terms": {"AF": LinkTerms(capacity_class=5, price_class=1, latency_us=1_000)}}
    watchers = Watchers(AF=af, UZ=uz)
    watchers.live(6)
    said = watchers.routing("CN").state_of("AF", "UZ")
    assert (said.capacity_class, said.price_class, said.latency_us, said.body_bytes_max) == (2, 4, 7_000, 500_000)
    watchers.watches["AF"].drain(drained=True)
    watchers.live(3)
    assert watchers.routing("KZ").topology.link("AF", "UZ").drained
    assert watchers.routing("UZ").choose("PK", "documents", 10) == ("UZ", "KZ", "CN", "PK")
    watchers.watches["AF"].drain(drained=False)
    watchers.live(3)
    assert not watchers.routing("KZ").topology.link("AF", "UZ").drained


def test_hidden_link_is_told_to_nobody_else():
    """A statement about a link goes to those who may know of it, and to no other."""
    shown = LinkTerms(visible_to=("KZ",))
    watchers = Watchers(CN={"terms": {"PK": shown}}, PK={"terms": {"CN": shown}})
    watchers.live(6)
    assert watchers.routing("KZ").topology.link("CN", "PK") is not None
    for code in ("UZ", "AF"):
        assert watchers.routing(code).topology.link("CN", "PK") is None
        assert not any(b'"CN","PK"' in raw for raw in watchers.watches[code]._raw.values())


def test_home_rules_reach_everybody_and_are_obeyed():
    """A member's rules are signed by it, passed on, and decide at the sender; they outlive a restart."""
    watchers = Watchers(CN={"home": "documents: carry not KZ"})
    watchers.live(6)
    assert watchers.routing("KZ").choose("PK", "documents", 10) == ("KZ", "UZ", "AF", "PK")
    assert watchers.routing("KZ").choose("PK", "payments", 10) == ("KZ", "CN", "PK")
    kept = watchers.watches["KZ"].kept()
    watchers.start("KZ", kept=kept)
    assert watchers.routing("KZ").choose("PK", "documents", 10) == ("KZ", "UZ", "AF", "PK")


def test_home_rules_are_said_again_before_they_expire():
    """Who starts after a year hears the rules that a gateway has had all the time, and obeys them."""
    watchers = Watchers(CN={"home": "documents: carry not KZ"})
    watchers.live(6)
    for _ in range(14):
        watchers.world.clock.advance(30 * 86_400)
        watchers.live(1)
    watchers.start("KZ", seed=1)
    watchers.live(6)
    assert watchers.routing("KZ").choose("PK", "documents", 10) == ("KZ", "UZ", "AF", "PK")
    assert watchers.routing("KZ").choose("PK", "payments", 10) == ("KZ", "CN", "PK")


def test_forged_expired_and_replayed_statements_are_refused(settled):
    """Each is counted under its code and changes nothing."""
    watch, world = settled.watches["KZ"], settled.world
    before = dict(watch._raw)
    watch.refused.clear()
    good = link_state(world, ("AF", "UZ"), serial=2**50)
    forged = good.replace(b'"drained":false', b'"drained":true')
    past = world.clock.now().replace(microsecond=0) - timedelta(hours=2)
    expired = link_state(world, ("AF", "UZ"), issued_at=past, expires_at=past + timedelta(hours=1))
    replayed = link_state(world, ("AF", "UZ"), serial=1)
    stranger = HomeStatement(
        author="CN",
        corridor=world.document.name,
        issued_at=world.clock.now().replace(microsecond=0),
        expires_at=world.clock.now().replace(microsecond=0).replace(year=2027),
        rules="",
        serial=9,
    )
    signer = watch._site.statement_signer()
    for raw in (forged, expired, replayed, state(stranger, signer), b"junk", b"x" * 9_000):
        watch._take(raw, "UZ")
    assert watch._raw == before
    assert set(watch.refused) == {
        "signature_false", "link_statement_expired", "link_statement_replayed", "link_statement_unsigned",
        "note_malformed", "link_statement_too_large",
    }  # fmt: skip


def test_what_was_refused_is_told_again():
    """A neighbour answers a probe and refuses what stood in it, while its clock is wrong: it is told again."""
    watchers = Watchers()
    watchers.live(4)
    terms = LinkTerms(drained=True)
    refusing = watchers.watches["KZ"]
    watchers.watches["AF"]._terms["UZ"] = terms
    take, refused = refusing._take, []
    refusing._take = lambda raw, source: refused.append(raw) if b'"drained":true' in raw else take(raw, source)
    watchers.live(4)
    refusing._take = take
    assert refused
    assert watchers.routing("CN").state_of("AF", "UZ").drained
    assert not watchers.routing("KZ").state_of("AF", "UZ").drained
    watchers.live(TOLD_ANEW_S, step=1)
    assert watchers.routing("KZ").state_of("AF", "UZ").drained
