"""Health: a dead link is noticed in two seconds, a returning one is not trusted at once."""

from hypothesis import given
from hypothesis import strategies as st

from darwaza.kernel.health import (
    DOWN_AFTER_US,
    FORGIVEN_AFTER_US,
    HOLD_FIRST_US,
    HOLD_LAST_US,
    PROBE_INTERVAL_US,
    RTT_US_MAX,
    Condition,
    Health,
)

START_US = 1_000_000_000
RTT_US = 40_000


def answering(health: Health, until_us: int, rtt_us: int = RTT_US) -> Health:
    """Answer every probe until ``until_us``."""
    while health.now_us < until_us:
        health = health.observe(health.now_us + PROBE_INTERVAL_US, rtt_us=rtt_us)
    return health


def silent(health: Health, until_us: int) -> Health:
    """Lose every probe until ``until_us``."""
    while health.now_us < until_us:
        health = health.observe(health.now_us + PROBE_INTERVAL_US, lost=1)
    return health


def up_link() -> Health:
    return answering(Health.start(START_US), START_US + 60_000_000)


def test_the_first_answer_is_believed():
    """A gateway that has just started uses a link as soon as it answers, and not before."""
    fresh = Health.start(START_US)
    assert fresh.condition is Condition.DOWN
    assert fresh.observe(START_US + 10_000_000, lost=1).condition is Condition.DOWN
    assert fresh.observe(START_US + 1, rtt_us=RTT_US).condition is Condition.UP


def test_a_dead_link_is_down_after_two_seconds_and_not_before():
    """The bound is exact: one microsecond less and the link still counts as usable."""
    health = up_link()
    assert health.observe(health.now_us + DOWN_AFTER_US - 1).condition is not Condition.DOWN
    down = health.observe(health.now_us + DOWN_AFTER_US)
    assert down.condition is Condition.DOWN
    assert down.failures == 1
    assert silent(down, down.now_us + 60_000_000).failures == 1


def test_a_returning_link_waits_out_the_hysteresis():
    """After its return a link is used when it has answered for five seconds, not at its first answer."""
    down = silent(up_link(), START_US + 70_000_000)
    back = down.observe(down.now_us + PROBE_INTERVAL_US, rtt_us=RTT_US)
    assert back.condition is Condition.DOWN
    first_us = back.now_us
    assert answering(back, first_us + HOLD_FIRST_US - PROBE_INTERVAL_US).condition is Condition.DOWN
    assert answering(back, first_us + HOLD_FIRST_US).condition is not Condition.DOWN


def test_a_gap_while_returning_starts_the_wait_again():
    """Answers before a silence of two seconds do not count toward the wait."""
    health = silent(up_link(), START_US + 70_000_000)
    health = answering(health, health.now_us + 4_000_000)
    health = silent(health, health.now_us + DOWN_AFTER_US)
    assert answering(health, health.now_us + 4_000_000).condition is Condition.DOWN


def test_a_flapping_link_is_used_less_and_less():
    """Each failure soon after a return doubles the wait, up to its bound; up for five minutes, it is forgiven."""
    health, waits = up_link(), []
    for _ in range(7):
        health = silent(health, health.now_us + DOWN_AFTER_US)
        assert health.condition is Condition.DOWN
        waits.append(health.hold_us)
        began_us = health.now_us
        while health.condition is Condition.DOWN:
            health = health.observe(health.now_us + PROBE_INTERVAL_US, rtt_us=RTT_US)
        assert health.now_us - began_us >= health.hold_us
    assert waits == [HOLD_FIRST_US * 2**turn for turn in range(5)] + [HOLD_LAST_US] * 2
    forgiven = answering(health, health.now_us + FORGIVEN_AFTER_US)
    assert silent(forgiven, forgiven.now_us + DOWN_AFTER_US).hold_us == HOLD_FIRST_US


def test_loss_degrades_without_death_and_heals():
    """Losing a third of the probes makes a link degraded, never down; answering all of them heals it."""
    health, seen = up_link(), set()
    for turn in range(60):
        health = health.observe(
            health.now_us + PROBE_INTERVAL_US, **({"lost": 1} if turn % 3 == 2 else {"rtt_us": RTT_US})
        )
        seen.add(health.condition)
    assert seen == {Condition.UP, Condition.DEGRADED}
    assert health.condition is Condition.DEGRADED
    assert answering(health, health.now_us + 30_000_000).condition is Condition.UP


def test_one_lost_probe_is_no_news():
    """A single loss on a good link changes nothing."""
    health = up_link()
    assert health.observe(health.now_us + PROBE_INTERVAL_US, lost=1).condition is Condition.UP


def test_congestion_degrades_and_distance_does_not():
    """A link is compared with its own normal round trip: a slow link is up, a link that becomes slow is degraded."""
    slow = answering(Health.start(START_US), START_US + 60_000_000, rtt_us=700_000)
    assert slow.condition is Condition.UP
    congested = answering(up_link(), START_US + 70_000_000, rtt_us=20 * RTT_US)
    assert congested.condition is Condition.DEGRADED
    assert answering(congested, congested.now_us + 20_000_000).condition is Condition.UP


def slow_until_degraded(health: Health) -> Health:
    while health.condition is Condition.UP:
        health = health.observe(health.now_us + PROBE_INTERVAL_US, rtt_us=20 * RTT_US)
    assert health.condition is Condition.DEGRADED
    return health


def test_a_link_whose_quality_swings_is_used_less_and_less():
    """Each time it is degraded again soon it must be well for twice as long; well for five minutes, it is forgiven."""
    health, waits = up_link(), []
    for _ in range(7):
        health = slow_until_degraded(health)
        waits.append(health.heal_us)
        while health.condition is Condition.DEGRADED:
            health = health.observe(health.now_us + PROBE_INTERVAL_US, rtt_us=RTT_US)
            well_us = health.now_us if health.well_us is None else health.well_us
            assert (health.now_us - well_us >= health.heal_us) is (health.condition is Condition.UP)
        assert health.condition is Condition.UP
    assert waits == [HOLD_FIRST_US * 2**turn for turn in range(5)] + [HOLD_LAST_US] * 2
    forgiven = answering(health, health.now_us + FORGIVEN_AFTER_US)
    assert slow_until_degraded(forgiven).heal_us == HOLD_FIRST_US


def test_a_relapse_while_getting_well_starts_the_wait_again():
    """It must be well without a break; a relapse before it is up again does not make the wait longer."""
    health = slow_until_degraded(up_link())
    while health.well_us is None:
        health = health.observe(health.now_us + PROBE_INTERVAL_US, rtt_us=RTT_US)
    health = answering(health, health.well_us + HOLD_FIRST_US - PROBE_INTERVAL_US)
    while health.well_us is not None:
        health = health.observe(health.now_us + PROBE_INTERVAL_US, rtt_us=20 * RTT_US)
    assert (health.condition, health.heal_us) == (Condition.DEGRADED, HOLD_FIRST_US)


def test_a_lasting_change_becomes_normal():
    """A link rerouted over a longer way is degraded for some minutes only."""
    rerouted = answering(up_link(), START_US + 600_000_000, rtt_us=10 * RTT_US)
    assert rerouted.condition is Condition.UP


events = st.lists(
    st.tuples(
        st.integers(min_value=-10_000_000, max_value=10_000_000),
        st.none() | st.integers(min_value=-5, max_value=2 * RTT_US_MAX),
        st.integers(min_value=0, max_value=40),
    ),
    max_size=60,
)


@given(events)
def test_whatever_happens_the_averages_stay_in_range(happened):
    """Clocks that jump, absurd round trips and any order of events leave a health that makes sense."""
    health = Health.start(START_US)
    for step_us, rtt_us, lost in happened:
        before = health
        health = health.observe(health.now_us + step_us, rtt_us=rtt_us, lost=lost)
        assert health.now_us >= before.now_us
        assert 0 <= health.loss_ppm <= 1_000_000
        assert 0 <= health.rtt_us <= RTT_US_MAX
        assert (health.condition is Condition.DOWN) is (health.up_us is None)
        assert 0 <= health.hold_us <= HOLD_LAST_US
        assert 0 <= health.heal_us <= HOLD_LAST_US
        assert (health.condition is Condition.UP) is (health.sound_us is not None)
        if health.silent:
            assert health.condition is Condition.DOWN
