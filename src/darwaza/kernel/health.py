"""Health of a link: what probes say about it, without believing a single one too much.

A gateway probes each neighbour every ``PROBE_INTERVAL_US`` and tells the link's ``Health`` what came of it. A link is

- *down* when nothing was answered for ``DOWN_AFTER_US``;
- *degraded* when it answers, but loses or delays more than it should;
- *up* otherwise.

A link that was down is used again only after answering for a while without a gap, and a link that was degraded is up
again only after being well for a while without a relapse: 5 s at first, twice as long each time it fails again soon
after, up to 80 s, so that a flapping link is left alone and one whose quality swings does not drag traffic to and fro
(the idea of RFC 2439, with waiting times in place of a penalty). A link that stays well for 5 min is forgiven.

Round trips are averaged as in RFC 6298 section 2 (one eighth of each new value). What is normal for the link is a
second, slow average: a link is degraded by a round trip far above its own normal one, never by distance. Probes may
travel less often than the tick that calls ``observe``; time comes in as microseconds of a clock that never runs
backwards (``time.monotonic_ns() // 1000``).

Example::

    health = Health.start(now_us)
    health = health.observe(now_us, rtt_us=61_000)     # an answer
    health = health.observe(now_us, lost=1)            # a probe given up
    health = health.observe(now_us)                    # time passes
"""

from enum import IntEnum
from typing import Final

import msgspec
from msgspec.structs import replace

PROBE_INTERVAL_US: Final = 500_000
DOWN_AFTER_US: Final = 2_000_000
"""Without any answer for this long, a link is down."""
HOLD_FIRST_US: Final = 5_000_000
"""How long a link must answer before it is used again, and how long be well before it is up again."""
HOLD_LAST_US: Final = 80_000_000
FORGIVEN_AFTER_US: Final = 300_000_000
"""A link well for this long waits ``HOLD_FIRST_US`` again the next time."""

LOSS_DEGRADED_PPM: Final = 100_000
"""Averaged loss from which a link is degraded: two of some sixteen probes; a single one is no news."""
LOSS_RESTORED_PPM: Final = 30_000
"""Averaged loss below which it no longer is."""
RTT_DEGRADED_TIMES: Final = 3
RTT_RESTORED_TIMES: Final = 2
RTT_SLACK_US: Final = 20_000
"""Added to the normal round trip before it is multiplied: short links may wait for a busy processor now and then."""
RTT_US_MAX: Final = 60_000_000

_PPM: Final = 1_000_000
_FAST: Final = 8
_LOSS: Final = 16
_SLOW: Final = 256
"""At two probes a second the normal round trip follows a lasting change in some two minutes."""


class Condition(IntEnum):
    """How usable a link is; a larger value is worse."""

    UP = 0
    DEGRADED = 1
    DOWN = 2

    @property
    def word(self) -> str:
        """The word for people and for the wire: ``up``, ``degraded``, ``down``."""
        return self.name.lower()


class Measure(msgspec.Struct, frozen=True):
    """What is known of a link by measuring.

    Attributes:
        condition: see ``Condition``.
        latency_us: one way, microseconds, half of the averaged round trip; 0 when nothing was ever answered.
        loss_ppm: averaged share of probes lost, 0 to 1,000,000.
    """

    condition: Condition
    latency_us: int
    loss_ppm: int


class Health(msgspec.Struct, frozen=True):
    """What a gateway has seen of one link. All times are microseconds of one monotonic clock.

    Attributes:
        condition: see ``Condition``; ``DOWN`` until the first answer.
        now_us: of the last observation.
        answered_us: of the last answer; None before the first.
        steady_us: since when it has answered without a gap; None while it does not.
        up_us: since when it has not been down; None while it is.
        hold_us: how long it must answer steadily before it is used again; 0 before the first failure.
        well_us: since when it answers as it should; None while it does not.
        sound_us: since when it has been up; None while it is not.
        heal_us: how long it must be well before it is up again; 0 before it first was not.
        rtt_us: averaged round trip.
        normal_us: slowly averaged round trip.
        loss_ppm: averaged share of probes lost.
        failures: times it went down since the start.
    """

    condition: Condition
    now_us: int
    answered_us: int | None = None
    steady_us: int | None = None
    up_us: int | None = None
    hold_us: int = 0
    well_us: int | None = None
    sound_us: int | None = None
    heal_us: int = 0
    rtt_us: int = 0
    normal_us: int = 0
    loss_ppm: int = 0
    failures: int = 0

    @classmethod
    def start(cls, now_us: int) -> "Health":
        """Begin with a link of which nothing is known: down, and up with its first answer."""
        return cls(Condition.DOWN, now_us)

    @property
    def measure(self) -> Measure:
        """What the rest of the world is told."""
        return Measure(self.condition, self.rtt_us // 2, self.loss_ppm)

    @property
    def silent(self) -> bool:
        """Whether the last answer is too long ago."""
        return self.answered_us is None or self.now_us - self.answered_us >= DOWN_AFTER_US

    def observe(self, now_us: int, *, rtt_us: int | None = None, lost: int = 0) -> "Health":
        """Take in what happened, and the time.

        Args:
            now_us: the time; earlier than the last observation counts as the same.
            rtt_us: round trip of a probe answered now, or None.
            lost: probes given up now, at least 0.

        Returns:
            The health after it; the same input on the same health always gives the same answer.
        """
        seen = replace(self, now_us=max(now_us, self.now_us))
        for _ in range(min(lost, _LOSS)):
            seen = replace(seen, loss_ppm=_toward(seen.loss_ppm, _PPM, _LOSS))
        if rtt_us is not None:
            seen = _answered(seen, min(max(rtt_us, 0), RTT_US_MAX))
        return _failed(seen) if seen.silent else _alive(seen)


def _answered(health: Health, rtt_us: int) -> Health:
    """Take an answer into the averages."""
    first = health.answered_us is None
    return replace(
        health,
        answered_us=health.now_us,
        steady_us=health.now_us if health.silent or health.steady_us is None else health.steady_us,
        rtt_us=rtt_us if first else _toward(health.rtt_us, rtt_us, _FAST),
        normal_us=rtt_us if first else _toward(health.normal_us, rtt_us, _SLOW),
        loss_ppm=_toward(health.loss_ppm, 0, _LOSS),
    )


def _failed(health: Health) -> Health:
    """Go down, or stay so; a link that fails again soon must answer for twice as long before it is believed."""
    if health.up_us is None:  # it never was up since the last failure, however long it answered
        return replace(health, steady_us=None)
    return replace(
        _unsound(health),
        condition=Condition.DOWN,
        steady_us=None,
        up_us=None,
        hold_us=_longer(health.hold_us, health.now_us - health.up_us),
        failures=health.failures + 1,
    )


def _longer(wait_us: int, lasted_us: int) -> int:
    """The next waiting time of a link that was well for so long after the last one."""
    return min(2 * wait_us, HOLD_LAST_US) if wait_us and lasted_us < FORGIVEN_AFTER_US else HOLD_FIRST_US


def _unsound(health: Health) -> Health:
    """Be up no longer, or still not; a link that fails again soon must be well for twice as long before it is up."""
    if health.sound_us is not None:
        health = replace(health, sound_us=None, heal_us=_longer(health.heal_us, health.now_us - health.sound_us))
    return replace(health, well_us=None)


def _alive(health: Health) -> Health:
    """Judge a link that answers."""
    if health.up_us is not None:
        return _judged(health)
    if health.steady_us is None or health.now_us - health.steady_us < health.hold_us:
        return health
    return _judged(replace(health, up_us=health.now_us))


def _judged(health: Health) -> Health:
    """Up or degraded; what makes a link degraded lies above what restores it, so that it does not flutter."""
    was = health.condition is Condition.DEGRADED or (health.sound_us is None and health.heal_us > 0)
    loss_most = LOSS_RESTORED_PPM if was else LOSS_DEGRADED_PPM
    rtt_most = (RTT_RESTORED_TIMES if was else RTT_DEGRADED_TIMES) * (health.normal_us + RTT_SLACK_US)
    if health.loss_ppm >= loss_most or health.rtt_us >= rtt_most:
        return replace(_unsound(health), condition=Condition.DEGRADED)
    well_us = health.now_us if health.well_us is None else health.well_us
    if was and health.now_us - well_us < health.heal_us:
        return replace(health, condition=Condition.DEGRADED, well_us=well_us)
    sound_us = health.now_us if health.sound_us is None else health.sound_us
    return replace(health, condition=Condition.UP, well_us=well_us, sound_us=sound_us)


def _toward(old: int, new: int, share: int) -> int:
    """Move an average by one part in ``share`` toward a new value, and by at least one, so that it arrives."""
    step = (new - old) // share
    return old + (step or (new > old))
