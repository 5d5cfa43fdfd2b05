"""Probes one gateway on a connection that carries nothing else, and tells a busy gateway from a dead one.

A gateway that is in a long transaction answers late; its kernel still takes connections. One whose process has died
refuses them, and one behind a cut takes none. So when an answer does not come in time, a plain TCP connection is tried.
"""

import asyncio
import contextlib
from urllib.parse import urlsplit

from darwaza.adapters.http.connection import Answer, Connections
from darwaza.errors import PeerError
from darwaza.kernel.linkstate import PROBE_BYTES_MAX

PROBE_TIMEOUT_S = 1.0
"""So long an answer may take before the other end is looked at more closely."""
CONNECT_TIMEOUT_S = 0.8


class Prober:
    """See the module.

    Args:
        peer: member's code.
        url: of its gateway.
        certificate: the one it must show, DER.
    """

    def __init__(self, peer: str, url: str, certificate: bytes) -> None:
        self.pin = (url, certificate)
        self._peer = peer
        self._url = url
        self._certificate = certificate
        self._connections = self._connect()

    def _connect(self) -> Connections:
        return Connections(self._url, self._certificate, count_max=1, answer_bytes_max=PROBE_BYTES_MAX)

    async def call(self, target: str, headers: dict[str, str], content: bytes) -> Answer | None:
        """Send a probe; None when the gateway is busy.

        Raises:
            PeerError: nothing answers there.
        """
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                return await self._connections.call("POST", target, headers, content)
        except TimeoutError as fault:
            # The late answer would come on this connection: the next probe has a fresh one.
            self.close()
            self._connections = self._connect()
            if await self._takes_connections():
                return None
            raise PeerError(f"{self._peer} does not answer") from fault
        except (OSError, UnicodeError) as fault:
            raise PeerError(f"{self._peer} cannot be reached: {type(fault).__name__}: {fault}") from fault

    async def _takes_connections(self) -> bool:
        parts = urlsplit(self._url)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connections.close()
