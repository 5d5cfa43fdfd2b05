"""How a party is called: its notices are posted to an address of its own."""

from collections.abc import Mapping
from typing import Protocol


class Webhook(Protocol):
    """Contract: at least once and in order is for the caller to see to; nothing is remembered here."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Post a body; returns what was answered.

        Raises:
            PeerError: it was not taken: no answer in time, or none of the 200s; the caller tries again later.
        """

    async def close(self) -> None:
        """Release connections."""
