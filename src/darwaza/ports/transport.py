"""How errands reach other gateways."""

from typing import Any, Protocol


class Transport(Protocol):
    """Runs one errand of the courier.

    Safe to call concurrently. Errands are idempotent: an answer that is lost is asked for again by a new errand.
    """

    async def run(self, errand: Any) -> Any:
        """Run an errand and return the reply its class names.

        Raises:
            PeerError: the gateway cannot be reached, took too long, or answered what cannot be understood.
            DarwazaError: the gateway refused, with its code.
        """
