"""Time and randomness, handed in so that nothing below reaches for them."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Safe to call from anywhere."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC. It may jump; nothing's safety depends on it."""

    def monotonic_s(self) -> float:
        """Seconds that never go back, for waits and retries."""

    def processor_s(self) -> float:
        """Seconds of processor time the calling thread has spent, for figures only."""


class Entropy(Protocol):
    """Gives randomness fit for keys. Safe to call from anywhere."""

    def random(self, size: int) -> bytes:
        """``size`` random bytes."""
