"""A screener outside the gateway: a bank's or a country's own service that looks names up and takes its time."""

from collections.abc import Sequence
from typing import Protocol


class Screening(Protocol):
    """Contract: may be called many times at once; asks again cost nothing; nothing is remembered here."""

    async def screen(self, names: Sequence[str]) -> tuple[str, ...]:
        """What was found: a sentence each, none when nothing was.

        Raises:
            PeerError: no usable answer; the caller asks again later.
        """

    async def close(self) -> None:
        """Release connections."""
