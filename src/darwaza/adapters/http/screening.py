"""Asks a screening service over HTTP: ``POST {"names": [...]}`` is answered with ``{"hits": ["sentence", ...]}``."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

import httpx
import msgspec
from msgspec import Meta

from darwaza.errors import PeerError

ANSWER_BYTES_MAX = 65_536
TIMEOUT_S = 10.0


class Answer(msgspec.Struct, frozen=True):
    """What the service says.

    Attributes:
        hits: a sentence for each finding, for the officer who decides.
    """

    hits: Annotated[tuple[Annotated[str, Meta(max_length=1_000)], ...], Meta(max_length=100)]


_decode = msgspec.json.Decoder(Answer).decode


class HttpScreening:
    """See ``darwaza.ports.screening.Screening``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)

    async def screen(self, names: Sequence[str]) -> tuple[str, ...]:
        """Ask; see the port."""
        try:
            response = await self._http.post(self._url, json={"names": list(names)})
            if response.status_code != HTTPStatus.OK or len(response.content) > ANSWER_BYTES_MAX:
                raise PeerError(f"the screener answered {response.status_code}", code="screener_answer")
            return _decode(response.content).hits
        except (httpx.HTTPError, OSError) as fault:
            raise PeerError(f"the screener cannot be reached: {fault}", code="screener_unreachable") from fault
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
            raise PeerError(f"the screener's answer cannot be read: {fault}", code="screener_answer") from fault

    async def close(self) -> None:
        """Release connections."""
        await self._http.aclose()
