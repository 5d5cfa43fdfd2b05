"""Traffic does not follow every blink of a link: how often it changes its way is bounded, whatever the link does."""

import math
import random
from itertools import pairwise

import pytest
from tests.unit.engine.chain import CODES, LINKS

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.watch import Watch
from darwaza.errors import PeerError
from darwaza.kernel import health
from darwaza.ports.transport import Probed
from darwaza.services.documents import SERVICE
from darwaza.testing.world import World

STEP_S = 0.25
LIVED_S = 240
HOLD_S = health.HOLD_FIRST_US // 1_000_000
RETURNS = math.floor(math.log2(LIVED_S / HOLD_S + 1)) + 1
"""A link that fails again each time waits 5 s, then 10 s, then 20 s, …: so often it comes back in the time at most."""
SWITCHES_MAX = 2 * RETURNS
STRAIGHT, ROUND = ("KZ", "CN", "PK"), ("KZ", "UZ", "AF", "PK")


class Blinking:
    """Watches of all members; one link is as a function of the time says, the others are well.

    Args:
        is_up: of the second, whether the link CN-PK carries anything.
        rtt_s: of the second, how long a probe of it takes.
        own: whether the link that blinks is KZ's own (CN-KZ) instead.
    """

    def __init__(self, *, is_up=lambda _: True, rtt_s=lambda _: 0.02, own=False):
        self.world = World(CODES, LINKS)
        self.is_up, self.rtt_s = is_up, rtt_s
        self.blinking = {"CN", "KZ"} if own else {"CN", "PK"}
        self.watches = {code: Watch(self.world.engine(code, [SERVICE], MemoryStore()).site) for code in CODES}
        self.routing = self.watches["KZ"]._site.routing

    def ways(self):
        """The way that a message from KZ to PK takes, at every step."""
        found = []
        for step in range(round(LIVED_S / STEP_S)):
            self.world.clock.advance(STEP_S)
            for code, watch in self.watches.items():
                watch._site.routing.pass_time(self.world.clock.now())
                for probe in watch.probes(self.world.clock.monotonic_s()):
                    self.probe(code, watch, probe, step * STEP_S)
            found.append(self.routing.choose("PK", "documents", 10))
        return found[round(4 / STEP_S) :]  # until then nobody knows the map

    def probe(self, code, watch, probe, second):
        blinks = {code, probe.peer} == self.blinking
        now_s = self.world.clock.monotonic_s()
        if blinks and not self.is_up(second):
            watch.replied(probe, PeerError("no answer"), now_s, 0.01)
            return
        reply = Probed(self.watches[probe.peer].answer(code, probe.raw))
        watch.replied(probe, reply, now_s, self.rtt_s(second) if blinks else 0.02)


def switches(ways):
    return sum(one != other for one, other in pairwise(ways))


@pytest.mark.parametrize("own", [False, True], ids=["of others", "own"])
@pytest.mark.parametrize("up_s", [3, 25])
def test_a_link_that_comes_and_goes(up_s, own):
    """Down for 3 s, up for so long, over and over: each return waits twice as long as the one before."""
    blinking = Blinking(is_up=lambda second: second < 10 or (second - 10) % (3 + up_s) >= 3, own=own)
    ways = blinking.ways()
    assert set(ways) == {STRAIGHT, ROUND}
    assert switches(ways) <= SWITCHES_MAX


@pytest.mark.parametrize("own", [False, True], ids=["of others", "own"])
@pytest.mark.parametrize("period_s", [4, 10])
def test_a_link_whose_delay_comes_and_goes(period_s, own):
    """Slow and fast in turn: it counts as degraded, and is not believed to be well again and again."""
    blinking = Blinking(rtt_s=lambda second: 0.6 if second > 10 and second % period_s < period_s / 2 else 0.02, own=own)
    assert switches(blinking.ways()) <= SWITCHES_MAX


@pytest.mark.parametrize("own", [False, True], ids=["of others", "own"])
@pytest.mark.parametrize("share", [0.05, 0.1])
def test_a_link_that_loses_probes(share, own):
    """Loss about where it begins to count."""
    rng = random.Random(f"{share} {own}")
    blinking = Blinking(is_up=lambda _: rng.random() >= share, own=own)
    assert switches(blinking.ways()) <= SWITCHES_MAX


def test_without_hysteresis_traffic_would_follow(monkeypatch):
    """The bound is the hysteresis's: without the wait traffic follows every return."""
    monkeypatch.setattr(health, "HOLD_FIRST_US", 0)
    blinking = Blinking(is_up=lambda second: second < 10 or (second - 10) % 23 >= 3)
    assert switches(blinking.ways()) > SWITCHES_MAX


def swings(second):
    """Four bad seconds of twenty."""
    return 0.6 if second > 10 and second % 20 < 4 else 0.02


@pytest.mark.parametrize("own", [False, True], ids=["of others", "own"])
def test_a_link_whose_quality_swings(own):
    """Well for longer than the first wait, over and over: each return waits twice as long as the one before."""
    assert switches(Blinking(rtt_s=swings, own=own).ways()) <= SWITCHES_MAX


def test_without_a_growing_wait_traffic_would_follow_every_swing(monkeypatch):
    """The bound is the growing wait's: with one that stays the same traffic follows every swing."""
    monkeypatch.setattr(health, "HOLD_LAST_US", health.HOLD_FIRST_US)
    assert switches(Blinking(rtt_s=swings).ways()) > SWITCHES_MAX
