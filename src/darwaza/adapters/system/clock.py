"""Time and randomness of the machine."""

import os
import time
from datetime import UTC, datetime


class SystemClock:
    """See ``darwaza.ports.clock.Clock``."""

    def now(self) -> datetime:
        """The wall clock."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def processor_s(self) -> float:
        """Processor time of the calling thread."""
        return time.thread_time()


class SystemEntropy:
    """See ``darwaza.ports.clock.Entropy``."""

    def random(self, size: int) -> bytes:
        """Bytes from the kernel's generator."""
        return os.urandom(size)
